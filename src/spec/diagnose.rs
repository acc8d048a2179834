//! What to say where a text is not YAML, from the text around the place where the parser stopped.

use std::ops::Range;

use super::problem::Problem;

/// Whether a character looks like a space but is not a space to YAML.
pub(super) fn other_space(c: char) -> bool {
    c.is_whitespace() && !c.is_ascii_whitespace() || c == '\u{feff}' || c == '\u{200b}'
}

/// A character that looks like a space but is not a space to YAML.
pub(super) fn wrong_space(at: usize, c: char) -> Problem {
    let span = Some(at..at + c.len_utf8());
    match c {
        '\t' => Problem::new(span, "a tab in the indentation", "indent with spaces only"),
        '\u{a0}' => Problem::new(
            span,
            "a no-break space (U+00A0) instead of a space",
            "replace it by a plain space; text copied from a web page or a PDF often has such ones",
        ),
        other => Problem::new(
            span,
            format!("U+{:04X} instead of a space", u32::from(other)),
            "replace it by a plain space",
        ),
    }
}

/// The mistake at the byte where the parser stopped.
pub(super) fn diagnose(text: &str, at: usize) -> Problem {
    let at = at.min(text.len());
    let scan = Scan::of(text, at);
    let line = Line::around(text, at);
    scan.unclosed_quote(text)
        .or_else(|| spaces(text, &line))
        .or_else(|| first_letter(text, at))
        .or_else(|| scan.brackets(text, at))
        .unwrap_or_else(|| block(text, at, &line))
}

/// A line of a text, without its line break.
#[derive(Clone)]
struct Line<'t> {
    start: usize,
    text: &'t str,
}

impl<'t> Line<'t> {
    fn around(text: &'t str, at: usize) -> Self {
        let start = text[..at].rfind('\n').map_or(0, |newline| newline + 1);
        let end = text[start..].find('\n').map_or(text.len(), |length| start + length);
        Self { start, text: text[start..end].trim_end_matches('\r') }
    }

    /// The line before that is not blank.
    fn before(&self, text: &'t str) -> Option<Self> {
        let end = text[..self.start].trim_end().len();
        (end > 0).then(|| Self::around(text, end))
    }

    /// The next line that is not blank.
    fn after(&self, text: &'t str) -> Option<Self> {
        let rest = &text[self.start + self.text.len()..];
        let start = text.len() - rest.trim_start_matches(['\r', '\n']).len();
        let blank = text[start..].len() - text[start..].trim_start().len();
        (start + blank < text.len()).then(|| Self::around(text, start + blank))
    }

    fn indentation(&self) -> usize {
        self.text.len() - self.text.trim_start_matches([' ', '\t']).len()
    }

    /// The bytes of what stands in it.
    fn content(&self) -> Range<usize> {
        let end = self.start + self.text.trim_end().len();
        (self.start + self.indentation()).min(end)..end
    }
}

/// From a byte to the end of its line.
fn rest_of_line(text: &str, from: usize) -> Range<usize> {
    let line = text[from..].lines().next().unwrap_or("");
    from..from + line.trim_end().len()
}

/// Tabs where the parser takes none and spaces of other kinds, in the line of the mistake or the lines
/// around it: the parser may stop before a line that it cannot take.
fn spaces(text: &str, line: &Line<'_>) -> Option<Problem> {
    let (before, after) = (line.before(text), line.after(text));
    let lines = || before.iter().chain([line]).chain(&after);
    let other = lines().find_map(|line| {
        let (at, c) = line.text.char_indices().find(|(_, c)| other_space(*c))?;
        Some(wrong_space(line.start + at, c))
    });
    let tab = || {
        lines().find_map(|line| {
            let at = line.text[..line.indentation()].find('\t')?;
            Some(wrong_space(line.start + at, '\t'))
        })
    };
    let after_a_key = || {
        lines().find_map(|line| {
            let at = line.start + line.text.find(":\t").or_else(|| line.text.find("-\t"))? + 1;
            let message = format!("a tab after `{}`", &text[at - 1..at]);
            Some(Problem::new(Some(at..at + 1), message, "put a space in its place"))
        })
    };
    other.or_else(tab).or_else(after_a_key)
}

/// Letters that no plain text can begin with.
fn first_letter(text: &str, at: usize) -> Option<Problem> {
    let begin = at + text[at..].len() - text[at..].trim_start_matches([' ', '\t']).len();
    let begins_a_value = || {
        let before = text[..begin].trim_end_matches([' ', '\t']);
        before.is_empty() || before.ends_with(['\n', ':', '-', '[', '{', ',', '?'])
    };
    let c = text[begin..].chars().next()?;
    let span = Some(rest_of_line(text, begin));
    match c {
        '%' | '@' | '`' if begins_a_value() => Some(Problem::new(
            span,
            format!("a text cannot begin with `{c}`"),
            "put it in quotes, as in `description: \"…\"`",
        )),
        '*' if begins_a_value() => {
            let name = |c: char| c.is_whitespace() || ",[]{}".contains(c);
            let end = text[begin..].find(name).map_or(text.len(), |length| begin + length);
            Some(Problem::new(
                Some(begin..end),
                format!("no anchor `&{}` comes before", &text[begin + 1..end]),
                "put it before the value that is meant; a text that begins with `*` needs quotes",
            ))
        }
        _ => None,
    }
}

/// Mistakes outside brackets and quotes.
fn block(text: &str, at: usize, line: &Line<'_>) -> Problem {
    let content = line.content();
    let here = &text[content.clone()];
    if text[at..].starts_with([']', '}']) {
        let c = &text[at..=at];
        let message = format!("this `{c}` closes nothing");
        return Problem::new(Some(at..at + 1), message, "remove it, or open it before");
    }
    let before = text[line.start..at].trim_end();
    if let Some(end) = before.chars().next_back().filter(|c| "\"']}".contains(*c))
        && !text[at..].trim_start_matches(' ').starts_with([':', '\n'])
        && at < text.len()
    {
        return Problem::new(
            Some(rest_of_line(text, at)),
            format!("unexpected text after `{end}`"),
            "put a whole text in one pair of quotes, and what belongs to a list or map inside its \
             brackets",
        );
    }
    let keys = colons(here);
    if keys.len() > 1 || text[at..].starts_with(':') {
        let second = keys.get(1).map_or(at, |colon| content.start + colon);
        return Problem::new(
            Some(rest_of_line(text, second)),
            "a `:` where no key can be",
            "put a text with `: ` in quotes, and give each key a line of its own",
        );
    }
    if let [colon] = keys[..]
        && here[colon + 1..].trim_start().starts_with("- ")
    {
        let dash = content.start + colon + 1;
        let dash = dash + text[dash..].len() - text[dash..].trim_start().len();
        return Problem::new(
            Some(rest_of_line(text, dash)),
            "a `-` where no list can be",
            "begin a list on a line of its own below its key",
        );
    }
    // The parser notices a missing colon at the end of the line or in the next one.
    let without_key = |line: &Line<'_>| {
        let here = &text[line.content()];
        !here.is_empty() && colons(here).is_empty() && !here.starts_with(['-', '#'])
    };
    let before = line.before(text);
    let faulty = [Some(line.clone()), before].into_iter().flatten().find(|line| without_key(line));
    if let Some(faulty) = faulty {
        return Problem::new(
            Some(faulty.content()),
            "a line without `key: value`",
            "write a key, a colon and a space, and then the value",
        );
    }
    let is_item = here.starts_with("- ");
    Problem::new(
        Some(content),
        "inconsistent indentation",
        match is_item {
            true => "put all `-` of a list in one column, further right than the key of the list",
            false => {
                "indent all keys of a map equally, and what belongs to a key further than the key"
            }
        },
    )
}

/// The colons of a line that end a key: outside quotes and brackets, before a space or the end.
fn colons(line: &str) -> Vec<usize> {
    let mut colons = Vec::new();
    let mut open: usize = 0;
    let mut quote = None;
    let mut before = ' ';
    for (at, c) in line.char_indices() {
        match (quote, c) {
            (Some(end), c) => quote = (c != end).then_some(end),
            (None, '"' | '\'') if " [{,:".contains(before) => quote = Some(c),
            (None, '[' | '{') => open += 1,
            (None, ']' | '}') => open = open.saturating_sub(1),
            (None, '#') if before == ' ' => break,
            (None, ':') if open == 0 => {
                let next = line[at + 1..].chars().next();
                if next.is_none_or(char::is_whitespace) {
                    colons.push(at);
                }
            }
            (None, _) => {}
        }
        before = c;
    }
    colons
}

/// The brackets and the quote that are open at a place.
#[derive(Default)]
struct Scan {
    brackets: Vec<(usize, char)>,
    /// A closing bracket of the other kind.
    mismatch: Option<usize>,
    /// Where the quoted text begins that the place is in.
    quote: Option<usize>,
    /// An escape in it that YAML does not have.
    bad_escape: Option<usize>,
    /// Where the quote is closed after the place.
    closed_at: Option<usize>,
}

impl Scan {
    /// Reads a text up to and including the character at a byte, and to the end of a quoted text
    /// that is open there.
    fn of(text: &str, until: usize) -> Self {
        let mut scan = Self::default();
        let mut letters = text.char_indices().peekable();
        // Whether a value can begin here.
        let mut fresh = true;
        let mut line_start = 0;
        let mut before = '\n';
        while let Some((at, c)) = letters.next() {
            if at > until && scan.quote.is_none() {
                break;
            }
            if let Some(quote) = scan.quote {
                match (text.as_bytes()[quote], c) {
                    (b'"', '\\') => {
                        let escape = letters.next().map_or('\n', |(_, c)| c);
                        if !"0abtnvfre \"/\\N_LPxuU\t\r\n".contains(escape) {
                            scan.bad_escape.get_or_insert(at);
                        }
                    }
                    (b'\'', '\'') if letters.peek().is_some_and(|(_, next)| *next == '\'') => {
                        letters.next();
                    }
                    (b'"', '"') | (b'\'', '\'') if at >= until => {
                        scan.closed_at = Some(at);
                        break;
                    }
                    (b'"', '"') | (b'\'', '\'') => {
                        scan.quote = None;
                        scan.bad_escape = None;
                    }
                    _ => {}
                }
                before = c;
                continue;
            }
            match c {
                '\n' => {
                    fresh = true;
                    line_start = at + 1;
                }
                ' ' | '\t' | '\r' => {}
                '#' if before.is_whitespace() => {
                    while letters.next_if(|(_, c)| *c != '\n').is_some() {}
                }
                '"' | '\'' if fresh => {
                    scan.quote = Some(at);
                    fresh = false;
                }
                '[' | '{' if fresh => scan.brackets.push((at, c)),
                ']' | '}' if !scan.brackets.is_empty() => {
                    let opened = if c == ']' { '[' } else { '{' };
                    if scan.brackets.pop_if(|(_, open)| *open == opened).is_none() {
                        scan.mismatch = Some(at);
                        break;
                    }
                    fresh = false;
                }
                ',' if !scan.brackets.is_empty() => fresh = true,
                ':' | '-' | '?' => {
                    let next = letters.peek().map(|(_, c)| *c);
                    let flow = !scan.brackets.is_empty() && c == ':';
                    fresh = next.is_none_or(char::is_whitespace)
                        || flow && next.is_some_and(|c| "[{\"'".contains(c));
                }
                '&' | '!' if fresh => {
                    while letters.next_if(|(_, c)| !c.is_whitespace()).is_some() {}
                }
                '|' | '>' if fresh && scan.brackets.is_empty() => {
                    let end = block_scalar_end(text, line_start, at);
                    while letters.next_if(|(at, _)| *at < end).is_some() {}
                    line_start = end;
                    fresh = true;
                }
                _ => fresh = false,
            }
            before = c;
        }
        scan
    }

    fn unclosed_quote(&self, text: &str) -> Option<Problem> {
        let quote = self.quote?;
        if let Some(escape) = self.bad_escape {
            return Some(Problem::new(
                Some(rest_of_line(text, escape)),
                "an unknown escape in a quoted text",
                "write `\\\\` for a backslash, or use single quotes",
            ));
        }
        let span = rest_of_line(text, quote);
        match self.closed_at {
            None => Some(Problem::new(
                Some(span),
                "this quote is not closed",
                "end the text with the same quote",
            )),
            Some(end) if end > span.end => Some(Problem::new(
                Some(span),
                "a line of this text is not indented",
                "indent all lines of a quoted text further than its key",
            )),
            Some(_) => None,
        }
    }

    fn brackets(&self, text: &str, at: usize) -> Option<Problem> {
        let &(start, open) = self.brackets.last()?;
        let close = if open == '[' { ']' } else { '}' };
        let first_line = Line::around(text, start);
        let expected = |at: usize| {
            Problem::new(
                Some(rest_of_line(text, at)),
                format!("expected a comma or `{close}`"),
                format!("close the `{open}`, or separate its items by commas"),
            )
        };
        if let Some(wrong) = self.mismatch {
            return Some(expected(wrong));
        }
        let here = Line::around(text, at);
        let outermost = Line::around(text, self.brackets[0].0);
        let key = outermost.text.trim_start_matches([' ', '-']);
        let whole = Self::of(text, text.len());
        let is_closed = whole.mismatch.is_none() && !whole.brackets.contains(&(start, open));
        if is_closed
            && here.start > outermost.start
            && here.indentation() <= outermost.text.len() - key.len()
        {
            return Some(Problem::new(
                Some(here.content()),
                format!("a line inside `{open}…{close}` is indented too little"),
                "indent it further than the key before the bracket",
            ));
        }
        if at >= first_line.start + first_line.text.len() {
            return Some(Problem::new(
                Some(rest_of_line(text, start)),
                format!("this `{open}` is not closed"),
                format!("write the `{close}` that closes it; a comma may be missing as well"),
            ));
        }
        Some(expected(at))
    }
}

/// The end of a block scalar whose `|` or `>` stands at a byte of a line.
fn block_scalar_end(text: &str, line_start: usize, at: usize) -> usize {
    let indentation = |line: &str| line.len() - line.trim_start_matches(' ').len();
    let own = indentation(&text[line_start..at]);
    let mut end = text[at..].find('\n').map_or(text.len(), |length| at + length + 1);
    for line in text[end..].split_inclusive('\n') {
        if !line.trim().is_empty() && indentation(line) <= own {
            break;
        }
        end += line.len();
    }
    end
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str, place: &str) -> (String, usize) {
        let Problem { message, span, .. } = diagnose(text, text.find(place).unwrap());
        (message, span.unwrap().start)
    }

    #[test]
    fn brackets_quotes_and_comments_are_told_apart() {
        assert_eq!(at("a: { b: 1\nc: 2\n", "c"), ("this `{` is not closed".to_owned(), 3));
        let closed = "a: { b: \"{\" } # {\nc: 'it''s {'\nd e\nf: 1\n";
        assert_eq!(at(closed, "f"), ("a line without `key: value`".to_owned(), 31));
        let scalar = "a: |\n  text { of\n  \"any kind\nb: 1\n   c: 2\n";
        assert_eq!(at(scalar, "c: 2"), ("inconsistent indentation".to_owned(), 37));
    }

    #[test]
    fn other_spaces_are_named_where_they_stand() {
        assert_eq!(
            at("a:\n \u{a0}b: 1\n  c: 2\n", "c"),
            ("a no-break space (U+00A0) instead of a space".to_owned(), 4)
        );
        assert_eq!(at("a:\n\tb: 1\n", "b"), ("a tab in the indentation".to_owned(), 3));
        // The parser stops in the line before.
        let text = "a:\n  b: 1\n\tc: 2\n";
        assert_eq!(at(text, "b"), ("a tab in the indentation".to_owned(), 10));
        assert_eq!(at("a: 1\nb:\tc: 2\n", "b"), ("a tab after `:`".to_owned(), 7));
    }
}
