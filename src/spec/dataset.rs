//! `dataset:` what is learned from.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{UserPath, Validation, given};

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
    /// A folder with the four MNIST-format files, gzipped or not, relative to the file's own folder;
    /// `~` is the home folder.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub idx: Option<UserPath>,
    /// Which of the training images are kept apart for validation: so many of the first, or a
    /// share of all.
    #[serde(default)]
    pub validation: Validation,
    /// How bytes become numbers.
    #[serde(default)]
    pub scaling: Scaling,
    /// Train on only the first so many rows after the validation rows.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub train_limit: Option<usize>,
    /// Test on only the first so many rows.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub test_limit: Option<usize>,
    /// How training images are changed at random, anew in each epoch.
    #[serde(default, deserialize_with = "given", skip_serializing_if = "changes_nothing")]
    #[schemars(with = "Augment")]
    pub augment: Option<Augment>,
}

impl DatasetSpec {
    /// How training images are changed; `None` where what is written changes nothing.
    pub fn augment(&self) -> Option<Augment> {
        self.augment.filter(|augment| !augment.changes_nothing())
    }
}

/// How training images are changed at random, each anew in each epoch. Validation and test images
/// never are, and statistics for `scaling` are those of the images as they were.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Augment {
    /// Moved by up to so many pixels in each direction; what comes into sight is 0.
    pub shift: usize,
    /// Mirrored, left to right, with probability ½.
    pub horizontal_flip: bool,
}

impl Augment {
    fn changes_nothing(&self) -> bool {
        *self == Self::default()
    }
}

/// What changes nothing is no part of a trial.
fn changes_nothing(augment: &Option<Augment>) -> bool {
    augment.is_none_or(|augment| augment.changes_nothing())
}
