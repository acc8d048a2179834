//! Folders of IDX files as the program sees them: names, padding, duplicates and empty classes.

mod support;

use std::io::Write as _;

use support::{Bench, TINY, edited};

fn gzip(content: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    encoder.write_all(content).unwrap();
    encoder.finish().unwrap()
}

fn rename(bench: &Bench, from: &str, to: &str) {
    std::fs::rename(bench.path(from), bench.path(to)).unwrap();
}

#[test]
fn names_with_a_dot_and_gzip_files_with_padding_are_the_same_data() {
    let bench = Bench::with("tiny.yaml", TINY);
    bench.bn_runner("run tiny.yaml -o out --seeds 1 -q").exits(0);
    for (name, number) in [("train-images", 3), ("train-labels", 1), ("t10k-images", 3)] {
        rename(
            &bench,
            &format!("data/{name}-idx{number}-ubyte"),
            &format!("data/{name}.idx{number}-ubyte"),
        );
    }
    let mut padded = gzip(&bench.bytes("data/t10k-labels-idx1-ubyte"));
    padded.extend([0; 512]);
    bench.write("data/t10k-labels.idx1-ubyte.gz", &padded);
    std::fs::remove_file(bench.path("data/t10k-labels-idx1-ubyte")).unwrap();
    bench.bn_runner("run tiny.yaml -o out --seeds 1").exits(0).says("2 of 2 trials are done");

    padded.push(1);
    bench.write("data/t10k-labels.idx1-ubyte.gz", &padded);
    bench
        .bn_runner("run tiny.yaml -o out --seeds 1")
        .exits(3)
        .says("t10k-labels.idx1-ubyte.gz: is corrupt: ");
}

#[test]
fn near_misses_are_named() {
    let bench = Bench::with("tiny.yaml", TINY);
    rename(&bench, "data/train-images-idx3-ubyte", "data/train_images.idx3");
    bench
        .bn_runner("check tiny.yaml")
        .exits(3)
        .says("data: no file train-images-idx3-ubyte.gz or train-images-idx3-ubyte in this folder")
        .says("if `train_images.idx3` is this file, rename it to `train-images-idx3-ubyte`");
    rename(&bench, "data", "raw");
    std::fs::create_dir(bench.path("data")).unwrap();
    rename(&bench, "raw/train_images.idx3", "raw/train-images-idx3-ubyte");
    rename(&bench, "raw", "data/raw");
    bench.bn_runner("check tiny.yaml").exits(3).says("the files are in `data/raw`: name that");
}

#[test]
fn a_plain_and_a_gzipped_file_side_by_side_are_warned_about() {
    let bench = Bench::with("tiny.yaml", TINY);
    let labels = bench.bytes("data/train-labels-idx1-ubyte");
    bench.write("data/train-labels-idx1-ubyte.gz", gzip(&labels));
    let read = "`data/train-labels-idx1-ubyte.gz` is read, not `data/train-labels-idx1-ubyte`";
    for verb in ["check tiny.yaml", "run tiny.yaml -o out --seeds 1"] {
        let ended = bench.bn_runner(verb).exits(0);
        ended
            .says("warning[duplicate_data_files]")
            .says(&format!("{read}, with the same content"))
            .says("tiny.yaml:3:17");
    }
    let mut other = labels;
    other[8] = 2;
    bench.write("data/train-labels-idx1-ubyte", other);
    bench
        .bn_runner("check tiny.yaml")
        .exits(0)
        .says(&format!("{read}, and they differ in content"));
    bench.write(
        "tiny.yaml",
        format!("{TINY}lints: {{ allow: [duplicate_data_files, unusual_learning_rate] }}\n"),
    );
    bench.bn_runner("check tiny.yaml --deny-warnings").exits(0);
}

#[test]
fn classes_without_training_images_are_warned_about() {
    let bench = Bench::with("tiny.yaml", &edited(TINY, "units: 4,", "units: 5,"));
    for name in ["train", "t10k"] {
        let file = format!("data/{name}-labels-idx1-ubyte");
        let mut labels = bench.bytes(&file);
        // As in EMNIST letters: from 1.
        labels[8..].iter_mut().for_each(|label| *label += 1);
        bench.write(&file, labels);
    }
    for verb in ["check tiny.yaml", "run tiny.yaml -o out --seeds 1"] {
        let ended = bench.bn_runner(verb).exits(0);
        ended
            .says("warning[classes_without_rows]")
            .says("no training image is of class 0, of 5 classes (0 to 4)")
            .says("subtract 1 from every label");
    }
    bench.bn_runner("check tiny.yaml --deny-warnings").exits(2);
    bench.bn_runner("explain classes_without_rows").exits(0).prints("EMNIST");
}
