//! Serde's view of a tree: reads a value as a type, or says what is wrong with it and where.

use std::fmt;

use serde::de::value::StrDeserializer;
use serde::de::{
    Deserialize, DeserializeSeed, Deserializer, EnumAccess, Error as _, Expected, IntoDeserializer,
    MapAccess, SeqAccess, Unexpected, VariantAccess, Visitor,
};

use super::path::{Path, Seg};
use super::tree::{Entry, Kind, Node, Place, Resolved};

/// A value that is not what is needed in its place.
#[derive(Debug)]
pub(super) struct Mistake {
    /// The steps to the value, the last one first.
    steps: Vec<Seg>,
    pub what: What,
}

/// What is wrong with a value.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum What {
    /// The map has a key that it cannot have.
    UnknownKey { key: String, known: &'static [&'static str] },
    /// The map lacks a key.
    MissingKey(&'static str),
    /// The value, or the only key of the map, is none of the names that can stand here.
    UnknownName { name: String, known: &'static [&'static str] },
    /// The value is of another type.
    Type(Form),
    /// A whole number above the greatest one.
    TooLarge { max: u64 },
    /// A list of another length.
    Length { found: usize, expected: String },
    /// What a type's own reading says.
    Other(String),
}

/// What a value should have been.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Form {
    Whole,
    Number,
    Bool,
    Text,
    List,
    Map,
    /// A name, alone or as the only key of a map with its parameters.
    Name,
    /// A name without parameters.
    NameAlone,
    /// One of several forms, in words.
    OneOf(String),
}

impl Mistake {
    fn new(what: What) -> Self {
        Self { steps: Vec::new(), what }
    }

    fn within(mut self, seg: Seg) -> Self {
        self.steps.push(seg);
        self
    }

    /// Where the value is.
    pub fn path(&self) -> Path {
        Path(self.steps.iter().rev().cloned().collect())
    }
}

impl fmt::Display for Mistake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {:?}", self.path(), self.what)
    }
}

impl std::error::Error for Mistake {}

impl serde::de::Error for Mistake {
    fn custom<T: fmt::Display>(message: T) -> Self {
        Self::new(What::Other(message.to_string()))
    }

    fn invalid_type(_: Unexpected<'_>, expected: &dyn Expected) -> Self {
        Self::new(What::Type(Form::OneOf(expected.to_string())))
    }

    fn invalid_value(found: Unexpected<'_>, expected: &dyn Expected) -> Self {
        Self::invalid_type(found, expected)
    }

    fn invalid_length(found: usize, expected: &dyn Expected) -> Self {
        Self::new(What::Length { found, expected: expected.to_string() })
    }

    fn unknown_variant(name: &str, known: &'static [&'static str]) -> Self {
        Self::new(What::UnknownName { name: name.to_owned(), known })
    }

    fn unknown_field(key: &str, known: &'static [&'static str]) -> Self {
        Self::new(What::UnknownKey { key: key.to_owned(), known })
    }

    fn missing_field(key: &'static str) -> Self {
        Self::new(What::MissingKey(key))
    }

    fn duplicate_field(key: &'static str) -> Self {
        Self::custom(format_args!("key `{key}` is here twice"))
    }
}

/// Reads a tree as a type.
///
/// # Errors
/// The first mistake.
pub(super) fn from_tree<'t, T: Deserialize<'t>>(tree: &'t Node) -> Result<T, Mistake> {
    T::deserialize(Reader(tree))
}

/// What a name without parameters has for them.
static NO_PARAMETERS: Node = Node { place: Place::Nowhere, kind: Kind::Map(Vec::new()) };

#[derive(Clone, Copy)]
struct Reader<'t>(&'t Node);

fn wrong(form: Form) -> Mistake {
    Mistake::new(What::Type(form))
}

impl<'t> Reader<'t> {
    /// A whole number from 0 to a greatest one.
    fn whole(self, max: u64) -> Result<u64, Mistake> {
        match self.0.scalar() {
            Some(Resolved::Int(number)) if number > i128::from(max) => {
                Err(Mistake::new(What::TooLarge { max }))
            }
            Some(Resolved::Int(number)) => u64::try_from(number).map_err(|_| wrong(Form::Whole)),
            // More digits than an integer of the tree can have.
            Some(Resolved::Float(_)) if self.is_all_digits() => {
                Err(Mistake::new(What::TooLarge { max }))
            }
            Some(_) | None => Err(wrong(Form::Whole)),
        }
    }

    /// A whole number of either sign.
    fn signed(self) -> Result<i64, Mistake> {
        match self.0.scalar() {
            Some(Resolved::Int(number)) => i64::try_from(number).map_err(Mistake::custom),
            Some(_) | None => Err(wrong(Form::Whole)),
        }
    }

    fn is_all_digits(self) -> bool {
        match &self.0.kind {
            Kind::Scalar(scalar) => scalar.text.bytes().all(|byte| byte.is_ascii_digit()),
            Kind::List(_) | Kind::Map(_) => false,
        }
    }

    fn number(self) -> Result<f64, Mistake> {
        match self.0.scalar() {
            Some(Resolved::Int(number)) => Ok(number as f64),
            Some(Resolved::Float(number)) if number.is_finite() => Ok(number),
            Some(_) | None => Err(wrong(Form::Number)),
        }
    }

    fn text(self) -> Result<&'t str, Mistake> {
        self.0.as_text().ok_or_else(|| wrong(Form::Text))
    }

    fn list(self) -> Result<Items<'t>, Mistake> {
        match &self.0.kind {
            Kind::List(list) => Ok(Items { list, next: 0 }),
            Kind::Scalar(_) | Kind::Map(_) => Err(wrong(Form::List)),
        }
    }

    fn map(self) -> Result<Keys<'t>, Mistake> {
        match &self.0.kind {
            Kind::Map(map) => Ok(Keys { rest: map, value: None }),
            Kind::Scalar(_) | Kind::List(_) => Err(wrong(Form::Map)),
        }
    }
}

macro_rules! whole_numbers {
    ($($method:ident => $type:ty, $visit:ident;)*) => {
        $(fn $method<V: Visitor<'t>>(self, visitor: V) -> Result<V::Value, Mistake> {
            let number = self.whole(<$type>::MAX.into())?;
            visitor.$visit(<$type>::try_from(number).map_err(Mistake::custom)?)
        })*
    };
}

macro_rules! signed_numbers {
    ($($method:ident => $type:ty, $visit:ident;)*) => {
        $(fn $method<V: Visitor<'t>>(self, visitor: V) -> Result<V::Value, Mistake> {
            visitor.$visit(<$type>::try_from(self.signed()?).map_err(Mistake::custom)?)
        })*
    };
}

macro_rules! texts {
    ($($method:ident)*) => {
        $(fn $method<V: Visitor<'t>>(self, visitor: V) -> Result<V::Value, Mistake> {
            visitor.visit_borrowed_str(self.text()?)
        })*
    };
}

impl<'t> Deserializer<'t> for Reader<'t> {
    type Error = Mistake;

    fn deserialize_any<V: Visitor<'t>>(self, visitor: V) -> Result<V::Value, Mistake> {
        match &self.0.kind {
            Kind::List(_) => visitor.visit_seq(self.list()?),
            Kind::Map(_) => visitor.visit_map(self.map()?),
            Kind::Scalar(scalar) => match scalar.resolved() {
                Resolved::Null => visitor.visit_unit(),
                Resolved::Bool(value) => visitor.visit_bool(value),
                Resolved::Int(number) => match (u64::try_from(number), i64::try_from(number)) {
                    (Ok(number), _) => visitor.visit_u64(number),
                    (_, Ok(number)) => visitor.visit_i64(number),
                    (Err(_), Err(_)) => Err(Mistake::new(What::TooLarge { max: u64::MAX })),
                },
                Resolved::Float(number) => visitor.visit_f64(number),
                Resolved::Text(text) => visitor.visit_borrowed_str(text),
            },
        }
    }

    fn deserialize_bool<V: Visitor<'t>>(self, visitor: V) -> Result<V::Value, Mistake> {
        match self.0.scalar() {
            Some(Resolved::Bool(value)) => visitor.visit_bool(value),
            Some(_) | None => Err(wrong(Form::Bool)),
        }
    }

    whole_numbers! {
        deserialize_u8 => u8, visit_u8;
        deserialize_u16 => u16, visit_u16;
        deserialize_u32 => u32, visit_u32;
        deserialize_u64 => u64, visit_u64;
    }

    signed_numbers! {
        deserialize_i8 => i8, visit_i8;
        deserialize_i16 => i16, visit_i16;
        deserialize_i32 => i32, visit_i32;
        deserialize_i64 => i64, visit_i64;
    }

    fn deserialize_f32<V: Visitor<'t>>(self, visitor: V) -> Result<V::Value, Mistake> {
        visitor.visit_f64(self.number()?)
    }

    fn deserialize_f64<V: Visitor<'t>>(self, visitor: V) -> Result<V::Value, Mistake> {
        visitor.visit_f64(self.number()?)
    }

    texts! { deserialize_char deserialize_str deserialize_string deserialize_identifier }

    fn deserialize_bytes<V: Visitor<'t>>(self, visitor: V) -> Result<V::Value, Mistake> {
        visitor.visit_borrowed_bytes(self.text()?.as_bytes())
    }

    fn deserialize_byte_buf<V: Visitor<'t>>(self, visitor: V) -> Result<V::Value, Mistake> {
        self.deserialize_bytes(visitor)
    }

    fn deserialize_option<V: Visitor<'t>>(self, visitor: V) -> Result<V::Value, Mistake> {
        match self.0.is_null() {
            true => visitor.visit_none(),
            false => visitor.visit_some(self),
        }
    }

    fn deserialize_unit<V: Visitor<'t>>(self, visitor: V) -> Result<V::Value, Mistake> {
        let is_empty = self.0.entries().is_some_and(<[_]>::is_empty);
        match self.0.is_null() || is_empty {
            true => visitor.visit_unit(),
            false => Err(wrong(Form::NameAlone)),
        }
    }

    fn deserialize_unit_struct<V: Visitor<'t>>(
        self,
        _: &'static str,
        visitor: V,
    ) -> Result<V::Value, Mistake> {
        self.deserialize_unit(visitor)
    }

    fn deserialize_newtype_struct<V: Visitor<'t>>(
        self,
        _: &'static str,
        visitor: V,
    ) -> Result<V::Value, Mistake> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_seq<V: Visitor<'t>>(self, visitor: V) -> Result<V::Value, Mistake> {
        visitor.visit_seq(self.list()?)
    }

    fn deserialize_tuple<V: Visitor<'t>>(self, _: usize, visitor: V) -> Result<V::Value, Mistake> {
        visitor.visit_seq(self.list()?)
    }

    fn deserialize_tuple_struct<V: Visitor<'t>>(
        self,
        _: &'static str,
        _: usize,
        visitor: V,
    ) -> Result<V::Value, Mistake> {
        visitor.visit_seq(self.list()?)
    }

    fn deserialize_map<V: Visitor<'t>>(self, visitor: V) -> Result<V::Value, Mistake> {
        visitor.visit_map(self.map()?)
    }

    fn deserialize_struct<V: Visitor<'t>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Mistake> {
        visitor.visit_map(self.map()?)
    }

    fn deserialize_enum<V: Visitor<'t>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Mistake> {
        let named = match &self.0.kind {
            Kind::Map(map) => match &map[..] {
                [entry] => Named { name: &entry.key, parameters: Some(&entry.value) },
                _ => return Err(wrong(Form::Name)),
            },
            Kind::Scalar(_) | Kind::List(_) => match self.0.as_text() {
                Some(name) => Named { name, parameters: None },
                None => return Err(wrong(Form::Name)),
            },
        };
        visitor.visit_enum(named)
    }

    fn deserialize_ignored_any<V: Visitor<'t>>(self, visitor: V) -> Result<V::Value, Mistake> {
        visitor.visit_unit()
    }
}

/// The items of a list.
struct Items<'t> {
    list: &'t [std::sync::Arc<Node>],
    next: usize,
}

impl<'t> SeqAccess<'t> for Items<'t> {
    type Error = Mistake;

    fn next_element_seed<T: DeserializeSeed<'t>>(
        &mut self,
        seed: T,
    ) -> Result<Option<T::Value>, Mistake> {
        let Some(item) = self.list.get(self.next) else { return Ok(None) };
        let index = self.next;
        self.next += 1;
        let value = seed.deserialize(Reader(item));
        value.map(Some).map_err(|mistake| mistake.within(Seg::Index(index)))
    }

    fn size_hint(&self) -> Option<usize> {
        Some(self.list.len() - self.next)
    }
}

/// The keys and values of a map.
struct Keys<'t> {
    rest: &'t [Entry],
    value: Option<&'t Entry>,
}

impl<'t> MapAccess<'t> for Keys<'t> {
    type Error = Mistake;

    fn next_key_seed<K: DeserializeSeed<'t>>(
        &mut self,
        seed: K,
    ) -> Result<Option<K::Value>, Mistake> {
        let Some((first, rest)) = self.rest.split_first() else { return Ok(None) };
        self.rest = rest;
        self.value = Some(first);
        let key: StrDeserializer<'_, Mistake> = (*first.key).into_deserializer();
        seed.deserialize(key).map(Some)
    }

    fn next_value_seed<V: DeserializeSeed<'t>>(&mut self, seed: V) -> Result<V::Value, Mistake> {
        let entry = self.value.take().expect("a value is asked for after its key");
        let value = seed.deserialize(Reader(&entry.value));
        value.map_err(|mistake| mistake.within(Seg::Key(entry.key.to_string())))
    }
}

/// A name, alone or with its parameters.
struct Named<'t> {
    name: &'t str,
    parameters: Option<&'t Node>,
}

impl Named<'_> {
    /// A mistake in the parameters, or in a name that has some.
    fn place(&self, mistake: Mistake) -> Mistake {
        match self.parameters {
            Some(_) => mistake.within(Seg::Key(self.name.to_owned())),
            None => mistake,
        }
    }
}

impl<'t> EnumAccess<'t> for Named<'t> {
    type Error = Mistake;
    type Variant = Self;

    fn variant_seed<V: DeserializeSeed<'t>>(self, seed: V) -> Result<(V::Value, Self), Mistake> {
        let name: StrDeserializer<'_, Mistake> = self.name.into_deserializer();
        let variant = seed.deserialize(name).map_err(|mistake| self.place(mistake))?;
        Ok((variant, self))
    }
}

impl<'t> VariantAccess<'t> for Named<'t> {
    type Error = Mistake;

    fn unit_variant(self) -> Result<(), Mistake> {
        match self.parameters {
            None => Ok(()),
            Some(node) => <()>::deserialize(Reader(node)).map_err(|mistake| self.place(mistake)),
        }
    }

    fn newtype_variant_seed<T: DeserializeSeed<'t>>(self, seed: T) -> Result<T::Value, Mistake> {
        let parameters = self.parameters.unwrap_or(&NO_PARAMETERS);
        seed.deserialize(Reader(parameters)).map_err(|mistake| self.place(mistake))
    }

    fn tuple_variant<V: Visitor<'t>>(self, _: usize, visitor: V) -> Result<V::Value, Mistake> {
        let parameters = Reader(self.parameters.unwrap_or(&NO_PARAMETERS));
        let list = parameters.list().and_then(|list| visitor.visit_seq(list));
        list.map_err(|mistake| self.place(mistake))
    }

    fn struct_variant<V: Visitor<'t>>(
        self,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Mistake> {
        let parameters = Reader(self.parameters.unwrap_or(&NO_PARAMETERS));
        let map = parameters.map().and_then(|map| visitor.visit_map(map));
        map.map_err(|mistake| self.place(mistake))
    }
}
