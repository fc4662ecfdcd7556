//! What a score proof costs before it is made: it depends on the size class, hardly on the model.

use serde::{Deserialize, Serialize};

/// Processor time, memory and disk of a model in its class, on an idle machine of two cores.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Expected {
    /// Processor seconds of one proof, all threads together.
    pub cpu_seconds: f64,
    /// Greatest resident memory while proving.
    pub peak_mb: f64,
    /// Proving key in memory and on disk.
    pub key_mb: f64,
}

/// Measured (`scripts/bench models`), `k` from 11 on. That of 18 lies between its neighbours, in the geometric mean: it has not been
/// measured.
const BY_K: [[f64; 3]; 9] = [
    [0.25, 26.0, 3.1],
    [0.45, 72.0, 6.2],
    [0.94, 72.0, 12.3],
    [1.5, 100.0, 24.6],
    [3.1, 171.0, 49.3],
    [5.9, 297.0, 98.6],
    [12.3, 588.0, 197.0],
    [27.0, 1_119.0, 394.0],
    [58.0, 2_131.0, 789.0],
];

impl Expected {
    /// Of the class with `2^k` rows; `None` if no class has so many.
    pub fn of(k: u32) -> Option<Self> {
        let [cpu_seconds, peak_mb, key_mb] = *BY_K.get(usize::try_from(k.checked_sub(11)?).ok()?)?;
        Some(Self { cpu_seconds, peak_mb, key_mb })
    }

    /// For people.
    pub fn line(&self) -> String {
        let Self { cpu_seconds, peak_mb, key_mb } = self;
        format!(
            "expected of a proof: {cpu_seconds} CPU-seconds and {peak_mb} MB of memory; a proving key of {key_mb} MB"
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use vouch_circuits::score::CLASSES;

    #[test]
    fn every_class_has_figures_and_a_larger_one_larger() {
        let all: Vec<Expected> = CLASSES.iter().map(|class| Expected::of(class.k).unwrap()).collect();
        assert!(all.windows(2).all(|w| w[0].cpu_seconds < w[1].cpu_seconds && w[0].key_mb < w[1].key_mb));
        assert!(all.windows(2).all(|w| w[0].peak_mb <= w[1].peak_mb));
        assert_eq!((Expected::of(10), Expected::of(20)), (None, None));
        let line = "expected of a proof: 0.45 CPU-seconds and 72 MB of memory; a proving key of 6.2 MB";
        assert_eq!(Expected::of(12).unwrap().line(), line);
    }
}
