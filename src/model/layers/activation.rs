//! Activation functions, and `prelu`, whose slope is learned.

use burn::module::{Module, Param};
use burn::tensor::{Tensor, TensorData, activation};

use super::{Build, Data, Values};
use crate::backend::has_fused_kernels;
use crate::kernels::activation::{Function, SELU_ALPHA, SELU_SCALE, activate};
use crate::model::shape::SampleShape;
use crate::spec::{self, Activation};

#[derive(Module, Debug)]
pub(super) struct ActivationBlock {
    #[module(skip)]
    pub activation: Activation,
}

/// [batch, …, features or channels] → the same shape.
pub(super) fn apply<const D: usize>(function: Activation, x: Tensor<D>) -> Tensor<D> {
    if let Some(fused) = fused(function)
        && has_fused_kernels(&x.device())
    {
        return activate(fused, x);
    }
    match function {
        Activation::Linear => x,
        Activation::Relu => activation::relu(x),
        Activation::LeakyRelu(leaky) => activation::leaky_relu(x, leaky.negative_slope),
        Activation::Elu => elu(x),
        Activation::Selu => {
            let negative = x.clone().lower_equal_elem(0.0);
            let scaled = elu(x.clone()).mul_scalar(SELU_SCALE * SELU_ALPHA);
            x.mul_scalar(SELU_SCALE).mask_where(negative, scaled)
        }
        Activation::Gelu => gelu(x),
        Activation::Silu => activation::silu(x),
        Activation::Softplus => activation::softplus(x, 1.0),
        Activation::Softsign => activation::softsign(x),
        Activation::Tanh => activation::tanh(x),
        Activation::Sigmoid => activation::sigmoid(x),
        Activation::HardSigmoid => activation::hard_sigmoid(x, 1.0 / 6.0, 0.5),
        Activation::Mish => activation::mish(x),
        Activation::Exponential => x.exp(),
        Activation::Softmax => activation::softmax(x, D - 1),
    }
}

/// The function for the kernel of our own; `None` for those that are no functions of single numbers,
/// or none at all.
pub(super) fn fused(function: Activation) -> Option<Function> {
    Some(match function {
        Activation::Linear | Activation::Softmax => return None,
        Activation::Relu => Function::Relu,
        Activation::LeakyRelu(leaky) => Function::LeakyRelu(leaky.negative_slope as f32),
        Activation::Elu => Function::Elu,
        Activation::Selu => Function::Selu,
        Activation::Gelu => Function::Gelu,
        Activation::Silu => Function::Silu,
        Activation::Softplus => Function::Softplus,
        Activation::Softsign => Function::Softsign,
        Activation::Tanh => Function::Tanh,
        Activation::Sigmoid => Function::Sigmoid,
        Activation::HardSigmoid => Function::HardSigmoid,
        Activation::Mish => Function::Mish,
        Activation::Exponential => Function::Exponential,
    })
}

/// x · Φ(x). The backward pass of burn's own is that of the approximation by tanh on most devices,
/// which is off by 5e-4.
fn gelu<const D: usize>(x: Tensor<D>) -> Tensor<D> {
    let distribution = x.clone().mul_scalar(std::f64::consts::FRAC_1_SQRT_2).erf();
    x * distribution.add_scalar(1.0).mul_scalar(0.5)
}

/// x where positive, eˣ − 1 elsewhere. burn's own takes eˣ of large x, too, which is infinite and
/// makes the gradient no number.
fn elu<const D: usize>(x: Tensor<D>) -> Tensor<D> {
    let positive = x.clone().greater_elem(0.0);
    let curve = x.clone().mask_fill(positive.clone(), 0.0).exp().sub_scalar(1.0);
    curve.mask_where(positive, x)
}

/// `max(x, 0) − alpha · max(−x, 0)` (keras/src/layers/activations/prelu.py).
#[derive(Module, Debug)]
pub(super) struct Prelu {
    /// One after the other, as Keras has them: height, width, channels; or features.
    alpha: Param<Tensor<1>>,
    /// Height, width and channels of alpha; 1 × 1 × features where samples are flat.
    shape: [usize; 3],
    trainable: bool,
}

impl Prelu {
    pub fn build(spec: &spec::Prelu, build: &Build<'_>) -> Self {
        let sizes = &build.place.variables[0].shape;
        let shape = match (build.place.input, &sizes[..]) {
            (SampleShape::Image(_), &[height, width, channels]) => [height, width, channels],
            _ => [1, 1, sizes[0]],
        };
        let values = build.values(0, spec.alpha_initializer);
        let data = TensorData::new(values, [shape.iter().product::<usize>()]);
        let alpha = super::parameter(data, spec.trainable, build.device);
        Self { alpha, shape, trainable: spec.trainable }
    }

    pub fn forward(&self, x: Data) -> Data {
        let alpha = self.alpha.val().reshape(self.shape);
        match x {
            Data::Flat(x) => {
                let alpha = alpha.reshape([1, self.shape[2]]);
                Data::Flat(activation::relu(x.clone()) - alpha * activation::relu(-x))
            }
            Data::Image(x) => {
                // [1, height, width, channels]
                let alpha = alpha.unsqueeze::<4>();
                Data::Image(activation::relu(x.clone()) - alpha * activation::relu(-x))
            }
        }
    }

    pub fn tensors(&self) -> Vec<TensorData> {
        vec![self.alpha.val().into_data()]
    }

    pub fn with_tensors(mut self, values: &mut Values<'_>) -> Self {
        let data = values.next();
        let size = data.num_elements();
        let numbers = data.convert::<f32>().try_into_vec::<f32>();
        let numbers = numbers.expect("converted to 32-bit numbers");
        let data = TensorData::new(numbers, [size]);
        self.alpha = super::parameter(data, self.trainable, values.device);
        self
    }
}
