//! Notes what the program is built from, for manifests: git commit, compiler, burn.

use std::process::Command;

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rerun-if-changed=Cargo.lock");
    println!("cargo::rerun-if-changed=src");
    // Every commit and checkout adds a line to this, in worktrees, too.
    let log = output("git", &["rev-parse", "--git-path", "logs/HEAD"]);
    if let Some(log) = log.filter(|log| std::path::Path::new(log).exists()) {
        println!("cargo::rerun-if-changed={log}");
    }
    println!("cargo::rustc-env=BN_RUNNER_COMMIT={}", commit().unwrap_or_default());
    let rustc = std::env::var("RUSTC").unwrap_or_else(|_| "rustc".to_owned());
    println!(
        "cargo::rustc-env=BN_RUNNER_RUSTC={}",
        output(&rustc, &["--version"]).unwrap_or_default()
    );
    println!("cargo::rustc-env=BN_RUNNER_BURN={}", burn_version().unwrap_or_default());
}

/// The commit's hash, with `-dirty` where tracked files differ from it; none outside a checkout.
fn commit() -> Option<String> {
    let hash = output("git", &["rev-parse", "HEAD"])?;
    let changes = output("git", &["status", "--porcelain", "--untracked-files=no"])?;
    Some(if changes.is_empty() { hash } else { format!("{hash}-dirty") })
}

fn burn_version() -> Option<String> {
    let lock = std::fs::read_to_string("Cargo.lock").ok()?;
    let (_, rest) = lock.split_once("name = \"burn\"\nversion = \"")?;
    Some(rest.split_once('"')?.0.to_owned())
}

fn output(program: &str, args: &[&str]) -> Option<String> {
    let output = Command::new(program).args(args).output().ok()?;
    let text = String::from_utf8(output.stdout).ok()?;
    output.status.success().then(|| text.trim().to_owned())
}
