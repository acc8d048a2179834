//! `grid:` values under dotted paths, every combination of them, each with every point drawn at
//! random.

use std::collections::HashSet;
use std::sync::Arc;

use serde_json::{Map, Value};

use super::load::{MAX_CASES, Reader};
use super::names::folded;
use super::problem::{Finding, Problem};
use super::random::draw;
use super::tree::{Entry, Node, Place};
use super::value::plain;
use super::{GridValue, Part, Path, SETUP};

/// A value of a grid key at one point.
#[derive(Debug, Clone)]
pub(super) struct Point {
    pub value: GridValue,
    /// The same value with its place.
    pub node: Arc<Node>,
    /// Where its key is.
    pub key_place: Place,
}

/// What `grid:` asks for.
#[derive(Default)]
pub(super) struct Grid {
    /// Keys with their values, of which every combination is tried.
    lists: Vec<Vec<Point>>,
    /// The points drawn, each with a value for every key of `random`.
    drawn: Vec<Vec<Point>>,
}

impl Grid {
    /// Whether nothing varies.
    pub fn is_empty(&self) -> bool {
        self.lists.is_empty() && self.drawn.is_empty()
    }

    /// All paths.
    pub fn keys(&self) -> impl Iterator<Item = &String> {
        let listed = self.lists.iter().filter_map(|values| values.first());
        let drawn = self.drawn.first().into_iter().flatten();
        listed.chain(drawn).map(|point| &point.value.key)
    }

    /// How many points there are, if that can be counted.
    fn size(&self) -> Option<usize> {
        let lengths = self.lists.iter().map(Vec::len);
        lengths.chain([self.drawn.len().max(1)]).try_fold(1, usize::checked_mul)
    }

    /// All combinations, the last list changing fastest, each with every point that was drawn.
    pub fn points(&self) -> Vec<Vec<Point>> {
        let and = |point: &[Point], more: &[Point]| [point, more].concat();
        let listed = self.lists.iter().fold(vec![Vec::new()], |points: Vec<Vec<Point>>, values| {
            let with_all = |point: &Vec<Point>| {
                values.iter().map(|value| and(point, std::slice::from_ref(value))).collect()
            };
            points.iter().flat_map::<Vec<_>, _>(with_all).collect()
        });
        if self.drawn.is_empty() {
            return listed;
        }
        let with_each = |point: &Vec<Point>| -> Vec<_> {
            self.drawn.iter().map(|drawn| and(point, drawn)).collect()
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
    let message = format!("`{key}` is not a path into an experiment");
    let finding =
        Finding::new(at.key(key), message, "begin with `dataset.`, `model.` or `training.`");
    Finding { part: Part::Key, ..finding }
}

impl Reader {
    /// What the grid varies, for so many variants; nothing where there would be too many cases.
    pub fn grid(&mut self, root: &Node, variants: usize) -> Grid {
        let at = Path::default().key("grid");
        let help = "list values under dotted paths, as in `training.batch_size: [16, 32]`";
        let Some(node) = root.get("grid").filter(|node| !node.is_null()) else {
            return Grid::default();
        };
        let Some(grid) = node.entries() else {
            self.problem(&at, "`grid` is a map from dotted paths to lists of values", help);
            return Grid::default();
        };
        let mut found = Grid::default();
        for entry in grid.iter().filter(|entry| &*entry.key != "random") {
            let key = &*entry.key;
            let is_scalar = |value: &Arc<Node>| value.scalar().is_some();
            match entry.value.items().filter(|values| !values.is_empty()) {
                Some(values) if values.iter().all(is_scalar) => match leads_into_a_setup(key) {
                    true => {
                        let varied = self.varied(entry, values);
                        found.lists.push(varied);
                    }
                    false => self.findings(vec![no_path(&at, key)]),
                },
                Some(_) => {
                    let message = format!("`{key}` varies by more than single values");
                    let help = "list numbers and words, and write a variant for each map or list";
                    self.problem(&at.key(key), message, help);
                }
                None => self.problem(&at.key(key), format!("`{key}` needs a list of values"), help),
            }
        }
        if let Some(random) = node.get("random") {
            found.drawn = self.drawn(random, node);
        }
        let cases = found.size().and_then(|points| points.checked_mul(variants));
        if cases.is_none_or(|cases| cases > MAX_CASES) {
            let message = format!("more than {MAX_CASES} cases");
            let help = "shorten the lists of the grid, or divide the work among several files";
            self.problem(&at, message, help);
            return Grid::default();
        }
        found
    }

    /// The points that `random` asks for.
    fn drawn(&mut self, random: &Node, grid: &Node) -> Vec<Vec<Point>> {
        let lists = grid.to_json();
        let points = match draw(&random.to_json(), lists.as_object().unwrap_or(&Map::new())) {
            Ok((_, points)) => points,
            Err(mistakes) => {
                self.findings(mistakes);
                return Vec::new();
            }
        };
        let placed = |value: GridValue| {
            let key_place = random.entry(&value.key).map_or(Place::Nowhere, |key| key.key_place);
            Point { node: Node::from_json(&value.value, key_place), value, key_place }
        };
        points.into_iter().map(|point| point.into_iter().map(placed).collect()).collect()
    }

    /// The values of a grid key, without those that are there twice.
    fn varied(&mut self, entry: &Entry, values: &[Arc<Node>]) -> Vec<Point> {
        let mut seen = HashSet::new();
        let mut once = Vec::new();
        for node in values {
            let value = node.to_json();
            let label = plain(&value);
            // Numbers are compared as numbers, and names as file systems compare them.
            let same = match label.parse::<f64>() {
                _ if self.is_recorded => label.clone(),
                Ok(number) if number.is_finite() => (number + 0.0).to_string(),
                Ok(_) | Err(_) => folded(&label),
            };
            if seen.insert(same) {
                let value = GridValue { key: entry.key.to_string(), value };
                once.push(Point { value, node: node.clone(), key_place: entry.key_place });
            } else {
                let written = node.place.range().map(|range| &self.source.text[range]);
                let message = format!("`{}` is listed twice", written.unwrap_or(&label));
                let help = "leave one out: values that are equal are one case";
                self.problems.push(Problem::new(node.place.range(), message, help));
            }
        }
        once
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn lists_and_drawn_points_multiply() {
        let point = |key: &str, value: Value| Point {
            node: Node::from_json(&value, Place::Nowhere),
            value: GridValue { key: key.to_owned(), value },
            key_place: Place::Nowhere,
        };
        let random = json!({ "trials": 3, "training.a": { "uniform": [0, 1] } });
        let (_, drawn) = draw(&random, &Map::new()).unwrap();
        let drawn: Vec<Vec<Point>> = drawn
            .into_iter()
            .map(|values| values.into_iter().map(|v| point(&v.key, v.value)).collect())
            .collect();
        let sizes = [16, 32].map(|size| point("training.batch_size", json!(size))).to_vec();
        let grid = Grid { lists: vec![sizes], drawn };
        let points = grid.points();
        assert_eq!(points.len(), 6);
        assert_eq!(points[0][0].value.value, json!(16));
        assert_eq!(points[0][1].value, points[3][1].value, "each list value meets the same points");
        assert_eq!(grid.keys().collect::<Vec<_>>(), ["training.batch_size", "training.a"]);
    }
}
