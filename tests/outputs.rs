//! Files that commands write: their extensions, and the byte order mark of CSV files.

mod support;

use support::{Bench, TINY, edited};

const BOM: &[u8] = "\u{feff}".as_bytes();

#[test]
fn no_file_has_content_of_another_format_than_its_extension_names() {
    let bench = Bench::with("tiny.yaml", TINY);
    bench.bn_runner("run tiny.yaml -o out -s training.epochs=1 --seeds 1").exits(0);
    for (command, says) in [
        ("plot out/tiny -o x.pdf", "charts are PNG or SVG files; name a file that ends in `.png`"),
        ("plot out/tiny -o x.jpg", "charts are PNG or SVG files"),
        ("plot out/tiny -o x.pdf --format png", "charts are PNG or SVG files"),
        ("plot out/tiny -o x.png --format svg", "`--format svg` contradicts the extension"),
        (
            "report out -o x.pdf",
            "reports are HTML files; name a file that ends in `.html` or `.htm`",
        ),
        ("report out -o x.csv", "reports are HTML files"),
        ("report out -o x", "as in `-o x.html`"),
        ("export out -o x.xlsx", "tables are Parquet, JSON, CSV, Markdown or LaTeX files"),
        ("export out -o x.parquet --format csv", "`--format csv` contradicts the extension"),
        ("predict out/tiny/quick/seed-1 -o x.json", "predictions are CSV files"),
    ] {
        bench.bn_runner(command).exits(2).says(says);
    }
    assert!(!bench.names(".").iter().any(|name| name.starts_with("x")), "nothing was written");

    let kind = "plot out/tiny --kind final_accuracy -o";
    bench.bn_runner(&format!("{kind} a.PNG")).exits(0);
    assert!(bench.bytes("a.PNG").starts_with(b"\x89PNG"));
    bench.bn_runner(&format!("{kind} a.Svg")).exits(0);
    assert!(bench.text("a.Svg").starts_with("<svg"));
    bench.bn_runner(&format!("{kind} charts --format svg")).exits(0);
    assert!(bench.text("charts/tiny_final_accuracy.svg").starts_with("<svg"));
    bench.bn_runner(&format!("{kind} charts.v2/")).exits(0);
    assert!(bench.bytes("charts.v2/tiny_final_accuracy.png").starts_with(b"\x89PNG"));
    for (file, is_in) in [("a.HTM", "a.HTM"), ("charts", "charts/report.html")] {
        bench.bn_runner(&format!("report out -o {file}")).exits(0);
        assert!(bench.text(is_in).starts_with("<!doctype html>"), "{file}");
    }
    bench.bn_runner("export out -o a.CSV").exits(0);
    assert!(bench.text("a.CSV").starts_with("experiment,variant,"));
}

#[test]
fn csv_files_have_a_byte_order_mark_where_one_is_wanted_and_keep_it() {
    let text = edited(TINY, "  slow:", "  größe:");
    let text = format!("{text}expect: [quick.val_accuracy > größe.val_accuracy]\n");
    let bench = Bench::with("tiny.yaml", &text);
    let tables =
        ["summary.csv", "aggregate.csv", "curves.csv", "expectations.csv", "../comparison.csv"];
    let has_mark = || tables.map(|name| bench.bytes(&format!("out/tiny/{name}")).starts_with(BOM));
    let run = "run tiny.yaml -o out --seeds 1,2";

    bench.bn_runner(run);
    assert_eq!(has_mark(), [false; 5]);
    let plain = bench.text("out/tiny/summary.csv");
    bench.bn_runner(&format!("{run} --csv-bom"));
    assert_eq!(has_mark(), [true; 5]);
    assert_eq!(bench.text("out/tiny/summary.csv"), format!("\u{feff}{plain}"));
    assert!(plain.contains(",größe,"), "{plain}");
    // A later run leaves the mark, and readers skip it.
    bench.bn_runner(run);
    assert_eq!(has_mark(), [true; 5]);
    bench.bn_runner("report out").exits(0);
    assert!(bench.text("out/report.html").contains("<bdi>größe</bdi>"));
    assert_eq!(bench.table("out/tiny/summary.csv").len(), 4);

    bench.bn_runner("export out -o all.csv --csv-bom").exits(0);
    assert!(bench.bytes("all.csv").starts_with(BOM));
    for command in ["compare out --format csv", "list out --format csv"] {
        let marked = bench.bn_runner(&format!("{command} --csv-bom")).exits(0).stdout;
        assert!(marked.starts_with('\u{feff}'), "{command}");
    }
    let predict = "predict out/tiny/quick/seed-1";
    bench.bn_runner(&format!("{predict} -o p.csv --csv-bom")).exits(0);
    assert!(bench.bytes("p.csv").starts_with(BOM));
}

#[test]
fn the_byte_order_mark_can_be_a_setting_of_the_environment() {
    let bench = Bench::with("tiny.yaml", TINY).variable("BN_RUNNER_CSV_BOM", "1");
    bench.bn_runner("run tiny.yaml -o out -s training.epochs=1 --seeds 1").exits(0);
    assert!(bench.bytes("out/tiny/summary.csv").starts_with(BOM));
    bench.bn_runner("export out -o all.json").exits(0);
    assert!(!bench.bytes("all.json").starts_with(BOM), "JSON has none");
}
