//! What is decided after each epoch: whether to go on, and with what step size. The counting is
//! that of Keras 3 (keras/src/callbacks/reduce_lr_on_plateau.py and [`Stopper`]), to the epoch.
//!
//! The state is plain data, so that it can be written in the middle of a run and read back. Only
//! the best weights are not in it: they are tensors.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::model::Weights;
use crate::record::{EpochRow, Stopper, Stopping, is_improvement, monitored, restored_epoch};
use crate::spec::{CallbackSpec, ReduceLrOnPlateau};

/// All callbacks of one run.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Callbacks {
    list: Vec<Callback>,
    /// The best weights so far, by the index of the callback that wants them.
    #[serde(skip)]
    best_weights: BTreeMap<usize, Weights>,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
enum Callback {
    EarlyStopping(Stopper),
    ReduceLrOnPlateau(Reducer),
}

/// What the callbacks say after an epoch.
#[derive(Debug, Default, PartialEq)]
pub struct Verdict {
    /// Whether this was the last epoch.
    pub stop: bool,
    /// The step size from now on, if it changes.
    pub learning_rate: Option<f64>,
    /// What was decided and why, for the log.
    pub remarks: Vec<String>,
}

impl Callbacks {
    /// The callbacks of a file, before the first epoch.
    pub fn new(specs: &[CallbackSpec]) -> Self {
        let callback = |spec: &CallbackSpec| match spec {
            CallbackSpec::EarlyStopping(keys) => Callback::EarlyStopping(Stopper::new(keys)),
            CallbackSpec::ReduceLrOnPlateau(keys) => {
                Callback::ReduceLrOnPlateau(Reducer::new(keys))
            }
        };
        Self { list: specs.iter().map(callback).collect(), best_weights: BTreeMap::new() }
    }

    /// Takes note of an epoch. `weights` reads the network's weights, where they may be wanted
    /// back.
    pub fn epoch_end(&mut self, row: &EpochRow, weights: impl Fn() -> Weights) -> Verdict {
        let mut verdict = Verdict::default();
        for (index, callback) in self.list.iter_mut().enumerate() {
            match callback {
                Callback::EarlyStopping(stopper) => match stopper.epoch_end(row) {
                    Stopping::Best if stopper.restores() => {
                        self.best_weights.insert(index, weights());
                    }
                    Stopping::Best | Stopping::Continue => {}
                    Stopping::Stop => {
                        verdict.stop = true;
                        verdict.remarks.push(stopper.remark());
                    }
                },
                Callback::ReduceLrOnPlateau(reducer) => {
                    let rate = verdict.learning_rate.unwrap_or(row.learning_rate);
                    if let Some(new) = reducer.epoch_end(row, rate) {
                        verdict.learning_rate = Some(new);
                        let remark = format!("reduce_lr_on_plateau: {rate} to {new}");
                        verdict.remarks.push(remark);
                    }
                }
            }
        }
        verdict
    }

    /// The epoch whose weights the run ends with; `None` for the last one.
    pub fn restored_epoch(&self) -> Option<usize> {
        restored_epoch(self.list.iter().filter_map(|callback| match callback {
            Callback::EarlyStopping(stopper) => Some(stopper),
            Callback::ReduceLrOnPlateau(_) => None,
        }))
    }

    /// The weights of that epoch.
    pub fn best_weights(&self) -> Option<&Weights> {
        self.best_weights.last_key_value().map(|(_, weights)| weights)
    }

    /// The weights that callbacks hold on to, each with its callback's index.
    pub fn weights(&self) -> impl Iterator<Item = (usize, &Weights)> {
        self.best_weights.iter().map(|(index, weights)| (*index, weights))
    }

    /// Gives callbacks that were read back the weights that they held on to, by their index.
    ///
    /// # Errors
    /// Where the weights cannot be read.
    pub fn restore_weights(
        &mut self,
        weights: impl Fn(usize) -> anyhow::Result<Option<Weights>>,
    ) -> anyhow::Result<()> {
        for (index, callback) in self.list.iter().enumerate() {
            match callback {
                Callback::EarlyStopping(_) => {
                    if let Some(weights) = weights(index)? {
                        self.best_weights.insert(index, weights);
                    }
                }
                Callback::ReduceLrOnPlateau(_) => {}
            }
        }
        Ok(())
    }
}

/// The step size lowered on plateaus, and where that stands.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct Reducer {
    keys: ReduceLrOnPlateau,
    /// The best value so far.
    best: Option<f64>,
    /// Epochs since then that count.
    wait: usize,
    /// Epochs to come that do not.
    cooldown: usize,
}

impl Reducer {
    fn new(keys: &ReduceLrOnPlateau) -> Self {
        Self { keys: keys.clone(), best: None, wait: 0, cooldown: 0 }
    }

    /// The new step size, if it changes.
    fn epoch_end(&mut self, row: &EpochRow, rate: f64) -> Option<f64> {
        let keys = &self.keys;
        let value = monitored(keys.monitor, row)?;
        if self.cooldown > 0 {
            self.cooldown -= 1;
            self.wait = 0;
        }
        if is_improvement(keys.monitor, keys.mode, keys.min_delta, value, self.best) {
            self.best = Some(value);
            self.wait = 0;
            return None;
        }
        if self.cooldown > 0 {
            return None;
        }
        self.wait += 1;
        if self.wait < keys.patience {
            return None;
        }
        let new = reduced(keys, rate)?;
        self.cooldown = keys.cooldown;
        self.wait = 0;
        Some(new)
    }
}

/// The step size after one reduction; none if it is as low as it may be. Keras keeps it in 32 bits,
/// which decides whether the lowest is reached.
fn reduced(keys: &ReduceLrOnPlateau, rate: f64) -> Option<f64> {
    let old = rate as f32;
    (old > keys.min_lr as f32).then(|| {
        let new = (f64::from(old) * keys.factor).max(keys.min_lr) as f32;
        // Its shortest decimal: 0.001, and not 0.0010000000474974513.
        new.to_string().parse().expect("a number's own text is a number")
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::spec::ModelSpec;
    use serde_json::{Value, json};

    const FIXTURE: &str = include_str!("../../tests/fixtures/callbacks.json");

    /// An epoch in which every metric has the same value.
    fn row(epoch: usize, value: f64, learning_rate: f64) -> EpochRow {
        EpochRow {
            epoch,
            accuracy: value,
            loss: value,
            val_accuracy: Some(value),
            val_loss: Some(value),
            learning_rate,
            epoch_seconds: 1.0,
            elapsed_seconds: epoch as f64,
            top_k: Vec::new(),
        }
    }

    /// Weights of a small network whose bias is a number that tells the epoch.
    fn weights(epoch: usize) -> Weights {
        let layers = json!([{"flatten": {}}, {"dense": {"units": 1, "activation": "softmax"}}]);
        let model: ModelSpec = serde_json::from_value(json!({ "layers": layers })).unwrap();
        let placed = crate::model::place(&model, [1, 1, 1], 1).unwrap();
        let device = crate::backend::open(crate::spec::BackendName::Flex).unwrap().device;
        let network = crate::model::Network::build(&model, &placed, 1, &device);
        let mut weights = Weights::of(&network, &placed);
        weights.set("dense/bias", vec![epoch as f32]).unwrap();
        weights
    }

    fn callbacks(case: &Value) -> Callbacks {
        Callbacks::new(&[serde_json::from_value(case["callback"].clone()).unwrap()])
    }

    fn numbers(list: &Value) -> Vec<f64> {
        list.as_array().unwrap().iter().map(|number| number.as_f64().unwrap()).collect()
    }

    #[test]
    fn early_stopping_ends_in_the_epoch_and_with_the_weights_of_keras() {
        let fixture: Value = serde_json::from_str(FIXTURE).unwrap();
        for case in fixture["early_stopping"].as_array().unwrap() {
            let mut callbacks = callbacks(case);
            let course = numbers(&case["course"]);
            let stopped = (1..=course.len()).find(|&epoch| {
                let row = row(epoch, course[epoch - 1], 0.1);
                callbacks.epoch_end(&row, || weights(epoch)).stop
            });
            assert_eq!(json!(stopped), case["stopped"], "{}", case["callback"]);
            let best = callbacks.restored_epoch();
            let bias = |weights: &Weights| weights.get("dense/bias").unwrap()[0];
            assert_eq!(callbacks.best_weights().map(bias), best.map(|epoch| epoch as f32));
            let last = stopped.unwrap_or(course.len());
            assert_eq!(json!(best.unwrap_or(last)), case["weights_of"], "{}", case["callback"]);
        }
    }

    #[test]
    fn plateaus_lower_the_rate_in_the_epochs_of_keras() {
        let fixture: Value = serde_json::from_str(FIXTURE).unwrap();
        for case in fixture["reduce_lr_on_plateau"].as_array().unwrap() {
            let mut callbacks = callbacks(case);
            let mut rate = case["learning_rate"].as_f64().unwrap();
            let course = numbers(&case["course"]);
            for (i, (value, keras)) in course.iter().zip(numbers(&case["rates"])).enumerate() {
                let verdict = callbacks.epoch_end(&row(i + 1, *value, rate), || unreachable!());
                assert_eq!(verdict.learning_rate.is_some(), !verdict.remarks.is_empty());
                rate = verdict.learning_rate.unwrap_or(rate);
                assert_eq!(rate as f32, keras as f32, "{}, epoch {}", case["callback"], i + 1);
            }
        }
    }

    #[test]
    fn what_is_read_back_goes_on_as_if_nothing_had_been() {
        let fixture: Value = serde_json::from_str(FIXTURE).unwrap();
        let cases = fixture["reduce_lr_on_plateau"].as_array().unwrap().iter();
        for case in cases.chain(fixture["early_stopping"].as_array().unwrap()) {
            let (mut whole, mut broken) = (callbacks(case), callbacks(case));
            for (i, value) in numbers(&case["course"]).into_iter().enumerate() {
                let text = serde_json::to_string(&broken).unwrap();
                broken = serde_json::from_str(&text).unwrap();
                let row = row(i + 1, value, 0.1);
                let verdict = whole.epoch_end(&row, || weights(1));
                assert_eq!(broken.epoch_end(&row, || weights(1)), verdict, "{text}");
            }
        }
    }
}
