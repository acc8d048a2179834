//! Experiment files from the command line: read, checked and laid out, all mistakes told at once.

use std::collections::HashMap;
use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;

use anyhow::Result;

use crate::data;
use crate::model::{InitialWeights, Placed, Unfit, place};
use crate::spec::{Case, Experiment, Finding, Overrides, Part, Path, Problem, Problems, load};

/// A checked experiment with the layers of each of its cases.
#[derive(Debug)]
pub struct Prepared {
    /// The file.
    pub experiment: Arc<Experiment>,
    /// Per case, its placed layers.
    pub placed: Vec<Vec<Placed>>,
    /// Per case, the weights it begins with, where the file gives some.
    pub initial: Vec<Option<Arc<InitialWeights>>>,
}

/// The mistakes of all files.
#[derive(Debug)]
pub struct Mistakes(pub Vec<Problems>);

impl Mistakes {
    /// The report that people read.
    pub fn render(&self, colour: bool) -> String {
        let frames: Vec<String> = self.0.iter().map(|file| file.render(colour)).collect();
        let count: usize = self.0.iter().map(|file| file.list().len()).sum();
        let noun = if count == 1 { "mistake" } else { "mistakes" };
        format!("{}\n\n{count} {noun}; nothing was trained", frames.join("\n\n"))
    }
}

impl fmt::Display for Mistakes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.render(false))
    }
}

impl std::error::Error for Mistakes {}

/// Reads all files and their initial weights, and places all layers.
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
            problems.push(Problem {
                span: Some(experiment.source.span(&Path::default().key("name"), Part::Value)),
                message: format!(
                    "experiment `{}` is in `{}`, too: both would write the same folder",
                    experiment.name,
                    first.display()
                ),
                help: "give one of them another `name:`".to_owned(),
            });
        }
        let mut placed: Vec<Vec<Placed>> = Vec::new();
        let mut initial: Vec<Option<Arc<InitialWeights>>> = Vec::new();
        for case in &experiment.cases {
            match place_case(&experiment, case) {
                Ok(Ok(layers)) => {
                    let before = experiment.cases.iter().zip(&placed).zip(&initial);
                    match initial_weights(case, &layers, before) {
                        Ok(weights) => initial.push(weights),
                        Err(finding) => {
                            initial.push(None);
                            problems.push(case.problem(&experiment.source, finding));
                        }
                    }
                    placed.push(layers);
                }
                Ok(Err(list)) => problems.extend(list),
                // What is wrong in the files is told first: it needs no data to be put right.
                Err(error) => {
                    data_error.get_or_insert(error);
                }
            }
        }
        if problems.is_empty() {
            prepared.push(Prepared { experiment: Arc::new(experiment), placed, initial });
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

/// The weights that a case begins with. Cases alike share them: a grid can have very many.
fn initial_weights<'a>(
    case: &Case,
    placed: &[Placed],
    before: impl Iterator<Item = ((&'a Case, &'a Vec<Placed>), &'a Option<Arc<InitialWeights>>)>,
) -> Result<Option<Arc<InitialWeights>>, Finding> {
    let Some(path) = &case.setup.model.initial_weights else { return Ok(None) };
    for ((other, other_placed), weights) in before {
        if other.setup.model.initial_weights.as_ref() == Some(path) && *other_placed == placed {
            return Ok(weights.clone());
        }
    }
    let weights = InitialWeights::read(path, placed).map_err(|Unfit(reasons)| {
        Finding::new(
            Path::default().key("model").key("initial_weights"),
            format!(
                "`{}` has not the weights of this network:\n  {}",
                path.display(),
                reasons.join("\n  ")
            ),
            "give a file that holds this network's variables and no others; \
             `bn-runner summary --variables` lists them",
        )
    })?;
    Ok(Some(Arc::new(weights)))
}

/// Places the layers of one case. What does not fit is a mistake in the file.
///
/// # Errors
/// Where the shape of the data cannot be found out.
pub fn place_case(
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
