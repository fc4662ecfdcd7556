//! The native trie against alloy-trie: 12,000 random tries, inclusion and exclusion, and damaged proofs.
//!
//! Three shapes in turn: digests (64 nibbles, shallow), keys that part late from one another (deep, long extensions), and short keys with
//! short values (nodes below 32 bytes, which stand inside their parents).

use std::collections::BTreeMap;

use alloy_trie::proof::ProofRetainer;
use alloy_trie::{HashBuilder, Nibbles};
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{RngCore, SeedableRng};
use vouch_circuits::digest::Hash;
use vouch_circuits::trie::{End, Nodes, TrieError, verify_proof, walk};

const TRIES_PER_SHAPE: u64 = 4_000;
/// Keys asked for in each trie.
const PROBES: usize = 8;

type Entries = BTreeMap<Vec<u8>, Vec<u8>>;

#[derive(Clone, Copy)]
enum Shape {
    Digests,
    Deep,
    Inline,
}

/// What the tries of one shape were made of, so that a test that tests nothing fails.
#[derive(Debug, Default)]
struct Seen {
    included: usize,
    excluded: BTreeMap<&'static str, usize>,
    inline: usize,
    deepest: usize,
    damaged: usize,
}

struct Random(ChaCha8Rng);

impl Random {
    fn below(&mut self, bound: usize) -> usize {
        (self.0.next_u64() % bound as u64) as usize
    }

    fn bytes(&mut self, count: usize) -> Vec<u8> {
        let mut bytes = vec![0; count];
        self.0.fill_bytes(&mut bytes);
        bytes
    }

    /// A copy of `key` that parts from it at a random nibble, mostly a late one.
    fn neighbour(&mut self, key: &[u8]) -> Vec<u8> {
        let mut other = key.to_vec();
        let digits = 2 * key.len();
        let at = digits - 1 - self.below(digits).min(self.below(digits));
        let change = 1 + self.below(15) as u8;
        other[at / 2] ^= if at.is_multiple_of(2) { change << 4 } else { change };
        if self.below(2) == 0 {
            let rest = self.bytes(key.len());
            other[at / 2 + 1..].copy_from_slice(&rest[at / 2 + 1..]);
        }
        other
    }

    fn key(&mut self, shape: Shape, entries: &Entries) -> Vec<u8> {
        let known = entries.keys().nth(self.below(entries.len().max(1))).cloned();
        match (shape, known) {
            (Shape::Deep, Some(known)) => self.neighbour(&known),
            (Shape::Inline, _) => (0..3).map(|_| self.below(4) as u8 * 5).collect(),
            _ => self.bytes(32),
        }
    }

    fn entries(&mut self, shape: Shape) -> Entries {
        let mut entries = Entries::new();
        let (count, longest) = match shape {
            Shape::Digests => (self.below(60), 110),
            Shape::Deep => (self.below(40), 40),
            Shape::Inline => (self.below(25), 6),
        };
        for _ in 0..count {
            let key = self.key(shape, &entries);
            let length = 1 + self.below(longest);
            let value = self.bytes(length);
            entries.insert(key, value);
        }
        entries
    }
}

/// alloy's root of `entries`, and for each of `probes` its proof.
fn alloy(entries: &Entries, probes: &[Vec<u8>]) -> (Hash, Vec<Vec<Vec<u8>>>) {
    let targets: Vec<Nibbles> = probes.iter().map(Nibbles::unpack).collect();
    let mut builder = HashBuilder::default().with_proof_retainer(ProofRetainer::new(targets.clone()));
    for (key, value) in entries {
        builder.add_leaf(Nibbles::unpack(key), value);
    }
    let root = builder.root();
    let nodes = builder.take_proof_nodes();
    let proof = |target| nodes.matching_nodes_sorted(target).into_iter().map(|(_, node)| node.to_vec()).collect();
    (root.0, targets.iter().map(proof).collect())
}

fn alloy_accepts(root: &Hash, key: &[u8], value: Option<Vec<u8>>, proof: &[Vec<u8>]) -> bool {
    let proof: Vec<_> = proof.iter().map(|node| node.clone().into()).collect();
    alloy_trie::proof::verify_proof((*root).into(), Nibbles::unpack(key), value, &proof).is_ok()
}

fn check(random: &mut Random, shape: Shape, seen: &mut Seen) {
    let entries = random.entries(shape);
    let mut probes: Vec<Vec<u8>> = (0..PROBES / 4).map(|_| random.key(shape, &entries)).collect();
    while probes.len() < PROBES {
        let known = entries.keys().nth(random.below(entries.len().max(1))).cloned();
        let Some(known) = known else { break };
        probes.push(if probes.len().is_multiple_of(2) { known } else { random.neighbour(&known) });
    }
    let (root, proofs) = alloy(&entries, &probes);
    for (key, proof) in probes.iter().zip(&proofs) {
        let value = entries.get(key).cloned();
        assert_eq!(verify_proof(&root, key, proof), Ok(value.clone()), "key {key:02x?} of {entries:02x?}");
        // alloy's verifier wants inline nodes left out, and takes a root node below 32 bytes for one.
        let tiny = proof.first().is_some_and(|node| node.len() < 32);
        let hashed: Vec<_> = proof.iter().filter(|node| node.len() >= 32).cloned().collect();
        assert!(tiny || alloy_accepts(&root, key, value.clone(), &hashed), "key {key:02x?} of {entries:02x?}");
        assert!(tiny || verify_proof(&root, key, &hashed) == Ok(value), "key {key:02x?} of {entries:02x?}");

        let found = walk(&root, key, &Nodes::from_iter(proof)).expect("verified");
        seen.deepest = seen.deepest.max(found.steps.iter().map(|step| step.depth).max().unwrap_or(0));
        seen.inline += usize::from(found.steps.iter().any(|step| step.place.offset > 0));
        match found.end {
            End::Leaf | End::Value => seen.included += 1,
            End::EmptyTrie => *seen.excluded.entry("empty trie").or_default() += 1,
            End::EmptyChild => *seen.excluded.entry("empty child").or_default() += 1,
            End::OtherLeaf => *seen.excluded.entry("other leaf").or_default() += 1,
            End::OtherExtension => *seen.excluded.entry("other extension").or_default() += 1,
        }
        damage(random, &root, key, proof, seen);
    }
}

/// A bit changed, a node left out, a node too many: all refused.
fn damage(random: &mut Random, root: &Hash, key: &[u8], proof: &[Vec<u8>], seen: &mut Seen) {
    if proof.is_empty() || proof == [vec![0x80]] {
        return;
    }
    let mut changed = proof.to_vec();
    let node = random.below(changed.len());
    let byte = random.below(changed[node].len());
    changed[node][byte] ^= 1 << random.below(8);
    let mut short = proof.to_vec();
    short.remove(0);
    let long = [proof, &[vec![0xc2, 0x20, 0x01]]].concat();
    for (what, lie) in [("bit", changed), ("root left out", short), ("node too many", long)] {
        assert!(verify_proof(root, key, &lie).is_err(), "{what}: {lie:02x?} accepted for {key:02x?}");
        seen.damaged += 1;
    }
}

fn run(shape: Shape, seed: u64) -> Seen {
    let mut random = Random(ChaCha8Rng::seed_from_u64(seed));
    let mut seen = Seen::default();
    for _ in 0..TRIES_PER_SHAPE {
        check(&mut random, shape, &mut seen);
    }
    println!("{seen:?}");
    seen
}

#[test]
fn digests_agree() {
    let seen = run(Shape::Digests, 1);
    assert!(seen.included > 4_000 && seen.excluded.values().sum::<usize>() > 8_000, "{seen:?}");
}

#[test]
fn keys_that_part_late_agree() {
    let seen = run(Shape::Deep, 2);
    assert!(seen.included > 4_000 && seen.deepest == 64, "{seen:?}");
    assert!(seen.excluded.len() == 4, "every exclusion shape: {seen:?}");
}

#[test]
fn inline_nodes_agree() {
    let seen = run(Shape::Inline, 3);
    assert!(seen.included > 4_000 && seen.inline > 4_000, "{seen:?}");
    assert!(seen.excluded.len() == 4, "every exclusion shape: {seen:?}");
}

/// A true proof answers for its own key only: under another key it is too short, too long, or proves that key's own truth.
#[test]
fn proof_of_one_key_does_not_answer_for_another() {
    let mut random = Random(ChaCha8Rng::seed_from_u64(4));
    for _ in 0..500 {
        let entries = random.entries(Shape::Deep);
        let Some(key) = entries.keys().next().cloned() else { continue };
        let (root, proofs) = alloy(&entries, std::slice::from_ref(&key));
        let other = random.neighbour(&key);
        match verify_proof(&root, &other, &proofs[0]) {
            Ok(value) => assert_eq!(value.as_ref(), entries.get(&other)),
            Err(error) => assert!(
                matches!(error, TrieError::TooShort { .. } | TrieError::Unused { .. } | TrieError::HashMismatch { .. }),
                "{error}"
            ),
        }
    }
}
