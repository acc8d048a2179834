//! Mistakes, bad data and trials that fail: the exit code, the place, the remedy, and what is left.

mod support;

use support::{Bench, Ended, TINY, edited};

/// A file without mistakes; tests put them in.
const PLAIN: &str = "\
dataset: { idx: data, validation: 40 }
model:
  layers:
    - flatten
    - dense: { units: 16, activation: relu }
    - dense: { units: 4, activation: softmax }
training:
  optimizer: { sgd: { learning_rate: 0.1 } }
  epochs: 1
";

/// Runs a faulty file; nothing may be left behind.
#[track_caller]
fn refused(text: &str) -> Ended {
    let bench = Bench::with("bad.yaml", text);
    let ended = bench.bn_runner("run bad.yaml -o out").exits(2).says("nothing was trained");
    assert_eq!(ended.stdout, "", "{ended}");
    assert_eq!(bench.names("."), ["bad.yaml", "data"]);
    // The check says the same.
    let check = bench.bn_runner("check bad.yaml").exits(2);
    assert_eq!(check.stderr, ended.stderr);
    ended
}

/// Runs the plain file with a mistake put in, and expects this one alone.
#[track_caller]
fn mistake(part: &str, replacement: &str) -> Ended {
    refused(&edited(PLAIN, part, replacement)).says("\n1 mistake; nothing was trained\n")
}

#[test]
fn the_plain_file_has_no_mistakes() {
    let bench = Bench::with("plain.yaml", PLAIN);
    bench.bn_runner("check plain.yaml").exits(0).prints("ok, cases: 1, seeds: 1, trials: 1");
}

#[test]
fn an_unknown_key_is_shown_with_the_nearest_known_one() {
    mistake("  epochs: 1", "  epochs: 1\n  shufle: true")
        .says("error: unknown key `shufle` in `training`")
        .says("bad.yaml:10:3\n")
        .says("did you mean `shuffle`?");
    mistake("dataset:", "nmae: x\ndataset:")
        .says("error: unknown key `nmae`")
        .says("bad.yaml:1:")
        .says("did you mean `name`?");
    mistake("units: 16,", "units: 16, unit: 4,")
        .says("error: unknown key `unit` in `dense`")
        .says("bad.yaml:5:27\n")
        .says("did you mean `units`?");
}

#[test]
fn an_unknown_layer_is_shown_with_the_nearest_known_one() {
    mistake("- flatten", "- flaten")
        .says("error: unknown name `flaten`")
        .says("bad.yaml:4:7\n")
        .says("4 |     - flaten\n  |       ^^^^^^\n")
        .says("did you mean `flatten`? known here: `flatten`, `dense`, ");
    mistake("activation: relu", "activation: leaky")
        .says("error: unknown name `leaky`")
        .says("bad.yaml:5:39\n")
        .says("known here: `linear`, `relu`, ");
}

#[test]
fn a_missing_key_is_shown_at_what_lacks_it() {
    mistake("units: 16, ", "")
        .says("error: missing key `units` in `dense`")
        .says("bad.yaml:5:7\n")
        .says("help: add `units: …`");
    mistake("  epochs: 1\n", "")
        .says("error: missing key `epochs` in `training`")
        .says("bad.yaml:7:1\n")
        .says("help: add `epochs: …`");
}

#[test]
fn a_value_of_the_wrong_type_is_one_mistake() {
    mistake("units: 16", "units: many")
        .says("error: expected a whole number without point or exponent, found text \"many\"")
        .says("bad.yaml:5:23\n");
    mistake("epochs: 1", "epochs: 1.5").says("expected a whole number").says("bad.yaml:9:11\n");
    mistake("units: 16", "units: 16, use_bias: 3")
        .says("expected true or false")
        .says("bad.yaml:5:37\n");
    mistake("0.1", "fast").says("expected a number, found text \"fast\"").says("bad.yaml:8:38\n");
}

#[test]
fn numbers_out_of_range_are_refused_with_the_range() {
    mistake("epochs: 1", "epochs: -1").says("found number `-1`").says("bad.yaml:9:11\n");
    mistake("epochs: 1", "epochs: 0")
        .says("error: `epochs` cannot be 0")
        .says("bad.yaml:9:11\n")
        .says("help: give a number 1 or more");
    for rate in ["-0.1", "0", ".inf", ".nan"] {
        let ended = refused(&edited(PLAIN, "0.1", rate)).says("bad.yaml:8:38\n");
        assert!(ended.stderr.contains("error: "), "{ended}");
    }
    mistake("    - dense: { units: 16", "    - dropout: { rate: 1 }\n    - dense: { units: 16")
        .says("error: `rate` cannot be 1")
        .says("bad.yaml:5:24\n")
        .says("from 0 up to but not including 1");
    mistake("validation: 40", "validation: 40, train_limit: 0")
        .says("error: `train_limit` cannot be 0")
        .says("bad.yaml:1:52\n");
}

#[test]
fn dense_on_an_image_needs_flatten_and_that_is_all_that_is_said() {
    mistake("    - flatten\n", "")
        .says("error: layer 1 (`dense`) does not fit its input (None, 8, 8, 1)")
        .says("bad.yaml:4:7\n")
        .says("put `flatten` before it");
}

#[test]
fn the_output_must_be_one_probability_per_class() {
    mistake("units: 4", "units: 10")
        .says("error: the model's output is (None, 10), but the data set has 4 classes")
        .says("bad.yaml:6:23\n")
        .says("help: give the last dense layer `units: 4`");
    mistake("units: 4, activation: softmax", "units: 4")
        .says("error: the last layer gives no probabilities")
        .says("bad.yaml:6:7\n")
        .says("help: end with `dense: { units: <classes>, activation: softmax }`");
    refused("dataset: { idx: data, validation: 40 }\nmodel: { layers: [] }\ntraining: { optimizer: sgd, epochs: 1 }\n")
        .says("error: a model needs layers")
        .says("bad.yaml:2:");
}

#[test]
fn a_key_given_twice_is_refused() {
    mistake("  epochs: 1", "  epochs: 1\n  epochs: 2")
        .says("error: key `epochs` is here twice")
        .says("bad.yaml:10:3\n")
        .says("the first is in line 9");
    refused(&format!("{PLAIN}training: {{}}\n"))
        .says("error: key `training` is here twice")
        .says("bad.yaml:10:1\n");
}

#[test]
fn a_layer_beyond_all_memory_is_refused_before_anything_is_allocated() {
    for units in ["9999999999", "18446744073709551615"] {
        mistake("units: 16", &format!("units: {units}"))
            .says("its kernel would have 64 × ")
            .says("bad.yaml:5:7\n");
    }
}

#[test]
fn what_does_not_fit_is_shown_where_its_value_came_from() {
    let bench = Bench::with("plain.yaml", PLAIN);
    bench
        .bn_runner("check plain.yaml --set model.layers.2.dense.units=5")
        .exits(2)
        .says("`--set model.layers.2.dense.units=5`: the model's output is (None, 5)");
    refused(&format!("{PLAIN}grid:\n  model.layers.2.dense.units: [4, 5]\n"))
        .says("the model's output is (None, 5)")
        .says("bad.yaml:11:3\n");
}

#[test]
fn variants_that_would_share_a_folder_somewhere_are_refused() {
    refused(&format!("{PLAIN}variants: {{ Ab: {{}}, ab: {{}} }}\n")).says("would share the folder");
    for name in ["con", "COM1", "a.", "nul.txt"] {
        refused(&format!("{PLAIN}variants: {{ \"{name}\": {{}} }}\n"))
            .says(&format!("`{name}` cannot be a variant's name"));
    }
}

#[test]
fn what_is_not_yaml_or_no_experiment_is_refused() {
    mistake("learning_rate: 0.1 } }", "learning_rate: 0.1 }")
        .says("error: not YAML that can be read: ")
        .says("bad.yaml:");
    refused("- flatten\n").says("error: an experiment file is a map of keys and values");
    refused("").says("error: an experiment file is a map of keys and values");
    refused("just words\n").says("begin with `name: …`");
}

#[test]
fn files_that_cannot_be_read_are_named() {
    let bench =
        Bench::new().file("bytes.yaml", b"name: caf\xe9\n").file("huge.yaml", vec![b'#'; 5 << 20]);
    for (file, why) in [
        ("absent.yaml", "error: cannot read `absent.yaml`: "),
        ("data", "error: cannot read `data`: "),
        ("bytes.yaml", "error: `bytes.yaml` is not UTF-8 text: byte 9 fits no character"),
        ("huge.yaml", "error: `huge.yaml` is larger than 4 MiB"),
    ] {
        bench.bn_runner(&format!("run {file} -o out")).exits(2).says(why);
    }
    assert!(!bench.has("out"));
}

#[test]
fn two_files_with_one_name_would_share_a_folder() {
    let bench = Bench::with("first.yaml", format!("{PLAIN}name: same\n").as_str())
        .file("second.yaml", format!("{PLAIN}name: same\n"));
    bench
        .bn_runner("run first.yaml second.yaml -o out")
        .exits(2)
        .says("error: experiment `same` is in `first.yaml`, too")
        .says("second.yaml:10:7\n")
        .says("help: give one of them another `name:`");
    assert!(!bench.has("out"));
}

#[test]
fn names_that_cannot_be_folders_are_refused() {
    for name in ["Upper", "../up", "a/b", "-dash", "''", "has space"] {
        refused(&format!("{PLAIN}name: {name}\n"))
            .says("bad.yaml:10:7\n")
            .says("a `name:` of lowercase");
    }
    for variant in ["a/b", "..", "'a,b'", "'a:b'", "' a'", "''"] {
        refused(&format!("{PLAIN}variants:\n  {variant}: {{}}\n"))
            .says("cannot be a variant's name")
            .says("bad.yaml:11:3\n");
    }
}

#[test]
fn set_that_cannot_be_followed_is_explained_and_nothing_is_trained() {
    let bench = Bench::with("plain.yaml", PLAIN);
    for (set, why) in [
        ("training.epochs", "there is no `=` in it"),
        ("epochs=2", "`epochs` is not one of `dataset`, `model` and `training`"),
        ("seeds=[1]", "`seeds` is not one of"),
        ("training.epochs=[", "`--set training.epochs=[` cannot be followed"),
        ("training.epochs=soon", "`--set training.epochs=soon`: expected a whole number"),
        ("training.epochs=0", "`--set training.epochs=0`: `epochs` cannot be 0"),
        ("training.epoch=2", "did you mean `epochs`?"),
        ("training.epochs.of=2", "`training.epochs` has nothing named `of` inside"),
        ("model.layers.9.dense.units=3", "`model.layers` has 3 items, numbered from 0"),
        ("model.layers.2.dense.units=5", "but the data set has 4 classes"),
    ] {
        bench
            .bn_runner(&format!("run plain.yaml -o out -s {set}"))
            .exits(2)
            .says(why)
            .says("\n1 mistake; nothing was trained");
    }
    assert!(!bench.has("out"));
}

#[test]
fn seeds_given_twice_are_refused() {
    refused(&format!("{PLAIN}seeds: [1, 2, 1]\n"))
        .says("seed 1 is listed twice")
        .says("bad.yaml:10:15\n");
    refused(&format!("{PLAIN}seeds: []\n")).says("error: no seeds");
    let bench = Bench::with("plain.yaml", PLAIN);
    bench
        .bn_runner("run plain.yaml -o out --seeds 3,3")
        .exits(2)
        .says("`--seeds`: seed 3 is listed twice");
    assert!(!bench.has("out"));
}

#[test]
fn a_variant_can_only_change_what_a_setup_is_made_of() {
    refused(&format!("{PLAIN}variants:\n  one: {{}}\n  two:\n    trainig: {{ epochs: 2 }}\n"))
        .says("error: a variant cannot change `trainig`")
        .says("bad.yaml:13:5\n")
        .says("did you mean `training`?");
    refused(&format!("{PLAIN}variants:\n  one: 3\n")).says("a variant is a map of what it changes");
    refused(&format!("{PLAIN}variants: []\n")).says("`variants` is a map from names to changes");
}

#[test]
fn a_mistake_in_a_variant_is_shown_there_and_a_shared_one_only_once() {
    refused(&format!("{PLAIN}variants:\n  one: {{}}\n  two: {{ training: {{ epochs: x }} }}\n"))
        .says("bad.yaml:12:30\n")
        .says("\n1 mistake; nothing was trained");
    refused(&format!(
        "{}variants:\n  one: {{}}\n  two: {{}}\n",
        edited(PLAIN, "epochs: 1", "epochs: x")
    ))
    .says("bad.yaml:9:11\n")
    .says("\n1 mistake; nothing was trained");
}

#[test]
fn a_grid_path_that_leads_nowhere_is_shown_in_the_grid() {
    for (line, why) in [
        ("trainin.batch_size: [1, 2]", "`trainin.batch_size` is no path into an experiment"),
        ("training.batch_sise: [1, 2]", "did you mean `batch_size`?"),
        ("training.batch_size: [1, x]", "expected a whole number"),
        ("training.batch_size: [0]", "`batch_size` cannot be 0"),
        ("training.batch_size: 3", "`training.batch_size` needs a list of values"),
        ("training.batch_size: []", "`training.batch_size` needs a list of values"),
        ("training.batch_size: [8, 8]", "two cases would share the folder"),
        ("model.layers.7.dense.units: [1]", "`model.layers` has 3 items, numbered from 0"),
        ("model.layers.2.dense.units: [5]", "the data set has 4 classes"),
    ] {
        refused(&format!("{PLAIN}grid:\n  {line}\n")).says(why).says("bad.yaml:");
    }
    refused(&format!("{PLAIN}grid:\n  trainin.batch_size: [1, 2]\n")).says("bad.yaml:11:3\n");
}

#[test]
fn several_mistakes_are_told_together_each_once() {
    let text = "\
nmae: several
dataset: { idx: data, validation: 40 }
training:
  optimizer: { sgd: { learning_rate: x } }
  epochs: -1
model:
  layers:
    - flatten
    - dense: { units: four }
    - activation: reluu
    - dropout: {}
    - dense: { units: 4, activation: softmax, bias: 3 }
";
    let ended = refused(text).says("\n7 mistakes; nothing was trained");
    let places: Vec<&str> = ended
        .stderr
        .lines()
        .filter_map(|line| line.trim_start().strip_prefix("--> bad.yaml:"))
        .filter_map(|place| place.split(':').next())
        .collect();
    assert_eq!(places, ["1", "4", "5", "9", "10", "11", "12"], "{ended}");
}

#[test]
fn the_mistakes_of_all_files_are_told_together_even_where_data_is_missing() {
    let bench = Bench::with("good.yaml", PLAIN)
        .file("one.yaml", edited(PLAIN, "epochs: 1", "epochs: x"))
        .file("two.yaml", edited(PLAIN, "- flatten", "- flaten"))
        .file("no_data.yaml", edited(PLAIN, "idx: data", "idx: nowhere"));
    bench
        .bn_runner("run no_data.yaml good.yaml one.yaml two.yaml -o out")
        .exits(2)
        .says("one.yaml:9:11")
        .says("two.yaml:4:7")
        .says("\n2 mistakes; nothing was trained");
    assert!(!bench.has("out"));
}

#[test]
fn wrong_usage_exits_with_2() {
    let bench = Bench::with("plain.yaml", PLAIN);
    for arguments in [
        "",
        "run",
        "train plain.yaml",
        "run plain.yaml --jobs 0",
        "run plain.yaml --seeds one",
        "run plain.yaml --seeds -1",
        "run plain.yaml --backend cuda",
        "run plain.yaml --no-such-option",
    ] {
        let ended = bench.bn_runner(arguments).exits(2);
        assert_eq!(ended.stdout, "", "{ended}");
    }
    assert_eq!(bench.names("."), ["data", "plain.yaml"]);
}

#[test]
fn missing_or_damaged_data_exits_with_3_and_says_which_file() {
    let bench = Bench::with("plain.yaml", PLAIN)
        .file("lost.yaml", edited(PLAIN, "idx: data", "idx: nowhere"));
    bench.bn_runner("run lost.yaml -o out").exits(3).says(
        "nowhere: no file train-images-idx3-ubyte.gz or train-images-idx3-ubyte in this folder",
    );

    let name = "data/train-images-idx3-ubyte";
    let images = bench.bytes(name);
    for (content, why) in [
        (&images[..images.len() - 1], "is truncated: header promises 200 × 8 × 8 = 12800 bytes"),
        (&images[..3], "train-images-idx3-ubyte: "),
        (&[images.as_slice(), &[0]].concat()[..], "is too long"),
        (b"<html>404</html>", "is not an IDX file"),
    ] {
        bench.write(name, content);
        let ended = bench.bn_runner("run plain.yaml -o out").exits(3).says(why).says(name);
        assert!(ended.stderr.starts_with("error: "), "{ended}");
    }
    bench.write(name, &images);
    bench.write("data/train-labels-idx1-ubyte", bench.bytes("data/t10k-labels-idx1-ubyte"));
    bench.bn_runner("run plain.yaml -o out").exits(3).says("every image needs one label");
    assert!(!bench.has("out"));
}

#[test]
fn validation_that_leaves_nothing_to_train_on_is_refused() {
    mistake("validation: 40", "validation: 200")
        .says("error: 200 of 200 training images leave none to train on")
        .says("bad.yaml:1:35\n");
}

#[test]
fn what_the_grid_varies_cannot_be_set_for_all() {
    let text = format!("{PLAIN}grid:\n  training.batch_size: [8, 32]\n");
    let bench = Bench::with("grid.yaml", &text);
    bench
        .bn_runner("run grid.yaml -o out --set training.batch_size=16")
        .exits(2)
        .says("`--set training.batch_size=16`: `grid:` varies `training.batch_size`");
    assert!(!bench.has("out"));
    bench.bn_runner("check grid.yaml --set training.epochs=2").exits(0);
}

#[test]
fn an_innocent_override_is_not_blamed() {
    let bench = Bench::with("plain.yaml", &edited(PLAIN, "  epochs: 1\n", ""));
    bench
        .bn_runner("check plain.yaml --set training.batch_size=8")
        .exits(2)
        .says("error: missing key `epochs` in `training`")
        .says("plain.yaml:7:1\n");
}

#[test]
fn the_users_own_words_are_not_changed_in_messages() {
    mistake("units: 16", "units: integer").says("found text \"integer\"");
    mistake("units: 16", "units: roadmap").says("found text \"roadmap\"");
}

#[test]
fn names_of_files_and_endless_names_are_no_folders() {
    for name in ["summary.csv", "learning_curves.png"] {
        refused(&format!("{PLAIN}variants: {{ {name}: {{}} }}\n")).says("ends like a file");
    }
    let grid = format!("{PLAIN}grid:\n  model.layers.1.dense.activation: [{}]\n", "x".repeat(300));
    refused(&grid);
    refused(&format!("name: con\n{PLAIN}")).says("`con` cannot be an experiment's name");
}

#[test]
fn deep_nesting_ends_in_an_error_at_once() {
    let bench = Bench::with("deep.yaml", &format!("{}\n", "- ".repeat(100_000)));
    bench.bn_runner("check deep.yaml").exits(2).says("deep.yaml");
}

/// Two linear layers in a row with giant steps: the numbers overflow within an epoch.
fn diverging() -> String {
    let text = edited(TINY, "units: 16, activation: relu", "units: 16");
    let text = edited(&text, "  slow: ", "  wild: ");
    edited(&text, "learning_rate: 0.000001", "learning_rate: 1.0e9")
}

#[test]
fn a_trial_that_diverges_fails_alone_with_its_reason() {
    let bench = Bench::with("tiny.yaml", &diverging());
    let ended = bench.bn_runner("run tiny.yaml -o out -j 1 --seeds 1").exits(100);
    let reason = "diverged at epoch 1, step ";
    let ended = ended.says(&format!("failed: tiny wild, seed 1: {reason}"));
    let table: Vec<&str> = ended.stdout.lines().collect();
    assert!(table[1].starts_with("   1  quick    1  "), "{ended}");
    assert!(
        table[2].starts_with("      wild     0 ") && table[2].contains("  1 failed: diverged"),
        "{ended}"
    );

    let manifest = bench.json("out/tiny/wild/seed-1/manifest.json");
    assert_eq!(manifest["status"], "failed");
    let told = manifest["reason"].as_str().expect("there is a reason");
    assert!(told.starts_with(reason) && told.contains("lower the learning rate"), "{told}");
    assert!(manifest.get("outcome").is_none());
    assert!(!bench.has("out/tiny/wild/seed-1/model.safetensors"));
    assert!(bench.text("out/tiny/wild/seed-1/run.log").contains(reason));

    let summary = bench.table("out/tiny/summary.csv");
    assert_eq!((&*summary[0]["variant"], &*summary[0]["status"]), ("wild", "failed"));
    assert_eq!(summary[0]["reason"], told);
    assert_eq!((&*summary[0]["test_accuracy"], &*summary[0]["loss"]), ("", ""));
    assert_eq!((&*summary[1]["variant"], &*summary[1]["status"]), ("quick", "completed"));
    assert!(bench.has("out/tiny/quick/seed-1/model.safetensors"));
    let aggregate = bench.table("out/tiny/aggregate.csv");
    assert_eq!((&*aggregate[0]["n"], &*aggregate[0]["failed"]), ("0", "1"));

    // A failed trial is not done; the other is.
    bench
        .bn_runner("run tiny.yaml -o out --seeds 1")
        .exits(100)
        .says("1 of 2 trials are done already");
}

#[test]
fn fail_fast_starts_nothing_after_a_failure() {
    let bench = Bench::with("tiny.yaml", &diverging());
    bench
        .bn_runner("run tiny.yaml -o out -j 1 --fail-fast")
        .exits(100)
        .says("3 trials were not started, because of --fail-fast");
    assert_eq!(bench.names("out/tiny/wild"), ["seed-1"]);
    assert!(!bench.has("out/tiny/quick"));
    assert_eq!(bench.table("out/tiny/summary.csv").len(), 1);
}

#[test]
fn results_of_an_older_file_are_not_shown_for_trials_that_were_not_started() {
    let bench = Bench::with("tiny.yaml", &edited(&diverging(), "1.0e9", "0.01"));
    bench.bn_runner("run tiny.yaml -o out --seeds 1").exits(0);
    bench.write("tiny.yaml", edited(&diverging(), "0.1 }", "0.2 }"));
    let ended = bench.bn_runner("run tiny.yaml -o out --seeds 1 -j 1 --fail-fast").exits(100);
    assert!(!ended.stdout.contains("quick"), "{ended}");
    let rows = bench.table("out/tiny/summary.csv");
    assert_eq!(rows.iter().map(|row| &*row["variant"]).collect::<Vec<_>>(), ["wild"]);
    // They are still where they were.
    assert!(bench.has("out/tiny/quick/seed-1/model.safetensors"));
}

#[test]
fn nothing_completed_is_tables_without_charts() {
    let text = diverging().replace("  quick: {}\n", "");
    let bench = Bench::with("tiny.yaml", &text);
    bench.bn_runner("run tiny.yaml -o out").exits(100).prints("2 failed");
    assert_eq!(bench.names("out"), ["comparison.csv", "tiny"]);
    assert_eq!(bench.names("out/tiny"), ["aggregate.csv", "curves.csv", "summary.csv", "wild"]);
}
