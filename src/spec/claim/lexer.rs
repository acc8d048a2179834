//! A claim's text cut into words, numbers and signs, each with its bytes.

use std::ops::Range;

use super::{Mistake, Operator, Relation};

/// A piece of a claim.
#[derive(Debug, Clone, PartialEq)]
pub enum Token {
    /// A variant's name, known because a dot or a bracket follows and the file has it.
    Variant(String),
    /// Another word.
    Word(String),
    /// A number without a sign.
    Number(f64),
    /// `<` and its kin.
    Relation(Relation),
    /// `~=`
    Near,
    /// `+` and its kin.
    Operator(Operator),
    /// What stands between brackets, cut at its commas, each with its bytes.
    Selection(Vec<(String, Range<usize>)>),
    /// `(`
    Open,
    /// `)`
    Close,
    /// `.`
    Dot,
    /// `@`
    At,
}

/// Signs, longer ones before those they begin with.
fn sign(rest: &str) -> Option<(usize, Token)> {
    use Token::{At, Close, Dot, Near, Open};
    let signs = [
        ("<=", Token::Relation(Relation::LessOrEqual)),
        ("≤", Token::Relation(Relation::LessOrEqual)),
        ("<", Token::Relation(Relation::Less)),
        (">=", Token::Relation(Relation::GreaterOrEqual)),
        ("≥", Token::Relation(Relation::GreaterOrEqual)),
        (">", Token::Relation(Relation::Greater)),
        ("~=", Near),
        ("≈", Near),
        ("+", Token::Operator(Operator::Plus)),
        ("-", Token::Operator(Operator::Minus)),
        ("−", Token::Operator(Operator::Minus)),
        ("*", Token::Operator(Operator::Times)),
        ("×", Token::Operator(Operator::Times)),
        ("/", Token::Operator(Operator::Over)),
        ("÷", Token::Operator(Operator::Over)),
        ("(", Open),
        (")", Close),
        (".", Dot),
        ("@", At),
    ];
    signs
        .into_iter()
        .find(|(text, _)| rest.starts_with(text))
        .map(|(text, sign)| (text.len(), sign))
}

/// Cuts a claim into tokens. Names of variants may hold almost anything, a minus for example, and
/// are known by those of the file: the longest one counts.
pub fn tokens(text: &str, variants: &[&str]) -> Result<Vec<(Token, Range<usize>)>, Mistake> {
    let mut tokens: Vec<(Token, Range<usize>)> = Vec::new();
    let mut at = 0;
    while at < text.len() {
        let rest = &text[at..];
        let first = rest.chars().next().expect("there is a rest");
        if first.is_whitespace() {
            at += first.len_utf8();
            continue;
        }
        let after_dot = matches!(tokens.last(), Some((Token::Dot, _)));
        let variant = variants
            .iter()
            .filter(|name| !after_dot && rest.starts_with(**name) && has_more(&rest[name.len()..]))
            .max_by_key(|name| name.len());
        let (length, token) = if let Some(name) = variant {
            (name.len(), Token::Variant((*name).to_owned()))
        } else if first.is_ascii_digit() {
            number(rest).map_err(|length| {
                let number = &rest[..length];
                Mistake::new(at..at + length, format!("`{number}` is not a number"), "")
            })?
        } else if first == '[' {
            selection(rest, at)?
        } else if let Some(found) = sign(rest) {
            found
        } else if is_of_word(first) {
            let length = rest.find(|c| !is_of_word(c)).unwrap_or(rest.len());
            (length, Token::Word(rest[..length].to_owned()))
        } else if first == '=' {
            return Err(Mistake::new(
                at..at + 1,
                "`=` compares nothing here",
                "write `~=` with a tolerance, as in `a.val_loss ~= b.val_loss within 0.01`",
            ));
        } else {
            let length = first.len_utf8();
            return Err(Mistake::new(
                at..at + length,
                format!("`{first}` has no meaning in a claim"),
                "write a comparison like `bn.val_accuracy@10 > no_bn.val_accuracy@10`",
            ));
        };
        tokens.push((token, at..at + length));
        at += length;
    }
    Ok(tokens)
}

fn is_of_word(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

/// Whether what follows a name makes it a variant's: its grid values, or the dot of a quantity.
fn has_more(rest: &str) -> bool {
    let mut following = rest.chars();
    match following.next() {
        Some('[') => true,
        Some('.') => following.next().is_some_and(|c| c.is_alphabetic() || c == '_'),
        Some(_) | None => false,
    }
}

/// A number at the beginning of a text and its length; where it is none, the length of what looks
/// like one.
fn number(rest: &str) -> Result<(usize, Token), usize> {
    let digits = |from: usize| {
        from + rest[from..]
            .find(|c: char| !c.is_ascii_digit() && c != '_')
            .unwrap_or(rest.len() - from)
    };
    let mut end = digits(0);
    if rest[end..].starts_with('.') && rest[end + 1..].starts_with(|c: char| c.is_ascii_digit()) {
        end = digits(end + 1);
    }
    if let Some(exponent) = rest[end..].strip_prefix(['e', 'E']) {
        let signed = exponent.strip_prefix(['+', '-']).unwrap_or(exponent);
        if signed.starts_with(|c: char| c.is_ascii_digit()) {
            end = digits(rest.len() - signed.len());
        }
    }
    // `10x` and `1.2.3` are neither numbers nor names.
    let word = rest.find(|c| !is_of_word(c) && c != '.').unwrap_or(rest.len()).max(end);
    if word > end {
        return Err(word);
    }
    let value = rest[..end].replace('_', "").parse::<f64>();
    match value {
        Ok(value) if value.is_finite() => Ok((end, Token::Number(value))),
        Ok(_) | Err(_) => Err(end),
    }
}

/// What stands in brackets; their place in the claim is `at`.
fn selection(rest: &str, at: usize) -> Result<(usize, Token), Mistake> {
    let Some(end) = rest.find(']') else {
        return Err(Mistake::new(at..at + rest.len(), "a bracket is not closed", "add `]`"));
    };
    let mut parts = Vec::new();
    let mut start = 1;
    for part in rest[1..end].split(',') {
        let before = part.len() - part.trim_start().len();
        let from = at + start + before;
        parts.push((part.trim().to_owned(), from..from + part.trim().len()));
        start += part.len() + 1;
    }
    Ok((end + 1, Token::Selection(parts)))
}
