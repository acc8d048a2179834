//! What files can say about layers, through the program: images, names, blocks, rules for kernels.

mod support;

use support::{Bench, Ended, TINY, edited};

const LAYERS: &str = "    - flatten\n    - dense: { units: 16, activation: relu }\n    - dense: { units: 4, activation: softmax }\n";

/// The tiny experiment with other layers, one per line.
fn with_layers(layers: &[&str]) -> String {
    let layers: String = layers.iter().map(|layer| format!("    {layer}\n")).collect();
    edited(TINY, LAYERS, &layers)
}

const CONVOLUTIONAL: [&str; 16] = [
    "- conv2d: { filters: 8, kernel_size: 3, padding: same, kernel_initializer: he_normal }",
    "- batch_normalization: { momentum: 0.9 }",
    "- activation: relu",
    "- max_pooling2d",
    "- repeat:",
    "    times: 2",
    "    layers:",
    "      - conv2d: { filters: 4, kernel_size: 3, padding: same, activation: leaky_relu }",
    "      - dropout: { rate: 0.05 }",
    "- average_pooling2d: { pool_size: 2, strides: 1 }",
    "- flatten",
    "- dense: { units: 8, activation: selu, name: hidden, bias_initializer: { constant: 0.1 } }",
    "- layer_normalization",
    "- prelu",
    "- gaussian_noise: { stddev: 0.01 }",
    "- dense: { units: 4, activation: softmax }",
];

#[test]
fn a_convolutional_network_trains_and_its_weights_have_keras_names() {
    let bench = Bench::with("tiny.yaml", &with_layers(&CONVOLUTIONAL));
    bench.bn_runner("run tiny.yaml -o out -s training.epochs=6").exits(0);
    let rows = bench.table("out/tiny/quick/seed-1/metrics.csv");
    let loss = |i: usize| rows[i]["loss"].parse::<f64>().unwrap();
    assert!(loss(5) < 0.7 * loss(0), "{rows:?}");
    let weights = bench.weights("out/tiny/quick/seed-1");
    let mut names: Vec<&str> = weights.keys().map(String::as_str).collect();
    names.sort_unstable();
    assert_eq!(
        names,
        [
            "batch_normalization/beta",
            "batch_normalization/gamma",
            "batch_normalization/moving_mean",
            "batch_normalization/moving_variance",
            "conv2d/bias",
            "conv2d/kernel",
            "conv2d_1/bias",
            "conv2d_1/kernel",
            "conv2d_2/bias",
            "conv2d_2/kernel",
            "dense/bias",
            "dense/kernel",
            "hidden/bias",
            "hidden/kernel",
            "layer_normalization/beta",
            "layer_normalization/gamma",
            "p_re_lu/alpha",
        ]
    );
    assert_eq!(weights["conv2d/kernel"].shape, [3, 3, 1, 8]);
    assert_eq!(weights["conv2d_1/kernel"].shape, [3, 3, 8, 4]);
    // The trial as it is written down, without the block, gives the same numbers.
    bench.bn_runner("run out/tiny/quick/seed-1/config.yaml -o again").exits(0);
    assert_eq!(weights, bench.weights("again/tiny/quick/seed-1"));
}

#[test]
fn the_summary_of_a_convolutional_network_is_that_of_keras() {
    let bench = Bench::with("tiny.yaml", &with_layers(&CONVOLUTIONAL));
    let ended = bench.bn_runner("summary tiny.yaml").exits(0);
    for row in [
        ["conv2d (Conv2D)", "(None, 8, 8, 8)", "80"],
        ["batch_normalization (BatchNormalization)", "(None, 8, 8, 8)", "32"],
        ["max_pooling2d (MaxPooling2D)", "(None, 4, 4, 8)", "0"],
        ["conv2d_2 (Conv2D)", "(None, 4, 4, 4)", "148"],
        ["average_pooling2d (AveragePooling2D)", "(None, 3, 3, 4)", "0"],
        ["hidden (Dense)", "(None, 8)", "296"],
        ["p_re_lu (PReLU)", "(None, 8)", "8"],
        ["dense (Dense)", "(None, 4)", "36"],
    ] {
        let cells = |line: &str| -> Vec<String> {
            let cells = line.split('│').map(|cell| cell.trim().to_owned());
            cells.filter(|cell| !cell.is_empty()).collect()
        };
        assert!(ended.stdout.lines().any(|line| cells(line) == row), "{row:?}\n{ended}");
    }
    assert!(ended.stdout.contains("Non-trainable params: 16 "), "{ended}");
}

/// The column of the only seed's metrics after one epoch in which nothing is learned.
fn still(layers: &[&str], column: &str) -> f64 {
    let text = edited(&with_layers(layers), "epochs: 3", "epochs: 1");
    let text = edited(&text, "0.000001", "1.0e-30");
    let bench = Bench::with("tiny.yaml", &text);
    bench.bn_runner("run tiny.yaml -o out --seeds 1").exits(0);
    bench.table("out/tiny/slow/seed-1/metrics.csv")[0][column].parse().unwrap()
}

#[test]
fn regularizers_are_part_of_both_losses() {
    let stack = |regularizer: &str| {
        let dense = format!("- dense: {{ units: 2, kernel_initializer: ones{regularizer} }}");
        ["- flatten".to_owned(), dense, "- dense: { units: 4, activation: softmax }".to_owned()]
    };
    for column in ["loss", "val_loss"] {
        let loss = |regularizer: &str| {
            let stack = stack(regularizer);
            still(&[&stack[0], &stack[1], &stack[2]], column)
        };
        // The kernel is 64 × 2 ones.
        let plain = loss("");
        for (regularizer, penalty) in [
            (", kernel_regularizer: l2", 1.28),
            (", kernel_regularizer: { l1: 0.001 }", 0.128),
            (", kernel_regularizer: { l1_l2: { l1: 0.001, l2: 0.002 } }", 0.384),
            (", kernel_regularizer: l2, trainable: false", 0.0),
        ] {
            let added = loss(regularizer) - plain;
            assert!((added - penalty).abs() < 1e-5, "{column}{regularizer}: {added}");
        }
    }
}

#[test]
fn frozen_layers_stay_and_constrained_kernels_are_held() {
    let bench = Bench::with(
        "tiny.yaml",
        &with_layers(&[
            "- flatten",
            "- dense: { units: 16, activation: relu, trainable: false }",
            "- batch_normalization: { trainable: false }",
            "- dense: { units: 4, activation: softmax, kernel_constraint: { max_norm: 0.5 } }",
        ]),
    );
    bench.bn_runner("run tiny.yaml -o one --seeds 1 -s training.epochs=1").exits(0);
    bench.bn_runner("run tiny.yaml -o three --seeds 1").exits(0);
    let [one, three] =
        ["one", "three"].map(|folder| bench.weights(&format!("{folder}/tiny/quick/seed-1")));
    for name in ["dense/kernel", "dense/bias", "batch_normalization/moving_mean"] {
        assert_eq!(one[name], three[name], "{name}");
    }
    assert_ne!(one["dense_1/kernel"], three["dense_1/kernel"]);
    let (numbers, _) = three["dense_1/kernel"].bytes.as_chunks::<4>();
    let kernel: Vec<f32> = numbers.iter().map(|bytes| f32::from_le_bytes(*bytes)).collect();
    for unit in 0..4 {
        let norm = (0..16).map(|i| kernel[i * 4 + unit].powi(2)).sum::<f32>().sqrt();
        assert!(norm < 0.500_01, "{norm}");
    }
    let manifest = bench.json("three/tiny/quick/seed-1/manifest.json");
    assert_eq!(manifest["status"], "completed");
}

/// Checks a stack that is put at line 5.
fn refused(layers: &[&str]) -> Ended {
    let bench = Bench::with("bad.yaml", &with_layers(layers));
    bench.bn_runner("check bad.yaml").exits(2)
}

#[test]
fn a_mistake_in_a_repeated_layer_is_shown_in_the_block_and_once() {
    let ended = refused(&[
        "- flatten",
        "- repeat:",
        "    times: 3",
        "    layers:",
        "      - dense: { units: 0 }",
        "      - dropout: { rate: 2 }",
        "- dense: { units: 4, activation: softmax }",
    ]);
    ended
        .says("`units` cannot be 0")
        .says("bad.yaml:10:29")
        .says("`rate` cannot be 2")
        .says("bad.yaml:11:30")
        .says("2 mistakes");
}

#[test]
fn mistakes_in_a_block_itself_are_told_with_those_of_other_layers() {
    let ended = refused(&[
        "- flatten",
        "- repeat: { times: 3, layers: [{ dropout: { rate: 0.1 } }, elu] }",
        "- repeat: { time: 3, layers: [flatten] }",
        "- repeat: { times: 0, layers: [flatten] }",
        "- dense: { units: 4, activation: softmax }",
    ]);
    ended
        .says("unknown name `elu`")
        .says("bad.yaml:7:64")
        .says("unknown key `time`")
        .says("bad.yaml:8:17")
        .says("nothing is repeated")
        .says("bad.yaml:9:24");
}

#[test]
fn a_block_may_be_repeated_as_often_as_a_grid_says() {
    let text = with_layers(&[
        "- flatten",
        "- repeat: { times: 1, layers: [{ dense: { units: 8 } }] }",
        "- dense: { units: 4, activation: softmax }",
    ]);
    let text = format!("{text}grid:\n  model.layers.1.repeat.times: [1, 3]\n");
    let bench = Bench::with("tiny.yaml", &text);
    let ended = bench.bn_runner("summary tiny.yaml").exits(0);
    assert_eq!(ended.stdout.matches(" dense_1 (Dense) ").count(), 4, "{ended}");
    assert_eq!(ended.stdout.matches(" dense_3 (Dense) ").count(), 2, "{ended}");
    refused(&["- repaet: { times: 2, layers: [flatten] }"]).says("did you mean `repeat`?");
}

#[test]
fn functions_that_make_no_sense_are_told_with_a_remedy() {
    let dense = |keys: &str| format!("- dense: {{ units: 4, activation: softmax, {keys} }}");
    for (keys, message) in [
        ("bias_initializer: orthogonal", "`orthogonal` is for kernels"),
        ("kernel_constraint: { max_norm: { axis: 2 } }", "choose among 0 to 1"),
        ("kernel_regularizer: { l2: -1 }", "`l2` cannot be -1"),
        ("kernel_initializer: { random_normal: { sd: 1 } }", "unknown key `sd`"),
        ("kernel_initializer: { zeros: { value: 1 } }", "it has no parameters"),
        ("kernel_regularizer: l3", "did you mean `l1`?"),
        ("name: a/b", "`a/b` cannot be a layer's name"),
    ] {
        refused(&["- flatten", &dense(keys)]).says(message).says("\n1 mistake; ");
    }
}
