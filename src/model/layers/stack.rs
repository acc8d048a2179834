//! Networks of dense layers and what stands between them, for the kernel that takes whole steps.

use burn::module::{Param, RunningState};
use burn::tensor::{Device, Tensor, TensorData};

use super::activation::fused;
use super::noise::Dropout;
use super::{Block, Network};
use crate::kernels::activation::Function;
use crate::kernels::stack::{Layer, Parameter, Stack};
use crate::model::shape::Placed;
use crate::model::weights::numbers;
use crate::spec::Activation;

impl Network {
    /// The network's layers for whole steps of training by cross-entropy with this label smoothing;
    /// `None` where it has others than the kernel knows, is on another device, or is not all trained.
    pub fn stack(&self, smoothing: f32) -> Option<Stack> {
        let is_plain = self.image.is_none() && Stack::available();
        let mut layers = Vec::new();
        let (last, others) = self.layers.split_last().filter(|_| is_plain)?;
        let joined = Self::joined(others).map(|(place, ..)| place + 1);
        for (place, block) in others.iter().enumerate() {
            match block {
                Block::Flatten(_) => {}
                Block::Dense(dense) => layers.extend(dense.layers(joined == Some(place))?),
                Block::BatchNormalization(norm) => layers.push(norm.layer()?),
                Block::Activation(block) if block.activation == Activation::Linear => {}
                Block::Activation(block) => {
                    let function = fused(block.activation)?;
                    if let (Function::Relu, Some(Layer::BatchNormalization { relu, .. })) =
                        (function, layers.last_mut())
                    {
                        *relu = true;
                    } else {
                        layers.push(Layer::Activation(function));
                    }
                }
                Block::Dropout(dropout) if dropout.rate == 0.0 => {}
                Block::Dropout(Dropout { rate, ordinal }) => {
                    layers.push(Layer::Dropout { rate: *rate as f32, ordinal: *ordinal });
                }
                Block::Conv2d(_)
                | Block::Pooling2d(_)
                | Block::GlobalAveragePooling2d(_)
                | Block::LayerNormalization(_)
                | Block::Prelu(_)
                | Block::AlphaDropout(_)
                | Block::GaussianNoise(_) => return None,
            }
        }
        // `place` lets nothing but a dense layer or softmax stand last, and softmax is the loss's.
        if let Block::Dense(dense) = last {
            layers.push(dense.scores_layer(false)?);
        }
        if layers.is_empty() {
            return None;
        }
        Some(Stack::new(layers, smoothing))
    }

    /// The network with the values of its stack after some steps.
    #[must_use]
    pub fn with_stack(self, stack: &Stack, placed: &[Placed], device: &Device) -> Self {
        let variables = placed.iter().flat_map(|layer| &layer.variables);
        let values = stack.values().into_iter().zip(variables);
        let data = values.map(|(values, variable)| TensorData::new(values, variable.shape.clone()));
        self.with_tensors(data.collect(), device)
    }
}

/// A parameter's values on the host.
pub(super) fn parameter<const D: usize>(param: &Param<Tensor<D>>, is_trained: bool) -> Parameter {
    Parameter::new(numbers(param.val().into_data()), is_trained)
}

/// Moving statistics on the host.
pub(super) fn moving(state: &RunningState<Tensor<1>>) -> Vec<f32> {
    numbers(state.value_sync().into_data())
}
