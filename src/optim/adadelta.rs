//! Adadelta as Keras 3 computes it.

use burn::optim::{LearningRate, Optimizer, RecordState, StateSink, StateSource};
use burn::tensor::{Device, Tensor};

use crate::spec::Adadelta;

/// With `rms(x) = √(x + epsilon)`: `a ← rho·a + (1 − rho)·g²`, `d = −g · rms(b) / rms(a)`,
/// `b ← rho·b + (1 − rho)·d²`, then `w ← w + lr·d` (keras/src/optimizers/adadelta.py).
#[derive(Debug, Clone)]
pub struct KerasAdadelta {
    rho: f64,
    epsilon: f64,
}

/// Running means of the squares of gradients and steps.
#[derive(Clone)]
pub struct AdadeltaState<const D: usize> {
    accumulated_grad: Tensor<D>,
    accumulated_delta_var: Tensor<D>,
}

impl KerasAdadelta {
    /// The optimizer for a file's `adadelta:`.
    pub fn new(spec: &Adadelta) -> Self {
        Self { rho: spec.rho, epsilon: spec.epsilon }
    }

    /// rho·old + (1 − rho)·new
    fn mean<const D: usize>(&self, old: Tensor<D>, new: Tensor<D>) -> Tensor<D> {
        old.mul_scalar(self.rho) + new.mul_scalar(1.0 - self.rho)
    }

    fn rms<const D: usize>(&self, mean_square: Tensor<D>) -> Tensor<D> {
        mean_square.add_scalar(self.epsilon).sqrt()
    }
}

impl Optimizer for KerasAdadelta {
    type State<const D: usize> = AdadeltaState<D>;

    fn step<const D: usize>(
        &self,
        lr: LearningRate,
        weight: Tensor<D>,
        gradient: Tensor<D>,
        state: Option<AdadeltaState<D>>,
    ) -> (Tensor<D>, Option<AdadeltaState<D>>) {
        let state = state.unwrap_or_else(|| AdadeltaState {
            accumulated_grad: gradient.zeros_like(),
            accumulated_delta_var: gradient.zeros_like(),
        });
        let accumulated_grad = self.mean(state.accumulated_grad, gradient.clone().square());
        let step = self.rms(state.accumulated_delta_var.clone()) * gradient
            / self.rms(accumulated_grad.clone());
        let accumulated_delta_var = self.mean(state.accumulated_delta_var, step.clone().square());
        let weight = weight - step.mul_scalar(lr);
        (weight, Some(AdadeltaState { accumulated_grad, accumulated_delta_var }))
    }

    fn to_device<const D: usize>(state: AdadeltaState<D>, device: &Device) -> AdadeltaState<D> {
        AdadeltaState {
            accumulated_grad: state.accumulated_grad.to_device(device),
            accumulated_delta_var: state.accumulated_delta_var.to_device(device),
        }
    }
}

impl<const D: usize> RecordState for AdadeltaState<D> {
    fn state_flatten(&self, prefix: &str, out: &mut StateSink) {
        out.push_tensor(prefix, "accumulated_grad", self.accumulated_grad.to_data());
        out.push_tensor(prefix, "accumulated_delta_var", self.accumulated_delta_var.to_data());
    }

    fn state_unflatten(prefix: &str, src: &mut StateSource, device: &Device) -> Option<Self> {
        Some(Self {
            accumulated_grad: Tensor::from_data(
                src.take_tensor(prefix, "accumulated_grad")?,
                device,
            ),
            accumulated_delta_var: Tensor::from_data(
                src.take_tensor(prefix, "accumulated_delta_var")?,
                device,
            ),
        })
    }
}
