//! What a proof file claims, and whether its proofs show it.
//!
//! Statement: under the chosen reference string, which may be used on the chain that the file names, the verifiers of the classes
//! accept each history proof with the file's root, payee and anchors, and the score proof with the file's claim, under roots that those
//! history proofs prove; and the model id is the hash of the key in the file.
//!
//! Not shown: that the model id means a certain model. A key with its constraints switched off has an id, too.

use alloy::primitives::{Address, B256, Bytes, keccak256};
use eyre::WrapErr;
use serde::Deserialize;
use vouch_circuits::instances::MAX_ANCHORS;
use vouch_prover::class::Class;
use vouch_prover::engine::{Anchor, HistoryProof, OUTPUTS, ScoreProof, ScoreTask};
use vouch_prover::evm::{Passport, trial};
use vouch_prover::srs::Srs;
use vouch_prover::{histories, score, scores};

#[derive(Clone, Deserialize)]
pub(super) struct Question {
    pub model: B256,
    pub subject: Address,
    pub as_of: u64,
}

#[derive(Clone, Deserialize)]
pub(super) struct ClaimFile {
    pub outputs: [String; OUTPUTS],
    pub roots: [B256; OUTPUTS],
    pub payee: Address,
    #[serde(default)]
    pub inputs: B256,
    #[serde(default)]
    pub digest: B256,
}

#[derive(Clone, Deserialize)]
pub(super) struct HistoryFile {
    pub class: u64,
    pub root: B256,
    pub anchors: Vec<Anchor>,
    pub payee: Address,
    pub proof: Bytes,
}

/// A file written by `vouch prove`.
#[derive(Clone, Deserialize)]
pub(super) struct ProofFile {
    pub query: Question,
    pub chain_id: u64,
    pub claim: ClaimFile,
    pub proof: Bytes,
    pub model_key: Bytes,
    pub histories: Vec<HistoryFile>,
}

/// Gas of each verification, as a transaction of its own.
#[derive(Debug)]
pub(super) struct Gas {
    pub histories: Vec<u64>,
    pub score: u64,
}

/// Checks the statement of this file.
///
/// - `srs`: the string that the user chose; a development string only serves local chains
/// - `find`: the verifier of a class under that string
pub(super) fn check(file: &ProofFile, srs: &Srs, find: &dyn Fn(&Class) -> eyre::Result<Passport>) -> eyre::Result<Gas> {
    srs.allowed_on(file.chain_id)?;
    let mut histories = Vec::new();
    for history in &file.histories {
        histories.push(check_history(history, find)?);
    }
    Ok(Gas { histories, score: check_score(file, find)? })
}

fn check_history(history: &HistoryFile, find: &dyn Fn(&Class) -> eyre::Result<Passport>) -> eyre::Result<u64> {
    let what = format!("history proof of root {}", history.root);
    let index = usize::try_from(history.class).ok().filter(|i| *i < histories::CLASSES.len());
    let index = index.ok_or_else(|| eyre::eyre!("{what}: there is no class {}", history.class))?;
    let got = history.anchors.len();
    eyre::ensure!((1..=MAX_ANCHORS).contains(&got), "{what}: expected 1 to {MAX_ANCHORS} anchors, got {got}");
    let passport = find(&histories::class(index))?;
    let proof = HistoryProof {
        class: history.class,
        root: history.root,
        payee: history.payee,
        anchors: history.anchors.clone(),
        facts: Vec::new(),
        instances: Vec::new(),
        proof: history.proof.clone(),
    };
    let public = histories::public_inputs(&proof).ok_or_else(|| eyre::eyre!("{what}: the root is no field element"))?;
    let public: Vec<u8> = public.iter().flat_map(|f| scores::word(f).0).collect();
    run(&passport, &[], &public, &history.proof, &what)
}

fn check_score(file: &ProofFile, find: &dyn Fn(&Class) -> eyre::Result<Passport>) -> eyre::Result<u64> {
    let Question { model, subject, as_of } = file.query;
    let what = format!("score proof of {subject}");
    let passport = verifier_of(model, &file.model_key, find).wrap_err_with(|| what.clone())?;
    for root in file.claim.roots.into_iter().filter(|root| !root.is_zero()) {
        let is_proven = file.histories.iter().any(|h| h.root == root);
        eyre::ensure!(is_proven, "{what}: the claim uses root {root}, which no history proof of the file proves");
    }
    let mut outputs = [0; OUTPUTS];
    for (output, text) in outputs.iter_mut().zip(&file.claim.outputs) {
        *output = text.parse().wrap_err_with(|| format!("{what}: output {text}"))?;
    }
    let payee = file.claim.payee;
    let task = ScoreTask { chain_id: file.chain_id, model, subject, as_of, payee, roots: Vec::new(), private: None };
    let ClaimFile { roots, inputs, digest, .. } = file.claim;
    let proof = ScoreProof { outputs, roots, inputs, digest, instances: Vec::new(), proof: file.proof.clone() };
    let public: Vec<u8> = scores::public_inputs(&task, &proof).iter().flat_map(|w| w.0).collect();
    run(&passport, &file.model_key, &public, &file.proof, &what)
}

/// The verifier of the class in which `key` is the key of `model`.
fn verifier_of(model: B256, key: &[u8], find: &dyn Fn(&Class) -> eyre::Result<Passport>) -> eyre::Result<Passport> {
    let (mut missing, mut any) = (None, false);
    for size in score::CLASSES {
        let passport = match find(&score::class(size)) {
            Ok(passport) => passport,
            Err(why) => {
                missing = missing.or(Some(why));
                continue;
            }
        };
        any = true;
        let structure_bytes = 64 * passport.structure_points.unwrap_or_default();
        let (expected, got) = (structure_bytes + 64 * passport.weight_points.unwrap_or_default(), key.len());
        eyre::ensure!(got == expected, "expected a model key of {expected} bytes, got {got}");
        let class_id = passport.class_id.unwrap_or_default();
        let structure_id = keccak256([class_id.as_slice(), &key[..structure_bytes]].concat());
        if keccak256([structure_id.as_slice(), &key[structure_bytes..]].concat()) == model {
            return Ok(passport);
        }
    }
    let other =
        || eyre::eyre!("the model key is of another model than {model}, in every class that has a verifier here");
    Err(missing.filter(|_| !any).unwrap_or_else(other))
}

/// Runs the verifier of `passport`; `what` names the proof in the error.
fn run(passport: &Passport, key: &[u8], instances: &[u8], proof: &[u8], what: &str) -> eyre::Result<u64> {
    let (expected, got) = (passport.proof_bytes, proof.len());
    eyre::ensure!(expected == got, "{what}: expected a proof of {expected} bytes, got {got}");
    trial::verify(passport, trial::Parts { key, instances, proof }).wrap_err_with(|| format!("{what} is not accepted"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};
    use std::path::Path;

    fn read(path: &str) -> Value {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../contracts").join(path);
        serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap()
    }

    /// The first proofs of the demo, as one proof file.
    fn honest() -> ProofFile {
        let (score, history) = (read("test/vectors/real_score.json"), read("test/vectors/real_history.json"));
        let file = json!({
            "query": {"model": score["model_id"], "subject": score["subject"], "as_of": score["as_of"]},
            "chain_id": score["chain_id"],
            "claim": {"outputs": score["outputs"], "roots": score["roots"], "payee": score["payee"]},
            "proof": score["proof"], "model_key": score["key"], "histories": [history],
        });
        serde_json::from_value(file).unwrap()
    }

    /// The verifiers that came with those proofs.
    fn find(class: &Class) -> eyre::Result<Passport> {
        let vector = if class.weights.is_some() { "score" } else { "history" };
        let vector = read(&format!("test/vectors/real_{vector}.json"));
        let mut passport =
            read(if class.weights.is_some() { "generated/score_11.json" } else { "generated/history_s.json" });
        for name in ["bytecode", "num_instances", "proof_bytes"] {
            passport[name] = vector["verifier"][name].clone();
        }
        for name in ["class_id", "structure_points", "weight_points"] {
            passport[name] = vector[name].clone();
        }
        Ok(serde_json::from_value(passport)?)
    }

    fn development() -> Srs {
        Srs::development(&std::env::temp_dir().join("vouch-test-srs"), 7).unwrap()
    }

    fn refused(change: impl Fn(&mut ProofFile)) -> String {
        let mut file = honest();
        change(&mut file);
        format!("{:#}", check(&file, &development(), &find).unwrap_err())
    }

    #[test]
    fn honest_file_is_valid_and_each_lie_is_refused() {
        let gas = check(&honest(), &development(), &find).unwrap();
        assert!(gas.score > 100_000 && gas.histories.len() == 1 && gas.histories[0] > 100_000, "{gas:?}");

        let not_accepted = "is not accepted: the evm verifier of score_11 rejects the proof";
        assert!(refused(|f| f.claim.outputs[0] = "1399".into()).ends_with(not_accepted));
        assert!(refused(|f| f.query.as_of += 1).ends_with(not_accepted));
        assert!(refused(|f| f.query.subject.0[0] ^= 1).ends_with(not_accepted));
        assert!(refused(|f| f.claim.payee.0[0] ^= 1).ends_with(not_accepted));
        assert!(refused(|f| f.chain_id = 1337).ends_with(not_accepted));
        assert!(refused(|f| f.query.model.0[0] ^= 1).contains("the model key is of another model than 0x"));
        let (proof, key) = (honest().proof.len(), honest().model_key.len());
        let short = format!("expected a proof of {proof} bytes, got {}", proof - 1);
        assert!(refused(|f| f.proof = f.proof[1..].to_vec().into()).ends_with(&short));
        let short = format!("expected a model key of {key} bytes, got {}", key - 64);
        assert!(refused(|f| f.model_key = f.model_key[64..].to_vec().into()).ends_with(&short));
        assert!(refused(|f| f.histories.clear()).contains("which no history proof of the file proves"));
        assert!(
            refused(|f| f.histories[0].anchors[0].hash.0[0] ^= 1).contains("the evm verifier of history_s rejects")
        );
        assert!(refused(|f| f.histories[0].class = 9).ends_with("there is no class 9"));
    }

    #[test]
    fn anchors_are_counted_before_any_could_be_dropped() {
        assert!(refused(|f| f.histories[0].anchors.clear()).ends_with("expected 1 to 8 anchors, got 0"));
        let many = |f: &mut ProofFile| f.histories[0].anchors = vec![f.histories[0].anchors[0]; 9];
        assert!(refused(many).ends_with("expected 1 to 8 anchors, got 9"));
    }

    /// Everyone knows the secret of the development string, so everyone can make such a proof for any chain.
    #[test]
    fn development_string_proves_nothing_about_a_public_chain() {
        let expected = "the development srs is unsafe and refused on chain 1; load a ceremony file";
        assert_eq!(refused(|f| f.chain_id = 1), expected);
    }

    #[test]
    fn verifier_of_another_string_or_a_gullible_one_is_refused() {
        let other = |_: &Class| -> eyre::Result<Passport> { Err(eyre::eyre!("of another string")) };
        assert_eq!(check(&honest(), &development(), &other).unwrap_err().to_string(), "of another string");
        // STOP: accepts whatever it is called with.
        let code = "0x60018060093d393df300";
        let gullible = |class: &Class| Ok(Passport { bytecode: code.parse()?, ..find(class)? });
        let said = format!("{:#}", check(&honest(), &development(), &gullible).unwrap_err());
        assert!(said.ends_with("accepts a proof with another public input 0: it verifies nothing"), "{said}");
    }
}
