//! Class by class: confusion matrices, and the images that the best case by validation gets wrong.

use anyhow::Result;

use crate::analysis::{ExperimentResults, Ranking};
use crate::numbers::thousands;
use crate::record::ConfusionMatrix;
use crate::render::base64::base64;
use crate::render::confusion_matrix::OfCase;
use crate::render::figure::chosen_case;
use crate::render::grey_png;
use crate::render::mistakes::of_chosen_case;

use super::html::Html;
use super::table::{self, Cell, Head};

/// Cases that have a matrix on the page, the best.
const MOST_CASES: usize = 24;
/// Of more classes a table is no picture any more.
const MOST_CLASSES: usize = 40;
/// Images on the page.
const MOST_IMAGES: usize = 24;

/// Matrices and images, where trials have them.
pub fn write(html: &mut Html, id: &str, results: &ExperimentResults) -> Result<()> {
    let cases = Ranking::of(results).cases;
    let mut matrices = Vec::new();
    for ranked in &cases {
        if matrices.len() < MOST_CASES {
            matrices.extend(OfCase::read(ranked.case)?);
        }
    }
    matrices.retain(|found| found.matrix.names.len() <= MOST_CLASSES);
    if !matrices.is_empty() {
        write_matrices(html, id, &matrices, cases.len());
    }
    write_mistakes(html, results)
}

fn write_matrices(html: &mut Html, id: &str, matrices: &[OfCase<'_>], all: usize) {
    html.element("h3", &[], "Confusion matrices");
    let box_id = format!("matrices-{id}");
    if matrices.len() > 1 {
        html.markup("<div class=\"controls\"><label><span>case</span> ");
        html.open("select", &[("data-shows", &box_id)]);
        for (index, found) in matrices.iter().enumerate() {
            html.open("option", &[("value", &index.to_string())]);
            html.text(&crate::render::text::clean(&found.case.label)).close("option");
        }
        html.markup("</select></label></div>");
    }
    html.open("div", &[("id", &box_id)]);
    for (index, found) in matrices.iter().enumerate() {
        html.open("div", &[("class", "still"), ("data-choice", &index.to_string())]);
        matrix(html, found);
        html.markup("</div>");
    }
    html.markup("</div>");
    super::results::left_out(html, matrices.len(), all, "Matrices");
}

fn matrix(html: &mut Html, found: &OfCase<'_>) {
    let ConfusionMatrix { names, counts } = &found.matrix;
    let images: u64 = counts.iter().flatten().sum();
    let caption = format!(
        "{}: % of the images of each class (row) by predicted class (column). {} predictions, n = {}.",
        crate::render::text::clean(&found.case.label),
        thousands(images as usize),
        found.n
    );
    html.element("p", &[("class", "quiet small")], &caption);
    html.markup("<div class=\"scroll\"><table class=\"matrix\"><thead><tr><th></th>");
    for name in names {
        html.markup("<th scope=\"col\"><span>").name(name).markup("</span></th>");
    }
    html.markup("</tr></thead><tbody>");
    for (truth, name) in names.iter().enumerate() {
        html.markup("<tr><th scope=\"row\">").name(name).markup("</th>");
        for (predicted, count) in counts[truth].iter().enumerate() {
            let share = found.matrix.share(truth, predicted);
            let style = format!("--p:{share:.3}");
            let hint = format!(
                "{} of {}",
                thousands(*count as usize),
                thousands(counts[truth].iter().sum::<u64>() as usize)
            );
            let class = if share > 0.5 { "dark" } else { "" };
            let text = if share < 0.0005 { String::new() } else { format!("{:.1}", share * 100.0) };
            html.element("td", &[("style", &style), ("class", class), ("title", &hint)], &text);
        }
        html.markup("</tr>");
    }
    html.markup("</tbody></table></div>");
    html.markup("<details><summary>Precision and recall by class</summary>");
    let heads = [
        Head::text("class"),
        Head::number("images"),
        Head::number("recall").hint("share of the images of the class that were recognized"),
        Head::number("precision").hint("share of the images taken for the class that are of it"),
        Head::number("F1").hint("harmonic mean of the two"),
    ];
    table::open(html, "", &heads, None);
    for (class, name) in names.iter().enumerate() {
        let right = counts[class][class] as f64;
        let actual: u64 = counts[class].iter().sum();
        let taken: u64 = counts.iter().map(|row| row[class]).sum();
        let share = |of: u64| (of > 0).then(|| right / of as f64);
        let f1 = (actual + taken > 0).then(|| 2.0 * right / (actual + taken) as f64);
        html.markup("<tr>");
        table::row_name(html, name);
        let images = Cell::number(Some(actual as f64), |_| thousands(actual as usize));
        table::cell(html, &images);
        for value in [share(actual), share(taken), f1] {
            table::cell(html, &Cell::number(value, |value| format!("{value:.4}")));
        }
        html.markup("</tr>");
    }
    table::close(html);
    html.markup("</details>");
}

fn write_mistakes(html: &mut Html, results: &ExperimentResults) -> Result<()> {
    let Some((trial, mistakes)) = of_chosen_case(results)? else { return Ok(()) };
    html.element("h3", &[], "Mistakes");
    let shown = mistakes.list.len().min(MOST_IMAGES);
    html.markup("<p class=\"quiet small\">Misclassified test images of ").name(&trial.label);
    let why = chosen_case(results).and_then(|(_, why)| why);
    html.text(&format!(
        "{}, seed {}: the {shown} most confident, in that order. Below each: its class, and the \
         predicted class with its probability.",
        why.map_or_else(String::new, |why| format!(" ({why})")),
        trial.manifest.seed
    ));
    html.markup("</p><ul class=\"sheet\">");
    for (mistake, image) in mistakes.list.iter().zip(&mistakes.images).take(shown) {
        let picture = format!("data:image/png;base64,{}", base64(&grey_png(image)?));
        let alt = format!("{} taken for {}", mistake.true_name, mistake.predicted_name);
        html.markup("<li><figure>");
        html.open("img", &[("src", &picture), ("alt", &alt), ("width", "90"), ("height", "90")]);
        html.markup("<figcaption>")
            .name(&mistake.true_name.0)
            .markup("<br><span class=\"quiet\">→ ");
        html.name(&mistake.predicted_name.0);
        html.text(&format!(" {:.0}\u{a0}%", f64::from(mistake.probability) * 100.0));
        html.markup("</span></figcaption></figure></li>");
    }
    html.markup("</ul>");
    Ok(())
}
