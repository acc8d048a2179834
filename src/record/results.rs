//! Folders of results, read back: which recorded trials belong to which row of an experiment.
//!
//! Trials are told apart by their recorded hashes, never by the names of their folders. With a plan,
//! the rows of an experiment are the cases of the plan, each with the trials whose hashes the plan
//! lists, wherever their folders are; without one, each case hash is a row.

use std::cmp::Reverse;
use std::collections::{BTreeMap, HashMap, HashSet};
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use super::{
    Found, FoundTrial, Manifest, Plan, PlannedCase, RecordedSetups, State, TrialDir, plan_file,
    read_plan,
};
use crate::spec::{Experiment, GridValue, Overrides, Problems, load_recorded};

/// Digits of a hash in the label of a row that has nothing else of its own.
const SHORT_HASH: usize = 7;

/// The most levels that a trial is below its experiment's folder: in the `previous/` of a case.
const LEVELS_ABOVE: usize = 3;

/// Why there is nothing to look at.
#[derive(Debug, thiserror::Error)]
pub enum Nothing {
    /// A folder is not there.
    #[error("`{}` is not a folder; give a results folder, or a folder inside one", .0.display())]
    NoFolder(PathBuf),
    /// No folder holds a trial.
    #[error("no trials in {0}; `bn-runner run` makes some")]
    NoTrials(String),
    /// No recorded file claims anything.
    #[error(
        "no recorded experiment has claims; `expect:` in its file makes some, and `bn-runner run` records it"
    )]
    NoClaims,
}

/// A recorded trial.
#[derive(Debug)]
pub struct Entry {
    /// Where it is.
    pub found: FoundTrial,
    /// Its manifest.
    pub manifest: Manifest,
    /// How far it is.
    pub state: State,
}

impl Entry {
    /// Its folder.
    pub fn dir(&self) -> &TrialDir {
        &self.found.dir
    }

    /// Whether it has come to an end that training it again would only repeat.
    fn is_finished(&self) -> bool {
        match self.state {
            State::Done => self.dir().has_all_epochs(&self.manifest),
            State::Diverged => true,
            State::Failed | State::Interrupted | State::Running | State::ToDo => false,
        }
    }
}

/// One seed of a row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Slot {
    /// The seed.
    pub seed: u64,
    /// The identity of its trial.
    pub trial_hash: String,
    /// The recorded trial, by its place among the experiment's; `None` where there is none yet.
    pub entry: Option<usize>,
}

/// Trials that agree in everything but the seed, under one label.
#[derive(Debug, Clone, PartialEq)]
pub struct Row {
    /// The label: the variant with its grid values.
    pub label: String,
    /// The variant's name.
    pub variant: String,
    /// Its grid values, in the file's order.
    pub grid: Vec<GridValue>,
    /// Whether the trials are as the plan has them. Others are of an older version of the numerics.
    pub is_current: bool,
    /// Its trials, a seed each.
    pub slots: Vec<Slot>,
}

/// Trials' folders, each with an error.
type Unreadable = Vec<(FoundTrial, String)>;

/// One experiment in a folder of results.
#[derive(Debug)]
pub struct ExperimentFolder {
    /// The folder, by its canonical path.
    pub folder: PathBuf,
    /// The experiment's name.
    pub name: String,
    /// What its last `run` set out to do, where that is recorded.
    pub plan: Option<Plan>,
    /// Whether all of the folder was looked into.
    pub is_whole: bool,
    /// All its recorded trials, by their folders.
    pub entries: Vec<Entry>,
    /// Its rows, in the order of the plan.
    pub rows: Vec<Row>,
    /// The trials that the plan does not list, by their places among the experiment's.
    pub left_out: Vec<usize>,
    /// Folders whose manifests cannot be read, each with the reason.
    pub unreadable: Unreadable,
    file: OnceLock<Option<Result<Experiment, Problems>>>,
}

/// Reads the experiments in folders of results, of experiments, of cases or of trials, by their
/// folders. An experiment with a plan is among them even if no trial of it has begun.
///
/// # Errors
/// [`Nothing::NoFolder`] where a folder is not there.
pub fn read_results(folders: &[impl AsRef<Path>]) -> Result<Vec<ExperimentFolder>, Nothing> {
    let found = Found::below(folders)?;
    let mut experiments: BTreeMap<PathBuf, (Vec<Entry>, Unreadable)> = BTreeMap::new();
    for experiment in &found.planned {
        experiments.entry(experiment.clone()).or_default();
    }
    let roots = found.roots;
    let is_whole = |folder: &Path| roots.iter().any(|root| folder.starts_with(root));
    let mut planned = Planned { known: HashMap::new() };
    for found in found.trials {
        let experiment = planned.experiment_of(&found);
        let (entries, unreadable) = experiments.entry(experiment).or_default();
        match found.dir.load_manifest() {
            Ok(manifest) => {
                let state = found.dir.state(&manifest);
                entries.push(Entry { found, manifest, state });
            }
            Err(error) => unreadable.push((found, format!("{error:#}"))),
        }
    }
    drop_copies(&mut experiments);
    let mut setups = RecordedSetups::default();
    let read = |(folder, (entries, unreadable)): (PathBuf, _)| {
        let is_whole = is_whole(&folder);
        ExperimentFolder::new(folder, is_whole, entries, unreadable, &mut setups)
    };
    Ok(experiments.into_iter().map(read).collect())
}

/// Leaves out copies of trials that are outside the folder of their experiment, which has a plan or
/// the experiment's name: a trial counts once.
fn drop_copies(experiments: &mut BTreeMap<PathBuf, (Vec<Entry>, Unreadable)>) {
    let key = |entry: &Entry| {
        let manifest = &entry.manifest;
        (manifest.experiment.clone(), manifest.trial_hash.clone())
    };
    // One look per folder, not one per trial.
    let planned: HashSet<PathBuf> =
        experiments.keys().filter(|folder| plan_file(folder).is_file()).cloned().collect();
    let is_home = |folder: &Path, entry: &Entry| {
        planned.contains(folder)
            || folder.file_name().is_some_and(|n| *n == *entry.manifest.experiment)
    };
    let mut known: HashSet<(String, String)> = HashSet::new();
    for (folder, (entries, _)) in &*experiments {
        known.extend(entries.iter().filter(|entry| is_home(folder, entry)).map(key));
    }
    experiments.retain(|folder, (entries, unreadable)| {
        entries.retain(|entry| is_home(folder, entry) || !known.contains(&key(entry)));
        planned.contains(folder) || !entries.is_empty() || !unreadable.is_empty()
    });
}

/// Which folders have a plan.
struct Planned {
    known: HashMap<PathBuf, bool>,
}

impl Planned {
    /// The folder of a trial's experiment: the next one above that has a plan, or else the one that
    /// its path says.
    fn experiment_of(&mut self, found: &FoundTrial) -> PathBuf {
        let above = found.place.ancestors().skip(1).take(LEVELS_ABOVE);
        for folder in above {
            let has_plan = match self.known.get(folder) {
                Some(known) => *known,
                None => {
                    let is_there = plan_file(folder).is_file();
                    self.known.insert(folder.to_owned(), is_there);
                    is_there
                }
            };
            if has_plan {
                return folder.to_owned();
            }
        }
        found.experiment().to_owned()
    }
}

impl ExperimentFolder {
    fn new(
        folder: PathBuf,
        is_whole: bool,
        entries: Vec<Entry>,
        unreadable: Unreadable,
        setups: &mut RecordedSetups,
    ) -> Self {
        let plan = read_plan(&folder);
        let of_folder = || folder.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let of_manifest = || entries.first().map(|entry| entry.manifest.experiment.clone());
        let name = match plan {
            Some(_) => of_folder(),
            None => of_manifest().unwrap_or_else(of_folder),
        };
        let (rows, left_out, file) = (Vec::new(), Vec::new(), OnceLock::new());
        let mut experiment =
            Self { folder, name, plan, is_whole, entries, rows, left_out, unreadable, file };
        (experiment.rows, experiment.left_out) = match &experiment.plan {
            Some(plan) => experiment.by_plan(plan, setups),
            None => (experiment.by_case_hash(setups), Vec::new()),
        };
        experiment
    }

    /// The file that the last `run` read, as its command line overrode it; or the mistakes that it
    /// has for this version of the program. `None` where it is not recorded.
    pub fn file(&self) -> Option<&Result<Experiment, Problems>> {
        let read = || {
            let path = self.folder.join("experiment.yaml");
            let set = self.plan.as_ref().map(|plan| plan.set.clone()).unwrap_or_default();
            path.is_file().then(|| load_recorded(&path, &Overrides { set, seeds: None }))
        };
        self.file.get_or_init(read).as_ref()
    }

    /// See [`ExperimentFolder::file`].
    pub fn into_file(self) -> Option<Result<Experiment, Problems>> {
        self.file();
        self.file.into_inner().flatten()
    }

    /// The seeds that claims are judged over: those of the plan, or else all that are recorded.
    pub fn seeds(&self) -> Vec<u64> {
        if let Some(plan) = &self.plan {
            return plan.seeds();
        }
        let slots = self.rows.iter().flat_map(|row| &row.slots);
        let mut seeds: Vec<u64> = slots.map(|slot| slot.seed).collect();
        seeds.sort_unstable();
        seeds.dedup();
        seeds
    }

    /// The recorded trials of a row.
    pub fn trials<'a>(&'a self, row: &'a Row) -> impl Iterator<Item = &'a Entry> {
        row.slots.iter().filter_map(|slot| Some(&self.entries[slot.entry?]))
    }

    /// The trials that rows of the plan are made of, by their places among the experiment's.
    pub fn in_current_rows(&self) -> HashSet<usize> {
        let rows = self.rows.iter().filter(|row| row.is_current);
        rows.flat_map(|row| &row.slots).filter_map(|slot| slot.entry).collect()
    }

    /// Where `run` puts a trial.
    fn own_place(&self, label: &str, seed: u64) -> PathBuf {
        self.folder.join(label).join(format!("seed-{seed}"))
    }

    /// The one of several records of one trial that counts: the one that is being written, or one
    /// that is finished, rather the trial's own folder than a copy of it.
    fn choose(&self, records: &[usize], label: &str, seed: u64) -> Option<usize> {
        if let [only] = records {
            return Some(*only);
        }
        let own = self.own_place(label, seed);
        let merit = |index: &&usize| {
            let entry = &self.entries[**index];
            let is_own = entry.found.place == own;
            let is_running = entry.state == State::Running;
            (is_running, entry.is_finished(), is_own, !entry.found.is_aside(), Reverse(**index))
        };
        records.iter().max_by_key(merit).copied()
    }

    /// The entries of each trial hash.
    fn by_trial_hash(&self) -> HashMap<&str, Vec<usize>> {
        let mut by_hash: HashMap<&str, Vec<usize>> = HashMap::new();
        for (index, entry) in self.entries.iter().enumerate() {
            by_hash.entry(&entry.manifest.trial_hash).or_default().push(index);
        }
        by_hash
    }

    /// The rows of a plan, and the trials that it does not list.
    fn by_plan(&self, plan: &Plan, setups: &mut RecordedSetups) -> (Vec<Row>, Vec<usize>) {
        let by_hash = self.by_trial_hash();
        let mut rows = Vec::new();
        let mut listed: HashMap<&str, usize> = HashMap::new();
        let mut taken: HashSet<usize> = HashSet::new();
        for (number, case) in plan.cases.iter().enumerate() {
            let slots = case.trials.iter().map(|trial| {
                listed.entry(&trial.trial_hash).or_insert(number);
                let records = by_hash.get(&*trial.trial_hash).map_or(&[][..], Vec::as_slice);
                let entry = self.choose(records, &case.label, trial.seed);
                taken.extend(entry.filter(|entry| {
                    self.entries[*entry].found.place == self.own_place(&case.label, trial.seed)
                }));
                Slot { seed: trial.seed, trial_hash: trial.trial_hash.clone(), entry }
            });
            let slots = slots.collect();
            rows.push(self.planned_row(case, slots));
        }
        if !self.is_whole {
            // Only a part of the folder is read: trials outside it are left out, and a trial in the
            // folder of its own label is not shown under another label.
            for row in &mut rows {
                row.slots.retain(|slot| match slot.entry {
                    None => false,
                    Some(entry) => {
                        let own = self.own_place(&row.label, slot.seed);
                        self.entries[entry].found.place == own || !taken.contains(&entry)
                    }
                });
            }
            rows.retain(|row| !row.slots.is_empty());
        }
        let unlisted =
            |index: &usize| !listed.contains_key(&*self.entries[*index].manifest.trial_hash);
        let unlisted: Vec<usize> = (0..self.entries.len()).filter(unlisted).collect();
        let (older, left_out) = self.older(plan, &listed, unlisted, setups);
        rows.extend(older);
        (rows, left_out)
    }

    fn planned_row(&self, case: &PlannedCase, slots: Vec<Slot>) -> Row {
        // Plans of version 0.1 have labels alone.
        let recorded = slots.iter().filter_map(|slot| Some(&self.entries[slot.entry?]));
        let named = recorded.map(|entry| &entry.manifest).find(|_| case.variant.is_none());
        Row {
            label: case.label.clone(),
            variant: match (&case.variant, named) {
                (Some(variant), _) => variant.clone(),
                (None, Some(manifest)) => manifest.variant.clone(),
                (None, None) => case.label.clone(),
            },
            grid: named.map_or_else(|| case.grid.clone(), |manifest| manifest.grid.clone()),
            is_current: true,
            slots,
        }
    }

    /// Rows of finished trials that the plan lists but for the version of their numerics, and the
    /// trials that are left out.
    fn older(
        &self,
        plan: &Plan,
        listed: &HashMap<&str, usize>,
        unlisted: Vec<usize>,
        setups: &mut RecordedSetups,
    ) -> (Vec<Row>, Vec<usize>) {
        let mut older: BTreeMap<(usize, u32), BTreeMap<u64, Vec<usize>>> = BTreeMap::new();
        let mut left_out = Vec::new();
        for index in unlisted {
            let Entry { found, manifest, .. } = &self.entries[index];
            let numerics = manifest.versions.numerics;
            let case = plan
                .numerics
                .filter(|now| *now != numerics && self.entries[index].is_finished())
                .and_then(|now| setups.identity(&found.dir, manifest, now))
                .and_then(|identity| listed.get(&*identity.trial_hash));
            match case {
                Some(case) => {
                    let seeds = older.entry((*case, numerics)).or_default();
                    seeds.entry(manifest.seed).or_default().push(index);
                }
                None => left_out.push(index),
            }
        }
        let row = |((case, numerics), seeds): ((usize, u32), BTreeMap<u64, Vec<usize>>)| {
            let case = &plan.cases[case];
            let slot = |(seed, records): (u64, Vec<usize>)| {
                let entry = self.choose(&records, &case.label, seed);
                let hash = |entry: usize| self.entries[entry].manifest.trial_hash.clone();
                Slot { seed, trial_hash: entry.map(hash).unwrap_or_default(), entry }
            };
            let slots = seeds.into_iter().map(slot).collect();
            let mut row = Row { is_current: false, ..self.planned_row(case, slots) };
            row.mark(&format!("numerics {numerics}"));
            row
        };
        (older.into_iter().map(row).collect(), left_out)
    }

    /// A row for each case hash, and for each trial that has none.
    fn by_case_hash(&self, setups: &mut RecordedSetups) -> Vec<Row> {
        // Computed again, as a copy with another seed in its manifest is no other trial.
        let hash_of = |Entry { found, manifest, .. }: &Entry| {
            let identity = setups.identity(&found.dir, manifest, manifest.versions.numerics)?;
            Some(identity.case_hash)
        };
        let hashes: Vec<Option<String>> = self.entries.iter().map(hash_of).collect();
        let of_trial: HashMap<&str, &str> = self
            .entries
            .iter()
            .zip(&hashes)
            .filter_map(|(entry, hash)| Some((&*entry.manifest.trial_hash, hash.as_deref()?)))
            .collect();
        let mut groups: BTreeMap<usize, (String, Vec<usize>)> = BTreeMap::new();
        let mut first: HashMap<String, usize> = HashMap::new();
        for (index, Entry { manifest, .. }) in self.entries.iter().enumerate() {
            let trial_hash = &*manifest.trial_hash;
            if hashes[index].is_none() && of_trial.contains_key(trial_hash) {
                continue;
            }
            let hash = of_trial.get(trial_hash).copied().unwrap_or(trial_hash).to_owned();
            let group = *first.entry(hash.clone()).or_insert(index);
            groups.entry(group).or_insert_with(|| (hash, Vec::new())).1.push(index);
        }
        let in_file = self.labels_in_file();
        let mut rows: Vec<(Row, String)> = Vec::new();
        for (hash, group) in groups.into_values() {
            let mut labels: Vec<(bool, usize, String)> = group
                .iter()
                .map(|index| {
                    let found = &self.entries[*index].found;
                    let label = found.label();
                    let place = in_file.get(&label).copied().unwrap_or(in_file.len());
                    (found.is_aside(), place, label)
                })
                .collect();
            labels.sort();
            let mut seen = HashSet::new();
            labels.retain(|(_, _, label)| seen.insert(label.clone()));
            // Labels with equal configurations each keep a row.
            if labels.iter().any(|(_, place, _)| *place < in_file.len()) {
                labels.retain(|(_, place, _)| *place < in_file.len());
            } else {
                labels.truncate(1);
            }
            for (_, _, label) in labels {
                rows.push((self.row_of(&label, &group), hash.clone()));
            }
        }
        let place = |label: &str| in_file.get(label).copied().unwrap_or(in_file.len());
        rows.sort_by_cached_key(|(row, _)| (place(&row.label), row.label.clone()));
        self.tell_apart(&mut rows);
        rows.into_iter().map(|(row, _)| row).collect()
    }

    /// The labels of the recorded file with their places in it.
    fn labels_in_file(&self) -> HashMap<String, usize> {
        match self.file() {
            Some(Ok(file)) => {
                let labels = file.cases.iter().map(crate::spec::Case::label);
                labels.enumerate().map(|(place, label)| (label, place)).collect()
            }
            Some(Err(_)) | None => HashMap::new(),
        }
    }

    /// The row of trials that are alike but for their seeds.
    fn row_of(&self, label: &str, group: &[usize]) -> Row {
        let mut seeds: BTreeMap<u64, Vec<usize>> = BTreeMap::new();
        for index in group {
            seeds.entry(self.entries[*index].manifest.seed).or_default().push(*index);
        }
        let slot = |(seed, records): (u64, Vec<usize>)| {
            let entry = self.choose(&records, label, seed).unwrap_or(records[0]);
            let trial_hash = self.entries[entry].manifest.trial_hash.clone();
            Slot { seed, trial_hash, entry: Some(entry) }
        };
        let mut slots: Vec<Slot> = seeds.into_iter().map(slot).collect();
        // A trial counts once, whatever seeds its copies have in their manifests.
        let mut seen = HashSet::new();
        slots.retain(|slot| seen.insert(slot.trial_hash.clone()));
        let of_label = group.iter().find(|index| self.entries[**index].found.label() == label);
        let manifest = &self.entries[*of_label.unwrap_or(&group[0])].manifest;
        Row {
            label: label.to_owned(),
            variant: manifest.variant.clone(),
            grid: manifest.grid.clone(),
            is_current: true,
            slots,
        }
    }

    /// Marks rows of one label by what they differ in: the version of the numerics, or their hashes.
    fn tell_apart(&self, rows: &mut [(Row, String)]) {
        for clash in rows.chunk_by_mut(|(a, _), (b, _)| a.label == b.label) {
            if clash.len() == 1 {
                continue;
            }
            let numerics = |row: &Row| {
                let entry = row.slots.iter().find_map(|slot| slot.entry);
                entry.map(|entry| self.entries[entry].manifest.versions.numerics)
            };
            let versions: HashSet<_> = clash.iter().map(|(row, _)| numerics(row)).collect();
            let differ = versions.len() == clash.len();
            for (row, hash) in clash {
                match numerics(row) {
                    Some(numerics) if differ => row.mark(&format!("numerics {numerics}")),
                    Some(_) | None => row.mark(hash.get(..SHORT_HASH).unwrap_or(hash)),
                }
            }
        }
    }
}

impl Row {
    /// Adds what tells the row apart to its label and its variant's name.
    fn mark(&mut self, what: &str) {
        let mark = format!("{} ({what})", self.variant);
        self.label = match self.label.strip_prefix(&self.variant) {
            Some(grid) => format!("{mark}{grid}"),
            None => format!("{} ({what})", self.label),
        };
        self.variant = mark;
    }
}
