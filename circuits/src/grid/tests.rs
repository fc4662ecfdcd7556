//! The gates on the mock prover, against the native evaluation, one lie for each constraint.

use super::*;
use crate::poseidon;
use halo2_base::halo2_proofs::{
    arithmetic::Field,
    circuit::{Layouter, SimpleFloorPlanner},
    dev::MockProver,
    halo2curves::bn256::Fr,
    plonk::{Circuit, ConstraintSystem, Error},
};
use rand::{RngCore, SeedableRng, rngs::StdRng};
use test_case::test_case;

const SHAPE: Shape = Shape { k: 10, blocks: 1 };
const TAG: u64 = 9;

/// A recorded grid as a circuit; `weigh` adds the binding of the bytes.
struct Recorded<W> {
    builder: Builder,
    weigh: W,
}

impl<W: Fn(&mut Builder)> Circuit<Fr> for Recorded<W> {
    type Config = GridConfig;
    type FloorPlanner = SimpleFloorPlanner;
    type Params = ();

    fn without_witnesses(&self) -> Self {
        unreachable!("the shape does not depend on the witness")
    }

    fn configure(meta: &mut ConstraintSystem<Fr>) -> GridConfig {
        GridConfig::configure(meta)
    }

    fn synthesize(&self, config: GridConfig, layouter: impl Layouter<Fr>) -> Result<(), Error> {
        assign(&config, layouter, &self.builder, &self.weigh)
    }
}

fn mock_accepts(builder: Builder, weigh: impl Fn(&mut Builder)) -> bool {
    let instances = builder.instances();
    mock_accepts_as(instances, builder, weigh)
}

fn mock_accepts_as(instances: Vec<Fr>, builder: Builder, weigh: impl Fn(&mut Builder)) -> bool {
    let circuit = Recorded { builder, weigh };
    MockProver::run(SHAPE.k, &circuit, vec![instances]).expect("the grid fits").verify().is_ok()
}

fn builder() -> Builder {
    let mut rng = StdRng::seed_from_u64(3);
    let (mut message, mut state) = ([0; BLOCK_BYTES], [0; STATE_BYTES]);
    rng.fill_bytes(&mut message);
    rng.fill_bytes(&mut state);
    Builder::new(SHAPE, Memory::new(&[message], &[state]))
}

fn f(v: u64) -> Fr {
    Fr::from(v)
}

/// One row of each kind; returns the cells that the lies change.
fn everything(b: &mut Builder) -> Vec<Cell> {
    b.fixed_table(TAG, (0..4).map(|i| [f(i), f(i * i), Fr::ZERO]));
    let product = b.arith(&[(In::Free(f(3)), In::Free(f(5))), (In::Const(f(2)), In::Const(f(4)))], None, f(7));
    assert_eq!(product.value(), f(30));
    let [x, y, z] = b.scale3(product, [In::Free(f(1)), In::Free(f(2)), In::Free(f(3))]);
    let read = b.read(In::Free(f(4)), 7);
    let even = b.read(In::Free(f(150)), 0);
    let sent = b.send(TAG, [In::Free(f(3)), In::Free(f(9)), In::Const(Fr::ZERO), In::Const(Fr::ZERO)]);
    let provided = b.provide(TAG + 1, [In::Cell(x), In::Free(f(1)), In::Free(f(2)), In::Free(f(4))]);
    let [_, _, other, _] = b.send(TAG + 1, [In::Cell(x), In::Free(f(1)), In::Free(f(2)), In::Free(f(4))]);
    let hash = b.hash(poseidon::NODE, &[x.into(), y.into(), z.into(), other.into()]);
    assert_eq!(hash.value(), poseidon::hash(poseidon::NODE, &[x.value(), y.value(), z.value(), other.value()]));
    b.instance(0, hash);
    let [ab, abc] = b.chain2(x.into(), y.into(), z.into());
    let powers = b.powers(x.into());
    let round = b.round(x.into(), y.into(), z.into(), [product.into(), ab.into(), abc.into()]);
    let table = [In::Free(f(3)), In::Free(f(9)), In::Const(Fr::ZERO), In::Const(Fr::ZERO)];
    let (_, sum) = b.send_sum(TAG, table, In::Free(f(4)));
    assert_eq!(sum.value(), f(13));
    let product_of = |cells: &[Cell]| cells.iter().map(Cell::value).product::<Fr>();
    assert_eq!([ab.value(), abc.value(), powers[1].value()], [&[x, y][..], &[x, y, z], &[x; 3]].map(product_of));
    vec![
        product,
        x,
        y,
        z,
        read.byte,
        read.before,
        read.parity,
        even.byte,
        even.before,
        sent[1],
        provided[3],
        other,
        hash,
        ab,
        abc,
        powers[0],
        powers[1],
        powers[2],
        round,
        sum,
    ]
}

#[test]
fn accepts_the_honest_witness() {
    let mut b = builder();
    let read = b.read(In::Free(f(5)), 0);
    assert_eq!(read.byte.value(), f(u64::from(b.memory().byte(5))));
    everything(&mut b);
    b.check().expect("the native evaluation accepts");
    assert!(mock_accepts(b, |_| {}));
}

/// Each public input flipped against the same witness; also those that the circuit did not use: these a prover can follow, so
/// a verifier fixes how many there are.
#[test]
fn rejects_each_changed_public_input() {
    let mut b = builder();
    let cells = everything(&mut b);
    b.instance(1, cells[0]);
    assert!(mock_accepts(b.clone(), |_| {}));
    for index in 0..PUBLIC_ROWS {
        let mut instances = b.instances();
        instances.resize(PUBLIC_ROWS, Fr::ZERO);
        instances[index] += Fr::ONE;
        assert!(!mock_accepts_as(instances.clone(), b.clone(), |_| {}), "input {index}");
        // the public cell follows the lie, the cell that it is a copy of does not
        if index < 2 {
            let mut lie = b.clone();
            lie.main[index].cells[0] += Fr::ONE;
            assert!(!mock_accepts_as(instances, lie, |_| {}), "cell {index}");
        }
    }
}

#[test_case(0; "arith")]
#[test_case(1; "mul first")]
#[test_case(2; "mul second")]
#[test_case(3; "mul third")]
#[test_case(4; "read byte odd")]
#[test_case(5; "read integer odd")]
#[test_case(6; "read parity")]
#[test_case(7; "read byte even")]
#[test_case(8; "read integer even")]
#[test_case(9; "sent tuple that is not in the table")]
#[test_case(10; "provided tuple that differs from the sent one")]
#[test_case(11; "sent tuple that nobody provides")]
#[test_case(12; "hash")]
#[test_case(13; "chain first")]
#[test_case(14; "chain second")]
#[test_case(15; "square")]
#[test_case(16; "cube")]
#[test_case(17; "fourth power")]
#[test_case(18; "round")]
#[test_case(19; "sum on a sending row")]
fn rejects_a_changed_cell(index: usize) {
    let mut b = builder();
    let cells = everything(&mut b);
    b.tamper(cells[index], cells[index].value() + Fr::ONE);
    assert!(b.check().is_err());
    assert!(!mock_accepts(b, |_| {}));
}

#[test]
fn rejects_each_changed_sponge_cell() {
    let mut honest = builder();
    everything(&mut honest);
    let mut rng = StdRng::seed_from_u64(5);
    // the last row is the output of the permutation: its unused cells are free
    for row in 0..honest.sponge.len() - 1 {
        let column = rng.next_u32() as usize % 8;
        let mut b = honest.clone();
        b.sponge[row].cells[column] += Fr::ONE;
        assert!(b.check().is_err(), "native, row {row}, column {column}");
        if row % 5 == 0 {
            assert!(!mock_accepts(b, |_| {}), "mock, row {row}, column {column}");
        }
    }
}

#[test]
fn rejects_a_read_outside_the_memory() {
    let mut b = builder();
    b.read(In::Free(f(1000)), 0);
    assert!(b.check().is_err());
    assert!(!mock_accepts(b, |_| {}));
}

#[test]
fn rejects_a_changed_constant_and_seed() {
    for column in [0, 2, 3, 4, 5] {
        let mut b = builder();
        b.constant(f(77));
        let row = b.main.iter().position(|r| r.kind == Kind::Fixed { table: false }).expect("a constant row");
        b.main[row].cells[column] += Fr::ONE;
        assert!(b.check().is_err());
        if column != 5 {
            // the layouter itself writes the challenge
            assert!(!mock_accepts(b, |_| {}), "column {column}");
        }
    }
}

/// Lane weights 1, 2, 3, … and the table that belongs to them, changed by `lie(table)`.
fn weigh(b: &mut Builder, lie: fn(&mut Vec<[Fr; 8]>)) {
    for lane in 0..b.memory().bytes().len() / 8 {
        let weight = b.witness(f(lane as u64 + 1));
        b.weigh_lane(lane, weight);
    }
    b.lane_weights();
    lie(&mut b.weights);
}

#[test]
fn binds_bytes_to_weights() {
    assert!(mock_accepts(builder(), |b| weigh(b, |_| {})));
    assert!(!mock_accepts(builder(), |b| weigh(b, |t| t[7][3] += Fr::ONE)), "a weight that is not there");
    let swap: fn(&mut Builder) = |b| {
        weigh(b, |t| {
            let row = t.iter().position(|r| r[0] != r[1]).expect("positions differ");
            t[row].swap(0, 1);
        })
    };
    assert!(!mock_accepts(builder(), swap), "weights of another position");
    assert!(
        !mock_accepts(builder(), |b| weigh(b, |t| {
            t.swap(0, 255);
        })),
        "weights of another byte"
    );
}

/// Neighbouring bytes `a b` spell the same integer as `a + 1, b - 256` and `a - 1, b + 256`: no running integer tells.
#[test]
fn rejects_bytes_outside_their_range_that_spell_the_same_integer() {
    for (first, second) in [(Fr::ONE, -f(256)), (-Fr::ONE, f(256))] {
        let mut b = builder();
        let committed = [40, 41].map(|a| f(u64::from(b.memory().byte(a))));
        b.memory.lies.extend([(40, committed[0] + first), (41, committed[1] + second)]);
        assert!(!mock_accepts(b, |b| weigh(b, |_| {})));
    }
}

/// A byte and the one that the integer leaves beside it, and an integer that spells others: the binding sees all of them.
#[test]
fn rejects_a_changed_byte_and_integer() {
    let mut b = builder();
    let byte = b.memory().byte(40);
    b.memory.lies.insert(40, f(u64::from(byte ^ 1)));
    assert!(!mock_accepts(b, |b| weigh(b, |_| {})));
}

/// The byte table follows the lie, so only the gate that keeps the weight of a lane sees it.
#[test_case(6, false; "inside a lane")]
#[test_case(7, false; "last row of a lane")]
#[test_case(4, false; "first row of a lane")]
fn rejects_a_weight_that_changes_inside_a_lane(row: usize, accept: bool) {
    let lie = move |b: &mut Builder| {
        weigh(b, |_| {});
        let more = f(99) - b.lanes[row / 4];
        for address in [2 * row, 2 * row + 1] {
            let byte = b.memory().byte(address);
            b.weights[usize::from(byte)][address % 8] += more;
        }
        b.weight_lie = Some((row, f(99)));
    };
    assert_eq!(mock_accepts(builder(), lie), accept);
}

/// No byte has that weight, but the table says that one has: only the copies that keep `w` 0 outside the memory see it.
#[test_case(0, true; "in the memory it is the lane's")]
#[test_case(200, false; "outside the memory")]
#[test_case(SHAPE.weights_row() + 3, false; "in the byte table")]
#[test_case(SHAPE.last_row() - 1, false; "in the last row that counts")]
fn rejects_a_weight_outside_the_memory(row: usize, accept: bool) {
    let lie = move |b: &mut Builder| {
        weigh(b, |_| {});
        b.weight_lie = Some((row, b.lanes.get(row / 4).copied().unwrap_or(Fr::ONE)));
    };
    assert_eq!(mock_accepts(builder(), lie), accept);
}

/// The first row of each kind of [`everything`] and its cells that are free in rows of that kind.
fn rows_of_kinds(b: &Builder) -> Vec<(usize, Kind, &'static [usize])> {
    let mut found: Vec<(usize, Kind, &[usize])> = Vec::new();
    let rows = b.main.iter().chain(&b.sponge).enumerate();
    for (row, r) in rows.filter(|(_, r)| r.k[0] != f(TAG + 2)) {
        let free: &[usize] = match r.kind {
            Kind::Free => continue,
            Kind::Fixed { .. } => &[1, 7],
            Kind::Send if r.k[2] == Fr::ONE => &[1, 6],
            Kind::Send => &[1, 5, 6, 7],
            Kind::Provide => &[1, 5, 7],
            // a factor beside a zero
            Kind::Arith if [0, 2, 4].iter().any(|i| r.cells[*i] == Fr::ZERO) => continue,
            _ => &[],
        };
        if !found.iter().any(|(_, kind, cells)| *kind == r.kind && *cells == free) {
            found.push((row, r.kind, free));
        }
    }
    found
}

/// Every main cell of a row of each kind with another value, the rest of the witness being honest.
#[test]
fn rejects_another_value_in_each_main_column() {
    let mut b = builder();
    everything(&mut b);
    let factor = |v| In::Free(f(v));
    b.arith(&[(factor(2), factor(3)), (factor(4), factor(5)), (factor(6), factor(7))], Some(factor(8)), f(9));
    assert!(mock_accepts(b.clone(), |_| {}));
    let rows = rows_of_kinds(&b);
    assert_eq!(rows.len(), 14, "{rows:?}");
    for (row, kind, free) in rows {
        for column in (0..8).filter(|column| !free.contains(column)) {
            let mut lie = b.clone();
            lie.cell_lies.push((4 + column, row, f(0xdead_beef)));
            assert!(!mock_accepts(lie, |_| {}), "{kind:?} in row {row}, c{column}");
        }
    }
}

/// Every other column with another value in one cell, the rest of the witness being honest.
#[test]
fn rejects_another_value_in_each_column_of_memory_and_sums() {
    let (memory, table, last) = (42, SHAPE.weights_row() + 7, SHAPE.last_row());
    let rows: [(usize, &[usize]); 6] = [
        (0, &[0, memory, 167, table]),
        (1, &[0, 1, memory, 168]),
        (2, &[0, memory, 167]),
        (3, &[0, 1, memory, 167, 168, table, last - 1]),
        (12, &[0, 1, memory, table, last - 1, last]),
        (13, &[0, 1, memory, table, last - 1, last]),
    ];
    let mut b = builder();
    everything(&mut b);
    for (column, row) in rows.iter().flat_map(|(column, rows)| rows.iter().map(|row| (*column, *row))) {
        let mut lie = b.clone();
        lie.cell_lies.push((column, row, f(0xdead_beef)));
        assert!(!mock_accepts(lie, |b| weigh(b, |_| {})), "column {column}, row {row}");
    }
    // beyond the last row nothing counts
    let mut free = b.clone();
    free.cell_lies.extend([(0, last, f(5)), (3, last, f(5)), (12, last + 1, f(5))]);
    assert!(mock_accepts(free, |b| weigh(b, |_| {})));
}

/// All steps are right, only the beginning and the end are not 0.
#[test_case(0; "bus")]
#[test_case(1; "binding")]
fn rejects_a_sum_that_does_not_begin_at_zero(sum: usize) {
    let mut b = builder();
    everything(&mut b);
    b.sum_lies[sum] = Fr::ONE;
    assert!(!mock_accepts(b, |b| weigh(b, |_| {})));
}
