//! Pixels to draw on: what plotters draws its shapes with, pixel by pixel as its own bitmap does.
//!
//! A chart is drawn strip by strip, as it would take 50 MB as a whole. Most of it is paper: a square
//! of pixels takes memory once something is drawn in it, so that paper is neither filled nor averaged.

use std::convert::Infallible;
use std::ops::Range;

use anyhow::Result;
use plotters::backend::DrawingBackend;
use plotters_backend::{BackendColor, BackendCoord, BackendStyle, DrawingErrorKind, rasterizer};

type Pixel = [u8; 3];
type Drawn = std::result::Result<(), DrawingErrorKind<Infallible>>;

/// Pixels along the sides of a square; what can be averaged, [`Pixels::averaged`], divides it.
const SIDE: usize = 60;

type Square = [[Pixel; SIDE]; SIDE];

/// Rows of squares in a strip; shapes that cross strips are worked out again in each.
const STRIP: usize = 10;

/// A strip of a sheet of paper with what was drawn on it; whatever is drawn elsewhere is passed over.
pub struct Pixels {
    /// Of the sheet.
    width: usize,
    /// Which of the sheet's rows it has.
    rows: Range<usize>,
    paper: Pixel,
    /// Squares in a row of them.
    columns: usize,
    /// Row by row; `None` is paper.
    squares: Vec<Option<Box<Square>>>,
}

impl Pixels {
    /// The empty strips of a sheet from top to bottom.
    pub fn strips((width, height): (u32, u32), paper: Pixel) -> impl Iterator<Item = Self> {
        let (width, height) = (width as usize, height as usize);
        let columns = width.div_ceil(SIDE);
        (0..height).step_by(STRIP * SIDE).map(move |top| {
            let rows = top..(top + STRIP * SIDE).min(height);
            let squares = vec![None; columns * rows.len().div_ceil(SIDE)];
            Self { width, rows, paper, columns, squares }
        })
    }

    /// Whether all rows between two of the sheet lie elsewhere.
    pub fn is_without(&self, top: i32, bottom: i32) -> bool {
        bottom < self.rows.start as i32 || top >= self.rows.end as i32
    }

    /// Gives its rows from top to bottom, each square of `k` × `k` pixels as one; 1 to 6, which
    /// divide the sheet's width and height.
    ///
    /// # Errors
    /// The first of the rows' errors.
    pub fn averaged(&self, k: u32, row: impl FnMut(&[u8]) -> Result<()>) -> Result<()> {
        match k {
            1 => self.averaged_by::<1>(row),
            2 => self.averaged_by::<2>(row),
            3 => self.averaged_by::<3>(row),
            4 => self.averaged_by::<4>(row),
            5 => self.averaged_by::<5>(row),
            6 => self.averaged_by::<6>(row),
            _ => unreachable!("a sheet is drawn at most six times as large"),
        }
    }

    fn averaged_by<const K: usize>(&self, mut row: impl FnMut(&[u8]) -> Result<()>) -> Result<()> {
        let width = self.width / K;
        let mut band = vec![self.paper; width * (SIDE / K)];
        for (index, squares) in self.squares.chunks_exact(self.columns).enumerate() {
            band.fill(self.paper);
            let rows = (SIDE / K).min(self.rows.len() / K - index * (SIDE / K));
            for (column, square) in squares.iter().enumerate() {
                let Some(square) = square else { continue };
                let from = column * (SIDE / K);
                let to = (from + SIDE / K).min(width);
                for (lines, averaged) in
                    square.as_chunks::<K>().0.iter().zip(band.chunks_exact_mut(width)).take(rows)
                {
                    average(lines, &mut averaged[from..to]);
                }
            }
            for averaged in band.chunks_exact(width).take(rows) {
                row(averaged.as_flattened())?;
            }
        }
        Ok(())
    }

    #[inline]
    fn pixel(&mut self, x: usize, y: usize) -> &mut Pixel {
        &mut self.square(x / SIDE, y / SIDE)[y % SIDE][x % SIDE]
    }

    #[inline]
    fn square(&mut self, column: usize, row: usize) -> &mut Square {
        let paper = self.paper;
        self.squares[(row - self.rows.start / SIDE) * self.columns + column]
            .get_or_insert_with(|| Box::new([[paper; SIDE]; SIDE]))
    }

    fn fill(
        &mut self,
        a: BackendCoord,
        b: BackendCoord,
        BackendColor { alpha, rgb }: BackendColor,
    ) {
        let Some(area) = self.area(a, b) else { return };
        let colour: Pixel = rgb.into();
        let width = area.right - area.left;
        // Most of what is drawn is one pixel wide: plotters fills wide shapes column by column.
        match Alpha::of(alpha, 1.0) {
            Alpha::Nothing => {}
            Alpha::All if width == 1 => self.column(&area, |pixel| *pixel = colour),
            Alpha::All => self.pieces(&area, |piece, _| piece.fill(colour)),
            Alpha::Some(alpha) if width == 1 => {
                self.column(&area, |pixel| blend(pixel, colour, alpha));
            }
            // plotters blends eight pixels at a time, rounding down, and the last ones of a row one
            // by one, rounding towards what was there.
            Alpha::Some(alpha) => self.pieces(&area, |piece, offset| {
                let by_eight = ((width - 1) / 8 * 8).saturating_sub(offset).min(piece.len());
                let (by_eight, others) = piece.split_at_mut(by_eight);
                for pixel in by_eight {
                    for (below, above) in pixel.iter_mut().zip(colour) {
                        let mixed = u16::from(*below) * (256 - alpha) + u16::from(above) * alpha;
                        *below = (mixed >> 8) as u8;
                    }
                }
                for pixel in others {
                    blend(pixel, colour, alpha);
                }
            }),
        }
    }

    /// What lies on the strip of a rectangle between two opposite corners, the higher one excluded.
    fn area(&self, a: BackendCoord, b: BackendCoord) -> Option<Area> {
        let within =
            |at: i32, range: &Range<usize>| (at.max(0) as usize).clamp(range.start, range.end);
        let columns = 0..self.width;
        let area = Area {
            left: within(a.0.min(b.0), &columns),
            right: within(a.0.max(b.0), &columns),
            top: within(a.1.min(b.1), &self.rows),
            bottom: within(a.1.max(b.1), &self.rows),
        };
        (area.left < area.right && area.top < area.bottom).then_some(area)
    }

    /// Gives all pixels of an area that is one pixel wide.
    fn column(&mut self, area: &Area, mut paint: impl FnMut(&mut Pixel)) {
        let x = area.left % SIDE;
        for row in area.top / SIDE..=(area.bottom - 1) / SIDE {
            let y = row * SIDE;
            let lines = area.top.max(y) - y..area.bottom.min(y + SIDE) - y;
            for line in &mut self.square(area.left / SIDE, row)[lines] {
                paint(&mut line[x]);
            }
        }
    }

    /// Gives all pixels of an area, in pieces of rows, each with the distance of its first pixel
    /// from the area's left side.
    fn pieces(&mut self, area: &Area, mut paint: impl FnMut(&mut [Pixel], usize)) {
        for row in area.top / SIDE..=(area.bottom - 1) / SIDE {
            for column in area.left / SIDE..=(area.right - 1) / SIDE {
                let (x, y) = (column * SIDE, row * SIDE);
                let (from, to) = (area.left.max(x) - x, area.right.min(x + SIDE) - x);
                let lines = area.top.max(y) - y..area.bottom.min(y + SIDE) - y;
                for line in &mut self.square(column, row)[lines] {
                    paint(&mut line[from..to], x + from - area.left);
                }
            }
        }
    }
}

/// A rectangle that is not empty; `right` and `bottom` are excluded.
struct Area {
    left: usize,
    right: usize,
    top: usize,
    bottom: usize,
}

/// How much of a pixel a colour covers.
enum Alpha {
    Nothing,
    /// In 256ths.
    Some(u16),
    All,
}

impl Alpha {
    /// `most` and more are everything.
    fn of(alpha: f64, most: f64) -> Self {
        if alpha >= most {
            return Self::All;
        }
        match (alpha * 256.0) as u16 {
            0 => Self::Nothing,
            alpha => Self::Some(alpha),
        }
    }
}

/// The means of squares of `K` × `K` pixels.
fn average<const K: usize>(lines: &[[Pixel; SIDE]; K], averaged: &mut [Pixel]) {
    // 16 bits hold the sums of 16 × 16 pixels.
    let mut sums = [[0_u16; 3]; SIDE];
    for line in lines {
        for (sum, value) in sums.as_flattened_mut().iter_mut().zip(line.as_flattened()) {
            *sum += u16::from(*value);
        }
    }
    for (pixel, sums) in averaged.iter_mut().zip(sums.as_chunks::<K>().0) {
        for (channel, value) in pixel.iter_mut().enumerate() {
            let sum: u16 = sums.iter().map(|sums| sums[channel]).sum();
            *value = (sum / (K * K) as u16) as u8;
        }
    }
}

/// A colour over a pixel, as far as it covers it, in 256ths.
fn blend(pixel: &mut Pixel, colour: Pixel, alpha: u16) {
    for (below, above) in pixel.iter_mut().zip(colour) {
        let step = (u16::from(below.abs_diff(above)) * alpha / 256) as u8;
        *below = if above > *below { *below + step } else { *below - step };
    }
}

impl DrawingBackend for Pixels {
    type ErrorType = Infallible;

    fn get_size(&self) -> (u32, u32) {
        (self.width as u32, self.rows.end as u32)
    }

    fn ensure_prepared(&mut self) -> Drawn {
        Ok(())
    }

    fn present(&mut self) -> Drawn {
        Ok(())
    }

    fn draw_pixel(&mut self, (x, y): BackendCoord, colour: BackendColor) -> Drawn {
        let (Ok(x), Ok(y)) = (usize::try_from(x), usize::try_from(y)) else { return Ok(()) };
        if x >= self.width || !self.rows.contains(&y) {
            return Ok(());
        }
        let rgb: Pixel = colour.rgb.into();
        match Alpha::of(colour.alpha, 1.0 - 1.0 / 256.0) {
            Alpha::Nothing => {}
            Alpha::Some(alpha) => blend(self.pixel(x, y), rgb, alpha),
            Alpha::All => *self.pixel(x, y) = rgb,
        }
        Ok(())
    }

    fn draw_line<S: BackendStyle>(
        &mut self,
        from: BackendCoord,
        to: BackendCoord,
        style: &S,
    ) -> Drawn {
        let colour = style.color();
        if style.stroke_width() != 1 || (from.0 != to.0 && from.1 != to.1) {
            return rasterizer::draw_line(self, from, to, style);
        }
        // Of the lines that plotters draws backwards, only vertical solid ones have both their ends.
        let (from, to) = if from.0 == to.0 && from.1 != to.1 && colour.alpha >= 1.0 {
            ((from.0, from.1.min(to.1)), (to.0, from.1.max(to.1)))
        } else {
            (from, to)
        };
        self.fill(from, (to.0 + 1, to.1 + 1), colour);
        Ok(())
    }

    fn draw_rect<S: BackendStyle>(
        &mut self,
        upper_left: BackendCoord,
        lower_right: BackendCoord,
        style: &S,
        fill: bool,
    ) -> Drawn {
        if !fill {
            return rasterizer::draw_rect(self, upper_left, lower_right, style, fill);
        }
        self.fill(upper_left, lower_right, style.color());
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PAPER: Pixel = [250, 240, 230];

    fn colour(alpha: f64) -> BackendColor {
        BackendColor { alpha, rgb: (10, 240, 255) }
    }

    /// All pixels of a sheet after something was drawn on each of its strips.
    fn drawn(size: (u32, u32), draw: impl Fn(&mut Pixels)) -> Vec<Vec<Pixel>> {
        let mut rows = Vec::new();
        for mut strip in Pixels::strips(size, PAPER) {
            draw(&mut strip);
            let keep = |row: &[u8]| {
                rows.push(row.as_chunks::<3>().0.to_vec());
                Ok(())
            };
            strip.averaged(1, keep).unwrap();
        }
        rows
    }

    #[test]
    fn rectangles_reach_across_squares_and_strips_and_end_at_the_sheet() {
        let (from, to) = ((-5, 590), (70, 1300));
        let rows = drawn((90, 1250), |strip| strip.fill(from, to, colour(1.0)));
        assert_eq!(rows.len(), 1250);
        for (y, row) in rows.iter().enumerate() {
            for (x, pixel) in row.iter().enumerate() {
                let inside = x < 70 && y >= 590;
                assert_eq!(*pixel, if inside { [10, 240, 255] } else { PAPER }, "{x}, {y}");
            }
        }
    }

    #[test]
    fn half_of_a_colour_is_halfway() {
        // Ten in a row, the first eight rounded down, the others towards the paper.
        let rows = drawn((20, 3), |strip| strip.fill((2, 1), (12, 2), colour(0.5)));
        assert_eq!(rows[1][2..10], [[130, 240, 242]; 8]);
        assert_eq!(rows[1][10..12], [[130, 240, 242]; 2]);
        assert_eq!((rows[1][1], rows[1][12], rows[0][5]), (PAPER, PAPER, PAPER));
        let third = drawn((20, 3), |strip| strip.fill((2, 1), (12, 2), colour(1.0 / 3.0)));
        assert_eq!((third[1][2][0], third[1][11][0]), (170, 171));
        let column = drawn((20, 3), |strip| strip.fill((2, 0), (3, 3), colour(1.0 / 3.0)));
        assert_eq!(column[2][2][0], 171);
    }

    #[test]
    fn pixels_off_the_sheet_and_without_colour_are_passed_over() {
        let rows = drawn((20, 3), |strip| {
            for at in [(-1, 0), (0, -1), (20, 0), (0, 3)] {
                strip.draw_pixel(at, colour(1.0)).unwrap();
            }
            strip.draw_pixel((4, 1), colour(0.0)).unwrap();
            strip.draw_pixel((5, 1), colour(0.999)).unwrap();
        });
        assert_eq!(rows[1][5], [10, 240, 255]);
        let others = rows.concat().into_iter().filter(|pixel| *pixel != PAPER).count();
        assert_eq!(others, 1);
    }

    #[test]
    fn squares_of_pixels_become_their_mean() {
        for k in 1..=6 {
            let size = (k * 31, k * 211);
            let mut rows = Vec::new();
            for mut strip in Pixels::strips(size, [100; 3]) {
                // One pixel of each square in two columns, at either end.
                for y in 0..211 {
                    for x in [0, 30] {
                        let black = BackendColor { alpha: 1.0, rgb: (0, 0, 0) };
                        strip.draw_pixel(((x * k) as i32, (y * k) as i32), black).unwrap();
                    }
                }
                let keep = |row: &[u8]| {
                    rows.push(row.to_vec());
                    Ok(())
                };
                strip.averaged(k, keep).unwrap();
            }
            let mean = (100 * (k * k - 1) / (k * k)) as u8;
            assert_eq!(rows.len(), 211);
            for row in rows {
                assert_eq!((row[0], row[3], row[29 * 3], row[30 * 3]), (mean, 100, 100, mean));
            }
        }
    }
}
