//! What each kind of layer makes of its input's shape.

use super::shape::{SampleShape, Variable};
use super::window::{Way, way};
use crate::spec::{Conv2d, Layer, Padding, Prelu};

/// Numbers in one variable (8 GiB of them), or in one sample, above which a layer is taken for a
/// mistake.
const MAX_NUMBERS: usize = 1 << 31;

/// A layer's output and variables (not yet under the layer's name) for an input.
pub(super) struct Fit {
    pub output: SampleShape,
    pub variables: Vec<Variable>,
}

/// A layer's output and variables for an input, or what to do where it does not fit.
pub(super) fn fit(layer: &Layer, input: SampleShape) -> Result<Fit, String> {
    let kind = layer.kind();
    let mut variables = Variables { list: Vec::new(), trainable: layer.trainable() };
    let output = match layer {
        Layer::Flatten(_) => SampleShape::Flat(input.size()),
        Layer::Dense(dense) => {
            let inputs = match input {
                SampleShape::Flat(features) => features,
                SampleShape::Image(_) => {
                    return Err("`dense` takes flat features: put `flatten` before it".to_owned());
                }
            };
            if inputs.checked_mul(dense.units).is_none_or(|size| size > MAX_NUMBERS) {
                return Err(format!(
                    "its kernel would have {inputs} × {} numbers: give it fewer `units`",
                    dense.units
                ));
            }
            variables.add("kernel", vec![inputs, dense.units]);
            if dense.use_bias {
                variables.add("bias", vec![dense.units]);
            }
            SampleShape::Flat(dense.units)
        }
        Layer::Conv2d(conv) => {
            let image = image(kind, input)?;
            let output = convolved(conv, image)?;
            let [height, width] = conv.kernel_size;
            variables.add("kernel", vec![height, width, image[2], conv.filters]);
            if conv.use_bias {
                variables.add("bias", vec![conv.filters]);
            }
            SampleShape::Image(output)
        }
        Layer::MaxPooling2d(pooling) | Layer::AveragePooling2d(pooling) => {
            let [_, _, channels] = image(kind, input)?;
            let strides = pooling.strides.unwrap_or(pooling.pool_size);
            let [height, width] =
                windows(input, "pool_size", pooling.pool_size, strides, pooling.padding)?;
            SampleShape::Image([height, width, channels])
        }
        Layer::GlobalAveragePooling2d(_) => SampleShape::Flat(image(kind, input)?[2]),
        Layer::BatchNormalization(bn) => {
            let features = input.features();
            if bn.scale {
                variables.add("gamma", vec![features]);
            }
            if bn.center {
                variables.add("beta", vec![features]);
            }
            variables.add_fixed("moving_mean", vec![features]);
            variables.add_fixed("moving_variance", vec![features]);
            input
        }
        Layer::LayerNormalization(norm) => {
            if norm.scale {
                variables.add("gamma", vec![input.features()]);
            }
            if norm.center {
                variables.add("beta", vec![input.features()]);
            }
            input
        }
        Layer::Prelu(prelu) => {
            variables.add("alpha", alpha(prelu, input)?);
            input
        }
        Layer::Activation(_)
        | Layer::Dropout(_)
        | Layer::AlphaDropout(_)
        | Layer::GaussianNoise(_) => input,
    };
    Ok(Fit { output, variables: variables.list })
}

struct Variables {
    list: Vec<Variable>,
    trainable: bool,
}

impl Variables {
    fn add(&mut self, name: &str, shape: Vec<usize>) {
        self.list.push(Variable { path: name.to_owned(), shape, trainable: self.trainable });
    }

    /// One that no gradient changes.
    fn add_fixed(&mut self, name: &str, shape: Vec<usize>) {
        self.list.push(Variable { path: name.to_owned(), shape, trainable: false });
    }
}

fn image(kind: &str, input: SampleShape) -> Result<[usize; 3], String> {
    match input {
        SampleShape::Image(image) => Ok(image),
        SampleShape::Flat(_) => Err(format!(
            "`{kind}` takes images of height, width and channels: put it before `flatten`"
        )),
    }
}

/// Height, width and channels after a convolution.
fn convolved(conv: &Conv2d, image: [usize; 3]) -> Result<[usize; 3], String> {
    let input = SampleShape::Image(image);
    let [height, width] =
        windows(input, "kernel_size", conv.kernel_size, conv.strides, conv.padding)?;
    let product = |numbers: [usize; 4]| {
        numbers
            .into_iter()
            .try_fold(1_usize, usize::checked_mul)
            .filter(|size| *size <= MAX_NUMBERS)
    };
    let kernel = product([conv.kernel_size[0], conv.kernel_size[1], image[2], conv.filters]);
    if kernel.is_none() || product([height, width, conv.filters, 1]).is_none() {
        return Err(format!(
            "its kernel or output would have more than {MAX_NUMBERS} numbers: give it fewer `filters`"
        ));
    }
    Ok([height, width, conv.filters])
}

/// The number of places that a window has, down and across.
fn windows(
    input: SampleShape,
    key: &str,
    window: [usize; 2],
    strides: [usize; 2],
    padding: Padding,
) -> Result<[usize; 2], String> {
    let SampleShape::Image([height, width, _]) = input else {
        unreachable!("the caller has asked for an image")
    };
    let places = |image, i: usize| way(image, window[i], strides[i], padding);
    let shown = format!("its window of {} × {}", window[0], window[1]);
    // From twice the image's size on, a window sees all of it from everywhere, and the rows that
    // it lacks would fill the memory.
    if window[0] > 2 * height || window[1] > 2 * width {
        return Err(format!(
            "{shown} is more than twice as large as the image: give it a smaller `{key}`"
        ));
    }
    match (places(height, 0), places(width, 1)) {
        (Some(Way { places: down, .. }), Some(Way { places: across, .. })) => Ok([down, across]),
        (None, _) | (_, None) => Err(format!(
            "{shown} is larger than the image: give it `padding: same` or a smaller `{key}`"
        )),
    }
}

/// The shape of a `prelu` layer's alpha: the sample's, with 1 where it is shared.
fn alpha(prelu: &Prelu, input: SampleShape) -> Result<Vec<usize>, String> {
    let mut shape = match input {
        SampleShape::Image(image) => image.to_vec(),
        SampleShape::Flat(features) => vec![features],
    };
    let rank = shape.len();
    for &axis in &prelu.shared_axes {
        match axis.checked_sub(1).and_then(|axis| shape.get_mut(axis)) {
            Some(size) => *size = 1,
            None => {
                return Err(format!(
                    "a sample has the dimensions 1 to {rank} here: choose `shared_axes` among them"
                ));
            }
        }
    }
    Ok(shape)
}
