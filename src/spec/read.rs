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
        match take_out(&mut tree, &path) {
            Some(path) => removed.push(path),
            None => return Err(findings),
        }
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

/// Takes a faulty node out and returns what went: a key from its map, with the map where that may
/// not be empty; a layer or callback from its list by putting one without parameters in its place,
/// so that the others keep their numbers; a list of numbers as a whole. The root stays, and reading
/// ends there.
fn take_out(tree: &mut Value, path: &Path) -> Option<Path> {
    let (last, parents) = path.0.split_last()?;
    let parent = Path(parents.to_vec());
    let filler = match (last, parents.last()) {
        // A layer without its name would be a mistake of its own.
        (Seg::Key(_), Some(Seg::Index(_))) => return take_out(tree, &parent),
        (Seg::Key(_), _) if value::is_one_of(&parent) => return take_out(tree, &parent),
        // Nor is a function without its name one.
        (Seg::Key(_), _) if is_function(parents) => return take_out(tree, &parent),
        (Seg::Key(_), _) => return value::remove(tree, path).then(|| path.clone()),
        (Seg::Index(_), Some(Seg::Key(list))) if list == "layers" => json!({"flatten": {}}),
        (Seg::Index(_), Some(Seg::Key(list))) if list == "callbacks" => {
            json!({"early_stopping": {}})
        }
        (Seg::Index(_), Some(Seg::Key(list))) if list == "metrics" => json!("accuracy"),
        (Seg::Index(_), _) => return take_out(tree, &parent),
    };
    value::set(tree, path, filler).ok().map(|()| path.clone())
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
        let block = matches!(&path.0[..], [.., Seg::Key(list), Seg::Index(_)] if list == "layers");
        let block = block.then_some("repeat");
        let known: Vec<&str> = known.iter().copied().chain(block).collect();
        (format!("unknown name `{wrong}`"), suggest(wrong, &known))
    } else if missing_key(message).is_some() {
        (format!("missing key `{wrong}`{inside}"), format!("add `{wrong}: …`"))
    } else {
        (plain_type(message), remedy(message, path))
    };
    Finding { path: path.clone(), message, help, part }
}

/// What to write where a value is of another type, if the place says it.
fn remedy(message: &str, path: &Path) -> String {
    let key = match path.0.last() {
        Some(Seg::Key(key)) => key.as_str(),
        Some(Seg::Index(_)) | None => "",
    };
    if message.contains("expected struct") {
        format!("write its parameters as a map, as in `{key}: {{ … }}`")
    } else if message.contains("expected a sequence") {
        format!("write a list, as in `{key}: [ … ]`")
    } else if message.contains("map with a single key") {
        format!("give `{key}` one name with its parameters below it: look at the indentation")
    } else {
        String::new()
    }
}

/// `invalid type: string "x", expected usize` without Rust's type names.
fn plain_type(message: &str) -> String {
    let Some((found, expected)) = message.split_once(", expected ") else {
        return message.to_owned();
    };
    let found = found.trim_start_matches("invalid type: ").trim_start_matches("invalid value: ");
    // Only serde's own word is translated; what follows is the user's.
    let found = [
        ("floating point", "number"),
        ("integer", "number"),
        ("boolean ", ""),
        ("string", "text"),
        ("sequence", "a list"),
        ("map", "a map"),
        ("null", "nothing"),
        ("unit value", "nothing"),
    ]
    .iter()
    .find_map(|(serde, ours)| Some(format!("{ours}{}", found.strip_prefix(serde)?)))
    .unwrap_or_else(|| found.to_owned());
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
    format!("expected {expected}, found {found}")
}
