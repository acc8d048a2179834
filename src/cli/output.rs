//! Output files: the extension says the format, and no file has content of another format.

use std::path::{Path, PathBuf};

use clap::Args;

use crate::record::with_byte_order_mark;

/// A file name whose extension does not name a format that the command writes.
#[derive(Debug, thiserror::Error)]
pub enum WrongExtension {
    /// An extension of another format, or none.
    #[error(
        "cannot write `{}`: {what}; name a file that ends in {}, as in `-o {}`",
        path.display(), extensions(supported), example(path, supported).display()
    )]
    Unsupported {
        /// The file that was named.
        path: PathBuf,
        /// What is written: `charts are PNG or SVG files`.
        what: &'static str,
        /// The extensions that are supported, without the dot.
        supported: &'static [&'static str],
    },
    /// `--format` and the extension name two formats.
    #[error(
        "`--format {format}` contradicts the extension of `{}`: leave `--format` out, or name `{}`",
        path.display(), path.with_extension(format).display()
    )]
    Contradiction {
        /// The file that was named.
        path: PathBuf,
        /// The format that was named.
        format: String,
    },
}

/// The extension of a file in lower case; `None` where it has none.
pub fn extension(path: &Path) -> Option<String> {
    Some(path.extension()?.to_string_lossy().to_lowercase())
}

/// Whether a path can only name a folder: one that is there, or one that ends in a separator.
pub fn is_folder(path: &Path) -> bool {
    let ends_in_separator =
        path.as_os_str().to_string_lossy().chars().last().is_some_and(std::path::is_separator);
    ends_in_separator || path.is_dir()
}

/// Checks that a file has one of the extensions that a command writes, in any case.
///
/// # Errors
/// [`WrongExtension::Unsupported`].
pub fn require_extension(
    path: &Path,
    what: &'static str,
    supported: &'static [&'static str],
) -> Result<(), WrongExtension> {
    let known = extension(path).is_some_and(|found| supported.contains(&&*found));
    let path = || path.to_owned();
    if known { Ok(()) } else { Err(WrongExtension::Unsupported { path: path(), what, supported }) }
}

/// Options of commands that write or print CSV.
#[derive(Debug, Clone, Copy, Args)]
pub struct CsvArgs {
    /// Begin CSV with a UTF-8 byte order mark, without which Excel misreads names such as `größe`.
    #[arg(long, env = "BN_RUNNER_CSV_BOM", value_parser = clap::builder::FalseyValueParser::new())]
    csv_bom: bool,
}

impl CsvArgs {
    /// Whether CSV is to begin with a byte order mark.
    pub fn bom(self) -> bool {
        self.csv_bom
    }

    /// The content of a CSV file, with a byte order mark if one is wanted.
    pub fn mark(self, csv: Vec<u8>) -> Vec<u8> {
        if self.csv_bom { with_byte_order_mark(csv) } else { csv }
    }
}

/// `.png`, `.pdf` or `.svg`
fn extensions(supported: &[&str]) -> String {
    let names: Vec<String> = supported.iter().map(|name| format!("`.{name}`")).collect();
    match names.split_last() {
        Some((last, [])) => last.clone(),
        Some((last, others)) => format!("{} or {last}", others.join(", ")),
        None => String::new(),
    }
}

/// The file with the first extension that is supported.
fn example(path: &Path, supported: &[&str]) -> PathBuf {
    path.with_extension(supported.first().copied().unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn extensions_count_in_any_case_and_others_are_refused_with_the_list() {
        let require = |path: &str| {
            let checked =
                require_extension(Path::new(path), "charts are PNG files", &["png", "svg"]);
            checked.map_err(|error| error.to_string())
        };
        assert_eq!(require("a.png"), Ok(()));
        assert_eq!(require("a.b.SVG"), Ok(()));
        for (path, example) in [("x.pdf", "x.png"), ("x", "x.png"), ("a.b/x.jpg", "a.b/x.png")] {
            assert_eq!(
                require(path),
                Err(format!(
                    "cannot write `{path}`: charts are PNG files; name a file that ends in `.png` or \
                     `.svg`, as in `-o {example}`"
                ))
            );
        }
    }

    #[test]
    fn a_path_that_ends_in_a_separator_is_a_folder() {
        assert!(is_folder(Path::new("charts.v2/")));
        assert!(is_folder(Path::new(".")));
        assert!(!is_folder(Path::new("charts.v2")));
    }
}
