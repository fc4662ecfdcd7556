//! A small circuit with every feature that the real ones use, so that keys, proofs and verifiers are tested in a second.
//!
//! Statement: `out = sum x_i * w_i` for witnesses `x_i` in `[0, 16)` and weights `w_i` in a fixed column. Two advice phases, a
//! challenge, custom gates, a lookup, copies, instances `[out, tag, 0]`.

use halo2_base::halo2_proofs::{
    circuit::{Layouter, SimpleFloorPlanner, Value},
    halo2curves::{bn256::Fr, ff::Field},
    plonk::{
        Advice, Challenge, Circuit, Column, ConstraintSystem, Error, FirstPhase, Fixed, Instance, SecondPhase,
        Selector, TableColumn,
    },
    poly::Rotation,
};

use crate::class::Class;

/// Rows of the table: values below it are in range.
const RANGE: u64 = 16;
/// Row, used by no gate, where data columns get a 1 so that none commits to the identity.
const IDLE_ROW: usize = 40;

/// The class of [`StandIn`] with the key as data or in the code.
pub(crate) fn class(as_data: bool) -> Class {
    Class { name: "stand_in", k: 7, num_instances: 3, weights: as_data.then(|| vec![0]) }
}

/// One model and one input.
#[derive(Clone, Debug)]
pub(crate) struct StandIn {
    pub weights: Vec<u64>,
    pub inputs: Vec<u64>,
    /// Second public input, copied to a cell that nothing else touches.
    pub tag: u64,
    /// Claimed output, right or wrong.
    pub out: u64,
    /// An attacker's key: the selector of the sum is on in the idle row only.
    pub sum_gate_off: bool,
}

impl StandIn {
    pub(crate) fn honest(weights: &[u64], inputs: &[u64]) -> Self {
        let out = weights.iter().zip(inputs).map(|(w, x)| w * x).sum();
        Self { weights: weights.into(), inputs: inputs.into(), tag: 77, out, sum_gate_off: false }
    }

    pub(crate) fn instances(&self) -> Vec<Fr> {
        vec![Fr::from(self.out), Fr::from(self.tag), Fr::ZERO]
    }
}

#[derive(Clone, Debug)]
pub(crate) struct Config {
    x: Column<Advice>,
    sum: Column<Advice>,
    fold: Column<Advice>,
    weight: Column<Fixed>,
    table: TableColumn,
    instance: Column<Instance>,
    sum_gate: Selector,
    range_gate: Selector,
    rho: Challenge,
}

impl Circuit<Fr> for StandIn {
    type Config = Config;
    type FloorPlanner = SimpleFloorPlanner;
    type Params = ();

    fn without_witnesses(&self) -> Self {
        self.clone()
    }

    fn configure(meta: &mut ConstraintSystem<Fr>) -> Config {
        let weight = meta.fixed_column();
        let table = meta.lookup_table_column();
        let x = meta.advice_column_in(FirstPhase);
        let sum = meta.advice_column_in(FirstPhase);
        let rho = meta.challenge_usable_after(FirstPhase);
        let fold = meta.advice_column_in(SecondPhase);
        let instance = meta.instance_column();
        let (sum_gate, range_gate) = (meta.selector(), meta.complex_selector());
        meta.enable_equality(x);
        meta.enable_equality(sum);
        meta.enable_equality(instance);
        meta.create_gate("sum", |meta| {
            let [now, next] = [Rotation::cur(), Rotation::next()].map(|at| meta.query_advice(sum, at));
            let (q, x, w) = (
                meta.query_selector(sum_gate),
                meta.query_advice(x, Rotation::cur()),
                meta.query_fixed(weight, Rotation::cur()),
            );
            vec![q * (next - now - x * w)]
        });
        meta.create_gate("fold", |meta| {
            let [now, next] = [Rotation::cur(), Rotation::next()].map(|at| meta.query_advice(fold, at));
            let (q, x, rho) =
                (meta.query_selector(sum_gate), meta.query_advice(x, Rotation::cur()), meta.query_challenge(rho));
            vec![q * (next - now * rho - x)]
        });
        meta.lookup("range", |meta| {
            let (q, x) = (meta.query_selector(range_gate), meta.query_advice(x, Rotation::cur()));
            vec![(q * x, table)]
        });
        Config { x, sum, fold, weight, table, instance, sum_gate, range_gate, rho }
    }

    fn synthesize(&self, config: Config, mut layouter: impl Layouter<Fr>) -> Result<(), Error> {
        layouter.assign_table(
            || "range",
            |mut table| {
                (0..RANGE).try_for_each(|v| {
                    table.assign_cell(|| "value", config.table, v as usize, || Value::known(Fr::from(v)))
                })
            },
        )?;
        let zero = Fr::ZERO;
        let (out, tag, start) = layouter.assign_region(
            || "sum",
            |mut region| {
                let mut sum = Fr::ZERO;
                let start = region.assign_advice(config.sum, 0, Value::known(zero)).cell();
                let mut out = start;
                for (row, (w, x)) in self.weights.iter().zip(&self.inputs).enumerate() {
                    if !self.sum_gate_off {
                        config.sum_gate.enable(&mut region, row)?;
                    }
                    config.range_gate.enable(&mut region, row)?;
                    region.assign_fixed(config.weight, row, Fr::from(*w));
                    region.assign_advice(config.x, row, Value::known(Fr::from(*x)));
                    sum += Fr::from(*w) * Fr::from(*x);
                    let last = row + 1 == self.weights.len();
                    let value = if last { Fr::from(self.out) } else { sum };
                    out = region.assign_advice(config.sum, row + 1, Value::known(value)).cell();
                }
                region.assign_fixed(config.weight, IDLE_ROW, Fr::ONE);
                // Otherwise both selectors would be one column.
                config.range_gate.enable(&mut region, IDLE_ROW)?;
                if self.sum_gate_off {
                    config.sum_gate.enable(&mut region, IDLE_ROW)?;
                }
                let tag = region.assign_advice(config.x, IDLE_ROW + 5, Value::known(Fr::from(self.tag))).cell();
                region.next_phase();
                let rho = region.get_challenge(config.rho);
                let mut fold = Value::known(zero);
                for (row, x) in self.inputs.iter().enumerate() {
                    region.assign_advice(config.fold, row, fold);
                    fold = fold.zip(rho).map(|(fold, rho)| fold * rho + Fr::from(*x));
                }
                region.assign_advice(config.fold, self.inputs.len(), fold);
                Ok((out, tag, start))
            },
        )?;
        layouter.constrain_instance(out, config.instance, 0);
        layouter.constrain_instance(tag, config.instance, 1);
        layouter.constrain_instance(start, config.instance, 2);
        Ok(())
    }
}
