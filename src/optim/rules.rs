//! What each optimizer remembers of a weight, and the step that it takes, with Keras' formulas where
//! burn's differ.
//!
//! In the formulas t is the number of the step, from 1, and lr the learning rate. All are those of
//! keras/src/optimizers.

use serde::{Deserialize, Serialize};

use crate::kernels::rules::{Clip, Rule, Step};
use crate::spec::{Adam, Adamw, Clipping, OptimizerSpec, Sgd};

/// What an optimizer knows of a parameter beside a number for each weight.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct History {
    /// Steps taken.
    pub steps: u64,
    /// Nadam's product of all `u` so far.
    pub u_product: f64,
}

impl Default for History {
    fn default() -> Self {
        Self { steps: 0, u_product: 1.0 }
    }
}

/// Names of the numbers that are remembered of each weight, in the rule's order.
pub fn memory(spec: &OptimizerSpec) -> Vec<&'static str> {
    let optional = |name: &'static str, is_there: bool| is_there.then_some(name);
    match spec {
        OptimizerSpec::Sgd(Sgd { momentum, .. }) => {
            optional("velocity", *momentum != 0.0).into_iter().collect()
        }
        OptimizerSpec::Rmsprop(keys) => ["velocity"]
            .into_iter()
            .chain(optional("average_gradient", keys.centered))
            .chain(optional("momentum", keys.momentum > 0.0))
            .collect(),
        OptimizerSpec::Adagrad(_) => vec!["accumulator"],
        OptimizerSpec::Adadelta(_) => vec!["accumulated_grad", "accumulated_delta_var"],
        OptimizerSpec::Adam(Adam { amsgrad, .. }) | OptimizerSpec::Adamw(Adamw { amsgrad, .. }) => {
            let moments = ["momentum", "velocity"].into_iter();
            moments.chain(optional("velocity_hat", *amsgrad)).collect()
        }
        OptimizerSpec::Adamax(_) => vec!["momentum", "norm"],
        OptimizerSpec::Nadam(_) => vec!["momentum", "velocity"],
        OptimizerSpec::Lion(_) => vec!["momentum"],
    }
}

/// What is remembered before the first step.
pub fn first_memory(spec: &OptimizerSpec) -> f64 {
    match spec {
        // burn begins with 0.
        OptimizerSpec::Adagrad(keys) => keys.initial_accumulator_value,
        OptimizerSpec::Sgd(_)
        | OptimizerSpec::Rmsprop(_)
        | OptimizerSpec::Adadelta(_)
        | OptimizerSpec::Adam(_)
        | OptimizerSpec::Adamax(_)
        | OptimizerSpec::Nadam(_)
        | OptimizerSpec::Adamw(_)
        | OptimizerSpec::Lion(_) => 0.0,
    }
}

/// How gradients are clipped, if at all.
pub fn clip(clipping: Clipping) -> Option<Clip> {
    match clipping {
        Clipping { clipnorm: Some(limit), .. } => Some(Clip::Norm(limit as f32)),
        Clipping { global_clipnorm: Some(limit), .. } => {
            Some(Clip::GlobalNorm { limit: limit as f32, inverse: (1.0 / limit) as f32 })
        }
        Clipping { clipvalue: Some(limit), .. } => Some(Clip::Value(limit as f32)),
        Clipping { clipnorm: None, clipvalue: None, global_clipnorm: None } => None,
    }
}

/// The next step, of gradients that are clipped. Before an optimizer's own, every trained weight loses a share of itself, biases and
/// normalization's included: w ← w − w · decay · lr (`_apply_weight_decay` in base_optimizer.py).
pub fn step(spec: &OptimizerSpec, rate: f64, history: &mut History) -> Step {
    history.steps += 1;
    let decay = spec.weight_decay().map(|decay| (decay * rate) as f32);
    Step { clip: None, decay, rule: rule(spec, rate, history) }
}

fn rule(spec: &OptimizerSpec, lr: f64, history: &mut History) -> Rule {
    let rate = lr as f32;
    let t = history.steps as f64;
    match spec {
        // sgd.py. burn keeps the velocity without the learning rate, which differs as soon as the
        // rate changes.
        OptimizerSpec::Sgd(keys) if keys.momentum == 0.0 => Rule::Sgd { rate },
        OptimizerSpec::Sgd(keys) => {
            Rule::Momentum { rate, momentum: keys.momentum as f32, nesterov: keys.nesterov }
        }
        // rmsprop.py. burn adds epsilon outside the root and keeps the momentum without the rate.
        OptimizerSpec::Rmsprop(keys) => Rule::Rmsprop {
            rate,
            old: keys.rho as f32,
            new: (1.0 - keys.rho) as f32,
            epsilon: keys.epsilon as f32,
            centered: keys.centered,
            momentum: (keys.momentum > 0.0).then_some(keys.momentum as f32),
        },
        // adagrad.py. burn adds epsilon outside the root.
        OptimizerSpec::Adagrad(keys) => Rule::Adagrad { rate, epsilon: keys.epsilon as f32 },
        // adadelta.py
        OptimizerSpec::Adadelta(keys) => Rule::Adadelta {
            rate,
            old: keys.rho as f32,
            new: (1.0 - keys.rho) as f32,
            epsilon: keys.epsilon as f32,
        },
        OptimizerSpec::Adam(Adam { beta_1, beta_2, epsilon, amsgrad, .. })
        | OptimizerSpec::Adamw(Adamw { beta_1, beta_2, epsilon, amsgrad, .. }) => {
            adam(lr, [*beta_1, *beta_2, *epsilon], *amsgrad, t)
        }
        // adamax.py
        OptimizerSpec::Adamax(keys) => Rule::Adamax {
            rate: (lr / (1.0 - keys.beta_1.powf(t))) as f32,
            first: (1.0 - keys.beta_1) as f32,
            decay: keys.beta_2 as f32,
            epsilon: keys.epsilon as f32,
        },
        // Dozat 2016, nadam.py. With uₜ = beta_1 · (1 − 0.96ᵗ / 2) and Uₜ = u₁ · … · uₜ the step goes
        // along uₜ₊₁ · m / (1 − Uₜ₊₁) + (1 − uₜ) · g / (1 − Uₜ).
        OptimizerSpec::Nadam(keys) => {
            let u = |step: f64| keys.beta_1 * (1.0 - 0.5 * 0.96_f64.powf(step));
            let (now, next) = (u(t), u(t + 1.0));
            history.u_product *= now;
            Rule::Nadam {
                rate,
                first: (1.0 - keys.beta_1) as f32,
                second: (1.0 - keys.beta_2) as f32,
                ahead: (next / (1.0 - history.u_product * next)) as f32,
                now: ((1.0 - now) / (1.0 - history.u_product)) as f32,
                correction: (1.0 - keys.beta_2.powf(t)) as f32,
                epsilon: keys.epsilon as f32,
            }
        }
        // lion.py
        OptimizerSpec::Lion(keys) => {
            let shares = |beta: f64| [beta, 1.0 - beta].map(|share| share as f32);
            Rule::Lion { rate, mixed: shares(keys.beta_1), kept: shares(keys.beta_2) }
        }
    }
}

/// Kingma & Ba 2015 in the form of the paper's section 2, as in adam.py: the bias corrections are in the
/// step size, so that epsilon is added to the root of the *uncorrected* second moment. burn adds it to
/// the corrected one. AdamW (adamw.py) is the same with weight decay.
fn adam(lr: f64, [beta_1, beta_2, epsilon]: [f64; 3], amsgrad: bool, t: f64) -> Rule {
    Rule::Adam {
        rate: (lr * (1.0 - beta_2.powf(t)).sqrt() / (1.0 - beta_1.powf(t))) as f32,
        first: (1.0 - beta_1) as f32,
        second: (1.0 - beta_2) as f32,
        epsilon: epsilon as f32,
        amsgrad,
    }
}
