//! A piece of work in parts, on two threads where a core is to spare.
//!
//! All parts together take some hundred microseconds, which is about what it takes to wake a thread:
//! the second thread waits for its work in a loop, and sleeps only after a while without any. Each
//! thread begins with its half of the parts, one after the other, and goes on with those of the other
//! half that are left, so that a second thread that comes late does less; nobody waits for more than a
//! part that it has begun. Parts are the same whether there is a second thread or not, and so are the
//! results: whether there is one is decided by what is faster.
//!
//! Between cores that share no cache, a line of memory takes half a microsecond there and back. Hence
//! what both write to lies in few lines, and is written to seldom.

#![allow(unsafe_code, reason = "a thread that lives on runs a closure that does not")]

use std::cell::{Cell, UnsafeCell};
use std::marker::PhantomData;
use std::panic::AssertUnwindSafe;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicUsize, Ordering};
use std::thread::{self, Thread};
use std::time::{Duration, Instant};

use super::pace::Pace;

/// Threads that keep a core busy each.
static AT_WORK: AtomicUsize = AtomicUsize::new(0);

/// How long the second thread waits for work before it sleeps. Checkpoints and the like come between.
const PATIENCE: Duration = Duration::from_millis(2);

/// How long the second thread may still take for its last part while it has a core.
const SOON: Duration = Duration::from_millis(1);

/// Looks at an atomic between two looks at the clock.
const LOOKS: usize = 64;

const IDLE: u8 = 0;
const READY: u8 = 1;
const RUNNING: u8 = 2;
const DONE: u8 = 3;
const FAILED: u8 = 4;

#[derive(Clone, Copy)]
struct Work<'a> {
    /// Parts of the asking thread's half.
    half: usize,
    parts: usize,
    part: &'a (dyn Fn(usize) + Sync),
}

/// Alone in its lines of memory, which processors fetch in pairs.
#[repr(align(128))]
struct Line<T>(T);

struct Helper {
    /// Whether one of the threads that ask for help has it.
    taken: Line<AtomicBool>,
    /// What the helper is told, in one line.
    message: Line<Message>,
    /// The first part of the asking thread's half that nobody has begun.
    next: Line<AtomicUsize>,
    asleep: Line<AtomicBool>,
    thread: OnceLock<Thread>,
}

struct Message {
    state: AtomicU8,
    work: UnsafeCell<Option<Work<'static>>>,
    /// The first part of the helper's half that nobody has begun.
    next: AtomicUsize,
}

// SAFETY: `work` is written by who has `taken` while the state is IDLE, and read by who has turned
// READY into RUNNING.
unsafe impl Sync for Message {}

static HELPER: Helper = Helper {
    taken: Line(AtomicBool::new(false)),
    message: Line(Message {
        state: AtomicU8::new(IDLE),
        work: UnsafeCell::new(None),
        next: AtomicUsize::new(0),
    }),
    next: Line(AtomicUsize::new(0)),
    asleep: Line(AtomicBool::new(false)),
    thread: OnceLock::new(),
};

thread_local! {
    /// Whether this thread is faster without help.
    static ALONE: Cell<bool> = const { Cell::new(false) };
}

/// A thread at work, for as long as this lives.
///
/// It finds out whether a second thread makes its steps faster: on a machine that other programs or
/// other machines use, too, two cores can be slower than one.
#[derive(Debug)]
pub struct AtWork {
    pace: Pace,
    /// It belongs to its thread.
    _thread: PhantomData<*const ()>,
}

/// Says that this thread will keep a core busy. While there are fewer of them than cores, and only
/// then, their work goes to two threads.
pub fn at_work() -> AtWork {
    AT_WORK.fetch_add(1, Ordering::Relaxed);
    AtWork { pace: Pace::new(), _thread: PhantomData }
}

impl AtWork {
    /// Steps follow, which take about the same time each.
    pub fn begin_steps(&mut self) {
        self.pace.begin(Instant::now());
    }

    /// A step is done that took what it takes the others. After one that did not, `begin_steps` leaves it
    /// out of account.
    pub fn end_step(&mut self) {
        if !are_cores_to_spare() {
            self.pace = Pace::new();
            ALONE.set(false);
        } else if self.pace.step(Instant::now()) {
            ALONE.set(!ALONE.get());
        }
    }
}

impl Drop for AtWork {
    fn drop(&mut self) {
        AT_WORK.fetch_sub(1, Ordering::Relaxed);
        ALONE.set(false);
    }
}

fn are_cores_to_spare() -> bool {
    static CORES: OnceLock<usize> = OnceLock::new();
    let cores = *CORES.get_or_init(|| thread::available_parallelism().map_or(1, usize::from));
    (1..cores).contains(&AT_WORK.load(Ordering::Relaxed))
}

/// Calls `part` with each number below `parts`, from two threads if there is a core to spare.
pub fn share(parts: usize, part: &(dyn Fn(usize) + Sync)) {
    share_at(parts.div_ceil(2), parts, part);
}

/// As [`share`], of which this thread begins with the parts up to `half`: who finds again what it has
/// used before finds it in a near cache.
pub fn share_at(half: usize, parts: usize, part: &(dyn Fn(usize) + Sync)) {
    let free = parts > 1
        && !ALONE.get()
        && are_cores_to_spare()
        && !HELPER.taken.0.swap(true, Ordering::Acquire);
    if !free {
        (0..parts).for_each(part);
        return;
    }
    let work = Work { half, parts, part };
    // SAFETY: `Waiting` does not let go before the other thread is done with it, even in a panic.
    let work: Work<'static> = unsafe { std::mem::transmute(work) };
    let message = &HELPER.message.0;
    HELPER.next.0.store(0, Ordering::Relaxed);
    message.next.store(half, Ordering::Relaxed);
    // SAFETY: we have it, and it is idle.
    unsafe { *message.work.get() = Some(work) };
    let waiting = Waiting { parts };
    message.state.store(READY, Ordering::Release);
    let helper = HELPER.thread.get_or_init(|| {
        let thread = thread::Builder::new().name("second".to_owned()).spawn(help);
        // Without a thread, all is done by this one.
        thread.map_or_else(|_| thread::current(), |handle| handle.thread().clone())
    });
    // Who falls asleep at this very moment may be missed, until it is asked the next time: to be sure
    // would cost a wait for the store above.
    if HELPER.asleep.0.load(Ordering::Relaxed) {
        helper.unpark();
    }
    let [own, helpers] = work.halves();
    work.take_parts([own, helpers]);
    drop(waiting);
}

/// Calls `work` with each item, from two threads if there is a core to spare.
pub fn each<T: Send>(items: Vec<T>, work: impl Fn(T) + Sync) {
    struct Items<T>(Vec<UnsafeCell<Option<T>>>);
    // SAFETY: the threads take different items.
    unsafe impl<T: Send> Sync for Items<T> {}
    impl<T> Items<T> {
        /// # Safety
        /// Each is taken once.
        unsafe fn take(&self, i: usize) -> Option<T> {
            // SAFETY: nobody else looks at this one.
            unsafe { (*self.0[i].get()).take() }
        }
    }
    let items = Items(items.into_iter().map(|item| UnsafeCell::new(Some(item))).collect());
    share(items.0.len(), &|i| {
        // SAFETY: `share` calls this once for each i.
        work(unsafe { items.take(i) }.expect("each part is taken once"));
    });
}

impl Work<'_> {
    /// The asking thread's half and the helper's: the first part that nobody has begun, and the end.
    fn halves(self) -> [(&'static AtomicUsize, usize); 2] {
        [(&HELPER.next.0, self.half), (&HELPER.message.0.next, self.parts)]
    }

    /// Does all parts that are left, those of the first half first.
    fn take_parts(self, halves: [(&AtomicUsize, usize); 2]) {
        for (next, end) in halves {
            loop {
                let part = next.fetch_add(1, Ordering::Relaxed);
                if part >= end {
                    break;
                }
                (self.part)(part);
            }
        }
    }
}

struct Waiting {
    parts: usize,
}

impl Drop for Waiting {
    fn drop(&mut self) {
        // After a panic there are parts left that nobody needs.
        HELPER.next.0.fetch_max(self.parts, Ordering::Relaxed);
        HELPER.message.0.next.fetch_max(self.parts, Ordering::Relaxed);
        let state = &HELPER.message.0.state;
        let not_begun =
            state.compare_exchange(READY, IDLE, Ordering::AcqRel, Ordering::Acquire).is_ok();
        let mut failed = false;
        if !not_begun {
            let done = || matches!(state.load(Ordering::Acquire), DONE | FAILED);
            if !look_until(done, Instant::now() + SOON) {
                // It has lost its core, perhaps to this very thread.
                while !done() {
                    thread::yield_now();
                }
            }
            failed = state.load(Ordering::Acquire) == FAILED;
            state.store(IDLE, Ordering::Release);
        }
        HELPER.taken.0.store(false, Ordering::Release);
        assert!(!failed || thread::panicking(), "the second thread failed");
    }
}

/// The life of the second thread.
fn help() {
    let Message { state, work, .. } = &HELPER.message.0;
    // Only to look leaves the line to who writes to it.
    let begin = || {
        state.load(Ordering::Relaxed) == READY
            && state.compare_exchange(READY, RUNNING, Ordering::AcqRel, Ordering::Relaxed).is_ok()
    };
    loop {
        if look_until(begin, Instant::now() + PATIENCE) {
            // SAFETY: RUNNING makes it ours, and whoever gave it waits.
            let work = unsafe { *work.get() };
            let work = work.expect("there is work when it is ready");
            let [askers, own] = work.halves();
            let parts = || work.take_parts([own, askers]);
            let result = std::panic::catch_unwind(AssertUnwindSafe(parts));
            state.store(if result.is_ok() { DONE } else { FAILED }, Ordering::Release);
        } else {
            let asleep = &HELPER.asleep.0;
            asleep.store(true, Ordering::SeqCst);
            if state.load(Ordering::SeqCst) != READY {
                thread::park();
            }
            asleep.store(false, Ordering::SeqCst);
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

    /// Shares two parts, of which the first waits for the second to begin, until that was begun by
    /// another thread; other tests may have the helper or the cores for a while.
    fn with_a_helper<T>(second: impl Fn() + Sync, then: impl Fn(thread::Result<()>) -> T) -> T {
        let here = thread::current().id();
        let deadline = Instant::now() + Duration::from_secs(30);
        while Instant::now() < deadline {
            let elsewhere = AtomicBool::new(false);
            let work = |part| {
                if part == 0 {
                    look_until(
                        || elsewhere.load(Ordering::Acquire),
                        Instant::now() + Duration::from_millis(20),
                    );
                } else if thread::current().id() != here {
                    elsewhere.store(true, Ordering::Release);
                    second();
                }
            };
            let shared = AssertUnwindSafe(|| share(2, &work));
            let result = std::panic::catch_unwind(shared);
            if elsewhere.load(Ordering::Acquire) {
                return then(result);
            }
        }
        panic!("no second thread came");
    }

    #[test]
    fn a_second_thread_does_its_half_and_its_panic_is_not_lost() {
        if thread::available_parallelism().map_or(1, usize::from) < 2 {
            println!("skipped: a_second_thread: there is one core");
            return;
        }
        let _core = at_work();
        with_a_helper(|| {}, |result| assert!(result.is_ok()));
        with_a_helper(
            || panic!("on purpose"),
            |result| {
                let why = result.unwrap_err();
                assert_eq!(why.downcast_ref::<&str>(), Some(&"the second thread failed"));
            },
        );
        // And is there again.
        with_a_helper(|| {}, |result| assert!(result.is_ok()));
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
