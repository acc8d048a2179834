//! Independent pieces of work, on as many threads as there are cores.

use std::num::NonZero;
use std::sync::Mutex;
use std::thread;

/// What `work` makes of each item, in the order of the items. Fewer threads than cores where there
/// are fewer items.
pub fn side_by_side<T: Sync, R: Send>(items: &[T], work: impl Fn(&T) -> R + Sync) -> Vec<R> {
    let threads = thread::available_parallelism().map_or(1, NonZero::get).min(items.len());
    let open = Mutex::new(items.iter().enumerate());
    let done = Mutex::new(Vec::with_capacity(items.len()));
    let take = || open.lock().expect("taking an item does not panic").next();
    thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                while let Some((place, item)) = take() {
                    let result = work(item);
                    done.lock().expect("keeping a result does not panic").push((place, result));
                }
            });
        }
    });
    let mut done = done.into_inner().expect("keeping a result does not panic");
    done.sort_by_key(|(place, _)| *place);
    done.into_iter().map(|(_, result)| result).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn results_stand_in_the_order_of_the_items_whoever_is_done_first() {
        let items: Vec<u64> = (0..40).collect();
        let slow_first = |item: &u64| {
            thread::sleep(std::time::Duration::from_micros(2000 / (item + 1)));
            item * item
        };
        let squares: Vec<u64> = items.iter().map(|item| item * item).collect();
        assert_eq!(side_by_side(&items, slow_first), squares);
        assert!(side_by_side(&[], slow_first).is_empty());
    }
}
