//! What a run leaves in the results folder beside its trials: tables, charts, the report.

use std::collections::{HashMap, HashSet};
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};

use super::charts::unless_drawn;
use super::expect::has_refuted;
use super::folders::{tell_what_is_left_out, warn_of_unreadable};
use super::output::CsvArgs;
use super::print;
use super::run::Planned;
use crate::analysis::{self, ExperimentResults, Verdict, experiment_results};
use crate::launch::FailedTrial;
use crate::record::{
    Entry, ExperimentFolder, RecordedTrial, Slot, Status, add_byte_order_mark, is_recorded_plan,
    read_metrics, read_plan, read_results, write_atomically, write_if_changed, write_plan,
    write_tensorboard, write_tensorboard_summary,
};
use crate::render;
use crate::spec::Experiment;

/// What became of the results.
pub struct Written {
    /// Charts that were drawn; those that are as they were are not among them.
    pub charts: Vec<PathBuf>,
    /// The report.
    pub report: PathBuf,
    /// Whether a claim counts as refuted.
    pub claim_refuted: bool,
}

/// Writes tables and charts of the command's experiments, and the comparison and the report of all
/// experiments in the results folder, from their recorded trials. Prints the table of what the
/// command ran, with the outcomes of the claims. `failed` are the trials whose end may not be
/// recorded; with `strict`, undecided and untested claims count as refuted.
pub fn write_results(
    out: &Path,
    planned: &[Planned],
    failed: &[FailedTrial],
    csv: CsvArgs,
    strict: bool,
) -> Result<Written> {
    for planned in planned.iter().filter(|planned| !planned.is_record) {
        let name = &planned.prepared.experiment.name;
        let folder = out.join(name);
        // While trials were trained, the folder may have been deleted, or another process may have
        // planned another file of that name.
        if !is_recorded_plan(&folder, &planned.plan) {
            if read_plan(&folder).is_some() {
                eprintln!(
                    "note: another `run` has recorded another plan in `{}` meanwhile; tables and \
                     charts are of the plan of this command",
                    folder.display()
                );
            }
            record_plan(out, planned)?;
        }
    }
    // An experiment's folder may be a link, which would not be followed from the results folder.
    let of = |planned: &Planned| out.join(&planned.prepared.experiment.name);
    let roots: Vec<PathBuf> =
        std::iter::once(out.to_owned()).chain(planned.iter().map(of)).collect();
    let mut recorded: HashMap<PathBuf, ExperimentFolder> = read_results(&roots)?
        .into_iter()
        .map(|experiment| (experiment.folder.clone(), experiment))
        .collect();
    let (mut folders, mut all, mut judged) = (Vec::new(), Vec::new(), Vec::new());
    let mut own = Vec::new();
    for planned in planned {
        let experiment = &planned.prepared.experiment;
        let name = &experiment.name;
        let folder = out.join(name);
        let mut found = folder
            .canonicalize()
            .ok()
            .and_then(|place| recorded.remove(&place))
            .with_context(|| format!("cannot read the folder `{}`", folder.display()))?;
        found.name.clone_from(name);
        tell_what_is_left_out(std::slice::from_ref(&found));
        let failed = |slot: &Slot, entry: Option<&Entry>| failed_now(failed, slot, entry);
        let shown = shown(planned, &found);
        let (results, unreadable) = experiment_results(&found, shown.description.clone(), &failed);
        for reason in &unreadable {
            warn_of_unreadable(reason);
        }
        analysis::write_tables(&folder, &results)?;
        analysis::write_diagnostics(&folder, &results)?;
        let seeds = if planned.is_record { found.seeds() } else { experiment.seeds.clone() };
        let verdicts = analysis::judge(&shown.claims, &results, &seeds);
        analysis::write_expectations(&folder, name, &verdicts)?;
        own.push(found);
        folders.push(folder);
        all.push(results);
        judged.push(verdicts);
    }
    write_event_files(out, planned, &all)?;
    if csv.bom() {
        for folder in &folders {
            for table in tables(folder).into_iter().chain([folder.join("expectations.csv")]) {
                add_byte_order_mark(&table)?;
            }
        }
    }

    // Beside each other: drawing takes longer than training does in a small experiment.
    let others: Vec<ExperimentFolder> = recorded.into_values().collect();
    let (charts, page) = std::thread::scope(|scope| {
        let page = scope.spawn(|| write_page(out, &own, &all, &others));
        (draw_charts(planned, &own, &folders, &all), page.join())
    });
    let mut charts = charts?;
    charts.extend(page.unwrap_or_else(|panic| std::panic::resume_unwind(panic))?);
    if csv.bom() {
        add_byte_order_mark(&out.join("comparison.csv"))?;
    }

    let judged: Vec<(&str, &[Verdict])> = all
        .iter()
        .zip(&judged)
        .map(|(results, verdicts)| (&*results.name, &verdicts[..]))
        .collect();
    let claims = render::claims_table(&judged);
    let gap = if claims.is_empty() { "" } else { "\n" };
    let claim_refuted = has_refuted(&judged, strict);
    let chosen: Vec<ExperimentResults> =
        planned.iter().zip(&all).map(|(planned, results)| chosen(planned, results)).collect();
    print(&format!("{}{gap}{claims}", render::results_table(&chosen)))?;
    Ok(Written { charts, report: out.join(super::report::FILE), claim_refuted })
}

/// Records what the command set out to do with an experiment, and the file as it is now, for whoever
/// looks at its claims and its settings later.
///
/// # Errors
/// When the folder cannot be written to.
pub fn record_plan(out: &Path, planned: &Planned) -> Result<()> {
    let experiment = &planned.prepared.experiment;
    let folder = out.join(&experiment.name);
    write_plan(&folder, &planned.plan)?;
    write_if_changed(&folder.join("experiment.yaml"), experiment.source.text.as_bytes())
}

/// The file whose claims and plots are shown: where a recorded trial is trained again in its own
/// folder, the recorded file of its experiment.
fn shown<'a>(planned: &'a Planned, found: &'a ExperimentFolder) -> &'a Experiment {
    match found.file() {
        Some(Ok(file)) if planned.is_record => file,
        Some(_) | None => &planned.prepared.experiment,
    }
}

/// The cases that the command chose trials of.
fn chosen(planned: &Planned, results: &ExperimentResults) -> ExperimentResults {
    let labels: HashSet<String> = planned.trials.iter().map(|trial| trial.case().label()).collect();
    let cases = results.cases.iter().filter(|case| labels.contains(&case.label));
    ExperimentResults {
        name: results.name.clone(),
        description: results.description.clone(),
        cases: cases.cloned().collect(),
    }
}

/// The tables that charts are drawn from; most experiments have no diagnostics.
fn tables(folder: &Path) -> [PathBuf; 4] {
    ["summary.csv", "aggregate.csv", "curves.csv", "diagnostics.csv"].map(|name| folder.join(name))
}

/// Draws the charts of each experiment into its folder. Returns those that were drawn anew.
fn draw_charts(
    planned: &[Planned],
    own: &[ExperimentFolder],
    folders: &[PathBuf],
    all: &[ExperimentResults],
) -> Result<Vec<PathBuf>> {
    let mut charts = Vec::new();
    for (((planned, found), folder), results) in planned.iter().zip(own).zip(folders).zip(all) {
        let plots = shown(planned, found).plots.as_deref();
        let words = [&*results.description, &format!("{plots:?}")];
        charts.extend(unless_drawn(folder, &tables(folder), &words, || {
            render::draw_experiment(folder, results, plots)
        })?);
    }
    Ok(charts)
}

/// Writes what shows all experiments of a results folder side by side: the comparison, as a table
/// and as a chart, and the report. `own` and `all` are the experiments of this command, `others`
/// the rest. Returns the chart, where it was drawn anew.
fn write_page(
    out: &Path,
    own: &[ExperimentFolder],
    all: &[ExperimentResults],
    others: &[ExperimentFolder],
) -> Result<Option<PathBuf>> {
    let mut experiments: Vec<(&ExperimentFolder, Option<&ExperimentResults>)> =
        own.iter().zip(all.iter().map(Some)).collect();
    experiments.extend(others.iter().map(|other| (other, None)));
    experiments.sort_by(|a, b| (&a.0.name, &a.0.folder).cmp(&(&b.0.name, &b.0.folder)));
    // What is shown of a trial is as it was when the trial ended.
    let mut inputs = Vec::new();
    let mut words: Vec<&str> = Vec::new();
    for (experiment, _) in &experiments {
        let files = ["experiment.yaml", "expectations.csv"];
        inputs.extend(files.map(|name| experiment.folder.join(name)));
        words.push(&experiment.name);
        for row in &experiment.rows {
            words.push(&row.label);
            for Entry { manifest, state, .. } in experiment.trials(row) {
                words.extend([&*manifest.trial_hash, &*manifest.started, state.as_str()]);
                words.extend(manifest.ended.as_deref());
            }
        }
    }
    let drawn = unless_drawn(out, &inputs, &words, || {
        let read = |(experiment, results): &(&ExperimentFolder, Option<&ExperimentResults>)| {
            results.cloned().unwrap_or_else(|| read_other(experiment))
        };
        let results: Vec<ExperimentResults> = experiments.iter().map(read).collect();
        let shown = experiments.iter().zip(&results);
        let shown: Vec<(&Path, &ExperimentResults)> = shown
            .filter(|((_, own), results)| own.is_some() || !results.cases.is_empty())
            .map(|((experiment, _), results)| (&*experiment.folder, results))
            .collect();
        analysis::write_comparison(out, &results)?;
        let report = out.join(super::report::FILE);
        write_atomically(&report, render::report(&shown)?.as_bytes())?;
        let chart = render::draw_comparison(out, &results)?;
        Ok(chart.into_iter().chain([report, out.join("comparison.csv")]).collect())
    })?;
    Ok(drawn.into_iter().find(|path| path.extension().is_some_and(|ending| ending == "png")))
}

/// An experiment that this command has nothing to do with; what cannot be read of it is told by the
/// commands that read it.
fn read_other(experiment: &ExperimentFolder) -> ExperimentResults {
    let description = match experiment.file() {
        Some(Ok(file)) => file.description.clone(),
        Some(Err(_)) | None => String::new(),
    };
    experiment_results(experiment, description, &|_, _| None).0
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
fn failed_now(failed: &[FailedTrial], slot: &Slot, entry: Option<&Entry>) -> Option<RecordedTrial> {
    if failed.is_empty() || entry.is_some_and(|entry| entry.manifest.status == Status::Failed) {
        return None;
    }
    let failed = failed.iter().find(|failed| failed.manifest.trial_hash == slot.trial_hash)?;
    Some(RecordedTrial {
        dir: failed.dir.clone(),
        label: String::new(),
        manifest: failed.manifest.clone(),
        epochs: read_metrics(&failed.dir.metrics()).unwrap_or_default(),
    })
}
