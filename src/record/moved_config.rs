//! Relative paths in the recorded configs of a trial, kept right when its folder moves.

use std::path::{Component, Path};

use anyhow::Result;
use serde_yaml::Value;

use super::{TrialDir, write_atomically};

/// Where a trial's folder was moved.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Move {
    /// One level down, into `previous/`.
    Down,
    /// One level up, out of `previous/`.
    Up,
}

/// Corrects the configs of a trial, and of its folded network, after the trial's folder was moved.
/// Paths to files inside the trial's folder, absolute ones and those that begin with `~` stay as
/// they are. A config that cannot be read stays as it is, too.
///
/// # Errors
/// When a config cannot be written.
pub fn correct_configs(folder: &Path, moved: Move) -> Result<()> {
    let trial = TrialDir::existing(folder.to_owned());
    for (depth, config) in [(0, trial.config()), (1, trial.folded().config())] {
        let Some(text) = std::fs::read_to_string(&config).ok() else { continue };
        if let Some(corrected) = corrected(&text, depth, moved) {
            write_atomically(&config, corrected.as_bytes())?;
        }
    }
    Ok(())
}

/// The text of a config `depth` levels below the folder that was moved; `None` if it stays as it is.
fn corrected(text: &str, depth: usize, moved: Move) -> Option<String> {
    let mut config: Value = serde_yaml::from_str(text).ok()?;
    let before = config.clone();
    for (part, key) in [("dataset", "idx"), ("model", "initial_weights")] {
        if let Some(value) = config.get_mut(part).and_then(|part| part.get_mut(key)) {
            correct(value, depth, moved);
        }
        let in_grid = config.get_mut("grid").and_then(|grid| grid.get_mut(format!("{part}.{key}")));
        if let Some(Value::Sequence(values)) = in_grid {
            for value in values {
                correct(value, depth, moved);
            }
        }
    }
    if config == before {
        return None;
    }
    let comments = text.lines().take_while(|line| line.starts_with('#'));
    let comments: String = comments.flat_map(|line| [line, "\n"]).collect();
    Some(comments + &serde_yaml::to_string(&config).ok()?)
}

/// Adds or removes `..` in a path that leads out of the folder that was moved.
fn correct(value: &mut Value, depth: usize, moved: Move) {
    let Value::String(path) = value else { return };
    let parts = Path::new(path.as_str()).components();
    let up = parts.take_while(|part| *part == Component::ParentDir).count();
    match moved {
        Move::Down if up > depth => path.insert_str(0, "../"),
        Move::Up if up > depth + 1 => {
            if let Some(rest) = path.strip_prefix("../") {
                *path = rest.to_owned();
            }
        }
        Move::Down | Move::Up => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_that_lead_out_of_the_folder_get_one_level_more() {
        let config = "# One trial.\nname: a\ndataset:\n  idx: ../../../../data\n  validation: 40\n\
                      model:\n  initial_weights: folded.safetensors\ntraining:\n  rate: 1e-6\n\
                      grid:\n  dataset.idx:\n  - ../../../../data\n";
        let expected = config.replace("../../../../data", "../../../../../data");
        assert_eq!(corrected(config, 0, Move::Down), Some(expected.clone()));
        assert_eq!(corrected(&expected, 0, Move::Up), Some(config.to_owned()));
        let absolute = config.replace("../../../../data", "/data");
        assert_eq!(corrected(&absolute, 0, Move::Down), None);
        let inside = config.replace("../../../../data", "../data");
        assert_eq!(corrected(&inside, 1, Move::Down), None);
        assert_eq!(corrected(&inside, 0, Move::Up), None);
        assert!(corrected(&inside, 0, Move::Down).is_some());
    }
}
