//! Where messages lie in memory, and small helpers of the layout.

use std::collections::{BTreeMap, HashSet};

use crate::digest::{Hash, keccak256};
use crate::grid::{BLOCK_BYTES, STATE_BYTES};
use crate::history::blocks::Message;
use crate::history::class::{Class, Overflow};

/// Where a message lies when the messages are stored one after the other.
pub(in crate::history) struct Places {
    blocks: usize,
    pub by_bytes: BTreeMap<Vec<u8>, Message>,
    pub by_hash: BTreeMap<Hash, Message>,
    pub messages: Vec<Vec<u8>>,
    /// Blocks in use.
    pub used: usize,
}

impl Places {
    /// No messages, in a memory of `blocks` blocks.
    pub fn new(blocks: usize) -> Self {
        Self { blocks, by_bytes: BTreeMap::new(), by_hash: BTreeMap::new(), messages: Vec::new(), used: 0 }
    }

    /// Adds a message unless it is there.
    pub fn add(&mut self, bytes: &[u8]) -> Message {
        if let Some(message) = self.by_bytes.get(bytes) {
            return *message;
        }
        let count = bytes.len() / BLOCK_BYTES + 1;
        let base = (self.used * BLOCK_BYTES) as u64;
        self.used += count;
        let digest = (self.blocks * BLOCK_BYTES + (self.used - 1) * STATE_BYTES) as u64;
        let message = Message { base, digest, mark: u64::from(count == 1) };
        self.by_bytes.insert(bytes.to_vec(), message);
        self.by_hash.insert(keccak256(bytes), message);
        self.messages.push(bytes.to_vec());
        message
    }
}

/// Things in the order of their first use, each once.
pub(in crate::history) struct Once<T>(pub Vec<T>, HashSet<T>);

impl<T: Copy + Eq + std::hash::Hash> Once<T> {
    pub fn new() -> Self {
        Self(Vec::new(), HashSet::new())
    }

    pub fn add(&mut self, thing: T) {
        if self.1.insert(thing) {
            self.0.push(thing);
        }
    }
}

/// Pads `things` to `capacity` with `filler`.
pub(super) fn pad<T: Copy>(
    class: &Class,
    what: &'static str,
    mut things: Vec<T>,
    capacity: usize,
    filler: T,
) -> Result<Vec<T>, Overflow> {
    if things.len() > capacity {
        return Err(Overflow { class: class.name, what, expected: capacity, got: things.len() });
    }
    things.resize(capacity, filler);
    Ok(things)
}

/// [`pad`], so that the last thing is always the filler.
pub(super) fn pad_and_one<T: Copy>(
    class: &Class,
    what: &'static str,
    things: Vec<T>,
    capacity: usize,
    filler: T,
) -> Result<Vec<T>, Overflow> {
    let mut things = pad(class, what, things, capacity - 1, filler)?;
    things.push(filler);
    Ok(things)
}
