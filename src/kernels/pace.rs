//! Finds out which of two ways is faster lately, by trying: now and then the other way for some steps.

use std::time::{Duration, Instant};

/// Steps for which the other number of threads is tried, at least.
const TRIED: u32 = 4;

/// And for how long, at least.
const LONG_ENOUGH: Duration = Duration::from_millis(6);

/// So many times as long the faster way is kept, doubled each time that the other was slower.
const KEPT: u32 = 8;

/// See [`KEPT`].
const MOST_CONFIRMED: u32 = 4;

/// Where steps are slow, the faster way is not kept for longer than this and so many steps.
const LONGEST: Duration = Duration::from_secs(10);

/// See [`LONGEST`].
const MANY: u32 = 64;

/// Of the time for a step; what is not clear stays as it is.
const CLEARLY_FASTER: f64 = 0.97;

/// Which of two ways is faster lately.
#[derive(Debug)]
pub struct Pace {
    /// When the last step ended, or the first began.
    last: Instant,
    /// Of this way since it was begun to be measured.
    steps: u32,
    spent: Duration,
    /// Seconds for a step of the way that is kept, while the other is tried.
    kept: Option<f64>,
    /// How often in a row the other way was tried and slower.
    confirmed: u32,
}

impl Pace {
    pub fn new() -> Self {
        let (last, spent) = (Instant::now(), Duration::ZERO);
        Self { last, steps: 0, spent, kept: None, confirmed: 0 }
    }

    /// A step begins now: what was since the last one is left out of account.
    pub fn begin(&mut self, now: Instant) {
        self.last = now;
    }

    /// A step ended now. Whether to go on the other way.
    pub fn step(&mut self, now: Instant) -> bool {
        self.spent += now - self.last;
        self.last = now;
        self.steps += 1;
        let trials = if self.kept.is_some() { 1 } else { KEPT << self.confirmed };
        let enough = self.steps >= TRIED * trials && self.spent >= LONG_ENOUGH * trials;
        let long = self.kept.is_none() && self.steps >= MANY && self.spent >= LONGEST;
        if !enough && !long {
            return false;
        }
        let seconds = self.spent.as_secs_f64() / f64::from(self.steps);
        (self.steps, self.spent) = (0, Duration::ZERO);
        let Some(kept) = self.kept.take() else {
            self.kept = Some(seconds);
            return true;
        };
        let faster = seconds < kept * CLEARLY_FASTER;
        self.confirmed = if faster { 0 } else { (self.confirmed + 1).min(MOST_CONFIRMED) };
        !faster
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Whether one thread is what is chosen after so many steps, if steps take so many milliseconds
    /// with two threads and with one.
    fn is_alone_after(steps: usize, milliseconds: impl Fn(usize) -> [u64; 2]) -> (bool, usize) {
        let mut pace = Pace::new();
        let (mut alone, mut times_alone, mut now) = (false, 0, pace.last);
        for step in 0..steps {
            now += Duration::from_millis(milliseconds(step)[usize::from(alone)]);
            times_alone += usize::from(alone);
            alone ^= pace.step(now);
        }
        (pace.kept.is_some() ^ alone, times_alone)
    }

    #[test]
    fn the_faster_number_of_threads_is_found_and_found_again() {
        let (alone, times) = is_alone_after(10_000, |_| [2, 3]);
        assert!(!alone && times < 200, "{times}");
        let (alone, times) = is_alone_after(10_000, |_| [3, 2]);
        assert!(alone && times > 9_800, "{times}");
        // From one to the other.
        let (alone, times) =
            is_alone_after(10_000, |step| if step < 5_000 { [2, 3] } else { [4, 3] });
        assert!(alone && (4_000..5_200).contains(&times), "{times}");
        // Slow steps are not waited for for minutes.
        let (alone, times) = is_alone_after(300, |_| [1500, 1000]);
        assert!(alone && times > 240, "{times}");
        let (alone, times) =
            is_alone_after(2_000, |step| if step < 1_000 { [1000, 1500] } else { [1500, 1000] });
        assert!(alone && times > 900, "{times}");
        // What makes no difference changes nothing.
        assert!(!is_alone_after(10_000, |_| [3, 3]).0);
    }
}
