//! `training.learning_rate`: how the step size changes from step to step, with Keras' names.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::given;

/// A schedule and its numbers; in a file a map of one key, or a bare number for a constant.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ScheduleSpec {
    /// The same step size throughout.
    ///
    /// Formula: learning_rate
    ///
    /// Reference: <https://keras.io/api/optimizers/>, whose `learning_rate` may be a number
    Constant(Constant),
    /// Shrinks by the same factor every so many steps.
    ///
    /// Formula: initial_learning_rate · decay_rate ^ (step / decay_steps)
    ///
    /// Reference: <https://keras.io/api/optimizers/learning_rate_schedules/exponential_decay/>
    ExponentialDecay(ExponentialDecay),
    /// Shrinks fast first and slower and slower then; also called power scheduling.
    ///
    /// Formula: initial_learning_rate / (1 + decay_rate · step / decay_steps)
    ///
    /// Reference: <https://keras.io/api/optimizers/learning_rate_schedules/inverse_time_decay/>
    InverseTimeDecay(InverseTimeDecay),
    /// One value up to each boundary.
    ///
    /// Formula: values[0] up to step boundaries[0], then values[1] up to boundaries[1], and so on
    ///
    /// Reference:
    /// <https://keras.io/api/optimizers/learning_rate_schedules/piecewise_constant_decay/>
    PiecewiseConstant(PiecewiseConstant),
    /// Half a wave of a cosine, after a straight rise if so wanted.
    ///
    /// Formula: top · ((1 − alpha) · (1 + cos(π · step / decay_steps)) / 2 + alpha), where top is
    /// warmup_target after a rise from initial_learning_rate over warmup_steps, and without one
    /// initial_learning_rate
    ///
    /// Reference: Loshchilov & Hutter 2017, <https://arxiv.org/abs/1608.03983>;
    /// <https://keras.io/api/optimizers/learning_rate_schedules/cosine_decay/>
    CosineDecay(CosineDecay),
    /// Falls along a power of the steps that are left.
    ///
    /// Formula: (initial_learning_rate − end_learning_rate) · (1 − step / decay_steps) ^ power +
    /// end_learning_rate
    ///
    /// Reference: <https://keras.io/api/optimizers/learning_rate_schedules/polynomial_decay/>
    PolynomialDecay(PolynomialDecay),
    /// Up, down again, and a last short stretch far down.
    ///
    /// Formula: straight lines from start_learning_rate to max_learning_rate over half of the steps
    /// but the last_steps, back over the other half, and to last_learning_rate over the last_steps
    ///
    /// Reference: Smith 2018, <https://arxiv.org/abs/1803.09820>; Géron 2019, chapter 11; not in
    /// Keras
    OneCycle(OneCycle),
}

impl ScheduleSpec {
    /// The name in files.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Constant(_) => "constant",
            Self::ExponentialDecay(_) => "exponential_decay",
            Self::InverseTimeDecay(_) => "inverse_time_decay",
            Self::PiecewiseConstant(_) => "piecewise_constant",
            Self::CosineDecay(_) => "cosine_decay",
            Self::PolynomialDecay(_) => "polynomial_decay",
            Self::OneCycle(_) => "one_cycle",
        }
    }

    /// Whether a longer run has other step sizes from its first step on.
    pub fn depends_on_epochs(&self) -> bool {
        match self {
            Self::OneCycle(keys) => keys.total_steps.is_none(),
            Self::Constant(_)
            | Self::ExponentialDecay(_)
            | Self::InverseTimeDecay(_)
            | Self::PiecewiseConstant(_)
            | Self::CosineDecay(_)
            | Self::PolynomialDecay(_) => false,
        }
    }
}

/// The same step size throughout.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "ConstantRate")]
pub struct Constant {
    /// Step size.
    pub learning_rate: f64,
}

/// Shrinks by the same factor every `decay_steps` steps.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ExponentialDecay {
    /// Step size of the first step.
    pub initial_learning_rate: f64,
    /// Steps over which it shrinks by `decay_rate`.
    pub decay_steps: usize,
    /// The factor.
    pub decay_rate: f64,
    /// Whether it shrinks all at once at the end of these steps.
    #[serde(default)]
    pub staircase: bool,
}

/// Shrinks fast first and slower and slower then.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct InverseTimeDecay {
    /// Step size of the first step.
    pub initial_learning_rate: f64,
    /// Steps over which the divisor grows by `decay_rate`.
    pub decay_steps: usize,
    /// How much the divisor, which begins at 1, grows.
    pub decay_rate: f64,
    /// Whether it grows all at once at the end of these steps.
    #[serde(default)]
    pub staircase: bool,
}

/// One value up to each boundary.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PiecewiseConstant {
    /// Steps, rising. Steps count from 0, and the boundary itself is on the left.
    pub boundaries: Vec<usize>,
    /// One more than there are boundaries.
    pub values: Vec<f64>,
}

/// Half a wave of a cosine, after a straight rise if so wanted.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CosineDecay {
    /// Step size of the first step.
    pub initial_learning_rate: f64,
    /// Length of the half wave, in steps.
    pub decay_steps: usize,
    /// What is left in the end, as a share of the highest step size.
    #[serde(default)]
    pub alpha: f64,
    /// The step size at the end of the rise; without it, there is none.
    #[serde(default, deserialize_with = "given", skip_serializing_if = "Option::is_none")]
    #[schemars(with = "f64")]
    pub warmup_target: Option<f64>,
    /// Length of the rise, in steps.
    #[serde(default)]
    pub warmup_steps: usize,
}

/// Falls along a power of the steps that are left.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PolynomialDecay {
    /// Step size of the first step.
    pub initial_learning_rate: f64,
    /// Steps until it is down.
    pub decay_steps: usize,
    /// Where it falls to.
    #[serde(default = "polynomial_end")]
    pub end_learning_rate: f64,
    /// 1 is a straight line.
    #[serde(default = "polynomial_power")]
    pub power: f64,
    /// Whether, once down, it begins anew with twice, three times … as many steps in all.
    #[serde(default)]
    pub cycle: bool,
}

/// Rises in a straight line for half the time, falls back, and drops far down in a last short
/// stretch. Keras has no such schedule; this is that of chapter 11 of *Hands-On Machine Learning*.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct OneCycle {
    /// The top.
    pub max_learning_rate: f64,
    /// Step size of the first step; by default a tenth of the top.
    #[serde(default, deserialize_with = "given", skip_serializing_if = "Option::is_none")]
    #[schemars(with = "f64")]
    pub start_learning_rate: Option<f64>,
    /// Where the last stretch leads; by default a thousandth of the first step size.
    #[serde(default, deserialize_with = "given", skip_serializing_if = "Option::is_none")]
    #[schemars(with = "f64")]
    pub last_learning_rate: Option<f64>,
    /// Steps in all; by default those of the whole run.
    #[serde(default, deserialize_with = "given", skip_serializing_if = "Option::is_none")]
    #[schemars(with = "usize")]
    pub total_steps: Option<usize>,
    /// Steps of the last stretch; by default a tenth of all, and one.
    #[serde(default, deserialize_with = "given", skip_serializing_if = "Option::is_none")]
    #[schemars(with = "usize")]
    pub last_steps: Option<usize>,
}

fn polynomial_end() -> f64 {
    0.0001
}

fn polynomial_power() -> f64 {
    1.0
}
