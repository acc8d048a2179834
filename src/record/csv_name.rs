//! Names in CSV files that no spreadsheet takes for a formula.

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A name from the user's file as a CSV cell. Spreadsheets run a cell that begins with `=`, `+`,
/// `-` or `@` (or a tab or carriage return before one) as a formula; such a name is written with a
/// leading apostrophe, which they show as text, and read back without it.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct CsvName(pub String);

fn is_risky(name: &str) -> bool {
    name.starts_with(['=', '+', '-', '@', '\t', '\r'])
}

impl CsvName {
    /// The cell's content.
    pub fn to_cell(&self) -> String {
        let unguarded = self.0.trim_start_matches('\'');
        if is_risky(unguarded) { format!("'{}", self.0) } else { self.0.clone() }
    }

    /// The name in a cell.
    pub fn from_cell(cell: &str) -> Self {
        let unguarded = cell.trim_start_matches('\'');
        match cell.strip_prefix('\'') {
            Some(name) if is_risky(unguarded) => Self(name.to_owned()),
            _ => Self(cell.to_owned()),
        }
    }
}

impl fmt::Display for CsvName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Serialize for CsvName {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.to_cell())
    }
}

impl<'de> Deserialize<'de> for CsvName {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Ok(Self::from_cell(&String::deserialize(deserializer)?))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn formulas_are_guarded_and_every_name_survives_the_round_trip() {
        for name in ["plain", "=1+1", "+x", "-x", "@x", "'=x", "''=x", "'quoted", "", "\t=x"] {
            let cell = CsvName(name.to_owned()).to_cell();
            assert!(!is_risky(&cell), "{cell:?} would run as a formula");
            assert_eq!(CsvName::from_cell(&cell).0, name);
        }
    }
}
