//! Writes one trial's files while it trains.

use std::collections::HashMap;
use std::fs::File;
use std::io::Write as _;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use super::Job;
use super::progress::TrialLine;
use super::resume::{self, Resume};
use crate::model::counts;
use crate::record::{
    BestEpoch, DatasetShape, Diagnosis, DiagnosticsTexts, DiagnosticsWriter, EpochRow, Failure,
    Machine, Manifest, MetricsWriter, Move, Outcome, ParameterCounts, Resumption, Status,
    TensorBoard, TestReport, TestTopK, Versions, correct_configs, now, peak_memory_bytes,
    read_metrics, write_atomically,
};
use crate::spec::{CheckpointPolicy, PREVIOUS};
use crate::train::{Checkpoint, NUMERICS_VERSION, Observer, Stop, Trained};

/// Records a trial and passes its progress on.
pub struct Recorder<'a> {
    job: &'a Job<'a>,
    manifest: Manifest,
    metrics: MetricsWriter,
    epochs: Vec<EpochRow>,
    diagnostics: Option<DiagnosticsWriter>,
    /// That of the epoch that is about to be recorded.
    diagnosis: Option<Diagnosis>,
    tensorboard: Option<TensorBoard>,
    log: File,
    line: &'a TrialLine<'a>,
    stop: &'a dyn Fn() -> Option<Stop>,
}

impl<'a> Recorder<'a> {
    /// Makes the trial's folder with its config and a manifest that says `running`. An earlier run
    /// of the same trial that did not come to its end is gone on with where it is; anything else
    /// that the folder holds is moved aside. `resume` is what training goes on from.
    ///
    /// # Errors
    /// When the folder cannot be written to.
    pub fn start(
        job: &'a Job<'a>,
        resume: Option<&Resume>,
        workers: usize,
        command: &[String],
        line: &'a TrialLine<'a>,
        stop: &'a dyn Fn() -> Option<Stop>,
    ) -> Result<Self> {
        let dir = &job.trial.dir;
        let mut manifest = manifest(job, workers, command);
        match resume {
            Some(Resume { unfinished: Some(before), .. }) => {
                manifest.started.clone_from(&before.started);
                manifest.resumed.clone_from(&before.resumed);
                dir.remove_unfinished();
            }
            None if is_barely_begun(job) => dir.remove_unfinished(),
            Some(_) | None => move_aside(dir.path())?,
        }
        std::fs::create_dir_all(dir.path())
            .with_context(|| format!("cannot create `{}`", dir.path().display()))?;
        write_atomically(&dir.config(), job.trial.config()?.as_bytes())?;
        if let Some(resume) = resume {
            let after_epoch = resume.checkpoint.epoch;
            manifest.resumed.push(Resumption { at: now(), after_epoch });
            // Where the old folder was moved aside, the checkpoint went with it.
            if !dir.checkpoints().of(after_epoch).exists() {
                dir.checkpoints().write(after_epoch, &resume.content)?;
            }
        }
        dir.write_manifest(&manifest)?;
        let log = File::options()
            .create(true)
            .append(true)
            .open(dir.log())
            .with_context(|| format!("cannot create `{}`", dir.log().display()))?;
        let top_k = job.trial.case().setup.training.top_k();
        let (metrics, epochs) = match resume {
            Some(resume) => {
                let metrics = MetricsWriter::resume(&dir.metrics(), &resume.metrics)?;
                (metrics, read_metrics(&dir.metrics())?)
            }
            None => (MetricsWriter::create(&dir.metrics(), &top_k)?, Vec::new()),
        };
        let texts = resume.and_then(|resume| resume.diagnostics.as_ref());
        let diagnostics = match (job.trial.case().setup.diagnostics.is_off(), texts) {
            (true, _) => None,
            (false, Some(texts)) => Some(DiagnosticsWriter::resume(dir, texts)?),
            (false, None) => Some(DiagnosticsWriter::create(dir)?),
        };
        let tensorboard = job.tensorboard.then(|| TensorBoard::start(dir)).transpose()?;
        let mut recorder = Self {
            job,
            manifest,
            metrics,
            epochs,
            diagnostics,
            diagnosis: None,
            tensorboard,
            log,
            line,
            stop,
        };
        recorder.note(&format!("training on {}", job.backend.description));
        if let Some(resume) = resume {
            recorder.note(&format!("going on after epoch {}", resume.checkpoint.epoch));
        }
        Ok(recorder)
    }

    /// Writes the weights and the final manifest.
    ///
    /// # Errors
    /// When the folder cannot be written to.
    pub fn complete(&mut self, trained: &Trained) -> Result<()> {
        let dir = &self.job.trial.dir;
        write_atomically(&dir.model(), &trained.weights.to_safetensors()?)?;
        if let Some(best) = &trained.best {
            write_atomically(&dir.best(), &best.to_safetensors()?)?;
        }
        let top_k = self.job.trial.case().setup.training.top_k();
        let rows = self.job.dataset.train.len() * self.epochs.len();
        let outcome = Outcome {
            best_val_accuracy: BestEpoch::of(
                &self.epochs,
                |row| row.val_accuracy,
                |new, old| new > old,
            ),
            best_val_loss: BestEpoch::of(&self.epochs, |row| row.val_loss, |new, old| new < old),
            test_accuracy: trained.test.accuracy,
            test_loss: trained.test.loss,
            test_top_k: TestTopK(top_k.into_iter().zip(trained.test.top_k.clone()).collect()),
            train_seconds: trained.seconds,
            samples_per_second: rows as f64 / trained.seconds,
            epochs: Some(self.epochs.len()),
        };
        let test = &trained.test;
        self.note(&format!("test_accuracy {:.4}, test_loss {:.4}", test.accuracy, test.loss));
        self.manifest.outcome = Some(outcome);
        self.manifest.kept_epoch = Some(trained.kept_epoch);
        self.test_report(trained)?;
        // The manifest must not outlive what it speaks of.
        self.metrics.sync()?;
        self.diagnostics.as_ref().map_or(Ok(()), DiagnosticsWriter::sync)?;
        self.end(Status::Completed, None)
    }

    /// Notes that the user ended the trial.
    pub fn interrupt(&mut self) {
        let epochs = self.epochs.len();
        self.note(&format!("interrupted; the next run goes on after epoch {epochs}"));
        let _ = self.end(Status::Interrupted, None);
    }

    /// Writes what became of each class of the test images.
    fn test_report(&self, trained: &Trained) -> Result<()> {
        let dataset = self.job.dataset;
        let names = &dataset.class_names;
        let labels = dataset.test.labels();
        TestReport { names, labels, answers: &trained.answers }.write(
            &self.job.trial.dir,
            |row| dataset.test.image(row),
            dataset.width,
        )
    }

    /// Notes that the trial diverged. Its checkpoints go: nothing can go on from them.
    ///
    /// # Errors
    /// When the folder cannot be written to.
    pub fn diverge(&mut self, reason: &str) -> Result<()> {
        self.note(&format!("diverged: {reason}"));
        self.manifest.outcome = None;
        self.metrics.sync()?;
        self.job.trial.dir.checkpoints().prune(|_| false);
        self.end(Status::Diverged, Some(reason.to_owned()))
    }

    /// Notes why the trial failed. Where even that cannot be written, the caller's report is all
    /// there is.
    pub fn fail(&mut self, failure: Failure, reason: &str) {
        self.note(&format!("failed: {reason}"));
        self.manifest.outcome = None;
        self.manifest.failure = Some(failure);
        // A full disk may be the very reason; the manifest then stays at `running`.
        let _ = self.end(Status::Failed, Some(reason.to_owned()));
    }

    fn end(&mut self, status: Status, reason: Option<String>) -> Result<()> {
        self.manifest.status = status;
        self.manifest.reason = reason;
        self.manifest.ended = Some(now());
        self.manifest.peak_memory_bytes = peak_memory_bytes();
        self.job.trial.dir.write_manifest(&self.manifest)?;
        self.tensorboard(|tensorboard, _| tensorboard.end());
        Ok(())
    }

    /// Writes event files. That they cannot be written, or were removed, ends no trial: the run
    /// writes them once more at its end.
    fn tensorboard(&mut self, write: impl FnOnce(&TensorBoard, &[EpochRow]) -> Result<()>) {
        let written = self.tensorboard.as_ref().map(|files| write(files, &self.epochs));
        if let Some(Err(error)) = written {
            self.tensorboard = None;
            self.line.warn(&format!("{error:#}; tried again at the end of the run"));
        }
    }

    /// A line in `run.log`. The log is a convenience: that it cannot be written ends no trial.
    fn note(&mut self, text: &str) {
        let _ = writeln!(self.log, "{} {text}", now());
    }
}

impl Observer for Recorder<'_> {
    fn step(&mut self, epoch: usize, rows_done: usize) {
        self.line.step(epoch, rows_done);
    }

    fn diagnosis(&mut self, diagnosis: &Diagnosis) -> Result<()> {
        self.diagnosis = Some(diagnosis.clone());
        self.diagnostics.as_mut().map_or(Ok(()), |files| files.append(diagnosis))
    }

    fn epoch(&mut self, row: &EpochRow) -> Result<()> {
        self.metrics.append(row)?;
        let text = self.line.epoch(row);
        self.note(&text);
        self.epochs.push(row.clone());
        let diagnosis = self.diagnosis.take().unwrap_or_default();
        self.tensorboard(|files, epochs| files.epoch(epochs, &diagnosis.histograms));
        Ok(())
    }

    fn remark(&mut self, text: &str) {
        self.note(text);
    }

    fn checkpoint(&mut self, checkpoint: &dyn Fn() -> Checkpoint) -> Result<()> {
        let checkpoint = checkpoint();
        let trial = self.job.trial;
        // The rows so far stand in the checkpoint as well: when the machine goes down, they cannot be
        // behind it, and need not be waited for.
        let mut notes = HashMap::from([
            (resume::LINEAGE.to_owned(), trial.lineage.clone()),
            (resume::METRICS.to_owned(), self.metrics.text()?),
        ]);
        if let Some(files) = &self.diagnostics {
            let DiagnosticsTexts { rows, histograms } = files.texts()?;
            notes.insert(resume::DIAGNOSTICS.to_owned(), rows);
            notes.insert(resume::HISTOGRAMS.to_owned(), histograms);
        }
        let checkpoints = trial.dir.checkpoints();
        checkpoints.write(checkpoint.epoch, &checkpoint.to_bytes(notes)?)?;
        let best = BestEpoch::of(&self.epochs, |row| row.val_loss, |new, old| new < old);
        checkpoints.prune(|epoch| match trial.experiment.checkpoints {
            CheckpointPolicy::Last => epoch == checkpoint.epoch,
            CheckpointPolicy::Best => {
                epoch == checkpoint.epoch || best.is_some_and(|best| epoch == best.epoch)
            }
            CheckpointPolicy::All => true,
        });
        Ok(())
    }

    fn stop(&self) -> Option<Stop> {
        (self.stop)()
    }
}

/// Whether a trial's folder holds nothing but the beginning of this very trial, cut off before its
/// first checkpoint: there is nothing in it to keep.
fn is_barely_begun(job: &Job<'_>) -> bool {
    let dir = &job.trial.dir;
    let cut_off = |manifest: &Manifest| match manifest.status {
        Status::Running | Status::Interrupted => manifest.trial_hash == job.trial.hash,
        Status::Completed | Status::Failed | Status::Diverged => false,
    };
    let is_begun = match dir.read_manifest() {
        Some(manifest) => cut_off(&manifest),
        None => !dir.manifest().exists() && !dir.metrics().exists(),
    };
    is_begun && dir.checkpoints().epochs().is_empty() && !dir.model().exists()
}

/// The manifest of a trial that has failed, for one that may not even have a folder.
pub fn failed(
    job: &Job<'_>,
    workers: usize,
    command: &[String],
    failure: Failure,
    reason: &str,
) -> Manifest {
    Manifest {
        status: Status::Failed,
        reason: Some(reason.to_owned()),
        failure: Some(failure),
        ended: Some(now()),
        ..manifest(job, workers, command)
    }
}

fn manifest(job: &Job<'_>, workers: usize, command: &[String]) -> Manifest {
    let trial = job.trial;
    let case = trial.case();
    let counts = counts(job.placed);
    Manifest {
        status: Status::Running,
        reason: None,
        failure: None,
        experiment: trial.experiment.name.clone(),
        variant: case.variant.clone(),
        grid: case.grid.clone(),
        seed: trial.seed,
        backend: trial.backend,
        device: job.backend.description.clone(),
        trial_hash: trial.hash.clone(),
        case_hash: Some(trial.case_hash.clone()),
        dataset: job.dataset.name.clone(),
        dataset_checksum: job.dataset.checksum.clone(),
        dataset_shape: Some(DatasetShape {
            height: job.dataset.height,
            width: job.dataset.width,
            classes: job.dataset.classes,
            rows: job.dataset.rows,
        }),
        initial_weights_checksum: trial.initial.as_ref().map(|initial| initial.checksum.clone()),
        parameters: ParameterCounts {
            total: counts.total,
            trainable: counts.trainable,
            non_trainable: counts.non_trainable,
        },
        epochs: case.setup.training.epochs,
        jobs: workers,
        versions: Versions {
            bn_runner: env!("CARGO_PKG_VERSION").to_owned(),
            git_commit: Some(env!("BN_RUNNER_COMMIT").to_owned()).filter(|hash| !hash.is_empty()),
            numerics: NUMERICS_VERSION,
            burn: env!("BN_RUNNER_BURN").to_owned(),
            rustc: env!("BN_RUNNER_RUSTC").to_owned(),
        },
        host: gethostname::gethostname().to_string_lossy().into_owned(),
        platform: format!("{} {}", std::env::consts::OS, std::env::consts::ARCH),
        machine: Some(Machine::this()),
        command: command.to_vec(),
        started: now(),
        resumed: Vec::new(),
        peak_memory_bytes: None,
        kept_epoch: None,
        ended: None,
        outcome: None,
        taken_over_from: None,
    }
}

/// Moves a trial's old folder to `<variant>/previous/seed-1-<time it was last written>`, so that
/// results are never destroyed by new ones.
pub fn move_aside(folder: &Path) -> Result<()> {
    let metrics = folder.join("metrics.csv");
    let holds = |name: &str| folder.join(name).exists();
    if !(metrics.exists() || holds("model.safetensors") || holds("manifest.json")) {
        return Ok(());
    }
    let previous = folder.parent().unwrap_or(Path::new(".")).join(PREVIOUS);
    let name = folder.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let written = std::fs::metadata(&metrics).and_then(|meta| meta.modified()).ok();
    let time = written
        .and_then(|time| jiff::Timestamp::try_from(time).ok())
        .unwrap_or_else(jiff::Timestamp::now)
        .strftime("%Y%m%dT%H%M%SZ");
    let free = |path: &PathBuf| !path.exists();
    let target = std::iter::once(previous.join(format!("{name}-{time}")))
        .chain((2..).map(|n| previous.join(format!("{name}-{time}-{n}"))))
        .find(free)
        .expect("some number is free");
    std::fs::create_dir_all(&previous)
        .and_then(|()| std::fs::rename(folder, &target))
        .with_context(|| {
            format!("cannot move `{}` aside to `{}`", folder.display(), target.display())
        })?;
    correct_configs(&target, Move::Down)
}
