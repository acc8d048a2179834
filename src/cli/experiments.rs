//! Experiment files from the command line: read, checked and laid out, all mistakes told at once.

use std::collections::HashMap;
use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;

use anyhow::Result;

use crate::data;
use crate::lint::{Lint, lint};
use crate::model::{Placed, place};
use crate::spec::{Case, Experiment, Overrides, Part, Path, Problem, Problems, load, suggest};

/// A checked experiment with the layers of each of its cases.
#[derive(Debug)]
pub struct Prepared {
    /// The file.
    pub experiment: Arc<Experiment>,
    /// Per case, its placed layers.
    pub placed: Vec<Vec<Placed>>,
    /// What runs but seldom does what was meant.
    pub warnings: Problems,
}

/// The mistakes of all files.
#[derive(Debug)]
pub struct Mistakes(pub Vec<Problems>);

impl Mistakes {
    /// The report that people read.
    pub fn render(&self, colour: bool) -> String {
        let frames: Vec<String> = self.0.iter().map(|file| file.render(colour)).collect();
        format!("{}\n\n{}; nothing was trained", frames.join("\n\n"), count(&self.0, "mistake"))
    }
}

/// `1 mistake`, `3 mistakes`.
pub fn count(files: &[Problems], noun: &str) -> String {
    match files.iter().map(|file| file.list().len()).sum() {
        1 => format!("1 {noun}"),
        count => format!("{count} {noun}s"),
    }
}

impl fmt::Display for Mistakes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.render(false))
    }
}

impl std::error::Error for Mistakes {}

/// Reads all files and places all layers.
///
/// # Errors
/// [`Mistakes`] with every mistake of every file, or a data error where a folder's shape cannot
/// be read.
pub fn prepare(files: &[PathBuf], overrides: &Overrides) -> Result<Vec<Prepared>> {
    let mut mistakes = Vec::new();
    let mut data_error = None;
    let mut prepared: Vec<Prepared> = Vec::new();
    let mut names: HashMap<String, PathBuf> = HashMap::new();
    for file in files {
        let experiment = match load(file, overrides) {
            Ok(experiment) => experiment,
            Err(problems) => {
                mistakes.push(problems);
                continue;
            }
        };
        let mut problems = Vec::new();
        if let Some(first) = names.insert(experiment.name.clone(), file.clone()) {
            problems.push(Problem::new(
                Some(experiment.source.span(&Path::default().key("name"), Part::Value)),
                format!(
                    "experiment `{}` is in `{}`, too: both would write the same folder",
                    experiment.name,
                    first.display()
                ),
                "give one of them another `name:`",
            ));
        }
        let mut placed = Vec::new();
        for case in &experiment.cases {
            match place_case(&experiment, case) {
                Ok(Ok(layers)) => placed.push(layers),
                Ok(Err(list)) => problems.extend(list),
                // What is wrong in the files is told first: it needs no data to be put right.
                Err(error) => {
                    data_error.get_or_insert(error);
                }
            }
        }
        let warnings = warnings(&experiment, &mut problems);
        if problems.is_empty() {
            prepared.push(Prepared { experiment: Arc::new(experiment), placed, warnings });
        } else {
            mistakes.push(Problems::new(experiment.source, problems));
        }
    }
    match data_error {
        _ if !mistakes.is_empty() => Err(Mistakes(mistakes).into()),
        Some(error) => Err(error),
        None => Ok(prepared),
    }
}

/// Warnings about all cases, but for those that the file allows. A code in `lints:` that is none
/// is a mistake.
fn warnings(experiment: &Experiment, problems: &mut Vec<Problem>) -> Problems {
    let codes = Lint::ALL.map(Lint::code);
    let allow = Path::default().key("lints").key("allow");
    for (i, code) in experiment.allowed_lints.iter().enumerate() {
        if !codes.contains(&code.as_str()) {
            let span = experiment.source.span(&allow.index(i), Part::Value);
            let message = format!("no warning has the code `{code}`");
            problems.push(Problem::new(Some(span), message, suggest(code, &codes)));
        }
    }
    let mut list = Vec::new();
    for case in &experiment.cases {
        let rows = data::training_rows(&case.setup.dataset);
        for (lint, finding) in lint(&case.setup, rows) {
            if !experiment.allowed_lints.iter().any(|code| code == lint.code()) {
                let problem = case.problem(&experiment.source, finding);
                list.push(Problem { warning: Some(lint.code()), ..problem });
            }
        }
    }
    Problems::new(experiment.source.clone(), list)
}

fn place_case(
    experiment: &Experiment,
    case: &Case,
) -> Result<std::result::Result<Vec<Placed>, Vec<Problem>>> {
    let shape = data::shape(&case.setup.dataset)?;
    let placed = place(&case.setup.model, [shape.height, shape.width, 1], shape.classes);
    Ok(placed.map_err(|findings| {
        let problem = |finding| case.problem(&experiment.source, finding);
        findings.into_iter().map(problem).collect()
    }))
}
