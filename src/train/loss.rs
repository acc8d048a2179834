//! What training makes small, as built.

use burn::nn::loss::{CrossEntropyLoss, CrossEntropyLossConfig};
use burn::tensor::Device;

use crate::spec::Loss;

/// The mean over a batch, from scores before the final softmax and class numbers.
pub fn build(loss: &Loss, device: &Device) -> CrossEntropyLoss {
    match loss {
        Loss::SparseCategoricalCrossentropy(keys) => {
            let smoothing = keys.label_smoothing as f32;
            // burn has a shorter way for labels that are not smoothed.
            let smoothing = (smoothing > 0.0).then_some(smoothing);
            CrossEntropyLossConfig::new().with_smoothing(smoothing).init(device)
        }
    }
}
