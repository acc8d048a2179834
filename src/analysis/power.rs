//! How many seeds a test takes to find an effect as large as the one that was observed.
//!
//! All powers are exact for independent normal differences. The mean of n differences and their
//! standard deviation are independent, so that a power is the mean of a normal probability over
//! s = √(χ²/ν), the sample standard deviation in units of the true one, with ν = n − 1.

use statrs::distribution::{Binomial, DiscreteCDF as _};
use statrs::function::erf::erfc;
use statrs::function::gamma::ln_gamma;

use crate::numbers::thousands;

use super::difference::SEEDS_WITHOUT_SPREAD;
use super::statistics::t_quantile;

/// The power that is asked for.
const POWER: f64 = 0.8;

/// The largest number of seeds that is named.
const MAX_SEEDS: usize = 10_000;

/// Intervals of Simpson's rule over s.
const INTERVALS: usize = 4_000;

/// A number of seeds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Seeds {
    /// The smallest number that suffices.
    About(usize),
    /// More than this number.
    MoreThan(usize),
}

/// What was observed where a test decided neither way.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Effect {
    /// By the t-test: differences with this mean and standard deviation.
    Difference {
        /// The mean.
        mean: f64,
        /// The standard deviation.
        std: f64,
    },
    /// By the equivalence test: differences with this mean and standard deviation.
    Equivalence {
        /// The mean.
        mean: f64,
        /// The standard deviation.
        std: f64,
        /// How far from zero the mean may be.
        tolerance: f64,
    },
    /// By the sign test: seeds of either sign, and seeds without a sign.
    Signs {
        /// Seeds with a greater left side.
        positive: usize,
        /// Seeds with a greater right side.
        negative: usize,
        /// Seeds without an order.
        ties: usize,
    },
    /// Differences that are equal for all seeds.
    WithoutSpread,
}

impl Effect {
    /// The seeds that a decision at this level takes: for an equivalence, to find that the mean is
    /// within the tolerance, or, where it is not, that it is outside.
    pub fn seeds_needed(self, level: f64) -> Seeds {
        match self {
            Self::Difference { mean, std } => {
                smallest(|n| power_of_difference(mean / std, n, level))
            }
            Self::Equivalence { mean, std, tolerance } => {
                let (mean, tolerance) = (mean.abs() / std, tolerance / std);
                if mean < tolerance {
                    smallest(|n| power_of_equivalence(mean, tolerance, n, level))
                } else {
                    smallest(|n| power_of_one_side(mean - tolerance, n, level))
                }
            }
            Self::Signs { positive, negative, ties } => {
                seeds_for_signs(positive, negative, ties, level)
            }
            Self::WithoutSpread => Seeds::About(SEEDS_WITHOUT_SPREAD),
        }
    }

    /// A number of seeds that it takes, in words.
    pub fn in_words(self, seeds: Seeds) -> String {
        let seeds = match seeds {
            Seeds::About(seeds) => format!("about {} seeds", thousands(seeds)),
            Seeds::MoreThan(seeds) => format!("more than {} seeds", thousands(seeds)),
        };
        match self {
            Self::Difference { .. } | Self::Equivalence { .. } => {
                format!("{seeds} for 80 % power at this difference and spread")
            }
            Self::Signs { .. } => format!("{seeds} for 80 % power at this share of seeds"),
            Self::WithoutSpread => format!("a decision takes {SEEDS_WITHOUT_SPREAD} seeds"),
        }
    }
}

/// The seeds that a two-sided sign test takes, if signs turn out as often as in these seeds.
fn seeds_for_signs(positive: usize, negative: usize, ties: usize, level: f64) -> Seeds {
    let with_sign = positive + negative;
    let share = positive.max(negative) as f64 / with_sign as f64;
    // The most seeds of the rarer sign that are still significant; none at first.
    let mut critical: Option<u64> = None;
    for n in 1..=MAX_SEEDS {
        let next = critical.map_or(0, |critical| critical + 1);
        if 2.0 * binomial(n, 0.5).cdf(next) < level {
            critical = Some(next);
        }
        let Some(critical) = critical else { continue };
        let found = 1.0 - binomial(n, share).cdf(n as u64 - critical - 1);
        if found + binomial(n, share).cdf(critical) >= POWER {
            let all = (n * (with_sign + ties)).div_ceil(with_sign);
            return if all > MAX_SEEDS { Seeds::MoreThan(MAX_SEEDS) } else { Seeds::About(all) };
        }
    }
    Seeds::MoreThan(MAX_SEEDS)
}

fn binomial(n: usize, share: f64) -> Binomial {
    Binomial::new(share, n as u64).expect("a share lies between 0 and 1")
}

/// The smallest number of seeds with enough power, which grows with the number.
fn smallest(power: impl Fn(usize) -> f64) -> Seeds {
    let enough = |n: usize| power(n) >= POWER;
    let (mut below, mut above) = (1, 2);
    while !enough(above) {
        if above == MAX_SEEDS {
            return Seeds::MoreThan(MAX_SEEDS);
        }
        (below, above) = (above, (2 * above).min(MAX_SEEDS));
    }
    while above - below > 1 {
        let middle = below.midpoint(above);
        if enough(middle) {
            above = middle;
        } else {
            below = middle;
        }
    }
    Seeds::About(above)
}

/// The power of the two-sided one-sample t-test; `effect` is the mean in standard deviations.
fn power_of_difference(effect: f64, n: usize, level: f64) -> f64 {
    let (root, degrees) = ((n as f64).sqrt(), (n - 1) as f64);
    let critical = t_quantile(1.0 - level / 2.0, degrees);
    let found =
        |s: f64| normal(effect * root - critical * s) + normal(-effect * root - critical * s);
    mean_over_s(degrees, f64::INFINITY, found)
}

/// The power of the one-sided one-sample t-test.
fn power_of_one_side(effect: f64, n: usize, level: f64) -> f64 {
    let (root, degrees) = ((n as f64).sqrt(), (n - 1) as f64);
    let critical = t_quantile(1.0 - level, degrees);
    mean_over_s(degrees, f64::INFINITY, |s| normal(effect * root - critical * s))
}

/// The power of two one-sided t-tests (Phillips 1990); mean and tolerance in standard deviations.
fn power_of_equivalence(mean: f64, tolerance: f64, n: usize, level: f64) -> f64 {
    let (root, degrees) = ((n as f64).sqrt(), (n - 1) as f64);
    let critical = t_quantile(1.0 - level, degrees);
    let found = |s: f64| {
        normal((tolerance - mean) * root - critical * s)
            - normal(critical * s - (tolerance + mean) * root)
    };
    // From there on, the two tests exclude each other.
    mean_over_s(degrees, tolerance * root / critical, found)
}

/// The mean of a function of s up to `end` by Simpson's rule.
fn mean_over_s(degrees: f64, end: f64, function: impl Fn(f64) -> f64) -> f64 {
    let width = 9.0 / (2.0 * degrees).sqrt();
    let (low, high) = ((1.0 - width).max(0.0), (1.0 + width).min(end));
    if high <= low {
        return 0.0;
    }
    let half = degrees / 2.0;
    let constant = 2_f64.ln() + half * half.ln() - ln_gamma(half);
    let density = |s: f64| {
        // 0 · ln 0 = 0 with one degree of freedom.
        let power = if degrees > 1.0 { (degrees - 1.0) * s.ln() } else { 0.0 };
        (constant + power - half * s * s).exp()
    };
    let step = (high - low) / INTERVALS as f64;
    let weight = |i: usize| match i {
        0 | INTERVALS => 1.0,
        i if i % 2 == 1 => 4.0,
        _ => 2.0,
    };
    let at = |i: usize| {
        let s = low + step * i as f64;
        weight(i) * density(s) * function(s)
    };
    (0..=INTERVALS).map(at).sum::<f64>() * step / 3.0
}

/// The distribution function of the standard normal distribution.
fn normal(x: f64) -> f64 {
    0.5 * erfc(-x / std::f64::consts::SQRT_2)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn close(ours: f64, theirs: f64) {
        assert!((ours - theirs).abs() < 1e-7, "{ours:?} {theirs:?}");
    }

    #[test]
    fn powers_of_the_t_test_are_those_of_statsmodels() {
        // TTestPower().power(effect, n, level)
        close(power_of_difference(0.5, 34, 0.05), 0.807_777_501_279_273_7);
        close(power_of_difference(1.2, 3, 0.05), 0.230_406_860_766_337);
        close(power_of_difference(10.0, 2, 0.05), 0.732_819_589_805_711_7);
        close(power_of_difference(0.05, 3000, 0.01), 0.564_059_189_037_479_4);
    }

    #[test]
    fn powers_of_the_equivalence_test_are_those_of_owens_integral() {
        // scipy.integrate.quad over scipy.stats.chi.
        close(power_of_equivalence(0.0, 1.0, 12, 0.05), 0.889_381_096_038_701_2);
        close(power_of_equivalence(0.2, 1.0, 3, 0.05), 0.121_692_908_618_467_27);
        close(power_of_equivalence(0.5, 1.0, 40, 0.05), 0.928_105_881_233_102_9);
        close(power_of_equivalence(0.0, 10.0, 2, 0.05), 0.964_574_210_419_996_9);
    }

    #[test]
    fn the_seeds_are_the_fewest_with_enough_power() {
        for (effect, level, seeds) in
            [(0.5, 0.05, 34), (0.4535, 0.05, 41), (1.2, 0.05, 8), (2.0, 0.01, 7), (100.0, 0.05, 2)]
        {
            let effect = Effect::Difference { mean: -3.0 * effect, std: 3.0 };
            assert_eq!(effect.seeds_needed(level), Seeds::About(seeds));
        }
        for (mean, seeds) in [(0.0, 11), (-0.2, 12), (0.5, 27), (1.5, 27)] {
            let effect = Effect::Equivalence { mean, std: 1.0, tolerance: 1.0 };
            assert_eq!(effect.seeds_needed(0.05), Seeds::About(seeds), "{mean}");
        }
        for effect in [
            Effect::Difference { mean: 1e-6, std: 1.0 },
            Effect::Difference { mean: 0.0, std: 1.0 },
            Effect::Equivalence { mean: 0.1, std: 1.0, tolerance: 0.1 },
            Effect::Equivalence { mean: 0.0, std: 1.0, tolerance: 0.0 },
        ] {
            assert_eq!(effect.seeds_needed(0.05), Seeds::MoreThan(10_000));
        }
        assert_eq!(
            Effect::Difference { mean: 1e-6, std: 1.0 }.in_words(Seeds::MoreThan(10_000)),
            "more than 10,000 seeds for 80 % power at this difference and spread"
        );
    }

    #[test]
    fn signs_that_agree_take_six_seeds() {
        assert_eq!(seeds_for_signs(3, 0, 0, 0.05), Seeds::About(6));
        // Every second seed has no sign.
        assert_eq!(seeds_for_signs(0, 2, 2, 0.05), Seeds::About(12));
        assert_eq!(seeds_for_signs(3, 0, 0, 0.01), Seeds::About(8));
        assert_eq!(seeds_for_signs(3, 1, 0, 0.05), Seeds::About(30));
        assert_eq!(seeds_for_signs(1, 2, 0, 0.05), Seeds::About(72));
        assert_eq!(seeds_for_signs(2, 2, 0, 0.05), Seeds::MoreThan(10_000));
    }
}
