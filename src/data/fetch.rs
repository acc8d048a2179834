//! Filling the cache folder: from mirrors over HTTP, else from the Debian package.
//!
//! A file appears in the cache only when it is complete and verified (temporary file, then
//! rename), so other processes see a good file or none. One process fetches at a time; the
//! others wait and find the files.

use std::fs::{self, File};
use std::io;
use std::path::Path;
use std::time::Duration;

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

/// How the names of temporary files and folders in the cache begin.
const DOWNLOAD: &str = ".download-";
const UNPACKED: &str = ".debian-";

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
    let lock = lock(cache).ok();
    if lock.is_some() {
        sweep(cache);
    }
    let wanted = Part::ALL.into_iter().filter(|&part| {
        let path = part.find(cache);
        path.is_none_or(|path| read_checked(&path, part, Some(manifest)).is_err())
    });
    let mut filling = Filling { cache, manifest, progress, wanted: wanted.collect() };
    if filling.wanted.is_empty() {
        return true;
    }
    eprintln!("fetching {} into {}", filling.what(), cache.display());
    for base in &sources.mirrors {
        match filling.ask_mirror(&Mirror::new(base, sources.patience)) {
            Ok(()) => return true,
            Err(reason) => tried.push(base, reason),
        }
    }
    if sources.debian {
        match filling.ask_debian() {
            Ok(()) => return true,
            Err(reason) => tried.push(format!("Debian package {}", debian::PACKAGE), reason),
        }
    }
    false
}

/// The work in progress: what one source had is not asked of the next.
struct Filling<'a> {
    cache: &'a Path,
    manifest: &'a Manifest,
    progress: bool,
    /// Files that are still to come.
    wanted: Vec<Part>,
}

impl Filling<'_> {
    /// What is fetched, for the user.
    fn what(&self) -> String {
        if self.wanted.len() == Part::ALL.len() {
            return "Fashion-MNIST (30 MB, once)".to_owned();
        }
        let names: Vec<&str> = self.wanted.iter().map(|part| part.name()).collect();
        names.join(", ")
    }

    /// Fetches the wanted files from one mirror, until the first failure.
    fn ask_mirror(&mut self, mirror: &Mirror) -> Result<(), String> {
        while let Some(&part) = self.wanted.first() {
            let mut file = tempfile::Builder::new()
                .prefix(DOWNLOAD)
                .tempfile_in(self.cache)
                .map_err(|e| format!("{}: no temporary file: {e}", self.cache.display()))?;
            let bar = download_bar(part.name(), self.progress);
            let limit = self.manifest.bytes(part) + SLACK;
            let zipped = format!("{}.gz", part.name());
            let answer = match mirror.download(&zipped, limit, file.as_file_mut(), &bar) {
                // Somebody's own mirror may have unpacked them.
                Err(HttpError::NotThere) => {
                    mirror.download(part.name(), limit, file.as_file_mut(), &bar)
                }
                other => other,
            };
            bar.finish_and_clear();
            answer.map_err(|e| format!("{zipped}: {e}"))?;
            self.accept(part, &file.into_temp_path())?;
        }
        Ok(())
    }

    /// Takes the wanted files from the Debian package.
    fn ask_debian(&mut self) -> Result<(), String> {
        let scratch = tempfile::Builder::new()
            .prefix(UNPACKED)
            .tempdir_in(self.cache)
            .map_err(|e| format!("{}: no temporary folder: {e}", self.cache.display()))?;
        let spinner = bar(ProgressBar::new_spinner(), self.progress)
            .with_message(format!("apt-get download {}", debian::PACKAGE));
        spinner.enable_steady_tick(Duration::from_millis(100));
        let unpacked = debian::download(scratch.path());
        spinner.finish_and_clear();
        let unpacked = unpacked?;
        while let Some(&part) = self.wanted.first() {
            let file = part
                .find(&unpacked)
                .ok_or_else(|| format!("the package has no {}", part.name()))?;
            self.accept(part, &file)?;
        }
        Ok(())
    }

    /// Verifies a file and moves it into its place.
    fn accept(&mut self, part: Part, file: &Path) -> Result<(), String> {
        let name = part.name();
        read_checked(file, part, Some(self.manifest))
            .map_err(|problem| format!("{name} from there {problem}"))?;
        keep(file, part, self.cache)
            .map_err(|e| format!("{name}: cannot be saved in {}: {e}", self.cache.display()))?;
        self.wanted.retain(|&other| other != part);
        Ok(())
    }
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

/// Removes what interrupted fetches left behind. Only under the lock: nobody else is fetching.
fn sweep(cache: &Path) {
    for entry in fs::read_dir(cache).into_iter().flatten().flatten() {
        let name = entry.file_name();
        let name = name.to_string_lossy();
        // What cannot be removed does no harm.
        if name.starts_with(DOWNLOAD) {
            let _ = fs::remove_file(entry.path());
        } else if name.starts_with(UNPACKED) {
            let _ = fs::remove_dir_all(entry.path());
        }
    }
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
