//! Weights outside a network: by Keras' variable paths, in safetensors files.

use anyhow::{Context, Result};
use burn::module::{Module as _, ModuleVisitor, Param};
use burn::optim::GradientsParams;
use burn::tensor::{Device, Tensor, TensorData};
use safetensors::tensor::{Dtype, TensorView};

use super::layers::Network;
use super::shape::{Placed, Variable};

/// Values of all variables of a network, in Keras' order.
#[derive(Debug, Clone, PartialEq)]
pub struct Weights(Vec<(Variable, Vec<f32>)>);

impl Weights {
    /// Reads a network's values back from its device.
    pub fn of(network: &Network, placed: &[Placed]) -> Self {
        let variables = placed.iter().flat_map(|layer| layer.variables.iter().cloned());
        let values = network.tensors().into_iter().map(numbers);
        Self(variables.zip(values).collect())
    }

    /// Reads the gradients of a network's trainable variables back from its device.
    pub fn of_gradients(network: &Network, placed: &[Placed], gradients: &GradientsParams) -> Self {
        let mut reader = GradientReader { gradients, values: Vec::new() };
        // burn visits parameters in the order of Keras' variables.
        network.visit(&mut reader);
        let variables = placed.iter().flat_map(|layer| layer.variables.iter().cloned());
        Self(variables.filter(|variable| variable.trainable).zip(reader.values).collect())
    }

    /// One variable's values, rows of kernels one after the other.
    pub fn get(&self, path: &str) -> Option<&[f32]> {
        self.0.iter().find(|(variable, _)| variable.path == path).map(|(_, values)| &values[..])
    }

    /// Replaces one variable's values.
    ///
    /// # Errors
    /// When there is no such variable or its size is another.
    pub fn set(&mut self, path: &str, values: Vec<f32>) -> Result<()> {
        let (variable, old) = self
            .0
            .iter_mut()
            .find(|(variable, _)| variable.path == path)
            .with_context(|| format!("the network has no variable `{path}`"))?;
        anyhow::ensure!(
            values.len() == old.len(),
            "`{path}` has shape {:?}: {} numbers do not fit",
            variable.shape,
            values.len()
        );
        *old = values;
        Ok(())
    }

    /// Puts the values into a network of the same stack.
    pub fn apply(&self, network: Network, device: &Device) -> Network {
        let values = self
            .0
            .iter()
            .map(|(variable, values)| TensorData::new(values.clone(), variable.shape.clone()))
            .collect();
        network.with_tensors(values, device)
    }

    /// The content of a safetensors file: 32-bit little-endian numbers under Keras' paths.
    ///
    /// # Errors
    /// Only for shapes that overflow.
    pub fn to_safetensors(&self) -> Result<Vec<u8>> {
        let bytes: Vec<Vec<u8>> = self
            .0
            .iter()
            .map(|(_, values)| values.iter().flat_map(|value| value.to_le_bytes()).collect())
            .collect();
        let views = self
            .0
            .iter()
            .zip(&bytes)
            .map(|((variable, _), bytes)| {
                let view = TensorView::new(Dtype::F32, variable.shape.clone(), bytes)?;
                Ok((variable.path.as_str(), view))
            })
            .collect::<Result<Vec<_>>>()?;
        safetensors::serialize(views, None).context("weights do not fit a safetensors file")
    }
}

struct GradientReader<'a> {
    gradients: &'a GradientsParams,
    values: Vec<Vec<f32>>,
}

impl ModuleVisitor for GradientReader<'_> {
    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        if let Some(gradient) = self.gradients.get::<D>(param.id) {
            self.values.push(numbers(gradient.into_data()));
        }
    }
}

fn numbers(data: TensorData) -> Vec<f32> {
    data.convert::<f32>().try_into_vec().expect("converted to 32-bit numbers")
}
