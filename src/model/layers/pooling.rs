//! Windows of images, each made into one number per channel.

use burn::module::Module;
use burn::tensor::Tensor;
use burn::tensor::module::{avg_pool2d, max_pool2d};
use burn::tensor::ops::{AvgPoolOptions, MaxPoolOptions};

use super::Build;
use super::convolution::padding;
use crate::backend::has_fused_kernels;
use crate::kernels::pooling::{Pooling, pool2d};
use crate::kernels::windows::Windows;
use crate::spec;

#[derive(Module, Debug)]
pub(super) struct Pooling2d {
    #[module(skip)]
    kind: Pooling,
    size: [usize; 2],
    strides: [usize; 2],
    /// Rows that the image lacks above and below, and columns left and right.
    #[module(skip)]
    padding: [(usize, usize); 2],
    /// Whether the device has the kernel of our own.
    fused: bool,
}

impl Pooling2d {
    pub fn build(spec: &spec::Pooling2d, kind: Pooling, build: &Build<'_>) -> Self {
        let (size, strides) = (spec.pool_size, spec.strides.unwrap_or(spec.pool_size));
        let padding = padding(build.place.input, size, strides, spec.padding);
        Self { kind, size, strides, padding, fused: has_fused_kernels(build.device) }
    }

    /// [batch, height, width, channels] → the same with fewer rows and columns. As in TensorFlow,
    /// what the image lacks takes no part: it is never the largest and is not counted in a mean.
    pub fn forward(&self, x: Tensor<4>) -> Tensor<4> {
        if self.fused {
            let [_, height, width, channels] = x.dims();
            let image = [height, width, channels];
            let windows = Windows::over(image, self.size, self.strides, self.padding);
            return pool2d(x, self.kind, windows);
        }
        let x = x.permute([0, 3, 1, 2]);
        let output = match self.kind {
            Pooling::Max => {
                let mut options = MaxPoolOptions::new(self.size).with_stride(self.strides);
                options.padding = self.padding;
                max_pool2d(x, options)
            }
            Pooling::Average => {
                let mut options = AvgPoolOptions::new(self.size).with_stride(self.strides);
                options.padding = self.padding;
                options.count_include_pad = false;
                avg_pool2d(x, options)
            }
        };
        output.permute([0, 2, 3, 1])
    }
}

/// [batch, height, width, channels] → [batch, channels], the mean of each.
pub(super) fn global_average(x: Tensor<4>) -> Tensor<2> {
    let [batch, height, width, channels] = x.dims();
    x.reshape([batch, height * width, channels]).mean_dim(1).reshape([batch, channels])
}
