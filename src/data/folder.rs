//! Four files in a folder, named as MNIST's: where they are, and whether they belong together.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread;

use super::error::{DataError, FileProblem, NearMiss};
use super::fashion_mnist::Manifest;
use super::idx::{self, Idx, Kind};
use super::remark::Remark;
use super::{Inspection, Shape, hex_checksum};

/// One of the four files.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Part {
    TrainImages,
    TrainLabels,
    TestImages,
    TestLabels,
}

impl Part {
    pub const ALL: [Self; 4] =
        [Self::TrainImages, Self::TrainLabels, Self::TestImages, Self::TestLabels];

    /// The file's name, without `.gz`.
    pub fn name(self) -> &'static str {
        match self {
            Self::TrainImages => "train-images-idx3-ubyte",
            Self::TrainLabels => "train-labels-idx1-ubyte",
            Self::TestImages => "t10k-images-idx3-ubyte",
            Self::TestLabels => "t10k-labels-idx1-ubyte",
        }
    }

    pub fn kind(self) -> Kind {
        match self {
            Self::TrainImages | Self::TestImages => Kind::Images,
            Self::TrainLabels | Self::TestLabels => Kind::Labels,
        }
    }

    /// Where the file is in `folder`: gzipped or not; `None` if it is not there.
    pub fn find(self, folder: &Path) -> Option<PathBuf> {
        self.candidates(folder).find(|path| path.exists())
    }

    /// Where the file may be, in the order of preference. Some programs write a dot for the second
    /// hyphen when they unpack `train-images-idx3-ubyte.gz`.
    fn candidates(self, folder: &Path) -> impl Iterator<Item = PathBuf> {
        let dotted = self.name().replace("-idx", ".idx");
        [self.name().to_owned(), dotted]
            .into_iter()
            .flat_map(|name| [format!("{name}.gz"), name])
            .map(move |name| folder.join(name))
    }

    /// What in `folder` may be meant to be this file.
    fn near(self, folder: &Path) -> Option<NearMiss> {
        let entries = || fs::read_dir(folder).into_iter().flatten().flatten();
        let mut files: Vec<String> = entries()
            .filter(|entry| entry.path().is_file())
            .map(|entry| entry.file_name().to_string_lossy().into_owned())
            .filter(|name| self.resembles(name))
            .collect();
        files.sort();
        if let Some(found) = files.into_iter().next() {
            let archive = |end: &&str| found.to_lowercase().ends_with(end);
            let is_archive =
                [".zip", ".tar", ".tgz", ".xz", ".bz2", ".zst", ".7z"].iter().any(archive);
            let is_gzip = found.to_lowercase().ends_with(".gz");
            let expected = if is_gzip { self.gzipped_name() } else { self.name() };
            return Some(match is_archive || found.to_lowercase().ends_with(".tar.gz") {
                true => NearMiss::Archive { found, expected: self.name() },
                false => NearMiss::Name { found, expected },
            });
        }
        let mut folders: Vec<PathBuf> =
            entries().map(|entry| entry.path()).filter(|path| path.is_dir()).collect();
        folders.sort();
        let below = folders.iter().flat_map(|folder| [folder.clone(), folder.join("raw")]);
        let is_complete =
            |folder: &PathBuf| Self::ALL.iter().all(|part| part.find(folder).is_some());
        below.into_iter().find(is_complete).map(NearMiss::Below)
    }

    /// Whether a name says that a file holds this part: `emnist-letters-test-images-idx3-ubyte`.
    fn resembles(self, name: &str) -> bool {
        let name = name.to_lowercase();
        let training = name.contains("train");
        let testing = name.contains("t10k") || name.contains("test");
        match self {
            Self::TrainImages => training && name.contains("image"),
            Self::TrainLabels => training && name.contains("label"),
            Self::TestImages => testing && name.contains("image"),
            Self::TestLabels => testing && name.contains("label"),
        }
    }

    fn gzipped_name(self) -> &'static str {
        match self {
            Self::TrainImages => "train-images-idx3-ubyte.gz",
            Self::TrainLabels => "train-labels-idx1-ubyte.gz",
            Self::TestImages => "t10k-images-idx3-ubyte.gz",
            Self::TestLabels => "t10k-labels-idx1-ubyte.gz",
        }
    }
}

/// A folder to read from, with what is expected of it.
pub(super) struct Folder<'a> {
    pub path: &'a Path,
    /// The published content, for a data set known by name.
    pub manifest: Option<&'a Manifest>,
    /// What the user can do about a bad or missing file here.
    pub remedy: &'static str,
    /// What the user can do if there is no such folder.
    pub if_missing: &'static str,
}

/// The four files in memory; they agree with each other.
#[derive(Debug)]
pub(super) struct Contents {
    pub shape: Shape,
    /// The identity of the data; see [`hex_checksum`].
    pub checksum: String,
    pub train_images: Arc<Vec<u8>>,
    pub train_labels: Arc<Vec<u8>>,
    pub test_images: Arc<Vec<u8>>,
    pub test_labels: Arc<Vec<u8>>,
}

impl Folder<'_> {
    /// Reads, checks and hashes the four files, on two threads.
    ///
    /// # Errors
    /// Names the missing or bad file, or the two files that disagree.
    pub fn read(&self) -> Result<Contents, DataError> {
        for part in Part::ALL {
            self.find(part)?;
        }
        // The training images are six sevenths of the work.
        let (train_images, others) = thread::scope(|scope| {
            let train_images = scope.spawn(|| self.read_part(Part::TrainImages));
            let others = [Part::TrainLabels, Part::TestImages, Part::TestLabels]
                .map(|part| self.read_part(part));
            (train_images.join().expect("reading a file does not panic"), others)
        });
        let train_images = train_images?;
        let [train_labels, test_images, test_labels] = others;
        let (train_labels, test_images, test_labels) = (train_labels?, test_images?, test_labels?);

        self.same_count(
            (Part::TrainImages, train_images.rows),
            (Part::TrainLabels, train_labels.rows),
        )?;
        self.same_count(
            (Part::TestImages, test_images.rows),
            (Part::TestLabels, test_labels.rows),
        )?;
        let size = (train_images.height, train_images.width);
        self.same_size(size, (test_images.height, test_images.width))?;
        Ok(Contents {
            shape: Shape {
                height: size.0,
                width: size.1,
                classes: classes(&train_labels.body, &test_labels.body),
                rows: train_labels.rows,
            },
            checksum: hex_checksum(&[&train_images, &train_labels, &test_images, &test_labels]),
            train_images: Arc::new(train_images.body),
            train_labels: Arc::new(train_labels.body),
            test_images: Arc::new(test_images.body),
            test_labels: Arc::new(test_labels.body),
        })
    }

    /// The shape, and what is unusual about the labels, from the two headers and the labels,
    /// without the pixels.
    ///
    /// # Errors
    /// As [`read`](Self::read), for what can be told without the pixels.
    pub fn inspect_labels(&self) -> Result<Inspection, DataError> {
        let header = |part: Part| {
            let path = self.find(part)?;
            let promise = idx::read_header(&path, part.kind())
                .map_err(|problem| self.bad_file(path, problem))?;
            Ok((promise.rows as usize, (promise.height as usize, promise.width as usize)))
        };
        let (train_rows, size) = header(Part::TrainImages)?;
        let (test_rows, test_size) = header(Part::TestImages)?;
        let train_labels = self.read_part(Part::TrainLabels)?;
        let test_labels = self.read_part(Part::TestLabels)?;
        self.same_count((Part::TrainImages, train_rows), (Part::TrainLabels, train_labels.rows))?;
        self.same_count((Part::TestImages, test_rows), (Part::TestLabels, test_labels.rows))?;
        self.same_size(size, test_size)?;
        let classes = classes(&train_labels.body, &test_labels.body);
        let shape = Shape { height: size.0, width: size.1, classes, rows: train_rows };
        let remarks = Remark::of_labels(&train_labels.body, classes).into_iter().collect();
        Ok(Inspection { shape, test_rows, labels: Some(train_labels.body), remarks })
    }

    /// Files that could be meant for the same part. They are read, which takes its time.
    pub fn duplicates(&self) -> Vec<Remark> {
        let duplicates = |part: Part| {
            let mut found = part.candidates(self.path).filter(|path| path.exists());
            let used = found.next()?;
            let others: Vec<PathBuf> = found.collect();
            let content = |path: &PathBuf| idx::read(path, part.kind()).ok().map(|idx| idx.sha256);
            let same =
                |path: &PathBuf| content(path).is_some_and(|sha256| Some(sha256) == content(&used));
            let differs = !others.iter().all(same);
            (!others.is_empty()).then_some(Remark::Duplicates { used, others, differs })
        };
        Part::ALL.into_iter().filter_map(duplicates).collect()
    }

    /// Reads one file and compares it with the published one, where there is one.
    pub fn read_part(&self, part: Part) -> Result<Idx, DataError> {
        let path = self.find(part)?;
        read_checked(&path, part, self.manifest).map_err(|problem| self.bad_file(path, problem))
    }

    fn find(&self, part: Part) -> Result<PathBuf, DataError> {
        let folder = || self.path.to_owned();
        part.find(self.path).ok_or_else(|| match self.path.is_dir() {
            true => DataError::MissingFile {
                folder: folder(),
                name: part.name(),
                near: part.near(self.path),
                remedy: self.remedy,
            },
            false => DataError::NoFolder { folder: folder(), remedy: self.if_missing },
        })
    }

    fn bad_file(&self, path: PathBuf, problem: FileProblem) -> DataError {
        DataError::BadFile { path, problem, remedy: self.remedy }
    }

    fn same_count(&self, images: (Part, usize), labels: (Part, usize)) -> Result<(), DataError> {
        if images.1 == labels.1 {
            return Ok(());
        }
        Err(DataError::Disagreement {
            folder: self.path.to_owned(),
            disagreement: format!(
                "{} holds {} images but {} holds {} labels; every image needs one label",
                images.0.name(),
                images.1,
                labels.0.name(),
                labels.1
            ),
        })
    }

    fn same_size(&self, train: (usize, usize), test: (usize, usize)) -> Result<(), DataError> {
        if train == test {
            return Ok(());
        }
        Err(DataError::Disagreement {
            folder: self.path.to_owned(),
            disagreement: format!(
                "{} holds images of {} × {} pixels but {} of {} × {}; all must have one size",
                Part::TrainImages.name(),
                train.0,
                train.1,
                Part::TestImages.name(),
                test.0,
                test.1
            ),
        })
    }
}

/// Reads one file, wherever it is, and compares it with the published one, where there is one.
pub(super) fn read_checked(
    path: &Path,
    part: Part,
    manifest: Option<&Manifest>,
) -> Result<Idx, FileProblem> {
    let idx = idx::read(path, part.kind())?;
    if let Some(manifest) = manifest {
        manifest.check(part, &idx.sha256)?;
    }
    Ok(idx)
}

/// Labels count from 0, so the highest one tells the number of classes.
fn classes(train: &[u8], test: &[u8]) -> usize {
    train.iter().chain(test).max().map_or(0, |&highest| usize::from(highest) + 1)
}
