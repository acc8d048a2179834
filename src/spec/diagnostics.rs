//! `diagnostics:` what is recorded of each layer while it learns.

use std::fmt;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::{Deserializer, SeqAccess, Visitor};
use serde::{Deserialize, Serialize, Serializer};

/// What is recorded of each layer in every epoch, in a trial's `diagnostics.csv` and
/// `histograms.csv`. In a file `true`, for everything, or a list of groups.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Diagnostics {
    /// As the file lists them.
    pub groups: Vec<DiagnosticGroup>,
}

/// One of the list `diagnostics`.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum DiagnosticGroup {
    /// What layers give out: its mean and standard deviation, how much of it is saturated, which
    /// units of relu are dead, and histograms.
    Activations,
    /// The length of each layer's gradient.
    Gradients,
    /// The length of each layer's weights, how far a step moves them, and histograms.
    Weights,
    /// How far the statistics of batches are from the moving ones, and gamma and beta, also of
    /// layer normalization.
    BatchNorm,
}

impl DiagnosticGroup {
    /// All of them, in the order of the documentation.
    pub const ALL: [Self; 4] = [Self::Activations, Self::Gradients, Self::Weights, Self::BatchNorm];

    /// The name as the user writes it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Activations => "activations",
            Self::Gradients => "gradients",
            Self::Weights => "weights",
            Self::BatchNorm => "batch_norm",
        }
    }
}

impl Diagnostics {
    /// Whether nothing is recorded.
    pub fn is_off(&self) -> bool {
        self.groups.is_empty()
    }

    /// Whether a group is recorded.
    pub fn has(&self, group: DiagnosticGroup) -> bool {
        self.groups.contains(&group)
    }
}

/// The same groups in the same words, in whatever order the file has them: trials' identities hang
/// on it.
impl Serialize for Diagnostics {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let groups: Vec<_> =
            DiagnosticGroup::ALL.into_iter().filter(|group| self.has(*group)).collect();
        match groups.len() {
            0 => serializer.serialize_bool(false),
            all if all == DiagnosticGroup::ALL.len() => serializer.serialize_bool(true),
            _ => groups.serialize(serializer),
        }
    }
}

impl<'de> Deserialize<'de> for Diagnostics {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(SwitchOrList)
    }
}

struct SwitchOrList;

impl<'de> Visitor<'de> for SwitchOrList {
    type Value = Diagnostics;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("true, false or a list of groups")
    }

    fn visit_bool<E>(self, on: bool) -> Result<Diagnostics, E> {
        let groups = if on { DiagnosticGroup::ALL.to_vec() } else { Vec::new() };
        Ok(Diagnostics { groups })
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Diagnostics, A::Error> {
        let mut groups = Vec::new();
        while let Some(group) = list.next_element()? {
            groups.push(group);
        }
        Ok(Diagnostics { groups })
    }
}

impl JsonSchema for Diagnostics {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Diagnostics".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let group = generator.subschema_for::<DiagnosticGroup>();
        let groups = json_schema!({ "type": "array", "items": group, "uniqueItems": true });
        json_schema!({ "anyOf": [{ "type": "boolean" }, groups] })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn read(value: Value) -> Result<Diagnostics, String> {
        serde_json::from_value(value).map_err(|error| error.to_string())
    }

    #[test]
    fn the_same_groups_are_written_alike_however_they_were_given() {
        let written = |value: Value| serde_json::to_value(read(value).unwrap()).unwrap();
        let all = DiagnosticGroup::ALL.map(DiagnosticGroup::as_str);
        assert_eq!(written(json!(all)), json!(true));
        assert_eq!(written(json!(true)), json!(true));
        assert_eq!(written(json!([])), json!(false));
        let two = json!(["gradients", "batch_norm"]);
        assert_eq!(written(two.clone()), two);
        assert_eq!(written(json!(["batch_norm", "gradients"])), two);
    }

    #[test]
    fn anything_else_is_refused() {
        assert!(read(json!(["gradient"])).unwrap_err().contains("unknown variant"));
        for wrong in [json!(null), json!(1), json!("gradients"), json!({ "gradients": true })] {
            let error = read(wrong).unwrap_err();
            assert!(error.contains("expected true, false or a list of groups"), "{error}");
        }
    }
}
