//! Files that nobody wrote by hand end in an error, in at most a second of the processor and with
//! at most 200 MB.

mod support;

use std::time::{Duration, Instant};

use support::Bench;

const BASE: &str = "\
dataset: fashion_mnist
model:
  layers:
    - flatten
    - dense: { units: 10, activation: softmax }
training: { optimizer: adam, epochs: 1 }
";

/// Most memory and processor time that a process has used so far, as Linux tells it.
#[derive(Debug, Default, Clone, Copy)]
struct Used {
    megabytes: u64,
    seconds: f64,
}

impl Used {
    fn of(process: u32) -> Option<Self> {
        let read = |file: &str| std::fs::read_to_string(format!("/proc/{process}/{file}")).ok();
        let status = read("status")?;
        let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
        let kilobytes: u64 = peak.trim().trim_end_matches(" kB").parse().ok()?;
        // Fields 14 and 15, in hundredths of a second; the second, a name, may hold spaces.
        let stat = read("stat")?;
        let fields: Vec<&str> = stat.rsplit_once(')')?.1.split_whitespace().collect();
        let ticks = fields[11].parse::<f64>().ok()? + fields[12].parse::<f64>().ok()?;
        Some(Self { megabytes: kilobytes / 1000, seconds: ticks / 100.0 })
    }
}

/// Checks a file of the bench and looks on. Returns what was said.
#[track_caller]
fn check(bench: &Bench, file: &str) -> (Option<i32>, String, Used) {
    let mut child = std::process::Command::new(env!("CARGO_BIN_EXE_bn-runner"))
        .args(["check", file])
        .current_dir(bench.path("."))
        .stdout(std::process::Stdio::null())
        .stderr(std::fs::File::create(bench.path("said")).unwrap())
        .spawn()
        .expect("the program starts");
    let begin = Instant::now();
    let mut used = Used::default();
    let status = loop {
        used = Used::of(child.id()).unwrap_or(used);
        match child.try_wait().unwrap() {
            Some(status) => break status,
            None if begin.elapsed() > Duration::from_secs(60) => {
                child.kill().unwrap();
                panic!("{file} is still being checked after a minute");
            }
            None => std::thread::sleep(Duration::from_millis(1)),
        }
    };
    (status.code(), bench.text("said"), used)
}

/// A file that has to be refused, and a few words of why.
#[track_caller]
fn refused(content: impl AsRef<[u8]>, why: &str) {
    let bench = Bench::new().file("hostile.yaml", content);
    let (code, said, used) = check(&bench, "hostile.yaml");
    let start: String = said.chars().take(2000).collect();
    assert_eq!(code, Some(2), "{start}");
    assert!(said.contains(why), "no {why:?} in\n{start}");
    assert!(said.len() < 100_000, "{} bytes of words", said.len());
    assert!(used.megabytes <= 200 && used.seconds <= 1.0, "{used:?} for\n{start}");
}

#[test]
fn deep_nesting() {
    let deep = "maps and lists are nested more than 64 deep";
    refused("- ".repeat(100_000), deep);
    refused("[".repeat(1_000_000), deep);
    refused("{a: ".repeat(200_000), deep);
    refused("? ".repeat(200_000), deep);
    let steps = |i: usize| format!("{}a:\n", " ".repeat(i));
    refused((0..1000).map(steps).collect::<String>(), deep);
    refused("&a [*a]\n", "an anchor within itself");
}

#[test]
fn alias_bombs() {
    let much = "more than 100000 keys and values, aliases written out";
    let ten = |name: &str| vec![format!("*{name}"); 10].join(", ");
    let level = |i: usize| format!("a{}: &a{} [{}]\n", i + 1, i + 1, ten(&format!("a{i}")));
    let laughs = format!("a0: &a0 [x]\n{}", (0..12).map(level).collect::<String>());
    refused(laughs, much);
    let level =
        |i: usize| format!("a{}: &a{} {{ <<: [{}] }}\n", i + 1, i + 1, ten(&format!("a{i}")));
    refused(format!("a0: &a0 {{ x: 1 }}\n{}", (0..12).map(level).collect::<String>()), much);
    let level = |i: usize| format!("a{}: &a{} [*a{i}]\n", i + 1, i + 1);
    let chain = format!("a0: &a0 [x]\n{}", (0..20_000).map(level).collect::<String>());
    refused(chain, "maps and lists are nested more than 64 deep");
    let long = format!("a: &a [{}]\nb: [{}]\n", "1,".repeat(50_000), "*a,".repeat(200_000));
    refused(long, much);
}

#[test]
fn much_of_everything() {
    refused(vec![b'#'; 100_000_000], "larger than 1 MiB");
    refused(format!("a: [{}]\n", "1,".repeat(480_000)), "more than 100000 keys and values");
    let keys: String = (0..90_000).map(|i| format!("k{i}: 1\n")).collect();
    refused(keys, "unknown key `k0`");
    refused("a: 1\n".repeat(90_000), "key `a` is here twice");
    let layers = "    - x\n".repeat(90_000);
    let layers = BASE.replace("    - flatten\n", &layers);
    refused(layers, "unknown name `x`");
    refused(format!("{BASE}description: {}\n", "x".repeat(900_000)), "a text of 900000 bytes");
    refused(BASE.replace("adam", &"x".repeat(900_000)), "a text of 900000 bytes");
    refused(BASE.replace("10", &"9".repeat(900_000)), "a text of 900000 bytes");
    refused(format!("\"{}\": 1\n{BASE}", "x".repeat(900)), "unknown key `xxx");
    refused("\n".repeat(900_000), "the file is empty");
    refused(":".repeat(900_000), "a text of 899999 bytes");
    refused("\u{a0}".repeat(450_000), "a no-break space (U+00A0)");
    refused(format!("{BASE}name: {}\n", "\"a\" ".repeat(200_000)), "unexpected text after `\"`");
    let texts = "  - a.test_accuracy > 0.5\n".repeat(20_000);
    refused(format!("{BASE}expect:\n{texts}"), "no variant is named `a`");
    refused(format!("a: \"{}", "\\".repeat(900_000)), "this quote is not closed");
}

#[test]
fn what_is_no_text() {
    refused(format!("{BASE}name: a\0b\n"), "a NUL byte in the text");
    refused(vec![0; 900_000], "a NUL byte in the text");
    refused([BASE.as_bytes(), b"name: \xff\xfe\n"].concat(), "byte 0xff is not text in UTF-8");
    refused([b"\xff\xfe", BASE.as_bytes()].concat(), "the file is in UTF-16");
    refused(format!("{BASE}name: \u{1b}[2J\n"), "a control character in the text, U+001B");
}

#[test]
fn more_cases_and_layers_than_anybody_trains() {
    let numbers = |count: usize| (1..=count).map(|i| i.to_string()).collect::<Vec<_>>().join(", ");
    let grid = |epochs: usize, sizes: usize| {
        let (epochs, sizes) = (numbers(epochs), numbers(sizes));
        format!("grid:\n  training.epochs: [{epochs}]\n  training.batch_size: [{sizes}]\n")
    };
    refused(format!("{BASE}{}", grid(100, 1000)), "more than 10000 cases");
    let variants: String = (0..40_000).map(|i| format!("  v{i}: {{}}\n")).collect();
    refused(format!("{BASE}variants:\n{variants}"), "more than 10000 cases");
    let twenty: String =
        (0..20).map(|i| format!("  model.layers.1.dense.k{i}: [1, 2, 3, 4, 5]\n")).collect();
    refused(format!("{BASE}grid:\n{twenty}"), "more than 10000 cases");

    let block =
        |times: &str, inner: &str| format!("repeat: {{ times: {times}, layers: [{{ {inner} }}] }}");
    let million = block("100", &block("100", &block("100", "dense: { units: 8 }")));
    let stacked = |layer: &str| BASE.replace("- flatten", &format!("- flatten\n    - {layer}"));
    refused(stacked(&million), "more than 1000 layers");
    let endless = (0..12)
        .fold("dropout: { rate: 0.1 }".to_owned(), |inner, _| block("1000000000000", &inner));
    refused(stacked(&endless), "more than 1000 layers");
    let many = stacked(&block("900", "dense: { units: 8 }"));
    refused(format!("{many}{}", grid(100, 100)), "more than 100000 layers in all cases");
    // Each of ten thousand cases has the same mistake.
    let wrong = BASE.replace("units: 10", "units: 9");
    refused(format!("{wrong}{}", grid(100, 100)), "but the data set has 10 classes");
}

#[test]
fn names_that_lead_elsewhere() {
    for name in ["..", "../up", "/etc/x", "a/b", "a\\\\b"] {
        refused(format!("{BASE}name: \"{name}\"\n"), "cannot be the name of an experiment");
        refused(
            format!("{BASE}variants: {{ \"{name}\": {{}} }}\n"),
            "cannot be the name of a variant",
        );
        refused(format!("{BASE}grid: {{ \"{name}\": [1] }}\n"), "is not a path into an experiment");
        let key = format!("training.{name}");
        refused(format!("{BASE}grid: {{ \"{key}\": [1] }}\n"), "unknown key");
        let layer = format!("units: 10, name: \"{name}\"");
        // A layer may be called `..`: it is no folder.
        if name != ".." {
            refused(BASE.replace("units: 10", &layer), "cannot be a layer's name");
        }
    }
}

#[cfg(unix)]
#[test]
fn what_is_no_file_is_not_waited_for() {
    let bench = Bench::new();
    let made = std::process::Command::new("mkfifo").arg(bench.path("pipe.yaml")).status();
    assert!(made.is_ok_and(|status| status.success()), "mkfifo is there");
    for file in ["pipe.yaml", "data", "/dev/zero", "absent.yaml"] {
        let (code, said, used) = check(&bench, file);
        assert_eq!(code, Some(2), "{said}");
        assert!(said.contains(&format!("cannot read `{file}`: ")), "{said}");
        assert!(used.seconds <= 1.0, "{used:?}");
    }
}
