//! Mean, spread and confidence over seeds.

use statrs::distribution::{Binomial, ContinuousCDF as _, DiscreteCDF as _, StudentsT};
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

/// The mean of at least one value; of equal values exactly that value.
pub(super) fn mean(values: &[f64]) -> f64 {
    if values.iter().all(|value| *value == values[0]) {
        return values[0];
    }
    values.iter().sum::<f64>() / values.len() as f64
}

/// The sample variance (divisor n − 1), exactly zero where all values are equal; one value has none.
pub(super) fn variance(values: &[f64]) -> Option<f64> {
    if values.len() > 1 && values.iter().all(|value| *value == values[0]) {
        return Some(0.0);
    }
    let mean = mean(values);
    let squares: f64 = values.iter().map(|value| (value - mean).powi(2)).sum();
    (values.len() > 1).then(|| squares / (values.len() - 1) as f64)
}

/// The value below which Student's t stays with a probability.
pub(super) fn t_quantile(probability: f64, degrees_of_freedom: f64) -> f64 {
    students_t(degrees_of_freedom).inverse_cdf(probability)
}

/// The value below which Student's t stays with probability 0.975.
pub(super) fn t_quantile_975(degrees_of_freedom: f64) -> f64 {
    t_quantile(0.975, degrees_of_freedom)
}

/// The probability that Student's t is greater than this.
pub(super) fn upper_tail_p(t: f64, degrees_of_freedom: f64) -> f64 {
    let half = two_sided_p(t, degrees_of_freedom) / 2.0;
    if t > 0.0 { half } else { 1.0 - half }
}

/// The p-value of the exact two-sided sign test.
pub(super) fn sign_test_p(positive: usize, negative: usize) -> f64 {
    let (signs, rarer) = ((positive + negative) as u64, positive.min(negative) as u64);
    let tail = if signs <= 1_000 {
        // Exact: the numbers of ways to choose up to so many, over 2^n.
        let mut ways = 1.0;
        let mut sum = 1.0;
        for k in 1..=rarer {
            ways *= (signs - k + 1) as f64 / k as f64;
            sum += ways;
        }
        sum * 0.5_f64.powi(signs as i32)
    } else {
        Binomial::new(0.5, signs).expect("one half is a probability").cdf(rarer)
    };
    (2.0 * tail).min(1.0)
}

/// The p-values adjusted for their number (Holm 1979), in the order given.
pub(super) fn holm(p: &[f64]) -> Vec<f64> {
    let mut order: Vec<usize> = (0..p.len()).collect();
    order.sort_by(|a, b| p[*a].total_cmp(&p[*b]));
    let mut adjusted = vec![0.0; p.len()];
    let mut highest: f64 = 0.0;
    for (rank, index) in order.into_iter().enumerate() {
        highest = highest.max((p.len() - rank) as f64 * p[index]).min(1.0);
        adjusted[index] = highest;
    }
    adjusted
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
    fn holm_adjusts_as_statsmodels_does() {
        // statsmodels.stats.multitest.multipletests(p, method="holm")[1]
        let adjusted = holm(&[0.03, 0.005, 0.04, 0.01, 0.9]);
        let expected = [0.09, 0.025, 0.09, 0.04, 0.9];
        for (ours, theirs) in adjusted.iter().zip(expected) {
            assert!((ours - theirs).abs() < 1e-15, "{adjusted:?}");
        }
        assert_eq!(holm(&[0.6, 0.7]), [1.0, 1.0]);
        assert!(holm(&[]).is_empty());
    }

    #[test]
    fn the_sign_test_is_that_of_scipy() {
        // scipy.stats.binomtest(k, n).pvalue
        for (positive, negative, p) in
            [(6, 0, 0.031_25), (1, 7, 0.070_312_5), (2, 2, 1.0), (0, 0, 1.0), (0, 5, 0.062_5)]
        {
            let ours = sign_test_p(positive, negative);
            assert!((ours - p).abs() < 1e-14, "{positive} {negative}: {ours:?}");
        }
    }

    #[test]
    fn upper_tails_are_on_the_right_side() {
        // scipy.stats.t.sf(t, 4)
        assert!((upper_tail_p(2.0, 4.0) - 0.058_058_261_758_407_79).abs() < 1e-14);
        assert!((upper_tail_p(-2.0, 4.0) - 0.941_941_738_241_592_2).abs() < 1e-14);
        assert!((upper_tail_p(0.0, 4.0) - 0.5).abs() < 1e-14);
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
