//! The experiment files that come with the program hold what they promise.

mod support;

use support::{Bench, experiments};

fn files() -> Vec<std::path::PathBuf> {
    let entries = std::fs::read_dir(experiments()).expect("the folder is there");
    let paths = entries.map(|entry| entry.unwrap().path());
    let mut files: Vec<_> =
        paths.filter(|path| path.extension().is_some_and(|end| end == "yaml")).collect();
    files.sort();
    files
}

#[test]
fn every_experiment_passes_the_check() {
    let files = files();
    assert!(files.len() >= 2, "{files:?}");
    let bench = Bench::new();
    for file in &files {
        let file = file.to_str().unwrap();
        let ended = bench.bn_runner_with(&["check", file]).exits(0);
        assert!(ended.stdout.starts_with(&format!("{file}: ok, ")), "{ended}");
    }
}

#[test]
fn all_experiments_can_be_run_together() {
    let files = files();
    let mut arguments = vec!["check"];
    arguments.extend(files.iter().map(|file| file.to_str().unwrap()));
    let ended = Bench::new().bn_runner_with(&arguments).exits(0);
    assert_eq!(ended.stdout.lines().count(), files.len(), "{ended}");
}

#[test]
fn the_batch_normalization_experiment_is_three_networks_with_three_seeds() {
    let file = experiments().join("batch_norm.yaml");
    let ended = Bench::new().bn_runner_with(&["check", file.to_str().unwrap()]);
    ended.exits(0).prints("cases: 3, seeds: 3, trials: 9");
}
