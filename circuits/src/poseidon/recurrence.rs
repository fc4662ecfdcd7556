//! The permutation as rows of four s-boxes, so that a partial round costs one s-box and no linear layer.
//!
//! Statement: with `x` the s-box inputs of a row, `z = x^5` their outputs and `d = z - x`, the next row is
//! - full → full:        `x'_j = Σ mds[j][i] z_i + k_j`
//! - full → partial:     `x'_j = Σ enter[j][i] z_i + Σ_{i<j} impulse[j-i] d'_i + k_j`
//! - partial → partial:  `x'_j = Σ_m step_x[m] x_{j+m} + step_d[m] d_{j+m} + k_j`, where `x_{4+i} = x'_i`
//! - partial → full:     `x'_j = Σ leave_x[j][i] x_i + leave_d[j][i] d_i + k_j`
//!
//! Why: a partial round is `s' = M (s + c + d e0)` with `x = s_0 + c_0`; by Cayley–Hamilton the sequence of `x` satisfies
//! a linear recurrence of order 4 in `x` and `d`, and four consecutive `x` determine the state.

use super::{CONSTANTS, FULL_ROUNDS, Matrix, PARTIAL_ROUNDS, State, WIDTH, apply, is_full, pow5};
use halo2_base::halo2_proofs::{arithmetic::Field, halo2curves::bn256::Fr};
use std::sync::LazyLock;

/// Rows of four s-boxes that one permutation takes: 4 full, 14 partial, 4 full.
pub const ROWS: usize = FULL_ROUNDS + PARTIAL_ROUNDS / WIDTH;

/// How one row of s-boxes leads to the next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// Four s-boxes of one full round, then a full round (or the output).
    Full,
    /// The last full round before the partial ones.
    Enter,
    /// Four partial rounds, then four more.
    Partial,
    /// The last four partial rounds.
    Leave,
}

/// The step that leaves row `row` of a permutation, `row < ROWS`.
pub fn step(row: usize) -> Step {
    match row {
        3 => Step::Enter,
        4..=16 => Step::Partial,
        17 => Step::Leave,
        _ => Step::Full,
    }
}

/// Coefficients of the four steps.
pub struct Recurrence {
    /// `mds` of the permutation.
    pub full: Matrix,
    /// `enter[j]` is row 0 of `M^(j+1)`.
    pub enter: Matrix,
    /// `impulse[m] = (M^m)[0][0]`.
    pub impulse: [Fr; WIDTH + 1],
    /// Weight of `x_{j+m}`.
    pub step_x: State,
    /// Weight of `d_{j+m}`.
    pub step_d: State,
    /// Weight of `x_i` in element `j` of the state after the partial rounds.
    pub leave_x: Matrix,
    /// Weight of `d_i` in element `j` of the state after the partial rounds.
    pub leave_d: Matrix,
    /// `constants[row]` is added on the way from `row` to `row + 1`; the last row's are zero.
    pub constants: [State; ROWS],
    /// Round constants added to the input before row 0.
    pub first: State,
}

/// The coefficients, derived once.
pub static RECURRENCE: LazyLock<Recurrence> = LazyLock::new(derive);

fn multiply(a: &Matrix, b: &Matrix) -> Matrix {
    std::array::from_fn(|i| std::array::from_fn(|j| (0..WIDTH).map(|k| a[i][k] * b[k][j]).sum()))
}

fn identity() -> Matrix {
    std::array::from_fn(|i| std::array::from_fn(|j| if i == j { Fr::ONE } else { Fr::ZERO }))
}

/// Gauss–Jordan; the matrices of this file are invertible (checked by the tests through the result).
fn invert(matrix: &Matrix) -> Matrix {
    let (mut a, mut inverse) = (*matrix, identity());
    for column in 0..WIDTH {
        let pivot = (column..WIDTH).find(|r| a[*r][column] != Fr::ZERO).expect("the matrix is invertible");
        a.swap(column, pivot);
        inverse.swap(column, pivot);
        let scale = a[column][column].invert().expect("the pivot is not zero");
        a[column] = a[column].map(|v| v * scale);
        inverse[column] = inverse[column].map(|v| v * scale);
        for row in (0..WIDTH).filter(|r| *r != column) {
            let factor = a[row][column];
            for j in 0..WIDTH {
                let (x, y) = (a[column][j], inverse[column][j]);
                a[row][j] -= factor * x;
                inverse[row][j] -= factor * y;
            }
        }
    }
    inverse
}

/// Coefficients `p_0..p_3` with `M^4 = Σ p_m M^m`, from the Krylov basis of `e0` acting on the left.
fn characteristic(powers: &[Matrix; WIDTH + 1]) -> State {
    let krylov: Matrix = std::array::from_fn(|j| std::array::from_fn(|m| powers[m][0][j]));
    apply(&invert(&krylov), &powers[WIDTH][0])
}

fn derive() -> Recurrence {
    let mds = CONSTANTS.mds;
    let mut powers = [identity(); WIDTH + 1];
    for m in 1..=WIDTH {
        powers[m] = multiply(&powers[m - 1], &mds);
    }
    let impulse: [Fr; WIDTH + 1] = std::array::from_fn(|m| powers[m][0][0]);
    let enter = std::array::from_fn(|j| powers[j + 1][0]);
    let step_x = characteristic(&powers);
    // x_{4} = Σ p_m x_m + Σ_i (impulse[4-i] - Σ_{i<m<4} p_m impulse[m-i]) d_i + constant
    let step_d =
        std::array::from_fn(|i| impulse[WIDTH - i] - (i + 1..WIDTH).map(|m| step_x[m] * impulse[m - i]).sum::<Fr>());
    // s_52 = O^-1 (x - L d) and s_56 = M^4 s_52 + Σ M^(4-i) e0 d_i, up to constants
    let observe: Matrix = std::array::from_fn(|m| powers[m][0]);
    let leave_x = multiply(&powers[WIDTH], &invert(&observe));
    let leave_d = std::array::from_fn(|j| {
        std::array::from_fn(|i| {
            powers[WIDTH - i][j][0] - (i + 1..WIDTH).map(|m| leave_x[j][m] * impulse[m - i]).sum::<Fr>()
        })
    });
    let mut recurrence = Recurrence {
        full: mds,
        enter,
        impulse,
        step_x,
        step_d,
        leave_x,
        leave_d,
        constants: [[Fr::ZERO; WIDTH]; ROWS],
        first: CONSTANTS.round[0],
    };
    // each constant is what one honest run leaves over
    let rows = inputs_by_definition([Fr::ZERO; WIDTH]);
    for row in 0..ROWS {
        let linear = recurrence.next(row, &rows[row], &rows[row + 1]);
        recurrence.constants[row] = std::array::from_fn(|j| rows[row + 1][j] - linear[j]);
    }
    recurrence
}

/// The s-box inputs of every row and, as the last entry, the output; straight from the definition of the rounds.
fn inputs_by_definition(mut state: State) -> Vec<State> {
    let mut boxes = Vec::new();
    for (round, add) in CONSTANTS.round.iter().enumerate() {
        for (s, c) in state.iter_mut().zip(add) {
            *s += c;
        }
        let count = if is_full(round) { WIDTH } else { 1 };
        boxes.extend_from_slice(&state[..count]);
        for s in &mut state[..count] {
            *s = pow5(*s);
        }
        state = apply(&CONSTANTS.mds, &state);
    }
    boxes.extend_from_slice(&state);
    boxes.chunks(WIDTH).map(|c| std::array::from_fn(|i| c[i])).collect()
}

impl Recurrence {
    /// The next row, from row `row` with s-box inputs `x`; `ahead` gives the entries of the next row that come before
    /// the one being computed (they enter the steps into partial rows).
    fn next(&self, row: usize, x: &State, ahead: &State) -> State {
        let z = x.map(pow5);
        let difference = |v: Fr| pow5(v) - v;
        std::array::from_fn(|j| {
            let at = |m: usize| if m < WIDTH { x[m] } else { ahead[m - WIDTH] };
            let linear: Fr = match step(row) {
                Step::Full => (0..WIDTH).map(|i| self.full[j][i] * z[i]).sum(),
                Step::Enter => {
                    (0..WIDTH).map(|i| self.enter[j][i] * z[i]).sum::<Fr>()
                        + (0..j).map(|i| self.impulse[j - i] * difference(ahead[i])).sum::<Fr>()
                }
                Step::Partial => {
                    (0..WIDTH).map(|m| self.step_x[m] * at(j + m) + self.step_d[m] * difference(at(j + m))).sum()
                }
                Step::Leave => {
                    (0..WIDTH).map(|i| self.leave_x[j][i] * x[i] + self.leave_d[j][i] * difference(x[i])).sum()
                }
            };
            linear + self.constants[row][j]
        })
    }
}

/// The output of the permutation of `input`: a partial round costs 11 products instead of 19.
pub(super) fn permute(input: &State) -> State {
    let r = &*RECURRENCE;
    let mut x: State = std::array::from_fn(|i| input[i] + r.first[i]);
    let mut d = [Fr::ZERO; WIDTH];
    for (row, constants) in r.constants.iter().enumerate() {
        match step(row) {
            Step::Full => {
                let next = apply(&r.full, &x.map(pow5));
                x = std::array::from_fn(|j| next[j] + constants[j]);
            }
            Step::Enter => {
                let mut next = apply(&r.enter, &x.map(pow5));
                for j in 0..WIDTH {
                    next[j] += constants[j];
                    next[j] += (0..j).map(|i| r.impulse[j - i] * d[i]).sum::<Fr>();
                    d[j] = pow5(next[j]) - next[j];
                }
                x = next;
            }
            Step::Partial => {
                // Element `j` of the next row takes the place of element `j` of this one.
                for j in 0..WIDTH {
                    let mut sum = constants[j];
                    for m in 0..WIDTH {
                        let at = (j + m) % WIDTH;
                        sum += r.step_x[m] * x[at] + r.step_d[m] * d[at];
                    }
                    (x[j], d[j]) = (sum, pow5(sum) - sum);
                }
            }
            Step::Leave => {
                let (of_x, of_d) = (apply(&r.leave_x, &x), apply(&r.leave_d, &d));
                x = std::array::from_fn(|j| of_x[j] + of_d[j] + constants[j]);
            }
        }
    }
    x
}

/// The s-box inputs of every row and, as entry `ROWS`, the output of the permutation of `input`.
pub fn rows(input: State) -> Vec<State> {
    inputs_by_definition(input)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::poseidon::permute;
    use rand::{SeedableRng, rngs::StdRng};

    #[test]
    fn the_recurrence_holds_on_random_inputs() {
        let mut rng = StdRng::seed_from_u64(1);
        for _ in 0..20 {
            let input: State = std::array::from_fn(|_| Fr::random(&mut rng));
            let rows = rows(input);
            assert_eq!(rows.len(), ROWS + 1);
            for row in 0..ROWS {
                assert_eq!(RECURRENCE.next(row, &rows[row], &rows[row + 1]), rows[row + 1], "row {row}");
            }
            let mut output = input;
            permute(&mut output);
            assert_eq!(rows[ROWS], output);
        }
    }
}
