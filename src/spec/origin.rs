//! Where a value of a case came from when it is not from its own place in the file.

use super::problem::{Finding, Problem};
use super::source::{Part, Path, Source};

/// A value that did not come from the place it is at: from `grid:` or from `--set`.
#[derive(Debug, Clone)]
pub(super) struct Foreign {
    pub path: Path,
    pub origin: Origin,
}

#[derive(Debug, Clone)]
pub(super) enum Origin {
    /// A key of `grid:`.
    Grid(Path),
    /// The text after `--set`.
    CommandLine(String),
}

/// A mistake in a case, at the place where its value came from.
pub(super) fn locate(
    source: &Source,
    variant: &str,
    foreign: &[Foreign],
    finding: Finding,
) -> Problem {
    let Finding { path, mut message, help, part } = finding;
    let from = foreign.iter().rev().find(|foreign| path.starts_with(&foreign.path));
    let span = match from.map(|foreign| &foreign.origin) {
        Some(Origin::CommandLine(text)) => {
            message = format!("`--set {text}`: {message}");
            None
        }
        Some(Origin::Grid(key)) => Some(source.span(key, Part::Key)),
        None => Some(source.span_in_variant(variant, &path, part)),
    };
    Problem::new(span, message, help)
}
