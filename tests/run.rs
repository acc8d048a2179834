//! `bn-runner run`: the files it leaves behind, and that they agree with each other.

mod support;

use support::{Bench, TINY, TRIALS, edited};

const METRICS_HEADER: &str =
    "epoch,accuracy,loss,val_accuracy,val_loss,learning_rate,epoch_seconds,elapsed_seconds";

fn header(text: &str) -> &str {
    text.lines().next().unwrap_or_default()
}

/// Width and height of a PNG file.
fn png_size(bytes: &[u8]) -> (u32, u32) {
    assert_eq!(&bytes[..8], b"\x89PNG\r\n\x1a\n");
    let number = |at: usize| u32::from_be_bytes(bytes[at..at + 4].try_into().unwrap());
    (number(16), number(20))
}

#[test]
fn a_run_leaves_the_whole_results_folder_and_ranks_the_better_variant_first() {
    let bench = Bench::with("tiny.yaml", TINY);
    let ended = bench.bn_runner("run tiny.yaml -o out").exits(0);

    let table: Vec<&str> = ended.stdout.lines().collect();
    assert_eq!(table.len(), 3, "{ended}");
    assert!(table[0].starts_with("rank  variant  n  val accuracy     test accuracy"), "{ended}");
    assert!(table[1].starts_with("   1  quick    2  "), "{ended}");
    assert!(table[2].starts_with("   2  slow     2  "), "{ended}");

    assert_eq!(bench.names("."), ["data", "out", "tiny.yaml"]);
    assert_eq!(bench.names("out"), ["comparison.csv", "comparison.png", "report.html", "tiny"]);
    assert_eq!(
        bench.names("out/tiny"),
        [
            "accuracy_vs_time.png",
            "aggregate.csv",
            "confusion_matrix.png",
            "curves.csv",
            "experiment.yaml",
            "final_accuracy.png",
            "learning_curves.png",
            "quick",
            "slow",
            "summary.csv"
        ]
    );
    for trial in TRIALS {
        // A network that is always right has no images to show.
        let mut names = bench.names(&format!("out/tiny/{trial}"));
        names.retain(|name| name != "mistakes.png");
        assert_eq!(
            names,
            [
                "best.safetensors",
                "checkpoints",
                "class_metrics.csv",
                "config.yaml",
                "confusion_matrix.csv",
                "manifest.json",
                "metrics.csv",
                "mistakes.csv",
                "model.safetensors",
                "run.log"
            ]
        );
    }
    for chart in
        ["out/comparison.png", "out/tiny/accuracy_vs_time.png", "out/tiny/learning_curves.png"]
    {
        let (width, height) = png_size(&bench.bytes(chart));
        assert!(width > 600 && height > 400, "{chart}: {width} × {height}");
    }
}

#[test]
fn metrics_have_keras_columns_and_a_row_per_epoch_from_1() {
    let bench = Bench::with("tiny.yaml", TINY);
    bench.bn_runner("run tiny.yaml -o out").exits(0);
    for trial in TRIALS {
        let name = format!("out/tiny/{trial}/metrics.csv");
        assert_eq!(header(&bench.text(&name)), METRICS_HEADER);
        let rows = bench.table(&name);
        let epochs: Vec<&str> = rows.iter().map(|row| &*row["epoch"]).collect();
        assert_eq!(epochs, ["1", "2", "3"]);
        let mut before = 0.0;
        for row in &rows {
            let number = |column: &str| row[column].parse::<f64>().unwrap();
            for share in ["accuracy", "val_accuracy"] {
                assert!((0.0..=1.0).contains(&number(share)), "{row:?}");
            }
            assert!(number("loss") > 0.0 && number("val_loss") > 0.0, "{row:?}");
            let (seconds, elapsed) = (number("epoch_seconds"), number("elapsed_seconds"));
            assert!(seconds > 0.0 && elapsed >= before + seconds, "{row:?}");
            before = elapsed;
        }
        let rate = if trial.starts_with("quick") { "0.1" } else { "1e-6" };
        assert!(rows.iter().all(|row| row["learning_rate"] == rate), "{rows:?}");
    }
    let quick = bench.table("out/tiny/quick/seed-1/metrics.csv");
    let losses: Vec<f64> = quick.iter().map(|row| row["loss"].parse().unwrap()).collect();
    assert!(losses[2] < losses[1] && losses[1] < losses[0], "{losses:?}");
}

#[test]
fn tables_over_trials_have_their_columns_and_rows() {
    let bench = Bench::with("tiny.yaml", TINY);
    bench.bn_runner("run tiny.yaml -o out").exits(0);

    assert_eq!(
        header(&bench.text("out/tiny/summary.csv")),
        "experiment,variant,seed,backend,status,reason,epochs,accuracy,loss,val_accuracy,val_loss,\
         best_val_accuracy,best_val_accuracy_epoch,best_val_loss,best_val_loss_epoch,\
         test_accuracy,test_loss,epoch_seconds,train_seconds,samples_per_second,\
         parameters,trainable_parameters,trial_hash,started,ended,\
         best_accuracy,best_accuracy_epoch,best_loss,best_loss_epoch,\
         last_accuracy,last_loss,last_val_accuracy,last_val_loss,kept_epoch"
    );
    assert_eq!(
        header(&bench.text("out/tiny/curves.csv")),
        format!("experiment,variant,seed,backend,{METRICS_HEADER}")
    );
    let metrics = [
        "accuracy",
        "loss",
        "val_accuracy",
        "val_loss",
        "best_val_accuracy",
        "best_val_loss",
        "test_accuracy",
        "test_loss",
        "epoch_seconds",
        "train_seconds",
    ];
    const AT_THE_END: [&str; 6] = [
        "best_accuracy",
        "best_loss",
        "last_accuracy",
        "last_loss",
        "last_val_accuracy",
        "last_val_loss",
    ];
    let spreads: String = metrics
        .iter()
        .map(|metric| format!("{metric}_mean,{metric}_std,{metric}_ci95_low,{metric}_ci95_high,"))
        .collect();
    // Columns that came later stand at the end.
    let later: String = metrics
        .iter()
        .map(|metric| format!(",{metric}_median,{metric}_min,{metric}_max"))
        .chain(AT_THE_END.map(|metric| {
            let parts = ["mean", "std", "ci95_low", "ci95_high", "median", "min", "max"];
            parts.map(|part| format!(",{metric}_{part}")).concat()
        }))
        .chain([",diverged".to_owned()])
        .collect();
    assert_eq!(
        header(&bench.text("out/tiny/aggregate.csv")),
        format!("experiment,variant,backend,n,failed,{spreads}parameters{later}")
    );
    assert_eq!(
        header(&bench.text("out/comparison.csv")),
        format!("experiment,variant,grid,backend,n,failed,{spreads}parameters{later}")
    );

    let summary = bench.table("out/tiny/summary.csv");
    let trials: Vec<(&str, &str)> =
        summary.iter().map(|row| (&*row["variant"], &*row["seed"])).collect();
    assert_eq!(trials, [("slow", "1"), ("slow", "2"), ("quick", "1"), ("quick", "2")]);
    assert!(summary.iter().all(|row| row["status"] == "completed" && row["epochs"] == "3"));
    // Flatten has none; 64 × 16 + 16 and 16 × 4 + 4.
    assert!(summary.iter().all(|row| row["parameters"] == "1108"));
    assert_eq!(bench.table("out/tiny/curves.csv").len(), 4 * 3);

    let aggregate = bench.table("out/tiny/aggregate.csv");
    assert_eq!(aggregate.len(), 2);
    for (case, row) in aggregate.iter().enumerate() {
        assert_eq!((&*row["n"], &*row["failed"]), ("2", "0"));
        let of = |i: usize| summary[2 * case + i]["test_loss"].parse::<f64>().unwrap();
        let mean: f64 = row["test_loss_mean"].parse().unwrap();
        assert!((mean - (of(0) + of(1)) / 2.0).abs() < 1e-12, "{row:?}");
    }
    assert_eq!(bench.table("out/comparison.csv").len(), 2);
}

#[test]
fn summaries_repeat_what_metrics_and_manifests_say() {
    let bench = Bench::with("tiny.yaml", TINY);
    bench.bn_runner("run tiny.yaml -o out").exits(0);
    for (trial, row) in TRIALS.iter().zip(bench.table("out/tiny/summary.csv")) {
        let metrics = bench.table(&format!("out/tiny/{trial}/metrics.csv"));
        let last = metrics.last().unwrap();
        for column in ["accuracy", "loss", "val_accuracy", "val_loss"] {
            assert_eq!(row[column], last[column], "{trial} {column}");
        }
        let manifest = bench.json(&format!("out/tiny/{trial}/manifest.json"));
        assert_eq!(manifest["status"], "completed");
        assert_eq!(manifest["trial_hash"], row["trial_hash"].as_str());
        let outcome = &manifest["outcome"];
        for column in ["test_accuracy", "test_loss"] {
            let cell: f64 = row[column].parse().unwrap();
            assert_eq!(outcome[column].as_f64(), Some(cell), "{trial} {column}");
        }
        let value = |row: &std::collections::HashMap<String, String>| {
            (row["val_loss"].parse::<f64>().unwrap(), row["epoch"].clone())
        };
        let lowest = metrics.iter().map(value).min_by(|a, b| a.0.total_cmp(&b.0)).unwrap();
        assert_eq!(row["best_val_loss"].parse::<f64>().unwrap(), lowest.0, "{trial}");
        assert_eq!(row["best_val_loss_epoch"], lowest.1, "{trial}");
    }
}

#[test]
fn a_manifest_tells_what_was_trained_on_what() {
    let bench = Bench::with("tiny.yaml", TINY);
    bench.bn_runner("run tiny.yaml -o out -j 1 -b ndarray --seeds 7").exits(0);
    let manifest = bench.json("out/tiny/quick/seed-7/manifest.json");
    for (key, value) in [("experiment", "tiny"), ("variant", "quick"), ("backend", "ndarray")] {
        assert_eq!(manifest[key], value);
    }
    for (key, value) in [("seed", 7), ("epochs", 3), ("jobs", 1)] {
        assert_eq!(manifest[key], value, "{key}");
    }
    assert_eq!(manifest["parameters"]["total"], 1108);
    assert_eq!(manifest["versions"]["burn"], "0.22.1");
    assert_eq!(manifest["dataset_checksum"].as_str().map(str::len), Some(64));
    assert!(manifest.get("reason").is_none());
    let command: Vec<&str> =
        manifest["command"].as_array().unwrap()[1..].iter().filter_map(|v| v.as_str()).collect();
    assert_eq!(command.join(" "), "run tiny.yaml -o out -j 1 -b ndarray --seeds 7");
}

#[test]
fn weights_are_saved_under_keras_names_with_keras_shapes() {
    let text = edited(
        TINY,
        "    - dense: { units: 16, activation: relu }\n",
        "    - batch_normalization\n    - dense: { units: 16, use_bias: false }\n    - batch_normalization\n    - activation: relu\n",
    );
    let bench = Bench::with("tiny.yaml", &text);
    bench.bn_runner("run tiny.yaml -o out --seeds 1").exits(0);
    let weights = bench.weights("out/tiny/quick/seed-1");
    let shapes: Vec<(&str, &[usize])> =
        weights.iter().map(|(name, weight)| (name.as_str(), &*weight.shape)).collect();
    assert_eq!(
        shapes,
        [
            ("batch_normalization/beta", &[64][..]),
            ("batch_normalization/gamma", &[64]),
            ("batch_normalization/moving_mean", &[64]),
            ("batch_normalization/moving_variance", &[64]),
            ("batch_normalization_1/beta", &[16]),
            ("batch_normalization_1/gamma", &[16]),
            ("batch_normalization_1/moving_mean", &[16]),
            ("batch_normalization_1/moving_variance", &[16]),
            ("dense/kernel", &[64, 16]),
            ("dense_1/bias", &[4]),
            ("dense_1/kernel", &[16, 4]),
        ]
    );
}

#[test]
fn names_that_spreadsheets_would_run_are_guarded_in_every_table() {
    let variants = "  '=1+1': {}\n  '+x': {}\n  '-x': {}\n  '@x': {}\n";
    let text = TINY.split("variants:").next().unwrap().to_owned() + "variants:\n" + variants;
    let bench = Bench::with("tiny.yaml", &text);
    bench
        .bn_runner("run tiny.yaml -o out --seeds 1 -s training.epochs=1")
        .exits(0)
        .prints("  =1+1  ");
    for (table, rows) in [
        ("out/tiny/summary.csv", 4),
        ("out/tiny/aggregate.csv", 4),
        ("out/tiny/curves.csv", 4),
        ("out/comparison.csv", 4),
    ] {
        let names: Vec<String> =
            bench.table(table).iter().map(|row| row["variant"].clone()).collect();
        assert_eq!(names.len(), rows);
        assert_eq!(names, ["'=1+1", "'+x", "'-x", "'@x"], "{table}");
    }
    assert!(bench.has("out/tiny/=1+1/seed-1/model.safetensors"));
}

#[test]
fn several_files_are_compared_side_by_side() {
    let bench = Bench::with("tiny.yaml", TINY)
        .file("other.yaml", edited(TINY, "name: tiny", "name: other"));
    let ended = bench.bn_runner("run tiny.yaml other.yaml -o out --seeds 1").exits(0);
    assert!(ended.stdout.starts_with("rank  experiment  variant"), "{ended}");
    assert_eq!(
        bench.names("out"),
        ["comparison.csv", "comparison.png", "other", "report.html", "tiny"]
    );
    let rows: Vec<String> = bench
        .table("out/comparison.csv")
        .iter()
        .map(|row| format!("{} {}", row["experiment"], row["variant"]))
        .collect();
    assert_eq!(rows, ["other slow", "other quick", "tiny slow", "tiny quick"]);
    // An experiment's name is not part of the numbers.
    assert_eq!(bench.numbers("out/tiny/quick/seed-1"), bench.numbers("out/other/quick/seed-1"));
}

#[test]
fn without_validation_rows_their_cells_are_empty() {
    let bench = Bench::with("tiny.yaml", &edited(TINY, "validation: 40", "validation: 0"));
    bench.bn_runner("run tiny.yaml -o out --seeds 1").exits(0);
    let rows = bench.table("out/tiny/quick/seed-1/metrics.csv");
    assert_eq!(rows.len(), 3);
    assert!(rows.iter().all(|row| row["val_accuracy"].is_empty() && row["val_loss"].is_empty()));
    for row in bench.table("out/tiny/summary.csv") {
        for column in ["val_accuracy", "val_loss", "best_val_accuracy", "best_val_loss_epoch"] {
            assert_eq!(row[column], "", "{column}");
        }
        assert_ne!(row["test_accuracy"], "");
    }
    let manifest = bench.json("out/tiny/quick/seed-1/manifest.json");
    assert!(manifest["outcome"]["best_val_loss"].is_null());
}

#[test]
fn quiet_prints_the_table_and_no_progress() {
    let bench = Bench::with("tiny.yaml", TINY);
    let loud =
        bench.bn_runner("run tiny.yaml -o loud").exits(0).says("tiny quick, seed 2: epoch 3/3");
    assert!(!loud.stdout.contains("epoch 1"), "progress is not for standard output: {loud}");
    let quiet = bench.bn_runner("run tiny.yaml -o quiet -q").exits(0).never_says("epoch");
    assert!(quiet.stdout.starts_with("rank "), "{quiet}");
    let log = bench.text("quiet/tiny/quick/seed-1/run.log");
    assert_eq!(log.matches(" epoch ").count(), 3, "{log}");
    assert!(!log.contains('\u{1b}'), "{log}");
}

#[test]
fn a_results_folder_that_cannot_be_made_is_found_out_before_training() {
    let bench = Bench::with("tiny.yaml", TINY).file("out", "a file stands here");
    let ended = bench.bn_runner("run tiny.yaml -o out").exits(1).never_says("epoch");
    let ended = ended.says("error: cannot create the results folder `out`");
    assert_eq!(ended.stdout, "");
    assert_eq!(bench.text("out"), "a file stands here");
}

#[test]
fn a_variant_may_change_a_data_set_given_by_its_short_name() {
    let text = "\
dataset: fashion_mnist
model: { layers: [flatten, { dense: { units: 10, activation: softmax } }] }
training: { optimizer: adam, epochs: 1 }
variants: { all: {}, few: { dataset: { train_limit: 100 } } }
";
    Bench::with("short.yaml", text).bn_runner("check short.yaml").exits(0).prints("cases: 2");
}

#[test]
fn a_chart_without_anything_to_show_does_not_outlive_its_run() {
    let bench = Bench::with("tiny.yaml", TINY);
    bench.bn_runner("run tiny.yaml -o out").exits(0);
    assert!(bench.has("out/tiny/accuracy_vs_time.png"));
    bench.bn_runner("run tiny.yaml -o out --set dataset.validation=0").exits(0);
    assert!(!bench.has("out/tiny/accuracy_vs_time.png"), "there is no validation accuracy");
    assert!(bench.has("out/tiny/learning_curves.png"));
}
