//! Fetching: what a mirror may send, and what is made of it.

use std::collections::HashMap;
use std::thread;
use std::time::Instant;

use super::super::idx::hex;
use super::server::Answer;
use super::*;

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
