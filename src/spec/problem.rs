//! Mistakes in experiment files, each with its place and a remedy.

use std::collections::HashMap;
use std::fmt;
use std::ops::Range;

use annotate_snippets::renderer::DecorStyle;
use annotate_snippets::{AnnotationKind, Level, Origin, Renderer, Snippet};

use super::source::{Part, Path, Source};

/// One mistake in a resolved setup, at a path into it. [`super::Case::problem`] turns it into
/// one in the file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// Where in the setup.
    pub path: Path,
    /// What is wrong: a lowercase fragment.
    pub message: String,
    /// What to do about it.
    pub help: String,
    /// What to underline there.
    pub part: Part,
}

impl Finding {
    /// A mistake at a path.
    pub fn new(path: Path, message: impl Into<String>, help: impl Into<String>) -> Self {
        Self { path, message: message.into(), help: help.into(), part: Part::Value }
    }
}

/// One mistake, at a place in a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// Bytes to underline; `None` for a mistake that is not in the file, as in `--set`.
    pub span: Option<Range<usize>>,
    /// What is wrong: a lowercase fragment.
    pub message: String,
    /// What to do about it; may be empty.
    pub help: String,
    /// The code of a warning; `None` for a mistake.
    pub warning: Option<&'static str>,
    /// The variant that has it, where it is in what all variants share.
    pub variant: Option<String>,
}

impl Problem {
    /// A mistake at a place, or nowhere in the file.
    pub fn new(
        span: Option<Range<usize>>,
        message: impl Into<String>,
        help: impl Into<String>,
    ) -> Self {
        Self { span, message: message.into(), help: help.into(), warning: None, variant: None }
    }
}

/// The most mistakes of one file that are shown.
const MOST_SHOWN: usize = 100;

/// The most variants with a common mistake that are named.
const MOST_VARIANTS: usize = 10;

/// The lines of a text, found from top to bottom.
struct Lines<'t> {
    text: &'t str,
    number: usize,
    start: usize,
}

impl<'t> Lines<'t> {
    fn new(text: &'t str) -> Self {
        Self { text, number: 1, start: 0 }
    }

    /// The line that a span begins in, which is not before the last one asked for: its number, its
    /// first byte and its text.
    fn around(&mut self, span: &Range<usize>) -> (usize, usize, &'t str) {
        while let Some(newline) = self.text[self.start..span.start].find('\n') {
            self.number += 1;
            self.start += newline + 1;
        }
        let rest = &self.text[self.start..];
        let length = rest.find('\n').unwrap_or(rest.len());
        (self.number, self.start, &rest[..length])
    }
}

/// All mistakes, or all warnings, of one file.
#[derive(Debug, Clone)]
pub struct Problems {
    source: Box<Source>,
    list: Vec<Problem>,
}

impl Problems {
    /// Collects the mistakes of a file in the order of their places, each once. One that some
    /// variants have and others have not is told with the names of those that have it.
    pub fn new(source: Source, mut list: Vec<Problem>) -> Self {
        list.sort_by_key(|problem| problem.span.as_ref().map_or(0, |span| span.start));
        let mut seen = HashMap::new();
        // Those that have it, or `None` where it has nothing to do with them.
        let mut having: Vec<Option<Vec<String>>> = Vec::new();
        list.retain_mut(|problem| {
            let next = having.len();
            let place = (problem.span.clone(), problem.message.clone());
            let first = *seen.entry(place).or_insert(next);
            if first == next {
                having.push(Some(Vec::new()));
            }
            match (&mut having[first], problem.variant.take()) {
                // A mistake comes once per variant and grid point, the points of a variant together.
                (Some(others), Some(variant)) if others.last() == Some(&variant) => {}
                (Some(others), Some(variant)) => others.push(variant),
                (others, None) => *others = None,
                (None, Some(_)) => {}
            }
            first == next
        });
        let all = source.variants();
        for (problem, variants) in list.iter_mut().zip(having) {
            if let Some(variants) = variants.filter(|variants| variants.len() < all) {
                let shown = variants.iter().take(MOST_VARIANTS);
                let names: Vec<String> = shown.map(|name| format!("`{name}`")).collect();
                problem.message.push_str(&format!(", in variant {}", names.join(", ")));
                if let Some(more) = variants.len().checked_sub(MOST_VARIANTS + 1) {
                    problem.message.push_str(&format!(" and {} more", more + 1));
                }
            }
        }
        Self { source: Box::new(source), list }
    }

    /// The mistakes, in the order of their places.
    pub fn list(&self) -> &[Problem] {
        &self.list
    }

    /// The report that people read: for each mistake `file:line:col`, the line with the place
    /// underlined, and the remedy.
    pub fn render(&self, colour: bool) -> String {
        let renderer = if colour { Renderer::styled() } else { Renderer::plain() }
            .decor_style(DecorStyle::Ascii);
        let path = self.source.path.display().to_string();
        let mut lines = Lines::new(&self.source.text);
        let frame = |problem: &Problem| {
            let title = match problem.warning {
                Some(code) => Level::WARNING.primary_title(&*problem.message).id(code),
                None => Level::ERROR.primary_title(&*problem.message),
            };
            let group = match problem.span.clone() {
                Some(span) => {
                    let (line, start, text) = lines.around(&span);
                    let span = span.start - start..(span.end - start).min(text.len());
                    let mark = AnnotationKind::Primary.span(span);
                    let snippet = Snippet::source(text).line_start(line).path(&*path);
                    title.element(snippet.annotation(mark))
                }
                None => title.element(Origin::path(&*path)),
            };
            let help = Some(&*problem.help).filter(|help| !help.is_empty());
            renderer.render(&[group.elements(help.map(|help| Level::HELP.message(help)))])
        };
        let mut frames: Vec<String> = self.list.iter().take(MOST_SHOWN).map(frame).collect();
        if self.left_out() > 0 {
            let more = self.left_out();
            frames.push(format!("{more} more in {path}, which are shown when these are fixed"));
        }
        frames.join("\n\n")
    }
}

/// A place in a text that moves forward only: all places of a file cost one pass over it.
#[derive(Clone)]
struct Cursor<'t> {
    text: &'t str,
    byte: usize,
    line: usize,
    column: usize,
}

impl<'t> Cursor<'t> {
    fn new(text: &'t str) -> Self {
        Self { text, byte: 0, line: 1, column: 1 }
    }

    /// Line and column of a byte that is not before the last one asked for, both from 1; the column
    /// counts characters.
    fn at(&mut self, byte: usize) -> (usize, usize) {
        let byte = self.text.floor_char_boundary(byte).max(self.byte);
        let passed = &self.text[self.byte..byte];
        match passed.rfind('\n') {
            Some(newline) => {
                self.line += passed.matches('\n').count();
                self.column = passed[newline + 1..].chars().count() + 1;
            }
            None => self.column += passed.chars().count(),
        }
        self.byte = byte;
        (self.line, self.column)
    }
}

impl Problems {
    /// The report that programs read: a list of maps, lines and columns from 1.
    pub fn to_json(&self) -> Vec<serde_json::Value> {
        let mut cursor = Cursor::new(&self.source.text);
        let one = |problem: &Problem| {
            let span = problem.span.as_ref();
            let start = span.map(|span| cursor.at(span.start));
            let end = span.map(|span| cursor.clone().at(span.end));
            serde_json::json!({
                "file": self.source.path,
                "line": start.map(|at| at.0),
                "column": start.map(|at| at.1),
                "end_line": end.map(|at| at.0),
                "end_column": end.map(|at| at.1),
                "severity": if problem.warning.is_some() { "warning" } else { "error" },
                "code": problem.warning,
                "message": problem.message,
                "help": problem.help,
            })
        };
        self.list.iter().take(MOST_SHOWN).map(one).collect()
    }

    /// How many mistakes are left out of both reports.
    pub fn left_out(&self) -> usize {
        self.list.len().saturating_sub(MOST_SHOWN)
    }
}

impl fmt::Display for Problems {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.render(false))
    }
}

impl std::error::Error for Problems {}

/// Longer words than this are no misspelt names.
const MAX_NAME: usize = 100;

/// The name that was probably meant: one with few letters changed, or else one that the wrong name
/// is a part of, as `batchnorm` is of `batch_normalization`, or short for, as `lr`.
pub fn nearest<'n>(wrong: &str, known: &[&'n str]) -> Option<&'n str> {
    // Nobody means a name by a text many times as long, and comparing it takes its time.
    if wrong.len() > MAX_NAME {
        return None;
    }
    let near = known
        .iter()
        .map(|name| (strsim::damerau_levenshtein(wrong, name), *name))
        .filter(|(distance, name)| *distance <= (name.len().max(wrong.len()) / 3).max(1))
        .min();
    let squeezed = |name: &str| name.replace(['_', '-', ' '], "").to_lowercase();
    let part = squeezed(wrong);
    let short = known.iter().find(|name| {
        name.contains('_')
            && name.split('_').filter_map(|word| word.chars().next()).eq(wrong.chars())
    });
    let wholes = known.iter().filter(|name| part.len() >= 3 && squeezed(name).contains(&part));
    near.map(|(_, name)| name)
        .or(short.copied())
        .or_else(|| wholes.min_by_key(|name| name.len()).copied())
}

/// "did you mean …" for a name that is not among those known, or else the list of those known.
pub fn suggest(wrong: &str, known: &[&str]) -> String {
    let all = known.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ");
    match nearest(wrong, known) {
        Some(name) => format!("did you mean `{name}`? known here: {all}"),
        None if known.is_empty() => "nothing can be set here".to_owned(),
        None => format!("known here: {all}"),
    }
}
