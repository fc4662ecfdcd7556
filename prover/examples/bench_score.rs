//! Measures the score proof of both example models and of a model that fills its class; one JSON object a line.

use serde_json::json;
use std::{path::Path, sync::Arc};
use vouch_circuits::{
    facts::FactTree,
    layers::curve::Curve,
    model::{Activation, Dense, Model},
    plan::Plan,
    score::{K, Request, ScoreCircuit, open},
};
use vouch_prover::{
    cost::Meter,
    evm::{Artifact, Solc, verify_in_revm},
    keys::Keys,
    onnx::{Calibration, FloatModel, quantise},
    score,
    srs::Srs,
};

fn main() -> eyre::Result<()> {
    let directory = tempfile::tempdir()?;
    let srs = Srs::development(directory.path(), K)?;
    for name in ["risk", "logistic"] {
        let (model, plan) = example(name)?;
        measure(name, directory.path(), &srs, model, plan)?;
    }
    let (model, plan) = full()?;
    measure("48 facts, 24-64-32-1", directory.path(), &srs, model, plan)
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
    let shift = Dense::SHIFTS[0];
    let layer = |(i, widths): (usize, &[usize])| {
        let row = |j: usize| (0..widths[0]).map(move |k| ((j * 7 + k * 3) % 11) as i64 - 5).collect();
        let activation = if i == 2 { Activation::Curve(Curve::Sigmoid) } else { Activation::Relu };
        let (weights, bias) = ((0..widths[1]).map(row).collect(), vec![1 << 30; widths[1]]);
        (format!("dense{i}"), Dense { weights, bias, shift, bits: 0, activation })
    };
    let layers: Vec<_> = [24, 64, 32, 1].windows(2).enumerate().map(layer).collect();
    Ok((Model::chain(24, layers).sized()?, Plan::parse(&text)?))
}

fn measure(case: &str, directory: &Path, srs: &Srs, model: Model, plan: Plan) -> eyre::Result<()> {
    let (model, plan) = (Arc::new(model), Arc::new(plan));
    let meter = Meter::start();
    let keys = score::keys(directory, srs, &model, &plan)?;
    let keygen = meter.stop();

    let request = Request { chain_id: 31_337, payee: [0x11; 20], subject: [0xb1; 20], as_of: 2_500 };
    let mut word = [0; 32];
    word[20..].copy_from_slice(&[0x5a; 12]);
    let facts: Vec<_> = plan.resolve(request.subject, request.as_of)?.into_iter().map(|key| key.holds(word)).collect();
    let trees = [(FactTree::new(&facts)?, facts)];
    let meter = Meter::start();
    let (roots, openings) = open(&plan, request.subject, request.as_of, &trees)?;
    let circuit = ScoreCircuit::new(model, plan.clone(), &request, &roots, &openings)?;
    let rows = circuit.rows()?;
    let proof = score::prove(&keys, circuit)?;
    let prove = meter.stop();

    let mut line = json!({
        "bench": "score",
        "case": case,
        "k": K,
        "columns": keys.vk().cs().num_advice_columns(),
        "fixed_columns": keys.vk().cs().num_fixed_columns(),
        "cells": keys.vk().cs().num_advice_columns() << K,
        "facts": plan.facts.len(),
        "gate_rows": rows.gate,
        "range_rows": rows.range,
        "dense_rows": rows.dense,
        "hash_rows": rows.hash,
        "keygen_cpu_s": rounded(keygen.cpu_seconds),
        "prove_cpu_s": rounded(prove.cpu_seconds),
        "prove_wall_s": rounded(prove.wall_seconds),
        "peak_mb": prove.peak_mb,
        "proof_bytes": proof.bytes.len(),
        "key_mb": rounded(keys.file_bytes as f64 / 1e6),
    });
    let verifier = on_chain(&keys, &proof);
    match verifier {
        Ok((gas, bytes)) => {
            line["gas"] = gas.into();
            line["verifier_bytes"] = bytes.into();
        }
        Err(why) => eprintln!("no gas: {why}"),
    }
    println!("{line}");
    Ok(())
}

/// Gas of the verification as a transaction of its own, and the size of the verifier.
fn on_chain(keys: &Keys, proof: &vouch_prover::snark::Proof) -> eyre::Result<(u64, usize)> {
    let solc = Solc::find();
    solc.check()?;
    let artifact = Artifact::generate(keys, &solc)?;
    let gas = verify_in_revm(&artifact.passport, &keys.source, proof)?;
    Ok((gas, artifact.passport.runtime_bytes))
}

fn rounded(v: f64) -> f64 {
    (v * 100.0).round() / 100.0
}
