//! Optimizers, schedules and callbacks in experiment files: what is trained, what is recorded, and
//! what is told about mistakes.

mod support;

use support::{Bench, Ended, edited};

/// 160 training rows in ten steps an epoch.
const PLAIN: &str = "\
name: plain
dataset: { idx: data, validation: 40 }
model:
  layers:
    - flatten
    - dense: { units: 8, activation: relu }
    - dense: { units: 4, activation: softmax }
training:
  optimizer: sgd
  batch_size: 16
  epochs: 4
";

fn with_optimizer(optimizer: &str) -> String {
    edited(PLAIN, "optimizer: sgd", &format!("optimizer: {optimizer}"))
}

/// The plain file with more lines under `training:`.
fn with_training(optimizer: &str, lines: &[&str]) -> String {
    with_optimizer(optimizer) + &lines.iter().map(|line| format!("  {line}\n")).collect::<String>()
}

/// A column of the metrics of the only trial.
fn column(bench: &Bench, folder: &str, name: &str) -> Vec<f64> {
    let rows = bench.table(&format!("{folder}/plain/default/seed-1/metrics.csv"));
    rows.iter().map(|row| row[name].parse().unwrap()).collect()
}

/// Trains the file. The config that it leaves behind must be the very same trial.
fn train(bench: &Bench, text: &str, folder: &str) {
    bench.write("file.yaml", text);
    bench.bn_runner(&format!("run file.yaml -o {folder}")).exits(0);
    let trial = format!("{folder}/plain/default/seed-1");
    let again = bench.bn_runner(&format!("run {trial}/config.yaml -o {folder} --dry-run"));
    again.exits(0).prints(&format!("done   {trial}"));
}

fn log(bench: &Bench, folder: &str) -> String {
    bench.text(&format!("{folder}/plain/default/seed-1/run.log"))
}

#[track_caller]
fn refused(text: &str) -> Ended {
    let bench = Bench::with("bad.yaml", text);
    bench.bn_runner("check bad.yaml").exits(2)
}

#[track_caller]
fn mistake(optimizer: &str, lines: &[&str]) -> Ended {
    refused(&with_training(optimizer, lines)).says("\n1 mistake; nothing was trained\n")
}

#[test]
fn every_optimizer_learns_with_all_its_keys_and_by_its_bare_name() {
    let bench = Bench::new();
    for (name, keys) in [
        ("sgd", "learning_rate: 0.1, momentum: 0.9, nesterov: true, weight_decay: 0.01"),
        ("rmsprop", "learning_rate: 0.01, rho: 0.8, momentum: 0.5, epsilon: 0.001, centered: true"),
        ("adagrad", "learning_rate: 0.1, initial_accumulator_value: 0, epsilon: 0.001"),
        ("adadelta", "learning_rate: 1, rho: 0.9, epsilon: 0.001, clipvalue: 0.5"),
        ("adam", "learning_rate: 0.01, beta_1: 0.8, beta_2: 0.9, epsilon: 0.001, amsgrad: true"),
        ("adamax", "learning_rate: 0.01, beta_1: 0.8, beta_2: 0.9, epsilon: 0.001, clipnorm: 1"),
        ("nadam", "learning_rate: 0.01, beta_1: 0.8, beta_2: 0.9, global_clipnorm: 1"),
        ("adamw", "learning_rate: 0.01, weight_decay: 0.1, amsgrad: true"),
        ("lion", "learning_rate: 0.003, beta_1: 0.8, beta_2: 0.9, weight_decay: 0.1"),
    ] {
        train(&bench, &with_optimizer(&format!("{{ {name}: {{ {keys} }} }}")), name);
        let losses = column(&bench, name, "loss");
        assert!(losses[3] < 0.97 * losses[0], "{name}: {losses:?}");

        let bare = format!("{name}-bare");
        train(&bench, &with_optimizer(name), &bare);
        assert!(column(&bench, &bare, "loss")[3] < column(&bench, &bare, "loss")[0], "{name}");
        let default = if name == "sgd" { 0.01 } else { 0.001 };
        assert_eq!(column(&bench, &bare, "learning_rate"), [default; 4], "{name}");
    }
}

#[test]
fn keys_that_do_nothing_are_not_part_of_a_trial() {
    let bench = Bench::with("file.yaml", PLAIN);
    bench.bn_runner("run file.yaml -o out").exits(0);
    bench.write("file.yaml", with_training("{ sgd: { learning_rate: 0.01 } }", &["callbacks: []"]));
    bench.bn_runner("run file.yaml -o out").exits(0).says("1 of 1 trials are done already");
    let config = bench.text("out/plain/default/seed-1/config.yaml");
    for key in ["clip", "weight_decay", "callbacks"] {
        assert!(!config.contains(key), "{config}");
    }
}

#[test]
fn a_schedule_decides_the_rate_of_every_step() {
    let bench = Bench::new();
    let near = |schedule: &str, expected: [f64; 4]| {
        train(&bench, &with_training("sgd", &[&format!("learning_rate: {schedule}")]), "out");
        for (ours, expected) in column(&bench, "out", "learning_rate").iter().zip(expected) {
            assert!((ours - expected).abs() < 1e-12, "{schedule}: {ours}, not {expected}");
        }
        let config = bench.text("out/plain/default/seed-1/config.yaml");
        assert!(config.contains("sgd:\n      momentum"), "the optimizer has no rate: {config}");
    };
    // The last steps of the epochs are 9, 19, 29 and 39.
    near("0.25", [0.25; 4]);
    near("{ constant: { learning_rate: 0.5 } }", [0.5; 4]);
    near(
        "{ exponential_decay: { initial_learning_rate: 0.1, decay_steps: 10, decay_rate: 0.5, staircase: true } }",
        [0.1, 0.05, 0.025, 0.0125],
    );
    near(
        "{ inverse_time_decay: { initial_learning_rate: 0.1, decay_steps: 1, decay_rate: 1 } }",
        [0.01, 0.005, 0.1 / 30.0, 0.0025],
    );
    near(
        "{ piecewise_constant: { boundaries: [9, 28], values: [0.3, 0.2, 0.1] } }",
        [0.3, 0.2, 0.1, 0.1],
    );
    near(
        "{ cosine_decay: { initial_learning_rate: 0, warmup_target: 0.2, warmup_steps: 18, decay_steps: 2 } }",
        [0.1, 0.1, 0.0, 0.0],
    );
    near(
        "{ polynomial_decay: { initial_learning_rate: 0.39, end_learning_rate: 0, decay_steps: 39 } }",
        [0.3, 0.2, 0.1, 0.0],
    );
    // 40 steps, of which 5 are the last stretch: up to step 17, down to step 34.
    near(
        "{ one_cycle: { max_learning_rate: 0.27, start_learning_rate: 0.1, last_learning_rate: 0.04 } }",
        [0.19, 0.25, 0.15, 0.05],
    );
}

#[test]
fn variants_and_grids_reach_into_schedules_and_the_later_word_on_the_rate_counts() {
    let text = with_training("{ sgd: { learning_rate: 0.1 } }", &[])
        + "variants:
  as_it_is: {}
  falling: { training: { learning_rate: { exponential_decay: { initial_learning_rate: 0.2, decay_steps: 40, decay_rate: 0.5 } } } }
  once: { training: { learning_rate: { one_cycle: { max_learning_rate: 0.3 } } } }
";
    let bench = Bench::with("file.yaml", &text);
    bench.bn_runner("run file.yaml -o out").exits(0);
    let rate = |variant: &str| -> Vec<f64> {
        let rows = bench.table(&format!("out/plain/{variant}/seed-1/metrics.csv"));
        rows.iter().map(|row| row["learning_rate"].parse().unwrap()).collect()
    };
    assert_eq!(rate("as_it_is"), [0.1; 4]);
    assert!((rate("falling")[3] - 0.2 * 0.5_f64.powf(39.0 / 40.0)).abs() < 1e-12);
    assert!(rate("once")[0] > 0.1 && rate("once")[3] < 0.01, "{:?}", rate("once"));

    let text = with_training(
        "adam",
        &[
            "learning_rate: { exponential_decay: { initial_learning_rate: 0.2, decay_steps: 40, decay_rate: 0.5 } }",
        ],
    ) + "grid:\n  training.learning_rate.exponential_decay.decay_rate: [0.5, 1]\n";
    bench.write("grid.yaml", edited(&text, "name: plain", "name: grid"));
    bench.bn_runner("run grid.yaml -o out").exits(0);
    assert_eq!(
        bench.names("out/grid").iter().filter(|name| name.contains("decay_rate=")).count(),
        2
    );
}

#[test]
fn early_stopping_ends_with_the_best_weights() {
    let bench = Bench::new();
    // From the third epoch on nothing is learned any more, so that nothing gets better.
    let rates =
        "learning_rate: { piecewise_constant: { boundaries: [19], values: [0.1, 1.0e-20] } }";
    let stopping = "callbacks: [{ early_stopping: { patience: 2, restore_best_weights: true } }]";
    let long = edited(&with_training("sgd", &[rates, stopping]), "epochs: 4", "epochs: 40");
    train(&bench, &long, "stopped");
    assert_eq!(column(&bench, "stopped", "epoch"), [1.0, 2.0, 3.0, 4.0]);
    let log = log(&bench, "stopped");
    assert!(log.contains("early_stopping: val_loss was best in epoch 2, "), "{log}");
    assert!(log.contains("early_stopping: back to the weights of epoch 2"), "{log}");

    let short = edited(&with_training("sgd", &[rates]), "epochs: 4", "epochs: 2");
    train(&bench, &short, "short");
    let trial = |folder: &str| format!("{folder}/plain/default/seed-1");
    assert_eq!(bench.weights(&trial("stopped")), bench.weights(&trial("short")));
    let outcome = |folder: &str| bench.json(&format!("{}/manifest.json", trial(folder)));
    let test = |folder: &str| outcome(folder)["outcome"]["test_loss"].clone();
    assert_eq!(test("stopped"), test("short"));
    // All numbers of a row are of the kept weights, those of the last epoch have their own columns.
    let summary = &bench.table("stopped/plain/summary.csv")[0];
    let columns = ["epochs", "kept_epoch", "status"].map(|column| &*summary[column]);
    assert_eq!(columns, ["4", "2", "completed"]);
    assert_eq!(outcome("stopped")["kept_epoch"], 2);
    let metrics = bench.table(&format!("{}/metrics.csv", trial("stopped")));
    for name in ["accuracy", "loss", "val_accuracy", "val_loss"] {
        assert_eq!(summary[name], metrics[1][name]);
        assert_eq!(summary[&format!("last_{name}")], metrics[3][name]);
    }
    assert_ne!(summary["loss"], summary["last_loss"]);
    let short = &bench.table("short/plain/summary.csv")[0];
    for name in ["val_accuracy", "val_loss", "test_accuracy", "test_loss", "kept_epoch"] {
        assert_eq!(summary[name], short[name], "{name}");
    }
    for name in ["accuracy", "loss", "val_accuracy", "val_loss"] {
        assert_eq!(short[name], short[&format!("last_{name}")]);
    }

    // Version 0.1 did not record the kept epoch: it follows from the callbacks.
    let tables = |bench: &Bench| {
        let compare = "compare stopped --trials --format csv --metric val_loss,last_loss,test_loss";
        [compare, "list stopped --format json"].map(|arguments| {
            let printed = bench.bn_runner(arguments).exits(0).stdout;
            printed.lines().filter(|line| !line.contains("age_seconds")).collect::<String>()
        })
    };
    let told = tables(&bench);
    let path = format!("{}/manifest.json", trial("stopped"));
    bench.write(&path, edited(&bench.text(&path), "  \"kept_epoch\": 2,\n", ""));
    assert_eq!(tables(&bench), told);
    bench.write("file.yaml", &long);
    bench.bn_runner("run file.yaml -o stopped").exits(0).says("1 of 1 trials are done already");
}

#[test]
fn moving_statistics_go_back_with_the_best_weights() {
    let bench = Bench::new();
    let stopping = "callbacks: [{ early_stopping: { mode: max, restore_best_weights: true } }]";
    let norm = |text: &str| {
        edited(text, "    - dense: { units: 8, activation: relu }\n", "    - batch_normalization\n")
    };
    // Its first loss is the highest one.
    train(&bench, &norm(&with_training("adam", &[stopping])), "stopped");
    let short = edited(&with_training("adam", &[]), "epochs: 4", "epochs: 1");
    train(&bench, &norm(&short), "short");
    assert_eq!(column(&bench, "stopped", "epoch"), [1.0, 2.0]);
    let trial = |folder: &str| bench.weights(&format!("{folder}/plain/default/seed-1"));
    assert!(trial("short").contains_key("batch_normalization/moving_mean"));
    assert_eq!(trial("stopped"), trial("short"));
}

#[test]
fn plateaus_lower_the_rate_from_the_next_epoch_on() {
    let bench = Bench::new();
    let lower =
        "callbacks: [{ reduce_lr_on_plateau: { patience: 1, min_delta: 10, factor: 0.5 } }]";
    train(&bench, &with_training("{ sgd: { learning_rate: 0.1 } }", &[lower]), "out");
    assert_eq!(column(&bench, "out", "learning_rate"), [0.1, 0.1, 0.05, 0.025]);
    let log = log(&bench, "out");
    assert!(log.contains("reduce_lr_on_plateau: 0.1 to 0.05"), "{log}");
}

#[test]
fn the_learning_rate_is_given_once() {
    mistake("{ adam: { learning_rate: 0.1 } }", &["learning_rate: 0.1"])
        .says("the learning rate is given twice, here and by `training.learning_rate`")
        .says("bad.yaml:9:39\n");
    mistake(
        "adam",
        &[
            "learning_rate: { one_cycle: { max_learning_rate: 1 } }",
            "callbacks: [reduce_lr_on_plateau]",
        ],
    )
    .says("cannot change the learning rate that `one_cycle` decides")
    .says("bad.yaml:13:15\n");
    let bench = Bench::with("both.yaml", &with_training("adam", &["learning_rate: 0.1"]));
    bench
        .bn_runner("check both.yaml --set training.optimizer.adam.learning_rate=0.2")
        .exits(2)
        .says(
            "`--set training.optimizer.adam.learning_rate=0.2`: the learning rate is given twice",
        );
}

#[test]
fn numbers_of_optimizers_out_of_range_are_refused_at_their_place() {
    for (optimizer, why) in [
        ("{ sgd: { weight_decay: -1 } }", "`weight_decay` cannot be -1"),
        ("{ sgd: { clipnorm: 0 } }", "`clipnorm` cannot be 0"),
        ("{ rmsprop: { rho: 1 } }", "`rho` cannot be 1"),
        ("{ rmsprop: { momentum: 1 } }", "`momentum` cannot be 1"),
        ("{ adagrad: { initial_accumulator_value: -0.1 } }", "`initial_accumulator_value` cannot"),
        ("{ adadelta: { epsilon: 0 } }", "`epsilon` cannot be 0"),
        ("{ adamax: { beta_1: 1 } }", "`beta_1` cannot be 1"),
        ("{ nadam: { beta_2: -1 } }", "`beta_2` cannot be -1"),
        ("{ lion: { beta_2: 2 } }", "`beta_2` cannot be 2"),
        ("{ lion: { epsilon: 2 } }", "unknown key `epsilon` in `lion`"),
        ("{ adamw: { weight_decay: null } }", "expected a number, found nothing"),
        (
            "{ adam: { clipnorm: 1, global_clipnorm: 1 } }",
            "by both `clipnorm` and `global_clipnorm`",
        ),
        ("{ adam: { clipvalue: .inf } }", "expected a number, found `.inf`"),
        ("{ adamm: {} }", "did you mean `adam`?"),
    ] {
        mistake(optimizer, &[]).says(why).says("bad.yaml:9:");
    }
}

#[test]
fn numbers_of_schedules_out_of_range_are_refused_at_their_place() {
    for (schedule, why) in [
        ("-1", "`learning_rate` cannot be -1"),
        (".nan", "expected a number, found `.nan`"),
        ("exponential", "unknown name `exponential`"),
        ("one_cycle", "missing key `max_learning_rate` in `one_cycle`"),
        ("{ polynomial_decay: { decay_steps: 5 } }", "missing key `initial_learning_rate`"),
        (
            "{ polynomial_decay: { decay_steps: 0, initial_learning_rate: 1 } }",
            "`decay_steps` cannot be 0",
        ),
        ("{ piecewise_constant: { boundaries: [5, x], values: [1, 2, 3] } }", "a whole number"),
        (
            "{ piecewise_constant: { boundaries: [5, 5], values: [1, 2, 3] } }",
            "boundary 5 does not come after 5",
        ),
        ("{ piecewise_constant: { boundaries: [5], values: [1] } }", "give 2 values"),
        (
            "{ piecewise_constant: { boundaries: [5], values: [1, 0] } }",
            "a learning rate cannot be 0",
        ),
        ("{ piecewise_constant: { boundaries: [], values: [1] } }", "`boundaries` has no steps"),
        (
            "{ cosine_decay: { initial_learning_rate: 1, decay_steps: 5, warmup_steps: 5 } }",
            "without `warmup_target`",
        ),
        (
            "{ cosine_decay: { initial_learning_rate: 0, decay_steps: 5 } }",
            "`initial_learning_rate` cannot be 0",
        ),
        (
            "{ one_cycle: { max_learning_rate: 1, total_steps: 5, last_steps: 6 } }",
            "`last_steps` cannot be 6",
        ),
    ] {
        mistake("sgd", &[&format!("learning_rate: {schedule}")]).says(why).says("bad.yaml:12:");
    }
}

#[test]
fn mistakes_in_callbacks_are_shown_at_their_place() {
    mistake("sgd", &["callbacks: [early_stoping]"])
        .says("did you mean `early_stopping`?")
        .says("bad.yaml:12:15\n");
    mistake("sgd", &["callbacks: [{ reduce_lr_on_plateau: { factor: 1 } }]"])
        .says("`factor` cannot be 1")
        .says("bad.yaml:12:49\n");
    mistake("sgd", &["callbacks: [{ early_stopping: { monitor: val_los } }]"])
        .says("did you mean `val_loss`?");
    let text = with_training(
        "sgd",
        &[
            "callbacks: [early_stopping, { early_stopping: { monitor: loss } }, { reduce_lr_on_plateau: { monitor: val_accuracy } }]",
        ],
    );
    refused(&edited(&text, "validation: 40", "validation: 0"))
        .says("there is no `val_loss` without validation rows")
        .says("bad.yaml:12:15\n")
        .says("there is no `val_accuracy` without validation rows")
        .says("\n2 mistakes; nothing was trained\n");
}
