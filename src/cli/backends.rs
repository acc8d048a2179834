//! `bn-runner backends`: what this machine can train on.

use std::process::ExitCode;

use anyhow::Result;

use super::print;
use crate::backend::open;
use crate::spec::BackendName;

pub fn backends() -> Result<ExitCode> {
    for name in BackendName::ALL {
        let state = match open(name) {
            Ok(opened) => opened.description,
            Err(error) => error.to_string(),
        };
        let default = if name == BackendName::ALL[0] { " (default)" } else { "" };
        print(&format!("{:<18} {state}\n", format!("{name}{default}")))?;
    }
    Ok(ExitCode::SUCCESS)
}
