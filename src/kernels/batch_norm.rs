//! Batch normalization over [rows, features], with a relu if one follows, as one forward and one
//! backward operation.
//!
//! burn's own is a dozen operations, each a pass over the batch with a buffer of its own, which
//! for layers of this size costs as much as the matrix products around it. Formulas: Ioffe &
//! Szegedy 2015, sections 3 and 3.1.

#![allow(
    missing_docs,
    reason = "what `#[backend_extension]` generates has no documentation of its own"
)]
#![allow(
    clippy::too_many_arguments,
    reason = "operations of a backend take tensors and numbers alone"
)]

use burn::backend::autodiff::checkpoint::{base::Checkpointer, strategy::CheckpointStrategy};
use burn::backend::autodiff::grads::Gradients;
use burn::backend::autodiff::ops::{Backward, Ops, OpsKind};
use burn::backend::backend_extension;
use burn::backend::tensor::FloatTensor;
use burn::backend::{Autodiff, AutodiffBackend, Backend, Dispatch, Flex, TensorMetadata};
use burn::tensor::Tensor;
use burn_flex::FlexTensor;

use super::buffers::{nothing, slice, tensor, whole};
use super::rows;

/// What the forward pass gives.
pub struct Normalized {
    /// [batch, features], with a backward pass to x, gamma and beta.
    pub output: Tensor<2>,
    /// [features], of this batch, without gradients.
    pub mean: Tensor<1>,
    /// [features], biased, of this batch, without gradients.
    pub variance: Tensor<1>,
}

/// Normalizes each feature of x [batch, features] over the batch, then scales by gamma and shifts
/// by beta, both [features], then takes max(·, 0) with `relu`.
///
/// # Panics
/// On a backend other than flex.
pub fn normalize(
    x: Tensor<2>,
    [gamma, beta]: [Tensor<1>; 2],
    epsilon: f64,
    relu: bool,
) -> Normalized {
    let (output, mean, variance) = <Dispatch as FusedBatchNorm>::batch_norm_forward(
        x.into_dispatch(),
        gamma.into_dispatch(),
        beta.into_dispatch(),
        epsilon,
        relu,
    );
    Normalized {
        output: Tensor::from_dispatch(output),
        mean: Tensor::from_dispatch(mean),
        variance: Tensor::from_dispatch(variance),
    }
}

/// As [`normalize`], with a mean and a variance that are given, all [features], and without gradients.
///
/// # Panics
/// On a backend other than flex.
pub fn normalize_with(
    x: Tensor<2>,
    [gamma, beta]: [Tensor<1>; 2],
    [mean, variance]: [Tensor<1>; 2],
    epsilon: f64,
    relu: bool,
) -> Tensor<2> {
    Tensor::from_dispatch(<Dispatch as FusedBatchNorm>::batch_norm_inference(
        x.into_dispatch(),
        gamma.into_dispatch(),
        beta.into_dispatch(),
        mean.into_dispatch(),
        variance.into_dispatch(),
        epsilon,
        relu,
    ))
}

type Three<B> = (FloatTensor<B>, FloatTensor<B>, FloatTensor<B>);

/// The operations on primitives of a backend.
#[backend_extension(Flex, Autodiff)]
pub trait FusedBatchNorm: Backend {
    /// Output, mean and variance.
    fn batch_norm_forward(
        x: FloatTensor<Self>,
        gamma: FloatTensor<Self>,
        beta: FloatTensor<Self>,
        epsilon: f64,
        relu: bool,
    ) -> (FloatTensor<Self>, FloatTensor<Self>, FloatTensor<Self>);

    /// The output alone.
    fn batch_norm_inference(
        x: FloatTensor<Self>,
        gamma: FloatTensor<Self>,
        beta: FloatTensor<Self>,
        mean: FloatTensor<Self>,
        variance: FloatTensor<Self>,
        epsilon: f64,
        relu: bool,
    ) -> FloatTensor<Self>;

    /// Gradients of x (an empty tensor unless asked for), gamma and beta.
    fn batch_norm_backward(
        x: FloatTensor<Self>,
        gamma: FloatTensor<Self>,
        mean: FloatTensor<Self>,
        variance: FloatTensor<Self>,
        output: FloatTensor<Self>,
        gradient: FloatTensor<Self>,
        epsilon: f64,
        relu: bool,
        wants_x: bool,
    ) -> (FloatTensor<Self>, FloatTensor<Self>, FloatTensor<Self>);
}

impl FusedBatchNorm for Flex {
    fn batch_norm_forward(
        x: FlexTensor,
        gamma: FlexTensor,
        beta: FlexTensor,
        epsilon: f64,
        relu: bool,
    ) -> Three<Self> {
        let (x, gamma, beta) = (x.to_contiguous(), gamma.to_contiguous(), beta.to_contiguous());
        let [batch, features] = [x.shape()[0], x.shape()[1]];
        let [mean, variance] = rows::statistics(slice(&x), features);
        let scale = scales(slice(&gamma), &inverse_deviations(&variance, epsilon));
        let output = rows::normalize(slice(&x), [&mean, &scale, slice(&beta)], relu);
        (
            tensor(output, &[batch, features]),
            tensor(mean, &[features]),
            tensor(variance, &[features]),
        )
    }

    fn batch_norm_inference(
        x: FlexTensor,
        gamma: FlexTensor,
        beta: FlexTensor,
        mean: FlexTensor,
        variance: FlexTensor,
        epsilon: f64,
        relu: bool,
    ) -> FlexTensor {
        let [x, gamma, beta, mean, variance] =
            [x, gamma, beta, mean, variance].map(|tensor| tensor.to_contiguous());
        let scale = scales(slice(&gamma), &inverse_deviations(slice(&variance), epsilon));
        let output = rows::normalize(slice(&x), [slice(&mean), &scale, slice(&beta)], relu);
        tensor(output, &x.shape())
    }

    fn batch_norm_backward(
        x: FlexTensor,
        gamma: FlexTensor,
        mean: FlexTensor,
        variance: FlexTensor,
        output: FlexTensor,
        gradient: FlexTensor,
        epsilon: f64,
        relu: bool,
        wants_x: bool,
    ) -> Three<Self> {
        let (x, gamma) = (x.to_contiguous(), gamma.to_contiguous());
        let [batch, features] = [x.shape()[0], x.shape()[1]];
        let mut gradient = whole(gradient);
        if relu {
            let output = output.to_contiguous();
            rows::relu_gradient(slice(&output), gradient.storage_mut(), features);
        }
        let (x_values, gradient) = (slice(&x), slice(&gradient));
        let inverse = inverse_deviations(slice(&variance), epsilon);
        let [gamma_gradient, beta_gradient] =
            rows::parameter_gradients(x_values, gradient, slice(&mean), &inverse);
        let x_gradient = if wants_x {
            let share = 1.0 / batch as f32;
            let scale = scales(slice(&gamma), &inverse);
            let a: Vec<f32> = beta_gradient.iter().map(|sum| sum * share).collect();
            let b: Vec<f32> = gamma_gradient.iter().map(|sum| sum * share).collect();
            let per_feature = [slice(&mean), &inverse[..], &scale[..], &a[..], &b[..]];
            tensor(rows::input_gradient(x_values, gradient, per_feature), &[batch, features])
        } else {
            nothing()
        };
        (x_gradient, tensor(gamma_gradient, &[features]), tensor(beta_gradient, &[features]))
    }
}

/// 1 / √(variance + ε), in the precision that the loops work in.
pub(super) fn inverse_deviations(variance: &[f32], epsilon: f64) -> Vec<f32> {
    variance.iter().map(|variance| 1.0 / (variance + epsilon as f32).sqrt()).collect()
}

/// γ / σ
pub(super) fn scales(gamma: &[f32], inverse_deviations: &[f32]) -> Vec<f32> {
    gamma.iter().zip(inverse_deviations).map(|(gamma, inverse)| gamma * inverse).collect()
}

impl<B: Backend + FusedBatchNorm, C: CheckpointStrategy> FusedBatchNorm for Autodiff<B, C> {
    fn batch_norm_forward(
        x: FloatTensor<Self>,
        gamma: FloatTensor<Self>,
        beta: FloatTensor<Self>,
        epsilon: f64,
        relu: bool,
    ) -> Three<Self> {
        let primitives =
            (x.primitive().clone(), gamma.primitive().clone(), beta.primitive().clone());
        let (output, mean, variance) = B::batch_norm_forward(
            primitives.0.clone(),
            primitives.1.clone(),
            primitives.2,
            epsilon,
            relu,
        );
        let prepared =
            BackwardPass.prepare::<C>([x.node(), gamma.node(), beta.node()]).compute_bound();
        let output = match prepared.stateful() {
            OpsKind::Tracked(prepared) => {
                let batch = (primitives.0, mean.clone(), variance.clone());
                let kept = relu.then(|| output.clone());
                prepared.finish((batch, primitives.1, kept, epsilon), output)
            }
            OpsKind::UnTracked(prepared) => prepared.finish(output),
        };
        let untracked = <Self as AutodiffBackend>::from_inner;
        (output, untracked(mean), untracked(variance))
    }

    fn batch_norm_inference(
        _: FloatTensor<Self>,
        _: FloatTensor<Self>,
        _: FloatTensor<Self>,
        _: FloatTensor<Self>,
        _: FloatTensor<Self>,
        _: f64,
        _: bool,
    ) -> FloatTensor<Self> {
        unreachable!("no inference on a device with gradients")
    }

    fn batch_norm_backward(
        _: FloatTensor<Self>,
        _: FloatTensor<Self>,
        _: FloatTensor<Self>,
        _: FloatTensor<Self>,
        _: FloatTensor<Self>,
        _: FloatTensor<Self>,
        _: f64,
        _: bool,
        _: bool,
    ) -> Three<Self> {
        unreachable!("gradients of gradients are never taken")
    }
}

#[derive(Debug)]
struct BackwardPass;

impl<B: Backend + FusedBatchNorm> Backward<B, 3> for BackwardPass {
    /// x, its mean and variance; gamma; output if it went through relu; ε
    type State = (Three<B>, FloatTensor<B>, Option<FloatTensor<B>>, f64);

    fn backward(self, ops: Ops<Self::State, 3>, grads: &mut Gradients, _: &mut Checkpointer) {
        let [x_node, gamma_node, beta_node] = ops.parents;
        let gradient = grads.consume::<B>(&ops.node);
        let ((x, mean, variance), gamma, output, epsilon) = ops.state;
        let relu = output.is_some();
        let output = output.unwrap_or_else(|| x.clone());
        // A batch of data has no gradient, and to work it out is a third of the cost.
        let wants_x = x_node.is_some();
        let (x_gradient, gamma_gradient, beta_gradient) = B::batch_norm_backward(
            x, gamma, mean, variance, output, gradient, epsilon, relu, wants_x,
        );
        for (node, gradient) in
            [(x_node, x_gradient), (gamma_node, gamma_gradient), (beta_node, beta_gradient)]
        {
            if let Some(node) = node {
                grads.register::<B>(node.id, gradient);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use burn::tensor::{Device, TensorData, activation::relu};

    /// Output, mean, variance and the gradients of x, gamma and beta for a loss that weighs each
    /// output differently.
    fn run(fused: bool, batch: usize, with_relu: bool) -> Vec<Vec<f32>> {
        let device = Device::flex().autodiff();
        let features = 37;
        let noise = |n: usize, seed: u32| -> Vec<f32> {
            use crate::rng::{Purpose, Stream};
            let mut stream = Stream::new(1, Purpose::InitialWeights, seed, 0);
            (0..n).map(|_| stream.next_f32() * 4.0 - 1.0).collect()
        };
        let matrix = |seed| {
            Tensor::<2>::from_data(
                TensorData::new(noise(batch * features, seed), [batch, features]),
                &device,
            )
        };
        let vector = |seed| {
            Tensor::<1>::from_data(TensorData::new(noise(features, seed), [features]), &device)
        };
        let x = matrix(1).require_grad();
        let (gamma, beta) = (vector(2).require_grad(), vector(3).require_grad());
        let result = if fused {
            normalize(x.clone(), [gamma.clone(), beta.clone()], 1e-3, with_relu)
        } else {
            let r = burn::tensor::module::batch_norm_train(
                x.clone(),
                gamma.clone(),
                beta.clone(),
                1e-3,
            );
            let output = if with_relu { relu(r.output) } else { r.output };
            Normalized { output, mean: r.mean, variance: r.variance }
        };
        let gradients = (result.output.clone() * matrix(4)).sum().backward();
        fn numbers<const D: usize>(tensor: Tensor<D>) -> Vec<f32> {
            tensor.into_data().try_into_vec().unwrap()
        }
        vec![
            numbers(result.output.inner()),
            numbers(result.mean.inner()),
            numbers(result.variance.inner()),
            numbers(x.grad(&gradients).unwrap()),
            numbers(gamma.grad(&gradients).unwrap()),
            numbers(beta.grad(&gradients).unwrap()),
        ]
    }

    #[test]
    fn with_given_statistics_it_is_the_formula_and_nan_stays_nan() {
        let device = Device::flex();
        let vector = |values: [f32; 2]| Tensor::<1>::from_data(values, &device);
        let x = Tensor::<2>::from_data([[1.0_f32, -2.0], [f32::NAN, 5.0]], &device);
        let parameters = || [vector([2.0, 3.0]), vector([0.5, -1.0])];
        let statistics = || [vector([3.0, 1.0]), vector([3.75, 8.75])];
        let run = |relu| {
            let output = normalize_with(x.clone(), parameters(), statistics(), 0.25, relu);
            output.into_data().try_into_vec::<f32>().unwrap()
        };
        // 2 · (1 − 3) / 2 + 0.5, 3 · (−2 − 1) / 3 − 1, …
        let expected = [-1.5, -4.0, f32::NAN, 3.0];
        for (given, expected) in run(false).iter().zip(expected) {
            assert!((given - expected).abs() < 1e-6 || given.is_nan() && expected.is_nan());
        }
        assert!(run(true)[..2] == [0.0, 0.0] && run(true)[2].is_nan());
    }

    #[test]
    fn it_agrees_with_burns_own_in_every_output_and_gradient() {
        // The larger batch is one that goes in parts.
        for (batch, with_relu) in [(7, false), (7, true), (1800, true)] {
            let [fused, plain] = [true, false].map(|fused| run(fused, batch, with_relu));
            for (fused, plain) in fused.iter().zip(&plain) {
                assert_eq!(fused.len(), plain.len());
                let scale = plain.iter().fold(1.0_f32, |most, x| most.max(x.abs()));
                for (a, b) in fused.iter().zip(plain) {
                    assert!((a - b).abs() < 2e-5 * scale, "{a} and {b}: {batch} {with_relu}");
                }
            }
        }
    }
}
