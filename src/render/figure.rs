//! What every figure has around its panels: a title above, notes below; and which cases it shows.

use anyhow::Result;

use crate::analysis::{Case, Curve, ExperimentResults, Metric};
use crate::record::Status;

use super::canvas::Canvas;
use super::text::TextStyle;
use super::theme::{
    CaseStyle, LINE_HEIGHT, MARGIN, MAX_CASES, NOTE_SIZE, QUIET_INK, SUBTITLE_SIZE, TITLE_SIZE,
    case_style,
};

/// White space between the heading and the panels.
const HEADING_GAP: f64 = 10.0;

/// Title and subtitle, each on one line.
pub struct Heading<'a> {
    pub title: &'a str,
    pub subtitle: &'a str,
}

impl Heading<'_> {
    /// From the canvas' upper edge to where the panels begin.
    pub fn height(&self) -> f64 {
        let subtitle = if self.subtitle.is_empty() { 0.0 } else { SUBTITLE_SIZE * LINE_HEIGHT };
        MARGIN + TITLE_SIZE * LINE_HEIGHT + subtitle + HEADING_GAP
    }

    pub fn draw(&self, canvas: &mut Canvas, width: f64) -> Result<()> {
        let room = width - 2.0 * MARGIN;
        let style = TextStyle::new(TITLE_SIZE).bold();
        let baseline = MARGIN + TITLE_SIZE;
        canvas.text(&style.fit(self.title, room), (MARGIN, baseline), style)?;
        let style = TextStyle::new(SUBTITLE_SIZE).colour(QUIET_INK);
        let baseline = baseline + SUBTITLE_SIZE * LINE_HEIGHT + 2.0;
        canvas.text(&style.fit(self.subtitle, room), (MARGIN, baseline), style)
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
    pub fn height(&self) -> f64 {
        self.lines.len() as f64 * NOTE_SIZE * LINE_HEIGHT + MARGIN
    }

    pub fn draw(&self, canvas: &mut Canvas, top: f64) -> Result<()> {
        let style = TextStyle::new(NOTE_SIZE).colour(QUIET_INK);
        for (index, line) in self.lines.iter().enumerate() {
            let baseline = top + NOTE_SIZE + index as f64 * NOTE_SIZE * LINE_HEIGHT;
            canvas.text(line, (MARGIN, baseline), style)?;
        }
        Ok(())
    }
}

/// A case with its look, which depends on its place in the experiment alone.
#[derive(Clone, Copy)]
pub struct ShownCase<'a> {
    pub case: &'a Case,
    pub style: CaseStyle,
}

/// The cases of an experiment that have a completed trial; of more than a chart can show, the best.
pub fn shown_cases(results: &ExperimentResults) -> Vec<ShownCase<'_>> {
    let mut cases: Vec<(usize, &Case)> = results
        .cases
        .iter()
        .enumerate()
        .filter(|(_, case)| case.completed().next().is_some())
        .collect();
    if cases.len() > MAX_CASES {
        let score = |case: &Case| final_accuracy(case).unwrap_or(f64::NEG_INFINITY);
        cases.sort_by(|a, b| score(b.1).total_cmp(&score(a.1)));
        cases.truncate(MAX_CASES);
        cases.sort_by_key(|(index, _)| *index);
    }
    cases.into_iter().map(|(index, case)| ShownCase { case, style: case_style(index) }).collect()
}

/// Mean test accuracy, or validation accuracy where there is none that is a number.
pub fn final_accuracy(case: &Case) -> Option<f64> {
    [Metric::TestAccuracy, Metric::ValAccuracy]
        .into_iter()
        .filter_map(|metric| case.aggregate(metric))
        .map(|aggregate| aggregate.mean)
        .find(|mean| mean.is_finite())
}

/// What a reader has to know about the numbers: seeds, backend, epochs, and what is missing.
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
        format!("backend {}", backends.join(", ")),
    ];
    let count = |status| experiments.iter().map(|e| e.count(status)).sum::<usize>();
    let mut left_out = |count: usize, one: &str, many: &str| {
        if count > 0 {
            facts.push(format!("{count} {}", if count == 1 { one } else { many }));
        }
    };
    left_out(count(Status::Failed), "failed trial left out", "failed trials left out");
    let unfinished = count(Status::Running) + count(Status::Interrupted);
    left_out(unfinished, "unfinished trial left out", "unfinished trials left out");
    let not_finite = curves.iter().map(|curve| curve.not_finite).sum();
    left_out(not_finite, "value is NaN or infinite", "values are NaN or infinite");
    if hidden > 0 {
        facts.push(format!("the best {MAX_CASES} are shown, {hidden} are not"));
    }
    facts
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
