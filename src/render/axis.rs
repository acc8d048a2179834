//! Axes: a range, where values lie in it, and the ticks a reader would choose.

/// One labelled place on an axis.
#[derive(Debug, Clone, PartialEq)]
pub struct Tick {
    pub value: f64,
    pub label: String,
}

/// A range of values along one side of a panel.
#[derive(Debug, Clone, PartialEq)]
pub struct Axis {
    low: f64,
    high: f64,
    logarithmic: bool,
    pub ticks: Vec<Tick>,
}

/// Positive values further apart than this factor get a logarithmic axis.
const LOGARITHMIC_FROM: f64 = 100.0;

/// The same for sizes.
const LOGARITHMIC_SIZES_FROM: f64 = 8.0;

/// Over fewer powers of ten there are ticks between them.
const SPARSE_DECADES: usize = 3;

impl Axis {
    /// For a quantity without bounds, such as a loss: a little more than the values take, and
    /// logarithmic where they are orders of magnitude apart.
    pub fn of_values(values: impl IntoIterator<Item = f64>, ticks: usize) -> Self {
        let (low, high) = extent(values);
        if low > 0.0 && high / low > LOGARITHMIC_FROM {
            Self::logarithmic(low, high)
        } else {
            let (low, high) = padded(low, high);
            Self::linear(low, high, ticks)
        }
    }

    /// For numbers that are shares or are not.
    pub fn of(are_shares: bool, values: impl IntoIterator<Item = f64>, ticks: usize) -> Self {
        if are_shares { Self::of_shares(values, ticks) } else { Self::of_values(values, ticks) }
    }

    /// For a share: a little more than the values take, but never below 0 or above 1.
    pub fn of_shares(values: impl IntoIterator<Item = f64>, ticks: usize) -> Self {
        let (low, high) = extent(values);
        let (low, high) = padded(low, high);
        Self::linear(low.max(0.0), high.min(1.0).max(low.max(0.0) + 1e-6), ticks)
    }

    /// From zero to a little more than the highest value, such as a time.
    pub fn from_zero(values: impl IntoIterator<Item = f64>, ticks: usize) -> Self {
        let (_, high) = extent(values);
        let high = if high > 0.0 { high * 1.03 } else { 1.0 };
        Self::linear(0.0, high, ticks)
    }

    /// For sizes, such as of networks: logarithmic where one is several times another.
    pub fn of_sizes(values: impl IntoIterator<Item = f64>, ticks: usize) -> Self {
        let (low, high) = extent(values);
        let mut axis = if low > 0.0 && high / low > LOGARITHMIC_SIZES_FROM {
            Self::logarithmic(low, high)
        } else {
            let (low, high) = padded(low, high);
            Self::linear(low.max(0.0), high, ticks)
        };
        for tick in &mut axis.ticks {
            tick.label = short(tick.value);
        }
        axis
    }

    /// For lengths, of which the order of magnitude counts: logarithmic, unless there are none.
    pub fn of_norms(values: impl IntoIterator<Item = f64>, ticks: usize) -> Self {
        let (low, high) = extent(values);
        if low <= 0.0 {
            return Self::linear(low, high, ticks);
        }
        // At least one power of ten, so that there are ticks.
        let room = (10.0 / (high / low)).sqrt().max(1.0);
        Self::logarithmic(low / room, high * room)
    }

    /// For layers by their depth: ticks at whole numbers only.
    pub fn depths(first: usize, last: usize, ticks: usize) -> Self {
        let step = whole_step(last.max(1), ticks);
        let depths = (first..=last).filter(|depth| depth % step == 0 || step == 1);
        let tick = |depth: usize| Tick { value: depth as f64, label: depth.to_string() };
        let (low, high) = (first as f64 - 0.5, last as f64 + 0.5);
        Self { low, high, logarithmic: false, ticks: depths.map(tick).collect() }
    }

    /// For epochs 1 to `last`: ticks at whole numbers only.
    pub fn epochs(last: usize, ticks: usize) -> Self {
        let last = last.max(1);
        let step = whole_step(last, ticks);
        let mut epochs: Vec<usize> = (1..=last / step).map(|i| i * step).collect();
        if step >= 5 {
            epochs.insert(0, 1);
        }
        let room = if last == 1 { 0.5 } else { (last - 1) as f64 * 0.03 };
        Self {
            low: 1.0 - room,
            high: last as f64 + room,
            logarithmic: false,
            ticks: epochs
                .into_iter()
                .map(|epoch| Tick { value: epoch as f64, label: epoch.to_string() })
                .collect(),
        }
    }

    /// For names: each at a whole number from 0.
    pub fn categories(names: impl Iterator<Item = String>) -> Self {
        let tick = |(i, label): (usize, String)| Tick { value: i as f64, label };
        let ticks: Vec<Tick> = names.enumerate().map(tick).collect();
        let high = ticks.len() as f64 - 0.5;
        Self { low: -0.5, high: high.max(0.5), logarithmic: false, ticks }
    }

    fn linear(low: f64, high: f64, ticks: usize) -> Self {
        let step = nice_step((high - low) / ticks.max(1) as f64);
        let decimals = (-step.log10().floor()).clamp(0.0, 12.0) as usize;
        // A quarter of a power of ten has one decimal more than the power.
        let decimals = decimals + usize::from((step * 10_f64.powi(decimals as i32)).fract() > 1e-6);
        let first = (low / step - 1e-6).ceil() as i64;
        let last = (high / step + 1e-6).floor() as i64;
        let tick = |i: i64| {
            let value = i as f64 * step;
            Tick { value, label: plain(value, decimals) }
        };
        Self { low, high, logarithmic: false, ticks: (first..=last).map(tick).collect() }
    }

    fn logarithmic(low: f64, high: f64) -> Self {
        let room = (high / low).powf(0.04);
        let (low, high) = (low / room, high * room);
        let decades = (low.log10().ceil() as i32)..=(high.log10().floor() as i32);
        let every = (decades.clone().count() / 8 + 1) as i32;
        let factors: &[f64] =
            if decades.clone().count() < SPARSE_DECADES { &[1.0, 2.0, 5.0] } else { &[1.0] };
        let powers = (decades.start() - 1)..=*decades.end();
        let ticks = powers.filter(|power| power % every == 0).flat_map(|power| {
            factors.iter().map(move |factor| {
                let value = factor * 10_f64.powi(power);
                let label = match power {
                    -3..=3 => plain(value, (-power).max(0) as usize),
                    // The font has no raised minus sign.
                    _ => format!("{factor}e{power}").replace('-', "−"),
                };
                Tick { value, label }
            })
        });
        let ticks = ticks.filter(|tick| (low..=high).contains(&tick.value));
        Self { low, high, logarithmic: true, ticks: ticks.collect() }
    }

    pub fn is_logarithmic(&self) -> bool {
        self.logarithmic
    }

    /// The value at the low end.
    pub fn low(&self) -> f64 {
        self.low
    }

    /// The value at the high end.
    pub fn high(&self) -> f64 {
        self.high
    }

    /// Where a value lies: 0 at the low end, 1 at the high end; values beyond are put at the ends.
    pub fn position(&self, value: f64) -> f64 {
        let place = if self.logarithmic {
            (value.max(self.low) / self.low).ln() / (self.high / self.low).ln()
        } else {
            (value - self.low) / (self.high - self.low)
        };
        place.clamp(0.0, 1.0)
    }
}

/// Lowest and highest finite value; 0 and 1 without any.
fn extent(values: impl IntoIterator<Item = f64>) -> (f64, f64) {
    // The width of a range has to be finite too.
    let finite = values.into_iter().filter(|value| value.abs() < 1e300);
    let (low, high) = finite.fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), value| {
        (low.min(value), high.max(value))
    });
    if low <= high { (low, high) } else { (0.0, 1.0) }
}

/// Some room around a range, and a range around a single value.
fn padded(low: f64, high: f64) -> (f64, f64) {
    let span = high - low;
    let smallest = high.abs().max(low.abs()).max(1e-9) * 0.02;
    let room = if span < smallest { smallest * 5.0 } else { span * 0.05 };
    (low - room, high + room)
}

/// The smallest of 1, 2, 2.5, 5 times a power of ten that is not much below `wanted`.
fn nice_step(wanted: f64) -> f64 {
    let power = 10_f64.powf(wanted.log10().floor());
    let factor = [1.0, 2.0, 2.5, 5.0].into_iter().find(|factor| factor * power >= wanted * 0.85);
    factor.unwrap_or(10.0) * power
}

/// The smallest of 1, 2, 5, 10, 20, 50, … with at most `ticks` multiples up to `last`.
fn whole_step(last: usize, ticks: usize) -> usize {
    let mut power = 1;
    loop {
        for factor in [1, 2, 5] {
            if last / (factor * power) <= ticks.max(1) {
                return factor * power;
            }
        }
        power *= 10;
    }
}

/// A number with a real minus sign; powers of ten where there would be many zeros.
fn plain(value: f64, decimals: usize) -> String {
    if value != 0.0 && (value.abs() >= 1e7 || decimals > 6) {
        return format!("{value:.2e}").replace('-', "−");
    }
    let value = if value == 0.0 { 0.0 } else { value };
    format!("{value:.decimals$}").replace('-', "−")
}

/// A size in thousands or millions: 271346 → 271k.
fn short(value: f64) -> String {
    for (unit, name) in [(1e9, "G"), (1e6, "M"), (1e3, "k")] {
        if value >= unit {
            let digits = format!("{:.2}", value / unit);
            return format!("{}{name}", digits.trim_end_matches('0').trim_end_matches('.'));
        }
    }
    plain(value, 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn labels(axis: &Axis) -> Vec<&str> {
        axis.ticks.iter().map(|tick| tick.label.as_str()).collect()
    }

    #[test]
    fn epochs_are_whole_numbers_from_one() {
        assert_eq!(labels(&Axis::epochs(1, 10)), ["1"]);
        assert_eq!(labels(&Axis::epochs(3, 10)), ["1", "2", "3"]);
        assert_eq!(labels(&Axis::epochs(10, 10)).len(), 10);
        assert_eq!(labels(&Axis::epochs(14, 10)), ["2", "4", "6", "8", "10", "12", "14"]);
        assert_eq!(labels(&Axis::epochs(100, 6)), ["1", "20", "40", "60", "80", "100"]);
    }

    #[test]
    fn shares_stay_between_zero_and_one_with_round_ticks() {
        let axis = Axis::of_shares([0.70, 0.871], 5);
        assert_eq!(labels(&axis), ["0.70", "0.75", "0.80", "0.85"]);
        let axis = Axis::of_shares([0.2, 1.0], 5);
        assert_eq!(axis.position(1.0), 1.0);
        assert_eq!(labels(&axis).last(), Some(&"1.0"));
    }

    #[test]
    fn a_single_value_lies_in_the_middle() {
        let axis = Axis::of_shares([0.8], 5);
        assert!((axis.position(0.8) - 0.5).abs() < 1e-9);
        assert!((2..=7).contains(&axis.ticks.len()), "{:?}", axis.ticks);
    }

    #[test]
    fn losses_orders_of_magnitude_apart_get_powers_of_ten() {
        let axis = Axis::of_values([2.3, 0.004], 5);
        assert_eq!(labels(&axis), ["0.01", "0.1", "1"]);
        assert_eq!(labels(&Axis::of_values([1e-5, 1e-2], 5)), ["1e−5", "1e−4", "0.001", "0.01"]);
        assert_eq!(labels(&Axis::of_values([2.3, 0.3], 5)), ["0.5", "1.0", "1.5", "2.0"]);
    }

    #[test]
    fn the_font_has_all_that_ticks_are_written_with() {
        for (low, high) in [(1e-9, 1e-2), (1e-5, 3e-5), (1e5, 1e9), (-3.0, 4.0), (-1e8, 1e8)] {
            for label in labels(&Axis::of_values([low, high], 5)) {
                assert!(super::super::text::has_glyphs(label), "{label}");
            }
        }
    }

    #[test]
    fn lengths_are_logarithmic_and_have_ticks_however_close_they_are() {
        for values in [&[0.5, 0.6][..], &[1.0], &[1e-7, 3.0], &[2.0, 9.0]] {
            let axis = Axis::of_norms(values.iter().copied(), 7);
            assert!(axis.is_logarithmic() && axis.ticks.len() >= 2, "{values:?}: {axis:?}");
        }
        assert!(!Axis::of_norms([], 7).is_logarithmic());
        let depths = Axis::depths(0, 3, 12);
        assert_eq!(labels(&depths), ["0", "1", "2", "3"]);
        assert_eq!(labels(&Axis::depths(1, 50, 12)).len(), 10);
    }

    #[test]
    fn sizes_are_short_and_logarithmic_early() {
        assert_eq!(labels(&Axis::of_sizes([5e3, 9e4], 5)), ["5k", "10k", "20k", "50k", "100k"]);
        let close = Axis::of_sizes([266_610.0, 271_346.0], 5);
        assert!(labels(&close).iter().all(|label| label.ends_with('k')), "{close:?}");
        let large = Axis::of_sizes([1.5e6, 2e6], 5);
        assert!(labels(&large).iter().all(|label| label.ends_with('M')), "{large:?}");
    }

    #[test]
    fn no_values_and_infinite_ones_still_make_an_axis() {
        for values in [
            &[][..],
            &[f64::NAN],
            &[f64::INFINITY, 0.5],
            &[0.0],
            &[1e299, -1e299],
            &[f64::MAX, f64::MIN],
        ] {
            for axis in [
                Axis::of_values(values.iter().copied(), 5),
                Axis::of_shares(values.iter().copied(), 5),
                Axis::from_zero(values.iter().copied(), 5),
                Axis::of_sizes(values.iter().copied(), 5),
            ] {
                assert!((1..20).contains(&axis.ticks.len()), "{values:?}: {axis:?}");
                assert!((0.0..=1.0).contains(&axis.position(0.5)), "{values:?}: {axis:?}");
            }
        }
    }
}
