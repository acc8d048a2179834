//! The text of a file and where each of its keys and values stands in it.

use std::collections::HashMap;
use std::fmt;
use std::ops::Range;
use std::path::PathBuf;

use saphyr_parser::{Event, Parser, Span};

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

/// Where one node stands: what to underline for it, and for something missing from it.
#[derive(Debug, Clone)]
struct Mark {
    /// Bytes of its key, or for a list item of its first line.
    key: Range<usize>,
    /// Bytes of a scalar value; `None` for maps and lists.
    scalar: Option<Range<usize>>,
}

/// A file's text and the places of everything in it.
#[derive(Debug, Clone, Default)]
pub struct Source {
    /// The path as the user gave it.
    pub path: PathBuf,
    /// The whole text.
    pub text: String,
    marks: HashMap<Path, Mark>,
    /// `*alias` → what it stands for.
    aliases: HashMap<Path, Path>,
    /// Keys that their map has already, each with the first.
    duplicates: Vec<(Range<usize>, Range<usize>)>,
}

impl Source {
    /// Notes the place of every key and value. Where the text is not YAML, what stands before the
    /// first mistake is noted.
    pub fn new(path: PathBuf, text: String) -> Self {
        let mut source = Self { path, text, ..Self::default() };
        let mut index = Indexer::new(&source.text);
        for event in Parser::new_from_str(&source.text) {
            match event {
                Ok((event, span)) if !index.too_deep => index.event(event, span),
                Ok(_) | Err(_) => break,
            }
        }
        let Indexer { marks, aliases, duplicates, .. } = index;
        source.marks = marks;
        source.aliases = aliases;
        source.duplicates = duplicates;
        source
    }

    /// The bytes to underline for a place; the nearest place around it where the file lacks it.
    pub fn span(&self, path: &Path, part: Part) -> Range<usize> {
        self.lookup(path, part).1
    }

    /// As [`Source::span`], for a place in a variant: in `variants.<name>` where the file says it
    /// there, else in what all variants share.
    pub fn span_in_variant(&self, variant: &str, path: &Path, part: Part) -> Range<usize> {
        let prefix = Path::default().key("variants").key(variant);
        let (own, own_span) = self.lookup(&prefix.join(path), part);
        let (shared, shared_span) = self.lookup(path, part);
        if own > 2 && own - 2 >= shared { own_span } else { shared_span }
    }

    /// Keys that stand in a map for the second time, each with the first.
    pub fn duplicates(&self) -> &[(Range<usize>, Range<usize>)] {
        &self.duplicates
    }

    /// How many steps of the path exist in the file, and what to underline there.
    fn lookup(&self, path: &Path, part: Part) -> (usize, Range<usize>) {
        let mut at = Path::default();
        let mut depth = 0;
        let mut span = 0..0;
        for seg in &path.0 {
            let Some(next) = self.step(&at, seg) else {
                break;
            };
            at = next;
            depth += 1;
            if let Some(mark) = self.marks.get(&at) {
                let last = depth == path.0.len() && part == Part::Value;
                span = match &mark.scalar {
                    Some(value) if last && !value.is_empty() => value.clone(),
                    _ => mark.key.clone(),
                };
            }
        }
        (depth, span)
    }

    /// One step down, through aliases and merge keys (`<<`).
    fn step(&self, at: &Path, seg: &Seg) -> Option<Path> {
        let mut at = at.clone();
        for _ in 0..16 {
            let next = at.with(seg.clone());
            if self.marks.contains_key(&next) {
                return Some(next);
            }
            let merged = at.key("<<");
            if let Some(target) = self.aliases.get(&at) {
                at = target.clone();
            } else if self.marks.contains_key(&merged) {
                at = merged;
            } else {
                return None;
            }
        }
        None
    }

    /// Line and column of a byte, both from 1; the column counts characters.
    pub fn line_column(&self, byte: usize) -> (usize, usize) {
        let before = &self.text[..self.text.floor_char_boundary(byte)];
        let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
        (before.matches('\n').count() + 1, before[line_start..].chars().count() + 1)
    }

    /// The byte range of a whole line (from 1) from a column (from 1) on, for parsers that give
    /// only a line and a column.
    pub fn span_at(&self, line: usize, column: usize) -> Range<usize> {
        let start: usize =
            self.text.split_inclusive('\n').take(line.saturating_sub(1)).map(str::len).sum();
        let rest = self.text[start..].lines().next().unwrap_or("");
        let from = rest.char_indices().nth(column.saturating_sub(1)).map_or(rest.len(), |c| c.0);
        start + from..start + rest.len()
    }
}

/// Turns parser events into marks.
struct Indexer<'t> {
    text: &'t str,
    /// Byte of each character, for texts that are not plain ASCII.
    bytes: Vec<usize>,
    marks: HashMap<Path, Mark>,
    aliases: HashMap<Path, Path>,
    anchors: HashMap<usize, Path>,
    duplicates: Vec<(Range<usize>, Range<usize>)>,
    open: Vec<Container>,
    too_deep: bool,
}

/// Levels of maps and lists that are indexed.
const MAX_DEPTH: usize = 128;

enum Container {
    Map { path: Path, key: Option<(String, Range<usize>)> },
    List { path: Path, next: usize },
}

impl<'t> Indexer<'t> {
    fn new(text: &'t str) -> Self {
        let bytes = if text.is_ascii() {
            Vec::new()
        } else {
            text.char_indices().map(|(byte, _)| byte).collect()
        };
        Self {
            text,
            bytes,
            marks: HashMap::new(),
            aliases: HashMap::new(),
            anchors: HashMap::new(),
            duplicates: Vec::new(),
            open: Vec::new(),
            too_deep: false,
        }
    }

    fn byte(&self, character: usize) -> usize {
        if self.bytes.is_empty() {
            character.min(self.text.len())
        } else {
            self.bytes.get(character).copied().unwrap_or(self.text.len())
        }
    }

    fn range(&self, span: Span) -> Range<usize> {
        let start = self.byte(span.start.index());
        let end = self.byte(span.end.index()).max(start);
        start..start + self.text[start..end].trim_end().len()
    }

    /// The place that the next node has, and the bytes of its key where it is a map's value.
    fn place(&mut self) -> (Path, Option<Range<usize>>) {
        match self.open.last_mut() {
            None => (Path::default(), None),
            Some(Container::Map { path, key }) => match key.take() {
                Some((name, span)) => (path.key(&name), Some(span)),
                None => (path.key("?"), None),
            },
            Some(Container::List { path, next }) => {
                *next += 1;
                (path.index(*next - 1), None)
            }
        }
    }

    fn event(&mut self, event: Event<'_>, span: Span) {
        let range = self.range(span);
        // A scalar directly inside a map, where no key is waiting, is the next key.
        if let Event::Scalar(text, ..) = &event
            && let Some(Container::Map { path, key: key @ None }) = self.open.last_mut()
        {
            let at = path.clone();
            if let Some(first) = self.marks.get(&at.key(text)) {
                self.duplicates.push((range.clone(), first.key.clone()));
            }
            *key = Some((text.to_string(), range.clone()));
            // A list item that is a map is shown by its first key.
            if let Some(mark) = self.marks.get_mut(&at)
                && mark.key.is_empty()
            {
                mark.key = range;
            }
            return;
        }
        match event {
            Event::Scalar(_, _, anchor, _) => {
                let (path, key) = self.place();
                self.anchor(anchor, &path);
                let key = key.unwrap_or_else(|| range.clone());
                self.marks.insert(path, Mark { key, scalar: Some(range) });
            }
            Event::Alias(anchor) => {
                let (path, key) = self.place();
                if let Some(target) = self.anchors.get(&anchor) {
                    self.aliases.insert(path.clone(), target.clone());
                }
                let key = key.unwrap_or(range);
                self.marks.insert(path, Mark { key, scalar: None });
            }
            // Deeper than the reader goes; every mark holds its whole path.
            Event::SequenceStart(..) | Event::MappingStart(..) if self.open.len() >= MAX_DEPTH => {
                self.too_deep = true;
            }
            Event::SequenceStart(anchor, _) | Event::MappingStart(anchor, _) => {
                let (path, key) = self.place();
                self.anchor(anchor, &path);
                let key = key.unwrap_or(range.start..range.start);
                self.marks.insert(path.clone(), Mark { key, scalar: None });
                self.open.push(if matches!(event, Event::SequenceStart(..)) {
                    Container::List { path, next: 0 }
                } else {
                    Container::Map { path, key: None }
                });
            }
            Event::SequenceEnd | Event::MappingEnd => {
                self.open.pop();
            }
            Event::Nothing
            | Event::StreamStart
            | Event::StreamEnd
            | Event::DocumentStart(_)
            | Event::DocumentEnd => {}
        }
    }

    fn anchor(&mut self, anchor: usize, path: &Path) {
        if anchor > 0 {
            self.anchors.insert(anchor, path.clone());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown<'s>(source: &'s Source, path: &str) -> &'s str {
        &source.text[source.span(&Path::dotted(path), Part::Value)]
    }

    #[test]
    fn places_are_found_through_maps_lists_aliases_and_merge_keys() {
        let text = "# é\nbase: &b { rate: 0.5, deep: { x: 1 } }\nlist:\n  - one\n  - dense: { units: ten }\nuse: *b\nmerged:\n  <<: *b\n  own: 2\n";
        let source = Source::new(PathBuf::new(), text.to_owned());
        assert_eq!(shown(&source, "base.rate"), "0.5");
        assert_eq!(shown(&source, "list.0"), "one");
        assert_eq!(shown(&source, "list.1"), "dense");
        assert_eq!(shown(&source, "list.1.dense.units"), "ten");
        assert_eq!(shown(&source, "list.1.dense.missing"), "dense");
        let key = source.span(&Path::dotted("list.1.dense.units"), Part::Key);
        assert_eq!(&source.text[key], "units");
        assert_eq!(shown(&source, "use.deep.x"), "1");
        assert_eq!(shown(&source, "merged.rate"), "0.5");
        assert_eq!(shown(&source, "merged.own"), "2");
        let start = source.span(&Path::dotted("list.1.dense.units"), Part::Value).start;
        assert_eq!(source.line_column(start), (5, 21));
    }

    #[test]
    fn a_variant_is_shown_where_it_differs_and_the_shared_part_elsewhere() {
        let text = "model: { layers: [a] }\ntraining: { epochs: 1 }\nvariants:\n  v: { model: { layers: [b, c] } }\n";
        let source = Source::new(PathBuf::new(), text.to_owned());
        let shown = |path: &str| {
            &source.text[source.span_in_variant("v", &Path::dotted(path), Part::Value)]
        };
        assert_eq!(shown("model.layers.0"), "b");
        assert_eq!(shown("training.epochs"), "1");
        assert_eq!(shown("training.optimizer"), "training");
    }
}
