//! Weights outside a network: by Keras' variable paths, in safetensors files.

use std::collections::{HashMap, HashSet};
use std::path::Path;

use anyhow::{Context, Result};
use burn::module::{Module as _, ModuleVisitor, Param};
use burn::optim::GradientsParams;
use burn::tensor::{Device, Tensor, TensorData};
use safetensors::tensor::{Dtype, SafeTensors, TensorView};
use sha2::{Digest, Sha256};

use super::layers::Network;
use super::shape::{Placed, Variable};

/// Values of all variables of a network, in Keras' order.
#[derive(Debug, Clone, PartialEq)]
pub struct Weights(Vec<(Variable, Vec<f32>)>);

impl Weights {
    /// Takes the values of a placed stack's variables from wherever they are.
    ///
    /// # Errors
    /// When there is none for a variable, or one of another size.
    pub fn collect(
        placed: &[Placed],
        mut values: impl FnMut(&Variable) -> Option<Vec<f32>>,
    ) -> Result<Self> {
        let variables = placed.iter().flat_map(|layer| &layer.variables);
        let pair = |variable: &Variable| {
            let found = values(variable)
                .filter(|found| found.len() == variable.size())
                .with_context(|| format!("`{}` has no values of its size", variable.path))?;
            Ok((variable.clone(), found))
        };
        variables.map(pair).collect::<Result<_>>().map(Self)
    }

    /// Reads the content of a safetensors file, which must hold the variables of a placed stack
    /// and nothing else.
    ///
    /// # Errors
    /// Every tensor that is missing, unexpected, of another shape or not of 32-bit floats; otherwise
    /// every tensor with values that no trained network has.
    pub fn from_safetensors(content: &[u8], placed: &[Placed]) -> Result<Self, Unfit> {
        let file = SafeTensors::deserialize(content)
            .map_err(|error| Unfit::NotSafetensors(error.to_string()))?;
        let mut unfit = Vec::new();
        let mut known = HashSet::new();
        let mut list = Vec::new();
        for variable in placed.iter().flat_map(|layer| &layer.variables) {
            let path = &*variable.path;
            known.insert(path);
            match file.tensor(path) {
                Err(_) => {
                    unfit.push(format!(
                        "missing tensor `{path}`: the network has it with shape {}",
                        shape_text(&variable.shape)
                    ));
                }
                Ok(view) if view.shape() != variable.shape => unfit.push(format!(
                    "`{path}` has shape {}: the network has it with shape {}",
                    shape_text(view.shape()),
                    shape_text(&variable.shape)
                )),
                Ok(view) if view.dtype() != Dtype::F32 => unfit.push(format!(
                    "`{path}` is of type {}: 32-bit floats (F32) are needed",
                    view.dtype()
                )),
                Ok(view) => list.push((variable.clone(), numbers_of(&view))),
            }
        }
        let mut names = file.names();
        names.sort_unstable();
        for name in names.into_iter().filter(|name| !known.contains(name)) {
            unfit.push(format!("unexpected tensor `{name}`: the network has no such variable"));
        }
        if !unfit.is_empty() {
            return Err(Unfit::OtherNetwork(unfit));
        }
        let damaged: Vec<String> =
            list.iter().filter_map(|(variable, values)| damage(variable, values)).collect();
        if damaged.is_empty() { Ok(Self(list)) } else { Err(Unfit::Damaged(damaged)) }
    }

    /// Reads a safetensors file; see [`Weights::from_safetensors`].
    ///
    /// # Errors
    /// As there, and when the file cannot be read.
    pub fn read(path: &Path, placed: &[Placed]) -> Result<Self, Unfit> {
        Self::from_safetensors(&read(path)?, placed)
    }

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

    /// All variables with their values.
    pub fn iter(&self) -> impl Iterator<Item = (&Variable, &[f32])> {
        self.0.iter().map(|(variable, values)| (variable, &values[..]))
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
        let tensors: Vec<NamedTensor<'_>> = self
            .iter()
            .map(|(variable, values)| NamedTensor {
                name: variable.path.clone(),
                shape: &variable.shape,
                values,
            })
            .collect();
        safetensors_file(&tensors, None)
    }
}

/// A tensor on its way into a file.
#[derive(Debug)]
pub struct NamedTensor<'a> {
    /// Its name there.
    pub name: String,
    /// Its shape.
    pub shape: &'a [usize],
    /// Its values, row by row.
    pub values: &'a [f32],
}

/// The content of a safetensors file: 32-bit little-endian numbers, and texts beside them.
///
/// # Errors
/// Only for shapes that overflow.
pub fn safetensors_file(
    tensors: &[NamedTensor<'_>],
    texts: Option<HashMap<String, String>>,
) -> Result<Vec<u8>> {
    let bytes: Vec<Vec<u8>> = tensors
        .iter()
        .map(|tensor| tensor.values.iter().flat_map(|value| value.to_le_bytes()).collect())
        .collect();
    let views = tensors
        .iter()
        .zip(&bytes)
        .map(|(tensor, bytes)| {
            let view = TensorView::new(Dtype::F32, tensor.shape.to_vec(), bytes)?;
            Ok((tensor.name.as_str(), view))
        })
        .collect::<Result<Vec<_>>>()?;
    safetensors::serialize(views, texts).context("weights do not fit a safetensors file")
}

/// The values of a tensor of 32-bit floats, row by row.
pub fn numbers_of(view: &TensorView<'_>) -> Vec<f32> {
    view.data().as_chunks().0.iter().map(|bytes| f32::from_le_bytes(*bytes)).collect()
}

/// The weights a network begins with in place of drawn ones.
#[derive(Debug, Clone, PartialEq)]
pub struct InitialWeights {
    /// The values.
    pub weights: Weights,
    /// SHA-256 of the file they are from.
    pub checksum: String,
}

impl InitialWeights {
    /// Reads a safetensors file for a placed stack.
    ///
    /// # Errors
    /// As [`Weights::read`].
    pub fn read(path: &Path, placed: &[Placed]) -> Result<Self, Unfit> {
        let content = read(path)?;
        let digest = Sha256::digest(&content);
        Ok(Self {
            weights: Weights::from_safetensors(&content, placed)?,
            checksum: digest.iter().map(|byte| format!("{byte:02x}")).collect(),
        })
    }
}

/// Why the weights in a file cannot be those of a network. Each message continues the file's name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Unfit {
    /// The file does not exist.
    #[error("does not exist")]
    Missing,
    /// The file cannot be read, for this reason.
    #[error("cannot be read: {0}")]
    Unreadable(String),
    /// The content has another format.
    #[error("is not a safetensors file: {0}")]
    NotSafetensors(String),
    /// The tensors are those of another network: a reason for each tensor.
    #[error("does not match this network:\n  {}", .0.join("\n  "))]
    OtherNetwork(Vec<String>),
    /// Some values are damaged: a reason for each tensor.
    #[error("is damaged or not from a trained network:\n  {}", .0.join("\n  "))]
    Damaged(Vec<String>),
}

impl Unfit {
    /// What to do about it.
    pub fn remedy(&self) -> &'static str {
        match self {
            Self::Missing => {
                "correct the path, or say with `--initial-weights FILE` where the file is now"
            }
            Self::Unreadable(_) => "give a file that can be read",
            Self::NotSafetensors(_) | Self::OtherNetwork(_) => {
                "give a file that holds this network's variables and no others; \
                 `bn-runner summary --variables` lists them"
            }
            Self::Damaged(_) => "copy the file again, or save the weights again",
        }
    }
}

/// What is wrong with the first value of a variable that no trained network has: NaN, an infinity,
/// or a moving variance below zero.
fn damage(variable: &Variable, values: &[f32]) -> Option<String> {
    let is_variance = variable.path.ends_with("/moving_variance");
    let is_bad = |value: &f32| !value.is_finite() || (is_variance && *value < 0.0);
    let at = values.iter().position(is_bad)?;
    let value = match values[at] {
        value if value.is_nan() => "NaN".to_owned(),
        value if value.is_infinite() => "an infinite value".to_owned(),
        value => format!("the negative value {value}"),
    };
    Some(format!("`{}` has {value} at index {}", variable.path, index_text(at, &variable.shape)))
}

/// The index of a value in a tensor: `3`, or `[2, 5]` in several dimensions.
fn index_text(at: usize, shape: &[usize]) -> String {
    let mut rest = at;
    let mut index: Vec<usize> = Vec::new();
    for size in shape.iter().rev() {
        index.push(rest % size);
        rest /= size;
    }
    index.reverse();
    if index.len() == 1 { at.to_string() } else { shape_text(&index) }
}

fn read(path: &Path) -> Result<Vec<u8>, Unfit> {
    // A pipe or a device would be read for ever.
    if path.metadata().is_ok_and(|found| !found.is_file()) {
        return Err(Unfit::Unreadable("not a file".to_owned()));
    }
    std::fs::read(path).map_err(|error| match error.kind() == std::io::ErrorKind::NotFound {
        true => Unfit::Missing,
        false => Unfit::Unreadable(error.to_string()),
    })
}

fn shape_text(shape: &[usize]) -> String {
    let sizes: Vec<String> = shape.iter().map(ToString::to_string).collect();
    format!("[{}]", sizes.join(", "))
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

/// The numbers of a tensor, row by row.
pub(super) fn numbers(data: TensorData) -> Vec<f32> {
    data.convert::<f32>().try_into_vec().expect("converted to 32-bit numbers")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::place;

    fn placed() -> Vec<Placed> {
        let layers = r#"{"layers": [
            {"flatten": {}},
            {"dense": {"units": 3}},
            {"dense": {"units": 2, "activation": "softmax"}}
        ]}"#;
        place(&serde_json::from_str(layers).unwrap(), [2, 2, 1], 2).unwrap()
    }

    #[test]
    fn weights_come_back_from_their_own_file() {
        let mut count = 0.0;
        let values = |variable: &Variable| {
            count += 1.0;
            Some(vec![count; variable.size()])
        };
        let weights = Weights::collect(&placed(), values).unwrap();
        let file = weights.to_safetensors().unwrap();
        assert_eq!(Weights::from_safetensors(&file, &placed()), Ok(weights));
    }

    #[test]
    fn every_tensor_that_does_not_fit_is_listed() {
        let bytes = [0_u8; 96];
        let view = |dtype, shape: &[usize], size| {
            TensorView::new(dtype, shape.to_vec(), &bytes[..size]).unwrap()
        };
        let file = [
            ("dense/kernel", view(Dtype::F32, &[3, 4], 48)),
            ("dense/bias", view(Dtype::F64, &[3], 24)),
            ("dense_1/kernel", view(Dtype::F32, &[3, 2], 24)),
            ("batch_normalization/gamma", view(Dtype::F32, &[4], 16)),
        ];
        let file = safetensors::serialize(file, None).unwrap();
        let unfit = Weights::from_safetensors(&file, &placed()).unwrap_err();
        assert_eq!(
            unfit,
            Unfit::OtherNetwork(
                [
                    "`dense/kernel` has shape [3, 4]: the network has it with shape [4, 3]",
                    "`dense/bias` is of type F64: 32-bit floats (F32) are needed",
                    "missing tensor `dense_1/bias`: the network has it with shape [2]",
                    "unexpected tensor `batch_normalization/gamma`: the network has no such \
                     variable",
                ]
                .map(str::to_owned)
                .into()
            )
        );
        let unfit = Weights::from_safetensors(b"no tensors", &placed()).unwrap_err();
        assert!(matches!(unfit, Unfit::NotSafetensors(_)), "{unfit}");
    }

    #[test]
    fn values_that_no_trained_network_has_are_named_with_their_index() {
        let layers = r#"{"layers": [
            {"flatten": {}},
            {"batch_normalization": {}},
            {"dense": {"units": 2, "activation": "softmax"}}
        ]}"#;
        let placed = place(&serde_json::from_str(layers).unwrap(), [2, 2, 1], 2).unwrap();
        let read = |path: &str, at: usize, value: f32| {
            let values = |variable: &Variable| {
                let mut values = vec![0.5; variable.size()];
                if variable.path == path {
                    values[at] = value;
                }
                Some(values)
            };
            let file = Weights::collect(&placed, values).unwrap().to_safetensors().unwrap();
            Weights::from_safetensors(&file, &placed).map(|_| ())
        };
        let damaged = |reason: &str| Err(Unfit::Damaged(vec![reason.to_owned()]));
        let variance = "batch_normalization/moving_variance";
        assert_eq!(
            read(variance, 3, -0.5),
            damaged("`batch_normalization/moving_variance` has the negative value -0.5 at index 3")
        );
        assert_eq!(read(variance, 3, -0.0), Ok(()));
        assert_eq!(read("batch_normalization/moving_mean", 3, -0.5), Ok(()));
        assert_eq!(
            read("dense/kernel", 5, f32::NAN),
            damaged("`dense/kernel` has NaN at index [2, 1]")
        );
        assert_eq!(
            read("dense/bias", 1, f32::NEG_INFINITY),
            damaged("`dense/bias` has an infinite value at index 1")
        );
    }
}
