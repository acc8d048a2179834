//! Adagrad as Keras 3 computes it.

use burn::optim::{LearningRate, Optimizer, RecordState, StateSink, StateSource};
use burn::tensor::{Device, Tensor};

use crate::spec::Adagrad;

/// `a ← a + g²`, then `w ← w − lr·g / √(a + epsilon)` (keras/src/optimizers/adagrad.py). burn
/// begins with a sum of zero and adds epsilon outside the root.
#[derive(Debug, Clone)]
pub struct KerasAdagrad {
    initial_accumulator_value: f64,
    epsilon: f64,
}

/// The sum of all squared gradients.
#[derive(Clone)]
pub struct AdagradState<const D: usize> {
    accumulator: Tensor<D>,
}

impl KerasAdagrad {
    /// The optimizer for a file's `adagrad:`.
    pub fn new(spec: &Adagrad) -> Self {
        Self { initial_accumulator_value: spec.initial_accumulator_value, epsilon: spec.epsilon }
    }
}

impl Optimizer for KerasAdagrad {
    type State<const D: usize> = AdagradState<D>;

    fn step<const D: usize>(
        &self,
        lr: LearningRate,
        weight: Tensor<D>,
        gradient: Tensor<D>,
        state: Option<AdagradState<D>>,
    ) -> (Tensor<D>, Option<AdagradState<D>>) {
        let square = gradient.clone().square();
        let accumulator = match state {
            Some(state) => state.accumulator + square,
            None => square.add_scalar(self.initial_accumulator_value),
        };
        let step = gradient.mul_scalar(lr) / accumulator.clone().add_scalar(self.epsilon).sqrt();
        (weight - step, Some(AdagradState { accumulator }))
    }

    fn to_device<const D: usize>(state: AdagradState<D>, device: &Device) -> AdagradState<D> {
        AdagradState { accumulator: state.accumulator.to_device(device) }
    }
}

impl<const D: usize> RecordState for AdagradState<D> {
    fn state_flatten(&self, prefix: &str, out: &mut StateSink) {
        out.push_tensor(prefix, "accumulator", self.accumulator.to_data());
    }

    fn state_unflatten(prefix: &str, src: &mut StateSource, device: &Device) -> Option<Self> {
        Some(Self {
            accumulator: Tensor::from_data(src.take_tensor(prefix, "accumulator")?, device),
        })
    }
}
