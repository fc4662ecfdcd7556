//! Size classes: the same columns and gates with more or fewer rows.
//!
//! Plan, model and wiring choose nothing of a class but which one it is: the smallest that holds them. Each class has one
//! verifier, which serves every model of it.

/// A size of the score circuit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Class {
    /// Name in file names, passports and class ids.
    pub name: &'static str,
    /// Rows are `2^k`.
    pub k: u32,
    /// Bits of one looked-up limb; a table holds `0..2^limb_bits`.
    pub limb_bits: usize,
}

/// The classes, smallest first.
pub const CLASSES: [Class; 9] = [
    Class { name: "score_11", k: 11, limb_bits: 8 },
    Class { name: "score_12", k: 12, limb_bits: 8 },
    Class { name: "score_13", k: 13, limb_bits: 10 },
    Class { name: "score_14", k: 14, limb_bits: 13 },
    Class { name: "score_15", k: 15, limb_bits: 13 },
    Class { name: "score_16", k: 16, limb_bits: 13 },
    Class { name: "score_17", k: 17, limb_bits: 13 },
    Class { name: "score_18", k: 18, limb_bits: 13 },
    Class { name: "score_19", k: 19, limb_bits: 13 },
];

/// The first of them have verifiers in every deployment: a reference string of `2^17` points holds them.
pub const DEPLOYED: usize = 7;

/// Needed by halo2's interface; circuits always say which class they are of.
impl Default for Class {
    fn default() -> Self {
        CLASSES[0]
    }
}

impl Class {
    /// How a range of `bits` is cut: full limbs, and the bits of the topmost if it is narrower.
    pub fn limbs(&self, bits: usize) -> (usize, usize) {
        (bits / self.limb_bits, bits % self.limb_bits)
    }
}
