//! `training.loss` and `training.metrics`: what is made small, and what is measured beside it.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize, Serializer};

/// What training makes small.
#[derive(Debug, Clone, Copy, PartialEq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Loss {
    /// Cross-entropy, for labels that are class numbers.
    ///
    /// Formula: −Σ y · ln p over the classes, with p the network's probabilities and y = 1 for the
    /// label's class and 0 for the others, or with label smoothing s: y · (1 − s) + s / classes
    ///
    /// Reference:
    /// <https://keras.io/api/losses/probabilistic_losses/#sparsecategoricalcrossentropy-class>
    SparseCategoricalCrossentropy(SparseCategoricalCrossentropy),
}

/// How labels count.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct SparseCategoricalCrossentropy {
    /// The share s of each label that is spread evenly over all classes: y becomes
    /// y · (1 − s) + s / classes, as by Keras' `CategoricalCrossentropy`, also in the losses of
    /// validation and test.
    pub label_smoothing: f64,
}

impl Loss {
    /// The share of each label that is spread over all classes.
    pub fn label_smoothing(&self) -> f64 {
        match self {
            Self::SparseCategoricalCrossentropy(keys) => keys.label_smoothing,
        }
    }
}

impl Default for Loss {
    fn default() -> Self {
        Self::SparseCategoricalCrossentropy(SparseCategoricalCrossentropy::default())
    }
}

/// A bare name where nothing is other than usual, as all files had it before there were parameters:
/// trials' identities hang on it.
impl Serialize for Loss {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let (kind, keys) = match self {
            Self::SparseCategoricalCrossentropy(keys) => ("sparse_categorical_crossentropy", keys),
        };
        if *keys == SparseCategoricalCrossentropy::default() {
            serializer.serialize_str(kind)
        } else {
            serializer.collect_map([(kind, keys)])
        }
    }
}

/// One of the list `training.metrics`; in a file a bare name or a map of one key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum MetricSpec {
    /// Share of rows whose highest score is their own class's; measured whether named or not.
    ///
    /// Formula: rows whose class has the highest score / rows
    ///
    /// Reference: <https://keras.io/api/metrics/accuracy_metrics/>
    Accuracy,
    /// Share of rows whose class is among the k with the highest scores.
    ///
    /// Formula: rows whose class has one of the k highest scores / rows
    ///
    /// Reference: <https://keras.io/api/metrics/accuracy_metrics/>
    TopKAccuracy(TopKAccuracy),
}

/// How many of the highest scores count.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct TopKAccuracy {
    /// How many.
    pub k: usize,
}

impl Default for TopKAccuracy {
    fn default() -> Self {
        Self { k: 5 }
    }
}

/// Each top-k accuracy's place in a list, and its k.
pub(super) fn top_k(metrics: &[MetricSpec]) -> impl Iterator<Item = (usize, usize)> {
    metrics.iter().enumerate().filter_map(|(i, metric)| match metric {
        MetricSpec::Accuracy => None,
        MetricSpec::TopKAccuracy(TopKAccuracy { k }) => Some((i, *k)),
    })
}

/// The name of a top-k accuracy in tables and callbacks: `top_5_accuracy`.
pub fn top_k_name(k: usize) -> String {
    format!("top_{k}_accuracy")
}

/// The k in the name of a top-k accuracy, written as [`top_k_name`] writes it.
pub fn top_k_of_name(name: &str) -> Option<usize> {
    let k = name.strip_prefix("top_")?.strip_suffix("_accuracy")?.parse().ok()?;
    (top_k_name(k) == name).then_some(k)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_loss_without_parameters_is_written_as_it_always_was() {
        let write = |loss: Loss| serde_json::to_value(loss).unwrap();
        assert_eq!(write(Loss::default()), json!("sparse_categorical_crossentropy"));
        let smooth = json!({"sparse_categorical_crossentropy": {"label_smoothing": 0.1}});
        let loss: Loss = serde_json::from_value(smooth.clone()).unwrap();
        assert_eq!(loss.label_smoothing(), 0.1);
        assert_eq!(write(loss), smooth);
    }

    #[test]
    fn only_names_that_are_written_so_are_read() {
        assert_eq!(top_k_of_name(&top_k_name(12)), Some(12));
        for name in ["top_05_accuracy", "top__accuracy", "top_+5_accuracy", "accuracy", "top_5"] {
            assert_eq!(top_k_of_name(name), None, "{name}");
        }
    }
}
