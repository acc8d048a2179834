//! Runs trials side by side, each on a thread of its own, and shows how far they are.
//!
//! A `Queue` gives out trials that no other process is at work on; a `Recorder` writes down what
//! becomes of one; `Progress` shows it to people, and [`Events`] to programs. What was trained under
//! another name is taken over (`takeover`), what was cut off is gone on with (`resume`).

mod events;
mod interrupt;
mod progress;
mod queue;
mod recorder;
mod replay;
mod resume;
mod takeover;

use std::panic::AssertUnwindSafe;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use crate::backend::Opened;
use crate::data::Dataset;
use crate::model::Placed;
use crate::numbers::duration;
use crate::plan::Trial;
use crate::record::{Failure, Manifest, TrialDir, now};
use crate::train::{Score, Start, Stop, TrainError, Trained, train};

pub use events::Events;
pub use interrupt::{INTERRUPTED, is_interrupted};
use progress::Progress;
use queue::{Next, Queue};
use recorder::Recorder;
pub use replay::{Difference, Pair, Recorded, replay};
use resume::Resume;
pub use resume::goes_on_after;

/// How often it is looked whether another process has come to its end.
const POLL: Duration = Duration::from_millis(250);

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
    /// Where its finished results are under another name, if they are.
    pub from: Option<TrialDir>,
    /// Whether event files for TensorBoard are written.
    pub tensorboard: bool,
}

/// How to run them.
#[derive(Debug)]
pub struct Options<'a> {
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
    /// How long a trial may take.
    pub timeout: Option<Duration>,
    /// Who wants to know of everything.
    pub events: Option<&'a Events>,
}

/// What became of the jobs.
#[derive(Debug, Default)]
pub struct Report {
    /// Trials that are done now, by whomever.
    pub completed: usize,
    /// Those that failed.
    pub failed: Vec<FailedTrial>,
    /// Those that diverged in this run.
    pub diverged: Vec<DivergedTrial>,
    /// Trials that the user ended, which the next run goes on with.
    pub interrupted: usize,
    /// Trials never started, after a failure with `fail_fast` or because the user ended the run.
    pub skipped: usize,
}

/// A trial that failed.
#[derive(Debug)]
pub struct FailedTrial {
    /// Its name, for messages.
    pub title: String,
    /// Where it should be.
    pub dir: TrialDir,
    /// What its manifest says, even where that could not be written.
    pub manifest: Manifest,
}

/// A trial that diverged.
#[derive(Debug)]
pub struct DivergedTrial {
    /// Its name, for messages.
    pub title: String,
    /// When its loss became what.
    pub reason: String,
}

/// How a trial ended that did not fail.
#[derive(Debug)]
pub enum Ended {
    /// It was trained to its end and has this test score.
    Completed(Score),
    /// Its loss became NaN or infinite, as told here.
    Diverged(String),
    /// Another process has trained it, or it diverged there.
    Elsewhere,
    /// Its results stood in this folder.
    TakenOver(TrialDir),
    /// The user ended it.
    Interrupted,
}

/// Why a trial failed.
#[derive(Debug)]
pub struct Broken {
    failure: Failure,
    reason: String,
}

/// A mistake in this program, which ends one trial.
#[derive(Debug, thiserror::Error)]
#[error("internal error: {0}")]
struct Panicked(String);

/// Runs all jobs and returns when the last one has ended. A trial that fails, or panics, fails
/// alone: its reason is in its manifest and in the report. One that diverges has not failed. One that another process is training
/// comes last: it is waited for, and done here if that process does not finish it.
pub fn run(jobs: Vec<Job<'_>>, options: &Options<'_>) -> Report {
    let workers = options.jobs.clamp(1, jobs.len().max(1));
    let run = Run {
        options,
        workers,
        started: now(),
        progress: Progress::new(&jobs, workers, options),
        queue: Queue::new(jobs),
        report: Mutex::new(Report::default()),
    };
    // Before the first trial: the user may end the run at any time from here on.
    interrupt::interrupted();
    std::thread::scope(|scope| {
        for _ in 0..workers {
            scope.spawn(|| run.work());
        }
    });
    run.progress.finish();
    let mut report = run.report.into_inner().expect("no panics here");
    report.skipped = run.queue.left();
    report
}

/// What all workers share.
struct Run<'a> {
    options: &'a Options<'a>,
    workers: usize,
    /// When it began, as in manifests.
    started: String,
    progress: Progress<'a>,
    queue: Queue<'a>,
    report: Mutex<Report>,
}

impl<'a> Run<'a> {
    /// One trial after the other, until none is left.
    fn work(&self) {
        while !is_interrupted() {
            match self.queue.next() {
                Next::Start(job, lock) => {
                    let ended = self.one(&job);
                    drop(lock);
                    self.note(&job, ended);
                }
                Next::Broken(job, error) => {
                    let ended = Err(self.broken(&error));
                    self.progress.trial(&job).end(&ended);
                    self.note(&job, ended);
                }
                Next::Wait(first) => {
                    if let Some(titles) = first {
                        self.progress.waiting(&titles);
                    }
                    std::thread::sleep(POLL);
                }
                Next::End => return,
            }
        }
    }

    /// Counts a trial that has ended, and makes way for those that are the same.
    fn note(&self, job: &Job<'a>, ended: Result<Ended, Broken>) {
        let mut report = self.report.lock().expect("no panics here");
        match ended {
            Ok(Ended::Completed(_) | Ended::Elsewhere | Ended::TakenOver(_)) => {
                report.completed += 1;
                self.queue.ended(job, Some(&job.trial.dir));
            }
            Ok(Ended::Diverged(reason)) => {
                report.diverged.push(DivergedTrial { title: job.trial.title(), reason });
                self.queue.ended(job, Some(&job.trial.dir));
            }
            Ok(Ended::Interrupted) => report.interrupted += 1,
            Err(Broken { failure, reason }) => {
                let command = &self.options.command;
                report.failed.push(FailedTrial {
                    title: job.trial.title(),
                    dir: job.trial.dir.clone(),
                    manifest: recorder::failed(job, self.workers, command, failure, &reason),
                });
                self.queue.ended(job, None);
                if self.options.fail_fast {
                    self.queue.close();
                }
            }
        }
    }

    /// One trial from start to finish; its lock is held.
    fn one(&self, job: &Job<'_>) -> Result<Ended, Broken> {
        let line = self.progress.trial(job);
        let result = std::panic::catch_unwind(AssertUnwindSafe(|| {
            // Another process may have trained it since this one made its plan.
            let is_done = job.trial.is_done() && !(self.options.force && self.is_older(job.trial));
            if is_done || self.diverged_meanwhile(job.trial) {
                return Ok(Ended::Elsewhere);
            }
            if let Some(from) = &job.from {
                match takeover::take_over(job.trial, from) {
                    Ok(()) => return Ok(Ended::TakenOver(from.clone())),
                    // It can be trained all the same.
                    Err(error) => line.warn(&format!("{error:#}")),
                }
            }
            self.train(job, &line)
        }));
        let ended = result.unwrap_or_else(|panic| Err(self.broken(&panicked(&*panic).into())));
        line.end(&ended);
        ended
    }

    /// Whether a trial was trained before this run began.
    fn is_older(&self, trial: &Trial) -> bool {
        // Times in one zone and of one length are ordered as texts.
        trial.dir.read_manifest().is_none_or(|manifest| manifest.started < self.started)
    }

    /// Whether another process has found, since this run began, that a trial diverges.
    fn diverged_meanwhile(&self, trial: &Trial) -> bool {
        let since = |manifest: Manifest| manifest.ended.is_some_and(|ended| ended >= self.started);
        trial.dir.is_diverged(&trial.hash) && trial.dir.read_manifest().is_some_and(since)
    }

    fn train(&self, job: &Job<'_>, line: &progress::TrialLine<'_>) -> Result<Ended, Broken> {
        let deadline = self.options.timeout.and_then(|limit| Instant::now().checked_add(limit));
        let is_late = || deadline.is_some_and(|deadline| Instant::now() >= deadline);
        let stop = || {
            let interrupted = is_interrupted().then_some(Stop::Interrupted);
            interrupted.or_else(|| is_late().then_some(Stop::TimedOut))
        };
        let resume = (!self.options.force).then(|| Resume::find(job.trial, job.placed)).flatten();
        let command = &self.options.command;
        let mut recorder =
            Recorder::start(job, resume.as_ref(), self.workers, command, line, &stop)
                .map_err(|error| self.broken(&error))?;
        let trained = train_one(job, resume, &mut recorder);
        let ended = match trained {
            Ok(trained) => recorder.complete(&trained).map(|()| Ended::Completed(trained.test)),
            Err(error) if is_divergence(&error) => {
                let reason = error.to_string();
                recorder.diverge(&reason).map(|()| Ended::Diverged(reason))
            }
            Err(error) => Err(error),
        };
        match ended {
            Err(error) if is_interruption(&error) => {
                recorder.interrupt();
                Ok(Ended::Interrupted)
            }
            ended => ended.map_err(|error| {
                let broken = self.broken(&error);
                recorder.fail(broken.failure, &broken.reason);
                broken
            }),
        }
    }

    /// What kind of failure an error is, and how it is told.
    fn broken(&self, error: &anyhow::Error) -> Broken {
        let (failure, reason) = match error.downcast_ref() {
            Some(TrainError::Stopped(Stop::TimedOut)) => {
                let limit = self.options.timeout.unwrap_or_default().as_secs_f64();
                let reason = format!("timeout: not done after {}", duration(limit));
                (Failure::Timeout, Some(reason))
            }
            None if error.is::<Panicked>() => (Failure::Panic, None),
            Some(
                TrainError::Diverged { .. }
                | TrainError::DivergedAfter { .. }
                | TrainError::Stopped(Stop::Interrupted)
                | TrainError::Record(_),
            )
            | None => (Failure::Error, None),
        };
        Broken { failure, reason: reason.unwrap_or_else(|| format!("{error:#}")) }
    }
}

fn is_interruption(error: &anyhow::Error) -> bool {
    matches!(error.downcast_ref(), Some(TrainError::Stopped(Stop::Interrupted)))
}

fn is_divergence(error: &anyhow::Error) -> bool {
    matches!(
        error.downcast_ref(),
        Some(TrainError::Diverged { .. } | TrainError::DivergedAfter { .. })
    )
}

/// Trains, and turns a panic into the reason of a failure, so that it can be recorded.
fn train_one(
    job: &Job<'_>,
    resume: Option<Resume>,
    recorder: &mut Recorder<'_>,
) -> anyhow::Result<Trained> {
    let Job { trial, placed, dataset, backend, from: _, tensorboard: _ } = job;
    let setup = &trial.case().setup;
    let start = match (resume, &trial.initial) {
        (Some(resume), _) => Start::Resumed(resume.checkpoint),
        (None, Some(initial)) => Start::Given(&initial.weights),
        (None, None) => Start::Drawn,
    };
    let train = || train(setup, placed, trial.seed, start, dataset, backend, recorder);
    match std::panic::catch_unwind(AssertUnwindSafe(train)) {
        Ok(trained) => Ok(trained?),
        Err(panic) => Err(panicked(&*panic).into()),
    }
}

fn panicked(panic: &(dyn std::any::Any + Send)) -> Panicked {
    let text = panic.downcast_ref::<String>().map(String::as_str);
    let text = text.or_else(|| panic.downcast_ref::<&str>().copied());
    Panicked(text.unwrap_or("a panic without words").to_owned())
}
