//! Trials or cases side by side, sorted, with their settings, and against a baseline.

use std::cmp::Ordering;
use std::collections::HashSet;

use crate::record::{RecordedTrial, Status};
use crate::spec::suggest;

use super::configs::ConfigColumn;
use super::difference::Difference;
use super::table::{Cell, Kind, Table};
use super::tables::PARTS;
use super::{Aggregate, Case, ExperimentResults, Metric};

/// A name on the command line that the results do not have.
#[derive(Debug, thiserror::Error)]
#[error("{message}: {help}")]
pub struct UnknownName {
    message: String,
    help: String,
}

impl UnknownName {
    /// With what is known instead.
    pub fn new(message: impl Into<String>, name: &str, known: &[&str]) -> Self {
        Self { message: message.into(), help: suggest(name, known) }
    }
}

/// One row: a case, or one trial of it.
#[derive(Debug, Clone)]
pub struct CompareRow<'a> {
    /// The experiment's name.
    pub experiment: &'a str,
    /// The case.
    pub case: &'a Case,
    /// The trial, if the row is one.
    pub trial: Option<&'a RecordedTrial>,
    /// The settings, in the order of the columns; those of a case are those of its first trial.
    pub config: Vec<Cell>,
    /// The same as people read them.
    pub brief: Vec<String>,
    /// Of a case, its metrics.
    aggregates: Vec<(Metric, Option<Aggregate>)>,
}

impl<'a> CompareRow<'a> {
    /// A row per case.
    pub fn cases(experiments: &[&'a ExperimentResults]) -> Vec<Self> {
        let row = |(results, case): (&'a ExperimentResults, &'a Case)| Self {
            aggregates: Metric::all_of(&case.trials)
                .into_iter()
                .map(|metric| (metric, case.aggregate(metric)))
                .collect(),
            ..Self::bare(results, case, None)
        };
        all_cases(experiments).into_iter().map(row).collect()
    }

    /// A row per trial.
    pub fn trials(experiments: &[&'a ExperimentResults]) -> Vec<Self> {
        let rows = |(results, case): (&'a ExperimentResults, &'a Case)| {
            case.trials.iter().map(move |trial| Self::bare(results, case, Some(trial)))
        };
        all_cases(experiments).into_iter().flat_map(rows).collect()
    }

    fn bare(
        results: &'a ExperimentResults,
        case: &'a Case,
        trial: Option<&'a RecordedTrial>,
    ) -> Self {
        let (config, brief, aggregates) = (Vec::new(), Vec::new(), Vec::new());
        Self { experiment: &results.name, case, trial, config, brief, aggregates }
    }

    /// A metric over the seeds of the case; of a trial, its own.
    pub fn aggregate(&self, metric: Metric) -> Option<Aggregate> {
        match self.trial {
            Some(trial) => Aggregate::of(metric.of(trial)),
            None => self.aggregates.iter().find(|(known, _)| *known == metric)?.1,
        }
    }

    /// What the row is ranked by, see [`Case::score`]; of a trial, its own.
    fn score(&self, metric: Metric) -> Option<f64> {
        match self.trial {
            Some(trial) if trial.has_diverged() => metric.worst(),
            Some(trial) => metric.of(trial).filter(|value| !value.is_nan()),
            None => self.case.score(metric),
        }
    }

    /// Takes the settings from columns that have a cell per row.
    pub fn set_configs(rows: &mut [Self], columns: &[ConfigColumn]) {
        for (index, row) in rows.iter_mut().enumerate() {
            row.config = columns.iter().map(|column| column.cells[index].clone()).collect();
            let brief = |column: &ConfigColumn| match &column.brief {
                Some(brief) => brief[index].clone(),
                None => column.cells[index].plain(),
            };
            row.brief = columns.iter().map(brief).collect();
        }
    }

    /// The trial that stands for the row's settings.
    pub fn first_trial(&self) -> &'a RecordedTrial {
        self.trial.unwrap_or(&self.case.trials[0])
    }
}

/// Every case of experiments with its experiment.
fn all_cases<'a>(experiments: &[&'a ExperimentResults]) -> Vec<(&'a ExperimentResults, &'a Case)> {
    let cases = |results: &&'a ExperimentResults| {
        let results: &'a ExperimentResults = results;
        results.cases.iter().map(move |case| (results, case))
    };
    experiments.iter().flat_map(cases).collect()
}

/// Names that rows can be sorted by beside metrics, settings and grid keys.
const FIXED: [&str; 6] = ["experiment", "variant", "seed", "n", "backend", "parameters"];

/// Whether a name is that of a metric or of something else that every row has.
pub fn is_in_every_row(key: &str) -> bool {
    FIXED.contains(&key) || Metric::of_name(key).is_some()
}

/// Sorts rows: the better first by a metric, where trials that diverged count as worst; the lower
/// first by anything else; those without a value last. `keys` are those of the settings.
///
/// # Errors
/// [`UnknownName`] where rows have no such column.
pub fn sort_rows(
    rows: &mut [CompareRow<'_>],
    keys: &[String],
    key: &str,
    reverse: bool,
) -> Result<(), UnknownName> {
    let metric = Metric::of_name(key);
    let ends = |path: &str| path == key || path.rsplit('.').next() == Some(key);
    let setting = keys.iter().position(|path| path == key).or_else(|| {
        let mut ending = (0..keys.len()).filter(|index| ends(&keys[*index]));
        // A name that several keys end in says none of them.
        ending.next().filter(|_| ending.next().is_none())
    });
    if metric.is_none() && setting.is_none() && !FIXED.contains(&key) {
        let several: Vec<&str> =
            keys.iter().map(String::as_str).filter(|path| ends(path)).collect();
        if !several.is_empty() {
            let message = format!("several settings end in `{key}`");
            let help = format!("write one of them out: `{}`", several.join("`, `"));
            return Err(UnknownName { message, help });
        }
        let names = Metric::ALL.map(Metric::name);
        let mut known: Vec<&str> = names.iter().map(|name| &**name).collect();
        known.extend(FIXED);
        known.extend(keys.iter().map(String::as_str));
        return Err(UnknownName::new(format!("nothing to sort by is named `{key}`"), key, &known));
    }
    let ranked = metric.filter(|metric| rows.iter().any(|row| row.aggregate(*metric).is_some()));
    let cell = |row: &CompareRow<'_>| match (metric, setting) {
        (Some(_), _) => Cell::number(ranked.and_then(|metric| row.score(metric))),
        (None, Some(setting)) => row.config[setting].clone(),
        (None, None) => fixed(row, key),
    };
    let reverse = reverse != metric.is_some_and(Metric::is_better_high);
    let mut keyed: Vec<(Cell, CompareRow<'_>)> =
        rows.iter().map(|row| (cell(row), row.clone())).collect();
    keyed.sort_by(|(one, _), (other, _)| order(one, other, reverse));
    for (place, (_, row)) in rows.iter_mut().zip(keyed) {
        *place = row;
    }
    Ok(())
}

fn fixed(row: &CompareRow<'_>, key: &str) -> Cell {
    match key {
        "experiment" => Cell::text(row.experiment),
        "variant" => Cell::text(&*row.case.label),
        "seed" => row.trial.map_or(Cell::Missing, |trial| Cell::Number(trial.manifest.seed as f64)),
        "n" => Cell::count(row.case.count(Status::Completed)),
        "backend" => Cell::text(row.case.backends()),
        _ => row.case.parameters().map_or(Cell::Missing, |counts| Cell::count(counts.total)),
    }
}

/// The order of two cells; those that are missing, or no number, come last either way.
fn order(one: &Cell, other: &Cell, reverse: bool) -> Ordering {
    let number = |cell: &Cell| match cell {
        Cell::Number(number) => Some(*number).filter(|number| !number.is_nan()),
        Cell::Integer(number) => Some(*number as f64),
        Cell::Missing | Cell::Text(_) | Cell::Truth(_) | Cell::Time(_) => None,
    };
    let nothing = |cell: &Cell| match cell {
        Cell::Missing => true,
        Cell::Number(number) => number.is_nan(),
        Cell::Text(_) | Cell::Integer(_) | Cell::Truth(_) | Cell::Time(_) => false,
    };
    let known = match (number(one), number(other)) {
        (Some(one), Some(other)) => one.total_cmp(&other),
        (Some(_), None) => Ordering::Less,
        (None, Some(_)) => Ordering::Greater,
        (None, None) => one.plain().cmp(&other.plain()),
    };
    let known = if reverse { known.reverse() } else { known };
    nothing(one).cmp(&nothing(other)).then(known)
}

/// All numbers of rows: of cases with their spread, of trials as they are. `keys` are those of the
/// settings that are wanted.
pub fn rows_table(rows: &[CompareRow<'_>], keys: &[String], metrics: &[Metric]) -> Table {
    let mut columns: Vec<(String, Kind, Vec<Cell>)> = Vec::new();
    // Where a kind is not given, it is the one that holds all cells.
    let mut column = |name: &str, kind: Option<Kind>, cell: &dyn Fn(&CompareRow<'_>) -> Cell| {
        let cells: Vec<Cell> = rows.iter().map(cell).collect();
        let kind = kind.unwrap_or_else(|| Kind::of(&cells));
        columns.push((name.to_owned(), kind, cells));
    };
    let (text, count, number) = (Some(Kind::Text), Some(Kind::Integer), Some(Kind::Number));
    column("experiment", text, &|row| Cell::text(row.experiment));
    column("variant", text, &|row| Cell::text(&*row.case.variant));
    let cases: Vec<&Case> = rows.iter().map(|row| row.case).collect();
    for key in Case::grid_keys(&cases).into_iter().filter(|key| !keys.iter().any(|k| k == key)) {
        column(key, None, &|row| row.case.grid_value(key));
    }
    for (index, key) in keys.iter().enumerate() {
        column(key, None, &|row| row.config[index].clone());
    }
    let of_trials = rows.iter().any(|row| row.trial.is_some());
    if of_trials {
        column("seed", None, &|row| super::tables::seed(row.first_trial()));
        column("backend", text, &|row| Cell::text(row.first_trial().manifest.backend.to_string()));
        column("status", text, &|row| Cell::text(row.first_trial().manifest.status.to_string()));
        column("epochs", count, &|row| Cell::count(row.first_trial().epochs.len()));
    } else {
        column("backend", text, &|row| Cell::text(row.case.backends()));
        column("n", count, &|row| Cell::count(row.case.count(Status::Completed)));
        column("failed", count, &|row| Cell::count(row.case.count(Status::Failed)));
    }
    let (last, first): (Vec<Metric>, Vec<Metric>) =
        metrics.iter().partition(|metric| metric.stands_at_the_end());
    let (first, last) = (first.into_iter().map(Some), last.into_iter().map(Some));
    for metric in first.chain([None]).chain(last) {
        let Some(metric) = metric else {
            column("parameters", count, &|row| fixed(row, "parameters"));
            continue;
        };
        if of_trials {
            let value = |row: &CompareRow<'_>| row.aggregate(metric).map(|a| a.mean);
            column(&metric.name(), number, &|row| Cell::number(value(row)));
        } else {
            for (suffix, of) in PARTS {
                let name = format!("{}_{suffix}", metric.name());
                column(&name, number, &|row| Cell::number(row.aggregate(metric).and_then(of)));
            }
        }
    }
    if !of_trials {
        column("diverged", count, &|row| Cell::count(row.case.count(Status::Diverged)));
    }
    let row = |index: usize| {
        let cells = columns.iter();
        cells.map(|(_, kind, cells)| kind.fit(cells[index].clone())).collect()
    };
    let rows = (0..rows.len()).map(row).collect();
    Table { columns: columns.into_iter().map(|(name, kind, _)| (name, kind)).collect(), rows }
}

/// A case against the baseline in one metric.
#[derive(Debug, Clone)]
pub struct Compared<'a> {
    /// The case's experiment.
    pub experiment: &'a str,
    /// The case.
    pub case: &'a Case,
    /// The baseline's experiment.
    pub baseline_experiment: &'a str,
    /// The baseline.
    pub baseline: &'a Case,
    /// The metric.
    pub metric: Metric,
    /// Its mean over the case's seeds.
    pub mean: f64,
    /// Its mean over the baseline's.
    pub baseline_mean: f64,
    /// The case less the baseline.
    pub difference: Difference,
}

/// Every other case against a baseline: the case of that label, or the variant of that name at the
/// same grid point, in the case's own experiment, or else the only one there is. Without a name,
/// the second of two cases against the first, or of two variants, and nothing of more.
///
/// # Errors
/// [`UnknownName`] where neither a case nor a variant has that name.
pub fn against<'a>(
    experiments: &[&'a ExperimentResults],
    name: Option<&str>,
    metrics: &[Metric],
) -> Result<Vec<Compared<'a>>, UnknownName> {
    let all = all_cases(experiments);
    let is = |name: &str, (results, case): &(&ExperimentResults, &Case)| {
        let in_full = |own: &str| format!("{}/{own}", results.name) == name;
        case.label == name || case.variant == name || in_full(&case.label) || in_full(&case.variant)
    };
    let baselines: Vec<(&ExperimentResults, &Case)> = match (name, &all[..]) {
        (Some(name), _) => all.iter().filter(|case| is(name, case)).copied().collect(),
        (None, [first, _]) => vec![*first],
        (None, [first, ..]) if experiments.len() == 1 && variants(&all).len() == 2 => {
            all.iter().filter(|(_, case)| case.variant == first.1.variant).copied().collect()
        }
        (None, _) => return Ok(Vec::new()),
    };
    if let (Some(name), true) = (name, baselines.is_empty()) {
        let labels = all.iter().map(|(_, case)| case.label.as_str());
        let mut known: Vec<&str> = variants(&all).into_iter().chain(labels).collect();
        let mut seen = HashSet::new();
        known.retain(|name| seen.insert(*name));
        return Err(UnknownName::new(format!("no case is named `{name}`"), name, &known));
    }
    let mut compared = Vec::new();
    for (results, case) in &all {
        if baselines.iter().any(|(_, baseline)| std::ptr::eq(*baseline, *case)) {
            continue;
        }
        let mut own = baselines.iter().filter(|(of, _)| std::ptr::eq(*of, *results));
        let at_the_same_point = own.clone().find(|(_, baseline)| baseline.grid == case.grid);
        let alone = match (own.next(), own.next(), &baselines[..]) {
            (Some(only), None, _) | (None, _, [only]) => Some(only),
            (Some(_), Some(_), _) | (None, _, _) => None,
        };
        let Some((of, baseline)) = at_the_same_point.or(alone) else { continue };
        for &metric in metrics {
            let (values, others) = (case.by_seed(metric), baseline.by_seed(metric));
            let Some(difference) = Difference::of(&values, &others) else { continue };
            let mean = |values: &[(u64, f64)]| {
                values.iter().map(|(_, value)| value).sum::<f64>() / values.len() as f64
            };
            compared.push(Compared {
                experiment: &results.name,
                case,
                baseline_experiment: &of.name,
                baseline,
                metric,
                mean: mean(&values),
                baseline_mean: mean(&others),
                difference,
            });
        }
    }
    Ok(compared)
}

/// The variants of cases, each once.
fn variants<'a>(cases: &[(&'a ExperimentResults, &'a Case)]) -> Vec<&'a str> {
    let mut names: Vec<&str> = Vec::new();
    for (_, case) in cases {
        if !names.contains(&case.variant.as_str()) {
            names.push(&case.variant);
        }
    }
    names
}

/// All numbers of comparisons with a baseline.
pub fn differences_table(compared: &[Compared<'_>]) -> Table {
    let columns = [
        ("experiment", Kind::Text),
        ("case", Kind::Text),
        ("baseline_experiment", Kind::Text),
        ("baseline", Kind::Text),
        ("metric", Kind::Text),
        ("n", Kind::Integer),
        ("baseline_n", Kind::Integer),
        ("mean", Kind::Number),
        ("baseline_mean", Kind::Number),
        ("difference", Kind::Number),
        ("ci95_low", Kind::Number),
        ("ci95_high", Kind::Number),
        ("test", Kind::Text),
        ("t", Kind::Number),
        ("degrees_of_freedom", Kind::Number),
        ("p", Kind::Number),
        ("verdict", Kind::Text),
    ];
    let row = |compared: &Compared<'_>| {
        let difference = &compared.difference;
        vec![
            Cell::text(compared.experiment),
            Cell::text(&*compared.case.label),
            Cell::text(compared.baseline_experiment),
            Cell::text(&*compared.baseline.label),
            Cell::text(compared.metric.name()),
            Cell::count(difference.n),
            Cell::count(difference.baseline_n),
            Cell::Number(compared.mean),
            Cell::Number(compared.baseline_mean),
            Cell::Number(difference.mean),
            Cell::number(difference.ci95.map(|ci| ci.0)),
            Cell::number(difference.ci95.map(|ci| ci.1)),
            Cell::text(difference.test.name()),
            Cell::number(difference.t),
            Cell::number(difference.degrees_of_freedom),
            Cell::number(difference.p),
            Cell::text(difference.verdict()),
        ]
    };
    Table {
        columns: columns.map(|(name, kind)| (name.to_owned(), kind)).to_vec(),
        rows: compared.iter().map(row).collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::analysis::test_data::trial;
    use serde_json::json;

    fn experiment(name: &str, cases: &[(&str, f64, f64)]) -> ExperimentResults {
        let mut trials = Vec::new();
        for (variant, rate, accuracy) in cases {
            let label = format!("{variant},learning_rate={rate}");
            let grid = [("training.optimizer.sgd.learning_rate", json!(rate))];
            for seed in 1..4 {
                let accuracy = accuracy + 0.01 * seed as f64;
                trials.push(trial(name, &label, &grid, seed, &[0.1, accuracy]));
            }
        }
        ExperimentResults::new(name, "", trials)
    }

    fn pairs(compared: &[Compared<'_>]) -> Vec<String> {
        let pair = |compared: &Compared<'_>| {
            format!(
                "{}/{} {}/{}",
                compared.experiment,
                compared.case.label,
                compared.baseline_experiment,
                compared.baseline.label
            )
        };
        compared.iter().map(pair).collect()
    }

    #[test]
    fn a_case_meets_the_baseline_at_its_own_grid_point() {
        let grid = [("a", 0.1, 0.5), ("a", 0.2, 0.6), ("b", 0.1, 0.7), ("b", 0.2, 0.4)];
        let one = experiment("one", &grid);
        let two = experiment("two", &[("a", 0.1, 0.2), ("c", 0.3, 0.3)]);
        let metrics = [Metric::TestAccuracy];
        let of_variants = [
            "one/b,learning_rate=0.1 one/a,learning_rate=0.1",
            "one/b,learning_rate=0.2 one/a,learning_rate=0.2",
        ];
        // Of two variants, the first is the baseline.
        assert_eq!(pairs(&against(&[&one], None, &metrics).unwrap()), of_variants);
        assert_eq!(pairs(&against(&[&one], Some("a"), &metrics).unwrap()), of_variants);
        // The only baseline of an experiment will do for other grid points, too.
        let all = against(&[&one, &two], Some("a"), &metrics).unwrap();
        assert_eq!(pairs(&all)[2..], ["two/c,learning_rate=0.3 two/a,learning_rate=0.1"]);
        let all = against(&[&one, &two], Some("two/c"), &metrics).unwrap();
        assert_eq!(all.len(), 5);
        assert!(against(&[&one, &two], None, &metrics).unwrap().is_empty());
        let error = against(&[&one], Some("aa"), &metrics).unwrap_err().to_string();
        assert!(error.contains("no case is named `aa`: did you mean `a`?"), "{error}");
    }

    #[test]
    fn the_better_comes_first_and_what_is_missing_last_either_way() {
        let mut results = experiment("e", &[("a", 0.1, 0.5), ("b", 0.1, 0.7)]);
        let failed = trial("e", "c", &[], 1, &[]);
        results.cases.extend(ExperimentResults::new("e", "", vec![failed]).cases);
        let mut rows = CompareRow::cases(&[&results]);
        let mut sorted = |key: &str, reverse| {
            sort_rows(&mut rows, &[], key, reverse).unwrap();
            rows.iter().map(|row| row.case.variant.clone()).collect::<String>()
        };
        assert_eq!(sorted("test_accuracy", false), "bac");
        assert_eq!(sorted("test_accuracy", true), "abc");
        assert_eq!(sorted("test_loss", false), "bac");
        assert_eq!(sorted("variant", true), "cba");
        assert_eq!(sorted("n", false), "cba");
        let error = sort_rows(&mut rows, &[], "test_acuracy", false).unwrap_err().to_string();
        assert!(error.contains("did you mean `test_accuracy`?"), "{error}");
    }

    #[test]
    fn rows_of_cases_have_every_part_of_a_metric_and_those_of_trials_the_number() {
        let results = experiment("e", &[("a", 0.1, 0.5)]);
        let names = |rows: &[CompareRow<'_>]| {
            let table = rows_table(rows, &[], &[Metric::TestAccuracy]);
            table.columns.into_iter().map(|(name, _)| name).collect::<Vec<_>>().join(",")
        };
        assert_eq!(
            names(&CompareRow::cases(&[&results])),
            "experiment,variant,training.optimizer.sgd.learning_rate,backend,n,failed,\
             test_accuracy_mean,test_accuracy_std,test_accuracy_ci95_low,test_accuracy_ci95_high,\
             test_accuracy_median,test_accuracy_min,test_accuracy_max,parameters,diverged"
        );
        assert_eq!(
            names(&CompareRow::trials(&[&results])),
            "experiment,variant,training.optimizer.sgd.learning_rate,seed,backend,status,epochs,\
             test_accuracy,parameters"
        );
    }
}
