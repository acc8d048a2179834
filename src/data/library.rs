//! Data sets of one command: each is read once, however many cases scale it differently.

use std::sync::Arc;

use super::{DataError, DataOptions, Dataset, load};
use crate::spec::DatasetSpec;

/// Reads data sets and keeps them.
#[derive(Debug)]
pub struct Library {
    options: DataOptions,
    read: Vec<(DatasetSpec, Arc<Dataset>)>,
}

impl Library {
    /// An empty library that reads from the given places.
    pub fn new(options: DataOptions) -> Self {
        Self {
            options,
            read: Vec::new(),
        }
    }

    /// The data set that a spec describes.
    ///
    /// # Errors
    /// As [`load`].
    pub fn dataset(&mut self, spec: &DatasetSpec) -> Result<Arc<Dataset>, DataError> {
        if let Some((_, dataset)) = self.read.iter().find(|(read, _)| read == spec) {
            return Ok(Arc::clone(dataset));
        }
        let dataset = Arc::new(load(spec, &self.options)?);
        self.read.push((spec.clone(), Arc::clone(&dataset)));
        Ok(dataset)
    }
}
