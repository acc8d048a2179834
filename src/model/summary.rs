//! The tables of Keras' `model.summary()` and of its variables.

use super::shape::{Placed, Variable};
use crate::numbers::thousands;

/// Numbers of parameters of a network, as Keras counts them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Counts {
    /// All of them.
    pub total: usize,
    /// Those that gradients change.
    pub trainable: usize,
    /// The others: moving means and variances.
    pub non_trainable: usize,
}

/// Parameters of a placed stack.
pub fn counts(placed: &[Placed]) -> Counts {
    let sum = |keep: &dyn Fn(&Variable) -> bool| {
        let variables = placed.iter().flat_map(|layer| &layer.variables);
        variables.filter(|variable| keep(variable)).map(Variable::size).sum()
    };
    Counts {
        total: sum(&|_| true),
        trainable: sum(&|variable| variable.trainable),
        non_trainable: sum(&|variable| !variable.trainable),
    }
}

/// Keras 3's `model.summary()`: layers with their classes, output shapes and parameters, and the
/// totals.
pub fn summary_table(title: &str, classes: &[&str], placed: &[Placed]) -> String {
    let rows: Vec<[String; 3]> = placed
        .iter()
        .zip(classes)
        .map(|(layer, class)| {
            [
                format!("{} ({class})", layer.name),
                layer.output.to_string(),
                thousands(layer.variables.iter().map(Variable::size).sum()),
            ]
        })
        .collect();
    let counts = counts(placed);
    let mut text = format!("Model: \"{title}\"\n");
    text.push_str(&boxed(["Layer (type)", "Output Shape", "Param #"], &rows));
    for (name, count) in [
        ("Total params", counts.total),
        ("Trainable params", counts.trainable),
        ("Non-trainable params", counts.non_trainable),
    ] {
        text.push_str(&format!(" {name}: {} ({})\n", thousands(count), memory(count)));
    }
    text
}

/// Each variable with its shape and whether gradients change it.
pub fn variables_table(placed: &[Placed]) -> String {
    let rows: Vec<[String; 3]> = placed
        .iter()
        .flat_map(|layer| &layer.variables)
        .map(|variable| {
            let shape = variable.shape.iter().map(ToString::to_string).collect::<Vec<_>>();
            let trainable = if variable.trainable { "True" } else { "False" };
            [variable.path.clone(), format!("({})", shape.join(", ")), trainable.to_owned()]
        })
        .collect();
    boxed(["Variable", "Shape", "Trainable"], &rows)
}

/// The size of so many 32-bit numbers, in Keras' units.
fn memory(count: usize) -> String {
    let bytes = (count * 4) as f64;
    match bytes {
        b if b < 1024.0 => format!("{b:.2} B"),
        b if b < 1024.0 * 1024.0 => format!("{:.2} KB", b / 1024.0),
        b => format!("{:.2} MB", b / 1024.0 / 1024.0),
    }
}

/// A table with Keras' frame, the last column to the right.
fn boxed(header: [&str; 3], rows: &[[String; 3]]) -> String {
    let width = |column: usize| {
        let cells = rows.iter().map(|row| row[column].chars().count());
        cells.chain([header[column].len()]).max().unwrap_or(0)
    };
    let [a, b, c] = [width(0), width(1), width(2)];
    let rule = |left: char, line: char, cross: char, right: char| {
        let line = |n: usize| line.to_string().repeat(n + 2);
        format!("{left}{}{cross}{}{cross}{}{right}\n", line(a), line(b), line(c))
    };
    let mut text = rule('┏', '━', '┳', '┓');
    text.push_str(&format!("┃ {:<a$} ┃ {:<b$} ┃ {:>c$} ┃\n", header[0], header[1], header[2]));
    text.push_str(&rule('┡', '━', '╇', '┩'));
    for (i, row) in rows.iter().enumerate() {
        if i > 0 {
            text.push_str(&rule('├', '─', '┼', '┤'));
        }
        text.push_str(&format!("│ {:<a$} │ {:<b$} │ {:>c$} │\n", row[0], row[1], row[2]));
    }
    text.push_str(&rule('└', '─', '┴', '┘'));
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_is_told_in_keras_units() {
        assert_eq!(memory(271_346), "1.04 MB");
    }
}
