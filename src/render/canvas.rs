//! A sheet of paper measured in points: what is drawn on it is remembered, and becomes a picture in
//! the end, as pixels ([`super::raster`]) or as shapes and text ([`super::svg`]), light or dark.

use anyhow::Result;

use crate::record::GreyImage;

use super::text::TextStyle;
use super::theme::{Colour, Marker, Theme};
use super::{raster, svg};

/// A place on the canvas in points, from the left and the top.
pub type Point = (f64, f64);

/// How a line is drawn.
#[derive(Debug, Clone, Copy)]
pub struct Stroke {
    pub colour: Colour,
    pub width: f64,
    /// Lengths of dashes and gaps; `None` for a solid line.
    pub dash: Option<(f64, f64)>,
}

impl Stroke {
    /// A solid line.
    pub fn solid(colour: Colour, width: f64) -> Self {
        Self { colour, width, dash: None }
    }
}

/// Something drawn; later ones cover earlier ones.
#[derive(Debug, Clone)]
pub(super) enum Mark {
    /// A solid line through points, with round joints.
    Line {
        points: Vec<Point>,
        colour: Colour,
        width: f64,
    },
    Polygon {
        corners: Vec<Point>,
        colour: Colour,
        alpha: f64,
    },
    Circle {
        centre: Point,
        radius: f64,
        colour: Colour,
        alpha: f64,
    },
    Text {
        text: String,
        at: Point,
        style: TextStyle,
        upwards: bool,
    },
    /// An image in a rectangle, its pixels as squares.
    Image {
        image: GreyImage,
        corner: Point,
        size: Point,
    },
}

/// The sheet.
#[derive(Debug)]
pub struct Canvas {
    pub(super) width: f64,
    pub(super) height: f64,
    pub(super) marks: Vec<Mark>,
}

impl Canvas {
    /// An empty sheet of a size in points.
    pub fn new(width: f64, height: f64) -> Self {
        Self { width, height, marks: Vec::new() }
    }

    /// A line through all points, with round joints.
    pub fn line(&mut self, points: &[Point], stroke: Stroke) {
        let Stroke { colour, width, dash } = stroke;
        let pieces = match dash {
            None => vec![points.to_vec()],
            Some(dash) => dashes(points, dash),
        };
        let pieces = pieces.into_iter().filter(|points| points.len() > 1);
        self.marks.extend(pieces.map(|points| Mark::Line { points, colour, width }));
    }

    /// A filled polygon.
    pub fn polygon(&mut self, corners: &[Point], colour: Colour, alpha: f64) {
        self.marks.push(Mark::Polygon { corners: corners.to_vec(), colour, alpha });
    }

    /// A filled rectangle between two opposite corners.
    pub fn rectangle(&mut self, (left, top): Point, (right, bottom): Point, colour: Colour) {
        self.polygon(&[(left, top), (right, top), (right, bottom), (left, bottom)], colour, 1.0);
    }

    /// A filled circle.
    pub fn circle(&mut self, centre: Point, radius: f64, colour: Colour) {
        self.translucent_circle(centre, radius, colour, 1.0);
    }

    /// A circle that lets through what is below it.
    pub fn translucent_circle(&mut self, centre: Point, radius: f64, colour: Colour, alpha: f64) {
        self.marks.push(Mark::Circle { centre, radius, colour, alpha });
    }

    /// A marker of half the size `r`.
    pub fn marker(&mut self, marker: Marker, at: Point, r: f64, colour: Colour) {
        let (x, y) = at;
        let mut shape = |corners: &[Point]| {
            let corners: Vec<Point> = corners.iter().map(|(dx, dy)| (x + dx, y + dy)).collect();
            self.polygon(&corners, colour, 1.0);
        };
        match marker {
            Marker::Circle => self.circle(at, r, colour),
            Marker::Square => {
                let r = r * 0.9;
                shape(&[(-r, -r), (r, -r), (r, r), (-r, r)]);
            }
            Marker::Triangle => {
                let r = r * 1.2;
                shape(&[(0.0, -r), (0.9 * r, 0.7 * r), (-0.9 * r, 0.7 * r)]);
            }
            Marker::TriangleDown => {
                let r = r * 1.2;
                shape(&[(0.0, r), (0.9 * r, -0.7 * r), (-0.9 * r, -0.7 * r)]);
            }
            Marker::Diamond => {
                let r = r * 1.3;
                shape(&[(0.0, -r), (r, 0.0), (0.0, r), (-r, 0.0)]);
            }
            Marker::Cross => {
                let stroke = Stroke::solid(colour, r * 0.7);
                self.line(&[(x - r, y - r), (x + r, y + r)], stroke);
                self.line(&[(x - r, y + r), (x + r, y - r)], stroke);
            }
        }
    }

    /// Text whose baseline begins, ends or is centred at a point, as its style says.
    pub fn text(&mut self, text: &str, at: Point, style: TextStyle) {
        self.write(text, at, style, false);
    }

    /// Text that reads upwards, its baseline at the right of it and aligned along the height.
    pub fn text_upwards(&mut self, text: &str, at: Point, style: TextStyle) {
        self.write(text, at, style, true);
    }

    fn write(&mut self, text: &str, at: Point, style: TextStyle, upwards: bool) {
        if !text.is_empty() {
            self.marks.push(Mark::Text { text: text.to_owned(), at, style, upwards });
        }
    }

    /// An image with its upper left corner at a point.
    pub fn image(&mut self, image: GreyImage, corner: Point, size: Point) {
        self.marks.push(Mark::Image { image, corner, size });
    }

    /// The finished picture as a PNG file that knows its resolution.
    ///
    /// # Errors
    /// When so many pixels are asked for that no viewer would open them.
    pub fn png(&self, theme: Theme, dpi: u32) -> Result<Vec<u8>> {
        raster::png(self, theme, dpi)
    }

    /// The finished picture as an SVG file, text as text.
    ///
    /// # Errors
    /// When plotters cannot write it, which would be a mistake here.
    pub fn svg(&self, theme: Theme) -> Result<String> {
        svg::svg(self, theme)
    }
}

/// The dashes of a line; the pattern runs on through its corners.
fn dashes(points: &[Point], (on, off): (f64, f64)) -> Vec<Vec<Point>> {
    let mut pieces = Vec::new();
    let mut piece: Vec<Point> = points.first().copied().into_iter().collect();
    let (mut drawing, mut left) = (true, on);
    for pair in points.windows(2) {
        let (mut from, to) = (pair[0], pair[1]);
        loop {
            let length = (to.0 - from.0).hypot(to.1 - from.1);
            if length <= left {
                left -= length;
                piece.push(to);
                break;
            }
            let share = left / length;
            from = (from.0 + (to.0 - from.0) * share, from.1 + (to.1 - from.1) * share);
            piece.push(from);
            if drawing {
                pieces.push(std::mem::take(&mut piece));
            }
            piece = vec![from];
            drawing = !drawing;
            left = if drawing { on } else { off };
        }
    }
    if drawing && piece.len() > 1 {
        pieces.push(piece);
    }
    pieces
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dashes_run_on_through_corners() {
        let corner = [(0.0, 0.0), (3.0, 0.0), (3.0, 4.0)];
        let expected = [
            vec![(0.0, 0.0), (2.0, 0.0)],
            vec![(3.0, 0.0), (3.0, 0.0), (3.0, 2.0)],
            vec![(3.0, 3.0), (3.0, 4.0)],
        ];
        let found = dashes(&corner, (2.0, 1.0));
        assert_eq!(found.len(), expected.len(), "{found:?}");
        assert_eq!(found[0], expected[0]);
        assert_eq!(found[1].last(), expected[1].last());
        assert_eq!(found[2], expected[2]);
    }
}
