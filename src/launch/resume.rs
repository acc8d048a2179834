//! Finds what an earlier run of a trial has left to go on from.

use std::collections::HashMap;
use std::path::Path;

use crate::model::Placed;
use crate::plan::Trial;
use crate::record::{DiagnosticsTexts, Manifest, Status};
use crate::train::{Checkpoint, notes, notes_in};

/// The key of a trial's lineage among a checkpoint's notes.
pub const LINEAGE: &str = "lineage";
/// The key of all of `metrics.csv` up to the checkpoint, so that the two cannot disagree.
pub const METRICS: &str = "metrics";
/// Those of the files of diagnostics, likewise, where the trial has them.
pub const DIAGNOSTICS: &str = "diagnostics";
/// See [`DIAGNOSTICS`].
pub const HISTOGRAMS: &str = "histograms";

/// What training goes on from.
pub struct Resume {
    /// The run so far.
    pub checkpoint: Checkpoint,
    /// The checkpoint's file.
    pub content: Vec<u8>,
    /// `metrics.csv` so far.
    pub metrics: String,
    /// The files of diagnostics so far.
    pub diagnostics: Option<DiagnosticsTexts>,
    /// The manifest in the folder, where it is of this very trial and tells of no end.
    pub unfinished: Option<Manifest>,
}

/// The epoch after which a trial would go on, where it would not begin anew.
pub fn goes_on_after(trial: &Trial) -> Option<usize> {
    trial.dir.read_manifest()?;
    latest(trial, |path, epoch| {
        notes_in(path).is_ok_and(|notes| is_of(&notes, trial)).then_some(epoch)
    })
}

/// What is found in the latest of the checkpoints in a trial's folder, none of them beyond the trial's
/// end, in which anything is found.
fn latest<T>(trial: &Trial, find: impl Fn(&Path, usize) -> Option<T>) -> Option<T> {
    let checkpoints = trial.dir.checkpoints();
    let wanted = trial.case().setup.training.epochs;
    let mut epochs = checkpoints.epochs().into_iter().filter(|epoch| *epoch <= wanted);
    epochs.find_map(|epoch| find(&checkpoints.of(epoch), epoch))
}

/// Whether a checkpoint with these notes is of a trial, or of a shorter or longer run of it.
fn is_of(notes: &HashMap<String, String>, trial: &Trial) -> bool {
    notes.get(LINEAGE) == Some(&trial.lineage) && notes.contains_key(METRICS)
}

impl Resume {
    /// The latest checkpoint in a trial's folder that is of this trial, or of a shorter or longer
    /// run of the same lineage. What cannot be read is passed over: an older one will do, or none.
    pub fn find(trial: &Trial, placed: &[Placed]) -> Option<Self> {
        let manifest = trial.dir.read_manifest()?;
        let (checkpoint, content, mut notes) = latest(trial, |path, _| {
            let content = std::fs::read(path).ok()?;
            let notes = notes(&content).ok().filter(|notes| is_of(notes, trial))?;
            let checkpoint = Checkpoint::from_bytes(&content, placed).ok()?;
            Some((checkpoint, content, notes))
        })?;
        let metrics = notes.remove(METRICS)?;
        let diagnostics = notes.remove(DIAGNOSTICS).zip(notes.remove(HISTOGRAMS));
        let diagnostics =
            diagnostics.map(|(rows, histograms)| DiagnosticsTexts { rows, histograms });
        let unfinished = manifest.trial_hash == trial.hash && manifest.status != Status::Completed;
        let unfinished = unfinished.then_some(manifest);
        Some(Self { checkpoint, content, metrics, diagnostics, unfinished })
    }
}
