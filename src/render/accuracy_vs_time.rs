//! Validation accuracy against seconds of training.

use anyhow::Result;

use crate::analysis::{EpochMetric, ExperimentResults};

use super::canvas::Canvas;
use super::curves;
use super::figure::{Options, TimeAxis};

/// The figure, or `None` where there is no validation accuracy.
pub fn draw(results: &ExperimentResults, options: &Options) -> Result<Option<Canvas>> {
    curves::draw(results, options, TimeAxis::Seconds, EpochMetric::ValAccuracy, false)
}
