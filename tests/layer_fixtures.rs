//! Single layers and activations as Keras 3 computed them, reproduced number by number.
//!
//! `scripts/keras_fixtures_layers.py` wrote `tests/fixtures/layer_*.json` and says what is in them:
//! outputs in training and inference, the loss, gradients of inputs and variables, one step.

mod support;

use std::path::{Path, PathBuf};

use bn_runner::backend;
use bn_runner::model::{Network, Pass, Weights, counts, place};
use bn_runner::optim::NetworkOptimizer;
use bn_runner::spec::{BackendName, Loss as LossSpec, Overrides, Setup, load};
use bn_runner::train::Loss;
use burn::module::Module as _;
use burn::optim::GradientsParams;
use burn::tensor::{Int, Tensor, TensorData};
use serde_json::{Value, json};

use support::open;

/// Largest difference allowed, as a share of the largest number beside it.
const TOLERANCE: f32 = 1e-5;

/// Enough to see that a device computes all kinds of layers; every shape of it is compiled anew.
const ON_WGPU: [&str; 10] = [
    "dense_l1_l2_max_norm",
    "conv2d_same_even",
    "conv2d_same_strides",
    "max_pooling2d_same",
    "average_pooling2d_same",
    "batch_normalization_image",
    "layer_normalization_image",
    "prelu_image",
    "activation_gelu",
    "repeated_stack",
];

fn fixtures() -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures");
    let mut files: Vec<PathBuf> =
        std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.retain(|file| name(file).is_some());
    files.sort();
    files
}

fn name(file: &Path) -> Option<&str> {
    file.file_stem()?.to_str()?.strip_prefix("layer_")
}

/// All numbers in a nested list, row by row.
fn flat(value: &Value) -> Vec<f32> {
    match value.as_array() {
        Some(items) => items.iter().flat_map(flat).collect(),
        None => vec![value.as_f64().unwrap() as f32],
    }
}

fn numbers<const D: usize>(tensor: Tensor<D>) -> Vec<f32> {
    tensor.into_data().convert::<f32>().try_into_vec().unwrap()
}

/// Collects what differs, so that one run shows all of it.
struct Comparison {
    tolerance: f32,
    differences: Vec<String>,
}

impl Comparison {
    fn close(&mut self, what: &str, ours: &[f32], keras: &Value) {
        let keras = flat(keras);
        if ours.len() != keras.len() {
            let message = format!("{what}: {} numbers, Keras has {}", ours.len(), keras.len());
            return self.differences.push(message);
        }
        // What cancels out, as the gradient of a bias before normalization, is nothing but rounding.
        let scale = keras.iter().fold(1e-2_f32, |scale, x| scale.max(x.abs()));
        let worst = ours
            .iter()
            .zip(&keras)
            .enumerate()
            .map(|(i, (a, b))| ((a - b).abs() / scale, i))
            // A NaN on our side is the worst of all.
            .max_by(|a, b| a.0.total_cmp(&b.0));
        if let Some((difference, i)) = worst
            && (difference.is_nan() || difference > self.tolerance)
        {
            self.differences.push(format!(
                "{what}[{i}]: {}, and Keras has {} (off by {difference:.1e} of {scale})",
                ours[i], keras[i]
            ));
        }
    }
}

/// The stack as `bn-runner` reads it from a file.
fn setup(layers: &Value) -> Setup {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("fixture.yaml");
    let experiment = json!({
        "dataset": "fashion_mnist",
        "model": { "layers": layers },
        "training": { "optimizer": "sgd", "epochs": 1 },
    });
    std::fs::write(&file, experiment.to_string()).unwrap();
    let experiment =
        load(&file, &Overrides::default()).unwrap_or_else(|problems| panic!("{problems}"));
    experiment.cases[0].setup.clone()
}

fn reproduce(file: &Path, opened: &backend::Opened, comparison: &mut Comparison) {
    let case = name(file).unwrap();
    let fixture: Value = serde_json::from_str(&std::fs::read_to_string(file).unwrap()).unwrap();
    let at = |what: &str| format!("{case}: {what}");
    let device = opened.device.clone().autodiff();
    let under_test = fixture["under_test"].as_u64().unwrap() as usize;
    let image = flat(&fixture["image"]);
    let setup = setup(&fixture["layers"]);
    let placed = place(&setup.model, [0, 1, 2].map(|i| image[i] as usize), 3)
        .unwrap_or_else(|findings| panic!("{case}: {findings:?}"));

    let shapes: Vec<String> = placed.iter().map(|layer| layer.output.to_string()).collect();
    assert_eq!(json!(shapes), fixture["output_shapes"], "{case}");
    let parameters = counts(&placed);
    let parameters = json!([parameters.total, parameters.trainable]);
    assert_eq!(parameters, fixture["parameters"], "{case}");

    let network = Network::build(&setup.model, &placed, 1, &device);
    let mut weights = Weights::of(&network, &placed);
    for (path, values) in fixture["variables"].as_object().unwrap() {
        weights.set(path, flat(values)).unwrap_or_else(|error| panic!("{case}: {error}"));
    }
    let network = weights.apply(network, &device);
    let inputs = flat(&fixture["inputs"]);
    let labels: Vec<i32> = flat(&fixture["labels"]).iter().map(|&label| label as i32).collect();
    let rows = labels.len();
    let inputs = TensorData::new(inputs.clone(), [rows, inputs.len() / rows]);
    let labels = TensorData::new(labels, [rows]);
    let cross_entropy = Loss::build(&LossSpec::default(), &device);

    let training = &fixture["training"];
    let images = Tensor::<2>::from_data(inputs.clone(), &device).require_grad();
    let targets = Tensor::<1, Int>::from_data(labels.clone(), &device);
    let pass = Pass::Training { seed: 1, epoch: 1, step: 0 };
    let logits = network.logits(images.clone(), pass);
    let loss = network.with_penalty(cross_entropy.forward(logits, targets));
    comparison.close(&at("loss"), &numbers(loss.clone().inner()), &training["loss"]);
    let gradients = loss.backward();
    let input_gradient = images.grad(&gradients).expect("inputs have a gradient");
    comparison.close(&at("input gradient"), &numbers(input_gradient), &training["input_gradient"]);
    let gradients = GradientsParams::from_grads(gradients, &network);
    let values = Weights::of_gradients(&network, &placed, &gradients);
    for (path, expected) in training["gradients"].as_object().unwrap() {
        let ours = values.get(path).unwrap_or_default();
        comparison.close(&at(&format!("gradient of {path}")), ours, expected);
    }
    let mut optimizer = NetworkOptimizer::new(&setup.training.optimizer);
    let learning_rate = fixture["learning_rate"].as_f64().unwrap();
    let network = optimizer.step(learning_rate, network, gradients).constrained();
    let after = Weights::of(&network, &placed);
    for (path, expected) in fixture["after"].as_object().unwrap() {
        let ours = after.get(path).unwrap_or_default();
        comparison.close(&at(&format!("{path} after the step")), ours, expected);
    }

    let inference = &fixture["inference"];
    let network = network.valid();
    let images = Tensor::<2>::from_data(inputs.clone(), &opened.device);
    let targets = Tensor::<1, Int>::from_data(labels, &opened.device);
    let outputs = network.hidden(under_test, images.clone(), Pass::Inference);
    comparison.close(&at("inference"), &numbers(outputs), &inference["outputs"]);
    let cross_entropy = Loss::build(&LossSpec::default(), &opened.device);
    let logits = network.logits(images, Pass::Inference);
    let loss = network.with_penalty(cross_entropy.forward(logits, targets));
    comparison.close(&at("inference loss"), &numbers(loss), &inference["loss"]);

    // Last, because it moves the moving statistics on once more.
    let network = weights.apply(Network::build(&setup.model, &placed, 1, &device), &device);
    let images = Tensor::<2>::from_data(inputs, &device);
    let outputs = network.hidden(under_test, images, pass);
    comparison.close(&at("training"), &numbers(outputs.inner()), &training["outputs"]);
}

fn reproduce_all(backend: BackendName, tolerance: f32, keep: impl Fn(&str) -> bool) {
    let Some(opened) = open(backend) else { return };
    let mut comparison = Comparison { tolerance, differences: Vec::new() };
    let mut count = 0;
    for file in fixtures().iter().filter(|file| keep(name(file).unwrap())) {
        reproduce(file, &opened, &mut comparison);
        count += 1;
    }
    assert!(count >= 10, "only {count} fixtures were found");
    let differences = comparison.differences;
    assert!(differences.is_empty(), "{} differ:\n{}", differences.len(), differences.join("\n"));
}

#[test]
fn every_layer_is_keras_on_flex() {
    reproduce_all(BackendName::Flex, TOLERANCE, |_| true);
}

#[test]
fn every_layer_is_keras_on_ndarray() {
    reproduce_all(BackendName::Ndarray, TOLERANCE, |_| true);
}

#[test]
fn layers_of_each_kind_are_keras_on_wgpu() {
    reproduce_all(BackendName::Wgpu, TOLERANCE, |name| ON_WGPU.contains(&name));
}
