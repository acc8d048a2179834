//! A trial's folder as a network that can be used.

use std::path::{Path, PathBuf};

use anyhow::Result;

use super::experiments::{Mistakes, place_case};
use crate::data::{self, Dataset, Library, Scaler, Shape};
use crate::model::{Placed, Unfit, Weights};
use crate::record::{Manifest, TrialDir};
use crate::spec::{BackendName, Case, Experiment, Overrides, Problems, load};

/// Which of a trial's weights.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Which {
    /// Those after the last epoch.
    Model,
    /// Those of the epoch with the lowest validation loss.
    Best,
    /// Those of `bn-runner fold`, in the network without its batch normalizations.
    Folded,
}

/// Why a folder cannot be used as a trained network.
#[derive(Debug, thiserror::Error)]
pub enum NotTrained {
    /// There is no config.
    #[error(
        "`{}` is no trial's folder, it has no config.yaml; \
         give one like results/<experiment>/<case>/seed-1", .0.display()
    )]
    NoTrial(PathBuf),
    /// The network was not folded.
    #[error("`{}` is not there: `bn-runner fold` makes it", .0.display())]
    NotFolded(PathBuf),
    /// The config describes several networks.
    #[error("`{}` describes {cases} cases, a trial's config has one", config.display())]
    Cases {
        /// The config.
        config: PathBuf,
        /// How many it has.
        cases: usize,
    },
    /// The weights are not there.
    #[error("`{}` is not there: {why}", path.display())]
    NoWeights {
        /// Where they should be.
        path: PathBuf,
        /// What the manifest tells about it.
        why: String,
    },
    /// The weights are not those of the config's network.
    #[error("`{}` has not the weights of the network in config.yaml: {unfit}", path.display())]
    Unfit {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        unfit: Unfit,
    },
}

/// A network that was trained.
#[derive(Debug)]
pub struct TrainedRun {
    /// The trial's folder, or that of its folded network.
    pub dir: TrialDir,
    /// The trial as an experiment with one case.
    pub experiment: Experiment,
    /// What the network takes and gives.
    pub shape: Shape,
    /// Its layers.
    pub placed: Vec<Placed>,
    /// Its weights.
    pub weights: Weights,
    /// What is recorded of its training.
    manifest: Option<Manifest>,
}

impl TrainedRun {
    /// Opens a trial's folder, or the folder of a folded network. Without a choice, the weights
    /// are those that the folder is named for.
    ///
    /// # Errors
    /// [`NotTrained`], mistakes in the config, or a data error where the shape cannot be read.
    pub fn open(folder: &Path, which: Option<Which>) -> Result<Self> {
        let trial = TrialDir::existing(folder.to_owned());
        let is_folded = trial.folded_weights().exists() && !trial.model().exists();
        let (dir, file) = match which {
            None if is_folded => (trial.clone(), trial.folded_weights()),
            None | Some(Which::Model) => (trial.clone(), trial.model()),
            Some(Which::Best) => (trial.clone(), trial.best()),
            Some(Which::Folded) => {
                let dir = if is_folded { trial.clone() } else { trial.folded() };
                let file = dir.folded_weights();
                (dir, file)
            }
        };
        if !trial.config().is_file() {
            return Err(NotTrained::NoTrial(folder.to_owned()).into());
        }
        if which == Some(Which::Folded) && !file.exists() {
            return Err(NotTrained::NotFolded(file).into());
        }
        let config = dir.config();
        let experiment =
            load(&config, &Overrides::default()).map_err(|problems| Mistakes(vec![problems]))?;
        let [case] = &experiment.cases[..] else {
            return Err(NotTrained::Cases { config, cases: experiment.cases.len() }.into());
        };
        let shape = data::shape(&case.setup.dataset)?;
        let placed = place_case(case, shape).map_err(|findings| {
            let problem = |finding| case.problem(&experiment.source, finding);
            let problems = findings.into_iter().map(problem).collect();
            Mistakes(vec![Problems::new(experiment.source.clone(), problems)])
        })?;
        // A folded network lies in the folder of its trial.
        let parent = || TrialDir::existing(folder.join("..")).read_manifest();
        let manifest = trial.read_manifest().or_else(|| is_folded.then(parent).flatten());
        if !file.exists() {
            return Err(
                NotTrained::NoWeights { path: file, why: missing(manifest.as_ref()) }.into()
            );
        }
        let weights = Weights::read(&file, &placed)
            .map_err(|unfit| NotTrained::Unfit { path: file, unfit })?;
        Ok(Self { dir, experiment, shape, placed, weights, manifest })
    }

    /// The one case.
    pub fn case(&self) -> &Case {
        &self.experiment.cases[0]
    }

    /// The shape of a sample: height, width and channels.
    pub fn image(&self) -> [usize; 3] {
        [self.shape.height, self.shape.width, 1]
    }

    /// The backend to use: the one asked for, or else the one it was trained on.
    pub fn backend(&self, asked: Option<BackendName>) -> BackendName {
        asked.or(self.experiment.backend).unwrap_or(BackendName::ALL[0])
    }

    /// The data set that it was trained on, as far as that can be told.
    ///
    /// # Errors
    /// When the data cannot be had.
    pub fn dataset(&self, library: &mut Library) -> Result<std::sync::Arc<Dataset>> {
        let dataset = library.dataset(&self.case().setup.dataset)?;
        if let Some(manifest) = &self.manifest
            && manifest.dataset_checksum != dataset.checksum
        {
            eprintln!(
                "warning: the data has changed since the network was trained (checksum {} then, {} now)",
                manifest.dataset_checksum, dataset.checksum
            );
        }
        Ok(dataset)
    }

    /// How pixels become the network's numbers. The data is loaded only if its statistics are
    /// needed.
    ///
    /// # Errors
    /// When they are needed and the data cannot be had.
    pub fn scaler(&self, library: &mut Library) -> Result<Scaler> {
        match Scaler::without_data(self.case().setup.dataset.scaling) {
            Some(scaler) => Ok(scaler),
            None => Ok(Scaler::of(&*self.dataset(library)?)),
        }
    }
}

/// Why a trial has not the weights asked for.
fn missing(manifest: Option<&Manifest>) -> String {
    let Some(manifest) = manifest else {
        return "the folder has no manifest.json either".to_owned();
    };
    match &manifest.outcome {
        None => format!("the trial is {}", manifest.status),
        Some(outcome) if outcome.best_val_loss.is_none() => {
            "a trial without validation images has no best epoch".to_owned()
        }
        Some(_) => "`bn-runner run --force` trains the trial again and keeps them".to_owned(),
    }
}
