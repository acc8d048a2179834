//! Tables that can be sorted.

use super::html::Html;

/// A cell: what is seen, and what it is sorted by where that is something else.
#[derive(Debug, Clone, Default)]
pub struct Cell {
    pub text: String,
    pub value: Option<f64>,
    pub class: &'static str,
}

impl Cell {
    /// A word.
    pub fn text(text: impl Into<String>) -> Self {
        Self { text: text.into(), ..Self::default() }
    }

    /// A number, shown as the text says; empty where there is none.
    pub fn number(value: Option<f64>, shown: impl Fn(f64) -> String) -> Self {
        let value = value.filter(|value| !value.is_nan());
        Self { text: value.map_or_else(String::new, shown), value, class: "number" }
    }
}

/// A column's head.
#[derive(Debug, Clone)]
pub struct Head {
    pub title: String,
    pub number: bool,
    /// What the title means, for who points at it.
    pub hint: &'static str,
}

impl Head {
    pub fn text(title: impl Into<String>) -> Self {
        Self { title: title.into(), number: false, hint: "" }
    }

    pub fn number(title: impl Into<String>) -> Self {
        Self { title: title.into(), number: true, hint: "" }
    }

    pub fn hint(self, hint: &'static str) -> Self {
        Self { hint, ..self }
    }
}

/// A table whose rows a click or a key sorts; `sorted` is the column that it begins sorted by,
/// largest first.
pub fn open(html: &mut Html, caption: &str, heads: &[Head], sorted: Option<usize>) {
    open_as(html, "sortable wide", caption, heads, sorted);
}

/// The same with classes of its own.
pub fn open_as(
    html: &mut Html,
    class: &'static str,
    caption: &str,
    heads: &[Head],
    sorted: Option<usize>,
) {
    // Not a `<caption>`, which would be as wide as the table and scroll with it.
    if !caption.is_empty() {
        html.element("p", &[("class", "quiet small")], caption);
    }
    html.markup("<div class=\"scroll\">").open("table", &[("class", class)]).markup("<thead><tr>");
    for (index, head) in heads.iter().enumerate() {
        let mut attributes = vec![("scope", "col")];
        attributes.push(("class", if head.number { "number" } else { "name" }));
        if sorted == Some(index) {
            attributes.push(("aria-sort", "descending"));
        }
        if !head.hint.is_empty() {
            attributes.push(("title", head.hint));
        }
        html.open("th", &attributes).name(&head.title).close("th");
    }
    html.markup("</tr></thead><tbody>");
}

/// The end of a table.
pub fn close(html: &mut Html) {
    html.markup("</tbody></table></div>");
}

/// The first cell of a row, which names it.
pub fn row_name(html: &mut Html, name: &str) {
    html.markup("<th scope=\"row\" class=\"name\">").name(name).markup("</th>");
}

/// Any other cell.
pub fn cell(html: &mut Html, cell: &Cell) {
    let value = cell.value.map(|value| value.to_string());
    let mut attributes = Vec::new();
    if !cell.class.is_empty() {
        attributes.push(("class", cell.class));
    }
    if let Some(value) = &value {
        attributes.push(("data-value", value.as_str()));
    } else if cell.class == "number" {
        attributes.push(("data-value", ""));
    }
    html.open("td", &attributes);
    match cell.class {
        "number" => html.text(&cell.text),
        _ => html.name(&cell.text),
    };
    html.close("td");
}
