//! `bn-runner data fetch|verify|path`: Fashion-MNIST's files.

use std::process::ExitCode;

use anyhow::Result;
use clap::{Args, Subcommand};

use super::{SourceArgs, print};
use crate::data;

#[derive(Debug, Args)]
pub struct DataArgs {
    #[command(subcommand)]
    verb: DataVerb,
}

#[derive(Debug, Subcommand)]
enum DataVerb {
    /// Find the files, or fetch them into the user's cache folder, and print the folder.
    Fetch(SourceArgs),
    /// Compare the files with the published ones; nothing is fetched.
    Verify(SourceArgs),
    /// Print the folder that has the files; nothing is fetched.
    Path(SourceArgs),
}

pub fn data(args: &DataArgs) -> Result<ExitCode> {
    match &args.verb {
        DataVerb::Fetch(source) => {
            let folder = data::fetch(&source.options(true))?;
            print(&format!("{}\n", folder.display()))?;
            Ok(ExitCode::SUCCESS)
        }
        DataVerb::Verify(source) => {
            let reports = data::verify(&source.options(true))?;
            let bad = reports.iter().filter(|report| report.problem.is_some()).count();
            for report in &reports {
                let state = report.problem.as_deref().unwrap_or("ok");
                print(&format!("{}: {state}\n", report.path.display()))?;
            }
            Ok(ExitCode::from(if bad == 0 { 0 } else { 3 }))
        }
        DataVerb::Path(source) => match data::locate(&source.options(true)) {
            Some(folder) => {
                print(&format!("{}\n", folder.display()))?;
                Ok(ExitCode::SUCCESS)
            }
            None => {
                eprintln!("Fashion-MNIST is not on this machine; `bn-runner data fetch` gets it");
                Ok(ExitCode::from(3))
            }
        },
    }
}
