//! Lookups: queries and entries of the log-derivative argument, each a polynomial `a + ρ b + ρ^2 c`.
//!
//! Statement: the step of the sum at a row is `1 / (α + query) - count / (α + entry)`, as far as the row has them.
//!
//! The tables are the limbs, and runs of samples with consecutive keys: those of the curves in use, and one for each width of a
//! topmost limb that is narrower than the others. Its samples are all the same number, which names the width.

use super::{
    class::Class,
    config::{TABLE_START, offset},
    sheet::{Sheet, first_key},
};
use crate::fixed::{power_of_two, to_field};
use halo2_base::halo2_proofs::{
    arithmetic::Field,
    halo2curves::{
        bn256::Fr,
        ff::{BatchInvert, PrimeField},
    },
};
use std::collections::{BTreeSet, HashMap};

/// Coefficients of 1, ρ and ρ^2.
pub type Folded = [Fr; 3];

/// A limb, asked for or in the table.
pub fn limb(v: Fr) -> Folded {
    [v, Fr::ZERO, Fr::ZERO]
}

/// Key, sample and next sample, asked for or in the table.
pub fn point([key, low, high]: [Fr; 3], limb_bits: usize) -> Folded {
    [key - low * power_of_two(limb_bits), low + offset(), high + offset()]
}

/// The low `bits` of an element, at most 16.
pub fn low_bits(z: Fr, bits: usize) -> usize {
    let bytes = z.to_repr();
    usize::from(u16::from_le_bytes([bytes[0], bytes[1]])) & ((1 << bits) - 1)
}

/// Samples with consecutive keys.
#[derive(Clone, Debug)]
pub struct Table {
    /// Key of the first sample.
    pub first: Fr,
    /// One more than there are points.
    pub samples: Vec<Fr>,
}

/// The sample of a topmost limb of `bits`: no curve has one of this size, so no key of a curve can be taken for such a limb.
pub fn top_sample(bits: usize) -> Fr {
    power_of_two(100) + Fr::from(bits as u64)
}

/// The tables behind the limbs.
pub fn tables(sheet: &Sheet, class: Class) -> Vec<Table> {
    let tops: BTreeSet<usize> = sheet.ranges.iter().map(|r| class.limbs(r.bits).1).filter(|top| *top != 0).collect();
    let tops = tops.into_iter().map(|top| Table { first: Fr::ZERO, samples: vec![top_sample(top); (1 << top) + 1] });
    let curves = sheet.curves.iter().enumerate().map(|(place, curve)| Table {
        first: first_key(place),
        samples: curve.samples().iter().map(|s| to_field(i128::from(*s))).collect(),
    });
    tops.chain(curves).collect()
}

/// First row behind the limbs and `tables`.
pub fn table_end(tables: &[Table], class: Class) -> usize {
    // one row after the limbs lies between, since an entry reads the `values` of the next row too
    TABLE_START + (1 << class.limb_bits) + 1 + tables.iter().map(|t| t.samples.len()).sum::<usize>()
}

/// All queries and entries of a sheet, by row.
#[derive(Debug, Default)]
pub struct Lookups {
    /// What is looked up in a row; rows rise.
    pub queries: Vec<(usize, Folded)>,
    /// Rows of the tables: limbs first, in order.
    pub entries: Vec<(usize, Folded)>,
    /// Cells of gates in the column of the multiplicities, all outside the tables.
    pub strays: Vec<(usize, Fr)>,
}

impl Lookups {
    /// How often each entry is asked for, with its row; queries that no entry answers are left out. The first limb makes up for
    /// the strays.
    pub fn counts(&self, limb_bits: usize) -> Vec<(usize, Fr)> {
        let limbs = 1 << limb_bits;
        let name = |e: &Folded| [e[0].to_repr(), e[1].to_repr()];
        let points: HashMap<[[u8; 32]; 2], usize> =
            self.entries.iter().enumerate().skip(limbs).map(|(i, (_, e))| (name(e), i)).collect();
        let mut counts = vec![0; self.entries.len()];
        for (_, query) in &self.queries {
            let small = query[1] == Fr::ZERO && query[0] < power_of_two(limb_bits);
            let entry = if small { Some(low_bits(query[0], limb_bits)) } else { points.get(&name(query)).copied() };
            if let Some(entry) = entry.filter(|i| self.entries[*i].1 == *query) {
                counts[entry] += 1;
            }
        }
        let mut counts: Vec<_> = self.entries.iter().zip(counts).map(|((row, _), n)| (*row, Fr::from(n))).collect();
        if let Some((_, zero)) = counts.first_mut() {
            *zero -= self.strays.iter().map(|(_, v)| *v).sum::<Fr>();
        }
        counts
    }

    /// What the sum grows by at each of the first `rows` rows.
    pub fn steps(&self, limb_bits: usize, rows: usize, alpha: Fr, rho: Fr) -> Vec<Fr> {
        let fold = |f: &Folded| alpha + f[0] + rho * (f[1] + rho * f[2]);
        let all = self.queries.iter().chain(&self.entries).map(|(_, f)| fold(f));
        let mut inverses: Vec<Fr> = all.chain([alpha]).collect();
        inverses.iter_mut().batch_invert();
        let (queries, entries) = inverses.split_at(self.queries.len());
        let mut steps = vec![Fr::ZERO; rows];
        for ((row, _), inverse) in self.queries.iter().zip(queries) {
            steps[*row] += inverse;
        }
        for ((row, count), inverse) in self.counts(limb_bits).into_iter().zip(entries) {
            steps[row] -= count * inverse;
        }
        for (row, v) in &self.strays {
            steps[*row] -= entries[self.entries.len()] * v;
        }
        steps
    }
}

// limbs are told by their row
const _: () = assert!(TABLE_START == 1);
