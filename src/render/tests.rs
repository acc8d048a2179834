//! All kinds of charts over all kinds of results: crowded ones, hostile names, numbers that are none.

mod layers;

use std::path::{Path, PathBuf};

use serde_json::json;

use super::canvas::{Canvas, Mark};
use super::*;
use crate::analysis::test_data::{diverged, epoch, trial};
use crate::record::{RecordedTrial, TrialDir};

struct Picture {
    info: png::Info<'static>,
    pixels: Vec<u8>,
}

fn picture(path: &Path) -> Picture {
    let file = std::io::BufReader::new(std::fs::File::open(path).unwrap());
    let mut reader = png::Decoder::new(file).read_info().unwrap();
    let mut pixels = vec![0; reader.output_buffer_size().unwrap()];
    reader.next_frame(&mut pixels).unwrap();
    Picture { info: reader.info().clone(), pixels }
}

impl Picture {
    fn count(&self, colour: theme::Colour) -> usize {
        let plotters::style::RGBColor(r, g, b) = Theme::Light.rgb(colour);
        self.pixels.chunks_exact(3).filter(|pixel| *pixel == [r, g, b]).count()
    }
}

/// A box of text, left, top, right and bottom, a little smaller than its letters.
fn text_boxes(canvas: &Canvas) -> Vec<(String, [f64; 4])> {
    let text_box = |mark: &Mark| match mark {
        Mark::Text { text, at, style, upwards } => {
            let width = style.width(text);
            let before = style.align.share_before() * width;
            // Digits are 0.71 em high; what hangs below the line is left out.
            let height = style.size * 0.7;
            let (x, y) = *at;
            let edges = if *upwards {
                [x - height, y + before - width, x, y + before]
            } else {
                [x - before, y - height, x - before + width, y]
            };
            Some((text.clone(), edges))
        }
        Mark::Line { .. } | Mark::Polygon { .. } | Mark::Circle { .. } | Mark::Image { .. } => None,
    };
    canvas.marks.iter().filter_map(text_box).collect()
}

/// No two texts touch, and everything lies on the paper.
#[track_caller]
fn assert_legible(canvas: &Canvas, what: &str) {
    let texts = text_boxes(canvas);
    for (i, (text, [left, top, right, bottom])) in texts.iter().enumerate() {
        let inside =
            *left >= 0.0 && *top >= 0.0 && *right <= canvas.width && *bottom <= canvas.height;
        assert!(inside, "{what}: {text:?} leaves the paper");
        for (other, [l, t, r, b]) in &texts[..i] {
            let apart = right <= l || r <= left || bottom <= t || b <= top;
            assert!(apart, "{what}: {text:?} lies over {other:?}");
        }
    }
    let points = canvas.marks.iter().flat_map(|mark| match mark {
        Mark::Line { points, .. } | Mark::Polygon { corners: points, .. } => points.clone(),
        Mark::Circle { centre, .. } => vec![*centre],
        Mark::Image { corner, size, .. } => vec![*corner, (corner.0 + size.0, corner.1 + size.1)],
        Mark::Text { .. } => Vec::new(),
    });
    for (x, y) in points {
        let inside = (0.0..=canvas.width).contains(&x) && (0.0..=canvas.height).contains(&y);
        assert!(inside, "{what}: a mark at {x}, {y} leaves the paper");
    }
}

/// All texts of a chart.
fn words(canvas: &Canvas) -> String {
    text_boxes(canvas).into_iter().map(|(text, _)| text + "\n").collect()
}

fn experiment(labels: &[String], seeds: u64, epochs: usize) -> ExperimentResults {
    let mut trials = Vec::new();
    for (index, label) in labels.iter().enumerate() {
        for seed in 0..seeds {
            let accuracy =
                |epoch| 0.9 - 0.02 * index as f64 - 0.3 / epoch as f64 + 0.003 * seed as f64;
            let accuracies: Vec<f64> = (1..=epochs).map(accuracy).collect();
            trials.push(trial("e", label, &[], seed, &accuracies));
        }
    }
    ExperimentResults::new("e", "About something. And more.", trials)
}

fn labels(n: usize) -> Vec<String> {
    (0..n).map(|i| format!("variant_{i}")).collect()
}

/// Two variants over a grid of keys, two seeds each; one grid point has failed.
fn grid(keys: &[(&str, &[serde_json::Value])]) -> ExperimentResults {
    let mut points: Vec<Vec<(&str, serde_json::Value)>> = vec![Vec::new()];
    for (key, values) in keys {
        points = points
            .iter()
            .flat_map(|point| {
                values.iter().map(move |value| {
                    let mut point = point.clone();
                    point.push((*key, value.clone()));
                    point
                })
            })
            .collect();
    }
    let mut trials = Vec::new();
    for variant in ["bn", "no_bn"] {
        for (index, point) in points.iter().enumerate() {
            let names: String =
                point.iter().map(|(key, value)| format!(",{key}={value}")).collect();
            for seed in 1..=2 {
                let accuracy = 0.5 + 0.01 * index as f64 + 0.001 * seed as f64;
                let failed = variant == "no_bn" && index == 0;
                let accuracies = if failed { vec![] } else { vec![0.4, accuracy] };
                trials.push(trial("e", &format!("{variant}{names}"), point, seed, &accuracies));
            }
        }
    }
    ExperimentResults::new("e", "", trials)
}

/// Files that trials have about classes, in the form in which they are recorded.
fn with_classes(folder: &Path, classes: &[&str], images: usize) -> ExperimentResults {
    let mut trials = Vec::new();
    for (label, accuracy) in [("good", 0.9), ("bad", 0.5)] {
        for seed in 1..=2 {
            let mut one = trial("e", label, &[], seed, &[accuracy]);
            one.dir = TrialDir::existing(folder.join(format!("{label}-{seed}")));
            std::fs::create_dir_all(one.dir.path()).unwrap();
            let mut matrix = csv::Writer::from_writer(Vec::new());
            matrix
                .write_record(["true", "true_name", "predicted", "predicted_name", "count"])
                .unwrap();
            for (t, true_name) in classes.iter().enumerate() {
                for (p, predicted_name) in classes.iter().enumerate() {
                    let count = if t == p { 90 } else { (t + 2 * p) % 7 };
                    let cells = (t, true_name, p, predicted_name, count);
                    matrix.serialize(cells).unwrap();
                }
            }
            std::fs::write(one.dir.confusion_matrix(), matrix.into_inner().unwrap()).unwrap();
            let mut mistakes = csv::Writer::from_writer(Vec::new());
            let header =
                ["rank", "row", "true", "true_name", "predicted", "predicted_name", "probability"];
            mistakes.write_record(header).unwrap();
            for i in 0..images {
                let (t, p) = (i % classes.len(), (i + 1) % classes.len());
                let row = (i + 1, i * 7, t, classes[t], p, classes[p], 1.0 - 0.01 * i as f64);
                mistakes.serialize(row).unwrap();
            }
            std::fs::write(one.dir.mistakes(), mistakes.into_inner().unwrap()).unwrap();
            let pixels = (0..28 * 28 * images).map(|pixel| (pixel % 251) as u8).collect();
            let sheet = GreyImage { width: 28, height: 28 * images, pixels };
            std::fs::write(one.dir.mistakes_picture(), grey_png(&sheet).unwrap()).unwrap();
            trials.push(one);
        }
    }
    ExperimentResults::new("e", "", trials)
}

/// Every chart that has something to show.
fn charts(results: &ExperimentResults, options: &Options) -> Vec<(Plot, Canvas)> {
    let one = std::slice::from_ref(results);
    let draw = |plot: Plot| {
        let options = options.clone().without_unfit(plot);
        match canvas(plot, one, &options) {
            // Too narrow a chart is refused in words.
            Err(error) if options.size.is_some() && error.is::<BadOption>() => None,
            drawn => Some((plot, drawn.unwrap()?)),
        }
    };
    Plot::ALL.into_iter().filter_map(draw).collect()
}

#[test]
fn every_case_is_in_the_default_charts_in_its_colour_at_300_dpi() {
    let folder = tempfile::tempdir().unwrap();
    for (seeds, epochs) in [(3, 10), (1, 1)] {
        let results = experiment(&labels(3), seeds, epochs);
        let mut paths = draw_experiment(folder.path(), &results, None).unwrap();
        assert_eq!(paths.len(), 3);
        paths.extend(draw_comparison(folder.path(), &[results]).unwrap());
        assert_eq!(paths.len(), 4);
        for path in &paths {
            let picture = picture(path);
            assert_eq!(picture.info.pixel_dims.unwrap().xppu, 11811);
            for style in (0..3).map(theme::case_style) {
                let found = picture.count(style.colour);
                assert!(found > 200, "{found} pixels of {style:?} in {}", path.display());
            }
            assert_eq!(picture.count(theme::case_style(3).colour), 0);
        }
    }
}

#[test]
fn no_text_touches_another_whatever_the_names_and_however_many() {
    let mut names = labels(12);
    names.push("a_very_long_name_".repeat(20));
    names.push("批归一化 🧪 \u{202e}\u{1b}[31m\n".repeat(9));
    names.extend((0..30).map(|i| format!("default,learning_rate=0.000{i},batch_size=128")));
    let sizes = [None, Some((300.0, 420.0)), Some((1000.0, 700.0))];
    for names in [&names[..1], &names[..12], &names[11..15], &names[..]] {
        for (seeds, epochs) in [(1, 1), (3, 14), (2, 1200)] {
            let results = experiment(names, seeds, epochs);
            for size in sizes {
                // Forty names take their room, whatever is asked for.
                if size.is_some() && names.len() > 4 {
                    continue;
                }
                let options = Options { size, ..Options::default() };
                for (plot, canvas) in charts(&results, &options) {
                    assert_legible(
                        &canvas,
                        &format!("{plot}, {} cases, {epochs} epochs", names.len()),
                    );
                    if let Some((width, _)) = size {
                        assert_eq!(canvas.width, width, "{plot}");
                    }
                }
            }
        }
    }
}

#[test]
fn every_chart_says_how_many_seeds_it_is_of() {
    let folder = tempfile::tempdir().unwrap();
    let mut seen = Vec::new();
    for results in [
        experiment(&labels(3), 3, 10),
        grid(&[("a.rate", &[json!(0.1), json!(0.2)]), ("a.size", &[json!(1), json!(2), json!(3)])]),
        with_classes(folder.path(), &["cat", "dog"], 3),
        layers::with_layers(folder.path(), &labels(3), 4, 3),
    ] {
        for (plot, canvas) in charts(&results, &Options::default()) {
            let words = words(&canvas);
            let says = ["3 seeds", "2 seeds", "n = "].iter().any(|n| words.contains(n));
            assert!(says, "{plot}: {words}");
            seen.push(plot);
        }
    }
    assert!(Plot::ALL.iter().all(|plot| seen.contains(plot)), "{seen:?}");
}

#[test]
fn sizes_are_kept_to_the_point_and_refused_where_nothing_would_be_legible() {
    let folder = tempfile::tempdir().unwrap();
    let results = experiment(&labels(3), 3, 10);
    let classes = with_classes(folder.path(), &["cat", "dog", "horse"], 30);
    for results in [&results, &classes] {
        let options = Options { size: Some((600.0, 500.0)), ..Options::default() };
        for (plot, canvas) in charts(results, &options) {
            assert_legible(&canvas, plot.as_str());
            assert_eq!(canvas.width, 600.0);
            // A sheet of images has whole rows.
            let off = (canvas.height - 500.0).abs();
            assert!(off < 1e-6 || plot == Plot::Mistakes && canvas.height < 500.0, "{plot}: {off}");
        }
    }
    for size in [(100.0, 400.0), (500.0, 60.0)] {
        let options = Options { size: Some(size), ..Options::default() };
        let error =
            canvas(Plot::FinalAccuracy, std::slice::from_ref(&results), &options).unwrap_err();
        assert!(error.is::<BadOption>(), "{error}");
    }
}

#[test]
fn two_grid_keys_make_a_map_and_one_a_line_and_more_make_panels() {
    let rates: &[serde_json::Value] = &[json!(0.001), json!(0.1), json!(0.01)];
    let sizes: &[serde_json::Value] = &[json!(16), json!(128)];
    let one = grid(&[("training.optimizer.sgd.learning_rate", rates)]);
    let two =
        grid(&[("training.optimizer.sgd.learning_rate", rates), ("training.batch_size", sizes)]);
    let three = grid(&[
        ("training.optimizer.sgd.learning_rate", rates),
        ("training.batch_size", sizes),
        ("dataset.scaling", &[json!("unit"), json!("standardize")]),
    ]);
    let draw = |results: &ExperimentResults| {
        let one = std::slice::from_ref(results);
        let canvas = canvas(Plot::HeatMap, one, &Options::default()).unwrap().unwrap();
        assert_legible(&canvas, "heat map");
        words(&canvas)
    };
    let line = draw(&one);
    assert!(
        line.contains("Validation accuracy by learning rate\n") && line.contains("no_bn"),
        "{line}"
    );
    let map = draw(&two);
    assert!(map.contains("Validation accuracy by learning rate and batch size"), "{map}");
    // Numbers by size, a cell for each point; what failed has none.
    let place =
        |text: &str| map.find(&format!("\n{text}\n")).unwrap_or_else(|| panic!("{text}: {map}"));
    assert!(place("0.001") < place("0.01") && place("0.01") < place("0.1"), "{map}");
    assert!(map.contains("0.5515") && map.contains("–"), "{map}");
    let panels = draw(&three);
    assert!(
        panels.contains("bn, scaling unit") && panels.contains("no_bn, scaling standardize"),
        "{panels}"
    );
    let nothing = experiment(&labels(2), 2, 3);
    let none = canvas(Plot::HeatMap, &[nothing], &Options::default()).unwrap();
    assert!(none.is_none(), "there is no grid");
}

/// A grid of two by two whose test accuracies are the other way round than its validation accuracies.
fn tested_otherwise(validation: bool) -> ExperimentResults {
    let mut results = grid(&[
        ("training.optimizer.sgd.learning_rate", &[json!(0.1), json!(0.2)]),
        ("training.batch_size", &[json!(32), json!(64)]),
    ]);
    results.cases.truncate(4);
    for trial in results.cases.iter_mut().flat_map(|case| &mut case.trials) {
        let accuracy = trial.epochs.last().unwrap().val_accuracy.unwrap();
        trial.manifest.outcome.as_mut().unwrap().test_accuracy = 1.0 - accuracy;
        for row in trial.epochs.iter_mut().filter(|_| !validation) {
            (row.val_accuracy, row.val_loss) = (None, None);
        }
    }
    results
}

/// The left upper corners of the cells that are framed.
fn frames(canvas: &Canvas) -> Vec<(f64, f64)> {
    let frame = |mark: &Mark| match mark {
        Mark::Line { points, colour, .. } if points.len() == 5 && *colour == theme::INK => {
            Some(points[0])
        }
        Mark::Line { .. }
        | Mark::Text { .. }
        | Mark::Polygon { .. }
        | Mark::Circle { .. }
        | Mark::Image { .. } => None,
    };
    canvas.marks.iter().filter_map(frame).collect()
}

#[test]
fn the_best_is_chosen_by_validation_and_never_by_the_test() {
    let results = tested_otherwise(true);
    let draw = |plot, results: &ExperimentResults, y: Option<&str>| {
        let options = Options { y: y.map(str::to_owned), ..Options::default() };
        canvas(plot, std::slice::from_ref(results), &options).unwrap().unwrap()
    };
    let map = draw(Plot::HeatMap, &results, None);
    let of_validation = frames(&map);
    assert_eq!(of_validation.len(), 1);
    assert!(words(&map).contains("framed: the best by validation accuracy"), "{}", words(&map));
    let map = draw(Plot::HeatMap, &results, Some("test_accuracy"));
    assert_eq!(frames(&map), of_validation);
    assert!(words(&map).contains("framed: the best by validation accuracy"), "{}", words(&map));
    let map = draw(Plot::HeatMap, &results, Some("val_loss"));
    assert!(words(&map).contains("framed: the best by validation loss"), "{}", words(&map));

    let text = words(&draw(Plot::Comparison, &results, None));
    let place = |label: &str| text.find(label).unwrap_or_else(|| panic!("{label}: {text}"));
    assert!(text.contains("Test accuracy, ordered by validation accuracy"), "{text}");
    // The last case of the grid is the best by validation, and the worst by its test accuracy.
    let (first, last) = ("0.4985 ± ", "0.4685 ± ");
    assert!(place(last) < place(first), "{text}");

    let results = tested_otherwise(false);
    let map = draw(Plot::HeatMap, &results, None);
    assert_eq!(frames(&map), []);
    assert!(words(&map).contains("Test accuracy by"), "{}", words(&map));
    assert!(words(&map).contains("none is framed, as there is no validation"), "{}", words(&map));
    let text = words(&draw(Plot::Comparison, &results, None));
    let place = |label: &str| text.find(label).unwrap_or_else(|| panic!("{label}: {text}"));
    assert!(text.contains("in the order of the file (no validation to rank by)"), "{text}");
    assert!(place(first) < place(last), "{text}");
}

#[test]
fn charts_say_of_which_epoch_results_are_and_what_diverged() {
    let mut results = grid(&[
        ("training.optimizer.sgd.learning_rate", &[json!(0.1), json!(0.2)]),
        ("training.batch_size", &[json!(32), json!(64)]),
    ]);
    for trial in &mut results.cases[1].trials {
        trial.manifest.kept_epoch = Some(1);
    }
    let case = &mut results.cases[2];
    case.trials = (1..=2).map(|seed| diverged("e", &case.label, seed, &[0.9])).collect();
    for (plot, canvas) in charts(&results, &Options::default()) {
        assert_legible(&canvas, plot.as_str());
        let text = words(&canvas);
        if plot != Plot::ConfusionMatrix && plot != Plot::Mistakes {
            assert!(text.contains("results of epochs 1 to 2 (restore_best_weights)"), "{text}");
            assert!(text.contains("2 diverged trials in no mean"), "{text}");
        }
        if plot == Plot::HeatMap {
            assert!(text.contains("\n×\n") && text.contains("×: all trials diverged"), "{text}");
            // Of the kept epoch.
            assert!(text.contains("0.4000"), "{text}");
        }
    }
}

#[test]
fn classes_and_mistakes_are_those_of_the_best_case() {
    let folder = tempfile::tempdir().unwrap();
    let long =
        ["Ankle boot", "T-shirt/top", "a name that is much longer than any class's should be", "x"];
    let results = with_classes(folder.path(), &long, 30);
    let draw = |plot| {
        let one = std::slice::from_ref(&results);
        let canvas = canvas(plot, one, &Options::default()).unwrap().unwrap();
        assert_legible(&canvas, plot.as_str());
        canvas
    };
    let matrix = words(&draw(Plot::ConfusionMatrix));
    assert!(
        matrix.contains("the case is the best by validation accuracy")
            && matrix.contains("2 seeds, added up"),
        "{matrix}"
    );
    // Of 90 + 1 + 2 + 3 images of the class.
    assert!(matrix.contains("Ankle boot") && matrix.contains("true class"), "{matrix}");
    let sheet = draw(Plot::Mistakes);
    let images = sheet.marks.iter().filter(|mark| matches!(mark, Mark::Image { .. })).count();
    assert_eq!(images, 25);
    let captions = words(&sheet);
    assert!(captions.contains("the surest 25 of 30 recorded"), "{captions}");
    assert!(captions.contains("→ T-shirt/top 100 %"), "{captions}");

    let many: Vec<String> = (0..60).map(|class| format!("class {class}")).collect();
    let many: Vec<&str> = many.iter().map(String::as_str).collect();
    let results = with_classes(folder.path(), &many, 3);
    let canvas = canvas(Plot::ConfusionMatrix, &[results], &Options::default()).unwrap().unwrap();
    assert_legible(&canvas, "60 classes");

    std::fs::write(folder.path().join("good-1/confusion_matrix.csv"), "a,b\n1\n").unwrap();
    let results = with_classes_of(folder.path());
    let error = chart(Plot::ConfusionMatrix, &[results], &Options::default(), Look::default());
    assert!(format!("{:#}", error.unwrap_err()).contains("confusion_matrix.csv"));
}

/// The best case alone, its files as they are.
fn with_classes_of(folder: &Path) -> ExperimentResults {
    let mut one = trial("e", "good", &[], 1, &[0.9]);
    one.dir = TrialDir::existing(folder.join("good-1"));
    ExperimentResults::new("e", "", vec![one])
}

#[test]
fn targets_count_the_seeds_that_reach_them() {
    let results = ExperimentResults::new(
        "e",
        "",
        vec![
            trial("e", "quick", &[], 1, &[0.5, 0.9]),
            trial("e", "quick", &[], 2, &[0.9, 0.9]),
            trial("e", "partly", &[], 1, &[0.5, 0.9]),
            trial("e", "partly", &[], 2, &[0.5, 0.6]),
            trial("e", "slow", &[], 1, &[0.1, 0.2]),
        ],
    );
    let draw = |plot, options: &Options| {
        words(&canvas(plot, std::slice::from_ref(&results), options).unwrap().unwrap())
    };
    let epochs = draw(Plot::EpochsToTarget, &Options::default());
    // 95 % of 0.9.
    assert!(epochs.contains("Epochs until validation accuracy ≥ 0.855"), "{epochs}");
    for number in ["1.5 ± 0.7", "2 (1 of 2 seeds)", "not in 2 epochs"] {
        assert!(epochs.contains(number), "{number}: {epochs}");
    }
    let options =
        Options { target: Some(0.5), y: Some("val_loss".to_owned()), ..Options::default() };
    let seconds = draw(Plot::SecondsToTarget, &options);
    assert!(seconds.contains("Seconds of training until validation loss ≤ 0.5"), "{seconds}");
    assert!(seconds.contains("2.0 ± 0.0"), "{seconds}");
}

#[test]
fn what_is_asked_for_is_drawn_or_refused_by_name() {
    let results = [experiment(&labels(2), 2, 5)];
    let y = |name: &str| Options { y: Some(name.to_owned()), ..Options::default() };
    let seconds = Options { x: Some(TimeAxis::Seconds), ..y("val_loss") };
    let canvas = |plot, options: &Options| canvas(plot, &results, options);
    let drawn = words(&canvas(Plot::LearningCurves, &seconds).unwrap().unwrap());
    assert!(drawn.contains("Validation loss over training time"), "{drawn}");
    let strip = words(&canvas(Plot::FinalAccuracy, &y("train_seconds")).unwrap().unwrap());
    assert!(strip.contains("Training time (seconds) of every seed"), "{strip}");
    let error = canvas(Plot::LearningCurves, &y("val_acuracy")).unwrap_err().to_string();
    assert!(error.contains("did you mean `val_accuracy`?"), "{error}");
    let error = canvas(Plot::FinalAccuracy, &y("test_acuracy")).unwrap_err().to_string();
    assert!(error.contains("did you mean `test_accuracy`?"), "{error}");
    let error = seconds.fit(Plot::FinalAccuracy).unwrap_err().to_string();
    assert!(error.contains("`--x` means nothing to `final_accuracy`"), "{error}");
}

#[test]
fn only_chosen_charts_are_drawn_and_others_of_an_earlier_run_go() {
    let folder = tempfile::tempdir().unwrap();
    let results = experiment(&labels(2), 2, 5);
    let draw = |plots| {
        draw_experiment(folder.path(), &results, plots).unwrap();
        let names = std::fs::read_dir(folder.path()).unwrap();
        let mut names: Vec<String> =
            names.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    };
    assert_eq!(draw(None), ["accuracy_vs_time.png", "final_accuracy.png", "learning_curves.png"]);
    assert_eq!(draw(Some(&[Plot::EpochsToTarget])), ["epochs_to_target.png"]);
    assert_eq!(draw(Some(&[])), Vec::<String>::new());
}

#[test]
fn schedules_that_are_the_same_share_a_line() {
    let mut trials = Vec::new();
    for (label, falls) in [("a", true), ("b", true), ("c", false)] {
        let mut one = trial("e", label, &[], 1, &[0.5, 0.6, 0.7]);
        for row in &mut one.epochs {
            row.learning_rate = if falls { 0.1 / row.epoch as f64 } else { 0.1 };
        }
        trials.push(one);
    }
    let results = ExperimentResults::new("e", "", trials);
    assert!(default_plots(&results).contains(&Plot::LearningRate));
    let canvas = canvas(Plot::LearningRate, &[results], &Options::default()).unwrap().unwrap();
    let words = words(&canvas);
    assert!(words.contains("\na, b\n") && words.contains("\nc\n"), "{words}");
}

#[test]
fn nothing_completed_is_no_chart_and_no_error() {
    let folder = tempfile::tempdir().unwrap();
    let failed = trial("e", "a", &[], 1, &[]);
    for trials in [vec![], vec![failed]] {
        let results = ExperimentResults::new("e", "", trials);
        let drawn = draw_experiment(folder.path(), &results, Some(&Plot::ALL)).unwrap();
        assert_eq!(drawn, Vec::<PathBuf>::new());
        assert_eq!(draw_comparison(folder.path(), &[results]).unwrap(), None);
    }
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
}

#[test]
fn numbers_that_are_none_are_left_out() {
    let with = |seed, values: &[f64]| RecordedTrial {
        epochs: values.iter().enumerate().map(|(i, v)| epoch(i + 1, *v)).collect(),
        ..trial("e", &format!("v{seed}"), &[], seed, &[*values.last().unwrap()])
    };
    let mut without_validation = with(4, &[0.5, 0.6]);
    for row in &mut without_validation.epochs {
        (row.val_accuracy, row.val_loss) = (None, None);
    }
    let trials = vec![
        with(0, &[f64::NAN, f64::NAN]),
        with(1, &[0.5, f64::INFINITY, 0.6]),
        with(2, &[f64::NEG_INFINITY, 1e-300, 1e300]),
        with(3, &[0.0, 0.0]),
        without_validation,
    ];
    let all = ExperimentResults::new("e", "", trials.clone());
    let alone = trials.into_iter().map(|one| ExperimentResults::new("e", "", vec![one]));
    for results in alone.chain([all]) {
        for (plot, canvas) in charts(&results, &Options::default()) {
            assert_legible(&canvas, plot.as_str());
            canvas.png(Theme::Light, 100).unwrap();
            let svg = canvas.svg(Theme::Dark).unwrap();
            // Notes may speak of them; places and sizes may not be them.
            let mut tags = svg.split('<').filter_map(|part| part.split('>').next());
            assert!(tags.all(|tag| !tag.contains("NaN")), "{plot}");
        }
    }
}
