//! `bn-runner plot`: charts from recorded files, redrawn or drawn otherwise.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Result, bail};
use clap::Args;

use super::folders::{FolderArgs, common_folder, with_folders};
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

    /// A file for one chart, or a folder for several. [default: beside what is drawn]
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
    let format = args.format.unwrap_or_else(|| format_of(args.output.as_deref()));
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

/// What the ending of a file says.
fn format_of(output: Option<&Path>) -> Format {
    let ending = output.and_then(Path::extension).map(std::ffi::OsStr::to_ascii_lowercase);
    if ending.is_some_and(|ending| ending == "svg") { Format::Svg } else { Format::Png }
}

/// Where a chart goes.
fn target(output: Option<&Path>, job: &Job, format: Format, several: bool) -> Result<PathBuf> {
    let own = format!("{}.{}", job.plot, format.ending());
    let Some(output) = output else { return Ok(job.folder.join(own)) };
    let is_folder = output.is_dir() || output.extension().is_none();
    if is_folder {
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
    fn the_ending_of_the_file_says_the_format() {
        assert_eq!(format_of(Some(Path::new("a.SVG"))), Format::Svg);
        assert_eq!(format_of(Some(Path::new("a.png"))), Format::Png);
        assert_eq!(format_of(None), Format::Png);
    }
}
