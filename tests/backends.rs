//! The two CPU backends compute the same: same initial weights, shuffles and dropout masks.

mod support;

use support::{Bench, TINY, Weight, edited};

/// One epoch in steps too small to be seen in a 32-bit number: weights end as they began.
const STILL: &str =
    "-s training.epochs=1 -s training.optimizer.sgd.learning_rate=1e-30 --seeds 1,2";

fn kernels(bench: &Bench, trial: &str) -> Vec<(String, Weight)> {
    let weights = bench.weights(trial).into_iter();
    weights.filter(|(name, _)| name.ends_with("/kernel")).collect()
}

fn column(bench: &Bench, trial: &str, column: &str) -> Vec<f64> {
    let rows = bench.table(&format!("{trial}/metrics.csv"));
    rows.iter().map(|row| row[column].parse().unwrap()).collect()
}

fn furthest(a: &[f64], b: &[f64]) -> f64 {
    assert_eq!(a.len(), b.len());
    a.iter().zip(b).map(|(a, b)| (a - b).abs()).fold(0.0, f64::max)
}

#[test]
fn initial_kernels_are_bit_equal_on_flex_and_ndarray_and_differ_between_seeds() {
    let text = edited(TINY, "units: 16, ", "units: 16, kernel_initializer: he_normal, ");
    let bench = Bench::with("tiny.yaml", &text);
    for backend in ["flex", "ndarray"] {
        bench.bn_runner(&format!("run tiny.yaml -o {backend} -b {backend} {STILL}")).exits(0);
    }
    let of = |backend: &str, seed| kernels(&bench, &format!("{backend}/tiny/quick/seed-{seed}"));
    assert_eq!(of("flex", 1).len(), 2);
    assert_eq!(of("flex", 1), of("ndarray", 1));
    assert_eq!(of("flex", 2), of("ndarray", 2));
    assert!(of("flex", 1).iter().zip(of("flex", 2)).all(|(one, two)| one.1 != two.1));
}

#[test]
fn variants_with_the_same_layers_begin_alike() {
    let bench = Bench::with("tiny.yaml", TINY);
    bench.bn_runner(&format!("run tiny.yaml -o out {STILL}")).exits(0);
    assert_eq!(kernels(&bench, "out/tiny/slow/seed-1"), kernels(&bench, "out/tiny/quick/seed-1"));
}

#[test]
fn shuffles_and_dropout_masks_are_the_same_on_flex_and_ndarray() {
    let text = edited(
        TINY,
        "    - dense: { units: 16, activation: relu }\n",
        "    - batch_normalization: { momentum: 0.9 }\n    - dense: { units: 16, activation: relu }\n    - dropout: { rate: 0.4 }\n",
    );
    let bench = Bench::with("tiny.yaml", &text);
    for backend in ["flex", "ndarray"] {
        bench.bn_runner(&format!("run tiny.yaml -o {backend} -b {backend}")).exits(0);
    }
    bench.bn_runner("run tiny.yaml -o ordered -s training.shuffle=false").exits(0);
    bench.bn_runner("run tiny.yaml -o whole -s model.layers.3.dropout.rate=0").exits(0);
    for metric in ["loss", "val_loss", "accuracy"] {
        let of = |results| column(&bench, &format!("{results}/tiny/quick/seed-1"), metric);
        let flex = of("flex");
        let apart = furthest(&flex, &of("ndarray"));
        assert!(apart < 1e-4, "{metric}: {apart} apart");
        // Another order or another mask would show.
        assert!(furthest(&flex, &of("ordered")) > 1e-3, "{metric}");
        assert!(furthest(&flex, &of("whole")) > 1e-3, "{metric}");
    }
}

#[test]
fn the_command_lines_backend_counts_before_the_files() {
    let bench = Bench::with("tiny.yaml", &format!("{TINY}backend: ndarray\n"));
    let backend = |results| {
        bench.json(&format!("{results}/tiny/quick/seed-1/manifest.json"))["backend"].clone()
    };
    bench.bn_runner("run tiny.yaml -o file").exits(0);
    assert_eq!(backend("file"), "ndarray");
    bench.bn_runner("run tiny.yaml -o line -b flex").exits(0);
    assert_eq!(backend("line"), "flex");
    // Another backend is another trial.
    bench.bn_runner("run tiny.yaml -o line").exits(0).never_says("done already");
    assert_eq!(backend("line"), "ndarray");
}

#[test]
fn backends_lists_all_three_and_marks_the_default() {
    let ended = Bench::new().bn_runner("backends").exits(0);
    let lines: Vec<&str> = ended.stdout.lines().collect();
    assert_eq!(lines.len(), 3, "{ended}");
    assert!(lines[0].starts_with("flex (default) "), "{ended}");
    assert!(lines[1].starts_with("ndarray ") && lines[2].starts_with("wgpu "), "{ended}");
}
