//! Options that say where the files are that an experiment file names.

use std::collections::HashSet;
use std::path::PathBuf;

use clap::Args;
use clap::builder::{OsStringValueParser, TypedValueParser};

use crate::spec::{Case, Experiment, NoHome, Problem, UserPath, expand_home};

/// Where files are that are not, or no longer, where the experiment files say.
#[derive(Debug, Default, Args)]
pub struct MovedArgs {
    /// Folder with the data set, in place of the one that `dataset.idx` names.
    #[arg(long, value_name = "FOLDER", value_parser = user_path())]
    pub idx: Option<UserPath>,

    /// File with the initial weights, in place of the one that `model.initial_weights` names.
    #[arg(long, value_name = "FILE", value_parser = user_path())]
    pub initial_weights: Option<UserPath>,
}

/// Reads a path; `~` at its beginning is replaced where the shell has not done so, as in `--idx=~/x`.
pub fn user_path() -> impl TypedValueParser<Value = UserPath> {
    OsStringValueParser::new().try_map(|argument| UserPath::from_argument(argument).map_err(words))
}

/// As [`user_path`], for a path that is only read.
pub fn path() -> impl TypedValueParser<Value = PathBuf> {
    OsStringValueParser::new()
        .try_map(|argument| expand_home(&PathBuf::from(argument)).map_err(words))
}

fn words(problem: NoHome) -> String {
    format!("{problem}; {}", problem.remedy())
}

impl MovedArgs {
    /// Puts the paths into every case of a file. Returns why that makes no sense, where it makes
    /// none.
    pub fn apply(&self, experiment: &mut Experiment) -> Vec<Problem> {
        let mut problems = Vec::new();
        if let Some(folder) = &self.idx {
            let place: Place = |case| case.setup.dataset.idx.as_mut();
            problems.extend(replace(experiment, place, folder, ["--idx", "dataset.idx"]));
        }
        if let Some(file) = &self.initial_weights {
            let place: Place = |case| case.setup.model.initial_weights.as_mut();
            let names = ["--initial-weights", "model.initial_weights"];
            problems.extend(replace(experiment, place, file, names));
        }
        problems
    }
}

/// Where a path is in a case.
type Place = fn(&mut Case) -> Option<&mut UserPath>;

/// Replaces one path in every case that has it.
fn replace(
    experiment: &mut Experiment,
    place: Place,
    new: &UserPath,
    [option, key]: [&str; 2],
) -> Option<Problem> {
    let paths = experiment.cases.iter_mut().filter_map(place);
    let before: HashSet<UserPath> =
        paths.map(|path| std::mem::replace(path, new.clone())).collect();
    let (message, help) = match before.len() {
        // With mistakes in the file, there may be no case.
        _ if experiment.cases.is_empty() => return None,
        1 => return None,
        0 => (format!("`{option}`: the file has no `{key}`"), format!("leave `{option}` out")),
        count => (
            format!("`{option}`: the cases of the file name {count} different paths as `{key}`"),
            "change the paths in the file: one option cannot replace all of them".to_owned(),
        ),
    };
    Some(Problem::new(None, message, help))
}
