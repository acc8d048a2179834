//! Early stopping as Keras 3 counts it (keras/src/callbacks/early_stopping.py,
//! monitor_callback.py): when training ends, and the epoch whose weights are kept.
//!
//! Training asks epoch by epoch; readers of older results ask about recorded epochs.

use serde::{Deserialize, Serialize};

use super::EpochRow;
use crate::spec::{CallbackSpec, EarlyStopping, Mode, Monitor};

/// The state of one early stopping.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Stopper {
    keys: EarlyStopping,
    /// The best value so far.
    best: Option<f64>,
    /// Its epoch; 0 before there is one.
    best_epoch: usize,
    /// Epochs since then.
    wait: usize,
}

/// What early stopping says after an epoch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stopping {
    /// The epoch is the best so far.
    Best,
    /// Training goes on.
    Continue,
    /// Training ends here.
    Stop,
}

impl Stopper {
    /// The state before the first epoch.
    pub fn new(keys: &EarlyStopping) -> Self {
        Self { keys: keys.clone(), best: None, best_epoch: 0, wait: 0 }
    }

    /// Takes note of an epoch.
    pub fn epoch_end(&mut self, row: &EpochRow) -> Stopping {
        let keys = &self.keys;
        let Some(value) = monitored(keys.monitor, row) else { return Stopping::Continue };
        // Keras counts epochs from 0.
        let epoch = row.epoch - 1;
        if epoch < keys.start_from_epoch {
            return Stopping::Continue;
        }
        let improves = |reference: Option<f64>| {
            is_improvement(keys.monitor, keys.mode, keys.min_delta, value, reference)
        };
        self.wait += 1;
        if improves(self.best) {
            if keys.baseline.is_none() || improves(keys.baseline) {
                self.wait = 0;
            }
            self.best = Some(value);
            self.best_epoch = row.epoch;
            return Stopping::Best;
        }
        if self.wait >= keys.patience && epoch > 0 { Stopping::Stop } else { Stopping::Continue }
    }

    /// Whether the weights of the best epoch are wanted at the end.
    pub fn restores(&self) -> bool {
        self.keys.restore_best_weights
    }

    /// The epoch whose weights training ends with because of this callback.
    pub fn restored_epoch(&self) -> Option<usize> {
        (self.restores() && self.best.is_some()).then_some(self.best_epoch)
    }

    /// What was decided, for the log.
    pub fn remark(&self) -> String {
        let monitor = self.keys.monitor.name();
        let best = self.best.unwrap_or(f64::NAN);
        format!(
            "early_stopping: {monitor} was best in epoch {}, {best}; no more epochs",
            self.best_epoch
        )
    }
}

/// The epoch that several early stoppings restore. As in Keras, the last one that restores any wins.
pub fn restored_epoch<'a>(stoppers: impl DoubleEndedIterator<Item = &'a Stopper>) -> Option<usize> {
    stoppers.rev().find_map(Stopper::restored_epoch)
}

/// The epoch whose weights a completed trial with these callbacks and epochs has kept; `None`
/// without epochs.
pub fn kept_epoch(callbacks: &[CallbackSpec], epochs: &[EpochRow]) -> Option<usize> {
    let stopper = |callback: &CallbackSpec| match callback {
        CallbackSpec::EarlyStopping(keys) => Some(Stopper::new(keys)),
        CallbackSpec::ReduceLrOnPlateau(_) => None,
    };
    let mut stoppers: Vec<Stopper> = callbacks.iter().filter_map(stopper).collect();
    for row in epochs {
        for stopper in &mut stoppers {
            stopper.epoch_end(row);
        }
    }
    restored_epoch(stoppers.iter()).or(epochs.last().map(|row| row.epoch))
}

/// An epoch's value of a monitored metric.
pub fn monitored(monitor: Monitor, row: &EpochRow) -> Option<f64> {
    match monitor {
        Monitor::ValLoss => row.val_loss,
        Monitor::ValAccuracy => row.val_accuracy,
        Monitor::Loss => Some(row.loss),
        Monitor::Accuracy => Some(row.accuracy),
        Monitor::ValTopKAccuracy(k) => row.top_k(k).and_then(|top| top.val_accuracy),
        Monitor::TopKAccuracy(k) => row.top_k(k).map(|top| top.accuracy),
    }
}

/// Whether a value is better by more than `min_delta`. Compared in 32 bits, as by Keras.
pub fn is_improvement(
    monitor: Monitor,
    mode: Mode,
    min_delta: f64,
    value: f64,
    reference: Option<f64>,
) -> bool {
    let Some(reference) = reference else { return true };
    let falls = match (mode, monitor) {
        (Mode::Min, _) | (Mode::Auto, Monitor::ValLoss | Monitor::Loss) => true,
        (Mode::Max, _)
        | (
            Mode::Auto,
            Monitor::ValAccuracy
            | Monitor::Accuracy
            | Monitor::ValTopKAccuracy(_)
            | Monitor::TopKAccuracy(_),
        ) => false,
    };
    if falls {
        ((value + min_delta) as f32) < reference as f32
    } else {
        (value - min_delta) as f32 > reference as f32
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::analysis::test_data::epoch;

    const KERAS: &str = include_str!("../../tests/fixtures/callbacks.json");

    #[test]
    fn the_kept_epoch_of_recorded_epochs_is_the_one_that_keras_restores() {
        let fixture: Value = serde_json::from_str(KERAS).unwrap();
        for case in fixture["early_stopping"].as_array().unwrap() {
            let spec: CallbackSpec = serde_json::from_value(case["callback"].clone()).unwrap();
            let course = case["course"].as_array().unwrap().iter().map(|v| v.as_f64().unwrap());
            let trained = case["stopped"].as_u64().map_or(usize::MAX, |epoch| epoch as usize);
            let rows: Vec<EpochRow> = (1..)
                .zip(course)
                .map(|(number, value)| EpochRow {
                    accuracy: value,
                    loss: value,
                    val_loss: Some(value),
                    ..epoch(number, value)
                })
                .take(trained)
                .collect();
            assert_eq!(json!(kept_epoch(&[spec], &rows)), case["weights_of"], "{case}");
        }
    }

    #[test]
    fn without_restored_weights_the_last_epoch_is_kept() {
        let rows = [epoch(1, 0.9), epoch(2, 0.5)];
        assert_eq!(kept_epoch(&[], &rows), Some(2));
        assert_eq!(kept_epoch(&[], &[]), None);
        let stopping = |restore_best_weights| {
            let monitor = Monitor::ValAccuracy;
            CallbackSpec::EarlyStopping(EarlyStopping {
                monitor,
                restore_best_weights,
                ..EarlyStopping::default()
            })
        };
        assert_eq!(kept_epoch(&[stopping(false)], &rows), Some(2));
        assert_eq!(kept_epoch(&[stopping(true), stopping(false)], &rows), Some(1));
    }
}
