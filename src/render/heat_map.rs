//! Validation accuracy over a grid: two keys as a table of colours, a panel for each variant and
//! each value of further keys; one key as a line per variant ([`super::grid_line`]).

use anyhow::Result;
use serde_json::Value;

use crate::analysis::{Case, ExperimentResults, Metric, Ranking, SELECTION, grid_keys};
use crate::record::RecordedTrial;
use crate::spec::GridValue;

use super::canvas::{Canvas, Stroke};
use super::curves::capital;
use super::figure::{Frame, Notes, Options, facts, spoken};
use super::final_accuracy::result_metric;
use super::grid_line;
use super::text::{Align, TextStyle};
use super::theme::{
    AXIS_COLOUR, AXIS_TITLE_SIZE, AXIS_WIDTH, Colour, INK, LABEL_SIZE, LINE_HEIGHT, MARGIN,
    NOTE_SIZE, ONE_PANEL_WIDTH, QUIET_INK, TEXT_GAP, TICK_SIZE,
};

/// More panels are not told apart.
const MAX_PANELS: usize = 12;
/// Sizes of a cell: as wide as its number at least, and no wider than looks good.
const NARROWEST_CELL: f64 = 38.0;
const WIDEST_CELL: f64 = 84.0;
const CELL_HEIGHT: f64 = 24.0;
const LOWEST_CELL: f64 = 11.0;
/// Where few rows would leave no room for the name of their key.
const TALLEST_CELL: f64 = 44.0;
const PANEL_GAP: f64 = 16.0;
/// The bar that explains the colours, and the room it takes.
const BAR: (f64, f64) = (120.0, 8.0);
const BAR_ROOM: f64 = 26.0;
/// The share of the width that the values of the upright key may take.
const LONGEST_VALUE: f64 = 0.2;

/// The figure, or `None` without a grid whose values were trained.
pub fn draw(results: &ExperimentResults, options: &Options) -> Result<Option<Canvas>> {
    let metric = match options.metric()? {
        Some(metric) => metric,
        // A grid is searched for its best point, so it shows what selects it.
        None if Ranking::of(results).is_decided() => SELECTION,
        None => result_metric(results),
    };
    match &varied_keys(results)[..] {
        [] => Ok(None),
        [key] => grid_line::draw(results, options, metric, key),
        [first, second, ..] => table(results, options, metric, first, second),
    }
}

/// The grid keys that have several values.
pub fn varied_keys(results: &ExperimentResults) -> Vec<String> {
    let mut keys = grid_keys(results);
    keys.retain(|key| values(results, key).len() > 1);
    keys
}

/// A key's values: numbers by size, all else as they come.
pub fn values(results: &ExperimentResults, key: &str) -> Vec<Value> {
    let mut values: Vec<Value> = Vec::new();
    for value in results.cases.iter().filter_map(|case| value_of(case, key)) {
        if !values.contains(value) {
            values.push(value.clone());
        }
    }
    if values.iter().all(Value::is_number) {
        let number = |value: &Value| value.as_f64().unwrap_or(0.0);
        values.sort_by(|a, b| number(a).total_cmp(&number(b)));
    }
    values
}

/// A case's value of a key.
pub fn value_of<'a>(case: &'a Case, key: &str) -> Option<&'a Value> {
    case.grid.iter().find(|point| point.key == key).map(|point| &point.value)
}

/// A value as a label has it.
pub fn label(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

/// The short name of a key, or the whole where several end alike.
pub fn short_key(results: &ExperimentResults, key: &str) -> String {
    let grid = results.cases.first().map(|case| case.grid.as_slice()).unwrap_or_default();
    let place = grid.iter().position(|point| point.key == key);
    let short = place.map(|place| GridValue::short_keys(grid)[place]);
    short.unwrap_or(key).replace('_', " ")
}

/// The cases of one panel.
struct Block<'a> {
    title: String,
    cases: Vec<&'a Case>,
}

/// A panel for each variant and each combination of the keys that are no axes, in their order.
fn blocks<'a>(results: &'a ExperimentResults, axes: [&str; 2]) -> Vec<Block<'a>> {
    let variants = results.cases.iter().any(|case| case.variant != results.cases[0].variant);
    let mut blocks: Vec<Block> = Vec::new();
    for case in &results.cases {
        let mut parts = Vec::new();
        if variants {
            parts.push(case.variant.clone());
        }
        let short = GridValue::short_keys(&case.grid);
        let rest = case.grid.iter().zip(short).filter(|(point, _)| {
            !axes.contains(&point.key.as_str()) && values(results, &point.key).len() > 1
        });
        parts.extend(rest.map(|(point, key)| format!("{key} {}", label(&point.value))));
        let title = parts.join(", ");
        match blocks.iter_mut().find(|block| block.title == title) {
            Some(block) => block.cases.push(case),
            None => blocks.push(Block { title, cases: vec![case] }),
        }
    }
    blocks
}

fn table(
    results: &ExperimentResults,
    options: &Options,
    metric: Metric,
    first: &str,
    second: &str,
) -> Result<Option<Canvas>> {
    // The longer list lies along the wider side.
    let longer = values(results, second).len() > values(results, first).len();
    let (across, up) = if longer { (second, first) } else { (first, second) };
    let (columns, rows) = (values(results, across), values(results, up));
    let mut blocks = blocks(results, [across, up]);
    let hidden = blocks.len().saturating_sub(MAX_PANELS);
    blocks.truncate(MAX_PANELS);
    let mean =
        |case: &Case| case.aggregate(metric).map(|found| found.mean).filter(|m| m.is_finite());
    let means = blocks.iter().flat_map(|block| &block.cases).filter_map(|case| mean(case));
    let (low, high) = means.fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), mean| {
        (low.min(mean), high.max(mean))
    });
    if low > high {
        return Ok(None);
    }
    let position = |mean: f64| if high > low { (mean - low) / (high - low) } else { 0.5 };
    let best = framed_case(results, metric);

    let width = options.width(ONE_PANEL_WIDTH)?;
    let tick = TextStyle::new(TICK_SIZE).colour(QUIET_INK);
    let widest = rows.iter().map(|value| tick.width(&label(value))).fold(0.0, f64::max);
    let value_width = widest.min(width * LONGEST_VALUE);
    let labels = value_width + TEXT_GAP + AXIS_TITLE_SIZE * LINE_HEIGHT + TEXT_GAP;
    let room = width - 2.0 * MARGIN - labels;
    let narrowest = columns.len() as f64 * NARROWEST_CELL + PANEL_GAP;
    let beside = (((room + PANEL_GAP) / narrowest).floor().max(1.0) as usize).min(blocks.len());
    let lines = blocks.len().div_ceil(beside);
    let block_width = (room - PANEL_GAP * (beside - 1) as f64) / beside as f64;
    let cell_width = (block_width / columns.len() as f64).min(WIDEST_CELL);
    let titled = blocks.iter().any(|block| !block.title.is_empty());
    let title_room = if titled { LABEL_SIZE * LINE_HEIGHT + 2.0 } else { 0.0 };
    let line_room = title_room + TEXT_GAP + TICK_SIZE * LINE_HEIGHT;

    let mut facts = facts(std::slice::from_ref(results), 0, &[]);
    facts.push(match &best {
        Some((_, by)) => format!("mean over seeds; framed: the best by {}", spoken(&by.name())),
        None => "mean over seeds; none is framed, as there is no validation".to_owned(),
    });
    let shown = || blocks.iter().flat_map(|block| &block.cases);
    if shown().any(|case| mean(case).is_none() && !all_diverged(case)) {
        facts.push("–: no completed trial".to_owned());
    }
    if shown().any(|case| all_diverged(case)) {
        facts.push("×: all trials diverged".to_owned());
    }
    if hidden > 0 {
        facts.push(format!("{MAX_PANELS} panels are shown, {hidden} are not"));
    }
    let names = [short_key(results, across), short_key(results, up)];
    let subtitle = format!("{} by {} and {}", capital(&spoken(&metric.name())), names[0], names[1]);
    let frame = Frame {
        width,
        title: &results.name,
        subtitle: &subtitle,
        legends: Vec::new(),
        notes: Notes::new(&facts, width),
    };
    let below = AXIS_TITLE_SIZE * LINE_HEIGHT + BAR_ROOM;
    let height = |cell: f64| {
        lines as f64 * (line_room + rows.len() as f64 * cell) + (lines - 1) as f64 * PANEL_GAP
    };
    let name_of_rows = TextStyle::new(AXIS_TITLE_SIZE).width(&names[1]);
    let cell = (name_of_rows / rows.len() as f64).clamp(CELL_HEIGHT, TALLEST_CELL);
    let body = frame.panel_height(options, height(cell), below, height(LOWEST_CELL))?;
    let cell_height = (body - height(0.0)) / (lines * rows.len()) as f64;
    let (mut canvas, top) = frame.sheet(body, below);

    let decimals = decimals_that_fit(metric, low, high, cell_width);
    for (index, block) in blocks.iter().enumerate() {
        let left = MARGIN + labels + (index % beside) as f64 * (block_width + PANEL_GAP);
        let line_top =
            top + (index / beside) as f64 * (height(cell_height) + PANEL_GAP) / lines as f64;
        let cells_top = line_top + title_room;
        let bold = TextStyle::new(LABEL_SIZE).bold();
        let title = bold.fit(&block.title, block_width);
        canvas.text(&title, (left, line_top + LABEL_SIZE), bold);
        let cell = |column: usize, row: usize| {
            // Numbers grow upwards, as on any axis.
            let from_top = (rows.len() - 1 - row) as f64;
            (left + column as f64 * cell_width, cells_top + from_top * cell_height)
        };
        let mut framed = None;
        for (row, up_value) in rows.iter().enumerate() {
            for (column, across_value) in columns.iter().enumerate() {
                let here = block.cases.iter().find(|case| {
                    value_of(case, across) == Some(across_value)
                        && value_of(case, up) == Some(up_value)
                });
                let Some(case) = here else { continue };
                let (x, y) = cell(column, row);
                let corner = (x + cell_width - 0.6, y + cell_height - 0.6);
                let text = TextStyle::new(TICK_SIZE).align(Align::Middle);
                let at = (x + cell_width / 2.0, y + cell_height / 2.0 + text.baseline_drop());
                let Some(mean) = mean(case) else {
                    let sign = if all_diverged(case) { "×" } else { "–" };
                    canvas.text(sign, at, text.colour(QUIET_INK));
                    continue;
                };
                canvas.rectangle((x, y), corner, Colour::scale(position(mean)));
                if let Some(decimals) = decimals {
                    let text = text.colour(Colour::on_scale(position(mean)));
                    canvas.text(&format!("{mean:.decimals$}"), at, text);
                }
                if best.is_some_and(|(best, _)| std::ptr::eq(best, *case)) {
                    framed = Some([(x, y), (corner.0, y), corner, (x, corner.1), (x, y)]);
                }
            }
        }
        if let Some(outline) = framed {
            canvas.line(&outline, Stroke::solid(INK, AXIS_WIDTH * 2.0));
        }
        let bottom = cells_top + rows.len() as f64 * cell_height;
        for (column, value) in columns.iter().enumerate() {
            let style = tick.align(Align::Middle);
            let text = style.fit(&label(value), cell_width - 2.0);
            let x = cell(column, 0).0 + cell_width / 2.0;
            canvas.text(&text, (x, bottom + TEXT_GAP + TICK_SIZE), style);
        }
        if index % beside == 0 {
            let style = tick.align(Align::End);
            for (row, value) in rows.iter().enumerate() {
                let y = cell(0, row).1 + cell_height / 2.0 + style.baseline_drop();
                canvas.text(&style.fit(&label(value), value_width), (left - TEXT_GAP, y), style);
            }
            let style = TextStyle::new(AXIS_TITLE_SIZE).align(Align::Middle);
            let middle = (cells_top + bottom) / 2.0;
            let name = style.fit(&names[1], bottom - cells_top + line_room);
            canvas.text_upwards(&name, (MARGIN + AXIS_TITLE_SIZE, middle), style);
        }
    }
    let style = TextStyle::new(AXIS_TITLE_SIZE).align(Align::Middle);
    let left = MARGIN + labels;
    let used = (beside - 1) as f64 * (block_width + PANEL_GAP) + columns.len() as f64 * cell_width;
    let place = (left + used / 2.0, top + body + AXIS_TITLE_SIZE);
    canvas.text(&style.fit(&names[0], used.max(room / 2.0)), place, style);
    colour_bar(&mut canvas, (left, top + body + below - BAR.1 - 3.0), metric, low, high);
    Ok(Some(canvas))
}

/// The best case, and the metric that it is the best by: the one that is shown if it is of
/// validation, else validation accuracy. `None` without validation.
fn framed_case(results: &ExperimentResults, shown: Metric) -> Option<(&Case, Metric)> {
    let by = if shown.is_of_validation() { shown } else { SELECTION };
    Ranking::by(results, by).best().map(|best| (best.case, by))
}

/// Whether no trial of a case came to an end because all diverged.
fn all_diverged(case: &Case) -> bool {
    !case.trials.is_empty() && case.trials.iter().all(RecordedTrial::has_diverged)
}

/// As many decimals as tell the lowest from the highest and fit a cell.
fn decimals_that_fit(metric: Metric, low: f64, high: f64, cell_width: f64) -> Option<usize> {
    let style = TextStyle::new(TICK_SIZE);
    let most = if metric.is_share() { 4 } else { 3 };
    (1..=most).rev().find(|decimals| {
        let widths = [low, high].map(|value| style.width(&format!("{value:.decimals$}")));
        widths.iter().all(|width| width + 4.0 <= cell_width)
    })
}

/// The scale from the lowest to the highest number.
fn colour_bar(canvas: &mut Canvas, (left, top): (f64, f64), metric: Metric, low: f64, high: f64) {
    let style = TextStyle::new(NOTE_SIZE).colour(QUIET_INK);
    let decimals = if metric.is_share() { 4 } else { 3 };
    let baseline = top + BAR.1 / 2.0 + style.baseline_drop();
    let (low, high) = (format!("{low:.decimals$}"), format!("{high:.decimals$}"));
    canvas.text(&low, (left, baseline), style);
    let left = left + style.width(&low) + TEXT_GAP;
    const STEPS: u32 = 40;
    for step in 0..STEPS {
        let at = |step: u32| left + BAR.0 * f64::from(step) / f64::from(STEPS);
        let colour = Colour::scale((f64::from(step) + 0.5) / f64::from(STEPS));
        // A little too wide, so that no seams show.
        canvas.rectangle((at(step), top), (at(step + 1) + 0.3, top + BAR.1), colour);
    }
    let corners = [
        (left, top),
        (left + BAR.0, top),
        (left + BAR.0, top + BAR.1),
        (left, top + BAR.1),
        (left, top),
    ];
    canvas.line(&corners, Stroke::solid(AXIS_COLOUR, AXIS_WIDTH / 2.0));
    let text = format!("{high}   {}", spoken(&metric.name()));
    canvas.text(&text, (left + BAR.0 + TEXT_GAP, baseline), style);
}
