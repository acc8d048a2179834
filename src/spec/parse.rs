//! From the events of the YAML parser to the tree of values.

use std::collections::HashMap;
use std::ops::Range;
use std::path::PathBuf;
use std::sync::Arc;

use saphyr_parser::{Event, Parser, ScalarStyle, Span, Tag};

use super::diagnose::{diagnose, other_space, wrong_space};
use super::problem::Problem;
use super::source::Source;
use super::tree::{CoreTag, Entry, Kind, Node, Place, Scalar};

/// Longer texts are taken for a mistake: every case has the texts of its setup, and there may be
/// many cases.
const MAX_TEXT: usize = 10_000;

/// Levels of maps and lists.
const MAX_DEPTH: usize = 64;

/// Keys and values, those behind aliases counted each time.
const MAX_NODES: usize = 100_000;

/// The most mistakes of one kind that are collected.
pub(super) const MAX_PROBLEMS: usize = 1000;

/// What a text holds.
#[derive(Debug)]
pub(super) struct Parsed {
    /// The text with its tree.
    pub source: Source,
    /// Every mistake.
    pub problems: Vec<Problem>,
    /// Values with a tag that means nothing: what else is wrong with them follows from it.
    pub tagged: Vec<Range<usize>>,
    /// Whether the tree is what was meant, so that reading can go on.
    pub is_usable: bool,
}

/// Parses the text of an experiment file, which is a map.
pub(super) fn parse_file(path: PathBuf, text: String) -> Parsed {
    let mut parsed = parse(path, text);
    if !parsed.is_usable {
        return parsed;
    }
    let root = parsed.source.root.as_ref().filter(|root| !root.is_null());
    let problem = match root {
        None => {
            let help = "`bn-runner new NAME` writes a file to begin with";
            Problem::new(None, "the file is empty", help)
        }
        Some(root) if root.entries().is_none() => {
            let message = "an experiment file is a map of keys and values";
            let help = "begin with `dataset: …`, `model: …`, `training: …`";
            Problem::new(root.place_as_root().range(), message, help)
        }
        Some(_) => return parsed,
    };
    parsed.problems.push(problem);
    parsed.is_usable = false;
    parsed
}

/// Parses a value of `--set`, the one with this number.
///
/// # Errors
/// What is wrong with it.
pub(super) fn parse_value(text: &str, number: u32) -> Result<Arc<Node>, String> {
    let Parsed { source, problems, is_usable, .. } = parse(PathBuf::new(), text.to_owned());
    if let Some(problem) = problems.first() {
        return Err(format!("`{text}` is not a YAML value: {}", problem.message));
    }
    if !is_usable {
        return Err(format!("`{text}` is not a YAML value"));
    }
    let empty = Scalar { text: "".into(), plain: true, tag: None };
    let nothing = || Arc::new(Node { place: Place::Nowhere, kind: Kind::Scalar(empty) });
    Ok(moved(&source.root.unwrap_or_else(nothing), Place::Set(number)))
}

/// The same values at another place.
fn moved(node: &Node, place: Place) -> Arc<Node> {
    let kind = match &node.kind {
        Kind::Scalar(scalar) => Kind::Scalar(scalar.clone()),
        Kind::List(list) => Kind::List(list.iter().map(|item| moved(item, place)).collect()),
        Kind::Map(map) => {
            let entry = |entry: &Entry| Entry {
                key: entry.key.clone(),
                key_place: place,
                value: moved(&entry.value, place),
            };
            Kind::Map(map.iter().map(entry).collect())
        }
    };
    Arc::new(Node { place, kind })
}

fn parse(path: PathBuf, text: String) -> Parsed {
    let early = not_text(&text).or_else(|| too_many_brackets(&text));
    let (root, problems, tagged, is_usable) = match early {
        Some(problem) => (None, vec![problem], Vec::new(), false),
        None => {
            let mut builder = Builder::new(&text);
            for event in Parser::new_from_str(&text) {
                match event {
                    Ok((event, span)) => builder.event(event, span),
                    // What was found before is the reason.
                    Err(_) if builder.is_misread => builder.stopped = true,
                    Err(error) => {
                        let at = builder.byte(error.marker().index());
                        builder.stop(diagnose(&text, at));
                    }
                }
                if builder.stopped {
                    break;
                }
            }
            let Builder { root, problems, tagged, stopped, is_misread, .. } = builder;
            (root, problems, tagged, !stopped && !is_misread)
        }
    };
    Parsed { source: Source { path, text, root }, problems, tagged, is_usable }
}

/// Characters that no text has, and that YAML forbids.
fn not_text(text: &str) -> Option<Problem> {
    let allowed = |c: char| !c.is_control() || matches!(c, '\n' | '\r' | '\t' | '\u{85}');
    let (at, wrong) = text.char_indices().find(|(_, c)| !allowed(*c))?;
    let message = match wrong {
        '\0' => "a NUL byte in the text".to_owned(),
        other => format!("a control character in the text, U+{:04X}", u32::from(other)),
    };
    let help = "remove it; an experiment file is plain text in UTF-8";
    Some(Problem::new(Some(at..at + wrong.len_utf8()), message, help))
}

/// Finds more open brackets than the parser, which takes time quadratic in their number, can
/// handle. Brackets in quotes and comments count as well, so that the limit is far above
/// [`MAX_DEPTH`].
fn too_many_brackets(text: &str) -> Option<Problem> {
    let mut open: usize = 0;
    for (at, byte) in text.bytes().enumerate() {
        match byte {
            b'[' | b'{' => open += 1,
            b']' | b'}' => open = open.saturating_sub(1),
            _ => {}
        }
        if open > 10 * MAX_DEPTH {
            return Some(too_deep(at));
        }
    }
    None
}

fn too_deep(at: usize) -> Problem {
    let message = format!("maps and lists are nested more than {MAX_DEPTH} deep");
    Problem::new(Some(at..at + 1), message, "no experiment needs more than a dozen levels")
}

/// Turns parser events into nodes.
struct Builder<'t> {
    text: &'t str,
    /// The byte of each character, for texts that are not plain ASCII.
    bytes: Vec<usize>,
    root: Option<Arc<Node>>,
    open: Vec<Container>,
    /// By the parser's number.
    anchors: HashMap<usize, Finished>,
    problems: Vec<Problem>,
    tagged: Vec<Range<usize>>,
    documents: usize,
    nodes: usize,
    /// Whether characters that only look like spaces have changed the tree.
    is_misread: bool,
    /// Whether a mistake makes it useless to go on.
    stopped: bool,
}

/// A value that is complete.
#[derive(Clone)]
struct Finished {
    node: Arc<Node>,
    /// How many nodes it stands for.
    size: usize,
    /// Levels of maps and lists in it.
    depth: usize,
}

/// A map or list whose end is still to come.
struct Container {
    start: usize,
    anchor: usize,
    /// Nodes in it so far, those behind aliases counted each time.
    size: usize,
    depth: usize,
    /// Whether it is written in brackets, so that its lines may be indented at will.
    flow: bool,
    inside: Inside,
}

enum Inside {
    Map { entries: Vec<Entry>, seen: HashMap<Arc<str>, usize>, merged: Vec<Entry>, next: Next },
    List(Vec<Arc<Node>>),
}

/// What the next value of a map is.
enum Next {
    Key,
    /// The value of this key.
    Value(Arc<str>, Range<usize>),
    /// What `<<` merges.
    Merge(Range<usize>),
    /// The value of a key that cannot be used.
    Nothing,
}

impl<'t> Builder<'t> {
    fn new(text: &'t str) -> Self {
        let bytes = match text.is_ascii() {
            true => Vec::new(),
            false => text.char_indices().map(|(byte, _)| byte).collect(),
        };
        Self {
            text,
            bytes,
            root: None,
            open: Vec::new(),
            anchors: HashMap::new(),
            problems: Vec::new(),
            tagged: Vec::new(),
            documents: 0,
            nodes: 0,
            is_misread: false,
            stopped: false,
        }
    }

    fn byte(&self, character: usize) -> usize {
        match self.bytes.is_empty() {
            true => character.min(self.text.len()),
            false => self.bytes.get(character).copied().unwrap_or(self.text.len()),
        }
    }

    fn range(&self, span: Span) -> Range<usize> {
        let start = self.byte(span.start.index());
        let end = self.byte(span.end.index()).max(start);
        let plain_space = |c: char| matches!(c, ' ' | '\t' | '\n' | '\r');
        start..start + self.text[start..end].trim_end_matches(plain_space).len()
    }

    fn problem(&mut self, at: Range<usize>, message: impl Into<String>, help: impl Into<String>) {
        self.problems.push(Problem::new(Some(at), message, help));
        if self.problems.len() >= MAX_PROBLEMS {
            self.stopped = true;
        }
    }

    fn stop(&mut self, problem: Problem) {
        self.problems.push(problem);
        self.stopped = true;
    }

    fn event(&mut self, event: Event<'_>, span: Span) {
        let range = self.range(span);
        match event {
            Event::Scalar(text, style, anchor, tag) => {
                self.spaces(&text, style, &range);
                if text.len() > MAX_TEXT {
                    let help = format!("keep it below {MAX_TEXT} bytes");
                    let message = format!("a text of {} bytes", text.len());
                    return self.stop(Problem::new(Some(range), message, help));
                }
                let tag = self.tag(tag.as_deref(), &range);
                let plain = style == ScalarStyle::Plain;
                let scalar = Scalar { text: text.into_owned().into(), plain, tag };
                let node = Node { place: Place::file(&range), kind: Kind::Scalar(scalar) };
                let finished = Finished { node: Arc::new(node), size: 1, depth: 0 };
                if anchor != 0 {
                    self.anchors.insert(anchor, finished.clone());
                }
                self.finish(finished, range);
            }
            Event::Alias(anchor) => match self.anchors.get(&anchor).cloned() {
                Some(target) if self.open.len() + target.depth > MAX_DEPTH => {
                    self.stop(too_deep(range.start));
                }
                Some(target) => self.finish(target, range),
                None => self.stop(Problem::new(
                    Some(range),
                    "an anchor within itself",
                    "an alias can stand only for a value that is complete before it",
                )),
            },
            Event::SequenceStart(..) | Event::MappingStart(..) if self.open.len() >= MAX_DEPTH => {
                self.stop(too_deep(range.start));
            }
            Event::SequenceStart(anchor, tag) => {
                self.tag(tag.as_deref(), &range);
                self.open(range.start, anchor, Inside::List(Vec::new()));
            }
            Event::MappingStart(anchor, tag) => {
                self.tag(tag.as_deref(), &range);
                let inside = Inside::Map {
                    entries: Vec::new(),
                    seen: HashMap::new(),
                    merged: Vec::new(),
                    next: Next::Key,
                };
                self.open(range.start, anchor, inside);
            }
            Event::SequenceEnd | Event::MappingEnd => self.close(self.byte(span.end.index())),
            Event::DocumentStart(_) => {
                self.documents += 1;
                if self.documents == 2 {
                    self.stop(Problem::new(
                        Some(range),
                        "a second document begins here",
                        "put each experiment in a file of its own, or leave the `---` out",
                    ));
                }
            }
            Event::Nothing | Event::StreamStart | Event::StreamEnd | Event::DocumentEnd => {}
        }
    }

    fn open(&mut self, start: usize, anchor: usize, inside: Inside) {
        self.nodes += 1;
        self.open.push(Container {
            start,
            anchor,
            size: 0,
            depth: 1,
            flow: begins_with_a_bracket(&self.text[start..]),
            inside,
        });
    }

    fn close(&mut self, end: usize) {
        let Some(closed) = self.open.pop() else { return };
        let kind = match closed.inside {
            Inside::List(list) => Kind::List(list),
            Inside::Map { mut entries, mut seen, merged, .. } => {
                for entry in merged {
                    if seen.insert(entry.key.clone(), 0).is_none() {
                        entries.push(entry);
                    }
                }
                Kind::Map(entries)
            }
        };
        let place = Place::file(&(closed.start..end.max(closed.start)));
        let node = Arc::new(Node { place, kind });
        let finished = Finished { node, size: closed.size + 1, depth: closed.depth };
        if closed.anchor != 0 {
            self.anchors.insert(closed.anchor, finished.clone());
        }
        self.finish(finished, closed.start..closed.start);
    }

    /// Puts a complete value, which stands at a place, where it belongs.
    fn finish(&mut self, finished: Finished, at: Range<usize>) {
        let Finished { node, size, depth } = finished;
        self.nodes += 1;
        let Some(container) = self.open.last_mut() else {
            self.root.get_or_insert(node);
            return;
        };
        let is_key = matches!(container.inside, Inside::Map { next: Next::Key, .. });
        container.size = container.size.saturating_add(if is_key { size - 1 } else { size });
        container.depth = container.depth.max(depth + 1);
        // What is open counts as far as it has come: nothing can grow beyond the limit unseen.
        if container.size > MAX_NODES || self.nodes > 2 * MAX_NODES {
            let message = format!("more than {MAX_NODES} keys and values, aliases written out");
            let help = "repeat layers with `repeat: { times: …, layers: […] }`, and divide the \
                        cases among several files";
            return self.stop(Problem::new(None, message, help));
        }
        let next = match &mut container.inside {
            Inside::List(list) => return list.push(node),
            Inside::Map { next, .. } => std::mem::replace(next, Next::Key),
        };
        match next {
            Next::Key => self.key(&node, at),
            Next::Value(key, key_range) => {
                if let Some(Container { inside: Inside::Map { entries, seen, .. }, .. }) =
                    self.open.last_mut()
                {
                    seen.insert(key.clone(), key_range.start);
                    entries.push(Entry { key, key_place: Place::file(&key_range), value: node });
                }
            }
            Next::Merge(key) => self.merge(&node, if at.is_empty() { key } else { at }),
            Next::Nothing => {}
        }
    }

    /// Takes a value as the key of the map that is open.
    fn key(&mut self, node: &Node, at: Range<usize>) {
        self.tab_before(&at);
        let text = match &node.kind {
            Kind::Scalar(scalar) if !scalar.text.is_empty() || !scalar.plain => Some(scalar),
            Kind::Scalar(_) | Kind::List(_) | Kind::Map(_) => None,
        };
        let Some(scalar) = text else {
            self.problem(at, "a key that is not a word", "keys are single words");
            return self.next(Next::Nothing);
        };
        let key = scalar.text.clone();
        let is_merge = scalar.plain && &*key == "<<";
        let first = match self.open.last().map(|container| &container.inside) {
            Some(Inside::Map { seen, .. }) => seen.get(&key).copied(),
            Some(Inside::List(_)) | None => None,
        };
        if let Some(first) = first {
            let line = self.text[..first].matches('\n').count() + 1;
            let message = format!("key `{}` is here twice", &self.text[at.clone()]);
            self.problem(at, message, format!("leave one out; the first is in line {line}"));
            return self.next(Next::Nothing);
        }
        self.next(if is_merge { Next::Merge(at) } else { Next::Value(key, at) });
    }

    fn next(&mut self, what: Next) {
        if let Some(Container { inside: Inside::Map { next, .. }, .. }) = self.open.last_mut() {
            *next = what;
        }
    }

    /// Takes over the entries of a map, or of several, that the map which is open does not have.
    fn merge(&mut self, node: &Node, at: Range<usize>) {
        let maps: Option<Vec<&[Entry]>> = match node.items() {
            Some(items) => items.iter().map(|item| item.entries()).collect(),
            None => node.entries().map(|entries| vec![entries]),
        };
        match (maps, self.open.last_mut().map(|container| &mut container.inside)) {
            (Some(maps), Some(Inside::Map { merged, .. })) => {
                merged.extend(maps.into_iter().flatten().cloned());
            }
            (Some(_), _) => {}
            (None, _) => self.problem(
                at,
                "`<<` merges only maps",
                "give it an alias, as in `<<: *name`, of a map that has the anchor `&name`",
            ),
        }
    }

    /// The type that a tag gives a scalar. Other tags than YAML's own are mistakes.
    fn tag(&mut self, tag: Option<&Tag>, range: &Range<usize>) -> Option<CoreTag> {
        let tag = tag?;
        let core = tag.is_yaml_core_schema().then_some(&*tag.suffix);
        match core {
            Some("str") => return Some(CoreTag::Str),
            Some("int") => return Some(CoreTag::Int),
            Some("float") => return Some(CoreTag::Float),
            Some("bool") => return Some(CoreTag::Bool),
            Some("null") => return Some(CoreTag::Null),
            Some("map" | "seq") => return None,
            Some(_) | None => {}
        }
        let name = match core {
            Some(suffix) => format!("!!{suffix}"),
            None => format!("{}{}", tag.handle, tag.suffix),
        };
        let help = "leave it out: the value says by itself what it is";
        self.problem(range.clone(), format!("the tag `{name}` has no meaning here"), help);
        self.tagged.push(range.clone());
        None
    }

    /// Finds spaces that YAML takes for letters at the edges of a plain scalar, at the beginning of
    /// its lines, and after a colon or a dash that was meant to end a key or to begin an item.
    fn spaces(&mut self, text: &str, style: ScalarStyle, range: &Range<usize>) {
        if style != ScalarStyle::Plain || text.is_ascii() {
            return;
        }
        let raw = &self.text[range.clone()];
        let mut found = None;
        let mut before = String::new();
        for (at, c) in raw.char_indices() {
            if c == '\n' {
                before.clear();
            } else if other_space(c) {
                let word = before.trim_start();
                let name = |c: char| c.is_ascii_alphanumeric() || "_.-".contains(c);
                let ends_a_key = word.strip_suffix(':').is_some_and(|key| key.chars().all(name));
                let is_last = raw[at..].chars().all(other_space);
                if word.is_empty() || word == "-" || ends_a_key || is_last {
                    found = Some((range.start + at, c));
                    break;
                }
                before.push(c);
            } else {
                before.push(c);
            }
        }
        if let Some((at, c)) = found {
            self.misread(at, c);
        }
    }

    fn misread(&mut self, at: usize, c: char) {
        self.is_misread = true;
        if self.problems.len() < MAX_PROBLEMS {
            self.problems.push(wrong_space(at, c));
        }
    }

    /// Finds a tab before a key of a map without brackets.
    fn tab_before(&mut self, key: &Range<usize>) {
        if self.open.last().is_none_or(|container| container.flow) {
            return;
        }
        let line = self.text[..key.start].rfind('\n').map_or(0, |newline| newline + 1);
        let before = &self.text[line..key.start];
        if let Some(tab) = before.find('\t')
            && before.chars().all(|c| matches!(c, ' ' | '\t' | '-'))
        {
            self.misread(line + tab, '\t');
        }
    }
}

/// Whether a map or list is written in brackets, after its anchor and tag.
fn begins_with_a_bracket(text: &str) -> bool {
    let mut rest = text;
    while rest.starts_with(['&', '!']) {
        let end = rest.find(char::is_whitespace).unwrap_or(rest.len());
        rest = rest[end..].trim_start();
    }
    rest.starts_with(['[', '{'])
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::spec::{Part, Path};

    fn read(text: &str) -> Parsed {
        parse_file(PathBuf::new(), text.to_owned())
    }

    fn shown<'s>(source: &'s Source, path: &str) -> &'s str {
        &source.text[source.span(&Path::dotted(path), Part::Value).unwrap()]
    }

    #[test]
    fn places_are_found_through_maps_lists_aliases_and_merge_keys() {
        let text = "# é\nbase: &b { rate: 0.5, deep: { x: 1 } }\nlist:\n  - one\n  - dense: { units: ten }\nuse: *b\nmerged:\n  <<: *b\n  own: 2\n";
        let source = read(text).source;
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
        assert_eq!(source.line_column(units.unwrap().start), (5, 21));
    }

    #[test]
    fn merge_keys_give_what_the_map_does_not_have_the_first_one_first() {
        let text = "a: &a { x: 1, y: 1 }\nb: &b { y: 2, z: 2 }\nc: { z: 3, <<: [*a, *b] }\n";
        let root = read(text).source.root.unwrap().to_json();
        assert_eq!(root["c"], json!({"z": 3, "x": 1, "y": 1}));
    }

    #[test]
    fn keys_stay_as_they_are_written_and_scalars_have_the_types_of_their_tags() {
        let Parsed { source, problems, .. } =
            read("3.10: !!str 1\n3.1: !!float 1\n~: !!int 0x10\n\"\": 1\non: !x 1\n");
        let root = source.root.unwrap().to_json();
        assert_eq!(root, json!({"3.10": "1", "3.1": 1.0, "~": 16, "": 1, "on": 1}));
        assert_eq!(problems.len(), 1, "{problems:?}");
        assert!(problems[0].message.contains("`!x`"));
    }

    #[test]
    fn every_key_that_is_there_twice_is_told_with_its_first_line() {
        let Parsed { problems, is_usable, .. } = read("a: 1\nb: { c: 1, \"c\": 2 }\na: { a: 1 }\n");
        let told: Vec<&str> = problems.iter().map(|problem| &*problem.message).collect();
        assert_eq!(told, ["key `\"c\"` is here twice", "key `a` is here twice"]);
        assert!(problems[1].help.contains("the first is in line 1"));
        assert!(is_usable);
    }
}
