//! What happens in a run, a line of JSON each, for programs that follow it.

use std::fs::File;
use std::io::Write;
use std::path::Path;
use std::sync::Mutex;

use anyhow::{Context, Result};
use serde_json::{Map, Value, json};

use crate::plan::Trial;
use crate::record::now;

/// Where events go to. Every line is written at once, so that several processes can share a file
/// and readers see whole lines.
pub struct Events {
    out: Mutex<Option<Box<dyn Write + Send>>>,
    name: String,
}

impl Events {
    /// Appends to a file, which is made if it is not there; `-` is standard error.
    ///
    /// # Errors
    /// When the file cannot be opened.
    pub fn open(path: &Path) -> Result<Self> {
        let name = path.display().to_string();
        let out: Box<dyn Write + Send> = if name == "-" {
            Box::new(std::io::stderr())
        } else {
            let file = File::options().create(true).append(true).open(path);
            Box::new(file.with_context(|| format!("cannot write events to `{name}`"))?)
        };
        Ok(Self { out: Mutex::new(Some(out)), name })
    }

    /// Writes one event. Where that fails, it is said once, and training goes on without events.
    pub fn send(&self, event: &str, fields: Value) {
        let mut all = Map::new();
        all.insert("event".to_owned(), json!(event));
        all.insert("time".to_owned(), json!(now()));
        all.insert("process".to_owned(), json!(std::process::id()));
        if let Value::Object(fields) = fields {
            all.extend(fields);
        }
        let line = format!("{}\n", Value::Object(all));
        let mut out = self.out.lock().expect("no panics here");
        let Some(file) = out.as_mut() else { return };
        if let Err(error) = file.write_all(line.as_bytes()).and_then(|()| file.flush()) {
            eprintln!("warning: no more events: cannot write to `{}`: {error}", self.name);
            *out = None;
        }
    }
}

/// Which trial an event is about, and whatever else there is to say.
pub fn about(trial: &Trial, more: Value) -> Value {
    let case = trial.case();
    let grid: Map<String, Value> =
        case.grid.iter().map(|point| (point.key.clone(), point.value.clone())).collect();
    let mut fields = json!({
        "experiment": trial.experiment.name,
        "variant": case.variant,
        "grid": grid,
        "seed": trial.seed,
        "folder": trial.dir.path().to_string_lossy(),
    });
    if let (Value::Object(fields), Value::Object(more)) = (&mut fields, more) {
        fields.extend(more);
    }
    fields
}

impl std::fmt::Debug for Events {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Events").field("name", &self.name).finish_non_exhaustive()
    }
}
