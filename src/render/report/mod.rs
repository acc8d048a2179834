//! `report.html`: everything about some experiments on one page that needs nothing else.
//!
//! `page.html`, `style.css` and `report.js` are what they are everywhere; the tables are written
//! here, by `html`, which escapes; the numbers of the curves go in as JSON and are drawn by plotly,
//! whose script comes out of the `plotly` crate, once, compressed. The page's content security
//! policy lets those two scripts run, known by their hashes, and no others, and lets nothing be
//! loaded from anywhere.

mod claims;
mod classes;
mod configs;
mod curves;
mod html;
mod layers;
mod provenance;
mod results;
mod table;

use std::io::Write as _;
use std::path::Path;

use anyhow::{Context as _, Result};
use flate2::Compression;
use flate2::write::GzEncoder;
use serde_json::json;
use sha2::{Digest as _, Sha256};

use crate::analysis::ExperimentResults;
use crate::numbers::thousands;
use crate::record::Status;

use super::base64::base64;
use super::theme::{Theme, palette};
use html::{Html, escape, fill, json_in_script};
use layers::Layers;

const PAGE: &str = include_str!("page.html");
const STYLE: &str = include_str!("style.css");
const SCRIPT: &str = include_str!("report.js");

/// The page about experiments, each with its folder.
///
/// # Errors
/// When a file that belongs to a trial is damaged.
pub fn report(experiments: &[(&Path, &ExperimentResults)]) -> Result<String> {
    let title = match experiments {
        [(_, one)] => one.name.clone(),
        several => format!("{} experiments", several.len()),
    };
    let layers =
        experiments.iter().map(|(_, results)| Layers::read(results)).collect::<Result<Vec<_>>>()?;
    let sections = experiments
        .iter()
        .zip(&layers)
        .enumerate()
        .map(|(index, (experiment, layers))| {
            section(index, *experiment, layers, experiments.len() == 1)
        })
        .collect::<Result<Vec<_>>>()?;
    let mut main = String::new();
    if experiments.len() > 1 {
        main.push_str(&results::overview(experiments));
    }
    main.extend(sections);

    let data = json!({
        "palette": { "light": palette(Theme::Light), "dark": palette(Theme::Dark) },
        "experiments": experiments
            .iter()
            .zip(&layers)
            .enumerate()
            .filter_map(|(index, ((_, results), layers))| {
                let mut data = curves::data(&id(index), results)?;
                if let Some(layers) = layers.data() {
                    data["layers"] = layers;
                }
                Some(data)
            })
            .collect::<Vec<_>>(),
    });
    let plotly = plotly_script();
    let parts = [
        ("title", &*escape(&title)),
        ("hashes", &format!("{} {}", hash(SCRIPT), hash(plotly))),
        ("style", STYLE),
        ("script", SCRIPT),
        ("header", &header(&title, experiments)),
        ("main", &main),
        ("data", &json_in_script(&data)),
        ("plotly", &packed(plotly)?),
    ];
    Ok(fill(PAGE, &parts))
}

/// What names the section of an experiment, in links and scripts.
fn id(index: usize) -> String {
    format!("e{index}")
}

fn header(title: &str, experiments: &[(&Path, &ExperimentResults)]) -> String {
    let mut html = Html::new();
    html.markup("<header><div class=\"top\"><div>");
    html.open("h1", &[]).name(title).close("h1");
    let trials =
        |status| experiments.iter().map(|(_, results)| results.count(status)).sum::<usize>();
    let completed = trials(Status::Completed);
    let mut facts = vec![counted(completed, "trial", "trials") + " completed"];
    if trials(Status::Diverged) > 0 {
        facts.push(format!("{} diverged", thousands(trials(Status::Diverged))));
    }
    if trials(Status::Failed) > 0 {
        facts.push(format!("{} failed", thousands(trials(Status::Failed))));
    }
    let all =
        experiments.iter().flat_map(|(_, results)| &results.cases).flat_map(|case| &case.trials);
    let ended = all.clone().filter_map(|trial| trial.manifest.ended.as_deref()).max();
    if let Some(day) = ended.and_then(|time| time.get(..10)) {
        facts.push(format!("last on {day}"));
    }
    let seconds: f64 = all
        .filter_map(|trial| trial.manifest.outcome.as_ref())
        .map(|outcome| outcome.train_seconds)
        .sum();
    if completed > 0 {
        facts.push(format!("{} of training", duration(seconds)));
    }
    html.element("p", &[("class", "quiet")], &facts.join(" · "));
    html.markup("</div><button id=\"theme\" type=\"button\" hidden>Dark</button></div>");
    if experiments.len() > 1 {
        html.markup("<nav aria-label=\"Experiments\"><ul>");
        for (index, (_, results)) in experiments.iter().enumerate() {
            html.markup("<li>").open("a", &[("href", &format!("#{}", id(index)))]);
            html.name(&results.name).markup("</a></li>");
        }
        html.markup("</ul></nav>");
    }
    html.markup("</header>");
    html.into_string()
}

/// All about one experiment; an only one has the page's own heading.
fn section(
    index: usize,
    (folder, results): (&Path, &ExperimentResults),
    layers: &Layers<'_>,
    only: bool,
) -> Result<String> {
    let id = id(index);
    let heading = format!("{id}-name");
    let mut html = Html::new();
    html.open("section", &[("class", "experiment"), ("id", &id), ("aria-labelledby", &heading)]);
    let attributes = [("id", &*heading), ("class", if only { "hidden-label" } else { "" })];
    html.open("h2", &attributes).name(&results.name).close("h2");
    for line in results.description.lines().filter(|line| !line.trim().is_empty()) {
        html.open("p", &[]).name(line).close("p");
    }
    results::write(&mut html, &id, results);
    curves::write(&mut html, &id, results);
    claims::write(&mut html, folder)?;
    layers.write(&mut html, &id);
    classes::write(&mut html, &id, results)?;
    configs::write(&mut html, &id, results);
    provenance::write(&mut html, results);
    html.markup("</section>");
    Ok(html.into_string())
}

/// `1 trial`, `1,000 trials`.
fn counted(count: usize, one: &str, many: &str) -> String {
    format!("{} {}", thousands(count), if count == 1 { one } else { many })
}

/// Seconds as people say them.
fn duration(seconds: f64) -> String {
    let whole = seconds.round() as u64;
    match whole {
        0..100 => format!("{seconds:.1} s"),
        100..6000 => format!("{} min {} s", whole / 60, whole % 60),
        _ => format!("{} h {} min", whole / 3600, whole % 3600 / 60),
    }
}

/// plotly.js as the crate carries it: the first of the scripts that it puts into its own pages (the
/// other one is for formulas).
fn plotly_script() -> &'static str {
    static SCRIPT: std::sync::LazyLock<String> = std::sync::LazyLock::new(|| {
        let both = plotly::Plot::offline_js_sources();
        let script = both.split_once('>').and_then(|(_, rest)| rest.split_once("</script>"));
        script.map_or_else(String::new, |(script, _)| script.to_owned())
    });
    &SCRIPT
}

/// A script as the page carries it: less than half its size.
fn packed(script: &str) -> Result<String> {
    // The usual level takes three times as long for a tenth less.
    let mut gzip = GzEncoder::new(Vec::new(), Compression::new(2));
    gzip.write_all(script.as_bytes()).context("cannot compress a script")?;
    Ok(base64(&gzip.finish().context("cannot compress a script")?))
}

/// What a content security policy calls a script by.
fn hash(script: &str) -> String {
    format!("'sha256-{}'", base64(&Sha256::digest(script.as_bytes())))
}

#[cfg(test)]
mod tests;
