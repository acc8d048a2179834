//! One metric, epoch by epoch, over several seeds.

use std::collections::BTreeMap;

use crate::record::EpochRow;

use super::{Aggregate, EpochMetric};

/// A metric's course over the epochs of several seeds.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Curve {
    /// The epochs that at least one seed reached with a finite value, in order.
    pub points: Vec<CurvePoint>,
    /// Values that are NaN or infinite; they are in no point.
    pub not_finite: usize,
}

/// One epoch of a [`Curve`].
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct CurvePoint {
    /// From 1.
    pub epoch: usize,
    /// Mean seconds from the start of training to the end of this epoch.
    pub elapsed_seconds: f64,
    /// Mean over the seeds that reached it.
    pub mean: f64,
    /// Sample standard deviation over them; one seed has none.
    pub std: Option<f64>,
    /// How many reached it.
    pub n: usize,
}

impl Curve {
    /// Over the epochs of each seed.
    pub fn of<'a>(seeds: impl Iterator<Item = &'a [EpochRow]>, metric: EpochMetric) -> Self {
        let mut reached: BTreeMap<usize, Vec<(f64, f64)>> = BTreeMap::new();
        let mut not_finite = 0;
        for row in seeds.flatten() {
            match metric.of(row) {
                Some(value) if value.is_finite() => {
                    reached.entry(row.epoch).or_default().push((value, row.elapsed_seconds));
                }
                Some(_) => not_finite += 1,
                None => {}
            }
        }
        let point = |(epoch, seeds): (usize, Vec<(f64, f64)>)| {
            let values = Aggregate::of(seeds.iter().map(|seed| seed.0))?;
            let elapsed = Aggregate::of(seeds.iter().map(|seed| seed.1))?;
            Some(CurvePoint {
                epoch,
                elapsed_seconds: elapsed.mean,
                mean: values.mean,
                std: values.std,
                n: values.n,
            })
        };
        Self { points: reached.into_iter().filter_map(point).collect(), not_finite }
    }

    /// Whether there is nothing to draw.
    pub fn is_empty(&self) -> bool {
        self.points.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::analysis::test_data::epoch;

    #[test]
    fn the_mean_is_over_the_seeds_that_reached_the_epoch() {
        let long = [epoch(1, 0.6), epoch(2, 0.8)];
        let short = [epoch(1, 0.8)];
        let curve = Curve::of([&long[..], &short[..]].into_iter(), EpochMetric::ValAccuracy);
        let [first, second] = curve.points[..] else { panic!("{curve:?}") };
        assert_eq!((first.epoch, first.n, second.epoch, second.n), (1, 2, 2, 1));
        assert!((first.mean - 0.7).abs() < 1e-12);
        // Two values 0.2 apart: sqrt(2 * 0.1²) = 0.1414….
        assert!((first.std.unwrap() - 0.02_f64.sqrt()).abs() < 1e-12);
        assert_eq!((second.mean, second.std), (0.8, None));
        assert_eq!(second.elapsed_seconds, 4.0);
    }

    #[test]
    fn values_that_cannot_be_drawn_are_counted_and_left_out() {
        let diverged = [epoch(1, 0.1), epoch(2, f64::NAN), epoch(3, f64::INFINITY)];
        let curve = Curve::of([&diverged[..]].into_iter(), EpochMetric::ValAccuracy);
        assert_eq!((curve.points.len(), curve.not_finite), (1, 2));
    }
}
