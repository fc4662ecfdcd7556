//! Ancestry: a run of consecutive headers, and the keccak Merkle root of their block hashes.
//!
//! Statement, for the public words `root`, `parent` and `last` and the public number d: there are `2^d` byte strings `H_0 ..`, of which
//! - keccak of the last is `last`;
//! - the parent hash in each, bytes 4 to 35, is keccak of the one before it, and in `H_0` it is `parent`;
//! - `root` is the root of the binary tree of depth d whose leaf i is `keccak(H_i)` and whose nodes are `keccak(left ‖ right)`.
//!
//! Block numbers are not looked at: who knows that `last` is the hash of block n knows that leaf i is the hash of block `n - 2^d + 1 + i`.
//!
//! Sound: all words are compared with all their 256 bits, so by induction from the last header down each string is the
//! header that a canonical hash names (`blocks`), and in those the parent hash stands there: a header is a list of 256 to 65,535
//! bytes, whose first item has 33. A node is a message of one block whose padding is fixed (`keys`), so it is exactly its 64 bytes.
//! The depth is fixed: no header can be taken for a node, nor a node for a leaf. It is public, although a key has only one, so that
//! a contract which takes runs of another length accepts nothing.

mod circuit;
#[cfg(test)]
mod tests;

pub use circuit::AncestryCircuit;

use halo2_base::halo2_proofs::halo2curves::bn256::Fr;
use thiserror::Error;

use super::blocks::{self, Message};
use super::headers::LONG_LIST;
use super::keys::{assert_same, pair};
use super::layout::Places;
use super::words::{Word, between, integer, word_at};
use crate::digest::{Hash, keccak256};
use crate::grid::{Builder, Cell, In, Shape};
use crate::header::{Header, HeaderError, field};

/// Offset of the parent hash in a header.
const PARENT: usize = 4;

/// How long a run is, and the circuit that has room for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Size {
    /// Name of the size.
    pub name: &'static str,
    /// Name of its keys and verifiers: one for each size.
    pub key_name: &'static str,
    /// log2 of the circuit's rows.
    pub k: u32,
    /// Keccak-f permutations.
    pub blocks: usize,
    /// log2 of the number of headers.
    pub depth: u32,
}

impl Size {
    /// 32 headers of any fork, and 33 permutations to spare.
    pub const A5: Self = Self { name: "A5", key_name: "ancestry_5", k: 16, blocks: 224, depth: 5 };
    /// 128 headers of any fork: five permutations each, one for each node, and eleven to spare.
    pub const A7: Self = Self { name: "A7", key_name: "ancestry_7", k: 17, blocks: 778, depth: 7 };
    /// 1,024 headers of any fork, and 96 permutations to spare.
    pub const A10: Self = Self { name: "A10", key_name: "ancestry_10", k: 20, blocks: 6239, depth: 10 };

    /// Headers of a run.
    pub fn headers(&self) -> usize {
        1 << self.depth
    }

    /// Size of the grid.
    pub fn shape(&self) -> Shape {
        Shape { k: self.k, blocks: self.blocks }
    }
}

/// Headers that are no run of a size. Not recoverable, but for `Overflow`: such headers fit a smaller run.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum AncestryError {
    /// Too many headers, or too few.
    #[error("a run of size {size} has {expected} headers, got {got}")]
    Count {
        /// Name of the size.
        size: &'static str,
        /// Headers of the size.
        expected: usize,
        /// Headers given.
        got: usize,
    },
    /// Bytes that are no header.
    #[error("header {position}: {source}")]
    Header {
        /// Position in the run.
        position: usize,
        /// What is wrong.
        source: HeaderError,
    },
    /// A header does not follow the one before it.
    #[error(
        "header {position} names the parent {}, the header before it has the hash {}",
        hex::encode(got),
        hex::encode(expected)
    )]
    Parent {
        /// Position in the run.
        position: usize,
        /// Hash of the header before it.
        expected: Hash,
        /// The parent that it names.
        got: Hash,
    },
    /// The headers are larger than mainnet's.
    #[error("size {size} has room for {expected} keccak blocks, the run needs {got}")]
    Overflow {
        /// Name of the size.
        size: &'static str,
        /// Blocks of the size.
        expected: usize,
        /// Blocks needed.
        got: usize,
    },
}

/// A run, laid out.
#[derive(Clone, Debug)]
pub struct Ancestry {
    /// The messages to hash, in their order; each takes whole blocks.
    pub messages: Vec<Vec<u8>>,
    /// Root, hash of the parent of the first header, hash of the last one.
    pub says: [Hash; 3],
    headers: Vec<Message>,
    /// Nodes by level, the lowest first.
    nodes: Vec<Vec<Message>>,
}

/// The levels of the tree above `hashes`, themselves first. Assumes that their number is a power of two.
pub fn levels(hashes: &[Hash]) -> Vec<Vec<Hash>> {
    let mut levels = vec![hashes.to_vec()];
    while let Some(level) = levels.last().filter(|level| level.len() > 1) {
        levels.push(level.chunks(2).map(|pair| keccak256(&pair.concat())).collect());
    }
    levels
}

impl Ancestry {
    /// Lays out `headers`, by rising block number, in `size`.
    ///
    /// # Errors
    /// [`AncestryError`].
    pub fn new(size: &Size, headers: &[Vec<u8>]) -> Result<Self, AncestryError> {
        let (expected, got) = (size.headers(), headers.len());
        if expected != got {
            return Err(AncestryError::Count { size: size.name, expected, got });
        }
        let mut places = Places::new(size.blocks);
        let (mut messages, mut hashes, mut first_parent) = (vec![], vec![], None);
        for (position, rlp) in headers.iter().enumerate() {
            let wrong = |source| AncestryError::Header { position, source };
            let header = Header::read(rlp).map_err(wrong)?;
            let got = header.field_word(field::PARENT_HASH).map_err(wrong)?;
            match hashes.last().copied() {
                Some(expected) if expected != got => return Err(AncestryError::Parent { position, expected, got }),
                Some(_) => {}
                None => first_parent = Some(got),
            }
            hashes.push(header.hash());
            messages.push(places.add(rlp));
        }
        let levels = levels(&hashes);
        let nodes = levels[..levels.len() - 1]
            .iter()
            .map(|level| level.chunks(2).map(|pair| places.add(&pair.concat())).collect())
            .collect();
        let (expected, got) = (size.blocks, places.used);
        if got > expected {
            return Err(AncestryError::Overflow { size: size.name, expected, got });
        }
        let root = levels[levels.len() - 1][0];
        let says = [root, first_parent.unwrap_or_default(), hashes[hashes.len() - 1]];
        Ok(Self { messages: places.messages, says, headers: messages, nodes })
    }
}

/// Hash and parent hash of a header, its address and that of its digest.
struct Link {
    hash: Word,
    parent: Word,
    base: Cell,
    digest: Cell,
}

/// Names any message and reads it as a header: fourteen rows.
fn header(b: &mut Builder, message: Message) -> Link {
    let digest = In::Free(integer(b.memory(), message.digest, 32));
    let (_, base, digest) = blocks::message(b, digest, message, false);
    let prefix = b.read(base, 0);
    b.assert_constant(prefix.byte, Fr::from(LONG_LIST));
    let hash = word_at(b, digest, 0);
    let parent = word_at(b, base, PARENT);
    Link { hash, parent, base, digest }
}

/// The two halves of the word at `base + offset`: five rows.
fn halves(b: &mut Builder, base: Cell, offset: usize) -> [Cell; 2] {
    let reads = [0, 16, 32].map(|more| b.read(base, offset + more));
    [0, 1].map(|i| between(b, &reads[i], &reads[i + 1], 16))
}

/// Records the statement and exposes its public inputs: high and low half of root, parent and last hash, and the depth.
///
/// - `first`, `start`: as for [`super::constrain`]
pub fn constrain(b: &mut Builder, ancestry: &Ancestry, first: &[Cell], start: &[Cell]) {
    blocks::constrain(b, first, start);
    let links: Vec<Link> = ancestry.headers.iter().map(|message| header(b, *message)).collect();
    for two in links.windows(2) {
        assert_same(b, &two[1].parent, &two[0].hash);
    }
    let (oldest, newest) = (&links[0], &links[links.len() - 1]);
    let mut level: Vec<(Word, Cell)> = links.iter().map(|link| (link.hash, link.digest)).collect();
    for nodes in &ancestry.nodes {
        let above = nodes.iter().zip(level.chunks(2));
        level = above.map(|(message, children)| node(b, *message, [children[0].0, children[1].0])).collect();
    }
    let words = [(level[0].1, 0), (oldest.base, PARENT), (newest.digest, 0)];
    let mut public: Vec<Cell> = words.into_iter().flat_map(|(base, offset)| halves(b, base, offset)).collect();
    public.push(b.constant(Fr::from(ancestry.nodes.len() as u64)));
    public.into_iter().enumerate().for_each(|(index, cell)| b.instance(index, cell));
}

/// The hash of two words and the address of that digest: eighteen rows.
fn node(b: &mut Builder, message: Message, children: [Word; 2]) -> (Word, Cell) {
    let (words, digest) = pair(b, message);
    let hash = word_at(b, digest, 0);
    for (word, child) in words.iter().zip(&children) {
        assert_same(b, word, child);
    }
    (hash, digest)
}
