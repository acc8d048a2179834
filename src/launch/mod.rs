//! Runs trials side by side, each on a thread of its own, and shows how far they are.

mod progress;
mod recorder;

use std::collections::VecDeque;
use std::fs::{File, TryLockError};
use std::panic::AssertUnwindSafe;
use std::path::Path;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};

use anyhow::{Context as _, bail};

use crate::backend::Opened;
use crate::data::Dataset;
use crate::model::Placed;
use crate::plan::Trial;
use crate::train::{Trained, train};

use progress::Progress;
use recorder::Recorder;

/// A trial with all that it needs to start.
#[derive(Debug)]
pub struct Job<'a> {
    /// What is to be done.
    pub trial: &'a Trial,
    /// The layers of its network.
    pub placed: &'a [Placed],
    /// What it learns from.
    pub dataset: &'a Dataset,
    /// The device it runs on.
    pub backend: &'a Opened,
}

/// How to run them.
#[derive(Debug, Clone)]
pub struct Options {
    /// Trials at a time, at least 1.
    pub jobs: usize,
    /// Start no further trial once one has failed.
    pub fail_fast: bool,
    /// The command line, for manifests.
    pub command: Vec<String>,
    /// No progress on standard error.
    pub quiet: bool,
    /// Train what is done already, too.
    pub force: bool,
}

/// What became of the jobs.
#[derive(Debug, Default)]
pub struct Report {
    /// Trials trained to their end.
    pub completed: usize,
    /// Titles of those that failed, each with its reason.
    pub failed: Vec<(String, String)>,
    /// Trials never started, after a failure with `fail_fast`.
    pub skipped: usize,
}

/// Runs all jobs and returns when the last one has ended. A trial that fails, or panics, fails
/// alone: its reason is in its manifest and in the report.
pub fn run(jobs: Vec<Job<'_>>, options: &Options) -> Report {
    let workers = options.jobs.clamp(1, jobs.len().max(1));
    let progress = Progress::new(&jobs, workers, options.quiet);
    let queue = Mutex::new(VecDeque::from(jobs));
    let stop = AtomicBool::new(false);
    let report = Mutex::new(Report::default());
    let next = || {
        if stop.load(Ordering::Relaxed) {
            None
        } else {
            queue.lock().expect("no panics here").pop_front()
        }
    };
    std::thread::scope(|scope| {
        for _ in 0..workers {
            scope.spawn(|| {
                while let Some(job) = next() {
                    let title = job.trial.title();
                    let outcome = run_one(&job, &progress, workers, options);
                    let mut report = report.lock().expect("no panics here");
                    match outcome {
                        Ok(()) => report.completed += 1,
                        Err(reason) => {
                            stop.fetch_or(options.fail_fast, Ordering::Relaxed);
                            report.failed.push((title, reason));
                        }
                    }
                }
            });
        }
    });
    progress.finish();
    let mut report = report.into_inner().expect("no panics here");
    report.skipped = queue.into_inner().expect("no panics here").len();
    report
}

/// One trial from start to finish. The reason of a failure comes back in words.
fn run_one(
    job: &Job<'_>,
    progress: &Progress,
    workers: usize,
    options: &Options,
) -> Result<(), String> {
    let line = progress.trial(job);
    let result = std::panic::catch_unwind(AssertUnwindSafe(|| {
        let _lock = lock(job)?;
        // Another process may have trained it since this one made its plan.
        if !options.force && job.trial.is_done() {
            return Ok(None);
        }
        let mut recorder = Recorder::start(job, workers, &options.command, &line)?;
        let trained = train_one(job, &mut recorder);
        let ended = trained.and_then(|trained| {
            recorder.complete(&trained)?;
            Ok(Some(trained.test))
        });
        ended.inspect_err(|error| recorder.fail(&format!("{error:#}")))
    }));
    let ended = result.unwrap_or_else(|panic| Err(internal_error(&*panic)));
    line.end(&ended);
    ended.map(|_| ()).map_err(|error| format!("{error:#}"))
}

/// Trains, and turns a panic into the reason of a failure, so that it can be recorded.
fn train_one(job: &Job<'_>, recorder: &mut Recorder<'_>) -> anyhow::Result<Trained> {
    let Job { trial, placed, dataset, backend } = job;
    let setup = &trial.case().setup;
    let initial = trial.initial.as_ref().map(|initial| &initial.weights);
    let train = || train(setup, placed, trial.seed, initial, dataset, backend, recorder);
    match std::panic::catch_unwind(AssertUnwindSafe(train)) {
        Ok(trained) => Ok(trained?),
        Err(panic) => Err(internal_error(&*panic)),
    }
}

/// Keeps other processes from the trial for as long as the lock is held. It is on a file beside
/// the trial's folder, which may be moved aside meanwhile.
fn lock(job: &Job<'_>) -> anyhow::Result<File> {
    let path = job.trial.dir.lock();
    let open = || {
        std::fs::create_dir_all(path.parent().unwrap_or(Path::new(".")))?;
        File::options().create(true).append(true).open(&path)
    };
    let file = open().with_context(|| format!("cannot write `{}`", path.display()))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => bail!("another process is training it just now"),
        Err(TryLockError::Error(error)) => {
            Err(error).with_context(|| format!("cannot lock `{}`", path.display()))
        }
    }
}

fn internal_error(panic: &(dyn std::any::Any + Send)) -> anyhow::Error {
    anyhow::anyhow!("internal error: {}", panic_message(panic))
}

fn panic_message(panic: &(dyn std::any::Any + Send)) -> &str {
    let text = panic.downcast_ref::<String>().map(String::as_str);
    text.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("a panic without words")
}
