//! The degree of gates. halo2 takes the smaller of the real degree and a bound for the degree of a circuit, so a gate above the bound
//! would be mis-proven without a word: here it stops the configuration.

use halo2_base::halo2_proofs::{halo2curves::bn256::Fr, plonk::ConstraintSystem};

/// Largest degree of a gate.
pub const MAX_DEGREE: usize = 5;

/// Checks every gate of `meta`.
///
/// # Panics
/// If a gate's degree is above [`MAX_DEGREE`], or the environment variable of this name gives halo2 another bound.
pub(crate) fn assert_degrees(meta: &ConstraintSystem<Fr>) {
    if let Ok(bound) = std::env::var("MAX_DEGREE") {
        assert_eq!(bound, MAX_DEGREE.to_string(), "the environment's MAX_DEGREE changes what halo2 proves: unset it");
    }
    for gate in meta.gates() {
        let degree = gate.polynomials().iter().map(|polynomial| polynomial.degree()).max().unwrap_or(0);
        assert!(degree <= MAX_DEGREE, "gate {:?} has degree {degree}, expected at most {MAX_DEGREE}", gate.name());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use halo2_base::halo2_proofs::poly::Rotation;
    use test_case::test_case;

    #[test_case(4; "accepted")]
    #[test_case(5 => panics "has degree 6, expected at most 5"; "one too many")]
    fn counts_the_selector(power: u32) {
        let mut meta = ConstraintSystem::<Fr>::default();
        let (column, selector) = (meta.advice_column(), meta.fixed_column());
        meta.create_gate("power", |meta| {
            let x = meta.query_advice(column, Rotation::cur());
            let selected = meta.query_fixed(selector, Rotation::cur());
            vec![(0..power).fold(selected, |acc, _| acc * x.clone())]
        });
        assert_degrees(&meta);
    }
}
