//! From tokens to a [`Claim`](super::Claim), by recursive descent.

use std::ops::Range;

use serde::Deserialize as _;
use serde::de::IntoDeserializer as _;

use super::lexer::{Token, tokens};
use super::{
    ClaimRelation, ClaimRule, Expression, Mistake, Operator, Quantity, Relation, Target, Term,
};
use crate::spec::{Monitor, suggest};

/// The deepest nesting of parentheses and minuses that is read.
const MAX_DEPTH: usize = 50;

const AN_EXAMPLE: &str = "write a comparison like `bn.val_accuracy@10 > no_bn.val_accuracy@10`";

/// The left side of a claim, the relation, the right side, and the rule that decides it.
pub type Parts = (Expression, ClaimRelation, Expression, ClaimRule);

/// The variants and grid points that a claim can speak of.
pub trait Cases {
    /// The variants' names.
    fn variants(&self) -> Vec<&str>;

    /// The label of the one case of a variant that has the grid values in brackets.
    fn label(
        &self,
        variant: &str,
        at: Range<usize>,
        selection: &[(String, Range<usize>)],
    ) -> Result<String, Mistake>;

    /// What is wrong with a quantity for a case.
    fn problem(&self, term: &Term) -> Option<(String, String)>;
}

/// Reads a claim.
pub fn parse(text: &str, cases: &impl Cases) -> Result<Parts, Mistake> {
    let tokens = tokens(text, &cases.variants())?;
    let text = text.trim_end();
    let last = text.char_indices().next_back().map_or(0, |(at, _)| at);
    let mut parser = Parser { tokens, next: 0, end: last..text.len(), cases, depth: 0 };
    parser.claim()
}

struct Parser<'a, C> {
    tokens: Vec<(Token, Range<usize>)>,
    next: usize,
    /// The last character, which stands for what is missing after it.
    end: Range<usize>,
    cases: &'a C,
    depth: usize,
}

impl<C: Cases> Parser<'_, C> {
    fn claim(&mut self) -> Result<Parts, Mistake> {
        let left = self.sum()?;
        let (token, at) = self.take();
        let relation = match token {
            Some(Token::Relation(relation)) => Some(relation),
            Some(Token::Near) => None,
            Some(other) => {
                return Err(unexpected(&other, at, "`<`, `<=`, `>`, `>=` or `~=`"));
            }
            None => return Err(Mistake::new(at, "a claim compares two sides", AN_EXAMPLE)),
        };
        let right = self.sum()?;
        let relation = match relation {
            Some(relation) => ClaimRelation::Order(relation),
            None => ClaimRelation::Within(self.tolerance()?),
        };
        let rule = self.rule(relation)?;
        let (token, at) = self.take();
        if let Some(token) = token {
            if matches!(token, Token::Relation(_) | Token::Near) {
                let help = "make two claims of it";
                return Err(Mistake::new(at, "a claim compares two sides and no more", help));
            }
            return Err(unexpected(&token, at, "the end of the claim"));
        }
        if left.terms().is_empty() && right.terms().is_empty() {
            let message = "this claim is about no variant";
            return Err(Mistake::new(0..self.end.end, message, AN_EXAMPLE));
        }
        Ok((left, relation, right, rule))
    }

    /// `with p < 0.05` or `on average`, if one of them is there.
    fn rule(&mut self, relation: ClaimRelation) -> Result<ClaimRule, Mistake> {
        let start = self.place().start;
        let level = self.level(relation)?;
        if !self.take_word("on") {
            return Ok(level.map_or_else(ClaimRule::default, ClaimRule::Test));
        }
        let (token, at) = self.take();
        if token != Some(Token::Word("average".to_owned())) {
            let help = "write `on average` to compare the means without a test";
            return Err(Mistake::new(at, "after `on`, expected `average`", help));
        }
        let end = self.end_of_last();
        if level.is_some() || matches!(self.peek(), Some(Token::Word(word)) if word == "with") {
            let message = "`on average` compares the means without a test, so there is no p";
            return Err(Mistake::new(start..end, message, "leave one of the two out"));
        }
        Ok(ClaimRule::Means)
    }

    /// `with p < 0.05`, if it is there.
    fn level(&mut self, relation: ClaimRelation) -> Result<Option<f64>, Mistake> {
        if !self.take_word("with") {
            return Ok(None);
        }
        let is_p = self.take_word("p");
        let (token, at) = self.take();
        if !is_p || token != Some(Token::Relation(Relation::Less)) {
            let message = "after `with`, expected `p < 0.05` or another level";
            return Err(Mistake::new(at, message, ""));
        }
        let (limit, message) = match relation {
            ClaimRelation::Order(_) => (1.0, "the level of a test is a number between 0 and 1"),
            // The interval that decides has a confidence of 1 less twice the level.
            ClaimRelation::Within(_) => {
                (0.5, "the level of an equivalence test is a number between 0 and 0.5")
            }
        };
        match self.take() {
            (Some(Token::Number(level)), _) if level > 0.0 && level < limit => Ok(Some(level)),
            (Some(_) | None, at) => Err(Mistake::new(at, message, "write `with p < 0.05`")),
        }
    }

    /// `within 0.01`
    fn tolerance(&mut self) -> Result<f64, Mistake> {
        let help = "say how far apart they may be, as in `a.val_loss ~= b.val_loss within 0.01`";
        let at = self.place();
        if !self.take_word("within") {
            return Err(Mistake::new(at, "`~=` needs a tolerance", help));
        }
        match self.take() {
            (Some(Token::Number(tolerance)), _) => Ok(tolerance),
            (Some(_) | None, at) => Err(Mistake::new(at, "the tolerance is a number", help)),
        }
    }

    fn sum(&mut self) -> Result<Expression, Mistake> {
        let mut sum = self.product()?;
        while let Some(operator) = self.take_operator(&[Operator::Plus, Operator::Minus]) {
            sum = Expression::Both(Box::new(sum), operator, Box::new(self.product()?));
        }
        Ok(sum)
    }

    fn product(&mut self) -> Result<Expression, Mistake> {
        let mut product = self.factor()?;
        while let Some(operator) = self.take_operator(&[Operator::Times, Operator::Over]) {
            product = Expression::Both(Box::new(product), operator, Box::new(self.factor()?));
        }
        Ok(product)
    }

    fn factor(&mut self) -> Result<Expression, Mistake> {
        let (token, at) = self.take();
        self.depth += 1;
        if self.depth > MAX_DEPTH {
            return Err(Mistake::new(at, "parentheses are nested too deeply", ""));
        }
        let factor = match token {
            Some(Token::Number(number)) => Expression::Number(number),
            Some(Token::Operator(Operator::Minus)) => Expression::Minus(Box::new(self.factor()?)),
            Some(Token::Open) => {
                let inner = self.sum()?;
                self.close(&at)?;
                inner
            }
            Some(Token::Variant(name)) => Expression::Term(self.term(&name, at)?),
            Some(Token::Word(name)) => return Err(self.unknown_variant(&name, at)),
            Some(other) => return Err(unexpected(&other, at, "a number or a quantity")),
            None => return Err(Mistake::new(at, "the claim ends too early", AN_EXAMPLE)),
        };
        self.depth -= 1;
        Ok(factor)
    }

    /// A variant whose name was taken, with its quantity.
    fn term(&mut self, variant: &str, at: Range<usize>) -> Result<Term, Mistake> {
        let start = at.start;
        let selection = match self.peek() {
            Some(Token::Selection(selection)) => {
                let selection = selection.clone();
                self.next += 1;
                selection
            }
            Some(_) | None => Vec::new(),
        };
        let case = self.cases.label(variant, at, &selection)?;
        let (token, at) = self.take();
        if token != Some(Token::Dot) {
            let help = format!("write what of it, as in `{variant}.val_accuracy`");
            return Err(Mistake::new(at, "after a variant, expected `.`", help));
        }
        let (token, at) = self.take();
        let Some(Token::Word(name)) = token else {
            let help = format!("write what of it, as in `{variant}.val_accuracy`");
            return Err(Mistake::new(at, "after `.`, expected a quantity", help));
        };
        let quantity = self.quantity(&name, at)?;
        let term = Term { case, quantity };
        match self.cases.problem(&term) {
            Some((message, help)) => Err(Mistake::new(start..self.end_of_last(), message, help)),
            None => Ok(term),
        }
    }

    fn quantity(&mut self, name: &str, at: Range<usize>) -> Result<Quantity, Mistake> {
        let target: Option<fn(Target) -> Quantity> = match name {
            "epochs_to" => Some(Quantity::EpochsTo),
            "seconds_to" => Some(Quantity::SecondsTo),
            _ => None,
        };
        if let Some(quantity) = target {
            return Ok(quantity(self.target(name)?));
        }
        if let Some(metric) = monitor(name) {
            return match self.take_if(&Token::At) {
                false => Ok(Quantity::Kept(metric)),
                true => Ok(Quantity::At(metric, self.epoch(name)?)),
            };
        }
        let quantity = match name {
            "test_accuracy" => Quantity::TestAccuracy,
            "test_loss" => Quantity::TestLoss,
            "epoch_seconds" => Quantity::EpochSeconds,
            "train_seconds" => Quantity::TrainSeconds,
            "params" => Quantity::Params,
            "diverged" => Quantity::Diverged,
            _ => {
                let best = name.strip_prefix("best_").and_then(monitor).map(Quantity::Best);
                let last = name.strip_prefix("last_").and_then(monitor).map(Quantity::Last);
                match best.or(last) {
                    Some(quantity) => quantity,
                    None => return Err(unknown_quantity(name, at)),
                }
            }
        };
        if matches!(self.peek(), Some(Token::At)) {
            let message = format!("`{name}` has no epochs");
            let help = "`@` takes a metric of every epoch, as in `val_accuracy@10`";
            return Err(Mistake::new(self.place(), message, help));
        }
        Ok(quantity)
    }

    /// The epoch after `@`.
    fn epoch(&mut self, metric: &str) -> Result<usize, Mistake> {
        let (token, at) = self.take();
        match token {
            Some(Token::Number(epoch)) if epoch >= 1.0 && epoch.fract() == 0.0 && epoch < 1e9 => {
                Ok(epoch as usize)
            }
            Some(_) | None => {
                let message = "an epoch is a whole number from 1";
                Err(Mistake::new(at, message, format!("write it as in `{metric}@10`")))
            }
        }
    }

    /// `(val_accuracy >= 0.83)`
    fn target(&mut self, function: &str) -> Result<Target, Mistake> {
        let help = format!("write it as in `{function}(val_accuracy >= 0.83)`");
        let (token, open) = self.take();
        if token != Some(Token::Open) {
            let message = format!("`{function}` needs a target in parentheses");
            return Err(Mistake::new(open, message, help));
        }
        let (token, at) = self.take();
        let metric = match token {
            Some(Token::Word(name)) => monitor(&name).ok_or_else(|| {
                let message = format!("`{name}` is no metric of epochs");
                Mistake::new(
                    at,
                    message,
                    suggest(&name, &monitors().each_ref().map(String::as_str)),
                )
            })?,
            Some(_) | None => return Err(Mistake::new(at, "expected a metric", help)),
        };
        let (token, at) = self.take();
        let Some(Token::Relation(relation)) = token else {
            return Err(Mistake::new(at, "expected `<`, `<=`, `>` or `>=`", help));
        };
        let minus = self.take_operator(&[Operator::Minus]).is_some();
        let (token, at) = self.take();
        let Some(Token::Number(value)) = token else {
            return Err(Mistake::new(at, "expected a number", help));
        };
        self.close(&open)?;
        Ok(Target { metric, relation, value: if minus { -value } else { value } })
    }

    fn close(&mut self, open: &Range<usize>) -> Result<(), Mistake> {
        let (token, at) = self.take();
        match token {
            Some(Token::Close) => Ok(()),
            Some(other) => Err(unexpected(&other, at, "`)`")),
            None => Err(Mistake::new(open.clone(), "this parenthesis is not closed", "add `)`")),
        }
    }

    fn peek(&self) -> Option<&Token> {
        self.tokens.get(self.next).map(|(token, _)| token)
    }

    /// Where the next token is, or the end of the claim.
    fn place(&self) -> Range<usize> {
        self.tokens.get(self.next).map_or(self.end.clone(), |(_, at)| at.clone())
    }

    fn end_of_last(&self) -> usize {
        self.next.checked_sub(1).map_or(0, |last| self.tokens[last].1.end)
    }

    fn take(&mut self) -> (Option<Token>, Range<usize>) {
        let at = self.place();
        let token = self.peek().cloned();
        self.next += 1;
        (token, at)
    }

    fn take_if(&mut self, wanted: &Token) -> bool {
        let found = self.peek() == Some(wanted);
        self.next += usize::from(found);
        found
    }

    fn take_word(&mut self, word: &str) -> bool {
        self.take_if(&Token::Word(word.to_owned()))
    }

    fn take_operator(&mut self, wanted: &[Operator]) -> Option<Operator> {
        match self.peek() {
            Some(Token::Operator(operator)) if wanted.contains(operator) => {
                let operator = *operator;
                self.next += 1;
                Some(operator)
            }
            Some(_) | None => None,
        }
    }

    fn unknown_variant(&self, name: &str, at: Range<usize>) -> Mistake {
        let variants = self.cases.variants();
        if variants.contains(&name) {
            let help = format!("write what of it, as in `{name}.val_accuracy`");
            return Mistake::new(at, format!("`{name}` is a variant, not a number"), help);
        }
        Mistake::new(at, format!("no variant is named `{name}`"), suggest(name, &variants))
    }
}

/// What stands where something else has to.
fn unexpected(token: &Token, at: Range<usize>, expected: &str) -> Mistake {
    let found = match token {
        Token::Variant(name) | Token::Word(name) => format!("`{name}`"),
        Token::Number(number) => format!("`{number}`"),
        Token::Relation(relation) => format!("`{}`", relation.as_str()),
        Token::Near => "`~=`".to_owned(),
        Token::Operator(_) => "an operator".to_owned(),
        Token::Selection(_) => "brackets".to_owned(),
        Token::Open => "`(`".to_owned(),
        Token::Close => "`)`".to_owned(),
        Token::Dot => "`.`".to_owned(),
        Token::At => "`@`".to_owned(),
    };
    Mistake::new(at, format!("expected {expected}, found {found}"), "")
}

/// A metric of epochs by its name in files.
fn monitor(name: &str) -> Option<Monitor> {
    let name: serde::de::value::StrDeserializer<'_, serde::de::value::Error> =
        name.into_deserializer();
    Monitor::deserialize(name).ok()
}

fn monitors() -> [String; 4] {
    [Monitor::Accuracy, Monitor::Loss, Monitor::ValAccuracy, Monitor::ValLoss].map(Monitor::name)
}

fn unknown_quantity(name: &str, at: Range<usize>) -> Mistake {
    let monitors = monitors();
    let of_epoch =
        ["best", "last"].map(|epoch| monitors.each_ref().map(|m| format!("{epoch}_{m}")));
    let mut known: Vec<&str> = monitors.iter().map(String::as_str).collect();
    known.extend(of_epoch.iter().flatten().map(String::as_str));
    known.extend(["test_accuracy", "test_loss", "epochs_to", "seconds_to"]);
    known.extend(["epoch_seconds", "train_seconds", "params", "diverged"]);
    let help = match name {
        "parameters" => "did you mean `params`?".to_owned(),
        _ => suggest(name, &known),
    };
    Mistake::new(at, format!("there is no quantity `{name}`"), help)
}
