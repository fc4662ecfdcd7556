//! Commitment: private inputs of a model under one public input, and a digest of more outputs than there are public inputs.
//!
//! Statement, with `u = x + 2^(bits - 1)` in `[0, 2^bits)` for each private input `x`:
//! `inputs = hash(INPUTS, [count + bits 2^32, salt, packed…])`, where `packed_j = Σ_i u_i 2^(bits i)` over as many as fit 248 bits.
//! `digest = hash(OUTPUTS, [count, packed…])`, where each packs three outputs `o + 2^63` of 64 bits.
//!
//! Sound: fields of a packed number have bits of their own, below `2^248 < p`; counts and widths are hashed too, so equal hashes
//! are equal lists (Poseidon collisions aside). The salt hides inputs that could be guessed.

use super::sheet::{Cell, Sheet};
use crate::{
    fixed::{power_of_two, to_field},
    plan::Private,
    poseidon::{self, INPUTS, OUTPUTS, RATE},
};
use halo2_base::{
    QuantumCell::Constant,
    gates::GateInstructions,
    halo2_proofs::{arithmetic::Field, halo2curves::bn256::Fr},
};

/// Bits of a packed number.
const PACKED_BITS: usize = 248;
/// Bits of an output with its sign.
const OUTPUT_BITS: usize = 64;

/// What only the prover knows.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Secret {
    /// The private inputs, with [`crate::fixed::FRAC_BITS`] fraction bits.
    pub values: Vec<i64>,
    /// Random, chosen when the commitment is made.
    pub salt: Fr,
}

/// A secret does not belong into a log.
impl std::fmt::Debug for Secret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Secret({} inputs)", self.values.len())
    }
}

fn pack(values: &[i64], bits: usize) -> Fr {
    let term = |(i, x): (usize, &i64)| (to_field(i128::from(*x)) + power_of_two(bits - 1)) * power_of_two(bits * i);
    values.iter().enumerate().map(term).sum()
}

fn head(count: usize, bits: usize) -> Fr {
    Fr::from(count as u64) + Fr::from(bits as u64) * power_of_two(32)
}

impl Secret {
    /// The commitment; 0 if there are no private inputs.
    pub fn commitment(&self, private: &Private) -> Fr {
        if private.count == 0 {
            return Fr::ZERO;
        }
        let packed = self.values.chunks(PACKED_BITS / private.bits).map(|chunk| pack(chunk, private.bits));
        let inputs: Vec<Fr> = [head(private.count, private.bits), self.salt].into_iter().chain(packed).collect();
        poseidon::hash(INPUTS, &inputs)
    }
}

/// The digest of all outputs of a model.
pub fn digest(outputs: &[i64]) -> Fr {
    let packed = outputs.chunks(PACKED_BITS / OUTPUT_BITS).map(|chunk| pack(chunk, OUTPUT_BITS));
    let inputs: Vec<Fr> = [Fr::from(outputs.len() as u64)].into_iter().chain(packed).collect();
    poseidon::hash(OUTPUTS, &inputs)
}

/// `hash(domain, inputs)`.
fn hash(sheet: &mut Sheet, domain: u64, inputs: &[Cell]) -> Cell {
    let zero = sheet.constant(Fr::ZERO);
    let domain = sheet.constant(Fr::from(domain));
    let mut state = [domain, zero, zero, zero];
    for (i, group) in inputs.chunks(RATE).enumerate() {
        for (element, input) in state[1..].iter_mut().zip(group) {
            *element = if i == 0 { *input } else { sheet.gate.add(&mut sheet.ctx, *element, *input) };
        }
        state = sheet.permute(state, [0, 1, 2, 3]);
    }
    state[1]
}

/// Returns the private inputs and their commitment.
///
/// | cell     | range                           | who enforces it |
/// |----------|---------------------------------|-----------------|
/// | returned | `[-2^(bits - 1), 2^(bits - 1))` | this function   |
/// | salt     | any                             | –               |
pub fn constrain(sheet: &mut Sheet, private: &Private, secret: &Secret) -> (Vec<Cell>, Cell) {
    let bits = private.bits;
    let mut inputs = vec![sheet.constant(head(private.count, bits)), sheet.witness(secret.salt)];
    let mut cells = Vec::with_capacity(private.count);
    for chunk in secret.values.chunks(PACKED_BITS / bits) {
        let mut terms = Vec::with_capacity(chunk.len());
        for (i, x) in chunk.iter().enumerate() {
            let cell = sheet.witness(to_field(i128::from(*x)));
            let above = sheet.gate.add(&mut sheet.ctx, cell, Constant(power_of_two(bits - 1)));
            sheet.check_bits(above, bits);
            terms.push((above, bits * i));
            cells.push(cell);
        }
        inputs.push(sheet.weighted_sum(&terms));
    }
    (cells, hash(sheet, INPUTS, &inputs))
}

/// The digest of `outputs`; assumes that they are below `2^63` in magnitude.
pub fn constrain_digest(sheet: &mut Sheet, outputs: &[Cell]) -> Cell {
    let mut inputs = vec![sheet.constant(Fr::from(outputs.len() as u64))];
    for chunk in outputs.chunks(PACKED_BITS / OUTPUT_BITS) {
        let terms: Vec<_> = chunk.iter().enumerate().map(|(i, cell)| (*cell, OUTPUT_BITS * i)).collect();
        let sum = sheet.weighted_sum(&terms);
        let offset = pack(&vec![0; chunk.len()], OUTPUT_BITS);
        inputs.push(sheet.gate.add(&mut sheet.ctx, sum, Constant(offset)));
    }
    hash(sheet, OUTPUTS, &inputs)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::score::sheet::{Violation, value};
    use test_case::test_case;

    const PRIVATE: Private = Private { count: 12, bits: 26 };

    fn secret(first: i64) -> Secret {
        let values = [first].into_iter().chain((0..11).map(|i| i * 7_001 - 40_000)).collect();
        Secret { values, salt: Fr::from(99) }
    }

    #[test_case(0, true; "zero")]
    #[test_case((1 << 25) - 1, true; "largest")]
    #[test_case(-(1 << 25), true; "smallest")]
    #[test_case(1 << 25, false; "too large")]
    #[test_case(-(1 << 25) - 1, false; "too small")]
    fn inputs_are_in_their_range(first: i64, accept: bool) {
        let mut sheet = Sheet::default();
        let (cells, _) = constrain(&mut sheet, &PRIVATE, &secret(first));
        let found = sheet.violations(&[]);
        assert_eq!(value(&cells[0]), to_field(i128::from(first)));
        assert_eq!(found.is_empty(), accept, "{found:?}");
        assert!(found.iter().all(|v| matches!(v, Violation::Range(_))));
    }

    /// The commitment is a function of the inputs: another one is refused, and so is any other input or salt under it.
    #[test]
    fn commitment_equals_the_native_one_and_binds() {
        let mut sheet = Sheet::default();
        let (_, commitment) = constrain(&mut sheet, &PRIVATE, &secret(5));
        sheet.publish(commitment);
        let honest = secret(5).commitment(&PRIVATE);
        assert_eq!(sheet.violations(&[honest]), []);
        let other = Secret { salt: Fr::from(98), ..secret(5) };
        for lie in [secret(6).commitment(&PRIVATE), other.commitment(&PRIVATE), honest + Fr::ONE] {
            assert_eq!(sheet.violations(&[lie]), [Violation::Instance(0)]);
        }
        assert_ne!(honest, secret(5).commitment(&Private { bits: 27, ..PRIVATE }));
    }

    #[test]
    fn digest_equals_the_native_one() {
        let outputs = [1, -2, i64::MAX, -i64::MAX, 0];
        let mut sheet = Sheet::default();
        let cells: Vec<Cell> = outputs.iter().map(|o| sheet.witness(to_field(i128::from(*o)))).collect();
        let cell = constrain_digest(&mut sheet, &cells);
        sheet.publish(cell);
        assert_eq!(sheet.violations(&[digest(&outputs)]), []);
        assert_eq!(sheet.violations(&[digest(&[1, -2, i64::MAX, -i64::MAX, 1])]), [Violation::Instance(0)]);
        assert_ne!(digest(&outputs), digest(&outputs[..4]));
    }
}
