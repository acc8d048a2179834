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
    bench.bn_runner("new Bad").exits(2).says("`Bad` cannot be an experiment's name");
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
