//! Extract: from the two parts of a fact's word to the number in a bit field of it.
//!
//! Statement, over the integers:
//! - `low248 = Σ segment * 2^position`, `top8 = Σ segment * 2^position`, each segment within its width;
//! - `field * 2^FRAC_BITS = (quotient_high * 2^FEATURE_BITS + quotient_low) * divisor + remainder`;
//! - the number is `quotient_low`, or `FEATURE_MAX` if `quotient_high` or a bit of the field above its low 128 is set.

use crate::{
    fixed::{FEATURE_BITS, FEATURE_MAX, FRAC_BITS, low_128, power_of_two},
    score::sheet::{Cell, LIMB_BITS, Sheet, value},
};
use halo2_base::{
    QuantumCell::{Constant, Existing, Witness},
    gates::GateInstructions,
    halo2_proofs::halo2curves::{bn256::Fr, ff::PrimeField},
};

/// Bits of a word in its low part.
const LOW_BITS: usize = 248;

/// The division by the source's unit, as the prover claims it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Hint {
    /// Bits of the quotient above [`FEATURE_BITS`].
    pub quotient_high: u128,
    /// Below `2^FEATURE_BITS`.
    pub quotient_low: u128,
    /// Below the divisor.
    pub remainder: u128,
}

/// The honest division of `field * 2^FRAC_BITS`.
pub fn hint(field: u128, divisor: u128) -> Hint {
    let mut remainder = field % divisor;
    let mut fraction = 0;
    for _ in 0..FRAC_BITS {
        remainder *= 2;
        fraction = 2 * fraction + remainder / divisor;
        remainder %= divisor;
    }
    let integer = field / divisor;
    let integer_bits = FEATURE_BITS - FRAC_BITS;
    Hint {
        quotient_high: integer >> integer_bits,
        quotient_low: (integer % (1 << integer_bits)) << FRAC_BITS | fraction,
        remainder,
    }
}

/// A word cut into segments, each with its lowest bit.
#[derive(Clone, Debug)]
pub struct Segments {
    pieces: Vec<(usize, Cell)>,
}

/// The honest segments of a word at `cuts`.
pub fn segments(low248: Fr, top8: Fr, cuts: &[usize]) -> Vec<Fr> {
    let low = low248.to_repr();
    let bit = |i: usize| match i < LOW_BITS {
        true => low[i / 8] >> (i % 8) & 1 == 1,
        false => low_128(top8) >> (i - LOW_BITS) & 1 == 1,
    };
    let number = |from: usize, to: usize| (from..to).filter(|i| bit(*i)).map(|i| power_of_two(i - from)).sum();
    cuts.windows(2).map(|w| number(w[0], w[1])).collect()
}

/// Where a word must be cut so that every field `(low, high)` is a run of segments; from 0 to 256.
pub fn cuts(fields: &[(usize, usize)]) -> Vec<usize> {
    let mut cuts = vec![0, LOW_BITS, 256];
    for (low, high) in fields {
        cuts.extend([*low, *high, (low + 128).min(*high)]);
    }
    // a segment that a range check cannot hold is cut once more
    if !cuts.iter().any(|cut| (1..LOW_BITS).contains(cut)) {
        cuts.push(LOW_BITS / 2);
    }
    cuts.sort_unstable();
    cuts.dedup();
    cuts
}

/// Cuts a word at `cuts`, which come from [`cuts`].
///
/// | cell    | range            | who enforces it |
/// |---------|------------------|-----------------|
/// | low248  | `[0, 2^248)`     | this function   |
/// | top8    | `[0, 2^8)`       | this function   |
/// | segment | `[0, 2^width)`   | this function   |
///
/// Sound: the sums stay below `2^248 < p`, so the positional notation is unique.
pub fn cut(sheet: &mut Sheet, low248: Cell, top8: Cell, cuts: &[usize], hint: &[Fr]) -> Segments {
    let mut pieces = Vec::new();
    for (bounds, claim) in cuts.windows(2).zip(hint) {
        let cell = sheet.witness(*claim);
        sheet.check_bits(cell, bounds[1] - bounds[0]);
        pieces.push((bounds[0], cell));
    }
    let (high, low): (Vec<_>, Vec<_>) =
        pieces.iter().map(|(at, cell)| (*cell, *at)).partition(|(_, at)| *at >= LOW_BITS);
    let sum = sheet.weighted_sum(&low);
    sheet.check_equal(&sum, &low248);
    let high: Vec<_> = high.into_iter().map(|(cell, at)| (cell, at - LOW_BITS)).collect();
    let sum = sheet.weighted_sum(&high);
    sheet.check_equal(&sum, &top8);
    Segments { pieces }
}

impl Segments {
    /// The low 128 bits of a field, and the sum of the segments above them if the field is wider.
    pub fn field(&self, sheet: &mut Sheet, low: usize, high: usize) -> (Cell, Option<Cell>) {
        let inside = |from: usize, to: usize| -> Vec<(Cell, usize)> {
            self.pieces.iter().filter(|(at, _)| (from..to).contains(at)).map(|(at, cell)| (*cell, at - from)).collect()
        };
        let middle = high.min(low + 128);
        let number = match inside(low, middle).as_slice() {
            [(only, 0)] => *only,
            terms => sheet.weighted_sum(terms),
        };
        let above = inside(middle, high);
        let above = (!above.is_empty()).then(|| {
            let cells: Vec<_> = above.iter().map(|(cell, _)| Existing(*cell)).collect();
            sheet.gate.sum(&mut sheet.ctx, cells)
        });
        (number, above)
    }
}

/// The number in a field.
///
/// | cell          | scale       | range                                | who enforces it |
/// |---------------|-------------|--------------------------------------|-----------------|
/// | field         | `1 / divisor`  | `[0, 2^width)`, width at most 128 | caller          |
/// | above         |             | any; a small sum of segments         | caller          |
/// | quotient_low  | `2^-FRAC_BITS` | `[0, 2^FEATURE_BITS)`             | this function   |
/// | quotient_high |             | `[0, 2^(width - 36 + 13))`           | this function   |
/// | divisor       |             | `[1, 10^36]`                         | caller          |
/// | remainder     |             | `[0, divisor)`                       | this function   |
/// | returned      | `2^-FRAC_BITS` | `[0, FEATURE_MAX]`                | this function   |
///
/// Sound: both sides of the division stay below `2^(128 + 16 + 13 + 1) < p`, since the quotient has at most
/// `width + 16 - log2(divisor) + 13` bits, so Euclidean division is unique. A sum of at most eight segments is below
/// `2^251 < p`, so it is zero only if all of them are.
pub fn number(
    sheet: &mut Sheet,
    (field, above): (Cell, Option<Cell>),
    width: usize,
    divisor: u128,
    hint: Hint,
) -> Cell {
    let divisor_bits = 128 - divisor.leading_zeros() as usize;
    let low = sheet.witness(Fr::from_u128(hint.quotient_low));
    sheet.check_bits(low, FEATURE_BITS);
    // bits of the quotient above FEATURE_BITS: the divisor is at least 2^(divisor_bits - 1)
    let high_bits = (width.min(128) + FRAC_BITS + 1).saturating_sub(divisor_bits + FEATURE_BITS);
    let high = (high_bits > 0).then(|| {
        let high = sheet.witness(Fr::from_u128(hint.quotient_high));
        sheet.check_bits(high, high_bits.next_multiple_of(LIMB_BITS));
        high
    });
    let quotient = match high {
        Some(high) => sheet.gate.mul_add(&mut sheet.ctx, high, Constant(power_of_two(FEATURE_BITS)), low),
        None => low,
    };
    let scaled = sheet.gate.mul(&mut sheet.ctx, field, Constant(power_of_two(FRAC_BITS)));
    if divisor == 1 {
        sheet.check_equal(&quotient, &scaled);
    } else {
        let remainder = sheet.witness(Fr::from_u128(hint.remainder));
        sheet.check_at_most(remainder, Constant(Fr::from_u128(divisor - 1)), divisor_bits);
        let product = [Existing(remainder), Existing(quotient), Constant(Fr::from_u128(divisor)), Existing(scaled)];
        sheet.ctx.assign_region(product, [0]);
    }
    let overflow = match (high, above) {
        (Some(high), Some(above)) => {
            let zeros = [high, above].map(|cell| sheet.gate.is_zero(&mut sheet.ctx, cell));
            Some(sheet.gate.and(&mut sheet.ctx, zeros[0], zeros[1]))
        }
        (Some(only), None) | (None, Some(only)) => Some(sheet.gate.is_zero(&mut sheet.ctx, only)),
        (None, None) => None,
    };
    match overflow {
        Some(fits) => select(sheet, fits, low, FEATURE_MAX),
        None => low,
    }
}

/// `bit ? cell : otherwise`, as `otherwise + bit * (cell - otherwise)`.
pub(super) fn select(sheet: &mut Sheet, bit: Cell, cell: Cell, otherwise: i64) -> Cell {
    let constant = crate::fixed::to_field(i128::from(otherwise));
    let difference = sheet.gate.sub(&mut sheet.ctx, cell, Constant(constant));
    let result = constant + value(&bit) * value(&difference);
    sheet.ctx.assign_region_last([Constant(constant), Existing(bit), Existing(difference), Witness(result)], [0])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{facts, features};
    use halo2_base::halo2_proofs::arithmetic::Field;
    use proptest::prelude::*;
    use test_case::test_case;

    fn run(word: [u8; 32], (low, high): (usize, usize), divisor: u128, claim: Option<Hint>) -> (Sheet, Fr) {
        let mut sheet = Sheet::default();
        let (top, rest) = facts::split(&word);
        let (low248, top8) = (sheet.witness(rest), sheet.witness(Fr::from(u64::from(top))));
        let cuts = cuts(&[(low, high)]);
        let pieces = segments(rest, Fr::from(u64::from(top)), &cuts);
        let segments = cut(&mut sheet, low248, top8, &cuts, &pieces);
        let field = segments.field(&mut sheet, low, high);
        let honest = hint(low_128(value(&field.0)), divisor);
        let result = number(&mut sheet, field, high - low, divisor, claim.unwrap_or(honest));
        let result = value(&result);
        (sheet, result)
    }

    proptest! {
        #[test]
        fn equals_the_native_number(word: [u8; 32], zeros in 0..32_usize, low in 0..256_usize, width in 1..256_usize, decimals in 0..=36_u32, unit in 1..100_000_u128) {
            let mut word = word;
            word[..zeros].fill(0);
            let high = (low + width).min(256);
            for divisor in [10_u128.pow(decimals), unit] {
                let (sheet, result) = run(word, (low, high), divisor, None);
                prop_assert_eq!(sheet.violations(&[]), []);
                let expected = features::number(features::field(&word, low, high), divisor);
                prop_assert_eq!(result, crate::fixed::to_field(i128::from(expected)));
            }
        }
    }

    fn seventeen() -> [u8; 32] {
        let mut word = [0; 32];
        word[31] = 17;
        word
    }

    // 17 / 10 = 1.7: quotient floor(1.7 * 2^16) = 111411, remainder 2
    #[test_case(true, 0, 111_411, 2; "honest")]
    #[test_case(false, 0, 111_412, 2; "wrong equation")]
    #[test_case(false, 0, 111_410, 12; "remainder not below the divisor")]
    #[test_case(false, 1, 111_411, 2; "quotient beyond the feature")]
    fn accepts_only_the_true_division(accept: bool, quotient_high: u128, quotient_low: u128, remainder: u128) {
        let claim = Hint { quotient_high, quotient_low, remainder };
        let (sheet, _) = run(seventeen(), (0, 128), 10, Some(claim));
        assert_eq!(sheet.violations(&[]).is_empty(), accept);
    }

    #[test_case(true, &[17, 0, 0]; "honest")]
    #[test_case(false, &[16, 0, 0]; "wrong sum")]
    #[test_case(false, &[273, -1, 0]; "segment below zero")]
    #[test_case(false, &[17, 0, 1]; "wrong top byte")]
    fn accepts_only_the_true_segments(accept: bool, claim: &[i128]) {
        let mut sheet = Sheet::default();
        let (low248, top8) = (sheet.witness(Fr::from(17)), sheet.constant(Fr::ZERO));
        let claim: Vec<Fr> = claim.iter().map(|v| crate::fixed::to_field(*v)).collect();
        cut(&mut sheet, low248, top8, &cuts(&[(0, 8)]), &claim);
        assert_eq!(sheet.violations(&[]).is_empty(), accept);
    }

    #[test]
    fn no_segment_is_wider_than_a_range_check() {
        for (low, high) in [(248, 256), (0, 256), (0, 248), (255, 256), (1, 248), (0, 1)] {
            let cuts = cuts(&[(low, high)]);
            assert!(cuts.windows(2).all(|w| w[1] - w[0] <= crate::score::sheet::MAX_RANGE_BITS), "{cuts:?}");
        }
    }

    #[test]
    fn a_segment_is_not_wider_than_its_field() {
        let mut sheet = Sheet::default();
        let (low248, top8) = (sheet.witness(Fr::from(256 + 17)), sheet.constant(Fr::ZERO));
        let claim = [Fr::from(256 + 17), Fr::ZERO, Fr::ZERO];
        cut(&mut sheet, low248, top8, &cuts(&[(0, 8)]), &claim);
        assert_eq!(sheet.violations(&[]).len(), 1);
    }
}
