//! Layers that do not go together: biases, initializers, dropout.

use crate::spec::{Activation, Finding, Initializer, Layer, Path};

use super::{Lint, Warnings};

/// The number of relu layers from which a stack is deep.
const DEEP: usize = 5;

/// Warnings about the layers of a network.
pub fn check(layers: &[Layer], warnings: &mut Warnings) {
    let path = Path::default().key("model").key("layers");
    let relu_layers = (0..layers.len()).filter(|i| is_followed_by_relu(layers, *i)).count();
    let deep = relu_layers >= DEEP;
    for (i, layer) in layers.iter().enumerate() {
        let here = path.index(i).key(layer.kind());
        let bn_next = matches!(layers.get(i + 1), Some(Layer::BatchNormalization(_)));
        match layer {
            Layer::Dense(dense) => {
                let linear = dense.activation == Activation::Linear;
                useless_bias(bn_next && linear && dense.use_bias, &here, warnings);
                let at = here.key("kernel_initializer");
                initializer(&dense.kernel_initializer, acting(layers, i), deep, &at, warnings);
            }
            Layer::Conv2d(conv) => {
                let linear = conv.activation == Activation::Linear;
                useless_bias(bn_next && linear && conv.use_bias, &here, warnings);
                let at = here.key("kernel_initializer");
                initializer(&conv.kernel_initializer, acting(layers, i), deep, &at, warnings);
            }
            Layer::Dropout(dropout) => {
                if bn_next {
                    let finding = Finding::new(
                        here.clone(),
                        "dropout right before batch normalization",
                        "put the dropout after the normalization: its outputs vary more in \
                         training than later, so that the moving variance is wrong (Li et al. 2019)",
                    );
                    warnings.push((Lint::DropoutBeforeBatchNormalization, finding));
                }
                if dropout.rate > 0.0 && comes_from_selu(&layers[..i]) {
                    let rate = dropout.rate;
                    let finding = Finding::new(
                        here,
                        format!(
                            "dropout with rate {rate} after selu: training no longer keeps mean 0 \
                             and variance 1"
                        ),
                        format!("use `alpha_dropout: {{ rate: {rate} }}`, which keeps both"),
                    );
                    warnings.push((Lint::DropoutAfterSelu, finding));
                }
            }
            Layer::Flatten(_)
            | Layer::BatchNormalization(_)
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
            "write `use_bias: false`: the normalization subtracts it, and its own beta takes its \
             place",
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

/// Whether the output of a stack of layers is that of selu, with nothing but reshaping since.
fn comes_from_selu(layers: &[Layer]) -> bool {
    let last = layers.iter().rev().find(|layer| !matches!(layer, Layer::Flatten(_)));
    last.is_some_and(|layer| {
        let alone =
            matches!(layer, Layer::Activation(activation) if activation.0 == Activation::Selu);
        alone || own_activation(layer) == Some(Activation::Selu)
    })
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

fn is_followed_by_relu(layers: &[Layer], i: usize) -> bool {
    own_activation(&layers[i]).is_some() && acting(layers, i) == Activation::Relu
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
    let lecun = matches!(initializer, Initializer::LecunNormal | Initializer::LecunUniform);
    let saturating = matches!(activation, Activation::Tanh | Activation::Sigmoid);
    let (message, help) = if he && saturating {
        ("a he initializer before a saturating activation", "use `glorot_uniform`, made for it")
    } else if activation == Activation::Selu && !lecun {
        ("selu without its initializer", "use `lecun_normal`: selu keeps mean and variance with it")
    } else if glorot && deep && activation == Activation::Relu {
        (
            "a glorot initializer in a deep stack of relu layers",
            "use `he_normal`: relu halves the variance, and glorot does not make up for it",
        )
    } else {
        return;
    };
    let finding = Finding::new(path.clone(), message, help);
    warnings.push((Lint::InitializerForOtherActivation, finding));
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::test_setup::{codes, dense, one};
    use super::*;

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
    fn biases_initializers_and_dropout_are_warned_of_at_their_place() {
        let bn = json!({"batch_normalization": {}});
        let layers = json!([dense(json!({})), bn]);
        let expected = one(Lint::BiasBeforeBatchNormalization, "model.layers[0].dense");
        assert_eq!(codes(layers, |_| ()), expected);

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
    fn selu_wants_lecun_also_as_a_layer_of_its_own() {
        let place = "model.layers[0].dense.kernel_initializer";
        let expected = one(Lint::InitializerForOtherActivation, place);
        let alone = json!([dense(json!({})), {"activation": "selu"}]);
        assert_eq!(codes(alone, |_| ()), expected);
        assert_eq!(codes(json!([dense(json!({"activation": "selu"}))]), |_| ()), expected);
        for lecun in ["lecun_normal", "lecun_uniform"] {
            let keys = json!({"activation": "selu", "kernel_initializer": lecun});
            assert_eq!(codes(json!([dense(keys)]), |_| ()), []);
        }
    }

    #[test]
    fn dropout_after_selu_is_warned_of_wherever_the_selu_stands() {
        let selu = dense(json!({"activation": "selu", "kernel_initializer": "lecun_normal"}));
        let linear = dense(json!({"kernel_initializer": "lecun_normal"}));
        let (alone, dropout) = (json!({"activation": "selu"}), json!({"dropout": {"rate": 0.1}}));
        let expected = |i| one(Lint::DropoutAfterSelu, &format!("model.layers[{i}].dropout"));
        assert_eq!(codes(json!([selu, dropout]), |_| ()), expected(1));
        assert_eq!(codes(json!([selu, "flatten", dropout]), |_| ()), expected(2));
        assert_eq!(codes(json!([linear, alone, dropout]), |_| ()), expected(2));
        // The neighbours that are meant so.
        let alpha = json!({"alpha_dropout": {"rate": 0.1}});
        let none = json!({"dropout": {"rate": 0.0}});
        let relu = dense(json!({"activation": "relu"}));
        for sensible in [json!([selu, alpha]), json!([selu, none]), json!([selu, relu, dropout])] {
            assert_eq!(codes(sensible, |_| ()), []);
        }
        assert_eq!(codes(json!([dropout, selu]), |_| ()), [], "dropout of the inputs");
    }
}
