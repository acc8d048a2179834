//! `bn-runner run --dry-run`: what would be trained, why, and what that would take.

use std::path::Path;

use super::run::Planned;
use crate::launch::goes_on_after;
use crate::model::counts;
use crate::numbers::{bytes, duration, thousands};
use crate::plan::{Cause, Earlier, Standing, Trial};
use crate::record::{Manifest, State, Status};
use crate::render::{Lean, plain_table};
use crate::train::NUMERICS_VERSION;

/// More changes than these are counted, not named.
const CHANGES_SHOWN: usize = 3;

/// The plan: a line per trial, then how many there are and what they will take.
pub fn dry_run(planned: &[Planned], earlier: &Earlier, out: &Path, jobs: usize) -> String {
    let mut rows = Vec::new();
    let mut total = Total::default();
    for planned in planned {
        // Seeds of a case take the same, and follow one another.
        let mut of_case = None;
        for (trial, standing) in planned.trials.iter().zip(&planned.standings) {
            let parameters = counts(&planned.prepared.placed[trial.case]).total;
            let begun = begun(standing, trial);
            rows.push([
                state(standing).as_str().to_owned(),
                trial.dir.path().display().to_string(),
                thousands(parameters),
                why(standing, trial, begun, &planned.datasets[trial.case].checksum),
            ]);
            total.trials += 1;
            total.aside += usize::from(is_moved_aside(standing, trial));
            match standing {
                Standing::Done => total.done += 1,
                Standing::DoneIn(_) => total.elsewhere += 1,
                Standing::Diverged(_) => total.diverged += 1,
                Standing::Open(cause) => {
                    total.open += 1;
                    total.interrupted += usize::from(matches!(cause, Cause::CutOff(_)));
                    let rows = planned.datasets[trial.case].train.len();
                    let estimate = match of_case {
                        Some((case, estimate)) if case == trial.case => estimate,
                        Some(_) | None => earlier.estimate(trial, parameters, rows),
                    };
                    of_case = Some((trial.case, estimate));
                    total.bytes += estimate.bytes;
                    match estimate.seconds {
                        Some(seconds) => {
                            let epochs = trial.case().setup.training.epochs.max(1);
                            let left = epochs.saturating_sub(begun.unwrap_or(0));
                            total.seconds += seconds * left as f64 / epochs as f64;
                        }
                        None => total.unknown += 1,
                    }
                }
            }
        }
    }
    let columns = [
        ("state", Lean::Left),
        ("trial", Lean::Left),
        ("parameters", Lean::Right),
        ("why", Lean::Left),
    ];
    format!("{}\n{}", plain_table(columns, &rows), total.words(out, jobs))
}

fn state(standing: &Standing) -> State {
    match standing {
        Standing::Done | Standing::DoneIn(_) => State::Done,
        Standing::Diverged(_) | Standing::Open(Cause::Diverged(_)) => State::Diverged,
        Standing::Open(Cause::Failed(_)) => State::Failed,
        Standing::Open(Cause::CutOff(_)) => State::Interrupted,
        Standing::Open(Cause::Elsewhere) => State::Running,
        Standing::Open(Cause::New | Cause::Forced | Cause::Changed(_) | Cause::Lacks(_)) => {
            State::ToDo
        }
    }
}

/// Epochs that are there already of a trial that is to be trained.
fn begun(standing: &Standing, trial: &Trial) -> Option<usize> {
    match standing {
        Standing::Open(
            Cause::Changed(_)
            | Cause::Lacks(_)
            | Cause::CutOff(_)
            | Cause::Failed(_)
            | Cause::Diverged(_),
        ) => goes_on_after(trial),
        Standing::Open(Cause::New | Cause::Forced | Cause::Elsewhere)
        | Standing::Done
        | Standing::DoneIn(_)
        | Standing::Diverged(_) => None,
    }
}

/// Whether a trial's folder holds finished results, which are moved aside for it.
fn is_moved_aside(standing: &Standing, trial: &Trial) -> bool {
    let is_finished = |manifest: &Manifest| match manifest.status {
        Status::Completed | Status::Diverged => true,
        Status::Running | Status::Failed | Status::Interrupted => false,
    };
    match standing {
        Standing::Open(Cause::Changed(recorded)) => is_finished(recorded),
        Standing::DoneIn(_)
        | Standing::Open(Cause::Forced | Cause::Lacks(_) | Cause::Diverged(_)) => {
            trial.dir.read_manifest().as_ref().is_some_and(is_finished)
        }
        Standing::Done
        | Standing::Diverged(_)
        | Standing::Open(Cause::New | Cause::CutOff(_) | Cause::Failed(_) | Cause::Elsewhere) => {
            false
        }
    }
}

fn why(standing: &Standing, trial: &Trial, begun: Option<usize>, data: &str) -> String {
    match standing {
        Standing::Done => String::new(),
        Standing::DoneIn(dir) => format!("as {}, to be taken over", dir.path().display()),
        Standing::Diverged(reason) => format!("{reason} (`--rerun-failed` trains it again)"),
        Standing::Open(Cause::New) => "new".to_owned(),
        Standing::Open(Cause::Forced) => "forced".to_owned(),
        Standing::Open(Cause::Lacks(file)) => {
            format!("{file} is missing, incomplete or unreadable")
        }
        Standing::Open(Cause::CutOff(0)) => "cut off in its first epoch".to_owned(),
        Standing::Open(Cause::CutOff(epochs)) => format!("cut off after epoch {epochs}"),
        Standing::Open(Cause::Failed(reason)) => format!("failed before: {reason}"),
        Standing::Open(Cause::Diverged(reason)) => format!("diverged before: {reason}"),
        Standing::Open(Cause::Elsewhere) => "another process is training it".to_owned(),
        Standing::Open(Cause::Changed(recorded)) => {
            let mut changes = trial.changes(recorded, data, NUMERICS_VERSION);
            if changes.len() > CHANGES_SHOWN {
                let more = changes.len() - CHANGES_SHOWN;
                changes.truncate(CHANGES_SHOWN);
                changes.push(format!("and {more} more"));
            }
            let onwards = match begun {
                Some(epoch) => format!("; goes on after epoch {epoch}"),
                None => String::new(),
            };
            format!("{}{onwards}", changes.join(", "))
        }
    }
}

/// Sums over a plan.
#[derive(Default)]
struct Total {
    trials: usize,
    done: usize,
    elsewhere: usize,
    diverged: usize,
    open: usize,
    interrupted: usize,
    /// Finished results that are moved aside.
    aside: usize,
    /// Of trials whose time is known.
    seconds: f64,
    unknown: usize,
    bytes: u64,
}

impl Total {
    fn words(&self, out: &Path, jobs: usize) -> String {
        let mut parts = vec![format!("{} done", thousands(self.done))];
        if self.elsewhere > 0 {
            parts.push(format!("{} done under other names", thousands(self.elsewhere)));
        }
        if self.diverged > 0 {
            parts.push(format!("{} diverged before", thousands(self.diverged)));
        }
        let begun = match self.interrupted {
            0 => String::new(),
            count => format!(" ({} begun)", thousands(count)),
        };
        parts.push(format!("{} to train{begun}", thousands(self.open)));
        let trials = thousands(self.trials);
        let aside = match self.aside {
            0 => String::new(),
            count => format!(
                "finished results in the folders of {} trials are moved to `previous` beside them\n",
                thousands(count)
            ),
        };
        if self.open == 0 {
            return format!("{trials} trials: {}\n{aside}", parts.join(", "));
        }
        let jobs = jobs.min(self.open);
        let about = duration(self.seconds / jobs as f64);
        let known = self.open - self.unknown;
        let time = match (known, self.unknown) {
            (0, _) => format!("unknown, as `{}` holds nothing like it yet", out.display()),
            (_, 0) => format!("about {about}, {jobs} at a time"),
            (known, unknown) => format!(
                "about {about} for {} of them, {jobs} at a time; unknown for the other {}, as `{}` \
                 holds nothing like them yet",
                thousands(known),
                thousands(unknown),
                out.display(),
            ),
        };
        format!(
            "{trials} trials: {}\n{aside}time: {time}\ndisk: about {}\n",
            parts.join(", "),
            bytes(self.bytes),
        )
    }
}
