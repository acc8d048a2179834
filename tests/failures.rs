//! Trials that fail: alone, with their reason, and trained again; and those that diverge, which are
//! results.

mod support;

use support::{Bench, TINY, TRIALS, edited};

/// Two linear layers in a row with giant steps: the numbers overflow within an epoch.
fn diverging() -> String {
    let text = edited(TINY, "units: 16, activation: relu", "units: 16");
    let text = edited(&text, "  slow: ", "  wild: ");
    edited(&text, "learning_rate: 0.000001", "learning_rate: 1.0e9")
}

#[test]
fn what_diverged_is_a_result_and_is_trained_again_only_if_asked_for() {
    let bench = Bench::with("tiny.yaml", &diverging());
    let run = "run tiny.yaml -o out --seeds 1";
    bench.bn_runner(run).exits(0);
    let path = "out/tiny/wild/seed-1/manifest.json";
    let manifest = bench.json(path);
    assert_eq!(manifest["status"], "diverged");

    let rest = |bench: &Bench| {
        let ended = bench.bn_runner(run).exits(0);
        let ended = ended.says("1 of 2 trials are done already");
        let ended = ended.says("1 of 2 trials diverged before, which is their result");
        let table: Vec<&str> = ended.stdout.lines().collect();
        let told = table[2].contains("diverged 1 of 1: the loss became NaN in epoch 1");
        assert!(told, "{ended}");
        assert_eq!(bench.table("out/tiny/summary.csv")[0]["status"], "diverged");
        bench
            .bn_runner(&format!("{run} --dry-run"))
            .exits(0)
            .prints("diverged  out/tiny/wild/seed-1")
            .prints("1 done, 1 diverged before, 0 to train");
    };
    rest(&bench);
    assert_eq!(manifest, bench.json(path), "nothing was written");
    // As version 0.1 recorded it.
    let old = edited(
        &bench.text(path),
        "\"status\": \"diverged\",",
        "\"status\": \"failed\",\n  \"failure\": \"diverged\",",
    );
    bench.write(path, &old);
    rest(&bench);
    assert_eq!(old, bench.text(path), "nothing was written");

    for (times, again) in ["--rerun-failed", "--force --only wild"].into_iter().enumerate() {
        let before = bench.json(path);
        bench.bn_runner(&format!("{run} {again}")).exits(0).says("trials to train: 1,");
        assert_ne!(before, bench.json(path), "{again}");
        assert_eq!(bench.names("out/tiny/wild"), ["previous", "seed-1"]);
        assert_eq!(bench.names("out/tiny/wild/previous").len(), times + 1);
    }
    // Another setup is another trial.
    bench.write("tiny.yaml", edited(&diverging(), "1.0e9", "0.01"));
    bench.bn_runner(run).exits(0);
}

#[test]
fn a_trial_that_takes_too_long_fails_alone_and_is_tried_again() {
    let text = edited(TINY, "epochs: 3", "epochs: 1000000");
    let text = edited(&text, "  quick: {}", "  quick: { training: { epochs: 2 } }");
    let bench = Bench::with("tiny.yaml", &text);
    let run = "run tiny.yaml -o out --seeds 1 -j 1";
    let ended = bench.bn_runner(&format!("{run} --timeout 1")).exits(100);
    ended
        .says("failed: tiny slow, seed 1: timeout: not done after 1 s")
        .says("tiny quick, seed 1: epoch 2/2")
        .prints("1 failed: timeout: not done after 1 s");
    let manifest = bench.json("out/tiny/slow/seed-1/manifest.json");
    assert_eq!((&manifest["status"], &manifest["failure"]), (&"failed".into(), &"timeout".into()));
    let summary = bench.table("out/tiny/summary.csv");
    assert_eq!(summary[0]["reason"], "timeout: not done after 1 s");
    assert!(summary[0]["epochs"].parse::<usize>().unwrap() > 0, "{summary:?}");
    let dry = bench.bn_runner(&format!("{run} --dry-run")).exits(0);
    dry.prints("failed before: timeout: not done after 1 s").prints("1 done, 1 to train");
    bench.bn_runner(&format!("{run} --timeout 0.5s")).exits(100).says("trials to train: 1,");
    for time in ["0", "soon", "-1", "1d", "nan", "1e300h"] {
        bench.bn_runner_with(&["run", "tiny.yaml", "--timeout", time]).exits(2);
    }
}

#[cfg(target_os = "linux")]
#[test]
fn a_trial_that_cannot_write_fails_alone_and_is_in_every_table() {
    let bench = Bench::with("tiny.yaml", TINY);
    // Writing to this file fails as on a full disk, whoever tries.
    std::fs::create_dir_all(bench.path("out/tiny/slow")).unwrap();
    bench.write("out/tiny/slow/seed-1", "a file stands here");
    let ended = bench.bn_runner("run tiny.yaml -o out --seeds 1").exits(100);
    ended.says("failed: tiny slow, seed 1: ").prints("1 failed: ");
    let summary = bench.table("out/tiny/summary.csv");
    assert_eq!((&*summary[0]["variant"], &*summary[0]["status"]), ("slow", "failed"));
    assert_ne!(summary[0]["reason"], "");
    assert_eq!(summary[1]["status"], "completed");
}

#[test]
fn a_closed_standard_error_fails_no_trial() {
    let bench = Bench::with("tiny.yaml", TINY);
    let code = |arguments: &[&str]| {
        let (reader, writer) = std::io::pipe().expect("pipes can be made");
        drop(reader);
        let mut command = bench.command(arguments);
        let status = command.stdout(std::process::Stdio::null()).stderr(writer).status();
        status.expect("the program starts").code()
    };
    assert_eq!(code(&["run", "tiny.yaml", "-o", "out"]), Some(0));
    for trial in TRIALS {
        assert_eq!(bench.json(&format!("out/tiny/{trial}/manifest.json"))["status"], "completed");
    }
    assert_eq!(code(&["check", "absent.yaml"]), Some(2), "the exit code does not change");
}
