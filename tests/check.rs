//! What `check` and `new` say, to people and to programs.

mod support;

use support::Bench;

const DOUBTFUL: &str = "\
dataset: { name: fashion_mnist, scaling: none }
model:
  layers:
    - flatten
    - dense: { units: 30 }
    - batch_normalization: { momentum: 0.1 }
    - activation: tanh
    - dense: { units: 10, activation: softmax }
training: { optimizer: { sgd: { learning_rate: 3 } }, epochs: 1, batch_size: 1 }
";

const CODES: [&str; 5] = [
    "unscaled_inputs",
    "bias_before_batch_normalization",
    "batch_normalization_momentum",
    "unusual_learning_rate",
    "batch_of_one",
];

#[test]
fn doubtful_setups_are_warned_of_at_their_place_and_pass() {
    let bench = Bench::with("doubtful.yaml", DOUBTFUL);
    let mut ended = bench.bn_runner("check doubtful.yaml").exits(0).says("5 warnings");
    for (code, place) in CODES.iter().zip(["1:42", "5:7", "6:40", "9:48", "9:78"]) {
        ended = ended.says(&format!("warning[{code}]: ")).says(&format!("doubtful.yaml:{place}\n"));
    }
    bench.bn_runner("check doubtful.yaml --deny-warnings").exits(2);
}

#[test]
fn a_file_can_do_without_a_warning_but_not_without_one_that_is_none() {
    let text = format!("{DOUBTFUL}lints: {{ allow: [{}] }}\n", CODES.join(", "));
    let bench = Bench::with("allowed.yaml", &text);
    let ended = bench.bn_runner("check allowed.yaml --deny-warnings").exits(0);
    assert_eq!(ended.stderr, "");

    let text = format!("{DOUBTFUL}lints: {{ allow: [unscaled_input] }}\n");
    let bench = Bench::with("wrong.yaml", &text);
    bench
        .bn_runner("check wrong.yaml")
        .exits(2)
        .says("no warning has the code `unscaled_input`")
        .says("wrong.yaml:10:18\n")
        .says("did you mean `unscaled_inputs`?");
}

#[test]
fn programs_get_mistakes_and_warnings_as_json() {
    let bench = Bench::with("doubtful.yaml", DOUBTFUL);
    let ended = bench.bn_runner("check doubtful.yaml --format json").exits(0);
    let json: serde_json::Value = serde_json::from_str(&ended.stdout).unwrap();
    let problems = json["problems"].as_array().unwrap();
    let codes: Vec<&str> = problems.iter().map(|p| p["code"].as_str().unwrap()).collect();
    assert_eq!(codes, CODES);
    assert!(problems.iter().all(|p| p["severity"] == "warning"));

    let bench = Bench::with("wrong.yaml", &DOUBTFUL.replace("epochs", "epoch"));
    let ended = bench.bn_runner("check wrong.yaml --format json").exits(2);
    let json: serde_json::Value = serde_json::from_str(&ended.stdout).unwrap();
    let first = json["problems"]
        .as_array()
        .unwrap()
        .iter()
        .find(|p| p["message"] == "unknown key `epoch` in `training`")
        .unwrap();
    assert_eq!((&first["line"], &first["column"]), (&9.into(), &55.into()));
    assert_eq!(first["severity"], "error");
}

#[test]
fn a_new_file_passes_every_check_and_is_never_written_over_another() {
    let bench = Bench::with("other.yaml", DOUBTFUL);
    bench.bn_runner("new first_try").exits(0).prints("wrote first_try.yaml");
    bench.bn_runner("check first_try.yaml --deny-warnings").exits(0).prints("trials: 6");
    bench.bn_runner("new first_try").exits(2).says("`first_try.yaml` is there already");
    bench.bn_runner("new Bad").exits(2).says("`Bad` cannot be the name of an experiment");
    assert_eq!(bench.names("."), ["data", "first_try.yaml", "other.yaml"]);
}

#[test]
fn the_files_in_the_readme_have_no_mistakes() {
    let readme = include_str!("../README.md");
    let block = |start: &str| {
        let (_, rest) = readme.split_once(&format!("```yaml\n{start}")).expect("it is there");
        format!("{start}{}", rest.split_once("```").expect("it ends").0)
    };
    let example = block("name: my_experiment");
    let bench = Bench::with("example.yaml", &example);
    bench.bn_runner("check example.yaml --deny-warnings").exits(0);
    // The random grid is one for `sgd` alone.
    let (shared, _) = example.split_once("variants:").expect("it has variants");
    let (before, rest) = shared.split_once("expect:").expect("it has claims");
    let (_, after) = rest.split_once("\n\n").expect("something follows");
    bench.write("random.yaml", format!("{before}{after}\n{}", block("grid:\n  random:")));
    bench.bn_runner("check random.yaml --deny-warnings").exits(0);
}

/// Setups that can be read and make no sense, each with the code, place and words of its warning.
const ADVICE: [(&str, &str, &str, &str); 14] = [
    (
        "training: { optimizer: sgd, learning_rate: 90, epochs: 30 }",
        "unusual_learning_rate",
        "8:44",
        "learning rate 90 is 900 times the highest usual one for sgd",
    ),
    (
        "training: { optimizer: sgd, learning_rate: { one_cycle: { max_learning_rate: 50 } }, epochs: 30 }",
        "unusual_learning_rate",
        "8:78",
        "learning rate 50 is 500 times the highest usual one for sgd",
    ),
    (
        "training: { optimizer: adam, learning_rate: { cosine_decay: { initial_learning_rate: 100, decay_steps: 300 } }, epochs: 30 }",
        "unusual_learning_rate",
        "8:86",
        "learning rate 100 is 10000 times the highest usual one for adam",
    ),
    (
        "training: { optimizer: sgd, learning_rate: { exponential_decay: { initial_learning_rate: 0.1, decay_steps: 100000, decay_rate: 0.5 } }, epochs: 30 }",
        "schedule_length",
        "8:108",
        "the learning rate only falls by",
    ),
    (
        "training: { optimizer: { sgd: { nesterov: true } }, epochs: 30 }",
        "nesterov_without_momentum",
        "8:43",
        "`nesterov` does nothing with a momentum of 0",
    ),
    (
        "training: { optimizer: sgd, epochs: 30, callbacks: [early_stopping: { patience: 30 }] }",
        "patience_beyond_epochs",
        "8:81",
        "with patience 30, the earliest epoch to stop training after is 31; the run has 30 epochs",
    ),
    (
        "training: { optimizer: sgd, epochs: 30, callbacks: [early_stopping: { patience: 5, monitor: val_accuracy, mode: min }] }",
        "mode_against_metric",
        "8:113",
        "`mode: min` takes the worst `val_accuracy` for the best one",
    ),
    (
        "training: { optimizer: sgd, epochs: 30, callbacks: [reduce_lr_on_plateau: { mode: max, patience: 5 }] }",
        "mode_against_metric",
        "8:83",
        "`mode: max` takes the worst `val_loss` for the best one",
    ),
    (
        "training: { optimizer: sgd, epochs: 1 }\nvariants: { bn: { model: { layers: [flatten, batch_normalization, dense: { units: 4, activation: softmax }] } } }",
        "unconverged_moving_statistics",
        "9:46",
        "momentum 0.99 keeps 0.99^5 = 95.1 % of the initial moving mean 0 and variance 1",
    ),
    (
        "training: { optimizer: sgd, epochs: 30 }\nvariants: { selu: { model: { layers: [flatten, repeat: { times: 3, layers: [dense: { units: 9, kernel_initializer: lecun_normal }, activation: selu, dropout: { rate: 0.1 }] }, dense: { units: 4, activation: softmax }] } } }",
        "dropout_after_selu",
        "9:150",
        "use `alpha_dropout: { rate: 0.1 }`",
    ),
    (
        "training: { optimizer: sgd, epochs: 30 }\nvariants: { few: { dataset: { train_limit: 161 } } }",
        "limit_beyond_rows",
        "9:44",
        "`train_limit: 161` has no effect: there are 160 training images after validation",
    ),
    (
        "training: { optimizer: sgd, epochs: 30 }\nvariants: { few: { dataset: { test_limit: 41 } } }",
        "limit_beyond_rows",
        "9:43",
        "`test_limit: 41` has no effect: there are 40 test images",
    ),
    (
        "training: { optimizer: sgd, epochs: 30 }\nvariants: { one: { dataset: { validation: 1 } } }",
        "validation_lacks_classes",
        "9:43",
        "the only validation image is of class 0",
    ),
    (
        "training: { optimizer: sgd, epochs: 30 }\nvariants: { raw: { dataset: { scaling: none } } }",
        "unscaled_inputs",
        "9:40",
        "begin with `batch_normalization` or `layer_normalization`",
    ),
];

const SOUND: &str = "\
name: advice
dataset: { idx: data, validation: 40 }
model:
  layers:
    - flatten
    - dense: { units: 16, activation: relu }
    - dense: { units: 4, activation: softmax }
";

#[test]
fn advice_looks_at_what_is_meant() {
    let bench = Bench::with("sound.yaml", SOUND);
    for (rest, code, place, words) in ADVICE {
        let text = format!("{SOUND}{rest}\n");
        bench.write("advice.yaml", &text);
        bench
            .bn_runner("check advice.yaml")
            .exits(0)
            .says(&format!("warning[{code}]: "))
            .says(&format!("advice.yaml:{place}\n"))
            .says(words)
            .says("1 warning;");
        bench.write("advice.yaml", format!("{text}lints: {{ allow: [{code}] }}\n"));
        bench.bn_runner("check advice.yaml --deny-warnings").exits(0);
        bench.bn_runner(&format!("explain {code}")).exits(0).prints("Remedy");
    }
}

#[test]
fn training_mistakes_are_told_before_any_advice() {
    let bench = Bench::with(
        "zero.yaml",
        &format!("{SOUND}training: {{ optimizer: sgd, epochs: 0, batch_size: 0 }}\n"),
    );
    bench.bn_runner("check zero.yaml").exits(2).says("`batch_size` cannot be 0");
}

/// A small experiment whose variants have names that YAML would read as other things.
const NAMES: &str = "\
dataset: { idx: data, validation: 40 }
model: { layers: [flatten, { dense: { units: 4, activation: softmax } }] }
training: { optimizer: sgd, epochs: 1, batch_size: 64 }
variants:
  3.10: {}
  1e2: { training: { batch_size: 32 } }
  0x1F: { training: { batch_size: 33 } }
  on: { training: { batch_size: 34 } }
  ~: { training: { batch_size: 35 } }
  3.1: { training: { batch_size: 36 } }
";

#[test]
fn names_stay_as_they_are_written_and_are_recorded_so_that_they_are_read_back() {
    let names = ["3.10", "1e2", "0x1F", "on", "~", "3.1"];
    let bench = Bench::with("names.yaml", NAMES);
    bench.bn_runner("check names.yaml").exits(0).prints("cases: 6");
    bench.bn_runner("run names.yaml").exits(0);
    for name in names {
        let trial = format!("results/names/{name}/seed-1");
        assert_eq!(bench.json(&format!("{trial}/manifest.json"))["variant"], name);
        // What is recorded is an experiment with this one variant, for any reader of YAML.
        let config = bench.text(&format!("{trial}/config.yaml"));
        let value: serde_yaml::Value = serde_yaml::from_str(&config).unwrap();
        let variants = value["variants"].as_mapping().unwrap();
        let keys: Vec<&str> = variants.keys().map(|key| key.as_str().expect(&config)).collect();
        assert_eq!(keys, [name]);
        bench.bn_runner(&format!("run {trial}/config.yaml -o again")).exits(0);
        let again = bench.json(&format!("again/names/{name}/seed-1/manifest.json"));
        assert_eq!(
            again["trial_hash"],
            bench.json(&format!("{trial}/manifest.json"))["trial_hash"]
        );
    }
}

#[test]
fn a_byte_order_mark_before_the_first_key_is_read() {
    let bench = Bench::with("marked.yaml", format!("\u{feff}{DOUBTFUL}").as_str());
    bench.bn_runner("check marked.yaml").exits(0).says("marked.yaml:1:42\n");
}

#[test]
fn values_of_a_grid_are_selected_as_numbers() {
    let grid = "grid: { training.optimizer.sgd.learning_rate: [0.001, 0.025] }\n";
    let bench = Bench::with("rates.yaml", &format!("{}{grid}", support::TINY));
    for (only, rate) in [("learning_rate=1e-3", "0.001"), ("quick,learning_rate=2.50e-2", "0.025")]
    {
        let dry = bench.bn_runner(&format!("run rates.yaml --dry-run --only {only}")).exits(0);
        let other = if rate == "0.001" { "0.025" } else { "0.001" };
        assert!(dry.stdout.contains(&format!("learning_rate={rate}")), "{dry}");
        assert!(!dry.stdout.contains(&format!("learning_rate={other}")), "{dry}");
    }
}

#[test]
fn programs_get_as_many_mistakes_as_people_in_linear_time() {
    let layers = "    - dense: { unit: 1 }       # a key that no layer has\n".repeat(17_000);
    let text = DOUBTFUL.replace("    - flatten\n", &layers);
    let claims = "  - nobody.test_accuracy > 0.5\n".repeat(1000);
    let bench = Bench::with("wrong.yaml", &format!("{text}expect:\n{claims}"));
    assert!(bench.bytes("wrong.yaml").len() > 900_000);
    let begin = std::time::Instant::now();
    let ended = bench.bn_runner("check wrong.yaml --format json").exits(2);
    assert!(begin.elapsed().as_secs_f64() < 20.0, "{:?}", begin.elapsed());
    let json: serde_json::Value = serde_json::from_str(&ended.stdout).unwrap();
    assert_eq!(json["problems"].as_array().unwrap().len(), 100);
    let left_out = json["left_out"].as_u64().unwrap();
    let said = bench.bn_runner("check wrong.yaml").exits(2).stderr;
    assert!(
        left_out > 100 && said.contains(&format!("{left_out} more in wrong.yaml")),
        "{left_out}"
    );
}
