//! `bn-runner summary`: Keras' `model.summary()` for each variant of a file.

use std::process::ExitCode;

use anyhow::Result;
use clap::Args;

use super::experiments::prepare;
use super::{FileArgs, print};
use crate::model::{summary_table, variables_table};
use crate::spec::Layer;

#[derive(Debug, Args)]
pub struct SummaryArgs {
    #[command(flatten)]
    files: FileArgs,

    /// List each variable with its shape and whether gradients change it.
    #[arg(long)]
    variables: bool,
}

pub fn summary(args: &SummaryArgs) -> Result<ExitCode> {
    let mut text = String::new();
    for prepared in prepare(&args.files, &args.files.overrides())? {
        for (case, placed) in prepared.experiment.cases.iter().zip(&prepared.placed) {
            if !text.is_empty() {
                text.push('\n');
            }
            let classes: Vec<&str> = case.setup.model.layers.iter().map(Layer::class).collect();
            text.push_str(&summary_table(&case.label(), &classes, placed));
            if args.variables {
                text.push_str(&variables_table(placed));
            }
        }
    }
    print(&text)?;
    Ok(ExitCode::SUCCESS)
}
