//! Functions that layers take as parameters: activations, initializers, regularizers, constraints.
//!
//! In a file each is a bare name, or a map of one name to its parameters:
//! `kernel_initializer: { random_normal: { stddev: 0.1 } }`.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::dimensions;

/// An activation function, elementwise but for softmax (keras/src/activations/activations.py).
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Activation {
    /// Nothing at all.
    ///
    /// Formula: x
    ///
    /// Reference: <https://keras.io/api/layers/activations/#linear-function>
    #[default]
    Linear,
    /// The rectified linear unit.
    ///
    /// Formula: max(x, 0)
    ///
    /// Reference: <https://keras.io/api/layers/activations/#relu-function>
    Relu,
    /// relu with a slope where x is negative.
    ///
    /// Formula: max(x, 0) + negative_slope · min(x, 0)
    ///
    /// Reference: <https://keras.io/api/layers/activations/#leaky_relu-function>
    LeakyRelu(LeakyRelu),
    /// The exponential linear unit (Clevert et al. 2016).
    ///
    /// Formula: x where positive, eˣ − 1 elsewhere
    ///
    /// Reference: <https://keras.io/api/layers/activations/#elu-function>
    Elu,
    /// The scaled exponential linear unit, which keeps mean 0 and variance 1 (Klambauer et al.
    /// 2017).
    ///
    /// Formula: 1.0507 · (x where positive, 1.6733 · (eˣ − 1) elsewhere)
    ///
    /// Reference: <https://keras.io/api/layers/activations/#selu-function>
    Selu,
    /// The Gaussian error linear unit (Hendrycks & Gimpel 2016).
    ///
    /// Formula: x · Φ(x), with the normal distribution's own Φ, not its approximation by tanh
    ///
    /// Reference: <https://keras.io/api/layers/activations/#gelu-function>
    Gelu,
    /// The sigmoid linear unit, also called swish (Ramachandran et al. 2017).
    ///
    /// Formula: x / (1 + e⁻ˣ)
    ///
    /// Reference: <https://keras.io/api/layers/activations/#silu-function>
    #[serde(alias = "swish")]
    #[schemars(extend("aliases" = ["swish"]))]
    Silu,
    /// relu with a soft corner.
    ///
    /// Formula: ln(1 + eˣ)
    ///
    /// Reference: <https://keras.io/api/layers/activations/#softplus-function>
    Softplus,
    /// Like tanh with slower ends.
    ///
    /// Formula: x / (1 + |x|)
    ///
    /// Reference: <https://keras.io/api/layers/activations/#softsign-function>
    Softsign,
    /// The hyperbolic tangent.
    ///
    /// Formula: (eˣ − e⁻ˣ) / (eˣ + e⁻ˣ)
    ///
    /// Reference: <https://keras.io/api/layers/activations/#tanh-function>
    Tanh,
    /// The logistic function.
    ///
    /// Formula: 1 / (1 + e⁻ˣ)
    ///
    /// Reference: <https://keras.io/api/layers/activations/#sigmoid-function>
    Sigmoid,
    /// The logistic function in three straight lines.
    ///
    /// Formula: min(max(x + 3, 0), 6) / 6
    ///
    /// Reference: <https://keras.io/api/layers/activations/#hard_sigmoid-function>
    HardSigmoid,
    /// A smooth relu (Misra 2019).
    ///
    /// Formula: x · tanh(ln(1 + eˣ))
    ///
    /// Reference: <https://keras.io/api/layers/activations/#mish-function>
    Mish,
    /// The exponential function.
    ///
    /// Formula: eˣ
    ///
    /// Reference: <https://keras.io/api/layers/activations/#exponential-function>
    Exponential,
    /// Probabilities, which a network must end in.
    ///
    /// Formula: eˣ, divided by its sum over the last dimension
    ///
    /// Reference: <https://keras.io/api/layers/activations/#softmax-function>
    Softmax,
}

/// `leaky_relu`'s slope: as an activation function 0.2, which Keras' layer of that name has as 0.3.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct LeakyRelu {
    /// The slope where x is negative.
    #[serde(default = "leaky_relu_slope")]
    pub negative_slope: f64,
}

/// How a variable's numbers are drawn. With fan_in inputs and fan_out outputs, the variance is
/// 2/(fan_in + fan_out) for glorot, 2/fan_in for he and 1/fan_in for lecun; *uniform* draws from
/// ±√(3·variance), *normal* from a normal distribution cut at two standard deviations, widened so
/// that the variance after the cut is as named (Keras' `VarianceScaling`).
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Initializer {
    /// Keeps the variance of values and gradients in linear layers; Keras' default.
    ///
    /// Formula: from −limit to limit, each number as likely; limit = √(6 / (fan_in + fan_out))
    ///
    /// Reference: Glorot & Bengio 2010;
    /// <https://keras.io/api/layers/initializers/#glorotuniform-class>
    #[default]
    GlorotUniform,
    /// Keeps the variance of values and gradients in linear layers.
    ///
    /// Formula: a normal distribution cut at two standard deviations, wide enough that after the
    /// cut variance = 2 / (fan_in + fan_out)
    ///
    /// Reference: Glorot & Bengio 2010;
    /// <https://keras.io/api/layers/initializers/#glorotnormal-class>
    GlorotNormal,
    /// Keeps the variance of values in layers of the relu family.
    ///
    /// Formula: from −limit to limit, each number as likely; limit = √(6 / fan_in)
    ///
    /// Reference: He et al. 2015, <https://arxiv.org/abs/1502.01852>;
    /// <https://keras.io/api/layers/initializers/#heuniform-class>
    HeUniform,
    /// Keeps the variance of values in layers of the relu family.
    ///
    /// Formula: a normal distribution cut at two standard deviations, wide enough that after the
    /// cut variance = 2 / fan_in
    ///
    /// Reference: He et al. 2015, <https://arxiv.org/abs/1502.01852>;
    /// <https://keras.io/api/layers/initializers/#henormal-class>
    HeNormal,
    /// Keeps the variance of values in linear layers and those of selu.
    ///
    /// Formula: from −limit to limit, each number as likely; limit = √(3 / fan_in)
    ///
    /// Reference: LeCun et al. 1998; <https://keras.io/api/layers/initializers/#lecununiform-class>
    LecunUniform,
    /// Keeps the variance of values in linear layers and those of selu.
    ///
    /// Formula: a normal distribution cut at two standard deviations, wide enough that after the
    /// cut variance = 1 / fan_in
    ///
    /// Reference: LeCun et al. 1998; <https://keras.io/api/layers/initializers/#lecunnormal-class>
    LecunNormal,
    /// From a normal distribution.
    ///
    /// Formula: mean + stddev · n, with n from the standard normal distribution
    ///
    /// Reference: <https://keras.io/api/layers/initializers/#randomnormal-class>
    RandomNormal(Normal),
    /// From a range, each number as likely as the others.
    ///
    /// Formula: from minval to maxval, each number as likely
    ///
    /// Reference: <https://keras.io/api/layers/initializers/#randomuniform-class>
    RandomUniform(RandomUniform),
    /// From a normal distribution cut at two standard deviations, which narrows it: other than
    /// with `he_normal` and its kind, `stddev` is what it was before the cut.
    ///
    /// Formula: mean + stddev · n, with n from the standard normal distribution, drawn anew beyond
    /// ±2
    ///
    /// Reference: <https://keras.io/api/layers/initializers/#truncatednormal-class>
    TruncatedNormal(Normal),
    /// Columns (or rows, where there are more columns) at right angles and of length `gain`.
    ///
    /// Formula: gain · Q, from the QR decomposition of a matrix of normal random numbers
    ///
    /// Reference: Saxe et al. 2014, <https://arxiv.org/abs/1312.6120>;
    /// <https://keras.io/api/layers/initializers/#orthogonal-class>
    Orthogonal(Orthogonal),
    /// All the same.
    ///
    /// Formula: value
    ///
    /// Reference: <https://keras.io/api/layers/initializers/#constant-class>
    Constant(Constant),
    /// All 0.
    ///
    /// Formula: 0
    ///
    /// Reference: <https://keras.io/api/layers/initializers/#zeros-class>
    Zeros,
    /// All 1.
    ///
    /// Formula: 1
    ///
    /// Reference: <https://keras.io/api/layers/initializers/#ones-class>
    Ones,
}

impl Initializer {
    /// What biases and alphas start with unless told otherwise.
    pub(super) fn zeros() -> Self {
        Self::Zeros
    }

    pub(super) fn is_zeros(&self) -> bool {
        *self == Self::Zeros
    }
}

/// A normal distribution.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Normal {
    /// Its mean.
    #[serde(default)]
    pub mean: f64,
    /// Its standard deviation.
    #[serde(default = "five_hundredths")]
    pub stddev: f64,
}

/// A range.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RandomUniform {
    /// Its lower end.
    #[serde(default = "minus_five_hundredths")]
    pub minval: f64,
    /// Its upper end.
    #[serde(default = "five_hundredths")]
    pub maxval: f64,
}

/// `orthogonal`'s factor.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Orthogonal {
    /// What the orthogonal matrix is multiplied with.
    #[serde(default = "one")]
    pub gain: f64,
}

/// `constant`'s value.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Constant {
    /// Each number.
    #[serde(default)]
    pub value: f64,
}

/// What a kernel adds to the loss (keras/src/regularizers/regularizers.py).
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Regularizer {
    /// Draws weights to zero.
    ///
    /// Formula: loss + l1 · Σ|w|
    ///
    /// Reference: <https://keras.io/api/layers/regularizers/#l1-class>
    L1(L1),
    /// Draws weights together, large ones more.
    ///
    /// Formula: loss + l2 · Σw²
    ///
    /// Reference: <https://keras.io/api/layers/regularizers/#l2-class>
    L2(L2),
    /// Both at once.
    ///
    /// Formula: loss + l1 · Σ|w| + l2 · Σw²
    ///
    /// Reference: <https://keras.io/api/layers/regularizers/#l1l2-class>
    #[serde(rename = "l1_l2")]
    L1L2(L1L2),
}

impl Regularizer {
    /// The factors of Σ|w| and of Σw².
    pub fn factors(&self) -> (f64, f64) {
        match self {
            Self::L1(L1 { l1 }) => (*l1, 0.0),
            Self::L2(L2 { l2 }) => (0.0, *l2),
            Self::L1L2(L1L2 { l1, l2 }) => (*l1, *l2),
        }
    }
}

/// `l1`'s factor.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct L1 {
    /// Of Σ|w|.
    #[serde(default = "one_hundredth")]
    pub l1: f64,
}

/// `l2`'s factor.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct L2 {
    /// Of Σw².
    #[serde(default = "one_hundredth")]
    pub l2: f64,
}

/// `l1_l2`'s factors; as in Keras, one that is left out is 0.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct L1L2 {
    /// Of Σ|w|.
    #[serde(default)]
    pub l1: f64,
    /// Of Σw².
    #[serde(default)]
    pub l2: f64,
}

/// What a kernel is held to after each step (keras/src/constraints/constraints.py).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Constraint {
    /// No vector along `axis` is longer than `max_value`.
    ///
    /// Formula: w · min(1, max_value / ‖w‖), with the norm along `axis`
    ///
    /// Reference: Srivastava et al. 2014; <https://keras.io/api/layers/constraints/#maxnorm-class>
    MaxNorm(MaxNorm),
}

/// `max_norm`'s bound and the vectors it holds for.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct MaxNorm {
    /// The greatest length.
    #[serde(default = "two")]
    pub max_value: f64,
    /// The kernel's dimensions that make up a vector: `0` for the weights into one unit of a dense
    /// layer, `[0, 1, 2]` for one filter of a convolution.
    #[serde(default = "first_axis", deserialize_with = "dimensions::one_or_more")]
    #[schemars(schema_with = "dimensions::one_or_more_schema")]
    pub axis: Vec<usize>,
}

fn leaky_relu_slope() -> f64 {
    0.2
}

fn five_hundredths() -> f64 {
    0.05
}

fn minus_five_hundredths() -> f64 {
    -0.05
}

fn one_hundredth() -> f64 {
    0.01
}

fn one() -> f64 {
    1.0
}

fn two() -> f64 {
    2.0
}

fn first_axis() -> Vec<usize> {
    vec![0]
}
