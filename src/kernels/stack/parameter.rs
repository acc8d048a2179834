//! Parameters with what an optimizer remembers of them.

use super::super::product::Beside;
use super::super::rules::{MOST_MEMORY, Step};

/// A trainable variable, or what stands for one.
#[derive(Debug, Clone)]
pub struct Parameter {
    /// Row by row.
    pub values: Vec<f32>,
    /// Whether steps change it.
    pub is_trained: bool,
    /// In the order of the rule; what it does not remember is empty.
    pub memory: [Vec<f32>; MOST_MEMORY],
}

impl Parameter {
    /// A variable of which nothing is remembered.
    pub fn new(values: Vec<f32>, is_trained: bool) -> Self {
        Self { values, is_trained, memory: Default::default() }
    }

    /// Changes all values by their gradient.
    pub fn step(&mut self, gradient: &[f32], step: Step) {
        if self.is_trained {
            step.take(&mut self.values, self.memory.each_mut().map(|of| &mut of[..]), gradient);
        }
    }

    /// Values and what is remembered, by rows of so many numbers each; of what is not remembered there are
    /// none.
    pub fn by_rows(&mut self, width: usize) -> (Beside<'_>, [Beside<'_>; MOST_MEMORY]) {
        let memory = self.memory.each_mut().map(|numbers| {
            let width = if numbers.is_empty() { 0 } else { width };
            (&mut numbers[..], width)
        });
        ((&mut self.values[..], width), memory)
    }
}
