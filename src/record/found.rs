//! The folders of trials in folders of results.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};

use super::{Manifest, Nothing, Status, TrialDir, TrialLock, plan_file};
use crate::spec::{PREVIOUS, SEED_PREFIX};

/// Levels below a results folder: experiments, cases, seeds.
const LEVELS: usize = 3;

/// Levels below the folder of an experiment: cases, seeds.
const TRIAL_LEVELS: usize = 2;

/// How far a trial is, as its manifest and its lock tell.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum State {
    /// Trained to its end.
    Done,
    /// Ended because its loss became NaN or infinite.
    Diverged,
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
            Self::Diverged => "diverged",
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
            Status::Diverged => State::Diverged,
            Status::Failed => State::Failed,
            Status::Running if TrialLock::is_held(self) => State::Running,
            // The process that trained it ended without recording how.
            Status::Running | Status::Interrupted => State::Interrupted,
        }
    }

    /// The manifest.
    ///
    /// # Errors
    /// When it cannot be read; the message names the file.
    pub fn load_manifest(&self) -> Result<Manifest> {
        let path = self.manifest();
        let text =
            std::fs::read(&path).with_context(|| format!("cannot read `{}`", path.display()))?;
        serde_json::from_slice(&text)
            .with_context(|| format!("`{}` is not a manifest of this version", path.display()))
    }

    /// The seed in the folder's name; `None` for one that was moved aside.
    pub fn seed(&self) -> Option<u64> {
        let name = self.path().file_name()?.to_str()?;
        let digits = name.strip_prefix(SEED_PREFIX)?;
        // `+1` and `01` are numbers, too, but no names of folders.
        let seed: u64 = digits.parse().ok()?;
        (seed.to_string() == digits).then_some(seed)
    }
}

/// A folder with a trial in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FoundTrial {
    /// The folder, by the path that it was looked for.
    pub dir: TrialDir,
    /// Its canonical path.
    pub place: PathBuf,
}

impl FoundTrial {
    /// Whether it is in the `previous/` of its case, where `run` puts what it trains again.
    pub fn is_aside(&self) -> bool {
        let parent = self.place.parent().and_then(Path::file_name);
        parent.is_some_and(|name| name == PREVIOUS) && is_moved_aside(self.name())
    }

    /// The folder's name.
    pub fn name(&self) -> &str {
        self.place.file_name().and_then(|name| name.to_str()).unwrap_or_default()
    }

    /// The folder of its case.
    pub fn case(&self) -> &Path {
        let levels = if self.is_aside() { 2 } else { 1 };
        self.place.ancestors().nth(levels).unwrap_or(&self.place)
    }

    /// The folder of its experiment.
    pub fn experiment(&self) -> &Path {
        self.case().parent().unwrap_or(self.case())
    }

    /// The label of its case, by the folder's name.
    pub fn label(&self) -> String {
        self.case().file_name().unwrap_or_default().to_string_lossy().into_owned()
    }
}

/// Whether a folder is called as `run` calls what it moves aside: `seed-1-20260101T000000Z`.
fn is_moved_aside(name: &str) -> bool {
    let seed_and_time = name.strip_prefix(SEED_PREFIX).and_then(|rest| rest.split_once('-'));
    seed_and_time.is_some_and(|(seed, _)| seed.parse::<u64>().is_ok())
}

/// What there is in and below folders of results, of experiments, of cases or of trials.
#[derive(Debug, Default)]
pub struct Found {
    /// Folders of trials, by their places.
    pub trials: Vec<FoundTrial>,
    /// Folders of experiments that have a plan, by their canonical paths.
    pub planned: BTreeSet<PathBuf>,
    /// The folders that were looked into, by their canonical paths.
    pub roots: Vec<PathBuf>,
}

impl Found {
    /// Looks into folders. Links inside them are not followed, and each folder counts once, however
    /// often it is reached.
    ///
    /// # Errors
    /// [`Nothing::NoFolder`] where one of them is not there. What cannot be read below it is left
    /// out.
    pub fn below(folders: &[impl AsRef<Path>]) -> Result<Self, Nothing> {
        let mut found = Self::default();
        for folder in folders {
            let folder = folder.as_ref();
            let root = folder.canonicalize().ok().filter(|root| root.is_dir());
            let root = root.ok_or_else(|| Nothing::NoFolder(folder.to_owned()))?;
            found.visit(folder.to_owned(), root.clone(), LEVELS);
            found.roots.push(root);
        }
        found.trials.sort_by(|a, b| a.place.cmp(&b.place));
        found.trials.dedup_by(|a, b| a.place == b.place);
        Ok(found)
    }

    fn visit(&mut self, path: PathBuf, place: PathBuf, levels: usize) {
        let dir = TrialDir::existing(path);
        if dir.manifest().is_file() {
            self.trials.push(FoundTrial { dir, place });
            return;
        }
        // Deeper down, the trials of an experiment are not looked for.
        if levels >= TRIAL_LEVELS && plan_file(&place).is_file() {
            self.planned.insert(place.clone());
        }
        // The trials in `previous/` are one level further down.
        let is_previous = place.file_name().is_some_and(|name| name == PREVIOUS);
        if levels == 0 && !is_previous {
            return;
        }
        let entries = std::fs::read_dir(&place).into_iter().flatten().flatten();
        for entry in entries {
            let name = entry.file_name();
            let is_folder = entry.file_type().is_ok_and(|kind| kind.is_dir());
            if is_folder && !name.to_string_lossy().starts_with('.') {
                let levels = levels.saturating_sub(1);
                self.visit(dir.path().join(&name), place.join(&name), levels);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A folder with trials at the given paths.
    fn folder(trials: &[&str]) -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        for trial in trials {
            let path = folder.path().join(trial);
            std::fs::create_dir_all(&path).unwrap();
            std::fs::write(path.join("manifest.json"), "{}").unwrap();
        }
        folder
    }

    /// The paths of what is found below some folders, with a mark at those that were moved aside.
    fn names(folder: &Path, below: &[&str]) -> Vec<String> {
        let below: Vec<PathBuf> = below.iter().map(|path| folder.join(path)).collect();
        let root = folder.canonicalize().unwrap();
        let name = |trial: &FoundTrial| {
            let name = trial.place.strip_prefix(&root).unwrap().display().to_string();
            if trial.is_aside() { format!("{name} (aside)") } else { name }
        };
        Found::below(&below).unwrap().trials.iter().map(name).collect()
    }

    #[test]
    fn trials_are_found_from_every_level_and_each_once() {
        let folder = folder(&[
            "e/v/seed-10",
            "e/v/seed-2",
            "e/v/seed-2.bak",
            "e/v/previous/seed-2-20260101T000000Z",
            "e/seed-1/seed-3",
            "e/v/seed-2/folded",
            "f/previous/seed-1",
            "f/previous/previous/seed-1-20260101T000000Z",
            "previous/v/seed-1",
            "previous/v/previous/seed-1-20260101T000000Z-2",
        ]);
        std::fs::create_dir_all(folder.path().join("e/v/seed-4")).unwrap();
        let of_case = [
            "e/v/previous/seed-2-20260101T000000Z (aside)",
            "e/v/seed-10",
            "e/v/seed-2",
            "e/v/seed-2.bak",
        ];
        let below = |path: &[&str]| names(folder.path(), path);
        assert_eq!(below(&["e/v"]), of_case);
        assert_eq!(below(&["e/v/seed-2", "e/v", "e/v/previous"]), of_case);
        assert_eq!(below(&["e/v/seed-2"]), ["e/v/seed-2"]);
        let all = below(&[""]);
        assert_eq!(all[0], "e/seed-1/seed-3");
        assert_eq!(all[1..5], of_case);
        assert_eq!(
            all[5..],
            [
                "f/previous/previous/seed-1-20260101T000000Z (aside)",
                "f/previous/seed-1",
                "previous/v/previous/seed-1-20260101T000000Z-2 (aside)",
                "previous/v/seed-1",
            ],
            "version 0.1 lets variants and experiments be called `previous`"
        );
        let missing = Found::below(&[folder.path().join("g")]);
        assert!(matches!(missing, Err(Nothing::NoFolder(_))));
    }

    #[cfg(unix)]
    #[test]
    fn links_inside_a_folder_are_not_followed_and_a_folder_may_be_a_link_itself() {
        use std::os::unix::fs::symlink;

        let folder = folder(&["results/e/v/seed-1"]);
        let path = |name: &str| folder.path().join(name);
        symlink("e", path("results/latest")).unwrap();
        symlink("seed-1", path("results/e/v/best")).unwrap();
        symlink("results", path("link")).unwrap();
        let trial = ["results/e/v/seed-1"];
        for below in [&["results"][..], &["link"], &["results/latest"], &["results/e/v/best"]] {
            assert_eq!(names(folder.path(), below), trial, "{below:?}");
        }
        assert_eq!(names(folder.path(), &["link", "results", "results/latest"]), trial);
    }
}
