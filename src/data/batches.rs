//! Batches on a device: rows are gathered from bytes, or from a copy that the device keeps.

use burn::tensor::{Device, Int, Tensor, TensorData};
use multiversion::multiversion;

use super::augment::Augmenter;
use super::{Dataset, Split, Standardization, standardization};
use crate::kernels::prefetch;
use crate::spec::{Augment, Scaling};

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
            Self::Unit => divide(image, out),
            Self::Standardize(Standardization { mean, std }) => standardize(image, mean, std, out),
            Self::None => out.extend(image.iter().map(|&byte| f32::from(byte))),
        }
    }
}

#[multiversion(targets("x86_64+avx512f+avx512vl", "x86_64+avx2"))]
fn divide(image: &[u8], out: &mut Vec<f32>) {
    out.extend(image.iter().map(|&byte| f32::from(byte) / 255.0));
}

#[multiversion(targets("x86_64+avx512f+avx512vl", "x86_64+avx2"))]
fn standardize(image: &[u8], mean: &[f32], deviation: &[f32], out: &mut Vec<f32>) {
    let statistics = mean.iter().zip(deviation);
    out.extend(
        image
            .iter()
            .zip(statistics)
            .map(|(&byte, (mean, deviation))| (f32::from(byte) - mean) / deviation),
    );
}

/// The rows of a split, ready to be gathered into batches on one device.
#[derive(Debug)]
pub struct Feed<'d> {
    split: &'d Split,
    pixels: usize,
    device: Device,
    rows: Rows<'d>,
    augment: Option<Augmentation>,
}

/// How images are changed on their way into batches.
#[derive(Debug, Clone, Copy)]
struct Augmentation {
    spec: Augment,
    seed: u64,
    /// Pixels of an image's row.
    width: usize,
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
        let (device, rows) = (device.clone(), Rows::Host(scaler));
        let mut feed = Self { split, pixels, device, rows, augment: None };
        if resident {
            let everything: Vec<u32> = (0..split.len() as u32).collect();
            let (images, labels) = feed.gather_on_host(scaler, &everything, None);
            feed.rows = Rows::Resident(images, labels);
        }
        feed
    }

    /// Prepares the training rows. Where they are changed in each epoch, nothing is `resident`:
    /// they are changed on the host, so that all backends see the same.
    pub fn training(
        dataset: &'d Dataset,
        scaler: &'d Scaler,
        device: &Device,
        resident: bool,
        augment: Option<Augment>,
        seed: u64,
    ) -> Self {
        let feed = Self::new(&dataset.train, scaler, device, resident && augment.is_none());
        let width = dataset.width;
        Self { augment: augment.map(|spec| Augmentation { spec, seed, width }), ..feed }
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
        self.gather(rows, None)
    }

    /// As [`batch`](Self::batch), with images as an epoch changes them.
    pub fn batch_of_epoch(&self, epoch: u32, rows: &[u32]) -> (Tensor<2>, Tensor<1, Int>) {
        self.gather(rows, self.augmenter(epoch))
    }

    /// The images of [`batch_of_epoch`](Self::batch_of_epoch), [batch, pixels], in the place of what is
    /// in `images`.
    ///
    /// # Panics
    /// When the rows are in a device's own memory.
    pub fn images_of_epoch(&self, epoch: u32, rows: &[u32], images: &mut Vec<f32>) {
        let Rows::Host(scaler) = &self.rows else { unreachable!("the rows are the device's") };
        images.clear();
        self.gather_into(scaler, rows, self.augmenter(epoch), images);
    }

    fn augmenter(&self, epoch: u32) -> Option<Augmenter> {
        let of = |Augmentation { spec, seed, width }| Augmenter::new(spec, seed, epoch, width);
        self.augment.map(of)
    }

    fn gather(&self, rows: &[u32], augmenter: Option<Augmenter>) -> (Tensor<2>, Tensor<1, Int>) {
        match &self.rows {
            Rows::Host(scaler) => self.gather_on_host(scaler, rows, augmenter),
            Rows::Resident(images, labels) => {
                let rows: Vec<i32> = rows.iter().map(|&row| row as i32).collect();
                let count = rows.len();
                let rows =
                    Tensor::<1, Int>::from_data(TensorData::new(rows, [count]), &self.device);
                (images.clone().select(0, rows.clone()), labels.clone().select(0, rows))
            }
        }
    }

    fn gather_on_host(
        &self,
        scaler: &Scaler,
        rows: &[u32],
        augmenter: Option<Augmenter>,
    ) -> (Tensor<2>, Tensor<1, Int>) {
        let mut images = Vec::with_capacity(rows.len() * self.pixels);
        self.gather_into(scaler, rows, augmenter, &mut images);
        let labels = rows.iter().map(|&row| i32::from(self.label(row as usize))).collect();
        let images = TensorData::new(images, [rows.len(), self.pixels]);
        let labels = TensorData::new::<i32, _>(labels, [rows.len()]);
        (Tensor::from_data(images, &self.device), Tensor::from_data(labels, &self.device))
    }

    /// Appends the numbers of some images.
    fn gather_into(
        &self,
        scaler: &Scaler,
        rows: &[u32],
        mut augmenter: Option<Augmenter>,
        images: &mut Vec<f32>,
    ) {
        for (place, &row) in rows.iter().enumerate() {
            if let Some(&next) = rows.get(place + 1) {
                prefetch(self.split.image(next as usize));
            }
            let image = match &mut augmenter {
                Some(augmenter) => augmenter.image(self.split, row),
                None => self.split.image(row as usize),
            };
            scaler.scale_into(image, images);
        }
    }
}
