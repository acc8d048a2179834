//! Optimizers and schedules as built, with Keras' formulas where burn's differ.
//!
//! [`rules`] makes of what a file asks for the step that comes next; the kernel takes it where there is
//! one, burn's operations elsewhere. [`NetworkOptimizer`] applies it to a whole network and keeps what is
//! remembered, which [`OptimizerState`] is outside of it. Weight decay and clipping are the same for
//! all of them.

mod clip;
mod on_tensors;
mod rules;
mod schedule;
mod state;

use anyhow::{Context as _, Result, ensure};
use burn::module::{Module, ModuleMapper, ModuleVisitor, Param};
use burn::optim::GradientsParams;
use burn::tensor::{Device, Tensor, TensorData};

use crate::backend::has_fused_kernels;
use crate::kernels::rules::Step;
use crate::kernels::update;
use crate::spec::OptimizerSpec;

pub use rules::History;
pub use schedule::Schedule;
pub use state::{OptimizerState, ParameterState};

/// An optimizer with what it remembers of every parameter of one network.
#[derive(Debug, Clone)]
pub struct NetworkOptimizer {
    spec: OptimizerSpec,
    /// One for each parameter of the network, in burn's order; none for those that have no gradient.
    memory: Vec<Option<Memory>>,
}

#[derive(Debug, Clone)]
struct Memory {
    history: History,
    /// As many as the parameter's, each, in the rule's order.
    numbers: Vec<Tensor<1>>,
}

impl NetworkOptimizer {
    /// The optimizer that a file asks for.
    pub fn new(spec: &OptimizerSpec) -> Self {
        Self { spec: spec.clone(), memory: Vec::new() }
    }

    /// One step of all parameters that have a gradient: clip, decay, step, in Keras' order.
    pub fn step<M: Module>(
        &mut self,
        learning_rate: f64,
        network: M,
        gradients: GradientsParams,
    ) -> M {
        let gradients = clip::clip(self.spec.clipping(), gradients, &network);
        network.map(&mut Stepper { optimizer: self, learning_rate, gradients, next: 0 })
    }

    /// The step that comes after such a history, which it becomes a part of, with the clipping before it.
    pub fn next_step(&self, learning_rate: f64, history: &mut History) -> Step {
        let clip = rules::clip(self.spec.clipping());
        Step { clip, ..rules::step(&self.spec, learning_rate, history) }
    }

    /// The state as plain numbers; of all parameters that have a gradient, if something is remembered
    /// of each number.
    pub fn state(&self) -> OptimizerState {
        let names = rules::memory(&self.spec);
        let with_memory = self.memory.iter().enumerate().filter(|_| !names.is_empty());
        let states = with_memory.filter_map(|(number, memory)| {
            let Memory { history, numbers } = memory.as_ref()?;
            let values = numbers.iter().map(|numbers| {
                let data = numbers.to_data().convert::<f32>();
                data.try_into_vec().expect("converted to 32-bit numbers")
            });
            let memory = names.iter().map(|name| (*name).to_owned()).zip(values).collect();
            Some((number, ParameterState { history: *history, memory }))
        });
        OptimizerState(states.collect())
    }

    /// As [`state`](Self::state), of all parameters of its network that are trained, those that have had
    /// no step included.
    pub fn state_of<M: Module>(&self, network: &M) -> OptimizerState {
        let names = rules::memory(&self.spec);
        let first = rules::first_memory(&self.spec) as f32;
        let mut known = self.state();
        let mut sizes = TrainedSizes { sizes: Vec::new(), next: 0 };
        network.visit(&mut sizes);
        let state = |(number, size): (usize, usize)| {
            let state = known.0.remove(&number).unwrap_or_else(|| {
                let memory = names.iter().map(|name| ((*name).to_owned(), vec![first; size]));
                ParameterState { history: History::default(), memory: memory.collect() }
            });
            (number, state)
        };
        OptimizerState(sizes.sizes.into_iter().map(state).collect())
    }

    /// The optimizer with the state of another one of its kind, on the device of the gradients.
    ///
    /// # Errors
    /// When the state is that of another kind of optimizer.
    pub fn with_state(mut self, state: &OptimizerState, device: &Device) -> Result<Self> {
        let names = rules::memory(&self.spec);
        self.memory.clear();
        for (&number, ParameterState { history, memory }) in &state.0 {
            let unfit = || format!("parameter {number} has the state of another optimizer");
            ensure!(memory.len() == names.len(), unfit());
            let numbers = names.iter().map(|name| {
                let (_, values) = memory.iter().find(|(of, _)| of == name).with_context(unfit)?;
                let data = TensorData::new(values.clone(), [values.len()]);
                Ok(Tensor::from_data(data, device))
            });
            let numbers = numbers.collect::<Result<_>>()?;
            self.memory.resize(number, None);
            self.memory.push(Some(Memory { history: *history, numbers }));
        }
        Ok(self)
    }
}

/// One step, on its way through the parameters of a network.
struct Stepper<'a> {
    optimizer: &'a mut NetworkOptimizer,
    learning_rate: f64,
    gradients: GradientsParams,
    /// The number of the next parameter.
    next: usize,
}

impl ModuleMapper for Stepper<'_> {
    fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
        let NetworkOptimizer { spec, memory } = &mut *self.optimizer;
        let number = self.next;
        self.next += 1;
        if memory.len() < self.next {
            memory.push(None);
        }
        let Some(gradient) = self.gradients.remove::<D>(param.id) else { return param };
        let (id, weight, mapper) = param.consume();
        let (shape, size) = (weight.dims(), weight.shape().num_elements());
        let gradient = gradient.reshape([size]);
        let mut memory_of_it = memory[number].take().unwrap_or_else(|| {
            let first = || Tensor::full([size], rules::first_memory(spec), &gradient.device());
            let numbers = rules::memory(spec).iter().map(|_| first()).collect();
            Memory { history: History::default(), numbers }
        });
        let step = rules::step(spec, self.learning_rate, &mut memory_of_it.history);
        let weight = weight.inner().reshape([size]);
        let take = match has_fused_kernels(&weight.device()) {
            true => update::step,
            false => on_tensors::step,
        };
        let (weight, numbers) = take(step, weight, memory_of_it.numbers, gradient);
        memory[number] = Some(Memory { numbers, ..memory_of_it });
        // What had a gradient wants one in the next step, too.
        let weight = Tensor::from_inner(weight.reshape(shape)).require_grad();
        Param::from_mapped_value(id, weight, mapper)
    }
}

/// Numbers and sizes of the parameters that are trained.
struct TrainedSizes {
    sizes: Vec<(usize, usize)>,
    next: usize,
}

impl ModuleVisitor for TrainedSizes {
    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        let weight = param.val();
        if weight.is_require_grad() {
            self.sizes.push((self.next, weight.shape().num_elements()));
        }
        self.next += 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::backend;
    use crate::kernels::pair;
    use crate::spec::{self, BackendName};

    /// Every optimizer, with keys that make a difference.
    fn all() -> Vec<OptimizerSpec> {
        let sgd = |momentum, nesterov| {
            OptimizerSpec::Sgd(spec::Sgd { momentum, nesterov, ..spec::Sgd::default() })
        };
        let rmsprop = |momentum, centered| {
            let keys = spec::Rmsprop { momentum, centered, ..spec::Rmsprop::default() };
            OptimizerSpec::Rmsprop(keys)
        };
        // The third step's mean square would be below the largest.
        let adam = |amsgrad| {
            OptimizerSpec::Adam(spec::Adam { amsgrad, beta_2: 0.5, ..spec::Adam::default() })
        };
        vec![
            sgd(0.0, false),
            sgd(0.9, false),
            sgd(0.9, true),
            rmsprop(0.0, false),
            rmsprop(0.9, false),
            rmsprop(0.0, true),
            rmsprop(0.9, true),
            OptimizerSpec::Adagrad(spec::Adagrad::default()),
            OptimizerSpec::Adadelta(spec::Adadelta::default()),
            adam(false),
            adam(true),
            OptimizerSpec::Adamax(spec::Adamax::default()),
            OptimizerSpec::Nadam(spec::Nadam::default()),
            OptimizerSpec::Adamw(spec::Adamw::default()),
            OptimizerSpec::Lion(spec::Lion::default()),
        ]
    }

    fn device() -> Device {
        backend::open(BackendName::Flex).unwrap().device
    }

    fn noise(count: usize, seed: u32) -> Tensor<1> {
        use crate::rng::{Purpose, Stream};
        let mut stream = Stream::new(1, Purpose::InitialWeights, seed, 0);
        let numbers: Vec<f32> = (0..count).map(|_| stream.next_f32() - 0.5).collect();
        Tensor::from_data(TensorData::new(numbers, [count]), &device())
    }

    #[test]
    fn kernels_take_the_steps_of_the_formulas_to_the_bit_and_leave_others_numbers_alone() {
        let _core = pair::at_work();
        for (spec, size) in all().iter().flat_map(|spec| [(spec, 37), (spec, 70_000)]) {
            let first = Tensor::full([size], rules::first_memory(spec), &device());
            let memory = vec![first; rules::memory(spec).len()];
            let mut history = History::default();
            let mut by_kernel = (noise(size, 1), memory.clone());
            let mut by_burn = (noise(size, 1), memory);
            for seed in 2..5 {
                let (before, kept) = (by_kernel.clone(), by_kernel.0.to_data());
                let step = rules::step(spec, 0.1, &mut history);
                by_kernel = update::step(step, before.0.clone(), before.1, noise(size, seed));
                by_burn = on_tensors::step(step, by_burn.0, by_burn.1, noise(size, seed));
                let numbers = |(weight, memory): &(Tensor<1>, Vec<Tensor<1>>)| {
                    let all = std::iter::once(weight).chain(memory);
                    all.map(|tensor| tensor.to_data()).collect::<Vec<_>>()
                };
                assert_eq!(numbers(&by_kernel), numbers(&by_burn), "{spec:?}");
                assert_ne!(by_kernel.0.to_data(), kept, "{spec:?}");
                assert_eq!(before.0.into_data(), kept, "{spec:?}");
            }
        }
    }

    #[derive(Module, Debug)]
    struct Weights {
        frozen: Param<Tensor<1>>,
        trained: Param<Tensor<2>>,
    }

    /// Two steps, the state written and read, and a third step with either.
    #[test]
    fn the_state_of_every_optimizer_is_written_and_read_whole() {
        let device = device();
        let with_gradients = device.clone().autodiff();
        for spec in all() {
            let trained = Tensor::from_data([[0.5, -1.0, 2.0]], &with_gradients);
            let mut network = Weights {
                frozen: Param::from_tensor(Tensor::from_data([1.0], &with_gradients)),
                trained: Param::from_tensor(trained),
            };
            network.frozen = network.frozen.set_require_grad(false);
            let step = |optimizer: &mut NetworkOptimizer, network: Weights, by: [f32; 3]| {
                let mut gradients = GradientsParams::new();
                gradients.register(network.trained.id, Tensor::<2>::from_data([by], &device));
                optimizer.step(0.1, network, gradients)
            };
            let mut optimizer = NetworkOptimizer::new(&spec);
            let first = optimizer.state_of(&network);
            assert_eq!(first.0.keys().collect::<Vec<_>>(), [&1]);
            let memory = &first.0[&1].memory;
            assert!(memory.iter().all(|(_, numbers)| numbers.len() == 3));
            // What is begun with by name is what is begun with.
            let mut given = NetworkOptimizer::new(&spec).with_state(&first, &device).unwrap();
            for by in [[0.3, -0.2, 0.7], [-0.1, 0.4, 0.6]] {
                step(&mut given, network.clone(), by);
                network = step(&mut optimizer, network, by);
            }
            let state = optimizer.state();
            let read = NetworkOptimizer::new(&spec).with_state(&state, &device).unwrap();
            assert_eq!((read.state(), given.state()), (state.clone(), state.clone()));

            let third = |mut optimizer: NetworkOptimizer| {
                // Small and the other way: even signs depend on what was before.
                let network = step(&mut optimizer, network.clone(), [0.001, 0.002, -0.005]);
                network.trained.val().into_data()
            };
            let expected = third(optimizer);
            assert_eq!(third(read), expected, "{spec:?}");
            let forgetful = third(NetworkOptimizer::new(&spec));
            assert_eq!(forgetful != expected, !rules::memory(&spec).is_empty(), "{spec:?}");

            let other = NetworkOptimizer::new(&OptimizerSpec::Adagrad(spec::Adagrad::default()));
            let fits = state.0.is_empty() || matches!(spec, OptimizerSpec::Adagrad(_));
            assert_eq!(other.with_state(&state, &device).is_ok(), fits, "{spec:?}");
        }
    }
}
