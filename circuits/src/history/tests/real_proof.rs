//! A halo2 proof of facts about receipts, logs, transactions and counts.

use halo2_base::halo2_proofs::plonk::{keygen_pk, keygen_vk};
use halo2_base::halo2_proofs::poly::kzg::commitment::ParamsKZG;
use halo2_base::utils::testing::{check_proof_with_instances, gen_proof_with_instances};
use rand_chacha::ChaCha20Rng;
use rand_chacha::rand_core::SeedableRng;

use super::honest_entries::{ENTRIES, small_entries};
use super::*;

/// A halo2 proof of every kind of entry fact, and that it is of these facts only.
#[test]
#[ignore = "keys and a proof of 2^16 rows: minutes on a busy machine"]
fn a_real_proof() {
    let made = |evidence: &Evidence| HistoryCircuit::new(&ENTRIES, evidence, Fr::from(7)).expect("it fits");
    let circuit = made(&small_entries());
    let params = ParamsKZG::setup(ENTRIES.k, ChaCha20Rng::from_seed([7; 32]));
    let vk = keygen_vk(&params, &circuit).expect("a key");
    let pk = keygen_pk(&params, vk, &circuit).expect("a key");
    let instances = circuit.instances();
    let proof = gen_proof_with_instances(&params, &pk, circuit, &[&instances]);
    check_proof_with_instances(&params, pk.get_vk(), &proof, &[&instances], true);
    let mut other = instances;
    other[0] += Fr::from(1);
    check_proof_with_instances(&params, pk.get_vk(), &proof, &[&other], false);
}
