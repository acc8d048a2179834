//! `bn-runner check`: every mistake of every file, before anything is loaded or trained.

use std::process::ExitCode;

use anyhow::Result;
use clap::Args;

use super::experiments::prepare;
use super::{FileArgs, print};

#[derive(Debug, Args)]
pub struct CheckArgs {
    #[command(flatten)]
    files: FileArgs,
}

pub fn check(args: &CheckArgs) -> Result<ExitCode> {
    for prepared in prepare(&args.files.files, &args.files.overrides())? {
        let experiment = &prepared.experiment;
        print(&format!(
            "{}: ok, cases: {}, seeds: {}, trials: {}\n",
            experiment.source.path.display(),
            experiment.cases.len(),
            experiment.seeds.len(),
            experiment.cases.len() * experiment.seeds.len()
        ))?;
    }
    Ok(ExitCode::SUCCESS)
}
