//! Which requests of `Vouch` have to be read at a look: the new ones, and the open ones whose turn has come.
//!
//! A request is read once; it is read again only while it is open and was not taken, at growing intervals. So one that nobody can
//! answer costs a call now and then, and nothing for the requests after it.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

/// Wait before the second look at a request; doubles with each further one.
const FIRST_WAIT: Duration = Duration::from_secs(1);
/// Longest wait between two looks.
const LONGEST_WAIT: Duration = Duration::from_secs(600);
/// Most requests that are read at one look: new ones first.
const MOST_READS: usize = 256;
/// Most requests that wait; the oldest are forgotten. Asking costs a stranger gas, remembering must not cost the node for ever.
const MOST_WAITING: usize = 4_096;

#[derive(Debug)]
struct Waiting {
    next: Instant,
    wait: Duration,
    reason: &'static str,
}

/// The requests that are not settled.
#[derive(Debug, Default)]
pub struct OpenRequests {
    /// Every request up to this id was read.
    seen: u64,
    /// Those of them that may need something yet.
    waiting: BTreeMap<u64, Waiting>,
    /// Requests that there were at a tip of the chain, by tip.
    counts: BTreeMap<u64, u64>,
}

impl OpenRequests {
    /// Ids to read now, where `count` requests exist: new ones ascending, then those whose turn has come. Begins anew if there are fewer
    /// than were seen.
    pub fn due(&mut self, count: u64, now: Instant) -> Vec<u64> {
        if count < self.seen {
            self.begin_anew(None);
        }
        let waiting = self.waiting.iter().filter(|(_, w)| w.next <= now).map(|(id, _)| *id);
        (self.seen + 1..=count).chain(waiting).take(MOST_READS).collect()
    }

    /// Request `id` needs nothing more: it was taken, is closed or late, or was refused for good.
    pub fn settle(&mut self, id: u64) {
        self.seen = self.seen.max(id);
        self.waiting.remove(&id);
    }

    /// Request `id` is looked at again later. Returns true if the reason is new for it.
    pub fn postpone(&mut self, id: u64, reason: &'static str, now: Instant) -> bool {
        self.seen = self.seen.max(id);
        let before = self.waiting.get(&id);
        let wait = before.map_or(FIRST_WAIT, |w| (w.wait * 2).min(LONGEST_WAIT));
        let is_new = before.is_none_or(|w| w.reason != reason);
        self.waiting.insert(id, Waiting { next: now + wait, wait, reason });
        if self.waiting.len() > MOST_WAITING {
            self.waiting.pop_first();
        }
        is_new
    }

    /// Has those that wait for `reason` looked at now.
    pub fn wake(&mut self, reason: &str, now: Instant) {
        self.waiting.values_mut().filter(|w| w.reason == reason).for_each(|w| w.next = now);
    }

    /// Notes that there were `count` requests when the chain ended in block `tip`, of which `finalized` is final.
    pub fn note(&mut self, tip: u64, finalized: Option<u64>, count: u64) {
        self.counts.insert(tip, count);
        if let Some((last, _)) = finalized.and_then(|block| self.counts.range(..=block).next_back()) {
            let last = *last;
            self.counts.retain(|block, _| *block >= last);
        }
    }

    /// Forgets requests after block `finalized`: a reorg can take them back and give their ids to others.
    pub fn begin_anew(&mut self, finalized: Option<u64>) {
        let final_count = finalized.and_then(|block| self.counts.range(..=block).next_back());
        let kept = final_count.map_or(0, |(_, count)| *count).min(self.seen);
        self.seen = kept;
        self.waiting.retain(|id, _| *id <= kept);
        self.counts.retain(|block, _| finalized.is_some_and(|last| *block <= last));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unanswerable_request_is_read_ever_more_rarely_and_holds_nobody_up() {
        let (mut open, start) = (OpenRequests::default(), Instant::now());
        assert_eq!(open.due(3, start), [1, 2, 3]);
        assert!(open.postpone(1, "fee", start));
        open.settle(2);
        open.settle(3);
        assert!(open.due(3, start).is_empty());
        assert_eq!(open.due(5, start), [4, 5]);
        open.settle(4);
        open.settle(5);
        let (mut reads, mut now) = (0, start);
        for _ in 0..3600 {
            now += Duration::from_secs(1);
            if open.due(5, now) == [1] {
                assert!(!open.postpone(1, "fee", now), "said once");
                reads += 1;
            }
        }
        // After 1, 2, 4 … 512 s, then each 600 s.
        assert_eq!(reads, 14);
        assert!(open.postpone(1, "query", now), "another reason is said again");
        open.settle(1);
        assert!(open.due(5, now + LONGEST_WAIT).is_empty());
    }

    #[test]
    fn those_of_a_reason_are_woken() {
        let (mut open, now) = (OpenRequests::default(), Instant::now());
        open.postpone(1, "fee", now);
        open.postpone(2, "opening", now);
        open.wake("opening", now);
        assert_eq!(open.due(2, now), [2]);
    }

    #[test]
    fn look_that_was_cut_short_goes_on_where_it_was() {
        let (mut open, now) = (OpenRequests::default(), Instant::now());
        assert_eq!(open.due(4, now), [1, 2, 3, 4]);
        open.settle(1);
        open.postpone(2, "fee", now);
        assert_eq!(open.due(4, now), [3, 4]);
    }

    #[test]
    fn fewer_requests_than_seen_is_a_reorg() {
        let (mut open, now) = (OpenRequests::default(), Instant::now());
        (1..=4).for_each(|id| open.settle(id));
        assert_eq!(open.due(3, now), [1, 2, 3]);
    }

    #[test]
    fn new_requests_come_first_and_neither_reads_nor_memory_grow_without_bound() {
        let (mut open, start) = (OpenRequests::default(), Instant::now());
        for id in 1..=5_000 {
            open.postpone(id, "fee", start);
        }
        assert_eq!(open.waiting.len(), MOST_WAITING);
        let later = start + LONGEST_WAIT;
        let due = open.due(5_010, later);
        assert_eq!(
            (due.len(), &due[..11]),
            (MOST_READS, &[5_001, 5_002, 5_003, 5_004, 5_005, 5_006, 5_007, 5_008, 5_009, 5_010, 905][..])
        );
    }

    #[test]
    fn reorg_has_only_requests_after_the_final_block_read_again() {
        let (mut open, now) = (OpenRequests::default(), Instant::now());
        for (tip, finalized, count) in [(100, None, 3), (110, Some(90), 4), (120, Some(105), 6), (130, Some(108), 7)] {
            open.note(tip, finalized, count);
            (1..=count).for_each(|id| open.settle(id));
        }
        open.postpone(2, "fee", now);
        open.begin_anew(Some(108));
        assert_eq!(open.due(7, now + FIRST_WAIT), [4, 5, 6, 7, 2]);
        open.begin_anew(None);
        assert_eq!(open.due(2, now), [1, 2]);
    }
}
