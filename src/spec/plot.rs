//! The kinds of charts, as `plots:` in a file and `--kind` on the command line name them.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A kind of chart.
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
#[value(rename_all = "snake_case")]
pub enum Plot {
    /// Loss and accuracy by epoch, training and validation, with bands over seeds.
    LearningCurves,
    /// Validation accuracy over seconds of training.
    AccuracyVsTime,
    /// How many epochs each case needs to a target.
    EpochsToTarget,
    /// How many seconds each case needs to a target.
    SecondsToTarget,
    /// The final accuracy of every seed, with the means.
    FinalAccuracy,
    /// Final accuracy against the size of the network.
    ParametersVsAccuracy,
    /// Final accuracy over two grid keys; over one, a line.
    HeatMap,
    /// What the best case takes each class for.
    ConfusionMatrix,
    /// Test images that the best case gets wrong.
    Mistakes,
    /// The learning rate by epoch.
    LearningRate,
    /// The length of gradients by the depth of their layer, in the first epoch and the last; or another
    /// number of layers. Takes `diagnostics`.
    GradientNorm,
    /// How what layers hand on is distributed, by case, epoch and depth. Takes `diagnostics`.
    ActivationDistribution,
    /// Final accuracies, best first, beside the validation curves; may span experiments.
    Comparison,
}

impl Plot {
    /// All of them, in the order of the documentation.
    pub const ALL: [Self; 13] = [
        Self::LearningCurves,
        Self::AccuracyVsTime,
        Self::EpochsToTarget,
        Self::SecondsToTarget,
        Self::FinalAccuracy,
        Self::ParametersVsAccuracy,
        Self::HeatMap,
        Self::ConfusionMatrix,
        Self::Mistakes,
        Self::LearningRate,
        Self::GradientNorm,
        Self::ActivationDistribution,
        Self::Comparison,
    ];

    /// The name as the user writes it; also that of its file, without the ending.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::LearningCurves => "learning_curves",
            Self::AccuracyVsTime => "accuracy_vs_time",
            Self::EpochsToTarget => "epochs_to_target",
            Self::SecondsToTarget => "seconds_to_target",
            Self::FinalAccuracy => "final_accuracy",
            Self::ParametersVsAccuracy => "parameters_vs_accuracy",
            Self::HeatMap => "heat_map",
            Self::ConfusionMatrix => "confusion_matrix",
            Self::Mistakes => "mistakes",
            Self::LearningRate => "learning_rate",
            Self::GradientNorm => "gradient_norm",
            Self::ActivationDistribution => "activation_distribution",
            Self::Comparison => "comparison",
        }
    }
}

impl std::fmt::Display for Plot {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_is_read_by_the_name_it_is_shown_by() {
        for plot in Plot::ALL {
            let read: Plot = serde_json::from_value(plot.as_str().into()).unwrap();
            assert_eq!(read, plot);
        }
    }
}
