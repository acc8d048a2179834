//! `bn-runner explain`: what a name in an experiment file means.

use std::process::ExitCode;

use anyhow::Result;
use clap::{Args, ValueEnum};
use serde_json::{Value, json};
use unicode_width::UnicodeWidthStr as _;

use super::print;
use crate::explain::{Entry, Parameter, entries, listed_name};
use crate::spec::nearest;

/// Columns of the text.
const WIDTH: usize = 80;

#[derive(Debug, Args)]
pub struct ExplainArgs {
    /// Any name or key of an experiment file, or the code of a warning; all but keys are listed if
    /// left out.
    name: Option<String>,

    /// What is printed: text for people, json for programs.
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

#[derive(Debug, Clone, Copy, Default, ValueEnum)]
enum Format {
    #[default]
    Text,
    Json,
}

pub fn explain(args: &ExplainArgs) -> Result<ExitCode> {
    let entries = entries();
    let Some(name) = &args.name else {
        print(&match args.format {
            Format::Json => in_lines(&serde_json::to_value(&entries)?),
            Format::Text => listed(&entries),
        })?;
        return Ok(ExitCode::SUCCESS);
    };
    let in_list = listed_name(name);
    let named: Vec<&Entry> = entries.iter().filter(|entry| entry.name == in_list).collect();
    let meanings = meanings(name, &entries);
    if named.is_empty() && meanings.is_empty() {
        eprintln!("{}", unknown(name, &entries));
        return Ok(ExitCode::from(2));
    }
    let text = match args.format {
        Format::Json => {
            let mut all = serde_json::to_value(&named)?;
            if let Value::Array(all) = &mut all {
                all.extend(meanings.iter().map(key_as_json));
            }
            in_lines(&all)
        }
        Format::Text => {
            let keys = (!meanings.is_empty()).then(|| explained_key(name, &meanings));
            let parts = named.iter().map(|entry| explained(entry)).chain(keys);
            parts.collect::<Vec<_>>().join(&format!("\n{}\n\n", "─".repeat(WIDTH)))
        }
    };
    print(&text)?;
    Ok(ExitCode::SUCCESS)
}

fn in_lines(value: &Value) -> String {
    format!("{value:#}\n")
}

fn unknown(name: &str, entries: &[Entry]) -> String {
    let keys = entries.iter().flat_map(|entry| &entry.parameters).map(|key| &*key.name);
    let names: Vec<&str> = entries.iter().map(|entry| &*entry.name).chain(keys).collect();
    let mut text = format!("error: nothing is called `{name}`");
    if let Some(near) = nearest(name, &names) {
        text.push_str(&format!("; did you mean `{near}`?"));
    }
    text + "\n  `bn-runner explain` lists all names"
}

/// What a key means, and the parts of a file in which it does.
type Meaning<'a> = (&'a Parameter, Vec<String>);

/// What a key means in each part of a file that has it, those where it means the same together.
fn meanings<'a>(name: &str, entries: &'a [Entry]) -> Vec<Meaning<'a>> {
    let mut meanings: Vec<Meaning> = Vec::new();
    for entry in entries {
        for parameter in entry.parameters.iter().filter(|parameter| parameter.name == name) {
            let owner = format!("`{}`", entry.name);
            let same = |(known, _): &&mut (&Parameter, _)| {
                signature(known) == signature(parameter) && known.about == parameter.about
            };
            match meanings.iter_mut().find(same) {
                Some((_, owners)) => owners.push(owner),
                None => meanings.push((parameter, vec![owner])),
            }
        }
    }
    meanings
}

/// A key for programs, like an entry of the list of names.
fn key_as_json((parameter, owners): &Meaning<'_>) -> Value {
    let Parameter { name, value, required, default, about } = parameter;
    let of: Vec<&str> = owners.iter().map(|owner| owner.trim_matches('`')).collect();
    let mut key = json!({
        "kind": "key", "name": name, "of": of, "value": value, "required": required,
        "about": [about],
    });
    if let Some(default) = default {
        key["default"] = default.clone();
    }
    key
}

fn explained_key(name: &str, meanings: &[Meaning<'_>]) -> String {
    let told = meanings.iter().map(|(parameter, owners)| {
        let head = wrapped(&format!("{name}, a key of {}", owners.join(", ")), 0);
        format!("{head}\n{}{}", wrapped(&signature(parameter), 2), wrapped(&parameter.about, 6))
    });
    told.collect::<Vec<_>>().join("\n")
}

/// All names by kind.
fn listed(entries: &[Entry]) -> String {
    let mut text = String::new();
    for kind in entries.chunk_by(|a, b| a.kind == b.kind) {
        let names: Vec<&str> = kind.iter().map(|entry| &*entry.name).collect();
        let heading = match kind[0].kind {
            "loss" => "losses".to_owned(),
            "quantity of a claim" => "quantities of claims".to_owned(),
            "rule of a claim" => "rules of claims".to_owned(),
            "checkpoint policy" => "checkpoint policies".to_owned(),
            "group of diagnostics" => "groups of diagnostics".to_owned(),
            "scaling" => "scalings".to_owned(),
            other => format!("{other}s"),
        };
        text.push_str(&format!("{heading}\n{}", wrapped(&names.join(", "), 2)));
    }
    text + "\n`bn-runner explain NAME` tells what one means.\n"
}

fn explained(entry: &Entry) -> String {
    let mut text = format!("{} ({})\n", entry.name, entry.kind);
    for paragraph in &entry.about {
        text.push_str(&format!("\n{}", wrapped(paragraph, 0)));
    }
    let parts =
        [("Formula", &entry.formula), ("Remedy", &entry.remedy), ("Reference", &entry.reference)];
    for (heading, part) in parts {
        if let Some(part) = part {
            let lines: String = part.split("; ").map(|line| wrapped(line, 2)).collect();
            text.push_str(&format!("\n{heading}\n{lines}"));
        }
    }
    if !entry.parameters.is_empty() {
        let heading = if entry.kind == "section" { "Keys" } else { "Parameters" };
        text.push_str(&format!("\n{heading}\n"));
        for parameter in &entry.parameters {
            text.push_str(&wrapped(&signature(parameter), 2));
            text.push_str(&wrapped(&parameter.about, 6));
        }
    }
    text
}

fn signature(parameter: &Parameter) -> String {
    let Parameter { name, value, required, default, .. } = parameter;
    let or = match (default, required) {
        (Some(default), _) if plain(default) == *value => ", also if left out".to_owned(),
        (Some(default), _) => format!("; {} if left out", plain(default)),
        (None, true) => "; required".to_owned(),
        (None, false) => "; optional".to_owned(),
    };
    format!("{name}: {value}{or}")
}

/// A default as a file would have it.
fn plain(value: &Value) -> String {
    match value {
        Value::String(text) if text.is_empty() => "empty".to_owned(),
        Value::String(text) => text.clone(),
        Value::Array(list) => {
            format!("[{}]", list.iter().map(plain).collect::<Vec<_>>().join(", "))
        }
        Value::Object(map) => {
            let pairs = map.iter().map(|(key, value)| format!("{key}: {}", plain(value)));
            format!("{{ {} }}", pairs.collect::<Vec<_>>().join(", "))
        }
        Value::Number(number) if number.is_f64() => number.as_f64().unwrap_or_default().to_string(),
        Value::Null | Value::Bool(_) | Value::Number(_) => value.to_string(),
    }
}

/// Lines of at most [`WIDTH`] columns, each with so many spaces before it.
fn wrapped(text: &str, indent: usize) -> String {
    let mut lines = String::new();
    let mut line = String::new();
    for word in text.split_whitespace() {
        if !line.is_empty() && indent + line.width() + 1 + word.width() > WIDTH {
            lines.push_str(&format!("{}{line}\n", " ".repeat(indent)));
            line.clear();
        }
        if !line.is_empty() {
            line.push(' ');
        }
        line.push_str(word);
    }
    lines + &format!("{}{line}\n", " ".repeat(indent))
}
