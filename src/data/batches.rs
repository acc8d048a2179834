//! Batches on a device: rows are gathered from bytes, or from a copy that the device keeps.

use burn::tensor::{Device, Int, Tensor, TensorData};

use super::{Dataset, Split, Standardization, standardization};
use crate::spec::Scaling;

/// Turns pixel bytes into the numbers that a network sees.
#[derive(Debug, Clone)]
pub enum Scaler {
    /// x / 255
    Unit,
    /// (x − mean) / deviation, per pixel
    Standardize(Standardization),
    /// x
    None,
}

impl Scaler {
    /// The scaler that a data set's spec asks for; statistics come from its training rows.
    pub fn of(dataset: &Dataset) -> Self {
        Self::without_data(dataset.scaling)
            .unwrap_or_else(|| Self::Standardize(standardization(&dataset.train)))
    }

    /// The scaler of a kind that needs no statistics of the data.
    pub fn without_data(scaling: Scaling) -> Option<Self> {
        match scaling {
            Scaling::Unit => Some(Self::Unit),
            Scaling::Standardize => None,
            Scaling::None => Some(Self::None),
        }
    }

    /// Appends one image's numbers.
    fn scale_into(&self, image: &[u8], out: &mut Vec<f32>) {
        match self {
            Self::Unit => out.extend(image.iter().map(|&byte| f32::from(byte) / 255.0)),
            Self::Standardize(statistics) => out.extend(
                image
                    .iter()
                    .zip(statistics.mean.iter().zip(&statistics.std))
                    .map(|(&byte, (mean, deviation))| (f32::from(byte) - mean) / deviation),
            ),
            Self::None => out.extend(image.iter().map(|&byte| f32::from(byte))),
        }
    }
}

/// The rows of a split, ready to be gathered into batches on one device.
#[derive(Debug)]
pub struct Feed<'d> {
    split: &'d Split,
    pixels: usize,
    device: Device,
    rows: Rows<'d>,
}

#[derive(Debug)]
#[expect(clippy::large_enum_variant, reason = "there is one per split, and it never moves")]
enum Rows<'d> {
    /// The device works in the host's memory: bytes become numbers as they are gathered, which
    /// costs less than reading numbers four times as large.
    Host(&'d Scaler),
    /// [rows, pixels] and [rows] in the device's own memory.
    Resident(Tensor<2>, Tensor<1, Int>),
}

impl<'d> Feed<'d> {
    /// Prepares a split for a device; `resident` copies all of it to the device at once.
    pub fn new(split: &'d Split, scaler: &'d Scaler, device: &Device, resident: bool) -> Self {
        let pixels = split.pixels();
        let mut feed = Self { split, pixels, device: device.clone(), rows: Rows::Host(scaler) };
        if resident {
            let everything: Vec<u32> = (0..split.len() as u32).collect();
            let (images, labels) = feed.gather_on_host(scaler, &everything);
            feed.rows = Rows::Resident(images, labels);
        }
        feed
    }

    /// Number of rows.
    pub fn len(&self) -> usize {
        self.split.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.split.is_empty()
    }

    /// The class of a row.
    pub fn label(&self, row: usize) -> u8 {
        self.split.labels()[row]
    }

    /// Where the batches are.
    pub fn device(&self) -> &Device {
        &self.device
    }

    /// Images [batch, pixels] and labels [batch] of the given rows.
    pub fn batch(&self, rows: &[u32]) -> (Tensor<2>, Tensor<1, Int>) {
        match &self.rows {
            Rows::Host(scaler) => self.gather_on_host(scaler, rows),
            Rows::Resident(images, labels) => {
                let rows: Vec<i32> = rows.iter().map(|&row| row as i32).collect();
                let count = rows.len();
                let rows =
                    Tensor::<1, Int>::from_data(TensorData::new(rows, [count]), &self.device);
                (images.clone().select(0, rows.clone()), labels.clone().select(0, rows))
            }
        }
    }

    fn gather_on_host(&self, scaler: &Scaler, rows: &[u32]) -> (Tensor<2>, Tensor<1, Int>) {
        let mut images = Vec::with_capacity(rows.len() * self.pixels);
        let mut labels = Vec::with_capacity(rows.len());
        for &row in rows {
            scaler.scale_into(self.split.image(row as usize), &mut images);
            labels.push(i32::from(self.split.labels()[row as usize]));
        }
        let images = TensorData::new(images, [rows.len(), self.pixels]);
        let labels = TensorData::new(labels, [rows.len()]);
        (Tensor::from_data(images, &self.device), Tensor::from_data(labels, &self.device))
    }
}
