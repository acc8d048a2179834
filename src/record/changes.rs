//! What differs between the settings of two trials.

use serde_json::{Value, json};

use super::{TrialDir, without_paths};
use crate::spec::{BackendName, Setup, shorten_layers};

/// The parts of a `config.yaml` that decide the numbers.
const PARTS: [&str; 5] = ["backend", "dataset", "model", "training", "diagnostics"];

/// Of these keys, the content of what they name counts.
const PATHS: [&str; 3] = ["dataset.idx", "dataset.name", "model.initial_weights"];

/// The settings of a setup as its `config.yaml` has them, without paths.
pub fn settings(setup: &Setup, backend: BackendName) -> Value {
    let mut settings = serde_json::to_value(without_paths(setup)).unwrap_or_default();
    shorten_layers(&mut settings);
    settings["backend"] = json!(backend);
    settings
}

/// The settings in the `config.yaml` of a trial; null where there is none that can be read.
pub fn recorded_settings(dir: &TrialDir) -> Value {
    let text = std::fs::read_to_string(dir.config()).unwrap_or_default();
    serde_yaml::from_str(&text).unwrap_or_default()
}

/// What differs between two settings, each as `training.epochs 10 → 20`. Paths are left out: what
/// counts is the content of their files.
pub fn changes(before: &Value, now: &Value) -> Vec<String> {
    let mut changes = Vec::new();
    for part in PARTS {
        compare(part, before.get(part), now.get(part), &mut changes);
    }
    changes
}

/// Collects where two trees differ, at their leaves.
fn compare(path: &str, before: Option<&Value>, now: Option<&Value>, changes: &mut Vec<String>) {
    if before == now || PATHS.contains(&path) {
        return;
    }
    match (before, now) {
        (Some(Value::Object(was)), Some(Value::Object(is))) => {
            for (key, now) in is {
                compare(&format!("{path}.{key}"), was.get(key), Some(now), changes);
            }
            for (key, before) in was.iter().filter(|(key, _)| !is.contains_key(*key)) {
                compare(&format!("{path}.{key}"), Some(before), None, changes);
            }
        }
        (Some(Value::Array(was)), Some(Value::Array(is))) if kinds(was) == kinds(is) => {
            for (index, (before, now)) in was.iter().zip(is).enumerate() {
                compare(&format!("{path}.{index}"), Some(before), Some(now), changes);
            }
        }
        (before, now) => changes.push(format!("{path} {} → {}", shown(before), shown(now))),
    }
}

/// The names of layers or callbacks; of a list of other things, their number.
fn kinds(list: &[Value]) -> Vec<&str> {
    list.iter().map(|item| kind(item).unwrap_or_default()).collect()
}

fn kind(item: &Value) -> Option<&str> {
    match item {
        Value::String(name) => Some(name),
        Value::Object(map) => map.keys().next().map(String::as_str),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::Array(_) => None,
    }
}

fn shown(value: Option<&Value>) -> String {
    match value {
        None | Some(Value::Null) => "nothing".to_owned(),
        Some(Value::String(text)) => text.clone(),
        // A stack of layers by their names, in short.
        Some(Value::Array(list)) if list.iter().all(|item| kind(item).is_some()) => {
            format!("[{}]", kinds(list).join(", "))
        }
        Some(value) => value.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn changes_are_named_by_their_paths_with_both_values() {
        let changes = |was: Value, is: Value| {
            let mut changes = Vec::new();
            compare("model", Some(&was), Some(&is), &mut changes);
            changes
        };
        let dense = |units| json!({ "dense": { "units": units, "activation": "relu" } });
        let layers = |list: Value| json!({ "layers": list });
        assert_eq!(
            changes(layers(json!(["flatten", dense(300)])), layers(json!(["flatten", dense(100)]))),
            ["model.layers.1.dense.units 300 → 100"]
        );
        assert_eq!(
            changes(layers(json!(["flatten"])), layers(json!(["flatten", dense(100)]))),
            ["model.layers [flatten] → [flatten, dense]"]
        );
        assert_eq!(
            changes(json!({ "a": 1, "b": { "c": 0.5 } }), json!({ "b": { "c": "x", "d": true } })),
            ["model.b.c 0.5 → x", "model.b.d nothing → true", "model.a 1 → nothing"]
        );
        assert_eq!(
            changes(json!({ "initial_weights": "a" }), json!({ "initial_weights": "b" })),
            Vec::<String>::new()
        );
    }
}
