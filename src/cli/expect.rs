//! `bn-runner expect`: decides the claims of recorded experiments from their recorded trials.

use std::process::ExitCode;

use anyhow::{Result, bail};
use clap::Args;

use super::experiments::Mistakes;
use super::folders::FolderArgs;
use super::print;
use crate::analysis::{RecordedExperiment, Verdict, judge};
use crate::record::Nothing;
use crate::render::claims_table;

/// The exit code where a claim is refuted.
pub const CLAIM_REFUTED: u8 = 5;

#[derive(Debug, Args)]
pub struct ExpectArgs {
    #[command(flatten)]
    folders: FolderArgs,

    /// Count undecided and untested claims as refuted for the exit code.
    #[arg(long)]
    strict: bool,
}

pub fn expect(args: &ExpectArgs) -> Result<ExitCode> {
    let found = args.folders.read()?;
    let mut judged = Vec::new();
    let mut mistakes = Vec::new();
    for RecordedExperiment { results, seeds, file, .. } in &found.experiments {
        match file {
            Some(Ok(file)) => {
                judged.push((results.name.as_str(), judge(&file.claims, results, seeds)));
            }
            Some(Err(problems)) => mistakes.push(problems.clone()),
            None => {}
        }
    }
    if !mistakes.is_empty() {
        return Err(Mistakes(mistakes).into());
    }
    if judged.iter().all(|(_, verdicts)| verdicts.is_empty()) {
        bail!(Nothing::NoClaims);
    }
    let tables: Vec<(&str, &[Verdict])> =
        judged.iter().map(|(name, verdicts)| (*name, &verdicts[..])).collect();
    print(&claims_table(&tables))?;
    Ok(ExitCode::from(if has_refuted(&tables, args.strict) { CLAIM_REFUTED } else { 0 }))
}

/// Whether one of the claims counts as refuted; strictly, undecided and untested ones do.
pub fn has_refuted(judged: &[(&str, &[Verdict])], strict: bool) -> bool {
    let mut verdicts = judged.iter().flat_map(|(_, verdicts)| *verdicts);
    verdicts.any(|verdict| verdict.outcome.counts_as_refuted(strict))
}
