//! Experiment files from the command line: read, checked and laid out, all mistakes told at once.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;

use super::FileArgs;
use crate::data::{self, DataError, Dataset, Inspection, Remark, Shape, Unsplittable};
use crate::lint::{DataFacts, Lint, lint};
use crate::model::{InitialWeights, Placed, place};
use crate::record::{Manifest, TrialDir};
use crate::spec::{
    Augment, Case, DatasetName, DatasetSpec, Experiment, Finding, Loaded, Overrides, Part, Path,
    Problem, Problems, UserPath, Validation, read_file, suggest,
};

/// A checked experiment with the layers of each of its cases.
#[derive(Debug)]
pub struct Prepared {
    /// The file.
    pub experiment: Arc<Experiment>,
    /// Per case, its placed layers.
    pub placed: Vec<Vec<Placed>>,
    /// What runs but seldom does what was meant.
    pub warnings: Problems,
    /// Per case, the weights it begins with, where the file gives some.
    pub initial: Vec<Option<Arc<InitialWeights>>>,
    /// What is recorded of the data, where the file is the config of a recorded trial.
    data_checksum: Option<String>,
}

impl Prepared {
    /// Compares the data of a recorded trial that is trained again with the recorded checksum.
    ///
    /// # Errors
    /// When the data has other content.
    pub fn check_data(&self, datasets: &[Arc<Dataset>]) -> Result<(), DataError> {
        let Some(recorded) = &self.data_checksum else { return Ok(()) };
        for (case, dataset) in self.experiment.cases.iter().zip(datasets) {
            if dataset.checksum != *recorded {
                return Err(DataError::OtherContent {
                    place: place_of(&case.setup.dataset),
                    recorded: recorded.clone(),
                    found: dataset.checksum.clone(),
                    remedy: "say with `--idx FOLDER` where the recorded data is, or copy the file \
                             to another folder to train on other data",
                });
            }
        }
        Ok(())
    }
}

/// The folder or the name of a data set, for messages.
pub fn place_of(dataset: &DatasetSpec) -> String {
    match (&dataset.idx, dataset.name) {
        (Some(folder), _) => format!("`{}`", folder.as_path().display()),
        (None, Some(DatasetName::FashionMnist)) => "`fashion_mnist`".to_owned(),
        (None, None) => "`dataset`".to_owned(),
    }
}

/// What is recorded of a trial, where the file is its config.
pub fn recorded(file: &std::path::Path) -> Option<Manifest> {
    let folder = file.parent()?;
    let trial = TrialDir::existing(folder.to_owned());
    (file.file_name() == trial.config().file_name()).then(|| trial.read_manifest()).flatten()
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

/// Reads all files and their initial weights, and places all layers.
///
/// # Errors
/// [`Mistakes`] with every mistake of every file, or a data error where a folder's shape cannot
/// be read.
pub fn prepare(args: &FileArgs, overrides: &Overrides) -> anyhow::Result<Vec<Prepared>> {
    let mut mistakes = Vec::new();
    let mut data_error = None;
    let mut prepared: Vec<Prepared> = Vec::new();
    let mut names: HashMap<String, PathBuf> = HashMap::new();
    let mut shapes = Shapes::default();
    for file in &args.files {
        let Loaded { experiment, mut problems, source } = read_file(file, overrides);
        let Some(mut experiment) = experiment else {
            mistakes.push(Problems::new(source, problems));
            continue;
        };
        problems.extend(args.moved.apply(&mut experiment));
        // What the command line replaces is not the recorded trial's any more.
        let replaces = |key: &str| {
            let mut set = overrides.set.iter().filter_map(|text| text.split_once('='));
            set.any(|(set, _)| key.starts_with(set))
        };
        let recorded = recorded(file);
        let data_checksum = recorded.as_ref().map(|recorded| recorded.dataset_checksum.clone());
        let weights_checksum = recorded.and_then(|recorded| recorded.initial_weights_checksum);
        let data_checksum =
            data_checksum.filter(|_| !["dataset.idx", "dataset.name"].into_iter().any(replaces));
        let weights_checksum = weights_checksum.filter(|_| !replaces("model.initial_weights"));
        let named = !experiment.name.is_empty();
        let same = named.then(|| names.insert(experiment.name.clone(), file.clone())).flatten();
        if let Some(first) = same {
            problems.push(Problem::new(
                experiment.source.span(&Path::default().key("name"), Part::Value),
                format!(
                    "experiment `{}` is in `{}`, too: both would write the same folder",
                    experiment.name,
                    first.display()
                ),
                "give one of them another `name:`",
            ));
        }
        let mut placed: Vec<Vec<Placed>> = Vec::new();
        let mut initial: Vec<Option<Arc<InitialWeights>>> = Vec::new();
        let mut warnings = Vec::new();
        problems.extend(unknown_lints(&experiment));
        for case in &experiment.cases {
            // What was wrong in them is told; the rest would only follow from it.
            if case.is_faulty("dataset") || case.is_faulty("model") {
                continue;
            }
            let problem = |finding| case.problem(&experiment.source, finding);
            let known = match shapes.of(&case.setup.dataset) {
                Ok(known) => known,
                // What is wrong in the files is told first: it needs no data to be put right.
                Err(error) => {
                    data_error.get_or_insert(error);
                    continue;
                }
            };
            match place_case(case, known.shape) {
                Ok(layers) => {
                    let before = experiment.cases.iter().zip(&placed).zip(&initial);
                    match initial_weights(case, &layers, before, weights_checksum.as_deref()) {
                        Ok(weights) => initial.push(weights),
                        Err(finding) => {
                            initial.push(None);
                            problems.push(problem(finding));
                        }
                    }
                    placed.push(layers);
                }
                Err(findings) => problems.extend(findings.into_iter().map(problem)),
            }
            if !case.is_faulty("training") {
                warnings.extend(case_warnings(&experiment, case, known));
            }
        }
        let warnings = Problems::new(experiment.source.clone(), warnings);
        if problems.is_empty() {
            let experiment = Arc::new(experiment);
            prepared.push(Prepared { experiment, placed, warnings, initial, data_checksum });
        } else {
            mistakes.push(Problems::new(experiment.source, problems));
        }
    }
    match data_error {
        _ if !mistakes.is_empty() => Err(Mistakes(mistakes).into()),
        Some(error) => Err(error.into()),
        None => Ok(prepared),
    }
}

/// Shapes of data sets, each looked up once: a grid can have very many cases.
#[derive(Default)]
struct Shapes(HashMap<Files, Inspection>);

/// What the files of a data set depend on.
type Files = (Option<DatasetName>, Option<UserPath>);

impl Shapes {
    fn of(&mut self, dataset: &DatasetSpec) -> Result<&Inspection, DataError> {
        match self.0.entry((dataset.name, dataset.idx.clone())) {
            Entry::Occupied(known) => Ok(known.into_mut()),
            Entry::Vacant(place) => Ok(place.insert(data::inspect(dataset)?)),
        }
    }
}

/// Unknown codes in `lints:`.
fn unknown_lints(experiment: &Experiment) -> Vec<Problem> {
    let codes = Lint::ALL.map(Lint::code);
    let allow = Path::default().key("lints").key("allow");
    let unknown = |(_, code): &(usize, &String)| !codes.contains(&code.as_str());
    let problem = |(i, code): (usize, &String)| {
        let span = experiment.source.span(&allow.index(i), Part::Value);
        let message = format!("no warning has the code `{code}`");
        Problem::new(span, message, suggest(code, &codes))
    };
    experiment.allowed_lints.iter().enumerate().filter(unknown).map(problem).collect()
}

/// Warnings about a case, but for those that the file allows.
fn case_warnings(experiment: &Experiment, case: &Case, known: &Inspection) -> Vec<Problem> {
    let Inspection { shape, test_rows, labels, .. } = known;
    let (rows, test_rows, classes) = (shape.rows, *test_rows, shape.classes);
    let data = DataFacts { rows, test_rows, classes, labels: labels.as_deref() };
    let allowed = |lint: Lint| experiment.allowed_lints.iter().any(|code| code == lint.code());
    let of_data = known.remarks.iter().map(|remark| {
        let lint = match remark {
            Remark::EmptyClasses { .. } => Lint::ClassesWithoutRows,
            Remark::Duplicates { .. } => Lint::DuplicateDataFiles,
        };
        let path = Path::default().key("dataset").key("idx");
        (lint, Finding::new(path, remark.message(), remark.remedy()))
    });
    lint(&case.setup, &data)
        .into_iter()
        .chain(of_data)
        .filter(|(lint, _)| !allowed(*lint))
        .map(|(lint, finding)| Problem {
            warning: Some(lint.code()),
            ..case.problem(&experiment.source, finding)
        })
        .collect()
}

/// The layers of a case, or what does not fit its data.
pub fn place_case(case: &Case, shape: Shape) -> Result<Vec<Placed>, Vec<Finding>> {
    let placed = place(&case.setup.model, [shape.height, shape.width, 1], shape.classes);
    let dataset = &case.setup.dataset;
    let path = Path::default().key("dataset");
    let mut findings = Vec::new();
    if let Some(unfit) = Unsplittable::of(dataset.validation, shape.rows) {
        let path = match dataset.validation {
            Validation::Count(_) => path.key("validation"),
            Validation::Share(_) => path.key("validation").key("fraction"),
        };
        findings.push(Finding::new(path, unfit.to_string(), unfit.remedy));
    }
    let side = shape.height.min(shape.width);
    if let Some(Augment { shift, .. }) = dataset.augment
        && shift >= side
    {
        findings.push(Finding::new(
            path.key("augment").key("shift"),
            format!(
                "a shift by {shift} pixels moves images of {} × {} out of sight",
                shape.height, shape.width
            ),
            format!("keep it below {side}"),
        ));
    }
    if findings.is_empty() {
        return placed;
    }
    Err(placed.err().into_iter().flatten().chain(findings).collect())
}

/// The weights that a case begins with. Cases alike share them: a grid can have very many.
fn initial_weights<'a>(
    case: &Case,
    placed: &[Placed],
    before: impl Iterator<Item = ((&'a Case, &'a Vec<Placed>), &'a Option<Arc<InitialWeights>>)>,
    recorded: Option<&str>,
) -> Result<Option<Arc<InitialWeights>>, Finding> {
    let Some(path) = &case.setup.model.initial_weights else { return Ok(None) };
    for ((other, other_placed), weights) in before {
        if other.setup.model.initial_weights.as_ref() == Some(path) && *other_placed == placed {
            return Ok(weights.clone());
        }
    }
    let file = path.as_path();
    let at = Path::default().key("model").key("initial_weights");
    let weights = InitialWeights::read(file, placed).map_err(|unfit| {
        Finding::new(at.clone(), format!("`{}` {unfit}", file.display()), unfit.remedy())
    })?;
    if let Some(recorded) = recorded.filter(|recorded| *recorded != weights.checksum) {
        let message = format!(
            "`{}` is not the file that the recorded trial began with: its sha256 is {}, the \
             recorded one is {recorded}",
            file.display(),
            weights.checksum
        );
        let help = "say with `--initial-weights FILE` where the recorded file is, or copy the \
                    config to another folder to begin with other weights";
        return Err(Finding::new(at, message, help));
    }
    Ok(Some(Arc::new(weights)))
}
