//! `expect:` what a file claims of its results, each a comparison of numbers over its cases.
//!
//! ```text
//! claim      = sum ( "<" | "<=" | ">" | ">=" ) sum [ "with" "p" "<" number ]
//!            | sum "~=" sum "within" number
//! sum        = product { ( "+" | "-" ) product }
//! product    = factor { ( "*" | "/" ) factor }
//! factor     = number | "-" factor | "(" sum ")" | case "." quantity
//! case       = variant [ "[" key "=" value { "," key "=" value } "]" ]
//! quantity   = metric | metric "@" epoch | "best_" metric
//!            | ( "epochs_to" | "seconds_to" ) "(" metric relation number ")"
//!            | "test_accuracy" | "test_loss" | "epoch_seconds" | "train_seconds" | "params"
//! metric     = "accuracy" | "loss" | "val_accuracy" | "val_loss"
//! ```
//!
//! `×`, `÷`, `−`, `≤`, `≥` and `≈` will do for `*`, `/`, `-`, `<=`, `>=` and `~=`.

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
    /// What stands left of the relation.
    pub left: Expression,
    /// How the sides are claimed to be.
    pub relation: ClaimRelation,
    /// What stands right of the relation.
    pub right: Expression,
}

/// How two sides are claimed to be.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum ClaimRelation {
    /// One lower or higher than the other; with a probability, by more than chance would give in
    /// that share of cases.
    Order(Relation, Option<f64>),
    /// No farther apart than a tolerance.
    Within(f64),
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

/// What a claim can speak of: a number of each seed of a case.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Quantity {
    /// A metric after the last epoch.
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
    /// All quantities in it, from left to right.
    pub fn terms(&self) -> Vec<&Term> {
        match self {
            Self::Number(_) => Vec::new(),
            Self::Term(term) => vec![term],
            Self::Minus(inner) => inner.terms(),
            Self::Both(left, _, right) => left.terms().into_iter().chain(right.terms()).collect(),
        }
    }

    /// Its number, given that of each quantity; `None` where one of them has none.
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

impl Quantity {
    /// The metric of epochs that it is about, if it is.
    pub fn metric(self) -> Option<Monitor> {
        match self {
            Self::Last(metric) | Self::At(metric, _) | Self::Best(metric) => Some(metric),
            Self::EpochsTo(target) | Self::SecondsTo(target) => Some(target.metric),
            Self::TestAccuracy
            | Self::TestLoss
            | Self::EpochSeconds
            | Self::TrainSeconds
            | Self::Params => None,
        }
    }

    /// Whether there is none of it without validation images.
    pub fn is_of_validation(self) -> bool {
        self.metric().is_some_and(Monitor::is_of_validation)
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
            Self::Last(metric) => write!(f, "{}", metric.name()),
            Self::At(metric, epoch) => write!(f, "{}@{epoch}", metric.name()),
            Self::Best(metric) => write!(f, "best_{}", metric.name()),
            Self::EpochsTo(target) => write!(f, "epochs_to({target})"),
            Self::SecondsTo(target) => write!(f, "seconds_to({target})"),
            Self::TestAccuracy => f.write_str("test_accuracy"),
            Self::TestLoss => f.write_str("test_loss"),
            Self::EpochSeconds => f.write_str("epoch_seconds"),
            Self::TrainSeconds => f.write_str("train_seconds"),
            Self::Params => f.write_str("params"),
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
