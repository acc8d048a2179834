//! Charts, tables and the report for people, from [`crate::analysis`] alone.
//!
//! A chart is one function from results to a [`canvas::Canvas`], in the file of its [`Plot`]. It
//! decides what goes where, in points, and draws with `panel` (axes and curves), `legend`, `rows`
//! and `figure` (title, notes, which cases are shown). Sizes and colours have names in `theme`,
//! `axis` chooses ranges and ticks, `text` measures before anything is drawn. The canvas becomes a
//! PNG file (`raster`) or an SVG file (`svg`), light or dark. `report` is the page that has
//! everything.

mod accuracy_vs_time;
mod axis;
mod base64;
mod canvas;
mod comparison;
mod confusion_matrix;
mod curves;
mod figure;
mod final_accuracy;
mod grid_line;
mod heat_map;
mod learning_curves;
mod learning_rate;
mod legend;
mod mistakes;
mod panel;
mod parameters_vs_accuracy;
mod raster;
mod report;
mod rows;
mod svg;
mod table;
mod text;
mod theme;
mod to_target;

pub use figure::{BadOption, Options, TimeAxis};
pub use report::report;
pub use table::results_table;
pub use theme::{DPI, Theme};

use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};

use crate::analysis::ExperimentResults;
use crate::record::{GreyImage, write_atomically};
use crate::spec::Plot;

use canvas::Canvas;

/// How a chart is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Format {
    /// Pixels.
    Png,
    /// Shapes and text.
    Svg,
}

impl Format {
    /// The ending of its files.
    pub fn ending(self) -> &'static str {
        match self {
            Self::Png => "png",
            Self::Svg => "svg",
        }
    }
}

/// How a chart looks.
#[derive(Debug, Clone, Copy)]
pub struct Look {
    /// Light or dark.
    pub theme: Theme,
    /// Pixels per inch; an SVG file has none.
    pub dpi: u32,
    /// PNG or SVG.
    pub format: Format,
}

impl Default for Look {
    fn default() -> Self {
        Self { theme: Theme::Light, dpi: DPI, format: Format::Png }
    }
}

/// A chart as a file's content, or `None` where there is nothing for it to show. Only a comparison
/// spans several experiments; of all others, the first is drawn.
///
/// # Errors
/// When the chart cannot follow the options ([`BadOption`]), or when a file it needs is damaged.
pub fn chart(
    plot: Plot,
    experiments: &[ExperimentResults],
    options: &Options,
    look: Look,
) -> Result<Option<Vec<u8>>> {
    let Some(canvas) = canvas(plot, experiments, options)? else { return Ok(None) };
    match look.format {
        Format::Png => canvas.png(look.theme, look.dpi).map(Some),
        Format::Svg => canvas.svg(look.theme).map(|text| Some(text.into_bytes())),
    }
}

fn canvas(
    plot: Plot,
    experiments: &[ExperimentResults],
    options: &Options,
) -> Result<Option<Canvas>> {
    let Some(results) = experiments.first() else { return Ok(None) };
    match plot {
        Plot::LearningCurves => learning_curves::draw(results, options),
        Plot::AccuracyVsTime => accuracy_vs_time::draw(results, options),
        Plot::EpochsToTarget => to_target::draw(results, options, TimeAxis::Epoch),
        Plot::SecondsToTarget => to_target::draw(results, options, TimeAxis::Seconds),
        Plot::FinalAccuracy => final_accuracy::draw(results, options),
        Plot::ParametersVsAccuracy => parameters_vs_accuracy::draw(results, options),
        Plot::HeatMap => heat_map::draw(results, options),
        Plot::ConfusionMatrix => confusion_matrix::draw(results, options),
        Plot::Mistakes => mistakes::draw(results, options),
        Plot::LearningRate => learning_rate::draw(results, options),
        Plot::Comparison => comparison::draw(experiments, options),
    }
}

/// The charts that make sense for an experiment whose file does not choose: few, as every run draws
/// them.
pub fn default_plots(results: &ExperimentResults) -> Vec<Plot> {
    let trials = results.cases.iter().map(|case| case.completed().count()).sum::<usize>();
    let makes_sense = |plot: &Plot| match plot {
        Plot::LearningCurves | Plot::AccuracyVsTime | Plot::ConfusionMatrix => true,
        Plot::FinalAccuracy => trials > 1,
        Plot::HeatMap => !heat_map::varied_keys(results).is_empty(),
        Plot::LearningRate => learning_rate::changes(results),
        Plot::EpochsToTarget
        | Plot::SecondsToTarget
        | Plot::ParametersVsAccuracy
        | Plot::Mistakes
        | Plot::Comparison => false,
    };
    Plot::ALL.into_iter().filter(makes_sense).collect()
}

/// Draws the charts of one experiment into its folder and returns their paths: those given, or else
/// the default ones. A chart without anything to show, such as of an experiment whose trials all
/// failed, is not drawn; what an earlier run drew and this one does not is removed.
///
/// # Errors
/// When the folder cannot be written to, or a file that a chart needs is damaged.
pub fn draw_experiment(
    folder: &Path,
    results: &ExperimentResults,
    plots: Option<&[Plot]>,
) -> Result<Vec<PathBuf>> {
    let default = default_plots(results);
    let plots = plots.unwrap_or(&default);
    let mut written = Vec::new();
    for plot in Plot::ALL {
        let one = std::slice::from_ref(results);
        let png = match plots.contains(&plot) {
            true => chart(plot, one, &Options::default(), Look::default())?,
            false => None,
        };
        written.extend(replace(folder.join(format!("{plot}.png")), png)?);
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
    let png = chart(Plot::Comparison, experiments, &Options::default(), Look::default())?;
    replace(results.join("comparison.png"), png)
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

/// A PNG file of a grey image as it is.
fn grey_png(image: &GreyImage) -> Result<Vec<u8>> {
    let mut file = Vec::new();
    let mut encoder = png::Encoder::new(&mut file, image.width as u32, image.height as u32);
    encoder.set_color(png::ColorType::Grayscale);
    let mut writer = encoder.write_header().context("cannot encode an image")?;
    writer.write_image_data(&image.pixels).context("cannot encode an image")?;
    writer.finish().context("cannot encode an image")?;
    Ok(file)
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
