//! How the cases were set up: what differs between them, what all share, and each in full.

use crate::analysis::{CaseConfig, ExperimentResults, compare_configs};

use super::html::Html;
use super::results::left_out;

/// Cases on the page; of more, the first.
const MOST_CASES: usize = 200;
/// Of so many cases each has a column of its own; of more, a row.
const COLUMNS: usize = 5;

/// The comparison and the configs themselves.
pub fn write(html: &mut Html, id: &str, results: &ExperimentResults) {
    let configs: Vec<CaseConfig> =
        results.cases.iter().take(MOST_CASES).filter_map(CaseConfig::read).collect();
    if configs.is_empty() {
        return;
    }
    let comparison = compare_configs(&configs);
    html.element("h3", &[], "Setup");
    if configs.len() > 1 {
        if comparison.different.is_empty() {
            html.element("p", &[("class", "quiet")], "The cases do not differ in their setup.");
        } else {
            html.element("p", &[("class", "quiet small")], "Only what differs between the cases. Layers that the first case has not are shaded.");
            if configs.len() <= COLUMNS {
                by_key(html, &configs, &comparison.different);
            } else {
                by_case(html, &configs, &comparison.different);
            }
        }
    }
    let summary = if configs.len() > 1 { "What all cases share" } else { "Setup in short" };
    html.markup("<details><summary>").text(summary).markup("</summary><dl class=\"facts\">");
    for (key, value) in &comparison.shared {
        html.element("dt", &[], key).markup("<dd>");
        values(html, value, None);
        html.markup("</dd>");
    }
    html.markup("</dl></details>");
    html.markup("<details class=\"bulky\"><summary>Full configs</summary>");
    let box_id = format!("configs-{id}");
    if configs.len() > 1 {
        html.markup("<div class=\"controls\"><label><span>case</span> ");
        html.open("select", &[("data-shows", &box_id)]);
        for (index, config) in configs.iter().enumerate() {
            html.open("option", &[("value", &index.to_string())]);
            html.text(&crate::render::text::clean(&config.label)).close("option");
        }
        html.markup("</select></label></div>");
    }
    html.open("div", &[("id", &box_id)]);
    for (index, config) in configs.iter().enumerate() {
        html.open("div", &[("class", "still"), ("data-choice", &index.to_string())]);
        html.open("pre", &[("tabindex", "0")]).text(&config.text).markup("</pre></div>");
    }
    html.markup("</div></details>");
    left_out(html, configs.len(), results.cases.len(), "Configs");
}

/// A key with its value in every case.
type Different = (String, Vec<Option<Vec<String>>>);

fn by_key(html: &mut Html, configs: &[CaseConfig], different: &[Different]) {
    html.markup(
        "<div class=\"scroll\"><table class=\"setup\"><thead><tr><th scope=\"col\">key</th>",
    );
    for config in configs {
        html.markup("<th scope=\"col\">").name(&config.label).markup("</th>");
    }
    html.markup("</tr></thead><tbody>");
    for (key, cases) in different {
        html.markup("<tr><th scope=\"row\">").name(key).markup("</th>");
        for (index, value) in cases.iter().enumerate() {
            html.markup("<td>");
            cell(html, value.as_deref(), (index > 0).then(|| cases[0].as_deref()).flatten());
            html.markup("</td>");
        }
        html.markup("</tr>");
    }
    html.markup("</tbody></table></div>");
}

fn by_case(html: &mut Html, configs: &[CaseConfig], different: &[Different]) {
    html.markup(
        "<div class=\"scroll\"><table class=\"setup\"><thead><tr><th scope=\"col\">case</th>",
    );
    for (key, _) in different {
        html.markup("<th scope=\"col\">").name(key).markup("</th>");
    }
    html.markup("</tr></thead><tbody>");
    for (index, config) in configs.iter().enumerate() {
        html.markup("<tr><th scope=\"row\">").name(&config.label).markup("</th>");
        for (_, cases) in different {
            html.markup("<td>");
            let first = (index > 0).then(|| cases[0].as_deref()).flatten();
            cell(html, cases[index].as_deref(), first);
            html.markup("</td>");
        }
        html.markup("</tr>");
    }
    html.markup("</tbody></table></div>");
}

fn cell(html: &mut Html, value: Option<&[String]>, first: Option<&[String]>) {
    match value {
        None => {
            html.markup("<span class=\"quiet\">–</span>");
        }
        Some(value) => values(html, value, first),
    }
}

/// One value, or a list with what the first case has not marked.
fn values(html: &mut Html, value: &[String], first: Option<&[String]>) {
    if let [one] = value {
        html.open("code", &[]).name(one).markup("</code>");
        return;
    }
    let common = first.map(|first| in_common(first, value));
    html.markup("<ol class=\"layers\">");
    for (index, line) in value.iter().enumerate() {
        let other = common.as_ref().is_some_and(|common| !common[index]);
        html.open("li", &[("class", if other { "other" } else { "" })]).name(line).markup("</li>");
    }
    html.markup("</ol>");
}

/// Which lines of a list belong to the longest sequence that it shares with another.
fn in_common(other: &[String], lines: &[String]) -> Vec<bool> {
    let mut longest = vec![vec![0_usize; lines.len() + 1]; other.len() + 1];
    for i in (0..other.len()).rev() {
        for j in (0..lines.len()).rev() {
            longest[i][j] = if other[i] == lines[j] {
                longest[i + 1][j + 1] + 1
            } else {
                longest[i + 1][j].max(longest[i][j + 1])
            };
        }
    }
    let mut common = vec![false; lines.len()];
    let (mut i, mut j) = (0, 0);
    while i < other.len() && j < lines.len() {
        if other[i] == lines[j] {
            common[j] = true;
            (i, j) = (i + 1, j + 1);
        } else if longest[i + 1][j] >= longest[i][j + 1] {
            i += 1;
        } else {
            j += 1;
        }
    }
    common
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn inserted_lines_are_the_ones_not_in_common() {
        let list = |text: &str| text.split(' ').map(str::to_owned).collect::<Vec<_>>();
        let common = in_common(&list("flatten dense dense"), &list("flatten bn dense bn dense"));
        assert_eq!(common, [true, false, true, false, true]);
    }
}
