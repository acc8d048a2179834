//! `bn-runner clean`: removes what is not needed any more, and says what and how much.

use std::collections::{BTreeSet, HashSet};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, Result};
use clap::Args;

use super::folders::FolderArgs;
use super::print;
use crate::numbers::bytes;
use crate::record::{ExperimentFolder, State, TrialDir, TrialLock, bytes_in, shown_folder};

/// Beginnings of the names of files and folders that are there only while something is written.
const WRITING: &str = ".writing-";
const TAKING: &str = ".taking-";

#[derive(Debug, Args)]
pub struct CleanArgs {
    #[command(flatten)]
    folders: FolderArgs,

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
    let experiments = args.folders.experiments()?;
    let rests = rests(&experiments, args);
    let total: u64 = rests.iter().map(|rest| rest.bytes).sum();
    let words = |count: usize, bytes_gone: u64| match count {
        1 => format!("1 file or folder, {}", bytes(bytes_gone)),
        count => format!("{count} files and folders, {}", bytes(bytes_gone)),
    };
    if args.dry_run || !args.yes {
        let line = |rest: &Rest| {
            let path = shown_folder(&rest.path);
            format!("{}  {}  ({})\n", path.display(), bytes(rest.bytes), rest.why.as_str())
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

fn rests(experiments: &[ExperimentFolder], args: &CleanArgs) -> Vec<Rest> {
    let mut rests = Vec::new();
    let mut places: BTreeSet<&Path> = BTreeSet::new();
    for experiment in experiments {
        trials(experiment, args, &mut rests);
        places.insert(&experiment.folder);
        places.extend(experiment.folder.parent());
        for entry in &experiment.entries {
            places.extend([entry.found.place.as_path(), entry.found.case()]);
        }
    }
    // In a trial's folder that goes, all goes.
    let going: HashSet<PathBuf> = rests.iter().map(|rest| rest.path.clone()).collect();
    for place in places.into_iter().filter(|place| !going.contains(*place)) {
        rests.extend(passing(place));
    }
    rests.sort_by(|a, b| a.path.cmp(&b.path));
    rests
}

/// What can go of the trials of an experiment.
fn trials(experiment: &ExperimentFolder, args: &CleanArgs, rests: &mut Vec<Rest>) {
    let folder = |path: &Path, why, of: Option<TrialDir>| Rest {
        path: path.to_owned(),
        bytes: bytes_in(path),
        why,
        of,
    };
    // A trial of the plan may have no other record than one that was moved aside.
    let used = experiment.in_current_rows();
    let unreadable = experiment.unreadable.iter().map(|(found, _)| found);
    let entries = experiment.entries.iter().enumerate();
    let unused = entries.clone().filter(|(index, _)| !used.contains(index));
    let unused = unused.map(|(_, entry)| &entry.found).chain(unreadable);
    for found in unused.filter(|found| found.is_aside()) {
        rests.push(folder(&found.place, Why::Aside, None));
    }
    for (_, entry) in entries.filter(|(_, entry)| !entry.found.is_aside()) {
        // The place, which a lock is beside, may have been given in another form.
        let dir = TrialDir::existing(entry.found.place.clone());
        if dir.seed().is_none() {
            // A folder that the user has made.
            continue;
        }
        let checkpoints = dir.path().join("checkpoints");
        match entry.state {
            State::Failed if args.failed => {
                rests.push(folder(&entry.found.place, Why::Failed, Some(dir)));
            }
            State::Done if args.checkpoints && checkpoints.is_dir() => {
                rests.push(folder(&checkpoints, Why::Checkpoints, Some(dir)));
            }
            State::Done
            | State::Diverged
            | State::Failed
            | State::Interrupted
            | State::Running
            | State::ToDo => {}
        }
    }
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
