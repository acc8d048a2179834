//! A table whose cells have types, before it is written in any format.

use jiff::Timestamp;
use serde_json::Value;

/// What a column holds, apart from cells that are missing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Text.
    Text,
    /// Whole numbers.
    Integer,
    /// Numbers.
    Number,
    /// True or false.
    Truth,
    /// Points in time.
    Time,
}

/// One cell.
#[derive(Debug, Clone, PartialEq)]
pub enum Cell {
    /// What does not exist; never a zero.
    Missing,
    /// Text that came from somewhere else.
    Text(String),
    /// A whole number.
    Integer(i64),
    /// A number.
    Number(f64),
    /// True or false.
    Truth(bool),
    /// A point in time.
    Time(Timestamp),
}

/// Named columns, each of one kind, and rows of cells.
#[derive(Debug, Clone, PartialEq)]
pub struct Table {
    /// The columns' names and kinds.
    pub columns: Vec<(String, Kind)>,
    /// As many cells as there are columns.
    pub rows: Vec<Vec<Cell>>,
}

impl Cell {
    /// A number, if there is one.
    pub fn number(value: Option<f64>) -> Self {
        value.map_or(Self::Missing, Self::Number)
    }

    /// A count.
    pub fn count(value: usize) -> Self {
        Self::Integer(i64::try_from(value).unwrap_or(i64::MAX))
    }

    /// Text; missing where it is empty.
    pub fn text(value: impl Into<String>) -> Self {
        let value = value.into();
        if value.is_empty() { Self::Missing } else { Self::Text(value) }
    }

    /// A time in RFC 3339; missing where it is none.
    pub fn time(value: Option<&str>) -> Self {
        value.and_then(|text| text.parse().ok()).map_or(Self::Missing, Self::Time)
    }

    /// A value of an experiment file.
    pub fn value(value: &Value) -> Self {
        match value {
            Value::Null => Self::Missing,
            Value::Bool(truth) => Self::Truth(*truth),
            Value::Number(number) => match (number.as_i64(), number.as_f64()) {
                (Some(integer), _) => Self::Integer(integer),
                (None, Some(number)) => Self::Number(number),
                (None, None) => Self::Text(number.to_string()),
            },
            Value::String(text) => Self::Text(text.clone()),
            Value::Array(_) | Value::Object(_) => Self::Text(value.to_string()),
        }
    }

    /// The kind; that of all where it is missing.
    fn kind(&self) -> Option<Kind> {
        match self {
            Self::Missing => None,
            Self::Text(_) => Some(Kind::Text),
            Self::Integer(_) => Some(Kind::Integer),
            Self::Number(_) => Some(Kind::Number),
            Self::Truth(_) => Some(Kind::Truth),
            Self::Time(_) => Some(Kind::Time),
        }
    }

    /// The text in CSV files: empty where it is missing, numbers in the fewest digits that read
    /// back as the same number.
    pub fn plain(&self) -> String {
        match self {
            Self::Missing => String::new(),
            Self::Text(text) => text.clone(),
            Self::Integer(number) => number.to_string(),
            Self::Number(number) => format!("{number:?}"),
            Self::Truth(truth) => truth.to_string(),
            Self::Time(time) => format!("{time:.3}"),
        }
    }
}

impl Kind {
    /// The kind that holds all of some cells; text where they are of several that have nothing in
    /// common.
    pub fn of<'a>(cells: impl IntoIterator<Item = &'a Cell>) -> Self {
        let mut kinds = cells.into_iter().filter_map(Cell::kind);
        let Some(first) = kinds.next() else { return Self::Text };
        kinds.fold(first, |all, next| match (all, next) {
            (all, next) if all == next => all,
            (Self::Integer, Self::Number) | (Self::Number, Self::Integer) => Self::Number,
            (_, _) => Self::Text,
        })
    }

    /// A cell as one of this kind.
    pub fn fit(self, cell: Cell) -> Cell {
        match (self, cell) {
            (Self::Number, Cell::Integer(number)) => Cell::Number(number as f64),
            (_, Cell::Missing) => Cell::Missing,
            (kind, cell) if cell.kind() == Some(kind) => cell,
            (_, cell) => Cell::Text(cell.plain()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_column_has_one_kind_that_holds_all_its_cells() {
        let kind = |values: Value| {
            let cells: Vec<Cell> = values.as_array().unwrap().iter().map(Cell::value).collect();
            Kind::of(&cells)
        };
        assert_eq!(kind(json!([1, null, 2])), Kind::Integer);
        assert_eq!(kind(json!([1, 0.5])), Kind::Number);
        assert_eq!(kind(json!([true, false])), Kind::Truth);
        assert_eq!(kind(json!([true, 1])), Kind::Text);
        assert_eq!(kind(json!(["relu", null])), Kind::Text);
        assert_eq!(kind(json!([null])), Kind::Text);
        assert_eq!(Kind::Number.fit(Cell::Integer(1)), Cell::Number(1.0));
        assert_eq!(Kind::Text.fit(Cell::Truth(true)), Cell::Text("true".to_owned()));
        assert_eq!(Kind::Text.fit(Cell::Missing), Cell::Missing);
    }

    #[test]
    fn times_and_numbers_are_written_to_the_last_digit() {
        let time = Cell::time(Some("2026-01-01T12:00:00.25+02:00"));
        assert_eq!(time.plain(), "2026-01-01T10:00:00.250Z");
        assert_eq!(Cell::time(Some("yesterday")), Cell::Missing);
        assert_eq!(Cell::Number(1e-7).plain(), "1e-7");
        assert_eq!(Cell::Number(2.0).plain(), "2.0");
    }
}
