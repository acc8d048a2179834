//! Stochastic gradient descent as Keras 3 computes it.

use burn::optim::{LearningRate, Optimizer, RecordState, StateSink, StateSource};
use burn::tensor::{Device, Tensor};

use crate::backend::has_fused_kernels;
use crate::kernels::update;
use crate::spec::Sgd;

/// `v ← momentum·v − lr·g`, then `w ← w + v`, or `w ← w + momentum·v − lr·g` with Nesterov
/// (keras/src/optimizers/sgd.py). burn keeps the velocity without the learning rate, which differs
/// as soon as the rate changes.
#[derive(Debug, Clone)]
pub struct KerasSgd {
    momentum: f64,
    nesterov: bool,
}

/// The velocity, in units of the weights; none without momentum.
#[derive(Clone)]
pub struct SgdState<const D: usize> {
    velocity: Option<Tensor<D>>,
}

impl KerasSgd {
    /// The optimizer for a file's `sgd:`.
    pub fn new(spec: &Sgd) -> Self {
        Self { momentum: spec.momentum, nesterov: spec.nesterov }
    }

    /// The same step in one pass.
    fn fused<const D: usize>(
        &self,
        lr: LearningRate,
        weight: Tensor<D>,
        gradient: Tensor<D>,
        state: Option<SgdState<D>>,
    ) -> (Tensor<D>, Option<SgdState<D>>) {
        if self.momentum == 0.0 {
            return (update::descend(weight, gradient, lr), None);
        }
        let velocity = state.and_then(|state| state.velocity);
        let velocity = velocity.unwrap_or_else(|| gradient.zeros_like());
        let factors = [lr, self.momentum];
        let (weight, velocity) =
            update::descend_with_momentum(weight, velocity, gradient, factors, self.nesterov);
        (weight, Some(SgdState { velocity: Some(velocity) }))
    }
}

impl Optimizer for KerasSgd {
    type State<const D: usize> = SgdState<D>;

    fn step<const D: usize>(
        &self,
        lr: LearningRate,
        weight: Tensor<D>,
        gradient: Tensor<D>,
        state: Option<SgdState<D>>,
    ) -> (Tensor<D>, Option<SgdState<D>>) {
        if has_fused_kernels(&weight.device()) {
            return self.fused(lr, weight, gradient, state);
        }
        let step = gradient.mul_scalar(lr);
        if self.momentum == 0.0 {
            return (weight - step, None);
        }
        let velocity = match state.and_then(|state| state.velocity) {
            Some(velocity) => velocity.mul_scalar(self.momentum) - step.clone(),
            None => -step.clone(),
        };
        let weight = if self.nesterov {
            weight + velocity.clone().mul_scalar(self.momentum) - step
        } else {
            weight + velocity.clone()
        };
        (weight, Some(SgdState { velocity: Some(velocity) }))
    }

    fn to_device<const D: usize>(state: SgdState<D>, device: &Device) -> SgdState<D> {
        SgdState { velocity: state.velocity.map(|velocity| velocity.to_device(device)) }
    }
}

impl<const D: usize> RecordState for SgdState<D> {
    fn state_flatten(&self, prefix: &str, out: &mut StateSink) {
        if let Some(velocity) = &self.velocity {
            out.push_tensor(prefix, "velocity", velocity.to_data());
        }
    }

    fn state_unflatten(prefix: &str, src: &mut StateSource, device: &Device) -> Option<Self> {
        let velocity = src.take_tensor(prefix, "velocity");
        Some(Self { velocity: velocity.map(|data| Tensor::from_data(data, device)) })
    }
}
