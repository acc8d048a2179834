//! `manifest.json`: what a trial was, where it ran, and how it ended.

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::{EpochRow, Machine};
use crate::spec::{BackendName, GridValue, top_k_name, top_k_of_name};

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
    /// Ended because its loss became NaN or infinite: a result, not a failure.
    Diverged,
    /// Ended by the user; `run` goes on from the last epoch that was complete.
    Interrupted,
}

impl std::fmt::Display for Status {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Running => "running",
            Self::Completed => "completed",
            Self::Failed => "failed",
            Self::Diverged => "diverged",
            Self::Interrupted => "interrupted",
        })
    }
}

/// What kind of error ended a trial.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Failure {
    /// Its loss became NaN or infinite. Only version 0.1 wrote this; it is read as
    /// [`Status::Diverged`].
    Diverged,
    /// It took longer than `--timeout` allows.
    Timeout,
    /// A bug in this program.
    Panic,
    /// Anything else, such as a full disk.
    Error,
}

/// What a network has to know of its data set.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct DatasetShape {
    /// Pixels per column.
    pub height: usize,
    /// Pixels per row.
    pub width: usize,
    /// Labels are below this.
    pub classes: usize,
    /// Images in the training files.
    pub rows: usize,
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
    /// The earliest epoch at which a metric was best; NaN is never best.
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
    /// Share of test rows classified correctly by the kept weights.
    pub test_accuracy: f64,
    /// Mean test loss of the kept weights.
    pub test_loss: f64,
    /// The top-k accuracies that the file asks for, on the test rows.
    #[serde(flatten)]
    pub test_top_k: TestTopK,
    /// Wall-clock seconds of training and validation.
    pub train_seconds: f64,
    /// Training rows per second of an average epoch.
    pub samples_per_second: f64,
    /// Epochs trained, which are the rows of `metrics.csv`. Version 0.1 did not write it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub epochs: Option<usize>,
}

impl Outcome {
    /// The least number of rows that `metrics.csv` has unless it is incomplete. Without a recorded
    /// number it is that of the latest best epoch.
    pub fn least_epochs(&self) -> usize {
        let best = [self.best_val_accuracy, self.best_val_loss];
        let latest = best.iter().flatten().map(|best| best.epoch).max();
        self.epochs.or(latest).unwrap_or(1)
    }
}

/// Top-k accuracies on the test rows, each k with its share, in the file's order; keys like
/// `test_top_5_accuracy`.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct TestTopK(pub Vec<(usize, f64)>);

impl TestTopK {
    /// The one of that k, if it was measured.
    pub fn get(&self, k: usize) -> Option<f64> {
        self.0.iter().find(|(known, _)| *known == k).map(|(_, share)| *share)
    }
}

impl Serialize for TestTopK {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let named = |(k, share): &(usize, f64)| (format!("test_{}", top_k_name(*k)), *share);
        serializer.collect_map(self.0.iter().map(named))
    }
}

impl<'de> Deserialize<'de> for TestTopK {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        // Keys that a newer version may have are none of ours.
        let rest = serde_json::Map::deserialize(deserializer)?;
        let one = |(name, share): (&String, &serde_json::Value)| {
            Some((top_k_of_name(name.strip_prefix("test_")?)?, share.as_f64()?))
        };
        Ok(Self(rest.iter().filter_map(one).collect()))
    }
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

/// A run taken up again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Resumption {
    /// When, RFC 3339, UTC.
    pub at: String,
    /// The last epoch that was complete.
    pub after_epoch: usize,
}

/// The manifest of one trial.
// `remote` makes inherent functions of the derived code, which the traits below call.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(remote = "Self")]
pub struct Manifest {
    /// How far it has come.
    pub status: Status,
    /// Why it failed or diverged.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// What kind of failure it was, of a failed trial; missing in manifests of older versions.
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
    /// The same without the seed; missing in manifests of version 0.1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub case_hash: Option<String>,
    /// The data set's name.
    pub dataset: String,
    /// SHA-256 of its decompressed files.
    pub dataset_checksum: String,
    /// The shape of its images; missing in manifests of older versions.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dataset_shape: Option<DatasetShape>,
    /// SHA-256 of the file with the initial weights, where the experiment file names one; missing
    /// in manifests of older versions.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub initial_weights_checksum: Option<String>,
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
    /// The machine itself; missing in manifests of older versions.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub machine: Option<Machine>,
    /// The command line.
    pub command: Vec<String>,
    /// When training began, RFC 3339, UTC.
    pub started: String,
    /// When it was taken up again, each time.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub resumed: Vec<Resumption>,
    /// The most memory that the process has had up to the trial's end, other trials in it included.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub peak_memory_bytes: Option<u64>,
    /// The epoch whose weights `model.safetensors` holds, of a completed trial: the last one, unless
    /// `restore_best_weights` chose another. Version 0.1 did not write it;
    /// [`TrialDir::read`](super::TrialDir::read) then computes it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kept_epoch: Option<usize>,
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

impl Serialize for Manifest {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        Self::serialize(self, serializer)
    }
}

impl<'de> Deserialize<'de> for Manifest {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let mut manifest = Self::deserialize(deserializer)?;
        // To version 0.1 a divergence was a kind of failure.
        if manifest.status == Status::Failed && manifest.failure == Some(Failure::Diverged) {
            manifest.status = Status::Diverged;
            manifest.failure = None;
        }
        Ok(manifest)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::analysis::test_data::trial;

    #[test]
    fn a_divergence_that_version_0_1_recorded_is_read_as_one() {
        let mut old = serde_json::to_value(trial("e", "a", &[], 1, &[]).manifest).unwrap();
        old["failure"] = "diverged".into();
        let read: Manifest = serde_json::from_value(old.clone()).unwrap();
        assert_eq!((read.status, read.failure), (Status::Diverged, None));
        assert_eq!(serde_json::to_value(&read).unwrap()["status"], "diverged");
        old["failure"] = "timeout".into();
        let read: Manifest = serde_json::from_value(old).unwrap();
        assert_eq!((read.status, read.failure), (Status::Failed, Some(Failure::Timeout)));
    }
}
