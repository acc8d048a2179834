//! A trial's folder as a network that can be used.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context as _, Result};

use super::experiments::{Mistakes, place_case, place_of};
use crate::data::{self, DataError, Dataset, Library, Scaler, Shape};
use crate::model::{InitialWeights, Placed, Unfit, Weights};
use crate::record::{DatasetShape, Manifest, TrialDir};
use crate::spec::{
    BackendName, Case, DatasetSpec, Experiment, Overrides, Problems, UserPath, load,
};

/// Which of a trial's weights.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Which {
    /// Those of the kept epoch: the last one, or the best one with `restore_best_weights`.
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
    /// The weights cannot be those of the config's network.
    #[error(
        "`{}` {unfit}\nthe network is that of config.yaml; `bn-runner run --force` trains it again",
        path.display()
    )]
    Unfit {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        unfit: Unfit,
    },
    /// The initial weights cannot be those of the network.
    #[error("`{}` {unfit}\n{}", path.display(), unfit.remedy())]
    InitialWeights {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        unfit: Unfit,
    },
    /// The initial weights are in another file than the one that the trial began with.
    #[error(
        "`{}` is not the file that the trial began with: its sha256 is {found}, the recorded one \
         is {recorded}; say with `--initial-weights FILE` where that file is", path.display()
    )]
    OtherInitialWeights {
        /// The file.
        path: PathBuf,
        /// The recorded checksum.
        recorded: String,
        /// The checksum of the file.
        found: String,
    },
    /// An option for something that the trial does not have.
    #[error("`{option}`: the trial has no `{key}`; leave the option out")]
    NothingToMove {
        /// The option.
        option: &'static str,
        /// What it would replace.
        key: &'static str,
    },
}

/// Where a recorded trial's data set is, if it is not where its config says.
#[derive(Debug)]
pub struct Moved<'a> {
    /// `--idx`: in place of `dataset.idx`.
    pub idx: Option<&'a UserPath>,
    /// `--data-dir`: looked into after the folder that the config names.
    pub data_dir: Option<&'a Path>,
    /// How the user says where the data set is.
    pub remedy: &'static str,
}

/// For commands with `--idx`.
pub const SAY_IDX: &str = "say with `--idx FOLDER` where the data set is now";

/// For commands without `--idx`, or where it has another meaning.
pub const SAY_DATA_DIR: &str = "say with `--data-dir FOLDER` where the data set is now";

impl Moved<'_> {
    /// Where the data set may be, in the order in which it is looked for.
    fn candidates(&self, recorded: &DatasetSpec) -> Result<Vec<DatasetSpec>, NotTrained> {
        let Some(own) = &recorded.idx else {
            let unneeded = NotTrained::NothingToMove { option: "--idx", key: "dataset.idx" };
            return if self.idx.is_some() { Err(unneeded) } else { Ok(vec![recorded.clone()]) };
        };
        let folders = match self.idx {
            Some(folder) => vec![folder.clone()],
            None => [own.clone()].into_iter().chain(self.data_dir.map(UserPath::from)).collect(),
        };
        let spec = |folder| DatasetSpec { idx: Some(folder), ..recorded.clone() };
        Ok(folders.into_iter().map(spec).collect())
    }
}

/// The data set of a recorded trial.
#[derive(Debug)]
pub struct Located {
    /// The data set itself.
    pub dataset: Arc<Dataset>,
    /// How it was found.
    pub spec: DatasetSpec,
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
    /// Where its data set may be.
    datasets: Vec<DatasetSpec>,
    /// How the user says where the data set is.
    remedy: &'static str,
}

impl TrainedRun {
    /// Opens a trial's folder, or the folder of a folded network. Without a choice, the weights
    /// are those that the folder is named for.
    ///
    /// # Errors
    /// [`NotTrained`], mistakes in the config, or, for trials of version 0.1, a data error where the
    /// shape of the data cannot be read.
    pub fn open(folder: &Path, which: Option<Which>, moved: &Moved<'_>) -> Result<Self> {
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
        // A folded network lies in the folder of its trial.
        let parent = || TrialDir::existing(folder.join("..")).read_manifest();
        let manifest = trial.read_manifest().or_else(|| is_folded.then(parent).flatten());
        let datasets = moved.candidates(&case.setup.dataset)?;
        let shape = match manifest.as_ref().and_then(|manifest| manifest.dataset_shape) {
            Some(DatasetShape { height, width, classes, rows }) => {
                Shape { height, width, classes, rows }
            }
            None => first(&datasets, moved.remedy, data::shape)?,
        };
        let placed = place_case(case, shape).map_err(|findings| {
            let problem = |finding| case.problem(&experiment.source, finding);
            let problems = findings.into_iter().map(problem).collect();
            Mistakes(vec![Problems::new(experiment.source.clone(), problems)])
        })?;
        if !file.exists() {
            return Err(
                NotTrained::NoWeights { path: file, why: missing(manifest.as_ref()) }.into()
            );
        }
        let weights = Weights::read(&file, &placed)
            .map_err(|unfit| NotTrained::Unfit { path: file, unfit })?;
        let remedy = moved.remedy;
        Ok(Self { dir, experiment, shape, placed, weights, manifest, datasets, remedy })
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

    /// The data set that it was trained on, checked by its recorded checksum.
    ///
    /// # Errors
    /// When the data cannot be found or has other content.
    pub fn dataset(&self, library: &mut Library) -> Result<Located, DataError> {
        let recorded = self.manifest.as_ref().map(|manifest| &manifest.dataset_checksum);
        first(&self.datasets, self.remedy, |spec| {
            let dataset = library.dataset(spec)?;
            match recorded.filter(|recorded| **recorded != dataset.checksum) {
                None => Ok(Located { dataset, spec: spec.clone() }),
                Some(recorded) => Err(DataError::OtherContent {
                    place: place_of(spec),
                    recorded: recorded.clone(),
                    found: dataset.checksum.clone(),
                    remedy: self.remedy,
                }),
            }
        })
    }

    /// The weights that training began with, checked by their recorded checksum; `None` if they
    /// were drawn. `given` is where the file is now.
    ///
    /// # Errors
    /// When the file cannot be read, does not match the network or has other content.
    pub fn initial_weights(
        &self,
        given: Option<&UserPath>,
    ) -> Result<Option<InitialWeights>, NotTrained> {
        let key = "model.initial_weights";
        let path = match (&self.case().setup.model.initial_weights, given) {
            (None, None) => return Ok(None),
            (None, Some(_)) => {
                return Err(NotTrained::NothingToMove { option: "--initial-weights", key });
            }
            (Some(recorded), given) => given.unwrap_or(recorded).as_path().to_owned(),
        };
        let initial = match InitialWeights::read(&path, &self.placed) {
            Ok(initial) => initial,
            Err(unfit) => return Err(NotTrained::InitialWeights { path, unfit }),
        };
        let recorded = self.manifest.as_ref().and_then(|it| it.initial_weights_checksum.clone());
        match recorded.filter(|recorded| *recorded != initial.checksum) {
            None => Ok(Some(initial)),
            Some(recorded) => {
                let found = initial.checksum;
                Err(NotTrained::OtherInitialWeights { path, recorded, found })
            }
        }
    }

    /// How pixels become the network's numbers. The data is loaded only if its statistics are
    /// needed.
    ///
    /// # Errors
    /// When they are needed and the data cannot be had.
    pub fn scaler(&self, library: &mut Library) -> Result<Scaler> {
        match Scaler::without_data(self.case().setup.dataset.scaling) {
            Some(scaler) => Ok(scaler),
            None => {
                let located = self.dataset(library).context(
                    "`scaling: standardize` takes its statistics from the training images",
                )?;
                Ok(Scaler::of(&located.dataset))
            }
        }
    }
}

/// What the first of several places gives, or else what is wrong with the last one.
fn first<T>(
    places: &[DatasetSpec],
    remedy: &'static str,
    mut look: impl FnMut(&DatasetSpec) -> Result<T, DataError>,
) -> Result<T, DataError> {
    let mut outcome = Err(DataError::NameOrIdx);
    for place in places {
        outcome = look(place).map_err(|mut error| {
            if let DataError::NoFolder { remedy: general, .. } = &mut error {
                *general = remedy;
            }
            error
        });
        if outcome.is_ok() {
            break;
        }
    }
    outcome
}

/// Why a trial does not have the weights asked for.
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
