//! Measures the score proofs of the ONNX files in a folder (`models/shapes.py` makes them); one JSON object a line. A model that
//! cannot be proven has a line with the reason.

#[path = "support/score.rs"]
mod support;

use rand::{Rng, SeedableRng, rngs::StdRng};
use serde_json::json;
use std::path::{Path, PathBuf};
use support::measure;
use vouch_circuits::{model::Model, plan::Plan, score::CLASSES};
use vouch_prover::{
    onnx::{Calibration, FloatModel, quantise},
    srs::Srs,
};

/// Random rows that choose the scales and measure the error.
const ROWS: usize = 200;

fn main() -> eyre::Result<()> {
    let folder = std::env::args().nth(1).map(PathBuf::from).ok_or_else(|| eyre::eyre!("expected a folder"))?;
    let entries = std::fs::read_dir(&folder)?.collect::<Result<Vec<_>, _>>()?;
    let mut files: Vec<PathBuf> = entries.into_iter().map(|e| e.path()).collect();
    files.retain(|f| f.extension().is_some_and(|e| e == "onnx"));
    files.sort();
    let directory = tempfile::tempdir()?;
    let srs = Srs::development(directory.path(), CLASSES[CLASSES.len() - 1].k)?;
    for file in files {
        let case = file.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        let proven = compile(&file).and_then(|(model, plan, error)| {
            measure(("models", &case), directory.path(), &srs, model, plan, &[("max_abs_error", error)])
        });
        if let Err(why) = proven {
            println!("{}", json!({"bench": "models", "case": case, "refused": why.to_string()}));
        }
    }
    Ok(())
}

/// The model with a plan that reads its inputs from words of four numbers each, and its error.
fn compile(file: &Path) -> eyre::Result<(Model, Plan, f64)> {
    let float = FloatModel::import(&std::fs::read(file)?)?;
    let mut text = String::new();
    for i in 0..float.inputs {
        let (slot, low) = (i / 4, i % 4 * 64);
        text += &format!(
            "[[feature]]\nname = \"x{i}\"\nmake = \"last\"\nsource = {{ kind = \"mapping\", contract = \"subject\", key = \
             \"subject\", slot = {slot}, bits = \"{low}..{}\", unit = \"ether\" }}\n",
            low + 64
        );
    }
    let plan = Plan::parse(&text)?;
    let mut rng = StdRng::seed_from_u64(1);
    let rows = (0..ROWS).map(|_| (0..float.inputs).map(|_| rng.gen_range(0.0..1.0)).collect()).collect();
    let quantised = quantise(&float, &Calibration { rows, labels: vec![] })?;
    Ok((quantised.model, plan, quantised.report.max_abs_error))
}
