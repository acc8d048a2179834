//! Numbers that parse but make no sense.

use super::check_layer::check_layer;
use super::optimizer::OptimizerSpec;
use super::problem::Finding;
use super::source::Path;
use super::{DatasetSpec, Setup};

/// Every number out of its range, with the range.
pub fn check(setup: &Setup) -> Vec<Finding> {
    let mut ranges = Ranges(Vec::new());
    dataset(&setup.dataset, &mut ranges);
    let layers = Path::default().key("model").key("layers");
    for (i, layer) in setup.model.layers.iter().enumerate() {
        check_layer(layer, &layers.index(i).key(layer.kind()), &mut ranges);
    }
    let training = Path::default().key("training");
    ranges.at_least_one(&training.key("epochs"), setup.training.epochs);
    ranges.at_least_one(&training.key("batch_size"), setup.training.batch_size);
    optimizer(&setup.training.optimizer, &training.key("optimizer"), &mut ranges);
    ranges.0
}

/// Collects what is out of its range.
pub(super) struct Ranges(pub Vec<Finding>);

impl Ranges {
    pub fn at_least_one(&mut self, path: &Path, value: usize) {
        self.require(value >= 1, path, value as f64, "1 or more");
    }

    pub fn positive(&mut self, path: &Path, value: f64) {
        self.require(value > 0.0 && value.is_finite(), path, value, "above 0");
    }

    /// From 0 up to but not including 1.
    pub fn below_one(&mut self, path: &Path, value: f64) {
        self.require((0.0..1.0).contains(&value), path, value, "from 0 up to but not including 1");
    }

    pub fn require(&mut self, holds: bool, path: &Path, value: f64, range: &str) {
        if !holds {
            let key = Path(path.0.last().cloned().into_iter().collect());
            self.0.push(Finding::new(
                path.clone(),
                format!("`{key}` cannot be {value}"),
                format!("give a number {range}"),
            ));
        }
    }
}

fn dataset(dataset: &DatasetSpec, ranges: &mut Ranges) {
    let path = Path::default().key("dataset");
    if dataset.name.is_some() == dataset.idx.is_some() {
        ranges.0.push(Finding::new(
            path.clone(),
            "a data set is given by exactly one of `name` and `idx`",
            "write `name: fashion_mnist`, or `idx:` and a folder with the four MNIST-format files",
        ));
    }
    for (key, limit) in [("train_limit", dataset.train_limit), ("test_limit", dataset.test_limit)] {
        if let Some(limit) = limit {
            ranges.at_least_one(&path.key(key), limit);
        }
    }
}

fn optimizer(optimizer: &OptimizerSpec, path: &Path, ranges: &mut Ranges) {
    match optimizer {
        OptimizerSpec::Sgd(sgd) => {
            let path = path.key("sgd");
            ranges.positive(&path.key("learning_rate"), sgd.learning_rate);
            ranges.below_one(&path.key("momentum"), sgd.momentum);
        }
        OptimizerSpec::Adam(adam) => {
            let path = path.key("adam");
            ranges.positive(&path.key("learning_rate"), adam.learning_rate);
            ranges.below_one(&path.key("beta_1"), adam.beta_1);
            ranges.below_one(&path.key("beta_2"), adam.beta_2);
            ranges.positive(&path.key("epsilon"), adam.epsilon);
        }
    }
}
