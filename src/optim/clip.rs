//! Gradients kept short, as Keras 3 does it (`_clip_gradients` and below in
//! keras/src/optimizers/base_optimizer.py). burn's own clipping knows no norm over all gradients
//! and adds a small number to each norm.

use burn::module::{Module, ModuleVisitor, Param};
use burn::optim::GradientsParams;
use burn::tensor::Tensor;

use super::rules;
use crate::backend::has_fused_kernels;
use crate::kernels::penalty::penalty;
use crate::kernels::rules::Clip;
use crate::spec::Clipping;

/// Shortens the gradients of a network. All numbers stay on the device.
pub fn clip<M: Module>(
    clipping: Clipping,
    gradients: GradientsParams,
    network: &M,
) -> GradientsParams {
    let Some(clip) = rules::clip(clipping) else { return gradients };
    let how = match clip {
        Clip::Norm(limit) => How::Norm(limit),
        Clip::GlobalNorm { limit, inverse } => {
            let mut sum = SquareSum { gradients: &gradients, sum: None };
            network.visit(&mut sum);
            let Some(square) = sum.sum else { return gradients };
            let norm = square.sqrt();
            let scale = norm.clone().recip().clamp_max(inverse).mul_scalar(limit);
            // Adds nothing, but makes the scale NaN where the norm is infinite.
            How::Scale(Box::new(scale + (norm.clone() - norm)))
        }
        Clip::Value(limit) => How::Value(limit),
    };
    let mut clipper = Clipper { how, gradients };
    network.visit(&mut clipper);
    clipper.gradients
}

enum How {
    /// Each gradient to this norm at most: `g · limit / max(|g|, limit)`.
    Norm(f32),
    /// Each number to this size at most.
    Value(f32),
    /// All gradients times this number, [1].
    Scale(Box<Tensor<1>>),
}

impl How {
    fn apply<const D: usize>(&self, gradient: Tensor<D>) -> Tensor<D> {
        match self {
            Self::Norm(limit) => {
                let norm = square(gradient.clone()).sqrt();
                gradient.mul_scalar(*limit) / norm.clamp_min(*limit).reshape([1; D])
            }
            Self::Value(limit) => gradient.clamp(-limit, *limit),
            Self::Scale(scale) => gradient * scale.as_ref().clone().reshape([1; D]),
        }
    }
}

/// The sum of all squares, [1].
fn square<const D: usize>(gradient: Tensor<D>) -> Tensor<1> {
    match has_fused_kernels(&gradient.device()) {
        true => penalty(gradient, [0.0, 1.0]),
        false => gradient.square().sum(),
    }
}

/// Sums the squares of all gradients.
struct SquareSum<'a> {
    gradients: &'a GradientsParams,
    sum: Option<Tensor<1>>,
}

impl ModuleVisitor for SquareSum<'_> {
    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        if let Some(gradient) = self.gradients.get::<D>(param.id) {
            let square = square(gradient);
            self.sum = Some(match self.sum.take() {
                Some(sum) => sum + square,
                None => square,
            });
        }
    }
}

struct Clipper {
    how: How,
    gradients: GradientsParams,
}

impl ModuleVisitor for Clipper {
    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        if let Some(gradient) = self.gradients.remove::<D>(param.id) {
            self.gradients.register(param.id, self.how.apply(gradient));
        }
    }
}
