//! `vouch commit`: make a commitment to private inputs, and the file that opens it.

mod decimal;
mod inputs;

use super::NodeArg;
use super::client::Client;
use super::report::Report;
use super::salt;
use alloy::primitives::{Address, B256, keccak256};
use clap::{ArgGroup, Args};
use eyre::WrapErr;
use inputs::Given;
use serde_json::{Value, json};
use std::fs::OpenOptions;
use std::io::{ErrorKind, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use vouch_circuits::plan::Plan;
use vouch_prover::opening::Opening;

/// Private inputs.
#[derive(Debug, Args)]
#[command(
    after_help = "The commitment is public; the file opens it: keep it secret, and keep it. Nothing is sent to the node but the question for \
    the plan.\n\nExamples:\n  vouch commit --model affordability --inputs household.json --out opening.json\n  \
    vouch commit --plan plan.toml --set income=54000 --set debts=1200 --set job_months=31 --set rent=28\n\nThen, with a node that may see \
    the inputs:\n  vouch query --model affordability --subject 0x… --private opening.json"
)]
#[command(group = ArgGroup::new("of").args(["model", "plan"]).required(true))]
#[command(group = ArgGroup::new("what").args(["inputs", "set"]).required(true).multiple(true))]
pub struct CommitArgs {
    /// The node that knows the model.
    #[command(flatten)]
    node: NodeArg,
    /// Model id, its name, or NAME@VERSION: its plan has the names and units of the inputs.
    #[arg(long)]
    model: Option<String>,
    /// The one subject that questions which read the inputs may be about. Without it: any; who knows the commitment may then ask the model about
    /// others.
    #[arg(long, value_name = "ADDRESS", requires = "model")]
    subject: Option<Address>,
    /// The plan itself (TOML), without a node.
    #[arg(long, value_name = "FILE")]
    plan: Option<PathBuf>,
    /// The inputs by name: .json, .toml, or .csv with a line of names.
    #[arg(long, value_name = "FILE")]
    inputs: Option<PathBuf>,
    /// Which row of a CSV file, from 1.
    #[arg(long, requires = "inputs")]
    row: Option<usize>,
    /// One input; any number of times. Others on this machine can see a command line: prefer a file.
    #[arg(long, value_name = "NAME=NUMBER")]
    set: Vec<String>,
    /// A file with 32 secret random bytes in hex, made if it is not there: the same inputs then give the same commitment. Without it the
    /// salt is random, and kept in the opening alone.
    #[arg(long, value_name = "FILE")]
    salt: Option<PathBuf>,
    /// Where to write the opening. A file that is there is kept if it opens the same inputs, and refused otherwise.
    #[arg(long, default_value = "opening.json")]
    out: PathBuf,
}

/// Makes the commitment and keeps its opening.
pub async fn run(args: CommitArgs, report: Report) -> eyre::Result<()> {
    let (text, id) = match (&args.plan, &args.model) {
        (Some(path), _) => {
            (std::fs::read_to_string(path).wrap_err_with(|| format!("cannot read {}", path.display()))?, None)
        }
        (None, Some(model)) => {
            let model = Client::new(&args.node.node).get(&format!("/v1/models/{model}")).await?;
            let id = model["model_id"].as_str().and_then(|id| id.parse().ok());
            eyre::ensure!(id.is_some(), "the node's answer has no model_id: expected 32 bytes of hex");
            (model["plan"].as_str().unwrap_or_default().to_owned(), id)
        }
        (None, None) => eyre::bail!("expected --model or --plan"),
    };
    let plan = Plan::parse(&text)?;
    eyre::ensure!(plan.private.count > 0, "the model has no private inputs: its plan has no entry `private`");
    let mut given = Given::default();
    if let Some(path) = &args.inputs {
        given.file(path, args.row, &plan)?;
    }
    args.set.iter().try_for_each(|pair| given.set(pair))?;
    let values = given.read(&plan)?;
    let seed = args.salt.as_deref().map(salt::read_or_make).transpose()?.map(|seed| seed.0);
    let (opening, is_new) = keep(&args.out, &plan, (id, args.subject), values, seed)?;
    let body = json!({
        "commitment": opening.commitment, "count": plan.private.count, "bits": plan.private.bits,
        "opening": args.out, "is_new": is_new,
    });
    report.result(&body, || {
        let done = if is_new { "written; keep it, and keep it secret" } else { "has been there" };
        format!("commitment  {}\nopening     {} ({done})", opening.commitment, args.out.display())
    })
}

/// The opening of `values` in the file `path`: the one that is there, or a new one. Returns whether it is new.
fn keep(
    path: &Path,
    plan: &Plan,
    (model, subject): (Option<B256>, Option<Address>),
    values: Vec<i64>,
    seed: Option<[u8; 32]>,
) -> eyre::Result<(Opening, bool)> {
    let derived =
        seed.map(|seed| Opening::new(plan.private.bits, values.clone(), derive(&seed, plan, &values))).transpose()?;
    if path.exists() {
        let there = read(path)?;
        let is_same = there.values == values
            && there.bits == plan.private.bits
            && derived.is_none_or(|derived| derived.commitment == there.commitment);
        eyre::ensure!(
            is_same,
            "{} opens another commitment, {}: move it away, or choose another --out",
            path.display(),
            there.commitment
        );
        eyre::ensure!(
            (there.model, there.subject) == (model, subject),
            "{} is for {}, not for {}: move it away, or choose another --out",
            path.display(),
            shown(there.model, there.subject),
            shown(model, subject)
        );
        return Ok((there, false));
    }
    let opening = match derived {
        Some(opening) => opening,
        None => Opening::new(plan.private.bits, values, below_modulus(rand::random()))?,
    };
    let opening = model.into_iter().fold(opening, Opening::for_model);
    let opening = subject.into_iter().fold(opening, Opening::about);
    write(path, &opening, plan)?;
    Ok((opening, true))
}

fn shown(model: Option<B256>, subject: Option<Address>) -> String {
    let model = model.map_or("no model (--plan)".into(), |model| format!("model {model}"));
    subject.map_or(model.clone(), |subject| format!("{model} and subject {subject}"))
}

/// A salt for these inputs alone: openings of one seed say nothing of one another.
fn derive(seed: &[u8; 32], plan: &Plan, values: &[i64]) -> B256 {
    let mut text = b"vouch private inputs".to_vec();
    text.extend(seed);
    text.extend((plan.private.bits as u64).to_be_bytes());
    values.iter().for_each(|v| text.extend(v.to_be_bytes()));
    below_modulus(keccak256(text).0)
}

/// The low 248 bits: a number below the modulus.
fn below_modulus(mut word: [u8; 32]) -> B256 {
    word[0] = 0;
    word.into()
}

/// Reads and checks the opening in a file.
///
/// # Errors
/// If it is none, or does not open its commitment.
pub fn read(path: &Path) -> eyre::Result<Opening> {
    let text = std::fs::read(path).wrap_err_with(|| format!("cannot read {}", path.display()))?;
    let opening: Opening = serde_json::from_slice(&text)
        .wrap_err_with(|| format!("{} is no opening, as `vouch commit` writes them", path.display()))?;
    opening.check().wrap_err_with(|| format!("{}", path.display()))?;
    Ok(opening)
}

/// What a node is sent.
pub fn body(opening: &Opening) -> Value {
    json!({ "commitment": opening.commitment, "bits": opening.bits, "salt": opening.salt, "values": opening.values })
}

fn write(path: &Path, opening: &Opening, plan: &Plan) -> eyre::Result<()> {
    let mut body = body(opening);
    if let Some(model) = opening.model {
        body["model"] = json!(model);
    }
    if let Some(subject) = opening.subject {
        body["subject"] = json!(subject);
    }
    body["names"] = plan.private_inputs.iter().map(|input| input.name.as_str()).collect();
    let file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path);
    let mut file = match file {
        Err(e) if e.kind() == ErrorKind::AlreadyExists => eyre::bail!("{} is there already", path.display()),
        file => file.wrap_err_with(|| format!("cannot make {}", path.display()))?,
    };
    let text = serde_json::to_string_pretty(&body)?;
    let written = writeln!(file, "{text}").and_then(|()| file.sync_all());
    if written.is_err() {
        // half an opening opens nothing, and would be in the way of the next try
        let _ = std::fs::remove_file(path);
    }
    written.wrap_err_with(|| format!("cannot write {}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    fn plan() -> Plan {
        Plan::parse(r#"private = { name = "x", count = 2 }"#).unwrap()
    }

    #[test]
    fn an_opening_is_written_once_for_its_owner_alone() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("opening.json");
        let (made, is_new) = keep(&path, &plan(), (None, None), vec![1, -2], None).unwrap();
        assert!(is_new && !made.salt.is_zero());
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(read(&path).unwrap(), made);
        assert_eq!(keep(&path, &plan(), (None, None), vec![1, -2], None).unwrap(), (made.clone(), false));
        for (values, seed) in [(vec![1, -3], None), (vec![1, -2], Some([1; 32]))] {
            let said = keep(&path, &plan(), (None, None), values, seed).unwrap_err().to_string();
            assert!(said.contains(&format!("opens another commitment, {}", made.commitment)), "{said}");
        }
        assert_eq!(read(&path).unwrap(), made);
    }

    #[test]
    fn two_commitments_to_the_same_inputs_differ_but_for_a_seed() {
        let dir = tempfile::tempdir().unwrap();
        let make =
            |name: &str, values, seed| keep(&dir.path().join(name), &plan(), (None, None), values, seed).unwrap().0;
        assert_ne!(make("a", vec![1, 2], None).commitment, make("b", vec![1, 2], None).commitment);
        let (one, same) = (make("c", vec![1, 2], Some([7; 32])), make("d", vec![1, 2], Some([7; 32])));
        assert_eq!(one, same);
        assert_ne!(make("e", vec![1, 3], Some([7; 32])).salt, one.salt);
        assert_ne!(make("f", vec![1, 2], Some([8; 32])).salt, one.salt);
    }

    #[test]
    fn what_is_no_opening_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("opening.json");
        std::fs::write(&path, "{}").unwrap();
        let said = keep(&path, &plan(), (None, None), vec![1, 2], None).unwrap_err().to_string();
        assert!(said.ends_with("is no opening, as `vouch commit` writes them"), "{said}");
        std::fs::remove_file(&path).unwrap();
        let (made, _) = keep(&path, &plan(), (None, None), vec![1, 2], None).unwrap();
        let text = std::fs::read_to_string(&path).unwrap();
        let other = format!("{:#x}", B256::repeat_byte(1));
        std::fs::write(&path, text.replace(&made.commitment.to_string(), &other)).unwrap();
        assert!(format!("{:#}", read(&path).unwrap_err()).contains("inputs and salt give the commitment"));
    }
}
