//! Callbacks that never act, or that act on the worst epoch.

use crate::spec::{CallbackSpec, EarlyStopping, Finding, Mode, Monitor, Path, TrainingSpec};

use super::{Lint, Warnings};

/// Warnings about `training.callbacks`.
pub fn check(training: &TrainingSpec, warnings: &mut Warnings) {
    let list = Path::default().key("training").key("callbacks");
    for (i, callback) in training.callbacks.iter().enumerate() {
        let path = list.index(i).key(callback.kind());
        let (mode, monitor) = match callback {
            CallbackSpec::EarlyStopping(keys) => (keys.mode, keys.monitor),
            CallbackSpec::ReduceLrOnPlateau(keys) => (keys.mode, keys.monitor),
        };
        against(mode, monitor, &path, warnings);
        patience(callback, training.epochs, &path, warnings);
    }
}

fn against(mode: Mode, monitor: Monitor, callback: &Path, warnings: &mut Warnings) {
    let is_loss = match monitor {
        Monitor::ValLoss | Monitor::Loss => true,
        Monitor::ValAccuracy
        | Monitor::Accuracy
        | Monitor::ValTopKAccuracy(_)
        | Monitor::TopKAccuracy(_) => false,
    };
    let (word, other) = match (mode, is_loss) {
        (Mode::Min, false) => ("min", "max"),
        (Mode::Max, true) => ("max", "min"),
        (Mode::Auto, _) | (Mode::Min, true) | (Mode::Max, false) => return,
    };
    let finding = Finding::new(
        callback.key("mode"),
        format!("`mode: {word}` takes the worst `{}` for the best one", monitor.name()),
        format!("leave `mode` out, or write `mode: {other}`"),
    );
    warnings.push((Lint::ModeAgainstMetric, finding));
}

fn patience(callback: &CallbackSpec, epochs: usize, path: &Path, warnings: &mut Warnings) {
    let (patience, first, acts) = match callback {
        // The best weights are kept and restored whether or not training stops early.
        CallbackSpec::EarlyStopping(EarlyStopping { restore_best_weights: true, .. }) => return,
        CallbackSpec::EarlyStopping(keys) => (keys.patience, earliest_stop(keys), "stop training"),
        CallbackSpec::ReduceLrOnPlateau(keys) => {
            // The first epoch is the best so far.
            let first = keys.patience.max(1).saturating_add(1);
            (keys.patience, first, "lower the learning rate")
        }
    };
    // What happens after the last epoch changes nothing.
    if first < epochs {
        return;
    }
    let finding = Finding::new(
        path.key("patience"),
        format!(
            "with patience {patience}, the earliest epoch to {acts} after is {first}; the run has \
             {epochs} {}",
            if epochs == 1 { "epoch" } else { "epochs" }
        ),
        "give a smaller `patience`, train for more epochs, or leave the callback out",
    );
    warnings.push((Lint::PatienceBeyondEpochs, finding));
}

/// The earliest epoch, from 1, after which early stopping can end training.
fn earliest_stop(keys: &EarlyStopping) -> usize {
    // The first epoch that counts is the best so far. With a baseline that it does not pass, it
    // counts as one without improvement all the same.
    let until_stop = match keys.baseline {
        None => keys.patience.max(1).saturating_add(1),
        Some(_) => keys.patience.max(2),
    };
    keys.start_from_epoch.saturating_add(until_stop)
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::super::test_setup::{FACTS, codes_of, dense, one, setup, words};
    use super::*;
    use crate::spec::Setup;

    fn with(callback: Value, epochs: usize) -> Setup {
        let mut setup = setup(json!([dense(json!({}))]));
        setup.training.epochs = epochs;
        setup.training.callbacks = vec![serde_json::from_value(callback).unwrap()];
        setup
    }

    #[test]
    fn a_patience_that_the_epochs_cannot_exceed_is_warned_of() {
        let stopping = |keys: Value, epochs| {
            codes_of(&with(json!({ "early_stopping": keys }), epochs), &FACTS)
        };
        let place = "training.callbacks[0].early_stopping.patience";
        let expected = one(Lint::PatienceBeyondEpochs, place);
        assert_eq!(stopping(json!({"patience": 10}), 10), expected);
        assert_eq!(stopping(json!({"patience": 10}), 11), expected, "after the last epoch");
        assert_eq!(stopping(json!({"patience": 10}), 12), []);
        assert_eq!(stopping(json!({"patience": 5, "start_from_epoch": 6}), 12), expected);
        assert_eq!(stopping(json!({"patience": 5, "start_from_epoch": 5}), 12), []);
        assert_eq!(stopping(json!({"patience": 10, "restore_best_weights": true}), 10), []);

        let plateau = |keys: Value, epochs| {
            codes_of(&with(json!({ "reduce_lr_on_plateau": keys }), epochs), &FACTS)
        };
        let place = "training.callbacks[0].reduce_lr_on_plateau.patience";
        let expected = one(Lint::PatienceBeyondEpochs, place);
        assert_eq!(plateau(json!({}), 10), expected, "Keras' default of 10");
        assert_eq!(plateau(json!({"patience": 3}), 10), []);

        let (message, _) = words(&with(json!({"early_stopping": {"patience": 20}}), 10));
        assert_eq!(
            message,
            "with patience 20, the earliest epoch to stop training after is 21; the run has 10 epochs"
        );
    }

    #[test]
    fn a_mode_that_takes_the_worst_for_the_best_is_warned_of() {
        let codes = |kind: &str, monitor: &str, mode: &str| {
            let keys = json!({ "monitor": monitor, "mode": mode, "patience": 3 });
            codes_of(&with(json!({ kind: keys }), 10), &FACTS)
        };
        for kind in ["early_stopping", "reduce_lr_on_plateau"] {
            let place = format!("training.callbacks[0].{kind}.mode");
            let expected = one(Lint::ModeAgainstMetric, &place);
            assert_eq!(codes(kind, "accuracy", "min"), expected);
            assert_eq!(codes(kind, "val_top_3_accuracy", "min"), expected);
            assert_eq!(codes(kind, "val_loss", "max"), expected);
            for (monitor, mode) in [("accuracy", "max"), ("loss", "min"), ("val_accuracy", "auto")]
            {
                assert_eq!(codes(kind, monitor, mode), []);
            }
        }
    }
}
