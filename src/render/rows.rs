//! Plain tables in the terminal: aligned text under headers.

use unicode_width::UnicodeWidthStr;

use super::text::clean;

/// Between columns.
const GAP: &str = "  ";

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
    let cleaned = |row: &[String; N]| row.iter().map(|cell| clean(cell).into_owned()).collect();
    let lines: Vec<Vec<String>> =
        std::iter::once(header.to_vec()).chain(rows.iter().map(cleaned)).collect();
    align(&columns.map(|(_, lean)| lean), &lines)
}

/// Lines of cells as columns.
pub(super) fn align(leans: &[Lean], lines: &[Vec<String>]) -> String {
    let widths: Vec<usize> = (0..leans.len())
        .map(|index| lines.iter().map(|line| line[index].width()).max().unwrap_or(0))
        .collect();
    let mut text = String::new();
    for line in lines {
        let cells = line.iter().zip(leans).zip(&widths).map(|((cell, lean), width)| {
            let space = " ".repeat(width - cell.width());
            match lean {
                Lean::Right => space + cell,
                Lean::Left => cell.clone() + &space,
            }
        });
        text.push_str(cells.collect::<Vec<_>>().join(GAP).trim_end());
        text.push('\n');
    }
    text
}

#[cfg(test)]
mod tests {
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
