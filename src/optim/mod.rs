//! Optimizers as built, with Keras' formulas where burn's differ.
//!
//! Each is one file that implements burn's [`Optimizer`](burn::optim::Optimizer) trait for one
//! parameter; burn's `ModuleOptimizer` applies it to a whole network and keeps the state.

mod adam;
mod sgd;

use burn::optim::ModuleOptimizer;

use crate::spec::OptimizerSpec;

/// Builds the optimizer that a file asks for.
pub fn build(spec: &OptimizerSpec) -> ModuleOptimizer {
    match spec {
        OptimizerSpec::Sgd(sgd) => sgd::KerasSgd::new(sgd).into(),
        OptimizerSpec::Adam(adam) => adam::KerasAdam::new(adam).into(),
    }
}
