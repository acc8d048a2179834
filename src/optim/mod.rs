//! Optimizers and schedules as built, with Keras' formulas where burn's differ.
//!
//! Each optimizer is one file that implements burn's [`Optimizer`](burn::optim::Optimizer) trait
//! for one parameter; burn's `ModuleOptimizer` applies it to a whole network and keeps the state.
//! Weight decay and clipping are the same for all of them.

mod adadelta;
mod adagrad;
mod adam;
mod adamax;
mod clip;
mod decay;
mod lion;
mod nadam;
mod rmsprop;
mod schedule;
mod sgd;

use burn::module::Module;
use burn::optim::{GradientsParams, ModuleOptimizer, Optimizer};

use crate::spec::{Clipping, OptimizerSpec};

pub use schedule::Schedule;

/// Builds the optimizer that a file asks for.
pub fn build(spec: &OptimizerSpec) -> NetworkOptimizer {
    match spec {
        OptimizerSpec::Sgd(keys) => with_common_keys(spec, sgd::KerasSgd::new(keys)),
        OptimizerSpec::Rmsprop(keys) => with_common_keys(spec, rmsprop::KerasRmsprop::new(keys)),
        OptimizerSpec::Adagrad(keys) => with_common_keys(spec, adagrad::KerasAdagrad::new(keys)),
        OptimizerSpec::Adadelta(keys) => with_common_keys(spec, adadelta::KerasAdadelta::new(keys)),
        OptimizerSpec::Adam(keys) => with_common_keys(spec, adam::KerasAdam::new(keys)),
        OptimizerSpec::Adamax(keys) => with_common_keys(spec, adamax::KerasAdamax::new(keys)),
        OptimizerSpec::Nadam(keys) => with_common_keys(spec, nadam::KerasNadam::new(keys)),
        OptimizerSpec::Adamw(keys) => with_common_keys(spec, adam::KerasAdam::of_adamw(keys)),
        OptimizerSpec::Lion(keys) => with_common_keys(spec, lion::KerasLion::new(keys)),
    }
}

fn with_common_keys(spec: &OptimizerSpec, optimizer: impl Optimizer) -> NetworkOptimizer {
    NetworkOptimizer {
        clipping: spec.clipping(),
        optimizer: decay::Decayed { decay: spec.weight_decay(), optimizer }.into(),
    }
}

/// An optimizer with its state for every parameter of one network.
#[derive(Clone)]
pub struct NetworkOptimizer {
    clipping: Clipping,
    optimizer: ModuleOptimizer,
}

impl NetworkOptimizer {
    /// One step of all parameters that have a gradient: clip, decay, step, in Keras' order.
    pub fn step<M: Module>(
        &mut self,
        learning_rate: f64,
        network: M,
        gradients: GradientsParams,
    ) -> M {
        let gradients = clip::clip(self.clipping, gradients, &network);
        self.optimizer.step(learning_rate, network, gradients)
    }
}
