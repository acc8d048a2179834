//! Windows of images, each made into one number per channel.

use burn::module::Module;
use burn::tensor::Tensor;
use burn::tensor::module::{avg_pool2d, max_pool2d};
use burn::tensor::ops::{AvgPoolOptions, MaxPoolOptions};

use super::Build;
use super::convolution::padding;
use crate::spec;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Max,
    Average,
}

#[derive(Module, Debug)]
pub(super) struct Pooling2d {
    #[module(skip)]
    kind: Kind,
    size: [usize; 2],
    strides: [usize; 2],
    /// Rows that the image lacks above and below, and columns left and right.
    #[module(skip)]
    padding: [(usize, usize); 2],
}

impl Pooling2d {
    pub fn build(spec: &spec::Pooling2d, kind: Kind, build: &Build<'_>) -> Self {
        let (size, strides) = (spec.pool_size, spec.strides.unwrap_or(spec.pool_size));
        let padding = padding(build.place.input, size, strides, spec.padding);
        Self { kind, size, strides, padding }
    }

    /// [batch, channels, height, width] → the same with fewer rows and columns. As in TensorFlow,
    /// what the image lacks takes no part: it is never the largest and is not counted in a mean.
    pub fn forward(&self, x: Tensor<4>) -> Tensor<4> {
        match self.kind {
            Kind::Max => {
                let mut options = MaxPoolOptions::new(self.size).with_stride(self.strides);
                options.padding = self.padding;
                max_pool2d(x, options)
            }
            Kind::Average => {
                let mut options = AvgPoolOptions::new(self.size).with_stride(self.strides);
                options.padding = self.padding;
                options.count_include_pad = false;
                avg_pool2d(x, options)
            }
        }
    }
}

/// [batch, channels, height, width] → [batch, channels], the mean of each.
pub(super) fn global_average(x: Tensor<4>) -> Tensor<2> {
    let [batch, channels, height, width] = x.dims();
    x.reshape([batch, channels, height * width]).mean_dim(2).reshape([batch, channels])
}
