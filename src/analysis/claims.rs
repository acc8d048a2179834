//! The claims of a file, held against what was recorded.

use std::collections::BTreeSet;
use std::path::Path;

use anyhow::Result;

use crate::record::{RecordedTrial, Status, remove_if_there};
use crate::spec::{Claim, ClaimRelation, Expression, Quantity, Term};

use super::difference::Difference;
use super::metrics::best;
use super::statistics::mean;
use super::table::{Cell, Kind, Table};
use super::tables::write_csv;
use super::{EpochMetric, ExperimentResults, Metric, epochs_to, seconds_to};

/// What became of a claim.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ClaimOutcome {
    /// The numbers are as claimed.
    Held,
    /// They are not.
    Failed,
    /// There are not the numbers to tell.
    Undecided,
}

impl ClaimOutcome {
    /// The word in tables.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Held => "held",
            Self::Failed => "failed",
            Self::Undecided => "undecided",
        }
    }
}

/// A claim with its outcome and the numbers behind it.
#[derive(Debug, Clone)]
pub struct Verdict {
    /// The claim.
    pub claim: Claim,
    /// What became of it.
    pub outcome: ClaimOutcome,
    /// Seeds that it was decided over, if it was.
    pub n: Option<usize>,
    /// Its left side, of means over seeds.
    pub left: Option<f64>,
    /// Its right side.
    pub right: Option<f64>,
    /// The difference of the sides seed by seed, where a claim asks for its probability.
    pub difference: Option<Difference>,
    /// Why it failed in spite of its means, or is undecided, or what makes it doubtful; empty otherwise.
    pub reason: String,
}

/// Holds claims against the results of their experiment. Each quantity is a mean over `seeds`, and a
/// seed that lacks a number leaves the claim undecided: without it, the mean would be of others.
pub fn judge(claims: &[Claim], results: &ExperimentResults, seeds: &[u64]) -> Vec<Verdict> {
    let judged = |claim| {
        let verdict = judge_one(claim, results, seeds);
        let own = Some(verdict.reason).filter(|reason| !reason.is_empty());
        let reasons: Vec<String> = own.into_iter().chain(timed_otherwise(claim, results)).collect();
        Verdict { reason: reasons.join("; "), ..verdict }
    };
    claims.iter().map(judged).collect()
}

fn judge_one(claim: &Claim, results: &ExperimentResults, seeds: &[u64]) -> Verdict {
    let side = |side: &Expression| numbers(side, results, seeds);
    let verdict = |outcome, left, right, difference, reason| Verdict {
        claim: claim.clone(),
        outcome,
        n: (outcome != ClaimOutcome::Undecided).then_some(seeds.len()),
        left,
        right,
        difference,
        reason,
    };
    let (left, right) = (side(&claim.left), side(&claim.right));
    let means = |side: &Result<Side, String>| side.as_ref().ok().map(|side| side.of_means);
    let (of_left, of_right) = (means(&left), means(&right));
    let (left, right) = match (left, right) {
        (Ok(left), Ok(right)) => (left, right),
        (Err(reason), _) | (Ok(_), Err(reason)) => {
            return verdict(ClaimOutcome::Undecided, of_left, of_right, None, reason);
        }
    };
    let decided = |held, difference, reason| {
        let outcome = if held { ClaimOutcome::Held } else { ClaimOutcome::Failed };
        verdict(outcome, of_left, of_right, difference, reason)
    };
    match claim.relation {
        ClaimRelation::Within(tolerance) => {
            let apart = (left.of_means - right.of_means).abs();
            // Decimal numbers have no exact binary ones: 0.3 and 0.2 are 0.1 apart.
            let rounding = 4.0 * f64::EPSILON * left.of_means.abs().max(right.of_means.abs());
            decided(apart <= tolerance + rounding, None, String::new())
        }
        ClaimRelation::Order(relation, None) => {
            decided(relation.holds(left.of_means, right.of_means), None, String::new())
        }
        ClaimRelation::Order(relation, Some(alpha)) => {
            let pairs: Vec<f64> =
                left.of_seeds.iter().zip(&right.of_seeds).map(|(one, other)| one - other).collect();
            let difference = Difference::paired(&pairs);
            if pairs.len() < 2 {
                let reason = "a p takes at least 2 seeds".to_owned();
                let difference = Some(difference);
                return verdict(ClaimOutcome::Undecided, of_left, of_right, difference, reason);
            }
            let significant = difference.p.is_some_and(|p| p < alpha);
            let ordered = relation.holds(left.of_means, right.of_means);
            let reason = match (ordered, significant) {
                (true, false) => format!("not distinguishable at n = {}", pairs.len()),
                (true, true) | (false, _) => String::new(),
            };
            decided(ordered && significant, Some(difference), reason)
        }
    }
}

/// What to think of where a claim compares seconds of trials that shared the machine with different
/// numbers of others.
fn timed_otherwise(claim: &Claim, results: &ExperimentResults) -> Option<String> {
    let is_time = |quantity| match quantity {
        Quantity::SecondsTo(_) | Quantity::EpochSeconds | Quantity::TrainSeconds => true,
        Quantity::Last(_)
        | Quantity::At(..)
        | Quantity::Best(_)
        | Quantity::EpochsTo(_)
        | Quantity::TestAccuracy
        | Quantity::TestLoss
        | Quantity::Params => false,
    };
    let terms = [&claim.left, &claim.right].into_iter().flat_map(Expression::terms);
    let timed: Vec<&Term> = terms.filter(|term| is_time(term.quantity)).collect();
    let cases =
        results.cases.iter().filter(|case| timed.iter().any(|term| term.case == case.label));
    let jobs: BTreeSet<usize> =
        cases.flat_map(|case| &case.trials).map(|trial| trial.manifest.jobs).collect();
    let jobs: Vec<String> = jobs.iter().map(|jobs| format!("{jobs} at a time")).collect();
    (jobs.len() > 1).then(|| format!("some trials ran {}", jobs.join(", others ")))
}

/// One side of a claim.
struct Side {
    /// Of the means of its quantities.
    of_means: f64,
    /// Of the quantities of each seed.
    of_seeds: Vec<f64>,
}

/// The numbers of one side, or why there are none.
fn numbers(
    expression: &Expression,
    results: &ExperimentResults,
    seeds: &[u64],
) -> Result<Side, String> {
    let mut terms: Vec<(&Term, Vec<f64>)> = Vec::new();
    for term in expression.terms() {
        terms.push((term, of_seeds(term, results, seeds)?));
    }
    let value = |of: &dyn Fn(&[f64]) -> f64| {
        let known = |term: &Term| {
            terms.iter().find(|(known, _)| *known == term).map(|(_, values)| of(values))
        };
        expression.value(&known).unwrap_or(f64::NAN)
    };
    let of_means = value(&|values| mean(values));
    if !of_means.is_finite() {
        return Err(format!("a side of it comes to {of_means}"));
    }
    let of_seeds = (0..seeds.len()).map(|seed| value(&|values| values[seed])).collect();
    Ok(Side { of_means, of_seeds })
}

/// A quantity of each seed, or why some seeds have none.
fn of_seeds(term: &Term, results: &ExperimentResults, seeds: &[u64]) -> Result<Vec<f64>, String> {
    let case = results.cases.iter().find(|case| case.label == term.case);
    let find = |seed: &u64| {
        let mut trials = case.into_iter().flat_map(|case| &case.trials);
        trials.find(|trial| trial.manifest.seed == *seed)
    };
    let mut values = Vec::new();
    let mut without = Vec::new();
    for seed in seeds {
        let trial = match find(seed) {
            None => return Err(format!("`{}` has no trial with seed {seed}", term.case)),
            Some(trial) => match trial.manifest.status {
                Status::Completed => trial,
                Status::Failed => return Err(format!("`{}` failed with seed {seed}", term.case)),
                Status::Diverged => {
                    return Err(format!("`{}` diverged with seed {seed}", term.case));
                }
                Status::Running | Status::Interrupted => {
                    return Err(format!("`{}` is unfinished with seed {seed}", term.case));
                }
            },
        };
        match of_trial(term.quantity, trial) {
            Some(value) => values.push(value),
            None => without.push(seed.to_string()),
        }
    }
    if without.is_empty() && !values.is_empty() {
        return Ok(values);
    }
    let who = match &without[..] {
        [] => return Err("there are no seeds".to_owned()),
        all if values.is_empty() && all.len() > 1 => "any seed".to_owned(),
        [seed] => format!("seed {seed}"),
        several => format!("seeds {}", several.join(", ")),
    };
    let case = &term.case;
    Err(match term.quantity {
        Quantity::EpochsTo(target) | Quantity::SecondsTo(target) => {
            format!("`{case}` never reached {target} with {who}")
        }
        Quantity::At(_, epoch) => format!("`{case}` has no epoch {epoch} with {who}"),
        Quantity::Last(_)
        | Quantity::Best(_)
        | Quantity::TestAccuracy
        | Quantity::TestLoss
        | Quantity::EpochSeconds
        | Quantity::TrainSeconds
        | Quantity::Params => format!("`{case}` has no {} with {who}", term.quantity),
    })
}

/// A quantity of one seed.
fn of_trial(quantity: Quantity, trial: &RecordedTrial) -> Option<f64> {
    let epochs = &trial.epochs;
    match quantity {
        Quantity::Last(metric) => EpochMetric::from(metric).of(trial.kept_row()?),
        Quantity::At(metric, epoch) => {
            EpochMetric::from(metric).of(epochs.iter().find(|row| row.epoch == epoch)?)
        }
        Quantity::Best(metric) => best(epochs, metric.into()).map(|best| best.value),
        Quantity::EpochsTo(target) => epochs_to(epochs, target).map(|epoch| epoch as f64),
        Quantity::SecondsTo(target) => seconds_to(epochs, target),
        Quantity::TestAccuracy => Metric::TestAccuracy.of(trial),
        Quantity::TestLoss => Metric::TestLoss.of(trial),
        Quantity::EpochSeconds => Metric::EpochSeconds.of(trial),
        Quantity::TrainSeconds => Metric::TrainSeconds.of(trial),
        Quantity::Params => Some(trial.manifest.parameters.total as f64),
    }
}

/// Writes `expectations.csv`, one row per claim. Where a file claims nothing, the last one goes: it
/// would be taken for this file's.
///
/// # Errors
/// When the folder cannot be written to.
pub fn write_expectations(folder: &Path, experiment: &str, verdicts: &[Verdict]) -> Result<()> {
    let path = folder.join("expectations.csv");
    if verdicts.is_empty() {
        return remove_if_there(&path);
    }
    write_csv(&path, &expectations_table(experiment, verdicts))
}

fn expectations_table(experiment: &str, verdicts: &[Verdict]) -> Table {
    let columns = [
        ("experiment", Kind::Text),
        ("claim", Kind::Text),
        ("outcome", Kind::Text),
        ("n", Kind::Integer),
        ("left", Kind::Number),
        ("right", Kind::Number),
        ("difference", Kind::Number),
        ("ci95_low", Kind::Number),
        ("ci95_high", Kind::Number),
        ("p", Kind::Number),
        ("reason", Kind::Text),
    ];
    let row = |verdict: &Verdict| {
        let difference = verdict.difference.as_ref();
        let ci95 = difference.and_then(|difference| difference.ci95);
        vec![
            Cell::text(experiment),
            Cell::text(&*verdict.claim.text),
            Cell::text(verdict.outcome.as_str()),
            verdict.n.map_or(Cell::Missing, Cell::count),
            Cell::number(verdict.left),
            Cell::number(verdict.right),
            Cell::number(verdict.left.zip(verdict.right).map(|(left, right)| left - right)),
            Cell::number(ci95.map(|ci| ci.0)),
            Cell::number(ci95.map(|ci| ci.1)),
            Cell::number(difference.and_then(|difference| difference.p)),
            Cell::text(&*verdict.reason),
        ]
    };
    Table {
        columns: columns.map(|(name, kind)| (name.to_owned(), kind)).to_vec(),
        rows: verdicts.iter().map(row).collect(),
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use super::*;
    use crate::analysis::test_data::trial;
    use crate::spec::{Overrides, load};

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

    /// `slow` ends at 0.5, 0.6 and 0.7, `quick` at 0.79, 0.9 and 0.98: 0.29, 0.3 and 0.28 apart.
    fn results() -> ExperimentResults {
        let mut trials = Vec::new();
        for (seed, slow, quick) in [(1, 0.5, 0.79), (2, 0.6, 0.9), (3, 0.7, 0.98)] {
            trials.push(trial("e", "slow", &[], seed, &[0.1, 0.2, slow]));
            trials.push(trial("e", "quick", &[], seed, &[0.1, quick, quick - 0.05]));
        }
        ExperimentResults::new("e", "", trials)
    }

    fn judged(text: &str) -> Verdict {
        judge_one(&claim(text), &results(), &[1, 2, 3])
    }

    #[test]
    fn every_quantity_is_the_mean_over_seeds() {
        for (text, left) in [
            ("slow.val_accuracy > 0", 0.6),
            ("quick.val_accuracy > 0", 0.84),
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
            ("1 + 2 * (slow.val_accuracy - quick.val_accuracy / 2) > 0", 1.36),
            ("10 − -slow.val_accuracy × 10 ÷ 2 > 0", 13.0),
        ] {
            let verdict = judged(text);
            assert_eq!(verdict.outcome, ClaimOutcome::Held, "{text}");
            let found = verdict.left.unwrap();
            assert!((found - left).abs() < 1e-12, "{text}: {found}");
        }
    }

    #[test]
    fn relations_hold_or_fail_on_the_means() {
        for (text, outcome) in [
            ("slow.val_accuracy < quick.val_accuracy", ClaimOutcome::Held),
            ("slow.val_accuracy >= quick.val_accuracy", ClaimOutcome::Failed),
            ("slow.params <= quick.params", ClaimOutcome::Held),
            ("slow.params < quick.params", ClaimOutcome::Failed),
            ("quick.best_val_accuracy ~= quick.val_accuracy within 0.05", ClaimOutcome::Held),
            ("quick.best_val_accuracy ~= quick.val_accuracy within 0.049", ClaimOutcome::Failed),
        ] {
            assert_eq!(judged(text).outcome, outcome, "{text}");
        }
    }

    #[test]
    fn significance_takes_the_seeds_in_pairs() {
        let verdict = judged("quick.best_val_accuracy > slow.val_accuracy with p < 0.001");
        // scipy.stats.ttest_rel([0.79, 0.9, 0.98], [0.5, 0.6, 0.7]).pvalue
        let p = verdict.difference.unwrap().p.unwrap();
        assert!((p - 0.000_396_118_058_718_618_2).abs() < 1e-9, "{p}");
        assert_eq!(verdict.outcome, ClaimOutcome::Held);

        let verdict = judged("quick.val_accuracy > 0.8 with p < 0.05");
        // scipy.stats.ttest_1samp([0.74, 0.85, 0.93], 0.8).pvalue
        let p = verdict.difference.unwrap().p.unwrap();
        assert!((p - 0.543_167_807_423_872_2).abs() < 1e-9, "{p}");
        assert_eq!(verdict.outcome, ClaimOutcome::Failed);
        assert_eq!(verdict.reason, "not distinguishable at n = 3");

        let one = judge_one(&claim("quick.val_loss < 1 with p < 0.05"), &results(), &[1]);
        assert_eq!(one.outcome, ClaimOutcome::Undecided);
        assert_eq!(one.reason, "a p takes at least 2 seeds");
    }

    #[test]
    fn seconds_of_trials_that_ran_otherwise_are_told_apart() {
        let mut results = results();
        let claims = [
            claim("quick.epoch_seconds < 2 * slow.epoch_seconds"),
            claim("slow.seconds_to(loss < 0) < 1"),
            claim("slow.loss < 9"),
        ];
        let reasons = |results: &ExperimentResults| {
            let verdicts = judge(&claims, results, &[1, 2, 3]);
            verdicts.into_iter().map(|verdict| verdict.reason).collect::<Vec<_>>()
        };
        let never = "`slow` never reached loss < 0 with any seed";
        assert_eq!(reasons(&results), ["", never, ""]);
        let jobs = results.cases[0].trials[1].manifest.jobs;
        results.cases[0].trials[1].manifest.jobs = jobs + 1;
        let note = format!("some trials ran {jobs} at a time, others {} at a time", jobs + 1);
        assert_eq!(reasons(&results), [&*note, &format!("{never}; {note}"), ""]);
    }

    #[test]
    fn what_some_seed_lacks_leaves_a_claim_undecided() {
        for (text, reason) in [
            (
                "slow.epochs_to(val_accuracy >= 0.6) < 9",
                "`slow` never reached val_accuracy >= 0.6 with seed 1",
            ),
            (
                "quick.params < slow.seconds_to(loss < 0) + 1",
                "`slow` never reached loss < 0 with any seed",
            ),
            ("slow.params / (slow.params - slow.params) > 1", "a side of it comes to inf"),
        ] {
            let verdict = judged(text);
            assert_eq!(verdict.outcome, ClaimOutcome::Undecided, "{text}");
            assert_eq!(verdict.reason, reason);
        }
        let mut results = results();
        results.cases[0].trials[1].epochs.pop();
        let verdict = judge_one(&claim("slow.val_loss@3 < 1"), &results, &[1, 2, 3]);
        assert_eq!(verdict.reason, "`slow` has no epoch 3 with seed 2");
        results.cases[0].trials[1] = trial("e", "slow", &[], 2, &[]);
        let of = |seeds: &[u64]| judge_one(&claim("slow.params < 1"), &results, seeds);
        assert_eq!(of(&[1, 2, 3]).reason, "`slow` failed with seed 2");
        assert_eq!(of(&[1, 4]).reason, "`slow` has no trial with seed 4");
        assert_eq!(of(&[1, 3]).outcome, ClaimOutcome::Failed);
    }

    #[test]
    fn the_file_has_a_row_per_claim_and_goes_with_the_claims() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("expectations.csv");
        let verdicts = [
            judged("slow.params < 1"),
            judged("slow.params > quick.seconds_to(val_loss < 0) + 0.5 with p < 0.1"),
        ];
        write_expectations(folder.path(), "=e", &verdicts).unwrap();
        assert_eq!(
            std::fs::read_to_string(&path).unwrap(),
            "experiment,claim,outcome,n,left,right,difference,ci95_low,ci95_high,p,reason\n\
             '=e,slow.params < 1,failed,3,271346.0,1.0,271345.0,,,,\n\
             '=e,slow.params > quick.seconds_to(val_loss < 0) + 0.5 with p < 0.1,undecided,,\
             271346.0,,,,,,`quick` never reached val_loss < 0 with any seed\n"
        );
        write_expectations(folder.path(), "e", &[]).unwrap();
        assert!(!path.exists());
        write_expectations(folder.path(), "e", &[]).unwrap();
    }
}
