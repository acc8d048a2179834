//! `training:` the loss, the optimizer and the length of the run.

use serde::{Deserialize, Serialize};

use super::OptimizerSpec;

/// What training makes small.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Loss {
    /// −ln of the probability given to the true class, labels being class numbers.
    #[default]
    SparseCategoricalCrossentropy,
}

/// How the network is trained.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TrainingSpec {
    /// What is made small.
    #[serde(default)]
    pub loss: Loss,
    /// How weights follow gradients.
    pub optimizer: OptimizerSpec,
    /// Rows per step; the last batch of an epoch may be smaller and is kept.
    #[serde(default = "default_batch_size")]
    pub batch_size: usize,
    /// Passes over the training rows.
    pub epochs: usize,
    /// Whether each epoch has a new order of rows.
    #[serde(default = "yes")]
    pub shuffle: bool,
}

fn default_batch_size() -> usize {
    32
}

fn yes() -> bool {
    true
}
