//! Softmax and cross-entropy against class numbers as one forward and one backward operation.
//!
//! burn's own are some fifteen operations on a matrix of a few hundred numbers, each with a node of
//! its own in the graph: their administration takes longer than their arithmetic.

#![allow(
    missing_docs,
    reason = "what `#[backend_extension]` generates has no documentation of its own"
)]

use burn::backend::autodiff::checkpoint::{base::Checkpointer, strategy::CheckpointStrategy};
use burn::backend::autodiff::grads::Gradients;
use burn::backend::autodiff::ops::{Backward, Ops, OpsKind};
use burn::backend::backend_extension;
use burn::backend::tensor::{FloatTensor, IntTensor};
use burn::backend::{Autodiff, AutodiffBackend, Backend, Dispatch, Flex, TensorMetadata};
use burn::tensor::{Int, Tensor};
use burn_flex::FlexTensor;

use super::buffers::{slice, tensor};

/// The mean over the batch of −Σ t log softmax(z), from scores z [batch, classes] and class numbers
/// [batch]: [1]. The target t is 1 − s at the row's own class, and s / classes more at each, where s
/// is the smoothing (Szegedy et al. 2016, section 7).
///
/// # Panics
/// On a backend other than flex.
pub fn cross_entropy(logits: Tensor<2>, labels: Tensor<1, Int>, smoothing: f32) -> Tensor<1> {
    let (loss, _) = <Dispatch as FusedCrossEntropy>::cross_entropy_forward(
        logits.into_dispatch(),
        labels.into_dispatch(),
        smoothing,
    );
    Tensor::from_dispatch(loss)
}

type Two<B> = (FloatTensor<B>, FloatTensor<B>);

/// The two operations on primitives of a backend.
#[backend_extension(Flex, Autodiff)]
pub trait FusedCrossEntropy: Backend {
    /// The loss, and the gradient that the logits have where the loss has 1.
    fn cross_entropy_forward(
        logits: FloatTensor<Self>,
        labels: IntTensor<Self>,
        smoothing: f32,
    ) -> (FloatTensor<Self>, FloatTensor<Self>);

    /// The gradient of the logits where the loss has the given one.
    fn cross_entropy_backward(
        unit_gradient: FloatTensor<Self>,
        gradient: FloatTensor<Self>,
    ) -> FloatTensor<Self>;
}

impl FusedCrossEntropy for Flex {
    fn cross_entropy_forward(
        logits: FlexTensor,
        labels: FlexTensor,
        smoothing: f32,
    ) -> (FlexTensor, FlexTensor) {
        let logits = logits.to_contiguous();
        let [batch, classes] = [logits.shape()[0], logits.shape()[1]];
        let labels = labels.into_data();
        let labels = labels.iter::<i64>().map(|label| label as usize);
        let mut gradient = vec![0.0; batch * classes];
        let logits = slice(&logits);
        let loss = loss_and_gradient(logits, classes, labels, smoothing, &mut gradient);
        (tensor(vec![loss], &[1]), tensor(gradient, &[batch, classes]))
    }

    fn cross_entropy_backward(unit_gradient: FlexTensor, gradient: FlexTensor) -> FlexTensor {
        let factor = slice(&gradient.to_contiguous())[0];
        if factor == 1.0 {
            return unit_gradient;
        }
        let scaled = slice(&unit_gradient).iter().map(|unit| unit * factor).collect();
        tensor(scaled, &[unit_gradient.shape()[0], unit_gradient.shape()[1]])
    }
}

/// The loss as [`cross_entropy`] has it, and the gradient of the logits where the loss has 1; both
/// matrices are [batch, classes].
pub fn loss_and_gradient(
    logits: &[f32],
    classes: usize,
    labels: impl Iterator<Item = usize>,
    smoothing: f32,
    gradient: &mut [f32],
) -> f32 {
    assert_eq!(logits.len(), gradient.len());
    let share = 1.0 / (logits.len() / classes) as f32;
    let everywhere = smoothing / classes as f32;
    let mut total = 0.0;
    let rows = logits.chunks_exact(classes).zip(gradient.chunks_exact_mut(classes));
    for ((logits, gradient), label) in rows.zip(labels) {
        let highest = logits.iter().copied().fold(f32::NEG_INFINITY, f32::max);
        let mut sum = 0.0;
        for (weight, logit) in gradient.iter_mut().zip(logits) {
            *weight = (logit - highest).exp();
            sum += *weight;
        }
        // −log softmax(z) = log Σ exp(z − highest) − (z − highest)
        let surprise = |logit: f32| sum.ln() - (logit - highest);
        total += (1.0 - smoothing) * surprise(logits[label]);
        if smoothing > 0.0 {
            total += everywhere * logits.iter().map(|logit| surprise(*logit)).sum::<f32>();
        }
        for weight in gradient.iter_mut() {
            *weight = (*weight / sum - everywhere) * share;
        }
        gradient[label] -= (1.0 - smoothing) * share;
    }
    total * share
}

impl<B: Backend + FusedCrossEntropy, C: CheckpointStrategy> FusedCrossEntropy for Autodiff<B, C> {
    fn cross_entropy_forward(
        logits: FloatTensor<Self>,
        labels: IntTensor<Self>,
        smoothing: f32,
    ) -> Two<Self> {
        let (loss, unit_gradient) =
            B::cross_entropy_forward(logits.primitive().clone(), labels, smoothing);
        let prepared = BackwardPass.prepare::<C>([logits.node()]).compute_bound();
        let loss = match prepared.stateful() {
            OpsKind::Tracked(prepared) => prepared.finish(unit_gradient.clone(), loss),
            OpsKind::UnTracked(prepared) => prepared.finish(loss),
        };
        (loss, <Self as AutodiffBackend>::from_inner(unit_gradient))
    }

    fn cross_entropy_backward(_: FloatTensor<Self>, _: FloatTensor<Self>) -> FloatTensor<Self> {
        unreachable!("gradients of gradients are never taken")
    }
}

#[derive(Debug)]
struct BackwardPass;

impl<B: Backend + FusedCrossEntropy> Backward<B, 1> for BackwardPass {
    /// The gradient of the logits where the loss has 1.
    type State = FloatTensor<B>;

    fn backward(self, ops: Ops<Self::State, 1>, grads: &mut Gradients, _: &mut Checkpointer) {
        let [node] = ops.parents;
        let gradient = grads.consume::<B>(&ops.node);
        if let Some(node) = node {
            grads.register::<B>(node.id, B::cross_entropy_backward(ops.state, gradient));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use burn::nn::loss::CrossEntropyLossConfig;
    use burn::tensor::Device;

    /// The loss, and the gradient of the logits for three times the loss.
    fn run(fused: bool, logits: &[[f32; 4]], labels: &[i32], smoothing: f32) -> Vec<f32> {
        let device = Device::flex().autodiff();
        let rows: Vec<f32> = logits.iter().flatten().copied().collect();
        let logits = burn::tensor::TensorData::new(rows, [logits.len(), 4]);
        let logits = Tensor::<2>::from_data(logits, &device).require_grad();
        let labels = Tensor::<1, Int>::from_data(labels, &device);
        let loss = if fused {
            cross_entropy(logits.clone(), labels, smoothing)
        } else {
            let smoothing = (smoothing > 0.0).then_some(smoothing);
            let burns = CrossEntropyLossConfig::new().with_smoothing(smoothing).init(&device);
            burns.forward(logits.clone(), labels)
        };
        let gradients = (loss.clone() * 3.0).backward();
        let mut numbers: Vec<f32> = loss.inner().into_data().try_into_vec().unwrap();
        let gradient = logits.grad(&gradients).unwrap().into_data();
        numbers.extend(gradient.try_into_vec::<f32>().unwrap());
        numbers
    }

    #[test]
    fn it_agrees_with_burns_own_in_loss_and_gradient() {
        let logits =
            [[0.5, -1.0, 2.0, 0.0], [30.0, -40.0, 29.0, 1e-3], [1e4, 0.0, -1e4, 3.0], [0.0; 4]];
        for smoothing in [0.0, 0.1, 1.0] {
            for labels in [[0, 1, 2, 3], [2, 0, 0, 1]] {
                let fused = run(true, &logits, &labels, smoothing);
                let plain = run(false, &logits, &labels, smoothing);
                assert_eq!(fused.len(), plain.len());
                for (a, b) in fused.iter().zip(&plain) {
                    assert!((a - b).abs() <= 1e-6 * b.abs().max(1.0), "{fused:?}\n{plain:?}");
                }
            }
        }
    }

    #[test]
    fn scores_that_are_no_numbers_make_a_loss_that_is_none() {
        for bad in [f32::NAN, f32::INFINITY] {
            let logits = [[0.0, bad, 1.0, 2.0], [0.0; 4]];
            assert!(run(true, &logits, &[0, 1], 0.0)[0].is_nan(), "{bad}");
        }
        assert_eq!(run(true, &[[0.0, f32::NEG_INFINITY, 1.0, 2.0]], &[1], 0.0)[0], f32::INFINITY);
    }
}
