//! Text in the charts: an embedded font, measured before it is drawn.
//!
//! The glyphs are laid out here and not by plotters, which drops their side bearings, so that
//! letters would stand unevenly.

use std::borrow::Cow;
use std::sync::LazyLock;

use ab_glyph::{Font as _, FontRef, Glyph, PxScaleFont, ScaleFont as _, point};

use super::theme::{Colour, INK};

static REGULAR: LazyLock<FontRef<'static>> = LazyLock::new(|| font(notosans::REGULAR_TTF));
static BOLD: LazyLock<FontRef<'static>> = LazyLock::new(|| font(notosans::BOLD_TTF));

type ScaledFont = PxScaleFont<&'static FontRef<'static>>;

fn font(bytes: &'static [u8]) -> FontRef<'static> {
    FontRef::try_from_slice(bytes).expect("the embedded font is a font")
}

/// Whether the font has all letters of a text; those that it lacks are drawn as boxes.
#[cfg(test)]
pub fn has_glyphs(text: &str) -> bool {
    text.chars().all(|letter| REGULAR.glyph_id(letter).0 != 0)
}

/// The height of Noto Sans' digits, in em; what centres a label on a tick.
const DIGIT_HEIGHT: f64 = 0.714;

/// No label of any use is longer; whatever measures text by trying is spared the rest.
const LONGEST: usize = 400;

/// Where text lies relative to its point.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Align {
    Start,
    Middle,
    End,
}

impl Align {
    /// The share of the text that comes before its point.
    pub(super) fn share_before(self) -> f64 {
        match self {
            Self::Start => 0.0,
            Self::Middle => 0.5,
            Self::End => 1.0,
        }
    }
}

/// How text looks.
#[derive(Debug, Clone, Copy)]
pub struct TextStyle {
    pub size: f64,
    pub bold: bool,
    pub colour: Colour,
    pub align: Align,
}

impl TextStyle {
    /// Regular weight, in ink, from its point to the right.
    pub fn new(size: f64) -> Self {
        Self { size, bold: false, colour: INK, align: Align::Start }
    }

    pub fn bold(self) -> Self {
        Self { bold: true, ..self }
    }

    pub fn colour(self, colour: Colour) -> Self {
        Self { colour, ..self }
    }

    pub fn align(self, align: Align) -> Self {
        Self { align, ..self }
    }

    /// How far below the centre of its digits the baseline is.
    pub fn baseline_drop(self) -> f64 {
        self.size * DIGIT_HEIGHT / 2.0
    }

    /// The width of a text in points.
    pub fn width(self, text: &str) -> f64 {
        // Glyphs grow with the size, so that any scale will do to measure them.
        self.lay_out(text, 1.0, |_, _| {})
    }

    /// The text, or as much of its beginning as fits a width, with an ellipsis.
    pub fn fit(self, text: &str, width: f64) -> String {
        let text = clean(text);
        if self.width(&text) <= width {
            return text.into_owned();
        }
        let ends: Vec<usize> = text.char_indices().map(|(at, _)| at).collect();
        let shortened = |end: usize| format!("{}…", text[..ends[end]].trim_end());
        let fitting = ends.len()
            - (0..ends.len())
                .collect::<Vec<_>>()
                .partition_point(|cut| self.width(&shortened(ends.len() - 1 - cut)) > width);
        if fitting == 0 { String::new() } else { shortened(fitting - 1) }
    }

    /// As [`TextStyle::fit`], but the middle gives way: the grid values that tell cases apart stand
    /// at the end of their names.
    pub fn fit_middle(self, text: &str, width: f64) -> String {
        let text = clean(text);
        if self.width(&text) <= width {
            return text.into_owned();
        }
        let chars: Vec<char> = text.chars().collect();
        let shortened = |kept: usize| -> String {
            let (start, end) = (&chars[..kept.div_ceil(2)], &chars[chars.len() - kept / 2..]);
            start.iter().chain(&['…']).chain(end).collect()
        };
        let counts: Vec<usize> = (0..chars.len()).collect();
        let fitting = counts.partition_point(|kept| self.width(&shortened(*kept)) <= width);
        if fitting == 0 { String::new() } else { shortened(fitting - 1) }
    }

    /// Gives every pixel that a text touches, from the left end of its baseline, with the share of
    /// the pixel that is covered, at a number of pixels per point.
    pub fn pixels(self, text: &str, scale: f64, mut pixel: impl FnMut(i32, i32, f32)) {
        self.lay_out(text, scale, |font, glyph| {
            let Some(outline) = font.outline_glyph(glyph) else {
                return;
            };
            let corner = outline.px_bounds().min;
            outline.draw(|x, y, covered| {
                pixel(corner.x as i32 + x as i32, corner.y as i32 + y as i32, covered);
            });
        });
    }

    /// Places the glyphs of a text one after the other and returns its width in pixels.
    fn lay_out(self, text: &str, scale: f64, mut each: impl FnMut(&ScaledFont, Glyph)) -> f64 {
        let font = self.font(scale);
        let mut pen = 0.0;
        let mut previous = None;
        for c in clean(text).chars() {
            let id = font.glyph_id(c);
            if let Some(previous) = previous.replace(id) {
                pen += font.kern(previous, id);
            }
            each(&font, id.with_scale_and_position(font.scale(), point(pen, 0.0)));
            pen += font.h_advance(id);
        }
        f64::from(pen)
    }

    fn font(self, scale: f64) -> ScaledFont {
        let font: &FontRef = if self.bold { &BOLD } else { &REGULAR };
        // Typography sizes a font by its em, ab_glyph by its line.
        let per_em = font.units_per_em().unwrap_or(1000.0);
        font.as_scaled((self.size * scale) as f32 * font.height_unscaled() / per_em)
    }
}

/// Text on one line, as it is: characters that have no shape but an effect, such as line breaks,
/// escapes and changes of direction, are replaced by a visible mark.
pub fn clean(text: &str) -> Cow<'_, str> {
    if text.chars().count() <= LONGEST && !text.contains(has_effect) {
        return Cow::Borrowed(text);
    }
    let replaced = |c: char| if has_effect(c) { '\u{fffd}' } else { c };
    Cow::Owned(text.chars().take(LONGEST).map(replaced).collect())
}

fn has_effect(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}')
        || c == '\u{feff}'
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn longer_texts_are_wider_and_bold_ones_too() {
        let style = TextStyle::new(10.0);
        assert!(style.width("accuracy") > style.width("loss"));
        assert!(style.bold().width("accuracy") > style.width("accuracy"));
        // A digit of Noto Sans is 0.572 em wide.
        assert!((style.width("0000000000") - 57.2).abs() < 0.5, "{}", style.width("0000000000"));
    }

    #[test]
    fn what_does_not_fit_ends_in_an_ellipsis_and_is_as_long_as_can_be() {
        let style = TextStyle::new(10.0);
        let text = "a variant with quite a long name";
        assert_eq!(style.fit(text, 1000.0), text);
        let short = style.fit(text, 60.0);
        assert!(short.ends_with('…') && style.width(&short) <= 60.0, "{short}");
        let shown = short.trim_end_matches('…').len();
        assert!(style.width(&format!("{}…", &text[..shown + 2])) > 60.0, "{short}");
        assert_eq!(style.fit(text, 1.0), "");
    }

    #[test]
    fn of_a_case_the_end_stays() {
        let style = TextStyle::new(10.0);
        let text = "default,learning_rate=0.001,batch_size=128";
        assert_eq!(style.fit_middle(text, 1000.0), text);
        let short = style.fit_middle(text, 100.0);
        assert!(short.starts_with("default") && short.ends_with("=128"), "{short}");
        assert!(short.contains('…') && style.width(&short) <= 100.0, "{short}");
        assert_eq!(style.fit_middle(text, 1.0), "");
    }

    #[test]
    fn hostile_text_is_measured_like_any_other() {
        let style = TextStyle::new(10.0);
        for text in ["", "\0\n\u{1b}[31m", "\u{202e}abc", "批归一化", "🧪👩‍🔬", &"x".repeat(100_000)]
        {
            assert!(style.width(text).is_finite());
            assert!(style.width(&style.fit(text, 40.0)) <= 40.0);
            assert!(style.width(&style.fit_middle(text, 40.0)) <= 40.0);
        }
    }
}
