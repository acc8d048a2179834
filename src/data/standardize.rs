//! Per-pixel mean and standard deviation, for `scaling: standardize`.

use super::Split;

/// What standardizing needs, per pixel, in the bytes' own unit (0 to 255).
#[derive(Debug, Clone, PartialEq)]
pub struct Standardization {
    /// Mean of each pixel over the rows: height × width values.
    pub mean: Vec<f32>,
    /// Population standard deviation of each pixel; 1 where a pixel never changes, so that
    /// dividing by it leaves the pixel at 0.
    pub std: Vec<f32>,
}

/// So many squares of a byte, added up, stay below 2³².
const BLOCK: usize = 1 << 16;

/// Mean and standard deviation of every pixel over all rows of `split` (the training rows).
///
/// Sums are exact integers; only the last step is in floating point, so that the result depends
/// neither on the order of the rows nor on the machine. An empty split gives mean 0 and
/// deviation 1.
pub fn standardization(split: &Split) -> Standardization {
    let pixels = split.pixels();
    let mut sums = vec![0_u64; pixels];
    let mut squares = vec![0_u64; pixels];
    let mut images = split.images();
    while images.len() > 0 {
        // 32-bit sums are twice as fast as 64-bit ones.
        let mut block_sums = vec![0_u32; pixels];
        let mut block_squares = vec![0_u32; pixels];
        for image in images.by_ref().take(BLOCK) {
            for ((sum, square), &byte) in block_sums.iter_mut().zip(&mut block_squares).zip(image) {
                let value = u32::from(byte);
                *sum += value;
                *square += value * value;
            }
        }
        for (total, part) in sums.iter_mut().zip(block_sums) {
            *total += u64::from(part);
        }
        for (total, part) in squares.iter_mut().zip(block_squares) {
            *total += u64::from(part);
        }
    }
    let rows = split.len().max(1) as u64;
    let mean = sums.iter().map(|&sum| (sum as f64 / rows as f64) as f32).collect();
    let std = sums
        .iter()
        .zip(&squares)
        .map(|(&sum, &square)| {
            // rows² × variance, without cancellation
            let scaled = u128::from(rows) * u128::from(square) - u128::from(sum).pow(2);
            if scaled == 0 { 1.0 } else { ((scaled as f64).sqrt() / rows as f64) as f32 }
        })
        .collect();
    Standardization { mean, std }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    fn split(rows: Vec<u8>, pixels: usize) -> Split {
        let count = rows.len() / pixels;
        Split::new(&Arc::new(rows), &Arc::new(vec![0; count]), pixels, 0..count)
    }

    #[test]
    fn mean_and_population_deviation_per_pixel() {
        // Columns: 0, 4, 8 and a constant 7.
        let result = standardization(&split(vec![0, 7, 4, 7, 8, 7], 2));
        assert_eq!(result.mean, [4.0, 7.0]);
        assert_eq!(result.std, [(32.0_f64 / 3.0).sqrt() as f32, 1.0]);
    }

    #[test]
    fn more_rows_than_a_block_do_not_overflow() {
        let rows = BLOCK + BLOCK / 2;
        let mut bytes = vec![255; rows];
        bytes[0] = 0;
        let result = standardization(&split(bytes, 1));
        let part = 1.0 / rows as f64;
        assert_eq!(result.mean, [(255.0 * (1.0 - part)) as f32]);
        assert_eq!(result.std, [(255.0 * (part * (1.0 - part)).sqrt()) as f32]);
    }
}
