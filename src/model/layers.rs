//! Layers as built: one enum of burn modules, made from the spec's enum by one match.

use burn::module::{Module, Param, RunningState};
use burn::nn::{BatchNorm, BatchNormConfig, Linear};
use burn::tensor::{Device, Tensor, TensorData, activation};

use super::initializer::kernel;
use super::shape::Placed;
use crate::backend;
use crate::kernels::batch_norm;
use crate::rng::{Purpose, Stream};
use crate::spec::{Activation, Layer, ModelSpec};

/// One forward pass's place in a training run, which decides its dropout masks.
#[derive(Debug, Clone, Copy)]
pub enum Pass {
    /// A step of training: batch statistics, dropout.
    Training {
        /// The trial's seed.
        seed: u64,
        /// From 1.
        epoch: u32,
        /// From 0 in each epoch.
        step: u32,
    },
    /// Moving statistics, no dropout. The network must be on a device without autodiff
    /// (`Module::valid`), by which burn's batch normalization tells the two apart.
    Inference,
}

/// A stack of layers on a device.
#[derive(Module, Debug)]
pub struct Network {
    layers: Vec<Block>,
}

#[derive(Module, Debug)]
enum Block {
    Flatten(Flatten),
    Dense(Dense),
    BatchNormalization(BatchNormalization),
    Activation(ActivationBlock),
    Dropout(Dropout),
}

/// Samples come flat already; their shape is bookkeeping.
#[derive(Module, Debug)]
struct Flatten;

#[derive(Module, Debug)]
struct Dense {
    linear: Linear,
    #[module(skip)]
    activation: Activation,
}

#[derive(Module, Debug)]
struct BatchNormalization {
    norm: BatchNorm,
    /// Whether the device has the kernel of our own.
    fused: bool,
}

#[derive(Module, Debug)]
struct ActivationBlock {
    #[module(skip)]
    activation: Activation,
}

#[derive(Module, Debug)]
struct Dropout {
    rate: f64,
    /// Tells the masks of a network's dropout layers apart.
    ordinal: usize,
}

impl Network {
    /// Builds a placed stack with the initial weights of a seed. Pass a device with autodiff for
    /// a network that is to be trained.
    pub fn build(model: &ModelSpec, placed: &[Placed], seed: u64, device: &Device) -> Self {
        let layers = model
            .layers
            .iter()
            .zip(placed)
            .enumerate()
            .map(|(ordinal, (layer, place))| block(layer, place, ordinal, seed, device))
            .collect();
        Self { layers }
    }

    /// Scores before the final softmax. Input [batch, features], output [batch, classes].
    pub fn logits(&self, input: Tensor<2>, pass: Pass) -> Tensor<2> {
        let (last, others) = self.layers.split_last().expect("a checked model has layers");
        let hidden = others.iter().fold(input, |x, layer| layer.forward(x, pass));
        match last {
            Block::Dense(dense) => dense.linear.forward(hidden),
            // `place` lets nothing but softmax stand last.
            Block::Activation(_) => hidden,
            Block::Flatten(_) | Block::BatchNormalization(_) | Block::Dropout(_) => {
                unreachable!("a checked model ends in softmax")
            }
        }
    }

    /// Class probabilities. Input [batch, features], output [batch, classes], rows sum to 1.
    pub fn probabilities(&self, input: Tensor<2>, pass: Pass) -> Tensor<2> {
        activation::softmax(self.logits(input, pass), 1)
    }

    /// Each variable's values, in the order of [`Placed::variables`].
    pub(super) fn tensors(&self) -> Vec<TensorData> {
        self.layers.iter().flat_map(Block::tensors).collect()
    }

    /// The same network with other values, given in the order of [`Placed::variables`] and of
    /// the same shapes.
    pub(super) fn with_tensors(self, values: Vec<TensorData>, device: &Device) -> Self {
        let mut values = values.into_iter();
        let layers =
            self.layers.into_iter().map(|layer| layer.with_tensors(&mut values, device)).collect();
        Self { layers }
    }
}

fn block(layer: &Layer, place: &Placed, ordinal: usize, seed: u64, device: &Device) -> Block {
    match layer {
        Layer::Flatten(_) => Block::Flatten(Flatten),
        Layer::Dense(dense) => {
            let shape = [place.input.size(), dense.units];
            let name = &place.variables[0].path;
            let values = kernel(dense.kernel_initializer, name, shape, seed);
            let bias = dense.use_bias.then(|| Tensor::zeros([dense.units], device));
            Block::Dense(Dense {
                linear: Linear {
                    weight: parameter(TensorData::new(values, shape), device),
                    bias: bias.map(Param::from_tensor),
                },
                activation: dense.activation,
            })
        }
        Layer::BatchNormalization(bn) => Block::BatchNormalization(BatchNormalization {
            norm: BatchNormConfig::new(place.input.size())
                // burn's momentum is the share of the new batch, Keras' that of the old average.
                .with_momentum(1.0 - bn.momentum)
                .with_epsilon(bn.epsilon)
                .init(device),
            fused: backend::has_fused_kernels(device),
        }),
        Layer::Activation(activation) => {
            Block::Activation(ActivationBlock { activation: activation.0 })
        }
        Layer::Dropout(dropout) => Block::Dropout(Dropout { rate: dropout.rate, ordinal }),
    }
}

fn parameter<const D: usize>(data: TensorData, device: &Device) -> Param<Tensor<D>> {
    Param::from_tensor(Tensor::from_data(data, device))
}

impl Block {
    /// [batch, features in] → [batch, features out]
    fn forward(&self, x: Tensor<2>, pass: Pass) -> Tensor<2> {
        match self {
            Self::Flatten(_) => x,
            Self::Dense(dense) => activate(dense.activation, dense.linear.forward(x)),
            Self::BatchNormalization(bn) => bn.forward(x, pass),
            Self::Activation(block) => activate(block.activation, x),
            Self::Dropout(dropout) => match pass {
                Pass::Training { seed, epoch, step } => dropout.forward(x, seed, epoch, step),
                Pass::Inference => x,
            },
        }
    }

    fn tensors(&self) -> Vec<TensorData> {
        match self {
            Self::Dense(dense) => {
                let bias = dense.linear.bias.as_ref().map(|bias| bias.val().into_data());
                std::iter::once(dense.linear.weight.val().into_data()).chain(bias).collect()
            }
            Self::BatchNormalization(BatchNormalization { norm, .. }) => vec![
                norm.gamma.val().into_data(),
                norm.beta.val().into_data(),
                norm.running_mean.value_sync().into_data(),
                norm.running_var.value_sync().into_data(),
            ],
            Self::Flatten(_) | Self::Activation(_) | Self::Dropout(_) => Vec::new(),
        }
    }

    fn with_tensors(self, values: &mut impl Iterator<Item = TensorData>, device: &Device) -> Self {
        let mut next = || values.next().expect("one value per variable");
        match self {
            Self::Dense(mut dense) => {
                dense.linear.weight = parameter(next(), device);
                dense.linear.bias = dense.linear.bias.map(|_| parameter(next(), device));
                Self::Dense(dense)
            }
            Self::BatchNormalization(mut bn) => {
                bn.norm.gamma = parameter(next(), device);
                bn.norm.beta = parameter(next(), device);
                bn.norm.running_mean = RunningState::new(Tensor::from_data(next(), device));
                bn.norm.running_var = RunningState::new(Tensor::from_data(next(), device));
                Self::BatchNormalization(bn)
            }
            block @ (Self::Flatten(_) | Self::Activation(_) | Self::Dropout(_)) => block,
        }
    }
}

impl BatchNormalization {
    /// [batch, features] → the same shape. Training moves the moving statistics on.
    fn forward(&self, x: Tensor<2>, pass: Pass) -> Tensor<2> {
        let norm = &self.norm;
        match pass {
            Pass::Training { .. } if self.fused => {
                let result =
                    batch_norm::normalize(x, norm.gamma.val(), norm.beta.val(), norm.epsilon);
                move_on(&norm.running_mean, result.mean, norm.momentum);
                move_on(&norm.running_var, result.variance, norm.momentum);
                result.output
            }
            // burn's module tells training and inference apart by its device.
            Pass::Training { .. } | Pass::Inference => norm.forward(x),
        }
    }
}

/// moving ← moving · (1 − share) + batch · share, both [features].
fn move_on(moving: &RunningState<Tensor<1>>, batch: Tensor<1>, share: f64) {
    let old = moving.value_sync();
    moving.update(old.mul_scalar(1.0 - share) + batch.mul_scalar(share));
}

impl Dropout {
    /// Zeroes a share of the inputs and scales the others so that the expected sum stays.
    fn forward(&self, x: Tensor<2>, seed: u64, epoch: u32, step: u32) -> Tensor<2> {
        if self.rate == 0.0 {
            return x;
        }
        let index = (self.ordinal as u64) << 32 | u64::from(step);
        let mut stream = Stream::new(seed, Purpose::Dropout, epoch, index);
        let scale = 1.0 / (1.0 - self.rate as f32);
        let rate = self.rate as f32;
        let mask: Vec<f32> = (0..x.shape().num_elements())
            .map(|_| if stream.next_f32() < rate { 0.0 } else { scale })
            .collect();
        let mask = Tensor::<2>::from_data(TensorData::new(mask, x.dims()), &x.device());
        x * mask
    }
}

/// [batch, features] → the same shape.
fn activate(function: Activation, x: Tensor<2>) -> Tensor<2> {
    match function {
        Activation::Linear => x,
        Activation::Relu => activation::relu(x),
        Activation::Elu => activation::elu(x, 1.0),
        Activation::Tanh => activation::tanh(x),
        Activation::Sigmoid => activation::sigmoid(x),
        Activation::Softmax => activation::softmax(x, 1),
    }
}
