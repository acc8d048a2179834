//! Loss and accuracy over an epoch, read back from the device once.

use burn::tensor::Tensor;

use crate::record::TopK;

/// Means over rows.
#[derive(Debug, Clone, PartialEq)]
pub struct Score {
    /// Mean loss.
    pub loss: f64,
    /// Share of rows whose highest score is their own class's.
    pub accuracy: f64,
    /// For each k asked for, the share of rows whose class is among the k with the highest scores.
    pub top_k: Vec<f64>,
}

/// Collects each step's loss and scores on the device. Reading them back step by step would make
/// a GPU wait for the host at every step.
pub struct Meter {
    rows: usize,
    /// Rows of each step, its loss, and the scores of all rows.
    sizes: Vec<usize>,
    losses: Vec<f32>,
    logits: Vec<f32>,
    /// The latest steps, as far as they are still on the device.
    on_device: Vec<(Tensor<1>, Tensor<2>)>,
}

/// What a meter has read.
pub struct Reading {
    /// The means over all rows, each row counting once (the last batch may be smaller).
    pub score: Score,
    /// The first step (from 0) whose loss is no finite number, with that loss.
    pub first_bad: Option<(usize, f32)>,
    /// The scores of all rows.
    pub scores: Scores,
}

/// Scores of a number of rows before the final softmax, on the host.
#[derive(Debug, Clone, PartialEq)]
pub struct Scores {
    classes: usize,
    /// [rows, classes]
    logits: Vec<f32>,
}

impl Score {
    /// The top-k accuracies of an epoch with this score of the training rows; `top_k` has each k, in
    /// the order of the scores.
    pub fn top_k_of_epoch(&self, top_k: &[usize], validation: Option<&Self>) -> Vec<TopK> {
        let one = |(i, &k): (usize, &usize)| TopK {
            k,
            accuracy: self.top_k[i],
            val_accuracy: validation.map(|score| score.top_k[i]),
        };
        top_k.iter().enumerate().map(one).collect()
    }
}

impl Meter {
    /// A meter for so many rows.
    pub fn new(rows: usize) -> Self {
        let [losses, logits] = [Vec::new(), Vec::new()];
        Self { rows, sizes: Vec::new(), losses, logits, on_device: Vec::new() }
    }

    /// Adds a step: its mean loss [1] and its scores [batch, classes].
    pub fn add(&mut self, loss: Tensor<1>, logits: Tensor<2>) {
        self.on_device.push((loss, logits));
    }

    /// As [`add`](Self::add), of numbers on the host.
    pub fn add_numbers(&mut self, loss: f32, logits: &[f32], rows: usize) {
        self.read_back();
        self.sizes.push(rows);
        self.losses.push(loss);
        self.logits.extend_from_slice(logits);
    }

    fn read_back(&mut self) {
        if self.on_device.is_empty() {
            return;
        }
        let (losses, logits): (Vec<_>, Vec<_>) = self.on_device.drain(..).unzip();
        self.sizes.extend(logits.iter().map(|logits| logits.dims()[0]));
        self.losses.extend(to_vec(Tensor::cat(losses, 0)));
        self.logits.extend(to_vec(Tensor::cat(logits, 0)));
    }

    /// Reads back what was added. `label` gives the class of the i-th row added, `top_k` each k
    /// whose accuracy is asked for.
    pub fn read(mut self, label: impl Fn(usize) -> u8, top_k: &[usize]) -> Reading {
        self.read_back();
        let Self { rows, sizes, losses, logits, .. } = self;
        let first_bad = losses.iter().copied().enumerate().find(|(_, loss)| !loss.is_finite());
        let total: f64 =
            losses.iter().zip(&sizes).map(|(&loss, &size)| f64::from(loss) * size as f64).sum();

        assert_eq!(rows, sizes.iter().sum::<usize>(), "every row was added once");
        let scores = Scores { classes: logits.len() / rows, logits };
        let share = |is_right: &dyn Fn(&[f32], usize) -> bool| {
            let rows = scores.rows().enumerate();
            let right = rows.filter(|(i, row)| is_right(row, usize::from(label(*i)))).count();
            right as f64 / scores.rows().len() as f64
        };
        let score = Score {
            loss: total / rows as f64,
            accuracy: share(&|row, label| argmax(row) == label),
            top_k: top_k.iter().map(|&k| share(&|row, label| is_in_top(row, label, k))).collect(),
        };
        Reading { score, first_bad, scores }
    }
}

impl Scores {
    fn rows(&self) -> impl ExactSizeIterator<Item = &[f32]> {
        self.logits.chunks_exact(self.classes)
    }

    /// The class that each row is taken for, the first where several tie, and its probability.
    pub fn answers(&self) -> impl Iterator<Item = (usize, f32)> {
        self.rows().map(|row| {
            let class = argmax(row);
            let sum: f64 = row.iter().map(|score| f64::from(score - row[class]).exp()).sum();
            (class, (1.0 / sum) as f32)
        })
    }
}

/// The index of the largest score, the first where several tie.
fn argmax(scores: &[f32]) -> usize {
    let mut best = 0;
    for (i, score) in scores.iter().enumerate() {
        if *score > scores[best] {
            best = i;
        }
    }
    best
}

/// Whether fewer than k classes are more probable than the row's own, as Keras'
/// `SparseTopKCategoricalAccuracy` counts (TensorFlow's `in_top_k`): classes that tie with it stand
/// in nobody's way, and where a probability is no number nothing is right.
fn is_in_top(scores: &[f32], label: usize, k: usize) -> bool {
    let highest = scores.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    if !highest.is_finite() || scores.iter().any(|score| score.is_nan()) {
        return false;
    }
    if scores.iter().filter(|score| **score > scores[label]).count() < k {
        return true;
    }
    // Scores that differ may be probabilities that tie, as all do that are too small for 32 bits.
    let weight = |score: f32| (score - highest).exp();
    let sum: f32 = scores.iter().map(|score| weight(*score)).sum();
    let probability = |score: f32| weight(score) / sum;
    let own = probability(scores[label]);
    scores.iter().filter(|score| probability(**score) > own).count() < k
}

fn to_vec<const D: usize>(tensor: Tensor<D>) -> Vec<f32> {
    tensor.into_data().convert::<f32>().try_into_vec().expect("converted to 32-bit numbers")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::backend::open;
    use crate::spec::BackendName;

    #[test]
    fn ties_stand_in_nobodys_way_to_the_top() {
        let scores = [3.0, 1.0, 2.0, 1.0, 0.0];
        let places = |label: usize| (1..=5).find(|&k| is_in_top(&scores, label, k));
        // Two share the third place, and nobody is fourth.
        let expected = [Some(1), Some(3), Some(2), Some(3), Some(5)];
        assert_eq!([0, 1, 2, 3, 4].map(places), expected);
        // e⁻²⁰⁰ and e⁻³⁰⁰ are both 0 in 32 bits, and so not one more probable than the other.
        assert!(is_in_top(&[0.0, -200.0, -300.0], 2, 2));
        assert!(!is_in_top(&[0.0, -20.0, -30.0], 2, 2));
        assert!(!is_in_top(&[0.0, f32::NAN, 1.0], 2, 3));
        assert!(!is_in_top(&[0.0, f32::INFINITY, 1.0], 1, 3));
    }

    #[test]
    fn every_row_counts_once_however_batches_fall() {
        let device = open(BackendName::Flex).unwrap().device;
        let tensor = |rows: [[f32; 3]; 2]| Tensor::<2>::from_data(rows, &device);
        let mut meter = Meter::new(3);
        meter
            .add(Tensor::from_data([0.5_f32], &device), tensor([[2.0, 1.0, 0.0], [0.0, 2.0, 1.0]]));
        meter.add(
            Tensor::from_data([2.0_f32], &device),
            Tensor::from_data([[0.0_f32, 1.0, 2.0]], &device),
        );
        let labels = [0, 2, 0];
        let Reading { score, first_bad, scores } = meter.read(|i| labels[i], &[1, 2, 3]);
        let third = 1.0 / 3.0;
        let top_k = vec![third, 2.0 * third, 1.0];
        assert_eq!(score, Score { loss: 1.0, accuracy: third, top_k });
        assert_eq!(first_bad, None);
        let answers: Vec<(usize, f32)> = scores.answers().collect();
        // 1 / (1 + e⁻¹ + e⁻²)
        assert_eq!(answers, [(0, 0.665_240_94), (1, 0.665_240_94), (2, 0.665_240_94)]);
    }
}
