//! Claims decided over trials that are made up.

use std::io::Write as _;

use super::*;
use crate::analysis::test_data::trial;
use crate::record::Status;
use crate::spec::{ClaimRelation, ClaimRule, Overrides, Relation, load};

const FILE: &str = "\
name: e
dataset: fashion_mnist
model: { layers: [flatten, { dense: { units: 10, activation: softmax } }] }
training: { optimizer: sgd, epochs: 3 }
seeds: [1, 2, 3]
variants: { slow: {}, quick: {} }
expect:
  - CLAIM
";

fn claim(text: &str) -> Claim {
    let mut file = tempfile::Builder::new().suffix(".yaml").tempfile().unwrap();
    file.write_all(FILE.replace("CLAIM", text).as_bytes()).unwrap();
    let experiment = load(file.path(), &Overrides::default());
    experiment.unwrap_or_else(|error| panic!("{error}")).claims[0].clone()
}

/// `slow` ends at 0.5, 0.6 and 0.7, `quick` at 0.74, 0.85 and 0.93; its best epochs are 0.05 higher.
fn results() -> ExperimentResults {
    let mut trials = Vec::new();
    for (seed, slow, quick) in [(1, 0.5, 0.79), (2, 0.6, 0.9), (3, 0.7, 0.98)] {
        trials.push(trial("e", "slow", &[], seed, &[0.1, 0.2, slow]));
        trials.push(trial("e", "quick", &[], seed, &[0.1, quick, quick - 0.05]));
    }
    ExperimentResults::new("e", "", trials)
}

/// One accuracy per seed of both cases; NaN stands for a trial that diverged.
fn ending_at(slow: &[f64], quick: &[f64]) -> ExperimentResults {
    let mut trials = Vec::new();
    for (label, accuracies) in [("slow", slow), ("quick", quick)] {
        for (seed, accuracy) in (1..).zip(accuracies) {
            let mut trial = trial("e", label, &[], seed, &[0.2, *accuracy]);
            if accuracy.is_nan() {
                trial.manifest.status = Status::Diverged;
                trial.manifest.outcome = None;
            }
            trials.push(trial);
        }
    }
    ExperimentResults::new("e", "", trials)
}

fn over(results: &ExperimentResults, text: &str) -> Verdict {
    judge(&[claim(text)], results, &results.seeds()).remove(0)
}

fn judged(text: &str) -> Verdict {
    over(&results(), text)
}

#[track_caller]
fn close(ours: Option<f64>, theirs: f64) {
    let ours = ours.expect("there is a number");
    assert!((ours - theirs).abs() < 1e-12, "{ours:?} {theirs:?}");
}

#[test]
fn every_quantity_has_a_value_per_seed() {
    for (text, left) in [
        ("slow.val_accuracy > 0", 0.6),
        ("quick.val_accuracy > 0", 0.84),
        ("quick.last_val_accuracy > 0", 0.84),
        ("quick.best_val_accuracy > 0", 0.89),
        ("quick.best_val_loss > 0", 0.11),
        ("quick.val_accuracy@2 > 0", 0.89),
        ("slow.accuracy@1 > 0", 0.05),
        ("slow.epochs_to(val_accuracy >= 0.45) > 0", 3.0),
        ("quick.seconds_to(val_accuracy >= 0.45) > 0", 4.0),
        ("slow.test_loss > 0", 0.4),
        ("slow.epoch_seconds > 0", 2.0),
        ("slow.train_seconds > 0", 6.0),
        ("slow.params > 0", 271_346.0),
        ("slow.diverged > 0", 0.0),
        ("1 + 2 * (slow.val_accuracy - quick.val_accuracy / 2) > 0", 1.36),
        ("10 − -slow.val_accuracy × 10 ÷ 2 > 0", 13.0),
    ] {
        close(judged(text).left, left);
    }
}

#[test]
fn metrics_are_of_the_kept_epoch_unless_they_name_the_last() {
    let mut results = results();
    for case in &mut results.cases {
        for trial in &mut case.trials {
            trial.manifest.kept_epoch = Some(2);
        }
    }
    close(over(&results, "quick.val_accuracy > 0").left, 0.89);
    close(over(&results, "quick.last_val_accuracy > 0").left, 0.84);
    close(over(&results, "quick.last_loss > 0").left, 0.21);
}

#[test]
fn an_order_is_held_refuted_or_undecided_by_the_paired_t_test() {
    let verdict = judged("quick.best_val_accuracy > slow.best_val_accuracy");
    assert_eq!((verdict.outcome, verdict.n), (ClaimOutcome::Held, Some(3)));
    // scipy.stats.ttest_rel([0.79, 0.9, 0.98], [0.5, 0.6, 0.7]), confidence_interval(0.95)
    close(verdict.p, 0.000_396_118_058_718_618_2);
    close(verdict.ci95.map(|ci| ci.0), 0.265_158_622_882_496_7);
    assert_eq!(verdict.test, Some(ClaimTest::Paired));
    assert_eq!((&*verdict.reason, &*verdict.note), ("", ""));

    let verdict = judged("quick.best_val_accuracy < slow.val_accuracy");
    assert_eq!(verdict.outcome, ClaimOutcome::Refuted);
    for relation in [">", ">=", "<", "<="] {
        let verdict = judged(&format!("quick.val_accuracy {relation} 0.8"));
        // scipy.stats.ttest_1samp([0.74, 0.85, 0.93], 0.8).pvalue
        close(verdict.p, 0.543_167_807_423_872_2);
        assert_eq!(verdict.test, Some(ClaimTest::OneSample));
        assert_eq!(verdict.outcome, ClaimOutcome::Undecided);
        // TTestPower().power(0.04 / std, n, 0.05): 0.795 with 46 and 0.804 with 47.
        assert_eq!(
            verdict.reason,
            "not distinguishable at n = 3; about 47 seeds for 80 % power at this difference and \
             spread"
        );
    }
}

#[test]
fn at_least_is_held_where_more_is_and_where_nothing_differs() {
    assert_eq!(judged("quick.best_loss <= slow.loss").outcome, ClaimOutcome::Held);
    assert_eq!(judged("quick.val_accuracy <= slow.val_accuracy").outcome, ClaimOutcome::Refuted);
    let same = results();
    for (relation, outcome) in [
        (">=", ClaimOutcome::Held),
        ("<=", ClaimOutcome::Held),
        (">", ClaimOutcome::Refuted),
        ("<", ClaimOutcome::Refuted),
    ] {
        let verdict = over(&same, &format!("slow.test_accuracy {relation} slow.val_accuracy"));
        assert_eq!((verdict.outcome, verdict.test), (outcome, Some(ClaimTest::Exact)));
        assert_eq!((verdict.p, verdict.p_holm), (None, None));
    }
    // Not worse by more than 0.1, although the order itself is undecided.
    let results = ending_at(&[0.80, 0.81, 0.82], &[0.81, 0.80, 0.82]);
    let outcome = |text: &str| over(&results, text).outcome;
    assert_eq!(outcome("quick.val_accuracy >= slow.val_accuracy"), ClaimOutcome::Undecided);
    assert_eq!(outcome("quick.val_accuracy > slow.val_accuracy - 0.1"), ClaimOutcome::Held);
}

#[test]
fn the_level_is_that_of_the_claim() {
    let results = ending_at(&[0.5, 0.6, 0.7], &[0.59, 0.72, 0.78]);
    // scipy.stats.ttest_rel: p = 0.0151
    let outcome = |text: &str| over(&results, text).outcome;
    let claim = "quick.val_accuracy > slow.val_accuracy";
    assert_eq!(outcome(claim), ClaimOutcome::Held);
    assert_eq!(outcome(&format!("{claim} with p < 0.01")), ClaimOutcome::Undecided);
    assert_eq!(outcome(&format!("{claim} with p < 0.02")), ClaimOutcome::Held);
}

#[test]
fn on_average_compares_the_means_without_a_test() {
    for (text, outcome) in [
        ("quick.val_accuracy > 0.8 on average", ClaimOutcome::Held),
        ("quick.val_accuracy < 0.8 on average", ClaimOutcome::Refuted),
        (
            "quick.best_val_accuracy ~= quick.val_accuracy within 0.05 on average",
            ClaimOutcome::Held,
        ),
        ("quick.val_accuracy ~= 0.8 within 0.039 on average", ClaimOutcome::Refuted),
    ] {
        let verdict = judged(text);
        assert_eq!((verdict.outcome, verdict.p), (outcome, None), "{text}");
    }
}

#[test]
fn equivalence_is_held_refuted_or_undecided_by_two_one_sided_tests() {
    let results = ending_at(&[0.80, 0.81, 0.82, 0.83], &[0.801, 0.812, 0.819, 0.831]);
    let verdict = over(&results, "slow.val_accuracy ~= quick.val_accuracy within 0.01");
    assert_eq!((verdict.outcome, verdict.test), (ClaimOutcome::Held, Some(ClaimTest::Equivalence)));
    // statsmodels.stats.weightstats.ttost_paired(slow, quick, -0.01, 0.01)[0]
    let p = verdict.p.unwrap();
    assert!((p - 0.000_341_269_949_948_306_9).abs() < 1e-11, "{p:?}");
    close(verdict.equivalence_ci.map(|ci| ci.0), -0.002_230_625_358_231_156_5);
    assert_eq!(verdict.level, Some(0.05));
    let outcome = |text: &str| over(&results, text).outcome;
    assert_eq!(outcome("slow.val_accuracy ~= 0.9 within 0.01"), ClaimOutcome::Refuted);
    assert_eq!(outcome("slow.val_accuracy ~= 0.82 within 0.01"), ClaimOutcome::Undecided);
    let reason = over(&results, "slow.val_accuracy ~= 0.82 within 0.01").reason;
    assert_eq!(
        reason,
        "neither within nor outside the tolerance at n = 4; about 43 seeds for 80 % power at \
         this difference and spread"
    );
    // At another level, another interval decides.
    let claim = "slow.val_accuracy ~= quick.val_accuracy within 0.0023";
    assert_eq!(outcome(claim), ClaimOutcome::Held);
    assert_eq!(outcome(&format!("{claim} with p < 0.01")), ClaimOutcome::Undecided);
}

#[test]
fn one_seed_is_compared_as_it_is_and_called_untested() {
    let one = |text: &str| judge(&[claim(text)], &results(), &[1]).remove(0);
    let held = one("quick.val_accuracy > slow.val_accuracy with p < 0.01");
    assert_eq!(held.outcome.as_str(), "held, untested (n = 1)");
    assert_eq!((held.n, held.p), (Some(1), None));
    assert_eq!(one("slow.val_accuracy > 0.5").outcome.as_str(), "refuted, untested (n = 1)");
    assert_eq!(one("slow.val_accuracy ~= 0.6 within 0.1").outcome, ClaimOutcome::HeldUntested);
    // What no seed changes needs no second one.
    assert_eq!(one("slow.params ~= quick.params within 0").outcome, ClaimOutcome::Held);
    let counts = |strict| ClaimOutcome::ALL.map(|outcome| outcome.counts_as_refuted(strict));
    assert_eq!(counts(false), [false, true, false, false, true]);
    assert_eq!(counts(true), [false, true, true, true, true]);
}

#[test]
fn what_no_seed_changes_is_compared_exactly() {
    for (text, outcome) in [
        ("slow.params <= quick.params", ClaimOutcome::Held),
        ("slow.params < quick.params", ClaimOutcome::Refuted),
        ("slow.params - quick.params ~= 0.3 - 0.2 within 0.1", ClaimOutcome::Held),
        ("slow.val_accuracy@1 ~= quick.val_accuracy@1 within 0", ClaimOutcome::Held),
    ] {
        let verdict = judged(text);
        assert_eq!((verdict.outcome, verdict.test), (outcome, Some(ClaimTest::Exact)), "{text}");
    }
}

#[test]
fn differences_that_are_equal_for_all_seeds_take_three() {
    let text = "quick.best_val_accuracy > quick.val_accuracy";
    let three = judged(text);
    assert_eq!((three.outcome, three.p), (ClaimOutcome::Held, Some(0.0)));
    assert_eq!(three.note, "the difference is the same for every seed");
    let two = judge(&[claim(text)], &results(), &[1, 2]).remove(0);
    assert_eq!((two.outcome, two.seeds_needed), (ClaimOutcome::Undecided, Some(Seeds::About(3))));
    assert_eq!(two.reason, "the difference is the same for all 2 seeds; a decision takes 3 seeds");
    for (tolerance, outcome) in [(0.05, ClaimOutcome::Held), (0.049, ClaimOutcome::Refuted)] {
        let text = format!("quick.best_val_accuracy ~= quick.val_accuracy within {tolerance}");
        assert_eq!(judged(&text).outcome, outcome);
    }
}

#[test]
fn a_trial_that_diverged_is_worst_in_accuracy_and_known_as_diverged() {
    let nan = f64::NAN;
    let results = ending_at(&[nan, 0.2, nan], &[0.90, 0.91, 0.92]);
    close(over(&results, "slow.diverged > 0 on average").left, 2.0 / 3.0);
    assert_eq!(over(&results, "slow.diverged > 0 on average").outcome, ClaimOutcome::Held);
    assert_eq!(over(&results, "quick.diverged ~= 0 within 0").outcome, ClaimOutcome::Held);
    for quantity in ["accuracy", "val_accuracy", "test_accuracy", "best_val_accuracy"] {
        let left = if quantity == "accuracy" { 0.05 } else { 0.2 / 3.0 };
        close(over(&results, &format!("slow.{quantity} < 1")).left, left);
    }
    let verdict = over(&results, "slow.val_accuracy < quick.val_accuracy");
    assert_eq!(verdict.outcome, ClaimOutcome::Held);
    assert!(verdict.note.starts_with("`slow` diverged with seeds 1, 3; "), "{}", verdict.note);
    // What was recorded before is as it was.
    close(over(&results, "slow.val_accuracy@1 < 1").left, 0.2);
    assert_eq!(over(&results, "slow.params < 1").outcome, ClaimOutcome::Refuted);
    let all = ending_at(&[nan; 3], &[0.90, 0.91, 0.92]);
    assert_eq!(over(&all, "slow.diverged > 0").outcome, ClaimOutcome::Held);
    assert_eq!(over(&all, "slow.diverged ~= 1 within 0").outcome, ClaimOutcome::Held);
}

#[test]
fn a_target_that_is_never_reached_is_later_than_any_other() {
    let nan = f64::NAN;
    let text = "quick.epochs_to(val_accuracy >= 0.8) < slow.epochs_to(val_accuracy >= 0.8)";
    let few = ending_at(&[0.7, nan, 0.9], &[0.90, 0.91, 0.92]);
    let verdict = over(&few, text);
    assert_eq!((verdict.outcome, verdict.test), (ClaimOutcome::Undecided, Some(ClaimTest::Sign)));
    assert_eq!(verdict.right, Some(f64::INFINITY));
    assert_eq!(
        verdict.reason,
        "`slow` diverged with seed 2; `slow` never reached val_accuracy >= 0.8 with seed 1; left is \
         greater for 0 and less for 2 of 3 seeds, which the sign test cannot tell from chance; about \
         9 seeds for 80 % power at this share of seeds"
    );
    let six = ending_at(&[0.7, nan, 0.7, 0.6, 0.7, 0.5], &[0.90, 0.91, 0.92, 0.93, 0.94, 0.95]);
    let verdict = over(&six, text);
    assert_eq!((verdict.outcome, verdict.p), (ClaimOutcome::Held, Some(0.03125)));
    let reversed = text.replace(" < ", " > ");
    assert_eq!(over(&six, &reversed).outcome, ClaimOutcome::Refuted);
    // The loss of a trial that diverged is infinite, too.
    assert_eq!(over(&few, "slow.val_loss > 5").test, Some(ClaimTest::Sign));
    assert_eq!(over(&few, "slow.val_loss > 5 on average").outcome, ClaimOutcome::Held);
    let within = over(&few, "slow.val_loss ~= 0.1 within 0.5");
    assert_eq!(within.outcome, ClaimOutcome::Undecided);
    assert!(within.reason.ends_with("the equivalence test takes finite numbers"));
    // One seed is compared as it is.
    let one = |seed| judge(&[claim(text)], &few, &[seed]).remove(0).outcome;
    assert_eq!((one(1), one(3)), (ClaimOutcome::HeldUntested, ClaimOutcome::RefutedUntested));
    // Where neither side ever reaches it, nothing is known of their order.
    let never = ending_at(&[0.7, 0.6], &[0.7, 0.5]);
    let reason = over(&never, text).reason;
    assert_eq!(
        reason,
        "`quick` never reached val_accuracy >= 0.8 with any seed; `slow` never reached val_accuracy \
         >= 0.8 with any seed; the order of the sides is unknown for every seed"
    );
}

#[test]
fn decisions_that_would_not_survive_holms_correction_are_noted() {
    let results = ending_at(&[0.5, 0.6, 0.7], &[0.59, 0.72, 0.78]);
    let claims = [
        claim("quick.val_accuracy > slow.val_accuracy"),
        claim("quick.val_accuracy > slow.val_accuracy + 0.09"),
        claim("quick.test_accuracy < slow.test_accuracy - 0.01"),
        claim("quick.params > 0"),
        claim("quick.best_val_accuracy ~= slow.best_val_accuracy within 1"),
        claim("quick.val_accuracy@2 > slow.val_accuracy@2"),
        claim("quick.test_accuracy ~= slow.test_accuracy within 0.1"),
    ];
    let verdicts = judge(&claims, &results, &[1, 2, 3]);
    // The smallest of six p-values is that of the equivalence within 1; 0.0125 is the next.
    let p: Vec<f64> = verdicts.iter().filter_map(|verdict| verdict.p).collect();
    assert_eq!(p.len(), 6);
    close(verdicts[0].p_holm, 5.0 * verdicts[2].p.unwrap());
    close(verdicts[2].p_holm, 5.0 * verdicts[2].p.unwrap());
    close(verdicts[4].p_holm, 6.0 * verdicts[4].p.unwrap());
    close(verdicts[1].p_holm, 2.0 * verdicts[6].p.unwrap());
    let words = "at 5 % after Holm's correction for 6 tests";
    assert_eq!(verdicts[0].outcome, ClaimOutcome::Held);
    assert_eq!(verdicts[0].note, format!("would not hold {words}"));
    assert_eq!(verdicts[2].outcome, ClaimOutcome::Refuted);
    assert_eq!(verdicts[2].note, format!("would not count as refuted {words}"));
    assert_eq!((verdicts[1].outcome, &*verdicts[1].note), (ClaimOutcome::Undecided, ""));
    assert_eq!((verdicts[4].outcome, &*verdicts[4].note), (ClaimOutcome::Held, ""));
    assert_eq!(verdicts[3].p_holm, None);
}

#[test]
fn tests_of_differences_that_may_be_skewed_carry_a_note_below_ten_seeds() {
    let constant =
        "one side is a constant: if it is skewed, a t-test errs more often below 10 seeds";
    assert_eq!(judged("quick.val_accuracy > 0.5").note, constant);
    assert_eq!(judged("quick.val_accuracy > slow.params").note, constant);
    let kinds = "the sides are different quantities";
    assert!(judged("quick.val_accuracy > 1.1 * slow.val_accuracy").note.starts_with(kinds));
    assert!(judged("quick.best_val_accuracy > slow.val_accuracy@2").note.starts_with(kinds));
    assert_eq!(judged("quick.val_accuracy - slow.val_accuracy > 0.1").note, "");
    let uneven = ending_at(&[0.1, 0.2, 0.3], &[0.90, 0.91, 0.92]);
    let note = over(&uneven, "quick.val_accuracy > slow.val_accuracy").note;
    assert!(note.starts_with("one side varies more than three times as much as the other"));
    let ten: Vec<f64> = (0..10).map(|seed| 0.8 + 0.01 * f64::from(seed)).collect();
    assert_eq!(over(&ending_at(&ten, &ten), "quick.val_accuracy > 0.5").note, "");
}

#[test]
fn seconds_of_trials_that_ran_with_different_numbers_of_others_are_noted() {
    let mut results = results();
    let claims = [
        claim("quick.epoch_seconds < 2 * slow.epoch_seconds"),
        claim("slow.seconds_to(loss < 0) < 1"),
        claim("slow.loss < 9"),
    ];
    let notes = |results: &ExperimentResults| {
        let verdicts = judge(&claims, results, &[1]);
        verdicts.into_iter().map(|verdict| verdict.note).collect::<Vec<_>>()
    };
    let never = "`slow` never reached loss < 0 with seed 1";
    assert_eq!(notes(&results), ["", never, ""]);
    let jobs = results.cases[0].trials[1].manifest.jobs;
    results.cases[0].trials[1].manifest.jobs = jobs + 1;
    let note = format!("some trials ran {jobs} at a time, others {} at a time", jobs + 1);
    assert_eq!(notes(&results), [&*note, &format!("{never}; {note}"), ""]);
}

#[test]
fn a_seed_without_a_number_leaves_a_claim_undecided() {
    let verdict = judged("slow.params / (slow.params - slow.params) > 1");
    assert_eq!(verdict.reason, "a side of it comes to inf with seed 1");
    let mut results = results();
    results.cases[0].trials[1].epochs.pop();
    let verdict = over(&results, "slow.val_loss@3 < 1");
    assert_eq!(verdict.reason, "`slow` has no epoch 3 with seed 2");
    assert_eq!((verdict.n, verdict.right), (None, Some(1.0)));
    results.cases[0].trials[1] = trial("e", "slow", &[], 2, &[]);
    let of = |seeds: &[u64]| judge(&[claim("slow.params < 1")], &results, seeds).remove(0);
    assert_eq!(of(&[1, 2, 3]).reason, "`slow` failed with seed 2");
    assert_eq!(of(&[1, 4]).reason, "`slow` has no trial with seed 4");
    assert_eq!(of(&[1, 3]).outcome, ClaimOutcome::Refuted);
}

#[test]
fn the_file_has_a_row_per_claim_and_is_removed_with_the_claims() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("expectations.csv");
    let verdicts = [
        judged("slow.params < 1"),
        judged("slow.params > quick.seconds_to(val_loss < 0) + 0.5 with p < 0.1"),
        judged("quick.val_accuracy > 0.8 on average"),
    ];
    write_expectations(folder.path(), "=e", &verdicts).unwrap();
    assert_eq!(
        std::fs::read_to_string(&path).unwrap(),
        "experiment,claim,outcome,n,left,right,difference,ci95_low,ci95_high,p,reason,p_holm,\
         seeds_needed,test,level,equivalence_ci_low,equivalence_ci_high,note\n\
         '=e,slow.params < 1,refuted,3,271346.0,1.0,271345.0,,,,,,,exact,,,,\n\
         '=e,slow.params > quick.seconds_to(val_loss < 0) + 0.5 with p < 0.1,undecided,3,\
         271346.0,inf,-inf,,,0.25,\"`quick` never reached val_loss < 0 with any seed; left is greater \
         for 0 and less for 3 of 3 seeds, which the sign test cannot tell from chance; about 5 seeds \
         for 80 % power at this share of seeds\",0.25,5,sign,0.1,,,\n\
         '=e,quick.val_accuracy > 0.8 on average,held,3,0.8399999999999999,0.8,0.039999999999999813,,,,,,,means,,,,\n"
    );
    write_expectations(folder.path(), "e", &[]).unwrap();
    assert!(!path.exists());
    write_expectations(folder.path(), "e", &[]).unwrap();
}

#[test]
fn exchangeable_samples_are_told_apart_once_in_twenty_times() {
    // The simulation in `scripts/claims_simulation.py` in small: normal differences at n = 5.
    let mut state = 1_u64;
    let mut uniform = || {
        state =
            state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 11) as f64 / (1_u64 << 53) as f64
    };
    let mut normal = || (0..12).map(|_| uniform()).sum::<f64>() - 6.0;
    let mut decided = 0;
    for _ in 0..4_000 {
        let sides = Sides {
            left: (0..5).map(|_| normal()).collect(),
            right: (0..5).map(|_| normal()).collect(),
            is_constant: false,
            comparison: Comparison::Alike { spreads: (1.0, 1.0) },
        };
        let relation = ClaimRelation::Order(Relation::Greater);
        let decision = decide(&sides, relation, ClaimRule::default());
        decided += usize::from(decision.outcome != ClaimOutcome::Undecided);
    }
    assert!((150..250).contains(&decided), "{decided} of 4000");
}
