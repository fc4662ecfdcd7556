//! Curves: how far from the real functions, equal to the executor, and each lie.

use super::*;
use crate::{fixed::ONE, score::sheet::Violation};
use test_case::test_case;

// the bound of the straight line, half a last bit, and where the function is cut off
#[test_case(Curve::Sigmoid, 2e-5)]
#[test_case(Curve::Tanh, 3e-5)]
#[test_case(Curve::Erf, 2e-5)]
#[test_case(Curve::Exp, 1e-5; "exp, relative above 1")]
#[test_case(Curve::EluTail, 3e-5)]
#[test_case(Curve::SoftplusTail, 2e-5)]
#[test_case(Curve::GeluTail, 2e-5)]
fn stays_within_its_error_bound(curve: Curve, bound: f64) {
    let Domain { low, high, .. } = curve.domain().unwrap();
    let margin = if curve == Curve::Exp { 0 } else { i128::from(ONE) };
    let (low, high) = (i128::from(low) * i128::from(ONE) - margin, i128::from(high) * i128::from(ONE) + margin);
    let end = run(curve, i128::MAX);
    assert_eq!((run(curve, low - 1), run(curve, high + 1)), (run(curve, i128::MIN), end));
    for x in (low..high).step_by(7) {
        let (y, real) = (run(curve, x), curve.real(x as f64 / ONE as f64));
        let relative = if curve == Curve::Exp { real.max(1.0) } else { 1.0 };
        assert!((y as f64 / ONE as f64 - real).abs() < bound * relative + 0.5 / ONE as f64, "at {x}: {y}, {real}");
        assert!(curve.range().low <= y && y <= curve.range().high, "at {x}: {y}");
    }
}

#[test]
fn keys_of_curves_do_not_meet() {
    assert!(Curve::ALL.iter().all(|c| c.samples().len() <= 1 << LIMB_BITS));
    assert!(Curve::ALL.iter().enumerate().all(|(i, c)| *c as usize == i));
}

#[test]
fn equals_the_native_function() {
    for curve in Curve::ALL.into_iter().filter(|c| c.domain().is_some()) {
        for x in [0, 1, -1, 511, 512, 513, -512, 65_535, 400_000, -400_000, 786_432, -786_432, 1 << 51, -(1 << 51)] {
            let mut sheet = Sheet::default();
            let cell = sheet.witness(to_field(x));
            let out = apply(&mut sheet, curve, cell, 52);
            assert_eq!(sheet.violations(&[]), [], "{curve:?} at {x}");
            assert_eq!(value(&out), to_field(run(curve, x)), "{curve:?} at {x}");
        }
    }
}

const X: i128 = 100_000;
/// Outside the domain of tanh.
const FAR: i128 = 500_000;

/// The honest claim at `x`, changed.
fn claim(x: i128, change: fn(&mut Hint)) -> Hint {
    let mut hint = hint(Curve::Tanh, x);
    change(&mut hint);
    hint
}

/// Moves `line` to another place, with the samples and the value there.
fn moved(line: &mut Line, index: i128, position: i128) {
    *line = super::line(Curve::Tanh, line.index + index, line.position + position, 0);
}

#[test_case(true, X, claim(X, |_| ()); "honest")]
#[test_case(true, FAR, claim(FAR, |_| ()); "honest, above")]
#[test_case(true, -FAR, claim(-FAR, |_| ()); "honest, below")]
#[test_case(false, X, claim(X + 512, |_| ()); "value of another place")]
#[test_case(false, X, claim(X, |h| h.line.low += 1); "sample not of the curve")]
#[test_case(false, X, claim(X, |h| moved(&mut h.line, -1, 1 << 13)); "position beyond the step")]
#[test_case(false, X, claim(X, |h| moved(&mut h.line, 1, -(1 << 13))); "position before the step")]
#[test_case(false, X, claim(X, |h| h.line.result += Fr::ONE); "wrong equation")]
#[test_case(false, X, claim(X, |h| { h.line.result += Fr::ONE; h.line.dropped -= 1 << 26; }); "dropped below zero")]
#[test_case(false, X, claim(X, |h| { h.line.result -= Fr::ONE; h.line.dropped += 1 << 26; }); "dropped too large")]
#[test_case(false, X, claim(X, wrapped); "result wraps the field")]
#[test_case(false, X, Hint { excess: 16 * X, above: true, ..claim(0, |_| ()) }; "inside called outside")]
#[test_case(false, FAR, claim(FAR, |h| { h.excess += 1 << 13; moved(&mut h.line, -1, 0); }); "cut off too early")]
#[test_case(false, FAR, claim(FAR, |h| h.above = false); "above called below")]
#[test_case(false, -FAR, Hint { excess: -16 * (FAR + 6 * 65_536), ..claim(FAR, |_| ()) }; "below called above")]
fn accepts_only_the_true_value(accept: bool, x: i128, claim: Hint) {
    let mut sheet = Sheet::default();
    let cell = sheet.witness(to_field(x));
    constrain(&mut sheet, Curve::Tanh, cell, 52, claim);
    assert_eq!(sheet.violations(&[]).is_empty(), accept);
}

fn wrapped(hint: &mut Hint) {
    let Line { result, dropped, .. } = hint.line;
    hint.line.result = result + to_field(dropped) * power_of_two(DROP_BITS).invert().unwrap();
    hint.line.dropped = 0;
}

/// Far outside, the step's number is a key of the curve that comes next.
#[test]
fn a_sample_of_another_curve_is_refused() {
    let mut sheet = Sheet::default();
    let x = sheet.witness(Fr::ZERO);
    apply(&mut sheet, Curve::Tanh, x, 52);
    apply(&mut sheet, Curve::Sigmoid, x, 52);
    let index = 1 << 20;
    let far = ((index << LIMB_BITS) >> 4) - 6 * i128::from(ONE);
    let x = sheet.witness(to_field(far));
    let line = Line { index, ..line(Curve::Sigmoid, 0, 0, 0) };
    constrain(&mut sheet, Curve::Tanh, x, 52, Hint { excess: 0, above: false, line });
    let found = sheet.violations(&[]);
    assert!(matches!(found.as_slice(), [Violation::Range(_)]), "{found:?}");
}
