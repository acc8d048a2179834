//! The text of a file and the tree of its values.

use std::ops::Range;
use std::path::PathBuf;
use std::sync::Arc;

pub use super::path::{Part, Path, Seg};
use super::tree::{Node, Place};

/// A file's text and the places of everything in it.
#[derive(Debug, Clone, Default)]
pub struct Source {
    /// The path as the user gave it.
    pub path: PathBuf,
    /// The whole text, without a byte order mark.
    pub text: String,
    /// The values; `None` where the text could not be parsed.
    pub(super) root: Option<Arc<Node>>,
}

impl Source {
    /// The bytes to underline for a place; the nearest place around it where the file lacks it, and
    /// none for the whole file.
    pub fn span(&self, path: &Path, part: Part) -> Option<Range<usize>> {
        self.root.as_ref()?.locate(path, part)?.range()
    }

    /// How many variants the file has.
    pub fn variants(&self) -> usize {
        let variants = self.root.as_ref().and_then(|root| root.get("variants")?.entries());
        variants.map_or(0, <[_]>::len)
    }

    /// Whether a place belongs to what all cases share, rather than to one variant or the grid.
    pub(super) fn is_shared(&self, place: Place) -> bool {
        let Some(range) = place.range() else { return false };
        let within = |key: &str| {
            let entry = self.root.as_ref().and_then(|root| root.entry(key));
            let end = entry.and_then(|entry| entry.value.place.range()).map(|value| value.end);
            let start = entry.and_then(|entry| entry.key_place.range()).map(|key| key.start);
            start.zip(end).is_some_and(|(start, end)| start <= range.start && range.end <= end)
        };
        !within("variants") && !within("grid")
    }

    /// Line and column of a byte, both from 1; the column counts characters.
    pub fn line_column(&self, byte: usize) -> (usize, usize) {
        let before = &self.text[..self.text.floor_char_boundary(byte)];
        let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
        (before.matches('\n').count() + 1, before[line_start..].chars().count() + 1)
    }
}
