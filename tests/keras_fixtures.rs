//! Steps of small networks as Keras 3 computed them, reproduced number by number on every backend.
//!
//! Each file in `tests/fixtures` holds a network, its weights, one batch, and after each step of
//! training Keras' outputs, loss, gradients, weights, moving statistics and inference outputs.

mod support;

use std::collections::HashMap;

use bn_runner::model::{Network, Pass, Weights, place};
use bn_runner::optim::NetworkOptimizer;
use bn_runner::spec::{BackendName, Loss as LossSpec, ModelSpec, OptimizerSpec};
use bn_runner::train::Loss;
use burn::module::Module as _;
use burn::optim::GradientsParams;
use burn::tensor::{Int, Tensor, TensorData, activation::softmax};
use serde_json::{Value, json};

use support::open;

/// Largest difference allowed, relative for numbers above 1.
const TOLERANCE: f32 = 1e-5;

struct Fixture {
    model: ModelSpec,
    optimizer: OptimizerSpec,
    learning_rate: f64,
    /// Keras' layer names in the fixture → ours.
    names: HashMap<String, String>,
    inputs: usize,
    classes: usize,
    json: Value,
}

impl Fixture {
    fn read(text: &str) -> Self {
        let json: Value = serde_json::from_str(text).unwrap();
        let mut layers = vec![json!({"flatten": {}})];
        let mut names = HashMap::new();
        let mut count = HashMap::<&str, usize>::new();
        let mut classes = 0;
        for layer in json["model"]["layers"].as_array().unwrap() {
            let ours = match layer["type"].as_str().unwrap() {
                "dense" => {
                    let activation = layer["activation"].as_str().unwrap_or("linear");
                    classes = layer["units"].as_u64().unwrap() as usize;
                    layers.push(json!({"dense": {
                        "units": layer["units"],
                        "use_bias": layer["use_bias"],
                        "activation": activation,
                    }}));
                    "dense"
                }
                "batchnorm" => {
                    layers.push(json!({"batch_normalization": {
                        "momentum": layer["momentum"],
                        "epsilon": layer["epsilon"],
                    }}));
                    "batch_normalization"
                }
                "relu" => {
                    layers.push(json!({"activation": "relu"}));
                    continue;
                }
                other => panic!("no such layer: {other}"),
            };
            let number = count.entry(ours).or_default();
            let name = if *number == 0 { ours.to_owned() } else { format!("{ours}_{number}") };
            *number += 1;
            names.insert(layer["name"].as_str().unwrap().to_owned(), name);
        }
        let class = json["optimizer"]["class"].as_str().unwrap().to_lowercase();
        let optimizer = json!({ class: json["optimizer"]["args"] });
        Self {
            model: serde_json::from_value(json!({ "layers": layers })).unwrap(),
            optimizer: serde_json::from_value(optimizer).unwrap(),
            learning_rate: json["optimizer"]["args"]["learning_rate"].as_f64().unwrap(),
            names,
            inputs: json["inputs"][0].as_array().unwrap().len(),
            classes,
            json,
        }
    }

    fn ours(&self, path: &str) -> String {
        let (layer, variable) = path.split_once('/').unwrap();
        format!("{}/{variable}", self.names[layer])
    }
}

/// All numbers in a nested list, row by row.
fn flat(value: &Value) -> Vec<f32> {
    match value.as_array() {
        Some(items) => items.iter().flat_map(flat).collect(),
        None => vec![value.as_f64().unwrap() as f32],
    }
}

fn assert_close(what: &str, ours: &[f32], keras: &Value) {
    let keras = flat(keras);
    assert_eq!(ours.len(), keras.len(), "{what}");
    for (i, (a, b)) in ours.iter().zip(&keras).enumerate() {
        let limit = TOLERANCE * b.abs().max(1.0);
        assert!((a - b).abs() <= limit, "{what}[{i}]: {a}, and Keras has {b}");
    }
}

fn numbers<const D: usize>(tensor: Tensor<D>) -> Vec<f32> {
    tensor.into_data().convert::<f32>().try_into_vec().unwrap()
}

fn reproduce(text: &str, backend: BackendName) {
    let fixture = Fixture::read(text);
    let Some(opened) = open(backend) else { return };
    let json = &fixture.json;
    let device = opened.device.clone().autodiff();
    let placed = place(&fixture.model, [1, fixture.inputs, 1], fixture.classes).unwrap();
    let network = Network::build(&fixture.model, &placed, 1, &device);
    let mut weights = Weights::of(&network, &placed);
    for (path, values) in json["initial_weights"].as_object().unwrap() {
        weights.set(&fixture.ours(path), flat(values)).unwrap();
    }
    let mut network = weights.apply(network, &device);
    let mut optimizer = NetworkOptimizer::new(&fixture.optimizer);

    let inputs = TensorData::new(flat(&json["inputs"]), [8, fixture.inputs]);
    let labels: Vec<i32> = flat(&json["labels"]).iter().map(|&label| label as i32).collect();
    let labels = TensorData::new(labels, [8]);
    let cross_entropy = Loss::build(&LossSpec::default(), &device);
    let infer = |network: &Network| {
        let inputs = Tensor::<2>::from_data(inputs.clone(), &opened.device);
        network.valid().probabilities(inputs, Pass::Inference)
    };
    assert_close("first inference", &numbers(infer(&network)), &json["infer_outputs_initial"]);

    for (i, step) in json["steps"].as_array().unwrap().iter().enumerate() {
        let images = Tensor::<2>::from_data(inputs.clone(), &device);
        let targets = Tensor::<1, Int>::from_data(labels.clone(), &device);
        let pass = Pass::Training { seed: 1, epoch: 1, step: i as u32 };
        let logits = network.logits(images, pass);
        let outputs = numbers(softmax(logits.clone(), 1).inner());
        let loss = cross_entropy.forward(logits, targets);
        let gradients = GradientsParams::from_grads(loss.backward(), &network);
        let gradient_values = Weights::of_gradients(&network, &placed, &gradients);
        network = optimizer.step(fixture.learning_rate, network, gradients);

        let at = |what: &str| format!("step {}: {what}", i + 1);
        assert_close(&at("outputs"), &outputs, &step["train_outputs"]);
        assert_close(&at("loss"), &numbers(loss.inner()), &step["loss"]);
        for (path, values) in step["gradients"].as_object().unwrap() {
            let ours = gradient_values.get(&fixture.ours(path)).unwrap();
            assert_close(&at(&format!("gradient of {path}")), ours, values);
        }
        let weights = Weights::of(&network, &placed);
        for (path, values) in step["weights"].as_object().unwrap() {
            let ours = weights.get(&fixture.ours(path)).unwrap();
            assert_close(&at(path), ours, values);
        }
        assert_close(&at("inference"), &numbers(infer(&network)), &step["infer_outputs"]);
    }
}

const BN_BEFORE: &str = include_str!("fixtures/keras_sgd_bn_before.json");
const BN_AFTER: &str = include_str!("fixtures/keras_sgd_bn_after.json");

#[test]
fn bn_before_on_flex() {
    reproduce(BN_BEFORE, BackendName::Flex);
}

#[test]
fn bn_after_on_flex() {
    reproduce(BN_AFTER, BackendName::Flex);
}

#[test]
fn bn_before_on_ndarray() {
    reproduce(BN_BEFORE, BackendName::Ndarray);
}

#[test]
fn bn_after_on_ndarray() {
    reproduce(BN_AFTER, BackendName::Ndarray);
}

#[test]
fn bn_before_on_wgpu() {
    reproduce(BN_BEFORE, BackendName::Wgpu);
}

#[test]
fn bn_after_on_wgpu() {
    reproduce(BN_AFTER, BackendName::Wgpu);
}
