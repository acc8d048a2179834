//! Loss and accuracy against epochs, training dashed and validation solid.

use anyhow::Result;

use crate::analysis::{Curve, CurvePoint, EpochMetric, ExperimentResults};

use super::axis::Axis;
use super::canvas::{Canvas, Stroke};
use super::figure::{Heading, Notes, ShownCase, facts, first_sentence, shown_cases};
use super::legend::{Entry, Legend, Sample};
use super::panel::Panel;
use super::theme::{
    CURVE_WIDTH, CaseStyle, FAINT_CURVE_WIDTH, MARGIN, PANEL_GAP, PANEL_HEIGHT, QUIET_INK,
    TRAIN_DASH, TWO_PANEL_WIDTH, lighter,
};

const Y_TICKS: usize = 6;
/// Of more cases only the validation curves are drawn, and thinner.
const LEGIBLE_CASES: usize = 12;
const EPOCH_TICKS: usize = 10;
/// Share of its colour in a marker of training.
const PALE: f64 = 0.5;
const LEGEND_GAP: f64 = 8.0;

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

/// The figure as a PNG file, or `None` where no trial has completed an epoch.
pub fn draw(results: &ExperimentResults) -> Result<Option<Vec<u8>>> {
    let cases = shown_cases(results);
    let loss = pairs(&cases, EpochMetric::Loss, EpochMetric::ValLoss);
    let accuracy = pairs(&cases, EpochMetric::Accuracy, EpochMetric::ValAccuracy);
    let all: Vec<&Curve> = loss.iter().chain(&accuracy).flat_map(Pair::curves).collect();
    let Some(last_epoch) = all.iter().flat_map(|c| &c.points).map(|point| point.epoch).max() else {
        return Ok(None);
    };

    let completed = results.cases.iter().filter(|case| case.completed().next().is_some()).count();
    let hidden = completed - cases.len();
    let width = TWO_PANEL_WIDTH;
    let heading = Heading { title: &results.name, subtitle: first_sentence(&results.description) };
    let keys = Legend::new(line_keys(&loss), width - 2.0 * MARGIN);
    let names = Legend::new(case_entries(&cases), width - 2.0 * MARGIN);
    let notes = Notes::new(&facts(std::slice::from_ref(results), hidden, &all), width);

    let top = heading.height();
    let bottom = top + PANEL_HEIGHT;
    let keys_top = bottom + Panel::room_below() + LEGEND_GAP;
    let names_top = keys_top + keys.height() + LEGEND_GAP / 2.0;
    let notes_top = names_top + names.height() + LEGEND_GAP;
    let mut canvas = Canvas::new(width, notes_top + notes.height());

    heading.draw(&mut canvas, width)?;
    let loss_axis = Axis::of_values(extremes(&loss), Y_TICKS);
    let accuracy_axis = Axis::of_shares(extremes(&accuracy), Y_TICKS);
    let rooms = [Panel::room_left(&loss_axis), Panel::room_left(&accuracy_axis)];
    let panel_width = (width - 2.0 * MARGIN - PANEL_GAP - rooms[0] - rooms[1]) / 2.0;
    let left = MARGIN + rooms[0];
    let logarithmic = if loss_axis.is_logarithmic() { ", logarithmic" } else { "" };
    for (pairs, left, y, title) in [
        (&loss, left, loss_axis, format!("loss (cross-entropy, nats{logarithmic})")),
        (
            &accuracy,
            left + panel_width + PANEL_GAP + rooms[1],
            accuracy_axis,
            "accuracy".to_owned(),
        ),
    ] {
        let right = left + panel_width;
        let x = Axis::epochs(last_epoch, EPOCH_TICKS);
        let panel = Panel { left, top, right, bottom, x, y };
        panel.frame(&mut canvas, "epoch", &title)?;
        draw_pairs(&mut canvas, &panel, pairs)?;
    }
    keys.draw(&mut canvas, MARGIN, keys_top)?;
    names.draw(&mut canvas, MARGIN, names_top)?;
    notes.draw(&mut canvas, notes_top)?;
    canvas.into_png().map(Some)
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
    let edges = |point: &CurvePoint| {
        let std = point.std.unwrap_or(0.0);
        // A band may reach below a loss of zero; the axis need not.
        let lower = if point.mean > 0.0 {
            (point.mean - std).max(point.mean / 4.0)
        } else {
            point.mean - std
        };
        [lower, point.mean + std]
    };
    pairs.iter().flat_map(move |pair| {
        let train = pair.train.points.iter().map(|point| point.mean);
        train.chain(pair.validation.points.iter().flat_map(edges))
    })
}

/// Bands first, training above them, validation on top.
fn draw_pairs(canvas: &mut Canvas, panel: &Panel, pairs: &[Pair]) -> Result<()> {
    let epoch = |point: &CurvePoint| point.epoch as f64;
    let width = if pairs.len() > LEGIBLE_CASES { FAINT_CURVE_WIDTH } else { CURVE_WIDTH };
    for pair in pairs {
        panel.band(canvas, &pair.validation.points, epoch, pair.style)?;
    }
    for pair in pairs {
        let colour = lighter(pair.style.colour, 0.8);
        let stroke = Stroke { colour, width: FAINT_CURVE_WIDTH, dash: Some(TRAIN_DASH) };
        panel.curve(canvas, &pair.train.points, epoch, stroke)?;
        // A single epoch has no line; without validation there are no other markers either.
        if pair.train.points.len() == 1 || pair.validation.is_empty() {
            let pale = CaseStyle { colour: lighter(pair.style.colour, PALE), ..pair.style };
            panel.markers(canvas, &pair.train.points, epoch, pale)?;
        }
    }
    for pair in pairs {
        let stroke = Stroke::solid(pair.style.colour, width);
        panel.curve(canvas, &pair.validation.points, epoch, stroke)?;
        panel.markers(canvas, &pair.validation.points, epoch, pair.style)?;
    }
    Ok(())
}

/// What solid, dashed and shaded mean; or dark and pale, where all there is are points.
fn line_keys(pairs: &[Pair]) -> Vec<Entry> {
    let entry = |sample, label: &str| Entry { sample, label: label.to_owned() };
    let points = pairs.iter().flat_map(Pair::curves).all(|curve| curve.points.len() <= 1);
    let [validation, train] = if points {
        [Sample::Mark(QUIET_INK), Sample::Mark(lighter(QUIET_INK, PALE))]
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

/// The legend of the cases.
pub fn case_entries(cases: &[ShownCase]) -> Vec<Entry> {
    let entry = |shown: &ShownCase| Entry {
        sample: Sample::Case(shown.style),
        label: shown.case.label.clone(),
    };
    cases.iter().map(entry).collect()
}
