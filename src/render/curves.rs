//! One metric of all cases against epochs or seconds, with bands over seeds; what several kinds of
//! charts consist of.

use anyhow::Result;

use crate::analysis::{Curve, CurvePoint, EpochMetric, ExperimentResults};

use super::axis::Axis;
use super::canvas::{Canvas, Stroke};
use super::figure::{
    Frame, Notes, Options, ShownCase, TimeAxis, facts, hidden, shown_cases, spoken,
};
use super::legend::{Entry, Legend, Sample};
use super::panel::Panel;
use super::theme::{CURVE_WIDTH, CaseStyle, MARGIN, ONE_PANEL_WIDTH, PANEL_HEIGHT};

/// Ticks on each axis.
pub const TICKS: usize = 7;
pub const EPOCH_TICKS: usize = 10;
/// The lowest panel in which curves can be told apart.
pub const LOWEST_PANEL: f64 = 90.0;

/// The figure, or `None` where no epoch has the metric. Cases with the very same curve share a line
/// where `merged`.
pub fn draw(
    results: &ExperimentResults,
    options: &Options,
    x: TimeAxis,
    metric: EpochMetric,
    merged: bool,
) -> Result<Option<Canvas>> {
    let x = options.x.unwrap_or(x);
    let metric = options.epoch_metric(metric)?;
    let cases = shown_cases(results);
    let mut curves: Vec<(ShownCase, Curve)> = cases
        .iter()
        .map(|shown| (*shown, shown.case.curve(metric)))
        .filter(|(_, curve)| !curve.is_empty())
        .collect();
    if curves.is_empty() {
        return Ok(None);
    }
    let mut entries = case_entries(&curves.iter().map(|(shown, _)| *shown).collect::<Vec<_>>());
    if merged {
        merge(&mut curves, &mut entries);
    }

    let width = options.width(ONE_PANEL_WIDTH)?;
    let all: Vec<&Curve> = curves.iter().map(|(_, curve)| curve).collect();
    let mut facts = facts(std::slice::from_ref(results), hidden(results, cases.len()), &all);
    if all.iter().any(|curve| curve.points.iter().any(|point| point.std.is_some())) {
        facts.push(match x {
            TimeAxis::Epoch => "mean over seeds".to_owned(),
            TimeAxis::Seconds => "each epoch at its mean time and mean over seeds".to_owned(),
        });
        facts.push("band: ± 1 standard deviation".to_owned());
    }
    let over = match x {
        TimeAxis::Epoch => "epochs",
        TimeAxis::Seconds => "training time",
    };
    let subtitle = format!("{} over {over}", capital(&spoken(&metric.name())));
    let frame = Frame {
        width,
        title: &results.name,
        subtitle: &subtitle,
        legends: vec![Legend::new(entries, width - 2.0 * MARGIN)],
        notes: Notes::new(&facts, width),
    };

    let values = all.iter().flat_map(|curve| &curve.points).flat_map(edges);
    let y = Axis::of(metric.is_share(), values, TICKS);
    let below = Panel::room_below();
    let height = frame.panel_height(options, PANEL_HEIGHT, below, LOWEST_PANEL)?;
    let (mut canvas, top) = frame.sheet(height, below);
    let panel = Panel {
        left: MARGIN + Panel::room_left(&y),
        top,
        right: width - MARGIN,
        bottom: top + height,
        x: time_axis(x, &all),
        y,
    };
    let title = axis_title(metric, &panel.y);
    panel.frame(&mut canvas, time_title(x), &title);
    for (shown, curve) in &curves {
        panel.band(&mut canvas, &curve.points, time(x), shown.style);
    }
    for (shown, curve) in &curves {
        draw_curve(&mut canvas, &panel, curve, x, shown.style);
    }
    Ok(Some(canvas))
}

/// A line with its marks.
pub fn draw_curve(
    canvas: &mut Canvas,
    panel: &Panel,
    curve: &Curve,
    x: TimeAxis,
    style: CaseStyle,
) {
    panel.curve(canvas, &curve.points, time(x), Stroke::solid(style.colour, CURVE_WIDTH));
    panel.markers(canvas, &curve.points, time(x), style);
}

/// How many names one line has in full.
const NAMES_OF_A_LINE: usize = 3;

/// Lines that would cover each other become one with all names.
fn merge(curves: &mut Vec<(ShownCase, Curve)>, entries: &mut Vec<Entry>) {
    let values = |curve: &Curve| curve.points.iter().map(|p| (p.epoch, p.mean)).collect::<Vec<_>>();
    let mut names: Vec<Vec<String>> = Vec::new();
    let all = curves.len();
    let mut kept: Vec<(ShownCase, Curve)> = Vec::new();
    for (curve, entry) in curves.drain(..).zip(entries.drain(..)) {
        match kept.iter().position(|(_, other)| values(other) == values(&curve.1)) {
            Some(same) => names[same].push(entry.label),
            None => {
                kept.push(curve);
                names.push(vec![entry.label]);
            }
        }
    }
    let label = |names: Vec<String>| match names.len() {
        many if many == all && many > 1 => format!("all {all} cases"),
        few if few <= NAMES_OF_A_LINE => names.join(", "),
        many => {
            let rest = many - NAMES_OF_A_LINE;
            format!("{} and {rest} more", names[..NAMES_OF_A_LINE].join(", "))
        }
    };
    entries.extend(kept.iter().zip(names).map(|((shown, _), names)| Entry {
        sample: Sample::Case(shown.style),
        label: label(names),
    }));
    *curves = kept;
}

/// Where a point lies along the x axis.
pub fn time(x: TimeAxis) -> impl Fn(&CurvePoint) -> f64 {
    move |point| match x {
        TimeAxis::Epoch => point.epoch as f64,
        TimeAxis::Seconds => point.elapsed_seconds,
    }
}

/// The x axis of curves.
pub fn time_axis(x: TimeAxis, curves: &[&Curve]) -> Axis {
    let points = || curves.iter().flat_map(|curve| &curve.points);
    match x {
        TimeAxis::Epoch => {
            Axis::epochs(points().map(|point| point.epoch).max().unwrap_or(1), EPOCH_TICKS)
        }
        TimeAxis::Seconds => Axis::from_zero(points().map(|point| point.elapsed_seconds), TICKS),
    }
}

/// Its title.
pub fn time_title(x: TimeAxis) -> &'static str {
    match x {
        TimeAxis::Epoch => "epoch",
        TimeAxis::Seconds => "training time (seconds)",
    }
}

/// The title of the other axis.
pub fn axis_title(metric: EpochMetric, axis: &Axis) -> String {
    let scale = if axis.is_logarithmic() { ", logarithmic" } else { "" };
    let name = spoken(&metric.name());
    match metric {
        EpochMetric::Loss | EpochMetric::ValLoss => format!("{name} (nats{scale})"),
        EpochMetric::LearningRate if !scale.is_empty() => format!("{name} (logarithmic)"),
        EpochMetric::Accuracy
        | EpochMetric::ValAccuracy
        | EpochMetric::TopKAccuracy(_)
        | EpochMetric::ValTopKAccuracy(_)
        | EpochMetric::LearningRate
        | EpochMetric::EpochSeconds => name,
    }
}

/// The edges of the band at a point.
pub fn edges(point: &CurvePoint) -> [f64; 2] {
    let std = point.std.unwrap_or(0.0);
    // A band may reach below what cannot be negative; the axis need not.
    let lower =
        if point.mean > 0.0 { (point.mean - std).max(point.mean / 4.0) } else { point.mean - std };
    [lower, point.mean + std]
}

/// The legend of the cases.
pub fn case_entries(cases: &[ShownCase]) -> Vec<Entry> {
    let entry = |shown: &ShownCase| Entry {
        sample: Sample::Case(shown.style),
        label: shown.case.label.clone(),
    };
    cases.iter().map(entry).collect()
}

/// With a capital at the beginning.
pub fn capital(text: &str) -> String {
    let mut chars = text.chars();
    chars.next().map_or_else(String::new, |first| first.to_uppercase().chain(chars).collect())
}
