//! Paths: how a storage word is found that one or two keys of mappings do not lead to.
//!
//! Statement: from a slot on, each step goes `over` words further and hashes where it is: `keccak(key ‖ slot)` as a mapping does for its key,
//! `keccak(slot)` as an array of variable length does for its elements. The word lies `over` words beyond the last hash. Slots are 256 bits,
//! and all sums are modulo 2^256, as in the EVM.
//!
//! A path has a name, by which a leaf knows it: `hash(PATH_START, [low(slot), top(slot), 0])` for none of its steps, and with each step
//! `hash(PATH_STEP, [name before, low(key), top(key) + 2^8 + over·2^16])`, without `key` and `2^8` where there is none.

use halo2_base::halo2_proofs::{arithmetic::Field, halo2curves::bn256::Fr};
use serde::{Deserialize, Serialize};

use crate::digest::{Hash, keccak256};
use crate::facts::split;
use crate::fixed::power_of_two;
use crate::poseidon::{self, PATH_START, PATH_STEP};

/// Hashes of a path at most.
pub const MAX_STEPS: usize = 4;

/// One hash of a path.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Step<K> {
    /// Words further before it is hashed.
    pub over: u64,
    /// Key of a mapping; none for the elements of an array.
    pub key: Option<K>,
}

/// A path from a slot that is not part of it; `K` is a word, or the name of one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "List<K>", into = "List<K>")]
#[serde(bound(serialize = "K: Copy + Serialize", deserialize = "K: Copy + Deserialize<'de>"))]
pub struct Path<K> {
    steps: [Option<Step<K>>; MAX_STEPS],
    over: u64,
}

/// A path as it is written.
#[derive(Serialize, Deserialize)]
struct List<K> {
    steps: Vec<Step<K>>,
    over: u64,
}

impl<K: Copy> From<Path<K>> for List<K> {
    fn from(path: Path<K>) -> Self {
        Self { steps: path.steps().collect(), over: path.over }
    }
}

impl<K: Copy> TryFrom<List<K>> for Path<K> {
    type Error = String;

    fn try_from(list: List<K>) -> Result<Self, String> {
        let got = list.steps.len();
        Self::new(&list.steps, list.over).ok_or(format!("path of {got} steps: expected at most {MAX_STEPS}"))
    }
}

impl<K: Copy> Default for Path<K> {
    fn default() -> Self {
        Self::NONE
    }
}

impl<K: Copy> Path<K> {
    /// No step: that of all facts whose kind is not `path`.
    pub const NONE: Self = Self { steps: [None; MAX_STEPS], over: 0 };

    /// The path of these steps, which ends `over` words beyond the last; `None` if they are more than [`MAX_STEPS`].
    pub fn new(steps: &[Step<K>], over: u64) -> Option<Self> {
        let mut all = [None; MAX_STEPS];
        all.get_mut(..steps.len())?.iter_mut().zip(steps).for_each(|(place, step)| *place = Some(*step));
        Some(Self { steps: all, over })
    }

    /// Its steps in their order.
    pub fn steps(&self) -> impl Iterator<Item = Step<K>> {
        let steps = self.steps;
        steps.into_iter().flatten()
    }

    /// Words beyond the last hash.
    pub fn over(&self) -> u64 {
        self.over
    }

    /// Whether it is no path.
    pub fn is_none(&self) -> bool {
        self.steps[0].is_none() && self.over == 0
    }

    /// The same path of other keys.
    pub fn map<L: Copy>(&self, to: impl Fn(K) -> L) -> Path<L> {
        let steps = self.steps.map(|step| step.map(|Step { over, key }| Step { over, key: key.map(&to) }));
        Path { steps, over: self.over }
    }
}

/// Where a path is after some of its steps.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Stop {
    /// Name of the path up to here.
    pub name: Fr,
    /// The slot.
    pub slot: Hash,
    /// Steps taken.
    pub depth: u64,
}

impl Stop {
    /// The start of all paths from `slot`.
    pub fn start(slot: Hash) -> Self {
        let (top, low) = split(&slot);
        Self { name: poseidon::hash(PATH_START, &[low, Fr::from(u64::from(top)), Fr::ZERO]), slot, depth: 0 }
    }

    /// What the step hashes here.
    pub fn preimage(&self, step: &Step<Hash>) -> Vec<u8> {
        let slot = further(&self.slot, step.over);
        [step.key.as_ref().map_or(&[][..], |key| key), &slot].concat()
    }

    /// Where the step leads from here.
    pub fn after(&self, step: &Step<Hash>) -> Self {
        let (top, low) = step.key.as_ref().map_or((0, Fr::ZERO), split);
        let how = Fr::from(u64::from(top)) + how(step);
        let name = poseidon::hash(PATH_STEP, &[self.name, low, how]);
        Self { name, slot: keccak256(&self.preimage(step)), depth: self.depth + 1 }
    }
}

/// What the name of a step says besides its key: `2^8` if there is one, and `over·2^16`.
pub fn how<K>(step: &Step<K>) -> Fr {
    let keyed = if step.key.is_some() { power_of_two(8) } else { Fr::ZERO };
    keyed + Fr::from(step.over) * power_of_two(16)
}

impl Path<Hash> {
    /// The stops from `slot` on: the start, and one after each step.
    pub fn stops(&self, slot: Hash) -> Vec<Stop> {
        let mut stops = vec![Stop::start(slot)];
        for step in self.steps() {
            stops.push(stops[stops.len() - 1].after(&step));
        }
        stops
    }

    /// Its name from `slot` on.
    pub fn name(&self, slot: Hash) -> Fr {
        self.steps().fold(Stop::start(slot), |stop, step| stop.after(&step)).name
    }

    /// What is hashed on the way from `slot`, and then the slot it ends at.
    pub fn preimages(&self, slot: Hash) -> Vec<Vec<u8>> {
        let stops = self.stops(slot);
        let hashed = self.steps().zip(&stops).map(|(step, stop)| stop.preimage(&step));
        hashed.chain([further(&stops[stops.len() - 1].slot, self.over).to_vec()]).collect()
    }
}

/// The slot `over` words further, modulo 2^256.
pub fn further(slot: &Hash, over: u64) -> Hash {
    let mut sum = *slot;
    let mut carry = u128::from(over);
    for byte in sum.iter_mut().rev() {
        carry += u128::from(*byte);
        *byte = carry as u8;
        carry >>= 8;
    }
    sum
}

#[cfg(test)]
mod tests {
    use super::*;

    const NUMBER: Hash = [0xfe; 32];

    fn step(over: u64, key: Option<u8>) -> Step<Hash> {
        Step { over, key: key.map(|byte| [byte; 32]) }
    }

    #[test]
    fn sums_wrap_as_in_the_evm() {
        let mut low = [0xff; 32];
        low[31] = 0xfe;
        assert_eq!(further(&low, 1), [0xff; 32]);
        let mut four = [0; 32];
        four[31] = 4;
        assert_eq!(further(&low, 6), four);
        let mut carried = [0; 32];
        carried[23] = 1;
        assert_eq!(further(&four, u64::MAX - 3), carried);
        assert_eq!(further(&NUMBER, 0), NUMBER);
    }

    #[test]
    fn a_path_hashes_what_solidity_does() {
        let path = Path::new(&[step(0, Some(1)), step(2, None), step(1, Some(3))], 5).expect("three steps");
        let first = keccak256(&[[1; 32], NUMBER].concat());
        let second = keccak256(&further(&first, 2));
        let third = keccak256(&[[3; 32], further(&second, 1)].concat());
        let preimages = path.preimages(NUMBER);
        assert_eq!(preimages.iter().map(Vec::len).collect::<Vec<_>>(), [64, 32, 64, 32]);
        assert_eq!(preimages[3], further(&third, 5));
        assert_eq!(path.stops(NUMBER)[3].name, path.name(NUMBER));
    }

    #[test]
    fn each_part_of_a_path_changes_its_name() {
        let base = Path::new(&[step(7, Some(1)), step(2, None)], 0).expect("two steps");
        let others = [
            vec![step(7, Some(1))],
            vec![step(6, Some(1)), step(2, None)],
            vec![step(7, Some(2)), step(2, None)],
            vec![step(7, Some(1)), step(3, None)],
            vec![step(7, Some(1)), step(2, Some(0))],
            vec![step(2, None), step(7, Some(1))],
            vec![],
        ];
        let mut names = vec![base.name(NUMBER), base.name([0; 32])];
        names.extend(others.iter().map(|steps| Path::new(steps, 0).expect("few").name(NUMBER)));
        let count = names.len();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), count);
        assert!(Path::new(&[step(0, None); 5], 0).is_none());
    }
}
