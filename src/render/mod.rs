//! Charts and tables for people, from [`crate::analysis`] alone.

mod accuracy_vs_time;
mod axis;
mod canvas;
mod comparison;
mod figure;
mod learning_curves;
mod legend;
mod panel;
mod table;
mod text;
mod theme;

pub use table::results_table;

use std::path::{Path, PathBuf};

use anyhow::Result;

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
        if let Some(png) = png {
            let path = folder.join(name);
            write_atomically(&path, &png)?;
            written.push(path);
        }
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
    let Some(png) = comparison::draw(experiments)? else {
        return Ok(None);
    };
    let path = results.join("comparison.png");
    write_atomically(&path, &png)?;
    Ok(Some(path))
}
