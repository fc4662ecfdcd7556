//! `vouch watch`: what is proven ahead of time.

use super::NodeArg;
use super::client::Client;
use super::report::Report;
use clap::{Args, Subcommand};
use eyre::WrapErr;
use serde_json::json;
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
                let line = |e: &serde_json::Value| {
                    let text = |name: &str| e[name].as_str().map_or_else(|| e[name].to_string(), str::to_owned);
                    let (name, every, proven, newest) = (text("name"), text("every"), text("proven"), text("newest"));
                    format!("{name:<20} every {every:>6} blocks: {proven:>6} proven, the newest at block {newest}")
                };
                entries.map(line).collect::<Vec<_>>().join("\n")
            })
        }
    }
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
