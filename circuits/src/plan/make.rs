//! The entries of a feature that say how it is made.

use super::{
    Feature, Make, Needs,
    read::{FeatureEntry, PlanError, Reader},
};
use crate::fixed;

/// Most thresholds of a rank.
const MAX_THRESHOLDS: usize = 64;

/// A real number that a feature can have, in fixed point.
pub(super) fn missing(reader: &Reader, v: f64) -> Result<i64, PlanError> {
    match v.is_finite() && v.abs() <= fixed::to_real(fixed::FEATURE_MAX) {
        true => Ok(fixed::from_real(v)),
        false => Err(reader.refuse("missing", "a number between -2^36 and 2^36", v)),
    }
}

/// The smallest number above `v`, or at least `v`, in fixed point.
fn bound(reader: &Reader, entry: &'static str, v: f64, above: bool) -> Result<i64, PlanError> {
    let scaled = v * fixed::ONE as f64;
    let bound = if above { scaled.floor() + 1.0 } else { scaled.ceil() };
    match bound >= 1.0 && bound <= fixed::FEATURE_MAX as f64 {
        true => Ok(bound as i64),
        false => Err(reader.refuse(entry, "numbers from 0 to 2^36, thresholds above 0", v)),
    }
}

pub(super) fn read(
    reader: &Reader,
    entry: &FeatureEntry,
    earlier: &[Feature],
    missing: i64,
) -> Result<Make, PlanError> {
    let name = entry.make.as_str();
    let entries = [
        ("over", entry.over.is_some(), "ratio"),
        ("alpha", entry.alpha.is_some(), "ema"),
        ("above", entry.above.is_some(), "count"),
        ("thresholds", entry.thresholds.is_some(), "rank"),
    ];
    for (entry, present, of) in entries {
        if present && name != of {
            return Err(reader.refuse(entry, format!("no such entry for make {name}"), "one"));
        }
    }
    Ok(match name {
        "last" => Make::Last,
        "delta" => Make::Delta,
        "mean" => Make::Mean,
        "min" => Make::Min,
        "max" => Make::Max,
        "std" => Make::Std,
        "log2" => Make::Log2,
        "z_score" => Make::ZScore { missing },
        "age" => Make::Age { missing },
        "count" => Make::Count { bound: bound(reader, "above", entry.above.unwrap_or(0.0), true)? },
        "ema" => {
            let alpha = entry.alpha.ok_or_else(|| reader.refuse("alpha", "a number between 0 and 1", "nothing"))?;
            let scaled = (alpha * 4_294_967_296.0).round();
            if !(1.0..4_294_967_296.0).contains(&scaled) {
                return Err(reader.refuse("alpha", "a number between 0 and 1", alpha));
            }
            Make::Ema { alpha: scaled as u32 }
        }
        "rank" => {
            let thresholds = entry.thresholds.as_deref().unwrap_or_default();
            let rising = thresholds.windows(2).all(|w| w[0] < w[1]);
            if thresholds.is_empty() || thresholds.len() > MAX_THRESHOLDS || !rising {
                let expected = format!("1 to {MAX_THRESHOLDS} rising numbers");
                return Err(reader.refuse("thresholds", expected, format!("{thresholds:?}")));
            }
            let bounds = thresholds.iter().map(|t| bound(reader, "thresholds", *t, false));
            Make::Rank { bounds: bounds.collect::<Result<_, _>>()? }
        }
        "ratio" => {
            let name = entry.over.as_deref().unwrap_or("nothing");
            let over = earlier.iter().position(|f| f.name == name);
            let over = over.ok_or_else(|| reader.refuse("over", "the name of an earlier feature", name))?;
            Make::Ratio { over, missing }
        }
        other => {
            let expected = "last, delta, mean, min, max, ratio, std, z_score, ema, log2, count, age or rank";
            return Err(reader.refuse("make", expected, other));
        }
    })
}

pub(super) fn needs(reader: &Reader, entry: &FeatureEntry, missing: i64) -> Result<Option<Needs>, PlanError> {
    match entry.needs.as_deref() {
        None => Ok(None),
        Some("oldest") => Ok(Some(Needs { oldest: true, missing })),
        Some("newest") => Ok(Some(Needs { oldest: false, missing })),
        Some(other) => Err(reader.refuse("needs", "oldest or newest", other)),
    }
}
