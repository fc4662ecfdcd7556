//! The part of Yul that snark-verifier writes: expressions, assignments, blocks.

/// An expression.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Expr {
    /// Decimal or hexadecimal, as written.
    Number(String),
    /// A variable.
    Name(String),
    /// A builtin or a function.
    Call(String, Vec<Expr>),
}

/// A statement.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Stmt {
    /// `let name := value`; `let name` is a zero.
    Let(String, Option<Expr>),
    /// `name := value`
    Set(String, Expr),
    /// A call for its effect.
    Do(Expr),
    /// `{ … }`
    Block(Vec<Stmt>),
}

impl Expr {
    /// The arguments, if this is a call of `name` with `N` of them.
    pub(super) fn args<const N: usize>(&self, name: &str) -> Option<&[Expr; N]> {
        match self {
            Self::Call(called, args) if called == name => args.as_slice().try_into().ok(),
            _ => None,
        }
    }

    /// The value of a number that fits an address.
    pub(super) fn address(&self) -> Option<usize> {
        match self {
            Self::Number(text) => match text.strip_prefix("0x") {
                Some(hex) => usize::from_str_radix(hex, 16).ok(),
                None => text.parse().ok(),
            },
            _ => None,
        }
    }

    pub(super) fn is_name(&self, name: &str) -> bool {
        matches!(self, Self::Name(n) if n == name)
    }
}

/// Parses statements up to the end of `code`.
///
/// # Errors
/// The text where it stops making sense.
pub(super) fn parse(code: &str) -> Result<Vec<Stmt>, String> {
    let mut tokens = Tokens { list: tokens(code), at: 0 };
    let statements = tokens.statements()?;
    if tokens.at == tokens.list.len() { Ok(statements) } else { Err(tokens.unexpected("the end")) }
}

fn tokens(code: &str) -> Vec<String> {
    let mut out: Vec<String> = vec![];
    for line in code.lines() {
        let line = line.split("//").next().unwrap_or_default();
        let mut word = String::new();
        let mut chars = line.chars().chain([' ']).peekable();
        while let Some(c) = chars.next() {
            if c.is_alphanumeric() || c == '_' {
                word.push(c);
                continue;
            }
            if !word.is_empty() {
                out.push(std::mem::take(&mut word));
            }
            if c == ':' && chars.next_if_eq(&'=').is_some() {
                out.push(":=".into());
            } else if !c.is_whitespace() {
                out.push(c.into());
            }
        }
    }
    out
}

struct Tokens {
    list: Vec<String>,
    at: usize,
}

impl Tokens {
    fn peek(&self, ahead: usize) -> &str {
        self.list.get(self.at + ahead).map_or("", String::as_str)
    }

    fn next(&mut self) -> String {
        let token = self.peek(0).to_string();
        self.at += 1;
        token
    }

    fn take(&mut self, expected: &str) -> Result<(), String> {
        if self.peek(0) != expected {
            return Err(self.unexpected(expected));
        }
        self.at += 1;
        Ok(())
    }

    fn unexpected(&self, expected: &str) -> String {
        let end = self.list.len().min(self.at + 8);
        format!("expected {expected}, got {}", self.list.get(self.at..end).unwrap_or_default().join(" "))
    }

    fn statements(&mut self) -> Result<Vec<Stmt>, String> {
        let mut out = vec![];
        while !matches!(self.peek(0), "" | "}") {
            out.push(self.statement()?);
        }
        Ok(out)
    }

    fn statement(&mut self) -> Result<Stmt, String> {
        if self.peek(0) == "{" {
            self.at += 1;
            let inner = self.statements()?;
            self.take("}")?;
            return Ok(Stmt::Block(inner));
        }
        if self.peek(0) == "let" {
            self.at += 1;
            let name = self.next();
            if self.peek(0) != ":=" {
                return Ok(Stmt::Let(name, None));
            }
            self.at += 1;
            return Ok(Stmt::Let(name, Some(self.expression()?)));
        }
        if self.peek(1) == ":=" {
            let name = self.next();
            self.at += 1;
            return Ok(Stmt::Set(name, self.expression()?));
        }
        Ok(Stmt::Do(self.expression()?))
    }

    fn expression(&mut self) -> Result<Expr, String> {
        let word = self.next();
        let first = word.chars().next().unwrap_or(' ');
        if first.is_ascii_digit() {
            return Ok(Expr::Number(word));
        }
        if !first.is_alphabetic() {
            self.at -= 1;
            return Err(self.unexpected("an expression"));
        }
        if self.peek(0) != "(" {
            return Ok(Expr::Name(word));
        }
        self.at += 1;
        let mut args = vec![];
        while self.peek(0) != ")" {
            args.push(self.expression()?);
            if self.peek(0) == "," {
                self.at += 1;
            } else if self.peek(0) != ")" {
                return Err(self.unexpected("a comma"));
            }
        }
        self.at += 1;
        Ok(Expr::Call(word, args))
    }
}
