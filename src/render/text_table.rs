//! A table for people: lines of cells, for the terminal, Markdown or LaTeX.

use unicode_width::UnicodeWidthStr as _;

use super::text::clean;

/// Between columns.
const GAP: &str = "  ";

/// Cells in lines, the header first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TextTable {
    /// For each column, whether its cells lean to the right.
    pub right: Vec<bool>,
    /// The lines, each with a cell per column.
    pub lines: Vec<Vec<String>>,
}

impl TextTable {
    /// A table of columns, each its header, whether it leans to the right, and its cells.
    pub fn of_columns(columns: Vec<(String, bool, Vec<String>)>) -> Self {
        let rows = columns.first().map_or(0, |(_, _, cells)| cells.len());
        let row = |row: usize| columns.iter().map(|column| column.2[row].clone()).collect();
        let header = columns.iter().map(|column| column.0.clone()).collect();
        Self {
            right: columns.iter().map(|column| column.1).collect(),
            lines: std::iter::once(header).chain((0..rows).map(row)).collect(),
        }
    }

    /// Columns aligned by spaces, without characters that act on the terminal. Ends with a line
    /// break.
    pub fn aligned(&self) -> String {
        let lines: Vec<Vec<_>> =
            self.lines.iter().map(|line| line.iter().map(|cell| clean(cell)).collect()).collect();
        let widths: Vec<usize> = (0..self.right.len())
            .map(|index| lines.iter().map(|line| line[index].width()).max().unwrap_or(0))
            .collect();
        let mut text = String::new();
        for line in lines {
            let cells = line.iter().zip(&self.right).zip(&widths).map(|((cell, right), width)| {
                let space = " ".repeat(width - cell.width());
                if *right { format!("{space}{cell}") } else { format!("{cell}{space}") }
            });
            text.push_str(cells.collect::<Vec<_>>().join(GAP).trim_end());
            text.push('\n');
        }
        text
    }

    /// A table in GitHub's Markdown.
    pub fn markdown(&self) -> String {
        let line = |cells: &Vec<String>| {
            let cells: Vec<String> = cells.iter().map(|cell| in_markdown(cell)).collect();
            format!("| {} |\n", cells.join(" | "))
        };
        let rule: Vec<&str> =
            self.right.iter().map(|right| if *right { "---:" } else { "---" }).collect();
        let mut lines = self.lines.iter().map(line);
        let header = lines.next().unwrap_or_default();
        format!("{header}| {} |\n{}", rule.join(" | "), lines.collect::<String>())
    }

    /// A LaTeX `tabular` with the rules of the package `booktabs`.
    pub fn latex(&self) -> String {
        let columns: String =
            self.right.iter().map(|right| if *right { 'r' } else { 'l' }).collect();
        let line = |cells: &Vec<String>| {
            let cells: Vec<String> = cells.iter().map(|cell| in_latex(cell)).collect();
            format!("{} \\\\\n", cells.join(" & "))
        };
        let mut lines = self.lines.iter().map(line);
        let header = lines.next().unwrap_or_default();
        let body: String = lines.collect();
        format!(
            "% \\usepackage{{booktabs}}\n\\begin{{tabular}}{{{columns}}}\n\\toprule\n{header}\
             \\midrule\n{body}\\bottomrule\n\\end{{tabular}}\n"
        )
    }
}

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

/// A cell as it stands in Markdown.
fn in_markdown(cell: &str) -> String {
    let mut escaped = String::new();
    for c in clean(cell).chars() {
        if matches!(c, '|' | '\\' | '`' | '*' | '_' | '<' | '[' | ']') {
            escaped.push('\\');
        }
        escaped.push(c);
    }
    escaped
}

/// A cell as it stands in LaTeX.
fn in_latex(cell: &str) -> String {
    let mut escaped = String::new();
    for c in clean(cell).chars() {
        match c {
            '&' | '%' | '$' | '#' | '_' | '{' | '}' => {
                escaped.push('\\');
                escaped.push(c);
            }
            '\\' => escaped.push_str("\\textbackslash{}"),
            '~' => escaped.push_str("\\textasciitilde{}"),
            '^' => escaped.push_str("\\textasciicircum{}"),
            '<' => escaped.push_str("\\textless{}"),
            '>' => escaped.push_str("\\textgreater{}"),
            '±' => escaped.push_str("$\\pm$"),
            '−' => escaped.push_str("$-$"),
            '…' => escaped.push_str("\\dots{}"),
            c => escaped.push(c),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table() -> TextTable {
        let text = |cells: &[&str]| cells.iter().map(|cell| (*cell).to_owned()).collect();
        TextTable {
            right: vec![false, true],
            lines: vec![text(&["name", "loss"]), text(&["a|b_c\u{1b}", "0.5 ± 0.1"])],
        }
    }

    #[test]
    fn columns_are_straight_and_nothing_acts_on_the_terminal() {
        assert_eq!(table().aligned(), "name         loss\na|b_c\u{fffd}  0.5 ± 0.1\n");
    }

    #[test]
    fn names_stay_text_in_every_format() {
        assert_eq!(
            table().markdown(),
            "| name | loss |\n| --- | ---: |\n| a\\|b\\_c\u{fffd} | 0.5 ± 0.1 |\n"
        );
        assert!(table().latex().contains("\na|b\\_c\u{fffd} & 0.5 $\\pm$ 0.1 \\\\\n"));
        assert_eq!(in_latex("\\input{x}"), "\\textbackslash{}input\\{x\\}");
    }

    #[test]
    fn wide_letters_take_their_room() {
        let rows = [
            ["归一化".to_owned(), "1".to_owned()],
            ["a\u{1b}[31m".to_owned(), "20,000".to_owned()],
        ];
        let table = plain_table([("name", Lean::Left), ("n", Lean::Right)], &rows);
        assert!(!table.contains('\u{1b}'), "{table}");
        let widths: Vec<usize> = table.lines().map(unicode_width::UnicodeWidthStr::width).collect();
        assert!(widths.windows(2).all(|two| two[0] == two[1]), "{table}");
    }
}
