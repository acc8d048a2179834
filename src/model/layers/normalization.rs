//! Normalization over the batch, and over each sample's features.

use burn::module::{Flag, Module, Param, RunningState};
use burn::nn::{BatchNorm, BatchNormConfig};
use burn::tensor::module::layer_norm;
use burn::tensor::{Tensor, TensorData, activation};

use super::dense::Dense;
use super::stack::{moving, parameter};
use super::{Build, Data, Pass, Values};
use crate::backend;
use crate::kernels::{batch_norm, dense::normalized_dense, stack::Layer, update};
use crate::spec::{self, Initializer};

#[derive(Module, Debug)]
pub(super) struct BatchNormalization {
    /// Without `scale`, gamma is 1 and no variable; without `center`, beta is 0 and none.
    norm: BatchNorm,
    scale: bool,
    center: bool,
    trainable: bool,
    /// Whether the device has the kernel of our own.
    fused: bool,
}

impl BatchNormalization {
    pub fn build(spec: &spec::BatchNormalization, build: &Build<'_>) -> Self {
        let mut norm = BatchNormConfig::new(build.place.input.features())
            // burn's momentum is the share of the new batch, Keras' that of the old average.
            .with_momentum(1.0 - spec.momentum)
            .with_epsilon(spec.epsilon)
            .init(build.device);
        if !(spec.scale && spec.trainable) {
            norm.gamma = norm.gamma.set_require_grad(false);
        }
        if !(spec.center && spec.trainable) {
            norm.beta = norm.beta.set_require_grad(false);
        }
        // As in Keras, a frozen layer works with its moving statistics and leaves them alone.
        norm.training = Param::<Flag>::from_bool(spec.trainable);
        Self {
            norm,
            scale: spec.scale,
            center: spec.center,
            trainable: spec.trainable,
            fused: backend::has_fused_kernels(build.device),
        }
    }

    /// [batch, …, features or channels] → the same shape, with `relu` as the layer after it would have
    /// it. Training moves the moving statistics on.
    pub fn forward(&self, x: Data, pass: Pass, relu: bool) -> Data {
        match x {
            Data::Flat(x) => Data::Flat(self.over_rows(x, pass, relu)),
            Data::Image(x) => {
                let [batch, height, width, channels] = x.dims();
                let rows = x.reshape([batch * height * width, channels]);
                let rows = self.over_rows(rows, pass, relu);
                Data::Image(rows.reshape([batch, height, width, channels]))
            }
        }
    }

    /// [rows, features] → the same shape.
    fn over_rows(&self, x: Tensor<2>, pass: Pass, relu: bool) -> Tensor<2> {
        match pass {
            Pass::Training { .. } if self.fused && self.trainable => self.fused(x, relu),
            Pass::Inference if self.fused => {
                let norm = &self.norm;
                let parameters = [norm.gamma.val(), norm.beta.val()];
                let moving = [&norm.running_mean, &norm.running_var].map(RunningState::value_sync);
                batch_norm::normalize_with(x, parameters, moving, norm.epsilon, relu)
            }
            // burn's module tells training and inference apart by its device.
            Pass::Training { .. } | Pass::Inference => {
                let x = self.norm.forward(x);
                if relu { activation::relu(x) } else { x }
            }
        }
    }

    /// A step of training with the kernel of our own, [rows, features] → the same shape.
    fn fused(&self, x: Tensor<2>, relu: bool) -> Tensor<2> {
        let norm = &self.norm;
        let parameters = [norm.gamma.val(), norm.beta.val()];
        let result = batch_norm::normalize(x, parameters, norm.epsilon, relu);
        move_on(&norm.running_mean, result.mean, norm.momentum);
        move_on(&norm.running_var, result.variance, norm.momentum);
        result.output
    }

    /// A step of training together with the dense layer that follows, on an x that wants no gradient;
    /// `None` where the kernel of our own does not hold for both layers.
    pub fn forward_through(&self, dense: &Dense, x: &Tensor<2>) -> Option<Tensor<2>> {
        // A frozen layer works with its moving statistics.
        if !(self.fused && self.trainable) {
            return None;
        }
        let (weight, bias, relu) = dense.for_kernel()?;
        let norm = &self.norm;
        let scale_and_shift = [norm.gamma.val(), norm.beta.val()];
        let x = x.clone();
        let result = normalized_dense(x, scale_and_shift, norm.epsilon, weight, bias, relu);
        move_on(&norm.running_mean, result.mean, norm.momentum);
        move_on(&norm.running_var, result.variance, norm.momentum);
        Some(dense.finished(result.output))
    }

    /// What comes out of [`BatchNormalization::forward_through`] half way, [rows, features], with
    /// nothing else happening.
    pub fn normalized(&self, x: Tensor<2>) -> Tensor<2> {
        let norm = &self.norm;
        let parameters = [norm.gamma.val(), norm.beta.val()];
        batch_norm::normalize(x, parameters, norm.epsilon, false).output
    }

    /// The layer for the kernel that takes whole steps of training; `None` where it is frozen.
    pub fn layer(&self) -> Option<Layer> {
        let BatchNorm { gamma, beta, running_mean, running_var, .. } = &self.norm;
        (self.fused && self.trainable).then(|| Layer::BatchNormalization {
            gamma: parameter(gamma, self.scale),
            beta: parameter(beta, self.center),
            moving: [running_mean, running_var].map(moving),
            epsilon: self.norm.epsilon,
            share: self.norm.momentum,
            relu: false,
        })
    }

    pub fn tensors(&self) -> Vec<TensorData> {
        let norm = &self.norm;
        let gamma = self.scale.then(|| norm.gamma.val().into_data());
        let beta = self.center.then(|| norm.beta.val().into_data());
        let moving = [&norm.running_mean, &norm.running_var];
        let moving = moving.map(|moving| moving.value_sync().into_data());
        gamma.into_iter().chain(beta).chain(moving).collect()
    }

    pub fn with_tensors(mut self, values: &mut Values<'_>) -> Self {
        if self.scale {
            self.norm.gamma = values.parameter(self.trainable);
        }
        if self.center {
            self.norm.beta = values.parameter(self.trainable);
        }
        let mut moving = || RunningState::new(Tensor::from_data(values.next(), values.device));
        self.norm.running_mean = moving();
        self.norm.running_var = moving();
        self
    }
}

/// moving ← moving · (1 − share) + batch · share, both [features], by the kernel of our own.
fn move_on(moving: &RunningState<Tensor<1>>, batch: Tensor<1>, share: f64) {
    let moved = update::move_on(moving.value_sync().inner(), batch.inner(), share);
    moving.update(Tensor::from_inner(moved));
}

/// `(x − mean) / √(variance + ε) · gamma + beta` with each sample's own mean and variance over its
/// features, or at each place of an image over the channels
/// (keras/src/layers/normalization/layer_normalization.py).
#[derive(Module, Debug)]
pub(super) struct LayerNormalization {
    gamma: Option<Param<Tensor<1>>>,
    beta: Option<Param<Tensor<1>>>,
    features: usize,
    epsilon: f64,
    trainable: bool,
}

impl LayerNormalization {
    pub fn build(spec: &spec::LayerNormalization, build: &Build<'_>) -> Self {
        let beta = usize::from(spec.scale);
        Self {
            gamma: spec.scale.then(|| build.variable(0, Initializer::Ones)),
            beta: spec.center.then(|| build.variable(beta, Initializer::Zeros)),
            features: build.place.input.features(),
            epsilon: spec.epsilon,
            trainable: spec.trainable,
        }
    }

    pub fn forward(&self, x: Data) -> Data {
        match x {
            Data::Flat(x) => Data::Flat(self.over_last(x)),
            Data::Image(x) => Data::Image(self.over_last(x)),
        }
    }

    /// [batch, …, features] → the same shape.
    fn over_last<const D: usize>(&self, x: Tensor<D>) -> Tensor<D> {
        let gamma = match &self.gamma {
            Some(gamma) => gamma.val(),
            None => Tensor::ones([self.features], &x.device()),
        };
        layer_norm(x, gamma, self.beta.as_ref().map(Param::val), self.epsilon)
    }

    pub fn tensors(&self) -> Vec<TensorData> {
        let variables = self.gamma.iter().chain(&self.beta);
        variables.map(|variable| variable.val().into_data()).collect()
    }

    pub fn with_tensors(mut self, values: &mut Values<'_>) -> Self {
        self.gamma = self.gamma.map(|_| values.parameter(self.trainable));
        self.beta = self.beta.map(|_| values.parameter(self.trainable));
        self
    }
}
