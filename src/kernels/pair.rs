//! Two halves of a piece of work, on two threads where a core is to spare.
//!
//! The halves take some dozen microseconds, which is less than it takes to wake a thread: the second
//! thread waits for its work in a loop, and sleeps only after a while without any. Halves are the
//! same whether there is a second thread or not, and so are the results.

#![allow(unsafe_code, reason = "a thread that lives on runs a closure that does not")]

use std::cell::UnsafeCell;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicUsize, Ordering};
use std::thread::{self, Thread};

/// Threads that keep a core busy each.
static AT_WORK: AtomicUsize = AtomicUsize::new(0);

/// Looks before the second thread goes to sleep: about half a millisecond.
const PATIENCE: usize = 20_000;

/// Looks after which the second half is late: its thread has lost its core to some other program.
const LATE: usize = 4_000;

/// Pairs that one thread does alone after the second half was late.
const ALONE: usize = 1_000;

/// Pairs still to be done alone.
static ALONE_YET: AtomicUsize = AtomicUsize::new(0);

const IDLE: u8 = 0;
const READY: u8 = 1;
const RUNNING: u8 = 2;
const DONE: u8 = 3;
const FAILED: u8 = 4;

struct Helper {
    /// Whether one of the threads that ask for help has it.
    taken: AtomicBool,
    state: AtomicU8,
    asleep: AtomicBool,
    work: UnsafeCell<Option<&'static (dyn Fn() + Sync)>>,
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
    thread: OnceLock::new(),
};

/// A thread at work, for as long as this lives.
#[derive(Debug)]
pub struct AtWork(());

/// Says that this thread will keep a core busy. While there are fewer of them than cores, and only
/// then, the halves of their work go to two threads.
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
    (1..cores).contains(&AT_WORK.load(Ordering::Relaxed))
}

/// Calls both, at the same time if there is a core to spare.
pub fn both(first: &(dyn Fn() + Sync), second: &(dyn Fn() + Sync)) {
    let alone = ALONE_YET.load(Ordering::Relaxed);
    if alone > 0 {
        // Whether two threads count the same pair twice does not matter.
        ALONE_YET.store(alone - 1, Ordering::Relaxed);
    }
    let free = alone == 0 && is_a_core_free() && !HELPER.taken.swap(true, Ordering::Acquire);
    if !free {
        first();
        second();
        return;
    }
    // SAFETY: `Waiting` does not let go before the other thread is done with it, even in a panic.
    let work: &'static (dyn Fn() + Sync) = unsafe { std::mem::transmute(first) };
    // SAFETY: we have it, and it is idle.
    unsafe { *HELPER.work.get() = Some(work) };
    let waiting = Waiting { work };
    HELPER.state.store(READY, Ordering::SeqCst);
    let helper = HELPER.thread.get_or_init(|| {
        let thread = thread::Builder::new().name("second half".to_owned()).spawn(help);
        // Without a thread, all is done by this one.
        thread.map_or_else(|_| thread::current(), |handle| handle.thread().clone())
    });
    if HELPER.asleep.load(Ordering::SeqCst) {
        helper.unpark();
    }
    second();
    drop(waiting);
}

/// As [`both`], for closures that can be called but once.
pub fn both_once(first: impl FnOnce() + Send, second: impl FnOnce() + Send) {
    use std::sync::Mutex;
    let (first, second) = (Mutex::new(Some(first)), Mutex::new(Some(second)));
    let take = "each half is called once";
    let first = || first.lock().expect(take).take().expect(take)();
    let second = || second.lock().expect(take).take().expect(take)();
    both(&first, &second);
}

struct Waiting {
    work: &'static (dyn Fn() + Sync),
}

impl Drop for Waiting {
    fn drop(&mut self) {
        let state = &HELPER.state;
        // Not begun yet: whoever should have is asleep or has lost its core.
        let claimed =
            state.compare_exchange(READY, IDLE, Ordering::AcqRel, Ordering::Acquire).is_ok();
        let mut failed = false;
        if !claimed {
            for looks in 0_usize.. {
                if looks == LATE {
                    ALONE_YET.store(ALONE, Ordering::Relaxed);
                }
                match state.load(Ordering::Acquire) {
                    DONE => break,
                    FAILED => {
                        failed = true;
                        break;
                    }
                    _ => std::hint::spin_loop(),
                }
            }
            state.store(IDLE, Ordering::Release);
        }
        HELPER.taken.store(false, Ordering::Release);
        if claimed && !thread::panicking() {
            (self.work)();
        }
        assert!(!failed || thread::panicking(), "the second thread failed");
    }
}

/// The life of the second thread.
fn help() {
    let mut looks = 0;
    loop {
        let state = &HELPER.state;
        if state.compare_exchange(READY, RUNNING, Ordering::AcqRel, Ordering::Relaxed).is_ok() {
            // SAFETY: RUNNING makes it ours, and whoever gave it waits.
            let work = unsafe { *HELPER.work.get() };
            let result = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
                work.expect("there is work when it is ready")();
            }));
            state.store(if result.is_ok() { DONE } else { FAILED }, Ordering::Release);
            looks = 0;
        } else if looks < PATIENCE {
            looks += 1;
            std::hint::spin_loop();
        } else {
            HELPER.asleep.store(true, Ordering::SeqCst);
            if state.load(Ordering::SeqCst) != READY {
                thread::park();
            }
            HELPER.asleep.store(false, Ordering::SeqCst);
            looks = 0;
        }
    }
}
