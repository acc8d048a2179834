//! A document as a tree of values, each with its place and each scalar as it is written.

use std::ops::Range;
use std::sync::Arc;

use serde_json::Value;

use super::path::{Part, Path, Seg};

/// Where a key or a value was written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) enum Place {
    /// In no text: the program put it there.
    #[default]
    Nowhere,
    /// In the file, as bytes.
    File {
        /// The first byte.
        start: u32,
        /// The byte after the last one.
        end: u32,
    },
    /// In the `--set` of this number.
    Set(u32),
}

impl Place {
    /// A place in the file. Files are far smaller than 4 GiB.
    pub fn file(range: &Range<usize>) -> Self {
        let byte = |byte: usize| u32::try_from(byte).unwrap_or(u32::MAX);
        Self::File { start: byte(range.start), end: byte(range.end) }
    }

    /// The bytes in the file, if it is there.
    pub fn range(self) -> Option<Range<usize>> {
        match self {
            Self::File { start, end } => Some(start as usize..end as usize),
            Self::Nowhere | Self::Set(_) => None,
        }
    }

    fn is_empty(self) -> bool {
        self.range().is_none_or(|range| range.is_empty())
    }

    /// The first byte alone, without a length.
    fn start(self) -> Self {
        match self {
            Self::File { start, .. } => Self::File { start, end: start },
            Self::Nowhere | Self::Set(_) => self,
        }
    }
}

/// One value.
#[derive(Debug, Clone)]
pub(super) struct Node {
    /// All of it.
    pub place: Place,
    pub kind: Kind,
}

#[derive(Debug, Clone)]
pub(super) enum Kind {
    Scalar(Scalar),
    List(Vec<Arc<Node>>),
    Map(Vec<Entry>),
}

/// A key and its value.
#[derive(Debug, Clone)]
pub(super) struct Entry {
    pub key: Arc<str>,
    pub key_place: Place,
    pub value: Arc<Node>,
}

/// A scalar as it is written, without its quotes.
#[derive(Debug, Clone)]
pub(super) struct Scalar {
    pub text: Arc<str>,
    /// Whether it stands without quotes, so that it may be other than text.
    pub plain: bool,
    /// The type that a tag gives it.
    pub tag: Option<CoreTag>,
}

/// The tags of YAML's core schema for scalars.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum CoreTag {
    Str,
    Int,
    Float,
    Bool,
    Null,
}

/// What a scalar stands for.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Resolved<'s> {
    Null,
    Bool(bool),
    Int(i128),
    /// Also infinities and NaN.
    Float(f64),
    Text(&'s str),
}

impl Scalar {
    /// A text.
    pub fn text(text: &str) -> Self {
        Self { text: text.into(), plain: false, tag: None }
    }

    /// The value by YAML 1.2's core schema, but for numbers with a leading zero, which YAML 1.1 and
    /// 1.2 read differently: they are text here.
    pub fn resolved(&self) -> Resolved<'_> {
        match self.tag {
            None if self.plain => resolve(&self.text),
            None | Some(CoreTag::Str) => Resolved::Text(&self.text),
            Some(CoreTag::Float) => match resolve(&self.text) {
                Resolved::Int(number) => Resolved::Float(number as f64),
                other @ (Resolved::Null
                | Resolved::Bool(_)
                | Resolved::Float(_)
                | Resolved::Text(_)) => other,
            },
            Some(CoreTag::Int | CoreTag::Bool | CoreTag::Null) => resolve(&self.text),
        }
    }

    /// The number without its leading zeros, if that is what keeps it from being one.
    pub fn without_leading_zeros(&self) -> Option<String> {
        if !self.plain {
            return None;
        }
        let unsigned = self.text.trim_start_matches(['-', '+']);
        let sign = &self.text[..self.text.len() - unsigned.len()];
        let rest = unsigned.trim_start_matches('0');
        let rest = if rest.starts_with(|c: char| c.is_ascii_digit()) {
            rest.to_owned()
        } else {
            format!("0{rest}")
        };
        let number = format!("{}{rest}", sign.trim_start_matches('+'));
        let is_number = matches!(resolve(&number), Resolved::Int(_) | Resolved::Float(_));
        (has_leading_zero(unsigned) && is_number).then_some(number)
    }
}

fn has_leading_zero(unsigned: &str) -> bool {
    matches!(unsigned.as_bytes(), [b'0', second, ..] if second.is_ascii_digit())
}

fn resolve(text: &str) -> Resolved<'_> {
    match text {
        "" | "~" | "null" | "Null" | "NULL" => return Resolved::Null,
        "true" | "True" | "TRUE" => return Resolved::Bool(true),
        "false" | "False" | "FALSE" => return Resolved::Bool(false),
        ".nan" | ".NaN" | ".NAN" => return Resolved::Float(f64::NAN),
        _ => {}
    }
    let (negative, unsigned) = match text.as_bytes()[0] {
        b'-' => (true, &text[1..]),
        b'+' => (false, &text[1..]),
        _ => (false, text),
    };
    if matches!(unsigned, ".inf" | ".Inf" | ".INF") {
        return Resolved::Float(if negative { f64::NEG_INFINITY } else { f64::INFINITY });
    }
    for (prefix, radix) in [("0x", 16), ("0o", 8), ("0b", 2)] {
        if let Some(digits) = unsigned.strip_prefix(prefix)
            && digits.starts_with(|c: char| c.is_digit(radix))
            && let Ok(number) = i128::from_str_radix(digits, radix)
        {
            return Resolved::Int(if negative { -number } else { number });
        }
    }
    if has_leading_zero(unsigned) || !is_decimal(unsigned) {
        return Resolved::Text(text);
    }
    if unsigned.bytes().all(|byte| byte.is_ascii_digit())
        && let Ok(number) = unsigned.parse::<i128>()
    {
        return Resolved::Int(if negative { -number } else { number });
    }
    match unsigned.parse::<f64>() {
        Ok(number) => Resolved::Float(if negative { -number } else { number }),
        Err(_) => Resolved::Text(text),
    }
}

/// `( \. [0-9]+ | [0-9]+ ( \. [0-9]* )? ) ( [eE] [-+]? [0-9]+ )?`, from section 10.3.2 of YAML 1.2.2.
fn is_decimal(text: &str) -> bool {
    let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    let (mantissa, exponent) = match text.find(['e', 'E']) {
        Some(e) => (&text[..e], Some(&text[e + 1..])),
        None => (text, None),
    };
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let exponent = exponent.map(|text| text.strip_prefix(['-', '+']).unwrap_or(text));
    digits(whole)
        && digits(fraction)
        && !(whole.is_empty() && fraction.is_empty())
        && exponent.is_none_or(|exponent| !exponent.is_empty() && digits(exponent))
}

impl Node {
    /// A map without keys.
    pub fn empty_map(place: Place) -> Arc<Self> {
        Arc::new(Self { place, kind: Kind::Map(Vec::new()) })
    }

    /// A map of one key.
    pub fn map_of_one(key: &str, key_place: Place, value: Arc<Self>) -> Arc<Self> {
        let place = value.place;
        let entry = Entry { key: key.into(), key_place, value };
        Arc::new(Self { place, kind: Kind::Map(vec![entry]) })
    }

    /// A value that the program made, at a place.
    pub fn from_json(value: &Value, place: Place) -> Arc<Self> {
        let plain =
            |text: String| Kind::Scalar(Scalar { text: text.into(), plain: true, tag: None });
        let kind = match value {
            Value::Null => plain("~".to_owned()),
            Value::Bool(value) => plain(value.to_string()),
            Value::Number(number) => plain(number.to_string()),
            Value::String(text) => Kind::Scalar(Scalar::text(text)),
            Value::Array(list) => {
                Kind::List(list.iter().map(|item| Self::from_json(item, place)).collect())
            }
            Value::Object(map) => {
                let entry = |(key, value): (&String, &Value)| Entry {
                    key: key.as_str().into(),
                    key_place: place,
                    value: Self::from_json(value, place),
                };
                Kind::Map(map.iter().map(entry).collect())
            }
        };
        Arc::new(Self { place, kind })
    }

    /// The value without places. Infinities and NaN, which JSON does not have, become text.
    pub fn to_json(&self) -> Value {
        match &self.kind {
            Kind::Scalar(scalar) => match scalar.resolved() {
                Resolved::Null => Value::Null,
                Resolved::Bool(value) => value.into(),
                Resolved::Int(number) => u64::try_from(number)
                    .map(Value::from)
                    .or_else(|_| i64::try_from(number).map(Value::from))
                    .unwrap_or_else(|_| Value::from(number as f64)),
                Resolved::Float(number) => match serde_json::Number::from_f64(number) {
                    Some(number) => Value::Number(number),
                    None => Value::String(scalar.text.to_string()),
                },
                Resolved::Text(text) => text.into(),
            },
            Kind::List(list) => list.iter().map(|item| item.to_json()).collect(),
            Kind::Map(map) => map
                .iter()
                .map(|entry| (entry.key.to_string(), entry.value.to_json()))
                .collect::<serde_json::Map<_, _>>()
                .into(),
        }
    }

    /// The keys and values of a map.
    pub fn entries(&self) -> Option<&[Entry]> {
        match &self.kind {
            Kind::Map(map) => Some(map),
            Kind::Scalar(_) | Kind::List(_) => None,
        }
    }

    /// The items of a list.
    pub fn items(&self) -> Option<&[Arc<Self>]> {
        match &self.kind {
            Kind::List(list) => Some(list),
            Kind::Scalar(_) | Kind::Map(_) => None,
        }
    }

    /// What a scalar stands for.
    pub fn scalar(&self) -> Option<Resolved<'_>> {
        match &self.kind {
            Kind::Scalar(scalar) => Some(scalar.resolved()),
            Kind::List(_) | Kind::Map(_) => None,
        }
    }

    /// The text, if it is one.
    pub fn as_text(&self) -> Option<&str> {
        match self.scalar()? {
            Resolved::Text(text) => Some(text),
            Resolved::Null | Resolved::Bool(_) | Resolved::Int(_) | Resolved::Float(_) => None,
        }
    }

    /// Whether there is no value.
    pub fn is_null(&self) -> bool {
        self.scalar() == Some(Resolved::Null)
    }

    /// The value of a key of a map.
    pub fn get(&self, key: &str) -> Option<&Arc<Self>> {
        self.entry(key).map(|entry| &entry.value)
    }

    /// A key of a map with its value.
    pub fn entry(&self, key: &str) -> Option<&Entry> {
        self.entries()?.iter().find(|entry| &*entry.key == key)
    }

    /// One step down. A number is also a key of a map.
    fn step(&self, seg: &Seg) -> Option<(Place, &Arc<Self>)> {
        match (&self.kind, seg) {
            (Kind::Map(_), Seg::Key(key)) => {
                self.entry(key).map(|entry| (entry.key_place, &entry.value))
            }
            (Kind::List(list), Seg::Index(index)) => {
                list.get(*index).map(|item| (item.place_as_item(), item))
            }
            (Kind::Map(_), Seg::Index(index)) => {
                self.entry(&index.to_string()).map(|entry| (entry.key_place, &entry.value))
            }
            (Kind::Scalar(_) | Kind::List(_), _) => None,
        }
    }

    /// What to underline for an item of a list: of a map its first key.
    fn place_as_item(&self) -> Place {
        match &self.kind {
            Kind::Scalar(_) => self.place,
            Kind::List(_) => self.place.start(),
            Kind::Map(map) => map.first().map_or(self.place.start(), |entry| entry.key_place),
        }
    }

    /// What to underline for the document as a whole.
    pub fn place_as_root(&self) -> Place {
        self.place_as_item()
    }

    /// The value at a path.
    pub fn at(&self, path: &Path) -> Option<&Self> {
        path.0.iter().try_fold(self, |node, seg| node.step(seg).map(|(_, next)| &**next))
    }

    /// The place of a path; the nearest place around it where the tree lacks it, and nothing for the
    /// whole tree.
    pub fn locate(&self, path: &Path, part: Part) -> Option<Place> {
        let mut node = self;
        let mut key = None;
        let mut depth = 0;
        for seg in &path.0 {
            let Some((place, next)) = node.step(seg) else { break };
            (node, key, depth) = (next, Some(place), depth + 1);
        }
        // A short form, as `adam` for `adam: {}`, stands for all that could be inside.
        let whole_value = part == Part::Value || depth < path.0.len();
        match node.is_one_word() && key.is_some() && whole_value && !node.place.is_empty() {
            true => Some(node.place),
            false => key,
        }
    }

    /// Whether the value is written as a scalar: it is one, or the long form of one.
    fn is_one_word(&self) -> bool {
        match &self.kind {
            Kind::Scalar(_) => true,
            Kind::Map(map) => matches!(&map[..], [entry] if entry.key_place == self.place),
            Kind::List(_) => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scalars_are_resolved_by_the_core_schema() {
        for (text, expected) in [
            ("", Resolved::Null),
            ("~", Resolved::Null),
            ("True", Resolved::Bool(true)),
            ("yes", Resolved::Text("yes")),
            ("12", Resolved::Int(12)),
            ("-3", Resolved::Int(-3)),
            ("+3", Resolved::Int(3)),
            ("0", Resolved::Int(0)),
            ("0x1F", Resolved::Int(31)),
            ("0o17", Resolved::Int(15)),
            ("010", Resolved::Text("010")),
            ("1e3", Resolved::Float(1000.0)),
            (".5", Resolved::Float(0.5)),
            ("5.", Resolved::Float(5.0)),
            ("1.5e-3", Resolved::Float(0.0015)),
            ("-.inf", Resolved::Float(f64::NEG_INFINITY)),
            ("1e", Resolved::Text("1e")),
            ("e3", Resolved::Text("e3")),
            (".", Resolved::Text(".")),
            ("-", Resolved::Text("-")),
            ("1.2.3", Resolved::Text("1.2.3")),
            ("0x", Resolved::Text("0x")),
            ("inf", Resolved::Text("inf")),
            ("18446744073709551616", Resolved::Int(1 << 64)),
        ] {
            let scalar = Scalar { text: text.into(), plain: true, tag: None };
            assert_eq!(scalar.resolved(), expected, "{text:?}");
            let quoted = Scalar { plain: false, ..scalar };
            assert_eq!(quoted.resolved(), Resolved::Text(text));
        }
    }

    #[test]
    fn a_leading_zero_is_recognised() {
        let without = |text: &str| {
            Scalar { text: text.into(), plain: true, tag: None }.without_leading_zeros()
        };
        assert_eq!(without("010").as_deref(), Some("10"));
        assert_eq!(without("-007").as_deref(), Some("-7"));
        assert_eq!(without("000").as_deref(), Some("0"));
        assert_eq!(without("00.5").as_deref(), Some("0.5"));
        assert_eq!(without("01e3").as_deref(), Some("1e3"));
        for other in ["0", "0.5", "10", "01x", "0x10", ""] {
            assert_eq!(without(other), None, "{other}");
        }
    }
}
