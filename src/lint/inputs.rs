//! The data set: scaling, limits, validation.

use crate::spec::{
    BatchNormalization, DatasetSpec, Finding, Layer, Path, Scaling, Setup, Validation,
    ValidationShare,
};

use super::{DataFacts, Lint, Warnings};

/// Where validation has so many images per class of the training images, a class that is missing
/// is not missing by chance.
const ENOUGH: usize = 20;

/// How many images a setup trains on, of so many in the training files.
pub fn training_rows(dataset: &DatasetSpec, rows: usize) -> usize {
    let rows = rows.saturating_sub(dataset.validation.rows(rows));
    dataset.train_limit.map_or(rows, |limit| limit.min(rows))
}

/// Warnings about what the network sees.
pub fn check(setup: &Setup, data: &DataFacts<'_>, warnings: &mut Warnings) {
    scaling(setup, warnings);
    limits(&setup.dataset, data, warnings);
    validation(&setup.dataset, data, warnings);
}

fn scaling(setup: &Setup, warnings: &mut Warnings) {
    if setup.dataset.scaling == Scaling::None && !normalizes_inputs(setup) {
        let finding = Finding::new(
            Path::default().key("dataset").key("scaling"),
            "pixels from 0 to 255 go into the network as they are",
            "write `scaling: unit` or `standardize`, or begin with `batch_normalization` or \
             `layer_normalization`",
        );
        warnings.push((Lint::UnscaledInputs, finding));
    }
}

/// Whether the inputs are normalized before the first layer that the size of its inputs matters to.
fn normalizes_inputs(setup: &Setup) -> bool {
    for layer in &setup.model.layers {
        match layer {
            Layer::LayerNormalization(_) => return true,
            // One that is frozen at its defaults divides by 1.
            Layer::BatchNormalization(BatchNormalization { trainable, .. }) => {
                if *trainable || setup.model.initial_weights.is_some() {
                    return true;
                }
            }
            Layer::Flatten(_)
            | Layer::MaxPooling2d(_)
            | Layer::AveragePooling2d(_)
            | Layer::GlobalAveragePooling2d(_)
            | Layer::Dropout(_) => {}
            Layer::Dense(_)
            | Layer::Activation(_)
            | Layer::Conv2d(_)
            | Layer::Prelu(_)
            | Layer::AlphaDropout(_)
            | Layer::GaussianNoise(_) => return false,
        }
    }
    false
}

fn limits(dataset: &DatasetSpec, data: &DataFacts<'_>, warnings: &mut Warnings) {
    let kept_apart = dataset.validation.rows(data.rows);
    let after = if kept_apart > 0 { " after validation" } else { "" };
    let left = data.rows.saturating_sub(kept_apart);
    for (key, limit, there, what) in [
        ("train_limit", dataset.train_limit, left, format!("training images{after}")),
        ("test_limit", dataset.test_limit, data.test_rows, "test images".to_owned()),
    ] {
        if let Some(limit) = limit
            && limit > there
        {
            let finding = Finding::new(
                Path::default().key("dataset").key(key),
                format!("`{key}: {limit}` has no effect: there are {there} {what}"),
                format!("leave it out, or give a number below {there}"),
            );
            warnings.push((Lint::LimitBeyondRows, finding));
        }
    }
}

fn validation(dataset: &DatasetSpec, data: &DataFacts<'_>, warnings: &mut Warnings) {
    let is_stratified = match dataset.validation {
        Validation::Share(ValidationShare { stratified, .. }) => stratified,
        Validation::Count(_) => false,
    };
    let rows = dataset.validation.rows(data.rows);
    if is_stratified || rows == 0 || rows >= data.rows || data.classes < 2 {
        return;
    }
    let missing = match data.labels {
        Some(labels) if labels.len() == data.rows => {
            let (kept_apart, rest) = labels.split_at(rows);
            let rest = &rest[..training_rows(dataset, data.rows)];
            missing_classes(kept_apart, rest)
        }
        // One image is of one class, whatever the labels are.
        Some(_) | None if rows == 1 => "the only validation image is of one class".to_owned(),
        Some(_) | None => return,
    };
    if missing.is_empty() {
        return;
    }
    let finding = Finding::new(
        Path::default().key("dataset").key("validation"),
        missing,
        "write `validation: { fraction: 0.1, stratified: true }`, which takes images of every class, \
         or shuffle the files",
    );
    warnings.push((Lint::ValidationLacksClasses, finding));
}

/// What validation labels lack, in words; empty where they lack nothing that matters.
fn missing_classes(validation: &[u8], training: &[u8]) -> String {
    let classes = |labels: &[u8]| {
        let mut there = [false; 256];
        for label in labels {
            there[usize::from(*label)] = true;
        }
        there
    };
    let count = |there: &[bool]| there.iter().filter(|there| **there).count();
    let (kept_apart, trained) = (classes(validation), classes(training));
    let (found, known) = (count(&kept_apart), count(&trained));
    let lacking: Vec<usize> =
        (0..trained.len()).filter(|class| trained[*class] && !kept_apart[*class]).collect();
    let rows = validation.len();
    if found == 1 && known.max(found) > 1 {
        let only = kept_apart.iter().position(|there| *there).unwrap_or_default();
        return match rows {
            1 => format!("the only validation image is of class {only}"),
            rows => format!("all {rows} validation images are of class {only}"),
        };
    }
    if let [first, ..] = lacking[..]
        && rows >= ENOUGH * known
    {
        return format!(
            "the {rows} validation images lack {} of the {known} classes that are trained on, class \
             {first} for one",
            lacking.len()
        );
    }
    String::new()
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::super::test_setup::{FACTS, codes, codes_of, dense, one, setup};
    use super::*;

    #[test]
    fn raw_pixels_are_warned_of_unless_a_layer_normalizes_them_first() {
        let raw = |setup: &mut Setup| setup.dataset.scaling = Scaling::None;
        let expected = one(Lint::UnscaledInputs, "dataset.scaling");
        let (layer, plain) = (json!({"layer_normalization": {}}), dense(json!({})));
        let unbiased = dense(json!({"use_bias": false}));
        let bn = json!({"batch_normalization": {}});
        let frozen = json!({"batch_normalization": {"trainable": false}});
        assert_eq!(codes(json!([plain]), raw), expected);
        assert_eq!(codes(json!([unbiased, bn]), raw), expected, "after the first weights");
        assert_eq!(codes(json!([frozen, plain]), raw), expected);
        for sensible in [
            json!([bn, plain]),
            json!(["flatten", layer, plain]),
            json!([{"max_pooling2d": {}}, layer, "flatten", plain]),
        ] {
            assert_eq!(codes(sensible, raw), []);
        }
        assert_eq!(codes(json!([plain]), |_| ()), []);
    }

    #[test]
    fn limits_beyond_the_rows_are_warned_of() {
        let limits = |train: usize, test: usize, validation: usize| {
            let mut setup = setup(json!([dense(json!({}))]));
            setup.dataset.train_limit = Some(train);
            setup.dataset.test_limit = Some(test);
            setup.dataset.validation = Validation::Count(validation);
            codes_of(&setup, &FACTS)
        };
        assert_eq!(limits(1000, 100, 0), []);
        assert_eq!(limits(1001, 100, 0), one(Lint::LimitBeyondRows, "dataset.train_limit"));
        assert_eq!(limits(800, 100, 200), []);
        assert_eq!(limits(801, 100, 200), one(Lint::LimitBeyondRows, "dataset.train_limit"));
        assert_eq!(limits(800, 101, 200), one(Lint::LimitBeyondRows, "dataset.test_limit"));
    }

    /// Codes of the warnings about a validation split of rows with these labels.
    fn split(validation: Value, labels: &[u8]) -> Vec<(String, String)> {
        let mut setup = setup(json!([dense(json!({}))]));
        setup.dataset.validation = serde_json::from_value(validation).unwrap();
        codes_of(&setup, &DataFacts { labels: Some(labels), ..FACTS })
    }

    #[test]
    fn validation_images_of_one_class_are_warned_of() {
        let sorted: Vec<u8> = (0..1000).map(|row| (row / 125) as u8).collect();
        let shuffled: Vec<u8> = (0..1000).map(|row| (row % 8) as u8).collect();
        let expected = one(Lint::ValidationLacksClasses, "dataset.validation");
        assert_eq!(split(json!(100), &sorted), expected, "class 0 alone");
        assert_eq!(split(json!(200), &sorted), expected, "2 of 8 classes");
        assert_eq!(split(json!({"fraction": 0.2}), &sorted), expected);
        assert_eq!(split(json!(1), &shuffled), expected);
        assert_eq!(split(json!({"fraction": 0.2, "stratified": true}), &sorted), []);
        assert_eq!(split(json!(200), &shuffled), []);
        assert_eq!(split(json!(0), &sorted), []);
        // So few images may lack a class by chance.
        assert_eq!(split(json!(6), &shuffled), []);
        let one_class = [3; 1000];
        assert_eq!(split(json!(100), &one_class), [], "there are no others to validate on");
    }

    #[test]
    fn the_words_name_the_class_and_the_numbers() {
        let sorted: Vec<u8> = (0..1000).map(|row| (row / 125) as u8).collect();
        let words = |rows: usize| missing_classes(&sorted[..rows], &sorted[rows..]);
        assert_eq!(words(40), "all 40 validation images are of class 0");
        assert_eq!(
            words(200),
            "the 200 validation images lack 6 of the 7 classes that are trained on, class 2 for one"
        );
    }

    #[test]
    fn one_validation_image_is_warned_of_without_labels() {
        let mut setup = setup(json!([dense(json!({}))]));
        setup.dataset.validation = Validation::Count(1);
        let expected = one(Lint::ValidationLacksClasses, "dataset.validation");
        assert_eq!(codes_of(&setup, &FACTS), expected);
        setup.dataset.validation = Validation::Count(2);
        assert_eq!(codes_of(&setup, &FACTS), []);
    }
}
