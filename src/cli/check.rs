//! `bn-runner check`: every mistake of every file, before anything is loaded or trained.

use std::process::ExitCode;

use anyhow::Result;
use clap::{Args, ValueEnum};
use serde_json::json;

use super::experiments::{Mistakes, count, prepare};
use super::{FileArgs, colour_on_stderr, print};
use crate::spec::Problems;

#[derive(Debug, Args)]
pub struct CheckArgs {
    #[command(flatten)]
    files: FileArgs,

    /// What is printed: text for people, json for editors and CI.
    #[arg(long, value_enum, default_value_t)]
    format: Format,

    /// Exit with 2 if there are warnings, too.
    #[arg(long)]
    deny_warnings: bool,
}

#[derive(Debug, Clone, Copy, Default, ValueEnum)]
enum Format {
    #[default]
    Text,
    Json,
}

pub fn check(args: &CheckArgs) -> Result<ExitCode> {
    let prepared = match prepare(&args.files, &args.files.overrides()) {
        Ok(prepared) => prepared,
        Err(error) => {
            return match (args.format, error.downcast::<Mistakes>()) {
                (Format::Json, Ok(mistakes)) => {
                    print_json(&mistakes.0)?;
                    Ok(ExitCode::from(2))
                }
                (Format::Text, Ok(mistakes)) => Err(mistakes.into()),
                (_, Err(error)) => Err(error),
            };
        }
    };
    let mut warnings = Vec::new();
    for prepared in prepared {
        let experiment = &prepared.experiment;
        if matches!(args.format, Format::Text) {
            print(&format!(
                "{}: ok, cases: {}, seeds: {}, trials: {}\n",
                experiment.source.path.display(),
                experiment.cases.len(),
                experiment.seeds.len(),
                experiment.cases.len() * experiment.seeds.len()
            ))?;
        }
        warnings.push(prepared.warnings);
    }
    warnings.retain(|file| !file.list().is_empty());
    match args.format {
        Format::Json => print_json(&warnings)?,
        Format::Text => print_warnings(&warnings),
    }
    let denied = args.deny_warnings && !warnings.is_empty();
    Ok(ExitCode::from(if denied { 2 } else { 0 }))
}

/// Shows warnings on standard error, with the way to be rid of them.
pub fn print_warnings(files: &[Problems]) {
    for file in files {
        eprintln!("{}\n", file.render(colour_on_stderr()));
    }
    if !files.is_empty() {
        let count = count(files, "warning");
        eprintln!("{count}; `lints: {{ allow: [<code>] }}` in the file turns one off");
    }
}

fn print_json(files: &[Problems]) -> Result<()> {
    let problems: Vec<_> = files.iter().flat_map(Problems::to_json).collect();
    let left_out: usize = files.iter().map(Problems::left_out).sum();
    print(&format!("{:#}\n", json!({ "problems": problems, "left_out": left_out })))
}
