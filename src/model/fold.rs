//! Batch normalization folded into its neighbours.
//!
//! At inference a batch normalization multiplies each feature by s = γ / √(σ² + ε) and adds
//! t = β − μ s. The dense or convolutional layer before it can do that itself, if nothing but its
//! sum x · W + b comes between: W' = W s, b' = b s + t (each output its own s and t). So can the dense layer
//! after it, whatever came before: W'ⱼₖ = sⱼ Wⱼₖ, b'ₖ = bₖ + Σⱼ tⱼ Wⱼₖ (each input its own).
//! Jacob et al. 2018, "Quantization and Training of Neural Networks for Efficient
//! Integer-Arithmetic-Only Inference", section 3.2, has the first.

use std::collections::HashMap;

use super::shape::{Placed, place};
use super::weights::Weights;
use crate::spec::{Activation, BatchNormalization, Conv2d, Dense, Layer, ModelSpec};

/// A network that computes the same with fewer layers.
#[derive(Debug, Clone, PartialEq)]
pub struct Folded {
    /// Its layers.
    pub model: ModelSpec,
    /// The same, placed.
    pub placed: Vec<Placed>,
    /// Its weights.
    pub weights: Weights,
    /// What became of each batch normalization, first to last.
    pub steps: Vec<Step>,
}

/// What became of one batch normalization.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Step {
    /// Its name in the unfolded network.
    pub layer: String,
    /// What was done.
    pub outcome: Outcome,
}

/// What was done with a batch normalization.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// The layer of this name, which stands before it, does its work.
    IntoPreceding(String),
    /// The layer of this name, which stands after it, does its work.
    IntoFollowing(String),
    /// It stays, for this reason.
    Kept(String),
}

impl Folded {
    /// How many batch normalizations are gone.
    pub fn count(&self) -> usize {
        let gone = |step: &&Step| match step.outcome {
            Outcome::IntoPreceding(_) | Outcome::IntoFollowing(_) => true,
            Outcome::Kept(_) => false,
        };
        self.steps.iter().filter(gone).count()
    }
}

/// Folds every batch normalization that can be folded. `image` is the shape of a sample.
///
/// # Panics
/// If the weights are not those of the placed stack.
pub fn fold(model: &ModelSpec, placed: &[Placed], weights: &Weights, image: [usize; 3]) -> Folded {
    let classes = placed.last().expect("a checked model has layers").output.size();
    let mut nodes: Vec<Node> = model
        .layers
        .iter()
        .zip(placed)
        .map(|(layer, place)| Node::new(layer, place, weights))
        .collect();
    let mut outcomes = HashMap::new();
    // A batch normalization may be in the way of another: after each fold, all are looked at again.
    while let Some((at, target)) =
        (0..nodes.len()).find_map(|i| Some((i, target(&nodes, i)?.ok()?)))
    {
        let affine = nodes[at].affine().expect("only batch normalizations have targets");
        let outcome = match target {
            Target::Preceding(dense) => {
                nodes[dense].scale_outputs(&affine);
                Outcome::IntoPreceding(nodes[dense].name.clone())
            }
            Target::Following(dense) => {
                nodes[dense].scale_inputs(&affine);
                Outcome::IntoFollowing(nodes[dense].name.clone())
            }
        };
        outcomes.insert(nodes.remove(at).name, outcome);
    }
    for i in 0..nodes.len() {
        if let Some(Err(why)) = target(&nodes, i) {
            outcomes.insert(nodes[i].name.clone(), Outcome::Kept(why));
        }
    }
    let steps = placed
        .iter()
        .filter_map(|place| {
            let outcome = outcomes.remove(&place.name)?;
            Some(Step { layer: place.name.clone(), outcome })
        })
        .collect();

    let layers = nodes.iter().map(|node| node.layer.clone()).collect();
    let model = ModelSpec { layers, initial_weights: None };
    let placed = place(&model, image, classes).expect("a batch normalization changes no shape");
    let rounded = |values: &Vec<f64>| values.iter().map(|&value| value as f32).collect();
    let mut values = placed.iter().zip(&nodes).flat_map(|(place, node)| {
        let names = place.variables.iter().map(|variable| short(&variable.path));
        names.map(|name| rounded(&node.values[name]))
    });
    let weights =
        Weights::collect(&placed, |_| values.next()).expect("every layer brings its own values");
    Folded { model, placed, weights, steps }
}

/// A layer with its values, which are rounded to 32 bits only once all is folded.
struct Node {
    layer: Layer,
    /// In the unfolded network.
    name: String,
    /// By the variables' names within the layer.
    values: HashMap<String, Vec<f64>>,
}

/// Per feature: x ↦ scale · x + shift
struct Affine {
    scale: Vec<f64>,
    shift: Vec<f64>,
}

/// The place of the dense layer that is to take a batch normalization's work over.
enum Target {
    Preceding(usize),
    Following(usize),
}

/// What a layer means to a batch normalization near it.
enum Role<'l> {
    /// Hands on what it gets, at inference.
    Passes,
    /// x · kernel + bias, and the function of that.
    Dense(&'l Dense),
    /// The same at each place of an image.
    Conv2d(&'l Conv2d),
    /// Another one, or this one.
    BatchNormalization(&'l BatchNormalization),
    /// Nothing can be folded through it.
    Blocks,
}

fn role(layer: &Layer) -> Role<'_> {
    match layer {
        Layer::Flatten(_)
        | Layer::Dropout(_)
        | Layer::AlphaDropout(_)
        | Layer::GaussianNoise(_) => Role::Passes,
        Layer::Conv2d(conv) => Role::Conv2d(conv),
        Layer::Dense(dense) => Role::Dense(dense),
        Layer::BatchNormalization(bn) => Role::BatchNormalization(bn),
        Layer::Activation(activation) if activation.0 == Activation::Linear => Role::Passes,
        Layer::Activation(_)
        | Layer::MaxPooling2d(_)
        | Layer::AveragePooling2d(_)
        | Layer::GlobalAveragePooling2d(_)
        | Layer::LayerNormalization(_)
        | Layer::Prelu(_) => Role::Blocks,
    }
}

/// Where the layer can be folded to, or why it cannot; `None` if it is no batch normalization.
fn target(nodes: &[Node], at: usize) -> Option<Result<Target, String>> {
    let features = nodes[at].affine()?.scale.len();
    let before = preceding(nodes, at, features);
    let after = || following(nodes, at, features);
    // The layer before is the better place: scaling outputs adds up nothing.
    Some(before.map(Target::Preceding).or_else(|before| {
        after().map(Target::Following).map_err(|after| format!("{before}, and {after}"))
    }))
}

fn preceding(nodes: &[Node], at: usize, features: usize) -> Result<usize, String> {
    for (i, node) in nodes[..at].iter().enumerate().rev() {
        let name = &node.name;
        return match role(&node.layer) {
            Role::Passes => continue,
            Role::Dense(dense) if dense.activation != Activation::Linear => {
                Err(format!("`{name}` before it is not linear"))
            }
            Role::Dense(dense) if dense.units == features => Ok(i),
            Role::Dense(_) => Err(format!("`{name}` before it has other features")),
            Role::Conv2d(conv) if conv.activation != Activation::Linear => {
                Err(format!("`{name}` before it is not linear"))
            }
            Role::Conv2d(conv) if conv.filters == features => Ok(i),
            Role::Conv2d(_) => Err(format!("`{name}` before it has other channels")),
            Role::BatchNormalization(_) | Role::Blocks => Err(format!("`{name}` is before it")),
        };
    }
    Err("it stands on the input".to_owned())
}

fn following(nodes: &[Node], at: usize, features: usize) -> Result<usize, String> {
    for (i, node) in nodes.iter().enumerate().skip(at + 1) {
        let name = &node.name;
        return match role(&node.layer) {
            Role::Passes => continue,
            Role::Dense(dense) if node.values["kernel"].len() == features * dense.units => Ok(i),
            Role::Dense(_) => Err(format!("`{name}` after it has other features")),
            // What is padded with zeros is not shifted, so that the edges would differ.
            Role::Conv2d(_) => Err(format!("`{name}` after it is a convolution")),
            Role::BatchNormalization(_) | Role::Blocks => Err(format!("`{name}` is after it")),
        };
    }
    Err("nothing is after it".to_owned())
}

impl Node {
    fn new(layer: &Layer, place: &Placed, weights: &Weights) -> Self {
        let read = |path: &str| {
            let values = weights.get(path).expect("the weights are the network's");
            (short(path).to_owned(), values.iter().map(|&value| f64::from(value)).collect())
        };
        let values = place.variables.iter().map(|variable| read(&variable.path)).collect();
        Self { layer: layer.clone(), name: place.name.clone(), values }
    }

    /// What a batch normalization computes at inference.
    fn affine(&self) -> Option<Affine> {
        let Role::BatchNormalization(bn) = role(&self.layer) else { return None };
        let (mean, variance) = (&self.values["moving_mean"], &self.values["moving_variance"]);
        let one_or_gamma = |i: usize| self.values.get("gamma").map_or(1.0, |gamma| gamma[i]);
        let zero_or_beta = |i: usize| self.values.get("beta").map_or(0.0, |beta| beta[i]);
        let scale: Vec<f64> = variance
            .iter()
            .enumerate()
            .map(|(i, variance)| one_or_gamma(i) / (variance + bn.epsilon).sqrt())
            .collect();
        let shift = scale
            .iter()
            .zip(mean)
            .enumerate()
            .map(|(i, (scale, mean))| zero_or_beta(i) - mean * scale)
            .collect();
        Some(Affine { scale, shift })
    }

    /// Lets a layer compute scale · (x · W + b) + shift; outputs are its kernel's last dimension.
    fn scale_outputs(&mut self, affine: &Affine) {
        let (kernel, bias) = self.kernel_and_bias();
        // [inputs, units] or [height, width, inputs, filters]
        for row in kernel.chunks_exact_mut(affine.scale.len()) {
            row.iter_mut().zip(&affine.scale).for_each(|(weight, scale)| *weight *= scale);
        }
        for (bias, (scale, shift)) in bias.iter_mut().zip(affine.scale.iter().zip(&affine.shift)) {
            *bias = *bias * scale + shift;
        }
    }

    /// Lets a dense layer compute (scale · x + shift) · W + b.
    fn scale_inputs(&mut self, affine: &Affine) {
        let (kernel, bias) = self.kernel_and_bias();
        let rows = kernel.chunks_exact_mut(bias.len());
        for (row, (scale, shift)) in rows.zip(affine.scale.iter().zip(&affine.shift)) {
            for (weight, bias) in row.iter_mut().zip(bias.iter_mut()) {
                *bias += shift * *weight;
                *weight *= scale;
            }
        }
    }

    /// A dense layer's values; the bias is made if there was none.
    fn kernel_and_bias(&mut self) -> (&mut [f64], &mut [f64]) {
        let (use_bias, units) = match &mut self.layer {
            Layer::Dense(dense) => (&mut dense.use_bias, dense.units),
            Layer::Conv2d(conv) => (&mut conv.use_bias, conv.filters),
            Layer::Flatten(_)
            | Layer::BatchNormalization(_)
            | Layer::Activation(_)
            | Layer::Dropout(_)
            | Layer::MaxPooling2d(_)
            | Layer::AveragePooling2d(_)
            | Layer::GlobalAveragePooling2d(_)
            | Layer::LayerNormalization(_)
            | Layer::Prelu(_)
            | Layer::AlphaDropout(_)
            | Layer::GaussianNoise(_) => unreachable!("targets have kernels"),
        };
        *use_bias = true;
        self.values.entry("bias".to_owned()).or_insert_with(|| vec![0.0; units]);
        let [kernel, bias] = self.values.get_disjoint_mut(["kernel", "bias"]);
        (kernel.expect("dense layers have one"), bias.expect("it was just made"))
    }
}

/// `dense_1/kernel` → `kernel`
fn short(path: &str) -> &str {
    path.rsplit_once('/').map_or(path, |(_, name)| name)
}

#[cfg(test)]
mod tests {
    use burn::tensor::{Device, Tensor, TensorData};
    use serde_json::{Value, json};

    use super::*;
    use crate::model::{Network, Pass};
    use crate::rng::{Purpose, Stream};

    const IMAGE: [usize; 3] = [2, 3, 1];

    fn model(layers: Value) -> (ModelSpec, Vec<Placed>) {
        let model: ModelSpec = serde_json::from_value(json!({ "layers": layers })).unwrap();
        let placed = place(&model, IMAGE, 3).unwrap();
        (model, placed)
    }

    fn dense(units: usize, activation: &str, use_bias: bool) -> Value {
        json!({"dense": {"units": units, "activation": activation, "use_bias": use_bias}})
    }

    fn bn() -> Value {
        json!({"batch_normalization": {"epsilon": 0.001}})
    }

    fn random_weights(placed: &[Placed], seed: u64) -> Weights {
        let mut stream = Stream::new(seed, Purpose::InitialWeights, 0, 0);
        Weights::collect(placed, |variable| {
            let number = |_| match short(&variable.path) {
                "moving_variance" => 0.01 + 3.0 * stream.next_f32(),
                // Negative and zero scales are as good as others.
                "gamma" => (6.0 * stream.next_f32() - 3.0).round() / 2.0,
                _ => 2.0 * stream.next_f32() - 1.0,
            };
            Some((0..variable.size()).map(number).collect())
        })
        .unwrap()
    }

    /// Probabilities [20 · 3] for random images.
    fn probabilities(model: &ModelSpec, placed: &[Placed], weights: &Weights) -> Vec<f32> {
        let device = Device::flex();
        let network = weights.apply(Network::build(model, placed, 1, &device), &device);
        let mut stream = Stream::new(7, Purpose::Shuffle, 0, 0);
        let images: Vec<f32> = (0..120).map(|_| stream.next_f32()).collect();
        let images = Tensor::<2>::from_data(TensorData::new(images, [20, 6]), &device);
        network.probabilities(images, Pass::Inference).into_data().try_into_vec().unwrap()
    }

    /// Folds random weights, compares the outputs, and gives the outcomes back.
    #[track_caller]
    fn folded(layers: Value) -> (Folded, Vec<(String, Outcome)>) {
        let (model, placed) = model(layers);
        let mut last = None;
        for seed in 0..5 {
            let weights = random_weights(&placed, seed);
            let folded = fold(&model, &placed, &weights, IMAGE);
            let before = probabilities(&model, &placed, &weights);
            let after = probabilities(&folded.model, &folded.placed, &folded.weights);
            for (a, b) in before.iter().zip(&after) {
                assert!((a - b).abs() < 1e-5, "{a} before, {b} after, seed {seed}");
            }
            last = Some(folded);
        }
        let folded = last.unwrap();
        let steps = folded.steps.iter().map(|step| (step.layer.clone(), step.outcome.clone()));
        let steps = steps.collect();
        (folded, steps)
    }

    fn kinds(folded: &Folded) -> Vec<&'static str> {
        folded.model.layers.iter().map(Layer::kind).collect()
    }

    fn into_preceding(name: &str, dense: &str) -> (String, Outcome) {
        (name.to_owned(), Outcome::IntoPreceding(dense.to_owned()))
    }

    fn into_following(name: &str, dense: &str) -> (String, Outcome) {
        (name.to_owned(), Outcome::IntoFollowing(dense.to_owned()))
    }

    fn kept(name: &str, why: &str) -> (String, Outcome) {
        (name.to_owned(), Outcome::Kept(why.to_owned()))
    }

    #[test]
    fn the_dense_layer_before_takes_scale_and_shift_over() {
        let (model, placed) = model(json!([
            {"flatten": {}},
            dense(3, "linear", true),
            {"batch_normalization": {"epsilon": 0.25}},
            {"activation": "softmax"}
        ]));
        let kernel: Vec<f32> = (0..18).map(|i| i as f32).collect();
        let weights = Weights::collect(&placed, |variable| {
            Some(match &*variable.path {
                "dense/kernel" => kernel.clone(),
                "dense/bias" => vec![1.0, 2.0, 3.0],
                "batch_normalization/gamma" => vec![2.0, 0.0, -3.0],
                "batch_normalization/beta" => vec![10.0, 20.0, 30.0],
                "batch_normalization/moving_mean" => vec![5.0, 6.0, 7.0],
                // √(σ² + ε) = 1, 2, 0.5
                "batch_normalization/moving_variance" => vec![0.75, 3.75, 0.0],
                other => panic!("{other}"),
            })
        })
        .unwrap();
        let folded = fold(&model, &placed, &weights, IMAGE);
        assert_eq!(
            folded.weights.get("dense/kernel").unwrap()[..6],
            [0.0, 0.0, -12.0, 6.0, 0.0, -30.0]
        );
        // γ (b − μ) / σ' + β
        assert_eq!(folded.weights.get("dense/bias").unwrap(), [2.0, 20.0, 54.0]);
        assert_eq!(folded.count(), 1);
    }

    #[test]
    fn the_dense_layer_after_takes_scale_and_shift_over() {
        let (model, placed) = model(json!([
            {"flatten": {}},
            {"batch_normalization": {"epsilon": 0.25}},
            dense(3, "softmax", false)
        ]));
        let weights = Weights::collect(&placed, |variable| {
            Some(match &*variable.path {
                "dense/kernel" => (0..18).map(|i| i as f32).collect(),
                "batch_normalization/gamma" => vec![1.0, -2.0, 0.0, 0.0, 0.0, 0.0],
                "batch_normalization/beta" => vec![0.0, 1.0, 0.0, 0.0, 0.0, 2.0],
                "batch_normalization/moving_mean" => vec![4.0, 3.0, 9.0, 9.0, 9.0, 9.0],
                "batch_normalization/moving_variance" => vec![0.75, 3.75, 0.0, 0.0, 0.0, 0.0],
                other => panic!("{other}"),
            })
        })
        .unwrap();
        let folded = fold(&model, &placed, &weights, IMAGE);
        // s = 1, −1, 0, …
        let kernel = folded.weights.get("dense/kernel").unwrap();
        assert_eq!(kernel[..6], [0.0, 1.0, 2.0, -3.0, -4.0, -5.0]);
        assert_eq!(kernel[6..], [0.0; 12]);
        // t = −4, 4, 0, 0, 0, 2 times the rows 0, 1 and 5 of the kernel
        assert_eq!(folded.weights.get("dense/bias").unwrap(), [42.0, 44.0, 46.0]);
        assert_eq!(kinds(&folded), ["flatten", "dense"]);
    }

    #[test]
    fn normalization_after_the_activations_goes_into_what_follows() {
        let (folded, steps) = folded(json!([
            {"flatten": {}}, bn(), dense(5, "relu", true), bn(), {"dropout": {"rate": 0.5}},
            dense(4, "tanh", false), bn(), dense(3, "softmax", true)
        ]));
        assert_eq!(
            steps,
            [
                into_following("batch_normalization", "dense"),
                into_following("batch_normalization_1", "dense_1"),
                into_following("batch_normalization_2", "dense_2"),
            ]
        );
        assert_eq!(kinds(&folded), ["flatten", "dense", "dropout", "dense", "dense"]);
    }

    #[test]
    fn normalization_before_the_activations_goes_into_what_precedes() {
        let (folded, steps) = folded(json!([
            {"flatten": {}}, bn(), dense(5, "linear", false), bn(), {"activation": "relu"},
            dense(4, "linear", true), {"flatten": {}}, bn(), {"activation": "elu"},
            dense(3, "linear", false), bn(), {"activation": "softmax"}
        ]));
        assert_eq!(
            steps,
            [
                into_following("batch_normalization", "dense"),
                into_preceding("batch_normalization_1", "dense"),
                into_preceding("batch_normalization_2", "dense_1"),
                into_preceding("batch_normalization_3", "dense_2"),
            ]
        );
        let unbiased = folded
            .model
            .layers
            .iter()
            .filter(|layer| matches!(layer, Layer::Dense(dense) if !dense.use_bias));
        assert_eq!(unbiased.count(), 0);
    }

    #[test]
    fn one_in_the_way_of_another_is_folded_first() {
        let (folded, steps) = folded(json!([
            {"flatten": {}}, bn(), bn(), dense(5, "relu", true), bn(), bn(), dense(3, "softmax", true)
        ]));
        assert_eq!(folded.count(), 4);
        assert_eq!(steps[0], into_following("batch_normalization", "dense"));
        assert_eq!(steps[3], into_following("batch_normalization_3", "dense_1"));
        assert_eq!(kinds(&folded), ["flatten", "dense", "dense"]);
    }

    #[test]
    fn where_no_neighbour_is_linear_it_stays_and_keeps_its_numbers() {
        let (folded, steps) = folded(json!([
            {"flatten": {}}, bn(), {"activation": "tanh"}, dense(5, "relu", true), bn(), bn(),
            {"activation": "elu"}, dense(4, "linear", false), bn(), dense(3, "softmax", true)
        ]));
        assert_eq!(
            steps,
            [
                kept("batch_normalization", "it stands on the input, and `activation` is after it"),
                kept(
                    "batch_normalization_1",
                    "`dense` before it is not linear, and `batch_normalization_2` is after it"
                ),
                kept(
                    "batch_normalization_2",
                    "`batch_normalization_1` is before it, and `activation_1` is after it"
                ),
                into_preceding("batch_normalization_3", "dense_1"),
            ]
        );
        assert_eq!(folded.count(), 1);
        let names: Vec<&str> = folded.placed.iter().map(|place| &*place.name).collect();
        assert_eq!(
            names,
            [
                "flatten",
                "batch_normalization",
                "activation",
                "dense",
                "batch_normalization_1",
                "batch_normalization_2",
                "activation_1",
                "dense_1",
                "dense_2"
            ]
        );
    }
}
