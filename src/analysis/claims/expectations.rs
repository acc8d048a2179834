//! `expectations.csv`: the outcomes of an experiment's claims.

use std::path::Path;

use anyhow::Result;

use crate::record::remove_if_there;

use super::Verdict;
use crate::analysis::power::Seeds;
use crate::analysis::table::{Cell, Kind, Table};
use crate::analysis::tables::write_csv;

/// Writes `expectations.csv`, one row per claim. Without claims, a file of an earlier run is
/// removed, as it would be taken for this one's.
///
/// # Errors
/// When the folder cannot be written to.
pub fn write_expectations(folder: &Path, experiment: &str, verdicts: &[Verdict]) -> Result<()> {
    let path = folder.join("expectations.csv");
    if verdicts.is_empty() {
        return remove_if_there(&path);
    }
    write_csv(&path, &expectations_table(experiment, verdicts))
}

fn expectations_table(experiment: &str, verdicts: &[Verdict]) -> Table {
    let columns = [
        ("experiment", Kind::Text),
        ("claim", Kind::Text),
        ("outcome", Kind::Text),
        ("n", Kind::Integer),
        ("left", Kind::Number),
        ("right", Kind::Number),
        ("difference", Kind::Number),
        ("ci95_low", Kind::Number),
        ("ci95_high", Kind::Number),
        ("p", Kind::Number),
        ("reason", Kind::Text),
        ("p_holm", Kind::Number),
        ("seeds_needed", Kind::Text),
        ("test", Kind::Text),
        ("level", Kind::Number),
        ("equivalence_ci_low", Kind::Number),
        ("equivalence_ci_high", Kind::Number),
        ("note", Kind::Text),
    ];
    let row = |verdict: &Verdict| {
        let seeds_needed = verdict.seeds_needed.map(|seeds| match seeds {
            Seeds::About(seeds) => seeds.to_string(),
            Seeds::MoreThan(seeds) => format!("> {seeds}"),
        });
        vec![
            Cell::text(experiment),
            Cell::text(&*verdict.claim.text),
            Cell::text(verdict.outcome.as_str()),
            verdict.n.map_or(Cell::Missing, Cell::count),
            Cell::number(verdict.left),
            Cell::number(verdict.right),
            Cell::number(verdict.difference()),
            Cell::number(verdict.ci95.map(|ci| ci.0)),
            Cell::number(verdict.ci95.map(|ci| ci.1)),
            Cell::number(verdict.p),
            Cell::text(&*verdict.reason),
            Cell::number(verdict.p_holm),
            Cell::text(seeds_needed.unwrap_or_default()),
            Cell::text(verdict.test.map_or("", |test| test.as_str())),
            Cell::number(verdict.level),
            Cell::number(verdict.equivalence_ci.map(|ci| ci.0)),
            Cell::number(verdict.equivalence_ci.map(|ci| ci.1)),
            Cell::text(&*verdict.note),
        ]
    };
    Table {
        columns: columns.map(|(name, kind)| (name.to_owned(), kind)).to_vec(),
        rows: verdicts.iter().map(row).collect(),
    }
}
