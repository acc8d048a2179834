//! `bn-runner export`: recorded numbers in the formats of other programs.

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Result;
use clap::{Args, ValueEnum};

use super::folders::{FolderArgs, metrics, results};
use super::print;
use crate::analysis::{
    CompareRow, ExperimentResults, Table, aggregates_table, epochs_table, layers_table, to_csv,
    trials_table,
};
use crate::record::write_atomically;
use crate::render::{TextTable, USUAL_METRICS, compare_table, rounded, to_json, to_parquet};

#[derive(Debug, Args)]
pub struct ExportArgs {
    #[command(flatten)]
    folders: FolderArgs,

    /// One row per trial, per trial and epoch, per case with numbers over its seeds, or per trial,
    /// epoch and layer of those that have diagnostics.
    #[arg(short, long, value_enum, default_value_t)]
    what: What,

    /// The format. [default: the one that FILE ends in]
    #[arg(short, long, value_enum)]
    format: Option<Format>,

    /// The file to write. [default: standard output]
    #[arg(short, long, value_name = "FILE")]
    out: Option<PathBuf>,

    /// Metrics in tables of cases in md and tex, which are for people; other formats have all.
    #[arg(short, long, value_name = "METRICS", value_delimiter = ',')]
    metric: Vec<String>,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
enum What {
    #[default]
    Trials,
    Epochs,
    Aggregates,
    Layers,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    /// Typed columns, for pandas, polars, DuckDB and others.
    Parquet,
    /// A list of objects.
    Json,
    /// Markdown, rounded.
    #[value(alias = "markdown")]
    Md,
    /// LaTeX, rounded.
    #[value(alias = "latex")]
    Tex,
    /// All digits, with commas.
    Csv,
}

/// What of the arguments does not go together.
#[derive(Debug, thiserror::Error)]
pub enum Unusable {
    /// The format is nowhere said.
    #[error(
        "which format? give `--format`, or `--out` a file that ends in one, as in `-o trials.parquet`"
    )]
    NoFormat,
    /// A format that no terminal takes.
    #[error("parquet is no text: name a file, as in `-o trials.parquet`")]
    NoFile,
}

pub fn export(args: &ExportArgs) -> Result<ExitCode> {
    let ending = args.out.as_ref().and_then(|path| path.extension()?.to_str());
    let format =
        args.format.or_else(|| Format::from_str(ending?, true).ok()).ok_or(Unusable::NoFormat)?;
    if format == Format::Parquet && args.out.is_none() {
        return Err(Unusable::NoFile.into());
    }
    let chosen = match &args.metric[..] {
        [] => USUAL_METRICS.to_vec(),
        names => metrics(names)?,
    };
    let found = args.folders.read()?;
    let experiments: Vec<ExperimentResults> = results(&found).into_iter().cloned().collect();
    let table = || -> Result<Table> {
        Ok(match args.what {
            What::Trials => trials_table(&experiments),
            What::Epochs => epochs_table(&experiments),
            What::Aggregates => aggregates_table(&experiments),
            What::Layers => layers_table(&experiments)?,
        })
    };
    let for_people = |table: Table| -> TextTable {
        if args.what != What::Aggregates {
            return rounded(&table);
        }
        let results: Vec<&ExperimentResults> = experiments.iter().collect();
        compare_table(&CompareRow::cases(&results), &[], &chosen, false)
    };
    let content = match format {
        Format::Parquet => to_parquet(&table()?)?,
        Format::Json => format!("{:#}\n", to_json(&table()?)).into_bytes(),
        Format::Md => for_people(table()?).markdown().into_bytes(),
        Format::Tex => for_people(table()?).latex().into_bytes(),
        Format::Csv => to_csv(&table()?)?,
    };
    match &args.out {
        Some(path) => {
            write_atomically(path, &content)?;
            eprintln!("wrote {}", path.display());
        }
        None => print(&String::from_utf8_lossy(&content))?,
    }
    Ok(ExitCode::SUCCESS)
}
