//! `repeat: { times: 3, layers: […] }` in a list of layers: its layers, so many times over.

use std::sync::Arc;

use schemars::JsonSchema;
use serde::Deserialize;
use serde::de::IgnoredAny;

use super::layer::Layer;
use super::problem::Finding;
use super::read::read;
use super::source::Path;
use super::tree::{Entry, Kind, Node};
use super::value::at_keys;

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
    layers: Vec<IgnoredAny>,
}

/// Writes every block out and gives the mistakes in the blocks themselves; a block with a mistake
/// is left out. The layers keep their places in the file.
pub(super) fn unroll(setup: &mut Arc<Node>) -> Vec<Finding> {
    let at = Path::default().key("model").key("layers");
    let mut findings = Vec::new();
    let is_block = |layer: &Arc<Node>| layer.get("repeat").is_some();
    let unrolled = at_keys(setup, &["model", "layers"], &mut |list| {
        let layers = list.items().filter(|layers| layers.iter().any(is_block))?;
        let mut flat = Flat::default();
        flat.extend(layers, &at);
        findings = flat.findings;
        Some(Arc::new(Node { place: list.place, kind: Kind::List(flat.layers) }))
    });
    if let Some(unrolled) = unrolled {
        *setup = unrolled;
    }
    findings
}

#[derive(Default)]
struct Flat {
    layers: Vec<Arc<Node>>,
    findings: Vec<Finding>,
}

impl Flat {
    fn extend(&mut self, layers: &[Arc<Node>], at: &Path) {
        for (i, layer) in layers.iter().enumerate() {
            match layer.entry("repeat") {
                Some(block) => {
                    let keys = layer.entries().map_or(1, <[_]>::len);
                    self.block(block, keys, &at.index(i));
                }
                None => self.layers.push(layer.clone()),
            }
        }
    }

    fn block(&mut self, block: &Entry, keys: usize, at: &Path) {
        if keys > 1 {
            self.findings.push(Finding::new(
                at.clone(),
                "`repeat` stands together with another key",
                "make each an item of the list, with a `-` of its own",
            ));
            return;
        }
        let at = at.key("repeat");
        let read = read::<Repeat>(&block.value, &at);
        let times_is_there = !read.faulty.contains(&at.key("times"));
        self.findings.extend(read.findings);
        let Some(Repeat { times, layers: once }) = read.value else { return };
        let layers = block.value.get("layers").and_then(|layers| layers.items());
        let layers = layers.unwrap_or_default();
        if times == 0 || once.is_empty() && !read.faulty.contains(&at.key("layers")) {
            let key = if times == 0 { "times" } else { "layers" };
            let help = "repeat at least one layer at least once, or leave the block out";
            self.findings.push(Finding::new(at.key(key), "nothing is repeated", help));
            return;
        }
        let mut once = Self::default();
        once.extend(layers, &at.key("layers"));
        self.findings.append(&mut once.findings);
        let all = once.layers.len().checked_mul(times);
        if times_is_there && all.is_none_or(|all| all + self.layers.len() > MAX_LAYERS) {
            let message = format!("more than {MAX_LAYERS} layers");
            self.findings.push(Finding::new(at.key("times"), message, "repeat fewer `times`"));
            return;
        }
        if once.layers.is_empty() {
            return;
        }
        for _ in 0..times {
            self.layers.extend_from_slice(&once.layers);
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::spec::tree::Place;

    fn node(value: &Value) -> Arc<Node> {
        Node::from_json(value, Place::Nowhere)
    }

    #[test]
    fn blocks_are_written_out() {
        let inner = json!({"repeat": {"times": 2, "layers": [{"dropout": {}}]}});
        let block = json!({"repeat": {"times": 2, "layers": [{"dense": {}}, inner]}});
        let mut setup =
            node(&json!({"model": {"layers": [{"flatten": {}}, block, {"dense": {}}]}}));
        let findings = unroll(&mut setup);
        assert!(findings.is_empty());
        let kinds: Vec<String> = setup.to_json()["model"]["layers"]
            .as_array()
            .unwrap()
            .iter()
            .map(|layer| layer.as_object().unwrap().keys().next().unwrap().clone())
            .collect();
        assert_eq!(
            kinds,
            ["flatten", "dense", "dropout", "dropout", "dense", "dropout", "dropout", "dense"]
        );
    }

    #[test]
    fn blocks_of_blocks_do_not_fill_the_memory() {
        let mut layer = json!({"flatten": {}});
        for _ in 0..20 {
            layer = json!({"repeat": {"times": 1000, "layers": [layer]}});
        }
        let mut setup = node(&json!({"model": {"layers": [layer]}}));
        let findings = unroll(&mut setup);
        assert!(findings[0].message.contains("more than 1000 layers"));
    }
}
