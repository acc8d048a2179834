//! The claims of experiment files and their outcomes, in the terminal.

use crate::analysis::Verdict;

use super::compare::probability;
use super::text_table::TextTable;

/// One line per claim with the numbers of both sides and their test; experiments are named where
/// there are several. Empty without claims.
pub fn claims_table(experiments: &[(&str, &[Verdict])]) -> String {
    let rows: Vec<(&str, &Verdict)> = experiments
        .iter()
        .flat_map(|(name, verdicts)| verdicts.iter().map(move |verdict| (*name, verdict)))
        .collect();
    if rows.is_empty() {
        return String::new();
    }
    let mut columns: Vec<(String, bool, Vec<String>)> = Vec::new();
    let mut column = |header: &str, right: bool, cell: &dyn Fn(&str, &Verdict) -> String| {
        let cells = rows.iter().map(|(name, verdict)| cell(name, verdict)).collect();
        columns.push((header.to_owned(), right, cells));
    };
    column("outcome", false, &|_, verdict| verdict.outcome.as_str().to_owned());
    if experiments.iter().filter(|(_, verdicts)| !verdicts.is_empty()).count() > 1 {
        column("experiment", false, &|name, _| name.to_owned());
    }
    column("claim", false, &|_, verdict| verdict.claim.text.clone());
    let shown = |value: Option<f64>| value.map_or_else(String::new, number);
    column("left", true, &|_, verdict| shown(verdict.left));
    column("right", true, &|_, verdict| shown(verdict.right));
    column("difference", true, &|_, verdict| verdict.difference().map_or_else(String::new, signed));
    if rows.iter().any(|(_, verdict)| interval(verdict).is_some()) {
        column("95 % interval", true, &|_, verdict| interval(verdict).unwrap_or_default());
    }
    let shown = |p: Option<f64>| p.map_or_else(String::new, probability);
    if rows.iter().any(|(_, verdict)| verdict.p.is_some()) {
        column("p", true, &|_, verdict| shown(verdict.p));
        column("p (Holm)", true, &|_, verdict| shown(verdict.p_holm));
    }
    column("n", true, &|_, verdict| verdict.n.map_or_else(String::new, |n| n.to_string()));
    if rows.iter().any(|(_, verdict)| !verdict.remarks().is_empty()) {
        column("note", false, &|_, verdict| verdict.remarks());
    }
    TextTable::of_columns(columns).aligned()
}

/// The confidence interval of the difference; for an equivalence, the one that decides, with its
/// confidence.
fn interval(verdict: &Verdict) -> Option<String> {
    let range = |(low, high): (f64, f64)| format!("{} … {}", signed(low), signed(high));
    match verdict.equivalence_ci.zip(verdict.level) {
        Some((interval, level)) => {
            let confidence = 100.0 * (1.0 - 2.0 * level);
            Some(format!("({confidence:.0} %) {}", range(interval)))
        }
        None => verdict.ci95.map(range),
    }
}

/// A number with its sign.
fn signed(value: f64) -> String {
    if value > 0.0 { format!("+{}", number(value)) } else { number(value) }
}

/// A number of any size in few digits: accuracies, seconds and parameters stand in one column.
fn number(value: f64) -> String {
    match value.abs() {
        0.0 => "0".to_owned(),
        size if !(1e-4..1e9).contains(&size) => format!("{value:.3e}"),
        size if size >= 1000.0 && value.fract() == 0.0 => format!("{value:.0}"),
        size if size >= 100.0 => format!("{value:.1}"),
        size if size >= 10.0 => format!("{value:.2}"),
        _ if value.fract() == 0.0 => format!("{value:.0}"),
        _ => format!("{value:.4}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_of_every_size_are_short() {
        for (value, shown) in [
            (0.87124, "0.8712"),
            (2.0, "2"),
            (271_346.0, "271346"),
            (12.345, "12.35"),
            (-0.00001, "-1.000e-5"),
            (0.0, "0"),
        ] {
            assert_eq!(number(value), shown);
        }
    }
}
