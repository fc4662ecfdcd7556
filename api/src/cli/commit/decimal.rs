//! Decimal numbers to fixed point, exactly: `floor(number · 2^16 / divisor)`, as features are rounded.

use alloy::primitives::U512;
use vouch_circuits::fixed::FRAC_BITS;

/// Digits of a number, and greatest exponent: with divisors below 2^120 nothing leaves 512 bits.
const MOST: usize = 40;

/// The fixed-point number of `text` divided by `divisor`; the error says what was expected.
pub(super) fn fixed(text: &str, divisor: u128) -> Result<i64, String> {
    let refuse = || format!("expected a decimal number of at most {MOST} digits, got {text:?}");
    let (is_negative, rest) = match text.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, text.strip_prefix('+').unwrap_or(text)),
    };
    let (digits, exponent) = match rest.split_once(['e', 'E']) {
        Some((digits, exponent)) => (digits, exponent.parse::<i64>().map_err(|_| refuse())?),
        None => (rest, 0),
    };
    let (whole, part) = digits.split_once('.').unwrap_or((digits, ""));
    let mantissa = [whole, part].concat();
    let is_number = !mantissa.is_empty() && mantissa.bytes().all(|b| b.is_ascii_digit());
    let exponent = exponent.saturating_sub(part.len() as i64);
    if !is_number || mantissa.len() > MOST || exponent.unsigned_abs() > MOST as u64 {
        return Err(refuse());
    }
    let power = U512::from(10).pow(U512::from(exponent.unsigned_abs()));
    let mantissa: U512 = mantissa.parse().map_err(|_| refuse())?;
    let (mut over, mut under) = (mantissa << FRAC_BITS, U512::from(divisor));
    if exponent < 0 {
        under *= power
    } else {
        over *= power
    }
    let rounded = if is_negative { over.div_ceil(under) } else { over / under };
    let magnitude = i64::try_from(rounded).map_err(|_| format!("expected a smaller number, got {text}"))?;
    Ok(if is_negative { -magnitude } else { magnitude })
}

#[cfg(test)]
mod tests {
    use super::fixed;

    #[test]
    fn numbers_are_divided_and_rounded_down_exactly() {
        for (text, divisor, expected) in [
            ("1", 1, 65_536),
            ("-1", 1, -65_536),
            ("0.5", 1, 32_768),
            ("+.5", 1, 32_768),
            ("54000", 10_000, 353_894), // 5.4 = 353894.4
            ("-54000", 10_000, -353_895),
            ("5.4e4", 10_000, 353_894),
            ("30", 100, 19_660),
            ("0.0000152587890625", 1, 1), // 2^-16
            ("0.00001525878906249", 1, 0),
            ("-0.00001525878906249", 1, -1),
            ("0", 7, 0),
            ("-0", 7, 0),
            ("1000000000000000000000000000000000000", 10_u128.pow(36), 65_536),
            ("1e-40", 1, 0),
        ] {
            assert_eq!(fixed(text, divisor), Ok(expected), "{text} / {divisor}");
        }
    }

    #[test]
    fn what_is_no_number_is_refused() {
        for text in ["", "-", ".", "1,5", "0x12", "1e", "1e99", "NaN", "inf", "1 2", "--1", "1e-41", &"9".repeat(41)] {
            let said = fixed(text, 1).unwrap_err();
            assert_eq!(said, format!("expected a decimal number of at most 40 digits, got {text:?}"));
        }
        assert_eq!(fixed("1e40", 1).unwrap_err(), "expected a smaller number, got 1e40");
    }
}
