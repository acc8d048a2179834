//! Values that are one of several names, some of them with parameters: `relu`, or
//! `leaky_relu: { negative_slope: 0.1 }`.
//!
//! Serde has such a value as one schema per name. Here they become one map of one key, which makes
//! an editor's messages say what is wrong inside it, and the names that may stand alone.

use serde_json::{Map, Value, json};

use crate::spec::main_parameter;

/// Rewrites every such definition. Those in `bare` may also be given by name alone where no
/// parameter is required, and functions by their one number where one says it all.
pub(super) fn write_out(definitions: &mut Map<String, Value>, bare: &[&str]) {
    let parameters = definitions.clone();
    for (name, definition) in definitions.iter_mut() {
        let Some(variants) = definition.get("oneOf").and_then(Value::as_array) else { continue };
        let variants = variants.clone();
        if variants.iter().any(|variant| variant.get("properties").is_some()) {
            let forms = forms(&variants, bare.contains(&name.as_str()), &parameters);
            let definition = definition.as_object_mut().expect("it has a key");
            definition.shift_remove("oneOf");
            definition.insert("anyOf".to_owned(), forms);
        }
    }
}

fn forms(variants: &[Value], bare: bool, definitions: &Map<String, Value>) -> Value {
    let mut alone = Vec::new();
    let mut properties = Map::new();
    for variant in variants {
        let described = |mut value: Value| {
            value["description"] = variant["description"].clone();
            value
        };
        if let Some(name) = variant.get("const") {
            alone.push(described(json!({ "const": name })));
            let aliases = variant.get("aliases").and_then(Value::as_array);
            alone.extend(
                aliases.into_iter().flatten().map(|name| described(json!({ "const": name }))),
            );
        }
        let inner = variant.get("properties").and_then(Value::as_object);
        for (name, value) in inner.into_iter().flatten() {
            let own = value["$ref"].as_str().and_then(|path| path.rsplit('/').next());
            let own = own.and_then(|own| definitions.get(own)).unwrap_or(value);
            let has = |parameter: &str| own["properties"].get(parameter).is_some();
            let mut given = vec![value.clone()];
            if bare && own["type"] == "object" && own.get("required").is_none() {
                alone.push(described(json!({ "const": name })));
                given.push(json!({ "type": "null" }));
            }
            if bare && main_parameter(name).is_some_and(has) {
                given.push(json!({ "type": "number" }));
            }
            let value = match given.len() {
                1 => value.clone(),
                _ => json!({ "anyOf": given }),
            };
            properties.insert(name.clone(), described(value));
        }
    }
    alone.push(json!({
        "type": "object",
        "properties": properties,
        "additionalProperties": false,
        "minProperties": 1,
        "maxProperties": 1,
    }));
    Value::Array(alone)
}
