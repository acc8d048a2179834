//! A run that is cut off, however and however often, ends as if it had not been.

mod support;

use std::process::Child;
use std::time::{Duration, Instant};

use support::{Bench, TINY, edited};

/// What a resumed run could get wrong: dropout masks, momentum, a schedule, the best weights and
/// the counting of callbacks.
const LONG: &str = "\
name: long
dataset: { idx: data, validation: 40 }
model:
  layers:
    - flatten
    - batch_normalization
    - dense: { units: 32, activation: relu }
    - dropout: { rate: 0.3 }
    - dense: { units: 4, activation: softmax }
training:
  optimizer: { sgd: { learning_rate: 0.02, momentum: 0.9 } }
  callbacks: [early_stopping: { patience: 1000, restore_best_weights: true }]
  batch_size: 8
  epochs: 150
seeds: [1]
variants:
  scheduled:
    training:
      learning_rate: { exponential_decay: { initial_learning_rate: 0.02, decay_steps: 100, decay_rate: 0.9 } }
  plateau:
    diagnostics: true
    training:
      optimizer: nadam
      callbacks: [reduce_lr_on_plateau: { patience: 25 }]
";

const SCHEDULED: &str = "long/scheduled/seed-1";
const TRIALS: [&str; 2] = [SCHEDULED, "long/plateau/seed-1"];

/// Everything that must not depend on how often a run was cut off.
fn outcome(bench: &Bench, results: &str) -> Vec<(String, [Vec<u8>; 4])> {
    let trial = |trial: &&str| {
        let folder = format!("{results}/{trial}");
        // One of the trials has diagnostics.
        let bytes = |name: &str| {
            let path = format!("{folder}/{name}");
            if bench.has(&path) || name.ends_with(".safetensors") {
                bench.bytes(&path)
            } else {
                Vec::new()
            }
        };
        let files = ["model.safetensors", "best.safetensors", "diagnostics.csv", "histograms.csv"];
        (bench.numbers(&folder), files.map(bytes))
    };
    TRIALS.iter().map(trial).collect()
}

/// A table without its columns of times.
fn without_times(bench: &Bench, name: &str) -> Vec<Vec<(String, String)>> {
    let timeless = |(column, _): &(String, String)| {
        !column.contains("second") && column != "started" && column != "ended"
    };
    let row = |row: std::collections::HashMap<String, String>| {
        let mut cells: Vec<_> = row.into_iter().filter(timeless).collect();
        cells.sort();
        cells
    };
    bench.table(name).into_iter().map(row).collect()
}

fn wait_for(what: &str, there: impl Fn() -> bool) {
    let start = Instant::now();
    while !there() {
        assert!(start.elapsed() < Duration::from_secs(60), "no {what} after a minute");
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// Starts the program and waits until a trial has an epoch behind it.
fn started(bench: &Bench, arguments: &str, trial: &str) -> Child {
    let child = bench.start(arguments);
    let folder = format!("{trial}/checkpoints");
    let finished = |name: &String| name.starts_with("epoch-");
    wait_for("checkpoint", || bench.has(&folder) && bench.names(&folder).iter().any(finished));
    child
}

#[test]
fn forty_kills_leave_the_results_of_an_undisturbed_run() {
    let bench = Bench::with("long.yaml", LONG);
    bench.bn_runner("run long.yaml -o whole -q").exits(0);
    // As far apart as chance, and a kill may well meet the start of the program or its end.
    let mut noise = 0x9e37_79b9_u32;
    for _ in 0..40 {
        let mut child = bench.start("run long.yaml -o killed -q");
        noise = noise.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        std::thread::sleep(Duration::from_millis(20 + u64::from(noise >> 16) % 150));
        child.kill().unwrap();
        child.wait().unwrap();
    }
    bench.bn_runner("run long.yaml -o killed -q").exits(0);

    assert_eq!(outcome(&bench, "killed"), outcome(&bench, "whole"));
    for table in ["long/summary.csv", "long/aggregate.csv", "long/curves.csv"] {
        let of = |results: &str| without_times(&bench, &format!("{results}/{table}"));
        assert_eq!(of("killed"), of("whole"), "{table}");
    }
    for trial in TRIALS {
        assert_eq!(bench.names(&format!("killed/{trial}/checkpoints")).len(), 1);
        let left = bench.names(&format!("killed/{trial}"));
        assert!(!bench.has(&format!("killed/{trial}/../previous")), "{left:?}");
    }
}

#[test]
fn a_killed_run_goes_on_after_its_last_epoch_and_not_from_the_start() {
    let bench = Bench::with("long.yaml", LONG);
    let mut child = started(&bench, "run long.yaml -o out -q", &format!("out/{SCHEDULED}"));
    child.kill().unwrap();
    child.wait().unwrap();
    bench.bn_runner("run long.yaml -o out -q").exits(0);
    let manifest = bench.json(&format!("out/{SCHEDULED}/manifest.json"));
    let resumed = manifest["resumed"].as_array().unwrap();
    assert_eq!(resumed.len(), 1, "{manifest}");
    assert!(resumed[0]["after_epoch"].as_u64().unwrap() >= 1);
    assert!(bench.text(&format!("out/{SCHEDULED}/run.log")).contains("going on after epoch"));
}

/// What a power cut does: the checkpoint waits for the disk, the rows do not.
#[test]
fn rows_that_the_disk_never_saw_come_back_from_the_checkpoint() {
    let bench = Bench::with("long.yaml", LONG);
    let run = "run long.yaml -o out -q -s training.epochs=4";
    bench.bn_runner(run).exits(0);
    let trial = &format!("out/{SCHEDULED}");
    let whole = bench.numbers(trial);
    let running =
        edited(&bench.text(&format!("{trial}/manifest.json")), "\"completed\"", "\"running\"");
    bench.write(&format!("{trial}/manifest.json"), running);
    let metrics = bench.text(&format!("{trial}/metrics.csv"));
    let header = metrics.lines().next().unwrap();
    bench.write(&format!("{trial}/metrics.csv"), header);
    bench.bn_runner(run).exits(0);
    assert_eq!(bench.numbers(trial), whole);
    let manifest = bench.json(&format!("{trial}/manifest.json"));
    assert_eq!(manifest["resumed"][0]["after_epoch"], 4, "{manifest}");
}

#[test]
fn a_damaged_checkpoint_is_passed_over() {
    let bench = Bench::with("long.yaml", &format!("{LONG}checkpoints: all\n"));
    let run = "run long.yaml -o out -q -s training.epochs=4";
    bench.bn_runner(run).exits(0);
    let trial = &format!("out/{SCHEDULED}");
    let whole = bench.numbers(trial);
    let manifest = bench.text(&format!("{trial}/manifest.json"));
    let running = edited(&manifest, "\"completed\"", "\"running\"");
    bench.write(&format!("{trial}/manifest.json"), running);
    let last = format!("{trial}/checkpoints/epoch-00004.safetensors");
    let bytes = bench.bytes(&last);
    bench.write(&last, &bytes[..bytes.len() / 2]);
    bench.bn_runner(run).exits(0);
    assert_eq!(bench.numbers(trial), whole);
    let manifest = bench.json(&format!("{trial}/manifest.json"));
    assert_eq!(manifest["resumed"][0]["after_epoch"], 3, "{manifest}");
}

#[test]
fn more_epochs_go_on_from_the_last_one_and_lose_nothing() {
    let bench = Bench::with("tiny.yaml", TINY);
    bench.bn_runner("run tiny.yaml -o out").exits(0);
    bench.bn_runner("run tiny.yaml -o out -s training.epochs=5").exits(0);
    bench.bn_runner("run tiny.yaml -o whole -s training.epochs=5").exits(0);
    for trial in ["tiny/quick/seed-1", "tiny/slow/seed-2"] {
        let longer = format!("out/{trial}");
        assert_eq!(bench.numbers(&longer), bench.numbers(&format!("whole/{trial}")));
        assert_eq!(bench.weights(&longer), bench.weights(&format!("whole/{trial}")));
        assert_eq!(bench.json(&format!("{longer}/manifest.json"))["resumed"][0]["after_epoch"], 3);
    }
    // The shorter run's results are set aside.
    assert_eq!(bench.names("out/tiny/quick/previous").len(), 2);
    // What depends on more than the number of epochs starts anew.
    bench.bn_runner("run tiny.yaml -o out -s training.epochs=6 -s training.batch_size=8").exits(0);
    let manifest = bench.json("out/tiny/quick/seed-1/manifest.json");
    assert_eq!(manifest["resumed"], serde_json::Value::Null);
}

#[test]
fn a_run_that_was_stopped_early_does_not_go_on_with_more_epochs() {
    let text = edited(
        TINY,
        "  epochs: 3",
        "  callbacks: [{ early_stopping: { monitor: accuracy, min_delta: 1 } }]\n  epochs: 5",
    );
    let bench = Bench::with("tiny.yaml", &text);
    bench.bn_runner("run tiny.yaml -o out").exits(0);
    let before = bench.numbers("out/tiny/quick/seed-1");
    assert_eq!(before.lines().count(), 3, "{before}");
    bench.bn_runner("run tiny.yaml -o out -s training.epochs=9").exits(0);
    assert_eq!(bench.numbers("out/tiny/quick/seed-1"), before);
}

#[test]
fn which_checkpoints_stay_is_the_files_choice() {
    let kept = |policy: &str| {
        let bench = Bench::with("tiny.yaml", &format!("{TINY}checkpoints: {policy}\n"));
        bench.bn_runner("run tiny.yaml -o out -q -s training.epochs=4").exits(0);
        let losses = bench.table("out/tiny/quick/seed-1/metrics.csv");
        let loss = |i: &usize| losses[*i]["val_loss"].parse::<f64>().unwrap();
        let best = (0..4).min_by(|a, b| loss(a).total_cmp(&loss(b))).unwrap() + 1;
        (bench.names("out/tiny/quick/seed-1/checkpoints"), best)
    };
    let name = |epoch: usize| format!("epoch-{epoch:05}.safetensors");
    assert_eq!(kept("last").0, [name(4)]);
    assert_eq!(kept("all").0, (1..=4).map(name).collect::<Vec<_>>());
    let (names, best) = kept("best");
    assert!(names.contains(&name(4)) && names.contains(&name(best)) && names.len() <= 2);
    Bench::with("tiny.yaml", &format!("{TINY}checkpoints: some\n"))
        .bn_runner("run tiny.yaml -o out -q")
        .exits(2)
        .says("unknown name `some`");
}

#[cfg(unix)]
#[test]
fn ctrl_c_keeps_what_is_done_and_the_same_command_goes_on() {
    for signal in ["INT", "TERM"] {
        let bench = Bench::with("long.yaml", LONG);
        bench.bn_runner("run long.yaml -o whole -q").exits(0);
        let child = started(&bench, "run long.yaml -o out -j 1", &format!("out/{SCHEDULED}"));
        support::send(&child, signal);
        let ended = Bench::wait(child);
        let ended =
            ended.exits(130).says("interrupted: the same command goes on with the 2 trials");
        assert!(ended.stderr.contains("interrupted; the next run goes on with it"), "{ended}");
        let manifest = bench.json(&format!("out/{SCHEDULED}/manifest.json"));
        assert_eq!(manifest["status"], "interrupted", "{manifest}");
        assert!(!bench.has("out/long/plateau/seed-1"));
        bench.bn_runner("run long.yaml -o out -q").exits(0);
        assert_eq!(outcome(&bench, "out"), outcome(&bench, "whole"));
    }
}

#[cfg(unix)]
#[test]
fn a_second_ctrl_c_ends_the_program_at_once() {
    let bench = Bench::with("long.yaml", LONG);
    let child = started(&bench, "run long.yaml -o out -j 1", &format!("out/{SCHEDULED}"));
    // Stopped, so that both signals are there before the first one is answered.
    support::send(&child, "STOP");
    support::send(&child, "INT");
    support::send(&child, "TERM");
    support::send(&child, "CONT");
    Bench::wait(child).exits(130);
    bench.bn_runner("run long.yaml -o out -q").exits(0);
}

#[test]
fn verify_finds_the_same_numbers_again_and_the_first_that_is_another() {
    let bench = Bench::with("tiny.yaml", TINY);
    bench.bn_runner("run tiny.yaml -o out -q").exits(0);
    let trial = "out/tiny/quick/seed-1";
    bench
        .bn_runner(&format!("verify {trial}"))
        .exits(0)
        .prints("bit-identical on flex: 3 epochs, final weights and test score");
    bench
        .bn_runner(&format!("verify {trial} --backend ndarray"))
        .exits(0)
        .prints("on ndarray the training loss of every epoch is within 0.01 of that on flex");

    let metrics = bench.text(&format!("{trial}/metrics.csv"));
    let second = metrics.lines().nth(2).unwrap();
    let cell = second.split(',').nth(4).unwrap();
    let changed = format!("9{cell}");
    bench.write(&format!("{trial}/metrics.csv"), metrics.replace(cell, &changed));
    bench
        .bn_runner(&format!("verify {trial} -q"))
        .exits(1)
        .prints("differs on flex, first in epoch 2, val_loss");
    bench.bn_runner("verify out/tiny").exits(2).says("is no trial's folder");
}
