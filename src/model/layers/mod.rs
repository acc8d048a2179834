//! Layers as built: one enum of burn modules, made from the spec's enum by one match, with a file
//! for each family.
//!
//! Between layers, samples are [batch, features] or, as in Keras, images [batch, height, width,
//! channels]. Where burn's own operations on images are taken, which want [batch, channels, height,
//! width], the layer turns them and back. Variables are in Keras' layout, so that weights files,
//! gradients, regularizers and constraints are as in Keras.

mod activation;
mod convolution;
mod dense;
mod kernel;
mod noise;
mod normalization;
mod pooling;
mod stack;
mod tap;

use burn::module::{Module, Param};
use burn::tensor::{Device, Tensor, TensorData, activation::softmax};

use super::initializer::initial;
use super::shape::{Placed, SampleShape};
use crate::kernels::pooling::Pooling;
use crate::spec::{Activation, Initializer, Layer, ModelSpec};

use activation::{ActivationBlock, Prelu};
use convolution::Conv2d;
use dense::Dense;
pub use noise::dropout_mask;
use noise::{AlphaDropout, Dropout, GaussianNoise};
use normalization::{BatchNormalization, LayerNormalization};
use pooling::Pooling2d;
pub use tap::{Rows, Tap};

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

/// Samples between two layers.
#[derive(Debug, Clone)]
enum Data {
    /// [batch, features]
    Flat(Tensor<2>),
    /// [batch, height, width, channels]
    Image(Tensor<4>),
}

/// The same expression for samples of either rank. The last dimension is that of features or
/// channels.
macro_rules! of_any_rank {
    ($data:expr, $x:ident => $result:expr) => {
        match $data {
            Data::Flat($x) => Data::Flat($result),
            Data::Image($x) => Data::Image($result),
        }
    };
}

impl Data {
    fn flat(self) -> Tensor<2> {
        match self {
            Self::Flat(x) => x,
            Self::Image(_) => unreachable!("`place` has put `flatten` before this layer"),
        }
    }

    fn image(self) -> Tensor<4> {
        match self {
            Self::Image(x) => x,
            Self::Flat(_) => unreachable!("`place` lets nothing flat come to this layer"),
        }
    }

    /// From samples as Keras has them, rows of height × width × channels.
    fn from_rows(rows: Tensor<2>, [height, width, channels]: [usize; 3]) -> Self {
        let [batch, _] = rows.dims();
        Self::Image(rows.reshape([batch, height, width, channels]))
    }

    /// [batch, features], images row by row.
    fn into_rows(self) -> Tensor<2> {
        match self {
            Self::Flat(x) => x,
            Self::Image(x) => {
                let [batch, height, width, channels] = x.dims();
                x.reshape([batch, height * width * channels])
            }
        }
    }
}

/// A stack of layers on a device.
#[derive(Module, Debug)]
pub struct Network {
    layers: Vec<Block>,
    /// Height, width and channels of the samples, where the first layer takes them as images.
    #[module(skip)]
    image: Option<[usize; 3]>,
}

#[derive(Module, Debug)]
enum Block {
    Flatten(Flatten),
    Dense(Dense),
    BatchNormalization(BatchNormalization),
    Activation(ActivationBlock),
    Dropout(Dropout),
    Conv2d(Conv2d),
    Pooling2d(Pooling2d),
    GlobalAveragePooling2d(GlobalAveragePooling2d),
    LayerNormalization(LayerNormalization),
    Prelu(Prelu),
    AlphaDropout(AlphaDropout),
    GaussianNoise(GaussianNoise),
}

#[derive(Module, Debug)]
struct Flatten;

#[derive(Module, Debug)]
struct GlobalAveragePooling2d;

impl Network {
    /// Builds a placed stack with the initial weights of a seed. Pass a device with autodiff for
    /// a network that is to be trained.
    pub fn build(model: &ModelSpec, placed: &[Placed], seed: u64, device: &Device) -> Self {
        let layers = model
            .layers
            .iter()
            .zip(placed)
            .enumerate()
            .map(|(ordinal, (layer, place))| block(layer, &Build { place, ordinal, seed, device }))
            .collect();
        // Samples come flat: where the first layer wants them so, they stay as they are.
        let image = match (model.layers.first(), placed.first().map(|layer| layer.input)) {
            (Some(Layer::Flatten(_)), _) | (_, Some(SampleShape::Flat(_)) | None) => None,
            (_, Some(SampleShape::Image(image))) => Some(image),
        };
        Self { layers, image }
    }

    /// Scores before the final softmax. Input [batch, pixels], output [batch, classes].
    pub fn logits(&self, input: Tensor<2>, pass: Pass) -> Tensor<2> {
        self.tapped_logits(input, pass, None)
    }

    /// As [`Network::logits`], to the bit, but a tap sees what every layer gives out, the last one
    /// its probabilities.
    pub fn tapped_logits(
        &self,
        input: Tensor<2>,
        pass: Pass,
        mut tap: Option<&mut Tap>,
    ) -> Tensor<2> {
        let (last, others) = self.layers.split_last().expect("a checked model has layers");
        let hidden = self.forward(others, input, pass, tap.as_deref_mut());
        let seen = tap.is_some().then(|| hidden.clone());
        let logits = match last {
            Block::Dense(dense) => dense.scores(hidden.flat()),
            // `place` lets nothing but softmax stand last.
            Block::Activation(_) => hidden.flat(),
            Block::Flatten(_)
            | Block::BatchNormalization(_)
            | Block::Dropout(_)
            | Block::Conv2d(_)
            | Block::Pooling2d(_)
            | Block::GlobalAveragePooling2d(_)
            | Block::LayerNormalization(_)
            | Block::Prelu(_)
            | Block::AlphaDropout(_)
            | Block::GaussianNoise(_) => unreachable!("a checked model ends in softmax"),
        };
        if let (Some(tap), Some(hidden)) = (tap, seen) {
            tap.see(others.len(), &hidden, &Data::Flat(softmax(logits.clone(), 1)));
        }
        logits
    }

    /// Class probabilities. Input [batch, pixels], output [batch, classes], rows sum to 1.
    pub fn probabilities(&self, input: Tensor<2>, pass: Pass) -> Tensor<2> {
        softmax(self.logits(input, pass), 1)
    }

    /// What comes out of the first `layers` layers. Input [batch, pixels], output [batch,
    /// numbers], images as rows of height × width × channels.
    pub fn hidden(&self, layers: usize, input: Tensor<2>, pass: Pass) -> Tensor<2> {
        self.forward(&self.layers[..layers], input, pass, None).into_rows()
    }

    /// The loss and what regularizers add to it, both [1].
    pub fn with_penalty(&self, loss: Tensor<1>) -> Tensor<1> {
        self.layers.iter().filter_map(Block::penalty).fold(loss, |loss, penalty| loss + penalty)
    }

    /// The network with each kernel as its constraint wants it, for after a step.
    #[must_use]
    pub fn constrained(self) -> Self {
        let layers = self.layers.into_iter().map(Block::constrained).collect();
        Self { layers, image: self.image }
    }

    fn forward(
        &self,
        layers: &[Block],
        input: Tensor<2>,
        pass: Pass,
        mut tap: Option<&mut Tap>,
    ) -> Data {
        let input = match self.image {
            Some(image) => Data::from_rows(input, image),
            None => Data::Flat(input),
        };
        let (mut place, mut x) = Self::first_layers(layers, input, pass, tap.as_deref_mut());
        while let Some(layer) = layers.get(place) {
            x = match (layer, layers.get(place + 1), &mut tap) {
                (Block::BatchNormalization(bn), Some(Block::Activation(after)), None)
                    if after.activation == Activation::Relu =>
                {
                    place += 1;
                    bn.forward(x, pass, true)
                }
                (_, _, None) => layer.forward(x, pass),
                (_, _, Some(tap)) => {
                    let output = layer.forward(x.clone(), pass);
                    tap.see(place, &x, &output);
                    output
                }
            };
            place += 1;
        }
        x
    }

    /// The two layers that are faster together, where a network begins with them, and the place of the
    /// first.
    fn joined(layers: &[Block]) -> Option<(usize, &BatchNormalization, &Dense)> {
        let flatten = |layer: &&Block| matches!(layer, Block::Flatten(_));
        let after = layers.iter().take_while(flatten).count();
        match &layers[after..] {
            [Block::BatchNormalization(bn), Block::Dense(dense), ..] => Some((after, bn, dense)),
            _ => None,
        }
    }

    /// Takes a network's input through the layers at its beginning that are faster together, and tells
    /// how many these were.
    fn first_layers(
        layers: &[Block],
        input: Data,
        pass: Pass,
        tap: Option<&mut Tap>,
    ) -> (usize, Data) {
        if let Some((after, bn, dense)) = Self::joined(layers)
            && let (Data::Flat(x), Pass::Training { .. }) = (&input, pass)
            && let Some(output) = bn.forward_through(dense, x)
        {
            let output = Data::Flat(output);
            if let Some(tap) = tap {
                let between = Data::Flat(bn.normalized(x.clone()));
                tap.see(after, &input, &between);
                tap.see(after + 1, &between, &output);
            }
            return (after + 2, output);
        }
        (0, input)
    }

    /// Each variable's values, in the order of [`Placed::variables`].
    pub(super) fn tensors(&self) -> Vec<TensorData> {
        self.layers.iter().flat_map(Block::tensors).collect()
    }

    /// The same network with other values, given in the order of [`Placed::variables`] and of
    /// the same shapes.
    pub(super) fn with_tensors(self, values: Vec<TensorData>, device: &Device) -> Self {
        let mut values = Values { values: values.into_iter(), device };
        let layers = self.layers.into_iter().map(|layer| layer.with_tensors(&mut values)).collect();
        Self { layers, image: self.image }
    }
}

/// What a layer is built from beside its parameters in the file.
struct Build<'a> {
    place: &'a Placed,
    /// The layer's number, which tells the masks of a network's layers apart.
    ordinal: usize,
    seed: u64,
    device: &'a Device,
}

impl Build<'_> {
    /// The layer's variable of that number with its first values.
    fn variable<const D: usize>(
        &self,
        number: usize,
        initializer: Initializer,
    ) -> Param<Tensor<D>> {
        let variable = &self.place.variables[number];
        let data = TensorData::new(self.values(number, initializer), variable.shape.clone());
        parameter(data, variable.trainable, self.device)
    }

    /// The first values of the layer's variable of that number.
    fn values(&self, number: usize, initializer: Initializer) -> Vec<f32> {
        let variable = &self.place.variables[number];
        initial(initializer, &variable.path, &variable.shape, self.seed)
    }
}

/// Values that a network's variables are to take, each once and in order.
struct Values<'a> {
    values: std::vec::IntoIter<TensorData>,
    device: &'a Device,
}

impl Values<'_> {
    fn next(&mut self) -> TensorData {
        self.values.next().expect("one value per variable")
    }

    fn parameter<const D: usize>(&mut self, trainable: bool) -> Param<Tensor<D>> {
        parameter(self.next(), trainable, self.device)
    }
}

fn parameter<const D: usize>(
    data: TensorData,
    trainable: bool,
    device: &Device,
) -> Param<Tensor<D>> {
    let param = Param::from_tensor(Tensor::from_data(data, device));
    if trainable { param } else { param.set_require_grad(false) }
}

fn block(layer: &Layer, build: &Build<'_>) -> Block {
    match layer {
        Layer::Flatten(_) => Block::Flatten(Flatten),
        Layer::Dense(dense) => Block::Dense(Dense::build(dense, build)),
        Layer::BatchNormalization(bn) => {
            Block::BatchNormalization(BatchNormalization::build(bn, build))
        }
        Layer::Activation(activation) => {
            Block::Activation(ActivationBlock { activation: activation.0 })
        }
        Layer::Dropout(dropout) => {
            Block::Dropout(Dropout { rate: dropout.rate, ordinal: build.ordinal })
        }
        Layer::Conv2d(conv) => Block::Conv2d(Conv2d::build(conv, build)),
        Layer::MaxPooling2d(pooling) => {
            Block::Pooling2d(Pooling2d::build(pooling, Pooling::Max, build))
        }
        Layer::AveragePooling2d(pooling) => {
            Block::Pooling2d(Pooling2d::build(pooling, Pooling::Average, build))
        }
        Layer::GlobalAveragePooling2d(_) => Block::GlobalAveragePooling2d(GlobalAveragePooling2d),
        Layer::LayerNormalization(norm) => {
            Block::LayerNormalization(LayerNormalization::build(norm, build))
        }
        Layer::Prelu(prelu) => Block::Prelu(Prelu::build(prelu, build)),
        Layer::AlphaDropout(dropout) => {
            Block::AlphaDropout(AlphaDropout { rate: dropout.rate, ordinal: build.ordinal })
        }
        Layer::GaussianNoise(noise) => {
            Block::GaussianNoise(GaussianNoise { stddev: noise.stddev, ordinal: build.ordinal })
        }
    }
}

impl Block {
    fn forward(&self, x: Data, pass: Pass) -> Data {
        match self {
            Self::Flatten(_) => Data::Flat(x.into_rows()),
            Self::Dense(dense) => Data::Flat(dense.forward(x.flat())),
            Self::BatchNormalization(bn) => bn.forward(x, pass, false),
            Self::Activation(block) => activate(block.activation, x),
            Self::Dropout(dropout) => of_any_rank!(x, x => dropout.forward(x, pass)),
            Self::Conv2d(conv) => Data::Image(conv.forward(x.image())),
            Self::Pooling2d(pooling) => Data::Image(pooling.forward(x.image())),
            Self::GlobalAveragePooling2d(_) => Data::Flat(pooling::global_average(x.image())),
            Self::LayerNormalization(norm) => norm.forward(x),
            Self::Prelu(prelu) => prelu.forward(x),
            Self::AlphaDropout(dropout) => of_any_rank!(x, x => dropout.forward(x, pass)),
            Self::GaussianNoise(noise) => of_any_rank!(x, x => noise.forward(x, pass)),
        }
    }

    /// What the layer adds to the loss, [1].
    fn penalty(&self) -> Option<Tensor<1>> {
        match self {
            Self::Dense(dense) => dense.penalty(),
            Self::Conv2d(conv) => conv.penalty(),
            Self::Flatten(_)
            | Self::BatchNormalization(_)
            | Self::Activation(_)
            | Self::Dropout(_)
            | Self::Pooling2d(_)
            | Self::GlobalAveragePooling2d(_)
            | Self::LayerNormalization(_)
            | Self::Prelu(_)
            | Self::AlphaDropout(_)
            | Self::GaussianNoise(_) => None,
        }
    }

    fn constrained(self) -> Self {
        match self {
            Self::Dense(dense) => Self::Dense(dense.constrained()),
            Self::Conv2d(conv) => Self::Conv2d(conv.constrained()),
            block @ (Self::Flatten(_)
            | Self::BatchNormalization(_)
            | Self::Activation(_)
            | Self::Dropout(_)
            | Self::Pooling2d(_)
            | Self::GlobalAveragePooling2d(_)
            | Self::LayerNormalization(_)
            | Self::Prelu(_)
            | Self::AlphaDropout(_)
            | Self::GaussianNoise(_)) => block,
        }
    }

    fn tensors(&self) -> Vec<TensorData> {
        match self {
            Self::Dense(dense) => dense.tensors(),
            Self::BatchNormalization(bn) => bn.tensors(),
            Self::Conv2d(conv) => conv.tensors(),
            Self::LayerNormalization(norm) => norm.tensors(),
            Self::Prelu(prelu) => prelu.tensors(),
            Self::Flatten(_)
            | Self::Activation(_)
            | Self::Dropout(_)
            | Self::Pooling2d(_)
            | Self::GlobalAveragePooling2d(_)
            | Self::AlphaDropout(_)
            | Self::GaussianNoise(_) => Vec::new(),
        }
    }

    fn with_tensors(self, values: &mut Values<'_>) -> Self {
        match self {
            Self::Dense(dense) => Self::Dense(dense.with_tensors(values)),
            Self::BatchNormalization(bn) => Self::BatchNormalization(bn.with_tensors(values)),
            Self::Conv2d(conv) => Self::Conv2d(conv.with_tensors(values)),
            Self::LayerNormalization(norm) => Self::LayerNormalization(norm.with_tensors(values)),
            Self::Prelu(prelu) => Self::Prelu(prelu.with_tensors(values)),
            block @ (Self::Flatten(_)
            | Self::Activation(_)
            | Self::Dropout(_)
            | Self::Pooling2d(_)
            | Self::GlobalAveragePooling2d(_)
            | Self::AlphaDropout(_)
            | Self::GaussianNoise(_)) => block,
        }
    }
}

fn activate(function: Activation, x: Data) -> Data {
    of_any_rank!(x, x => activation::apply(function, x))
}
