//! A dense layer with its bias and relu as one operation forward and one backward, alone or behind
//! a batch normalization of what comes into the network.

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

use super::batch_norm::{Normalized, inverse_deviations, scales};
use super::blocks::{add_up, columns_of_blocks, join, split};
use super::buffers::{before_relu, nothing, slice, tensor, with_scratch};
use super::product::{Block, Finish, Left, product, product_by_rows, transposed};
use super::unfold::{Aim, unfold};
use super::{loops, rows, simd};

/// Whether the operations of this module are faster than burn's on this processor.
pub fn available() -> bool {
    simd::available()
}

/// `x · weight + bias`, then max(·, 0) with `relu`: [batch, inputs] → [batch, units].
///
/// # Panics
/// On a backend other than flex.
pub fn dense(x: Tensor<2>, weight: Tensor<2>, bias: Option<Tensor<1>>, relu: bool) -> Tensor<2> {
    let bias = bias_or_none(bias, &x);
    Tensor::from_dispatch(<Dispatch as FusedDense>::dense_forward(
        x.into_dispatch(),
        weight.into_dispatch(),
        bias.into_dispatch(),
        relu,
    ))
}

/// As [`dense`] on what [`super::batch_norm::normalize`] makes of an x that wants no gradient. That
/// spares the backward pass the product that would give the gradient of the normalized x: gamma's
/// and beta's follow from the sums that make the gradient of the weight.
///
/// # Panics
/// On a backend other than flex.
pub fn normalized_dense(
    x: Tensor<2>,
    [gamma, beta]: [Tensor<1>; 2],
    epsilon: f64,
    weight: Tensor<2>,
    bias: Option<Tensor<1>>,
    relu: bool,
) -> Normalized {
    let bias = bias_or_none(bias, &x);
    let (output, mean, variance) = <Dispatch as FusedDense>::normalized_dense_forward(
        x.into_dispatch(),
        gamma.into_dispatch(),
        beta.into_dispatch(),
        weight.into_dispatch(),
        bias.into_dispatch(),
        epsilon,
        relu,
    );
    Normalized {
        output: Tensor::from_dispatch(output),
        mean: Tensor::from_dispatch(mean),
        variance: Tensor::from_dispatch(variance),
    }
}

/// Operations take no `Option`: no numbers stand for no bias.
fn bias_or_none(bias: Option<Tensor<1>>, x: &Tensor<2>) -> Tensor<1> {
    bias.unwrap_or_else(|| Tensor::empty([0], &x.device()))
}

type Three<B> = (FloatTensor<B>, FloatTensor<B>, FloatTensor<B>);
type Four<B> = (FloatTensor<B>, FloatTensor<B>, FloatTensor<B>, FloatTensor<B>);

/// The operations on primitives of a backend. A bias of no numbers is none; gradients that are not
/// asked for are empty.
#[backend_extension(Flex, Autodiff)]
pub trait FusedDense: Backend {
    fn dense_forward(
        x: FloatTensor<Self>,
        weight: FloatTensor<Self>,
        bias: FloatTensor<Self>,
        relu: bool,
    ) -> FloatTensor<Self>;

    /// Gradients of x, weight and bias.
    fn dense_backward(
        x: FloatTensor<Self>,
        weight: FloatTensor<Self>,
        output: FloatTensor<Self>,
        gradient: FloatTensor<Self>,
        relu: bool,
        wants_x: bool,
        wants_weight: bool,
    ) -> (FloatTensor<Self>, FloatTensor<Self>, FloatTensor<Self>);

    /// Output, mean and variance.
    fn normalized_dense_forward(
        x: FloatTensor<Self>,
        gamma: FloatTensor<Self>,
        beta: FloatTensor<Self>,
        weight: FloatTensor<Self>,
        bias: FloatTensor<Self>,
        epsilon: f64,
        relu: bool,
    ) -> (FloatTensor<Self>, FloatTensor<Self>, FloatTensor<Self>);

    /// Gradients of gamma, beta, weight and bias.
    fn normalized_dense_backward(
        x: FloatTensor<Self>,
        mean: FloatTensor<Self>,
        variance: FloatTensor<Self>,
        gamma: FloatTensor<Self>,
        beta: FloatTensor<Self>,
        weight: FloatTensor<Self>,
        output: FloatTensor<Self>,
        gradient: FloatTensor<Self>,
        epsilon: f64,
        relu: bool,
    ) -> (FloatTensor<Self>, FloatTensor<Self>, FloatTensor<Self>, FloatTensor<Self>);
}

impl FusedDense for Flex {
    fn dense_forward(
        x: FlexTensor,
        weight: FlexTensor,
        bias: FlexTensor,
        relu: bool,
    ) -> FlexTensor {
        let (x, weight, bias) = (x.to_contiguous(), weight.to_contiguous(), bias.to_contiguous());
        forward(slice(&x), &weight, &bias, relu)
    }

    fn dense_backward(
        x: FlexTensor,
        weight: FlexTensor,
        output: FlexTensor,
        gradient: FlexTensor,
        relu: bool,
        wants_x: bool,
        wants_weight: bool,
    ) -> Three<Self> {
        let (x, weight) = (x.to_contiguous(), weight.to_contiguous());
        let [inputs, units] = [weight.shape()[0], weight.shape()[1]];
        let (gradient, bias_gradient) = before_relu(&output, gradient, relu);
        let (batch, gradient) = (gradient.shape()[0], slice(&gradient));
        let weight_gradient = if wants_weight {
            let shape = [inputs, units, batch];
            let sums = product(slice(&x), Left::Transposed, gradient, shape, Finish::default());
            tensor(sums, &[inputs, units])
        } else {
            nothing()
        };
        let x_gradient = if wants_x {
            // gradient · weightᵀ, by way of its transpose: the batch is smaller than the weight.
            let gradient = transposed(gradient, batch, units);
            let shape = [inputs, batch, units];
            let turned = product(slice(&weight), Left::AsIs, &gradient, shape, Finish::default());
            tensor(transposed(&turned, inputs, batch), &[batch, inputs])
        } else {
            nothing()
        };
        (x_gradient, weight_gradient, tensor(bias_gradient, &[units]))
    }

    fn normalized_dense_forward(
        x: FlexTensor,
        gamma: FlexTensor,
        beta: FlexTensor,
        weight: FlexTensor,
        bias: FlexTensor,
        epsilon: f64,
        relu: bool,
    ) -> Three<Self> {
        let (x, gamma, beta) = (x.to_contiguous(), gamma.to_contiguous(), beta.to_contiguous());
        let (weight, bias) = (weight.to_contiguous(), bias.to_contiguous());
        let [batch, features] = [x.shape()[0], x.shape()[1]];
        let [mean, variance] = rows::statistics(slice(&x), features);
        let scale = scales(slice(&gamma), &inverse_deviations(&variance, epsilon));
        let output = with_scratch(batch * features, |scaled| {
            let (x, beta) = (slice(&x), slice(&beta));
            loops::normalize(x, &mean, &scale, beta, false, scaled);
            forward(scaled, &weight, &bias, relu)
        });
        (output, tensor(mean, &[features]), tensor(variance, &[features]))
    }

    fn normalized_dense_backward(
        x: FlexTensor,
        mean: FlexTensor,
        variance: FlexTensor,
        gamma: FlexTensor,
        beta: FlexTensor,
        weight: FlexTensor,
        output: FlexTensor,
        gradient: FlexTensor,
        epsilon: f64,
        relu: bool,
    ) -> Four<Self> {
        let (x, gamma, beta) = (x.to_contiguous(), gamma.to_contiguous(), beta.to_contiguous());
        let weight = weight.to_contiguous();
        let [inputs, units] = [weight.shape()[0], weight.shape()[1]];
        let (gradient, bias_gradient) = before_relu(&output, gradient, relu);
        let shape = [inputs, units, gradient.shape()[0]];
        // With x̂ the normalized x, g the gradient and P = x̂ᵀ g: the weight's gradient is
        // (γ x̂ + β)ᵀ g = γ P + β Σg, and those of γ and β are sums of P · w and of Σg · w.
        let (gamma, beta, weight) = (slice(&gamma), slice(&beta), slice(&weight));
        let (x, inverse) = (slice(&x), inverse_deviations(slice(&variance), epsilon));
        // To work x̂ out again takes less time than to keep it: fresh memory has to be cleared by the system.
        let mut normalized = vec![0.0; x.len()];
        loops::standardize(x, slice(&mean), &inverse, &mut normalized);
        // By blocks, as whole steps without a graph go, so that sums have the same order.
        let mut blocks = split(weight, inputs, units);
        let mut sums: Vec<[Vec<f32>; 2]> =
            blocks.iter().map(|_| [vec![0.0; inputs], vec![0.0; inputs]]).collect();
        let list = blocks.iter_mut().zip(&mut sums).map(|((weight, columns), sums)| {
            let [of_gamma, of_beta] = sums.each_mut().map(|sums| (&mut sums[..], 1));
            let weight = (&mut weight[..], columns.len());
            Block { columns: columns.clone(), beside: [weight, of_gamma, of_beta] }
        });
        let cuts = columns_of_blocks(units);
        let gradient = slice(&gradient);
        product_by_rows(&normalized, gradient, shape, list.collect(), |place, products, beside| {
            let [block, first] = place;
            let [weight, of_gamma, of_beta] = beside;
            let rows = first..first + of_gamma.len();
            let total = &bias_gradient[cuts[block].clone()];
            let aim = Aim::Gradient { products: &mut *products, weight: &*weight };
            unfold([&gamma[rows.clone()], &beta[rows], total], aim, [of_gamma, of_beta]);
            weight.copy_from_slice(products);
        });
        let [of_gamma, of_beta] = add_up(sums);
        (
            tensor(of_gamma, &[inputs]),
            tensor(of_beta, &[inputs]),
            tensor(join(&blocks, inputs, units), &[inputs, units]),
            tensor(bias_gradient, &[units]),
        )
    }
}

fn forward(x: &[f32], weight: &FlexTensor, bias: &FlexTensor, relu: bool) -> FlexTensor {
    let [inputs, units] = [weight.shape()[0], weight.shape()[1]];
    let batch = x.len() / inputs;
    let bias = (bias.shape()[0] == units).then(|| slice(bias));
    let finish = Finish { bias, relu };
    let output = product(x, Left::AsIs, slice(weight), [batch, units, inputs], finish);
    tensor(output, &[batch, units])
}

impl<B: Backend + FusedDense, C: CheckpointStrategy> FusedDense for Autodiff<B, C> {
    fn dense_forward(
        x: FloatTensor<Self>,
        weight: FloatTensor<Self>,
        bias: FloatTensor<Self>,
        relu: bool,
    ) -> FloatTensor<Self> {
        let inputs = (x.primitive().clone(), weight.primitive().clone());
        let output =
            B::dense_forward(inputs.0.clone(), inputs.1.clone(), bias.primitive().clone(), relu);
        let prepared =
            DensePass.prepare::<C>([x.node(), weight.node(), bias.node()]).compute_bound();
        match prepared.stateful() {
            OpsKind::Tracked(prepared) => {
                let kept = relu.then(|| output.clone());
                prepared.finish((inputs.0, inputs.1, kept), output)
            }
            OpsKind::UnTracked(prepared) => prepared.finish(output),
        }
    }

    fn dense_backward(
        _: FloatTensor<Self>,
        _: FloatTensor<Self>,
        _: FloatTensor<Self>,
        _: FloatTensor<Self>,
        _: bool,
        _: bool,
        _: bool,
    ) -> Three<Self> {
        unreachable!("gradients of gradients are never taken")
    }

    fn normalized_dense_forward(
        x: FloatTensor<Self>,
        gamma: FloatTensor<Self>,
        beta: FloatTensor<Self>,
        weight: FloatTensor<Self>,
        bias: FloatTensor<Self>,
        epsilon: f64,
        relu: bool,
    ) -> Three<Self> {
        let x = x.primitive().clone();
        let parameters =
            (gamma.primitive().clone(), beta.primitive().clone(), weight.primitive().clone());
        let (output, mean, variance) = B::normalized_dense_forward(
            x.clone(),
            parameters.0.clone(),
            parameters.1.clone(),
            parameters.2.clone(),
            bias.primitive().clone(),
            epsilon,
            relu,
        );
        let nodes = [gamma.node(), beta.node(), weight.node(), bias.node()];
        let prepared = NormalizedDensePass.prepare::<C>(nodes).compute_bound();
        let output = match prepared.stateful() {
            OpsKind::Tracked(prepared) => {
                let batch = (x, mean.clone(), variance.clone());
                let kept = relu.then(|| output.clone());
                prepared.finish((batch, parameters, kept, epsilon), output)
            }
            OpsKind::UnTracked(prepared) => prepared.finish(output),
        };
        let untracked = <Self as AutodiffBackend>::from_inner;
        (output, untracked(mean), untracked(variance))
    }

    fn normalized_dense_backward(
        _: FloatTensor<Self>,
        _: FloatTensor<Self>,
        _: FloatTensor<Self>,
        _: FloatTensor<Self>,
        _: FloatTensor<Self>,
        _: FloatTensor<Self>,
        _: FloatTensor<Self>,
        _: FloatTensor<Self>,
        _: f64,
        _: bool,
    ) -> Four<Self> {
        unreachable!("gradients of gradients are never taken")
    }
}

#[derive(Debug)]
struct DensePass;

impl<B: Backend + FusedDense> Backward<B, 3> for DensePass {
    /// x, weight, output if it went through relu
    type State = (FloatTensor<B>, FloatTensor<B>, Option<FloatTensor<B>>);

    fn backward(self, ops: Ops<Self::State, 3>, grads: &mut Gradients, _: &mut Checkpointer) {
        let nodes = ops.parents;
        let gradient = grads.consume::<B>(&ops.node);
        let (x, weight, output) = ops.state;
        let relu = output.is_some();
        let output = output.unwrap_or_else(|| x.clone());
        let (wants_x, wants_weight) = (nodes[0].is_some(), nodes[1].is_some());
        let (of_x, of_weight, of_bias) =
            B::dense_backward(x, weight, output, gradient, relu, wants_x, wants_weight);
        for (node, gradient) in nodes.into_iter().zip([of_x, of_weight, of_bias]) {
            if let Some(node) = node {
                grads.register::<B>(node.id, gradient);
            }
        }
    }
}

#[derive(Debug)]
struct NormalizedDensePass;

impl<B: Backend + FusedDense> Backward<B, 4> for NormalizedDensePass {
    /// x, its mean and variance; gamma, beta and weight; output if it went through relu; ε
    type State = (Three<B>, Three<B>, Option<FloatTensor<B>>, f64);

    fn backward(self, ops: Ops<Self::State, 4>, grads: &mut Gradients, _: &mut Checkpointer) {
        let gradient = grads.consume::<B>(&ops.node);
        let ((x, mean, variance), (gamma, beta, weight), output, epsilon) = ops.state;
        let relu = output.is_some();
        let output = output.unwrap_or_else(|| x.clone());
        let (of_gamma, of_beta, of_weight, of_bias) = B::normalized_dense_backward(
            x, mean, variance, gamma, beta, weight, output, gradient, epsilon, relu,
        );
        let gradients = [of_gamma, of_beta, of_weight, of_bias];
        for (node, gradient) in ops.parents.into_iter().zip(gradients) {
            if let Some(node) = node {
                grads.register::<B>(node.id, gradient);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernels::batch_norm::normalize;
    use burn::tensor::{Device, TensorData, activation::relu};

    fn numbers<const D: usize>(tensor: Tensor<D>) -> Vec<f32> {
        tensor.into_data().try_into_vec().unwrap()
    }

    fn noise(count: usize, seed: u32) -> Vec<f32> {
        use crate::rng::{Purpose, Stream};
        let mut stream = Stream::new(1, Purpose::InitialWeights, seed, 0);
        (0..count).map(|_| stream.next_f32() * 4.0 - 1.5).collect()
    }

    fn matrix(rows: usize, columns: usize, seed: u32, device: &Device) -> Tensor<2> {
        Tensor::from_data(TensorData::new(noise(rows * columns, seed), [rows, columns]), device)
    }

    /// Output, mean and variance where there is a normalization, and all gradients for a loss that
    /// weighs each output differently.
    fn run(fused: bool, normalized: bool, with_bias: bool, with_relu: bool) -> Vec<Vec<f32>> {
        let device = Device::flex().autodiff();
        let (batch, inputs, units) = (7, 37, 21);
        let matrix = |rows, columns, seed| matrix(rows, columns, seed, &device);
        let vector = |size: usize, seed| {
            let data = TensorData::new(noise(size, seed), [size]);
            Tensor::<1>::from_data(data, &device).require_grad()
        };
        let x = matrix(batch, inputs, 1);
        let x = if normalized { x } else { x.require_grad() };
        let weight = matrix(inputs, units, 2).require_grad();
        let bias = with_bias.then(|| vector(units, 3));
        let (gamma, beta) = (vector(inputs, 4), vector(inputs, 5));
        let mut results = Vec::new();
        let plain = |x: Tensor<2>| {
            let y = x.matmul(weight.clone());
            let y = match &bias {
                Some(bias) => y + bias.clone().unsqueeze(),
                None => y,
            };
            if with_relu { relu(y) } else { y }
        };
        let output = if normalized {
            let parameters = [gamma.clone(), beta.clone()];
            let result = if fused {
                let (weight, bias) = (weight.clone(), bias.clone());
                normalized_dense(x.clone(), parameters, 1e-3, weight, bias, with_relu)
            } else {
                let [gamma, beta] = parameters;
                let result = normalize(x.clone(), [gamma, beta], 1e-3, false);
                Normalized { output: plain(result.output), ..result }
            };
            results.extend([numbers(result.mean.inner()), numbers(result.variance.inner())]);
            result.output
        } else if fused {
            dense(x.clone(), weight.clone(), bias.clone(), with_relu)
        } else {
            plain(x.clone())
        };
        results.push(numbers(output.clone().inner()));
        let gradients = (output * matrix(batch, units, 6)).sum().backward();
        results.push(numbers(weight.grad(&gradients).unwrap()));
        results.extend(bias.map(|bias| numbers(bias.grad(&gradients).unwrap())));
        if normalized {
            results.push(numbers(gamma.grad(&gradients).unwrap()));
            results.push(numbers(beta.grad(&gradients).unwrap()));
        } else {
            results.push(numbers(x.grad(&gradients).unwrap()));
        }
        results
    }

    #[test]
    fn it_agrees_with_burns_own_in_every_output_and_gradient() {
        if !available() {
            println!("skipped: dense kernels: the processor lacks the instructions");
            return;
        }
        for case in 0..8 {
            let [normalized, bias, relu] = [1, 2, 4].map(|bit| case & bit != 0);
            let pairs = [true, false].map(|fused| run(fused, normalized, bias, relu));
            assert_eq!(pairs[0].len(), pairs[1].len());
            for (fused, plain) in pairs[0].iter().zip(&pairs[1]) {
                assert_eq!(fused.len(), plain.len());
                for (a, b) in fused.iter().zip(plain) {
                    let close = (a - b).abs() < 5e-5 * b.abs().max(1.0);
                    assert!(close, "{a} and {b}: {normalized} {bias} {relu}");
                }
            }
        }
    }
}
