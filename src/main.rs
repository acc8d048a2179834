//! The command line: parses, calls the library, prints what went wrong once, sets the exit code.

use std::process::ExitCode;

use clap::Parser as _;

/// Freed buffers stay with the process: a training step frees and takes the same ones again, and
/// with the system's allocator a quarter of the time went into page faults.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    let arguments = bn_runner::cli::Arguments::parse();
    bn_runner::cli::main(arguments)
}
