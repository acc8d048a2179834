//! `bn-runner predict`: a trial's network at work on its test images, on others, and on PNG files.

mod support;

use support::{Bench, PIXELS, TINY, edited};

const TRIAL: &str = "out/tiny/quick/seed-1";

/// A bench on which the tiny experiment was trained.
fn trained(scaling: &str) -> Bench {
    let text = edited(TINY, "validation: 40", &format!("validation: 40, scaling: {scaling}"));
    let bench = Bench::with("tiny.yaml", &text);
    bench.bn_runner("run tiny.yaml -o out --seeds 1 -q").exits(0);
    bench
}

/// The first test image, which is of class 0, row by row.
fn first_image(bench: &Bench) -> Vec<u8> {
    bench.bytes("data/t10k-images-idx3-ubyte")[16..16 + PIXELS].to_vec()
}

/// A grey 8-bit PNG file.
fn png(width: u32, pixels: &[u8]) -> Vec<u8> {
    let mut file = Vec::new();
    let mut encoder = png::Encoder::new(&mut file, width, pixels.len() as u32 / width);
    encoder.set_color(png::ColorType::Grayscale);
    encoder.write_header().unwrap().write_image_data(pixels).unwrap();
    file
}

#[test]
fn test_images_are_predicted_by_default_as_well_as_the_trial_says() {
    for scaling in ["unit", "standardize", "none"] {
        let bench = trained(scaling);
        let recorded = &bench.json(&format!("{TRIAL}/manifest.json"))["outcome"]["test_accuracy"];
        let share = recorded.as_f64().unwrap();
        bench
            .bn_runner(&format!("predict {TRIAL}"))
            .exits(0)
            .prints(&format!("accuracy {share:.4} ({} of 40 images)\n", (share * 40.0).round()))
            .says("wrote predictions.csv");
        let text = bench.text("predictions.csv");
        assert!(
            text.starts_with("index,label,label_name,class,class_name,p_0,p_1,p_2,p_3\n0,0,0,"),
            "{text}"
        );
        let rows = bench.table("predictions.csv");
        assert_eq!(rows.len(), 40);
        let mut right = 0;
        for (i, row) in rows.iter().enumerate() {
            let p = [0, 1, 2, 3].map(|class| row[&format!("p_{class}")].parse::<f32>().unwrap());
            assert!((p.iter().sum::<f32>() - 1.0).abs() < 1e-5, "{row:?}");
            let class: usize = row["class"].parse().unwrap();
            assert!(p.iter().all(|other| *other <= p[class]), "{row:?}");
            assert_eq!((&*row["index"], &*row["label"]), (&*i.to_string(), &*(i % 4).to_string()));
            right += usize::from(row["class"] == row["label"]);
        }
        assert!((right as f64 / 40.0 - share).abs() < 1e-9);
    }
}

#[test]
fn backends_and_weights_can_be_chosen() {
    let bench = trained("unit");
    let classes = |arguments: &str| -> Vec<String> {
        bench.bn_runner(&format!("predict {TRIAL} -o p/{arguments}.csv {arguments}")).exits(0);
        let rows = bench.table(&format!("p/{arguments}.csv"));
        rows.into_iter().map(|mut row| row.remove("class").unwrap()).collect()
    };
    assert_eq!(classes("--backend=flex"), classes("--backend=ndarray"));
    assert_eq!(classes("--weights=best").len(), 40);
}

#[test]
fn a_trial_without_validation_has_no_best_weights_and_says_so() {
    let bench = Bench::with("tiny.yaml", &edited(TINY, "validation: 40", "validation: 0"));
    bench.bn_runner("run tiny.yaml -o out --seeds 1 -q").exits(0);
    bench.bn_runner(&format!("predict {TRIAL} --weights best")).exits(2).says(
        "best.safetensors` is not there: a trial without validation images has no best epoch",
    );
}

#[test]
fn other_data_than_the_network_was_trained_on_is_noticed() {
    let bench = trained("unit");
    let recorded = &bench.json(&format!("{TRIAL}/manifest.json"))["dataset_checksum"];
    let mut labels = bench.bytes("data/t10k-labels-idx1-ubyte");
    labels[8] = 3;
    bench.write("data/t10k-labels-idx1-ubyte", labels);
    for verb in ["predict", "verify"] {
        bench
            .bn_runner(&format!("{verb} {TRIAL}"))
            .exits(3)
            .says(
                "error: the data in `data` is not what the trial was trained on: its checksum is ",
            )
            .says(&format!(", the recorded one is {}; ", recorded.as_str().unwrap()));
    }
    // Predicting other images is what `--idx` is for.
    bench.bn_runner(&format!("predict {TRIAL} --idx data")).exits(0);
}

#[test]
fn a_folder_is_predicted_with_or_without_its_labels() {
    let bench = trained("unit");
    bench.write_data("other");
    bench.bn_runner(&format!("predict {TRIAL} -o own.csv")).exits(0);
    for name in ["train-images-idx3-ubyte", "train-labels-idx1-ubyte"] {
        std::fs::remove_file(bench.path(&format!("other/{name}"))).unwrap();
    }
    let predict = format!("predict {TRIAL} --idx other -o other.csv");
    bench.bn_runner(&predict).exits(0).prints("accuracy ");
    assert_eq!(bench.text("own.csv"), bench.text("other.csv"));

    // Nothing but the images: neither labels nor the data that the network was trained on.
    std::fs::remove_file(bench.path("other/t10k-labels-idx1-ubyte")).unwrap();
    let ended = bench.bn_runner(&predict).exits(0);
    assert_eq!(ended.stdout, "");
    let rows = bench.table("other.csv");
    assert!(rows.iter().all(|row| row["label"].is_empty() && row["label_name"].is_empty()));
}

#[test]
fn png_files_are_predicted_as_the_same_images_of_the_data_set() {
    for scaling in ["unit", "standardize"] {
        let bench = trained(scaling);
        bench.write("=a.png", png(8, &first_image(&bench)));
        bench.bn_runner(&format!("predict {TRIAL} -o own.csv")).exits(0);
        let ended = bench.bn_runner(&format!("predict {TRIAL} --images =a.png =a.png")).exits(0);
        let (own, rows) = (bench.table("own.csv"), bench.table("predictions.csv"));
        assert_eq!(rows.len(), 2);
        for row in &rows {
            // As a formula it would run in a spreadsheet.
            assert_eq!(row["file"], "'=a.png");
            assert_eq!(row["label"], "");
            let p = |row: &std::collections::HashMap<String, String>| -> f32 {
                row["p_0"].parse().unwrap()
            };
            assert!((p(row) - p(&own[0])).abs() < 1e-5, "{row:?}");
        }
        assert!(ended.stdout.starts_with("=a.png: 0 ("), "{ended}");
    }
}

#[test]
fn images_that_do_not_fit_are_named_with_their_size_and_the_one_expected() {
    let bench = trained("unit");
    bench.write("good.png", png(8, &first_image(&bench)));
    bench.write("small.png", png(4, &[0; 20]));
    bench
        .bn_runner(&format!("predict {TRIAL} --images good.png small.png"))
        .exits(3)
        .says("small.png: is 5 × 4 pixels (height × width), and the network takes 8 × 8");
    bench
        .bn_runner(&format!("predict {TRIAL} --images none.png"))
        .exits(3)
        .says("none.png: cannot be read: ");
    bench
        .bn_runner(&format!("predict {TRIAL} --images tiny.yaml"))
        .exits(3)
        .says("tiny.yaml: is no PNG image that can be read: ");
    let cut = &png(8, &first_image(&bench))[..60];
    bench.write("cut.png", cut);
    bench.bn_runner(&format!("predict {TRIAL} --images cut.png")).exits(3).says("cut.png: is no ");

    let images = bench.bytes("data/t10k-images-idx3-ubyte");
    let mut wide = images[..8].to_vec();
    wide.extend([4_u32, 16].into_iter().flat_map(u32::to_be_bytes));
    wide.extend(&images[16..]);
    bench.write("wide/t10k-images-idx3-ubyte", wide);
    bench
        .bn_runner(&format!("predict {TRIAL} --idx wide"))
        .exits(3)
        .says("holds images of 4 × 16 pixels but the network takes 8 × 8");
    bench
        .bn_runner(&format!("predict {TRIAL} --idx nowhere"))
        .exits(3)
        .says("`nowhere` does not exist; a folder to predict needs t10k-images-idx3-ubyte");
    let mut labels = bench.bytes("data/t10k-labels-idx1-ubyte");
    labels[10] = 9;
    bench.write("nine/t10k-images-idx3-ubyte", images);
    bench.write("nine/t10k-labels-idx1-ubyte", labels);
    bench
        .bn_runner(&format!("predict {TRIAL} --idx nine"))
        .exits(3)
        .says("has label 9 but the network knows 4 classes");
    assert!(!bench.has("predictions.csv"));
}

#[test]
fn a_folder_that_is_no_finished_trial_is_refused() {
    let bench = trained("unit");
    for folder in ["nowhere", "out/tiny", "data"] {
        bench
            .bn_runner(&format!("predict {folder}"))
            .exits(2)
            .says(&format!("error: `{folder}` is no trial's folder"))
            .says("results/<experiment>/<case>/seed-1");
    }
    bench.bn_runner(&format!("predict {TRIAL} --weights folded")).exits(2).says("`bn-runner fold`");
    bench.bn_runner(&format!("predict {TRIAL} --idx data --images a.png")).exits(2);

    let other = bench.bytes(&format!("{TRIAL}/model.safetensors"));
    std::fs::remove_file(bench.path(&format!("{TRIAL}/model.safetensors"))).unwrap();
    bench
        .bn_runner(&format!("predict {TRIAL}"))
        .exits(2)
        .says("model.safetensors` is not there: `bn-runner run --force` trains the trial again");
    let config = bench.text(&format!("{TRIAL}/config.yaml"));
    bench.write("copy/model.safetensors", other);
    let config = edited(&config, "../../../../data", "../data");
    bench.write("copy/config.yaml", edited(&config, "units: 16", "units: 15"));
    bench
        .bn_runner("predict copy")
        .exits(2)
        .says("copy/model.safetensors` does not match this network:")
        .says("`dense/kernel` has shape [64, 16]: the network has it with shape [64, 15]");
    assert!(!bench.has("predictions.csv"));
}
