//! The keys of an experiment file. Nothing is read into these types: the parts of a file are read
//! one by one, after variants and grid are laid over it (`spec::load`).

#![allow(dead_code, reason = "these types are there for the schema that is derived from them")]

use std::collections::BTreeMap;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde_json::Value;

use crate::lint::Lint;
use crate::spec::{
    BackendName, CheckpointPolicy, DatasetName, DatasetSpec, Diagnostics, ModelSpec, Plot,
    TrainingSpec,
};

/// An experiment of bn-runner: what to learn from, with which networks, and how.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields, title = "bn-runner experiment")]
pub(super) struct ExperimentFile {
    /// The experiment's name, also that of its results folder; the file's name if left out.
    #[schemars(with = "String", regex(pattern = r"^[a-z0-9][a-z0-9_-]*$"), length(max = 100))]
    #[schemars(default, skip_serializing_if = "Option::is_none")]
    name: Option<String>,
    /// One line for charts and tables.
    #[schemars(default)]
    description: String,
    /// What computes, unless the command line says otherwise.
    #[schemars(default = "first_backend")]
    backend: BackendName,
    /// What is learned from.
    #[schemars(schema_with = "name_or_dataset")]
    dataset: DatasetSpec,
    /// The network.
    model: ModelSpec,
    /// Loss, optimizer and the length of the run.
    training: TrainingSpec,
    /// What is recorded of each layer in every epoch, to see why a network learns or does not:
    /// everything, or a list of groups. Training is the same to the bit, but a trial with other
    /// diagnostics is another trial.
    #[schemars(default)]
    diagnostics: Diagnostics,
    /// Everything is trained once per seed; charts show mean and spread.
    #[schemars(default = "first_seed", length(min = 1), extend("uniqueItems" = true))]
    seeds: Vec<u64>,
    /// Names, each with what it changes in the file: maps merge, lists and numbers replace, and so
    /// does another optimizer.
    #[schemars(schema_with = "variants", default, skip_serializing_if = "Option::is_none")]
    variants: Option<BTreeMap<String, Variant>>,
    /// Every combination of these values, for every variant: dotted paths, each with a list. Layers
    /// go by number from 0, as in `model.layers.2.dense.units: [100, 300]`. Under `random` stand
    /// `trials` and paths whose values are drawn, as in `{ log_uniform: [0.0001, 0.1] }`.
    #[schemars(schema_with = "grid", default, skip_serializing_if = "Option::is_none")]
    grid: Option<BTreeMap<String, Vec<Value>>>,
    /// What the file claims of its results, as in `bn.test_accuracy > no_bn.test_accuracy`;
    /// `docs/claims.md` has the grammar.
    #[schemars(default)]
    expect: Vec<String>,
    /// The charts that are drawn; the usual ones if left out.
    #[schemars(default, skip_serializing_if = "Option::is_none", with = "Vec<Plot>")]
    plots: Option<Vec<Plot>>,
    /// Which checkpoints of each trial are kept; a run that is cut off goes on from the latest.
    #[schemars(default)]
    checkpoints: CheckpointPolicy,
    /// Whether event files for TensorBoard are written beside each trial's `metrics.csv`.
    #[schemars(default)]
    tensorboard: bool,
    /// Which warnings the file does without.
    #[schemars(default)]
    lints: Lints,
}

/// What a variant changes.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
struct Variant {
    /// What is learned from.
    #[schemars(schema_with = "name_or_dataset")]
    dataset: DatasetSpec,
    /// The network.
    model: ModelSpec,
    /// Loss, optimizer and the length of the run.
    training: TrainingSpec,
    /// What is recorded of each layer in every epoch.
    diagnostics: Diagnostics,
}

/// Which warnings the file does without.
#[derive(Default, JsonSchema)]
#[schemars(deny_unknown_fields)]
struct Lints {
    /// Codes of warnings that are not given; `bn-runner explain` tells what each is about.
    #[schemars(default)]
    allow: Vec<Lint>,
}

fn first_backend() -> BackendName {
    BackendName::ALL[0]
}

fn first_seed() -> Vec<u64> {
    vec![1]
}

/// `dataset: fashion_mnist` is short for `dataset: { name: fashion_mnist }`.
fn name_or_dataset(generator: &mut SchemaGenerator) -> Schema {
    let name = generator.subschema_for::<DatasetName>();
    let dataset = generator.subschema_for::<DatasetSpec>();
    json_schema!({ "anyOf": [name, dataset] })
}

fn variants(generator: &mut SchemaGenerator) -> Schema {
    let changes = generator.subschema_for::<Variant>();
    json_schema!({
        "type": "object",
        "minProperties": 1,
        "propertyNames": { "pattern": r#"^[^/\\:*?"<>|,]+$"#, "maxLength": 100 },
        "additionalProperties": { "anyOf": [changes, { "type": "null" }] },
    })
}

/// Dotted paths into a setup.
const PATH: &str = r"^((dataset|model|training)\.|diagnostics$)";

fn grid(_: &mut SchemaGenerator) -> Schema {
    let scalar = json_schema!({ "type": ["string", "number", "boolean", "null"] });
    let list = json_schema!({ "type": "array", "minItems": 1, "items": scalar });
    let ends = |kind: &str, about: &str| {
        json_schema!({
            "description": about,
            "type": "array", "items": { "type": kind }, "minItems": 2, "maxItems": 2,
        })
    };
    let uniform = "Any number between two, each equally likely: `[lowest, highest]`.";
    let log_uniform = "Any number between two positive ones, each order of magnitude equally \
                       likely: `[lowest, highest]`.";
    let int_uniform = "A whole number between two, both included, each equally likely: `[lowest, \
                       highest]`.";
    json_schema!({
        "type": "object",
        "properties": {
            "random": {
                "description": "Points drawn at random, the same every time: `trials` of them, with \
                                a value for every path that is listed, as in \
                                `training.optimizer.sgd.learning_rate: { log_uniform: [0.0001, 0.1] }`.",
                "type": "object",
                "required": ["trials"],
                "properties": {
                    "trials": {
                        "description": "How many points are drawn.",
                        "type": "integer",
                        "minimum": 1,
                    },
                    "seed": {
                        "description": "Another number draws other points.",
                        "type": "integer",
                        "minimum": 0,
                        "default": 0,
                    },
                },
                "patternProperties": {
                    PATH: {
                        "description": "What the values of this path are drawn from.",
                        "anyOf": [list, {
                            "type": "object",
                            "properties": {
                                "uniform": ends("number", uniform),
                                "log_uniform": ends("number", log_uniform),
                                "int_uniform": ends("integer", int_uniform),
                            },
                            "additionalProperties": false,
                            "minProperties": 1,
                            "maxProperties": 1,
                        }],
                    },
                },
                "additionalProperties": false,
            },
        },
        "patternProperties": { PATH: list },
        "additionalProperties": false,
    })
}
