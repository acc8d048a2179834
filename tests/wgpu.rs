//! The GPU backend: it trains, it begins where the CPU does, and where there is no GPU it says so.

mod support;

use support::{Bench, TINY, edited, skipped};

/// `still` keeps its initial weights, `quick` learns.
fn experiment() -> String {
    let text = edited(
        TINY,
        "    - dense: { units: 16, activation: relu }\n",
        "    - batch_normalization: { momentum: 0.9 }\n    - dense: { units: 16, activation: relu }\n    - dropout: { rate: 0.1 }\n",
    );
    let text = edited(&text, "  slow: ", "  still: ");
    let text = edited(&text, "0.000001 } }", "1.0e-30 } }, epochs: 1");
    edited(&text, "seeds: [1, 2]", "seeds: [1]")
}

/// Why there is nothing to test on, if so.
fn why_not(bench: &Bench) -> Option<String> {
    let ended = bench.bn_runner("backends").exits(0);
    let line = ended.stdout.lines().find(|line| line.starts_with("wgpu ")).expect("it is listed");
    line.contains("not available").then(|| line["wgpu ".len()..].trim().to_owned())
}

#[test]
fn a_wgpu_trial_trains_from_the_weights_that_flex_begins_with() {
    let bench = Bench::with("tiny.yaml", &experiment());
    if let Some(why) = why_not(&bench) {
        return skipped("a_wgpu_trial_trains_from_the_weights_that_flex_begins_with", &why);
    }
    for backend in ["flex", "wgpu"] {
        bench.bn_runner(&format!("run tiny.yaml -o {backend} -b {backend}")).exits(0);
    }
    let manifest = bench.json("wgpu/tiny/quick/seed-1/manifest.json");
    assert_eq!(manifest["backend"], "wgpu");
    // One device is not shared unless asked for.
    assert_eq!(manifest["jobs"], 1);

    let column = |backend: &str, column: &str| -> Vec<f64> {
        let rows = bench.table(&format!("{backend}/tiny/quick/seed-1/metrics.csv"));
        rows.iter().map(|row| row[column].parse().unwrap()).collect()
    };
    let losses = column("wgpu", "loss");
    assert!(losses[2] < losses[1] && losses[1] < losses[0], "{losses:?}");
    for metric in ["loss", "val_loss"] {
        for (flex, wgpu) in column("flex", metric).iter().zip(column("wgpu", metric)) {
            assert!((flex - wgpu).abs() < 1e-3, "{metric}: {flex} on flex, {wgpu} on wgpu");
        }
    }

    let [flex, wgpu] =
        ["flex", "wgpu"].map(|backend| bench.weights(&format!("{backend}/tiny/still/seed-1")));
    for name in ["dense/kernel", "dense_1/kernel"] {
        assert_eq!(flex[name], wgpu[name], "{name}");
    }
    let trained = bench.weights("wgpu/tiny/quick/seed-1");
    assert_ne!(flex["dense/kernel"], trained["dense/kernel"]);
}

#[test]
fn wgpu_sees_the_same_augmented_images_and_measures_the_same() {
    let text = edited(
        TINY,
        "validation: 40",
        "validation: { fraction: 0.2, stratified: true }, augment: { shift: 1, horizontal_flip: true }",
    );
    let text = edited(
        &text,
        "  epochs: 3\n",
        "  epochs: 2\n  metrics: [{ top_k_accuracy: 2 }]\n  \
         loss: { sparse_categorical_crossentropy: { label_smoothing: 0.1 } }\n",
    );
    let bench = Bench::with("tiny.yaml", &text);
    if let Some(why) = why_not(&bench) {
        return skipped("wgpu_sees_the_same_augmented_images_and_measures_the_same", &why);
    }
    let [flex, wgpu] = ["flex", "wgpu"].map(|backend| {
        bench.bn_runner(&format!("run tiny.yaml -o {backend} -b {backend} --seeds 1 -q")).exits(0);
        let trial = format!("{backend}/tiny/quick/seed-1");
        assert_eq!(bench.table(&format!("{trial}/confusion_matrix.csv")).len(), 16);
        bench.table(&format!("{trial}/metrics.csv"))
    });
    for (flex, wgpu) in flex.iter().zip(&wgpu) {
        for name in ["loss", "val_loss", "top_2_accuracy", "val_top_2_accuracy"] {
            let [flex, wgpu] = [flex, wgpu].map(|row| row[name].parse::<f64>().unwrap());
            assert!((flex - wgpu).abs() < 1e-3, "{name}: {flex} on flex, {wgpu} on wgpu");
        }
    }
}

// Elsewhere, drivers cannot be hidden by the environment.
#[cfg(target_os = "linux")]
#[test]
fn without_a_graphics_driver_wgpu_is_refused_before_anything_is_written() {
    let mut bench = Bench::with("tiny.yaml", TINY);
    for list in ["VK_DRIVER_FILES", "VK_ICD_FILENAMES", "__EGL_VENDOR_LIBRARY_FILENAMES"] {
        bench = bench.variable(list, "/nonexistent");
    }
    let test = "without_a_graphics_driver_wgpu_is_refused_before_anything_is_written";
    if why_not(&bench).is_none() {
        return skipped(test, "a driver is found although all are hidden");
    }
    for arguments in ["run tiny.yaml -o out -b wgpu", "run tiny.yaml -o out -b wgpu --dry-run"] {
        let ended = bench.bn_runner(arguments).exits(2);
        let ended = ended.says("error: backend `wgpu` is not available here: ");
        let ended = ended.says("mesa-vulkan-drivers").says("choose `--backend flex`");
        assert_eq!(ended.stdout, "");
        assert_eq!(bench.names("."), ["data", "tiny.yaml"]);
    }
    // The others are still there.
    bench.bn_runner("backends").exits(0).prints("ndarray            CPU");
}

#[test]
fn wgpu_sees_of_layers_what_flex_sees() {
    let text = edited(&experiment(), "seeds: [1]", "diagnostics: true\nseeds: [1]");
    let bench = Bench::with("tiny.yaml", &text);
    if let Some(why) = why_not(&bench) {
        return skipped("wgpu_sees_of_layers_what_flex_sees", &why);
    }
    for (out, backend, on) in
        [("flex", "flex", true), ("wgpu", "wgpu", true), ("off", "wgpu", false)]
    {
        let run = format!("run tiny.yaml -o {out} -b {backend} --only quick -s diagnostics={on}");
        bench.bn_runner(&run).exits(0);
    }
    let trial = |out: &str| format!("{out}/tiny/quick/seed-1");
    assert_eq!(bench.numbers(&trial("wgpu")), bench.numbers(&trial("off")));
    let [flex, wgpu] =
        ["flex", "wgpu"].map(|out| bench.table(&format!("{}/diagnostics.csv", trial(out))));
    assert_eq!(flex.len(), wgpu.len());
    for (flex, wgpu) in flex.iter().zip(&wgpu) {
        for (column, cell) in flex {
            let (Ok(a), Ok(b)) = (cell.parse::<f64>(), wgpu[column].parse::<f64>()) else {
                assert_eq!(cell, &wgpu[column], "{column}");
                continue;
            };
            let most = 1e-2 * a.abs() + 1e-4;
            assert!((a - b).abs() < most, "{}, {column}: {a} and {b}", flex["layer"]);
        }
    }
}

#[test]
fn software_renderers_are_warned_of_and_graphics_libraries_print_nothing() {
    let name = "software_renderers_are_warned_of_and_graphics_libraries_print_nothing";
    let bench = Bench::with("tiny.yaml", TINY).variable("XDG_RUNTIME_DIR", "");
    if let Some(why) = why_not(&bench) {
        return skipped(name, &why);
    }
    let backends = bench.bn_runner("backends").exits(0);
    assert_eq!(backends.stderr, "");
    let run = "run tiny.yaml -o out -b wgpu -s training.epochs=1 --seeds 1 --only quick";
    let ran = bench.bn_runner(run).exits(0).never_says("XDG_RUNTIME_DIR");
    let is_software = backends.stdout.contains("a software renderer");
    assert!(is_software || !backends.stdout.contains("llvmpipe"), "{}", backends.stdout);
    let warnings =
        ran.stderr.matches("warning: backend `wgpu` runs on a software renderer").count();
    assert_eq!(warnings, usize::from(is_software), "{}", ran.stderr);
    bench
        .bn_runner("run tiny.yaml -o out -b wgpu -s training.epochs=1 --seeds 1 --only quick -q")
        .never_says("warning");
}
