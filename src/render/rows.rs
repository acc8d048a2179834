//! Charts with a row per case: names at the left, numbers at the right, a panel between them.

use super::canvas::{Canvas, Stroke};
use super::panel::Panel;
use super::text::{Align, TextStyle};
use super::theme::{GRID_COLOUR, GRID_WIDTH, LABEL_SIZE, MARGIN, TEXT_GAP};

/// Height of a row, and how far rows may be spread to fill a panel.
pub const ROW: f64 = 19.0;
const WIDEST_ROW: f64 = 34.0;
/// Rows closer together would touch.
pub const CLOSEST_ROW: f64 = LABEL_SIZE * 1.25;

/// The share of the width that names may take.
const LONGEST_LABEL: f64 = 0.38;
/// The narrowest panel that is worth one.
const NARROWEST_PANEL: f64 = 60.0;

/// Where the rows of a chart are.
pub struct Rows {
    /// Of the panel.
    pub left: f64,
    pub right: f64,
    label_width: f64,
    numbers_end: f64,
    top: f64,
    height: f64,
    pitch: f64,
    count: usize,
}

impl Rows {
    /// Between two edges of the figure; names that are too long for their share are shortened.
    pub fn new<'a>(
        labels: impl Iterator<Item = &'a str>,
        numbers: &[String],
        (start, end): (f64, f64),
        (top, height): (f64, f64),
    ) -> Self {
        let style = TextStyle::new(LABEL_SIZE);
        let widest = labels.map(|label| style.width(label)).fold(0.0, f64::max);
        let number_width = numbers.iter().map(|number| style.width(number)).fold(0.0, f64::max);
        let number_room = if number_width > 0.0 { number_width + 3.0 * TEXT_GAP } else { 0.0 };
        let room = end - start - number_room - 2.0 * TEXT_GAP - NARROWEST_PANEL;
        let label_width = widest.min((end - start) * LONGEST_LABEL).min(room.max(0.0));
        let count = numbers.len();
        Self {
            left: start + label_width + 2.0 * TEXT_GAP,
            right: end - number_room.max(TEXT_GAP),
            label_width,
            numbers_end: end,
            top,
            height,
            pitch: (height / count.max(1) as f64).min(WIDEST_ROW),
            count,
        }
    }

    /// The height for so many rows.
    pub fn height(count: usize) -> f64 {
        (count as f64 * ROW).max(2.0 * ROW)
    }

    /// The distance of two rows.
    pub fn pitch(&self) -> f64 {
        self.pitch
    }

    /// The middle of a row.
    pub fn y(&self, row: usize) -> f64 {
        let first = self.top + (self.height - self.pitch * self.count as f64) / 2.0;
        first + (row as f64 + 0.5) * self.pitch
    }

    /// A row's name, line and number.
    pub fn draw(&self, canvas: &mut Canvas, row: usize, label: &str, number: &str) {
        let y = self.y(row);
        let line = Stroke::solid(GRID_COLOUR, GRID_WIDTH);
        canvas.line(&[(self.left, y), (self.right, y)], line);
        let style = TextStyle::new(LABEL_SIZE);
        let baseline = y + style.baseline_drop();
        let start = self.left - 2.0 * TEXT_GAP - self.label_width;
        canvas.text(&style.fit_middle(label, self.label_width), (start, baseline), style);
        canvas.text(number, (self.numbers_end, baseline), style.align(Align::End));
    }

    /// The panel between names and numbers; its rows have no scale.
    pub fn panel(&self, x: super::axis::Axis) -> Panel {
        let y = super::axis::Axis::of_shares([], 1);
        let (top, bottom) = (self.top, self.top + self.height);
        Panel { left: self.left, top, right: self.right, bottom, x, y }
    }
}

/// The edges of a figure between its margins.
pub fn edges(width: f64) -> (f64, f64) {
    (MARGIN, width - MARGIN)
}
