//! Classes made to measure: as many permutations as the largest class has on its rows, at any number of rows.
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

/// Rows that are tried: log2.
const ROWS: std::ops::RangeInclusive<u32> = 12..=20;
/// Largest number of permutations.
pub const MOST: usize = 8192;
/// Fewest permutations that hold a block and a slot.
const FEWEST: usize = 32;

/// Permutations that fill `2^k` rows as class H fills its own.
pub fn full(k: u32) -> usize {
    (Class::H.blocks << k >> Class::H.k).min(MOST)
}

/// Each k with the permutations that fill it, from [`FEWEST`] to `most`.
pub fn all(most: usize) -> impl Iterator<Item = u32> {
    ROWS.filter(move |k| (FEWEST..=most).contains(&full(*k)))
}

/// A class of `2^k` rows, and the most evidence that its permutations have room for.
pub fn class(k: u32) -> Result<(Class, Evidence)> {
    let small = Levels { state: 2, history: 1, token: 1 };
    let fits = |count: u64, levels| -> Result<Option<(Class, Evidence)>> {
        let evidence = evidence(count, levels)?;
        Ok(sized(k, &evidence)?.map(|class| (class, evidence)))
    };
    let (mut best, mut step) = (0, (LEAVES as u64).next_power_of_two() / 2);
    while step > 0 {
        if best + step <= LEAVES as u64 && fits(best + step, MAINNET)?.is_some() {
            best += step;
        }
        step /= 2;
    }
    let found = if best == 0 { fits(1, small)? } else { fits(best, MAINNET)? };
    found.ok_or_else(|| eyre::eyre!("no evidence is as small as {} permutations", full(k)))
}

/// The class with the permutations of `k` and of everything else what `evidence` needs; `None` if it needs more permutations.
fn sized(k: u32, evidence: &Evidence) -> Result<Option<Class>> {
    let mut class = Class {
        name: "measured",
        k,
        blocks: full(k),
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
            "accounts" => &mut class.accounts,
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
