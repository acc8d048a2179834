//! The table of cases, and over several experiments the table of these.

use std::path::Path;

use crate::analysis::{
    Aggregate, Case, ExperimentResults, Metric, RankedCase, Ranking, SELECTION, grid_keys,
};
use crate::numbers::thousands;
use crate::record::{RecordedTrial, Status};
use crate::render::compare::not_completed;
use crate::render::heat_map::{label, short_key, value_of};

use super::html::Html;
use super::table::{self, Cell, Head};
use super::{counted, duration, id};

/// The experiments side by side.
pub fn overview(experiments: &[(&Path, &ExperimentResults)]) -> String {
    let mut html = Html::new();
    html.markup("<section class=\"experiment\" aria-labelledby=\"overview\">");
    html.markup("<h2 id=\"overview\">Overview</h2>");
    let heads = [
        Head::text("experiment"),
        Head::number("cases"),
        Head::number("trials"),
        Head::number("diverged"),
        Head::number("failed"),
        Head::text("best case").hint("by mean validation accuracy"),
        Head::number("val accuracy").hint("of the best case, of the kept epoch"),
        Head::number("lead")
            .hint("how far its validation accuracy is above the second best case's"),
        Head::number("test accuracy").hint("of the best case; it selects nothing"),
        Head::number("training time"),
    ];
    table::open(&mut html, "", &heads, None);
    for (index, (_, results)) in experiments.iter().enumerate() {
        html.markup("<tr><th scope=\"row\" class=\"name\">");
        html.open("a", &[("href", &format!("#{}", id(index)))]).name(&results.name);
        html.markup("</a></th>");
        let ranking = Ranking::of(results);
        let best = ranking.best().map(|best| best.case);
        let mut scores = ranking.cases.iter().filter_map(|ranked| ranked.score);
        let lead = scores.next().zip(scores.next()).map(|(first, second)| first - second);
        let count = |count: usize| Cell::number(Some(count as f64), |_| thousands(count));
        let seconds: f64 = results
            .cases
            .iter()
            .flat_map(Case::completed)
            .filter_map(|trial| Metric::TrainSeconds.of(trial))
            .sum();
        let accuracy = |metric| spread(best.and_then(|case| case.aggregate(metric)), 4);
        for cell in [
            count(results.cases.len()),
            count(results.cases.iter().map(|case| case.trials.len()).sum()),
            count(results.count(Status::Diverged)),
            count(results.count(Status::Failed)),
            Cell::text(best.map_or_else(String::new, |case| case.label.clone())),
            accuracy(SELECTION),
            Cell::number(lead, |lead| format!("{lead:.4}")),
            accuracy(Metric::TestAccuracy),
            Cell::number(Some(seconds), duration),
        ] {
            table::cell(&mut html, &cell);
        }
        html.markup("</tr>");
    }
    table::close(&mut html);
    html.markup("</section>");
    html.into_string()
}

/// The cases of one experiment, best first by validation.
pub fn write(html: &mut Html, id: &str, results: &ExperimentResults) {
    let heading = format!("{id}-results");
    html.element("h3", &[("id", &heading)], "Results");
    let ranking = Ranking::of(results);
    if ranking.cases.is_empty() {
        html.element("p", &[("class", "quiet")], "Nothing was recorded.");
        return;
    }
    let best = ranking.best().and_then(|best| best.score);
    let ranked = ranking.is_decided();
    let restored =
        results.cases.iter().flat_map(Case::completed).any(RecordedTrial::has_restored_weights);
    let [accuracy_hint, loss_hint] = match restored {
        true => [
            "of the kept epoch (restore_best_weights); mean ± standard deviation over seeds; the best \
             is selected by it",
            "of the kept epoch (restore_best_weights), nats",
        ],
        false => [
            "after the last epoch; mean ± standard deviation over seeds; the best is selected by it",
            "after the last epoch, nats",
        ],
    };
    let keys = grid_keys(results);
    let failed = results.cases.iter().any(|case| case.completed().count() < case.trials.len());

    let mut heads = vec![Head::text("variant")];
    heads.extend(keys.iter().map(|key| {
        let short = short_key(results, key);
        let numbers = results
            .cases
            .iter()
            .all(|case| value_of(case, key).is_some_and(serde_json::Value::is_number));
        if numbers { Head::number(short) } else { Head::text(short) }
    }));
    heads.push(Head::number("n").hint("completed trials, one per seed"));
    // Without validation, the rows are sorted by nothing.
    let sorted = ranked.then_some(heads.len());
    if ranked {
        heads.push(Head::number("val accuracy").hint(accuracy_hint));
    }
    heads.push(
        Head::number("test accuracy")
            .hint("of the same weights; mean ± standard deviation over seeds; selects nothing"),
    );
    if ranked {
        heads.push(Head::number("best val accuracy").hint("highest of all epochs"));
        heads.push(Head::number("val loss").hint(loss_hint));
    }
    heads.push(Head::number("s/epoch").hint("median of the epochs, seconds"));
    heads.push(Head::number("training").hint("whole training"));
    heads.push(Head::number("parameters"));
    if failed {
        heads.push(Head::text("not completed"));
    }
    let caption = "Means ± standard deviation over seeds. Bars: 95 % confidence interval of the mean, \
                   or the mean alone for one seed, on a scale that all rows share.";
    if !ranked && ranking.cases.len() > 1 {
        let note = "Without validation images, cases are in the order of the file and none is the best: \
                    a test accuracy selects nothing.";
        html.element("p", &[("class", "quiet small")], note);
    }
    table::open(html, caption, &heads, sorted);
    let barred = if ranked { SELECTION } else { Metric::TestAccuracy };
    let scale = Scale::of(results, barred);
    for RankedCase { case, score, .. } in ranking.cases {
        html.markup("<tr>");
        table::row_name(html, if keys.is_empty() { &case.label } else { &case.variant });
        for key in &keys {
            let value = value_of(case, key);
            let number = value.and_then(serde_json::Value::as_f64);
            let shown = value.map(label).unwrap_or_default();
            table::cell(
                html,
                &match number {
                    Some(_) => Cell::number(number, |_| shown.clone()),
                    None => Cell::text(shown),
                },
            );
        }
        let n = case.count(Status::Completed);
        table::cell(html, &Cell::number(Some(n as f64), |_| n.to_string()));
        let is_best = best.is_some() && score == best;
        accuracy_cell(html, case.aggregate(barred), &scale, is_best);
        if ranked {
            table::cell(html, &spread(case.aggregate(Metric::TestAccuracy), 4));
        }
        let mean = |metric: Metric, decimals: usize| {
            let mean = case.aggregate(metric).map(|found| found.mean);
            Cell::number(mean, |mean| shown(mean, decimals))
        };
        if ranked {
            table::cell(html, &mean(Metric::BestValAccuracy, 4));
            table::cell(html, &mean(Metric::ValLoss, 4));
        }
        table::cell(html, &mean(Metric::EpochSeconds, 2));
        let seconds = case.aggregate(Metric::TrainSeconds).map(|found| found.mean);
        table::cell(html, &Cell::number(seconds, duration));
        let parameters = case.parameters().map(|counts| counts.total);
        let total = parameters.map(|total| total as f64);
        let grouped = parameters.map(thousands).unwrap_or_default();
        table::cell(html, &Cell::number(total, |_| grouped.clone()));
        if failed {
            table::cell(html, &Cell::text(not_completed(case)));
        }
        html.markup("</tr>");
    }
    table::close(html);
}

/// The accuracies that the bars of a table span.
struct Scale {
    low: f64,
    high: f64,
}

impl Scale {
    fn of(results: &ExperimentResults, metric: Metric) -> Self {
        let found = results.cases.iter().filter_map(|case| case.aggregate(metric));
        let ends = found.flat_map(|aggregate| interval(&aggregate)).filter(|end| end.is_finite());
        let (low, high) =
            ends.fold((1.0_f64, 0.0_f64), |(low, high), end| (low.min(end), high.max(end)));
        let room = ((high - low) * 0.04).max(0.002);
        Self { low: low - room, high: high + room }
    }

    /// A place on it from 0 to 1.
    fn at(&self, value: f64) -> f64 {
        ((value - self.low) / (self.high - self.low)).clamp(0.0, 1.0)
    }
}

/// The confidence interval within what an accuracy can be.
fn interval(aggregate: &Aggregate) -> [f64; 2] {
    let (low, high) = aggregate.ci95.unwrap_or((aggregate.mean, aggregate.mean));
    [low.max(0.0), high.min(1.0)]
}

fn accuracy_cell(html: &mut Html, accuracy: Option<Aggregate>, scale: &Scale, best: bool) {
    let cell = spread(accuracy, 4);
    let value = cell.value.map_or_else(String::new, |value| value.to_string());
    let class = if best { "number best" } else { "number" };
    html.open("td", &[("class", class), ("data-value", &value)]).text(&cell.text);
    if let Some(aggregate) = accuracy.filter(|aggregate| aggregate.mean.is_finite()) {
        let [low, high] = interval(&aggregate).map(|end| scale.at(end));
        let (at, width) = (scale.at(aggregate.mean), high - low);
        let place = format!("--low:{low:.4};--width:{width:.4};--at:{at:.4}");
        html.open("span", &[("class", "range"), ("style", &place), ("aria-hidden", "true")]);
        if width > 0.0 {
            html.markup("<i></i>");
        }
        html.markup("<b></b></span>");
    }
    html.close("td");
}

/// A mean with its standard deviation.
pub fn spread(aggregate: Option<Aggregate>, decimals: usize) -> Cell {
    let text = |mean: f64| match aggregate.and_then(|found| found.std) {
        Some(std) => format!("{} ± {std:.decimals$}", shown(mean, decimals)),
        None => shown(mean, decimals),
    };
    Cell::number(aggregate.map(|found| found.mean), text)
}

/// A number in so many decimals, or its power of ten.
fn shown(value: f64, decimals: usize) -> String {
    if value.abs() >= 1e5 { format!("{value:.2e}") } else { format!("{value:.decimals$}") }
}

/// Said of an experiment whose cases do not all fit.
pub fn left_out(html: &mut Html, shown: usize, all: usize, what: &str) {
    if shown < all {
        let text = format!("{what} of the best {shown} of {}.", counted(all, "case", "cases"));
        html.element("p", &[("class", "quiet small")], &text);
    }
}
