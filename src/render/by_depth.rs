//! A number of the layers against their depth, in the first epoch and in the last: where gradients
//! vanish, a line falls by orders of magnitude towards the input.

use anyhow::Result;

use crate::analysis::{CaseLayers, DepthPoint, ExperimentResults, LayerMetric};
use crate::spec::suggest;

use super::axis::Axis;
use super::canvas::{Canvas, Point, Stroke};
use super::curves::{LOWEST_PANEL, TICKS, capital, case_entries};
use super::figure::{
    BadOption, Frame, Notes, Options, ShownCase, facts, first_sentence, hidden, shown_cases,
};
use super::legend::Legend;
use super::panel::Panel;
use super::text::{Align, TextStyle};
use super::theme::{
    AXIS_WIDTH, CURVE_WIDTH, LABEL_SIZE, LINE_HEIGHT, MARGIN, MEAN_MARKER, PANEL_GAP, PANEL_HEIGHT,
    QUIET_INK, TWO_PANEL_WIDTH,
};

/// Ticks along the depth of one panel.
const DEPTH_TICKS: usize = 12;
/// Deeper networks have marks on some of their layers.
const MARKED: usize = 24;

/// One case in one epoch.
struct Line<'a> {
    shown: ShownCase<'a>,
    points: Vec<DepthPoint>,
}

/// The figure, or `None` where no completed trial has recorded the number.
pub fn draw(results: &ExperimentResults, options: &Options) -> Result<Option<Canvas>> {
    let metric = metric(options)?;
    let shown = shown_cases(results);
    let mut layers = Vec::new();
    for shown in &shown {
        layers.push((*shown, CaseLayers::read(shown.case)?));
    }
    layers.retain(|(_, layers)| !layers.seeds.is_empty());
    let last = layers.iter().filter_map(|(_, layers)| layers.last_epoch()).max().unwrap_or(0);
    let mut panels = vec![("epoch 1".to_owned(), lines(&layers, metric, |_| Some(1)))];
    if last > 1 {
        let ends = layers.iter().filter_map(|(_, layers)| layers.last_epoch());
        let same = ends.min() == Some(last);
        let title =
            if same { format!("epoch {last}") } else { format!("last epoch, up to {last}") };
        panels.push((title, lines(&layers, metric, CaseLayers::last_epoch)));
    }
    let points = || panels.iter().flat_map(|(_, lines)| lines).flat_map(|line| &line.points);
    if points().next().is_none() {
        return Ok(None);
    }
    let logarithmic = metric.is_logarithmic();
    let values = points().flat_map(|point| edges(point, logarithmic));
    let y = match (logarithmic, metric.is_share()) {
        (true, _) => Axis::of_norms(values.filter(|value| *value > 0.0), TICKS),
        (false, shares) => Axis::of(shares, values, TICKS),
    };
    let zeros = points().filter(|point| logarithmic && point.value.mean <= 0.0).count();

    let width = options.width(TWO_PANEL_WIDTH)?;
    let mut facts = facts(std::slice::from_ref(results), hidden(results, shown.len()), &[]);
    if points().any(|point| point.value.std.is_some()) {
        facts.push("mean over seeds, bars: ± 1 standard deviation".to_owned());
    }
    if zeros > 0 {
        facts.push(format!("{zeros} of exactly 0 left out, which this scale has not"));
    }
    let drawn: Vec<ShownCase<'_>> =
        panels[0].1.iter().filter(|line| !line.points.is_empty()).map(|line| line.shown).collect();
    let subtitle = match first_sentence(&results.description) {
        "" => format!("{} by depth", capital(metric.title())),
        sentence => sentence.to_owned(),
    };
    let frame = Frame {
        width,
        title: &results.name,
        subtitle: &subtitle,
        legends: vec![Legend::new(case_entries(&drawn), width - 2.0 * MARGIN)],
        notes: Notes::new(&facts, width),
    };
    let heading = LABEL_SIZE * LINE_HEIGHT;
    let below = Panel::room_below();
    let height =
        frame.panel_height(options, PANEL_HEIGHT + heading, below, LOWEST_PANEL + heading)?;
    let (mut canvas, top) = frame.sheet(height, below);
    let (top, bottom) = (top + heading, top + height);
    let count = panels.len() as f64;
    let room = Panel::room_left(&y);
    let each = (width - 2.0 * MARGIN - room - (count - 1.0) * PANEL_GAP) / count;
    let (shallowest, deepest) = points()
        .map(|point| point.depth)
        .fold((usize::MAX, 0), |(low, high), depth| (low.min(depth), high.max(depth)));
    for (number, (title, lines)) in panels.iter().enumerate() {
        let left = MARGIN + room + number as f64 * (each + PANEL_GAP);
        let right = left + each;
        let x = Axis::depths(shallowest, deepest, DEPTH_TICKS);
        let panel = Panel { left, top, right, bottom, x, y: y.clone() };
        if number == 0 {
            let y_title = match (y.is_logarithmic(), metric.title().strip_suffix(')')) {
                (false, _) => metric.title().to_owned(),
                (true, Some(title)) => format!("{title}, logarithmic)"),
                (true, None) => format!("{} (logarithmic)", metric.title()),
            };
            panel.frame(&mut canvas, "depth (layers with a kernel, from the input)", &y_title);
        } else {
            panel.grid(&mut canvas, "depth");
        }
        let style = TextStyle::new(LABEL_SIZE).colour(QUIET_INK).align(Align::Start);
        canvas.text(&style.fit(title, each), (left, top - heading * 0.45), style);
        for line in lines {
            draw_line(&mut canvas, &panel, line, logarithmic);
        }
    }
    Ok(Some(canvas))
}

/// Each case in an epoch of its own.
fn lines<'a>(
    layers: &[(ShownCase<'a>, CaseLayers)],
    metric: LayerMetric,
    epoch: impl Fn(&CaseLayers) -> Option<usize>,
) -> Vec<Line<'a>> {
    let points = |layers: &CaseLayers| {
        epoch(layers).map_or_else(Vec::new, |epoch| layers.by_depth(metric, epoch))
    };
    layers.iter().map(|(shown, layers)| Line { shown: *shown, points: points(layers) }).collect()
}

/// The number asked for, or the length of gradients.
fn metric(options: &Options) -> Result<LayerMetric, BadOption> {
    let Some(name) = &options.y else { return Ok(LayerMetric::GradientNorm) };
    let known = LayerMetric::ALL.map(LayerMetric::name);
    LayerMetric::of_name(name).ok_or_else(|| {
        let help = suggest(name, &known);
        BadOption(format!("`--y {name}`: layers have no such metric: {help}"))
    })
}

fn draw_line(canvas: &mut Canvas, panel: &Panel, line: &Line<'_>, logarithmic: bool) {
    let colour = line.shown.style.colour;
    let drawable = |point: &&DepthPoint| {
        point.value.mean.is_finite() && (!logarithmic || point.value.mean > 0.0)
    };
    let points: Vec<&DepthPoint> = line.points.iter().filter(drawable).collect();
    let place = |point: &&DepthPoint| panel.place(point.depth as f64, point.value.mean);
    let places: Vec<Point> = points.iter().map(place).collect();
    canvas.line(&places, Stroke::solid(colour, CURVE_WIDTH));
    let every = points.len().div_ceil(MARKED).max(1);
    for (number, (point, at)) in points.iter().zip(places).enumerate() {
        if point.value.std.is_some() {
            let ends =
                edges(point, logarithmic).map(|value| panel.place(point.depth as f64, value));
            canvas.line(&ends, Stroke::solid(colour, AXIS_WIDTH));
        }
        if number % every == 0 {
            canvas.marker(line.shown.style.marker, at, MEAN_MARKER * 0.75, colour);
        }
    }
}

/// The ends of a bar; on a logarithmic scale it does not go down to nothing.
fn edges(point: &DepthPoint, logarithmic: bool) -> [f64; 2] {
    let (mean, std) = (point.value.mean, point.value.std.unwrap_or(0.0));
    let low = if logarithmic { (mean - std).max(mean / 4.0) } else { mean - std };
    [low, mean + std]
}
