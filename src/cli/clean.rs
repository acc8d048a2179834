//! `bn-runner clean`: removes what is not needed any more, and says what and how much.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, Result};
use clap::Args;

use super::print;
use super::recorded::DirArgs;
use crate::numbers::bytes;
use crate::record::{Found, State, TrialDir, TrialLock, bytes_in};

/// Beginnings of the names of files and folders that are there only while something is written.
const WRITING: &str = ".writing-";
const TAKING: &str = ".taking-";

#[derive(Debug, Args)]
pub struct CleanArgs {
    #[command(flatten)]
    dirs: DirArgs,

    /// Checkpoints of finished trials, too; more epochs then begin anew.
    #[arg(long)]
    checkpoints: bool,

    /// Trials that failed, too.
    #[arg(long)]
    failed: bool,

    /// List what would be removed, and how large it is.
    #[arg(long)]
    dry_run: bool,

    /// Remove it. Without this, and without --dry-run, nothing is.
    #[arg(short, long)]
    yes: bool,
}

/// Why something can go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Why {
    Aside,
    Failed,
    Checkpoints,
    Killed,
}

impl Why {
    fn as_str(self) -> &'static str {
        match self {
            Self::Aside => "moved aside",
            Self::Failed => "failed",
            Self::Checkpoints => "checkpoints",
            Self::Killed => "left by a process that was killed",
        }
    }
}

/// Something to be removed.
struct Rest {
    path: PathBuf,
    bytes: u64,
    why: Why,
    /// The trial that may not be at work meanwhile.
    of: Option<TrialDir>,
}

pub fn clean(args: &CleanArgs) -> Result<ExitCode> {
    let found = args.dirs.found()?;
    let rests = rests(&found, args);
    let total: u64 = rests.iter().map(|rest| rest.bytes).sum();
    let words = |count: usize, bytes_gone: u64| match count {
        1 => format!("1 file or folder, {}", bytes(bytes_gone)),
        count => format!("{count} files and folders, {}", bytes(bytes_gone)),
    };
    if args.dry_run || !args.yes {
        let line = |rest: &Rest| {
            format!("{}  {}  ({})\n", rest.path.display(), bytes(rest.bytes), rest.why.as_str())
        };
        print(&rests.iter().map(line).collect::<String>())?;
        print(&format!("to be removed: {}\n", words(rests.len(), total)))?;
        if args.dry_run || rests.is_empty() {
            return Ok(ExitCode::SUCCESS);
        }
        eprintln!("error: nothing was removed; `--yes` removes what is listed");
        return Ok(ExitCode::from(2));
    }
    let (mut count, mut gone) = (0, 0);
    for rest in &rests {
        if rest.remove().with_context(|| format!("cannot remove `{}`", rest.path.display()))? {
            (count, gone) = (count + 1, gone + rest.bytes);
        }
    }
    print(&format!("removed: {}\n", words(count, gone)))?;
    Ok(ExitCode::SUCCESS)
}

fn rests(found: &Found, args: &CleanArgs) -> Vec<Rest> {
    let folder = |path: &Path, why, of: Option<&TrialDir>| Rest {
        path: path.to_owned(),
        bytes: bytes_in(path),
        why,
        of: of.cloned(),
    };
    let mut rests: Vec<Rest> =
        found.previous.iter().map(|dir| folder(dir.path(), Why::Aside, None)).collect();
    for dir in &found.trials {
        let Some(manifest) = dir.read_manifest() else { continue };
        let checkpoints = dir.path().join("checkpoints");
        match dir.state(&manifest) {
            State::Failed if args.failed => rests.push(folder(dir.path(), Why::Failed, Some(dir))),
            State::Done if args.checkpoints && checkpoints.is_dir() => {
                rests.push(folder(&checkpoints, Why::Checkpoints, Some(dir)));
            }
            State::Done | State::Failed | State::Interrupted | State::Running | State::ToDo => {}
        }
    }
    let mut places: Vec<&Path> = Vec::new();
    for dir in &found.trials {
        let case = dir.path().parent();
        places.extend([Some(dir.path()), case, case.and_then(Path::parent)].into_iter().flatten());
        places.extend(dir.experiment().parent());
    }
    places.extend(found.experiments.iter().map(PathBuf::as_path));
    places.sort();
    places.dedup();
    // In a trial's folder that goes, all goes.
    let going: Vec<PathBuf> = rests.iter().map(|rest| rest.path.clone()).collect();
    for place in places.into_iter().filter(|place| !going.iter().any(|path| path == place)) {
        rests.extend(passing(place));
    }
    rests.sort_by(|a, b| a.path.cmp(&b.path));
    rests
}

/// What processes that were killed have left in a folder.
fn passing(folder: &Path) -> Vec<Rest> {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    let rest = |entry: std::fs::DirEntry| {
        let path = entry.path();
        let name = entry.file_name().into_string().ok()?;
        // A file `.seed-1.lock` and a folder `.taking-seed-1` are beside the folder of their trial.
        let lock = name.strip_prefix('.').and_then(|name| name.strip_suffix(".lock"));
        let of = lock.or_else(|| name.strip_prefix(TAKING));
        let of = of.map(|name| TrialDir::existing(folder.join(name)));
        let of = of.filter(|dir| dir.seed().is_some());
        // What is being written just now is not left over.
        let busy = match &of {
            Some(dir) => TrialLock::is_held(dir),
            None if name.starts_with(WRITING) => is_young(&path),
            None => return None,
        };
        if busy {
            return None;
        }
        let is_folder = entry.file_type().ok()?.is_dir();
        let bytes = if is_folder { bytes_in(&path) } else { entry.metadata().ok()?.len() };
        Some(Rest { path, bytes, why: Why::Killed, of })
    };
    entries.filter_map(rest).collect()
}

/// Whether a file was written in the last minute.
fn is_young(path: &Path) -> bool {
    let written = std::fs::metadata(path).and_then(|metadata| metadata.modified());
    written.is_ok_and(|time| time.elapsed().is_ok_and(|age| age.as_secs() < 60))
}

impl Rest {
    /// Removes it, and folders that are empty then. Returns whether it was there to be removed.
    fn remove(&self) -> std::io::Result<bool> {
        let lock = match &self.of {
            Some(dir) => match TrialLock::take(dir) {
                Ok(Some(lock)) => Some(lock),
                // Another process has begun with it.
                Ok(None) => return Ok(false),
                Err(error) => return Err(std::io::Error::other(error)),
            },
            None => None,
        };
        let kind = std::fs::symlink_metadata(&self.path)?;
        match kind.is_dir() {
            true => std::fs::remove_dir_all(&self.path)?,
            false => std::fs::remove_file(&self.path)?,
        }
        // With it, the file it is on.
        drop(lock);
        // `previous/`, or the folder of a case without trials: an error says that it is not empty.
        if [Why::Aside, Why::Failed].contains(&self.why)
            && let Some(parent) = self.path.parent()
        {
            let _ = std::fs::remove_dir(parent);
        }
        Ok(true)
    }
}
