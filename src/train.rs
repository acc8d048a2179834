//! One trial, from its setup to a trained network: forward, loss, backward, step, evaluate, record.

mod callbacks;
mod meter;

use std::time::Instant;

use burn::module::Module;
use burn::nn::loss::CrossEntropyLossConfig;
use burn::optim::GradientsParams;

use crate::backend::Opened;
use crate::data::{Dataset, Feed, Scaler};
use crate::model::{Network, Pass, Placed, Weights};
use crate::optim::{self, Schedule};
use crate::record::EpochRow;
use crate::rng::{Purpose, Stream};
use crate::spec::Setup;

use callbacks::Callbacks;
use meter::Meter;
pub use meter::Score;

/// Raised whenever the same trial would give other numbers beyond rounding; part of a trial's
/// identity.
pub const NUMERICS_VERSION: u32 = 1;

/// Rows per forward pass where no gradient is needed. Numbers do not depend on it beyond rounding.
const EVALUATION_BATCH: usize = 500;

/// Steps between two calls of [`Observer::step`].
const STEPS_PER_REPORT: usize = 50;

/// What follows a trial while it trains.
pub trait Observer {
    /// So many rows of the epoch are done.
    fn step(&mut self, epoch: usize, rows_done: usize);

    /// An epoch is done.
    ///
    /// # Errors
    /// When it cannot be recorded, which ends the trial.
    fn epoch(&mut self, row: &EpochRow) -> anyhow::Result<()>;

    /// Something was decided that the numbers alone do not tell.
    fn remark(&mut self, text: &str);

    /// Whether to go no further; asked after each step.
    fn stop(&self) -> Option<Stop>;
}

/// Why a trial is to end before it is done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stop {
    /// The user wants the program to end.
    Interrupted,
    /// It has taken the time that it may take.
    TimedOut,
}

/// Why a trial ended early.
#[derive(Debug, thiserror::Error)]
pub enum TrainError {
    /// The loss is no number any more.
    #[error("diverged at epoch {epoch}, step {step}: the loss is {loss}; lower the learning rate")]
    Diverged {
        /// From 1.
        epoch: usize,
        /// From 1 in each epoch.
        step: usize,
        /// NaN or infinite.
        loss: f32,
    },
    /// The loss of a whole split is no number any more.
    #[error("diverged at epoch {epoch}: the {split} loss is {loss}; lower the learning rate")]
    DivergedAfter {
        /// From 1.
        epoch: usize,
        /// `validation` or `test`.
        split: &'static str,
        /// NaN or infinite.
        loss: f64,
    },
    /// It was told to end.
    #[error("{}", match .0 { Stop::Interrupted => "interrupted", Stop::TimedOut => "timeout" })]
    Stopped(Stop),
    /// An epoch could not be recorded.
    #[error(transparent)]
    Record(#[from] anyhow::Error),
}

/// What training leaves behind.
#[derive(Debug)]
pub struct Trained {
    /// The final weights, or those of the best epoch if that was asked for.
    pub weights: Weights,
    /// Those of the epoch with the lowest validation loss, the earliest where several tie; `None`
    /// without validation rows.
    pub best: Option<Weights>,
    /// On the test rows.
    pub test: Score,
    /// Wall-clock seconds of all epochs.
    pub seconds: f64,
}

/// Trains one network, from `initial` weights or, without them, from those drawn for the seed.
///
/// # Errors
/// When the loss stops being a number, the observer cannot record an epoch or wants training to
/// end.
pub fn train(
    setup: &Setup,
    placed: &[Placed],
    seed: u64,
    initial: Option<&Weights>,
    dataset: &Dataset,
    backend: &Opened,
    observer: &mut dyn Observer,
) -> Result<Trained, TrainError> {
    let device = backend.device.clone().autodiff();
    let resident = backend.has_own_memory();
    let scaler = Scaler::of(dataset);
    let training = Feed::new(&dataset.train, &scaler, &device, resident);
    let validation = Feed::new(&dataset.validation, &scaler, &backend.device, resident);
    let spec = &setup.training;

    let mut network = Network::build(&setup.model, placed, seed, &device);
    if let Some(initial) = initial {
        network = initial.apply(network, &device);
    }
    let mut best: Option<(f64, Weights)> = None;
    let mut optimizer = optim::build(&spec.optimizer);
    let steps_per_epoch = dataset.train.len().div_ceil(spec.batch_size);
    let mut schedule = Schedule::new(spec, steps_per_epoch * spec.epochs);
    let mut callbacks = Callbacks::new(&spec.callbacks);
    let cross_entropy = CrossEntropyLossConfig::new().init(&device);

    let start = Instant::now();
    let mut last_epoch = 0;
    for epoch in 1..=spec.epochs {
        let epoch_start = Instant::now();
        let order = row_order(dataset.train.len(), spec.shuffle, seed, epoch);
        let mut meter = Meter::new(order.len());
        let mut learning_rate = 0.0;
        for (step, rows) in order.chunks(spec.batch_size).enumerate() {
            // [batch, pixels] and [batch]
            let (images, labels) = training.batch(rows);
            let pass = Pass::Training { seed, epoch: epoch as u32, step: step as u32 };
            // [batch, classes]
            let logits = network.logits(images, pass);
            // [1], the mean over the batch and what regularizers add
            let loss = network.with_penalty(cross_entropy.forward(logits.clone(), labels));
            let gradients = GradientsParams::from_grads(loss.backward(), &network);
            learning_rate = schedule.at((epoch - 1) * steps_per_epoch + step);
            network = optimizer.step(learning_rate, network, gradients).constrained();

            meter.add(loss.inner(), logits.inner());
            if step % STEPS_PER_REPORT == 0 {
                observer.step(epoch, step * spec.batch_size);
            }
            if let Some(why) = observer.stop() {
                return Err(TrainError::Stopped(why));
            }
        }
        let (seen, first_bad) = meter.read(|i| training.label(order[i] as usize));
        if let Some((step, loss)) = first_bad {
            return Err(TrainError::Diverged { epoch, step: step + 1, loss });
        }
        let validation = evaluate(&network, &validation)
            .map(|score| score.finite(epoch, "validation"))
            .transpose()?;
        let row = EpochRow {
            epoch,
            accuracy: seen.accuracy,
            loss: seen.loss,
            val_accuracy: validation.map(|score| score.accuracy),
            val_loss: validation.map(|score| score.loss),
            learning_rate,
            epoch_seconds: epoch_start.elapsed().as_secs_f64(),
            elapsed_seconds: start.elapsed().as_secs_f64(),
        };
        observer.epoch(&row)?;
        last_epoch = epoch;
        if let Some(Score { loss, .. }) = validation
            && best.as_ref().is_none_or(|(lowest, _)| loss < *lowest)
        {
            best = Some((loss, Weights::of(&network, placed)));
        }

        let verdict = callbacks.epoch_end(&row, || Weights::of(&network, placed));
        verdict.remarks.iter().for_each(|remark| observer.remark(remark));
        if let Some(rate) = verdict.learning_rate {
            schedule = Schedule::Constant(rate);
        }
        if verdict.stop {
            break;
        }
    }
    if let Some((epoch, weights)) = callbacks.best_weights()
        && epoch < last_epoch
    {
        network = weights.apply(network, &device);
        observer.remark(&format!("early_stopping: back to the weights of epoch {epoch}"));
    }
    let seconds = start.elapsed().as_secs_f64();
    let test = Feed::new(&dataset.test, &scaler, &backend.device, false);
    let test =
        evaluate(&network, &test).expect("a data set has test rows").finite(last_epoch, "test")?;
    let best = best.map(|(_, weights)| weights);
    Ok(Trained { weights: Weights::of(&network, placed), best, test, seconds })
}

impl Score {
    /// The score itself, or the error that ends a trial whose loss is no number any more.
    fn finite(self, epoch: usize, split: &'static str) -> Result<Self, TrainError> {
        if self.loss.is_finite() {
            Ok(self)
        } else {
            Err(TrainError::DivergedAfter { epoch, split, loss: self.loss })
        }
    }
}

/// The rows of an epoch in the order they are seen.
fn row_order(rows: usize, shuffle: bool, seed: u64, epoch: usize) -> Vec<u32> {
    if shuffle {
        Stream::new(seed, Purpose::Shuffle, epoch as u32, 0).permutation(rows)
    } else {
        (0..rows as u32).collect()
    }
}

/// Loss and accuracy with moving statistics; `None` where there are no rows.
fn evaluate(network: &Network, feed: &Feed<'_>) -> Option<Score> {
    if feed.is_empty() {
        return None;
    }
    let network = network.valid();
    let cross_entropy = CrossEntropyLossConfig::new().init(feed.device());
    let mut meter = Meter::new(feed.len());
    let rows: Vec<u32> = (0..feed.len() as u32).collect();
    for rows in rows.chunks(EVALUATION_BATCH) {
        let (images, labels) = feed.batch(rows);
        let logits = network.logits(images, Pass::Inference);
        let loss = network.with_penalty(cross_entropy.forward(logits.clone(), labels));
        meter.add(loss, logits);
    }
    let (score, _) = meter.read(|i| feed.label(i));
    Some(score)
}
