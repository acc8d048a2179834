//! Where the numbers come from: what the manifests say, and every trial.

use crate::analysis::{ExperimentResults, Metric};
use crate::numbers::thousands;
use crate::record::{Manifest, RecordedTrial, Status};

use super::html::Html;
use super::table::{self, Cell, Head};
use super::{counted, duration};

/// So many different values are listed; of more, the number.
const LISTED: usize = 3;
/// Digits of a hash that tell it from others.
const SHORT_HASH: usize = 12;

/// Facts that trials share, and the table of all trials.
pub fn write(html: &mut Html, results: &ExperimentResults) {
    let trials: Vec<(&str, &RecordedTrial)> = results
        .cases
        .iter()
        .flat_map(|case| case.trials.iter().map(|trial| (case.label.as_str(), trial)))
        .collect();
    if trials.is_empty() {
        return;
    }
    html.element("h3", &[], "Provenance");
    html.markup("<dl class=\"facts\">");
    for (title, of) in FACTS {
        let mut values: Vec<String> = Vec::new();
        for (_, trial) in &trials {
            let value = of(&trial.manifest);
            if !value.is_empty() && !values.contains(&value) {
                values.push(value);
            }
        }
        if values.is_empty() {
            continue;
        }
        html.element("dt", &[], title).markup("<dd>");
        match values.len() {
            many if many > LISTED => html.text(&counted(many, "value", "different values")),
            _ => html.name(&values.join(" · ")),
        };
        html.markup("</dd>");
    }
    let starts = trials.iter().map(|(_, trial)| trial.manifest.started.as_str());
    let ends = trials.iter().filter_map(|(_, trial)| trial.manifest.ended.as_deref());
    if let (Some(first), Some(last)) = (starts.min(), ends.max()) {
        html.element("dt", &[], "trained (UTC)");
        html.element("dd", &[], &format!("{} to {}", readable(first), readable(last)));
    }
    html.markup("</dl>");
    html.markup("<details class=\"bulky\"><summary>");
    html.text(&counted(trials.len(), "trial", "trials")).markup("</summary>");
    table_of(html, &trials);
    html.markup("</details>");
}

/// A title, and what a manifest says under it.
type Fact = (&'static str, fn(&Manifest) -> String);

const FACTS: [Fact; 9] = [
    ("data set", |manifest| manifest.dataset.clone()),
    ("data checksum", |manifest| short(&manifest.dataset_checksum)),
    ("backend", |manifest| format!("{}, {}", manifest.backend, manifest.device)),
    ("bn-runner", |manifest| match &manifest.versions.git_commit {
        Some(commit) => format!("{} ({})", manifest.versions.bn_runner, short(commit)),
        None => manifest.versions.bn_runner.clone(),
    }),
    ("numerics, burn, rustc", |manifest| {
        let versions = &manifest.versions;
        format!("{}, {}, {}", versions.numerics, versions.burn, versions.rustc)
    }),
    ("host", |manifest| manifest.host.clone()),
    ("platform", |manifest| manifest.platform.clone()),
    ("trials at a time", |manifest| manifest.jobs.to_string()),
    ("command", |manifest| manifest.command.join(" ")),
];

fn table_of(html: &mut Html, trials: &[(&str, &RecordedTrial)]) {
    let failed = trials.iter().any(|(_, trial)| trial.manifest.reason.is_some());
    let mut heads = vec![
        Head::text("case"),
        Head::number("seed"),
        Head::text("status"),
        Head::number("epochs"),
        Head::number("val accuracy").hint("of the kept epoch"),
        Head::number("test accuracy"),
        Head::number("test loss"),
        Head::number("best val accuracy"),
        Head::number("kept epoch").hint("the epoch of the weights in model.safetensors"),
        Head::number("training"),
        Head::number("images/s"),
        Head::text("started (UTC)"),
        Head::text("trial hash"),
    ];
    if failed {
        heads.push(Head::text("reason"));
    }
    table::open(html, "", &heads, None);
    for (label, trial) in trials {
        let manifest = &trial.manifest;
        let number = |metric: Metric| Cell::number(metric.of(trial), |value| format!("{value:.4}"));
        let class = match manifest.status {
            Status::Failed | Status::Diverged => "failed",
            Status::Completed | Status::Running | Status::Interrupted => "",
        };
        let speed = manifest.outcome.as_ref().map(|outcome| outcome.samples_per_second);
        html.markup("<tr>");
        table::row_name(html, label);
        for cell in [
            Cell::number(Some(manifest.seed as f64), |_| manifest.seed.to_string()),
            Cell { class, ..Cell::text(manifest.status.to_string()) },
            Cell::number(Some(trial.epochs.len() as f64), |_| trial.epochs.len().to_string()),
            number(Metric::ValAccuracy),
            number(Metric::TestAccuracy),
            number(Metric::TestLoss),
            number(Metric::BestValAccuracy),
            Cell::number(manifest.kept_epoch.map(|epoch| epoch as f64), |n| n.to_string()),
            Cell::number(Metric::TrainSeconds.of(trial), duration),
            Cell::number(speed, |speed| thousands(speed.round() as usize)),
            Cell::text(readable(&manifest.started)),
            Cell::text(short(&manifest.trial_hash)),
        ] {
            table::cell(html, &cell);
        }
        if failed {
            table::cell(html, &Cell::text(manifest.reason.clone().unwrap_or_default()));
        }
        html.markup("</tr>");
    }
    table::close(html);
}

/// The beginning of a hash.
fn short(hash: &str) -> String {
    match hash.char_indices().nth(SHORT_HASH) {
        Some((end, _)) => format!("{}…", &hash[..end]),
        None => hash.to_owned(),
    }
}

/// `2026-01-01T00:00:00.123Z` → `2026-01-01 00:00:00`
fn readable(time: &str) -> String {
    let second = time.split(['.', 'Z']).next().unwrap_or(time);
    second.replace('T', " ")
}
