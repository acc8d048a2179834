//! The values of a claim's sides, seed by seed, from recorded trials.

use crate::record::{RecordedTrial, Status};
use crate::spec::{Claim, Expression, Monitor, Quantity, Target, Term};

use super::decide::{Comparison, Sides};
use crate::analysis::metrics::best;
use crate::analysis::statistics::variance;
use crate::analysis::{EpochMetric, ExperimentResults, Metric, epochs_to, seconds_to};

/// One side of a claim.
#[derive(Debug, Clone, PartialEq)]
pub struct Side<'a> {
    /// The value of each seed; infinite where a target was never reached or a loss diverged.
    pub values: Vec<f64>,
    /// The quantities in it, each with a value per seed.
    pub terms: Vec<(&'a Term, Vec<f64>)>,
    /// Which seeds diverged or never reached a target.
    pub remarks: Vec<String>,
}

/// Both sides together.
pub fn both(claim: &Claim, left: &Side<'_>, right: &Side<'_>) -> Sides {
    let depends =
        |side: &Side<'_>| side.terms.iter().any(|(term, _)| term.quantity.depends_on_seed());
    let comparison = alike(claim, left, right).unwrap_or(match depends(left) && depends(right) {
        true => Comparison::Unlike,
        false => Comparison::WithConstant,
    });
    Sides {
        left: left.values.clone(),
        right: right.values.clone(),
        is_constant: !depends(left) && !depends(right),
        comparison,
    }
}

/// The comparison of a claim that adds the same quantities as it subtracts.
fn alike(claim: &Claim, left: &Side<'_>, right: &Side<'_>) -> Option<Comparison> {
    let (of_left, of_right) = (claim.left.signed_terms()?, claim.right.signed_terms()?);
    let negated = of_right.into_iter().map(|(sign, term)| (-sign, term));
    let mut sums: Vec<(Quantity, f64)> = Vec::new();
    let (mut added, mut subtracted) = (vec![0.0; left.values.len()], vec![0.0; left.values.len()]);
    for (sign, term) in of_left.into_iter().chain(negated) {
        match sums.iter_mut().find(|(quantity, _)| *quantity == term.quantity) {
            Some((_, sum)) => *sum += sign,
            None => sums.push((term.quantity, sign)),
        }
        let mut known = left.terms.iter().chain(&right.terms);
        let (_, values) = known.find(|(known, _)| *known == term)?;
        let total = if sign > 0.0 { &mut added } else { &mut subtracted };
        total.iter_mut().zip(values).for_each(|(total, value)| *total += value);
    }
    let is_balanced = !sums.is_empty() && sums.iter().all(|(_, sum)| *sum == 0.0);
    let std = |values: &[f64]| variance(values).map_or(0.0, f64::sqrt);
    is_balanced.then(|| Comparison::Alike { spreads: (std(&added), std(&subtracted)) })
}

/// The values of one side, or why a seed has no value.
pub fn side<'a>(
    expression: &'a Expression,
    results: &ExperimentResults,
    seeds: &[u64],
) -> Result<Side<'a>, String> {
    let mut terms: Vec<(&'a Term, Vec<f64>)> = Vec::new();
    let mut remarks: Vec<String> = Vec::new();
    for term in expression.terms() {
        let (values, remark) = of_seeds(term, results, seeds)?;
        terms.push((term, values));
        remarks.extend(remark.filter(|remark| !remarks.contains(remark)));
    }
    let value = |seed: usize| {
        let known = |term: &Term| {
            terms.iter().find(|(known, _)| *known == term).map(|(_, values)| values[seed])
        };
        expression.value(&known).unwrap_or(f64::NAN)
    };
    let values: Vec<f64> = (0..seeds.len()).map(value).collect();
    for (index, value) in values.iter().enumerate() {
        // Infinite quantities make an infinite side; a division by zero does not.
        let has_infinity = terms.iter().any(|(_, values)| values[index].is_infinite());
        if value.is_nan() || (value.is_infinite() && !has_infinity) {
            let mut reasons = remarks.clone();
            reasons.push(format!("a side of it comes to {value} with seed {}", seeds[index]));
            return Err(reasons.join("; "));
        }
    }
    Ok(Side { values, terms, remarks })
}

/// A quantity of one trial.
enum Value {
    /// It has a value.
    Known(f64),
    /// It is infinite: a target that was never reached, the loss of a trial that diverged.
    Never,
    /// It was not recorded.
    Missing,
}

/// A quantity of each seed, with a remark on seeds that count as the worst; or why it has no value.
fn of_seeds(
    term: &Term,
    results: &ExperimentResults,
    seeds: &[u64],
) -> Result<(Vec<f64>, Option<String>), String> {
    let case = results.cases.iter().find(|case| case.label == term.case);
    let find = |seed: &u64| {
        let mut trials = case.into_iter().flat_map(|case| &case.trials);
        trials.find(|trial| trial.manifest.seed == *seed)
    };
    let label = &term.case;
    let quantity = term.quantity;
    if seeds.is_empty() {
        return Err("there are no seeds".to_owned());
    }
    let mut values = Vec::new();
    let (mut diverged, mut never, mut missing) = (Vec::new(), Vec::new(), Vec::new());
    for seed in seeds {
        let Some(trial) = find(seed) else {
            return Err(format!("`{label}` has no trial with seed {seed}"));
        };
        let value = match trial.manifest.status {
            Status::Completed => of_completed(quantity, trial),
            Status::Diverged => {
                if counts_as_worst(quantity) {
                    diverged.push(*seed);
                }
                of_diverged(quantity, trial)
            }
            Status::Failed => return Err(format!("`{label}` failed with seed {seed}")),
            Status::Running | Status::Interrupted => {
                return Err(format!("`{label}` is unfinished with seed {seed}"));
            }
        };
        match value {
            Value::Known(value) => values.push(value),
            Value::Never => {
                if trial.manifest.status == Status::Completed {
                    never.push(*seed);
                }
                values.push(f64::INFINITY);
            }
            Value::Missing => missing.push(*seed),
        }
    }
    if !missing.is_empty() {
        let who = some_of(&missing, seeds, "any seed");
        return Err(match quantity {
            Quantity::At(_, epoch) => format!("`{label}` has no epoch {epoch} with {who}"),
            Quantity::Kept(_)
            | Quantity::Last(_)
            | Quantity::Best(_)
            | Quantity::EpochsTo(_)
            | Quantity::SecondsTo(_)
            | Quantity::TestAccuracy
            | Quantity::TestLoss
            | Quantity::EpochSeconds
            | Quantity::TrainSeconds
            | Quantity::Params
            | Quantity::Diverged => format!("`{label}` has no {quantity} with {who}"),
        });
    }
    let of_diverged = (!diverged.is_empty())
        .then(|| format!("`{label}` diverged with {}", some_of(&diverged, seeds, "every seed")));
    let of_never = target(quantity).filter(|_| !never.is_empty()).map(|target| {
        format!("`{label}` never reached {target} with {}", some_of(&never, seeds, "any seed"))
    });
    let remarks: Vec<String> = of_diverged.into_iter().chain(of_never).collect();
    Ok((values, Some(remarks.join("; ")).filter(|remark| !remark.is_empty())))
}

/// Seeds in words; `all` stands for all of several seeds.
fn some_of(some: &[u64], seeds: &[u64], all: &str) -> String {
    let list = some.iter().map(u64::to_string).collect::<Vec<_>>().join(", ");
    match some {
        [_] => format!("seed {list}"),
        _ if some.len() == seeds.len() => all.to_owned(),
        _ => format!("seeds {list}"),
    }
}

fn target(quantity: Quantity) -> Option<Target> {
    match quantity {
        Quantity::EpochsTo(target) | Quantity::SecondsTo(target) => Some(target),
        Quantity::Kept(_)
        | Quantity::Last(_)
        | Quantity::At(..)
        | Quantity::Best(_)
        | Quantity::TestAccuracy
        | Quantity::TestLoss
        | Quantity::EpochSeconds
        | Quantity::TrainSeconds
        | Quantity::Params
        | Quantity::Diverged => None,
    }
}

/// A quantity of a completed trial.
fn of_completed(quantity: Quantity, trial: &RecordedTrial) -> Value {
    let epochs = &trial.epochs;
    let known = |value: Option<f64>| value.map_or(Value::Missing, Value::Known);
    let reached = |value: Option<f64>| value.map_or(Value::Never, Value::Known);
    match quantity {
        Quantity::Kept(metric) => known(Metric::from(metric).of(trial)),
        Quantity::Last(metric) => {
            known(epochs.last().and_then(|row| EpochMetric::from(metric).of(row)))
        }
        Quantity::At(metric, epoch) => known(at(metric, epoch, trial)),
        Quantity::Best(metric) => known(best(epochs, metric.into()).map(|best| best.value)),
        Quantity::EpochsTo(target) => reached(epochs_to(epochs, target).map(|epoch| epoch as f64)),
        Quantity::SecondsTo(target) => reached(seconds_to(epochs, target)),
        Quantity::TestAccuracy => known(Metric::TestAccuracy.of(trial)),
        Quantity::TestLoss => known(Metric::TestLoss.of(trial)),
        Quantity::EpochSeconds => known(Metric::EpochSeconds.of(trial)),
        Quantity::TrainSeconds => known(Metric::TrainSeconds.of(trial)),
        Quantity::Params => Value::Known(trial.manifest.parameters.total as f64),
        Quantity::Diverged => Value::Known(0.0),
    }
}

/// A quantity of a trial that diverged: the worst accuracy, an infinite loss, no target reached.
/// Epochs before the divergence are as they were recorded.
fn of_diverged(quantity: Quantity, trial: &RecordedTrial) -> Value {
    let known = |value: Option<f64>| value.map_or(Value::Missing, Value::Known);
    match quantity {
        Quantity::Kept(metric) | Quantity::Last(metric) | Quantity::Best(metric) => worst(metric),
        Quantity::At(metric, epoch) => at(metric, epoch, trial)
            .filter(|value| value.is_finite())
            .map_or_else(|| worst(metric), Value::Known),
        Quantity::TestAccuracy => Value::Known(0.0),
        Quantity::TestLoss | Quantity::EpochsTo(_) | Quantity::SecondsTo(_) => Value::Never,
        Quantity::EpochSeconds => known(Metric::EpochSeconds.of(trial)),
        Quantity::TrainSeconds => known(Metric::TrainSeconds.of(trial)),
        Quantity::Params => Value::Known(trial.manifest.parameters.total as f64),
        Quantity::Diverged => Value::Known(1.0),
    }
}

/// Whether a trial that diverged counts as the worst in this.
fn counts_as_worst(quantity: Quantity) -> bool {
    match quantity {
        Quantity::Kept(_)
        | Quantity::Last(_)
        | Quantity::At(..)
        | Quantity::Best(_)
        | Quantity::EpochsTo(_)
        | Quantity::SecondsTo(_)
        | Quantity::TestAccuracy
        | Quantity::TestLoss => true,
        Quantity::EpochSeconds | Quantity::TrainSeconds | Quantity::Params | Quantity::Diverged => {
            false
        }
    }
}

/// The worst that a metric can be.
fn worst(metric: Monitor) -> Value {
    match EpochMetric::from(metric).is_better_high() {
        true => Value::Known(0.0),
        false => Value::Never,
    }
}

/// A metric after an epoch.
fn at(metric: Monitor, epoch: usize, trial: &RecordedTrial) -> Option<f64> {
    EpochMetric::from(metric).of(trial.epochs.iter().find(|row| row.epoch == epoch)?)
}
