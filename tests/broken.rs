//! Every broken file in `tests/broken` gets the report that is written beside it, to the letter.
//!
//! `syntax` has files that are not YAML, or not a map; `strict` those that break YAML 1.2 in a way that
//! many parsers allow; `structure` those whose keys and values are not
//! what an experiment is made of, which the schema refuses, too; `meaning` those that only make no
//! sense. A first line `# bn-runner …` is the command; it is `check FILE` otherwise.
//!
//! `BLESS=1 cargo test --release --test broken` writes the reports anew. Read each difference then:
//! the place must be the mistake's own, and the words must say what to do.

mod support;

use std::path::{Path, PathBuf};
use std::process::Command;

use support::{broken, files_in, yaml};

/// The folders of files, see above.
const KINDS: [&str; 4] = ["syntax", "strict", "structure", "meaning"];

/// The report on a file, which must end the program with exit code 2 and print no result.
fn report(file: &Path) -> Result<String, String> {
    let name = file.file_name().unwrap().to_str().unwrap();
    let text = std::fs::read(file).unwrap();
    let first = String::from_utf8_lossy(&text).lines().next().unwrap_or_default().to_owned();
    let default = format!("check {name}");
    let arguments = first.strip_prefix("# bn-runner ").unwrap_or(&default);
    let output = Command::new(env!("CARGO_BIN_EXE_bn-runner"))
        .args(arguments.split_whitespace())
        .current_dir(file.parent().unwrap())
        .output()
        .expect("the program starts");
    let report = String::from_utf8(output.stderr).expect("it prints UTF-8");
    match output.status.code() {
        Some(2) if output.stdout.is_empty() => Ok(report),
        code => Err(format!("{name}: {code:?}\n{report}")),
    }
}

#[test]
fn every_broken_file_gets_the_report_beside_it() {
    let bless = std::env::var("BLESS").is_ok_and(|bless| bless == "1");
    let files = broken(&KINDS);
    assert!(files.len() >= 60, "{}", files.len());
    let mut wrong = Vec::new();
    for file in &files {
        let snapshot = file.with_extension("txt");
        match report(file) {
            Err(why) => wrong.push(why),
            Ok(report) if bless => std::fs::write(&snapshot, report).unwrap(),
            Ok(report) => {
                let expected = std::fs::read_to_string(&snapshot).unwrap_or_default();
                if report != expected {
                    let name = file.display();
                    wrong.push(format!("{name}\n-- expected\n{expected}\n-- is\n{report}"));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{}\n\n{} files differ", wrong.join("\n\n"), wrong.len());
}

#[test]
fn every_report_has_its_file() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/broken");
    for kind in KINDS {
        for report in files_in(&folder.join(kind), "txt") {
            assert!(report.with_extension("yaml").is_file(), "{}", report.display());
        }
    }
}

#[test]
fn a_place_in_the_first_line_is_a_mistake_in_the_first_line() {
    for file in broken(&KINDS) {
        let name = file.file_name().unwrap().to_str().unwrap().to_owned();
        let report = std::fs::read_to_string(file.with_extension("txt")).unwrap();
        let Some(at) = report.find(&format!("--> {name}:1:")) else { continue };
        // What the frame shows of the first line is what is wrong, not just what comes first.
        let frame: Vec<&str> = report[at..].lines().skip(2).take(2).collect();
        let marked = frame[1].matches('^').count();
        let begins_the_file = ["nmae: ", "- flatten", "just words", "\u{fffd}"];
        let starts = frame[0].split(" | ").nth(1).unwrap_or_default();
        let whole = begins_the_file.iter().any(|begin| starts.starts_with(begin));
        assert!(whole || starts.starts_with("dataset: ") && marked >= 1, "{name}\n{report}");
    }
}

fn structurally(kind: &str, expected: bool) {
    let files: Vec<PathBuf> = broken(&[kind]);
    assert!(!files.is_empty());
    let answer = |file: &PathBuf| match yaml(&std::fs::read(file).unwrap()) {
        Some(value) => support::validate(&value),
        // What the parser refuses is no value that a schema could be asked about.
        None => Err("it is no YAML".to_owned()),
    };
    let answers = files.iter().map(|file| (file.display(), answer(file)));
    let wrong: Vec<_> = answers.filter(|(_, answer)| answer.is_ok() != expected).collect();
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn the_schema_refuses_what_is_broken_in_structure() {
    structurally("syntax", false);
    structurally("structure", false);
}

#[test]
fn the_schema_leaves_what_only_makes_no_sense_to_the_program() {
    structurally("meaning", true);
}
