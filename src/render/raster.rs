//! A canvas as pixels: drawn by plotters, larger than wanted, and averaged down to a PNG file.
//! `pixels` is what is drawn on, `png_file` writes the file.

use anyhow::{Result, anyhow, ensure};
use plotters::backend::DrawingBackend as _;
use plotters::style::{Color as _, RGBColor};

use crate::record::GreyImage;

use super::canvas::{Canvas, Mark, Point};
use super::pixels::Pixels;
use super::png_file::PngFile;
use super::text::TextStyle;
use super::theme::{PAPER, Theme};

/// Pixels per inch while drawing, at least: plotters' thick lines and polygons have hard edges,
/// which averaging over several pixels softens.
const DRAWING_DPI: u32 = 600;

/// More pixels are taken for a mistake: viewers refuse them.
const MOST_PIXELS: f64 = 100e6;

/// How far around its corners a shape may be drawn, in pixels.
const AROUND: i32 = 2;

/// A PNG file of a canvas.
pub fn png(canvas: &Canvas, theme: Theme, dpi: u32) -> Result<Vec<u8>> {
    let oversampling = DRAWING_DPI.div_ceil(dpi).min(6);
    let pixels = |points: f64| (points * f64::from(dpi) / 72.0).ceil();
    let (width, height) = (pixels(canvas.width), pixels(canvas.height));
    ensure!(
        width * height <= MOST_PIXELS,
        "a chart of {width} × {height} pixels is too large: ask for a smaller size or fewer dots \
         per inch"
    );
    let size = (width as u32, height as u32);
    let drawn_size = (size.0 * oversampling, size.1 * oversampling);
    let RGBColor(r, g, b) = theme.rgb(PAPER);
    let mut file = PngFile::new(size);
    for pixels in Pixels::strips(drawn_size, [r, g, b]) {
        let mut strip = Strip { pixels, theme, scale: f64::from(dpi * oversampling) / 72.0 };
        canvas.marks.iter().try_for_each(|mark| strip.mark(mark))?;
        strip.pixels.averaged(oversampling, |row| file.row(row))?;
    }
    file.finish(dpi)
}

/// A strip of what a canvas is drawn on.
struct Strip {
    pixels: Pixels,
    theme: Theme,
    /// Pixels per point.
    scale: f64,
}

impl Strip {
    fn mark(&mut self, mark: &Mark) -> Result<()> {
        match mark {
            Mark::Line { points, colour, width } => {
                let colour = self.theme.rgb(*colour);
                for pair in points.windows(2) {
                    self.segment(pair[0], pair[1], colour, *width)?;
                }
                for joint in points.iter().skip(1).rev().skip(1) {
                    self.circle(*joint, width / 2.0, colour)?;
                }
                Ok(())
            }
            Mark::Polygon { corners, colour, alpha } => {
                self.polygon(corners, self.theme.rgb(*colour), *alpha)
            }
            Mark::Circle { centre, radius, colour, alpha } if *alpha == 1.0 => {
                self.circle(*centre, *radius, self.theme.rgb(*colour))
            }
            Mark::Circle { centre, radius, colour, alpha } => {
                // As a polygon: plotters draws the pixels around a circle more than once.
                const CORNERS: u32 = 24;
                let corner = |i: u32| {
                    let turn = std::f64::consts::TAU * f64::from(i) / f64::from(CORNERS);
                    (centre.0 + radius * turn.cos(), centre.1 + radius * turn.sin())
                };
                let corners: Vec<Point> = (0..CORNERS).map(corner).collect();
                self.polygon(&corners, self.theme.rgb(*colour), *alpha)
            }
            Mark::Text { text, at, style, upwards } => {
                let length = if *upwards { style.width(text) } else { 0.0 };
                // No letter is higher or lower than this.
                let reach = 2.0 * style.size;
                let (_, top) = self.to_pixels((at.0, at.1 - length - reach));
                let (_, bottom) = self.to_pixels((at.0, at.1 + length + reach));
                if self.pixels.is_without(top, bottom) {
                    return Ok(());
                }
                let before = style.align.share_before() * style.width(text);
                if *upwards {
                    let (baseline, bottom) = self.to_pixels((at.0, at.1 + before));
                    self.glyphs(text, *style, |x, y| (baseline + y, bottom - x))
                } else {
                    let (left, baseline) = self.to_pixels((at.0 - before, at.1));
                    self.glyphs(text, *style, |x, y| (left + x, baseline + y))
                }
            }
            Mark::Image { image, corner, size } => self.image(image, *corner, *size),
        }
    }

    /// One straight piece as a rectangle: plotters' own thick paths leave holes in sharp turns.
    fn segment(&mut self, from: Point, to: Point, colour: RGBColor, width: f64) -> Result<()> {
        let (dx, dy) = (to.0 - from.0, to.1 - from.1);
        let length = dx.hypot(dy);
        if length < f64::EPSILON {
            return Ok(());
        }
        let across = (-dy / length * width / 2.0, dx / length * width / 2.0);
        let corners = [
            (from.0 + across.0, from.1 + across.1),
            (to.0 + across.0, to.1 + across.1),
            (to.0 - across.0, to.1 - across.1),
            (from.0 - across.0, from.1 - across.1),
        ];
        self.polygon(&corners, colour, 1.0)
    }

    fn polygon(&mut self, corners: &[Point], colour: RGBColor, alpha: f64) -> Result<()> {
        let corners: Vec<(i32, i32)> = corners.iter().map(|at| self.to_pixels(*at)).collect();
        let rows = || corners.iter().map(|(_, y)| *y);
        let (top, bottom) = (rows().min().unwrap_or(0), rows().max().unwrap_or(0));
        if self.pixels.is_without(top.saturating_sub(AROUND), bottom.saturating_add(AROUND)) {
            return Ok(());
        }
        done(self.pixels.fill_polygon(corners, &colour.mix(alpha)))
    }

    fn circle(&mut self, centre: Point, radius: f64, colour: RGBColor) -> Result<()> {
        let radius = (radius * self.scale).round().max(1.0) as u32;
        let centre = self.to_pixels(centre);
        let reach = (radius as i32).saturating_add(AROUND);
        if self.pixels.is_without(centre.1.saturating_sub(reach), centre.1.saturating_add(reach)) {
            return Ok(());
        }
        done(self.pixels.draw_circle(centre, radius, &colour, true))
    }

    fn glyphs(
        &mut self,
        text: &str,
        style: TextStyle,
        place: impl Fn(i32, i32) -> (i32, i32),
    ) -> Result<()> {
        let colour = self.theme.rgb(style.colour);
        let mut result = Ok(());
        style.pixels(text, self.scale, |x, y, covered| {
            // Most of a letter's rectangle.
            if covered <= 0.0 {
                return;
            }
            let colour = colour.mix(f64::from(covered.min(1.0))).to_backend_color();
            if let (Ok(()), Err(error)) = (&result, self.pixels.draw_pixel(place(x, y), colour)) {
                result = Err(error);
            }
        });
        done(result)
    }

    fn image(&mut self, image: &GreyImage, corner: Point, size: Point) -> Result<()> {
        let scale = self.scale;
        let place = |column: usize, row: usize| {
            to_pixels(
                scale,
                (
                    corner.0 + size.0 * column as f64 / image.width as f64,
                    corner.1 + size.1 * row as f64 / image.height as f64,
                ),
            )
        };
        for row in 0..image.height {
            for column in 0..image.width {
                let grey = image.pixels[row * image.width + column];
                let (from, to) = (place(column, row), place(column + 1, row + 1));
                let colour = RGBColor(grey, grey, grey);
                done(self.pixels.draw_rect(from, to, &colour, true))?;
            }
        }
        Ok(())
    }

    fn to_pixels(&self, at: Point) -> (i32, i32) {
        to_pixels(self.scale, at)
    }
}

fn to_pixels(scale: f64, (x, y): Point) -> (i32, i32) {
    ((x * scale).round() as i32, (y * scale).round() as i32)
}

fn done<E: std::fmt::Display>(result: Result<(), E>) -> Result<()> {
    result.map_err(|error| anyhow!("cannot draw a chart: {error}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::render::canvas::Stroke;
    use crate::render::text::Align;
    use crate::render::theme::INK;

    fn decoded(png: &[u8]) -> (png::Info<'static>, Vec<u8>) {
        let mut reader = png::Decoder::new(std::io::Cursor::new(png)).read_info().unwrap();
        let mut pixels = vec![0; reader.output_buffer_size().unwrap()];
        reader.next_frame(&mut pixels).unwrap();
        (reader.info().clone(), pixels)
    }

    #[test]
    fn the_picture_has_the_resolution_asked_for_and_says_so() {
        let mut canvas = Canvas::new(72.0, 36.0);
        canvas.circle((36.0, 18.0), 9.0, INK);
        for (dpi, per_metre) in [(300, 11811), (100, 3937), (700, 27559)] {
            let (info, pixels) = decoded(&canvas.png(Theme::Light, dpi).unwrap());
            assert_eq!((info.width, info.height), (dpi, dpi / 2));
            let dims = info.pixel_dims.unwrap();
            assert_eq!((dims.xppu, dims.yppu, dims.unit), (per_metre, per_metre, png::Unit::Meter));
            let dark = pixels.chunks_exact(3).filter(|pixel| pixel[0] < 0x80).count() as f64;
            let area = std::f64::consts::PI * (f64::from(dpi) / 8.0).powi(2);
            assert!((dark / area - 1.0).abs() < 0.05, "{dark} dark pixels instead of {area}");
        }
    }

    #[test]
    fn dark_paper_is_dark_and_images_keep_their_greys() {
        let mut canvas = Canvas::new(72.0, 72.0);
        let image = GreyImage { width: 2, height: 1, pixels: vec![255, 7] };
        canvas.image(image, (18.0, 18.0), (36.0, 36.0));
        let (_, pixels) = decoded(&canvas.png(Theme::Dark, 100).unwrap());
        let at = |x: usize, y: usize| pixels[(y * 100 + x) * 3];
        assert!(at(5, 5) < 0x30 && at(95, 50) < 0x30);
        let row: Vec<u8> = (26..74).map(|x| at(x, 50)).collect();
        assert!(row[..24].iter().all(|grey| *grey == 255), "{row:?}");
        assert!(row[25..].iter().all(|grey| *grey == 7), "{row:?}");
    }

    #[test]
    fn strips_leave_no_seams() {
        // Drawn as 2,400 rows, in four strips.
        let mut canvas = Canvas::new(72.0, 288.0);
        canvas.polygon(&[(9.0, 6.0), (27.0, 6.0), (27.0, 282.0), (9.0, 282.0)], INK, 0.5);
        canvas.line(&[(45.0, 6.0), (45.0, 282.0)], Stroke::solid(INK, 6.0));
        let style = TextStyle::new(9.0).align(Align::Middle);
        canvas.text_upwards(&"l".repeat(80), (63.0, 144.0), style);
        let (info, pixels) = decoded(&canvas.png(Theme::Light, 300).unwrap());
        assert_eq!((info.width, info.height), (300, 1200));
        let rows: Vec<&[u8]> = pixels.chunks_exact(900).collect();
        for (place, row) in rows.iter().enumerate().take(1170).skip(30) {
            assert_eq!(row[..690], rows[30][..690], "row {place}");
        }
        let middle = rows[600].iter().step_by(3);
        assert!(middle.clone().any(|red| (0x80..0xa0).contains(red)), "the polygon lets through");
        // Strokes of letters and gaps between them, all the way.
        let dark = |row: &&&[u8]| row[690..].iter().any(|value| *value < 0x80);
        let written = rows.iter().filter(dark).count();
        assert!((200..1000).contains(&written), "{written} rows with letters");
    }

    #[test]
    fn a_size_that_no_viewer_opens_is_refused() {
        let error = Canvas::new(7200.0, 7200.0).png(Theme::Light, 1200).unwrap_err();
        assert!(error.to_string().contains("120000 × 120000 pixels is too large"), "{error}");
    }
}
