//! RMSprop as Keras 3 computes it.

use burn::optim::{LearningRate, Optimizer, RecordState, StateSink, StateSource};
use burn::tensor::{Device, Tensor};

use crate::spec::Rmsprop;

/// `v ← rho·v + (1 − rho)·g²`, then `w ← w − lr·g / √(v + epsilon)`; centered, the square of the
/// gradient's running mean is taken off `v` under the root. With momentum, that step is added to
/// `momentum` times the last one (keras/src/optimizers/rmsprop.py). burn adds epsilon outside the
/// root and keeps the momentum without the learning rate.
#[derive(Debug, Clone)]
pub struct KerasRmsprop {
    rho: f64,
    momentum: f64,
    epsilon: f64,
    centered: bool,
}

/// Running means of the gradient's square and, if centered, of the gradient; the last step, if
/// there is momentum.
#[derive(Clone)]
pub struct RmspropState<const D: usize> {
    velocity: Tensor<D>,
    average_gradient: Option<Tensor<D>>,
    momentum: Option<Tensor<D>>,
}

impl KerasRmsprop {
    /// The optimizer for a file's `rmsprop:`.
    pub fn new(spec: &Rmsprop) -> Self {
        Self {
            rho: spec.rho,
            momentum: spec.momentum,
            epsilon: spec.epsilon,
            centered: spec.centered,
        }
    }

    /// rho·old + (1 − rho)·new
    fn mean<const D: usize>(&self, old: Tensor<D>, new: Tensor<D>) -> Tensor<D> {
        old.mul_scalar(self.rho) + new.mul_scalar(1.0 - self.rho)
    }
}

impl Optimizer for KerasRmsprop {
    type State<const D: usize> = RmspropState<D>;

    fn step<const D: usize>(
        &self,
        lr: LearningRate,
        weight: Tensor<D>,
        gradient: Tensor<D>,
        state: Option<RmspropState<D>>,
    ) -> (Tensor<D>, Option<RmspropState<D>>) {
        let state = state.unwrap_or_else(|| RmspropState {
            velocity: gradient.zeros_like(),
            average_gradient: self.centered.then(|| gradient.zeros_like()),
            momentum: (self.momentum > 0.0).then(|| gradient.zeros_like()),
        });
        let velocity = self.mean(state.velocity, gradient.clone().square());
        let average_gradient = state.average_gradient.map(|old| self.mean(old, gradient.clone()));
        let spread = match &average_gradient {
            Some(average) => velocity.clone() - average.clone().square(),
            None => velocity.clone(),
        };
        let step = gradient.mul_scalar(lr) / spread.add_scalar(self.epsilon).sqrt();
        let momentum = state.momentum.map(|last| last.mul_scalar(self.momentum) + step.clone());
        let weight = weight - momentum.clone().unwrap_or(step);
        (weight, Some(RmspropState { velocity, average_gradient, momentum }))
    }

    fn to_device<const D: usize>(state: RmspropState<D>, device: &Device) -> RmspropState<D> {
        RmspropState {
            velocity: state.velocity.to_device(device),
            average_gradient: state.average_gradient.map(|tensor| tensor.to_device(device)),
            momentum: state.momentum.map(|tensor| tensor.to_device(device)),
        }
    }
}

impl<const D: usize> RecordState for RmspropState<D> {
    fn state_flatten(&self, prefix: &str, out: &mut StateSink) {
        out.push_tensor(prefix, "velocity", self.velocity.to_data());
        if let Some(tensor) = &self.average_gradient {
            out.push_tensor(prefix, "average_gradient", tensor.to_data());
        }
        if let Some(tensor) = &self.momentum {
            out.push_tensor(prefix, "momentum", tensor.to_data());
        }
    }

    fn state_unflatten(prefix: &str, src: &mut StateSource, device: &Device) -> Option<Self> {
        let average_gradient = src.take_tensor(prefix, "average_gradient");
        let momentum = src.take_tensor(prefix, "momentum");
        Some(Self {
            velocity: Tensor::from_data(src.take_tensor(prefix, "velocity")?, device),
            average_gradient: average_gradient.map(|data| Tensor::from_data(data, device)),
            momentum: momentum.map(|data| Tensor::from_data(data, device)),
        })
    }
}
