//! The verbs of the command line, one file each, and the exit codes.

mod backends;
mod charts;
mod check;
mod clean;
mod compare;
mod data;
mod dry_run;
mod expect;
mod experiments;
mod explain;
mod export;
mod fold;
mod folders;
mod list;
mod moved;
mod new;
mod output;
mod plot;
mod predict;
mod report;
mod results;
mod run;
mod schema;
mod status;
mod summary;
mod trained;
mod verify;
mod watch;

use std::io::{IsTerminal as _, Write as _};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Result;
use clap::{Args, Parser, Subcommand};

use crate::analysis::UnknownName;
use crate::backend::Unavailable;
use crate::data::{DataError, DataOptions};
use crate::record::Nothing;
use crate::render::BadOption;
use crate::spec::Overrides;

use experiments::Mistakes;
use moved::MovedArgs;
use output::WrongExtension;
use trained::NotTrained;

const EXIT_CODES: &str = "\
Exit codes:
  0    all went well
  1    unexpected error
  2    wrong usage, or a mistake in an experiment file
  3    data not found, not fetched or damaged
  4    nothing selected, or nothing there
  5    a claim of `expect:` is refuted
  100  one or more trials failed (one that diverged has not failed)
  130  interrupted; the same command goes on";

/// Declarative deep-learning experiments: YAML in, CSV metrics and comparison charts out.
#[derive(Debug, Parser)]
#[command(version, after_help = EXIT_CODES, max_term_width = 100)]
pub struct Arguments {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// Train what experiment files describe; write CSV files and charts.
    Run(run::RunArgs),
    /// Count trials that are done, diverged, failed, interrupted, running and to do, per experiment.
    Status(status::StatusArgs),
    /// List trials with their state and their accuracy.
    List(list::ListArgs),
    /// Follow what another process is training.
    Watch(watch::WatchArgs),
    /// Remove old results: what was moved aside, and what killed processes left.
    Clean(clean::CleanArgs),
    /// Look for mistakes in experiment files, without data and without training.
    Check(check::CheckArgs),
    /// Write a commented starter file.
    New(new::NewArgs),
    /// Explain a name in experiment files: parameters, defaults, formula, reference.
    Explain(explain::ExplainArgs),
    /// Print the JSON Schema of experiment files, for editors.
    Schema,
    /// Print each variant's layers and parameters, as Keras' model.summary() does.
    Summary(summary::SummaryArgs),
    /// Redraw charts from recorded files, or draw others: other kinds, sizes, colours, formats.
    Plot(plot::PlotArgs),
    /// Write one page with everything that was recorded: tables, interactive curves, configs.
    Report(report::ReportArgs),
    /// Let a trained network classify images; write a CSV file.
    Predict(predict::PredictArgs),
    /// Remove a trained network's batch normalizations where its neighbours can do their work.
    Fold(fold::FoldArgs),
    /// Put recorded cases or trials side by side; test their differences.
    Compare(compare::CompareArgs),
    /// Decide the claims of recorded experiments from their recorded trials.
    Expect(expect::ExpectArgs),
    /// Write recorded numbers as Parquet, JSON, Markdown, LaTeX or CSV.
    Export(export::ExportArgs),
    /// Train a recorded trial again and compare every number.
    Verify(verify::VerifyArgs),
    /// Find, fetch or verify Fashion-MNIST.
    Data(data::DataArgs),
    /// List the backends and the devices that this machine gives them.
    Backends,
}

/// Experiment files and what the command line changes in them.
#[derive(Debug, Args)]
struct FileArgs {
    /// Experiment files.
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,

    /// Set a value in every file, as in `-s training.epochs=2`.
    #[arg(short, long, value_name = "KEY=VALUE")]
    set: Vec<String>,

    #[command(flatten)]
    moved: MovedArgs,
}

impl FileArgs {
    fn overrides(&self) -> Overrides {
        Overrides { set: self.set.clone(), seeds: None }
    }
}

/// Where Fashion-MNIST is.
#[derive(Debug, Args)]
struct SourceArgs {
    /// Folder with the four Fashion-MNIST files, looked into first. `predict`, `fold` and `verify`
    /// also look there for a data set that has moved.
    #[arg(long, value_name = "FOLDER", env = "BN_RUNNER_DATA_DIR", hide_env_values = true)]
    #[arg(value_parser = moved::path())]
    data_dir: Option<PathBuf>,

    /// Address of a folder with the four files, asked before the public mirrors.
    #[arg(long, value_name = "URL", env = "BN_RUNNER_DATA_URL", hide_env_values = true)]
    data_url: Option<String>,

    /// Ask no public mirror and no package archive.
    #[arg(long, env = "BN_RUNNER_OFFLINE", value_parser = clap::builder::FalseyValueParser::new())]
    offline: bool,
}

impl SourceArgs {
    /// `--data-dir`. An empty variable counts as unset.
    fn data_dir(&self) -> Option<&Path> {
        self.data_dir.as_deref().filter(|folder| !folder.as_os_str().is_empty())
    }

    fn options(&self, progress: bool) -> DataOptions {
        DataOptions {
            data_dir: self.data_dir().map(Path::to_owned),
            url: self.data_url.clone().filter(|url| !url.is_empty()),
            offline: self.offline,
            cache_dir: None,
            progress,
        }
    }
}

/// There is nothing of what was asked for, in words.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
struct NothingSelected(String);

/// Runs a command. What went wrong is printed to standard error, once.
pub fn main(arguments: Arguments) -> ExitCode {
    let result = match arguments.verb {
        Verb::Run(args) => run::run(&args),
        Verb::Status(args) => status::status(&args),
        Verb::List(args) => list::list(&args),
        Verb::Watch(args) => watch::watch(&args),
        Verb::Clean(args) => clean::clean(&args),
        Verb::Check(args) => check::check(&args),
        Verb::New(args) => new::new(&args),
        Verb::Explain(args) => explain::explain(&args),
        Verb::Schema => schema::schema(),
        Verb::Summary(args) => summary::summary(&args),
        Verb::Plot(args) => plot::plot(&args),
        Verb::Report(args) => report::report(&args),
        Verb::Predict(args) => predict::predict(&args),
        Verb::Fold(args) => fold::fold(&args),
        Verb::Compare(args) => compare::compare(&args),
        Verb::Expect(args) => expect::expect(&args),
        Verb::Export(args) => export::export(&args),
        Verb::Verify(args) => verify::verify(&args),
        Verb::Data(args) => data::data(&args),
        Verb::Backends => backends::backends(),
    };
    match result {
        Ok(code) => code,
        Err(error) => {
            complain(&error);
            exit_code(&error)
        }
    }
}

fn complain(error: &anyhow::Error) {
    match error.downcast_ref::<Mistakes>() {
        Some(mistakes) => eprintln!("{}", mistakes.render(colour_on_stderr())),
        None => eprintln!("error: {error:#}"),
    }
}

fn exit_code(error: &anyhow::Error) -> ExitCode {
    let code = error.chain().find_map(|cause| {
        let usage = cause.is::<Mistakes>()
            || cause.is::<Unavailable>()
            || cause.is::<NotTrained>()
            || cause.is::<UnknownName>()
            || cause.is::<export::Unusable>()
            || cause.is::<WrongExtension>()
            || cause.is::<BadOption>();
        if usage {
            Some(2)
        } else if let Some(nothing) = cause.downcast_ref::<Nothing>() {
            Some(match nothing {
                Nothing::NoFolder(_) => 2,
                Nothing::NoTrials(_) | Nothing::NoClaims => 4,
            })
        } else if cause.is::<DataError>() {
            Some(3)
        } else if cause.is::<NothingSelected>() {
            Some(4)
        } else {
            None
        }
    });
    ExitCode::from(code.unwrap_or(1))
}

fn colour_on_stderr() -> bool {
    let asked_off = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
    std::io::stderr().is_terminal() && !asked_off
}

/// Prints results. A reader that has seen enough (`| head`) is no error.
fn print(text: &str) -> Result<()> {
    match std::io::stdout().lock().write_all(text.as_bytes()) {
        Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => Ok(()),
        other => Ok(other?),
    }
}
