//! The claims of an experiment with their outcomes, from its `expectations.csv`.

use std::path::Path;

use anyhow::Result;

use crate::numbers::significant;
use crate::record::{CsvName, read_table};

use super::html::Html;
use super::table::{self, Cell, Head};

/// The first words of outcomes that have a colour.
const COLOURED: [&str; 2] = ["held", "refuted"];

/// The outcome that version 0.1 wrote for a refuted claim.
const REFUTED_BEFORE: &str = "failed";

/// The columns with numbers, and their titles on the page.
const NUMBERS: [(&str, &str, &str); 9] = [
    ("left", "left", "mean over the seeds"),
    ("right", "right", "mean over the seeds"),
    ("difference", "difference", "left less right"),
    ("ci95_low", "95 % low", "lower end of the 95 % interval of the difference"),
    ("ci95_high", "95 % high", "upper end of the 95 % interval of the difference"),
    ("p", "p", "p-value of the test"),
    ("p_holm", "p (Holm)", "p-value adjusted for all tested claims of the experiment"),
    ("n", "n", "seeds"),
    ("seeds_needed", "seeds needed", "seeds that a decision would take, for 80 % power"),
];

/// The table, where there are claims.
pub fn write(html: &mut Html, folder: &Path) -> Result<()> {
    let Some((header, rows)) = read_table(&folder.join("expectations.csv"))? else { return Ok(()) };
    if rows.is_empty() {
        return Ok(());
    }
    let place = |column: &str| header.iter().position(|name| name == column);
    let cell = |row: &[String], column: &str| {
        let text = place(column).and_then(|place| row.get(place)).map_or("", String::as_str);
        CsvName::from_cell(text).0
    };
    // Tables of version 0.1 have fewer columns.
    let is_filled = |column: &str| rows.iter().any(|row| !cell(row, column).is_empty());
    let numbers: Vec<_> = NUMBERS.iter().filter(|(column, ..)| is_filled(column)).collect();
    let words: Vec<&str> =
        ["test", "reason", "note"].into_iter().filter(|column| is_filled(column)).collect();

    html.element("h3", &[], "Claims");
    let mut heads = vec![Head::text("claim"), Head::text("outcome")];
    heads.extend(numbers.iter().map(|(_, title, hint)| Head::number(*title).hint(hint)));
    heads.extend(words.iter().map(|title| Head::text(*title)));
    table::open_as(html, "sortable wide claims", "", &heads, None);
    for row in &rows {
        html.markup("<tr>");
        table::row_name(html, &cell(row, "claim"));
        let outcome = match cell(row, "outcome") {
            outcome if outcome == REFUTED_BEFORE => "refuted".to_owned(),
            outcome => outcome,
        };
        let class = COLOURED.into_iter().find(|word| outcome.starts_with(word)).unwrap_or("");
        table::cell(html, &Cell { class, ..Cell::text(outcome) });
        for (column, ..) in &numbers {
            let text = cell(row, column);
            let number = match text.parse::<f64>() {
                Ok(value) => Cell::number(Some(value), |value| digits(value, &text)),
                // `> 10000` seeds.
                Err(_) => Cell { class: "number", ..Cell::text(text) },
            };
            table::cell(html, &number);
        }
        for column in &words {
            table::cell(html, &Cell::text(cell(row, column)));
        }
        html.markup("</tr>");
    }
    table::close(html);
    Ok(())
}

/// Whole numbers as they are; others in five digits or more, so that no digit before the point is lost,
/// or fewer where the file has fewer.
fn digits(value: f64, text: &str) -> String {
    let short = significant(value, 5);
    if short.len() < text.len() { short } else { text.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whole_numbers_keep_all_their_digits() {
        for (value, shown) in [
            ("270946.0", "270946"),
            ("270946.53", "270947"),
            ("0.12345678", "0.12346"),
            ("0.5", "0.5"),
            ("-3.0", "-3"),
            ("1.5e-7", "1.5e-7"),
            ("inf", "inf"),
        ] {
            assert_eq!(digits(value.parse().unwrap(), value), shown);
        }
    }
}
