//! Measures the score proofs of the ONNX files in a folder (`models/shapes.py` makes them); one JSON object a line. Their inputs are
//! private, under a commitment. A model that cannot be proven has a line with the reason.
//!
//! `bench_models DIRECTORY [CASE…]`: all files, or those named.

#[path = "support/score.rs"]
mod support;

use rand::{Rng, SeedableRng, rngs::StdRng};
use serde_json::json;
use std::path::{Path, PathBuf};
use support::Bench;
use vouch_circuits::{fixed, model::Model, plan::Plan, score::CLASSES};
use vouch_prover::{
    onnx::{Calibration, FloatModel, quantise},
    srs::Srs,
};

/// Random rows that choose the scales and measure the error.
const ROWS: usize = 200;

fn main() -> eyre::Result<()> {
    let mut arguments = std::env::args().skip(1);
    let folder = arguments.next().map(PathBuf::from).ok_or_else(|| eyre::eyre!("expected a folder"))?;
    let cases: Vec<String> = arguments.collect();
    let entries = std::fs::read_dir(&folder)?.collect::<Result<Vec<_>, _>>()?;
    let mut files: Vec<PathBuf> = entries.into_iter().map(|e| e.path()).collect();
    files.retain(|f| f.extension().is_some_and(|e| e == "onnx"));
    files.sort();
    let directory = tempfile::tempdir()?;
    let srs = Srs::development(directory.path(), CLASSES[CLASSES.len() - 1].k)?;
    let mut bench = Bench::new(directory.path(), &srs);
    for file in files {
        let case = file.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        if !cases.is_empty() && !cases.contains(&case) {
            continue;
        }
        let proven = compile(&file).and_then(|compiled| {
            let Compiled { model, plan, inputs, error, weights } = compiled;
            bench.measure(("models", &case), model, plan, &inputs, &[("max_abs_error", error), ("weights", weights)])
        });
        if let Err(why) = proven {
            println!("{}", json!({"bench": "models", "case": case, "refused": why.to_string()}));
        }
    }
    Ok(())
}

struct Compiled {
    model: Model,
    plan: Plan,
    inputs: Vec<i64>,
    /// On the random rows, against floats.
    error: f64,
    weights: f64,
}

/// The model with a plan of private inputs.
fn compile(file: &Path) -> eyre::Result<Compiled> {
    let mut float = FloatModel::import(&std::fs::read(file)?)?;
    let plan = Plan::parse(&format!("private = {{ name = \"x\", count = {} }}", float.inputs))?;
    float.private = plan.private;
    let mut rng = StdRng::seed_from_u64(1);
    let rows: Vec<Vec<f64>> = (0..ROWS).map(|_| (0..float.inputs).map(|_| rng.gen_range(0.0..1.0)).collect()).collect();
    let inputs = rows[0].iter().map(|x| fixed::from_real(*x)).collect();
    let quantised = quantise(&float, &Calibration { rows, labels: vec![] })?;
    let (model, error) = (quantised.model, quantised.report.max_abs_error);
    let weights = model.weights() as f64;
    Ok(Compiled { model, plan, inputs, error, weights })
}
