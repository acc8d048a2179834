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
    use crate::spec::{self, BackendName};
    use burn::optim::{RecordState, StateSink, StateSource};
    use burn::tensor::{Tensor, TensorData};

    /// Two steps, the state written and read, and a third step with either. burn's `load_record`
    /// does the same for a whole network, but on burn's default device, which is a GPU.
    fn goes_on_as_before<O: Optimizer>(optimizer: &O) {
        let device = backend::open(BackendName::Flex).unwrap().device;
        let tensor = |numbers: [f32; 3]| Tensor::<1>::from_data(TensorData::from(numbers), &device);
        let (weight, state) =
            optimizer.step(0.1, tensor([0.5, -1.0, 2.0]), tensor([0.3, -0.2, 0.7]), None);
        let (weight, state) = optimizer.step(0.1, weight, tensor([-0.1, 0.4, 0.6]), state);
        let state = state.expect("it has a state");

        let mut sink = StateSink::default();
        state.state_flatten("here", &mut sink);
        let mut source = StateSource::new(sink.scalars.into_iter().collect());
        for (name, data) in sink.tensors {
            source.insert_tensor(name, data);
        }
        let read = O::State::<1>::state_unflatten("here", &mut source, &device);

        let third = |state| {
            // Small and the other way: even signs depend on what was before.
            let gradient = tensor([0.001, 0.002, -0.005]);
            optimizer.step(0.1, weight.clone(), gradient, state).0.into_data()
        };
        let expected = third(Some(state));
        assert_ne!(expected, third(None), "the state matters");
        assert_eq!(expected, third(Some(read.expect("all of it is there"))));
    }

    #[test]
    fn the_state_of_every_optimizer_is_written_and_read_whole() {
        let sgd = spec::Sgd { momentum: 0.9, ..spec::Sgd::default() };
        goes_on_as_before(&sgd::KerasSgd::new(&sgd));
        let rmsprop = spec::Rmsprop { momentum: 0.9, centered: true, ..spec::Rmsprop::default() };
        goes_on_as_before(&rmsprop::KerasRmsprop::new(&rmsprop));
        goes_on_as_before(&adagrad::KerasAdagrad::new(&spec::Adagrad::default()));
        goes_on_as_before(&adadelta::KerasAdadelta::new(&spec::Adadelta::default()));
        // The third step's mean square would be below the largest.
        let adam = spec::Adam { amsgrad: true, beta_2: 0.5, ..spec::Adam::default() };
        goes_on_as_before(&adam::KerasAdam::new(&adam));
        goes_on_as_before(&adamax::KerasAdamax::new(&spec::Adamax::default()));
        goes_on_as_before(&nadam::KerasNadam::new(&spec::Nadam::default()));
        goes_on_as_before(&adam::KerasAdam::of_adamw(&spec::Adamw::default()));
        goes_on_as_before(&lion::KerasLion::new(&spec::Lion::default()));
    }
}
