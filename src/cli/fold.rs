//! `bn-runner fold`: a trained network without its batch normalizations, and the proof that it
//! computes the same.

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use anyhow::Result;
use clap::Args;
use serde::Serialize;

use super::backends::open_with_warning;
use super::moved::user_path;
use super::trained::{Located, Moved, SAY_IDX, TrainedRun, Which};
use super::{SourceArgs, print};
use crate::data::{Dataset, Library, Scaler};
use crate::model::{Folded, Outcome, counts, fold as fold_network};
use crate::numbers::thousands;
use crate::plan::folded_config;
use crate::predict::{Predictor, compare_times};
use crate::record::write_atomically;
use crate::spec::{BackendName, Setup, UserPath};

/// Turns of each network for the time of one image. The median of so many is steady to a few
/// percent on a machine that does other things, too.
const SINGLE_PAIRS: usize = 301;

/// The same for 1,000 images.
const THOUSAND_PAIRS: usize = 21;

#[derive(Debug, Args)]
pub struct FoldArgs {
    /// A trial's folder, as in results/<experiment>/<case>/seed-1.
    #[arg(value_name = "RUN")]
    run: PathBuf,

    /// Which of the trial's weights.
    #[arg(short, long, value_enum, default_value = "model")]
    weights: Source,

    /// What computes the proof. [default: what the network was trained on]
    #[arg(short, long, value_enum)]
    backend: Option<BackendName>,

    /// Folder with the trial's data set, in place of the one that `dataset.idx` names.
    #[arg(long, value_name = "FOLDER", value_parser = user_path())]
    idx: Option<UserPath>,

    #[command(flatten)]
    source: SourceArgs,
}

/// The weights that can be folded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, clap::ValueEnum)]
#[serde(rename_all = "snake_case")]
enum Source {
    /// Those of the kept epoch: the last one, or the best one with `restore_best_weights`.
    Model,
    /// Those of the epoch with the lowest validation loss.
    Best,
}

/// `fold.json`.
#[derive(Debug, Serialize)]
struct Report {
    weights: Source,
    batch_normalizations: Vec<Normalization>,
    backend: BackendName,
    device: String,
    images: usize,
    max_probability_difference: f32,
    predictions_changed: usize,
    test_accuracy: Pair<f64>,
    parameters: Pair<usize>,
    microseconds_per_image: Pair<f64>,
    milliseconds_per_1000_images: Pair<f64>,
}

#[derive(Debug, Serialize)]
struct Normalization {
    layer: String,
    /// The layer that does its work now.
    #[serde(skip_serializing_if = "Option::is_none")]
    folded_into: Option<String>,
    /// Where that layer is: `preceding` or `following`.
    #[serde(skip_serializing_if = "Option::is_none")]
    side: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    kept_because: Option<String>,
}

#[derive(Debug, Clone, Copy, Serialize)]
struct Pair<T> {
    before: T,
    after: T,
}

impl<T> Pair<T> {
    fn of<U>([before, after]: [U; 2], value: impl Fn(U) -> T) -> Self {
        Self { before: value(before), after: value(after) }
    }
}

pub fn fold(args: &FoldArgs) -> Result<ExitCode> {
    let which = match args.weights {
        Source::Model => Which::Model,
        Source::Best => Which::Best,
    };
    let (idx, data_dir) = (args.idx.as_ref(), args.source.data_dir());
    let moved = Moved { idx, data_dir, remedy: SAY_IDX };
    let run = TrainedRun::open(&args.run, Some(which), &moved)?;
    let setup = &run.case().setup;
    let folded = fold_network(&setup.model, &run.placed, &run.weights, run.image());
    print(&steps(&folded))?;
    if folded.count() == 0 {
        print("nothing to fold, nothing was written\n")?;
        return Ok(ExitCode::SUCCESS);
    }

    let mut library = Library::new(args.source.options(true));
    let Located { dataset, spec } = run.dataset(&mut library)?;
    let report = prove(&run, &folded, args, &dataset, &run.scaler(&mut library)?)?;
    print(&report.text())?;
    if report.predictions_changed > 0 {
        eprintln!(
            "warning: {} of {} predictions changed; rounding alone does that only where two \
             classes are as good as equal",
            report.predictions_changed, report.images
        );
    }

    let dir = run.dir.folded();
    let weights = dir.folded_weights();
    let name = weights.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let setup = Setup { model: folded.model, dataset: spec, ..setup.clone() };
    let config = folded_config(&run.experiment, run.backend(None), &setup, &name, dir.path())?;
    write_atomically(&weights, &folded.weights.to_safetensors()?)?;
    write_atomically(&dir.config(), config.as_bytes())?;
    let mut json = serde_json::to_string_pretty(&report)?;
    json.push('\n');
    write_atomically(&dir.fold_report(), json.as_bytes())?;
    for path in [&weights, &dir.config(), &dir.fold_report()] {
        eprintln!("wrote {}", Path::display(path));
    }
    Ok(ExitCode::SUCCESS)
}

/// Lets both networks predict the test images, and measures both.
fn prove(
    run: &TrainedRun,
    folded: &Folded,
    args: &FoldArgs,
    dataset: &Dataset,
    scaler: &Scaler,
) -> Result<Report> {
    let backend = open_with_warning(run.backend(args.backend))?;
    let networks = [
        Predictor::new(&run.case().setup.model, &run.placed, &run.weights, &backend),
        Predictor::new(&folded.model, &folded.placed, &folded.weights, &backend),
    ];
    let test = &dataset.test;
    let [before, after] = [&networks[0], &networks[1]].map(|network| network.predict(test, scaler));
    let times =
        |size, pairs| compare_times([&networks[0], &networks[1]], test, scaler, size, pairs);
    let share = |right: usize| right as f64 / test.len() as f64;
    let accuracy = [&before, &after].map(|predictions| predictions.right(test.labels()));
    Ok(Report {
        weights: args.weights,
        batch_normalizations: normalizations(folded),
        backend: backend.name,
        device: backend.description.clone(),
        images: test.len(),
        max_probability_difference: before.largest_difference(&after),
        predictions_changed: before.changed(&after),
        test_accuracy: Pair::of(accuracy, share),
        parameters: Pair::of([&run.placed, &folded.placed], |placed| counts(placed).total),
        microseconds_per_image: Pair::of(times(1, SINGLE_PAIRS), |t: Duration| {
            t.as_secs_f64() * 1e6
        }),
        milliseconds_per_1000_images: Pair::of(times(1000, THOUSAND_PAIRS), |t: Duration| {
            t.as_secs_f64() * 1e3
        }),
    })
}

fn normalizations(folded: &Folded) -> Vec<Normalization> {
    let normalization = |step: &crate::model::Step| {
        let (folded_into, side, kept_because) = match &step.outcome {
            Outcome::IntoPreceding(layer) => (Some(layer.clone()), Some("preceding"), None),
            Outcome::IntoFollowing(layer) => (Some(layer.clone()), Some("following"), None),
            Outcome::Kept(why) => (None, None, Some(why.clone())),
        };
        Normalization { layer: step.layer.clone(), folded_into, side, kept_because }
    };
    folded.steps.iter().map(normalization).collect()
}

/// A line for each batch normalization.
fn steps(folded: &Folded) -> String {
    let width = folded.steps.iter().map(|step| step.layer.len()).max().unwrap_or(0);
    if folded.steps.is_empty() {
        return "the network has no batch normalization\n".to_owned();
    }
    let line = |step: &crate::model::Step| {
        let outcome = match &step.outcome {
            Outcome::IntoPreceding(layer) => format!("folded into `{layer}` before it"),
            Outcome::IntoFollowing(layer) => format!("folded into `{layer}` after it"),
            Outcome::Kept(why) => format!("stays: {why}"),
        };
        format!("{:<width$}  {outcome}\n", step.layer)
    };
    folded.steps.iter().map(line).collect()
}

impl Report {
    fn text(&self) -> String {
        let arrow = |before: String, after: String| format!("{before} → {after}");
        let Self { test_accuracy: accuracy, parameters, .. } = self;
        let single = self.microseconds_per_image;
        let thousand = self.milliseconds_per_1000_images;
        let images = thousands(self.images);
        [
            ("test images", format!("{images} on {}, {}", self.backend, self.device)),
            (
                "largest difference",
                format!("{:.1e} of a probability", self.max_probability_difference),
            ),
            ("predictions changed", format!("{} of {images}", self.predictions_changed)),
            (
                "test accuracy",
                arrow(format!("{:.4}", accuracy.before), format!("{:.4}", accuracy.after)),
            ),
            ("parameters", arrow(thousands(parameters.before), thousands(parameters.after))),
            (
                "time per image",
                arrow(format!("{:.1} µs", single.before), format!("{:.1} µs", single.after)),
            ),
            (
                "time per 1,000",
                arrow(format!("{:.2} ms", thousand.before), format!("{:.2} ms", thousand.after)),
            ),
        ]
        .map(|(name, value)| format!("{name:<20} {value}\n"))
        .concat()
    }
}
