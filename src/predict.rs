//! A trained network at work: probabilities for images, and the time they take.

use std::hint::black_box;
use std::time::{Duration, Instant};

use burn::tensor::Tensor;

use crate::backend::Opened;
use crate::data::{Feed, Scaler, Split};
use crate::model::{Network, Pass, Placed, Weights};
use crate::spec::ModelSpec;

/// Images per forward pass. Numbers do not depend on it beyond rounding.
const BATCH: usize = 500;

/// A network with its weights on a device.
#[derive(Debug)]
pub struct Predictor<'b> {
    network: Network,
    backend: &'b Opened,
}

/// The probabilities of the classes for a number of images.
#[derive(Debug, Clone, PartialEq)]
pub struct Predictions {
    classes: usize,
    /// [images, classes]
    probabilities: Vec<f32>,
}

impl<'b> Predictor<'b> {
    /// Puts weights into the network of a placed stack.
    pub fn new(
        model: &ModelSpec,
        placed: &[Placed],
        weights: &Weights,
        backend: &'b Opened,
    ) -> Self {
        // The weights drawn for the seed are all replaced.
        let network = Network::build(model, placed, 0, &backend.device);
        Self { network: weights.apply(network, &backend.device), backend }
    }

    /// What the network makes of all images of a split.
    pub fn predict(&self, images: &Split, scaler: &Scaler) -> Predictions {
        let feed = Feed::new(images, scaler, &self.backend.device, false);
        let rows: Vec<u32> = (0..feed.len() as u32).collect();
        let mut classes = 0;
        let mut probabilities = Vec::new();
        for rows in rows.chunks(BATCH) {
            let (images, _) = feed.batch(rows);
            // [batch, classes]
            let answer = self.network.probabilities(images, Pass::Inference);
            classes = answer.dims()[1];
            probabilities.extend(read(answer));
        }
        Predictions { classes, probabilities }
    }

    /// The time of one forward pass, until its result is back on the host.
    fn time(&self, images: &Tensor<2>) -> Duration {
        let start = Instant::now();
        black_box(read(self.network.probabilities(images.clone(), Pass::Inference)));
        start.elapsed()
    }
}

impl Predictions {
    /// How many images there are.
    pub fn len(&self) -> usize {
        self.rows().len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.probabilities.is_empty()
    }

    /// The probabilities of each image.
    pub fn rows(&self) -> impl ExactSizeIterator<Item = &[f32]> {
        self.probabilities.chunks_exact(self.classes.max(1))
    }

    /// The most probable class of each image, the first where several tie.
    pub fn classes(&self) -> impl Iterator<Item = usize> {
        self.rows().map(|row| {
            let better =
                |best: usize, class: usize| if row[class] > row[best] { class } else { best };
            (0..row.len()).fold(0, better)
        })
    }

    /// How many images are of the class they are taken for.
    pub fn right(&self, labels: &[u8]) -> usize {
        self.classes().zip(labels).filter(|(class, label)| *class == usize::from(**label)).count()
    }

    /// The largest difference of any probability from another network's.
    pub fn largest_difference(&self, other: &Self) -> f32 {
        let pairs = self.probabilities.iter().zip(&other.probabilities);
        pairs.map(|(a, b)| (a - b).abs()).fold(0.0, f32::max)
    }

    /// How many images another network takes for another class.
    pub fn changed(&self, other: &Self) -> usize {
        self.classes().zip(other.classes()).filter(|(a, b)| a != b).count()
    }
}

/// The median times of two networks for one batch of `size` images, over `pairs` turns of each.
///
/// They take turns, and take turns at being first, so that a machine that is slower for a while is
/// slower for both.
pub fn compare_times(
    networks: [&Predictor<'_>; 2],
    images: &Split,
    scaler: &Scaler,
    size: usize,
    pairs: usize,
) -> [Duration; 2] {
    let batches = networks.map(|network| {
        let feed = Feed::new(images, scaler, &network.backend.device, false);
        let rows: Vec<u32> = (0..size).map(|i| (i % feed.len()) as u32).collect();
        feed.batch(&rows).0
    });
    let mut times = [Vec::new(), Vec::new()];
    // The first tenth warms up caches, and on a GPU compiles kernels.
    let warm_up = pairs.div_ceil(10);
    for pair in 0..warm_up + pairs {
        for turn in 0..2 {
            let which = (pair + turn) % 2;
            let time = networks[which].time(&batches[which]);
            if pair >= warm_up {
                times[which].push(time);
            }
        }
    }
    times.map(|mut times| {
        times.sort_unstable();
        times[times.len() / 2]
    })
}

fn read(tensor: Tensor<2>) -> Vec<f32> {
    tensor.into_data().convert::<f32>().try_into_vec().expect("converted to 32-bit numbers")
}
