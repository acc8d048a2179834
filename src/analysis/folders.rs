//! Results read back from folders: the numbers of the trials of each row.

use std::collections::HashMap;
use std::path::PathBuf;

use anyhow::Result;

use crate::record::{
    Entry, ExperimentFolder, RecordedTrial, Row, Slot, read_results, shown_folder,
};
use crate::spec::{Experiment, Problems};

use super::ExperimentResults;

/// An experiment as its folder tells of it.
#[derive(Debug)]
pub struct RecordedExperiment {
    /// The folder.
    pub folder: PathBuf,
    /// Its rows with their trials.
    pub results: ExperimentResults,
    /// The seeds that claims are judged over: all that the last plan lists, recorded or not.
    pub seeds: Vec<u64>,
    /// The file that the last command read, if it is there; or the mistakes that it has for this
    /// version of the program.
    pub file: Option<Result<Experiment, Problems>>,
}

impl RecordedExperiment {
    /// Its folder as people write it.
    pub fn shown_folder(&self) -> PathBuf {
        shown_folder(&self.folder)
    }
}

/// What was found in folders.
#[derive(Debug)]
pub struct Found {
    /// The experiments with at least one trial that can be read.
    pub experiments: Vec<RecordedExperiment>,
    /// Trials that cannot be read, each with the reason.
    pub unreadable: Vec<String>,
    /// Of each experiment that has some, the trials that are in none of its rows, and why.
    pub left_out: Vec<String>,
}

/// Reads the trials in folders of results, of experiments, of cases or of single trials, by
/// [`read_results`]. Experiments come by their folders, rows in the order of the plan, or else of the
/// recorded file.
///
/// # Errors
/// [`Nothing::NoFolder`](crate::record::Nothing) where a folder is not there.
pub fn read_folders(paths: &[PathBuf]) -> Result<Found> {
    let mut found = Found { experiments: Vec::new(), unreadable: Vec::new(), left_out: Vec::new() };
    for folder in read_results(paths)? {
        let description = match folder.file() {
            Some(Ok(file)) => file.description.clone(),
            Some(Err(_)) | None => String::new(),
        };
        let (results, unreadable) = experiment_results(&folder, description, &|_, _| None);
        found.unreadable.extend(folder.unreadable.iter().map(|(_, error)| error.clone()));
        found.unreadable.extend(unreadable);
        found.left_out.extend(folder.left_out_note());
        if !results.cases.is_empty() {
            found.experiments.push(RecordedExperiment {
                seeds: folder.seeds(),
                results,
                folder: folder.folder.clone(),
                file: folder.into_file(),
            });
        }
    }
    tell_apart(&mut found.experiments);
    Ok(found)
}

/// The numbers of an experiment's rows, and the reasons why some trials cannot be read.
/// `unrecorded` gives what the folder does not tell of a trial, if anything.
pub fn experiment_results(
    folder: &ExperimentFolder,
    description: String,
    unrecorded: &dyn Fn(&Slot, Option<&Entry>) -> Option<RecordedTrial>,
) -> (ExperimentResults, Vec<String>) {
    let (mut trials, mut unreadable) = (Vec::new(), Vec::new());
    for row in &folder.rows {
        for slot in &row.slots {
            let entry = slot.entry.map(|entry| &folder.entries[entry]);
            let trial = match (unrecorded(slot, entry), entry) {
                (Some(trial), _) => trial,
                (None, None) => continue,
                (None, Some(entry)) => match entry.dir().read() {
                    Ok(trial) => trial,
                    Err(error) => {
                        unreadable.push(format!("{error:#}"));
                        continue;
                    }
                },
            };
            trials.push(named_after(row, trial));
        }
    }
    (ExperimentResults::new(folder.name.clone(), description, trials), unreadable)
}

/// A trial under the names of its row, which need not be those that it was trained under.
fn named_after(row: &Row, mut trial: RecordedTrial) -> RecordedTrial {
    trial.label.clone_from(&row.label);
    trial.manifest.variant.clone_from(&row.variant);
    trial.manifest.grid.clone_from(&row.grid);
    trial
}

/// Experiments of one name in different folders go by their folders.
fn tell_apart(experiments: &mut [RecordedExperiment]) {
    let mut counts: HashMap<String, usize> = HashMap::new();
    for experiment in experiments.iter() {
        *counts.entry(experiment.results.name.clone()).or_default() += 1;
    }
    for experiment in experiments.iter_mut().filter(|one| counts[&one.results.name] > 1) {
        experiment.results.name = experiment.shown_folder().display().to_string();
    }
}
