//! The experiment files that come with the program hold what they promise.

mod support;

use std::time::{Duration, Instant};

use support::{Bench, experiments, files_in};

fn files() -> Vec<std::path::PathBuf> {
    files_in(&experiments(), "yaml")
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

#[test]
fn all_experiments_are_checked_in_a_moment() {
    let files = files();
    let arguments = || {
        let files = files.iter().map(|file| file.to_str().unwrap());
        std::iter::once("check").chain(files)
    };
    let once = || {
        let begin = Instant::now();
        let mut program = std::process::Command::new(env!("CARGO_BIN_EXE_bn-runner"));
        assert!(program.args(arguments()).output().unwrap().status.success());
        begin.elapsed()
    };
    // The quickest of many: what else the machine does is not what is measured.
    let quickest = (0..20).map(|_| once()).min().unwrap();
    assert!(quickest < Duration::from_millis(50), "{quickest:?}");
}
