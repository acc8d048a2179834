//! Runs trials side by side, each on a thread of its own, and shows how far they are.

mod progress;
mod recorder;

use std::collections::VecDeque;
use std::panic::AssertUnwindSafe;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::backend::Opened;
use crate::data::Dataset;
use crate::model::Placed;
use crate::plan::Trial;

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
    let mut recorder = match Recorder::start(job, workers, &options.command, line) {
        Ok(recorder) => recorder,
        Err(error) => return Err(format!("{error:#}")),
    };
    let outcome = std::panic::catch_unwind(AssertUnwindSafe(|| {
        let Job { trial, placed, dataset, backend } = job;
        let setup = &trial.case().setup;
        let initial = trial.initial.as_ref().map(|initial| &initial.weights);
        crate::train::train(setup, placed, trial.seed, initial, dataset, backend, &mut recorder)
            .map_err(anyhow::Error::from)
    }));
    let result = match outcome {
        Ok(Ok(trained)) => recorder.complete(&trained),
        Ok(Err(error)) => Err(error),
        Err(panic) => Err(anyhow::anyhow!("internal error: {}", panic_message(&*panic))),
    };
    result.map_err(|error| {
        let reason = format!("{error:#}");
        recorder.fail(&reason);
        reason
    })
}

fn panic_message(panic: &(dyn std::any::Any + Send)) -> &str {
    let text = panic.downcast_ref::<String>().map(String::as_str);
    text.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("a panic without words")
}
