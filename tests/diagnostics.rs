//! What is recorded of layers: the numbers against others found in another way, and that nothing else
//! changes.

mod support;

use std::collections::{BTreeMap, HashMap};

use safetensors::tensor::{Dtype, TensorView};
use support::{Bench, CLASSES, PIXELS, TINY, edited};

/// One step of all 160 training rows. The second unit of `relu` is dead, some of the sigmoids are
/// saturated.
const ONE_STEP: &str = "\
name: one
dataset: { idx: data, validation: 40 }
model:
  initial_weights: weights.safetensors
  layers:
    - flatten
    - dense: { units: 3, activation: tanh }
    - batch_normalization: { momentum: 0.5, epsilon: 0.01 }
    - dense: { units: 4, activation: relu }
    - dropout: { rate: 0 }
    - dense: { units: 2 }
    - activation: sigmoid
    - dense: { units: 4, activation: softmax }
training:
  optimizer: { sgd: { learning_rate: 0.5 } }
  batch_size: 1000
  epochs: 1
diagnostics: true
";

const RATE: f64 = 0.5;
const EPSILON: f64 = 0.01;
const ROWS: usize = 160;

/// Variables by their Keras paths.
type Variables = BTreeMap<&'static str, (Vec<usize>, Vec<f64>)>;

fn variables() -> Variables {
    let mut noise = 1_u32;
    let mut next = move || {
        noise = noise.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        f64::from(noise >> 8) / f64::from(1 << 24) - 0.5
    };
    let mut variables = Variables::new();
    let mut add = |path, shape: &[usize], scale: f64, shift: f64| {
        // As the file has them.
        let value = |_| f64::from((next() * scale + shift) as f32);
        let values = (0..shape.iter().product()).map(value).collect();
        variables.insert(path, (shape.to_vec(), values));
    };
    add("dense/kernel", &[PIXELS, 3], 0.5, 0.0);
    add("dense/bias", &[3], 0.1, 0.0);
    add("batch_normalization/gamma", &[3], 0.5, 1.0);
    add("batch_normalization/beta", &[3], 0.5, 0.0);
    add("batch_normalization/moving_mean", &[3], 1.0, 0.2);
    add("batch_normalization/moving_variance", &[3], 0.5, 1.0);
    add("dense_1/kernel", &[3, 4], 2.0, 0.0);
    add("dense_1/bias", &[4], 0.1, 0.1);
    add("dense_2/kernel", &[4, 2], 12.0, 0.0);
    add("dense_2/bias", &[2], 0.1, 0.0);
    add("dense_3/kernel", &[2, CLASSES], 2.0, 0.0);
    add("dense_3/bias", &[CLASSES], 0.1, 0.0);
    variables.get_mut("dense_1/bias").unwrap().1[1] = -100.0;
    variables
}

/// The training rows in 64 bits, and their classes.
fn data(bench: &Bench) -> (Vec<Vec<f64>>, Vec<usize>) {
    let images = bench.bytes("data/train-images-idx3-ubyte");
    let labels = bench.bytes("data/train-labels-idx1-ubyte");
    // The first 40 validate.
    let rows = images[16..].chunks_exact(PIXELS).skip(40);
    let unit = |byte: &u8| f64::from(f32::from(*byte) / 255.0);
    let rows: Vec<Vec<f64>> = rows.map(|row| row.iter().map(unit).collect()).collect();
    assert_eq!(rows.len(), ROWS);
    (rows, labels[8 + 40..].iter().map(|label| usize::from(*label)).collect())
}

/// What each layer gives out, by name, rows of numbers.
type Outputs = BTreeMap<&'static str, Vec<Vec<f64>>>;

fn dense(x: &[Vec<f64>], variables: &Variables, name: &str, f: fn(f64) -> f64) -> Vec<Vec<f64>> {
    let kernel = &variables[&*format!("{name}/kernel")].1;
    let bias = &variables[&*format!("{name}/bias")].1;
    let units = bias.len();
    let unit = |row: &Vec<f64>, unit: usize| {
        let products = row.iter().enumerate().map(|(i, x)| x * kernel[i * units + unit]);
        f(products.sum::<f64>() + bias[unit])
    };
    x.iter().map(|row| (0..units).map(|number| unit(row, number)).collect()).collect()
}

fn statistics(x: &[Vec<f64>], column: usize) -> (f64, f64) {
    let mean = x.iter().map(|row| row[column]).sum::<f64>() / x.len() as f64;
    let square = |row: &Vec<f64>| (row[column] - mean).powi(2);
    (mean, x.iter().map(square).sum::<f64>() / x.len() as f64)
}

/// The network as its formulas have it, and its loss.
fn forward(x: &[Vec<f64>], labels: &[usize], variables: &Variables) -> (Outputs, f64) {
    let mut outputs = Outputs::new();
    let tanh = dense(x, variables, "dense", f64::tanh);
    let mut normalized = tanh.clone();
    for column in 0..3 {
        let (mean, variance) = statistics(&tanh, column);
        let gamma = variables["batch_normalization/gamma"].1[column];
        let beta = variables["batch_normalization/beta"].1[column];
        for row in &mut normalized {
            row[column] = (row[column] - mean) / (variance + EPSILON).sqrt() * gamma + beta;
        }
    }
    let relu = dense(&normalized, variables, "dense_1", |x| x.max(0.0));
    let linear = dense(&relu, variables, "dense_2", |x| x);
    let sigmoid: Vec<Vec<f64>> =
        linear.iter().map(|row| row.iter().map(|x| 1.0 / (1.0 + (-x).exp())).collect()).collect();
    let powers = dense(&sigmoid, variables, "dense_3", f64::exp);
    let share = |row: &Vec<f64>| row.iter().map(|x| x / row.iter().sum::<f64>()).collect();
    let probabilities: Vec<Vec<f64>> = powers.iter().map(share).collect();
    let losses = probabilities.iter().zip(labels).map(|(row, label)| -row[*label].ln());
    let loss = losses.sum::<f64>() / x.len() as f64;
    for (name, output) in [
        ("dense", tanh),
        ("batch_normalization", normalized),
        ("dense_1", relu),
        ("dense_2", linear),
        ("activation", sigmoid),
        ("dense_3", probabilities),
    ] {
        outputs.insert(name, output);
    }
    (outputs, loss)
}

/// The gradient of some variables, by differences.
fn gradient(x: &[Vec<f64>], labels: &[usize], variables: &Variables, path: &str) -> Vec<f64> {
    let step = 1e-6;
    let loss = |number: usize, shift: f64| {
        let mut moved = variables.clone();
        moved.get_mut(path).unwrap().1[number] += shift;
        forward(x, labels, &moved).1
    };
    let count = variables[path].1.len();
    (0..count).map(|i| (loss(i, step) - loss(i, -step)) / (2.0 * step)).collect()
}

fn length(numbers: &[f64]) -> f64 {
    numbers.iter().map(|x| x * x).sum::<f64>().sqrt()
}

fn weights_file(variables: &Variables) -> Vec<u8> {
    let bytes = |values: &[f64]| -> Vec<u8> {
        values.iter().flat_map(|value| (*value as f32).to_le_bytes()).collect()
    };
    let bytes: Vec<_> =
        variables.iter().map(|(path, (shape, values))| (*path, shape, bytes(values))).collect();
    let views = bytes.iter().map(|(path, shape, bytes)| {
        (*path, TensorView::new(Dtype::F32, (*shape).clone(), bytes).unwrap())
    });
    safetensors::serialize(views, None).unwrap()
}

#[track_caller]
fn close(row: &HashMap<String, String>, column: &str, expected: f64) {
    let cell = &row[column];
    let found: f64 = cell.parse().unwrap_or_else(|_| panic!("{column} is `{cell}`: {row:?}"));
    let most = 1e-4 * expected.abs() + 1e-6;
    assert!((found - expected).abs() < most, "{}, {column}: {found}, not {expected}", row["layer"]);
}

fn has_numbers_of_the_formulas(backend: &str) {
    let variables = variables();
    let bench =
        Bench::with("one.yaml", ONE_STEP).file("weights.safetensors", weights_file(&variables));
    bench.bn_runner(&format!("run one.yaml -o out -b {backend}")).exits(0);
    let rows = bench.table("out/one/default/seed-1/diagnostics.csv");
    let found: Vec<_> =
        rows.iter().map(|row| (&*row["layer"], &*row["kind"], &*row["depth"])).collect();
    let expected = [
        ("dense", "dense", "1"),
        ("batch_normalization", "batch_normalization", "1"),
        ("dense_1", "dense", "2"),
        ("dense_2", "dense", "3"),
        ("activation", "activation", "3"),
        ("dense_3", "dense", "4"),
    ];
    assert_eq!(found, expected);

    let (x, labels) = data(&bench);
    let (outputs, _) = forward(&x, &labels, &variables);
    for row in &rows {
        let name = &*row["layer"];
        let output: Vec<f64> = outputs[name].iter().flatten().copied().collect();
        let mean = output.iter().sum::<f64>() / output.len() as f64;
        let square: f64 = output.iter().map(|x| (x - mean).powi(2)).sum();
        close(row, "activation_mean", mean);
        close(row, "activation_std", (square / output.len() as f64).sqrt());
        let share =
            |far: fn(&&f64) -> bool| output.iter().filter(far).count() as f64 / output.len() as f64;
        match name {
            "dense" => close(row, "saturated", share(|x| x.abs() > 0.99)),
            "activation" => {
                let saturated = share(|x| **x < 0.01 || **x > 0.99);
                assert!(saturated > 0.05, "{saturated} tells nothing");
                close(row, "saturated", saturated);
            }
            _ => assert_eq!(row["saturated"], "", "{name}"),
        }
        let units = &outputs["dense_1"];
        let is_dead = |unit: &usize| units.iter().all(|row| row[*unit] == 0.0);
        match name {
            "dense_1" => close(row, "dead_units", (0..4).filter(is_dead).count() as f64 / 4.0),
            _ => assert_eq!(row["dead_units"], "", "{name}"),
        }
        let of = |part: &str| format!("{name}/{part}");
        let paths = match name {
            "activation" => vec![],
            "batch_normalization" => vec![of("gamma"), of("beta")],
            _ => vec![of("kernel")],
        };
        if paths.is_empty() {
            for column in ["gradient_norm", "weight_norm", "update_ratio"] {
                assert_eq!(row[column], "", "{column}");
            }
        } else {
            let gradients: Vec<f64> =
                paths.iter().flat_map(|path| gradient(&x, &labels, &variables, path)).collect();
            let before: Vec<f64> =
                paths.iter().flat_map(|path| variables[&**path].1.clone()).collect();
            let after: Vec<f64> =
                before.iter().zip(&gradients).map(|(w, g)| w - RATE * g).collect();
            close(row, "gradient_norm", length(&gradients));
            close(row, "weight_norm", length(&after));
            close(row, "update_ratio", RATE * length(&gradients) / length(&before));
            if name == "batch_normalization" {
                for (part, after) in [("gamma", &after[..3]), ("beta", &after[3..])] {
                    let all = || after.iter().copied();
                    close(row, &format!("{part}_min"), all().reduce(f64::min).unwrap());
                    close(row, &format!("{part}_mean"), all().sum::<f64>() / 3.0);
                    close(row, &format!("{part}_max"), all().reduce(f64::max).unwrap());
                }
            }
        }
        if name == "batch_normalization" {
            let moving = |part: &str| variables[&*of(part)].1.clone();
            let (means, variances) = (moving("moving_mean"), moving("moving_variance"));
            let gaps = (0..3).map(|column| {
                let (mean, variance) = statistics(&outputs["dense"], column);
                let spread = variances[column] + EPSILON;
                let far = ((variance + EPSILON) / spread).ln().abs();
                ((mean - means[column]).abs() / spread.sqrt(), far)
            });
            let sums = gaps.fold((0.0, 0.0), |sums, gap| (sums.0 + gap.0, sums.1 + gap.1));
            close(row, "mean_gap", sums.0 / 3.0);
            close(row, "variance_gap", sums.1 / 3.0);
        } else {
            assert_eq!((&*row["mean_gap"], &*row["gamma_min"]), ("", ""), "{name}");
        }
    }

    // Histograms of activations have all numbers, those of weights are of the final ones.
    let trained = bench.weights("out/one/default/seed-1");
    let histograms = bench.table("out/one/default/seed-1/histograms.csv");
    let number =
        |row: &HashMap<String, String>, column: &str| -> f64 { row[column].parse().unwrap() };
    let mut seen = Vec::new();
    for row in &histograms {
        let (layer, quantity) = (&*row["layer"], &*row["quantity"]);
        let values: Vec<f64> = match quantity {
            "activation" => outputs[layer].iter().flatten().copied().collect(),
            _ => {
                let bytes = trained[&format!("{layer}/{quantity}")].bytes.as_chunks().0;
                bytes.iter().map(|bytes| f64::from(f32::from_le_bytes(*bytes))).collect()
            }
        };
        let (lower, upper) = (number(row, "lower"), number(row, "upper"));
        let ends = [f64::min, f64::max].map(|end| values.iter().copied().reduce(end).unwrap());
        assert!((lower - ends[0]).abs() < 1e-5 && (upper - ends[1]).abs() < 1e-5, "{row:?}");
        let counts = (1..=30).map(|bin| number(row, &format!("count_{bin}")));
        let mut below = 0.0;
        for (bin, count) in counts.enumerate() {
            below += count;
            // What lies at an edge may fall to either side, activations in 32 bits and in 64.
            let edge = lower + (upper - lower) * (bin + 1) as f64 / 30.0;
            let within = |room: f64| values.iter().filter(|x| **x < edge + room).count() as f64;
            assert!((within(-1e-5)..=within(1e-5)).contains(&below), "{row:?}: {below} to {edge}");
        }
        assert_eq!(below, values.len() as f64, "{row:?}");
        seen.push(format!("{layer}/{quantity}"));
    }
    assert_eq!(seen.len(), 6 + 4 * 2 + 2, "{seen:?}");
}

#[test]
fn numbers_on_flex_are_those_of_the_formulas() {
    has_numbers_of_the_formulas("flex");
}

#[test]
fn numbers_on_ndarray_are_those_of_the_formulas() {
    has_numbers_of_the_formulas("ndarray");
}

/// Fused layers at the beginning, a convolution, noise; clipped, decayed, constrained.
const VARIED: &str = "\
name: varied
dataset: { idx: data, validation: 40 }
model:
  layers:
    - flatten
    - batch_normalization
    - dense: { units: 12, activation: relu, kernel_constraint: { max_norm: 1.0 } }
    - batch_normalization: { scale: false }
    - dropout: { rate: 0.2 }
    - dense: { units: 4, activation: softmax }
training:
  optimizer: { sgd: { learning_rate: 0.1, momentum: 0.9, clipnorm: 0.5 } }
  batch_size: 7
  epochs: 3
seeds: [3]
variants:
  dense: {}
  conv:
    model:
      layers:
        - conv2d: { filters: 3, kernel_size: 3, activation: relu }
        - batch_normalization
        - prelu
        - max_pooling2d
        - flatten
        - layer_normalization
        - dense: { units: 6, use_bias: false, trainable: false }
        - gaussian_noise: { stddev: 0.1 }
        - activation: hard_sigmoid
        - dense: { units: 4 }
        - activation: softmax
    training: { optimizer: adam }
  # Steps that are not looked at need no graph.
  direct:
    model:
      layers:
        - flatten
        - batch_normalization
        - dense: { units: 100, activation: elu, kernel_regularizer: l2 }
        - batch_normalization
        - dropout: { rate: 0.2 }
        - dense: { units: 4, activation: softmax }
    training: { optimizer: nadam }
";

#[test]
fn training_is_the_same_to_the_bit_and_the_same_numbers_come_again() {
    let bench = Bench::with("varied.yaml", VARIED);
    for backend in ["flex", "ndarray"] {
        for (out, diagnostics) in [("off", "false"), ("on", "true"), ("again", "true")] {
            let set = format!("diagnostics={diagnostics}");
            bench
                .bn_runner(&format!("run varied.yaml -b {backend} -o {out}-{backend} -s {set}"))
                .exits(0);
        }
        for variant in ["dense", "conv", "direct"] {
            let of = |out: &str| format!("{out}-{backend}/varied/{variant}/seed-3");
            let [off, on, again] = ["off", "on", "again"].map(of);
            assert_eq!(bench.numbers(&off), bench.numbers(&on), "{backend} {variant}");
            for file in ["model.safetensors", "best.safetensors"] {
                let of = |trial: &str| bench.bytes(&format!("{trial}/{file}"));
                assert_eq!(of(&off), of(&on), "{backend} {variant} {file}");
            }
            for file in ["diagnostics.csv", "histograms.csv"] {
                assert!(!bench.has(&format!("{off}/{file}")));
                let of = |trial: &str| bench.text(&format!("{trial}/{file}"));
                assert_eq!(of(&on), of(&again), "{backend} {variant} {file}");
            }
            let rows = bench.table(&format!("{on}/diagnostics.csv"));
            assert_eq!(rows.len() % 3, 0, "the same layers in each of three epochs");
        }
        let all = bench.table(&format!("on-{backend}/varied/diagnostics.csv"));
        let variants = all.iter().filter(|row| row["variant"] == "conv" && row["seed"] == "3");
        assert!(variants.count() > 3);
        assert!(!bench.has(&format!("off-{backend}/varied/diagnostics.csv")));
    }
}

#[test]
fn every_kind_of_layer_has_what_applies_to_it() {
    let bench = Bench::with("varied.yaml", VARIED);
    bench.bn_runner("run varied.yaml -o out -s diagnostics=true -s training.epochs=1").exits(0);
    let trial = "out/varied/conv/seed-3";
    let rows = bench.table(&format!("{trial}/diagnostics.csv"));
    let shown: Vec<String> = rows
        .iter()
        .map(|row| {
            let numbers = [
                "activation_mean",
                "saturated",
                "dead_units",
                "gradient_norm",
                "weight_norm",
                "update_ratio",
                "mean_gap",
                "gamma_min",
                "beta_max",
            ];
            let has = numbers.map(|column| if row[column].is_empty() { '-' } else { 'x' });
            format!("{} {} {}", row["layer"], row["depth"], has.iter().collect::<String>())
        })
        .collect();
    assert_eq!(
        shown,
        [
            "conv2d 1 x-xxxx---",
            "batch_normalization 1 x--xxxxxx",
            "p_re_lu 1 x--xxx---",
            "layer_normalization 1 x--xxx-xx",
            "dense 2 x---x----",
            "activation 2 xx-------",
            "dense_1 3 x--xxx---",
            "activation_1 3 x--------",
        ]
    );
    // The length of a kernel is that of the one that was saved; one that is frozen stays.
    let kernel = &bench.weights(trial)["dense/kernel"];
    let square = |bytes: &[u8; 4]| f64::from(f32::from_le_bytes(*bytes)).powi(2);
    let norm = kernel.bytes.as_chunks().0.iter().map(square).sum::<f64>().sqrt();
    let found: f64 = rows[4]["weight_norm"].parse().unwrap();
    assert!((found / norm - 1.0).abs() < 1e-12, "{found} and {norm}");
    let verified = bench.bn_runner("verify out/varied/conv/seed-3").exits(0);
    assert!(verified.stdout.contains("bit-identical"), "{}", verified.stdout);
}

#[test]
fn groups_choose_what_is_recorded_and_make_another_trial() {
    let bench = Bench::with("tiny.yaml", TINY);
    let run = "run tiny.yaml -o out --only quick/seed-1";
    bench.bn_runner(run).exits(0);
    let plan = bench.bn_runner(&format!("{run} -s diagnostics=false --dry-run")).exits(0);
    assert!(plan.stdout.contains("done"), "{}", plan.stdout);
    let text = format!("{TINY}diagnostics: [weights, gradients]\n");
    bench.write("tiny.yaml", text.replace("seeds: [1, 2]", "seeds: [1]"));
    let plan = bench.bn_runner(&format!("{run} --dry-run")).exits(0);
    assert!(plan.stdout.contains("diagnostics nothing → [gradients, weights]"), "{}", plan.stdout);
    bench.bn_runner(run).exits(0);
    let trial = "out/tiny/quick/seed-1";
    for row in bench.table(&format!("{trial}/diagnostics.csv")) {
        assert!(!row["gradient_norm"].is_empty() && !row["update_ratio"].is_empty(), "{row:?}");
        assert!(row["activation_mean"].is_empty() && row["dead_units"].is_empty(), "{row:?}");
    }
    let histograms = bench.table(&format!("{trial}/histograms.csv"));
    assert!(histograms.iter().all(|row| ["kernel", "bias"].contains(&&*row["quantity"])));
    let config = bench.text(&format!("{trial}/config.yaml"));
    assert!(config.contains("diagnostics:\n- gradients\n- weights\n"), "{config}");
    // The same groups in another order are the same trial.
    let again = "run tiny.yaml -o out --only quick/seed-1 -s diagnostics=[gradients,weights]";
    let plan = bench.bn_runner(&format!("{again} --dry-run")).exits(0);
    assert!(plan.stdout.contains("1 done, 0 to train"), "{}", plan.stdout);
    // A variant and a grid may choose, too.
    let grid = edited(TINY, "  quick: {}\n", "  quick: { diagnostics: true }\n")
        + "grid: { diagnostics: [true, false] }\n";
    bench.write("grid.yaml", edited(&grid, "name: tiny", "name: grid"));
    bench.bn_runner("run grid.yaml -o out --only quick* --seeds 1").exits(0);
    assert!(bench.has("out/grid/quick,diagnostics=true/seed-1/diagnostics.csv"));
    assert!(!bench.has("out/grid/quick,diagnostics=false/seed-1/diagnostics.csv"));
    // The CSV of the experiment is of all trials of its plan.
    bench.bn_runner("run grid.yaml -o out --only *false* --seeds 1").exits(0);
    assert!(bench.has("out/grid/diagnostics.csv"));
    bench.write("grid.yaml", edited(&bench.text("grid.yaml"), "[true, false]", "[false]"));
    bench.bn_runner("run grid.yaml -o out --only quick* --seeds 1").exits(0);
    assert!(!bench.has("out/grid/diagnostics.csv"));
}

#[test]
fn charts_and_the_report_are_drawn_from_what_is_recorded() {
    let text = format!("{}diagnostics: true\n", edited(TINY, "seeds: [1, 2]", "seeds: [1, 2]"));
    let bench = Bench::with("tiny.yaml", &text);
    bench.bn_runner("run tiny.yaml -o out").exits(0);
    for chart in ["gradient_norm", "activation_distribution"] {
        assert!(bench.has(&format!("out/tiny/{chart}.png")), "{chart}");
    }
    assert!(bench.text("out/report.html").contains("<h3>Diagnostics</h3>"));
    let plot = "plot out/tiny -k gradient_norm -o y.svg --y";
    bench.bn_runner(&format!("{plot} dead_units")).exits(0);
    assert!(bench.text("y.svg").contains("dead units (share)"));
    bench.bn_runner(&format!("{plot} dead_unit")).exits(2).says("did you mean `dead_units`");
    bench.bn_runner(&format!("{plot} mean_gap")).exits(4).says("it takes `diagnostics: true`");
    let verified = bench.bn_runner("verify out/tiny/quick/seed-1").exits(0);
    assert!(verified.stdout.contains("bit-identical"));
    // A number that is another one is found.
    let path = "out/tiny/quick/seed-1/diagnostics.csv";
    let rows = bench.text(path);
    let line = rows.lines().find(|line| line.starts_with("2,dense,")).unwrap();
    let cells: Vec<&str> = line.split(',').collect();
    bench.write(path, rows.replace(cells[8], "0.5"));
    let verified = bench.bn_runner("verify out/tiny/quick/seed-1").exits(1);
    assert!(verified.stdout.contains("epoch 2, gradient_norm of dense"), "{}", verified.stdout);
    // A line that a crash tore is passed over, a file that is another one is told of.
    bench.write(path, format!("{rows}4,den"));
    bench.bn_runner("plot out/tiny -k gradient_norm").exits(0);
    bench.write(path, "epoch,layer\n1,a\n");
    bench.bn_runner("plot out/tiny -k gradient_norm").exits(1).says("is not a file of diagnostics");
}
