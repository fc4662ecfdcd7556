//! Columns and gates of the grid. Every gate has degree at most 5.
//!
//! Every column costs the EVM a point, so columns are shared. Kinds: a column that holds 0, 1, … selects kind `v` by the polynomial
//! that is zero at all its other values, so a kind costs degree instead of a column. Bus rows: `side` is 1 where a row sends, -1
//! where it provides. Zones of rows: `zone` is 0, or one of the values of [`zone`]. Place in a lane: `turn` is 0, 0, 1, 1 on the four
//! rows of a lane, so it and its next value tell the rows apart.

use super::{Kind, MEMORY};
use crate::degree::assert_degrees;
use crate::poseidon::{
    Matrix, State, WIDTH,
    recurrence::{RECURRENCE, Step},
};
use halo2_base::halo2_proofs::{
    arithmetic::Field,
    halo2curves::bn256::Fr,
    plonk::{
        Advice, Challenge, Column, ConstraintSystem, Expression, FirstPhase, Fixed, Instance, SecondPhase, ThirdPhase,
        VirtualCells,
    },
    poly::Rotation,
};

/// The columns of the grid.
#[derive(Clone, Debug)]
pub struct GridConfig {
    pub(super) bytes: [Column<Advice>; 2],
    pub(super) num: Column<Advice>,
    pub(super) reads: Column<Advice>,
    pub(super) weight: Column<Advice>,
    pub(super) main: [Column<Advice>; 8],
    pub(super) bus: Column<Advice>,
    pub(super) bind: Column<Advice>,
    pub(super) constants: [Column<Fixed>; 4],
    pub(super) kinds: [Column<Fixed>; 4],
    pub(super) side: Column<Fixed>,
    pub(super) is_byte: Column<Fixed>,
    pub(super) turn: Column<Fixed>,
    pub(super) index: Column<Fixed>,
    pub(super) zone: Column<Fixed>,
    pub(super) instance: Column<Instance>,
    pub(super) seed: Challenge,
    pub(super) fold: Challenge,
    pub(super) point: Challenge,
    pub(super) lane: Challenge,
}

/// Values of the column `zone`; beyond the last row it is 0.
pub(super) mod zone {
    /// Rows without a rule of their own.
    pub const INNER: u64 = 1;
    /// Row 0: both sums start at zero.
    pub const FIRST: u64 = 2;
    /// The last row: both sums are back at zero.
    pub const LAST: u64 = 3;
    /// The byte table of the keccak binding: entry `k1` holds in `c_j` the weight of that byte at position j of a lane.
    pub const WEIGHTS: u64 = 4;
}

/// Column index and value that select a kind; `None` for rows whose gate hangs on another column, or that have none.
pub(super) fn selector(kind: Kind) -> Option<(usize, u64)> {
    Some(match kind {
        Kind::Boxes(Step::Full) => (0, 1),
        Kind::Boxes(Step::Enter) => (0, 2),
        Kind::Boxes(Step::Partial) => (1, 1),
        Kind::Boxes(Step::Leave) => (1, 2),
        Kind::Arith => (2, 1),
        Kind::Mul => (2, 2),
        Kind::Inject => (2, 3),
        Kind::Round => (3, 1),
        Kind::Fixed { .. } => (3, 2),
        Kind::Free | Kind::Send | Kind::Read | Kind::Provide => return None,
    })
}

/// Values that selector column `i` takes besides zero.
const KINDS_IN: [u64; 4] = [2, 2, 3, 2];

type E = Expression<Fr>;

fn constant(v: Fr) -> E {
    Expression::Constant(v)
}

fn small(v: u64) -> E {
    constant(Fr::from(v))
}

fn half() -> Fr {
    Fr::from(2).invert().expect("not zero")
}

/// Zero unless `column` holds `value`.
fn selected(column: &E, count: u64, value: u64) -> E {
    (1..=count).filter(|v| *v != value).fold(column.clone(), |acc, v| acc * (small(v) - column.clone()))
}

/// `Σ fold^j terms[j]`.
fn horner(terms: [E; WIDTH], fold: &E) -> E {
    terms.into_iter().rev().reduce(|acc, t| acc * fold.clone() + t).expect("four terms")
}

/// `Σ fold^j terms[j]`, leaving out the zeros at both ends.
fn horner_constants(terms: [Fr; WIDTH], fold: &E) -> E {
    let low = terms.iter().take_while(|t| **t == Fr::ZERO).count();
    let high = WIDTH - terms.iter().rev().take_while(|t| **t == Fr::ZERO).count();
    let inner = terms[low..high].iter().rev().map(|t| constant(*t)).reduce(|acc, t| acc * fold.clone() + t);
    (0..low).fold(inner.unwrap_or_else(|| small(0)), |acc, _| acc * fold.clone())
}

fn sum(terms: impl IntoIterator<Item = E>) -> E {
    terms.into_iter().reduce(|a, b| a + b).unwrap_or_else(|| small(0))
}

/// Everything a gate may look at.
struct View {
    cur: [E; 8],
    next: [E; 8],
    k: [E; 4],
    kinds: [E; 4],
    side: E,
    zone: E,
}

impl View {
    fn new(meta: &mut VirtualCells<'_, Fr>, config: &GridConfig) -> Self {
        let cur = config.main.map(|c| meta.query_advice(c, Rotation::cur()));
        let next = config.main.map(|c| meta.query_advice(c, Rotation::next()));
        let k = config.constants.map(|c| meta.query_fixed(c, Rotation::cur()));
        let kinds = config.kinds.map(|c| meta.query_fixed(c, Rotation::cur()));
        let [side, zone] = [config.side, config.zone].map(|c| meta.query_fixed(c, Rotation::cur()));
        Self { cur, next, k, kinds, side, zone }
    }

    /// 1 where the row sends, 0 elsewhere.
    fn sends(&self) -> E {
        self.side.clone() * (self.side.clone() + small(1)) * half()
    }

    /// 1 where the row provides, 0 elsewhere.
    fn provides(&self) -> E {
        self.side.clone() * (self.side.clone() - small(1)) * half()
    }

    /// The product of `zone` and its distances to `others`: 0 in those zones and beyond the last row.
    fn zone_besides(&self, others: &[u64]) -> E {
        others.iter().fold(self.zone.clone(), |acc, v| acc * (self.zone.clone() - small(*v)))
    }

    /// Not 0 on the rows on which the sums go on: 1 on rows `FIRST` and `INNER`.
    fn running(&self) -> E {
        self.zone.clone() * (small(zone::LAST) - self.zone.clone()) * half()
    }

    fn is(&self, kind: Kind) -> E {
        let (column, value) = selector(kind).expect("the kind has a gate");
        selected(&self.kinds[column], KINDS_IN[column], value)
    }
}

impl GridConfig {
    /// Adds the grid to `meta`.
    ///
    /// # Panics
    /// As `assert_degrees` does.
    pub fn configure(meta: &mut ConstraintSystem<Fr>) -> Self {
        let instance = meta.instance_column();
        let bytes = [0; 2].map(|_| meta.advice_column_in(FirstPhase));
        let num = meta.advice_column_in(FirstPhase);
        let reads = meta.advice_column_in(FirstPhase);
        let seed = meta.challenge_usable_after(FirstPhase);
        let weight = meta.advice_column_in(SecondPhase);
        let main = [0; 8].map(|_| meta.advice_column_in(SecondPhase));
        let [fold, point, lane] = [0; 3].map(|_| meta.challenge_usable_after(SecondPhase));
        let bus = meta.advice_column_in(ThirdPhase);
        let bind = meta.advice_column_in(ThirdPhase);
        for column in main {
            meta.enable_equality(column);
        }
        meta.enable_equality(weight);
        let config = Self {
            bytes,
            num,
            reads,
            weight,
            main,
            bus,
            bind,
            constants: [0; 4].map(|_| meta.fixed_column()),
            kinds: [0; 4].map(|_| meta.fixed_column()),
            side: meta.fixed_column(),
            is_byte: meta.fixed_column(),
            turn: meta.fixed_column(),
            index: meta.fixed_column(),
            zone: meta.fixed_column(),
            instance,
            seed,
            fold,
            point,
            lane,
        };
        config.arithmetic_gates(meta);
        config.poseidon_gates(meta);
        config.memory_gates(meta);
        config.sum_gates(meta);
        assert_degrees(meta);
        config
    }

    fn arithmetic_gates(&self, meta: &mut ConstraintSystem<Fr>) {
        meta.create_gate("arith, mul", |meta| {
            let v = View::new(meta, self);
            let c = |i: usize| v.cur[i].clone();
            let (arith, mul) = (v.is(Kind::Arith), v.is(Kind::Mul));
            vec![
                arith * (c(0) * c(1) + c(2) * c(3) + c(4) * c(5) + c(6) + v.k[0].clone() - c(7)),
                mul.clone() * (c(0) * c(1) - c(2)),
                mul.clone() * (c(3) * c(4) - c(5)),
                mul * (c(0) * c(6) - c(7)),
            ]
        });
        meta.create_gate("round", |meta| {
            let v = View::new(meta, self);
            let c = |i: usize| v.cur[i].clone();
            let round = v.is(Kind::Round);
            vec![
                round.clone() * (c(0) * (c(0) - small(1)) - c(5)),
                round * (c(6) + (c(0) - c(1)) * c(2) + c(5) * (c(3) + c(0) * c(4)) - c(7)),
            ]
        });
        meta.create_gate("sum on a sending row", |meta| {
            let v = View::new(meta, self);
            let c = |i: usize| v.cur[i].clone();
            vec![v.sends() * v.k[2].clone() * (c(5) + c(2) - c(7))]
        });
        meta.create_gate("fixed, public", |meta| {
            let v = View::new(meta, self);
            let seed = meta.query_challenge(self.seed);
            // zero from row PUBLIC_ROWS on
            let instance = meta.query_instance(self.instance, Rotation::cur());
            let fixed = v.is(Kind::Fixed { table: false });
            let [k1, k2, k3] = [1, 2, 3].map(|i: usize| v.k[i].clone());
            let expected = [(0, k1 + instance), (2, k2), (3, k3), (4, small(0)), (5, seed)];
            expected.map(|(i, e)| fixed.clone() * (v.cur[i].clone() - e))
        });
        // on sending rows k3 tells reads
        meta.create_gate("read", |meta| {
            let v = View::new(meta, self);
            let c = |i: usize| v.cur[i].clone();
            let read = v.sends() * v.k[3].clone();
            vec![
                read.clone() * c(1) * (c(1) - small(1)),
                read.clone() * (c(0) + c(0) + c(1) - c(5) - v.k[1].clone()),
                read.clone() * (c(4) + c(1) * (small(255) * c(4) + c(2)) - c(6)),
                read * (c(2) + c(1) * (c(3) - c(2)) - c(7)),
            ]
        });
    }

    /// The elements of a state are folded by a challenge drawn after the rows are committed: one polynomial in place of
    /// four costs the EVM a third. Kinds exclude each other, so their polynomials are added up.
    fn poseidon_gates(&self, meta: &mut ConstraintSystem<Fr>) {
        let r = &*RECURRENCE;
        meta.create_gate("poseidon", |meta| {
            let v = View::new(meta, self);
            let fold = meta.query_challenge(self.fold);
            let x = |i: usize| if i < WIDTH { v.cur[i].clone() } else { v.next[i - WIDTH].clone() };
            let y = |i: usize| if i < WIDTH { v.cur[WIDTH + i].clone() } else { v.next[i].clone() };
            let d = |i: usize| (y(i) * y(i) - small(1)) * x(i);
            let folded = |terms: [E; WIDTH]| horner(terms, &fold);
            // Σ_j fold^j m[j], without the elements that are zero
            let column = |m: [Fr; WIDTH]| horner_constants(m, &fold);
            let window = |w: &State, p: usize| {
                column(std::array::from_fn(|j| if p >= j && p - j < WIDTH { w[p - j] } else { Fr::ZERO }))
            };
            let of = |m: &Matrix, i: usize| column(std::array::from_fn(|j| m[j][i]));
            let full = sum((0..WIDTH).map(|i| y(i) * y(i) * x(i) * of(&r.full, i)));
            let impulse = |i: usize| column(std::array::from_fn(|j| if j > i { r.impulse[j - i] } else { Fr::ZERO }));
            let enter = sum((0..WIDTH)
                .map(|i| y(i) * y(i) * x(i) * of(&r.enter, i))
                .chain((0..WIDTH - 1).map(|i| d(WIDTH + i) * impulse(i))));
            let partial = sum((0..2 * WIDTH - 1).map(|p| x(p) * window(&r.step_x, p) + d(p) * window(&r.step_d, p)));
            let leave = sum((0..WIDTH).map(|i| x(i) * of(&r.leave_x, i) + d(i) * of(&r.leave_d, i)));
            let inject = folded(std::array::from_fn(|i| v.cur[i].clone() + v.cur[WIDTH + i].clone()));
            let steps = [
                (Kind::Boxes(Step::Full), full),
                (Kind::Boxes(Step::Enter), enter),
                (Kind::Boxes(Step::Partial), partial),
                (Kind::Boxes(Step::Leave), leave),
                (Kind::Inject, inject),
            ];
            let next = folded(std::array::from_fn(|j| v.k[j].clone() - v.next[j].clone()));
            let squares = folded(std::array::from_fn(|i| x(i) * x(i) - y(i)));
            let boxes = v.kinds[0].clone() + v.kinds[1].clone();
            vec![boxes * squares, sum(steps.map(|(kind, linear)| v.is(kind) * (linear + next.clone())))]
        });
    }

    fn memory_gates(&self, meta: &mut ConstraintSystem<Fr>) {
        meta.create_gate("memory", |meta| {
            let is_byte = meta.query_fixed(self.is_byte, Rotation::cur());
            let [turn, turn_next] = [Rotation::cur(), Rotation::next()].map(|r| meta.query_fixed(self.turn, r));
            let [b0, b1] = self.bytes.map(|c| meta.query_advice(c, Rotation::cur()));
            let num = meta.query_advice(self.num, Rotation::cur());
            let num_next = meta.query_advice(self.num, Rotation::next());
            let w = meta.query_advice(self.weight, Rotation::cur());
            let w_next = meta.query_advice(self.weight, Rotation::next());
            vec![
                is_byte.clone() * (num * Fr::from(1 << 16) + b0 * Fr::from(1 << 8) + b1 - num_next),
                // a lane ends where turn goes from 1 to 0
                is_byte * (small(1) - turn * (small(1) - turn_next)) * (w_next - w),
            ]
        });
    }

    /// The two running sums. `Z` is `point`, tuples are folded by `fold`, positions in a lane by `lane`.
    fn sum_gates(&self, meta: &mut ConstraintSystem<Fr>) {
        meta.create_gate("bus", |meta| {
            let v = View::new(meta, self);
            let [is_byte, index] = [self.is_byte, self.index].map(|c| meta.query_fixed(c, Rotation::cur()));
            let [b0, b1] = self.bytes.map(|c| meta.query_advice(c, Rotation::cur()));
            let num = meta.query_advice(self.num, Rotation::cur());
            let reads = meta.query_advice(self.reads, Rotation::cur());
            let bus = meta.query_advice(self.bus, Rotation::cur());
            let bus_next = meta.query_advice(self.bus, Rotation::next());
            let [fold, point] = [self.fold, self.point].map(|c| meta.query_challenge(c));
            let folded = |terms: [E; 4]| terms.into_iter().rev().fold(small(0), |acc, t| (acc + t) * fold.clone());
            let tuple = v.k[0].clone() + folded([0, 2, 3, 4].map(|i| v.cur[i].clone()));
            let entry = small(MEMORY) + folded([index, b0, b1, num]);
            // Z - tuple on sending rows, tuple - Z on providing ones, else not 0 but from the last row on
            let main_below = v.running() + v.side.clone() * (point.clone() - tuple) - v.side.clone() * v.side.clone();
            let main_above = v.sends() + v.provides() * v.cur[6].clone();
            let side_below = small(1) + is_byte.clone() * (point - entry - small(1));
            let side_above = is_byte * reads;
            vec![
                (bus_next - bus.clone()) * main_below.clone() * side_below.clone() - main_above * side_below
                    + side_above * main_below,
                v.zone_besides(&[zone::INNER, zone::WEIGHTS]) * bus,
            ]
        });
        meta.create_gate("bind", |meta| {
            let v = View::new(meta, self);
            let is_byte = meta.query_fixed(self.is_byte, Rotation::cur());
            let [turn, turn_next] = [Rotation::cur(), Rotation::next()].map(|r| meta.query_fixed(self.turn, r));
            let [b0, b1] = self.bytes.map(|c| meta.query_advice(c, Rotation::cur()));
            let w = meta.query_advice(self.weight, Rotation::cur());
            let bind = meta.query_advice(self.bind, Rotation::cur());
            let bind_next = meta.query_advice(self.bind, Rotation::next());
            let [point, lane] = [self.point, self.lane].map(|c| meta.query_challenge(c));
            let power = |e: usize| (1..e).fold(lane.clone(), |acc, _| acc * lane.clone());
            // 1, lane^2, lane^4, lane^6 on the rows of a lane
            let position = small(1)
                + turn.clone() * (power(6) - small(1))
                + turn_next.clone() * (power(2) - small(1))
                + turn * turn_next * (power(4) - power(6) - power(2) + small(1));
            let (x0, x1) = (point.clone() - b0.clone(), point - b1);
            // zero outside the byte table but in the last row, where all its cells are
            let weights = v.zone_besides(&[zone::INNER, zone::FIRST]);
            let scale = Fr::from(24).invert().expect("not zero") * -Fr::from(2);
            let entry = v.cur.iter().rev().cloned().reduce(|acc, c| acc * lane.clone() + c).expect("eight cells");
            vec![
                v.running() * (bind_next - bind.clone()) * x0.clone() * x1.clone()
                    - is_byte * w * position * (x1.clone() + lane * x0)
                    + weights.clone() * scale * entry * x1,
                weights * (b0 - v.k[1].clone()),
                v.zone_besides(&[zone::INNER, zone::WEIGHTS]) * bind,
            ]
        });
    }
}

/// The value that a challenge stands for while keys are made.
pub(super) const NO_CHALLENGE: Fr = Fr::ZERO;
