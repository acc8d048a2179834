//! Initial weights from a file, and the weights that a trial leaves behind.

mod support;

use support::{Bench, edited};

/// One case that trains for two epochs.
const PLAIN: &str = "\
name: plain
dataset: { idx: data, validation: 40 }
model:
  layers:
    - flatten
    - dense: { units: 6, activation: relu }
    - dense: { units: 4, activation: softmax }
training:
  optimizer: { sgd: { learning_rate: 0.1 } }
  epochs: 2
";

const TRIAL: &str = "plain/default/seed-1";

/// The plain file with initial weights.
fn with_weights(path: &str) -> String {
    edited(PLAIN, "model:\n", &format!("model:\n  initial_weights: {path}\n"))
}

fn hash(bench: &Bench, results: &str) -> serde_json::Value {
    bench.json(&format!("{results}/{TRIAL}/manifest.json"))["trial_hash"].clone()
}

#[test]
fn training_goes_on_from_initial_weights_relative_to_the_file() {
    let bench = Bench::with("plain.yaml", PLAIN);
    bench.bn_runner("run plain.yaml -o first").exits(0);
    let model = bench.bytes(&format!("first/{TRIAL}/model.safetensors"));
    bench.write("deep/weights.safetensors", &model);
    bench.write(
        "deep/on.yaml",
        edited(&with_weights("weights.safetensors"), "idx: data", "idx: ../data"),
    );
    bench.bn_runner("run deep/on.yaml -o second").exits(0);

    let loss = |results: &str, epoch: usize| -> f64 {
        bench.table(&format!("{results}/{TRIAL}/metrics.csv"))[epoch]["loss"].parse().unwrap()
    };
    assert!(loss("second", 0) < loss("first", 1), "it did not begin where the first run ended");
    assert_ne!(hash(&bench, "first"), hash(&bench, "second"));

    // The config names the file as seen from its own folder, and is the same trial.
    let config = bench.text(&format!("second/{TRIAL}/config.yaml"));
    assert!(config.contains("initial_weights: ../../../../deep/weights.safetensors\n"), "{config}");
    assert!(config.contains("idx: ../../../../data\n"), "{config}");
    let again = format!("run second/{TRIAL}/config.yaml -o second");
    bench.bn_runner(&again).exits(0).says("1 of 1 trials are done already");
}

#[test]
fn the_content_of_initial_weights_is_part_of_a_trial_and_their_path_is_not() {
    let bench = Bench::with("plain.yaml", PLAIN);
    bench.bn_runner("run plain.yaml -o made").exits(0);
    let [last, best] = ["model", "best"].map(|name| format!("made/{TRIAL}/{name}.safetensors"));
    bench.write("one.safetensors", bench.bytes(&last));
    bench.write("same.safetensors", bench.bytes(&last));
    bench.write("on.yaml", with_weights("one.safetensors"));
    bench.bn_runner("run on.yaml -o out").exits(0);

    let moved = "run on.yaml -o out -s model.initial_weights=same.safetensors --dry-run";
    bench.bn_runner(moved).exits(0).prints("done   out/plain/default/seed-1");
    let zeros = vec![0; bench.bytes(&best).len()];
    let mut other = bench.bytes(&last);
    let end = other.len();
    other[end - 4..].copy_from_slice(&zeros[..4]);
    bench.write("one.safetensors", other);
    bench.bn_runner("run on.yaml -o out --dry-run").exits(0).prints("to do  out/plain/default");
}

#[test]
fn initial_weights_that_do_not_fit_are_listed_at_their_place_in_the_file() {
    let bench = Bench::with("plain.yaml", PLAIN);
    bench.bn_runner("run plain.yaml -o out -q").exits(0);
    bench.write("weights.safetensors", bench.bytes(&format!("out/{TRIAL}/model.safetensors")));
    let text = edited(
        &with_weights("weights.safetensors"),
        "    - dense: { units: 6, activation: relu }\n",
        "    - batch_normalization\n    - dense: { units: 5, use_bias: false, activation: relu }\n",
    );
    bench.write("bad.yaml", text);
    for verb in ["check bad.yaml", "run bad.yaml -o none"] {
        bench
            .bn_runner(verb)
            .exits(2)
            .says("error: `weights.safetensors` does not match this network:")
            .says("bad.yaml:4:20")
            .says("missing tensor `batch_normalization/gamma`: the network has it with shape [64]")
            .says("`dense/kernel` has shape [64, 6]: the network has it with shape [64, 5]")
            .says("`dense_1/kernel` has shape [6, 4]: the network has it with shape [5, 4]")
            .says("unexpected tensor `dense/bias`: the network has no such variable")
            .says("help: give a file that holds this network's variables and no others")
            .says("1 mistake; nothing was trained");
    }
    assert!(!bench.has("none"));

    bench.write("missing.yaml", with_weights("nowhere.safetensors"));
    bench
        .bn_runner("check missing.yaml")
        .exits(2)
        .says("missing.yaml:4:20")
        .says("error: `nowhere.safetensors` does not exist")
        .says("say with `--initial-weights FILE` where the file is now");
    bench.write("folder.yaml", with_weights("data"));
    bench.bn_runner("check folder.yaml").exits(2).says("`data` cannot be read: not a file");
    bench.write("wrong.yaml", with_weights("plain.yaml"));
    bench.bn_runner("check wrong.yaml").exits(2).says("is not a safetensors file: ");
}

#[test]
fn damaged_weights_are_refused_as_such_and_not_as_a_trial_that_diverges() {
    let normalized = edited(
        PLAIN,
        "    - dense: { units: 6",
        "    - batch_normalization\n    - dense: { units: 6",
    );
    let bench = Bench::with("plain.yaml", &normalized);
    bench.bn_runner("run plain.yaml -o out -q").exits(0);
    let model = format!("out/{TRIAL}/model.safetensors");
    let whole = bench.bytes(&model);
    let on = edited(&normalized, "model:\n", "model:\n  initial_weights: weights.safetensors\n");
    bench.write("on.yaml", on);
    for (tensor, value, reason) in [
        (
            "batch_normalization/moving_variance",
            -0.5_f32,
            "`batch_normalization/moving_variance` has the negative value -0.5 at index 3",
        ),
        ("batch_normalization/gamma", f32::NAN, "`batch_normalization/gamma` has NaN at index 3"),
    ] {
        let mut bytes = whole.clone();
        let file = safetensors::SafeTensors::deserialize(&whole).unwrap();
        let at = file.tensor(tensor).unwrap().data().as_ptr() as usize - whole.as_ptr() as usize;
        bytes[at + 12..at + 16].copy_from_slice(&value.to_le_bytes());
        bench.write("weights.safetensors", &bytes);
        for verb in ["check on.yaml", "run on.yaml -o none"] {
            bench
                .bn_runner(verb)
                .exits(2)
                .says("on.yaml:4:20")
                .says("error: `weights.safetensors` is damaged or not from a trained network:")
                .says(reason)
                .never_says("learning rate");
        }
        bench.write(&model, &bytes);
        for verb in ["predict", "verify", "fold"] {
            let ended = bench.bn_runner(&format!("{verb} out/{TRIAL}")).exits(2);
            ended.says("is damaged or not from a trained network:").says(reason);
        }
    }
    assert!(!bench.has("none"));
}

#[test]
fn the_best_weights_are_those_of_the_lowest_validation_loss() {
    // Steps so large that the loss goes up and down.
    let text = edited(PLAIN, "learning_rate: 0.1", "learning_rate: 1.5");
    let bench = Bench::with("plain.yaml", &edited(&text, "epochs: 2", "epochs: 6"));
    bench.bn_runner("run plain.yaml -o six").exits(0);
    let best = &bench.json(&format!("six/{TRIAL}/manifest.json"))["outcome"]["best_val_loss"];
    let epochs = best["epoch"].as_u64().unwrap();
    // A run that ends at that epoch ends with the same weights.
    bench.bn_runner(&format!("run plain.yaml -o short -s training.epochs={epochs}")).exits(0);
    assert_eq!(
        bench.bytes(&format!("six/{TRIAL}/best.safetensors")),
        bench.bytes(&format!("short/{TRIAL}/model.safetensors")),
        "the best epoch was {epochs}"
    );

    bench.bn_runner("run plain.yaml -o unvalidated -s dataset.validation=0").exits(0);
    assert!(!bench.has(&format!("unvalidated/{TRIAL}/best.safetensors")));
}
