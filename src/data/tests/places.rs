//! Folders in which the files may lie already.

use super::*;

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
