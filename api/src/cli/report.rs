//! What a command says: lines for people on standard error, the result on standard output; why it failed on standard error, last.

use serde::Serialize;

/// How to say it.
#[derive(Clone, Copy, Debug)]
pub struct Report {
    json: bool,
}

impl Report {
    /// JSON on standard output, or text.
    pub const fn new(json: bool) -> Self {
        Self { json }
    }

    /// A line of progress; never part of the result.
    pub fn say(&self, line: impl AsRef<str>) {
        eprintln!("{}", line.as_ref());
    }

    /// Why the command failed: a line, or the object `{"error": …}`.
    pub fn failed(&self, error: &str) {
        eprintln!("{}", self.failure(error));
    }

    fn failure(&self, error: &str) -> String {
        let error = error.trim_end();
        if self.json { serde_json::json!({ "error": error }).to_string() } else { format!("error: {error}") }
    }

    /// The result: `value` as JSON, or the lines of `text`.
    ///
    /// # Errors
    /// If `value` does not serialise.
    pub fn result<T: Serialize>(&self, value: &T, text: impl FnOnce() -> String) -> eyre::Result<()> {
        if self.json {
            println!("{}", serde_json::to_string(value)?);
        } else {
            println!("{}", text().trim_end());
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failure_is_a_line_or_an_object() {
        let said = "file \"a\" is none:\n  try another\n";
        assert_eq!(Report::new(false).failure(said), "error: file \"a\" is none:\n  try another");
        assert_eq!(Report::new(true).failure(said), r#"{"error":"file \"a\" is none:\n  try another"}"#);
    }
}
