//! The gates' polynomials on several rows at a time: an instruction is decoded once for all of them, and they do not wait for one another.

use super::evaluation::{Calculation, EvaluationData, GraphEvaluator, ValueSource};
use crate::poly::{LagrangeCoeff, Polynomial};
use ff::Field;
use halo2curves::CurveAffine;

/// Rows of a block.
pub(super) const ROWS: usize = 8;

type Block<F> = [F; ROWS];

/// One step; operands and the last index, where the result goes, are registers.
enum Step {
    /// Kind of the column (fixed, advice, instance), column, rotation.
    Load(usize, usize, i32, usize),
    Add(usize, usize, usize),
    Sub(usize, usize, usize),
    Mul(usize, usize, usize),
    Square(usize, usize),
    Double(usize, usize),
    Negate(usize, usize),
    Copy(usize, usize),
    /// The result times the first register and the second one.
    MulAdd(usize, usize, usize),
}

/// The steps of a graph with its challenges.
pub(super) struct Program<F> {
    steps: Vec<Step>,
    /// What registers hold before a block.
    registers: Vec<Block<F>>,
    previous: usize,
    result: Option<usize>,
}

impl<F: Field> Program<F> {
    /// - `prepared`: of [`GraphEvaluator::prepare`] with the same challenges
    pub(super) fn new<C: CurveAffine<ScalarExt = F>>(
        graph: &GraphEvaluator<C>,
        prepared: &EvaluationData<C>,
        challenges: &[F],
        [beta, gamma, theta, y]: [F; 4],
    ) -> Self {
        let (constants, targets) = (graph.constants.len(), graph.num_intermediates);
        let known = [beta, gamma, theta, y, F::ZERO];
        let all = graph.constants.iter().chain(&prepared.intermediates).chain(challenges).chain(&known);
        let mut registers: Vec<Block<F>> = all.map(|value| [*value; ROWS]).collect();
        let after = constants + targets + challenges.len();
        let previous = after + 4;
        let mut steps = Vec::new();
        for calculation in prepared.on_rows.iter().map(|i| &graph.calculations[*i]) {
            let to = constants + calculation.target;
            let mut register = |source: &ValueSource| {
                let mut load = |kind, column: &usize, rotation: &usize| {
                    registers.push([F::ZERO; ROWS]);
                    steps.push(Step::Load(kind, *column, graph.rotations[*rotation], registers.len() - 1));
                    registers.len() - 1
                };
                match source {
                    ValueSource::Constant(i) => *i,
                    ValueSource::Intermediate(target) => constants + target,
                    ValueSource::Challenge(i) => constants + targets + i,
                    ValueSource::Beta() => after,
                    ValueSource::Gamma() => after + 1,
                    ValueSource::Theta() => after + 2,
                    ValueSource::Y() => after + 3,
                    ValueSource::PreviousValue() => previous,
                    ValueSource::Fixed(column, rotation) => load(0, column, rotation),
                    ValueSource::Advice(column, rotation) => load(1, column, rotation),
                    ValueSource::Instance(column, rotation) => load(2, column, rotation),
                }
            };
            match &calculation.calculation {
                Calculation::Add(a, b) => {
                    let step = Step::Add(register(a), register(b), to);
                    steps.push(step);
                }
                Calculation::Sub(a, b) => {
                    let step = Step::Sub(register(a), register(b), to);
                    steps.push(step);
                }
                Calculation::Mul(a, b) => {
                    let step = Step::Mul(register(a), register(b), to);
                    steps.push(step);
                }
                Calculation::Square(a) => {
                    let step = Step::Square(register(a), to);
                    steps.push(step);
                }
                Calculation::Double(a) => {
                    let step = Step::Double(register(a), to);
                    steps.push(step);
                }
                Calculation::Negate(a) => {
                    let step = Step::Negate(register(a), to);
                    steps.push(step);
                }
                Calculation::Store(a) => {
                    let step = Step::Copy(register(a), to);
                    steps.push(step);
                }
                Calculation::Horner(start, parts, factor) => {
                    let (start, factor) = (register(start), register(factor));
                    let parts: Vec<usize> = parts.iter().map(register).collect();
                    steps.push(Step::Copy(start, to));
                    steps.extend(parts.into_iter().map(|part| Step::MulAdd(factor, part, to)));
                }
            }
        }
        let result = graph.calculations.last().map(|calculation| constants + calculation.target);
        Self { steps, registers, previous, result }
    }

    /// Registers to run with.
    pub(super) fn registers(&self) -> Vec<Block<F>> {
        self.registers.clone()
    }

    /// Replaces `values`, at most as many as a block has rows, of the rows from `row` on.
    ///
    /// - `columns`: fixed, advice and instance
    pub(super) fn run(
        &self,
        registers: &mut [Block<F>],
        columns: [&[Polynomial<F, LagrangeCoeff>]; 3],
        row: usize,
        values: &mut [F],
    ) {
        let Some(result) = self.result else { return values.fill(F::ZERO) };
        registers[self.previous][..values.len()].copy_from_slice(values);
        for step in &self.steps {
            match *step {
                Step::Load(kind, column, rotation, to) => {
                    let column = columns[kind][column].values();
                    let n = column.len();
                    let from = (row as i64 + i64::from(rotation)).rem_euclid(n as i64) as usize;
                    match column.get(from..from + ROWS) {
                        Some(there) => registers[to].copy_from_slice(there),
                        None => (0..ROWS).for_each(|i| registers[to][i] = column[(from + i) % n]),
                    }
                }
                Step::Add(a, b, to) => (0..ROWS).for_each(|i| registers[to][i] = registers[a][i] + registers[b][i]),
                Step::Sub(a, b, to) => (0..ROWS).for_each(|i| registers[to][i] = registers[a][i] - registers[b][i]),
                Step::Mul(a, b, to) => (0..ROWS).for_each(|i| registers[to][i] = registers[a][i] * registers[b][i]),
                Step::Square(a, to) => (0..ROWS).for_each(|i| registers[to][i] = registers[a][i].square()),
                Step::Double(a, to) => (0..ROWS).for_each(|i| registers[to][i] = registers[a][i].double()),
                Step::Negate(a, to) => (0..ROWS).for_each(|i| registers[to][i] = -registers[a][i]),
                Step::Copy(a, to) => registers[to] = registers[a],
                Step::MulAdd(a, b, to) => {
                    (0..ROWS).for_each(|i| registers[to][i] = registers[to][i] * registers[a][i] + registers[b][i]);
                }
            }
        }
        values.copy_from_slice(&registers[result][..values.len()]);
    }
}
