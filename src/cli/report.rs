//! `bn-runner report`: one page with everything that was recorded.

use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};

use anyhow::{Context, Result};
use clap::Args;

use super::folders::{FolderArgs, common_folder, with_folders};
use super::output::{is_folder, require_extension};
use super::print;
use crate::record::write_atomically;
use crate::render::report as page;

/// The page's name in a results folder.
pub const FILE: &str = "report.html";

#[derive(Debug, Args)]
pub struct ReportArgs {
    #[command(flatten)]
    folders: FolderArgs,

    /// The HTML file, or a folder for report.html. [default: report.html in the folder, or in the one
    /// that all are in]
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,

    /// Open it in the browser.
    #[arg(long)]
    open: bool,
}

pub fn report(args: &ReportArgs) -> Result<ExitCode> {
    // Refused before anything is read.
    let output = match &args.output {
        Some(folder) if is_folder(folder) => Some(folder.join(FILE)),
        Some(file) => {
            require_extension(file, "reports are HTML files", &["html", "htm"])?;
            Some(file.clone())
        }
        None => None,
    };
    let experiments = with_folders(args.folders.read()?);
    let path = output.unwrap_or_else(|| {
        let folders: Vec<&Path> = args.folders.folders.iter().map(PathBuf::as_path).collect();
        match folders[..] {
            [one] => one.join(FILE),
            _ => {
                let whole = |folder: &&Path| {
                    std::fs::canonicalize(folder).unwrap_or_else(|_| (*folder).to_owned())
                };
                let whole: Vec<PathBuf> = folders.iter().map(whole).collect();
                common_folder(&whole.iter().map(PathBuf::as_path).collect::<Vec<_>>()).join(FILE)
            }
        }
    });
    let experiments: Vec<_> =
        experiments.iter().map(|(folder, results)| (folder.as_path(), results)).collect();
    write_atomically(&path, page(&experiments)?.as_bytes())?;
    print(&format!("{}\n", path.display()))?;
    if args.open {
        open(&path)?;
    }
    Ok(ExitCode::SUCCESS)
}

/// Hands a file to whatever the system opens such files with.
fn open(path: &Path) -> Result<()> {
    let path = std::path::absolute(path)?;
    let (program, first): (&str, &[&str]) = match std::env::consts::OS {
        "macos" => ("open", &[]),
        "windows" => ("cmd", &["/C", "start", ""]),
        _ => ("xdg-open", &[]),
    };
    let mut command = Command::new(program);
    command.args(first).arg(&path).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    let status = command.status().with_context(|| {
        format!("cannot start `{program}` to open the report: open `{}` by hand", path.display())
    })?;
    anyhow::ensure!(
        status.success(),
        "`{program}` cannot open the report: open `{}` by hand",
        path.display()
    );
    Ok(())
}
