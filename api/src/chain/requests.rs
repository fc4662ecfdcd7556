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
}

impl OpenRequests {
    /// Ids to read now, ascending, where `count` requests exist. Begins anew if there are fewer than were seen.
    pub fn due(&mut self, count: u64, now: Instant) -> Vec<u64> {
        if count < self.seen {
            self.begin_anew();
        }
        let waiting = self.waiting.iter().filter(|(_, w)| w.next <= now).map(|(id, _)| *id);
        waiting.chain(self.seen + 1..=count).collect()
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
        is_new
    }

    /// Forgets everything: a reorg can take requests back and give their ids to others.
    pub fn begin_anew(&mut self) {
        *self = Self::default();
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
}
