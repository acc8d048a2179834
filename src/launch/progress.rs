//! Progress on standard error: a live line per running trial and one for the whole on a terminal,
//! a plain line per epoch elsewhere.

use std::cell::RefCell;
use std::io::IsTerminal as _;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::{Ended, Job};
use crate::record::EpochRow;

/// Progress of all trials.
pub struct Progress {
    mode: Mode,
    started: Instant,
    longest_title: usize,
}

enum Mode {
    /// The whole counts rows, as the trials do.
    Live {
        bars: MultiProgress,
        whole: ProgressBar,
        trials: usize,
        ended: AtomicUsize,
    },
    Lines,
    Quiet,
}

/// Progress of one trial.
pub struct TrialLine<'a> {
    progress: &'a Progress,
    title: String,
    bar: ProgressBar,
    rows: usize,
    epochs: usize,
    started: Instant,
    last: RefCell<String>,
}

impl Progress {
    /// Progress for these jobs.
    pub fn new(jobs: &[Job<'_>], workers: usize, quiet: bool) -> Self {
        let mode = if quiet || jobs.is_empty() {
            Mode::Quiet
        } else if std::io::stderr().is_terminal() {
            let bars = MultiProgress::with_draw_target(ProgressDrawTarget::stderr_with_hz(8));
            let work = jobs.iter().map(work).sum();
            let whole = bars.add(ProgressBar::new(work));
            whole.set_style(style("all [{bar:12}] {wide_msg}"));
            let ended = AtomicUsize::new(0);
            Mode::Live { bars, whole, trials: jobs.len(), ended }
        } else {
            eprintln!("trials to train: {}, {workers} at a time", jobs.len());
            Mode::Lines
        };
        let longest_title = jobs.iter().map(|job| job.trial.title().chars().count()).max();
        Self { mode, started: Instant::now(), longest_title: longest_title.unwrap_or(0) }
    }

    /// Progress of one trial, from now on.
    pub fn trial<'a>(&'a self, job: &Job<'_>) -> TrialLine<'a> {
        let rows = job.dataset.train.len();
        let epochs = job.trial.case().setup.training.epochs;
        let bar = match &self.mode {
            Mode::Live { bars, whole, .. } => {
                let bar = bars.insert_before(whole, ProgressBar::new(work(job)));
                // The message is cut where the terminal ends; what matters most stands first.
                bar.set_style(style("{prefix} [{bar:12}] {wide_msg}"));
                bar.set_prefix(self.pad(&job.trial.title()));
                bar
            }
            Mode::Lines | Mode::Quiet => ProgressBar::hidden(),
        };
        TrialLine {
            progress: self,
            title: job.trial.title(),
            bar,
            rows,
            epochs,
            started: Instant::now(),
            last: RefCell::default(),
        }
    }

    /// Clears live lines.
    pub fn finish(&self) {
        match &self.mode {
            Mode::Live { whole, .. } => whole.finish_and_clear(),
            Mode::Lines => {
                let seconds = self.started.elapsed().as_secs_f64();
                eprintln!("trained for {seconds:.1} s");
            }
            Mode::Quiet => {}
        }
    }

    fn show_whole(&self, ended: usize, trials: usize) {
        if let Mode::Live { whole, .. } = &self.mode {
            let seconds = self.started.elapsed().as_secs_f64();
            let done = whole.position() as f64 / whole.length().unwrap_or(1).max(1) as f64;
            let left = match done > 0.0 {
                true => duration(seconds / done * (1.0 - done)),
                false => "…".to_owned(),
            };
            let gone = duration(seconds);
            whole.set_message(format!("{ended} of {trials} trials, {gone} so far, {left} left"));
        }
    }

    fn pad(&self, title: &str) -> String {
        let fill = self.longest_title.min(60).saturating_sub(title.chars().count());
        format!("{title}{}", " ".repeat(fill))
    }
}

impl TrialLine<'_> {
    /// So many rows of an epoch are done.
    pub fn step(&self, epoch: usize, rows_done: usize) {
        if let Mode::Live { .. } = self.progress.mode {
            let done = (epoch - 1) * self.rows + rows_done;
            self.advance(done as u64);
            let rate = done as f64 / self.started.elapsed().as_secs_f64().max(1e-9);
            let left = (self.rows * self.epochs - done) as f64 / rate.max(1e-9);
            let left = if done == 0 { "…".to_owned() } else { duration(left) };
            self.bar.set_message(format!(
                "epoch {epoch}/{}, {left} left{} · {rate:.0} samples/s",
                self.epochs,
                self.last.borrow(),
            ));
        }
    }

    /// An epoch is done; the same facts come back for the log.
    pub fn epoch(&self, row: &EpochRow) -> String {
        let seen = format!("loss {:.4} accuracy {:.4}", row.loss, row.accuracy);
        self.last.replace(format!(" · after epoch {}: {seen}", row.epoch));
        let mut text = seen;
        if let (Some(loss), Some(accuracy)) = (row.val_loss, row.val_accuracy) {
            text.push_str(&format!(" val_loss {loss:.4} val_accuracy {accuracy:.4}"));
        }
        let rate = self.rows as f64 / row.epoch_seconds.max(1e-9);
        let left = row.elapsed_seconds / row.epoch as f64 * (self.epochs - row.epoch) as f64;
        let left = match self.epochs - row.epoch {
            0 => String::new(),
            _ => format!(" · {} left", duration(left)),
        };
        let text = format!(
            "epoch {}/{} {text} · {:.2} s, {rate:.0} samples/s{left}",
            row.epoch, self.epochs, row.epoch_seconds,
        );
        match self.progress.mode {
            Mode::Live { .. } => self.step(row.epoch, self.rows),
            Mode::Lines => eprintln!("{}: {text}", self.title),
            Mode::Quiet => {}
        }
        text
    }

    /// The trial has ended.
    pub fn end(&self, ended: &anyhow::Result<Ended>) {
        let seconds = self.started.elapsed().as_secs_f64();
        self.last_words(&match ended {
            Ok(Ended::Completed(test)) => format!(
                "done in {}: test_accuracy {:.4} test_loss {:.4}",
                duration(seconds),
                test.accuracy,
                test.loss
            ),
            Ok(Ended::Elsewhere) => "done meanwhile by another process".to_owned(),
            Ok(Ended::Interrupted) => "interrupted; the next run goes on with it".to_owned(),
            Err(error) => format!("failed: {error:#}"),
        });
    }

    /// Moves this trial's bar, and the whole's by as much.
    fn advance(&self, done: u64) {
        let before = self.bar.position();
        self.bar.set_position(done);
        if let Mode::Live { whole, trials, ended, .. } = &self.progress.mode {
            whole.inc(done.saturating_sub(before));
            self.progress.show_whole(ended.load(Ordering::Relaxed), *trials);
        }
    }

    fn last_words(&self, text: &str) {
        match &self.progress.mode {
            Mode::Live { bars, trials, ended, .. } => {
                self.advance(self.bar.length().unwrap_or(0));
                self.bar.finish_and_clear();
                // Ended trials stay above the live lines.
                let _ = bars.println(format!("{}  {text}", self.progress.pad(&self.title)));
                let ended = ended.fetch_add(1, Ordering::Relaxed) + 1;
                self.progress.show_whole(ended, *trials);
            }
            Mode::Lines => eprintln!("{}: {text}", self.title),
            Mode::Quiet => {}
        }
    }
}

/// Rows that a trial trains on in all its epochs.
fn work(job: &Job<'_>) -> u64 {
    (job.dataset.train.len() * job.trial.case().setup.training.epochs) as u64
}

fn style(template: &str) -> ProgressStyle {
    ProgressStyle::with_template(template).expect("templates are constants").progress_chars("=> ")
}

/// `12 s`, `3 min 20 s`, `2 h 5 min`.
fn duration(seconds: f64) -> String {
    let total = seconds.round() as u64;
    match total {
        0 => format!("{seconds:.1} s"),
        1..60 => format!("{total} s"),
        60..3600 => format!("{} min {} s", total / 60, total % 60),
        _ => format!("{} h {} min", total / 3600, total % 3600 / 60),
    }
}
