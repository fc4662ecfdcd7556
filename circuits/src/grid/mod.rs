//! The grid: the narrow circuit that the history proof is laid out in.
//!
//! Fourteen advice columns in three phases, shared by every part through row kinds:
//!
//! | columns   | phase | what                                                                     |
//! |-----------|-------|--------------------------------------------------------------------------|
//! | b0        | 0     | message memory: the first of two bytes a row; the other is what `num` spells besides it |
//! | num       | 0     | the integer (mod p) that all bytes before this row spell, big-endian     |
//! | reads     | 0     | how often this memory row is read                                        |
//! | w         | 1     | weight of the lane that the row's bytes belong to (keccak binding), else 0 |
//! | c0 … c7   | 1     | the main cells: arithmetic, reads, bus rows, Poseidon rows               |
//! | bus       | 2     | running sum of the bus: Σ sent 1/(Z − tuple) − Σ provided m/(Z − tuple)  |
//! | bind      | 2     | running sum of the weighted log-derivative that binds bytes to a claim   |
//!
//! Rows are recorded by [`Builder`] with their witness; the shape never depends on the witness.

mod arith;
mod assign;
mod builder;
mod check;
mod config;
mod memory;
mod sponge;

pub use assign::assign;
pub use builder::{Builder, Cell, In, PUBLIC_ROWS, Shape};
pub use check::Violation;
pub use config::GridConfig;
pub use memory::{BLOCK_BYTES, Memory, ROWS_PER_BLOCK, Read, STATE_BYTES};

/// What the fixed columns make a main row enforce.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Nothing: free witnesses, or the output of a permutation.
    Free,
    /// `c0 = k1 + instance, c2 = k2, c3 = k3, c4 = 0, c5 = seed`, where the instance is public input `i` in row `i`; provides (k0; c0, c2, c3, c4) `c6` times.
    Fixed {
        /// Whether the row is an entry of a table on the bus; if not, `k0` is 0, a tag that no row sends.
        table: bool,
    },
    /// `c0 c1 + c2 c3 + c4 c5 + c6 + k0 = c7`.
    Arith,
    /// `c0 c1 = c2, c3 c4 = c5, c0 c6 = c7`.
    Mul,
    /// `c5 = c0 (c0 - 1)`, `c7 = c6 + (c0 - c1) c2 + c5 (c3 + c0 c4)`: the running claim after a sumcheck round.
    Round,
    /// Memory read: address `c5 + k1 = 2 c0 + c1`, integer before it `c6`, byte there `c7`; sends (MEMORY; c0, c2, c3, c4).
    Read,
    /// Sends (k0; c0, c2, c3, c4); if `k2 = 1` also `c5 + c2 = c7`.
    Send,
    /// Provides (k0; c0, c2, c3, c4) `c6` times.
    Provide,
    /// Next row's s-box inputs are `c_i + c_{4+i}` and the constants of the first round.
    Inject,
    /// A row of s-boxes: inputs `c0..c3`, their squares `c4..c7`; the step leads to the next row.
    Boxes(crate::poseidon::recurrence::Step),
}

/// Bus tag of memory rows.
pub const MEMORY: u64 = 1;

#[cfg(test)]
mod tests;
