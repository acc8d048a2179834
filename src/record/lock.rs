//! One process at a time per trial.

use std::fs::{File, TryLockError};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use super::TrialDir;

/// Keeps other processes from a trial for as long as it lives. The lock is on a file beside the
/// trial's folder, which may be moved meanwhile. The system lets go of the locks of a process that
/// dies, so that a file alone is no obstacle.
#[derive(Debug)]
pub struct TrialLock {
    path: PathBuf,
    _file: File,
}

impl TrialLock {
    /// Takes a trial for this process; `None` while another one, or another thread, has it.
    ///
    /// # Errors
    /// When the folder cannot be written to.
    pub fn take(dir: &TrialDir) -> Result<Option<Self>> {
        let path = dir.lock();
        loop {
            let open = || {
                std::fs::create_dir_all(path.parent().unwrap_or(Path::new(".")))?;
                File::options().create(true).append(true).open(&path)
            };
            let file = open().with_context(|| format!("cannot write `{}`", path.display()))?;
            match file.try_lock() {
                Ok(()) if is_at(&file, &path) => return Ok(Some(Self { path, _file: file })),
                // Whoever had it has removed the file since it was opened here: another process
                // may hold the next one.
                Ok(()) => {}
                Err(TryLockError::WouldBlock) => return Ok(None),
                Err(TryLockError::Error(error)) => {
                    return Err(error).with_context(|| format!("cannot lock `{}`", path.display()));
                }
            }
        }
    }

    /// Whether some process, or another thread of this one, has a trial.
    pub fn is_held(dir: &TrialDir) -> bool {
        // Shared, so that two who ask do not take each other for the holder.
        File::open(dir.lock())
            .is_ok_and(|file| matches!(file.try_lock_shared(), Err(TryLockError::WouldBlock)))
    }
}

impl Drop for TrialLock {
    fn drop(&mut self) {
        // While it is still locked: nobody can hold a file of that name but this process. Where
        // open files cannot be removed, or be told apart, it stays, and does no harm.
        if cfg!(unix) {
            let _ = std::fs::remove_file(&self.path);
        }
    }
}

/// Whether an open file is the one that its path leads to.
#[cfg(unix)]
fn is_at(file: &File, path: &Path) -> bool {
    use std::os::unix::fs::MetadataExt as _;
    let id = |metadata: std::fs::Metadata| (metadata.dev(), metadata.ino());
    match (file.metadata(), std::fs::metadata(path)) {
        (Ok(open), Ok(there)) => id(open) == id(there),
        (Ok(_) | Err(_), _) => false,
    }
}

#[cfg(not(unix))]
fn is_at(_: &File, _: &Path) -> bool {
    true
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    #[test]
    fn one_at_a_time_has_a_trial_however_many_take_it_and_let_go() {
        let folder = tempfile::tempdir().unwrap();
        let dir = TrialDir::new(folder.path(), "e", "v", 1);
        let (inside, taken) = (AtomicUsize::new(0), AtomicUsize::new(0));
        std::thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(|| {
                    while taken.load(Ordering::SeqCst) < 400 {
                        let Some(lock) = TrialLock::take(&dir).unwrap() else { continue };
                        assert_eq!(inside.fetch_add(1, Ordering::SeqCst), 0);
                        taken.fetch_add(1, Ordering::SeqCst);
                        assert!(TrialLock::is_held(&dir));
                        inside.fetch_sub(1, Ordering::SeqCst);
                        drop(lock);
                    }
                });
            }
        });
        assert!(!TrialLock::is_held(&dir));
        assert_eq!(dir.lock().exists(), !cfg!(unix), "nothing stays behind");
    }

    #[test]
    fn a_file_that_nobody_locks_is_no_obstacle() {
        let folder = tempfile::tempdir().unwrap();
        let dir = TrialDir::new(folder.path(), "e", "v", 1);
        std::fs::create_dir_all(dir.lock().parent().unwrap()).unwrap();
        std::fs::write(dir.lock(), "").unwrap();
        assert!(!TrialLock::is_held(&dir));
        assert!(TrialLock::take(&dir).unwrap().is_some());
    }
}
