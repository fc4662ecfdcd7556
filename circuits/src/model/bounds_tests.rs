//! Overflow analysis at the bounds: the largest weights that a layer takes, on the inputs that reach furthest.

use super::{tests::in_circuit, *};
use crate::{fixed::to_field, score::sheet::LIMB_BITS};
use proptest::prelude::*;

/// A layer of these weights, `2^scale` times as large, that ends in a clip.
fn model(rows: &[Vec<i64>], scale: u32, shift: u32) -> Option<Model> {
    let weights =
        rows.iter().map(|row| row.iter().map(|w| w.checked_mul(1 << scale)).collect()).collect::<Option<Vec<_>>>()?;
    let activation = Activation::Clip { low: -FEATURE_MAX, high: FEATURE_MAX };
    let dense = Dense { bias: vec![0; rows.len()], weights, shift, bits: 0, activation };
    Model::chain(rows[0].len(), vec![("dense".into(), dense)]).sized().ok()
}

/// The sum of a row, rescaled and clipped, in integers that do not overflow.
fn exact(weights: &[i64], inputs: &[i64], shift: u32) -> i64 {
    let sum: i128 = weights.iter().zip(inputs).map(|(w, x)| i128::from(*w) * i128::from(*x)).sum();
    let rescaled = (sum + (1 << (shift - 1))) >> shift;
    rescaled.clamp((-FEATURE_MAX).into(), FEATURE_MAX.into()) as i64
}

fn rows() -> impl Strategy<Value = Vec<Vec<i64>>> {
    (1..6usize, 1..4usize)
        .prop_flat_map(|(inputs, outputs)| {
            prop::collection::vec(prop::collection::vec(-1_000..=1_000_i64, inputs), outputs)
        })
        .prop_filter("a weight", |rows| rows.iter().flatten().any(|w| *w != 0))
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn the_largest_sums_of_a_layer_are_exact(rows in rows(), shift in 0..3_usize, slip in -2..=2_i64) {
        let shift = Dense::SHIFTS[shift];
        let found = (0..52).rev().find_map(|scale| model(&rows, scale, shift));
        let model = found.expect("small weights are taken");
        let Op::Dense(dense) = &model.layers[0].op else { panic!("expected a dense layer") };
        for row in dense.weights.clone() {
            for sign in [1, -1] {
                // at the end of what this output reaches, and a little before it
                let end = |w: &i64| sign * w.signum() * FEATURE_MAX;
                for x in [row.iter().map(end).collect::<Vec<_>>(), row.iter().map(|w| end(w) - end(w).signum() * slip.abs()).collect()] {
                    let expected: Vec<i64> = dense.weights.iter().map(|w| exact(w, &x, shift)).collect();
                    prop_assert_eq!(&model.run(&x).unwrap(), &expected);
                    let expected: Vec<Fr> = expected.iter().map(|v| to_field(i128::from(*v))).collect();
                    prop_assert_eq!(in_circuit(&model, &x), expected);
                }
            }
        }
    }

    /// What is declared is enough, and no limb of it is spare.
    #[test]
    fn one_limb_less_is_refused(rows in rows(), shift in 0..3_usize) {
        let shift = Dense::SHIFTS[shift];
        let scale = (0..52).rev().find(|scale| model(&rows, *scale, shift).is_some()).expect("small weights are taken");
        let mut model = model(&rows, scale, shift).expect("taken");
        prop_assert!(model.check().is_ok());
        let Op::Dense(dense) = &mut model.layers[0].op else { panic!("expected a dense layer") };
        dense.bits -= LIMB_BITS;
        let said = model.check().unwrap_err();
        prop_assert!(matches!(said, ModelError::Bits { .. }), "{}", said);
    }
}

#[test]
fn sums_that_could_leave_their_range_are_refused() {
    let rows = |inputs| vec![vec![i64::MAX >> 1; inputs]];
    // 2^62 times 2^52 for each input, and 2^120 is refused
    assert!(model(&rows(63), 0, 39).is_some());
    assert!(model(&rows(65), 0, 39).is_none());
}
