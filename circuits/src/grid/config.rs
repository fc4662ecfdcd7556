//! Columns and gates of the grid. Every gate has degree at most 5.
//!
//! Every column costs the EVM a point, so columns are shared:
//! - *Kinds*: three columns hold a point with sum 0, 1 or 2. For each point but 0 a product of two linear forms is 1 or 2 there and 0 at
//!   all others (see [`select`]), so nine kinds cost degree 2. Kinds that do not use all constants are told apart by those.
//! - *Area*: 0 from the last row on, [`area::INNER`] before, and on memory rows 1, 1, 2, 2 for the rows of a lane, so it and its next
//!   value tell the rows apart; it also scales both running sums, which therefore stand still where it is 0 only.
//! - The second byte of a memory row is no column: it is what the running integers before and after the row leave for it.

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
    pub(super) byte: Column<Advice>,
    pub(super) num: Column<Advice>,
    pub(super) reads: Column<Advice>,
    pub(super) weight: Column<Advice>,
    pub(super) main: [Column<Advice>; 8],
    pub(super) bus: Column<Advice>,
    pub(super) bind: Column<Advice>,
    pub(super) constants: [Column<Fixed>; 4],
    pub(super) kinds: [Column<Fixed>; 3],
    pub(super) area: Column<Fixed>,
    pub(super) index: Column<Fixed>,
    pub(super) instance: Column<Instance>,
    pub(super) seed: Challenge,
    pub(super) fold: Challenge,
    pub(super) point: Challenge,
    pub(super) lane: Challenge,
}

/// Values of the column `area`; from the last row on it is 0.
pub(super) mod area {
    /// The first two rows of a lane of the message memory.
    pub const FIRST_HALF: u64 = 1;
    /// The last two rows of a lane.
    pub const SECOND_HALF: u64 = 2;
    /// No memory row.
    pub const INNER: u64 = 3;
}

/// What the columns `kinds` hold on a row of this kind, and what is added to its constants to tell kinds of one point apart.
pub(super) fn selector(kind: Kind) -> ([u64; 3], [u64; 4]) {
    let none = [0; 4];
    match kind {
        Kind::Free => ([0, 0, 0], none),
        Kind::Boxes(Step::Full) => ([2, 0, 0], none),
        Kind::Boxes(Step::Enter) => ([0, 2, 0], none),
        Kind::Boxes(Step::Partial) => ([0, 0, 2], none),
        Kind::Boxes(Step::Leave) => ([1, 1, 0], none),
        Kind::Round => ([1, 0, 1], none),
        // reads and sums have flags in their constants
        Kind::Send | Kind::Read => ([0, 1, 1], none),
        Kind::Arith => ([1, 0, 0], [0, 1, 0, 0]),
        Kind::Mul => ([1, 0, 0], [0, 0, 1, 0]),
        Kind::Inject => ([1, 0, 0], [0, 0, 0, 1]),
        Kind::Provide => ([0, 1, 0], none),
        Kind::Fixed { .. } => ([0, 0, 1], none),
    }
}

/// Constants of entry `byte` of the byte table of the keccak binding, which lies in rows of the kind [`Kind::Free`].
pub(super) fn weights_constants(byte: u64) -> [u64; 4] {
    [0, byte, 1, 0]
}

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

/// A polynomial of degree 2 that is 0 at all points with sum 0, 1 or 2 but `at`; there it is 2 if `at` has a 2, else 1.
fn select(columns: &[E; 3], at: [u64; 3]) -> E {
    let (p, sum) =
        (|i: usize| columns[i].clone(), columns.iter().cloned().reduce(|a, b| a + b).expect("three columns"));
    let ones: Vec<usize> = (0..3).filter(|i| at[*i] == 1).collect();
    match (ones.as_slice(), at.iter().position(|v| *v == 2)) {
        ([], None) => (small(1) - sum.clone()) * (small(2) - sum) * half(),
        ([], Some(i)) => p(i) * (p(i) - small(1)),
        ([i], None) => p(*i) * (small(2) - sum),
        ([i, j], None) => p(*i) * p(*j),
        _ => unreachable!("points have a sum of 0, 1 or 2"),
    }
}

/// `Σ fold^j terms[j]`.
fn horner(terms: impl IntoIterator<Item = E, IntoIter: DoubleEndedIterator>, fold: &E) -> E {
    terms.into_iter().rev().reduce(|acc, t| acc * fold.clone() + t).expect("some terms")
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
    kinds: [E; 3],
}

impl View {
    fn new(meta: &mut VirtualCells<'_, Fr>, config: &GridConfig) -> Self {
        let cur = config.main.map(|c| meta.query_advice(c, Rotation::cur()));
        let next = config.main.map(|c| meta.query_advice(c, Rotation::next()));
        let k = config.constants.map(|c| meta.query_fixed(c, Rotation::cur()));
        let kinds = config.kinds.map(|c| meta.query_fixed(c, Rotation::cur()));
        Self { cur, next, k, kinds }
    }

    /// Not 0 on rows of this kind, 0 on all others.
    fn is(&self, kind: Kind) -> E {
        let (at, flags) = selector(kind);
        let selected = select(&self.kinds, at);
        match flags.iter().position(|flag| *flag != 0) {
            Some(k) => selected * self.k[k].clone(),
            None => selected,
        }
    }

    /// 1 in the byte table of the keccak binding, 0 elsewhere.
    fn is_weights(&self) -> E {
        select(&self.kinds, [0; 3]) * self.k[2].clone()
    }
}

/// The message memory as a gate sees it.
struct MemoryView {
    /// Both bytes of the row.
    bytes: [E; 2],
    num: E,
    /// The area of this row and of the next one.
    area: [E; 2],
}

impl MemoryView {
    fn new(meta: &mut VirtualCells<'_, Fr>, config: &GridConfig) -> Self {
        let byte = meta.query_advice(config.byte, Rotation::cur());
        let [num, num_next] = [Rotation::cur(), Rotation::next()].map(|r| meta.query_advice(config.num, r));
        let area = [Rotation::cur(), Rotation::next()].map(|r| meta.query_fixed(config.area, r));
        let second = num_next - num.clone() * Fr::from(1 << 16) - byte.clone() * Fr::from(1 << 8);
        Self { bytes: [byte, second], num, area }
    }

    /// Not 0 where one of the row and the next is the last row or one after it, and the other is not: it makes a sum begin and end at 0.
    fn edge(&self) -> E {
        let [cur, next] = self.area.clone();
        let known = |v: E| {
            [area::FIRST_HALF, area::SECOND_HALF, area::INNER]
                .into_iter()
                .map(|value| v.clone() - small(value))
                .reduce(|a, b| a * b)
                .expect("three values")
        };
        cur.clone() * known(next.clone()) + next * known(cur)
    }

    /// `area` times 1 on memory rows, 0 elsewhere.
    fn is_memory(&self) -> E {
        let cur = self.area[0].clone();
        cur.clone() * cur.clone() * (small(area::INNER) - cur) * half()
    }

    /// `area` times 1, lane^2, lane^4, lane^6 on the rows of a lane; 0 where the area is 0.
    ///
    /// The quadratic form in the areas of the row and the next one: a + b u + c v + e u v + f v^2. At (1, 1), (1, 2), (2, 2) it is the first
    /// three powers, at (2, 1) and (2, 3) the last one.
    fn position(&self, lane: &E) -> E {
        let [u, v] = self.area.clone();
        let square = lane.clone() * lane.clone();
        let fourth = square.clone() * square.clone();
        let sixth = fourth.clone() * square.clone();
        let f = sixth.clone() - fourth.clone();
        // along v: at u = 1 by `slope`, from `at_1`; at u = 2 by -4 f, from `at_2`
        let slope = square.clone() - small(1) - small(3) * f.clone();
        let at_1 = small(2) - square + small(2) * f.clone();
        let at_2 = small(4) * sixth - small(3) * fourth;
        let b = at_2 - at_1.clone();
        let a = at_1 - b.clone();
        let e = (small(4) * f.clone() + slope.clone()) * -Fr::ONE;
        let c = slope - e.clone();
        u.clone() * (a + b * u.clone() + c * v.clone() + e * u * v.clone() + f * v.clone() * v)
    }
}

impl GridConfig {
    /// Adds the grid to `meta`.
    ///
    /// # Panics
    /// As `assert_degrees` does.
    pub fn configure(meta: &mut ConstraintSystem<Fr>) -> Self {
        let instance = meta.instance_column();
        let byte = meta.advice_column_in(FirstPhase);
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
            byte,
            num,
            reads,
            weight,
            main,
            bus,
            bind,
            constants: [0; 4].map(|_| meta.fixed_column()),
            kinds: [0; 3].map(|_| meta.fixed_column()),
            area: meta.fixed_column(),
            index: meta.fixed_column(),
            instance,
            seed,
            fold,
            point,
            lane,
        };
        config.arithmetic_gates(meta);
        config.poseidon_gates(meta);
        config.bus_gate(meta);
        config.bind_gate(meta);
        assert_degrees(meta);
        config
    }

    /// All advice columns: message memory, weight and main cells, sums.
    #[cfg(test)]
    pub(super) fn advice(&self) -> Vec<Column<Advice>> {
        let first = [self.byte, self.num, self.reads, self.weight];
        first.into_iter().chain(self.main).chain([self.bus, self.bind]).collect()
    }

    /// What a kind enforces is folded by a challenge drawn after the cells are committed: one polynomial for each kind.
    fn arithmetic_gates(&self, meta: &mut ConstraintSystem<Fr>) {
        meta.create_gate("arith, mul, round", |meta| {
            let v = View::new(meta, self);
            let fold = meta.query_challenge(self.fold);
            let c = |i: usize| v.cur[i].clone();
            let arith = c(0) * c(1) + c(2) * c(3) + c(4) * c(5) + c(6) + v.k[0].clone() - c(7);
            let mul = [c(0) * c(1) - c(2), c(3) * c(4) - c(5), c(0) * c(6) - c(7)];
            let round =
                [c(0) * (c(0) - small(1)) - c(5), c(6) + (c(0) - c(1)) * c(2) + c(5) * (c(3) + c(0) * c(4)) - c(7)];
            vec![
                v.is(Kind::Arith) * arith + v.is(Kind::Mul) * horner(mul, &fold),
                v.is(Kind::Round) * horner(round, &fold),
            ]
        });
        meta.create_gate("fixed, public", |meta| {
            let v = View::new(meta, self);
            let [fold, seed] = [self.fold, self.seed].map(|c| meta.query_challenge(c));
            // zero from row PUBLIC_ROWS on
            let instance = meta.query_instance(self.instance, Rotation::cur());
            let [k1, k2, k3] = [1, 2, 3].map(|i: usize| v.k[i].clone());
            let expected = [(0, k1 + instance), (2, k2), (3, k3), (4, small(0)), (5, seed)];
            let differences = expected.map(|(i, e)| v.cur[i].clone() - e);
            vec![v.is(Kind::Fixed { table: false }) * horner(differences, &fold)]
        });
        // on sending rows k2 tells sums and k3 tells reads
        meta.create_gate("sum, read", |meta| {
            let v = View::new(meta, self);
            let fold = meta.query_challenge(self.fold);
            let c = |i: usize| v.cur[i].clone();
            let read = [
                c(1) * (c(1) - small(1)),
                c(0) + c(0) + c(1) - c(5) - v.k[1].clone(),
                c(4) + c(1) * (small(255) * c(4) + c(2)) - c(6),
                c(2) + c(1) * (c(3) - c(2)) - c(7),
            ];
            let flagged = v.k[2].clone() * (c(5) + c(2) - c(7)) + v.k[3].clone() * horner(read, &fold);
            vec![v.is(Kind::Send) * flagged]
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
            let inject = folded(std::array::from_fn(|i| {
                v.cur[i].clone() + v.cur[WIDTH + i].clone() + constant(r.first[i]) - v.next[i].clone()
            }));
            let steps = [
                (Kind::Boxes(Step::Full), full),
                (Kind::Boxes(Step::Enter), enter),
                (Kind::Boxes(Step::Partial), partial),
                (Kind::Boxes(Step::Leave), leave),
            ];
            let next = folded(std::array::from_fn(|j| v.k[j].clone() - v.next[j].clone()));
            let squares = folded(std::array::from_fn(|i| x(i) * x(i) - y(i)));
            let boxes = sum(steps.iter().map(|(kind, _)| v.is(*kind)));
            let stepped = sum(steps.map(|(kind, linear)| v.is(kind) * (linear + next.clone())));
            vec![boxes * squares, stepped + v.is(Kind::Inject) * inject]
        });
    }

    /// The running sum of the bus. `Z` is `point`, tuples are folded by `fold`.
    fn bus_gate(&self, meta: &mut ConstraintSystem<Fr>) {
        meta.create_gate("bus", |meta| {
            let (v, memory) = (View::new(meta, self), MemoryView::new(meta, self));
            let index = meta.query_fixed(self.index, Rotation::cur());
            let reads = meta.query_advice(self.reads, Rotation::cur());
            let [bus, bus_next] = [Rotation::cur(), Rotation::next()].map(|r| meta.query_advice(self.bus, r));
            let [fold, point] = [self.fold, self.point].map(|c| meta.query_challenge(c));
            let folded = |terms: [E; 4]| terms.into_iter().rev().fold(small(0), |acc, t| (acc + t) * fold.clone());
            let tuple = v.k[0].clone() + folded([0, 2, 3, 4].map(|i| v.cur[i].clone()));
            let [b0, b1] = memory.bytes.clone();
            let entry = small(MEMORY) + folded([index, b0, b1, memory.num.clone()]);
            // not 0 on any row: all that is in them was committed before `point` was drawn
            let (main_below, side_below) = (point.clone() - tuple, point - entry);
            let provides = v.is(Kind::Provide) + v.is(Kind::Fixed { table: true });
            let main_above = v.is(Kind::Send) - provides * v.cur[6].clone();
            let area = memory.area[0].clone();
            vec![
                area.clone() * (bus_next.clone() - bus) * main_below.clone() * side_below.clone()
                    - area * main_above * side_below
                    + memory.is_memory() * reads * main_below,
                memory.edge() * bus_next,
            ]
        });
    }

    /// The running sum of the binding. `Z` is `point`, positions in a lane are told apart by `lane`.
    fn bind_gate(&self, meta: &mut ConstraintSystem<Fr>) {
        meta.create_gate("bind", |meta| {
            let (v, memory) = (View::new(meta, self), MemoryView::new(meta, self));
            let w = meta.query_advice(self.weight, Rotation::cur());
            let [bind, bind_next] = [Rotation::cur(), Rotation::next()].map(|r| meta.query_advice(self.bind, r));
            let [point, lane] = [self.point, self.lane].map(|c| meta.query_challenge(c));
            let [x0, x1] = memory.bytes.clone().map(|b| point.clone() - b);
            let entry = v.cur.iter().rev().cloned().reduce(|acc, c| acc * lane.clone() + c).expect("eight cells");
            let position = memory.position(&lane);
            // w is 0 on all rows that are no memory, by copies
            vec![
                memory.area[0].clone() * (bind_next.clone() - bind) * x0.clone() * x1.clone()
                    - position * w * (x1.clone() + lane * x0)
                    + v.is_weights() * small(area::INNER) * entry * x1,
                v.is_weights() * (memory.bytes[0].clone() - v.k[1].clone()),
                memory.edge() * bind_next,
            ]
        });
    }
}

/// The value that a challenge stands for while keys are made.
pub(super) const NO_CHALLENGE: Fr = Fr::ZERO;
