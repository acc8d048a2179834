//! Learning rates, their schedules, and momentum.

use crate::numbers::{percent, significant};
use crate::spec::{
    ExponentialDecay, Finding, InverseTimeDecay, OptimizerSpec, Path, ScheduleSpec, TrainingSpec,
};

use super::{Lint, Warnings};

/// How far outside the usual range of an optimizer a learning rate may be.
const TOLERANCE: f64 = 10.0;
/// A schedule that has gone a smaller share of its way at the end of a run hardly changes.
const HARDLY: f64 = 0.1;
/// A learning rate below this share of the highest one no longer trains anything.
const NOTHING: f64 = 1e-3;

/// Warnings about the optimizer and the schedule of a run of `steps` steps.
pub fn check(training: &TrainingSpec, steps: usize, warnings: &mut Warnings) {
    let optimizer = &training.optimizer;
    let path = Path::default().key("training");
    let own = path.key("optimizer").key(optimizer.kind());
    match &training.learning_rate {
        None => {
            let rate = (own.key("learning_rate"), optimizer.learning_rate());
            unusual(optimizer, vec![rate], warnings);
        }
        Some(spec) => {
            let path = path.key("learning_rate").key(spec.kind());
            unusual(optimizer, named_rates(spec, &path), warnings);
            growth(optimizer, spec, &path, steps, warnings);
            if steps > 1
                && let Some(finding) = misfit(spec, &path, steps)
            {
                warnings.push((Lint::ScheduleLength, finding));
            }
        }
    }
    nesterov(optimizer, &own, warnings);
}

/// The range that textbooks and defaults are in.
fn usual(optimizer: &OptimizerSpec) -> (f64, f64) {
    match optimizer {
        OptimizerSpec::Sgd(_) | OptimizerSpec::Adagrad(_) => (1e-3, 1e-1),
        OptimizerSpec::Adadelta(_) => (1e-3, 1.0),
        OptimizerSpec::Rmsprop(_)
        | OptimizerSpec::Adam(_)
        | OptimizerSpec::Adamax(_)
        | OptimizerSpec::Nadam(_)
        | OptimizerSpec::Adamw(_) => (1e-4, 1e-2),
        OptimizerSpec::Lion(_) => (1e-5, 1e-3),
    }
}

/// The learning rates that a schedule names, with their places. Those that it only passes on its
/// way up or down are not among them.
fn named_rates(spec: &ScheduleSpec, path: &Path) -> Vec<(Path, f64)> {
    let initial = |rate: f64| (path.key("initial_learning_rate"), rate);
    match spec {
        ScheduleSpec::Constant(keys) => vec![(path.key("learning_rate"), keys.learning_rate)],
        ScheduleSpec::ExponentialDecay(keys) => vec![initial(keys.initial_learning_rate)],
        ScheduleSpec::InverseTimeDecay(keys) => vec![initial(keys.initial_learning_rate)],
        ScheduleSpec::PiecewiseConstant(keys) => {
            let place = |(i, rate): (usize, &f64)| (path.key("values").index(i), *rate);
            keys.values.iter().enumerate().map(place).collect()
        }
        ScheduleSpec::CosineDecay(keys) => vec![match keys.warmup_target {
            Some(target) => (path.key("warmup_target"), target),
            None => initial(keys.initial_learning_rate),
        }],
        ScheduleSpec::PolynomialDecay(keys) => vec![
            initial(keys.initial_learning_rate),
            (path.key("end_learning_rate"), keys.end_learning_rate),
        ],
        ScheduleSpec::OneCycle(keys) => {
            let start = keys.start_learning_rate;
            let start = start.map(|rate| (path.key("start_learning_rate"), rate));
            let top = (path.key("max_learning_rate"), keys.max_learning_rate);
            let last = keys.last_learning_rate;
            let last = last.map(|rate| (path.key("last_learning_rate"), rate));
            std::iter::once(top).chain(start).chain(last).collect()
        }
    }
}

/// Each rate that is far too high, or else the highest one if that is far too low.
fn unusual(optimizer: &OptimizerSpec, rates: Vec<(Path, f64)>, warnings: &mut Warnings) {
    let (low, high) = usual(optimizer);
    let mut warn = |path: &Path, message: String| {
        let help = format!("the usual range for {} is {low} to {high}", optimizer.kind());
        warnings.push((Lint::UnusualLearningRate, Finding::new(path.clone(), message, help)));
    };
    let name = optimizer.kind();
    let mut highest: Option<&(Path, f64)> = None;
    for found in &rates {
        let (path, rate) = found;
        if *rate > high * TOLERANCE {
            let times = significant(rate / high, 2);
            warn(
                path,
                format!("learning rate {rate} is {times} times the highest usual one for {name}"),
            );
        }
        if highest.is_none_or(|(_, before)| rate > before) {
            highest = Some(found);
        }
    }
    if let Some((path, rate)) = highest
        && *rate < low / TOLERANCE
    {
        let share = significant(low / rate, 2);
        warn(
            path,
            format!("learning rate {rate} is {share} times below the lowest usual one for {name}"),
        );
    }
}

/// A schedule whose learning rate rises far too high on its way.
fn growth(
    optimizer: &OptimizerSpec,
    spec: &ScheduleSpec,
    path: &Path,
    steps: usize,
    warnings: &mut Warnings,
) {
    let (low, high) = usual(optimizer);
    let last = spec.rate(steps.saturating_sub(1), steps);
    let named = named_rates(spec, path).iter().map(|(_, rate)| *rate).fold(0.0, f64::max);
    if last > named && last > high * TOLERANCE {
        let finding = Finding::new(
            path.key("decay_rate"),
            format!(
                "the learning rate grows to {} by the last of {steps} steps, {} times the highest \
                 usual one for {}",
                significant(last, 3),
                significant(last / high, 2),
                optimizer.kind()
            ),
            format!("give a `decay_rate` below 1; the usual range is {low} to {high}"),
        );
        warnings.push((Lint::UnusualLearningRate, finding));
    }
}

/// What of a schedule does not fit a run of two or more steps.
fn misfit(spec: &ScheduleSpec, path: &Path, steps: usize) -> Option<Finding> {
    let last = spec.rate(steps - 1, steps);
    let middle = spec.rate(steps / 2, steps);
    let place = path.key("decay_steps");
    match spec {
        ScheduleSpec::Constant(_) => None,
        ScheduleSpec::ExponentialDecay(ExponentialDecay {
            initial_learning_rate,
            decay_steps,
            decay_rate,
            ..
        })
        | ScheduleSpec::InverseTimeDecay(InverseTimeDecay {
            initial_learning_rate,
            decay_steps,
            decay_rate,
            ..
        }) => {
            let top = *initial_learning_rate;
            hardly_decays(path, (*decay_steps, *decay_rate), (top, last), steps)
                .or_else(|| too_short(path.key("decay_steps"), top, middle, steps))
        }
        ScheduleSpec::PiecewiseConstant(keys) => {
            // A boundary belongs to the piece before it.
            let beyond = |boundary: &usize| *boundary >= steps - 1;
            let i = keys.boundaries.iter().position(beyond)?;
            let value = keys.values.get(i + 1)?;
            Some(Finding::new(
                path.key("boundaries").index(i),
                format!(
                    "step {} is beyond the run's {steps} steps, so that learning rate {value} is \
                     never used",
                    keys.boundaries[i]
                ),
                format!("give boundaries below {}, or train for longer", steps - 1),
            ))
        }
        ScheduleSpec::CosineDecay(keys) => {
            let (top, warmup) = match keys.warmup_target {
                Some(target) => (target, keys.warmup_steps),
                None => (keys.initial_learning_rate, 0),
            };
            if warmup >= steps {
                return Some(Finding::new(
                    path.key("warmup_steps"),
                    format!(
                        "the run's {steps} steps end within the warmup of {warmup} steps, at learning \
                         rate {} of {top}",
                        significant(last, 3)
                    ),
                    format!("give fewer than {steps} steps; a tenth of them is common"),
                ));
            }
            let way = (top - last) / (top - top * keys.alpha);
            let is_beyond = keys.decay_steps > steps - warmup && way < HARDLY;
            if is_beyond {
                return Some(hardly(place, keys.decay_steps, (top, last), steps));
            }
            too_short(place, top, middle, steps)
        }
        ScheduleSpec::PolynomialDecay(keys) => {
            let (initial, end) = (keys.initial_learning_rate, keys.end_learning_rate);
            let way = (initial - last) / (initial - end);
            if keys.decay_steps > steps && way < HARDLY {
                return Some(hardly(place, keys.decay_steps, (initial, last), steps));
            }
            too_short(place, initial.max(end), middle, steps)
        }
        ScheduleSpec::OneCycle(keys) => {
            let total = keys.total_steps?;
            let top = keys.max_learning_rate;
            let place = path.key("total_steps");
            let help = format!("leave it out: a cycle takes the run's {steps} steps by default");
            if total > steps && spec.rate(steps, steps) > last {
                return Some(Finding::new(
                    place,
                    format!(
                        "the run ends after {steps} of {total} steps, while the learning rate still \
                         rises, at {} of {top}",
                        significant(last, 3)
                    ),
                    help,
                ));
            }
            too_short(place, top, middle, steps).map(|finding| Finding { help, ..finding })
        }
    }
}

/// A decay without an end that changes hardly anything in the run.
fn hardly_decays(
    path: &Path,
    (decay_steps, decay_rate): (usize, f64),
    (initial, last): (f64, f64),
    steps: usize,
) -> Option<Finding> {
    let change = (last / initial - 1.0).abs();
    if change >= HARDLY {
        return None;
    }
    if decay_steps > steps {
        return Some(hardly(path.key("decay_steps"), decay_steps, (initial, last), steps));
    }
    let message = format!(
        "with `decay_rate` {decay_rate} the learning rate {} over the run's {steps} steps",
        moves(initial, last)
    );
    let help = "give a stronger `decay_rate`, or write a constant";
    Some(Finding::new(path.key("decay_rate"), message, help))
}

fn hardly(place: Path, decay_steps: usize, (initial, last): (f64, f64), steps: usize) -> Finding {
    let moves = moves(initial, last);
    Finding::new(
        place,
        format!(
            "the learning rate {moves} over the run's {steps} steps: `decay_steps` is {decay_steps}"
        ),
        format!("give a number near {steps}, or train for longer"),
    )
}

/// `falls by 1.2 %`
fn moves(initial: f64, last: f64) -> String {
    let change = last / initial - 1.0;
    if change == 0.0 {
        "never changes".to_owned()
    } else {
        let verb = if change < 0.0 { "only falls" } else { "only rises" };
        format!("{verb} by {}", percent(change.abs()))
    }
}

/// A schedule that is over long before the run is.
fn too_short(place: Path, top: f64, middle: f64, steps: usize) -> Option<Finding> {
    (middle < top * NOTHING).then(|| {
        Finding::new(
            place,
            format!(
                "from the middle of the run on, step {} of {steps}, the learning rate is at most {}, \
                 less than a thousandth of {top}",
                steps / 2,
                significant(middle, 2)
            ),
            format!("give a number near the run's {steps} steps, or train for fewer epochs"),
        )
    })
}

fn nesterov(optimizer: &OptimizerSpec, path: &Path, warnings: &mut Warnings) {
    let is_idle = match optimizer {
        OptimizerSpec::Sgd(sgd) => sgd.nesterov && sgd.momentum == 0.0,
        OptimizerSpec::Rmsprop(_)
        | OptimizerSpec::Adagrad(_)
        | OptimizerSpec::Adadelta(_)
        | OptimizerSpec::Adam(_)
        | OptimizerSpec::Adamax(_)
        | OptimizerSpec::Nadam(_)
        | OptimizerSpec::Adamw(_)
        | OptimizerSpec::Lion(_) => false,
    };
    if is_idle {
        let finding = Finding::new(
            path.key("nesterov"),
            "`nesterov` does nothing with a momentum of 0",
            "add `momentum: 0.9`, or leave `nesterov` out",
        );
        warnings.push((Lint::NesterovWithoutMomentum, finding));
    }
}

#[cfg(test)]
mod tests;
