//! `manifest.json`: what a trial was, where it ran, and how it ended.

use serde::{Deserialize, Serialize};

use super::EpochRow;
use crate::spec::{BackendName, GridValue};

/// How far a trial has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// Being trained, or cut off while it was.
    Running,
    /// Trained to its end.
    Completed,
    /// Ended by an error, which `reason` gives.
    Failed,
    /// Ended by the user; `run` goes on from the last epoch that was complete.
    Interrupted,
}

impl std::fmt::Display for Status {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Running => "running",
            Self::Completed => "completed",
            Self::Failed => "failed",
            Self::Interrupted => "interrupted",
        })
    }
}

/// What kind of error ended a trial.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Failure {
    /// Its loss was no number any more, as it would be again.
    Diverged,
    /// It took longer than it may.
    Timeout,
    /// A mistake in this program.
    Panic,
    /// Anything else: a full disk, a folder that is gone.
    Error,
}

/// Parameters of a network, as Keras counts them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct ParameterCounts {
    /// All of them.
    pub total: usize,
    /// Those that gradients change.
    pub trainable: usize,
    /// The others: moving means and variances.
    pub non_trainable: usize,
}

/// The epoch at which a validation metric was best, the earliest where several tie.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct BestEpoch {
    /// From 1.
    pub epoch: usize,
    /// The metric there.
    pub value: f64,
}

impl BestEpoch {
    /// The earliest epoch at which a metric was best; a value that is no number never is.
    pub fn of(
        epochs: &[EpochRow],
        metric: impl Fn(&EpochRow) -> Option<f64>,
        better: impl Fn(f64, f64) -> bool,
    ) -> Option<Self> {
        let mut best: Option<Self> = None;
        for row in epochs {
            if let Some(value) = metric(row).filter(|value| !value.is_nan())
                && best.is_none_or(|best| better(value, best.value))
            {
                best = Some(Self { epoch: row.epoch, value });
            }
        }
        best
    }
}

/// What a completed trial achieved.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Outcome {
    /// Highest validation accuracy.
    pub best_val_accuracy: Option<BestEpoch>,
    /// Lowest validation loss.
    pub best_val_loss: Option<BestEpoch>,
    /// Share of test rows classified rightly by the final weights.
    pub test_accuracy: f64,
    /// Mean test loss of the final weights.
    pub test_loss: f64,
    /// Wall-clock seconds of training and validation.
    pub train_seconds: f64,
    /// Training rows per second of an average epoch.
    pub samples_per_second: f64,
}

/// What made the numbers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Versions {
    /// bn-runner's own.
    pub bn_runner: String,
    /// The git commit it was built from, with `-dirty` where the tree had changes.
    pub git_commit: Option<String>,
    /// Raised whenever a release changes numbers beyond rounding.
    pub numerics: u32,
    /// burn's.
    pub burn: String,
    /// The compiler's.
    pub rustc: String,
}

/// The manifest of one trial.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Manifest {
    /// How far it has come.
    pub status: Status,
    /// Why it failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// What kind of failure it was; missing in manifests of older versions.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failure: Option<Failure>,
    /// The experiment's name.
    pub experiment: String,
    /// The variant's name.
    pub variant: String,
    /// Grid values, in the file's order.
    pub grid: Vec<GridValue>,
    /// The seed.
    pub seed: u64,
    /// The backend.
    pub backend: BackendName,
    /// The device, as its driver names it.
    pub device: String,
    /// SHA-256 of everything that decides the numbers: resolved config, data, backend, numerics.
    pub trial_hash: String,
    /// The data set's name.
    pub dataset: String,
    /// SHA-256 of its decompressed files.
    pub dataset_checksum: String,
    /// Parameters of the network.
    pub parameters: ParameterCounts,
    /// Epochs asked for.
    pub epochs: usize,
    /// Trials that ran side by side, which times depend on.
    pub jobs: usize,
    /// What made the numbers.
    pub versions: Versions,
    /// The machine's name.
    pub host: String,
    /// Operating system and processor architecture.
    pub platform: String,
    /// The command line.
    pub command: Vec<String>,
    /// When training began, RFC 3339, UTC.
    pub started: String,
    /// When it ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ended: Option<String>,
    /// What it achieved, once completed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub outcome: Option<Outcome>,
    /// The folder of the same trial under another name, from which it was taken over.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub taken_over_from: Option<String>,
}
