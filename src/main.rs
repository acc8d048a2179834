//! The command line: parses, calls the library, prints what went wrong once, sets the exit code.

use std::process::ExitCode;

use clap::Parser as _;

/// Freed buffers stay with the process: a training step frees and takes the same ones again, and
/// with the system's allocator a quarter of the time went into page faults.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    // SAFETY: no thread has been started yet.
    #[expect(unsafe_code, reason = "the environment can only be changed before threads start")]
    unsafe {
        bn_runner::backend::silence_graphics_libraries();
    }
    let arguments = bn_runner::cli::Arguments::parse();
    bn_runner::cli::main(arguments)
}
