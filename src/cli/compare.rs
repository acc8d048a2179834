//! `bn-runner compare`: cases or trials side by side, and what they differ by.

use std::process::ExitCode;

use anyhow::Result;
use clap::{Args, ValueEnum};
use serde_json::json;

use super::folders::{FolderArgs, metrics, results};
use super::output::CsvArgs;
use super::print;
use crate::analysis::{
    CompareRow, ConfigColumn, Metric, SELECTION, against, configs, differences_table,
    is_in_every_row, rows_table, sort_rows, to_csv,
};
use crate::render::{self, USUAL_METRICS, compare_table, to_json};

#[derive(Debug, Args)]
pub struct CompareArgs {
    #[command(flatten)]
    folders: FolderArgs,

    /// One row per trial, instead of one per case with means over its seeds.
    #[arg(long)]
    trials: bool,

    /// Metrics to show, as in `--metric test_accuracy,val_loss`; of cases with median and range.
    #[arg(short, long, value_name = "METRICS", value_delimiter = ',')]
    metric: Vec<String>,

    /// A metric, a setting or a column; the better metric comes first. [default: the first of the
    /// metrics that is of validation, else val_accuracy]
    #[arg(short, long, value_name = "KEY")]
    sort_by: Option<String>,

    /// Turn the order round.
    #[arg(short, long)]
    reverse: bool,

    /// Show settings, too.
    #[arg(long)]
    config: bool,

    /// Show the settings in which the rows differ.
    #[arg(long)]
    only_changed: bool,

    /// Compare every case with this case or variant, seed by seed. [default: the first of two]
    #[arg(long, value_name = "NAME")]
    baseline: Option<String>,

    /// What is printed. csv has the differences where a baseline is named, else the rows.
    #[arg(short, long, value_enum, default_value_t)]
    format: Format,

    #[command(flatten)]
    csv: CsvArgs,
}

#[derive(Debug, Clone, Copy, Default, ValueEnum)]
enum Format {
    /// For the terminal.
    #[default]
    Table,
    /// Markdown.
    Md,
    /// All digits, with commas.
    Csv,
    /// All digits, for programs.
    Json,
}

pub fn compare(args: &CompareArgs) -> Result<ExitCode> {
    let chosen = metrics(&args.metric)?;
    let found = args.folders.read()?;
    let results = results(&found);
    let for_people = match args.format {
        Format::Table | Format::Md => true,
        Format::Csv | Format::Json => false,
    };
    let metrics = match (&chosen[..], for_people) {
        ([], true) => USUAL_METRICS.to_vec(),
        ([], false) => Metric::ALL.to_vec(),
        (chosen, _) => chosen.to_vec(),
    };
    let differences = against(&results, args.baseline.as_deref(), &metrics)?;

    let mut rows =
        if args.trials { CompareRow::trials(&results) } else { CompareRow::cases(&results) };
    // Test results select nothing unless they are asked for by name.
    let selection = metrics.iter().copied().find(|metric| metric.is_of_validation());
    let selection = selection.unwrap_or(SELECTION);
    let own = selection.name();
    let sort_by = args.sort_by.as_deref().unwrap_or(&own);
    if args.sort_by.is_none() && rows.iter().all(|row| row.aggregate(selection).is_none()) {
        eprintln!(
            "note: no trial has a {own}, so the rows are in the order of the file; \
             `--sort-by` orders them by another metric"
        );
    }
    let mut columns = Vec::new();
    if args.config || args.only_changed || !is_in_every_row(sort_by) {
        columns = configs(rows.iter().map(CompareRow::first_trial));
        CompareRow::set_configs(&mut rows, &columns);
    }
    let all: Vec<String> = columns.iter().map(|column| column.key.clone()).collect();
    sort_rows(&mut rows, &all, sort_by, args.reverse)?;
    // What was read to sort by is not shown unless it was asked for.
    let differs = |column: &ConfigColumn| column.cells.windows(2).any(|pair| pair[0] != pair[1]);
    columns = rows_columns(&rows, columns);
    columns.retain(|column| if args.only_changed { differs(column) } else { args.config });
    CompareRow::set_configs(&mut rows, &columns);
    let keys: Vec<String> = columns.iter().map(|column| column.key.clone()).collect();

    match args.format {
        Format::Table | Format::Md => {
            let table = compare_table(&rows, &keys, &metrics, !chosen.is_empty());
            let differences =
                (!differences.is_empty()).then(|| render::differences_table(&differences));
            let tables = std::iter::once(table).chain(differences);
            let shown = tables.map(|table| match args.format {
                Format::Md => table.markdown(),
                Format::Table | Format::Csv | Format::Json => table.aligned(),
            });
            print(&shown.collect::<Vec<_>>().join("\n"))?;
        }
        Format::Csv => {
            let table = match args.baseline {
                Some(_) => differences_table(&differences),
                None => rows_table(&rows, &keys, &metrics),
            };
            print(&String::from_utf8_lossy(&args.csv.mark(to_csv(&table)?)))?;
        }
        Format::Json => {
            let kind = if args.trials { "trials" } else { "aggregates" };
            let json = json!({
                kind: to_json(&rows_table(&rows, &keys, &metrics)),
                "differences": to_json(&differences_table(&differences)),
            });
            print(&format!("{json:#}\n"))?;
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// The settings in the order that the rows have come to.
fn rows_columns(rows: &[CompareRow<'_>], columns: Vec<ConfigColumn>) -> Vec<ConfigColumn> {
    let column = |(index, column): (usize, ConfigColumn)| ConfigColumn {
        cells: rows.iter().map(|row| row.config[index].clone()).collect(),
        brief: column
            .brief
            .is_some()
            .then(|| rows.iter().map(|row| row.brief[index].clone()).collect()),
        key: column.key,
    };
    columns.into_iter().enumerate().map(column).collect()
}
