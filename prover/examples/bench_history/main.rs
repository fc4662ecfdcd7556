//! Costs of history proofs: `bench_history [CASE]…`, one JSON line a case.
//!
//! | case | says |
//! |---|---|
//! | `mainnet-1-slot`, `mainnet-12-slots` | an account and a slot, four accounts and three slots each, of a mainnet block |
//! | `hops-16`, `hops-32` | one mapping slot at 16 and 32 blocks, 8,191 apart: one anchor and sixteen blocks a proof |
//! | `headers-128`, `headers-1024` | the first headers of mainnet in one ancestry proof |

mod hops;
mod mainnet;

use eyre::Result;
use halo2_base::halo2_proofs::{arithmetic::Field, halo2curves::bn256::Fr, plonk::Circuit};
use serde_json::{Value, json};
use std::{
    env, fs,
    path::{Path, PathBuf},
};
use vouch_circuits::{
    evidence::Evidence,
    history::{
        Class, HistoryCircuit,
        ancestry::{AncestryCircuit, Size},
    },
};
use vouch_prover::{
    ancestries, class,
    cost::Meter,
    evm::{Artifact, Solc, verify_in_revm},
    histories,
    keys::Keys,
    srs::Srs,
};

/// Blocks of one proof of `hops-32`.
const BLOCKS: u64 = 16;

/// What is measured, and how many proofs it takes.
enum Task {
    History(Class, Evidence, u64),
    Ancestry(Size, Vec<Vec<u8>>),
}

fn task(name: &str) -> Result<Task> {
    Ok(match name {
        "mainnet-1-slot" => Task::History(Class::S, mainnet::Source::read()?.evidence(1, 1)?, 1),
        "mainnet-12-slots" => Task::History(Class::M, mainnet::Source::read()?.evidence(4, 3)?, 1),
        "hops-16" => Task::History(Class::H, hops::evidence(BLOCKS)?, 1),
        "hops-32" => Task::History(Class::H, hops::evidence(BLOCKS)?, 32 / BLOCKS),
        "headers-128" => Task::Ancestry(Size::A7, mainnet::headers(Size::A7.headers())?),
        "headers-1024" => Task::Ancestry(Size::A10, mainnet::headers(Size::A10.headers())?),
        other => eyre::bail!("no case {other:?}: see the head of prover/examples/bench_history/main.rs"),
    })
}

/// Makes keys and `proofs` proofs, and prints what it cost beside `known`.
fn measure<C: Circuit<Fr>>(
    (name, data): (&str, &Path),
    class: &class::Class,
    blank: &C,
    proofs: u64,
    circuit: impl Fn() -> Result<(C, Vec<Fr>)>,
    mut known: Value,
) -> Result<()> {
    let srs = Srs::development(data, class.k)?;
    let made_here = tempfile::tempdir()?;
    let meter = Meter::start();
    let keys = Keys::load_or_make(made_here.path(), &srs, class, "", blank)?;
    let keygen = meter.stop();
    eprintln!("{name}: keys in {:.1} CPU-s, {} MB peak", keygen.cpu_seconds, keygen.peak_mb);
    let meter = Meter::start();
    let mut made = None;
    for _ in 0..proofs {
        let (circuit, instances) = circuit()?;
        made = Some(keys.prove(circuit, instances)?);
    }
    let proving = meter.stop();
    let Some(proof) = made else { return Ok(()) };
    eprintln!("{name}: proven in {:.1} CPU-s", proving.cpu_seconds);
    let cs = keys.vk().cs();
    let measured = json!({
        "bench": "history",
        "case": name,
        "k": class.k,
        "proofs": proofs,
        "columns": cs.num_advice_columns(),
        "fixed_columns": cs.num_fixed_columns(),
        "cells": cs.num_advice_columns() << class.k,
        "keygen_cpu_s": keygen.cpu_seconds,
        "prove_cpu_s": proving.cpu_seconds,
        "prove_wall_s": proving.wall_seconds,
        "keygen_peak_mb": keygen.peak_mb,
        "peak_mb": proving.peak_mb,
        "proof_bytes": proof.bytes.len(),
        "key_mb": (keys.file_bytes / 100_000) as f64 / 10.0,
    });
    if let (Value::Object(known), Value::Object(measured)) = (&mut known, measured) {
        known.extend(measured);
    }
    match Artifact::generate(&keys, &Solc::find()) {
        Ok(artifact) => {
            known["verifier_bytes"] = artifact.passport.runtime_bytes.into();
            known["gas"] = verify_in_revm(&artifact.passport, &keys.source, &proof)?.into();
        }
        Err(why) => eprintln!("{name}: no verifier: {why}"),
    }
    println!("{known}");
    Ok(())
}

fn main() -> Result<()> {
    let mut cases: Vec<String> = env::args().skip(1).collect();
    if cases.is_empty() {
        cases = vec!["mainnet-1-slot".into(), "mainnet-12-slots".into()];
    }
    let data = env::var_os("VOUCH_KEYS").map_or_else(|| env::temp_dir().join("vouch-keys"), PathBuf::from);
    fs::create_dir_all(&data)?;
    for name in cases {
        let to = (name.as_str(), data.as_path());
        match task(&name)? {
            Task::History(history, evidence, proofs) => {
                let index = Class::ALL.iter().position(|class| *class == history).unwrap_or_default();
                let blank = HistoryCircuit::keygen(&history);
                let known = json!({
                    "class": history.name,
                    "permutations": evidence.permutations() as u64 * proofs,
                    "facts": evidence.facts.len() as u64 * proofs,
                    "statement_rows": blank.rows(),
                });
                let circuit = || {
                    let circuit = HistoryCircuit::new(&history, &evidence, Fr::ONE)?;
                    let instances = circuit.instances();
                    Ok((circuit, instances))
                };
                measure(to, &histories::class(index), &blank, proofs, circuit, known)?;
            }
            Task::Ancestry(size, headers) => {
                let blank = AncestryCircuit::keygen(&size);
                let circuit = || {
                    let circuit = AncestryCircuit::new(&size, &headers)?;
                    let instances = circuit.instances();
                    Ok((circuit, instances))
                };
                let permutations = AncestryCircuit::new(&size, &headers)?.permutations();
                let known = json!({ "class": size.name, "permutations": permutations, "statement_rows": blank.rows() });
                measure(to, &ancestries::class(&size), &blank, 1, circuit, known)?;
            }
        }
    }
    Ok(())
}
