//! From a file to an [`Experiment`]: parse, lay variants and grid over it, read, check.

use std::collections::{HashMap, HashSet};
use std::ops::Range;
use std::path::Path as FilePath;
use std::sync::Arc;

use super::check::check;
use super::claim::claims;
use super::grid::{Grid, Point};
use super::names::{folded, is_reserved, unfit_for_a_folder, unfit_for_an_experiment};
use super::origin::locate;
use super::parse::{self, MAX_PROBLEMS, Parsed};
use super::problem::{Finding, Problem, Problems, suggest};
use super::read::{self, Read};
use super::repeat::unroll;
use super::source::{Part, Path, Source};
use super::text;
use super::tree::{Entry, Kind, Node, Place};
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
    into_experiment(read_file(path, overrides))
}

/// Reads an experiment file that is kept with results. Names that an older version allowed are no
/// mistakes in it.
///
/// # Errors
/// As [`load`].
pub fn load_recorded(path: &FilePath, overrides: &Overrides) -> Result<Experiment, Problems> {
    into_experiment(read(path, overrides, true))
}

/// Reads an experiment file as far as it can be read.
pub fn read_file(path: &FilePath, overrides: &Overrides) -> Loaded {
    read(path, overrides, false)
}

fn into_experiment(loaded: Loaded) -> Result<Experiment, Problems> {
    match loaded {
        Loaded { experiment: Some(experiment), problems, .. } if problems.is_empty() => {
            Ok(experiment)
        }
        Loaded { problems, source, .. } => Err(Problems::new(source, problems)),
    }
}

fn read(path: &FilePath, overrides: &Overrides, is_recorded: bool) -> Loaded {
    let Parsed { source, problems, tagged, is_usable } = match text::read(path) {
        Ok(text) => parse::parse_file(path.to_owned(), text),
        Err(refused) => {
            let (text, problem) = *refused;
            let source = Source { path: path.to_owned(), text, root: None };
            Parsed { source, problems: vec![problem], tagged: Vec::new(), is_usable: false }
        }
    };
    let mut reader = Reader { source, problems, is_recorded };
    let root = reader.source.root.clone().filter(|_| is_usable);
    let experiment = root.map(|root| reader.experiment(&root, overrides));
    // What is wrong with a value because of its tag is told with the tag.
    let mut seen = HashSet::new();
    let is_tagged = |span: &Range<usize>| tagged.contains(span);
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
    /// Whether the file is kept with results, perhaps those of an older version.
    pub is_recorded: bool,
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

    fn experiment(&mut self, root: &Node, overrides: &Overrides) -> Experiment {
        let keys = root.entries().unwrap_or_default().iter();
        let unknown = keys.filter(|entry| !TOP_LEVEL.contains(&&*entry.key));
        for Entry { key, key_place, .. } in unknown.take(MAX_PROBLEMS) {
            let span = key_place.range();
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
    fn part<T: serde::de::DeserializeOwned>(&mut self, root: &Node, key: &str) -> Option<T> {
        let read = read::read(root.get(key)?, &Path::default().key(key));
        self.findings(read.findings);
        read.value
    }

    /// The `name:` of the file, or else its file name; empty where it cannot be one.
    fn name(&mut self, root: &Node) -> String {
        let name = if root.get("name").is_some() {
            match self.part::<String>(root, "name") {
                Some(name) => name,
                None => return String::new(),
            }
        } else {
            self.source.path.file_stem().unwrap_or_default().to_string_lossy().into_owned()
        };
        let is_allowed = self.is_recorded && is_reserved(&name);
        if let Some(why) = unfit_for_an_experiment(&name).filter(|_| !is_allowed) {
            self.problem(
                &Path::default().key("name"),
                why,
                "choose a `name:` of lowercase letters, digits, `_` and `-`, the first a letter or digit",
            );
            return String::new();
        }
        name
    }

    fn seeds(&mut self, root: &Node, overrides: &Overrides) -> Vec<u64> {
        let in_file: Vec<u64> = match root.get("seeds").is_some() {
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
    fn plots(&mut self, root: &Node) -> Option<Vec<Plot>> {
        let plots = self.part::<Vec<Plot>>(root, "plots")?;
        let at = Path::default().key("plots");
        for (i, plot) in plots.iter().enumerate().filter(|(i, plot)| plots[..*i].contains(plot)) {
            self.problem(&at.index(i), format!("`{plot}` is listed twice"), "leave one out");
        }
        Some(plots)
    }

    /// All variants at all grid points.
    fn cases(&mut self, root: &Node, overrides: &Overrides) -> Vec<Case> {
        let setup = root.entries().unwrap_or_default().iter();
        let setup = setup.filter(|entry| SETUP.contains(&&*entry.key)).cloned().collect();
        let mut shared = Arc::new(Node { place: Place::Nowhere, kind: Kind::Map(setup) });
        // A variant may change one key of what the file has in its short form.
        expand(&mut shared);
        let variants = self.variants(root);
        if variants.len() > MAX_CASES {
            let message = format!("more than {MAX_CASES} cases");
            let help = "divide the variants among several files";
            self.problem(&Path::default().key("variants"), message, help);
            return Vec::new();
        }
        let grid = self.grid(root, variants.len());
        self.no_set_over_grid(&grid, overrides);
        let set: Arc<[String]> = overrides.set.clone().into();
        let mut cases = Vec::new();
        let points = grid.points();
        let mut layers = 0;
        for (variant, overlay) in variants {
            let mut tree = shared.clone();
            merge(&mut tree, &overlay, &Path::default());
            for (number, point) in points.iter().enumerate() {
                let before = self.problems.len();
                cases.extend(self.case(&variant, tree.clone(), point, &set));
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
                    let help = "divide the cases among several files";
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
            let label = case.label();
            if !labels.insert(if self.is_recorded { label } else { folded(&label) }) {
                let message = format!("two cases would share the folder `{}`", case.label());
                let grid = Path::default().key("grid");
                self.problem(&grid, message, "make the values of the grid differ");
            }
            if case.label().len() > MAX_FOLDER_NAME {
                let message = format!("`{}` is too long for the name of a folder", case.label());
                let help = "shorten the name of the variant, or vary fewer keys at once";
                self.problem(&Path::default().key("grid"), message, help);
            }
        }
    }

    /// What the file claims of its cases. Where some of these have mistakes, a claim about them has
    /// none of its own.
    fn claims(&mut self, root: &Node, cases: &[Case], overrides: &Overrides) -> Vec<Claim> {
        let Some(texts) = self.part::<Vec<String>>(root, "expect") else { return Vec::new() };
        let variants: Vec<String> = match root.get("variants").and_then(|node| node.entries()) {
            Some(variants) => variants.iter().map(|entry| entry.key.to_string()).collect(),
            None => vec!["default".to_owned()],
        };
        let cases = (cases, self.problems.is_empty());
        let (claims, problems) = claims(&texts, &variants, cases, overrides, &self.source);
        self.problems.extend(problems);
        claims
    }

    /// What `grid:` varies cannot be set for all: folders and tables would show one value, and the
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

    /// The name of each variant and what it changes.
    fn variants(&mut self, root: &Node) -> Vec<(String, Arc<Node>)> {
        let at = Path::default().key("variants");
        let Some(node) = root.get("variants") else {
            return vec![("default".to_owned(), Node::empty_map(Place::Nowhere))];
        };
        let variants = match node.entries() {
            Some(variants) if !variants.is_empty() => variants,
            other => {
                let message = match other.is_some() || node.is_null() {
                    true => "`variants` is empty",
                    false => "`variants` is a map from names to changes",
                };
                let help =
                    "name at least one, as in `variants: { with_bn: { model: … }, without: {} }`";
                self.problem(&at, message, help);
                return Vec::new();
            }
        };
        let mut list = Vec::new();
        let mut names: HashMap<String, &str> = HashMap::new();
        for Entry { key: name, key_place, value: overlay } in variants {
            let mut refuse = |place: Place, message: String, help: &str| {
                self.problems.push(Problem::new(place.range(), message, help));
            };
            let is_allowed = self.is_recorded && is_reserved(name);
            if let Some(why) = unfit_for_a_folder(name).filter(|_| !is_allowed) {
                let message = format!("`{name}` cannot be the name of a variant: {why}");
                refuse(*key_place, message, "the name of a variant is also the name of a folder");
                continue;
            }
            let key = if self.is_recorded { name.to_string() } else { folded(name) };
            if let Some(first) = names.insert(key, name) {
                let message = format!("`{name}` and `{first}` would share one folder");
                let help = "give the variants names that differ in more than capitals and the \
                            Unicode form of accents";
                refuse(*key_place, message, help);
                continue;
            }
            match (overlay.entries(), overlay.is_null()) {
                (Some(changes), _) => {
                    for change in changes.iter().filter(|entry| !SETUP.contains(&&*entry.key)) {
                        let message = format!("a variant cannot change `{}`", change.key);
                        refuse(change.key_place, message, &suggest(&change.key, &SETUP));
                    }
                    list.push((name.to_string(), overlay.clone()));
                }
                (None, true) => list.push((name.to_string(), Node::empty_map(overlay.place))),
                (None, false) => {
                    let help = "write `{}` for one that changes nothing";
                    let message = "a variant is a map of what it changes";
                    self.problem(&at.key(name), message, help);
                }
            }
        }
        list
    }

    /// One variant at one grid point, as far as it can be read.
    fn case(
        &mut self,
        variant: &str,
        mut tree: Arc<Node>,
        point: &[Point],
        overrides: &Arc<[String]>,
    ) -> Option<Case> {
        for Point { value, node, key_place } in point {
            expand(&mut tree);
            let path = Path::dotted(&value.key);
            if let Err(why) = set(&mut tree, &path, *key_place, node.clone()) {
                let message = format!("`{}` does not exist: {why}", value.key);
                let help = "write a path that every variant has; layers are numbered from 0";
                self.problems.push(Problem {
                    variant: Some(variant.to_owned()),
                    ..Problem::new(key_place.range(), message, help)
                });
                return None;
            }
        }
        for (number, text) in (0..).zip(overrides.iter()) {
            expand(&mut tree);
            if let Err(why) = set_from_command_line(&mut tree, text, number) {
                let message = format!("`--set {text}` cannot be applied: {why}");
                let help = "write a dotted path that every variant has and a value, as in \
                            `--set training.epochs=2`";
                self.problems.push(Problem::new(None, message, help));
                return None;
            }
        }
        expand(&mut tree);
        let as_written = tree.clone();
        let mistakes = unroll(&mut tree);
        let faulty_blocks: Vec<Path> =
            mistakes.iter().map(|finding| finding.path.clone()).collect();
        for finding in mistakes {
            let problem = locate(&as_written, overrides, &self.source, variant, finding);
            self.problems.push(problem);
        }
        let Read { value: setup, mut findings, mut faulty } =
            read::read::<Setup>(&tree, &Path::default());
        if let Some(setup) = &setup {
            findings.extend(check(setup, &faulty));
        }
        faulty.extend(faulty_blocks);
        faulty.extend(findings.iter().map(|finding| finding.path.clone()));
        for finding in findings {
            self.problems.push(locate(&tree, overrides, &self.source, variant, finding));
        }
        let mut setup = setup?;
        setup.training.fill_in();
        let here = self.source.path.parent().unwrap_or(FilePath::new(""));
        let paths = [&mut setup.dataset.idx, &mut setup.model.initial_weights];
        for path in paths.into_iter().flatten() {
            path.resolve(here);
        }
        let grid = point.iter().map(|point| point.value.clone()).collect();
        let set = overrides.clone();
        Some(Case { variant: variant.to_owned(), grid, setup, tree, set, faulty })
    }
}

fn set_from_command_line(tree: &mut Arc<Node>, text: &str, number: u32) -> Result<(), String> {
    let (key, value) = text.split_once('=').ok_or("there is no `=` in it")?;
    let first = key.split('.').next().unwrap_or_default();
    if !SETUP.contains(&first) {
        return Err(format!(
            "`{first}` is not one of `dataset`, `model`, `training` and `diagnostics`"
        ));
    }
    set(tree, &Path::dotted(key), Place::Set(number), parse::parse_value(value, number)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_an_older_version_allowed_are_read_from_results() {
        let text = "name: tensorboard\ndataset: fashion_mnist\nmodel: { layers: [flatten] }\n\
                    training: { optimizer: adam, epochs: 1 }\nvariants: { previous: {}, A: {}, a: {} }\n\
                    grid: { training.epochs: [1, 1.0] }\n";
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("experiment.yaml");
        std::fs::write(&path, text.replace("1.0", "2")).unwrap();
        let labels = |experiment: Experiment| -> Vec<String> {
            experiment.cases.iter().map(Case::label).collect()
        };
        let experiment = load_recorded(&path, &Overrides::default()).unwrap();
        assert_eq!(experiment.name, "tensorboard");
        assert_eq!(
            labels(experiment)[..3],
            ["previous,epochs=1", "previous,epochs=2", "A,epochs=1"]
        );
        assert_eq!(load(&path, &Overrides::default()).unwrap_err().list().len(), 3);
        std::fs::write(&path, text).unwrap();
        let problems = load_recorded(&path, &Overrides::default()).unwrap_err();
        assert!(problems.list()[0].message.contains("without point"), "{problems}");
    }
}
