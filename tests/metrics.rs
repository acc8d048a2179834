//! Losses, metrics, splits and augmentation in experiment files: what is trained and recorded, and
//! what is told about mistakes.

mod support;

use support::{Bench, CLASSES, Ended, PIXELS, TINY, edited};

/// 160 training rows in ten steps an epoch.
const PLAIN: &str = "\
name: plain
dataset: { idx: data, validation: 40 }
model:
  layers:
    - flatten
    - dense: { units: 8, activation: relu }
    - dense: { units: 4, activation: softmax }
training:
  optimizer: { sgd: { learning_rate: 0.1 } }
  batch_size: 16
  epochs: 3
";

const TRIAL: &str = "plain/default/seed-1";

fn with_training(line: &str) -> String {
    format!("{PLAIN}  {line}\n")
}

fn with_dataset(keys: &str) -> String {
    edited(PLAIN, "validation: 40", keys)
}

/// Trains the file. The config that it leaves behind must be the very same trial.
fn train(bench: &Bench, text: &str, folder: &str) {
    bench.write("file.yaml", text);
    bench.bn_runner(&format!("run file.yaml -o {folder} -q")).exits(0);
    let again = format!("run {folder}/{TRIAL}/config.yaml -o {folder} --dry-run");
    bench.bn_runner(&again).exits(0).prints(&format!("done   {folder}/{TRIAL}"));
}

fn trial_hash(bench: &Bench, folder: &str) -> String {
    let manifest = bench.json(&format!("{folder}/{TRIAL}/manifest.json"));
    manifest["trial_hash"].as_str().unwrap().to_owned()
}

/// A column of the metrics of the only trial.
fn column(bench: &Bench, folder: &str, name: &str) -> Vec<f64> {
    let rows = bench.table(&format!("{folder}/{TRIAL}/metrics.csv"));
    rows.iter().map(|row| row[name].parse().unwrap()).collect()
}

#[track_caller]
fn mistake(text: &str) -> Ended {
    let bench = Bench::with("bad.yaml", text);
    bench.bn_runner("check bad.yaml").exits(2).says("\n1 mistake; nothing was trained\n")
}

#[test]
fn smooth_labels_are_part_of_every_loss() {
    let bench = Bench::new();
    // A step that changes nothing in 32 bits: the losses are those of the first weights.
    let still = |loss: &str| {
        let text = edited(&with_training(loss), "0.1 } }", "1.0e-30 } }");
        edited(&text, "epochs: 3", "epochs: 1")
    };
    let smooth = |share: &str| {
        format!("loss: {{ sparse_categorical_crossentropy: {{ label_smoothing: {share} }} }}")
    };
    train(&bench, &still("loss: sparse_categorical_crossentropy"), "sharp");
    train(&bench, &still(&smooth("0")), "zero");
    train(&bench, &still(&smooth("0.25")), "smooth");
    train(&bench, &still(&smooth("0.5")), "smoother");
    assert_eq!(trial_hash(&bench, "sharp"), trial_hash(&bench, "zero"));
    assert_ne!(trial_hash(&bench, "sharp"), trial_hash(&bench, "smooth"));
    let config = bench.text(&format!("zero/{TRIAL}/config.yaml"));
    assert!(config.contains("loss: sparse_categorical_crossentropy\n"), "{config}");

    // −ln p of the mean over test rows, by hand from the probabilities of the same network.
    bench.bn_runner(&format!("predict sharp/{TRIAL} -o p.csv")).exits(0);
    let mut by_hand = [0.0; 2];
    let rows = bench.table("p.csv");
    for row in &rows {
        let p = |class: usize| row[&format!("p_{class}")].parse::<f64>().unwrap();
        let label: usize = row["label"].parse().unwrap();
        for class in 0..CLASSES {
            by_hand[0] -= f64::from(u8::from(class == label)) * p(class).ln();
            by_hand[1] -= p(class).ln() / CLASSES as f64;
        }
    }
    let [own, even] = by_hand.map(|sum| sum / rows.len() as f64);
    for (folder, share) in [("sharp", 0.0), ("zero", 0.0), ("smooth", 0.25), ("smoother", 0.5)] {
        let manifest = bench.json(&format!("{folder}/{TRIAL}/manifest.json"));
        let loss = manifest["outcome"]["test_loss"].as_f64().unwrap();
        let expected = (1.0 - share) * own + share * even;
        assert!((loss - expected).abs() < 1e-5, "{folder}: {loss}, by hand {expected}");
    }
    // The losses of the other rows move along the same line, and accuracies not at all.
    for name in ["loss", "val_loss"] {
        let of = |folder: &str| column(&bench, folder, name)[0];
        let middle = (of("sharp") + of("smoother")) / 2.0;
        assert!((of("smooth") - middle).abs() < 1e-5, "{name}");
        assert!((of("smooth") - of("sharp")).abs() > 1e-4, "{name}");
    }
    assert_eq!(column(&bench, "sharp", "accuracy"), column(&bench, "smooth", "accuracy"));
}

#[test]
fn smooth_labels_are_learned_and_can_be_varied() {
    let text = format!(
        "{PLAIN}grid:\n  training.loss.sparse_categorical_crossentropy.label_smoothing: [0, 0.3]\n"
    );
    let bench = Bench::with("file.yaml", &text);
    for backend in ["flex", "ndarray"] {
        bench.bn_runner(&format!("run file.yaml -o {backend} -q -b {backend}")).exits(0);
        let loss = |share: &str| -> f64 {
            let case = format!("{backend}/plain/default,label_smoothing={share}/seed-1");
            let again = format!("run {case}/config.yaml -o {backend} --dry-run");
            bench.bn_runner(&again).exits(0).prints(&format!("done   {case}"));
            bench.table(&format!("{case}/metrics.csv"))[2]["val_loss"].parse().unwrap()
        };
        // The entropy of labels of 0.775 and three times 0.075 is the least that is left of it.
        let least = -(0.775_f64.ln() * 0.775 + 3.0 * 0.075 * 0.075_f64.ln());
        assert!(loss("0.3") > least && loss("0") < least, "{} and {}", loss("0.3"), loss("0"));
    }
    let set = "training.loss.sparse_categorical_crossentropy.label_smoothing=0.3";
    bench.write("one.yaml", PLAIN);
    bench.bn_runner(&format!("run one.yaml -o set -q --set {set}")).exits(0);
    let grid = "flex/plain/default,label_smoothing=0.3/seed-1";
    assert_eq!(bench.numbers(&format!("set/{TRIAL}")), bench.numbers(grid));
}

#[test]
fn mistakes_in_losses_and_metrics_are_shown_at_their_place() {
    for (line, why, place) in [
        ("loss: sparse_crossentropy", "unknown name `sparse_crossentropy`", "12:9"),
        (
            "loss: { sparse_categorical_crossentropy: { label_smoothin: 0.1 } }",
            "did you mean `label_smoothing`?",
            "12:46",
        ),
        (
            "loss: { sparse_categorical_crossentropy: { label_smoothing: 1 } }",
            "`label_smoothing` cannot be 1",
            "12:63",
        ),
        ("metrics: [acuracy]", "did you mean `accuracy`? known here: `accuracy`, `top_k_", "12:13"),
        ("metrics: [{ top_k_accuracy: { k: 0 } }]", "`k` cannot be 0", "12:36"),
        ("metrics: [{ top_k_accuracy: { n: 3 } }]", "unknown key `n` in `top_k_accuracy`", "12:33"),
        ("metrics: [top_k_accuracy, { top_k_accuracy: 5 }]", "`top_5_accuracy` is listed", "12:31"),
        ("metrics: accuracy", "expected a list, found text", "12:12"),
        (
            "callbacks: [early_stoping]",
            "known here: `early_stopping`, `reduce_lr_on_plateau`\n",
            "",
        ),
        (
            "callbacks: [{ early_stopping: { monitor: val_top_3_accuracy } }]",
            "`val_top_3_accuracy` is not measured",
            "12:44",
        ),
        (
            "callbacks: [{ early_stopping: { monitor: top_x_accuracy } }]",
            "known here: `val_loss`, `val_accuracy`, `loss`, `accuracy`, `val_top_<k>_accuracy`",
            "12:44",
        ),
    ] {
        mistake(&with_training(line)).says(why).says(&format!("bad.yaml:{place}"));
    }
    let text = with_training("metrics: [{ top_k_accuracy: 4 }]");
    let bench = Bench::with("file.yaml", &text);
    bench
        .bn_runner("check file.yaml --deny-warnings")
        .exits(2)
        .says("[top_k_of_all_classes]")
        .says("the right one is always among the first 4");
}

#[test]
fn top_k_accuracies_are_recorded_where_they_are_asked_for_and_nowhere_else() {
    let bench = Bench::new();
    train(&bench, PLAIN, "plain");
    train(&bench, &with_training("metrics: [accuracy]"), "named");
    assert_eq!(trial_hash(&bench, "plain"), trial_hash(&bench, "named"));
    train(&bench, &with_training("metrics: [{ top_k_accuracy: { k: 2 } }, accuracy]"), "out");
    assert_ne!(trial_hash(&bench, "plain"), trial_hash(&bench, "out"));

    let plain = bench.text(&format!("plain/{TRIAL}/metrics.csv"));
    let text = bench.text(&format!("out/{TRIAL}/metrics.csv"));
    let header = |text: &str| text.lines().next().unwrap().to_owned();
    assert_eq!(header(&text), header(&plain) + ",top_2_accuracy,val_top_2_accuracy");
    for (top, one) in [("top_2_accuracy", "accuracy"), ("val_top_2_accuracy", "val_accuracy")] {
        assert_eq!(column(&bench, "out", one), column(&bench, "plain", one));
        let (top, one) = (column(&bench, "out", top), column(&bench, "out", one));
        assert!(top.iter().zip(&one).all(|(top, one)| top >= one && *top <= 1.0), "{top:?}");
    }
    assert!(column(&bench, "out", "top_2_accuracy")[0] > column(&bench, "out", "accuracy")[0]);

    // The test's, by hand from the probabilities.
    bench.bn_runner(&format!("predict out/{TRIAL} -o p.csv")).exits(0);
    let is_in_top = |row: &std::collections::HashMap<String, String>| {
        let p = |class: &str| row[&format!("p_{class}")].parse::<f64>().unwrap();
        let own = p(&row["label"]);
        ["0", "1", "2", "3"].iter().filter(|class| p(class) > own).count() < 2
    };
    let rows = bench.table("p.csv");
    let by_hand = rows.iter().filter(|row| is_in_top(row)).count() as f64 / rows.len() as f64;
    let manifest = bench.json(&format!("out/{TRIAL}/manifest.json"));
    assert_eq!(manifest["outcome"]["test_top_2_accuracy"].as_f64(), Some(by_hand));

    let last = column(&bench, "out", "val_top_2_accuracy")[2];
    let summary = &bench.table("out/plain/summary.csv")[0];
    assert_eq!(summary["test_top_2_accuracy"].parse::<f64>().unwrap(), by_hand);
    assert_eq!(summary["val_top_2_accuracy"].parse::<f64>().unwrap(), last);
    for table in ["out/plain/aggregate.csv", "out/comparison.csv"] {
        let row = &bench.table(table)[0];
        assert_eq!(row["test_top_2_accuracy_mean"].parse::<f64>().unwrap(), by_hand, "{table}");
        assert_eq!(row["top_2_accuracy_std"], "", "{table}");
    }
    let curves = bench.table("out/plain/curves.csv");
    assert_eq!(curves[2]["val_top_2_accuracy"].parse::<f64>().unwrap(), last);
    for table in ["summary", "aggregate", "curves"] {
        let header = header(&bench.text(&format!("plain/plain/{table}.csv")));
        assert!(!header.contains("top_"), "{header}");
    }
}

#[test]
fn tables_of_variants_with_and_without_a_metric_have_empty_cells() {
    let text = format!(
        "{PLAIN}variants:\n  without: {{}}\n  with: {{ training: {{ metrics: [top_k_accuracy, {{ top_k_accuracy: 3 }}] }} }}\n"
    );
    let bench = Bench::with("file.yaml", &text);
    bench.bn_runner("run file.yaml -o out -q -s dataset.validation=0").exits(0);
    let rows = bench.table("out/plain/summary.csv");
    assert_eq!(rows[0]["top_3_accuracy"], "");
    assert_eq!(rows[1]["test_top_5_accuracy"], "1.0");
    assert_eq!(rows[1]["val_top_3_accuracy"], "", "there are no validation rows");
    let rows = bench.table("out/plain/aggregate.csv");
    assert_eq!((&*rows[0]["top_5_accuracy_mean"], &*rows[1]["top_5_accuracy_mean"]), ("", "1.0"));
}

#[test]
fn training_can_end_by_a_top_k_accuracy() {
    let bench = Bench::new();
    // With the k of all classes it is 1 from the first epoch on, and never gets better.
    let lines = "metrics: [{ top_k_accuracy: 4 }]\n  callbacks: [{ early_stopping: { monitor: val_top_4_accuracy, patience: 1 } }]";
    train(&bench, &with_training(lines), "out");
    assert_eq!(column(&bench, "out", "epoch"), [1.0, 2.0]);
    let log = bench.text(&format!("out/{TRIAL}/run.log"));
    assert!(log.contains("val_top_4_accuracy was best in epoch 1, 1; no more epochs"), "{log}");
}

#[test]
fn what_became_of_each_class_is_in_the_files_of_a_trial() {
    let bench = Bench::new();
    // Learns little, so that there are mistakes.
    train(&bench, &edited(PLAIN, "0.1 } }", "0.002 } }"), "out");
    bench.bn_runner(&format!("predict out/{TRIAL} -o p.csv")).exits(0);
    let predicted = bench.table("p.csv");
    let of = |row: &std::collections::HashMap<String, String>, name: &str| row[name].clone();

    let pairs = bench.table(&format!("out/{TRIAL}/confusion_matrix.csv"));
    assert_eq!(pairs.len(), CLASSES * CLASSES);
    let mut right = 0;
    for pair in &pairs {
        let is_it = |row: &&std::collections::HashMap<String, String>| {
            of(row, "label") == pair["true"] && of(row, "class") == pair["predicted"]
        };
        let count = predicted.iter().filter(is_it).count();
        assert_eq!(pair["count"], count.to_string(), "{pair:?}");
        assert_eq!(pair["true"], pair["true_name"]);
        right += if pair["true"] == pair["predicted"] { count } else { 0 };
    }
    assert!(right > 0 && right < 40, "{right} of 40 are right");

    let classes = bench.table(&format!("out/{TRIAL}/class_metrics.csv"));
    let names: Vec<&str> = classes.iter().map(|row| &*row["name"]).collect();
    assert_eq!(names, ["0", "1", "2", "3", "macro avg", "weighted avg"]);
    assert!(classes[..4].iter().all(|row| row["support"] == "10"));
    // Over equal supports recall is accuracy.
    assert_eq!(classes[5]["recall"].parse::<f64>().unwrap(), right as f64 / 40.0);

    let mistakes = bench.table(&format!("out/{TRIAL}/mistakes.csv"));
    assert_eq!(mistakes.len(), 40 - right);
    let images = bench.bytes("data/t10k-images-idx3-ubyte");
    let file = std::fs::File::open(bench.path(&format!("out/{TRIAL}/mistakes.png"))).unwrap();
    let mut reader = png::Decoder::new(std::io::BufReader::new(file)).read_info().unwrap();
    let mut picture = vec![0; reader.output_buffer_size().unwrap()];
    let frame = reader.next_frame(&mut picture).unwrap();
    assert_eq!((frame.width, frame.height as usize), (8, 8 * mistakes.len()));
    let mut before = f32::INFINITY;
    for (i, mistake) in mistakes.iter().enumerate() {
        let row: usize = mistake["row"].parse().unwrap();
        let answer = &predicted[row];
        assert_eq!(mistake["rank"], (i + 1).to_string());
        assert_eq!((&mistake["true"], &mistake["predicted"]), (&answer["label"], &answer["class"]));
        assert_ne!(mistake["true"], mistake["predicted"]);
        let probability: f32 = mistake["probability"].parse().unwrap();
        let known: f32 = answer[&format!("p_{}", mistake["predicted"])].parse().unwrap();
        assert!((probability - known).abs() < 1e-5 && probability <= before, "{mistake:?}");
        before = probability;
        let image = &images[16 + row * PIXELS..][..PIXELS];
        assert_eq!(&picture[i * PIXELS..][..PIXELS], image);
    }
}

#[test]
fn a_share_validates_and_training_takes_the_rest() {
    let bench = Bench::new();
    train(&bench, PLAIN, "count");
    train(&bench, &with_dataset("validation: { fraction: 0.2 }"), "share");
    // The first forty of classes that take turns are ten of each.
    train(&bench, &with_dataset("validation: { fraction: 0.2, stratified: true }"), "each");
    let numbers = |folder: &str| bench.numbers(&format!("{folder}/{TRIAL}"));
    assert_eq!(numbers("count"), numbers("share"));
    assert_eq!(numbers("count"), numbers("each"));
    assert_ne!(trial_hash(&bench, "count"), trial_hash(&bench, "share"));

    // Sorted by class, the first forty are of one class, and the first of each are not.
    let mut labels = bench.bytes("data/train-labels-idx1-ubyte");
    labels[8..].sort_unstable();
    bench.write("data/train-labels-idx1-ubyte", labels);
    let standardized = |stratified: bool| {
        let keys = format!("validation: {{ fraction: 0.2, stratified: {stratified} }}");
        with_dataset(&(keys + ", scaling: standardize"))
    };
    for backend in ["flex", "ndarray"] {
        for (folder, stratified) in [("first", false), ("sorted", true)] {
            let folder = format!("{folder}-{backend}");
            let text = format!("{}backend: {backend}\n", standardized(stratified));
            train(&bench, &text, &folder);
            // Statistics, from the rows that were trained on, are found again.
            let accuracy =
                bench.json(&format!("{folder}/{TRIAL}/manifest.json"))["outcome"]["test_accuracy"]
                    .as_f64()
                    .unwrap();
            let predict = bench.bn_runner(&format!("predict {folder}/{TRIAL}")).exits(0);
            predict.prints(&format!("accuracy {accuracy:.4} "));
        }
    }
    assert_ne!(numbers("first-flex"), numbers("sorted-flex"));
    let set = "--set dataset.validation.stratified=true";
    bench.write("file.yaml", standardized(false));
    bench.bn_runner(&format!("run file.yaml -o set -q {set}")).exits(0);
    assert_eq!(numbers("set"), numbers("sorted-flex"));
    bench.write("grid.yaml", PLAIN.to_owned() + "grid:\n  dataset.validation: [20, 40]\n");
    bench.bn_runner("run grid.yaml -o grid -q").exits(0);
    assert!(bench.has("grid/plain/default,validation=20/seed-1/model.safetensors"));
}

#[test]
fn a_share_that_is_none_is_refused_at_its_place() {
    for (keys, why, place) in [
        ("validation: { fraction: 1 }", "`fraction` cannot be 1", "2:47"),
        ("validation: { fraction: 0.0 }", "`fraction` cannot be 0", "2:47"),
        ("validation: { fraction: -0.5 }", "give a number between 0 and 1", "2:47"),
        ("validation: { fraction: .nan }", "expected a number, found `.nan`", "2:47"),
        ("validation: { frction: 0.1, fraction: 0.2 }", "did you mean `fraction`?", "2:37"),
        ("validation: { stratified: true }", "missing key `fraction` in `validation`", "2:23"),
        ("validation: { fraction: 0.1, stratified: 3 }", "expected true or false", "2:64"),
        ("validation: 0.1", "expected a whole number or `{ fraction: 0.1 }`, found number", "2:35"),
        ("validation: few", "expected a whole number or `{ fraction: 0.1 }`, found text", "2:35"),
        (
            "validation: { fraction: 0.999 }",
            "a fraction of 0.999 of 200 training images leave none to train on",
            "2:47",
        ),
        (
            "validation: { fraction: 0.001 }",
            "a fraction of 0.001 of 200 training images leave none to validate on",
            "2:47",
        ),
    ] {
        mistake(&with_dataset(keys)).says(why).says(&format!("bad.yaml:{place}\n"));
    }
}

#[test]
fn augmented_images_are_the_same_everywhere_and_only_trained_on() {
    let bench = Bench::new();
    let augmented = with_dataset("validation: 40, augment: { shift: 1, horizontal_flip: true }");
    train(&bench, PLAIN, "plain");
    train(&bench, &augmented, "out");
    train(&bench, &augmented, "again");
    let numbers = |folder: &str| bench.numbers(&format!("{folder}/{TRIAL}"));
    assert_eq!(numbers("out"), numbers("again"));
    assert_ne!(numbers("plain"), numbers("out"));
    assert_ne!(trial_hash(&bench, "plain"), trial_hash(&bench, "out"));

    // Steps too small to be seen: the first epoch's training images are others, and with them the
    // training loss; the second epoch's are others again; validation and test are as they were.
    let still = |text: &str| edited(text, "0.1 } }", "1.0e-30 } }");
    train(&bench, &still(PLAIN), "still");
    for backend in ["flex", "ndarray"] {
        let folder = format!("moved-{backend}");
        train(&bench, &(still(&augmented) + &format!("backend: {backend}\n")), &folder);
    }
    let losses = column(&bench, "moved-flex", "loss");
    assert!((losses[0] - losses[1]).abs() > 1e-4, "{losses:?}");
    assert!((losses[0] - column(&bench, "still", "loss")[0]).abs() > 1e-4);
    assert_eq!(column(&bench, "moved-flex", "val_loss"), column(&bench, "still", "val_loss"));
    for (flex, ndarray) in losses.iter().zip(column(&bench, "moved-ndarray", "loss")) {
        assert!((flex - ndarray).abs() < 1e-6, "{flex} on flex, {ndarray} on ndarray");
    }

    // Statistics are of the images as they were.
    let standardized =
        |text: &str| edited(text, "validation: 40", "scaling: standardize, validation: 40");
    train(&bench, &still(&standardized(&augmented)), "statistics");
    train(&bench, &still(&standardized(PLAIN)), "standard");
    assert_eq!(column(&bench, "statistics", "val_loss"), column(&bench, "standard", "val_loss"));
}

#[test]
fn an_augmentation_that_does_nothing_is_no_part_of_a_trial() {
    let bench = Bench::new();
    train(&bench, PLAIN, "plain");
    for keys in ["{}", "{ shift: 0 }", "{ horizontal_flip: false }"] {
        train(&bench, &with_dataset(&format!("validation: 40, augment: {keys}")), "none");
        assert_eq!(trial_hash(&bench, "plain"), trial_hash(&bench, "none"), "{keys}");
    }
    bench.write("grid.yaml", PLAIN.to_owned() + "grid:\n  dataset.augment.shift: [0, 1]\n");
    bench.bn_runner("run grid.yaml -o grid -q -j 2").exits(0);
    let trial = |shift: u8| format!("grid/plain/default,shift={shift}/seed-1");
    assert_eq!(bench.numbers(&trial(0)), bench.numbers(&format!("plain/{TRIAL}")));
    assert_ne!(bench.numbers(&trial(0)), bench.numbers(&trial(1)));
    for shift in [0, 1] {
        let again = format!("run {}/config.yaml -o grid --dry-run", trial(shift));
        bench.bn_runner(&again).exits(0).prints(&format!("done   {}", trial(shift)));
    }
}

#[test]
fn an_augmentation_that_cannot_be_is_refused_at_its_place() {
    for (keys, why, place) in [
        ("augment: { shift: 8 }", "a shift by 8 pixels moves images of 8 × 8 out of sight", "2:57"),
        ("augment: { shift: -1 }", "expected a whole number", "2:57"),
        ("augment: { shft: 1 }", "did you mean `shift`?", "2:50"),
        ("augment: { horizontal_flip: 1 }", "expected true or false", "2:67"),
        ("augment: true", "expected a map of keys and values", "2:48"),
        ("augment: null", "expected a map of keys and values", "2:48"),
    ] {
        let text = with_dataset(&format!("validation: 40, {keys}"));
        mistake(&text).says(why).says(&format!("bad.yaml:{place}\n"));
    }
}

#[test]
fn a_folded_network_predicts_what_was_trained_on_shares_and_moved_images() {
    let text = edited(
        TINY,
        "validation: 40",
        "validation: { fraction: 0.25, stratified: true }, scaling: standardize, augment: { shift: 1 }",
    );
    let text = edited(&text, "    - flatten\n", "    - flatten\n    - batch_normalization\n");
    let text = edited(&text, "  epochs: 3\n", "  epochs: 3\n  metrics: [{ top_k_accuracy: 2 }]\n");
    let bench = Bench::with("tiny.yaml", &text);
    bench.bn_runner("run tiny.yaml -o out --seeds 1 -q").exits(0);
    bench.bn_runner("summary tiny.yaml").exits(0);
    let trial = "out/tiny/quick/seed-1";
    bench.bn_runner(&format!("fold {trial}")).exits(0).prints("predictions changed  0 of 40");
    bench.bn_runner(&format!("predict {trial} --weights folded")).exits(0).prints("accuracy ");
}
