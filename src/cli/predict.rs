//! `bn-runner predict`: what a trained network makes of images.

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Result;
use clap::Args;

use super::backends::open_with_warning;
use super::moved::path;
use super::output::{CsvArgs, require_extension};
use super::trained::{Moved, SAY_DATA_DIR, TrainedRun, Which};
use super::{SourceArgs, print};
use crate::data::{self, Images, Library};
use crate::predict::{Predictions, Predictor};
use crate::record::{CsvName, write_atomically};
use crate::spec::BackendName;

#[derive(Debug, Args)]
pub struct PredictArgs {
    /// A trial's folder, as in results/<experiment>/<case>/seed-1.
    #[arg(value_name = "RUN")]
    run: PathBuf,

    /// Folder with t10k-images-idx3-ubyte, and labels if known: what to predict. It need not be the
    /// trial's data set; `--data-dir` says where that is now. [default: the trial's test images]
    #[arg(long, value_name = "FOLDER", conflicts_with = "images", value_parser = path())]
    idx: Option<PathBuf>,

    /// PNG files of the size that the network takes, grey or in colour.
    #[arg(long, value_name = "FILE", num_args = 1..)]
    images: Vec<PathBuf>,

    /// Which of the trial's weights. [default: model]
    #[arg(short, long, value_enum)]
    weights: Option<Which>,

    /// What computes. [default: what the network was trained on]
    #[arg(short, long, value_enum)]
    backend: Option<BackendName>,

    /// The CSV file to write.
    #[arg(short, long, value_name = "FILE", default_value = "predictions.csv")]
    out: PathBuf,

    #[command(flatten)]
    csv: CsvArgs,

    #[command(flatten)]
    source: SourceArgs,
}

pub fn predict(args: &PredictArgs) -> Result<ExitCode> {
    require_extension(&args.out, "predictions are CSV files", &["csv"])?;
    let moved = Moved { idx: None, data_dir: args.source.data_dir(), remedy: SAY_DATA_DIR };
    let run = TrainedRun::open(&args.run, args.weights, &moved)?;
    let mut library = Library::new(args.source.options(true));
    let images = if let Some(folder) = &args.idx {
        Images::of_folder(folder, run.shape)?
    } else if args.images.is_empty() {
        Images { split: run.dataset(&mut library)?.dataset.test.clone(), labelled: true }
    } else {
        Images::of_png_files(&args.images, run.shape)?
    };
    let scaler = run.scaler(&mut library)?;
    let setup = &run.case().setup;
    let names = data::class_names(&setup.dataset, run.shape)?;
    let backend = open_with_warning(run.backend(args.backend))?;

    let predictor = Predictor::new(&setup.model, &run.placed, &run.weights, &backend);
    let predictions = predictor.predict(&images.split, &scaler);

    let labels = images.labelled.then(|| images.split.labels());
    let csv = table(&predictions, &args.images, labels, &names)?;
    write_atomically(&args.out, &args.csv.mark(csv))?;
    for ((file, class), row) in
        args.images.iter().zip(predictions.classes()).zip(predictions.rows())
    {
        print(&format!("{}: {} ({:.4})\n", file.display(), names[class], row[class]))?;
    }
    if let Some(labels) = labels {
        let right = predictions.right(labels);
        let share = right as f64 / predictions.len() as f64;
        print(&format!("accuracy {share:.4} ({right} of {} images)\n", predictions.len()))?;
    }
    eprintln!("wrote {}", args.out.display());
    Ok(ExitCode::SUCCESS)
}

/// One row per image: `file`, or else `index` from 0.
fn table(
    predictions: &Predictions,
    files: &[PathBuf],
    labels: Option<&[u8]>,
    names: &[String],
) -> Result<Vec<u8>> {
    let cell = |name: &str| CsvName(name.to_owned()).to_cell();
    let mut writer = csv::Writer::from_writer(Vec::new());
    let first = if files.is_empty() { "index" } else { "file" };
    let columns = [first, "label", "label_name", "class", "class_name"].map(str::to_owned);
    writer.write_record(columns.into_iter().chain(names.iter().map(|name| format!("p_{name}"))))?;
    for (i, (class, probabilities)) in predictions.classes().zip(predictions.rows()).enumerate() {
        let label = labels.map(|labels| usize::from(labels[i]));
        let image =
            files.get(i).map_or_else(|| i.to_string(), |file| cell(&file.to_string_lossy()));
        let known = [
            image,
            label.map_or_else(String::new, |label| label.to_string()),
            label.map_or_else(String::new, |label| cell(&names[label])),
            class.to_string(),
            cell(&names[class]),
        ];
        // 32-bit numbers in as few digits as tell them apart.
        let probabilities = probabilities.iter().map(ToString::to_string);
        writer.write_record(known.into_iter().chain(probabilities))?;
    }
    Ok(writer.into_inner().map_err(csv::IntoInnerError::into_error)?)
}
