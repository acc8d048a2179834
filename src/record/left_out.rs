//! Why recorded trials are in no row of their experiment.

use std::collections::{HashMap, HashSet};
use std::path::{Path, PathBuf};

use serde_json::Value;

use super::{
    Entry, ExperimentFolder, Plan, PlannedCase, RecordedSetups, Row, changes, recorded_settings,
    settings,
};
use crate::spec::{BackendName, Case};

/// Longer lists of reasons, of trials with one reason, and of differences are cut.
const REASONS_SHOWN: usize = 4;
const TRIALS_SHOWN: usize = 3;
const CHANGES_SHOWN: usize = 3;

/// The reasons of so many trials are looked for: each takes a `config.yaml`.
const TRIALS_EXAMINED: usize = 100;

impl ExperimentFolder {
    /// Which trials are left out and why, for people; `None` where all are in a row, but for those that
    /// `run` moved to `previous`.
    pub fn left_out_note(&self) -> Option<String> {
        let plan = self.plan.as_ref()?;
        if self.left_out.is_empty() {
            return None;
        }
        let mut reasons = Reasons::new(self, plan);
        let is_aside = |index: &&usize| self.entries[**index].found.is_aside();
        let (aside, others): (Vec<&usize>, Vec<&usize>) = self.left_out.iter().partition(is_aside);
        // What `run` itself moved aside is told only beside something else.
        if others.is_empty() {
            return None;
        }
        // In the order of first appearance.
        let mut groups: Vec<(String, Vec<&Entry>)> = Vec::new();
        for index in others.iter().take(TRIALS_EXAMINED) {
            let entry = &self.entries[**index];
            let why = reasons.of(entry);
            match groups.iter_mut().find(|(known, _)| *known == why) {
                Some((_, entries)) => entries.push(entry),
                None => groups.push((why, vec![entry])),
            }
        }
        let all = self.left_out.len();
        let trials = if all == 1 { "1 trial is".to_owned() } else { format!("{all} trials are") };
        let folder = shown_folder(&self.folder);
        let mut note =
            format!("`{}`: {trials} not in the last plan and left out\n", folder.display());
        for (why, entries) in groups.iter().take(REASONS_SHOWN) {
            let mut names: Vec<String> =
                entries.iter().take(TRIALS_SHOWN).map(|entry| self.name_of(entry)).collect();
            if entries.len() > TRIALS_SHOWN {
                names.push(format!("and {} more", entries.len() - TRIALS_SHOWN));
            }
            note.push_str(&format!("  {}: {why}\n", names.join(", ")));
        }
        let told: usize = groups.iter().take(REASONS_SHOWN).map(|(_, list)| list.len()).sum();
        if others.len() > told {
            note.push_str(&format!("  and {} more\n", others.len() - told));
        }
        if !aside.is_empty() {
            note.push_str(&format!("  {} in `previous`, moved there by `run`\n", aside.len()));
        }
        Some(note.trim_end().to_owned())
    }

    /// `quick/seed-1`
    fn name_of(&self, entry: &Entry) -> String {
        let place = &entry.found.place;
        place.strip_prefix(&self.folder).unwrap_or(place).display().to_string()
    }
}

/// The reasons of one experiment's trials.
struct Reasons<'a> {
    experiment: &'a ExperimentFolder,
    plan: &'a Plan,
    case_hashes: HashSet<&'a str>,
    /// Planned cases and their rows, by their labels.
    cases: HashMap<&'a str, &'a PlannedCase>,
    rows: HashMap<&'a str, &'a Row>,
    /// The settings of planned cases, by their labels, as far as they were asked for.
    settings: HashMap<&'a str, Option<Value>>,
    setups: RecordedSetups,
}

impl<'a> Reasons<'a> {
    fn new(experiment: &'a ExperimentFolder, plan: &'a Plan) -> Self {
        let current = experiment.rows.iter().filter(|row| row.is_current);
        Self {
            experiment,
            plan,
            case_hashes: plan.cases.iter().filter_map(|case| case.case_hash.as_deref()).collect(),
            cases: plan.cases.iter().map(|case| (&*case.label, case)).collect(),
            rows: current.map(|row| (&*row.label, row)).collect(),
            settings: HashMap::new(),
            setups: RecordedSetups::default(),
        }
    }

    fn of(&mut self, entry: &Entry) -> String {
        let manifest = &entry.manifest;
        let hash = self.setups.case_hash(entry.dir(), manifest);
        let seed = || format!("seed {} is not in the plan", manifest.seed);
        if hash.is_some_and(|hash| self.case_hashes.contains(&*hash)) {
            return seed();
        }
        let Some(case) = self.cases.get(&*entry.found.label()).copied() else {
            return "the plan has no such case".to_owned();
        };
        let mut differences = match self.planned_settings(case) {
            Some(planned) => changes(&recorded_settings(entry.dir()), &planned),
            None => Vec::new(),
        };
        if case.data.as_ref().is_some_and(|data| *data != manifest.dataset_checksum) {
            differences.push("the data has changed".to_owned());
        }
        let numerics = manifest.versions.numerics;
        if let Some(now) = self.plan.numerics.filter(|now| *now != numerics) {
            differences.push(format!("numerics {numerics} → {now}"));
        }
        if differences.is_empty() {
            return match case.trials.iter().any(|trial| trial.seed == manifest.seed) {
                true => "it was trained with other settings or data".to_owned(),
                false => seed(),
            };
        }
        if differences.len() > CHANGES_SHOWN {
            let more = differences.len() - CHANGES_SHOWN;
            differences.truncate(CHANGES_SHOWN);
            differences.push(format!("and {more} more"));
        }
        differences.join(", ")
    }

    /// The settings of a planned case: from the `config.yaml` of one of its trials, or else from the
    /// recorded file.
    fn planned_settings(&mut self, case: &'a PlannedCase) -> Option<Value> {
        if let Some(known) = self.settings.get(&*case.label) {
            return known.clone();
        }
        let settings = self.recorded(case).or_else(|| self.in_file(case));
        self.settings.insert(&case.label, settings.clone());
        settings
    }

    fn recorded(&self, case: &PlannedCase) -> Option<Value> {
        let row = self.rows.get(&*case.label)?;
        let settings = recorded_settings(self.experiment.trials(row).next()?.dir());
        settings.is_object().then_some(settings)
    }

    fn in_file(&self, case: &PlannedCase) -> Option<Value> {
        let file = self.experiment.file()?.as_ref().ok()?;
        let of_label = |known: &&Case| known.label() == case.label;
        let setup = &file.cases.iter().find(of_label)?.setup;
        let backend = self.plan.backend.or(file.backend).unwrap_or(BackendName::ALL[0]);
        Some(settings(setup, backend))
    }
}

/// A folder as people write it: from here, where it is below here.
pub fn shown_folder(folder: &Path) -> PathBuf {
    let here = std::env::current_dir().and_then(|here| here.canonicalize()).ok();
    match here.and_then(|here| folder.strip_prefix(here).ok().map(Path::to_owned)) {
        Some(below) if below.as_os_str().is_empty() => PathBuf::from("."),
        Some(below) => below,
        None => folder.to_owned(),
    }
}
