//! The `checkpoints/` of a trial's folder: one file per epoch that is kept.

use std::path::{Path, PathBuf};

use anyhow::Result;

use super::write_atomically;

const PREFIX: &str = "epoch-";
const SUFFIX: &str = ".safetensors";

/// The checkpoints of one trial.
#[derive(Debug, Clone)]
pub struct Checkpoints {
    folder: PathBuf,
}

impl Checkpoints {
    pub(super) fn new(folder: PathBuf) -> Self {
        Self { folder }
    }

    /// The folder that they are in.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// The file of an epoch, whether it is there or not.
    pub fn of(&self, epoch: usize) -> PathBuf {
        self.folder.join(format!("{PREFIX}{epoch:05}{SUFFIX}"))
    }

    /// Epochs whose checkpoint is there, the latest first.
    pub fn epochs(&self) -> Vec<usize> {
        let entries = std::fs::read_dir(&self.folder).into_iter().flatten().flatten();
        let epoch = |entry: std::fs::DirEntry| {
            let name = entry.file_name().into_string().ok()?;
            name.strip_prefix(PREFIX)?.strip_suffix(SUFFIX)?.parse().ok()
        };
        let mut epochs: Vec<usize> = entries.filter_map(epoch).collect();
        epochs.sort_unstable_by(|a, b| b.cmp(a));
        epochs
    }

    /// Writes an epoch's checkpoint.
    ///
    /// # Errors
    /// When the disk is full or the folder is gone; those of other epochs are untouched.
    pub fn write(&self, epoch: usize, content: &[u8]) -> Result<()> {
        write_atomically(&self.of(epoch), content)
    }

    /// Removes those that are not to be kept. One that cannot be removed does no harm.
    pub fn prune(&self, keep: impl Fn(usize) -> bool) {
        for epoch in self.epochs().into_iter().filter(|epoch| !keep(*epoch)) {
            let _ = std::fs::remove_file(self.of(epoch));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn epochs_are_listed_latest_first_and_other_files_left_alone() {
        let folder = tempfile::tempdir().unwrap();
        let checkpoints = Checkpoints::new(folder.path().join("checkpoints"));
        assert_eq!(checkpoints.epochs(), Vec::<usize>::new());
        for epoch in [9, 10, 100_000] {
            checkpoints.write(epoch, b"content").unwrap();
        }
        std::fs::write(checkpoints.folder().join("epoch-x.safetensors"), "").unwrap();
        assert_eq!(checkpoints.epochs(), [100_000, 10, 9]);
        checkpoints.prune(|epoch| epoch == 10);
        assert_eq!(checkpoints.epochs(), [10]);
        assert_eq!(std::fs::read_dir(checkpoints.folder()).unwrap().count(), 2);
    }
}
