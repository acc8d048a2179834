//! `bn-runner plot`: charts from recorded files, redrawn or drawn otherwise.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Result, bail};
use clap::Args;

use super::folders::{FolderArgs, common_folder, with_folders};
use super::output::{WrongExtension, extension, is_folder, require_extension};
use super::{NothingSelected, print};
use crate::analysis::ExperimentResults;
use crate::record::write_atomically;
use crate::render::{BadOption, DPI, Format, Look, Options, Theme, TimeAxis, chart, default_plots};
use crate::spec::Plot;

#[derive(Debug, Args)]
pub struct PlotArgs {
    #[command(flatten)]
    folders: FolderArgs,

    /// Kinds of charts. [default: those that `run` draws]
    #[arg(short, long, value_enum, value_delimiter = ',')]
    kind: Vec<Plot>,

    /// What curves are drawn against.
    #[arg(long, value_enum)]
    x: Option<TimeAxis>,

    /// The metric, under its name in the tables, as in `--y val_loss`.
    #[arg(long, value_name = "METRIC")]
    y: Option<String>,

    /// What `epochs_to_target` and `seconds_to_target` count to. [default: 95 % of the best]
    #[arg(long, value_name = "VALUE")]
    target: Option<f64>,

    /// Width and height: inches as in 7x4, or `180x100mm`, or `1600x900px`.
    #[arg(long, value_name = "WxH", value_parser = Size::parse)]
    size: Option<Size>,

    /// Pixels per inch of PNG files.
    #[arg(long, value_name = "N", default_value_t = DPI, value_parser = clap::value_parser!(u32).range(30..=1200))]
    dpi: u32,

    /// Light or dark paper.
    #[arg(long, value_enum, default_value = "light")]
    theme: Theme,

    /// What is written. [default: what the ending of -o says, else png]
    #[arg(long, value_enum)]
    format: Option<Format>,

    /// A file for one chart (`.png` or `.svg`), or a folder for several: one that is there, or a name
    /// without an extension. [default: beside what is drawn]
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
}

/// A size as given.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Size {
    width: f64,
    height: f64,
    unit: Unit,
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Unit {
    Inch,
    Millimetre,
    Pixel,
}

impl Size {
    fn parse(text: &str) -> Result<Self, String> {
        let help = "write width and height, as in 7x4 (inches), 180x100mm or 1600x900px";
        let units = [("in", Unit::Inch), ("mm", Unit::Millimetre), ("px", Unit::Pixel)];
        let (numbers, unit) = units
            .into_iter()
            .find_map(|(ending, unit)| Some((text.strip_suffix(ending)?, unit)))
            .unwrap_or((text, Unit::Inch));
        let (width, height) = numbers.split_once(['x', '×']).ok_or(help)?;
        let number = |text: &str| {
            text.trim().parse::<f64>().ok().filter(|number| *number > 0.0 && number.is_finite())
        };
        match (number(width), number(height)) {
            (Some(width), Some(height)) => Ok(Self { width, height, unit }),
            (None, _) | (_, None) => Err(help.to_owned()),
        }
    }

    /// In points, 1/72 inch.
    fn points(self, dpi: u32) -> (f64, f64) {
        let per_unit = match self.unit {
            Unit::Inch => 72.0,
            Unit::Millimetre => 72.0 / 25.4,
            Unit::Pixel => 72.0 / f64::from(dpi),
        };
        (self.width * per_unit, self.height * per_unit)
    }
}

pub fn plot(args: &PlotArgs) -> Result<ExitCode> {
    // Refused before anything is read.
    let format = format_of(args.output.as_deref(), args.format)?;
    let experiments = with_folders(args.folders.read()?);
    let options = Options {
        size: args.size.map(|size| size.points(args.dpi)),
        x: args.x,
        y: args.y.clone(),
        target: args.target,
    };
    for plot in &args.kind {
        options.fit(*plot)?;
    }
    let look = Look { theme: args.theme, dpi: args.dpi, format };
    let jobs = jobs(args, experiments);
    let several = jobs.len() > 1;
    let mut empty = Vec::new();
    let mut written = 0;
    for job in &jobs {
        // Of charts that were not asked for by name, those that have nothing to do with an option go
        // without it.
        let options = if args.kind.is_empty() {
            options.clone().without_unfit(job.plot)
        } else {
            options.clone()
        };
        match chart(job.plot, &job.experiments, &options, look)? {
            Some(content) => {
                let path = target(args.output.as_deref(), job, format, several)?;
                write_atomically(&path, &content)?;
                print(&format!("{}\n", path.display()))?;
                written += 1;
            }
            None => empty.push(format!("`{}` of {}", job.plot, job.name)),
        }
    }
    if written == 0 {
        let what = empty.join(", ");
        bail!(NothingSelected(format!("there is nothing to draw for {what}: {}", why(&jobs))));
    }
    if !args.kind.is_empty() {
        for chart in empty {
            eprintln!("note: there is nothing to draw for {chart}");
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// One chart to be drawn.
struct Job {
    plot: Plot,
    /// The experiment, for file names and messages.
    name: String,
    /// Where it is put unless told otherwise.
    folder: PathBuf,
    experiments: Vec<ExperimentResults>,
}

fn jobs(args: &PlotArgs, found: Vec<(PathBuf, ExperimentResults)>) -> Vec<Job> {
    let folders: Vec<&Path> = found.iter().map(|(folder, _)| folder.as_path()).collect();
    let common = common_folder(&folders);
    let together = Plot::Comparison;
    let mut jobs = Vec::new();
    for (folder, results) in &found {
        let default = default_plots(results);
        let kinds = if args.kind.is_empty() { &default } else { &args.kind };
        let alone = |plot: &&Plot| **plot != together || found.len() == 1;
        jobs.extend(kinds.iter().filter(alone).map(|plot| Job {
            plot: *plot,
            name: results.name.clone(),
            folder: folder.clone(),
            experiments: vec![results.clone()],
        }));
    }
    if found.len() > 1 && (args.kind.is_empty() || args.kind.contains(&together)) {
        let experiments = found.into_iter().map(|(_, results)| results).collect();
        jobs.push(Job { plot: together, name: "all".to_owned(), folder: common, experiments });
    }
    jobs
}

/// The format of charts: that of the file's extension, or the one that was asked for.
///
/// # Errors
/// [`WrongExtension`] where the extension names another format.
fn format_of(output: Option<&Path>, asked: Option<Format>) -> Result<Format, WrongExtension> {
    let Some(file) = output.filter(|path| !names_folder(path)) else {
        return Ok(asked.unwrap_or(Format::Png));
    };
    require_extension(file, "charts are PNG or SVG files", &["png", "svg"])?;
    let is_svg = extension(file).is_some_and(|found| found == Format::Svg.ending());
    let of_file = if is_svg { Format::Svg } else { Format::Png };
    match asked {
        Some(asked) if asked != of_file => Err(WrongExtension::Contradiction {
            path: file.to_owned(),
            format: asked.ending().to_owned(),
        }),
        Some(_) | None => Ok(of_file),
    }
}

/// Whether a path names a folder for charts: one that is there, or a name without an extension.
fn names_folder(path: &Path) -> bool {
    is_folder(path) || path.extension().is_none()
}

/// Where a chart goes.
fn target(output: Option<&Path>, job: &Job, format: Format, several: bool) -> Result<PathBuf> {
    let own = format!("{}.{}", job.plot, format.ending());
    let Some(output) = output else { return Ok(job.folder.join(own)) };
    if names_folder(output) {
        let name = Path::new(&job.name).file_name().unwrap_or_default().to_string_lossy();
        return Ok(output.join(format!("{name}_{own}")));
    }
    if several {
        bail!(BadOption(format!(
            "there are several charts to draw, and `{}` is one file: give `-o` a folder, or name one \
             experiment and one `--kind`",
            output.display()
        )));
    }
    Ok(output.to_owned())
}

/// What a chart would have needed.
fn why(jobs: &[Job]) -> &'static str {
    match jobs.first().map(|job| job.plot) {
        Some(Plot::HeatMap) => "it takes a `grid:` with several values, trained",
        Some(Plot::ConfusionMatrix | Plot::Mistakes) => {
            "the best case's trials recorded no `confusion_matrix.csv` or `mistakes.csv`"
        }
        Some(Plot::GradientNorm | Plot::ActivationDistribution) => {
            "it takes `diagnostics: true` in the file, and trials that were completed with it"
        }
        Some(
            Plot::LearningCurves
            | Plot::AccuracyVsTime
            | Plot::EpochsToTarget
            | Plot::SecondsToTarget
            | Plot::FinalAccuracy
            | Plot::ParametersVsAccuracy
            | Plot::LearningRate
            | Plot::Comparison,
        )
        | None => "no trial was completed that has these numbers",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_in_inches_unless_they_say_otherwise() {
        let points = |text: &str| Size::parse(text).unwrap().points(100);
        assert_eq!(points("7x4"), (504.0, 288.0));
        assert_eq!(points("7x4in"), (504.0, 288.0));
        assert_eq!(points("1600x900px"), (1152.0, 648.0));
        let (width, height) = points("25.4 × 50.8mm");
        assert!((width - 72.0).abs() < 1e-9 && (height - 144.0).abs() < 1e-9);
        for wrong in ["7", "x4", "0x4", "-1x2", "7x4cm", "axb", "infx1"] {
            assert!(Size::parse(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn the_extension_of_the_file_says_the_format() {
        let of = |file: &str, asked| {
            format_of(Some(Path::new(file)), asked).map_err(|error| error.to_string())
        };
        assert_eq!(of("a.SVG", None), Ok(Format::Svg));
        assert_eq!(of("a.PNG", None), Ok(Format::Png));
        assert_eq!(of("a.png", Some(Format::Png)), Ok(Format::Png));
        assert_eq!(of("folder", Some(Format::Svg)), Ok(Format::Svg));
        assert_eq!(of("folder.v2/", None), Ok(Format::Png));
        assert_eq!(format_of(None, None).unwrap(), Format::Png);
        for file in ["a.pdf", "a.jpg", "a.svgz"] {
            let error = of(file, None).unwrap_err();
            assert!(error.contains("charts are PNG or SVG files"), "{error}");
            assert_eq!(of(file, Some(Format::Png)).unwrap_err(), error);
        }
        let error = of("a.png", Some(Format::Svg)).unwrap_err();
        assert!(error.contains("`--format svg` contradicts"), "{error}");
    }
}
