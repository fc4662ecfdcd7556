//! Words at the end of paths: three keys, a later word of a struct, an element of an array inside a mapping, and one that is not there.

use super::*;
use alloy::consensus::TrieAccount;
use alloy::primitives::{B256, keccak256};
use alloy::rlp::Encodable;
use vouch_circuits::path::{Path, Step};
use vouch_circuits::trie::{Nodes, build};
use vouch_prover::evidence::{AccountEvidence, BlockEvidence, Evidence};

const CONTRACT: Address = Address::repeat_byte(0xc0);

/// The slot of a mapping's entry, as Solidity has it.
fn entry(key: B256, slot: B256) -> B256 {
    keccak256([key.0, slot.0].concat())
}

fn further(slot: B256, words: u64) -> B256 {
    (U256::from_be_bytes(slot.0) + U256::from(words)).into()
}

fn encoded(value: impl Encodable) -> Vec<u8> {
    let mut out = Vec::new();
    value.encode(&mut out);
    out
}

/// A trie by the hashes of its keys; its nodes go to `nodes`.
fn trie(entries: impl IntoIterator<Item = (B256, Vec<u8>)>, nodes: &mut Vec<Bytes>) -> B256 {
    let entries = entries.into_iter().map(|(key, value)| (key.to_vec(), value)).collect();
    let (root, made): (_, Nodes) = build::trie(&entries);
    nodes.extend(made.iter().map(|node| Bytes::from(node.to_vec())));
    root.into()
}

/// A word that a path leads to, and the slot where Solidity puts it.
struct Word {
    base: u64,
    steps: Vec<Step<[u8; 32]>>,
    over: u64,
    slot: B256,
    value: u64,
}

#[test]
fn words_at_the_end_of_paths_are_proven() {
    let [one, two, three] = [1, 2, 3].map(|byte| B256::repeat_byte(0xf0 | byte));
    let slot = |n: u64| B256::from(real::word(n));
    let by = |key: B256| Step { over: 0, key: Some(key.0) };
    let elements = Step { over: 0, key: None };
    // mapping(a => mapping(b => mapping(c => uint))) at 6; mapping(a => struct) at 5; mapping(a => uint[]) at 7
    let paths = [
        (5, vec![by(one)], 2, further(entry(one, slot(5)), 2), 1_005),
        (6, vec![by(one), by(two), by(three)], 0, entry(three, entry(two, entry(one, slot(6)))), 1_006),
        (7, vec![by(two), elements], 4, further(keccak256(entry(two, slot(7))), 4), 1_007),
        (7, vec![by(two), elements], 5, further(keccak256(entry(two, slot(7))), 5), 0),
    ]
    .map(|(base, steps, over, slot, value)| Word { base, steps, over, slot, value });
    let mut nodes = Vec::new();
    let words = paths.iter().filter(|path| path.value != 0);
    let words = words.map(|path| (keccak256(path.slot), encoded(U256::from(path.value))));
    // others in between
    let chaff = (0..20).map(|i| (keccak256([i]), encoded(U256::from(i))));
    let storage_root = trie(words.chain(chaff), &mut nodes);
    let account = TrieAccount { nonce: 1, storage_root, code_hash: keccak256("code"), ..TrieAccount::default() };
    let accounts =
        [(keccak256(CONTRACT), encoded(account)), (keccak256(Address::ZERO), encoded(TrieAccount::default()))];
    let state_root = trie(accounts, &mut nodes);
    let header = Header { number: BLOCK, state_root, base_fee_per_gas: Some(7), ..Header::default() };

    let fact = |word: &Word| Fact {
        path: Path::new(&word.steps, word.over).expect("few steps"),
        value: real::word(word.value),
        ..question(FactKind::Path, CONTRACT, U256::from(word.base), U256::ZERO)
    };
    let evidence = Evidence {
        blocks: vec![BlockEvidence {
            number: BLOCK,
            hash: header.hash_slow(),
            header_rlp: encoded(&header).into(),
            accounts: vec![AccountEvidence { address: CONTRACT, nodes, slots: vec![] }],
            entry_nodes: vec![],
        }],
        anchored: [BLOCK].into(),
        remembered: vec![],
        facts: paths.iter().map(fact).collect(),
    };
    let prover = Prover::new(CLASS_S);
    let proof = prover.prove(&evidence);
    prover.refuses_lies(
        &proof,
        &[
            ("the word after it", |lie| lie.facts[2].value = lie.facts[3].value),
            ("a key more", |lie| lie.facts[1].path = lie.facts[0].path),
            ("another key", |lie| {
                let [one, two] = [0xf1, 0xf2].map(|byte| Step { over: 0, key: Some([byte; 32]) });
                lie.facts[1].path = Path::new(&[two, one, one], 0).expect("few steps");
            }),
        ],
    );
}
