//! Signs of life of a connection: when something was received last, and since when a message is on
//! its way.
//!
//! Bytes are a sign, whether or not they complete a message: a large one may take longer than the
//! limit. It has a limit of its own, so that what only looks like one does not hold the stream up
//! for ever.

use std::time::Duration;

use tokio::time::Instant;

/// Why a connection counts as lost.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Overdue {
    /// Nothing was received.
    Anything,
    /// The message that is on its way is not complete.
    Message,
}

/// What a connection has shown so far.
#[derive(Debug)]
pub(super) struct Signs {
    limit: Duration,
    message_limit: Duration,
    last_received: Instant,
    /// Since when a message is on its way, where one is begun and not complete.
    message_since: Option<Instant>,
}

impl Signs {
    /// A connection that was just opened, and has to receive something within `limit` again and
    /// again, and each message within `message_limit`.
    pub(super) fn new(limit: Duration, message_limit: Duration, now: Instant) -> Self {
        Self {
            limit,
            message_limit,
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
            .map_or(silent, |since| silent.min(since + self.message_limit))
    }

    /// Why the connection counts as lost, if it does.
    pub(super) fn overdue(&self, now: Instant) -> Option<Overdue> {
        if now >= self.last_received + self.limit {
            return Some(Overdue::Anything);
        }
        let since = self.message_since?;
        (now >= since + self.message_limit).then_some(Overdue::Message)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMIT: Duration = Duration::from_secs(75);
    const LONGEST_MESSAGE: Duration = Duration::from_secs(600);
    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn a_message_that_keeps_arriving_has_ten_minutes() {
        let begin = Instant::now();
        let mut signs = Signs::new(LIMIT, LONGEST_MESSAGE, begin);
        for minute in 0..10 {
            let now = begin + 60 * minute * SECOND;
            assert!(signs.overdue(now).is_none(), "after {minute} min");
            signs.received(now, false, true);
        }
        assert_eq!(signs.due(), begin + LONGEST_MESSAGE);
        assert!(signs.overdue(begin + LONGEST_MESSAGE - SECOND).is_none());
        let overdue = signs.overdue(begin + LONGEST_MESSAGE);
        assert_eq!(overdue, Some(Overdue::Message));
    }

    #[test]
    fn each_message_has_its_own_ten_minutes() {
        let begin = Instant::now();
        let mut signs = Signs::new(LIMIT, LONGEST_MESSAGE, begin);
        for minute in 0..100 {
            let now = begin + 60 * minute * SECOND;
            assert!(signs.overdue(now).is_none(), "after {minute} min");
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
            let mut signs = Signs::new(LIMIT, LONGEST_MESSAGE, begin);
            signs.received(begin + SECOND, true, begun);
            assert_eq!(signs.due(), begin + SECOND + LIMIT);
            assert!(signs.overdue(begin + LIMIT).is_none());
            let overdue = signs.overdue(begin + SECOND + LIMIT);
            assert_eq!(overdue, Some(Overdue::Anything));
        }
    }

    #[test]
    fn what_was_not_read_on_purpose_is_no_silence() {
        let begin = Instant::now();
        let mut signs = Signs::new(LIMIT, LONGEST_MESSAGE, begin);
        signs.received(begin, false, true);
        let now = begin + 1000 * SECOND;
        signs.excuse(now, 999 * SECOND);
        assert!(signs.overdue(now).is_none());
        assert_eq!(signs.due(), now + LIMIT);
    }
}
