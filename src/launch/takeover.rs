//! Takes over the results of a trial that were recorded under another name.

use std::fs::File;
use std::io::Write as _;
use std::path::Path;

use anyhow::{Context, Result};

use super::recorder::move_aside;
use crate::plan::Trial;
use crate::record::{Manifest, Move, TrialDir, correct_configs, now, write_atomically};

/// Puts the finished results in `from` into a trial's own folder, with its own names in them. They
/// are copied, and stay where they are; those that were once moved aside from this very folder are
/// moved back. What the folder holds is moved aside. The caller has the trial's lock.
///
/// # Errors
/// When something cannot be read or written. The trial's folder is then as it was.
pub fn take_over(trial: &Trial, from: &TrialDir) -> Result<()> {
    let dir = &trial.dir;
    let seed = dir.path().file_name().unwrap_or_default().to_string_lossy().into_owned();
    if is_own(dir, from, &seed) {
        move_aside(dir.path())?;
        rename(from.path(), dir.path())?;
        correct_configs(dir.path(), Move::Up)?;
        return sign(trial, dir, None);
    }
    // Under the trial's lock, one that is there already is of a process that was killed.
    let copy = dir.path().with_file_name(format!(".taking-{seed}"));
    if copy.exists() {
        std::fs::remove_dir_all(&copy)
            .with_context(|| format!("cannot remove `{}`", copy.display()))?;
    }
    let made = copy_folder(from.path(), &copy)
        .with_context(|| format!("cannot copy `{}`", from.path().display()))
        .and_then(|()| sign(trial, &TrialDir::existing(copy.clone()), Some(from)))
        .and_then(|()| move_aside(dir.path()))
        .and_then(|()| rename(&copy, dir.path()));
    if made.is_err() {
        let _ = std::fs::remove_dir_all(&copy);
    }
    made
}

/// Whether results were moved aside from a trial's own folder.
fn is_own(dir: &TrialDir, from: &TrialDir, seed: &str) -> bool {
    let case = |path: &Path, levels| path.ancestors().nth(levels).map(Path::to_owned);
    let name = from.path().file_name().unwrap_or_default().to_string_lossy();
    case(from.path(), 2) == case(dir.path(), 1)
        && from.path().parent().is_some_and(|parent| parent.ends_with(crate::spec::PREVIOUS))
        && name.strip_prefix(seed).is_some_and(|time| time.starts_with('-'))
}

fn rename(from: &Path, to: &Path) -> Result<()> {
    std::fs::rename(from, to)
        .with_context(|| format!("cannot move `{}` to `{}`", from.display(), to.display()))
}

/// Puts a trial's names into a folder of its results.
fn sign(trial: &Trial, dir: &TrialDir, from: Option<&TrialDir>) -> Result<()> {
    write_atomically(&dir.config(), trial.config()?.as_bytes())?;
    // By way of YAML, which JSON is part of: serde_json reads the last of 17 digits only nearly, and
    // the record must not change.
    let text = std::fs::read(dir.manifest())?;
    let mut manifest: Manifest = serde_yaml::from_slice(&text)?;
    let case = trial.case();
    manifest.experiment.clone_from(&trial.experiment.name);
    manifest.variant.clone_from(&case.variant);
    manifest.grid.clone_from(&case.grid);
    manifest.case_hash = Some(trial.case_hash.clone());
    let place = match from {
        Some(from) => {
            let from = from.path().to_string_lossy().into_owned();
            manifest.taken_over_from = Some(from.clone());
            from
        }
        None => "`previous/`".to_owned(),
    };
    dir.write_manifest(&manifest)?;
    // The log is a convenience.
    if let Ok(mut log) = File::options().append(true).open(dir.log()) {
        let _ = writeln!(log, "{} taken over from {place}", now());
    }
    Ok(())
}

/// Copies a folder with all that is in it. Weights are only ever replaced as whole files: a second
/// name for them is as good as a copy, where the file system knows such.
fn copy_folder(from: &Path, to: &Path) -> std::io::Result<()> {
    std::fs::create_dir(to)?;
    for entry in std::fs::read_dir(from)? {
        let entry = entry?;
        let (path, target) = (entry.path(), to.join(entry.file_name()));
        if entry.file_type()?.is_dir() {
            copy_folder(&path, &target)?;
            continue;
        }
        let weights = path.extension().is_some_and(|extension| extension == "safetensors");
        if !weights || std::fs::hard_link(&path, &target).is_err() {
            std::fs::copy(&path, &target)?;
            // The manifest must not outlive what it speaks of.
            File::open(&target)?.sync_all()?;
        }
    }
    Ok(())
}
