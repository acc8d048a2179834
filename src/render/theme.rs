//! Sizes and colours of the charts, by name. Sizes are in points, 1/72 inch.

use plotters::style::RGBColor;

/// Pixels per inch of the finished picture unless asked otherwise: what print asks for.
pub const DPI: u32 = 300;

/// White space around a figure.
pub const MARGIN: f64 = 14.0;
/// Width of a figure with one panel: 7 inches.
pub const ONE_PANEL_WIDTH: f64 = 504.0;
/// Width of a figure with two panels: 10 inches.
pub const TWO_PANEL_WIDTH: f64 = 720.0;
/// Height of a panel between its frame's lines.
pub const PANEL_HEIGHT: f64 = 224.0;
/// White space between two panels.
pub const PANEL_GAP: f64 = 26.0;

/// Text sizes.
pub const TITLE_SIZE: f64 = 13.0;
pub const SUBTITLE_SIZE: f64 = 9.5;
pub const AXIS_TITLE_SIZE: f64 = 10.0;
pub const TICK_SIZE: f64 = 9.0;
pub const LABEL_SIZE: f64 = 9.5;
pub const NOTE_SIZE: f64 = 8.0;

/// A line of text of size `s` takes `s * LINE_HEIGHT`.
pub const LINE_HEIGHT: f64 = 1.4;
/// White space between an axis and its tick labels, and between these and the title.
pub const TEXT_GAP: f64 = 5.0;

/// Line widths.
pub const CURVE_WIDTH: f64 = 1.5;
pub const FAINT_CURVE_WIDTH: f64 = 1.0;
pub const AXIS_WIDTH: f64 = 0.72;
pub const GRID_WIDTH: f64 = 0.48;

/// Dash and gap of training curves.
pub const TRAIN_DASH: (f64, f64) = (4.2, 2.6);
/// Half the size of a marker on a curve.
pub const MARKER: f64 = 2.3;
/// Half the size of the mark of a mean.
pub const MEAN_MARKER: f64 = 3.6;
/// Half the size of the mark of a single seed.
pub const SEED_MARKER: f64 = 1.6;

/// Share of its colour in the band around a mean.
pub const BAND_ALPHA: f64 = 0.16;

/// A colour by its role, which becomes one of light or dark paper when the chart is finished.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Colour {
    role: Role,
    /// Its share in a mixture with the paper, which is how a thin layer of it looks.
    share: f64,
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Role {
    Paper,
    Ink,
    QuietInk,
    Axis,
    Grid,
    /// A case's, by its place in the palette.
    Series(usize),
    /// On the scale of a heat map, from 0 to 1.
    Scale(f64),
    /// What is legible on a place of that scale.
    OnScale(f64),
}

impl Colour {
    const fn of(role: Role) -> Self {
        Self { role, share: 1.0 }
    }

    /// A place on the scale of heat maps, from 0 to 1.
    pub fn scale(position: f64) -> Self {
        Self::of(Role::Scale(position.clamp(0.0, 1.0)))
    }

    /// What is legible on [`Colour::scale`] of the same position.
    pub fn on_scale(position: f64) -> Self {
        Self::of(Role::OnScale(position.clamp(0.0, 1.0)))
    }

    /// Mixed with paper, as a thin layer of it would look; opaque, so that overlaps do not show.
    pub fn lighter(self, share: f64) -> Self {
        Self { share: self.share * share, ..self }
    }
}

pub const PAPER: Colour = Colour::of(Role::Paper);
pub const INK: Colour = Colour::of(Role::Ink);
pub const QUIET_INK: Colour = Colour::of(Role::QuietInk);
pub const AXIS_COLOUR: Colour = Colour::of(Role::Axis);
pub const GRID_COLOUR: Colour = Colour::of(Role::Grid);

/// Colours in the palettes.
const COLOURS: usize = 7;

/// What a chart is drawn on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, clap::ValueEnum)]
pub enum Theme {
    /// White paper.
    #[default]
    Light,
    /// Dark paper, for slides and dark pages.
    Dark,
}

/// The colours of a theme.
struct Colours {
    paper: RGBColor,
    ink: RGBColor,
    quiet_ink: RGBColor,
    axis: RGBColor,
    grid: RGBColor,
    series: [RGBColor; COLOURS],
    /// Lowest, middle and highest of a scale; how light they are never turns.
    scale: [RGBColor; 3],
}

const LIGHT: Colours = Colours {
    paper: RGBColor(0xff, 0xff, 0xff),
    ink: RGBColor(0x22, 0x22, 0x22),
    quiet_ink: RGBColor(0x5a, 0x5a, 0x5a),
    axis: RGBColor(0x6e, 0x6e, 0x6e),
    grid: RGBColor(0xe6, 0xe6, 0xe6),
    // Okabe and Ito's palette, which colour-blind readers can tell apart, without its yellow, which
    // nobody can see on white.
    series: [
        RGBColor(0x00, 0x72, 0xb2), // blue
        RGBColor(0xd5, 0x5e, 0x00), // vermillion
        RGBColor(0x00, 0x9e, 0x73), // bluish green
        RGBColor(0xcc, 0x79, 0xa7), // reddish purple
        RGBColor(0xe6, 0x9f, 0x00), // orange
        RGBColor(0x56, 0xb4, 0xe9), // sky blue
        RGBColor(0x00, 0x00, 0x00), // black
    ],
    scale: [RGBColor(0xf1, 0xf5, 0xfa), RGBColor(0x6b, 0xa6, 0xd3), RGBColor(0x08, 0x30, 0x6b)],
};

const DARK: Colours = Colours {
    paper: RGBColor(0x15, 0x17, 0x1b),
    ink: RGBColor(0xe9, 0xe9, 0xe9),
    quiet_ink: RGBColor(0xad, 0xb1, 0xb8),
    axis: RGBColor(0x85, 0x8a, 0x93),
    grid: RGBColor(0x2e, 0x32, 0x39),
    // The same hues, lighter, with the yellow in place of the sky blue that the blue has become.
    series: [
        RGBColor(0x4d, 0xa3, 0xe8), // blue
        RGBColor(0xf0, 0x7c, 0x3a), // vermillion
        RGBColor(0x2d, 0xbf, 0x93), // bluish green
        RGBColor(0xdd, 0x94, 0xbe), // reddish purple
        RGBColor(0xe6, 0x9f, 0x00), // orange
        RGBColor(0xf0, 0xe4, 0x42), // yellow
        RGBColor(0xff, 0xff, 0xff), // white
    ],
    scale: [RGBColor(0x1e, 0x25, 0x30), RGBColor(0x2b, 0x6c, 0xab), RGBColor(0xc9, 0xe4, 0xff)],
};

impl Theme {
    fn colours(self) -> &'static Colours {
        match self {
            Self::Light => &LIGHT,
            Self::Dark => &DARK,
        }
    }

    /// A role's colour on this paper.
    pub fn rgb(self, colour: Colour) -> RGBColor {
        let colours = self.colours();
        let full = match colour.role {
            Role::Paper => colours.paper,
            Role::Ink => colours.ink,
            Role::QuietInk => colours.quiet_ink,
            Role::Axis => colours.axis,
            Role::Grid => colours.grid,
            Role::Series(index) => colours.series[index % COLOURS],
            Role::Scale(position) => scale(colours.scale, position),
            Role::OnScale(position) => legible_on(scale(colours.scale, position)),
        };
        mixed(colours.paper, full, colour.share)
    }
}

/// The colours of cases as `#rrggbb`, for pages.
pub fn palette(theme: Theme) -> Vec<String> {
    let hex = |RGBColor(r, g, b): &RGBColor| format!("#{r:02x}{g:02x}{b:02x}");
    theme.colours().series.iter().map(hex).collect()
}

fn scale([low, middle, high]: [RGBColor; 3], position: f64) -> RGBColor {
    match position {
        below if below < 0.5 => mixed(low, middle, below * 2.0),
        above => mixed(middle, high, above * 2.0 - 1.0),
    }
}

/// Black or white, whichever has more contrast (WCAG's relative luminance).
fn legible_on(colour: RGBColor) -> RGBColor {
    let linear = |channel: u8| {
        let share = f64::from(channel) / 255.0;
        if share <= 0.040_45 { share / 12.92 } else { ((share + 0.055) / 1.055).powf(2.4) }
    };
    let luminance =
        0.2126 * linear(colour.0) + 0.7152 * linear(colour.1) + 0.0722 * linear(colour.2);
    // Where black and white have the same contrast: sqrt(0.05 * 1.05) - 0.05.
    if luminance > 0.179 { RGBColor(0x11, 0x11, 0x11) } else { RGBColor(0xff, 0xff, 0xff) }
}

fn mixed(from: RGBColor, to: RGBColor, share: f64) -> RGBColor {
    let mix = |a: u8, b: u8| (f64::from(a) + (f64::from(b) - f64::from(a)) * share).round() as u8;
    RGBColor(mix(from.0, to.0), mix(from.1, to.1), mix(from.2, to.2))
}

/// Cases that one chart shows; more are not told apart.
pub const MAX_CASES: usize = 40;

/// The shape of the marks on a curve.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Marker {
    Circle,
    Square,
    Triangle,
    Diamond,
    TriangleDown,
    Cross,
}

const MARKERS: [Marker; 6] = [
    Marker::Circle,
    Marker::Square,
    Marker::Triangle,
    Marker::Diamond,
    Marker::TriangleDown,
    Marker::Cross,
];

/// How one case looks in every chart: a colour, and a marker that tells it without colours.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct CaseStyle {
    pub colour: Colour,
    pub marker: Marker,
}

/// The look of the case at a place in its experiment. As there are 7 colours and 6 markers, the
/// first 42 all differ.
pub fn case_style(index: usize) -> CaseStyle {
    CaseStyle {
        colour: Colour::of(Role::Series(index % COLOURS)),
        marker: MARKERS[index % MARKERS.len()],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn as_many_cases_as_a_chart_shows_differ_in_colour_or_marker() {
        let styles: Vec<CaseStyle> = (0..MAX_CASES).map(case_style).collect();
        for (i, style) in styles.iter().enumerate() {
            assert!(!styles[..i].contains(style), "{i}");
        }
    }

    #[test]
    fn text_is_legible_on_paper_and_on_every_place_of_a_scale() {
        let luminance = |colour: RGBColor| {
            let linear = |channel: u8| (f64::from(channel) / 255.0).powf(2.2);
            0.2126 * linear(colour.0) + 0.7152 * linear(colour.1) + 0.0722 * linear(colour.2)
        };
        let contrast = |a, b| {
            let (a, b) = (luminance(a), luminance(b));
            (a.max(b) + 0.05) / (a.min(b) + 0.05)
        };
        for theme in [Theme::Light, Theme::Dark] {
            let paper = theme.rgb(PAPER);
            assert!(contrast(theme.rgb(INK), paper) > 12.0);
            assert!(contrast(theme.rgb(QUIET_INK), paper) > 6.0);
            for series in 0..COLOURS {
                let found = contrast(theme.rgb(case_style(series).colour), paper);
                assert!(found > 2.0, "{theme:?} {series}: {found}");
            }
            let mut before = 0.0;
            for step in 0..=20 {
                let position = f64::from(step) / 20.0;
                let (below, above) = (Colour::scale(position), Colour::on_scale(position));
                assert!(contrast(theme.rgb(below), theme.rgb(above)) > 4.4, "{position}");
                let distance = contrast(theme.rgb(below), paper);
                assert!(distance > before, "the scale turns at {position}");
                before = distance;
            }
        }
    }
}
