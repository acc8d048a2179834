//! Numbers that a file gives as one or as several: `kernel_size: 3` is `kernel_size: [3, 3]`.

use std::fmt;

use schemars::{Schema, SchemaGenerator, json_schema};
use serde::de::{Deserializer, Error, SeqAccess, Visitor};

/// Height and width; one number is both.
pub(super) fn pair<'de, D: Deserializer<'de>>(deserializer: D) -> Result<[usize; 2], D::Error> {
    let expected = "a whole number or [height, width]";
    let list = deserializer.deserialize_any(Numbers { expected })?;
    match list[..] {
        [both] => Ok([both, both]),
        [height, width] => Ok([height, width]),
        _ => Err(Error::invalid_length(list.len(), &expected)),
    }
}

/// As [`pair`], for a key that may be left out.
pub(super) fn some_pair<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<[usize; 2]>, D::Error> {
    pair(deserializer).map(Some)
}

/// A list; one number is a list of one.
pub(super) fn one_or_more<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Vec<usize>, D::Error> {
    deserializer.deserialize_any(Numbers { expected: "a whole number or a list of them" })
}

/// What [`pair`] reads, in a schema.
pub(super) fn pair_schema(_: &mut SchemaGenerator) -> Schema {
    let number = json_schema!({ "type": "integer", "minimum": 0 });
    json_schema!({ "anyOf": [number, { "type": "array", "items": number, "minItems": 1, "maxItems": 2 }] })
}

/// What [`one_or_more`] reads, in a schema.
pub(super) fn one_or_more_schema(_: &mut SchemaGenerator) -> Schema {
    let number = json_schema!({ "type": "integer", "minimum": 0 });
    json_schema!({ "anyOf": [number, { "type": "array", "items": number }] })
}

struct Numbers {
    expected: &'static str,
}

impl<'de> Visitor<'de> for Numbers {
    type Value = Vec<usize>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.expected)
    }

    fn visit_u64<E: Error>(self, number: u64) -> Result<Vec<usize>, E> {
        usize::try_from(number).map(|number| vec![number]).map_err(E::custom)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Vec<usize>, A::Error> {
        let mut numbers = Vec::new();
        while let Some(number) = list.next_element()? {
            numbers.push(number);
        }
        Ok(numbers)
    }
}
