//! `dataset.validation`: which of the training images are kept apart.

use std::fmt;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::value::MapAccessDeserializer;
use serde::de::{Deserializer, MapAccess, Visitor};
use serde::{Deserialize, Serialize};

/// Which of the training images are kept apart for validation. In a file a whole number, or a map.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
#[serde(untagged)]
pub enum Validation {
    /// So many of the first.
    Count(usize),
    /// A share of all.
    Share(ValidationShare),
}

/// A share of the training images.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ValidationShare {
    /// The share, between 0 and 1.
    pub fraction: f64,
    /// Whether every class gives that share of its images, the first of them; otherwise they are
    /// the first of all images, whatever their classes.
    #[serde(default)]
    pub stratified: bool,
}

impl Validation {
    /// How many of so many training images are kept apart.
    pub fn rows(&self, of: usize) -> usize {
        match self {
            Self::Count(count) => *count,
            Self::Share(share) => share.rows(of),
        }
    }

    /// Whether there is no validation.
    pub fn is_none(&self) -> bool {
        match self {
            Self::Count(count) => *count == 0,
            Self::Share(_) => false,
        }
    }
}

impl ValidationShare {
    fn rows(&self, of: usize) -> usize {
        (self.fraction * of as f64).round() as usize
    }

    /// How many images of each class are kept apart, given how many there are: the share of each
    /// rounded down, and those that are missing in all from the classes that lost most by it, the
    /// lowest first where several lost the same.
    pub fn of_classes(&self, classes: &[usize]) -> Vec<usize> {
        let exact = |class: usize| self.fraction * classes[class] as f64;
        let mut rows: Vec<usize> = (0..classes.len()).map(|class| exact(class) as usize).collect();
        let missing = self.rows(classes.iter().sum()).saturating_sub(rows.iter().sum());
        let mut by_loss: Vec<usize> = (0..classes.len()).collect();
        by_loss.sort_by(|&a, &b| exact(b).fract().total_cmp(&exact(a).fract()).then(a.cmp(&b)));
        for class in by_loss.into_iter().filter(|&class| classes[class] > 0).take(missing) {
            rows[class] += 1;
        }
        rows
    }
}

impl Default for Validation {
    fn default() -> Self {
        Self::Count(5000)
    }
}

impl fmt::Display for Validation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Count(count) => write!(f, "{count}"),
            Self::Share(share) => write!(f, "a fraction of {}", share.fraction),
        }
    }
}

impl<'de> Deserialize<'de> for Validation {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(CountOrShare)
    }
}

impl JsonSchema for Validation {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Validation".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let share = generator.subschema_for::<ValidationShare>();
        json_schema!({ "anyOf": [{ "type": "integer", "minimum": 0 }, share] })
    }
}

struct CountOrShare;

impl<'de> Visitor<'de> for CountOrShare {
    type Value = Validation;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a whole number or `{ fraction: 0.1 }`")
    }

    fn visit_u64<E: serde::de::Error>(self, count: u64) -> Result<Validation, E> {
        usize::try_from(count).map(Validation::Count).map_err(E::custom)
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Validation, A::Error> {
        ValidationShare::deserialize(MapAccessDeserializer::new(map)).map(Validation::Share)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of_classes(fraction: f64, classes: &[usize]) -> Vec<usize> {
        ValidationShare { fraction, stratified: true }.of_classes(classes)
    }

    #[test]
    fn every_class_gives_its_share_and_together_they_give_the_whole_one() {
        assert_eq!(of_classes(0.1, &[6000; 10]), [600; 10]);
        // 2.5, 1.25 and 1.25, 5 in all: one is missing, and the first class lost most.
        assert_eq!(of_classes(0.25, &[10, 5, 5]), [3, 1, 1]);
        // 0.5 each of 4 classes: 2 in all, and the lowest give them.
        assert_eq!(of_classes(0.5, &[1, 1, 1, 1]), [1, 1, 0, 0]);
        assert_eq!(of_classes(0.5, &[0, 1, 0, 1]), [0, 1, 0, 0]);
        // 0.29 · 100 is 28.999999999999996 in 64 bits.
        assert_eq!(of_classes(0.29, &[100, 100]), [29, 29]);
        for (fraction, classes) in [(0.37, [13, 1, 0, 200]), (0.999, [3, 3, 3, 3])] {
            let rows = of_classes(fraction, &classes);
            let all = ValidationShare { fraction, stratified: false };
            assert_eq!(rows.iter().sum::<usize>(), all.rows(classes.iter().sum()));
            assert!(rows.iter().zip(classes).all(|(rows, there)| *rows <= there), "{rows:?}");
        }
    }
}
