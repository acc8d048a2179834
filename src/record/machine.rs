//! What a trial ran on.

use serde::{Deserialize, Serialize};

/// A machine, as far as it tells; on systems other than Linux some of it is missing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Machine {
    /// The processor's name.
    pub cpu: Option<String>,
    /// Threads that run at once.
    pub cores: usize,
    /// Memory in bytes.
    pub memory_bytes: Option<u64>,
    /// The operating system's name and version.
    pub os: String,
    /// The processor architecture.
    pub architecture: String,
}

impl Machine {
    /// The machine that this runs on.
    pub fn this() -> Self {
        Self {
            cpu: field("/proc/cpuinfo", "model name"),
            cores: std::thread::available_parallelism().map_or(1, usize::from),
            memory_bytes: field("/proc/meminfo", "MemTotal").as_deref().and_then(kibibytes),
            os: operating_system(),
            architecture: std::env::consts::ARCH.to_owned(),
        }
    }
}

/// The most memory that this process has had, in bytes.
pub fn peak_memory_bytes() -> Option<u64> {
    kibibytes(&field("/proc/self/status", "VmHWM")?)
}

fn operating_system() -> String {
    let release = std::fs::read_to_string("/etc/os-release").unwrap_or_default();
    let name = release.lines().find_map(|line| line.strip_prefix("PRETTY_NAME="));
    name.map_or_else(|| std::env::consts::OS.to_owned(), |name| name.trim_matches('"').to_owned())
}

/// The first value of a key in one of the kernel's `key : value` files.
fn field(file: &str, key: &str) -> Option<String> {
    let text = std::fs::read_to_string(file).ok()?;
    let value = |line: &str| {
        let (name, value) = line.split_once(':')?;
        (name.trim() == key).then(|| value.trim().to_owned())
    };
    text.lines().find_map(value)
}

/// `123 kB` in bytes.
fn kibibytes(text: &str) -> Option<u64> {
    text.strip_suffix("kB")?.trim().parse::<u64>().ok()?.checked_mul(1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_kernel_counts_in_kibibytes() {
        assert_eq!(kibibytes("24 kB"), Some(24_576));
        assert_eq!(kibibytes("24"), None);
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn linux_tells_processor_memory_and_peak() {
        let machine = Machine::this();
        assert!(machine.memory_bytes.unwrap() > 1 << 24);
        assert!(peak_memory_bytes().unwrap() < machine.memory_bytes.unwrap());
    }
}
