//! Validation accuracy against seconds of training.

use anyhow::Result;

use crate::analysis::{Curve, CurvePoint, EpochMetric, ExperimentResults};

use super::axis::Axis;
use super::canvas::{Canvas, Stroke};
use super::figure::{Heading, Notes, ShownCase, facts, shown_cases};
use super::learning_curves::case_entries;
use super::legend::Legend;
use super::panel::Panel;
use super::theme::{CURVE_WIDTH, MARGIN, ONE_PANEL_WIDTH, PANEL_HEIGHT};

const TICKS: usize = 7;
const LEGEND_GAP: f64 = 8.0;

/// The figure as a PNG file, or `None` where there is no validation accuracy.
pub fn draw(results: &ExperimentResults) -> Result<Option<Vec<u8>>> {
    let cases = shown_cases(results);
    let curves: Vec<(ShownCase, Curve)> = cases
        .iter()
        .map(|shown| (*shown, shown.case.curve(EpochMetric::ValAccuracy)))
        .filter(|(_, curve)| !curve.is_empty())
        .collect();
    if curves.is_empty() {
        return Ok(None);
    }

    let completed = results.cases.iter().filter(|case| case.completed().next().is_some()).count();
    let width = ONE_PANEL_WIDTH;
    let heading =
        Heading { title: &results.name, subtitle: "Validation accuracy over training time" };
    let shown: Vec<ShownCase> = curves.iter().map(|(shown, _)| *shown).collect();
    let legend = Legend::new(case_entries(&shown), width - 2.0 * MARGIN);
    let all: Vec<&Curve> = curves.iter().map(|(_, curve)| curve).collect();
    let mut facts = facts(std::slice::from_ref(results), completed - cases.len(), &all);
    if all.iter().any(|curve| curve.points.iter().any(|point| point.std.is_some())) {
        facts.push("each epoch at its mean time and accuracy over seeds".to_owned());
        facts.push("band: ± 1 standard deviation of the accuracy".to_owned());
    }
    let notes = Notes::new(&facts, width);

    let points = || curves.iter().flat_map(|(_, curve)| &curve.points);
    let x = Axis::from_zero(points().map(|point| point.elapsed_seconds), TICKS);
    let y = Axis::of_shares(points().flat_map(edges), TICKS);
    let (left, top) = (MARGIN + Panel::room_left(&y), heading.height());
    let (right, bottom) = (width - MARGIN, top + PANEL_HEIGHT);
    let legend_top = bottom + Panel::room_below() + LEGEND_GAP;
    let notes_top = legend_top + legend.height() + LEGEND_GAP;
    let mut canvas = Canvas::new(width, notes_top + notes.height());

    heading.draw(&mut canvas, width)?;
    let panel = Panel { left, top, right, bottom, x, y };
    panel.frame(&mut canvas, "training time (seconds)", "validation accuracy")?;
    let seconds = |point: &CurvePoint| point.elapsed_seconds;
    for (shown, curve) in &curves {
        panel.band(&mut canvas, &curve.points, seconds, shown.style)?;
    }
    for (shown, curve) in &curves {
        let stroke = Stroke::solid(shown.style.colour, CURVE_WIDTH);
        panel.curve(&mut canvas, &curve.points, seconds, stroke)?;
        panel.markers(&mut canvas, &curve.points, seconds, shown.style)?;
    }
    legend.draw(&mut canvas, MARGIN, legend_top)?;
    notes.draw(&mut canvas, notes_top)?;
    canvas.into_png().map(Some)
}

/// The edges of the band at a point.
pub fn edges(point: &CurvePoint) -> [f64; 2] {
    let std = point.std.unwrap_or(0.0);
    [point.mean - std, point.mean + std]
}
