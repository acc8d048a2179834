//! `bn-runner expect`: the claims of recorded experiments, held against their recorded trials.

use std::process::ExitCode;

use anyhow::{Result, bail};
use clap::Args;

use super::experiments::Mistakes;
use super::folders::FolderArgs;
use super::print;
use crate::analysis::{ClaimOutcome, RecordedExperiment, Verdict, judge};
use crate::record::Nothing;
use crate::render::claims_table;

/// What the program exits with where a claim failed.
pub const CLAIM_FAILED: u8 = 5;

#[derive(Debug, Args)]
pub struct ExpectArgs {
    #[command(flatten)]
    folders: FolderArgs,
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
    Ok(ExitCode::from(if has_failed(&tables) { CLAIM_FAILED } else { 0 }))
}

/// Whether one of the claims failed.
pub fn has_failed(judged: &[(&str, &[Verdict])]) -> bool {
    let mut verdicts = judged.iter().flat_map(|(_, verdicts)| *verdicts);
    verdicts.any(|verdict| verdict.outcome == ClaimOutcome::Failed)
}
