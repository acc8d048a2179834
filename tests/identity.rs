//! Trials are told apart by what was trained, never by the names of their folders.

mod support;

use std::collections::HashMap;
use std::path::Path;

use bn_runner::record::{Identity, Manifest};
use bn_runner::spec::{Overrides, load};
use support::{Bench, edited};

/// One dense layer, three seeds, and a claim that holds whatever was trained.
const ONE: &str = "\
name: b
dataset: { idx: data, validation: 40 }
model: { layers: [flatten, { dense: { units: 4, activation: softmax } }] }
training: { optimizer: { sgd: { learning_rate: 0.05 } }, batch_size: 16, epochs: 3 }
seeds: [1, 2, 3]
expect: [default.params > 0]
";

const RATE: &str = "training.optimizer.sgd.learning_rate 0.05 → 0.00001";

/// The results of [`ONE`], trained.
fn trained() -> Bench {
    let bench = Bench::with("b.yaml", ONE);
    bench.bn_runner("run b.yaml -q").exits(0);
    bench
}

/// The rows of `compare`, each with its number of trials.
fn rows(bench: &Bench, folders: &str) -> Vec<(String, String)> {
    let ended = bench.bn_runner(&format!("compare {folders} -f csv --sort-by variant")).exits(0);
    let rows = csv::Reader::from_reader(ended.stdout.as_bytes())
        .deserialize()
        .collect::<Result<Vec<HashMap<String, String>>, _>>()
        .unwrap();
    rows.iter().map(|row| (row["variant"].clone(), row["n"].clone())).collect()
}

fn row(variant: &str, n: usize) -> (String, String) {
    (variant.to_owned(), n.to_string())
}

/// A count in the first line of `status`.
fn count(bench: &Bench, column: &str) -> String {
    let ended = bench.bn_runner("status").exits(0);
    let mut lines = ended.stdout.lines();
    // Columns are at least two spaces apart, as `to do` has one.
    let cells = |line: &str| -> Vec<String> {
        line.split("  ").map(str::trim).filter(|cell| !cell.is_empty()).map(str::to_owned).collect()
    };
    let (header, first) = (cells(lines.next().unwrap()), cells(lines.next().unwrap()));
    first[header.iter().position(|name| name == column).unwrap()].clone()
}

/// Copies a folder.
fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let path = entry.unwrap().path();
        let target = to.join(path.file_name().unwrap());
        match path.is_dir() {
            true => copy(&path, &target),
            false => drop(std::fs::copy(&path, &target).unwrap()),
        }
    }
}

fn rename(bench: &Bench, from: &str, to: &str) {
    std::fs::rename(bench.path(from), bench.path(to)).unwrap();
}

#[test]
fn trials_of_an_older_learning_rate_are_left_out_and_named() {
    let bench = trained();
    bench.write("b.yaml", edited(ONE, "0.05", "0.00001"));
    bench
        .bn_runner("run b.yaml --only seed-1")
        .exits(0)
        .says("note: `results/b`: 3 trials are not in the last plan and left out\n")
        .says(&format!("  default/seed-2, default/seed-3: {RATE}\n"))
        .says("  1 in `previous`, moved there by `run`\n");
    assert_eq!(rows(&bench, "results"), [row("default", 1)]);
    for verb in ["compare", "list", "status", "report", "plot", "export -f csv", "expect"] {
        let ended = bench.bn_runner(verb).exits(0);
        ended.says("3 trials are not in the last plan").says(RATE);
    }
    // The plan is of the whole file, so that two trials are missing.
    assert_eq!((count(&bench, "done"), count(&bench, "to do")), ("1".into(), "2".into()));
    bench.bn_runner("expect").prints("`default` has no trial with seed 2");
    assert_eq!(bench.bn_runner("list").stdout.lines().count(), 2);
    for table in ["summary.csv", "aggregate.csv"] {
        assert_eq!(bench.table(&format!("results/b/{table}")).len(), 1);
    }
    // What the plan lists again counts again, wherever it is.
    bench.write("b.yaml", ONE);
    bench.bn_runner("run b.yaml --only seed-2").exits(0).never_says("default/seed-2");
    assert_eq!(rows(&bench, "results"), [row("default", 3)]);
    assert_eq!(bench.table("results/b/aggregate.csv")[0]["n"], "3");
}

#[test]
fn only_selects_what_is_trained_and_leaves_the_other_rows_of_the_plan() {
    let bench = trained();
    let ended = bench.bn_runner("run b.yaml --only seed-1").exits(0).never_says("left out");
    assert!(ended.stdout.contains("default  3 "), "{ended}");
    assert_eq!(rows(&bench, "results"), [row("default", 3)]);
    bench.bn_runner("run b.yaml --seeds 1,2,3,4 --only seed-4").exits(0);
    assert_eq!(rows(&bench, "results"), [row("default", 4)]);
    bench.bn_runner("run b.yaml --only seed-1").exits(0);
    bench.bn_runner("compare").exits(0).says("default/seed-4: seed 4 is not in the plan");
    assert_eq!(rows(&bench, "results"), [row("default", 3)]);
}

#[test]
fn settings_and_seeds_of_the_command_line_are_part_of_the_plan() {
    let bench = trained();
    bench
        .bn_runner("run b.yaml --seeds 1 -s training.epochs=4")
        .exits(0)
        .says("default/seed-2, default/seed-3: training.epochs 3 → 4");
    assert_eq!(rows(&bench, "results"), [row("default", 1)]);
    bench.bn_runner("expect").exits(0).prints("held");
    // Before any trial is there to compare with, the file and the command line tell what differs.
    std::fs::remove_dir_all(bench.path("results/b/default/seed-1")).unwrap();
    bench.bn_runner("compare").exits(4).says("seed-3: training.epochs 3 → 4");
}

#[test]
fn trials_of_other_data_are_left_out() {
    let bench = trained();
    let mut images = bench.bytes("data/train-images-idx3-ubyte");
    images[5000] ^= 1;
    bench.write("data/train-images-idx3-ubyte", images);
    bench.bn_runner("run b.yaml --only seed-1 -q").exits(0);
    bench.bn_runner("compare").says("default/seed-2, default/seed-3: the data has changed");
    assert_eq!(rows(&bench, "results"), [row("default", 1)]);
    bench.bn_runner("run b.yaml -q -b ndarray --only seed-1").exits(0);
    bench.bn_runner("compare").says("default/seed-3: backend flex → ndarray");
}

#[test]
fn copies_count_once() {
    let bench = trained();
    let numbers = bench.bn_runner("compare results -f csv").exits(0).stdout;
    for number in 0..6 {
        let to = bench.path(&format!("results/b/default/seed-1.bak{number}"));
        copy(&bench.path("results/b/default/seed-1"), &to);
    }
    let copied = |from: &str, to: &str| copy(&bench.path(from), &bench.path(to));
    copied("results/b/default", "results/b/default.old");
    copied("results/b/default/seed-2", "results/b/default/seed-20");
    copied("results/b/default/seed-3", "results/seed-3");
    for folders in ["results", "results results", "results/b/default results ./results/b"] {
        let ended = bench.bn_runner(&format!("compare {folders} -f csv")).exits(0);
        assert_eq!(ended.stdout, numbers, "{folders}");
        ended.never_says("left out");
    }
    assert_eq!(bench.bn_runner("list").exits(0).stdout.lines().count(), 4);
    bench.bn_runner("run b.yaml").exits(0).says("3 of 3 trials are done already");
    assert_eq!(bench.table("results/b/summary.csv").len(), 3);
    std::fs::remove_dir_all(bench.path("results/b/.bn-runner")).unwrap();
    assert_eq!(bench.bn_runner("compare results -f csv").exits(0).stdout, numbers);
    assert_eq!(rows(&bench, "results/b/default/seed-1.bak0"), [row("default", 1)]);
}

#[cfg(unix)]
#[test]
fn links_inside_a_results_folder_are_not_followed() {
    use std::os::unix::fs::symlink;

    let bench = trained();
    symlink("seed-3", bench.path("results/b/default/best")).unwrap();
    symlink("default", bench.path("results/b/linked")).unwrap();
    symlink("b", bench.path("results/latest")).unwrap();
    symlink("..", bench.path("results/loop")).unwrap();
    assert_eq!(rows(&bench, "results"), [row("default", 3)]);
    assert_eq!(rows(&bench, "results/latest results"), [row("default", 3)]);
    assert_eq!(rows(&bench, "results/b/default/best"), [row("default", 1)]);
    assert_eq!(bench.bn_runner("status").exits(0).stdout.lines().count(), 2);
    bench.bn_runner("run b.yaml -q --force").exits(0);
    bench.bn_runner("clean --yes").exits(0).prints("removed: 3 files and folders");
    assert!(!bench.has("results/b/default/previous"));
    assert_eq!(rows(&bench, "results"), [row("default", 3)]);
    // A results folder may be a link itself.
    symlink("results", bench.path("link")).unwrap();
    assert_eq!(rows(&bench, "link"), [row("default", 3)]);
    bench.bn_runner("run b.yaml -o link").exits(0).says("3 of 3 trials are done already");
}

#[test]
fn folders_called_previous_are_read() {
    let bench = Bench::with("b.yaml", &format!("{ONE}variants: {{ other: {{}} }}\n"));
    bench.write("b.yaml", edited(&bench.text("b.yaml"), "default.params", "other.params"));
    bench.bn_runner("run b.yaml -q").exits(0);
    // As version 0.1 wrote it, which lets a variant be called so.
    rename(&bench, "results/b/other", "results/b/previous");
    for file in ["experiment.yaml", ".bn-runner/plan.json"] {
        let text = bench.text(&format!("results/b/{file}")).replace("other", "previous");
        bench.write(&format!("results/b/{file}"), text);
    }
    for seed in 1..=3 {
        for file in ["manifest.json", "config.yaml"] {
            let file = format!("results/b/previous/seed-{seed}/{file}");
            bench.write(&file, bench.text(&file).replace("other", "previous"));
        }
    }
    assert_eq!(rows(&bench, "results"), [row("previous", 3)]);
    bench.bn_runner("clean --yes").exits(0).prints("removed: 0 files");
    // Or an experiment.
    rename(&bench, "results/b", "results/previous");
    assert_eq!(rows(&bench, "results"), [row("previous", 3)]);
    assert_eq!(bench.bn_runner("list").exits(0).stdout.lines().count(), 4);
}

#[test]
fn a_finished_trial_is_found_by_its_hash_wherever_it_is() {
    let bench = trained();
    rename(&bench, "results/b/default/seed-1", "results/b/default/moved");
    rename(&bench, "results/b/default/seed-2", "results/b/seed-2");
    std::fs::create_dir(bench.path("results/b/default/previous")).unwrap();
    let aside = "results/b/default/previous/seed-3-20260101T000000Z";
    rename(&bench, "results/b/default/seed-3", aside);
    assert_eq!(rows(&bench, "results"), [row("default", 3)]);
    assert_eq!((count(&bench, "done"), count(&bench, "trials")), ("3".into(), "3".into()));
    bench.bn_runner("clean --yes").exits(0).prints("removed: 0 files");
    assert!(bench.has(aside), "there is no other record of it");
}

#[test]
fn labels_with_equal_configurations_each_keep_their_row_and_their_claims() {
    let text = format!("{ONE}variants: {{ one: {{}}, two: {{}} }}\n");
    let text = edited(&text, "default.params > 0", "\"two.params > 0\", \"one.params < 1\"");
    let bench = Bench::with("b.yaml", &text);
    bench.bn_runner("run b.yaml -j 2 -q").exits(5);
    let both = [row("one", 3), row("two", 3)];
    assert_eq!(rows(&bench, "results"), both);
    // The copies may go: the row is of the trials that were trained.
    std::fs::remove_dir_all(bench.path("results/b/two")).unwrap();
    assert_eq!(rows(&bench, "results"), both);
    bench.bn_runner("expect").exits(5).prints("two.params > 0");
    assert_eq!((count(&bench, "done"), count(&bench, "trials")), ("6".into(), "6".into()));
    assert_eq!(rows(&bench, "results/b/one"), [row("one", 3)]);
    std::fs::remove_dir_all(bench.path("results/b/.bn-runner")).unwrap();
    assert_eq!(rows(&bench, "results"), [row("one", 3)], "without a plan, a row per case hash");
    bench.bn_runner("run b.yaml").exits(5).says("trials done under other names, to be copied: 3");
    std::fs::remove_dir_all(bench.path("results/b/.bn-runner")).unwrap();
    assert_eq!(rows(&bench, "results"), both);
}

#[test]
fn without_a_plan_each_configuration_is_a_row() {
    let bench = trained();
    bench.write("b.yaml", edited(ONE, "0.05", "0.00001"));
    bench.bn_runner("run b.yaml --only seed-1 -q").exits(0);
    let hash = |seed: &str| {
        let manifest = bench.json(&format!("results/b/default/{seed}/manifest.json"));
        manifest["case_hash"].as_str().unwrap()[..7].to_owned()
    };
    let mut expected = [
        row(&format!("default ({})", hash("seed-1")), 1),
        row(&format!("default ({})", hash("seed-2")), 3),
    ];
    expected.sort();
    std::fs::remove_dir_all(bench.path("results/b/.bn-runner")).unwrap();
    assert_eq!(rows(&bench, "results"), expected);
    // Manifests of version 0.1 have no case hash: it is computed from the config.
    for seed in ["seed-1", "seed-2", "seed-3"] {
        let file = format!("results/b/default/{seed}/manifest.json");
        let mut manifest = bench.json(&file);
        manifest.as_object_mut().unwrap().remove("case_hash").unwrap();
        bench.write(&file, manifest.to_string());
    }
    assert_eq!(rows(&bench, "results"), expected);
    // A config that is not the trial's tells nothing of its case.
    bench.write("results/b/default/seed-2/config.yaml", "name: other\n");
    assert_eq!(rows(&bench, "results").len(), 3);
    bench.bn_runner("expect").exits(0).prints("`default` has no trial with seed 1");
}

/// Rewrites a recorded trial as one of an older version of the numerics.
fn make_older(bench: &Bench, trial: &str) {
    let file = format!("{trial}/manifest.json");
    let manifest: Manifest = serde_json::from_str(&bench.text(&file)).unwrap();
    let config = load(&bench.path(&format!("{trial}/config.yaml")), &Overrides::default());
    let setup = &config.unwrap_or_else(|error| panic!("{error}")).cases[0].setup;
    let numerics = manifest.versions.numerics;
    let hash = |numerics| {
        let (seed, backend) = (manifest.seed, manifest.backend);
        let data = &manifest.dataset_checksum;
        Identity::of(setup, seed, backend, numerics, data, None).trial_hash
    };
    assert_eq!(hash(numerics), manifest.trial_hash);
    let mut json = bench.json(&file);
    json["versions"]["numerics"] = (numerics - 1).into();
    json["trial_hash"] = hash(numerics - 1).into();
    json.as_object_mut().unwrap().remove("case_hash").unwrap();
    bench.write(&file, json.to_string());
}

#[test]
fn trials_of_an_older_version_of_the_numerics_are_trained_again_and_shown_beside() {
    let bench = trained();
    for seed in 1..=3 {
        make_older(&bench, &format!("results/b/default/seed-{seed}"));
    }
    let numerics = bench.json("results/b/.bn-runner/plan.json")["numerics"].as_u64().unwrap();
    let older = format!("default (numerics {})", numerics - 1);
    assert_eq!(rows(&bench, "results"), [row(&older, 3)]);
    bench.bn_runner("expect").exits(0).prints("`default` has no trial with seed 1");
    bench
        .bn_runner("run b.yaml")
        .exits(0)
        .says("note: 3 trials were trained with an older version of the numerics")
        .never_says("left out");
    assert_eq!(rows(&bench, "results"), [row("default", 3), row(&older, 3)]);
    bench.bn_runner("expect").exits(0).prints("held");
    bench.bn_runner("status").exits(0).prints("b (older numerics)");
    std::fs::remove_dir_all(bench.path("results/b/.bn-runner")).unwrap();
    let newer = format!("default (numerics {numerics})");
    assert_eq!(rows(&bench, "results"), [row(&older, 3), row(&newer, 3)]);
}

#[test]
fn the_comparison_and_the_report_cover_the_whole_folder() {
    let bench = trained();
    bench.write("c.yaml", edited(ONE, "name: b", "name: c"));
    let ended = bench.bn_runner("run c.yaml -s training.epochs=1").exits(0);
    assert!(!ended.stdout.lines().any(|line| line.contains("b/")), "{ended}");
    ended.says("wrote results/comparison.png");
    let experiments = || -> Vec<String> {
        let rows = bench.table("results/comparison.csv");
        rows.iter().map(|row| row["experiment"].clone()).collect()
    };
    assert_eq!(experiments(), ["b", "c"]);
    let report = bench.text("results/report.html");
    assert!(report.contains("2 experiments"), "{}", &report[..500]);
    // Nothing has changed: nothing is drawn again.
    bench.bn_runner("run c.yaml -s training.epochs=1").exits(0).never_says("wrote");
    std::fs::remove_dir_all(bench.path("results/b")).unwrap();
    bench.bn_runner("run c.yaml -s training.epochs=1").exits(0);
    assert_eq!(experiments(), ["c"]);
}

#[test]
fn results_are_read_without_the_data() {
    let bench = trained();
    std::fs::remove_dir_all(bench.path("data")).unwrap();
    let cache = bench.path("no-cache").display().to_string();
    let bench = bench.variable("BN_RUNNER_OFFLINE", "1").variable("XDG_CACHE_HOME", &cache);
    for verb in ["plot", "report", "compare", "list", "status", "expect", "export -f csv"] {
        bench.bn_runner(verb).exits(0);
    }
}

#[test]
fn the_working_directory_is_no_part_of_a_trial() {
    let bench = trained();
    std::fs::create_dir(bench.path("elsewhere")).unwrap();
    let status = std::process::Command::new(env!("CARGO_BIN_EXE_bn-runner"))
        .args(["run", "../b.yaml", "-o", "../elsewhere/results", "-q"])
        .current_dir(bench.path("elsewhere"))
        .status();
    assert!(status.unwrap().success());
    for seed in 1..=3 {
        let [here, there] = ["results", "elsewhere/results"].map(|results| {
            let manifest = bench.json(&format!("{results}/b/default/seed-{seed}/manifest.json"));
            (manifest["trial_hash"].clone(), manifest["case_hash"].clone())
        });
        assert_eq!(here, there);
    }
}

/// What version 0.1 left behind, without weights and pictures: two variants, two seeds each.
fn of_version_0_1() -> Bench {
    let fixture = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/results_0_1");
    let bench = Bench::new();
    copy(&fixture, &bench.path("results"));
    let cache = bench.path("no-cache").display().to_string();
    bench.variable("BN_RUNNER_OFFLINE", "1").variable("XDG_CACHE_HOME", &cache)
}

#[test]
fn results_of_version_0_1_are_read_as_they_are() {
    let bench = of_version_0_1();
    let tables = [("trials", "summary"), ("aggregates", "aggregate")];
    let is_as_before = |bench: &Bench| {
        for (what, file) in tables {
            let ended = bench.bn_runner(&format!("export -w {what} -f csv")).exits(0);
            let now: Vec<HashMap<String, String>> =
                csv::Reader::from_reader(ended.stdout.as_bytes())
                    .deserialize()
                    .collect::<Result<_, _>>()
                    .unwrap();
            let before = bench.table(&format!("results/small/{file}.csv"));
            assert_eq!(now.len(), before.len());
            for (now, before) in now.iter().zip(&before) {
                for (column, cell) in before {
                    assert_eq!(now[column], *cell, "{column} of {what}");
                }
            }
            ended.never_says("note").never_says("warning");
        }
        assert_eq!(rows(bench, "results"), [row("quick", 2), row("slow", 2)]);
        assert_eq!(rows(bench, "results/small/slow/seed-2"), [row("slow", 1)]);
        for verb in ["compare", "list", "status", "report", "plot", "expect"] {
            bench.bn_runner(verb).exits(0).never_says("left out");
        }
    };
    is_as_before(&bench);
    assert_eq!((count(&bench, "done"), count(&bench, "trials")), ("4".into(), "4".into()));
    copy(&bench.path("results/small/slow/seed-1"), &bench.path("results/small/slow/seed-1.bak"));
    is_as_before(&bench);
    std::fs::remove_dir_all(bench.path("results/small/.bn-runner")).unwrap();
    is_as_before(&bench);
}

#[test]
fn copies_with_another_seed_in_their_manifests_are_no_further_trials() {
    let bench = trained();
    let numbers = bench.bn_runner("compare results -f csv").exits(0).stdout;
    for seed in 4..7 {
        let to = bench.path(&format!("results/b/default/seed-{seed}"));
        copy(&bench.path("results/b/default/seed-1"), &to);
        let manifest = format!("results/b/default/seed-{seed}/manifest.json");
        let text = edited(&bench.text(&manifest), "\"seed\": 1,", &format!("\"seed\": {seed},"));
        bench.write(&manifest, text);
    }
    assert_eq!(bench.bn_runner("compare results -f csv").exits(0).stdout, numbers);
    std::fs::remove_dir_all(bench.path("results/b/.bn-runner")).unwrap();
    assert_eq!(bench.bn_runner("compare results -f csv").exits(0).stdout, numbers);
}

#[test]
fn a_complete_copy_stands_in_for_a_trial_that_lacks_epochs() {
    let bench = trained();
    let numbers = bench.bn_runner("compare results -f csv").exits(0).stdout;
    let trial = "results/b/default/seed-1";
    copy(&bench.path(trial), &bench.path("results/b/default/seed-1.bak"));
    std::fs::remove_file(bench.path(&format!("{trial}/metrics.csv"))).unwrap();
    assert_eq!(bench.bn_runner("compare results -f csv").exits(0).stdout, numbers);
}

#[test]
fn a_recorded_trial_that_is_trained_again_in_its_folder_leaves_the_plan_as_it_is() {
    let bench = trained();
    let files = ["experiment.yaml", "expectations.csv", ".bn-runner/plan.json"];
    let before = files.map(|file| bench.text(&format!("results/b/{file}")));
    bench.bn_runner("run results/b/default/seed-2/config.yaml --force").exits(0).prints("held");
    assert_eq!(files.map(|file| bench.text(&format!("results/b/{file}"))), before);
    assert_eq!(rows(&bench, "results"), [row("default", 3)]);
}

#[test]
fn experiments_deeper_down_are_read_by_their_own_folder_alone() {
    let bench = trained();
    copy(&bench.path("results/b"), &bench.path("results/old/b"));
    assert_eq!((count(&bench, "done"), count(&bench, "to do")), ("3".into(), "0".into()));
    assert_eq!(bench.bn_runner("status").exits(0).stdout.lines().count(), 2);
    assert_eq!(rows(&bench, "results/old"), [row("default", 3)]);
}
