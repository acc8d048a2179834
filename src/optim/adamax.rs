//! Adamax as Keras 3 computes it.

use burn::optim::{LearningRate, Optimizer, RecordState, StateSink, StateSource};
use burn::tensor::{Device, Tensor};

use crate::spec::Adamax;

/// `m ← m + (g − m)·(1 − beta_1)`, `u ← max(beta_2·u, |g|)`, then
/// `w ← w − lr·m / ((1 − beta_1ᵗ)·(u + epsilon))` (keras/src/optimizers/adamax.py).
#[derive(Debug, Clone)]
pub struct KerasAdamax {
    beta_1: f64,
    beta_2: f64,
    epsilon: f64,
}

/// Running mean of the gradient, decaying maximum of its size, and the number of steps taken.
#[derive(Clone)]
pub struct AdamaxState<const D: usize> {
    momentum: Tensor<D>,
    norm: Tensor<D>,
    steps: usize,
}

impl KerasAdamax {
    /// The optimizer for a file's `adamax:`.
    pub fn new(spec: &Adamax) -> Self {
        Self { beta_1: spec.beta_1, beta_2: spec.beta_2, epsilon: spec.epsilon }
    }
}

impl Optimizer for KerasAdamax {
    type State<const D: usize> = AdamaxState<D>;

    fn step<const D: usize>(
        &self,
        lr: LearningRate,
        weight: Tensor<D>,
        gradient: Tensor<D>,
        state: Option<AdamaxState<D>>,
    ) -> (Tensor<D>, Option<AdamaxState<D>>) {
        let state = state.unwrap_or_else(|| AdamaxState {
            momentum: gradient.zeros_like(),
            norm: gradient.zeros_like(),
            steps: 0,
        });
        let steps = state.steps + 1;
        let norm = state.norm.mul_scalar(self.beta_2).max_pair(gradient.clone().abs());
        let momentum =
            state.momentum.clone() + (gradient - state.momentum).mul_scalar(1.0 - self.beta_1);
        let rate = lr / (1.0 - self.beta_1.powf(steps as f64));
        let step = momentum.clone().mul_scalar(rate) / norm.clone().add_scalar(self.epsilon);
        (weight - step, Some(AdamaxState { momentum, norm, steps }))
    }

    fn to_device<const D: usize>(state: AdamaxState<D>, device: &Device) -> AdamaxState<D> {
        AdamaxState {
            momentum: state.momentum.to_device(device),
            norm: state.norm.to_device(device),
            steps: state.steps,
        }
    }
}

impl<const D: usize> RecordState for AdamaxState<D> {
    fn state_flatten(&self, prefix: &str, out: &mut StateSink) {
        out.push_tensor(prefix, "momentum", self.momentum.to_data());
        out.push_tensor(prefix, "norm", self.norm.to_data());
        out.push_scalar(prefix, "steps", self.steps.into());
    }

    fn state_unflatten(prefix: &str, src: &mut StateSource, device: &Device) -> Option<Self> {
        Some(Self {
            momentum: Tensor::from_data(src.take_tensor(prefix, "momentum")?, device),
            norm: Tensor::from_data(src.take_tensor(prefix, "norm")?, device),
            steps: usize::try_from(src.take_scalar(prefix, "steps")?).ok()?,
        })
    }
}
