//! Functions that layers take as parameters: activations, initializers, regularizers, constraints.
//!
//! In a file each is a bare name, or a map of one name to its parameters:
//! `kernel_initializer: { random_normal: { stddev: 0.1 } }`.

use serde::{Deserialize, Serialize};

use super::dimensions;

/// An activation function, elementwise but for softmax (keras/src/activations/activations.py).
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Activation {
    /// x
    #[default]
    Linear,
    /// max(x, 0)
    Relu,
    /// x where positive, negative_slope · x elsewhere
    LeakyRelu(LeakyRelu),
    /// x where positive, eˣ − 1 elsewhere
    Elu,
    /// 1.0507 · (x where positive, 1.6733 · (eˣ − 1) elsewhere)
    Selu,
    /// x · Φ(x), with the normal distribution's own Φ, not its approximation by tanh
    Gelu,
    /// x / (1 + e⁻ˣ)
    #[serde(alias = "swish")]
    Silu,
    /// ln(1 + eˣ)
    Softplus,
    /// x / (1 + |x|)
    Softsign,
    /// Hyperbolic tangent.
    Tanh,
    /// 1 / (1 + e⁻ˣ)
    Sigmoid,
    /// min(max(x + 3, 0), 6) / 6
    HardSigmoid,
    /// x · tanh(softplus(x))
    Mish,
    /// eˣ
    Exponential,
    /// eˣ, divided by its sum over the last dimension
    Softmax,
}

/// `leaky_relu`'s slope: as an activation function 0.2, which Keras' layer of that name has as 0.3.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
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
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Initializer {
    /// Glorot & Bengio 2010; Keras' default.
    #[default]
    GlorotUniform,
    /// Glorot & Bengio 2010.
    GlorotNormal,
    /// He et al. 2015, for the relu family.
    HeUniform,
    /// He et al. 2015, for the relu family.
    HeNormal,
    /// LeCun et al. 1998, for selu.
    LecunUniform,
    /// LeCun et al. 1998, for selu.
    LecunNormal,
    /// From a normal distribution.
    RandomNormal(Normal),
    /// From a range, each number as likely as the others.
    RandomUniform(RandomUniform),
    /// From a normal distribution cut at two standard deviations, which narrows it: other than
    /// with `he_normal` and its kind, `stddev` is what it was before the cut.
    TruncatedNormal(Normal),
    /// Columns (or rows, where there are more columns) at right angles and of length `gain`
    /// (Saxe et al. 2014).
    Orthogonal(Orthogonal),
    /// All the same.
    Constant(Constant),
    /// All 0.
    Zeros,
    /// All 1.
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
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
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
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
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
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Orthogonal {
    /// What the orthogonal matrix is multiplied with.
    #[serde(default = "one")]
    pub gain: f64,
}

/// `constant`'s value.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Constant {
    /// Each number.
    #[serde(default)]
    pub value: f64,
}

/// What a kernel adds to the loss (keras/src/regularizers/regularizers.py).
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Regularizer {
    /// l1 · Σ|w|
    L1(L1),
    /// l2 · Σw²
    L2(L2),
    /// l1 · Σ|w| + l2 · Σw²
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
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct L1 {
    /// Of Σ|w|.
    #[serde(default = "one_hundredth")]
    pub l1: f64,
}

/// `l2`'s factor.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct L2 {
    /// Of Σw².
    #[serde(default = "one_hundredth")]
    pub l2: f64,
}

/// `l1_l2`'s factors; as in Keras, one that is left out is 0.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
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
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Constraint {
    /// No vector along `axis` is longer than `max_value`.
    MaxNorm(MaxNorm),
}

/// `max_norm`'s bound and the vectors it holds for.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MaxNorm {
    /// The greatest length.
    #[serde(default = "two")]
    pub max_value: f64,
    /// The kernel's dimensions that make up a vector: `0` for the weights into one unit of a dense
    /// layer, `[0, 1, 2]` for one filter of a convolution.
    #[serde(default = "first_axis", deserialize_with = "dimensions::one_or_more")]
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
