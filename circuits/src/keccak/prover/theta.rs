//! The sumcheck of θ's second half: instances, places (see `verifier/theta.rs` for the statement).

use super::bits::{TABLE_ROUNDS, three};
use super::pack::{Pack, kernel};
use super::rows::{self, Rows, fold_packs};
use super::session::{Session, Sumcheck};
use super::words::{Lane, PACKS, lane_packs};
use crate::keccak::permutation::{LANES, ROTATIONS, pi};
use crate::keccak::poly::{eq_table, fold, geometric, half};
use halo2_base::halo2_proofs::{arithmetic::Field, halo2curves::bn256::Fr};
use std::array::from_fn;

/// Packs of five columns.
const CELLS: usize = 5 * PACKS;
/// Packs of a column of parities: the last one, rotated, comes first, so that the place before is the pack before.
const COLUMN: usize = PACKS + 1;
/// Packs of five columns of parities.
const COLUMNS: usize = 5 * COLUMN;

/// The bits of five columns, in the order of their packs.
pub type Parities = [[u8; COLUMN]; 5];

/// The parities of the columns `x` of a state.
pub fn parities(state: &[u64; 25]) -> Parities {
    from_fn(|x| {
        let packs = super::words::turn((0..5).fold(0, |sum, y| sum ^ state[x + 5 * y]));
        from_fn(|i| if i == 0 { packs[PACKS - 1].rotate_left(1) } else { packs[i - 1] })
    })
}

/// The weights that χ leaves on the lanes before ρ and π: `[lane][z]`, without ι's signs.
pub fn lane_weights(places: &[Fr], planes: &[Fr; 5], gamma: Fr) -> Vec<[Fr; 64]> {
    let powers: [Fr; 5] = geometric(Fr::ONE, gamma);
    (0..LANES)
        .map(|lane| {
            let scale = powers[lane / 5] * planes[pi(lane) / 5];
            from_fn(|z| scale * places[(z + ROTATIONS[lane] as usize) % 64])
        })
        .collect()
}

/// What is sent, where it ends, and the values there.
pub struct ThetaProof {
    pub sent: Vec<[Fr; 3]>,
    pub parities: [Fr; 5],
    pub shifted: [Fr; 5],
    pub claim: Fr,
    pub bound: Vec<Fr>,
}

/// The bits that θ looks at, and the weights of the lanes.
struct Theta<'a, P> {
    /// The states before ι of the round before.
    states: &'a [[Lane; 25]],
    /// Column parities after ι.
    parities: &'a [Parities],
    sums: Vec<ColumnSum<P>>,
}

/// Lanes of a column joined by their weights, as a function of bits: `start - Σ_{i,y} steps[i][y] bit[i][y]`, where `i` counts
/// instances that are folded together.
struct ColumnSum<P> {
    start: P,
    steps: Vec<[P; 5]>,
}

impl<P: Pack> ColumnSum<P> {
    /// The joined lanes of pack `t` of column `x`.
    #[inline(always)]
    fn of(&self, states: &[[Lane; 25]], (x, t): (usize, usize)) -> P {
        let mut sum = self.start;
        for (steps, state) in self.steps.iter().zip(states) {
            for y in 0..5 {
                sum = sum.minus_where(state[x + 5 * y][t], steps[y]);
            }
        }
        sum.settle()
    }
}

/// Proves the second half of θ.
///
/// - `weights`: of the lanes, with ι's signs
/// - `inst`: where χ ended
pub fn prove<P: Pack>(
    session: &mut Session,
    states: &[[Lane; 25]],
    parities: &[Parities],
    weights: &[[Fr; 64]],
    claim: Fr,
    inst: &[Fr],
) -> ThetaProof {
    let n = inst.len();
    let theta = Theta::<P> { states, parities, sums: column_sums(weights) };
    let mut sumcheck = Sumcheck::new(claim);
    let mut sent = Vec::with_capacity(n + 6);
    let rest = |j: usize| eq_table(inst.get(j + 1..).unwrap_or_default());
    let mut values = if n == 0 { [Fr::ZERO; 3] } else { theta.first_round(&rest(0)) };
    let mut rows = None;
    for j in 0..n {
        sent.push(sumcheck.round(session, inst[j], &values));
        let (bound, rest) = (&sumcheck.bound, rest(j + 1));
        let next = match rows {
            Some(rows) if j >= TABLE_ROUNDS => {
                Rows::fold(&rows, bound[j], &rest, |_, low, high| whole_row_terms(low, high))
            }
            before => theta.rows(bound, before.as_ref(), n, &rest),
        };
        (rows, values) = (Some(next.0), next.1);
    }
    let rows = rows.unwrap_or_else(|| theta.rows(&[], None, 0, &[]).0);
    let (parities, shifted) = places(session, &mut sumcheck, &mut sent, rows.first());
    session.absorb(&parities);
    session.absorb(&shifted);
    ThetaProof { sent, parities, shifted, claim: sumcheck.claim, bound: sumcheck.bound }
}

/// The sums of one instance, by `[8 * x + t]`.
fn column_sums<P: Pack>(weights: &[[Fr; 64]]) -> Vec<ColumnSum<P>> {
    let lanes: Vec<[P; PACKS]> = weights.iter().map(|weights| lane_packs(weights)).collect();
    (0..CELLS).map(|cell| column_sum(from_fn(|y| lanes[cell / PACKS + 5 * y][cell % PACKS]))).collect()
}

kernel! {
    fn column_sum<P: Pack>(weights: [P; 5]) -> ColumnSum<P> {
        let (mut start, mut steps) = (P::zero(), weights);
        for step in &mut steps {
            start = start + *step;
            *step = step.double().settle();
        }
        ColumnSum { start: start.settle(), steps: vec![steps] }
    }
}

kernel! {
    /// The sum of two instances with their variable bound to `r`, from the sum of one.
    fn folded_sum<P: Pack>(sum: &ColumnSum<P>, r: P) -> ColumnSum<P> {
        let (mut low, mut high) = (sum.steps[0], sum.steps[0]);
        for y in 0..5 {
            high[y] = P::mul(low[y].factor(), r.factor()).settle();
            low[y] = (low[y] - high[y]).settle();
        }
        ColumnSum { start: sum.start, steps: vec![low, high] }
    }
}

/// The places of the two parities that meet the lanes of cell `8x + t`, in [`Parities`].
const fn neighbours(cell: usize) -> ((usize, usize), (usize, usize)) {
    let (x, t) = (cell / PACKS, cell % PACKS);
    (((x + 4) % 5, t + 1), ((x + 1) % 5, t))
}

impl<P: Pack> Theta<'_, P> {
    /// The first variable: parities are ±1, so only sums are needed.
    fn first_round(&self, rest: &[Fr]) -> [Fr; 3] {
        rows::sum(rest, |group| {
            let (states, parities) = (&self.states[2 * group..][..2], &self.parities[2 * group..][..2]);
            sign_terms(&self.sums, states, parities)
        })
    }

    fn folded_sums(&self, r: Fr) -> Vec<ColumnSum<P>> {
        let r = P::splat(r);
        self.sums.iter().map(|sum| folded_sum(sum, r)).collect()
    }

    /// The rows after one to three variables are bound (none if there is one instance): joined lanes, and after the last of
    /// them the parities, too. Sums the next variable.
    ///
    /// - `before`: the rows without the last variable
    fn rows(&self, bound: &[Fr], before: Option<&Rows<P>>, n: usize, rest: &[Fr]) -> (Rows<P>, [Fr; 3]) {
        let (size, folding) = (1 << bound.len(), P::folding(bound));
        let last = bound.last().map(|r| P::splat(*r));
        let folded = bound.first().map(|r| self.folded_sums(*r));
        let (sums, last) = (folded.as_ref().unwrap_or(&self.sums), last.unwrap_or_else(P::zero));
        let (states, parities) =
            (|i: usize| &self.states[i * size..(i + 1) * size], |i: usize| &self.parities[i * size..(i + 1) * size]);
        let complete = bound.len() == n.min(TABLE_ROUNDS);
        let fill = |i: usize, row: &mut [P]| {
            let (joined, columns) = row.split_at_mut(CELLS);
            match before {
                Some(before) => before.fold_into(i, joined, last),
                None => join_lanes(joined, sums, states(i)),
            }
            fold_bits(columns, parities(i), &folding);
        };
        let terms = |group: usize, low: &[P], high: &[P]| match complete {
            true => whole_row_terms(low, high),
            false => bit_terms(low, high, parities(2 * group), parities(2 * group + 1), &folding),
        };
        Rows::new(self.states.len() / size, CELLS + if complete { COLUMNS } else { 0 }, rest, fill, terms)
    }
}

kernel! {
    /// The terms of two rows of joined lanes, and the parities of their instances.
    fn bit_terms<P: Pack>(
        low: &[P],
        high: &[P],
        parities_low: &[Parities],
        parities_high: &[Parities],
        folding: &P::Folding,
    ) -> [P; 3] {
        let (mut columns_low, mut columns_high) = ([P::zero(); COLUMNS], [P::zero(); COLUMNS]);
        for cell in 0..COLUMNS {
            let (x, t) = (cell / COLUMN, cell % COLUMN);
            columns_low[cell] = P::fold(folding, |i| parities_low[i][x][t]);
            columns_high[cell] = P::fold(folding, |i| parities_high[i][x][t]);
        }
        row_terms((low, high), (&columns_low, &columns_high))
    }
}

kernel! {
    /// The terms of two rows of joined lanes and parities.
    fn whole_row_terms<P: Pack>(low: &[P], high: &[P]) -> [P; 3] {
        row_terms((&low[..CELLS], &high[..CELLS]), (&low[CELLS..], &high[CELLS..]))
    }
}

kernel! {
    fn join_lanes<P: Pack>(row: &mut [P], sums: &[ColumnSum<P>], states: &[[Lane; 25]]) {
        for (cell, (out, sum)) in row.iter_mut().zip(sums).enumerate() {
            *out = sum.of(states, (cell / PACKS, cell % PACKS));
        }
    }
}

kernel! {
    fn fold_bits<P: Pack>(row: &mut [P], parities: &[Parities], folding: &P::Folding) {
        for (cell, out) in row.iter_mut().enumerate() {
            *out = P::fold(folding, |i| parities[i][cell / COLUMN][cell % COLUMN]).settle();
        }
    }
}

kernel! {
    /// The terms of two instances, at 1 and -1 and the leading coefficient.
    fn sign_terms<P: Pack>(sums: &[ColumnSum<P>], states: &[[Lane; 25]], parities: &[Parities]) -> [P; 3] {
        let (low, high) = (&parities[0], &parities[1]);
        // At -1 a parity that flips counts three times.
        let (mut one, mut minus_one, mut lead) = (P::zero(), [P::zero(); 3], P::zero());
        for (cell, sum) in sums.iter().enumerate() {
            let (u, v) = neighbours(cell);
            let (d0, d1) = (
                sum.of(&states[..1], (cell / PACKS, cell % PACKS)),
                sum.of(&states[1..], (cell / PACKS, cell % PACKS)),
            );
            let (sign, sign_high) = (low[u.0][u.1] ^ low[v.0][v.1], high[u.0][u.1] ^ high[v.0][v.1]);
            let (flip_u, flip_v) = (low[u.0][u.1] ^ high[u.0][u.1], low[v.0][v.1] ^ high[v.0][v.1]);
            one = one.add_signed(0xff, sign_high, d1);
            let (slope, below) = (d1 - d0, d0.double() - d1);
            for (sum, flips) in minus_one.iter_mut().zip([!(flip_u | flip_v), flip_u ^ flip_v, flip_u & flip_v]) {
                *sum = sum.add_signed(flips, sign, below);
            }
            lead = lead.add_signed(flip_u & flip_v, sign, slope);
        }
        let [none, once, twice] = minus_one;
        let (once, twice) = (once.settle(), twice.settle());
        let nine = twice.double().double().double() + twice;
        [one, none + once.double() + once + nine, lead.settle().double().double()]
    }
}

#[inline(always)]
fn row_terms<P: Pack>(joined: (&[P], &[P]), columns: (&[P], &[P])) -> [P; 3] {
    let mut nodes = [[P::zero().factor(); 3]; COLUMNS];
    for (i, nodes) in nodes.iter_mut().enumerate() {
        *nodes = line(columns.0[i], columns.1[i]);
    }
    let mut dots = [P::dot(); 3];
    for cell in 0..CELLS {
        let (u, v) = neighbours(cell);
        let d = line::<P>(joined.0[cell], joined.1[cell]);
        add_products::<P>(&mut dots, &d, &nodes[u.0 * COLUMN + u.1], &nodes[v.0 * COLUMN + v.1]);
    }
    total::<P>(dots)
}

/// A line at 1 and -1 and its slope.
#[inline(always)]
fn line<P: Pack>(low: P, high: P) -> [P::Factor; 3] {
    [high.factor(), (low.double() - high).factor(), (high - low).factor()]
}

/// Adds `d * u * v`, place by place.
#[inline(always)]
fn add_products<P: Pack>(dots: &mut [P::Dot; 3], d: &[P::Factor; 3], u: &[P::Factor; 3], v: &[P::Factor; 3]) {
    for k in 0..3 {
        dots[k] = P::add_product(dots[k], d[k], P::mul(u[k], v[k]).factor());
    }
}

#[inline(always)]
fn total<P: Pack>(dots: [P::Dot; 3]) -> [P; 3] {
    let mut values = [P::zero(); 3];
    for k in 0..3 {
        values[k] = P::reduce(dots[k]);
    }
    values
}

/// The six variables of `z`; returns the parities where they end, and the shifted ones.
fn places<P: Pack>(
    session: &mut Session,
    sumcheck: &mut Sumcheck,
    sent: &mut Vec<[Fr; 3]>,
    row: &[P],
) -> ([Fr; 5], [Fr; 5]) {
    let (joined, columns) = row.split_at(CELLS);
    let mut joined: Vec<Vec<P>> = joined.chunks(PACKS).map(<[P]>::to_vec).collect();
    let mut plain: Vec<Vec<P>> = columns.chunks(COLUMN).map(|column| column[1..].to_vec()).collect();
    let mut shifted: Vec<Vec<P>> = columns.chunks(COLUMN).map(|column| column[..PACKS].to_vec()).collect();
    let halves: [Fr; 7] = geometric(Fr::ONE, half());
    sumcheck.claim *= halves[6];
    let mean = |j: usize, values: [Fr; 3]| values.map(|v| v * halves[5 - j]);
    // What tells packs apart comes first; the elements of a pack are the last three variables.
    for j in 0..3 {
        let values = place_round(&joined, &plain, &shifted).map(P::sum);
        sent.push(sumcheck.round(session, half(), &mean(j, values)));
        let r = sumcheck.bound[sumcheck.bound.len() - 1];
        for arrays in [&mut joined, &mut plain, &mut shifted] {
            arrays.iter_mut().for_each(|array| *array = fold_packs(array, r));
        }
    }
    let [mut joined, mut plain, mut shifted] =
        [joined, plain, shifted].map(|arrays| arrays.iter().map(|a| a[0].values().to_vec()).collect::<Vec<_>>());
    for j in 3..6 {
        let mut values = [Fr::ZERO; 3];
        for i in 0..32 >> j {
            for x in 0..5 {
                let line = |array: &[Fr]| three(&array[2 * i], &array[2 * i + 1]);
                let (d, u, v) = (line(&joined[x]), line(&plain[(x + 4) % 5]), line(&shifted[(x + 1) % 5]));
                for k in 0..3 {
                    values[k] += d[k] * (u[k] * v[k]);
                }
            }
        }
        sent.push(sumcheck.round(session, half(), &mean(j, values)));
        let r = sumcheck.bound[sumcheck.bound.len() - 1];
        for arrays in [&mut joined, &mut plain, &mut shifted] {
            arrays.iter_mut().for_each(|array| *array = fold(array, r));
        }
    }
    (from_fn(|x| plain[x][0]), from_fn(|x| shifted[x][0]))
}

kernel! {
    /// One of the variables that tell packs of a lane apart.
    fn place_round<P: Pack>(joined: &[Vec<P>], plain: &[Vec<P>], shifted: &[Vec<P>]) -> [P; 3] {
        let mut dots = [P::dot(); 3];
        for x in 0..5 {
            let (d, u, v) = (&joined[x], &plain[(x + 4) % 5], &shifted[(x + 1) % 5]);
            for i in (0..d.len()).step_by(2) {
                let (d, u, v) = (line(d[i], d[i + 1]), line(u[i], u[i + 1]), line(v[i], v[i + 1]));
                add_products::<P>(&mut dots, &d, &u, &v);
            }
        }
        total::<P>(dots)
    }
}
