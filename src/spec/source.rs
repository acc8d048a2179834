//! The text of a file and where each of its keys and values stands in it.

use std::collections::HashMap;
use std::ops::Range;
use std::path::PathBuf;

use saphyr_parser::{Event, Parser, Span, Tag};

pub use super::path::{Part, Path, Seg};

/// Where one node of a document stands: what to underline for it, and for what is missing from it.
#[derive(Debug, Clone)]
struct Node {
    /// Bytes of its key, or for a list item of its first line.
    key: Range<usize>,
    /// Bytes of a scalar value; `None` for maps and lists.
    scalar: Option<Range<usize>>,
    /// For an `*alias`, what it stands for.
    target: Option<usize>,
}

/// A file's text and the places of everything in it.
#[derive(Debug, Clone, Default)]
pub struct Source {
    /// The path as the user gave it.
    pub path: PathBuf,
    /// The whole text.
    pub text: String,
    index: Index,
}

/// The places of all nodes, the root first.
#[derive(Debug, Clone, Default)]
struct Index {
    nodes: Vec<Node>,
    children: HashMap<(usize, Seg), usize>,
    /// Keys that their map has already, each with the first.
    duplicates: Vec<(Range<usize>, Range<usize>)>,
    /// Tags that are not YAML's own.
    tags: Vec<(Range<usize>, String)>,
    /// `---` of a second document.
    second_document: Option<Range<usize>>,
    /// `<<` with a value that is no map.
    faulty_merge: Option<Range<usize>>,
    /// Why the index ends before the text does, if so.
    too_much: Option<TooMuch>,
}

/// What no experiment file has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TooMuch {
    /// Maps and lists one within the other, at a place.
    Depth(usize),
    /// Keys and values, those behind aliases counted each time.
    Nodes,
}

/// Levels of maps and lists.
pub(super) const MAX_DEPTH: usize = 64;

/// Keys and values. Reading takes up to a kilobyte for each.
pub(super) const MAX_NODES: usize = 100_000;

impl Source {
    /// Notes the place of every key and value. Where the text is not YAML, what stands before the
    /// first mistake is noted.
    pub fn new(path: PathBuf, text: String) -> Self {
        let mut indexer = Indexer::new(&text);
        indexer.index.too_much = too_deep(&text);
        for event in Parser::new_from_str(&text) {
            match event {
                Ok((event, span)) if indexer.index.too_much.is_none() => {
                    indexer.event(event, span);
                }
                Ok(_) | Err(_) => break,
            }
        }
        let index = indexer.index;
        Self { path, text, index }
    }

    /// The bytes to underline for a place; the nearest place around it where the file lacks it, and
    /// none for the whole file.
    pub fn span(&self, path: &Path, part: Part) -> Option<Range<usize>> {
        self.lookup(path, part).1
    }

    /// As [`Source::span`], for a place in a variant: in `variants.<name>` where the file says it
    /// there, else in what all variants share. Also tells whether it is in the variant.
    pub fn span_in_variant(
        &self,
        variant: &str,
        path: &Path,
        part: Part,
    ) -> (Option<Range<usize>>, bool) {
        let prefix = Path::default().key("variants").key(variant);
        let (own, own_span) = self.lookup(&prefix.join(path), part);
        let (shared, shared_span) = self.lookup(path, part);
        match own > 2 && own - 2 >= shared {
            true => (own_span, true),
            false => (shared_span, false),
        }
    }

    /// Names of the file's variants.
    pub fn variants(&self) -> usize {
        let variants = self.step(0, &Seg::Key("variants".to_owned()));
        self.index.children.keys().filter(|(parent, _)| Some(*parent) == variants).count()
    }

    /// Where the document begins.
    pub fn root(&self) -> Option<Range<usize>> {
        let root = self.index.nodes.first()?;
        Some(root.scalar.clone().unwrap_or_else(|| root.key.clone()))
    }

    /// Keys that stand in a map for the second time, each with the first.
    pub fn duplicates(&self) -> &[(Range<usize>, Range<usize>)] {
        &self.index.duplicates
    }

    /// Tags that are not YAML's own, each with its node.
    pub fn tags(&self) -> &[(Range<usize>, String)] {
        &self.index.tags
    }

    /// The `---` of a second document.
    pub fn second_document(&self) -> Option<Range<usize>> {
        self.index.second_document.clone()
    }

    /// The `<<` of a merge of something that is no map.
    pub fn faulty_merge(&self) -> Option<Range<usize>> {
        self.index.faulty_merge.clone()
    }

    /// What there is more of than an experiment file can have, if so.
    pub fn too_much(&self) -> Option<TooMuch> {
        self.index.too_much
    }

    /// How many steps of the path exist in the file, and what to underline there.
    fn lookup(&self, path: &Path, part: Part) -> (usize, Option<Range<usize>>) {
        let mut at = 0;
        let mut depth = 0;
        for seg in &path.0 {
            let Some(next) = self.step(at, seg) else {
                break;
            };
            at = next;
            depth += 1;
        }
        if depth == 0 {
            return (0, None);
        }
        let node = &self.index.nodes[at];
        // A short form, as `adam` for `adam: {}`, stands for all that could be inside.
        let whole_value = part == Part::Value || depth < path.0.len();
        let span = match &node.scalar {
            Some(value) if whole_value && !value.is_empty() => value.clone(),
            Some(_) | None => node.key.clone(),
        };
        (depth, Some(span))
    }

    /// One step down, through aliases and merge keys (`<<`).
    fn step(&self, at: usize, seg: &Seg) -> Option<usize> {
        self.step_through(at, seg, 16)
    }

    fn step_through(&self, at: usize, seg: &Seg, fuel: usize) -> Option<usize> {
        let child = |at: usize, seg: &Seg| self.index.children.get(&(at, seg.clone())).copied();
        let fuel = fuel.checked_sub(1)?;
        if let Some(next) = child(at, seg) {
            return Some(next);
        }
        if let Some(target) = self.index.nodes.get(at)?.target {
            return self.step_through(target, seg, fuel);
        }
        let merged = child(at, &Seg::Key("<<".to_owned()))?;
        let mut list = (0..).map_while(|i| child(merged, &Seg::Index(i)));
        self.step_through(merged, seg, fuel)
            .or_else(|| list.find_map(|item| self.step_through(item, seg, fuel)))
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

/// Where brackets are open in such a number that the parser, which takes the square of it, would
/// take minutes. What stands in quotes and comments counts as well, so that the limit is far above
/// [`MAX_DEPTH`].
fn too_deep(text: &str) -> Option<TooMuch> {
    let mut open: usize = 0;
    for (at, byte) in text.bytes().enumerate() {
        match byte {
            b'[' | b'{' => open += 1,
            b']' | b'}' => open = open.saturating_sub(1),
            _ => {}
        }
        if open > 10 * MAX_DEPTH {
            return Some(TooMuch::Depth(at));
        }
    }
    None
}

/// Turns parser events into nodes.
struct Indexer<'t> {
    text: &'t str,
    /// Byte of each character, for texts that are not plain ASCII.
    bytes: Vec<usize>,
    index: Index,
    /// By the parser's number: the node, and how many it stands for.
    anchors: HashMap<usize, (usize, usize)>,
    open: Vec<Container>,
    documents: usize,
}

/// A map or list whose end is still to come.
struct Container {
    node: usize,
    anchor: usize,
    /// Nodes in it so far, those behind aliases counted each time.
    size: usize,
    inside: Inside,
}

enum Inside {
    /// The key whose value comes next.
    Map(Option<(String, Range<usize>)>),
    /// The number of the item that comes next.
    List(usize),
}

impl<'t> Indexer<'t> {
    fn new(text: &'t str) -> Self {
        let bytes = if text.is_ascii() {
            Vec::new()
        } else {
            text.char_indices().map(|(byte, _)| byte).collect()
        };
        let index = Index::default();
        Self { text, bytes, index, anchors: HashMap::new(), open: Vec::new(), documents: 0 }
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

    /// Adds the next node, which stands for so many. Its key is what it is called by, or else its
    /// own bytes.
    fn add(&mut self, scalar: Option<Range<usize>>, own: Range<usize>, size: usize) -> usize {
        let number = self.index.nodes.len();
        let (key, place) = match self.open.last_mut() {
            None => (own, None),
            Some(Container { node, inside: Inside::Map(key), .. }) => match key.take() {
                Some((name, span)) => (span, Some((*node, Seg::Key(name)))),
                None => (own, Some((*node, Seg::Key("?".to_owned())))),
            },
            Some(Container { node, inside: Inside::List(next), .. }) => {
                *next += 1;
                (own, Some((*node, Seg::Index(*next - 1))))
            }
        };
        self.index.nodes.push(Node { key, scalar, target: None });
        if let Some(place) = place {
            self.index.children.insert(place, number);
        }
        self.count(size);
        number
    }

    fn count(&mut self, size: usize) {
        // What is open counts as far as it has come: nothing can grow beyond the limit unseen.
        let all = self.open.last_mut().map_or(size, |container| {
            container.size = container.size.saturating_add(size);
            container.size
        });
        if all > MAX_NODES || self.index.nodes.len() > MAX_NODES {
            self.index.too_much = Some(TooMuch::Nodes);
        }
    }

    fn event(&mut self, event: Event<'_>, span: Span) {
        let range = self.range(span);
        match event {
            Event::Scalar(text, _, anchor, tag) => {
                self.tag(tag.as_deref(), &range);
                if self.is_key() {
                    return self.key(text.into_owned(), range);
                }
                self.merged(&range);
                let node = self.add(Some(range.clone()), range, 1);
                self.anchors.insert(anchor, (node, 1));
            }
            Event::Alias(anchor) => {
                let (target, size) = self.anchors.get(&anchor).copied().unzip();
                let node = self.add(None, range, size.unwrap_or(1));
                self.index.nodes[node].target = target;
            }
            // Deeper than the reader goes.
            Event::SequenceStart(..) | Event::MappingStart(..) if self.open.len() >= MAX_DEPTH => {
                self.index.too_much = Some(TooMuch::Depth(range.start));
            }
            Event::SequenceStart(anchor, tag) => {
                self.tag(tag.as_deref(), &range);
                self.open(range, anchor, Inside::List(0));
            }
            Event::MappingStart(anchor, tag) => {
                self.tag(tag.as_deref(), &range);
                self.open(range, anchor, Inside::Map(None));
            }
            Event::SequenceEnd | Event::MappingEnd => {
                if let Some(closed) = self.open.pop() {
                    self.anchors.insert(closed.anchor, (closed.node, closed.size));
                    self.count(closed.size);
                }
            }
            Event::DocumentStart(_) => {
                self.documents += 1;
                if self.documents == 2 {
                    self.index.second_document = Some(range);
                }
            }
            Event::Nothing | Event::StreamStart | Event::StreamEnd | Event::DocumentEnd => {}
        }
    }

    /// Whether the next scalar is a key: it is directly inside a map, and no key is waiting.
    fn is_key(&self) -> bool {
        matches!(self.open.last(), Some(Container { inside: Inside::Map(None), .. }))
    }

    fn key(&mut self, name: String, range: Range<usize>) {
        let Some(Container { node, inside: Inside::Map(key), .. }) = self.open.last_mut() else {
            return;
        };
        let mut waiting = name;
        if let Some(first) = self.index.children.get(&(*node, Seg::Key(waiting.clone()))) {
            let first = self.index.nodes[*first].key.clone();
            self.index.duplicates.push((range.clone(), first));
            // What is in it is not what is in the first.
            waiting = format!("{waiting}, number {}", self.index.duplicates.len());
        }
        // A list item that is a map is shown by its first key.
        let map = &mut self.index.nodes[*node];
        if map.key.is_empty() {
            map.key = range.clone();
        }
        *key = Some((waiting, range));
    }

    fn open(&mut self, range: Range<usize>, anchor: usize, inside: Inside) {
        let node = self.add(None, range.start..range.start, 1);
        self.open.push(Container { node, anchor, size: 0, inside });
    }

    /// Notes a `<<` with a plain value.
    fn merged(&mut self, value: &Range<usize>) {
        let Some(Container { inside: Inside::Map(Some((name, _))), .. }) = self.open.last() else {
            return;
        };
        if name == "<<" {
            self.index.faulty_merge.get_or_insert(value.clone());
        }
    }

    fn tag(&mut self, tag: Option<&Tag>, range: &Range<usize>) {
        const OWN: [&str; 7] = ["str", "int", "float", "bool", "null", "map", "seq"];
        if let Some(tag) = tag
            && !(tag.is_yaml_core_schema() && OWN.contains(&tag.suffix.as_str()))
        {
            let name = match tag.is_yaml_core_schema() {
                true => format!("!!{}", tag.suffix),
                false => format!("{}{}", tag.handle, tag.suffix),
            };
            self.index.tags.push((range.clone(), name));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown<'s>(source: &'s Source, path: &str) -> &'s str {
        &source.text[source.span(&Path::dotted(path), Part::Value).unwrap()]
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
        assert_eq!(&source.text[key.unwrap()], "units");
        assert_eq!(shown(&source, "list.0.one.missing"), "one");
        assert_eq!(source.span(&Path::dotted("nowhere"), Part::Value), None);
        assert_eq!(shown(&source, "use.deep.x"), "1");
        assert_eq!(shown(&source, "merged.rate"), "0.5");
        assert_eq!(shown(&source, "merged.own"), "2");
        let units = source.span(&Path::dotted("list.1.dense.units"), Part::Value);
        let start = units.unwrap().start;
        assert_eq!(source.line_column(start), (5, 21));
    }

    #[test]
    fn a_variant_is_shown_where_it_differs_and_the_shared_part_elsewhere() {
        let text = "model: { layers: [a] }\ntraining: { epochs: 1 }\nvariants:\n  v: { model: { layers: [b, c] } }\n";
        let source = Source::new(PathBuf::new(), text.to_owned());
        let shown = |path: &str| {
            let (span, _) = source.span_in_variant("v", &Path::dotted(path), Part::Value);
            &source.text[span.unwrap()]
        };
        assert_eq!(shown("model.layers.0"), "b");
        assert_eq!(shown("training.epochs"), "1");
        assert_eq!(shown("training.optimizer"), "training");
    }
}
