//! Any four files in MNIST's format: reading, splitting, and what is wrong with them.

use super::super::idx::hex;
use super::*;

/// `idx: folder`, with no validation images.
fn idx_spec(folder: &Path) -> DatasetSpec {
    DatasetSpec {
        name: None,
        idx: Some(folder.into()),
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

    let message = idx_complaint(&folder.path().join("nowhere"));
    assert!(
        message.contains("nowhere` does not exist; correct `dataset.idx`, or say"),
        "{message}"
    );
    let message = idx_complaint(&zipped(folder.path(), Part::TestImages));
    assert!(message.contains(".gz` is not a folder; "), "{message}");
}

#[test]
fn a_dot_in_place_of_the_second_hyphen_is_read_too() {
    let folder = tiny_folder();
    for part in Part::ALL {
        let dotted = part.name().replace("-idx", ".idx");
        let gzipped = matches!(part, Part::TrainImages | Part::TestLabels);
        let to = folder.path().join(if gzipped { format!("{dotted}.gz") } else { dotted });
        fs::rename(zipped(folder.path(), part), to).unwrap();
    }
    assert_eq!(load_idx(&idx_spec(folder.path())).unwrap().train.len(), 6);
}

#[test]
fn near_misses_are_named_with_the_name_expected() {
    for (found, told) in [
        (
            "train_images.idx3",
            "if `train_images.idx3` is this file, rename it to `train-images-idx3-ubyte`",
        ),
        ("TRAIN-IMAGES-IDX3-UBYTE", "if `TRAIN-IMAGES-IDX3-UBYTE` is this file, rename it to"),
        ("emnist-letters-train-images-idx3-ubyte.gz", "rename it to `train-images-idx3-ubyte.gz`"),
        ("train-images-idx3-ubyte.zip", "`train-images-idx3-ubyte.zip` is an archive: unpack it"),
    ] {
        let folder = tiny_folder();
        fs::rename(zipped(folder.path(), Part::TrainImages), folder.path().join(found)).unwrap();
        let message = idx_complaint(folder.path());
        assert!(message.contains("no file train-images-idx3-ubyte.gz or"), "{message}");
        assert!(message.contains(told), "{message}");
    }
    let folder = tempfile::tempdir().unwrap();
    let message = idx_complaint(folder.path());
    assert!(message.contains("in this folder; dataset.idx needs "), "{message}");
    write_tiny(&folder.path().join("MNIST/raw"));
    let message = idx_complaint(folder.path());
    assert!(message.contains("MNIST/raw`: name that folder"), "{message}");
}

#[test]
fn a_plain_and_a_gzipped_file_side_by_side_are_remarked_on() {
    let folder = tiny_folder();
    let remarks = || inspect(&idx_spec(folder.path())).unwrap().remarks;
    assert_eq!(remarks(), []);
    let plain = folder.path().join(Part::TestLabels.name());
    fs::write(&plain, &tiny()[3]).unwrap();
    let used = zipped(folder.path(), Part::TestLabels);
    let told =
        |differs| [Remark::Duplicates { used: used.clone(), others: vec![plain.clone()], differs }];
    assert_eq!(remarks(), told(false));
    fs::write(&plain, make::labels(&[0, 1, 2])).unwrap();
    assert_eq!(remarks(), told(true));
}
