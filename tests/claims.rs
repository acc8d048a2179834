//! `expect:` in files: outcomes of claims, where they are shown, and their exit codes.

mod support;

use support::{Bench, TINY, edited};

/// The tiny experiment with five seeds and claims.
fn with_claims(claims: &[&str]) -> String {
    let lines: Vec<String> = claims.iter().map(|claim| format!("  - {claim}\n")).collect();
    let tiny = edited(TINY, "seeds: [1, 2]", "seeds: [1, 2, 3, 4, 5]");
    format!("{tiny}expect:\n{}", lines.concat())
}

const HELD: &str = "quick.val_accuracy@3 > slow.val_accuracy@3";
const REFUTED: &str = "quick.params < slow.params";
const UNDECIDED: &str = "slow.epochs_to(val_accuracy > 0.99) > quick.epochs_to(val_accuracy > 0.2)";

#[test]
fn every_outcome_is_shown_and_a_refuted_claim_has_its_exit_code() {
    let bench = Bench::with("tiny.yaml", &with_claims(&[HELD, REFUTED, UNDECIDED]));
    bench
        .bn_runner("run tiny.yaml --quiet")
        .exits(5)
        .prints(&format!("held       {HELD} "))
        .prints(&format!("refuted    {REFUTED} "))
        .prints(&format!("undecided  {UNDECIDED} "))
        .prints("`slow` never reached val_accuracy > 0.99 with any seed; left is greater for 5 and less")
        .prints("about 6 seeds for 80 % power");
    let rows = bench.table("results/tiny/expectations.csv");
    let outcomes: Vec<&str> = rows.iter().map(|row| &*row["outcome"]).collect();
    assert_eq!(outcomes, ["held", "refuted", "undecided"]);
    assert_eq!((&*rows[0]["claim"], &*rows[0]["n"]), (HELD, "5"));
    let summary = bench.table("results/tiny/summary.csv");
    let mean: f64 = summary
        .iter()
        .filter(|row| row["variant"] == "quick")
        .map(|row| row["val_accuracy"].parse::<f64>().unwrap() / 5.0)
        .sum();
    assert!((rows[0]["left"].parse::<f64>().unwrap() - mean).abs() < 1e-12);
    let p = |row: usize, column: &str| rows[row][column].parse::<f64>().unwrap();
    assert!(p(0, "p") < 0.05 && p(0, "ci95_low") > 0.0);
    // Two tested claims: that of the parameters is exact.
    assert_eq!(p(0, "p_holm"), 2.0 * p(0, "p"));
    assert_eq!((&*rows[1]["left"], &*rows[1]["difference"]), (&*rows[1]["right"], "0.0"));
    assert_eq!((&*rows[1]["test"], &*rows[1]["p_holm"]), ("exact", ""));
    assert_eq!(
        (&*rows[2]["left"], &*rows[2]["p"], &*rows[2]["seeds_needed"]),
        ("inf", "0.0625", "6")
    );
    assert_eq!(bench.text("results/tiny/experiment.yaml"), bench.text("tiny.yaml"));
    let page = bench.text("results/report.html");
    assert!(page.contains("<bdi>refuted</bdi>") && page.contains("p (Holm)"), "{page}");

    // From the recorded files alone, the outcomes are the same.
    let again = bench.bn_runner("expect results").exits(5);
    let first = bench.bn_runner("run tiny.yaml --quiet").exits(5);
    assert!(first.stdout.ends_with(&again.stdout), "{first}\n{again}");
}

#[test]
fn undecided_and_untested_claims_count_as_refuted_under_strict() {
    let bench = Bench::with("tiny.yaml", &with_claims(&[HELD]));
    bench
        .bn_runner("run tiny.yaml --seeds 1")
        .exits(0)
        .prints(&format!("held, untested (n = 1)  {HELD} "));
    bench.bn_runner("run tiny.yaml --seeds 1 --strict").exits(5);
    bench.bn_runner("expect results").exits(0);
    bench.bn_runner("expect results --strict").exits(5);
    bench.bn_runner("run tiny.yaml --strict").exits(0);
    bench.write("tiny.yaml", with_claims(&[HELD, UNDECIDED]));
    bench.bn_runner("run tiny.yaml").exits(0);
    bench.bn_runner("run tiny.yaml --strict").exits(5).prints("undecided  ");
    bench.write("tiny.yaml", with_claims(&["slow.val_accuracy > quick.val_accuracy"]));
    bench.bn_runner("run tiny.yaml --seeds 1").exits(5).prints("refuted, untested (n = 1)  slow");
}

#[test]
fn claims_are_no_part_of_a_trial_and_leave_nothing_behind() {
    let bench = Bench::with("tiny.yaml", &with_claims(&[HELD]));
    bench.bn_runner("run tiny.yaml").exits(0).prints("held ");
    let trained = bench.text("results/tiny/quick/seed-1/manifest.json");
    bench.write("tiny.yaml", with_claims(&[UNDECIDED]));
    bench.bn_runner("run tiny.yaml").exits(0).prints("undecided ").says("10 of 10 trials are done");
    bench.write("tiny.yaml", TINY);
    let ended = bench.bn_runner("run tiny.yaml").exits(0);
    assert!(!ended.stdout.contains("claim"), "{ended}");
    assert_eq!(bench.text("results/tiny/quick/seed-1/manifest.json"), trained);
    assert!(!bench.has("results/tiny/expectations.csv"));
    bench.bn_runner("expect results").exits(4).says("no recorded experiment has claims");
}

#[test]
fn means_are_compared_alone_where_the_claim_says_so() {
    let claim = "quick.val_loss < slow.val_loss";
    let claims = [&*format!("{claim} with p < 0.9999"), &*format!("{claim} on average")];
    let bench = Bench::with("tiny.yaml", &with_claims(&claims));
    bench.bn_runner("run tiny.yaml --seeds 1,2").exits(0).prints("held ");
    let rows = bench.table("results/tiny/expectations.csv");
    let p: f64 = rows[0]["p"].parse().unwrap();
    assert!(p > 0.0 && p < 0.9999, "{p}");
    assert_eq!((&*rows[1]["outcome"], &*rows[1]["p"], &*rows[1]["test"]), ("held", "", "means"));
}

#[test]
fn a_trial_that_diverged_is_a_result_for_claims() {
    let claims = [
        "slow.diverged > 0",
        "quick.diverged ~= 0 within 0",
        "slow.test_accuracy < quick.test_accuracy",
        "slow.val_loss > quick.val_loss on average",
    ];
    let text = edited(&with_claims(&claims), "learning_rate: 0.000001", "learning_rate: 1e30");
    let bench = Bench::with("tiny.yaml", &text);
    bench.bn_runner("run tiny.yaml").exits(0).prints("`slow` diverged with every seed");
    let rows = bench.table("results/tiny/expectations.csv");
    for row in &rows {
        assert_eq!(row["outcome"], "held", "{row:?}");
    }
    assert_eq!((&*rows[0]["left"], &*rows[2]["left"]), ("1.0", "0.0"));
    assert_eq!(rows[3]["left"], "inf");
    bench.bn_runner("expect results").exits(0);
}

#[test]
fn a_trial_that_failed_leaves_claims_undecided_and_has_precedence() {
    let bench = Bench::with("tiny.yaml", &with_claims(&["quick.params < 1"]));
    bench
        .bn_runner("run tiny.yaml --timeout 0.000001")
        .exits(100)
        .prints("undecided  quick.params < 1")
        .prints("`quick` failed with seed 1");
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
            .says("there is no quantity `val_acuracy`")
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
