//! `bn-runner watch`: follows a folder that other processes fill.

use std::collections::HashMap;
use std::io::IsTerminal as _;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use anyhow::Result;
use clap::Args;
use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::folders::FolderArgs;
use super::print;
use super::status::status_table;
use crate::analysis::grid_text;
use crate::numbers::duration;
use crate::record::{Entry, EpochRow, ExperimentFolder, State, read_metrics};

/// Between two looks.
const PAUSE: Duration = Duration::from_millis(500);

/// Nothing is running when nothing was for so long: between two trials there is a moment without.
const PATIENCE: Duration = Duration::from_secs(3);

#[derive(Debug, Args)]
pub struct WatchArgs {
    #[command(flatten)]
    folders: FolderArgs,

    /// Look once and stop.
    #[arg(long)]
    once: bool,
}

pub fn watch(args: &WatchArgs) -> Result<ExitCode> {
    if args.once {
        let look = Look::at(&args.folders)?;
        print(&format!("{}{}", look.table, look.lines().join("")))?;
        return Ok(ExitCode::SUCCESS);
    }
    let last = if std::io::stdout().is_terminal() { live(args)? } else { plain(args)? };
    print(&last)?;
    Ok(ExitCode::SUCCESS)
}

/// One look at the folders.
struct Look {
    experiments: Vec<ExperimentFolder>,
    table: String,
}

impl Look {
    fn at(folders: &FolderArgs) -> Result<Self> {
        let experiments = folders.experiments()?;
        let table = status_table(&experiments).ok_or_else(|| folders.no_trials())?;
        Ok(Self { experiments, table })
    }

    /// All trials, each once. Among them are those that another command trains, whose plan is not
    /// the last one.
    fn trials(&self) -> impl Iterator<Item = &Entry> {
        self.experiments.iter().flat_map(|experiment| {
            let used = experiment.in_current_rows();
            let is_meant = move |(index, entry): &(usize, &Entry)| {
                used.contains(index) || entry.state == State::Running
            };
            experiment.entries.iter().enumerate().filter(is_meant).map(|(_, entry)| entry)
        })
    }

    fn running(&self) -> impl Iterator<Item = &Entry> {
        self.trials().filter(|trial| trial.state == State::Running)
    }

    /// A line for each trial that is running.
    fn lines(&self) -> Vec<String> {
        let line = |trial: &Entry| {
            let rows = read_metrics(&trial.dir().metrics()).unwrap_or_default();
            format!("{}: {}\n", title(trial), progress(trial, rows.last()))
        };
        self.running().map(line).collect()
    }
}

/// A table and a line per running trial, drawn over and over.
fn live(args: &WatchArgs) -> Result<String> {
    let bars = MultiProgress::with_draw_target(ProgressDrawTarget::stdout());
    let style = ProgressStyle::with_template("{wide_msg}").expect("the template is a constant");
    let mut shown: Vec<ProgressBar> = Vec::new();
    let mut patience = Patience::default();
    loop {
        let look = Look::at(&args.folders)?;
        let text = look.table.clone() + &look.lines().join("");
        let lines: Vec<&str> = text.lines().collect();
        for line in shown.drain(lines.len().min(shown.len())..) {
            line.finish_and_clear();
            bars.remove(&line);
        }
        while shown.len() < lines.len() {
            let line = bars.add(ProgressBar::new(0));
            line.set_style(style.clone());
            shown.push(line);
        }
        for (line, text) in shown.iter().zip(lines) {
            line.set_message(text.to_owned());
        }
        if patience.ends(look.running().next().is_some()) {
            shown.iter().for_each(ProgressBar::finish_and_clear);
            return Ok(look.table);
        }
        std::thread::sleep(PAUSE);
    }
}

/// A line for every epoch and for every trial that ends.
fn plain(args: &WatchArgs) -> Result<String> {
    let mut seen: HashMap<PathBuf, (State, usize)> = HashMap::new();
    let mut patience = Patience::default();
    let mut first = true;
    loop {
        let look = Look::at(&args.folders)?;
        for trial in look.trials() {
            let path = trial.dir().path().to_owned();
            let before = seen.get(&path).copied();
            // What had ended before is told by the table alone.
            let news = match before {
                None => !first || trial.state == State::Running,
                Some((State::Running, _)) => true,
                Some((state, _)) => state != trial.state,
            };
            if !news {
                seen.entry(path).or_insert((trial.state, 0));
                continue;
            }
            let rows = read_metrics(&trial.dir().metrics()).unwrap_or_default();
            let told = match before {
                Some((State::Running, epochs)) => epochs,
                None if first => rows.len().saturating_sub(1),
                Some(_) | None => 0,
            };
            for row in rows.iter().skip(told) {
                print(&format!("{}: {}\n", title(trial), progress(trial, Some(row))))?;
            }
            if trial.state != State::Running {
                print(&format!("{}: {}\n", title(trial), end(trial)))?;
            }
            seen.insert(path, (trial.state, rows.len()));
        }
        first = false;
        if patience.ends(look.running().next().is_some()) {
            return Ok(look.table);
        }
        std::thread::sleep(PAUSE);
    }
}

/// Waits a while before it believes that nothing is running.
#[derive(Default)]
struct Patience {
    idle_since: Option<Instant>,
}

impl Patience {
    fn ends(&mut self, running: bool) -> bool {
        if running {
            self.idle_since = None;
            return false;
        }
        self.idle_since.get_or_insert_with(Instant::now).elapsed() >= PATIENCE
    }
}

/// `tiny quick learning_rate=0.1, seed 1`
fn title(trial: &Entry) -> String {
    let manifest = &trial.manifest;
    let grid = grid_text(&manifest.grid);
    let space = if grid.is_empty() { "" } else { " " };
    format!("{} {}{space}{grid}, seed {}", manifest.experiment, manifest.variant, manifest.seed)
}

fn progress(trial: &Entry, last: Option<&EpochRow>) -> String {
    let planned = trial.manifest.epochs;
    let Some(row) = last else {
        return format!("epoch 0/{planned}");
    };
    let mut text =
        format!("epoch {}/{planned} loss {:.4} accuracy {:.4}", row.epoch, row.loss, row.accuracy);
    if let (Some(loss), Some(accuracy)) = (row.val_loss, row.val_accuracy) {
        text.push_str(&format!(" val_loss {loss:.4} val_accuracy {accuracy:.4}"));
    }
    let left = planned.saturating_sub(row.epoch);
    if left > 0 {
        let seconds = row.elapsed_seconds / row.epoch.max(1) as f64 * left as f64;
        text.push_str(&format!(" · {} left", duration(seconds)));
    }
    text
}

fn end(trial: &Entry) -> String {
    match (&trial.manifest.outcome, &trial.manifest.reason) {
        (Some(outcome), _) => format!(
            "{}: test_accuracy {:.4} test_loss {:.4}",
            trial.state.as_str(),
            outcome.test_accuracy,
            outcome.test_loss
        ),
        (None, Some(reason)) => format!("{}: {reason}", trial.state.as_str()),
        (None, None) => trial.state.as_str().to_owned(),
    }
}
