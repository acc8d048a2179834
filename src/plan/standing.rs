//! How a trial stands: done, or to be trained, and why.

use serde_json::Value;

use super::Trial;
use crate::record::{Failure, Manifest, State, TrialDir, TrialLock, read_metrics};

/// What the user wants of trials that have been trained before.
#[derive(Debug, Clone, Copy, Default)]
pub struct Policy {
    /// Train what is done, too.
    pub force: bool,
    /// Train what would fail again, too.
    pub rerun_failed: bool,
}

/// What there is of a trial.
#[derive(Debug, Clone, PartialEq)]
pub enum Standing {
    /// Its finished results are in its folder.
    Done,
    /// They are in another folder of the results, from before something was renamed.
    DoneIn(TrialDir),
    /// It has failed in a way in which it would fail again, for this reason.
    Failed(String),
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
    /// A file of its results is gone, or cannot be read.
    Lacks(&'static str),
    /// It was ended by the user, or cut off, after so many epochs.
    CutOff(usize),
    /// It has failed, for this reason.
    Failed(String),
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
            State::Done if self.epochs() == 0 => open(Cause::Lacks("metrics.csv")),
            State::Done => Standing::Done,
            State::Failed if policy.force || policy.rerun_failed => open(Cause::Failed(reason())),
            State::Failed => match manifest.failure {
                Some(Failure::Diverged) => Standing::Failed(reason()),
                Some(Failure::Timeout | Failure::Panic | Failure::Error) | None => {
                    open(Cause::Failed(reason()))
                }
            },
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
        let text = std::fs::read_to_string(self.dir.config()).unwrap_or_default();
        let before = serde_yaml::from_str::<Value>(&text).unwrap_or_default();
        let mut changes = Vec::new();
        if let Ok(now) = self.config_value() {
            for part in ["backend", "dataset", "model", "training", "diagnostics"] {
                compare(part, before.get(part), now.get(part), &mut changes);
            }
        }
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

/// Notes where two trees differ, at their leaves.
fn compare(path: &str, before: Option<&Value>, now: Option<&Value>, changes: &mut Vec<String>) {
    // Of these, the content counts.
    if before == now || ["dataset.idx", "dataset.name", "model.initial_weights"].contains(&path) {
        return;
    }
    match (before, now) {
        (Some(Value::Object(was)), Some(Value::Object(is))) => {
            for (key, now) in is {
                compare(&format!("{path}.{key}"), was.get(key), Some(now), changes);
            }
            for (key, before) in was.iter().filter(|(key, _)| !is.contains_key(*key)) {
                compare(&format!("{path}.{key}"), Some(before), None, changes);
            }
        }
        (Some(Value::Array(was)), Some(Value::Array(is))) if kinds(was) == kinds(is) => {
            for (index, (before, now)) in was.iter().zip(is).enumerate() {
                compare(&format!("{path}.{index}"), Some(before), Some(now), changes);
            }
        }
        (before, now) => changes.push(format!("{path} {} → {}", shown(before), shown(now))),
    }
}

/// The names of layers or callbacks; of a list of other things, their number.
fn kinds(list: &[Value]) -> Vec<&str> {
    list.iter().map(|item| kind(item).unwrap_or_default()).collect()
}

fn kind(item: &Value) -> Option<&str> {
    match item {
        Value::String(name) => Some(name),
        Value::Object(map) => map.keys().next().map(String::as_str),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::Array(_) => None,
    }
}

fn shown(value: Option<&Value>) -> String {
    match value {
        None | Some(Value::Null) => "nothing".to_owned(),
        Some(Value::String(text)) => text.clone(),
        // A stack of layers by their names, in short.
        Some(Value::Array(list)) if list.iter().all(|item| kind(item).is_some()) => {
            format!("[{}]", kinds(list).join(", "))
        }
        Some(value) => value.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn changes_are_named_by_their_paths_with_both_values() {
        let changes = |was: Value, is: Value| {
            let mut changes = Vec::new();
            compare("model", Some(&was), Some(&is), &mut changes);
            changes
        };
        let dense = |units| json!({ "dense": { "units": units, "activation": "relu" } });
        let layers = |list: Value| json!({ "layers": list });
        assert_eq!(
            changes(layers(json!(["flatten", dense(300)])), layers(json!(["flatten", dense(100)]))),
            ["model.layers.1.dense.units 300 → 100"]
        );
        assert_eq!(
            changes(layers(json!(["flatten"])), layers(json!(["flatten", dense(100)]))),
            ["model.layers [flatten] → [flatten, dense]"]
        );
        assert_eq!(
            changes(json!({ "a": 1, "b": { "c": 0.5 } }), json!({ "b": { "c": "x", "d": true } })),
            ["model.b.c 0.5 → x", "model.b.d nothing → true", "model.a 1 → nothing"]
        );
        assert_eq!(
            changes(json!({ "initial_weights": "a" }), json!({ "initial_weights": "b" })),
            Vec::<String>::new()
        );
    }
}
