//! Files that grow line by line.

use std::fs::File;
use std::io::Write as _;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use super::write_atomically;

/// A file that whole lines are appended to; they can be read by others when [`LineFile::append`]
/// returns, and survive this process; [`LineFile::sync`] makes them survive the machine.
#[derive(Debug)]
pub struct LineFile {
    path: PathBuf,
    file: File,
}

impl LineFile {
    /// Starts a new file with its header.
    ///
    /// # Errors
    /// When the file cannot be created or written.
    pub fn create(path: &Path, header: &str) -> Result<Self> {
        let file =
            File::create(path).with_context(|| format!("cannot create `{}`", path.display()))?;
        let mut lines = Self { path: path.to_owned(), file };
        lines.append(format!("{header}\n").as_bytes())?;
        Ok(lines)
    }

    /// Goes on with the file of an earlier run, cut back to the given text.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn resume(path: &Path, text: &str) -> Result<Self> {
        write_atomically(path, text.as_bytes())?;
        let file = File::options()
            .append(true)
            .open(path)
            .with_context(|| format!("cannot write `{}`", path.display()))?;
        Ok(Self { path: path.to_owned(), file })
    }

    /// All that was written so far.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn text(&self) -> Result<String> {
        std::fs::read_to_string(&self.path)
            .with_context(|| format!("cannot read `{}`", self.path.display()))
    }

    /// Appends whole lines.
    ///
    /// # Errors
    /// When the disk is full or the file is gone.
    pub fn append(&mut self, lines: &[u8]) -> Result<()> {
        // One write, so that a reader of a running trial sees whole lines.
        self.file
            .write_all(lines)
            .and_then(|()| self.file.flush())
            .with_context(|| format!("cannot write `{}`", self.path.display()))
    }

    /// Waits until all lines are on disk.
    ///
    /// # Errors
    /// When the disk says no.
    pub fn sync(&self) -> Result<()> {
        self.file.sync_all().with_context(|| format!("cannot write `{}`", self.path.display()))
    }
}

/// A file's whole lines. An unfinished last one, left by a crash, is passed over.
///
/// # Errors
/// When the file cannot be read.
pub fn whole_lines(path: &Path) -> Result<String> {
    let mut text = std::fs::read_to_string(path)
        .with_context(|| format!("cannot read `{}`", path.display()))?;
    text.truncate(text.rfind('\n').map_or(0, |end| end + 1));
    Ok(text)
}
