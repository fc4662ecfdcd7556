//! What of the watched waits for another try, why, and how often it was tried: each block of an entry by itself, so that none holds up others.
//!
//! Nothing of this is on disk: a restart tries everything at once.

use std::collections::{HashMap, HashSet};
use std::time::{Duration, Instant};

/// The longest wait.
const LONGEST: Duration = Duration::from_secs(600);

/// Entry and block; no block where the entry cannot be proven at any.
type At = (usize, Option<u64>);

#[derive(Debug)]
struct Wait {
    tries: u32,
    until: Instant,
    reason: String,
}

/// See the module.
#[derive(Debug, Default)]
pub(super) struct Waits {
    waits: HashMap<At, Wait>,
    given_up: HashSet<(usize, u64)>,
}

impl Waits {
    /// Whether it is too early for another try of `block`.
    pub(super) fn holds(&self, entry: usize, block: u64) -> bool {
        let is_early = |at: At| self.waits.get(&at).is_some_and(|wait| wait.until > Instant::now());
        is_early((entry, None)) || is_early((entry, Some(block)))
    }

    /// Notes a failed try; returns how many there were. The next is `first` later, or twice the last wait.
    pub(super) fn failed(&mut self, at: At, reason: String, first: Duration) -> u32 {
        let tries = self.waits.get(&at).map_or(0, |wait| wait.tries) + 1;
        let delay = first.saturating_mul(2u32.saturating_pow(tries - 1)).min(LONGEST);
        self.waits.insert(at, Wait { tries, until: Instant::now() + delay, reason });
        tries
    }

    /// Nothing of `block` waits any more, and its entry can be proven.
    pub(super) fn passed(&mut self, entry: usize, block: u64) {
        self.waits.remove(&(entry, None));
        self.waits.remove(&(entry, Some(block)));
    }

    /// Notes that `block` was given up since the start.
    pub(super) fn give_up(&mut self, entry: usize, block: u64) {
        self.waits.remove(&(entry, Some(block)));
        self.given_up.insert((entry, block));
    }

    /// Whether [`Waits::give_up`] was told.
    pub(super) fn is_given_up(&self, entry: usize, block: u64) -> bool {
        self.given_up.contains(&(entry, block))
    }

    /// What of `entry` waits, the whole or its newest block, and why.
    pub(super) fn newest(&self, entry: usize) -> Option<(Option<u64>, String)> {
        let of_entry = self.waits.iter().filter(|((of, _), _)| *of == entry);
        let newest = of_entry.max_by_key(|((_, block), _)| (block.is_none(), *block));
        newest.map(|((_, block), wait)| (*block, wait.reason.clone()))
    }

    /// Blocks of another chain: everything is tried anew.
    pub(super) fn clear(&mut self) {
        *self = Self::default();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_block_waits_by_itself_and_ever_longer() {
        let (mut waits, hour) = (Waits::default(), Duration::from_secs(3_600));
        assert_eq!(waits.failed((0, Some(10)), "away".into(), hour), 1);
        assert!(waits.holds(0, 10) && !waits.holds(0, 20) && !waits.holds(1, 10));
        assert_eq!(waits.failed((0, Some(10)), "still away".into(), Duration::ZERO), 2);
        assert!(!waits.holds(0, 10), "no wait at all");
        assert_eq!(waits.newest(0), Some((Some(10), "still away".into())));
        waits.failed((0, None), "no model".into(), hour);
        assert!(waits.holds(0, 10) && waits.holds(0, 20) && !waits.holds(1, 10));
        assert_eq!(waits.newest(0), Some((None, "no model".into())));
        waits.passed(0, 10);
        assert!(!waits.holds(0, 10) && waits.newest(0).is_none());
        waits.give_up(0, 20);
        assert!(waits.is_given_up(0, 20) && !waits.is_given_up(1, 20));
        let tries = (1..40).map(|_| waits.failed((2, Some(1)), String::new(), hour));
        assert_eq!(tries.last(), Some(39), "the wait stays bounded");
    }
}
