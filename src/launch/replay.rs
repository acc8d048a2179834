//! Trains a recorded trial again, and finds the first number that is another one.

use crate::backend::Opened;
use crate::data::Dataset;
use crate::model::{Placed, Weights};
use crate::record::{Diagnosis, EpochRow, LayerRow, Outcome};
use crate::spec::Setup;
use crate::train::{Checkpoint, Observer, Start, Stop, TrainError, train};

/// A trial as it was recorded.
#[derive(Debug)]
pub struct Recorded<'a> {
    /// What was trained.
    pub setup: &'a Setup,
    /// Its layers.
    pub placed: &'a [Placed],
    /// Its seed.
    pub seed: u64,
    /// The weights it began with, if the file gives some.
    pub initial: Option<&'a Weights>,
    /// Its epochs.
    pub epochs: &'a [EpochRow],
    /// What was seen of its layers, if anything was.
    pub diagnostics: &'a [LayerRow],
    /// Its final weights.
    pub weights: &'a Weights,
    /// Its test score and what else is recorded at the end.
    pub outcome: Option<&'a Outcome>,
}

/// A number that is another one than before.
#[derive(Debug, Clone, PartialEq)]
pub struct Difference {
    /// Where: `epoch 3, val_loss`.
    pub place: String,
    /// The recorded number.
    pub was: f64,
    /// The number now.
    pub is: f64,
}

/// One epoch of both runs.
#[derive(Debug, Clone, PartialEq)]
pub struct Pair {
    /// As recorded; none where the recorded run has fewer epochs.
    pub was: Option<EpochRow>,
    /// As trained again.
    pub is: EpochRow,
}

/// Trains again on a device. `tolerance` is how much a loss may differ, as a share of the recorded
/// one; without it, every number must be the same to the bit. Training ends at the first
/// difference. `epoch` hears of every epoch.
///
/// # Errors
/// When training fails.
pub fn replay(
    recorded: &Recorded<'_>,
    dataset: &Dataset,
    backend: &Opened,
    tolerance: Option<f64>,
    epoch: &mut dyn FnMut(&Pair),
) -> Result<Option<Difference>, TrainError> {
    let mut observer = Comparison { recorded, tolerance, difference: None, diagnosis: None, epoch };
    let start = recorded.initial.map_or(Start::Drawn, Start::Given);
    let Recorded { setup, placed, seed, .. } = recorded;
    let trained = match train(setup, placed, *seed, start, dataset, backend, &mut observer) {
        Err(TrainError::Stopped(_)) => return Ok(observer.difference),
        trained => trained?,
    };
    if tolerance.is_some() || observer.difference.is_some() {
        return Ok(observer.difference);
    }
    Ok(weights(recorded.weights, &trained.weights).or_else(|| {
        let outcome = recorded.outcome?;
        let test = [
            ("test_accuracy", outcome.test_accuracy, trained.test.accuracy),
            ("test_loss", outcome.test_loss, trained.test.loss),
        ];
        test.into_iter().find_map(|(name, was, is)| exact(name, was, is))
    }))
}

struct Comparison<'a> {
    recorded: &'a Recorded<'a>,
    tolerance: Option<f64>,
    difference: Option<Difference>,
    /// The first difference in the diagnostics of the epoch that is about to be told.
    diagnosis: Option<Difference>,
    epoch: &'a mut dyn FnMut(&Pair),
}

impl Observer for Comparison<'_> {
    fn step(&mut self, _epoch: usize, _rows_done: usize) {}

    fn diagnosis(&mut self, diagnosis: &Diagnosis) -> anyhow::Result<()> {
        if self.tolerance.is_none() {
            let recorded = self.recorded.diagnostics;
            self.diagnosis = diagnosis.rows.iter().find_map(|is| {
                let was = |was: &&LayerRow| was.epoch == is.epoch && was.layer == is.layer;
                let was = recorded.iter().find(was)?.numbers().into_iter();
                was.zip(is.numbers()).find_map(|((name, was), (_, is_now))| {
                    let place = format!("epoch {}, {name} of {}", is.epoch, is.layer);
                    let [was, is_now] = [was, is_now].map(|number| number.unwrap_or(f64::NAN));
                    exact(&place, was, is_now)
                })
            });
        }
        Ok(())
    }

    fn epoch(&mut self, row: &EpochRow) -> anyhow::Result<()> {
        let was = self.recorded.epochs.iter().find(|was| was.epoch == row.epoch);
        let pair = Pair { was: was.cloned(), is: row.clone() };
        (self.epoch)(&pair);
        self.difference = match (was, self.tolerance) {
            (None, _) => Some(Difference {
                place: format!("epoch {}, which is not recorded, loss", row.epoch),
                was: f64::NAN,
                is: row.loss,
            }),
            (Some(was), None) => {
                let columns = numbers(was).into_iter().zip(numbers(row));
                let different = columns.into_iter().find_map(|((name, was), (_, is))| {
                    exact(&format!("epoch {}, {name}", row.epoch), was?, is?)
                });
                // What was seen of the layers came before the numbers of the epoch.
                self.diagnosis.take().or(different)
            }
            (Some(was), Some(tolerance)) => {
                let far = (row.loss - was.loss).abs() > tolerance * was.loss.abs();
                far.then(|| Difference {
                    place: format!("epoch {}, loss", row.epoch),
                    was: was.loss,
                    is: row.loss,
                })
            }
        };
        Ok(())
    }

    fn remark(&mut self, _text: &str) {}

    fn checkpoint(&mut self, _checkpoint: &dyn Fn() -> Checkpoint) -> anyhow::Result<()> {
        Ok(())
    }

    fn stop(&self) -> Option<Stop> {
        self.difference.is_some().then_some(Stop::Interrupted)
    }
}

/// All numbers of an epoch that are not times.
fn numbers(row: &EpochRow) -> [(&'static str, Option<f64>); 5] {
    [
        ("accuracy", Some(row.accuracy)),
        ("loss", Some(row.loss)),
        ("val_accuracy", row.val_accuracy),
        ("val_loss", row.val_loss),
        ("learning_rate", Some(row.learning_rate)),
    ]
}

fn exact(place: &str, was: f64, is: f64) -> Option<Difference> {
    (was.to_bits() != is.to_bits()).then(|| Difference { place: place.to_owned(), was, is })
}

/// The first weight that is another one.
fn weights(was: &Weights, is: &Weights) -> Option<Difference> {
    was.iter().zip(is.iter()).find_map(|((variable, was), (_, is))| {
        let differs = |(was, is): (&f32, &f32)| was.to_bits() != is.to_bits();
        let place = was.iter().zip(is).position(differs)?;
        Some(Difference {
            place: format!("final weights, number {place} of {}", variable.path),
            was: f64::from(was[place]),
            is: f64::from(is[place]),
        })
    })
}
