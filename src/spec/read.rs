//! From a tree of values to types, going on after a mistake so that all are told at once.

use serde::de::DeserializeOwned;
use serde_json::{Map, Value, json};

use super::function::Activation;
use super::problem::{Finding, suggest};
use super::source::{Part, Path, Seg};
use super::value;

/// What could be read, and what was wrong.
pub struct Read<T> {
    /// The value, with stand-ins where something was wrong; `None` where nothing can stand in.
    pub value: Option<T>,
    /// Every mistake.
    pub findings: Vec<Finding>,
    /// Where the value is not what the file says.
    pub faulty: Vec<Path>,
}

/// Letters of the user's that a message repeats.
const MAX_SHOWN: usize = 100;

/// Mistakes of one value above this number are not looked for.
const MAX_MISTAKES: usize = 200;

/// Reads a value as `T`. After a mistake, the faulty part is taken out, something is put where it
/// is needed, and reading goes on, until every independent mistake is found. All paths begin with
/// `at`.
pub fn read<T: DeserializeOwned>(mut tree: Value, at: &Path) -> Read<T> {
    let mut findings: Vec<Finding> = Vec::new();
    let mut faulty: Vec<Path> = Vec::new();
    let mut stand_ins: Vec<Path> = Vec::new();
    let mut value = None;
    // Each turn takes at least one node out of the tree or fills a gap; the bound is for trees that
    // are wrong everywhere.
    for _ in 0..MAX_MISTAKES {
        let error = match serde_path_to_error::deserialize(&tree) {
            Ok(whole) => {
                value = Some(whole);
                break;
            }
            Err(error) => error,
        };
        let path = local_path(error.path());
        let message = error.inner().to_string();
        if let Some(key) = missing_key(&message) {
            let gap = path.key(key);
            // What is missing because it was just taken out is no mistake of the user's.
            if !faulty.contains(&gap) {
                findings.push(explain(&message, &path, &tree, at));
                faulty.push(gap.clone());
            }
            if value::set(&mut tree, &gap, stand_in(key)).is_ok() {
                stand_ins.push(gap);
                continue;
            }
        }
        let unknown = unknown_key(&message).filter(|key| !path.ends_with(key));
        let mut wrong = unknown.map_or_else(|| path.clone(), |key| path.key(key));
        match stand_ins.iter().position(|place| path.starts_with(place)) {
            // The stand-in is of the wrong kind: what lacks the key goes.
            Some(number) => {
                wrong = stand_ins.swap_remove(number);
                wrong.0.pop();
            }
            None if missing_key(&message).is_some() => {}
            None => findings.push(explain(&message, &path, &tree, at)),
        }
        match take_out(&mut tree, &wrong) {
            Some(path) => faulty.push(path),
            None => break,
        }
    }
    misspelt_is_not_missing(&mut findings);
    Read { value, findings, faulty: faulty.iter().map(|path| at.join(path)).collect() }
}

/// A key that is required and misspelt is one mistake, not two.
fn misspelt_is_not_missing(findings: &mut Vec<Finding>) {
    let unknown: Vec<(Path, Option<String>)> = findings
        .iter()
        .filter(|finding| finding.part == Part::Key)
        .map(|finding| {
            let mut map = finding.path.clone();
            map.0.pop();
            let meant = finding.help.strip_prefix("did you mean `");
            (map, meant.and_then(|rest| rest.split('`').next()).map(str::to_owned))
        })
        .collect();
    findings.retain(|finding| {
        let Some(missing) = finding.message.strip_prefix("missing key `") else { return true };
        let missing = missing.split('`').next();
        !unknown.iter().any(|(map, meant)| *map == finding.path && meant.as_deref() == missing)
    });
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

/// Something to put where a required key is missing, so that the rest can be read. Where it is of
/// the wrong kind, the map that lacks the key is taken out.
fn stand_in(key: &str) -> Value {
    match key {
        "dataset" => json!({"name": "fashion_mnist"}),
        "model" => json!({"layers": []}),
        "training" => json!({"optimizer": {"sgd": {}}, "epochs": 1}),
        "optimizer" => json!({"sgd": {}}),
        "layers" | "boundaries" | "values" => json!([]),
        _ => json!(1),
    }
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

/// The key that a map has too much, if that is the mistake.
fn unknown_key(message: &str) -> Option<&str> {
    message.strip_prefix("unknown field `")?.split('`').next()
}

/// Serde's words in the user's terms, at the place in the file.
fn explain(message: &str, local: &Path, tree: &Value, at: &Path) -> Finding {
    let names: Vec<&str> = message.split('`').skip(1).step_by(2).collect();
    let wrong = names.first().copied().unwrap_or_default();
    let known = names.get(1..).unwrap_or_default();
    let node = value::get(tree, local);
    let mut path = at.join(local);
    let mut part = Part::Value;
    let (message, help) = if unknown_key(message).is_some() {
        part = Part::Key;
        if !path.ends_with(wrong) {
            path = path.key(wrong);
        }
        (format!("unknown key `{wrong}`{}", inside(&path)), suggest(wrong, known))
    } else if message.starts_with("unknown variant") {
        // A block is no layer, but may stand where one can.
        let in_layers = matches!(
            path.0.last_chunk(),
            Some([Seg::Key(list), Seg::Index(_)]) if list == "layers"
        );
        let known: Vec<&str> = known.iter().copied().chain(in_layers.then_some("repeat")).collect();
        // A name with parameters stands one step further in.
        if node.is_some_and(|node| node.get(wrong).is_some()) {
            part = Part::Key;
            path = path.key(wrong);
        }
        let help = match serde_json::from_value::<Activation>(json!(wrong)) {
            Ok(_) if in_layers => format!("write `activation: {wrong}`"),
            Ok(_) | Err(_) => suggest(wrong, &known),
        };
        (format!("unknown name `{wrong}`"), help)
    } else if missing_key(message).is_some() {
        (format!("missing key `{wrong}`{}", inside(&path.key(wrong))), format!("add `{wrong}: …`"))
    } else if let Some(Value::Object(map)) = node
        && message.contains("map with a single key")
    {
        not_one_name(map, &path)
    } else {
        (plain_type(message), remedy(message, node, &path))
    };
    Finding { path, message, help, part }
}

/// ` in `dense``, for the last key of a path that has one around it.
fn inside(path: &Path) -> String {
    match path.0.iter().rev().nth(1) {
        Some(Seg::Key(key)) => format!(" in `{key}`"),
        Some(Seg::Index(_)) | None => String::new(),
    }
}

/// Several keys where one name is wanted, most often because of the indentation.
fn not_one_name(map: &Map<String, Value>, path: &Path) -> (String, String) {
    let names: Vec<String> = map.keys().map(|key| format!("`{key}`")).collect();
    let message = match &names[..] {
        [] => "a name is missing".to_owned(),
        names => format!("one name belongs here, not {}: {}", names.len(), names.join(", ")),
    };
    let help = match (path.0.last(), names.first()) {
        (Some(Seg::Index(_)), Some(first)) => format!(
            "indent what belongs to {first} further than its first letter, and give each name an \
             item of its own"
        ),
        (_, Some(_)) => "keep one; its parameters go below it, indented further".to_owned(),
        (_, None) => "write one, with its parameters below it".to_owned(),
    };
    (message, help)
}

/// What to write where a value is of another type.
fn remedy(message: &str, node: Option<&Value>, path: &Path) -> String {
    let key = path.0.iter().rev().find_map(|seg| match seg {
        Seg::Key(key) => Some(key.as_str()),
        Seg::Index(_) => None,
    });
    let key = key.unwrap_or("key");
    let expected = message.split_once(", expected ").map_or("", |(_, expected)| expected);
    match (expected, node) {
        ("usize" | "u64" | "u32", Some(Value::Number(number))) => {
            match number.as_f64().filter(|number| number.fract() == 0.0 && *number >= 0.0) {
                Some(whole) if whole < 1e15 => format!("write `{whole}`"),
                Some(_) | None => "write a whole number from 0 up".to_owned(),
            }
        }
        ("usize" | "u64" | "u32" | "f64" | "f32", Some(Value::String(text)))
            if text.parse::<f64>().is_ok_and(f64::is_finite) =>
        {
            format!("leave the quotes out: `{key}: {text}`")
        }
        ("usize" | "u64" | "u32", _) => "write a whole number in digits alone".to_owned(),
        ("f64" | "f32", _) => "write a number, as in 0.01 or 1.0e-3".to_owned(),
        ("a boolean", _) => "write `true` or `false`".to_owned(),
        ("a string" | "path string", Some(Value::Number(_) | Value::Bool(_))) => {
            format!("put it in quotes: `{key}: \"{}\"`", node.map_or(String::new(), value::plain))
        }
        ("a sequence", Some(Value::Object(_))) => "put a `-` before each item".to_owned(),
        ("a sequence", _) => format!("write a list, as in `{key}: [ … ]`"),
        ("unit", _) => "leave out what stands behind the name".to_owned(),
        ("string or map" | "map with a single key", _) => {
            "write a name, or a name with its parameters below it".to_owned()
        }
        (other, _) if other.starts_with("enum") => {
            "write a name, or a name with its parameters below it".to_owned()
        }
        (other, _) if other.starts_with("struct") => {
            format!("write its parameters as a map, as in `{key}: {{ … }}`")
        }
        (other, _) if !other.is_empty() => format!("write {other}"),
        _ => String::new(),
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
    let found = match found.char_indices().nth(MAX_SHOWN) {
        Some((end, _)) => format!("{}…", &found[..end]),
        None => found,
    };
    // Numbers that are none come as words.
    let found = match found.as_str() {
        "text \".nan\"" => "`.nan`",
        "text \".inf\"" => "`.inf`",
        "text \"-.inf\"" => "`-.inf`",
        other => other,
    };
    let expected = match expected {
        "usize" | "u64" | "u32" => "a whole number without point or exponent",
        "f64" | "f32" => "a number",
        "a boolean" => "true or false",
        "a string" | "path string" => "a text",
        "a sequence" => "a list",
        "map with a single key" | "string or map" => "a name",
        "unit" => "the name alone, because it has no parameters",
        other if other.starts_with("struct") => "a map of keys and values",
        other if other.starts_with("enum") => "a name",
        other => other,
    };
    format!("expected {expected}, found {found}")
}
