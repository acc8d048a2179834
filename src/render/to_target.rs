//! How long each case takes to a target, in epochs or in seconds: a bar per case, a dot per seed.

use anyhow::Result;

use crate::analysis::{Aggregate, EpochMetric, ExperimentResults, Goal};
use crate::record::{EpochRow, Status};

use super::axis::Axis;
use super::canvas::Canvas;
use super::figure::{
    Frame, Notes, Options, ShownCase, TimeAxis, facts, hidden, shown_cases, spoken,
};
use super::final_accuracy::spread;
use super::panel::Panel;
use super::rows::{self, CLOSEST_ROW, Rows};
use super::theme::ONE_PANEL_WIDTH;

const TICKS: usize = 7;
/// Half the height of a bar, as a share of the rows' distance, and the share of its colour.
const BAR: f64 = 0.3;
const BAR_SHARE: f64 = 0.45;
/// Half the size of a seed's dot.
const DOT: f64 = 2.0;

/// The figure, or `None` where no epoch has the metric.
pub fn draw(
    results: &ExperimentResults,
    options: &Options,
    unit: TimeAxis,
) -> Result<Option<Canvas>> {
    let metric = options.epoch_metric(EpochMetric::ValAccuracy)?;
    let target = match options.target {
        Some(value) => Some(Goal { metric, value }),
        None => Goal::good_enough(results, metric),
    };
    let cases = shown_cases(results);
    let Some(target) = target.filter(|_| !cases.is_empty()) else { return Ok(None) };
    let cost = |row: &EpochRow| match unit {
        TimeAxis::Epoch => row.epoch as f64,
        TimeAxis::Seconds => row.elapsed_seconds,
    };
    let costs: Vec<Vec<f64>> = cases
        .iter()
        .map(|shown| target.reached(shown.case).into_iter().map(cost).collect())
        .collect();
    let numbers: Vec<String> = cases
        .iter()
        .zip(&costs)
        .map(|(shown, costs)| {
            let epochs = shown.case.completed().map(|trial| trial.epochs.len()).max().unwrap_or(0);
            number(costs, seeds(shown), epochs, unit)
        })
        .collect();

    let mut facts = facts(std::slice::from_ref(results), hidden(results, cases.len()), &[]);
    let has_marks = |shown: &ShownCase| shown.case.count(Status::Completed) > 1;
    if cases.iter().zip(&costs).any(|(shown, costs)| has_marks(shown) && !costs.is_empty()) {
        facts.push(
            "bar: mean over seeds, beside it ± 1 standard deviation; marks: single seeds"
                .to_owned(),
        );
    }
    if options.target.is_none() {
        let which = if metric.is_better_high() {
            "95 % of the best mean at the end"
        } else {
            "lowest mean at the end ÷ 0.95"
        };
        facts.push(format!("target: {which}"));
    }
    let partly =
        |(shown, costs): (&ShownCase, &Vec<f64>)| !costs.is_empty() && costs.len() < seeds(shown);
    if cases.iter().zip(&costs).any(partly) {
        facts.push("where not all seeds reach it, the mean is over those that do".to_owned());
    }
    let width = options.width(ONE_PANEL_WIDTH)?;
    let (noun, title) = match unit {
        TimeAxis::Epoch => ("Epochs", "epochs"),
        TimeAxis::Seconds => ("Seconds of training", "training time (seconds)"),
    };
    let sign = if metric.is_better_high() { "≥" } else { "≤" };
    let subtitle = format!("{noun} until {} {sign} {}", spoken(&metric.name()), target.value);
    let frame = Frame {
        width,
        title: &results.name,
        subtitle: &subtitle,
        legends: Vec::new(),
        notes: Notes::new(&facts, width),
    };
    let below = Panel::room_below();
    let least = cases.len() as f64 * CLOSEST_ROW;
    let height = frame.panel_height(options, Rows::height(cases.len()), below, least)?;
    let (mut canvas, top) = frame.sheet(height, below);
    let labels = cases.iter().map(|shown| shown.case.label.as_str());
    let layout = Rows::new(labels, &numbers, rows::edges(width), (top, height));
    let panel = layout.panel(Axis::from_zero(costs.iter().flatten().copied(), TICKS));
    panel.horizontal_axis(&mut canvas, title);
    for (index, (shown, costs)) in cases.iter().zip(&costs).enumerate() {
        layout.draw(&mut canvas, index, &shown.case.label, &numbers[index]);
        let y = layout.y(index);
        let Some(mean) = Aggregate::of(costs.iter().copied()).map(|aggregate| aggregate.mean)
        else {
            continue;
        };
        let half = layout.pitch() * BAR;
        let bar = (panel.place(mean, 0.0).0, y + half);
        canvas.rectangle((panel.left, y - half), bar, shown.style.colour.lighter(BAR_SHARE));
        if has_marks(shown) {
            let radius = DOT.min(half * 0.5);
            let places: Vec<f64> = costs.iter().map(|cost| panel.place(*cost, 0.0).0).collect();
            for (x, drop) in places.iter().zip(spread(&places, 2.0 * radius + 0.4, half)) {
                canvas.marker(shown.style.marker, (*x, y + drop), radius, shown.style.colour);
            }
        }
    }
    Ok(Some(canvas))
}

/// The seeds that could have reached a target: a trial that diverged never did.
fn seeds(shown: &ShownCase<'_>) -> usize {
    shown.case.count(Status::Completed) + shown.case.count(Status::Diverged)
}

/// The mean, its spread, and how many seeds it is of where that is not all.
fn number(costs: &[f64], seeds: usize, epochs: usize, unit: TimeAxis) -> String {
    let Some(aggregate) = Aggregate::of(costs.iter().copied()) else {
        return format!("not in {epochs} epoch{}", if epochs == 1 { "" } else { "s" });
    };
    let decimals = match unit {
        TimeAxis::Epoch if costs.len() == 1 => 0,
        TimeAxis::Epoch => 1,
        // Two digits at least, and tenths where there are more before the point.
        TimeAxis::Seconds => (1.0 - aggregate.mean.max(0.001).log10().floor()).max(1.0) as usize,
    };
    let mut text = format!("{:.decimals$}", aggregate.mean);
    if let Some(std) = aggregate.std {
        text.push_str(&format!(" ± {std:.decimals$}"));
    }
    if costs.len() < seeds {
        text.push_str(&format!(" ({} of {seeds} seeds)", costs.len()));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_say_of_how_many_seeds_they_are() {
        assert_eq!(number(&[], 3, 10, TimeAxis::Epoch), "not in 10 epochs");
        assert_eq!(number(&[4.0], 1, 10, TimeAxis::Epoch), "4");
        assert_eq!(number(&[4.0, 5.0], 3, 10, TimeAxis::Epoch), "4.5 ± 0.7 (2 of 3 seeds)");
        assert_eq!(number(&[4.25], 1, 10, TimeAxis::Seconds), "4.2");
        assert_eq!(number(&[42.25], 1, 10, TimeAxis::Seconds), "42.2");
        assert_eq!(number(&[0.08, 0.09], 2, 10, TimeAxis::Seconds), "0.085 ± 0.007");
    }
}
