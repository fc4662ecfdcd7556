//! Classes made to measure, for any number of permutations.
//!
//! Each is filled with one mapping slot at many blocks of a chain as large as mainnet, linked by hops; what is left over hashes the empty
//! message, as in every class. The small ones get a block of a smaller chain.

use crate::hops::{Levels, MAINNET, evidence};
use eyre::Result;
use vouch_circuits::{
    evidence::Evidence,
    facts::LEAVES,
    history::{Class, Layout, LayoutError, Receipts},
};

/// Permutations that are measured. From 768 on they fill their rows; below 256 the rows are those of the smallest circuit, `k` = 16.
pub const ALL: [usize; 9] = [32, 64, 128, 256, 768, 1536, 3072, 6144, 8192];
/// The sizes of the straight line: those that fill their rows and take minutes at most.
pub const LINE: [usize; 4] = [256, 768, 1536, 3072];
/// Rows that are tried, smallest first: log2.
pub const ROWS: std::ops::RangeInclusive<u32> = 14..=21;

/// A class of `permutations` with the most evidence that they have room for, on `2^k` rows, if those are enough.
pub fn class(permutations: usize, k: u32) -> Result<(Class, Evidence)> {
    let small = Levels { state: 2, history: 1, token: 1 };
    let fits = |count: u64, levels| -> Result<Option<(Class, Evidence)>> {
        let evidence = evidence(count, levels)?;
        Ok(sized(permutations, k, &evidence)?.map(|class| (class, evidence)))
    };
    let (mut best, mut step) = (0, (LEAVES as u64).next_power_of_two() / 2);
    while step > 0 {
        if best + step <= LEAVES as u64 && fits(best + step, MAINNET)?.is_some() {
            best += step;
        }
        step /= 2;
    }
    let found = if best == 0 { fits(1, small)? } else { fits(best, MAINNET)? };
    found.ok_or_else(|| eyre::eyre!("no evidence is as small as {permutations} permutations"))
}

/// The class with these permutations and of everything else what `evidence` needs; `None` if it needs more permutations.
fn sized(permutations: usize, k: u32, evidence: &Evidence) -> Result<Option<Class>> {
    let mut class = Class {
        name: "measured",
        k,
        blocks: permutations,
        links: 0,
        hops: 0,
        roots: 1,
        branches: 1,
        pairs: 1,
        steps: 1,
        addresses: 1,
        accounts: 1,
        slots: 1,
        plain_keys: 1,
        mapping_keys: 1,
        nested_keys: 1,
        paths: 0,
        path_starts: 0,
        path_mappings: 0,
        path_arrays: 0,
        facts: 1,
        receipts: Receipts::NONE,
    };
    loop {
        let overflow = match Layout::new(&class, evidence) {
            Ok(_) => return Ok(Some(class)),
            Err(LayoutError::Overflow(overflow)) => overflow,
            Err(e) => return Err(e.into()),
        };
        let capacity = match overflow.what {
            "keccak blocks" => return Ok(None),
            "linked headers" => &mut class.links,
            "hops" => &mut class.hops,
            "tries" => &mut class.roots,
            "branch nodes" => &mut class.branches,
            "leaves and extensions" => &mut class.pairs,
            "steps" => &mut class.steps,
            "addresses" => &mut class.addresses,
            "accounts (one is a filler)" => {
                class.accounts = overflow.got + 1;
                continue;
            }
            "storage slots" => &mut class.slots,
            "keys of plain slots" => &mut class.plain_keys,
            "keys of mappings" => &mut class.mapping_keys,
            "keys of nested mappings" => &mut class.nested_keys,
            "facts" => &mut class.facts,
            other => eyre::bail!("no capacity is called {other}"),
        };
        *capacity = overflow.got;
    }
}
