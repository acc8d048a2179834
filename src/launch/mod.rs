//! Runs trials side by side, each on a thread of its own, and shows how far they are.

mod interrupt;
mod progress;
mod recorder;
mod replay;
mod resume;

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
use crate::train::{Score, Start, Stop, TrainError, Trained, train};

pub use interrupt::{INTERRUPTED, is_interrupted};
use progress::Progress;
use recorder::Recorder;
pub use replay::{Difference, Pair, Recorded, replay};
use resume::Resume;

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
    /// Trials that the user ended, which the next run goes on with.
    pub interrupted: usize,
    /// Trials never started, after a failure with `fail_fast` or because the user ended the run.
    pub skipped: usize,
}

/// How a trial ended that did not fail.
pub enum Ended {
    /// It was trained to its end and has this test score.
    Completed(Score),
    /// Another process has trained it.
    Elsewhere,
    /// The user ended it.
    Interrupted,
}

/// Runs all jobs and returns when the last one has ended. A trial that fails, or panics, fails
/// alone: its reason is in its manifest and in the report.
pub fn run(jobs: Vec<Job<'_>>, options: &Options) -> Report {
    let workers = options.jobs.clamp(1, jobs.len().max(1));
    let progress = Progress::new(&jobs, workers, options.quiet);
    let queue = Mutex::new(VecDeque::from(jobs));
    let stop = AtomicBool::new(false);
    // Before the first trial: the user may end the run at any time from here on.
    interrupt::interrupted();
    let report = Mutex::new(Report::default());
    let next = || {
        if stop.load(Ordering::Relaxed) || is_interrupted() {
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
                        Ok(Ended::Completed(_) | Ended::Elsewhere) => report.completed += 1,
                        Ok(Ended::Interrupted) => report.interrupted += 1,
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
) -> Result<Ended, String> {
    let line = progress.trial(job);
    let stop = || is_interrupted().then_some(Stop::Interrupted);
    let result = std::panic::catch_unwind(AssertUnwindSafe(|| {
        let _lock = lock(job)?;
        // Another process may have trained it since this one made its plan.
        if !options.force && job.trial.is_done() {
            return Ok(Ended::Elsewhere);
        }
        let resume = (!options.force).then(|| Resume::find(job.trial, job.placed)).flatten();
        let command = &options.command;
        let mut recorder = Recorder::start(job, resume.as_ref(), workers, command, &line, &stop)?;
        let trained = train_one(job, resume, &mut recorder);
        let ended = trained.and_then(|trained| {
            recorder.complete(&trained)?;
            Ok(Ended::Completed(trained.test))
        });
        match ended {
            Err(error) if is(&error, Stop::Interrupted) => {
                recorder.interrupt();
                Ok(Ended::Interrupted)
            }
            ended => ended.inspect_err(|error| recorder.fail(&format!("{error:#}"))),
        }
    }));
    let ended = result.unwrap_or_else(|panic| Err(internal_error(&*panic)));
    line.end(&ended);
    ended.map_err(|error| format!("{error:#}"))
}

fn is(error: &anyhow::Error, stop: Stop) -> bool {
    matches!(error.downcast_ref(), Some(TrainError::Stopped(why)) if *why == stop)
}

/// Trains, and turns a panic into the reason of a failure, so that it can be recorded.
fn train_one(
    job: &Job<'_>,
    resume: Option<Resume>,
    recorder: &mut Recorder<'_>,
) -> anyhow::Result<Trained> {
    let Job { trial, placed, dataset, backend } = job;
    let setup = &trial.case().setup;
    let start = match (resume, &trial.initial) {
        (Some(resume), _) => Start::Resumed(resume.checkpoint),
        (None, Some(initial)) => Start::Given(&initial.weights),
        (None, None) => Start::Drawn,
    };
    let train = || train(setup, placed, trial.seed, start, dataset, backend, recorder);
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
