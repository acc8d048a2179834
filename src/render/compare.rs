//! Cases or trials side by side, and against a baseline, as people read them.

use std::borrow::Cow;

use crate::analysis::{Aggregate, Case, CompareRow, Compared, Metric};
use crate::numbers::thousands;
use crate::record::Status;

use super::text_table::TextTable;

/// What is shown unless the command line says otherwise.
pub const USUAL_METRICS: [Metric; 6] = [
    Metric::ValAccuracy,
    Metric::TestAccuracy,
    Metric::BestValAccuracy,
    Metric::ValLoss,
    Metric::EpochSeconds,
    Metric::TrainSeconds,
];

/// Rows with their metrics, and with settings if any are wanted. In detail, each metric of cases has
/// its deviation, interval, median and range.
pub fn compare_table(
    rows: &[CompareRow<'_>],
    keys: &[String],
    metrics: &[Metric],
    in_detail: bool,
) -> TextTable {
    let mut columns: Vec<(String, bool, Vec<String>)> = Vec::new();
    let mut column = |header: &str, right: bool, cell: &dyn Fn(&CompareRow<'_>) -> String| {
        columns.push((header.to_owned(), right, rows.iter().map(cell).collect()));
    };
    let first = rows.first().map(|row| row.experiment);
    if rows.iter().any(|row| Some(row.experiment) != first) {
        column("experiment", false, &|row| row.experiment.to_owned());
    }
    // Settings say what the grid's values in a label do.
    let of_variant = !keys.is_empty();
    column("variant", false, &|row| {
        if of_variant { row.case.variant.clone() } else { row.case.label.clone() }
    });
    for (index, key) in keys.iter().enumerate() {
        column(key, false, &|row| row.brief[index].clone());
    }
    let of_trials = rows.iter().any(|row| row.trial.is_some());
    if of_trials {
        column("seed", true, &|row| row.first_trial().manifest.seed.to_string());
        column("epochs", true, &|row| row.first_trial().epochs.len().to_string());
    } else {
        column("n", true, &|row| row.case.count(Status::Completed).to_string());
    }
    for &metric in metrics {
        let part = |row: &CompareRow<'_>, of: &dyn Fn(Aggregate) -> Option<String>| {
            row.aggregate(metric).and_then(of).unwrap_or_default()
        };
        let number = |value: f64| shown(metric, value);
        let mean_and_std = |aggregate: Aggregate| {
            Some(match aggregate.std {
                Some(std) => format!("{} ± {}", number(aggregate.mean), number(std)),
                None => number(aggregate.mean),
            })
        };
        let range = |low: f64, high: f64| format!("{} … {}", number(low), number(high));
        column(&title(metric), true, &|row| part(row, &mean_and_std));
        if in_detail && !of_trials {
            let interval =
                |aggregate: Aggregate| aggregate.ci95.map(|(low, high)| range(low, high));
            column("95 % interval", true, &|row| part(row, &interval));
            column("median", true, &|row| part(row, &|a| Some(number(a.median))));
            column("lowest … highest", true, &|row| part(row, &|a| Some(range(a.min, a.max))));
        }
    }
    column("parameters", true, &|row| {
        let counts = row.case.parameters();
        counts.map_or_else(String::new, |counts| thousands(counts.total))
    });
    if rows.iter().any(|row| !unfinished(row).is_empty()) {
        column("status", false, &unfinished);
    }
    TextTable::of_columns(columns)
}

/// The trials of a row that are not completed.
fn unfinished(row: &CompareRow<'_>) -> String {
    match row.trial.map(|trial| trial.manifest.status) {
        Some(Status::Completed) => String::new(),
        Some(status) => status.to_string(),
        None => not_completed(row.case),
    }
}

/// How many trials of a case are not completed, by their status: `diverged 1 of 3, 1 failed`.
pub fn not_completed(case: &Case) -> String {
    let statuses = [Status::Diverged, Status::Failed, Status::Running, Status::Interrupted];
    let words = statuses.into_iter().filter_map(|status| count_of(case, status));
    words.collect::<Vec<_>>().join(", ")
}

/// How many trials of a case have a status, in words; nothing where none has.
pub fn count_of(case: &Case, status: Status) -> Option<String> {
    let count = case.count(status);
    let words = match status {
        Status::Diverged => format!("diverged {count} of {}", case.trials.len()),
        Status::Completed | Status::Failed | Status::Running | Status::Interrupted => {
            format!("{count} {status}")
        }
    };
    (count > 0).then_some(words)
}

/// Differences from a baseline, with what they come to.
pub fn differences_table(compared: &[Compared<'_>]) -> TextTable {
    let mut columns: Vec<(String, bool, Vec<String>)> = Vec::new();
    let mut column = |header: &str, right: bool, cell: &dyn Fn(&Compared<'_>) -> String| {
        columns.push((header.to_owned(), right, compared.iter().map(cell).collect()));
    };
    let first = compared.first().map(|compared| compared.experiment);
    let of_several = compared
        .iter()
        .any(|row| Some(row.experiment) != first || row.experiment != row.baseline_experiment);
    let name = |experiment: &str, label: &str| match of_several {
        true => format!("{experiment}/{label}"),
        false => label.to_owned(),
    };
    column("variant", false, &|row| name(row.experiment, &row.case.label));
    column("against", false, &|row| name(row.baseline_experiment, &row.baseline.label));
    column("metric", false, &|row| title(row.metric).into_owned());
    column("difference", true, &|row| signed(row.metric, row.difference.mean));
    column("95 % interval", true, &|row| {
        let interval = row.difference.ci95;
        interval.map_or_else(String::new, |(low, high)| {
            format!("{} … {}", signed(row.metric, low), signed(row.metric, high))
        })
    });
    column("test", false, &|row| row.difference.test.name().to_owned());
    column("p", true, &|row| row.difference.p.map_or_else(String::new, probability));
    column("verdict", false, &|row| row.difference.verdict());
    TextTable::of_columns(columns)
}

/// A metric's name in few letters.
pub fn title(metric: Metric) -> Cow<'static, str> {
    Cow::Borrowed(match metric {
        Metric::Accuracy => "accuracy",
        Metric::Loss => "loss",
        Metric::ValAccuracy => "val accuracy",
        Metric::ValLoss => "val loss",
        Metric::BestValAccuracy => "best val accuracy",
        Metric::BestValLoss => "best val loss",
        Metric::TestAccuracy => "test accuracy",
        Metric::TestLoss => "test loss",
        Metric::EpochSeconds => "s/epoch",
        Metric::TrainSeconds => "train s",
        Metric::BestAccuracy => "best accuracy",
        Metric::BestLoss => "best loss",
        Metric::LastAccuracy => "last accuracy",
        Metric::LastLoss => "last loss",
        Metric::LastValAccuracy => "last val accuracy",
        Metric::LastValLoss => "last val loss",
        Metric::TopKAccuracy(k) => return format!("top {k} accuracy").into(),
        Metric::ValTopKAccuracy(k) => return format!("val top {k} accuracy").into(),
        Metric::TestTopKAccuracy(k) => return format!("test top {k} accuracy").into(),
    })
}

fn decimals(metric: Metric) -> usize {
    match metric {
        Metric::EpochSeconds | Metric::TrainSeconds => 2,
        Metric::Accuracy
        | Metric::Loss
        | Metric::ValAccuracy
        | Metric::ValLoss
        | Metric::BestValAccuracy
        | Metric::BestValLoss
        | Metric::TestAccuracy
        | Metric::TestLoss
        | Metric::BestAccuracy
        | Metric::BestLoss
        | Metric::TopKAccuracy(_)
        | Metric::ValTopKAccuracy(_)
        | Metric::TestTopKAccuracy(_)
        | Metric::LastAccuracy
        | Metric::LastLoss
        | Metric::LastValAccuracy
        | Metric::LastValLoss => 4,
    }
}

fn shown(metric: Metric, value: f64) -> String {
    number(value, decimals(metric))
}

/// A number in so many decimals. One that they would show as zero, or that would take the whole
/// line, is written with a power of ten.
pub fn number(value: f64, decimals: usize) -> String {
    let sign = if value < 0.0 { "−" } else { "" };
    let size = value.abs();
    let vanishes = size > 0.0 && size < 0.5 * 10_f64.powi(-(decimals as i32));
    if vanishes || size >= 1e5 {
        format!("{sign}{size:.2e}")
    } else {
        format!("{sign}{size:.decimals$}")
    }
}

fn signed(metric: Metric, value: f64) -> String {
    let plus = if value < 0.0 { "" } else { "+" };
    format!("{plus}{}", shown(metric, value))
}

/// A probability; one that is tiny is not told to be none.
pub fn probability(p: f64) -> String {
    if p < 0.0001 { "<0.0001".to_owned() } else { format!("{p:.4}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_number_but_zero_is_shown_as_zero() {
        let shown: Vec<String> =
            [0.0, 1.466e-6, -1.92e-7, 0.0003, 0.871_24, -12.0, 123_456.0, f64::NAN, f64::INFINITY]
                .map(|value| number(value, 4))
                .to_vec();
        let expected = [
            "0.0000",
            "1.47e-6",
            "−1.92e-7",
            "0.0003",
            "0.8712",
            "−12.0000",
            "1.23e5",
            "NaN",
            "inf",
        ];
        assert_eq!(shown, expected);
        assert_eq!((number(0.004, 2), number(0.005, 2)), ("4.00e-3".into(), "0.01".into()));
    }
}
