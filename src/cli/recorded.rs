//! What verbs that look at recorded results share: finding them, and where their output goes.

use std::path::{Path, PathBuf};

use anyhow::{Result, bail};

use crate::analysis::{ExperimentResults, read_folders};

/// What was named holds nothing to show.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct NothingToShow(pub String);

/// The experiments recorded in folders, each with its folder.
///
/// # Errors
/// [`NothingToShow`] where there is no trial, or where a folder cannot be read.
pub fn recorded(folders: &[PathBuf]) -> Result<Vec<(PathBuf, ExperimentResults)>> {
    for folder in folders {
        if !folder.is_dir() {
            bail!(NothingToShow(format!(
                "`{}` is not a folder: name one that `bn-runner run` wrote, as in `results/batch_norm`",
                folder.display()
            )));
        }
    }
    let found = read_folders(folders)?;
    for why in &found.left_out {
        eprintln!("warning: {why}");
    }
    if found.experiments.is_empty() {
        let names: Vec<String> =
            folders.iter().map(|folder| format!("`{}`", folder.display())).collect();
        bail!(NothingToShow(format!(
            "no recorded trial in {}: name a folder that `bn-runner run` wrote",
            names.join(", ")
        )));
    }
    Ok(found.experiments)
}

/// The deepest folder that all are in; of one, the folder itself.
pub fn common_folder(folders: &[&Path]) -> PathBuf {
    let Some((first, rest)) = folders.split_first() else { return PathBuf::from(".") };
    let mut common: &Path = first;
    while let Some(parent) = common.parent()
        && !rest.iter().all(|folder| folder.starts_with(common))
    {
        common = parent;
    }
    common.to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn several_folders_have_the_deepest_common_one() {
        let common = |list: &[&str]| common_folder(&list.iter().map(Path::new).collect::<Vec<_>>());
        assert_eq!(common(&["/a/b"]), Path::new("/a/b"));
        assert_eq!(common(&["/a/b", "/a/c"]), Path::new("/a"));
        assert_eq!(common(&["/a/b", "/a/bc"]), Path::new("/a"));
        assert_eq!(common(&["/a", "/b"]), Path::new("/"));
    }
}
