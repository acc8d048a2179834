//! The learning rate from step to step in one run.

use crate::spec::{ScheduleSpec, TrainingSpec};

/// The learning rate of every step of a run.
#[derive(Debug, Clone, PartialEq)]
pub enum Schedule {
    /// The same one until a callback changes it.
    Constant(f64),
    /// What the file's `training.learning_rate` says, with the number of steps of the run.
    Varying(ScheduleSpec, usize),
}

impl Schedule {
    /// The schedule of a run of `total_steps` steps: the file's, or else the optimizer's own learning
    /// rate.
    pub fn new(training: &TrainingSpec, total_steps: usize) -> Self {
        match &training.learning_rate {
            None => Self::Constant(training.optimizer.learning_rate()),
            Some(ScheduleSpec::Constant(constant)) => Self::Constant(constant.learning_rate),
            Some(spec) => Self::Varying(spec.clone(), total_steps),
        }
    }

    /// The learning rate of a step, counted from 0 through all epochs.
    pub fn at(&self, step: usize) -> f64 {
        match self {
            Self::Constant(rate) => *rate,
            Self::Varying(spec, total_steps) => spec.rate(step, *total_steps),
        }
    }
}
