//! Requests that are not answered yet: bounded in number and in memory, and the oldest makes room.
//!
//! An honest request takes some milliseconds. One that is never finished becomes the oldest and is
//! closed, so that it keeps nobody out for longer than it takes others to come.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use tokio_util::sync::CancellationToken;
use tracing::warn;

use crate::{log::STATE, log::throttle::Throttle};

/// All that wait at one listener.
#[derive(Debug)]
pub(crate) struct PendingRequests {
    /// Where they wait, for messages.
    listener: &'static str,
    most: usize,
    /// How much memory large heads may take, all of them together.
    most_bytes: usize,
    waiting: Mutex<Waiting>,
}

#[derive(Debug)]
struct Waiting {
    /// By when they came.
    pending_requests: BTreeMap<u64, Held>,
    next_id: u64,
    bytes: usize,
    throttle: Throttle,
}

#[derive(Debug)]
struct Held {
    leave: CancellationToken,
    bytes: usize,
}

/// One of them. Dropped, it waits no more.
#[derive(Debug)]
pub(crate) struct PendingRequest {
    pending_requests: Arc<PendingRequests>,
    id: u64,
    leave: CancellationToken,
}

impl PendingRequests {
    pub(crate) fn new(listener: &'static str, most: usize, most_bytes: usize) -> Arc<Self> {
        Arc::new(Self {
            listener,
            most,
            most_bytes,
            waiting: Mutex::new(Waiting {
                pending_requests: BTreeMap::new(),
                next_id: 0,
                bytes: 0,
                throttle: Throttle::new(),
            }),
        })
    }

    /// Takes one more in. Where there are too many, the one that came first has to leave.
    pub(crate) fn admit(self: &Arc<Self>) -> PendingRequest {
        let mut waiting = self.waiting();
        if waiting.pending_requests.len() >= self.most
            && let Some(oldest) = waiting.pending_requests.keys().next().copied()
        {
            self.turn_out(&mut waiting, oldest);
        }
        let (id, leave) = (waiting.next_id, CancellationToken::new());
        waiting.next_id += 1;
        let held = Held {
            leave: leave.clone(),
            bytes: 0,
        };
        waiting.pending_requests.insert(id, held);
        PendingRequest {
            pending_requests: Arc::clone(self),
            id,
            leave,
        }
    }

    fn turn_out(&self, waiting: &mut Waiting, id: u64) {
        let Some(held) = waiting.pending_requests.remove(&id) else {
            return;
        };
        waiting.bytes -= held.bytes;
        held.leave.cancel();
        if let Some(n_more) = waiting.throttle.check() {
            let more = match n_more {
                0 => String::new(),
                n => format!(" ({n} more were closed before)"),
            };
            warn!(target: STATE, "too many or too large unfinished requests at {}: the oldest is closed, to make room for the next{more}", self.listener);
        }
    }

    fn waiting(&self) -> MutexGuard<'_, Waiting> {
        // Nothing panics while it is held.
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl PendingRequest {
    /// Notes how much memory its head takes, beside what every head may. Where all of them together
    /// take too much, the oldest that takes any has to leave, which may be this one.
    pub(crate) fn hold(&self, bytes: usize) {
        let mut waiting = self.pending_requests.waiting();
        let Some(held) = waiting.pending_requests.get_mut(&self.id) else {
            return;
        };
        let before = std::mem::replace(&mut held.bytes, bytes);
        waiting.bytes = waiting.bytes - before + bytes;
        while waiting.bytes > self.pending_requests.most_bytes {
            let mut large = waiting
                .pending_requests
                .iter()
                .filter(|(_, held)| held.bytes > 0);
            let Some(oldest) = large.next().map(|(id, _)| *id) else {
                return;
            };
            self.pending_requests.turn_out(&mut waiting, oldest);
        }
    }

    /// Where it waits, and the next one of its connection will.
    #[cfg(feature = "segments")]
    pub(crate) fn room(&self) -> &Arc<PendingRequests> {
        &self.pending_requests
    }

    /// Waits until it has to leave.
    ///
    /// Cancel safety: it is asked again at any time.
    pub(crate) async fn turned_out(&self) {
        self.leave.cancelled().await;
    }
}

impl Drop for PendingRequest {
    fn drop(&mut self) {
        let mut waiting = self.pending_requests.waiting();
        if let Some(held) = waiting.pending_requests.remove(&self.id) {
            waiting.bytes -= held.bytes;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn has_left(pending_requests: &[PendingRequest]) -> Vec<bool> {
        pending_requests
            .iter()
            .map(|pending| pending.leave.is_cancelled())
            .collect()
    }

    #[test]
    fn the_oldest_makes_room_for_the_next() {
        let pending_requests = PendingRequests::new("a test", 3, 0);
        let mut all: Vec<_> = (0..3).map(|_| pending_requests.admit()).collect();
        assert_eq!(has_left(&all), [false; 3]);
        all.push(pending_requests.admit());
        assert_eq!(has_left(&all), [true, false, false, false]);
        // Who left by itself made room already.
        drop(all.remove(1));
        all.push(pending_requests.admit());
        assert_eq!(has_left(&all), [true, false, false, false]);
        assert_eq!(pending_requests.waiting().pending_requests.len(), 3);
    }

    #[test]
    fn the_oldest_large_one_makes_room_for_what_grows() {
        let pending_requests = PendingRequests::new("a test", 10, 100);
        let all: Vec<_> = (0..4).map(|_| pending_requests.admit()).collect();
        all[1].hold(40);
        all[2].hold(50);
        all[2].hold(60);
        assert_eq!(has_left(&all), [false; 4]);
        all[3].hold(1);
        assert_eq!(has_left(&all), [false, true, false, false]);
        // It is the oldest large one itself.
        all[2].hold(101);
        assert_eq!(has_left(&all), [false, true, true, false]);
        assert_eq!(pending_requests.waiting().bytes, 1);
        drop(all);
        assert_eq!(pending_requests.waiting().bytes, 0);
    }
}
