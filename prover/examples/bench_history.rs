//! Costs of a history proof over real mainnet data: `bench_history [mainnet-1-slot|mainnet-12-slots]…`, one JSON line a case.
//!
//! Data: `proofs/zeth_18884864.json` of the fixtures (`VOUCH_FIXTURES`, else `../shared/fixtures`).

use alloy::hex;
use eyre::{OptionExt, Result, ensure};
use halo2_base::halo2_proofs::{arithmetic::Field, halo2curves::bn256::Fr};
use serde_json::{Value, json};
use std::{env, fs, path::PathBuf};
use vouch_circuits::{
    evidence::Evidence,
    facts::{Fact, FactKind},
    history::{Class, HistoryCircuit},
    trie::Nodes,
};
use vouch_prover::{
    class,
    cost::Meter,
    evm::{Artifact, Solc, verify_in_revm},
    keys::Keys,
    srs::Srs,
};

/// Everything one `eth_getProof` file says.
struct Source {
    header: Vec<u8>,
    nodes: Nodes,
    /// Account and slots of each response.
    responses: Vec<(Fact, Vec<Fact>)>,
}

fn bytes(value: &Value) -> Result<Vec<u8>> {
    Ok(hex::decode(value.as_str().ok_or_eyre("expected a hex string")?)?)
}

fn word(value: &Value) -> Result<[u8; 32]> {
    let text = value.as_str().ok_or_eyre("expected a hex string")?.trim_start_matches("0x");
    let mut word = [0; 32];
    hex::decode_to_slice(format!("{text:0>64}"), &mut word)?;
    Ok(word)
}

fn source() -> Result<Source> {
    let fixtures = env::var_os("VOUCH_FIXTURES").map_or_else(|| PathBuf::from("../shared/fixtures"), PathBuf::from);
    let file: Value = serde_json::from_str(&fs::read_to_string(fixtures.join("proofs/zeth_18884864.json"))?)?;
    let block = file["block_number"].as_u64().ok_or_eyre("expected a block number")?;
    let (mut nodes, mut responses) = (Nodes::default(), Vec::new());
    let zero = [0; 32];
    for response in file["proofs"].as_array().ok_or_eyre("expected a list of proofs")? {
        let address = bytes(&response["address"])?.try_into().map_err(|_| eyre::eyre!("expected 20 bytes"))?;
        let fact = |kind, slot| Fact { kind, block, address, slot, key: zero, key2: zero, value: zero };
        let mut balance = zero;
        balance[31] = 1;
        let mut slots = Vec::new();
        let mut lists = vec![&response["accountProof"]];
        for slot in response["storageProof"].as_array().ok_or_eyre("expected a list of slots")? {
            lists.push(&slot["proof"]);
            slots.push(fact(FactKind::Slot, word(&slot["key"])?));
        }
        for node in lists.into_iter().flat_map(|list| list.as_array().into_iter().flatten()) {
            nodes.insert(bytes(node)?);
        }
        responses.push((fact(FactKind::Account, balance), slots));
    }
    Ok(Source { header: bytes(&file["header_rlp"])?, nodes, responses })
}

impl Source {
    /// `accounts` accounts with their balance and `slots` slots each.
    fn evidence(&self, accounts: usize, slots: usize) -> Result<Evidence> {
        let mut wanted = Vec::new();
        for (account, all) in self.responses.iter().filter(|(_, all)| all.len() >= slots).take(accounts) {
            wanted.push(*account);
            wanted.extend(&all[..slots]);
        }
        ensure!(wanted.len() == accounts * (slots + 1), "the file has too few accounts with {slots} slots");
        Ok(Evidence::collect(&wanted, std::slice::from_ref(&self.header), &self.nodes)?)
    }
}

fn main() -> Result<()> {
    let mut cases: Vec<String> = env::args().skip(1).collect();
    if cases.is_empty() {
        cases = vec!["mainnet-1-slot".into(), "mainnet-12-slots".into()];
    }
    let source = source()?;
    let data = env::var_os("VOUCH_KEYS").map_or_else(|| env::temp_dir().join("vouch-keys"), PathBuf::from);
    fs::create_dir_all(&data)?;
    for case in cases {
        let (history, accounts, slots) = match case.as_str() {
            "mainnet-1-slot" => (Class::S, 1, 1),
            "mainnet-12-slots" => (Class::M, 4, 3),
            other => eyre::bail!("no case {other:?}, expected mainnet-1-slot or mainnet-12-slots"),
        };
        let evidence = source.evidence(accounts, slots)?;
        let srs = Srs::development(&data, history.k)?;
        let class = class::Class {
            name: if history.k == 16 { "history_s" } else { "history_m" },
            k: history.k,
            num_instances: vouch_circuits::history::INSTANCES,
            weights: None,
        };
        let meter = Meter::start();
        let keys = Keys::make(&srs, &class, &HistoryCircuit::keygen(&history))?;
        let keygen = meter.stop();
        eprintln!("{case}: keys in {:.1} CPU-s, {} MB peak", keygen.cpu_seconds, keygen.peak_mb);
        let meter = Meter::start();
        let circuit = HistoryCircuit::new(&history, &evidence, Fr::ONE)?;
        let instances = circuit.instances();
        let rows = circuit.rows();
        let proof = keys.prove(circuit, instances)?;
        let proving = meter.stop();
        eprintln!("{case}: proof in {:.1} CPU-s", proving.cpu_seconds);
        let cs = keys.vk().cs();
        let mut line = json!({
            "bench": "history",
            "case": case,
            "class": history.name,
            "k": history.k,
            "permutations": evidence.permutations(),
            "facts": evidence.facts.len(),
            "columns": cs.num_advice_columns(),
            "fixed_columns": cs.num_fixed_columns(),
            "cells": cs.num_advice_columns() << history.k,
            "statement_rows": rows,
            "keygen_cpu_s": keygen.cpu_seconds,
            "prove_cpu_s": proving.cpu_seconds,
            "prove_wall_s": proving.wall_seconds,
            "peak_mb": keygen.peak_mb.max(proving.peak_mb),
            "proof_bytes": proof.bytes.len(),
        });
        match Artifact::generate(&keys, &Solc::find()) {
            Ok(artifact) => {
                line["verifier_bytes"] = artifact.passport.runtime_bytes.into();
                line["gas"] = verify_in_revm(&artifact.passport, &keys.source, &proof)?.into();
            }
            Err(why) => eprintln!("{case}: no verifier: {why}"),
        }
        println!("{line}");
    }
    Ok(())
}
