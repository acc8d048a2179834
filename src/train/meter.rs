//! Loss and accuracy over an epoch, read back from the device once.

use burn::tensor::Tensor;

/// Means over rows.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Score {
    /// Mean loss.
    pub loss: f64,
    /// Share of rows whose highest score is their own class's.
    pub accuracy: f64,
}

/// Collects each step's loss and scores on the device. Reading them back step by step would make
/// a GPU wait for the host at every step.
pub struct Meter {
    rows: usize,
    losses: Vec<Tensor<1>>,
    logits: Vec<Tensor<2>>,
}

impl Meter {
    /// A meter for so many rows.
    pub fn new(rows: usize) -> Self {
        Self { rows, losses: Vec::new(), logits: Vec::new() }
    }

    /// Adds a step: its mean loss [1] and its scores [batch, classes].
    pub fn add(&mut self, loss: Tensor<1>, logits: Tensor<2>) {
        self.losses.push(loss);
        self.logits.push(logits);
    }

    /// The means over all rows, each row counting once (the last batch may be smaller), and the
    /// first step (from 0) whose loss is no finite number, with that loss. `label` gives the class
    /// of the i-th row added.
    pub fn read(self, label: impl Fn(usize) -> u8) -> (Score, Option<(usize, f32)>) {
        let sizes: Vec<usize> = self.logits.iter().map(|logits| logits.dims()[0]).collect();
        let losses = to_vec(Tensor::cat(self.losses, 0));
        let first_bad = losses.iter().copied().enumerate().find(|(_, loss)| !loss.is_finite());
        let total: f64 =
            losses.iter().zip(&sizes).map(|(&loss, &size)| f64::from(loss) * size as f64).sum();

        let logits = Tensor::cat(self.logits, 0);
        let [rows, classes] = logits.dims();
        assert_eq!(rows, self.rows, "every row was added once");
        let right = to_vec(logits)
            .chunks_exact(classes)
            .enumerate()
            .filter(|(i, scores)| argmax(scores) == usize::from(label(*i)))
            .count();
        let score = Score { loss: total / rows as f64, accuracy: right as f64 / rows as f64 };
        (score, first_bad)
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

fn to_vec<const D: usize>(tensor: Tensor<D>) -> Vec<f32> {
    tensor.into_data().convert::<f32>().try_into_vec().expect("converted to 32-bit numbers")
}
