//! The schema that is committed is the program's, and everything that comes with the program fits
//! it, in the eyes of a validator that is not the one who made it.

mod support;

use std::path::{Path, PathBuf};

use support::{Bench, experiments, files_in, validate, yaml};

fn committed() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("schema/experiment.schema.json")
}

/// `BLESS=1 cargo test --release --test schema` writes it anew.
#[test]
fn the_committed_schema_is_that_of_the_program() {
    let schema = Bench::new().bn_runner("schema").exits(0).stdout;
    if std::env::var("BLESS").is_ok_and(|bless| bless == "1") {
        std::fs::write(committed(), &schema).unwrap();
    }
    let committed = std::fs::read_to_string(committed()).unwrap_or_default();
    assert!(committed == schema, "`bn-runner schema` prints another; BLESS=1 writes it anew");
}

#[test]
fn all_files_that_come_with_the_program_fit_and_name_the_schema() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut files = files_in(&experiments(), "yaml");
    files.push(root.join("scripts/parity.yaml"));
    assert!(files.len() >= 3, "{files:?}");
    for file in files {
        let text = std::fs::read_to_string(&file).unwrap();
        validate(&yaml(text.as_bytes()).unwrap())
            .unwrap_or_else(|error| panic!("{}: {error}", file.display()));
        let line = text.lines().next().unwrap();
        let path = line.strip_prefix("# yaml-language-server: $schema=").expect(line);
        let schema = file.parent().unwrap().join(path);
        assert_eq!(schema.canonicalize().unwrap(), committed().canonicalize().unwrap());
    }
}

#[test]
fn a_new_file_fits_and_names_the_schema_if_there_is_one() {
    let bench = Bench::new();
    bench.bn_runner("new first").exits(0);
    validate(&yaml(&bench.bytes("first.yaml")).unwrap()).unwrap();
    assert!(bench.text("first.yaml").contains("`bn-runner schema > experiment.schema.json`"));
    let bench = bench.file("schema/experiment.schema.json", "{}").file("more/empty", "");
    bench.bn_runner("new more/second").exits(0);
    let line = "# yaml-language-server: $schema=../schema/experiment.schema.json\n";
    assert!(bench.text("more/second.yaml").starts_with(line));
}

/// Values that the schema accepts and refuses, at places where short forms may stand.
#[test]
fn short_forms_fit_and_their_likes_do_not() {
    let file = |layers: &str, training: &str| {
        let text = format!(
            "dataset: fashion_mnist\nmodel: {{ layers: [{layers}] }}\ntraining: {{ epochs: 1, {training} }}\n"
        );
        validate(&yaml(text.as_bytes()).unwrap())
    };
    for layers in [
        "flatten",
        "{ flatten: }",
        "{ batch_normalization: {} }",
        "{ activation: relu }",
        "{ activation: swish }",
        "{ activation: leaky_relu }",
        "{ activation: { leaky_relu: { negative_slope: 0.1 } } }",
        "{ dense: { units: 1, kernel_regularizer: l2, bias_initializer: { constant: 0.1 } } }",
        "{ dense: { units: 1, kernel_regularizer: { l2: 0.1 }, kernel_constraint: { max_norm: 2 } } }",
        "{ conv2d: { filters: 1, kernel_size: 3, strides: [1, 2] } }",
        "{ prelu: { shared_axes: 1 } }",
        "{ repeat: { times: 2, layers: [flatten, { repeat: { times: 2, layers: [prelu] } }] } }",
    ] {
        file(layers, "optimizer: adam").unwrap_or_else(|error| panic!("{layers}: {error}"));
    }
    for layers in [
        "dense",
        "activation",
        "repeat",
        "relu",
        "{ dense: 3 }",
        "{ dense: }",
        "{ flatten: {}, dense: { units: 1 } }",
        "{ activation: { relu: 3 } }",
        "{ dense: { units: 1, kernel_regularizer: { l1_l2: 0.1 } } }",
        "{ dense: { units: 1, bias_initializer: { random_normal: 0.1 } } }",
        "{ repeat: { times: 2 } }",
    ] {
        assert!(file(layers, "optimizer: adam").is_err(), "{layers}");
    }
    for training in [
        "optimizer: { sgd: }",
        "optimizer: sgd, learning_rate: 0.1",
        "optimizer: sgd, learning_rate: { one_cycle: { max_learning_rate: 0.1 } }",
        "optimizer: sgd, callbacks: [early_stopping, { reduce_lr_on_plateau: { factor: 0.5 } }]",
    ] {
        file("flatten", training).unwrap_or_else(|error| panic!("{training}: {error}"));
    }
    for training in [
        "optimizer: 0.1",
        "optimizer: sgd, learning_rate: one_cycle",
        "optimizer: sgd, learning_rate: { constant: 0.1 }",
        "optimizer: { sgd: { clipnorm: } }",
        "optimizer: sgd, callbacks: early_stopping",
    ] {
        assert!(file("flatten", training).is_err(), "{training}");
    }
}

#[test]
fn variants_may_say_a_part_and_files_without_variants_may_not() {
    let part =
        "dataset: fashion_mnist\nmodel: { layers: [flatten] }\ntraining: { optimizer: adam }\n";
    let fits = |more: &str| validate(&yaml(format!("{part}{more}").as_bytes()).unwrap());
    assert!(fits("").is_err());
    fits("variants: { one: { training: { epochs: 3 } }, two: }\n").unwrap();
    fits("grid: { training.epochs: [1, 2] }\n").unwrap();
    let schedule = "{ cosine_decay: { decay_steps: 3 } }";
    fits(&format!("variants: {{ one: {{ training: {{ learning_rate: {schedule} }} }} }}\n"))
        .unwrap();
    // What is in a list is always whole.
    assert!(fits("variants: { one: { model: { layers: [{ dense: {} }] } } }\n").is_err());
    assert!(fits("variants: { one: { training: { epoch: 3 } } }\n").is_err());
}
