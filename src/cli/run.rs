//! `bn-runner run`: plan, skip what is done, train the rest, write tables and charts.

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use clap::Args;
use serde_json::json;

use super::backends::open_with_warning;
use super::check::print_warnings;
use super::dry_run::dry_run;
use super::expect::CLAIM_REFUTED;
use super::experiments::{Prepared, prepare, recorded};
use super::output::CsvArgs;
use super::results::{Written, record_plan, write_results};
use super::{FileArgs, NothingSelected, SourceArgs, print};
use crate::backend::{self, Opened};
use crate::data::{Dataset, Library};
use crate::launch::{self, DivergedTrial, Events, FailedTrial, Job};
use crate::plan::{Cause, Earlier, Policy, Selection, Standing, Trial};
use crate::record::{Plan, PlannedCase, PlannedTrial, Status, TrialDir};
use crate::spec::{BackendName, Experiment, Overrides};
use crate::train::NUMERICS_VERSION;

/// Longer lists of what could have been selected are cut.
const CHOICES_SHOWN: usize = 40;

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

    /// Only trials that match, as in `--only bn_after`, `--only 'bn_*,learning_rate=0.0*'` (both),
    /// `--only batch_norm/bn_after/seed-1`; repeatable.
    #[arg(long, value_name = "PATTERN")]
    only: Vec<String>,

    /// No trials that match; repeatable.
    #[arg(long, value_name = "PATTERN")]
    exclude: Vec<String>,

    /// Train again what is done; the old results are moved aside.
    #[arg(long)]
    force: bool,

    /// Train again what diverged, too; what failed otherwise is always trained again.
    #[arg(long)]
    rerun_failed: bool,

    /// Print what would be trained, and why, and stop.
    #[arg(long)]
    dry_run: bool,

    /// Start no further trial once one has failed.
    #[arg(long)]
    fail_fast: bool,

    /// Write event files for TensorBoard, also of what is done already; as `tensorboard: true` in a
    /// file.
    #[arg(long)]
    tensorboard: bool,

    /// Count undecided and untested claims as refuted for the exit code.
    #[arg(long)]
    strict: bool,

    /// How long a trial may take, as in `90`, `5m` or `2h`; one that takes longer has failed.
    #[arg(long, value_name = "TIME", value_parser = time)]
    timeout: Option<Duration>,

    /// Append what happens to a file, a line of JSON each; `-` is standard error, in place of
    /// progress.
    #[arg(long, value_name = "FILE")]
    events: Option<PathBuf>,

    #[command(flatten)]
    csv: CsvArgs,

    /// No progress; the final table alone.
    #[arg(short, long)]
    quiet: bool,
}

/// One experiment with everything its trials need.
pub struct Planned {
    pub prepared: Prepared,
    pub backend: Opened,
    /// Per case.
    pub datasets: Vec<Arc<Dataset>>,
    /// All cases and seeds of the file, as it is recorded.
    pub plan: Plan,
    /// Those that `--only` and `--exclude` choose, case by case and seed by seed.
    pub trials: Vec<Trial>,
    /// Per trial.
    pub standings: Vec<Standing>,
    /// Whether event files for TensorBoard are written.
    pub tensorboard: bool,
    /// Whether the file is the `config.yaml` of a trial in this very experiment's folder. Training it
    /// again leaves the plan of the experiment as it is.
    pub is_record: bool,
}

pub fn run(args: &RunArgs) -> Result<ExitCode> {
    let start = Instant::now();
    let quiet = args.quiet || args.events.as_deref() == Some(Path::new("-"));
    let overrides = Overrides { seeds: args.seeds.clone(), ..args.files.overrides() };
    let prepared = prepare(&args.files, &overrides)?;
    if !quiet {
        let warnings = prepared.iter().map(|prepared| prepared.warnings.clone());
        let warnings: Vec<_> = warnings.filter(|file| !file.list().is_empty()).collect();
        print_warnings(&warnings);
    }
    let prepared = select(prepared, &args.selection())?;
    let mut library = Library::new(args.source.options(!quiet));
    let mut planned = prepared
        .into_iter()
        .map(|prepared| plan(prepared, args, &mut library))
        .collect::<Result<Vec<_>>>()?;
    let earlier = look_elsewhere(&mut planned, args);
    let jobs = args.jobs.map_or_else(|| default_jobs(&planned), usize::from);

    if args.dry_run {
        print(&dry_run(&planned, &earlier, &args.out, jobs))?;
        return Ok(ExitCode::SUCCESS);
    }
    // Found out before the first trial rather than after the last.
    std::fs::create_dir_all(&args.out)
        .with_context(|| format!("cannot create the results folder `{}`", args.out.display()))?;
    for planned in planned.iter().filter(|planned| !planned.is_record) {
        record_plan(&args.out, planned)?;
    }
    tell_of_older_numerics(&planned);

    let total: usize = planned.iter().map(|planned| planned.trials.len()).sum();
    let done = count(&planned, |standing| matches!(standing, Standing::Done));
    let left_diverged = count(&planned, |standing| matches!(standing, Standing::Diverged(_)));
    if !quiet && done > 0 {
        eprintln!("{done} of {total} trials are done already (`--force` trains them again)");
    }
    if !quiet && left_diverged > 0 {
        eprintln!(
            "{left_diverged} of {total} trials diverged before, which is their result \
             (`--rerun-failed` trains them again)"
        );
    }
    let events = args.events.as_deref().map(Events::open).transpose()?;
    let send = |event: &str, fields| {
        if let Some(events) = &events {
            events.send(event, fields);
        }
    };
    let options = launch::Options {
        jobs,
        fail_fast: args.fail_fast,
        command: std::env::args_os().map(|arg| arg.to_string_lossy().into_owned()).collect(),
        quiet,
        force: args.force,
        timeout: args.timeout,
        events: events.as_ref(),
    };
    let todo = self::jobs(&planned);
    send(
        "run_started",
        json!({
            "results": args.out.to_string_lossy(),
            "trials": total,
            "done": done,
            "diverged": left_diverged,
            "to_train": todo.len(),
            "jobs": jobs,
        }),
    );
    let report = launch::run(todo, &options);
    // Drawing needs room as well.
    drop(library);
    for planned in &mut planned {
        planned.datasets = Vec::new();
    }
    if !quiet && !report.diverged.is_empty() {
        for DivergedTrial { title, reason } in &report.diverged {
            eprintln!("diverged: {title}: {reason}");
        }
        eprintln!(
            "A diverged trial is a result: it ranks last, and a claim can name it. If it should not \
             diverge, lower the learning rate or clip gradients."
        );
    }
    // Before the tables, which may fail for the same reason.
    for FailedTrial { title, manifest, .. } in &report.failed {
        eprintln!("failed: {title}: {}", manifest.reason.as_deref().unwrap_or_default());
    }
    if report.skipped > 0 && !launch::is_interrupted() {
        eprintln!("{} trials were not started, because of --fail-fast", report.skipped);
    }
    let failed = report.failed.len();
    let written = write_results(&args.out, &planned, &report.failed, args.csv, args.strict);
    let code = match &written {
        _ if launch::is_interrupted() => launch::INTERRUPTED,
        Ok(written) if failed == 0 && written.claim_refuted => CLAIM_REFUTED,
        Ok(_) if failed == 0 => 0,
        Err(_) if failed == 0 => 1,
        Ok(_) | Err(_) => 100,
    };
    send(
        "run_finished",
        json!({
            "completed": report.completed,
            "failed": failed,
            "diverged": report.diverged.len() + left_diverged,
            "interrupted": report.interrupted,
            "skipped": report.skipped,
            "seconds": start.elapsed().as_secs_f64(),
            "exit_code": code,
        }),
    );
    match written {
        Ok(Written { charts, report, .. }) if !quiet => {
            for chart in charts {
                eprintln!("wrote {}", chart.display());
            }
            eprintln!("report: {}", report.display());
        }
        Ok(_) => {}
        // That trials have failed is worse, and may be why.
        Err(error) if failed > 0 => eprintln!("error: {error:#}"),
        Err(error) => return Err(error),
    }
    if launch::is_interrupted() {
        let left = report.interrupted + report.skipped;
        let trials = if left == 1 { "trial that is" } else { "trials that are" };
        eprintln!("interrupted: the same command goes on with the {left} {trials} left");
    }
    Ok(ExitCode::from(code))
}

impl RunArgs {
    fn selection(&self) -> Selection {
        Selection { only: self.only.clone(), exclude: self.exclude.clone() }
    }
}

/// `90`, `90s`, `5m`, `1.5h`
fn time(text: &str) -> Result<Duration, String> {
    let units = [("s", 1.0), ("m", 60.0), ("h", 3600.0)];
    let unit = units.into_iter().find_map(|(unit, size)| Some((text.strip_suffix(unit)?, size)));
    let (number, size) = unit.unwrap_or((text, 1.0));
    let seconds = number.trim().parse::<f64>().ok().filter(|number| *number > 0.0);
    let time = seconds.and_then(|number| Duration::try_from_secs_f64(number * size).ok());
    time.ok_or_else(|| {
        "give seconds, minutes or hours above 0, as in `90`, `5m` or `2h`".to_owned()
    })
}

/// Leaves out experiments without any trial that is meant.
///
/// # Errors
/// [`NothingSelected`] with what there is, where none is left.
fn select(prepared: Vec<Prepared>, selection: &Selection) -> Result<Vec<Prepared>> {
    let trials = |prepared: &Prepared| -> Vec<(String, u64)> {
        let experiment = &prepared.experiment;
        let seeds = |label: String| experiment.seeds.iter().map(move |seed| (label.clone(), *seed));
        experiment.cases.iter().flat_map(|case| seeds(case.label())).collect()
    };
    let (meant, others): (Vec<_>, Vec<_>) = prepared.into_iter().partition(|prepared| {
        let name = &prepared.experiment.name;
        trials(prepared).iter().any(|(label, seed)| selection.takes(name, label, *seed))
    });
    if !meant.is_empty() {
        return Ok(meant);
    }
    let mut there: Vec<String> = others
        .iter()
        .flat_map(|prepared| {
            let name = &prepared.experiment.name;
            trials(prepared)
                .into_iter()
                .map(move |(label, seed)| format!("{name}/{label}/seed-{seed}"))
        })
        .collect();
    if there.len() > CHOICES_SHOWN {
        let more = there.len() - CHOICES_SHOWN;
        there.truncate(CHOICES_SHOWN);
        there.push(format!("… and {more} more"));
    }
    let list = there.join("\n  ");
    Err(NothingSelected(format!("`--only` and `--exclude` leave no trial; there are:\n  {list}"))
        .into())
}

/// Finds trials that are done under another name. Returns what was trained before, where anything
/// is to be trained now.
fn look_elsewhere(planned: &mut [Planned], args: &RunArgs) -> Earlier {
    let is_open = |standing: &Standing| matches!(standing, Standing::Open(_));
    if !planned.iter().flat_map(|planned| &planned.standings).any(is_open) {
        return Earlier::default();
    }
    let earlier = Earlier::in_results(&args.out);
    for planned in planned.iter_mut().filter(|_| !args.force) {
        for (trial, standing) in planned.trials.iter().zip(&mut planned.standings) {
            if matches!(standing, Standing::Open(cause) if *cause != Cause::Elsewhere)
                && let Some(dir) = earlier.finished(trial)
            {
                *standing = Standing::DoneIn(dir.clone());
            }
        }
    }
    earlier
}

fn count(planned: &[Planned], is: impl Fn(&Standing) -> bool) -> usize {
    planned.iter().flat_map(|planned| &planned.standings).filter(|standing| is(standing)).count()
}

/// Says how many finished trials are trained again because this version computes other numbers.
fn tell_of_older_numerics(planned: &[Planned]) {
    let is_older = |standing: &Standing| match standing {
        Standing::Open(Cause::Changed(recorded)) => {
            let is_result = recorded.outcome.is_some() || recorded.status == Status::Diverged;
            is_result && recorded.versions.numerics != NUMERICS_VERSION
        }
        Standing::Open(
            Cause::New
            | Cause::Forced
            | Cause::Lacks(_)
            | Cause::CutOff(_)
            | Cause::Failed(_)
            | Cause::Diverged(_)
            | Cause::Elsewhere,
        )
        | Standing::Done
        | Standing::DoneIn(_)
        | Standing::Diverged(_) => false,
    };
    let trials = match count(planned, is_older) {
        0 => return,
        1 => "1 trial was".to_owned(),
        count => format!("{count} trials were"),
    };
    eprintln!(
        "note: {trials} trained with an older version of the numerics; this one is version \
         {NUMERICS_VERSION} and trains them again (the old results are moved to `previous`)"
    );
}

/// The plan of all trials of an experiment, which are in the order of its cases.
fn planned_cases(
    experiment: &Experiment,
    trials: &[Trial],
    checksums: &[&str],
) -> Vec<PlannedCase> {
    let of_case = |trials: &[Trial]| {
        let case = trials[0].case();
        PlannedCase {
            label: case.label(),
            variant: Some(case.variant.clone()),
            grid: case.grid.clone(),
            case_hash: Some(trials[0].case_hash.clone()),
            data: Some(checksums[trials[0].case].to_owned()),
            trials: trials
                .iter()
                .map(|trial| PlannedTrial { seed: trial.seed, trial_hash: trial.hash.clone() })
                .collect(),
        }
    };
    trials.chunks(experiment.seeds.len().max(1)).map(of_case).collect()
}

fn plan(prepared: Prepared, args: &RunArgs, library: &mut Library) -> Result<Planned> {
    let experiment = &prepared.experiment;
    let name = args.backend.or(experiment.backend).unwrap_or(BackendName::ALL[0]);
    let backend = if args.quiet { backend::open(name)? } else { open_with_warning(name)? };
    let datasets = experiment
        .cases
        .iter()
        .map(|case| library.dataset(&case.setup.dataset))
        .collect::<Result<Vec<_>, _>>()?;
    prepared.check_data(&datasets)?;
    let checksums: Vec<&str> = datasets.iter().map(|dataset| &*dataset.checksum).collect();
    let initial = &prepared.initial;
    let mut trials = Trial::all(experiment, name, &args.out, NUMERICS_VERSION, &checksums, initial);
    let plan = Plan {
        numerics: Some(NUMERICS_VERSION),
        backend: Some(name),
        set: args.files.set.clone(),
        cases: planned_cases(experiment, &trials, &checksums),
    };
    let selection = args.selection();
    trials.retain(|trial| selection.takes(&experiment.name, &trial.case().label(), trial.seed));
    let policy = Policy { force: args.force, rerun_failed: args.rerun_failed };
    let standings = trials.iter().map(|trial| trial.standing(policy)).collect();
    let tensorboard = args.tensorboard || experiment.tensorboard;
    let is_record = is_record(&experiment.source.path, &args.out.join(&experiment.name));
    Ok(Planned { prepared, backend, datasets, plan, trials, standings, tensorboard, is_record })
}

/// Whether a file is the `config.yaml` of a trial in an experiment's folder.
fn is_record(file: &Path, experiment: &Path) -> bool {
    let places = (file.canonicalize(), experiment.canonicalize());
    recorded(file).is_some()
        && matches!(places, (Ok(file), Ok(experiment)) if file.starts_with(&experiment))
}

/// The trials that are still to be trained, or to be taken over, each experiment seed by seed: all
/// its cases with the first seed, then with the next. Where the machine is slower for a while, all
/// cases share it, and a run cut short has compared them all.
fn jobs(planned: &[Planned]) -> Vec<Job<'_>> {
    let mut jobs = Vec::new();
    for planned in planned {
        let from = |standing: &Standing| match standing {
            Standing::Done | Standing::Diverged(_) => None,
            Standing::DoneIn(dir) => Some(Some(dir.clone())),
            Standing::Open(_) => Some(None),
        };
        let trials = planned.trials.iter().zip(&planned.standings);
        let mut open: Vec<(&Trial, Option<TrialDir>)> =
            trials.filter_map(|(trial, standing)| Some((trial, from(standing)?))).collect();
        let seeds = &planned.prepared.experiment.seeds;
        open.sort_by_cached_key(|(trial, _)| seeds.iter().position(|seed| *seed == trial.seed));
        jobs.extend(open.into_iter().map(|(trial, from)| Job {
            trial,
            placed: &planned.prepared.placed[trial.case],
            dataset: &planned.datasets[trial.case],
            backend: &planned.backend,
            from,
            tensorboard: planned.tensorboard,
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
