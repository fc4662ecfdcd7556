//! `vouch model inspect`: layers, scales and ranges of a model, as text and as a picture.

use super::NodeArg;
use super::client::Client;
use super::model::{FilesArgs, PrecisionArg, lines, new_model, word};
use super::report::Report;
use clap::{ArgGroup, Args};
use eyre::WrapErr;
use serde_json::json;
use std::path::PathBuf;
use vouch_prover::draw::{View, svg, table};
use vouch_prover::scores;

/// A model to look at.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  vouch model inspect risk\n  vouch model inspect --onnx model.onnx --plan plan.toml \
    --calibration rows.csv --svg layers.svg"
)]
#[command(group = ArgGroup::new("which").args(["model", "onnx"]).required(true))]
pub struct InspectArgs {
    /// The node.
    #[command(flatten)]
    node: NodeArg,
    /// Of a model that the node has: its id, its name, or NAME@VERSION.
    model: Option<String>,
    /// Of files, without a node: the ONNX file.
    #[arg(long, requires = "plan")]
    onnx: Option<PathBuf>,
    /// The plan (TOML).
    #[arg(long, requires = "onnx")]
    plan: Option<PathBuf>,
    /// Rows of features (CSV): the ranges are what they reach.
    #[arg(long, visible_alias = "calibrate", requires = "onnx")]
    calibration: Option<PathBuf>,
    /// Its fraction bits.
    #[command(flatten)]
    precision: PrecisionArg,
    /// Where to write a picture (SVG); the text is printed anyway.
    #[arg(long, value_name = "FILE")]
    svg: Option<PathBuf>,
}

/// Draws the model of files, or of the node.
pub async fn run(args: InspectArgs, report: Report) -> eyre::Result<()> {
    let draw = |layers: &[View]| match &args.svg {
        Some(path) => std::fs::write(path, svg(layers)).wrap_err_with(|| format!("cannot write {}", path.display())),
        None => Ok(()),
    };
    if let (Some(onnx), Some(plan)) = (args.onnx, args.plan) {
        let files = FilesArgs { onnx, plan, calibration: args.calibration, precision: args.precision };
        let new = new_model(&files)?;
        let compiled = scores::compile(&new)?;
        let (layers, summary) = (compiled.views()?, compiled.summary(&new.name)?);
        draw(&layers)?;
        let body = json!({ "precision": new.precision.bits(), "summary": summary, "layers": layers });
        return report.result(&body, || format!("{}\n\n{}", summary.join("\n"), table(&layers)));
    }
    let name = args.model.unwrap_or_default();
    let model = Client::new(&args.node.node).get(&format!("/v1/models/{name}")).await?;
    let layers: Vec<View> = serde_json::from_value(model["layers"].clone()).wrap_err("the node's layers")?;
    draw(&layers)?;
    report.result(&model, || format!("{}\n{}\n\n{}", lines(&model), table(&layers), word(&model, "plan")))
}
