//! What `bn-runner run` trains again, and what it does not.

mod support;

use support::{Bench, TINY, TRIALS, edited};

#[test]
fn what_is_done_is_not_trained_again() {
    let bench = Bench::with("tiny.yaml", TINY);
    bench.bn_runner("run tiny.yaml -o out").exits(0);
    let before: Vec<_> = TRIALS.map(|t| bench.bytes(&format!("out/tiny/{t}/metrics.csv"))).into();
    let manifest = bench.bytes("out/tiny/slow/seed-1/manifest.json");
    let ended = bench.bn_runner("run tiny.yaml -o out").exits(0);
    let ended = ended.says("4 of 4 trials are done already").never_says("epoch 1/3");
    assert!(ended.stdout.contains("   1  quick    2  "), "{ended}");
    // Time columns and start times, too: nothing was written.
    let after: Vec<_> = TRIALS.map(|t| bench.bytes(&format!("out/tiny/{t}/metrics.csv"))).into();
    assert_eq!(before, after);
    assert_eq!(manifest, bench.bytes("out/tiny/slow/seed-1/manifest.json"));
    assert_eq!(bench.names("out/tiny/slow"), ["seed-1", "seed-2"]);
}

#[test]
fn force_moves_old_results_aside_and_trains_to_the_same_numbers() {
    let bench = Bench::with("tiny.yaml", TINY);
    bench.bn_runner("run tiny.yaml -o out").exits(0);
    let numbers = bench.all_numbers("out");
    let metrics = bench.bytes("out/tiny/quick/seed-1/metrics.csv");
    let model = bench.bytes("out/tiny/quick/seed-1/model.safetensors");
    bench.bn_runner("run tiny.yaml -o out --force").exits(0).says("quick, seed 2: epoch 3/3");
    assert_eq!(numbers, bench.all_numbers("out"));
    assert_eq!(model, bench.bytes("out/tiny/quick/seed-1/model.safetensors"));

    assert_eq!(bench.names("out/tiny/quick"), ["previous", "seed-1", "seed-2"]);
    let previous = bench.names("out/tiny/quick/previous");
    assert_eq!(previous.len(), 2, "{previous:?}");
    assert!(previous[0].starts_with("seed-1-20"), "{previous:?}");
    let old = format!("out/tiny/quick/previous/{}", previous[0]);
    assert_eq!(bench.names(&old), bench.names("out/tiny/quick/seed-1"));
    assert_eq!(metrics, bench.bytes(&format!("{old}/metrics.csv")));

    // Thrice: the third finds a name beside the second, even within one second.
    bench.bn_runner("run tiny.yaml -o out --force -q").exits(0);
    assert_eq!(bench.names("out/tiny/quick/previous").len(), 4);
    assert_eq!(bench.table("out/tiny/summary.csv").len(), 4);
}

#[test]
fn a_changed_number_trains_again_only_what_it_changes() {
    let bench = Bench::with("tiny.yaml", TINY);
    bench.bn_runner("run tiny.yaml -o out").exits(0);
    let slow = bench.bytes("out/tiny/slow/seed-1/metrics.csv");
    let quick = bench.numbers("out/tiny/quick/seed-1");
    bench.write("tiny.yaml", edited(TINY, "0.1 }", "0.2 }"));
    bench.bn_runner("run tiny.yaml -o out").exits(0).says("2 of 4 trials are done already");
    assert_eq!(slow, bench.bytes("out/tiny/slow/seed-1/metrics.csv"));
    assert_ne!(quick, bench.numbers("out/tiny/quick/seed-1"));
    assert_eq!(bench.names("out/tiny/quick/previous").len(), 2);
    assert!(!bench.has("out/tiny/slow/previous"));
}

#[test]
fn changed_data_trains_again() {
    let bench = Bench::with("tiny.yaml", TINY);
    bench.bn_runner("run tiny.yaml -o out").exits(0);
    let mut images = bench.bytes("data/train-images-idx3-ubyte");
    images[5000] ^= 1;
    bench.write("data/train-images-idx3-ubyte", images);
    bench.bn_runner("run tiny.yaml -o out").exits(0).never_says("done already");
}

#[test]
fn descriptions_comments_key_order_and_other_seeds_are_not_part_of_a_trial() {
    let bench = Bench::with("tiny.yaml", TINY);
    bench.bn_runner("run tiny.yaml -o out").exits(0);
    let reordered = "\
# The same, told otherwise.
seeds: [2, 1]
variants:
  quick: {}
  slow: { training: { optimizer: { sgd: { momentum: 0, learning_rate: 1.0e-6 } } } } # as before
training:
  epochs: 3
  batch_size: 16
  optimizer: { sgd: { learning_rate: 0.1 } }
model:
  layers:
    - flatten: {}
    - dense: { activation: relu, units: 16, use_bias: true }
    - dense: { activation: softmax, units: 4 }
dataset: { validation: 40, idx: ./copy }
name: tiny
description: Something else.
";
    bench.write("tiny.yaml", reordered);
    bench.write_data("copy");
    bench.bn_runner("run tiny.yaml -o out").exits(0).says("4 of 4 trials are done already");
    assert!(!bench.has("out/tiny/quick/previous"));
}

#[test]
fn an_unfinished_trial_is_trained_again() {
    let bench = Bench::with("tiny.yaml", TINY);
    bench.bn_runner("run tiny.yaml -o out").exits(0);
    let numbers = bench.all_numbers("out");
    // As a crash leaves them: one still `running`, one with a torn manifest.
    let running = "out/tiny/slow/seed-1/manifest.json";
    bench.write(running, edited(&bench.text(running), "\"completed\"", "\"running\""));
    bench.write("out/tiny/quick/seed-2/manifest.json", "{ \"status\": \"comp");
    bench.bn_runner("run tiny.yaml -o out").exits(0).says("2 of 4 trials are done already");
    assert_eq!(numbers, bench.all_numbers("out"));
    assert!(bench.table("out/tiny/summary.csv").iter().all(|row| row["status"] == "completed"));
}

#[test]
fn a_trials_config_runs_as_it_is_to_the_same_numbers() {
    let text = format!(
        "{TINY}grid:\n  training.batch_size: [8, 32]\n  dataset.scaling: [unit, standardize]\n"
    );
    let bench = Bench::with("deep/tiny.yaml", &edited(&text, "idx: data", "idx: ../data"));
    bench.bn_runner("run deep/tiny.yaml -o out --seeds 2").exits(0);
    let trial = "tiny/quick,batch_size=8,scaling=standardize/seed-2";
    let config = format!("out/{trial}/config.yaml");
    bench.bn_runner(&format!("check {config}")).exits(0);
    bench.bn_runner_with(&["run", &config, "-o", "again"]).exits(0);
    assert_eq!(
        bench.names("again/tiny"),
        [
            "accuracy_vs_time.png",
            "aggregate.csv",
            "confusion_matrix.png",
            "curves.csv",
            "experiment.yaml",
            "learning_curves.png",
            "quick,batch_size=8,scaling=standardize",
            "summary.csv"
        ]
    );
    assert_eq!(bench.numbers(&format!("out/{trial}")), bench.numbers(&format!("again/{trial}")));
    for file in ["config.yaml", "model.safetensors"] {
        let both =
            ["out", "again"].map(|results| bench.bytes(&format!("{results}/{trial}/{file}")));
        assert_eq!(both[0], both[1], "{file}");
    }
    let hash =
        |results| bench.json(&format!("{results}/{trial}/manifest.json"))["trial_hash"].clone();
    assert_eq!(hash("out"), hash("again"));
    // It is the same trial, so it is done.
    bench.bn_runner_with(&["run", &config, "-o", "out"]).exits(0).says("1 of 1 trials are done");
}

#[test]
fn a_trial_whose_files_are_gone_is_trained_again() {
    let bench = Bench::with("tiny.yaml", TINY);
    bench.bn_runner("run tiny.yaml -o out --seeds 1").exits(0);
    let folder = "out/tiny/slow/seed-1";
    for file in ["metrics.csv", "model.safetensors"] {
        std::fs::remove_file(bench.path(&format!("{folder}/{file}"))).unwrap();
        bench.bn_runner("run tiny.yaml -o out --seeds 1").exits(0).says("trials to train: 1,");
        assert!(bench.has(&format!("{folder}/{file}")));
    }
}

#[test]
fn more_seeds_train_only_the_new_ones() {
    let bench = Bench::with("tiny.yaml", TINY);
    bench.bn_runner("run tiny.yaml -o out").exits(0);
    bench.write("tiny.yaml", edited(TINY, "seeds: [1, 2]", "seeds: [3, 1, 2]"));
    let ended = bench.bn_runner("run tiny.yaml -o out").exits(0);
    ended.says("4 of 6 trials are done already").says("trials to train: 2,");
}

#[test]
fn renamed_experiments_and_variants_are_taken_over_and_nothing_is_lost() {
    let bench = Bench::with("tiny.yaml", TINY);
    bench.bn_runner("run tiny.yaml -o out").exits(0);
    let before = bench.bytes("out/tiny/quick/seed-1/manifest.json");
    let renamed = edited(TINY, "  quick: {}", "  rapid: {}").replace("name: tiny", "name: small");
    bench.write("tiny.yaml", renamed);
    let ended = bench.bn_runner("run tiny.yaml -o out --dry-run").exits(0);
    let ended = ended.prints("as out/tiny/quick/seed-1, to be taken over");
    ended.prints("4 trials: 0 done, 4 done under other names, 0 to train\n");
    assert!(!bench.has("out/small"));

    let ended = bench.bn_runner("run tiny.yaml -o out").exits(0);
    ended
        .says("trials done under other names, to be copied: 4\n")
        .says("small rapid, seed 1: done before as out/tiny/quick/seed-1, taken over from there")
        .never_says("epoch");
    for seed in ["seed-1", "seed-2"] {
        let (old, new) = (format!("out/tiny/quick/{seed}"), format!("out/small/rapid/{seed}"));
        assert_eq!(bench.names(&old), bench.names(&new));
        for file in ["metrics.csv", "model.safetensors", "best.safetensors"] {
            let both = [&old, &new].map(|folder| bench.bytes(&format!("{folder}/{file}")));
            assert_eq!(both[0], both[1], "{file}");
        }
        let manifest = bench.json(&format!("{new}/manifest.json"));
        assert_eq!(
            (&manifest["experiment"], &manifest["variant"]),
            (&"small".into(), &"rapid".into())
        );
        assert_eq!(manifest["taken_over_from"], old.as_str());
        let numbers = |folder: &str| -> Vec<String> {
            let text = bench.text(&format!("{folder}/manifest.json"));
            let keys = ["\"value\"", "\"test_loss\"", "_seconds\"", "\"samples_per_second\""];
            let is_number = |line: &&str| keys.iter().any(|key| line.contains(key));
            text.lines().filter(is_number).map(str::to_owned).collect()
        };
        assert_eq!(numbers(&old), numbers(&new), "to the last digit");
        assert!(bench.text(&format!("{new}/run.log")).contains("taken over from"));
    }
    assert_eq!(before, bench.bytes("out/tiny/quick/seed-1/manifest.json"), "the old one stays");
    assert_eq!(bench.names("out/small/rapid"), ["seed-1", "seed-2"]);
    let summary = bench.table("out/small/summary.csv");
    assert!(summary.iter().all(|row| row["status"] == "completed"));
    assert_eq!(summary[2]["variant"], "rapid");

    // Now it is theirs: its config is the same trial, and the old folders may go.
    let config = "run out/small/rapid/seed-1/config.yaml -o out";
    bench.bn_runner(config).exits(0).says("1 of 1 trials are done already");
    std::fs::remove_dir_all(bench.path("out/tiny")).unwrap();
    bench.bn_runner("run tiny.yaml -o out").exits(0).says("4 of 4 trials are done already");
}

#[test]
fn going_back_to_an_old_number_brings_the_old_results_back() {
    let bench = Bench::with("tiny.yaml", TINY);
    bench.bn_runner("run tiny.yaml -o out --seeds 1").exits(0);
    let first = bench.bytes("out/tiny/quick/seed-1/metrics.csv");
    bench.write("tiny.yaml", edited(TINY, "0.1 }", "0.2 }"));
    bench.bn_runner("run tiny.yaml -o out --seeds 1").exits(0);
    let second = bench.bytes("out/tiny/quick/seed-1/metrics.csv");
    assert_ne!(first, second);
    for (text, metrics) in [(TINY, &first), (&edited(TINY, "0.1 }", "0.2 }"), &second)] {
        bench.write("tiny.yaml", text);
        bench
            .bn_runner("run tiny.yaml -o out --seeds 1")
            .exits(0)
            .says("taken over from there")
            .never_says("epoch");
        assert_eq!(metrics, &bench.bytes("out/tiny/quick/seed-1/metrics.csv"));
        assert_eq!(bench.names("out/tiny/quick/previous").len(), 1, "they change places");
    }
    assert!(bench.text("out/tiny/quick/seed-1/config.yaml").contains("0.2"));
}

#[test]
fn what_is_the_same_under_two_names_is_trained_once() {
    let bench = Bench::with("tiny.yaml", &format!("{TINY}  again: {{}}\n"));
    let ended = bench.bn_runner("run tiny.yaml -o out -j 2").exits(0);
    assert_eq!(ended.stderr.matches("epoch 1/3").count(), 4, "{ended}");
    assert_eq!(ended.stderr.matches("taken over from there").count(), 2, "{ended}");
    for seed in ["seed-1", "seed-2"] {
        let both =
            ["quick", "again"].map(|v| bench.bytes(&format!("out/tiny/{v}/{seed}/metrics.csv")));
        assert_eq!(both[0], both[1]);
    }
    assert_eq!(bench.table("out/tiny/aggregate.csv")[2]["n"], "2");
}

#[test]
fn results_that_cannot_be_taken_over_are_trained() {
    let bench = Bench::with("tiny.yaml", TINY);
    bench.bn_runner("run tiny.yaml -o out --seeds 1").exits(0);
    std::fs::remove_file(bench.path("out/tiny/quick/seed-1/model.safetensors")).unwrap();
    bench.write("tiny.yaml", edited(TINY, "name: tiny", "name: small"));
    let ended = bench.bn_runner("run tiny.yaml -o out --seeds 1").exits(0);
    ended.says("small slow, seed 1: done before").says("small quick, seed 1: epoch 3/3");
}

#[test]
fn a_half_copied_trial_is_no_shorter_run() {
    let text = edited(TINY, "learning_rate: 0.1 }", "learning_rate: 0.01 }");
    let bench = Bench::with("tiny.yaml", &text);
    bench.bn_runner("run tiny.yaml -o out").exits(0);
    let metrics = "out/tiny/quick/seed-1/metrics.csv";
    let whole = bench.numbers("out/tiny/quick/seed-1");
    let cut: String = bench.text(metrics).split_inclusive('\n').take(2).collect();
    bench.write(metrics, &cut);
    let reason = "metrics.csv` is incomplete: it ends after epoch 1 of 3; copy the trial again";
    bench.bn_runner("compare out --trials --format csv").exits(0).says(reason);
    // Version 0.1 recorded no number of epochs; there the best epoch tells.
    let manifest = "out/tiny/quick/seed-1/manifest.json";
    let mut old = bench.json(manifest);
    assert!(old["outcome"].as_object_mut().unwrap().remove("epochs").is_some());
    assert_eq!(old["outcome"]["best_val_loss"]["epoch"], 3, "the loss falls");
    bench.write(manifest, old.to_string());
    bench.bn_runner("compare out").exits(0).says(reason);
    let why = "metrics.csv is missing, incomplete or unreadable";
    bench.bn_runner("run tiny.yaml -o out --dry-run").exits(0).prints(why);
    bench.bn_runner("run tiny.yaml -o out").exits(0).says("trials to train: 1,");
    assert_eq!(whole, bench.numbers("out/tiny/quick/seed-1"));
}

#[test]
fn charts_are_drawn_again_only_when_they_would_be_others() {
    let bench = Bench::with("tiny.yaml", TINY);
    bench.bn_runner("run tiny.yaml -o out --seeds 1").exits(0).says("wrote out/comparison.png");
    let run = |text: &str, arguments: &str| {
        bench.write("tiny.yaml", text);
        bench.bn_runner(&format!("run tiny.yaml -o out --seeds 1 {arguments}")).exits(0)
    };
    run(TINY, "").never_says("wrote");
    run(&edited(TINY, "corner is lit", "light is lit"), "")
        .says("wrote out/tiny/learning_curves.png");
    std::fs::remove_file(bench.path("out/tiny/learning_curves.png")).unwrap();
    run(&edited(TINY, "corner is lit", "light is lit"), "")
        .says("wrote out/tiny/learning_curves.png")
        .never_says("wrote out/comparison.png");
    // The charts are of the whole plan, and the comparison is of the whole results folder.
    run(TINY, "").says("wrote out/tiny/learning_curves.png");
    run(TINY, "--only quick").never_says("wrote");
    run(TINY, "-s training.epochs=2").says("wrote out/comparison.png");
}
