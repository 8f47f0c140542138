//! Signs of life of a connection: when something was received last, and since when a message is on its way.
//!
//! Bytes are a sign, whether or not they complete a message: a large one may take longer than the limit. It has a limit of its own,
//! so that what only looks like one does not hold the stream up for ever.

use std::time::Duration;

use tokio::time::Instant;

use super::session::Lost;

/// How long a message may take. The largest one takes 14 kB/s.
const LONGEST_MESSAGE: Duration = Duration::from_secs(600);

/// What a connection has shown so far.
#[derive(Debug)]
pub(super) struct Signs {
    limit: Duration,
    last_received: Instant,
    /// Since when a message is on its way, where one is begun and not complete.
    message_since: Option<Instant>,
}

impl Signs {
    /// A connection that was just opened, and has to receive something within `limit` again and again.
    pub(super) fn new(limit: Duration, now: Instant) -> Self {
        Self {
            limit,
            last_received: now,
            message_since: None,
        }
    }

    /// Something was received: it completed a message or not, and leaves one begun or not.
    pub(super) fn received(&mut self, now: Instant, completed: bool, begun: bool) {
        self.last_received = now;
        self.message_since = match self.message_since {
            Some(since) if begun && !completed => Some(since),
            _ => begun.then_some(now),
        };
    }

    /// Nothing was read on purpose for this long, until now.
    pub(super) fn excuse(&mut self, now: Instant, unread: Duration) {
        self.last_received = now;
        if let Some(since) = &mut self.message_since {
            *since += unread;
        }
    }

    /// From when on the connection counts as lost, unless something is received before.
    pub(super) fn due(&self) -> Instant {
        let silent = self.last_received + self.limit;
        self.message_since
            .map_or(silent, |since| silent.min(since + LONGEST_MESSAGE))
    }

    /// Why the connection counts as lost, if it does.
    pub(super) fn lost(&self, now: Instant) -> Option<Lost> {
        if now >= self.last_received + self.limit {
            return Some(Lost::Silent(self.limit));
        }
        let since = self.message_since?;
        (now >= since + LONGEST_MESSAGE).then_some(Lost::Slow(LONGEST_MESSAGE))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMIT: Duration = Duration::from_secs(75);
    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn a_message_that_keeps_arriving_has_ten_minutes() {
        let begin = Instant::now();
        let mut signs = Signs::new(LIMIT, begin);
        for minute in 0..10 {
            let now = begin + 60 * minute * SECOND;
            assert!(signs.lost(now).is_none(), "after {minute} min");
            signs.received(now, false, true);
        }
        assert_eq!(signs.due(), begin + LONGEST_MESSAGE);
        assert!(signs.lost(begin + LONGEST_MESSAGE - SECOND).is_none());
        let lost = signs.lost(begin + LONGEST_MESSAGE);
        assert!(matches!(lost, Some(Lost::Slow(_))), "{lost:?}");
    }

    #[test]
    fn each_message_has_its_own_ten_minutes() {
        let begin = Instant::now();
        let mut signs = Signs::new(LIMIT, begin);
        for minute in 0..100 {
            let now = begin + 60 * minute * SECOND;
            assert!(signs.lost(now).is_none(), "after {minute} min");
            // Every fifth minute one is complete, and the next has begun.
            signs.received(now, minute % 5 == 0, true);
        }
        let now = begin + 100 * 60 * SECOND;
        signs.received(now, true, false);
        assert_eq!(signs.due(), now + LIMIT);
    }

    #[test]
    fn silence_is_lost_at_the_limit_in_a_message_or_not() {
        let begin = Instant::now();
        for begun in [false, true] {
            let mut signs = Signs::new(LIMIT, begin);
            signs.received(begin + SECOND, true, begun);
            assert_eq!(signs.due(), begin + SECOND + LIMIT);
            assert!(signs.lost(begin + LIMIT).is_none());
            let lost = signs.lost(begin + SECOND + LIMIT);
            assert!(matches!(lost, Some(Lost::Silent(LIMIT))), "{lost:?}");
        }
    }

    #[test]
    fn what_was_not_read_on_purpose_is_no_silence() {
        let begin = Instant::now();
        let mut signs = Signs::new(LIMIT, begin);
        signs.received(begin, false, true);
        let now = begin + 1000 * SECOND;
        signs.excuse(now, 999 * SECOND);
        assert!(signs.lost(now).is_none());
        assert_eq!(signs.due(), now + LIMIT);
    }
}
