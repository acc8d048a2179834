//! What the HPARAMS tab shows: settings of trials, and which numbers they are compared by.

use std::collections::BTreeMap;

use serde_json::Value as Json;

use super::messages::{
    DatasetType, Domain, Experiment, HParamInfo, HParamType, Interval, Kind, ListValue, MetricInfo,
    MetricName, Value,
};
use crate::record::Manifest;
use crate::spec::{GridValue, top_k_name};

/// The settings of one trial, by name.
pub type Settings = BTreeMap<String, Value>;

/// A trial's grid values, under the short names that its folder has, and the settings that all
/// trials have. `config` is its `config.yaml`.
pub fn settings(manifest: &Manifest, config: &Json) -> Settings {
    let mut settings = Settings::new();
    for (key, point) in GridValue::short_keys(&manifest.grid).iter().zip(&manifest.grid) {
        settings.insert((*key).to_owned(), value(&point.value));
    }
    // A grid value of the same short name stays: it is that setting, or is called so in the folder.
    let mut set = |name: &str, setting: &Json| {
        if !setting.is_null() && !settings.contains_key(name) {
            settings.insert(name.to_owned(), value(setting));
        }
    };
    set("variant", &Json::from(&*manifest.variant));
    set("seed", &Json::from(manifest.seed));
    set("backend", &Json::from(manifest.backend.as_str()));
    set("dataset", &Json::from(&*manifest.dataset));
    set("parameters", &Json::from(manifest.parameters.total));
    let training = &config["training"];
    set("epochs", &training["epochs"]);
    set("batch_size", &training["batch_size"]);
    let (optimizer, options) = kind(&training["optimizer"]);
    set("optimizer", &optimizer);
    let (schedule, _) = kind(&training["learning_rate"]);
    match schedule.is_null() {
        true => set("learning_rate", &options["learning_rate"]),
        // The optimizer's own rate is not used.
        false => set("learning_rate_schedule", &schedule),
    }
    settings
}

/// The name in `{ name: { … } }`, or in `name` alone, and what is below it.
fn kind(setting: &Json) -> (Json, &Json) {
    match setting.as_object().and_then(|map| map.iter().next()) {
        Some((name, options)) => (Json::from(&**name), options),
        None => (setting.clone(), &Json::Null),
    }
}

fn value(setting: &Json) -> Value {
    let kind = match setting {
        Json::Number(number) => Kind::Number(number.as_f64().unwrap_or(f64::NAN)),
        Json::Bool(yes) => Kind::Bool(*yes),
        Json::String(text) => Kind::String(text.clone()),
        Json::Null | Json::Array(_) | Json::Object(_) => Kind::String(setting.to_string()),
    };
    Value { kind: Some(kind) }
}

/// The experiment that all these trials are sessions of, as TensorBoard sees it.
pub fn experiment(created: f64, trials: &[Settings], top_k: &[usize]) -> Experiment {
    let mut values: BTreeMap<&str, Vec<&Kind>> = BTreeMap::new();
    for (name, value) in trials.iter().flatten() {
        values.entry(name).or_default().extend(&value.kind);
    }
    Experiment {
        time_created_secs: created,
        hparam_infos: values.into_iter().map(|(name, values)| info(name, &values)).collect(),
        metric_infos: metrics(top_k),
    }
}

/// A setting with the values that there are. Where they are of several types, it counts as text.
fn info(name: &str, values: &[&Kind]) -> HParamInfo {
    let differs = values.iter().any(|value| *value != values[0]);
    let numbers: Option<Vec<f64>> = values.iter().map(|value| number(value)).collect();
    let (kind, domain) = match numbers {
        Some(numbers) => {
            let min_value = numbers.iter().copied().fold(f64::INFINITY, f64::min);
            let max_value = numbers.iter().copied().fold(f64::NEG_INFINITY, f64::max);
            (HParamType::Float64, Domain::Interval(Interval { min_value, max_value }))
        }
        None => {
            let is_bool = values.iter().all(|value| matches!(value, Kind::Bool(_)));
            let kind = if is_bool { HParamType::Bool } else { HParamType::String };
            let mut list: Vec<Value> = Vec::new();
            for value in values {
                let text = match value {
                    Kind::Bool(_) if is_bool => (*value).clone(),
                    Kind::Bool(yes) => Kind::String(yes.to_string()),
                    Kind::Number(number) => Kind::String(number.to_string()),
                    Kind::String(text) => Kind::String(text.clone()),
                };
                let text = Value { kind: Some(text) };
                if !list.contains(&text) {
                    list.push(text);
                }
            }
            (kind, Domain::Discrete(ListValue { values: list }))
        }
    };
    HParamInfo { name: name.to_owned(), kind: kind.into(), domain: Some(domain), differs }
}

fn number(value: &Kind) -> Option<f64> {
    match value {
        Kind::Number(number) => Some(*number),
        Kind::String(_) | Kind::Bool(_) => None,
    }
}

/// The columns of numbers: of the test, and of validation and training after the last epoch.
fn metrics(top_k: &[usize]) -> Vec<MetricInfo> {
    let names = ["accuracy".to_owned(), "loss".to_owned()].into_iter();
    let names: Vec<String> = names.chain(top_k.iter().map(|&k| top_k_name(k))).collect();
    let mut metrics = Vec::new();
    for (group, prefix, shown, dataset_type) in [
        ("", "test_", "test_", DatasetType::Unknown),
        (super::VALIDATION, "epoch_", "val_", DatasetType::Validation),
        (super::TRAIN, "epoch_", "", DatasetType::Training),
    ] {
        metrics.extend(names.iter().map(|name| MetricInfo {
            name: Some(MetricName { group: group.to_owned(), tag: format!("{prefix}{name}") }),
            display_name: format!("{shown}{name}"),
            dataset_type: dataset_type.into(),
        }));
    }
    metrics
}
