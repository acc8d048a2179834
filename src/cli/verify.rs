//! `bn-runner verify`: trains a recorded trial again and compares every number.

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Result;
use clap::Args;

use super::backends::open_with_warning;
use super::moved::MovedArgs;
use super::trained::{Moved, SAY_IDX, TrainedRun, Which};
use super::{SourceArgs, print};
use crate::data::Library;
use crate::launch::{Difference, Pair, Recorded, replay};
use crate::record::{Manifest, read_diagnostics, read_metrics};
use crate::spec::BackendName;

/// Two backends add in other orders; over epochs of training, the last digits grow apart.
const TOLERANCE: f64 = 0.01;

/// Like `diff`: 1 says that there is a difference.
const DIFFERENT: u8 = 1;

#[derive(Debug, Args)]
#[command(after_help = "Exit codes: 0 the same, 1 a difference")]
pub struct VerifyArgs {
    /// A trial's folder, as in results/<experiment>/<case>/seed-1.
    #[arg(value_name = "RUN")]
    run: PathBuf,

    /// What computes. On another backend than the trial's, losses are compared with a tolerance.
    /// [default: what the network was trained on]
    #[arg(short, long, value_enum)]
    backend: Option<BackendName>,

    /// How much the loss of an epoch may differ, as a share of it. [default: nothing on the trial's
    /// own backend, 0.01 on another]
    #[arg(long, value_name = "SHARE")]
    tolerance: Option<f64>,

    /// No line per epoch; the outcome alone.
    #[arg(short, long)]
    quiet: bool,

    #[command(flatten)]
    moved: MovedArgs,

    #[command(flatten)]
    source: SourceArgs,
}

pub fn verify(args: &VerifyArgs) -> Result<ExitCode> {
    let (idx, data_dir) = (args.moved.idx.as_ref(), args.source.data_dir());
    let moved = Moved { idx, data_dir, remedy: SAY_IDX };
    let run = TrainedRun::open(&args.run, Some(Which::Model), &moved)?;
    let epochs = read_metrics(&run.dir.metrics())?;
    let mut library = Library::new(args.source.options(!args.quiet));
    let initial = run.initial_weights(args.moved.initial_weights.as_ref())?;
    let dataset = run.dataset(&mut library)?.dataset;
    let setup = &run.case().setup;
    let own = run.backend(None);
    let backend = open_with_warning(run.backend(args.backend))?;
    let tolerance = args.tolerance.or((backend.name != own).then_some(TOLERANCE));
    // By way of YAML, which JSON is part of: serde_json reads the last of 17 digits only nearly.
    let manifest = std::fs::read(run.dir.manifest()).ok();
    let manifest: Option<Manifest> = manifest.and_then(|text| serde_yaml::from_slice(&text).ok());
    let diagnostics = read_diagnostics(&run.dir.diagnostics())?;
    let recorded = Recorded {
        setup,
        placed: &run.placed,
        seed: run.experiment.seeds[0],
        initial: initial.as_ref().map(|initial| &initial.weights),
        epochs: &epochs,
        diagnostics: &diagnostics,
        weights: &run.weights,
        outcome: manifest.as_ref().and_then(|manifest| manifest.outcome.as_ref()),
    };
    let report = |pair: &Pair| {
        if !args.quiet {
            eprintln!("{}", line(pair, setup.training.epochs));
        }
    };
    let difference = replay(&recorded, &dataset, &backend, tolerance, &mut { report })?;
    let place = args.run.display();
    print(&match (&difference, tolerance) {
        (None, None) => format!(
            "{place}: bit-identical on {}: {} epochs, final weights and test score\n",
            backend.name,
            epochs.len()
        ),
        (None, Some(tolerance)) => format!(
            "{place}: on {} the training loss of every epoch is within {tolerance} of that on {own}\n",
            backend.name
        ),
        (Some(difference), tolerance) => {
            format!("{place}: {}\n", words(difference, backend.name, tolerance))
        }
    })?;
    Ok(ExitCode::from(if difference.is_some() { DIFFERENT } else { 0 }))
}

fn line(Pair { was, is }: &Pair, epochs: usize) -> String {
    let number = |number: Option<f64>| number.map_or_else(|| "-".to_owned(), |n| format!("{n:.6}"));
    let was = was.as_ref();
    format!(
        "epoch {}/{epochs}  loss {} then, {} now  val_loss {} then, {} now",
        is.epoch,
        number(was.map(|was| was.loss)),
        number(Some(is.loss)),
        number(was.and_then(|was| was.val_loss)),
        number(is.val_loss),
    )
}

fn words(
    Difference { place, was, is }: &Difference,
    backend: BackendName,
    tolerance: Option<f64>,
) -> String {
    let allowed = match tolerance {
        Some(tolerance) => format!(", where {tolerance} is allowed in training losses"),
        None => String::new(),
    };
    let by = is - was;
    format!("differs on {backend}, first in {place}: {was} then, {is} now, by {by:.1e}{allowed}")
}
