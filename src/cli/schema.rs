//! `bn-runner schema`: the JSON Schema of the experiment file, for editors.

use std::process::ExitCode;

use anyhow::Result;

use super::print;

pub fn schema() -> Result<ExitCode> {
    print(&format!("{:#}\n", crate::schema::experiment()))?;
    Ok(ExitCode::SUCCESS)
}
