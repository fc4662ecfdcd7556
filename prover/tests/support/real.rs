//! Real history proofs for tests: made one at a time, checked natively and in the EVM, and every lie about them refused by both.
#![allow(dead_code, reason = "each test file uses a part")]

use alloy::primitives::{Address, B256};
use std::fs;
use std::path::PathBuf;
use std::sync::{Mutex, MutexGuard, PoisonError};
use vouch_circuits::facts::FactTree;
use vouch_circuits::history::Class;
use vouch_prover::engine::{EngineError, HistoryProof};
use vouch_prover::evidence::Evidence;
use vouch_prover::evm::{Passport, verify_in_revm};
use vouch_prover::histories::{self, CLASSES, Histories};
use vouch_prover::keys::Keys;
use vouch_prover::snark::{Proof, verify};
use vouch_prover::srs::Srs;
use vouch_prover::{scores, verifiers};

/// A key takes up to 2 GB of memory, and the keys of a class are made once.
static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());

/// The prover of one class.
pub struct Prover {
    class: usize,
    histories: Histories,
    dir: PathBuf,
    srs: Srs,
    _temporary: tempfile::TempDir,
    _alone: MutexGuard<'static, ()>,
}

/// A change of a proof, and what it is.
pub type Lie = (&'static str, fn(&mut HistoryProof));

impl Prover {
    /// Keys of class `class` of [`CLASSES`] are kept in `VOUCH_KEYS` if it is set, else they are made for this test.
    pub fn new(class: usize) -> Self {
        let alone = ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner);
        let temporary = tempfile::tempdir().expect("a folder");
        let dir = std::env::var_os("VOUCH_KEYS").map_or_else(|| temporary.path().join("keys"), PathBuf::from);
        fs::create_dir_all(&dir).expect("a folder");
        let srs = Srs::development(&dir, CLASSES[class].k).expect("a string");
        let histories = Histories::new(dir.clone(), srs.clone(), &CLASSES[..=class]);
        Self { class, histories, dir, srs, _temporary: temporary, _alone: alone }
    }

    /// The same where other classes are in use.
    pub fn histories_of(&self, classes: &'static [Class]) -> Histories {
        Histories::new(self.dir.clone(), self.srs.clone(), classes)
    }

    /// Proves `evidence` in this class, which has to be the smallest with room for it, and verifies the proof.
    pub fn prove(&self, evidence: &Evidence) -> HistoryProof {
        let proof = self.histories.prove(evidence, Address::repeat_byte(0xaa)).expect("a proof");
        assert_eq!(proof.class, self.class as u64, "class {} was meant", CLASSES[self.class].name);
        assert_eq!((&proof.facts, &proof.anchors), (&evidence.facts, &evidence.anchors()));
        self.histories.verify(&proof).expect("the honest proof");
        proof
    }

    /// The verifier of the class.
    pub fn verifier(&self) -> (Keys, Passport) {
        let keys = histories::keys(&self.dir, &self.srs, self.class).expect("keys");
        let passport = verifiers::load_or_make(&self.dir, &keys).expect("a verifier");
        (keys, passport)
    }

    /// What the contract would refuse, this refuses: as it is, and with the root and the public inputs that the lie would have, by both verifiers.
    pub fn refuses_lies(&self, honest: &HistoryProof, more: &[Lie]) {
        let common: [Lie; 5] = [
            ("another payee", |proof| proof.payee = Address::ZERO),
            ("another value", |proof| proof.facts[0].value[31] ^= 1),
            ("another block", |proof| proof.anchors[0].hash.0[0] ^= 1),
            ("another number", |proof| proof.anchors[0].number += 1),
            ("another kind of anchor", |proof| proof.anchors[0].linked ^= true),
        ];
        let (keys, passport) = self.verifier();
        let accepted = |proof: &HistoryProof| {
            let instances = histories::public_inputs(proof).expect("elements");
            let snark = Proof { bytes: proof.proof.to_vec(), instances };
            let native = verify(&keys.srs, keys.vk(), &keys.source, &snark);
            (native, verify_in_revm(&passport, &keys.source, &snark).is_ok())
        };
        assert_eq!(accepted(honest), (true, true));
        for (what, change) in common.iter().chain(more) {
            let mut lie = honest.clone();
            change(&mut lie);
            assert!(matches!(self.histories.verify(&lie), Err(EngineError::Rejected { .. })), "{what}");
            lie.root = scores::word(&FactTree::new(&lie.facts).expect("a tree").root());
            assert_eq!(accepted(&lie), (false, false), "{what}");
        }
        for at in [0, honest.proof.len() / 2, honest.proof.len() - 1] {
            let mut bytes = honest.proof.to_vec();
            bytes[at] ^= 1;
            let lie = HistoryProof { proof: bytes.into(), ..honest.clone() };
            assert!(matches!(self.histories.verify(&lie), Err(EngineError::Rejected { .. })), "byte {at} of the proof");
        }
    }
}

/// A word of a number.
pub fn word(number: u64) -> [u8; 32] {
    B256::left_padding_from(&number.to_be_bytes()).0
}
