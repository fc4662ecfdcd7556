//! `vouch watch`: what is proven ahead of time.

use super::NodeArg;
use super::client::Client;
use super::report::Report;
use clap::{Args, Subcommand};
use eyre::WrapErr;
use serde_json::{Value, json};
use std::path::{Path, PathBuf};
use vouch_prover::watch::{Watch, What};

/// Shown under the options.
const EXAMPLES: &str = "\
A file:
  [[watch]]                 # storage and balance of a contract, at each block that is a multiple of 100
  name = \"market\"
  every = 100
  contract = \"0x…\"
  account = [\"balance\"]
  slots = [0]
  mappings = [{ slot = 2, keys = [\"0x…\"] }, { slot = 3, keys = [[\"0x…\", 7]] }]

  [[watch]]                 # all that scores of these subjects read, as of each block that is a multiple of 7,200
  name = \"risk\"
  every = 7200
  model = \"risk\"
  subjects = [\"0x…\"]

  [[watch]]                 # the same for a plan without a model: logs and counts, too
  name = \"transfers\"
  every = 300
  plan = \"plan.toml\"      # beside this file
  subjects = [\"0x…\"]

Then: vouch serve --watch FILE …";

/// What to do.
#[derive(Debug, Subcommand)]
#[command(after_help = EXAMPLES)]
pub enum Command {
    /// Check a file for `vouch serve --watch`; errors name line and field.
    #[command(after_help = EXAMPLES)]
    Check(CheckArgs),
    /// How far a running node is with what it watches.
    List(NodeArg),
}

/// Which file.
#[derive(Debug, Args)]
pub struct CheckArgs {
    /// The file.
    file: PathBuf,
}

/// Runs the command.
pub async fn run(command: Command, report: Report) -> eyre::Result<()> {
    match command {
        Command::Check(args) => check(&args.file, report),
        Command::List(node) => {
            let entries = Client::new(&node.node).get("/v1/watch").await?;
            report.result(&entries, || {
                let entries = entries.as_array().into_iter().flatten();
                entries.flat_map(lines).collect::<Vec<_>>().join("\n")
            })
        }
    }
}

/// How far an entry is, what it waits for, and what was given up.
fn lines(entry: &Value) -> Vec<String> {
    let text = |value: &Value| match value {
        Value::Null => "none".to_owned(),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    };
    let [name, every, proven, newest, next] =
        ["name", "every", "proven", "newest", "next"].map(|name| text(&entry[name]));
    let mut lines =
        vec![format!("{name:<20} every {every:>6} blocks: {proven:>6} proven, newest block {newest}, next {next}")];
    let (waiting, failure) = (&entry["waiting"], &entry["failure"]);
    match (waiting, &waiting["block"]) {
        (Value::Null, _) => {}
        (_, Value::Null) => lines.push(format!("  waits: {}", text(&waiting["detail"]))),
        (_, block) => lines.push(format!("  block {block} is tried again: {}", text(&waiting["detail"]))),
    }
    if !failure.is_null() {
        let (failed, block) = (&entry["failed"], &failure["block"]);
        lines.push(format!("  blocks given up: {failed}, the newest {block}: {}", text(&failure["detail"])));
    }
    lines
}

/// Reads a file; errors name it.
pub fn read(path: &Path) -> eyre::Result<Watch> {
    let text = std::fs::read_to_string(path).wrap_err_with(|| format!("cannot read {}", path.display()))?;
    let folder = path.parent().unwrap_or(Path::new(""));
    Watch::parse(&text, folder).wrap_err_with(|| format!("{} is not what vouch watches", path.display()))
}

fn check(path: &Path, report: Report) -> eyre::Result<()> {
    let watch = read(path)?;
    let about = |what: &What| match what {
        What::Places(places) => format!("{} facts", places.len()),
        What::Scores { model, subjects } => format!("model {model}, {} subjects", subjects.len()),
        What::Plan { subjects, .. } => format!("a plan, {} subjects", subjects.len()),
    };
    let entries: Vec<(String, u64, String)> =
        watch.entries.iter().map(|e| (e.name.clone(), e.every, about(&e.what))).collect();
    let body: Vec<_> = entries.iter().map(|(n, e, a)| json!({"name": n, "every": e, "reads": a})).collect();
    report.result(&json!({"confirmations": watch.confirmations, "watch": body}), || {
        let line =
            |(name, every, about): &(String, u64, String)| format!("{name:<20} every {every:>6} blocks: {about}");
        entries.iter().map(line).collect::<Vec<_>>().join("\n")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_waits_and_what_was_given_up_is_shown_with_its_reason() {
        let mut entry = json!({"name": "risk", "every": 100, "proven": 0, "newest": null, "next": null});
        let head = "risk                 every    100 blocks:      0 proven, newest block none, next none";
        assert_eq!(lines(&entry), [head]);
        entry["waiting"] = json!({"block": null, "detail": "no model"});
        assert_eq!(lines(&entry), [head, "  waits: no model"]);
        entry["waiting"] = json!({"block": 300, "detail": "no answer"});
        (entry["failed"], entry["failure"]) = (json!(2), json!({"block": 200, "detail": "prover: out of memory"}));
        let more =
            ["  block 300 is tried again: no answer", "  blocks given up: 2, the newest 200: prover: out of memory"];
        assert_eq!(lines(&entry), [head, more[0], more[1]]);
    }
}
