//! Numbers from recorded trials: seeds side by side, means and intervals over them, CSV tables.
//!
//! Everything here is computed from what [`crate::record`] reads back; nothing is trained or drawn.
//! A [`Case`] is one variant at one grid point with its trials, one per seed. [`Metric`] is a number
//! of a whole trial, [`EpochMetric`] a number of each of its epochs; [`Aggregate`] and [`Curve`] are
//! the two of them over the completed seeds of a case, and [`Difference`] is what two cases differ
//! by. [`judge`] decides the claims of a file by them. A [`Table`] has any of these as typed
//! cells; [`write_tables`] and [`write_comparison`] put them into CSV files. [`read_folders`] is the
//! way in for whoever looks at results later.

mod claims;
mod compare;
mod config_diff;
mod configs;
mod curves;
mod diagnostics;
mod difference;
mod folders;
mod goal;
mod metrics;
mod power;
mod ranking;
mod statistics;
mod table;
mod tables;
mod targets;

pub use claims::{
    ClaimOutcome, ClaimTest, Comparison, Decision, Sides, Verdict, decide, judge,
    write_expectations,
};
pub use compare::{
    CompareRow, Compared, UnknownName, against, differences_table, is_in_every_row, rows_table,
    sort_rows,
};
pub use config_diff::{CaseConfig, ConfigComparison, compare_configs};
pub use configs::{ConfigColumn, configs};
pub use curves::{Curve, CurvePoint};
pub use diagnostics::{
    CaseLayers, DepthPoint, LayerMetric, Spread, layers_table, write_diagnostics,
};
pub use difference::{Difference, Test};
pub use folders::{Found, RecordedExperiment, experiment_results, read_folders};
pub use goal::Goal;
pub use metrics::{EpochMetric, Metric};
pub use power::Seeds;
pub use ranking::{RankedCase, Ranking, SELECTION};
pub use statistics::{Aggregate, median};
pub use table::{Cell, Kind, Table};
pub use tables::{
    aggregates_table, epochs_table, grid_keys, to_csv, trials_table, write_comparison, write_tables,
};
pub use targets::{epochs_to, seconds_to};

use std::collections::HashMap;

use crate::record::{ParameterCounts, RecordedTrial, Status};
use crate::spec::GridValue;

/// The trials of one experiment, grouped into its cases.
#[derive(Debug, Clone)]
pub struct ExperimentResults {
    /// The experiment's name.
    pub name: String,
    /// What the file says about it; may be empty.
    pub description: String,
    /// Its cases, in the order of the plan.
    pub cases: Vec<Case>,
}

/// One variant at one grid point, with a trial per seed.
#[derive(Debug, Clone)]
pub struct Case {
    /// The variant with its grid values, as folders and legends show it.
    pub label: String,
    /// The variant's name.
    pub variant: String,
    /// Its grid values, in the file's order.
    pub grid: Vec<GridValue>,
    /// One trial per seed, whatever became of it.
    pub trials: Vec<RecordedTrial>,
}

impl ExperimentResults {
    /// Groups trials by their label, in order of first appearance.
    pub fn new(
        name: impl Into<String>,
        description: impl Into<String>,
        trials: Vec<RecordedTrial>,
    ) -> Self {
        let mut cases: Vec<Case> = Vec::new();
        let mut places: HashMap<String, usize> = HashMap::new();
        for trial in trials {
            let place = *places.entry(trial.label.clone()).or_insert(cases.len());
            match cases.get_mut(place) {
                Some(case) => case.trials.push(trial),
                None => cases.push(Case {
                    label: trial.label.clone(),
                    variant: trial.manifest.variant.clone(),
                    grid: trial.manifest.grid.clone(),
                    trials: vec![trial],
                }),
            }
        }
        Self { name: name.into(), description: description.into(), cases }
    }

    /// The seeds of all trials, each once.
    pub fn seeds(&self) -> Vec<u64> {
        let trials = self.cases.iter().flat_map(|case| &case.trials);
        let mut seeds: Vec<u64> = trials.map(|trial| trial.manifest.seed).collect();
        seeds.sort_unstable();
        seeds.dedup();
        seeds
    }

    /// How many trials of all cases have a status.
    pub fn count(&self, status: Status) -> usize {
        self.cases.iter().map(|case| case.count(status)).sum()
    }
}

impl Case {
    /// The trials that were trained to their end; means are over these alone.
    pub fn completed(&self) -> impl Iterator<Item = &RecordedTrial> {
        self.trials.iter().filter(|trial| trial.manifest.status == Status::Completed)
    }

    /// How many trials have a status.
    pub fn count(&self, status: Status) -> usize {
        self.trials.iter().filter(|trial| trial.manifest.status == status).count()
    }

    /// A metric over the completed seeds; `None` where no seed has it.
    pub fn aggregate(&self, metric: Metric) -> Option<Aggregate> {
        Aggregate::of(self.completed().filter_map(|trial| metric.of(trial)))
    }

    /// A metric of each completed seed that has it.
    pub fn by_seed(&self, metric: Metric) -> Vec<(u64, f64)> {
        let of = |trial: &RecordedTrial| Some((trial.manifest.seed, metric.of(trial)?));
        self.completed().filter_map(of).collect()
    }

    /// A metric epoch by epoch over the completed seeds.
    pub fn curve(&self, metric: EpochMetric) -> Curve {
        Curve::of(self.completed().map(|trial| trial.epochs.as_slice()), metric)
    }

    /// The backend of its trials, or all of them with `;` between where they differ.
    pub fn backends(&self) -> String {
        let mut names: Vec<&str> = Vec::new();
        for trial in &self.trials {
            let backend = trial.manifest.backend.as_str();
            if !names.contains(&backend) {
                names.push(backend);
            }
        }
        names.join(";")
    }

    /// The parameters of its network.
    pub fn parameters(&self) -> Option<ParameterCounts> {
        let trial = self.completed().next().or(self.trials.first())?;
        Some(trial.manifest.parameters)
    }

    /// The grid keys of any of some cases, in order of first appearance.
    fn grid_keys<'a>(cases: &[&'a Self]) -> Vec<&'a str> {
        let mut keys: Vec<&str> = Vec::new();
        for point in cases.iter().flat_map(|case| &case.grid) {
            if !keys.contains(&point.key.as_str()) {
                keys.push(&point.key);
            }
        }
        keys
    }

    /// Its value of a grid key, as a cell.
    fn grid_value(&self, key: &str) -> Cell {
        let point = self.grid.iter().find(|point| point.key == key);
        point.map_or(Cell::Missing, |point| Cell::value(&point.value))
    }

    /// The grid point in one cell, see [`grid_text`].
    pub fn grid_point(&self) -> String {
        grid_text(&self.grid)
    }
}

/// A grid point in one cell: `learning_rate=0.01;batch_size=32`, with whole paths where last
/// segments clash; empty without a grid.
pub fn grid_text(grid: &[GridValue]) -> String {
    let named = |(key, point): (&str, &GridValue)| {
        let text = point.value.as_str().map(str::to_owned);
        let value = text.unwrap_or_else(|| point.value.to_string());
        format!("{key}={value}")
    };
    let keys = GridValue::short_keys(grid);
    keys.into_iter().zip(grid).map(named).collect::<Vec<_>>().join(";")
}

#[cfg(test)]
pub(crate) mod test_data;
