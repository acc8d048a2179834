//! `bn-runner summary`: the numbers that Keras prints for the same networks.

mod support;

use support::{Bench, Ended, experiments};

fn summary(options: &[&str]) -> Ended {
    let file = experiments().join("batch_norm.yaml");
    let mut arguments = vec!["summary", file.to_str().unwrap()];
    arguments.extend(options);
    Bench::new().bn_runner_with(&arguments).exits(0)
}

/// The part of the output about one variant.
fn part<'a>(text: &'a str, variant: &str) -> &'a str {
    let (_, rest) = text.split_once(&format!("Model: \"{variant}\"\n")).expect("it is listed");
    rest.split("Model: ").next().unwrap()
}

/// Cells of a framed table's body, row by row.
fn rows(part: &str) -> Vec<Vec<&str>> {
    let body = part.lines().filter(|line| line.starts_with('│'));
    body.map(|line| line.split('│').map(str::trim).filter(|cell| !cell.is_empty()).collect())
        .collect()
}

fn parameters(part: &str) -> Vec<&str> {
    rows(part).into_iter().map(|row| row[2]).collect()
}

fn totals(part: &str) -> Vec<&str> {
    let count = |line: &'static str| {
        let (_, rest) = part.split_once(line).expect("the total is there");
        rest.split(' ').next().unwrap()
    };
    vec![
        count(" Total params: "),
        count("\n Trainable params: "),
        count("\n Non-trainable params: "),
    ]
}

#[test]
fn parameters_are_those_keras_counts() {
    let ended = summary(&[]);
    let text = &ended.stdout;

    let after = part(text, "bn_after");
    assert_eq!(parameters(after), ["0", "3,136", "235,500", "1,200", "30,100", "400", "1,010"]);
    assert_eq!(totals(after), ["271,346", "268,978", "2,368"]);

    let before = part(text, "bn_before");
    assert_eq!(
        parameters(before),
        ["0", "3,136", "235,200", "1,200", "0", "30,000", "400", "0", "1,010"]
    );
    assert_eq!(totals(before), ["270,946", "268,578", "2,368"]);

    let without = part(text, "no_bn");
    assert_eq!(parameters(without), ["0", "235,500", "30,100", "1,010"]);
    assert_eq!(totals(without), ["266,610", "266,610", "0"]);
}

#[test]
fn layers_have_keras_names_types_and_output_shapes() {
    let ended = summary(&[]);
    let after: Vec<String> =
        rows(part(&ended.stdout, "bn_after")).iter().map(|row| row[..2].join(" ")).collect();
    assert_eq!(
        after,
        [
            "flatten (Flatten) (None, 784)",
            "batch_normalization (BatchNormalization) (None, 784)",
            "dense (Dense) (None, 300)",
            "batch_normalization_1 (BatchNormalization) (None, 300)",
            "dense_1 (Dense) (None, 100)",
            "batch_normalization_2 (BatchNormalization) (None, 100)",
            "dense_2 (Dense) (None, 10)",
        ]
    );
    assert!(!ended.stdout.contains("Trainable ┃"), "{ended}");
}

#[test]
fn variables_of_batch_normalization_are_two_trained_and_two_not() {
    let ended = summary(&["--variables"]);
    let rows = rows(part(&ended.stdout, "bn_after"));
    let first: Vec<String> = rows
        .iter()
        .filter(|row| row[0].starts_with("batch_normalization/"))
        .map(|row| row.join(" "))
        .collect();
    assert_eq!(
        first,
        [
            "batch_normalization/gamma (784) True",
            "batch_normalization/beta (784) True",
            "batch_normalization/moving_mean (784) False",
            "batch_normalization/moving_variance (784) False",
        ]
    );
    let frozen: Vec<&str> = rows.iter().filter(|row| row[2] == "False").map(|row| row[0]).collect();
    assert_eq!(frozen.len(), 6, "{frozen:?}");
    assert!(frozen.iter().all(|name| name.contains("/moving_")), "{frozen:?}");
    let kernel = rows.iter().find(|row| row[0] == "dense/kernel").expect("it is listed");
    assert_eq!(kernel[1..], ["(784, 300)", "True"]);
}

#[test]
fn set_is_seen_in_the_summary() {
    let ended = summary(&["-s", "model.layers.1={dense: {units: 50}}"]);
    assert_eq!(parameters(part(&ended.stdout, "no_bn"))[1], "39,250", "{ended}");
}
