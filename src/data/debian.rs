//! The Debian package with Fashion-MNIST, downloaded and unpacked without installing it.
//!
//! Where public mirrors are blocked, a package mirror is often allowed. apt keeps its state in a
//! temporary folder, so that neither root nor up-to-date package lists are needed, and checks
//! the archive's signatures as always.

use std::ffi::OsString;
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

/// The package.
pub(super) const PACKAGE: &str = "dataset-fashion-mnist";

/// Where it puts the four files.
pub(super) const INSTALLED: &str = "/usr/share/datasets/fashion-mnist";

/// How long one step may take.
const PATIENCE: Duration = Duration::from_secs(300);

/// Downloads the package and unpacks it inside `scratch`, an empty folder; returns the folder
/// with the four files. Takes a few seconds and about 100 MB of disk.
///
/// # Errors
/// Says in one line which step failed and how.
pub(super) fn download(scratch: &Path) -> Result<PathBuf, String> {
    for folder in ["state/lists/partial", "cache/archives/partial", "unpacked"] {
        fs::create_dir_all(scratch.join(folder))
            .map_err(|e| format!("{}: cannot be created: {e}", scratch.join(folder).display()))?;
    }
    apt_get(scratch, &["update"])?;
    apt_get(scratch, &["download", PACKAGE])?;
    let package = fs::read_dir(scratch)
        .map_err(|e| format!("{}: {e}", scratch.display()))?
        .filter_map(|entry| entry.ok().map(|entry| entry.path()))
        .find(|path| path.extension().is_some_and(|extension| extension == "deb"))
        .ok_or_else(|| format!("apt-get download {PACKAGE}: succeeded without a package"))?;
    let unpacked = scratch.join("unpacked");
    let mut unpack = Command::new("dpkg-deb");
    unpack.arg("--extract").arg(package).arg(&unpacked);
    run(unpack, "dpkg-deb --extract", scratch, PATIENCE)?;
    Ok(unpacked.join(INSTALLED.trim_start_matches('/')))
}

/// Runs apt-get with its state and cache in `scratch`.
fn apt_get(scratch: &Path, verb: &[&str]) -> Result<(), String> {
    let option = |key: &str, value: PathBuf| {
        let mut option = OsString::from(format!("{key}="));
        option.push(value);
        option
    };
    let mut command = Command::new("apt-get");
    command
        .arg("-q")
        .arg("-o")
        .arg(option("Dir::State", scratch.join("state")))
        .arg("-o")
        .arg(option("Dir::State::Lists", scratch.join("state/lists")))
        .arg("-o")
        .arg(option("Dir::Cache", scratch.join("cache")))
        .args(["-o", "Dir::State::status=/var/lib/dpkg/status"])
        // As root, apt would become a user who may not write here.
        .args(["-o", "APT::Sandbox::User=root"])
        // Only the package lists: no translations, no application metadata.
        .args(["-o", "Acquire::Languages=none"])
        .args(["-o", "Acquire::IndexTargets::deb::DEP-11::DefaultEnabled=false"])
        .args(["-o", "Acquire::http::Timeout=10", "-o", "Acquire::https::Timeout=10"])
        .args(["-o", "Acquire::Retries=1"])
        .args(verb);
    run(command, &format!("apt-get {}", verb.join(" ")), scratch, PATIENCE)
}

/// Runs a command in `scratch`, quietly and for no longer than `patience`.
fn run(
    mut command: Command,
    title: &str,
    scratch: &Path,
    patience: Duration,
) -> Result<(), String> {
    let log = scratch.join("log");
    let failed = |reason: String| format!("{title}: {reason}");
    // A file and not a pipe: nobody has to read it while the command runs.
    let output = File::create(&log).map_err(|e| failed(format!("no log file: {e}")))?;
    let errors = output.try_clone().map_err(|e| failed(format!("no log file: {e}")))?;
    let mut child = command
        .current_dir(scratch)
        .env("LC_ALL", "C")
        .stdin(Stdio::null())
        .stdout(output)
        .stderr(errors)
        .spawn()
        .map_err(|e| {
            let missing = e.kind() == io::ErrorKind::NotFound;
            failed(if missing { "not on this machine".to_owned() } else { e.to_string() })
        })?;
    let deadline = Instant::now() + patience;
    let status = loop {
        match child.try_wait() {
            Ok(Some(status)) => break status,
            Ok(None) if Instant::now() < deadline => thread::sleep(Duration::from_millis(20)),
            Ok(None) => {
                let stopped = child.kill().and_then(|()| child.wait());
                let note = stopped.err().map_or(String::new(), |e| format!(" ({e})"));
                return Err(failed(format!(
                    "stopped after {} seconds{note}",
                    patience.as_secs_f32()
                )));
            }
            Err(e) => return Err(failed(e.to_string())),
        }
    };
    if status.success() {
        return Ok(());
    }
    let log = fs::read(&log).unwrap_or_default();
    Err(failed(format!("{} ({status})", gist(&String::from_utf8_lossy(&log)))))
}

/// The one line of a log that tells most: apt's first error, else the last line.
fn gist(log: &str) -> &str {
    let mut lines = log.lines().map(str::trim).filter(|line| !line.is_empty());
    lines
        .clone()
        .find_map(|line| line.strip_prefix("E: "))
        .or_else(|| lines.next_back())
        .unwrap_or("no output")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_error_of_apt_is_the_reason() {
        let log = "Reading package lists...\nW: slow\nE: Unable to locate package x\nE: more\n";
        assert_eq!(gist(log), "Unable to locate package x");
        assert_eq!(gist("one\ntwo\n\n"), "two");
        assert_eq!(gist(""), "no output");
    }

    #[test]
    fn a_missing_program_is_a_reason() {
        let scratch = tempfile::tempdir().unwrap();
        let command = Command::new("bn-runner-has-no-such-program");
        let reason = run(command, "fetching", scratch.path(), PATIENCE).unwrap_err();
        assert_eq!(reason, "fetching: not on this machine");
    }

    #[cfg(unix)]
    #[test]
    fn failure_and_endless_waiting_are_reported() {
        let scratch = tempfile::tempdir().unwrap();
        let shell = |script: &str| {
            let mut command = Command::new("sh");
            command.args(["-c", script]);
            command
        };
        let reason = run(shell("echo E: no >&2; exit 3"), "x", scratch.path(), PATIENCE);
        assert_eq!(reason.unwrap_err(), "x: no (exit status: 3)");
        let start = Instant::now();
        let slow = run(shell("exec sleep 60"), "x", scratch.path(), Duration::from_millis(100));
        assert_eq!(slow.unwrap_err(), "x: stopped after 0.1 seconds");
        assert!(start.elapsed() < Duration::from_secs(30));
    }
}
