//! From a tree of values to types, going on after a mistake so that all are told at once.

use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use super::problem::{Finding, suggest};
use super::source::{Part, Path, Seg};
use super::value;

/// Reads a value as `T`. After a mistake, the faulty part is taken out and reading goes on, until
/// every independent mistake is found.
///
/// # Errors
/// All mistakes, at paths that begin with `at`.
pub fn read<T: DeserializeOwned>(mut tree: Value, at: &Path) -> Result<T, Vec<Finding>> {
    let mut findings: Vec<Finding> = Vec::new();
    let mut removed: Vec<Path> = Vec::new();
    // Each turn takes at least one node out of the tree; the bound only guards against a slip.
    for _ in 0..1000 {
        let error = match serde_path_to_error::deserialize(&tree) {
            Ok(value) if findings.is_empty() => return Ok(value),
            Ok(_) => return Err(findings),
            Err(error) => error,
        };
        let mut path = local_path(error.path());
        let message = error.inner().to_string();
        let finding = explain(&message, &mut path);
        // What is missing because it was just taken out is no mistake of the user's.
        let known = match missing_key(&message) {
            Some(key) => removed.contains(&path.key(key)),
            None => false,
        };
        if !known {
            findings.push(Finding { path: at.join(&path), ..finding });
        }
        if !take_out(&mut tree, &path) {
            return Err(findings);
        }
        removed.push(path);
    }
    Err(findings)
}

fn local_path(path: &serde_path_to_error::Path) -> Path {
    use serde_path_to_error::Segment;
    Path(
        path.iter()
            .filter_map(|segment| match segment {
                Segment::Seq { index } => Some(Seg::Index(*index)),
                Segment::Map { key } | Segment::Enum { variant: key } => {
                    Some(Seg::Key(key.clone()))
                }
                Segment::Unknown => None,
            })
            .collect(),
    )
}

/// Takes a faulty node out: a key from its map, and a layer out of its list by putting one
/// without parameters in its place, so that the others keep their numbers. The root stays, and
/// reading ends there.
fn take_out(tree: &mut Value, path: &Path) -> bool {
    match path.0.split_last() {
        // A layer without its name would be a mistake of its own.
        Some((Seg::Key(_), item)) if matches!(item.last(), Some(Seg::Index(_))) => {
            take_out(tree, &Path(item.to_vec()))
        }
        // Nor is a function without its name one.
        Some((Seg::Key(_), parents)) if is_function(parents) => {
            take_out(tree, &Path(parents.to_vec()))
        }
        Some((Seg::Key(_), _)) => value::remove(tree, path),
        Some((Seg::Index(_), _)) => value::set(tree, path, json!({"flatten": {}})).is_ok(),
        None => false,
    }
}

/// Whether a path leads to a layer's function, a map of one name.
fn is_function(path: &[Seg]) -> bool {
    matches!(path.last(), Some(Seg::Key(key)) if value::FUNCTIONS.contains(&key.as_str()))
}

/// The key that a map lacks, if that is the mistake.
fn missing_key(message: &str) -> Option<&str> {
    message.strip_prefix("missing field `")?.split('`').next()
}

/// Serde's words in the user's terms. Completes the path where it ends one step early.
fn explain(message: &str, path: &mut Path) -> Finding {
    let names: Vec<&str> = message.split('`').skip(1).step_by(2).collect();
    let wrong = names.first().copied().unwrap_or_default();
    let known = names.get(1..).unwrap_or_default();
    let inside = match path.0.last() {
        Some(Seg::Key(key)) if key != wrong => format!(" in `{key}`"),
        _ => match path.0.iter().rev().nth(1) {
            Some(Seg::Key(key)) => format!(" in `{key}`"),
            _ => String::new(),
        },
    };
    let mut part = Part::Value;
    let (message, help) = if message.starts_with("unknown field") {
        part = Part::Key;
        if path.0.last() != Some(&Seg::Key(wrong.to_owned())) {
            *path = path.key(wrong);
        }
        (format!("unknown key `{wrong}`{inside}"), suggest(wrong, known))
    } else if message.starts_with("unknown variant") {
        // An unknown layer is reported at its list item, an unknown word at its key. A block is
        // no layer, but may stand where one can.
        let block = matches!(path.0.last(), Some(Seg::Index(_))).then_some("repeat");
        let known: Vec<&str> = known.iter().copied().chain(block).collect();
        (format!("unknown name `{wrong}`"), suggest(wrong, &known))
    } else if missing_key(message).is_some() {
        (format!("missing key `{wrong}`{inside}"), format!("add `{wrong}: …`"))
    } else {
        (plain_type(message), String::new())
    };
    Finding { path: path.clone(), message, help, part }
}

/// `invalid type: string "x", expected usize` without Rust's type names.
fn plain_type(message: &str) -> String {
    let Some((found, expected)) = message.split_once(", expected ") else {
        return message.to_owned();
    };
    let found = found
        .trim_start_matches("invalid type: ")
        .trim_start_matches("invalid value: ")
        .replace("floating point", "number")
        .replace("boolean", "")
        .replace("integer", "number")
        .replace("sequence", "a list")
        .replace("string", "text")
        .replace("map", "a map");
    let expected = match expected {
        "usize" | "u64" | "u32" => "a whole number without point or exponent",
        "f64" | "f32" => "a number",
        "a boolean" => "true or false",
        "a string" | "path string" => "a text",
        "a sequence" => "a list",
        "map with a single key" => "one name: a map of exactly one key",
        "string or map" => "a name",
        "unit" => "the name alone, because it has no parameters",
        other if other.starts_with("struct") => "a map of keys and values",
        other if other.starts_with("enum") => "a name",
        other => other,
    };
    let found = match found.trim() {
        "null" | "unit value" => "nothing",
        other => other,
    };
    format!("expected {expected}, found {found}")
}
