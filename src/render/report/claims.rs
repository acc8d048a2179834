//! What the experiment's file claims and what came of it: `expectations.csv`, whatever its columns.

use std::path::Path;

use anyhow::Result;

use crate::record::{CsvName, read_table};

use super::html::Html;
use super::table::{self, Cell, Head};

/// The column that says how a claim fared, and the words in it that have a colour.
const OUTCOME: &str = "outcome";
const WORDS: [&str; 2] = ["held", "failed"];

/// The table, where there is one.
pub fn write(html: &mut Html, folder: &Path) -> Result<()> {
    let Some((header, rows)) = read_table(&folder.join("expectations.csv"))? else { return Ok(()) };
    if rows.is_empty() {
        return Ok(());
    }
    html.element("h3", &[], "Claims");
    let is_number = |cell: &str| cell.is_empty() || cell.parse::<f64>().is_ok();
    let numbers: Vec<bool> = (0..header.len())
        .map(|column| rows.iter().all(|row| row.get(column).is_none_or(|cell| is_number(cell))))
        .collect();
    let head = |(title, number): (&String, &bool)| {
        let title = title.replace('_', " ");
        if *number { Head::number(title) } else { Head::text(title) }
    };
    let heads: Vec<Head> = header.iter().zip(&numbers).map(head).collect();
    table::open_as(html, "sortable wide claims", "", &heads, None);
    for row in &rows {
        html.markup("<tr>");
        for (column, title) in header.iter().enumerate() {
            let text = row.get(column).map_or("", String::as_str);
            let text = CsvName::from_cell(text).0;
            if column == 0 {
                table::row_name(html, &text);
            } else if title == OUTCOME {
                let class = WORDS.into_iter().find(|word| *word == text).unwrap_or("");
                table::cell(html, &Cell { class, ..Cell::text(text) });
            } else if numbers[column] {
                let value = text.parse().ok();
                table::cell(html, &Cell::number(value, |value| digits(value, &text)));
            } else {
                table::cell(html, &Cell::text(text));
            }
        }
        html.markup("</tr>");
    }
    table::close(html);
    Ok(())
}

/// Five digits, or fewer where the file has fewer.
fn digits(value: f64, text: &str) -> String {
    let rounded: f64 = format!("{value:.4e}").parse().unwrap_or(value);
    let short = rounded.to_string();
    if short.len() < text.len() { short } else { text.to_owned() }
}
