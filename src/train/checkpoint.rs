//! A run between two epochs: all that decides how it goes on, in one safetensors file.
//!
//! Random numbers are not in it: they are functions of seed, epoch and step. Numbers that are no
//! tensors are YAML, which gives every 64-bit number back to the bit.

use std::collections::{BTreeMap, HashMap};
use std::fs::File;
use std::io::Read as _;
use std::path::Path;

use anyhow::{Context as _, Result, ensure};
use safetensors::tensor::SafeTensors;
use serde::{Deserialize, Serialize};

use super::callbacks::Callbacks;
use crate::model::{NamedTensor, Placed, Weights, numbers_of, safetensors_file};
use crate::optim::{History, OptimizerState, ParameterState};

// What the names of each part's tensors begin with.
const WEIGHTS: &str = "weights/";
const BEST: &str = "best/";
const CALLBACK: &str = "callback_";
const OPTIMIZER: &str = "optimizer/";

/// The key of [`Facts`] among the file's texts.
const FACTS: &str = "training";

/// A run after an epoch.
#[derive(Debug)]
pub struct Checkpoint {
    /// The epoch, from 1.
    pub epoch: usize,
    /// Wall-clock seconds of training so far.
    pub seconds: f64,
    /// Whether a callback has ended the run.
    pub stopped: bool,
    /// The step size that a callback has set, in place of the schedule.
    pub learning_rate: Option<f64>,
    /// The network.
    pub weights: Weights,
    /// The lowest validation loss and the weights that had it.
    pub best: Option<(f64, Weights)>,
    /// What the optimizer remembers.
    pub optimizer: OptimizerState,
    /// What callbacks remember.
    pub callbacks: Callbacks,
}

/// Everything but tensors.
#[derive(Debug, Serialize, Deserialize)]
struct Facts {
    epoch: usize,
    seconds: f64,
    stopped: bool,
    learning_rate: Option<f64>,
    best_loss: Option<f64>,
    /// By the parameter's number.
    optimizer: BTreeMap<usize, History>,
    callbacks: Callbacks,
}

impl Checkpoint {
    /// The content of a file, with notes of whoever keeps it.
    ///
    /// # Errors
    /// Only for shapes that overflow.
    pub fn to_bytes(&self, notes: HashMap<String, String>) -> Result<Vec<u8>> {
        let mut tensors = named(WEIGHTS, &self.weights);
        if let Some((_, best)) = &self.best {
            tensors.extend(named(BEST, best));
        }
        for (number, weights) in self.callbacks.weights() {
            tensors.extend(named(&callback_prefix(number), weights));
        }
        let mut memory = Vec::new();
        for (parameter, state) in &self.optimizer.0 {
            for (key, values) in &state.memory {
                memory.push((format!("{OPTIMIZER}{parameter}.{key}"), [values.len()], values));
            }
        }
        for (name, shape, values) in &memory {
            tensors.push(NamedTensor { name: name.clone(), shape, values });
        }
        let facts = Facts {
            epoch: self.epoch,
            seconds: self.seconds,
            stopped: self.stopped,
            learning_rate: self.learning_rate,
            best_loss: self.best.as_ref().map(|(loss, _)| *loss),
            optimizer: self
                .optimizer
                .0
                .iter()
                .map(|(&number, state)| (number, state.history))
                .collect(),
            callbacks: self.callbacks.clone(),
        };
        let mut texts = notes;
        texts.insert(FACTS.to_owned(), serde_yaml::to_string(&facts)?);
        safetensors_file(&tensors, Some(texts))
    }

    /// Reads a file's content for a placed stack.
    ///
    /// # Errors
    /// When it is no checkpoint, or not of this network.
    pub fn from_bytes(content: &[u8], placed: &[Placed]) -> Result<Self> {
        let texts = notes(content)?;
        let facts = texts.get(FACTS).context("it is no checkpoint")?;
        let Facts { epoch, seconds, stopped, learning_rate, best_loss, optimizer, mut callbacks } =
            serde_yaml::from_str(facts).context("it is a checkpoint of another version")?;
        let file = SafeTensors::deserialize(content)?;
        let weights = |prefix: &str| {
            Weights::collect(placed, |variable| {
                let view = file.tensor(&format!("{prefix}{}", variable.path)).ok()?;
                (view.shape() == variable.shape).then(|| numbers_of(&view))
            })
        };
        let has = |prefix: &str| file.names().iter().any(|name| name.starts_with(prefix));
        callbacks.restore_weights(|number| {
            let prefix = callback_prefix(number);
            has(&prefix).then(|| weights(&prefix)).transpose()
        })?;
        let state = |(number, history)| (number, ParameterState { history, ..Default::default() });
        let mut state = OptimizerState(optimizer.into_iter().map(state).collect());
        for (name, view) in file.iter() {
            let Some(name) = name.strip_prefix(OPTIMIZER) else { continue };
            let of = name
                .split_once('.')
                .and_then(|(number, key)| Some((state.0.get_mut(&number.parse().ok()?)?, key)));
            let (parameter, key) = of.context("what the optimizer remembers is of no parameter")?;
            parameter.memory.push((key.to_owned(), numbers_of(&view)));
        }
        ensure!(best_loss.is_some() == has(BEST), "the best weights do not fit their loss");
        let best = best_loss.map(|loss| Ok::<_, anyhow::Error>((loss, weights(BEST)?)));
        Ok(Self {
            epoch,
            seconds,
            stopped,
            learning_rate,
            weights: weights(WEIGHTS)?,
            best: best.transpose()?,
            optimizer: state,
            callbacks,
        })
    }
}

/// The texts in a checkpoint's content, those of its keeper among them.
///
/// # Errors
/// When it is no whole safetensors file.
pub fn notes(content: &[u8]) -> Result<HashMap<String, String>> {
    let (_, header) = SafeTensors::read_metadata(content)?;
    Ok(header.metadata().clone().unwrap_or_default())
}

/// As [`notes`], of a file, whose numbers are neither read nor checked.
///
/// # Errors
/// When it does not begin as a safetensors file does.
pub fn notes_in(path: &Path) -> Result<HashMap<String, String>> {
    #[derive(Deserialize)]
    struct Header {
        #[serde(rename = "__metadata__", default)]
        notes: HashMap<String, String>,
    }
    let mut file = File::open(path)?;
    let mut length = [0; 8];
    file.read_exact(&mut length)?;
    let mut header = Vec::new();
    file.take(u64::from_le_bytes(length)).read_to_end(&mut header)?;
    Ok(serde_json::from_slice::<Header>(&header)?.notes)
}

fn named<'a>(prefix: &str, weights: &'a Weights) -> Vec<NamedTensor<'a>> {
    let tensor = |(variable, values): (&'a crate::model::Variable, &'a [f32])| NamedTensor {
        name: format!("{prefix}{}", variable.path),
        shape: &variable.shape,
        values,
    };
    weights.iter().map(tensor).collect()
}

fn callback_prefix(number: usize) -> String {
    format!("{CALLBACK}{number}/")
}
