//! What can be asked about a folder of results, and done with it: `status`, `list`, `watch`,
//! `clean`, and the events that `run` tells while it fills one.

mod support;

use serde_json::Value;
use support::{Bench, TINY, TRIALS, edited};

/// Three kinds of trials: two done, one that failed, one that was cut off.
fn mixed() -> Bench {
    let bench = Bench::with("tiny.yaml", TINY);
    bench.bn_runner("run tiny.yaml -o results").exits(0);
    let change = |trial: &str, status: &str| {
        let name = format!("results/tiny/{trial}/manifest.json");
        bench.write(&name, edited(&bench.text(&name), "\"completed\"", &format!("\"{status}\"")));
    };
    change("slow/seed-1", "failed");
    change("slow/seed-2", "running");
    bench
}

/// The cells of the first line that begins with a word.
fn cells(text: &str, first: &str) -> Vec<String> {
    let line = text.lines().find(|line| line.split_whitespace().next() == Some(first));
    let line = line.unwrap_or_else(|| panic!("no line of {first} in\n{text}"));
    line.split_whitespace().map(str::to_owned).collect()
}

#[test]
fn status_counts_the_trials_of_each_experiment_and_those_that_are_left() {
    let bench = mixed().file("other.yaml", edited(TINY, "name: tiny", "name: other"));
    let header = "experiment  done  diverged  failed  interrupted  running  to do  trials\n";
    let ended = bench.bn_runner("status").exits(0).prints(header);
    assert_eq!(cells(&ended.stdout, "tiny"), ["tiny", "2", "0", "1", "1", "0", "0", "4"]);
    assert_eq!(ended.stdout.lines().count(), 2, "{ended}");

    // A plan of which one trial diverged and the next one fails: the others are to do.
    let text = edited(TINY, "units: 16, activation: relu", "units: 16");
    let text = edited(&edited(&text, "name: tiny", "name: wild"), "0.000001", "1.0e9");
    bench.write("wild.yaml", text);
    bench.bn_runner("run wild.yaml --only slow/seed-1").exits(0);
    bench.bn_runner("run wild.yaml -j 1 --fail-fast --timeout 0.001").exits(100);
    let ended = bench.bn_runner("status results").exits(0);
    assert_eq!(cells(&ended.stdout, "wild"), ["wild", "0", "1", "1", "0", "0", "2", "4"]);
    assert_eq!(cells(&ended.stdout, "all"), ["all", "2", "1", "2", "1", "0", "2", "8"]);
    let one = bench.bn_runner("status results/wild results/wild").exits(0);
    assert_eq!(cells(&one.stdout, "wild"), ["wild", "0", "1", "1", "0", "0", "2", "4"]);
    let case = bench.bn_runner("status results/tiny/quick").exits(0);
    assert_eq!(cells(&case.stdout, "tiny"), ["tiny", "2", "0", "0", "0", "0", "0", "2"]);
}

#[test]
fn what_the_last_plan_would_train_anew_is_to_do() {
    let bench = Bench::with("tiny.yaml", TINY);
    bench.bn_runner("run tiny.yaml").exits(0);
    let text = edited(&edited(TINY, "relu }", "linear }"), "0.000001", "1.0e9");
    bench.write("tiny.yaml", text);
    bench.bn_runner("run tiny.yaml -j 1 --fail-fast --timeout 0.001").exits(100);
    let ended = bench.bn_runner("status").exits(0);
    assert_eq!(cells(&ended.stdout, "tiny"), ["tiny", "0", "0", "1", "0", "0", "3", "4"]);
}

#[test]
fn folders_that_are_not_there_or_empty_are_told_apart() {
    let bench = Bench::with("tiny.yaml", TINY);
    std::fs::create_dir(bench.path("empty")).unwrap();
    for verb in ["status", "list", "watch", "watch --once"] {
        bench.bn_runner(verb).exits(2).says("error: `results` is not a folder");
        bench.bn_runner(&format!("{verb} empty")).exits(4).says("error: no trials in `empty`");
    }
    bench.bn_runner("clean nowhere --yes").exits(2);
    bench.bn_runner("clean empty --yes").exits(0).prints("removed: 0 files");
}

#[test]
fn list_has_a_line_per_trial_in_every_format() {
    let bench = mixed();
    let ended = bench.bn_runner("list").exits(0);
    assert_eq!(ended.stdout.lines().count(), 5, "{ended}");
    let first = cells(&ended.stdout, "tiny");
    assert_eq!(first[..5], ["tiny", "quick", "1", "done", "3/3"], "{ended}");

    let ended = bench.bn_runner("list results --format csv --sort-by status").exits(0);
    let mut csv = csv::Reader::from_reader(ended.stdout.as_bytes());
    let header: Vec<String> = csv.headers().unwrap().iter().map(str::to_owned).collect();
    assert_eq!(
        header.join(","),
        "experiment,variant,grid,seed,status,epochs,epochs_planned,val_accuracy,test_accuracy,\
         age_seconds,folder"
    );
    let rows: Vec<csv::StringRecord> = csv.records().map(Result::unwrap).collect();
    let statuses: Vec<&str> = rows.iter().map(|row| &row[4]).collect();
    assert_eq!(statuses, ["done", "done", "failed", "interrupted"]);
    let summary = bench.table("results/tiny/summary.csv");
    assert_eq!(rows[0][8], summary[2]["test_accuracy"], "all its digits");
    assert_eq!(&rows[3][10], "results/tiny/slow/seed-2");

    let ended = bench.bn_runner("list --format json --sort-by test_accuracy").exits(0);
    let json: Value = serde_json::from_str(&ended.stdout).unwrap();
    let trials = json["trials"].as_array().unwrap();
    let accuracies: Vec<f64> =
        trials.iter().map(|trial| trial["test_accuracy"].as_f64().unwrap()).collect();
    assert!(accuracies.windows(2).all(|two| two[0] >= two[1]), "{accuracies:?}");
    assert_eq!(trials[0]["variant"], "quick");
    assert!(trials[0]["age_seconds"].as_f64().unwrap() < 600.0);
}

#[test]
fn list_shows_grids_and_orders_by_seed_as_a_number() {
    let text = format!("{TINY}grid:\n  training.batch_size: [8]\n");
    let bench = Bench::with("tiny.yaml", &edited(&text, "[1, 2]", "[10, 9]"));
    bench.bn_runner("run tiny.yaml --only quick -s training.epochs=1").exits(0);
    let ended = bench.bn_runner("list --format csv").exits(0);
    let rows: Vec<&str> = ended.stdout.lines().skip(1).collect();
    assert!(rows[0].starts_with("tiny,quick,batch_size=8,9,done,1,1,"), "{ended}");
    assert!(rows[1].starts_with("tiny,quick,batch_size=8,10,done,1,1,"), "{ended}");
}

#[test]
fn clean_removes_what_it_lists_and_nothing_else() {
    let bench = mixed();
    bench.bn_runner("run tiny.yaml --force --only quick -q").exits(0);
    bench.write("results/tiny/.writing-abc", "torn");
    bench.write("results/tiny/quick/.taking-seed-1/model.safetensors", "torn");
    bench.write("results/tiny/quick/.seed-1.lock", "");
    bench.write("results/tiny/quick/mine.txt", "the user's own");
    let old = std::time::SystemTime::now() - std::time::Duration::from_secs(120);
    let torn = std::fs::File::options().append(true).open(bench.path("results/tiny/.writing-abc"));
    torn.unwrap().set_modified(old).unwrap();

    let dry = bench.bn_runner("clean --dry-run").exits(0);
    let lines: Vec<&str> = dry.stdout.lines().collect();
    assert_eq!(lines.len(), 6, "{dry}");
    for (line, begin, end) in [
        (0, "results/tiny/.writing-abc  4 B", "(left by a process that was killed)"),
        (1, "results/tiny/quick/.seed-1.lock  0 B", "(left by a process that was killed)"),
        (2, "results/tiny/quick/.taking-seed-1  4 B", "(left by a process that was killed)"),
        (3, "results/tiny/quick/previous/seed-1-20", "(moved aside)"),
        (4, "results/tiny/quick/previous/seed-2-20", "(moved aside)"),
        (5, "to be removed: 5 files and folders, ", "kB"),
    ] {
        assert!(lines[line].starts_with(begin) && lines[line].ends_with(end), "{line}: {dry}");
    }
    bench.bn_runner("clean").exits(2).says("nothing was removed; `--yes` removes what is listed");
    assert!(bench.has("results/tiny/.writing-abc"));
    bench.bn_runner("clean --yes").exits(0).prints("removed: 5 files and folders, ");
    assert_eq!(bench.names("results/tiny/quick"), ["mine.txt", "seed-1", "seed-2"]);
    assert!(bench.has("results/tiny/quick/seed-1/checkpoints"), "not asked for");
    assert!(bench.has("results/tiny/slow/seed-1"), "not asked for");

    bench.bn_runner("clean --checkpoints --failed --yes").exits(0).prints("removed: 3 files");
    assert!(!bench.has("results/tiny/quick/seed-1/checkpoints"));
    assert_eq!(bench.names("results/tiny/slow"), ["seed-2"]);
    bench.bn_runner("clean --checkpoints --failed").exits(0).prints("to be removed: 0 files");
    bench.bn_runner("run tiny.yaml").exits(0).says("2 of 4 trials are done already");
}

#[test]
fn clean_leaves_alone_what_other_processes_are_at_work_on() {
    let bench = mixed();
    let lock = std::fs::File::create(bench.path("results/tiny/slow/.seed-1.lock")).unwrap();
    lock.lock().unwrap();
    bench.write("results/tiny/slow/.taking-seed-1/config.yaml", "");
    bench.bn_runner("clean --yes").exits(0).prints("removed: 0 files");
    bench.bn_runner("clean --failed --yes").exits(0).prints("removed: 0 files");
    assert!(bench.has("results/tiny/slow/seed-1"));
    drop(lock);
    bench.bn_runner("clean --failed --yes").exits(0).prints("removed: 3 files");
}

#[test]
fn events_tell_of_everything_in_whole_lines() {
    let bench = Bench::with("tiny.yaml", TINY);
    bench.write("events.jsonl", "{\"event\":\"before\"}\n");
    bench.bn_runner("run tiny.yaml -o out -j 2 --events events.jsonl").exits(0);
    let text = bench.text("events.jsonl");
    let events: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(events[0]["event"], "before", "a file is gone on with");
    let first = &events[1];
    assert_eq!((&first["event"], &first["trials"]), (&"run_started".into(), &4.into()));
    assert_eq!((&first["to_train"], &first["jobs"]), (&4.into(), &2.into()));
    let last = events.last().unwrap();
    assert_eq!((&last["event"], &last["exit_code"]), (&"run_finished".into(), &0.into()));
    assert_eq!(last["completed"], 4);
    assert_eq!(events.len(), 1 + 1 + 4 * (1 + 3 + 1) + 1);
    for trial in TRIALS {
        let (variant, seed) = trial.split_once("/seed-").unwrap();
        let seed: u64 = seed.parse().unwrap();
        let own: Vec<&Value> = events
            .iter()
            .filter(|event| event["variant"] == variant && event["seed"] == seed)
            .collect();
        let names: Vec<&str> = own.iter().map(|event| event["event"].as_str().unwrap()).collect();
        assert_eq!(names, ["trial_started", "epoch", "epoch", "epoch", "trial_finished"]);
        assert_eq!(own[0]["folder"], format!("out/tiny/{trial}"));
        let rows = bench.table(&format!("out/tiny/{trial}/metrics.csv"));
        for (row, event) in rows.iter().zip(&own[1..4]) {
            for (column, cell) in row {
                let (told, cell) = (event[column].as_f64().unwrap(), cell.parse::<f64>().unwrap());
                // serde_json reads the last of 17 digits only nearly.
                assert!((told - cell).abs() <= 1e-15 * cell, "{trial} {column}: {told} {cell}");
            }
        }
        assert_eq!(own[4]["status"], "completed");
        let outcome = &bench.json(&format!("out/tiny/{trial}/manifest.json"))["outcome"];
        assert_eq!(own[4]["test_accuracy"], outcome["test_accuracy"]);
    }
    bench.bn_runner("run tiny.yaml -o out --events events.jsonl").exits(0);
    let text = bench.text("events.jsonl");
    let again: Vec<Value> =
        text.lines().skip(events.len()).map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(again.len(), 2);
    assert_eq!((&again[0]["done"], &again[0]["to_train"]), (&4.into(), &0.into()));
}

#[test]
fn events_on_standard_error_take_the_place_of_progress() {
    let bench = Bench::with("tiny.yaml", TINY);
    let ended = bench.bn_runner("run tiny.yaml -o out --seeds 1 --events -").exits(0);
    for line in ended.stderr.lines() {
        let event: Value = serde_json::from_str(line).unwrap_or_else(|_| panic!("{line}: {ended}"));
        assert!(event["time"].is_string() && event["process"].is_number(), "{line}");
    }
    assert!(ended.stdout.starts_with("rank "), "{ended}");
    bench
        .bn_runner("run tiny.yaml -o out --events nowhere/events.jsonl")
        .exits(1)
        .says("cannot write events to `nowhere/events.jsonl`");
}

#[test]
fn failures_and_divergences_are_told_with_their_reasons() {
    let text = edited(TINY, "units: 16, activation: relu", "units: 16");
    let bench = Bench::with("tiny.yaml", &edited(&text, "0.000001", "1.0e9"));
    let run = "run tiny.yaml -o out --seeds 1";
    let events = |arguments: &str, code: i32| -> Vec<Value> {
        bench.bn_runner(&format!("{run} {arguments} --events e.jsonl")).exits(code);
        let text = bench.text("e.jsonl");
        std::fs::remove_file(bench.path("e.jsonl")).unwrap();
        text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    };
    let told = events("--only quick --timeout 0.001", 100);
    let failed = told.iter().find(|event| event["status"] == "failed").unwrap();
    assert_eq!(
        (&failed["event"], &failed["failure"]),
        (&"trial_finished".into(), &"timeout".into())
    );
    assert!(failed["reason"].as_str().unwrap().starts_with("timeout: "));
    assert_eq!(told.last().unwrap()["exit_code"], 100);

    let told = events("", 0);
    let diverged = told.iter().find(|event| event["status"] == "diverged").unwrap();
    assert_eq!(diverged["event"], "trial_finished");
    assert!(diverged["reason"].as_str().unwrap().starts_with("the loss became NaN in epoch 1"));
    let last = told.last().unwrap();
    let counts = ["completed", "diverged", "failed"].map(|key| last[key].as_u64());
    assert_eq!(counts, [Some(1), Some(1), Some(0)], "{last}");
    let told = events("", 0);
    assert_eq!((&told[0]["diverged"], &told[0]["to_train"]), (&1.into(), &0.into()));
}

#[test]
fn watch_follows_another_process_to_its_end() {
    let bench = Bench::with("tiny.yaml", &edited(TINY, "epochs: 3", "epochs: 1500"));
    let runner = bench.start("run tiny.yaml --seeds 1 -j 1 -q");
    let start = std::time::Instant::now();
    while !bench.has("results/tiny/slow/seed-1/metrics.csv") {
        assert!(start.elapsed().as_secs() < 60, "it does not begin");
        std::thread::sleep(std::time::Duration::from_millis(10));
    }
    let once = bench.bn_runner("watch --once").exits(0);
    assert_eq!(cells(&once.stdout, "tiny")[5], "1", "one is running: {once}");
    once.prints("tiny slow, seed 1: epoch ");
    let watched = bench.bn_runner("watch").exits(0);
    Bench::wait(runner).exits(0);
    let watched = watched
        .prints("tiny slow, seed 1: epoch 1500/1500 loss ")
        .prints("tiny slow, seed 1: done: test_accuracy ")
        .prints("tiny quick, seed 1: done: test_accuracy ");
    let epochs: Vec<&str> = watched.stdout.lines().filter(|line| line.contains("epoch ")).collect();
    let quick = epochs.iter().filter(|line| line.starts_with("tiny quick")).count();
    assert_eq!(quick, 1500, "every epoch, each once");
    let last = watched.stdout.lines().last().unwrap();
    assert_eq!(cells(last, "tiny"), ["tiny", "2", "0", "0", "0", "0", "0", "2"]);
}

#[test]
fn watch_ends_where_all_is_over() {
    let bench = mixed();
    let ended = bench.bn_runner("watch").exits(0);
    assert_eq!(cells(&ended.stdout, "tiny"), ["tiny", "2", "0", "1", "1", "0", "0", "4"]);
    assert_eq!(ended.stdout.lines().count(), 2, "{ended}");
}
