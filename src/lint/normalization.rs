//! Batch normalization: its momentum, its batches, its place.

use crate::numbers::percent;
use crate::spec::{Activation, BatchNormalization, Finding, Layer, Path, Setup};

use super::{Lint, Warnings};

/// A share of the initial moving statistics that may be left at the end of training.
const NEGLIGIBLE: f64 = 0.05;
/// Momentum up to this is taken for that of a library with the opposite convention.
const OPPOSITE: f64 = 0.5;

/// Warnings about the batch normalizations of a setup that trains on `rows` rows for `steps` steps.
pub fn check(setup: &Setup, rows: usize, steps: usize, warnings: &mut Warnings) {
    let layers = &setup.model.layers;
    let path = Path::default().key("model").key("layers");
    let bns = layers.iter().enumerate().filter_map(|(i, layer)| match layer {
        Layer::BatchNormalization(bn) => Some((i, bn)),
        Layer::Flatten(_)
        | Layer::Dense(_)
        | Layer::Activation(_)
        | Layer::Dropout(_)
        | Layer::Conv2d(_)
        | Layer::MaxPooling2d(_)
        | Layer::AveragePooling2d(_)
        | Layer::GlobalAveragePooling2d(_)
        | Layer::LayerNormalization(_)
        | Layer::Prelu(_)
        | Layer::AlphaDropout(_)
        | Layer::GaussianNoise(_) => None,
    });
    let bns: Vec<(usize, &BatchNormalization)> = bns.collect();
    for (i, bn) in &bns {
        let here = path.index(*i).key("batch_normalization");
        if bn.momentum <= OPPOSITE {
            opposite_momentum(bn.momentum, &here, warnings);
        }
        if i + 2 == layers.len() && is_softmax(layers.last()) {
            let finding = Finding::new(
                here,
                "batch normalization of the scores before the softmax",
                "put it before the last dense layer: normalized scores cannot tell sure answers \
                 from unsure ones",
            );
            warnings.push((Lint::BatchNormalizationOfLogits, finding));
        }
    }
    // A frozen layer uses its moving statistics in training, too, and leaves them as they are.
    let trained: Vec<_> = bns.into_iter().filter(|(_, bn)| bn.trainable).collect();
    if !trained.is_empty() {
        batches(setup, rows, warnings);
    }
    // Statistics that come from a file are not initial ones.
    if setup.model.initial_weights.is_none() {
        unconverged(&trained, steps, &path, warnings);
    }
}

fn opposite_momentum(momentum: f64, layer: &Path, warnings: &mut Warnings) {
    let kept = 1.0 - momentum;
    let finding = Finding::new(
        layer.key("momentum"),
        format!("momentum {momentum} forgets the moving statistics fast"),
        format!(
            "here, as in Keras, it is the share that is kept; what PyTorch calls {momentum} is \
             {kept} here"
        ),
    );
    warnings.push((Lint::BatchNormalizationMomentum, finding));
}

fn is_softmax(layer: Option<&Layer>) -> bool {
    matches!(layer, Some(Layer::Activation(activation)) if activation.0 == Activation::Softmax)
}

fn batches(setup: &Setup, rows: usize, warnings: &mut Warnings) {
    let size = setup.training.batch_size;
    let path = Path::default().key("training").key("batch_size");
    let message = if size == 1 {
        "batch normalization over batches of one row".to_owned()
    } else if size > 0 && rows % size == 1 {
        format!("the last of each epoch's batches has one row ({rows} rows in batches of {size})")
    } else {
        return;
    };
    let help = "choose another batch size: with one row the variance is 0, and the output is beta \
                whatever the input";
    warnings.push((Lint::BatchOfOne, Finding::new(path, message, help)));
}

/// One warning for all layers with the same momentum, at the first of them.
fn unconverged(
    layers: &[(usize, &BatchNormalization)],
    steps: usize,
    path: &Path,
    warnings: &mut Warnings,
) {
    for (n, (i, bn)) in layers.iter().enumerate() {
        let momentum = bn.momentum;
        let same = |other: &&(usize, &BatchNormalization)| other.1.momentum == momentum;
        let left = momentum.powf(steps as f64);
        if left <= NEGLIGIBLE || layers[..n].iter().any(|other| same(&other)) {
            continue;
        }
        let others = match layers.iter().filter(same).count() - 1 {
            0 => String::new(),
            1 => ", also in 1 more layer".to_owned(),
            more => format!(", also in {more} more layers"),
        };
        let message = format!(
            "momentum {momentum} keeps {momentum}^{steps} = {} of the initial moving mean 0 and \
             variance 1 at the end of training{others}",
            percent(left)
        );
        let finding = Finding::new(
            path.index(*i).key("batch_normalization").key("momentum"),
            message,
            format!("validation and test use these statistics: {}", remedy(momentum, steps)),
        );
        warnings.push((Lint::UnconvergedMovingStatistics, finding));
    }
}

/// How many steps, or which momentum, leave a negligible share.
fn remedy(momentum: f64, steps: usize) -> String {
    let needed = NEGLIGIBLE.ln() / momentum.ln();
    let steps_text = if needed.is_finite() && needed > 0.0 && needed < 1e9 {
        format!("train for at least {:.0} steps", needed.ceil())
    } else {
        "train for more steps".to_owned()
    };
    // Rounded down, so that what is advised is enough.
    let lower = (NEGLIGIBLE.powf(1.0 / steps.max(1) as f64) * 100.0).floor() / 100.0;
    if lower > OPPOSITE && lower < momentum {
        format!("{steps_text} ({steps} now), or lower the momentum to {lower}")
    } else {
        format!("{steps_text} ({steps} now)")
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::test_setup::{FACTS, codes, codes_of, dense, one, setup, words};
    use super::*;

    #[test]
    fn momentum_of_other_libraries_and_normalized_scores_are_warned_of() {
        let bn = json!({"batch_normalization": {}});
        let logits = json!([dense(json!({"use_bias": false})), bn, {"activation": "softmax"}]);
        let expected = one(Lint::BatchNormalizationOfLogits, "model.layers[1].batch_normalization");
        assert_eq!(codes(logits, |_| ()), expected);

        let momentum = json!([{"batch_normalization": {"momentum": 0.1}}]);
        let place = "model.layers[0].batch_normalization.momentum";
        assert_eq!(codes(momentum, |_| ()), one(Lint::BatchNormalizationMomentum, place));
    }

    #[test]
    fn a_batch_of_one_row_is_warned_of_where_it_is_normalized() {
        let bn = json!([{"batch_normalization": {}}]);
        let frozen = json!([{"batch_normalization": {"trainable": false}}]);
        let batch = |size: usize| move |setup: &mut Setup| setup.training.batch_size = size;
        let expected = one(Lint::BatchOfOne, "training.batch_size");
        assert_eq!(codes(bn.clone(), batch(1)), expected);
        assert_eq!(codes(bn.clone(), batch(27)), expected, "1000 = 37 × 27 + 1");
        assert_eq!(codes(bn, batch(10)), []);
        assert_eq!(codes(frozen, batch(1)), []);
        assert_eq!(codes(json!([dense(json!({}))]), batch(1)), []);
    }

    #[test]
    fn moving_statistics_that_stay_near_their_start_are_warned_of() {
        // 14 steps: 7 batches in each of 2 epochs.
        let short = |layers| {
            let mut setup = setup(layers);
            setup.dataset.train_limit = Some(220);
            setup.training.epochs = 2;
            setup
        };
        let bn = json!({"batch_normalization": {}});
        let relu = json!({"activation": "relu"});
        let (message, help) = words(&short(json!([bn, relu, bn])));
        assert_eq!(
            message,
            "momentum 0.99 keeps 0.99^14 = 87 % of the initial moving mean 0 and variance 1 at the \
             end of training, also in 1 more layer"
        );
        assert_eq!(
            help,
            "validation and test use these statistics: train for at least 299 steps (14 now), or \
             lower the momentum to 0.8"
        );
        let place = "model.layers[0].batch_normalization.momentum";
        let expected = one(Lint::UnconvergedMovingStatistics, place);
        assert_eq!(codes_of(&short(json!([bn])), &FACTS), expected);

        // What the message advises is enough.
        let lower = json!({"batch_normalization": {"momentum": 0.8}});
        assert_eq!(codes_of(&short(json!([lower])), &FACTS), []);
        let mut longer = short(json!([bn]));
        longer.training.epochs = 43;
        assert_eq!(codes_of(&longer, &FACTS), [], "301 steps");
        longer.training.epochs = 42;
        assert_eq!(codes_of(&longer, &FACTS), expected, "294 steps");

        // Frozen layers keep their statistics on purpose, and those from a file are not initial.
        let frozen = json!({"batch_normalization": {"trainable": false}});
        assert_eq!(codes_of(&short(json!([frozen])), &FACTS), []);
        let mut begun = short(json!([bn]));
        begun.model.initial_weights = Some(std::path::PathBuf::from("weights.safetensors").into());
        assert_eq!(codes_of(&begun, &FACTS), []);
    }

    #[test]
    fn the_remedy_does_not_advise_a_momentum_that_is_warned_of() {
        assert_eq!(remedy(0.99, 3), "train for at least 299 steps (3 now)");
        assert_eq!(
            remedy(0.999, 1720),
            "train for at least 2995 steps (1720 now), or lower the momentum to 0.99"
        );
    }
}
