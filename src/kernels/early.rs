//! Steps of plain gradient descent that a backward pass takes by itself.
//!
//! A weight's gradient is as large as the weight: to write it and to read it again takes as long as a
//! good part of the product that it comes from. While [`steps`] runs, the backward pass of a dense
//! layer gives, in the place of the gradient, the weight that the step would make of it, and
//! [`super::update::descend`] passes it on.

use std::cell::{Cell, RefCell};

thread_local! {
    static RATE: Cell<Option<f32>> = const { Cell::new(None) };
    /// Where the numbers of the new weights are that nobody has asked for yet.
    static TAKEN: RefCell<Vec<*const f32>> = const { RefCell::new(Vec::new()) };
}

/// Runs a backward pass and the optimizer's step. With a rate, each weight has one use in the loss, the
/// optimizer does nothing with a gradient but [`super::update::descend`] at that rate, and no gradient
/// is looked at in between; without one, nothing is taken early.
///
/// # Panics
/// When a new weight was not asked for: something else was done with what is no gradient.
pub fn steps<T>(rate: Option<f64>, work: impl FnOnce() -> T) -> T {
    struct End;
    impl Drop for End {
        fn drop(&mut self) {
            RATE.set(None);
            TAKEN.with_borrow_mut(Vec::clear);
        }
    }
    let _end = End;
    RATE.set(rate.map(|rate| rate as f32));
    let result = work();
    assert!(TAKEN.with_borrow(Vec::is_empty), "a new weight was taken for a gradient");
    result
}

/// The rate at which to take steps, if at all.
pub(super) fn rate() -> Option<f32> {
    RATE.get()
}

/// Says that these numbers are a new weight.
pub(super) fn is_taken(weight: &[f32]) {
    TAKEN.with_borrow_mut(|taken| taken.push(weight.as_ptr()));
}

/// Whether these numbers are a new weight; true once.
pub(super) fn was_taken(numbers: &[f32]) -> bool {
    TAKEN.with_borrow_mut(|taken| {
        let place = taken.iter().position(|&weight| weight == numbers.as_ptr());
        place.map(|place| taken.swap_remove(place)).is_some()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_new_weight_is_told_once_and_must_be_asked_for() {
        let (weight, other) = ([1.0, 2.0], [1.0, 2.0]);
        let told = steps(Some(0.1), || {
            assert_eq!(rate(), Some(0.1));
            is_taken(&weight);
            [was_taken(&other), was_taken(&weight), was_taken(&weight)]
        });
        assert_eq!((told, rate()), ([false, true, false], None));
        let forgotten = std::panic::catch_unwind(|| steps(Some(0.1), || is_taken(&weight)));
        assert!(forgotten.is_err() && !was_taken(&weight) && rate().is_none());
    }
}
