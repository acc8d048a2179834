//! Optimizers and schedules as built, with Keras' formulas where burn's differ.
//!
//! Each optimizer is one file that implements burn's [`Optimizer`](burn::optim::Optimizer) trait
//! for one parameter; [`NetworkOptimizer`] applies it to a whole network and keeps the state, which
//! [`OptimizerState`] is outside of it. Weight decay and clipping are the same for all of them.

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
mod state;

use std::sync::Arc;

use burn::module::{Module, ModuleMapper, Param};
use burn::optim::{DynOptimizer, DynState, GradientsParams, Optimizer};
use burn::tensor::{Device, Tensor};

use crate::spec::{Clipping, OptimizerSpec};

pub use schedule::Schedule;
pub use state::{Number, OptimizerState, StateTensor};

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

/// Whether a step subtracts gradients times the rate, and looks at nothing else.
pub fn is_plain_descent(spec: &OptimizerSpec) -> bool {
    let OptimizerSpec::Sgd(keys) = spec else { return false };
    keys.momentum == 0.0 && spec.clipping() == Clipping::default() && spec.weight_decay().is_none()
}

fn with_common_keys(spec: &OptimizerSpec, optimizer: impl Optimizer) -> NetworkOptimizer {
    NetworkOptimizer {
        clipping: spec.clipping(),
        rule: Arc::new(decay::Decayed { decay: spec.weight_decay(), optimizer }),
        states: Vec::new(),
    }
}

/// An optimizer with its state for every parameter of one network.
///
/// burn's `ModuleOptimizer` does the same, but reads states back only by way of burn's default
/// device, which is a GPU, and under numbers that each process draws anew.
#[derive(Clone)]
pub struct NetworkOptimizer {
    clipping: Clipping,
    rule: Arc<dyn DynOptimizer>,
    /// One for each parameter of the network, in burn's order.
    states: Vec<Option<DynState>>,
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
        let rule = &*self.rule;
        network.map(&mut Step { rule, learning_rate, gradients, states: &mut self.states, next: 0 })
    }

    /// The state as plain numbers.
    pub fn state(&self) -> OptimizerState {
        OptimizerState::of(&*self.rule, &self.states)
    }

    /// The optimizer with the state of another one of its kind, on the device of the gradients.
    ///
    /// # Errors
    /// When the state is that of another kind of optimizer.
    pub fn with_state(mut self, state: &OptimizerState, device: &Device) -> anyhow::Result<Self> {
        self.states = state.restore(&*self.rule, device)?;
        Ok(self)
    }
}

/// One step, on its way through the parameters of a network.
struct Step<'a> {
    rule: &'a dyn DynOptimizer,
    learning_rate: f64,
    gradients: GradientsParams,
    states: &'a mut Vec<Option<DynState>>,
    /// The number of the next parameter.
    next: usize,
}

impl ModuleMapper for Step<'_> {
    fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
        let number = self.next;
        self.next += 1;
        if self.states.len() < self.next {
            self.states.push(None);
        }
        let Some(gradient) = self.gradients.remove::<D>(param.id) else { return param };
        let (id, weight, mapper) = param.consume();
        let (weight, state) = self.rule.step_dyn(
            D,
            self.learning_rate,
            weight.inner().into_bridge(),
            gradient.into_bridge(),
            self.states[number].take(),
        );
        self.states[number] = state;
        // What had a gradient wants one in the next step, too.
        let weight = Tensor::from_inner(Tensor::<D>::from_bridge(weight)).require_grad();
        Param::from_mapped_value(id, weight, mapper)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::backend;
    use crate::spec::{self, BackendName};
    use burn::tensor::TensorData;

    /// Two steps, the state written and read, and a third step with either.
    fn goes_on_as_before<O: Optimizer>(optimizer: &O) {
        let device = backend::open(BackendName::Flex).unwrap().device;
        let tensor = |numbers: [f32; 3]| Tensor::<1>::from_data(TensorData::from(numbers), &device);
        let (weight, state) =
            optimizer.step(0.1, tensor([0.5, -1.0, 2.0]), tensor([0.3, -0.2, 0.7]), None);
        let (weight, state) = optimizer.step(0.1, weight, tensor([-0.1, 0.4, 0.6]), state);
        let state = state.expect("it has a state");

        // The first parameter has no state, as one that is not trained has none.
        let states = [None, Some(DynState::create(state.clone(), 1))];
        let read = OptimizerState::of(optimizer, &states).restore(optimizer, &device).unwrap();
        assert!(read[0].is_none());
        let read = read[1].clone().map(DynState::downcast::<O::State<1>>);

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
