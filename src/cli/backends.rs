//! `bn-runner backends`: what this machine can train on.

use std::process::ExitCode;
use std::sync::Once;

use anyhow::Result;

use super::print;
use crate::backend::{Opened, Unavailable, open};
use crate::spec::BackendName;

pub fn backends() -> Result<ExitCode> {
    for name in BackendName::ALL {
        let state = match open(name) {
            Ok(opened) if opened.is_software_renderer => {
                format!("{}, a software renderer: far slower than `flex`", opened.description)
            }
            Ok(opened) => opened.description,
            Err(error) => error.to_string(),
        };
        let default = if name == BackendName::ALL[0] { " (default)" } else { "" };
        print(&format!("{:<18} {state}\n", format!("{name}{default}")))?;
    }
    Ok(ExitCode::SUCCESS)
}

/// Opens a backend, with a warning on standard error, once, where its device is not what the user
/// may expect.
///
/// # Errors
/// As [`open`].
pub fn open_with_warning(name: BackendName) -> Result<Opened, Unavailable> {
    static WARNED: Once = Once::new();
    let opened = open(name)?;
    if let Some(warning) = opened.warning() {
        WARNED.call_once(|| eprintln!("warning: {warning}"));
    }
    Ok(opened)
}
