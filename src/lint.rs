//! Warnings about setups that run but seldom do what was meant.
//!
//! Each has a code by which a file can allow it: `lints: { allow: [bias_before_batch_normalization] }`.

use schemars::JsonSchema;

use crate::spec::{
    Activation, Finding, Initializer, Layer, MetricSpec, OptimizerSpec, Path, Scaling, Setup,
    TopKAccuracy,
};

/// What a warning is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, JsonSchema)]
#[schemars(rename_all = "snake_case")]
pub enum Lint {
    /// A bias that the beta of the batch normalization after it makes useless.
    ///
    /// Remedy: `use_bias: false` on the layer before the normalization.
    ///
    /// Reference: Ioffe & Szegedy 2015, section 3.2, <https://arxiv.org/abs/1502.03167>
    BiasBeforeBatchNormalization,
    /// Batch normalization between the last dense layer and its softmax: normalized scores cannot
    /// tell sure answers from unsure ones.
    ///
    /// Remedy: normalize before the last dense layer.
    ///
    /// Reference: Ioffe & Szegedy 2015, section 3.2, normalizes what activations take
    BatchNormalizationOfLogits,
    /// A batch normalization momentum of 0.5 or less, which means its opposite in other libraries:
    /// here, as in Keras, it is the share of the moving statistics that is kept.
    ///
    /// Remedy: 1 minus the other library's, as 0.9 for PyTorch's 0.1.
    ///
    /// Reference: <https://keras.io/api/layers/normalization_layers/batch_normalization/>
    BatchNormalizationMomentum,
    /// Batch normalization over a batch of one row, whose variance is 0: the output is beta whatever
    /// the input. The last batch of an epoch counts, too.
    ///
    /// Remedy: another `batch_size`.
    ///
    /// Reference: Ioffe & Szegedy 2015, algorithm 1, <https://arxiv.org/abs/1502.03167>
    BatchOfOne,
    /// An initializer made for other activations: he before tanh or sigmoid, glorot in five or more
    /// relu layers, anything but lecun_normal before selu.
    ///
    /// Remedy: `glorot_uniform` before tanh, sigmoid and softmax, `he_normal` before the relu family,
    /// `lecun_normal` before selu.
    ///
    /// Reference: Glorot & Bengio 2010; He et al. 2015, <https://arxiv.org/abs/1502.01852>
    InitializerForOtherActivation,
    /// Pixels from 0 to 255 into a network that nothing normalizes.
    ///
    /// Remedy: `scaling: unit` or `standardize`, or `batch_normalization` as the first layer.
    ///
    /// Reference: LeCun et al. 1998, Efficient BackProp, section 4.3
    UnscaledInputs,
    /// A step size ten times outside what is usual for the optimizer.
    ///
    /// Remedy: the range that the warning names.
    ///
    /// Reference: <https://keras.io/api/optimizers/>
    UnusualLearningRate,
    /// Dropout right before batch normalization: its outputs vary more in training than later, so
    /// that the moving variance is wrong.
    ///
    /// Remedy: dropout after the normalization.
    ///
    /// Reference: Li et al. 2019, <https://arxiv.org/abs/1801.05134>
    DropoutBeforeBatchNormalization,
    /// A top-k accuracy over as many classes as there are, which is always 1.
    ///
    /// Remedy: a smaller `k`.
    ///
    /// Reference: <https://keras.io/api/metrics/accuracy_metrics/>
    TopKOfAllClasses,
    /// A label below the highest one that no training image has: the network keeps an output that is
    /// never right.
    ///
    /// Remedy: labels that count from 0 without gaps. Those of EMNIST letters are 1 to 26: subtract
    /// 1 from each.
    ///
    /// Reference: Cohen et al. 2017, table II, <https://arxiv.org/abs/1702.05373>
    ClassesWithoutRows,
    /// A plain and a gzipped file of the same name side by side, or two spellings of it: only one of
    /// them is read.
    ///
    /// Remedy: remove the file that is not meant.
    ///
    /// Reference: the warning names the file that is read
    DuplicateDataFiles,
}

impl Lint {
    /// All of them, in the order of the documentation.
    pub const ALL: [Self; 11] = [
        Self::BiasBeforeBatchNormalization,
        Self::BatchNormalizationOfLogits,
        Self::BatchNormalizationMomentum,
        Self::BatchOfOne,
        Self::InitializerForOtherActivation,
        Self::UnscaledInputs,
        Self::UnusualLearningRate,
        Self::DropoutBeforeBatchNormalization,
        Self::TopKOfAllClasses,
        Self::ClassesWithoutRows,
        Self::DuplicateDataFiles,
    ];

    /// The code in messages and in `lints: { allow: […] }`.
    pub fn code(self) -> &'static str {
        match self {
            Self::BiasBeforeBatchNormalization => "bias_before_batch_normalization",
            Self::BatchNormalizationOfLogits => "batch_normalization_of_logits",
            Self::BatchNormalizationMomentum => "batch_normalization_momentum",
            Self::BatchOfOne => "batch_of_one",
            Self::InitializerForOtherActivation => "initializer_for_other_activation",
            Self::UnscaledInputs => "unscaled_inputs",
            Self::UnusualLearningRate => "unusual_learning_rate",
            Self::DropoutBeforeBatchNormalization => "dropout_before_batch_normalization",
            Self::TopKOfAllClasses => "top_k_of_all_classes",
            Self::ClassesWithoutRows => "classes_without_rows",
            Self::DuplicateDataFiles => "duplicate_data_files",
        }
    }
}

/// All warnings about a setup that trains on so many rows of so many classes.
pub fn lint(setup: &Setup, rows: usize, classes: usize) -> Vec<(Lint, Finding)> {
    let mut warnings = Vec::new();
    layers(&setup.model.layers, &mut warnings);
    inputs(setup, &mut warnings);
    batches(setup, rows, &mut warnings);
    learning_rate(&setup.training.optimizer, &mut warnings);
    metrics(&setup.training.metrics, classes, &mut warnings);
    warnings
}

type Warnings = Vec<(Lint, Finding)>;

fn layers(layers: &[Layer], warnings: &mut Warnings) {
    let path = Path::default().key("model").key("layers");
    let deep = layers.iter().enumerate().filter(|(i, _)| relu_follows(layers, *i)).count() >= 5;
    for (i, layer) in layers.iter().enumerate() {
        let here = path.index(i).key(layer.kind());
        let next = layers.get(i + 1);
        let bn_next = matches!(next, Some(Layer::BatchNormalization(_)));
        match layer {
            Layer::Dense(dense) => {
                let linear = dense.activation == Activation::Linear;
                useless_bias(bn_next && linear && dense.use_bias, &here, warnings);
                let at = here.key("kernel_initializer");
                initializer(&dense.kernel_initializer, acting(layers, i), deep, &at, warnings);
            }
            Layer::BatchNormalization(bn) => {
                if bn.momentum <= 0.5 {
                    let kept = 1.0 - bn.momentum;
                    warnings.push((
                        Lint::BatchNormalizationMomentum,
                        Finding::new(
                            here.key("momentum"),
                            format!("momentum {} forgets the moving statistics fast", bn.momentum),
                            format!(
                                "here, as in Keras, it is the share that is kept; what PyTorch \
                                 calls {} is {kept} here",
                                bn.momentum
                            ),
                        ),
                    ));
                }
                if i + 2 == layers.len() && is_softmax(next) {
                    warnings.push((
                        Lint::BatchNormalizationOfLogits,
                        Finding::new(
                            here.clone(),
                            "batch normalization of the scores before the softmax",
                            "put it before the last dense layer: normalized scores cannot tell \
                             sure answers from unsure ones",
                        ),
                    ));
                }
            }
            Layer::Dropout(_) if bn_next => warnings.push((
                Lint::DropoutBeforeBatchNormalization,
                Finding::new(
                    here.clone(),
                    "dropout right before batch normalization",
                    "put the dropout after the normalization: inputs vary more in training than \
                     later, so that the moving variance is wrong (Li et al. 2019)",
                ),
            )),
            Layer::Conv2d(conv) => {
                let linear = conv.activation == Activation::Linear;
                useless_bias(bn_next && linear && conv.use_bias, &here, warnings);
                let at = here.key("kernel_initializer");
                initializer(&conv.kernel_initializer, acting(layers, i), deep, &at, warnings);
            }
            Layer::Dropout(_)
            | Layer::Flatten(_)
            | Layer::Activation(_)
            | Layer::MaxPooling2d(_)
            | Layer::AveragePooling2d(_)
            | Layer::GlobalAveragePooling2d(_)
            | Layer::LayerNormalization(_)
            | Layer::Prelu(_)
            | Layer::AlphaDropout(_)
            | Layer::GaussianNoise(_) => {}
        }
    }
}

fn useless_bias(is_there: bool, layer: &Path, warnings: &mut Warnings) {
    if is_there {
        let finding = Finding::new(
            layer.clone(),
            "a bias right before batch normalization does nothing",
            "write `use_bias: false`: the normalization takes it out, and its own beta does its \
             work",
        );
        warnings.push((Lint::BiasBeforeBatchNormalization, finding));
    }
}

/// The activation that the outputs of a layer with a kernel go through: its own, or the first one
/// after it with nothing but batch normalization and dropout between.
fn acting(layers: &[Layer], at: usize) -> Activation {
    let own = own_activation(&layers[at]).unwrap_or_default();
    if own != Activation::Linear {
        return own;
    }
    for layer in &layers[at + 1..] {
        match layer {
            Layer::BatchNormalization(_) | Layer::Dropout(_) | Layer::AlphaDropout(_) => {}
            Layer::Activation(activation) => return activation.0,
            Layer::Dense(_)
            | Layer::Conv2d(_)
            | Layer::Flatten(_)
            | Layer::MaxPooling2d(_)
            | Layer::AveragePooling2d(_)
            | Layer::GlobalAveragePooling2d(_)
            | Layer::LayerNormalization(_)
            | Layer::Prelu(_)
            | Layer::GaussianNoise(_) => break,
        }
    }
    Activation::Linear
}

/// The activation of a layer with a kernel.
fn own_activation(layer: &Layer) -> Option<Activation> {
    match layer {
        Layer::Dense(dense) => Some(dense.activation),
        Layer::Conv2d(conv) => Some(conv.activation),
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
        | Layer::GaussianNoise(_) => None,
    }
}

fn relu_follows(layers: &[Layer], i: usize) -> bool {
    own_activation(&layers[i]).is_some() && acting(layers, i) == Activation::Relu
}

fn is_softmax(layer: Option<&Layer>) -> bool {
    matches!(layer, Some(Layer::Activation(activation)) if activation.0 == Activation::Softmax)
}

fn initializer(
    initializer: &Initializer,
    activation: Activation,
    deep: bool,
    path: &Path,
    warnings: &mut Warnings,
) {
    let he = matches!(initializer, Initializer::HeNormal | Initializer::HeUniform);
    let glorot = matches!(initializer, Initializer::GlorotNormal | Initializer::GlorotUniform);
    let saturating = matches!(activation, Activation::Tanh | Activation::Sigmoid);
    let (message, help) = if he && saturating {
        ("a he initializer before a saturating activation", "take `glorot_uniform`, made for it")
    } else if activation == Activation::Selu && !matches!(initializer, Initializer::LecunNormal) {
        (
            "selu without its initializer",
            "take `lecun_normal`: selu keeps mean and variance with it",
        )
    } else if glorot && deep && activation == Activation::Relu {
        (
            "a glorot initializer in a deep stack of relu layers",
            "take `he_normal`: relu halves the variance, and glorot does not make up for it",
        )
    } else {
        return;
    };
    let finding = Finding::new(path.clone(), message, help);
    warnings.push((Lint::InitializerForOtherActivation, finding));
}

fn inputs(setup: &Setup, warnings: &mut Warnings) {
    let first = setup.model.layers.iter().find(|layer| !matches!(layer, Layer::Flatten(_)));
    let normalized = matches!(first, Some(Layer::BatchNormalization(_)));
    if setup.dataset.scaling == Scaling::None && !normalized {
        warnings.push((
            Lint::UnscaledInputs,
            Finding::new(
                Path::default().key("dataset").key("scaling"),
                "pixels from 0 to 255 go into the network as they are",
                "write `scaling: unit` or `standardize`, or begin with `batch_normalization`",
            ),
        ));
    }
}

fn batches(setup: &Setup, rows: usize, warnings: &mut Warnings) {
    let normalizes = setup.model.layers.iter().any(|l| matches!(l, Layer::BatchNormalization(_)));
    if !normalizes {
        return;
    }
    let size = setup.training.batch_size;
    let path = Path::default().key("training").key("batch_size");
    let message = if size == 1 {
        "batch normalization over batches of one row".to_owned()
    } else if rows % size == 1 {
        format!("the last of each epoch's batches has one row ({rows} rows in batches of {size})")
    } else {
        return;
    };
    let help = "choose another batch size: with one row the variance is 0, and the output is beta \
                whatever the input";
    warnings.push((Lint::BatchOfOne, Finding::new(path, message, help)));
}

fn learning_rate(optimizer: &OptimizerSpec, warnings: &mut Warnings) {
    // The range that textbooks and defaults are in, for each.
    let (name, low, high) = match optimizer {
        OptimizerSpec::Sgd(_) => ("sgd", 1e-3, 1e-1),
        OptimizerSpec::Rmsprop(_) => ("rmsprop", 1e-4, 1e-2),
        OptimizerSpec::Adagrad(_) => ("adagrad", 1e-3, 1e-1),
        OptimizerSpec::Adadelta(_) => ("adadelta", 1e-3, 1.0),
        OptimizerSpec::Adam(_) => ("adam", 1e-4, 1e-2),
        OptimizerSpec::Adamax(_) => ("adamax", 1e-4, 1e-2),
        OptimizerSpec::Nadam(_) => ("nadam", 1e-4, 1e-2),
        OptimizerSpec::Adamw(_) => ("adamw", 1e-4, 1e-2),
        OptimizerSpec::Lion(_) => ("lion", 1e-5, 1e-3),
    };
    let rate = optimizer.learning_rate();
    if rate < low / 10.0 || rate > high * 10.0 {
        let path = Path::default().key("training").key("optimizer").key(name).key("learning_rate");
        let message = format!("learning rate {rate} is far from what is usual for {name}");
        let help = format!("usual is from {low} to {high}");
        warnings.push((Lint::UnusualLearningRate, Finding::new(path, message, help)));
    }
}

fn metrics(metrics: &[MetricSpec], classes: usize, warnings: &mut Warnings) {
    let path = Path::default().key("training").key("metrics");
    for (i, metric) in metrics.iter().enumerate() {
        match metric {
            MetricSpec::TopKAccuracy(TopKAccuracy { k }) if *k >= classes => warnings.push((
                Lint::TopKOfAllClasses,
                Finding::new(
                    path.index(i).key("top_k_accuracy").key("k"),
                    format!("of {classes} classes, the right one is always among the first {k}"),
                    format!("choose a `k` below {classes}"),
                ),
            )),
            MetricSpec::Accuracy | MetricSpec::TopKAccuracy(_) => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    /// Codes of all warnings about a network of these layers, with their places.
    fn codes(layers: serde_json::Value, change: impl Fn(&mut Setup)) -> Vec<(String, String)> {
        let mut setup: Setup = serde_json::from_value(json!({
            "dataset": { "name": "fashion_mnist" },
            "model": { "layers": layers },
            "training": { "optimizer": { "sgd": {} }, "epochs": 1 },
        }))
        .unwrap();
        change(&mut setup);
        let warnings = lint(&setup, 1000, 8);
        warnings.into_iter().map(|(l, f)| (l.code().to_owned(), f.path.to_string())).collect()
    }

    fn one(code: Lint, path: &str) -> Vec<(String, String)> {
        vec![(code.code().to_owned(), path.to_owned())]
    }

    fn dense(parameters: serde_json::Value) -> serde_json::Value {
        let mut dense = json!({ "units": 8 });
        for (key, value) in parameters.as_object().unwrap() {
            dense[key] = value.clone();
        }
        json!({ "dense": dense })
    }

    #[test]
    fn a_sound_network_gives_no_warning() {
        let bn = json!({"batch_normalization": {}});
        let layers = json!([
            bn,
            dense(json!({"use_bias": false})),
            bn,
            {"activation": "relu"},
            {"dropout": {"rate": 0.5}},
            dense(json!({"activation": "softmax"})),
        ]);
        assert_eq!(codes(layers, |_| ()), []);
    }

    #[test]
    fn each_warning_is_given_at_its_place() {
        let bn = json!({"batch_normalization": {}});
        let layers = json!([dense(json!({})), bn]);
        let expected = one(Lint::BiasBeforeBatchNormalization, "model.layers[0].dense");
        assert_eq!(codes(layers, |_| ()), expected);

        let logits = json!([dense(json!({"use_bias": false})), bn, {"activation": "softmax"}]);
        let expected = one(Lint::BatchNormalizationOfLogits, "model.layers[1].batch_normalization");
        assert_eq!(codes(logits, |_| ()), expected);

        let momentum = json!([{"batch_normalization": {"momentum": 0.1}}]);
        let place = "model.layers[0].batch_normalization.momentum";
        assert_eq!(codes(momentum, |_| ()), one(Lint::BatchNormalizationMomentum, place));

        let he = json!([dense(json!({"activation": "tanh", "kernel_initializer": "he_normal"}))]);
        let place = "model.layers[0].dense.kernel_initializer";
        assert_eq!(codes(he, |_| ()), one(Lint::InitializerForOtherActivation, place));

        let relu = vec![dense(json!({"activation": "relu"})); 5];
        assert_eq!(codes(json!(relu), |_| ()).len(), 5);
        assert_eq!(codes(json!(relu[1..]), |_| ()), []);

        let dropout = json!([{"dropout": {"rate": 0.5}}, bn]);
        let expected = one(Lint::DropoutBeforeBatchNormalization, "model.layers[0].dropout");
        assert_eq!(codes(dropout, |_| ()), expected);
    }

    #[test]
    fn numbers_are_looked_at_too() {
        let bn = json!([{"batch_normalization": {}}]);
        let plain = json!([dense(json!({}))]);
        let batch = |size: usize| move |setup: &mut Setup| setup.training.batch_size = size;
        let expected = one(Lint::BatchOfOne, "training.batch_size");
        assert_eq!(codes(bn.clone(), batch(1)), expected);
        assert_eq!(codes(bn.clone(), batch(27)), expected, "1000 = 37 × 27 + 1");
        assert_eq!(codes(bn.clone(), batch(10)), []);
        assert_eq!(codes(plain.clone(), batch(1)), []);

        let raw = |setup: &mut Setup| setup.dataset.scaling = Scaling::None;
        assert_eq!(codes(plain.clone(), raw), one(Lint::UnscaledInputs, "dataset.scaling"));
        assert_eq!(codes(bn, raw), []);

        let rate = |rate: f64| {
            move |setup: &mut Setup| {
                setup.training.optimizer =
                    serde_json::from_value(json!({"sgd": {"learning_rate": rate}})).unwrap();
            }
        };
        let place = "training.optimizer.sgd.learning_rate";
        assert_eq!(codes(plain.clone(), rate(5.0)), one(Lint::UnusualLearningRate, place));
        assert_eq!(codes(plain, rate(0.5)), []);
    }

    #[test]
    fn a_metric_that_is_always_one_is_no_measure() {
        let top = |k: usize| {
            move |setup: &mut Setup| {
                setup.training.metrics =
                    serde_json::from_value(json!(["accuracy", {"top_k_accuracy": {"k": k}}]))
                        .unwrap();
            }
        };
        let plain = json!([dense(json!({}))]);
        let place = "training.metrics[1].top_k_accuracy.k";
        assert_eq!(codes(plain.clone(), top(8)), one(Lint::TopKOfAllClasses, place));
        assert_eq!(codes(plain, top(7)), []);
    }
}
