//! Fashion-MNIST: what its files contain, where they are looked for, and in which order.
//!
//! Checksums are pinned for the decompressed content, because mirrors compress differently.

use std::path::{Path, PathBuf};

use etcetera::BaseStrategy;

use super::debian;
use super::error::{DataError, FileProblem, Tried};
use super::fetch::{self, Sources};
use super::folder::{Contents, Folder, Part, read_checked};
use super::http::Patience;
use super::idx::hex;
use super::{DataOptions, FileReport, Shape};

/// The classes, by label.
pub(super) const CLASS_NAMES: [&str; 10] = [
    "T-shirt/top",
    "Trouser",
    "Pullover",
    "Dress",
    "Coat",
    "Sandal",
    "Shirt",
    "Sneaker",
    "Bag",
    "Ankle boot",
];

pub(super) const SHAPE: Shape =
    Shape { height: 28, width: 28, classes: CLASS_NAMES.len(), rows: 60_000 };

/// Number of test images.
pub(super) const TEST_ROWS: usize = 10_000;

/// Public mirrors of the official files. The second is the authors' own server and does not
/// speak HTTPS; the pinned checksums make up for it.
const MIRRORS: [&str; 3] = [
    "https://raw.githubusercontent.com/zalandoresearch/fashion-mnist/master/data/fashion",
    "http://fashion-mnist.s3-website.eu-central-1.amazonaws.com",
    "https://storage.googleapis.com/tensorflow/tf-keras-datasets",
];

/// What `--data-dir` may also be: the folder above, as this program and torchvision lay it out.
const SUBFOLDERS: [&str; 3] = ["fashion_mnist", "fashion-mnist", "FashionMNIST/raw"];

/// The published content of the four files.
#[derive(Debug, Clone)]
pub(super) struct Manifest {
    /// sha256 of the decompressed file in hex, and its size in bytes, in the order of
    /// [`Part::ALL`].
    files: [(String, u64); 4],
}

impl Manifest {
    pub fn fashion_mnist() -> Self {
        let file = |sha256: &str, bytes| (sha256.to_owned(), bytes);
        Self {
            files: [
                file(
                    "c59f468a2f672dc815687fe0f83887768d799fd8a3f3276145d20f83aa44d888",
                    47_040_016,
                ),
                file("bad3541b69d912435c50bb6ba87bec294ff4f6a2e1246121d8633921760443d9", 60_008),
                file("5b4141f0afbad91edebe8549f8fcffe087ea10ca49f1dbef5c9a5cd8815ce37b", 7_840_016),
                file("0402a96d92fd2663957122ceb108a494c5af83dab82d92729df917d7dec38c34", 10_008),
            ],
        }
    }

    /// A manifest of other files, decompressed, in the order of [`Part::ALL`].
    #[cfg(test)]
    pub fn of(files: &[Vec<u8>; 4]) -> Self {
        use sha2::{Digest, Sha256};
        Self { files: files.each_ref().map(|f| (hex(&Sha256::digest(f)), f.len() as u64)) }
    }

    fn file(&self, part: Part) -> &(String, u64) {
        let [train_images, train_labels, test_images, test_labels] = &self.files;
        match part {
            Part::TrainImages => train_images,
            Part::TrainLabels => train_labels,
            Part::TestImages => test_images,
            Part::TestLabels => test_labels,
        }
    }

    /// The size of the decompressed file.
    pub fn bytes(&self, part: Part) -> u64 {
        self.file(part).1
    }

    /// Whether this is the published file; if not, whether it is another one of the four.
    pub fn check(&self, part: Part, sha256: &[u8; 32]) -> Result<(), FileProblem> {
        let found = hex(sha256);
        let expected = &self.file(part).0;
        if *expected == found {
            return Ok(());
        }
        let twin = Part::ALL.into_iter().find(|&other| self.file(other).0 == found);
        Err(FileProblem::Checksum { expected: expected.clone(), found, twin: twin.map(Part::name) })
    }
}

/// Whose folder it is decides what happens to a bad file in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Owner {
    /// `--data-dir`: an error.
    User,
    /// Our own: fetched again.
    Cache,
    /// The Debian package's: an error.
    System,
}

impl Owner {
    fn remedy(self) -> &'static str {
        match self {
            Self::User => {
                "put the right file there, or leave out --data-dir (BN_RUNNER_DATA_DIR) to have \
                 Fashion-MNIST found or fetched"
            }
            Self::Cache => "run `bn-runner data fetch` to fetch it again",
            Self::System => {
                "reinstall the Debian package dataset-fashion-mnist, or name another folder with \
                 --data-dir"
            }
        }
    }

    /// Whether the folder is to be read. An incomplete cache is what an interrupted fetch leaves
    /// behind; elsewhere a missing file is worth an error.
    fn offers(self, folder: &Path) -> bool {
        match self {
            Self::Cache => is_complete(folder),
            Self::User | Self::System => has_some(folder),
        }
    }
}

/// A folder that may have the files.
struct Place {
    path: PathBuf,
    owner: Owner,
}

/// Where to look, and where to fetch from.
#[derive(Debug)]
pub(super) struct Search {
    pub manifest: Manifest,
    /// The user's folder.
    pub data_dir: Option<PathBuf>,
    /// Our own folder; `None` where the user has no home.
    pub cache: Option<PathBuf>,
    /// Where the Debian package is installed.
    pub system: PathBuf,
    pub sources: Sources,
    pub progress: bool,
}

impl Search {
    pub fn new(options: &DataOptions) -> Self {
        let cache = options.cache_dir.clone().or_else(|| {
            let user = etcetera::choose_base_strategy().ok()?;
            Some(user.cache_dir().join("bn-runner").join("fashion_mnist"))
        });
        let public = MIRRORS.iter().filter(|_| !options.offline).map(ToString::to_string);
        Self {
            manifest: Manifest::fashion_mnist(),
            data_dir: options.data_dir.clone(),
            cache,
            system: PathBuf::from(debian::INSTALLED),
            sources: Sources {
                mirrors: options.url.iter().cloned().chain(public).collect(),
                debian: !options.offline,
                patience: Patience::USUAL,
            },
            progress: options.progress,
        }
    }

    /// Finds the files, or fetches them into the cache; reads and verifies them. Returns them
    /// with the folder they are in.
    ///
    /// # Errors
    /// [`DataError::NotFound`] with everything that was tried. A bad or missing file among others
    /// in the user's or the system's folder is an error at once.
    pub fn obtain(&self) -> Result<(PathBuf, Contents), DataError> {
        let mut tried = Tried::default();
        let mut fetched = false;
        for Place { path, owner } in self.places() {
            if !owner.offers(&path) {
                if owner == Owner::User {
                    eprintln!("{}: {}; looking elsewhere", path.display(), nothing_in(&path));
                }
                tried.push_folder(&path, nothing_in(&path));
                continue;
            }
            match self.read(&path, owner) {
                Err(DataError::BadFile { path: file, problem, .. }) if owner == Owner::Cache => {
                    eprintln!("{}: {problem}; fetching it again", file.display());
                    tried.push_folder(&file, problem);
                    fetched = true;
                    if self.fetch(&path, &mut tried) {
                        return Ok((path.clone(), self.read(&path, owner)?));
                    }
                }
                outcome => return Ok((path, outcome?)),
            }
        }
        match &self.cache {
            Some(cache) if !fetched && self.fetch(cache, &mut tried) => {
                return Ok((cache.clone(), self.read(cache, Owner::Cache)?));
            }
            Some(_) => {}
            None => tried.push("cache folder", "none, because this user has no home folder"),
        }
        Err(DataError::NotFound { tried })
    }

    /// The folder that [`obtain`](Self::obtain) reads first, if it need not fetch; the files'
    /// content is not looked at.
    pub fn locate(&self) -> Option<PathBuf> {
        self.places().into_iter().map(|place| place.path).find(|path| is_complete(path))
    }

    /// What is wrong with each of the four files in the first folder that has any of them.
    ///
    /// # Errors
    /// [`DataError::NotFound`] if there is no such folder.
    pub fn verify(&self) -> Result<Vec<FileReport>, DataError> {
        let mut tried = Tried::default();
        for Place { path, .. } in self.places() {
            if has_some(&path) {
                return Ok(Part::ALL.map(|part| self.report(&path, part)).into());
            }
            tried.push_folder(&path, nothing_in(&path));
        }
        tried.push("mirrors and Debian's archive", "not asked; `bn-runner data fetch` does");
        Err(DataError::NotFound { tried })
    }

    fn report(&self, folder: &Path, part: Part) -> FileReport {
        match part.find(folder) {
            Some(path) => {
                let outcome = read_checked(&path, part, Some(&self.manifest));
                FileReport { path, problem: outcome.err().map(|problem| problem.to_string()) }
            }
            None => FileReport {
                path: folder.join(format!("{}.gz", part.name())),
                problem: Some("is missing".to_owned()),
            },
        }
    }

    /// In the order in which they are looked into.
    fn places(&self) -> Vec<Place> {
        let user = self.data_dir.as_ref().map(|dir| {
            let mut below = SUBFOLDERS.iter().map(|sub| dir.join(sub));
            let path = if has_some(dir) { None } else { below.find(|path| has_some(path)) };
            Place { path: path.unwrap_or_else(|| dir.clone()), owner: Owner::User }
        });
        let cache = self.cache.clone().map(|path| Place { path, owner: Owner::Cache });
        let system = Place { path: self.system.clone(), owner: Owner::System };
        user.into_iter().chain(cache).chain([system]).collect()
    }

    fn read(&self, folder: &Path, owner: Owner) -> Result<Contents, DataError> {
        let remedy = owner.remedy();
        Folder { path: folder, manifest: Some(&self.manifest), remedy, if_missing: remedy }.read()
    }

    fn fetch(&self, cache: &Path, tried: &mut Tried) -> bool {
        fetch::fill(cache, &self.manifest, &self.sources, self.progress, tried)
    }
}

fn has_some(folder: &Path) -> bool {
    Part::ALL.iter().any(|part| part.find(folder).is_some())
}

fn is_complete(folder: &Path) -> bool {
    Part::ALL.iter().all(|part| part.find(folder).is_some())
}

/// Why a folder was passed over.
fn nothing_in(folder: &Path) -> &'static str {
    if has_some(folder) {
        "has only some of the four files"
    } else if folder.is_dir() {
        "has none of the four files (train-images-idx3-ubyte.gz, …)"
    } else {
        "no such folder"
    }
}
