//! Which runs are done: disjoint intervals of blocks, and the next run to do.

use serde::{Deserialize, Serialize};

/// Blocks `first` to `end - 1`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Span {
    /// First block.
    pub first: u64,
    /// The block after the last.
    pub end: u64,
}

/// Disjoint spans by rising block, none next to another.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Spans(Vec<Span>);

impl Spans {
    /// The spans.
    pub fn all(&self) -> &[Span] {
        &self.0
    }

    /// Adds blocks `first` to `end - 1`.
    pub fn add(&mut self, first: u64, end: u64) {
        let mut new = Span { first, end };
        self.0.retain(|span| {
            let is_apart = span.end < new.first || new.end < span.first;
            if !is_apart {
                new = Span { first: span.first.min(new.first), end: span.end.max(new.end) };
            }
            is_apart
        });
        let at = self.0.partition_point(|span| span.first < new.first);
        self.0.insert(at, new);
    }

    /// Removes blocks `first` to `end - 1`.
    pub fn remove(&mut self, first: u64, end: u64) {
        let cut = |span: &Span| {
            let below = Span { first: span.first, end: span.end.min(first) };
            let above = Span { first: span.first.max(end), end: span.end };
            [below, above].into_iter().filter(|span| span.first < span.end)
        };
        self.0 = self.0.iter().flat_map(cut).collect();
    }

    /// Whether block `block` is in a span.
    pub fn holds(&self, block: u64) -> bool {
        self.0.iter().any(|span| (span.first..span.end).contains(&block))
    }

    /// The first block of the highest run of `blocks` blocks in `bottom` to `top - 1` that is not done. Runs start at multiples of `blocks`.
    pub fn next(&self, bottom: u64, top: u64, blocks: u64) -> Option<u64> {
        let mut end = top / blocks * blocks;
        loop {
            let first = end.checked_sub(blocks).filter(|first| *first >= bottom)?;
            match self.0.iter().find(|span| (span.first..span.end).contains(&first)) {
                Some(span) => end = span.first,
                None => return Some(first),
            }
        }
    }

    /// Runs that are not done, as [`Spans::next`] would find them.
    pub fn open(&self, bottom: u64, top: u64, blocks: u64) -> u64 {
        let (first, end) = (bottom.div_ceil(blocks) * blocks, top / blocks * blocks);
        let done = |span: &Span| span.end.min(end).saturating_sub(span.first.max(first));
        end.saturating_sub(first).saturating_sub(self.0.iter().map(done).sum::<u64>()) / blocks
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spans(of: &[(u64, u64)]) -> Spans {
        let mut spans = Spans::default();
        of.iter().for_each(|(first, end)| spans.add(*first, *end));
        spans
    }

    #[test]
    fn neighbours_join_and_others_stay_apart() {
        assert_eq!(spans(&[(8, 12), (0, 4)]).all(), [Span { first: 0, end: 4 }, Span { first: 8, end: 12 }]);
        assert_eq!(spans(&[(8, 12), (0, 4), (4, 8)]).all(), [Span { first: 0, end: 12 }]);
        assert_eq!(spans(&[(0, 4), (0, 4)]).all(), [Span { first: 0, end: 4 }]);
        let mut cut = spans(&[(0, 12)]);
        cut.remove(4, 8);
        assert_eq!(cut, spans(&[(0, 4), (8, 12)]));
        assert!(cut.holds(3) && !cut.holds(4) && cut.holds(8) && !cut.holds(12));
    }

    #[test]
    fn the_next_run_is_the_highest_open_one() {
        let next = |of: &[(u64, u64)], bottom, top| spans(of).next(bottom, top, 4);
        assert_eq!(next(&[], 0, 15), Some(8), "12 to 15 is not complete");
        assert_eq!(next(&[], 0, 16), Some(12));
        assert_eq!(next(&[(12, 16)], 0, 16), Some(8));
        assert_eq!(next(&[(8, 16)], 0, 24), Some(20), "new blocks first");
        assert_eq!(next(&[(8, 16), (20, 24)], 0, 24), Some(16), "then what was missed");
        assert_eq!(next(&[(8, 24)], 0, 24), Some(4));
        assert_eq!(next(&[(0, 24)], 0, 24), None);
        assert_eq!(next(&[(8, 24)], 5, 24), None, "a run that begins below the bottom");
        assert_eq!(next(&[], 0, 3), None);
    }

    #[test]
    fn open_runs_are_counted() {
        assert_eq!(spans(&[]).open(0, 17, 4), 4);
        assert_eq!(spans(&[(8, 16), (20, 24)]).open(0, 24, 4), 3);
        assert_eq!(spans(&[(8, 16)]).open(5, 24, 4), 2);
        assert_eq!(spans(&[(0, 24)]).open(0, 24, 4), 0);
        assert_eq!(spans(&[(0, 24)]).open(0, 8, 4), 0);
    }
}
