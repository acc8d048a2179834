//! `compare` and `export`: recorded trials as tables, for people and for programs.

mod support;

use std::collections::HashMap;

use support::{Bench, TINY};

fn trained() -> Bench {
    let bench = Bench::with("tiny.yaml", TINY);
    bench.bn_runner("run tiny.yaml --quiet").exits(0);
    bench
}

fn rows(csv: &str) -> Vec<HashMap<String, String>> {
    csv::Reader::from_reader(csv.as_bytes()).deserialize().collect::<Result<_, _>>().unwrap()
}

fn first_words(text: &str) -> Vec<&str> {
    text.lines().take_while(|line| !line.is_empty()).filter_map(|l| l.split(' ').next()).collect()
}

#[test]
fn cases_and_trials_are_compared_at_every_level_of_the_folder() {
    let bench = trained();
    let ended = bench.bn_runner("compare results").exits(0);
    assert_eq!(first_words(&ended.stdout), ["variant", "quick", "slow"], "{ended}");
    // Of two cases, the first in the file is the baseline.
    let ended =
        ended.prints("quick    slow     val accuracy ").prints("quick    slow     test accuracy ");
    let of_experiment = bench.bn_runner("compare results/tiny").exits(0);
    assert_eq!(of_experiment.stdout, ended.stdout);
    let of_case = bench.bn_runner("compare results/tiny/slow --trials").exits(0);
    assert_eq!(first_words(&of_case.stdout), ["variant", "slow", "slow"], "{of_case}");
    let of_trials =
        bench.bn_runner("compare results/tiny/slow/seed-2 results/tiny/quick/seed-1 --trials");
    assert_eq!(first_words(&of_trials.exits(0).stdout), ["variant", "quick", "slow"]);
    // Given twice, counted once.
    let twice = bench.bn_runner("compare results/tiny/quick results --format csv").exits(0);
    assert_eq!(rows(&twice.stdout).len(), 2);
    assert!(rows(&twice.stdout).iter().all(|row| row["n"] == "2"));
}

#[test]
fn rows_are_sorted_and_show_the_settings_that_differ() {
    let bench = trained();
    let sorted = |arguments: &str| {
        let ended = bench.bn_runner(&format!("compare results {arguments}")).exits(0);
        first_words(&ended.stdout).join(" ")
    };
    assert_eq!(sorted("--sort-by val_loss"), "variant quick slow");
    assert_eq!(sorted("--sort-by val_loss --reverse"), "variant slow quick");
    assert_eq!(sorted("--sort-by learning_rate"), "variant slow quick");
    assert_eq!(sorted("--metric val_loss --sort-by variant -r"), "variant slow quick");
    let ended = bench.bn_runner("compare results --only-changed --format csv").exits(0);
    let header = ended.stdout.lines().next().unwrap();
    let rate = "training.optimizer.sgd.learning_rate";
    assert!(
        header.starts_with(&format!("experiment,variant,{rate},backend,n,failed,")),
        "{header}"
    );
    assert_eq!(rows(&ended.stdout)[1][rate], "1e-6");
    let ended = bench.bn_runner("compare results --config --format json").exits(0);
    let json: serde_json::Value = serde_json::from_str(&ended.stdout).unwrap();
    assert_eq!(json["aggregates"][0]["training.epochs"], 3);
    assert_eq!(json["aggregates"][0][rate], 0.1);
    assert_eq!(json["differences"][0]["test"], "paired");
}

#[test]
fn seeds_that_do_not_match_are_two_samples() {
    let bench = trained();
    bench.bn_runner("run tiny.yaml --quiet --seeds 1,2,3").exits(0);
    std::fs::remove_dir_all(bench.path("results/tiny/quick/seed-1")).unwrap();
    let ended =
        bench.bn_runner("compare results --baseline slow --metric test_loss --format csv").exits(0);
    let [row] = &rows(&ended.stdout)[..] else { panic!("{ended}") };
    assert_eq!((&*row["case"], &*row["baseline"]), ("quick", "slow"));
    assert_eq!((&*row["test"], &*row["n"], &*row["baseline_n"]), ("welch", "2", "3"));
    let number = |column: &str| row[column].parse::<f64>().unwrap();
    assert!((number("mean") - number("baseline_mean") - number("difference")).abs() < 1e-12);
    assert!(
        number("ci95_low") < number("difference") && number("difference") < number("ci95_high")
    );
    bench
        .bn_runner("compare results --trials --baseline quick --format md")
        .exits(0)
        .prints("| variant | seed | epochs |")
        .prints("| slow | quick | test accuracy |");
}

#[test]
fn what_is_not_there_is_told_with_its_exit_code() {
    let bench = trained();
    let fails = |arguments: &str, code: i32, words: &str| {
        bench.bn_runner(arguments).exits(code).says(words);
    };
    fails("compare nowhere", 2, "`nowhere` is not a folder");
    fails("compare data", 4, "no trials in `data`");
    fails("export data -f csv", 4, "no trials in `data`");
    fails("expect data", 4, "no trials in `data`");
    fails("compare results --metric val_los", 2, "did you mean `val_loss`?");
    fails("compare results --baseline quik", 2, "did you mean `quick`?");
    fails("compare results --sort-by epochz", 2, "nothing to sort by is named `epochz`");
    fails("export results", 2, "which format?");
    fails("export results --format parquet", 2, "parquet is no text");
    bench.write("results/tiny/slow/seed-1/metrics.csv", "epoch\nx\n");
    bench
        .bn_runner("compare results --format csv")
        .exits(0)
        .says("warning: a trial is left out: `")
        .says("metrics.csv` is not a file of metrics");
}

#[test]
fn exports_have_the_numbers_of_the_tables() {
    let bench = trained();
    for (what, file) in [("trials", "summary"), ("epochs", "curves"), ("aggregates", "aggregate")] {
        let ended = bench.bn_runner(&format!("export results --what {what} --format csv")).exits(0);
        assert_eq!(ended.stdout, bench.text(&format!("results/tiny/{file}.csv")));
        bench.bn_runner(&format!("export results -w {what} -o {what}.json")).exits(0);
        let json = bench.json(&format!("{what}.json"));
        let table = bench.table(&format!("results/tiny/{file}.csv"));
        assert_eq!(json.as_array().unwrap().len(), table.len());
        let loss = if what == "aggregates" { "val_loss_mean" } else { "val_loss" };
        assert_eq!(json[0][loss].as_f64().unwrap(), table[0][loss].parse::<f64>().unwrap());
    }
    bench
        .bn_runner("export results -w aggregates -f tex")
        .exits(0)
        .prints("\\begin{tabular}{lrrrrrrrr}")
        .prints("$\\pm$");
    bench
        .bn_runner("export results -f md")
        .exits(0)
        .prints("| tiny | slow | 1 | flex | completed |");
}

#[test]
fn parquet_files_have_types() {
    use parquet::file::reader::{FileReader as _, SerializedFileReader};
    use parquet::record::Field;

    let bench = trained();
    bench.bn_runner("export results -o trials.parquet").exits(0).says("wrote trials.parquet");
    let file = std::fs::File::open(bench.path("trials.parquet")).unwrap();
    let reader = SerializedFileReader::new(file).unwrap();
    let rows: Vec<_> = reader.get_row_iter(None).unwrap().map(Result::unwrap).collect();
    let table = bench.table("results/tiny/summary.csv");
    assert_eq!(rows.len(), table.len());
    for (row, cells) in rows.iter().zip(&table) {
        for (name, field) in row.get_column_iter() {
            let cell = &cells[name];
            #[allow(clippy::wildcard_enum_match_arm, reason = "the other crate has many more")]
            match field {
                Field::Null => assert_eq!(cell, "", "{name}"),
                Field::Str(text) => assert_eq!(text, cell, "{name}"),
                Field::Long(number) => assert_eq!(number.to_string(), *cell, "{name}"),
                Field::Double(number) => {
                    assert_eq!(*number, cell.parse::<f64>().unwrap(), "{name}");
                }
                Field::TimestampMillis(time) => {
                    let time = jiff::Timestamp::from_millisecond(*time).unwrap();
                    assert_eq!(format!("{time:.3}"), *cell, "{name}");
                }
                other => panic!("{name} is {other:?}"),
            }
        }
    }
    let is_time = |name: &str| {
        rows[0]
            .get_column_iter()
            .any(|(column, field)| column == name && matches!(field, Field::TimestampMillis(_)))
    };
    assert!(is_time("started") && is_time("ended"));
}
