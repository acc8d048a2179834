//! `metrics.csv`: one row per epoch, with the names of Keras' `CSVLogger`.

use std::fs::File;
use std::io::Write as _;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};

use super::write_atomically;

/// One epoch of one trial.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct EpochRow {
    /// From 1.
    pub epoch: usize,
    /// Share of training rows classified rightly, as seen during the epoch.
    pub accuracy: f64,
    /// Mean training loss, as seen during the epoch.
    pub loss: f64,
    /// Share of validation rows classified rightly after the epoch; empty without such rows.
    pub val_accuracy: Option<f64>,
    /// Mean validation loss after the epoch; empty without validation rows.
    pub val_loss: Option<f64>,
    /// The optimizer's step size in the epoch's last step.
    pub learning_rate: f64,
    /// Wall-clock seconds of this epoch, training and validation.
    pub epoch_seconds: f64,
    /// Wall-clock seconds from the start of training to the end of this epoch.
    pub elapsed_seconds: f64,
}

/// Appends rows to a `metrics.csv`; each can be read by others when [`MetricsWriter::append`]
/// returns, and survives this process; [`MetricsWriter::sync`] makes them survive the machine.
#[derive(Debug)]
pub struct MetricsWriter {
    path: PathBuf,
    file: File,
}

impl MetricsWriter {
    /// Starts a new file with its header.
    ///
    /// # Errors
    /// When the file cannot be created or written.
    pub fn create(path: &Path) -> Result<Self> {
        let file =
            File::create(path).with_context(|| format!("cannot create `{}`", path.display()))?;
        let mut writer = Self { path: path.to_owned(), file };
        writer.write_line("epoch,accuracy,loss,val_accuracy,val_loss,learning_rate,epoch_seconds,elapsed_seconds\n".as_bytes())?;
        Ok(writer)
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

    /// Appends one epoch.
    ///
    /// # Errors
    /// When the disk is full or the file is gone.
    pub fn append(&mut self, row: &EpochRow) -> Result<()> {
        let mut csv = csv::WriterBuilder::new().has_headers(false).from_writer(Vec::new());
        csv.serialize(row).context("a row of metrics does not fit CSV")?;
        let line = csv.into_inner().map_err(csv::IntoInnerError::into_error)?;
        self.write_line(&line)
    }

    /// Waits until all rows are on disk.
    ///
    /// # Errors
    /// When the disk says no.
    pub fn sync(&self) -> Result<()> {
        self.file.sync_all().with_context(|| format!("cannot write `{}`", self.path.display()))
    }

    fn write_line(&mut self, line: &[u8]) -> Result<()> {
        // One write per line, so that a reader of a running trial sees whole lines.
        self.file
            .write_all(line)
            .and_then(|()| self.file.flush())
            .with_context(|| format!("cannot write `{}`", self.path.display()))
    }
}

/// Reads a `metrics.csv`. An unfinished last line, left by a crash, is not an epoch and is passed over.
///
/// # Errors
/// When the file is missing or another line is not a row of metrics; the message names the line.
pub fn read_metrics(path: &Path) -> Result<Vec<EpochRow>> {
    let text = std::fs::read_to_string(path)
        .with_context(|| format!("cannot read `{}`", path.display()))?;
    let complete = text.rfind('\n').map_or("", |end| &text[..=end]);
    csv::Reader::from_reader(complete.as_bytes())
        .deserialize()
        .collect::<Result<_, _>>()
        .with_context(|| format!("`{}` is not a file of metrics", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(epoch: usize) -> EpochRow {
        EpochRow {
            epoch,
            accuracy: 0.5,
            loss: 1.25,
            val_accuracy: None,
            val_loss: Some(1e-7),
            learning_rate: 0.001,
            epoch_seconds: 0.25,
            elapsed_seconds: 0.5,
        }
    }

    #[test]
    fn rows_come_back_as_written_and_a_torn_line_is_passed_over() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("metrics.csv");
        let mut writer = MetricsWriter::create(&path).unwrap();
        writer.append(&row(1)).unwrap();
        writer.append(&row(2)).unwrap();
        assert_eq!(read_metrics(&path).unwrap(), [row(1), row(2)]);

        let text = std::fs::read_to_string(&path).unwrap();
        assert!(text.lines().nth(1).unwrap().contains(",,"), "a missing value is an empty cell");
        std::fs::write(&path, format!("{text}3,0.5,1.2")).unwrap();
        assert_eq!(read_metrics(&path).unwrap(), [row(1), row(2)]);
    }
}
