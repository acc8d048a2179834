//! Parameters with what an optimizer remembers of them.

use super::super::blocks::{self, columns_of_blocks};
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

    /// In [blocks of columns](super::super::blocks), with what is remembered.
    pub fn split(self, rows: usize, columns: usize) -> Vec<Self> {
        let split = |numbers: &[f32]| match numbers {
            [] => vec![Vec::new(); columns_of_blocks(columns).len()],
            _ => {
                blocks::split(numbers, rows, columns).into_iter().map(|(block, _)| block).collect()
            }
        };
        let is_trained = self.is_trained;
        let mut memory = self.memory.map(|numbers| split(&numbers).into_iter());
        let block = |values| {
            let next =
                |of: &mut std::vec::IntoIter<_>| of.next().expect("as many blocks as values");
            Self { values, is_trained, memory: memory.each_mut().map(next) }
        };
        split(&self.values).into_iter().map(block).collect()
    }

    /// The reverse of [`split`](Self::split).
    pub fn join(parts: &[Self], rows: usize, columns: usize) -> Self {
        let join = |of: &dyn Fn(&Self) -> &Vec<f32>| {
            let numbers = parts.iter().map(|part| of(part).clone());
            let blocks: Vec<_> = numbers.zip(columns_of_blocks(columns)).collect();
            let nothing = blocks.iter().all(|(numbers, _)| numbers.is_empty());
            if nothing { Vec::new() } else { blocks::join(&blocks, rows, columns) }
        };
        Self {
            values: join(&|part| &part.values),
            is_trained: parts[0].is_trained,
            memory: std::array::from_fn(|i| join(&|part| &part.memory[i])),
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
