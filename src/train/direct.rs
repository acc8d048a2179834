//! Steps of training without a graph, for networks and optimizers that allow it.

use std::collections::BTreeMap;

use burn::tensor::Device;

use crate::backend::has_fused_kernels;
use crate::data::Feed;
use crate::kernels::stack::Stack;
use crate::model::{Network, Placed};
use crate::optim::{History, NetworkOptimizer, OptimizerState, ParameterState};
use crate::spec::{self, TrainingSpec};

/// A network and its optimizer while it is trained so.
#[derive(Debug)]
pub struct Direct {
    stack: Stack,
    smoothing: f32,
    optimizer: NetworkOptimizer,
    /// The same for all parameters.
    history: History,
    /// Of each parameter that is trained, its number in burn's order and the names of what is remembered
    /// of it.
    remembered: Vec<(usize, Vec<String>)>,
    /// [batch, pixels]
    images: Vec<f32>,
    /// [batch]
    labels: Vec<u8>,
}

impl Direct {
    /// `None` where steps need burn's graph.
    pub fn of(
        network: &Network,
        optimizer: &NetworkOptimizer,
        spec: &TrainingSpec,
        device: &Device,
    ) -> Option<Self> {
        if !has_fused_kernels(device) || !optimizer.is_elementwise() {
            return None;
        }
        let spec::Loss::SparseCategoricalCrossentropy(loss) = &spec.loss;
        let smoothing = loss.label_smoothing as f32;
        let mut direct = Self {
            stack: network.stack(smoothing)?,
            smoothing,
            optimizer: optimizer.clone(),
            history: History::default(),
            remembered: Vec::new(),
            images: Vec::new(),
            labels: Vec::new(),
        };
        direct.remember(network, optimizer);
        Some(direct)
    }

    /// A step on some rows; the mean loss before it, and the scores [batch, classes].
    pub fn step(&mut self, feed: &Feed<'_>, epoch: u32, rows: &[u32], rate: f64) -> (f32, &[f32]) {
        feed.images_of_epoch(epoch, rows, &mut self.images);
        self.labels.clear();
        self.labels.extend(rows.iter().map(|&row| feed.label(row as usize)));
        let step = self.optimizer.next_step(rate, &mut self.history);
        let loss = self.stack.step(&self.images, &self.labels, step);
        (loss, self.stack.logits())
    }

    /// The network as the steps have made it, and the optimizer.
    pub fn give_back(
        &mut self,
        network: Network,
        optimizer: NetworkOptimizer,
        placed: &[Placed],
        [network_device, optimizer_device]: [&Device; 2],
    ) -> (Network, NetworkOptimizer) {
        let network = network.with_stack(&self.stack, placed, network_device);
        let parameters = self.stack.parameters().into_iter().zip(&self.remembered);
        let states = parameters.map(|(parameter, (number, names))| {
            let memory = names.iter().cloned().zip(parameter.memory.iter().cloned()).collect();
            (*number, ParameterState { history: self.history, memory })
        });
        let state = OptimizerState(states.collect::<BTreeMap<_, _>>());
        let optimizer = optimizer.with_state(&state, optimizer_device);
        (network, optimizer.expect("it is the state of the same optimizer"))
    }

    /// Goes on from a network and an optimizer that were changed in another way.
    pub fn go_on_from(&mut self, network: &Network, optimizer: &NetworkOptimizer) {
        self.stack = network.stack(self.smoothing).expect("its layers are still the same");
        self.remember(network, optimizer);
    }

    fn remember(&mut self, network: &Network, optimizer: &NetworkOptimizer) {
        let OptimizerState(states) = optimizer.state_of(network);
        self.remembered.clear();
        for (parameter, (number, state)) in self.stack.parameters().into_iter().zip(states) {
            self.history = state.history;
            let (names, memory): (Vec<_>, Vec<_>) = state.memory.into_iter().unzip();
            for (place, numbers) in parameter.memory.iter_mut().zip(memory) {
                *place = numbers;
            }
            self.remembered.push((number, names));
        }
    }
}
