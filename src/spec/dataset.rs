//! `dataset:` what is learned from.

use std::path::PathBuf;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The data sets known by name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum DatasetName {
    /// 70,000 grey images of clothing, 28 × 28, ten classes (Zalando Research).
    FashionMnist,
}

/// How the bytes 0–255 of an image become the numbers that the network sees.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Scaling {
    /// Divided by 255.
    #[default]
    Unit,
    /// Per pixel: minus its mean, divided by its standard deviation over the training rows.
    Standardize,
    /// As they are, 0 to 255.
    None,
}

/// Which images, how they are split, and how they are scaled.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct DatasetSpec {
    /// A data set known by name; exactly one of `name` and `idx` is given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<DatasetName>,
    /// A folder with the four MNIST-format files, gzipped or not, seen from the file's own folder.
    // Once loaded, seen from the working directory.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub idx: Option<PathBuf>,
    /// How many of the first training images are kept apart for validation.
    #[serde(default = "default_validation")]
    pub validation: usize,
    /// How bytes become numbers.
    #[serde(default)]
    pub scaling: Scaling,
    /// Train on only the first so many rows after the validation rows.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub train_limit: Option<usize>,
    /// Test on only the first so many rows.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub test_limit: Option<usize>,
}

fn default_validation() -> usize {
    5000
}
