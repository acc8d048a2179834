//! An optimizer's state outside of it: plain numbers that a file can hold.

use std::collections::BTreeMap;

use anyhow::{Context as _, Result};
use burn::optim::{DynOptimizer, DynState, StateSink, StateSource};
use burn::tensor::{Device, TensorData};
use serde::{Deserialize, Serialize};

/// What the optimizer remembers of each parameter of a network.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct OptimizerState {
    /// Tensors, as in `3.velocity` for the parameter of number 3 in burn's order.
    pub tensors: Vec<StateTensor>,
    /// All else, under names of the same kind.
    pub numbers: BTreeMap<String, Number>,
}

/// One tensor of a state.
#[derive(Debug, Clone, PartialEq)]
pub struct StateTensor {
    /// Its name.
    pub name: String,
    /// Its shape.
    pub shape: Vec<usize>,
    /// Its values, row by row.
    pub values: Vec<f32>,
}

/// One number of a state.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Number {
    /// A count.
    Whole(u64),
    /// Any other number.
    Real(f64),
}

/// Dimensions of the parameter that a state belongs to.
const RANK: &str = "rank";

impl OptimizerState {
    /// Reads states back from their device, one for each parameter.
    pub(super) fn of(rule: &dyn DynOptimizer, states: &[Option<DynState>]) -> Self {
        let mut sink = StateSink::default();
        let mut numbers = BTreeMap::new();
        for (parameter, state) in states.iter().enumerate() {
            let Some(state) = state else { continue };
            let prefix = parameter.to_string();
            rule.state_flatten(&prefix, state, &mut sink);
            numbers.insert(format!("{prefix}.{RANK}"), Number::Whole(state.rank() as u64));
        }
        for (name, scalar) in sink.scalars {
            let number = match u64::try_from(scalar) {
                Ok(whole) => Number::Whole(whole),
                Err(_) => Number::Real(f64::try_from(scalar).expect("states hold numbers alone")),
            };
            numbers.insert(name, number);
        }
        let tensor = |(name, data): (String, TensorData)| StateTensor {
            name,
            shape: data.shape().to_vec(),
            values: data.convert::<f32>().try_into_vec().expect("converted to 32-bit numbers"),
        };
        Self { tensors: sink.tensors.into_iter().map(tensor).collect(), numbers }
    }

    /// The states themselves, on a device.
    ///
    /// # Errors
    /// When they are those of another kind of optimizer.
    pub(super) fn restore(
        &self,
        rule: &dyn DynOptimizer,
        device: &Device,
    ) -> Result<Vec<Option<DynState>>> {
        let scalar = |(name, number): (&String, &Number)| {
            let scalar = match *number {
                Number::Whole(whole) => whole.into(),
                Number::Real(real) => real.into(),
            };
            (name.clone(), scalar)
        };
        let mut source = StateSource::new(self.numbers.iter().map(scalar).collect());
        for StateTensor { name, shape, values } in &self.tensors {
            let data = TensorData::new(values.clone(), shape.clone());
            source.insert_tensor(name.clone(), data);
        }
        let mut states = Vec::new();
        for (name, number) in &self.numbers {
            let (Some(parameter), Number::Whole(rank)) =
                (name.strip_suffix(&format!(".{RANK}")), number)
            else {
                continue;
            };
            let unfit = || format!("parameter {parameter} has the state of another optimizer");
            let place: usize = parameter.parse().with_context(unfit)?;
            let rank = usize::try_from(*rank)?;
            let state = rule.state_unflatten(rank, parameter, &mut source, device);
            if states.len() <= place {
                states.resize(place + 1, None);
            }
            states[place] = Some(state.with_context(unfit)?);
        }
        Ok(states)
    }
}
