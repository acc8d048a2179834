//! Trials in folders of results, of whichever command.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use super::{Manifest, Status, TrialDir, TrialLock};

/// Levels below a results folder: experiments, cases, seeds.
const LEVELS: usize = 3;

/// How far a trial is, as its manifest and its lock tell.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum State {
    /// Trained to its end.
    Done,
    /// Ended by an error.
    Failed,
    /// Ended by the user, or cut off.
    Interrupted,
    /// A process is at work on it.
    Running,
    /// Not begun.
    ToDo,
}

impl State {
    /// The word for it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Done => "done",
            Self::Failed => "failed",
            Self::Interrupted => "interrupted",
            Self::Running => "running",
            Self::ToDo => "to do",
        }
    }
}

impl TrialDir {
    /// How far the trial of this manifest is.
    pub fn state(&self, manifest: &Manifest) -> State {
        match manifest.status {
            Status::Completed => State::Done,
            Status::Failed => State::Failed,
            Status::Running if TrialLock::is_held(self) => State::Running,
            // Whoever was at work on it came to an end that could not be written down.
            Status::Running | Status::Interrupted => State::Interrupted,
        }
    }

    /// The folder of its experiment, two above.
    pub fn experiment(&self) -> &Path {
        self.path().parent().and_then(Path::parent).unwrap_or(Path::new("."))
    }

    /// The seed in the folder's name; `None` for one that was moved aside.
    pub fn seed(&self) -> Option<u64> {
        let name = self.path().file_name()?.to_str()?;
        let digits = name.strip_prefix("seed-")?;
        // `+1` and `01` are numbers, too, but no names of folders.
        let seed: u64 = digits.parse().ok()?;
        (seed.to_string() == digits).then_some(seed)
    }
}

/// What there is in and below a folder of results, of an experiment, of a case or of a trial.
#[derive(Debug, Default)]
pub struct Found {
    /// Folders of trials, by experiment, case and seed.
    pub trials: Vec<TrialDir>,
    /// Those in `previous/`, moved aside for others.
    pub previous: Vec<TrialDir>,
    /// Folders of experiments, begun or not.
    pub experiments: Vec<PathBuf>,
}

impl Found {
    /// Looks into a folder.
    ///
    /// # Errors
    /// When it cannot be read. What cannot be read below it is passed over.
    pub fn below(folder: &Path) -> Result<Self> {
        let mut found = Self::default();
        let given = TrialDir::existing(folder.to_owned());
        if given.manifest().is_file() {
            found.trials.push(given);
            return Ok(found);
        }
        std::fs::read_dir(folder)
            .with_context(|| format!("cannot read the folder `{}`", folder.display()))?;
        found.visit(folder, LEVELS);
        let key = |dir: &TrialDir| (dir.path().parent().map(Path::to_owned), dir.seed());
        found.trials.sort_by_cached_key(key);
        found.previous.sort_by(|a, b| a.path().cmp(b.path()));
        found.experiments.sort();
        Ok(found)
    }

    fn visit(&mut self, folder: &Path, levels: usize) {
        if super::plan_file(folder).is_file() {
            self.experiments.push(folder.to_owned());
        }
        for (name, path) in folders(folder) {
            let dir = TrialDir::existing(path);
            let is_trial = |dir: &TrialDir| dir.manifest().is_file();
            if dir.seed().is_some() && is_trial(&dir) {
                self.trials.push(dir);
            } else if name == "previous" {
                let aside = folders(dir.path()).into_iter().map(|(_, path)| path);
                let aside = aside.map(TrialDir::existing);
                // A variant may be called so, too.
                let (here, aside): (Vec<_>, Vec<_>) =
                    aside.filter(is_trial).partition(|dir| dir.seed().is_some());
                self.trials.extend(here);
                self.previous.extend(aside);
            } else if levels > 1 {
                self.visit(dir.path(), levels - 1);
            }
        }
    }
}

/// Folders in a folder, but for hidden ones.
fn folders(folder: &Path) -> Vec<(String, PathBuf)> {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    let folder = |entry: std::fs::DirEntry| {
        let name = entry.file_name().to_string_lossy().into_owned();
        let kind = entry.file_type().ok()?;
        let is_folder = kind.is_dir() || (kind.is_symlink() && entry.path().is_dir());
        (is_folder && !name.starts_with('.')).then(|| (name, entry.path()))
    };
    entries.filter_map(folder).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn trials_are_found_from_every_level_and_those_moved_aside_apart() {
        let folder = tempfile::tempdir().unwrap();
        let trial = |path: &str| {
            let path = folder.path().join(path);
            std::fs::create_dir_all(&path).unwrap();
            std::fs::write(path.join("manifest.json"), "{}").unwrap();
        };
        trial("e/v/seed-10");
        trial("e/v/seed-2");
        trial("e/v/previous/seed-2-20260101T000000Z");
        trial("e/seed-1/seed-3");
        trial("f/previous/seed-1");
        trial("e/v/seed-2/folded");
        std::fs::create_dir_all(folder.path().join("e/v/seed-4")).unwrap();
        let names = |found: &[TrialDir]| -> Vec<String> {
            let name = |dir: &TrialDir| {
                dir.path().strip_prefix(folder.path()).unwrap().display().to_string()
            };
            found.iter().map(name).collect()
        };
        let below = |path: &str| Found::below(&folder.path().join(path)).unwrap();
        let found = below("");
        assert_eq!(
            names(&found.trials),
            ["e/seed-1/seed-3", "e/v/seed-2", "e/v/seed-10", "f/previous/seed-1"]
        );
        assert_eq!(names(&found.previous), ["e/v/previous/seed-2-20260101T000000Z"]);
        assert_eq!(names(&below("e").trials), ["e/seed-1/seed-3", "e/v/seed-2", "e/v/seed-10"]);
        assert_eq!(names(&below("e/v").trials), ["e/v/seed-2", "e/v/seed-10"]);
        assert_eq!(names(&below("e/v/seed-2").trials), ["e/v/seed-2"]);
        assert!(Found::below(&folder.path().join("g")).is_err());
    }
}
