//! `training.callbacks`: what is decided after each epoch, with Keras' names and defaults.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::given;

/// One of the list; in a file a map of one key or a bare name. That training ends when the loss is
/// no number any more (Keras' `TerminateOnNaN`) needs no callback.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum CallbackSpec {
    /// Ends training when a metric gets no better.
    ///
    /// Formula: an epoch is better if its metric passes the best so far (and baseline) by more than
    /// min_delta; after patience epochs that are not, training ends
    ///
    /// Reference: <https://keras.io/api/callbacks/early_stopping/>
    EarlyStopping(EarlyStopping),
    /// Lowers the step size when a metric gets no better.
    ///
    /// Formula: lr ← max(lr · factor, min_lr) after patience epochs that pass the best so far by no
    /// more than min_delta
    ///
    /// Reference: <https://keras.io/api/callbacks/reduce_lr_on_plateau/>
    ReduceLrOnPlateau(ReduceLrOnPlateau),
}

impl CallbackSpec {
    /// The name in files.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::EarlyStopping(_) => "early_stopping",
            Self::ReduceLrOnPlateau(_) => "reduce_lr_on_plateau",
        }
    }

    /// The metric it goes by.
    pub fn monitor(&self) -> Monitor {
        match self {
            Self::EarlyStopping(keys) => keys.monitor,
            Self::ReduceLrOnPlateau(keys) => keys.monitor,
        }
    }
}

/// A metric of each epoch, under its name in `metrics.csv`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Monitor {
    /// Mean loss of the validation rows.
    #[default]
    ValLoss,
    /// Accuracy on the validation rows.
    ValAccuracy,
    /// Mean loss of the training rows.
    Loss,
    /// Accuracy on the training rows.
    Accuracy,
}

impl Monitor {
    /// The name in files.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::ValLoss => "val_loss",
            Self::ValAccuracy => "val_accuracy",
            Self::Loss => "loss",
            Self::Accuracy => "accuracy",
        }
    }

    /// Whether it needs validation rows.
    pub fn is_of_validation(self) -> bool {
        match self {
            Self::ValLoss | Self::ValAccuracy => true,
            Self::Loss | Self::Accuracy => false,
        }
    }
}

/// Which way a metric gets better.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Mode {
    /// Losses down, accuracies up.
    #[default]
    Auto,
    /// Down.
    Min,
    /// Up.
    Max,
}

/// Ends training when a metric gets no better.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct EarlyStopping {
    /// The metric.
    pub monitor: Monitor,
    /// By how much at least it has to get better.
    pub min_delta: f64,
    /// How many epochs it may get no better for.
    pub patience: usize,
    /// Which way is better.
    pub mode: Mode,
    /// A value that has to be passed, too, for an epoch to count as better.
    #[serde(deserialize_with = "given", skip_serializing_if = "Option::is_none")]
    #[schemars(with = "f64")]
    pub baseline: Option<f64>,
    /// Whether the network goes back to its weights after the best epoch in the end.
    pub restore_best_weights: bool,
    /// How many epochs at the beginning are not looked at.
    pub start_from_epoch: usize,
}

impl Default for EarlyStopping {
    fn default() -> Self {
        Self {
            monitor: Monitor::ValLoss,
            min_delta: 0.0,
            patience: 0,
            mode: Mode::Auto,
            baseline: None,
            restore_best_weights: false,
            start_from_epoch: 0,
        }
    }
}

/// Lowers the step size when a metric gets no better.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct ReduceLrOnPlateau {
    /// The metric.
    pub monitor: Monitor,
    /// What the step size is multiplied by.
    pub factor: f64,
    /// How many epochs the metric may get no better for.
    pub patience: usize,
    /// By how much at least it has to get better.
    pub min_delta: f64,
    /// Which way is better.
    pub mode: Mode,
    /// How many epochs after each change are not counted.
    pub cooldown: usize,
    /// The step size goes no lower.
    pub min_lr: f64,
}

impl Default for ReduceLrOnPlateau {
    fn default() -> Self {
        Self {
            monitor: Monitor::ValLoss,
            factor: 0.1,
            patience: 10,
            min_delta: 1e-4,
            mode: Mode::Auto,
            cooldown: 0,
            min_lr: 0.0,
        }
    }
}
