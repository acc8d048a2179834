//! What there is to do: every case of every experiment with each of its seeds.
//!
//! A [`Trial`] knows its folder and its identity. [`Selection`] takes some of them, [`Standing`]
//! tells which are done and why the others are not, and [`Earlier`] what was trained before under
//! other names.

mod earlier;
mod select;
mod standing;

use std::path::Path;
use std::sync::Arc;

use anyhow::{Context, Result};
use serde_json::{Value, json};

use crate::model::InitialWeights;
use crate::record::{Identity, TrialDir, without_paths};
use crate::spec::{BackendName, Case, Experiment, Setup, UserPath, shorten_layers};

pub use earlier::{Earlier, Estimate};
pub use select::Selection;
pub use standing::{Cause, Policy, Standing};

/// One training run: a case with one seed on one backend.
#[derive(Debug, Clone)]
pub struct Trial {
    /// The experiment it belongs to.
    pub experiment: Arc<Experiment>,
    /// Which of the experiment's cases.
    pub case: usize,
    /// Decides initial weights, shuffles and dropout masks.
    pub seed: u64,
    /// What computes it.
    pub backend: BackendName,
    /// Where its files are.
    pub dir: TrialDir,
    /// The weights it begins with, where the file gives some.
    pub initial: Option<Arc<InitialWeights>>,
    /// SHA-256 of everything that decides its numbers; see [`Identity`].
    pub hash: String,
    /// The same without the seed.
    pub case_hash: String,
    /// The same without the number of epochs, where that changes nothing in the epochs there are.
    pub lineage: String,
}

impl Trial {
    /// Plans all trials of an experiment, case by case and seed by seed. `checksums` are the
    /// identities of the cases' data, and `initial` the weights that they begin with.
    pub fn all(
        experiment: &Arc<Experiment>,
        backend: BackendName,
        results: &Path,
        numerics: u32,
        checksums: &[&str],
        initial: &[Option<Arc<InitialWeights>>],
    ) -> Vec<Self> {
        let mut trials = Vec::new();
        let cases = experiment.cases.iter().zip(checksums).zip(initial);
        for (index, ((case, data), initial)) in cases.enumerate() {
            let weights = initial.as_ref().map(|initial| &*initial.checksum);
            for &seed in &experiment.seeds {
                let Identity { trial_hash, case_hash, lineage } =
                    Identity::of(&case.setup, seed, backend, numerics, data, weights);
                trials.push(Self {
                    experiment: Arc::clone(experiment),
                    case: index,
                    seed,
                    backend,
                    dir: TrialDir::new(results, &experiment.name, &case.label(), seed),
                    initial: initial.clone(),
                    hash: trial_hash,
                    case_hash,
                    lineage,
                });
            }
        }
        trials
    }

    /// The case this trial repeats.
    pub fn case(&self) -> &Case {
        &self.experiment.cases[self.case]
    }

    /// `bn_after, seed 1`, for messages.
    pub fn title(&self) -> String {
        format!("{} {}, seed {}", self.experiment.name, self.case().label(), self.seed)
    }

    /// Whether its folder holds its finished results already.
    pub fn is_done(&self) -> bool {
        self.dir.is_finished(&self.hash)
    }

    /// The trial as an experiment file of its own, which trains it again as it is.
    ///
    /// # Errors
    /// When the path of the data or of the initial weights is not text.
    pub fn config(&self) -> Result<String> {
        to_yaml(
            "One trial, resolved. `bn-runner run -o another-folder` on this file trains it again.",
            &self.config_value()?,
        )
    }

    fn config_value(&self) -> Result<Value> {
        let Experiment { name, description, .. } = &*self.experiment;
        let case = self.case();
        let mut config = resolved(name, description, self.backend, &case.setup, self.dir.path())?;
        config["seeds"] = json!([self.seed]);
        config["variants"] = json!({ &case.variant: {} });
        if !case.grid.is_empty() {
            config["grid"] = case
                .grid
                .iter()
                .map(|point| {
                    // A path from the grid replaces the setup's again: it must be the same.
                    let value = match &*point.key {
                        "dataset.idx" => &config["dataset"]["idx"],
                        "model.initial_weights" => &config["model"]["initial_weights"],
                        _ => &point.value,
                    };
                    (point.key.clone(), json!([value]))
                })
                .collect::<serde_json::Map<_, _>>()
                .into();
        }
        Ok(config)
    }
}

/// The folded network of a trial as an experiment file for `folder`, which trains it on from
/// `weights`, a file beside it. The grid is left out: its paths may lead to layers that are gone.
///
/// # Errors
/// When the data's path is not text.
pub fn folded_config(
    trial: &Experiment,
    backend: BackendName,
    setup: &Setup,
    weights: &str,
    folder: &Path,
) -> Result<String> {
    let case = &trial.cases[0];
    // A name of its own, so that training it on does not take the trial's folder. Names have at
    // most 100 letters, all of them ASCII.
    let name = format!("{}-folded", &trial.name[..trial.name.len().min(93)]);
    let mut config = resolved(&name, &trial.description, backend, setup, folder)?;
    config["model"]["initial_weights"] = json!(weights);
    config["seeds"] = json!(trial.seeds);
    config["variants"] = json!({ &case.variant: {} });
    to_yaml("A trained network, folded. `bn-runner predict` on this folder uses it.", &config)
}

/// What all resolved files begin with: names, and the setup with its paths as seen from `folder`,
/// where the file is to be.
fn resolved(
    name: &str,
    description: &str,
    backend: BackendName,
    setup: &Setup,
    folder: &Path,
) -> Result<Value> {
    let mut tree = serde_json::to_value(without_paths(setup))?;
    shorten_layers(&mut tree);
    let seen_from_there = |path: &UserPath| -> Result<Value> {
        let path = path.seen_from(folder)?;
        let text = path.to_str();
        let text = text.with_context(|| format!("the path `{}` is not text", path.display()))?;
        // On Windows, a relative path is written so that other systems read it, too.
        let portable = cfg!(windows) && path.is_relative();
        Ok(json!(if portable { text.replace('\\', "/") } else { text.to_owned() }))
    };
    if let Some(folder) = &setup.dataset.idx {
        tree["dataset"]["idx"] = seen_from_there(folder)?;
    }
    if let Some(weights) = &setup.model.initial_weights {
        tree["model"]["initial_weights"] = seen_from_there(weights)?;
    }
    let mut config = json!({ "name": name });
    if !description.is_empty() {
        config["description"] = json!(description);
    }
    config["backend"] = json!(backend);
    for (key, value) in tree.as_object().into_iter().flatten() {
        config[key] = value.clone();
    }
    Ok(config)
}

fn to_yaml(comment: &str, config: &Value) -> Result<String> {
    let yaml = serde_yaml::to_string(config).context("the setup does not fit YAML")?;
    Ok(format!("# {comment}\n{yaml}"))
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use super::*;
    use crate::spec::{Overrides, load};

    const BN_AFTER: &str = "\
name: any
dataset: fashion_mnist
model:
  layers:
    - flatten
    - batch_normalization
    - dense: { units: 300, activation: relu }
    - batch_normalization
    - dense: { units: 100, activation: relu }
    - batch_normalization
    - dense: { units: 10, activation: softmax }
training: { optimizer: { sgd: { learning_rate: 0.001 } }, epochs: 10 }
";

    fn identity_of(text: &str, weights: Option<&str>) -> Identity {
        let mut file = tempfile::Builder::new().suffix(".yaml").tempfile().unwrap();
        file.write_all(text.as_bytes()).unwrap();
        let overrides = Overrides { seeds: Some(vec![1]), ..Overrides::default() };
        let experiment = load(file.path(), &overrides).unwrap_or_else(|error| panic!("{error}"));
        let data = "7b0688d0999122d67a4eb2b95499a3bf7c5afbfaef15b7295b9f619d9e48a0bc";
        Identity::of(&experiment.cases[0].setup, 1, BackendName::Flex, 1, data, weights)
    }

    #[test]
    fn new_keys_do_not_change_what_was_trained_without_them() {
        // Where this fails, all that anybody has trained would be trained again: a new key of a file
        // must not count where it is not written.
        assert_eq!(
            identity_of(BN_AFTER, None).trial_hash,
            "4479199cf115581d5b937bfaa1c160f10ade3f481b52000fc9f4d5c0037df50f"
        );
        assert_eq!(
            identity_of(BN_AFTER, None).case_hash,
            "f3a345d2c2bc51fc4bcb69ea7632f9ee248103ef2574c805e88167a4543617ff"
        );
    }

    #[test]
    fn initial_weights_count_by_their_content() {
        let from = |path: &str, content| {
            let text = BN_AFTER.replace("model:", &format!("model:\n  initial_weights: {path}"));
            identity_of(&text, Some(content)).trial_hash
        };
        assert_eq!(from("a", "one"), from("b", "one"));
        assert_ne!(from("a", "one"), from("a", "two"));
        assert_ne!(from("a", "one"), identity_of(BN_AFTER, None).trial_hash);
    }

    #[test]
    fn runs_of_different_lengths_are_one_lineage_unless_the_schedule_depends_on_it() {
        let of = |training: &str| {
            let text = BN_AFTER.replace("epochs: 10", training);
            identity_of(&text, None)
        };
        let (ten, twenty) = (of("epochs: 10"), of("epochs: 20"));
        assert_eq!(ten.lineage, twenty.lineage);
        assert_ne!(ten.trial_hash, twenty.trial_hash);
        assert_ne!(ten.case_hash, twenty.case_hash);
        assert_ne!(ten.lineage, of("epochs: 10, batch_size: 16").lineage);
        let cycle = "learning_rate: { one_cycle: { max_learning_rate: 0.1 } }";
        let cycle = |epochs| {
            let text = BN_AFTER.replace("sgd: { learning_rate: 0.001 }", "sgd: {}");
            let text = text.replace("epochs: 10", &format!("epochs: {epochs}, {cycle}"));
            identity_of(&text, None).lineage
        };
        assert_ne!(cycle(10), cycle(20));
    }
}
