//! `expect:` the claims of an experiment file, each a comparison of two sides over its cases.
//!
//! ```text
//! claim      = sum ( "<" | "<=" | ">" | ">=" ) sum [ rule ]
//!            | sum "~=" sum "within" number [ rule ]
//! rule       = "with" "p" "<" number | "on" "average"
//! sum        = product { ( "+" | "-" ) product }
//! product    = factor { ( "*" | "/" ) factor }
//! factor     = number | "-" factor | "(" sum ")" | case "." quantity
//! case       = variant [ "[" key "=" value { "," key "=" value } "]" ]
//! quantity   = metric | metric "@" epoch | ( "best_" | "last_" ) metric
//!            | ( "epochs_to" | "seconds_to" ) "(" metric relation number ")"
//!            | "test_accuracy" | "test_loss" | "epoch_seconds" | "train_seconds" | "params"
//!            | "diverged"
//! metric     = "accuracy" | "loss" | "val_accuracy" | "val_loss"
//!            | "top_" k "_accuracy" | "val_top_" k "_accuracy"
//! ```
//!
//! `×`, `÷`, `−`, `≤`, `≥` and `≈` are read as `*`, `/`, `-`, `<=`, `>=` and `~=`.

mod check;
mod lexer;
mod parser;
#[cfg(test)]
mod tests;

pub(super) use check::claims;

use std::fmt;

use super::Monitor;

/// One claim.
#[derive(Debug, Clone, PartialEq)]
pub struct Claim {
    /// As it is written.
    pub text: String,
    /// Its line in the file, from 1.
    pub line: usize,
    /// The side left of the relation.
    pub left: Expression,
    /// How the two sides are claimed to compare.
    pub relation: ClaimRelation,
    /// The side right of the relation.
    pub right: Expression,
    /// How the claim is decided over several seeds.
    pub rule: ClaimRule,
}

/// How two sides are claimed to compare.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum ClaimRelation {
    /// One lower or higher than the other.
    Order(Relation),
    /// No farther apart than a tolerance.
    Within(f64),
}

/// How a claim is decided over several seeds.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum ClaimRule {
    /// By a statistical test at this level: `with p < x`, or 5 %.
    Test(f64),
    /// By the means of the sides alone: `on average`.
    Means,
}

impl Default for ClaimRule {
    fn default() -> Self {
        Self::Test(0.05)
    }
}

/// Which of two numbers is the greater.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Relation {
    /// `<`
    Less,
    /// `<=`
    LessOrEqual,
    /// `>`
    Greater,
    /// `>=`
    GreaterOrEqual,
}

/// A number over the cases of an experiment.
#[derive(Debug, Clone, PartialEq)]
pub enum Expression {
    /// A number as it stands.
    Number(f64),
    /// A quantity of a case.
    Term(Term),
    /// What follows a minus.
    Minus(Box<Self>),
    /// Two of them put together.
    Both(Box<Self>, Operator, Box<Self>),
}

/// What is done with two numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Operator {
    /// `+`
    Plus,
    /// `-`
    Minus,
    /// `*`
    Times,
    /// `/`
    Over,
}

/// A quantity of a case.
#[derive(Debug, Clone, PartialEq)]
pub struct Term {
    /// The case's label, as its folder has it.
    pub case: String,
    /// What of it.
    pub quantity: Quantity,
}

/// A number of each seed of a case.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Quantity {
    /// A metric of the kept epoch, whose weights the trial ends with.
    Kept(Monitor),
    /// A metric of the last epoch.
    Last(Monitor),
    /// A metric after an epoch, from 1.
    At(Monitor, usize),
    /// A metric after its best epoch: the highest accuracy, the lowest loss.
    Best(Monitor),
    /// The first epoch that reached a target.
    EpochsTo(Target),
    /// Seconds from the start of training to the end of the first epoch that reached a target.
    SecondsTo(Target),
    /// Accuracy on the test images.
    TestAccuracy,
    /// Loss on the test images.
    TestLoss,
    /// Median seconds of the epochs after the first.
    EpochSeconds,
    /// Seconds of the whole training.
    TrainSeconds,
    /// Numbers in the network.
    Params,
    /// 1 if the trial diverged, else 0.
    Diverged,
}

/// What an epoch has to reach.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Target {
    /// The metric.
    pub metric: Monitor,
    /// On which side of the value it has to be.
    pub relation: Relation,
    /// The value.
    pub value: f64,
}

impl Relation {
    /// Whether it holds between two numbers.
    pub fn holds(self, left: f64, right: f64) -> bool {
        match self {
            Self::Less => left < right,
            Self::LessOrEqual => left <= right,
            Self::Greater => left > right,
            Self::GreaterOrEqual => left >= right,
        }
    }

    /// As it is written.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Less => "<",
            Self::LessOrEqual => "<=",
            Self::Greater => ">",
            Self::GreaterOrEqual => ">=",
        }
    }
}

impl Operator {
    /// What comes of two numbers.
    pub fn of(self, left: f64, right: f64) -> f64 {
        match self {
            Self::Plus => left + right,
            Self::Minus => left - right,
            Self::Times => left * right,
            Self::Over => left / right,
        }
    }
}

impl Expression {
    /// Its quantities that the seed can change, each with the sign it is added with; `None` where
    /// one of them is multiplied or divided.
    pub fn signed_terms(&self) -> Option<Vec<(f64, &Term)>> {
        match self {
            Self::Term(term) if term.quantity.depends_on_seed() => Some(vec![(1.0, term)]),
            Self::Number(_) | Self::Term(_) => Some(Vec::new()),
            Self::Minus(inner) => inner.signed_terms().map(negated),
            Self::Both(left, operator, right) => {
                let (mut left, right) = (left.signed_terms()?, right.signed_terms()?);
                match operator {
                    Operator::Plus => left.extend(right),
                    Operator::Minus => left.extend(negated(right)),
                    Operator::Times | Operator::Over => {
                        return (left.is_empty() && right.is_empty()).then_some(left);
                    }
                }
                Some(left)
            }
        }
    }

    /// All quantities in it, from left to right.
    pub fn terms(&self) -> Vec<&Term> {
        match self {
            Self::Number(_) => Vec::new(),
            Self::Term(term) => vec![term],
            Self::Minus(inner) => inner.terms(),
            Self::Both(left, _, right) => left.terms().into_iter().chain(right.terms()).collect(),
        }
    }

    /// Its value, given the value of each quantity; `None` where one of them has no value.
    pub fn value(&self, of: &impl Fn(&Term) -> Option<f64>) -> Option<f64> {
        match self {
            Self::Number(number) => Some(*number),
            Self::Term(term) => of(term),
            Self::Minus(inner) => inner.value(of).map(|value| -value),
            Self::Both(left, operator, right) => {
                Some(operator.of(left.value(of)?, right.value(of)?))
            }
        }
    }
}

fn negated(terms: Vec<(f64, &Term)>) -> Vec<(f64, &Term)> {
    terms.into_iter().map(|(sign, term)| (-sign, term)).collect()
}

impl Quantity {
    /// The metric of epochs that it is about, if any.
    pub fn metric(self) -> Option<Monitor> {
        match self {
            Self::Kept(metric) | Self::Last(metric) | Self::At(metric, _) | Self::Best(metric) => {
                Some(metric)
            }
            Self::EpochsTo(target) | Self::SecondsTo(target) => Some(target.metric),
            Self::TestAccuracy
            | Self::TestLoss
            | Self::EpochSeconds
            | Self::TrainSeconds
            | Self::Params
            | Self::Diverged => None,
        }
    }

    /// Whether it needs validation images.
    pub fn is_of_validation(self) -> bool {
        self.metric().is_some_and(Monitor::is_of_validation)
    }

    /// Whether the seed can change it.
    pub fn depends_on_seed(self) -> bool {
        match self {
            Self::Params => false,
            Self::Kept(_)
            | Self::Last(_)
            | Self::At(..)
            | Self::Best(_)
            | Self::EpochsTo(_)
            | Self::SecondsTo(_)
            | Self::TestAccuracy
            | Self::TestLoss
            | Self::EpochSeconds
            | Self::TrainSeconds
            | Self::Diverged => true,
        }
    }

    /// Whether it is a wall-clock time.
    pub fn is_time(self) -> bool {
        match self {
            Self::SecondsTo(_) | Self::EpochSeconds | Self::TrainSeconds => true,
            Self::Kept(_)
            | Self::Last(_)
            | Self::At(..)
            | Self::Best(_)
            | Self::EpochsTo(_)
            | Self::TestAccuracy
            | Self::TestLoss
            | Self::Params
            | Self::Diverged => false,
        }
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {} {}", self.metric.name(), self.relation.as_str(), self.value)
    }
}

impl fmt::Display for Quantity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Kept(metric) => write!(f, "{}", metric.name()),
            Self::Last(metric) => write!(f, "last_{}", metric.name()),
            Self::At(metric, epoch) => write!(f, "{}@{epoch}", metric.name()),
            Self::Best(metric) => write!(f, "best_{}", metric.name()),
            Self::EpochsTo(target) => write!(f, "epochs_to({target})"),
            Self::SecondsTo(target) => write!(f, "seconds_to({target})"),
            Self::TestAccuracy => f.write_str("test_accuracy"),
            Self::TestLoss => f.write_str("test_loss"),
            Self::EpochSeconds => f.write_str("epoch_seconds"),
            Self::TrainSeconds => f.write_str("train_seconds"),
            Self::Params => f.write_str("params"),
            Self::Diverged => f.write_str("diverged"),
        }
    }
}

/// What is wrong in a claim, at bytes of its text.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Mistake {
    at: std::ops::Range<usize>,
    message: String,
    help: String,
}

impl Mistake {
    fn new(
        at: std::ops::Range<usize>,
        message: impl Into<String>,
        help: impl Into<String>,
    ) -> Self {
        Self { at, message: message.into(), help: help.into() }
    }
}
