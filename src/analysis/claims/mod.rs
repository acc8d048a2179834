//! Decides the claims of an experiment file from its recorded trials.
//!
//! `sides` evaluates both sides of a claim seed by seed, `decide` tests their difference, and
//! `expectations` writes the outcomes to `expectations.csv`.

mod decide;
mod expectations;
mod sides;
#[cfg(test)]
mod tests;

pub use decide::{ClaimTest, Comparison, Decision, Sides, decide};
pub use expectations::write_expectations;

use std::collections::BTreeSet;

use crate::spec::{Claim, Expression, Term};

use super::ExperimentResults;
use super::power::Seeds;
use super::statistics::{holm, mean};
use sides::{Side, both, side};

/// The outcome of a claim.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ClaimOutcome {
    /// The numbers are as claimed, by the rule that decides the claim.
    Held,
    /// They are the opposite of what is claimed, by the same rule.
    Refuted,
    /// Neither of the two.
    Undecided,
    /// The numbers of a single seed are as claimed.
    HeldUntested,
    /// The numbers of a single seed are not as claimed.
    RefutedUntested,
}

impl ClaimOutcome {
    /// All outcomes.
    pub const ALL: [Self; 5] =
        [Self::Held, Self::Refuted, Self::Undecided, Self::HeldUntested, Self::RefutedUntested];

    /// Held or refuted; by one seed, untested.
    fn of(holds: bool, by_one_seed: bool) -> Self {
        match (holds, by_one_seed) {
            (true, false) => Self::Held,
            (true, true) => Self::HeldUntested,
            (false, false) => Self::Refuted,
            (false, true) => Self::RefutedUntested,
        }
    }

    /// The text in tables.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Held => "held",
            Self::Refuted => "refuted",
            Self::Undecided => "undecided",
            Self::HeldUntested => "held, untested (n = 1)",
            Self::RefutedUntested => "refuted, untested (n = 1)",
        }
    }

    /// Whether it counts as refuted for the exit code; strictly, undecided and untested claims do.
    pub fn counts_as_refuted(self, strict: bool) -> bool {
        match self {
            Self::Held => false,
            Self::Refuted | Self::RefutedUntested => true,
            Self::Undecided | Self::HeldUntested => strict,
        }
    }
}

/// A claim with its outcome and the numbers behind it.
#[derive(Debug, Clone)]
pub struct Verdict {
    /// The claim.
    pub claim: Claim,
    /// Its outcome.
    pub outcome: ClaimOutcome,
    /// The seeds over which both sides have values.
    pub n: Option<usize>,
    /// The mean of its left side over the seeds.
    pub left: Option<f64>,
    /// The mean of its right side.
    pub right: Option<f64>,
    /// How it was decided; a side without values has no test.
    pub test: Option<ClaimTest>,
    /// The 95 % confidence interval of the difference.
    pub ci95: Option<(f64, f64)>,
    /// The interval of the difference that decides on equivalence.
    pub equivalence_ci: Option<(f64, f64)>,
    /// The level of its test.
    pub level: Option<f64>,
    /// The p-value of its test.
    pub p: Option<f64>,
    /// The p-value adjusted for all tested claims of the experiment (Holm 1979).
    pub p_holm: Option<f64>,
    /// The seeds that it would take to decide an undecided claim.
    pub seeds_needed: Option<Seeds>,
    /// Why it is undecided; empty otherwise.
    pub reason: String,
    /// What to keep in mind about the outcome; may be empty.
    pub note: String,
}

impl Verdict {
    /// The mean difference, left less right.
    pub fn difference(&self) -> Option<f64> {
        let difference = self.left.zip(self.right).map(|(left, right)| left - right);
        difference.filter(|difference| !difference.is_nan())
    }

    /// Reason and note in one text.
    pub fn remarks(&self) -> String {
        let parts = [&*self.reason, &*self.note].into_iter().filter(|part| !part.is_empty());
        parts.collect::<Vec<_>>().join("; ")
    }
}

/// Decides the claims of an experiment over `seeds`. A seed that lacks a number leaves a claim
/// undecided: without it, the outcome would be that of other seeds.
pub fn judge(claims: &[Claim], results: &ExperimentResults, seeds: &[u64]) -> Vec<Verdict> {
    let mut verdicts: Vec<Verdict> =
        claims.iter().map(|claim| judge_one(claim, results, seeds)).collect();
    adjust(&mut verdicts);
    verdicts
}

/// Adjusts the p-values of all tested claims for their number, and notes which decisions would not
/// be made at the adjusted p-value.
fn adjust(verdicts: &mut [Verdict]) {
    let mut tested: Vec<&mut Verdict> =
        verdicts.iter_mut().filter(|verdict| verdict.p.is_some()).collect();
    let p: Vec<f64> = tested.iter().filter_map(|verdict| verdict.p).collect();
    let number = p.len();
    for (verdict, p_holm) in tested.iter_mut().zip(holm(&p)) {
        verdict.p_holm = Some(p_holm);
        let Some((level, p)) = verdict.level.zip(verdict.p) else { continue };
        let decision = match verdict.outcome {
            ClaimOutcome::Held => "hold",
            ClaimOutcome::Refuted => "count as refuted",
            ClaimOutcome::Undecided
            | ClaimOutcome::HeldUntested
            | ClaimOutcome::RefutedUntested => continue,
        };
        // The p-value of an equivalence test that is refuted is not what refutes it.
        if p < level && p_holm >= level {
            let percent = 100.0 * level;
            let note = format!(
                "would not {decision} at {percent} % after Holm's correction for {number} tests"
            );
            verdict.note = [note, std::mem::take(&mut verdict.note)]
                .into_iter()
                .filter(|part| !part.is_empty())
                .collect::<Vec<_>>()
                .join("; ");
        }
    }
}

fn judge_one(claim: &Claim, results: &ExperimentResults, seeds: &[u64]) -> Verdict {
    let left = side(&claim.left, results, seeds);
    let right = side(&claim.right, results, seeds);
    let mean_of =
        |side: &Result<Side<'_>, String>| side.as_ref().ok().map(|side| mean(&side.values));
    let mut verdict = Verdict {
        claim: claim.clone(),
        outcome: ClaimOutcome::Undecided,
        n: None,
        left: mean_of(&left),
        right: mean_of(&right),
        test: None,
        ci95: None,
        equivalence_ci: None,
        level: None,
        p: None,
        p_holm: None,
        seeds_needed: None,
        reason: String::new(),
        note: timed_differently(claim, results).unwrap_or_default(),
    };
    let (left, right) = match (left, right) {
        (Ok(left), Ok(right)) => (left, right),
        (Err(reason), _) | (Ok(_), Err(reason)) => {
            verdict.reason = reason;
            return verdict;
        }
    };
    let decision = decide(&both(claim, &left, &right), claim.relation, claim.rule);
    let mut remarks = left.remarks;
    for remark in right.remarks {
        if !remarks.contains(&remark) {
            remarks.push(remark);
        }
    }
    let Decision { outcome, test, ci95, equivalence_ci, p, level, effect, reason, note } = decision;
    let needed = effect.zip(level).map(|(effect, level)| (effect, effect.seeds_needed(level)));
    let needed_text = needed.map(|(effect, seeds)| effect.in_words(seeds)).unwrap_or_default();
    // Seeds that diverged or never reached a target are part of why a claim is undecided.
    let (reasons, notes) = match outcome {
        ClaimOutcome::Undecided => (remarks, Vec::new()),
        ClaimOutcome::Held
        | ClaimOutcome::Refuted
        | ClaimOutcome::HeldUntested
        | ClaimOutcome::RefutedUntested => (Vec::new(), remarks),
    };
    let joined = |parts: Vec<String>| {
        parts.into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join("; ")
    };
    let own_note = std::mem::take(&mut verdict.note);
    Verdict {
        outcome,
        n: Some(seeds.len()),
        test: Some(test),
        ci95,
        equivalence_ci,
        level,
        p,
        seeds_needed: needed.map(|(_, seeds)| seeds),
        reason: joined(reasons.into_iter().chain([reason, needed_text]).collect()),
        note: joined(notes.into_iter().chain(note).chain([own_note]).collect()),
        ..verdict
    }
}

/// A note where a claim compares seconds of trials that shared the machine with different numbers
/// of others.
fn timed_differently(claim: &Claim, results: &ExperimentResults) -> Option<String> {
    let terms = [&claim.left, &claim.right].into_iter().flat_map(Expression::terms);
    let timed: Vec<&Term> = terms.filter(|term| term.quantity.is_time()).collect();
    let cases =
        results.cases.iter().filter(|case| timed.iter().any(|term| term.case == case.label));
    let jobs: BTreeSet<usize> =
        cases.flat_map(|case| &case.trials).map(|trial| trial.manifest.jobs).collect();
    let jobs: Vec<String> = jobs.iter().map(|jobs| format!("{jobs} at a time")).collect();
    (jobs.len() > 1).then(|| format!("some trials ran {}", jobs.join(", others ")))
}
