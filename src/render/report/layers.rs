//! What was seen of layers, by depth and epoch: numbers as JSON, and what surrounds them on the page.

use anyhow::Result;
use serde_json::{Value, json};

use crate::analysis::{
    Case, CaseLayers, DepthPoint, ExperimentResults, LayerMetric, RankedCase, Ranking,
};

use super::curves::short;
use super::html::Html;

/// Cases that are on the page, the best.
const MOST_CASES: usize = 24;
/// Epochs of each, the first and the last among them.
const MOST_EPOCHS: usize = 30;

/// The layers of an experiment as they are on the page.
pub struct Layers<'a> {
    /// The cases that have any, best first by validation, with their places in the experiment.
    cases: Vec<(usize, &'a Case, CaseLayers)>,
    /// How many more there are.
    left_out: usize,
}

impl<'a> Layers<'a> {
    /// Reads them.
    ///
    /// # Errors
    /// When a trial's file is damaged.
    pub fn read(results: &'a ExperimentResults) -> Result<Self> {
        let has = |case: &Case| case.completed().any(|trial| trial.dir.diagnostics().is_file());
        let mut ranked = Ranking::of(results).cases;
        ranked.retain(|ranked| has(ranked.case));
        let left_out = ranked.len().saturating_sub(MOST_CASES);
        let mut cases = Vec::new();
        for RankedCase { index, case, .. } in ranked.into_iter().take(MOST_CASES) {
            let layers = CaseLayers::read(case)?;
            if !layers.seeds.is_empty() {
                cases.push((index, case, layers));
            }
        }
        Ok(Self { cases, left_out })
    }

    /// The numbers; `None` where there are none.
    pub fn data(&self) -> Option<Value> {
        let epochs = self.epochs();
        let of_case = |(index, _, layers): &(usize, &Case, CaseLayers)| {
            let of_metric = |metric: LayerMetric| {
                let found: Vec<Value> =
                    epochs.iter().map(|epoch| points(&layers.by_depth(metric, *epoch))).collect();
                let any = found.iter().any(|points| !points.is_null());
                any.then(|| (metric.name().to_owned(), Value::Array(found)))
            };
            let metrics: serde_json::Map<_, _> =
                LayerMetric::ALL.into_iter().filter_map(of_metric).collect();
            json!({ "case": index, "n": layers.seeds.len(), "metrics": metrics })
        };
        let cases: Vec<Value> = self.cases.iter().map(of_case).collect();
        let known = |metric: &LayerMetric| {
            cases.iter().any(|case| case["metrics"].get(metric.name()).is_some())
        };
        let metrics: Vec<LayerMetric> = LayerMetric::ALL.into_iter().filter(known).collect();
        let usual = metrics.iter().find(|metric| **metric == LayerMetric::GradientNorm);
        let first = usual.or(metrics.first())?.name();
        let about = |metric: &LayerMetric| {
            json!({
                "name": metric.name(),
                "title": metric.title(),
                "log": metric.is_logarithmic(),
            })
        };
        Some(json!({
            "first": first,
            "epochs": epochs,
            "metrics": metrics.iter().map(about).collect::<Vec<_>>(),
            "cases": cases,
        }))
    }

    /// The epochs that are shown.
    fn epochs(&self) -> Vec<usize> {
        let ends = self.cases.iter().filter_map(|(_, _, layers)| layers.last_epoch());
        let last = ends.max().unwrap_or(0);
        if last <= MOST_EPOCHS {
            return (1..=last).collect();
        }
        (0..MOST_EPOCHS).map(|i| 1 + i * (last - 1) / (MOST_EPOCHS - 1)).collect()
    }

    /// The place for the chart, with its switches.
    pub fn write(&self, html: &mut Html, id: &str) {
        if self.data().is_none() {
            return;
        }
        html.element("h3", &[], "Diagnostics");
        html.open("div", &[("id", &format!("layers-{id}"))]);
        html.markup(
            "<div class=\"controls\"><label><span>number</span> <select name=\"metric\"></select></label>\
             <label><span>epoch</span> <input type=\"range\" name=\"epoch\" min=\"0\" value=\"0\">\
             <output></output></label>\
             <label><input type=\"checkbox\" name=\"log\">logarithmic</label></div>\
             <div class=\"plot\" role=\"img\" aria-label=\"Layers by depth\"><p>Drawing the layers…</p></div>\
             <div class=\"legend\" role=\"group\" aria-label=\"Cases shown\"></div>\
             <p class=\"quiet small\">By depth: layers with a kernel, counted from the input. Gradients, \
             weights and updates are those of kernels, all else that of the last layer of each depth. \
             Lines: mean over seeds.</p>",
        );
        let shown = self.cases.len();
        super::results::left_out(html, shown, shown + self.left_out, "Diagnostics");
        html.markup(
            "<details data-values><summary>Values as a table</summary><div class=\"scroll\"></div></details>\
             <noscript><p>The chart needs JavaScript; <code>gradient_norm.png</code> and \
             <code>diagnostics.csv</code> beside this file have the same.</p></noscript></div>",
        );
    }
}

/// The line of one epoch; `null` where there is none.
fn points(points: &[DepthPoint]) -> Value {
    if points.is_empty() {
        return Value::Null;
    }
    let depths: Vec<usize> = points.iter().map(|point| point.depth).collect();
    let means: Vec<Value> = points.iter().map(|point| short(point.value.mean)).collect();
    let mut line = json!({ "depth": depths, "mean": means });
    if points.iter().any(|point| point.value.std.is_some()) {
        let std = points.iter().map(|point| point.value.std.map_or(Value::Null, short));
        line["std"] = std.collect();
    }
    line
}
