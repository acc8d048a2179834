//! The results in the terminal: aligned text, best case first.

use unicode_width::{UnicodeWidthChar as _, UnicodeWidthStr as _};

use crate::analysis::{Aggregate, Case, ExperimentResults, Metric, Ranking};
use crate::numbers::thousands;
use crate::record::{RecordedTrial, Status};

use super::compare::{count_of, number};
use super::text::clean;
use super::text_table::{Lean, TextTable};

/// Longer names are shortened to so many columns.
const LONGEST_NAME: usize = 49;
/// Longer reasons of failures are cut: they are in full in `summary.csv`.
const LONGEST_REASON: usize = 60;

/// A column: its header, which side its cells lean to, and its cell in a row.
struct Column {
    header: &'static str,
    lean: Lean,
    cell: fn(&Row) -> String,
}

struct Row<'a> {
    experiment: &'a str,
    case: &'a Case,
    rank: Option<usize>,
}

/// One line per case, ranked within its experiment by mean validation accuracy, cases without any
/// below; several experiments are named in a column of their own. Says so where cases have no
/// validation to rank them by. Ends with a line break; empty without cases.
pub fn results_table(experiments: &[ExperimentResults]) -> String {
    let rows: Vec<Row> = experiments.iter().flat_map(ranked).collect();
    if rows.is_empty() {
        return String::new();
    }
    let unfinished = rows.iter().any(|row| !status(row).is_empty());
    let columns = columns(experiments.len() > 1, unfinished);
    let mut lines: Vec<Vec<String>> =
        vec![columns.iter().map(|column| column.header.to_owned()).collect()];
    lines.extend(rows.iter().map(|row| columns.iter().map(|column| (column.cell)(row)).collect()));
    let right = columns.iter().map(|column| column.lean == Lean::Right).collect();
    let table = TextTable { right, lines }.aligned();
    let unranked: Vec<&str> = experiments
        .iter()
        .filter(|experiment| experiment.cases.len() > 1 && !Ranking::of(experiment).is_decided())
        .filter(|experiment| experiment.count(Status::Completed) > 0)
        .map(|experiment| &*experiment.name)
        .collect();
    match unranked[..] {
        [] => table,
        _ => format!(
            "{table}note: the cases of {} are in the order of the file and not ranked: there are no \
             validation images, and a test accuracy selects nothing (`validation:` under `dataset:` \
             sets images aside)\n",
            clean(&unranked.join(", "))
        ),
    }
}

/// An experiment's cases, best first.
fn ranked(experiment: &ExperimentResults) -> Vec<Row<'_>> {
    let ranked = Ranking::of(experiment).cases.into_iter().enumerate();
    ranked
        .map(|(index, ranked)| Row {
            experiment: &experiment.name,
            case: ranked.case,
            rank: ranked.score.map(|_| index + 1),
        })
        .collect()
}

fn columns(several_experiments: bool, unfinished: bool) -> Vec<Column> {
    let left = |header, cell| Column { header, lean: Lean::Left, cell };
    let right = |header, cell| Column { header, lean: Lean::Right, cell };
    let mut columns = vec![right("rank", |row: &Row| optional(row.rank))];
    if several_experiments {
        columns.push(left("experiment", |row: &Row| shortened(row.experiment)));
    }
    columns.extend([
        left("variant", |row: &Row| shortened(&row.case.label)),
        right("n", |row: &Row| row.case.count(Status::Completed).to_string()),
        left("val accuracy", |row: &Row| spread(row, Metric::ValAccuracy)),
        left("test accuracy", |row: &Row| spread(row, Metric::TestAccuracy)),
        right("val loss", |row: &Row| mean(row, Metric::ValLoss, 4)),
        right("s/epoch", |row: &Row| mean(row, Metric::EpochSeconds, 2)),
        right("parameters", |row: &Row| {
            optional(row.case.parameters().map(|counts| thousands(counts.total)))
        }),
    ]);
    if unfinished {
        columns.push(left("status", status));
    }
    columns
}

/// The mean with its standard deviation over seeds.
fn spread(row: &Row, metric: Metric) -> String {
    match row.case.aggregate(metric) {
        None => String::new(),
        Some(Aggregate { mean, std: Some(std), .. }) => {
            format!("{} ± {}", number(mean, 4), number(std, 4))
        }
        Some(Aggregate { mean, std: None, .. }) => number(mean, 4),
    }
}

fn mean(row: &Row, metric: Metric, decimals: usize) -> String {
    optional(row.case.aggregate(metric).map(|aggregate| number(aggregate.mean, decimals)))
}

/// The trials that are not completed, by their status, with the reason of the first one of each.
fn status(row: &Row) -> String {
    let words = |status| {
        let counted = count_of(row.case, status)?;
        let of_status = |trial: &&RecordedTrial| trial.manifest.status == status;
        let reason = row.case.trials.iter().find(of_status)?.manifest.reason.as_deref();
        Some(match reason.map(str::trim).filter(|reason| !reason.is_empty()) {
            Some(reason) => format!("{counted}: {}", cut(&clean(reason))),
            None => counted,
        })
    };
    let all = [Status::Diverged, Status::Failed, Status::Running, Status::Interrupted];
    all.into_iter().filter_map(words).collect::<Vec<_>>().join(", ")
}

/// The beginning of a long text.
fn cut(text: &str) -> String {
    match text.char_indices().nth(LONGEST_REASON) {
        Some((end, _)) => format!("{}…", text[..end].trim_end()),
        None => text.to_owned(),
    }
}

fn optional(value: Option<impl ToString>) -> String {
    value.map_or_else(String::new, |value| value.to_string())
}

/// A name without characters that act on the terminal. Of one that is too long the beginnings of its grid
/// keys are left out, and then the middle: the values that tell cases apart stand at the end.
fn shortened(name: &str) -> String {
    let name = clean(name);
    if name.width() <= LONGEST_NAME {
        return name.into_owned();
    }
    let name = name.split(',').map(short_key).collect::<Vec<_>>().join(",");
    if name.width() <= LONGEST_NAME {
        return name;
    }
    let half = (LONGEST_NAME - 1) / 2;
    let within = |chars: &mut dyn Iterator<Item = char>| {
        let mut used = 0;
        let fits = |c: &char| {
            used += c.width().unwrap_or(0);
            used <= half
        };
        chars.take_while(fits).collect::<Vec<char>>()
    };
    let start = within(&mut name.chars());
    let end = within(&mut name.chars().rev());
    start.into_iter().chain(['…']).chain(end.into_iter().rev()).collect()
}

/// `1.dense.units=50` of `model.layers.1.dense.units=50`; other pieces of a name stay as they are.
fn short_key(piece: &str) -> &str {
    const PARTS: usize = 3;
    let Some((key, _)) = piece.split_once('=') else { return piece };
    let start = key.rmatch_indices('.').nth(PARTS - 1).map_or(0, |(dot, _)| dot + 1);
    &piece[start..]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::analysis::test_data::{diverged, trial};

    #[test]
    fn cases_of_a_grid_over_two_layers_can_be_told_apart() {
        let name = |first, last| {
            format!("default,model.layers.1.dense.units={first},model.layers.3.dense.units={last}")
        };
        assert_eq!(shortened(&name(50, 5000)), "default,1.dense.units=50,3.dense.units=5000");
        assert_eq!(shortened("bn,training.batch_size=8"), "bn,training.batch_size=8");
        let variant = "v".repeat(60);
        assert!(shortened(&format!("{variant},a.b.c.d=1")).ends_with("v,b.c.d=1"));
    }

    #[test]
    fn cases_are_ranked_and_failures_come_last() {
        let results = ExperimentResults::new(
            "batch_norm",
            "",
            vec![
                trial("batch_norm", "no_bn", &[], 1, &[0.7, 0.8125]),
                trial("batch_norm", "no_bn", &[], 2, &[0.7, 0.8175]),
                trial("batch_norm", "broken", &[], 1, &[]),
                trial("batch_norm", "wild", &[], 1, &[0.9]),
                diverged("batch_norm", "wild", 2, &[0.9, 0.9]),
                trial("batch_norm", "bn_after", &[], 1, &[0.875, 0.87]),
                trial("batch_norm", "bn_after", &[], 2, &[]),
            ],
        );
        let table = results_table(&[results]);
        let expected = "\
rank  variant   n  val accuracy     test accuracy    val loss  s/epoch  parameters  status
   1  bn_after  1  0.8700           0.8700             0.1300     2.00     271,346  1 failed: =out of memory
   2  no_bn     2  0.8150 ± 0.0035  0.8150 ± 0.0035    0.1850     2.00     271,346
   3  wild      1  0.9000           0.9000             0.1000     2.00     271,346  diverged 1 of 2: the loss became NaN in epoch 3, step 1
      broken    0                                                          271,346  1 failed: =out of memory
";
        assert_eq!(table, expected, "\n{table}");
    }

    #[test]
    fn several_experiments_are_named_and_wide_characters_keep_the_columns_straight() {
        let wide = ExperimentResults::new("宽", "", vec![trial("宽", "归一化", &[], 1, &[0.5])]);
        let evil = format!("\u{1b}[31m{}", "x".repeat(80));
        let long = ExperimentResults::new("long", "", vec![trial("long", &evil, &[], 1, &[0.6])]);
        let table = results_table(&[wide, long]);
        assert!(table.starts_with("rank  experiment  variant"), "{table}");
        assert!(!table.contains('\u{1b}') && table.contains("xxx…xxx"), "{table}");
        let before_parameters =
            |line: &str| line.rsplit_once("271,346").map(|(before, _)| before.width()).unwrap();
        let widths: Vec<_> = table.lines().skip(1).map(before_parameters).collect();
        assert_eq!(widths[0], widths[1], "{table}");
    }

    #[test]
    fn nothing_is_no_table() {
        assert_eq!(results_table(&[]), "");
    }

    #[test]
    fn without_validation_there_are_no_ranks_and_the_table_says_so() {
        let mut trials = vec![trial("e", "b", &[], 1, &[0.5]), trial("e", "a", &[], 1, &[0.6])];
        for row in trials.iter_mut().flat_map(|trial| &mut trial.epochs) {
            (row.val_accuracy, row.val_loss) = (None, None);
        }
        let table = results_table(&[ExperimentResults::new("e", "", trials)]);
        let lines: Vec<&str> = table.lines().collect();
        assert!(lines[1].starts_with("      b ") && lines[2].starts_with("      a "), "{table}");
        assert!(
            lines[3].starts_with("note: the cases of e are in the order of the file"),
            "{table}"
        );
    }
}
