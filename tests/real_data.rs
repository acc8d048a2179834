//! The smoke experiment on real Fashion-MNIST, where this machine has it; nothing is fetched.

mod support;

use support::{Bench, experiments, skipped};

#[test]
fn smoke_learns_fashion_mnist_and_draws_its_charts() {
    let bench = Bench::new();
    let located = bench.bn_runner("data path --offline");
    if located.stdout.is_empty() {
        return skipped("smoke_learns_fashion_mnist_and_draws_its_charts", located.stderr.trim());
    }
    let smoke = experiments().join("smoke.yaml");
    let ended =
        bench.bn_runner_with(&["run", smoke.to_str().unwrap(), "-o", "out", "--offline"]).exits(0);
    assert!(ended.stdout.lines().nth(1).is_some_and(|best| best.contains(" bn ")), "{ended}");
    for chart in ["comparison.png", "smoke/learning_curves.png", "smoke/accuracy_vs_time.png"] {
        assert!(bench.bytes(&format!("out/{chart}")).starts_with(b"\x89PNG"), "{chart}");
    }
    let trials = bench.table("out/smoke/summary.csv");
    assert_eq!(trials.len(), 4);
    for trial in trials {
        let accuracy: f64 = trial["test_accuracy"].parse().unwrap();
        let least = if trial["variant"] == "bn" { 0.75 } else { 0.5 };
        assert!((least..1.0).contains(&accuracy), "{trial:?}");
    }
    let manifest = bench.json("out/smoke/bn/seed-1/manifest.json");
    assert_eq!(manifest["dataset"], "fashion_mnist");
    // 784 × 4 + 784 × 50 + 50 + 50 × 4 + 50 × 10 + 10
    assert_eq!(manifest["parameters"]["total"], 43_096);
    assert_eq!(manifest["parameters"]["non_trainable"], 2 * 784 + 2 * 50);
}
