//! Finding, fetching and splitting, on tiny files, with mirrors on this machine.

use std::collections::HashMap;
use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use sha2::{Digest, Sha256};
use tempfile::TempDir;

use super::fashion_mnist::{Manifest, Search};
use super::fetch::Sources;
use super::folder::Part;
use super::http::Patience;
use super::idx::{hex, make};
use super::*;

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

/// What a server answers for one file.
#[derive(Clone)]
enum Answer {
    Whole(Vec<u8>),
    /// Announces the length and closes after half.
    HalfThenClose(Vec<u8>),
    /// Announces the length and goes silent after half.
    HalfThenSilence(Vec<u8>),
    /// Announces no length and sends this many bytes.
    Unannounced(usize),
}

/// A web server on this machine; it ends with the test's process.
struct Server {
    address: String,
    asked: Arc<Mutex<Vec<String>>>,
}

impl Server {
    /// Serves files by name, and 404 for the rest.
    fn new(files: HashMap<String, Answer>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = format!("http://{}/mirror/", listener.local_addr().unwrap());
        let asked = Arc::new(Mutex::new(Vec::new()));
        let log = Arc::clone(&asked);
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (files, log) = (files.clone(), Arc::clone(&log));
                thread::spawn(move || answer(stream, &files, &log));
            }
        });
        Self { address, asked }
    }

    /// Serves the tiny files, gzipped, with one of them replaced.
    fn with(part: Part, answer: Answer) -> Self {
        let mut files = Self::tiny_files();
        files.insert(format!("{}.gz", part.name()), answer);
        Self::new(files)
    }

    fn good() -> Self {
        Self::new(Self::tiny_files())
    }

    fn tiny_files() -> HashMap<String, Answer> {
        let names = Part::ALL.map(|part| format!("{}.gz", part.name()));
        names.into_iter().zip(tiny().map(|c| Answer::Whole(make::gzip(&c)))).collect()
    }

    fn asked(&self) -> Vec<String> {
        self.asked.lock().unwrap().clone()
    }
}

fn answer(mut stream: TcpStream, files: &HashMap<String, Answer>, log: &Mutex<Vec<String>>) {
    let mut reader = BufReader::new(stream.try_clone().unwrap());
    let mut request = String::new();
    reader.read_line(&mut request).unwrap();
    let mut header = String::new();
    while reader.read_line(&mut header).unwrap() > 2 {
        header.clear();
    }
    let path = request.split(' ').nth(1).unwrap_or_default();
    let name = path.strip_prefix("/mirror/").unwrap_or_default().to_owned();
    let answer = files.get(&name).cloned();
    log.lock().unwrap().push(name);
    let head = |status: &str, length: Option<usize>| {
        let length = length.map_or(String::new(), |n| format!("Content-Length: {n}\r\n"));
        format!("HTTP/1.1 {status}\r\n{length}Connection: close\r\n\r\n").into_bytes()
    };
    // A client that has seen enough may hang up: a failing write is not the server's business.
    let _ = match answer {
        None => stream.write_all(&head("404 Not Found", Some(0))),
        Some(Answer::Whole(body)) => {
            stream.write_all(&[head("200 OK", Some(body.len())), body].concat())
        }
        Some(Answer::HalfThenClose(body)) => {
            stream.write_all(&[&head("200 OK", Some(body.len())), &body[..body.len() / 2]].concat())
        }
        Some(Answer::HalfThenSilence(body)) => {
            let half = [&head("200 OK", Some(body.len())), &body[..body.len() / 2]].concat();
            let sent = stream.write_all(&half);
            thread::sleep(Duration::from_secs(20));
            sent
        }
        Some(Answer::Unannounced(bytes)) => {
            stream.write_all(&[head("200 OK", None), vec![0; bytes]].concat())
        }
    };
}

#[test]
fn files_come_from_a_mirror_once_and_then_from_the_cache() {
    let server = Server::good();
    let machine = Machine::with_mirrors([&server]);
    assert_eq!(machine.search.locate(), None);
    assert_eq!(machine.obtain().unwrap(), machine.cache());
    assert_eq!(machine.obtain().unwrap(), machine.cache());
    assert_eq!(server.asked(), Part::ALL.map(|part| format!("{}.gz", part.name())));
    // Nothing temporary is left.
    assert_eq!(names(&machine.cache()).len(), 4);
    assert_eq!(machine.search.locate(), Some(machine.cache()));
}

#[test]
fn a_mirror_may_have_unpacked_the_files() {
    let plain = Part::ALL.map(|part| part.name().to_owned());
    let files = plain.clone().into_iter().zip(tiny().map(Answer::Whole)).collect();
    let machine = Machine::with_mirrors([&Server::new(files)]);
    // A bad gzipped file must not hide the good one that replaces it.
    write_tiny(&machine.cache());
    fs::write(zipped(&machine.cache(), Part::TestLabels), b"bad").unwrap();
    machine.obtain().unwrap();
    assert!(names(&machine.cache()).contains(&Part::TestLabels.name().to_owned()));
    assert!(!zipped(&machine.cache(), Part::TestLabels).exists());
    machine.obtain().unwrap();
}

/// What is said of a mirror where `part` is answered so; checks that nothing bad is kept.
fn complaint(part: Part, answer: Answer) -> String {
    let silent = matches!(answer, Answer::HalfThenSilence(_));
    let server = Server::with(part, answer);
    let mut machine = Machine::with_mirrors([&server]);
    if silent {
        machine.search.sources.patience.stall = Duration::from_millis(300);
    }
    let message = machine.obtain().unwrap_err();
    assert!(part.find(&machine.cache()).is_none());
    assert!(names(&machine.cache()).iter().all(|name| name.ends_with(".gz")));
    assert!(message.contains(&server.address), "{message}");
    message
}

#[test]
fn a_truncated_file_is_named_with_what_was_promised() {
    let [images, ..] = tiny();
    let message =
        complaint(Part::TrainImages, Answer::Whole(make::gzip(&images[..images.len() - 4])));
    assert!(
        message.contains(
            "train-images-idx3-ubyte from there is truncated: \
             header promises 6 × 2 × 2 = 24 bytes, found 20"
        ),
        "{message}"
    );
}

#[test]
fn a_corrupt_file_is_named() {
    let mut labels = make::gzip(&tiny()[3]);
    let crc = labels.len() - 7;
    labels[crc] ^= 0x40;
    let message = complaint(Part::TestLabels, Answer::Whole(labels));
    assert!(message.contains("t10k-labels-idx1-ubyte from there is corrupt"), "{message}");
}

#[test]
fn swapped_files_are_named() {
    let [train_images, _, _, test_labels] = tiny();
    let message = complaint(Part::TrainLabels, Answer::Whole(train_images));
    assert!(
        message.contains("holds images (IDX magic 0x803), expected labels (IDX magic 0x801)"),
        "{message}"
    );
    let message = complaint(Part::TrainLabels, Answer::Whole(test_labels.clone()));
    assert!(message.contains("holds the content of t10k-labels-idx1-ubyte"), "{message}");
    assert!(message.contains(&hex(&Sha256::digest(test_labels))), "{message}");
}

#[test]
fn other_well_formed_content_is_refused_by_its_checksum() {
    let other = make::labels(&[0, 1, 2]);
    let message = complaint(Part::TestLabels, Answer::Whole(other.clone()));
    let expected = format!(
        "checksum of the decompressed content differs: expected sha256 {}, found {}",
        hex(&Sha256::digest(&tiny()[3])),
        hex(&Sha256::digest(other))
    );
    assert!(message.contains(&expected), "{message}");
}

#[test]
fn a_connection_that_breaks_or_stalls_is_given_up() {
    let body = make::gzip(&tiny()[2]);
    let broken = complaint(Part::TestImages, Answer::HalfThenClose(body.clone()));
    assert!(broken.contains("t10k-images-idx3-ubyte.gz: "), "{broken}");
    let start = Instant::now();
    let stalled = complaint(Part::TestImages, Answer::HalfThenSilence(body));
    assert!(stalled.contains("timeout"), "{stalled}");
    assert!(start.elapsed() < Duration::from_secs(10));
}

#[test]
fn endless_answers_are_cut() {
    let message = complaint(Part::TrainLabels, Answer::Unannounced(3 << 20));
    assert!(message.contains("more than the file can have"), "{message}");
    let message = complaint(Part::TrainLabels, Answer::Whole(vec![0; 3 << 20]));
    assert!(message.contains("answers 3145728 bytes"), "{message}");
}

#[test]
fn a_mirror_without_the_files_says_so_and_the_next_one_is_asked() {
    let (empty, good) = (Server::new(HashMap::new()), Server::good());
    let message = Machine::with_mirrors([&empty]).obtain().unwrap_err();
    assert!(message.contains("train-images-idx3-ubyte.gz: not found (HTTP 404)"), "{message}");
    assert!(message.contains("--data-dir"), "{message}");
    assert!(message.contains("dataset-fashion-mnist"), "{message}");
    assert!(message.contains("BN_RUNNER_DATA_URL"), "{message}");
    Machine::with_mirrors([&empty, &good]).obtain().unwrap();
}

#[test]
fn what_one_mirror_had_is_not_asked_of_the_next() {
    let body = make::gzip(&tiny()[2]);
    let (half, good) =
        (Server::with(Part::TestImages, Answer::HalfThenClose(body)), Server::good());
    Machine::with_mirrors([&half, &good]).obtain().unwrap();
    assert_eq!(good.asked(), ["t10k-images-idx3-ubyte.gz", "t10k-labels-idx1-ubyte.gz"]);
}

#[test]
fn a_bad_file_in_the_cache_is_fetched_again_and_only_that() {
    let server = Server::good();
    let machine = Machine::with_mirrors([&server]);
    write_tiny(&machine.cache());
    fs::write(zipped(&machine.cache(), Part::TrainLabels), make::gzip(&tiny()[0])).unwrap();
    machine.obtain().unwrap();
    assert_eq!(server.asked(), ["train-labels-idx1-ubyte.gz"]);
}

#[test]
fn a_bad_cache_without_sources_gives_way_to_the_system_or_is_reported() {
    let machine = Machine::new();
    write_tiny(&machine.cache());
    fs::write(zipped(&machine.cache(), Part::TrainLabels), make::gzip(&tiny()[0])).unwrap();
    let message = machine.obtain().unwrap_err();
    assert!(message.contains("train-labels-idx1-ubyte.gz: holds images"), "{message}");
    assert!(message.contains("BN_RUNNER_OFFLINE"), "{message}");
    write_tiny(&machine.search.system);
    assert_eq!(machine.obtain().unwrap(), machine.search.system);
}

#[test]
fn folders_are_looked_into_in_order() {
    let mut machine = Machine::new();
    let user = machine.root.path().join("user");
    write_tiny(&machine.search.system);
    assert_eq!(machine.obtain().unwrap(), machine.search.system);
    write_tiny(&machine.cache());
    assert_eq!(machine.obtain().unwrap(), machine.cache());
    machine.search.data_dir = Some(user.clone());
    assert_eq!(machine.obtain().unwrap(), machine.cache());
    write_tiny(&user.join("FashionMNIST/raw"));
    assert_eq!(machine.obtain().unwrap(), user.join("FashionMNIST/raw"));
    write_tiny(&user);
    assert_eq!(machine.obtain().unwrap(), user);
}

#[test]
fn a_bad_or_missing_file_of_the_users_is_an_error() {
    let user = tiny_folder();
    let mut machine = Machine::new();
    machine.search.data_dir = Some(user.path().to_owned());
    write_tiny(&machine.cache());
    let labels = zipped(user.path(), Part::TestLabels);
    fs::write(&labels, make::gzip(&make::labels(&[1]))).unwrap();
    let message = machine.obtain().unwrap_err();
    assert!(message.contains("t10k-labels-idx1-ubyte.gz: checksum"), "{message}");
    assert!(message.contains("--data-dir"), "{message}");
    fs::remove_file(&labels).unwrap();
    let message = machine.obtain().unwrap_err();
    assert!(
        message.contains("no file t10k-labels-idx1-ubyte.gz or t10k-labels-idx1-ubyte"),
        "{message}"
    );
}

#[test]
fn several_processes_fetch_once() {
    let server = Server::good();
    let machine = Machine::with_mirrors([&server]);
    thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| machine.obtain().unwrap());
        }
    });
    assert_eq!(server.asked().len(), 4);
}

#[test]
fn leftovers_of_interrupted_fetches_are_swept_away() {
    let machine = Machine::with_mirrors([&Server::good()]);
    fs::create_dir_all(machine.cache().join(".debian-x/state")).unwrap();
    fs::write(machine.cache().join(".download-x"), "half").unwrap();
    machine.obtain().unwrap();
    assert_eq!(names(&machine.cache()).len(), 4);
}

#[test]
fn verify_reports_each_file() {
    let machine = Machine::new();
    assert!(machine.search.verify().unwrap_err().to_string().contains("data fetch"));
    write_tiny(&machine.cache());
    assert!(machine.search.verify().unwrap().iter().all(|report| report.problem.is_none()));
    fs::remove_file(zipped(&machine.cache(), Part::TrainLabels)).unwrap();
    fs::write(zipped(&machine.cache(), Part::TestImages), b"<html>").unwrap();
    let problems: Vec<_> =
        machine.search.verify().unwrap().into_iter().map(|report| report.problem).collect();
    assert_eq!(problems[0], None);
    assert_eq!(problems[1].as_deref(), Some("is missing"));
    assert!(problems[2].as_ref().unwrap().starts_with("is not an IDX file"));
    assert_eq!(problems[3], None);
}

#[test]
fn ones_own_mirror_comes_first_and_offline_means_no_public_source() {
    let own = "http://data.example.org/".to_owned();
    let mut options = DataOptions { url: Some(own.clone()), ..DataOptions::default() };
    let online = Search::new(&options).sources;
    assert_eq!(online.mirrors[0], own);
    assert!(online.mirrors.len() > 2 && online.debian);
    options.offline = true;
    let offline = Search::new(&options).sources;
    assert_eq!(offline.mirrors, [own]);
    assert!(!offline.debian);
}

/// `idx: folder`, with no validation images.
fn idx_spec(folder: &Path) -> DatasetSpec {
    DatasetSpec {
        name: None,
        idx: Some(folder.to_owned()),
        validation: Validation::Count(0),
        scaling: Scaling::Unit,
        train_limit: None,
        test_limit: None,
        augment: None,
    }
}

fn load_idx(spec: &DatasetSpec) -> Result<Dataset, String> {
    load(spec, &DataOptions::default()).map_err(|e| e.to_string())
}

#[test]
fn any_four_files_in_mnist_format_are_a_data_set() {
    let folder = tiny_folder();
    // One of them unpacked.
    fs::remove_file(zipped(folder.path(), Part::TestLabels)).unwrap();
    fs::write(folder.path().join(Part::TestLabels.name()), &tiny()[3]).unwrap();
    let data = load_idx(&idx_spec(folder.path())).unwrap();
    assert_eq!(data.name, folder.path().file_name().unwrap().to_str().unwrap());
    assert_eq!((data.height, data.width, data.classes), (2, 2, 3));
    assert_eq!(data.class_names, ["0", "1", "2"]);
    assert_eq!(data.test.labels(), [2, 1, 0]);
    assert_eq!(data.test.image(1), [104, 105, 106, 107]);
    let lines: String = tiny().iter().map(|c| hex(&Sha256::digest(c)) + "\n").collect();
    assert_eq!(data.checksum, hex(&Sha256::digest(lines)));
    let shape = shape(&idx_spec(folder.path())).unwrap();
    assert_eq!(shape, Shape { height: 2, width: 2, classes: 3, rows: 6 });
}

#[test]
fn the_first_images_validate_and_limits_cut_the_rest() {
    let folder = tiny_folder();
    let mut spec = DatasetSpec { validation: Validation::Count(2), ..idx_spec(folder.path()) };
    let data = load_idx(&spec).unwrap();
    let pixels = |split: &Split| split.images().flatten().copied().collect::<Vec<u8>>();
    assert_eq!(pixels(&data.validation), (0..8).collect::<Vec<u8>>());
    assert_eq!(pixels(&data.train), (8..24).collect::<Vec<u8>>());
    assert_eq!(data.train.labels(), [2, 0, 1, 2]);
    spec.train_limit = Some(3);
    spec.test_limit = Some(1);
    let data = load_idx(&spec).unwrap();
    assert_eq!((data.validation.len(), data.train.len(), data.test.len()), (2, 3, 1));
    assert_eq!(data.train.image(0), [8, 9, 10, 11]);
    spec.train_limit = Some(100);
    assert_eq!(load_idx(&spec).unwrap().train.len(), 4);
}

fn share(fraction: f64, stratified: bool) -> Validation {
    Validation::Share(ValidationShare { fraction, stratified })
}

#[test]
fn a_share_of_the_images_validates_of_all_or_of_each_class() {
    let folder = tiny_folder();
    let rows = |split: &Split| split.images().map(|image| image[0] / 4).collect::<Vec<u8>>();
    let load = |validation| {
        let spec = DatasetSpec { validation, ..idx_spec(folder.path()) };
        load_idx(&spec).unwrap()
    };
    // Labels are 0, 1, 2, 0, 1, 2.
    let data = load(share(0.5, false));
    assert_eq!((rows(&data.validation), rows(&data.train)), (vec![0, 1, 2], vec![3, 4, 5]));
    // 1.2 of 6 is 1, and 1.8 is 2.
    assert_eq!(load(share(0.2, false)).validation.len(), 1);
    assert_eq!(load(share(0.3, false)).validation.len(), 2);

    fs::remove_file(zipped(folder.path(), Part::TrainLabels)).unwrap();
    let labels = make::labels(&[2, 2, 0, 0, 2, 2]);
    fs::write(folder.path().join(Part::TrainLabels.name()), labels).unwrap();
    let data = load(share(0.5, true));
    assert_eq!((rows(&data.validation), rows(&data.train)), (vec![0, 1, 2], vec![3, 4, 5]));
    assert_eq!((data.validation.labels(), data.train.labels()), (&[2, 2, 0][..], &[0, 2, 2][..]));
    // A quarter is 1.5, so 2: one of the four, and the other where as much was rounded away.
    let data = load(share(0.25, true));
    assert_eq!((rows(&data.validation), rows(&data.train)), (vec![0, 2], vec![1, 3, 4, 5]));
    assert_eq!((data.validation.labels(), data.train.labels()), (&[2, 0][..], &[2, 0, 2, 2][..]));
    let validation = share(0.25, true);
    let spec = DatasetSpec { validation, train_limit: Some(2), ..idx_spec(folder.path()) };
    let data = load_idx(&spec).unwrap();
    assert_eq!((rows(&data.validation), rows(&data.train)), (vec![0, 2], vec![1, 3]));
    // Over just the rows that are trained on, in whatever places.
    let statistics = standardization(&data.train);
    assert_eq!(statistics.mean, [8.0, 9.0, 10.0, 11.0]);
}

#[test]
fn a_split_without_rows_is_refused() {
    let folder = tiny_folder();
    let spec = idx_spec(folder.path());
    let message =
        load_idx(&DatasetSpec { validation: Validation::Count(6), ..spec.clone() }).unwrap_err();
    assert!(message.contains("6 of 6 training images leave none to train on"), "{message}");
    for (fraction, stratified, purpose) in [(0.95, true, "train"), (0.05, false, "validate")] {
        let validation = share(fraction, stratified);
        let message = load_idx(&DatasetSpec { validation, ..spec.clone() }).unwrap_err();
        let wanted =
            format!("a fraction of {fraction} of 6 training images leave none to {purpose}");
        assert!(message.contains(&wanted), "{message}");
    }
    let message = load_idx(&DatasetSpec { train_limit: Some(0), ..spec.clone() }).unwrap_err();
    assert!(message.contains("dataset.train_limit: 0"), "{message}");
    let message = load_idx(&DatasetSpec { test_limit: Some(0), ..spec.clone() }).unwrap_err();
    assert!(message.contains("dataset.test_limit: 0"), "{message}");
    let both = DatasetSpec { name: Some(DatasetName::FashionMnist), ..spec };
    assert!(load_idx(&both).unwrap_err().contains("only one"));
}

/// The same complaint from loading and from asking for the shape.
fn idx_complaint(folder: &Path) -> String {
    let message = load_idx(&idx_spec(folder)).unwrap_err();
    assert_eq!(shape(&idx_spec(folder)).unwrap_err().to_string(), message);
    message
}

#[test]
fn files_that_do_not_belong_together_are_named() {
    let folder = tiny_folder();
    let labels = zipped(folder.path(), Part::TrainLabels);
    fs::write(&labels, make::labels(&[0, 1])).unwrap();
    let message = idx_complaint(folder.path());
    assert!(
        message.contains(
            "train-images-idx3-ubyte holds 6 images but train-labels-idx1-ubyte holds 2 labels"
        ),
        "{message}"
    );
    fs::remove_file(labels).unwrap();
    let message = idx_complaint(folder.path());
    assert!(message.contains("no file train-labels-idx1-ubyte.gz or"), "{message}");

    write_tiny(folder.path());
    let wide = make::images(3, 2, 3, &[0; 18]);
    fs::write(zipped(folder.path(), Part::TestImages), make::gzip(&wide)).unwrap();
    let message = idx_complaint(folder.path());
    assert!(message.contains("2 × 2 pixels but t10k-images-idx3-ubyte of 2 × 3"), "{message}");

    let message = load_idx(&idx_spec(&folder.path().join("nowhere"))).unwrap_err();
    assert!(message.contains("nowhere: no file train-images-idx3-ubyte.gz"), "{message}");
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
