//! `training.callbacks`: what is decided after each epoch, with Keras' names and defaults.

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::{given, top_k_name, top_k_of_name};

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
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
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
    /// Top-k accuracy on the validation rows, with its k.
    ValTopKAccuracy(usize),
    /// Top-k accuracy on the training rows, with its k.
    TopKAccuracy(usize),
}

impl Monitor {
    /// The names without a number in them.
    const NAMED: [Self; 4] = [Self::ValLoss, Self::ValAccuracy, Self::Loss, Self::Accuracy];

    /// The name in files.
    pub fn name(self) -> String {
        match self {
            Self::ValLoss => "val_loss".to_owned(),
            Self::ValAccuracy => "val_accuracy".to_owned(),
            Self::Loss => "loss".to_owned(),
            Self::Accuracy => "accuracy".to_owned(),
            Self::ValTopKAccuracy(k) => format!("val_{}", top_k_name(k)),
            Self::TopKAccuracy(k) => top_k_name(k),
        }
    }

    /// What it is, for people.
    fn about(self) -> &'static str {
        match self {
            Self::ValLoss => "Mean loss of the validation rows.",
            Self::ValAccuracy => "Accuracy on the validation rows.",
            Self::Loss => "Mean loss of the training rows, taken while training.",
            Self::Accuracy => "Accuracy on the training rows, taken while training.",
            Self::ValTopKAccuracy(_) => "Top-k accuracy on the validation rows.",
            Self::TopKAccuracy(_) => "Top-k accuracy on the training rows.",
        }
    }

    fn of_name(name: &str) -> Option<Self> {
        let top_k = || match name.strip_prefix("val_") {
            Some(name) => top_k_of_name(name).map(Self::ValTopKAccuracy),
            None => top_k_of_name(name).map(Self::TopKAccuracy),
        };
        Self::NAMED.into_iter().find(|monitor| monitor.name() == name).or_else(top_k)
    }

    /// Whether it needs validation rows.
    pub fn is_of_validation(self) -> bool {
        match self {
            Self::ValLoss | Self::ValAccuracy | Self::ValTopKAccuracy(_) => true,
            Self::Loss | Self::Accuracy | Self::TopKAccuracy(_) => false,
        }
    }

    /// The k of a top-k accuracy, which there is only where `training.metrics` has it.
    pub fn top_k(self) -> Option<usize> {
        match self {
            Self::ValTopKAccuracy(k) | Self::TopKAccuracy(k) => Some(k),
            Self::ValLoss | Self::ValAccuracy | Self::Loss | Self::Accuracy => None,
        }
    }
}

impl Serialize for Monitor {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.name())
    }
}

impl<'de> Deserialize<'de> for Monitor {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        const KNOWN: &[&str] = &[
            "val_loss",
            "val_accuracy",
            "loss",
            "accuracy",
            "val_top_<k>_accuracy",
            "top_<k>_accuracy",
        ];
        let name = String::deserialize(deserializer)?;
        Self::of_name(&name).ok_or_else(|| D::Error::unknown_variant(&name, KNOWN))
    }
}

impl JsonSchema for Monitor {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Monitor".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        let named = Self::NAMED.map(
            |monitor| json_schema!({ "description": monitor.about(), "const": monitor.name() }),
        );
        let mut forms = named.to_vec();
        forms.push(json_schema!({
            "description": "The share of rows whose class is among the k with the highest scores, \
                            for a k that `training.metrics` has: of the validation rows with \
                            `val_`, else of the training rows.",
            "examples": ["top_5_accuracy", "val_top_5_accuracy"],
            "type": "string",
            "pattern": "^(val_)?top_[1-9][0-9]*_accuracy$",
        }));
        json_schema!({ "oneOf": forms })
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
    /// How many epochs the cooldown after each change lasts. As in Keras, the last of them counts
    /// again, so that 1 is the same as 0.
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
