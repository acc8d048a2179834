//! Charts are drawn anew only where what they show has changed.

use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use sha2::{Digest as _, Sha256};

use crate::record::{drawn_file, write_atomically};

/// Draws the charts of a folder, unless they were drawn from the same files and words by the same
/// program and are all still there. Returns those that were drawn.
///
/// # Errors
/// When the files cannot be read or the charts not be written.
pub fn unless_drawn(
    folder: &Path,
    tables: &[PathBuf],
    words: &[&str],
    draw: impl FnOnce() -> Result<Vec<PathBuf>>,
) -> Result<Vec<PathBuf>> {
    let drawn = drawn_file(folder);
    let stamp = stamp(tables, words)?;
    let before = std::fs::read_to_string(&drawn).unwrap_or_default();
    let mut lines = before.lines();
    if lines.next() == Some(&*stamp) && lines.all(|name| folder.join(name).is_file()) {
        return Ok(Vec::new());
    }
    let charts = draw()?;
    let names = charts.iter().filter_map(|chart| chart.file_name()?.to_str());
    let note = std::iter::once(&*stamp).chain(names).collect::<Vec<_>>().join("\n");
    write_atomically(&drawn, note.as_bytes())?;
    Ok(charts)
}

/// A hash of all that decides about the charts.
fn stamp(tables: &[PathBuf], words: &[&str]) -> Result<String> {
    let mut hash = Sha256::new();
    let mut add = |part: &[u8]| {
        hash.update(part.len().to_le_bytes());
        hash.update(part);
    };
    add(env!("CARGO_PKG_VERSION").as_bytes());
    // Charts of the next build may look otherwise.
    let program = std::env::current_exe().and_then(std::fs::metadata);
    let built = program.and_then(|program| program.modified()).ok();
    add(format!("{built:?}").as_bytes());
    for words in words {
        add(words.as_bytes());
    }
    for table in tables {
        match std::fs::read(table) {
            Ok(content) => add(&content),
            // Not every experiment has every table.
            Err(error) if error.kind() == ErrorKind::NotFound => add(b"none"),
            Err(error) => {
                return Err(error).with_context(|| format!("cannot read `{}`", table.display()));
            }
        }
    }
    Ok(hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect())
}
