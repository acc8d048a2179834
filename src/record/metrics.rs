//! `metrics.csv`: one row per epoch, with the names of Keras' `CSVLogger`.

use std::path::Path;

use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};

use super::lines::{LineFile, whole_lines};
use crate::spec::{top_k_name, top_k_of_name};

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
    /// The top-k accuracies that the file asks for, in its order.
    #[serde(skip)]
    pub top_k: Vec<TopK>,
}

/// One top-k accuracy of one epoch; two more columns, `top_5_accuracy` and `val_top_5_accuracy`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct TopK {
    /// How many of the highest scores count.
    pub k: usize,
    /// Share of training rows, as seen during the epoch.
    pub accuracy: f64,
    /// Share of validation rows after the epoch; empty without such rows.
    pub val_accuracy: Option<f64>,
}

impl EpochRow {
    /// The top-k accuracy of that k, if it was measured.
    pub fn top_k(&self, k: usize) -> Option<&TopK> {
        self.top_k.iter().find(|top| top.k == k)
    }
}

/// The columns that every file has.
const HEADER: &str = "epoch,accuracy,loss,val_accuracy,val_loss,learning_rate,epoch_seconds,\
                      elapsed_seconds";

/// Appends rows to a `metrics.csv`; each can be read by others when [`MetricsWriter::append`]
/// returns, and survives this process; [`MetricsWriter::sync`] makes them survive the machine.
#[derive(Debug)]
pub struct MetricsWriter(LineFile);

impl MetricsWriter {
    /// Starts a new file with its header, which ends with the top-k accuracies of these k.
    ///
    /// # Errors
    /// When the file cannot be created or written.
    pub fn create(path: &Path, top_k: &[usize]) -> Result<Self> {
        let mut header = HEADER.to_owned();
        for name in top_k.iter().map(|&k| top_k_name(k)) {
            header.push_str(&format!(",{name},val_{name}"));
        }
        LineFile::create(path, &header).map(Self)
    }

    /// Goes on with the file of an earlier run, cut back to the given text.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn resume(path: &Path, text: &str) -> Result<Self> {
        LineFile::resume(path, text).map(Self)
    }

    /// All that was written so far.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn text(&self) -> Result<String> {
        self.0.text()
    }

    /// Appends one epoch.
    ///
    /// # Errors
    /// When the disk is full or the file is gone.
    pub fn append(&mut self, row: &EpochRow) -> Result<()> {
        let mut csv = csv::WriterBuilder::new().has_headers(false).from_writer(Vec::new());
        let top_k: Vec<_> = row.top_k.iter().map(|top| (top.accuracy, top.val_accuracy)).collect();
        csv.serialize((row, top_k)).context("a row of metrics does not fit CSV")?;
        let line = csv.into_inner().map_err(csv::IntoInnerError::into_error)?;
        self.0.append(&line)
    }

    /// Waits until all rows are on disk.
    ///
    /// # Errors
    /// When the disk says no.
    pub fn sync(&self) -> Result<()> {
        self.0.sync()
    }
}

/// Reads a `metrics.csv`. An unfinished last line, left by a crash, is not an epoch and is passed over.
///
/// # Errors
/// When the file is missing or another line is not a row of metrics; the message names the line.
pub fn read_metrics(path: &Path) -> Result<Vec<EpochRow>> {
    read_rows(&whole_lines(path)?)
        .with_context(|| format!("`{}` is not a file of metrics", path.display()))
}

fn read_rows(text: &str) -> Result<Vec<EpochRow>, csv::Error> {
    let mut reader = csv::Reader::from_reader(text.as_bytes());
    let header = reader.headers()?.clone();
    let column = |name: &str| header.iter().position(|column| column == name);
    let top_k: Vec<_> = header
        .iter()
        .enumerate()
        .filter_map(|(i, name)| Some((top_k_of_name(name)?, i, column(&format!("val_{name}")))))
        .collect();
    let row = |record: csv::StringRecord| {
        let mut row: EpochRow = record.deserialize(Some(&header))?;
        for &(k, accuracy, val_accuracy) in &top_k {
            // By the same rules as the columns that every file has.
            let cells = [Some(accuracy), val_accuracy].map(|i| i.map_or("", |i| &record[i]));
            let cells = csv::StringRecord::from(cells.to_vec());
            let (accuracy, val_accuracy) = cells.deserialize(None)?;
            row.top_k.push(TopK { k, accuracy, val_accuracy });
        }
        Ok(row)
    };
    reader.records().map(|record| row(record?)).collect()
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
            top_k: Vec::new(),
        }
    }

    #[test]
    fn rows_come_back_as_written_and_a_torn_line_is_passed_over() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("metrics.csv");
        let mut writer = MetricsWriter::create(&path, &[]).unwrap();
        writer.append(&row(1)).unwrap();
        writer.append(&row(2)).unwrap();
        assert_eq!(read_metrics(&path).unwrap(), [row(1), row(2)]);

        let text = std::fs::read_to_string(&path).unwrap();
        assert!(text.lines().nth(1).unwrap().contains(",,"), "a missing value is an empty cell");
        std::fs::write(&path, format!("{text}3,0.5,1.2")).unwrap();
        assert_eq!(read_metrics(&path).unwrap(), [row(1), row(2)]);
    }

    #[test]
    fn top_k_accuracies_are_columns_at_the_end_where_they_are_measured() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("metrics.csv");
        let top = |k, accuracy, val_accuracy| TopK { k, accuracy, val_accuracy };
        let row = |epoch, top_k| EpochRow { top_k, ..row(epoch) };
        let rows = [
            row(1, vec![top(5, 0.75, None), top(12, 1.0, Some(0.5))]),
            row(2, vec![top(5, 1.0, Some(1.0)), top(12, 0.0, Some(1e-7))]),
        ];
        let mut writer = MetricsWriter::create(&path, &[5, 12]).unwrap();
        for row in &rows {
            writer.append(row).unwrap();
        }
        let text = std::fs::read_to_string(&path).unwrap();
        assert_eq!(
            text,
            format!(
                "{HEADER},top_5_accuracy,val_top_5_accuracy,top_12_accuracy,val_top_12_accuracy\n\
                 1,0.5,1.25,,1e-7,0.001,0.25,0.5,0.75,,1.0,0.5\n\
                 2,0.5,1.25,,1e-7,0.001,0.25,0.5,1.0,1.0,0.0,1e-7\n"
            )
        );
        assert_eq!(read_metrics(&path).unwrap(), rows);
        std::fs::write(&path, text.replace("0.75", "x")).unwrap();
        let error = format!("{:#}", read_metrics(&path).unwrap_err());
        assert!(error.contains("metrics.csv` is not a file of metrics: "), "{error}");
    }
}
