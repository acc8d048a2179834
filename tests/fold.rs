//! `bn-runner fold`: networks without their batch normalizations that predict the same.

mod support;

use support::{Bench, TINY, edited, skipped};

const LAYERS: &str = "    - flatten
    - dense: { units: 16, activation: relu }
    - dense: { units: 4, activation: softmax }
";

/// Normalization on the input, after an activation, and before one.
const NORMALIZED: &str = "    - flatten
    - batch_normalization: { momentum: 0.9 }
    - dense: { units: 16, activation: relu }
    - batch_normalization: { momentum: 0.9 }
    - dropout: { rate: 0.1 }
    - dense: { units: 8, use_bias: false }
    - batch_normalization: { momentum: 0.9, epsilon: 0.01 }
    - activation: tanh
    - dense: { units: 4, activation: softmax }
";

const TRIAL: &str = "out/tiny/quick/seed-1";

fn trained(layers: &str) -> Bench {
    let bench = Bench::with("tiny.yaml", &edited(TINY, LAYERS, layers));
    bench.bn_runner("run tiny.yaml -o out --seeds 1 -q").exits(0);
    bench
}

/// Folds on a backend and holds the proof against what must come out.
#[track_caller]
fn proves(bench: &Bench, backend: &str) {
    bench
        .bn_runner(&format!("fold {TRIAL} --backend {backend}"))
        .exits(0)
        .prints("batch_normalization    folded into `dense` after it\n")
        .prints("batch_normalization_1  folded into `dense_1` after it\n")
        .prints("batch_normalization_2  folded into `dense_1` before it\n")
        .prints(&format!("test images          40 on {backend}, "))
        .prints("predictions changed  0 of 40\n")
        .says(&format!("wrote {TRIAL}/folded/fold.json"));
    assert_eq!(
        bench.names(&format!("{TRIAL}/folded")),
        ["config.yaml", "fold.json", "folded.safetensors"]
    );
    let report = bench.json(&format!("{TRIAL}/folded/fold.json"));
    assert_eq!(report["backend"], backend);
    assert_eq!(report["predictions_changed"], 0);
    assert!(report["max_probability_difference"].as_f64().unwrap() < 1e-5, "{report}");
    let accuracy = &report["test_accuracy"];
    assert_eq!(accuracy["before"], accuracy["after"]);
    let outcome = &bench.json(&format!("{TRIAL}/manifest.json"))["outcome"];
    assert_eq!(accuracy["before"], outcome["test_accuracy"]);
    // 64 · 16 + 16, 16 · 8 + 8, 8 · 4 + 4, and before without the 8, with 4 · (64 + 16 + 8)
    assert_eq!(report["parameters"]["after"], 1212);
    assert_eq!(report["parameters"]["before"], 1212 - 8 + 352);
    for times in ["microseconds_per_image", "milliseconds_per_1000_images"] {
        for side in ["before", "after"] {
            assert!(report[times][side].as_f64().unwrap() > 0.0, "{report}");
        }
    }
}

#[test]
fn all_normalizations_with_a_linear_neighbour_are_folded_without_a_trace() {
    let bench = trained(NORMALIZED);
    for backend in ["ndarray", "flex"] {
        proves(&bench, backend);
    }
    let config = bench.text(&format!("{TRIAL}/folded/config.yaml"));
    assert!(!config.contains("batch_normalization"), "{config}");
    assert!(config.contains("initial_weights: folded.safetensors"), "{config}");
    assert!(config.contains("name: tiny-folded"), "{config}");
}

#[test]
fn folding_works_on_wgpu() {
    let bench = trained(NORMALIZED);
    let backends = bench.bn_runner("backends").exits(0).stdout;
    let line = backends.lines().find(|line| line.starts_with("wgpu ")).expect("it is listed");
    if line.contains("not available") {
        return skipped("folding_works_on_wgpu", line);
    }
    proves(&bench, "wgpu");
}

#[test]
fn the_folded_folder_is_an_experiment_that_predicts_the_same_and_trains_on() {
    let bench = trained(NORMALIZED);
    let predict = |arguments: &str, out: &str| -> Vec<Vec<f32>> {
        bench.bn_runner(&format!("predict {arguments} -o {out}")).exits(0).prints("accuracy ");
        let p = |row: &std::collections::HashMap<String, String>, class: usize| {
            row[&format!("p_{class}")].parse().unwrap()
        };
        bench.table(out).iter().map(|row| (0..4).map(|class| p(row, class)).collect()).collect()
    };
    bench.bn_runner(&format!("fold {TRIAL}")).exits(0);
    let original = predict(TRIAL, "original.csv");
    let folded = predict(&format!("{TRIAL}/folded"), "folded.csv");
    for (a, b) in original.iter().flatten().zip(folded.iter().flatten()) {
        assert!((a - b).abs() < 1e-5, "{a} before, {b} after");
    }
    predict(&format!("{TRIAL} --weights folded"), "again.csv");
    assert_eq!(bench.text("folded.csv"), bench.text("again.csv"));

    let config = format!("{TRIAL}/folded/config.yaml");
    bench.bn_runner(&format!("check {config}")).exits(0).prints("ok, cases: 1, seeds: 1");
    bench.bn_runner(&format!("run {config} -o out -q")).exits(0);
    assert!(bench.has("out/tiny-folded/quick/seed-1/model.safetensors"));
    assert!(bench.has(&format!("{TRIAL}/model.safetensors")), "the trial was moved aside");
}

#[test]
fn the_best_weights_can_be_folded_and_a_grid_into_gone_layers_is_left_out() {
    let text = edited(TINY, LAYERS, NORMALIZED);
    let grid = "grid: { model.layers.3.batch_normalization.momentum: [0.5] }\n";
    let bench = Bench::with("tiny.yaml", &format!("{text}{grid}"));
    bench.bn_runner("run tiny.yaml -o out --seeds 1 -q").exits(0);
    let trial = "out/tiny/quick,momentum=0.5/seed-1";
    bench.bn_runner(&format!("fold {trial} --weights best")).exits(0).prints("changed  0 of 40");
    assert_eq!(bench.json(&format!("{trial}/folded/fold.json"))["weights"], "best");
    bench.bn_runner(&format!("check {trial}/folded/config.yaml")).exits(0);
    bench.bn_runner(&format!("predict {trial} --weights folded")).exits(0);
}

#[test]
fn what_cannot_be_folded_stays_and_the_reason_is_told() {
    let bench = trained(&edited(
        LAYERS,
        "    - flatten\n",
        "    - flatten\n    - batch_normalization\n    - activation: tanh\n    - batch_normalization\n",
    ));
    bench
        .bn_runner(&format!("fold {TRIAL}"))
        .exits(0)
        .prints(
            "batch_normalization    stays: it stands on the input, and `activation` is after it\n",
        )
        .prints("batch_normalization_1  folded into `dense` after it\n");
    let list = &bench.json(&format!("{TRIAL}/folded/fold.json"))["batch_normalizations"];
    assert!(list[0]["kept_because"].as_str().unwrap().starts_with("it stands on"), "{list}");
    assert_eq!((&list[1]["folded_into"], &list[1]["side"]), (&"dense".into(), &"following".into()));
    bench.bn_runner(&format!("predict {TRIAL}/folded")).exits(0);

    let bench = trained(LAYERS);
    bench
        .bn_runner(&format!("fold {TRIAL}"))
        .exits(0)
        .prints("the network has no batch normalization\nnothing to fold, nothing was written\n");
    assert!(!bench.has(&format!("{TRIAL}/folded")));
}

#[test]
fn a_folder_that_is_no_finished_trial_cannot_be_folded() {
    let bench = trained(NORMALIZED);
    bench.bn_runner("fold out/tiny").exits(2).says("error: `out/tiny` is no trial's folder");
    bench.bn_runner("fold nowhere").exits(2).says("error: `nowhere` is no trial's folder");
    bench.bn_runner(&format!("fold {TRIAL} --weights folded")).exits(2);
    std::fs::rename(bench.path("data"), bench.path("elsewhere")).unwrap();
    let ended = bench.bn_runner(&format!("fold {TRIAL}")).exits(3);
    ended.says("data` does not exist; say with `--idx FOLDER` where the data set is now");
    std::fs::rename(bench.path("elsewhere"), bench.path("data")).unwrap();
    std::fs::remove_file(bench.path(&format!("{TRIAL}/model.safetensors"))).unwrap();
    bench.bn_runner(&format!("fold {TRIAL}")).exits(2).says("model.safetensors` is not there");
    assert!(!bench.has(&format!("{TRIAL}/folded")));
}
