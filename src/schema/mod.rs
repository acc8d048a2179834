//! The experiment file as a JSON Schema, for editors that complete and explain while one types.
//!
//! It is made from the very types that files are read into: keys, types, defaults and texts are
//! theirs (`schemars`). What is added here is what reading does before serde sees a value: short
//! forms ([`names`]) and variants that say only what they change ([`changes`]).

mod changes;
mod file;
mod names;

use schemars::generate::SchemaSettings;
use serde_json::{Map, Value};

use crate::spec::Repeat;
use file::ExperimentFile;

/// The types whose values files may also give as a bare name, `optimizer: adam`, where nothing else
/// is required.
const BARE_NAMES: [&str; 10] = [
    "Layer",
    "Activation",
    "Initializer",
    "Regularizer",
    "Constraint",
    "OptimizerSpec",
    "ScheduleSpec",
    "CallbackSpec",
    "Loss",
    "MetricSpec",
];

/// The schema of an experiment file, in draft 7, which editors know best.
pub fn experiment() -> Value {
    let mut generator = SchemaSettings::draft07().into_generator();
    let block = generator.subschema_for::<Repeat>().to_value();
    let mut root = generator.into_root_schema_for::<ExperimentFile>().to_value();
    tidy(&mut root);
    let mut definitions = definitions(&mut root);
    names::write_out(&mut definitions, &BARE_NAMES);
    // A block may stand where a layer can.
    definitions["Layer"]["anyOf"]
        .as_array_mut()
        .and_then(|forms| forms.last_mut())
        .expect("layers are names, and maps of one name")["properties"]["repeat"] = block;
    changes::allow(&mut root, &mut definitions);
    root["definitions"] = Value::Object(definitions);
    root
}

fn definitions(root: &mut Value) -> Map<String, Value> {
    match root["definitions"].take() {
        Value::Object(definitions) => definitions,
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Array(_) => {
            unreachable!("definitions are a map")
        }
    }
}

/// Lines of comments become paragraphs, links lose their brackets, and Rust's names of numbers go.
fn tidy(schema: &mut Value) {
    match schema {
        Value::Object(map) => {
            if let Some(Value::String(text)) = map.get_mut("description") {
                *text = paragraphs(text).join("\n\n");
            }
            if map.get("format").is_some_and(Value::is_string) {
                map.shift_remove("format");
            }
            map.values_mut().for_each(tidy);
        }
        Value::Array(list) => list.iter_mut().for_each(tidy),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

fn paragraphs(text: &str) -> Vec<String> {
    let without_brackets = |word: &str| match word.strip_prefix('<') {
        Some(link) if link.starts_with("https://") => link.replacen('>', "", 1),
        Some(_) | None => word.to_owned(),
    };
    let joined = |paragraph: &str| {
        paragraph.split_whitespace().map(without_brackets).collect::<Vec<_>>().join(" ")
    };
    text.split("\n\n").map(joined).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lint::Lint;
    use crate::spec::{SETUP, TOP_LEVEL};

    fn keys(schema: &Value) -> Vec<&str> {
        schema["properties"].as_object().unwrap().keys().map(String::as_str).collect()
    }

    #[test]
    fn files_and_variants_have_the_keys_that_are_read() {
        let schema = experiment();
        let sorted = |mut keys: Vec<&'static str>| {
            keys.sort_unstable();
            keys
        };
        let mut top = keys(&schema);
        top.sort_unstable();
        assert_eq!(top, sorted(TOP_LEVEL.to_vec()), "see `ExperimentFile` and `TOP_LEVEL`");
        let mut variant = keys(&schema["definitions"]["Variant"]);
        variant.sort_unstable();
        assert_eq!(variant, sorted(SETUP.to_vec()), "see `Variant` and `SETUP`");
    }

    #[test]
    fn warnings_are_called_by_their_codes() {
        let schema = experiment();
        let lints = schema["definitions"]["Lint"]["oneOf"].as_array().unwrap();
        let names: Vec<&str> = lints.iter().map(|lint| lint["const"].as_str().unwrap()).collect();
        assert_eq!(names, Lint::ALL.map(Lint::code));
    }

    #[test]
    fn nothing_unknown_is_let_in_and_every_switch_tells_how_it_stands() {
        let schema = experiment();
        for (name, definition) in schema["definitions"].as_object().unwrap() {
            let Some(properties) = definition["properties"].as_object() else { continue };
            assert_eq!(definition["additionalProperties"], false, "{name}");
            for (key, value) in properties {
                assert!(value["description"].is_string(), "{name}.{key} has no comment");
                // Where serde leaves a default out of what it writes, schemars would, too:
                // `#[schemars(!skip_serializing_if)]`.
                let told = value["type"] != "boolean" || value.get("default").is_some();
                assert!(told, "{name}.{key} has no default");
            }
        }
    }
}
