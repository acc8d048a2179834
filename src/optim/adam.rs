//! Adam and AdamW as Keras 3 computes them.

use burn::optim::{LearningRate, Optimizer, RecordState, StateSink, StateSource};
use burn::tensor::{Device, Tensor};

use crate::backend::has_fused_kernels;
use crate::kernels::update::{self, AdamFactors};
use crate::spec::{Adam, Adamw};

/// Adam (Kingma & Ba 2015) in the form of the paper's section 2, as in
/// keras/src/optimizers/adam.py: the bias corrections are in the step size, so that epsilon is
/// added to the root of the *uncorrected* second moment. burn adds it to the corrected one.
/// AdamW (adamw.py) is the same with weight decay, which is [`super::decay`]'s part.
#[derive(Debug, Clone)]
pub struct KerasAdam {
    beta_1: f64,
    beta_2: f64,
    epsilon: f64,
    amsgrad: bool,
}

/// Running means of the gradient and of its square, the largest of the latter (with `amsgrad`), and
/// the number of steps taken.
#[derive(Clone)]
pub struct AdamState<const D: usize> {
    momentum: Tensor<D>,
    velocity: Tensor<D>,
    velocity_hat: Option<Tensor<D>>,
    steps: usize,
}

impl KerasAdam {
    /// The optimizer for a file's `adam:`.
    pub fn new(spec: &Adam) -> Self {
        let Adam { beta_1, beta_2, epsilon, amsgrad, .. } = *spec;
        Self { beta_1, beta_2, epsilon, amsgrad }
    }

    /// The optimizer for a file's `adamw:`, but for its weight decay.
    pub fn of_adamw(spec: &Adamw) -> Self {
        let Adamw { beta_1, beta_2, epsilon, amsgrad, .. } = *spec;
        Self { beta_1, beta_2, epsilon, amsgrad }
    }
}

impl Optimizer for KerasAdam {
    type State<const D: usize> = AdamState<D>;

    fn step<const D: usize>(
        &self,
        lr: LearningRate,
        weight: Tensor<D>,
        gradient: Tensor<D>,
        state: Option<AdamState<D>>,
    ) -> (Tensor<D>, Option<AdamState<D>>) {
        let state = state.unwrap_or_else(|| AdamState {
            momentum: gradient.zeros_like(),
            velocity: gradient.zeros_like(),
            velocity_hat: self.amsgrad.then(|| gradient.zeros_like()),
            steps: 0,
        });
        let steps = state.steps + 1;
        let t = steps as f64;
        let rate = lr * (1.0 - self.beta_2.powf(t)).sqrt() / (1.0 - self.beta_1.powf(t));
        if !self.amsgrad && has_fused_kernels(&weight.device()) {
            let factors = AdamFactors {
                new_momentum: 1.0 - self.beta_1,
                new_velocity: 1.0 - self.beta_2,
                rate,
                epsilon: self.epsilon,
            };
            let tensors = [weight, state.momentum, state.velocity, gradient];
            let [weight, momentum, velocity] = update::adam(tensors, factors);
            return (weight, Some(AdamState { momentum, velocity, velocity_hat: None, steps }));
        }
        let square = gradient.clone() * gradient.clone();
        let momentum =
            state.momentum.clone() + (gradient - state.momentum).mul_scalar(1.0 - self.beta_1);
        let velocity =
            state.velocity.clone() + (square - state.velocity).mul_scalar(1.0 - self.beta_2);
        let velocity_hat = state.velocity_hat.map(|largest| largest.max_pair(velocity.clone()));
        let spread = velocity_hat.as_ref().unwrap_or(&velocity).clone();
        let step = momentum.clone().mul_scalar(rate) / spread.sqrt().add_scalar(self.epsilon);
        (weight - step, Some(AdamState { momentum, velocity, velocity_hat, steps }))
    }

    fn to_device<const D: usize>(state: AdamState<D>, device: &Device) -> AdamState<D> {
        AdamState {
            momentum: state.momentum.to_device(device),
            velocity: state.velocity.to_device(device),
            velocity_hat: state.velocity_hat.map(|tensor| tensor.to_device(device)),
            steps: state.steps,
        }
    }
}

impl<const D: usize> RecordState for AdamState<D> {
    fn state_flatten(&self, prefix: &str, out: &mut StateSink) {
        out.push_tensor(prefix, "momentum", self.momentum.to_data());
        out.push_tensor(prefix, "velocity", self.velocity.to_data());
        if let Some(tensor) = &self.velocity_hat {
            out.push_tensor(prefix, "velocity_hat", tensor.to_data());
        }
        out.push_scalar(prefix, "steps", self.steps.into());
    }

    fn state_unflatten(prefix: &str, src: &mut StateSource, device: &Device) -> Option<Self> {
        let velocity_hat = src.take_tensor(prefix, "velocity_hat");
        Some(Self {
            momentum: Tensor::from_data(src.take_tensor(prefix, "momentum")?, device),
            velocity: Tensor::from_data(src.take_tensor(prefix, "velocity")?, device),
            velocity_hat: velocity_hat.map(|data| Tensor::from_data(data, device)),
            steps: usize::try_from(src.take_scalar(prefix, "steps")?).ok()?,
        })
    }
}
