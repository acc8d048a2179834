//! Nadam as Keras 3 computes it.

use burn::optim::{LearningRate, Optimizer, RecordState, StateSink, StateSource};
use burn::tensor::{Device, Tensor};

use crate::spec::Nadam;

/// Adam whose step looks one step ahead (Dozat 2016), as in keras/src/optimizers/nadam.py. With
/// `uₜ = beta_1·(1 − 0.96ᵗ / 2)` and `Uₜ = u₁·…·uₜ`:
///
/// `m ← m + (g − m)·(1 − beta_1)`, `v ← v + (g² − v)·(1 − beta_2)`,
/// `m̂ = uₜ₊₁·m / (1 − Uₜ₊₁) + (1 − uₜ)·g / (1 − Uₜ)`, `v̂ = v / (1 − beta_2ᵗ)`, then
/// `w ← w − lr·m̂ / (√v̂ + epsilon)`.
#[derive(Debug, Clone)]
pub struct KerasNadam {
    beta_1: f64,
    beta_2: f64,
    epsilon: f64,
}

/// Running means of the gradient and of its square, the number of steps taken, and the product of
/// all `u` so far.
#[derive(Clone)]
pub struct NadamState<const D: usize> {
    momentum: Tensor<D>,
    velocity: Tensor<D>,
    steps: usize,
    u_product: f64,
}

impl KerasNadam {
    /// The optimizer for a file's `nadam:`.
    pub fn new(spec: &Nadam) -> Self {
        Self { beta_1: spec.beta_1, beta_2: spec.beta_2, epsilon: spec.epsilon }
    }

    /// Momentum's share in a step; it warms up over the first hundred or so.
    fn u(&self, step: usize) -> f64 {
        self.beta_1 * (1.0 - 0.5 * 0.96_f64.powf(step as f64))
    }
}

impl Optimizer for KerasNadam {
    type State<const D: usize> = NadamState<D>;

    fn step<const D: usize>(
        &self,
        lr: LearningRate,
        weight: Tensor<D>,
        gradient: Tensor<D>,
        state: Option<NadamState<D>>,
    ) -> (Tensor<D>, Option<NadamState<D>>) {
        let state = state.unwrap_or_else(|| NadamState {
            momentum: gradient.zeros_like(),
            velocity: gradient.zeros_like(),
            steps: 0,
            u_product: 1.0,
        });
        let steps = state.steps + 1;
        let (u, next_u) = (self.u(steps), self.u(steps + 1));
        let u_product = state.u_product * u;
        let square = gradient.clone().square();
        let momentum = state.momentum.clone()
            + (gradient.clone() - state.momentum).mul_scalar(1.0 - self.beta_1);
        let velocity =
            state.velocity.clone() + (square - state.velocity).mul_scalar(1.0 - self.beta_2);
        let ahead = momentum.clone().mul_scalar(next_u / (1.0 - u_product * next_u))
            + gradient.mul_scalar((1.0 - u) / (1.0 - u_product));
        let spread = velocity.clone().div_scalar(1.0 - self.beta_2.powf(steps as f64));
        let step = ahead.mul_scalar(lr) / spread.sqrt().add_scalar(self.epsilon);
        (weight - step, Some(NadamState { momentum, velocity, steps, u_product }))
    }

    fn to_device<const D: usize>(state: NadamState<D>, device: &Device) -> NadamState<D> {
        NadamState {
            momentum: state.momentum.to_device(device),
            velocity: state.velocity.to_device(device),
            steps: state.steps,
            u_product: state.u_product,
        }
    }
}

impl<const D: usize> RecordState for NadamState<D> {
    fn state_flatten(&self, prefix: &str, out: &mut StateSink) {
        out.push_tensor(prefix, "momentum", self.momentum.to_data());
        out.push_tensor(prefix, "velocity", self.velocity.to_data());
        out.push_scalar(prefix, "steps", self.steps.into());
        out.push_scalar(prefix, "u_product", self.u_product.into());
    }

    fn state_unflatten(prefix: &str, src: &mut StateSource, device: &Device) -> Option<Self> {
        Some(Self {
            momentum: Tensor::from_data(src.take_tensor(prefix, "momentum")?, device),
            velocity: Tensor::from_data(src.take_tensor(prefix, "velocity")?, device),
            steps: usize::try_from(src.take_scalar(prefix, "steps")?).ok()?,
            u_product: f64::try_from(src.take_scalar(prefix, "u_product")?).ok()?,
        })
    }
}
