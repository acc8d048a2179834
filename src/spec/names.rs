//! Names that become folders.

/// Why a name cannot be an experiment's, if it cannot.
pub fn unfit_for_an_experiment(name: &str) -> Option<String> {
    let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
    let why = if name.len() > 100 {
        "it is longer than 100 bytes"
    } else if is_a_device(name) {
        "it is a device's name on Windows"
    } else if !name.starts_with(plain) || !name.chars().all(|c| plain(c) || c == '_' || c == '-') {
        "it is a folder's name, too"
    } else {
        return None;
    };
    let shown: String = name.chars().take(100).collect();
    Some(format!("`{shown}` cannot be an experiment's name: {why}"))
}

/// Why a name cannot be a folder's on every system, if it cannot.
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
        Some("it is a device's name on Windows")
    } else if [".csv", ".html", ".png", ".svg", ".yaml"].iter().any(|end| name.ends_with(end)) {
        Some("it ends like a file that the folder beside it has")
    } else if name.chars().any(|c| c.is_control() || "/\\:*?\"<>|,".contains(c)) {
        Some("it has one of / \\ : * ? \" < > | , or a control character")
    } else {
        None
    }
}

fn is_a_device(name: &str) -> bool {
    let stem = name.split('.').next().unwrap_or(name).to_ascii_lowercase();
    let numbered = |prefix: &str| {
        stem.strip_prefix(prefix).is_some_and(|rest| matches!(rest.as_bytes(), [b'1'..=b'9']))
    };
    matches!(stem.as_str(), "con" | "prn" | "aux" | "nul") || numbered("com") || numbered("lpt")
}
