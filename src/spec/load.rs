//! From a file to an [`Experiment`]: parse, lay variants and grid over it, read, check.

use std::collections::HashSet;
use std::path::Path as FilePath;

use serde_json::{Map, Value};

use super::check::check;
use super::origin::{Foreign, Origin, Origins};
use super::problem::{Finding, Problem, Problems, suggest};
use super::read::read;
use super::repeat::unroll;
use super::source::{Part, Path, Source};
use super::value::{expand, merge, set};
use super::{BackendName, Case, Experiment, GridValue, Plot, Setup};

/// Files above this size are not experiments; nothing is read of them.
const MAX_BYTES: u64 = 4 << 20;

/// Longer names of folders are refused by file systems, less what is put before and behind them.
const MAX_FOLDER_NAME: usize = 200;

/// Grid points above this number are taken for a mistake.
const MAX_CASES: usize = 100_000;

const TOP_LEVEL: [&str; 11] = [
    "name",
    "description",
    "backend",
    "dataset",
    "model",
    "training",
    "seeds",
    "variants",
    "grid",
    "plots",
    "lints",
];

/// The parts of a file that a variant may change, and that a setup is made of.
const SETUP: [&str; 3] = ["dataset", "model", "training"];

/// What the command line changes in every file.
#[derive(Debug, Clone, Default)]
pub struct Overrides {
    /// `--set key=value`, in order; values are YAML.
    pub set: Vec<String>,
    /// `--seeds`, in place of the file's.
    pub seeds: Option<Vec<u64>>,
}

/// Reads an experiment file.
///
/// # Errors
/// Every mistake in the file and in the overrides, each with its place and a remedy.
pub fn load(path: &FilePath, overrides: &Overrides) -> Result<Experiment, Problems> {
    let text = read_text(path).map_err(|message| {
        let source = Source::new(path.to_owned(), String::new());
        Problems::new(source, vec![Problem::new(None, message, "")])
    })?;
    let source = Source::new(path.to_owned(), text);
    let mut reader = Reader { source, problems: Vec::new() };
    let experiment = reader.experiment(overrides);
    match experiment {
        Some(experiment) if reader.problems.is_empty() => Ok(experiment),
        _ => Err(Problems::new(reader.source, reader.problems)),
    }
}

fn read_text(path: &FilePath) -> Result<String, String> {
    use std::io::Read as _;
    let unreadable = |error| format!("cannot read `{}`: {error}", path.display());
    let file = std::fs::File::open(path).map_err(unreadable)?;
    let mut bytes = Vec::new();
    file.take(MAX_BYTES + 1).read_to_end(&mut bytes).map_err(unreadable)?;
    if bytes.len() as u64 > MAX_BYTES {
        return Err(format!(
            "`{}` is larger than {} MiB: that is no experiment file",
            path.display(),
            MAX_BYTES >> 20
        ));
    }
    String::from_utf8(bytes).map_err(|error| {
        let at = error.utf8_error().valid_up_to();
        format!("`{}` is not UTF-8 text: byte {at} fits no character", path.display())
    })
}

/// `lints:` which warnings a file does without.
#[derive(Debug, Default, serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct Lints {
    #[serde(default)]
    allow: Vec<String>,
}

struct Reader {
    source: Source,
    problems: Vec<Problem>,
}

impl Reader {
    fn problem(&mut self, at: &Path, message: impl Into<String>, help: impl Into<String>) {
        let span = Some(self.source.span(at, Part::Value));
        self.problems.push(Problem::new(span, message, help));
    }

    fn findings(&mut self, findings: Vec<Finding>) {
        for finding in findings {
            let span = Some(self.source.span(&finding.path, finding.part));
            let (message, help) = (finding.message, finding.help);
            self.problems.push(Problem::new(span, message, help));
        }
    }

    fn experiment(&mut self, overrides: &Overrides) -> Option<Experiment> {
        let root = self.parse()?;
        let at = Path::default();
        for key in root.keys().filter(|key| !TOP_LEVEL.contains(&key.as_str())) {
            let span = Some(self.source.span(&at.key(key), Part::Key));
            let message = format!("unknown key `{key}`");
            self.problems.push(Problem::new(span, message, suggest(key, &TOP_LEVEL)));
        }
        let name = self.name(&root);
        let description = self.part::<String>(&root, "description").unwrap_or_default();
        let backend = self.part::<BackendName>(&root, "backend");
        let seeds = self.seeds(&root, overrides);
        let cases = self.cases(&root, overrides);
        let plots = self.plots(&root);
        let lints = self.part::<Lints>(&root, "lints").unwrap_or_default();
        Some(Experiment {
            name: name?,
            description,
            backend,
            seeds,
            cases,
            plots,
            allowed_lints: lints.allow,
            source: self.source.clone(),
        })
    }

    fn parse(&mut self) -> Option<Map<String, Value>> {
        let parsed = serde_yaml::from_str::<serde_yaml::Value>(&self.source.text)
            .and_then(|mut value| value.apply_merge().map(|()| value));
        let value = match parsed {
            Ok(value) => value,
            // The parser says where the map begins; the key that is there twice is more to the point.
            Err(_) if !self.source.duplicates().is_empty() => {
                for (span, first) in self.source.duplicates() {
                    let message =
                        format!("key `{}` is here twice", &self.source.text[span.clone()]);
                    let (line, _) = self.source.line_column(first.start);
                    let help = format!("leave one out; the first is in line {line}");
                    self.problems.push(Problem::new(Some(span.clone()), message, help));
                }
                return None;
            }
            Err(error) => {
                let (message, span) = match error.location() {
                    Some(at) => {
                        let message = error.to_string();
                        let place = format!(" at line {} column {}", at.line(), at.column());
                        (message.replace(&place, ""), self.source.span_at(at.line(), at.column()))
                    }
                    None => (error.to_string(), 0..0),
                };
                let message = format!("not YAML that can be read: {message}");
                self.problems.push(Problem::new(Some(span), message, ""));
                return None;
            }
        };
        match serde_json::to_value(&value) {
            Ok(Value::Object(map)) => Some(map),
            Ok(_) => {
                let message = "an experiment file is a map of keys and values";
                self.problem(
                    &Path::default(),
                    message,
                    "begin with `name: …`, `model:`, `training:`",
                );
                None
            }
            Err(error) => {
                self.problem(&Path::default(), format!("a key or value is not plain: {error}"), "");
                None
            }
        }
    }

    /// Reads one top-level key, if the file has it.
    fn part<T: serde::de::DeserializeOwned>(
        &mut self,
        root: &Map<String, Value>,
        key: &str,
    ) -> Option<T> {
        match read(root.get(key)?.clone(), &Path::default().key(key)) {
            Ok(value) => Some(value),
            Err(findings) => {
                self.findings(findings);
                None
            }
        }
    }

    /// The file's `name:`, or else its file name.
    fn name(&mut self, root: &Map<String, Value>) -> Option<String> {
        let name = if root.contains_key("name") {
            self.part::<String>(root, "name")?
        } else {
            self.source.path.file_stem().unwrap_or_default().to_string_lossy().into_owned()
        };
        if let Some(why) = unfit_for_an_experiment(&name) {
            self.problem(
                &Path::default().key("name"),
                why,
                "give a `name:` of lowercase letters, digits, `_` and `-`, the first a letter or digit",
            );
            return None;
        }
        Some(name)
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

    /// The charts to draw, each read for itself so that every mistake is told.
    fn plots(&mut self, root: &Map<String, Value>) -> Option<Vec<Plot>> {
        let at = Path::default().key("plots");
        let list = match root.get("plots")? {
            Value::Array(list) => list,
            Value::Null
            | Value::Bool(_)
            | Value::Number(_)
            | Value::String(_)
            | Value::Object(_) => {
                let help = "list kinds of charts, as in `plots: [learning_curves, final_accuracy]`";
                self.problem(&at, "`plots` is a list of kinds of charts", help);
                return None;
            }
        };
        let mut plots = Vec::new();
        for (i, item) in list.iter().enumerate() {
            match read::<Plot>(item.clone(), &at.index(i)) {
                Ok(plot) if plots.contains(&plot) => {
                    self.problem(
                        &at.index(i),
                        format!("`{plot}` is listed twice"),
                        "leave one out",
                    );
                }
                Ok(plot) => plots.push(plot),
                Err(_) => {
                    let name = item.as_str().map_or_else(|| item.to_string(), str::to_owned);
                    let known = Plot::ALL.map(Plot::as_str);
                    let message = format!("unknown kind of chart `{name}`");
                    self.problem(&at.index(i), message, suggest(&name, &known));
                }
            }
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
        let grid = self.grid(root);
        self.no_set_over_grid(&grid, overrides);
        let mut cases = Vec::new();
        for (variant, overlay) in self.variants(root) {
            let mut tree = shared.clone();
            merge(&mut tree, &overlay, &Path::default());
            for point in points(&grid) {
                cases.extend(self.case(&variant, tree.clone(), point, overrides));
            }
        }
        let mut labels = HashSet::new();
        for case in &cases {
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
        cases
    }

    /// What `grid:` varies cannot be set for all: folders and tables would tell one value, and the
    /// training would use the other.
    fn no_set_over_grid(&mut self, grid: &[(String, Vec<Value>)], overrides: &Overrides) {
        for text in &overrides.set {
            let set = Path::dotted(text.split_once('=').map_or("", |(key, _)| key));
            let clash = grid.iter().find(|(key, _)| {
                let varied = Path::dotted(key);
                varied.starts_with(&set) || set.starts_with(&varied)
            });
            if let Some((key, _)) = clash {
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
            Some(_) => {
                let help =
                    "name at least one, as in `variants: { with_bn: { model: … }, without: {} }`";
                self.problem(&at, "`variants` is a map from names to changes", help);
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
                        self.problem(&at.key(key), message, suggest(key, &SETUP));
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

    /// Each grid key and its values.
    fn grid(&mut self, root: &Map<String, Value>) -> Vec<(String, Vec<Value>)> {
        let at = Path::default().key("grid");
        let help = "list values under dotted paths, as in `training.batch_size: [16, 32]`";
        let grid = match root.get("grid") {
            None | Some(Value::Null) => return Vec::new(),
            Some(Value::Object(grid)) => grid,
            Some(_) => {
                self.problem(&at, "`grid` is a map from dotted paths to lists of values", help);
                return Vec::new();
            }
        };
        let mut keys = Vec::new();
        for (key, values) in grid {
            let scalars = values.as_array().filter(|values| {
                !values.is_empty() && values.iter().all(|v| !v.is_array() && !v.is_object())
            });
            match scalars {
                Some(_) if !SETUP.contains(&key.split('.').next().unwrap_or_default()) => {
                    let message = format!("`{key}` is no path into an experiment");
                    self.problem(
                        &at.key(key),
                        message,
                        "begin with `dataset.`, `model.` or `training.`",
                    );
                }
                Some(values) => keys.push((key.clone(), values.clone())),
                None => self.problem(&at.key(key), format!("`{key}` needs a list of values"), help),
            }
        }
        let cases =
            keys.iter().map(|(_, values)| values.len()).try_fold(1_usize, usize::checked_mul);
        if cases.is_none_or(|cases| cases > MAX_CASES) {
            let message = format!("this grid has more than {MAX_CASES} points");
            self.problem(&at, message, "shorten its lists");
            return Vec::new();
        }
        keys
    }

    fn case(
        &mut self,
        variant: &str,
        mut tree: Value,
        grid: Vec<GridValue>,
        overrides: &Overrides,
    ) -> Option<Case> {
        let mut foreign = Vec::new();
        for point in &grid {
            let path = Path::dotted(&point.key);
            let key = Path::default().key("grid").key(&point.key);
            expand(&mut tree);
            match set(&mut tree, &path, point.value.clone()) {
                Ok(()) => foreign.push(Foreign { path, origin: Origin::Grid(key) }),
                Err(why) => {
                    let message =
                        format!("`{}` matches nothing in variant `{variant}`: {why}", point.key);
                    self.problem(&key, message, "a grid key is a path into every variant");
                    return None;
                }
            }
        }
        for text in &overrides.set {
            expand(&mut tree);
            match set_from_command_line(&mut tree, text) {
                Ok(path) => {
                    foreign.push(Foreign { path, origin: Origin::CommandLine(text.clone()) });
                }
                Err(why) => {
                    let message = format!("`--set {text}` cannot be followed: {why}");
                    let help = "write `--set key=value` with a dotted path, as in `--set training.epochs=2`";
                    self.problems.push(Problem::new(None, message, help));
                    return None;
                }
            }
        }
        expand(&mut tree);
        let (layers, mistakes) = unroll(&mut tree);
        let origins = Origins { foreign, layers };
        let repeats_well = mistakes.is_empty();
        for finding in mistakes {
            self.problems.push(origins.locate_as_written(&self.source, variant, finding));
        }
        let setup = read::<Setup>(tree, &Path::default()).and_then(|setup| match check(&setup) {
            findings if findings.is_empty() => Ok(setup),
            findings => Err(findings),
        });
        match setup {
            Ok(_) if !repeats_well => None,
            Ok(mut setup) => {
                setup.training.fill_in();
                let here = self.source.path.parent().unwrap_or(FilePath::new(""));
                for path in [&mut setup.dataset.idx, &mut setup.model.initial_weights] {
                    *path = path.as_ref().map(|path| here.join(path));
                }
                Some(Case { variant: variant.to_owned(), grid, setup, origins })
            }
            Err(findings) => {
                for finding in findings {
                    self.problems.push(origins.locate(&self.source, variant, finding));
                }
                None
            }
        }
    }
}

/// All combinations, the last key changing fastest.
fn points(grid: &[(String, Vec<Value>)]) -> Vec<Vec<GridValue>> {
    grid.iter().fold(vec![Vec::new()], |points, (key, values)| {
        let extend = |point: &Vec<GridValue>, value: &Value| {
            let mut point = point.clone();
            point.push(GridValue { key: key.clone(), value: value.clone() });
            point
        };
        points.iter().flat_map(|point| values.iter().map(move |v| extend(point, v))).collect()
    })
}

fn set_from_command_line(tree: &mut Value, text: &str) -> Result<Path, String> {
    let (key, value) = text.split_once('=').ok_or("there is no `=` in it")?;
    let first = key.split('.').next().unwrap_or_default();
    if !SETUP.contains(&first) {
        return Err(format!("`{first}` is not one of `dataset`, `model` and `training`"));
    }
    let value: Value = serde_yaml::from_str(value).map_err(|error| error.to_string())?;
    let path = Path::dotted(key);
    set(tree, &path, value)?;
    Ok(path)
}

/// Why a name cannot be an experiment's, if it cannot.
pub fn unfit_for_an_experiment(name: &str) -> Option<String> {
    let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
    let fits = name.len() <= 100
        && !is_a_device(name)
        && name.starts_with(plain)
        && name.chars().all(|c| plain(c) || c == '_' || c == '-');
    (!fits).then(|| format!("`{name}` cannot be an experiment's name, which is also a folder's"))
}

/// Why a name cannot be a folder's on every system, if it cannot.
fn unfit_for_a_folder(name: &str) -> Option<&'static str> {
    if name.is_empty() {
        Some("it is empty")
    } else if name.len() > 100 {
        Some("it is longer than 100 bytes")
    } else if name.starts_with('.') {
        Some("it begins with a dot")
    } else if name.trim() != name || name.ends_with('.') {
        Some("it begins or ends with a space, or ends with a dot")
    } else if is_a_device(name) {
        Some("it is a device's name on Windows")
    } else if [".csv", ".png", ".svg", ".html"].iter().any(|ending| name.ends_with(ending)) {
        Some("it ends like a file that the folder beside it has")
    } else if name.chars().any(|c| c.is_control() || "/\\:*?\"<>|,".contains(c)) {
        Some("it has one of / \\ : * ? \" < > | , or a control character")
    } else {
        None
    }
}

fn is_a_device(name: &str) -> bool {
    let stem = name.split('.').next().unwrap_or(name).to_ascii_lowercase();
    let numbered = |prefix: &str| {
        stem.strip_prefix(prefix).is_some_and(|rest| matches!(rest.as_bytes(), [b'1'..=b'9']))
    };
    matches!(stem.as_str(), "con" | "prn" | "aux" | "nul") || numbered("com") || numbered("lpt")
}
