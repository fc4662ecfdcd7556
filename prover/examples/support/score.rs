//! Measures one score proof.

use serde_json::json;
use std::{collections::BTreeMap, path::Path, sync::Arc};
use vouch_circuits::{
    facts::FactTree,
    model::Model,
    plan::Plan,
    score::{Request, ScoreCircuit, Secret, open},
};
use vouch_prover::{
    cost::Meter,
    evm::{Artifact, Solc, verify_in_revm},
    keys::Keys,
    score, snark,
    srs::Srs,
};

/// Largest `k` whose proofs take less than a second.
const SHORT: u32 = 13;

/// Where keys and reference strings are, and the verifiers that were generated so far, by class.
pub struct Bench<'a> {
    directory: &'a Path,
    verifiers: BTreeMap<&'static str, Artifact>,
}

impl<'a> Bench<'a> {
    pub fn new(directory: &'a Path) -> Self {
        Self { directory, verifiers: BTreeMap::new() }
    }

    /// Prints one line: keys, proof and verification of one query on made-up words and these private inputs, and the fields of
    /// `more`. Proving includes reading the key; of proofs that take less than a second three are made, and the median is shown.
    ///
    /// # Errors
    /// Whatever goes wrong.
    pub fn measure(
        &mut self,
        case: (&str, &str),
        model: Model,
        plan: Plan,
        inputs: &[i64],
        more: &[(&str, f64)],
    ) -> eyre::Result<()> {
        let (model, plan) = (Arc::new(model), Arc::new(plan));
        let class = ScoreCircuit::keygen(model.clone(), plan.clone())?.class();
        let srs = Srs::development(self.directory, class.k)?;
        let meter = Meter::start();
        drop(score::keys(self.directory, &srs, &model, &plan, None)?);
        let keygen = meter.stop();

        let request = Request { chain_id: 31_337, payee: [0x11; 20], subject: [0xb1; 20], as_of: 2_500 };
        let mut word = [0; 32];
        word[20..].copy_from_slice(&[0x5a; 12]);
        let facts: Vec<_> =
            plan.resolve(request.subject, request.as_of)?.into_iter().map(|key| key.holds(word)).collect();
        let trees = if facts.is_empty() { vec![] } else { vec![(FactTree::new(&facts)?, facts)] };
        let secret = Secret { values: inputs.to_vec(), ..Secret::default() };
        let prove = || -> eyre::Result<_> {
            let meter = Meter::start();
            let keys = score::keys(self.directory, &srs, &model, &plan, None)?;
            let (roots, openings) = open(&plan, request.subject, request.as_of, &trees)?;
            let circuit = ScoreCircuit::new(model.clone(), plan.clone(), &request, &roots, &openings, &secret)?;
            let rows = circuit.rows()?;
            let proof = score::prove(&keys, circuit)?;
            Ok((meter.stop(), keys, rows, proof))
        };
        let mut proofs = vec![prove()?];
        if class.k <= SHORT {
            proofs.extend([prove()?, prove()?]);
        }
        proofs.sort_by(|a, b| a.0.cpu_seconds.total_cmp(&b.0.cpu_seconds));
        let number = proofs.len();
        let (prove, keys, rows, proof) = proofs.swap_remove(number / 2);
        let meter = Meter::start();
        eyre::ensure!(snark::verify(&keys.srs, keys.vk(), &keys.source, &proof), "the proof does not verify");
        let verify = meter.stop();

        let mut line = json!({
            "bench": case.0,
            "case": case.1,
            "class": keys.class.name,
            "k": keys.class.k,
            "columns": keys.vk().cs().num_advice_columns(),
            "fixed_columns": keys.vk().cs().num_fixed_columns(),
            "cells": keys.vk().cs().num_advice_columns() << keys.class.k,
            "facts": plan.facts.len(),
            "private_inputs": plan.private.count,
            "glue_rows": rows.glue,
            "gate_cells": rows.gate,
            "range_rows": rows.range,
            "table_rows": rows.tables,
            "dense_rows": rows.dense,
            "hash_rows": rows.hash,
            "keygen_cpu_s": rounded(keygen.cpu_seconds),
            "prove_cpu_s": rounded(prove.cpu_seconds),
            "prove_wall_s": rounded(prove.wall_seconds),
            "proofs": number,
            "peak_mb": prove.peak_mb,
            "proof_bytes": proof.bytes.len(),
            "key_mb": rounded(keys.file_bytes as f64 / 1e6),
            "verify_s": (verify.wall_seconds * 1e4).round() / 1e4,
        });
        for (name, value) in more {
            line[*name] = (*value).into();
        }
        match self.on_chain(&keys, &proof) {
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
    fn on_chain(&mut self, keys: &Keys, proof: &snark::Proof) -> eyre::Result<(u64, usize)> {
        let artifact = match self.verifiers.remove(keys.class.name) {
            Some(known) => known,
            None => {
                let solc = Solc::find();
                solc.check()?;
                Artifact::generate(keys, &solc)?
            }
        };
        let gas = verify_in_revm(&artifact.passport, &keys.source, proof)?;
        let bytes = artifact.passport.runtime_bytes;
        self.verifiers.insert(keys.class.name, artifact);
        Ok((gas, bytes))
    }
}

fn rounded(v: f64) -> f64 {
    (v * 100.0).round() / 100.0
}
