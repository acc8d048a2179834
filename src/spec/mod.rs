//! What the user wrote: the experiment file as serde types, and how it is read.
//!
//! Nothing here knows burn, the data or the results folder. A [`Setup`] is one network, one data
//! set and one way to train, fully resolved; an [`Experiment`] is a file: its named cases (variant
//! × grid point) and the seeds each is repeated with. [`load`] reads a file and reports every
//! mistake in it, each with its place.

mod callback;
mod check;
mod check_layer;
mod claim;
mod dataset;
mod de;
mod diagnose;
mod diagnostics;
mod dimensions;
mod function;
mod grid;
mod layer;
mod load;
mod measure;
mod names;
mod optimizer;
mod origin;
mod parse;
mod path;
mod plot;
mod problem;
mod random;
mod rate;
mod read;
mod repeat;
mod schedule;
mod source;
mod text;
mod training;
mod tree;
mod user_path;
mod validation;
mod value;

pub use callback::{CallbackSpec, EarlyStopping, Mode, Monitor, ReduceLrOnPlateau};
pub use claim::{
    Claim, ClaimRelation, ClaimRule, Expression, Operator, Quantity, Relation, Target, Term,
};
pub use dataset::{Augment, DatasetName, DatasetSpec, Scaling};
pub use diagnostics::{DiagnosticGroup, Diagnostics};
pub use function::{
    Activation, Constant, Constraint, Initializer, L1, L1L2, L2, LeakyRelu, MaxNorm, Normal,
    Orthogonal, RandomUniform, Regularizer,
};
pub use layer::{
    ActivationLayer, BatchNormalization, Conv2d, Dense, Dropout, Flatten, GaussianNoise,
    GlobalAveragePooling2d, Layer, LayerNormalization, ModelSpec, Padding, Pooling2d, Prelu,
};
pub use load::{Loaded, Overrides, SETUP, TOP_LEVEL, load, load_recorded, read_file};
pub use measure::{
    Loss, MetricSpec, SparseCategoricalCrossentropy, TopKAccuracy, top_k_name, top_k_of_name,
};
pub use names::{CHECKPOINTS, FOLDED, PREVIOUS, SEED_PREFIX, TENSORBOARD, unfit_for_an_experiment};
pub use optimizer::{
    Adadelta, Adagrad, Adam, Adamax, Adamw, Clipping, Lion, Nadam, OptimizerSpec, Rmsprop, Sgd,
};
pub use path::{Part, Path, Seg};
pub use plot::Plot;
pub use problem::{Finding, Problem, Problems, nearest, suggest};
pub use repeat::Repeat;
pub use schedule::{
    CosineDecay, ExponentialDecay, InverseTimeDecay, OneCycle, PiecewiseConstant, PolynomialDecay,
    ScheduleSpec,
};
pub use source::Source;
pub use training::TrainingSpec;
pub use user_path::{NoHome, UserPath, expand_home};
pub use validation::{Validation, ValidationShare};
pub use value::{main_parameter, shorten_layers};

use std::sync::Arc;

use schemars::JsonSchema;
use serde::{Deserialize, Deserializer, Serialize};

/// Everything that decides what one training run computes and records, apart from its seed and
/// backend.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Setup {
    /// What is learned from.
    pub dataset: DatasetSpec,
    /// The network.
    pub model: ModelSpec,
    /// Loss, optimizer and the length of the run.
    pub training: TrainingSpec,
    /// What is recorded of each layer while it learns.
    #[serde(default, skip_serializing_if = "Diagnostics::is_off")]
    pub diagnostics: Diagnostics,
}

/// For an optional key: absent is fine, but `null` is a mistake and does not stand for a default.
fn given<'de, D: Deserializer<'de>, T: Deserialize<'de>>(value: D) -> Result<Option<T>, D::Error> {
    T::deserialize(value).map(Some)
}

/// A backend of burn, as named on the command line and in files.
#[derive(
    Debug,
    Clone,
    Copy,
    PartialEq,
    Eq,
    Hash,
    PartialOrd,
    Ord,
    Serialize,
    Deserialize,
    JsonSchema,
    clap::ValueEnum,
)]
#[serde(rename_all = "snake_case")]
pub enum BackendName {
    /// burn's fast CPU backend.
    Flex,
    /// burn's older CPU backend, on the `ndarray` crate.
    Ndarray,
    /// GPUs through Vulkan, Metal, DirectX 12 or OpenGL.
    Wgpu,
}

impl BackendName {
    /// All of them, the default first.
    pub const ALL: [Self; 3] = [Self::Flex, Self::Ndarray, Self::Wgpu];

    /// The name as the user writes it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Flex => "flex",
            Self::Ndarray => "ndarray",
            Self::Wgpu => "wgpu",
        }
    }
}

impl std::fmt::Display for BackendName {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Which checkpoints of a trial stay in its folder. A run that is cut off goes on from the latest.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum CheckpointPolicy {
    /// That of the last epoch.
    #[default]
    Last,
    /// That of the last epoch and that of the epoch with the lowest validation loss.
    Best,
    /// That of every epoch.
    All,
}

/// One value of one `grid:` key, e.g. `training.optimizer.sgd.learning_rate` = 0.01.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct GridValue {
    /// The dotted path in the file.
    pub key: String,
    /// The value put there.
    pub value: serde_json::Value,
}

impl GridValue {
    /// What stands for each key of a grid point in labels and tables: its last part, or the whole
    /// where several end alike.
    pub fn short_keys(point: &[Self]) -> Vec<&str> {
        let last = |value: &'_ Self| value.key.rfind('.').map_or(0, |dot| dot + 1);
        let short: Vec<&str> = point.iter().map(|value| &value.key[last(value)..]).collect();
        let alone = |key: &str| short.iter().filter(|other| **other == key).count() == 1;
        let keys = point.iter().zip(&short);
        keys.map(|(value, short)| if alone(short) { short } else { value.key.as_str() }).collect()
    }
}

/// One variant at one grid point: what all its seeds have in common.
#[derive(Debug, Clone)]
pub struct Case {
    /// The variant's name as the file has it; `default` in a file without `variants:`.
    pub variant: String,
    /// This case's grid values, in the file's order; empty without `grid:`.
    pub grid: Vec<GridValue>,
    /// The resolved setup.
    pub setup: Setup,
    /// The tree that the setup was read from: where each value is in the file.
    tree: Arc<tree::Node>,
    /// The texts after `--set`.
    set: Arc<[String]>,
    /// What in the setup is not what the file says, because that is a mistake.
    faulty: Vec<Path>,
}

impl Case {
    /// The variant with its grid values, as folders and legends show it:
    /// `bn_after` or `bn_after,learning_rate=0.01`.
    pub fn label(&self) -> String {
        let mut label = self.variant.clone();
        for (key, point) in GridValue::short_keys(&self.grid).iter().zip(&self.grid) {
            label.push_str(&format!(",{key}={}", value::plain(&point.value)));
        }
        label
    }

    /// Whether something is wrong in a part of the setup, so that nothing follows from it.
    pub fn is_faulty(&self, part: &str) -> bool {
        self.faulty.iter().any(|path| path.0.first() == Some(&Seg::Key(part.to_owned())))
    }

    /// A mistake in this case's setup as one in the file.
    pub fn problem(&self, source: &Source, finding: Finding) -> Problem {
        origin::locate(&self.tree, &self.set, source, &self.variant, finding)
    }
}

/// A whole experiment file, checked.
#[derive(Debug, Clone)]
pub struct Experiment {
    /// The experiment's name, also that of its results folder.
    pub name: String,
    /// One paragraph for reports; empty where the file has none.
    pub description: String,
    /// The backend the file asks for, if it does.
    pub backend: Option<BackendName>,
    /// Seeds, each at most once.
    pub seeds: Vec<u64>,
    /// Variants × grid points, in the file's order.
    pub cases: Vec<Case>,
    /// The charts that the file asks for; `None` where it leaves the choice to the program.
    pub plots: Option<Vec<Plot>>,
    /// What the file claims of its results.
    pub claims: Vec<Claim>,
    /// Which checkpoints are kept.
    pub checkpoints: CheckpointPolicy,
    /// Whether each trial has event files for TensorBoard, too.
    pub tensorboard: bool,
    /// Codes of warnings that the file does without, as written.
    pub allowed_lints: Vec<String>,
    /// The text and where things stand in it.
    pub source: Source,
}
