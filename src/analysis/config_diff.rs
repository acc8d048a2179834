//! The resolved configs of cases, and key by key what differs between them.

use std::collections::BTreeMap;

use serde_json::Value;

use super::Case;

/// Keys that name a trial or repeat what folders say; they are no part of a setup.
const NAMES: [&str; 5] = ["name", "description", "seeds", "variants", "grid"];

/// A case's config.
#[derive(Debug, Clone)]
pub struct CaseConfig {
    /// The case.
    pub label: String,
    /// The file's text.
    pub text: String,
    tree: Value,
}

/// Key by key, over several cases.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct ConfigComparison {
    /// Keys that differ, each with its value in every case; `None` in a case without it. A value is
    /// one line, or a list of them.
    pub different: Vec<(String, Vec<Option<Vec<String>>>)>,
    /// Keys that all have with the same value.
    pub shared: Vec<(String, Vec<String>)>,
}

impl CaseConfig {
    /// The config of a case's first trial that has a readable one.
    pub fn read(case: &Case) -> Option<Self> {
        case.trials.iter().find_map(|trial| {
            let text = std::fs::read_to_string(trial.dir.config()).ok()?;
            let tree: serde_yaml::Value = serde_yaml::from_str(&text).ok()?;
            let tree = serde_json::to_value(tree).ok().filter(Value::is_object)?;
            Some(Self { label: case.label.clone(), text, tree })
        })
    }
}

/// What differs between configs and what does not, keys in the order of the files.
pub fn compare_configs(configs: &[CaseConfig]) -> ConfigComparison {
    let dull = dull_parameters(configs);
    let flat: Vec<Vec<(String, Vec<String>)>> = configs
        .iter()
        .map(|config| {
            let mut list = Vec::new();
            for (key, value) in config.tree.as_object().into_iter().flatten() {
                if !NAMES.contains(&key.as_str()) {
                    flatten(key, value, &dull, &mut list);
                }
            }
            list
        })
        .collect();
    let mut keys: Vec<&str> = Vec::new();
    for (key, _) in flat.iter().flatten() {
        if !keys.contains(&key.as_str()) {
            keys.push(key);
        }
    }
    let mut comparison = ConfigComparison::default();
    for key in keys {
        let value = |list: &Vec<(String, Vec<String>)>| {
            list.iter().find(|(known, _)| known == key).map(|(_, value)| value.clone())
        };
        let values: Vec<Option<Vec<String>>> = flat.iter().map(value).collect();
        match &values[0] {
            Some(first) if values.iter().all(|value| value.as_ref() == Some(first)) => {
                comparison.shared.push((key.to_owned(), first.clone()));
            }
            Some(_) | None => comparison.different.push((key.to_owned(), values)),
        }
    }
    comparison
}

/// Dotted keys with their values; a list of layers is one value, a line for each.
fn flatten(
    path: &str,
    value: &Value,
    dull: &BTreeMap<(String, String), bool>,
    list: &mut Vec<(String, Vec<String>)>,
) {
    match value {
        Value::Object(map) if !map.is_empty() => {
            for (key, value) in map {
                flatten(&format!("{path}.{key}"), value, dull, list);
            }
        }
        Value::Array(items) if path.ends_with("layers") || items.iter().any(Value::is_object) => {
            let lines = items.iter().map(|item| layer(item, dull)).collect();
            list.push((path.to_owned(), lines));
        }
        Value::Null
        | Value::Bool(_)
        | Value::Number(_)
        | Value::String(_)
        | Value::Array(_)
        | Value::Object(_) => list.push((path.to_owned(), vec![plain(value)])),
    }
}

/// A layer on one line, without the parameters that say nothing.
fn layer(item: &Value, dull: &BTreeMap<(String, String), bool>) -> String {
    let Some((kind, parameters)) = item.as_object().and_then(|map| map.iter().next()) else {
        return plain(item);
    };
    let Value::Object(parameters) = parameters else {
        return format!("{kind} {}", plain(parameters));
    };
    let mut line = kind.clone();
    for (key, value) in parameters {
        if dull.get(&(kind.clone(), key.clone())) != Some(&true) {
            line.push_str(&format!(" {key}={}", plain(value)));
        }
    }
    line
}

/// Parameters that have one value in all layers of a kind, of all configs: these say nothing about
/// what makes cases or layers differ.
fn dull_parameters(configs: &[CaseConfig]) -> BTreeMap<(String, String), bool> {
    let mut values: BTreeMap<(String, String), (Value, bool, usize)> = BTreeMap::new();
    let mut layers: BTreeMap<String, usize> = BTreeMap::new();
    let lists = configs.iter().filter_map(|config| config.tree.pointer("/model/layers"));
    for item in lists.filter_map(Value::as_array).flatten().filter_map(Value::as_object).flatten() {
        let (kind, parameters) = item;
        *layers.entry(kind.clone()).or_default() += 1;
        for (key, value) in parameters.as_object().into_iter().flatten() {
            let known = values
                .entry((kind.clone(), key.clone()))
                .or_insert_with(|| (value.clone(), true, 0));
            known.1 &= known.0 == *value;
            known.2 += 1;
        }
    }
    values
        .into_iter()
        .map(|((kind, key), (_, same, count))| {
            // Of a single layer everything is worth saying.
            let everywhere = layers[&kind] == count && count > 1;
            ((kind, key), same && everywhere)
        })
        .collect()
}

fn plain(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(text: &str) -> CaseConfig {
        let tree: serde_yaml::Value = serde_yaml::from_str(text).unwrap();
        let tree = serde_json::to_value(tree).unwrap();
        CaseConfig { label: String::new(), text: text.to_owned(), tree }
    }

    #[test]
    fn only_keys_that_differ_are_told_apart() {
        let one = config(
            "name: e\nseeds: [1]\ntraining: { epochs: 2, batch_size: 32 }\n\
             model: { layers: [flatten, dense: { units: 3, use_bias: true }, dense: { units: 1, use_bias: true }] }\n",
        );
        let two = config(
            "name: f\nseeds: [2]\ntraining: { epochs: 3, batch_size: 32, patience: 1 }\n\
             model: { layers: [flatten, dense: { units: 3, use_bias: true }] }\n",
        );
        let comparison = compare_configs(&[one, two]);
        let line = |text: &str| vec![text.to_owned()];
        assert_eq!(comparison.shared, [("training.batch_size".to_owned(), line("32"))]);
        let lines =
            |lines: &[&str]| Some(lines.iter().map(|line| (*line).to_owned()).collect::<Vec<_>>());
        assert_eq!(
            comparison.different,
            [
                ("training.epochs".to_owned(), vec![Some(line("2")), Some(line("3"))]),
                (
                    "model.layers".to_owned(),
                    vec![
                        lines(&["flatten", "dense units=3", "dense units=1"]),
                        lines(&["flatten", "dense units=3"])
                    ]
                ),
                ("training.patience".to_owned(), vec![None, Some(line("1"))]),
            ]
        );
    }
}
