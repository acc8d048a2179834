//! Numbers of layers that parse but make no sense.

use super::check::Ranges;
use super::function::{Activation, Constraint, Initializer, L1, L1L2, L2, Regularizer};
use super::layer::Layer;
use super::problem::Finding;
use super::source::Path;

/// Every number of a layer that is out of its range.
pub(super) fn check_layer(layer: &Layer, path: &Path, ranges: &mut Ranges<'_>) {
    match layer {
        Layer::Dense(dense) => {
            ranges.at_least_one(&path.key("units"), dense.units);
            activation(&dense.activation, &path.key("activation"), ranges);
            initializer(&dense.kernel_initializer, &path.key("kernel_initializer"), 2, ranges);
            initializer(&dense.bias_initializer, &path.key("bias_initializer"), 1, ranges);
            regularizer(dense.kernel_regularizer.as_ref(), path, ranges);
            constraint(dense.kernel_constraint.as_ref(), path, 2, ranges);
        }
        Layer::Conv2d(conv) => {
            ranges.at_least_one(&path.key("filters"), conv.filters);
            both_at_least_one(&path.key("kernel_size"), conv.kernel_size, ranges);
            both_at_least_one(&path.key("strides"), conv.strides, ranges);
            activation(&conv.activation, &path.key("activation"), ranges);
            initializer(&conv.kernel_initializer, &path.key("kernel_initializer"), 4, ranges);
            initializer(&conv.bias_initializer, &path.key("bias_initializer"), 1, ranges);
            regularizer(conv.kernel_regularizer.as_ref(), path, ranges);
            constraint(conv.kernel_constraint.as_ref(), path, 4, ranges);
        }
        Layer::MaxPooling2d(pooling) | Layer::AveragePooling2d(pooling) => {
            both_at_least_one(&path.key("pool_size"), pooling.pool_size, ranges);
            if let Some(strides) = pooling.strides {
                both_at_least_one(&path.key("strides"), strides, ranges);
            }
        }
        Layer::BatchNormalization(bn) => {
            ranges.below_one(&path.key("momentum"), bn.momentum);
            ranges.positive(&path.key("epsilon"), bn.epsilon);
        }
        Layer::LayerNormalization(norm) => ranges.positive(&path.key("epsilon"), norm.epsilon),
        Layer::Activation(function) => activation(&function.0, path, ranges),
        // Alpha has as many dimensions as a sample; one that has a single one takes no `orthogonal`.
        Layer::Prelu(prelu) => {
            initializer(&prelu.alpha_initializer, &path.key("alpha_initializer"), 1, ranges);
        }
        Layer::Dropout(dropout) | Layer::AlphaDropout(dropout) => {
            ranges.below_one(&path.key("rate"), dropout.rate);
        }
        Layer::GaussianNoise(noise) => not_negative(&path.key("stddev"), noise.stddev, ranges),
        Layer::Flatten(_) | Layer::GlobalAveragePooling2d(_) => {}
    }
    if let Some(name) = layer.name()
        && let Some(why) = unfit(name)
    {
        ranges.push(Finding::new(
            path.key("name"),
            format!("`{name}` cannot be a layer's name: {why}"),
            "variables are called by it, as in `hidden/kernel`; use letters, digits, `_`, `-` and `.`",
        ));
    }
}

fn unfit(name: &str) -> Option<&'static str> {
    if name.is_empty() {
        Some("it is empty")
    } else if name.len() > 100 {
        Some("it is longer than 100 bytes")
    } else if !name.chars().all(|c| c.is_ascii_alphanumeric() || "_-.".contains(c)) {
        Some("it has a character that names of variables cannot have")
    } else {
        None
    }
}

fn both_at_least_one(path: &Path, pair: [usize; 2], ranges: &mut Ranges<'_>) {
    ranges.at_least_one(path, pair[0].min(pair[1]));
}

fn not_negative(path: &Path, value: f64, ranges: &mut Ranges<'_>) {
    ranges.require(value >= 0.0 && value.is_finite(), path, value, "from 0 up");
}

fn finite(path: &Path, value: f64, ranges: &mut Ranges<'_>) {
    ranges.require(value.is_finite(), path, value, "that is finite");
}

fn activation(function: &Activation, path: &Path, ranges: &mut Ranges<'_>) {
    match function {
        Activation::LeakyRelu(leaky) => {
            let path = path.key("leaky_relu").key("negative_slope");
            not_negative(&path, leaky.negative_slope, ranges);
        }
        Activation::Linear
        | Activation::Relu
        | Activation::Elu
        | Activation::Selu
        | Activation::Gelu
        | Activation::Silu
        | Activation::Softplus
        | Activation::Softsign
        | Activation::Tanh
        | Activation::Sigmoid
        | Activation::HardSigmoid
        | Activation::Mish
        | Activation::Exponential
        | Activation::Softmax => {}
    }
}

fn initializer(initializer: &Initializer, path: &Path, rank: usize, ranges: &mut Ranges<'_>) {
    match initializer {
        Initializer::RandomNormal(normal) => {
            let path = path.key("random_normal");
            finite(&path.key("mean"), normal.mean, ranges);
            not_negative(&path.key("stddev"), normal.stddev, ranges);
        }
        Initializer::TruncatedNormal(normal) => {
            let path = path.key("truncated_normal");
            finite(&path.key("mean"), normal.mean, ranges);
            not_negative(&path.key("stddev"), normal.stddev, ranges);
        }
        Initializer::RandomUniform(range) => {
            let path = path.key("random_uniform");
            finite(&path.key("minval"), range.minval, ranges);
            let above = range.maxval >= range.minval || !ranges.is_sound(&path.key("minval"));
            let above = above && range.maxval.is_finite();
            let least = format!("of `minval` ({}) or more", range.minval);
            ranges.require(above, &path.key("maxval"), range.maxval, &least);
        }
        Initializer::Constant(constant) => {
            finite(&path.key("constant").key("value"), constant.value, ranges);
        }
        Initializer::Orthogonal(orthogonal) => {
            finite(&path.key("orthogonal").key("gain"), orthogonal.gain, ranges);
            if rank < 2 {
                ranges.push(Finding::new(
                    path.clone(),
                    "`orthogonal` is for kernels: a single row has nothing to be at right angles to",
                    "choose another initializer, such as `zeros` or `random_normal`",
                ));
            }
        }
        Initializer::GlorotUniform
        | Initializer::GlorotNormal
        | Initializer::HeUniform
        | Initializer::HeNormal
        | Initializer::LecunUniform
        | Initializer::LecunNormal
        | Initializer::Zeros
        | Initializer::Ones => {}
    }
}

fn regularizer(regularizer: Option<&Regularizer>, layer: &Path, ranges: &mut Ranges<'_>) {
    let path = layer.key("kernel_regularizer");
    match regularizer {
        Some(Regularizer::L1(L1 { l1 })) => not_negative(&path.key("l1").key("l1"), *l1, ranges),
        Some(Regularizer::L2(L2 { l2 })) => not_negative(&path.key("l2").key("l2"), *l2, ranges),
        Some(Regularizer::L1L2(L1L2 { l1, l2 })) => {
            not_negative(&path.key("l1_l2").key("l1"), *l1, ranges);
            not_negative(&path.key("l1_l2").key("l2"), *l2, ranges);
        }
        None => {}
    }
}

fn constraint(constraint: Option<&Constraint>, layer: &Path, rank: usize, ranges: &mut Ranges<'_>) {
    match constraint {
        Some(Constraint::MaxNorm(norm)) => {
            let path = layer.key("kernel_constraint").key("max_norm");
            ranges.positive(&path.key("max_value"), norm.max_value);
            let mut axes = norm.axis.clone();
            axes.sort_unstable();
            axes.dedup();
            if axes.is_empty() || axes.len() < norm.axis.len() || axes.iter().any(|&a| a >= rank) {
                ranges.push(Finding::new(
                    path.key("axis"),
                    format!("`axis` {:?} is no choice of the kernel's dimensions", norm.axis),
                    format!("choose among 0 to {}, each once", rank - 1),
                ));
            }
        }
        None => {}
    }
}
