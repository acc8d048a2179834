//! Data sets of one command: files are read once, however many cases split or scale them.

use std::sync::Arc;

use super::{DataError, DataOptions, Dataset, Raw, read, split};
use crate::spec::{DatasetName, DatasetSpec, UserPath};

/// Reads data sets and keeps them. All data sets from the same files share their bytes.
#[derive(Debug)]
pub struct Library {
    options: DataOptions,
    files: Vec<(Files, Raw)>,
    datasets: Vec<(DatasetSpec, Arc<Dataset>)>,
}

/// What reading depends on.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Files {
    name: Option<DatasetName>,
    folder: Option<UserPath>,
}

impl Library {
    /// An empty library that reads from the given places.
    pub fn new(options: DataOptions) -> Self {
        Self { options, files: Vec::new(), datasets: Vec::new() }
    }

    /// The data set that a spec describes.
    ///
    /// # Errors
    /// As [`super::load`].
    pub fn dataset(&mut self, spec: &DatasetSpec) -> Result<Arc<Dataset>, DataError> {
        if let Some((_, dataset)) = self.datasets.iter().find(|(known, _)| known == spec) {
            return Ok(Arc::clone(dataset));
        }
        let dataset = Arc::new(split(spec, self.raw(spec)?)?);
        self.datasets.push((spec.clone(), Arc::clone(&dataset)));
        Ok(dataset)
    }

    fn raw(&mut self, spec: &DatasetSpec) -> Result<&Raw, DataError> {
        let files = Files { name: spec.name, folder: spec.idx.clone() };
        let known = self.files.iter().position(|(known, _)| *known == files);
        let index = match known {
            Some(index) => index,
            None => {
                self.files.push((files, read(spec, &self.options)?));
                self.files.len() - 1
            }
        };
        Ok(&self.files[index].1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::tests::tiny_folder;

    #[test]
    fn other_splits_of_the_same_files_share_their_bytes() {
        let folder = tiny_folder();
        let spec = |validation: usize| -> DatasetSpec {
            serde_json::from_value(serde_json::json!({
                "idx": folder.path(),
                "validation": validation,
            }))
            .unwrap()
        };
        let mut library = Library::new(DataOptions::default());
        let one = library.dataset(&spec(0)).unwrap();
        let other = library.dataset(&spec(1)).unwrap();
        assert_eq!(one.train.len(), other.train.len() + 1);
        assert_eq!(one.train.image(1).as_ptr(), other.train.image(0).as_ptr());
        assert!(Arc::ptr_eq(&one, &library.dataset(&spec(0)).unwrap()));
    }
}
