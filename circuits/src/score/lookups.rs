//! Lookups: queries and entries of the log-derivative argument, each a polynomial `a + ρ b + ρ^2 c`.
//!
//! Statement: the step of the sum at a row is `1 / (α + query) - count / (α + entry)`, as far as the row has them.

use super::{
    config::{TABLE_START, offset},
    sheet::LIMB_BITS,
};
use crate::fixed::power_of_two;
use halo2_base::halo2_proofs::{
    arithmetic::Field,
    halo2curves::{
        bn256::Fr,
        ff::{BatchInvert, PrimeField},
    },
};
use std::collections::{BTreeMap, HashMap};

/// Coefficients of 1, ρ and ρ^2.
pub type Folded = [Fr; 3];

/// A limb, asked for or in the table.
pub fn limb(v: Fr) -> Folded {
    [v, Fr::ZERO, Fr::ZERO]
}

/// Key, sample and next sample, asked for or in the table.
pub fn point([key, low, high]: [Fr; 3]) -> Folded {
    [key - low * power_of_two(LIMB_BITS), low + offset(), high + offset()]
}

/// The low [`LIMB_BITS`] of an element.
pub fn low_limb(z: Fr) -> u16 {
    let bytes = z.to_repr();
    u16::from_le_bytes([bytes[0], bytes[1]]) & ((1 << LIMB_BITS) - 1)
}

/// All queries and entries of a sheet, by row.
#[derive(Debug, Default)]
pub struct Lookups {
    /// What is looked up in a row.
    pub queries: BTreeMap<usize, Folded>,
    /// Rows of the tables: limbs first, in order.
    pub entries: Vec<(usize, Folded)>,
}

impl Lookups {
    /// How often each entry is asked for, with its row; queries that no entry answers are left out.
    pub fn counts(&self) -> Vec<(usize, u64)> {
        let limbs = 1 << LIMB_BITS;
        let points: HashMap<[u8; 32], usize> =
            self.entries.iter().enumerate().skip(limbs).map(|(i, (_, e))| (e[0].to_repr(), i)).collect();
        let mut counts = vec![0; self.entries.len()];
        for query in self.queries.values() {
            let small = query[0] < power_of_two(LIMB_BITS) && query[1] == Fr::ZERO;
            let entry =
                if small { Some(usize::from(low_limb(query[0]))) } else { points.get(&query[0].to_repr()).copied() };
            if let Some(entry) = entry.filter(|i| self.entries[*i].1 == *query) {
                counts[entry] += 1;
            }
        }
        self.entries.iter().zip(counts).map(|((row, _), count)| (*row, count)).collect()
    }

    /// What the sum grows by at each row.
    pub fn steps(&self, alpha: Fr, rho: Fr) -> BTreeMap<usize, Fr> {
        let fold = |f: &Folded| alpha + f[0] + rho * (f[1] + rho * f[2]);
        let mut inverses: Vec<Fr> =
            self.queries.values().chain(self.entries.iter().map(|(_, e)| e)).map(fold).collect();
        inverses.iter_mut().batch_invert();
        let (queries, entries) = inverses.split_at(self.queries.len());
        let mut steps: BTreeMap<usize, Fr> = self.queries.keys().copied().zip(queries.iter().copied()).collect();
        for ((row, count), inverse) in self.counts().into_iter().zip(entries) {
            *steps.entry(row).or_default() -= Fr::from(count) * inverse;
        }
        steps
    }
}

// limbs are told by their row
const _: () = assert!(TABLE_START == 1);
