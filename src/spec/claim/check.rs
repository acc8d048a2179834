//! Checks the claims of a file against its variants, its grid and the length of its training.

use std::ops::Range;

use serde_json::Value;

use super::parser::{Cases, parse};
use super::{Claim, Mistake, Quantity, Term};
use crate::spec::value::plain;
use crate::spec::{Case, GridValue, Monitor, Overrides, Part, Path, Problem, Source, suggest};

/// What claims can speak of.
struct Known<'a> {
    /// The names of the file's variants.
    variants: &'a [String],
    /// The cases that could be read.
    cases: &'a [Case],
    /// Whether those are all.
    complete: bool,
    /// Whether the command line may have shortened the training or taken the validation away: a
    /// quick look at a file leaves its claims open, which is no mistake in it.
    changed: bool,
}

/// Reads the claims of a file, and finds all mistakes in them. `complete` says whether `cases` are
/// all cases of the file, rather than those without a mistake.
pub fn claims(
    texts: &[String],
    variants: &[String],
    (cases, complete): (&[Case], bool),
    overrides: &Overrides,
    source: &Source,
) -> (Vec<Claim>, Vec<Problem>) {
    let known = Known { variants, cases, complete, changed: !overrides.set.is_empty() };
    let mut claims: Vec<Claim> = Vec::new();
    let mut problems = Vec::new();
    for (i, text) in texts.iter().enumerate() {
        let span = source.span(&Path::default().key("expect").index(i), Part::Value);
        let twice = claims.iter().find(|claim| claim.text == *text);
        let claim = match twice {
            Some(first) => {
                let help = format!("leave one out; the first is in line {}", first.line);
                Err(Mistake::new(0..text.len(), "this claim is here twice", help))
            }
            None => parse(text, &known),
        };
        match claim {
            Ok((left, relation, right, rule)) => {
                let (line, _) = source.line_column(span.map_or(0, |span| span.start));
                claims.push(Claim { text: text.clone(), line, left, relation, right, rule });
            }
            Err(Mistake { at, message, help }) => {
                let span = span.map(|span| inside(source, span, text, at));
                problems.push(Problem::new(span, message, help));
            }
        }
    }
    (claims, problems)
}

/// Bytes of a claim as bytes of the file, where it stands there letter for letter.
fn inside(source: &Source, span: Range<usize>, text: &str, at: Range<usize>) -> Range<usize> {
    let written = &source.text[span.clone()];
    let quotes = written.len() - written.trim_start_matches(['"', '\'']).len();
    match written[quotes..].starts_with(text) {
        true => span.start + quotes + at.start..span.start + quotes + at.end,
        // Folded over lines, or with escapes.
        false => span,
    }
}

impl Cases for Known<'_> {
    fn variants(&self) -> Vec<&str> {
        self.variants.iter().map(String::as_str).collect()
    }

    fn label(
        &self,
        variant: &str,
        at: Range<usize>,
        selection: &[(String, Range<usize>)],
    ) -> Result<String, Mistake> {
        let mut found: Vec<&Case> =
            self.cases.iter().filter(|case| case.variant == variant).collect();
        for (text, place) in selection {
            found = self.selected(&found, text, place)?;
        }
        match found[..] {
            [case] => Ok(case.label()),
            // Its own mistake is told.
            [] if !self.complete => Ok(variant.to_owned()),
            [] => {
                let message = format!("no grid point of `{variant}` has all these values");
                Err(Mistake::new(at, message, ""))
            }
            [first, ..] => {
                let chosen = first.label();
                let inside = chosen.strip_prefix(variant).unwrap_or_default();
                let help = format!(
                    "say which, as in `{variant}[{}]`",
                    inside.strip_prefix(',').unwrap_or(inside)
                );
                let message = format!("`{variant}` has {} grid points here", found.len());
                Err(Mistake::new(at, message, help))
            }
        }
    }

    fn problem(&self, term: &Term) -> Option<(String, String)> {
        let case = self.cases.iter().find(|case| case.label() == term.case)?;
        if self.changed {
            return None;
        }
        let last = case.setup.training.epochs;
        if let Quantity::At(_, epoch) = term.quantity
            && epoch > last
        {
            let message = format!("`{}` trains for {last} epochs", term.case);
            return Some((message, format!("claim something of epoch {last} or an earlier one")));
        }
        if term.quantity.is_of_validation() && case.setup.dataset.validation.is_none() {
            let message = format!("`{}` has no validation images", term.case);
            return Some((message, "set `validation:`, or claim something of the test".to_owned()));
        }
        let top_k = term.quantity.metric().and_then(Monitor::top_k);
        if let Some(k) = top_k.filter(|k| !case.setup.training.top_k().contains(k)) {
            let message = format!("`{}` does not measure `{}`", term.case, term.quantity);
            let help = format!("add `{{ top_k_accuracy: {{ k: {k} }} }}` to `training.metrics`");
            return Some((message, help));
        }
        None
    }
}

impl Known<'_> {
    /// Those of the cases that have a grid value, given as `key=value`.
    fn selected<'c>(
        &self,
        cases: &[&'c Case],
        text: &str,
        at: &Range<usize>,
    ) -> Result<Vec<&'c Case>, Mistake> {
        let Some((key, value)) = text.split_once('=') else {
            let help = "write `[key=value]`, as in `bn[learning_rate=0.1].val_accuracy`";
            return Err(Mistake::new(at.clone(), "a grid value is chosen by its key", help));
        };
        let (key, value) = (key.trim(), value.trim());
        let keys: Vec<&str> = match cases.first() {
            Some(case) => GridValue::short_keys(&case.grid),
            None => return Ok(Vec::new()),
        };
        let place = |point: &GridValue, short: &str| point.key == key || short == key;
        let chosen = |case: &&&'c Case| {
            let mut points =
                case.grid.iter().zip(&keys).filter(|(point, short)| place(point, short));
            points.next().is_some_and(|(point, _)| is_value(&point.value, value))
        };
        let known: Vec<&GridValue> = cases
            .iter()
            .flat_map(|case| case.grid.iter().zip(&keys))
            .filter(|(point, short)| place(point, short))
            .map(|(point, _)| point)
            .collect();
        if known.is_empty() {
            let message = format!("`grid:` has no key `{key}`");
            return Err(Mistake::new(at.clone(), message, suggest(key, &keys)));
        }
        let found: Vec<&Case> = cases.iter().filter(chosen).copied().collect();
        if found.is_empty() && self.complete {
            let mut values: Vec<String> = known.iter().map(|point| plain(&point.value)).collect();
            values.dedup();
            let values: Vec<&str> = values.iter().map(String::as_str).collect();
            let message = format!("`grid:` has no value `{value}` of `{key}`");
            return Err(Mistake::new(at.clone(), message, suggest(value, &values)));
        }
        Ok(found)
    }
}

/// Whether a text means a grid value: `1e-3` is `0.001`.
fn is_value(value: &Value, text: &str) -> bool {
    let number = value.as_f64().zip(text.parse::<f64>().ok());
    plain(value) == text || number.is_some_and(|(value, text)| value == text)
}
