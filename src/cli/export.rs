//! `bn-runner export`: recorded numbers in the formats of other programs.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Result;
use clap::{Args, ValueEnum};

use super::folders::{FolderArgs, metrics, results};
use super::output::{CsvArgs, WrongExtension, extension};
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

    /// The format. [default: the one that the extension of FILE names]
    #[arg(short, long, value_enum)]
    format: Option<Format>,

    /// The file to write. [default: standard output]
    #[arg(short, long, value_name = "FILE")]
    out: Option<PathBuf>,

    /// Metrics in tables of cases in md and tex, which are for people; other formats have all.
    #[arg(short, long, value_name = "METRICS", value_delimiter = ',')]
    metric: Vec<String>,

    #[command(flatten)]
    csv: CsvArgs,
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
    let format = match &args.out {
        Some(file) => format_of(file, args.format)?,
        None => args.format.ok_or(Unusable::NoFormat)?,
    };
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
        Format::Csv => args.csv.mark(to_csv(&table()?)?),
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

/// The extensions of files, each of a format.
const EXTENSIONS: [&str; 5] = ["parquet", "json", "csv", "md", "tex"];

/// The format of a file: that of its extension, or the one that was asked for where it has none.
///
/// # Errors
/// [`WrongExtension`] where the extension names no format, or another one than was asked for.
fn format_of(file: &Path, asked: Option<Format>) -> Result<Format, WrongExtension> {
    let of_file = extension(file).and_then(|extension| Format::from_str(&extension, true).ok());
    match (asked, of_file) {
        (Some(asked), Some(of_file)) if asked != of_file => {
            let name = asked.to_possible_value().expect("no format is hidden");
            let (path, format) = (file.to_owned(), name.get_name().to_owned());
            Err(WrongExtension::Contradiction { path, format })
        }
        (_, Some(format)) => Ok(format),
        (Some(asked), None) if file.extension().is_none() => Ok(asked),
        (Some(_) | None, None) => Err(WrongExtension::Unsupported {
            path: file.to_owned(),
            what: "tables are Parquet, JSON, CSV, Markdown or LaTeX files",
            supported: &EXTENSIONS,
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_has_the_format_that_its_extension_names() {
        let of = |file: &str, asked| {
            format_of(Path::new(file), asked).map_err(|error| error.to_string())
        };
        assert_eq!(of("a.CSV", None), Ok(Format::Csv));
        assert_eq!(of("a.markdown", None), Ok(Format::Md));
        assert_eq!(of("a.tex", Some(Format::Tex)), Ok(Format::Tex));
        assert_eq!(of("a", Some(Format::Json)), Ok(Format::Json));
        for (file, asked) in [("a.xlsx", None), ("a", None), ("a.xlsx", Some(Format::Csv))] {
            let error = of(file, asked).unwrap_err();
            assert!(
                error.contains("tables are Parquet, JSON, CSV, Markdown or LaTeX files"),
                "{error}"
            );
        }
        let error = of("a.parquet", Some(Format::Csv)).unwrap_err();
        assert!(error.contains("`--format csv` contradicts the extension"), "{error}");
        assert!(error.contains("`a.csv`"), "{error}");
    }
}
