//! A bench for tests of the program as a whole: a temporary folder with a tiny data set and
//! experiment files, the built program running in it, and what the program said and left there.

#![allow(
    dead_code,
    reason = "each test file compiles this module for itself and uses a part of it"
)]

use std::collections::{BTreeMap, HashMap};
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::OnceLock;

use bn_runner::backend::{self, Opened};
use bn_runner::spec::BackendName;

/// Classes of the tiny data set.
pub const CLASSES: usize = 4;
/// Pixels of one of its images.
pub const PIXELS: usize = SIDE * SIDE;
const SIDE: usize = 8;
const TRAIN_ROWS: usize = 200;
const TEST_ROWS: usize = 40;

/// Two variants with two seeds each on the tiny data set: `slow` cannot learn, `quick` does.
pub const TINY: &str = "\
name: tiny
description: Which corner is lit.
dataset: { idx: data, validation: 40 }
model:
  layers:
    - flatten
    - dense: { units: 16, activation: relu }
    - dense: { units: 4, activation: softmax }
training:
  optimizer: { sgd: { learning_rate: 0.1 } }
  batch_size: 16
  epochs: 3
seeds: [1, 2]
variants:
  slow: { training: { optimizer: { sgd: { learning_rate: 0.000001 } } } }
  quick: {}
";

/// Its trials.
pub const TRIALS: [&str; 4] = ["slow/seed-1", "slow/seed-2", "quick/seed-1", "quick/seed-2"];

/// The program on one temporary folder, which is also its working directory.
pub struct Bench {
    folder: tempfile::TempDir,
    environment: Vec<(String, String)>,
}

impl Bench {
    /// A folder with the tiny data set in `data`.
    pub fn new() -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder can be made");
        let bench = Self { folder, environment: Vec::new() };
        bench.write_data("data");
        bench
    }

    /// A folder with the tiny data set and one experiment file.
    pub fn with(file: &str, text: &str) -> Self {
        Self::new().file(file, text)
    }

    /// Adds or replaces a file.
    pub fn file(self, name: &str, content: impl AsRef<[u8]>) -> Self {
        self.write(name, content);
        self
    }

    /// Adds a variable to the program's environment; the test's own stays as it is.
    pub fn variable(mut self, name: &str, value: &str) -> Self {
        self.environment.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Writes a file.
    pub fn write(&self, name: &str, content: impl AsRef<[u8]>) {
        let path = self.path(name);
        std::fs::create_dir_all(path.parent().expect("it is inside the folder")).unwrap();
        std::fs::write(&path, content).unwrap();
    }

    /// Writes the four files of the tiny data set.
    pub fn write_data(&self, folder: &str) {
        let mut noise = Noise(0x2545_f491);
        for (prefix, rows) in [("train", TRAIN_ROWS), ("t10k", TEST_ROWS)] {
            let mut images = idx_header(0x803, &[rows, SIDE, SIDE]);
            let mut labels = idx_header(0x801, &[rows]);
            for row in 0..rows {
                let class = row % CLASSES;
                labels.push(class as u8);
                images.extend((0..PIXELS).map(|pixel| lit(pixel, class) + noise.below(100)));
            }
            self.write(&format!("{folder}/{prefix}-images-idx3-ubyte"), images);
            self.write(&format!("{folder}/{prefix}-labels-idx1-ubyte"), labels);
        }
    }

    /// A path inside the folder.
    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// A file's bytes.
    pub fn bytes(&self, name: &str) -> Vec<u8> {
        std::fs::read(self.path(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
    }

    /// A file's text.
    pub fn text(&self, name: &str) -> String {
        String::from_utf8(self.bytes(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
    }

    /// A JSON file.
    pub fn json(&self, name: &str) -> serde_json::Value {
        serde_json::from_str(&self.text(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
    }

    /// A CSV file's rows, each a map from column to cell.
    pub fn table(&self, name: &str) -> Vec<HashMap<String, String>> {
        csv::Reader::from_reader(self.text(name).as_bytes())
            .deserialize()
            .collect::<Result<_, _>>()
            .unwrap_or_else(|error| panic!("{name}: {error}"))
    }

    /// A `metrics.csv` without its time columns, which no two runs share.
    pub fn numbers(&self, trial: &str) -> String {
        let text = self.text(&format!("{trial}/metrics.csv"));
        let cut = |line: &str| {
            let cells: Vec<&str> = line.split(',').collect();
            assert_eq!(cells.len(), 8, "{trial}: {line}");
            cells[..6].join(",") + "\n"
        };
        text.lines().map(cut).collect()
    }

    /// The metrics of all four trials of the tiny experiment, time columns aside.
    pub fn all_numbers(&self, results: &str) -> Vec<String> {
        TRIALS.iter().map(|trial| self.numbers(&format!("{results}/tiny/{trial}"))).collect()
    }

    /// The saved weights by their Keras names.
    pub fn weights(&self, trial: &str) -> BTreeMap<String, Weight> {
        let bytes = self.bytes(&format!("{trial}/model.safetensors"));
        let tensors = safetensors::SafeTensors::deserialize(&bytes).expect("it is safetensors");
        let weight = |(name, view): (String, safetensors::tensor::TensorView<'_>)| {
            assert_eq!(view.dtype(), safetensors::Dtype::F32, "{name}");
            (name, Weight { shape: view.shape().to_vec(), bytes: view.data().to_vec() })
        };
        tensors.tensors().into_iter().map(weight).collect()
    }

    /// Names in a folder, sorted.
    pub fn names(&self, folder: &str) -> Vec<String> {
        let entries = std::fs::read_dir(self.path(folder))
            .unwrap_or_else(|error| panic!("{folder}: {error}"));
        let mut names: Vec<String> =
            entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        // What the program notes for itself, and may be deleted, is nobody's business.
        names.retain(|name| name != ".bn-runner");
        names.sort();
        names
    }

    /// Whether something is there.
    pub fn has(&self, name: &str) -> bool {
        self.path(name).exists()
    }

    /// Runs the program here. Arguments are parted by spaces, so none can hold one; see
    /// [`Bench::bn_runner_with`].
    pub fn bn_runner(&self, arguments: &str) -> Ended {
        self.bn_runner_with(&arguments.split_whitespace().collect::<Vec<_>>())
    }

    /// Runs the program here with these very arguments.
    pub fn bn_runner_with(&self, arguments: &[&str]) -> Ended {
        let output = self.command(arguments).output().expect("the program starts");
        if output.status.success() {
            self.fits_the_schema(arguments);
        }
        Ended::of(&arguments.join(" "), output)
    }

    /// Starts the program here and lets it run.
    pub fn start(&self, arguments: &str) -> Child {
        let arguments: Vec<&str> = arguments.split_whitespace().collect();
        self.command(&arguments)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the program starts")
    }

    /// Waits for the end of a program that was started here.
    pub fn wait(child: Child) -> Ended {
        Ended::of("…", child.wait_with_output().expect("it can be waited for"))
    }

    /// The program with these arguments, in the folder, not started yet.
    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_bn-runner"));
        command
            .args(arguments)
            .current_dir(self.folder.path())
            .envs(self.environment.iter().map(|(name, value)| (name, value)));
        command
    }
}

/// Sends a signal, as in `INT`.
#[cfg(unix)]
pub fn send(child: &Child, signal: &str) {
    let id = child.id().to_string();
    let sent = Command::new("kill").args(["-s", signal, &id]).status().expect("`kill` is there");
    assert!(sent.success(), "no signal {signal} to {id}");
}

impl Bench {
    /// Every experiment file that the program takes fits the schema, unless it is whole only by
    /// what the command line adds.
    #[track_caller]
    fn fits_the_schema(&self, arguments: &[&str]) {
        let reads = ["run", "check", "summary"].map(Some).contains(&arguments.first().copied());
        let adds = arguments.iter().any(|argument| ["-s", "--set"].contains(argument));
        let files = arguments.iter().filter(|argument| argument.ends_with(".yaml"));
        for file in files.filter(|_| reads && !adds) {
            // A file with keys that are no JSON keys, as `~`, is not one that a schema can judge.
            let bytes = std::fs::read(self.folder.path().join(file)).unwrap();
            let Some(value) = yaml(&bytes) else { continue };
            validate(&value).unwrap_or_else(|error| panic!("{file}: {error}"));
        }
    }
}

/// What YAML says, as JSON; `None` if it is no YAML or nothing that JSON can hold.
pub fn yaml(bytes: &[u8]) -> Option<serde_json::Value> {
    let mut value: serde_yaml::Value = serde_yaml::from_slice(bytes).ok()?;
    value.apply_merge().ok()?;
    serde_json::to_value(value).ok()
}

/// Holds an experiment file against the schema.
pub fn validate(file: &serde_json::Value) -> Result<(), String> {
    static SCHEMA: OnceLock<(boon::Schemas, boon::SchemaIndex)> = OnceLock::new();
    let (schemas, schema) = SCHEMA.get_or_init(|| {
        let mut schemas = boon::Schemas::new();
        let mut compiler = boon::Compiler::new();
        compiler.add_resource("experiment.json", bn_runner::schema::experiment()).unwrap();
        let schema = compiler.compile("experiment.json", &mut schemas).unwrap();
        (schemas, schema)
    });
    schemas.validate(file, *schema).map_err(|error| error.to_string())
}

/// The files of a folder whose names end so, sorted.
pub fn files_in(folder: &Path, extension: &str) -> Vec<PathBuf> {
    let entries =
        std::fs::read_dir(folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    let paths = entries.map(|entry| entry.unwrap().path());
    let mut files: Vec<_> =
        paths.filter(|path| path.extension().is_some_and(|end| end == extension)).collect();
    files.sort();
    files
}

/// The broken files of some kinds.
pub fn broken(kinds: &[&str]) -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/broken");
    kinds.iter().flat_map(|kind| files_in(&folder.join(kind), "yaml")).collect()
}

/// One saved tensor.
#[derive(Debug, PartialEq, Eq)]
pub struct Weight {
    pub shape: Vec<usize>,
    pub bytes: Vec<u8>,
}

/// What came of running the program.
pub struct Ended {
    command: String,
    code: Option<i32>,
    pub stdout: String,
    pub stderr: String,
}

impl Ended {
    fn of(command: &str, output: Output) -> Self {
        Self {
            command: command.to_owned(),
            code: output.status.code(),
            stdout: String::from_utf8(output.stdout).expect("it prints UTF-8"),
            stderr: String::from_utf8(output.stderr).expect("it prints UTF-8"),
        }
    }

    /// Holds the exit code against the one expected.
    #[track_caller]
    pub fn exits(self, code: i32) -> Self {
        assert_eq!(self.code, Some(code), "{self}");
        self
    }

    /// Looks for words on standard output.
    #[track_caller]
    pub fn prints(self, words: &str) -> Self {
        assert!(self.stdout.contains(words), "no {words:?} on standard output of {self}");
        self
    }

    /// Looks for words on standard error.
    #[track_caller]
    pub fn says(self, words: &str) -> Self {
        assert!(self.stderr.contains(words), "no {words:?} on standard error of {self}");
        self
    }

    /// Makes sure that words are not on standard error.
    #[track_caller]
    pub fn never_says(self, words: &str) -> Self {
        assert!(!self.stderr.contains(words), "{words:?} is on standard error of {self}");
        self
    }
}

impl std::fmt::Display for Ended {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { command, code, stdout, stderr } = self;
        write!(f, "`bn-runner {command}` ({code:?})\n-- stdout\n{stdout}-- stderr\n{stderr}")
    }
}

/// A text with one part of it replaced, which must be in it exactly once.
#[track_caller]
pub fn edited(text: &str, part: &str, replacement: &str) -> String {
    assert_eq!(text.matches(part).count(), 1, "{part:?} is not once in\n{text}");
    text.replace(part, replacement)
}

/// The experiment files that come with the program.
pub fn experiments() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("experiments")
}

/// Says by name that a test could not be done on this machine. Where tests are run for good
/// (`CI=true`), that is a failure.
#[track_caller]
pub fn skipped(test: &str, why: &str) {
    assert!(std::env::var("CI").as_deref() != Ok("true"), "{test} cannot be skipped here: {why}");
    // Unlike `eprintln!`, this is seen although the test passes.
    let _ = writeln!(std::io::stderr(), "skipped: {test}: {why}");
}

/// A backend's device, or, where this machine has none for it, the word that the test that asks is
/// skipped.
#[track_caller]
pub fn open(backend: BackendName) -> Option<Opened> {
    let opened = backend::open(backend);
    if let Err(error) = &opened {
        let test = std::thread::current().name().unwrap_or("a test").to_owned();
        skipped(&test, &error.to_string());
    }
    opened.ok()
}

/// The brightness of a pixel before noise: one quarter of the image, another for each class.
fn lit(pixel: usize, class: usize) -> u8 {
    let (row, column) = (pixel / SIDE, pixel % SIDE);
    let quarter = row / (SIDE / 2) * 2 + column / (SIDE / 2);
    if quarter == class { 150 } else { 0 }
}

fn idx_header(magic: u32, dimensions: &[usize]) -> Vec<u8> {
    let dimensions = dimensions.iter().map(|&size| u32::try_from(size).unwrap());
    std::iter::once(magic).chain(dimensions).flat_map(u32::to_be_bytes).collect()
}

/// Numbers without a pattern, the same in every test (xorshift).
struct Noise(u32);

impl Noise {
    fn below(&mut self, limit: u32) -> u8 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 17;
        self.0 ^= self.0 << 5;
        u8::try_from(self.0 % limit).unwrap()
    }
}
