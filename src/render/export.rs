//! Tables of typed cells as JSON, and rounded for people.

use serde_json::{Map, Value, json};

use crate::analysis::{Cell, Kind, Table};

use crate::numbers::fixed;

use super::text_table::TextTable;

/// A list of objects, one per row. What is missing, or no number, is `null`.
pub fn to_json(table: &Table) -> Value {
    let value = |cell: &Cell| match cell {
        Cell::Missing => Value::Null,
        Cell::Text(text) => json!(text),
        Cell::Integer(number) => json!(number),
        // JSON has neither NaN nor infinity; serde_json makes them null.
        Cell::Number(number) => json!(number),
        Cell::Truth(truth) => json!(truth),
        Cell::Time(_) => json!(cell.plain()),
    };
    let row = |row: &Vec<Cell>| {
        let cells = table.columns.iter().zip(row);
        Value::Object(
            cells.map(|((name, _), cell)| (name.clone(), value(cell))).collect::<Map<_, _>>(),
        )
    };
    table.rows.iter().map(row).collect()
}

/// A table for people: numbers with four decimals, seconds with two, whole numbers exactly.
pub fn rounded(table: &Table) -> TextTable {
    let shown = |name: &str, cell: &Cell| match cell {
        Cell::Number(number) if number.is_finite() => {
            let decimals = if name.contains("seconds") { 2 } else { 4 };
            let is_small = *number != 0.0 && number.abs() < 1e-3;
            if is_small { format!("{number:.3e}") } else { fixed(*number, decimals) }
        }
        Cell::Missing
        | Cell::Text(_)
        | Cell::Integer(_)
        | Cell::Number(_)
        | Cell::Truth(_)
        | Cell::Time(_) => cell.plain(),
    };
    let columns = table.columns.iter().enumerate().map(|(index, (name, kind))| {
        let right = match kind {
            Kind::Integer | Kind::Number => true,
            Kind::Text | Kind::Truth | Kind::Time => false,
        };
        let cells = table.rows.iter().map(|row| shown(name, &row[index])).collect();
        (name.clone(), right, cells)
    });
    TextTable::of_columns(columns.collect())
}
