//! The file as a tree of JSON values: merging variants, setting dotted paths, short forms.

use serde_json::{Map, Value, json};

use super::source::{Path, Seg};

/// Maps at these places hold exactly one key, a name; another name replaces it when merged.
const ONE_OF: &[&str] = &["training.loss", "training.optimizer", "training.learning_rate"];

/// Whether a map at this place holds exactly one key.
pub fn is_one_of(at: &Path) -> bool {
    ONE_OF.contains(&at.to_string().as_str())
}

/// Lays a variant over the file: maps merge, lists and scalars replace.
pub fn merge(base: &mut Value, overlay: &Value, at: &Path) {
    match (base, overlay) {
        (Value::Object(base), Value::Object(overlay)) => {
            if is_one_of(at) && !overlay.keys().any(|key| base.contains_key(key)) {
                base.clear();
            }
            // A data set is given by name or by folder: the later word counts.
            if at.to_string() == "dataset" {
                for (one, other) in [("name", "idx"), ("idx", "name")] {
                    if overlay.contains_key(one) && !overlay.contains_key(other) {
                        base.remove(other);
                    }
                }
            }
            if at.to_string() == "training" {
                later_rate_counts(base, overlay);
            }
            for (key, value) in overlay {
                match base.get_mut(key) {
                    Some(old) => merge(old, value, &at.key(key)),
                    None => {
                        base.insert(key.clone(), value.clone());
                    }
                }
            }
        }
        (base, overlay) => *base = overlay.clone(),
    }
}

/// The step size is given by a schedule or by the optimizer: the later word counts here, too.
fn later_rate_counts(training: &mut Map<String, Value>, overlay: &Map<String, Value>) {
    let has_rate = |optimizer: &Value| {
        let keys = optimizer.as_object().and_then(|map| map.values().next());
        keys.is_some_and(|keys| keys.get("learning_rate").is_some())
    };
    let schedule = overlay.contains_key("learning_rate");
    let plain = overlay.get("optimizer").is_some_and(has_rate);
    if schedule && !plain {
        let optimizer = training.get_mut("optimizer").and_then(Value::as_object_mut);
        for keys in optimizer.into_iter().flat_map(|map| map.values_mut()) {
            if let Value::Object(keys) = keys {
                keys.shift_remove("learning_rate");
            }
        }
    }
    if plain && !schedule {
        training.shift_remove("learning_rate");
    }
}

/// The value at a path.
pub fn get<'v>(root: &'v Value, path: &Path) -> Option<&'v Value> {
    path.0.iter().try_fold(root, |node, seg| match seg {
        Seg::Key(key) => node.get(key),
        Seg::Index(index) => node.get(index),
    })
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
/// name gets no other beside it.
///
/// # Errors
/// The place that cannot be stepped into, in words.
pub fn set(root: &mut Value, path: &Path, value: Value) -> Result<(), String> {
    let mut node = root;
    for (depth, seg) in path.0.iter().enumerate() {
        let here = || match depth {
            0 => "the file".to_owned(),
            _ => format!("`{}`", Path(path.0[..depth].to_vec())),
        };
        node = match (seg, node) {
            (Seg::Key(key), Value::Object(map)) => {
                let other = map.keys().next().filter(|_| !map.contains_key(key));
                if let Some(other) = other.filter(|_| holds_one_name(&path.0[..depth])) {
                    return Err(format!("{} is `{other}`, not `{key}`", here()));
                }
                map.entry(key).or_insert(Value::Null)
            }
            (Seg::Key(key), node @ Value::Null) => {
                *node = Value::Object(Map::new());
                node.as_object_mut().expect("just made").entry(key).or_insert(Value::Null)
            }
            (Seg::Index(index), Value::Array(list)) => {
                let length = list.len();
                list.get_mut(*index)
                    .ok_or_else(|| format!("{} has {length} items, numbered from 0", here()))?
            }
            (Seg::Index(index), Value::Object(map)) => {
                map.entry(index.to_string()).or_insert(Value::Null)
            }
            (seg, _) => {
                let seg = Path(vec![seg.clone()]);
                return Err(format!("{} has nothing named `{seg}` inside", here()));
            }
        };
    }
    *node = value;
    Ok(())
}

/// Removes a key from a map. Returns whether it was there.
pub fn remove(root: &mut Value, path: &Path) -> bool {
    let Some((Seg::Key(last), parents)) = path.0.split_last() else {
        return false;
    };
    let mut node = root;
    for seg in parents {
        let next = match seg {
            Seg::Key(key) => node.get_mut(key),
            Seg::Index(index) => node.get_mut(index),
        };
        match next {
            Some(next) => node = next,
            None => return false,
        }
    }
    node.as_object_mut().is_some_and(|map| map.shift_remove(last).is_some())
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

/// Writes short forms out: `flatten` → `{flatten: {}}`, `optimizer: adam` → `{adam: {}}`,
/// `learning_rate: 0.1` of `training` → `{constant: {learning_rate: 0.1}}`,
/// `dataset: fashion_mnist` → `{name: fashion_mnist}`, `kernel_regularizer: l2` → `{l2: {}}`,
/// `metrics: [top_k_accuracy]` → `[{top_k_accuracy: {}}]`.
pub fn expand(setup: &mut Value) {
    if let Some(layers) = setup.pointer_mut("/model/layers") {
        expand_layers(layers);
    }
    if let Some(callbacks) = setup.pointer_mut("/training/callbacks").and_then(Value::as_array_mut)
    {
        callbacks.iter_mut().for_each(named);
    }
    if let Some(metrics) = setup.pointer_mut("/training/metrics").and_then(Value::as_array_mut) {
        metrics.iter_mut().for_each(function);
    }
    if let Some(loss) = setup.pointer_mut("/training/loss") {
        // A name that is none is told as one, not as a key.
        function(loss);
    }
    if let Some(optimizer) = setup.pointer_mut("/training/optimizer") {
        named(optimizer);
    }
    match setup.pointer_mut("/training/learning_rate") {
        Some(rate @ Value::Number(_)) => *rate = json!({"constant": {"learning_rate": rate}}),
        Some(schedule) => named(schedule),
        None => {}
    }
    if let Some(dataset @ Value::String(_)) = setup.pointer_mut("/dataset") {
        let name = dataset.take();
        *dataset = Value::Object(Map::from_iter([("name".to_owned(), name)]));
    }
}

/// `name` → `{name: {}}`
fn named(value: &mut Value) {
    match value {
        Value::String(name) => {
            let name = std::mem::take(name);
            *value = Value::Object(Map::from_iter([(name, Value::Object(Map::new()))]));
        }
        Value::Object(map) if map.len() == 1 => {
            if let Some(inner @ Value::Null) = map.values_mut().next() {
                *inner = Value::Object(Map::new());
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::Array(_) | Value::Object(_) => {}
    }
}

fn expand_layers(layers: &mut Value) {
    for layer in layers.as_array_mut().into_iter().flatten() {
        named(layer);
        if let Some(inner) = layer.pointer_mut("/repeat/layers") {
            expand_layers(inner);
        }
        // `activation: relu` is a layer whose value is a function.
        if let Some(activation) = layer.get_mut("activation") {
            function(activation);
        }
        let parameters = layer.as_object_mut().into_iter().flat_map(Map::values_mut);
        for parameters in parameters.filter_map(Value::as_object_mut) {
            for key in FUNCTIONS {
                if let Some(value) = parameters.get_mut(key) {
                    function(value);
                }
            }
        }
    }
}

/// The form that a function is read from: a bare name, or with parameters a map of one name.
fn function(value: &mut Value) {
    let with_parameters =
        |name: &str| WITH_PARAMETERS.iter().find(|(known, _)| *known == name).copied();
    match value {
        Value::String(name) if with_parameters(name).is_some() => named(value),
        Value::Object(map) if map.len() == 1 => {
            let (name, inner) = map.iter_mut().next().expect("it has one");
            match (with_parameters(name), inner) {
                (Some((_, Some(main))), inner @ Value::Number(_)) => {
                    let number = inner.take();
                    *inner = Value::Object(Map::from_iter([(main.to_owned(), number)]));
                }
                (Some(_), inner @ Value::Null) => *inner = Value::Object(Map::new()),
                (None, Value::Null) => *value = Value::String(name.clone()),
                (None, Value::Object(inner)) if inner.is_empty() => {
                    *value = Value::String(name.clone());
                }
                (Some(_) | None, _) => {}
            }
        }
        Value::Null
        | Value::Bool(_)
        | Value::Number(_)
        | Value::String(_)
        | Value::Array(_)
        | Value::Object(_) => {}
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
    use super::*;

    fn merged(mut base: Value, overlay: Value) -> Value {
        merge(&mut base, &overlay, &Path::default());
        base
    }

    #[test]
    fn maps_merge_and_lists_replace() {
        let base = json!({"a": {"x": 1, "l": [1, 2]}, "b": 1});
        let overlay = json!({"a": {"y": 2, "l": [3]}});
        assert_eq!(merged(base, overlay), json!({"a": {"x": 1, "l": [3], "y": 2}, "b": 1}));
    }

    #[test]
    fn another_optimizer_replaces_and_the_same_one_merges() {
        let base = json!({"training": {"optimizer": {"sgd": {"momentum": 0.9}}}});
        let other = json!({"training": {"optimizer": {"adam": {}}}});
        let same = json!({"training": {"optimizer": {"sgd": {"nesterov": true}}}});
        assert_eq!(
            merged(base.clone(), other.clone())["training"]["optimizer"],
            json!({"adam": {}})
        );
        assert_eq!(
            merged(base, same)["training"]["optimizer"],
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
        let scheduled = merged(plain.clone(), falling.clone());
        assert_eq!(
            scheduled,
            training(json!({
                "optimizer": {"sgd": {"momentum": 0.9}},
                "learning_rate": {"exponential_decay": {"decay_rate": 0.5}}
            }))
        );
        assert_eq!(
            merged(scheduled.clone(), other.clone())["training"]["learning_rate"],
            other["training"]["learning_rate"]
        );
        assert_eq!(merged(scheduled, plain.clone()), plain);
    }

    #[test]
    fn setting_reaches_into_lists_and_makes_maps() {
        let mut root = json!({"model": {"layers": [{"dense": {"units": 1}}]}});
        set(&mut root, &Path::dotted("model.layers.0.dense.units"), json!(7)).unwrap();
        set(&mut root, &Path::dotted("training.epochs"), json!(2)).unwrap();
        assert_eq!(root["model"]["layers"][0]["dense"]["units"], 7);
        assert_eq!(root["training"]["epochs"], 2);
        let error = set(&mut root, &Path::dotted("model.layers.5"), json!(0)).unwrap_err();
        assert!(error.contains("`model.layers` has 1 items"), "{error}");
    }
}
