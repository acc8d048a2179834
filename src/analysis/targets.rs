//! How long training takes to get somewhere.

use crate::record::{EpochRow, RecordedTrial, Status};
use crate::spec::{Relation, Target};

use super::{Case, EpochMetric};

/// The first epoch that reached a target; `None` if none did.
pub fn epochs_to(epochs: &[EpochRow], target: Target) -> Option<usize> {
    of_target(epochs, target).map(|row| row.epoch)
}

/// Seconds from the start of training to the end of the first epoch that reached a target; `None`
/// if none did.
pub fn seconds_to(epochs: &[EpochRow], target: Target) -> Option<f64> {
    of_target(epochs, target).map(|row| row.elapsed_seconds)
}

fn of_target(epochs: &[EpochRow], target: Target) -> Option<&EpochRow> {
    first(epochs, target.metric.into(), target.relation, target.value)
}

/// The first epoch whose metric is in a relation to a value.
pub(super) fn first(
    epochs: &[EpochRow],
    metric: EpochMetric,
    relation: Relation,
    value: f64,
) -> Option<&EpochRow> {
    epochs.iter().find(|row| metric.of(row).is_some_and(|number| relation.holds(number, value)))
}

impl Case {
    /// For each seed that was trained to its result, the first epoch that reached a target. A trial
    /// that diverged never reaches one.
    pub fn epochs_to(&self, target: Target) -> Vec<(u64, Option<usize>)> {
        self.until(|epochs| epochs_to(epochs, target))
    }

    /// The same in seconds of training.
    pub fn seconds_to(&self, target: Target) -> Vec<(u64, Option<f64>)> {
        self.until(|epochs| seconds_to(epochs, target))
    }

    fn until<T>(&self, reached: impl Fn(&[EpochRow]) -> Option<T>) -> Vec<(u64, Option<T>)> {
        let of_trial = |trial: &RecordedTrial| {
            let reached = match trial.manifest.status {
                Status::Completed => reached(&trial.epochs),
                Status::Diverged => None,
                Status::Running | Status::Failed | Status::Interrupted => return None,
            };
            Some((trial.manifest.seed, reached))
        };
        self.trials.iter().filter_map(of_trial).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::analysis::test_data::{diverged, epoch, trial};
    use crate::spec::Monitor;

    fn target(metric: Monitor, relation: Relation, value: f64) -> Target {
        Target { metric, relation, value }
    }

    #[test]
    fn the_first_epoch_counts_even_if_later_ones_fall_back() {
        let epochs = [epoch(1, 0.5), epoch(2, 0.8), epoch(3, 0.7), epoch(4, 0.9)];
        let reach = |relation, value| target(Monitor::ValAccuracy, relation, value);
        assert_eq!(epochs_to(&epochs, reach(Relation::GreaterOrEqual, 0.8)), Some(2));
        assert_eq!(epochs_to(&epochs, reach(Relation::Greater, 0.8)), Some(4));
        assert_eq!(epochs_to(&epochs, reach(Relation::Greater, 0.95)), None);
        // Two seconds an epoch.
        assert_eq!(seconds_to(&epochs, reach(Relation::GreaterOrEqual, 0.8)), Some(4.0));
        // In the test data the loss is one minus the accuracy.
        let low = target(Monitor::ValLoss, Relation::LessOrEqual, 0.31);
        assert_eq!(epochs_to(&epochs, low), Some(2));
    }

    #[test]
    fn each_seed_of_a_case_is_told_also_one_that_never_got_there() {
        let trials = vec![
            trial("e", "a", &[], 1, &[0.5, 0.9]),
            trial("e", "a", &[], 2, &[0.5, 0.6]),
            trial("e", "a", &[], 3, &[]),
            diverged("e", "a", 4, &[0.9]),
        ];
        let results = crate::analysis::ExperimentResults::new("e", "", trials);
        let reach = target(Monitor::ValAccuracy, Relation::GreaterOrEqual, 0.8);
        assert_eq!(results.cases[0].epochs_to(reach), [(1, Some(2)), (2, None), (4, None)]);
        assert_eq!(results.cases[0].seconds_to(reach), [(1, Some(4.0)), (2, None), (4, None)]);
    }
}
