//! What `bn-runner explain` says.

mod support;

use support::Bench;

#[test]
fn a_layer_is_explained_with_its_parameters_defaults_formula_and_reference() {
    let ended = Bench::new().bn_runner("explain batch_normalization").exits(0);
    for words in [
        "batch_normalization (layer)",
        "Formula\n  y = gamma · (x − mean) / √(variance + epsilon) + beta",
        "https://keras.io/api/layers/normalization_layers/batch_normalization/",
        "  momentum: number; 0.99 if left out\n      Share of the old moving statistics",
        "  epsilon: number; 0.001 if left out\n",
        "  trainable: true or false; true if left out\n",
    ] {
        assert!(ended.stdout.contains(words), "{words:?} is not in {ended}");
    }
}

#[test]
fn every_kind_of_name_is_explained_within_80_columns() {
    let bench = Bench::new();
    let all = bench.bn_runner("explain --format json").exits(0).stdout;
    let entries: serde_json::Value = serde_json::from_str(&all).unwrap();
    let entries = entries.as_array().unwrap();
    let names: Vec<&str> = entries.iter().map(|entry| entry["name"].as_str().unwrap()).collect();
    for name in [
        "dense",
        "repeat",
        "swish",
        "he_normal",
        "l1_l2",
        "max_norm",
        "nadam",
        "one_cycle",
        "early_stopping",
        "sparse_categorical_crossentropy",
        "standardize",
        "batch_of_one",
        "experiment",
        "training",
        "random",
        "log_uniform",
        "fashion_mnist",
        "val_loss",
    ] {
        assert!(names.contains(&name), "{name}");
    }
    let list = bench.bn_runner("explain").exits(0).stdout;
    for name in names {
        assert!(list.contains(name), "{name}");
        let ended = bench.bn_runner(&format!("explain {name}")).exits(0);
        for line in ended.stdout.lines().chain(list.lines()) {
            let long = line.chars().count() > 80;
            assert!(!long || line.contains("https://"), "{line}");
        }
    }
}

#[test]
fn a_name_of_two_kinds_is_explained_as_both() {
    let ended = Bench::new().bn_runner("explain constant").exits(0);
    assert!(ended.stdout.contains("constant (initializer)"), "{ended}");
    assert!(ended.stdout.contains("constant (schedule)"), "{ended}");
}

#[test]
fn an_unknown_name_gets_the_nearest_one_and_a_key_what_it_means() {
    let bench = Bench::new();
    bench
        .bn_runner("explain batch_normalisation")
        .exits(2)
        .says("nothing is called `batch_normalisation`; did you mean `batch_normalization`?");
    bench
        .bn_runner("explain expect")
        .exits(0)
        .prints("expect, a key of `experiment`\n\n  expect: list")
        .prints("docs/claims.md");
    let momentum = bench.bn_runner("explain momentum").exits(0);
    for owner in ["`batch_normalization`", "`sgd`"] {
        assert!(momentum.stdout.contains(&format!("a key of {owner}")), "{momentum}");
    }
}

/// Every key, and every name that can stand somewhere, in a schema.
fn names_in(schema: &serde_json::Value, names: &mut std::collections::BTreeSet<String>) {
    if let Some(map) = schema.as_object() {
        let keys = map.get("properties").and_then(serde_json::Value::as_object);
        names.extend(keys.into_iter().flat_map(|keys| keys.keys().cloned()));
        let name = map.get("const").and_then(serde_json::Value::as_str);
        names.extend(name.map(str::to_owned));
        let choices = map.get("enum").and_then(serde_json::Value::as_array);
        let choices = choices.into_iter().flatten().filter_map(|name| name.as_str());
        names.extend(choices.map(str::to_owned));
    }
    let values = schema.as_object().into_iter().flat_map(serde_json::Map::values);
    let inner = values.chain(schema.as_array().into_iter().flatten());
    for schema in inner {
        names_in(schema, names);
    }
}

#[test]
fn nothing_that_a_file_can_say_is_unknown() {
    let bench = Bench::new();
    let schema = bench.bn_runner("schema").exits(0).stdout;
    let mut names = std::collections::BTreeSet::new();
    names_in(&serde_json::from_str(&schema).unwrap(), &mut names);
    for name in ["random", "trials", "log_uniform", "expect", "fraction", "shift", "heat_map"] {
        assert!(names.contains(name), "{name}");
    }
    let more = [
        "val_top_3_accuracy",
        "best_val_loss",
        "last_top_5_accuracy",
        "epochs_to",
        "params",
        "within",
    ];
    names.extend(more.map(str::to_owned));
    for name in &names {
        bench.bn_runner(&format!("explain {name}")).exits(0);
        let json = bench.bn_runner(&format!("explain {name} --format json")).exits(0).stdout;
        let json: serde_json::Value = serde_json::from_str(&json).unwrap();
        let entries = json.as_array().unwrap();
        assert!(!entries.is_empty(), "{name}");
        assert!(entries.iter().all(|entry| entry["about"][0].is_string()), "{name}: {json}");
    }
}
