//! The predictions for the test images of each class, of the best case by validation.

use anyhow::Result;

use crate::analysis::{Case, ExperimentResults};
use crate::record::ConfusionMatrix;

use super::canvas::Canvas;
use super::figure::{Frame, Notes, Options, chosen_case, kept_epochs};
use super::text::{Align, TextStyle};
use super::theme::{
    AXIS_TITLE_SIZE, Colour, LINE_HEIGHT, MARGIN, NOTE_SIZE, ONE_PANEL_WIDTH, QUIET_INK, TEXT_GAP,
    TICK_SIZE,
};

/// Sizes of a cell, and how wide for its height.
const WIDEST_CELL: f64 = 46.0;
const HEIGHT_OF_WIDTH: f64 = 0.62;
const LOWEST_CELL: f64 = 3.0;
/// The lowest cell that has a number, and the closest that names may be.
const LOWEST_WITH_NUMBER: f64 = 9.5;
const CLOSEST_NAMES: f64 = TICK_SIZE * 1.15;
/// The longest class name.
const LONGEST_NAME: f64 = 96.0;

/// A case's confusion matrix, over all its completed trials that have one.
pub struct OfCase<'a> {
    pub case: &'a Case,
    pub matrix: ConfusionMatrix,
    /// How many trials.
    pub n: usize,
}

impl<'a> OfCase<'a> {
    /// `None` where no trial has one.
    pub fn read(case: &'a Case) -> Result<Option<Self>> {
        let mut sum: Option<Self> = None;
        for trial in case.completed() {
            let Some(matrix) = ConfusionMatrix::read(&trial.dir)? else { continue };
            match &mut sum {
                Some(sum) => sum.n += usize::from(sum.matrix.add(&matrix)),
                None => sum = Some(Self { case, matrix, n: 1 }),
            }
        }
        Ok(sum)
    }
}

/// The figure of the best case by validation, or `None` where it has no matrix.
pub fn draw(results: &ExperimentResults, options: &Options) -> Result<Option<Canvas>> {
    let Some((case, why)) = chosen_case(results) else { return Ok(None) };
    let Some(OfCase { matrix, n, .. }) = OfCase::read(case)? else { return Ok(None) };
    let classes = matrix.names.len();
    let images: u64 = matrix.counts.iter().flatten().sum();
    let right: u64 = (0..classes).map(|class| matrix.counts[class][class]).sum();

    let width = options.width(ONE_PANEL_WIDTH)?;
    let seeds = if n == 1 { "1 seed".to_owned() } else { format!("{n} seeds, added up") };
    let mut facts = vec![seeds];
    facts.extend(why.map(|why| format!("the case is {why}")));
    facts.extend(kept_epochs(case.completed()));
    facts.extend([
        format!(
            "{images} predictions of test images, {:.2} % right",
            100.0 * right as f64 / images.max(1) as f64
        ),
        "numbers: % of the images of a class, rows add up to 100; blank: below 0.05 %".to_owned(),
    ]);
    let subtitle = match results.cases.len() {
        1 => "Confusion matrix of the test images".to_owned(),
        _ => format!("Confusion matrix of the test images: {}", case.label),
    };
    let frame = Frame {
        width,
        title: &results.name,
        subtitle: &subtitle,
        legends: Vec::new(),
        notes: Notes::new(&facts, width),
    };
    let names = TextStyle::new(TICK_SIZE);
    let widest = matrix.names.iter().map(|name| names.width(name)).fold(0.0, f64::max);
    let name_width = widest.min(LONGEST_NAME).min(width * 0.22);
    let title_room = AXIS_TITLE_SIZE * LINE_HEIGHT;
    let left = MARGIN + title_room + name_width + TEXT_GAP;
    let cell_width = ((width - MARGIN - left) / classes as f64).min(WIDEST_CELL);
    let below = TEXT_GAP + name_width + TEXT_GAP + title_room;
    let own = (cell_width * HEIGHT_OF_WIDTH).max(LOWEST_CELL) * classes as f64;
    let height = frame.panel_height(options, own, below, LOWEST_CELL * classes as f64)?;
    let cell_height = height / classes as f64;
    let (mut canvas, top) = frame.sheet(height, below);

    let numbers = TextStyle::new(NOTE_SIZE).align(Align::Middle);
    let legible = cell_height >= LOWEST_WITH_NUMBER && cell_width >= numbers.width("99.9") + 3.0;
    let gap = if cell_height > 8.0 { 0.6 } else { 0.0 };
    for truth in 0..classes {
        for predicted in 0..classes {
            let share = matrix.share(truth, predicted);
            let (x, y) = (left + predicted as f64 * cell_width, top + truth as f64 * cell_height);
            let corner = (x + cell_width - gap, y + cell_height - gap);
            canvas.rectangle((x, y), corner, Colour::scale(share));
            if legible && share >= 0.0005 {
                let text = match share {
                    1.0 => "100".to_owned(),
                    share => format!("{:.1}", share * 100.0),
                };
                let at = (x + cell_width / 2.0, y + cell_height / 2.0 + numbers.baseline_drop());
                canvas.text(&text, at, numbers.colour(Colour::on_scale(share)));
            }
        }
    }
    let bottom = top + height;
    for (class, name) in matrix.names.iter().enumerate() {
        let name = names.fit(name, name_width);
        let every = |cell: f64| (CLOSEST_NAMES / cell).ceil().max(1.0) as usize;
        if class % every(cell_height) == 0 {
            let y = top + (class as f64 + 0.5) * cell_height + names.baseline_drop();
            canvas.text(&name, (left - TEXT_GAP, y), names.align(Align::End));
        }
        if class % every(cell_width) == 0 {
            let x = left + (class as f64 + 0.5) * cell_width + names.baseline_drop();
            canvas.text_upwards(&name, (x, bottom + TEXT_GAP), names.align(Align::End));
        }
    }
    let title = TextStyle::new(AXIS_TITLE_SIZE).colour(QUIET_INK).align(Align::Middle);
    let middle = (top + bottom) / 2.0;
    canvas.text_upwards("true class", (MARGIN + AXIS_TITLE_SIZE, middle), title);
    let x = left + cell_width * classes as f64 / 2.0;
    let y = bottom + TEXT_GAP + name_width + TEXT_GAP + AXIS_TITLE_SIZE;
    canvas.text("predicted class", (x, y), title);
    Ok(Some(canvas))
}
