//! Trials made up for tests.

use std::path::PathBuf;

use serde_json::json;

use crate::record::{EpochRow, Manifest, Outcome, RecordedTrial, Status, TestTopK, TrialDir};
use crate::spec::GridValue;

/// An epoch of two seconds with a validation accuracy; every loss is one minus its accuracy.
pub(crate) fn epoch(epoch: usize, val_accuracy: f64) -> EpochRow {
    EpochRow {
        epoch,
        accuracy: val_accuracy - 0.05,
        loss: 1.05 - val_accuracy,
        val_accuracy: Some(val_accuracy),
        val_loss: Some(1.0 - val_accuracy),
        learning_rate: 0.01,
        epoch_seconds: 2.0,
        elapsed_seconds: 2.0 * epoch as f64,
        top_k: Vec::new(),
    }
}

/// A trial with the given validation accuracies; its test accuracy is the last of them, and its kept
/// epoch the last one. A trial without any has failed.
pub(crate) fn trial(
    experiment: &str,
    label: &str,
    grid: &[(&str, serde_json::Value)],
    seed: u64,
    val_accuracies: &[f64],
) -> RecordedTrial {
    let status = if val_accuracies.is_empty() { Status::Failed } else { Status::Completed };
    let outcome = val_accuracies.last().map(|accuracy| Outcome {
        best_val_accuracy: None,
        best_val_loss: None,
        test_accuracy: *accuracy,
        test_loss: 1.0 - accuracy,
        test_top_k: TestTopK::default(),
        train_seconds: 2.0 * val_accuracies.len() as f64,
        samples_per_second: 27500.0,
        epochs: Some(val_accuracies.len()),
    });
    let manifest = json!({
        "status": status, "reason": val_accuracies.is_empty().then_some("=out of memory"),
        "experiment": experiment, "variant": label.split(',').next(),
        "grid": grid.iter().map(|(key, value)| GridValue { key: (*key).into(), value: value.clone() })
            .collect::<Vec<_>>(),
        "seed": seed, "backend": "flex", "device": "cpu", "trial_hash": format!("{seed:x}"),
        "dataset": "fashion_mnist", "dataset_checksum": "",
        "parameters": {"total": 271_346, "trainable": 268_978, "non_trainable": 2_368},
        "epochs": 10, "jobs": 1,
        "versions": {"bn_runner": "", "git_commit": null, "numerics": 1, "burn": "", "rustc": ""},
        "host": "", "platform": "", "command": [], "started": "2026-01-01T00:00:00Z",
        "ended": null,
    });
    RecordedTrial {
        dir: TrialDir::existing(PathBuf::new()),
        label: label.to_owned(),
        // Not by way of JSON, which has no NaN.
        manifest: Manifest {
            outcome,
            kept_epoch: Some(val_accuracies.len()).filter(|epochs| *epochs > 0),
            ..serde_json::from_value(manifest).expect("a manifest")
        },
        epochs: val_accuracies.iter().enumerate().map(|(i, v)| epoch(i + 1, *v)).collect(),
    }
}

/// A trial that diverged after the epochs with the given validation accuracies.
pub(crate) fn diverged(
    experiment: &str,
    label: &str,
    seed: u64,
    val_accuracies: &[f64],
) -> RecordedTrial {
    let mut trial = trial(experiment, label, &[], seed, val_accuracies);
    trial.manifest = Manifest {
        status: Status::Diverged,
        reason: Some(format!("the loss became NaN in epoch {}, step 1", val_accuracies.len() + 1)),
        outcome: None,
        kept_epoch: None,
        ..trial.manifest
    };
    trial
}
