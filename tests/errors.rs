//! Mistakes, bad data and trials that fail: the exit code, the place, the remedy, and what is left.

mod support;

use support::{Bench, TINY, edited};

/// A file without mistakes; tests put them in.
const PLAIN: &str = "\
dataset: { idx: data, validation: 40 }
model:
  layers:
    - flatten
    - dense: { units: 16, activation: relu }
    - dense: { units: 4, activation: softmax }
training:
  optimizer: { sgd: { learning_rate: 0.1 } }
  epochs: 1
";

#[test]
fn the_plain_file_has_no_mistakes() {
    let bench = Bench::with("plain.yaml", PLAIN);
    bench.bn_runner("check plain.yaml").exits(0).prints("ok, cases: 1, seeds: 1, trials: 1");
}

/// `tests/broken` has what is said of each mistake.
#[test]
fn run_says_what_check_says_and_leaves_nothing_behind() {
    for (part, replacement) in [
        ("epochs: 1", "epochs: 0"),
        ("epochs: 1", "epochs: 1 }"),
        ("- flatten", "- flaten"),
        ("units: 4,", "units: 5,"),
        ("dataset: {", "name: ../up\ndataset: {"),
    ] {
        let bench = Bench::with("bad.yaml", &edited(PLAIN, part, replacement));
        let ended = bench.bn_runner("run bad.yaml -o out").exits(2);
        let ended = ended.says("\n1 mistake; nothing was trained\n").says("bad.yaml:");
        assert_eq!(ended.stdout, "", "{ended}");
        assert_eq!(bench.names("."), ["bad.yaml", "data"]);
        assert_eq!(bench.bn_runner("check bad.yaml").exits(2).stderr, ended.stderr);
    }
}

#[test]
fn seeds_given_twice_on_the_command_line_are_refused() {
    let bench = Bench::with("plain.yaml", PLAIN);
    bench
        .bn_runner("run plain.yaml -o out --seeds 3,3")
        .exits(2)
        .says("`--seeds`: seed 3 is listed twice");
    assert!(!bench.has("out"));
}

#[test]
fn the_mistakes_of_all_files_are_told_together_even_where_data_is_missing() {
    let bench = Bench::with("good.yaml", PLAIN)
        .file("one.yaml", edited(PLAIN, "epochs: 1", "epochs: x"))
        .file("two.yaml", edited(PLAIN, "- flatten", "- flaten"))
        .file("no_data.yaml", edited(PLAIN, "idx: data", "idx: nowhere"));
    bench
        .bn_runner("run no_data.yaml good.yaml one.yaml two.yaml -o out")
        .exits(2)
        .says("one.yaml:9:11")
        .says("two.yaml:4:7")
        .says("\n2 mistakes; nothing was trained");
    assert!(!bench.has("out"));
}

#[test]
fn wrong_usage_exits_with_2() {
    let bench = Bench::with("plain.yaml", PLAIN);
    for arguments in [
        "",
        "run",
        "train plain.yaml",
        "run plain.yaml --jobs 0",
        "run plain.yaml --seeds one",
        "run plain.yaml --seeds -1",
        "run plain.yaml --backend cuda",
        "run plain.yaml --no-such-option",
    ] {
        let ended = bench.bn_runner(arguments).exits(2);
        assert_eq!(ended.stdout, "", "{ended}");
    }
    assert_eq!(bench.names("."), ["data", "plain.yaml"]);
}

#[test]
fn missing_or_damaged_data_exits_with_3_and_says_which_file() {
    let bench = Bench::with("plain.yaml", PLAIN)
        .file("lost.yaml", edited(PLAIN, "idx: data", "idx: nowhere"));
    bench
        .bn_runner("run lost.yaml -o out")
        .exits(3)
        .says("error: `nowhere` does not exist; correct `dataset.idx`, or say with `--idx FOLDER`");
    bench.write("empty/README", "");
    bench.bn_runner("run lost.yaml -o out --idx empty").exits(3).says(
        "empty: no file train-images-idx3-ubyte.gz or train-images-idx3-ubyte in this folder",
    );

    let name = "data/train-images-idx3-ubyte";
    let images = bench.bytes(name);
    for (content, why) in [
        (&images[..images.len() - 1], "is truncated: header promises 200 × 8 × 8 = 12800 bytes"),
        (&images[..3], "train-images-idx3-ubyte: "),
        (&[images.as_slice(), &[0]].concat()[..], "is too long"),
        (b"<html>404</html>", "is not an IDX file"),
    ] {
        bench.write(name, content);
        let ended = bench.bn_runner("run plain.yaml -o out").exits(3).says(why).says(name);
        assert!(ended.stderr.starts_with("error: "), "{ended}");
    }
    bench.write(name, &images);
    bench.write("data/train-labels-idx1-ubyte", bench.bytes("data/t10k-labels-idx1-ubyte"));
    bench.bn_runner("run plain.yaml -o out").exits(3).says("every image needs one label");
    assert!(!bench.has("out"));
}

/// Two linear layers in a row with giant steps: the numbers overflow within an epoch.
fn diverging() -> String {
    let text = edited(TINY, "units: 16, activation: relu", "units: 16");
    let text = edited(&text, "  slow: ", "  wild: ");
    edited(&text, "learning_rate: 0.000001", "learning_rate: 1.0e9")
}

#[test]
fn a_trial_that_diverges_is_a_result_with_its_reason() {
    let bench = Bench::with("tiny.yaml", &diverging());
    let ended = bench.bn_runner("run tiny.yaml -o out -j 1 --seeds 1").exits(0);
    let reason = "the loss became NaN in epoch 1, step ";
    let ended = ended.says(&format!("\ndiverged: tiny wild, seed 1: {reason}"));
    let table: Vec<&str> = ended.stdout.lines().collect();
    assert!(table[1].starts_with("   1  quick    1  "), "{ended}");
    assert!(
        table[2].starts_with("   2  wild     0 ")
            && table[2].contains(&format!("  diverged 1 of 1: {reason}")),
        "{ended}"
    );

    let manifest = bench.json("out/tiny/wild/seed-1/manifest.json");
    assert_eq!(manifest["status"], "diverged");
    let told = manifest["reason"].as_str().expect("there is a reason");
    assert!(told.starts_with(reason), "{told}");
    for key in ["outcome", "failure", "kept_epoch"] {
        assert!(manifest.get(key).is_none(), "{key}");
    }
    assert!(!bench.has("out/tiny/wild/seed-1/model.safetensors"));
    for file in ["config.yaml", "metrics.csv"] {
        assert!(bench.has(&format!("out/tiny/wild/seed-1/{file}")));
    }
    let log = bench.text("out/tiny/wild/seed-1/run.log");
    assert!(log.contains(&format!("diverged: {reason}")), "{log}");

    let summary = bench.table("out/tiny/summary.csv");
    assert_eq!((&*summary[0]["variant"], &*summary[0]["status"]), ("wild", "diverged"));
    assert_eq!(summary[0]["reason"], told);
    assert_eq!((&*summary[0]["test_accuracy"], &*summary[0]["loss"]), ("", ""));
    assert_eq!((&*summary[1]["variant"], &*summary[1]["status"]), ("quick", "completed"));
    assert!(bench.has("out/tiny/quick/seed-1/model.safetensors"));
    let aggregate = bench.table("out/tiny/aggregate.csv");
    let counts = ["n", "failed", "diverged"].map(|column| &*aggregate[0][column]);
    assert_eq!(counts, ["0", "0", "1"]);
    assert_eq!(bench.table("out/comparison.csv")[0]["diverged"], "1");
    bench
        .bn_runner("compare out --format csv")
        .exits(0)
        .prints("parameters,last_accuracy_mean,")
        .prints(",diverged\n");
    bench.bn_runner("compare out").exits(0).prints("diverged 1 of 1");
    bench.bn_runner("list out").exits(0).prints("  diverged");
}

#[test]
fn fail_fast_starts_nothing_after_a_failure() {
    let bench = Bench::with("tiny.yaml", &diverging());
    bench
        .bn_runner("run tiny.yaml -o out -j 1 --fail-fast --timeout 0.001")
        .exits(100)
        .says("3 trials were not started, because of --fail-fast");
    assert_eq!(bench.names("out/tiny/wild"), ["seed-1"]);
    assert!(!bench.has("out/tiny/quick"));
    assert_eq!(bench.table("out/tiny/summary.csv").len(), 1);
    // One that diverges has not failed.
    bench.bn_runner("run tiny.yaml -o other -j 1 --fail-fast").exits(0);
    assert_eq!(bench.table("other/tiny/summary.csv").len(), 4);
}

#[test]
fn results_of_an_older_file_are_not_shown_for_trials_that_were_not_started() {
    let bench = Bench::with("tiny.yaml", &edited(&diverging(), "1.0e9", "0.01"));
    bench.bn_runner("run tiny.yaml -o out --seeds 1").exits(0);
    bench.write("tiny.yaml", edited(&diverging(), "0.1 }", "0.2 }"));
    let ended = bench.bn_runner("run tiny.yaml -o out --seeds 1 -j 1 --fail-fast --timeout 0.001");
    let ended = ended.exits(100);
    assert!(!ended.stdout.contains("quick"), "{ended}");
    let rows = bench.table("out/tiny/summary.csv");
    assert_eq!(rows.iter().map(|row| &*row["variant"]).collect::<Vec<_>>(), ["wild"]);
    // They are still where they were.
    assert!(bench.has("out/tiny/quick/seed-1/model.safetensors"));
}

#[test]
fn nothing_completed_is_tables_without_charts() {
    let text = diverging().replace("  quick: {}\n", "");
    let bench = Bench::with("tiny.yaml", &text);
    bench.bn_runner("run tiny.yaml -o out").exits(0).prints("diverged 2 of 2");
    assert_eq!(bench.names("out"), ["comparison.csv", "report.html", "tiny"]);
    assert_eq!(
        bench.names("out/tiny"),
        ["aggregate.csv", "curves.csv", "experiment.yaml", "summary.csv", "wild"]
    );
}
