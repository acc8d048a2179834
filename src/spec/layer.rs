//! `model:` the layer stack, in Keras' vocabulary and with Keras' defaults.
//!
//! A key that came later than a file's first trials is left out of what is hashed unless the file
//! says it, so that those trials keep their identity.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::dimensions;
use super::function::{Activation, Constraint, Initializer, Regularizer};

/// A stack of layers, first to last.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ModelSpec {
    /// The layers; the last one ends in `softmax`. In a file, `repeat: { times: 3, layers: […] }`
    /// among them stands for its layers so many times over.
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
    /// A convolution over height and width.
    Conv2d(Conv2d),
    /// The largest number of each window.
    MaxPooling2d(Pooling2d),
    /// The mean of each window.
    AveragePooling2d(Pooling2d),
    /// The mean of each channel.
    GlobalAveragePooling2d(GlobalAveragePooling2d),
    /// Normalization over the features of each sample.
    LayerNormalization(LayerNormalization),
    /// relu with a slope that is learned where the input is negative.
    Prelu(Prelu),
    /// Dropout that keeps selu's mean and variance.
    AlphaDropout(Dropout),
    /// Random numbers added while training.
    GaussianNoise(GaussianNoise),
}

impl Layer {
    /// The layer's name in files.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Flatten(_) => "flatten",
            Self::Dense(_) => "dense",
            Self::BatchNormalization(_) => "batch_normalization",
            Self::Activation(_) => "activation",
            Self::Dropout(_) => "dropout",
            Self::Conv2d(_) => "conv2d",
            Self::MaxPooling2d(_) => "max_pooling2d",
            Self::AveragePooling2d(_) => "average_pooling2d",
            Self::GlobalAveragePooling2d(_) => "global_average_pooling2d",
            Self::LayerNormalization(_) => "layer_normalization",
            Self::Prelu(_) => "prelu",
            Self::AlphaDropout(_) => "alpha_dropout",
            Self::GaussianNoise(_) => "gaussian_noise",
        }
    }

    /// Keras' class.
    pub fn class(&self) -> &'static str {
        match self {
            Self::Flatten(_) => "Flatten",
            Self::Dense(_) => "Dense",
            Self::BatchNormalization(_) => "BatchNormalization",
            Self::Activation(_) => "Activation",
            Self::Dropout(_) => "Dropout",
            Self::Conv2d(_) => "Conv2D",
            Self::MaxPooling2d(_) => "MaxPooling2D",
            Self::AveragePooling2d(_) => "AveragePooling2D",
            Self::GlobalAveragePooling2d(_) => "GlobalAveragePooling2D",
            Self::LayerNormalization(_) => "LayerNormalization",
            Self::Prelu(_) => "PReLU",
            Self::AlphaDropout(_) => "AlphaDropout",
            Self::GaussianNoise(_) => "GaussianNoise",
        }
    }

    /// What Keras makes a layer's name of when the file gives none: its class in snake_case.
    pub fn name_stem(&self) -> &'static str {
        match self {
            Self::Prelu(_) => "p_re_lu",
            Self::Flatten(_)
            | Self::Dense(_)
            | Self::BatchNormalization(_)
            | Self::Activation(_)
            | Self::Dropout(_)
            | Self::Conv2d(_)
            | Self::MaxPooling2d(_)
            | Self::AveragePooling2d(_)
            | Self::GlobalAveragePooling2d(_)
            | Self::LayerNormalization(_)
            | Self::AlphaDropout(_)
            | Self::GaussianNoise(_) => self.kind(),
        }
    }

    /// The name that the file gives the layer.
    pub fn name(&self) -> Option<&str> {
        match self {
            Self::Flatten(layer) => layer.name.as_deref(),
            Self::Dense(layer) => layer.name.as_deref(),
            Self::BatchNormalization(layer) => layer.name.as_deref(),
            Self::Activation(_) => None,
            Self::Dropout(layer) | Self::AlphaDropout(layer) => layer.name.as_deref(),
            Self::Conv2d(layer) => layer.name.as_deref(),
            Self::MaxPooling2d(layer) | Self::AveragePooling2d(layer) => layer.name.as_deref(),
            Self::GlobalAveragePooling2d(layer) => layer.name.as_deref(),
            Self::LayerNormalization(layer) => layer.name.as_deref(),
            Self::Prelu(layer) => layer.name.as_deref(),
            Self::GaussianNoise(layer) => layer.name.as_deref(),
        }
    }

    /// Whether gradients change what the layer learns; true of layers that learn nothing.
    pub fn trainable(&self) -> bool {
        match self {
            Self::Dense(layer) => layer.trainable,
            Self::BatchNormalization(layer) => layer.trainable,
            Self::Conv2d(layer) => layer.trainable,
            Self::LayerNormalization(layer) => layer.trainable,
            Self::Prelu(layer) => layer.trainable,
            Self::Flatten(_)
            | Self::Activation(_)
            | Self::Dropout(_)
            | Self::MaxPooling2d(_)
            | Self::AveragePooling2d(_)
            | Self::GlobalAveragePooling2d(_)
            | Self::AlphaDropout(_)
            | Self::GaussianNoise(_) => true,
        }
    }
}

/// `flatten` has no parameters.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Flatten {
    /// The layer's name, in place of a numbered one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
}

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
    /// How the kernel starts.
    #[serde(default)]
    pub kernel_initializer: Initializer,
    /// How the bias starts.
    #[serde(default = "Initializer::zeros", skip_serializing_if = "Initializer::is_zeros")]
    pub bias_initializer: Initializer,
    /// What the kernel adds to the loss.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kernel_regularizer: Option<Regularizer>,
    /// What the kernel is held to after each step.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kernel_constraint: Option<Constraint>,
    /// The layer's name, in place of a numbered one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Whether gradients change the layer.
    #[serde(default = "yes", skip_serializing_if = "is_yes")]
    pub trainable: bool,
}

/// Batch normalization over the features or channels (Ioffe & Szegedy 2015), with Keras'
/// conventions: `moving = moving · momentum + batch · (1 − momentum)`, biased batch variance.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BatchNormalization {
    /// Share of the old moving statistics that each batch keeps.
    #[serde(default = "bn_momentum")]
    pub momentum: f64,
    /// Added to the variance under the root.
    #[serde(default = "one_thousandth")]
    pub epsilon: f64,
    /// Whether an offset (beta) is learned.
    #[serde(default = "yes", skip_serializing_if = "is_yes")]
    pub center: bool,
    /// Whether a factor (gamma) is learned.
    #[serde(default = "yes", skip_serializing_if = "is_yes")]
    pub scale: bool,
    /// The layer's name, in place of a numbered one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Whether gradients change the layer; where not, it works with its moving statistics while
    /// training, too, and leaves them as they are.
    #[serde(default = "yes", skip_serializing_if = "is_yes")]
    pub trainable: bool,
}

/// `activation: relu`: the function alone is the layer's parameter.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ActivationLayer(pub Activation);

/// While training, takes out a share of its inputs. `dropout` makes them 0 and scales the others
/// by `1 / (1 − rate)`; `alpha_dropout` makes them selu's lower limit and mends mean and variance
/// (Klambauer et al. 2017).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Dropout {
    /// The share that is taken out, from 0 up to but not including 1.
    pub rate: f64,
    /// The layer's name, in place of a numbered one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
}

/// While training, adds normal random numbers.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GaussianNoise {
    /// Their standard deviation.
    pub stddev: f64,
    /// The layer's name, in place of a numbered one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
}

/// A convolution: kernel of shape [height, width, channels in, filters], bias of shape [filters].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Conv2d {
    /// Number of channels that come out.
    pub filters: usize,
    /// Height and width of its window.
    #[serde(deserialize_with = "dimensions::pair")]
    pub kernel_size: [usize; 2],
    /// How far the window moves.
    #[serde(default = "ones", deserialize_with = "dimensions::pair")]
    pub strides: [usize; 2],
    /// What happens at the edges.
    #[serde(default)]
    pub padding: Padding,
    /// Applied to the outputs.
    #[serde(default)]
    pub activation: Activation,
    /// Whether a bias is added.
    #[serde(default = "yes")]
    pub use_bias: bool,
    /// How the kernel starts.
    #[serde(default)]
    pub kernel_initializer: Initializer,
    /// How the bias starts.
    #[serde(default = "Initializer::zeros", skip_serializing_if = "Initializer::is_zeros")]
    pub bias_initializer: Initializer,
    /// What the kernel adds to the loss.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kernel_regularizer: Option<Regularizer>,
    /// What the kernel is held to after each step.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kernel_constraint: Option<Constraint>,
    /// The layer's name, in place of a numbered one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Whether gradients change the layer.
    #[serde(default = "yes", skip_serializing_if = "is_yes")]
    pub trainable: bool,
}

/// Windows of an image, each made into one number per channel.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Pooling2d {
    /// Height and width of the window.
    #[serde(default = "twos", deserialize_with = "dimensions::pair")]
    pub pool_size: [usize; 2],
    /// How far the window moves; by its own size if left out.
    #[serde(
        default,
        skip_serializing_if = "Option::is_none",
        deserialize_with = "dimensions::some_pair"
    )]
    pub strides: Option<[usize; 2]>,
    /// What happens at the edges.
    #[serde(default)]
    pub padding: Padding,
    /// The layer's name, in place of a numbered one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
}

/// What a window does at the edges of an image.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Padding {
    /// It stays inside.
    #[default]
    Valid,
    /// The image is widened so that the output has input / stride places, rounded up; where that
    /// is an odd number of rows or columns, the bottom and the right get one more.
    Same,
}

/// `global_average_pooling2d` has no parameters.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GlobalAveragePooling2d {
    /// The layer's name, in place of a numbered one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
}

/// Normalization over the last dimension of each sample, features or channels (Ba et al. 2016).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LayerNormalization {
    /// Added to the variance under the root.
    #[serde(default = "one_thousandth")]
    pub epsilon: f64,
    /// Whether an offset (beta) is learned.
    #[serde(default = "yes")]
    pub center: bool,
    /// Whether a factor (gamma) is learned.
    #[serde(default = "yes")]
    pub scale: bool,
    /// The layer's name, in place of a numbered one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Whether gradients change the layer.
    #[serde(default = "yes", skip_serializing_if = "is_yes")]
    pub trainable: bool,
}

/// `x` where positive, `alpha · x` elsewhere, with an alpha for each number of a sample (He et al.
/// 2015).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Prelu {
    /// How alpha starts.
    #[serde(default = "Initializer::zeros")]
    pub alpha_initializer: Initializer,
    /// Dimensions of a sample, from 1, along which alpha is the same: `[1, 2]` for one per channel.
    #[serde(
        default,
        skip_serializing_if = "Vec::is_empty",
        deserialize_with = "dimensions::one_or_more"
    )]
    pub shared_axes: Vec<usize>,
    /// The layer's name, in place of a numbered one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Whether gradients change the layer.
    #[serde(default = "yes", skip_serializing_if = "is_yes")]
    pub trainable: bool,
}

fn yes() -> bool {
    true
}

fn is_yes(value: &bool) -> bool {
    *value
}

fn ones() -> [usize; 2] {
    [1, 1]
}

fn twos() -> [usize; 2] {
    [2, 2]
}

fn bn_momentum() -> f64 {
    0.99
}

fn one_thousandth() -> f64 {
    1e-3
}
