//! The folder of one trial: `<results>/<experiment>/<variant>[,<key>=<value>…]/seed-<s>/`.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};

use super::{
    Checkpoints, EpochRow, Manifest, Outcome, Status, kept_epoch, read_metrics, remove_unfinished,
    write_atomically,
};
use crate::spec::{CHECKPOINTS, CallbackSpec, FOLDED, SEED_PREFIX, TENSORBOARD};

/// Where a trial's files are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TrialDir {
    path: PathBuf,
}

/// One trial as its files tell of it.
#[derive(Debug, Clone)]
pub struct RecordedTrial {
    /// Where it is.
    pub dir: TrialDir,
    /// The variant with its grid values, as folders and legends show it.
    pub label: String,
    /// Its manifest.
    pub manifest: Manifest,
    /// Its epochs.
    pub epochs: Vec<EpochRow>,
}

impl RecordedTrial {
    /// The epoch whose weights the trial has: of a completed trial the kept one, of any other the
    /// last one. `None` before the first epoch, and where the kept epoch of a trial of version 0.1
    /// is unknown.
    pub fn kept_row(&self) -> Option<&EpochRow> {
        match (self.manifest.status, self.manifest.kept_epoch) {
            (Status::Completed, kept) => self.epochs.iter().find(|row| Some(row.epoch) == kept),
            (Status::Running | Status::Failed | Status::Diverged | Status::Interrupted, _) => {
                self.epochs.last()
            }
        }
    }

    /// Whether its loss became NaN or infinite.
    pub fn has_diverged(&self) -> bool {
        self.manifest.status == Status::Diverged
    }

    /// Whether its weights are of an earlier epoch than the last one.
    pub fn has_restored_weights(&self) -> bool {
        let last = self.epochs.last().map(|row| row.epoch);
        self.kept_row().is_some_and(|kept| Some(kept.epoch) != last)
    }
}

impl TrialDir {
    /// The folder for one seed of one case; nothing is created.
    pub fn new(results: &Path, experiment: &str, label: &str, seed: u64) -> Self {
        Self { path: results.join(experiment).join(label).join(format!("{SEED_PREFIX}{seed}")) }
    }

    /// A folder that exists already.
    pub fn existing(path: PathBuf) -> Self {
        Self { path }
    }

    /// The folder itself.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The resolved trial, re-runnable as it is.
    pub fn config(&self) -> PathBuf {
        self.path.join("config.yaml")
    }

    /// The manifest.
    pub fn manifest(&self) -> PathBuf {
        self.path.join("manifest.json")
    }

    /// One row per epoch.
    pub fn metrics(&self) -> PathBuf {
        self.path.join("metrics.csv")
    }

    /// A row per epoch and layer, where the file asks for diagnostics.
    pub fn diagnostics(&self) -> PathBuf {
        self.path.join("diagnostics.csv")
    }

    /// How activations and weights are distributed, epoch by epoch, likewise.
    pub fn histograms(&self) -> PathBuf {
        self.path.join("histograms.csv")
    }

    /// The final weights.
    pub fn model(&self) -> PathBuf {
        self.path.join("model.safetensors")
    }

    /// A file whose lock says that a process is at work on this trial; beside the folder.
    pub fn lock(&self) -> PathBuf {
        let name = self.path.file_name().unwrap_or_default().to_string_lossy();
        self.path.with_file_name(format!(".{name}.lock"))
    }

    /// The weights of the epoch with the lowest validation loss, where there is validation.
    pub fn best(&self) -> PathBuf {
        self.path.join("best.safetensors")
    }

    /// What a run that was cut off goes on from.
    pub fn checkpoints(&self) -> Checkpoints {
        Checkpoints::new(self.path.join(CHECKPOINTS))
    }

    /// Removes what a run that was killed left half-written. The trial's lock must be held.
    pub fn remove_unfinished(&self) {
        remove_unfinished(&self.path);
        remove_unfinished(self.checkpoints().folder());
        for folder in ["", "train", "validation"] {
            remove_unfinished(&self.tensorboard().join(folder));
        }
    }

    /// TensorBoard's event files.
    pub fn tensorboard(&self) -> PathBuf {
        self.path.join(TENSORBOARD)
    }

    /// The network without its batch normalizations, a folder with a config and weights of its own.
    pub fn folded(&self) -> Self {
        Self { path: self.path.join(FOLDED) }
    }

    /// The weights in a folder of a folded network.
    pub fn folded_weights(&self) -> PathBuf {
        self.path.join("folded.safetensors")
    }

    /// How a network was folded, and that it computes the same.
    pub fn fold_report(&self) -> PathBuf {
        self.path.join("fold.json")
    }

    /// How many test images of each class were taken for each.
    pub fn confusion_matrix(&self) -> PathBuf {
        self.path.join("confusion_matrix.csv")
    }

    /// Precision, recall and F1 of each class of the test images.
    pub fn class_metrics(&self) -> PathBuf {
        self.path.join("class_metrics.csv")
    }

    /// The test images whose wrong answers were the surest.
    pub fn mistakes(&self) -> PathBuf {
        self.path.join("mistakes.csv")
    }

    /// Those images, one below the other.
    pub fn mistakes_picture(&self) -> PathBuf {
        self.path.join("mistakes.png")
    }

    /// What was printed about this trial.
    pub fn log(&self) -> PathBuf {
        self.path.join("run.log")
    }

    /// Replaces the manifest.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn write_manifest(&self, manifest: &Manifest) -> Result<()> {
        let mut json = serde_json::to_string_pretty(manifest)?;
        json.push('\n');
        write_atomically(&self.manifest(), json.as_bytes())
    }

    /// The manifest, or `None` where there is none or it is of another format.
    pub fn read_manifest(&self) -> Option<Manifest> {
        serde_json::from_slice(&std::fs::read(self.manifest()).ok()?).ok()
    }

    /// Whether the folder holds the finished results of the trial with this identity.
    pub fn is_finished(&self, trial_hash: &str) -> bool {
        self.read_manifest().is_some_and(|manifest| {
            manifest.status == Status::Completed
                && manifest.trial_hash == trial_hash
                && self.model().exists()
                && self.has_all_epochs(&manifest)
        })
    }

    /// Whether `metrics.csv` has a row for every epoch of the completed trial of this manifest.
    pub fn has_all_epochs(&self, manifest: &Manifest) -> bool {
        let epochs = read_metrics(&self.metrics()).map_or(0, |rows| rows.len());
        epochs >= manifest.outcome.as_ref().map_or(1, Outcome::least_epochs)
    }

    /// Whether the folder holds a trial with this identity that diverged.
    pub fn is_diverged(&self, trial_hash: &str) -> bool {
        self.read_manifest().is_some_and(|manifest| {
            manifest.status == Status::Diverged && manifest.trial_hash == trial_hash
        })
    }

    /// The epoch whose weights a completed trial has kept, by the callbacks in its `config.yaml`;
    /// `None` where that file cannot be read.
    fn kept_epoch(&self, epochs: &[EpochRow]) -> Option<usize> {
        let text = std::fs::read_to_string(self.config()).ok()?;
        let config: serde_json::Value = serde_yaml::from_str(&text).ok()?;
        let callbacks = config.pointer("/training/callbacks").cloned();
        let callbacks: Vec<CallbackSpec> =
            callbacks.map_or(Ok(Vec::new()), serde_json::from_value).ok()?;
        kept_epoch(&callbacks, epochs)
    }

    /// Manifest and metrics together. What older versions did not record is computed.
    ///
    /// # Errors
    /// When the folder holds no trial, or lacks epochs of a completed one; the message names the
    /// file that is missing, incomplete or unreadable.
    pub fn read(&self) -> Result<RecordedTrial> {
        let path = self.manifest();
        let text =
            std::fs::read(&path).with_context(|| format!("cannot read `{}`", path.display()))?;
        let mut manifest: Manifest = serde_json::from_slice(&text)
            .with_context(|| format!("`{}` is not a manifest of this version", path.display()))?;
        let label = self
            .path
            .parent()
            .and_then(Path::file_name)
            .map_or_else(|| manifest.variant.clone(), |name| name.to_string_lossy().into_owned());
        let metrics = self.metrics();
        let epochs = if metrics.exists() { read_metrics(&metrics)? } else { Vec::new() };
        if let Some(outcome) =
            manifest.outcome.as_ref().filter(|_| manifest.status == Status::Completed)
        {
            let (rows, least) = (epochs.len(), outcome.least_epochs());
            // Half of a file would be read as a shorter run, with other results.
            ensure!(
                rows >= least,
                "`{}` is incomplete: it ends after epoch {rows} of {least}; copy the trial again, or \
                 train it again with `bn-runner run`",
                metrics.display(),
            );
        }
        if manifest.status == Status::Completed && manifest.kept_epoch.is_none() {
            manifest.kept_epoch = self.kept_epoch(&epochs);
        }
        Ok(RecordedTrial { dir: self.clone(), label, manifest, epochs })
    }
}
