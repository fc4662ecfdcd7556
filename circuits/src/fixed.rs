//! Fixed point: the real `v` is the integer `round(v * 2^FRAC_BITS)`; signed integers live in the field as `v mod p`.

use halo2_base::halo2_proofs::{
    arithmetic::Field,
    halo2curves::{bn256::Fr, ff::PrimeField},
};

/// Fraction bits of features, activations and outputs.
pub const FRAC_BITS: usize = 16;
/// The integer that stands for 1.0.
pub const ONE: i64 = 1 << FRAC_BITS;
/// Features saturate at `±(2^FEATURE_BITS - 1)`, the real ±2^36.
pub const FEATURE_BITS: usize = 52;
/// The largest feature.
pub const FEATURE_MAX: i64 = (1 << FEATURE_BITS) - 1;

/// `v mod p`.
pub fn to_field(v: i128) -> Fr {
    if v < 0 { -Fr::from_u128(v.unsigned_abs()) } else { Fr::from_u128(v.unsigned_abs()) }
}

/// The low 128 bits of the canonical representative; exact for values below `2^128`.
pub fn low_128(f: Fr) -> u128 {
    let bytes = f.to_repr();
    u128::from_le_bytes(std::array::from_fn(|i| bytes[i]))
}

/// The inverse of [`to_field`] for `|v| < 2^127`; any other element gives some number, never a panic.
pub fn to_integer(f: Fr) -> i128 {
    let negative = f.to_repr()[31] >= 0x18;
    if negative { (low_128(-f) as i128).wrapping_neg() } else { low_128(f) as i128 }
}

/// `2^bits` in the field.
pub fn power_of_two(bits: usize) -> Fr {
    Fr::from(2).pow([bits as u64])
}

/// The nearest fixed-point number, saturated at the bounds of a feature; NaN gives 0.
pub fn from_real(v: f64) -> i64 {
    let scaled = (v * ONE as f64).round();
    (scaled as i64).clamp(-FEATURE_MAX, FEATURE_MAX)
}

/// The real number of a fixed-point one.
pub fn to_real(v: i64) -> f64 {
    v as f64 / ONE as f64
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn signed_integers_survive_the_field(v in i128::MIN / 2..i128::MAX / 2) {
            prop_assert_eq!(to_integer(to_field(v)), v);
        }
    }

    #[test]
    fn real_numbers_round_and_saturate() {
        assert_eq!(from_real(1.0), ONE);
        assert_eq!(from_real(-0.5), -ONE / 2);
        assert_eq!(from_real(1e30), FEATURE_MAX);
        assert_eq!(from_real(-1e30), -FEATURE_MAX);
        assert_eq!(from_real(f64::NAN), 0);
        assert!((to_real(from_real(0.1)) - 0.1).abs() < 1.0 / ONE as f64);
    }
}
