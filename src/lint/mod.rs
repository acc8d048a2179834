//! Warnings about setups that run but seldom do what was meant.
//!
//! Each has a code by which a file can allow it: `lints: { allow: [bias_before_batch_normalization] }`.
//! The checks are in one file per subject: [`network`], [`normalization`], [`inputs`],
//! [`learning_rate`], [`callbacks`] and [`metrics`].

mod callbacks;
mod inputs;
mod learning_rate;
mod metrics;
mod network;
mod normalization;
#[cfg(test)]
mod test_setup;

use schemars::JsonSchema;

use crate::spec::{Finding, Setup};

/// What a warning is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, JsonSchema)]
#[schemars(rename_all = "snake_case")]
pub enum Lint {
    /// A bias that the beta of the batch normalization after it makes useless.
    ///
    /// Remedy: `use_bias: false` on the layer before the normalization.
    ///
    /// Reference: Ioffe & Szegedy 2015, section 3.2, <https://arxiv.org/abs/1502.03167>
    BiasBeforeBatchNormalization,
    /// Batch normalization between the last dense layer and its softmax: normalized scores cannot
    /// tell sure answers from unsure ones.
    ///
    /// Remedy: normalize before the last dense layer.
    ///
    /// Reference: Ioffe & Szegedy 2015, section 3.2, normalizes what activations take
    BatchNormalizationOfLogits,
    /// A batch normalization momentum of 0.5 or less, which means its opposite in other libraries:
    /// here, as in Keras, it is the share of the moving statistics that is kept.
    ///
    /// Remedy: 1 minus the other library's, as 0.9 for PyTorch's 0.1.
    ///
    /// Reference: <https://keras.io/api/layers/normalization_layers/batch_normalization/>
    BatchNormalizationMomentum,
    /// Batch normalization over a batch of one row, whose variance is 0: the output is beta whatever
    /// the input. The last batch of an epoch counts, too.
    ///
    /// Remedy: another `batch_size`.
    ///
    /// Reference: Ioffe & Szegedy 2015, algorithm 1, <https://arxiv.org/abs/1502.03167>
    BatchOfOne,
    /// An initializer made for other activations: he before tanh or sigmoid, glorot in five or more
    /// relu layers, anything but lecun before selu.
    ///
    /// Remedy: `glorot_uniform` before tanh, sigmoid and softmax, `he_normal` before the relu family,
    /// `lecun_normal` before selu.
    ///
    /// Reference: Glorot & Bengio 2010; He et al. 2015, <https://arxiv.org/abs/1502.01852>
    InitializerForOtherActivation,
    /// Pixels from 0 to 255 that reach a layer with weights without any normalization. A frozen
    /// batch normalization that starts from its defaults changes nothing and does not count.
    ///
    /// Remedy: `scaling: unit` or `standardize`, or `batch_normalization` or `layer_normalization` as
    /// the first layer.
    ///
    /// Reference: LeCun et al. 1998, Efficient BackProp, section 4.3
    UnscaledInputs,
    /// A learning rate, or a value of a learning rate schedule, that is more than ten times outside
    /// the usual range of the optimizer. A schedule may fall as low as it likes; its highest value is
    /// judged.
    ///
    /// Remedy: a value in the range that the warning names.
    ///
    /// Reference: <https://keras.io/api/optimizers/>
    UnusualLearningRate,
    /// Dropout right before batch normalization: its outputs vary more in training than later, so
    /// that the moving variance is wrong.
    ///
    /// Remedy: dropout after the normalization.
    ///
    /// Reference: Li et al. 2019, <https://arxiv.org/abs/1801.05134>
    DropoutBeforeBatchNormalization,
    /// A top-k accuracy over as many classes as there are, which is always 1.
    ///
    /// Remedy: a smaller `k`.
    ///
    /// Reference: <https://keras.io/api/metrics/accuracy_metrics/>
    TopKOfAllClasses,
    /// A batch normalization whose moving statistics keep more than 5 % of their initial mean 0 and
    /// variance 1 at the end of training, because there are too few steps for its momentum: a share
    /// of momentum ^ steps is left. Validation and test use these statistics. Frozen layers do not
    /// count.
    ///
    /// Remedy: more steps (more epochs or smaller batches), or a lower momentum.
    ///
    /// Reference: <https://keras.io/api/layers/normalization_layers/batch_normalization/>
    UnconvergedMovingStatistics,
    /// Plain dropout after selu: its zeros change the mean and the variance that selu keeps.
    ///
    /// Remedy: `alpha_dropout` with the same rate.
    ///
    /// Reference: Klambauer et al. 2017, <https://arxiv.org/abs/1706.02515>
    DropoutAfterSelu,
    /// A learning rate schedule whose steps do not fit the run: it hardly changes before training
    /// ends, or it is below a thousandth of its highest value for more than half of the run.
    ///
    /// Remedy: step counts near the number of steps of the run, which the warning names.
    ///
    /// Reference: <https://keras.io/api/optimizers/learning_rate_schedules/>
    ScheduleLength,
    /// `nesterov: true` with a momentum of 0, which is plain gradient descent.
    ///
    /// Remedy: a momentum, usually 0.9.
    ///
    /// Reference: Sutskever et al. 2013; <https://keras.io/api/optimizers/sgd/>
    NesterovWithoutMomentum,
    /// A patience that the epochs of the run cannot exceed, so that the callback never acts. Early
    /// stopping that restores the best weights is useful all the same and does not count.
    ///
    /// Remedy: a smaller `patience`, or more epochs.
    ///
    /// Reference: <https://keras.io/api/callbacks/early_stopping/>
    PatienceBeyondEpochs,
    /// `mode: min` for an accuracy or `mode: max` for a loss, so that the callback takes the worst
    /// epoch for the best one.
    ///
    /// Remedy: leave `mode` out: losses are minimized and accuracies maximized.
    ///
    /// Reference: <https://keras.io/api/callbacks/early_stopping/>
    ModeAgainstMetric,
    /// A `train_limit` or `test_limit` above the number of images there are, which has no effect.
    ///
    /// Remedy: leave it out, or give a smaller number.
    ///
    /// Reference: `bn-runner explain dataset`
    LimitBeyondRows,
    /// Validation images that lack classes of the training images, so that validation measures
    /// something else: only one class, or classes missing among 20 or more images per class, as in
    /// files that are sorted by class.
    ///
    /// Remedy: `validation: { fraction: 0.1, stratified: true }`.
    ///
    /// Reference:
    /// <https://scikit-learn.org/stable/modules/cross_validation.html#stratified-k-fold>
    ValidationLacksClasses,
    /// A label below the highest one that no training image has: the network keeps an output that is
    /// never right.
    ///
    /// Remedy: labels that count from 0 without gaps. Those of EMNIST letters are 1 to 26: subtract
    /// 1 from each.
    ///
    /// Reference: Cohen et al. 2017, table II, <https://arxiv.org/abs/1702.05373>
    ClassesWithoutRows,
    /// A plain and a gzipped file of the same name side by side, or two spellings of it: only one of
    /// them is read.
    ///
    /// Remedy: remove the file that is not meant.
    ///
    /// Reference: the warning names the file that is read
    DuplicateDataFiles,
}

impl Lint {
    /// All of them, in the order of the documentation.
    pub const ALL: [Self; 19] = [
        Self::BiasBeforeBatchNormalization,
        Self::BatchNormalizationOfLogits,
        Self::BatchNormalizationMomentum,
        Self::BatchOfOne,
        Self::InitializerForOtherActivation,
        Self::UnscaledInputs,
        Self::UnusualLearningRate,
        Self::DropoutBeforeBatchNormalization,
        Self::TopKOfAllClasses,
        Self::UnconvergedMovingStatistics,
        Self::DropoutAfterSelu,
        Self::ScheduleLength,
        Self::NesterovWithoutMomentum,
        Self::PatienceBeyondEpochs,
        Self::ModeAgainstMetric,
        Self::LimitBeyondRows,
        Self::ValidationLacksClasses,
        Self::ClassesWithoutRows,
        Self::DuplicateDataFiles,
    ];

    /// The code in messages and in `lints: { allow: […] }`.
    pub fn code(self) -> &'static str {
        match self {
            Self::BiasBeforeBatchNormalization => "bias_before_batch_normalization",
            Self::BatchNormalizationOfLogits => "batch_normalization_of_logits",
            Self::BatchNormalizationMomentum => "batch_normalization_momentum",
            Self::BatchOfOne => "batch_of_one",
            Self::InitializerForOtherActivation => "initializer_for_other_activation",
            Self::UnscaledInputs => "unscaled_inputs",
            Self::UnusualLearningRate => "unusual_learning_rate",
            Self::DropoutBeforeBatchNormalization => "dropout_before_batch_normalization",
            Self::TopKOfAllClasses => "top_k_of_all_classes",
            Self::UnconvergedMovingStatistics => "unconverged_moving_statistics",
            Self::DropoutAfterSelu => "dropout_after_selu",
            Self::ScheduleLength => "schedule_length",
            Self::NesterovWithoutMomentum => "nesterov_without_momentum",
            Self::PatienceBeyondEpochs => "patience_beyond_epochs",
            Self::ModeAgainstMetric => "mode_against_metric",
            Self::LimitBeyondRows => "limit_beyond_rows",
            Self::ValidationLacksClasses => "validation_lacks_classes",
            Self::ClassesWithoutRows => "classes_without_rows",
            Self::DuplicateDataFiles => "duplicate_data_files",
        }
    }
}

/// What is known of a data set before it is loaded.
#[derive(Debug, Clone, Copy)]
pub struct DataFacts<'a> {
    /// Number of images in the training files, which validation takes its images from.
    pub rows: usize,
    /// Number of images in the test files.
    pub test_rows: usize,
    /// Number of classes.
    pub classes: usize,
    /// Labels of the training files in their order, where they have been read.
    pub labels: Option<&'a [u8]>,
}

/// Warnings with what each is about.
type Warnings = Vec<(Lint, Finding)>;

/// All warnings about a setup on its data.
pub fn lint(setup: &Setup, data: &DataFacts<'_>) -> Warnings {
    let mut warnings = Warnings::new();
    let rows = inputs::training_rows(&setup.dataset, data.rows);
    let steps = rows.div_ceil(setup.training.batch_size.max(1));
    let steps = steps.saturating_mul(setup.training.epochs);
    network::check(&setup.model.layers, &mut warnings);
    normalization::check(setup, rows, steps, &mut warnings);
    inputs::check(setup, data, &mut warnings);
    learning_rate::check(&setup.training, steps, &mut warnings);
    callbacks::check(&setup.training, &mut warnings);
    metrics::check(&setup.training.metrics, data.classes, &mut warnings);
    warnings
}
