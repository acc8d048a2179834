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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::backend;
    use crate::spec::BackendName;
    use burn::nn::{Linear, LinearConfig};
    use burn::tensor::{Tensor, TensorData};
    use serde_json::json;

    /// A step towards an output of zero.
    fn step(optimizer: &mut NetworkOptimizer, network: Linear, input: &Tensor<2>) -> Linear {
        let output = network.forward(input.clone());
        let gradients =
            GradientsParams::from_grads((output.clone() * output).mean().backward(), &network);
        optimizer.step(0.1, network, gradients)
    }

    #[test]
    fn the_state_of_every_optimizer_is_written_and_read_whole() {
        let device = backend::open(BackendName::Flex).unwrap().device.autodiff();
        let input = TensorData::from([[1.0_f32, -2.0, 0.5], [0.3, 0.8, -1.0]]);
        let input = Tensor::<2>::from_data(input, &device);
        for spec in [
            json!({"sgd": {"momentum": 0.9}}),
            json!({"rmsprop": {"momentum": 0.9, "centered": true}}),
            json!({"adagrad": {}}),
            json!({"adadelta": {}}),
            json!({"adam": {"amsgrad": true}}),
            json!({"adamax": {}}),
            json!({"nadam": {}}),
            json!({"adamw": {}}),
            json!({"lion": {}}),
        ] {
            let name = spec.to_string();
            let spec: OptimizerSpec = serde_json::from_value(spec).unwrap();
            let network = LinearConfig::new(3, 2).init(&device);
            let mut optimizer = build(&spec);
            let network = step(&mut optimizer, network, &input);
            let network = step(&mut optimizer, network, &input);

            let record = optimizer.optimizer.to_record();
            let mut read = build(&spec);
            read.optimizer = read.optimizer.load_record(record);
            let went_on = step(&mut optimizer, network.clone(), &input);
            let came_back = step(&mut read, network, &input);
            assert_eq!(
                went_on.weight.val().into_data(),
                came_back.weight.val().into_data(),
                "{name}"
            );
        }
    }
}
