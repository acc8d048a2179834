//! What regularizers add to the loss, as one burn operation with a backward pass of its own.

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

use super::blocks::columns_of_blocks;
use super::buffers::{slice, tensor};
use super::loops;

/// The factors of Σ|w| and of Σw².
pub type Factors = [f32; 2];

/// `l1 · Σ|w| + l2 · Σw²`, [1].
///
/// # Panics
/// On a backend other than flex.
pub fn penalty<const D: usize>(weight: Tensor<D>, [l1, l2]: Factors) -> Tensor<1> {
    let weight = weight.into_dispatch();
    Tensor::from_dispatch(<Dispatch as FusedPenalty>::penalty_forward(weight, l1, l2))
}

/// As [`penalty`], of a kernel whose last dimension has so many columns: whole, or in its
/// [blocks](super::blocks). Each row of a block is summed up in 32 bits, and their sums in 64, so that it
/// does not matter in which of the two ways the kernel is kept.
pub fn penalty_of(parts: &[&[f32]], columns: usize, [l1, l2]: Factors) -> f32 {
    let [mut sizes, mut squares] = [0.0_f64; 2];
    for (number, block) in columns_of_blocks(columns).into_iter().enumerate() {
        let (matrix, width, own) = match parts {
            [whole] => (*whole, columns, block),
            blocks => (blocks[number], block.len(), 0..block.len()),
        };
        for row in matrix.chunks_exact(width) {
            let [size, square] = loops::sizes_and_squares(&row[own.clone()]);
            sizes += f64::from(size);
            squares += f64::from(square);
        }
    }
    (f64::from(l1) * sizes + f64::from(l2) * squares) as f32
}

/// The operations on primitives of a backend.
#[backend_extension(Flex, Autodiff)]
pub trait FusedPenalty: Backend {
    fn penalty_forward(weight: FloatTensor<Self>, l1: f32, l2: f32) -> FloatTensor<Self>;

    /// The gradient of the weight where the loss has the given one.
    fn penalty_backward(
        weight: FloatTensor<Self>,
        gradient: FloatTensor<Self>,
        l1: f32,
        l2: f32,
    ) -> FloatTensor<Self>;
}

impl FusedPenalty for Flex {
    fn penalty_forward(weight: FlexTensor, l1: f32, l2: f32) -> FlexTensor {
        let weight = weight.to_contiguous();
        let columns = *weight.shape().last().expect("a kernel has dimensions");
        tensor(vec![penalty_of(&[slice(&weight)], columns, [l1, l2])], &[1])
    }

    fn penalty_backward(weight: FlexTensor, gradient: FlexTensor, l1: f32, l2: f32) -> FlexTensor {
        let weight = weight.to_contiguous();
        let factor = slice(&gradient.to_contiguous())[0];
        let mut sums = vec![0.0; slice(&weight).len()];
        loops::add_penalty_gradient(slice(&weight), [l1 * factor, l2 * factor], &mut sums);
        tensor(sums, &weight.shape())
    }
}

impl<B: Backend + FusedPenalty, C: CheckpointStrategy> FusedPenalty for Autodiff<B, C> {
    fn penalty_forward(weight: FloatTensor<Self>, l1: f32, l2: f32) -> FloatTensor<Self> {
        let primitive = weight.primitive().clone();
        let output = B::penalty_forward(primitive.clone(), l1, l2);
        match BackwardPass.prepare::<C>([weight.node()]).compute_bound().stateful() {
            OpsKind::Tracked(prepared) => prepared.finish((primitive, [l1, l2]), output),
            OpsKind::UnTracked(prepared) => prepared.finish(output),
        }
    }

    fn penalty_backward(
        _: FloatTensor<Self>,
        _: FloatTensor<Self>,
        _: f32,
        _: f32,
    ) -> FloatTensor<Self> {
        unreachable!("gradients of gradients are never taken")
    }
}

#[derive(Debug)]
struct BackwardPass;

impl<B: Backend + FusedPenalty> Backward<B, 1> for BackwardPass {
    type State = (FloatTensor<B>, Factors);

    fn backward(self, ops: Ops<Self::State, 1>, grads: &mut Gradients, _: &mut Checkpointer) {
        let [node] = ops.parents;
        let gradient = grads.consume::<B>(&ops.node);
        let (weight, [l1, l2]) = ops.state;
        if let Some(node) = node {
            grads.register::<B>(node.id, B::penalty_backward(weight, gradient, l1, l2));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use burn::tensor::{Device, TensorData};

    #[test]
    fn it_is_the_formula_and_its_gradient_is_burns() {
        let device = Device::flex().autodiff();
        for (count, [l1, l2]) in [(6, [0.3, 0.0]), (5000, [0.0, 0.01]), (90_000, [0.02, 0.5])] {
            let numbers: Vec<f32> = (0..count).map(|i| (i % 97) as f32 / 48.0 - 1.0).collect();
            let sum = |of: fn(f64) -> f64| numbers.iter().map(|&w| of(f64::from(w))).sum::<f64>();
            let expected = f64::from(l1) * sum(f64::abs) + f64::from(l2) * sum(|w| w * w);
            // The last is summed up in blocks.
            let columns = if count < 10_000 { 2 } else { 100 };
            let data = TensorData::new(numbers.clone(), [count / columns, columns]);
            let weight = Tensor::<2>::from_data(data, &device).require_grad();
            let value = penalty(weight.clone(), [l1, l2]);
            let given = value.clone().into_data().try_into_vec::<f32>().unwrap()[0];
            assert!((f64::from(given) - expected).abs() < 1e-6 * expected, "{given}, {expected}");

            let plain = weight.clone().abs().sum() * l1 + weight.clone().square().sum() * l2;
            let [fused, plain] = [value, plain].map(|penalty| {
                let gradient = weight.grad(&(penalty * 3.0).backward()).unwrap();
                gradient.into_data().try_into_vec::<f32>().unwrap()
            });
            for (a, b) in fused.iter().zip(&plain) {
                assert!((a - b).abs() <= 1e-6 * b.abs(), "{a} and {b}: {count} {l1} {l2}");
            }
        }
    }
}
