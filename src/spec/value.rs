//! The tree of a setup: merging variants, setting dotted paths, short forms.

use std::sync::Arc;

use serde_json::Value;

use super::source::{Path, Seg};
use super::tree::{Entry, Kind, Node, Place, Resolved};

/// Maps at these places hold exactly one key, a name; another name replaces it when merged.
const ONE_OF: &[&str] = &["training.loss", "training.optimizer", "training.learning_rate"];

/// Whether a map at this place holds exactly one key.
pub(super) fn is_one_of(at: &Path) -> bool {
    ONE_OF.contains(&at.to_string().as_str())
}

/// Lays a variant over the file: maps merge, lists and scalars replace.
pub(super) fn merge(base: &mut Arc<Node>, overlay: &Arc<Node>, at: &Path) {
    let (Some(_), Some(changes)) = (base.entries(), overlay.entries()) else {
        *base = overlay.clone();
        return;
    };
    if changes.is_empty() {
        return;
    }
    let node = Arc::make_mut(base);
    node.place = overlay.place;
    let Kind::Map(entries) = &mut node.kind else { return };
    let has = |key: &str| changes.iter().any(|entry| &*entry.key == key);
    if is_one_of(at) && !entries.iter().any(|entry| has(&entry.key)) {
        entries.clear();
    }
    // A data set is given by name or by folder: the later word counts.
    if at.to_string() == "dataset" {
        for (one, other) in [("name", "idx"), ("idx", "name")] {
            if has(one) && !has(other) {
                entries.retain(|entry| &*entry.key != other);
            }
        }
    }
    if at.to_string() == "training" {
        later_rate_counts(entries, changes);
    }
    for change in changes {
        match entries.iter_mut().find(|entry| entry.key == change.key) {
            Some(entry) => {
                entry.key_place = change.key_place;
                merge(&mut entry.value, &change.value, &at.key(&change.key));
            }
            None => entries.push(change.clone()),
        }
    }
}

/// The learning rate is given by a schedule or by the optimizer: the later word counts here, too.
fn later_rate_counts(training: &mut Vec<Entry>, changes: &[Entry]) {
    let find = |entries: &[Entry], key: &str| entries.iter().position(|entry| &*entry.key == key);
    let has_rate = |optimizer: &Node| {
        let keys = optimizer.entries().and_then(<[_]>::first);
        keys.is_some_and(|entry| entry.value.get("learning_rate").is_some())
    };
    let schedule = find(changes, "learning_rate").is_some();
    let plain = find(changes, "optimizer").is_some_and(|at| has_rate(&changes[at].value));
    if schedule
        && !plain
        && let Some(at) = find(training, "optimizer")
        && let Some(name) = training[at].value.entries().and_then(<[_]>::first)
    {
        let name = name.key.to_string();
        remove(&mut training[at].value, &Path::default().key(&name).key("learning_rate"));
    }
    if plain && !schedule {
        training.retain(|entry| &*entry.key != "learning_rate");
    }
}

/// Whether a map at this place holds one name and its parameters: a layer, a function, an
/// optimizer, …
fn holds_one_name(place: &[Seg]) -> bool {
    match place {
        [.., Seg::Key(list), Seg::Index(_)] => list == "layers" || list == "callbacks",
        [.., Seg::Key(key)] if FUNCTIONS.contains(&key.as_str()) => true,
        _ => is_one_of(&Path(place.to_vec())),
    }
}

/// Puts a value at a path, making maps on the way; a list is never lengthened, and what has one
/// name gets no other beside it. `key` is where the path is written.
///
/// # Errors
/// The place that cannot be stepped into, in words.
pub(super) fn set(
    root: &mut Arc<Node>,
    path: &Path,
    key: Place,
    value: Arc<Node>,
) -> Result<(), String> {
    let mut node = root;
    for (depth, seg) in path.0.iter().enumerate() {
        let here = || match depth {
            0 => "the file".to_owned(),
            _ => format!("`{}`", Path(path.0[..depth].to_vec())),
        };
        let inner = Arc::make_mut(node);
        if matches!(seg, Seg::Key(_)) && inner.is_null() {
            inner.kind = Kind::Map(Vec::new());
        }
        node = match (seg, &mut inner.kind) {
            (Seg::Index(index), Kind::List(list)) => {
                let length = list.len();
                list.get_mut(*index)
                    .ok_or_else(|| format!("{} has {length} items, numbered from 0", here()))?
            }
            (Seg::Key(_) | Seg::Index(_), Kind::Map(entries)) => {
                let name = match seg {
                    Seg::Key(name) => name.clone(),
                    Seg::Index(index) => index.to_string(),
                };
                let found = entries.iter().position(|entry| *entry.key == *name);
                if let (None, Some(other)) = (found, entries.first())
                    && matches!(seg, Seg::Key(_))
                    && holds_one_name(&path.0[..depth])
                {
                    return Err(format!("{} is `{}`, not `{name}`", here(), other.key));
                }
                let at = found.unwrap_or_else(|| {
                    let value = Node::empty_map(value.place);
                    entries.push(Entry { key: name.into(), key_place: key, value });
                    entries.len() - 1
                });
                // A key that is set anew is where it was set.
                if depth + 1 == path.0.len() {
                    entries[at].key_place = key;
                }
                &mut entries[at].value
            }
            (Seg::Key(_) | Seg::Index(_), Kind::Scalar(_) | Kind::List(_)) => {
                let seg = Path(vec![seg.clone()]);
                return Err(format!("{} has nothing named `{seg}` inside", here()));
            }
        };
    }
    *node = value;
    Ok(())
}

/// Removes a key from a map. Returns whether it was there.
pub(super) fn remove(root: &mut Arc<Node>, path: &Path) -> bool {
    let Some((Seg::Key(last), parents)) = path.0.split_last() else { return false };
    if root.at(path).is_none() {
        return false;
    }
    let mut node = root;
    for seg in parents {
        let next = match (seg, &mut Arc::make_mut(node).kind) {
            (Seg::Index(index), Kind::List(list)) => list.get_mut(*index),
            (Seg::Key(key), Kind::Map(entries)) => {
                entries.iter_mut().find(|entry| *entry.key == **key).map(|entry| &mut entry.value)
            }
            (Seg::Key(_) | Seg::Index(_), Kind::Scalar(_) | Kind::List(_) | Kind::Map(_)) => None,
        };
        match next {
            Some(next) => node = next,
            None => return false,
        }
    }
    match &mut Arc::make_mut(node).kind {
        Kind::Map(entries) => {
            let before = entries.len();
            entries.retain(|entry| *entry.key != **last);
            entries.len() < before
        }
        Kind::Scalar(_) | Kind::List(_) => false,
    }
}

/// Keys of layers whose values are functions, which are bare names or maps of one name.
pub(super) const FUNCTIONS: [&str; 6] = [
    "activation",
    "kernel_initializer",
    "bias_initializer",
    "alpha_initializer",
    "kernel_regularizer",
    "kernel_constraint",
];

/// Functions, losses and metrics that have parameters, and the one that may be given alone, as in
/// `l2: 0.001`.
const WITH_PARAMETERS: [(&str, Option<&str>); 12] = [
    ("leaky_relu", None),
    ("random_normal", None),
    ("random_uniform", None),
    ("truncated_normal", None),
    ("orthogonal", None),
    ("constant", Some("value")),
    ("l1", Some("l1")),
    ("l2", Some("l2")),
    ("l1_l2", None),
    ("max_norm", Some("max_value")),
    ("sparse_categorical_crossentropy", None),
    ("top_k_accuracy", Some("k")),
];

/// The parameter of a function that may be given alone, as in `l2: 0.001`.
pub fn main_parameter(function: &str) -> Option<&'static str> {
    WITH_PARAMETERS.iter().find(|(name, _)| *name == function)?.1
}

/// The parameter that is probably meant by a number in place of a map of parameters.
pub(super) fn usual_parameter(name: &str) -> Option<&'static str> {
    Some(match name {
        "dense" => "units",
        "conv2d" => "filters",
        "dropout" => "rate",
        "max_pooling2d" | "average_pooling2d" => "pool_size",
        "batch_normalization" => "momentum",
        "layer_normalization" => "epsilon",
        "repeat" => "times",
        "leaky_relu" => "negative_slope",
        "gaussian_noise" | "random_normal" | "truncated_normal" => "stddev",
        "orthogonal" => "gain",
        "sparse_categorical_crossentropy" => "label_smoothing",
        "early_stopping" | "reduce_lr_on_plateau" => "patience",
        "one_cycle" => "max_learning_rate",
        "constant" | "sgd" | "rmsprop" | "adagrad" | "adadelta" | "adam" | "adamax" | "nadam"
        | "adamw" | "lion" => "learning_rate",
        "exponential_decay" | "inverse_time_decay" | "cosine_decay" | "polynomial_decay" => {
            "initial_learning_rate"
        }
        "augment" => "shift",
        _ => return None,
    })
}

/// A value in its long form, if that is another.
type Longer = Option<Arc<Node>>;

/// Writes short forms out: `flatten` → `{flatten: {}}`, `optimizer: adam` → `{adam: {}}`,
/// `learning_rate: 0.1` of `training` → `{constant: {learning_rate: 0.1}}`,
/// `dataset: fashion_mnist` → `{name: fashion_mnist}`, `kernel_regularizer: l2` → `{l2: {}}`,
/// `metrics: [top_k_accuracy]` → `[{top_k_accuracy: {}}]`. What has no short forms is shared with
/// the tree before.
pub(super) fn expand(setup: &mut Arc<Node>) {
    apply(setup, &["model", "layers"], &|layers| items(layers, &layer));
    apply(setup, &["training", "callbacks"], &|list| items(list, &named));
    apply(setup, &["training", "metrics"], &|list| items(list, &function));
    // An unknown name is told as a name, not as a key.
    apply(setup, &["training", "loss"], &function);
    apply(setup, &["training", "optimizer"], &named);
    apply(setup, &["training", "learning_rate"], &|rate| match rate.scalar() {
        Some(Resolved::Int(_) | Resolved::Float(_)) => {
            let keys = Node::map_of_one("learning_rate", rate.place, rate.clone());
            Some(Node::map_of_one("constant", rate.place, keys))
        }
        Some(Resolved::Null | Resolved::Bool(_) | Resolved::Text(_)) | None => named(rate),
    });
    apply(setup, &["dataset"], &|dataset| {
        dataset.as_text()?;
        Some(Node::map_of_one("name", dataset.place, dataset.clone()))
    });
}

fn apply(tree: &mut Arc<Node>, keys: &[&str], longer: &dyn Fn(&Arc<Node>) -> Longer) {
    if let Some(changed) = at_keys(tree, keys, &mut |node| longer(node)) {
        *tree = changed;
    }
}

/// A map with another value below these keys, if `change` gives one.
pub(super) fn at_keys(
    node: &Arc<Node>,
    keys: &[&str],
    change: &mut dyn FnMut(&Arc<Node>) -> Longer,
) -> Longer {
    let Some((first, rest)) = keys.split_first() else { return change(node) };
    let at = node.entries()?.iter().position(|entry| &*entry.key == *first)?;
    let value = at_keys(&node.entries()?[at].value, rest, change)?;
    let mut changed = node.clone();
    if let Kind::Map(entries) = &mut Arc::make_mut(&mut changed).kind {
        entries[at].value = value;
    }
    Some(changed)
}

/// A list with other items.
fn items(list: &Arc<Node>, longer: &dyn Fn(&Arc<Node>) -> Longer) -> Longer {
    let items = list.items()?;
    let longer: Vec<Longer> = items.iter().map(longer).collect();
    if longer.iter().all(Option::is_none) {
        return None;
    }
    let both = items.iter().zip(longer);
    let items = both.map(|(item, longer)| longer.unwrap_or_else(|| item.clone())).collect();
    Some(Arc::new(Node { place: list.place, kind: Kind::List(items) }))
}

/// `name` → `{name: {}}`
fn named(value: &Arc<Node>) -> Longer {
    match value.entries() {
        None => {
            let name = value.as_text()?;
            Some(Node::map_of_one(name, value.place, Node::empty_map(value.place)))
        }
        Some([entry]) if entry.value.is_null() => {
            let inner = Node::empty_map(entry.value.place);
            Some(Node::map_of_one(&entry.key, entry.key_place, inner))
        }
        Some(_) => None,
    }
}

fn layer(given: &Arc<Node>) -> Longer {
    let mut layer = named(given).unwrap_or_else(|| given.clone());
    apply(&mut layer, &["repeat", "layers"], &|layers| items(layers, &self::layer));
    // `activation: relu` is a layer whose value is a function.
    apply(&mut layer, &["activation"], &function);
    let names: Vec<Arc<str>> =
        layer.entries().unwrap_or_default().iter().map(|entry| entry.key.clone()).collect();
    // Those of a map with more than one name are not looked at: it is a mistake.
    if let [name] = &names[..] {
        for key in FUNCTIONS {
            apply(&mut layer, &[name, key], &function);
        }
    }
    (!Arc::ptr_eq(&layer, given)).then_some(layer)
}

/// The form that a function is read from: a bare name, or with parameters a map of one name.
fn function(value: &Arc<Node>) -> Longer {
    let with_parameters =
        |name: &str| WITH_PARAMETERS.iter().find(|(known, _)| *known == name).copied();
    match value.entries() {
        None => with_parameters(value.as_text()?).and_then(|_| named(value)),
        Some([Entry { key, key_place, value: inner }]) => {
            let is_number = matches!(inner.scalar(), Some(Resolved::Int(_) | Resolved::Float(_)));
            let is_empty = inner.entries().is_some_and(<[_]>::is_empty);
            match with_parameters(key) {
                Some((_, Some(main))) if is_number => {
                    let keys = Node::map_of_one(main, inner.place, inner.clone());
                    Some(Node::map_of_one(key, *key_place, keys))
                }
                Some(_) => named(value),
                None if inner.is_null() || is_empty => {
                    let kind = Kind::Scalar(super::tree::Scalar::text(key));
                    Some(Arc::new(Node { place: *key_place, kind }))
                }
                None => None,
            }
        }
        Some(_) => None,
    }
}

/// The reverse of [`expand`] for layers without parameters, for files that people read.
pub fn shorten_layers(setup: &mut Value) {
    if let Some(layers) = setup.pointer_mut("/model/layers").and_then(Value::as_array_mut) {
        for layer in layers {
            if let Value::Object(map) = layer
                && let Some((name, Value::Object(inner))) = map.iter().next()
                && inner.is_empty()
            {
                *layer = Value::String(name.clone());
            }
        }
    }
}

/// A value as it stands in labels and folder names: strings without quotes, nothing that a path
/// could trip over.
pub fn plain(value: &Value) -> String {
    let text = value.as_str().map(str::to_owned);
    let text = text.unwrap_or_else(|| value.to_string());
    text.chars()
        .map(|c| if c.is_control() || "/\\:*?\"<>|".contains(c) { '_' } else { c })
        .collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn node(value: &Value) -> Arc<Node> {
        Node::from_json(value, Place::Nowhere)
    }

    fn merged(base: &Value, overlay: &Value) -> Value {
        let mut base = node(base);
        merge(&mut base, &node(overlay), &Path::default());
        base.to_json()
    }

    #[test]
    fn maps_merge_and_lists_replace() {
        let base = json!({"a": {"x": 1, "l": [1, 2]}, "b": 1});
        let overlay = json!({"a": {"y": 2, "l": [3]}});
        assert_eq!(merged(&base, &overlay), json!({"a": {"x": 1, "l": [3], "y": 2}, "b": 1}));
    }

    #[test]
    fn another_optimizer_replaces_and_the_same_one_merges() {
        let base = json!({"training": {"optimizer": {"sgd": {"momentum": 0.9}}}});
        let other = json!({"training": {"optimizer": {"adam": {}}}});
        let same = json!({"training": {"optimizer": {"sgd": {"nesterov": true}}}});
        assert_eq!(merged(&base, &other)["training"]["optimizer"], json!({"adam": {}}));
        assert_eq!(
            merged(&base, &same)["training"]["optimizer"],
            json!({"sgd": {"momentum": 0.9, "nesterov": true}})
        );
    }

    #[test]
    fn another_schedule_replaces_and_a_rate_and_a_schedule_replace_each_other() {
        let training = |value: Value| json!({ "training": value });
        let plain =
            training(json!({"optimizer": {"sgd": {"learning_rate": 0.1, "momentum": 0.9}}}));
        let falling =
            training(json!({"learning_rate": {"exponential_decay": {"decay_rate": 0.5}}}));
        let other = training(json!({"learning_rate": {"constant": {"learning_rate": 0.2}}}));
        let scheduled = merged(&plain, &falling);
        assert_eq!(
            scheduled,
            training(json!({
                "optimizer": {"sgd": {"momentum": 0.9}},
                "learning_rate": {"exponential_decay": {"decay_rate": 0.5}}
            }))
        );
        assert_eq!(
            merged(&scheduled, &other)["training"]["learning_rate"],
            other["training"]["learning_rate"]
        );
        assert_eq!(merged(&scheduled, &plain), plain);
    }

    #[test]
    fn setting_reaches_into_lists_and_makes_maps() {
        let mut root = node(&json!({"model": {"layers": [{"dense": {"units": 1}}]}}));
        let mut put = |path: &str, value: Value| {
            set(&mut root, &Path::dotted(path), Place::Nowhere, node(&value))
        };
        put("model.layers.0.dense.units", json!(7)).unwrap();
        put("training.epochs", json!(2)).unwrap();
        let error = put("model.layers.5", json!(0)).unwrap_err();
        assert!(error.contains("`model.layers` has 1 items"), "{error}");
        let root = root.to_json();
        assert_eq!(root["model"]["layers"][0]["dense"]["units"], 7);
        assert_eq!(root["training"]["epochs"], 2);
    }

    #[test]
    fn short_forms_are_written_out_and_what_is_long_is_left_as_it_is() {
        let mut short = node(&json!({
            "dataset": "fashion_mnist",
            "model": {"layers": [
                "flatten",
                {"repeat": {"times": 2, "layers": ["dropout", {"activation": "leaky_relu"}]}},
                {"dense": {"units": 1, "kernel_regularizer": {"l2": 0.1}, "activation": {"relu": null}}},
            ]},
            "training": {"optimizer": "adam", "learning_rate": 0.1, "metrics": ["top_k_accuracy"]},
        }));
        expand(&mut short);
        assert_eq!(
            short.to_json(),
            json!({
                "dataset": {"name": "fashion_mnist"},
                "model": {"layers": [
                    {"flatten": {}},
                    {"repeat": {"times": 2, "layers": [
                        {"dropout": {}}, {"activation": {"leaky_relu": {}}},
                    ]}},
                    {"dense": {
                        "units": 1, "kernel_regularizer": {"l2": {"l2": 0.1}}, "activation": "relu",
                    }},
                ]},
                "training": {
                    "optimizer": {"adam": {}},
                    "learning_rate": {"constant": {"learning_rate": 0.1}},
                    "metrics": [{"top_k_accuracy": {}}],
                },
            })
        );
        let before = short.clone();
        expand(&mut short);
        assert!(Arc::ptr_eq(&before, &short));
    }
}
