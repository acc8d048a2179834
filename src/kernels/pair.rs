//! A piece of work in parts, on two threads where a core is to spare.
//!
//! All parts together take some hundred microseconds, which is about what it takes to wake a thread:
//! the second thread waits for its work in a loop, and sleeps only after a while without any. Parts
//! are taken one after the other by whoever is free, so that a second thread that comes late does
//! less; nobody waits for more than a part that it has begun. Parts are the same whether there is a second thread or not, and so
//! are the results.

#![allow(unsafe_code, reason = "a thread that lives on runs a closure that does not")]

use std::cell::UnsafeCell;
use std::panic::AssertUnwindSafe;
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU32, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Mutex, OnceLock, PoisonError};
use std::thread::{self, Thread};
use std::time::{Duration, Instant};

/// Threads that keep a core busy each.
static AT_WORK: AtomicUsize = AtomicUsize::new(0);

/// How long the second thread waits for work before it sleeps. Checkpoints and the like come between.
const PATIENCE: Duration = Duration::from_millis(2);

/// How long the second thread may still take for its last part once all others are done: this, or as
/// long as all of them took, if that is longer. Beyond it, it has lost its core to some other program.
const LATE: Duration = Duration::from_millis(1);

/// How long one thread works alone after that, doubled each time that it happens again within
/// [`FORGOTTEN`].
const ALONE: Duration = Duration::from_millis(10);

/// See [`ALONE`].
const MOST_DOUBLINGS: u32 = 6;

/// See [`ALONE`].
const FORGOTTEN: Duration = Duration::from_secs(1);

/// Looks at an atomic between two looks at the clock.
const LOOKS: usize = 64;

const IDLE: u8 = 0;
const READY: u8 = 1;
const RUNNING: u8 = 2;
const DONE: u8 = 3;
const FAILED: u8 = 4;

#[derive(Clone, Copy)]
struct Work<'a> {
    parts: usize,
    part: &'a (dyn Fn(usize) + Sync),
}

struct Helper {
    /// Whether one of the threads that ask for help has it.
    taken: AtomicBool,
    state: AtomicU8,
    asleep: AtomicBool,
    work: UnsafeCell<Option<Work<'static>>>,
    /// The first part that nobody has begun.
    next: AtomicUsize,
    thread: OnceLock<Thread>,
}

// SAFETY: `work` is written by who has `taken` while the state is IDLE, and read by who has turned
// READY into RUNNING.
unsafe impl Sync for Helper {}

static HELPER: Helper = Helper {
    taken: AtomicBool::new(false),
    state: AtomicU8::new(IDLE),
    asleep: AtomicBool::new(false),
    work: UnsafeCell::new(None),
    next: AtomicUsize::new(0),
    thread: OnceLock::new(),
};

/// A thread at work, for as long as this lives.
#[derive(Debug)]
pub struct AtWork(());

/// Says that this thread will keep a core busy. While there are fewer of them than cores, and only
/// then, their work goes to two threads.
pub fn at_work() -> AtWork {
    AT_WORK.fetch_add(1, Ordering::Relaxed);
    AtWork(())
}

impl Drop for AtWork {
    fn drop(&mut self) {
        AT_WORK.fetch_sub(1, Ordering::Relaxed);
    }
}

fn is_a_core_free() -> bool {
    static CORES: OnceLock<usize> = OnceLock::new();
    let cores = *CORES.get_or_init(|| thread::available_parallelism().map_or(1, usize::from));
    (1..cores).contains(&AT_WORK.load(Ordering::Relaxed)) && !lateness::is_remembered()
}

/// Calls `part` with each number below `parts`, from two threads if there is a core to spare.
pub fn share(parts: usize, part: &(dyn Fn(usize) + Sync)) {
    let free = parts > 1 && is_a_core_free() && !HELPER.taken.swap(true, Ordering::Acquire);
    if !free {
        (0..parts).for_each(part);
        return;
    }
    let work = Work { parts, part };
    // SAFETY: `Waiting` does not let go before the other thread is done with it, even in a panic.
    let work: Work<'static> = unsafe { std::mem::transmute(work) };
    // SAFETY: we have it, and it is idle.
    unsafe { *HELPER.work.get() = Some(work) };
    HELPER.next.store(0, Ordering::Relaxed);
    let waiting = Waiting { parts, begun: Instant::now() };
    HELPER.state.store(READY, Ordering::SeqCst);
    let helper = HELPER.thread.get_or_init(|| {
        let thread = thread::Builder::new().name("second".to_owned()).spawn(help);
        // Without a thread, all is done by this one.
        thread.map_or_else(|_| thread::current(), |handle| handle.thread().clone())
    });
    if HELPER.asleep.load(Ordering::SeqCst) {
        helper.unpark();
    }
    work.take_parts();
    drop(waiting);
}

/// Calls `work` with each item, from two threads if there is a core to spare.
pub fn each<T: Send>(items: Vec<T>, work: impl Fn(T) + Sync) {
    let items: Vec<_> = items.into_iter().map(|item| Mutex::new(Some(item))).collect();
    share(items.len(), &|i| {
        let item = items[i].lock().unwrap_or_else(PoisonError::into_inner).take();
        work(item.expect("each part is taken once"));
    });
}

impl Work<'_> {
    fn take_parts(self) {
        loop {
            let part = HELPER.next.fetch_add(1, Ordering::Relaxed);
            if part >= self.parts {
                break;
            }
            (self.part)(part);
        }
    }
}

struct Waiting {
    parts: usize,
    begun: Instant,
}

impl Drop for Waiting {
    fn drop(&mut self) {
        // After a panic there are parts left that nobody needs.
        HELPER.next.fetch_max(self.parts, Ordering::Relaxed);
        let state = &HELPER.state;
        let not_begun =
            state.compare_exchange(READY, IDLE, Ordering::AcqRel, Ordering::Acquire).is_ok();
        let mut failed = false;
        if !not_begun {
            let done = || matches!(state.load(Ordering::Acquire), DONE | FAILED);
            if !look_until(done, Instant::now() + LATE.max(self.begun.elapsed())) {
                while !done() {
                    thread::yield_now();
                }
                // Who fails takes its time to say why.
                if state.load(Ordering::Acquire) == DONE {
                    lateness::remember();
                }
            }
            failed = state.load(Ordering::Acquire) == FAILED;
            state.store(IDLE, Ordering::Release);
        }
        HELPER.taken.store(false, Ordering::Release);
        assert!(!failed || thread::panicking(), "the second thread failed");
    }
}

/// The life of the second thread.
fn help() {
    let state = &HELPER.state;
    let begin =
        || state.compare_exchange(READY, RUNNING, Ordering::AcqRel, Ordering::Relaxed).is_ok();
    loop {
        if look_until(begin, Instant::now() + PATIENCE) {
            // SAFETY: RUNNING makes it ours, and whoever gave it waits.
            let work = unsafe { *HELPER.work.get() };
            let work = work.expect("there is work when it is ready");
            let result = std::panic::catch_unwind(AssertUnwindSafe(|| work.take_parts()));
            state.store(if result.is_ok() { DONE } else { FAILED }, Ordering::Release);
        } else {
            HELPER.asleep.store(true, Ordering::SeqCst);
            if state.load(Ordering::SeqCst) != READY {
                thread::park();
            }
            HELPER.asleep.store(false, Ordering::SeqCst);
        }
    }
}

/// Asks again and again until the answer is yes, or else, after the deadline, gives up.
fn look_until(is_it: impl Fn() -> bool, deadline: Instant) -> bool {
    loop {
        for _ in 0..LOOKS {
            if is_it() {
                return true;
            }
            std::hint::spin_loop();
        }
        if Instant::now() >= deadline {
            return is_it();
        }
    }
}

/// Whether the second thread lately had no core.
mod lateness {
    use super::*;

    /// Nanoseconds on the clock of [`now`]; 0 is never.
    static ALONE_UNTIL: AtomicU64 = AtomicU64::new(0);
    static DOUBLINGS: AtomicU32 = AtomicU32::new(0);

    fn now() -> u64 {
        static START: OnceLock<Instant> = OnceLock::new();
        START.get_or_init(Instant::now).elapsed().as_nanos() as u64
    }

    /// Only who has the helper calls this.
    pub fn remember() {
        let (now, until) = (now(), ALONE_UNTIL.load(Ordering::Relaxed));
        let again = until > 0 && now < until + FORGOTTEN.as_nanos() as u64;
        let doublings = match DOUBLINGS.load(Ordering::Relaxed) {
            before if again => (before + 1).min(MOST_DOUBLINGS),
            _ => 0,
        };
        DOUBLINGS.store(doublings, Ordering::Relaxed);
        ALONE_UNTIL.store(now + ((ALONE.as_nanos() as u64) << doublings), Ordering::Relaxed);
    }

    pub fn is_remembered() -> bool {
        let until = ALONE_UNTIL.load(Ordering::Relaxed);
        until > 0 && now() < until
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_part_is_done_once_however_many_ask() {
        let ask = || {
            for parts in [0, 1, 2, 7, 100] {
                let done: Vec<AtomicUsize> = (0..parts).map(|_| AtomicUsize::new(0)).collect();
                share(parts, &|part| {
                    done[part].fetch_add(1, Ordering::Relaxed);
                });
                assert!(done.iter().all(|times| times.load(Ordering::Relaxed) == 1), "{parts}");
            }
        };
        let _core = at_work();
        thread::scope(|scope| {
            for _ in 0..3 {
                scope.spawn(|| (0..200).for_each(|_| ask()));
            }
        });
    }

    #[test]
    fn a_part_that_panics_ends_the_work_and_not_the_next_one() {
        let _core = at_work();
        for _ in 0..50 {
            let failed = std::panic::catch_unwind(|| share(9, &|part| assert_ne!(part, 4)));
            assert!(failed.is_err());
            let done = AtomicUsize::new(0);
            each(vec![1, 2, 3], |number| {
                done.fetch_add(number, Ordering::Relaxed);
            });
            assert_eq!(done.into_inner(), 6);
        }
    }
}
