//! What every name in an experiment file means, from the same texts as its schema.

use serde::Serialize;
use serde_json::Value;

use crate::schema;
use crate::spec::{TopKAccuracy, top_k_name, top_k_of_name};

/// Kinds of names, each with the definition in the schema that lists them.
const KINDS: [(&str, &str); 20] = [
    ("layer", "Layer"),
    ("activation", "Activation"),
    ("initializer", "Initializer"),
    ("regularizer", "Regularizer"),
    ("constraint", "Constraint"),
    ("optimizer", "OptimizerSpec"),
    ("schedule", "ScheduleSpec"),
    ("callback", "CallbackSpec"),
    ("loss", "Loss"),
    ("metric", "MetricSpec"),
    ("data set", "DatasetName"),
    ("scaling", "Scaling"),
    ("padding", "Padding"),
    ("monitored metric", "Monitor"),
    ("mode", "Mode"),
    ("group of diagnostics", "DiagnosticGroup"),
    ("chart", "Plot"),
    ("checkpoint policy", "CheckpointPolicy"),
    ("backend", "BackendName"),
    ("warning", "Lint"),
];

/// The kind of what `grid.random` draws from, which is no definition of its own.
const DISTRIBUTION: &str = "distribution";

/// What claims in `expect` can compare beside the monitored metrics. They are parts of texts, which
/// a schema does not describe.
const QUANTITIES: [(&str, &str); 10] = [
    ("test_accuracy", "Accuracy on the test images."),
    ("test_loss", "Mean loss of the test images."),
    (
        "best_val_accuracy",
        "`best_` before a metric: its highest accuracy or lowest loss over all epochs.",
    ),
    (
        "last_val_accuracy",
        "`last_` before a metric: its value in the last epoch, also where \
      `restore_best_weights` keeps the weights of an earlier one.",
    ),
    (
        "epochs_to",
        "The first epoch that reaches a target, as in `epochs_to(val_accuracy >= 0.85)`.",
    ),
    (
        "seconds_to",
        "Seconds of training up to the end of the first epoch that reaches a target, as \
      in `seconds_to(val_accuracy >= 0.85)`.",
    ),
    ("epoch_seconds", "The median of the seconds of the epochs after the first."),
    ("train_seconds", "Seconds of the whole training."),
    ("params", "How many numbers the network has."),
    (
        "diverged",
        "1 if the trial diverged, which means that its loss became NaN or infinite, else 0.",
    ),
];

/// The words of claims in `expect` beside quantities.
const RULES: [(&str, &str); 3] = [
    (
        "within",
        "`a ~= b within 0.01` in a claim: an equivalence test, which holds if the 90 % interval of the \
      difference lies within the tolerance.",
    ),
    ("with", "`a > b with p < 0.01` in a claim: the level of its test, in place of 0.05."),
    (
        "average",
        "`a > b on average` in a claim: the means over the seeds are compared, without a test.",
    ),
];

/// Parts of a file, each with the definition of its keys; that of the file itself has no name.
const SECTIONS: [(&str, &str); 7] = [
    ("experiment", ""),
    ("dataset", "DatasetSpec"),
    ("validation", "ValidationShare"),
    ("augment", "Augment"),
    ("model", "ModelSpec"),
    ("training", "TrainingSpec"),
    ("lints", "Lints"),
];

/// What one name means.
#[derive(Debug, Serialize)]
pub struct Entry {
    /// `layer`, `optimizer`, …
    pub kind: &'static str,
    /// As files have it.
    pub name: String,
    /// Paragraphs.
    pub about: Vec<String>,
    /// What is computed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub formula: Option<String>,
    /// Of a warning: what to do.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub remedy: Option<String>,
    /// Where more is written about it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reference: Option<String>,
    /// The keys below it.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub parameters: Vec<Parameter>,
}

/// One key and what may stand there.
#[derive(Debug, Serialize)]
pub struct Parameter {
    /// The key.
    pub name: String,
    /// What may stand there, in words.
    pub value: String,
    /// Whether it must be there.
    pub required: bool,
    /// What counts where it is left out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub default: Option<Value>,
    /// What it means.
    pub about: String,
}

/// All names by kind, in the order of the documentation.
pub fn entries() -> Vec<Entry> {
    let schema = schema::experiment();
    let vocabulary = Vocabulary { schema: &schema };
    let names = KINDS.iter().flat_map(|(kind, definition)| vocabulary.names(kind, definition));
    let sections = SECTIONS.iter().map(|(name, definition)| {
        let keys = match *definition {
            "" => &schema,
            definition => &schema["definitions"][definition],
        };
        vocabulary.entry("section", name, "", keys)
    });
    let quantities = QUANTITIES
        .iter()
        .map(|(name, about)| vocabulary.entry("quantity of a claim", name, about, &Value::Null));
    let rules = RULES
        .iter()
        .map(|(name, about)| vocabulary.entry("rule of a claim", name, about, &Value::Null));
    names
        .chain(vocabulary.distributions())
        .chain(quantities)
        .chain(rules)
        .chain(sections)
        .chain([vocabulary.random()])
        .collect()
}

/// The name that stands for another in the list of names: of top-k accuracies there is one for
/// every k, and a claim can have the best and the last value of every metric. The list has one of
/// each.
pub fn listed_name(name: &str) -> String {
    for prefix in ["best_", "last_"] {
        let is_metric = |rest: &str| {
            let metric = rest.strip_prefix("val_").unwrap_or(rest);
            ["accuracy", "loss"].contains(&metric) || top_k_of_name(metric).is_some()
        };
        if name.strip_prefix(prefix).is_some_and(is_metric) {
            return format!("{prefix}val_accuracy");
        }
    }
    let (prefix, metric) = match name.strip_prefix("val_") {
        Some(rest) => ("val_", rest),
        None => ("", name),
    };
    match top_k_of_name(metric) {
        Some(_) => format!("{prefix}{}", top_k_name(TopKAccuracy::default().k)),
        None => name.to_owned(),
    }
}

struct Vocabulary<'s> {
    schema: &'s Value,
}

impl Vocabulary<'_> {
    /// Everything of one kind: names alone, and those with parameters.
    fn names(&self, kind: &'static str, definition: &str) -> Vec<Entry> {
        let definition = &self.schema["definitions"][definition];
        let forms = ["oneOf", "anyOf"].iter().find_map(|key| definition[key].as_array());
        let mut entries: Vec<Entry> = Vec::new();
        for form in forms.into_iter().flatten() {
            let name = form["const"].as_str().map(|name| (name, form));
            let examples = form["examples"].as_array().into_iter().flatten();
            let examples = examples.filter_map(|name| Some((name.as_str()?, form)));
            let keys = form["properties"].as_object().into_iter().flatten();
            let keys = keys.map(|(key, form)| (&**key, form));
            for (name, form) in name.into_iter().chain(examples).chain(keys) {
                entries.retain(|entry| entry.name != name);
                let keys = self.target(form).unwrap_or(form);
                let text = form["description"].as_str().unwrap_or_default();
                entries.push(self.entry(kind, name, text, keys));
            }
        }
        entries
    }

    /// `grid.random`, which has no definition of its own.
    fn random(&self) -> Entry {
        let random = &self.schema["properties"]["grid"]["properties"]["random"];
        self.entry("section", "random", "", random)
    }

    /// What `grid.random` draws from.
    fn distributions(&self) -> Vec<Entry> {
        let random = &self.schema["properties"]["grid"]["properties"]["random"];
        let paths = random["patternProperties"].as_object().into_iter().flatten();
        let forms = paths.filter_map(|(_, path)| path["anyOf"].as_array()).flatten();
        let names = forms.filter_map(|form| form["properties"].as_object()).flatten();
        let entry = |(name, form): (&String, &Value)| {
            let text = form["description"].as_str().unwrap_or_default();
            self.entry(DISTRIBUTION, name, text, &Value::Null)
        };
        names.map(entry).collect()
    }

    fn entry(&self, kind: &'static str, name: &str, text: &str, keys: &Value) -> Entry {
        let mut entry = Entry {
            kind,
            name: name.to_owned(),
            about: Vec::new(),
            formula: None,
            remedy: None,
            reference: None,
            parameters: self.parameters(keys),
        };
        // What the schema says of the keys is more about the name, if it has keys of its own and
        // they are not just said to be its keys.
        let more = keys["description"].as_str().filter(|text| {
            !entry.parameters.is_empty() && !text.starts_with(&format!("`{name}`'s "))
        });
        for paragraph in text.split("\n\n").chain(more).filter(|text| !text.is_empty()) {
            match paragraph.split_once(": ") {
                Some(("Formula", formula)) => entry.formula = Some(formula.to_owned()),
                Some(("Remedy", remedy)) => entry.remedy = Some(remedy.to_owned()),
                Some(("Reference", reference)) => entry.reference = Some(reference.to_owned()),
                _ if entry.about.iter().any(|other| other == paragraph) => {}
                _ => entry.about.push(paragraph.to_owned()),
            }
        }
        entry
    }

    fn parameters(&self, keys: &Value) -> Vec<Parameter> {
        let required = keys["required"].as_array().or_else(|| keys["else"]["required"].as_array());
        let is_required = |name: &str| required.is_some_and(|keys| keys.iter().any(|k| k == name));
        let properties = keys["properties"].as_object().into_iter().flatten();
        properties
            .map(|(name, value)| Parameter {
                name: name.clone(),
                value: self.words(value),
                required: is_required(name),
                default: value.get("default").cloned(),
                about: value["description"].as_str().unwrap_or_default().to_owned(),
            })
            .collect()
    }

    /// The definition that a schema refers to, if it does.
    fn target(&self, schema: &Value) -> Option<&Value> {
        Some(&self.schema["definitions"][reference(schema)?])
    }

    /// What may stand somewhere, in words.
    fn words(&self, schema: &Value) -> String {
        if let Some(name) = schema.get("$ref").and_then(Value::as_str).map(last) {
            return self.referred(name.strip_suffix("Changes").unwrap_or(name));
        }
        let forms = ["anyOf", "allOf"].iter().find_map(|key| schema[key].as_array());
        if let Some(forms) = forms {
            let mut words: Vec<String> = forms.iter().map(|form| self.words(form)).collect();
            words.retain(|word| !word.is_empty());
            return words.join(" or ");
        }
        let types: Vec<&str> = match schema["type"].as_array() {
            Some(types) => types.iter().filter_map(Value::as_str).collect(),
            None => schema["type"].as_str().into_iter().collect(),
        };
        let words = types.iter().filter_map(|name| match *name {
            "integer" => Some("whole number".to_owned()),
            "number" => Some("number".to_owned()),
            "boolean" => Some("true or false".to_owned()),
            "string" => Some("text".to_owned()),
            "array" => Some(self.list(&schema["items"])),
            "object" => Some("map".to_owned()),
            _ => None,
        });
        words.collect::<Vec<_>>().join(" or ")
    }

    /// A list of something, in words.
    fn list(&self, items: &Value) -> String {
        let words = self.words(items);
        // Names to choose from stay as they are.
        let end = if words.contains(" | ") { "" } else { "s" };
        format!("list of {words}{end}")
    }

    /// A definition in words: what kind of name it is, or the words to choose from.
    fn referred(&self, definition: &str) -> String {
        let schema = &self.schema["definitions"][definition];
        let kind = KINDS.iter().find(|(_, name)| *name == definition).map(|(kind, _)| *kind);
        let section = SECTIONS.iter().find(|(_, name)| *name == definition);
        let choices = schema["oneOf"].as_array().map(|choices| {
            choices.iter().filter_map(|choice| choice["const"].as_str()).collect::<Vec<_>>()
        });
        match (kind, section, choices) {
            (Some("warning"), ..) => "code".to_owned(),
            // Some have no fixed names.
            (Some("monitored metric"), ..) => "monitored metric".to_owned(),
            (_, _, Some(choices)) => choices.join(" | "),
            (Some(kind), ..) => kind.to_owned(),
            (None, Some((section, _)), None) => format!("the keys of `{section}`"),
            (None, None, None) => self.words(schema),
        }
    }
}

/// The name of the definition that a schema refers to, be it with others.
fn reference(schema: &Value) -> Option<&str> {
    let first = |key: &str| schema[key].as_array().and_then(|forms| forms.first()?.get("$ref"));
    let own = schema.get("$ref").or_else(|| first("allOf")).or_else(|| first("anyOf"));
    Some(last(own?.as_str()?))
}

fn last(path: &str) -> &str {
    path.rsplit('/').next().unwrap_or(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everything_is_explained_with_what_it_computes_and_where_to_read_on() {
        let entries = entries();
        assert!(entries.len() > 80, "{}", entries.len());
        for Entry { kind, name, about, formula, remedy, reference, parameters } in &entries {
            assert!(!about.is_empty(), "{kind} {name}");
            let computes = [
                "layer",
                "activation",
                "initializer",
                "regularizer",
                "constraint",
                "optimizer",
                "schedule",
                "callback",
                "loss",
                "metric",
            ];
            let computes = computes.contains(kind) && name != "repeat";
            assert!(!computes || formula.is_some(), "no formula of {kind} {name}");
            assert_eq!(*kind == "warning", remedy.is_some(), "{kind} {name}");
            let read_on = computes || *kind == "warning";
            assert!(!read_on || reference.is_some(), "no reference of {kind} {name}");
            for parameter in parameters {
                assert!(!parameter.about.is_empty(), "{kind} {name}: {}", parameter.name);
                assert!(!parameter.value.is_empty(), "{kind} {name}: {}", parameter.name);
            }
        }
    }

    #[test]
    fn every_enumeration_of_the_schema_has_a_kind() {
        // Values of several forms, of which one is a section or a list.
        let forms = ["Validation", "Diagnostics"];
        let schema = schema::experiment();
        for (name, definition) in schema["definitions"].as_object().unwrap() {
            let lists = definition.get("oneOf").or_else(|| definition.get("anyOf")).is_some();
            let known = KINDS.iter().any(|(_, definition)| definition == name);
            let changes = name.ends_with("Changes");
            assert!(!lists || known || changes || forms.contains(&&**name), "{name}");
        }
    }
}
