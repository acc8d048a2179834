//! `training:` the loss, the optimizer and the length of the run.

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};

use super::measure::top_k;
use super::{CallbackSpec, Loss, MetricSpec, OptimizerSpec, ScheduleSpec, given};

/// How the network is trained.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TrainingSpec {
    /// What is made small.
    #[serde(default)]
    pub loss: Loss,
    /// How weights follow gradients.
    pub optimizer: OptimizerSpec,
    /// How the step size changes from step to step, in place of the optimizer's own.
    #[serde(default, deserialize_with = "given", skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "number_or_schedule")]
    pub learning_rate: Option<ScheduleSpec>,
    /// Rows per step; the last batch of an epoch may be smaller and is kept.
    #[serde(default = "default_batch_size")]
    pub batch_size: usize,
    /// Passes over the training rows.
    pub epochs: usize,
    /// Whether each epoch has a new order of rows.
    #[serde(default = "yes")]
    pub shuffle: bool,
    /// What is measured beside the loss; the accuracy always is.
    #[serde(default, skip_serializing_if = "is_accuracy_alone")]
    #[schemars(!skip_serializing_if)]
    pub metrics: Vec<MetricSpec>,
    /// What is decided after each epoch, in this order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(!skip_serializing_if)]
    pub callbacks: Vec<CallbackSpec>,
}

impl TrainingSpec {
    /// Writes out what the file leaves to defaults that hang together: the optimizer's step size
    /// is named unless a schedule decides it.
    pub(super) fn fill_in(&mut self) {
        if self.learning_rate.is_none() {
            self.optimizer.fill_in_learning_rate();
        }
    }

    /// The k of each top-k accuracy that is measured, in the file's order.
    pub fn top_k(&self) -> Vec<usize> {
        top_k(&self.metrics).map(|(_, k)| k).collect()
    }
}

/// Whether a list says no more than none.
fn is_accuracy_alone(metrics: &[MetricSpec]) -> bool {
    top_k(metrics).next().is_none()
}

/// `learning_rate:` in a file: a number stands for a constant.
fn number_or_schedule(generator: &mut SchemaGenerator) -> Schema {
    let schedule = generator.subschema_for::<ScheduleSpec>();
    json_schema!({ "anyOf": [{ "type": "number" }, schedule] })
}

fn default_batch_size() -> usize {
    32
}

fn yes() -> bool {
    true
}
