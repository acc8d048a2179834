//! `grid.random`: points drawn at random, the same every time.

use std::collections::HashSet;

use serde_json::{Map, Value, json};

use super::grid::{are_scalars, leads_into_a_setup, no_path};
use super::load::MAX_CASES;
use super::problem::{Finding, suggest};
use super::{GridValue, Part, Path};
use crate::rng::{Purpose, Stream, index_of};

/// Draws per point asked for, after which there are taken to be no other points.
const MAX_DRAWS: usize = 100;

const RANDOM: &str = "write `random: { trials: 20, training.optimizer.sgd.learning_rate: \
                      { log_uniform: [0.0001, 0.1] } }`";
const DISTRIBUTIONS: [&str; 3] = ["uniform", "log_uniform", "int_uniform"];

/// What the values of a path are drawn from.
#[derive(Debug)]
enum Source {
    /// Any number between two, each equally likely.
    Uniform(f64, f64),
    /// The same of the number's logarithm.
    LogUniform(f64, f64),
    /// A whole number, both ends included.
    IntUniform(i64, i64),
    /// One of a list.
    Choices(Vec<Value>),
}

/// The paths of `random:` and the points drawn for them, each with a value for every path.
pub(super) type Drawn = (Vec<String>, Vec<Vec<GridValue>>);

/// Reads `random:` and draws its points.
///
/// Every value is a function of the seed, its path and the point's number: another path or more
/// trials leave the values that were there as they are, and so the trials that are done.
pub(super) fn draw(random: &Value, grid: &Map<String, Value>) -> Result<Drawn, Vec<Finding>> {
    let at = Path::default().key("grid").key("random");
    let Some(random) = random.as_object() else {
        let message = "`random` is a map of `trials` and of paths with what to draw from";
        return Err(vec![Finding::new(at, message, RANDOM)]);
    };
    let mut findings = Vec::new();
    let mut whole = |key: &str, or: Option<u64>| match random.get(key) {
        Some(value) if value.as_u64().is_some() => value.as_u64(),
        Some(value) => {
            let message = format!("`{key}` cannot be {value}");
            let help = "give a whole number of 0 or more";
            findings.push(Finding::new(at.key(key), message, help));
            None
        }
        None if or.is_some() => or,
        None => {
            let message = format!("missing key `{key}` in `random`");
            findings.push(Finding::new(at.clone(), message, RANDOM));
            None
        }
    };
    let trials = whole("trials", None).map(|trials| usize::try_from(trials).unwrap_or(usize::MAX));
    let seed = whole("seed", Some(0)).unwrap_or(0);
    if let Some(trials) = trials.filter(|trials| !(1..=MAX_CASES).contains(trials)) {
        let help = format!("give a number from 1 to {MAX_CASES}");
        let message = format!("`trials` cannot be {trials}");
        findings.push(Finding::new(at.key("trials"), message, help));
    }
    let mut sources = Vec::new();
    for (key, value) in random.iter().filter(|(key, _)| !["trials", "seed"].contains(&&***key)) {
        if !leads_into_a_setup(key) {
            findings.push(no_path(&at, key));
        } else if grid.contains_key(key) {
            let message = format!("`{key}` is in the grid's lists, too");
            findings.push(Finding::new(at.key(key), message, "leave it out of one of them"));
        } else {
            match Source::read(key, value, &at.key(key)) {
                Ok(source) => sources.push((key, source)),
                Err(finding) => findings.push(finding),
            }
        }
    }
    if sources.is_empty() && findings.is_empty() {
        let message = "`random` has no path to draw values for";
        findings.push(Finding::new(at.clone(), message, RANDOM));
    }
    let Some(trials) = trials.filter(|_| findings.is_empty()) else { return Err(findings) };

    let mut points = Vec::new();
    let mut seen = HashSet::new();
    let draws = u32::try_from(trials * MAX_DRAWS).expect("both are far from 2³²");
    for number in 0..draws {
        let value = |(key, source): &(&String, Source)| {
            let mut stream = Stream::new(seed, Purpose::RandomGrid, number, index_of(key));
            GridValue { key: (*key).clone(), value: source.draw(&mut stream) }
        };
        let point: Vec<GridValue> = sources.iter().map(value).collect();
        let values: Vec<String> = point.iter().map(|point| point.value.to_string()).collect();
        if seen.insert(values) {
            points.push(point);
        }
        if points.len() == trials {
            let keys = sources.iter().map(|(key, _)| (*key).clone()).collect();
            return Ok((keys, points));
        }
    }
    let message = format!("there are not {trials} different points to draw");
    let help = format!("ask for fewer, {} were found, or widen the ranges", points.len());
    Err(vec![Finding::new(at.key("trials"), message, help)])
}

impl Source {
    fn read(key: &str, value: &Value, at: &Path) -> Result<Self, Finding> {
        let (name, range) = match value {
            Value::Array(values) if are_scalars(values) => {
                return Ok(Self::Choices(values.clone()));
            }
            Value::Object(map) if map.len() == 1 => map.iter().next().expect("it has one"),
            Value::Null
            | Value::Bool(_)
            | Value::Number(_)
            | Value::String(_)
            | Value::Array(_)
            | Value::Object(_) => {
                let message = format!("`{key}` needs something to draw from");
                let help = "write a range, as in `{ uniform: [0.1, 0.5] }`, `{ log_uniform: \
                            [0.0001, 0.1] }` or `{ int_uniform: [1, 8] }`, or a list of values";
                return Err(Finding::new(at.clone(), message, help));
            }
        };
        let at = at.key(name);
        if !DISTRIBUTIONS.contains(&&**name) {
            let message = format!("unknown name `{name}`");
            let finding = Finding::new(at, message, suggest(name, &DISTRIBUTIONS));
            return Err(Finding { part: Part::Key, ..finding });
        }
        let bad = |help: &str| {
            Finding::new(at.clone(), format!("`{name}` cannot draw from {range}"), help)
        };
        let ends = range.as_array().map(Vec::as_slice).unwrap_or_default();
        if name == "int_uniform" {
            let help = "give two whole numbers, the lower first, as in `[1, 8]`";
            let [Some(low), Some(high)] = [0, 1].map(|i| ends.get(i).and_then(Value::as_i64))
            else {
                return Err(bad(help));
            };
            let few = high.checked_sub(low).is_some_and(|span| span < i64::from(u32::MAX));
            if ends.len() != 2 || low > high || !few {
                return Err(bad(help));
            }
            return Ok(Self::IntUniform(low, high));
        }
        let help = "give two numbers, the lower first, as in `[0.1, 0.5]`";
        let [Some(low), Some(high)] = [0, 1].map(|i| ends.get(i).and_then(Value::as_f64)) else {
            return Err(bad(help));
        };
        if ends.len() != 2 || low >= high || !(high - low).is_finite() {
            return Err(bad(help));
        }
        match name == "uniform" {
            true => Ok(Self::Uniform(low, high)),
            false if low > 0.0 => Ok(Self::LogUniform(low, high)),
            false => Err(bad("give two numbers above 0: others have no logarithm")),
        }
    }

    /// A value with no more digits than it takes to tell a thousand of them apart: it becomes a
    /// part of folders' names.
    fn draw(&self, stream: &mut Stream) -> Value {
        match self {
            Self::Uniform(low, high) => {
                let width = high - low;
                let number = low + width * stream.next_f64();
                json!(decimals(number, 3 - width.log10().floor() as i32).clamp(*low, *high))
            }
            Self::LogUniform(low, high) => {
                let number = (low.ln() + (high.ln() - low.ln()) * stream.next_f64()).exp();
                let rounded: f64 = format!("{number:.2e}").parse().expect("it is a number");
                json!(rounded.clamp(*low, *high))
            }
            Self::IntUniform(low, high) => {
                let span = u32::try_from(high - low).expect("checked when it was read");
                json!(low + i64::from(stream.below(span + 1)))
            }
            Self::Choices(values) => {
                let count = u32::try_from(values.len()).expect("files are short");
                values[stream.below(count) as usize].clone()
            }
        }
    }
}

/// Rounds to so many digits behind the decimal point, or before it where they are below 0.
fn decimals(number: f64, digits: i32) -> f64 {
    match usize::try_from(digits) {
        // By way of text, which gives the very number that its digits stand for.
        Ok(digits) => format!("{number:.digits$}").parse().expect("it is a number"),
        Err(_) => {
            let step = 10_f64.powi(-digits);
            (number / step).round() * step
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn drawn(random: &Value) -> Vec<Vec<Value>> {
        let (_, points) = draw(random, &Map::new()).unwrap();
        points.into_iter().map(|point| point.into_iter().map(|p| p.value).collect()).collect()
    }

    #[test]
    fn drawn_values_are_always_these() {
        // Where this fails, plans have changed, and what was trained of them is not found again.
        let random = json!({
            "trials": 3,
            "training.optimizer.sgd.learning_rate": { "log_uniform": [0.0001, 0.1] },
            "model.layers.2.dropout.rate": { "uniform": [0, 0.5] },
            "model.layers.1.dense.units": { "int_uniform": [10, 300] },
            "training.batch_size": [16, 32, 64],
        });
        let points = drawn(&random);
        assert_eq!(
            json!(points),
            json!([
                [0.000579, 0.0053, 125, 64],
                [0.0219, 0.1768, 201, 16],
                [0.0418, 0.3385, 146, 32]
            ])
        );
    }

    #[test]
    fn more_trials_or_another_path_leave_the_drawn_values_as_they_are() {
        let rate = json!({ "log_uniform": [0.0001, 0.1] });
        let few = drawn(&json!({ "trials": 5, "training.a": rate }));
        let many = drawn(&json!({ "trials": 50, "training.a": rate }));
        assert_eq!(few[..], many[..5]);
        let both = drawn(
            &json!({ "trials": 50, "training.b": { "uniform": [1, 2] }, "training.a": rate }),
        );
        // A value that was drawn before is a new point only beside another value.
        let mut of_a: Vec<Value> = Vec::new();
        for value in both.iter().map(|point| &point[1]) {
            if !of_a.contains(value) {
                of_a.push(value.clone());
            }
        }
        let same = many.iter().zip(&of_a).filter(|(point, value)| point[0] == **value).count();
        assert_eq!(same, of_a.len());
        let other = drawn(&json!({ "trials": 5, "seed": 1, "training.a": rate }));
        assert_ne!(few, other);
    }

    #[test]
    fn values_stay_in_their_range_cover_it_and_have_few_digits() {
        let of = |source: Value| -> Vec<f64> {
            let points = drawn(&json!({ "trials": 400, "training.a": source }));
            points.iter().map(|point| point[0].as_f64().unwrap()).collect()
        };
        let share_below = |values: &[f64], limit: f64| {
            values.iter().filter(|value| **value < limit).count() as f64 / values.len() as f64
        };
        let uniform = of(json!({ "uniform": [0.25, 0.75] }));
        assert!(uniform.iter().all(|value| (0.25..=0.75).contains(value)));
        assert!((share_below(&uniform, 0.5) - 0.5).abs() < 0.08);
        let log = of(json!({ "log_uniform": [0.0001, 0.01] }));
        assert!(log.iter().all(|value| (0.0001..=0.01).contains(value)));
        assert!((share_below(&log, 0.001) - 0.5).abs() < 0.08);
        assert!(log.iter().chain(&uniform).all(|value| value.to_string().len() <= 10), "{log:?}");
        let wide = of(json!({ "uniform": [0, 1e6] }));
        assert!(wide.iter().all(|value| value % 1000.0 == 0.0));
        let whole = drawn(&json!({ "trials": 4, "training.a": { "int_uniform": [-1, 2] } }));
        let mut whole: Vec<i64> = whole.iter().map(|point| point[0].as_i64().unwrap()).collect();
        whole.sort_unstable();
        assert_eq!(whole, [-1, 0, 1, 2], "every one, each once");
    }

    #[test]
    fn what_cannot_be_drawn_is_told_at_its_place() {
        for (random, place, words) in [
            (json!(3), "grid.random", "`random` is a map"),
            (json!({ "training.a": [1] }), "grid.random", "missing key `trials`"),
            (json!({ "trials": 0, "training.a": [1] }), "grid.random.trials", "cannot be 0"),
            (json!({ "trials": 1.5, "training.a": [1] }), "grid.random.trials", "cannot be 1.5"),
            (json!({ "trials": 3 }), "grid.random", "no path to draw"),
            (json!({ "trials": 3, "a": [1] }), "grid.random.a", "not a path into"),
            (json!({ "trials": 3, "training.a": [1, 2] }), "grid.random.trials", "not 3 different"),
            (json!({ "trials": 3, "training.a": 1 }), "grid.random.training.a", "to draw from"),
            (
                json!({ "trials": 3, "training.a": { "normal": [0, 1] } }),
                "grid.random.training.a.normal",
                "unknown name `normal`",
            ),
            (
                json!({ "trials": 3, "training.a": { "log_uniform": [0, 1] } }),
                "grid.random.training.a.log_uniform",
                "cannot draw from [0,1]",
            ),
            (
                json!({ "trials": 3, "training.a": { "uniform": [2, 1] } }),
                "grid.random.training.a.uniform",
                "cannot draw from [2,1]",
            ),
            (
                json!({ "trials": 3, "training.a": { "int_uniform": [1, 2.5] } }),
                "grid.random.training.a.int_uniform",
                "cannot draw from [1,2.5]",
            ),
        ] {
            let findings = draw(&random, &Map::new()).unwrap_err();
            assert_eq!(findings.len(), 1, "{findings:?}");
            assert_eq!(findings[0].path.to_string(), place);
            assert!(findings[0].message.contains(words), "{findings:?}");
        }
    }
}
