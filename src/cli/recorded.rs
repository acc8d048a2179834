//! Folders of results from the command line.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::path::{Path, PathBuf};

use anyhow::Result;
use clap::Args;

use crate::analysis::Nothing;
use crate::record::{Found, Manifest, State, TrialDir, read_plan};

/// Folders of results, of experiments, of cases or of single trials.
#[derive(Debug, Args)]
pub struct DirArgs {
    /// Folders of results, experiments, cases or trials.
    #[arg(value_name = "DIR", default_value = "results")]
    pub dirs: Vec<PathBuf>,
}

/// A folder that is not there.
#[derive(Debug, thiserror::Error)]
#[error("`{}` is no folder; give one that `bn-runner run` has written to", .0.display())]
pub struct NoFolder(PathBuf);

impl DirArgs {
    /// What there is in all of them, each trial once.
    ///
    /// # Errors
    /// [`NoFolder`] for one that is not there, and what the system says of one that cannot be read.
    pub fn found(&self) -> Result<Found> {
        let mut all = Found::default();
        for dir in &self.dirs {
            if !dir.is_dir() {
                return Err(NoFolder(dir.clone()).into());
            }
            let found = Found::below(dir)?;
            all.trials.extend(found.trials);
            all.previous.extend(found.previous);
            all.experiments.extend(found.experiments);
        }
        let mut seen = BTreeSet::new();
        for trials in [&mut all.trials, &mut all.previous] {
            trials.retain(|dir| seen.insert(dir.path().to_owned()));
        }
        all.experiments.retain(|experiment| seen.insert(experiment.clone()));
        Ok(all)
    }

    /// The error of finding no trial.
    pub fn nothing(&self) -> anyhow::Error {
        let dirs: Vec<String> =
            self.dirs.iter().map(|dir| format!("`{}`", dir.display())).collect();
        let there = dirs.join(", ");
        Nothing::NoTrials(there).into()
    }
}

/// A recorded trial.
#[derive(Debug)]
pub struct Entry {
    /// Its folder.
    pub dir: TrialDir,
    /// What is recorded.
    pub manifest: Manifest,
    /// How far it is.
    pub state: State,
    /// The last plan has another trial in its place, which is not begun.
    pub outdated: bool,
}

/// The trials of one experiment.
#[derive(Debug, Default)]
pub struct Overview {
    /// The experiment's name.
    pub name: String,
    /// Recorded trials, by case and seed.
    pub trials: Vec<Entry>,
    /// How many trials of the last plan have no record at all.
    pub not_begun: usize,
}

impl Overview {
    /// The trials of all experiments, by their folders.
    pub fn of(found: &Found) -> Vec<Self> {
        let mut all: BTreeMap<&Path, Self> = BTreeMap::new();
        for dir in &found.trials {
            if let Some(manifest) = dir.read_manifest() {
                let state = dir.state(&manifest);
                let overview = all.entry(dir.experiment()).or_default();
                let dir = dir.clone();
                overview.trials.push(Entry { dir, manifest, state, outdated: false });
            }
        }
        for experiment in &found.experiments {
            all.entry(experiment).or_default();
        }
        for (folder, overview) in &mut all {
            let name = overview.trials.first().map(|trial| trial.manifest.experiment.clone());
            let of_folder =
                || folder.file_name().unwrap_or_default().to_string_lossy().into_owned();
            overview.name = name.unwrap_or_else(of_folder);
            // From inside an experiment, its plan is not what was asked about.
            if found.experiments.iter().any(|experiment| experiment == folder) {
                overview.hold_against_plan(folder);
            }
        }
        all.into_values().collect()
    }

    fn hold_against_plan(&mut self, folder: &Path) {
        let mut planned: HashMap<PathBuf, String> = HashMap::new();
        for trial in read_plan(folder) {
            let path = folder.join(&trial.case).join(format!("seed-{}", trial.seed));
            planned.insert(path, trial.trial_hash);
        }
        for trial in &mut self.trials {
            let hash = planned.remove(trial.dir.path());
            trial.outdated = trial.state != State::Running
                && hash.is_some_and(|hash| hash != trial.manifest.trial_hash);
        }
        self.not_begun = planned.len();
    }

    /// How many trials are in a state. Those that are outdated are to do.
    pub fn count(&self, wanted: State) -> usize {
        let state = |trial: &Entry| if trial.outdated { State::ToDo } else { trial.state };
        let recorded = self.trials.iter().filter(|trial| state(trial) == wanted).count();
        recorded + if wanted == State::ToDo { self.not_begun } else { 0 }
    }

    /// How many trials there are.
    pub fn total(&self) -> usize {
        self.trials.len() + self.not_begun
    }
}
