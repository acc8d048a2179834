//! `grid:` values under dotted paths, every combination of them, each with every point drawn at
//! random.

use std::collections::HashSet;

use serde_json::{Map, Value};

use super::load::{MAX_CASES, Reader};
use super::problem::Finding;
use super::random::draw;
use super::value::plain;
use super::{GridValue, Part, Path, SETUP};

/// A key of the grid with its values and their places in its list.
pub(super) struct Varied {
    pub key: String,
    pub values: Vec<(usize, Value)>,
}

/// What `grid:` asks for.
#[derive(Default)]
pub(super) struct Grid {
    /// Paths with their lists, of which every combination is tried.
    lists: Vec<Varied>,
    /// Paths whose values are drawn.
    drawn_keys: Vec<String>,
    /// The points drawn, each with a value for every such path.
    drawn: Vec<Vec<GridValue>>,
}

/// A value of a point, and its place in its list unless it was drawn.
pub(super) type Placed = (Option<usize>, GridValue);

impl Grid {
    /// Whether nothing varies.
    pub fn is_empty(&self) -> bool {
        self.lists.is_empty() && self.drawn.is_empty()
    }

    /// All paths.
    pub fn keys(&self) -> impl Iterator<Item = &String> {
        self.lists.iter().map(|varied| &varied.key).chain(&self.drawn_keys)
    }

    /// Where a path stands in the file.
    pub fn place(&self, key: &str) -> Path {
        let at = Path::default().key("grid");
        match self.drawn_keys.iter().any(|drawn| drawn == key) {
            true => at.key("random").key(key),
            false => at.key(key),
        }
    }

    /// How many points there are, if that can be counted.
    fn size(&self) -> Option<usize> {
        let lengths = self.lists.iter().map(|varied| varied.values.len());
        lengths.chain([self.drawn.len().max(1)]).try_fold(1, usize::checked_mul)
    }

    /// All combinations, the last list changing fastest, each with every point that was drawn.
    pub fn points(&self) -> Vec<Vec<Placed>> {
        let listed = self.lists.iter().fold(vec![Vec::new()], |points, varied| {
            let extend = |point: &Vec<Placed>, (number, value): &(usize, Value)| {
                let mut point = point.clone();
                let value = GridValue { key: varied.key.clone(), value: value.clone() };
                point.push((Some(*number), value));
                point
            };
            let with_all = |point| varied.values.iter().map(move |value| extend(point, value));
            points.iter().flat_map(with_all).collect()
        });
        if self.drawn.is_empty() {
            return listed;
        }
        let with_each = |point: &Vec<Placed>| {
            let point = point.clone();
            let drawn = |drawn: &Vec<GridValue>| {
                point
                    .iter()
                    .cloned()
                    .chain(drawn.iter().map(|value| (None, value.clone())))
                    .collect()
            };
            self.drawn.iter().map(drawn).collect::<Vec<_>>()
        };
        listed.iter().flat_map(with_each).collect()
    }
}

/// Whether a list holds single values, and at least one.
pub(super) fn are_scalars(values: &[Value]) -> bool {
    !values.is_empty() && values.iter().all(|value| !value.is_array() && !value.is_object())
}

/// Whether a dotted path begins with a part of a setup; `diagnostics` is one that has no parts.
pub(super) fn leads_into_a_setup(key: &str) -> bool {
    let (part, rest) = key.split_once('.').map_or((key, None), |(part, rest)| (part, Some(rest)));
    SETUP.contains(&part) && (part == "diagnostics") == rest.is_none()
}

/// The mistake of a path that does not.
pub(super) fn no_path(at: &Path, key: &str) -> Finding {
    let message = format!("`{key}` is no path into an experiment");
    let finding =
        Finding::new(at.key(key), message, "begin with `dataset.`, `model.` or `training.`");
    Finding { part: Part::Key, ..finding }
}

impl Reader {
    /// What the grid varies, for so many variants; nothing where there would be too many cases.
    pub fn grid(&mut self, root: &Map<String, Value>, variants: usize) -> Grid {
        let at = Path::default().key("grid");
        let help = "list values under dotted paths, as in `training.batch_size: [16, 32]`";
        let grid = match root.get("grid") {
            None | Some(Value::Null) => return Grid::default(),
            Some(Value::Object(grid)) => grid,
            Some(_) => {
                self.problem(&at, "`grid` is a map from dotted paths to lists of values", help);
                return Grid::default();
            }
        };
        let mut found = Grid::default();
        for (key, values) in grid.iter().filter(|(key, _)| *key != "random") {
            match values.as_array().filter(|values| are_scalars(values)) {
                Some(_) if !leads_into_a_setup(key) => self.findings(vec![no_path(&at, key)]),
                Some(values) => {
                    let varied = self.varied(key, values, &at);
                    found.lists.push(varied);
                }
                None if values.as_array().is_some_and(|values| !values.is_empty()) => {
                    let message = format!("`{key}` varies by more than single values");
                    let help = "list numbers and words, and write a variant for each map or list";
                    self.problem(&at.key(key), message, help);
                }
                None => self.problem(&at.key(key), format!("`{key}` needs a list of values"), help),
            }
        }
        match grid.get("random").map(|random| draw(random, grid)) {
            Some(Ok((keys, points))) => (found.drawn_keys, found.drawn) = (keys, points),
            Some(Err(mistakes)) => self.findings(mistakes),
            None => {}
        }
        let cases = found.size().and_then(|points| points.checked_mul(variants));
        if cases.is_none_or(|cases| cases > MAX_CASES) {
            let message = format!("more than {MAX_CASES} cases");
            let help = "shorten the grid's lists, or part the work among several files";
            self.problem(&at, message, help);
            return Grid::default();
        }
        found
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

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn lists_and_drawn_points_multiply() {
        let random = json!({ "trials": 3, "training.a": { "uniform": [0, 1] } });
        let (drawn_keys, drawn) = draw(&random, &Map::new()).unwrap();
        let sizes = Varied {
            key: "training.batch_size".to_owned(),
            values: vec![(0, json!(16)), (1, json!(32))],
        };
        let grid = Grid { lists: vec![sizes], drawn_keys, drawn };
        let points = grid.points();
        assert_eq!(points.len(), 6);
        assert_eq!((points[0][0].0, &points[0][0].1.value), (Some(0), &json!(16)));
        assert_eq!(points[0][1], points[3][1], "each list value meets the same points");
        assert_eq!(grid.place("training.a").to_string(), "grid.random.training.a");
    }
}
