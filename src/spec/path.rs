//! Places in a document.

use std::fmt;

/// One step into a document.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Seg {
    /// Into a map.
    Key(String),
    /// Into a list.
    Index(usize),
}

/// A place in a document, e.g. `model.layers[2].dense.units`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub struct Path(pub Vec<Seg>);

impl Path {
    /// Reads a dotted path; a segment of digits is a list index.
    pub fn dotted(text: &str) -> Self {
        Self(
            text.split('.')
                .map(|part| match part.parse() {
                    Ok(index) => Seg::Index(index),
                    Err(_) => Seg::Key(part.to_owned()),
                })
                .collect(),
        )
    }

    /// This path and one key more.
    #[must_use]
    pub fn key(&self, key: &str) -> Self {
        self.with(Seg::Key(key.to_owned()))
    }

    /// This path and one list index more.
    #[must_use]
    pub fn index(&self, index: usize) -> Self {
        self.with(Seg::Index(index))
    }

    /// This path and one step more.
    #[must_use]
    pub fn with(&self, seg: Seg) -> Self {
        let mut segs = self.0.clone();
        segs.push(seg);
        Self(segs)
    }

    /// This path and then another.
    #[must_use]
    pub fn join(&self, rest: &Self) -> Self {
        Self(self.0.iter().chain(&rest.0).cloned().collect())
    }

    /// Whether this key is the last step.
    pub fn ends_with(&self, key: &str) -> bool {
        matches!(self.0.last(), Some(Seg::Key(last)) if last == key)
    }

    /// Whether this path leads through the other.
    pub fn starts_with(&self, other: &Self) -> bool {
        self.0.starts_with(&other.0)
    }
}

impl fmt::Display for Path {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, seg) in self.0.iter().enumerate() {
            match seg {
                Seg::Key(key) if i == 0 => write!(f, "{key}")?,
                Seg::Key(key) => write!(f, ".{key}")?,
                Seg::Index(index) => write!(f, "[{index}]")?,
            }
        }
        Ok(())
    }
}

/// What to underline of a key and its value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part {
    /// The key, when it should not be there at all.
    Key,
    /// The value where it is a single word or number, else the key.
    Value,
}
