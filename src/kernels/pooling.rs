//! Windows of images, each made into one number per channel, as one operation forward and one
//! backward.

#![allow(unsafe_code, reason = "fresh memory is filled and never cleared")]
#![allow(
    missing_docs,
    reason = "what `#[backend_extension]` generates has no documentation of its own"
)]

use std::mem::MaybeUninit;

use burn::backend::autodiff::checkpoint::{base::Checkpointer, strategy::CheckpointStrategy};
use burn::backend::autodiff::grads::Gradients;
use burn::backend::autodiff::ops::{Backward, Ops, OpsKind};
use burn::backend::backend_extension;
use burn::backend::tensor::FloatTensor;
use burn::backend::{Autodiff, Backend, Dispatch, Flex, TensorMetadata};
use burn::tensor::Tensor;
use burn_flex::FlexTensor;

use super::buffers::{fresh, slice, tensor};
use super::pair;
use super::windows::{self, Windows};

/// Parts of a batch.
const PARTS: usize = 8;

/// What becomes of the numbers that a window sees of a channel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pooling {
    /// The largest, whose gradient goes to the first of those that are equal.
    Max,
    /// The mean of those that lie on the image.
    Average,
}

/// [batch, height, width, channels] → [batch, places down, places across, channels]
///
/// # Panics
/// On a backend other than flex.
pub fn pool2d(x: Tensor<4>, pooling: Pooling, windows: Windows) -> Tensor<4> {
    let output = <Dispatch as FusedPooling>::pool2d_forward(x.into_dispatch(), pooling, windows);
    Tensor::from_dispatch(output)
}

/// The operations on primitives of a backend.
#[backend_extension(Flex, Autodiff)]
pub trait FusedPooling: Backend {
    fn pool2d_forward(
        x: FloatTensor<Self>,
        pooling: Pooling,
        windows: Windows,
    ) -> FloatTensor<Self>;

    /// The gradient of x.
    fn pool2d_backward(
        x: FloatTensor<Self>,
        output: FloatTensor<Self>,
        gradient: FloatTensor<Self>,
        pooling: Pooling,
        windows: Windows,
    ) -> FloatTensor<Self>;
}

impl FusedPooling for Flex {
    fn pool2d_forward(x: FlexTensor, pooling: Pooling, windows: Windows) -> FlexTensor {
        let x = x.to_contiguous();
        let batch = x.shape()[0];
        let (of_image, of_output) = (windows.pixels(), windows.stops() * windows.channels);
        assert_eq!(slice(&x).len(), batch * of_image, "images of the size that the windows have");
        let images = batch.div_ceil(PARTS).max(1);
        let inputs = slice(&x).chunks(images * of_image);
        let pool = |(output, x): (&mut [MaybeUninit<f32>], &[f32])| {
            let images = x.chunks_exact(of_image).zip(output.chunks_exact_mut(of_output));
            for (image, output) in images {
                match pooling {
                    Pooling::Max => windows::largest(&windows, image, output),
                    Pooling::Average => windows::means(&windows, image, output),
                }
            }
        };
        // SAFETY: each place of each image is filled.
        let output = unsafe {
            fresh(batch * of_output, |output| {
                pair::each(output.chunks_mut(images * of_output).zip(inputs).collect(), pool);
            })
        };
        let [down, across] = windows.places;
        tensor(output, &[batch, down, across, windows.channels])
    }

    fn pool2d_backward(
        x: FlexTensor,
        output: FlexTensor,
        gradient: FlexTensor,
        pooling: Pooling,
        windows: Windows,
    ) -> FlexTensor {
        let (x, output) = (x.to_contiguous(), output.to_contiguous());
        let gradient = gradient.to_contiguous();
        let batch = x.shape()[0];
        let (of_image, of_output) = (windows.pixels(), windows.stops() * windows.channels);
        assert_eq!(slice(&x).len(), batch * of_image, "images of the size that the windows have");
        let images = batch.div_ceil(PARTS).max(1);
        let mut x_gradient = vec![0.0; batch * of_image];
        let parts = x_gradient
            .chunks_mut(images * of_image)
            .zip(slice(&x).chunks(images * of_image))
            .zip(slice(&output).chunks(images * of_output))
            .zip(slice(&gradient).chunks(images * of_output))
            .collect();
        pair::each(parts, |(((of_x, x), output), gradient): (((&mut [f32], _), _), _)| {
            let (x, output, gradient): (&[f32], &[f32], &[f32]) = (x, output, gradient);
            let images = of_x.chunks_exact_mut(of_image).zip(x.chunks_exact(of_image));
            let outputs = output.chunks_exact(of_output).zip(gradient.chunks_exact(of_output));
            for ((of_x, image), (output, gradient)) in images.zip(outputs) {
                match pooling {
                    Pooling::Max => {
                        windows::largest_gradient(&windows, [image, output, gradient], of_x);
                    }
                    Pooling::Average => windows::means_gradient(&windows, gradient, of_x),
                }
            }
        });
        tensor(x_gradient, &x.shape())
    }
}

impl<B: Backend + FusedPooling, C: CheckpointStrategy> FusedPooling for Autodiff<B, C> {
    fn pool2d_forward(
        x: FloatTensor<Self>,
        pooling: Pooling,
        windows: Windows,
    ) -> FloatTensor<Self> {
        let input = x.primitive().clone();
        let output = B::pool2d_forward(input.clone(), pooling, windows);
        let prepared = PoolingPass.prepare::<C>([x.node()]).compute_bound();
        match prepared.stateful() {
            OpsKind::Tracked(prepared) => {
                prepared.finish((input, output.clone(), pooling, windows), output)
            }
            OpsKind::UnTracked(prepared) => prepared.finish(output),
        }
    }

    fn pool2d_backward(
        _: FloatTensor<Self>,
        _: FloatTensor<Self>,
        _: FloatTensor<Self>,
        _: Pooling,
        _: Windows,
    ) -> FloatTensor<Self> {
        unreachable!("gradients of gradients are never taken")
    }
}

#[derive(Debug)]
struct PoolingPass;

impl<B: Backend + FusedPooling> Backward<B, 1> for PoolingPass {
    /// x, output, what the window does and its way
    type State = (FloatTensor<B>, FloatTensor<B>, Pooling, Windows);

    fn backward(self, ops: Ops<Self::State, 1>, grads: &mut Gradients, _: &mut Checkpointer) {
        let gradient = grads.consume::<B>(&ops.node);
        let (x, output, pooling, windows) = ops.state;
        let [node] = ops.parents;
        if let Some(node) = node {
            let of_x = B::pool2d_backward(x, output, gradient, pooling, windows);
            grads.register::<B>(node.id, of_x);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use burn::tensor::module::{avg_pool2d, max_pool2d};
    use burn::tensor::ops::{AvgPoolOptions, MaxPoolOptions};
    use burn::tensor::{Device, TensorData};

    type Way = ([usize; 2], [usize; 2], [(usize, usize); 2]);

    fn numbers(tensor: Tensor<4>) -> Vec<f32> {
        tensor.into_data().try_into_vec().unwrap()
    }

    fn noise(shape: [usize; 4], seed: u32) -> Tensor<4> {
        use crate::rng::{Purpose, Stream};
        let mut stream = Stream::new(1, Purpose::InitialWeights, seed, 0);
        let values: Vec<f32> =
            (0..shape.iter().product()).map(|_| stream.next_f32() - 0.5).collect();
        Tensor::from_data(TensorData::new(values, shape), &Device::flex().autodiff())
    }

    /// Output and the gradient of x for a loss that weighs each output differently.
    fn run(
        pooling: Pooling,
        (size, strides, padding): Way,
        channels: usize,
        fused: bool,
    ) -> [Vec<f32>; 2] {
        let (batch, image) = (11, [7, 6, channels]);
        let x = noise([batch, image[0], image[1], image[2]], 1).require_grad();
        let output = if fused {
            pool2d(x.clone(), pooling, Windows::over(image, size, strides, padding))
        } else {
            let turned = x.clone().permute([0, 3, 1, 2]);
            let output = match pooling {
                Pooling::Max => {
                    let mut options = MaxPoolOptions::new(size).with_stride(strides);
                    options.padding = padding;
                    max_pool2d(turned, options)
                }
                Pooling::Average => {
                    let mut options = AvgPoolOptions::new(size).with_stride(strides);
                    options.padding = padding;
                    options.count_include_pad = false;
                    avg_pool2d(turned, options)
                }
            };
            output.permute([0, 2, 3, 1])
        };
        let weights = noise(output.dims(), 2);
        let gradients = (output.clone() * weights).sum().backward();
        [numbers(output.inner()), numbers(x.grad(&gradients).unwrap())]
    }

    #[test]
    fn it_agrees_with_burns_own_in_output_and_gradient() {
        let _core = pair::at_work();
        let ways: [Way; 5] = [
            ([2, 2], [2, 2], [(0, 0); 2]),
            ([2, 2], [2, 2], [(0, 1), (0, 0)]),
            ([3, 2], [1, 2], [(1, 1), (0, 0)]),
            ([3, 3], [1, 1], [(1, 1); 2]),
            ([1, 2], [3, 4], [(0, 0); 2]),
        ];
        // Channels that are not, are, and are in part blocks of what registers hold.
        for (way, channels) in ways.into_iter().flat_map(|way| [5, 8, 19].map(|n| (way, n))) {
            for pooling in [Pooling::Max, Pooling::Average] {
                let [ours, burns] = [true, false].map(|fused| run(pooling, way, channels, fused));
                for (ours, burns) in ours.iter().flatten().zip(burns.iter().flatten()) {
                    assert!((ours - burns).abs() < 1e-6, "{ours} and {burns}: {pooling:?} {way:?}");
                }
            }
        }
    }

    #[test]
    fn of_equal_numbers_the_first_gets_the_gradient() {
        let x = (noise([1, 2, 2, 1], 1) * 0.0).require_grad();
        let windows = Windows::over([2, 2, 1], [2, 2], [2, 2], [(0, 0); 2]);
        let gradients = pool2d(x.clone(), Pooling::Max, windows).sum().backward();
        assert_eq!(numbers(x.grad(&gradients).unwrap()), [1.0, 0.0, 0.0, 0.0]);
    }

    #[test]
    fn nan_is_the_largest() {
        let data = TensorData::new(vec![2.0, f32::NAN, 5.0, 1.0], [1, 2, 2, 1]);
        let x = Tensor::from_data(data, &Device::flex().autodiff()).require_grad();
        let windows = Windows::over([2, 2, 1], [2, 2], [2, 2], [(0, 0); 2]);
        let output = pool2d(x.clone(), Pooling::Max, windows);
        assert!(numbers(output.clone().inner())[0].is_nan());
        let gradients = output.sum().backward();
        assert_eq!(numbers(x.grad(&gradients).unwrap()), [0.0, 1.0, 0.0, 0.0]);
    }
}
