//! `model:` the layer stack, in Keras' vocabulary and with Keras' defaults.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

/// A stack of layers, first to last.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ModelSpec {
    /// The layers; the last one ends in `softmax`.
    pub layers: Vec<Layer>,
    /// A safetensors file with the weights to begin with, in place of drawn ones. Once loaded, the
    /// path is relative to the working directory; in the file it is relative to the file.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub initial_weights: Option<PathBuf>,
}

/// One layer of the stack. In a file it is a map of one key, `dense: { units: 10 }`, or a bare
/// name where every parameter has a default.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Layer {
    /// All dimensions of a sample in one.
    Flatten(Flatten),
    /// `activation(x · kernel + bias)`.
    Dense(Dense),
    /// Normalization over the batch.
    BatchNormalization(BatchNormalization),
    /// An activation function as a layer of its own.
    Activation(ActivationLayer),
    /// Random zeros while training.
    Dropout(Dropout),
}

impl Layer {
    /// The layer's name in files, which Keras also numbers its layers by.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Flatten(_) => "flatten",
            Self::Dense(_) => "dense",
            Self::BatchNormalization(_) => "batch_normalization",
            Self::Activation(_) => "activation",
            Self::Dropout(_) => "dropout",
        }
    }
}

/// `flatten` has no parameters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Flatten {}

/// A fully connected layer: kernel of shape [inputs, units], bias of shape [units].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Dense {
    /// Number of outputs.
    pub units: usize,
    /// Applied to the outputs.
    #[serde(default)]
    pub activation: Activation,
    /// Whether a bias is added.
    #[serde(default = "yes")]
    pub use_bias: bool,
    /// How the kernel starts; the bias starts at zero.
    #[serde(default)]
    pub kernel_initializer: Initializer,
}

/// Batch normalization over the features (Ioffe & Szegedy 2015), with Keras' conventions:
/// `moving = moving · momentum + batch · (1 − momentum)`, biased batch variance.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BatchNormalization {
    /// Share of the old moving statistics that each batch keeps.
    #[serde(default = "bn_momentum")]
    pub momentum: f64,
    /// Added to the variance under the root.
    #[serde(default = "bn_epsilon")]
    pub epsilon: f64,
}

/// `activation: relu`: the function alone is the layer's parameter.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ActivationLayer(pub Activation);

/// While training, zeroes a share of its inputs and scales the others by `1 / (1 − rate)`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Dropout {
    /// The share that is zeroed, from 0 up to but not including 1.
    pub rate: f64,
}

/// An activation function, elementwise but for softmax.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Activation {
    /// x
    #[default]
    Linear,
    /// max(x, 0)
    Relu,
    /// x where positive, eˣ − 1 elsewhere
    Elu,
    /// Hyperbolic tangent.
    Tanh,
    /// 1 / (1 + e⁻ˣ)
    Sigmoid,
    /// eˣ, divided by its sum over the last dimension
    Softmax,
}

/// How a kernel's numbers are drawn. With fan_in inputs and fan_out outputs, the variance is
/// 2/(fan_in + fan_out) for glorot, 2/fan_in for he and 1/fan_in for lecun; *uniform* draws from
/// ±√(3·variance), *normal* from a normal distribution cut at two standard deviations, widened so
/// that the variance after the cut is as named (Keras' `VarianceScaling`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
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
    /// All 0.
    Zeros,
    /// All 1.
    Ones,
}

fn yes() -> bool {
    true
}

fn bn_momentum() -> f64 {
    0.99
}

fn bn_epsilon() -> f64 {
    1e-3
}
