//! A chain as large as mainnet, of which only what is walked over is there: one mapping slot at many blocks, 8,191 apart.
//!
//! Sizes: a state trie of seven full levels, storage of the history contract of three (8,191 slots) and of the token of five, and below
//! each a branch of two leaves. What hangs beside the walked paths are random hashes.

use eyre::Result;
use std::ops::Range;
use vouch_circuits::{
    digest::{Hash, keccak256},
    evidence::{Evidence, HISTORY_CONTRACT, WINDOW, storage_slot},
    facts::{Fact, FactKind},
    rlp::{encode_list, encode_string},
    trie::{Nodes, nibbles},
};

/// Full levels of tries.
#[derive(Clone, Copy, Debug)]
pub struct Levels {
    /// Of the state.
    pub state: usize,
    /// Of the history contract's storage.
    pub history: usize,
    /// Of the token's storage.
    pub token: usize,
}

/// As mainnet's.
pub const MAINNET: Levels = Levels { state: 7, history: 3, token: 5 };
/// The contract whose mapping is read.
const TOKEN: [u8; 20] = [0x70; 20];
/// The oldest block that is asked for.
const OLDEST: u64 = 23_000_000;

/// Hashes that look random: each the hash of a counter.
struct Chaff(u64);

impl Chaff {
    fn next(&mut self) -> Hash {
        self.0 += 1;
        keccak256(&self.0.to_be_bytes())
    }
}

fn string(bytes: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    encode_string(bytes, &mut out);
    out
}

fn minimal(bytes: &[u8]) -> &[u8] {
    &bytes[bytes.iter().take_while(|byte| **byte == 0).count()..]
}

/// The node `depth` nibbles down, above `entries`; `full` levels from the root have 16 children. Returns its hash.
fn node(entries: &[(Hash, Vec<u8>)], depth: usize, full: usize, chaff: &mut Chaff, nodes: &mut Nodes) -> Hash {
    if let ([(key, value)], true) = (entries, depth > full) {
        let path = &nibbles(key)[depth..];
        let (odd, even) = path.split_at(path.len() % 2);
        let mut packed = vec![odd.first().map_or(0x20, |nibble| 0x30 | nibble)];
        packed.extend(even.chunks(2).map(|pair| pair[0] << 4 | pair[1]));
        return nodes.insert(encode_list(&[string(&packed), string(value)].concat()));
    }
    let mut payload = Vec::new();
    let own = nibbles(&entries[0].0)[depth];
    for nibble in 0..16 {
        let below: Vec<_> = entries.iter().filter(|(key, _)| nibbles(key)[depth] == nibble).cloned().collect();
        if !below.is_empty() {
            payload.extend(string(&node(&below, depth + 1, full, chaff, nodes)));
        } else if depth < full || nibble == (own + 1) % 16 {
            payload.extend(string(&chaff.next()));
        } else {
            payload.push(0x80);
        }
    }
    payload.push(0x80);
    nodes.insert(encode_list(&payload))
}

fn account(storage: &Hash) -> Vec<u8> {
    encode_list(&[string(&[1]), string(&[]), string(storage), string(&keccak256(b"code"))].concat())
}

/// The header of block `number`: 21 fields, of mainnet's sizes.
fn header(number: u64, state: &Hash, chaff: &mut Chaff) -> Vec<u8> {
    let time = 1_700_000_000 + 12 * number;
    let mut hash = || chaff.next().to_vec();
    let fields = [
        [hash(), hash(), hash()[..20].to_vec(), state.to_vec(), hash(), hash(), vec![0x5a; 256], vec![]].to_vec(),
        [number, 45_000_000, 21_345_678, time].iter().map(|n| minimal(&n.to_be_bytes()).to_vec()).collect(),
        [b"Titan (titanbuilder.xyz)".to_vec(), hash(), vec![0; 8], vec![0x3b, 0x9a, 0xca, 0x07], hash()].to_vec(),
        [vec![0x0c, 0, 0], vec![0x05, 0x20, 0, 0], hash(), hash()].to_vec(),
    ];
    encode_list(&fields.concat().iter().flat_map(|field| string(field)).collect::<Vec<u8>>())
}

/// Blocks 8,191 apart, the oldest first, each with the same mapping slot.
pub struct Chain {
    headers: Vec<Vec<u8>>,
    nodes: Nodes,
    wanted: Vec<Fact>,
}

impl Chain {
    /// Evidence of the slot at the blocks at these places, of which the newest is an anchor.
    ///
    /// - `is_continued`: whether the oldest is public too, as the anchor of another proof
    pub fn part(&self, places: Range<usize>, is_continued: bool) -> Result<Evidence> {
        let wanted = &self.wanted[places.clone()];
        let newest = wanted.last().map(|fact| fact.block);
        let mut evidence =
            Evidence::collect_from(wanted, &self.headers[places], &self.nodes, |block| Some(block) == newest)?;
        if is_continued {
            evidence.remembered = vec![wanted[0].block];
        }
        Ok(evidence)
    }
}

/// Evidence of one mapping slot at `count` blocks, 8,191 apart, of which the newest is an anchor.
pub fn evidence(count: u64, levels: Levels) -> Result<Evidence> {
    chain(count, levels).part(0..count as usize, false)
}

/// A chain of `count` blocks.
pub fn chain(count: u64, levels: Levels) -> Chain {
    let (mut chaff, mut nodes, mut headers, mut wanted) = (Chaff(0), Nodes::default(), Vec::new(), Vec::new());
    let mut before: Option<Hash> = None;
    for block in (0..count).map(|i| OLDEST + WINDOW * i) {
        let (slot, key, zero) = ([0; 32], [7; 32], [0; 32]);
        let fact = Fact {
            kind: FactKind::Mapping,
            block,
            address: TOKEN,
            slot,
            key,
            key2: zero,
            path: Default::default(),
            value: zero,
        };
        let mut storage = |slot: Hash, value: &[u8], levels: usize, nodes: &mut Nodes| {
            account(&node(&[(keccak256(&slot), string(value))], 0, levels, &mut chaff, nodes))
        };
        let token_slot = storage_slot(&fact).expect("a storage fact");
        let token = storage(token_slot, minimal(&(block << 20).to_be_bytes()), levels.token, &mut nodes);
        let mut named = zero;
        named[24..].copy_from_slice(&(block % WINDOW).to_be_bytes());
        let history = storage(named, &before.unwrap_or(zero), levels.history, &mut nodes);
        let accounts = [(keccak256(&TOKEN), token), (keccak256(&HISTORY_CONTRACT), history)];
        let state = node(&accounts, 0, levels.state, &mut chaff, &mut nodes);
        headers.push(header(block, &state, &mut chaff));
        before = headers.last().map(|rlp| keccak256(rlp));
        wanted.push(fact);
    }
    Chain { headers, nodes, wanted }
}
