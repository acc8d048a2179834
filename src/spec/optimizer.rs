//! `optimizer:` how weights follow gradients, with Keras' names and defaults.

use serde::{Deserialize, Serialize};

/// An optimizer and its hyper-parameters; in a file a map of one key or a bare name.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OptimizerSpec {
    /// Stochastic gradient descent.
    Sgd(Sgd),
    /// Adam (Kingma & Ba 2015).
    Adam(Adam),
}

impl OptimizerSpec {
    /// The step size.
    pub fn learning_rate(&self) -> f64 {
        match self {
            Self::Sgd(sgd) => sgd.learning_rate,
            Self::Adam(adam) => adam.learning_rate,
        }
    }
}

/// Stochastic gradient descent, with Keras' momentum: `v = momentum·v − lr·g`, `w += v`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Sgd {
    /// Step size.
    #[serde(default = "sgd_learning_rate")]
    pub learning_rate: f64,
    /// Share of the last step that the next one keeps.
    #[serde(default)]
    pub momentum: f64,
    /// Nesterov's variant: `w += momentum·v − lr·g`.
    #[serde(default)]
    pub nesterov: bool,
}

/// Adam with Keras' placement of epsilon.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Adam {
    /// Step size.
    #[serde(default = "adam_learning_rate")]
    pub learning_rate: f64,
    /// Decay of the mean of the gradient.
    #[serde(default = "adam_beta_1")]
    pub beta_1: f64,
    /// Decay of the mean of its square.
    #[serde(default = "adam_beta_2")]
    pub beta_2: f64,
    /// Added to the root of that mean.
    #[serde(default = "adam_epsilon")]
    pub epsilon: f64,
}

fn sgd_learning_rate() -> f64 {
    0.01
}

fn adam_learning_rate() -> f64 {
    0.001
}

fn adam_beta_1() -> f64 {
    0.9
}

fn adam_beta_2() -> f64 {
    0.999
}

fn adam_epsilon() -> f64 {
    1e-7
}
