//! What is unusual about a data set, though it can be read.

use std::path::PathBuf;

/// Longer lists of classes are cut.
const CLASSES_SHOWN: usize = 10;

/// Something about a data set that is seldom meant so.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Remark {
    /// Classes without training images.
    EmptyClasses {
        /// Those classes.
        empty: Vec<usize>,
        /// How many classes there are.
        classes: usize,
    },
    /// Several files that could be meant for the same part of a data set.
    Duplicates {
        /// The file that is read.
        used: PathBuf,
        /// The files that are not.
        others: Vec<PathBuf>,
        /// Whether one of them has other content or cannot be read.
        differs: bool,
    },
}

impl Remark {
    /// Which of the classes have no training image, if any.
    pub(super) fn of_labels(labels: &[u8], classes: usize) -> Option<Self> {
        let mut seen = [false; 256];
        for label in labels {
            seen[usize::from(*label)] = true;
        }
        let empty: Vec<usize> = (0..classes).filter(|class| !seen[*class]).collect();
        (!empty.is_empty()).then_some(Self::EmptyClasses { empty, classes })
    }

    /// What is unusual: a lowercase fragment.
    pub fn message(&self) -> String {
        match self {
            Self::EmptyClasses { empty, classes } => {
                let shown: Vec<String> =
                    empty.iter().take(CLASSES_SHOWN).map(ToString::to_string).collect();
                let more = match empty.len().saturating_sub(CLASSES_SHOWN) {
                    0 => String::new(),
                    more => format!(" and {more} more"),
                };
                let noun = if empty.len() == 1 { "class" } else { "classes" };
                format!(
                    "no training image is of {noun} {}{more}, of {classes} classes (0 to {})",
                    shown.join(", "),
                    classes - 1
                )
            }
            Self::Duplicates { used, others, differs } => {
                let others: Vec<String> =
                    others.iter().map(|other| format!("`{}`", other.display())).collect();
                let content = match differs {
                    true => ", and they differ in content",
                    false => ", with the same content",
                };
                format!("`{}` is read, not {}{content}", used.display(), others.join(" or "))
            }
        }
    }

    /// What to do about it.
    pub fn remedy(&self) -> String {
        match self {
            Self::EmptyClasses { empty, .. } if *empty == [0] => {
                "labels count from 0: subtract 1 from every label of a data set whose labels begin \
                 at 1, as those of EMNIST letters do"
                    .to_owned()
            }
            Self::EmptyClasses { .. } => {
                "the network has an output for every label up to the highest: number the labels \
                 from 0 without gaps"
                    .to_owned()
            }
            Self::Duplicates { .. } => "remove the files that are not meant".to_owned(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn classes_without_training_images_are_named() {
        assert_eq!(Remark::of_labels(&[0, 2, 1, 2], 3), None);
        let from_one = Remark::of_labels(&[3, 1, 2], 4).unwrap();
        assert_eq!(from_one.message(), "no training image is of class 0, of 4 classes (0 to 3)");
        assert!(from_one.remedy().contains("subtract 1"));
        let gaps = Remark::of_labels(&[0, 20], 21).unwrap();
        assert_eq!(
            gaps.message(),
            "no training image is of classes 1, 2, 3, 4, 5, 6, 7, 8, 9, 10 and 9 more, of 21 \
             classes (0 to 20)"
        );
        assert!(gaps.remedy().contains("without gaps"));
    }
}
