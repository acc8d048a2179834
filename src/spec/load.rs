//! From a file to an [`Experiment`]: parse, lay variants and grid over it, read, check.

use std::collections::HashSet;
use std::ops::Range;
use std::path::Path as FilePath;

use serde_json::{Map, Value};

use super::check::check;
use super::claim::claims;
use super::grid::{Grid, Placed};
use super::names::{unfit_for_a_folder, unfit_for_an_experiment};
use super::origin::{Foreign, Origin, Origins};
use super::problem::{Finding, Problem, Problems, suggest};
use super::read::{Read, read};
use super::repeat::unroll;
use super::source::{Part, Path, Source};
use super::syntax::{self, MAX_PROBLEMS};
use super::text;
use super::value::{expand, merge, set};
use super::{BackendName, Case, Claim, Experiment, Plot, Setup};

/// Longer names of folders are refused by file systems, less what is put before and behind them.
const MAX_FOLDER_NAME: usize = 200;

/// Variants times grid points above this number are taken for a mistake.
pub(super) const MAX_CASES: usize = 10_000;

/// Layers in all cases above this number are taken for one, too; each takes memory.
const MAX_LAYERS_IN_ALL: usize = 100_000;

/// After so many points of a grid, the first one with a mistake is the last one looked at.
const FAULTY_POINTS: usize = 100;

/// The keys of a file.
pub const TOP_LEVEL: [&str; 15] = [
    "name",
    "description",
    "backend",
    "dataset",
    "model",
    "training",
    "diagnostics",
    "seeds",
    "variants",
    "grid",
    "checkpoints",
    "tensorboard",
    "expect",
    "plots",
    "lints",
];

/// The parts of a file that a variant may change, and that a setup is made of.
pub const SETUP: [&str; 4] = ["dataset", "model", "training", "diagnostics"];

/// What the command line changes in every file.
#[derive(Debug, Clone, Default)]
pub struct Overrides {
    /// `--set key=value`, in order; values are YAML.
    pub set: Vec<String>,
    /// `--seeds`, in place of the file's.
    pub seeds: Option<Vec<u64>>,
}

/// What there is of a file.
#[derive(Debug)]
pub struct Loaded {
    /// The experiment, also where it has mistakes: its cases know what in them cannot be relied on.
    /// `None` where the text is no map of keys and values.
    pub experiment: Option<Experiment>,
    /// Every mistake that can be told from the file alone.
    pub problems: Vec<Problem>,
    /// The text and where things stand in it.
    pub source: Source,
}

/// Reads an experiment file.
///
/// # Errors
/// Every mistake in the file and in the overrides, each with its place and a remedy.
pub fn load(path: &FilePath, overrides: &Overrides) -> Result<Experiment, Problems> {
    match read_file(path, overrides) {
        Loaded { experiment: Some(experiment), problems, .. } if problems.is_empty() => {
            Ok(experiment)
        }
        Loaded { problems, source, .. } => Err(Problems::new(source, problems)),
    }
}

/// Reads an experiment file as far as it can be read.
pub fn read_file(path: &FilePath, overrides: &Overrides) -> Loaded {
    let (source, problem) = match text::read(path) {
        Ok(text) => (Source::new(path.to_owned(), text), None),
        Err(refused) => {
            let (text, problem) = *refused;
            (Source::new(path.to_owned(), text), Some(problem))
        }
    };
    let (root, problems) = match problem {
        Some(problem) => (None, vec![problem]),
        None => syntax::parse(&source),
    };
    let mut reader = Reader { source, problems };
    let experiment = root.map(|root| reader.experiment(&root, overrides));
    // What is wrong with a value because of its tag is told with the tag.
    let mut seen = HashSet::new();
    let tags = reader.source.tags();
    let is_tagged = |span: &Range<usize>| tags.iter().any(|(tagged, _)| tagged == span);
    reader.problems.retain(|problem| match &problem.span {
        Some(span) if is_tagged(span) => seen.insert(span.clone()),
        Some(_) | None => true,
    });
    Loaded { experiment, problems: reader.problems, source: reader.source }
}

/// `lints:` which warnings a file does without.
#[derive(Debug, Default, serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct Lints {
    #[serde(default)]
    allow: Vec<String>,
}

/// A file being read.
pub(super) struct Reader {
    pub source: Source,
    pub problems: Vec<Problem>,
}

impl Reader {
    pub fn problem(&mut self, at: &Path, message: impl Into<String>, help: impl Into<String>) {
        let span = self.source.span(at, Part::Value);
        self.problems.push(Problem::new(span, message, help));
    }

    pub fn findings(&mut self, findings: Vec<Finding>) {
        for finding in findings {
            let span = self.source.span(&finding.path, finding.part);
            self.problems.push(Problem::new(span, finding.message, finding.help));
        }
    }

    fn experiment(&mut self, root: &Map<String, Value>, overrides: &Overrides) -> Experiment {
        let at = Path::default();
        let unknown = root.keys().filter(|key| !TOP_LEVEL.contains(&key.as_str()));
        for key in unknown.take(MAX_PROBLEMS) {
            let span = self.source.span(&at.key(key), Part::Key);
            let message = format!("unknown key `{key}`");
            self.problems.push(Problem::new(span, message, suggest(key, &TOP_LEVEL)));
        }
        let name = self.name(root);
        let description = self.part::<String>(root, "description").unwrap_or_default();
        let backend = self.part::<BackendName>(root, "backend");
        let seeds = self.seeds(root, overrides);
        let cases = self.cases(root, overrides);
        let claims = self.claims(root, &cases, overrides);
        let checkpoints = self.part(root, "checkpoints").unwrap_or_default();
        let tensorboard = self.part(root, "tensorboard").unwrap_or_default();
        let plots = self.plots(root);
        let lints = self.part::<Lints>(root, "lints").unwrap_or_default();
        Experiment {
            name,
            description,
            backend,
            seeds,
            cases,
            checkpoints,
            tensorboard,
            claims,
            plots,
            allowed_lints: lints.allow,
            source: self.source.clone(),
        }
    }

    /// Reads one top-level key, if the file has it, as far as it can be read.
    fn part<T: serde::de::DeserializeOwned>(
        &mut self,
        root: &Map<String, Value>,
        key: &str,
    ) -> Option<T> {
        let read = read(root.get(key)?.clone(), &Path::default().key(key));
        self.findings(read.findings);
        read.value
    }

    /// The file's `name:`, or else its file name; empty where it cannot be one.
    fn name(&mut self, root: &Map<String, Value>) -> String {
        let name = if root.contains_key("name") {
            match self.part::<String>(root, "name") {
                Some(name) => name,
                None => return String::new(),
            }
        } else {
            self.source.path.file_stem().unwrap_or_default().to_string_lossy().into_owned()
        };
        if let Some(why) = unfit_for_an_experiment(&name) {
            self.problem(
                &Path::default().key("name"),
                why,
                "give a `name:` of lowercase letters, digits, `_` and `-`, the first a letter or digit",
            );
            return String::new();
        }
        name
    }

    fn seeds(&mut self, root: &Map<String, Value>, overrides: &Overrides) -> Vec<u64> {
        let in_file: Vec<u64> = match root.contains_key("seeds") {
            true => self.part(root, "seeds").unwrap_or_else(|| vec![1]),
            false => vec![1],
        };
        let at = Path::default().key("seeds");
        if in_file.is_empty() {
            self.problem(
                &at,
                "no seeds",
                "list at least one whole number, as in `seeds: [1, 2, 3]`",
            );
        }
        let mut seen = HashSet::new();
        for (i, seed) in in_file.iter().enumerate() {
            if !seen.insert(seed) {
                self.problem(&at.index(i), format!("seed {seed} is listed twice"), "leave one out");
            }
        }
        let Some(seeds) = overrides.seeds.clone() else { return in_file };
        let mut seen = HashSet::new();
        for seed in seeds.iter().filter(|seed| !seen.insert(**seed)) {
            let message = format!("`--seeds`: seed {seed} is listed twice");
            let help = "leave one out".to_owned();
            self.problems.push(Problem::new(None, message, help));
        }
        seeds
    }

    /// The charts to draw, each once.
    fn plots(&mut self, root: &Map<String, Value>) -> Option<Vec<Plot>> {
        let plots = self.part::<Vec<Plot>>(root, "plots")?;
        let at = Path::default().key("plots");
        for (i, plot) in plots.iter().enumerate().filter(|(i, plot)| plots[..*i].contains(plot)) {
            self.problem(&at.index(i), format!("`{plot}` is listed twice"), "leave one out");
        }
        Some(plots)
    }

    /// All variants at all grid points.
    fn cases(&mut self, root: &Map<String, Value>, overrides: &Overrides) -> Vec<Case> {
        let shared: Map<String, Value> = root
            .iter()
            .filter(|(key, _)| SETUP.contains(&key.as_str()))
            .map(|(key, value)| (key.clone(), value.clone()))
            .collect();
        let mut shared = Value::Object(shared);
        // A variant may change one key of what the file has in its short form.
        expand(&mut shared);
        let variants = self.variants(root);
        if variants.len() > MAX_CASES {
            let message = format!("more than {MAX_CASES} cases");
            let help = "part the variants among several files";
            self.problem(&Path::default().key("variants"), message, help);
            return Vec::new();
        }
        let grid = self.grid(root, variants.len());
        self.no_set_over_grid(&grid, overrides);
        let mut cases = Vec::new();
        let points = grid.points();
        let mut layers = 0;
        for (variant, overlay) in variants {
            let mut tree = shared.clone();
            merge(&mut tree, &overlay, &Path::default());
            for (number, point) in points.iter().enumerate() {
                let before = self.problems.len();
                cases.extend(self.case(&variant, tree.clone(), &grid, point, overrides));
                // Points of a grid have most mistakes in common.
                if number >= FAULTY_POINTS && self.problems.len() > before {
                    break;
                }
                if self.problems.len() > MAX_PROBLEMS {
                    return cases;
                }
                let here = cases.last().map_or(0, |case: &Case| case.setup.model.layers.len());
                layers += here;
                if layers.max(here * points.len()) > MAX_LAYERS_IN_ALL {
                    let message = format!("more than {MAX_LAYERS_IN_ALL} layers in all cases");
                    let place = if grid.is_empty() { "variants" } else { "grid" };
                    let help = "part the cases among several files";
                    self.problem(&Path::default().key(place), message, help);
                    return Vec::new();
                }
            }
        }
        self.folders(&cases);
        cases
    }

    /// Each case needs a folder of its own, with a name that file systems take.
    fn folders(&mut self, cases: &[Case]) {
        let mut labels = HashSet::new();
        for case in cases {
            // Some systems do not tell capitals from small letters in folders' names.
            if !labels.insert(case.label().to_lowercase()) {
                let message = format!("two cases would share the folder `{}`", case.label());
                let (place, help) = if case.grid.is_empty() {
                    let variant = Path::default().key("variants").key(&case.variant);
                    (variant, "give the variants names that differ in more than capitals")
                } else {
                    (Path::default().key("grid"), "make the grid's values differ")
                };
                self.problem(&place, message, help);
            }
            if case.label().len() > MAX_FOLDER_NAME {
                let message = format!("`{}` is too long for a folder's name", case.label());
                let help = "shorten the variant's name, or vary fewer keys at once";
                self.problem(&Path::default().key("grid"), message, help);
            }
        }
    }

    /// What the file claims of its cases. Where some of these have mistakes, a claim about them has
    /// none of its own.
    fn claims(
        &mut self,
        root: &Map<String, Value>,
        cases: &[Case],
        overrides: &Overrides,
    ) -> Vec<Claim> {
        let Some(texts) = self.part::<Vec<String>>(root, "expect") else { return Vec::new() };
        let variants: Vec<String> = match root.get("variants") {
            Some(Value::Object(variants)) => variants.keys().cloned().collect(),
            Some(_) | None => vec!["default".to_owned()],
        };
        let cases = (cases, self.problems.is_empty());
        let (claims, problems) = claims(&texts, &variants, cases, overrides, &self.source);
        self.problems.extend(problems);
        claims
    }

    /// What `grid:` varies cannot be set for all: folders and tables would tell one value, and the
    /// training would use the other.
    fn no_set_over_grid(&mut self, grid: &Grid, overrides: &Overrides) {
        for text in &overrides.set {
            let set = Path::dotted(text.split_once('=').map_or("", |(key, _)| key));
            let clash = grid.keys().find(|key| {
                let varied = Path::dotted(key);
                varied.starts_with(&set) || set.starts_with(&varied)
            });
            if let Some(key) = clash {
                let message = format!("`--set {text}`: `grid:` varies `{key}`");
                let help = "change the list in the file, or leave the key out of it";
                self.problems.push(Problem::new(None, message, help));
            }
        }
    }

    /// Each variant's name and what it changes.
    fn variants(&mut self, root: &Map<String, Value>) -> Vec<(String, Value)> {
        let at = Path::default().key("variants");
        let variants = match root.get("variants") {
            None => return vec![("default".to_owned(), Value::Object(Map::new()))],
            Some(Value::Object(variants)) if !variants.is_empty() => variants,
            Some(other) => {
                let message = match other {
                    Value::Object(_) | Value::Null => "`variants` names none",
                    Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Array(_) => {
                        "`variants` is a map from names to changes"
                    }
                };
                let help =
                    "name at least one, as in `variants: { with_bn: { model: … }, without: {} }`";
                self.problem(&at, message, help);
                return Vec::new();
            }
        };
        let mut list = Vec::new();
        for (name, overlay) in variants {
            let at = at.key(name);
            if let Some(why) = unfit_for_a_folder(name) {
                let message = format!("`{name}` cannot be a variant's name: {why}");
                self.problem(&at, message, "variants' names are folders' names, too");
                continue;
            }
            match overlay {
                Value::Null => list.push((name.clone(), Value::Object(Map::new()))),
                Value::Object(map) => {
                    for key in map.keys().filter(|key| !SETUP.contains(&key.as_str())) {
                        let message = format!("a variant cannot change `{key}`");
                        let span = self.source.span(&at.key(key), Part::Key);
                        self.problems.push(Problem::new(span, message, suggest(key, &SETUP)));
                    }
                    list.push((name.clone(), overlay.clone()));
                }
                Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Array(_) => {
                    let help = "write `{}` for one that changes nothing";
                    self.problem(&at, "a variant is a map of what it changes", help);
                }
            }
        }
        list
    }

    fn case(
        &mut self,
        variant: &str,
        mut tree: Value,
        grid: &Grid,
        point: &[Placed],
        overrides: &Overrides,
    ) -> Option<Case> {
        let mut foreign = Vec::new();
        for (number, value) in point {
            let path = Path::dotted(&value.key);
            let key = grid.place(&value.key);
            expand(&mut tree);
            match set(&mut tree, &path, value.value.clone()) {
                Ok(()) => {
                    foreign.push(Foreign { path, origin: Origin::Grid { key, value: *number } });
                }
                Err(why) => {
                    let message = format!("`{}` matches nothing: {why}", value.key);
                    let span = self.source.span(&key, Part::Key);
                    let help = "write a path that is in every variant; layers go by number from 0";
                    self.problems.push(Problem {
                        variant: Some(variant.to_owned()),
                        ..Problem::new(span, message, help)
                    });
                    return None;
                }
            }
        }
        let grid = point.iter().map(|(_, value)| value.clone()).collect();
        for text in &overrides.set {
            expand(&mut tree);
            match set_from_command_line(&mut tree, text) {
                Ok(path) => {
                    foreign.push(Foreign { path, origin: Origin::CommandLine(text.clone()) });
                }
                Err(why) => {
                    let message = format!("`--set {text}` cannot be followed: {why}");
                    let help = "write a dotted path that every variant has and a value, as in \
                                `--set training.epochs=2`";
                    self.problems.push(Problem::new(None, message, help));
                    return None;
                }
            }
        }
        expand(&mut tree);
        let (layers, mistakes) = unroll(&mut tree);
        let origins = Origins { foreign, layers };
        let faulty_blocks: Vec<Path> =
            mistakes.iter().map(|finding| finding.path.clone()).collect();
        for finding in mistakes {
            self.problems.push(origins.locate_as_written(&self.source, variant, finding));
        }
        let Read { value: setup, mut findings, mut faulty } = read::<Setup>(tree, &Path::default());
        if let Some(setup) = &setup {
            findings.extend(check(setup, &faulty));
        }
        faulty.extend(faulty_blocks);
        faulty.extend(findings.iter().map(|finding| finding.path.clone()));
        for finding in findings {
            self.problems.push(origins.locate(&self.source, variant, finding));
        }
        let mut setup = setup?;
        setup.training.fill_in();
        let here = self.source.path.parent().unwrap_or(FilePath::new(""));
        let paths = [&mut setup.dataset.idx, &mut setup.model.initial_weights];
        for path in paths.into_iter().flatten() {
            path.resolve(here);
        }
        Some(Case { variant: variant.to_owned(), grid, setup, origins, faulty })
    }
}

fn set_from_command_line(tree: &mut Value, text: &str) -> Result<Path, String> {
    let (key, value) = text.split_once('=').ok_or("there is no `=` in it")?;
    let first = key.split('.').next().unwrap_or_default();
    if !SETUP.contains(&first) {
        return Err(format!(
            "`{first}` is not one of `dataset`, `model`, `training` and `diagnostics`"
        ));
    }
    let path = Path::dotted(key);
    set(tree, &path, syntax::parse_value(value)?)?;
    Ok(path)
}
