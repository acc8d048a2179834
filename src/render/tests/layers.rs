//! Charts of what was seen of layers.

use std::path::Path;

use super::{assert_legible, experiment, labels, words};
use crate::analysis::ExperimentResults;
use crate::analysis::test_data::trial;
use crate::record::{Diagnosis, DiagnosticsWriter, Histogram, LayerRow, TrialDir};
use crate::render::{BadOption, Options, canvas, default_plots};
use crate::spec::Plot;

/// Trials with diagnostics, as many layers deep: without normalization, gradients fall and
/// activations become one number.
pub fn with_layers(
    folder: &Path,
    names: &[String],
    depth: usize,
    epochs: usize,
) -> ExperimentResults {
    let mut trials = Vec::new();
    for (index, label) in names.iter().enumerate() {
        for seed in 1..=2 {
            let mut one = trial("e", label, &[], seed, &vec![0.5; epochs]);
            one.dir = TrialDir::existing(folder.join(format!("{depth}-{epochs}-{index}-{seed}")));
            std::fs::create_dir_all(one.dir.path()).unwrap();
            let mut files = DiagnosticsWriter::create(&one.dir).unwrap();
            for epoch in 1..=epochs {
                let mut diagnosis = Diagnosis::default();
                for at in 1..=depth {
                    let name = format!("dense_{at}");
                    let from_the_end = (depth - at) as i32;
                    let shrink = if index % 2 == 0 { 0.1_f64.powi(from_the_end) } else { 1.0 };
                    diagnosis.rows.push(LayerRow {
                        gradient_norm: Some(shrink * seed as f64),
                        saturated: Some(0.01 * at as f64 / depth as f64),
                        ..LayerRow::new(epoch, &name, "dense", at)
                    });
                    let spread = if index % 2 == 0 { 0.0 } else { 1.0 / (at + index) as f32 };
                    let numbers: Vec<f32> = (0..100).map(|i| i as f32 * spread - 1.0).collect();
                    diagnosis.histograms.extend(Histogram::of(
                        epoch,
                        &name,
                        "activation",
                        &numbers,
                    ));
                }
                files.append(&diagnosis).unwrap();
            }
            trials.push(one);
        }
    }
    ExperimentResults::new("e", "", trials)
}

#[test]
fn charts_of_layers_are_legible_whatever_the_names_the_depth_and_the_size() {
    let folder = tempfile::tempdir().unwrap();
    let mut names = labels(2);
    names.push("a_very_long_name_".repeat(20));
    names.push("批归一化 🧪 \u{202e}\u{1b}[31m\n".repeat(9));
    names.extend((0..30).map(|i| format!("default,learning_rate=0.000{i},batch_size=128")));
    for (names, depth, epochs) in
        [(&names[..1], 2, 1), (&names[..4], 10, 3), (&names[2..4], 60, 2), (&names[..], 3, 2)]
    {
        let results = with_layers(folder.path(), names, depth, epochs);
        let wanted = default_plots(&results);
        for plot in [Plot::GradientNorm, Plot::ActivationDistribution] {
            assert!(wanted.contains(&plot));
            for size in [None, Some((300.0, 420.0)), Some((1000.0, 700.0))] {
                let options = Options { size, ..Options::default() };
                match canvas(plot, std::slice::from_ref(&results), &options) {
                    Ok(canvas) => {
                        let canvas = canvas.unwrap();
                        assert_legible(&canvas, &format!("{plot}, {} cases", names.len()));
                        if let Some((width, height)) = size {
                            let off = (canvas.width - width).abs() + (canvas.height - height).abs();
                            assert!(off < 1e-6, "{plot}");
                        }
                    }
                    Err(error) => assert!(size.is_some() && error.is::<BadOption>(), "{error}"),
                }
            }
        }
    }
}

#[test]
fn gradients_that_vanish_are_seen_and_other_numbers_asked_for() {
    let folder = tempfile::tempdir().unwrap();
    let results = with_layers(folder.path(), &labels(2), 9, 3);
    let draw = |y: Option<&str>| {
        let options = Options { y: y.map(str::to_owned), ..Options::default() };
        words(
            &canvas(Plot::GradientNorm, std::slice::from_ref(&results), &options).unwrap().unwrap(),
        )
    };
    let gradients = draw(None);
    for part in ["gradient norm (logarithmic)", "1e−6", "epoch 1", "epoch 3", "2 seeds each"] {
        assert!(gradients.contains(part), "{part}: {gradients}");
    }
    let saturated = draw(Some("saturated"));
    assert!(saturated.contains("saturated activations (share)"), "{saturated}");
    assert!(!default_plots(&experiment(&labels(2), 2, 3)).contains(&Plot::GradientNorm));
}
