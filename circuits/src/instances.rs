//! Public inputs of the two proofs, in their order. The only other place that knows it is `contracts/src`.
//!
//! Both sides are tested against `contracts/test/vectors/instances.json`, which was written by hand with neither.

use crate::fixed::power_of_two;
use halo2_base::halo2_proofs::{arithmetic::Field, halo2curves::bn256::Fr};

/// Roots that one score may open facts under.
pub const MAX_ROOTS: usize = 4;
/// Outputs of one score that are public one by one.
pub const MAX_OUTPUTS: usize = 4;
/// Public inputs of a score proof.
pub const SCORE_INSTANCES: usize = 4 + MAX_ROOTS + MAX_OUTPUTS + 2;
/// Anchors of one history proof.
pub const MAX_ANCHORS: usize = 8;
/// Public inputs of a history proof.
pub const HISTORY_INSTANCES: usize = 2 + 2 * MAX_ANCHORS;

/// What a score proof says: this model gives `subject` at block `as_of` these outputs, from facts under these roots.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ScoreInstances {
    /// EIP-155 chain id.
    pub chain_id: u64,
    /// Who is paid for the proof.
    pub payee: [u8; 20],
    /// The address that is scored.
    pub subject: [u8; 20],
    /// The block it is scored at, below `2^40`.
    pub as_of: u64,
    /// Posted roots; unused places repeat the first.
    pub roots: [Fr; MAX_ROOTS],
    /// Outputs with 16 fraction bits, negative ones as `p - |o|`; unused places are 0.
    pub outputs: [Fr; MAX_OUTPUTS],
    /// Commitment to the private inputs; 0 if the model has none.
    pub inputs: Fr,
    /// Digest of all outputs if there are more than [`MAX_OUTPUTS`], else 0.
    pub digest: Fr,
}

/// An address as an integer.
pub fn address(bytes: [u8; 20]) -> Fr {
    crate::facts::field(&bytes)
}

impl ScoreInstances {
    /// `[chainId, payee, subject, asOf, root0..root3, out0..out3, inputs, digest]`.
    pub fn to_fields(&self) -> Vec<Fr> {
        let head = [Fr::from(self.chain_id), address(self.payee), address(self.subject), Fr::from(self.as_of)];
        head.into_iter().chain(self.roots).chain(self.outputs).chain([self.inputs, self.digest]).collect()
    }
}

/// Bit of a public number that says: a linked anchor.
pub const LINKED_BIT: usize = 72;

/// A block that the contract vouches for, or learns of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Anchor {
    /// Block number, below 2^40.
    pub number: u64,
    /// Its hash.
    pub hash: [u8; 32],
    /// Whether the proof itself links it to other anchors: then the contract does not check it, but may remember it.
    pub linked: bool,
}

/// What a history proof says: the facts under `root` are true in the chains that end in these anchors.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HistoryInstances {
    /// The root of the facts.
    pub root: Fr,
    /// Who is paid for the proof.
    pub payee: [u8; 20],
    /// Anchors in use come first.
    pub anchors: [Option<Anchor>; MAX_ANCHORS],
}

impl HistoryInstances {
    /// `[root, payee]`, then for each anchor `[(number + linked * 2^72) * 2^128 + top half of the hash, low half]`; unused: `[0, 0]`.
    pub fn to_fields(&self) -> Vec<Fr> {
        let anchor = |anchor: &Option<Anchor>| match anchor {
            None => [Fr::ZERO; 2],
            Some(anchor) => {
                let [high, low] = [&anchor.hash[..16], &anchor.hash[16..]].map(crate::facts::field);
                let flag = if anchor.linked { power_of_two(LINKED_BIT) } else { Fr::ZERO };
                [(Fr::from(anchor.number) + flag) * power_of_two(128) + high, low]
            }
        };
        [self.root, address(self.payee)].into_iter().chain(self.anchors.iter().flat_map(anchor)).collect()
    }
}

/// Public inputs of an ancestry proof.
pub const ANCESTRY_INSTANCES: usize = 7;

/// What an ancestry proof says: the block hashes under `root` are those of the block with the hash `last` and the blocks before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AncestryInstances {
    /// Keccak Merkle root of the block hashes.
    pub root: [u8; 32],
    /// Parent hash of the first block.
    pub parent: [u8; 32],
    /// Hash of the last block.
    pub last: [u8; 32],
    /// log2 of the number of blocks.
    pub depth: u32,
}

impl AncestryInstances {
    /// Top and low half of root, parent and last, then the depth.
    pub fn to_fields(&self) -> Vec<Fr> {
        let halves = |word: &[u8; 32]| [&word[..16], &word[16..]].map(crate::facts::field);
        let words = [self.root, self.parent, self.last];
        words.iter().flat_map(halves).chain([Fr::from(u64::from(self.depth))]).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixed::to_field;
    use halo2_base::halo2_proofs::halo2curves::ff::PrimeField;
    use serde_json::Value;

    fn vectors() -> Value {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../contracts/test/vectors/instances.json");
        serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
    }

    fn bytes<const N: usize>(value: &Value) -> [u8; N] {
        let digits = value.as_str().unwrap().strip_prefix("0x").unwrap();
        hex::decode(digits).unwrap().try_into().unwrap()
    }

    fn element(value: &Value) -> Fr {
        let mut repr: [u8; 32] = bytes(value);
        repr.reverse();
        Fr::from_repr(repr).unwrap()
    }

    fn elements(value: &Value) -> Vec<Fr> {
        value.as_array().unwrap().iter().map(element).collect()
    }

    #[test]
    fn score_inputs_equal_the_vector_shared_with_solidity() {
        for case in vectors()["score"].as_array().unwrap() {
            let outputs = case["outputs"].as_array().unwrap().iter().map(|v| {
                let output: i128 = v.as_str().unwrap().parse().unwrap();
                // -2^127 is its own opposite in i128
                if output == i128::MIN { -power_of_two(127) } else { to_field(output) }
            });
            let instances = ScoreInstances {
                chain_id: case["chain_id"].as_u64().unwrap(),
                payee: bytes(&case["payee"]),
                subject: bytes(&case["subject"]),
                as_of: case["as_of"].as_u64().unwrap(),
                roots: elements(&case["roots"]).try_into().unwrap(),
                outputs: outputs.collect::<Vec<_>>().try_into().unwrap(),
                inputs: element(&case["inputs"]),
                digest: element(&case["digest"]),
            };
            let fields = instances.to_fields();
            assert_eq!(fields.len(), SCORE_INSTANCES);
            assert_eq!(fields, elements(&case["instances"]));
        }
    }

    #[test]
    fn ancestry_inputs_equal_the_vector_shared_with_solidity() {
        for case in vectors()["ancestry"].as_array().unwrap() {
            let [root, parent, last] = ["root", "parent", "last"].map(|name| bytes(&case[name]));
            let depth = case["depth"].as_u64().unwrap() as u32;
            let fields = AncestryInstances { root, parent, last, depth }.to_fields();
            assert_eq!(fields.len(), ANCESTRY_INSTANCES);
            assert_eq!(fields, elements(&case["instances"]));
        }
    }

    #[test]
    fn history_inputs_equal_the_vector_shared_with_solidity() {
        for case in vectors()["history"].as_array().unwrap() {
            let mut anchors = [None; MAX_ANCHORS];
            for (anchor, given) in anchors.iter_mut().zip(case["anchors"].as_array().unwrap()) {
                let (number, linked) = (given["number"].as_u64().unwrap(), given["linked"].as_bool().unwrap());
                *anchor = Some(Anchor { number, hash: bytes(&given["hash"]), linked });
            }
            let instances = HistoryInstances { root: element(&case["root"]), payee: bytes(&case["payee"]), anchors };
            let fields = instances.to_fields();
            assert_eq!(fields.len(), HISTORY_INSTANCES);
            assert_eq!(fields, elements(&case["instances"]));
        }
    }
}
