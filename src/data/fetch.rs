//! Filling the cache folder: from mirrors over HTTP, else from the Debian package.
//!
//! A file appears in the cache only when it is complete and verified (temporary file, then
//! rename), so other processes see a good file or none. One process fetches at a time; the
//! others wait and find the files.

use std::fs::{self, File};
use std::io;
use std::path::Path;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::debian;
use super::error::Tried;
use super::fashion_mnist::Manifest;
use super::folder::{Part, read_checked};
use super::http::{HttpError, Mirror, Patience};
use super::idx;

/// Where files may be fetched from, in this order.
#[derive(Debug)]
pub(super) struct Sources {
    /// Addresses of folders with the four files.
    pub mirrors: Vec<String>,
    /// Whether the Debian package may be downloaded at last.
    pub debian: bool,
    pub patience: Patience,
}

/// A gzip file is hardly ever larger than its content, and never by this much.
const SLACK: u64 = 1 << 20;

/// Fetches into `cache` the files that are missing or bad there. On success all four are there
/// and good; otherwise each source's failure is added to `tried`.
pub(super) fn fill(
    cache: &Path,
    manifest: &Manifest,
    sources: &Sources,
    progress: bool,
    tried: &mut Tried,
) -> bool {
    if sources.mirrors.is_empty() && !sources.debian {
        tried.push("mirrors and Debian's archive", "not asked, because BN_RUNNER_OFFLINE is set");
        return false;
    }
    if let Err(e) = fs::create_dir_all(cache) {
        tried.push_folder(cache, format!("cannot be created, so nothing was fetched: {e}"));
        return false;
    }
    // Where the file system knows no locks, everyone fetches: wasteful, not wrong.
    let _lock = lock(cache).ok();
    let mut wanted: Vec<Part> = Part::ALL
        .into_iter()
        .filter(|&part| {
            let path = part.find(cache);
            path.is_none_or(|path| read_checked(&path, part, Some(manifest)).is_err())
        })
        .collect();
    if wanted.is_empty() {
        return true;
    }
    eprintln!("fetching Fashion-MNIST (30 MB, once) into {}", cache.display());
    for base in &sources.mirrors {
        match from_mirror(base, cache, manifest, sources.patience, progress, &mut wanted) {
            Ok(()) => return true,
            Err(reason) => tried.push(base, reason),
        }
    }
    if sources.debian {
        match from_debian(cache, manifest, progress, &mut wanted) {
            Ok(()) => return true,
            Err(reason) => tried.push(format!("Debian package {}", debian::PACKAGE), reason),
        }
    }
    false
}

/// Fetches the wanted files from one mirror, until the first failure. What came stays.
fn from_mirror(
    base: &str,
    cache: &Path,
    manifest: &Manifest,
    patience: Patience,
    progress: bool,
    wanted: &mut Vec<Part>,
) -> Result<(), String> {
    let mirror = Mirror::new(base, patience);
    while let Some(&part) = wanted.first() {
        let mut file = tempfile::Builder::new()
            .prefix(".download-")
            .tempfile_in(cache)
            .map_err(|e| format!("{}: no temporary file: {e}", cache.display()))?;
        let bar = download_bar(part.name(), progress);
        let limit = manifest.bytes(part) + SLACK;
        let zipped = format!("{}.gz", part.name());
        let answer = match mirror.download(&zipped, limit, file.as_file_mut(), &bar) {
            // Somebody's own mirror may have unpacked them.
            Err(HttpError::NotThere { url }) => mirror
                .download(part.name(), limit, file.as_file_mut(), &bar)
                .map_err(|second| match second {
                    HttpError::NotThere { .. } => HttpError::NotThere { url },
                    failed @ HttpError::Failed { .. } => failed,
                }),
            other => other,
        };
        bar.finish_and_clear();
        answer.map_err(|e| e.to_string())?;
        read_checked(file.path(), part, Some(manifest))
            .map_err(|problem| format!("{} from there {problem}", part.name()))?;
        keep(file.into_temp_path().as_ref(), part, cache)
            .map_err(|e| format!("{}: cannot be saved in {}: {e}", part.name(), cache.display()))?;
        wanted.remove(0);
    }
    Ok(())
}

/// Takes the wanted files from the Debian package.
fn from_debian(
    cache: &Path,
    manifest: &Manifest,
    progress: bool,
    wanted: &mut Vec<Part>,
) -> Result<(), String> {
    let scratch = tempfile::Builder::new()
        .prefix(".debian-")
        .tempdir_in(cache)
        .map_err(|e| format!("{}: no temporary folder: {e}", cache.display()))?;
    let spinner = bar(ProgressBar::new_spinner(), progress)
        .with_message(format!("apt-get download {}", debian::PACKAGE));
    spinner.enable_steady_tick(std::time::Duration::from_millis(100));
    let unpacked = debian::download(scratch.path());
    spinner.finish_and_clear();
    let unpacked = unpacked?;
    while let Some(&part) = wanted.first() {
        let file = part
            .find(&unpacked)
            .ok_or_else(|| format!("the package has no {}", part.name()))?;
        read_checked(&file, part, Some(manifest))
            .map_err(|problem| format!("{} from there {problem}", part.name()))?;
        keep(&file, part, cache)
            .map_err(|e| format!("{}: cannot be saved in {}: {e}", part.name(), cache.display()))?;
        wanted.remove(0);
    }
    Ok(())
}

/// Moves a verified file into its place in the cache, in one step.
fn keep(file: &Path, part: Part, cache: &Path) -> io::Result<()> {
    let zipped = cache.join(format!("{}.gz", part.name()));
    if idx::is_gzip(file)? {
        // The gzipped name is looked for first.
        return fs::rename(file, zipped);
    }
    fs::rename(file, cache.join(part.name()))?;
    match fs::remove_file(zipped) {
        Err(e) if e.kind() != io::ErrorKind::NotFound => Err(e),
        _ => Ok(()),
    }
}

/// Waits for other processes that fetch; the lock ends with the returned file.
fn lock(cache: &Path) -> io::Result<File> {
    let file = File::create(cache.join(".lock"))?;
    file.lock()?;
    Ok(file)
}

fn download_bar(name: &'static str, progress: bool) -> ProgressBar {
    let style = ProgressStyle::with_template("{msg} {wide_bar} {bytes}/{total_bytes} {eta}")
        .expect("the template is well-formed");
    bar(ProgressBar::new(0).with_style(style), progress).with_message(name)
}

/// On standard error, and only on a terminal (indicatif sees to that).
fn bar(bar: ProgressBar, progress: bool) -> ProgressBar {
    bar.set_draw_target(if progress {
        ProgressDrawTarget::stderr()
    } else {
        ProgressDrawTarget::hidden()
    });
    bar
}
