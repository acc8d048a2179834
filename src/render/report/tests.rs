use std::path::PathBuf;

use super::*;
use crate::analysis::test_data::trial;
use crate::record::{Diagnosis, DiagnosticsWriter, LayerRow, TrialDir};

fn page_of(experiments: &[(PathBuf, ExperimentResults)]) -> Result<String> {
    let experiments: Vec<_> =
        experiments.iter().map(|(folder, results)| (folder.as_path(), results)).collect();
    report(&experiments)
}

/// An experiment in a folder, with everything that a report may show.
fn recorded(folder: &Path, name: &str) -> (PathBuf, ExperimentResults) {
    let evil = "<img src=x onerror=alert(1)>";
    let mut trials = Vec::new();
    for (label, accuracies) in [("plain", &[0.5, 0.7][..]), (evil, &[0.6, 0.8]), ("broken", &[])] {
        for seed in 1..=2 {
            let mut one = trial(name, label, &[], seed, accuracies);
            one.dir = TrialDir::existing(folder.join(format!("{}-{seed}", one.label.len())));
            std::fs::create_dir_all(one.dir.path()).unwrap();
            let layers = if label == "plain" { "[flatten]" } else { "[flatten, dropout]" };
            let config = format!(
                "model: {{ layers: {layers} }}\nnote: '</script>'\nlabel: {}\n",
                label.len()
            );
            std::fs::write(one.dir.config(), config).unwrap();
            let matrix = "true,true_name,predicted,predicted_name,count\n\
                          0,a<b,0,a<b,3\n0,a<b,1,\"\"\"d\",1\n1,\"\"\"d\",1,\"\"\"d\",4\n";
            std::fs::write(one.dir.confusion_matrix(), matrix).unwrap();
            let rows = [(1, 0.25), (2, 0.125)].map(|(depth, norm)| LayerRow {
                gradient_norm: Some(norm * seed as f64),
                ..LayerRow::new(1, evil, "dense", depth)
            });
            let diagnosis = Diagnosis { rows: rows.to_vec(), histograms: Vec::new() };
            DiagnosticsWriter::create(&one.dir).unwrap().append(&diagnosis).unwrap();
            trials.push(one);
        }
    }
    std::fs::write(
        folder.join("expectations.csv"),
        "claim,outcome,left,right,seeds_needed\n</script> & a > b,held,0.123456789,0.5,\n\
         b > a,failed,270946.0,,> 10000\na > 2,\"refuted, untested (n = 1)\",,,\n",
    )
    .unwrap();
    let description = "First </script> line.\nSecond.";
    (folder.to_owned(), ExperimentResults::new(name, description, trials))
}

/// The page without its large scripts.
fn without_scripts(page: &str) -> String {
    let (before, rest) = page.split_once("<script type=\"application/json\"").unwrap();
    let (json, _) = rest.split_once("</script>").unwrap();
    format!("{before}{json}")
}

#[test]
fn names_from_files_stay_text_everywhere() {
    let folder = tempfile::tempdir().unwrap();
    let page = page_of(&[recorded(folder.path(), "e")]).unwrap();
    assert!(!page.contains("<img src=x"), "an image got in");
    assert!(page.contains("&lt;img src=x onerror=alert(1)&gt;"));
    assert!(page.contains("\\u003cimg src=x onerror=alert(1)\\u003e"), "it is in the curves' data");
    assert!(page.contains("First &lt;/script&gt; line."));
    // The three scripts of the page and no more.
    assert_eq!(page.matches("<script").count(), 3);
    assert_eq!(page.matches("</script>").count(), 3);
}

#[test]
fn everything_that_was_recorded_is_on_the_page() {
    let folder = tempfile::tempdir().unwrap();
    let page = without_scripts(&page_of(&[recorded(folder.path(), "e")]).unwrap());
    for part in [
        "<h3 id=\"e0-results\">Results</h3>",
        "0.8000 ± 0.0000",
        "2 failed",
        "<h3>Curves</h3>",
        "<h3>Claims</h3>",
        "<td class=\"held\"><bdi>held</bdi></td>",
        ">0.12346<",
        ">270946<",
        "<td class=\"refuted\"><bdi>refuted</bdi></td>",
        "<td class=\"refuted\"><bdi>refuted, untested (n = 1)</bdi></td>",
        "&gt; 10000</td>",
        "<h3>Diagnostics</h3>",
        "{\"depth\":[1,2],\"mean\":[0.375,0.1875],\"std\":[0.17678,0.088388]}",
        "<h3>Confusion matrices</h3>",
        "a&lt;b",
        "75.0",
        "<li class=\"other\"><bdi>dropout</bdi></li>",
        "note: &#39;&lt;/script&gt;&#39;",
        "<h3>Provenance</h3>",
        "=out of memory",
        "fashion_mnist",
    ] {
        assert!(page.contains(part), "{part} is missing in\n{page}");
    }
    // The best case comes first.
    let place = |text: &str| page.find(&format!("class=\"name\"><bdi>{text}")).unwrap();
    assert!(place("&lt;img") < place("plain") && place("plain") < place("broken"));
}

#[test]
fn several_experiments_have_an_overview_with_links() {
    let (one, two) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let page = page_of(&[recorded(one.path(), "first"), recorded(two.path(), "second")]).unwrap();
    assert!(page.contains("<title>2 experiments</title>"));
    for part in ["href=\"#e1\"", "id=\"e1\"", "id=\"overview\"", "curves-e1"] {
        assert!(page.contains(part), "{part}");
    }
}

#[test]
fn nothing_recorded_is_a_page_that_says_so() {
    let folder = tempfile::tempdir().unwrap();
    for trials in [vec![], vec![trial("e", "a", &[], 1, &[])]] {
        let results = ExperimentResults::new("e", "", trials);
        let page = page_of(&[(folder.path().to_owned(), results)]).unwrap();
        assert!(page.contains("<h3 id=\"e0-results\">Results</h3>"));
        assert!(!page.contains("<h3>Curves</h3>"));
    }
}

#[test]
fn the_page_asks_for_nothing_and_runs_only_its_own_two_scripts() {
    let folder = tempfile::tempdir().unwrap();
    let page = page_of(&[recorded(folder.path(), "e")]).unwrap();
    let policy = page.split("Content-Security-Policy\" content=\"").nth(1).unwrap();
    let policy = policy.split('"').next().unwrap();
    assert!(policy.starts_with("default-src 'none'; script-src 'sha256-"), "{policy}");
    assert!(policy.contains(&hash(SCRIPT)) && policy.contains(&hash(plotly_script())), "{policy}");
    assert!(!policy.contains("http"));
    let visible = without_scripts(&page);
    for address in ["src=\"http", "href=\"http", "@import", "url("] {
        assert!(!visible.contains(address), "{address}");
    }
}

#[test]
fn the_script_out_of_the_plotly_crate_is_plotly_and_can_stand_in_a_page() {
    let script = plotly_script();
    assert!(script.contains("plotly.js v") && script.len() > 1_000_000, "{}", script.len());
    assert!(!script.contains("MathJax.js"), "only plotly itself");
    let packed = packed(script).unwrap();
    assert!(packed.len() < script.len() / 2, "{}", packed.len());
}

#[test]
fn durations_are_readable() {
    let shown: Vec<String> = [0.25, 99.0, 100.0, 5999.0, 6000.0].map(duration).to_vec();
    assert_eq!(shown, ["0.2 s", "99.0 s", "1 min 40 s", "99 min 59 s", "1 h 40 min"]);
}
