//! Mistakes in experiment files, each with its place and a remedy.

use std::fmt;
use std::ops::Range;

use annotate_snippets::renderer::DecorStyle;
use annotate_snippets::{AnnotationKind, Level, Renderer, Snippet};

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
}

impl Problem {
    /// A mistake at a place, or nowhere in the file.
    pub fn new(
        span: Option<Range<usize>>,
        message: impl Into<String>,
        help: impl Into<String>,
    ) -> Self {
        Self { span, message: message.into(), help: help.into(), warning: None }
    }
}

/// All mistakes, or all warnings, of one file.
#[derive(Debug, Clone)]
pub struct Problems {
    source: Box<Source>,
    list: Vec<Problem>,
}

impl Problems {
    /// Collects the mistakes of a file in the order of their places, each once.
    pub fn new(source: Source, mut list: Vec<Problem>) -> Self {
        list.sort_by_key(|problem| problem.span.as_ref().map_or(0, |span| span.start));
        let mut seen = std::collections::HashSet::new();
        list.retain(|problem| seen.insert((problem.span.clone(), problem.message.clone())));
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
        let frames: Vec<String> = self
            .list
            .iter()
            .map(|problem| {
                let title = match problem.warning {
                    Some(code) => Level::WARNING.primary_title(&*problem.message).id(code),
                    None => Level::ERROR.primary_title(&*problem.message),
                };
                let mut group = title.elements(problem.span.clone().map(|span| {
                    Snippet::source(&*self.source.text)
                        .path(&*path)
                        .annotation(AnnotationKind::Primary.span(span))
                }));
                if problem.span.is_none() && !path.is_empty() {
                    group = group.element(Level::NOTE.message(format!("while reading {path}")));
                }
                if !problem.help.is_empty() {
                    group = group.element(Level::HELP.message(&*problem.help));
                }
                renderer.render(&[group])
            })
            .collect();
        frames.join("\n\n")
    }
}

impl Problems {
    /// The report that programs read: a list of maps, lines and columns from 1.
    pub fn to_json(&self) -> Vec<serde_json::Value> {
        let one = |problem: &Problem| {
            let place = |byte| self.source.line_column(byte);
            let start = problem.span.as_ref().map(|span| place(span.start));
            let end = problem.span.as_ref().map(|span| place(span.end));
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
        self.list.iter().map(one).collect()
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
/// is a part of, as `batchnorm` is of `batch_normalization`.
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
    let whole = || known.iter().find(|name| part.len() >= 3 && squeezed(name).contains(&part));
    near.map(|(_, name)| name).or_else(|| whole().copied())
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
