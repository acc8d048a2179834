//! Shapes and parameter counts of a layer stack, worked out before anything is allocated.

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
    /// Its dimensions, kernels as [inputs, outputs].
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
    /// The layer's name, numbered per kind as Keras does: `dense`, `dense_1`.
    pub name: String,
    /// What comes in.
    pub input: SampleShape,
    /// What goes out.
    pub output: SampleShape,
    /// Its variables, in Keras' order.
    pub variables: Vec<Variable>,
}

/// Places each layer of a stack.
///
/// # Errors
/// Every layer that does not fit the one before it, and an output that is not one probability per
/// class, at its path in the setup.
pub fn place(
    model: &ModelSpec,
    image: [usize; 3],
    classes: usize,
) -> Result<Vec<Placed>, Vec<Finding>> {
    let layers_path = Path::default().key("model").key("layers");
    let mut findings = Vec::new();
    let mut placed: Vec<Placed> = Vec::new();
    let mut shape = SampleShape::Image(image);
    for (i, layer) in model.layers.iter().enumerate() {
        let kind = layer.kind();
        let same_kind = model.layers[..i].iter().filter(|other| other.kind() == kind).count();
        let name = if same_kind == 0 { kind.to_owned() } else { format!("{kind}_{same_kind}") };
        let path = layers_path.index(i);
        match fit(layer, shape) {
            Ok((output, variables)) => {
                let variables = variables
                    .into_iter()
                    .map(|(variable, shape, trainable)| Variable {
                        path: format!("{name}/{variable}"),
                        shape,
                        trainable,
                    })
                    .collect();
                placed.push(Placed { name, input: shape, output, variables });
                shape = output;
            }
            Err(help) => {
                let message = format!("layer {} (`{name}`) does not fit its input {shape}", i + 1);
                findings.push(Finding::new(path, message, help));
                // What follows is checked as if the remedy had been taken.
                let flat = SampleShape::Flat(shape.size());
                shape = fit(layer, flat).map_or(flat, |(output, _)| output);
            }
        }
    }
    findings.extend(output_problem(model, &layers_path, shape, classes));
    if findings.is_empty() { Ok(placed) } else { Err(findings) }
}

type Fit = (SampleShape, Vec<(&'static str, Vec<usize>, bool)>);

/// A layer's output and variables for an input, or what to do where it does not fit.
fn fit(layer: &Layer, input: SampleShape) -> Result<Fit, String> {
    let flat = |why: &str| match input {
        SampleShape::Flat(features) => Ok(features),
        SampleShape::Image(_) => Err(format!("{why}: put `flatten` before it")),
    };
    match layer {
        Layer::Flatten(_) => Ok((SampleShape::Flat(input.size()), Vec::new())),
        Layer::Dense(dense) => {
            let inputs = flat("`dense` takes flat features")?;
            let mut variables = vec![("kernel", vec![inputs, dense.units], true)];
            if dense.use_bias {
                variables.push(("bias", vec![dense.units], true));
            }
            Ok((SampleShape::Flat(dense.units), variables))
        }
        Layer::BatchNormalization(_) => {
            let features = flat("`batch_normalization` works on flat features here")?;
            let variables = [
                ("gamma", true),
                ("beta", true),
                ("moving_mean", false),
                ("moving_variance", false),
            ]
            .map(|(name, trainable)| (name, vec![features], trainable));
            Ok((input, variables.to_vec()))
        }
        Layer::Activation(_) | Layer::Dropout(_) => Ok((input, Vec::new())),
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
    let softmax = match last {
        Layer::Dense(dense) => dense.activation == Activation::Softmax,
        Layer::Activation(activation) => activation.0 == Activation::Softmax,
        Layer::Flatten(_) | Layer::BatchNormalization(_) | Layer::Dropout(_) => false,
    };
    if !softmax {
        return Some(Finding::new(
            path,
            "the last layer gives no probabilities, which this loss needs",
            "end with `dense: { units: <classes>, activation: softmax }`",
        ));
    }
    if output != SampleShape::Flat(classes) {
        let path = match last {
            Layer::Dense(_) => path.key("dense").key("units"),
            Layer::Flatten(_)
            | Layer::BatchNormalization(_)
            | Layer::Activation(_)
            | Layer::Dropout(_) => path,
        };
        return Some(Finding::new(
            path,
            format!("the model's output is {output}, but the data set has {classes} classes"),
            format!("give the last dense layer `units: {classes}`"),
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
}
