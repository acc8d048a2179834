//! Activation functions as one burn operation each, with a backward pass of its own.
//!
//! burn's own are up to a dozen operations, each a pass over memory and a node in the graph, that call
//! the standard library for every number.

#![allow(
    missing_docs,
    reason = "what `#[backend_extension]` generates has no documentation of its own"
)]

use burn::backend::autodiff::checkpoint::{base::Checkpointer, strategy::CheckpointStrategy};
use burn::backend::autodiff::grads::Gradients;
use burn::backend::autodiff::ops::{Backward, Ops, OpsKind};
use burn::backend::backend_extension;
use burn::backend::tensor::FloatTensor;
use burn::backend::{Autodiff, Backend, Dispatch, Flex, TensorMetadata};
use burn::tensor::Tensor;
use burn_flex::FlexTensor;

use super::buffers::{slice, tensor, whole};
pub use super::pointwise::{Function, SELU_ALPHA, SELU_SCALE};
use super::rows;

/// The function of each number.
///
/// # Panics
/// On a backend other than flex.
pub fn activate<const D: usize>(function: Function, x: Tensor<D>) -> Tensor<D> {
    let x = x.into_dispatch();
    Tensor::from_dispatch(<Dispatch as FusedActivation>::activation_forward(x, function))
}

/// The operations on primitives of a backend.
#[backend_extension(Flex, Autodiff)]
pub trait FusedActivation: Backend {
    fn activation_forward(x: FloatTensor<Self>, function: Function) -> FloatTensor<Self>;

    /// The gradient of x.
    fn activation_backward(
        x: FloatTensor<Self>,
        output: FloatTensor<Self>,
        gradient: FloatTensor<Self>,
        function: Function,
    ) -> FloatTensor<Self>;
}

impl FusedActivation for Flex {
    fn activation_forward(x: FlexTensor, function: Function) -> FlexTensor {
        let x = x.to_contiguous();
        tensor(rows::values(function, slice(&x)), &x.shape())
    }

    fn activation_backward(
        x: FlexTensor,
        output: FlexTensor,
        gradient: FlexTensor,
        function: Function,
    ) -> FlexTensor {
        let (x, output) = (x.to_contiguous(), output.to_contiguous());
        // In place, if nobody else has it.
        let mut gradient = whole(gradient);
        rows::gradients(function, [slice(&x), slice(&output)], gradient.storage_mut());
        gradient
    }
}

impl<B: Backend + FusedActivation, C: CheckpointStrategy> FusedActivation for Autodiff<B, C> {
    fn activation_forward(x: FloatTensor<Self>, function: Function) -> FloatTensor<Self> {
        let input = x.primitive().clone();
        let output = B::activation_forward(input.clone(), function);
        match BackwardPass.prepare::<C>([x.node()]).compute_bound().stateful() {
            OpsKind::Tracked(prepared) => {
                prepared.finish((input, output.clone(), function), output)
            }
            OpsKind::UnTracked(prepared) => prepared.finish(output),
        }
    }

    fn activation_backward(
        _: FloatTensor<Self>,
        _: FloatTensor<Self>,
        _: FloatTensor<Self>,
        _: Function,
    ) -> FloatTensor<Self> {
        unreachable!("gradients of gradients are never taken")
    }
}

#[derive(Debug)]
struct BackwardPass;

impl<B: Backend + FusedActivation> Backward<B, 1> for BackwardPass {
    /// x, the output, and which function it was.
    type State = (FloatTensor<B>, FloatTensor<B>, Function);

    fn backward(self, ops: Ops<Self::State, 1>, grads: &mut Gradients, _: &mut Checkpointer) {
        let [node] = ops.parents;
        let gradient = grads.consume::<B>(&ops.node);
        let (x, output, function) = ops.state;
        if let Some(node) = node {
            let gradient = B::activation_backward(x, output, gradient, function);
            grads.register::<B>(node.id, gradient);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use burn::tensor::{Device, TensorData, activation};

    /// The output, and the gradient of x for a loss that weighs each output differently.
    fn run(fused: bool, count: usize) -> [Vec<f32>; 2] {
        let device = Device::flex().autodiff();
        let numbers: Vec<f32> = (0..count).map(|i| (i % 97) as f32 / 13.0 - 3.7).collect();
        let data = TensorData::new(numbers, [count / 2, 2]);
        let x = Tensor::<2>::from_data(data.clone(), &device).require_grad();
        let y =
            if fused { activate(Function::Tanh, x.clone()) } else { activation::tanh(x.clone()) };
        let gradients = (y.clone() * Tensor::from_data(data, &device)).sum().backward();
        let gradient = x.grad(&gradients).unwrap();
        [y.inner(), gradient].map(|numbers| numbers.into_data().try_into_vec().unwrap())
    }

    #[test]
    fn output_and_gradient_agree_with_burns_own() {
        // The larger is one that goes in parts.
        for count in [6, 200_000] {
            let (fused, plain) = (run(true, count), run(false, count));
            for (a, b) in fused.iter().flatten().zip(plain.iter().flatten()) {
                assert!((a - b).abs() < 1e-6 * b.abs().max(1.0), "{a} and {b}");
            }
        }
    }
}
