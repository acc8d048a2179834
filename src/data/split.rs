//! Images and labels of one purpose: some of the rows in memory that other splits share.

use std::fmt;
use std::ops::Range;
use std::sync::Arc;

/// Rows of a data set, as bytes. Cloning copies no pixels.
#[derive(Clone)]
pub struct Split {
    images: Arc<Vec<u8>>,
    labels: Arc<Vec<u8>>,
    rows: Rows,
    pixels: usize,
}

/// Which rows of the images.
#[derive(Clone)]
enum Rows {
    /// Neighbours; their labels are those of the same rows.
    Range(Range<usize>),
    /// These, whose labels are the split's own.
    List(Arc<[u32]>),
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
        let (images, labels) = (Arc::clone(images), Arc::clone(labels));
        Self { images, labels, rows: Rows::Range(rows), pixels }
    }

    /// As [`new`](Self::new), with rows that need not be neighbours. Labels are copied, a byte
    /// each.
    ///
    /// # Panics
    /// If the rows are not all there.
    pub(crate) fn of_rows(
        images: &Arc<Vec<u8>>,
        labels: &Arc<Vec<u8>>,
        pixels: usize,
        rows: &[u32],
    ) -> Self {
        let own = rows.iter().map(|&row| labels[row as usize]).collect();
        assert!(rows.iter().all(|&row| (row as usize + 1) * pixels <= images.len()));
        let (images, labels) = (Arc::clone(images), Arc::new(own));
        Self { images, labels, rows: Rows::List(rows.into()), pixels }
    }

    /// How many images there are.
    pub fn len(&self) -> usize {
        match &self.rows {
            Rows::Range(rows) => rows.len(),
            Rows::List(rows) => rows.len(),
        }
    }

    /// Whether there are none, as in a validation split of 0 images.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
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
        let row = match &self.rows {
            Rows::Range(rows) => rows.start + i,
            Rows::List(rows) => rows[i] as usize,
        };
        &self.images[row * self.pixels..(row + 1) * self.pixels]
    }

    /// All images, one after the other.
    pub fn images(&self) -> impl ExactSizeIterator<Item = &[u8]> {
        (0..self.len()).map(|i| self.image(i))
    }

    /// All labels, one byte each, below the number of classes.
    pub fn labels(&self) -> &[u8] {
        match &self.rows {
            Rows::Range(rows) => &self.labels[rows.clone()],
            Rows::List(_) => &self.labels,
        }
    }
}

impl fmt::Debug for Split {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = f.debug_struct("Split");
        match &self.rows {
            Rows::Range(rows) => shown.field("rows", rows),
            Rows::List(rows) => shown.field("rows", &rows.len()),
        };
        shown.field("pixels", &self.pixels).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn images(split: &Split) -> Vec<u8> {
        split.images().flatten().copied().collect()
    }

    #[test]
    fn rows_are_seen_from_the_start_of_the_split() {
        let pixels = Arc::new((0..12).collect());
        let labels = Arc::new(vec![5, 6, 7, 8]);
        let split = Split::new(&pixels, &labels, 3, 1..3);
        assert_eq!(split.len(), 2);
        assert_eq!(split.image(1), [6, 7, 8]);
        assert_eq!(images(&split), [3, 4, 5, 6, 7, 8]);
        assert_eq!(split.labels(), [6, 7]);
        assert!(Split::new(&pixels, &labels, 3, 0..0).is_empty());
    }

    #[test]
    fn rows_need_not_be_neighbours() {
        let pixels = Arc::new((0..12).collect());
        let labels = Arc::new(vec![5, 6, 7, 8]);
        let split = Split::of_rows(&pixels, &labels, 3, &[0, 2, 3]);
        assert_eq!((split.len(), split.image(1)), (3, &[6, 7, 8][..]));
        assert_eq!(images(&split), [0, 1, 2, 6, 7, 8, 9, 10, 11]);
        assert_eq!(split.labels(), [5, 7, 8]);
        assert_eq!(split.image(2).as_ptr(), pixels[9..].as_ptr(), "no pixels are copied");
        assert!(Split::of_rows(&pixels, &labels, 3, &[]).is_empty());
    }

    #[test]
    #[should_panic(expected = "image 2 of 2")]
    fn a_row_of_the_next_split_is_out_of_reach() {
        let (images, labels) = (Arc::new(vec![0; 4]), Arc::new(vec![0; 4]));
        Split::new(&images, &labels, 1, 0..2).image(2);
    }

    #[test]
    #[should_panic(expected = "image 2 of 2")]
    fn neither_is_one_beyond_a_list() {
        let (images, labels) = (Arc::new(vec![0; 4]), Arc::new(vec![0; 4]));
        Split::of_rows(&images, &labels, 1, &[0, 2]).image(2);
    }
}
