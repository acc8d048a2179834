//! The images: found or fetched, verified, split, and kept in memory as bytes.
//!
//! A [`Library`] gives [`Dataset`]s of three [`Split`]s; turning bytes into numbers on a device is
//! not done here. `idx` reads one file and knows nothing of data sets; `folder` reads four and
//! checks that they belong together; `fashion_mnist` knows the published content and where to
//! look for it; `fetch` fills the cache, over `http` or with `debian`'s package.

mod augment;
mod batches;
mod debian;
mod error;
mod fashion_mnist;
mod fetch;
mod folder;
mod http;
mod idx;
mod images;
mod library;
mod remark;
mod split;
mod standardize;
#[cfg(test)]
mod tests;

use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

pub use batches::{Feed, Scaler};
pub use error::{DataError, FileProblem, NearMiss, Promise, Tried, Unsplittable};
pub use idx::Kind;
pub use images::Images;
pub use library::Library;
pub use remark::Remark;
pub use split::Split;
pub use standardize::{Standardization, standardization};

use crate::spec::{DatasetName, DatasetSpec, Scaling, Validation, ValidationShare};
use fashion_mnist::Search;
use folder::{Contents, Folder};

const IDX_REMEDY: &str = "dataset.idx needs train-images-idx3-ubyte, train-labels-idx1-ubyte, \
                          t10k-images-idx3-ubyte and t10k-labels-idx1-ubyte in MNIST's format, \
                          each with or without .gz; `train-images.idx3-ubyte` is read, too";

const IDX_MOVED: &str =
    "correct `dataset.idx`, or say with `--idx FOLDER` where the data set is now";

/// Where data may come from. Nothing here is read from the environment: the caller does that.
#[derive(Debug, Clone, Default)]
pub struct DataOptions {
    /// `--data-dir`, `BN_RUNNER_DATA_DIR`: looked into first. It may hold the four files, or a
    /// folder `fashion_mnist`, `fashion-mnist` or `FashionMNIST/raw` with them.
    pub data_dir: Option<PathBuf>,
    /// Where fetched files are kept; `None` for `bn-runner/fashion_mnist` in the user's cache
    /// folder.
    pub cache_dir: Option<PathBuf>,
    /// `BN_RUNNER_DATA_URL`: the address of a folder with the four files, asked before all public
    /// mirrors.
    pub url: Option<String>,
    /// `BN_RUNNER_OFFLINE`: no public mirror and no Debian archive is asked. `url` still is, as
    /// it may well be on this machine or in this house.
    pub offline: bool,
    /// Progress bars, if standard error is a terminal.
    pub progress: bool,
}

/// A data set in memory, split.
#[derive(Debug, Clone)]
pub struct Dataset {
    /// `fashion_mnist`, or the folder's name.
    pub name: String,
    /// Pixels per column.
    pub height: usize,
    /// Pixels per row.
    pub width: usize,
    /// Labels are below this.
    pub classes: usize,
    /// Images in the training files, before any split or limit.
    pub rows: usize,
    /// One per class: Fashion-MNIST's own, else "0", "1", …
    pub class_names: Vec<String>,
    /// The identity of the data whatever its compression: sha256 in hex over four lines, each
    /// the sha256 in hex of one decompressed file (train images, train labels, test images, test
    /// labels). `for f in …; do zcat $f | sha256sum | cut -c-64; done | sha256sum` gives the same.
    pub checksum: String,
    /// How the bytes are to become numbers.
    pub scaling: Scaling,
    /// The training images that are not kept apart for validation, in the file's order.
    pub train: Split,
    /// Those that are: the first, or the first of each class.
    pub validation: Split,
    /// The images of the test files.
    pub test: Split,
}

/// What a network needs to know of a data set to be built for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Shape {
    /// Pixels per column.
    pub height: usize,
    /// Pixels per row.
    pub width: usize,
    /// Labels are below this.
    pub classes: usize,
    /// Images to train and validate on.
    pub rows: usize,
}

/// What is known of a data set without its images.
#[derive(Debug, Clone)]
pub struct Inspection {
    /// What a network is built for.
    pub shape: Shape,
    /// Images to test on.
    pub test_rows: usize,
    /// Labels of the training images in the order of the file; `None` for a data set known by name,
    /// whose files need not be there yet.
    pub labels: Option<Vec<u8>>,
    /// What is unusual about the files.
    pub remarks: Vec<Remark>,
}

/// What [`verify`] found out about one file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileReport {
    /// The file, or where it should be.
    pub path: PathBuf,
    /// What is wrong with it; `None` if it is the published file.
    pub problem: Option<String>,
}

/// The shape of a data set, without loading it: known beforehand for Fashion-MNIST; for a folder
/// read from its headers and labels.
///
/// # Errors
/// For a folder: the missing or bad file.
pub fn shape(spec: &DatasetSpec) -> Result<Shape, DataError> {
    match source(spec)? {
        Source::Named(DatasetName::FashionMnist) => Ok(fashion_mnist::SHAPE),
        Source::Folder(path) => Ok(idx_folder(path).inspect_labels()?.shape),
    }
}

/// The shape of a data set, and what is unusual about its files.
///
/// # Errors
/// As [`shape`].
pub fn inspect(spec: &DatasetSpec) -> Result<Inspection, DataError> {
    match source(spec)? {
        Source::Named(DatasetName::FashionMnist) => Ok(Inspection {
            shape: fashion_mnist::SHAPE,
            test_rows: fashion_mnist::TEST_ROWS,
            labels: None,
            remarks: Vec::new(),
        }),
        Source::Folder(path) => {
            let folder = idx_folder(path);
            let mut found = folder.inspect_labels()?;
            found.remarks.extend(folder.duplicates());
            Ok(found)
        }
    }
}

/// Finds (or fetches), verifies and splits a data set. All of it is in memory once, one byte per
/// pixel; the splits share it.
///
/// # Errors
/// The data cannot be had or is not what it should be, or the split leaves nothing to train or
/// test on.
pub fn load(spec: &DatasetSpec, options: &DataOptions) -> Result<Dataset, DataError> {
    split(spec, &read(spec, options)?)
}

/// Finds Fashion-MNIST, or fetches it into the cache; verifies it either way. Returns the folder.
///
/// # Errors
/// As [`load`].
pub fn fetch(options: &DataOptions) -> Result<PathBuf, DataError> {
    Ok(Search::new(options).obtain()?.0)
}

/// Checks Fashion-MNIST's four files against the published ones, in the first folder that has any
/// of them. Fetches nothing.
///
/// # Errors
/// [`DataError::NotFound`] if no folder has any of them; bad files are reports, not errors.
pub fn verify(options: &DataOptions) -> Result<Vec<FileReport>, DataError> {
    Search::new(options).verify()
}

/// The folder with Fashion-MNIST's four files, if there is one. Their content is not looked at.
pub fn locate(options: &DataOptions) -> Option<PathBuf> {
    Search::new(options).locate()
}

/// The names of a data set's classes, without loading it.
///
/// # Errors
/// When the spec names no data set, or two.
pub fn class_names(spec: &DatasetSpec, shape: Shape) -> Result<Vec<String>, DataError> {
    match source(spec)? {
        Source::Named(DatasetName::FashionMnist) => {
            Ok(fashion_mnist::CLASS_NAMES.map(str::to_owned).into())
        }
        Source::Folder(_) => Ok(numbered(shape.classes)),
    }
}

/// Classes that have no names but their numbers.
fn numbered(classes: usize) -> Vec<String> {
    (0..classes).map(|class| class.to_string()).collect()
}

/// Where a spec says the data is.
enum Source<'a> {
    Named(DatasetName),
    Folder(&'a Path),
}

fn source(spec: &DatasetSpec) -> Result<Source<'_>, DataError> {
    match (spec.name, &spec.idx) {
        (Some(name), None) => Ok(Source::Named(name)),
        (None, Some(folder)) => Ok(Source::Folder(folder.as_path())),
        (None, None) | (Some(_), Some(_)) => Err(DataError::NameOrIdx),
    }
}

fn idx_folder(path: &Path) -> Folder<'_> {
    Folder { path, manifest: None, remedy: IDX_REMEDY, if_missing: IDX_MOVED }
}

/// The last part of the folder's path, also of `.` and `data/..`.
fn folder_name(path: &Path) -> String {
    let absolute = path.canonicalize().unwrap_or_else(|_| path.to_owned());
    let name = absolute.file_name().unwrap_or(absolute.as_os_str());
    name.to_string_lossy().into_owned()
}

/// A data set's files in memory, not yet split.
#[derive(Debug)]
struct Raw {
    name: String,
    class_names: Vec<String>,
    contents: Contents,
}

fn read(spec: &DatasetSpec, options: &DataOptions) -> Result<Raw, DataError> {
    match source(spec)? {
        Source::Named(DatasetName::FashionMnist) => Ok(Raw {
            name: "fashion_mnist".to_owned(),
            class_names: fashion_mnist::CLASS_NAMES.map(str::to_owned).into(),
            contents: Search::new(options).obtain()?.1,
        }),
        Source::Folder(path) => {
            let contents = idx_folder(path).read()?;
            let class_names = numbered(contents.shape.classes);
            Ok(Raw { name: folder_name(path), class_names, contents })
        }
    }
}

/// Validation first, then training, as the book does it.
fn split(spec: &DatasetSpec, raw: &Raw) -> Result<Dataset, DataError> {
    let Contents { shape, checksum, train_images, train_labels, test_images, test_labels } =
        &raw.contents;
    let rows = train_labels.len();
    let validation = spec.validation.rows(rows);
    if let Some(unfit) = Unsplittable::of(spec.validation, rows) {
        return Err(DataError::Unsplittable { unfit });
    }
    let first = |limit: Option<usize>, rows: usize, key| match limit {
        Some(0) => Err(DataError::ZeroLimit { key }),
        Some(limit) => Ok(limit.min(rows)),
        None => Ok(rows),
    };
    let training = first(spec.train_limit, rows - validation, "train_limit")?;
    let testing = first(spec.test_limit, test_labels.len(), "test_limit")?;
    let pixels = shape.height * shape.width;
    let (train, validation) = match spec.validation {
        Validation::Share(share @ ValidationShare { stratified: true, .. }) => {
            let (validation, train) = of_each_class(share, train_labels, shape.classes);
            let of_train = |rows| Split::of_rows(train_images, train_labels, pixels, rows);
            (of_train(&train[..training]), of_train(&validation))
        }
        Validation::Share(ValidationShare { stratified: false, .. }) | Validation::Count(_) => {
            let of_train = |rows| Split::new(train_images, train_labels, pixels, rows);
            (of_train(validation..validation + training), of_train(0..validation))
        }
    };
    Ok(Dataset {
        name: raw.name.clone(),
        height: shape.height,
        width: shape.width,
        classes: shape.classes,
        rows: shape.rows,
        class_names: raw.class_names.clone(),
        checksum: checksum.clone(),
        scaling: spec.scaling,
        train,
        validation,
        test: Split::new(test_images, test_labels, pixels, 0..testing),
    })
}

/// The rows to validate on, the first of each class, and all others, both in order.
fn of_each_class(share: ValidationShare, labels: &[u8], classes: usize) -> (Vec<u32>, Vec<u32>) {
    let mut there = vec![0; classes];
    for label in labels {
        there[usize::from(*label)] += 1;
    }
    let mut wanted = share.of_classes(&there);
    (0..labels.len() as u32).partition(|row| {
        let wanted = &mut wanted[usize::from(labels[*row as usize])];
        let take = *wanted > 0;
        *wanted -= usize::from(take);
        take
    })
}

/// The identity of four files; see [`Dataset::checksum`].
fn hex_checksum(files: &[&idx::Idx; 4]) -> String {
    let mut hash = Sha256::new();
    for file in files {
        hash.update(idx::hex(&file.sha256));
        hash.update("\n");
    }
    idx::hex(&hash.finalize())
}
