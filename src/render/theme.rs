//! Sizes and colours of the charts, by name. Sizes are in points, 1/72 inch.

use plotters::style::RGBColor;

/// Pixels per inch of the finished picture: what print asks for.
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

pub const INK: RGBColor = RGBColor(0x22, 0x22, 0x22);
pub const QUIET_INK: RGBColor = RGBColor(0x5a, 0x5a, 0x5a);
pub const AXIS_COLOUR: RGBColor = RGBColor(0x6e, 0x6e, 0x6e);
pub const GRID_COLOUR: RGBColor = RGBColor(0xe6, 0xe6, 0xe6);

/// Okabe and Ito's palette, which colour-blind readers can tell apart, without its yellow, which
/// nobody can see on white.
pub const PALETTE: [RGBColor; 7] = [
    RGBColor(0x00, 0x72, 0xb2), // blue
    RGBColor(0xd5, 0x5e, 0x00), // vermillion
    RGBColor(0x00, 0x9e, 0x73), // bluish green
    RGBColor(0xcc, 0x79, 0xa7), // reddish purple
    RGBColor(0xe6, 0x9f, 0x00), // orange
    RGBColor(0x56, 0xb4, 0xe9), // sky blue
    RGBColor(0x00, 0x00, 0x00), // black
];

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

/// How one case looks in every chart: a colour, and beyond seven cases another marker.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CaseStyle {
    pub colour: RGBColor,
    pub marker: Marker,
}

/// The look of the case at a place in its experiment.
pub fn case_style(index: usize) -> CaseStyle {
    CaseStyle {
        colour: PALETTE[index % PALETTE.len()],
        marker: MARKERS[index / PALETTE.len() % MARKERS.len()],
    }
}

/// A colour mixed with white, as a thin layer of it would look; opaque, so that overlaps do not show.
pub fn lighter(colour: RGBColor, share: f64) -> RGBColor {
    let mix = |channel: u8| (255.0 - (255.0 - f64::from(channel)) * share).round() as u8;
    RGBColor(mix(colour.0), mix(colour.1), mix(colour.2))
}
