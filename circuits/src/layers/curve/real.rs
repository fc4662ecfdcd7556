//! Elementary functions from `+ - * /` and `sqrt` alone, which IEEE 754 rounds in one way: samples are the same everywhere.

const LN_2: f64 = std::f64::consts::LN_2;

/// `e^x`; error below 1e-13 relative for `|x| < 40`; saturates beyond ±700.
pub fn exp(x: f64) -> f64 {
    let x = x.clamp(-700.0, 700.0);
    // x = k ln 2 + r with |r| <= ln 2 / 2
    let k = (x / LN_2).round();
    let r = x - k * LN_2;
    let series = (1..=18).rev().fold(1.0, |sum, n| 1.0 + sum * r / f64::from(n));
    let mut power = 1.0;
    for _ in 0..k.abs() as u32 {
        power *= 2.0;
    }
    if k < 0.0 { series / power } else { series * power }
}

/// `ln x` for `1 <= x <= 2`; error below 1e-15.
pub fn ln(x: f64) -> f64 {
    // ln x = 2 artanh((x - 1) / (x + 1)), and |(x - 1) / (x + 1)| <= 1/3
    let t = (x - 1.0) / (x + 1.0);
    2.0 * t * (0..20).rev().fold(0.0, |sum, n| sum * t * t + 1.0 / f64::from(2 * n + 1))
}

/// The error function; error below 1e-12 for `|x| <= 5`.
pub fn erf(x: f64) -> f64 {
    // erf x = 2 / sqrt(pi) e^(-x^2) Σ 2^n x^(2n+1) / (2n+1)!!, a series without cancellation
    let (mut term, mut sum) = (x, x);
    for n in 1..120 {
        term *= 2.0 * x * x / f64::from(2 * n + 1);
        sum += term;
    }
    2.0 / std::f64::consts::PI.sqrt() * exp(-x * x) * sum
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn agrees_with_the_machine() {
        for i in -400..=400 {
            let x = f64::from(i) / 40.0;
            assert!((exp(x) / x.exp() - 1.0).abs() < 1e-13, "exp {x}");
            let y = 1.0 + (x + 10.0) / 20.0;
            assert!((ln(y) - y.ln()).abs() < 1e-15, "ln {y}");
        }
        // Abramowitz and Stegun, table 7.1, and erfc(4)
        for (x, expected) in [(0.0, 0.0), (0.5, 0.520_499_877_8), (1.0, 0.842_700_792_9), (2.0, 0.995_322_265_0)] {
            assert!((erf(x) - expected).abs() < 1e-10, "erf {x}");
            assert!((erf(-x) + expected).abs() < 1e-10, "erf -{x}");
        }
        assert!((1.0 - erf(4.0) - 1.541_725_79e-8).abs() < 1e-12);
    }
}
