//! The test accuracy of every seed, with the mean of each case: a row per case, a dot per seed.

use anyhow::Result;

use crate::analysis::{Aggregate, ExperimentResults, Metric};

use super::axis::Axis;
use super::canvas::{Canvas, Stroke};
use super::curves::capital;
use super::figure::{Frame, Notes, Options, ShownCase, facts, hidden, shown_cases, spoken};
use super::panel::Panel;
use super::rows::{self, CLOSEST_ROW, Rows};
use super::theme::{CURVE_WIDTH, INK, ONE_PANEL_WIDTH};

const TICKS: usize = 6;
/// Half the size of a seed's dot, as small as it gets where rows are close together.
const DOT: f64 = 2.6;
/// Half the height of the line at a mean, as a share of the rows' distance.
const MEAN_LINE: f64 = 0.36;

/// A row: a case with its seeds.
struct Row<'a> {
    shown: ShownCase<'a>,
    aggregate: Aggregate,
    seeds: Vec<f64>,
}

/// The figure, or `None` where no completed trial has the metric.
pub fn draw(results: &ExperimentResults, options: &Options) -> Result<Option<Canvas>> {
    let metric = match options.metric()? {
        Some(metric) => metric,
        None => result_metric(results),
    };
    let cases = shown_cases(results);
    let rows: Vec<Row> = cases.iter().filter_map(|shown| row(*shown, metric)).collect();
    if rows.is_empty() {
        return Ok(None);
    }
    let numbers: Vec<String> = rows.iter().map(|row| number(&row.aggregate, metric)).collect();
    let several = rows.iter().any(|row| row.seeds.len() > 1);
    let mut facts = facts(std::slice::from_ref(results), hidden(results, cases.len()), &[]);
    if several {
        facts.push("dots: single seeds, spread upwards and downwards where they touch".to_owned());
        facts.push("line: mean, beside it ± 1 standard deviation".to_owned());
    }
    let width = options.width(ONE_PANEL_WIDTH)?;
    let subtitle = format!("{} of every seed", capital(&spoken(&metric.name())));
    let frame = Frame {
        width,
        title: &results.name,
        subtitle: &subtitle,
        legends: Vec::new(),
        notes: Notes::new(&facts, width),
    };
    let below = Panel::room_below();
    let least = rows.len() as f64 * CLOSEST_ROW;
    let height = frame.panel_height(options, Rows::height(rows.len()), below, least)?;
    let (mut canvas, top) = frame.sheet(height, below);
    let labels = rows.iter().map(|row| row.shown.case.label.as_str());
    let layout = Rows::new(labels, &numbers, rows::edges(width), (top, height));
    let values = rows.iter().flat_map(|row| row.seeds.iter().copied());
    let x = Axis::of(metric.is_share(), values, TICKS);
    let panel = layout.panel(x);
    panel.horizontal_axis(&mut canvas, &spoken(&metric.name()));
    for (index, row) in rows.iter().enumerate() {
        layout.draw(&mut canvas, index, &row.shown.case.label, &numbers[index]);
        let y = layout.y(index);
        let room = layout.pitch() / 2.0;
        let radius = DOT.min(room * 0.3);
        let places: Vec<f64> = row.seeds.iter().map(|seed| panel.place(*seed, 0.0).0).collect();
        if row.aggregate.mean.is_finite() && row.seeds.len() > 1 {
            let x = panel.place(row.aggregate.mean, 0.0).0;
            let half = layout.pitch() * MEAN_LINE;
            canvas.line(&[(x, y - half), (x, y + half)], Stroke::solid(INK, CURVE_WIDTH));
        }
        for (x, drop) in places.iter().zip(spread(&places, 2.0 * radius + 0.4, room - radius)) {
            canvas.marker(row.shown.style.marker, (*x, y + drop), radius, row.shown.style.colour);
        }
    }
    Ok(Some(canvas))
}

/// Test accuracy, or validation accuracy where no case has one that is a number.
pub fn result_metric(results: &ExperimentResults) -> Metric {
    let has = |metric: Metric| {
        let means = results.cases.iter().filter_map(|case| case.aggregate(metric));
        means.into_iter().any(|aggregate| aggregate.mean.is_finite())
    };
    if has(Metric::TestAccuracy) { Metric::TestAccuracy } else { Metric::ValAccuracy }
}

fn row(shown: ShownCase<'_>, metric: Metric) -> Option<Row<'_>> {
    let aggregate = shown.case.aggregate(metric)?;
    let seeds = shown.case.completed().filter_map(|trial| metric.of(trial));
    Some(Row { shown, aggregate, seeds: seeds.filter(|seed| seed.is_finite()).collect() })
}

/// The mean, with the standard deviation where there is one.
pub fn number(aggregate: &Aggregate, metric: Metric) -> String {
    let decimals = if metric.is_share() { 4 } else { 3 };
    match (aggregate.mean, aggregate.std) {
        (mean, _) if !mean.is_finite() => "no number".to_owned(),
        (mean, _) if mean.abs() >= 1e5 => format!("{mean:.2e}"),
        (mean, Some(std)) => format!("{mean:.decimals$} ± {std:.decimals$}"),
        (mean, None) => format!("{mean:.decimals$}"),
    }
}

/// How far below the middle each dot is drawn so that dots at nearly the same place are all seen:
/// the nearest free place, as long as there is room.
pub fn spread(places: &[f64], distance: f64, room: f64) -> Vec<f64> {
    let mut placed: Vec<(f64, f64)> = Vec::new();
    let steps = (room / (distance / 2.0)).floor().max(0.0) as i32;
    for x in places {
        let free = |y: f64| placed.iter().all(|(px, py)| (px - x).hypot(py - y) >= distance);
        let candidates = (0..=steps).flat_map(|step| [step, -step]);
        let mut heights = candidates.map(|step| f64::from(step) * distance / 2.0);
        let y = heights.find(|y| free(*y)).unwrap_or(0.0);
        placed.push((*x, y));
    }
    placed.into_iter().map(|(_, y)| y).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dots_that_would_touch_move_apart_and_others_stay() {
        assert_eq!(spread(&[0.0, 10.0, 20.0], 4.0, 8.0), [0.0, 0.0, 0.0]);
        let drops = spread(&[0.0, 0.0, 0.0], 4.0, 8.0);
        assert_eq!(drops, [0.0, 4.0, -4.0]);
        // Without room they lie on each other.
        assert_eq!(spread(&[0.0, 0.0], 4.0, 1.0), [0.0, 0.0]);
    }
}
