//! Elements that are functions of a few values which are 0 or 1: any function of them is a sum of products of them.

use super::{Call, Folder};
use crate::onnx::{
    error::OnnxError,
    linear::{Linear, MAX_ELEMENTS, Tensor, size, within},
    place,
};
use std::collections::{BTreeMap, BTreeSet};

/// Most values that an element may be a table over.
const MAX_BITS: usize = 6;

/// What an element is for each of the `2^n` combinations of `n` values; bit `i` of the index is the `i`-th of them.
pub(super) struct Table {
    pub(super) bits: Vec<usize>,
    pub(super) values: Vec<f64>,
}

impl Folder {
    /// The element as a table, if it is a function of at most six values that are 0 or 1.
    pub(super) fn table(&self, element: &Linear) -> Option<Table> {
        self.tables([element]).map(|mut t| t.swap_remove(0))
    }

    /// Tables of several elements over the same values.
    pub(super) fn tables<const N: usize>(&self, elements: [&Linear; N]) -> Option<Vec<Table>> {
        let mut bits = BTreeSet::new();
        for (position, _) in elements.iter().flat_map(|e| &e.weights) {
            bits.extend(self.known.bits.get(position)?);
            if bits.len() > MAX_BITS {
                return None;
            }
        }
        let bits: Vec<usize> = bits.into_iter().collect();
        let set = |mask: usize, p: &usize| {
            let of = &self.known.bits[p];
            of.iter().all(|b| bits.iter().position(|x| x == b).is_some_and(|i| mask >> i & 1 == 1))
        };
        let at = |e: &Linear, mask: usize| {
            e.bias + e.weights.iter().filter(|(p, _)| set(mask, p)).map(|(_, w)| w).sum::<f64>()
        };
        let table = |e: &Linear| Table { bits: bits.clone(), values: (0..1 << bits.len()).map(|m| at(e, m)).collect() };
        Some(elements.iter().map(|e| table(e)).collect())
    }

    /// The element that a table describes.
    pub(super) fn tabled(&mut self, name: &str, table: &Table) -> Linear {
        // coefficients of the products: inclusion and exclusion
        let mut coefficients = table.values.clone();
        for i in 0..table.bits.len() {
            for mask in 0..coefficients.len() {
                if mask >> i & 1 == 1 {
                    coefficients[mask] -= coefficients[mask ^ 1 << i];
                }
            }
        }
        let mut terms = Vec::new();
        for (mask, c) in coefficients.iter().enumerate().filter(|(_, c)| **c != 0.0) {
            let bits = table.bits.iter().enumerate().filter(|(i, _)| mask >> i & 1 == 1).map(|(_, b)| *b).collect();
            terms.push((*c, self.product_of_bits(name, &bits)));
        }
        Linear::sum(terms.iter().map(|(c, e)| (*c, e)))
    }

    /// Another function of the same values.
    pub(super) fn mapped(&mut self, name: &str, table: &Table, f: impl Fn(f64) -> f64) -> Linear {
        let values = table.values.iter().map(|v| f(*v)).collect();
        self.tabled(name, &Table { bits: table.bits.clone(), values })
    }

    /// `Gather` with indices that depend on the input.
    pub(super) fn gather(&mut self, call: &Call, data: &Tensor, indices: &Tensor) -> Result<Tensor, OnnxError> {
        let name = &call.node.name;
        let axis = call.named(place::axis(call.node.integer("axis").unwrap_or(0), data.shape.len()))?;
        let count = data.shape[axis];
        // for each index: which entries it can be, and an element that is 1 if it is
        let mut chosen = Vec::with_capacity(indices.data.len());
        for index in &indices.data {
            let way_out =
                "expected indices that are constant, or made of at most six comparisons; use Where, or a tree";
            let table = self.table(index).ok_or_else(|| call.problem(way_out))?;
            let mut places: BTreeMap<usize, Vec<f64>> = BTreeMap::new();
            for (mask, v) in table.values.iter().enumerate() {
                let v = if *v < 0.0 { v + count as f64 } else { *v };
                // what cannot be reached, or ONNX refuses, is 0
                if v >= 0.0 && v < count as f64 {
                    places.entry(v as usize).or_insert_with(|| vec![0.0; table.values.len()])[mask] = 1.0;
                }
            }
            chosen.push((table.bits, places));
        }
        let (head, tail) = (&data.shape[..axis], &data.shape[axis + 1..]);
        let (outer, inner): (usize, usize) = (head.iter().product(), tail.iter().product());
        call.named(within("elements", size(&[outer, chosen.len(), inner]), MAX_ELEMENTS))?;
        let mut result = Vec::new();
        let mut live = Vec::new();
        for o in 0..outer {
            for (bits, places) in &chosen {
                for i in 0..inner {
                    let at = |v: usize| &data.data[(o * count + v) * inner + i];
                    if places.keys().all(|v| at(*v).weights.is_empty()) {
                        let mut values = vec![0.0; 1 << bits.len()];
                        for (v, on) in places {
                            values.iter_mut().zip(on).for_each(|(sum, on)| *sum += on * at(*v).bias);
                        }
                        result.push(self.tabled(name, &Table { bits: bits.clone(), values }));
                    } else {
                        let (mut left, mut right) = (Vec::new(), Vec::new());
                        for (v, on) in places {
                            left.push(self.tabled(name, &Table { bits: bits.clone(), values: on.clone() }));
                            right.push(at(*v).clone());
                        }
                        live.push((result.len(), (left, right)));
                        result.push(Linear::default());
                    }
                }
            }
        }
        let (slots, pairs): (Vec<usize>, Vec<_>) = live.into_iter().unzip();
        for (slot, element) in slots.into_iter().zip(self.inner(name, &pairs)) {
            result[slot] = element;
        }
        Ok(Tensor { shape: [head, &indices.shape, tail].concat(), data: result })
    }
}
