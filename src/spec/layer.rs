//! `model:` the layer stack, in Keras' vocabulary and with Keras' defaults.
//!
//! A key that came later than a file's first trials is left out of what is hashed unless the file
//! says it, so that those trials keep their identity.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::UserPath;
use super::dimensions;
use super::function::{Activation, Constraint, Initializer, Regularizer};

/// A stack of layers, first to last.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ModelSpec {
    /// The layers; the last one ends in `softmax`. `repeat: { times: 3, layers: […] }` among them
    /// stands for its layers so many times over.
    pub layers: Vec<Layer>,
    /// A safetensors file with the weights to begin with, in place of drawn ones, relative to the
    /// file's own folder; `~` is the home folder.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub initial_weights: Option<UserPath>,
}

/// One layer of the stack: a map of one key, `dense: { units: 10 }`, or a bare name where every
/// parameter has a default.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Layer {
    /// All dimensions of a sample in one.
    ///
    /// Formula: [height, width, channels] → [height · width · channels]
    ///
    /// Reference: <https://keras.io/api/layers/reshaping_layers/flatten/>
    Flatten(Flatten),
    /// A fully connected layer.
    ///
    /// Formula: y = activation(x · kernel + bias)
    ///
    /// Reference: <https://keras.io/api/layers/core_layers/dense/>
    Dense(Dense),
    /// Normalization over the batch.
    ///
    /// Formula: y = gamma · (x − mean) / √(variance + epsilon) + beta, with the batch's mean and
    /// biased variance in training and the moving ones otherwise; moving ← moving · momentum +
    /// batch · (1 − momentum)
    ///
    /// Reference: Ioffe & Szegedy 2015, <https://arxiv.org/abs/1502.03167>;
    /// <https://keras.io/api/layers/normalization_layers/batch_normalization/>
    BatchNormalization(BatchNormalization),
    /// An activation function as a layer of its own, as in `activation: relu`.
    ///
    /// Formula: y = activation(x)
    ///
    /// Reference: <https://keras.io/api/layers/core_layers/activation/>
    Activation(ActivationLayer),
    /// Random zeros while training.
    ///
    /// Formula: y = x · mask / (1 − rate) in training, with a mask of zeros (a share of rate) and
    /// ones; y = x otherwise
    ///
    /// Reference: Srivastava et al. 2014;
    /// <https://keras.io/api/layers/regularization_layers/dropout/>
    Dropout(Dropout),
    /// A convolution over height and width.
    ///
    /// Formula: y[i, j] = activation(Σ x[i · stride + a, j · stride + b] · kernel[a, b] + bias),
    /// summed over a, b and the channels
    ///
    /// Reference: <https://keras.io/api/layers/convolution_layers/convolution2d/>
    Conv2d(Conv2d),
    /// The largest number of each window.
    ///
    /// Formula: y[i, j] = max over a, b of x[i · stride + a, j · stride + b], channel by channel
    ///
    /// Reference: <https://keras.io/api/layers/pooling_layers/max_pooling2d/>
    MaxPooling2d(Pooling2d),
    /// The mean of each window.
    ///
    /// Formula: y[i, j] = mean over a, b of x[i · stride + a, j · stride + b], channel by channel;
    /// places outside the image do not count
    ///
    /// Reference: <https://keras.io/api/layers/pooling_layers/average_pooling2d/>
    AveragePooling2d(Pooling2d),
    /// The mean of each channel.
    ///
    /// Formula: [height, width, channels] → [channels], the mean of each
    ///
    /// Reference: <https://keras.io/api/layers/pooling_layers/global_average_pooling2d/>
    GlobalAveragePooling2d(GlobalAveragePooling2d),
    /// Normalization over the features of each sample.
    ///
    /// Formula: y = gamma · (x − mean) / √(variance + epsilon) + beta, with each sample's own mean
    /// and variance
    ///
    /// Reference: Ba et al. 2016, <https://arxiv.org/abs/1607.06450>;
    /// <https://keras.io/api/layers/normalization_layers/layer_normalization/>
    LayerNormalization(LayerNormalization),
    /// relu with a slope that is learned where the input is negative.
    ///
    /// Formula: y = max(x, 0) + alpha · min(x, 0)
    ///
    /// Reference: He et al. 2015, <https://arxiv.org/abs/1502.01852>;
    /// <https://keras.io/api/layers/activation_layers/prelu/>
    Prelu(Prelu),
    /// Dropout that keeps selu's mean and variance.
    ///
    /// Formula: y = a · (x · mask − 1.7581 · (1 − mask)) + b in training, with a and b such that
    /// mean 0 and variance 1 stay; y = x otherwise
    ///
    /// Reference: Klambauer et al. 2017, <https://arxiv.org/abs/1706.02515>;
    /// <https://keras.io/api/layers/regularization_layers/alpha_dropout/>
    AlphaDropout(Dropout),
    /// Random numbers added while training.
    ///
    /// Formula: y = x + stddev · n in training, with n from the standard normal distribution; y = x
    /// otherwise
    ///
    /// Reference: <https://keras.io/api/layers/regularization_layers/gaussian_noise/>
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

/// `flatten`'s only parameter.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Flatten {
    /// The layer's name, in place of a numbered one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
}

/// Its kernel has the shape [inputs, units], its bias [units].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
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
    #[schemars(!skip_serializing_if)]
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
    #[schemars(!skip_serializing_if)]
    pub trainable: bool,
}

/// Over the features of flat inputs, over the channels of images. Keras' conventions hold: momentum
/// is the share that is kept, and the batch's variance is biased.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
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
    #[schemars(!skip_serializing_if)]
    pub center: bool,
    /// Whether a factor (gamma) is learned.
    #[serde(default = "yes", skip_serializing_if = "is_yes")]
    #[schemars(!skip_serializing_if)]
    pub scale: bool,
    /// The layer's name, in place of a numbered one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Whether gradients change the layer; where not, it works with its moving statistics while
    /// training, too, and leaves them as they are.
    #[serde(default = "yes", skip_serializing_if = "is_yes")]
    #[schemars(!skip_serializing_if)]
    pub trainable: bool,
}

/// `activation: relu`: the function alone is the layer's parameter.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(transparent)]
pub struct ActivationLayer(pub Activation);

/// While training, takes out a share of its inputs. `dropout` makes them 0 and scales the others
/// by `1 / (1 − rate)`; `alpha_dropout` makes them selu's lower limit and mends mean and variance
/// (Klambauer et al. 2017).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Dropout {
    /// The share that is taken out, from 0 up to but not including 1.
    pub rate: f64,
    /// The layer's name, in place of a numbered one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
}

/// `gaussian_noise`'s keys.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct GaussianNoise {
    /// Their standard deviation.
    pub stddev: f64,
    /// The layer's name, in place of a numbered one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
}

/// Its kernel has the shape [height, width, channels in, filters], its bias [filters].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Conv2d {
    /// Number of channels that come out.
    pub filters: usize,
    /// Height and width of its window.
    #[serde(deserialize_with = "dimensions::pair")]
    #[schemars(schema_with = "dimensions::pair_schema")]
    pub kernel_size: [usize; 2],
    /// How far the window moves.
    #[serde(default = "ones", deserialize_with = "dimensions::pair")]
    #[schemars(schema_with = "dimensions::pair_schema")]
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
    #[schemars(!skip_serializing_if)]
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
    #[schemars(!skip_serializing_if)]
    pub trainable: bool,
}

/// Each window of an image becomes one number per channel.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Pooling2d {
    /// Height and width of the window.
    #[serde(default = "twos", deserialize_with = "dimensions::pair")]
    #[schemars(schema_with = "dimensions::pair_schema")]
    pub pool_size: [usize; 2],
    /// How far the window moves; by its own size if left out.
    #[serde(
        default,
        skip_serializing_if = "Option::is_none",
        deserialize_with = "dimensions::some_pair"
    )]
    #[schemars(schema_with = "dimensions::pair_schema")]
    pub strides: Option<[usize; 2]>,
    /// What happens at the edges.
    #[serde(default)]
    pub padding: Padding,
    /// The layer's name, in place of a numbered one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
}

/// What a window does at the edges of an image.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Padding {
    /// It stays inside.
    #[default]
    Valid,
    /// The image is widened so that the output has input / stride places, rounded up; where that
    /// is an odd number of rows or columns, the bottom and the right get one more.
    Same,
}

/// `global_average_pooling2d`'s only parameter.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct GlobalAveragePooling2d {
    /// The layer's name, in place of a numbered one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
}

/// Over the last dimension of each sample: features or channels.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
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
    #[schemars(!skip_serializing_if)]
    pub trainable: bool,
}

/// Each number of a sample has an alpha of its own, unless axes share one.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
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
    #[schemars(!skip_serializing_if, schema_with = "dimensions::one_or_more_schema")]
    pub shared_axes: Vec<usize>,
    /// The layer's name, in place of a numbered one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Whether gradients change the layer.
    #[serde(default = "yes", skip_serializing_if = "is_yes")]
    #[schemars(!skip_serializing_if)]
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
