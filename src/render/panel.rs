//! One panel: a frame with axes, and curves in it.

use crate::analysis::CurvePoint;

use super::axis::Axis;
use super::canvas::{Canvas, Point, Stroke};
use super::text::{Align, TextStyle};
use super::theme::{
    AXIS_COLOUR, AXIS_TITLE_SIZE, AXIS_WIDTH, BAND_ALPHA, CaseStyle, GRID_COLOUR, GRID_WIDTH,
    LINE_HEIGHT, MARKER, QUIET_INK, TEXT_GAP, TICK_SIZE,
};

/// Up to so many epochs each has its marker; longer curves have some along the way.
const MARKED_EPOCHS: usize = 15;

/// A panel's frame in points, with what its sides mean.
pub struct Panel {
    pub left: f64,
    pub top: f64,
    pub right: f64,
    pub bottom: f64,
    pub x: Axis,
    pub y: Axis,
}

impl Panel {
    /// The room a vertical axis with its title needs at the left of the frame.
    pub fn room_left(y: &Axis) -> f64 {
        let style = TextStyle::new(TICK_SIZE);
        let widest = y.ticks.iter().map(|tick| style.width(&tick.label)).fold(0.0, f64::max);
        widest + 2.0 * TEXT_GAP + AXIS_TITLE_SIZE * LINE_HEIGHT
    }

    /// The room a horizontal axis with its title needs below the frame.
    pub fn room_below() -> f64 {
        TEXT_GAP + (TICK_SIZE + AXIS_TITLE_SIZE) * LINE_HEIGHT
    }

    /// Where a value lies on the canvas.
    pub fn place(&self, x: f64, y: f64) -> Point {
        (
            self.left + self.x.position(x) * (self.right - self.left),
            self.bottom - self.y.position(y) * (self.bottom - self.top),
        )
    }

    /// Grid, axes, ticks and titles; what lies in the panel is drawn after it.
    pub fn frame(&self, canvas: &mut Canvas, x_title: &str, y_title: &str) {
        self.grid(canvas, x_title);
        self.vertical_labels(canvas, y_title);
    }

    /// The same for a panel whose vertical axis is that of the panel at its left.
    pub fn grid(&self, canvas: &mut Canvas, x_title: &str) {
        self.horizontal_axis(canvas, x_title);
        self.horizontal_lines(canvas);
    }

    /// The horizontal grid lines with the axes.
    pub fn horizontal_lines(&self, canvas: &mut Canvas) {
        let grid = Stroke::solid(GRID_COLOUR, GRID_WIDTH);
        for tick in &self.y.ticks {
            let (_, y) = self.place(0.0, tick.value);
            canvas.line(&[(self.left, y), (self.right, y)], grid);
        }
        let axis = Stroke::solid(AXIS_COLOUR, AXIS_WIDTH);
        let corner = (self.left, self.bottom);
        canvas.line(&[(self.left, self.top), corner, (self.right, self.bottom)], axis);
    }

    /// The ticks and the title of the vertical axis.
    pub fn vertical_labels(&self, canvas: &mut Canvas, y_title: &str) {
        let ticks = TextStyle::new(TICK_SIZE).colour(QUIET_INK).align(Align::End);
        for tick in &self.y.ticks {
            let (_, y) = self.place(0.0, tick.value);
            let at = (self.left - TEXT_GAP, y + ticks.baseline_drop());
            canvas.text(&tick.label, at, ticks);
        }
        let title = TextStyle::new(AXIS_TITLE_SIZE).align(Align::Middle);
        let x = self.left - Self::room_left(&self.y) + AXIS_TITLE_SIZE;
        canvas.text_upwards(y_title, (x, self.top.midpoint(self.bottom)), title);
    }

    /// The vertical grid lines with the axis below them, for panels whose rows have no scale.
    pub fn horizontal_axis(&self, canvas: &mut Canvas, title: &str) {
        let grid = Stroke::solid(GRID_COLOUR, GRID_WIDTH);
        let axis = Stroke::solid(AXIS_COLOUR, AXIS_WIDTH);
        let ticks = TextStyle::new(TICK_SIZE).colour(QUIET_INK).align(Align::Middle);
        let mut free_from = f64::NEG_INFINITY;
        for tick in &self.x.ticks {
            let (x, _) = self.place(tick.value, 0.0);
            canvas.line(&[(x, self.top), (x, self.bottom)], grid);
            let half = ticks.width(&tick.label) / 2.0;
            if x - half >= free_from {
                canvas.text(&tick.label, (x, self.bottom + TEXT_GAP + TICK_SIZE), ticks);
                free_from = x + half + TEXT_GAP;
            }
        }
        canvas.line(&[(self.left, self.bottom), (self.right, self.bottom)], axis);
        let below = self.bottom + TEXT_GAP + TICK_SIZE * LINE_HEIGHT + AXIS_TITLE_SIZE;
        let style = TextStyle::new(AXIS_TITLE_SIZE).align(Align::Middle);
        canvas.text(title, (self.left.midpoint(self.right), below), style);
    }

    /// The band of one standard deviation around the means, where there is one.
    pub fn band(
        &self,
        canvas: &mut Canvas,
        points: &[CurvePoint],
        x: impl Fn(&CurvePoint) -> f64,
        style: CaseStyle,
    ) {
        for run in points.split(|point| point.std.is_none()).filter(|run| run.len() > 1) {
            let edge = |point: &CurvePoint, sign: f64| {
                self.place(x(point), point.mean + sign * point.std.unwrap_or(0.0))
            };
            let upper = run.iter().map(|point| edge(point, 1.0));
            let lower = run.iter().rev().map(|point| edge(point, -1.0));
            let outline: Vec<Point> = upper.chain(lower).collect();
            canvas.polygon(&outline, style.colour, BAND_ALPHA);
        }
        // A single epoch has no area; its spread is a bar.
        if let [CurvePoint { mean, std: Some(std), .. }] = points {
            let at = x(&points[0]);
            let ends = [self.place(at, mean - std), self.place(at, mean + std)];
            canvas.line(&ends, Stroke::solid(style.colour, AXIS_WIDTH));
        }
    }

    /// The line through the means.
    pub fn curve(
        &self,
        canvas: &mut Canvas,
        points: &[CurvePoint],
        x: impl Fn(&CurvePoint) -> f64,
        stroke: Stroke,
    ) {
        let places: Vec<Point> =
            points.iter().map(|point| self.place(x(point), point.mean)).collect();
        canvas.line(&places, stroke);
    }

    /// Markers on the means, in the middle of a line drawn before.
    pub fn markers(
        &self,
        canvas: &mut Canvas,
        points: &[CurvePoint],
        x: impl Fn(&CurvePoint) -> f64,
        style: CaseStyle,
    ) {
        let every = points.len().div_ceil(MARKED_EPOCHS).max(1);
        for (index, point) in points.iter().enumerate() {
            if index % every == 0 || index + 1 == points.len() {
                let at = self.place(x(point), point.mean);
                canvas.marker(style.marker, at, MARKER, style.colour);
            }
        }
    }
}
