//! Trials side by side, in one process and in several.

mod support;

use support::{Bench, TINY, TRIALS, edited};

#[test]
fn jobs_and_the_order_of_variants_do_not_change_numbers() {
    let quick_first =
        edited(&edited(TINY, "  quick: {}\n", ""), "variants:\n", "variants:\n  quick: {}\n");
    let bench = Bench::with("tiny.yaml", TINY).file("other.yaml", quick_first);
    bench.bn_runner("run tiny.yaml -o one -j 1").exits(0);
    bench.bn_runner("run tiny.yaml -o two -j 2").exits(0);
    bench.bn_runner("run other.yaml -o three --jobs 4").exits(0);
    assert_eq!(bench.json("two/tiny/slow/seed-1/manifest.json")["jobs"], 2);
    let numbers = bench.all_numbers("one");
    assert_eq!(numbers, bench.all_numbers("two"));
    assert_eq!(numbers, bench.all_numbers("three"));
    for trial in TRIALS {
        let model = |results| bench.bytes(&format!("{results}/tiny/{trial}/model.safetensors"));
        assert_eq!(model("one"), model("two"), "{trial}");
        assert_eq!(model("one"), model("three"), "{trial}");
    }
    // The test can tell trials apart.
    assert_ne!(numbers[0], numbers[1]);
    assert_ne!(numbers[0], numbers[2]);
}

/// Holds the lock of a trial, as a process does that is training it.
fn hold(bench: &Bench, trial: &str) -> std::fs::File {
    let (case, seed) = trial.rsplit_once('/').unwrap();
    std::fs::create_dir_all(bench.path(&format!("out/tiny/{case}"))).unwrap();
    let lock = std::fs::File::create(bench.path(&format!("out/tiny/{case}/.{seed}.lock"))).unwrap();
    lock.lock().unwrap();
    lock
}

#[test]
fn a_trial_that_another_process_trains_comes_last_and_is_done_here_if_that_one_dies() {
    let bench = Bench::with("tiny.yaml", TINY);
    let lock = hold(&bench, "slow/seed-1");
    bench
        .bn_runner("run tiny.yaml -o out --dry-run")
        .exits(0)
        .prints("running  out/tiny/slow/seed-1")
        .prints("another process is training it");
    let child = bench.start("run tiny.yaml -o out");
    let others = ["slow/seed-2", "quick/seed-1", "quick/seed-2"];
    let done = |trial: &str| bench.has(&format!("out/tiny/{trial}/model.safetensors"));
    within("the others are done", || others.iter().all(|trial| done(trial)));
    std::thread::sleep(std::time::Duration::from_millis(600));
    assert!(!bench.has("out/tiny/slow/seed-1"));
    drop(lock);
    let ended = Bench::wait(child).exits(0);
    let waiting = "waiting for other processes, which are training what is left: tiny slow, seed 1";
    assert_eq!(ended.stderr.matches(waiting).count(), 1, "{ended}");
    assert_eq!(bench.table("out/tiny/summary.csv").len(), 4);
    assert_eq!(bench.names("out/tiny/slow"), ["seed-1", "seed-2"], "no lock stays behind");
}

#[test]
fn locks_that_killed_processes_have_left_are_no_obstacle() {
    let bench = Bench::with("tiny.yaml", TINY);
    drop(hold(&bench, "slow/seed-1"));
    bench.bn_runner("run tiny.yaml -o out").exits(0).never_says("waiting");
    assert_eq!(bench.names("out/tiny/slow"), ["seed-1", "seed-2"]);
}

#[test]
fn a_run_shows_its_own_plan_though_another_file_of_that_name_was_planned_meanwhile() {
    let bench = Bench::with("tiny.yaml", TINY);
    bench.write("other.yaml", edited(TINY, "  quick: {}\n", ""));
    let lock = hold(&bench, "slow/seed-1");
    let child = bench.start("run tiny.yaml -o out");
    within("the others are done", || bench.has("out/tiny/quick/seed-2/model.safetensors"));
    bench.bn_runner("run other.yaml -o out --only seed-2").exits(0);
    assert_eq!(bench.table("out/tiny/aggregate.csv").len(), 1);
    drop(lock);
    Bench::wait(child).exits(0).prints("quick").says("another `run` has recorded another plan");
    assert_eq!(bench.table("out/tiny/aggregate.csv").len(), 2);
    assert_eq!(bench.text("out/tiny/experiment.yaml"), TINY);
}

/// Waits until something is so.
#[track_caller]
fn within(what: &str, so: impl Fn() -> bool) {
    let start = std::time::Instant::now();
    while !so() {
        assert!(start.elapsed().as_secs() < 60, "it has been a minute, and not: {what}");
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
}

/// 24 short trials.
fn many() -> String {
    let text = edited(TINY, "epochs: 3", "epochs: 8");
    edited(&text, "seeds: [1, 2]", "seeds: [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12]")
}

/// How often each trial was begun, by an events file.
fn begun(bench: &Bench, events: &str) -> Vec<String> {
    let text = bench.text(events);
    let mut begun: Vec<String> = text
        .lines()
        .map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap())
        .filter(|event| event["event"] == "epoch" && event["epoch"] == 1)
        .map(|event| format!("{}/{}", event["variant"], event["seed"]))
        .collect();
    begun.sort();
    begun
}

#[test]
fn two_runs_on_one_folder_share_the_work_and_train_each_trial_once() {
    let bench = Bench::with("tiny.yaml", &many());
    let run = |out: &str| format!("run tiny.yaml -o {out} -j 1 --events events.jsonl");
    let children = [bench.start(&run("out")), bench.start(&run("out"))];
    let tables: Vec<String> = children
        .into_iter()
        .map(|child| {
            let ended = Bench::wait(child).exits(0);
            assert_eq!(ended.stdout.lines().count(), 3, "{ended}");
            ended.stdout
        })
        .collect();
    assert!(tables.iter().all(|table| table.contains("  12  ")), "{tables:?}");
    assert_eq!(tables[0], tables[1]);
    assert_eq!(bench.table("out/tiny/summary.csv").len(), 24);
    let begun = begun(&bench, "events.jsonl");
    assert_eq!(begun.len(), 24, "{begun:?}");
    assert!(begun.windows(2).all(|two| two[0] != two[1]), "{begun:?}");
    let processes: std::collections::HashSet<String> = bench
        .text("events.jsonl")
        .lines()
        .filter(|line| line.contains("\"event\":\"epoch\""))
        .map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap()["process"].to_string())
        .collect();
    assert_eq!(processes.len(), 2, "both have worked");
    for variant in ["slow", "quick"] {
        assert_eq!(bench.names(&format!("out/tiny/{variant}")).len(), 12, "no locks, no leftovers");
    }
    // One alone comes to the same numbers.
    bench.bn_runner("run tiny.yaml -o alone").exits(0);
    assert_eq!(bench.all_numbers("out"), bench.all_numbers("alone"));
}

#[test]
fn two_forced_runs_train_each_trial_once_again() {
    let bench = Bench::with("tiny.yaml", &edited(TINY, "epochs: 3", "epochs: 20"));
    bench.bn_runner("run tiny.yaml -o out").exits(0);
    let trials = ["slow/seed-1", "slow/seed-2", "quick/seed-1", "quick/seed-2"];
    let locks = trials.map(|trial| hold(&bench, trial));
    let children = ["one", "two"].map(|name| {
        bench.start(&format!("run tiny.yaml -o out --force -j 1 --events {name}.jsonl"))
    });
    // Both have made their plans when the first trial can be had.
    let has_begun = |name: &str| {
        let events = std::fs::read_to_string(bench.path(&format!("{name}.jsonl")));
        events.is_ok_and(|events| events.contains("run_started"))
    };
    within("both have begun", || has_begun("one") && has_begun("two"));
    std::thread::sleep(std::time::Duration::from_millis(300));
    drop(locks);
    for child in children {
        Bench::wait(child).exits(0);
    }
    for variant in ["slow", "quick"] {
        let previous = bench.names(&format!("out/tiny/{variant}/previous"));
        assert_eq!(previous.len(), 2, "{previous:?}");
    }
}

#[cfg(unix)]
#[test]
fn a_run_that_is_killed_leaves_its_trials_to_the_other() {
    let bench = Bench::with("tiny.yaml", &edited(TINY, "epochs: 3", "epochs: 400"));
    let mut killed = bench.start("run tiny.yaml -o out -j 2");
    within("two trials have begun", || {
        let begun = |trial: &str| bench.has(&format!("out/tiny/{trial}/metrics.csv"));
        TRIALS.iter().filter(|trial| begun(trial)).count() >= 2
    });
    let other = bench.start("run tiny.yaml -o out -j 2");
    std::thread::sleep(std::time::Duration::from_millis(300));
    killed.kill().unwrap();
    killed.wait().unwrap();
    Bench::wait(other).exits(0);
    let summary = bench.table("out/tiny/summary.csv");
    assert_eq!(summary.len(), 4);
    assert!(summary.iter().all(|row| row["status"] == "completed" && row["epochs"] == "400"));
    assert_eq!(
        bench.names("out/tiny/slow").iter().filter(|name| name.ends_with("lock")).count(),
        0
    );
}
