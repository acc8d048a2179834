//! Where a window that moves over an image may stand.

use crate::spec::Padding;

/// One dimension of a window's way: how many places it has, and how many rows or columns the
/// image lacks for it before the first and after the last.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Way {
    pub places: usize,
    pub padding: (usize, usize),
}

/// The way of a window along a dimension of an image; `None` where the window is larger and must
/// stay inside.
///
/// With `same` padding TensorFlow, and so Keras, puts the odd one of the rows that are missing at
/// the end (tensorflow/core/framework/common_shape_fns.cc, `GetWindowedOutputSizeVerbose`).
pub(super) fn way(image: usize, window: usize, stride: usize, padding: Padding) -> Option<Way> {
    match padding {
        Padding::Valid => {
            let places = image.checked_sub(window)? / stride + 1;
            Some(Way { places, padding: (0, 0) })
        }
        Padding::Same => {
            let places = image.div_ceil(stride);
            let needed = places.saturating_sub(1).checked_mul(stride)?.checked_add(window)?;
            let missing = needed.saturating_sub(image);
            Some(Way { places, padding: (missing / 2, missing - missing / 2) })
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn same_padding_puts_the_odd_one_at_the_end() {
        let same = |image, window, stride| {
            let way = way(image, window, stride, Padding::Same).unwrap();
            (way.places, way.padding)
        };
        assert_eq!(same(28, 3, 1), (28, (1, 1)));
        assert_eq!(same(28, 4, 1), (28, (1, 2)));
        assert_eq!(same(28, 3, 2), (14, (0, 1)));
        assert_eq!(same(7, 2, 2), (4, (0, 1)));
        assert_eq!(same(5, 1, 3), (2, (0, 0)));
        assert_eq!(way(28, 3, 1, Padding::Valid).unwrap().places, 26);
        assert_eq!(way(7, 3, 2, Padding::Valid).unwrap().places, 3);
        assert_eq!(way(2, 3, 1, Padding::Valid), None);
    }
}
