//! One Poseidon permutation on four columns: 59 rows.
//!
//! Statement: a full round takes two rows, `s` and the squares of `s + c`; the next row is `s' = M (s + c)^5`. Four partial
//! rounds take three rows: `s`; then `y0 x1 y1 x2`; then `y2 x3 y3 –`, where `x_i` is element 0 of the state before round
//! `i`, `y_i = (x_i + c_i)^2`, and `d_i = y_i^2 (x_i + c_i) - x_i` is what the s-box adds to it:
//! `x_i = (M^i s)_0 + Σ_{j<i} (M^(i-j))_00 d_j`, `s' = M^4 s + Σ_j M^(4-j) e0 d_j`.
//!
//! Constants of elements 1 to 3 in a partial round pass through its s-box layer unchanged, so they are moved on to the next
//! round (`SHIFTED`): one constant is left for each partial round.
//! Sound: each row determines the next; the squares keep every expression at degree 3.

use crate::poseidon::{CONSTANTS, FULL_ROUNDS, Matrix, PARTIAL_ROUNDS, State, WIDTH, apply, is_full, pow5};
use halo2_base::halo2_proofs::{arithmetic::Field, halo2curves::bn256::Fr, plonk::Expression};
use std::sync::LazyLock;

/// Value of the column `hash` at a full round.
pub const FULL: u64 = 1;
/// Value of the column `hash` at four partial rounds.
pub const PARTIAL: u64 = 2;
/// Partial rounds that three rows hold.
const GROUP: usize = 4;
/// Rows of one permutation, the last of them its output.
pub const ROWS: usize = 2 * FULL_ROUNDS + 3 * (PARTIAL_ROUNDS / GROUP) + 1;

/// One row of a permutation.
#[derive(Clone, Copy, Debug)]
pub struct Row {
    /// The four cells.
    pub cells: State,
    /// What the fixed columns `table` and `constants` hold.
    pub constants: [Fr; 2],
    /// What the fixed column `hash` holds.
    pub hash: u64,
}

/// Round constants with those of elements 1 to 3 of partial rounds moved on.
static SHIFTED: LazyLock<Vec<State>> = LazyLock::new(|| {
    let mut carry = [Fr::ZERO; WIDTH];
    let shift = |(round, constants): (usize, &State)| {
        let mut sum: State = std::array::from_fn(|i| constants[i] + carry[i]);
        carry = [Fr::ZERO; WIDTH];
        if !is_full(round) {
            carry = apply(&CONSTANTS.mds, &[Fr::ZERO, sum[1], sum[2], sum[3]]);
            sum = [sum[0], Fr::ZERO, Fr::ZERO, Fr::ZERO];
        }
        sum
    };
    CONSTANTS.round.iter().enumerate().map(shift).collect()
});

/// The rows of the permutation of `state`.
pub fn rows(mut state: State) -> Vec<Row> {
    let mut rows = Vec::with_capacity(ROWS);
    let mut round = 0;
    while round < SHIFTED.len() {
        let c = SHIFTED[round];
        if is_full(round) {
            let inputs: State = std::array::from_fn(|i| state[i] + c[i]);
            rows.push(Row { cells: state, constants: [c[0], c[1]], hash: FULL });
            rows.push(Row { cells: inputs.map(|x| x.square()), constants: [c[2], c[3]], hash: 0 });
            state = apply(&CONSTANTS.mds, &inputs.map(pow5));
            round += 1;
            continue;
        }
        let c: [Fr; GROUP] = std::array::from_fn(|i| SHIFTED[round + i][0]);
        let start = state;
        let (mut x, mut y) = ([Fr::ZERO; GROUP], [Fr::ZERO; GROUP]);
        for i in 0..GROUP {
            x[i] = state[0];
            y[i] = (x[i] + c[i]).square();
            state[0] = pow5(x[i] + c[i]);
            state = apply(&CONSTANTS.mds, &state);
        }
        rows.push(Row { cells: start, constants: [c[0], c[1]], hash: PARTIAL });
        rows.push(Row { cells: [y[0], x[1], y[1], x[2]], constants: [c[2], c[3]], hash: 0 });
        rows.push(Row { cells: [y[2], x[3], y[3], Fr::ZERO], constants: [Fr::ZERO; 2], hash: 0 });
        round += GROUP;
    }
    rows.push(Row { cells: state, constants: [Fr::ZERO; 2], hash: 0 });
    rows
}

/// The polynomials that link the rows.
pub struct PermutationGate {
    /// `powers[i] = M^i`.
    powers: [Matrix; GROUP + 1],
}

type Cells = [Expression<Fr>; WIDTH];

/// `Σ coefficient * term`.
fn combine(terms: impl IntoIterator<Item = (Fr, Expression<Fr>)>) -> Expression<Fr> {
    terms.into_iter().map(|(c, term)| term * c).reduce(|a, b| a + b).expect("there are terms")
}

impl PermutationGate {
    /// Computes the powers of the matrix.
    pub fn new() -> Self {
        let mut powers = [[[Fr::ZERO; WIDTH]; WIDTH]; GROUP + 1];
        for (i, row) in powers[0].iter_mut().enumerate() {
            row[i] = Fr::ONE;
        }
        for i in 1..=GROUP {
            let before = powers[i - 1];
            powers[i] =
                CONSTANTS.mds.map(|row| std::array::from_fn(|j| (0..WIDTH).map(|k| row[k] * before[k][j]).sum()));
        }
        Self { powers }
    }

    /// Expressions that vanish at the first row of a full round.
    pub fn full(&self, rows: &[Cells; 4], constants: &[Expression<Fr>]) -> Vec<Expression<Fr>> {
        let [state, squares, next, _] = rows;
        let inputs: Vec<_> = state.iter().zip(constants).map(|(s, c)| s.clone() + c.clone()).collect();
        let boxes: Vec<_> = inputs.iter().zip(squares).map(|(x, y)| y.clone() * y.clone() * x.clone()).collect();
        let square = inputs.iter().zip(squares).map(|(x, y)| y.clone() - x.clone() * x.clone());
        let linear = next
            .iter()
            .zip(&self.powers[1])
            .map(|(out, row)| out.clone() - combine(row.iter().copied().zip(boxes.iter().cloned())));
        square.chain(linear).collect()
    }

    /// Expressions that vanish at the first row of four partial rounds.
    pub fn partial(&self, rows: &[Cells; 4], constants: &[Expression<Fr>]) -> Vec<Expression<Fr>> {
        let [state, second, third, next] = rows;
        let x = [&state[0], &second[1], &second[3], &third[1]];
        let y = [&second[0], &second[2], &third[0], &third[2]];
        let inputs: Vec<_> = x.iter().zip(constants).map(|(x, c)| (*x).clone() + c.clone()).collect();
        let added: Vec<_> =
            (0..GROUP).map(|i| y[i].clone() * y[i].clone() * inputs[i].clone() - x[i].clone()).collect();
        // element `j` of the state after `count` of the rounds
        let after = |count: usize, j: usize| {
            let linear = self.powers[count][j].iter().copied().zip(state.iter().cloned());
            let boxes = (0..count).map(|i| (self.powers[count - i][j][0], added[i].clone()));
            combine(linear.chain(boxes))
        };
        let square = inputs.iter().zip(y).map(|(x, y)| y.clone() - x.clone() * x.clone());
        let inner = (1..GROUP).map(|i| x[i].clone() - after(i, 0));
        let outer = next.iter().enumerate().map(|(j, out)| out.clone() - after(GROUP, j));
        square.chain(inner).chain(outer).collect()
    }
}

impl Default for PermutationGate {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::poseidon::permute;

    #[test]
    fn the_last_row_is_the_permutation() {
        let mut state = [5, 0, 7, 11].map(Fr::from);
        let rows = rows(state);
        permute(&mut state);
        assert_eq!(rows.len(), ROWS);
        assert_eq!(rows[ROWS - 1].cells, state);
    }
}
