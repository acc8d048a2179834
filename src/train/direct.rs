//! Steps of training without a graph, for networks and optimizers that allow it.

use std::collections::BTreeMap;

use burn::tensor::Device;

use crate::backend::has_fused_kernels;
use crate::data::Feed;
use crate::kernels::stack::Stack;
use crate::model::{Network, Pass, Placed, dropout_mask};
use crate::optim::{History, NetworkOptimizer, OptimizerState, ParameterState};
use crate::spec::Loss;

/// A network and its optimizer while it is trained so.
#[derive(Debug)]
pub struct Direct {
    stack: Stack,
    smoothing: f32,
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
        loss: &Loss,
        device: &Device,
    ) -> Option<Self> {
        if !has_fused_kernels(device) {
            return None;
        }
        let Loss::SparseCategoricalCrossentropy(loss) = loss;
        let smoothing = loss.label_smoothing as f32;
        let mut direct = Self {
            stack: network.stack(smoothing)?,
            smoothing,
            history: History::default(),
            remembered: Vec::new(),
            images: Vec::new(),
            labels: Vec::new(),
        };
        direct.remember(network, optimizer);
        Some(direct)
    }

    /// A step on some rows; the mean loss before it, and the scores [batch, classes].
    ///
    /// # Panics
    /// Unless it is a pass of training.
    pub fn step(
        &mut self,
        optimizer: &NetworkOptimizer,
        feed: &Feed<'_>,
        pass: Pass,
        rows: &[u32],
        rate: f64,
    ) -> (f32, &[f32]) {
        let Pass::Training { epoch, .. } = pass else { unreachable!("this is training") };
        feed.images_of_epoch(epoch, rows, &mut self.images);
        self.labels.clear();
        self.labels.extend(rows.iter().map(|&row| feed.label(row as usize)));
        let step = optimizer.next_step(rate, &mut self.history);
        let draw = |rate, ordinal, count| dropout_mask(rate, ordinal, pass, count);
        let loss = self.stack.step(&self.images, &self.labels, step, &draw);
        (loss, self.stack.logits())
    }

    /// The network as the steps have made it, and the optimizer.
    pub fn give_back(
        &self,
        network: Network,
        optimizer: NetworkOptimizer,
        placed: &[Placed],
        [network_device, optimizer_device]: [&Device; 2],
    ) -> (Network, NetworkOptimizer) {
        let network = network.with_stack(&self.stack, placed, network_device);
        let memories = self.stack.memory().into_iter().zip(&self.remembered);
        let states = memories.map(|(memory, (number, names))| {
            let memory = names.iter().cloned().zip(memory).collect();
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
        let mut memories = Vec::new();
        for (number, state) in states {
            self.history = state.history;
            let (names, numbers): (Vec<_>, Vec<_>) = state.memory.into_iter().unzip();
            self.remembered.push((number, names));
            memories.push(numbers);
        }
        let mut memories = memories.into_iter();
        self.stack.remember(|| {
            let mut numbers = memories.next().expect("one for each parameter").into_iter();
            std::array::from_fn(|_| numbers.next().unwrap_or_default())
        });
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use burn::optim::GradientsParams;
    use burn::tensor::TensorData;
    use serde_json::{Value, json};

    use super::*;
    use crate::backend::open;
    use crate::data::{Scaler, Split};
    use crate::kernels::pair;
    use crate::model::{Weights, place};
    use crate::rng::{Purpose, Stream};
    use crate::spec::{BackendName, ModelSpec, OptimizerSpec};
    use crate::train::Loss as BuiltLoss;

    /// The last batch has one row.
    const ROWS: usize = 65;
    const BATCH: usize = 16;

    /// Images of 5 × 7 pixels, of three classes.
    fn split() -> Split {
        let mut stream = Stream::new(1, Purpose::Shuffle, 0, 0);
        let images = (0..ROWS * 35).map(|_| stream.below(256) as u8).collect();
        let labels = (0..ROWS).map(|_| stream.below(3) as u8).collect();
        Split::new(&Arc::new(images), &Arc::new(labels), 35, 0..ROWS)
    }

    /// A network and its optimizer, and what each of its steps gave.
    struct Run {
        network: Network,
        optimizer: NetworkOptimizer,
        seen: Vec<(f32, Vec<f32>)>,
    }

    /// An epoch, in which every step whose number is in `by_graph` goes by burn's graph.
    fn run(layers: &Value, optimizer: &Value, by_graph: &[usize]) -> (Weights, Run) {
        let backend = open(BackendName::Flex).unwrap();
        let device = backend.device.clone().autodiff();
        let model: ModelSpec = serde_json::from_value(json!({ "layers": layers })).unwrap();
        let placed = place(&model, [5, 7, 1], 3).unwrap();
        let optimizer: OptimizerSpec = serde_json::from_value(optimizer.clone()).unwrap();
        let loss: Loss = serde_json::from_value(
            json!({ "sparse_categorical_crossentropy": { "label_smoothing": 0.1 } }),
        )
        .unwrap();
        let (split, scaler) = (split(), Scaler::Unit);
        let feed = Feed::new(&split, &scaler, &device, false);
        let mut run = Run {
            network: Network::build(&model, &placed, 1, &device),
            optimizer: NetworkOptimizer::new(&optimizer),
            seen: Vec::new(),
        };
        let mut direct = Direct::of(&run.network, &run.optimizer, &loss, &device).unwrap();
        let cross_entropy = BuiltLoss::build(&loss, &device);
        let order: Vec<u32> = (0..ROWS as u32).rev().collect();
        let devices = [&device, &backend.device];
        for (step, rows) in order.chunks(BATCH).enumerate() {
            // Rates differ, as with a schedule.
            let rate = 0.02 / (step + 1) as f64;
            let pass = Pass::Training { seed: 1, epoch: 1, step: step as u32 };
            if !by_graph.contains(&step) {
                let (loss, logits) = direct.step(&run.optimizer, &feed, pass, rows, rate);
                run.seen.push((loss, logits.to_vec()));
                continue;
            }
            let (network, mut optimizer) =
                direct.give_back(run.network, run.optimizer, &placed, devices);
            let (images, labels) = feed.batch_of_epoch(1, rows);
            let logits = network.logits(images, pass);
            let loss = network.with_penalty(cross_entropy.forward(logits.clone(), labels));
            let gradients = GradientsParams::from_grads(loss.backward(), &network);
            let network = optimizer.step(rate, network, gradients);
            let numbers = |data: TensorData| data.try_into_vec::<f32>().unwrap();
            let loss = numbers(loss.into_data())[0];
            run.seen.push((loss, numbers(logits.into_data())));
            direct.go_on_from(&network, &optimizer);
            (run.network, run.optimizer) = (network, optimizer);
        }
        (run.network, run.optimizer) =
            direct.give_back(run.network, run.optimizer, &placed, devices);
        (Weights::of(&run.network, &placed), run)
    }

    /// An epoch without the graph, with it, and with either in turn.
    fn compare(layers: &Value, optimizer: &Value) {
        let (weights, direct) = run(layers, optimizer, &[]);
        for by_graph in [&[0, 1, 2, 3, 4][..], &[1, 3]] {
            let (others, graph) = run(layers, optimizer, by_graph);
            let what = format!("{layers} {optimizer} {by_graph:?}");
            assert_eq!(direct.seen, graph.seen, "{what}");
            assert!(weights == others, "{what}");
            assert_eq!(direct.optimizer.state(), graph.optimizer.state(), "{what}");
        }
        assert_ne!(direct.seen[0], direct.seen[4]);
    }

    #[test]
    fn steps_are_those_of_the_graph_to_the_bit_for_all_layers() {
        if !Stack::available() {
            println!("skipped: direct steps: the processor lacks the instructions");
            return;
        }
        let bn = |keys: Value| json!({ "batch_normalization": keys });
        let dense = |units: usize, activation: &str| json!({ "dense": { "units": units, "activation": activation } });
        let unbiased = json!({ "dense": { "units": 20, "use_bias": false } });
        let flatten = json!({ "flatten": {} });
        let last = dense(3, "softmax");
        let penalized = |kind: &str| json!({ "dense": { "units": 110, "kernel_regularizer": { kind: { kind: 0.01 } } } });
        let relu = json!({ "activation": "relu" });
        let dropout = json!({ "dropout": { "rate": 0.3 } });
        for layers in [
            json!([flatten, dense(20, "relu"), last]),
            // Wide enough to be kept in blocks.
            json!([flatten, dense(110, "relu"), last]),
            json!([flatten, bn(json!({})), dense(110, "relu"), bn(json!({})), last]),
            json!([flatten, dense(20, "linear"), relu, last]),
            // Behind a normalization of the input, and in between.
            json!([flatten, bn(json!({})), dense(20, "relu"), bn(json!({})), last]),
            json!([flatten, bn(json!({})), unbiased, bn(json!({})), relu, last]),
            json!([flatten, bn(json!({})), relu, dense(20, "tanh"), last]),
            json!([flatten, bn(json!({})), bn(json!({})), dense(20, "sigmoid"), last]),
            json!([
                flatten,
                bn(json!({ "scale": false, "momentum": 0.9 })),
                dense(20, "selu"),
                bn(json!({ "center": false, "epsilon": 0.01 })),
                dense(300, "gelu"),
                bn(json!({})),
                dense(3, "linear"),
                { "activation": "softmax" }
            ]),
            json!([flatten, last]),
            json!([flatten, bn(json!({})), last]),
            json!([flatten, bn(json!({})), dense(3, "linear"), { "activation": "softmax" }]),
            json!([flatten, dropout, dense(20, "relu"), dropout, bn(json!({})), dropout, last]),
            json!([flatten, bn(json!({})), dropout, dense(20, "linear"), last]),
            // What does nothing in between.
            json!([flatten, bn(json!({})), { "dropout": { "rate": 0.0 } }, dense(20, "relu"), last]),
            json!([flatten, bn(json!({})), { "activation": "linear" }, dense(20, "relu"), last]),
            json!([flatten, { "dropout": { "rate": 0.0 } }, bn(json!({})), dense(20, "relu"), last]),
            json!([flatten, { "activation": "tanh" }, dense(110, "relu"), last]),
            json!([flatten, bn(json!({})), penalized("l2"), penalized("l1"), last]),
        ] {
            compare(&layers, &json!({ "sgd": {} }));
        }
    }

    #[test]
    fn steps_are_those_of_the_graph_to_the_bit_for_all_activations_and_with_two_threads() {
        if !Stack::available() {
            println!("skipped: direct steps: the processor lacks the instructions");
            return;
        }
        let _core = pair::at_work();
        let names = [
            "relu",
            "elu",
            "selu",
            "gelu",
            "silu",
            "softplus",
            "softsign",
            "tanh",
            "sigmoid",
            "hard_sigmoid",
            "mish",
            "exponential",
        ];
        let leaky = json!({ "leaky_relu": { "negative_slope": 0.2 } });
        for activation in names.map(Value::from).into_iter().chain([leaky]) {
            // The first two products are large enough for a second thread.
            let layers = json!([
                { "flatten": {} },
                { "batch_normalization": {} },
                { "dense": { "units": 300, "activation": activation } },
                { "dense": { "units": 50, "activation": activation } },
                { "dense": { "units": 3, "activation": "softmax" } }
            ]);
            compare(&layers, &json!({ "adam": {} }));
        }
    }

    #[test]
    fn steps_are_those_of_the_graph_to_the_bit_for_all_optimizers() {
        if !Stack::available() {
            println!("skipped: direct steps: the processor lacks the instructions");
            return;
        }
        let layers = json!([
            { "flatten": {} },
            { "batch_normalization": {} },
            { "dense": { "units": 110, "activation": "elu" } },
            { "dense": { "units": 3, "activation": "softmax" } }
        ]);
        for optimizer in [
            json!({ "sgd": { "weight_decay": 0.1 } }),
            json!({ "sgd": { "momentum": 0.9, "nesterov": true } }),
            json!({ "rmsprop": { "momentum": 0.5, "centered": true } }),
            json!({ "adagrad": {} }),
            json!({ "adadelta": {} }),
            json!({ "adam": { "amsgrad": true } }),
            json!({ "adamax": {} }),
            json!({ "nadam": {} }),
            json!({ "adamw": {} }),
            json!({ "lion": {} }),
            json!({ "sgd": { "clipvalue": 0.01 } }),
            // Of which some gradients are longer and some are not.
            json!({ "adam": { "clipnorm": 0.1, "weight_decay": 0.1 } }),
            json!({ "sgd": { "global_clipnorm": 0.3, "momentum": 0.9 } }),
            json!({ "sgd": { "global_clipnorm": 100.0 } }),
            // Whose inverse in 32 bits is another than in 64.
            json!({ "sgd": { "global_clipnorm": 20.2 } }),
        ] {
            compare(&layers, &optimizer);
        }
    }

    #[test]
    fn what_steps_would_get_wrong_goes_by_the_graph() {
        let backend = open(BackendName::Flex).unwrap();
        let device = backend.device.clone().autodiff();
        let loss: Loss =
            serde_json::from_value(json!({ "sparse_categorical_crossentropy": {} })).unwrap();
        let is_direct = |layer: Value, optimizer: Value| {
            let layers = json!([
                { "flatten": {} }, layer, { "dense": { "units": 3, "activation": "softmax" } }
            ]);
            let model: ModelSpec = serde_json::from_value(json!({ "layers": layers })).unwrap();
            let placed = place(&model, [5, 7, 1], 3).unwrap();
            let optimizer: OptimizerSpec = serde_json::from_value(optimizer).unwrap();
            let network = Network::build(&model, &placed, 1, &device);
            Direct::of(&network, &NetworkOptimizer::new(&optimizer), &loss, &device).is_some()
        };
        let dense = |keys: Value| {
            let mut keys = keys;
            keys["units"] = json!(4);
            json!({ "dense": keys })
        };
        let sgd = || json!({ "sgd": {} });
        assert_eq!(is_direct(dense(json!({})), sgd()), Stack::available());
        for layer in [
            dense(json!({ "kernel_constraint": { "max_norm": {} } })),
            dense(json!({ "trainable": false })),
            json!({ "batch_normalization": { "trainable": false } }),
            json!({ "layer_normalization": {} }),
            json!({ "prelu": {} }),
            json!({ "alpha_dropout": { "rate": 0.5 } }),
            json!({ "gaussian_noise": { "stddev": 0.5 } }),
        ] {
            assert!(!is_direct(layer.clone(), sgd()), "{layer}");
        }
    }
}
