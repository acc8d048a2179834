//! Progress on standard error: a live line per running trial and one for the whole on a terminal,
//! a plain line per epoch elsewhere.

use std::io::IsTerminal as _;
use std::time::{Duration, Instant};

use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::Job;
use crate::record::EpochRow;
use crate::train::Score;

/// Progress of all trials.
pub struct Progress {
    mode: Mode,
    started: Instant,
    longest_title: usize,
}

enum Mode {
    Live { bars: MultiProgress, whole: ProgressBar },
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
    last: String,
}

impl Progress {
    /// Progress for these jobs.
    pub fn new(jobs: &[Job<'_>], workers: usize, quiet: bool) -> Self {
        let mode = if quiet || jobs.is_empty() {
            Mode::Quiet
        } else if std::io::stderr().is_terminal() {
            let bars = MultiProgress::with_draw_target(ProgressDrawTarget::stderr_with_hz(8));
            let whole = bars.add(ProgressBar::new(jobs.len() as u64));
            whole.set_style(style("{msg} [{bar:30}] {pos}/{len} trials, {elapsed} elapsed"));
            whole.set_message("all");
            whole.enable_steady_tick(Duration::from_millis(500));
            Mode::Live { bars, whole }
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
            Mode::Live { bars, whole } => {
                let bar = bars.insert_before(whole, ProgressBar::new((rows * epochs) as u64));
                bar.set_style(style("{prefix} [{bar:20}] {msg}"));
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
            last: String::new(),
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

    fn pad(&self, title: &str) -> String {
        let fill = self.longest_title.min(60).saturating_sub(title.chars().count());
        format!("{title}{}", " ".repeat(fill))
    }
}

impl TrialLine<'_> {
    /// So many rows of an epoch are done.
    pub fn step(&mut self, epoch: usize, rows_done: usize) {
        if let Mode::Live { .. } = self.progress.mode {
            let done = (epoch - 1) * self.rows + rows_done;
            self.bar.set_position(done as u64);
            let rate = done as f64 / self.started.elapsed().as_secs_f64().max(1e-9);
            let left = (self.rows * self.epochs - done) as f64 / rate.max(1e-9);
            let left = if done == 0 { "…".to_owned() } else { duration(left) };
            self.bar.set_message(format!(
                "epoch {epoch}/{} {}· {:.0} samples/s · {left} left",
                self.epochs, self.last, rate
            ));
        }
    }

    /// An epoch is done; the same facts come back for the log.
    pub fn epoch(&mut self, row: &EpochRow) -> String {
        let mut text = format!("loss {:.4} accuracy {:.4}", row.loss, row.accuracy);
        if let (Some(loss), Some(accuracy)) = (row.val_loss, row.val_accuracy) {
            text.push_str(&format!(" val_loss {loss:.4} val_accuracy {accuracy:.4}"));
        }
        self.last = format!("{text} ");
        let rate = self.rows as f64 / row.epoch_seconds.max(1e-9);
        let left = row.elapsed_seconds / row.epoch as f64 * (self.epochs - row.epoch) as f64;
        let text = format!(
            "epoch {}/{} {text} · {:.2} s, {rate:.0} samples/s · {} left",
            row.epoch,
            self.epochs,
            row.epoch_seconds,
            duration(left)
        );
        match self.progress.mode {
            Mode::Live { .. } => self.step(row.epoch, self.rows),
            Mode::Lines => eprintln!("{}: {text}", self.title),
            Mode::Quiet => {}
        }
        text
    }

    /// The trial is done.
    pub fn completed(&self, test: Score) {
        let text = format!("test_accuracy {:.4} test_loss {:.4}", test.accuracy, test.loss);
        self.end(&format!("done in {}: {text}", duration(self.started.elapsed().as_secs_f64())));
    }

    /// The trial has failed.
    pub fn failed(&self, reason: &str) {
        self.end(&format!("failed: {reason}"));
    }

    fn end(&self, text: &str) {
        match &self.progress.mode {
            Mode::Live { bars, whole } => {
                self.bar.finish_and_clear();
                // Ended trials stay above the live lines.
                let _ = bars.println(format!("{}  {text}", self.progress.pad(&self.title)));
                whole.inc(1);
            }
            Mode::Lines => eprintln!("{}: {text}", self.title),
            Mode::Quiet => {}
        }
    }
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
