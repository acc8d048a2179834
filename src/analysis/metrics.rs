//! The numbers of a trial and of an epoch, by name.

use std::borrow::Cow;

use crate::record::{BestEpoch, EpochRow, RecordedTrial};
use crate::spec::{Monitor, top_k_name, top_k_of_name};

use super::statistics::median;

/// One number of a whole trial.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Metric {
    /// Training accuracy of the kept epoch.
    Accuracy,
    /// Training loss of the kept epoch.
    Loss,
    /// Validation accuracy after the kept epoch.
    ValAccuracy,
    /// Validation loss after the kept epoch.
    ValLoss,
    /// Highest validation accuracy of any epoch.
    BestValAccuracy,
    /// Lowest validation loss of any epoch.
    BestValLoss,
    /// Test accuracy of the kept weights.
    TestAccuracy,
    /// Test loss of the kept weights.
    TestLoss,
    /// Median seconds of the epochs after the first.
    EpochSeconds,
    /// Seconds of the whole training.
    TrainSeconds,
    /// Highest training accuracy of any epoch.
    BestAccuracy,
    /// Lowest training loss of any epoch.
    BestLoss,
    /// Top-k training accuracy of the kept epoch, with its k.
    TopKAccuracy(usize),
    /// Top-k validation accuracy after the kept epoch, with its k.
    ValTopKAccuracy(usize),
    /// Top-k test accuracy of the kept weights, with its k.
    TestTopKAccuracy(usize),
    /// Training accuracy of the last epoch.
    LastAccuracy,
    /// Training loss of the last epoch.
    LastLoss,
    /// Validation accuracy after the last epoch.
    LastValAccuracy,
    /// Validation loss after the last epoch.
    LastValLoss,
}

impl Metric {
    /// All that every trial has; see [`Metric::all_of`] for the order of the tables.
    pub const ALL: [Self; 16] = [
        Self::Accuracy,
        Self::Loss,
        Self::ValAccuracy,
        Self::ValLoss,
        Self::BestValAccuracy,
        Self::BestValLoss,
        Self::TestAccuracy,
        Self::TestLoss,
        Self::EpochSeconds,
        Self::TrainSeconds,
        Self::BestAccuracy,
        Self::BestLoss,
        Self::LastAccuracy,
        Self::LastLoss,
        Self::LastValAccuracy,
        Self::LastValLoss,
    ];

    /// How many of them `aggregate.csv` had from the beginning; the others stand at its end.
    pub(super) const FIRST: usize = 10;
    /// How many of them stand before the top-k accuracies; later additions stand after these.
    pub(super) const BEFORE_TOP_K: usize = 12;

    /// All that exist in some of the trials, in the order of the tables: top-k accuracies are only
    /// there where files ask for them.
    pub fn all_of<'a>(trials: impl IntoIterator<Item = &'a RecordedTrial>) -> Vec<Self> {
        let of_k = |k| [Self::TopKAccuracy(k), Self::ValTopKAccuracy(k), Self::TestTopKAccuracy(k)];
        let (before, after) = Self::ALL.split_at(Self::BEFORE_TOP_K);
        let top_k = top_k(trials).into_iter().flat_map(of_k);
        before.iter().copied().chain(top_k).chain(after.iter().copied()).collect()
    }

    /// Whether it was added to the tables after their columns had been fixed, and so stands at the
    /// end.
    pub fn stands_at_the_end(self) -> bool {
        match self {
            Self::LastAccuracy | Self::LastLoss | Self::LastValAccuracy | Self::LastValLoss => true,
            Self::Accuracy
            | Self::Loss
            | Self::ValAccuracy
            | Self::ValLoss
            | Self::BestValAccuracy
            | Self::BestValLoss
            | Self::TestAccuracy
            | Self::TestLoss
            | Self::EpochSeconds
            | Self::TrainSeconds
            | Self::BestAccuracy
            | Self::BestLoss
            | Self::TopKAccuracy(_)
            | Self::ValTopKAccuracy(_)
            | Self::TestTopKAccuracy(_) => false,
        }
    }

    /// Whether it is measured on validation rows, so that cases may be selected by it.
    pub fn is_of_validation(self) -> bool {
        match self {
            Self::ValAccuracy
            | Self::ValLoss
            | Self::BestValAccuracy
            | Self::BestValLoss
            | Self::ValTopKAccuracy(_)
            | Self::LastValAccuracy
            | Self::LastValLoss => true,
            Self::Accuracy
            | Self::Loss
            | Self::TestAccuracy
            | Self::TestLoss
            | Self::EpochSeconds
            | Self::TrainSeconds
            | Self::BestAccuracy
            | Self::BestLoss
            | Self::TopKAccuracy(_)
            | Self::TestTopKAccuracy(_)
            | Self::LastAccuracy
            | Self::LastLoss => false,
        }
    }

    /// The name in tables.
    pub fn name(self) -> Cow<'static, str> {
        Cow::Borrowed(match self {
            Self::Accuracy => "accuracy",
            Self::Loss => "loss",
            Self::ValAccuracy => "val_accuracy",
            Self::ValLoss => "val_loss",
            Self::BestValAccuracy => "best_val_accuracy",
            Self::BestValLoss => "best_val_loss",
            Self::TestAccuracy => "test_accuracy",
            Self::TestLoss => "test_loss",
            Self::EpochSeconds => "epoch_seconds",
            Self::TrainSeconds => "train_seconds",
            Self::BestAccuracy => "best_accuracy",
            Self::BestLoss => "best_loss",
            Self::LastAccuracy => "last_accuracy",
            Self::LastLoss => "last_loss",
            Self::LastValAccuracy => "last_val_accuracy",
            Self::LastValLoss => "last_val_loss",
            Self::TopKAccuracy(k) => return top_k_name(k).into(),
            Self::ValTopKAccuracy(k) => return format!("val_{}", top_k_name(k)).into(),
            Self::TestTopKAccuracy(k) => return format!("test_{}", top_k_name(k)).into(),
        })
    }

    /// The metric of a name in tables.
    pub fn of_name(name: &str) -> Option<Self> {
        let top_k = || {
            let of_test = name.strip_prefix("test_").and_then(top_k_of_name);
            let of_validation = name.strip_prefix("val_").and_then(top_k_of_name);
            of_test
                .map(Self::TestTopKAccuracy)
                .or(of_validation.map(Self::ValTopKAccuracy))
                .or(top_k_of_name(name).map(Self::TopKAccuracy))
        };
        Self::ALL.into_iter().find(|metric| metric.name() == name).or_else(top_k)
    }

    /// Whether more of it is better.
    pub fn is_better_high(self) -> bool {
        match self {
            Self::Accuracy
            | Self::ValAccuracy
            | Self::BestValAccuracy
            | Self::TestAccuracy
            | Self::BestAccuracy
            | Self::TopKAccuracy(_)
            | Self::ValTopKAccuracy(_)
            | Self::TestTopKAccuracy(_)
            | Self::LastAccuracy
            | Self::LastValAccuracy => true,
            Self::Loss
            | Self::ValLoss
            | Self::BestValLoss
            | Self::TestLoss
            | Self::EpochSeconds
            | Self::TrainSeconds
            | Self::BestLoss
            | Self::LastLoss
            | Self::LastValLoss => false,
        }
    }

    /// Whether it lies between 0 and 1, as accuracies do.
    pub fn is_share(self) -> bool {
        match self {
            Self::Accuracy
            | Self::ValAccuracy
            | Self::BestValAccuracy
            | Self::TestAccuracy
            | Self::BestAccuracy
            | Self::TopKAccuracy(_)
            | Self::ValTopKAccuracy(_)
            | Self::TestTopKAccuracy(_)
            | Self::LastAccuracy
            | Self::LastValAccuracy => true,
            Self::Loss
            | Self::ValLoss
            | Self::BestValLoss
            | Self::TestLoss
            | Self::EpochSeconds
            | Self::TrainSeconds
            | Self::BestLoss
            | Self::LastLoss
            | Self::LastValLoss => false,
        }
    }

    /// The number in one trial, finished or not; `None` where it does not exist.
    pub fn of(self, trial: &RecordedTrial) -> Option<f64> {
        let kept = |metric: EpochMetric| metric.of(trial.kept_row()?);
        let last = |metric: EpochMetric| metric.of(trial.epochs.last()?);
        let outcome = trial.manifest.outcome.as_ref();
        match self {
            Self::Accuracy => kept(EpochMetric::Accuracy),
            Self::Loss => kept(EpochMetric::Loss),
            Self::ValAccuracy => kept(EpochMetric::ValAccuracy),
            Self::ValLoss => kept(EpochMetric::ValLoss),
            Self::BestValAccuracy => best_val_accuracy(&trial.epochs).map(|best| best.value),
            Self::BestValLoss => best_val_loss(&trial.epochs).map(|best| best.value),
            Self::TestAccuracy => outcome.map(|outcome| outcome.test_accuracy),
            Self::TestLoss => outcome.map(|outcome| outcome.test_loss),
            Self::EpochSeconds => epoch_seconds(&trial.epochs),
            Self::TrainSeconds => outcome.map(|outcome| outcome.train_seconds),
            Self::BestAccuracy => best(&trial.epochs, EpochMetric::Accuracy).map(|best| best.value),
            Self::BestLoss => best(&trial.epochs, EpochMetric::Loss).map(|best| best.value),
            Self::TopKAccuracy(k) => kept(EpochMetric::TopKAccuracy(k)),
            Self::ValTopKAccuracy(k) => kept(EpochMetric::ValTopKAccuracy(k)),
            Self::TestTopKAccuracy(k) => outcome.and_then(|outcome| outcome.test_top_k.get(k)),
            Self::LastAccuracy => last(EpochMetric::Accuracy),
            Self::LastLoss => last(EpochMetric::Loss),
            Self::LastValAccuracy => last(EpochMetric::ValAccuracy),
            Self::LastValLoss => last(EpochMetric::ValLoss),
        }
    }
}

/// The k of the top-k accuracies in the trials, in order of first appearance.
pub fn top_k<'a>(trials: impl IntoIterator<Item = &'a RecordedTrial>) -> Vec<usize> {
    let mut found = Vec::new();
    for top in trials.into_iter().filter_map(|trial| trial.epochs.first()).flat_map(|r| &r.top_k) {
        if !found.contains(&top.k) {
            found.push(top.k);
        }
    }
    found
}

/// One number of every epoch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EpochMetric {
    /// Training accuracy.
    Accuracy,
    /// Training loss.
    Loss,
    /// Validation accuracy.
    ValAccuracy,
    /// Validation loss.
    ValLoss,
    /// Top-k training accuracy, with its k.
    TopKAccuracy(usize),
    /// Top-k validation accuracy, with its k.
    ValTopKAccuracy(usize),
    /// The optimizer's step size in the epoch's last step.
    LearningRate,
    /// Wall-clock seconds.
    EpochSeconds,
}

impl EpochMetric {
    /// Those that every trial has, in the order of the tables.
    pub const ALL: [Self; 6] = [
        Self::Accuracy,
        Self::Loss,
        Self::ValAccuracy,
        Self::ValLoss,
        Self::LearningRate,
        Self::EpochSeconds,
    ];

    /// The name in tables.
    pub fn name(self) -> Cow<'static, str> {
        Cow::Borrowed(match self {
            Self::Accuracy => "accuracy",
            Self::Loss => "loss",
            Self::ValAccuracy => "val_accuracy",
            Self::ValLoss => "val_loss",
            Self::TopKAccuracy(k) => return top_k_name(k).into(),
            Self::ValTopKAccuracy(k) => return format!("val_{}", top_k_name(k)).into(),
            Self::LearningRate => "learning_rate",
            Self::EpochSeconds => "epoch_seconds",
        })
    }

    /// The metric of a name in tables.
    pub fn of_name(name: &str) -> Option<Self> {
        let top_k = || match name.strip_prefix("val_") {
            Some(name) => top_k_of_name(name).map(Self::ValTopKAccuracy),
            None => top_k_of_name(name).map(Self::TopKAccuracy),
        };
        Self::ALL.into_iter().find(|metric| metric.name() == name).or_else(top_k)
    }

    /// Whether it lies between 0 and 1, as accuracies do.
    pub fn is_share(self) -> bool {
        match self {
            Self::Accuracy
            | Self::ValAccuracy
            | Self::TopKAccuracy(_)
            | Self::ValTopKAccuracy(_) => true,
            Self::Loss | Self::ValLoss | Self::LearningRate | Self::EpochSeconds => false,
        }
    }

    /// The number in one epoch; `None` where it does not exist.
    pub fn of(self, row: &EpochRow) -> Option<f64> {
        match self {
            Self::Accuracy => Some(row.accuracy),
            Self::Loss => Some(row.loss),
            Self::ValAccuracy => row.val_accuracy,
            Self::ValLoss => row.val_loss,
            Self::TopKAccuracy(k) => row.top_k(k).map(|top| top.accuracy),
            Self::ValTopKAccuracy(k) => row.top_k(k).and_then(|top| top.val_accuracy),
            Self::LearningRate => Some(row.learning_rate),
            Self::EpochSeconds => Some(row.epoch_seconds),
        }
    }

    /// Whether more of it is better.
    pub fn is_better_high(self) -> bool {
        match self {
            Self::Accuracy
            | Self::ValAccuracy
            | Self::TopKAccuracy(_)
            | Self::ValTopKAccuracy(_) => true,
            Self::Loss | Self::ValLoss | Self::LearningRate | Self::EpochSeconds => false,
        }
    }
}

impl From<Monitor> for Metric {
    fn from(monitor: Monitor) -> Self {
        match monitor {
            Monitor::Accuracy => Self::Accuracy,
            Monitor::Loss => Self::Loss,
            Monitor::ValAccuracy => Self::ValAccuracy,
            Monitor::ValLoss => Self::ValLoss,
            Monitor::TopKAccuracy(k) => Self::TopKAccuracy(k),
            Monitor::ValTopKAccuracy(k) => Self::ValTopKAccuracy(k),
        }
    }
}

impl From<Monitor> for EpochMetric {
    fn from(monitor: Monitor) -> Self {
        match monitor {
            Monitor::Accuracy => Self::Accuracy,
            Monitor::Loss => Self::Loss,
            Monitor::ValAccuracy => Self::ValAccuracy,
            Monitor::ValLoss => Self::ValLoss,
            Monitor::TopKAccuracy(k) => Self::TopKAccuracy(k),
            Monitor::ValTopKAccuracy(k) => Self::ValTopKAccuracy(k),
        }
    }
}

/// The epoch with the highest accuracy or the lowest loss, the earliest of several.
pub fn best(epochs: &[EpochRow], metric: EpochMetric) -> Option<BestEpoch> {
    let better = |new, old| if metric.is_better_high() { new > old } else { new < old };
    BestEpoch::of(epochs, |row| metric.of(row), better)
}

/// The epoch with the highest validation accuracy, the earliest of several.
pub fn best_val_accuracy(epochs: &[EpochRow]) -> Option<BestEpoch> {
    best(epochs, EpochMetric::ValAccuracy)
}

/// The epoch with the lowest validation loss, the earliest of several.
pub fn best_val_loss(epochs: &[EpochRow]) -> Option<BestEpoch> {
    best(epochs, EpochMetric::ValLoss)
}

/// Median seconds of the epochs after the first, which warms caches up; of the first where there is
/// no other.
pub fn epoch_seconds(epochs: &[EpochRow]) -> Option<f64> {
    let later = epochs.get(1..).filter(|later| !later.is_empty()).unwrap_or(epochs);
    median(later.iter().map(|row| row.epoch_seconds))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::analysis::test_data::epoch;

    #[test]
    fn the_best_epoch_is_the_earliest_of_equals_and_never_nan() {
        let epochs =
            [epoch(1, f64::NAN), epoch(2, 0.7), epoch(3, 0.9), epoch(4, 0.9), epoch(5, 0.8)];
        assert_eq!(best_val_accuracy(&epochs), Some(BestEpoch { epoch: 3, value: 0.9 }));
        // In the test data the loss is one minus the accuracy.
        assert_eq!(best_val_loss(&epochs).map(|best| best.epoch), Some(3));
        assert_eq!(best_val_accuracy(&epochs[..1]), None);
    }

    #[test]
    fn a_slow_first_epoch_does_not_count_unless_it_is_the_only_one() {
        let seconds = |seconds: &[f64]| {
            let row = |(i, s): (usize, &f64)| EpochRow { epoch_seconds: *s, ..epoch(i + 1, 0.5) };
            epoch_seconds(&seconds.iter().enumerate().map(row).collect::<Vec<_>>())
        };
        assert_eq!(seconds(&[9.0, 1.0, 2.0]), Some(1.5));
        assert_eq!(seconds(&[9.0]), Some(9.0));
        assert_eq!(seconds(&[]), None);
    }
}
