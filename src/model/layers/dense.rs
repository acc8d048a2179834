//! The fully connected layer.

use burn::module::{Module, Param};
use burn::nn::Linear;
use burn::tensor::{Tensor, TensorData};

use super::kernel::Rules;
use super::stack::parameter;
use super::{Build, Values, activation};
use crate::backend;
use crate::kernels::activation::Function;
use crate::kernels::dense as kernel;
use crate::kernels::stack::Layer;
use crate::spec::{self, Activation};

#[derive(Module, Debug)]
pub(super) struct Dense {
    linear: Linear,
    #[module(skip)]
    activation: Activation,
    #[module(skip)]
    rules: Rules,
    /// Whether the device has the kernel of our own.
    fused: bool,
}

impl Dense {
    pub fn build(spec: &spec::Dense, build: &Build<'_>) -> Self {
        Self {
            linear: Linear {
                weight: build.variable(0, spec.kernel_initializer),
                bias: spec.use_bias.then(|| build.variable(1, spec.bias_initializer)),
            },
            activation: spec.activation,
            rules: Rules {
                regularizer: spec.kernel_regularizer,
                constraint: spec.kernel_constraint.clone(),
                trainable: spec.trainable,
            },
            fused: backend::has_fused_kernels(build.device) && kernel::available(),
        }
    }

    /// [batch, inputs] → [batch, units]
    pub fn forward(&self, x: Tensor<2>) -> Tensor<2> {
        if self.fused && self.activation == Activation::Relu {
            return self.run(x, true);
        }
        activation::apply(self.activation, self.scores(x))
    }

    /// As [`Dense::forward`], before the activation.
    pub fn scores(&self, x: Tensor<2>) -> Tensor<2> {
        if self.fused { self.run(x, false) } else { self.linear.forward(x) }
    }

    fn run(&self, x: Tensor<2>, relu: bool) -> Tensor<2> {
        let bias = self.linear.bias.as_ref().map(Param::val);
        kernel::dense(x, self.linear.weight.val(), bias, relu)
    }

    /// Weight, bias and whether relu follows, for the kernel that takes this layer together with the
    /// normalization before it. Other activations are left to [`Dense::finished`].
    pub fn for_kernel(&self) -> Option<(Tensor<2>, Option<Tensor<1>>, bool)> {
        let relu = self.activation == Activation::Relu;
        let bias = self.linear.bias.as_ref().map(Param::val);
        (self.fused && self.rules.trainable).then(|| (self.linear.weight.val(), bias, relu))
    }

    /// What comes out of that kernel as the layer gives it out.
    pub fn finished(&self, output: Tensor<2>) -> Tensor<2> {
        let is_done = self.activation == Activation::Relu;
        if is_done { output } else { activation::apply(self.activation, output) }
    }

    /// The layer and its activation for the kernel that takes whole steps of training; `None` where it
    /// does what the kernel does not. `joins` says that it is taken together with the normalization of the
    /// input before it.
    pub fn layers(&self, joins: bool) -> Option<Vec<Layer>> {
        let mut layers = vec![self.scores_layer(joins)?];
        match activation::fused(self.activation) {
            Some(Function::Relu) => {
                if let Layer::Dense { relu, .. } = &mut layers[0] {
                    *relu = true;
                }
            }
            Some(function) => layers.push(Layer::Activation(function)),
            None if self.activation == Activation::Linear => {}
            None => return None,
        }
        Some(layers)
    }

    /// As [`Dense::layers`], before the activation; `joins` as there.
    pub fn scores_layer(&self, joins: bool) -> Option<Layer> {
        if !(self.fused && self.rules.trainable && self.rules.constraint.is_none()) {
            return None;
        }
        let Linear { weight, bias } = &self.linear;
        let bias = bias.as_ref().map(|bias| parameter(bias, true));
        let [_, units] = weight.dims();
        let (kernel, penalty) = (parameter(weight, true), self.rules.factors());
        Some(Layer::Dense { kernel, bias, units, relu: false, penalty, joins })
    }

    pub fn penalty(&self) -> Option<Tensor<1>> {
        self.rules.penalty(&self.linear.weight)
    }

    pub fn constrained(mut self) -> Self {
        self.linear.weight = self.rules.constrained(self.linear.weight);
        self
    }

    pub fn tensors(&self) -> Vec<TensorData> {
        let bias = self.linear.bias.as_ref().map(|bias| bias.val().into_data());
        std::iter::once(self.linear.weight.val().into_data()).chain(bias).collect()
    }

    pub fn with_tensors(mut self, values: &mut Values<'_>) -> Self {
        let trainable = self.rules.trainable;
        self.linear.weight = values.parameter(trainable);
        self.linear.bias = self.linear.bias.map(|_| values.parameter(trainable));
        self
    }
}
