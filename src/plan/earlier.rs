//! What was trained before in a folder of results: trials that need not be trained again under
//! another name, and how long the others will take.

use std::cell::OnceCell;
use std::collections::HashMap;
use std::path::Path;

use super::Trial;
use crate::record::{Found, FoundTrial, Manifest, Outcome, Status, TrialDir, bytes_in};
use crate::spec::BackendName;

/// Parameters of networks that take about the same time differ by no more than this factor.
const ALIKE: f64 = 2.0;

/// The trials in a folder of results, whatever their names.
#[derive(Debug, Default)]
pub struct Earlier {
    /// Hash → the folder of a finished trial that has it.
    finished: HashMap<String, TrialDir>,
    /// Finished trials of the same case and size, by experiment, case, backend and parameters.
    by_case: HashMap<(String, String, BackendName, usize), Group>,
    /// Finished trials of the same size, by backend and parameters.
    by_size: HashMap<(BackendName, usize), Group>,
}

/// Trials that should take about the same time.
#[derive(Debug)]
struct Group {
    /// Training rows per second of each.
    rates: Vec<f64>,
    example: TrialDir,
    bytes: OnceCell<u64>,
}

/// What a trial will take.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Estimate {
    /// Seconds of training and validation; `None` where nothing like it was trained before.
    pub seconds: Option<f64>,
    /// Bytes of its folder.
    pub bytes: u64,
}

impl Earlier {
    /// Reads the manifests of a folder of results. A folder that is not there holds none.
    pub fn in_results(results: &Path) -> Self {
        let found = Found::below(&[results]).unwrap_or_default();
        let mut earlier = Self::default();
        // Those moved aside come last: where the same trial is in its own folder, that one counts.
        let (aside, own): (Vec<_>, Vec<_>) =
            found.trials.into_iter().partition(FoundTrial::is_aside);
        for found in own.into_iter().chain(aside) {
            let manifest = found.dir.read_manifest();
            if let Some(manifest) = manifest.filter(|found| found.status == Status::Completed) {
                earlier.add(found, manifest);
            }
        }
        earlier
    }

    fn add(&mut self, found: FoundTrial, manifest: Manifest) {
        let label = found.label();
        let dir = found.dir;
        if let Some(Outcome { samples_per_second: rate, .. }) = manifest.outcome {
            let (backend, size) = (manifest.backend, manifest.parameters.total);
            let of_case = self.by_case.entry((manifest.experiment, label, backend, size));
            of_case.or_insert_with(|| Group::new(&dir)).rates.push(rate);
            let of_size = self.by_size.entry((backend, size));
            of_size.or_insert_with(|| Group::new(&dir)).rates.push(rate);
        }
        self.finished.entry(manifest.trial_hash).or_insert(dir);
    }

    /// The folder with finished results of a trial, if there is one.
    pub fn finished(&self, trial: &Trial) -> Option<&TrialDir> {
        self.finished.get(&trial.hash).filter(|dir| dir.is_finished(&trial.hash))
    }

    /// What a trial with so many parameters and training rows will take, by those most like it.
    pub fn estimate(&self, trial: &Trial, parameters: usize, rows: usize) -> Estimate {
        let case = trial.case();
        let key = (trial.experiment.name.clone(), case.label(), trial.backend, parameters);
        let same =
            self.by_case.get(&key).or_else(|| self.by_size.get(&(trial.backend, parameters)));
        let seconds =
            |group: &Group| (rows * case.setup.training.epochs) as f64 / group.rate().max(1e-9);
        match same {
            Some(group) => Estimate { seconds: Some(seconds(group)), bytes: group.bytes() },
            None => Estimate {
                seconds: self.alike(trial.backend, parameters).map(seconds),
                bytes: weights(trial, parameters),
            },
        }
    }

    /// Trials with the number of parameters that is next to this one, if it is near.
    fn alike(&self, backend: BackendName, parameters: usize) -> Option<&Group> {
        let ratio = |other: usize| {
            let ratio = other.max(1) as f64 / parameters.max(1) as f64;
            ratio.max(1.0 / ratio)
        };
        let here =
            self.by_size.iter().filter(|((of, size), _)| *of == backend && ratio(*size) <= ALIKE);
        let nearest =
            here.min_by(|((_, a), _), ((_, b), _)| ratio(*a).total_cmp(&ratio(*b)).then(a.cmp(b)));
        nearest.map(|(_, group)| group)
    }
}

impl Group {
    fn new(example: &TrialDir) -> Self {
        Self { rates: Vec::new(), example: example.clone(), bytes: OnceCell::new() }
    }

    /// The median.
    fn rate(&self) -> f64 {
        let mut rates = self.rates.clone();
        rates.sort_by(f64::total_cmp);
        rates.get(rates.len() / 2).copied().unwrap_or_default()
    }

    fn bytes(&self) -> u64 {
        *self.bytes.get_or_init(|| bytes_in(self.example.path()))
    }
}

/// Bytes of a trial's weights, final and best, with some for the other files.
fn weights(trial: &Trial, parameters: usize) -> u64 {
    let copies = if trial.case().setup.dataset.validation.is_none() { 1 } else { 2 };
    (copies * 4 * parameters + 10_000) as u64
}
