//! A batch normalization's part in a step.

use super::super::batch_norm::{inverse_deviations, scales};
use super::super::rules::{MOST_MEMORY, Step};
use super::super::{loops, rows};
use super::clip::Variable;
use super::{Flow, Parameter};

#[derive(Debug)]
pub struct NormalizationStage {
    pub gamma: Parameter,
    pub beta: Parameter,
    /// The moving mean and variance.
    moving: [Vec<f32>; 2],
    epsilon: f64,
    /// Of the batch in the moving statistics.
    share: f64,
    pub relu: bool,
    /// The mean of the batch, and 1 / σ.
    mean: Vec<f32>,
    inverse: Vec<f32>,
    /// [batch, features]
    pub output: Vec<f32>,
}

impl NormalizationStage {
    pub fn new(
        [gamma, beta]: [Parameter; 2],
        moving: [Vec<f32>; 2],
        [epsilon, share]: [f64; 2],
        relu: bool,
    ) -> Self {
        let [mean, inverse, output] = [Vec::new(), Vec::new(), Vec::new()];
        Self { gamma, beta, moving, epsilon, share, relu, mean, inverse, output }
    }

    /// γ and β, as far as they are trained, and the moving statistics.
    pub fn values(&self) -> impl Iterator<Item = Vec<f32>> {
        let trained = self.trained().map(|parameter| parameter.values.clone());
        trained.chain(self.moving.iter().cloned())
    }

    /// What is remembered of γ and β, as far as they are trained.
    pub fn memory(&self) -> impl Iterator<Item = [Vec<f32>; MOST_MEMORY]> {
        self.trained().map(|parameter| parameter.memory.clone())
    }

    /// γ and β, as far as they are trained, for steps that were put off.
    pub fn variables(&mut self) -> impl Iterator<Item = Variable<'_>> {
        let both = [&mut self.gamma, &mut self.beta].into_iter();
        both.filter(|parameter| parameter.is_trained).map(Variable::of)
    }

    fn trained(&self) -> impl Iterator<Item = &Parameter> {
        [&self.gamma, &self.beta].into_iter().filter(|parameter| parameter.is_trained)
    }

    /// Puts what is remembered in the place of what was.
    pub fn remember(&mut self, mut next: impl FnMut() -> [Vec<f32>; MOST_MEMORY]) {
        for parameter in [&mut self.gamma, &mut self.beta] {
            if parameter.is_trained {
                parameter.memory = next();
            }
        }
    }

    /// [batch, features] → the same shape; moves the moving statistics on.
    pub fn forward(&mut self, x: &[f32]) {
        let [mean, variance] = rows::statistics(x, self.gamma.values.len());
        self.inverse = inverse_deviations(&variance, self.epsilon);
        let scale = scales(&self.gamma.values, &self.inverse);
        self.output.resize(x.len(), 0.0);
        let per_feature = [&mean, &scale, &self.beta.values[..]];
        rows::normalize_to(x, per_feature, self.relu, &mut self.output);
        let (kept, share) = ((1.0 - self.share) as f32, self.share as f32);
        for (moving, batch) in self.moving.iter_mut().zip([&mean, &variance]) {
            loops::move_on(moving, batch, [kept, share]);
        }
        self.mean = mean;
    }

    pub fn backward(&mut self, x: &[f32], flow: &mut Flow, wants_x: bool, step: Step) {
        let Flow { gradient, next, .. } = flow;
        let features = self.mean.len();
        if self.relu {
            rows::relu_gradient(&self.output, gradient, features);
        }
        let (mean, inverse) = (&self.mean[..], &self.inverse[..]);
        let [of_gamma, of_beta] = rows::parameter_gradients(x, gradient, mean, inverse);
        if wants_x {
            let share = 1.0 / (x.len() / features) as f32;
            let scale = scales(&self.gamma.values, inverse);
            let a: Vec<f32> = of_beta.iter().map(|sum| sum * share).collect();
            let b: Vec<f32> = of_gamma.iter().map(|sum| sum * share).collect();
            next.resize(x.len(), 0.0);
            rows::input_gradient_to(x, gradient, [mean, inverse, &scale, &a, &b], next);
            std::mem::swap(gradient, next);
        }
        self.gamma.step(&of_gamma, step);
        self.beta.step(&of_beta, step);
    }

    /// Puts the normalized x, before scale and shift, in the output's place.
    pub fn standardize(&mut self, x: &[f32]) {
        loops::standardize(x, &self.mean, &self.inverse, &mut self.output);
    }
}
