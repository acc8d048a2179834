//! The UTF-8 byte order mark of CSV files, by which Excel knows that they are UTF-8.
//!
//! All readers of CSV here skip it, as the `csv` crate does.

use std::io::Read as _;
use std::path::Path;

use anyhow::{Context as _, Result};

use super::write_atomically;

const BYTE_ORDER_MARK: &[u8] = "\u{feff}".as_bytes();

/// The content of a file, beginning with one byte order mark.
pub fn with_byte_order_mark(content: Vec<u8>) -> Vec<u8> {
    if content.starts_with(BYTE_ORDER_MARK) {
        return content;
    }
    [BYTE_ORDER_MARK, &content].concat()
}

/// Whether a file is there and begins with a byte order mark.
pub fn has_byte_order_mark(path: &Path) -> bool {
    let mut start = [0; BYTE_ORDER_MARK.len()];
    let read = std::fs::File::open(path).and_then(|mut file| file.read_exact(&mut start));
    read.is_ok() && start == BYTE_ORDER_MARK
}

/// Adds a byte order mark to a file that is there and has none.
///
/// # Errors
/// When the file cannot be read or written.
pub fn add_byte_order_mark(path: &Path) -> Result<()> {
    if !path.exists() || has_byte_order_mark(path) {
        return Ok(());
    }
    let content =
        std::fs::read(path).with_context(|| format!("cannot read `{}`", path.display()))?;
    write_atomically(path, &with_byte_order_mark(content))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::read_table;

    #[test]
    fn a_mark_is_added_once_and_not_read() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.csv");
        add_byte_order_mark(&path).unwrap();
        assert!(!path.exists() && !has_byte_order_mark(&path));
        std::fs::write(&path, "name,n\ngröße,1\n").unwrap();
        for _ in 0..2 {
            add_byte_order_mark(&path).unwrap();
            assert!(has_byte_order_mark(&path));
        }
        let text = std::fs::read_to_string(&path).unwrap();
        assert_eq!(text, "\u{feff}name,n\ngröße,1\n");
        let (header, rows) = read_table(&path).unwrap().unwrap();
        assert_eq!((&*header[0], &*rows[0][0]), ("name", "größe"));
    }
}
