//! From the words of the facts to the inputs of the model, as the plan says: natively here, in the circuit in [`circuit`].
//!
//! Statement: a number is `min(floor(field * 2^FRAC_BITS / divisor), FEATURE_MAX)`, where `field` is the bit field of
//! the word; a feature is made of its numbers, newest first, by the integer arithmetic of [`Make`].

pub mod average;
pub mod circuit;
pub mod compare;
pub mod divide;
pub mod extract;
pub mod extreme;
pub mod spread;

use crate::{
    fixed::{FEATURE_MAX, FRAC_BITS, ONE},
    layers::logarithm,
    plan::{Feature, Make, Plan},
};

/// The bits `low..high` of a big-endian word, without what lies above their low 128; true if something does.
pub fn field(word: &[u8; 32], low: usize, high: usize) -> (u128, bool) {
    let bit = |i: usize| word[31 - i / 8] >> (i % 8) & 1 == 1;
    let number = (low..high.min(low + 128)).filter(|i| bit(*i)).map(|i| 1 << (i - low)).sum();
    (number, (low + 128..high).any(bit))
}

/// `floor(field * 2^FRAC_BITS / divisor)`, saturated.
pub fn number(field: (u128, bool), divisor: u128) -> i64 {
    let split = extract::hint(field.0, divisor);
    if field.1 || split.quotient_high != 0 { FEATURE_MAX } else { split.quotient_low as i64 }
}

/// `floor(numerator * 2^FRAC_BITS / denominator)`, saturated; `missing` unless `denominator > 0`.
/// Assumes `0 <= numerator <= FEATURE_MAX`.
pub fn ratio(numerator: i64, denominator: i64, missing: i64) -> i64 {
    if denominator <= 0 {
        return missing;
    }
    let quotient = (i128::from(numerator) << FRAC_BITS) / i128::from(denominator);
    quotient.min(i128::from(FEATURE_MAX)) as i64
}

/// The inputs of the model, given the words of [`Plan::facts`] in order.
///
/// `None` unless there is one word for each fact.
pub fn compute(plan: &Plan, words: &[[u8; 32]]) -> Option<Vec<i64>> {
    if words.len() != plan.facts.len() {
        return None;
    }
    let mut features: Vec<i64> = Vec::with_capacity(plan.features.len());
    for feature in &plan.features {
        let numbers: Vec<i64> =
            feature.numbers.iter().map(|n| number(field(&words[n.fact], n.low, n.high), n.divisor)).collect();
        features.push(one(plan, feature, &numbers, &features));
    }
    Some(features)
}

/// One feature of its numbers and the features before.
fn one(plan: &Plan, feature: &Feature, numbers: &[i64], before: &[i64]) -> i64 {
    let (newest, oldest) = (numbers[0], numbers[numbers.len() - 1]);
    if let Some(needs) = feature.needs
        && numbers[needs.position(numbers.len())] == 0
    {
        return needs.missing;
    }
    match &feature.make {
        Make::Last => newest,
        Make::Delta => newest - oldest,
        Make::Mean => numbers.iter().sum::<i64>() / numbers.len() as i64,
        Make::Min => numbers.iter().copied().min().unwrap_or(newest),
        Make::Max => numbers.iter().copied().max().unwrap_or(newest),
        Make::Ratio { over, missing } => ratio(newest, before[*over], *missing),
        Make::Std => spread::deviation(numbers),
        Make::ZScore { missing } => spread::score(numbers, *missing),
        Make::Ema { alpha } => average::run(*alpha, numbers),
        Make::Log2 => log2(newest),
        Make::Count { bound } => compare::count(numbers, *bound),
        Make::Age { missing } => compare::age(numbers, &plan.back_blocks(feature), *missing),
        Make::Rank { bounds } => compare::rank(newest, bounds),
    }
}

/// `log2(1 + number)`.
fn log2(number: i64) -> i64 {
    (logarithm::run(i128::from(number) + i128::from(ONE)) - i128::from(ONE) * FRAC_BITS as i128) as i64
}

#[cfg(test)]
mod tests;

#[cfg(test)]
mod numbers {
    use super::*;
    use crate::fixed::ONE;
    use test_case::test_case;

    fn word(low: u128, high: u128) -> [u8; 32] {
        let mut word = [0; 32];
        word[..16].copy_from_slice(&high.to_be_bytes());
        word[16..].copy_from_slice(&low.to_be_bytes());
        word
    }

    #[test_case(0, 128, (5, false); "low half")]
    #[test_case(128, 256, (9, false); "high half")]
    #[test_case(1, 3, (2, false); "inside a byte")]
    #[test_case(0, 256, (5, true); "more than 128 bits")]
    #[test_case(128, 129, (1, false); "one bit")]
    fn bit_fields(low: usize, high: usize, expected: (u128, bool)) {
        assert_eq!(field(&word(5, 9), low, high), expected);
    }

    #[test_case((3, false), 1, 3 * ONE; "integer")]
    #[test_case((15, false), 10, ONE * 3 / 2; "decimals")]
    #[test_case((1, false), 10_u128.pow(36), 0; "rounds down")]
    #[test_case((u128::MAX, false), 1, FEATURE_MAX; "saturates")]
    #[test_case((0, true), 1, FEATURE_MAX; "saturates above 128 bits")]
    #[test_case((90, false), 60, ONE * 3 / 2; "minutes of seconds")]
    #[test_case((10_u128.pow(36) * 7 / 2, false), 10_u128.pow(36), ONE * 7 / 2; "largest decimals")]
    fn numbers(field: (u128, bool), divisor: u128, expected: i64) {
        assert_eq!(number(field, divisor), expected);
    }

    #[test]
    fn logarithms() {
        assert_eq!([0, ONE, 3 * ONE, 1023 * ONE].map(log2), [0, ONE, 2 * ONE, 10 * ONE]);
        assert!(log2(FEATURE_MAX) <= 36 * ONE);
    }

    #[test_case(ONE, 2 * ONE, ONE / 2; "half")]
    #[test_case(ONE, 0, 7; "undefined at zero")]
    #[test_case(ONE, -ONE, 7; "undefined below zero")]
    #[test_case(FEATURE_MAX, 1, FEATURE_MAX; "saturates")]
    fn ratios(numerator: i64, denominator: i64, expected: i64) {
        assert_eq!(ratio(numerator, denominator, 7), expected);
    }
}
