//! Setups that are not whole: a variant says only what it changes, and what all variants say need
//! not be in the file itself. Their keys are the same, but none is required.

use serde_json::{Map, Value, json};

use crate::spec::SETUP;

/// Lets variants leave keys out, and the file where there are variants or a grid.
pub(super) fn allow(root: &mut Value, definitions: &mut Map<String, Value>) {
    let whole: Map<String, Value> =
        SETUP.iter().map(|part| ((*part).to_owned(), root["properties"][part].clone())).collect();
    let mut changes = Changes { definitions };
    for part in SETUP {
        changes.loosen(&mut root["properties"][part]);
    }
    changes.within("Variant");
    let required = root.as_object_mut().and_then(|root| root.shift_remove("required"));
    root["if"] = json!({ "anyOf": [{ "required": ["variants"] }, { "required": ["grid"] }] });
    root["then"] = json!({});
    root["else"] = json!({ "required": required, "properties": whole });
}

struct Changes<'d> {
    definitions: &'d mut Map<String, Value>,
}

impl Changes<'_> {
    /// Takes `required` out of a schema and of all that it refers to, lists aside: they are always
    /// given as a whole.
    fn loosen(&mut self, schema: &mut Value) {
        let Value::Object(map) = schema else { return };
        map.shift_remove("required");
        for (key, value) in map.iter_mut() {
            match (key.as_str(), value) {
                ("$ref", Value::String(path)) => {
                    if let Some(name) = path.rsplit('/').next() {
                        *path = format!("#/definitions/{}", self.changed(name));
                    }
                }
                ("properties", Value::Object(properties)) => {
                    for value in properties.values_mut() {
                        self.loosen(value);
                    }
                }
                ("anyOf" | "oneOf" | "allOf", Value::Array(forms)) => {
                    for form in forms {
                        self.loosen(form);
                    }
                }
                _ => {}
            }
        }
    }

    /// The name of a definition of which nothing is required: its own, if that is so already.
    fn changed(&mut self, name: &str) -> String {
        let loose_name = format!("{name}Changes");
        if self.definitions.contains_key(&loose_name) {
            return loose_name;
        }
        let mut loose = self.definitions[name].clone();
        self.loosen(&mut loose);
        if loose == self.definitions[name] {
            return name.to_owned();
        }
        self.definitions.insert(loose_name.clone(), loose);
        loose_name
    }

    /// Loosens a definition in its place.
    fn within(&mut self, name: &str) {
        let mut definition = self.definitions[name].clone();
        self.loosen(&mut definition);
        self.definitions[name] = definition;
    }
}
