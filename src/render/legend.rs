//! Legends: what the lines and colours stand for, in columns below the panels.

use super::canvas::{Canvas, Stroke};
use super::text::TextStyle;
use super::theme::{
    AXIS_WIDTH, BAND_ALPHA, CURVE_WIDTH, CaseStyle, Colour, FAINT_CURVE_WIDTH, LABEL_SIZE,
    LINE_HEIGHT, MARKER, TRAIN_DASH,
};

/// Width of a sample of a line.
const SAMPLE: f64 = 22.0;
/// White space between a sample and its label.
const SAMPLE_GAP: f64 = 6.0;
/// White space between columns.
const COLUMN_GAP: f64 = 18.0;
const ROW: f64 = LABEL_SIZE * LINE_HEIGHT + 1.0;

/// What is drawn in front of a label.
#[derive(Debug, Clone, Copy)]
pub enum Sample {
    /// A case: its colour and marker.
    Case(CaseStyle),
    /// A case by its marker alone.
    Marker(CaseStyle),
    /// A solid line of a colour.
    Solid(Colour),
    /// A dashed line of a colour.
    Dashed(Colour),
    /// A marker of a colour.
    Mark(Colour),
    /// An upright bar of a colour.
    Bar(Colour),
    /// A band of a colour.
    Band(Colour),
}

/// A sample with its label.
#[derive(Debug, Clone)]
pub struct Entry {
    pub sample: Sample,
    pub label: String,
}

/// Entries arranged in columns of one width.
pub struct Legend {
    entries: Vec<Entry>,
    columns: usize,
    column_width: f64,
}

impl Legend {
    /// As many columns as fit the width; labels that are wider than all of it are shortened.
    pub fn new(entries: Vec<Entry>, width: f64) -> Self {
        let style = TextStyle::new(LABEL_SIZE);
        let room = width - SAMPLE - SAMPLE_GAP;
        let entries: Vec<Entry> = entries
            .into_iter()
            .map(|entry| Entry { label: style.fit_middle(&entry.label, room), ..entry })
            .collect();
        let widest = entries.iter().map(|entry| style.width(&entry.label)).fold(0.0, f64::max);
        let column_width = SAMPLE + SAMPLE_GAP + widest + COLUMN_GAP;
        let fitting = ((width + COLUMN_GAP) / column_width).floor().max(1.0) as usize;
        let rows = entries.len().div_ceil(fitting).max(1);
        let columns = entries.len().div_ceil(rows).max(1);
        Self { entries, columns, column_width }
    }

    pub fn height(&self) -> f64 {
        self.entries.len().div_ceil(self.columns) as f64 * ROW
    }

    /// Draws it with its upper left corner at a point; columns are read downwards.
    pub fn draw(&self, canvas: &mut Canvas, left: f64, top: f64) {
        let rows = self.entries.len().div_ceil(self.columns).max(1);
        let style = TextStyle::new(LABEL_SIZE);
        for (index, entry) in self.entries.iter().enumerate() {
            let x = left + (index / rows) as f64 * self.column_width;
            let y = top + ((index % rows) as f64 + 0.5) * ROW;
            let line = [(x, y), (x + SAMPLE, y)];
            match entry.sample {
                Sample::Case(case) => {
                    canvas.line(&line, Stroke::solid(case.colour, CURVE_WIDTH));
                    canvas.marker(case.marker, (x + SAMPLE / 2.0, y), MARKER, case.colour);
                }
                Sample::Marker(case) => {
                    canvas.marker(case.marker, (x + SAMPLE / 2.0, y), MARKER * 1.3, case.colour);
                }
                Sample::Solid(colour) => canvas.line(&line, Stroke::solid(colour, CURVE_WIDTH)),
                Sample::Dashed(colour) => {
                    let (width, dash) = (FAINT_CURVE_WIDTH, Some(TRAIN_DASH));
                    canvas.line(&line, Stroke { colour, width, dash });
                }
                Sample::Mark(colour) => {
                    canvas.circle((x + SAMPLE / 2.0, y), MARKER, colour);
                }
                Sample::Bar(colour) => {
                    let (x, half) = (x + SAMPLE / 2.0, LABEL_SIZE * 0.4);
                    let stroke = Stroke::solid(colour, AXIS_WIDTH);
                    canvas.line(&[(x, y - half), (x, y + half)], stroke);
                }
                Sample::Band(colour) => {
                    let band = Stroke::solid(colour.lighter(BAND_ALPHA * 1.5), LABEL_SIZE * 0.8);
                    canvas.line(&line, band);
                }
            }
            let baseline = y + style.baseline_drop();
            canvas.text(&entry.label, (x + SAMPLE + SAMPLE_GAP, baseline), style);
        }
    }
}
