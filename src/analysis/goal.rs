//! How long it takes until a metric is good enough.

use crate::record::{EpochRow, RecordedTrial};
use crate::spec::Relation;

use super::targets::first;
use super::{Aggregate, Case, EpochMetric, ExperimentResults};

/// The share of the best mean that is taken for good enough unless a target is given.
const GOOD_ENOUGH: f64 = 0.95;

/// A value that a metric has to reach.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Goal {
    /// Which metric.
    pub metric: EpochMetric,
    /// The value, from which side is the metric's business: a loss falls to it.
    pub value: f64,
}

impl Goal {
    /// 95 % of the best case's mean at the kept epochs, or of a loss as much more than it, in three
    /// digits.
    pub fn good_enough(results: &ExperimentResults, metric: EpochMetric) -> Option<Self> {
        let finals = results.cases.iter().filter_map(|case| {
            let kept = case.completed().filter_map(|trial| metric.of(trial.kept_row()?));
            Aggregate::of(kept.filter(|value| value.is_finite())).map(|kept| kept.mean)
        });
        let value = if metric.is_better_high() {
            finals.reduce(f64::max)? * GOOD_ENOUGH
        } else {
            finals.reduce(f64::min)? / GOOD_ENOUGH
        };
        let value = format!("{value:.3}").parse().unwrap_or(value);
        Some(Self { metric, value })
    }

    /// The first epoch in which a trial reached it.
    pub fn first(self, trial: &RecordedTrial) -> Option<&EpochRow> {
        let relation = match self.metric.is_better_high() {
            true => Relation::GreaterOrEqual,
            false => Relation::LessOrEqual,
        };
        first(&trial.epochs, self.metric, relation, self.value)
    }

    /// The first such epoch of each completed trial of a case that reached it.
    pub fn reached(self, case: &Case) -> Vec<&EpochRow> {
        case.completed().filter_map(|trial| self.first(trial)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::analysis::test_data::trial;

    #[test]
    fn the_first_epoch_at_the_target_counts_and_losses_fall_to_theirs() {
        let results = ExperimentResults::new(
            "e",
            "",
            vec![
                trial("e", "a", &[], 1, &[0.5, 0.77, 0.7]),
                trial("e", "a", &[], 2, &[0.5, 0.6, 0.9]),
                trial("e", "b", &[], 1, &[0.1, 0.2]),
            ],
        );
        // The best mean at the end is 0.8.
        let target = Goal::good_enough(&results, EpochMetric::ValAccuracy).unwrap();
        assert_eq!(target.value, 0.76);
        let epochs = |case: usize, target: Goal| {
            target.reached(&results.cases[case]).iter().map(|row| row.epoch).collect::<Vec<_>>()
        };
        assert_eq!((epochs(0, target), epochs(1, target)), (vec![2, 3], vec![]));
        // Losses are one minus accuracies: the best mean at the end is 0.2.
        let target = Goal::good_enough(&results, EpochMetric::ValLoss).unwrap();
        assert_eq!(target.value, 0.211);
        assert_eq!(epochs(0, target), [3]);
    }
}
