//! An optimizer's state outside of it: plain numbers that a file can hold.

use std::collections::BTreeMap;

use super::History;

/// What the optimizer remembers of each parameter of a network, by its number in burn's order.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct OptimizerState(pub BTreeMap<usize, ParameterState>);

/// What it remembers of one parameter.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct ParameterState {
    /// Of all of it.
    pub history: History,
    /// Of each of its numbers, row by row, with what they are.
    pub memory: Vec<(String, Vec<f32>)>,
}
