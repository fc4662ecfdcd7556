//! Proves `models/affordability` below a threshold, under a commitment, for contract tests: `prove_private --out FILE`.
//!
//! `contracts/test/RealPrivate.t.sol` reads the file; it has the proof with its claim, the key of the model and the verifier of its class. The
//! inputs are those of a made-up household, and their salt is not random: a vector is no secret.

use alloy::primitives::{Address, B256};
use eyre::{OptionExt, Result};
use serde_json::json;
use std::{env, fs, path::PathBuf};
use vouch_indexer::db::Db;
use vouch_prover::{
    engine::{NewModel, ScoreTask},
    opening::Opening,
    score::{CLASSES, DEPLOYED},
    scores::{Scores, compile, keys},
    srs::Srs,
    verifiers,
};

/// Income, debts, months in the job and rent, as the plan divides them.
const HOUSEHOLD: [f64; 4] = [11.2345, 0.3456, 1.9876, 0.2211];

fn main() -> Result<()> {
    let args: Vec<String> = env::args().skip(1).collect();
    let out =
        args.iter().position(|arg| arg == "--out").and_then(|at| args.get(at + 1)).ok_or_eyre("expected --out FILE")?;
    let dir = env::var_os("VOUCH_KEYS").map_or_else(|| env::temp_dir().join("vouch-keys"), PathBuf::from);
    fs::create_dir_all(&dir)?;
    let srs = Srs::development(&dir, CLASSES[DEPLOYED - 1].k)?;
    let data = tempfile::tempdir()?;
    let scores = Scores::open(Db::open(data.path())?, dir.clone(), srs.clone())?;

    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../models/affordability");
    let text = |file: &str| fs::read_to_string(folder.join(file));
    let new = NewModel {
        name: "affordability".into(),
        plan: format!("disclose = {{ below = 0.2 }}\n{}", text("plan.toml")?),
        onnx: fs::read(folder.join("model.onnx"))?,
        calibration: Some(text("calibrate.csv")?),
        salt: None,
        about: None,
        training: None,
        precision: Default::default(),
    };
    let model = scores.add(&new)?;
    let values = HOUSEHOLD.map(|v| (v * 65_536.0) as i64).to_vec();
    let opening = Opening::new(30, values, B256::with_last_byte(1))?;
    let task = ScoreTask {
        chain_id: 31_337,
        model: model.model_id,
        subject: Address::repeat_byte(0xb1),
        as_of: 900,
        payee: Address::repeat_byte(0x11),
        roots: vec![],
        private: Some(opening),
    };
    let proof = scores.prove(&task)?;
    scores.verify(&task, &proof)?;

    let passport = verifiers::load_or_make(&dir, &keys(&dir, &srs, &new.name, &compile(&new)?)?)?;
    let line = json!({
        "chain_id": task.chain_id, "subject": task.subject, "as_of": task.as_of, "payee": task.payee,
        "outputs": proof.outputs.map(|o| o.to_string()), "roots": proof.roots, "inputs": proof.inputs, "digest": proof.digest,
        "class_id": model.class_id, "structure_points": passport.structure_points, "weight_points": passport.weight_points,
        "key": model.key, "model_id": model.model_id, "structure_id": model.structure_id, "proof": proof.proof,
        "verifier": { "bytecode": passport.bytecode, "num_instances": passport.num_instances, "proof_bytes": passport.proof_bytes },
    });
    fs::write(out, format!("{line:#}\n"))?;
    Ok(())
}
