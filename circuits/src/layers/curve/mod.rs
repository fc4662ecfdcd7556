//! Curve: a function by straight lines between its samples; outside its domain it keeps its last values.
//!
//! Statement, over the integers: with `u = (x - low) 2^s` and `v = min(max(u, 0), steps 2^13)`,
//! `v = index 2^13 + position` with `0 <= position < 2^13`, and the result is
//! `(sample[index] 2^13 + (sample[index + 1] - sample[index]) position) div 2^DROP_BITS`.
//! (The half that makes this rounding is part of the samples.) One lookup serves every function of [`Curve`].

pub mod real;
pub mod samples;

pub use samples::{Curve, Domain};

use crate::{
    fixed::{FRAC_BITS, power_of_two, to_field, to_integer},
    score::sheet::{Cell, LIMB_BITS, Sheet, value},
};
use halo2_base::{
    QuantumCell::{Constant, Existing},
    gates::GateInstructions,
    halo2_proofs::{arithmetic::Field, halo2curves::bn256::Fr},
};
use samples::DROP_BITS;

/// Two neighbouring samples and a place between them, interpolated; as the prover claims it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Line {
    /// Position of the first sample.
    pub index: i128,
    /// First sample.
    pub low: i128,
    /// Second sample.
    pub high: i128,
    /// Place between them, in `2^-LIMB_BITS`.
    pub position: i128,
    /// The value, rounded.
    pub result: Fr,
    /// What the rounding dropped.
    pub dropped: i128,
}

/// What the prover claims about one evaluation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Hint {
    /// How far outside the domain `x` is, in `2^-s`.
    pub excess: i128,
    /// On which side: free where the excess is 0.
    pub above: bool,
    /// The rest.
    pub line: Line,
}

/// The honest line of `curve` at `index 2^13 + position`; the integer `whole` is added to the value.
pub fn line(curve: Curve, index: i128, position: i128, whole: i128) -> Line {
    let samples = curve.samples();
    let sample = |i: i128| i128::from(samples[usize::try_from(i).unwrap_or(0).min(samples.len() - 1)]);
    let (low, high) = (sample(index), sample(index + 1));
    let sum = (whole << (FRAC_BITS + DROP_BITS)) + (low << LIMB_BITS) + (high - low) * position;
    let result = sum >> DROP_BITS;
    Line { index, low, high, position, result: to_field(result), dropped: sum - (result << DROP_BITS) }
}

/// The honest hint; assumes that `curve` is a function.
pub fn hint(curve: Curve, x: i128) -> Hint {
    let Domain { low, .. } = domain(curve);
    let (scale, top) = (domain(curve).scale_bits(), top(curve));
    // an input that key generation makes up may be anything
    let x = x.clamp(-(1 << 100), 1 << 100);
    let u = (x - (i128::from(low) << FRAC_BITS)) << scale;
    let v = u.clamp(0, top);
    let line = line(curve, v >> LIMB_BITS, v & ((1 << LIMB_BITS) - 1), 0);
    Hint { excess: (u - v).abs(), above: u > v, line }
}

fn domain(curve: Curve) -> Domain {
    curve.domain().expect("a table that is no function is looked up by its own chip")
}

/// The end of the domain, as `v`.
fn top(curve: Curve) -> i128 {
    i128::from(domain(curve).steps()) << LIMB_BITS
}

/// The native result; assumes that `curve` is a function.
pub fn run(curve: Curve, x: i128) -> i128 {
    to_integer(hint(curve, x).line.result)
}

/// The interpolated value, with `whole 2^FRAC_BITS` more if a cell is given, and the cells `(index, position)`.
///
/// | cell      | range                                | who enforces it |
/// |-----------|--------------------------------------|-----------------|
/// | index     | `[0, 2^13)`, and a sample's position | this function, the lookup |
/// | low, high | the samples at index and after       | the lookup      |
/// | position  | `[0, 2^13)`                          | this function   |
/// | dropped   | `[0, 2^DROP_BITS)`                   | this function   |
/// | returned  | `|y| < 2^(bits - 1)`                 | this function   |
///
/// Sound: curves have keys `2^20` apart and the index is below `2^13`, so the key is this curve's. All sums stay below
/// `2^(bits + DROP_BITS + 1) < p`, so the division is unique.
pub fn interpolate(sheet: &mut Sheet, curve: Curve, whole: Option<Cell>, bits: usize, hint: Line) -> [Cell; 3] {
    let [index, low, high, position] =
        [hint.index, hint.low, hint.high, hint.position].map(|v| sheet.witness(to_field(v)));
    sheet.check_bits(index, LIMB_BITS);
    sheet.check_bits(position, LIMB_BITS);
    sheet.check_point(curve, index, low, high);
    let start = sheet.gate.mul(&mut sheet.ctx, low, Constant(power_of_two(LIMB_BITS)));
    let start = match whole {
        Some(whole) => {
            let scale = Constant(power_of_two(FRAC_BITS + DROP_BITS));
            sheet.gate.mul_add(&mut sheet.ctx, whole, scale, start)
        }
        None => start,
    };
    let rise = sheet.gate.sub(&mut sheet.ctx, high, low);
    let sum = sheet.gate.mul_add(&mut sheet.ctx, rise, position, start);
    let [result, dropped] = [hint.result, to_field(hint.dropped)].map(|v| sheet.witness(v));
    sheet.check_bits(dropped, DROP_BITS);
    let shifted = sheet.gate.add(&mut sheet.ctx, result, Constant(power_of_two(bits - 1)));
    sheet.check_bits(shifted, bits);
    let equation = [Existing(dropped), Existing(result), Constant(power_of_two(DROP_BITS)), Existing(sum)];
    sheet.ctx.assign_region(equation, [0]);
    [result, index, position]
}

/// `curve(x)`.
///
/// | cell     | range                                    | who enforces it |
/// |----------|------------------------------------------|-----------------|
/// | x        | `|x| < 2^bits`                           | caller          |
/// | excess   | `[0, 2^(max(bits, 21) + s + 1))`, limbs  | this function   |
/// | above    | 0 or 1; free where the excess is 0       | this function   |
/// | returned | `Curve::range`                           | follows         |
///
/// Sound: all sums stay below `2^(bits + 20) < p`. Where the excess is not 0, `v` is the end of the domain on its side;
/// so `v` is `u`, cut to the domain. `index 2^13 + position = v` has one solution.
pub fn constrain(sheet: &mut Sheet, curve: Curve, x: Cell, bits: usize, hint: Hint) -> Cell {
    let (domain, top) = (domain(curve), to_field(top(curve)));
    let scale = domain.scale_bits() as usize;
    let low = to_field(i128::from(domain.low) << (FRAC_BITS + scale));
    let [result, index, position] = interpolate(sheet, curve, None, curve.value_bits(), hint.line);
    let v = sheet.gate.mul_add(&mut sheet.ctx, index, Constant(power_of_two(LIMB_BITS)), position);
    let above = sheet.bit(hint.above);
    let excess = sheet.witness(to_field(hint.excess));
    sheet.check_bits(excess, (bits.max(21) + scale + 1).next_multiple_of(LIMB_BITS));
    // u = v ± excess
    let sign = sheet.gate.mul_add(&mut sheet.ctx, above, Constant(Fr::from(2)), Constant(-Fr::ONE));
    let u = sheet.gate.mul_add(&mut sheet.ctx, sign, excess, v);
    let equation = [Constant(-low), Existing(x), Constant(power_of_two(scale)), Existing(u)];
    sheet.ctx.assign_region(equation, [0]);
    // outside, v is the end of the domain on that side
    let inside = sheet.gate.mul_add(&mut sheet.ctx, above, Constant(-top), v);
    sheet.check_product_zero(excess, inside);
    result
}

/// [`constrain`] with the honest hint.
pub fn apply(sheet: &mut Sheet, curve: Curve, x: Cell, bits: usize) -> Cell {
    let hint = hint(curve, to_integer(value(&x)));
    constrain(sheet, curve, x, bits, hint)
}

#[cfg(test)]
mod tests;
