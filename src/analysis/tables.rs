//! The CSV tables: a list of columns, each a header and the cell below it.

use std::path::Path;

use anyhow::{Context, Result};
use serde_json::Value;

use crate::record::{CsvName, EpochRow, RecordedTrial, Status, write_atomically};

use super::metrics::{best_val_accuracy, best_val_loss};
use super::{Aggregate, Case, ExperimentResults, Metric};

/// Writes `summary.csv`, `aggregate.csv` and `curves.csv` of one experiment.
///
/// # Errors
/// When the folder cannot be written to.
pub fn write_tables(folder: &Path, results: &ExperimentResults) -> Result<()> {
    let trials: Vec<TrialRow> = results
        .cases
        .iter()
        .flat_map(|case| case.trials.iter().map(|trial| TrialRow { results, case, trial }))
        .collect();
    let cases: Vec<CaseRow> = case_rows(results).collect();
    let epochs: Vec<TrialEpoch> = trials
        .iter()
        .flat_map(|trial| trial.trial.epochs.iter().map(|epoch| TrialEpoch { trial, epoch }))
        .collect();
    let grid = grid_keys(results);
    write(&folder.join("summary.csv"), &summary_columns(&grid), &trials)?;
    write(&folder.join("aggregate.csv"), &aggregate_columns(grid_columns(&grid)), &cases)?;
    write(&folder.join("curves.csv"), &curve_columns(&grid), &epochs)
}

/// Writes `comparison.csv`, the aggregates of several experiments one after the other.
///
/// # Errors
/// When the folder cannot be written to.
pub fn write_comparison(results: &Path, experiments: &[ExperimentResults]) -> Result<()> {
    let cases: Vec<CaseRow> = experiments.iter().flat_map(case_rows).collect();
    let grid = vec![Column::new("grid", |row: &CaseRow| name(&row.case.grid_point()))];
    write(&results.join("comparison.csv"), &aggregate_columns(grid), &cases)
}

/// A trial with what it belongs to.
struct TrialRow<'a> {
    results: &'a ExperimentResults,
    case: &'a Case,
    trial: &'a RecordedTrial,
}

/// A case with what it belongs to.
struct CaseRow<'a> {
    results: &'a ExperimentResults,
    case: &'a Case,
}

/// One epoch of a trial.
struct TrialEpoch<'a> {
    trial: &'a TrialRow<'a>,
    epoch: &'a EpochRow,
}

fn case_rows(results: &ExperimentResults) -> impl Iterator<Item = CaseRow<'_>> {
    results.cases.iter().map(move |case| CaseRow { results, case })
}

/// A column: its header, and its cell in a row.
struct Column<Row> {
    header: String,
    cell: Box<dyn Fn(&Row) -> String>,
}

impl<Row> Column<Row> {
    fn new(header: impl Into<String>, cell: impl Fn(&Row) -> String + 'static) -> Self {
        Self { header: header.into(), cell: Box::new(cell) }
    }
}

fn summary_columns<'a>(grid: &[String]) -> Vec<Column<TrialRow<'a>>> {
    type Row<'a> = TrialRow<'a>;
    let metric = |metric: Metric| {
        Column::new(metric.name(), move |row: &Row| optional(metric.of(row.trial)))
    };
    let mut columns = vec![
        Column::new("experiment", |row: &Row| name(&row.results.name)),
        Column::new("variant", |row: &Row| name(&row.case.variant)),
    ];
    columns.extend(grid_columns(grid));
    columns.extend([
        Column::new("seed", |row: &Row| row.trial.manifest.seed.to_string()),
        Column::new("backend", |row: &Row| row.trial.manifest.backend.to_string()),
        Column::new("status", |row: &Row| row.trial.manifest.status.to_string()),
        Column::new("reason", |row: &Row| {
            name(row.trial.manifest.reason.as_deref().unwrap_or_default())
        }),
        Column::new("epochs", |row: &Row| row.trial.epochs.len().to_string()),
        metric(Metric::Accuracy),
        metric(Metric::Loss),
        metric(Metric::ValAccuracy),
        metric(Metric::ValLoss),
        metric(Metric::BestValAccuracy),
        Column::new("best_val_accuracy_epoch", |row: &Row| {
            best_val_accuracy(&row.trial.epochs).map_or_else(String::new, |b| b.epoch.to_string())
        }),
        metric(Metric::BestValLoss),
        Column::new("best_val_loss_epoch", |row: &Row| {
            best_val_loss(&row.trial.epochs).map_or_else(String::new, |b| b.epoch.to_string())
        }),
        metric(Metric::TestAccuracy),
        metric(Metric::TestLoss),
        metric(Metric::EpochSeconds),
        metric(Metric::TrainSeconds),
        Column::new("samples_per_second", |row: &Row| {
            optional(row.trial.manifest.outcome.as_ref().map(|outcome| outcome.samples_per_second))
        }),
        Column::new("parameters", |row: &Row| row.trial.manifest.parameters.total.to_string()),
        Column::new("trainable_parameters", |row: &Row| {
            row.trial.manifest.parameters.trainable.to_string()
        }),
        Column::new("trial_hash", |row: &Row| name(&row.trial.manifest.trial_hash)),
        Column::new("started", |row: &Row| name(&row.trial.manifest.started)),
        Column::new("ended", |row: &Row| {
            name(row.trial.manifest.ended.as_deref().unwrap_or_default())
        }),
    ]);
    columns
}

fn aggregate_columns<'a>(grid: Vec<Column<CaseRow<'a>>>) -> Vec<Column<CaseRow<'a>>> {
    type Row<'a> = CaseRow<'a>;
    let mut columns = vec![
        Column::new("experiment", |row: &Row| name(&row.results.name)),
        Column::new("variant", |row: &Row| name(&row.case.variant)),
    ];
    columns.extend(grid);
    columns.extend([
        Column::new("backend", |row: &Row| row.case.backends()),
        Column::new("n", |row: &Row| row.case.count(Status::Completed).to_string()),
        Column::new("failed", |row: &Row| row.case.count(Status::Failed).to_string()),
    ]);
    for metric in Metric::ALL {
        let mut part = |suffix: &str, of: fn(Aggregate) -> Option<f64>| {
            columns.push(Column::new(format!("{}_{suffix}", metric.name()), move |row: &Row| {
                optional(row.case.aggregate(metric).and_then(of))
            }));
        };
        part("mean", |aggregate| Some(aggregate.mean));
        part("std", |aggregate| aggregate.std);
        part("ci95_low", |aggregate| aggregate.ci95.map(|ci| ci.0));
        part("ci95_high", |aggregate| aggregate.ci95.map(|ci| ci.1));
    }
    columns.push(Column::new("parameters", |row: &Row| {
        row.case.parameters().map_or_else(String::new, |counts| counts.total.to_string())
    }));
    columns
}

fn curve_columns<'a>(grid: &[String]) -> Vec<Column<TrialEpoch<'a>>> {
    type Row<'a> = TrialEpoch<'a>;
    let mut columns = vec![
        Column::new("experiment", |row: &Row| name(&row.trial.results.name)),
        Column::new("variant", |row: &Row| name(&row.trial.case.variant)),
    ];
    columns.extend(grid_columns(grid));
    columns.extend([
        Column::new("seed", |row: &Row| row.trial.trial.manifest.seed.to_string()),
        Column::new("backend", |row: &Row| row.trial.trial.manifest.backend.to_string()),
        Column::new("epoch", |row: &Row| row.epoch.epoch.to_string()),
        Column::new("accuracy", |row: &Row| number(row.epoch.accuracy)),
        Column::new("loss", |row: &Row| number(row.epoch.loss)),
        Column::new("val_accuracy", |row: &Row| optional(row.epoch.val_accuracy)),
        Column::new("val_loss", |row: &Row| optional(row.epoch.val_loss)),
        Column::new("learning_rate", |row: &Row| number(row.epoch.learning_rate)),
        Column::new("epoch_seconds", |row: &Row| number(row.epoch.epoch_seconds)),
        Column::new("elapsed_seconds", |row: &Row| number(row.epoch.elapsed_seconds)),
    ]);
    columns
}

/// Rows that belong to a case, and so have its grid values.
trait OfCase {
    fn case(&self) -> &Case;
}

impl OfCase for TrialRow<'_> {
    fn case(&self) -> &Case {
        self.case
    }
}

impl OfCase for CaseRow<'_> {
    fn case(&self) -> &Case {
        self.case
    }
}

impl OfCase for TrialEpoch<'_> {
    fn case(&self) -> &Case {
        self.trial.case
    }
}

fn grid_columns<Row: OfCase>(keys: &[String]) -> Vec<Column<Row>> {
    let column = |key: &String| {
        let wanted = key.clone();
        Column::new(name(key), move |row: &Row| {
            let point = row.case().grid.iter().find(|point| point.key == wanted);
            point.map_or_else(String::new, |point| match &point.value {
                Value::Null => String::new(),
                Value::String(text) => name(text),
                Value::Bool(_) | Value::Number(_) | Value::Array(_) | Value::Object(_) => {
                    point.value.to_string()
                }
            })
        })
    };
    keys.iter().map(column).collect()
}

/// The grid keys of all cases, in order of first appearance.
pub fn grid_keys(results: &ExperimentResults) -> Vec<String> {
    let mut keys: Vec<String> = Vec::new();
    for point in results.cases.iter().flat_map(|case| &case.grid) {
        if !keys.contains(&point.key) {
            keys.push(point.key.clone());
        }
    }
    keys
}

/// A cell with text that came from somewhere else.
fn name(text: &str) -> String {
    CsvName(text.to_owned()).to_cell()
}

/// A cell with a number, in the fewest digits that read back as the same number.
fn number(value: f64) -> String {
    format!("{value:?}")
}

/// A cell with a number, or empty.
fn optional(value: Option<f64>) -> String {
    value.map_or_else(String::new, number)
}

fn write<Row>(path: &Path, columns: &[Column<Row>], rows: &[Row]) -> Result<()> {
    let mut csv = csv::Writer::from_writer(Vec::new());
    csv.write_record(columns.iter().map(|column| &column.header))?;
    for row in rows {
        csv.write_record(columns.iter().map(|column| (column.cell)(row)))?;
    }
    let table = csv.into_inner().map_err(csv::IntoInnerError::into_error);
    write_atomically(path, &table.with_context(|| format!("cannot write `{}`", path.display()))?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::analysis::test_data::trial;
    use serde_json::json;
    use std::collections::HashMap;

    fn results() -> ExperimentResults {
        let grid = |rate: f64| [("training.optimizer.sgd.learning_rate", json!(rate))];
        let name = |rate: f64| format!("=bn,learning_rate={rate}");
        ExperimentResults::new(
            "batch_norm",
            "",
            vec![
                trial("batch_norm", &name(0.01), &grid(0.01), 1, &[0.5, 0.75]),
                trial("batch_norm", &name(0.01), &grid(0.01), 2, &[0.25]),
                trial("batch_norm", &name(0.5), &grid(0.5), 1, &[1e-7]),
                trial("batch_norm", &name(0.5), &grid(0.5), 2, &[]),
            ],
        )
    }

    fn read(path: &Path) -> Vec<HashMap<String, String>> {
        csv::Reader::from_path(path).unwrap().deserialize().collect::<Result<_, _>>().unwrap()
    }

    #[test]
    fn summary_has_a_row_per_trial_and_empty_cells_for_what_a_failed_one_lacks() {
        let folder = tempfile::tempdir().unwrap();
        write_tables(folder.path(), &results()).unwrap();
        let rows = read(&folder.path().join("summary.csv"));
        assert_eq!(rows.len(), 4);
        assert_eq!(rows[0]["variant"], "'=bn");
        assert_eq!(rows[0]["training.optimizer.sgd.learning_rate"], "0.01");
        assert_eq!(rows[0]["best_val_accuracy"], "0.75");
        assert_eq!(rows[0]["best_val_loss_epoch"], "2");
        assert_eq!(rows[0]["epoch_seconds"], "2.0");
        assert_eq!(rows[2]["test_accuracy"], "1e-7");
        assert_eq!(rows[3]["status"], "failed");
        assert_eq!(rows[3]["reason"], "'=out of memory");
        assert_eq!((rows[3]["epochs"].as_str(), rows[3]["test_accuracy"].as_str()), ("0", ""));
    }

    #[test]
    fn aggregates_are_over_completed_seeds_and_one_seed_has_no_spread() {
        let folder = tempfile::tempdir().unwrap();
        write_tables(folder.path(), &results()).unwrap();
        let rows = read(&folder.path().join("aggregate.csv"));
        assert_eq!((rows[0]["n"].as_str(), rows[1]["n"].as_str()), ("2", "1"));
        assert_eq!((rows[0]["failed"].as_str(), rows[1]["failed"].as_str()), ("0", "1"));
        assert_eq!(rows[0]["test_accuracy_mean"], "0.5");
        // 0.75 and 0.25: sqrt(2 * 0.25² / 1).
        let std: f64 = rows[0]["test_accuracy_std"].parse().unwrap();
        assert!((std - 0.353_553_390_6).abs() < 1e-9);
        assert_eq!(rows[1]["test_accuracy_ci95_low"], "");
        assert_eq!(rows[1]["parameters"], "271346");
    }

    #[test]
    fn curves_have_a_row_per_epoch() {
        let folder = tempfile::tempdir().unwrap();
        write_tables(folder.path(), &results()).unwrap();
        let rows = read(&folder.path().join("curves.csv"));
        let epochs: Vec<_> = rows.iter().map(|row| (&*row["seed"], &*row["epoch"])).collect();
        assert_eq!(epochs, [("1", "1"), ("1", "2"), ("2", "1"), ("1", "1")]);
    }

    #[test]
    fn headers_stand_even_over_nothing() {
        let folder = tempfile::tempdir().unwrap();
        write_tables(folder.path(), &ExperimentResults::new("empty", "", vec![])).unwrap();
        let text = std::fs::read_to_string(folder.path().join("curves.csv")).unwrap();
        assert_eq!(
            text,
            "experiment,variant,seed,backend,epoch,accuracy,loss,val_accuracy,val_loss,\
             learning_rate,epoch_seconds,elapsed_seconds\n"
        );
    }

    #[test]
    fn the_comparison_has_the_same_columns_for_every_grid() {
        let folder = tempfile::tempdir().unwrap();
        let plain =
            ExperimentResults::new("plain", "", vec![trial("plain", "default", &[], 1, &[0.5])]);
        write_comparison(folder.path(), &[results(), plain]).unwrap();
        let rows = read(&folder.path().join("comparison.csv"));
        let shown: Vec<_> = rows.iter().map(|row| (&*row["experiment"], &*row["grid"])).collect();
        assert_eq!(
            shown,
            [
                ("batch_norm", "learning_rate=0.01"),
                ("batch_norm", "learning_rate=0.5"),
                ("plain", "")
            ]
        );
    }
}
