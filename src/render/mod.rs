//! Charts and tables for people, from [`crate::analysis`] alone.
//!
//! A figure is one function from results to a PNG file: `learning_curves`, `accuracy_vs_time`,
//! `comparison`. It decides what goes where, in points, and draws with `panel` (axes and curves),
//! `legend` and `figure` (title, notes) on a `canvas`. Sizes and colours have names in `theme`,
//! `axis` chooses ranges and ticks, `text` measures before anything is drawn. To add a plot, write
//! such a function and name it in [`draw_experiment`].

mod accuracy_vs_time;
mod axis;
mod canvas;
mod claims;
mod compare;
mod comparison;
mod export;
mod figure;
mod learning_curves;
mod legend;
mod panel;
mod parquet;
mod rows;
mod table;
mod text;
mod text_table;
mod theme;

pub use claims::claims_table;
pub use compare::{USUAL_METRICS, compare_table, differences_table};
pub use export::{rounded, to_json};
pub use parquet::to_parquet;
pub use rows::{Lean, plain_table};
pub use table::results_table;
pub use text_table::TextTable;

use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};

use crate::analysis::ExperimentResults;
use crate::record::write_atomically;

/// Draws the charts of one experiment into its folder and returns their paths. A chart without
/// anything to show, such as of an experiment whose trials all failed, is not drawn.
///
/// # Errors
/// When the folder cannot be written to.
pub fn draw_experiment(folder: &Path, results: &ExperimentResults) -> Result<Vec<PathBuf>> {
    let charts = [
        ("learning_curves.png", learning_curves::draw(results)?),
        ("accuracy_vs_time.png", accuracy_vs_time::draw(results)?),
    ];
    let mut written = Vec::new();
    for (name, png) in charts {
        written.extend(replace(folder.join(name), png)?);
    }
    Ok(written)
}

/// Draws `comparison.png`, everything side by side; `None` where nothing was completed.
///
/// # Errors
/// When the folder cannot be written to.
pub fn draw_comparison(
    results: &Path,
    experiments: &[ExperimentResults],
) -> Result<Option<PathBuf>> {
    replace(results.join("comparison.png"), comparison::draw(experiments)?)
}

/// Puts a chart in place of the last one. Where there is nothing to show, the last one goes: it
/// would be taken for this run's.
fn replace(path: PathBuf, png: Option<Vec<u8>>) -> Result<Option<PathBuf>> {
    let Some(png) = png else {
        return match std::fs::remove_file(&path) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                Err(error).with_context(|| format!("cannot remove `{}`", path.display()))
            }
            Ok(()) | Err(_) => Ok(None),
        };
    };
    write_atomically(&path, &png)?;
    Ok(Some(path))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::analysis::test_data::{epoch, trial};
    use crate::record::RecordedTrial;

    struct Picture {
        info: png::Info<'static>,
        pixels: Vec<u8>,
    }

    fn picture(path: &Path) -> Picture {
        let file = std::io::BufReader::new(std::fs::File::open(path).unwrap());
        let mut reader = png::Decoder::new(file).read_info().unwrap();
        let mut pixels = vec![0; reader.output_buffer_size().unwrap()];
        reader.next_frame(&mut pixels).unwrap();
        Picture { info: reader.info().clone(), pixels }
    }

    impl Picture {
        fn count(&self, colour: plotters::style::RGBColor) -> usize {
            let wanted = [colour.0, colour.1, colour.2];
            self.pixels.chunks_exact(3).filter(|pixel| *pixel == wanted).count()
        }

        /// Whether everything keeps away from the edges, as nothing that is clipped does.
        fn has_margins(&self) -> bool {
            let (width, height) = (self.info.width as usize, self.info.height as usize);
            let dirty = |x: usize, y: usize| self.pixels[(y * width + x) * 3..][..3] != [255; 3];
            let margin = (theme::MARGIN * 0.5 * f64::from(theme::DPI) / 72.0) as usize;
            let inside = |x, y| {
                (margin..width - margin).contains(&x) && (margin..height - margin).contains(&y)
            };
            (0..height).all(|y| (0..width).all(|x| inside(x, y) || !dirty(x, y)))
        }
    }

    fn experiment(labels: &[String], seeds: u64, epochs: usize) -> ExperimentResults {
        let mut trials = Vec::new();
        for (index, label) in labels.iter().enumerate() {
            for seed in 0..seeds {
                let accuracy =
                    |epoch| 0.9 - 0.02 * index as f64 - 0.3 / epoch as f64 + 0.003 * seed as f64;
                let accuracies: Vec<f64> = (1..=epochs).map(accuracy).collect();
                trials.push(trial("e", label, &[], seed, &accuracies));
            }
        }
        ExperimentResults::new("e", "About something. And more.", trials)
    }

    fn labels(n: usize) -> Vec<String> {
        (0..n).map(|i| format!("variant_{i}")).collect()
    }

    #[test]
    fn every_case_is_in_every_chart_in_its_colour_at_300_dpi() {
        let folder = tempfile::tempdir().unwrap();
        for (seeds, epochs) in [(3, 10), (1, 1)] {
            let results = experiment(&labels(3), seeds, epochs);
            let mut paths = draw_experiment(folder.path(), &results).unwrap();
            assert_eq!(paths.len(), 2);
            paths.extend(draw_comparison(folder.path(), &[results]).unwrap());
            assert_eq!(paths.len(), 3);
            for path in &paths {
                let picture = picture(path);
                assert_eq!(picture.info.pixel_dims.unwrap().xppu, 11811);
                for style in (0..3).map(theme::case_style) {
                    let found = picture.count(style.colour);
                    assert!(found > 200, "{found} pixels of {style:?} in {}", path.display());
                }
                assert_eq!(picture.count(theme::case_style(3).colour), 0);
            }
        }
    }

    #[test]
    fn nothing_is_clipped_whatever_the_names_and_however_many() {
        let folder = tempfile::tempdir().unwrap();
        let mut names = labels(12);
        names.push("a_very_long_name_".repeat(20));
        names.push("批归一化 🧪 \u{202e}\u{1b}[31m\n".repeat(9));
        names.extend((0..12).map(|i| format!("default,learning_rate=0.000{i},batch_size=128")));
        for names in [&names[..], &names[11..15], &names[14..22]] {
            let results = experiment(names, 2, 4);
            let mut paths = draw_experiment(folder.path(), &results).unwrap();
            let other = ExperimentResults { name: "x".repeat(300), ..results.clone() };
            paths.extend(draw_comparison(folder.path(), &[results, other]).unwrap());
            for path in paths {
                assert!(picture(&path).has_margins(), "{} is clipped", path.display());
            }
        }
    }

    #[test]
    fn nothing_completed_is_no_chart_and_no_error() {
        let folder = tempfile::tempdir().unwrap();
        let failed = trial("e", "a", &[], 1, &[]);
        for trials in [vec![], vec![failed]] {
            let results = ExperimentResults::new("e", "", trials);
            assert_eq!(draw_experiment(folder.path(), &results).unwrap(), Vec::<PathBuf>::new());
            assert_eq!(draw_comparison(folder.path(), &[results]).unwrap(), None);
        }
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
    }

    #[test]
    fn numbers_that_are_none_are_left_out() {
        let folder = tempfile::tempdir().unwrap();
        let with = |seed, values: &[f64]| RecordedTrial {
            epochs: values.iter().enumerate().map(|(i, v)| epoch(i + 1, *v)).collect(),
            ..trial("e", &format!("v{seed}"), &[], seed, &[*values.last().unwrap()])
        };
        let mut without_validation = with(4, &[0.5, 0.6]);
        for row in &mut without_validation.epochs {
            (row.val_accuracy, row.val_loss) = (None, None);
        }
        let trials = vec![
            with(0, &[f64::NAN, f64::NAN]),
            with(1, &[0.5, f64::INFINITY, 0.6]),
            with(2, &[f64::NEG_INFINITY, 1e-300, 1e300]),
            with(3, &[0.0, 0.0]),
            without_validation,
        ];
        let results = ExperimentResults::new("e", "", trials.clone());
        assert_eq!(draw_experiment(folder.path(), &results).unwrap().len(), 2);
        assert!(draw_comparison(folder.path(), &[results]).unwrap().is_some());
        for one in trials {
            let results = ExperimentResults::new("e", "", vec![one]);
            draw_experiment(folder.path(), &results).unwrap();
            draw_comparison(folder.path(), &[results]).unwrap();
        }
    }
}
