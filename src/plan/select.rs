//! `--only` and `--exclude`: some of a plan's trials, by patterns over their folders' names.

/// Which trials are meant.
#[derive(Debug, Clone, Default)]
pub struct Selection {
    /// Patterns of which a trial must match one, unless there are none.
    pub only: Vec<String>,
    /// Patterns of which it must match none.
    pub exclude: Vec<String>,
}

impl Selection {
    /// Whether a trial is meant: by its experiment, its case and its seed.
    pub fn takes(&self, experiment: &str, label: &str, seed: u64) -> bool {
        if self.only.is_empty() && self.exclude.is_empty() {
            return true;
        }
        let seed = format!("seed-{seed}");
        let trial = [experiment, label, &seed];
        let any = |patterns: &[String]| patterns.iter().any(|pattern| matches(pattern, &trial));
        (self.only.is_empty() || any(&self.only)) && !any(&self.exclude)
    }
}

/// Whether a pattern matches a trial. Its parts, between slashes, must match parts of the trial's
/// path that follow one another: `bn_after` any part, `bn_after/seed-1` a case and a seed.
fn matches(pattern: &str, trial: &[&str; 3]) -> bool {
    let parts: Vec<&str> = pattern.trim_matches('/').split('/').collect();
    trial
        .windows(parts.len())
        .any(|here| parts.iter().zip(here).all(|(pattern, part)| matches_part(pattern, part)))
}

/// A part matches as a whole or in pieces between commas, in any order, and numbers by their
/// values: `learning_rate=0.01`,
/// `bn_after` and `learning_rate=0.01,bn_after` match `bn_after,batch_size=32,learning_rate=0.01`.
fn matches_part(pattern: &str, part: &str) -> bool {
    let fits = |pattern: &str, text: &str| {
        let letters = |text: &str| text.chars().collect::<Vec<_>>();
        glob(&letters(pattern), &letters(text)) || is_same_number(pattern, text)
    };
    let has = |piece: &str| part.split(',').any(|text| fits(piece, text));
    fits(pattern, part) || pieces(pattern).into_iter().all(has)
}

/// Whether a pattern names the number of a piece in another way: `learning_rate=1e-3` for
/// `learning_rate=0.001`.
fn is_same_number(pattern: &str, text: &str) -> bool {
    let number = |text: &str| text.parse::<f64>().ok().filter(|number| number.is_finite());
    let parts = pattern.split_once('=').zip(text.split_once('='));
    parts.is_some_and(|((pattern, wanted), (key, value))| {
        let [pattern, key] = [pattern, key].map(|text| text.chars().collect::<Vec<_>>());
        glob(&pattern, &key) && number(wanted).is_some() && number(wanted) == number(value)
    })
}

/// What is between the commas of a pattern that are in no set.
fn pieces(pattern: &str) -> Vec<&str> {
    let (mut pieces, mut start, mut is_in_set) = (Vec::new(), 0, false);
    for (place, c) in pattern.char_indices() {
        match c {
            '[' => is_in_set = pattern[place..].contains(']'),
            ']' => is_in_set = false,
            ',' if !is_in_set => {
                pieces.push(&pattern[start..place]);
                start = place + 1;
            }
            _ => {}
        }
    }
    pieces.push(&pattern[start..]);
    pieces
}

/// `*` stands for any characters, `?` for one, `[abc]`, `[a-z]` and `[!a]` for one of a set.
fn glob(pattern: &[char], text: &[char]) -> bool {
    match (pattern, text) {
        ([], text) => text.is_empty(),
        (['*', rest @ ..], text) => (0..=text.len()).any(|skipped| glob(rest, &text[skipped..])),
        (_, []) => false,
        (['?', rest @ ..], [_, text @ ..]) => glob(rest, text),
        (['[', rest @ ..], [first, text @ ..]) if rest.contains(&']') => {
            // A bracket right at the start is one of the set.
            let end = rest.iter().skip(1).position(|c| *c == ']').map(|end| end + 1);
            let Some(end) = end else { return false };
            let (set, rest) = (&rest[..end], &rest[end + 1..]);
            let (negated, set) = match set {
                ['!' | '^', set @ ..] if !set.is_empty() => (true, set),
                set => (false, set),
            };
            is_in(set, *first) != negated && glob(rest, text)
        }
        ([wanted, rest @ ..], [first, text @ ..]) => wanted == first && glob(rest, text),
    }
}

fn is_in(set: &[char], c: char) -> bool {
    match set {
        [from, '-', to, rest @ ..] => (*from..=*to).contains(&c) || is_in(rest, c),
        [one, rest @ ..] => *one == c || is_in(rest, c),
        [] => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_match_whole_parts_pieces_and_neighbours() {
        let trial = ["batch_norm", "bn_after,learning_rate=0.01,units=300", "seed-12"];
        for pattern in [
            "batch_norm",
            "bn_after",
            "bn_*",
            "learning_rate=0.01",
            "learning_rate=1e-2",
            "learning_rate=1.0E-2,bn_after",
            "learn*=.01",
            "units=3e2",
            "units=[1-3]??",
            "units=[3,4]00",
            "units=300,bn_*",
            "units=[3,4]00,bn_*",
            "bn_after,units=300/seed-12",
            "seed-1?",
            "seed-[!23]2",
            "*",
            "*/*/*",
            "batch_norm/*",
            "bn_after/seed-12",
            "*/seed-12",
            "batch_norm/bn_after,learning_rate=0.01,units=300/seed-12",
            "batch_norm/bn_*/seed-12/",
        ] {
            assert!(matches(pattern, &trial), "{pattern}");
        }
        for pattern in [
            "",
            "batch",
            "bn",
            "learning_rate=0.1",
            "learning_rate=0.0",
            "learning_rate=1e-1",
            "1e-2",
            "units=0.01",
            "seed-1",
            "batch_norm/seed-12",
            "bn_before/seed-12",
            "*/*/*/*",
            "seed-[!1]2",
            "bn_after,units=200",
            "seed-[12",
        ] {
            assert!(!matches(pattern, &trial), "{pattern}");
        }
    }

    #[test]
    fn excluding_wins_over_including() {
        let selection = Selection {
            only: vec!["a".to_owned(), "b".to_owned()],
            exclude: vec!["seed-2".to_owned()],
        };
        assert!(selection.takes("e", "a", 1));
        assert!(selection.takes("e", "b", 1));
        assert!(!selection.takes("e", "c", 1));
        assert!(!selection.takes("e", "a", 2));
        assert!(Selection::default().takes("e", "c", 2));
    }

    #[test]
    fn many_stars_end_in_time() {
        let text: Vec<char> = "a".repeat(40).chars().collect();
        let pattern: Vec<char> = "*a*a*b".chars().collect();
        assert!(!glob(&pattern, &text));
    }
}
