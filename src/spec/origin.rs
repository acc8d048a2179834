//! Where a value of a case came from when it is not from its own place in the file.

use super::problem::{Finding, Problem};
use super::repeat;
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

/// Where the values of a case came from.
#[derive(Debug, Clone, Default)]
pub(super) struct Origins {
    /// Those from the grid and the command line, the latest last.
    pub foreign: Vec<Foreign>,
    /// The place of each layer in the file, where `repeat` blocks were written out.
    pub layers: Vec<Path>,
}

impl Origins {
    /// A mistake in a case, at the place where its value came from.
    pub fn locate(&self, source: &Source, variant: &str, mut finding: Finding) -> Problem {
        finding.path = repeat::place_in_file(&self.layers, finding.path);
        self.locate_as_written(source, variant, finding)
    }

    /// As [`Origins::locate`], with a path from before `repeat` blocks were written out.
    pub fn locate_as_written(&self, source: &Source, variant: &str, finding: Finding) -> Problem {
        let Finding { path, mut message, help, part } = finding;
        let from = self.foreign.iter().rev().find(|foreign| path.starts_with(&foreign.path));
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
}
