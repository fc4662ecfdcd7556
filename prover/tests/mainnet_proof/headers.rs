//! A header of each fork that changed headers: 15, 16, 17, 20 and 21 fields, as anchors of one proof.

use super::*;
use alloy::primitives::B256;
use vouch_prover::evidence::{BlockEvidence, Evidence};

/// Byzantium, London, Shanghai, Cancun, Prague: block number and fields.
const FORKS: [(u64, u64); 5] =
    [(4_370_000, 15), (12_965_000, 16), (17_034_870, 17), (19_426_587, 20), (22_869_878, 21)];
/// Names in the fixtures, with the place in the list of fields.
const FIELDS: [(u64, &str); 11] = [
    (3, "stateRoot"),
    (7, "difficulty"),
    (8, "number"),
    (11, "timestamp"),
    (13, "mixHash"),
    (15, "baseFeePerGas"),
    (16, "withdrawalsRoot"),
    (17, "blobGasUsed"),
    (18, "excessBlobGas"),
    (19, "parentBeaconBlockRoot"),
    (20, "requestsHash"),
];

#[test]
fn a_header_of_each_fork_is_proven() {
    let Some(folder) = fixtures() else { return };
    let text = fs::read_to_string(folder.join("../headers/mainnet_singles.json")).expect("a file");
    let singles: Vec<Value> = serde_json::from_str(&text).expect("a list");
    let (mut blocks, mut facts) = (Vec::new(), Vec::new());
    for (block, count) in FORKS {
        let single = singles.iter().find(|single| single["number"] == block).expect("the block");
        let of = |name: &str| single["fields"].get(name).map(number);
        assert_eq!(single["fields"].as_object().expect("fields").len() as u64, count);
        // the oldest has none of the fields that forks added: more of its own
        let is_asked = |field: u64| field > 14 || matches!(field, 3 | 11) || count == 15;
        for (field, name) in FIELDS.into_iter().filter(|(field, _)| is_asked(*field)) {
            assert_eq!(of(name).is_some(), field < count, "{name} of block {block}");
            let fact = question(FactKind::Header, Address::ZERO, U256::from(field), U256::ZERO);
            facts.extend(of(name).map(|value| Fact { block, value: value.to_be_bytes(), ..fact }));
        }
        let hash: B256 = serde_json::from_value(single["hash"].clone()).expect("a hash");
        let header_rlp: Bytes = serde_json::from_value(single["rlp"].clone()).expect("hex");
        blocks.push(BlockEvidence { number: block, hash, header_rlp, accounts: vec![], entry_nodes: vec![] });
    }
    assert_eq!(facts.len(), CLASSES[CLASS_S].facts);
    let anchored = FORKS.into_iter().map(|(block, _)| block).collect();
    let prover = Prover::new(CLASS_S);
    let proof = prover.prove(&Evidence { blocks, anchored, remembered: vec![], facts });
    prover.refuses_lies(
        &proof,
        &[
            ("a field of another header", |lie| lie.facts[26].value = lie.facts[25].value),
            ("two anchors exchanged", |lie| {
                lie.anchors.swap(3, 4);
            }),
        ],
    );
}
