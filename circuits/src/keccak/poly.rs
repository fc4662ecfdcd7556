//! Multilinear extensions and round polynomials, natively.
//!
//! Variables are bound lowest bit first: `point[0]` belongs to the lowest bit of the index.

use halo2_base::halo2_proofs::{
    arithmetic::Field,
    halo2curves::{bn256::Fr, ff::PrimeField},
};
use std::sync::LazyLock;

/// `eq(point, i)` for all `i`: the product of `point[j]` or `1 - point[j]`, as bit `j` of `i` is set or not.
pub fn eq_table(point: &[Fr]) -> Vec<Fr> {
    let mut table = vec![Fr::ONE];
    for w in point {
        let high: Vec<Fr> = table.iter().map(|e| e * w).collect();
        for (low, high) in table.iter_mut().zip(&high) {
            *low -= high;
        }
        table.extend(high);
    }
    table
}

/// `eq(a, b)` at two points.
pub fn eq(a: &[Fr], b: &[Fr]) -> Fr {
    a.iter().zip(b).map(|(a, b)| Fr::ONE - a - b + (a * b).double()).product()
}

/// Binds the lowest variable of `values` to `r`.
pub fn fold(values: &[Fr], r: Fr) -> Vec<Fr> {
    values.as_chunks::<2>().0.iter().map(|[low, high]| low + r * (high - low)).collect()
}

/// The multilinear extension of `values` at `point`.
pub fn evaluate(values: &[Fr], point: &[Fr]) -> Fr {
    point.iter().fold(values.to_vec(), |values, r| fold(&values, *r))[0]
}

/// The places where the prover evaluates a round polynomial, besides infinity (its leading coefficient).
/// Degree `d` needs the first `d`.
pub const NODES: [i64; 6] = [0, 1, -1, 2, -2, 3];

/// `inverses[d][k][m]`: coefficient `k` of the quotient of a degree-`d` round polynomial, from its value at node
/// `2 + m` after the leading term is removed.
static INVERSES: LazyLock<Vec<Vec<Vec<Fr>>>> = LazyLock::new(|| (0..=6).map(interpolation).collect());

/// A small integer as a field element.
pub fn small(value: i64) -> Fr {
    let magnitude = Fr::from(value.unsigned_abs());
    if value < 0 { -magnitude } else { magnitude }
}

/// Turns values into the form in which a round polynomial is sent (see `RoundPolynomial`).
///
/// - `values`: at the first `D` of [`NODES`], then the leading coefficient: `D + 1` elements, `D >= 3`
pub fn round_polynomial<const D: usize>(values: &[Fr]) -> [Fr; D] {
    let (lead, slope) = (values[D], values[1] - values[0]);
    // (t(x) - t(0) - slope x) / (x (x - 1)) - lead x^(D-2) has degree D - 3, and D - 2 nodes are left.
    let rest: Vec<Fr> = (2..D)
        .map(|m| {
            let x = NODES[m];
            let numerator = values[m] - values[0] - slope * small(x);
            numerator * INVERSE_EDGES[m] - lead * small(x.pow(D as u32 - 2))
        })
        .collect();
    std::array::from_fn(|k| match k {
        0 => slope,
        k if k == D - 1 => lead,
        k => INVERSES[D][k - 1].iter().zip(&rest).map(|(c, v)| c * v).sum(),
    })
}

/// `1 / (x (x - 1))` at each node from the third on.
static INVERSE_EDGES: LazyLock<[Fr; 6]> =
    LazyLock::new(|| NODES.map(|x| small(x * (x - 1)).invert().unwrap_or(Fr::ZERO)));

/// Lagrange interpolation through the nodes `2..d`: coefficients by node.
fn interpolation(d: usize) -> Vec<Vec<Fr>> {
    let nodes: Vec<i64> = (2..d).map(|m| NODES[m]).collect();
    let mut coefficients = vec![vec![Fr::ZERO; nodes.len()]; nodes.len()];
    for (m, x) in nodes.iter().enumerate() {
        let mut basis = vec![Fr::ONE];
        for other in nodes.iter().filter(|other| *other != x) {
            let scale = small(x - other).invert().unwrap_or(Fr::ZERO);
            let mut next = vec![Fr::ZERO; basis.len() + 1];
            for (k, c) in basis.iter().enumerate() {
                next[k + 1] += c * scale;
                next[k] -= c * scale * small(*other);
            }
            basis = next;
        }
        for (k, c) in basis.into_iter().enumerate() {
            coefficients[k][m] = c;
        }
    }
    coefficients
}

/// `first * ratio^k` for `k` in `0..L`.
pub fn geometric<const L: usize>(first: Fr, ratio: Fr) -> [Fr; L] {
    let mut next = first;
    std::array::from_fn(|_| {
        let this = next;
        next *= ratio;
        this
    })
}

/// `1/2`.
pub fn half() -> Fr {
    Fr::TWO_INV
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The value at `x` of a polynomial sent as `sent`, given its value at zero.
    fn at(sent: &[Fr], zero: Fr, x: Fr) -> Fr {
        let quotient = sent[1..].iter().rev().fold(Fr::ZERO, |sum, c| sum * x + c);
        zero + sent[0] * x + x * (x - Fr::ONE) * quotient
    }

    fn check<const D: usize>() {
        let coefficients: Vec<Fr> = (0..=D as u64).map(|k| Fr::from(k * k * 17 + 5)).collect();
        let poly = |x: Fr| coefficients.iter().rev().fold(Fr::ZERO, |sum, c| sum * x + c);
        let mut values: Vec<Fr> = NODES[..D].iter().map(|x| poly(small(*x))).collect();
        values.push(coefficients[D]);
        let sent = round_polynomial::<D>(&values);
        let x = Fr::from(123_456_789);
        assert_eq!(at(&sent, values[0], x), poly(x), "degree {D}");
    }

    #[test]
    fn sent_form_has_the_values_of_the_polynomial() {
        check::<3>();
        check::<4>();
        check::<5>();
        check::<6>();
    }

    #[test]
    fn tables_and_products_agree() {
        let (a, b) = ([3, 5, 7].map(Fr::from), [11, 13, 17].map(Fr::from));
        let table = eq_table(&a);
        assert_eq!(evaluate(&table, &b), eq(&a, &b));
        assert_eq!(table.iter().sum::<Fr>(), Fr::ONE);
        assert_eq!(table[4], (Fr::ONE - a[0]) * (Fr::ONE - a[1]) * a[2]);
    }
}
