//! What a command says: lines for people on standard error, the result on standard output.

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
