//! Which case is better. Cases are selected by validation; test results select nothing.

use std::cmp::Ordering;

use crate::record::Status;

use super::{Case, ExperimentResults, Metric};

/// What cases are ranked by where nothing else is asked for.
pub const SELECTION: Metric = Metric::ValAccuracy;

/// The cases of an experiment from best to worst by the mean of a metric.
#[derive(Debug, Clone)]
pub struct Ranking<'a> {
    /// The cases, best first. Those without a value come last, in the order of the plan.
    pub cases: Vec<RankedCase<'a>>,
}

/// A case in a ranking.
#[derive(Debug, Clone, Copy)]
pub struct RankedCase<'a> {
    /// The case.
    pub case: &'a Case,
    /// Its place in the experiment, from 0.
    pub index: usize,
    /// What it is ranked by; `None` where there is nothing to rank it by.
    pub score: Option<f64>,
}

impl<'a> Ranking<'a> {
    /// By validation accuracy.
    pub fn of(results: &'a ExperimentResults) -> Self {
        Self::by(results, SELECTION)
    }

    /// By some metric.
    pub fn by(results: &'a ExperimentResults, metric: Metric) -> Self {
        let all: Vec<&Case> = results.cases.iter().collect();
        let scores = scores(&all, metric);
        let mut cases: Vec<RankedCase<'_>> = all
            .into_iter()
            .zip(scores)
            .enumerate()
            .map(|(index, (case, score))| RankedCase { case, index, score })
            .collect();
        // Stable: of equals the first of the plan comes first.
        cases.sort_by(|a, b| better_first(a.score, b.score, metric));
        Self { cases }
    }

    /// Whether there is anything to rank by.
    pub fn is_decided(&self) -> bool {
        self.best().is_some()
    }

    /// The best case, of those with a completed trial.
    pub fn best(&self) -> Option<RankedCase<'a>> {
        let first = self.cases.first().copied()?;
        (first.score.is_some() && first.case.count(Status::Completed) > 0).then_some(first)
    }
}

/// What each of some cases is ranked by, see [`Case::score`]; nothing for any of them where no
/// completed trial has the metric.
fn scores(cases: &[&Case], metric: Metric) -> Vec<Option<f64>> {
    let known = cases.iter().any(|case| case.aggregate(metric).is_some());
    cases.iter().map(|case| case.score(metric).filter(|_| known)).collect()
}

/// The order of two scores: the better first, those that are missing last.
fn better_first(a: Option<f64>, b: Option<f64>, metric: Metric) -> Ordering {
    match (a, b) {
        (Some(a), Some(b)) if metric.is_better_high() => b.total_cmp(&a),
        (Some(a), Some(b)) => a.total_cmp(&b),
        (a, b) => b.is_some().cmp(&a.is_some()),
    }
}

impl Case {
    /// The mean of a metric over the completed seeds and those that diverged, which count as worst:
    /// 0 for an accuracy, infinity for a loss. `None` where no seed has a finite value or diverged.
    pub fn score(&self, metric: Metric) -> Option<f64> {
        let worst = metric.worst();
        let diverged = self.trials.iter().filter(|trial| trial.has_diverged());
        let values: Vec<f64> = self
            .completed()
            .filter_map(|trial| metric.of(trial))
            .chain(diverged.filter_map(|_| worst))
            .collect();
        let mean = values.iter().sum::<f64>() / values.len() as f64;
        (!values.is_empty() && !mean.is_nan()).then_some(mean)
    }
}

impl Metric {
    /// What a trial that diverged counts as; `None` for times, which say nothing about the result.
    pub fn worst(self) -> Option<f64> {
        let is_time = self == Self::EpochSeconds || self == Self::TrainSeconds;
        let worst = if self.is_share() { 0.0 } else { f64::INFINITY };
        (!is_time).then_some(worst)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::analysis::test_data::{diverged, trial};
    use crate::record::RecordedTrial;

    /// A trial whose test accuracy is not its validation accuracy.
    fn tested(label: &str, seed: u64, validation: f64, test: f64) -> RecordedTrial {
        let mut trial = trial("e", label, &[], seed, &[validation]);
        trial.manifest.outcome.as_mut().unwrap().test_accuracy = test;
        trial
    }

    fn order(results: &ExperimentResults, metric: Metric) -> Vec<&str> {
        Ranking::by(results, metric).cases.iter().map(|case| case.case.label.as_str()).collect()
    }

    #[test]
    fn validation_ranks_and_the_test_accuracy_does_not() {
        let trials = vec![tested("low", 1, 0.6, 0.9), tested("high", 1, 0.7, 0.5)];
        let results = ExperimentResults::new("e", "", trials);
        assert_eq!(order(&results, SELECTION), ["high", "low"]);
        assert_eq!(Ranking::of(&results).best().unwrap().case.label, "high");
        assert_eq!(order(&results, Metric::ValLoss), ["high", "low"]);
        assert_eq!(order(&results, Metric::TestAccuracy), ["low", "high"]);
    }

    #[test]
    fn seeds_that_diverged_count_as_worst() {
        let trials = vec![
            tested("steady", 1, 0.5, 0.5),
            tested("steady", 2, 0.5, 0.5),
            tested("wild", 1, 0.9, 0.9),
            diverged("e", "wild", 2, &[0.9]),
            diverged("e", "lost", 1, &[0.9]),
            trial("e", "broken", &[], 1, &[]),
        ];
        let results = ExperimentResults::new("e", "", trials);
        assert_eq!(results.cases[1].score(SELECTION), Some(0.45));
        assert_eq!(results.cases[2].score(Metric::ValLoss), Some(f64::INFINITY));
        assert_eq!(results.cases[2].score(Metric::EpochSeconds), None);
        assert_eq!(order(&results, SELECTION), ["steady", "wild", "lost", "broken"]);
        assert_eq!(order(&results, Metric::ValLoss), ["steady", "wild", "lost", "broken"]);
        // Means are over completed trials alone.
        assert_eq!(results.cases[1].aggregate(SELECTION).unwrap().mean, 0.9);
    }

    #[test]
    fn without_validation_nothing_is_ranked() {
        let mut trials =
            vec![tested("a", 1, 0.5, 0.5), tested("b", 1, 0.5, 0.9), diverged("e", "lost", 1, &[])];
        for row in trials.iter_mut().flat_map(|trial| &mut trial.epochs) {
            (row.val_accuracy, row.val_loss) = (None, None);
        }
        let results = ExperimentResults::new("e", "", trials);
        let ranking = Ranking::of(&results);
        assert!(ranking.best().is_none() && !ranking.is_decided());
        assert!(ranking.cases.iter().all(|case| case.score.is_none()));
        assert_eq!(order(&results, SELECTION), ["a", "b", "lost"]);
    }
}
