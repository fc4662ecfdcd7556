//! An expression is a name and steps: `positions[subject].collateral`, `rates[3][0x…]`.
//!
//! Grammar: `name ( '.' name | '[' key ']' )*`, spaces allowed between parts; a key is anything without brackets.

use thiserror::Error;

/// What is wrong with an expression, and where. Recoverable: write another one.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
#[error("{expression}: at character {at}: expected {expected}, got {got}")]
pub struct PathError {
    /// The whole expression.
    pub expression: String,
    /// Character of the expression, the first is 1.
    pub at: usize,
    /// What would be accepted.
    pub expected: String,
    /// What is there.
    pub got: String,
}

/// A part of an expression.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part<'a> {
    /// The variable, or `.member`.
    Name(&'a str),
    /// `[key]`, without the brackets and the spaces beside them.
    Key(&'a str),
}

/// A part and where it begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Token<'a> {
    /// Byte of the expression.
    pub start: usize,
    /// The part.
    pub part: Part<'a>,
}

/// A parsed expression; the first part is a name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Path<'a> {
    text: &'a str,
    /// The parts in their order, at least one.
    pub tokens: Vec<Token<'a>>,
}

impl<'a> Path<'a> {
    /// Parses `text`.
    ///
    /// # Errors
    /// [`PathError`] at the first character that the grammar does not allow.
    pub fn parse(text: &'a str) -> Result<Self, PathError> {
        let mut path = Self { text, tokens: Vec::new() };
        let mut at = path.name(0, "the name of a variable")?;
        loop {
            at = path.skip_spaces(at);
            match text[at..].chars().next() {
                None => return Ok(path),
                Some('.') => at = path.name(at + 1, "the name of a member")?,
                Some('[') => at = path.key(at + 1)?,
                Some(other) => return Err(path.refuse(at, "'.', '[' or the end", format!("'{other}'"))),
            }
        }
    }

    /// The whole expression.
    pub fn text(&self) -> &str {
        self.text
    }

    /// An error at byte `start` of the expression.
    pub fn refuse(&self, start: usize, expected: impl Into<String>, got: impl Into<String>) -> PathError {
        let at = self.text[..start].chars().count() + 1;
        PathError { expression: self.text.into(), at, expected: expected.into(), got: got.into() }
    }

    fn skip_spaces(&self, at: usize) -> usize {
        self.text.len() - self.text[at..].trim_start().len()
    }

    /// Reads a name from `at` on and returns where it ends.
    fn name(&mut self, at: usize, expected: &str) -> Result<usize, PathError> {
        let start = self.skip_spaces(at);
        let rest = &self.text[start..];
        let length = rest.find(|c: char| !(c.is_ascii_alphanumeric() || c == '_' || c == '$')).unwrap_or(rest.len());
        let name = &rest[..length];
        if name.is_empty() || name.starts_with(|c: char| c.is_ascii_digit()) {
            let got = rest.chars().next().map_or("the end".into(), |c| format!("'{c}'"));
            return Err(self.refuse(start, expected, got));
        }
        self.tokens.push(Token { start, part: Part::Name(name) });
        Ok(start + length)
    }

    /// Reads a key and its closing bracket from `at` on and returns where they end.
    fn key(&mut self, at: usize) -> Result<usize, PathError> {
        let rest = &self.text[at..];
        let length = rest.find(['[', ']']).filter(|end| rest[*end..].starts_with(']'));
        let length = length.ok_or_else(|| self.refuse(at, "a key and ']'", format!("'{rest}'")))?;
        let key = rest[..length].trim();
        let start = self.skip_spaces(at);
        if key.is_empty() {
            return Err(self.refuse(start, "a key: an integer, 0x…, or subject", "']'"));
        }
        self.tokens.push(Token { start, part: Part::Key(key) });
        Ok(at + length + 1)
    }
}
