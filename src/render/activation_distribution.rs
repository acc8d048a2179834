//! How what layers hand on is distributed: a row of panels per case, a panel per epoch, in it a
//! violin per depth. Where a deep stack dies, violins become lines, or stand at the ends of what
//! the activation can reach.

use anyhow::Result;

use crate::analysis::{ExperimentResults, Spread};

use super::axis::Axis;
use super::canvas::{Canvas, Point};
use super::figure::{Frame, Notes, Options, ShownCase, facts, shown_cases};
use super::panel::Panel;
use super::text::{Align, TextStyle};
use super::theme::{
    INK, LABEL_SIZE, LINE_HEIGHT, MARGIN, NOTE_SIZE, QUIET_INK, TEXT_GAP, TWO_PANEL_WIDTH,
};

/// Cases that have a row.
const MOST_ROWS: usize = 6;
/// Violins of a panel; of more layers, some are left out.
const MOST_LAYERS: usize = 12;
/// Cells of the density along a violin.
const CELLS: usize = 48;
/// Share of the numbers that may lie beyond each end of the axis.
const TAIL: f64 = 0.002;
/// Rows whose values reach so many times as far as those of others have an axis of their own.
const ALIKE: f64 = 4.0;
/// The part of what an activation can reach that values must take for an axis of all of it.
const NATURAL: f64 = 0.3;
/// Half the width of a violin, as a share of the distance between two.
const HALF: f64 = 0.44;
/// Half the width of a violin that has much room, in points.
const WIDEST: f64 = 26.0;
const ROW_HEIGHT: f64 = 92.0;
const LOWEST_ROW: f64 = 34.0;
const ROW_GAP: f64 = 10.0;
const COLUMN_GAP: f64 = 12.0;
const Y_TICKS: usize = 4;
/// The narrowest panel in which violins can be told apart.
const NARROWEST_PANEL: f64 = 110.0;

/// One case with its panels, by epoch.
struct Row<'a> {
    shown: ShownCase<'a>,
    epochs: Vec<(usize, Vec<Spread>)>,
}

/// The figure, or `None` where no completed trial has recorded activations of a hidden layer.
pub fn draw(results: &ExperimentResults, options: &Options) -> Result<Option<Canvas>> {
    let mut rows = Vec::new();
    let mut left_out = 0;
    for shown in shown_cases(results) {
        if rows.len() == MOST_ROWS {
            left_out += usize::from(shown.case.completed().any(|t| t.dir.histograms().is_file()));
            continue;
        }
        let epochs = Spread::read(shown.case)?;
        if !epochs.is_empty() {
            rows.push(Row { shown, epochs });
        }
    }
    if rows.is_empty() {
        return Ok(None);
    }
    let width = options.width(TWO_PANEL_WIDTH)?;
    let axes = axes(&rows);
    let room = axes.iter().map(Panel::room_left).fold(0.0, f64::max);
    let inner = width - 2.0 * MARGIN - room;
    let fitting = ((inner + COLUMN_GAP) / (NARROWEST_PANEL + COLUMN_GAP)).floor().max(1.0) as usize;
    let columns = rows.iter().map(|row| row.epochs.len()).max().unwrap_or(1).min(3).min(fitting);
    let each = (inner - (columns - 1) as f64 * COLUMN_GAP) / columns as f64;

    let mut facts = facts(std::slice::from_ref(results), 0, &[]);
    facts.push("the last sampled batch of each epoch and seed".to_owned());
    facts.push("dots: medians, mean over seeds".to_owned());
    facts.push(format!("width: density, up to {:.1} % beyond each end", TAIL * 100.0));
    if left_out > 0 {
        facts.push(format!("the first {MOST_ROWS} cases are shown, {left_out} are not"));
    }
    let frame = Frame {
        width,
        title: &results.name,
        subtitle: "What each layer hands on, by depth",
        legends: Vec::new(),
        notes: Notes::new(&facts, width),
    };
    let heading = LABEL_SIZE * LINE_HEIGHT;
    let count = rows.len() as f64;
    let of_rows = |row: f64| count * (heading + row) + (count - 1.0) * ROW_GAP;
    let below = Panel::room_below();
    let height = frame.panel_height(options, of_rows(ROW_HEIGHT), below, of_rows(LOWEST_ROW))?;
    let (mut canvas, top) = frame.sheet(height, below);
    let row_height = (height + ROW_GAP) / count - ROW_GAP - heading;
    for (number, (row, y)) in rows.iter().zip(&axes).enumerate() {
        let top = top + number as f64 * (heading + row_height + ROW_GAP) + heading;
        let is_last = number + 1 == rows.len();
        let label = TextStyle::new(LABEL_SIZE).colour(INK).bold();
        let name_width = label.width(&label.fit_middle(&row.shown.case.label, each * 0.6));
        for (column, (epoch, spreads)) in chosen(&row.epochs, columns).into_iter().enumerate() {
            let left = MARGIN + room + column as f64 * (each + COLUMN_GAP);
            let (right, bottom) = (left + each, top + row_height);
            let depths = spreads.iter().map(|spread| spread.depth);
            let (first, last) = depths.fold((usize::MAX, 1), |(a, b), d| (a.min(d), b.max(d)));
            let x = Axis::depths(first, last, MOST_LAYERS);
            let panel = Panel { left, top, right, bottom, x, y: y.clone() };
            let same_below = !is_last && same_depths(&rows[number], &rows[number + 1]);
            if same_below {
                panel.horizontal_lines(&mut canvas);
            } else {
                panel.grid(&mut canvas, if is_last { "depth" } else { "" });
            }
            let above = top - heading * 0.3;
            let quiet = TextStyle::new(NOTE_SIZE).colour(QUIET_INK).align(Align::End);
            canvas.text(&format!("epoch {epoch}"), (right, above), quiet);
            if column == 0 {
                panel.vertical_labels(&mut canvas, "activation");
                let name = label.fit_middle(&row.shown.case.label, each * 0.6);
                canvas.text(&name, (left, above), label);
                let mark = (left + name_width + TEXT_GAP + 4.0, above - LABEL_SIZE * 0.35);
                let style = row.shown.style;
                canvas.marker(style.marker, mark, 3.0, style.colour);
            }
            let every = spreads.len().div_ceil(MOST_LAYERS).max(1);
            for spread in spreads.iter().step_by(every) {
                violin(&mut canvas, &panel, spread, &row.shown);
            }
        }
    }
    Ok(Some(canvas))
}

/// So many of the epochs: the first, the last and what is between.
fn chosen(epochs: &[(usize, Vec<Spread>)], columns: usize) -> Vec<&(usize, Vec<Spread>)> {
    let last = epochs.len() - 1;
    let columns = columns.min(epochs.len());
    let place = |column: usize| match columns {
        1 => last,
        _ => column * last / (columns - 1),
    };
    (0..columns).map(|column| &epochs[place(column)]).collect()
}

/// The axis of each row: all that the activation can reach, where values are between 0 and 1 or ±1;
/// the same for all other rows whose values reach about as far.
fn axes(rows: &[Row<'_>]) -> Vec<Axis> {
    let range = |row: &Row<'_>| {
        let spreads = || row.epochs.iter().flat_map(|(_, spreads)| spreads);
        let low = spreads().map(|spread| spread.quantile(TAIL)).fold(f64::INFINITY, f64::min);
        let high = spreads().map(|spread| spread.quantile(1.0 - TAIL));
        (low, high.fold(f64::NEG_INFINITY, f64::max))
    };
    let ranges: Vec<(f64, f64)> = rows.iter().map(range).collect();
    // Values that take but a small part of it would be lost there.
    let natural = |(low, high): (f64, f64)| {
        let ends = [(0.0, 1.0), (-1.0, 1.0)];
        ends.into_iter()
            .find(|(from, to)| *from <= low && high <= *to && high - low > NATURAL * (to - from))
    };
    let others = || ranges.iter().filter(|range| natural(**range).is_none());
    let whole = others().fold((f64::INFINITY, f64::NEG_INFINITY), |all, range| {
        (all.0.min(range.0), all.1.max(range.1))
    });
    let alike = others().all(|(low, high)| whole.1 - whole.0 <= ALIKE * (high - low));
    let axis = |range: &(f64, f64)| {
        if let Some((low, high)) = natural(*range) {
            return Axis::of_values([low, high], Y_TICKS);
        }
        let (low, high) = if alike { whole } else { *range };
        // A range of another sign would be a logarithmic axis, on which there are no densities.
        Axis::of_values([low.min(0.0), high.max(0.0)], Y_TICKS)
    };
    ranges.iter().map(axis).collect()
}

fn same_depths(row: &Row<'_>, other: &Row<'_>) -> bool {
    let depths = |row: &Row<'_>| -> Vec<usize> {
        row.epochs[0].1.iter().map(|spread| spread.depth).collect()
    };
    depths(row) == depths(other)
}

/// A density, mirrored, as wide as there is room where it is highest.
fn violin(canvas: &mut Canvas, panel: &Panel, spread: &Spread, shown: &ShownCase<'_>) {
    let (low, high) = (panel.y.low(), panel.y.high());
    let shares = spread.shares(low, high, CELLS);
    let most = shares.iter().copied().fold(0.0, f64::max);
    let at = spread.depth as f64;
    let (x, _) = panel.place(at, low);
    let pitch = (panel.right - panel.left) / (panel.x.high() - panel.x.low());
    let half = (pitch * HALF).min(WIDEST);
    let cell = (high - low) / CELLS as f64;
    let mut side: Vec<Point> = Vec::new();
    let filled = || (0..CELLS).filter(|cell| shares[*cell] > most * 1e-3);
    let (first, last) = (filled().next().unwrap_or(0), filled().next_back().unwrap_or(0));
    let mut corner = |number: usize, along: f64| {
        let value = low + (number as f64 + along) * cell;
        side.push((shares[number] / most * half, panel.place(at, value).1));
    };
    // What stands at the end of what an activation can reach is cut there.
    corner(first, 0.0);
    (first..=last).for_each(|number| corner(number, 0.5));
    corner(last, 1.0);
    let right = side.iter().map(|(reach, y)| (x + reach, *y));
    let left = side.iter().rev().map(|(reach, y)| (x - reach, *y));
    let outline: Vec<Point> = right.chain(left).collect();
    canvas.polygon(&outline, shown.style.colour.lighter(0.75), 1.0);
    let median = panel.place(at, spread.quantile(0.5));
    canvas.circle(median, 1.7, INK);
}
