//! What single steps show of each layer, put together over an epoch.
//!
//! Of each epoch a fixed number of steps is looked at, evenly spaced: the batch that is trained on,
//! its own forward pass, gradients and update. All of it is read back and added up on the host, in
//! 64 bits, so that training is the same to the bit; other steps are as if nothing were asked for.

use burn::optim::GradientsParams;

use crate::model::{Network, Placed, Rows, Tap, Weights};
use crate::record::{Diagnosis, Histogram, LayerRow};
use crate::spec::{self, Activation, DiagnosticGroup as Group, Layer, Setup};

/// Steps of an epoch that are looked at; all of them, if there are fewer.
const SAMPLES: usize = 10;

/// What is looked at, and what was seen so far in this epoch.
pub struct Diagnostics<'a> {
    groups: &'a spec::Diagnostics,
    placed: &'a [Placed],
    /// Numbers of the steps that are looked at, from 0.
    steps: Vec<usize>,
    layers: Vec<Watched<'a>>,
}

/// One step that is looked at, on its way.
pub struct Sample {
    /// What the forward pass goes by.
    pub tap: Tap,
    before: Option<Weights>,
    gradients: Option<Weights>,
}

/// A layer that has something to tell.
struct Watched<'a> {
    placed: &'a Placed,
    /// Its place in the stack.
    place: usize,
    kind: &'static str,
    depth: usize,
    function: Option<Activation>,
    /// Of a batch normalization.
    epsilon: Option<f64>,
    seen: Seen,
}

/// Sums over the steps of an epoch.
#[derive(Default)]
struct Seen {
    activations: Moments,
    saturated: usize,
    /// Which units of relu were not 0 at some time.
    alive: Vec<bool>,
    /// The activations of the latest step.
    latest: Vec<f32>,
    gradient_norm: Mean,
    update_ratio: Mean,
    mean_gap: Mean,
    variance_gap: Mean,
}

impl<'a> Diagnostics<'a> {
    /// For a network that is trained in so many steps an epoch.
    pub fn new(setup: &'a Setup, placed: &'a [Placed], steps: usize) -> Self {
        let mut layers = Vec::new();
        let mut depth = 0;
        for (place, (layer, placed)) in setup.model.layers.iter().zip(placed).enumerate() {
            let function = function(layer);
            depth += usize::from(placed.kernel().is_some());
            if function.is_none() && placed.variables.is_empty() {
                continue;
            }
            let mut epsilon = None;
            if let Layer::BatchNormalization(bn) = layer {
                epsilon = Some(bn.epsilon);
            }
            let (kind, seen) = (layer.kind(), Seen::default());
            layers.push(Watched { placed, place, kind, depth, function, epsilon, seen });
        }
        let samples = SAMPLES.min(steps);
        // The middle of each of so many stretches of the epoch.
        let steps = (0..samples).map(|i| (2 * i + 1) * steps / (2 * samples)).collect();
        Self { groups: &setup.diagnostics, placed, steps, layers }
    }

    /// Whether a step is one that is looked at.
    pub fn looks_at(&self, step: usize) -> bool {
        !self.groups.is_off() && self.steps.contains(&step)
    }

    /// What a step is watched with, if it is one that is looked at. To be asked before its forward
    /// pass, which moves moving statistics on.
    pub fn begin(&self, step: usize, network: &Network) -> Option<Sample> {
        if !self.looks_at(step) {
            return None;
        }
        let wants_weights = self.has(Group::Weights) || self.has(Group::BatchNorm);
        let before = wants_weights.then(|| Weights::of(network, self.placed));
        Some(Sample { tap: Tap::default(), before, gradients: None })
    }

    /// Notes the gradients of such a step.
    pub fn gradients(&self, sample: &mut Sample, network: &Network, gradients: &GradientsParams) {
        let of = || Weights::of_gradients(network, self.placed, gradients);
        sample.gradients = self.has(Group::Gradients).then(of);
    }

    /// Adds such a step up, after its update.
    pub fn end(&mut self, sample: &Sample, network: &Network) {
        let after = self.has(Group::Weights).then(|| Weights::of(network, self.placed));
        let (activations, batch_norm) = (self.has(Group::Activations), self.has(Group::BatchNorm));
        for layer in &mut self.layers {
            if activations && let Some(rows) = sample.tap.output(layer.place) {
                layer.add_activations(rows);
            }
            if let Some(gradients) = &sample.gradients {
                layer.add_gradient(gradients);
            }
            if let (Some(before), Some(after)) = (&sample.before, &after) {
                layer.add_update(before, after);
            }
            if batch_norm && let Some(before) = &sample.before {
                layer.add_gap(before, &sample.tap);
            }
        }
    }

    /// What there is to tell of an epoch, after its last step; `None` where nothing was asked for.
    pub fn epoch(&mut self, epoch: usize, network: &Network) -> Option<Diagnosis> {
        if self.groups.is_off() {
            return None;
        }
        let weights = Weights::of(network, self.placed);
        let mut diagnosis = Diagnosis::default();
        for layer in &mut self.layers {
            let seen = std::mem::take(&mut layer.seen);
            let row = layer.row(epoch, &seen, &weights, self.groups);
            if row.numbers().iter().any(|(_, number)| number.is_some()) {
                diagnosis.rows.push(row);
            }
            layer.histograms(epoch, &seen, &weights, self.groups, &mut diagnosis.histograms);
        }
        Some(diagnosis)
    }

    fn has(&self, group: Group) -> bool {
        self.groups.has(group)
    }
}

impl Watched<'_> {
    fn add_activations(&mut self, rows: Rows) {
        let seen = &mut self.seen;
        seen.activations.add(&rows.numbers);
        if let Some(is_saturated) = self.function.and_then(saturation) {
            seen.saturated += rows.numbers.iter().filter(|x| is_saturated(**x)).count();
        }
        if self.function == Some(Activation::Relu) {
            seen.alive.resize(rows.columns, false);
            for row in rows.numbers.chunks_exact(rows.columns) {
                // NaN is not dead.
                seen.alive.iter_mut().zip(row).for_each(|(alive, x)| *alive |= *x != 0.0);
            }
        }
        seen.latest = rows.numbers;
    }

    fn add_gradient(&mut self, gradients: &Weights) {
        let parts: Vec<&[f32]> = self.measured(gradients).collect();
        if !parts.is_empty() {
            self.seen.gradient_norm.add(parts.into_iter().map(squares).sum::<f64>().sqrt());
        }
    }

    fn add_update(&mut self, before: &Weights, after: &Weights) {
        if !self.placed.variables.iter().any(|variable| variable.trainable) {
            return;
        }
        let pairs: Vec<(&[f32], &[f32])> =
            self.measured(before).zip(self.measured(after)).collect();
        let length: f64 = pairs.iter().map(|(before, _)| squares(before)).sum();
        let step: f64 = pairs.iter().map(|(before, after)| square_distance(before, after)).sum();
        if length > 0.0 {
            self.seen.update_ratio.add((step / length).sqrt());
        }
    }

    fn add_gap(&mut self, before: &Weights, tap: &Tap) {
        let (Some(epsilon), Some(rows)) = (self.epsilon, tap.input(self.place)) else { return };
        let moving = |name: &str| before.get(&format!("{}/{name}", self.placed.name));
        let (Some(means), Some(variances)) = (moving("moving_mean"), moving("moving_variance"))
        else {
            return;
        };
        let (mut mean_gap, mut variance_gap) = (0.0, 0.0);
        let batch = batch_statistics(&rows);
        for ((mean, variance), (moving_mean, moving_variance)) in
            batch.into_iter().zip(means.iter().zip(variances))
        {
            let moving_variance = f64::from(*moving_variance) + epsilon;
            mean_gap += (mean - f64::from(*moving_mean)).abs() / moving_variance.sqrt();
            variance_gap += ((variance + epsilon) / moving_variance).ln().abs();
        }
        let features = rows.columns as f64;
        self.seen.mean_gap.add(mean_gap / features);
        self.seen.variance_gap.add(variance_gap / features);
    }

    /// The values of the kernel, or of all trainable variables where there is no kernel.
    fn measured<'w>(&'w self, weights: &'w Weights) -> impl Iterator<Item = &'w [f32]> {
        let kernel = self.placed.kernel();
        let measured = self.placed.variables.iter().filter(move |variable| match kernel {
            Some(kernel) => *variable == kernel,
            None => variable.trainable,
        });
        measured.filter_map(|variable| weights.get(&variable.path))
    }

    fn row(
        &self,
        epoch: usize,
        seen: &Seen,
        weights: &Weights,
        groups: &spec::Diagnostics,
    ) -> LayerRow {
        let mut row = LayerRow::new(epoch, &self.placed.name, self.kind, self.depth);
        if let Some((mean, std)) = seen.activations.mean_and_std() {
            row.activation_mean = finite(mean);
            row.activation_std = finite(std);
            let numbers = seen.activations.count as f64;
            row.saturated =
                self.function.and_then(saturation).map(|_| seen.saturated as f64 / numbers);
        }
        if !seen.alive.is_empty() {
            let dead = seen.alive.iter().filter(|alive| !**alive).count();
            row.dead_units = Some(dead as f64 / seen.alive.len() as f64);
        }
        row.gradient_norm = seen.gradient_norm.get();
        row.update_ratio = seen.update_ratio.get();
        row.mean_gap = seen.mean_gap.get();
        row.variance_gap = seen.variance_gap.get();
        if groups.has(Group::Weights) {
            let parts: Vec<&[f32]> = self.measured(weights).collect();
            let norm = || parts.iter().map(|part| squares(part)).sum::<f64>().sqrt();
            row.weight_norm = (!parts.is_empty()).then(norm).and_then(finite);
        }
        if groups.has(Group::BatchNorm) {
            let range = |name: &str| {
                let values = weights.get(&format!("{}/{name}", self.placed.name))?;
                let values = || values.iter().map(|x| f64::from(*x));
                let (low, high) = (values().reduce(f64::min)?, values().reduce(f64::max)?);
                Some([low, values().sum::<f64>() / values().count() as f64, high].map(finite))
            };
            [row.gamma_min, row.gamma_mean, row.gamma_max] = range("gamma").unwrap_or_default();
            [row.beta_min, row.beta_mean, row.beta_max] = range("beta").unwrap_or_default();
        }
        row
    }

    fn histograms(
        &self,
        epoch: usize,
        seen: &Seen,
        weights: &Weights,
        groups: &spec::Diagnostics,
        list: &mut Vec<Histogram>,
    ) {
        let name = &self.placed.name;
        list.extend(Histogram::of(epoch, name, "activation", &seen.latest));
        for variable in &self.placed.variables {
            let quantity = variable.path.rsplit('/').next().unwrap_or_default();
            let wanted = match quantity {
                "gamma" | "beta" => groups.has(Group::BatchNorm),
                "moving_mean" | "moving_variance" => false,
                _weights => groups.has(Group::Weights),
            };
            if wanted && let Some(values) = weights.get(&variable.path) {
                list.extend(Histogram::of(epoch, name, quantity, values));
            }
        }
    }
}

/// The activation function that a layer ends in; `linear` in a layer with a kernel, too.
fn function(layer: &Layer) -> Option<Activation> {
    match layer {
        Layer::Dense(dense) => Some(dense.activation),
        Layer::Conv2d(conv) => Some(conv.activation),
        Layer::Activation(activation) => Some(activation.0),
        Layer::Flatten(_)
        | Layer::BatchNormalization(_)
        | Layer::Dropout(_)
        | Layer::MaxPooling2d(_)
        | Layer::AveragePooling2d(_)
        | Layer::GlobalAveragePooling2d(_)
        | Layer::LayerNormalization(_)
        | Layer::Prelu(_)
        | Layer::AlphaDropout(_)
        | Layer::GaussianNoise(_) => None,
    }
}

/// Whether a number is in the last hundredth of what an activation can reach, for one that has such
/// ends on both sides.
fn saturation(function: Activation) -> Option<fn(f32) -> bool> {
    match function {
        Activation::Tanh | Activation::Softsign => Some(|x| x.abs() > 0.99),
        Activation::Sigmoid | Activation::HardSigmoid => Some(|x| !(0.01..=0.99).contains(&x)),
        Activation::Linear
        | Activation::Relu
        | Activation::LeakyRelu(_)
        | Activation::Elu
        | Activation::Selu
        | Activation::Gelu
        | Activation::Silu
        | Activation::Softplus
        | Activation::Mish
        | Activation::Exponential
        | Activation::Softmax => None,
    }
}

/// Mean and biased variance of each column.
fn batch_statistics(rows: &Rows) -> Vec<(f64, f64)> {
    let count = (rows.numbers.len() / rows.columns) as f64;
    let of = |column: usize, number: &dyn Fn(f64) -> f64| {
        let column = rows.numbers[column..].iter().step_by(rows.columns);
        column.map(|x| number(f64::from(*x))).sum::<f64>() / count
    };
    let statistics = |column| {
        let mean = of(column, &|x| x);
        (mean, of(column, &|x| (x - mean) * (x - mean)))
    };
    (0..rows.columns).map(statistics).collect()
}

/// Numbers added to side by side, so that the processor need not wait for one sum.
const LANES: usize = 8;

/// Σ x²
fn squares(numbers: &[f32]) -> f64 {
    let mut sums = [0.0; LANES];
    let (whole, rest) = numbers.as_chunks::<LANES>();
    for chunk in whole {
        for (sum, x) in sums.iter_mut().zip(chunk) {
            *sum += f64::from(*x) * f64::from(*x);
        }
    }
    sums.iter().sum::<f64>() + rest.iter().map(|x| f64::from(*x) * f64::from(*x)).sum::<f64>()
}

/// Σ (x − y)²
fn square_distance(numbers: &[f32], others: &[f32]) -> f64 {
    let mut sums = [0.0; LANES];
    for (chunk, others) in numbers.chunks(LANES).zip(others.chunks(LANES)) {
        for ((sum, x), y) in sums.iter_mut().zip(chunk).zip(others) {
            let difference = f64::from(*x) - f64::from(*y);
            *sum += difference * difference;
        }
    }
    sums.iter().sum()
}

fn finite(number: f64) -> Option<f64> {
    number.is_finite().then_some(number)
}

/// A mean on its way.
#[derive(Default)]
struct Mean {
    sum: f64,
    count: usize,
}

impl Mean {
    fn add(&mut self, number: f64) {
        self.sum += number;
        self.count += 1;
    }

    fn get(&self) -> Option<f64> {
        if self.count == 0 { None } else { finite(self.sum / self.count as f64) }
    }
}

/// Mean and standard deviation on their way, as sums around a number that is near the mean: what is
/// left when large sums are taken from each other would be little else than their rounding.
#[derive(Default)]
struct Moments {
    around: f64,
    sum: f64,
    squares: f64,
    count: usize,
}

impl Moments {
    fn add(&mut self, numbers: &[f32]) {
        if self.count == 0 {
            let sum: f64 = numbers.iter().map(|x| f64::from(*x)).sum();
            self.around = sum / numbers.len().max(1) as f64;
        }
        let (mut sums, mut squares) = ([0.0; LANES], [0.0; LANES]);
        for chunk in numbers.chunks(LANES) {
            for ((sum, square), x) in sums.iter_mut().zip(&mut squares).zip(chunk) {
                let x = f64::from(*x) - self.around;
                *sum += x;
                *square += x * x;
            }
        }
        self.sum += sums.iter().sum::<f64>();
        self.squares += squares.iter().sum::<f64>();
        self.count += numbers.len();
    }

    fn mean_and_std(&self) -> Option<(f64, f64)> {
        let count = self.count as f64;
        let off = self.sum / count;
        let variance = (self.squares / count - off * off).max(0.0);
        (self.count > 0).then(|| (self.around + off, variance.sqrt()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn steps_are_evenly_spaced_and_all_of_a_few() {
        let setup: Setup = serde_json::from_value(serde_json::json!({
            "dataset": { "name": "fashion_mnist" },
            "model": { "layers": [] },
            "training": { "optimizer": { "sgd": {} }, "epochs": 1 },
        }))
        .unwrap();
        let steps = |steps| Diagnostics::new(&setup, &[], steps).steps;
        assert_eq!(steps(3), [0, 1, 2]);
        assert_eq!(steps(10), (0..10).collect::<Vec<_>>());
        assert_eq!(steps(11), [0, 1, 2, 3, 4, 6, 7, 8, 9, 10]);
        assert_eq!(steps(100), [5, 15, 25, 35, 45, 55, 65, 75, 85, 95]);
    }

    #[test]
    fn sums_are_those_of_the_plain_formulas_for_every_length() {
        for length in [1_usize, 7, 8, 9, 31] {
            let numbers: Vec<f32> = (0..length).map(|i| 1000.0 + (i * i % 5) as f32).collect();
            let others: Vec<f32> = numbers.iter().map(|x| x * 0.5 + 1.0).collect();
            let exact = |x: &f32| f64::from(*x);
            let plain: f64 = numbers.iter().map(exact).map(|x| x * x).sum();
            assert!((squares(&numbers) / plain - 1.0).abs() < 1e-14);
            let apart: f64 =
                numbers.iter().zip(&others).map(|(x, y)| exact(x) - exact(y)).map(|d| d * d).sum();
            assert!((square_distance(&numbers, &others) / apart - 1.0).abs() < 1e-14);

            let mut moments = Moments::default();
            moments.add(&numbers);
            moments.add(&others);
            let all: Vec<f64> = numbers.iter().chain(&others).map(exact).collect();
            let mean = all.iter().sum::<f64>() / all.len() as f64;
            let variance = all.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / all.len() as f64;
            let (found, std) = moments.mean_and_std().unwrap();
            assert!((found / mean - 1.0).abs() < 1e-14 && (std - variance.sqrt()).abs() < 1e-10);
        }
        assert_eq!(Moments::default().mean_and_std(), None);
    }

    #[test]
    fn columns_have_their_own_statistics() {
        let rows = Rows { columns: 2, numbers: vec![1.0, 10.0, 3.0, 10.0, 5.0, 40.0] };
        assert_eq!(batch_statistics(&rows), [(3.0, 8.0 / 3.0), (20.0, 200.0)]);
    }
}
