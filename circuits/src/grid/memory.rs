//! Message memory: the bytes that keccak is proven over, and how rows read them.
//!
//! Layout in bytes: the padded messages, `blocks × 136`, then the state after each block, `blocks × 200`. Two bytes a row.
//! A read of address `a` gives the byte there and `N(a)`, the integer (mod p) that all bytes before `a` spell, so that
//! `N(b) − N(a)·256^(b−a)` is exactly the big-endian integer in `[a, b)` when `b − a ≤ 31`.

use super::{Builder, Cell, In, Kind, MEMORY};
use halo2_base::halo2_proofs::{arithmetic::Field, halo2curves::bn256::Fr};
use std::sync::Arc;

/// Bytes of a keccak block (the rate of keccak-256).
pub const BLOCK_BYTES: usize = 136;
/// Bytes of a keccak state.
pub const STATE_BYTES: usize = 200;
/// Memory rows for one block and its state.
pub const ROWS_PER_BLOCK: usize = (BLOCK_BYTES + STATE_BYTES) / 2;

/// The committed bytes with their running integers.
#[derive(Clone, Debug)]
pub struct Memory {
    blocks: usize,
    bytes: Arc<Vec<u8>>,
    nums: Arc<Vec<Fr>>,
    /// Committed in place of the byte at an even address: what a prover could do whom nothing forces to commit bytes.
    #[cfg(test)]
    pub(super) lies: std::collections::BTreeMap<usize, Fr>,
}

/// A row that has read memory.
#[derive(Clone, Copy, Debug)]
pub struct Read {
    /// The base that the fixed offset was added to.
    pub base: Cell,
    /// The address modulo 2.
    pub parity: Cell,
    /// `N(address)`.
    pub before: Cell,
    /// The byte at the address.
    pub byte: Cell,
}

impl Memory {
    /// Memory of `messages` (already padded to blocks) and the state after each block.
    ///
    /// # Panics
    /// If the two differ in length.
    pub fn new(messages: &[[u8; BLOCK_BYTES]], states: &[[u8; STATE_BYTES]]) -> Self {
        assert_eq!(messages.len(), states.len(), "one state for each block");
        let bytes: Vec<u8> = messages.iter().flatten().chain(states.iter().flatten()).copied().collect();
        let mut nums = vec![Fr::ZERO];
        let (shift, byte) = (Fr::from(1 << 16), Fr::from(1 << 8));
        for pair in bytes.chunks(2) {
            let last = nums[nums.len() - 1];
            nums.push(last * shift + Fr::from(u64::from(pair[0])) * byte + Fr::from(u64::from(pair[1])));
        }
        Self {
            blocks: messages.len(),
            bytes: Arc::new(bytes),
            nums: Arc::new(nums),
            #[cfg(test)]
            lies: std::collections::BTreeMap::new(),
        }
    }

    /// Blocks.
    pub fn blocks(&self) -> usize {
        self.blocks
    }

    /// Rows in use.
    pub fn rows(&self) -> usize {
        self.bytes.len() / 2
    }

    /// Address of the first byte of the state after block `block`.
    pub fn state_address(&self, block: usize) -> usize {
        self.blocks * BLOCK_BYTES + block * STATE_BYTES
    }

    /// The byte at `address`; zero beyond the end.
    pub fn byte(&self, address: usize) -> u8 {
        self.bytes.get(address).copied().unwrap_or(0)
    }

    /// What is committed for the byte at `address`: at an odd one, what the integer spells besides the byte before it.
    pub(super) fn committed(&self, address: usize) -> Fr {
        let byte = Fr::from(u64::from(self.byte(address)));
        #[cfg(test)]
        if let Some(lie) = self.lies.get(&(address - address % 2)) {
            let before = Fr::from(u64::from(self.byte(address - address % 2)));
            return if address.is_multiple_of(2) { *lie } else { byte + (before - lie) * Fr::from(256) };
        }
        byte
    }

    /// `N(2 row)`.
    pub fn num(&self, row: usize) -> Fr {
        self.nums.get(row).copied().unwrap_or(Fr::ZERO)
    }

    /// All bytes.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }
}

/// The low 64 bits of a field element.
pub(super) fn low_u64(x: Fr) -> u64 {
    u64::from_le_bytes(x.to_bytes()[..8].try_into().expect("eight bytes"))
}

impl Builder {
    /// Reads memory at `base + offset`: one row.
    ///
    /// Enforces that the address is inside the memory: only there does the bus provide the row. An address outside
    /// makes the circuit unsatisfiable.
    pub fn read(&mut self, base: impl Into<In>, offset: usize) -> Read {
        let base = base.into();
        let offset = Fr::from(offset as u64);
        let a = low_u64(base.value() + offset) as usize;
        let (row, odd) = (a / 2, a % 2 == 1);
        let [b0, b1] = [0, 1].map(|i| Fr::from(u64::from(self.memory.byte(2 * row + i))));
        let num = self.memory.num(row);
        let values = [
            Fr::from(row as u64),
            Fr::from(u64::from(odd)),
            b0,
            b1,
            num,
            Fr::ZERO,
            if odd { num * Fr::from(256) + b0 } else { num },
            if odd { b1 } else { b0 },
        ];
        let k = [Fr::from(MEMORY), offset, Fr::ZERO, Fr::ONE];
        let cells = self.push(Kind::Read, &[(5, base)], values, k);
        Read { base: cells[5], parity: cells[1], before: cells[6], byte: cells[7] }
    }
}
