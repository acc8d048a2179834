//! What can go wrong with the data: every message names the file, what was expected, and the way out.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

use super::idx::Kind;
use crate::spec::Validation;

/// Why a data set could not be loaded. The command line turns each of them into exit code 3.
#[derive(Debug, thiserror::Error)]
pub enum DataError {
    /// `dataset:` names no data set, or two.
    #[error("dataset: give either `name` or `idx`, and only one of them")]
    NameOrIdx,

    /// The folder of a data set does not exist.
    #[error("`{}` {}; {remedy}", folder.display(), if folder.exists() { "is not a folder" } else { "does not exist" })]
    NoFolder {
        /// The folder.
        folder: PathBuf,
        /// What to do about it.
        remedy: &'static str,
    },

    /// A folder lacks one of the four files.
    #[error("{}: no file {name}.gz or {name} in this folder; {}", folder.display(), near.as_ref().map_or_else(|| (*remedy).to_owned(), ToString::to_string))]
    MissingFile {
        /// The folder that was looked into.
        folder: PathBuf,
        /// The file's name, without `.gz`.
        name: &'static str,
        /// What may be meant to be this file.
        near: Option<NearMiss>,
        /// What to do about it, if nothing else is near.
        remedy: &'static str,
    },

    /// The data is not what a recorded trial was trained on.
    #[error(
        "the data in {place} is not what the trial was trained on: its checksum is {found}, the \
         recorded one is {recorded}; {remedy}"
    )]
    OtherContent {
        /// Where the data is.
        place: String,
        /// The recorded checksum.
        recorded: String,
        /// That of the data.
        found: String,
        /// What to do about it.
        remedy: &'static str,
    },

    /// A file is there and is not what it should be.
    #[error("{}: {problem}; {remedy}", path.display())]
    BadFile {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        problem: FileProblem,
        /// What to do about it.
        remedy: &'static str,
    },

    /// Images and labels, or train and test, do not belong together.
    #[error("{}: {disagreement}", folder.display())]
    Disagreement {
        /// The folder with the four files.
        folder: PathBuf,
        /// Which two files disagree, and about what.
        disagreement: String,
    },

    /// A PNG file that is none, or of another size.
    #[error("{}: {problem}", path.display())]
    BadImage {
        /// The file.
        path: PathBuf,
        /// What is wrong with it, and what is expected.
        problem: String,
    },

    /// Neither a folder nor a source had Fashion-MNIST.
    #[error(
        "Fashion-MNIST was not found on this machine and could not be fetched; tried in turn:\n{tried}\n\
         put its four files into a folder and name it with --data-dir (or BN_RUNNER_DATA_DIR), \
         or install the Debian package dataset-fashion-mnist, \
         or set BN_RUNNER_DATA_URL to the address of a mirror"
    )]
    NotFound {
        /// Every place and source, with what came of it.
        tried: Tried,
    },

    /// The split leaves nothing to train on, or nothing to validate on.
    #[error("dataset.validation: {unfit}; {}", unfit.remedy)]
    Unsplittable {
        /// How, and what to do about it.
        unfit: Unsplittable,
    },

    /// A limit of zero.
    #[error("dataset.{key}: 0 leaves no images; give at least 1, or leave the key out for all")]
    ZeroLimit {
        /// `train_limit` or `test_limit`.
        key: &'static str,
    },
}

/// A file or folder that may be meant to be a missing file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NearMiss {
    /// A file with a similar name.
    Name {
        /// Its name.
        found: String,
        /// The name that it needs.
        expected: &'static str,
    },
    /// A file in an archive that is not gzip.
    Archive {
        /// Its name.
        found: String,
        /// The name that the unpacked file needs.
        expected: &'static str,
    },
    /// A folder below that has all four files.
    Below(PathBuf),
}

impl fmt::Display for NearMiss {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Name { found, expected } => {
                write!(f, "if `{found}` is this file, rename it to `{expected}`")
            }
            Self::Archive { found, expected } => {
                write!(f, "`{found}` is an archive: unpack it, and name the file `{expected}`")
            }
            Self::Below(folder) => {
                write!(f, "the files are in `{}`: name that folder", folder.display())
            }
        }
    }
}

/// Training images that cannot be split as asked for.
#[derive(Debug, thiserror::Error)]
#[error("{validation} of {rows} training images leave none to {purpose} on")]
pub struct Unsplittable {
    validation: Validation,
    rows: usize,
    /// What there would be no images for: `train` or `validate`.
    purpose: &'static str,
    /// What to do about it.
    pub remedy: String,
}

impl Unsplittable {
    /// Why so many training images cannot be split so, if they cannot.
    pub fn of(validation: Validation, rows: usize) -> Option<Self> {
        let unfit = |purpose, remedy| Some(Self { validation, rows, purpose, remedy });
        let kept_apart = validation.rows(rows);
        match validation {
            Validation::Count(count) if count >= rows => {
                unfit("train", format!("keep it below {rows}"))
            }
            Validation::Share(_) if kept_apart >= rows => {
                unfit("train", "give a smaller fraction".to_owned())
            }
            Validation::Share(_) if kept_apart == 0 => {
                unfit("validate", "give a larger fraction, or write `validation: 0`".to_owned())
            }
            Validation::Count(_) | Validation::Share(_) => None,
        }
    }
}

/// What is wrong with the content of one file.
#[derive(Debug, thiserror::Error)]
pub enum FileProblem {
    /// Cannot be opened or read at all.
    #[error("cannot be read: {0}")]
    Unreadable(io::Error),

    /// The gzip stream is damaged.
    #[error("is corrupt: {0}")]
    Corrupt(io::Error),

    /// The first four bytes are no IDX magic number.
    #[error("is not an IDX file: begins with {}, expected {expected}", hex_list(start))]
    NotIdx {
        /// The first four bytes, fewer in a shorter file.
        start: Vec<u8>,
        /// What should be there.
        expected: Kind,
    },

    /// An IDX file of another kind, as when images and labels were swapped.
    #[error("holds {}, expected {expected}", describe_magic(*magic))]
    WrongKind {
        /// The magic number found.
        magic: u32,
        /// What should be there.
        expected: Kind,
    },

    /// The header promises no rows, or images without pixels.
    #[error("is empty: header promises {promise}")]
    Empty {
        /// The dimensions in the header.
        promise: Promise,
    },

    /// Fewer bytes than the header promises.
    #[error("is truncated: header promises {promise}, found {found}")]
    Truncated {
        /// The dimensions in the header.
        promise: Promise,
        /// Bytes after the header.
        found: u64,
    },

    /// A header that a file of this size cannot keep.
    #[error("is truncated: header promises {promise}, more than a file of {file} bytes can hold")]
    Unbelievable {
        /// The dimensions in the header.
        promise: Promise,
        /// The size of the file on disk.
        file: u64,
    },

    /// More bytes than the header promises.
    #[error("is too long: header promises {promise}, and more follows")]
    TooLong {
        /// The dimensions in the header.
        promise: Promise,
    },

    /// A well-formed file with other content than the published one.
    #[error("{}checksum of the decompressed content differs: expected sha256 {expected}, found {found}", belongs(*twin))]
    Checksum {
        /// Pinned sha256, hex.
        expected: String,
        /// sha256 of what is there, hex.
        found: String,
        /// The file of the same data set whose content this is, if it is one.
        twin: Option<&'static str>,
    },
}

/// The dimensions that an IDX header promises.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Promise {
    /// What the file holds.
    pub kind: Kind,
    /// Number of images or labels.
    pub rows: u32,
    /// Pixels per column; 1 for labels.
    pub height: u32,
    /// Pixels per row; 1 for labels.
    pub width: u32,
}

impl Promise {
    /// The number of bytes after the header. Three `u32`s multiplied fit a `u128`.
    pub fn bytes(&self) -> u128 {
        u128::from(self.rows) * u128::from(self.height) * u128::from(self.width)
    }
}

impl fmt::Display for Promise {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { rows, height, width, .. } = self;
        match self.kind {
            Kind::Images => write!(f, "{rows} × {height} × {width} = {} bytes", self.bytes()),
            Kind::Labels => write!(f, "{rows} labels = {rows} bytes"),
        }
    }
}

/// The places and sources that were tried, with what came of each, in order.
#[derive(Debug, Default)]
pub struct Tried(Vec<(String, String)>);

impl Tried {
    /// Remembers that `place` failed, and why.
    pub(super) fn push(&mut self, place: impl fmt::Display, reason: impl fmt::Display) {
        self.0.push((place.to_string(), reason.to_string()));
    }

    /// Remembers that a folder failed, and why.
    pub(super) fn push_folder(&mut self, folder: &Path, reason: impl fmt::Display) {
        self.push(folder.display(), reason);
    }
}

impl fmt::Display for Tried {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, (place, reason)) in self.0.iter().enumerate() {
            let end = if i + 1 < self.0.len() { "\n" } else { "" };
            write!(f, "  {place}: {reason}{end}")?;
        }
        Ok(())
    }
}

fn hex_list(bytes: &[u8]) -> String {
    if bytes.is_empty() {
        return "nothing (0 bytes)".to_owned();
    }
    bytes.iter().map(|b| format!("{b:02x}")).collect::<Vec<_>>().join(" ")
}

fn describe_magic(magic: u32) -> String {
    match Kind::of_magic(magic) {
        Some(kind) => kind.to_string(),
        None => format!("IDX data of another type or shape (IDX magic {magic:#x})"),
    }
}

fn belongs(twin: Option<&'static str>) -> String {
    match twin {
        Some(name) => format!("holds the content of {name}; "),
        None => String::new(),
    }
}
