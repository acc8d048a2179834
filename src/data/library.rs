//! Data sets of one command: each is read once, however many cases split or scale it differently.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::Arc;

use super::folder::Contents;
use super::{DataError, DataOptions, Dataset, contents, source, split};
use crate::spec::{DatasetName, DatasetSpec};

/// Where bytes come from, which is all that reading them depends on.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
enum Key {
    Named(DatasetName),
    Folder(PathBuf),
}

/// Reads data sets and keeps their bytes.
#[derive(Debug)]
pub struct Library {
    options: DataOptions,
    read: HashMap<Key, Contents>,
}
