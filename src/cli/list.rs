//! `bn-runner list`: a line per recorded trial.

use std::cmp::Ordering;
use std::process::ExitCode;

use anyhow::Result;
use clap::{Args, ValueEnum};
use serde_json::{Map, Value, json};

use super::folders::{FolderArgs, tell_what_is_left_out};
use super::output::CsvArgs;
use super::print;
use crate::analysis::{Metric, grid_text};
use crate::numbers::duration;
use crate::record::{
    CsvName, Entry, ExperimentFolder, Manifest, Row as RecordedRow, State, Status, TrialDir,
};
use crate::render::{Lean, plain_table};
use crate::spec::GridValue;

#[derive(Debug, Args)]
pub struct ListArgs {
    #[command(flatten)]
    folders: FolderArgs,

    /// How they are printed: table for people, csv and json for programs.
    #[arg(long, value_enum, default_value_t)]
    format: Format,

    /// What they are ordered by: names and seeds upwards, accuracies and epochs best first, ages
    /// youngest first. [default: experiment, case and seed]
    #[arg(long, value_enum, value_name = "COLUMN")]
    sort_by: Option<SortBy>,

    #[command(flatten)]
    csv: CsvArgs,
}

#[derive(Debug, Clone, Copy, Default, ValueEnum)]
enum Format {
    #[default]
    Table,
    Csv,
    Json,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
#[value(rename_all = "snake_case")]
enum SortBy {
    Experiment,
    Variant,
    Seed,
    Status,
    Epochs,
    ValAccuracy,
    TestAccuracy,
    Age,
}

/// One trial.
struct Row {
    experiment: String,
    variant: String,
    grid: Vec<GridValue>,
    dir: TrialDir,
    manifest: Manifest,
    state: State,
    epochs: usize,
    /// At the kept epoch.
    val_accuracy: Option<f64>,
    /// Seconds since it ended, or else since it began.
    age: Option<f64>,
}

pub fn list(args: &ListArgs) -> Result<ExitCode> {
    let experiments = args.folders.experiments()?;
    tell_what_is_left_out(&experiments);
    let mut rows: Vec<Row> = experiments.iter().flat_map(rows_of).collect();
    if rows.is_empty() {
        return Err(args.folders.no_trials());
    }
    if let Some(column) = args.sort_by {
        // Stable: what is equal stays by experiment, case and seed.
        rows.sort_by(|a, b| column.compare(a, b));
    }
    print(&match args.format {
        Format::Table => table(&rows),
        Format::Csv => String::from_utf8(args.csv.mark(csv(&rows)?.into_bytes()))?,
        Format::Json => {
            format!("{:#}\n", json!({ "trials": rows.iter().map(Row::json).collect::<Vec<_>>() }))
        }
    })?;
    Ok(ExitCode::SUCCESS)
}

/// The recorded trials of an experiment, by case and seed.
fn rows_of(experiment: &ExperimentFolder) -> Vec<Row> {
    let mut rows: Vec<&RecordedRow> = experiment.rows.iter().collect();
    rows.sort_by(|a, b| a.label.cmp(&b.label));
    let mut trials = Vec::new();
    for row in rows {
        let mut of_row: Vec<&Entry> = experiment.trials(row).collect();
        of_row.sort_by_key(|entry| entry.manifest.seed);
        trials.extend(of_row.into_iter().map(|entry| Row::new(experiment, row, entry)));
    }
    trials
}

impl Row {
    fn new(experiment: &ExperimentFolder, row: &RecordedRow, entry: &Entry) -> Self {
        let (dir, manifest) = (entry.dir().clone(), entry.manifest.clone());
        let trial = dir.read().ok();
        let time = manifest.ended.as_ref().unwrap_or(&manifest.started);
        let age = time.parse::<jiff::Timestamp>().ok().map(|then| {
            let now = jiff::Timestamp::now();
            (now.as_millisecond() - then.as_millisecond()).max(0) as f64 / 1000.0
        });
        let val_accuracy = trial.as_ref().and_then(|trial| Metric::ValAccuracy.of(trial));
        Self {
            experiment: experiment.name.clone(),
            variant: row.variant.clone(),
            grid: row.grid.clone(),
            dir,
            manifest,
            state: entry.state,
            epochs: trial.map_or(0, |trial| trial.epochs.len()),
            val_accuracy,
            age,
        }
    }

    fn has_diverged(&self) -> bool {
        self.manifest.status == Status::Diverged
    }

    fn test_accuracy(&self) -> Option<f64> {
        self.manifest.outcome.as_ref().map(|outcome| outcome.test_accuracy)
    }

    fn json(&self) -> Value {
        let grid: Map<String, Value> =
            self.grid.iter().map(|point| (point.key.clone(), point.value.clone())).collect();
        json!({
            "experiment": self.experiment,
            "variant": self.variant,
            "grid": grid,
            "seed": self.manifest.seed,
            "status": self.state.as_str(),
            "reason": self.manifest.reason,
            "epochs": self.epochs,
            "epochs_planned": self.manifest.epochs,
            "val_accuracy": self.val_accuracy,
            "test_accuracy": self.test_accuracy(),
            "age_seconds": self.age,
            "folder": self.dir.path().to_string_lossy(),
        })
    }
}

impl SortBy {
    fn compare(self, a: &Row, b: &Row) -> Ordering {
        // What is missing comes last.
        let best_first = |a: Option<f64>, b: Option<f64>| {
            let number = |value: Option<f64>| value.unwrap_or(f64::NEG_INFINITY);
            number(b).total_cmp(&number(a))
        };
        match self {
            Self::Experiment => a.experiment.cmp(&b.experiment),
            Self::Variant => a.variant.cmp(&b.variant),
            Self::Seed => a.manifest.seed.cmp(&b.manifest.seed),
            Self::Status => a.state.cmp(&b.state),
            Self::Epochs => b.epochs.cmp(&a.epochs),
            // A diverged trial is the worst one, as in every ranking.
            Self::ValAccuracy => best_first(
                a.val_accuracy.filter(|_| !a.has_diverged()),
                b.val_accuracy.filter(|_| !b.has_diverged()),
            ),
            Self::TestAccuracy => best_first(a.test_accuracy(), b.test_accuracy()),
            Self::Age => best_first(a.age.map(|age| -age), b.age.map(|age| -age)),
        }
    }
}

fn table(rows: &[Row]) -> String {
    let accuracy =
        |value: Option<f64>| value.map_or_else(String::new, |value| format!("{value:.4}"));
    let cells = |row: &Row| {
        [
            row.experiment.clone(),
            row.variant.clone(),
            grid_text(&row.grid),
            row.manifest.seed.to_string(),
            row.state.as_str().to_owned(),
            format!("{}/{}", row.epochs, row.manifest.epochs),
            accuracy(row.val_accuracy),
            accuracy(row.test_accuracy()),
            row.age.map_or_else(String::new, duration),
        ]
    };
    let columns = [
        ("experiment", Lean::Left),
        ("variant", Lean::Left),
        ("grid", Lean::Left),
        ("seed", Lean::Right),
        ("status", Lean::Left),
        ("epochs", Lean::Right),
        ("val accuracy", Lean::Right),
        ("test accuracy", Lean::Right),
        ("age", Lean::Right),
    ];
    plain_table(columns, &rows.iter().map(cells).collect::<Vec<_>>())
}

fn csv(rows: &[Row]) -> Result<String> {
    let mut csv = csv::Writer::from_writer(Vec::new());
    csv.write_record([
        "experiment",
        "variant",
        "grid",
        "seed",
        "status",
        "epochs",
        "epochs_planned",
        "val_accuracy",
        "test_accuracy",
        "age_seconds",
        "folder",
    ])?;
    let name = |text: &str| CsvName(text.to_owned()).to_cell();
    let number = |value: Option<f64>| value.map_or_else(String::new, |value| format!("{value:?}"));
    for row in rows {
        csv.write_record([
            name(&row.experiment),
            name(&row.variant),
            name(&grid_text(&row.grid)),
            row.manifest.seed.to_string(),
            row.state.as_str().to_owned(),
            row.epochs.to_string(),
            row.manifest.epochs.to_string(),
            number(row.val_accuracy),
            number(row.test_accuracy()),
            number(row.age),
            name(&row.dir.path().to_string_lossy()),
        ])?;
    }
    Ok(String::from_utf8(csv.into_inner().map_err(csv::IntoInnerError::into_error)?)?)
}
