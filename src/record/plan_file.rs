//! What the last `run` of an experiment set out to do.

use std::collections::HashSet;
use std::path::{Path, PathBuf};

use anyhow::Result;
use serde::{Deserialize, Serialize};

use super::write_if_changed;
use crate::spec::{BackendName, GridValue};

/// A folder that people need not look into; it can be deleted at any time.
const HIDDEN: &str = ".bn-runner";

/// The plan of an experiment: all cases and seeds of its file, as the command line overrides it.
/// `--only` and `--exclude` leave nothing out of it.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Plan {
    /// The version of the numerics; missing in plans of version 0.1, like all but the cases' labels
    /// and trials.
    pub numerics: Option<u32>,
    /// The backend.
    pub backend: Option<BackendName>,
    /// `--set` of the command, as written.
    pub set: Vec<String>,
    /// Its cases, in the order of the file.
    pub cases: Vec<PlannedCase>,
}

/// One case of a plan.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PlannedCase {
    /// Its label, which also names its folder.
    pub label: String,
    /// The variant's name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub variant: Option<String>,
    /// Its grid values, in the file's order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub grid: Vec<GridValue>,
    /// The identity that its trials share; see [`Identity`](super::Identity).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub case_hash: Option<String>,
    /// The checksum of its data set.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub data: Option<String>,
    /// A trial per seed.
    pub trials: Vec<PlannedTrial>,
}

/// One trial of a plan.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlannedTrial {
    /// Its seed.
    pub seed: u64,
    /// Its identity.
    pub trial_hash: String,
}

/// One trial in a plan of version 0.1, which is a list of these.
#[derive(Deserialize)]
struct OldTrial {
    case: String,
    seed: u64,
    trial_hash: String,
}

impl Plan {
    /// The seeds of all cases, each once, in the order of the file.
    pub fn seeds(&self) -> Vec<u64> {
        let mut seen = HashSet::new();
        let seeds = self.cases.iter().flat_map(|case| &case.trials).map(|trial| trial.seed);
        seeds.filter(|seed| seen.insert(*seed)).collect()
    }

    fn of_version_0_1(trials: Vec<OldTrial>) -> Self {
        let mut plan = Self::default();
        for OldTrial { case: label, seed, trial_hash } in trials {
            // The trials of a case follow one another.
            if plan.cases.last().is_none_or(|case| case.label != label) {
                let (variant, grid, trials) = (None, Vec::new(), Vec::new());
                let case =
                    PlannedCase { label, variant, grid, case_hash: None, data: None, trials };
                plan.cases.push(case);
            }
            if let Some(case) = plan.cases.last_mut() {
                case.trials.push(PlannedTrial { seed, trial_hash });
            }
        }
        plan
    }
}

/// The file of an experiment's plan.
pub fn plan_file(experiment: &Path) -> PathBuf {
    experiment.join(HIDDEN).join("plan.json")
}

/// The file that tells what an experiment's charts were drawn from.
pub fn drawn_file(experiment: &Path) -> PathBuf {
    experiment.join(HIDDEN).join("drawn")
}

/// Writes an experiment's plan, unless it is there already.
///
/// # Errors
/// When the folder cannot be written to.
pub fn write_plan(experiment: &Path, plan: &Plan) -> Result<()> {
    write_if_changed(&plan_file(experiment), &serde_json::to_vec(plan)?)
}

/// An experiment's plan; `None` where there is none that can be read.
pub fn read_plan(experiment: &Path) -> Option<Plan> {
    let text = std::fs::read(plan_file(experiment)).ok()?;
    let old = || serde_json::from_slice(&text).ok().map(Plan::of_version_0_1);
    serde_json::from_slice(&text).ok().or_else(old)
}

/// Whether this very plan is the one that an experiment's folder holds.
pub fn is_recorded_plan(experiment: &Path, plan: &Plan) -> bool {
    // By its text: numbers read back from JSON may differ in the last digit.
    match (std::fs::read(plan_file(experiment)), serde_json::to_vec(plan)) {
        (Ok(recorded), Ok(text)) => recorded == text,
        (Err(_), _) | (_, Err(_)) => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plans_of_version_0_1_are_read() {
        let folder = tempfile::tempdir().unwrap();
        let text = r#"[{"case":"a","seed":2,"trial_hash":"x"},{"case":"a","seed":1,"trial_hash":"y"},
            {"case":"b","seed":2,"trial_hash":"z"}]"#;
        let file = plan_file(folder.path());
        std::fs::create_dir_all(file.parent().unwrap()).unwrap();
        std::fs::write(&file, text).unwrap();
        let plan = read_plan(folder.path()).unwrap();
        let labels: Vec<_> = plan.cases.iter().map(|case| &*case.label).collect();
        assert_eq!((labels, plan.seeds(), plan.numerics), (vec!["a", "b"], vec![2, 1], None));
        assert_eq!(plan.cases[0].trials[1].trial_hash, "y");
        write_plan(folder.path(), &plan).unwrap();
        assert_eq!(read_plan(folder.path()), Some(plan));
        std::fs::write(&file, "{ torn").unwrap();
        assert_eq!(read_plan(folder.path()), None);
    }
}
