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
    /// While all gradients are needed before the first step can be taken; otherwise empty.
    pub gradient: Vec<f32>,
}

impl Parameter {
    /// A variable of which nothing is remembered.
    pub fn new(values: Vec<f32>, is_trained: bool) -> Self {
        Self { values, is_trained, memory: Default::default(), gradient: Vec::new() }
    }

    /// Changes all values by their gradient, or keeps it for when all are there.
    pub fn step(&mut self, gradient: &[f32], step: Step) {
        if !self.is_trained {
            return;
        }
        if step.clip.is_some() {
            self.gradient.clear();
            self.gradient.extend_from_slice(gradient);
        } else {
            self.take(gradient, step);
        }
    }

    /// Takes the step that was put off.
    pub fn take_late(&mut self, step: Step) {
        let gradient = std::mem::take(&mut self.gradient);
        self.take(&gradient, step);
        self.gradient = gradient;
    }

    fn take(&mut self, gradient: &[f32], step: Step) {
        step.take(&mut self.values, self.memory.each_mut().map(|of| &mut of[..]), gradient);
    }

    /// Values, what is remembered and room for the gradient, by rows of so many numbers each; of what is
    /// not needed there are none.
    pub fn by_rows(&mut self, width: usize, step: Step) -> [Beside<'_>; MOST_MEMORY + 2] {
        let count = if step.clip.is_some() { self.values.len() } else { 0 };
        self.gradient.resize(count, 0.0);
        let [a, b, c] = &mut self.memory;
        [&mut self.values, a, b, c, &mut self.gradient].map(|numbers| {
            let width = if numbers.is_empty() { 0 } else { width };
            (&mut numbers[..], width)
        })
    }
}

/// Changes some values by their gradient, or keeps it, as [`Parameter::step`] does; what of
/// [`Parameter::by_rows`] there is for some rows.
pub fn step_rows(step: Step, rows: [&mut [f32]; MOST_MEMORY + 2], gradient: &[f32]) {
    let [values, a, b, c, late] = rows;
    if step.clip.is_some() {
        late.copy_from_slice(gradient);
    } else {
        step.take(values, [a, b, c], gradient);
    }
}
