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
    /// A key of `grid:`, and the number of the value in its list, unless it was drawn.
    Grid { key: Path, value: Option<usize> },
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
        let mut shared_by = None;
        let from = self.foreign.iter().rev().find(|foreign| path.starts_with(&foreign.path));
        let span = match from.map(|foreign| &foreign.origin) {
            Some(Origin::CommandLine(text)) => {
                message = format!("`--set {text}`: {message}");
                None
            }
            // The value is to blame, unless it is the path that leads nowhere.
            Some(Origin::Grid { key, value }) => {
                let exact = from.is_some_and(|foreign| foreign.path == path);
                match part {
                    Part::Key if exact => source.span(key, Part::Key),
                    Part::Key | Part::Value => {
                        let place = value.map_or_else(|| key.clone(), |value| key.index(value));
                        source.span(&place, Part::Value)
                    }
                }
            }
            None => {
                let (span, own) = source.span_in_variant(variant, &path, part);
                shared_by = (!own).then(|| variant.to_owned());
                span
            }
        };
        Problem { variant: shared_by, ..Problem::new(span, message, help) }
    }
}
