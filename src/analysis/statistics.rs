//! Mean, spread and confidence over seeds.

use statrs::distribution::{ContinuousCDF as _, StudentsT};

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
        let mean = values.iter().sum::<f64>() / n as f64;
        if n == 1 {
            return Some(Self { n, mean, std: None, ci95: None });
        }
        let squares: f64 = values.iter().map(|value| (value - mean).powi(2)).sum();
        let std = (squares / (n - 1) as f64).sqrt();
        let half = t_quantile_975(n - 1) * std / (n as f64).sqrt();
        Some(Self { n, mean, std: Some(std), ci95: Some((mean - half, mean + half)) })
    }
}

/// The value below which Student's t stays with probability 0.975.
fn t_quantile_975(degrees_of_freedom: usize) -> f64 {
    StudentsT::new(0.0, 1.0, degrees_of_freedom as f64)
        .expect("scale and degrees of freedom are positive")
        .inverse_cdf(0.975)
}

/// The median of the finite values; `None` without any.
pub fn median(values: impl IntoIterator<Item = f64>) -> Option<f64> {
    let mut values: Vec<f64> = values.into_iter().filter(|value| value.is_finite()).collect();
    values.sort_by(f64::total_cmp);
    let middle = values.len() / 2;
    match values.len() {
        0 => None,
        odd if odd % 2 == 1 => Some(values[middle]),
        _ => Some(values[middle - 1].midpoint(values[middle])),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn close(a: f64, b: f64) -> bool {
        (a - b).abs() < 1e-6
    }

    #[test]
    fn t_quantiles_are_those_of_the_printed_tables() {
        for (degrees, quantile) in [(1, 12.706205), (2, 4.302653), (4, 2.776445), (30, 2.042272)] {
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
    }

    #[test]
    fn one_seed_has_a_mean_and_no_spread_and_none_has_nothing() {
        let one = Aggregate { n: 1, mean: 0.5, std: None, ci95: None };
        assert_eq!(Aggregate::of([0.5]), Some(one));
        assert_eq!(Aggregate::of([]), None);
    }

    #[test]
    fn a_diverged_seed_is_not_hidden() {
        assert!(Aggregate::of([0.5, f64::NAN]).unwrap().mean.is_nan());
    }

    #[test]
    fn medians_of_odd_even_and_nothing() {
        assert_eq!(median([3.0, 1.0, 2.0]), Some(2.0));
        assert_eq!(median([4.0, 1.0, 2.0, 3.0]), Some(2.5));
        assert_eq!(median([f64::NAN]), None);
    }
}
