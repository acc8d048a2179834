//! From text to a tree of values, and what to say where the text is not YAML.

use std::ops::Range;

use serde_json::{Map, Value};

use super::problem::Problem;
use super::source::{MAX_DEPTH, MAX_NODES, Part, Path, Source, TooMuch};

/// Begins the name that a key gets in place of one that its map has already.
const DUPLICATE: &str = "a key that is here twice, number ";

/// Longer texts are taken for a mistake.
const MAX_TEXT: usize = 10_000;

/// So many mistakes of one kind are enough.
pub(super) const MAX_PROBLEMS: usize = 1000;

/// Reads a file's text. Keys that are twice in one map are told and then passed over, so that
/// reading goes on.
pub(super) fn parse(source: &Source) -> (Option<Map<String, Value>>, Vec<Problem>) {
    if let Some(problem) = not_text(source).or_else(|| too_much(source)) {
        return (None, vec![problem]);
    }
    let mut problems: Vec<Problem> = duplicates(source);
    if problems.len() == MAX_PROBLEMS {
        return (None, problems);
    }
    let text = without_duplicates(source);
    let parsed = serde_yaml::from_str::<serde_yaml::Value>(&text)
        .and_then(|mut value| value.apply_merge().map(|()| value));
    let tree = match parsed {
        Ok(tree) => tree,
        Err(error) => {
            // Where the text had to be changed, places in it are no longer those in the file.
            if problems.is_empty() {
                problems.push(not_yaml(source, &error));
            }
            return (None, problems);
        }
    };
    for (span, tag) in source.tags() {
        let message = format!("the tag `{tag}` means nothing here");
        let help = "leave it out: the value says by itself what it is";
        problems.push(Problem::new(Some(span.clone()), message, help));
    }
    let mut reader = Reader { source, problems, too_long: false };
    let tree = reader.value(tree, &Path::default());
    let Reader { mut problems, too_long, .. } = reader;
    if too_long {
        return (None, problems);
    }
    match tree {
        Value::Object(map) => (Some(map), problems),
        Value::Null => {
            let help = "`bn-runner new NAME` writes a file to begin with";
            problems.push(Problem::new(None, "the file is empty", help));
            (None, problems)
        }
        Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Array(_) => {
            let message = "an experiment file is a map of keys and values";
            let help = "begin with `dataset: …`, `model: …`, `training: …`";
            problems.push(Problem::new(source.root(), message, help));
            (None, problems)
        }
    }
}

/// Characters that no text has, and that YAML forbids.
fn not_text(source: &Source) -> Option<Problem> {
    let allowed = |c: char| !c.is_control() || matches!(c, '\n' | '\r' | '\t' | '\u{85}');
    let (at, wrong) = source.text.char_indices().find(|(_, c)| !allowed(*c))?;
    let message = match wrong {
        '\0' => "a NUL byte in the text".to_owned(),
        other => format!("a control character in the text, U+{:04X}", u32::from(other)),
    };
    let help = "take it out; an experiment file is plain text in UTF-8";
    Some(Problem::new(Some(at..at + wrong.len_utf8()), message, help))
}

/// What would fill the memory.
fn too_much(source: &Source) -> Option<Problem> {
    Some(match source.too_much()? {
        TooMuch::Depth(at) => {
            let message = format!("maps and lists are nested more than {MAX_DEPTH} deep");
            Problem::new(Some(at..at + 1), message, "no experiment needs more than a dozen levels")
        }
        TooMuch::Nodes => {
            let message = format!("more than {MAX_NODES} keys and values, aliases written out");
            let help = "repeat layers with `repeat: { times: …, layers: […] }`, and part cases \
                        among several files";
            Problem::new(None, message, help)
        }
    })
}

fn duplicates(source: &Source) -> Vec<Problem> {
    let problem = |(span, first): &(Range<usize>, Range<usize>)| {
        let message = format!("key `{}` is here twice", &source.text[span.clone()]);
        let (line, _) = source.line_column(first.start);
        let help = format!("leave one out; the first is in line {line}");
        Problem::new(Some(span.clone()), message, help)
    };
    source.duplicates().iter().take(MAX_PROBLEMS).map(problem).collect()
}

/// The text with other names for keys that are there twice.
fn without_duplicates(source: &Source) -> String {
    let mut text = String::new();
    let mut from = 0;
    for (i, (span, _)) in source.duplicates().iter().enumerate() {
        text.push_str(&source.text[from..span.start]);
        text.push_str(&format!("\"{DUPLICATE}{i}\""));
        from = span.end;
    }
    text.push_str(&source.text[from..]);
    text
}

/// From YAML's values to JSON's, which have no keys but texts and no numbers that are none.
struct Reader<'s> {
    source: &'s Source,
    problems: Vec<Problem>,
    too_long: bool,
}

impl Reader<'_> {
    fn value(&mut self, value: serde_yaml::Value, at: &Path) -> Value {
        match value {
            serde_yaml::Value::Null => Value::Null,
            serde_yaml::Value::Bool(value) => Value::Bool(value),
            serde_yaml::Value::Number(number) => number_or_word(&number),
            serde_yaml::Value::String(text) => {
                self.length(&text, at, Part::Value);
                Value::String(text)
            }
            serde_yaml::Value::Sequence(list) => {
                let items = list.into_iter().enumerate();
                items.map(|(i, item)| self.value(item, &at.index(i))).collect()
            }
            serde_yaml::Value::Mapping(map) => {
                let mut tree = Map::new();
                for (key, value) in map {
                    match key_text(&key) {
                        Some(key) if key.starts_with(DUPLICATE) => {}
                        Some(key) => {
                            self.length(&key, &at.key(&key), Part::Key);
                            let value = self.value(value, &at.key(&key));
                            tree.insert(key, value);
                        }
                        None => {
                            let span = self.source.span(&at.key("?"), Part::Key);
                            let help = "keys are single words";
                            self.problems.push(Problem::new(span, "a key that is no word", help));
                        }
                    }
                }
                Value::Object(tree)
            }
            // Told by its place already.
            serde_yaml::Value::Tagged(tagged) => self.value(tagged.value, at),
        }
    }
}

impl Reader<'_> {
    /// Every case has the texts of its setup, and there may be many cases.
    fn length(&mut self, text: &str, at: &Path, part: Part) {
        if text.len() > MAX_TEXT {
            self.too_long = true;
            let message = format!("a text of {} bytes", text.len());
            let help = format!("keep it below {MAX_TEXT}");
            self.problems.push(Problem::new(self.source.span(at, part), message, help));
        }
    }
}

/// `.nan` and `.inf` stay words, so that messages can say what is in the file.
fn number_or_word(number: &serde_yaml::Number) -> Value {
    if let Some(number) = number.as_u64() {
        return number.into();
    }
    if let Some(number) = number.as_i64() {
        return number.into();
    }
    match number.as_f64().and_then(serde_json::Number::from_f64) {
        Some(number) => Value::Number(number),
        None => Value::String(number.to_string()),
    }
}

fn key_text(key: &serde_yaml::Value) -> Option<String> {
    match key {
        serde_yaml::Value::String(text) => Some(text.clone()),
        serde_yaml::Value::Bool(value) => Some(value.to_string()),
        serde_yaml::Value::Number(number) => Some(number.to_string()),
        serde_yaml::Value::Null
        | serde_yaml::Value::Sequence(_)
        | serde_yaml::Value::Mapping(_)
        | serde_yaml::Value::Tagged(_) => None,
    }
}

/// The parser's words, which speak of tokens, in those of somebody who writes a file.
fn not_yaml(source: &Source, error: &serde_yaml::Error) -> Problem {
    let told = error.to_string();
    let (problem, context) = told.split_once(", while ").unwrap_or((&told, ""));
    let problem = problem.split(" at line ").next().unwrap_or(problem);
    let at = error.location().map(|at| (at.line(), at.column()));
    let place = |at: (usize, usize)| source.span_at(at.0, at.1);
    let here = at.map(place);
    let character = here.as_ref().and_then(|here| source.text[here.clone()].chars().next());
    // Where that began which the parser could not end.
    let begin = line_and_column(context);
    let begins_before = begin.zip(at).is_some_and(|(begin, at)| begin.0 < at.0);
    let from = |message: &str, help: String| {
        Problem::new(begin.map(place).or(here.clone()), message, help)
    };
    let at_place = |message: &str, help: &str| Problem::new(here.clone(), message, help);
    match problem {
        "did not find expected ',' or '}'" | "did not find expected ',' or ']'" => {
            let (open, close) = if problem.ends_with("'}'") { ('{', '}') } else { ('[', ']') };
            let message = format!("this `{open}` is not closed");
            if begins_before {
                let line = at.map_or(0, |at| at.0);
                from(
                    &message,
                    format!("put the `{close}`, or a comma that is missing, before line {line}"),
                )
            } else {
                let message = format!("expected a comma or `{close}`");
                at_place(&message, &format!("close the `{open}`, or part what is in it by commas"))
            }
        }
        "found character that cannot start any token" => match character {
            Some('\t') => at_place("a tab where YAML wants spaces", "indent with spaces alone"),
            Some(c) => at_place(
                &format!("a text cannot begin with `{c}`"),
                "put it in quotes, as in `description: \"…\"`",
            ),
            None => {
                at_place("something that is no value", "write a word, a number, a list or a map")
            }
        },
        "mapping values are not allowed in this context" => at_place(
            "a `:` where no key can be",
            "put a text with `: ` in quotes, and give each key a line of its own, in the column of \
             its neighbours",
        ),
        "could not find expected ':'" => from(
            "a line without `key: value`",
            "write a key, a colon and a space, and then the value".to_owned(),
        ),
        "did not find expected key" => at_place(
            "this line stands in no column that the lines above have",
            "put keys of one map, and the `-` of one list, in one column; indent what belongs to \
             them further",
        ),
        "did not find expected '-' indicator" => at_place(
            "this line belongs to a list, but has no `-`",
            "put a `-` before each item, in one column",
        ),
        "block sequence entries are not allowed in this context" => at_place(
            "a `-` where no list can be",
            "begin a list on a line of its own below its key",
        ),
        "found unexpected end of stream" => {
            from("this quote is not closed", "end the text with the same quote".to_owned())
        }
        "found unknown escape character" => at_place(
            "an unknown escape in a quoted text",
            "write `\\\\` for a backslash, or use single quotes",
        ),
        "unknown anchor" => at_place(
            "no anchor of this name comes before",
            "put it, with `&` and the same name, before the value that is meant; a text that \
             begins with `*` needs quotes",
        ),
        "recursion limit exceeded" => at_place(
            "nested more deeply than an experiment can be, or an anchor within itself",
            "take levels out",
        ),
        "repetition limit exceeded" => Problem::new(
            None,
            "aliases stand for more than an experiment can hold",
            "write out what is meant, or repeat layers with `repeat: { times: …, layers: […] }`",
        ),
        "deserializing from YAML containing more than one document is not supported" => {
            Problem::new(
                source.second_document(),
                "a second document begins here",
                "put each experiment in a file of its own, or leave the `---` out",
            )
        }
        _ if problem.contains("merging") => Problem::new(
            source.faulty_merge(),
            "`<<` merges only maps",
            "give it an alias, as in `<<: *name`, of a map that has the anchor `&name`",
        ),
        _ => Problem::new(here, format!("not YAML that can be read: {problem}"), ""),
    }
}

/// The `line 8 column 14` at the end of a text.
fn line_and_column(text: &str) -> Option<(usize, usize)> {
    let (line, column) = text.rsplit_once(" at line ")?.1.split_once(" column ")?;
    Some((line.parse().ok()?, column.trim().parse().ok()?))
}

/// What is wrong with a value of `--set`, without lines and columns of it.
pub(super) fn parse_value(text: &str) -> Result<Value, String> {
    let value = serde_yaml::from_str::<serde_yaml::Value>(text).map_err(|error| {
        let told = error.to_string();
        let problem = told.split(" at line ").next().unwrap_or(&told);
        format!("`{text}` is not YAML: {problem}")
    })?;
    let source = Source::default();
    let mut reader = Reader { source: &source, problems: Vec::new(), too_long: false };
    let value = reader.value(value, &Path::default());
    if reader.problems.is_empty() { Ok(value) } else { Err("a key that is no word".to_owned()) }
}
