//! What makes two trials the same trial, and two seeds the same case.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::{Manifest, TrialDir};
use crate::spec::{BackendName, Overrides, ScheduleSpec, Setup, load_recorded};

/// The hashes of a trial. Names, descriptions, paths and other variants are not part of them; of
/// initial weights it is the file's content that counts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identity {
    /// SHA-256 of everything that decides the numbers of a trial.
    pub trial_hash: String,
    /// The same without the seed: trials with equal case hashes are samples of one configuration.
    pub case_hash: String,
    /// The trial hash without the number of epochs, where that changes nothing in the epochs that
    /// both have: trials of one lineage are one run of different lengths.
    pub lineage: String,
}

impl Identity {
    /// The identity of a setup with a seed. `data` is the checksum of the data set, `weights` the
    /// checksum of the initial weights, where the setup has some.
    pub fn of(
        setup: &Setup,
        seed: u64,
        backend: BackendName,
        numerics: u32,
        data: &str,
        weights: Option<&str>,
    ) -> Self {
        let schedule = setup.training.learning_rate.as_ref();
        let depends_on_epochs = schedule.is_some_and(ScheduleSpec::depends_on_epochs);
        let mut setup = without_paths(setup);
        setup.dataset.name = None;
        let mut setup = serde_json::to_value(&setup).expect("a setup without paths is plain data");
        if let Some(checksum) = weights {
            setup["model"]["initial_weights"] = json!(checksum);
        }
        // The order of the keys is part of the hash.
        let mut identity = json!({
            "setup": setup,
            "data": data,
            "seed": seed,
            "backend": backend,
            "numerics": numerics,
        });
        let trial_hash = sha256(&identity.to_string());
        identity["seed"] = Value::Null;
        let case_hash = sha256(&identity.to_string());
        identity["seed"] = json!(seed);
        if !depends_on_epochs {
            identity["setup"]["training"]["epochs"] = Value::Null;
        }
        Self { trial_hash, case_hash, lineage: sha256(&identity.to_string()) }
    }
}

/// A setup without its paths, which are not part of its identity and need not be text.
pub fn without_paths(setup: &Setup) -> Setup {
    let mut setup = setup.clone();
    setup.dataset.idx = None;
    setup.model.initial_weights = None;
    setup
}

fn sha256(text: &str) -> String {
    hex(&Sha256::digest(text))
}

fn hex(digest: &[u8]) -> String {
    digest.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Setups of recorded trials, read from their `config.yaml`; seeds of one case share theirs.
#[derive(Debug, Default)]
pub struct RecordedSetups {
    /// By the text of the file without its seeds.
    known: HashMap<String, Option<Arc<Setup>>>,
    /// Checksums of initial weights, by their paths as the files have them.
    weights: HashMap<PathBuf, Option<String>>,
}

impl RecordedSetups {
    /// The identity that a recorded trial has with a version of the numerics. `None` where its
    /// `config.yaml` does not give the recorded trial hash: it cannot be read, is another trial's, or
    /// its initial weights are gone.
    pub fn identity(
        &mut self,
        dir: &TrialDir,
        manifest: &Manifest,
        numerics: u32,
    ) -> Option<Identity> {
        let setup = self.setup(dir)?;
        let weights = match (&setup.model.initial_weights, &manifest.initial_weights_checksum) {
            (None, _) => None,
            (Some(_), Some(checksum)) => Some(checksum.clone()),
            (Some(path), None) => Some(self.checksum(path.as_path())?),
        };
        let of = |numerics| {
            let data = &manifest.dataset_checksum;
            Identity::of(
                &setup,
                manifest.seed,
                manifest.backend,
                numerics,
                data,
                weights.as_deref(),
            )
        };
        let recorded = of(manifest.versions.numerics);
        if recorded.trial_hash != manifest.trial_hash {
            return None;
        }
        Some(if numerics == manifest.versions.numerics { recorded } else { of(numerics) })
    }

    /// The case hash of a recorded trial: that of its manifest, or, in results of version 0.1,
    /// computed from its `config.yaml`.
    pub fn case_hash(&mut self, dir: &TrialDir, manifest: &Manifest) -> Option<String> {
        if let Some(hash) = &manifest.case_hash {
            return Some(hash.clone());
        }
        let identity = self.identity(dir, manifest, manifest.versions.numerics)?;
        Some(identity.case_hash)
    }

    fn setup(&mut self, dir: &TrialDir) -> Option<Arc<Setup>> {
        let path = dir.config();
        let text = std::fs::read_to_string(&path).ok()?;
        let read = || {
            let experiment = load_recorded(&path, &Overrides::default()).ok()?;
            let [case] = <[_; 1]>::try_from(experiment.cases).ok()?;
            Some(Arc::new(case.setup))
        };
        self.known.entry(without_seeds(&text)).or_insert_with(read).clone()
    }

    fn checksum(&mut self, path: &Path) -> Option<String> {
        let read = || std::fs::read(path).ok().map(|content| hex(&Sha256::digest(content)));
        self.weights.entry(path.to_owned()).or_insert_with(read).clone()
    }
}

/// The text of a `config.yaml` without the list of its seeds.
fn without_seeds(text: &str) -> String {
    let mut is_seed = false;
    let is_other = |line: &&str| {
        is_seed = *line == "seeds:" || (is_seed && line.starts_with("- "));
        !is_seed
    };
    text.lines().filter(is_other).collect::<Vec<_>>().join("\n")
}
