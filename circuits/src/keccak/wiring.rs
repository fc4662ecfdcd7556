//! The public weights of the sumchecks, as the verifier evaluates them: multilinear extensions of equality, of
//! rotated equality, and of ι's positions.
//!
//! `z` in `0..64` is a place in a lane; `point[0]` belongs to its lowest bit.

use super::arith::Arith;
use super::permutation::{LANES, ROTATIONS, iota_flags};
use halo2_base::halo2_proofs::{arithmetic::Field, halo2curves::bn256::Fr};

/// `eq(point, i)` for all `i`.
pub fn eq_table<A: Arith>(a: &mut A, point: &[A::V]) -> Vec<A::V> {
    let mut table = vec![a.constant(Fr::ONE)];
    for w in point {
        let not_w = a.linear(None, &[(-Fr::ONE, *w)], Fr::ONE);
        let low = scale(a, not_w, &table);
        let high = scale(a, *w, &table);
        table = [low, high].concat();
    }
    table
}

/// `s * v` for each `v`.
pub fn scale<A: Arith>(a: &mut A, s: A::V, values: &[A::V]) -> Vec<A::V> {
    let mut out = Vec::with_capacity(values.len());
    for chunk in values.chunks(3) {
        let last = chunk[chunk.len() - 1];
        let padded = std::array::from_fn(|i| chunk.get(i).copied().unwrap_or(last));
        out.extend_from_slice(&a.scale3(s, padded)[..chunk.len()]);
    }
    out
}

/// The product of each pair.
pub fn products<A: Arith>(a: &mut A, pairs: &[(A::V, A::V)]) -> Vec<A::V> {
    let mut out = Vec::with_capacity(pairs.len());
    for chunk in pairs.chunks(2) {
        match chunk {
            [left, right] => out.extend(a.mul2(*left, *right)),
            rest => out.extend(rest.iter().map(|(left, right)| a.mul(*left, *right))),
        }
    }
    out
}

/// `Σ_k s^k values[k]`: one row for each three values, and one for the powers.
pub fn polynomial<A: Arith>(a: &mut A, s: A::V, values: &[A::V]) -> A::V {
    let [s2, s3, _] = a.powers(s);
    let mut sum = None;
    for chunk in values.chunks(3).rev() {
        let mut terms: Vec<_> = chunk[1..].iter().zip([s, s2]).map(|(v, power)| (power, *v)).collect();
        terms.extend(sum.map(|sum| (s3, sum)));
        sum = Some(if terms.is_empty() { chunk[0] } else { a.dot(Some(chunk[0]), &terms, Fr::ZERO) });
    }
    sum.unwrap_or_else(|| a.constant(Fr::ZERO))
}

/// What two points `p` and `q` of `{0,1}^6` contribute bit by bit.
#[derive(Clone, Debug)]
pub struct Pair<V> {
    /// Both bits 0: `(1 - p)(1 - q)`.
    zero: [V; 6],
    /// Both bits 1: `pq`.
    one: [V; 6],
    /// `p`'s bit 1 and `q`'s 0.
    up: [V; 6],
    /// `zero + one`.
    same: [V; 6],
    /// `p`'s bit 0 and `q`'s 1, in all bits up to this one.
    carried: [V; 6],
}

impl<V: Copy> Pair<V> {
    /// All products, for each of the six bits.
    pub fn new<A: Arith<V = V>>(a: &mut A, p: &[V; 6], q: &[V; 6]) -> Self {
        let minus = -Fr::ONE;
        let both: Vec<_> = p.iter().copied().zip(q.iter().copied()).collect();
        let one = products(a, &both);
        let one = std::array::from_fn(|k| one[k]);
        let up = std::array::from_fn(|k| a.linear(Some(p[k]), &[(minus, one[k])], Fr::ZERO));
        let down: [V; 6] = std::array::from_fn(|k| a.linear(Some(q[k]), &[(minus, one[k])], Fr::ZERO));
        let zero = std::array::from_fn(|k| a.linear(None, &[(minus, up[k]), (minus, q[k])], Fr::ONE));
        let same = std::array::from_fn(|k| a.linear(None, &[(minus, up[k]), (minus, down[k])], Fr::ONE));
        Self { zero, one, up, same, carried: prefixes(a, &down) }
    }

    /// `Σ_z eq(p, z) eq(q, z)`.
    pub fn equal<A: Arith<V = V>>(&self, a: &mut A) -> V {
        prefixes(a, &self.same)[5]
    }

    /// `Σ_z eq(p, z + 1) eq(q, z)`, cyclic.
    pub fn next<A: Arith<V = V>>(&self, a: &mut A) -> V {
        let mut done = self.up[0];
        for k in 1..6 {
            let out = (k == 5).then_some(self.carried[5]);
            done = a.dot(out, &[(done, self.same[k]), (self.carried[k - 1], self.up[k])], Fr::ZERO);
        }
        done
    }

    /// `Σ eq(p, z) eq(q, z)` over the set bits `z` of a round constant.
    pub fn iota<A: Arith<V = V>>(&self, a: &mut A, round: usize) -> V {
        let ones = prefixes(a, &self.one);
        iota_sum(a, round, &ones, &self.zero, &self.zero)
    }

    /// `Σ eq(p, z + 1) eq(q, z)` over the set bits `z` of a round constant.
    pub fn iota_next<A: Arith<V = V>>(&self, a: &mut A, round: usize) -> V {
        iota_sum(a, round, &self.carried, &self.up, &self.zero)
    }
}

/// Products of `factors[0..=k]`.
fn prefixes<A: Arith>(a: &mut A, f: &[A::V; 6]) -> [A::V; 6] {
    let [p1, p2] = a.chain2(f[0], f[1], f[2]);
    let [p3, p4] = a.chain2(p2, f[3], f[4]);
    [f[0], p1, p2, p3, p4, a.mul(p4, f[5])]
}

/// A sum over the set bits `z` of a round constant. As `z = 2^j - 1`, its term is
/// `Π_{k<j} low[k] * pivot[j] * Π_{k>j} high[k]`.
///
/// - `lows`: the products of `low[0..=k]`
fn iota_sum<A: Arith>(a: &mut A, round: usize, lows: &[A::V; 6], pivot: &[A::V; 6], high: &[A::V; 6]) -> A::V {
    let flags = iota_flags(round);
    let mut sum = None;
    for k in 0..6 {
        let mut terms: Vec<_> = sum.map(|sum| (sum, high[k])).into_iter().collect();
        if flags[k] {
            let low = if k == 0 { a.constant(Fr::ONE) } else { lows[k - 1] };
            terms.push((low, pivot[k]));
        }
        let all = (k == 5 && flags[6]).then_some(lows[5]);
        if all.is_some() || !terms.is_empty() {
            sum = Some(a.dot(all, &terms, Fr::ZERO));
        }
    }
    sum.unwrap_or_else(|| a.constant(Fr::ZERO))
}

/// What `z` at a [`Pair`] and `z + rotation` at a third point `h` contribute bit by bit.
#[derive(Clone, Debug)]
pub struct Triple<V> {
    /// Bit 0 at the pair and 0 at `h`.
    zero: [V; 6],
    /// Bit 1 at the pair and 1 at `h`.
    one: [V; 6],
    /// Bit 0 at the pair and 1 at `h`.
    up: [V; 6],
    /// Bit 1 at the pair and 0 at `h`.
    down: [V; 6],
    /// `zero + one`.
    same: [V; 6],
}

impl<V: Copy> Triple<V> {
    /// All products, for each of the six bits.
    pub fn new<A: Arith<V = V>>(a: &mut A, pair: &Pair<V>, h: &[V; 6]) -> Self {
        let ups: [[V; 3]; 6] = std::array::from_fn(|k| a.scale3(h[k], [pair.zero[k], pair.one[k], pair.one[k]]));
        let up = ups.map(|[zero, _, _]| zero);
        let one = ups.map(|[_, one, _]| one);
        let down = std::array::from_fn(|k| a.linear(Some(pair.one[k]), &[(-Fr::ONE, one[k])], Fr::ZERO));
        let zero: [V; 6] = std::array::from_fn(|k| a.linear(Some(pair.zero[k]), &[(-Fr::ONE, up[k])], Fr::ZERO));
        let same = std::array::from_fn(|k| a.linear(Some(zero[k]), &[(Fr::ONE, one[k])], Fr::ZERO));
        Self { zero, one, up, down, same }
    }

    /// `Σ eq(p, z) eq(q, z) eq(h, z)` over the set bits `z` of a round constant.
    pub fn iota<A: Arith<V = V>>(&self, a: &mut A, round: usize) -> V {
        let ones = prefixes(a, &self.one);
        iota_sum(a, round, &ones, &self.zero, &self.zero)
    }

    /// `Σ_z eq(p, z) eq(q, z) eq(h, z + r)`, cyclic, for the rotation `r` of each lane.
    pub fn rotations<A: Arith<V = V>>(&self, a: &mut A) -> [V; LANES] {
        let low = self.low(a);
        let high = self.high(a);
        ROTATIONS.map(|r| {
            let (low, high_index) = (&low[r as usize % 8], r as usize / 8);
            match low.1 {
                None => a.mul(low.0, high[high_index]),
                Some(carry) => a.dot(None, &[(low.0, high[high_index]), (carry, high[(high_index + 1) % 8])], Fr::ZERO),
            }
        })
    }

    /// Two bits starting at `k`, for `r` in `0..4`: the sums without and with a carry out of them.
    fn two_bits<A: Arith<V = V>>(&self, a: &mut A, k: usize) -> [(V, Option<V>); 4] {
        let (s0, u0, d0) = (self.same[k], self.up[k], self.down[k]);
        let (s1, u1, d1) = (self.same[k + 1], self.up[k + 1], self.down[k + 1]);
        let [zero, two, two_carry] = a.scale3(s0, [s1, u1, d1]);
        let [one_carry, three] = a.mul2((d1, d0), (u1, u0));
        let one = a.dot(None, &[(s1, u0), (u1, d0)], Fr::ZERO);
        let three_carry = a.dot(None, &[(d1, u0), (s1, d0)], Fr::ZERO);
        [(zero, None), (one, Some(one_carry)), (two, Some(two_carry)), (three, Some(three_carry))]
    }

    /// The three low bits, for `r` in `0..8`: the sums without and with a carry out of them.
    fn low<A: Arith<V = V>>(&self, a: &mut A) -> [(V, Option<V>); 8] {
        let two = self.two_bits(a, 0);
        let (s, u, d) = (self.same[2], self.up[2], self.down[2]);
        let carries = [two[1], two[2], two[3]].map(|(sum, carry)| carry.unwrap_or(sum));
        let [zero, four, four_carry] = a.scale3(two[0].0, [s, u, d]);
        let kept = a.scale3(d, carries);
        let raised = a.scale3(u, [two[1].0, two[2].0, two[3].0]);
        let mut out = [(zero, None); 8];
        out[4] = (four, Some(four_carry));
        for r in 1..4 {
            let (sum, carry) = (two[r].0, carries[r - 1]);
            out[r] = (a.dot(None, &[(s, sum), (u, carry)], Fr::ZERO), Some(kept[r - 1]));
            out[r + 4] = (raised[r - 1], Some(a.dot(None, &[(d, sum), (s, carry)], Fr::ZERO)));
        }
        out
    }

    /// The three high bits, for `r` in `0..8`; a carry out of them is dropped, as rotation is cyclic.
    fn high<A: Arith<V = V>>(&self, a: &mut A) -> [V; 8] {
        let two = self.two_bits(a, 3);
        let (s, u, d) = (self.same[5], self.up[5], self.down[5]);
        std::array::from_fn(|r| {
            let (sum, carry) = two[r % 4];
            let mut terms = if r < 4 { vec![(s, sum)] } else { vec![(u, sum), (d, sum)] };
            match carry {
                Some(carry) if r < 4 => terms.extend([(u, carry), (d, carry)]),
                Some(carry) => terms.push((s, carry)),
                None => {}
            }
            a.dot(None, &terms, Fr::ZERO)
        })
    }
}

/// `eq` of three bits at `(t, t^2, t^4)` for `Y` in `0..5`, and that point.
///
/// The five functions are linearly independent polynomials in `t`, so one challenge combines the planes.
pub fn plane_weights<A: Arith>(a: &mut A, t: A::V) -> ([A::V; 5], [A::V; 3]) {
    let [t2, t3, t4] = a.powers(t);
    let point = [t, t2, t4];
    let one = a.linear(Some(t), &[(-Fr::ONE, t3)], Fr::ZERO);
    let two = a.linear(Some(t2), &[(-Fr::ONE, t3)], Fr::ZERO);
    (with_third_bit(a, [one, two, t3], t4), point)
}

/// `eq(point, Y)` for `Y` in `0..5`.
pub fn plane_eq<A: Arith>(a: &mut A, point: &[A::V; 3]) -> [A::V; 5] {
    let three = a.mul(point[0], point[1]);
    let one = a.linear(Some(point[0]), &[(-Fr::ONE, three)], Fr::ZERO);
    let two = a.linear(Some(point[1]), &[(-Fr::ONE, three)], Fr::ZERO);
    with_third_bit(a, [one, two, three], point[2])
}

/// From `eq` of two bits at 1, 2, 3 to `eq` of three bits at `0..5`.
fn with_third_bit<A: Arith>(a: &mut A, two_bits: [A::V; 3], w: A::V) -> [A::V; 5] {
    let [one, two, three] = two_bits;
    let minus = -Fr::ONE;
    let zero = a.linear(None, &[(minus, one), (minus, two), (minus, three)], Fr::ONE);
    let four = a.mul(zero, w);
    let zero = a.linear(Some(zero), &[(minus, four)], Fr::ZERO);
    let [one, two, three] = two_bits.map(|e| a.minus(e, &[(e, w)]));
    [zero, one, two, three, four]
}

#[cfg(test)]
mod tests {
    use super::super::arith::Native;
    use super::super::permutation::{ROUND_CONSTANTS, ROUNDS};
    use super::super::poly;
    use super::*;

    fn point(seed: u64) -> [Fr; 6] {
        std::array::from_fn(|k| Fr::from(seed + 1000 * k as u64).square() + Fr::from(7))
    }

    fn tables() -> [Vec<Fr>; 3] {
        [poly::eq_table(&point(3)), poly::eq_table(&point(5)), poly::eq_table(&point(8))]
    }

    fn set_bits(round: usize) -> impl Iterator<Item = usize> {
        (0..64).filter(move |z| ROUND_CONSTANTS[round] >> z & 1 == 1)
    }

    #[test]
    fn pairs_agree_with_the_sums_they_stand_for() {
        let (a, [p, q, _]) = (&mut Native::default(), tables());
        let pair = Pair::new(a, &point(3), &point(5));
        assert_eq!(pair.equal(a), (0..64).map(|z| p[z] * q[z]).sum());
        assert_eq!(pair.next(a), (0..64).map(|z| p[(z + 1) % 64] * q[z]).sum());
        for round in 0..ROUNDS {
            assert_eq!(pair.iota(a, round), set_bits(round).map(|z| p[z] * q[z]).sum(), "round {round}");
            assert_eq!(pair.iota_next(a, round), set_bits(round).map(|z| p[(z + 1) % 64] * q[z]).sum(), "{round}");
        }
    }

    #[test]
    fn rotations_agree_with_the_sums_they_stand_for() {
        let (a, [p, q, h]) = (&mut Native::default(), tables());
        let pair = Pair::new(a, &point(3), &point(5));
        let triple = Triple::new(a, &pair, &point(8));
        for (value, r) in triple.rotations(a).into_iter().zip(ROTATIONS) {
            let expected: Fr = (0..64).map(|z| p[z] * q[z] * h[(z + r as usize) % 64]).sum();
            assert_eq!(value, expected, "rotation {r}");
        }
        for round in 0..ROUNDS {
            assert_eq!(triple.iota(a, round), set_bits(round).map(|z| p[z] * q[z] * h[z]).sum(), "round {round}");
        }
    }

    #[test]
    fn planes_and_tables() {
        let a = &mut Native::default();
        let t = Fr::from(91);
        let (weights, point) = plane_weights(a, t);
        assert_eq!(point, [t, t.square(), t.square().square()]);
        assert_eq!(weights[..], poly::eq_table(&point)[..5]);
        let point = [3, 5, 7].map(Fr::from);
        assert_eq!(plane_eq(a, &point)[..], poly::eq_table(&point)[..5]);
        assert_eq!(eq_table(a, &point), poly::eq_table(&point));
        let values: Vec<Fr> = (1..=25).map(Fr::from).collect();
        for count in 0..=25 {
            let expected = values[..count].iter().rev().fold(Fr::ZERO, |sum, v| sum * t + v);
            assert_eq!(polynomial(a, t, &values[..count]), expected, "{count} values");
        }
    }
}
