//! Recorded trials found in folders: of a whole results folder, an experiment, a case or a trial.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use crate::record::{RecordedTrial, TrialDir};

use super::ExperimentResults;

/// How deep below a results folder its trials are.
const DEPTH: usize = 3;

/// Experiments found in folders.
#[derive(Debug, Default)]
pub struct Found {
    /// In the order of the folders, those of one folder by name; each with its own folder.
    pub experiments: Vec<(PathBuf, ExperimentResults)>,
    /// Why trials were left out.
    pub left_out: Vec<String>,
}

/// Reads all trials in folders. What was moved aside (`previous/`) is not among them.
///
/// # Errors
/// When a folder cannot be read.
pub fn read_folders(folders: &[PathBuf]) -> Result<Found> {
    let mut found = Found::default();
    let mut trials: Vec<(PathBuf, Vec<RecordedTrial>)> = Vec::new();
    let mut seen = std::collections::HashSet::new();
    for folder in folders {
        let unreadable = || format!("cannot read `{}`", folder.display());
        // A trial may be named twice, by itself and by its experiment.
        let whole = std::fs::canonicalize(folder).with_context(unreadable)?;
        let mut paths = Vec::new();
        walk(&whole, DEPTH, &mut paths).with_context(unreadable)?;
        for path in paths {
            if !seen.insert(path.clone()) {
                continue;
            }
            let shown =
                path.strip_prefix(&whole).map_or_else(|_| path.clone(), |end| folder.join(end));
            match TrialDir::existing(shown.clone()).read() {
                Ok(trial) => {
                    let experiment = path.ancestors().nth(2).unwrap_or(&path).to_owned();
                    match trials.iter_mut().find(|(folder, _)| *folder == experiment) {
                        Some((_, list)) => list.push(trial),
                        None => trials.push((experiment, vec![trial])),
                    }
                }
                Err(error) => {
                    found.left_out.push(format!("{} is left out: {error:#}", shown.display()));
                }
            }
        }
    }
    let names: Vec<String> =
        trials.iter().map(|(_, list)| list[0].manifest.experiment.clone()).collect();
    for (folder, mut list) in trials {
        in_the_order_of_the_plan(&folder, &mut list);
        let mut name = list[0].manifest.experiment.clone();
        if names.iter().filter(|other| **other == name).count() > 1 {
            name = folder.display().to_string();
        }
        let description = description(&list[0].dir);
        found.experiments.push((folder, ExperimentResults::new(name, description, list)));
    }
    Ok(found)
}

/// Whether a folder's name is that of a trial, and not of one that was moved aside.
fn is_trial(path: &Path) -> bool {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let seed = name.strip_prefix("seed-");
    seed.is_some_and(|seed| !seed.is_empty() && seed.bytes().all(|byte| byte.is_ascii_digit()))
        && path.join("manifest.json").exists()
}

fn walk(folder: &Path, depth: usize, trials: &mut Vec<PathBuf>) -> std::io::Result<()> {
    if is_trial(folder) {
        trials.push(folder.to_owned());
        return Ok(());
    }
    let mut inside: Vec<PathBuf> = Vec::new();
    for entry in std::fs::read_dir(folder)? {
        let entry = entry?;
        if entry.file_type()?.is_dir() {
            inside.push(entry.path());
        }
    }
    inside.sort();
    if depth > 0 {
        for folder in inside {
            walk(&folder, depth - 1, trials)?;
        }
    }
    Ok(())
}

/// Cases as `summary.csv` has them, which is as the file has them; those that are not in it come
/// after them, by name. Seeds by number.
fn in_the_order_of_the_plan(folder: &Path, trials: &mut [RecordedTrial]) {
    let mut places: HashMap<String, usize> = HashMap::new();
    if let Ok(mut table) = csv::Reader::from_path(folder.join("summary.csv"))
        && let Ok(header) = table.headers()
        && let Some(column) = header.iter().position(|name| name == "trial_hash")
    {
        for row in table.records().flatten() {
            let place = places.len();
            places.entry(row.get(column).unwrap_or_default().to_owned()).or_insert(place);
        }
    }
    let mut cases: HashMap<String, usize> = HashMap::new();
    for trial in &*trials {
        let place = places.get(&trial.manifest.trial_hash).copied().unwrap_or(usize::MAX);
        let best = cases.entry(trial.label.clone()).or_insert(place);
        *best = place.min(*best);
    }
    trials.sort_by(|a, b| {
        let key =
            |trial: &RecordedTrial| (cases[&trial.label], trial.label.clone(), trial.manifest.seed);
        key(a).cmp(&key(b))
    });
}

/// What the experiment's file says about itself, which every trial's config repeats.
fn description(trial: &TrialDir) -> String {
    let text = std::fs::read_to_string(trial.config()).unwrap_or_default();
    let config: serde_yaml::Value = serde_yaml::from_str(&text).unwrap_or_default();
    config.get("description").and_then(serde_yaml::Value::as_str).unwrap_or_default().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::analysis::{test_data, write_tables};

    /// Puts a trial's manifest into a results folder.
    fn record(results: &Path, label: &str, seed: u64, hash: &str) {
        let mut trial = test_data::trial("e", label, &[], seed, &[]);
        trial.manifest.trial_hash = hash.to_owned();
        TrialDir::new(results, "e", label, seed).write_manifest(&trial.manifest).unwrap();
    }

    fn labels(found: &Found) -> Vec<String> {
        let cases = found.experiments.iter().flat_map(|(_, results)| &results.cases);
        cases.map(|case| format!("{} {}", case.label, case.trials.len())).collect()
    }

    #[test]
    fn trials_are_found_from_wherever_above_them_and_once() {
        let folder = tempfile::tempdir().unwrap();
        let results = folder.path();
        record(results, "b", 1, "b1");
        record(results, "b", 10, "b10");
        record(results, "a", 1, "a1");
        let aside = results.join("e/b/previous/seed-1-20260101T000000Z");
        TrialDir::existing(aside)
            .write_manifest(&test_data::trial("e", "b", &[], 1, &[]).manifest)
            .unwrap();
        std::fs::write(results.join("e/a/seed-1/config.yaml"), "description: Words.\n").unwrap();
        for folders in [
            vec![results.to_owned()],
            vec![results.join("e"), results.join("e/b")],
            vec![results.join("e/a"), results.join("e/b/seed-1"), results.join("e/b/seed-10")],
        ] {
            let found = read_folders(&folders).unwrap();
            assert_eq!(labels(&found), ["a 1", "b 2"], "{folders:?}");
            assert_eq!(found.experiments[0].1.description, "Words.");
        }
        std::fs::write(results.join("e/a/seed-1/manifest.json"), "{}").unwrap();
        let found = read_folders(&[results.to_owned()]).unwrap();
        assert_eq!(labels(&found), ["b 2"]);
        assert!(found.left_out[0].contains("manifest.json"), "{:?}", found.left_out);
        assert!(read_folders(&[results.join("none")]).is_err());
    }

    #[test]
    fn cases_come_in_the_order_of_the_last_run() {
        let folder = tempfile::tempdir().unwrap();
        let results = folder.path();
        for (label, hash) in [("z", "1"), ("a", "2"), ("new", "3")] {
            record(results, label, 1, hash);
        }
        let read = |label: &str| TrialDir::new(results, "e", label, 1).read().unwrap();
        let last = ExperimentResults::new("e", "", vec![read("z"), read("a")]);
        write_tables(&results.join("e"), &last).unwrap();
        assert_eq!(labels(&read_folders(&[results.to_owned()]).unwrap()), ["z 1", "a 1", "new 1"]);
    }
}
