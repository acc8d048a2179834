//! Validation accuracy over one grid key: a line per variant.

use anyhow::Result;
use serde_json::Value;

use crate::analysis::{Aggregate, ExperimentResults, Metric};

use super::axis::Axis;
use super::canvas::{Canvas, Point, Stroke};
use super::curves::{LOWEST_PANEL, capital};
use super::figure::{Frame, Notes, Options, facts, spoken};
use super::heat_map::{label, short_key, value_of, values};
use super::legend::{Entry, Legend, Sample};
use super::panel::Panel;
use super::theme::{
    AXIS_WIDTH, CURVE_WIDTH, MARGIN, MAX_CASES, MEAN_MARKER, ONE_PANEL_WIDTH, PANEL_HEIGHT,
    case_style,
};

const TICKS: usize = 7;

/// The figure, or `None` where nothing of it was trained.
pub fn draw(
    results: &ExperimentResults,
    options: &Options,
    metric: Metric,
    key: &str,
) -> Result<Option<Canvas>> {
    let mut variants: Vec<&str> = Vec::new();
    for case in &results.cases {
        if !variants.contains(&case.variant.as_str()) {
            variants.push(&case.variant);
        }
    }
    let hidden = variants.len().saturating_sub(MAX_CASES);
    variants.truncate(MAX_CASES);
    let keys = values(results, key);
    let line = |variant: &&str| -> Vec<(usize, Aggregate)> {
        let at = |(index, value): (usize, &Value)| {
            let here = |case: &&crate::analysis::Case| {
                case.variant == **variant && value_of(case, key) == Some(value)
            };
            let aggregate = results.cases.iter().find(here)?.aggregate(metric)?;
            aggregate.mean.is_finite().then_some((index, aggregate))
        };
        keys.iter().enumerate().filter_map(at).collect()
    };
    let lines: Vec<Vec<(usize, Aggregate)>> = variants.iter().map(line).collect();
    if lines.iter().all(Vec::is_empty) {
        return Ok(None);
    }
    let mut facts = facts(std::slice::from_ref(results), hidden, &[]);
    if lines.iter().flatten().any(|(_, aggregate)| aggregate.std.is_some()) {
        facts.push("mean over seeds, bars: ± 1 standard deviation".to_owned());
    }
    let width = options.width(ONE_PANEL_WIDTH)?;
    let name = short_key(results, key);
    let subtitle = format!("{} by {name}", capital(&spoken(&metric.name())));
    let entries = variants.iter().enumerate().map(|(index, variant)| Entry {
        sample: Sample::Case(case_style(index)),
        label: (*variant).to_owned(),
    });
    let legends = if variants.len() > 1 {
        vec![Legend::new(entries.collect(), width - 2.0 * MARGIN)]
    } else {
        Vec::new()
    };
    let frame = Frame {
        width,
        title: &results.name,
        subtitle: &subtitle,
        legends,
        notes: Notes::new(&facts, width),
    };
    let edges = |aggregate: &Aggregate| {
        let std = aggregate.std.unwrap_or(0.0);
        [aggregate.mean - std, aggregate.mean + std]
    };
    let heights = lines.iter().flatten().flat_map(|(_, aggregate)| edges(aggregate));
    let y = Axis::of(metric.is_share(), heights, TICKS);
    let below = Panel::room_below();
    let height = frame.panel_height(options, PANEL_HEIGHT, below, LOWEST_PANEL)?;
    let (mut canvas, top) = frame.sheet(height, below);
    // Each value at a place of its own, evenly: they are seldom evenly apart in any other way.
    let panel = Panel {
        left: MARGIN + Panel::room_left(&y),
        top,
        right: width - MARGIN,
        bottom: top + height,
        x: Axis::categories(keys.iter().map(label)),
        y,
    };
    panel.frame(&mut canvas, &name, &spoken(&metric.name()));
    for (index, line) in lines.iter().enumerate() {
        let style = case_style(index);
        let place = |(at, aggregate): &(usize, Aggregate)| panel.place(*at as f64, aggregate.mean);
        let points: Vec<Point> = line.iter().map(place).collect();
        canvas.line(&points, Stroke::solid(style.colour, CURVE_WIDTH));
        for ((at, aggregate), point) in line.iter().zip(points) {
            if aggregate.std.is_some() {
                let ends = edges(aggregate).map(|value| panel.place(*at as f64, value));
                canvas.line(&ends, Stroke::solid(style.colour, AXIS_WIDTH));
            }
            canvas.marker(style.marker, point, MEAN_MARKER * 0.8, style.colour);
        }
    }
    Ok(Some(canvas))
}
