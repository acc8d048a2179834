//! From a tree of values to types, going on after a mistake so that all are told at once.

use std::sync::Arc;

use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use super::de::{Form, Mistake, What, from_tree};
use super::function::Activation;
use super::problem::{Finding, nearest, suggest};
use super::source::{Part, Path, Seg};
use super::tree::{Kind, Node, Place, Resolved, Scalar};
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
pub(super) fn read<T: DeserializeOwned>(tree: &Arc<Node>, at: &Path) -> Read<T> {
    let mut tree = tree.clone();
    let mut mistakes: Vec<(Path, What, Finding)> = Vec::new();
    let mut faulty: Vec<Path> = Vec::new();
    let mut stand_ins: Vec<Path> = Vec::new();
    let mut value = None;
    // Each turn takes at least one node out of the tree or fills a gap; the bound is for trees that
    // are wrong everywhere.
    for _ in 0..MAX_MISTAKES {
        let mistake = match from_tree(&tree) {
            Ok(whole) => {
                value = Some(whole);
                break;
            }
            Err(mistake) => mistake,
        };
        let path = mistake.path();
        let told = (path.clone(), mistake.what.clone(), explain(&mistake, &tree, at));
        let mut wrong = path.clone();
        match &mistake.what {
            What::MissingKey(key) => {
                let gap = path.key(key);
                // What is missing because it was just taken out is no mistake of the user's.
                if !faulty.contains(&gap) {
                    mistakes.push(told.clone());
                    faulty.push(gap.clone());
                }
                let stand_in = Node::from_json(&stand_in(key), Place::Nowhere);
                if value::set(&mut tree, &gap, Place::Nowhere, stand_in).is_ok() {
                    stand_ins.push(gap);
                    continue;
                }
            }
            What::UnknownKey { key, .. } => wrong = path.key(key),
            What::UnknownName { .. }
            | What::Type(_)
            | What::TooLarge { .. }
            | What::Length { .. }
            | What::Other(_) => {}
        }
        match stand_ins.iter().position(|place| path.starts_with(place)) {
            // The stand-in is of the wrong kind: what lacks the key goes.
            Some(number) => {
                wrong = stand_ins.swap_remove(number);
                wrong.0.pop();
            }
            None if matches!(mistake.what, What::MissingKey(_)) => {}
            None => mistakes.push(told),
        }
        match take_out(&mut tree, &wrong) {
            Some(path) => faulty.push(path),
            None => break,
        }
    }
    let findings = without_misspelt_keys(mistakes);
    Read { value, findings, faulty: faulty.iter().map(|path| at.join(path)).collect() }
}

/// The findings, without the keys that are missing because they are misspelt in the same map.
fn without_misspelt_keys(mistakes: Vec<(Path, What, Finding)>) -> Vec<Finding> {
    let misspelt: Vec<(Path, &str)> = mistakes
        .iter()
        .filter_map(|(map, what, _)| match what {
            What::UnknownKey { key, known } => Some((map.clone(), nearest(key, known)?)),
            What::MissingKey(_)
            | What::UnknownName { .. }
            | What::Type(_)
            | What::TooLarge { .. }
            | What::Length { .. }
            | What::Other(_) => None,
        })
        .collect();
    let is_misspelt = |map: &Path, what: &What| match what {
        What::MissingKey(key) => misspelt.iter().any(|(other, meant)| other == map && meant == key),
        What::UnknownKey { .. }
        | What::UnknownName { .. }
        | What::Type(_)
        | What::TooLarge { .. }
        | What::Length { .. }
        | What::Other(_) => false,
    };
    let told = mistakes.into_iter().filter(|(map, what, _)| !is_misspelt(map, what));
    told.map(|(.., finding)| finding).collect()
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
fn take_out(tree: &mut Arc<Node>, path: &Path) -> Option<Path> {
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
    let filler = Node::from_json(&filler, Place::Nowhere);
    value::set(tree, path, Place::Nowhere, filler).ok().map(|()| path.clone())
}

/// Whether a path leads to a layer's function, a map of one name.
fn is_function(path: &[Seg]) -> bool {
    matches!(path.last(), Some(Seg::Key(key)) if value::FUNCTIONS.contains(&key.as_str()))
}

/// A mistake in words, at its place in the file.
fn explain(mistake: &Mistake, tree: &Node, at: &Path) -> Finding {
    let local = mistake.path();
    let path = at.join(&local);
    let node = tree.at(&local);
    match &mistake.what {
        What::UnknownKey { key, known } => {
            let path = path.key(key);
            let message = format!("unknown key `{key}`{}", inside(&path));
            Finding { part: Part::Key, ..Finding::new(path, message, suggest(key, known)) }
        }
        What::MissingKey(key) => {
            let message = format!("missing key `{key}`{}", inside(&path.key(key)));
            Finding::new(path, message, format!("add `{key}: …`"))
        }
        What::UnknownName { name, known } => {
            // A name with parameters is the key of a map.
            let is_key =
                path.ends_with(name) && node.is_none_or(|node| node.as_text() != Some(name));
            let place = if is_key { &path.0[..path.0.len() - 1] } else { &path.0[..] };
            let (message, help) = unknown_name(name, known, place);
            let part = if is_key { Part::Key } else { Part::Value };
            Finding { part, ..Finding::new(path, message, help) }
        }
        What::Type(Form::Name) if node.is_some_and(|node| node.entries().is_some()) => {
            let keys = node.and_then(Node::entries).unwrap_or_default();
            let names: Vec<&str> = keys.iter().map(|entry| &*entry.key).collect();
            let (message, help) = not_one_name(&names, &path);
            Finding::new(path, message, help)
        }
        What::Type(form) => {
            let (message, help) = wrong_type(form, node, &path);
            Finding::new(path, message, help)
        }
        What::TooLarge { max } => {
            let found = node.map_or("it".to_owned(), found);
            let message = format!("{} is too large", found.trim_start_matches("number "));
            Finding::new(path, message, format!("write a whole number from 0 to {max}"))
        }
        What::Length { found, expected } => {
            let message = format!("expected {expected}, found a list of {found} items");
            Finding::new(path, message, format!("write {expected}"))
        }
        What::Other(message) => Finding::new(path, message.clone(), ""),
    }
}

/// The message for a name that is unknown at its place.
fn unknown_name(name: &str, known: &[&str], place: &[Seg]) -> (String, String) {
    let in_layers = matches!(place, [.., Seg::Key(list), Seg::Index(_)] if list == "layers");
    let of_dataset = matches!(place, [Seg::Key(dataset), Seg::Key(key)] if dataset == "dataset" && key == "name");
    if of_dataset {
        let help = format!(
            "{}; other images are read from a folder with the four files of the MNIST format, as in \
             `dataset: {{ idx: FOLDER }}`",
            suggest(name, known)
        );
        return (format!("unknown data set `{name}`"), help);
    }
    let message = format!("unknown name `{name}`");
    // A block is no layer, but may stand where one can.
    let known: Vec<&str> = known.iter().copied().chain(in_layers.then_some("repeat")).collect();
    let is_activation = || {
        let name = Node::from_json(&json!(name), Place::Nowhere);
        from_tree::<Activation>(&name).is_ok()
    };
    let help = match in_layers && is_activation() {
        true => format!("write `activation: {name}`"),
        false => suggest(name, &known),
    };
    (message, help)
}

/// ` in `dense``, for the last key of a path that has one around it.
fn inside(path: &Path) -> String {
    match path.0.iter().rev().nth(1) {
        Some(Seg::Key(key)) => format!(" in `{key}`"),
        Some(Seg::Index(_)) | None => String::new(),
    }
}

/// Several keys where one name is wanted, most often because of the indentation.
fn not_one_name(keys: &[&str], path: &Path) -> (String, String) {
    let names: Vec<String> = keys.iter().map(|key| format!("`{key}`")).collect();
    let message = match &names[..] {
        [] => "a name is missing".to_owned(),
        names => format!("expected one name, found {}: {}", names.len(), names.join(", ")),
    };
    let help = match (path.0.last(), names.first()) {
        (Some(Seg::Index(_)), Some(first)) => format!(
            "indent the keys of {first} further than its first letter, and give each name an item \
             of its own"
        ),
        (_, Some(_)) => "keep one, with its parameters below it, indented further".to_owned(),
        (_, None) => "write one, with its parameters below it".to_owned(),
    };
    (message, help)
}

/// What was expected and found, and what to write instead.
fn wrong_type(form: &Form, node: Option<&Node>, path: &Path) -> (String, String) {
    let key = path.0.iter().rev().find_map(|seg| match seg {
        Seg::Key(key) => Some(key.as_str()),
        Seg::Index(_) => None,
    });
    let key = key.unwrap_or("key");
    let scalar = node.and_then(|node| match &node.kind {
        Kind::Scalar(scalar) => Some(scalar),
        Kind::List(_) | Kind::Map(_) => None,
    });
    let is_item = matches!(path.0.last(), Some(Seg::Index(_)));
    let assign = |value: &str| if is_item { value.to_owned() } else { format!("{key}: {value}") };
    if matches!(form, Form::Whole | Form::Number | Form::OneOf(_))
        && let Some(scalar) = scalar
        && let Some(number) = scalar.without_leading_zeros()
    {
        let message = format!("`{}` has a leading zero", shown(&scalar.text));
        return (message, format!("drop the leading zero: `{}`", assign(&number)));
    }
    let expected = match form {
        Form::Whole => "a whole number without point or exponent",
        Form::Number => "a number",
        Form::Bool => "true or false",
        Form::Text => "a text",
        Form::List => "a list",
        Form::Map => "a map of keys and values",
        Form::Name => "a name",
        Form::NameAlone => "the name alone, because it has no parameters",
        Form::OneOf(words) => words,
    };
    let message =
        format!("expected {expected}, found {}", node.map_or("nothing".to_owned(), found));
    let help = match (form, scalar.map(Scalar::resolved)) {
        (Form::Whole, Some(Resolved::Float(number)))
            if number.fract() == 0.0 && (0.0..1e15).contains(&number) =>
        {
            format!("write `{number}`")
        }
        (Form::Whole, Some(Resolved::Float(_) | Resolved::Int(_))) => {
            "write a whole number from 0 up".to_owned()
        }
        (Form::Whole | Form::Number, Some(Resolved::Text(text)))
            if text.parse::<f64>().is_ok_and(f64::is_finite)
                && scalar.is_some_and(|scalar| !scalar.plain) =>
        {
            format!("leave the quotes out: `{}`", assign(&shown(text)))
        }
        (Form::Whole, _) => "write a whole number in digits alone".to_owned(),
        (Form::Number, Some(Resolved::Float(_))) => "write a finite number".to_owned(),
        (Form::Number, _) => "write a number, as in 0.01 or 1.0e-3".to_owned(),
        (Form::Bool, _) => "write `true` or `false`".to_owned(),
        (Form::Text, Some(_)) => match scalar {
            Some(scalar) if !scalar.text.is_empty() => {
                format!("put it in quotes: `{}`", assign(&format!("\"{}\"", shown(&scalar.text))))
            }
            Some(_) | None => format!("write a text, as in `{}`", assign("\"…\"")),
        },
        (Form::Text, None) => format!("write a text, as in `{}`", assign("\"…\"")),
        (Form::List, None) => "put a `-` before each item".to_owned(),
        (Form::List, Some(_)) => format!("write a list, as in `{key}: [ … ]`"),
        (Form::NameAlone, _) => "leave out what stands behind the name".to_owned(),
        (Form::Name, _) => "write a name, or a name with its parameters below it".to_owned(),
        (Form::Map, Some(Resolved::Int(_) | Resolved::Float(_))) => {
            match (value::usual_parameter(key), scalar) {
                (Some(parameter), Some(scalar)) => {
                    format!("write `{key}: {{ {parameter}: {} }}`", shown(&scalar.text))
                }
                (Some(_) | None, _) => {
                    format!("write its parameters as a map, as in `{key}: {{ … }}`")
                }
            }
        }
        (Form::Map, _) => format!("write its parameters as a map, as in `{key}: {{ … }}`"),
        (Form::OneOf(words), _) => format!("write {words}"),
    };
    (message, help)
}

/// What stands in the file, in a few words.
fn found(node: &Node) -> String {
    match &node.kind {
        Kind::List(_) => "a list".to_owned(),
        Kind::Map(_) => "a map".to_owned(),
        Kind::Scalar(scalar) => match scalar.resolved() {
            Resolved::Null => "nothing".to_owned(),
            Resolved::Bool(_) => format!("`{}`", scalar.text),
            Resolved::Int(_) => format!("number `{}`", shown(&scalar.text)),
            Resolved::Float(number) if number.is_finite() => {
                format!("number `{}`", shown(&scalar.text))
            }
            Resolved::Float(_) => format!("`{}`", shown(&scalar.text)),
            Resolved::Text(text) => format!("text \"{}\"", shown(text)),
        },
    }
}

/// The beginning of a text.
fn shown(text: &str) -> String {
    match text.char_indices().nth(MAX_SHOWN) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}
