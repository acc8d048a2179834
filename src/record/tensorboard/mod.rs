//! `tensorboard/`: what was recorded, as event files that TensorBoard reads.
//!
//! All of it follows from a trial's `manifest.json`, `config.yaml`, `metrics.csv` and
//! `histograms.csv`, times included: the same records give the same files, whenever they are made. So they can be made
//! while a trial is trained, after it was gone on with, or long after its end. In them are
//! - `tensorboard/train/` and `tensorboard/validation/`: numbers of each epoch under the names that
//!   Keras' `TensorBoard` callback gives them, its first epoch at step 0; and with `train/` the
//!   histograms of diagnostics, where there are any;
//! - `tensorboard/` itself: the trial's settings and its end, a *session* of the HPARAMS tab, and the
//!   numbers of the test;
//! - `<results>/tensorboard/`: the one summary of all trials in a folder of results. TensorBoard
//!   takes the first such summary that it finds, so one of each experiment would not do.

mod events;
mod hparams;
mod messages;

use std::path::{Path, PathBuf};

use anyhow::Result;

use super::{
    EpochRow, Found, Histogram, Manifest, RecordedTrial, Status, TrialDir, TrialLock,
    read_histograms,
};
use crate::spec::{TENSORBOARD, top_k_name};
use events::Events;
use messages::{HParamsData, SessionEnd, SessionStart, SessionStatus};

/// The folder of training's numbers.
const TRAIN: &str = "train";
/// The folder of validation's numbers.
const VALIDATION: &str = "validation";

/// The event files of a trial that is being trained.
#[derive(Debug)]
pub struct TensorBoard {
    dir: TrialDir,
    clock: Clock,
    train: PathBuf,
    validation: PathBuf,
}

impl TensorBoard {
    /// Writes what is recorded so far, unless it is there. The trial's lock must be held.
    ///
    /// # Errors
    /// When a file cannot be read or written.
    pub fn start(dir: &TrialDir) -> Result<Self> {
        let trial = dir.read()?;
        write(&trial)?;
        let name = file_name(&trial.manifest);
        Ok(Self {
            dir: dir.clone(),
            clock: Clock::of(&trial.manifest),
            train: dir.tensorboard().join(TRAIN).join(&name),
            validation: dir.tensorboard().join(VALIDATION).join(&name),
        })
    }

    /// Adds the last of a trial's epochs, with the histograms that were recorded of it.
    ///
    /// # Errors
    /// When a file cannot be written.
    pub fn epoch(&self, epochs: &[EpochRow], histograms: &[Histogram]) -> Result<()> {
        let Some(row) = epochs.last() else { return Ok(()) };
        let at = self.clock.end_of(row, epochs);
        let mut events = Events::default();
        train(&mut events, at, row, histograms);
        events.append(&self.train)?;
        if has_validation(row) {
            // The file begins with its first numbers.
            if !self.validation.exists() {
                Events::starting(self.clock.started).write(&self.validation)?;
            }
            let mut events = Events::default();
            validation(&mut events, at, row);
            events.append(&self.validation)?;
        }
        Ok(())
    }

    /// Adds how the trial ended, as its manifest says.
    ///
    /// # Errors
    /// When a file cannot be read or written.
    pub fn end(&self) -> Result<()> {
        write(&self.dir.read()?)
    }
}

/// Writes the event files of a trial that nobody is at work on; of one that somebody is, that
/// process writes them.
///
/// # Errors
/// When a file cannot be read or written.
pub fn write_tensorboard(dir: &TrialDir) -> Result<()> {
    match TrialLock::take(dir)? {
        Some(_lock) => write(&dir.read()?),
        None => Ok(()),
    }
}

/// Writes the summary of all trials in a folder of results that have event files.
///
/// # Errors
/// When a folder cannot be read or the file cannot be written.
pub fn write_tensorboard_summary(results: &Path) -> Result<()> {
    let found = Found::below(&[results])?;
    let (mut trials, mut top_k) = (Vec::new(), Vec::new());
    let mut created = f64::INFINITY;
    let dirs = found.trials.iter().map(|found| &found.dir);
    for dir in dirs.filter(|dir| dir.tensorboard().is_dir()) {
        // One that cannot be read was told of, and has no session.
        let Ok(trial) = dir.read() else { continue };
        trials.push(hparams::settings(&trial.manifest, &config(&trial)));
        top_k.extend(trial.epochs.first().into_iter().flat_map(|row| &row.top_k).map(|top| top.k));
        created = created.min(seconds(&trial.manifest.started));
    }
    if trials.is_empty() {
        return Ok(());
    }
    top_k.sort_unstable();
    top_k.dedup();
    let mut events = Events::starting(created);
    let experiment = hparams::experiment(created, &trials, &top_k);
    events.hparams(created, "_hparams_/experiment", HParamsData::Experiment(experiment));
    events.write(&results.join(TENSORBOARD).join("events.out.tfevents.summary"))
}

/// Writes the three files of a trial.
fn write(trial: &RecordedTrial) -> Result<()> {
    let RecordedTrial { dir, manifest, epochs, .. } = trial;
    let (folder, name) = (dir.tensorboard(), file_name(manifest));
    let clock = Clock::of(manifest);
    session(trial, &clock).write(&folder.join(&name))?;
    let mut numbers = Events::starting(clock.started);
    let mut of_validation = Events::starting(clock.started);
    let histograms = read_histograms(&dir.histograms())?;
    let mut histograms = histograms.chunk_by(|a, b| a.epoch == b.epoch).peekable();
    for row in epochs {
        let at = clock.end_of(row, epochs);
        let of_epoch = histograms.next_if(|list| list[0].epoch == row.epoch);
        train(&mut numbers, at, row, of_epoch.unwrap_or_default());
        validation(&mut of_validation, at, row);
    }
    numbers.write(&folder.join(TRAIN).join(&name))?;
    if epochs.iter().any(has_validation) {
        of_validation.write(&folder.join(VALIDATION).join(&name))?;
    }
    Ok(())
}

/// A trial's settings, its test, and its end.
fn session(trial: &RecordedTrial, clock: &Clock) -> Events {
    let manifest = &trial.manifest;
    let start = SessionStart {
        hparams: hparams::settings(manifest, &config(trial)),
        start_time_secs: clock.started,
    };
    let mut events = Events::starting(clock.started);
    let tag = "_hparams_/session_start_info";
    events.hparams(clock.started, tag, HParamsData::SessionStart(start));
    let status = match manifest.status {
        Status::Completed => SessionStatus::Success,
        // TensorBoard knows no state between the two.
        Status::Failed | Status::Diverged => SessionStatus::Failure,
        // The next run goes on with it.
        Status::Interrupted | Status::Running => return events,
    };
    let ended = manifest.ended.as_deref().map_or(clock.started, seconds);
    if let Some(outcome) = &manifest.outcome {
        let step = trial.epochs.last().map_or(0, step);
        let mut scalar = |tag: &str, value| events.scalar(ended, step, tag, value);
        scalar("test_accuracy", outcome.test_accuracy);
        scalar("test_loss", outcome.test_loss);
        for &(k, share) in &outcome.test_top_k.0 {
            scalar(&format!("test_{}", top_k_name(k)), share);
        }
    }
    let end = SessionEnd { status: status.into(), end_time_secs: ended };
    events.hparams(ended, "_hparams_/session_end_info", HParamsData::SessionEnd(end));
    events
}

fn train(events: &mut Events, at: f64, row: &EpochRow, histograms: &[Histogram]) {
    let mut scalar = |tag: &str, value| events.scalar(at, step(row), tag, value);
    scalar("epoch_accuracy", row.accuracy);
    scalar("epoch_loss", row.loss);
    for top in &row.top_k {
        scalar(&format!("epoch_{}", top_k_name(top.k)), top.accuracy);
    }
    scalar("epoch_learning_rate", row.learning_rate);
    for histogram in histograms {
        // As Keras calls those of weights; it has none of activations.
        let tag = format!("{}/{}/histogram", histogram.layer, histogram.quantity);
        events.histogram(at, step(row), &tag, histogram);
    }
}

fn has_validation(row: &EpochRow) -> bool {
    row.val_accuracy.is_some() || row.val_loss.is_some()
}

fn validation(events: &mut Events, at: f64, row: &EpochRow) {
    let mut scalar = |tag: &str, value: Option<f64>| {
        if let Some(value) = value {
            events.scalar(at, step(row), tag, value);
        }
    };
    scalar("epoch_accuracy", row.val_accuracy);
    scalar("epoch_loss", row.val_loss);
    for top in &row.top_k {
        scalar(&format!("epoch_{}", top_k_name(top.k)), top.val_accuracy);
    }
}

/// Keras counts epochs from 0.
fn step(row: &EpochRow) -> usize {
    row.epoch.saturating_sub(1)
}

/// A trial's `config.yaml`; nothing where it cannot be read.
fn config(trial: &RecordedTrial) -> serde_json::Value {
    let text = std::fs::read_to_string(trial.dir.config()).unwrap_or_default();
    serde_yaml::from_str(&text).unwrap_or_default()
}

/// Files of another training have another name, so that a TensorBoard that looks on takes them for
/// what they are.
fn file_name(manifest: &Manifest) -> String {
    let plain = |c: char| if c.is_ascii_alphanumeric() || "-.".contains(c) { c } else { '_' };
    let host: String = manifest.host.chars().map(plain).collect();
    format!("events.out.tfevents.{:.0}.{host}", seconds(&manifest.started))
}

/// A time in the manifest as seconds since 1970.
fn seconds(time: &str) -> f64 {
    let time: Option<jiff::Timestamp> = time.parse().ok();
    time.map_or(0.0, |time| time.as_millisecond() as f64 / 1e3)
}

/// Tells when an epoch was over.
#[derive(Debug)]
struct Clock {
    started: f64,
    /// Each time the trial was taken up again: after which epoch, and when.
    resumed: Vec<(usize, f64)>,
}

impl Clock {
    fn of(manifest: &Manifest) -> Self {
        let resumed = manifest.resumed.iter();
        Self {
            started: seconds(&manifest.started),
            resumed: resumed.map(|again| (again.after_epoch, seconds(&again.at))).collect(),
        }
    }

    /// Seconds since 1970 at the end of one of the epochs so far.
    fn end_of(&self, row: &EpochRow, epochs: &[EpochRow]) -> f64 {
        // From the end of one epoch to that of this one, in training.
        let since = |epoch: usize| {
            let first = epoch.checked_sub(1).and_then(|index| epochs.get(index));
            row.elapsed_seconds - first.map_or(0.0, |first| first.elapsed_seconds)
        };
        let last = self.resumed.iter().rev().find(|(after, _)| *after < row.epoch);
        let (after, at) = last.copied().unwrap_or((0, self.started));
        // The first epochs of a longer run are those of a shorter one, from before its own start.
        let later = self.resumed.iter().filter(|(after, _)| *after >= row.epoch);
        later.fold(at + since(after), |at, (after, again)| at.min(again + since(*after)))
    }
}
