//! Lion as Keras 3 computes it.

use burn::optim::{LearningRate, Optimizer, RecordState, StateSink, StateSource};
use burn::tensor::{Device, Tensor};

use crate::spec::Lion;

/// `w ← w − lr·sign(beta_1·m + (1 − beta_1)·g)`, then `m ← beta_2·m + (1 − beta_2)·g`
/// (keras/src/optimizers/lion.py).
#[derive(Debug, Clone)]
pub struct KerasLion {
    beta_1: f64,
    beta_2: f64,
}

/// Running mean of the gradient.
#[derive(Clone)]
pub struct LionState<const D: usize> {
    momentum: Tensor<D>,
}

impl KerasLion {
    /// The optimizer for a file's `lion:`.
    pub fn new(spec: &Lion) -> Self {
        Self { beta_1: spec.beta_1, beta_2: spec.beta_2 }
    }
}

impl Optimizer for KerasLion {
    type State<const D: usize> = LionState<D>;

    fn step<const D: usize>(
        &self,
        lr: LearningRate,
        weight: Tensor<D>,
        gradient: Tensor<D>,
        state: Option<LionState<D>>,
    ) -> (Tensor<D>, Option<LionState<D>>) {
        let old = match state {
            Some(state) => state.momentum,
            None => gradient.zeros_like(),
        };
        let mixed =
            |beta: f64| old.clone().mul_scalar(beta) + gradient.clone().mul_scalar(1.0 - beta);
        let weight = weight - mixed(self.beta_1).sign().mul_scalar(lr);
        (weight, Some(LionState { momentum: mixed(self.beta_2) }))
    }

    fn to_device<const D: usize>(state: LionState<D>, device: &Device) -> LionState<D> {
        LionState { momentum: state.momentum.to_device(device) }
    }
}

impl<const D: usize> RecordState for LionState<D> {
    fn state_flatten(&self, prefix: &str, out: &mut StateSink) {
        out.push_tensor(prefix, "momentum", self.momentum.to_data());
    }

    fn state_unflatten(prefix: &str, src: &mut StateSource, device: &Device) -> Option<Self> {
        Some(Self { momentum: Tensor::from_data(src.take_tensor(prefix, "momentum")?, device) })
    }
}
