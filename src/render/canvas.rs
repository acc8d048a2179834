//! A sheet of paper measured in points, drawn by plotters, that ends as a 300 dpi PNG.

use anyhow::{Context, Result, anyhow};
use plotters::backend::{BitMapBackend, DrawingBackend};
use plotters::style::{Color as _, RGBAColor, RGBColor};

use super::text::TextStyle;
use super::theme::{DPI, Marker};

/// Drawn at twice the resolution and averaged down: plotters' thick lines and polygons have hard
/// edges.
const OVERSAMPLING: u32 = 2;

/// Pixels per point while drawing.
const SCALE: f64 = (DPI * OVERSAMPLING) as f64 / 72.0;

/// A place on the canvas in points, from the left and the top.
pub type Point = (f64, f64);

/// How a line is drawn.
#[derive(Debug, Clone, Copy)]
pub struct Stroke {
    pub colour: RGBColor,
    pub width: f64,
    /// Lengths of dashes and gaps; `None` for a solid line.
    pub dash: Option<(f64, f64)>,
}

impl Stroke {
    /// A solid line.
    pub fn solid(colour: RGBColor, width: f64) -> Self {
        Self { colour, width, dash: None }
    }
}

/// The sheet.
pub struct Canvas {
    pixels: Vec<u8>,
    size: (u32, u32),
}

impl Canvas {
    /// A white sheet of a size in points.
    pub fn new(width: f64, height: f64) -> Self {
        let pixels = |points: f64| (points * f64::from(DPI) / 72.0).ceil() as u32 * OVERSAMPLING;
        let size = (pixels(width), pixels(height));
        Self { pixels: vec![255; size.0 as usize * size.1 as usize * 3], size }
    }

    /// A line through all points, with round joints.
    pub fn line(&mut self, points: &[Point], stroke: Stroke) -> Result<()> {
        match stroke.dash {
            None => {
                for pair in points.windows(2) {
                    self.segment(pair[0], pair[1], stroke)?;
                }
                for joint in points.iter().skip(1).rev().skip(1) {
                    self.circle(*joint, stroke.width / 2.0, stroke.colour)?;
                }
                Ok(())
            }
            Some(dash) => dashes(points, dash)
                .iter()
                .try_for_each(|piece| self.line(piece, Stroke { dash: None, ..stroke })),
        }
    }

    /// One straight piece as a rectangle: plotters' own thick paths leave holes in sharp turns.
    fn segment(&mut self, from: Point, to: Point, stroke: Stroke) -> Result<()> {
        let (dx, dy) = (to.0 - from.0, to.1 - from.1);
        let length = dx.hypot(dy);
        if length < f64::EPSILON {
            return Ok(());
        }
        let across = (-dy / length * stroke.width / 2.0, dx / length * stroke.width / 2.0);
        let corners = [
            (from.0 + across.0, from.1 + across.1),
            (to.0 + across.0, to.1 + across.1),
            (to.0 - across.0, to.1 - across.1),
            (from.0 - across.0, from.1 - across.1),
        ];
        self.polygon(&corners, stroke.colour, 1.0)
    }

    /// A filled polygon.
    pub fn polygon(&mut self, corners: &[Point], colour: RGBColor, alpha: f64) -> Result<()> {
        let corners: Vec<(i32, i32)> = corners.iter().map(|corner| to_pixels(*corner)).collect();
        let style: RGBAColor = colour.mix(alpha);
        done(self.backend().fill_polygon(corners, &style))
    }

    /// A filled circle.
    pub fn circle(&mut self, centre: Point, radius: f64, colour: RGBColor) -> Result<()> {
        let radius = (radius * SCALE).round().max(1.0) as u32;
        done(self.backend().draw_circle(to_pixels(centre), radius, &colour, true))
    }

    /// A circle that lets through what is below it.
    pub fn translucent_circle(
        &mut self,
        centre: Point,
        radius: f64,
        colour: RGBColor,
        alpha: f64,
    ) -> Result<()> {
        // As a polygon: plotters draws the pixels around a circle more than once.
        const CORNERS: u32 = 24;
        let corner = |i: u32| {
            let (sin, cos) = (std::f64::consts::TAU * f64::from(i) / f64::from(CORNERS)).sin_cos();
            (centre.0 + radius * cos, centre.1 + radius * sin)
        };
        let corners: Vec<Point> = (0..CORNERS).map(corner).collect();
        self.polygon(&corners, colour, alpha)
    }

    /// A marker of half the size `r`.
    pub fn marker(&mut self, marker: Marker, at: Point, r: f64, colour: RGBColor) -> Result<()> {
        let (x, y) = at;
        let mut shape = |corners: &[Point]| {
            let corners: Vec<Point> = corners.iter().map(|(dx, dy)| (x + dx, y + dy)).collect();
            self.polygon(&corners, colour, 1.0)
        };
        match marker {
            Marker::Circle => self.circle(at, r, colour),
            Marker::Square => {
                let r = r * 0.9;
                shape(&[(-r, -r), (r, -r), (r, r), (-r, r)])
            }
            Marker::Triangle => {
                let r = r * 1.2;
                shape(&[(0.0, -r), (0.9 * r, 0.7 * r), (-0.9 * r, 0.7 * r)])
            }
            Marker::TriangleDown => {
                let r = r * 1.2;
                shape(&[(0.0, r), (0.9 * r, -0.7 * r), (-0.9 * r, -0.7 * r)])
            }
            Marker::Diamond => {
                let r = r * 1.3;
                shape(&[(0.0, -r), (r, 0.0), (0.0, r), (-r, 0.0)])
            }
            Marker::Cross => {
                let stroke = Stroke::solid(colour, r * 0.7);
                self.line(&[(x - r, y - r), (x + r, y + r)], stroke)?;
                self.line(&[(x - r, y + r), (x + r, y - r)], stroke)
            }
        }
    }

    /// Text whose baseline begins, ends or is centred at a point, as its style says.
    pub fn text(&mut self, text: &str, at: Point, style: TextStyle) -> Result<()> {
        let left = at.0 - style.align.share_before() * style.width(text);
        let (left, baseline) = to_pixels((left, at.1));
        self.glyphs(text, style, |x, y| (left + x, baseline + y))
    }

    /// Text that reads upwards, its baseline at the right of it and aligned along the height.
    pub fn text_upwards(&mut self, text: &str, at: Point, style: TextStyle) -> Result<()> {
        let bottom = at.1 + style.align.share_before() * style.width(text);
        let (baseline, bottom) = to_pixels((at.0, bottom));
        self.glyphs(text, style, |x, y| (baseline + y, bottom - x))
    }

    fn glyphs(
        &mut self,
        text: &str,
        style: TextStyle,
        place: impl Fn(i32, i32) -> (i32, i32),
    ) -> Result<()> {
        let mut backend = self.backend();
        let mut result = Ok(());
        style.pixels(text, SCALE, |x, y, covered| {
            let colour = style.colour.mix(f64::from(covered.min(1.0))).to_backend_color();
            if let (Ok(()), Err(error)) = (&result, backend.draw_pixel(place(x, y), colour)) {
                result = Err(error);
            }
        });
        done(result)
    }

    /// The finished picture as a PNG file that knows its resolution.
    pub fn into_png(self) -> Result<Vec<u8>> {
        let (pixels, (width, height)) = self.averaged();
        let mut file = Vec::new();
        let mut encoder = png::Encoder::new(&mut file, width, height);
        encoder.set_color(png::ColorType::Rgb);
        encoder.set_depth(png::BitDepth::Eight);
        // Plain areas and repeating rows compress best, and soonest, as they are.
        encoder.set_compression(png::Compression::Balanced);
        encoder.set_filter(png::Filter::NoFilter);
        let per_metre = (f64::from(DPI) / 0.0254).round() as u32;
        encoder.set_pixel_dims(Some(png::PixelDimensions {
            xppu: per_metre,
            yppu: per_metre,
            unit: png::Unit::Meter,
        }));
        let mut writer = encoder.write_header().context("cannot encode a chart")?;
        writer.write_image_data(&pixels).context("cannot encode a chart")?;
        writer.finish().context("cannot encode a chart")?;
        Ok(file)
    }

    /// Each square of drawn pixels as one.
    fn averaged(&self) -> (Vec<u8>, (u32, u32)) {
        let size = (self.size.0 / OVERSAMPLING, self.size.1 / OVERSAMPLING);
        let mut averaged = Vec::with_capacity(size.0 as usize * size.1 as usize * 3);
        for rows in self.pixels.chunks_exact(self.size.0 as usize * 3 * 2) {
            let (upper, lower) = rows.split_at(self.size.0 as usize * 3);
            for (above, below) in upper.chunks_exact(6).zip(lower.chunks_exact(6)) {
                for channel in 0..3 {
                    let sum = u16::from(above[channel])
                        + u16::from(above[channel + 3])
                        + u16::from(below[channel])
                        + u16::from(below[channel + 3]);
                    averaged.push((sum / 4) as u8);
                }
            }
        }
        (averaged, size)
    }

    fn backend(&mut self) -> BitMapBackend<'_> {
        BitMapBackend::with_buffer(&mut self.pixels, self.size)
    }
}

fn to_pixels((x, y): Point) -> (i32, i32) {
    ((x * SCALE).round() as i32, (y * SCALE).round() as i32)
}

fn done<E: std::fmt::Display>(result: Result<(), E>) -> Result<()> {
    result.map_err(|error| anyhow!("cannot draw a chart: {error}"))
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

    #[test]
    fn the_picture_says_that_it_has_300_dots_per_inch() {
        let mut canvas = Canvas::new(72.0, 36.0);
        canvas.circle((36.0, 18.0), 9.0, RGBColor(0, 0, 0)).unwrap();
        let png = canvas.into_png().unwrap();
        let mut reader = png::Decoder::new(std::io::Cursor::new(&png)).read_info().unwrap();
        let info = reader.info();
        assert_eq!((info.width, info.height), (300, 150));
        let dims = info.pixel_dims.unwrap();
        assert_eq!((dims.xppu, dims.yppu, dims.unit), (11811, 11811, png::Unit::Meter));
        let mut pixels = vec![0; reader.output_buffer_size().unwrap()];
        reader.next_frame(&mut pixels).unwrap();
        let black = pixels.chunks_exact(3).filter(|pixel| pixel == &[0, 0, 0]).count() as f64;
        let area = std::f64::consts::PI * (300.0_f64 / 8.0).powi(2);
        assert!((black / area - 1.0).abs() < 0.05, "{black} black pixels instead of {area}");
    }
}
