//! A dense layer's part in a step, alone or behind a normalization of the input.

use super::super::penalty::{Factors, penalty_of};
use super::super::product::{
    Finish, Left, product_by_rows, product_into, product_to, transpose_to,
};
use super::super::rules::{Rule, Step};
use super::super::unfold::{Aim, unfold};
use super::super::{loops, rows};
use super::normalization::NormalizationStage;
use super::{Flow, Parameter};

#[derive(Debug)]
pub struct DenseStage {
    /// [inputs, units]
    kernel: Parameter,
    /// [units]
    bias: Option<Parameter>,
    inputs: usize,
    units: usize,
    penalty: Factors,
    relu: bool,
    /// [batch, units]
    pub output: Vec<f32>,
}

impl DenseStage {
    pub fn new(
        kernel: Parameter,
        bias: Option<Parameter>,
        units: usize,
        penalty: Factors,
        relu: bool,
    ) -> Self {
        let inputs = kernel.values.len() / units;
        Self { kernel, bias, inputs, units, penalty, relu, output: Vec::new() }
    }

    /// What the kernel adds to the loss.
    pub fn penalty(&self) -> f32 {
        match self.penalty {
            [0.0, 0.0] => 0.0,
            factors => penalty_of(&self.kernel.values, factors),
        }
    }

    pub fn parameters(&mut self) -> impl Iterator<Item = &mut Parameter> {
        [Some(&mut self.kernel), self.bias.as_mut()].into_iter().flatten()
    }

    pub fn values(&self) -> impl Iterator<Item = &[f32]> {
        [Some(&self.kernel), self.bias.as_ref()].into_iter().flatten().map(|it| &it.values[..])
    }

    /// [batch, inputs] → [batch, units]
    pub fn forward(&mut self, x: &[f32]) {
        let batch = x.len() / self.inputs;
        self.output.resize(batch * self.units, 0.0);
        let bias = self.bias.as_ref().map(|bias| &bias.values[..]);
        let finish = Finish { bias, relu: self.relu };
        let shape = [batch, self.units, self.inputs];
        product_to(x, Left::AsIs, &self.kernel.values, shape, finish, &mut self.output);
    }

    pub fn backward(&mut self, x: &[f32], flow: &mut Flow, wants_x: bool, step: Step) {
        let of_bias = self.before_relu(&mut flow.gradient);
        let Self { inputs, units, penalty, .. } = *self;
        let batch = x.len() / inputs;
        let Flow { gradient, next, turned: [turned, product] } = flow;
        let width = if wants_x { batch } else { 0 };
        if wants_x {
            turned.resize(units * batch, 0.0);
            transpose_to(gradient, [batch, units], turned);
        }
        product.resize(inputs * width, 0.0);
        let (kernel, [a, b, c]) = self.kernel.by_rows(units);
        let beside = [kernel, a, b, c, (&mut product[..], width)];
        let shape = [inputs, units, batch];
        product_by_rows(x, Left::Transposed, gradient, shape, beside, |_, sums, beside| {
            let [kernel, a, b, c, of_x] = beside;
            if wants_x {
                // gradient · kernelᵀ, by way of its transpose: the batch is smaller than the kernel.
                let shape = [kernel.len() / units, batch, units];
                product_into(kernel, Left::AsIs, turned, shape, Finish::default(), of_x);
            }
            penalize(penalty, kernel, sums);
            step.take(kernel, [a, b, c], sums);
        });
        if wants_x {
            next.resize(batch * inputs, 0.0);
            transpose_to(product, [inputs, batch], next);
            std::mem::swap(gradient, next);
        }
        self.step_bias(&of_bias, step);
    }

    /// As [`backward`](Self::backward) of both layers, where the normalization's x wants no gradient: with
    /// x̂ the normalized x, g the gradient and P = x̂ᵀ g, the kernel's gradient is (γ x̂ + β)ᵀ g =
    /// γ P + β Σg, and those of γ and β are sums of P · w and of Σg · w.
    pub fn backward_normalized(
        &mut self,
        norm: &mut NormalizationStage,
        x: &[f32],
        flow: &mut Flow,
        step: Step,
    ) {
        let of_bias = self.before_relu(&mut flow.gradient);
        let Self { inputs, units, penalty, .. } = *self;
        let (gradient, batch) = (&flow.gradient[..], x.len() / inputs);
        let [mut of_gamma, mut of_beta] = [vec![0.0; inputs], vec![0.0; inputs]];
        let (kernel, [a, b, c]) = self.kernel.by_rows(units);
        let beside = [kernel, a, b, c, (&mut of_gamma[..], 1), (&mut of_beta[..], 1)];
        let shape = [inputs, units, batch];
        norm.standardize(x);
        let (left, normalized) = (Left::Transposed, &norm.output[..]);
        let (gamma, beta) = (&norm.gamma.values, &norm.beta.values);
        product_by_rows(normalized, left, gradient, shape, beside, |first, products, beside| {
            let [weight, a, b, c, of_gamma, of_beta] = beside;
            let rows = first..first + of_gamma.len();
            let parameters = [&gamma[rows.clone()], &beta[rows], &of_bias];
            let sums = [of_gamma, of_beta];
            // The commonest step, without a look at the gradient in between.
            if let (Step { decay: None, rule: Rule::Sgd { rate } }, [0.0, 0.0]) = (step, penalty) {
                unfold(parameters, Aim::Descent { products, weight, rate }, sums);
            } else {
                let aim = Aim::Gradient { products: &mut *products, weight: &*weight };
                unfold(parameters, aim, sums);
                penalize(penalty, weight, products);
                step.take(weight, [a, b, c], products);
            }
        });
        norm.gamma.step(&of_gamma, step);
        norm.beta.step(&of_beta, step);
        self.step_bias(&of_bias, step);
    }

    /// Makes the gradient that of what relu takes in; its sums over the batch, [units].
    fn before_relu(&self, gradient: &mut [f32]) -> Vec<f32> {
        if self.relu {
            rows::relu_gradient(&self.output, gradient, self.units);
        }
        rows::sums(gradient, self.units)
    }

    fn step_bias(&mut self, gradient: &[f32], step: Step) {
        if let Some(bias) = &mut self.bias {
            bias.step(gradient, step);
        }
    }
}

/// Adds the gradient of what a kernel adds to the loss.
fn penalize(factors: Factors, kernel: &[f32], gradient: &mut [f32]) {
    if factors != [0.0, 0.0] {
        loops::add_penalty_gradient(kernel, factors, gradient);
    }
}
