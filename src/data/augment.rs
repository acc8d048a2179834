//! Images moved and mirrored at random, a different way in each epoch.

use super::Split;
use crate::rng::{Purpose, Stream};
use crate::spec::Augment;

/// Changes training images on their way into batches.
#[derive(Debug, Clone)]
pub struct Augmenter {
    spec: Augment,
    seed: u64,
    width: usize,
    epoch: u32,
    /// The last image that was changed.
    image: Vec<u8>,
}

/// What is done to one image.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Change {
    mirrored: bool,
    /// Pixels to the right and downwards.
    shift: [isize; 2],
}

impl Augmenter {
    /// Changes images of rows of `width` pixels, in an epoch of a run with `seed`.
    pub fn new(spec: Augment, seed: u64, epoch: u32, width: usize) -> Self {
        Self { spec, seed, width, epoch, image: Vec::new() }
    }

    /// The image of a row as this epoch has it.
    pub fn image(&mut self, split: &Split, row: u32) -> &[u8] {
        let change = self.change(row);
        self.image.clear();
        self.image.resize(split.pixels(), 0);
        change.apply(split.image(row as usize), self.width, &mut self.image);
        &self.image
    }

    /// A function of seed, epoch and row alone, so that it is the same on every backend and in
    /// whichever order rows are seen. All numbers are drawn whether needed or not, so that the
    /// mirroring does not depend on `shift`.
    fn change(&self, row: u32) -> Change {
        let mut stream = Stream::new(self.seed, Purpose::Augment, self.epoch, u64::from(row));
        let mirrored = stream.next_u32() >> 31 == 1 && self.spec.horizontal_flip;
        let reach = self.spec.shift as u32;
        let mut shift = || stream.below(2 * reach + 1) as isize - reach as isize;
        Change { mirrored, shift: [shift(), shift()] }
    }
}

impl Change {
    /// Writes the changed image into one of zeros.
    fn apply(self, image: &[u8], width: usize, out: &mut [u8]) {
        let [right, down] = self.shift;
        let height = image.len() / width;
        // The columns of the new image that something moves into, and where it comes from.
        let columns = seen(right, width);
        if columns.is_empty() {
            return;
        }
        let from = columns.start.wrapping_add_signed(-right);
        for row in seen(down, height) {
            let old = &image[row.wrapping_add_signed(-down) * width..][..width];
            let new = &mut out[row * width..][..width][columns.clone()];
            if self.mirrored {
                let old = old.iter().rev().skip(from);
                for (new, old) in new.iter_mut().zip(old) {
                    *new = *old;
                }
            } else {
                new.copy_from_slice(&old[from..from + columns.len()]);
            }
        }
    }
}

/// The places of `length` that are filled after a move by `shift`.
fn seen(shift: isize, length: usize) -> std::ops::Range<usize> {
    let start = shift.clamp(0, length as isize) as usize;
    let end = (length as isize + shift.min(0)).max(start as isize) as usize;
    start..end
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    /// Two rows of three pixels.
    const IMAGE: [u8; 6] = [1, 2, 3, 4, 5, 6];

    fn changed(mirrored: bool, shift: [isize; 2]) -> [u8; 6] {
        let mut out = [0; 6];
        Change { mirrored, shift }.apply(&IMAGE, 3, &mut out);
        out
    }

    #[test]
    fn what_comes_into_sight_is_zero() {
        assert_eq!(changed(false, [0, 0]), IMAGE);
        assert_eq!(changed(false, [1, 0]), [0, 1, 2, 0, 4, 5]);
        assert_eq!(changed(false, [-2, 0]), [3, 0, 0, 6, 0, 0]);
        assert_eq!(changed(false, [0, 1]), [0, 0, 0, 1, 2, 3]);
        assert_eq!(changed(false, [1, -1]), [0, 4, 5, 0, 0, 0]);
        assert_eq!(changed(true, [0, 0]), [3, 2, 1, 6, 5, 4]);
        // Mirrored first, then moved.
        assert_eq!(changed(true, [1, 0]), [0, 3, 2, 0, 6, 5]);
        assert_eq!(changed(true, [-1, 1]), [0, 0, 0, 2, 1, 0]);
        assert_eq!(changed(true, [3, 2]), [0; 6]);
        assert_eq!(changed(false, [-4, -3]), [0; 6]);
    }

    fn augmenter(shift: usize, horizontal_flip: bool, seed: u64, epoch: u32) -> Augmenter {
        Augmenter::new(Augment { shift, horizontal_flip }, seed, epoch, 3)
    }

    #[test]
    fn all_moves_are_as_likely_and_one_in_two_is_mirrored() {
        let augmenter = augmenter(2, true, 1, 1);
        let mut counts = [[0_u32; 5]; 2];
        let mut mirrored = 0;
        for row in 0..10_000 {
            let change = augmenter.change(row);
            mirrored += u32::from(change.mirrored);
            for (axis, shift) in change.shift.iter().enumerate() {
                counts[axis][usize::try_from(shift + 2).unwrap()] += 1;
            }
        }
        // 2,000 and 5,000 expected, standard deviations 40 and 50.
        assert!(counts.iter().flatten().all(|count| (1800..2200).contains(count)), "{counts:?}");
        assert!((4750..5250).contains(&mirrored), "{mirrored}");
    }

    #[test]
    fn seeds_epochs_and_rows_differ_and_mirroring_does_not_depend_on_the_shift() {
        let changes = |augmenter: Augmenter| -> Vec<Change> {
            (0..20).map(|row| augmenter.change(row)).collect()
        };
        let base = changes(augmenter(2, true, 1, 1));
        assert_eq!(base, changes(augmenter(2, true, 1, 1)));
        assert_ne!(base, changes(augmenter(2, true, 2, 1)));
        assert_ne!(base, changes(augmenter(2, true, 1, 2)));
        assert!(base.iter().any(|change| *change != base[0]));
        let mirrored = |changes: &[Change]| -> Vec<bool> {
            changes.iter().map(|change| change.mirrored).collect()
        };
        assert_eq!(mirrored(&base), mirrored(&changes(augmenter(0, true, 1, 1))));
        let unmirrored = changes(augmenter(2, false, 1, 1));
        assert!(base.iter().zip(&unmirrored).all(|(a, b)| a.shift == b.shift && !b.mirrored));
    }

    #[test]
    fn nothing_of_an_image_before_is_left() {
        let images = Arc::new([IMAGE, [0; 6]].concat());
        let split = Split::new(&images, &Arc::new(vec![0, 0]), 6, 0..2);
        let mut augmenter = augmenter(1, true, 1, 1);
        assert!(augmenter.image(&split, 0).iter().any(|pixel| *pixel > 0));
        assert_eq!(augmenter.image(&split, 1), [0; 6]);
    }
}
