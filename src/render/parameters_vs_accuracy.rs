//! Test accuracy against the number of parameters.

use anyhow::Result;

use crate::analysis::{Aggregate, ExperimentResults};

use super::axis::Axis;
use super::canvas::{Canvas, Stroke};
use super::curves::{LOWEST_PANEL, capital};
use super::figure::{Frame, Notes, Options, ShownCase, facts, hidden, shown_cases, spoken};
use super::final_accuracy::result_metric;
use super::legend::{Entry, Legend, Sample};
use super::panel::Panel;
use super::theme::{AXIS_WIDTH, MARGIN, MEAN_MARKER, ONE_PANEL_WIDTH, PANEL_HEIGHT};

const TICKS: usize = 7;

/// The figure, or `None` where no completed trial has the metric.
pub fn draw(results: &ExperimentResults, options: &Options) -> Result<Option<Canvas>> {
    let metric = match options.metric()? {
        Some(metric) => metric,
        None => result_metric(results),
    };
    let cases = shown_cases(results);
    let points: Vec<(ShownCase, f64, Aggregate)> = cases
        .iter()
        .filter_map(|shown| {
            let aggregate = shown.case.aggregate(metric).filter(|found| found.mean.is_finite())?;
            Some((*shown, shown.case.parameters()?.total as f64, aggregate))
        })
        .collect();
    if points.is_empty() {
        return Ok(None);
    }
    let mut facts = facts(std::slice::from_ref(results), hidden(results, cases.len()), &[]);
    if points.iter().any(|(_, _, aggregate)| aggregate.std.is_some()) {
        facts.push("mean over seeds, bar: ± 1 standard deviation".to_owned());
    }
    let width = options.width(ONE_PANEL_WIDTH)?;
    let entry = |(shown, _, _): &(ShownCase, f64, Aggregate)| Entry {
        sample: Sample::Marker(shown.style),
        label: shown.case.label.clone(),
    };
    let subtitle = format!("{} over the number of parameters", capital(&spoken(&metric.name())));
    let frame = Frame {
        width,
        title: &results.name,
        subtitle: &subtitle,
        legends: vec![Legend::new(points.iter().map(entry).collect(), width - 2.0 * MARGIN)],
        notes: Notes::new(&facts, width),
    };
    let edges = |aggregate: &Aggregate| {
        let std = aggregate.std.unwrap_or(0.0);
        [aggregate.mean - std, aggregate.mean + std]
    };
    let values = points.iter().flat_map(|(_, _, aggregate)| edges(aggregate));
    let y = Axis::of(metric.is_share(), values, TICKS);
    let below = Panel::room_below();
    let height = frame.panel_height(options, PANEL_HEIGHT, below, LOWEST_PANEL)?;
    let (mut canvas, top) = frame.sheet(height, below);
    let panel = Panel {
        left: MARGIN + Panel::room_left(&y),
        top,
        right: width - MARGIN,
        bottom: top + height,
        x: Axis::of_sizes(points.iter().map(|(_, size, _)| *size), TICKS),
        y,
    };
    panel.frame(&mut canvas, "parameters", &spoken(&metric.name()));
    for (shown, size, aggregate) in &points {
        let colour = shown.style.colour;
        if aggregate.std.is_some() {
            let ends = edges(aggregate).map(|value| panel.place(*size, value));
            canvas.line(&ends, Stroke::solid(colour, AXIS_WIDTH));
        }
        let at = panel.place(*size, aggregate.mean);
        canvas.marker(shown.style.marker, at, MEAN_MARKER, colour);
    }
    Ok(Some(canvas))
}
