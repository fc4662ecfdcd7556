//! Reach: which blocks can be anchors, and how the others hang on them.

use alloy::primitives::B256;
use futures::future::BoxFuture;
use std::collections::BTreeSet;
use std::fmt::Debug;
use std::sync::Arc;
use vouch_circuits::evidence::WINDOW;
use vouch_circuits::instances::MAX_ANCHORS;

/// Knows of blocks that the chain itself tells contracts no more.
pub trait OldAnchors: Debug + Send + Sync + 'static {
    /// Those of `blocks` that can be anchors all the same: the contracts know their hashes, or can be shown them before a post.
    fn known<'a>(&'a self, blocks: &'a BTreeSet<u64>) -> BoxFuture<'a, BTreeSet<u64>>;

    /// The hash that the contracts know, or can be shown, of a block; `None` if there is none.
    ///
    /// # Errors
    /// Why they, or the path by which they are shown it, could not be read.
    fn hash_of(&self, block: u64) -> BoxFuture<'_, Result<Option<B256>, String>>;
}

/// Blocks that can be anchors when the proof is posted.
#[derive(Clone, Debug)]
pub struct Reach {
    /// From here on every block can be one.
    pub oldest: u64,
    /// The newest block.
    pub newest: u64,
    /// Older blocks that can be anchors: the contracts know their hashes, or can be shown them.
    pub known: BTreeSet<u64>,
    /// Whether blocks can be linked to anchors by hops. If not, all have to be anchors.
    pub hops: bool,
    /// Who tells the hashes of anchors below the index.
    pub contracts: Option<Arc<dyn OldAnchors>>,
}

/// How a proof comes by the hashes of its blocks.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Route {
    /// Its anchors, at most eight where there are hops.
    pub anchors: BTreeSet<u64>,
    /// Pairs of a block and a later one whose state names its hash. Blocks whose child is there need none.
    pub hops: Vec<(u64, u64)>,
}

impl Reach {
    /// Every block: those that `BlockHashes` no longer knows have to be pinned.
    pub const ALL: Self = Self { oldest: 0, newest: u64::MAX, known: BTreeSet::new(), hops: false, contracts: None };

    /// Every block from `oldest` to `newest`, and hops from there down.
    pub fn window(oldest: u64, newest: u64) -> Self {
        Self { oldest, newest, hops: true, ..Self::ALL }
    }

    fn can_be_anchor(&self, block: u64) -> bool {
        block >= self.oldest || self.known.contains(&block)
    }

    /// Those of `blocks` that are to be anchors: all that can be, if there is room. Else the newest, and those that are farthest below
    /// the next one, for which a link would need the most hops.
    fn choose(&self, blocks: &BTreeSet<u64>) -> BTreeSet<u64> {
        let all: Vec<u64> = blocks.iter().copied().filter(|block| self.can_be_anchor(*block)).collect();
        // one place for a block from which the others hang
        let room = if all.len() == blocks.len() { MAX_ANCHORS } else { MAX_ANCHORS - 1 };
        let gap = |i: usize| all.get(i + 1).map_or(u64::MAX, |next| next - all[i]);
        let mut order: Vec<usize> = (0..all.len()).collect();
        order.sort_by_key(|i| std::cmp::Reverse((gap(*i), *i)));
        order.into_iter().take(room).map(|i| all[i]).collect()
    }

    /// Which blocks lead from anchors to `blocks`.
    pub(super) fn route(&self, blocks: &BTreeSet<u64>) -> Route {
        if !self.hops {
            return Route { anchors: blocks.clone(), hops: Vec::new() };
        }
        let chosen = self.choose(blocks);
        let mut route = Route { anchors: chosen.clone(), hops: Vec::new() };
        let mut passed = chosen;
        for mut block in blocks.iter().rev().copied() {
            passed.insert(block);
            let is_named = |route: &Route, passed: &BTreeSet<u64>, block: u64| {
                passed.contains(&(block + 1)) || route.hops.iter().any(|(below, _)| *below == block)
            };
            while !route.anchors.contains(&block) && !is_named(&route, &passed, block) {
                let window = block + 1..=block + WINDOW;
                let has_room = route.anchors.len() < MAX_ANCHORS;
                // a block that is needed anyway, else a known one, else as far as a hop goes
                let passed_by = passed.range(window.clone()).next_back().copied();
                let known = || self.known.range(window).next_back().copied().filter(|_| has_room);
                let from = passed_by.or_else(known).unwrap_or_else(|| (block + WINDOW).min(self.newest));
                route.hops.push((block, from));
                if has_room && self.can_be_anchor(from) && !blocks.contains(&from) {
                    route.anchors.insert(from);
                }
                passed.insert(from);
                block = from;
            }
        }
        route
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn route(reach: &Reach, blocks: &[u64]) -> (Vec<u64>, Vec<(u64, u64)>) {
        let Route { anchors, hops } = reach.route(&blocks.iter().copied().collect());
        (anchors.into_iter().collect(), hops)
    }

    #[test]
    fn old_blocks_are_reached_by_hops_through_each_other() {
        let reach = Reach::window(100_000, 108_000);
        let hops = |blocks: &[u64]| route(&reach, blocks).1;
        assert_eq!(hops(&[100_000, 108_000]), []);
        assert_eq!(hops(&[99_999]), [(99_999, 108_000)], "as far as there are blocks");
        assert_eq!(hops(&[95_000]), [(95_000, 103_191)]);
        assert_eq!(hops(&[90_000]), [(90_000, 98_191), (98_191, 106_382)]);
        assert_eq!(hops(&[95_000, 95_001, 101_000, 104_000]), [(95_001, 101_000)], "95,001 names its parent");
        assert_eq!(hops(&[90_000, 98_191]), [(98_191, 106_382), (90_000, 98_191)]);
        assert_eq!(route(&Reach::ALL, &[0, 1]), (vec![0, 1], vec![]));
    }

    #[test]
    fn known_blocks_are_anchors_and_others_hang_on_them() {
        let reach = Reach { known: [5_000, 20_000].into(), ..Reach::window(100_000, 108_000) };
        assert_eq!(route(&reach, &[5_000, 105_000]), (vec![5_000, 105_000], vec![]));
        assert_eq!(route(&reach, &[4_000]), (vec![5_000], vec![(4_000, 5_000)]));
        let hops = vec![(6_000, 14_191), (14_191, 20_000)];
        assert_eq!(route(&reach, &[6_000]), (vec![20_000], hops), "not from below");
    }

    #[test]
    fn blocks_that_anchors_have_no_room_for_are_linked() {
        let reach = Reach::window(100_000, 108_000);
        let blocks: Vec<u64> = (0..12).map(|i| 107_000 - 2 * i).collect();
        let (anchors, hops) = route(&reach, &blocks);
        assert_eq!((anchors.len(), hops.len()), (8, 4));
        assert!(hops.iter().all(|(_, from)| *from == 107_000));
        let blocks: Vec<u64> = (0..40).map(|i| 107_000 - i).collect();
        let (anchors, hops) = route(&reach, &blocks);
        assert_eq!((anchors.len(), hops.len()), (8, 0), "blocks in a row name each other");
        // far ones are not linked while there is room
        let known = [10_000, 11_000, 12_000, 13_000, 14_000, 15_000, 16_000, 60_000];
        let reach = Reach { known: known.into(), ..reach };
        let (anchors, hops) = route(&reach, &[&known[..], &[100_001]].concat());
        assert_eq!(anchors, [11_000, 12_000, 13_000, 14_000, 15_000, 16_000, 60_000, 100_001]);
        assert_eq!(hops, [(10_000, 16_000)]);
    }

    #[test]
    fn a_slot_at_32_blocks_hangs_on_one() {
        let reach = Reach::window(300_000, 308_000);
        let blocks: Vec<u64> = (0..32).map(|i| 307_000 - 8_191 * i).collect();
        let (anchors, hops) = route(&reach, &blocks);
        assert_eq!(anchors, [307_000]);
        assert_eq!(hops, blocks.windows(2).map(|two| (two[1], two[0])).collect::<Vec<_>>());
    }
}
