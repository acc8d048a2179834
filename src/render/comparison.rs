//! Test accuracies of all cases of all experiments, in the order of their validation accuracies, next
//! to the course of these.

use anyhow::Result;

use crate::analysis::{
    Aggregate, Case, Curve, CurvePoint, EpochMetric, ExperimentResults, Metric, RankedCase,
    Ranking, SELECTION,
};

use super::axis::Axis;
use super::canvas::{Canvas, Stroke};
use super::curves::{draw_curve, edges};
use super::figure::{BadOption, Frame, Notes, Options, TimeAxis, facts};
use super::panel::Panel;
use super::rows::{CLOSEST_ROW, ROW};
use super::text::{Align, TextStyle};
use super::theme::{
    CURVE_WIDTH, CaseStyle, GRID_COLOUR, GRID_WIDTH, INK, LABEL_SIZE, MARGIN, MAX_CASES,
    MEAN_MARKER, Marker, PANEL_GAP, SEED_MARKER, TEXT_GAP, case_style,
};

/// Up to so many cases have their curves beside them, in the colour of their row.
const MAX_CURVES: usize = 8;
/// How far rows may be spread to fill a panel.
const WIDEST_ROW: f64 = 34.0;
/// Lowest panel that shows curves well, and lowest without them.
const LOWEST_WITH_CURVES: f64 = 210.0;
const LOWEST: f64 = 60.0;
/// Widths of the two panels, and of the longest label.
const DOTS_WIDTH: f64 = 250.0;
const CURVES_WIDTH: f64 = 290.0;
const LONGEST_LABEL: f64 = 270.0;
/// The share of a given width that the names may take, and how far the panels may shrink.
const LONGEST_LABEL_SHARE: f64 = 0.4;
const LEAST_STRETCH: f64 = 0.35;
/// Half the height of a whisker's caps, and how far below a mean its seeds are.
const CAP: f64 = 3.0;
/// Half the length of the stroke at the mean validation accuracy.
const VALIDATION_STROKE: f64 = 5.0;
const SEED_DROP: f64 = 5.5;
/// Share of its colour in the mark of a seed.
const SEED_ALPHA: f64 = 0.5;
const INDENT: f64 = 8.0;
const TICKS: usize = 6;

/// A line of the left panel.
enum Row<'a> {
    /// The name of an experiment above its cases.
    Experiment(&'a str),
    /// A case with its accuracy.
    Case(Box<CaseRow<'a>>),
}

struct CaseRow<'a> {
    case: &'a Case,
    style: CaseStyle,
    /// Of the test rows.
    accuracy: Aggregate,
    seeds: Vec<f64>,
    /// Mean validation accuracy.
    validation: Option<f64>,
    /// What it is ranked by.
    score: Option<f64>,
}

/// The figure, or `None` where no trial was completed.
pub fn draw(experiments: &[ExperimentResults], options: &Options) -> Result<Option<Canvas>> {
    let (rows, hidden) = rows(experiments);
    let cases: Vec<&CaseRow> = rows
        .iter()
        .filter_map(|row| match row {
            Row::Experiment(_) => None,
            Row::Case(case) => Some(case.as_ref()),
        })
        .collect();
    if cases.is_empty() {
        return Ok(None);
    }
    let mut curves = curves(&cases);

    let labels = TextStyle::new(LABEL_SIZE);
    let numbers = labels.align(Align::End);
    let widest = rows.iter().map(|row| row_label_width(row, labels)).fold(0.0, f64::max);
    let widest = widest.min(LONGEST_LABEL);
    let number_width =
        cases.iter().map(|row| labels.width(&row.number())).fold(0.0, f64::max) + TEXT_GAP;
    let accuracy_axis =
        Axis::of_shares(curves.iter().flat_map(|(_, c)| &c.points).flat_map(edges), TICKS);
    let gaps = 2.0 * MARGIN + 4.0 * TEXT_GAP + number_width;
    // Widths with and without the curves: their gap, and the panels.
    let beside = |with: bool| match with {
        true => (PANEL_GAP + Panel::room_left(&accuracy_axis), DOTS_WIDTH + CURVES_WIDTH),
        false => (0.0, DOTS_WIDTH),
    };
    let (gap, panels) = beside(!curves.is_empty());
    let width = options.width(gaps + widest + gap + panels)?;
    // In another width the panels share what the text leaves; the curves give way first, then the
    // names.
    let label_width = widest.min(width * LONGEST_LABEL_SHARE);
    let stretch = |(gap, panels): (f64, f64)| (width - gaps - label_width - gap) / panels;
    if stretch((gap, panels)) < LEAST_STRETCH {
        curves.clear();
    }
    let (before_curves, panels) = beside(!curves.is_empty());
    let stretch = stretch((before_curves, panels));
    if stretch < LEAST_STRETCH {
        let needed = (width + (LEAST_STRETCH - stretch) * panels) / 72.0;
        return Err(BadOption(format!(
            "a chart of {:.1} inches is too narrow for these names: give at least {:.1}",
            width / 72.0,
            (needed * 10.0).ceil() / 10.0
        ))
        .into());
    }
    let left = MARGIN + label_width + 2.0 * TEXT_GAP;
    let right = left + DOTS_WIDTH * stretch;
    let numbers_end = right + 2.0 * TEXT_GAP + number_width;

    let all: Vec<&Curve> = curves.iter().map(|(_, curve)| curve).collect();
    let mut facts = facts(experiments, hidden, &all);
    facts.splice(0..0, how_to_read(&cases));
    let title = match experiments {
        [one] => one.name.clone(),
        several => format!("Comparison of {} experiments", several.len()),
    };
    let frame = Frame {
        width,
        title: &title,
        subtitle: match cases.iter().any(|row| row.score.is_some()) {
            true => "Test accuracy, ordered by validation accuracy",
            false => "Test accuracy, in the order of the file (no validation to rank by)",
        },
        legends: Vec::new(),
        notes: Notes::new(&facts, width),
    };
    let lowest = if curves.is_empty() { LOWEST } else { LOWEST_WITH_CURVES };
    let below = Panel::room_below() + TEXT_GAP;
    let least = (rows.len() as f64 * CLOSEST_ROW).max(LOWEST);
    let own = (rows.len() as f64 * ROW).max(lowest);
    let height = frame.panel_height(options, own, below, least)?;
    let (mut canvas, top) = frame.sheet(height, below);
    let bottom = top + height;

    let x = Axis::of_shares(cases.iter().flat_map(|row| row.extremes()), TICKS);
    let dots = Panel { left, top, right, bottom, x, y: Axis::of_shares([], TICKS) };
    dots.horizontal_axis(&mut canvas, "test accuracy");
    let pitch = (height / rows.len() as f64).min(WIDEST_ROW);
    let first = top + (height - pitch * rows.len() as f64) / 2.0;
    for (index, row) in rows.iter().enumerate() {
        let y = first + (index as f64 + 0.5) * pitch;
        let baseline = y + labels.baseline_drop();
        match row {
            Row::Experiment(name) => {
                let style = labels.bold();
                canvas.text(&style.fit(name, label_width), (MARGIN, baseline), style);
            }
            Row::Case(row) => {
                canvas.line(&[(left, y), (right, y)], Stroke::solid(GRID_COLOUR, GRID_WIDTH));
                let indent = if experiments.len() > 1 { INDENT } else { 0.0 };
                let label = labels.fit_middle(&row.case.label, label_width - indent);
                canvas.text(&label, (MARGIN + indent, baseline), labels);
                canvas.text(&row.number(), (numbers_end, baseline), numbers);
                draw_row(&mut canvas, &dots, row, y);
            }
        }
    }
    if !curves.is_empty() {
        let last = all.iter().flat_map(|c| &c.points).map(|point| point.epoch).max().unwrap_or(1);
        let left = numbers_end + before_curves;
        let right = left + CURVES_WIDTH * stretch;
        let panel = Panel { left, top, right, bottom, x: Axis::epochs(last, 10), y: accuracy_axis };
        panel.frame(&mut canvas, "epoch", "validation accuracy");
        draw_curves(&mut canvas, &panel, &curves);
    }
    Ok(Some(canvas))
}

/// Experiments in the order of the command, the cases of each from best to worst by validation; and
/// how many cases there was no room for.
fn rows(experiments: &[ExperimentResults]) -> (Vec<Row<'_>>, usize) {
    let mut groups: Vec<(&str, Vec<CaseRow>)> = Vec::new();
    let mut seen = 0;
    for experiment in experiments {
        let ranked = Ranking::of(experiment).cases.into_iter();
        let rows = ranked.filter_map(|ranked| CaseRow::new(ranked, seen)).collect();
        seen += experiment.cases.len();
        groups.push((&experiment.name, rows));
    }
    // A case without validation is shown after those that have some.
    let score = |row: &CaseRow<'_>| row.score.unwrap_or(f64::NEG_INFINITY);
    let mut scores: Vec<f64> = groups.iter().flat_map(|(_, rows)| rows).map(score).collect();
    scores.sort_by(|a, b| b.total_cmp(a));
    let hidden = scores.len().saturating_sub(MAX_CASES);
    let enough = scores.get(MAX_CASES - 1).copied().unwrap_or(f64::NEG_INFINITY);
    let plain = scores.len() > MAX_CURVES;
    let mut room = MAX_CASES;

    let mut shown = Vec::new();
    for (index, (name, mut rows)) in groups.into_iter().enumerate() {
        rows.retain(|row| score(row) >= enough);
        rows.truncate(room);
        room -= rows.len();
        if experiments.len() > 1 && !rows.is_empty() {
            shown.push(Row::Experiment(name));
        }
        for mut row in rows {
            if plain {
                // Without curves to find, a colour per experiment says more than one per case.
                row.style = CaseStyle { marker: Marker::Circle, ..case_style(index) };
            }
            shown.push(Row::Case(Box::new(row)));
        }
    }
    (shown, hidden)
}

impl<'a> CaseRow<'a> {
    /// `None` without a completed trial. `before` is how many cases earlier experiments have.
    fn new(ranked: RankedCase<'a>, before: usize) -> Option<Self> {
        let RankedCase { case, index, score } = ranked;
        let test = Metric::TestAccuracy;
        let accuracy = case.aggregate(test).filter(|accuracy| accuracy.mean.is_finite())?;
        let validation = case.aggregate(SELECTION).map(|validation| validation.mean);
        Some(Self {
            case,
            style: case_style(before + index),
            accuracy,
            seeds: case.completed().filter_map(|trial| test.of(trial)).collect(),
            validation: validation.filter(|mean| mean.is_finite()),
            score,
        })
    }

    /// The mean, with the standard deviation where there is one.
    fn number(&self) -> String {
        match self.accuracy.std {
            Some(std) => format!("{:.4} ± {std:.4}", self.accuracy.mean),
            None => format!("{:.4}", self.accuracy.mean),
        }
    }

    /// Everything that has to lie on the axis.
    fn extremes(&self) -> impl Iterator<Item = f64> {
        let interval = self.accuracy.ci95.map(|(low, high)| [low.max(0.0), high.min(1.0)]);
        let means = self.seeds.iter().copied().chain(self.validation);
        means.chain(interval.into_iter().flatten())
    }
}

fn row_label_width(row: &Row, style: TextStyle) -> f64 {
    match row {
        Row::Experiment(name) => style.bold().width(name),
        Row::Case(row) => style.width(&row.case.label) + INDENT,
    }
}

/// Whisker, mean and, a little below, the single seeds; a stroke at the validation accuracy.
fn draw_row(canvas: &mut Canvas, panel: &Panel, row: &CaseRow, y: f64) {
    let colour = row.style.colour;
    let x = |value: f64| panel.place(value, 0.0).0;
    if let Some((low, high)) = row.accuracy.ci95 {
        let stroke = Stroke::solid(colour, CURVE_WIDTH * 0.8);
        canvas.line(&[(x(low), y), (x(high), y)], stroke);
        for end in [x(low), x(high)] {
            canvas.line(&[(end, y - CAP), (end, y + CAP)], stroke);
        }
        for seed in &row.seeds {
            let at = (x(*seed), y + SEED_DROP);
            // Translucent, so that seeds on top of each other are darker than one.
            canvas.translucent_circle(at, SEED_MARKER, colour, SEED_ALPHA);
        }
    }
    if let Some(validation) = row.validation {
        let (x, half) = (x(validation), VALIDATION_STROKE);
        canvas.line(&[(x, y - half), (x, y + half)], Stroke::solid(INK, CURVE_WIDTH));
    }
    canvas.marker(row.style.marker, (x(row.accuracy.mean), y), MEAN_MARKER, colour);
}

/// The validation curves of all rows, unless there are too many to follow.
fn curves<'a>(cases: &[&CaseRow<'a>]) -> Vec<(CaseStyle, Curve)> {
    if cases.len() > MAX_CURVES {
        return Vec::new();
    }
    let curve = |row: &&CaseRow| (row.style, row.case.curve(EpochMetric::ValAccuracy));
    cases.iter().map(curve).filter(|(_, curve)| !curve.is_empty()).collect()
}

fn draw_curves(canvas: &mut Canvas, panel: &Panel, curves: &[(CaseStyle, Curve)]) {
    for (style, curve) in curves {
        panel.band(canvas, &curve.points, |point: &CurvePoint| point.epoch as f64, *style);
    }
    for (style, curve) in curves {
        draw_curve(canvas, panel, curve, TimeAxis::Epoch, *style);
    }
}

/// How to read the marks; `None` where each is one seed's test accuracy and nothing else is drawn.
fn how_to_read(cases: &[&CaseRow]) -> Option<String> {
    let mut parts = Vec::new();
    if cases.iter().any(|row| row.accuracy.std.is_some()) {
        parts.push("mean ± standard deviation");
        parts.push("whisker: 95 % interval of the mean");
        parts.push("small dots: seeds");
    }
    if cases.iter().any(|row| row.validation.is_some()) {
        parts.push("stroke: mean validation accuracy");
    }
    (!parts.is_empty()).then(|| parts.join(", "))
}
