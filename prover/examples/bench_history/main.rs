//! Costs of history proofs: `bench_history CASE…`, one JSON line a case. Each case should be a process of its own, so that its peak memory is.
//!
//! | case | says |
//! |---|---|
//! | `mainnet-1-slot`, `mainnet-16-slots` | an account and a slot, four accounts and four slots each, of a mainnet block |
//! | `hops-16` | one mapping slot at 16 blocks, 8,191 apart, one of them an anchor |
//! | `hops-32` | the same at 32 blocks from one anchor: three proofs, each making its oldest block public as the anchor of the next |
//! | `logs`, `logs-large`, `logs-receipt` | a count over all 510 logs, all 929 logs of a mainnet block; fields of the last log of a receipt of 32 KB |
//! | `headers-128`, `headers-1024` | the first headers of mainnet in one ancestry proof |
//! | `size PERMUTATIONS K` | a proof of so many permutations on 2^K rows |
//! | `marginal`, `fixed` | slope and start of a straight line through sizes; both lines |
//! | `plot FILE` | sizes up to 8,192 permutations, drawn to a PNG; their lines go to standard output |
//! | `draw LINES FILE` | such lines drawn again |

mod fit;
mod hops;
mod logs;
mod mainnet;
#[path = "../support/plot.rs"]
mod plot;
mod sizes;

use eyre::{OptionExt, Result};
use halo2_base::halo2_proofs::{arithmetic::Field, halo2curves::bn256::Fr, plonk::Circuit};
use serde_json::{Value, json};
use std::{
    env, fs,
    ops::Range,
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

/// Places of the blocks of each proof of `hops-32` among all 32, the oldest first: each begins with the last of the next.
const PARTS: [Range<usize>; 3] = [20..32, 10..21, 0..11];

/// What is measured, and how many proofs it takes.
enum Task {
    History(Box<Class>, Vec<Evidence>),
    Ancestry(Size, Vec<Vec<u8>>),
}

/// One proof for each, all in the class that holds them.
fn history(parts: Vec<Evidence>) -> Result<Task> {
    let needs_entries = parts.iter().flat_map(|part| &part.facts).any(|fact| fact.kind.needs_entries());
    let mut meant = Class::ALL.into_iter().filter(|class| class.receipts.is_some() == needs_entries);
    let fits = meant.find(|class| parts.iter().all(|part| class.fits(part).is_ok()));
    Ok(Task::History(fits.ok_or_eyre("no class has room for the case")?.into(), parts))
}

fn task(name: &str, size: Option<(&str, &str)>) -> Result<Task> {
    Ok(match (name, size) {
        ("mainnet-1-slot", None) => history(vec![mainnet::Source::read()?.evidence(1, 1)?])?,
        ("mainnet-16-slots", None) => history(vec![mainnet::Source::read()?.evidence(4, 4)?])?,
        ("hops-16", None) => history(vec![hops::evidence(16, hops::MAINNET)?])?,
        ("hops-32", None) => {
            let chain = hops::chain(32, hops::MAINNET);
            let part = |places: Range<usize>| chain.part(places.clone(), places.start > 0);
            history(PARTS.into_iter().map(part).collect::<Result<_>>()?)?
        }
        ("logs", None) => history(vec![logs::count("17034870")?])?,
        ("logs-large", None) => history(vec![logs::count("15573637")?])?,
        ("logs-receipt", None) => history(vec![logs::longest()?])?,
        ("headers-128", None) => Task::Ancestry(Size::A7, mainnet::headers(Size::A7.headers())?),
        ("headers-1024", None) => Task::Ancestry(Size::A10, mainnet::headers(Size::A10.headers())?),
        ("size", Some((permutations, k))) => {
            let (class, evidence) = sizes::class(permutations.parse()?, k.parse()?)?;
            Task::History(class.into(), vec![evidence])
        }
        (other, _) => eyre::bail!("no case {other:?}: see the head of prover/examples/bench_history/main.rs"),
    })
}

/// Makes keys and `proofs` proofs, of `circuit(0)` and so on, and prints what it cost beside `known`.
fn measure<C: Circuit<Fr>>(
    (name, data): (&str, &Path),
    class: &class::Class,
    blank: &C,
    proofs: usize,
    circuit: impl Fn(usize) -> Result<(C, Vec<Fr>)>,
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
    for number in 0..proofs {
        let (circuit, instances) = circuit(number)?;
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
    let arguments: Vec<String> = env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match arguments[..] {
        ["marginal" | "fixed"] => {
            for line in fit::cases(&fit::measure(&sizes::LINE)?)? {
                println!("{line}");
            }
            Ok(())
        }
        ["plot", file] => {
            let lines = fit::measure(&sizes::ALL)?;
            lines.iter().for_each(|line| println!("{line}"));
            fit::draw(&lines, Path::new(file))
        }
        ["draw", lines, file] => {
            let text = fs::read_to_string(lines)?;
            let lines: Vec<Value> = text.lines().map(serde_json::from_str).collect::<Result<_, _>>()?;
            fit::draw(&lines, Path::new(file))
        }
        [name] => run(name, None),
        [name, permutations, k] => run(name, Some((permutations, k))),
        _ => eyre::bail!("expected a case: see the head of prover/examples/bench_history/main.rs"),
    }
}

fn run(name: &str, size: Option<(&str, &str)>) -> Result<()> {
    let data = env::var_os("VOUCH_KEYS").map_or_else(|| env::temp_dir().join("vouch-keys"), PathBuf::from);
    fs::create_dir_all(&data)?;
    let to = (name, data.as_path());
    match task(name, size)? {
        Task::History(history, parts) => {
            let blank = HistoryCircuit::keygen(&history);
            let used = parts.iter().map(|part| part.permutations() as u64).sum();
            // a class made to measure is full, if only with the empty message
            let permutations = if size.is_some() { history.blocks as u64 } else { used };
            let known = json!({
                "class": history.name,
                "permutations": permutations,
                "permutations_of_evidence": used,
                "facts": parts.iter().map(|part| part.facts.len()).sum::<usize>(),
                "anchors": parts.iter().map(|part| Ok(part.anchors()?.len())).sum::<Result<usize>>()?,
                "statement_rows": blank.rows(),
            });
            let circuit = |number: usize| {
                let circuit = HistoryCircuit::new(&history, &parts[number], Fr::ONE)?;
                let instances = circuit.instances();
                Ok((circuit, instances))
            };
            let index = Class::ALL.iter().position(|class| *class == *history);
            let class =
                index.map_or(class::Class { name: "measured", k: history.k, ..histories::class(0) }, histories::class);
            measure(to, &class, &blank, parts.len(), circuit, known)
        }
        Task::Ancestry(size, headers) => {
            let blank = AncestryCircuit::keygen(&size);
            let circuit = |_| {
                let circuit = AncestryCircuit::new(&size, &headers)?;
                let instances = circuit.instances();
                Ok((circuit, instances))
            };
            let permutations = AncestryCircuit::new(&size, &headers)?.permutations();
            let known = json!({ "class": size.name, "permutations": permutations, "statement_rows": blank.rows() });
            measure(to, &ancestries::class(&size), &blank, 1, circuit, known)
        }
    }
}
