//! How a trial stands: done, or to be trained, and why.

use super::Trial;
use crate::record::{
    Manifest, State, TrialDir, TrialLock, changes, read_metrics, recorded_settings, settings,
};

/// What the user wants of trials that have been trained before.
#[derive(Debug, Clone, Copy, Default)]
pub struct Policy {
    /// Train what is done, too.
    pub force: bool,
    /// Train what diverged, too.
    pub rerun_failed: bool,
}

/// What there is of a trial.
#[derive(Debug, Clone, PartialEq)]
pub enum Standing {
    /// Its finished results are in its folder.
    Done,
    /// They are in another folder of the results, from before something was renamed.
    DoneIn(TrialDir),
    /// It diverged, for this reason, as it would again.
    Diverged(String),
    /// It is to be trained.
    Open(Cause),
}

/// Why a trial is to be trained.
#[derive(Debug, Clone, PartialEq)]
pub enum Cause {
    /// There is nothing of it.
    New,
    /// The user wants it.
    Forced,
    /// What is in its folder was trained otherwise.
    Changed(Box<Manifest>),
    /// A file of its results is missing, incomplete or unreadable.
    Lacks(&'static str),
    /// It was ended by the user, or cut off, after so many epochs.
    CutOff(usize),
    /// It has failed, for this reason.
    Failed(String),
    /// It diverged, for this reason, and the user wants it again.
    Diverged(String),
    /// Another process is training it; if that one fails, it is to be done here.
    Elsewhere,
}

impl Trial {
    /// How it stands by what is in its folder.
    pub fn standing(&self, policy: Policy) -> Standing {
        let open = |cause| Standing::Open(if policy.force { Cause::Forced } else { cause });
        let Some(manifest) = self.dir.read_manifest() else {
            return if TrialLock::is_held(&self.dir) {
                Standing::Open(Cause::Elsewhere)
            } else if self.dir.manifest().exists() {
                open(Cause::Lacks("manifest.json"))
            } else {
                open(Cause::New)
            };
        };
        let state = self.dir.state(&manifest);
        if state == State::Running {
            return Standing::Open(Cause::Elsewhere);
        }
        if manifest.trial_hash != self.hash {
            return open(Cause::Changed(Box::new(manifest)));
        }
        let reason = || manifest.reason.clone().unwrap_or_default();
        match state {
            State::Done if policy.force => Standing::Open(Cause::Forced),
            State::Done if !self.dir.model().exists() => open(Cause::Lacks("model.safetensors")),
            State::Done if !self.dir.has_all_epochs(&manifest) => open(Cause::Lacks("metrics.csv")),
            State::Done => Standing::Done,
            State::Diverged if policy.force || policy.rerun_failed => {
                open(Cause::Diverged(reason()))
            }
            State::Diverged => Standing::Diverged(reason()),
            State::Failed => open(Cause::Failed(reason())),
            State::Interrupted => open(Cause::CutOff(self.epochs())),
            State::Running | State::ToDo => open(Cause::New),
        }
    }

    fn epochs(&self) -> usize {
        read_metrics(&self.dir.metrics()).map_or(0, |rows| rows.len())
    }

    /// What is different in the trial that its folder holds, each as `training.epochs 10 → 20`.
    /// `data` is the checksum of its data, `numerics` the version of its numbers.
    pub fn changes(&self, recorded: &Manifest, data: &str, numerics: u32) -> Vec<String> {
        let now = settings(&self.case().setup, self.backend);
        let mut changes = changes(&recorded_settings(&self.dir), &now);
        if recorded.dataset_checksum != data {
            changes.push("the data has changed".to_owned());
        }
        if recorded.versions.numerics != numerics {
            changes.push(format!("numerics {} → {numerics}", recorded.versions.numerics));
        }
        if changes.is_empty() {
            changes.push(match &self.initial {
                Some(_) => "the initial weights have changed".to_owned(),
                None => "it was trained by another version of bn-runner".to_owned(),
            });
        }
        changes
    }
}
