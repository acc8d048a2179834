//! What every figure has around its panels: a title above, legends and notes below; which cases it
//! shows; and what a reader may choose about it.

use crate::analysis::{Case, Curve, EpochMetric, ExperimentResults, Metric, RankedCase, Ranking};
use crate::record::{RecordedTrial, Status};
use crate::spec::{Plot, suggest};
use std::borrow::Cow;

use super::canvas::Canvas;
use super::legend::Legend;
use super::text::TextStyle;
use super::theme::{
    CaseStyle, LINE_HEIGHT, MARGIN, MAX_CASES, NOTE_SIZE, QUIET_INK, SUBTITLE_SIZE, TITLE_SIZE,
    case_style,
};

/// White space between the heading and the panels, and around legends.
const HEADING_GAP: f64 = 10.0;
const LEGEND_GAP: f64 = 8.0;

/// Narrower charts have no room for words.
const NARROWEST: f64 = 216.0;

/// What can be chosen about a chart; what is `None` is left to it.
#[derive(Debug, Clone, Default)]
pub struct Options {
    /// Width and height in points, 1/72 inch.
    pub size: Option<(f64, f64)>,
    /// What curves are drawn against.
    pub x: Option<TimeAxis>,
    /// The metric, by its name in the tables.
    pub y: Option<String>,
    /// What is good enough, for the charts that count until then.
    pub target: Option<f64>,
}

/// What curves are drawn against.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum TimeAxis {
    /// Epochs, from 1.
    Epoch,
    /// Seconds of training.
    Seconds,
}

/// A choice that a chart cannot follow.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct BadOption(pub String);

impl Options {
    /// Makes sure that a chart can follow all that is asked for.
    ///
    /// # Errors
    /// With the option that means nothing to it.
    pub fn fit(&self, plot: Plot) -> Result<(), BadOption> {
        let fitting = self.clone().without_unfit(plot);
        let dropped = [
            ("--x", self.x.is_some() && fitting.x.is_none()),
            ("--y", self.y.is_some() && fitting.y.is_none()),
            ("--target", self.target.is_some() && fitting.target.is_none()),
        ];
        match dropped.into_iter().find(|(_, dropped)| *dropped) {
            Some((option, _)) => {
                Err(BadOption(format!("`{option}` means nothing to `{plot}`: leave it out")))
            }
            None => Ok(()),
        }
    }

    /// Without the choices that mean nothing to a kind of chart.
    pub fn without_unfit(self, plot: Plot) -> Self {
        let (x, y, target) = match plot {
            Plot::LearningCurves | Plot::AccuracyVsTime | Plot::LearningRate => (true, true, false),
            Plot::EpochsToTarget | Plot::SecondsToTarget => (false, true, true),
            Plot::FinalAccuracy
            | Plot::ParametersVsAccuracy
            | Plot::HeatMap
            | Plot::GradientNorm => (false, true, false),
            Plot::ConfusionMatrix
            | Plot::Mistakes
            | Plot::ActivationDistribution
            | Plot::Comparison => (false, false, false),
        };
        Self {
            size: self.size,
            x: self.x.filter(|_| x),
            y: self.y.filter(|_| y),
            target: self.target.filter(|_| target),
        }
    }

    /// The width asked for, or else the chart's own.
    ///
    /// # Errors
    /// When it is too narrow for any chart.
    pub fn width(&self, own: f64) -> Result<f64, BadOption> {
        match self.size {
            Some((width, _)) if width < NARROWEST => Err(BadOption(format!(
                "a chart of {:.1} inches is too narrow: give at least {:.0}",
                width / 72.0,
                NARROWEST / 72.0
            ))),
            Some((width, _)) => Ok(width),
            None => Ok(own),
        }
    }

    /// The metric of every epoch asked for, or else the chart's own.
    ///
    /// # Errors
    /// When epochs have no metric of that name.
    pub fn epoch_metric(&self, own: EpochMetric) -> Result<EpochMetric, BadOption> {
        let Some(name) = &self.y else { return Ok(own) };
        EpochMetric::of_name(name).ok_or_else(|| {
            unknown_metric(name, "epochs have", &EpochMetric::ALL.map(EpochMetric::name))
        })
    }

    /// The metric of whole trials asked for, if one is.
    ///
    /// # Errors
    /// When trials have no metric of that name.
    pub fn metric(&self) -> Result<Option<Metric>, BadOption> {
        let Some(name) = &self.y else { return Ok(None) };
        let unknown = || unknown_metric(name, "trials have", &Metric::ALL.map(Metric::name));
        Metric::of_name(name).map(Some).ok_or_else(unknown)
    }
}

fn unknown_metric(name: &str, whose: &str, known: &[Cow<'static, str>]) -> BadOption {
    let known: Vec<&str> = known.iter().map(|name| &**name).collect();
    BadOption(format!("`--y {name}`: {whose} no such metric: {}", suggest(name, &known)))
}

/// A metric's name as a title has it: `val_loss` → `validation loss`.
pub fn spoken(name: &str) -> String {
    let words = name.split('_').map(|word| match word {
        "val" => "validation",
        "epoch" => "epoch:",
        "train" => "training",
        other => other,
    });
    let words: Vec<&str> = words.collect();
    match words[..] {
        ["epoch:", "seconds"] => "seconds per epoch".to_owned(),
        ["training", "seconds"] => "training time (seconds)".to_owned(),
        ["loss"] => "training loss".to_owned(),
        ["accuracy"] => "training accuracy".to_owned(),
        _ => words.join(" "),
    }
}

/// Everything around the panels.
pub struct Frame<'a> {
    pub width: f64,
    pub title: &'a str,
    pub subtitle: &'a str,
    /// From top to bottom.
    pub legends: Vec<Legend>,
    pub notes: Notes,
}

impl Frame<'_> {
    /// The height of the panels, for a chart as high as asked for or else for panels of their own
    /// height. `below` is what their axes need below them, `least` what they can do with.
    pub fn panel_height(
        &self,
        options: &Options,
        own: f64,
        below: f64,
        least: f64,
    ) -> Result<f64, BadOption> {
        let Some((_, height)) = options.size else { return Ok(own) };
        let around = self.top() + below + self.lower();
        if height - around < least {
            return Err(BadOption(format!(
                "a height of {:.1} inches is too little: with its title and legend this chart \
                 needs {:.1}",
                height / 72.0,
                ((around + least) / 7.2).ceil() / 10.0
            )));
        }
        Ok(height - around)
    }

    /// The sheet with everything but the panels, and where these begin.
    pub fn sheet(&self, panels: f64, below: f64) -> (Canvas, f64) {
        let top = self.top();
        let mut canvas = Canvas::new(self.width, top + panels + below + self.lower());
        let room = self.width - 2.0 * MARGIN;
        let style = TextStyle::new(TITLE_SIZE).bold();
        let baseline = MARGIN + TITLE_SIZE;
        canvas.text(&style.fit(self.title, room), (MARGIN, baseline), style);
        let style = TextStyle::new(SUBTITLE_SIZE).colour(QUIET_INK);
        let baseline = baseline + SUBTITLE_SIZE * LINE_HEIGHT + 2.0;
        canvas.text(&style.fit(self.subtitle, room), (MARGIN, baseline), style);
        let mut y = top + panels + below;
        for legend in &self.legends {
            y += LEGEND_GAP;
            legend.draw(&mut canvas, MARGIN, y);
            y += legend.height();
        }
        self.notes.draw(&mut canvas, y + LEGEND_GAP);
        (canvas, top)
    }

    fn top(&self) -> f64 {
        let subtitle = if self.subtitle.is_empty() { 0.0 } else { SUBTITLE_SIZE * LINE_HEIGHT };
        MARGIN + TITLE_SIZE * LINE_HEIGHT + subtitle + HEADING_GAP
    }

    /// Legends and notes with the margin below them.
    fn lower(&self) -> f64 {
        let legends: f64 = self.legends.iter().map(|legend| legend.height() + LEGEND_GAP).sum();
        legends + LEGEND_GAP + self.notes.height()
    }
}

/// Small print below the panels, broken into lines between notes.
pub struct Notes {
    lines: Vec<String>,
}

impl Notes {
    pub fn new(notes: &[String], width: f64) -> Self {
        let style = TextStyle::new(NOTE_SIZE);
        let room = width - 2.0 * MARGIN;
        let mut lines: Vec<String> = Vec::new();
        for note in notes {
            let longer = lines.last().map(|line| format!("{line} · {note}"));
            match (longer, lines.last_mut()) {
                (Some(longer), Some(line)) if style.width(&longer) <= room => *line = longer,
                _ => lines.push(style.fit(note, room)),
            }
        }
        Self { lines }
    }

    /// From the notes' upper edge to the canvas' lower edge.
    fn height(&self) -> f64 {
        self.lines.len() as f64 * NOTE_SIZE * LINE_HEIGHT + MARGIN
    }

    fn draw(&self, canvas: &mut Canvas, top: f64) {
        let style = TextStyle::new(NOTE_SIZE).colour(QUIET_INK);
        for (index, line) in self.lines.iter().enumerate() {
            let baseline = top + NOTE_SIZE + index as f64 * NOTE_SIZE * LINE_HEIGHT;
            canvas.text(line, (MARGIN, baseline), style);
        }
    }
}

/// A case with its look, which depends on its place in the experiment alone.
#[derive(Clone, Copy)]
pub struct ShownCase<'a> {
    pub case: &'a Case,
    pub style: CaseStyle,
}

/// The cases of an experiment that have a completed trial; of more than a chart can show, the best
/// by validation, or the first where there is no validation.
pub fn shown_cases(results: &ExperimentResults) -> Vec<ShownCase<'_>> {
    let mut cases = Ranking::of(results).cases;
    cases.retain(|ranked| ranked.case.completed().next().is_some());
    cases.truncate(MAX_CASES);
    cases.sort_by_key(|ranked| ranked.index);
    let shown = |RankedCase { case, index, .. }| ShownCase { case, style: case_style(index) };
    cases.into_iter().map(shown).collect()
}

/// The case that a chart with room for one shows, and why it is this one; no reason where there is
/// no other.
pub fn chosen_case(results: &ExperimentResults) -> Option<(&Case, Option<&'static str>)> {
    let ranking = Ranking::of(results);
    if let Some(best) = ranking.best() {
        let why = (results.cases.len() > 1).then_some("the best by validation accuracy");
        return Some((best.case, why));
    }
    let first = results.cases.iter().find(|case| case.completed().next().is_some())?;
    let why = (results.cases.len() > 1).then_some("the first, as there is no validation");
    Some((first, why))
}

/// How many cases of an experiment a chart has no room for.
pub fn hidden(results: &ExperimentResults, shown: usize) -> usize {
    let completed = results.cases.iter().filter(|case| case.completed().next().is_some()).count();
    completed.saturating_sub(shown)
}

/// What a reader has to know about the numbers: seeds, epochs, the kept epochs where they are not the
/// last ones, backend, and what is missing.
pub fn facts(experiments: &[ExperimentResults], hidden: usize, curves: &[&Curve]) -> Vec<String> {
    let cases = || experiments.iter().flat_map(|experiment| &experiment.cases);
    let completed = || cases().flat_map(Case::completed);
    let seeds = cases().map(|case| case.count(Status::Completed)).filter(|n| *n > 0);
    let mut backends: Vec<&str> =
        completed().map(|trial| trial.manifest.backend.as_str()).collect();
    backends.sort_unstable();
    backends.dedup();
    let mut facts = vec![
        range(seeds, "seed", "seeds") + if cases().count() > 1 { " each" } else { "" },
        range(completed().map(|trial| trial.epochs.len()), "epoch", "epochs"),
    ];
    facts.extend(kept_epochs(completed()));
    facts.push(format!("backend {}", backends.join(", ")));
    let count = |status| experiments.iter().map(|e| e.count(status)).sum::<usize>();
    let mut left_out = |count: usize, one: &str, many: &str| {
        if count > 0 {
            facts.push(format!("{count} {}", if count == 1 { one } else { many }));
        }
    };
    left_out(count(Status::Diverged), "diverged trial in no mean", "diverged trials in no mean");
    left_out(count(Status::Failed), "failed trial left out", "failed trials left out");
    let unfinished = count(Status::Running) + count(Status::Interrupted);
    left_out(unfinished, "unfinished trial left out", "unfinished trials left out");
    let not_finite = curves.iter().map(|curve| curve.not_finite).sum();
    left_out(not_finite, "value is NaN or infinite", "values are NaN or infinite");
    if hidden > 0 {
        let ranked = experiments.iter().all(|results| Ranking::of(results).is_decided());
        let which = if ranked { "the best by validation accuracy" } else { "the first" };
        facts.push(format!("{which} are shown, {MAX_CASES} in number, {hidden} are not"));
    }
    facts
}

/// Of which epochs the results of completed trials are, where some are not of the last one.
pub fn kept_epochs<'a>(trials: impl Iterator<Item = &'a RecordedTrial>) -> Option<String> {
    let trials: Vec<&RecordedTrial> = trials.collect();
    if !trials.iter().any(|trial| trial.has_restored_weights()) {
        return None;
    }
    let kept = trials.iter().filter_map(|trial| trial.manifest.kept_epoch);
    let (low, high) = kept.fold((usize::MAX, 0), |(low, high), n| (low.min(n), high.max(n)));
    let kept = if low == high { format!("epoch {low}") } else { format!("epochs {low} to {high}") };
    Some(format!("results of {kept} (restore_best_weights)"))
}

/// "3 seeds", or "2 to 3 seeds" where the numbers differ.
fn range(numbers: impl Iterator<Item = usize>, one: &str, many: &str) -> String {
    let (low, high) = numbers.fold((usize::MAX, 0), |(low, high), n| (low.min(n), high.max(n)));
    match high {
        0 => format!("no {many}"),
        1 if low == 1 => format!("1 {one}"),
        _ if low == high => format!("{high} {many}"),
        _ => format!("{low} to {high} {many}"),
    }
}

/// The beginning of a description: its first sentence or line.
pub fn first_sentence(description: &str) -> &str {
    let description = description.trim();
    let line = description.lines().next().unwrap_or_default();
    line.find(". ").map_or(line, |end| &line[..=end])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::analysis::test_data::trial;

    #[test]
    fn facts_count_what_is_missing() {
        let results = ExperimentResults::new(
            "e",
            "",
            vec![
                trial("e", "a", &[], 1, &[0.5, 0.6]),
                trial("e", "a", &[], 2, &[0.5]),
                trial("e", "b", &[], 1, &[0.5]),
                trial("e", "b", &[], 2, &[]),
            ],
        );
        let expected =
            ["1 to 2 seeds each", "1 to 2 epochs", "backend flex", "1 failed trial left out"];
        assert_eq!(facts(&[results], 0, &[]), expected);
    }

    #[test]
    fn of_too_many_cases_the_best_are_shown_in_their_order() {
        let cases = (0..60).map(|i| trial("e", &format!("c{i}"), &[], 1, &[f64::from(i) / 60.0]));
        let results = ExperimentResults::new("e", "", cases.collect());
        let shown = shown_cases(&results);
        assert_eq!(shown.len(), MAX_CASES);
        assert_eq!(shown[0].case.label, "c20");
        assert_eq!(shown[0].style, case_style(20));
    }

    #[test]
    fn a_description_is_cut_after_its_first_sentence() {
        assert_eq!(first_sentence("One thing. Another.\nMore"), "One thing.");
        assert_eq!(first_sentence("\n one line\nMore"), "one line");
        assert_eq!(first_sentence(""), "");
    }
}
