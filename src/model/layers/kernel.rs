//! What holds for kernels of dense layers and convolutions alike.

use burn::module::Param;
use burn::tensor::Tensor;

use crate::backend::has_fused_kernels;
use crate::kernels::penalty::{Factors, penalty};
use crate::spec::{Constraint, MaxNorm, Regularizer};

/// Added to lengths before they divide (`keras.config.epsilon()`).
const EPSILON: f64 = 1e-7;

/// What a kernel adds to the loss, and what it is held to.
#[derive(Debug, Clone)]
pub(super) struct Rules {
    pub regularizer: Option<Regularizer>,
    pub constraint: Option<Constraint>,
    pub trainable: bool,
}

impl Rules {
    /// What the kernel adds to the loss, [1] (keras/src/regularizers/regularizers.py). As in Keras,
    /// a frozen layer adds nothing.
    pub fn penalty<const D: usize>(&self, kernel: &Param<Tensor<D>>) -> Option<Tensor<1>> {
        let (l1, l2) = self.regularizer.filter(|_| self.trainable)?.factors();
        let kernel = kernel.val();
        if has_fused_kernels(&kernel.device()) && (l1, l2) != (0.0, 0.0) {
            return Some(penalty(kernel, self.factors()));
        }
        let first = (l1 != 0.0).then(|| kernel.clone().abs().sum().mul_scalar(l1));
        let second = (l2 != 0.0).then(|| kernel.square().sum().mul_scalar(l2));
        match (first, second) {
            (Some(first), Some(second)) => Some(first + second),
            (first, second) => first.or(second),
        }
    }

    /// The factors of what the kernel adds to the loss; both 0 where that is nothing.
    pub fn factors(&self) -> Factors {
        let regularizer = self.regularizer.filter(|_| self.trainable);
        let (l1, l2) = regularizer.map_or((0.0, 0.0), |regularizer| regularizer.factors());
        [l1, l2].map(|factor| factor as f32)
    }

    /// The kernel after its constraint, for after a step (keras/src/optimizers/base_optimizer.py).
    pub fn constrained<const D: usize>(&self, kernel: Param<Tensor<D>>) -> Param<Tensor<D>> {
        match &self.constraint {
            Some(Constraint::MaxNorm(rule)) if self.trainable => kernel.map(|kernel| {
                let tracked = kernel.is_require_grad();
                let held = Tensor::from_inner(max_norm(rule, kernel.inner()));
                held.set_require_grad(tracked)
            }),
            Some(Constraint::MaxNorm(_)) | None => kernel,
        }
    }
}

/// `w · clip(‖w‖, 0, max) / (ε + ‖w‖)` (keras/src/constraints/constraints.py, `MaxNorm`).
fn max_norm<const D: usize>(rule: &MaxNorm, kernel: Tensor<D>) -> Tensor<D> {
    let squares = kernel.clone().square();
    let norms = rule.axis.iter().fold(squares, |sum, &axis| sum.sum_dim(axis)).sqrt();
    let held = norms.clone().clamp(0.0, rule.max_value);
    kernel * (held / norms.add_scalar(EPSILON))
}
