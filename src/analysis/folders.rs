//! Results folders read back: whichever level is given, the trials below it, by experiment.

use std::collections::HashSet;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};

use crate::record::{RecordedTrial, TrialDir};
use crate::spec::{Experiment, Overrides, Problems, load};

use super::ExperimentResults;

/// Why there is nothing to look at.
#[derive(Debug, thiserror::Error)]
pub enum Nothing {
    /// A folder is not there.
    #[error("`{}` is no folder; give a results folder, or one inside it", .0.display())]
    NoFolder(PathBuf),
    /// No folder holds a trial.
    #[error("no trials in {0}; `bn-runner run` makes some")]
    NoTrials(String),
    /// No recorded file claims anything.
    #[error(
        "no recorded experiment has claims; `expect:` in its file makes some, and `bn-runner run` records it"
    )]
    NoClaims,
}

/// An experiment as its folder tells of it.
#[derive(Debug)]
pub struct RecordedExperiment {
    /// The folder.
    pub folder: PathBuf,
    /// Its trials.
    pub results: ExperimentResults,
    /// The file that the last command read, if it is there; or the mistakes that it has for this
    /// version of the program.
    pub file: Option<Result<Experiment, Problems>>,
}

impl RecordedExperiment {
    /// Its folder as people write it.
    pub fn shown_folder(&self) -> PathBuf {
        shown(&self.folder)
    }
}

/// What was found in folders.
#[derive(Debug)]
pub struct Found {
    /// The experiments with at least one trial that can be read.
    pub experiments: Vec<RecordedExperiment>,
    /// Trials that cannot be read, each with the reason.
    pub unreadable: Vec<String>,
}

/// Reads the trials in folders of results, of experiments, of cases or of single trials. Cases come
/// in the order of the file that was recorded with them, then by name; experiments by name.
/// `previous` trials are passed over.
///
/// # Errors
/// [`Nothing`] where a folder is not there, or none holds a trial.
pub fn read_folders(paths: &[PathBuf]) -> Result<Found> {
    let mut seen = HashSet::new();
    let mut folders: Vec<(PathBuf, Vec<RecordedTrial>)> = Vec::new();
    let mut unreadable = Vec::new();
    for path in paths {
        let path = path.canonicalize().map_err(|_| Nothing::NoFolder(path.clone()))?;
        if !path.is_dir() {
            return Err(Nothing::NoFolder(path).into());
        }
        let trials = TrialDir::find(&path)
            .with_context(|| format!("cannot look into `{}`", path.display()))?;
        for dir in trials.into_iter().filter(|dir| seen.insert(dir.path().to_owned())) {
            let experiment = dir.path().ancestors().nth(2).unwrap_or(dir.path()).to_owned();
            match dir.read() {
                Ok(trial) => match folders.iter_mut().find(|(folder, _)| *folder == experiment) {
                    Some((_, trials)) => trials.push(trial),
                    None => folders.push((experiment, vec![trial])),
                },
                Err(error) => unreadable.push(format!("{error:#}")),
            }
        }
    }
    if folders.is_empty() {
        let shown: Vec<String> = paths.iter().map(|path| format!("`{}`", path.display())).collect();
        return Err(Nothing::NoTrials(shown.join(", ")).into());
    }
    let mut experiments: Vec<RecordedExperiment> =
        folders.into_iter().map(|(folder, trials)| experiment(folder, trials)).collect();
    tell_apart(&mut experiments);
    Ok(Found { experiments, unreadable })
}

fn experiment(folder: PathBuf, mut trials: Vec<RecordedTrial>) -> RecordedExperiment {
    let path = folder.join("experiment.yaml");
    let file = path.exists().then(|| load(&path, &Overrides::default()));
    let labels: Vec<String> = match &file {
        Some(Ok(file)) => file.cases.iter().map(crate::spec::Case::label).collect(),
        Some(Err(_)) | None => Vec::new(),
    };
    let place = |trial: &RecordedTrial| {
        labels.iter().position(|label| *label == trial.label).unwrap_or(labels.len())
    };
    trials.sort_by_cached_key(|trial| (place(trial), trial.label.clone(), trial.manifest.seed));
    let name = trials[0].manifest.experiment.clone();
    let description = match &file {
        Some(Ok(file)) => file.description.clone(),
        Some(Err(_)) | None => String::new(),
    };
    RecordedExperiment { folder, results: ExperimentResults::new(name, description, trials), file }
}

/// Experiments of one name in different folders go by their folders.
fn tell_apart(experiments: &mut [RecordedExperiment]) {
    let names: Vec<String> =
        experiments.iter().map(|experiment| experiment.results.name.clone()).collect();
    for (experiment, name) in experiments.iter_mut().zip(&names) {
        if names.iter().filter(|other| *other == name).count() > 1 {
            experiment.results.name = experiment.shown_folder().display().to_string();
        }
    }
}

/// A folder as people write it: from here, where it is below here.
fn shown(folder: &Path) -> PathBuf {
    let here = std::env::current_dir().and_then(|here| here.canonicalize()).ok();
    let below = here.and_then(|here| folder.strip_prefix(here).ok().map(Path::to_owned));
    below.unwrap_or_else(|| folder.to_owned())
}
