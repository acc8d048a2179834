//! The test images that the best case by validation gets wrong, the surest first.

use anyhow::Result;

use crate::analysis::{Case, ExperimentResults};
use crate::record::{Mistakes, RecordedTrial};

use super::canvas::{Canvas, Stroke};
use super::figure::{BadOption, Frame, Notes, Options, chosen_case, kept_epochs};
use super::text::TextStyle;
use super::theme::{
    AXIS_COLOUR, AXIS_WIDTH, INK, LINE_HEIGHT, MARGIN, NOTE_SIZE, ONE_PANEL_WIDTH, QUIET_INK,
};

/// Images that one sheet shows.
const MOST: usize = 25;
/// The narrowest column in which two class names can be read.
const COLUMN: f64 = 78.0;
/// The largest image, and white space around one.
const LARGEST: f64 = 62.0;
const GAP: f64 = 9.0;

/// The first trial of the chosen case that has such images.
pub fn of_chosen_case(results: &ExperimentResults) -> Result<Option<(&RecordedTrial, Mistakes)>> {
    let case = chosen_case(results).map(|(case, _)| case);
    for trial in case.into_iter().flat_map(Case::completed) {
        if let Some(mistakes) = Mistakes::read(&trial.dir)? {
            return Ok(Some((trial, mistakes)));
        }
    }
    Ok(None)
}

/// The figure, or `None` where the chosen case has no such images.
pub fn draw(results: &ExperimentResults, options: &Options) -> Result<Option<Canvas>> {
    let Some((trial, mistakes)) = of_chosen_case(results)? else { return Ok(None) };
    let width = options.width(ONE_PANEL_WIDTH)?;
    let room = width - 2.0 * MARGIN;
    let columns = ((room + GAP) / (COLUMN + GAP)).floor().max(1.0) as usize;
    let column = (room + GAP) / columns as f64 - GAP;
    let image = (column * 0.9).min(LARGEST);
    let line = NOTE_SIZE * LINE_HEIGHT;
    let pitch = image + 3.0 + 2.0 * line + GAP;

    let facts = |shown: usize| {
        let mut facts = vec![format!("seed {}, n = 1 trial", trial.manifest.seed)];
        let why = chosen_case(results).and_then(|(_, why)| why);
        facts.extend(why.map(|why| format!("the case is {why}")));
        facts.extend(kept_epochs(std::iter::once(trial)));
        facts.push(
            "below each image: its class, and what it was taken for with which probability"
                .to_owned(),
        );
        if shown < mistakes.list.len() {
            facts.push(format!("the surest {shown} of {} recorded", mistakes.list.len()));
        }
        facts
    };
    let subtitle = match results.cases.len() {
        1 => "Misclassified test images, the most confident first".to_owned(),
        _ => format!("Misclassified test images of {}, the most confident first", trial.label),
    };
    let frame = |shown: usize| Frame {
        width,
        title: &results.name,
        subtitle: &subtitle,
        legends: Vec::new(),
        notes: Notes::new(&facts(shown), width),
    };
    let most = mistakes.list.len().min(MOST);
    let own = most.div_ceil(columns) as f64 * pitch;
    let height: Result<f64, BadOption> = frame(most).panel_height(options, own, 0.0, pitch);
    let rows = ((height? + 0.01) / pitch).floor() as usize;
    let shown = most.min(rows * columns);
    let frame = frame(shown);
    let height = frame.panel_height(options, shown.div_ceil(columns) as f64 * pitch, 0.0, 0.0)?;
    let (mut canvas, top) = frame.sheet(height, 0.0);
    for (index, (mistake, picture)) in
        mistakes.list.iter().zip(mistakes.images).take(shown).enumerate()
    {
        let left = MARGIN + (index % columns) as f64 * (column + GAP);
        let y = top + (index / columns) as f64 * pitch;
        let scale = image / picture.width.max(picture.height) as f64;
        let size = (picture.width as f64 * scale, picture.height as f64 * scale);
        canvas.image(picture, (left, y), size);
        let (right, bottom) = (left + size.0, y + size.1);
        // Images may have the colour of the paper.
        let outline = [(left, y), (right, y), (right, bottom), (left, bottom), (left, y)];
        canvas.line(&outline, Stroke::solid(AXIS_COLOUR, AXIS_WIDTH / 2.0));
        let style = TextStyle::new(NOTE_SIZE).colour(INK);
        let baseline = y + image + 3.0 + NOTE_SIZE;
        canvas.text(&style.fit(&mistake.true_name.0, column), (left, baseline), style);
        let style = style.colour(QUIET_INK);
        let share = format!(" {:.0} %", f64::from(mistake.probability) * 100.0);
        let taken =
            style.fit(&format!("→ {}", mistake.predicted_name), column - style.width(&share));
        canvas.text(&format!("{taken}{share}"), (left, baseline + line), style);
    }
    Ok(Some(canvas))
}
