//! What `bn-runner run` sets out to do: grids, selections, and what a dry run tells of them.

mod support;

use support::{Bench, Ended, TINY, TRIALS, edited};

#[test]
fn seeds_on_the_command_line_replace_the_files() {
    let bench = Bench::with("tiny.yaml", TINY);
    bench.bn_runner("run tiny.yaml -o out --seeds 5,2").exits(0);
    assert_eq!(bench.names("out/tiny/quick"), ["seed-2", "seed-5"]);
    assert_ne!(bench.numbers("out/tiny/quick/seed-2"), bench.numbers("out/tiny/quick/seed-5"));
}

#[test]
fn set_changes_every_variant_even_inside_lists() {
    let bench = Bench::with("tiny.yaml", TINY);
    bench
        .bn_runner("run tiny.yaml -o out --seeds 1 -s training.epochs=1 --set model.layers.1.dense.units=8")
        .exits(0);
    for variant in ["slow", "quick"] {
        assert_eq!(bench.table(&format!("out/tiny/{variant}/seed-1/metrics.csv")).len(), 1);
        let manifest = bench.json(&format!("out/tiny/{variant}/seed-1/manifest.json"));
        assert_eq!(manifest["parameters"]["total"], 64 * 8 + 8 + 8 * 4 + 4);
        let config = bench.text(&format!("out/tiny/{variant}/seed-1/config.yaml"));
        assert!(config.contains("units: 8") && config.contains("epochs: 1"), "{config}");
    }
}

/// State and reason of each trial of the tiny experiment, as a dry run prints them.
fn plan(ended: &Ended) -> Vec<(String, String)> {
    let lines = ended.stdout.lines().skip(1).take_while(|line| !line.is_empty());
    let line = |(line, trial): (&str, &str)| {
        let path = format!("out/tiny/{trial}");
        let (state, rest) = line.split_once(&path).unwrap_or_else(|| panic!("{trial} in {ended}"));
        let why = rest.trim_start().strip_prefix("1,108").unwrap_or_else(|| panic!("{ended}"));
        (state.trim().to_owned(), why.trim().to_owned())
    };
    let plan: Vec<_> = lines.zip(TRIALS).map(line).collect();
    assert_eq!(plan.len(), 4, "{ended}");
    plan
}

#[test]
fn a_dry_run_lists_trials_with_what_is_to_become_of_them_and_writes_nothing() {
    let bench = Bench::with("tiny.yaml", TINY);
    let dry = "run tiny.yaml -o out --dry-run";
    let told = |arguments: &str| plan(&bench.bn_runner(arguments).exits(0));
    let lines = |all: [(&str, &str); 4]| all.map(|(a, b)| (a.to_owned(), b.to_owned())).to_vec();

    let ended = bench.bn_runner(dry).exits(0);
    assert_eq!(plan(&ended), lines([("to do", "new"); 4]));
    ended
        .prints("\n4 trials: 0 done, 4 to train\n")
        .prints("time: unknown, as `out` holds nothing like it yet\n")
        .prints("disk: about ");
    assert!(!bench.has("out"));

    bench.bn_runner("run tiny.yaml -o out --seeds 2").exits(0);
    let ended = bench.bn_runner(dry).exits(0);
    let half = [("to do", "new"), ("done", ""), ("to do", "new"), ("done", "")];
    assert_eq!(plan(&ended), lines(half));
    ended.prints("\n4 trials: 2 done, 2 to train\n").prints("time: about ").prints(" at a time\n");
    assert_eq!(told(&format!("{dry} --force")), lines([("to do", "forced"); 4]));
    assert_eq!(bench.names("out/tiny/quick"), ["seed-2"]);
}

#[test]
fn a_dry_run_names_what_has_changed() {
    let bench = Bench::with("tiny.yaml", TINY);
    bench.bn_runner("run tiny.yaml -o out").exits(0);
    let dry = "run tiny.yaml -o out --dry-run";
    let why = |arguments: &str| {
        let plan = plan(&bench.bn_runner(arguments).exits(0));
        plan.into_iter().map(|(_, why)| why).collect::<Vec<_>>()
    };
    assert_eq!(why(dry), [""; 4]);
    bench.write("tiny.yaml", edited(TINY, "0.1 }", "0.2 }"));
    let rate = "training.optimizer.sgd.learning_rate 0.1 → 0.2";
    assert_eq!(why(dry), ["", "", rate, rate]);
    bench.write("tiny.yaml", TINY);
    assert_eq!(
        why(&format!("{dry} -s training.epochs=4")),
        ["training.epochs 3 → 4; goes on after epoch 3"; 4]
    );
    // Nothing is left of epoch 2.
    assert_eq!(why(&format!("{dry} -s training.epochs=2")), ["training.epochs 3 → 2"; 4]);
    bench
        .bn_runner(&format!("{dry} -s training.epochs=2"))
        .exits(0)
        .prints("finished results in the folders of 4 trials are moved to `previous` beside them");
    assert_eq!(
        why(&format!("{dry} -s training.epochs=4 -s training.batch_size=8 -b ndarray")),
        ["backend flex → ndarray, training.batch_size 16 → 8, training.epochs 3 → 4"; 4]
    );
    let layer = edited(TINY, "    - flatten\n", "    - flatten\n    - batch_normalization\n");
    bench.write("layer.yaml", layer);
    bench.bn_runner("run layer.yaml -o out --dry-run").exits(0).prints(
        "model.layers [flatten, dense, dense] → [flatten, batch_normalization, dense, dense]",
    );

    let mut images = bench.bytes("data/train-images-idx3-ubyte");
    images[5000] ^= 1;
    bench.write("data/train-images-idx3-ubyte", images);
    assert_eq!(why(dry), ["the data has changed"; 4]);
    bench.write_data("data");

    let manifest = "out/tiny/slow/seed-1/manifest.json";
    bench.write(manifest, edited(&bench.text(manifest), "\"completed\"", "\"running\""));
    std::fs::remove_file(bench.path("out/tiny/slow/seed-2/model.safetensors")).unwrap();
    let ended = bench.bn_runner(dry).exits(0).prints("2 done, 2 to train (1 begun)");
    let plan = plan(&ended);
    assert_eq!(plan[0], ("interrupted".to_owned(), "cut off after epoch 3".to_owned()));
    assert_eq!(plan[1].1, "model.safetensors is missing, incomplete or unreadable");
}

#[test]
fn patterns_select_trials_and_the_tables_are_of_those() {
    let bench = Bench::with("tiny.yaml", TINY)
        .file("other.yaml", edited(TINY, "name: tiny", "name: other"));
    bench.bn_runner("run tiny.yaml other.yaml -o out --only tiny/quick --exclude seed-2").exits(0);
    assert_eq!(bench.names("out"), ["comparison.csv", "comparison.png", "report.html", "tiny"]);
    let rows = bench.table("out/tiny/summary.csv");
    let trials: Vec<_> = rows.iter().map(|row| (&*row["variant"], &*row["seed"])).collect();
    assert_eq!(trials, [("quick", "1")]);
    assert_eq!(bench.names("out/tiny/quick"), ["seed-1"]);
    assert!(!bench.has("out/tiny/slow"));
}

#[test]
fn nothing_selected_exits_with_4_and_lists_what_there_is() {
    let bench = Bench::with("tiny.yaml", TINY);
    bench
        .bn_runner("run tiny.yaml -o out --only quack")
        .exits(4)
        .says("error: `--only` and `--exclude` leave no trial; there are:\n  tiny/slow/seed-1\n");
    bench
        .bn_runner("run tiny.yaml -o out --exclude * --seeds 1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20,21")
        .exits(4)
        .says("… and 2 more");
    assert!(!bench.has("out"));
}

/// The tiny experiment with a random grid.
fn random(trials: usize) -> String {
    format!(
        "{TINY}grid:
  training.batch_size: [8, 16]
  random:
    trials: {trials}
    seed: 5
    model.layers.1.dense.units: {{ int_uniform: [2, 64] }}
    model.layers.1.dense.activation: [relu, elu]
"
    )
}

#[test]
fn a_random_grid_is_the_same_every_time_and_grows_without_training_anything_again() {
    let bench = Bench::with("tiny.yaml", &random(2));
    let run = "run tiny.yaml -o out --only quick/seed-1 -s training.epochs=1";
    bench.bn_runner(run).exits(0).says("trials to train: 4,");
    let summary = bench.table("out/tiny/summary.csv");
    let points: Vec<Vec<&str>> = summary
        .iter()
        .map(|row| {
            let keys = [
                "training.batch_size",
                "model.layers.1.dense.units",
                "model.layers.1.dense.activation",
            ];
            keys.map(|key| &*row[key]).to_vec()
        })
        .collect();
    assert_eq!(points[0][1..], points[2][1..], "every list value meets the same points");
    assert_ne!(points[0][1..], points[1][1..]);
    let units: usize = points[0][1].parse().unwrap();
    assert_eq!(summary[0]["parameters"], (64 * units + units + units * 4 + 4).to_string());
    bench.bn_runner(run).exits(0).says("4 of 4 trials are done already");
    bench.write("tiny.yaml", random(3));
    bench.bn_runner(run).exits(0).says("4 of 6 trials are done already");
    let folder =
        bench.names("out/tiny").into_iter().find(|name| name.starts_with("quick,")).unwrap();
    let config = format!("out/tiny/{folder}/seed-1/config.yaml");
    bench.bn_runner_with(&["run", &config, "-o", "out"]).exits(0).says("1 of 1 trials are done");
}

#[test]
fn mistakes_in_a_random_grid_are_shown_where_they_are() {
    for (line, why, place) in [
        ("trials: 0", "`trials` cannot be 0", "13:13"),
        ("trials: 2\n    training.batch_size: 3", "needs something to draw from", "14:26"),
        ("trials: 2\n    trainin.x: [1]", "is not a path into an experiment", "14:5"),
        ("trials: 2\n    training.x: { normal: [0, 1] }", "unknown name `normal`", "14:19"),
        ("trials: 2\n    training.batch_sise: [1, 2]", "did you mean `batch_size`?", "14:5"),
        ("trials: 9\n    training.batch_size: [1, 2]", "there are not 9 different points", "13:13"),
    ] {
        let text = "\
dataset: { idx: data, validation: 40 }
model:
  layers:
    - flatten
    - dense: { units: 16 }
    - dense: { units: 4, activation: softmax }
training:
  optimizer: { sgd: { learning_rate: 0.1 } }
  batch_size: 16
  epochs: 1
grid:
  random:
";
        let bench = Bench::with("bad.yaml", &format!("{text}    {line}\n"));
        bench
            .bn_runner("run bad.yaml -o out")
            .exits(2)
            .says(why)
            .says(&format!("bad.yaml:{place}\n"))
            .says("\n1 mistake; nothing was trained");
    }
    let clash = "run tiny.yaml -o out -s model.layers.1.dense.units=3";
    Bench::with("tiny.yaml", &random(2))
        .bn_runner(clash)
        .exits(2)
        .says("`grid:` varies `model.layers.1.dense.units`");
}

#[test]
fn grid_points_have_folders_columns_and_their_own_numbers() {
    let text = edited(
        TINY,
        "  slow: { training: { optimizer: { sgd: { learning_rate: 0.000001 } } } }\n",
        "",
    );
    let text = format!(
        "{text}grid:\n  training.optimizer.sgd.learning_rate: [0.1, 0.01]\n  training.batch_size: [8, 16]\n"
    );
    let bench = Bench::with("tiny.yaml", &text);
    bench.bn_runner("run tiny.yaml -o out --seeds 1").exits(0);
    let folders = [
        "quick,learning_rate=0.01,batch_size=16",
        "quick,learning_rate=0.01,batch_size=8",
        "quick,learning_rate=0.1,batch_size=16",
        "quick,learning_rate=0.1,batch_size=8",
    ];
    let names = bench.names("out/tiny");
    let found: Vec<&String> = names.iter().filter(|name| name.starts_with("quick")).collect();
    assert_eq!(found, folders.iter().collect::<Vec<_>>());
    let mut numbers = folders.map(|folder| bench.numbers(&format!("out/tiny/{folder}/seed-1")));
    numbers.sort();
    assert!(numbers.windows(2).all(|two| two[0] != two[1]));

    let points: Vec<(String, String)> = bench
        .table("out/tiny/summary.csv")
        .iter()
        .map(|row| {
            let cell = |key: &str| row[key].clone();
            (cell("training.optimizer.sgd.learning_rate"), cell("training.batch_size"))
        })
        .collect();
    let expected = [("0.1", "8"), ("0.1", "16"), ("0.01", "8"), ("0.01", "16")];
    assert_eq!(points, expected.map(|(rate, size)| (rate.to_owned(), size.to_owned())));
    let grid: Vec<String> =
        bench.table("out/comparison.csv").iter().map(|row| row["grid"].clone()).collect();
    assert_eq!(grid[1], "learning_rate=0.1;batch_size=16");
}

#[test]
fn grid_keys_that_end_alike_are_told_apart_in_full() {
    let text = format!(
        "{TINY}grid:\n  dataset.train_limit: [32]\n  model.layers.1.dense.units: [4]\n  model.layers.2.dense.units: [4]\n"
    );
    let bench = Bench::with("tiny.yaml", &text);
    bench.bn_runner("run tiny.yaml -o out --seeds 1 -s training.epochs=1").exits(0);
    assert!(bench.has(
        "out/tiny/quick,train_limit=32,model.layers.1.dense.units=4,model.layers.2.dense.units=4/seed-1"
    ));
}

#[test]
fn a_file_without_variants_name_or_seeds_is_one_trial_named_after_the_file() {
    let text = TINY.split("seeds:").next().unwrap();
    let bench = Bench::with("corner-case.yaml", &edited(text, "name: tiny\n", ""));
    bench.bn_runner("run corner-case.yaml").exits(0).prints("   1  default  1  ");
    assert_eq!(
        bench.names("results"),
        ["comparison.csv", "comparison.png", "corner-case", "report.html"]
    );
    assert_eq!(bench.names("results/corner-case/default"), ["seed-1"]);
}
