//! One trial, from its setup to a trained network: forward, loss, backward, step, evaluate, record.

mod callbacks;
mod checkpoint;
mod diagnostics;
mod direct;
mod loss;
mod meter;

use std::time::Instant;

use burn::module::Module;
use burn::optim::GradientsParams;

use crate::backend::{Opened, has_fused_kernels};
use crate::data::{Dataset, Feed, Scaler};
use crate::kernels::pair;
use crate::model::{Network, Pass, Placed, Weights};
use crate::optim::{NetworkOptimizer, Schedule};
use crate::record::{Diagnosis, EpochRow};
use crate::rng::{Purpose, Stream};
use crate::spec::{Setup, TrainingSpec};

use callbacks::Callbacks;
pub use checkpoint::{Checkpoint, notes, notes_in};
use diagnostics::Diagnostics;
use direct::Direct;
pub use loss::Loss;
pub use meter::Score;
use meter::{Meter, Reading, Scores};

/// Raised whenever the same trial would give other numbers beyond rounding, or sums change their
/// order; part of a trial's identity.
pub const NUMERICS_VERSION: u32 = 5;

/// Rows per forward pass where no gradient is needed. Numbers do not depend on it beyond rounding.
const EVALUATION_BATCH: usize = 500;

/// As [`EVALUATION_BATCH`], where the kernels of our own keep to a near cache.
const FUSED_EVALUATION_BATCH: usize = 100;

/// Steps between two calls of [`Observer::step`].
const STEPS_PER_REPORT: usize = 50;

/// What follows a trial while it trains.
pub trait Observer {
    /// So many rows of the epoch are done.
    fn step(&mut self, epoch: usize, rows_done: usize);

    /// What was seen of each layer in an epoch, just before its numbers, where the file asks for it.
    ///
    /// # Errors
    /// When it cannot be recorded, which ends the trial.
    fn diagnosis(&mut self, diagnosis: &Diagnosis) -> anyhow::Result<()>;

    /// An epoch is done.
    ///
    /// # Errors
    /// When it cannot be recorded, which ends the trial.
    fn epoch(&mut self, row: &EpochRow) -> anyhow::Result<()>;

    /// Something was decided that the numbers alone do not tell.
    fn remark(&mut self, text: &str);

    /// All that follows an epoch is decided, and the run can go on from here another time.
    ///
    /// # Errors
    /// When it cannot be kept, which ends the trial.
    fn checkpoint(&mut self, checkpoint: &dyn Fn() -> Checkpoint) -> anyhow::Result<()>;

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
    /// The training loss became NaN or infinite.
    #[error("the loss became {} in epoch {epoch}, step {step}", not_finite(f64::from(*.loss)))]
    Diverged {
        /// From 1.
        epoch: usize,
        /// From 1 in each epoch.
        step: usize,
        /// NaN or infinite.
        loss: f32,
    },
    /// The loss of the validation or test rows became NaN or infinite.
    #[error("the {split} loss became {} after epoch {epoch}", not_finite(*.loss))]
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
    /// An epoch could not be recorded, or the run not be taken up again.
    #[error(transparent)]
    Record(#[from] anyhow::Error),
}

/// What training leaves behind.
#[derive(Debug)]
pub struct Trained {
    /// The weights of `kept_epoch`.
    pub weights: Weights,
    /// The last epoch, unless `restore_best_weights` chose another.
    pub kept_epoch: usize,
    /// Those of the epoch with the lowest validation loss, the earliest where several tie; `None`
    /// without validation rows.
    pub best: Option<Weights>,
    /// On the test rows.
    pub test: Score,
    /// The class that each test row is taken for, and its probability.
    pub answers: Vec<(usize, f32)>,
    /// Wall-clock seconds of all epochs.
    pub seconds: f64,
}

/// What a network begins with.
#[derive(Debug)]
pub enum Start<'a> {
    /// Weights drawn for the seed.
    Drawn,
    /// These weights.
    Given(&'a Weights),
    /// An earlier run of the same trial, which is taken up where it was.
    Resumed(Checkpoint),
}

/// Trains one network.
///
/// # Errors
/// When the loss becomes NaN or infinite, the observer cannot record an epoch, or it wants training
/// to end.
pub fn train(
    setup: &Setup,
    placed: &[Placed],
    seed: u64,
    start: Start<'_>,
    dataset: &Dataset,
    backend: &Opened,
    observer: &mut dyn Observer,
) -> Result<Trained, TrainError> {
    let mut core = pair::at_work();
    let device = backend.device.clone().autodiff();
    let devices = [&device, &backend.device];
    let resident = backend.has_own_memory();
    let scaler = Scaler::of(dataset);
    let augment = setup.dataset.augment();
    let training = Feed::training(dataset, &scaler, &device, resident, augment, seed);
    let validation = Feed::new(&dataset.validation, &scaler, &backend.device, resident);
    let spec = &setup.training;

    let mut network = Network::build(&setup.model, placed, seed, &device);
    let mut optimizer = NetworkOptimizer::new(&spec.optimizer);
    let steps_per_epoch = dataset.train.len().div_ceil(spec.batch_size);
    let mut schedule = Schedule::new(spec, steps_per_epoch * spec.epochs);
    let mut callbacks = Callbacks::new(&spec.callbacks);
    let mut diagnostics = Diagnostics::new(setup, placed, steps_per_epoch);
    let mut best: Option<(f64, Weights)> = None;
    let (mut last_epoch, mut stopped, mut seconds_before, mut changed_rate) = (0, false, 0.0, None);
    match start {
        Start::Drawn => {}
        Start::Given(weights) => network = weights.apply(network, &device),
        Start::Resumed(checkpoint) => {
            network = checkpoint.weights.apply(network, &device);
            optimizer = optimizer.with_state(&checkpoint.optimizer, &backend.device)?;
            callbacks = checkpoint.callbacks;
            best = checkpoint.best;
            (last_epoch, stopped) = (checkpoint.epoch, checkpoint.stopped);
            (seconds_before, changed_rate) = (checkpoint.seconds, checkpoint.learning_rate);
        }
    }
    if let Some(rate) = changed_rate {
        schedule = Schedule::Constant(rate);
    }
    let cross_entropy = Loss::build(&spec.loss, &device);
    let top_k = spec.top_k();
    let mut direct = Direct::of(&network, &optimizer, &spec.loss, &device);

    let start = Instant::now();
    let seconds = || seconds_before + start.elapsed().as_secs_f64();
    while last_epoch < spec.epochs && !stopped {
        let epoch = last_epoch + 1;
        let epoch_start = Instant::now();
        let order = row_order(dataset.train.len(), spec.shuffle, seed, epoch);
        let mut meter = Meter::new(order.len());
        let mut learning_rate = 0.0;
        core.begin_steps();
        for (step, rows) in order.chunks(spec.batch_size).enumerate() {
            learning_rate = schedule.at((epoch - 1) * steps_per_epoch + step);
            let sampled = diagnostics.looks_at(step);
            let pass = Pass::Training { seed, epoch: epoch as u32, step: step as u32 };
            if let Some(direct) = direct.as_mut().filter(|_| !sampled) {
                let (loss, logits) = direct.step(&optimizer, &training, pass, rows, learning_rate);
                meter.add_numbers(loss, logits, rows.len());
            } else {
                if let Some(direct) = &direct {
                    (network, optimizer) = direct.give_back(network, optimizer, placed, devices);
                }
                // [batch, pixels] and [batch]
                let (images, labels) = training.batch_of_epoch(epoch as u32, rows);
                let mut sample = diagnostics.begin(step, &network);
                // [batch, classes]
                let tap = sample.as_mut().map(|sample| &mut sample.tap);
                let logits = network.tapped_logits(images, pass, tap);
                // [1], the mean over the batch and what regularizers add
                let loss = network.with_penalty(cross_entropy.forward(logits.clone(), labels));
                let gradients = GradientsParams::from_grads(loss.backward(), &network);
                if let Some(sample) = &mut sample {
                    diagnostics.gradients(sample, &network, &gradients);
                }
                network = optimizer.step(learning_rate, network, gradients).constrained();
                if let Some(sample) = sample {
                    diagnostics.end(&sample, &network);
                }
                meter.add(loss.inner(), logits.inner());
                if let Some(direct) = &mut direct {
                    direct.go_on_from(&network, &optimizer);
                }
            }
            // Those that are looked at take longer, and the last of an epoch may have fewer rows.
            if sampled || rows.len() < spec.batch_size {
                core.begin_steps();
            } else {
                core.end_step();
            }
            if step % STEPS_PER_REPORT == 0 {
                observer.step(epoch, step * spec.batch_size);
            }
            if let Some(why) = observer.stop() {
                return Err(TrainError::Stopped(why));
            }
        }
        let Reading { score: seen, first_bad, .. } =
            meter.read(|i| training.label(order[i] as usize), &top_k);
        if let Some((step, loss)) = first_bad {
            return Err(TrainError::Diverged { epoch, step: step + 1, loss });
        }
        if let Some(direct) = &direct {
            (network, optimizer) = direct.give_back(network, optimizer, placed, devices);
        }
        let diagnosis = diagnostics.epoch(epoch, &network);
        let validation = evaluate(&network, &validation, spec)
            .map(|(score, _)| score.finite(epoch, "validation"))
            .transpose()?;
        let row = EpochRow {
            epoch,
            accuracy: seen.accuracy,
            loss: seen.loss,
            val_accuracy: validation.as_ref().map(|score| score.accuracy),
            val_loss: validation.as_ref().map(|score| score.loss),
            learning_rate,
            epoch_seconds: epoch_start.elapsed().as_secs_f64(),
            elapsed_seconds: seconds(),
            top_k: seen.top_k_of_epoch(&top_k, validation.as_ref()),
        };
        if let Some(diagnosis) = diagnosis {
            observer.diagnosis(&diagnosis)?;
        }
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
            changed_rate = Some(rate);
        }
        stopped = verdict.stop;
        observer.checkpoint(&|| Checkpoint {
            epoch,
            seconds: seconds(),
            stopped,
            learning_rate: changed_rate,
            weights: Weights::of(&network, placed),
            best: best.clone(),
            optimizer: optimizer.state(),
            callbacks: callbacks.clone(),
        })?;
    }
    let kept_epoch = callbacks.restored_epoch().unwrap_or(last_epoch);
    if let Some(weights) = callbacks.best_weights()
        && kept_epoch < last_epoch
    {
        network = weights.apply(network, &device);
        observer.remark(&format!("early_stopping: back to the weights of epoch {kept_epoch}"));
    }
    let seconds = seconds();
    let test = Feed::new(&dataset.test, &scaler, &backend.device, false);
    let (test, scores) = evaluate(&network, &test, spec).expect("a data set has test rows");
    let test = test.finite(kept_epoch, "test")?;
    let answers = scores.answers().collect();
    let best = best.map(|(_, weights)| weights);
    let weights = Weights::of(&network, placed);
    Ok(Trained { weights, kept_epoch, best, test, answers, seconds })
}

/// The word for a number that is NaN or infinite.
fn not_finite(number: f64) -> &'static str {
    if number.is_nan() { "NaN" } else { "infinite" }
}

impl Score {
    /// The score itself, or the error of a loss that is NaN or infinite.
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

/// Loss and accuracy with moving statistics, and the scores of all rows; `None` where there are no
/// rows.
fn evaluate(network: &Network, feed: &Feed<'_>, spec: &TrainingSpec) -> Option<(Score, Scores)> {
    if feed.is_empty() {
        return None;
    }
    let network = network.valid();
    let cross_entropy = Loss::build(&spec.loss, feed.device());
    let mut meter = Meter::new(feed.len());
    let rows: Vec<u32> = (0..feed.len() as u32).collect();
    let at_once = match has_fused_kernels(feed.device()) {
        true => FUSED_EVALUATION_BATCH,
        false => EVALUATION_BATCH,
    };
    for rows in rows.chunks(at_once) {
        let (images, labels) = feed.batch(rows);
        let logits = network.logits(images, Pass::Inference);
        let loss = network.with_penalty(cross_entropy.forward(logits.clone(), labels));
        meter.add(loss, logits);
    }
    let Reading { score, scores, .. } = meter.read(|i| feed.label(i), &spec.top_k());
    Some((score, scores))
}
