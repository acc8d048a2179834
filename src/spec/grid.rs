//! `grid:` values under dotted paths, and their combinations.

use std::collections::HashSet;

use serde_json::{Map, Value};

use super::load::{MAX_CASES, Reader};
use super::problem::Problem;
use super::source::{Part, Path};
use super::value::plain;
use super::{GridValue, SETUP};

/// A key of the grid with its values and their places in its list.
pub(super) struct Varied {
    pub key: String,
    pub values: Vec<(usize, Value)>,
}

/// All combinations, the last key changing fastest; each value with its place in its list.
pub(super) fn points(grid: &[Varied]) -> Vec<Vec<(usize, GridValue)>> {
    grid.iter().fold(vec![Vec::new()], |points, varied| {
        let extend = |point: &Vec<(usize, GridValue)>, (number, value): &(usize, Value)| {
            let mut point = point.clone();
            point.push((*number, GridValue { key: varied.key.clone(), value: value.clone() }));
            point
        };
        let with_all = |point| varied.values.iter().map(move |value| extend(point, value));
        points.iter().flat_map(with_all).collect()
    })
}

impl Reader {
    /// Each grid key and its values, for so many variants.
    pub fn grid(&mut self, root: &Map<String, Value>, variants: usize) -> Vec<Varied> {
        let at = Path::default().key("grid");
        let help = "list values under dotted paths, as in `training.batch_size: [16, 32]`";
        let grid = match root.get("grid") {
            None | Some(Value::Null) => return Vec::new(),
            Some(Value::Object(grid)) => grid,
            Some(_) => {
                self.problem(&at, "`grid` is a map from dotted paths to lists of values", help);
                return Vec::new();
            }
        };
        let mut keys = Vec::new();
        for (key, values) in grid {
            let scalars = values.as_array().filter(|values| {
                !values.is_empty() && values.iter().all(|v| !v.is_array() && !v.is_object())
            });
            match scalars {
                Some(_) if !key.split_once('.').is_some_and(|(part, _)| SETUP.contains(&part)) => {
                    let message = format!("`{key}` is no path into an experiment");
                    let span = self.source.span(&at.key(key), Part::Key);
                    let help = "begin with `dataset.`, `model.` or `training.`";
                    self.problems.push(Problem::new(span, message, help));
                }
                Some(values) => keys.push(self.varied(key, values, &at)),
                None if values.as_array().is_some_and(|values| !values.is_empty()) => {
                    let message = format!("`{key}` varies by more than single values");
                    let help = "list numbers and words, and write a variant for each map or list";
                    self.problem(&at.key(key), message, help);
                }
                None => self.problem(&at.key(key), format!("`{key}` needs a list of values"), help),
            }
        }
        let points =
            keys.iter().map(|varied| varied.values.len()).try_fold(variants, usize::checked_mul);
        if points.is_none_or(|points| points > MAX_CASES) {
            let message = format!("more than {MAX_CASES} cases");
            self.problem(
                &at,
                message,
                "shorten the grid's lists, or part the work among several files",
            );
            return Vec::new();
        }
        keys
    }

    /// The values of a grid key, without those that are there twice.
    fn varied(&mut self, key: &str, values: &[Value], at: &Path) -> Varied {
        let mut seen = HashSet::new();
        let mut once = Vec::new();
        for (i, value) in values.iter().enumerate() {
            // Some systems do not tell capitals from small letters in folders' names.
            if seen.insert(plain(value).to_lowercase()) {
                once.push((i, value.clone()));
            } else {
                let message = format!("`{}` is listed twice", plain(value));
                self.problem(&at.key(key).index(i), message, "leave one out");
            }
        }
        Varied { key: key.to_owned(), values: once }
    }
}
