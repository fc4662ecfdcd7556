//! `vouch model`: add, list, verify, inspect, audit, architecture.

use super::NodeArg;
use super::add;
use super::audit;
use super::client::Client;
use super::inspect;
use super::report::Report;
use super::salt;
use super::setup::SrsArgs;
use alloy::primitives::B256;
use clap::{ArgGroup, Args, Subcommand};
use eyre::WrapErr;
use serde_json::{Value, json};
use std::fmt::Write;
use std::path::{Path, PathBuf};
use vouch_circuits::model::Architecture;
use vouch_prover::engine::NewModel;
use vouch_prover::onnx::Precision;
use vouch_prover::scores::{self, Compiled};
use vouch_prover::snark::KeySource;

/// What to do with models.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Compile an ONNX file and its plan, make the keys, and let the node prove it.
    Add(Box<add::AddArgs>),
    /// The models of a node.
    List(NodeArg),
    /// Recompute structureId and modelId from the ONNX file, the plan and the calibration rows, and compare with one or both.
    Verify(VerifyArgs),
    /// The layers, scales and ranges of a model, as text and as a picture: of files, or of a model that a node has, with everything else
    /// that the node knows of it.
    Inspect(inspect::InspectArgs),
    /// Prove that a model reaches an accuracy on public rows, without its weights; or verify such a proof.
    Audit(audit::AuditArgs),
    /// Mark a model as not to be used any more: its name means an older version from then on.
    Deprecate(DeprecateArgs),
    /// The model without its weights, as a file: with the plan, all that a structure id needs.
    Architecture(FilesArgs),
}

/// How fine its numbers are.
#[derive(Clone, Copy, Debug, Args)]
pub struct PrecisionArg {
    /// Fraction bits of the numbers between the layers: low (10), normal (16), high (22), or 8 to 24.
    ///
    /// More bits err less and take more cells, fewer the other way round; `add` prints error and size. What a curve, a product, a
    /// quotient or a share reads or gives, and inputs and outputs, always have 16: a model of curves (LSTM, transformer) does not change much. The
    /// ids depend on it.
    #[arg(long, value_name = "BITS", default_value = "normal")]
    pub(super) precision: Precision,
}

/// A model to recompute.
#[derive(Debug, Args)]
#[command(
    after_help = "A key can be made that proves anything, so compare before you use a model id that somebody else \
    registered.\n\nExamples:\n  vouch model verify --model 0x… --onnx model.onnx --plan plan.toml --calibration rows.csv\n  \
    vouch model verify --structure 0x… --architecture architecture.json --plan plan.toml"
)]
#[command(group = ArgGroup::new("expected").args(["model", "structure"]).required(true).multiple(true))]
#[command(group = ArgGroup::new("from").args(["onnx", "architecture"]).required(true))]
pub struct VerifyArgs {
    /// The id it should have.
    #[arg(long, conflicts_with = "architecture")]
    model: Option<B256>,
    /// The structure id it should have: plan, quantisation and layers without the weights.
    #[arg(long)]
    structure: Option<B256>,
    /// The ONNX file.
    #[arg(long)]
    onnx: Option<PathBuf>,
    /// The model without its weights, from `vouch model architecture`: enough for the structure id.
    #[arg(long)]
    architecture: Option<PathBuf>,
    /// The plan (TOML).
    #[arg(long)]
    plan: PathBuf,
    /// The calibration rows (CSV) it was quantised with.
    #[arg(long, visible_alias = "calibrate", conflicts_with = "architecture")]
    calibration: Option<PathBuf>,
    /// The salt file of a model with private weights.
    #[arg(long, conflicts_with = "architecture", value_name = "FILE")]
    salt: Option<PathBuf>,
    /// Its fraction bits.
    #[command(flatten)]
    precision: PrecisionArg,
    /// String and keys.
    #[command(flatten)]
    srs: SrsArgs,
}

/// The files of a model.
#[derive(Debug, Args)]
pub struct FilesArgs {
    /// The ONNX file.
    #[arg(long)]
    pub(super) onnx: PathBuf,
    /// The plan (TOML).
    #[arg(long)]
    pub(super) plan: PathBuf,
    /// The calibration rows (CSV) it is quantised with.
    #[arg(long, visible_alias = "calibrate")]
    pub(super) calibration: Option<PathBuf>,
    /// Its fraction bits.
    #[command(flatten)]
    pub(super) precision: PrecisionArg,
}

/// A model to deprecate.
#[derive(Debug, Args)]
#[command(group = ArgGroup::new("what").args(["reason", "undo"]).required(true))]
pub struct DeprecateArgs {
    /// The node.
    #[command(flatten)]
    node: NodeArg,
    /// Its id, its name, or NAME@VERSION.
    model: String,
    /// Why, and what to use instead.
    #[arg(long)]
    reason: Option<String>,
    /// It is good again.
    #[arg(long)]
    undo: bool,
}

pub(super) fn read(path: &Path) -> eyre::Result<Vec<u8>> {
    std::fs::read(path).wrap_err_with(|| format!("cannot read {}", path.display()))
}

pub(super) fn text(path: &Path) -> eyre::Result<String> {
    String::from_utf8(read(path)?).wrap_err_with(|| format!("{} is not text", path.display()))
}

/// Runs `vouch model …`.
pub async fn run(command: Command, report: Report) -> eyre::Result<()> {
    match command {
        Command::Add(args) => add::run(*args, report).await,
        Command::Verify(args) => verify(args, report).await,
        Command::Architecture(files) => {
            let compiled = scores::compile(&new_model(&files)?)?;
            let body = serde_json::to_value(Architecture::from(&*compiled.model))?;
            report.result(&body, || body.to_string())
        }
        Command::Audit(args) => audit::run(args, report).await,
        Command::List(node) => {
            let models = Client::new(&node.node).get("/v1/models").await?;
            report.result(&models, || {
                let rows = models.as_array().into_iter().flatten();
                let lines: Vec<String> = rows.map(listed).collect();
                if lines.is_empty() { "no models; add one with `vouch model add`".into() } else { lines.join("\n") }
            })
        }
        Command::Inspect(args) => inspect::run(args, report).await,
        Command::Deprecate(args) => {
            let path = format!("/v1/models/{}/deprecate", args.model);
            let body = json!({ "reason": args.reason });
            let model = Client::new(&args.node.node).post(&path, &body).await?;
            report.result(&model, || lines(&model))
        }
    }
}

/// A model from its files, named by the ONNX file.
pub(super) fn new_model(files: &FilesArgs) -> eyre::Result<NewModel> {
    let calibration = files.calibration.as_deref().map(text).transpose()?;
    let name = files.onnx.display().to_string();
    let (onnx, plan, precision) = (read(&files.onnx)?, text(&files.plan)?, files.precision.precision);
    Ok(NewModel { name, onnx, plan, calibration, salt: None, about: None, training: None, precision })
}

/// The integer program that the files describe, with its weights or without.
fn compile(args: &VerifyArgs) -> eyre::Result<(String, Compiled)> {
    match (&args.onnx, &args.architecture) {
        (Some(onnx), _) => {
            let (plan, calibration) = (args.plan.clone(), args.calibration.clone());
            let mut new = new_model(&FilesArgs { onnx: onnx.clone(), plan, calibration, precision: args.precision })?;
            new.salt = args.salt.as_deref().map(salt::read).transpose()?;
            Ok((new.name.clone(), scores::compile(&new)?))
        }
        (None, Some(path)) => {
            let name = path.display().to_string();
            let architecture: Architecture =
                serde_json::from_str(&text(path)?).wrap_err_with(|| format!("{name} is no architecture"))?;
            let compiled = scores::compile_architecture(&name, &architecture, &text(&args.plan)?)?;
            Ok((name, compiled))
        }
        (None, None) => eyre::bail!("expected --onnx or --architecture"),
    }
}

async fn verify(args: VerifyArgs, report: Report) -> eyre::Result<()> {
    let (expected_model, expected_structure) = (args.model, args.structure);
    let has_weights = args.onnx.is_some();
    report.say("compiling the model and making its keys");
    let source = tokio::task::spawn_blocking(move || -> eyre::Result<KeySource> {
        let (name, compiled) = compile(&args)?;
        Ok(scores::keys(&args.srs.keys, &args.srs.load()?, &name, &compiled)?.source)
    });
    let KeySource::Data(key) = source.await?? else { eyre::bail!("a score class takes its key as data") };
    let (model, structure) = (key.model_id(), key.structure_id());
    for (what, expected, got) in [("structure id", expected_structure, structure), ("model id", expected_model, model)]
    {
        if let Some(expected) = expected {
            eyre::ensure!(expected == got, "{what}: expected {expected}, the files give {got}");
        }
    }
    let mut body = json!({"structure_id": structure, "class_id": key.class_id});
    let mut lines = format!("structure id  {structure}\nclass id      {}", key.class_id);
    if has_weights {
        body["model_id"] = json!(model);
        lines = format!("model id      {model}\n{lines}");
    }
    report.result(&body, || lines)
}

pub(super) fn word<'a>(model: &'a Value, name: &str) -> &'a str {
    model[name].as_str().unwrap_or_default()
}

/// A model in the list.
fn listed(model: &Value) -> String {
    let deprecated = if model["deprecated"].is_null() { "" } else { "  deprecated" };
    format!("{}  {}@{}{deprecated}", word(model, "model_id"), word(model, "name"), model["version"])
}

pub(super) fn lines(model: &Value) -> String {
    let mut out = String::new();
    for name in ["name", "model_id", "structure_id", "class_id", "onnx_keccak", "rows_keccak", "deprecated", "about"] {
        if let Some(text) = model[name].as_str() {
            let _ = writeln!(out, "{name:<14} {text}");
        }
    }
    if let Some(threshold) = model["disclose"]["threshold"].as_f64() {
        let side = if model["disclose"]["above"] == true { "above" } else { "below" };
        let _ =
            writeln!(out, "{:<14} whether output {} is {side} {threshold}", "public is", model["disclose"]["output"]);
    }
    for name in
        ["inputs", "outputs", "facts", "window_blocks", "precision", "keygen_s", "key_mb", "proofs_left", "version"]
    {
        if !model[name].is_null() {
            let _ = writeln!(out, "{name:<14} {}", model[name]);
        }
    }
    let _ = writeln!(out, "{:<14} {} bytes to register", "key", word(model, "key").len().saturating_sub(2) / 2);
    for part in ["expected", "training", "calibration"] {
        for (name, value) in model[part].as_object().into_iter().flatten().filter(|(_, value)| !value.is_null()) {
            let _ = writeln!(out, "{:<29} {value}", format!("{part} {name}"));
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use crate::cli::Cli;
    use clap::Parser;

    #[test]
    fn verify_compares_with_something() {
        let parse = |more: &[&str]| {
            let line = ["vouch", "model", "verify", "--onnx", "m.onnx", "--plan", "p.toml"];
            Cli::try_parse_from(line.iter().chain(more)).map(drop).map_err(|e| e.to_string())
        };
        let id = format!("0x{}", "11".repeat(32));
        let said = parse(&[]).unwrap_err();
        assert!(
            said.contains("required arguments were not provided") && said.contains("--model <MODEL>|--structure"),
            "{said}"
        );
        parse(&["--model", &id]).unwrap();
        parse(&["--structure", &id]).unwrap();
        parse(&["--model", &id, "--structure", &id]).unwrap();
    }

    #[test]
    fn verify_without_weights_compares_structures_only() {
        let parse = |more: &[&str]| {
            let line = ["vouch", "model", "verify", "--plan", "p.toml"];
            Cli::try_parse_from(line.iter().chain(more)).map(drop).map_err(|e| e.to_string())
        };
        let id = format!("0x{}", "11".repeat(32));
        parse(&["--structure", &id, "--architecture", "a.json"]).unwrap();
        assert!(parse(&["--structure", &id]).unwrap_err().contains("--onnx <ONNX>|--architecture"));
        let said = parse(&["--model", &id, "--architecture", "a.json"]).unwrap_err();
        assert!(said.contains("cannot be used with"), "{said}");
    }
}
