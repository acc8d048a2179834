//! A dense layer's part in a step, alone or behind a normalization of the input.

use std::ops::Range;

use super::super::blocks::{self, add_up};
use super::super::penalty::{Factors, penalty_of};
use super::super::product::{
    Block, Finish, Left, product_by_rows, product_into, product_of_blocks, transpose_to,
};
use super::super::rules::{MOST_MEMORY, Rule, Step};
use super::super::unfold::{Aim, unfold};
use super::super::{loops, rows};
use super::clip::Variable;
use super::normalization::NormalizationStage;
use super::parameter::step_rows;
use super::{Flow, Parameter};

#[derive(Debug)]
pub struct DenseStage {
    /// In one block of [inputs, units]; at the input, where it is largest, in two of some columns.
    kernel: Vec<Parameter>,
    /// The units of each.
    columns: Vec<Range<usize>>,
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
        [relu, at_input]: [bool; 2],
    ) -> Self {
        let inputs = kernel.values.len() / units;
        let (kernel, columns) = if at_input {
            let blocks = blocks::split(&kernel.values, inputs, units).into_iter();
            let block = |(values, columns)| (Parameter::new(values, kernel.is_trained), columns);
            blocks.map(block).unzip()
        } else {
            (vec![kernel], std::iter::once(0..units).collect())
        };
        Self { kernel, columns, bias, inputs, units, penalty, relu, output: Vec::new() }
    }

    /// Kernel and bias.
    pub fn values(&self) -> impl Iterator<Item = Vec<f32>> {
        let kernel = self.joined(|kernel| &kernel.values);
        std::iter::once(kernel).chain(self.bias.iter().map(|bias| bias.values.clone()))
    }

    /// What is remembered of both.
    pub fn memory(&self) -> impl Iterator<Item = [Vec<f32>; MOST_MEMORY]> {
        let kernel = std::array::from_fn(|i| self.joined(|kernel| &kernel.memory[i]));
        std::iter::once(kernel).chain(self.bias.iter().map(|bias| bias.memory.clone()))
    }

    /// Puts what is remembered in the place of what was.
    pub fn remember(&mut self, mut next: impl FnMut() -> [Vec<f32>; MOST_MEMORY]) {
        for (i, numbers) in next().into_iter().enumerate() {
            let blocks = self.split(numbers);
            for (kernel, numbers) in self.kernel.iter_mut().zip(blocks) {
                kernel.memory[i] = numbers;
            }
        }
        if let Some(bias) = &mut self.bias {
            bias.memory = next();
        }
    }

    /// Kernel and bias, for steps that were put off.
    pub fn variables(&mut self) -> impl Iterator<Item = Variable<'_>> {
        let kernel = Variable { parts: self.kernel.iter_mut().collect(), columns: self.units };
        std::iter::once(kernel).chain(self.bias.as_mut().map(Variable::of))
    }

    /// Numbers of the kernel, or none, as it is kept.
    fn split(&self, numbers: Vec<f32>) -> Vec<Vec<f32>> {
        if self.kernel.len() == 1 || numbers.is_empty() {
            let mut blocks = vec![Vec::new(); self.kernel.len()];
            blocks[0] = numbers;
            return blocks;
        }
        let blocks = blocks::split(&numbers, self.inputs, self.units).into_iter();
        blocks.map(|(block, _)| block).collect()
    }

    /// The reverse of [`split`](Self::split).
    fn joined(&self, of: impl Fn(&Parameter) -> &Vec<f32>) -> Vec<f32> {
        match &self.kernel[..] {
            [kernel] => of(kernel).clone(),
            kernel if of(&kernel[0]).is_empty() => Vec::new(),
            kernel => {
                let blocks = kernel.iter().map(|kernel| of(kernel).clone());
                let blocks: Vec<_> = blocks.zip(self.columns.iter().cloned()).collect();
                blocks::join(&blocks, self.inputs, self.units)
            }
        }
    }

    /// What the kernel adds to the loss.
    pub fn penalty(&self) -> f32 {
        match self.penalty {
            [0.0, 0.0] => 0.0,
            factors => {
                let parts: Vec<_> = self.kernel.iter().map(|kernel| &kernel.values[..]).collect();
                penalty_of(&parts, self.units, factors)
            }
        }
    }

    /// [batch, inputs] → [batch, units]
    pub fn forward(&mut self, x: &[f32]) {
        let batch = x.len() / self.inputs;
        self.output.resize(batch * self.units, 0.0);
        let bias = self.bias.as_ref().map(|bias| &bias.values[..]);
        let finish = Finish { bias, relu: self.relu };
        let shape = [batch, self.units, self.inputs];
        let blocks = self.kernel.iter().map(|kernel| &kernel.values[..]);
        let blocks: Vec<_> = blocks.zip(self.columns.iter().cloned()).collect();
        product_of_blocks(x, &blocks, shape, finish, &mut self.output);
    }

    pub fn backward(&mut self, x: &[f32], flow: &mut Flow, wants_x: bool, step: Step) {
        let of_bias = self.before_relu(&mut flow.gradient);
        let Self { inputs, units, penalty, .. } = *self;
        let batch = x.len() / inputs;
        let Flow { gradient, next, turned: [turned, product] } = flow;
        if wants_x {
            turned.resize(units * batch, 0.0);
            transpose_to(gradient, [batch, units], turned);
        }
        product.resize(if wants_x { inputs * batch } else { 0 }, 0.0);
        let mut product = wants_x.then_some((&mut product[..], batch));
        let blocks = self.kernel.iter_mut().zip(&self.columns).map(|(kernel, columns)| {
            let [kernel, a, b, c, late] = kernel.by_rows(columns.len(), step);
            // Where x is wanted there is one block.
            let product = product.take().unwrap_or_default();
            Block { columns: columns.clone(), beside: [kernel, a, b, c, late, product] }
        });
        let shape = [inputs, units, batch];
        product_by_rows(x, gradient, shape, blocks.collect(), |_, sums, beside| {
            let [kernel, a, b, c, late, of_x] = beside;
            if wants_x {
                // gradient · kernelᵀ, by way of its transpose: the batch is smaller than the kernel.
                let shape = [kernel.len() / units, batch, units];
                product_into(kernel, Left::AsIs, turned, shape, Finish::default(), of_x);
            }
            penalize(penalty, kernel, sums);
            step_rows(step, [kernel, a, b, c, late], sums);
        });
        if wants_x {
            next.resize(batch * inputs, 0.0);
            transpose_to(&flow.turned[1], [inputs, batch], next);
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
        let mut sums: Vec<[Vec<f32>; 2]> =
            self.kernel.iter().map(|_| [vec![0.0; inputs], vec![0.0; inputs]]).collect();
        let kernel = self.kernel.iter_mut().zip(&self.columns).zip(&mut sums);
        let blocks = kernel.map(|((kernel, columns), sums)| {
            let [kernel, a, b, c, late] = kernel.by_rows(columns.len(), step);
            let [of_gamma, of_beta] = sums.each_mut().map(|sums| (&mut sums[..], 1));
            Block { columns: columns.clone(), beside: [kernel, a, b, c, late, of_gamma, of_beta] }
        });
        let shape = [inputs, units, batch];
        norm.standardize(x);
        let (normalized, columns) = (&norm.output[..], &self.columns);
        let (gamma, beta) = (&norm.gamma.values, &norm.beta.values);
        product_by_rows(
            normalized,
            gradient,
            shape,
            blocks.collect(),
            |place, products, beside| {
                let [block, first] = place;
                let [weight, a, b, c, late, of_gamma, of_beta] = beside;
                let rows = first..first + of_gamma.len();
                let total = &of_bias[columns[block].clone()];
                let (parameters, sums) =
                    ([&gamma[rows.clone()], &beta[rows], total], [of_gamma, of_beta]);
                // The commonest step, without a look at the gradient in between.
                if let (Step { clip: None, decay: None, rule: Rule::Sgd { rate } }, [0.0, 0.0]) =
                    (step, penalty)
                {
                    unfold(parameters, Aim::Descent { products, weight, rate }, sums);
                } else {
                    let aim = Aim::Gradient { products: &mut *products, weight: &*weight };
                    unfold(parameters, aim, sums);
                    penalize(penalty, weight, products);
                    step_rows(step, [weight, a, b, c, late], products);
                }
            },
        );
        let [of_gamma, of_beta] = add_up(sums);
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
