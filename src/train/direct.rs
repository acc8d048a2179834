//! Steps of training without a graph, for networks and optimizers that allow it.

use burn::tensor::Device;

use crate::backend::has_fused_kernels;
use crate::data::Feed;
use crate::kernels::stack::{Stack, Step};
use crate::model::{Network, Placed};
use crate::optim;
use crate::spec::{self, TrainingSpec};

/// A network's values while they are trained so.
#[derive(Debug)]
pub struct Direct {
    stack: Stack,
    smoothing: f32,
    /// [batch, pixels]
    images: Vec<f32>,
    /// [batch]
    labels: Vec<u8>,
}

impl Direct {
    /// `None` where steps need burn's graph.
    pub fn of(network: &Network, spec: &TrainingSpec, device: &Device) -> Option<Self> {
        if !has_fused_kernels(device) || !optim::is_plain_descent(&spec.optimizer) {
            return None;
        }
        let spec::Loss::SparseCategoricalCrossentropy(loss) = &spec.loss;
        let smoothing = loss.label_smoothing as f32;
        let stack = network.stack(smoothing)?;
        Some(Self { stack, smoothing, images: Vec::new(), labels: Vec::new() })
    }

    /// A step on some rows; the mean loss before it, and the scores [batch, classes].
    pub fn step(&mut self, feed: &Feed<'_>, epoch: u32, rows: &[u32], rate: f64) -> (f32, &[f32]) {
        feed.images_of_epoch(epoch, rows, &mut self.images);
        self.labels.clear();
        self.labels.extend(rows.iter().map(|&row| feed.label(row as usize)));
        let step = Step::Descent { rate: rate as f32 };
        let loss = self.stack.step(&self.images, &self.labels, step);
        (loss, self.stack.logits())
    }

    /// The network as the steps have made it.
    pub fn network(&self, network: Network, placed: &[Placed], device: &Device) -> Network {
        network.with_stack(&self.stack, placed, device)
    }

    /// Goes on from a network that was changed in another way.
    pub fn go_on_from(&mut self, network: &Network) {
        self.stack = network.stack(self.smoothing).expect("its layers are still the same");
    }
}
