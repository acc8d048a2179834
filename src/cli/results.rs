//! What a run leaves in the results folder beside its trials: tables, charts, the report.

use std::path::{Path, PathBuf};

use anyhow::Result;

use super::charts::unless_drawn;
use super::expect::has_failed;
use super::print;
use super::run::Planned;
use crate::analysis::{self, ExperimentResults, Verdict};
use crate::launch::FailedTrial;
use crate::plan::Trial;
use crate::record::{
    RecordedTrial, Status, TrialDir, read_metrics, write_atomically, write_if_changed,
    write_tensorboard, write_tensorboard_summary,
};
use crate::render;

/// What became of the results.
pub struct Written {
    /// Charts that were drawn; those that are as they were are not among them.
    pub charts: Vec<PathBuf>,
    /// The report.
    pub report: PathBuf,
    /// Whether the numbers are not as one of the files claims.
    pub claim_failed: bool,
}

/// Writes tables, charts and the report of all experiments from their recorded trials, and prints
/// the final table with what became of the claims. `failed` are the trials whose end may not be
/// recorded.
pub fn write_results(out: &Path, planned: &[Planned], failed: &[FailedTrial]) -> Result<Written> {
    let (mut folders, mut all, mut judged) = (Vec::new(), Vec::new(), Vec::new());
    for planned in planned {
        let experiment = &planned.prepared.experiment;
        let folder = out.join(&experiment.name);
        let results = ExperimentResults::new(
            experiment.name.clone(),
            experiment.description.clone(),
            recorded(&folder, planned, failed),
        );
        analysis::write_tables(&folder, &results)?;
        analysis::write_diagnostics(&folder, &results)?;
        // The file as it was, for whoever looks at its claims and the order of its cases later.
        write_if_changed(&folder.join("experiment.yaml"), experiment.source.text.as_bytes())?;
        let verdicts = analysis::judge(&experiment.claims, &results, &experiment.seeds);
        analysis::write_expectations(&folder, &experiment.name, &verdicts)?;
        folders.push(folder);
        all.push(results);
        judged.push(verdicts);
    }
    write_event_files(out, planned, &all)?;
    analysis::write_comparison(out, &all)?;

    // Beside each other: drawing takes longer than training does in a small experiment.
    let (charts, page) = std::thread::scope(|scope| {
        let page = scope.spawn(|| write_page(out, &folders, &all));
        (draw_charts(planned, &folders, &all), page.join())
    });
    let mut charts = charts?;
    charts.extend(page.unwrap_or_else(|panic| std::panic::resume_unwind(panic))?);

    let judged: Vec<(&str, &[Verdict])> = all
        .iter()
        .zip(&judged)
        .map(|(results, verdicts)| (&*results.name, &verdicts[..]))
        .collect();
    let claims = render::claims_table(&judged);
    let gap = if claims.is_empty() { "" } else { "\n" };
    let claim_failed = has_failed(&judged);
    print(&format!("{}{gap}{claims}", render::results_table(&all)))?;
    Ok(Written { charts, report: out.join(super::report::FILE), claim_failed })
}

/// The recorded trials of an experiment; says how many others its folder holds.
fn recorded(folder: &Path, planned: &Planned, failed: &[FailedTrial]) -> Vec<RecordedTrial> {
    // What an earlier run left where a trial was not started is not this experiment's.
    let record = |trial: &Trial| match trial.dir.read() {
        Ok(found) if found.manifest.trial_hash == trial.hash => match failed_now(failed, trial) {
            Some(failed) if found.manifest.status != Status::Failed => Some(failed),
            Some(_) | None => Some(found),
        },
        Ok(_) => failed_now(failed, trial),
        Err(error) => failed_now(failed, trial).or_else(|| {
            if trial.dir.manifest().exists() {
                eprintln!("warning: {} is left out: {error:#}", trial.title());
            }
            None
        }),
    };
    let recorded: Vec<_> = planned.trials.iter().filter_map(record).collect();
    let others = TrialDir::count(folder).saturating_sub(recorded.len());
    if others > 0 {
        eprintln!(
            "note: tables and charts of `{}` are of this command's trials, {} in number; others in \
             its folder, left as they are: {others}",
            planned.prepared.experiment.name,
            recorded.len(),
        );
    }
    recorded
}

/// The tables that charts are drawn from; most experiments have no diagnostics.
fn tables(folder: &Path) -> [PathBuf; 4] {
    ["summary.csv", "aggregate.csv", "curves.csv", "diagnostics.csv"].map(|name| folder.join(name))
}

/// Draws the charts of each experiment into its folder. Returns those that were drawn anew.
fn draw_charts(
    planned: &[Planned],
    folders: &[PathBuf],
    all: &[ExperimentResults],
) -> Result<Vec<PathBuf>> {
    let mut charts = Vec::new();
    for ((planned, folder), results) in planned.iter().zip(folders).zip(all) {
        let plots = planned.prepared.experiment.plots.as_deref();
        let words = [&*results.description, &format!("{plots:?}")];
        charts.extend(unless_drawn(folder, &tables(folder), &words, || {
            render::draw_experiment(folder, results, plots)
        })?);
    }
    Ok(charts)
}

/// Writes what shows all experiments side by side: the report and a chart. Returns the chart, where
/// it was drawn anew.
fn write_page(
    out: &Path,
    folders: &[PathBuf],
    all: &[ExperimentResults],
) -> Result<Option<PathBuf>> {
    let mut inputs: Vec<PathBuf> = folders.iter().flat_map(|folder| tables(folder)).collect();
    inputs.extend(folders.iter().map(|folder| folder.join("expectations.csv")));
    // Whatever else the report tells of a trial is as it was when the trial ended.
    let mut words: Vec<&str> = Vec::new();
    for results in all {
        words.extend([&*results.name, &*results.description]);
        for trial in results.cases.iter().flat_map(|case| &case.trials) {
            let manifest = &trial.manifest;
            words.extend([&*manifest.trial_hash, &*manifest.started]);
            words.extend(manifest.ended.as_deref());
        }
    }
    let drawn = unless_drawn(out, &inputs, &words, || {
        let experiments: Vec<_> = folders.iter().map(PathBuf::as_path).zip(all).collect();
        let report = out.join(super::report::FILE);
        write_atomically(&report, render::report(&experiments)?.as_bytes())?;
        Ok(render::draw_comparison(out, all)?.into_iter().chain([report]).collect())
    })?;
    Ok(drawn.into_iter().find(|path| path.extension().is_some_and(|ending| ending == "png")))
}

/// Writes the event files of all trials that are to have them, and of those that have some, which
/// may be behind: of a trial that was gone on with, or has another name now.
fn write_event_files(out: &Path, planned: &[Planned], results: &[ExperimentResults]) -> Result<()> {
    let mut any = false;
    for (planned, results) in planned.iter().zip(results) {
        let wanted = |trial: &&RecordedTrial| {
            let dir = &trial.dir;
            dir.manifest().exists() && (planned.tensorboard || dir.tensorboard().is_dir())
        };
        for trial in results.cases.iter().flat_map(|case| &case.trials).filter(wanted) {
            write_tensorboard(&trial.dir)?;
            any = true;
        }
    }
    if any { write_tensorboard_summary(out) } else { Ok(()) }
}

/// The record of a trial that has failed in this run, where that could not be written down: on a
/// disk that is full, or in a folder that is gone.
fn failed_now(failed: &[FailedTrial], trial: &Trial) -> Option<RecordedTrial> {
    let failed = failed.iter().find(|failed| failed.dir == trial.dir)?;
    Some(RecordedTrial {
        dir: trial.dir.clone(),
        label: trial.case().label(),
        manifest: failed.manifest.clone(),
        epochs: read_metrics(&trial.dir.metrics()).unwrap_or_default(),
    })
}
