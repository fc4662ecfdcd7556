//! Measures one score proof.

use serde_json::json;
use std::{path::Path, sync::Arc};
use vouch_circuits::{
    facts::FactTree,
    model::Model,
    plan::Plan,
    score::{Request, ScoreCircuit, open},
};
use vouch_prover::{
    cost::Meter,
    evm::{Artifact, Solc, verify_in_revm},
    keys::Keys,
    score,
    srs::Srs,
};

/// Prints one line: keys, proof and verification of one query on made-up words, and the fields of `more`.
///
/// # Errors
/// Whatever goes wrong.
pub fn measure(
    case: (&str, &str),
    directory: &Path,
    srs: &Srs,
    model: Model,
    plan: Plan,
    more: &[(&str, f64)],
) -> eyre::Result<()> {
    let (model, plan) = (Arc::new(model), Arc::new(plan));
    let meter = Meter::start();
    let keys = score::keys(directory, srs, &model, &plan, None)?;
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
        "bench": case.0,
        "case": case.1,
        "class": keys.class.name,
        "k": keys.class.k,
        "columns": keys.vk().cs().num_advice_columns(),
        "fixed_columns": keys.vk().cs().num_fixed_columns(),
        "cells": keys.vk().cs().num_advice_columns() << keys.class.k,
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
    for (name, value) in more {
        line[*name] = (*value).into();
    }
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
