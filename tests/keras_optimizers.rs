//! Every optimizer with several sets of options over a few steps, as Keras 3 computed them
//! (`scripts/keras_fixtures_optimizers.py`), reproduced number by number.

mod support;

use bn_runner::model::{Network, Pass, Weights, place};
use bn_runner::optim::NetworkOptimizer;
use bn_runner::spec::{BackendName, Loss as LossSpec, ModelSpec, OptimizerSpec};
use bn_runner::train::Loss;
use burn::optim::GradientsParams;
use burn::tensor::{Int, Tensor, TensorData};
use serde_json::{Value, json};

use support::open;

/// Largest difference allowed, relative for numbers above 1.
const TOLERANCE: f32 = 1e-5;

/// All numbers in a nested list, row by row.
fn flat(value: &Value) -> Vec<f32> {
    match value.as_array() {
        Some(items) => items.iter().flat_map(flat).collect(),
        None => vec![value.as_f64().unwrap() as f32],
    }
}

fn assert_close(what: &str, ours: &[f32], keras: &[f32]) {
    assert_eq!(ours.len(), keras.len(), "{what}");
    for (i, (a, b)) in ours.iter().zip(keras).enumerate() {
        let limit = TOLERANCE * b.abs().max(1.0);
        assert!((a - b).abs() <= limit, "{what}[{i}]: {a}, and Keras has {b}");
    }
}

fn numbers<const D: usize>(tensor: Tensor<D>) -> Vec<f32> {
    tensor.into_data().convert::<f32>().try_into_vec().unwrap()
}

fn model() -> ModelSpec {
    let layers = json!({ "layers": [
        {"flatten": {}},
        {"dense": {"units": 4, "use_bias": false}},
        {"batch_normalization": {}},
        {"activation": "tanh"},
        {"dense": {"units": 3, "activation": "softmax"}},
    ]});
    serde_json::from_value(layers).unwrap()
}

/// Takes the fixture's steps with each of its sets of options.
fn reproduce(name: &str, text: &str, backend: BackendName) {
    let Some(opened) = open(backend) else { return };
    let device = opened.device.clone().autodiff();
    let fixture: Value = serde_json::from_str(text).unwrap();
    let model = model();
    let placed = place(&model, [1, 5, 1], 3).unwrap();
    let cross_entropy = Loss::build(&LossSpec::default(), &device);
    let inputs = TensorData::new(flat(&fixture["inputs"]), [8, 5]);
    let labels: Vec<i32> = flat(&fixture["labels"]).iter().map(|&label| label as i32).collect();
    let labels = TensorData::new(labels, [8]);

    for case in fixture["cases"].as_array().unwrap() {
        let options = &case["options"];
        let spec: OptimizerSpec = serde_json::from_value(json!({ name: options })).unwrap();
        let rate = spec.learning_rate();
        assert_eq!(rate as f32, case["learning_rate"].as_f64().unwrap() as f32, "{options}");
        let mut optimizer = NetworkOptimizer::new(&spec);

        let mut network = Network::build(&model, &placed, 1, &device);
        let mut weights = Weights::of(&network, &placed);
        for (path, values) in fixture["initial_weights"].as_object().unwrap() {
            weights.set(path, flat(values)).unwrap();
        }
        network = weights.apply(network, &device);

        for (i, step) in case["steps"].as_array().unwrap().iter().enumerate() {
            let at = |what: &str| format!("{name} {options}, step {}: {what}", i + 1);
            let images = Tensor::<2>::from_data(inputs.clone(), &device);
            let targets = Tensor::<1, Int>::from_data(labels.clone(), &device);
            let pass = Pass::Training { seed: 1, epoch: 1, step: i as u32 };
            let loss = cross_entropy.forward(network.logits(images, pass), targets);
            let gradients = GradientsParams::from_grads(loss.backward(), &network);
            network = optimizer.step(rate, network, gradients);

            assert_close(&at("loss"), &numbers(loss.inner()), &flat(&step["loss"]));
            let weights = Weights::of(&network, &placed);
            for (path, values) in step["weights"].as_object().unwrap() {
                assert_close(&at(path), weights.get(path).unwrap(), &flat(values));
            }
        }
    }
}

macro_rules! optimizers {
    ($($name:ident on $($test:ident: $backend:ident),+;)*) => { $($(
        #[test]
        fn $test() {
            let fixture = include_str!(concat!("fixtures/optimizer_", stringify!($name), ".json"));
            reproduce(stringify!($name), fixture, BackendName::$backend);
        }
    )+)* };
}

optimizers! {
    sgd on sgd_on_flex: Flex, sgd_on_ndarray: Ndarray, sgd_on_wgpu: Wgpu;
    rmsprop on rmsprop_on_flex: Flex, rmsprop_on_ndarray: Ndarray;
    adagrad on adagrad_on_flex: Flex, adagrad_on_ndarray: Ndarray;
    adadelta on adadelta_on_flex: Flex, adadelta_on_ndarray: Ndarray;
    adam on adam_on_flex: Flex, adam_on_ndarray: Ndarray;
    adamax on adamax_on_flex: Flex, adamax_on_ndarray: Ndarray, adamax_on_wgpu: Wgpu;
    nadam on nadam_on_flex: Flex, nadam_on_ndarray: Ndarray, nadam_on_wgpu: Wgpu;
    adamw on adamw_on_flex: Flex, adamw_on_ndarray: Ndarray, adamw_on_wgpu: Wgpu;
    lion on lion_on_flex: Flex, lion_on_ndarray: Ndarray;
}
