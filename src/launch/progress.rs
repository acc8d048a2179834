//! Progress on standard error: a live line per running trial and one for the whole on a terminal,
//! a plain line per epoch elsewhere. Whoever wants events gets them from here, too.

use std::cell::RefCell;
use std::io::IsTerminal as _;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle};
use serde_json::{Value, json};

use super::events::about;
use super::{Broken, Ended, Events, Job, Options};
use crate::numbers::duration;
use crate::plan::Trial;
use crate::record::EpochRow;

/// Progress of all trials.
pub struct Progress<'a> {
    mode: Mode,
    events: Option<&'a Events>,
    started: Instant,
    longest_title: usize,
}

enum Mode {
    /// The whole counts rows, as the trials do.
    Live {
        bars: MultiProgress,
        whole: ProgressBar,
        counts: Counts,
    },
    Lines,
    Quiet,
}

/// How many trials there are, and what has become of them.
#[derive(Default)]
struct Counts {
    trials: usize,
    begun: AtomicUsize,
    ended: AtomicUsize,
    failed: AtomicUsize,
}

/// Progress of one trial.
pub struct TrialLine<'a> {
    progress: &'a Progress<'a>,
    trial: &'a Trial,
    title: String,
    bar: ProgressBar,
    rows: usize,
    epochs: usize,
    started: Instant,
    last: RefCell<String>,
}

impl<'a> Progress<'a> {
    /// Progress for these jobs.
    pub fn new(jobs: &[Job<'_>], workers: usize, options: &Options<'a>) -> Self {
        let mode = if options.quiet || jobs.is_empty() {
            Mode::Quiet
        } else if std::io::stderr().is_terminal() {
            let bars = MultiProgress::with_draw_target(ProgressDrawTarget::stderr_with_hz(8));
            let work = jobs.iter().map(work).sum();
            let whole = bars.add(ProgressBar::new(work));
            whole.set_style(style("all [{bar:12}] {wide_msg}"));
            let counts = Counts { trials: jobs.len(), ..Counts::default() };
            Mode::Live { bars, whole, counts }
        } else {
            let known = jobs.iter().filter(|job| job.from.is_some()).count();
            if known > 0 {
                eprintln!("trials done under other names, to be copied: {known}");
            }
            if jobs.len() > known {
                eprintln!("trials to train: {}, {workers} at a time", jobs.len() - known);
            }
            Mode::Lines
        };
        let longest_title = jobs.iter().map(|job| job.trial.title().chars().count()).max();
        Self {
            mode,
            events: options.events,
            started: Instant::now(),
            longest_title: longest_title.unwrap_or(0),
        }
    }

    /// Progress of one trial, from now on.
    pub fn trial<'b>(&'b self, job: &'b Job<'_>) -> TrialLine<'b> {
        let rows = job.dataset.train.len();
        let epochs = job.trial.case().setup.training.epochs;
        let bar = match &self.mode {
            Mode::Live { bars, whole, counts } => {
                let bar = bars.insert_before(whole, ProgressBar::new(work(job)));
                // The message is cut where the terminal ends; what matters most stands first.
                bar.set_style(style("{prefix} [{bar:12}] {wide_msg}"));
                bar.set_prefix(self.pad(&job.trial.title()));
                counts.begun.fetch_add(1, Ordering::Relaxed);
                bar
            }
            Mode::Lines | Mode::Quiet => ProgressBar::hidden(),
        };
        let line = TrialLine {
            progress: self,
            trial: job.trial,
            title: job.trial.title(),
            bar,
            rows,
            epochs,
            started: Instant::now(),
            last: RefCell::default(),
        };
        line.send("trial_started", json!({ "trial_hash": job.trial.hash, "epochs": epochs }));
        line
    }

    /// Other processes are at work on all that is left.
    pub fn waiting(&self, titles: &[String]) {
        let some: Vec<&str> = titles.iter().take(3).map(String::as_str).collect();
        let more = if titles.len() > some.len() { ", …" } else { "" };
        self.say(&format!(
            "waiting for other processes, which are training what is left: {}{more}",
            some.join("; ")
        ));
    }

    /// Something that people should know; on a terminal it stays above the live lines.
    fn say(&self, text: &str) {
        match &self.mode {
            Mode::Live { bars, .. } => {
                let _ = bars.println(text);
            }
            Mode::Lines => eprintln!("{text}"),
            Mode::Quiet => {}
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

    fn show_whole(&self) {
        if let Mode::Live { whole, counts, .. } = &self.mode {
            let seconds = self.started.elapsed().as_secs_f64();
            let done = whole.position() as f64 / whole.length().unwrap_or(1).max(1) as f64;
            let left = match done > 0.0 {
                true => duration(seconds / done * (1.0 - done)),
                false => "…".to_owned(),
            };
            let of = |count: &AtomicUsize| count.load(Ordering::Relaxed);
            let (ended, failed) = (of(&counts.ended), of(&counts.failed));
            let running = of(&counts.begun).saturating_sub(ended);
            let trouble = if failed > 0 { format!(", {failed} failed") } else { String::new() };
            whole.set_message(format!(
                "{} of {} done, {running} running{trouble}, {left} left, {} so far",
                ended.saturating_sub(failed),
                counts.trials,
                duration(seconds),
            ));
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
        self.send("epoch", serde_json::to_value(row).unwrap_or_default());
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
    pub fn end(&self, ended: &Result<Ended, Broken>) {
        let seconds = self.started.elapsed().as_secs_f64();
        let (words, status, more) = match ended {
            Ok(Ended::Completed(test)) => (
                format!(
                    "done in {}: test_accuracy {:.4} test_loss {:.4}",
                    duration(seconds),
                    test.accuracy,
                    test.loss
                ),
                "completed",
                json!({ "test_accuracy": test.accuracy, "test_loss": test.loss }),
            ),
            Ok(Ended::Diverged(reason)) => {
                (format!("diverged: {reason}"), "diverged", json!({ "reason": reason }))
            }
            Ok(Ended::Elsewhere) => {
                ("done meanwhile by another process".to_owned(), "elsewhere", json!({}))
            }
            Ok(Ended::TakenOver(from)) => {
                let from = from.path().display().to_string();
                let words = format!("done before as {from}, taken over from there");
                (words, "taken_over", json!({ "from": from }))
            }
            Ok(Ended::Interrupted) => {
                ("interrupted; the next run goes on with it".to_owned(), "interrupted", json!({}))
            }
            Err(Broken { failure, reason }) => (
                format!("failed: {reason}"),
                "failed",
                json!({ "failure": failure, "reason": reason }),
            ),
        };
        let mut fields = json!({ "status": status, "seconds": seconds });
        if let (Value::Object(fields), Value::Object(more)) = (&mut fields, more) {
            fields.extend(more);
        }
        self.send("trial_finished", fields);
        self.last_words(&words, ended.is_err());
    }

    /// Something went wrong that does not end the trial.
    pub fn warn(&self, text: &str) {
        self.progress.say(&format!("warning: {}: {text}", self.title));
    }

    fn send(&self, event: &str, more: Value) {
        if let Some(events) = self.progress.events {
            events.send(event, about(self.trial, more));
        }
    }

    /// Moves this trial's bar, and the whole's by as much.
    fn advance(&self, done: u64) {
        let before = self.bar.position();
        self.bar.set_position(done);
        if let Mode::Live { whole, .. } = &self.progress.mode {
            whole.inc(done.saturating_sub(before));
            self.progress.show_whole();
        }
    }

    fn last_words(&self, text: &str, failed: bool) {
        match &self.progress.mode {
            Mode::Live { bars, counts, .. } => {
                counts.failed.fetch_add(usize::from(failed), Ordering::Relaxed);
                counts.ended.fetch_add(1, Ordering::Relaxed);
                self.advance(self.bar.length().unwrap_or(0));
                self.bar.finish_and_clear();
                // It would be kept for as long as the run goes on.
                bars.remove(&self.bar);
                // Ended trials stay above the live lines.
                let _ = bars.println(format!("{}  {text}", self.progress.pad(&self.title)));
            }
            Mode::Lines => eprintln!("{}: {text}", self.title),
            Mode::Quiet => {}
        }
    }
}

/// Rows that a trial trains on in all its epochs.
fn work(job: &Job<'_>) -> u64 {
    if job.from.is_some() {
        return 0;
    }
    (job.dataset.train.len() * job.trial.case().setup.training.epochs) as u64
}

fn style(template: &str) -> ProgressStyle {
    ProgressStyle::with_template(template).expect("templates are constants").progress_chars("=> ")
}
