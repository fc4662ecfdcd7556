//! History proofs: the smallest class that holds the evidence, proven and verified.
//!
//! Keys are read when a class is first used; one class is held in memory at a time, because a key takes hundreds of MB.

use crate::class::Class;
use crate::engine::{Anchor, EngineError, HistoryProof};
use crate::evidence::Evidence;
use crate::evm::{Passport, verify_in_revm};
use crate::keys::Keys;
use crate::scores::{element, rejected, word};
use crate::snark::{Proof, verify};
use crate::srs::Srs;
use crate::verifiers;
use alloy::primitives::{Address, B256};
use halo2_base::halo2_proofs::halo2curves::bn256::Fr;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use vouch_circuits::evidence::Evidence as Witness;
use vouch_circuits::facts::FactTree;
use vouch_circuits::history::{Class as Capacity, HistoryCircuit};
use vouch_circuits::instances::{self, HISTORY_INSTANCES, HistoryInstances, MAX_ANCHORS};
use vouch_circuits::trie::Nodes;

/// The classes in the order of `HistoryRoots`, smallest first.
pub static CLASSES: [Capacity; 5] = Capacity::ALL;

/// Classes without links, and without room for receipts: those which every deployment has.
pub const WITHOUT_HOPS: usize = 2;

/// Classes of at most 2^18 rows: those that also link old blocks, and read receipts.
pub const WITHOUT_LARGE_BLOCKS: usize = 4;

/// Class `index` as keys and verifiers know it.
pub fn class(index: usize) -> Class {
    const NAMES: [&str; 5] = ["history_s", "history_m", "history_h", "history_r", "history_b"];
    Class { name: NAMES[index], k: CLASSES[index].k, num_instances: HISTORY_INSTANCES, weights: None }
}

/// Reads the keys of class `index` from `dir`, or makes and stores them.
///
/// # Errors
/// [`EngineError::Prover`].
pub fn keys(dir: &Path, srs: &Srs, index: usize) -> Result<Keys, EngineError> {
    let circuit = HistoryCircuit::keygen(&CLASSES[index]);
    Keys::load_or_make(dir, srs, &class(index), "", &circuit).map_err(prover)
}

/// The history prover of a node.
pub struct Histories {
    dir: PathBuf,
    srs: Srs,
    classes: &'static [Capacity],
    loaded: Mutex<Option<(usize, Arc<Keys>)>>,
}

fn prover(e: impl std::fmt::Display) -> EngineError {
    EngineError::Prover { detail: e.to_string() }
}

impl Histories {
    /// Keys in `dir`, under the string `srs`.
    ///
    /// - `classes`: those that `HistoryRoots` was deployed with: the first ones of [`CLASSES`], none larger than `srs`
    pub fn new(dir: PathBuf, srs: Srs, classes: &'static [Capacity]) -> Self {
        Self { dir, srs, classes, loaded: Mutex::default() }
    }

    /// log2 of the rows of the smallest class that has room for `evidence`.
    ///
    /// # Errors
    /// [`EngineError::Capacity`] with what the largest class has too little room for.
    pub fn k(&self, evidence: &Evidence) -> Result<u32, EngineError> {
        Ok(self.choose(&witness(evidence)?)?.1.k)
    }

    /// The smallest class that has room, with its index. Only facts that need receipts or transactions are proven in classes that have room
    /// for those: all else finds more room in the others.
    fn choose(&self, witness: &Witness) -> Result<(usize, &'static Capacity), EngineError> {
        let needs_entries = witness.facts.iter().any(|fact| fact.kind.needs_entries());
        let mut reason =
            "no class in use proves facts of receipts, logs and transactions: set up and start the node with --hops"
                .to_owned();
        let fits = |(_, class): &(usize, &Capacity)| match class.fits(witness) {
            Ok(()) => true,
            Err(e) => {
                reason = e.to_string();
                false
            }
        };
        let is_meant = |(_, class): &(usize, &Capacity)| class.receipts.is_some() == needs_entries;
        self.classes.iter().enumerate().filter(is_meant).find(fits).ok_or(EngineError::Capacity { detail: reason })
    }

    /// Proves the facts of `evidence` in the class of [`Histories::k`].
    ///
    /// # Errors
    /// [`EngineError::Capacity`], [`EngineError::Prover`].
    pub fn prove(&self, evidence: &Evidence, payee: Address) -> Result<HistoryProof, EngineError> {
        let witness = witness(evidence)?;
        let (index, capacity) = self.choose(&witness)?;
        let circuit = HistoryCircuit::new(capacity, &witness, instances::address(payee.into())).map_err(prover)?;
        let public = circuit.instances();
        let anchors = witness.anchors().map_err(prover)?;
        let keys = self.keys(index)?;
        let proof = keys.prove(circuit, public).map_err(prover)?;
        let root = proof.instances.first().map(word).unwrap_or_default();
        Ok(HistoryProof {
            class: index as u64,
            root,
            payee,
            anchors: anchors
                .into_iter()
                .map(|a| Anchor { number: a.number, hash: a.hash.into(), linked: a.linked })
                .collect(),
            facts: witness.facts,
            instances: proof.instances.iter().map(word).collect(),
            proof: proof.bytes.into(),
        })
    }

    /// Checks a history proof natively and in the EVM, against the public inputs that the contract will build and the
    /// root of its facts.
    ///
    /// # Errors
    /// [`EngineError::Rejected`].
    pub fn verify(&self, proof: &HistoryProof) -> Result<(), EngineError> {
        let tree = FactTree::new(&proof.facts).map_err(|e| rejected("native", e))?;
        if word(&tree.root()) != proof.root {
            return Err(rejected("native", "the root is not that of the facts"));
        }
        if proof.anchors.is_empty() || proof.anchors.len() > MAX_ANCHORS {
            return Err(rejected("native", format!("{} anchors, expected 1 to {MAX_ANCHORS}", proof.anchors.len())));
        }
        let expected = public_inputs(proof).ok_or_else(|| rejected("native", "the root is not below the modulus"))?;
        if expected.iter().map(word).collect::<Vec<B256>>() != proof.instances {
            return Err(rejected("native", "the public inputs are not those of root, payee and anchors"));
        }
        let index = usize::try_from(proof.class).ok().filter(|i| *i < self.classes.len());
        let index = index.ok_or_else(|| rejected("native", format!("there is no class {}", proof.class)))?;
        let keys = self.keys(index)?;
        let snark = Proof { bytes: proof.proof.to_vec(), instances: expected };
        if !verify(&keys.srs, keys.vk(), &keys.source, &snark) {
            return Err(rejected("native", "the history proof does not verify"));
        }
        let passport: Passport = verifiers::load_or_make(&self.dir, &keys).map_err(prover)?;
        verify_in_revm(&passport, &keys.source, &snark).map_err(|e| rejected("evm", e))?;
        Ok(())
    }

    fn keys(&self, index: usize) -> Result<Arc<Keys>, EngineError> {
        let mut loaded = self.loaded.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((held, keys)) = &*loaded
            && *held == index
        {
            return Ok(keys.clone());
        }
        // The old key goes before the new one comes.
        *loaded = None;
        let keys = Arc::new(keys(&self.dir, &self.srs, index)?);
        *loaded = Some((index, keys.clone()));
        Ok(keys)
    }
}

/// Public inputs of a history proof, as the contract builds them. `None` if the root is no field element.
pub fn public_inputs(proof: &HistoryProof) -> Option<Vec<Fr>> {
    let anchor = |a: &Anchor| instances::Anchor { number: a.number, hash: a.hash.0, linked: a.linked };
    let anchors = std::array::from_fn(|i| proof.anchors.get(i).map(anchor));
    Some(HistoryInstances { root: element(&proof.root)?, payee: proof.payee.into(), anchors }.to_fields())
}

/// The evidence as the circuit takes it: headers, each node once, the same facts. Walks everything again natively.
///
/// # Errors
/// [`EngineError::Prover`] if the evidence does not prove the values of its facts.
pub fn witness(evidence: &Evidence) -> Result<Witness, EngineError> {
    let headers: Vec<Vec<u8>> = evidence.blocks.iter().map(|b| b.header_rlp.to_vec()).collect();
    let mut nodes = Nodes::from_iter(evidence.blocks.iter().flat_map(|b| &b.entry_nodes));
    for account in evidence.blocks.iter().flat_map(|b| &b.accounts) {
        for node in account.nodes.iter().chain(account.slots.iter().flat_map(|s| &s.nodes)) {
            nodes.insert(node.to_vec());
        }
    }
    let is_anchor = |block| evidence.anchored.contains(&block);
    let mut witness = Witness::collect_from(&evidence.facts, &headers, &nodes, is_anchor).map_err(prover)?;
    witness.remembered.clone_from(&evidence.remembered);
    match witness.facts.iter().zip(&evidence.facts).find(|(proven, claimed)| proven != claimed) {
        None => Ok(witness),
        Some((proven, claimed)) => Err(prover(format!(
            "fact of block {}: evidence proves {}, expected {}",
            claimed.block,
            hex::encode(proven.value),
            hex::encode(claimed.value)
        ))),
    }
}
