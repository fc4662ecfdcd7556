//! Measures the score proofs of the ONNX files in a folder (`models/shapes.py` makes them); one JSON object a line. Their inputs are
//! private, under a commitment. A model that cannot be proven has a line with the reason.
//!
//! `bench_models DIRECTORY [CASE…]`: all files, or those named; `bench_models scale [NUMBER…]`: MLPs of 10^2 to 3·10^6 weights;
//! `bench_models plot FILE`: those, each in a process of its own, drawn to a PNG; `bench_models draw LINES FILE`: such lines drawn again.

mod growth;
#[path = "../support/plot.rs"]
mod plot;
#[path = "../support/score.rs"]
mod support;

use rand::{Rng, SeedableRng, rngs::StdRng};
use serde_json::json;
use std::path::{Path, PathBuf};
use support::Bench;
use vouch_circuits::{
    fixed,
    model::{Activation, Dense, Model},
    plan::{Plan, Private},
};
use vouch_prover::onnx::{Calibration, FloatModel, quantise};

/// Random rows that choose the scales, and as many others that the error is measured on.
const ROWS: usize = 200;

fn main() -> eyre::Result<()> {
    let mut arguments = std::env::args().skip(1);
    let folder = arguments.next().map(PathBuf::from).ok_or_else(|| eyre::eyre!("expected a folder"))?;
    let cases: Vec<String> = arguments.collect();
    match folder.to_str() {
        Some("scale") => return scale(&cases),
        Some("plot") => return growth::draw(&growth::measure(SCALE.len())?, cases.first()),
        Some("draw") => {
            let lines = cases.first().ok_or_else(|| eyre::eyre!("expected a file of lines"))?;
            return growth::draw(&growth::read(Path::new(lines))?, cases.get(1));
        }
        _ => {}
    }
    let entries = std::fs::read_dir(&folder)?.collect::<Result<Vec<_>, _>>()?;
    let mut files: Vec<PathBuf> = entries.into_iter().map(|e| e.path()).collect();
    files.retain(|f| f.extension().is_some_and(|e| e == "onnx"));
    files.sort();
    let directory = tempfile::tempdir()?;
    let mut bench = Bench::new(directory.path());
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

/// Widths of MLPs, each some five times larger than the one before.
const SCALE: [&[usize]; 8] = [
    &[12, 8, 1],
    &[16, 24, 16, 1],
    &[32, 48, 32, 1],
    &[64, 128, 64, 10],
    &[256, 160, 64, 10],
    &[784, 128, 64, 10],
    &[784, 512, 256, 10],
    &[1_024, 1_536, 1_024, 256, 10],
];

/// Proves MLPs of rising size, or those whose number is given; their weights are made up.
fn scale(cases: &[String]) -> eyre::Result<()> {
    let directory = tempfile::tempdir()?;
    let mut bench = Bench::new(directory.path());
    for (i, widths) in SCALE.iter().enumerate() {
        if !cases.is_empty() && !cases.contains(&i.to_string()) {
            continue;
        }
        let (inputs, private) = (widths[0], Private { count: widths[0], bits: 26 });
        let plan = Plan::parse(&format!("private = {{ name = \"x\", count = {inputs} }}"))?;
        let mut rng = StdRng::seed_from_u64(1);
        let shift = Dense::SHIFTS[1];
        let mut layer = |(i, w): (usize, &[usize])| {
            let most = 2.0_f64.powi(shift as i32) / (w[0] as f64).sqrt();
            let mut row = || (0..w[0]).map(|_| rng.gen_range(-most..most) as i64).collect();
            let weights: Vec<Vec<i64>> = (0..w[1]).map(|_| row()).collect();
            let activation = if i + 2 == widths.len() { Activation::Identity } else { Activation::Relu };
            (format!("dense{i}"), Dense { weights, bias: vec![1 << 30; w[1]], shift, bits: 0, activation })
        };
        let layers: Vec<_> = widths.windows(2).enumerate().map(&mut layer).collect();
        let model = Model { private, ..Model::chain(inputs, layers) }.sized()?;
        let case = widths.iter().map(usize::to_string).collect::<Vec<_>>().join("-");
        let weights = model.weights() as f64;
        let values: Vec<i64> = (0..inputs).map(|i| (i as i64 * 7_001) % fixed::ONE).collect();
        bench.measure(("scale", &case), model, plan, &values, &[("weights", weights)])?;
    }
    Ok(())
}

struct Compiled {
    model: Model,
    plan: Plan,
    inputs: Vec<i64>,
    /// On rows that did not choose the scales, against floats.
    error: f64,
    weights: f64,
}

/// The model with a plan of private inputs.
fn compile(file: &Path) -> eyre::Result<Compiled> {
    let mut float = FloatModel::import(&std::fs::read(file)?)?;
    let plan = Plan::parse(&format!("private = {{ name = \"x\", count = {} }}", float.inputs))?;
    float.private = plan.private;
    let mut rng = StdRng::seed_from_u64(1);
    let mut draw = || -> Vec<f64> { (0..float.inputs).map(|_| rng.gen_range(0.0..1.0)).collect() };
    let [rows, others] = [(); 2].map(|()| (0..ROWS).map(|_| draw()).collect::<Vec<_>>());
    let integers = |row: &[f64]| row.iter().map(|x| fixed::from_real(*x)).collect::<Vec<i64>>();
    let inputs = integers(&rows[0]);
    let model = quantise(&float, &Calibration { rows, labels: vec![] })?.model;
    let mut error = 0.0_f64;
    for row in &others {
        let outputs = model.run(&integers(row))?;
        let apart = outputs.iter().zip(float.run(row)).map(|(got, expected)| (fixed::to_real(*got) - expected).abs());
        error = apart.fold(error, f64::max);
    }
    let weights = model.weights() as f64;
    Ok(Compiled { model, plan, inputs, error, weights })
}
