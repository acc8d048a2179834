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
        .bn_runner("explain batchnorm")
        .exits(2)
        .says("nothing is called `batchnorm`; did you mean `batch_normalization`?");
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
