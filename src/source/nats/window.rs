//! How much of what was asked for is still to come.

use std::time::Duration;

use async_nats::HeaderMap;
use serde::Serialize;

/// How long the server keeps a request that it cannot fulfil.
const EXPIRES: Duration = Duration::from_secs(30);

/// How many bytes a request may bring at first. Twice that is the most that waits to be read: a bound on memory.
const MAX_BYTES: u64 = 4 * 1024 * 1024;

/// No server takes a message as large as this (64 MiB, with its head).
const MOST_BYTES: u64 = 128 * 1024 * 1024;

/// What is asked for, and how much of it is outstanding.
#[derive(Debug)]
pub(super) struct Window {
    batch: u64,
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
    pub(super) fn new(batch: u64, heartbeat: Duration) -> Self {
        Self {
            batch,
            max_bytes: MAX_BYTES,
            heartbeat,
            outstanding: 0,
            outstanding_bytes: 0,
            brought: true,
        }
    }

    /// Whether it is time to ask for more: half of it has come, so that the server never waits for us.
    pub(super) fn is_low(&self) -> bool {
        self.outstanding <= self.batch / 2 || self.outstanding_bytes <= self.max_bytes / 2
    }

    /// The request for more.
    pub(super) fn request(&self) -> Vec<u8> {
        serde_json::to_vec(&Request {
            batch: self.batch,
            max_bytes: self.max_bytes,
            expires: EXPIRES.as_nanos(),
            idle_heartbeat: self.heartbeat.as_nanos(),
        })
        .expect("plain numbers are always JSON")
    }

    /// The request is made.
    pub(super) fn asked(&mut self) {
        self.outstanding += self.batch;
        self.outstanding_bytes += self.max_bytes;
        self.brought = false;
    }

    /// A message of so many bytes has come.
    pub(super) fn came(&mut self, bytes: usize) {
        self.outstanding = self.outstanding.saturating_sub(1);
        self.outstanding_bytes = self.outstanding_bytes.saturating_sub(bytes as u64);
        self.brought = true;
    }

    /// A request is over; the headers say how much of it did not come. A message that is too large for any request makes the next
    /// ones larger.
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
            self.max_bytes = (self.max_bytes * 2).min(MOST_BYTES);
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

    #[test]
    fn more_is_asked_for_when_half_has_come() {
        let mut window = Window::new(10, Duration::from_secs(3));
        assert!(window.is_low());
        window.asked();
        for _ in 0..4 {
            window.came(100);
            assert!(!window.is_low());
        }
        window.came(100);
        assert!(window.is_low());
        window.asked();
        assert_eq!(window.outstanding, 15);
        window.came(usize::try_from(MAX_BYTES).unwrap() * 3 / 2);
        assert!(window.is_low(), "by bytes");
    }

    #[test]
    fn what_a_request_did_not_bring_is_no_longer_awaited() {
        let mut window = Window::new(10, Duration::from_secs(3));
        window.asked();
        window.asked();
        window.came(100);
        window.over(Some(&left(9, MAX_BYTES - 100)), false);
        assert_eq!(
            (window.outstanding, window.outstanding_bytes),
            (10, MAX_BYTES)
        );
        window.over(None, false);
        assert_eq!((window.outstanding, window.outstanding_bytes), (0, 0));
        assert!(window.is_low());
    }

    #[test]
    fn a_message_that_fits_into_no_request_makes_requests_larger() {
        let mut window = Window::new(10, Duration::from_secs(3));
        for expected in [2, 4, 8, 16, 32, 32] {
            window.asked();
            window.over(Some(&left(10, window.max_bytes)), true);
            assert_eq!(window.max_bytes, expected * MAX_BYTES);
        }
        window.asked();
        window.came(100);
        window.over(Some(&left(9, 100)), true);
        assert_eq!(window.max_bytes, 32 * MAX_BYTES, "the others filled it");
    }
}
