//! Images and labels of one purpose: a range of rows in memory that other splits share.

use std::fmt;
use std::ops::Range;
use std::sync::Arc;

/// Rows of a data set, as bytes. Cloning copies no pixels.
#[derive(Clone)]
pub struct Split {
    images: Arc<Vec<u8>>,
    labels: Arc<Vec<u8>>,
    rows: Range<usize>,
    pixels: usize,
}

impl Split {
    /// The given rows of `images`, `pixels` bytes each, and of `labels`.
    ///
    /// # Panics
    /// If the rows are not all there.
    pub(crate) fn new(
        images: &Arc<Vec<u8>>,
        labels: &Arc<Vec<u8>>,
        pixels: usize,
        rows: Range<usize>,
    ) -> Self {
        assert!(rows.end <= labels.len() && rows.end * pixels <= images.len());
        Self { images: Arc::clone(images), labels: Arc::clone(labels), rows, pixels }
    }

    /// How many images there are.
    pub fn len(&self) -> usize {
        self.rows.len()
    }

    /// Whether there are none, as in a validation split of 0 images.
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// How many bytes one image has: height × width.
    pub fn pixels(&self) -> usize {
        self.pixels
    }

    /// Image `i`: height × width bytes, row by row.
    ///
    /// # Panics
    /// If `i` is not below [`len`](Self::len).
    pub fn image(&self, i: usize) -> &[u8] {
        assert!(i < self.len(), "image {i} of {}", self.len());
        let start = (self.rows.start + i) * self.pixels;
        &self.images[start..start + self.pixels]
    }

    /// All images one after the other: len × height × width bytes.
    pub fn images(&self) -> &[u8] {
        &self.images[self.rows.start * self.pixels..self.rows.end * self.pixels]
    }

    /// All labels, one byte each, below the number of classes.
    pub fn labels(&self) -> &[u8] {
        &self.labels[self.rows.clone()]
    }
}

impl fmt::Debug for Split {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Split").field("rows", &self.rows).field("pixels", &self.pixels).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_seen_from_the_start_of_the_split() {
        let images = Arc::new((0..12).collect());
        let labels = Arc::new(vec![5, 6, 7, 8]);
        let split = Split::new(&images, &labels, 3, 1..3);
        assert_eq!(split.len(), 2);
        assert_eq!(split.image(1), [6, 7, 8]);
        assert_eq!(split.images(), [3, 4, 5, 6, 7, 8]);
        assert_eq!(split.labels(), [6, 7]);
        assert!(Split::new(&images, &labels, 3, 0..0).is_empty());
    }

    #[test]
    #[should_panic(expected = "image 2 of 2")]
    fn a_row_of_the_next_split_is_out_of_reach() {
        let (images, labels) = (Arc::new(vec![0; 4]), Arc::new(vec![0; 4]));
        Split::new(&images, &labels, 1, 0..2).image(2);
    }
}
