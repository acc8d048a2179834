//! A mistake in a case as a mistake in the file or on the command line.

use super::problem::{Finding, Problem};
use super::source::Source;
use super::tree::{Node, Place};

/// A mistake in a tree, at the place where its value was written. `set` are the texts after
/// `--set`.
pub(super) fn locate(
    tree: &Node,
    set: &[String],
    source: &Source,
    variant: &str,
    finding: Finding,
) -> Problem {
    let Finding { path, mut message, help, part } = finding;
    let place = tree.locate(&path, part).unwrap_or_default();
    let mut shared_by = None;
    match place {
        Place::Set(number) => {
            if let Some(text) = set.get(number as usize) {
                message = format!("`--set {text}`: {message}");
            }
        }
        // What the whole file lacks is in no place.
        Place::Nowhere => shared_by = Some(variant.to_owned()),
        Place::File { .. } => {
            shared_by = source.is_shared(place).then(|| variant.to_owned());
        }
    }
    Problem { variant: shared_by, ..Problem::new(place.range(), message, help) }
}
