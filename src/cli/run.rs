//! `bn-runner run`: plan, skip what is done, train the rest, write tables and charts.

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::{Context, Result};
use clap::Args;

use super::check::print_warnings;
use super::experiments::{Prepared, prepare};
use super::{FileArgs, SourceArgs, print};
use crate::analysis::{self, ExperimentResults};
use crate::backend::{self, Opened};
use crate::data::{Dataset, Library};
use crate::launch::{self, Job};
use crate::plan::Trial;
use crate::record::{TrialDir, write_atomically};
use crate::render;
use crate::spec::{BackendName, Overrides};
use crate::train::NUMERICS_VERSION;

#[derive(Debug, Args)]
pub struct RunArgs {
    #[command(flatten)]
    files: FileArgs,

    #[command(flatten)]
    source: SourceArgs,

    /// What computes: flex (fast CPU), ndarray (CPU), wgpu (GPU). [default: the file's, else flex]
    #[arg(short, long, value_enum)]
    backend: Option<BackendName>,

    /// Folder for results.
    #[arg(short, long, value_name = "FOLDER", default_value = "results")]
    out: PathBuf,

    /// Trials at a time. [default: the number of cores; 1 with wgpu]
    #[arg(short, long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..))]
    jobs: Option<u16>,

    /// Seeds in place of the files', as in `--seeds 1,2,3`.
    #[arg(long, value_name = "SEEDS", value_delimiter = ',')]
    seeds: Option<Vec<u64>>,

    /// Train again what is done; the old results are moved aside.
    #[arg(long)]
    force: bool,

    /// Print what would be trained, and stop.
    #[arg(long)]
    dry_run: bool,

    /// Start no further trial once one has failed.
    #[arg(long)]
    fail_fast: bool,

    /// No progress; the final table alone.
    #[arg(short, long)]
    quiet: bool,
}

/// One experiment with everything its trials need.
struct Planned {
    prepared: Prepared,
    backend: Opened,
    /// Per case.
    datasets: Vec<Arc<Dataset>>,
    /// Case by case and seed by seed.
    trials: Vec<Trial>,
}

pub fn run(args: &RunArgs) -> Result<ExitCode> {
    let overrides = Overrides { seeds: args.seeds.clone(), ..args.files.overrides() };
    let prepared = prepare(&args.files.files, &overrides)?;
    if !args.quiet {
        let warnings = prepared.iter().map(|prepared| prepared.warnings.clone());
        let warnings: Vec<_> = warnings.filter(|file| !file.list().is_empty()).collect();
        print_warnings(&warnings);
    }
    let mut library = Library::new(args.source.options(!args.quiet));
    let planned = prepared
        .into_iter()
        .map(|prepared| plan(prepared, args, &mut library))
        .collect::<Result<Vec<_>>>()?;

    if args.dry_run {
        print(&dry_run(&planned, args.force))?;
        return Ok(ExitCode::SUCCESS);
    }
    // Found out before the first trial rather than after the last.
    std::fs::create_dir_all(&args.out)
        .with_context(|| format!("cannot create the results folder `{}`", args.out.display()))?;

    let jobs = jobs(&planned, args.force);
    let total: usize = planned.iter().map(|planned| planned.trials.len()).sum();
    if jobs.len() < total && !args.quiet {
        let done = total - jobs.len();
        eprintln!("{done} of {total} trials are done already (`--force` trains them again)");
    }
    let options = launch::Options {
        jobs: args.jobs.map_or_else(|| default_jobs(&planned), usize::from),
        fail_fast: args.fail_fast,
        command: std::env::args_os().map(|arg| arg.to_string_lossy().into_owned()).collect(),
        quiet: args.quiet,
        force: args.force,
    };
    let report = launch::run(jobs, &options);
    // Before the tables, which may fail for the same reason.
    for (title, reason) in &report.failed {
        eprintln!("failed: {title}: {reason}");
    }
    if report.skipped > 0 {
        eprintln!("{} trials were not started, because of --fail-fast", report.skipped);
    }
    let written = write_results(&args.out, &planned)?;
    if !args.quiet {
        for chart in &written.charts {
            eprintln!("wrote {}", chart.display());
        }
        eprintln!("report: {}", written.report.display());
    }
    Ok(ExitCode::from(if report.failed.is_empty() { 0 } else { 100 }))
}

fn plan(prepared: Prepared, args: &RunArgs, library: &mut Library) -> Result<Planned> {
    let experiment = &prepared.experiment;
    let name = args.backend.or(experiment.backend).unwrap_or(BackendName::ALL[0]);
    let backend = backend::open(name)?;
    let datasets = experiment
        .cases
        .iter()
        .map(|case| library.dataset(&case.setup.dataset))
        .collect::<Result<Vec<_>, _>>()?;
    let checksums: Vec<&str> = datasets.iter().map(|dataset| &*dataset.checksum).collect();
    let initial = &prepared.initial;
    let trials = Trial::all(experiment, name, &args.out, NUMERICS_VERSION, &checksums, initial);
    Ok(Planned { prepared, backend, datasets, trials })
}

/// The trials that are still to be trained, each experiment seed by seed: all its cases with the
/// first seed, then with the next. Where the machine is slower for a while, all cases share it,
/// and a run cut short has compared them all.
fn jobs(planned: &[Planned], force: bool) -> Vec<Job<'_>> {
    let mut jobs = Vec::new();
    for planned in planned {
        let mut trials: Vec<&Trial> =
            planned.trials.iter().filter(|trial| force || !trial.is_done()).collect();
        let seeds = &planned.prepared.experiment.seeds;
        trials.sort_by_key(|trial| seeds.iter().position(|seed| *seed == trial.seed));
        jobs.extend(trials.into_iter().map(|trial| Job {
            trial,
            placed: &planned.prepared.placed[trial.case],
            dataset: &planned.datasets[trial.case],
            backend: &planned.backend,
        }));
    }
    jobs
}

/// As many as there are cores, but one at a time on a device that all would share.
fn default_jobs(planned: &[Planned]) -> usize {
    if planned.iter().any(|planned| planned.backend.has_own_memory()) {
        return 1;
    }
    std::thread::available_parallelism().map_or(1, usize::from)
}

fn dry_run(planned: &[Planned], force: bool) -> String {
    let mut text = String::new();
    for trial in planned.iter().flat_map(|planned| &planned.trials) {
        let state = if !force && trial.is_done() { "done " } else { "to do" };
        text.push_str(&format!("{state}  {}\n", trial.dir.path().display()));
    }
    text
}

/// Files for people to look at.
struct Written {
    charts: Vec<PathBuf>,
    report: PathBuf,
}

/// Writes tables, charts and the report of all experiments from their recorded trials, and prints the
/// final table.
fn write_results(out: &Path, planned: &[Planned]) -> Result<Written> {
    let mut charts = Vec::new();
    let mut folders = Vec::new();
    let mut all = Vec::new();
    for planned in planned {
        let experiment = &planned.prepared.experiment;
        // A trial that could not even make its folder has no record; the report names it. What an
        // earlier run left where a trial was not started is not this experiment's.
        let record = |trial: &Trial| match trial.dir.read() {
            Ok(found) => Some(found).filter(|found| found.manifest.trial_hash == trial.hash),
            Err(error) => {
                if trial.dir.manifest().exists() {
                    eprintln!("warning: {} is left out: {error:#}", trial.title());
                }
                None
            }
        };
        let recorded: Vec<_> = planned.trials.iter().filter_map(record).collect();
        let folder = out.join(&experiment.name);
        let others = TrialDir::count(&folder).saturating_sub(recorded.len());
        if others > 0 {
            eprintln!(
                "note: tables and charts of `{}` are of the {} trials of this command; others in \
                 its folder, left as they are: {others}",
                experiment.name,
                recorded.len(),
            );
        }
        let results = ExperimentResults::new(
            experiment.name.clone(),
            experiment.description.clone(),
            recorded,
        );
        analysis::write_tables(&folder, &results)?;
        charts.extend(render::draw_experiment(&folder, &results, experiment.plots.as_deref())?);
        all.push(results);
        folders.push(folder);
    }
    analysis::write_comparison(out, &all)?;
    charts.extend(render::draw_comparison(out, &all)?);
    let report = out.join(super::report::FILE);
    let table = render::results_table(&all);
    let all: Vec<_> = folders.into_iter().zip(all).collect();
    write_atomically(&report, render::report(&all)?.as_bytes())?;
    print(&table)?;
    Ok(Written { charts, report })
}
