//! Weight decay beside an optimizer, as Keras 3 does it for all of them.

use burn::optim::{LearningRate, Optimizer};
use burn::tensor::{Device, Tensor};

/// Before the optimizer's own step, `w ← w − w·decay·lr`, for every trained weight, biases and
/// normalization's included (`_apply_weight_decay` in keras/src/optimizers/base_optimizer.py).
#[derive(Debug, Clone)]
pub struct Decayed<O> {
    /// None leaves the weights to the optimizer.
    pub decay: Option<f64>,
    /// The optimizer.
    pub optimizer: O,
}

impl<O: Optimizer> Optimizer for Decayed<O> {
    type State<const D: usize> = O::State<D>;

    fn step<const D: usize>(
        &self,
        lr: LearningRate,
        weight: Tensor<D>,
        gradient: Tensor<D>,
        state: Option<O::State<D>>,
    ) -> (Tensor<D>, Option<O::State<D>>) {
        let weight = match self.decay {
            Some(decay) => weight.clone() - weight.mul_scalar(decay * lr),
            None => weight,
        };
        self.optimizer.step(lr, weight, gradient, state)
    }

    fn to_device<const D: usize>(state: O::State<D>, device: &Device) -> O::State<D> {
        O::to_device(state, device)
    }
}
