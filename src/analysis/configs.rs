//! The settings of recorded trials, key by key.

use serde_json::{Map, Value};

use crate::record::RecordedTrial;

use super::table::Cell;

/// One setting of every trial.
#[derive(Debug, Clone, PartialEq)]
pub struct ConfigColumn {
    /// Its dotted path in `config.yaml`.
    pub key: String,
    /// Its value in each trial; missing where a trial has no such key.
    pub cells: Vec<Cell>,
    /// Layers in few words, in each trial, where the value is all of them.
    pub brief: Option<Vec<String>>,
}

/// What decides a trial's numbers.
const PARTS: [&str; 5] = ["backend", "dataset", "model", "training", "diagnostics"];

/// The settings of trials, with every default, in the order of the first file that has each. Layers
/// are settings of their own where all networks have the same layers; otherwise a network's layers
/// are one setting. A trial whose config cannot be read has none.
pub fn configs<'a>(trials: impl IntoIterator<Item = &'a RecordedTrial>) -> Vec<ConfigColumn> {
    let configs: Vec<Map<String, Value>> = trials.into_iter().map(read).collect();
    let kinds: Vec<Option<Vec<&str>>> =
        configs.iter().map(|config| layers(config).map(|layers| kinds(layers))).collect();
    let alike = kinds.windows(2).all(|pair| pair[0] == pair[1]);
    let mut columns: Vec<ConfigColumn> = Vec::new();
    for (index, config) in configs.iter().enumerate() {
        let mut set = |key: String, cell: Cell, brief: Option<String>| {
            let column = match columns.iter().position(|column| column.key == key) {
                Some(known) => &mut columns[known],
                None => {
                    let cells = vec![Cell::Missing; configs.len()];
                    let brief = brief.is_some().then(|| vec![String::new(); configs.len()]);
                    columns.push(ConfigColumn { key, cells, brief });
                    columns.last_mut().expect("one was put there")
                }
            };
            column.cells[index] = cell;
            if let (Some(column), Some(brief)) = (&mut column.brief, brief) {
                column[index] = brief;
            }
        };
        for part in PARTS {
            if let Some(value) = config.get(part) {
                settings(part, value, alike, &mut set);
            }
        }
    }
    columns
}

fn read(trial: &RecordedTrial) -> Map<String, Value> {
    let text = std::fs::read_to_string(trial.dir.config()).unwrap_or_default();
    match serde_yaml::from_str(&text) {
        Ok(Value::Object(config)) => config,
        Ok(
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Array(_),
        )
        | Err(_) => Map::new(),
    }
}

/// Gives each setting below a path.
fn settings(
    path: &str,
    value: &Value,
    layers_alike: bool,
    set: &mut impl FnMut(String, Cell, Option<String>),
) {
    match value {
        Value::Object(map) if !map.is_empty() => {
            for (key, value) in map {
                settings(&format!("{path}.{key}"), value, layers_alike, set);
            }
        }
        Value::Array(list) if path == "model.layers" && layers_alike => {
            for (index, layer) in list.iter().enumerate() {
                settings(&format!("{path}.{index}"), layer, layers_alike, set);
            }
        }
        Value::Array(list) if path == "model.layers" => {
            let brief: Vec<String> = list.iter().map(layer_in_brief).collect();
            set(path.to_owned(), Cell::value(value), Some(brief.join(", ")));
        }
        Value::Null
        | Value::Bool(_)
        | Value::Number(_)
        | Value::String(_)
        | Value::Array(_)
        | Value::Object(_) => set(path.to_owned(), Cell::value(value), None),
    }
}

fn layers(config: &Map<String, Value>) -> Option<&Vec<Value>> {
    config.get("model")?.get("layers")?.as_array()
}

fn kinds(layers: &[Value]) -> Vec<&str> {
    layers.iter().map(|layer| kind(layer).0).collect()
}

/// A layer's kind, and its parameters if it has any.
fn kind(layer: &Value) -> (&str, Option<&Value>) {
    let map = layer.as_object().and_then(|map| map.iter().next());
    map.map_or((layer.as_str().unwrap_or_default(), None), |(kind, value)| (kind, Some(value)))
}

/// `dense 300 relu`, `dropout 0.2`
fn layer_in_brief(layer: &Value) -> String {
    let (name, parameters) = kind(layer);
    let mut brief = name.to_owned();
    let Some(parameters) = parameters else { return brief };
    // The value of `activation: relu` is the function itself.
    let function = |value: &Value| kind(value).0.to_owned();
    if name == "activation" {
        return function(parameters);
    }
    for key in ["units", "filters", "pool_size", "rate", "stddev"] {
        if let Some(value) = parameters.get(key) {
            brief.push_str(&format!(" {value}"));
        }
    }
    match parameters.get("activation").map(function) {
        Some(activation) if activation != "linear" => brief + " " + &activation,
        Some(_) | None => brief,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::analysis::test_data::trial;
    use crate::record::TrialDir;

    fn with_config(folder: &std::path::Path, name: &str, config: &str) -> RecordedTrial {
        let dir = TrialDir::existing(folder.join(name));
        std::fs::create_dir_all(dir.path()).unwrap();
        std::fs::write(dir.config(), config).unwrap();
        RecordedTrial { dir, ..trial("e", name, &[], 1, &[0.5]) }
    }

    fn column<'c>(columns: &'c [ConfigColumn], key: &str) -> &'c ConfigColumn {
        columns.iter().find(|column| column.key == key).unwrap_or_else(|| panic!("{columns:?}"))
    }

    const RATE: &str = "\
name: e
model: { layers: [flatten, { dense: { units: 10, activation: softmax } }] }
training: { optimizer: { sgd: { learning_rate: 0.1 } }, epochs: 3 }
seeds: [1]
";

    #[test]
    fn settings_are_told_key_by_key_and_the_same_layers_too() {
        let folder = tempfile::tempdir().unwrap();
        let one = with_config(folder.path(), "one", RATE);
        let other = RATE.replace("0.1", "0.5").replace("units: 10", "units: 12");
        let other = with_config(folder.path(), "other", &other);
        let columns = configs([&one, &other]);
        let rate = column(&columns, "training.optimizer.sgd.learning_rate");
        assert_eq!(rate.cells, [Cell::Number(0.1), Cell::Number(0.5)]);
        let units = column(&columns, "model.layers.1.dense.units");
        assert_eq!(units.cells, [Cell::Integer(10), Cell::Integer(12)]);
        assert!(columns.iter().all(|column| column.key != "seeds" && column.key != "name"));
    }

    #[test]
    fn other_layers_are_one_setting_in_few_words() {
        let folder = tempfile::tempdir().unwrap();
        let one = with_config(folder.path(), "one", RATE);
        let layers =
            "flatten, batch_normalization, { dropout: { rate: 0.2 } }, { activation: elu }";
        let other = with_config(folder.path(), "other", &RATE.replace("flatten", layers));
        let unreadable = with_config(folder.path(), "unreadable", "]");
        let columns = configs([&one, &other, &unreadable]);
        let layers = column(&columns, "model.layers");
        assert_eq!(
            layers.brief.as_ref().unwrap()[..],
            [
                "flatten, dense 10 softmax",
                "flatten, batch_normalization, dropout 0.2, elu, dense 10 softmax",
                ""
            ]
        );
        assert_eq!(layers.cells[2], Cell::Missing);
    }
}
