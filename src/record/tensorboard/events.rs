//! Event files: TFRecords, each with an [`Event`].

use std::fs::File;
use std::io::Write as _;
use std::path::Path;

use anyhow::{Context, Result};
use prost::Message as _;

use super::messages::{
    DataClass, DataType, Dim, Event, HParams, HParamsData, PluginData, Summary, SummaryMetadata,
    SummaryValue, Tensor, TensorShape, What,
};
use crate::record::{Histogram, write_atomically};

/// The version of the format, which every file begins with.
const VERSION: &str = "brain.Event:2";

/// The content of an event file.
#[derive(Debug, Default)]
pub struct Events(Vec<u8>);

impl Events {
    /// A file that begins at this time, in seconds since 1970.
    pub fn starting(at: f64) -> Self {
        let mut events = Self::default();
        events.push(at, 0, What::FileVersion(VERSION.to_owned()));
        events
    }

    /// Adds a number, as a 32-bit float: that is what Keras writes, and all that TensorBoard shows.
    pub fn scalar(&mut self, at: f64, step: usize, tag: &str, value: f64) {
        let tensor = Tensor {
            dtype: DataType::Float.into(),
            tensor_shape: Some(TensorShape::default()),
            float_val: vec![value as f32],
            double_val: Vec::new(),
        };
        self.summary(at, step, tag, tensor, metadata("scalars", Vec::new(), DataClass::Scalar));
    }

    /// Adds how numbers are distributed: a row of left edge, right edge and count for each bin.
    ///
    /// Reference: `tensorboard/plugins/histogram/summary_v2.py`; like there, numbers that are all
    /// the same have one bin, of width 1 around them.
    pub fn histogram(&mut self, at: f64, step: usize, tag: &str, histogram: &Histogram) {
        let bin = |(bin, count): (usize, &u64)| {
            let (left, right) = histogram.edges(bin);
            [left, right, *count as f64]
        };
        let bins: Vec<f64> = if histogram.lower < histogram.upper {
            histogram.counts.iter().enumerate().flat_map(bin).collect()
        } else {
            vec![histogram.lower - 0.5, histogram.upper + 0.5, histogram.total() as f64]
        };
        let dim = [bins.len() / 3, 3].map(|size| Dim { size: size as i64 });
        let tensor = Tensor {
            dtype: DataType::Double.into(),
            tensor_shape: Some(TensorShape { dim: dim.to_vec() }),
            float_val: Vec::new(),
            double_val: bins,
        };
        self.summary(at, step, tag, tensor, metadata("histograms", Vec::new(), DataClass::Tensor));
    }

    /// Adds what the HPARAMS tab is about. All of it stands in the metadata; the tensor is empty.
    pub fn hparams(&mut self, at: f64, tag: &str, data: HParamsData) {
        let tensor = Tensor {
            dtype: DataType::Float.into(),
            tensor_shape: Some(TensorShape { dim: vec![Dim { size: 0 }] }),
            float_val: Vec::new(),
            double_val: Vec::new(),
        };
        let content = HParams { data: Some(data) }.encode_to_vec();
        self.summary(at, 0, tag, tensor, metadata("hparams", content, DataClass::Tensor));
    }

    fn summary(
        &mut self,
        at: f64,
        step: usize,
        tag: &str,
        tensor: Tensor,
        metadata: SummaryMetadata,
    ) {
        let (tag, tensor, metadata) = (tag.to_owned(), Some(tensor), Some(metadata));
        let value = vec![SummaryValue { tag, tensor, metadata }];
        self.push(at, step, What::Summary(Summary { value }));
    }

    /// One record: length, checksum of the length, message, checksum of the message.
    fn push(&mut self, at: f64, step: usize, what: What) {
        let step = i64::try_from(step).expect("no run is that long");
        let message = Event { wall_time: at, step, what: Some(what) }.encode_to_vec();
        let length = (message.len() as u64).to_le_bytes();
        self.0.extend(length);
        self.0.extend(masked_crc(&length).to_le_bytes());
        self.0.extend(&message);
        self.0.extend(masked_crc(&message).to_le_bytes());
    }

    /// Makes this the content of a file. One that has its beginning is gone on with, so that a
    /// TensorBoard that has it open sees the rest; any other is replaced in one step. Nobody else
    /// may be writing there.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn write(&self, path: &Path) -> Result<()> {
        let there = std::fs::read(path).unwrap_or_default();
        match self.0.strip_prefix(&there[..]) {
            Some([]) => Ok(()),
            Some(rest) if !there.is_empty() => append(path, rest),
            Some(_) | None => write_atomically(path, &self.0),
        }
    }

    /// Adds these events to a file that is there.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn append(&self, path: &Path) -> Result<()> {
        append(path, &self.0)
    }
}

/// One write, so that a reader sees whole records.
fn append(path: &Path, bytes: &[u8]) -> Result<()> {
    let write = || File::options().append(true).open(path)?.write_all(bytes);
    write().with_context(|| format!("cannot write `{}`", path.display()))
}

fn metadata(plugin: &str, content: Vec<u8>, class: DataClass) -> SummaryMetadata {
    SummaryMetadata {
        plugin_data: Some(PluginData { plugin_name: plugin.to_owned(), content }),
        data_class: class.into(),
    }
}

/// The checksum in TFRecords: CRC-32C, rotated, so that the checksum of data with its checksum in it
/// is not always the same.
///
/// Reference: `tensorflow/tsl/lib/hash/crc32c.h`, `Mask`.
fn masked_crc(bytes: &[u8]) -> u32 {
    crc32c::crc32c(bytes).rotate_right(15).wrapping_add(0xa282_ead8)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_record_is_the_one_that_tensorflow_writes() {
        // `tf.summary.create_file_writer` at the time 0, `source_metadata` aside.
        let events = Events::starting(0.0);
        let body = b"\x1a\x0dbrain.Event:2";
        assert_eq!(events.0[..8], (body.len() as u64).to_le_bytes());
        assert_eq!(events.0[12..events.0.len() - 4], body[..]);
    }

    #[test]
    fn checksums_are_masked_as_in_tensorflow() {
        // The published check value of CRC-32C is 0xe3069283.
        assert_eq!(masked_crc(b"123456789"), 0xc78a_b0e5);
    }

    #[test]
    fn a_file_is_gone_on_with_or_replaced() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("events");
        let read = || std::fs::read(&path).unwrap();
        let mut events = Events::starting(1.5);
        events.write(&path).unwrap();
        assert_eq!(read(), events.0);

        let keeper = File::open(&path).unwrap();
        events.scalar(2.5, 0, "epoch_loss", 0.1);
        // A part of the new record was written when the machine went down.
        append(&path, &events.0[read().len()..][..7]).unwrap();
        events.write(&path).unwrap();
        assert_eq!(read(), events.0);
        assert_eq!(keeper.metadata().unwrap().len(), events.0.len() as u64, "the same file");

        let other = Events::starting(3.0);
        other.write(&path).unwrap();
        assert_eq!(read(), other.0);
    }
}
