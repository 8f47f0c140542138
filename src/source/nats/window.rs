//! How much of what was asked for is still to come.

use std::{num::NonZeroUsize, time::Duration};

use async_nats::HeaderMap;
use serde::Serialize;
use tokio::sync::watch;

/// How long the server keeps a request that it cannot fulfil.
const REQUEST_LIFETIME: Duration = Duration::from_secs(30);

/// How many bytes a request may bring at first. Twice that is the most that waits to be read: a
/// bound on memory.
const REQUEST_BYTES: u64 = 4 * 1024 * 1024;

/// No server takes a message as large as this (64 MiB, with its head).
const MAX_REQUEST_BYTES: u64 = 128 * 1024 * 1024;

/// This number of requests may wait at a server at the same time; it takes 512 for all workers
/// together.
const MAX_REQUESTS: u64 = 8;

/// What a sink has room for that works on each message.
#[derive(Debug, Clone)]
pub(super) struct Room {
    /// How many messages it works on at the same time.
    pub(super) at_once: NonZeroUsize,
    /// How many it works on now.
    pub(super) at_work: watch::Receiver<usize>,
}

/// How much of a consumer is wanted at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Share {
    /// Nobody else reads it: this number of messages a request, and the next request in time.
    Alone(u64),
    /// Others read it too: at most this number of messages on their way, the batch that a sink
    /// takes.
    Batch(u64),
    /// Others read it too, and the sink works on each: at most this number of messages on their way
    /// or not done.
    AtOnce(u64),
}

/// What is asked for, and how much of it is outstanding.
#[derive(Debug)]
pub(super) struct Window {
    share: Share,
    max_bytes: u64,
    heartbeat: Duration,
    outstanding: u64,
    outstanding_bytes: u64,
    /// A message came since it was asked for the last time.
    brought: bool,
}

/// A request for messages, as the server reads it.
#[derive(Debug, Serialize)]
struct Request {
    batch: u64,
    max_bytes: u64,
    expires: u128,
    idle_heartbeat: u128,
}

impl Window {
    pub(super) fn new(share: Share, heartbeat: Duration) -> Self {
        Self {
            share,
            max_bytes: REQUEST_BYTES,
            heartbeat,
            outstanding: 0,
            outstanding_bytes: 0,
            brought: true,
        }
    }

    /// How many more messages it is time to ask for, while `in_hand` of them are not done; 0 for
    /// none.
    pub(super) fn wanting(&self, in_hand: usize) -> u64 {
        let outstanding = self.outstanding;
        match self.share {
            // Half of it has come, so that the server never waits for us.
            Share::Alone(batch)
                if outstanding <= batch / 2 || self.outstanding_bytes <= self.max_bytes / 2 =>
            {
                batch
            }
            Share::Batch(batch) if outstanding <= batch / 2 => batch - outstanding,
            Share::AtOnce(at_once) => {
                let room = at_once.saturating_sub(outstanding + in_hand as u64);
                let is_worth_it = room >= (at_once / MAX_REQUESTS).max(1);
                if is_worth_it { room } else { 0 }
            }
            Share::Alone(_) | Share::Batch(_) => 0,
        }
    }

    /// Whether nothing is asked for, so that nothing comes.
    pub(super) fn awaits_nothing(&self) -> bool {
        self.outstanding == 0
    }

    /// The request for `batch` more messages.
    pub(super) fn request(&self, batch: u64) -> Vec<u8> {
        serde_json::to_vec(&Request {
            batch,
            max_bytes: self.max_bytes,
            expires: REQUEST_LIFETIME.as_nanos(),
            idle_heartbeat: self.heartbeat.as_nanos(),
        })
        .expect("plain numbers are always JSON")
    }

    /// `batch` more messages were asked for.
    pub(super) fn asked(&mut self, batch: u64) {
        self.outstanding += batch;
        self.outstanding_bytes += self.max_bytes;
        self.brought = false;
    }

    /// A message of this size has come.
    pub(super) fn came(&mut self, bytes: usize) {
        self.outstanding = self.outstanding.saturating_sub(1);
        self.outstanding_bytes = self.outstanding_bytes.saturating_sub(bytes as u64);
        self.brought = true;
    }

    /// A request is over; the headers say how much of it did not come. A message that is too large
    /// for any request makes the next ones larger.
    pub(super) fn over(&mut self, headers: Option<&HeaderMap>, is_too_large: bool) {
        let left = |name| {
            let value = headers.and_then(|headers| headers.get(name));
            value.and_then(|value| value.as_str().parse::<u64>().ok())
        };
        self.outstanding = left("Nats-Pending-Messages")
            .map_or(0, |messages| self.outstanding.saturating_sub(messages));
        self.outstanding_bytes = left("Nats-Pending-Bytes")
            .map_or(0, |bytes| self.outstanding_bytes.saturating_sub(bytes));
        if self.outstanding == 0 {
            self.outstanding_bytes = 0;
        }
        if is_too_large && !self.brought {
            self.max_bytes = (self.max_bytes * 2).min(MAX_REQUEST_BYTES);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn left(messages: u64, bytes: u64) -> HeaderMap {
        let mut headers = HeaderMap::new();
        headers.insert("Nats-Pending-Messages", messages.to_string());
        headers.insert("Nats-Pending-Bytes", bytes.to_string());
        headers
    }

    fn ask(window: &mut Window) {
        let batch = window.wanting(0);
        assert!(batch > 0);
        window.asked(batch);
    }

    #[test]
    fn more_is_asked_for_when_half_has_come() {
        let mut window = Window::new(Share::Alone(10), Duration::from_secs(3));
        ask(&mut window);
        for _ in 0..4 {
            window.came(100);
            assert_eq!(window.wanting(0), 0);
        }
        window.came(100);
        assert_eq!(window.wanting(0), 10);
        ask(&mut window);
        assert_eq!(window.outstanding, 15);
        window.came(usize::try_from(REQUEST_BYTES).unwrap() * 3 / 2);
        assert_eq!(window.wanting(0), 10, "by bytes");
    }

    #[test]
    fn a_sink_that_takes_batches_has_one_on_its_way() {
        let mut window = Window::new(Share::Batch(10), Duration::from_secs(3));
        ask(&mut window);
        assert_eq!((window.outstanding, window.wanting(99)), (10, 0));
        for _ in 0..5 {
            assert_eq!(window.wanting(0), 0);
            window.came(100);
        }
        assert_eq!(window.wanting(99), 5);
    }

    #[test]
    fn what_is_in_hand_or_on_its_way_is_never_more_than_is_begun() {
        let mut window = Window::new(Share::AtOnce(3), Duration::from_secs(3));
        assert_eq!((window.wanting(0), window.wanting(2)), (3, 1));
        ask(&mut window);
        assert_eq!(window.wanting(0), 0);
        window.came(100);
        assert_eq!((window.wanting(1), window.wanting(0)), (0, 1));
        let mut window = Window::new(Share::AtOnce(80), Duration::from_secs(3));
        ask(&mut window);
        window.came(100);
        assert_eq!(window.wanting(0), 0, "too few for a request");
        (0..9).for_each(|_| window.came(100));
        assert_eq!((window.wanting(1), window.wanting(0)), (0, 10));
    }

    #[test]
    fn what_a_request_did_not_bring_is_no_longer_awaited() {
        let mut window = Window::new(Share::Alone(10), Duration::from_secs(3));
        window.asked(10);
        window.asked(10);
        window.came(100);
        window.over(Some(&left(9, REQUEST_BYTES - 100)), false);
        assert_eq!(
            (window.outstanding, window.outstanding_bytes),
            (10, REQUEST_BYTES)
        );
        window.over(None, false);
        assert_eq!((window.outstanding, window.outstanding_bytes), (0, 0));
        assert_eq!(window.wanting(0), 10);
    }

    #[test]
    fn a_message_that_fits_into_no_request_makes_requests_larger() {
        let mut window = Window::new(Share::Alone(10), Duration::from_secs(3));
        for expected in [2, 4, 8, 16, 32, 32] {
            window.asked(10);
            window.over(Some(&left(10, window.max_bytes)), true);
            assert_eq!(window.max_bytes, expected * REQUEST_BYTES);
        }
        window.asked(10);
        window.came(100);
        window.over(Some(&left(9, 100)), true);
        assert_eq!(window.max_bytes, 32 * REQUEST_BYTES, "the others filled it");
    }
}
