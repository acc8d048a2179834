//! What training makes small, as built.

use burn::nn::loss::{CrossEntropyLoss, CrossEntropyLossConfig};
use burn::tensor::{Device, Int, Tensor};

use crate::backend;
use crate::kernels::cross_entropy::cross_entropy;
use crate::spec;

/// A loss that is ready to be computed.
#[derive(Debug)]
pub enum Loss {
    /// Cross-entropy in one operation, with label smoothing.
    FusedCrossEntropy(f32),
    /// Cross-entropy as burn has it.
    CrossEntropy(Box<CrossEntropyLoss>),
}

impl Loss {
    /// What a file asks for, on a device.
    pub fn build(spec: &spec::Loss, device: &Device) -> Self {
        let spec::Loss::SparseCategoricalCrossentropy(keys) = spec;
        let smoothing = keys.label_smoothing as f32;
        if backend::has_fused_kernels(device) {
            return Self::FusedCrossEntropy(smoothing);
        }
        // burn has a shorter way for labels that are not smoothed.
        let smoothing = (smoothing > 0.0).then_some(smoothing);
        let burns = CrossEntropyLossConfig::new().with_smoothing(smoothing).init(device);
        Self::CrossEntropy(Box::new(burns))
    }

    /// The mean over a batch [1], from scores before the final softmax [batch, classes] and class
    /// numbers [batch].
    pub fn forward(&self, logits: Tensor<2>, labels: Tensor<1, Int>) -> Tensor<1> {
        match self {
            Self::FusedCrossEntropy(smoothing) => cross_entropy(logits, labels, *smoothing),
            Self::CrossEntropy(loss) => loss.forward(logits, labels),
        }
    }
}
