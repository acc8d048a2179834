//! Ctrl-C and SIGTERM: the first ends training after the step that is being computed, the second
//! ends the program at once.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};

use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::flag;

/// The exit code of a program that the user ended: 128 and the number of the signal.
pub const INTERRUPTED: u8 = 130;

/// Whether the user wants the program to end; from the first call on, that is asked here and does
/// not end the program by itself.
pub fn interrupted() -> &'static AtomicBool {
    static FLAG: OnceLock<Arc<AtomicBool>> = OnceLock::new();
    FLAG.get_or_init(|| {
        let asked = Arc::new(AtomicBool::new(false));
        for signal in [SIGINT, SIGTERM] {
            // In this order: the first signal finds the flag not set yet. Where a handler cannot be
            // had, the signal ends the program at once, and the last checkpoint is there.
            let exit = i32::from(INTERRUPTED);
            let _ = flag::register_conditional_shutdown(signal, exit, Arc::clone(&asked));
            let _ = flag::register(signal, Arc::clone(&asked));
        }
        asked
    })
}

/// Whether the user has asked for it.
pub fn is_interrupted() -> bool {
    interrupted().load(Ordering::Relaxed)
}
