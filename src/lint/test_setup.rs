//! Small setups for the tests of warnings.

use serde_json::{Value, json};

use super::{DataFacts, Lint, lint};
use crate::spec::Setup;

/// Data of 1000 training images of 8 classes without validation.
pub const FACTS: DataFacts<'_> = DataFacts { rows: 1000, test_rows: 100, classes: 8, labels: None };

/// A setup of these layers that trains for 100 epochs, 3200 steps.
pub fn setup(layers: Value) -> Setup {
    serde_json::from_value(json!({
        "dataset": { "name": "fashion_mnist", "validation": 0 },
        "model": { "layers": with_maps(layers) },
        "training": { "optimizer": { "sgd": {} }, "epochs": 100 },
    }))
    .unwrap()
}

/// Bare names as maps without keys, as reading a file makes them.
fn with_maps(layers: Value) -> Value {
    let map = |layer: &Value| match layer.as_str() {
        Some(name) => json!({ name: {} }),
        None => layer.clone(),
    };
    layers.as_array().unwrap().iter().map(map).collect()
}

/// Codes of all warnings about a network of these layers, with their places.
pub fn codes(layers: Value, change: impl Fn(&mut Setup)) -> Vec<(String, String)> {
    let mut setup = setup(layers);
    change(&mut setup);
    codes_of(&setup, &FACTS)
}

/// Codes of all warnings about a setup on some data, with their places.
pub fn codes_of(setup: &Setup, data: &DataFacts<'_>) -> Vec<(String, String)> {
    let warnings = lint(setup, data);
    warnings.into_iter().map(|(l, f)| (l.code().to_owned(), f.path.to_string())).collect()
}

/// The message and the remedy of the only warning about a setup.
pub fn words(setup: &Setup) -> (String, String) {
    let mut warnings = lint(setup, &FACTS);
    assert_eq!(warnings.len(), 1, "{warnings:?}");
    let (_, finding) = warnings.remove(0);
    (finding.message, finding.help)
}

/// One warning.
pub fn one(code: Lint, path: &str) -> Vec<(String, String)> {
    vec![(code.code().to_owned(), path.to_owned())]
}

/// A dense layer of 8 units with more keys.
pub fn dense(parameters: Value) -> Value {
    let mut dense = json!({ "units": 8 });
    for (key, value) in parameters.as_object().unwrap() {
        dense[key] = value.clone();
    }
    json!({ "dense": dense })
}
