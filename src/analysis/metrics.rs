//! The numbers of a trial and of an epoch, by name.

use std::borrow::Cow;

use crate::record::{BestEpoch, EpochRow, RecordedTrial};
use crate::spec::top_k_name;

use super::statistics::median;

/// One number of a whole trial.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Metric {
    /// Training accuracy of the last epoch.
    Accuracy,
    /// Training loss of the last epoch.
    Loss,
    /// Validation accuracy after the last epoch.
    ValAccuracy,
    /// Validation loss after the last epoch.
    ValLoss,
    /// Highest validation accuracy of any epoch.
    BestValAccuracy,
    /// Lowest validation loss of any epoch.
    BestValLoss,
    /// Test accuracy of the final weights.
    TestAccuracy,
    /// Test loss of the final weights.
    TestLoss,
    /// Median seconds of an epoch.
    EpochSeconds,
    /// Seconds of the whole training.
    TrainSeconds,
    /// Top-k training accuracy of the last epoch, with its k.
    TopKAccuracy(usize),
    /// Top-k validation accuracy after the last epoch, with its k.
    ValTopKAccuracy(usize),
    /// Top-k test accuracy of the final weights, with its k.
    TestTopKAccuracy(usize),
}

impl Metric {
    /// All that every trial has, in the order of the tables.
    pub const ALL: [Self; 10] = [
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
    ];

    /// All that exist in some of the trials, in the order of the tables: top-k accuracies are only
    /// there where files ask for them.
    pub fn all_of<'a>(trials: impl IntoIterator<Item = &'a RecordedTrial>) -> Vec<Self> {
        let of_k = |k| [Self::TopKAccuracy(k), Self::ValTopKAccuracy(k), Self::TestTopKAccuracy(k)];
        Self::ALL.into_iter().chain(top_k(trials).into_iter().flat_map(of_k)).collect()
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
            Self::TopKAccuracy(k) => return top_k_name(k).into(),
            Self::ValTopKAccuracy(k) => return format!("val_{}", top_k_name(k)).into(),
            Self::TestTopKAccuracy(k) => return format!("test_{}", top_k_name(k)).into(),
        })
    }

    /// The number in one trial, finished or not; `None` where it does not exist.
    pub fn of(self, trial: &RecordedTrial) -> Option<f64> {
        let last = trial.epochs.last();
        let outcome = trial.manifest.outcome.as_ref();
        match self {
            Self::Accuracy => last.map(|row| row.accuracy),
            Self::Loss => last.map(|row| row.loss),
            Self::ValAccuracy => last.and_then(|row| row.val_accuracy),
            Self::ValLoss => last.and_then(|row| row.val_loss),
            Self::BestValAccuracy => best_val_accuracy(&trial.epochs).map(|best| best.value),
            Self::BestValLoss => best_val_loss(&trial.epochs).map(|best| best.value),
            Self::TestAccuracy => outcome.map(|outcome| outcome.test_accuracy),
            Self::TestLoss => outcome.map(|outcome| outcome.test_loss),
            Self::EpochSeconds => median(trial.epochs.iter().map(|row| row.epoch_seconds)),
            Self::TrainSeconds => outcome.map(|outcome| outcome.train_seconds),
            Self::TopKAccuracy(k) => last.and_then(|row| EpochMetric::TopKAccuracy(k).of(row)),
            Self::ValTopKAccuracy(k) => {
                last.and_then(|row| EpochMetric::ValTopKAccuracy(k).of(row))
            }
            Self::TestTopKAccuracy(k) => outcome.and_then(|outcome| outcome.test_top_k.get(k)),
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
}

impl EpochMetric {
    /// The number in one epoch; `None` where it does not exist.
    pub fn of(self, row: &EpochRow) -> Option<f64> {
        match self {
            Self::Accuracy => Some(row.accuracy),
            Self::Loss => Some(row.loss),
            Self::ValAccuracy => row.val_accuracy,
            Self::ValLoss => row.val_loss,
            Self::TopKAccuracy(k) => row.top_k(k).map(|top| top.accuracy),
            Self::ValTopKAccuracy(k) => row.top_k(k).and_then(|top| top.val_accuracy),
        }
    }
}

/// The epoch with the highest validation accuracy, the earliest of several.
pub fn best_val_accuracy(epochs: &[EpochRow]) -> Option<BestEpoch> {
    BestEpoch::of(epochs, |row| row.val_accuracy, |new, old| new > old)
}

/// The epoch with the lowest validation loss, the earliest of several.
pub fn best_val_loss(epochs: &[EpochRow]) -> Option<BestEpoch> {
    BestEpoch::of(epochs, |row| row.val_loss, |new, old| new < old)
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
}
