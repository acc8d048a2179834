//! The learning rate of every epoch's last step.

use anyhow::Result;

use crate::analysis::{Case, EpochMetric, ExperimentResults};

use super::canvas::Canvas;
use super::curves;
use super::figure::{Options, TimeAxis};

/// The figure; cases with the same schedule share a line.
pub fn draw(results: &ExperimentResults, options: &Options) -> Result<Option<Canvas>> {
    curves::draw(results, options, TimeAxis::Epoch, EpochMetric::LearningRate, true)
}

/// Whether a learning rate changes in any trial, without which there is little to see.
pub fn changes(results: &ExperimentResults) -> bool {
    let trials = results.cases.iter().flat_map(Case::completed);
    trials.into_iter().any(|trial| {
        let rates = trial.epochs.iter().map(|row| row.learning_rate);
        rates.clone().zip(rates.skip(1)).any(|(before, after)| before != after)
    })
}
