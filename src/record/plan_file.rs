//! What the last `run` of an experiment set out to do, so that others can tell what is left.

use std::path::{Path, PathBuf};

use anyhow::Result;
use serde::{Deserialize, Serialize};

use super::write_if_changed;

/// A folder that people need not look into; it can be deleted at any time.
const HIDDEN: &str = ".bn-runner";

/// One trial of a plan.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlannedTrial {
    /// The folder of its case.
    pub case: String,
    /// Its seed.
    pub seed: u64,
    /// Its identity.
    pub trial_hash: String,
}

/// The file of an experiment's plan.
pub fn plan_file(experiment: &Path) -> PathBuf {
    experiment.join(HIDDEN).join("plan.json")
}

/// The file that tells what an experiment's charts were drawn from.
pub fn drawn_file(experiment: &Path) -> PathBuf {
    experiment.join(HIDDEN).join("drawn")
}

/// Writes an experiment's plan, unless it stands there already.
///
/// # Errors
/// When the folder cannot be written to.
pub fn write_plan(experiment: &Path, trials: &[PlannedTrial]) -> Result<()> {
    write_if_changed(&plan_file(experiment), &serde_json::to_vec(trials)?)
}

/// An experiment's plan; nothing where there is none that can be read.
pub fn read_plan(experiment: &Path) -> Vec<PlannedTrial> {
    let text = std::fs::read(plan_file(experiment)).unwrap_or_default();
    serde_json::from_slice(&text).unwrap_or_default()
}
