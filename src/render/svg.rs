//! A canvas as shapes: an SVG file by plotters, in which text is text.

use anyhow::{Result, anyhow};
use plotters::backend::{DrawingBackend, SVGBackend};
use plotters::style::text_anchor::{HPos, Pos, VPos};
use plotters::style::{
    Color as _, FontDesc, FontFamily, FontStyle, FontTransform, RGBColor, ShapeStyle,
};

use super::canvas::{Canvas, Mark, Point};
use super::text::{Align, TextStyle, clean};
use super::theme::{PAPER, Theme};
use crate::render::base64::base64;

/// plotters counts in whole numbers: so many to the point are finer than any print.
const SCALE: f64 = 20.0;

/// What stands in for the charts' own font, which is in the PNG files, where it is not installed.
const FONTS: &str = "Noto Sans, Open Sans, Helvetica Neue, Arial, sans-serif";

/// plotters makes a font this much smaller than it is told to.
const FONT_FACTOR: f64 = 1.24;

/// How far plotters puts a baseline below the point of a vertically centred text: half the height
/// of an x, which in Noto Sans is 0.536 em.
const BASELINE_DROP: f64 = 0.268;

/// An SVG file of a canvas.
pub fn svg(canvas: &Canvas, theme: Theme) -> Result<String> {
    let mut text = String::new();
    let size = ((canvas.width * SCALE).ceil() as u32, (canvas.height * SCALE).ceil() as u32);
    let mut images = String::new();
    let mut backend = SVGBackend::with_string(&mut text, size);
    let paper = paint(theme.rgb(PAPER), 1.0, 0);
    let corner = (size.0 as i32, size.1 as i32);
    done(backend.draw_rect((0, 0), corner, &paper, true))?;
    for mark in &canvas.marks {
        match mark {
            Mark::Image { image, corner, size } => {
                let png = super::grey_png(image)?;
                let [x, y, width, height] =
                    [corner.0, corner.1, size.0, size.1].map(|points| (points * SCALE).round());
                images.push_str(&format!(
                    "<image x=\"{x}\" y=\"{y}\" width=\"{width}\" height=\"{height}\" \
                     style=\"image-rendering: pixelated\" \
                     href=\"data:image/png;base64,{}\"/>\n",
                    base64(&png)
                ));
            }
            Mark::Line { .. } | Mark::Polygon { .. } | Mark::Circle { .. } | Mark::Text { .. } => {
                draw(&mut backend, mark, theme)?;
            }
        }
    }
    done(backend.present())?;
    drop(backend);
    // plotters gives the size in pixels of its own; a document has it in points. It knows no images
    // either, which nothing in a chart lies above.
    let (width, height) = (canvas.width, canvas.height);
    let text = text.replacen(
        &format!("<svg width=\"{}\" height=\"{}\"", size.0, size.1),
        &format!("<svg width=\"{width:.1}pt\" height=\"{height:.1}pt\" stroke-linejoin=\"round\""),
        1,
    );
    Ok(text.replacen("</svg>", &format!("{images}</svg>"), 1))
}

fn draw(backend: &mut SVGBackend<'_>, mark: &Mark, theme: Theme) -> Result<()> {
    match mark {
        Mark::Line { points, colour, width } => {
            let width = (width * SCALE).round().max(1.0) as u32;
            let paint = paint(theme.rgb(*colour), 1.0, width);
            done(backend.draw_path(points.iter().map(|at| units(*at)), &paint))
        }
        Mark::Polygon { corners, colour, alpha } => {
            let paint = paint(theme.rgb(*colour), *alpha, 0);
            done(backend.fill_polygon(corners.iter().map(|at| units(*at)), &paint))
        }
        Mark::Circle { centre, radius, colour, alpha } => {
            let paint = paint(theme.rgb(*colour), *alpha, 0);
            let radius = (radius * SCALE).round() as u32;
            done(backend.draw_circle(units(*centre), radius, &paint, true))
        }
        Mark::Text { text, at, style, upwards } => {
            let up = BASELINE_DROP * style.size;
            let at = if *upwards { (at.0 - up, at.1) } else { (at.0, at.1 - up) };
            let style = lettering(*style, theme.rgb(style.colour), *upwards);
            done(backend.draw_text(&clean(text), &style, units(at)))
        }
        Mark::Image { .. } => Ok(()),
    }
}

fn units((x, y): Point) -> (i32, i32) {
    ((x * SCALE).round() as i32, (y * SCALE).round() as i32)
}

fn done<E: std::fmt::Display>(result: Result<(), E>) -> Result<()> {
    result.map_err(|error| anyhow!("cannot draw a chart: {error}"))
}

fn paint(colour: RGBColor, alpha: f64, stroke_width: u32) -> ShapeStyle {
    ShapeStyle { color: colour.mix(alpha), filled: true, stroke_width }
}

/// How plotters wants to be told the look of a text.
fn lettering(
    style: TextStyle,
    colour: RGBColor,
    upwards: bool,
) -> plotters::style::TextStyle<'static> {
    let weight = if style.bold { FontStyle::Bold } else { FontStyle::Normal };
    let turn = if upwards { FontTransform::Rotate270 } else { FontTransform::None };
    let horizontal = match style.align {
        Align::Start => HPos::Left,
        Align::Middle => HPos::Center,
        Align::End => HPos::Right,
    };
    let font = FontDesc::new(FontFamily::Name(FONTS), style.size * SCALE * FONT_FACTOR, weight);
    font.transform(turn).color(&colour).pos(Pos::new(horizontal, VPos::Center))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::GreyImage;
    use crate::render::theme::INK;

    #[test]
    fn text_is_text_and_markup_in_it_stays_text() {
        let mut canvas = Canvas::new(72.0, 36.0);
        canvas.text("<script>&\"\u{1b}", (36.0, 18.0), TextStyle::new(10.0).bold());
        canvas.text_upwards("upwards", (10.0, 18.0), TextStyle::new(10.0));
        canvas.line(&[(0.0, 0.0), (72.0, 36.0)], super::super::canvas::Stroke::solid(INK, 1.0));
        let svg = canvas.svg(Theme::Light).unwrap();
        assert!(svg.starts_with("<svg width=\"72.0pt\" height=\"36.0pt\""), "{svg}");
        assert!(svg.contains("&lt;script&gt;&amp;&quot;\u{fffd}"), "{svg}");
        assert!(svg.contains("font-size=\"200\"") && svg.contains("rotate(270"), "{svg}");
        assert!(svg.trim_end().ends_with("</svg>") && !svg.contains('\u{1b}'), "{svg}");
    }

    #[test]
    fn images_are_in_the_file() {
        let mut canvas = Canvas::new(72.0, 36.0);
        let image = GreyImage { width: 2, height: 1, pixels: vec![255, 7] };
        canvas.image(image, (0.0, 0.0), (20.0, 10.0));
        let svg = canvas.svg(Theme::Dark).unwrap();
        assert!(svg.contains("href=\"data:image/png;base64,iVBORw0KGgo"), "{svg}");
        assert_eq!(svg.matches("</svg>").count(), 1);
    }
}
