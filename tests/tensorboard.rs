//! TensorBoard's event files, read by a reader that knows nothing of the one who writes them.
//! `scripts/check_tensorboard.py` has the real TensorBoard read them.

mod support;

use std::collections::BTreeMap;
use std::path::Path;

use support::{Bench, TINY, TRIALS, edited};

/// What is in a field of a protocol buffer.
#[derive(Debug, Clone)]
enum Field {
    Number(u64),
    Bytes(Vec<u8>),
}

/// The fields of a message by their numbers, in order.
type Message = Vec<(u64, Field)>;

/// One number of an event file.
#[derive(Debug, Clone, PartialEq)]
struct Point {
    wall_time: f64,
    step: u64,
    value: f32,
}

/// A step, and the left edge, right edge and count of each bin.
type Bins = (u64, Vec<[f64; 3]>);

/// What a file says.
#[derive(Debug, Default)]
struct Said {
    /// By tag.
    histograms: BTreeMap<String, Vec<Bins>>,
    scalars: BTreeMap<String, Vec<Point>>,
    /// The tags of the HPARAMS tab with their messages.
    hparams: BTreeMap<String, Message>,
}

/// CRC-32C, bit by bit, and masked as in TFRecords.
fn masked_crc(bytes: &[u8]) -> u32 {
    let mut crc = u32::MAX;
    for byte in bytes {
        crc ^= u32::from(*byte);
        for _ in 0..8 {
            crc = if crc & 1 == 1 { (crc >> 1) ^ 0x82f6_3b78 } else { crc >> 1 };
        }
    }
    crc = !crc;
    crc.rotate_right(15).wrapping_add(0xa282_ead8)
}

/// The messages in a file of TFRecords, all checksums held.
fn records(bytes: &[u8]) -> Vec<Vec<u8>> {
    let mut rest = bytes;
    let mut records = Vec::new();
    let number = |bytes: &[u8]| u32::from_le_bytes(bytes.try_into().unwrap());
    while !rest.is_empty() {
        let length = usize::try_from(u64::from_le_bytes(rest[..8].try_into().unwrap())).unwrap();
        assert_eq!(number(&rest[8..12]), masked_crc(&rest[..8]), "record {}", records.len());
        let message = &rest[12..12 + length];
        assert_eq!(number(&rest[12 + length..][..4]), masked_crc(message));
        records.push(message.to_vec());
        rest = &rest[12 + length + 4..];
    }
    records
}

fn varint(bytes: &mut &[u8]) -> u64 {
    let mut number = 0;
    for shift in (0..).step_by(7) {
        let byte = bytes[0];
        *bytes = &bytes[1..];
        number |= u64::from(byte & 0x7f) << shift;
        if byte < 0x80 {
            break;
        }
    }
    number
}

fn message(mut bytes: &[u8]) -> Message {
    let mut fields = Vec::new();
    while !bytes.is_empty() {
        let key = varint(&mut bytes);
        let length = match key & 7 {
            0 => {
                fields.push((key >> 3, Field::Number(varint(&mut bytes))));
                continue;
            }
            1 => 8,
            2 => usize::try_from(varint(&mut bytes)).unwrap(),
            5 => 4,
            other => panic!("no wire type {other} is written"),
        };
        fields.push((key >> 3, Field::Bytes(bytes[..length].to_vec())));
        bytes = &bytes[length..];
    }
    fields
}

/// All fields of a number that hold bytes.
fn all(message: &Message, number: u64) -> Vec<Vec<u8>> {
    let bytes = |(of, field): &(u64, Field)| match field {
        Field::Bytes(bytes) if *of == number => Some(bytes.clone()),
        Field::Bytes(_) | Field::Number(_) => None,
    };
    message.iter().filter_map(bytes).collect()
}

fn bytes(message: &Message, number: u64) -> Vec<u8> {
    all(message, number).into_iter().next().unwrap_or_else(|| panic!("no {number} in {message:?}"))
}

fn text(message: &Message, number: u64) -> String {
    String::from_utf8(bytes(message, number)).unwrap()
}

fn double(message: &Message, number: u64) -> f64 {
    f64::from_le_bytes(bytes(message, number).try_into().unwrap())
}

/// A whole number, 0 where it is left out.
fn whole(message: &Message, number: u64) -> u64 {
    let found = message.iter().find_map(|(of, field)| match field {
        Field::Number(value) if *of == number => Some(*value),
        Field::Number(_) | Field::Bytes(_) => None,
    });
    found.unwrap_or(0)
}

/// Reads the one event file in a folder.
fn read(folder: &Path) -> Said {
    let mut said = Said::default();
    let entries = std::fs::read_dir(folder).unwrap_or_else(|_| panic!("{}", folder.display()));
    let files: Vec<_> =
        entries.map(|entry| entry.unwrap().path()).filter(|p| p.is_file()).collect();
    assert_eq!(files.len(), 1, "{files:?}");
    assert!(files[0].file_name().unwrap().to_str().unwrap().starts_with("events.out.tfevents."));
    let records = records(&std::fs::read(&files[0]).unwrap());
    assert_eq!(text(&message(&records[0]), 3), "brain.Event:2");
    for record in &records[1..] {
        let event = message(record);
        let value = message(&bytes(&message(&bytes(&event, 5)), 1));
        let (tag, tensor) = (text(&value, 1), message(&bytes(&value, 8)));
        let metadata = message(&bytes(&value, 9));
        let plugin = message(&bytes(&metadata, 1));
        let plugin_name = text(&plugin, 1);
        let dtype = if plugin_name == "histograms" { 2 } else { 1 };
        assert_eq!(whole(&tensor, 1), dtype, "a tensor of floats, or of doubles");
        match &*plugin_name {
            "histograms" => {
                assert_eq!(whole(&metadata, 4), 2, "DATA_CLASS_TENSOR");
                let sizes = all(&message(&bytes(&tensor, 2)), 2);
                let sizes: Vec<u64> = sizes.iter().map(|dim| whole(&message(dim), 1)).collect();
                let numbers = bytes(&tensor, 6);
                let numbers: Vec<f64> =
                    numbers.as_chunks().0.iter().map(|bytes| f64::from_le_bytes(*bytes)).collect();
                let bins: Vec<[f64; 3]> = numbers.as_chunks().0.to_vec();
                assert_eq!(sizes, [bins.len() as u64, 3]);
                said.histograms.entry(tag).or_default().push((whole(&event, 2), bins));
            }
            "scalars" => {
                assert_eq!(whole(&metadata, 4), 1, "DATA_CLASS_SCALAR");
                assert!(bytes(&tensor, 2).is_empty(), "the shape of a single number");
                let value = f32::from_le_bytes(bytes(&tensor, 5).try_into().unwrap());
                let point = Point { wall_time: double(&event, 1), step: whole(&event, 2), value };
                said.scalars.entry(tag).or_default().push(point);
            }
            "hparams" => {
                assert_eq!(whole(&metadata, 4), 2, "DATA_CLASS_TENSOR");
                let old = said.hparams.insert(tag, message(&bytes(&plugin, 2)));
                assert!(old.is_none(), "TensorBoard sees the first alone");
            }
            other => panic!("{other}"),
        }
    }
    said
}

/// Holds all numbers of a trial's event files against its `metrics.csv`.
#[track_caller]
fn agrees(bench: &Bench, trial: &str) {
    let rows = bench.table(&format!("{trial}/metrics.csv"));
    assert!(!rows.is_empty());
    for (folder, prefix) in [("train", ""), ("validation", "val_")] {
        let said = read(&bench.path(&format!("{trial}/tensorboard/{folder}")));
        assert!(said.hparams.is_empty());
        let mut wanted: BTreeMap<String, Vec<f32>> = BTreeMap::new();
        for row in &rows {
            for (column, cell) in row {
                let name = match column.strip_prefix("val_") {
                    Some(name) if prefix == "val_" => name,
                    None if prefix.is_empty() => column,
                    Some(_) | None => continue,
                };
                if ["epoch", "epoch_seconds", "elapsed_seconds"].contains(&name) {
                    continue;
                }
                let value = cell.parse::<f64>().unwrap() as f32;
                wanted.entry(format!("epoch_{name}")).or_default().push(value);
            }
        }
        let found = said.scalars.iter().map(|(tag, points)| {
            let steps: Vec<u64> = points.iter().map(|point| point.step).collect();
            assert_eq!(steps, (0..points.len() as u64).collect::<Vec<_>>(), "{trial} {tag}");
            for two in points.windows(2) {
                assert!(two[0].wall_time <= two[1].wall_time, "{trial} {tag}: {two:?}");
            }
            (tag.clone(), points.iter().map(|point| point.value).collect())
        });
        assert_eq!(found.collect::<BTreeMap<String, Vec<f32>>>(), wanted, "{trial} {folder}");
    }
}

/// The settings of a session, as text.
fn settings(session: &Said) -> BTreeMap<String, String> {
    let start = message(&bytes(&session.hparams["_hparams_/session_start_info"], 3));
    let entry = |bytes: Vec<u8>| {
        let entry = message(&bytes);
        let value = message(&crate::bytes(&entry, 2));
        let shown = match value[0].0 {
            2 => double(&value, 2).to_string(),
            3 => text(&value, 3),
            other => panic!("no value of kind {other} here"),
        };
        (text(&entry, 1), shown)
    };
    all(&start, 1).into_iter().map(entry).collect()
}

fn session(bench: &Bench, trial: &str) -> Said {
    read(&bench.path(&format!("{trial}/tensorboard")))
}

/// hparams' status of a session; `None` while it has no end.
fn status(session: &Said) -> Option<u64> {
    let end = session.hparams.get("_hparams_/session_end_info")?;
    Some(whole(&message(&bytes(end, 4)), 1))
}

/// All files of `tensorboard/` in a trial's folder, with their content.
fn files(bench: &Bench, trial: &str) -> BTreeMap<String, Vec<u8>> {
    let mut files = BTreeMap::new();
    for folder in ["tensorboard", "tensorboard/train", "tensorboard/validation"] {
        for name in bench.names(&format!("{trial}/{folder}")) {
            let path = format!("{trial}/{folder}/{name}");
            if bench.path(&path).is_file() {
                files.insert(format!("{folder}/{name}"), bench.bytes(&path));
            }
        }
    }
    files
}

#[test]
fn every_number_of_every_trial_is_there_under_keras_names() {
    let text = format!("{TINY}tensorboard: true\n");
    let bench = Bench::with("tiny.yaml", &text);
    bench.bn_runner("run tiny.yaml -o out").exits(0);
    for trial in TRIALS {
        let trial = format!("out/tiny/{trial}");
        agrees(&bench, &trial);
        let train = read(&bench.path(&format!("{trial}/tensorboard/train")));
        let tags: Vec<&String> = train.scalars.keys().collect();
        assert_eq!(tags, ["epoch_accuracy", "epoch_learning_rate", "epoch_loss"]);
        assert_eq!(train.scalars["epoch_loss"].len(), 3);
        let session = session(&bench, &trial);
        assert_eq!(status(&session), Some(1), "success");
        let outcome = &bench.json(&format!("{trial}/manifest.json"))["outcome"];
        for tag in ["test_accuracy", "test_loss"] {
            let point = &session.scalars[tag][0];
            assert_eq!((point.step, point.value), (2, outcome[tag].as_f64().unwrap() as f32));
        }
    }
    let seen = settings(&session(&bench, "out/tiny/slow/seed-2"));
    for (name, value) in [
        ("variant", "slow"),
        ("seed", "2"),
        ("backend", "flex"),
        ("optimizer", "sgd"),
        ("learning_rate", "0.000001"),
        ("batch_size", "16"),
        ("epochs", "3"),
    ] {
        assert_eq!(seen[name], value, "{name}");
    }
}

#[test]
fn top_k_accuracies_and_grid_values_are_there_and_one_summary_of_all() {
    let text =
        edited(TINY, "  epochs: 3\n", "  epochs: 2\n  metrics: [top_k_accuracy: { k: 2 }]\n");
    let text = edited(&text, "seeds: [1, 2]", "seeds: [1]");
    let grid = "grid:\n  model.layers.1.dense.units: [4, 8]\n  training.batch_size: [20]\n";
    let bench = Bench::with("tiny.yaml", &format!("{text}{grid}"));
    let other = edited(&text, "name: tiny", "name: other");
    bench.write("other.yaml", edited(&other, "batch_size: 16", "batch_size: 50"));
    bench.bn_runner("run tiny.yaml other.yaml -o out --tensorboard").exits(0);
    let trial = "out/tiny/quick,units=8,batch_size=20/seed-1";
    agrees(&bench, trial);
    let validation = read(&bench.path(&format!("{trial}/tensorboard/validation")));
    let tags: Vec<&String> = validation.scalars.keys().collect();
    assert_eq!(tags, ["epoch_accuracy", "epoch_loss", "epoch_top_2_accuracy"]);
    let seen = settings(&session(&bench, trial));
    assert_eq!((&*seen["units"], &*seen["batch_size"]), ("8", "20"));
    assert!(session(&bench, trial).scalars.contains_key("test_top_2_accuracy"));

    let summary = read(&bench.path("out/tensorboard"));
    let experiment = message(&bytes(&summary.hparams["_hparams_/experiment"], 2));
    let info = |bytes: Vec<u8>| {
        let info = message(&bytes);
        (crate::text(&info, 1), (whole(&info, 4), whole(&info, 7) == 1))
    };
    let infos: BTreeMap<String, (u64, bool)> = all(&experiment, 4).into_iter().map(info).collect();
    // Text is type 1, numbers are type 3.
    for (name, kind, differs) in [
        ("units", 3, true),
        ("batch_size", 3, true),
        ("epochs", 3, false),
        ("variant", 1, true),
        ("backend", 1, false),
    ] {
        assert_eq!(infos[name], (kind, differs), "{name}");
    }
    let metric = |bytes: Vec<u8>| {
        let name = message(&crate::bytes(&message(&bytes), 1));
        let group = all(&name, 1).pop().unwrap_or_default();
        format!("{}/{}", String::from_utf8(group).unwrap(), crate::text(&name, 2))
    };
    let metrics: Vec<String> = all(&experiment, 5).into_iter().map(metric).collect();
    for name in ["/test_accuracy", "validation/epoch_accuracy", "train/epoch_top_2_accuracy"] {
        assert!(metrics.iter().any(|metric| metric == name), "{name}: {metrics:?}");
    }
}

#[test]
fn finished_trials_get_them_without_being_trained_and_the_same_to_the_byte() {
    let bench = Bench::with("tiny.yaml", TINY);
    bench.bn_runner("run tiny.yaml -o out").exits(0);
    assert!(!bench.has("out/tensorboard") && !bench.has("out/tiny/quick/seed-1/tensorboard"));
    let before = bench.bytes("out/tiny/quick/seed-1/manifest.json");
    bench.bn_runner("run tiny.yaml -o out --tensorboard").exits(0).says("4 of 4 trials are done");
    assert_eq!(bench.bytes("out/tiny/quick/seed-1/manifest.json"), before, "not trained again");
    for trial in TRIALS {
        agrees(&bench, &format!("out/tiny/{trial}"));
    }

    // The key in the file is no other trial, and what was written beside training is no other file.
    bench.write("tiny.yaml", format!("{TINY}tensorboard: true\n"));
    bench.bn_runner("run tiny.yaml -o out").exits(0).says("4 of 4 trials are done");
    bench.bn_runner("run tiny.yaml -o live").exits(0);
    for trial in TRIALS {
        let trial = format!("live/tiny/{trial}");
        let live = files(&bench, &trial);
        assert_eq!(live.len(), 3);
        std::fs::remove_dir_all(bench.path(&format!("{trial}/tensorboard"))).unwrap();
        bench.bn_runner("run tiny.yaml -o live -q").exits(0);
        assert_eq!(files(&bench, &trial), live, "{trial}");
    }
}

#[test]
fn files_that_are_there_are_gone_on_with_whatever_became_of_them() {
    let bench = Bench::with("tiny.yaml", &format!("{TINY}tensorboard: true\n"));
    bench.bn_runner("run tiny.yaml -o out -q --seeds 1").exits(0);
    let trial = "out/tiny/quick/seed-1";
    let whole = files(&bench, trial);
    let train = whole.keys().find(|name| name.contains("train")).unwrap();
    for torn in [&whole[train][..whole[train].len() - 9], b"something else", b""] {
        bench.write(&format!("{trial}/{train}"), torn);
        bench.bn_runner("run tiny.yaml -o out -q --seeds 1").exits(0);
        assert_eq!(files(&bench, trial), whole);
    }
    bench.bn_runner("run tiny.yaml -o out -q --seeds 1 --only quick").exits(0);
    assert_eq!(bench.names("out/tiny/quick"), ["seed-1"], "no lock stays behind");
}

#[test]
fn longer_runs_and_other_names_have_the_right_ones() {
    let text = format!("{TINY}tensorboard: true\n");
    let bench = Bench::with("tiny.yaml", &text);
    bench.bn_runner("run tiny.yaml -o out -q --only quick").exits(0);
    bench.bn_runner("run tiny.yaml -o out -q --only quick -s training.epochs=5").exits(0);
    let trial = "out/tiny/quick/seed-1";
    let manifest = bench.json(&format!("{trial}/manifest.json"));
    assert_eq!(manifest["resumed"][0]["after_epoch"], 3, "{manifest}");
    assert_eq!(bench.table(&format!("{trial}/metrics.csv")).len(), 5);
    agrees(&bench, trial);
    assert_eq!(settings(&session(&bench, trial))["epochs"], "5");

    // Taken over under another name, without being asked for.
    bench.write("other.yaml", edited(TINY, "  quick: {}", "  swift: {}"));
    let run = "run other.yaml -o out --only swift -s training.epochs=5";
    bench.bn_runner(run).exits(0).says("taken over");
    let other = "out/tiny/swift/seed-1";
    agrees(&bench, other);
    assert_eq!(settings(&session(&bench, other))["variant"], "swift");
    assert_eq!(status(&session(&bench, other)), Some(1));
}

#[test]
fn a_trial_that_diverges_has_its_epochs_and_says_so() {
    let text = edited(TINY, "units: 16, activation: relu", "units: 16");
    let text = edited(&text, "0.000001", "1.0e9");
    let bench = Bench::with("tiny.yaml", &text);
    bench.bn_runner("run tiny.yaml -o out --seeds 1 --tensorboard").exits(0);
    assert_eq!(status(&session(&bench, "out/tiny/slow/seed-1")), Some(2), "failure");
    assert_eq!(status(&session(&bench, "out/tiny/quick/seed-1")), Some(1), "success");
}

#[cfg(unix)]
#[test]
fn a_run_that_was_killed_and_gone_on_with_has_every_epoch_once() {
    let text = edited(TINY, "epochs: 3", "epochs: 300");
    let bench = Bench::with("tiny.yaml", &format!("{text}tensorboard: true\n"));
    let run = "run tiny.yaml -o out -q --seeds 1 --only quick";
    let trial = "out/tiny/quick/seed-1";
    for kill in 1..=3 {
        let mut child = bench.start(run);
        let start = std::time::Instant::now();
        let rows = || std::fs::read_to_string(bench.path(&format!("{trial}/metrics.csv")));
        while rows().unwrap_or_default().lines().count() < 30 * kill {
            assert!(start.elapsed().as_secs() < 60, "it does not begin");
            std::thread::sleep(std::time::Duration::from_millis(3));
        }
        child.kill().unwrap();
        child.wait().unwrap();
        assert_eq!(status(&session(&bench, trial)), None, "it has not ended");
    }
    bench.bn_runner(run).exits(0);
    let manifest = bench.json(&format!("{trial}/manifest.json"));
    assert_eq!(manifest["resumed"].as_array().unwrap().len(), 3, "{manifest}");
    agrees(&bench, trial);
    assert_eq!(files(&bench, trial).len(), 3, "one file each");
    assert_eq!(status(&session(&bench, trial)), Some(1));
}

#[test]
fn whoever_removes_them_while_a_trial_is_trained_does_not_end_it() {
    let text = edited(TINY, "epochs: 3", "epochs: 200");
    let bench = Bench::with("tiny.yaml", &format!("{text}tensorboard: true\n"));
    let trial = "out/tiny/quick/seed-1";
    let child = bench.start("run tiny.yaml -o out --seeds 1 --only quick");
    let start = std::time::Instant::now();
    let rows = || std::fs::read_to_string(bench.path(&format!("{trial}/metrics.csv")));
    while rows().unwrap_or_default().lines().count() < 20 {
        assert!(start.elapsed().as_secs() < 60, "it does not begin");
        std::thread::sleep(std::time::Duration::from_millis(3));
    }
    std::fs::remove_dir_all(bench.path(&format!("{trial}/tensorboard"))).unwrap();
    Bench::wait(child).exits(0).says("tried again at the end of the run");
    agrees(&bench, trial);
}

#[test]
fn the_key_is_yes_or_no() {
    let bench = Bench::with("tiny.yaml", &format!("{TINY}tensorboard: train\n"));
    bench.bn_runner("check tiny.yaml").exits(2).says("tensorboard");
}

#[test]
fn histograms_of_diagnostics_are_those_of_the_trials_files() {
    let text = edited(TINY, "seeds: [1, 2]", "seeds: [1]");
    let bench = Bench::with("tiny.yaml", &format!("{text}diagnostics: [activations, weights]\n"));
    bench.bn_runner("run tiny.yaml -o out --tensorboard").exits(0);
    let trial = "out/tiny/quick/seed-1";
    agrees(&bench, trial);
    let said = read(&bench.path(&format!("{trial}/tensorboard/train")));
    let rows = bench.table(&format!("{trial}/histograms.csv"));
    let tags: Vec<&str> = said.histograms.keys().map(String::as_str).collect();
    let expected = ["activation", "bias", "kernel"];
    let expected: Vec<String> = ["dense", "dense_1"]
        .iter()
        .flat_map(|layer| expected.map(|part| format!("{layer}/{part}/histogram")))
        .collect();
    assert_eq!(tags, expected);
    assert_eq!(rows.len(), 3 * tags.len());
    for row in &rows {
        let number = |column: &str| row[column].parse::<f64>().unwrap();
        let tag = format!("{}/{}/histogram", row["layer"], row["quantity"]);
        let step = number("epoch") as u64 - 1;
        let (_, bins) = said.histograms[&tag].iter().find(|(of, _)| *of == step).unwrap();
        assert_eq!(bins.len(), 30);
        assert_eq!((bins[0][0], bins[29][1]), (number("lower"), number("upper")));
        for (bin, [left, right, count]) in bins.iter().enumerate() {
            assert_eq!(*count, number(&format!("count_{}", bin + 1)), "{tag}, bin {bin}");
            assert!(left < right && (bin == 0 || *left == bins[bin - 1][1]), "{tag}, bin {bin}");
        }
    }
    // They come back from the recorded files alone.
    let before = files(&bench, trial);
    std::fs::remove_dir_all(bench.path(&format!("{trial}/tensorboard"))).unwrap();
    bench.bn_runner("run tiny.yaml -o out --tensorboard").exits(0);
    assert_eq!(files(&bench, trial), before);

    // Numbers that are all the same have one bin around them.
    let constant = edited(&text, "name: tiny", "name: same").replace(
        "units: 16, activation: relu",
        "units: 16, activation: relu, trainable: false, kernel_initializer: ones",
    );
    bench.write("same.yaml", format!("{constant}diagnostics: [weights]\n"));
    bench.bn_runner("run same.yaml -o out --tensorboard").exits(0);
    let said = read(&bench.path("out/same/quick/seed-1/tensorboard/train"));
    let (_, bins) = &said.histograms["dense/kernel/histogram"][0];
    assert_eq!(*bins, [[0.5, 1.5, 64.0 * 16.0]]);
}
