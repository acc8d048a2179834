//! Numbers that parse but make no sense.

use super::check_layer::check_layer;
use super::measure::top_k;
use super::problem::Finding;
use super::source::Path;
use super::{
    Adam, Adamax, Adamw, CallbackSpec, Clipping, DatasetSpec, Diagnostics, Loss, MetricSpec, Nadam,
    OptimizerSpec, PiecewiseConstant, ScheduleSpec, Setup, TrainingSpec, UserPath, Validation,
    top_k_name,
};

/// Every number out of its range, with the range. Nothing is said of what is faulty already.
pub fn check(setup: &Setup, faulty: &[Path]) -> Vec<Finding> {
    let mut ranges = Ranges { list: Vec::new(), faulty };
    dataset(&setup.dataset, &mut ranges);
    let weights = Path::default().key("model").key("initial_weights");
    home(setup.model.initial_weights.as_ref(), weights, &mut ranges);
    let layers = Path::default().key("model").key("layers");
    for (i, layer) in setup.model.layers.iter().enumerate() {
        check_layer(layer, &layers.index(i).key(layer.kind()), &mut ranges);
    }
    training(&setup.training, &mut ranges);
    callbacks(setup, &mut ranges);
    diagnostics(&setup.diagnostics, &mut ranges);
    let Ranges { mut list, faulty } = ranges;
    list.retain(|finding| {
        let touches =
            |path: &Path| path.starts_with(&finding.path) || finding.path.starts_with(path);
        !faulty.iter().any(touches)
    });
    list
}

/// Collects what is out of its range.
pub(super) struct Ranges<'f> {
    list: Vec<Finding>,
    faulty: &'f [Path],
}

impl Ranges<'_> {
    pub fn push(&mut self, finding: Finding) {
        self.list.push(finding);
    }

    /// Whether a value is what the file says, so that others can be held against it.
    pub fn is_sound(&self, path: &Path) -> bool {
        !self.faulty.iter().any(|faulty| faulty.starts_with(path))
    }

    pub fn at_least_one(&mut self, path: &Path, value: usize) {
        self.require(value >= 1, path, value as f64, "of 1 or more");
    }

    pub fn positive(&mut self, path: &Path, value: f64) {
        self.require(value > 0.0 && value.is_finite(), path, value, "above 0");
    }

    fn not_negative(&mut self, path: &Path, value: f64) {
        self.require(value >= 0.0 && value.is_finite(), path, value, "of 0 or more");
    }

    /// From 0 up to but not including 1.
    pub fn below_one(&mut self, path: &Path, value: f64) {
        self.require((0.0..1.0).contains(&value), path, value, "from 0 up to but not including 1");
    }

    pub fn require(&mut self, holds: bool, path: &Path, value: f64, range: &str) {
        if !holds {
            let key = Path(path.0.last().cloned().into_iter().collect());
            self.list.push(Finding::new(
                path.clone(),
                format!("`{key}` cannot be {value}"),
                format!("give a number {range}"),
            ));
        }
    }
}

fn dataset(dataset: &DatasetSpec, ranges: &mut Ranges<'_>) {
    let path = Path::default().key("dataset");
    if dataset.name.is_some() == dataset.idx.is_some() {
        let (place, message) = match dataset.name {
            Some(_) => (path.key("idx"), "the data set is given twice, by `name` and by `idx`"),
            None => (path.clone(), "no data set is given"),
        };
        ranges.push(Finding::new(
            place,
            message,
            "write `name: fashion_mnist`, or `idx:` and a folder with the four MNIST-format files",
        ));
    }
    home(dataset.idx.as_ref(), path.key("idx"), ranges);
    match dataset.validation {
        Validation::Count(_) => {}
        Validation::Share(share) => {
            let holds = share.fraction > 0.0 && share.fraction < 1.0;
            let path = path.key("validation").key("fraction");
            ranges.require(holds, &path, share.fraction, "between 0 and 1");
        }
    }
    for (key, limit) in [("train_limit", dataset.train_limit), ("test_limit", dataset.test_limit)] {
        if let Some(limit) = limit {
            ranges.at_least_one(&path.key(key), limit);
        }
    }
}

/// A path that begins with the home folder of another user, or of one who has none.
fn home(path: Option<&UserPath>, at: Path, ranges: &mut Ranges<'_>) {
    if let Some(problem) = path.and_then(UserPath::problem) {
        ranges.push(Finding::new(at, problem.to_string(), problem.remedy()));
    }
}

fn training(training: &TrainingSpec, ranges: &mut Ranges<'_>) {
    let path = Path::default().key("training");
    ranges.at_least_one(&path.key("epochs"), training.epochs);
    ranges.at_least_one(&path.key("batch_size"), training.batch_size);
    let own = path.key("optimizer").key(training.optimizer.kind());
    optimizer(&training.optimizer, &own, ranges);
    loss(&training.loss, &path.key("loss"), ranges);
    metrics(training, &path.key("metrics"), ranges);
    let Some(spec) = &training.learning_rate else { return };
    schedule(spec, &path.key("learning_rate").key(spec.kind()), ranges);
    if training.optimizer.has_learning_rate() {
        ranges.push(Finding::new(
            own.key("learning_rate"),
            "the learning rate is given twice, here and by `training.learning_rate`",
            "leave one of them out",
        ));
    }
}

fn diagnostics(Diagnostics { groups }: &Diagnostics, ranges: &mut Ranges<'_>) {
    for (i, group) in groups.iter().enumerate().filter(|(i, group)| groups[..*i].contains(group)) {
        let path = Path::default().key("diagnostics").index(i);
        let message = format!("`{}` is listed twice", group.as_str());
        ranges.push(Finding::new(path, message, "leave one out"));
    }
}

fn loss(loss: &Loss, path: &Path, ranges: &mut Ranges<'_>) {
    match loss {
        Loss::SparseCategoricalCrossentropy(keys) => {
            let path = path.key("sparse_categorical_crossentropy").key("label_smoothing");
            ranges.below_one(&path, keys.label_smoothing);
        }
    }
}

fn metrics(training: &TrainingSpec, path: &Path, ranges: &mut Ranges<'_>) {
    for (i, k) in top_k(&training.metrics) {
        ranges.at_least_one(&path.index(i).key("top_k_accuracy").key("k"), k);
    }
    for (i, metric) in training.metrics.iter().enumerate() {
        if training.metrics[..i].contains(metric) {
            let name = match metric {
                MetricSpec::Accuracy => "accuracy".to_owned(),
                MetricSpec::TopKAccuracy(keys) => top_k_name(keys.k),
            };
            let message = format!("`{name}` is listed twice");
            ranges.push(Finding::new(path.index(i), message, "leave one out"));
        }
    }
}

fn optimizer(optimizer: &OptimizerSpec, path: &Path, ranges: &mut Ranges<'_>) {
    ranges.positive(&path.key("learning_rate"), optimizer.learning_rate());
    match optimizer {
        OptimizerSpec::Sgd(sgd) => ranges.below_one(&path.key("momentum"), sgd.momentum),
        OptimizerSpec::Rmsprop(rmsprop) => {
            ranges.below_one(&path.key("rho"), rmsprop.rho);
            ranges.below_one(&path.key("momentum"), rmsprop.momentum);
            ranges.positive(&path.key("epsilon"), rmsprop.epsilon);
        }
        OptimizerSpec::Adagrad(adagrad) => {
            let start = adagrad.initial_accumulator_value;
            ranges.not_negative(&path.key("initial_accumulator_value"), start);
            ranges.positive(&path.key("epsilon"), adagrad.epsilon);
        }
        OptimizerSpec::Adadelta(adadelta) => {
            ranges.below_one(&path.key("rho"), adadelta.rho);
            ranges.positive(&path.key("epsilon"), adadelta.epsilon);
        }
        OptimizerSpec::Adam(Adam { beta_1, beta_2, epsilon, .. })
        | OptimizerSpec::Adamax(Adamax { beta_1, beta_2, epsilon, .. })
        | OptimizerSpec::Nadam(Nadam { beta_1, beta_2, epsilon, .. })
        | OptimizerSpec::Adamw(Adamw { beta_1, beta_2, epsilon, .. }) => {
            ranges.below_one(&path.key("beta_1"), *beta_1);
            ranges.below_one(&path.key("beta_2"), *beta_2);
            ranges.positive(&path.key("epsilon"), *epsilon);
        }
        OptimizerSpec::Lion(lion) => {
            ranges.below_one(&path.key("beta_1"), lion.beta_1);
            ranges.below_one(&path.key("beta_2"), lion.beta_2);
        }
    }
    if let Some(decay) = optimizer.weight_decay() {
        ranges.not_negative(&path.key("weight_decay"), decay);
    }
    clipping(optimizer.clipping(), path, ranges);
}

fn clipping(clipping: Clipping, path: &Path, ranges: &mut Ranges<'_>) {
    let Clipping { clipnorm, clipvalue, global_clipnorm } = clipping;
    let limits =
        [("clipnorm", clipnorm), ("clipvalue", clipvalue), ("global_clipnorm", global_clipnorm)];
    let mut given = limits.iter().filter_map(|(key, limit)| limit.map(|limit| (*key, limit)));
    for (key, limit) in given.clone() {
        ranges.positive(&path.key(key), limit);
    }
    if let (Some((first, _)), Some((second, _))) = (given.next(), given.next()) {
        ranges.push(Finding::new(
            path.key(second),
            format!("gradients cannot be clipped by both `{first}` and `{second}`"),
            "keep one of `clipnorm`, `clipvalue` and `global_clipnorm`",
        ));
    }
}

fn schedule(schedule: &ScheduleSpec, path: &Path, ranges: &mut Ranges<'_>) {
    let initial = path.key("initial_learning_rate");
    let decay_steps = path.key("decay_steps");
    match schedule {
        ScheduleSpec::Constant(constant) => {
            ranges.positive(&path.key("learning_rate"), constant.learning_rate);
        }
        ScheduleSpec::ExponentialDecay(decay) => {
            ranges.positive(&initial, decay.initial_learning_rate);
            ranges.at_least_one(&decay_steps, decay.decay_steps);
            ranges.positive(&path.key("decay_rate"), decay.decay_rate);
        }
        ScheduleSpec::InverseTimeDecay(decay) => {
            ranges.positive(&initial, decay.initial_learning_rate);
            ranges.at_least_one(&decay_steps, decay.decay_steps);
            ranges.not_negative(&path.key("decay_rate"), decay.decay_rate);
        }
        ScheduleSpec::PiecewiseConstant(pieces) => piecewise(pieces, path, ranges),
        ScheduleSpec::CosineDecay(decay) => {
            match decay.warmup_target {
                // A rise may begin at nothing.
                Some(target) => {
                    ranges.not_negative(&initial, decay.initial_learning_rate);
                    ranges.positive(&path.key("warmup_target"), target);
                }
                None => {
                    ranges.positive(&initial, decay.initial_learning_rate);
                    let target = path.key("warmup_target");
                    if decay.warmup_steps > 0 && ranges.is_sound(&target) {
                        ranges.push(Finding::new(
                            path.key("warmup_steps"),
                            "`warmup_steps` has no effect without `warmup_target`",
                            "add `warmup_target:`, the learning rate at the end of the rise",
                        ));
                    }
                }
            }
            ranges.at_least_one(&decay_steps, decay.decay_steps);
            let share = (0.0..=1.0).contains(&decay.alpha);
            ranges.require(share, &path.key("alpha"), decay.alpha, "from 0 to 1");
        }
        ScheduleSpec::PolynomialDecay(decay) => {
            ranges.positive(&initial, decay.initial_learning_rate);
            ranges.at_least_one(&decay_steps, decay.decay_steps);
            ranges.not_negative(&path.key("end_learning_rate"), decay.end_learning_rate);
            ranges.positive(&path.key("power"), decay.power);
        }
        ScheduleSpec::OneCycle(cycle) => {
            ranges.positive(&path.key("max_learning_rate"), cycle.max_learning_rate);
            for (key, rate) in [
                ("start_learning_rate", cycle.start_learning_rate),
                ("last_learning_rate", cycle.last_learning_rate),
            ] {
                if let Some(rate) = rate {
                    ranges.not_negative(&path.key(key), rate);
                }
            }
            if let Some(steps) = cycle.total_steps {
                ranges.at_least_one(&path.key("total_steps"), steps);
            }
            if let (Some(last), Some(total)) = (cycle.last_steps, cycle.total_steps) {
                let fits = last <= total;
                let range = "up to `total_steps`";
                ranges.require(fits, &path.key("last_steps"), last as f64, range);
            }
        }
    }
}

fn piecewise(pieces: &PiecewiseConstant, path: &Path, ranges: &mut Ranges<'_>) {
    let PiecewiseConstant { boundaries, values } = pieces;
    let both = ranges.is_sound(&path.key("boundaries")) && ranges.is_sound(&path.key("values"));
    if !both {
        // One cannot be held against the other.
    } else if boundaries.is_empty() {
        ranges.push(Finding::new(
            path.key("boundaries"),
            "`boundaries` has no steps",
            "list at least one, or choose `constant`",
        ));
    } else if values.len() != boundaries.len() + 1 {
        ranges.push(Finding::new(
            path.key("values"),
            format!("{} values do not fit {} boundaries", values.len(), boundaries.len()),
            format!("give {} values, one more than there are boundaries", boundaries.len() + 1),
        ));
    }
    for (i, pair) in boundaries.windows(2).enumerate().filter(|(_, pair)| pair[0] >= pair[1]) {
        ranges.push(Finding::new(
            path.key("boundaries").index(i + 1),
            format!("boundary {} does not come after {}", pair[1], pair[0]),
            "list the boundaries in rising order",
        ));
    }
    for (i, value) in
        values.iter().enumerate().filter(|(_, value)| !(**value > 0.0 && value.is_finite()))
    {
        ranges.push(Finding::new(
            path.key("values").index(i),
            format!("a learning rate cannot be {value}"),
            "give a number above 0",
        ));
    }
}

fn callbacks(setup: &Setup, ranges: &mut Ranges<'_>) {
    let list = Path::default().key("training").key("callbacks");
    for (i, callback) in setup.training.callbacks.iter().enumerate() {
        let path = list.index(i).key(callback.kind());
        let monitor = callback.monitor();
        if monitor.is_of_validation() && setup.dataset.validation.is_none() {
            ranges.push(Finding::new(
                path.key("monitor"),
                format!("there is no `{}` without validation rows", monitor.name()),
                "give `dataset.validation` a number above 0, or monitor `loss` or `accuracy`",
            ));
        }
        if let Some(k) = monitor.top_k()
            && !setup.training.top_k().contains(&k)
        {
            ranges.push(Finding::new(
                path.key("monitor"),
                format!("`{}` is not measured", monitor.name()),
                format!("add `{{ top_k_accuracy: {{ k: {k} }} }}` to `training.metrics`"),
            ));
        }
        match callback {
            CallbackSpec::EarlyStopping(stopping) => {
                ranges.not_negative(&path.key("min_delta"), stopping.min_delta);
                if let Some(baseline) = stopping.baseline {
                    let key = path.key("baseline");
                    ranges.require(baseline.is_finite(), &key, baseline, "that is finite");
                }
            }
            CallbackSpec::ReduceLrOnPlateau(plateau) => {
                let factor = plateau.factor;
                let shrinks = factor > 0.0 && factor < 1.0;
                ranges.require(shrinks, &path.key("factor"), factor, "between 0 and 1");
                ranges.not_negative(&path.key("min_delta"), plateau.min_delta);
                ranges.not_negative(&path.key("min_lr"), plateau.min_lr);
                plateau_with_schedule(setup, &path, ranges);
            }
        }
    }
}

/// As in Keras, two cannot both decide the step size.
fn plateau_with_schedule(setup: &Setup, path: &Path, ranges: &mut Ranges<'_>) {
    match &setup.training.learning_rate {
        None | Some(ScheduleSpec::Constant(_)) => {}
        Some(schedule) => ranges.push(Finding::new(
            path.clone(),
            format!(
                "`reduce_lr_on_plateau` cannot change the learning rate that `{}` decides",
                schedule.kind()
            ),
            "leave one of them out",
        )),
    }
}
