//! Charts, tables and the report for people, from [`crate::analysis`] alone.
//!
//! A chart is one function from results to a [`canvas::Canvas`], in the file of its [`Plot`]. It
//! decides what goes where, in points, and draws with `panel` (axes and curves), `legend`, `rows`
//! and `figure` (title, notes, which cases are shown). Sizes and colours have names in `theme`,
//! `axis` chooses ranges and ticks, `text` measures before anything is drawn. The canvas becomes a
//! PNG file (`raster`) or an SVG file (`svg`), light or dark. `report` is the page that has
//! everything.

mod accuracy_vs_time;
mod activation_distribution;
mod axis;
mod base64;
mod by_depth;
mod canvas;
mod claims;
mod compare;
mod comparison;
mod confusion_matrix;
mod curves;
mod export;
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
mod parquet;
mod pixels;
mod png_file;
mod raster;
mod report;
mod rows;
mod side_by_side;
mod svg;
mod table;
mod text;
mod text_table;
mod theme;
mod to_target;

pub use claims::claims_table;
pub use compare::{USUAL_METRICS, compare_table, differences_table};
pub use export::{rounded, to_json};
pub use figure::{BadOption, Options, TimeAxis};
pub use parquet::to_parquet;
pub use report::report;
pub use table::results_table;
pub use text_table::{Lean, TextTable, plain_table};
pub use theme::{DPI, Theme};

use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};

use crate::analysis::{Case, ExperimentResults};
use crate::record::{GreyImage, remove_if_there, write_atomically};
use crate::spec::Plot;

use canvas::Canvas;
use side_by_side::side_by_side;

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
        Plot::GradientNorm => by_depth::draw(results, options),
        Plot::ActivationDistribution => activation_distribution::draw(results, options),
        Plot::Comparison => comparison::draw(experiments, options),
    }
}

/// The charts that make sense for an experiment whose file does not choose: few, as every run draws
/// them.
pub fn default_plots(results: &ExperimentResults) -> Vec<Plot> {
    let trials = results.cases.iter().map(|case| case.completed().count()).sum::<usize>();
    let mut completed = results.cases.iter().flat_map(Case::completed);
    let has_diagnostics = completed.any(|trial| trial.dir.diagnostics().is_file());
    let makes_sense = |plot: &Plot| match plot {
        Plot::LearningCurves | Plot::AccuracyVsTime | Plot::ConfusionMatrix => true,
        Plot::FinalAccuracy => trials > 1,
        Plot::HeatMap => !heat_map::varied_keys(results).is_empty(),
        Plot::LearningRate => learning_rate::changes(results),
        Plot::GradientNorm | Plot::ActivationDistribution => has_diagnostics,
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
    let one = std::slice::from_ref(results);
    let written = side_by_side(&Plot::ALL, |plot| {
        let png = match plots.contains(plot) {
            true => chart(*plot, one, &Options::default(), Look::default())?,
            false => None,
        };
        replace(folder.join(format!("{plot}.png")), png)
    });
    // The first error, where there are any.
    Ok(written.into_iter().collect::<Result<Vec<_>>>()?.into_iter().flatten().collect())
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
        return remove_if_there(&path).map(|()| None);
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
mod tests;
