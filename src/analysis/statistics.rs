//! Mean, spread and confidence over seeds.

use statrs::distribution::{ContinuousCDF as _, StudentsT};
use statrs::function::beta::beta_reg;

/// One metric over several seeds.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Aggregate {
    /// Seeds.
    pub n: usize,
    /// Their mean.
    pub mean: f64,
    /// Their sample standard deviation (divisor n − 1); one seed has none.
    pub std: Option<f64>,
    /// The 95 % confidence interval of the mean by Student's t, low and high; one seed has none.
    pub ci95: Option<(f64, f64)>,
    /// The value in the middle, or the mean of the two there.
    pub median: f64,
    /// The lowest.
    pub min: f64,
    /// The highest.
    pub max: f64,
}

impl Aggregate {
    /// Of all values given; `None` of none. A NaN among them makes everything NaN: a seed that
    /// diverged is part of the result, and leaving it out would flatter the mean.
    pub fn of(values: impl IntoIterator<Item = f64>) -> Option<Self> {
        let values: Vec<f64> = values.into_iter().collect();
        let n = values.len();
        if n == 0 {
            return None;
        }
        let mean = mean(&values);
        let std = variance(&values).map(f64::sqrt);
        let half = std.map(|std| t_quantile_975((n - 1) as f64) * std / (n as f64).sqrt());
        // Of values that are all numbers, `f64::min` and `f64::max` would do; they pass NaN over.
        let extreme = |pick: fn(f64, f64) -> f64| {
            let both =
                |a: f64, b: f64| if a.is_nan() || b.is_nan() { f64::NAN } else { pick(a, b) };
            values.iter().copied().reduce(both).expect("there is at least one")
        };
        Some(Self {
            n,
            mean,
            std,
            ci95: half.map(|half| (mean - half, mean + half)),
            median: if mean.is_nan() { f64::NAN } else { middle(values.clone()) },
            min: extreme(f64::min),
            max: extreme(f64::max),
        })
    }
}

/// The mean of at least one value.
pub(super) fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len() as f64
}

/// The sample variance (divisor n − 1); one value has none.
pub(super) fn variance(values: &[f64]) -> Option<f64> {
    let mean = mean(values);
    let squares: f64 = values.iter().map(|value| (value - mean).powi(2)).sum();
    (values.len() > 1).then(|| squares / (values.len() - 1) as f64)
}

/// The value below which Student's t stays with probability 0.975.
pub(super) fn t_quantile_975(degrees_of_freedom: f64) -> f64 {
    students_t(degrees_of_freedom).inverse_cdf(0.975)
}

/// The probability that Student's t is as far from 0 as this or farther, on either side.
pub(super) fn two_sided_p(t: f64, degrees_of_freedom: f64) -> f64 {
    let square = t * t;
    if square < 1.0 {
        // Near 0, the distribution function of statrs is of 1 less something tiny.
        let inside = square / (degrees_of_freedom + square);
        1.0 - beta_reg(0.5, degrees_of_freedom / 2.0, inside)
    } else {
        2.0 * students_t(degrees_of_freedom).sf(t.abs())
    }
}

fn students_t(degrees_of_freedom: f64) -> StudentsT {
    StudentsT::new(0.0, 1.0, degrees_of_freedom).expect("scale and degrees of freedom are positive")
}

/// The median of the finite values; `None` without any.
pub fn median(values: impl IntoIterator<Item = f64>) -> Option<f64> {
    let values: Vec<f64> = values.into_iter().filter(|value| value.is_finite()).collect();
    (!values.is_empty()).then(|| middle(values))
}

/// The middle of at least one value, or the mean of the two there.
fn middle(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    let middle = values.len() / 2;
    if values.len() % 2 == 1 { values[middle] } else { values[middle - 1].midpoint(values[middle]) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn close(a: f64, b: f64) -> bool {
        (a - b).abs() < 1e-6
    }

    #[test]
    fn t_quantiles_are_those_of_the_printed_tables() {
        let table = [(1.0, 12.706205), (2.0, 4.302653), (4.0, 2.776445), (30.0, 2.042272)];
        for (degrees, quantile) in table {
            assert!(close(t_quantile_975(degrees), quantile), "{degrees}");
        }
    }

    #[test]
    fn three_seeds_by_hand() {
        // Mean 2, squared deviations 1 + 0 + 1, sample variance 1.
        let aggregate = Aggregate::of([1.0, 2.0, 3.0]).unwrap();
        assert_eq!((aggregate.n, aggregate.mean, aggregate.std), (3, 2.0, Some(1.0)));
        let (low, high) = aggregate.ci95.unwrap();
        let half = 4.302653 / 3_f64.sqrt();
        assert!(close(low, 2.0 - half) && close(high, 2.0 + half), "{low} {high}");
        assert_eq!((aggregate.median, aggregate.min, aggregate.max), (2.0, 1.0, 3.0));
    }

    #[test]
    fn tails_of_t_are_those_of_scipy_on_both_sides_of_one() {
        // 2 * scipy.stats.t.sf(t, degrees of freedom)
        for (t, degrees, p) in [
            (1e-6, 2.0, 0.999_999_292_893_218_8),
            (0.5, 3.7, 0.645_335_633_319_931_8),
            (2.0, 2.0, 0.183_503_419_072_273_97),
            (-40.0, 9.0, 1.898_299_844_933_982_2e-11),
        ] {
            let ours = two_sided_p(t, degrees);
            assert!((ours - p).abs() < 1e-12 * p.max(1e-3), "{t} {degrees}: {ours:?}");
        }
    }

    #[test]
    fn one_seed_has_a_mean_and_no_spread_and_none_has_nothing() {
        let one =
            Aggregate { n: 1, mean: 0.5, std: None, ci95: None, median: 0.5, min: 0.5, max: 0.5 };
        assert_eq!(Aggregate::of([0.5]), Some(one));
        assert_eq!(Aggregate::of([]), None);
    }

    #[test]
    fn a_diverged_seed_is_not_hidden() {
        for values in [[0.5, f64::NAN], [f64::NAN, 0.5]] {
            let Aggregate { mean, median, min, max, .. } = Aggregate::of(values).unwrap();
            assert!([mean, median, min, max].iter().all(|value| value.is_nan()));
        }
    }

    #[test]
    fn medians_of_odd_even_and_nothing() {
        assert_eq!(median([3.0, 1.0, 2.0]), Some(2.0));
        assert_eq!(median([4.0, 1.0, 2.0, 3.0]), Some(2.5));
        assert_eq!(median([f64::NAN]), None);
    }
}
