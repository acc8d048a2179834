//! The interactive curves: their numbers as JSON, and what surrounds them on the page.

use serde_json::{Value, json};

use crate::analysis::{Case, Curve, CurvePoint, EpochMetric, ExperimentResults, Ranking};
use crate::numbers::significant;
use crate::render::figure::spoken;
use crate::render::text::clean;

use super::html::Html;

/// Points of all curves of an experiment; of more, some epochs are left out.
const POINTS: usize = 60_000;
/// Points of one curve, at most and at least.
const MOST: usize = 400;
const FEWEST: usize = 24;
/// More cases have their numbers in the tables alone; the best are drawn.
const MOST_CASES: usize = 300;

/// The curves of an experiment, or `None` where no trial has completed an epoch.
pub fn data(id: &str, results: &ExperimentResults) -> Option<Value> {
    let ranked = ranked(results);
    let metrics: Vec<EpochMetric> = EpochMetric::ALL
        .into_iter()
        .filter(|metric| ranked.iter().any(|(_, case)| !case.curve(*metric).is_empty()))
        .collect();
    let first = [EpochMetric::ValAccuracy, EpochMetric::Accuracy, *metrics.first()?]
        .into_iter()
        .find(|metric| metrics.contains(metric))?;
    let most = (POINTS / (ranked.len() * metrics.len()).max(1)).clamp(FEWEST, MOST);
    let about = |metric: &EpochMetric| {
        json!({
            "name": metric.name(),
            "title": spoken(&metric.name()),
            "share": metric.is_share(),
        })
    };
    // In the order of the file, so that colours are those of the charts beside the report.
    let mut cases: Vec<Value> = vec![Value::Null; results.cases.len()];
    for (index, case) in &ranked {
        cases[*index] = of_case(case, &metrics, most);
    }
    for (case, value) in results.cases.iter().zip(&mut cases) {
        if value.is_null() {
            *value = json!({ "label": clean(&case.label), "epochs": [], "metrics": {} });
        }
    }
    Some(json!({
        "id": id,
        "first": first.name(),
        "metrics": metrics.iter().map(about).collect::<Vec<_>>(),
        "ranked": ranked.iter().map(|(index, _)| index).collect::<Vec<_>>(),
        "cases": cases,
    }))
}

/// The cases that have curves, best first by validation, with their places.
fn ranked(results: &ExperimentResults) -> Vec<(usize, &Case)> {
    let has_curves = |case: &Case| case.completed().any(|trial| !trial.epochs.is_empty());
    let ranked = Ranking::of(results).cases.into_iter();
    let cases = ranked.filter(|ranked| has_curves(ranked.case)).take(MOST_CASES);
    cases.map(|ranked| (ranked.index, ranked.case)).collect()
}

fn of_case(case: &Case, metrics: &[EpochMetric], most: usize) -> Value {
    let curves: Vec<Curve> = metrics.iter().map(|metric| case.curve(*metric)).collect();
    // Which epochs there are is the same for all metrics, but for values that are no numbers.
    let longest = curves.iter().max_by_key(|curve| curve.points.len());
    let kept: Vec<&CurvePoint> =
        longest.map(|curve| thinned(&curve.points, most)).unwrap_or_default();
    let of_metric = |(metric, curve): (&EpochMetric, &Curve)| {
        let mut points = curve.points.iter().peekable();
        let mut found: Vec<Option<&CurvePoint>> = Vec::with_capacity(kept.len());
        for at in &kept {
            while points.next_if(|point| point.epoch < at.epoch).is_some() {}
            found.push(points.next_if(|point| point.epoch == at.epoch));
        }
        let mean = found.iter().map(|point| point.map_or(Value::Null, |p| short(p.mean)));
        let mut value = json!({ "mean": mean.collect::<Vec<_>>() });
        if found.iter().flatten().any(|point| point.std.is_some()) {
            let std =
                found.iter().map(|point| point.and_then(|p| p.std).map_or(Value::Null, short));
            value["std"] = std.collect();
        }
        (metric.name().into_owned(), value)
    };
    json!({
        "label": clean(&case.label),
        "epochs": kept.iter().map(|point| point.epoch).collect::<Vec<_>>(),
        "seconds": kept.iter().map(|point| short(point.elapsed_seconds)).collect::<Vec<_>>(),
        "n": kept.iter().map(|point| point.n).collect::<Vec<_>>(),
        "metrics": metrics
            .iter()
            .zip(&curves)
            .filter(|(_, curve)| !curve.is_empty())
            .map(of_metric)
            .collect::<serde_json::Map<_, _>>(),
    })
}

/// At most so many of the points, evenly, the first and the last among them.
fn thinned(points: &[CurvePoint], most: usize) -> Vec<&CurvePoint> {
    if points.len() <= most {
        return points.iter().collect();
    }
    (0..most).map(|i| &points[i * (points.len() - 1) / (most - 1)]).collect()
}

/// A number in five digits, finer than any screen; whole numbers exactly.
pub(super) fn short(value: f64) -> Value {
    let rounded: f64 = significant(value, 5).parse().unwrap_or(value);
    json!(rounded)
}

/// The place for the curves, with their switches.
pub fn write(html: &mut Html, id: &str, results: &ExperimentResults) {
    let ranked = ranked(results);
    if ranked.is_empty() {
        return;
    }
    html.element("h3", &[], "Curves");
    html.open("div", &[("id", &format!("curves-{id}"))]);
    html.markup(
        "<div class=\"controls\"><label><span>metric</span> <select name=\"metric\"></select></label>\
         <fieldset><legend>over</legend>",
    );
    let axis = format!("x-{id}");
    for (value, checked) in [("epoch", true), ("seconds", false)] {
        let mut attributes = vec![("type", "radio"), ("name", axis.as_str()), ("value", value)];
        if checked {
            attributes.push(("checked", ""));
        }
        html.markup("<label>").open("input", &attributes).text(if checked {
            "epochs"
        } else {
            value
        });
        html.markup("</label>");
    }
    html.markup(
        "</fieldset>\
         <label><input type=\"checkbox\" name=\"log\">logarithmic</label>\
         <label><input type=\"checkbox\" name=\"bands\" checked>bands</label>\
         <label><span>smoothing</span> <input type=\"range\" name=\"smooth\" min=\"0\" max=\"0.95\" \
         step=\"0.05\" value=\"0\"><output>0.00</output></label>\
         </div>\
         <div class=\"plot\" role=\"img\" aria-label=\"Curves\"><p>Drawing the curves…</p></div>\
         <div class=\"controls\">\
         <label><span>find</span> <input type=\"search\" name=\"filter\" placeholder=\"part of a name\"></label>\
         <button type=\"button\" data-choose=\"best\">Best 8</button>\
         <button type=\"button\" data-choose=\"all\">All</button>\
         <button type=\"button\" data-choose=\"none\">None</button>\
         <button type=\"button\" data-choose=\"reset\">Reset zoom</button></div>\
         <div class=\"legend\" role=\"group\" aria-label=\"Cases shown\"></div>",
    );
    let several = ranked.iter().any(|(_, case)| case.completed().count() > 1);
    let note = if several {
        "Lines: mean over seeds. Bands: ± 1 standard deviation."
    } else {
        "One seed each, n = 1."
    };
    html.element("p", &[("class", "quiet small")], note);
    let completed = results.cases.iter().filter(|case| case.completed().next().is_some()).count();
    super::results::left_out(html, ranked.len(), completed, "Curves");
    html.markup(
        "<details data-values><summary>Values as a table</summary><div class=\"scroll\"></div></details>\
         <noscript><p>The curves need JavaScript; the same are in <code>learning_curves.png</code> beside \
         this file.</p></noscript></div>",
    );
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::analysis::test_data::trial;

    #[test]
    fn long_runs_are_thinned_and_keep_their_ends() {
        let long: Vec<f64> = (0..5000).map(|epoch| f64::from(epoch) / 5000.0).collect();
        let results = ExperimentResults::new("e", "", vec![trial("e", "a", &[], 1, &long)]);
        let data = data("e0", &results).unwrap();
        let epochs = data["cases"][0]["epochs"].as_array().unwrap();
        assert_eq!(epochs.len(), MOST);
        assert_eq!((&epochs[0], &epochs[MOST - 1]), (&json!(1), &json!(5000)));
        let means = &data["cases"][0]["metrics"]["val_accuracy"]["mean"];
        assert_eq!(means.as_array().unwrap().len(), MOST);
        assert_eq!(means[MOST - 1], json!(0.9998));
    }

    #[test]
    fn values_that_are_no_numbers_are_gaps_and_one_seed_has_no_band() {
        let results = ExperimentResults::new(
            "e",
            "",
            vec![trial("e", "a", &[], 1, &[0.5, f64::NAN, 0.75]), trial("e", "b", &[], 1, &[])],
        );
        let data = data("e0", &results).unwrap();
        let metric = &data["cases"][0]["metrics"]["val_accuracy"];
        assert_eq!(metric["mean"], json!([0.5, null, 0.75]));
        assert!(metric.get("std").is_none());
        assert_eq!((&data["ranked"], &data["first"]), (&json!([0]), &json!("val_accuracy")));
        assert_eq!(super::data("e0", &ExperimentResults::new("e", "", vec![])), None);
    }
}
