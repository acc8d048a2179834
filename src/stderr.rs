//! Lines on standard error that nobody may be reading.

/// Writes a line to standard error.
///
/// It shadows `std::eprintln!`, which panics where standard error is a closed pipe or a full disk:
/// `bn-runner run … 2>&1 | head` would then fail the trials that report their progress. Here such a
/// line is lost, and nothing else.
macro_rules! eprintln {
    ($($line:tt)*) => {{
        use ::std::io::Write as _;
        let _ = ::std::writeln!(::std::io::stderr().lock(), $($line)*);
    }};
}
