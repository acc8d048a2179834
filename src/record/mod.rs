//! The results folder: what is in it, how it is written, how it is read back.
//!
//! Every file is written whole or not at all ([`write_atomically`]); `metrics.csv` and the files of
//! diagnostics alone are appended to, flushed lines per epoch. Whatever draws or compares reads these files and nothing
//! else, so that results can be looked at long after, and without, the run that made them.

mod byte_order_mark;
mod changes;
mod checkpoints;
mod classification;
mod csv_name;
mod diagnostics;
mod early_stopping;
mod found;
mod identity;
mod left_out;
mod lines;
mod lock;
mod machine;
mod manifest;
mod metrics;
mod moved_config;
mod plan_file;
mod results;
mod tensorboard;
mod test_report;
mod trial_dir;

pub use byte_order_mark::{add_byte_order_mark, has_byte_order_mark, with_byte_order_mark};
pub use changes::{changes, recorded_settings, settings};
pub use checkpoints::Checkpoints;
pub use classification::{ConfusionMatrix, GreyImage, Mistakes};
pub use csv_name::CsvName;
pub use diagnostics::{
    BINS, Diagnosis, DiagnosticsTexts, DiagnosticsWriter, Histogram, LayerRow, read_diagnostics,
    read_histograms,
};
pub use early_stopping::{
    Stopper, Stopping, is_improvement, kept_epoch, monitored, restored_epoch,
};
pub use found::{Found, FoundTrial, State};
pub use identity::{Identity, RecordedSetups, without_paths};
pub use left_out::shown_folder;
pub use lock::TrialLock;
pub use machine::{Machine, peak_memory_bytes};
pub use manifest::{
    BestEpoch, DatasetShape, Failure, Manifest, Outcome, ParameterCounts, Resumption, Status,
    TestTopK, Versions,
};
pub use metrics::{EpochRow, MetricsWriter, TopK, read_metrics};
pub use moved_config::{Move, correct_configs};
pub use plan_file::{
    Plan, PlannedCase, PlannedTrial, drawn_file, is_recorded_plan, plan_file, read_plan, write_plan,
};
pub use results::{Entry, ExperimentFolder, Nothing, Row, Slot, read_results};
pub use tensorboard::{TensorBoard, write_tensorboard, write_tensorboard_summary};
pub use test_report::{Mistake, TestReport};
pub use trial_dir::{RecordedTrial, TrialDir};

use std::io::Write as _;
use std::path::Path;

use anyhow::{Context, Result};

/// How the names of files begin that are being written.
const UNFINISHED: &str = ".writing-";

/// Writes a file in one step: readers see the old content or the new, never a part.
///
/// # Errors
/// When the folder cannot be written to or the disk is full; the old file is then untouched.
pub fn write_atomically(path: &Path, content: &[u8]) -> Result<()> {
    let write = || -> std::io::Result<()> {
        let folder = path.parent().unwrap_or(Path::new("."));
        std::fs::create_dir_all(folder)?;
        let mut file = tempfile::Builder::new()
            .prefix(UNFINISHED)
            .permissions_like_other_files()
            .tempfile_in(folder)?;
        file.write_all(content)?;
        file.as_file().sync_all()?;
        file.persist(path).map_err(|error| error.error)?;
        Ok(())
    };
    write().with_context(|| format!("cannot write `{}`", path.display()))
}

/// Removes what a process that was killed left half-written in a folder. Only for a folder whose
/// lock is held: another process may be writing there.
fn remove_unfinished(folder: &Path) {
    for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        if entry.file_name().to_string_lossy().starts_with(UNFINISHED) {
            // One that cannot be removed does no harm.
            let _ = std::fs::remove_file(entry.path());
        }
    }
}

/// Writes a file as [`write_atomically`] does, unless it has this very content already: then it
/// keeps the time at which it was last changed.
///
/// # Errors
/// As [`write_atomically`].
pub fn write_if_changed(path: &Path, content: &[u8]) -> Result<()> {
    match std::fs::read(path) {
        Ok(there) if there == content => Ok(()),
        Ok(_) | Err(_) => write_atomically(path, content),
    }
}

/// Removes a file, if it is there.
///
/// # Errors
/// When it stays.
pub fn remove_if_there(path: &Path) -> Result<()> {
    match std::fs::remove_file(path) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            Err(error).with_context(|| format!("cannot remove `{}`", path.display()))
        }
        Ok(()) | Err(_) => Ok(()),
    }
}

/// The current time, RFC 3339 in UTC, to the millisecond.
pub fn now() -> String {
    format!("{:.3}", jiff::Timestamp::now())
}

/// Bytes of all files in a folder. What cannot be looked at, or is a link to elsewhere, is none.
pub fn bytes_in(folder: &Path) -> u64 {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    entries
        .filter_map(|entry| Some((entry.file_type().ok()?, entry)))
        .map(|(kind, entry)| match kind.is_dir() {
            true => bytes_in(&entry.path()),
            false if kind.is_file() => entry.metadata().map_or(0, |metadata| metadata.len()),
            false => 0,
        })
        .sum()
}

/// A CSV table: its header, and its rows.
pub type Table = (Vec<String>, Vec<Vec<String>>);

/// Any CSV table, its header and its rows; `None` where there is no such file.
///
/// # Errors
/// When the file cannot be read or is no table.
pub fn read_table(path: &Path) -> Result<Option<Table>> {
    let text = match std::fs::read(path) {
        Ok(text) => text,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(error) => {
            return Err(error).with_context(|| format!("cannot read `{}`", path.display()));
        }
    };
    let mut csv = csv::ReaderBuilder::new().flexible(true).from_reader(&*text);
    let cells = |record: &csv::StringRecord| record.iter().map(str::to_owned).collect::<Vec<_>>();
    let table = csv.headers().map(cells).and_then(|header| {
        let rows = csv.records().map(|record| record.map(|record| cells(&record)));
        Ok((header, rows.collect::<Result<_, _>>()?))
    });
    table.map(Some).with_context(|| format!("`{}` is not a table", path.display()))
}

/// Temporary files are private to their owner; results are meant to be shared like any file.
trait PermissionsLikeOtherFiles {
    fn permissions_like_other_files(&mut self) -> &mut Self;
}

impl PermissionsLikeOtherFiles for tempfile::Builder<'_, '_> {
    #[cfg(unix)]
    fn permissions_like_other_files(&mut self) -> &mut Self {
        use std::os::unix::fs::PermissionsExt as _;
        // The umask is applied on top, as for any new file.
        self.permissions(std::fs::Permissions::from_mode(0o666))
    }

    #[cfg(not(unix))]
    fn permissions_like_other_files(&mut self) -> &mut Self {
        self
    }
}
