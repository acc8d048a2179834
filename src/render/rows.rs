//! Plain tables in the terminal: aligned text under headers.

use super::text_table::TextTable;

/// Which side the cells of a column lean to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lean {
    /// Words.
    Left,
    /// Numbers.
    Right,
}

/// A table of words and numbers, without characters that act on the terminal. Ends with a line
/// break.
pub fn plain_table<const N: usize>(columns: [(&str, Lean); N], rows: &[[String; N]]) -> String {
    let header = columns.map(|(header, _)| header.to_owned());
    let lines = std::iter::once(&header).chain(rows).map(|row| row.to_vec()).collect();
    let right = columns.iter().map(|(_, lean)| *lean == Lean::Right).collect();
    TextTable { right, lines }.aligned()
}

#[cfg(test)]
mod tests {
    use unicode_width::UnicodeWidthStr;

    use super::*;

    #[test]
    fn columns_are_straight_and_nothing_acts_on_the_terminal() {
        let rows = [
            ["归一化".to_owned(), "1".to_owned()],
            ["a\u{1b}[31m".to_owned(), "20,000".to_owned()],
        ];
        let table = plain_table([("name", Lean::Left), ("n", Lean::Right)], &rows);
        assert!(!table.contains('\u{1b}'), "{table}");
        let widths: Vec<usize> = table.lines().map(UnicodeWidthStr::width).collect();
        assert!(widths.windows(2).all(|two| two[0] == two[1]), "{table}");
    }
}
