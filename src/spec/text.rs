//! The bytes of a file, if it is a text that can be an experiment.

use std::io::Read as _;
use std::path::Path;

use super::problem::Problem;

/// Files above this size are not experiments; no more is read of them.
const MAX_BYTES: u64 = 1 << 20;

/// Reads a file's text.
///
/// # Errors
/// What is wrong, with as much of the text as is needed to show the place.
pub(super) fn read(path: &Path) -> Result<String, Box<(String, Problem)>> {
    let refused =
        |message: String, help: &str| Box::new((String::new(), Problem::new(None, message, help)));
    let unreadable = |error: std::io::Error| {
        refused(format!("cannot read `{}`: {error}", path.display()), "look at the path")
    };
    // A pipe would make the program wait, and a device has no end.
    if !std::fs::metadata(path).map_err(unreadable)?.is_file() {
        let message = format!("cannot read `{}`: it is not a file", path.display());
        return Err(refused(message, "name a file with an experiment"));
    }
    let file = std::fs::File::open(path).map_err(unreadable)?;
    let mut bytes = Vec::new();
    file.take(MAX_BYTES + 1).read_to_end(&mut bytes).map_err(unreadable)?;
    if bytes.len() as u64 > MAX_BYTES {
        let message = format!("larger than {} MiB, which no experiment is", MAX_BYTES >> 20);
        return Err(refused(message, "name a file with an experiment"));
    }
    // Editors on Windows begin a file with a byte order mark, which is no part of its text.
    if bytes.starts_with(b"\xef\xbb\xbf") {
        bytes.drain(..3);
    }
    String::from_utf8(bytes).map_err(|error| {
        let at = error.utf8_error().valid_up_to();
        let bytes = error.into_bytes();
        let message = match bytes[..] {
            [0xff, 0xfe, ..] | [0xfe, 0xff, ..] => "the file is in UTF-16".to_owned(),
            _ => format!("byte {:#04x} is not text in UTF-8", bytes[at]),
        };
        // Up to the mistake, the text is as it is in the file.
        let text = String::from_utf8_lossy(&bytes).into_owned();
        let wrong = text[at..].chars().next().map_or(0, char::len_utf8);
        let problem = Problem::new(Some(at..at + wrong), message, "save the file as UTF-8");
        Box::new((text, problem))
    })
}
