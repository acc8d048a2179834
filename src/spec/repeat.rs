//! `repeat: { times: 3, layers: […] }` in a list of layers: its layers, so many times over.

use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::Value;

use super::layer::Layer;
use super::problem::Finding;
use super::read::read;
use super::source::{Path, Seg};

/// Stacks of more layers are taken for a mistake.
const MAX_LAYERS: usize = 1000;

/// Layers that stand in the stack so many times over.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Repeat {
    /// How many times.
    times: usize,
    /// The layers; blocks may be among them, too.
    #[schemars(with = "Vec<Layer>")]
    layers: Vec<Value>,
}

/// Writes every block out. Gives the place of each layer in the file, for [`place_in_file`], and
/// the mistakes in the blocks themselves; a block with a mistake is left out.
pub(super) fn unroll(setup: &mut Value) -> (Vec<Path>, Vec<Finding>) {
    let at = Path::default().key("model").key("layers");
    let is_block = |layer: &Value| layer.get("repeat").is_some();
    let Some(layers) = setup.pointer_mut("/model/layers").and_then(Value::as_array_mut) else {
        return (Vec::new(), Vec::new());
    };
    if !layers.iter().any(is_block) {
        return (Vec::new(), Vec::new());
    }
    let mut flat = Flat::default();
    flat.extend(std::mem::take(layers), &at);
    *layers = flat.layers;
    (flat.places, flat.findings)
}

/// A path into a setup as one into its file.
pub(super) fn place_in_file(places: &[Path], path: Path) -> Path {
    match &path.0[..] {
        [Seg::Key(model), Seg::Key(layers), Seg::Index(index), rest @ ..]
            if model == "model" && layers == "layers" =>
        {
            match places.get(*index) {
                Some(place) => place.join(&Path(rest.to_vec())),
                None => path,
            }
        }
        _ => path,
    }
}

#[derive(Default)]
struct Flat {
    layers: Vec<Value>,
    places: Vec<Path>,
    findings: Vec<Finding>,
}

impl Flat {
    fn extend(&mut self, layers: Vec<Value>, at: &Path) {
        for (i, layer) in layers.into_iter().enumerate() {
            let at = at.index(i);
            match layer.get("repeat") {
                Some(block) => {
                    let keys = layer.as_object().map_or(1, serde_json::Map::len);
                    self.block(block.clone(), keys, &at);
                }
                None => {
                    self.layers.push(layer);
                    self.places.push(at);
                }
            }
        }
    }

    fn block(&mut self, block: Value, keys: usize, at: &Path) {
        if keys > 1 {
            self.findings.push(Finding::new(
                at.clone(),
                "`repeat` stands together with another key",
                "make each an item of the list, with a `-` of its own",
            ));
            return;
        }
        let at = at.key("repeat");
        let read = read::<Repeat>(block, &at);
        let times_is_there = !read.faulty.contains(&at.key("times"));
        self.findings.extend(read.findings);
        let Some(block) = read.value else { return };
        if block.times == 0 || block.layers.is_empty() && !read.faulty.contains(&at.key("layers")) {
            let key = if block.times == 0 { "times" } else { "layers" };
            let help = "repeat at least one layer at least once, or leave the block out";
            self.findings.push(Finding::new(at.key(key), "nothing is repeated", help));
            return;
        }
        let mut once = Self::default();
        once.extend(block.layers, &at.key("layers"));
        self.findings.append(&mut once.findings);
        let all = once.layers.len().checked_mul(block.times);
        if times_is_there && all.is_none_or(|all| all + self.layers.len() > MAX_LAYERS) {
            let message = format!("more than {MAX_LAYERS} layers");
            self.findings.push(Finding::new(at.key("times"), message, "repeat fewer `times`"));
            return;
        }
        if once.layers.is_empty() {
            return;
        }
        for _ in 0..block.times {
            self.layers.extend_from_slice(&once.layers);
            self.places.extend_from_slice(&once.places);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn blocks_are_written_out_and_their_layers_keep_their_places() {
        let inner = json!({"repeat": {"times": 2, "layers": [{"dropout": {}}]}});
        let block = json!({"repeat": {"times": 2, "layers": [{"dense": {}}, inner]}});
        let mut setup = json!({"model": {"layers": [{"flatten": {}}, block, {"dense": {}}]}});
        let (places, findings) = unroll(&mut setup);
        assert!(findings.is_empty());
        let kinds: Vec<String> = setup["model"]["layers"]
            .as_array()
            .unwrap()
            .iter()
            .map(|layer| layer.as_object().unwrap().keys().next().unwrap().clone())
            .collect();
        assert_eq!(
            kinds,
            ["flatten", "dense", "dropout", "dropout", "dense", "dropout", "dropout", "dense"]
        );
        let place =
            |i| place_in_file(&places, Path::dotted(&format!("model.layers.{i}.x"))).to_string();
        assert_eq!(place(0), "model.layers[0].x");
        assert_eq!(place(4), "model.layers[1].repeat.layers[0].x");
        assert_eq!(place(6), "model.layers[1].repeat.layers[1].repeat.layers[0].x");
        assert_eq!(place(7), "model.layers[2].x");
        assert_eq!(place_in_file(&places, Path::dotted("training")).to_string(), "training");
    }

    #[test]
    fn blocks_of_blocks_do_not_fill_the_memory() {
        let mut layer = json!({"flatten": {}});
        for _ in 0..20 {
            layer = json!({"repeat": {"times": 1000, "layers": [layer]}});
        }
        let mut setup = json!({"model": {"layers": [layer]}});
        let (_, findings) = unroll(&mut setup);
        assert!(findings[0].message.contains("more than 1000 layers"));
    }
}
