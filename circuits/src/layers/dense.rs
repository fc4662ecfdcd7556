//! Dense: `y = W x + b`, with the weights in fixed columns.
//!
//! Statement: for eight outputs at a time and a challenge ρ drawn after `x` and `y` are committed,
//! `Σ_t ρ^t y_t = Σ_i x_i Σ_t ρ^t W_ti + Σ_t ρ^t b_t`. The rows are laid out by `score::layout`.
//!
//! Sound: outputs that differ from `W x + b` satisfy this for at most seven ρ of the field.

use crate::{
    fixed::to_field,
    score::sheet::{Cell, Product, Sheet},
};

/// The honest accumulators: `weights[j] · inputs + bias[j]`. `None` if one leaves `i128`.
pub fn hint(inputs: &[i128], weights: &[Vec<i64>], bias: &[i128]) -> Option<Vec<i128>> {
    let row = |(weights, bias): (&Vec<i64>, &i128)| {
        weights.iter().zip(inputs).try_fold(*bias, |sum, (w, x)| sum.checked_add(i128::from(*w).checked_mul(*x)?))
    };
    weights.iter().zip(bias).map(row).collect()
}

/// Returns the accumulators.
///
/// | cell     | scale                  | range                                     | who enforces it |
/// |----------|------------------------|-------------------------------------------|-----------------|
/// | inputs   | `FRAC_BITS`            | by interval analysis                      | caller          |
/// | returned | `FRAC_BITS + shift`    | field elements; integers while the bounds of `model` hold | this function |
pub fn constrain(sheet: &mut Sheet, inputs: &[Cell], weights: &[Vec<i64>], bias: &[i128], hint: &[i128]) -> Vec<Cell> {
    let outputs: Vec<Cell> = hint.iter().map(|v| sheet.witness(to_field(*v))).collect();
    sheet.products.push(Product {
        inputs: inputs.to_vec(),
        outputs: outputs.clone(),
        weights: weights.iter().map(|row| row.iter().map(|w| to_field(i128::from(*w))).collect()).collect(),
        bias: bias.iter().map(|b| to_field(*b)).collect(),
    });
    outputs
}

#[cfg(test)]
mod tests {
    use super::*;
    use test_case::test_case;

    #[test]
    fn an_overflow_is_no_result() {
        assert_eq!(hint(&[i128::MAX], &[vec![2]], &[0]), None);
    }

    /// `[1, 2, 3]` down four numbers with a zero at either end, as a convolution is unfolded.
    #[test_case(&[80, 140, 200, 110], true; "honest")]
    #[test_case(&[120, 140, 200, 110], false; "the first has the last before it")]
    #[test_case(&[90, 140, 200, 110], false; "the first has itself before it")]
    #[test_case(&[80, 140, 200, 140], false; "the last has the first behind it")]
    #[test_case(&[140, 200, 110, 80], false; "all one further")]
    fn accepts_only_the_true_border(claim: &[i128], accept: bool) {
        let mut sheet = Sheet::default();
        let inputs = [10, 20, 30, 40].map(|v| sheet.witness(to_field(v)));
        let weights = [vec![2, 3, 0, 0], vec![1, 2, 3, 0], vec![0, 1, 2, 3], vec![0, 0, 1, 2]];
        constrain(&mut sheet, &inputs, &weights, &[0; 4], claim);
        assert_eq!(sheet.violations(&[]).is_empty(), accept);
    }

    // [[1, 2], [-3, 4], [5, -6]] · [10, 20] + [1, 2, 3]
    #[test_case(&[51, 52, -67], true; "honest")]
    #[test_case(&[52, 52, -67], false; "first of a pair")]
    #[test_case(&[51, 51, -67], false; "second of a pair")]
    #[test_case(&[51, 52, -66], false; "alone in its pair")]
    fn accepts_only_the_true_product(claim: &[i128], accept: bool) {
        let mut sheet = Sheet::default();
        let inputs = [10, 20].map(|v| sheet.witness(to_field(v)));
        let weights = [vec![1, 2], vec![-3, 4], vec![5, -6]];
        constrain(&mut sheet, &inputs, &weights, &[1, 2, 3], claim);
        assert_eq!(sheet.violations(&[]).is_empty(), accept);
    }
}
