//! A convolution with its bias and relu as one operation forward and one backward.
//!
//! What the window sees is copied out, some rows of places at a time, and goes through the same
//! matrix products as a dense layer's input while it is in a near cache.

#![allow(unsafe_code, reason = "fresh memory is filled and never cleared")]
#![allow(
    missing_docs,
    reason = "what `#[backend_extension]` generates has no documentation of its own"
)]
#![allow(
    clippy::too_many_arguments,
    reason = "operations of a backend take tensors and numbers alone"
)]

use std::iter::repeat_with;
use std::mem::MaybeUninit;
use std::ops::Range;

use burn::backend::autodiff::checkpoint::{base::Checkpointer, strategy::CheckpointStrategy};
use burn::backend::autodiff::grads::Gradients;
use burn::backend::autodiff::ops::{Backward, Ops, OpsKind};
use burn::backend::backend_extension;
use burn::backend::tensor::FloatTensor;
use burn::backend::{Autodiff, Backend, Dispatch, Flex, TensorMetadata};
use burn::tensor::Tensor;
use burn_flex::FlexTensor;

use super::buffers::{before_relu, fresh, nothing, slice, tensor, with_scratch};
use super::product::{Finish, Left, add_product, product_into, transposed};
use super::windows::{Windows, add_patches, patches};
use super::{pair, simd};

/// Parts of a batch. The gradient of the kernel is the sum of theirs, so that their number belongs to
/// the order of sums.
const PARTS: usize = 8;

/// Numbers that are copied out at a time: what a near cache holds beside the kernel.
const COPIED: usize = 1 << 14;

/// Places at a time, for a kernel that a near cache does not hold.
const LEAST: usize = 32;

/// Whether the operations of this module are faster than burn's on this processor.
pub fn available() -> bool {
    simd::available()
}

/// Slides the kernel [height, width, channels, filters] over images [batch, height, width, channels],
/// adds the bias [filters], then takes max(·, 0) with `relu`: [batch, places down, places across,
/// filters].
///
/// # Panics
/// On a backend other than flex.
pub fn conv2d(
    x: Tensor<4>,
    kernel: Tensor<4>,
    bias: Option<Tensor<1>>,
    windows: Windows,
    relu: bool,
) -> Tensor<4> {
    // Operations take no `Option`: no numbers stand for no bias.
    let bias = bias.unwrap_or_else(|| Tensor::empty([0], &x.device()));
    Tensor::from_dispatch(<Dispatch as FusedConvolution>::conv2d_forward(
        x.into_dispatch(),
        kernel.into_dispatch(),
        bias.into_dispatch(),
        windows,
        relu,
    ))
}

type Three<B> = (FloatTensor<B>, FloatTensor<B>, FloatTensor<B>);

/// The operations on primitives of a backend. A bias of no numbers is none; gradients that are not
/// asked for are empty.
#[backend_extension(Flex, Autodiff)]
pub trait FusedConvolution: Backend {
    fn conv2d_forward(
        x: FloatTensor<Self>,
        kernel: FloatTensor<Self>,
        bias: FloatTensor<Self>,
        windows: Windows,
        relu: bool,
    ) -> FloatTensor<Self>;

    /// Gradients of x, kernel and bias.
    fn conv2d_backward(
        x: FloatTensor<Self>,
        kernel: FloatTensor<Self>,
        output: FloatTensor<Self>,
        gradient: FloatTensor<Self>,
        windows: Windows,
        relu: bool,
        wants_x: bool,
        wants_kernel: bool,
    ) -> (FloatTensor<Self>, FloatTensor<Self>, FloatTensor<Self>);
}

impl FusedConvolution for Flex {
    fn conv2d_forward(
        x: FlexTensor,
        kernel: FlexTensor,
        bias: FlexTensor,
        windows: Windows,
        relu: bool,
    ) -> FlexTensor {
        let (x, kernel, bias) = (x.to_contiguous(), kernel.to_contiguous(), bias.to_contiguous());
        let (batch, filters) = (x.shape()[0], kernel.shape()[3]);
        let bias = (bias.shape()[0] == filters).then(|| slice(&bias));
        let finish = Finish { bias, relu };
        let (of_image, of_output) = (windows.pixels(), windows.stops() * filters);
        assert_eq!(slice(&x).len(), batch * of_image, "images of the size that the windows have");
        let images = batch.div_ceil(PARTS).max(1);
        let inputs = slice(&x).chunks(images * of_image);
        let convolve = |(output, x): (&mut [MaybeUninit<f32>], &[f32])| {
            let images = x.chunks_exact(of_image).zip(output.chunks_exact_mut(of_output));
            for (image, output) in images {
                each_bit(&windows, |rows, places| {
                    with_scratch(places.len() * windows.numbers(), |seen| {
                        patches(&windows, image, rows, seen);
                        let shape = [places.len(), filters, windows.numbers()];
                        let output = &mut output[places.start * filters..places.end * filters];
                        product_into(seen, Left::AsIs, slice(&kernel), shape, finish, output);
                    });
                });
            }
        };
        // SAFETY: each bit of each image is filled.
        let output = unsafe {
            fresh(batch * of_output, |output| {
                pair::each(output.chunks_mut(images * of_output).zip(inputs).collect(), convolve);
            })
        };
        let [down, across] = windows.places;
        tensor(output, &[batch, down, across, filters])
    }

    fn conv2d_backward(
        x: FlexTensor,
        kernel: FlexTensor,
        output: FlexTensor,
        gradient: FlexTensor,
        windows: Windows,
        relu: bool,
        wants_x: bool,
        wants_kernel: bool,
    ) -> Three<Self> {
        let (x, kernel) = (x.to_contiguous(), kernel.to_contiguous());
        let (batch, filters) = (x.shape()[0], kernel.shape()[3]);
        let (gradient, bias_gradient) = before_relu(&output, gradient, relu);
        let numbers = windows.numbers();
        let (of_image, of_output) = (windows.pixels(), windows.stops() * filters);
        assert_eq!(slice(&x).len(), batch * of_image, "images of the size that the windows have");
        let images = batch.div_ceil(PARTS).max(1);
        let turned = wants_x.then(|| transposed(slice(&kernel), numbers, filters));
        let mut x_gradient = vec![0.0; if wants_x { batch * of_image } else { 0 }];
        let mut kernel_gradients = vec![0.0; batch.div_ceil(images) * numbers * filters];
        let no_gradient = || -> &mut [f32] { &mut [] };
        let parts = slice(&x)
            .chunks(images * of_image)
            .zip(slice(&gradient).chunks(images * of_output))
            .zip(kernel_gradients.chunks_exact_mut(numbers * filters))
            .zip(x_gradient.chunks_mut(images * of_image).chain(repeat_with(no_gradient)))
            .collect();
        pair::each(parts, |(((x, gradient), of_kernel), of_x): (((&[f32], &[f32]), _), _)| {
            let of_x: &mut [f32] = of_x;
            let of_kernel: &mut [f32] = of_kernel;
            let images = x.chunks_exact(of_image).zip(gradient.chunks_exact(of_output));
            let mut of_images = of_x.chunks_exact_mut(of_image);
            for (image, gradient) in images {
                let mut of_image = of_images.next();
                each_bit(&windows, |rows, places| {
                    with_scratch(places.len() * numbers, |seen| {
                        let gradient = &gradient[places.start * filters..places.end * filters];
                        if wants_kernel {
                            patches(&windows, image, rows.clone(), seen);
                            let shape = [numbers, filters, places.len()];
                            add_product(seen, Left::Transposed, gradient, shape, of_kernel);
                        }
                        if let (Some(of_image), Some(turned)) = (&mut of_image, &turned) {
                            let shape = [places.len(), numbers, filters];
                            let only = Finish::default();
                            product_into(gradient, Left::AsIs, turned, shape, only, seen);
                            add_patches(&windows, seen, rows, of_image);
                        }
                    });
                });
            }
        });
        let (sum, others) = kernel_gradients.split_at_mut(numbers * filters);
        for part in others.chunks_exact(numbers * filters) {
            for (sum, value) in sum.iter_mut().zip(part) {
                *sum += value;
            }
        }
        kernel_gradients.truncate(numbers * filters);
        let of_x = if wants_x { tensor(x_gradient, &x.shape()) } else { nothing() };
        let of_kernel =
            if wants_kernel { tensor(kernel_gradients, &kernel.shape()) } else { nothing() };
        (of_x, of_kernel, tensor(bias_gradient, &[filters]))
    }
}

/// Calls `bit` with some rows of places after the other, and with the numbers of these places.
fn each_bit(windows: &Windows, mut bit: impl FnMut(Range<usize>, Range<usize>)) {
    let [down, across] = windows.places;
    let places = (COPIED / windows.numbers()).max(LEAST);
    let rows = (places / across).clamp(1, down);
    for first in (0..down).step_by(rows) {
        let rows = first..(first + rows).min(down);
        bit(rows.clone(), rows.start * across..rows.end * across);
    }
}

impl<B: Backend + FusedConvolution, C: CheckpointStrategy> FusedConvolution for Autodiff<B, C> {
    fn conv2d_forward(
        x: FloatTensor<Self>,
        kernel: FloatTensor<Self>,
        bias: FloatTensor<Self>,
        windows: Windows,
        relu: bool,
    ) -> FloatTensor<Self> {
        let inputs = (x.primitive().clone(), kernel.primitive().clone());
        let bias_primitive = bias.primitive().clone();
        let output =
            B::conv2d_forward(inputs.0.clone(), inputs.1.clone(), bias_primitive, windows, relu);
        let nodes = [x.node(), kernel.node(), bias.node()];
        let prepared = ConvolutionPass.prepare::<C>(nodes).compute_bound();
        match prepared.stateful() {
            OpsKind::Tracked(prepared) => {
                let kept = relu.then(|| output.clone());
                prepared.finish((inputs.0, inputs.1, kept, windows), output)
            }
            OpsKind::UnTracked(prepared) => prepared.finish(output),
        }
    }

    fn conv2d_backward(
        _: FloatTensor<Self>,
        _: FloatTensor<Self>,
        _: FloatTensor<Self>,
        _: FloatTensor<Self>,
        _: Windows,
        _: bool,
        _: bool,
        _: bool,
    ) -> Three<Self> {
        unreachable!("gradients of gradients are never taken")
    }
}

#[derive(Debug)]
struct ConvolutionPass;

impl<B: Backend + FusedConvolution> Backward<B, 3> for ConvolutionPass {
    /// x, kernel, output if it went through relu, the window's way
    type State = (FloatTensor<B>, FloatTensor<B>, Option<FloatTensor<B>>, Windows);

    fn backward(self, ops: Ops<Self::State, 3>, grads: &mut Gradients, _: &mut Checkpointer) {
        let nodes = ops.parents;
        let gradient = grads.consume::<B>(&ops.node);
        let (x, kernel, output, windows) = ops.state;
        let relu = output.is_some();
        let output = output.unwrap_or_else(|| x.clone());
        let (wants_x, wants_kernel) = (nodes[0].is_some(), nodes[1].is_some());
        let (of_x, of_kernel, of_bias) =
            B::conv2d_backward(x, kernel, output, gradient, windows, relu, wants_x, wants_kernel);
        for (node, gradient) in nodes.into_iter().zip([of_x, of_kernel, of_bias]) {
            if let Some(node) = node {
                grads.register::<B>(node.id, gradient);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use burn::tensor::module::conv2d as burns_own;
    use burn::tensor::ops::ConvOptions;
    use burn::tensor::{Device, TensorData, activation};

    fn numbers<const D: usize>(tensor: Tensor<D>) -> Vec<f32> {
        tensor.into_data().try_into_vec().unwrap()
    }

    struct Case {
        batch: usize,
        image: [usize; 3],
        size: [usize; 2],
        filters: usize,
        strides: [usize; 2],
        padding: [(usize, usize); 2],
        bias: bool,
        relu: bool,
    }

    /// Output and the gradients of x, kernel and bias for a loss that weighs each output differently.
    fn run(case: &Case, fused: bool) -> Vec<Vec<f32>> {
        let device = Device::flex().autodiff();
        let noise = |shape: &[usize], seed: u32| -> TensorData {
            use crate::rng::{Purpose, Stream};
            let mut stream = Stream::new(1, Purpose::InitialWeights, seed, 0);
            let count = shape.iter().product();
            let values: Vec<f32> = (0..count).map(|_| stream.next_f32() - 0.4).collect();
            TensorData::new(values, shape.to_vec())
        };
        let tensor = |shape: [usize; 4], seed| Tensor::<4>::from_data(noise(&shape, seed), &device);
        let ([height, width, channels], [tall, wide]) = (case.image, case.size);
        let x = tensor([case.batch, height, width, channels], 1).require_grad();
        let kernel = tensor([tall, wide, channels, case.filters], 2).require_grad();
        let bias = Tensor::<1>::from_data(noise(&[case.filters], 3), &device).require_grad();
        let bias = case.bias.then_some(bias);
        let output = if fused {
            let windows = Windows::over(case.image, case.size, case.strides, case.padding);
            conv2d(x.clone(), kernel.clone(), bias.clone(), windows, case.relu)
        } else {
            let options = ConvOptions::new_with_padding(case.strides, case.padding, [1, 1], 1);
            let turned = x.clone().permute([0, 3, 1, 2]);
            let y = burns_own(turned, kernel.clone().permute([3, 2, 0, 1]), bias.clone(), options);
            let y = y.permute([0, 2, 3, 1]);
            if case.relu { activation::relu(y) } else { y }
        };
        let weights = tensor(output.dims(), 4);
        let gradients = (output.clone() * weights).sum().backward();
        let mut results = vec![numbers(output.inner())];
        results.push(numbers(x.grad(&gradients).unwrap()));
        results.push(numbers(kernel.grad(&gradients).unwrap()));
        results.extend(bias.map(|bias| numbers(bias.grad(&gradients).unwrap())));
        results
    }

    #[test]
    fn it_agrees_with_burns_own_in_every_output_and_gradient() {
        if !available() {
            println!("skipped: convolutions: the processor lacks the instructions");
            return;
        }
        let plain = Case {
            batch: 3,
            image: [9, 7, 2],
            size: [3, 3],
            filters: 5,
            strides: [1, 1],
            padding: [(0, 0); 2],
            bias: true,
            relu: true,
        };
        let cases = [
            Case { relu: false, bias: false, ..plain },
            Case { padding: [(1, 1); 2], ..plain },
            Case { padding: [(0, 1), (1, 2)], size: [2, 4], strides: [2, 3], ..plain },
            Case { image: [5, 5, 1], size: [5, 5], filters: 17, batch: 19, ..plain },
            Case { image: [1, 1, 40], size: [1, 1], padding: [(0, 0); 2], ..plain },
            // More than is copied out at a time.
            Case { image: [40, 30, 8], filters: 16, padding: [(1, 1); 2], batch: 2, ..plain },
            plain,
        ];
        for case in &cases {
            let pairs = [true, false].map(|fused| run(case, fused));
            assert_eq!(pairs[0].len(), pairs[1].len());
            for (which, (fused, plain)) in pairs[0].iter().zip(&pairs[1]).enumerate() {
                assert_eq!(fused.len(), plain.len());
                let scale = plain.iter().fold(1.0_f32, |most, x| most.max(x.abs()));
                for (a, b) in fused.iter().zip(plain) {
                    assert!((a - b).abs() < 1e-5 * scale, "{a} and {b}: {which} {:?}", case.image);
                }
            }
        }
    }

    #[test]
    fn two_threads_give_the_same_to_the_bit() {
        if !available() {
            println!("skipped: convolutions: the processor lacks the instructions");
            return;
        }
        let case = Case {
            batch: 32,
            image: [14, 14, 3],
            size: [3, 3],
            filters: 16,
            strides: [1, 1],
            padding: [(1, 1); 2],
            bias: true,
            relu: true,
        };
        let alone = run(&case, true);
        let _core = pair::at_work();
        assert_eq!(run(&case, true), alone);
    }
}
