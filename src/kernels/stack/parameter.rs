//! Parameters, and how they follow their gradients.

use super::super::loops;

/// A trainable variable, or what stands for one.
#[derive(Debug, Clone)]
pub struct Parameter {
    /// Row by row.
    pub values: Vec<f32>,
    /// Whether steps change it.
    pub is_trained: bool,
}

/// What a step does with gradients.
#[derive(Debug, Clone, Copy)]
pub enum Step {
    /// `w − rate · g`
    Descent {
        /// The learning rate.
        rate: f32,
    },
}

impl Step {
    /// Changes some values by their gradient.
    pub fn take(self, values: &mut [f32], gradient: &[f32]) {
        match self {
            Self::Descent { rate } => loops::descend(values, gradient, rate),
        }
    }
}

impl Parameter {
    /// Changes all values by their gradient.
    pub fn step(&mut self, gradient: &[f32], step: Step) {
        if self.is_trained {
            step.take(&mut self.values, gradient);
        }
    }

    /// The values, if it is a variable.
    pub fn variable(&self) -> Option<&[f32]> {
        self.is_trained.then_some(&self.values[..])
    }
}
