//! Results folders named on the command line.

use std::path::{Path, PathBuf};

use anyhow::Result;
use clap::Args;

use crate::analysis::{
    ExperimentResults, Found, Metric, RecordedExperiment, UnknownName, read_folders,
};
use crate::record::{ExperimentFolder, Nothing, read_results};

/// Folders with results.
#[derive(Debug, Args)]
pub struct FolderArgs {
    /// Results folders, or folders of experiments, cases or trials inside them.
    #[arg(value_name = "DIR", default_value = "results")]
    pub folders: Vec<PathBuf>,
}

impl FolderArgs {
    /// Reads the numbers of their trials; says which trials cannot be read and which are left out.
    ///
    /// # Errors
    /// [`Nothing`] where a folder is not there, or no row has a trial.
    pub fn read(&self) -> Result<Found> {
        let found = read_folders(&self.folders)?;
        for reason in &found.unreadable {
            warn_of_unreadable(reason);
        }
        for note in &found.left_out {
            eprintln!("note: {note}");
        }
        if found.experiments.is_empty() {
            return Err(self.no_trials());
        }
        Ok(found)
    }

    /// Reads their manifests and plans alone.
    ///
    /// # Errors
    /// [`Nothing::NoFolder`] where a folder is not there.
    pub fn experiments(&self) -> Result<Vec<ExperimentFolder>> {
        Ok(read_results(&self.folders)?)
    }

    /// The error of finding no trial.
    pub fn no_trials(&self) -> anyhow::Error {
        let shown: Vec<String> =
            self.folders.iter().map(|path| format!("`{}`", path.display())).collect();
        Nothing::NoTrials(shown.join(", ")).into()
    }
}

/// Says which trials cannot be read and which are left out.
pub fn tell_what_is_left_out(experiments: &[ExperimentFolder]) {
    for experiment in experiments {
        for (_, reason) in &experiment.unreadable {
            warn_of_unreadable(reason);
        }
        if let Some(note) = experiment.left_out_note() {
            eprintln!("note: {note}");
        }
    }
}

pub fn warn_of_unreadable(reason: &str) {
    eprintln!("warning: a trial is left out: {reason}");
}

/// The experiments, each with its folder as people write it.
pub fn with_folders(found: Found) -> Vec<(PathBuf, ExperimentResults)> {
    let with_folder =
        |experiment: RecordedExperiment| (experiment.shown_folder(), experiment.results);
    found.experiments.into_iter().map(with_folder).collect()
}

/// The results alone.
pub fn results(found: &Found) -> Vec<&ExperimentResults> {
    found.experiments.iter().map(|experiment| &experiment.results).collect()
}

/// Metrics by their names.
pub fn metrics(names: &[String]) -> Result<Vec<Metric>, UnknownName> {
    let all = Metric::ALL.map(Metric::name);
    let known: Vec<&str> = all.iter().map(|name| &**name).collect();
    let metric = |name: &String| {
        let unknown = || UnknownName::new(format!("no metric is named `{name}`"), name, &known);
        Metric::of_name(name).ok_or_else(unknown)
    };
    names.iter().map(metric).collect()
}

/// The deepest folder that all are in; of one, the folder itself.
pub fn common_folder(folders: &[&Path]) -> PathBuf {
    let Some((first, rest)) = folders.split_first() else { return PathBuf::from(".") };
    let mut common: &Path = first;
    while let Some(parent) = common.parent()
        && !rest.iter().all(|folder| folder.starts_with(common))
    {
        common = parent;
    }
    common.to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn several_folders_have_the_deepest_common_one() {
        let common = |list: &[&str]| common_folder(&list.iter().map(Path::new).collect::<Vec<_>>());
        assert_eq!(common(&["/a/b"]), Path::new("/a/b"));
        assert_eq!(common(&["/a/b", "/a/c"]), Path::new("/a"));
        assert_eq!(common(&["/a/b", "/a/bc"]), Path::new("/a"));
        assert_eq!(common(&["/a", "/b"]), Path::new("/"));
    }
}
