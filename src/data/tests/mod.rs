//! Finding, fetching and splitting, on tiny files, with mirrors on this machine.

mod files;
mod mirrors;
mod places;
mod server;

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::Duration;

use tempfile::TempDir;

use super::fashion_mnist::{Manifest, Search};
use super::fetch::Sources;
use super::folder::Part;
use super::http::Patience;
use super::idx::make;
use super::*;
use server::Server;

/// Six training and three test images of 2 × 2 pixels, in the order of [`Part::ALL`].
fn tiny() -> [Vec<u8>; 4] {
    [
        make::images(6, 2, 2, &(0..24).collect::<Vec<u8>>()),
        make::labels(&[0, 1, 2, 0, 1, 2]),
        make::images(3, 2, 2, &(100..112).collect::<Vec<u8>>()),
        make::labels(&[2, 1, 0]),
    ]
}

/// Writes the tiny files, gzipped, and gives the folder.
pub(super) fn tiny_folder() -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    write_tiny(folder.path());
    folder
}

fn write_tiny(folder: &Path) {
    fs::create_dir_all(folder).unwrap();
    for (part, content) in Part::ALL.iter().zip(tiny()) {
        fs::write(zipped(folder, *part), make::gzip(&content)).unwrap();
    }
}

fn zipped(folder: &Path, part: Part) -> PathBuf {
    folder.join(format!("{}.gz", part.name()))
}

/// Names of the files in a folder, sorted, without the lock.
fn names(folder: &Path) -> Vec<String> {
    let mut names: Vec<String> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|name| name != ".lock")
        .collect();
    names.sort();
    names
}

/// A machine without Fashion-MNIST: nothing in its folders, no sources.
struct Machine {
    root: TempDir,
    search: Search,
}

impl Machine {
    fn new() -> Self {
        let root = tempfile::tempdir().unwrap();
        let second = Duration::from_secs(1);
        let search = Search {
            manifest: Manifest::of(&tiny()),
            data_dir: None,
            cache: Some(root.path().join("home/cache")),
            system: root.path().join("system"),
            sources: Sources {
                mirrors: Vec::new(),
                debian: false,
                patience: Patience { connect: 5 * second, stall: 5 * second, total: 60 * second },
            },
            progress: false,
        };
        Self { root, search }
    }

    fn with_mirrors<const N: usize>(mirrors: [&Server; N]) -> Self {
        let mut machine = Self::new();
        machine.search.sources.mirrors = mirrors.map(|mirror| mirror.address.clone()).into();
        machine
    }

    fn cache(&self) -> PathBuf {
        self.root.path().join("home/cache")
    }

    /// The folder in which the data was found, or the error's message.
    fn obtain(&self) -> Result<PathBuf, String> {
        match self.search.obtain() {
            Ok((folder, contents)) => {
                assert_eq!(*contents.train_images, (0..24).collect::<Vec<u8>>());
                Ok(folder)
            }
            Err(e) => Err(e.to_string()),
        }
    }
}

#[test]
fn fashion_mnist_is_what_the_book_says() {
    let options = DataOptions { offline: true, ..DataOptions::default() };
    if locate(&options).is_none() {
        // Unlike `eprintln!`, this is seen although the test passes.
        let _ = writeln!(
            std::io::stderr(),
            "skipped: fashion_mnist_is_what_the_book_says: Fashion-MNIST is not on this machine; \
             `bn-runner data fetch` gets it"
        );
        assert_ne!(std::env::var("CI").as_deref(), Ok("true"), "nothing is skipped in CI");
        return;
    }
    let spec = DatasetSpec {
        name: Some(DatasetName::FashionMnist),
        idx: None,
        validation: Validation::Count(5000),
        scaling: Scaling::Unit,
        train_limit: None,
        test_limit: None,
        augment: None,
    };
    let data = load(&spec, &options).unwrap();
    assert_eq!((data.train.len(), data.validation.len(), data.test.len()), (55_000, 5_000, 10_000));
    assert_eq!(shape(&spec).unwrap(), Shape { height: 28, width: 28, classes: 10, rows: 60_000 });
    assert_eq!((data.height, data.width, data.classes), (28, 28, 10));
    // The book's first training image is a coat.
    assert_eq!(data.class_names[usize::from(data.train.labels()[0])], "Coat");
    assert_eq!(data.train.image(0).len(), 784);
    // The published mean of all 60,000 images is 0.2860.
    let sum: u64 = [&data.train, &data.validation]
        .iter()
        .flat_map(|split| split.images().flatten())
        .map(|&byte| u64::from(byte))
        .sum();
    let mean = sum as f64 / (60_000.0 * 784.0 * 255.0);
    assert!((mean - 0.2860).abs() < 5e-5, "{mean}");
}
