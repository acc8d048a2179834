//! The tables: a list of columns, each a header, a kind and the cell in a row; and their CSV files.

use std::path::Path;

use anyhow::{Context, Result};

use crate::record::{
    BestEpoch, CsvName, EpochRow, RecordedTrial, Status, has_byte_order_mark, with_byte_order_mark,
    write_if_changed,
};

use super::metrics::{best, best_val_accuracy, best_val_loss, top_k};
use super::table::{Cell, Kind, Table};
use super::{Aggregate, Case, EpochMetric, ExperimentResults, Metric};

/// Writes `summary.csv`, `aggregate.csv` and `curves.csv` of one experiment.
///
/// # Errors
/// When the folder cannot be written to.
pub fn write_tables(folder: &Path, results: &ExperimentResults) -> Result<()> {
    let results = std::slice::from_ref(results);
    write_csv(&folder.join("summary.csv"), &trials_table(results))?;
    write_csv(&folder.join("aggregate.csv"), &aggregates_table(results))?;
    write_csv(&folder.join("curves.csv"), &epochs_table(results))
}

/// Writes `comparison.csv`, the aggregates of several experiments one after the other.
///
/// # Errors
/// When the folder cannot be written to.
pub fn write_comparison(results: &Path, experiments: &[ExperimentResults]) -> Result<()> {
    let metrics = metrics(experiments);
    let cases = case_rows(experiments, &metrics);
    let grid = vec![Column::text("grid", |row: &CaseRow| row.case.grid_point())];
    write_csv(&results.join("comparison.csv"), &table(aggregate_columns(grid, &metrics), &cases))
}

/// One row per trial, as in `summary.csv`.
pub fn trials_table(experiments: &[ExperimentResults]) -> Table {
    let (grid, seed) = (grid_columns(experiments), seed_kind(experiments));
    let columns = summary_columns(grid, seed, &metrics(experiments));
    table(columns, &trial_rows(experiments))
}

/// One row per case, as in `aggregate.csv`.
pub fn aggregates_table(experiments: &[ExperimentResults]) -> Table {
    let metrics = metrics(experiments);
    let columns = aggregate_columns(grid_columns(experiments), &metrics);
    table(columns, &case_rows(experiments, &metrics))
}

/// One row per trial and epoch, as in `curves.csv`.
pub fn epochs_table(experiments: &[ExperimentResults]) -> Table {
    let trials = trial_rows(experiments);
    let mut rows = Vec::new();
    for trial in &trials {
        rows.extend(trial.trial.epochs.iter().map(|epoch| TrialEpoch { trial, epoch }));
    }
    let (grid, seed) = (grid_columns(experiments), seed_kind(experiments));
    table(curve_columns(grid, seed, &top_k(trials.iter().map(|row| row.trial))), &rows)
}

/// A table as CSV.
///
/// # Errors
/// None that a table can cause.
pub fn to_csv(table: &Table) -> Result<Vec<u8>> {
    let mut csv = csv::Writer::from_writer(Vec::new());
    csv.write_record(table.columns.iter().map(|(name, _)| guarded(name)))?;
    for row in &table.rows {
        csv.write_record(row.iter().map(|cell| match cell {
            Cell::Text(text) => guarded(text),
            Cell::Missing | Cell::Integer(_) | Cell::Number(_) | Cell::Truth(_) | Cell::Time(_) => {
                cell.plain()
            }
        }))?;
    }
    Ok(csv.into_inner().map_err(csv::IntoInnerError::into_error)?)
}

/// Text that came from somewhere else, as no spreadsheet takes it for a formula.
fn guarded(text: &str) -> String {
    CsvName(text.to_owned()).to_cell()
}

/// Writes a table; a file that has a byte order mark keeps it.
pub(super) fn write_csv(path: &Path, table: &Table) -> Result<()> {
    let csv = to_csv(table).with_context(|| format!("cannot write `{}`", path.display()))?;
    let csv = if has_byte_order_mark(path) { with_byte_order_mark(csv) } else { csv };
    write_if_changed(path, &csv)
}

/// A trial with what it belongs to.
pub(super) struct TrialRow<'a> {
    pub results: &'a ExperimentResults,
    pub case: &'a Case,
    pub trial: &'a RecordedTrial,
}

/// A case with what it belongs to, and the aggregates of all metrics.
struct CaseRow<'a> {
    results: &'a ExperimentResults,
    case: &'a Case,
    aggregates: Vec<Option<Aggregate>>,
}

/// One epoch of a trial.
struct TrialEpoch<'a> {
    trial: &'a TrialRow<'a>,
    epoch: &'a EpochRow,
}

pub(super) fn trial_rows(experiments: &[ExperimentResults]) -> Vec<TrialRow<'_>> {
    let mut rows = Vec::new();
    for results in experiments {
        for case in &results.cases {
            rows.extend(case.trials.iter().map(|trial| TrialRow { results, case, trial }));
        }
    }
    rows
}

/// All metrics that exist in some trial.
fn metrics(experiments: &[ExperimentResults]) -> Vec<Metric> {
    let cases = experiments.iter().flat_map(|results| &results.cases);
    Metric::all_of(cases.flat_map(|case| &case.trials))
}

fn case_rows<'a>(experiments: &'a [ExperimentResults], metrics: &[Metric]) -> Vec<CaseRow<'a>> {
    let mut rows = Vec::new();
    for results in experiments {
        for case in &results.cases {
            let aggregates = metrics.iter().map(|metric| case.aggregate(*metric)).collect();
            rows.push(CaseRow { results, case, aggregates });
        }
    }
    rows
}

/// A column: its header, what it holds, and its cell in a row.
pub(super) struct Column<Row> {
    header: String,
    kind: Kind,
    cell: Box<dyn Fn(&Row) -> Cell>,
}

impl<Row> Column<Row> {
    pub fn new(
        header: impl Into<String>,
        kind: Kind,
        cell: impl Fn(&Row) -> Cell + 'static,
    ) -> Self {
        Self { header: header.into(), kind, cell: Box::new(cell) }
    }

    pub fn text(header: impl Into<String>, cell: impl Fn(&Row) -> String + 'static) -> Self {
        Self::new(header, Kind::Text, move |row| Cell::text(cell(row)))
    }

    pub fn count(header: impl Into<String>, cell: impl Fn(&Row) -> usize + 'static) -> Self {
        Self::new(header, Kind::Integer, move |row| Cell::count(cell(row)))
    }

    pub fn number(header: impl Into<String>, cell: impl Fn(&Row) -> Option<f64> + 'static) -> Self {
        Self::new(header, Kind::Number, move |row| Cell::number(cell(row)))
    }
}

pub(super) fn table<Row>(columns: Vec<Column<Row>>, rows: &[Row]) -> Table {
    let cells = |row| columns.iter().map(|column| column.kind.fit((column.cell)(row))).collect();
    let rows = rows.iter().map(cells).collect();
    Table {
        columns: columns.into_iter().map(|column| (column.header, column.kind)).collect(),
        rows,
    }
}

fn summary_columns<'a>(
    grid: Vec<Column<TrialRow<'a>>>,
    seed_kind: Kind,
    metrics: &[Metric],
) -> Vec<Column<TrialRow<'a>>> {
    type Row<'a> = TrialRow<'a>;
    let metric =
        |metric: Metric| Column::number(metric.name(), move |row: &Row| metric.of(row.trial));
    let epoch = |header: &str, best: fn(&[EpochRow]) -> Option<BestEpoch>| {
        Column::new(header, Kind::Integer, move |row: &Row| {
            best(&row.trial.epochs).map_or(Cell::Missing, |best| Cell::count(best.epoch))
        })
    };
    let mut columns = vec![
        Column::text("experiment", |row: &Row| row.results.name.clone()),
        Column::text("variant", |row: &Row| row.case.variant.clone()),
    ];
    columns.extend(grid);
    columns.extend([
        Column::new("seed", seed_kind, |row: &Row| seed(row.trial)),
        Column::text("backend", |row: &Row| row.trial.manifest.backend.to_string()),
        Column::text("status", |row: &Row| row.trial.manifest.status.to_string()),
        Column::text("reason", |row: &Row| row.trial.manifest.reason.clone().unwrap_or_default()),
        Column::count("epochs", |row: &Row| row.trial.epochs.len()),
        metric(Metric::Accuracy),
        metric(Metric::Loss),
        metric(Metric::ValAccuracy),
        metric(Metric::ValLoss),
        metric(Metric::BestValAccuracy),
        epoch("best_val_accuracy_epoch", best_val_accuracy),
        metric(Metric::BestValLoss),
        epoch("best_val_loss_epoch", best_val_loss),
        metric(Metric::TestAccuracy),
        metric(Metric::TestLoss),
        metric(Metric::EpochSeconds),
        metric(Metric::TrainSeconds),
        Column::number("samples_per_second", |row: &Row| {
            row.trial.manifest.outcome.as_ref().map(|outcome| outcome.samples_per_second)
        }),
        Column::count("parameters", |row: &Row| row.trial.manifest.parameters.total),
        Column::count("trainable_parameters", |row: &Row| row.trial.manifest.parameters.trainable),
        Column::text("trial_hash", |row: &Row| row.trial.manifest.trial_hash.clone()),
        Column::new("started", Kind::Time, |row: &Row| {
            Cell::time(Some(&row.trial.manifest.started))
        }),
        Column::new("ended", Kind::Time, |row: &Row| {
            Cell::time(row.trial.manifest.ended.as_deref())
        }),
        // What came later stands at the end, so that the others keep their places.
        metric(Metric::BestAccuracy),
        epoch("best_accuracy_epoch", |epochs| best(epochs, EpochMetric::Accuracy)),
        metric(Metric::BestLoss),
        epoch("best_loss_epoch", |epochs| best(epochs, EpochMetric::Loss)),
    ]);
    columns.extend(metrics[Metric::BEFORE_TOP_K..].iter().copied().map(metric));
    columns.push(Column::new("kept_epoch", Kind::Integer, |row: &Row| {
        row.trial.manifest.kept_epoch.map_or(Cell::Missing, Cell::count)
    }));
    columns
}

/// A trial's seed. One above 63 bits is exact only as text.
pub(super) fn seed(trial: &RecordedTrial) -> Cell {
    let seed = trial.manifest.seed;
    i64::try_from(seed).map_or_else(|_| Cell::Text(seed.to_string()), Cell::Integer)
}

/// What holds the seeds of all trials.
pub(super) fn seed_kind(experiments: &[ExperimentResults]) -> Kind {
    let cases = experiments.iter().flat_map(|results| &results.cases);
    Kind::of(&cases.flat_map(|case| case.trials.iter().map(seed)).collect::<Vec<_>>())
}

/// A part of an aggregate: the end of its column's name, and how it is had.
pub(super) type Part = (&'static str, fn(Aggregate) -> Option<f64>);

/// All parts of an aggregate.
pub(super) static PARTS: [Part; 7] = [
    ("mean", |aggregate| Some(aggregate.mean)),
    ("std", |aggregate| aggregate.std),
    ("ci95_low", |aggregate| aggregate.ci95.map(|ci| ci.0)),
    ("ci95_high", |aggregate| aggregate.ci95.map(|ci| ci.1)),
    ("median", |aggregate| Some(aggregate.median)),
    ("min", |aggregate| Some(aggregate.min)),
    ("max", |aggregate| Some(aggregate.max)),
];

/// How many of them `aggregate.csv` had from the beginning, next to one another.
const FIRST_PARTS: usize = 4;

fn aggregate_columns<'a>(
    grid: Vec<Column<CaseRow<'a>>>,
    metrics: &[Metric],
) -> Vec<Column<CaseRow<'a>>> {
    type Row<'a> = CaseRow<'a>;
    let mut columns = vec![
        Column::text("experiment", |row: &Row| row.results.name.clone()),
        Column::text("variant", |row: &Row| row.case.variant.clone()),
    ];
    columns.extend(grid);
    columns.extend([
        Column::text("backend", |row: &Row| row.case.backends()),
        Column::count("n", |row: &Row| row.case.count(Status::Completed)),
        Column::count("failed", |row: &Row| row.case.count(Status::Failed)),
    ]);
    let part = |index: usize, (suffix, of): Part| {
        Column::number(format!("{}_{suffix}", metrics[index].name()), move |row: &Row| {
            row.aggregates[index].and_then(of)
        })
    };
    let parts = |index, which: &'static [Part]| which.iter().map(move |of| part(index, *of));
    let (first_parts, later_parts) = PARTS.split_at(FIRST_PARTS);
    let (first, later) = (0..Metric::FIRST, Metric::FIRST..metrics.len());
    columns.extend(first.clone().flat_map(|index| parts(index, first_parts)));
    columns.push(Column::new("parameters", Kind::Integer, |row: &Row| {
        row.case.parameters().map_or(Cell::Missing, |counts| Cell::count(counts.total))
    }));
    // What came later stands at the end, so that the others keep their places.
    columns.extend(first.flat_map(|index| parts(index, later_parts)));
    columns.extend(later.flat_map(|index| parts(index, &PARTS)));
    columns.push(Column::count("diverged", |row: &Row| row.case.count(Status::Diverged)));
    columns
}

fn curve_columns<'a>(
    grid: Vec<Column<TrialEpoch<'a>>>,
    seed_kind: Kind,
    top_k: &[usize],
) -> Vec<Column<TrialEpoch<'a>>> {
    type Row<'a> = TrialEpoch<'a>;
    let mut columns = vec![
        Column::text("experiment", |row: &Row| row.trial.results.name.clone()),
        Column::text("variant", |row: &Row| row.trial.case.variant.clone()),
    ];
    columns.extend(grid);
    columns.extend([
        Column::new("seed", seed_kind, |row: &Row| seed(row.trial.trial)),
        Column::text("backend", |row: &Row| row.trial.trial.manifest.backend.to_string()),
        Column::count("epoch", |row: &Row| row.epoch.epoch),
        Column::number("accuracy", |row: &Row| Some(row.epoch.accuracy)),
        Column::number("loss", |row: &Row| Some(row.epoch.loss)),
        Column::number("val_accuracy", |row: &Row| row.epoch.val_accuracy),
        Column::number("val_loss", |row: &Row| row.epoch.val_loss),
        Column::number("learning_rate", |row: &Row| Some(row.epoch.learning_rate)),
        Column::number("epoch_seconds", |row: &Row| Some(row.epoch.epoch_seconds)),
        Column::number("elapsed_seconds", |row: &Row| Some(row.epoch.elapsed_seconds)),
    ]);
    for &k in top_k {
        let both = [
            (Metric::TopKAccuracy(k), EpochMetric::TopKAccuracy(k)),
            (Metric::ValTopKAccuracy(k), EpochMetric::ValTopKAccuracy(k)),
        ];
        let column = |(of_trial, of_epoch): (Metric, EpochMetric)| {
            Column::number(of_trial.name(), move |row: &Row| of_epoch.of(row.epoch))
        };
        columns.extend(both.map(column));
    }
    columns
}

/// Rows that belong to a case, and so have its grid values.
pub(super) trait OfCase {
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

/// The grid keys of all cases, in order of first appearance.
pub fn grid_keys(results: &ExperimentResults) -> Vec<String> {
    let cases: Vec<&Case> = results.cases.iter().collect();
    Case::grid_keys(&cases).into_iter().map(str::to_owned).collect()
}

/// A column per grid key of any case, in order of first appearance.
pub(super) fn grid_columns<Row: OfCase>(experiments: &[ExperimentResults]) -> Vec<Column<Row>> {
    let cases: Vec<&Case> = experiments.iter().flat_map(|results| &results.cases).collect();
    let column = |key: &str| {
        let key = key.to_owned();
        let kind = Kind::of(&cases.iter().map(|case| case.grid_value(&key)).collect::<Vec<_>>());
        Column::new(key.clone(), kind, move |row: &Row| row.case().grid_value(&key))
    };
    Case::grid_keys(&cases).into_iter().map(column).collect()
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
