//! The decision of one claim from the values of its two sides, seed by seed.

use std::cmp::Ordering;

use crate::spec::{ClaimRelation, ClaimRule, Relation};

use super::ClaimOutcome;
use crate::analysis::difference::{Difference, SEEDS_WITHOUT_SPREAD, differences, rounding};
use crate::analysis::power::Effect;
use crate::analysis::statistics::{mean, sign_test_p, t_quantile, upper_tail_p, variance};

/// Below this number of seeds, decisions by a t-test of a difference that may be skewed have a note.
/// `docs/claims.md` has the measured rates of false decisions, below and above.
pub const SEEDS_OF_SKEWED: usize = 10;

/// The ratio of the two standard deviations above which the sides differ in shape.
const UNEQUAL_SPREAD: f64 = 3.0;

/// How a claim was decided.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ClaimTest {
    /// By comparing exact numbers: no seed changes them, or both sides are equal for every seed.
    Exact,
    /// By comparing the numbers of a single seed.
    OneSeed,
    /// By comparing means: `on average`.
    Means,
    /// By the two-sided paired t-test.
    Paired,
    /// By the two-sided t-test of one sample against a constant.
    OneSample,
    /// By two one-sided t-tests.
    Equivalence,
    /// By the exact two-sided sign test, where a side is infinite for some seeds.
    Sign,
}

impl ClaimTest {
    /// The name in tables.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Exact => "exact",
            Self::OneSeed => "one seed",
            Self::Means => "means",
            Self::Paired => "paired t",
            Self::OneSample => "one-sample t",
            Self::Equivalence => "tost",
            Self::Sign => "sign",
        }
    }
}

/// The values of both sides of a claim, with a value per seed.
#[derive(Debug, Clone, PartialEq)]
pub struct Sides {
    /// Of the left side.
    pub left: Vec<f64>,
    /// Of the right side.
    pub right: Vec<f64>,
    /// Whether no seed can change them.
    pub is_constant: bool,
    /// Which quantities are compared.
    pub comparison: Comparison,
}

/// Which quantities a claim compares, which decides how its t-test can err.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Comparison {
    /// The same quantities are added as are subtracted, so that the difference would be symmetric
    /// about its mean if all cases were alike.
    Alike {
        /// The standard deviations over seeds of what is added and of what is subtracted.
        spreads: (f64, f64),
    },
    /// Quantities with a constant.
    WithConstant,
    /// Different quantities, or multiples of them.
    Unlike,
}

/// The decision of a claim and what it rests on.
#[derive(Debug, Clone, PartialEq)]
pub struct Decision {
    /// The outcome.
    pub outcome: ClaimOutcome,
    /// How it was decided.
    pub test: ClaimTest,
    /// The 95 % confidence interval of the mean difference; several finite seeds have one.
    pub ci95: Option<(f64, f64)>,
    /// The interval that decides on equivalence: its confidence is 1 less twice the level.
    pub equivalence_ci: Option<(f64, f64)>,
    /// The p-value of the test.
    pub p: Option<f64>,
    /// The level that p is compared with.
    pub level: Option<f64>,
    /// The effect that a test did not decide on.
    pub effect: Option<Effect>,
    /// Why it is undecided.
    pub reason: String,
    /// What to keep in mind about the outcome.
    pub note: Option<String>,
}

impl Decision {
    fn new(outcome: ClaimOutcome, test: ClaimTest) -> Self {
        Self {
            outcome,
            test,
            ci95: None,
            equivalence_ci: None,
            p: None,
            level: None,
            effect: None,
            reason: String::new(),
            note: None,
        }
    }

    fn undecided(test: ClaimTest, reason: impl Into<String>) -> Self {
        Self { reason: reason.into(), ..Self::new(ClaimOutcome::Undecided, test) }
    }
}

/// Decides a claim from its sides, which have at least one seed and no NaN.
pub fn decide(sides: &Sides, relation: ClaimRelation, rule: ClaimRule) -> Decision {
    let n = sides.left.len();
    if sides.is_constant {
        return exact(sides.left[0], sides.right[0], relation, ClaimTest::Exact);
    }
    if n == 1 {
        return exact(sides.left[0], sides.right[0], relation, ClaimTest::OneSeed);
    }
    let level = match rule {
        ClaimRule::Means => {
            let (left, right) = (mean(&sides.left), mean(&sides.right));
            return exact(left, right, relation, ClaimTest::Means);
        }
        ClaimRule::Test(level) => level,
    };
    let is_finite = sides.left.iter().chain(&sides.right).all(|value| value.is_finite());
    if !is_finite {
        return match relation {
            ClaimRelation::Order(relation) => by_signs(sides, relation, level),
            ClaimRelation::Within(_) => Decision::undecided(
                ClaimTest::Equivalence,
                "the equivalence test takes finite numbers",
            ),
        };
    }
    let differences = differences(&sides.left, &sides.right);
    if differences.iter().all(|difference| *difference == 0.0) {
        return exact(0.0, 0.0, relation, ClaimTest::Exact);
    }
    let difference = Difference::paired(&differences);
    let std = variance(&differences).map_or(0.0, f64::sqrt);
    let decision = match relation {
        ClaimRelation::Order(relation) => {
            by_order(sides.comparison, &difference, std, relation, level)
        }
        ClaimRelation::Within(tolerance) => {
            // As in the comparison of two numbers, see `exact`.
            let tolerance = tolerance + rounding(mean(&sides.left), mean(&sides.right));
            by_equivalence(&difference, std, tolerance, level)
        }
    };
    let note = match decision.outcome {
        ClaimOutcome::Undecided => None,
        ClaimOutcome::Held
        | ClaimOutcome::Refuted
        | ClaimOutcome::HeldUntested
        | ClaimOutcome::RefutedUntested => note(sides.comparison, n, std),
    };
    Decision { ci95: difference.ci95, level: Some(level), note, ..decision }
}

/// Compares two numbers as they are, up to rounding.
fn exact(left: f64, right: f64, relation: ClaimRelation, test: ClaimTest) -> Decision {
    let difference = left - right;
    if difference.is_nan() {
        let reason = if left == right { "both sides are infinite" } else { "a mean is undefined" };
        return Decision::undecided(test, reason);
    }
    let rounding = rounding(left, right);
    let difference = if difference.abs() <= rounding { 0.0 } else { difference };
    let holds = match relation {
        ClaimRelation::Order(relation) => relation.holds(difference, 0.0),
        ClaimRelation::Within(tolerance) => difference.abs() <= tolerance + rounding,
    };
    Decision::new(ClaimOutcome::of(holds, test == ClaimTest::OneSeed), test)
}

/// The sign that a relation claims of the difference.
fn claims_positive(relation: Relation) -> bool {
    match relation {
        Relation::Greater | Relation::GreaterOrEqual => true,
        Relation::Less | Relation::LessOrEqual => false,
    }
}

/// The t-test of the mean difference.
fn by_order(
    comparison: Comparison,
    difference: &Difference,
    std: f64,
    relation: Relation,
    level: f64,
) -> Decision {
    let test = match comparison {
        Comparison::WithConstant => ClaimTest::OneSample,
        Comparison::Alike { .. } | Comparison::Unlike => ClaimTest::Paired,
    };
    let n = difference.n;
    if std == 0.0 && n < SEEDS_WITHOUT_SPREAD {
        return without_spread(test, n);
    }
    let decision = if difference.p.is_some_and(|p| p < level) {
        let as_claimed = (difference.mean > 0.0) == claims_positive(relation);
        Decision::new(ClaimOutcome::of(as_claimed, false), test)
    } else {
        let effect = Effect::Difference { mean: difference.mean, std };
        let reason = format!("not distinguishable at n = {n}");
        Decision { effect: Some(effect), ..Decision::undecided(test, reason) }
    };
    Decision { p: difference.p, ..decision }
}

/// Two one-sided t-tests (Schuirmann 1987).
fn by_equivalence(difference: &Difference, std: f64, tolerance: f64, level: f64) -> Decision {
    let test = ClaimTest::Equivalence;
    let (n, mean) = (difference.n, difference.mean);
    let degrees = (n - 1) as f64;
    if std == 0.0 {
        if n < SEEDS_WITHOUT_SPREAD {
            return without_spread(test, n);
        }
        let holds = mean.abs() <= tolerance;
        let p = if holds { 0.0 } else { 1.0 };
        let interval = Some((mean, mean));
        let decision = Decision::new(ClaimOutcome::of(holds, false), test);
        return Decision { p: Some(p), equivalence_ci: interval, ..decision };
    }
    let error = std / (n as f64).sqrt();
    let above = upper_tail_p((mean + tolerance) / error, degrees);
    let below = upper_tail_p((tolerance - mean) / error, degrees);
    let half = t_quantile(1.0 - level, degrees) * error;
    let p = above.max(below);
    let decision = if p < level {
        Decision::new(ClaimOutcome::Held, test)
    } else if mean.abs() - half > tolerance {
        Decision::new(ClaimOutcome::Refuted, test)
    } else {
        let effect = Effect::Equivalence { mean, std, tolerance };
        let reason = format!("neither within nor outside the tolerance at n = {n}");
        Decision { effect: Some(effect), ..Decision::undecided(test, reason) }
    };
    Decision { p: Some(p), equivalence_ci: Some((mean - half, mean + half)), ..decision }
}

/// The exact sign test over the order of the sides, seed by seed; a seed with both sides infinite
/// has no order.
fn by_signs(sides: &Sides, relation: Relation, level: f64) -> Decision {
    let test = ClaimTest::Sign;
    let orders = sides.left.iter().zip(&sides.right).map(|(left, right)| {
        if left == right || (left - right).abs() <= rounding(*left, *right) {
            Ordering::Equal
        } else {
            left.total_cmp(right)
        }
    });
    let count = |wanted: Ordering| orders.clone().filter(|order| *order == wanted).count();
    let (greater, less, ties) =
        (count(Ordering::Greater), count(Ordering::Less), count(Ordering::Equal));
    if greater + less == 0 {
        return Decision::undecided(test, "the order of the sides is unknown for every seed");
    }
    let p = sign_test_p(greater, less);
    let decision = if p < level {
        let as_claimed = (greater > less) == claims_positive(relation);
        Decision::new(ClaimOutcome::of(as_claimed, false), test)
    } else {
        let n = sides.left.len();
        let effect = Effect::Signs { positive: greater, negative: less, ties };
        let reason = format!(
            "left is greater for {greater} and less for {less} of {n} seeds, which the sign test \
             cannot tell from chance"
        );
        Decision { effect: Some(effect), ..Decision::undecided(test, reason) }
    };
    Decision { p: Some(p), level: Some(level), ..decision }
}

/// Undecided, because the few differences that there are do not vary.
fn without_spread(test: ClaimTest, n: usize) -> Decision {
    let reason = format!("the difference is the same for all {n} seeds");
    Decision { effect: Some(Effect::WithoutSpread), ..Decision::undecided(test, reason) }
}

/// A note on a decision by a t-test: differences without spread, or too few that may be skewed.
fn note(comparison: Comparison, n: usize, std: f64) -> Option<String> {
    if std == 0.0 {
        return Some("the difference is the same for every seed".to_owned());
    }
    let why = match comparison {
        Comparison::WithConstant => "one side is a constant",
        Comparison::Unlike => "the sides are different quantities",
        Comparison::Alike { spreads: (one, other) }
            if one.max(other) > UNEQUAL_SPREAD * one.min(other) =>
        {
            "one side varies more than three times as much as the other"
        }
        Comparison::Alike { .. } => return None,
    };
    (n < SEEDS_OF_SKEWED).then(|| {
        format!("{why}: if it is skewed, a t-test errs more often below {SEEDS_OF_SKEWED} seeds")
    })
}
