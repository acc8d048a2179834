//! Names that become folders.

use unicode_normalization::UnicodeNormalization as _;

/// The folder of trials that were moved aside.
pub const PREVIOUS: &str = "previous";
/// The folder of a trial's checkpoints.
pub const CHECKPOINTS: &str = "checkpoints";
/// The folder of event files.
pub const TENSORBOARD: &str = "tensorboard";
/// The folder of a trial's folded network.
pub const FOLDED: &str = "folded";
/// The name of the report, without its ending.
pub const REPORT: &str = "report";
/// Begins the name of a trial's folder, before the seed.
pub const SEED_PREFIX: &str = "seed-";

/// Names that the program itself uses in a results folder.
const RESERVED: [&str; 5] = [PREVIOUS, CHECKPOINTS, TENSORBOARD, FOLDED, REPORT];

/// Why a name cannot be that of an experiment, if it cannot.
pub fn unfit_for_an_experiment(name: &str) -> Option<String> {
    let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
    let why = if name.len() > 100 {
        "it is longer than 100 bytes"
    } else if is_a_device(name) {
        "Windows reserves it for a device"
    } else if is_reserved(name) {
        "bn-runner uses it in the results folder"
    } else if !name.starts_with(plain) || !name.chars().all(|c| plain(c) || c == '_' || c == '-') {
        "it is also the name of a folder"
    } else {
        return None;
    };
    let shown: String = name.chars().take(100).collect();
    Some(format!("`{shown}` cannot be the name of an experiment: {why}"))
}

/// Why a name cannot be that of a folder on every system, if it cannot.
pub(super) fn unfit_for_a_folder(name: &str) -> Option<&'static str> {
    if name.is_empty() {
        Some("it is empty")
    } else if name.len() > 100 {
        Some("it is longer than 100 bytes")
    } else if name.starts_with('.') {
        Some("it begins with a dot")
    } else if name.trim() != name || name.ends_with('.') {
        Some("it begins or ends with a space, or ends with a dot")
    } else if is_a_device(name) {
        Some("Windows reserves it for a device")
    } else if is_reserved(name) {
        Some("bn-runner uses it in the results folder")
    } else if [".csv", ".html", ".png", ".svg", ".yaml"]
        .iter()
        .any(|end| name.to_lowercase().ends_with(end))
    {
        Some("it ends like a file in the same folder")
    } else if name.chars().any(|c| c.is_control() || "/\\:*?\"<>|,".contains(c)) {
        Some("it has one of / \\ : * ? \" < > | , or a control character")
    } else {
        None
    }
}

/// Whether the program uses a name in a results folder.
pub(super) fn is_reserved(name: &str) -> bool {
    let name = folded(name);
    let is_a_trial = name
        .strip_prefix(SEED_PREFIX)
        .is_some_and(|seed| !seed.is_empty() && seed.bytes().all(|byte| byte.is_ascii_digit()));
    is_a_trial || RESERVED.contains(&&*name)
}

/// A name as file systems compare it that tell neither capitals from small letters nor the Unicode
/// forms of accents apart, as on macOS and Windows.
pub(super) fn folded(name: &str) -> String {
    if name.is_ascii() {
        return name.to_ascii_lowercase();
    }
    name.nfc().flat_map(char::to_lowercase).nfc().collect()
}

/// Whether Windows has a device of this name, with any ending.
fn is_a_device(name: &str) -> bool {
    let stem = name.split('.').next().unwrap_or(name).trim_end().to_ascii_lowercase();
    let numbered = |prefix: &str| {
        let digit = stem.strip_prefix(prefix).map(|rest| rest.chars().collect::<Vec<_>>());
        digit.is_some_and(|digit| matches!(digit[..], ['1'..='9' | '¹' | '²' | '³']))
    };
    matches!(stem.as_str(), "con" | "prn" | "aux" | "nul" | "conin$" | "conout$")
        || numbered("com")
        || numbered("lpt")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_devices_and_of_the_program_are_refused() {
        for name in ["con", "NUL", "aux.x", "com1", "COM¹", "lpt³", "nul .txt", "CONIN$"] {
            assert_eq!(
                unfit_for_a_folder(name),
                Some("Windows reserves it for a device"),
                "{name}"
            );
        }
        for name in
            ["previous", "Previous", "folded", "checkpoints", "tensorboard", "report", "seed-1"]
        {
            let why = "bn-runner uses it in the results folder";
            assert_eq!(unfit_for_a_folder(name), Some(why), "{name}");
        }
        for name in
            ["com", "com0", "com10", "seed-", "seed-x", "seeds", "reports", "3.10", "~", "on"]
        {
            assert_eq!(unfit_for_a_folder(name), None, "{name}");
        }
    }

    #[test]
    fn names_are_folded_as_file_systems_compare_them() {
        assert_eq!(folded("Gr\u{f6}\u{df}e"), folded("GRO\u{308}\u{df}e"));
        assert_ne!(folded("groesse"), folded("gr\u{f6}sse"));
    }
}
