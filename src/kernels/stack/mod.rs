//! Whole steps of training for a stack of dense layers and what stands between them, without a graph.
//!
//! burn notes each operation of a step in a graph and asks for memory for each result: for layers of
//! some hundred units that costs as much as a third of the arithmetic. What such a stack computes is
//! known beforehand. Here the same loops run one after the other over memory that is kept, and
//! parameters are changed where they are. All numbers are those of the burn modules, to the bit.

mod clip;
mod dense;
mod normalization;
mod parameter;

use super::cross_entropy::loss_and_gradient;
use super::penalty::Factors;
use super::pointwise::Function;
use super::rules::{MOST_MEMORY, Step};
use super::{loops, rows, simd};
use clip::{Variable, step_late};
use dense::DenseStage;
use normalization::NormalizationStage;
pub use parameter::Parameter;

/// A layer with its variables.
#[derive(Debug, Clone)]
pub enum Layer {
    /// `x · kernel + bias`, then max(·, 0) with `relu`.
    Dense {
        /// [inputs, units]
        kernel: Parameter,
        /// [units]
        bias: Option<Parameter>,
        /// Its columns.
        units: usize,
        /// What the kernel adds to the loss.
        penalty: Factors,
        /// Whether relu follows.
        relu: bool,
        /// Whether it is taken together with a normalization of the input before it.
        joins: bool,
    },
    /// Normalization over the batch, then max(·, 0) with `relu`; all variables are [features].
    BatchNormalization {
        /// γ, not trained where there is no such variable.
        gamma: Parameter,
        /// β, likewise.
        beta: Parameter,
        /// The moving mean and variance.
        moving: [Vec<f32>; 2],
        /// What is added to variances.
        epsilon: f64,
        /// Of the batch in the moving statistics.
        share: f64,
        /// Whether relu follows.
        relu: bool,
    },
    /// A function of each number.
    Activation(Function),
    /// In each step, all numbers times others that are drawn.
    Dropout {
        /// The share that becomes 0.
        rate: f32,
        /// Tells the layer from others.
        ordinal: usize,
    },
}

/// Draws what numbers are multiplied by in a step, from a dropout layer's rate, its ordinal and how many
/// they are.
pub type Draw<'a> = &'a dyn Fn(f32, usize, usize) -> Vec<f32>;

/// A stack that is trained.
#[derive(Debug)]
pub struct Stack {
    stages: Vec<Stage>,
    /// The first stage that has something to train: what comes before it wants no gradient.
    trained_from: usize,
    flow: Flow,
    smoothing: f32,
}

/// One layer, or two that are faster together.
#[derive(Debug)]
#[expect(clippy::large_enum_variant, reason = "there are a few, and they stay where they are")]
enum Stage {
    Dense(DenseStage),
    Normalization(NormalizationStage),
    /// At the input, which wants no gradient.
    NormalizedDense(NormalizationStage, DenseStage),
    /// With its output.
    Activation(Function, Vec<f32>),
    /// Rate and ordinal, the latest mask, and the output.
    Dropout([Vec<f32>; 2], f32, usize),
}

/// What goes back from stage to stage, and room to work in.
#[derive(Debug, Default)]
struct Flow {
    /// Of the loss by what the stage gave out, [batch, outputs]; after it, by what it took in.
    gradient: Vec<f32>,
    /// The next gradient while it is made.
    next: Vec<f32>,
    /// The gradient with its dimensions exchanged, and a product with it.
    turned: [Vec<f32>; 2],
}

impl Stack {
    /// Whether this processor has the instructions.
    pub fn available() -> bool {
        simd::available()
    }

    /// A stack of layers, the last of which gives the scores of classes, that is trained by
    /// cross-entropy with this label smoothing.
    pub fn new(layers: Vec<Layer>, smoothing: f32) -> Self {
        let mut stages: Vec<Stage> = Vec::new();
        let mut trained_from = 0;
        for layer in layers {
            match layer {
                Layer::Dense { kernel, bias, units, penalty, relu, joins } => {
                    let at_input = joins || trained_from == stages.len();
                    let dense = DenseStage::new(kernel, bias, units, penalty, [relu, at_input]);
                    let norm =
                        stages.pop_if(|stage| joins && matches!(stage, Stage::Normalization(_)));
                    stages.push(match norm {
                        Some(Stage::Normalization(norm)) => Stage::NormalizedDense(norm, dense),
                        _ => Stage::Dense(dense),
                    });
                }
                Layer::BatchNormalization { gamma, beta, moving, epsilon, share, relu } => {
                    stages.push(Stage::Normalization(NormalizationStage::new(
                        [gamma, beta],
                        moving,
                        [epsilon, share],
                        relu,
                    )));
                }
                Layer::Activation(function) => {
                    trained_from += usize::from(trained_from == stages.len());
                    stages.push(Stage::Activation(function, Vec::new()));
                }
                Layer::Dropout { rate, ordinal } => {
                    trained_from += usize::from(trained_from == stages.len());
                    stages.push(Stage::Dropout([Vec::new(), Vec::new()], rate, ordinal));
                }
            }
        }
        Self { stages, trained_from, flow: Flow::default(), smoothing }
    }

    /// One step on images [batch, inputs] and their classes [batch]; the mean loss before it, and what
    /// kernels add to it.
    pub fn step(&mut self, images: &[f32], labels: &[u8], step: Step, draw: Draw<'_>) -> f32 {
        let mut x = images;
        for stage in &mut self.stages {
            stage.forward(x, draw);
            x = stage.output();
        }
        let gradient = &mut self.flow.gradient;
        gradient.resize(x.len(), 0.0);
        let classes = labels.iter().map(|&label| usize::from(label));
        let width = x.len() / labels.len();
        let mut loss = loss_and_gradient(x, width, classes, self.smoothing, gradient);
        for stage in &self.stages {
            if let Stage::Dense(dense) | Stage::NormalizedDense(_, dense) = stage {
                loss += dense.penalty();
            }
        }
        for i in (self.trained_from..self.stages.len()).rev() {
            let (before, after) = self.stages.split_at_mut(i);
            let x = before.last().map_or(images, Stage::output);
            after[0].backward(x, &mut self.flow, i > self.trained_from, step);
        }
        if let Some(clip) = step.clip {
            let variables = self.stages.iter_mut().flat_map(Stage::variables).collect();
            step_late(variables, clip, step);
        }
        loss
    }

    /// The scores of the last step, [batch, classes].
    pub fn logits(&self) -> &[f32] {
        self.stages.last().map_or(&[], Stage::output)
    }

    /// What is remembered of all that is trained, in burn's order.
    pub fn memory(&self) -> Vec<[Vec<f32>; MOST_MEMORY]> {
        let mut memory = Vec::new();
        for stage in &self.stages {
            match stage {
                Stage::Dense(dense) => memory.extend(dense.memory()),
                Stage::Normalization(norm) => memory.extend(norm.memory()),
                Stage::NormalizedDense(norm, dense) => {
                    memory.extend(norm.memory().chain(dense.memory()));
                }
                Stage::Activation(..) | Stage::Dropout(..) => {}
            }
        }
        memory
    }

    /// Puts what is remembered of each in the place of what was.
    pub fn remember(&mut self, mut next: impl FnMut() -> [Vec<f32>; MOST_MEMORY]) {
        for stage in &mut self.stages {
            match stage {
                Stage::Dense(dense) => dense.remember(&mut next),
                Stage::Normalization(norm) => norm.remember(&mut next),
                Stage::NormalizedDense(norm, dense) => {
                    norm.remember(&mut next);
                    dense.remember(&mut next);
                }
                Stage::Activation(..) | Stage::Dropout(..) => {}
            }
        }
    }

    /// The values of all variables, in Keras' order.
    pub fn values(&self) -> Vec<Vec<f32>> {
        let of_norm = |norm: &NormalizationStage| norm.values().collect();
        let of_dense = |dense: &DenseStage| -> Vec<Vec<f32>> { dense.values().collect() };
        let of_stage = |stage: &Stage| -> Vec<Vec<f32>> {
            match stage {
                Stage::Dense(dense) => of_dense(dense),
                Stage::Normalization(norm) => of_norm(norm),
                Stage::NormalizedDense(norm, dense) => [of_norm(norm), of_dense(dense)].concat(),
                Stage::Activation(..) | Stage::Dropout(..) => Vec::new(),
            }
        };
        self.stages.iter().flat_map(of_stage).collect()
    }
}

impl Stage {
    fn output(&self) -> &[f32] {
        match self {
            Self::Dense(dense) | Self::NormalizedDense(_, dense) => &dense.output,
            Self::Normalization(norm) => &norm.output,
            Self::Activation(_, output) | Self::Dropout([_, output], ..) => output,
        }
    }

    fn variables(&mut self) -> Vec<Variable<'_>> {
        match self {
            Self::Dense(dense) => dense.variables().collect(),
            Self::Normalization(norm) => norm.variables().collect(),
            Self::NormalizedDense(norm, dense) => {
                norm.variables().chain(dense.variables()).collect()
            }
            Self::Activation(..) | Self::Dropout(..) => Vec::new(),
        }
    }

    fn forward(&mut self, x: &[f32], draw: Draw<'_>) {
        match self {
            Self::Dense(dense) => dense.forward(x),
            Self::Normalization(norm) => norm.forward(x),
            Self::NormalizedDense(norm, dense) => {
                norm.forward(x);
                dense.forward(&norm.output);
            }
            Self::Activation(function, output) => {
                output.resize(x.len(), 0.0);
                rows::values_to(*function, x, output);
            }
            Self::Dropout([mask, output], rate, ordinal) => {
                *mask = draw(*rate, *ordinal, x.len());
                output.resize(x.len(), 0.0);
                loops::multiply(x, mask, output);
            }
        }
    }

    /// Changes the parameters by a step, and the gradient to that of x where that is wanted.
    fn backward(&mut self, x: &[f32], flow: &mut Flow, wants_x: bool, step: Step) {
        match self {
            Self::Dense(dense) => dense.backward(x, flow, wants_x, step),
            Self::Normalization(norm) => norm.backward(x, flow, wants_x, step),
            Self::NormalizedDense(norm, dense) => dense.backward_normalized(norm, x, flow, step),
            Self::Activation(function, output) => {
                rows::gradients(*function, [x, output], &mut flow.gradient);
            }
            Self::Dropout([mask, _], ..) => {
                flow.next.resize(x.len(), 0.0);
                loops::multiply(&flow.gradient, mask, &mut flow.next);
                std::mem::swap(&mut flow.gradient, &mut flow.next);
            }
        }
    }
}
