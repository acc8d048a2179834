//! Shapes and parameter counts of a layer stack, worked out before anything is allocated.

use std::collections::{HashMap, HashSet};

use super::fit::fit;
use crate::spec::{Activation, Finding, Layer, ModelSpec, Path};

/// The shape of one sample between two layers, without the batch dimension.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SampleShape {
    /// Height, width and channels.
    Image([usize; 3]),
    /// A number of features.
    Flat(usize),
}

impl SampleShape {
    /// Numbers in a sample.
    pub fn size(self) -> usize {
        match self {
            Self::Image([height, width, channels]) => height * width * channels,
            Self::Flat(features) => features,
        }
    }

    /// Numbers along its last dimension: channels or features.
    pub fn features(self) -> usize {
        match self {
            Self::Image([_, _, features]) | Self::Flat(features) => features,
        }
    }
}

/// As Keras prints it, `(None, 300)`, and as sentences can use it.
impl std::fmt::Display for SampleShape {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Image([height, width, channels]) => {
                write!(f, "(None, {height}, {width}, {channels})")
            }
            Self::Flat(features) => write!(f, "(None, {features})"),
        }
    }
}

/// A variable of a layer, as Keras would make it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Variable {
    /// `dense/kernel`: the layer's name and the variable's.
    pub path: String,
    /// Its dimensions: kernels as [inputs, outputs], of convolutions as [height, width, channels
    /// in, filters].
    pub shape: Vec<usize>,
    /// Whether gradients change it.
    pub trainable: bool,
}

impl Variable {
    /// Numbers in it.
    pub fn size(&self) -> usize {
        self.shape.iter().product()
    }
}

/// One layer with everything that its neighbours decide about it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Placed {
    /// The layer's name: the file's, or numbered per kind as Keras does: `dense`, `dense_1`.
    pub name: String,
    /// What comes in.
    pub input: SampleShape,
    /// What goes out.
    pub output: SampleShape,
    /// Its variables, in Keras' order.
    pub variables: Vec<Variable>,
}

impl Placed {
    /// The layer's kernel, if it has one.
    pub fn kernel(&self) -> Option<&Variable> {
        self.variables.iter().find(|variable| variable.path.ends_with("/kernel"))
    }
}

/// Places each layer of a stack.
///
/// # Errors
/// Every layer that does not fit the one before it, names that are there twice, and an output
/// that is not one probability per class, each at its path in the setup.
pub fn place(
    model: &ModelSpec,
    image: [usize; 3],
    classes: usize,
) -> Result<Vec<Placed>, Vec<Finding>> {
    let layers_path = Path::default().key("model").key("layers");
    let (names, mut findings) = names(model, &layers_path);
    let mut placed: Vec<Placed> = Vec::new();
    let mut shape = SampleShape::Image(image);
    for (i, (layer, name)) in model.layers.iter().zip(names).enumerate() {
        match fit(layer, shape) {
            Ok(fit) => {
                let mut variables = fit.variables;
                for variable in &mut variables {
                    variable.path = format!("{name}/{}", variable.path);
                }
                placed.push(Placed { name, input: shape, output: fit.output, variables });
                shape = fit.output;
            }
            Err(help) => {
                let message = format!("layer {} (`{name}`) does not fit its input {shape}", i + 1);
                findings.push(Finding::new(layers_path.index(i), message, help));
                // What follows is checked as if the remedy had been taken.
                if let Ok(fit) = fit(layer, SampleShape::Flat(shape.size())) {
                    shape = fit.output;
                }
            }
        }
    }
    let problem = output_problem(model, &layers_path, shape, classes);
    if problem.is_none() && findings.is_empty() {
        findings.extend(nothing_to_train(&placed, layers_path));
    }
    findings.extend(problem);
    if findings.is_empty() { Ok(placed) } else { Err(findings) }
}

/// Each layer's name, and the names that are given twice. As in Keras, a layer that has a name of
/// its own does not count where the others of its kind are numbered
/// (keras/src/utils/naming.py, `auto_name`).
fn names(model: &ModelSpec, layers: &Path) -> (Vec<String>, Vec<Finding>) {
    let mut counts = HashMap::<&str, usize>::new();
    let names: Vec<String> = model
        .layers
        .iter()
        .map(|layer| match layer.name() {
            Some(name) => name.to_owned(),
            None => {
                let stem = layer.name_stem();
                let count = counts.entry(stem).or_default();
                *count += 1;
                if *count == 1 { stem.to_owned() } else { format!("{stem}_{}", *count - 1) }
            }
        })
        .collect();
    let mut taken = HashSet::new();
    let numbered = model.layers.iter().zip(&names).filter(|(layer, _)| layer.name().is_none());
    taken.extend(numbered.map(|(_, name)| name));
    let mut findings = Vec::new();
    for (i, (layer, name)) in model.layers.iter().zip(&names).enumerate() {
        if layer.name().is_some() && !taken.insert(name) {
            findings.push(Finding::new(
                layers.index(i).key(layer.kind()).key("name"),
                format!("another layer is called `{name}`, too"),
                "give each layer a name of its own, or none; in a `repeat` block, none",
            ));
        }
    }
    (names, findings)
}

/// Training needs a variable that gradients may change.
fn nothing_to_train(placed: &[Placed], layers: Path) -> Option<Finding> {
    let mut variables = placed.iter().flat_map(|layer| &layer.variables);
    if variables.any(|variable| variable.trainable) {
        return None;
    }
    let help = "leave `trainable: false` out of at least one layer, or add a `dense` layer";
    Some(Finding::new(layers, "no layer has anything to train", help))
}

/// The activation that a network ends in if this layer stands last.
fn final_activation(last: &Layer) -> Option<Activation> {
    match last {
        Layer::Dense(dense) => Some(dense.activation),
        Layer::Activation(activation) => Some(activation.0),
        Layer::Flatten(_)
        | Layer::BatchNormalization(_)
        | Layer::Dropout(_)
        | Layer::Conv2d(_)
        | Layer::MaxPooling2d(_)
        | Layer::AveragePooling2d(_)
        | Layer::GlobalAveragePooling2d(_)
        | Layer::LayerNormalization(_)
        | Layer::Prelu(_)
        | Layer::AlphaDropout(_)
        | Layer::GaussianNoise(_) => None,
    }
}

fn output_problem(
    model: &ModelSpec,
    layers: &Path,
    output: SampleShape,
    classes: usize,
) -> Option<Finding> {
    let Some((last, before)) = model.layers.split_last() else {
        return Some(Finding::new(
            layers.clone(),
            "a model needs layers",
            "end the list with `dense: { units: <classes>, activation: softmax }`",
        ));
    };
    let path = layers.index(before.len());
    if final_activation(last) != Some(Activation::Softmax) {
        return Some(Finding::new(
            path,
            "the last layer gives no probabilities, which this loss needs",
            "end with `dense: { units: <classes>, activation: softmax }`",
        ));
    }
    if output != SampleShape::Flat(classes) {
        let is_dense = matches!(last, Layer::Dense(_));
        let help = match output {
            SampleShape::Flat(_) => format!("give the last dense layer `units: {classes}`"),
            SampleShape::Image(_) => format!(
                "end with `flatten` and `dense: {{ units: {classes}, activation: softmax }}`"
            ),
        };
        return Some(Finding::new(
            if is_dense { path.key("dense").key("units") } else { path },
            format!("the model's output is {output}, but the data set has {classes} classes"),
            help,
        ));
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn model(layers: &str) -> ModelSpec {
        serde_json::from_str(&format!("{{\"layers\": [{layers}]}}")).unwrap()
    }

    const FLATTEN: &str = r#"{"flatten": {}}"#;
    const SOFTMAX: &str = r#"{"dense": {"units": 10, "activation": "softmax"}}"#;

    #[test]
    fn layers_are_numbered_and_sized_as_in_keras() {
        let bn = r#"{"batch_normalization": {}}"#;
        let hidden = r#"{"dense": {"units": 300, "use_bias": false}}"#;
        let stack = [FLATTEN, bn, hidden, bn, SOFTMAX].join(",");
        let placed = place(&model(&stack), [28, 28, 1], 10).unwrap();
        let names: Vec<&str> = placed.iter().map(|layer| layer.name.as_str()).collect();
        assert_eq!(
            names,
            ["flatten", "batch_normalization", "dense", "batch_normalization_1", "dense_1"]
        );
        let sizes: Vec<usize> =
            placed.iter().map(|layer| layer.variables.iter().map(Variable::size).sum()).collect();
        assert_eq!(sizes, [0, 3136, 235_200, 1200, 3010]);
    }

    #[test]
    fn what_does_not_fit_is_named_with_its_place() {
        let place_all = |layers: &str| place(&model(layers), [28, 28, 1], 10).unwrap_err();
        let findings = place_all(SOFTMAX);
        assert_eq!(findings.len(), 1);
        assert_eq!(findings[0].path.to_string(), "model.layers[0]");
        assert!(findings[0].message.contains("layer 1 (`dense`)"));

        let findings = place_all(&[FLATTEN, r#"{"dense": {"units": 10}}"#].join(","));
        assert!(findings[0].message.contains("no probabilities"));

        let nine = r#"{"dense": {"units": 9, "activation": "softmax"}}"#;
        let findings = place_all(&[FLATTEN, nine].join(","));
        assert_eq!(findings[0].path.to_string(), "model.layers[1].dense.units");
        assert!(place_all("")[0].message.contains("needs layers"));
    }
    #[test]
    fn images_are_sized_and_counted_as_in_keras() {
        let stack = [
            r#"{"conv2d": {"filters": 32, "kernel_size": 3, "activation": "relu"}}"#,
            r#"{"batch_normalization": {"scale": false}}"#,
            r#"{"max_pooling2d": {"pool_size": 2, "padding": "same"}}"#,
            r#"{"conv2d": {"filters": 8, "kernel_size": [5, 3], "strides": 2, "padding": "same", "use_bias": false}}"#,
            r#"{"prelu": {"shared_axes": [1, 2]}}"#,
            r#"{"prelu": {}}"#,
            r#"{"average_pooling2d": {"pool_size": 3, "strides": 1}}"#,
            r#"{"layer_normalization": {}}"#,
            r#"{"global_average_pooling2d": {}}"#,
            r#"{"dense": {"units": 4, "name": "neck", "trainable": false}}"#,
            r#"{"dense": {"units": 10, "activation": "softmax"}}"#,
        ];
        let placed = place(&model(&stack.join(",")), [28, 28, 1], 10).unwrap();
        let shown: Vec<String> = placed
            .iter()
            .map(|layer| {
                let size: usize = layer.variables.iter().map(Variable::size).sum();
                format!("{} {} {size}", layer.name, layer.output)
            })
            .collect();
        assert_eq!(
            shown,
            [
                "conv2d (None, 26, 26, 32) 320",
                "batch_normalization (None, 26, 26, 32) 96",
                "max_pooling2d (None, 13, 13, 32) 0",
                "conv2d_1 (None, 7, 7, 8) 3840",
                "p_re_lu (None, 7, 7, 8) 8",
                "p_re_lu_1 (None, 7, 7, 8) 392",
                "average_pooling2d (None, 5, 5, 8) 0",
                "layer_normalization (None, 5, 5, 8) 16",
                "global_average_pooling2d (None, 8) 0",
                "neck (None, 4) 36",
                "dense (None, 10) 50",
            ]
        );
        let frozen: Vec<&str> = placed
            .iter()
            .flat_map(|layer| &layer.variables)
            .filter(|variable| !variable.trainable)
            .map(|variable| variable.path.as_str())
            .collect();
        assert_eq!(
            frozen,
            [
                "batch_normalization/moving_mean",
                "batch_normalization/moving_variance",
                "neck/kernel",
                "neck/bias"
            ]
        );
    }

    #[test]
    fn what_does_not_fit_an_image_is_told_with_a_remedy() {
        let help = |layers: &[&str]| {
            let findings = place(&model(&layers.join(",")), [4, 4, 1], 10).unwrap_err();
            assert_eq!(findings.len(), 1, "{findings:?}");
            format!("{}: {}", findings[0].message, findings[0].help)
        };
        let conv = r#"{"conv2d": {"filters": 2, "kernel_size": 5}}"#;
        assert!(help(&[FLATTEN, conv, SOFTMAX]).contains("put it before `flatten`"));
        assert!(help(&[conv, FLATTEN, SOFTMAX]).contains("`padding: same`"));
        let huge = r#"{"conv2d": {"filters": 4000000000, "kernel_size": 3}}"#;
        assert!(help(&[huge, FLATTEN, SOFTMAX]).contains("fewer `filters`"));
        let vast = r#"{"max_pooling2d": {"pool_size": 1000000000, "padding": "same"}}"#;
        assert!(help(&[vast, FLATTEN, SOFTMAX]).contains("more than twice as large"));
        let axes = r#"{"prelu": {"shared_axes": [2]}}"#;
        assert!(help(&[FLATTEN, axes, SOFTMAX]).contains("dimensions 1 to 1"));
        let twice = r#"{"dropout": {"rate": 0.5, "name": "dense"}}"#;
        assert!(help(&[FLATTEN, twice, SOFTMAX]).contains("another layer is called `dense`"));
        let frozen = r#"{"dense": {"units": 10, "activation": "softmax", "trainable": false}}"#;
        assert!(help(&[FLATTEN, frozen]).contains("no layer has anything to train"));
        let softmax = r#"{"activation": "softmax"}"#;
        assert!(help(&[softmax]).contains("end with `flatten` and"));
    }
}
