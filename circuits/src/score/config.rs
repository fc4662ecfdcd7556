//! Columns and gates of a score circuit: per class one constraint system for every model and plan.
//!
//! The first rows, the *glue*, carry the sheet's gates, range checks, tables and dense products side by side; the rows behind
//! carry the Poseidon permutations on the same columns. How many are glue follows from the number of permutations.
//!
//! | column | glue rows | permutation rows |
//! |---|---|---|
//! | `state[0]` | halo2-base's vertical gate | state |
//! | `state[1]` | factors of the dense products, then vertical gates | state |
//! | `state[2]` | running values of range checks, key and both values of a curve's lookup, then vertical gates | state |
//! | `state[3]` | multiplicities of the tables, then vertical gates | state |
//! | `sum` (second phase) | sum of the lookups | – |
//! | `product` (second phase) | sum of a dense product | – |
//! | `gates[0]` | vertical gate on `state[0]` (1), `state[1]` (2), both (3) | – |
//! | `gates[1]` | the same of `state[2]` and `state[3]` | – |
//! | `lookup` | 1: sums; 2: sums and looks a limb up; 3: sums and looks a point of a curve up | – |
//! | `dense` | 1: further output, 2: weight, 3: first output of a block, the sum before is 0 | – |
//! | `hash` | – | 1: full round, 2: four partial rounds |
//! | `table` | limbs; keys of curves | round constants |
//! | `values` | samples of curves | – |
//! | `constants` (copyable) | constants | round constants |
//! | `weights[0..8]` | weights and biases | free |
//!
//! Selectors are the values of plain fixed columns, told apart by polynomials that vanish on the other values; every gate
//! keeps degree 5. Weights are columns of their own: `structureId` covers all other fixed columns, `modelId` these too.

use super::class::Class;
use super::poseidon_rows::{FULL, PARTIAL, PermutationGate};
use super::sheet::FOLD;
use crate::{degree::assert_degrees, fixed::power_of_two, poseidon::WIDTH};
use halo2_base::halo2_proofs::{
    halo2curves::bn256::Fr,
    plonk::{
        Advice, Challenge, Column, ConstraintSystem, Expression, FirstPhase, Fixed, Instance, SecondPhase, VirtualCells,
    },
    poly::Rotation,
};

/// First row of the table, which holds `0..2^limb_bits`.
pub const TABLE_START: usize = 1;

/// Values of the fixed columns that choose a gate.
pub mod mode {
    /// `gates`: the vertical gate on the first column of the pair.
    pub const FIRST_OF_PAIR: u64 = 1;
    /// `gates`: the vertical gate on the second column of the pair; on both is 3.
    pub const SECOND_OF_PAIR: u64 = 2;
    /// `lookup`: the sum goes on; nothing is looked up.
    pub const SUM: u64 = 1;
    /// `lookup`: the sum goes on; a limb is looked up.
    pub const LIMB: u64 = 2;
    /// `lookup`: the sum goes on; a key with two neighbouring samples is looked up.
    pub const POINT: u64 = 3;
    /// `dense`: fold one more output.
    pub const OUTPUT: u64 = 1;
    /// `dense`: subtract a factor times its weights.
    pub const WEIGHT: u64 = 2;
    /// `dense`: the block before ends in 0, and a new one starts.
    pub const FIRST: u64 = 3;
}

/// The columns.
#[derive(Clone, Debug)]
pub struct ScoreConfig {
    pub(super) state: [Column<Advice>; WIDTH],
    /// Factors of the dense products: `state[1]`, but for audits.
    pub(super) factor: Column<Advice>,
    pub(super) sum: Column<Advice>,
    pub(super) product: Column<Advice>,
    pub(super) gates: [Column<Fixed>; WIDTH / 2],
    pub(super) lookup: Column<Fixed>,
    pub(super) dense: Column<Fixed>,
    pub(super) hash: Column<Fixed>,
    pub(super) table: Column<Fixed>,
    pub(super) values: Column<Fixed>,
    pub(super) constants: Column<Fixed>,
    pub(super) weights: [Column<Fixed>; FOLD],
    pub(super) instance: Column<Instance>,
    pub(super) limb_bits: usize,
    /// Of the lookups.
    pub(super) alpha: Challenge,
    /// Of the dense products, and of the points of curves.
    pub(super) rho: Challenge,
}

/// Product of `(cell - value)` over the other values: not zero at the one value that is missing.
pub(super) fn chosen(cell: &Expression<Fr>, others: &[u64]) -> Expression<Fr> {
    others
        .iter()
        .map(|v| cell.clone() - Expression::Constant(Fr::from(*v)))
        .reduce(|a, b| a * b)
        .expect("there are other values")
}

/// Added to samples: no point can pass for a limb, nor the other way round, since samples are below `2^127` in magnitude.
pub(super) fn offset() -> Fr {
    power_of_two(128)
}

fn constant(v: Fr) -> Expression<Fr> {
    Expression::Constant(v)
}

impl ScoreConfig {
    /// Positions of the weight columns among the fixed columns of the verifying key; all others are structure.
    pub const WEIGHT_COLUMNS: [usize; FOLD] = [8, 9, 10, 11, 12, 13, 14, 15];

    /// Creates the columns and gates.
    pub fn configure(meta: &mut ConstraintSystem<Fr>, class: Class) -> Self {
        let config = Self::columns(meta, class);
        config.vertical_gate(meta);
        config.lookup_gate(meta);
        config.dense_gate(meta);
        config.hash_gate(meta);
        assert_degrees(meta);
        config
    }

    /// Columns and gates of a sheet without permutations, whose dense products read their factors in `factor`, a column of the second
    /// phase that the caller fills and binds.
    pub(super) fn configure_folded(meta: &mut ConstraintSystem<Fr>, class: Class) -> Self {
        let columns = Self::columns(meta, class);
        let factor = meta.advice_column_in(SecondPhase);
        meta.enable_equality(factor);
        let config = Self { factor, ..columns };
        config.vertical_gate(meta);
        config.lookup_gate(meta);
        config.dense_gate(meta);
        config
    }

    fn columns(meta: &mut ConstraintSystem<Fr>, class: Class) -> Self {
        let state = [(); WIDTH].map(|_| meta.advice_column_in(FirstPhase));
        let [sum, product] = [(); 2].map(|_| meta.advice_column_in(SecondPhase));
        let gates = [(); WIDTH / 2].map(|_| meta.fixed_column());
        let [lookup, dense, hash, table, values, constants] = [(); 6].map(|_| meta.fixed_column());
        let weights = [(); FOLD].map(|_| meta.fixed_column());
        let instance = meta.instance_column();
        for column in state {
            meta.enable_equality(column);
        }
        meta.enable_equality(constants);
        meta.enable_equality(instance);
        let [alpha, rho] = [(); 2].map(|_| meta.challenge_usable_after(FirstPhase));
        Self {
            state,
            factor: state[1],
            sum,
            product,
            gates,
            lookup,
            dense,
            hash,
            table,
            values,
            constants,
            weights,
            instance,
            limb_bits: class.limb_bits,
            alpha,
            rho,
        }
    }

    /// `a + b * c = d` down any of the four columns.
    fn vertical_gate(&self, meta: &mut ConstraintSystem<Fr>) {
        for (i, column) in self.state.into_iter().enumerate() {
            let other = if i % 2 == 0 { mode::SECOND_OF_PAIR } else { mode::FIRST_OF_PAIR };
            meta.create_gate("vertical", |meta| {
                let on = chosen(&meta.query_fixed(self.gates[i / 2], Rotation::cur()), &[0, other]);
                let [a, b, c, d] = [0, 1, 2, 3].map(|i| meta.query_advice(column, Rotation(i)));
                vec![on * (a + b * c - d)]
            });
        }
    }

    /// `sum' - sum = l / (α + query) - m / (α + entry)`: the sums of both sides are equal for a random α only if every query
    /// is an entry (Haböck 2022, log-derivative lookups). With `z` the third column and `v` the samples:
    /// - a limb queries `z - 2^limb_bits z'`;
    /// - a point queries that `+ ρ (z' + OFFSET) + ρ^2 (z'' + OFFSET)`, where `z` is its key, `z'` and `z''` its samples;
    /// - an entry is `table + ρ v + ρ^2 v'`, where `v` is 0 for limbs, and a sample `+ OFFSET` for points. So each row outside the
    ///   tables is the limb 0 once more, and what gates put into `state[3]` there is its multiplicity.
    ///
    /// The sum starts at 0 where `lookup` becomes 1, and has to be 0 where it ends.
    fn lookup_gate(&self, meta: &mut ConstraintSystem<Fr>) {
        meta.create_gate("lookup", |meta| {
            let [part, next_part] = [0, 1].map(|i| meta.query_fixed(self.lookup, Rotation(i)));
            let half = Fr::from(2).invert().expect("2 is not zero");
            // 0 at 1, 1 at 2 and 3
            let looked_up = (part.clone() - constant(Fr::from(1))) * (constant(Fr::from(4)) - part.clone()) * half;
            let [off, next_off] = [&part, &next_part].map(|p| chosen(p, &[mode::SUM, mode::LIMB, mode::POINT]));

            let [z, low, high] = [0, 1, 2].map(|i| meta.query_advice(self.state[2], Rotation(i)));
            let [sum, next] = [0, 1].map(|i| meta.query_advice(self.sum, Rotation(i)));
            let [sample, next_sample] = [0, 1].map(|i| meta.query_fixed(self.values, Rotation(i)));
            let multiplicity = meta.query_advice(self.state[3], Rotation::cur());
            let [alpha, rho] = [self.alpha, self.rho].map(|c| meta.query_challenge(c));
            let powers = (rho.clone(), rho.clone() * rho);
            // of rows that look nothing up it does not matter
            let is_point = part.clone() - constant(Fr::from(mode::LIMB));
            let pair =
                (low.clone() + constant(offset())) * powers.0.clone() + (high + constant(offset())) * powers.1.clone();
            let query = alpha.clone() + z - low * power_of_two(self.limb_bits) + is_point * pair;
            let entry =
                alpha + meta.query_fixed(self.table, Rotation::cur()) + sample * powers.0 + next_sample * powers.1;
            let step = (next.clone() - sum) * query.clone() * entry.clone();
            vec![
                part.clone() * (step - looked_up * entry + multiplicity * query),
                off * next_part * next.clone(),
                part * next_off * next,
            ]
        });
    }

    /// See `layers::dense`: a block is `sum = Σ ρ^t y_t - Σ_i x_i Σ_t ρ^t w_t`, and ends in 0.
    fn dense_gate(&self, meta: &mut ConstraintSystem<Fr>) {
        meta.create_gate("dense", |meta| {
            let part = meta.query_fixed(self.dense, Rotation::cur());
            let factor = meta.query_advice(self.factor, Rotation::cur());
            let [sum, next] = [0, 1].map(|i| meta.query_advice(self.product, Rotation(i)));
            let rho = meta.query_challenge(self.rho);
            let weight = self
                .weights
                .iter()
                .rev()
                .map(|w| meta.query_fixed(*w, Rotation::cur()))
                .reduce(|folded, w| folded * rho.clone() + w)
                .expect("there are weight columns");
            let output = chosen(&part, &[0, mode::WEIGHT, mode::FIRST]);
            let weigh = chosen(&part, &[0, mode::OUTPUT, mode::FIRST]);
            let first = chosen(&part, &[0, mode::OUTPUT, mode::WEIGHT]);
            vec![
                output * (next.clone() - rho * sum.clone() - factor.clone()),
                weigh * (next.clone() - sum.clone() + factor.clone() * weight),
                first.clone() * sum,
                first * (next - factor),
            ]
        });
    }

    /// See [`PermutationGate`].
    fn hash_gate(&self, meta: &mut ConstraintSystem<Fr>) {
        let query = |meta: &mut VirtualCells<Fr>| {
            let rows = [0, 1, 2, 3].map(|i| self.state.map(|c| meta.query_advice(c, Rotation(i))));
            let constants = [0, 1]
                .map(|i| [meta.query_fixed(self.table, Rotation(i)), meta.query_fixed(self.constants, Rotation(i))]);
            (rows, constants.concat())
        };
        let gate = PermutationGate::new();
        meta.create_gate("full round", |meta| {
            let on = chosen(&meta.query_fixed(self.hash, Rotation::cur()), &[0, PARTIAL]);
            let (rows, constants) = query(meta);
            gate.full(&rows, &constants).into_iter().map(|e| on.clone() * e).collect::<Vec<_>>()
        });
        meta.create_gate("partial rounds", |meta| {
            let on = chosen(&meta.query_fixed(self.hash, Rotation::cur()), &[0, FULL]);
            let (rows, constants) = query(meta);
            gate.partial(&rows, &constants).into_iter().map(|e| on.clone() * e).collect::<Vec<_>>()
        });
    }
}
