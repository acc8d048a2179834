//! Metrics that measure nothing.

use crate::spec::{Finding, MetricSpec, Path, TopKAccuracy};

use super::{Lint, Warnings};

/// Warnings about `training.metrics` on so many classes.
pub fn check(metrics: &[MetricSpec], classes: usize, warnings: &mut Warnings) {
    let path = Path::default().key("training").key("metrics");
    for (i, metric) in metrics.iter().enumerate() {
        match metric {
            MetricSpec::TopKAccuracy(TopKAccuracy { k }) if *k >= classes => warnings.push((
                Lint::TopKOfAllClasses,
                Finding::new(
                    path.index(i).key("top_k_accuracy").key("k"),
                    format!("of {classes} classes, the right one is always among the first {k}"),
                    format!("choose a `k` below {classes}"),
                ),
            )),
            MetricSpec::Accuracy | MetricSpec::TopKAccuracy(_) => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::test_setup::{codes, dense, one};
    use super::*;
    use crate::spec::Setup;

    #[test]
    fn a_metric_that_is_always_one_is_no_measure() {
        let top = |k: usize| {
            move |setup: &mut Setup| {
                setup.training.metrics =
                    serde_json::from_value(json!(["accuracy", {"top_k_accuracy": {"k": k}}]))
                        .unwrap();
            }
        };
        let plain = json!([dense(json!({}))]);
        let place = "training.metrics[1].top_k_accuracy.k";
        assert_eq!(codes(plain.clone(), top(8)), one(Lint::TopKOfAllClasses, place));
        assert_eq!(codes(plain, top(7)), []);
    }
}
