//! `bn-runner status`: how many trials of each experiment are done, and what is left.

use std::process::ExitCode;

use anyhow::Result;
use clap::Args;

use super::folders::{FolderArgs, tell_what_is_left_out};
use super::print;
use crate::numbers::thousands;
use crate::record::{ExperimentFolder, Row, State};
use crate::render::{Lean, plain_table};

#[derive(Debug, Args)]
pub struct StatusArgs {
    #[command(flatten)]
    folders: FolderArgs,
}

pub fn status(args: &StatusArgs) -> Result<ExitCode> {
    let experiments = args.folders.experiments()?;
    tell_what_is_left_out(&experiments);
    let table = status_table(&experiments).ok_or_else(|| args.folders.no_trials())?;
    print(&table)?;
    Ok(ExitCode::SUCCESS)
}

/// A line per experiment, and one for all where there are several; `None` where there is no trial
/// and no plan. Trials of older versions of the numerics have a line of their own.
pub fn status_table(experiments: &[ExperimentFolder]) -> Option<String> {
    const STATES: [State; 6] = [
        State::Done,
        State::Diverged,
        State::Failed,
        State::Interrupted,
        State::Running,
        State::ToDo,
    ];
    let mut lines: Vec<(String, Vec<State>)> = Vec::new();
    for experiment in experiments {
        let (current, older): (Vec<&Row>, Vec<&Row>) =
            experiment.rows.iter().partition(|row| row.is_current);
        let name = &experiment.name;
        for (name, rows) in [(name.clone(), current), (format!("{name} (older numerics)"), older)] {
            let states: Vec<State> = rows.iter().flat_map(|row| states(experiment, row)).collect();
            if !states.is_empty() {
                lines.push((name, states));
            }
        }
    }
    let line = |(name, states): &(String, Vec<State>)| {
        let count = |wanted| states.iter().filter(|state| **state == wanted).count();
        let [done, diverged, failed, interrupted, running, to_do] =
            STATES.map(|state| thousands(count(state)));
        [name.clone(), done, diverged, failed, interrupted, running, to_do, thousands(states.len())]
    };
    let mut rows: Vec<_> = lines.iter().map(line).collect();
    match rows.len() {
        0 => return None,
        1 => {}
        _ => {
            let all = lines.into_iter().flat_map(|(_, states)| states).collect();
            rows.push(line(&("all".to_owned(), all)));
        }
    }
    let [done, diverged, failed, interrupted, running, to_do] =
        STATES.map(|state| (state.as_str(), Lean::Right));
    let first = ("experiment", Lean::Left);
    let last = ("trials", Lean::Right);
    Some(plain_table([first, done, diverged, failed, interrupted, running, to_do, last], &rows))
}

/// The state of each trial of a row, begun or not.
fn states<'a>(experiment: &'a ExperimentFolder, row: &'a Row) -> impl Iterator<Item = State> {
    let state = |entry: usize| experiment.entries[entry].state;
    row.slots.iter().map(move |slot| slot.entry.map_or(State::ToDo, state))
}
