//! One file over HTTP(S), with limits on time and size.

use std::io::{Read, Write};
use std::time::Duration;

use indicatif::ProgressBar;
use ureq::Agent;

/// How long a mirror may take.
#[derive(Debug, Clone, Copy)]
pub(super) struct Patience {
    /// To resolve the name, and again to connect.
    pub connect: Duration,
    /// To begin its answer, and between two pieces of it.
    pub stall: Duration,
    /// For one whole file.
    pub total: Duration,
}

impl Patience {
    /// Short until data flows, because the next source is waiting; long while it does.
    pub const USUAL: Self = Self {
        connect: Duration::from_secs(4),
        stall: Duration::from_secs(15),
        total: Duration::from_secs(20 * 60),
    };
}

/// Why a file did not come; whoever says so also names the mirror and the file.
#[derive(Debug, thiserror::Error)]
pub(super) enum HttpError {
    #[error("not found (HTTP 404)")]
    NotThere,
    #[error("{0}")]
    Failed(String),
}

/// Connections to one mirror.
pub(super) struct Mirror {
    agent: Agent,
    base: String,
}

impl Mirror {
    /// `base` is the address of the folder with the files, with or without a slash at its end.
    pub fn new(base: &str, patience: Patience) -> Self {
        let mut config = Agent::config_builder()
            .timeout_resolve(Some(patience.connect))
            .timeout_connect(Some(patience.connect))
            .timeout_recv_response(Some(patience.stall))
            .timeout_per_read(Some(patience.stall))
            .timeout_global(Some(patience.total))
            .user_agent(concat!("bn-runner/", env!("CARGO_PKG_VERSION")));
        if is_loopback(base) {
            // A proxy cannot reach this machine's own servers.
            config = config.proxy(None);
        }
        Self { agent: config.build().into(), base: base.trim_end_matches('/').to_owned() }
    }

    /// Copies the file called `name` to `out`; an answer of more than `limit` bytes is refused.
    pub fn download(
        &self,
        name: &str,
        limit: u64,
        out: &mut impl Write,
        bar: &ProgressBar,
    ) -> Result<(), HttpError> {
        let url = format!("{}/{name}", self.base);
        let mut response = self.agent.get(&url).call().map_err(|error| {
            if matches!(error, ureq::Error::StatusCode(404)) {
                HttpError::NotThere
            } else {
                HttpError::Failed(error.to_string())
            }
        })?;
        if let Some(length) = response.body().content_length() {
            if length > limit {
                return Err(HttpError::Failed(format!(
                    "answers {length} bytes, more than the file can have"
                )));
            }
            bar.set_length(length);
        }
        let body = response.body_mut().with_config().limit(limit + 1).reader();
        let mut body = bar.wrap_read(body);
        let mut buffer = vec![0; 64 * 1024];
        let mut copied = 0;
        loop {
            let read = body.read(&mut buffer).map_err(|e| HttpError::Failed(e.to_string()))?;
            if read == 0 {
                return Ok(());
            }
            copied += read as u64;
            if copied > limit {
                return Err(HttpError::Failed(format!(
                    "sends more than {limit} bytes, more than the file can have"
                )));
            }
            out.write_all(&buffer[..read])
                .map_err(|e| HttpError::Failed(format!("cannot be saved: {e}")))?;
        }
    }
}

/// Whether the address is one of this machine's own.
fn is_loopback(base: &str) -> bool {
    let after_scheme = base.split_once("://").map_or(base, |(_, rest)| rest);
    let authority = after_scheme.split('/').next().unwrap_or_default();
    ["127.0.0.1", "localhost", "[::1]"].iter().any(|host| {
        authority.strip_prefix(host).is_some_and(|rest| rest.is_empty() || rest.starts_with(':'))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_this_machine_is_loopback() {
        for base in ["http://127.0.0.1:80/x", "http://localhost", "http://[::1]:8080/a/b"] {
            assert!(is_loopback(base), "{base}");
        }
        for base in ["https://localhost.example.org/x", "https://example.org/127.0.0.1"] {
            assert!(!is_loopback(base), "{base}");
        }
    }
}
