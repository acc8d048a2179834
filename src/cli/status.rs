//! `bn-runner status`: how many trials of each experiment are done, and what is left.

use std::process::ExitCode;

use anyhow::Result;
use clap::Args;

use super::print;
use super::recorded::{DirArgs, Overview};
use crate::numbers::thousands;
use crate::record::State;
use crate::render::{Lean, plain_table};

#[derive(Debug, Args)]
pub struct StatusArgs {
    #[command(flatten)]
    dirs: DirArgs,
}

pub fn status(args: &StatusArgs) -> Result<ExitCode> {
    let overviews = Overview::of(&args.dirs.found()?);
    if overviews.is_empty() {
        return Err(args.dirs.nothing());
    }
    print(&status_table(&overviews))?;
    Ok(ExitCode::SUCCESS)
}

/// A line per experiment, and one for all where there are several.
pub fn status_table(overviews: &[Overview]) -> String {
    const STATES: [State; 5] =
        [State::Done, State::Failed, State::Interrupted, State::Running, State::ToDo];
    let line = |name: &str, count: &dyn Fn(State) -> usize, total: usize| {
        let [done, failed, interrupted, running, to_do] =
            STATES.map(|state| thousands(count(state)));
        [name.to_owned(), done, failed, interrupted, running, to_do, thousands(total)]
    };
    let mut rows: Vec<_> = overviews
        .iter()
        .map(|overview| line(&overview.name, &|state| overview.count(state), overview.total()))
        .collect();
    if overviews.len() > 1 {
        let count = |state| overviews.iter().map(|overview| overview.count(state)).sum();
        rows.push(line("all", &count, overviews.iter().map(Overview::total).sum()));
    }
    let [done, failed, interrupted, running, to_do] =
        STATES.map(|state| (state.as_str(), Lean::Right));
    let first = ("experiment", Lean::Left);
    let last = ("trials", Lean::Right);
    plain_table([first, done, failed, interrupted, running, to_do, last], &rows)
}
