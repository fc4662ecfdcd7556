//! Chosen: which of some numbers is the largest, the first of equals.
//!
//! Statement: of `g_0 … g_(n-1)` one is 1, the others are 0; with `m = Σ g_i x_i` and `u_i = g_i + … + g_(n-1)`, each
//! `m - x_i - u_(i+1) >= 0`: what comes before the chosen one is smaller, what comes behind is not larger.

use crate::{
    fixed::to_integer,
    score::sheet::{Cell, LIMB_BITS, Sheet, value},
};
use halo2_base::{
    QuantumCell::{Constant, Existing, Witness},
    gates::GateInstructions,
    halo2_proofs::{arithmetic::Field, halo2curves::bn256::Fr},
};

/// Position of the largest, the first of equals; 0 of nothing.
pub fn run(x: &[i128]) -> usize {
    (1..x.len()).fold(0, |best, i| if x[i] > x[best] { i } else { best })
}

/// The honest `g`.
pub fn hint(x: &[Cell]) -> Vec<Fr> {
    let best = run(&x.iter().map(|c| to_integer(value(c))).collect::<Vec<_>>());
    (0..x.len()).map(|i| if i == best { Fr::ONE } else { Fr::ZERO }).collect()
}

/// `g`.
///
/// | cell     | range                                        | who enforces it |
/// |----------|----------------------------------------------|-----------------|
/// | x        | 1 to `2^13` of them; `|x_i - x_j| < 2^bits`  | caller          |
/// | `g_i`    | `[0, 2^13)`, sum 1                           | this function   |
/// | returned | 1 at one place, 0 elsewhere                  | follows         |
///
/// Sound: `g_i` that are not negative, of sum 1, are 0 but for one. So `m` is the number there, and the gaps, in
/// `[0, 2^(bits + 12))`, leave only the first of the largest.
pub fn constrain(sheet: &mut Sheet, x: &[Cell], bits: usize, claim: &[Fr]) -> Vec<Cell> {
    // g_(n-1), then 1, g_i, u_i down to i = 0: u_(i+1) + 1 * g_i = u_i
    let last = claim.len() - 1;
    let (mut cells, mut sum) = (vec![Witness(claim[last])], claim[last]);
    for g in claim[..last].iter().rev() {
        sum += g;
        cells.extend([Constant(Fr::ONE), Witness(*g), Witness(sum)]);
    }
    let start = sheet.ctx.advice.len() as isize;
    sheet.ctx.assign_region(cells, (0..last as isize).map(|i| 3 * i));
    let at = |sheet: &Sheet, i: usize| sheet.ctx.get(start + i as isize);
    // of element i: g and u
    let place = |i: usize| match last - i {
        0 => (0, 0),
        back => (3 * back - 1, 3 * back),
    };
    let g: Vec<Cell> = (0..=last).map(|i| at(sheet, place(i).0)).collect();
    let u: Vec<Cell> = (0..=last).map(|i| at(sheet, place(i).1)).collect();
    for cell in &g {
        sheet.check_bits(*cell, LIMB_BITS);
    }
    sheet.gate.assert_is_const(&mut sheet.ctx, &u[0], &Fr::ONE);
    let best = sheet.gate.inner_product(&mut sheet.ctx, g.iter().copied(), x.iter().map(|c| Existing(*c)));
    for (i, cell) in x.iter().enumerate() {
        let mut gap = sheet.gate.sub(&mut sheet.ctx, best, *cell);
        if i < last {
            gap = sheet.gate.sub(&mut sheet.ctx, gap, u[i + 1]);
        }
        sheet.check_bits(gap, bits.next_multiple_of(LIMB_BITS));
    }
    g
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixed::to_field;
    use test_case::test_case;

    #[test_case(&[3, 9, -4, 9, 2], &[0, 1, 0, 0, 0], true; "first of equals")]
    #[test_case(&[3, 9, -4, 9, 2], &[0, 0, 0, 1, 0], false; "second of equals")]
    #[test_case(&[3, 9, -4, 9, 2], &[1, 0, 0, 0, 0], false; "not the largest, before")]
    #[test_case(&[3, 9, -4, 9, 2], &[0, 0, 0, 0, 1], false; "not the largest, behind")]
    #[test_case(&[3, 9, -4, 9, 2], &[0, 0, 0, 0, 0], false; "none")]
    #[test_case(&[3, 9, -4, 9, 2], &[0, 1, 0, 1, -1], false; "less than nothing")]
    #[test_case(&[3, 9, -4, 9, 2], &[0, 1, 0, 1, 0], false; "two")]
    #[test_case(&[5], &[1], true; "alone")]
    #[test_case(&[-7, -7], &[1, 0], true; "negative, equal")]
    #[test_case(&[-7, -6], &[0, 1], true; "last")]
    fn accepts_only_the_first_of_the_largest(x: &[i128], claim: &[i128], accept: bool) {
        let mut sheet = Sheet::default();
        let cells: Vec<Cell> = x.iter().map(|v| sheet.witness(to_field(*v))).collect();
        let claim: Vec<Fr> = claim.iter().map(|g| to_field(*g)).collect();
        assert_eq!(hint(&cells) == claim, accept);
        let g = constrain(&mut sheet, &cells, 13, &claim);
        assert_eq!(sheet.violations(&[]).is_empty(), accept);
        assert_eq!(g.iter().map(value).collect::<Vec<_>>(), claim);
    }
}
