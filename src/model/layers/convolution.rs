//! Convolutions over images.

use burn::module::{Module, Param};
use burn::tensor::module::conv2d;
use burn::tensor::ops::ConvOptions;
use burn::tensor::{Tensor, TensorData};

use super::kernel::Rules;
use super::{Build, Values, activation};
use crate::backend::has_fused_kernels;
use crate::kernels::{self, windows::Windows};
use crate::model::shape::SampleShape;
use crate::model::window::way;
use crate::spec::{self, Activation};

#[derive(Module, Debug)]
pub(super) struct Conv2d {
    /// [height, width, channels in, filters], as Keras has it.
    kernel: Param<Tensor<4>>,
    bias: Option<Param<Tensor<1>>>,
    strides: [usize; 2],
    /// Rows that the image lacks above and below, and columns left and right.
    #[module(skip)]
    padding: [(usize, usize); 2],
    #[module(skip)]
    activation: Activation,
    #[module(skip)]
    rules: Rules,
    /// Whether the device has the kernel of our own.
    fused: bool,
}

impl Conv2d {
    pub fn build(spec: &spec::Conv2d, build: &Build<'_>) -> Self {
        Self {
            kernel: build.variable(0, spec.kernel_initializer),
            bias: spec.use_bias.then(|| build.variable(1, spec.bias_initializer)),
            strides: spec.strides,
            padding: padding(build.place.input, spec.kernel_size, spec.strides, spec.padding),
            activation: spec.activation,
            rules: Rules {
                regularizer: spec.kernel_regularizer,
                constraint: spec.kernel_constraint.clone(),
                trainable: spec.trainable,
            },
            fused: has_fused_kernels(build.device) && kernels::convolution::available(),
        }
    }

    /// [batch, height, width, channels in] → [batch, places down, places across, filters]
    pub fn forward(&self, x: Tensor<4>) -> Tensor<4> {
        let (kernel, bias) = (self.kernel.val(), self.bias.as_ref().map(Param::val));
        if self.fused {
            let [_, height, width, channels] = x.dims();
            let [tall, wide, ..] = kernel.dims();
            let image = [height, width, channels];
            let windows = Windows::over(image, [tall, wide], self.strides, self.padding);
            let relu = self.activation == Activation::Relu;
            let output = kernels::convolution::conv2d(x, kernel, bias, windows, relu);
            return if relu { output } else { activation::apply(self.activation, output) };
        }
        let options = ConvOptions::new_with_padding(self.strides, self.padding, [1, 1], 1);
        // burn's images are [batch, channels, height, width], its kernels [filters, channels in,
        // height, width].
        let (x, kernel) = (x.permute([0, 3, 1, 2]), kernel.permute([3, 2, 0, 1]));
        let output = conv2d(x, kernel, bias, options).permute([0, 2, 3, 1]);
        activation::apply(self.activation, output)
    }

    pub fn penalty(&self) -> Option<Tensor<1>> {
        self.rules.penalty(&self.kernel)
    }

    pub fn constrained(mut self) -> Self {
        self.kernel = self.rules.constrained(self.kernel);
        self
    }

    pub fn tensors(&self) -> Vec<TensorData> {
        let bias = self.bias.as_ref().map(|bias| bias.val().into_data());
        std::iter::once(self.kernel.val().into_data()).chain(bias).collect()
    }

    pub fn with_tensors(mut self, values: &mut Values<'_>) -> Self {
        let trainable = self.rules.trainable;
        self.kernel = values.parameter(trainable);
        self.bias = self.bias.map(|_| values.parameter(trainable));
        self
    }
}

/// What an image lacks for a window, down and across.
pub(super) fn padding(
    input: SampleShape,
    window: [usize; 2],
    strides: [usize; 2],
    padding: spec::Padding,
) -> [(usize, usize); 2] {
    let SampleShape::Image([height, width, _]) = input else {
        unreachable!("`place` lets nothing but images come to this layer")
    };
    let missing = |image, i: usize| {
        let way = way(image, window[i], strides[i], padding);
        way.expect("`place` has seen that the window fits").padding
    };
    [missing(height, 0), missing(width, 1)]
}
