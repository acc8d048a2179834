//! Windows that move over images of height × width × channels.

use std::mem::MaybeUninit;
use std::ops::Range;

use multiversion::multiversion;

/// An image and the way of a window over it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Windows {
    /// Height and width of the image.
    pub image: [usize; 2],
    /// Numbers at each place of the image.
    pub channels: usize,
    /// Height and width of the window.
    pub size: [usize; 2],
    /// Rows and columns from one place of the window to the next.
    pub strides: [usize; 2],
    /// Rows that the image lacks above, and columns left, of the window's first place.
    pub before: [usize; 2],
    /// Places of the window, down and across.
    pub places: [usize; 2],
}

/// What of a window lies on the image, in one dimension: which of its rows, and where on the image
/// the first of these is.
#[derive(Debug, Clone)]
struct Seen {
    window: Range<usize>,
    image: usize,
}

impl Windows {
    /// For images of [height, width, channels] that lack rows above and below and columns left and
    /// right.
    ///
    /// # Panics
    /// If the window is larger than the image with what it lacks, or may lie beside the image.
    pub fn over(
        [height, width, channels]: [usize; 3],
        size: [usize; 2],
        strides: [usize; 2],
        padding: [(usize, usize); 2],
    ) -> Self {
        let image = [height, width];
        let places = |i: usize| {
            let (before, after) = padding[i];
            assert!(before < size[i] && after < size[i], "the window sees some of the image");
            assert!(size[i] <= image[i] + before + after, "the window has a place");
            (image[i] + before + after - size[i]) / strides[i] + 1
        };
        Self {
            image,
            channels,
            size,
            strides,
            before: padding.map(|(before, _)| before),
            places: [places(0), places(1)],
        }
    }

    /// Numbers of an image.
    pub fn pixels(&self) -> usize {
        self.image[0] * self.image[1] * self.channels
    }

    /// Numbers that the window sees at a place.
    pub fn numbers(&self) -> usize {
        self.size[0] * self.size[1] * self.channels
    }

    /// How often the window stands on an image.
    pub fn stops(&self) -> usize {
        self.places[0] * self.places[1]
    }

    fn seen(&self, dimension: usize, place: usize) -> Seen {
        let start = place * self.strides[dimension];
        let before = self.before[dimension];
        let first = before.saturating_sub(start);
        let end = (self.image[dimension] + before).saturating_sub(start).min(self.size[dimension]);
        Seen { window: first..end.max(first), image: (start + first).saturating_sub(before) }
    }
}

/// Writes what the window sees at all places of some rows of places: [places, numbers]. Zero is what
/// lies beside the image.
pub fn patches(windows: &Windows, image: &[f32], rows: Range<usize>, out: &mut [f32]) {
    let [height, width] = windows.size;
    let (line, channels) = (width * windows.channels, windows.channels);
    let columns: Vec<Seen> = (0..windows.places[1]).map(|place| windows.seen(1, place)).collect();
    let patches = windows.places[1] * windows.numbers();
    for (down, out) in rows.zip(out.chunks_exact_mut(patches)) {
        let rows = windows.seen(0, down);
        for (patch, columns) in out.chunks_exact_mut(windows.numbers()).zip(&columns) {
            let whole = rows.window.len() == height && columns.window.len() == width;
            if !whole {
                patch.fill(0.0);
            }
            for (row, i) in (rows.image..).zip(rows.window.clone()) {
                let from = (row * windows.image[1] + columns.image) * channels;
                let to = i * line + columns.window.start * channels;
                let count = columns.window.len() * channels;
                copy(&image[from..from + count], &mut patch[to..to + count]);
            }
        }
    }
}

/// As the function of the library, which is slow for three numbers: a row of a common window.
fn copy(from: &[f32], to: &mut [f32]) {
    if let (Some(from), Some(to)) = (from.as_array::<3>(), to.as_mut_array::<3>()) {
        *to = *from;
    } else {
        to.copy_from_slice(from);
    }
}

/// The reverse of [`patches`]: adds what is in the patches to the places of the image that they saw.
#[multiversion(targets("x86_64+avx512f+avx512vl", "x86_64+avx2"))]
pub fn add_patches(windows: &Windows, patches: &[f32], rows: Range<usize>, image: &mut [f32]) {
    let (line, channels) = (windows.size[1] * windows.channels, windows.channels);
    let patches = patches.chunks_exact(windows.places[1] * windows.numbers());
    for (down, patches) in rows.zip(patches) {
        let rows = windows.seen(0, down);
        for (across, patch) in patches.chunks_exact(windows.numbers()).enumerate() {
            let columns = windows.seen(1, across);
            for (row, i) in (rows.image..).zip(rows.window.clone()) {
                let to = (row * windows.image[1] + columns.image) * channels;
                let from = i * line + columns.window.start * channels;
                let count = columns.window.len() * channels;
                let patch = &patch[from..from + count];
                for (to, from) in image[to..to + count].iter_mut().zip(patch) {
                    *to += from;
                }
            }
        }
    }
}

/// Channels at a time: what stays in registers.
const LANES: usize = 8;

/// Writes the largest number that the window sees of each channel, [places, channels], NaN if it sees
/// one.
#[multiversion(targets("x86_64+avx512f+avx512vl", "x86_64+avx2"))]
pub fn largest(windows: &Windows, image: &[f32], out: &mut [MaybeUninit<f32>]) {
    each_place(windows, |place, seen| {
        each_block(windows.channels, |first, count| {
            let mut most = [f32::NEG_INFINITY; LANES];
            each_pixel(windows, seen, |at| {
                for (most, &value) in most[..count].iter_mut().zip(&image[at + first..][..count]) {
                    *most = if value > *most || value.is_nan() { value } else { *most };
                }
            });
            let out = &mut out[place * windows.channels + first..][..count];
            out.iter_mut().zip(most).for_each(|(out, most)| _ = out.write(most));
        });
    });
}

/// Adds the gradient of each largest number, [places, channels], to that of the first pixel that has
/// it.
#[multiversion(targets("x86_64+avx512f+avx512vl", "x86_64+avx2"))]
pub fn largest_gradient(
    windows: &Windows,
    [image, largest, gradient]: [&[f32]; 3],
    out: &mut [f32],
) {
    each_place(windows, |place, seen| {
        each_block(windows.channels, |first, count| {
            let at = place * windows.channels + first;
            let (mut most, mut left) = ([0.0; LANES], [0.0; LANES]);
            most[..count].copy_from_slice(&largest[at..][..count]);
            left[..count].copy_from_slice(&gradient[at..][..count]);
            each_pixel(windows, seen, |at| {
                let values = image[at + first..][..count].iter().zip(&most);
                let gradients = out[at + first..][..count].iter_mut().zip(&mut left);
                for ((value, most), (out, left)) in values.zip(gradients) {
                    let here = value == most || value.is_nan();
                    *out += if here { *left } else { 0.0 };
                    *left = if here { 0.0 } else { *left };
                }
            });
        });
    });
}

/// Writes the mean of what the window sees of each channel, [places, channels]. What lies beside the
/// image is not counted.
#[multiversion(targets("x86_64+avx512f+avx512vl", "x86_64+avx2"))]
pub fn means(windows: &Windows, image: &[f32], out: &mut [MaybeUninit<f32>]) {
    each_place(windows, |place, seen| {
        each_block(windows.channels, |first, count| {
            let mut sums = [0.0; LANES];
            each_pixel(windows, seen, |at| {
                for (sum, value) in sums[..count].iter_mut().zip(&image[at + first..][..count]) {
                    *sum += value;
                }
            });
            let out = &mut out[place * windows.channels + first..][..count];
            let pixels = seen.pixels();
            out.iter_mut().zip(sums).for_each(|(out, sum)| _ = out.write(sum / pixels));
        });
    });
}

/// Adds the gradient of each mean, [places, channels], to those of the pixels.
#[multiversion(targets("x86_64+avx512f+avx512vl", "x86_64+avx2"))]
pub fn means_gradient(windows: &Windows, gradient: &[f32], out: &mut [f32]) {
    let channels = windows.channels;
    each_place(windows, |place, seen| {
        let gradient = &gradient[place * channels..][..channels];
        let pixels = seen.pixels();
        each_pixel(windows, seen, |at| {
            for (out, gradient) in out[at..at + channels].iter_mut().zip(gradient) {
                *out += gradient / pixels;
            }
        });
    });
}

/// Rows and columns of the image that the window sees.
#[derive(Clone, Copy)]
struct Rectangle {
    rows: [usize; 2],
    columns: [usize; 2],
}

impl Rectangle {
    fn pixels(self) -> f32 {
        let [rows, columns] = [self.rows, self.columns].map(|[start, end]| end - start);
        (rows * columns) as f32
    }
}

/// Calls `place` with the number of each place of the window and what it sees there.
#[inline(always)]
fn each_place(windows: &Windows, mut place: impl FnMut(usize, Rectangle)) {
    let extent = |seen: Seen| [seen.image, seen.image + seen.window.len()];
    let columns: Vec<_> =
        (0..windows.places[1]).map(|across| extent(windows.seen(1, across))).collect();
    let mut number = 0;
    for down in 0..windows.places[0] {
        let rows = extent(windows.seen(0, down));
        for &columns in &columns {
            place(number, Rectangle { rows, columns });
            number += 1;
        }
    }
}

/// Calls `block` with the first of some channels and their number. A number that the compiler knows
/// comes first.
#[inline(always)]
fn each_block(channels: usize, mut block: impl FnMut(usize, usize)) {
    let whole = channels / LANES * LANES;
    for first in (0..whole).step_by(LANES) {
        block(first, LANES);
    }
    if whole < channels {
        block(whole, channels - whole);
    }
}

/// Calls `pixel` with the place in memory of each pixel that the window sees, row by row.
#[inline(always)]
fn each_pixel(windows: &Windows, seen: Rectangle, mut pixel: impl FnMut(usize)) {
    for row in seen.rows[0]..seen.rows[1] {
        for column in seen.columns[0]..seen.columns[1] {
            pixel((row * windows.image[1] + column) * windows.channels);
        }
    }
}
