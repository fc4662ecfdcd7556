//! Measures the score proof of both example models and of a model that fills its class; one JSON object a line.

#[path = "support/score.rs"]
mod support;

use std::path::Path;
use support::Bench;
use vouch_circuits::{
    layers::curve::Curve,
    model::{Activation, Dense, Model},
    plan::Plan,
};
use vouch_prover::onnx::{Calibration, FloatModel, quantise};

fn main() -> eyre::Result<()> {
    let directory = tempfile::tempdir()?;
    let mut bench = Bench::new(directory.path());
    for name in ["risk", "logistic"] {
        let (model, plan) = example(name)?;
        bench.measure(("score", name), model, plan, &[], &[])?;
    }
    let (model, plan) = full()?;
    bench.measure(("score", "48 facts, 24-64-32-1"), model, plan, &[], &[])
}

/// An example model of this repository.
fn example(name: &str) -> eyre::Result<(Model, Plan)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../models").join(name);
    let plan = Plan::parse(&std::fs::read_to_string(folder.join("plan.toml"))?)?;
    let names: Vec<&str> = plan.features.iter().map(|f| f.name.as_str()).collect();
    let calibration = Calibration::parse(&std::fs::read_to_string(folder.join("calibrate.csv"))?, &names)?;
    let float = FloatModel::import(&std::fs::read(folder.join("model.onnx"))?)?;
    Ok((quantise(&float, &calibration)?.model, plan))
}

/// As many facts as the class takes, and layers of 64 and 32.
fn full() -> eyre::Result<(Model, Plan)> {
    let mut text = String::from("blocks = { back = 20, every = 10 }");
    for i in 0..24 {
        let (make, slot) = (["mean", "min", "max"][i % 3], i % 16);
        text += &format!(
            "\n[[feature]]\nname = \"f{i}\"\nmake = \"{make}\"\n\
             source = {{ kind = \"mapping\", contract = \"subject\", key = \"subject\", slot = {slot}, decimals = 18 }}"
        );
    }
    let shift = Dense::SHIFTS[1];
    let layer = |(i, widths): (usize, &[usize])| {
        let row = |j: usize| (0..widths[0]).map(move |k| ((j * 7 + k * 3) % 11) as i64 - 5).collect();
        let activation = if i == 2 { Activation::Curve(Curve::Sigmoid) } else { Activation::Relu };
        let (weights, bias) = ((0..widths[1]).map(row).collect(), vec![1 << 30; widths[1]]);
        (format!("dense{i}"), Dense { weights, bias, shift, bits: 0, activation })
    };
    let layers: Vec<_> = [24, 64, 32, 1].windows(2).enumerate().map(layer).collect();
    Ok((Model::chain(24, layers).sized()?, Plan::parse(&text)?))
}
