//! Results folders named on the command line.

use std::path::PathBuf;

use anyhow::Result;
use clap::Args;

use crate::analysis::{ExperimentResults, Found, Metric, UnknownName, read_folders};

/// Folders with results.
#[derive(Debug, Args)]
pub struct FolderArgs {
    /// Results folders, or folders of experiments, cases or trials inside them.
    #[arg(required = true, value_name = "DIR")]
    folders: Vec<PathBuf>,
}

impl FolderArgs {
    /// Reads them; says which trials cannot be read.
    pub fn read(&self) -> Result<Found> {
        let found = read_folders(&self.folders)?;
        for reason in &found.unreadable {
            eprintln!("warning: a trial is left out: {reason}");
        }
        Ok(found)
    }
}

/// The results alone.
pub fn results(found: &Found) -> Vec<&ExperimentResults> {
    found.experiments.iter().map(|experiment| &experiment.results).collect()
}

/// Metrics by their names.
pub fn metrics(names: &[String]) -> Result<Vec<Metric>, UnknownName> {
    let all = Metric::ALL.map(Metric::name);
    let known: Vec<&str> = all.iter().map(|name| &**name).collect();
    let metric = |name: &String| {
        let unknown = || UnknownName::new(format!("no metric is named `{name}`"), name, &known);
        Metric::of_name(name).ok_or_else(unknown)
    };
    names.iter().map(metric).collect()
}
