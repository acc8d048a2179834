//! Two sets of seeds against each other: by how much, and whether that is more than chance.

use super::statistics::{mean, t_quantile_975, two_sided_p, variance};

/// From this probability on, two cases are not told apart.
pub const NOT_DISTINGUISHABLE_FROM: f64 = 0.05;

/// Seeds that differences equal to each other take to be told from zero.
pub(super) const SEEDS_WITHOUT_SPREAD: usize = 3;

/// How two sets of seeds were compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Test {
    /// Seed by seed, by a paired t-test: both have the same seeds.
    Paired,
    /// As two independent samples of unequal variance, by Welch's t-test.
    Welch,
}

impl Test {
    /// The name in tables.
    pub fn name(self) -> &'static str {
        match self {
            Self::Paired => "paired",
            Self::Welch => "welch",
        }
    }
}

/// The difference of two means over seeds.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Difference {
    /// How it was tested.
    pub test: Test,
    /// Seeds of the one.
    pub n: usize,
    /// Seeds of the other, the baseline.
    pub baseline_n: usize,
    /// Mean of the one less that of the other.
    pub mean: f64,
    /// The 95 % confidence interval of the difference; one seed has none.
    pub ci95: Option<(f64, f64)>,
    /// The t statistic; one seed, and seeds that do not differ at all, have none.
    pub t: Option<f64>,
    /// Its degrees of freedom.
    pub degrees_of_freedom: Option<f64>,
    /// The two-sided probability of such a difference by chance.
    pub p: Option<f64>,
}

impl Difference {
    /// Of values by seed, less those of a baseline: seed by seed where both have the same seeds.
    /// `None` where one of them has no value.
    pub fn of(values: &[(u64, f64)], baseline: &[(u64, f64)]) -> Option<Self> {
        if values.is_empty() || baseline.is_empty() {
            return None;
        }
        let of_seed = |seed: u64| baseline.iter().find(|other| other.0 == seed);
        let (ones, others): (Vec<f64>, Vec<f64>) = values
            .iter()
            .filter_map(|(seed, value)| of_seed(*seed).map(|other| (value, other.1)))
            .unzip();
        if ones.len() == values.len() && ones.len() == baseline.len() {
            return Some(Self::paired(&differences(&ones, &others)));
        }
        let alone = |side: &[(u64, f64)]| side.iter().map(|(_, value)| *value).collect::<Vec<_>>();
        Some(Self::welch(&alone(values), &alone(baseline)))
    }

    /// Of the differences of each seed; at least one.
    pub fn paired(differences: &[f64]) -> Self {
        let n = differences.len();
        let spread = variance(differences).map(|variance| {
            let error = (variance / n as f64).sqrt();
            (error, (n - 1) as f64)
        });
        Self::with(Test::Paired, n, n, mean(differences), spread)
    }

    /// Welch (1947), with the degrees of freedom of Welch and Satterthwaite.
    fn welch(values: &[f64], baseline: &[f64]) -> Self {
        let share = |side: &[f64]| variance(side).map(|variance| variance / side.len() as f64);
        let spread = share(values).zip(share(baseline)).map(|(one, other)| {
            let degrees = |share: f64, n: usize| share * share / (n - 1) as f64;
            let divisor = degrees(one, values.len()) + degrees(other, baseline.len());
            // Without any spread, any degrees of freedom will do.
            let degrees = if divisor > 0.0 { (one + other).powi(2) / divisor } else { 1.0 };
            ((one + other).sqrt(), degrees)
        });
        let difference = mean(values) - mean(baseline);
        Self::with(Test::Welch, values.len(), baseline.len(), difference, spread)
    }

    /// From the difference and its standard error with the degrees of freedom.
    fn with(
        test: Test,
        n: usize,
        baseline_n: usize,
        mean: f64,
        spread: Option<(f64, f64)>,
    ) -> Self {
        let half = spread.map(|(error, degrees)| match error {
            0.0 => 0.0,
            error => t_quantile_975(degrees) * error,
        });
        // Without a difference and without spread, t is undefined.
        let t = spread.map(|(error, _)| mean / error).filter(|t| !t.is_nan());
        let p = t.zip(spread).map(
            |(t, (_, degrees))| {
                if t.is_infinite() { 0.0 } else { two_sided_p(t, degrees) }
            },
        );
        Self {
            test,
            n,
            baseline_n,
            mean,
            ci95: half.map(|half| (mean - half, mean + half)),
            t,
            degrees_of_freedom: spread.map(|(_, degrees)| degrees),
            p,
        }
    }

    /// Whether it is significant at 5 %. Without any spread, that takes three seeds.
    pub fn is_distinguishable(&self) -> bool {
        let has_spread = self.t.is_some_and(f64::is_finite);
        self.p.is_some_and(|p| p < NOT_DISTINGUISHABLE_FROM)
            && (has_spread || self.n.min(self.baseline_n) >= SEEDS_WITHOUT_SPREAD)
    }

    /// The verdict: `higher`, `lower`, `not distinguishable at n = 3`, or `untested (n = 1)`.
    pub fn verdict(&self) -> String {
        let seeds = match self.n == self.baseline_n {
            true => format!("n = {}", self.n),
            false => format!("n = {} and {}", self.n, self.baseline_n),
        };
        match (self.is_distinguishable(), self.mean > 0.0) {
            (true, true) => "higher".to_owned(),
            (true, false) => "lower".to_owned(),
            (false, _) if self.n.min(self.baseline_n) < 2 => format!("untested ({seeds})"),
            (false, _) => format!("not distinguishable at {seeds}"),
        }
    }
}

/// Each value less the other one of its seed. What is within rounding of zero is zero, and
/// differences that agree within rounding are equal: decimal numbers have no exact binary ones, and
/// 0.3 − 0.2 is not quite 0.2 − 0.1.
pub(super) fn differences(values: &[f64], others: &[f64]) -> Vec<f64> {
    let pairs = || values.iter().copied().zip(others.iter().copied());
    let snapped = |(value, other): (f64, f64)| {
        let difference = value - other;
        if difference.abs() <= rounding(value, other) { 0.0 } else { difference }
    };
    let differences: Vec<f64> = pairs().map(snapped).collect();
    let tolerance = pairs().map(|(value, other)| 2.0 * rounding(value, other)).fold(0.0, f64::max);
    match differences.first() {
        Some(&first) if differences.iter().all(|other| (other - first).abs() <= tolerance) => {
            let common = if differences.contains(&0.0) { 0.0 } else { first };
            vec![common; differences.len()]
        }
        Some(_) | None => differences,
    }
}

/// How far apart two numbers can be by rounding alone; infinite numbers are exact.
pub(super) fn rounding(value: f64, other: f64) -> f64 {
    let size = value.abs().max(other.abs());
    if size.is_finite() { 4.0 * f64::EPSILON * size } else { 0.0 }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seeds(values: &[f64]) -> Vec<(u64, f64)> {
        (1..).zip(values.iter().copied()).collect()
    }

    fn close(ours: Option<f64>, theirs: f64) {
        let ours = ours.expect("there is a number");
        assert!((ours - theirs).abs() < 1e-12, "{ours:?} {theirs:?}");
    }

    #[test]
    fn the_same_seeds_are_paired_in_any_order() {
        // scipy.stats.ttest_rel([3, 1, 4, 1.5], [2, 1.5, 2, 1])
        let other = [(4, 1.0), (2, 1.5), (3, 2.0), (1, 2.0)];
        let difference = Difference::of(&seeds(&[3.0, 1.0, 4.0, 1.5]), &other).unwrap();
        assert_eq!((difference.test, difference.mean), (Test::Paired, 0.75));
        close(difference.t, 1.441_153_384_245_784_2);
        close(difference.p, 0.245_193_881_794_947_78);
        close(difference.ci95.map(|ci| ci.0), -0.906_197_567_208_927_5);
        assert_eq!(difference.verdict(), "not distinguishable at n = 4");
    }

    #[test]
    fn other_seeds_are_two_samples() {
        // scipy.stats.ttest_ind([3, 1, 4, 1.5], [2, 1.5, 2], equal_var=False)
        let difference =
            Difference::of(&seeds(&[3.0, 1.0, 4.0, 1.5]), &seeds(&[2.0, 1.5, 2.0])).unwrap();
        assert_eq!(difference.test, Test::Welch);
        close(difference.t, 0.764_705_882_352_941_3);
        close(difference.p, 0.494_799_186_486_982_9);
        close(difference.degrees_of_freedom, 3.344_719_875_055_062_6);
        close(difference.ci95.map(|ci| ci.1), 2.669_998_617_403_082);
        assert_eq!(difference.verdict(), "not distinguishable at n = 4 and 3");
    }

    #[test]
    fn one_seed_tells_nothing_and_equal_differences_take_three_seeds() {
        let one = Difference::of(&[(1, 0.75)], &[(1, 0.5)]).unwrap();
        assert_eq!((one.mean, one.ci95, one.p), (0.25, None, None));
        assert_eq!(one.verdict(), "untested (n = 1)");
        let two = Difference::of(&seeds(&[2.0, 3.0]), &seeds(&[1.0, 2.0])).unwrap();
        assert_eq!((two.ci95, two.p), (Some((1.0, 1.0)), Some(0.0)));
        assert_eq!(two.verdict(), "not distinguishable at n = 2");
        // Not exactly equal: 0.3 − 0.2 < 0.2 − 0.1.
        let three = Difference::of(&seeds(&[0.3, 0.2, 0.5]), &seeds(&[0.2, 0.1, 0.4])).unwrap();
        assert_eq!((three.p, &*three.verdict()), (Some(0.0), "higher"));
        let same = Difference::of(&seeds(&[2.0, 3.0]), &seeds(&[2.0, 3.0])).unwrap();
        assert_eq!((same.t, same.p), (None, None));
        assert_eq!(same.verdict(), "not distinguishable at n = 2");
        assert_eq!(Difference::of(&[], &[(1, 0.5)]), None);
    }
}
