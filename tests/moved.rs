//! Results, data and weights that were moved: by relative paths, or with the options that say where
//! they are now.

mod support;

use std::path::Path;

use support::{Bench, TINY, edited};

const TRIAL: &str = "results/tiny/quick/seed-1";

/// A project folder with experiment files, data, weights and results: two trials, one of which began
/// with the weights of the other.
fn project(scaling: &str) -> Bench {
    let text = edited(TINY, "validation: 40", &format!("validation: 40, scaling: {scaling}"));
    let text = edited(&text, "idx: data", "idx: ../data");
    let text = edited(&text, "    - flatten\n", "    - flatten\n    - batch_normalization\n");
    let on = edited(&text, "name: tiny", "name: on");
    let on = edited(&on, "model:\n", "model:\n  initial_weights: ../weights/start.safetensors\n");
    let bench = Bench::new()
        .file("project/experiments/tiny.yaml", &text)
        .file("project/experiments/on.yaml", on);
    std::fs::rename(bench.path("data"), bench.path("project/data")).unwrap();
    let run = "--seeds 1 --only quick -q";
    bench
        .bn_runner(&format!("run project/experiments/tiny.yaml -o project/results {run}"))
        .exits(0);
    let model = bench.bytes(&format!("project/{TRIAL}/model.safetensors"));
    bench.write("project/weights/start.safetensors", model);
    bench.bn_runner(&format!("run project/experiments/on.yaml -o project/results {run}")).exits(0);
    bench
}

fn rename(bench: &Bench, from: &str, to: &str) {
    let to = bench.path(to);
    std::fs::create_dir_all(to.parent().unwrap()).unwrap();
    std::fs::rename(bench.path(from), to).unwrap();
}

fn hash(bench: &Bench, trial: &str) -> serde_json::Value {
    bench.json(&format!("{trial}/manifest.json"))["trial_hash"].clone()
}

/// Every command on a recorded trial that needs its data or its initial weights.
fn all_commands_work(bench: &Bench, results: &str) {
    for experiment in ["tiny", "on"] {
        let trial = format!("{results}/{experiment}/quick/seed-1");
        bench.bn_runner(&format!("verify {trial}")).exits(0).prints("bit-identical");
        bench.bn_runner(&format!("predict {trial}")).exits(0).prints("accuracy ");
        bench.bn_runner(&format!("fold {trial}")).exits(0).prints("changed  0 of 40");
        bench.bn_runner(&format!("predict {trial}/folded")).exits(0).prints("accuracy ");
        let again = format!("again/{experiment}");
        bench.bn_runner(&format!("run {trial}/config.yaml -o {again} -q")).exits(0);
        assert_eq!(hash(bench, &trial), hash(bench, &format!("{again}/{experiment}/quick/seed-1")));
        let done = bench.bn_runner(&format!("run {trial}/config.yaml -o {results}")).exits(0);
        done.says("1 of 1 trials are done already");
    }
}

#[test]
fn a_project_folder_can_be_moved_as_a_whole() {
    for scaling in ["unit", "standardize"] {
        let bench = project(scaling);
        rename(&bench, "project", "deep/down/copy");
        all_commands_work(&bench, "deep/down/copy/results");
        let config = bench.text(&format!("deep/down/copy/{TRIAL}/config.yaml"));
        assert!(config.contains("  idx: ../../../../data\n"), "{config}");
        let whole = bench.path("").to_string_lossy().into_owned();
        assert!(!config.contains(&whole), "{config}");
    }
}

#[test]
fn without_the_data_set_its_shape_is_known_from_the_manifest() {
    let bench = project("unit");
    std::fs::remove_dir_all(bench.path("project/data")).unwrap();
    let trial = format!("project/{TRIAL}");
    let mut file = Vec::new();
    let mut encoder = png::Encoder::new(&mut file, 8, 8);
    encoder.set_color(png::ColorType::Grayscale);
    encoder.write_header().unwrap().write_image_data(&[200; 64]).unwrap();
    bench.write("a.png", file);
    bench.bn_runner(&format!("predict {trial} --images a.png")).exits(0).prints("a.png: ");
    let shape = &bench.json(&format!("{trial}/manifest.json"))["dataset_shape"];
    assert_eq!(*shape, serde_json::json!({ "height": 8, "width": 8, "classes": 4, "rows": 200 }));
}

#[test]
fn options_say_where_the_data_and_the_weights_are_once_the_results_alone_were_moved() {
    let bench = project("standardize");
    rename(&bench, "project/results", "archive/2026/results");
    rename(&bench, "project", "elsewhere");
    let trial = "archive/2026/results/on/quick/seed-1";
    for (verb, option) in [("predict", "--data-dir"), ("fold", "--idx"), ("verify", "--idx")] {
        let given = match verb {
            "verify" => " --initial-weights elsewhere/weights/start.safetensors",
            _ => "",
        };
        bench
            .bn_runner(&format!("{verb} {trial}{given}"))
            .exits(3)
            .says("data` does not exist; ")
            .says(&format!("say with `{option} FOLDER` where the data set is now"));
        for option in ["--data-dir", option] {
            bench.bn_runner(&format!("{verb} {trial}{given} {option} elsewhere/data")).exits(0);
        }
    }
    let verify = format!("verify {trial} --idx elsewhere/data");
    bench
        .bn_runner(&verify)
        .exits(2)
        .says("start.safetensors` does not exist\n")
        .says("say with `--initial-weights FILE` where the file is now");
    // The folded network was written with the folder in which the data was found.
    bench.bn_runner(&format!("predict {trial}/folded")).exits(0);

    let run = format!("run {trial}/config.yaml -o again");
    bench.bn_runner(&run).exits(3).says("say with `--idx FOLDER` where the data set is now");
    bench.bn_runner(&format!("{run} --idx elsewhere/data")).exits(2).says("--initial-weights FILE");
    let weights = "--initial-weights elsewhere/weights/start.safetensors";
    bench.bn_runner(&format!("{run} --idx elsewhere/data {weights}")).exits(0);
    assert_eq!(hash(&bench, trial), hash(&bench, "again/on/quick/seed-1"));
    // What it wrote is right without options.
    let again = "verify again/on/quick/seed-1";
    bench.bn_runner(again).exits(0).prints("bit-identical");
}

#[test]
fn data_with_other_content_is_refused_with_both_checksums() {
    let bench = project("unit");
    bench.write_data("other");
    let mut labels = bench.bytes("other/train-labels-idx1-ubyte");
    labels[8] = 3;
    bench.write("other/train-labels-idx1-ubyte", labels);
    let trial = format!("project/{TRIAL}");
    let recorded = bench.json(&format!("{trial}/manifest.json"))["dataset_checksum"].clone();
    for command in [
        format!("verify {trial} --idx other"),
        format!("fold {trial} --idx other"),
        format!("run {trial}/config.yaml -o again --idx other"),
    ] {
        bench
            .bn_runner(&command)
            .exits(3)
            .says("the data in `other` is not what the trial was trained on: its checksum is ")
            .says(&format!("the recorded one is {}; say with `--idx ", recorded.as_str().unwrap()));
    }
    assert!(!bench.has("again"));
    // The right data is found although other data is where the right data was.
    rename(&bench, "project/data", "moved");
    rename(&bench, "other", "project/data");
    bench
        .bn_runner(&format!("predict {trial}"))
        .exits(3)
        .says("say with `--data-dir FOLDER` where");
    bench.bn_runner(&format!("predict {trial} --data-dir moved")).exits(0);
    bench.bn_runner(&format!("verify {trial} --data-dir moved")).exits(0);
    // Changed data on purpose is another trial.
    let other = "-s dataset.idx=../../../../data -o again -q";
    bench.bn_runner(&format!("run {trial}/config.yaml {other}")).exits(0);
    assert_ne!(hash(&bench, &trial), hash(&bench, "again/tiny/quick/seed-1"));
}

#[test]
fn initial_weights_with_other_content_are_refused_with_both_checksums() {
    let bench = project("unit");
    let trial = "project/results/on/quick/seed-1";
    let manifest = bench.json(&format!("{trial}/manifest.json"));
    let recorded = manifest["initial_weights_checksum"].as_str().unwrap().to_owned();
    assert_eq!(recorded.len(), 64);
    let other = bench.bytes(&format!("{trial}/model.safetensors"));
    bench.write("other.safetensors", &other);
    let verify = bench.bn_runner(&format!("verify {trial} --initial-weights other.safetensors"));
    verify
        .exits(2)
        .says("`other.safetensors` is not the file that the trial began with: its sha256 is ")
        .says(&format!("the recorded one is {recorded}; say with `--initial-weights FILE`"));
    let run = format!("run {trial}/config.yaml -o again");
    bench
        .bn_runner(&format!("{run} --initial-weights other.safetensors"))
        .exits(2)
        .says("`other.safetensors` is not the file that the recorded trial began with: its sha256")
        .says(&recorded);
    // The same where the file itself has changed.
    bench.write("project/weights/start.safetensors", &other);
    bench.bn_runner(&format!("verify {trial}")).exits(2).says(&recorded);
    bench.bn_runner(&run).exits(2).says(&recorded);
    assert!(!bench.has("again"));
}

#[test]
fn options_for_what_a_trial_does_not_have_are_refused() {
    let bench = project("unit");
    let verify = format!("verify project/{TRIAL} --initial-weights x.safetensors");
    bench
        .bn_runner(&verify)
        .exits(2)
        .says("`--initial-weights`: the trial has no `model.initial_weights`");
    let tiny = "project/experiments/tiny.yaml";
    let run = format!("run {tiny} --initial-weights x.safetensors");
    bench
        .bn_runner(&run)
        .exits(2)
        .says("`--initial-weights`: the file has no `model.initial_weights`");
    let two = edited(&bench.text(tiny), "  quick: {}", "  quick: { dataset: { idx: ../other } }");
    bench.write("project/experiments/two.yaml", two);
    bench.write_data("project/other");
    bench
        .bn_runner("check project/experiments/two.yaml --idx project/data")
        .exits(2)
        .says("`--idx`: the cases of the file name 2 different paths as `dataset.idx`");
    bench.bn_runner(&format!("check {tiny} --idx project/other")).exits(0);
}

#[test]
fn a_run_from_another_working_directory_has_the_same_hashes() {
    let bench = project("unit");
    let here = hash(&bench, &format!("project/{TRIAL}"));
    let ended = std::process::Command::new(env!("CARGO_BIN_EXE_bn-runner"))
        .args(["run", "tiny.yaml", "-o", "../again", "--seeds", "1", "--only", "quick", "-q"])
        .current_dir(bench.path("project/experiments"))
        .status()
        .unwrap();
    assert!(ended.success());
    assert_eq!(here, hash(&bench, "project/again/tiny/quick/seed-1"));
    let configs = ["results", "again"]
        .map(|results| bench.text(&format!("project/{results}/tiny/quick/seed-1/config.yaml")));
    assert_eq!(configs[0], configs[1]);
}

#[test]
fn results_that_are_moved_aside_still_find_their_data() {
    let bench = project("unit");
    bench.bn_runner(&format!("fold project/{TRIAL}")).exits(0);
    let force = "run project/experiments/tiny.yaml -o project/results --seeds 1 --only quick -q";
    bench.bn_runner(&format!("{force} --force")).exits(0);
    let previous = bench.names("project/results/tiny/quick/previous");
    let old = format!("project/results/tiny/quick/previous/{}", previous[0]);
    bench.bn_runner(&format!("verify {old}")).exits(0).prints("bit-identical");
    bench.bn_runner(&format!("predict {old}/folded")).exits(0).prints("accuracy ");
    bench.bn_runner(&format!("run {old}/config.yaml -o again -q")).exits(0);
    assert_eq!(hash(&bench, &old), hash(&bench, "again/tiny/quick/seed-1"));
    // Without the new results, the old ones are moved back.
    std::fs::remove_dir_all(bench.path(&format!("project/{TRIAL}"))).unwrap();
    bench.bn_runner(force).exits(0);
    assert!(!bench.has(&old));
    bench.bn_runner(&format!("verify project/{TRIAL}")).exits(0);
    bench.bn_runner(&format!("predict project/{TRIAL}/folded")).exits(0).prints("accuracy ");
}

#[test]
fn a_tilde_is_the_home_folder_in_files_and_options_and_stays_in_the_config() {
    let bench = Bench::new();
    let home = bench.path("home").to_string_lossy().into_owned();
    rename(&bench, "data", "home/data");
    let bench = bench.variable("HOME", &home);
    bench.write("tiny.yaml", edited(TINY, "idx: data", "idx: ~/data"));
    bench.bn_runner("run tiny.yaml -o out --seeds 1 -q").exits(0);
    let config = bench.text("out/tiny/quick/seed-1/config.yaml");
    assert!(config.contains("  idx: ~/data\n"), "{config}");
    bench.bn_runner("verify out/tiny/quick/seed-1").exits(0);
    bench.bn_runner("verify out/tiny/quick/seed-1 --idx=~/data").exits(0);
    bench.bn_runner("predict out/tiny/quick/seed-1 --idx=~/data").exits(0);
    bench.bn_runner("predict out/tiny/quick/seed-1 --data-dir=~/data").exits(0);
    rename(&bench, "out/tiny/quick/seed-1/model.safetensors", "home/start.safetensors");
    let on = edited(TINY, "model:\n", "model:\n  initial_weights: ~/start.safetensors\n");
    bench.write("on.yaml", edited(&on, "idx: data", "idx: ~/data"));
    bench.bn_runner("check on.yaml").exits(0);
    bench.bn_runner("check on.yaml --initial-weights=~/start.safetensors").exits(0);

    bench.write("ann.yaml", edited(TINY, "idx: data", "idx: ~ann/data"));
    bench
        .bn_runner("check ann.yaml")
        .exits(2)
        .says("ann.yaml:3:17")
        .says("`~ann/data` begins with another user's home folder, which is not looked up")
        .says("help: write the folder out, or put `./` before a name that begins with `~`");
    bench
        .bn_runner("check tiny.yaml --idx=~ann/data")
        .exits(2)
        .says("`~ann/data` begins with another user's home folder");
    assert!(Path::new(&home).is_dir());
}
