//! `expect:` in files: what became of the claims, where it is said, and with which exit code.

mod support;

use support::{Bench, TINY};

fn with_claims(claims: &[&str]) -> String {
    let lines: Vec<String> = claims.iter().map(|claim| format!("  - {claim}\n")).collect();
    format!("{TINY}expect:\n{}", lines.concat())
}

const HELD: &str = "quick.val_accuracy@3 > slow.val_accuracy@3";
const FAILED: &str = "quick.params < slow.params";
const UNDECIDED: &str = "slow.epochs_to(val_accuracy > 0.99) > quick.epochs_to(val_accuracy > 0.2)";

#[test]
fn every_outcome_is_told_and_a_failed_claim_has_its_exit_code() {
    let bench = Bench::with("tiny.yaml", &with_claims(&[HELD, FAILED, UNDECIDED]));
    bench
        .bn_runner("run tiny.yaml --quiet")
        .exits(5)
        .prints(&format!("held       {HELD} "))
        .prints(&format!("failed     {FAILED} "))
        .prints(&format!("undecided  {UNDECIDED} "))
        .prints("`slow` never reached val_accuracy > 0.99 with any seed");
    let rows = bench.table("results/tiny/expectations.csv");
    let outcomes: Vec<&str> = rows.iter().map(|row| &*row["outcome"]).collect();
    assert_eq!(outcomes, ["held", "failed", "undecided"]);
    assert_eq!((&*rows[0]["claim"], &*rows[0]["n"]), (HELD, "2"));
    let summary = bench.table("results/tiny/summary.csv");
    let mean: f64 = summary
        .iter()
        .filter(|row| row["variant"] == "quick")
        .map(|row| row["val_accuracy"].parse::<f64>().unwrap() / 2.0)
        .sum();
    assert!((rows[0]["left"].parse::<f64>().unwrap() - mean).abs() < 1e-12);
    assert_eq!((&*rows[1]["left"], &*rows[1]["difference"]), (&*rows[1]["right"], "0.0"));
    assert_eq!((&*rows[2]["left"], &*rows[2]["right"]), ("", "1.0"));
    assert_eq!(bench.text("results/tiny/experiment.yaml"), bench.text("tiny.yaml"));

    // From the recorded files alone, the same is told.
    let again = bench.bn_runner("expect results").exits(5);
    let first = bench.bn_runner("run tiny.yaml --quiet").exits(5);
    assert!(first.stdout.ends_with(&again.stdout), "{first}\n{again}");
}

#[test]
fn claims_are_no_part_of_a_trial_and_go_without_a_trace() {
    let bench = Bench::with("tiny.yaml", &with_claims(&[HELD]));
    bench.bn_runner("run tiny.yaml").exits(0).prints("held ");
    let trained = bench.text("results/tiny/quick/seed-1/manifest.json");
    bench.write("tiny.yaml", with_claims(&[UNDECIDED]));
    bench.bn_runner("run tiny.yaml").exits(0).prints("undecided ").says("4 of 4 trials are done");
    bench.write("tiny.yaml", TINY);
    let ended = bench.bn_runner("run tiny.yaml").exits(0);
    assert!(!ended.stdout.contains("claim"), "{ended}");
    assert_eq!(bench.text("results/tiny/quick/seed-1/manifest.json"), trained);
    assert!(!bench.has("results/tiny/expectations.csv"));
    bench.bn_runner("expect results").exits(4).says("no recorded experiment has claims");
}

#[test]
fn a_probability_takes_several_seeds() {
    let claim = "quick.val_loss < slow.val_loss with p < 0.9999";
    let bench = Bench::with("tiny.yaml", &with_claims(&[claim]));
    bench
        .bn_runner("run tiny.yaml --seeds 1 -o one")
        .exits(0)
        .prints("undecided")
        .prints("a p takes at least 2 seeds");
    bench.bn_runner("run tiny.yaml -o two").exits(0).prints("held ");
    let rows = bench.table("two/tiny/expectations.csv");
    let p: f64 = rows[0]["p"].parse().unwrap();
    assert!(p > 0.0 && p < 0.9999, "{p}");
}

#[test]
fn a_trial_that_diverged_leaves_claims_undecided_and_is_no_failure() {
    let text = with_claims(&["quick.params < 1", "slow.params < 1"])
        .replace("learning_rate: 0.000001", "learning_rate: 1e30");
    let bench = Bench::with("tiny.yaml", &text);
    bench
        .bn_runner("run tiny.yaml")
        .exits(5)
        .prints("failed     quick.params < 1")
        .prints("`slow` diverged with seed 1");
}

#[test]
fn a_quick_look_leaves_claims_about_later_epochs_undecided() {
    let bench = Bench::with("tiny.yaml", &with_claims(&[HELD]));
    bench
        .bn_runner("run tiny.yaml --set training.epochs=1")
        .exits(0)
        .prints("`quick` has no epoch 3 with any seed");
}

#[test]
fn mistakes_in_claims_are_found_before_anything_is_trained() {
    let claims = ["quik.val_accuracy > 0.5", "quick.val_acuracy > slow.val_accuracy@9"];
    let bench = Bench::with("tiny.yaml", &with_claims(&claims));
    for verb in ["check", "run"] {
        bench
            .bn_runner(&format!("{verb} tiny.yaml"))
            .exits(2)
            .says("no variant is named `quik`")
            .says("tiny.yaml:18:5\n")
            .says("did you mean `quick`?")
            .says("a claim knows no quantity `val_acuracy`")
            .says("tiny.yaml:19:11\n")
            .says("did you mean `val_accuracy`?")
            .says("2 mistakes");
    }
    assert!(!bench.has("results"));
    let ended = bench.bn_runner("check tiny.yaml --format json").exits(2);
    let json: serde_json::Value = serde_json::from_str(&ended.stdout).unwrap();
    let places: Vec<_> = json["problems"]
        .as_array()
        .unwrap()
        .iter()
        .map(|problem| (problem["line"].as_u64(), problem["column"].as_u64()))
        .collect();
    assert_eq!(places, [(Some(18), Some(5)), (Some(19), Some(11))]);
}
