//! Loss and accuracy against epochs, training dashed and validation solid.

use anyhow::Result;

use crate::analysis::{Curve, CurvePoint, EpochMetric, ExperimentResults};

use super::axis::Axis;
use super::canvas::{Canvas, Stroke};
use super::curves::{self, LOWEST_PANEL, case_entries, edges, time, time_axis, time_title};
use super::figure::{
    Frame, Notes, Options, ShownCase, TimeAxis, facts, first_sentence, hidden, shown_cases,
};
use super::legend::{Entry, Legend, Sample};
use super::panel::Panel;
use super::theme::{
    CURVE_WIDTH, CaseStyle, FAINT_CURVE_WIDTH, MARGIN, PANEL_GAP, PANEL_HEIGHT, QUIET_INK,
    TRAIN_DASH, TWO_PANEL_WIDTH,
};

const Y_TICKS: usize = 6;
/// Of more cases only the validation curves are drawn, and thinner.
const LEGIBLE_CASES: usize = 12;
/// Share of its colour in a marker of training.
const PALE: f64 = 0.5;

/// One case in one panel.
struct Pair {
    style: CaseStyle,
    train: Curve,
    validation: Curve,
}

impl Pair {
    fn curves(&self) -> [&Curve; 2] {
        [&self.train, &self.validation]
    }

    fn has_band(&self) -> bool {
        self.validation.points.iter().any(|point| point.std.is_some())
    }
}

/// The figure, or `None` where no trial has completed an epoch; one metric alone if one is asked for.
pub fn draw(results: &ExperimentResults, options: &Options) -> Result<Option<Canvas>> {
    if options.y.is_some() {
        return curves::draw(results, options, TimeAxis::Epoch, EpochMetric::ValLoss, false);
    }
    let time_axis_kind = options.x.unwrap_or(TimeAxis::Epoch);
    let cases = shown_cases(results);
    let loss = pairs(&cases, EpochMetric::Loss, EpochMetric::ValLoss);
    let accuracy = pairs(&cases, EpochMetric::Accuracy, EpochMetric::ValAccuracy);
    let all: Vec<&Curve> = loss.iter().chain(&accuracy).flat_map(Pair::curves).collect();
    if all.iter().all(|curve| curve.is_empty()) {
        return Ok(None);
    }

    let width = options.width(TWO_PANEL_WIDTH)?;
    let room = width - 2.0 * MARGIN;
    let facts = facts(std::slice::from_ref(results), hidden(results, cases.len()), &all);
    let frame = Frame {
        width,
        title: &results.name,
        subtitle: first_sentence(&results.description),
        legends: vec![Legend::new(line_keys(&loss), room), Legend::new(case_entries(&cases), room)],
        notes: Notes::new(&facts, width),
    };
    let below = Panel::room_below();
    let height = frame.panel_height(options, PANEL_HEIGHT, below, LOWEST_PANEL)?;
    let (mut canvas, top) = frame.sheet(height, below);

    let loss_axis = Axis::of_values(extremes(&loss), Y_TICKS);
    let accuracy_axis = Axis::of_shares(extremes(&accuracy), Y_TICKS);
    let rooms = [Panel::room_left(&loss_axis), Panel::room_left(&accuracy_axis)];
    let panel_width = (width - 2.0 * MARGIN - PANEL_GAP - rooms[0] - rooms[1]) / 2.0;
    let left = MARGIN + rooms[0];
    let logarithmic = if loss_axis.is_logarithmic() { ", logarithmic" } else { "" };
    for (pairs, left, y, title) in [
        (&loss, left, loss_axis, format!("loss (nats{logarithmic})")),
        (
            &accuracy,
            left + panel_width + PANEL_GAP + rooms[1],
            accuracy_axis,
            "accuracy".to_owned(),
        ),
    ] {
        let (right, bottom) = (left + panel_width, top + height);
        let x = time_axis(time_axis_kind, &all);
        let panel = Panel { left, top, right, bottom, x, y };
        panel.frame(&mut canvas, time_title(time_axis_kind), &title);
        draw_pairs(&mut canvas, &panel, pairs, time_axis_kind);
    }
    Ok(Some(canvas))
}

fn pairs(cases: &[ShownCase], train: EpochMetric, validation: EpochMetric) -> Vec<Pair> {
    let crowded = cases.len() > LEGIBLE_CASES;
    let pair = |shown: &ShownCase| {
        let validation = shown.case.curve(validation);
        let hide_train = crowded && !validation.is_empty();
        let train = if hide_train { Curve::default() } else { shown.case.curve(train) };
        Pair { style: shown.style, train, validation }
    };
    cases.iter().map(pair).collect()
}

/// All means, and the edges of the bands that are drawn.
fn extremes(pairs: &[Pair]) -> impl Iterator<Item = f64> {
    pairs.iter().flat_map(move |pair| {
        let train = pair.train.points.iter().map(|point| point.mean);
        train.chain(pair.validation.points.iter().flat_map(edges))
    })
}

/// Bands first, training above them, validation on top.
fn draw_pairs(canvas: &mut Canvas, panel: &Panel, pairs: &[Pair], x: TimeAxis) {
    let place = |point: &CurvePoint| time(x)(point);
    let width = if pairs.len() > LEGIBLE_CASES { FAINT_CURVE_WIDTH } else { CURVE_WIDTH };
    for pair in pairs {
        panel.band(canvas, &pair.validation.points, place, pair.style);
    }
    for pair in pairs {
        let colour = pair.style.colour.lighter(0.8);
        let stroke = Stroke { colour, width: FAINT_CURVE_WIDTH, dash: Some(TRAIN_DASH) };
        panel.curve(canvas, &pair.train.points, place, stroke);
        // A single epoch has no line; without validation there are no other markers either.
        if pair.train.points.len() == 1 || pair.validation.is_empty() {
            let pale = CaseStyle { colour: pair.style.colour.lighter(PALE), ..pair.style };
            panel.markers(canvas, &pair.train.points, place, pale);
        }
    }
    for pair in pairs {
        let stroke = Stroke::solid(pair.style.colour, width);
        panel.curve(canvas, &pair.validation.points, place, stroke);
        panel.markers(canvas, &pair.validation.points, place, pair.style);
    }
}

/// What solid, dashed and shaded mean; or dark and pale, where all there is are points.
fn line_keys(pairs: &[Pair]) -> Vec<Entry> {
    let entry = |sample, label: &str| Entry { sample, label: label.to_owned() };
    let points = pairs.iter().flat_map(Pair::curves).all(|curve| curve.points.len() <= 1);
    let [validation, train] = if points {
        [Sample::Mark(QUIET_INK), Sample::Mark(QUIET_INK.lighter(PALE))]
    } else {
        [Sample::Solid(QUIET_INK), Sample::Dashed(QUIET_INK)]
    };
    let mut keys = Vec::new();
    if pairs.iter().any(|pair| !pair.validation.is_empty()) {
        keys.push(entry(validation, "validation, after the epoch"));
    }
    if pairs.iter().any(|pair| !pair.train.is_empty()) {
        keys.push(entry(train, "training, during the epoch"));
    }
    if pairs.iter().any(Pair::has_band) {
        let sample = if points { Sample::Bar(QUIET_INK) } else { Sample::Band(QUIET_INK) };
        keys.push(entry(sample, "± 1 standard deviation over seeds"));
    }
    keys
}
