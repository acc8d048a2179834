//! `bn-runner new`: a starter file to change, with every section explained.

use std::io::{ErrorKind, Write as _};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, Result};
use clap::Args;

use super::print;

const STARTER: &str = include_str!("starter.yaml");

/// Where the schema is in a checkout.
const SCHEMA: &str = "schema/experiment.schema.json";

#[derive(Debug, Args)]
pub struct NewArgs {
    /// Name of the experiment; the file is NAME.yaml, in this folder or in the one of NAME.
    name: PathBuf,
}

pub fn new(args: &NewArgs) -> Result<ExitCode> {
    let path = match args.name.extension() {
        Some(extension) if extension == "yaml" || extension == "yml" => args.name.clone(),
        _ => {
            let mut path = args.name.clone().into_os_string();
            path.push(".yaml");
            path.into()
        }
    };
    let name = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
    if let Some(why) = crate::spec::unfit_for_an_experiment(&name) {
        eprintln!("error: {why}");
        return Ok(ExitCode::from(2));
    }
    let text = STARTER.replace("@SCHEMA@", &schema_line(&path)?).replace("@NAME@", &name);
    match write_new(&path, &text) {
        Err(error) if error.kind() == ErrorKind::AlreadyExists => {
            eprintln!("error: `{}` is there already: choose another name", path.display());
            return Ok(ExitCode::from(2));
        }
        written => {
            written.with_context(|| format!("cannot write a new file `{}`", path.display()))?;
        }
    }
    print(&format!(
        "wrote {path}\nnext: bn-runner check {path} && bn-runner run {path}\n",
        path = path.display()
    ))?;
    Ok(ExitCode::SUCCESS)
}

/// The line by which editors find the schema, if it is in a folder around the file; else how to
/// come by it.
fn schema_line(file: &Path) -> Result<String> {
    let file = std::path::absolute(file)?;
    let folders = file.ancestors().skip(1).enumerate();
    for (up, folder) in folders {
        if folder.join(SCHEMA).is_file() {
            return Ok(format!("# yaml-language-server: $schema={}{SCHEMA}", "../".repeat(up)));
        }
    }
    Ok("# Editors complete and explain keys after `bn-runner schema > experiment.schema.json` and, as\n\
        # the first line here, `# yaml-language-server: $schema=experiment.schema.json`.\n#"
        .to_owned())
}

/// Never over a file that is there.
fn write_new(path: &Path, text: &str) -> std::io::Result<()> {
    std::fs::File::create_new(path).and_then(|mut file| file.write_all(text.as_bytes()))
}
