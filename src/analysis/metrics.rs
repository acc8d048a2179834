//! The numbers of a trial and of an epoch, by name.

use crate::record::{BestEpoch, EpochRow, RecordedTrial};

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
}

impl Metric {
    /// All of them, in the order of the tables.
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

    /// The name in tables.
    pub fn name(self) -> &'static str {
        match self {
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
        }
    }

    /// The one of a name.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|metric| metric.name() == name)
    }

    /// Whether it lies between 0 and 1.
    pub fn is_share(self) -> bool {
        match self {
            Self::Accuracy | Self::ValAccuracy | Self::BestValAccuracy | Self::TestAccuracy => true,
            Self::Loss
            | Self::ValLoss
            | Self::BestValLoss
            | Self::TestLoss
            | Self::EpochSeconds
            | Self::TrainSeconds => false,
        }
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
        }
    }
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
    /// The optimizer's step size in the epoch's last step.
    LearningRate,
    /// Wall-clock seconds.
    EpochSeconds,
}

impl EpochMetric {
    /// All of them, in the order of the tables.
    pub const ALL: [Self; 6] = [
        Self::Accuracy,
        Self::Loss,
        Self::ValAccuracy,
        Self::ValLoss,
        Self::LearningRate,
        Self::EpochSeconds,
    ];

    /// The name in tables.
    pub fn name(self) -> &'static str {
        match self {
            Self::Accuracy => "accuracy",
            Self::Loss => "loss",
            Self::ValAccuracy => "val_accuracy",
            Self::ValLoss => "val_loss",
            Self::LearningRate => "learning_rate",
            Self::EpochSeconds => "epoch_seconds",
        }
    }

    /// The one of a name.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|metric| metric.name() == name)
    }

    /// Whether it lies between 0 and 1.
    pub fn is_share(self) -> bool {
        match self {
            Self::Accuracy | Self::ValAccuracy => true,
            Self::Loss | Self::ValLoss | Self::LearningRate | Self::EpochSeconds => false,
        }
    }

    /// Whether lower is better.
    pub fn falls(self) -> bool {
        !self.is_share()
    }

    /// The number in one epoch; `None` where it does not exist.
    pub fn of(self, row: &EpochRow) -> Option<f64> {
        match self {
            Self::Accuracy => Some(row.accuracy),
            Self::Loss => Some(row.loss),
            Self::ValAccuracy => row.val_accuracy,
            Self::ValLoss => row.val_loss,
            Self::LearningRate => Some(row.learning_rate),
            Self::EpochSeconds => Some(row.epoch_seconds),
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
