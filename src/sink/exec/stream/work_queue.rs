//! The queue of events for one program, and the replies of all programs. Many change hands with one
//! lock.

use std::{
    collections::VecDeque,
    sync::{
        Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
};

use tokio::sync::Notify;

use super::super::context::{Delivery, Failure};
use crate::sink::lanes::Ticket;

/// An event that was handed out.
#[derive(Debug)]
pub(super) struct InFlight {
    pub(super) ticket: Ticket,
    pub(super) delivery: Delivery,
}

/// The events that wait for one program.
#[derive(Debug)]
pub(super) struct WorkQueue {
    /// How many events its program may have and not have answered.
    pub(super) max_in_flight: usize,
    waiting: Mutex<Waiting>,
    changed: Notify,
    is_closing: AtomicBool,
}

#[derive(Debug, Default)]
struct Waiting {
    items: VecDeque<InFlight>,
    /// Nothing is taken any more.
    is_left: bool,
}

impl WorkQueue {
    pub(super) fn new(max_in_flight: usize) -> Self {
        Self {
            max_in_flight,
            waiting: Mutex::default(),
            changed: Notify::new(),
            is_closing: AtomicBool::new(false),
        }
    }

    /// Adds an event, or gives it back when nothing is taken any more.
    pub(super) fn put(&self, item: InFlight) -> Option<InFlight> {
        let mut waiting = self.waiting();
        if waiting.is_left {
            return Some(item);
        }
        waiting.items.push_back(item);
        drop(waiting);
        self.changed.notify_one();
        None
    }

    /// Takes up to `most` events.
    pub(super) fn take(&self, most: usize, into: &mut VecDeque<InFlight>) {
        let mut waiting = self.waiting();
        let n = most.min(waiting.items.len());
        into.extend(waiting.items.drain(..n));
    }

    pub(super) fn is_empty(&self) -> bool {
        self.waiting().items.is_empty()
    }

    /// Takes all that waits, and lets nothing in any more.
    pub(super) fn leave(&self) -> VecDeque<InFlight> {
        let mut waiting = self.waiting();
        waiting.is_left = true;
        let items = std::mem::take(&mut waiting.items);
        drop(waiting);
        self.changed.notify_one();
        items
    }

    /// Whether it lets nothing in any more.
    pub(super) fn is_left(&self) -> bool {
        self.waiting().is_left
    }

    /// Says that nothing more will come.
    pub(super) fn close(&self) {
        self.is_closing.store(true, Ordering::Release);
        self.changed.notify_one();
    }

    pub(super) fn is_closing(&self) -> bool {
        self.is_closing.load(Ordering::Acquire)
    }

    /// Resolves when events were added, or nothing more will come.
    ///
    /// Cancel safety: dropped and asked again at any time.
    pub(super) async fn changed(&self) {
        self.changed.notified().await;
    }

    fn waiting(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What was answered to an event.
#[derive(Debug)]
pub(super) enum Reply {
    Taken(InFlight),
    Failed(InFlight, Failure),
    /// Its program is gone, and a stop was asked for.
    Left(InFlight),
}

/// The answers of all programs.
#[derive(Debug, Default)]
pub(super) struct Replies {
    list: Mutex<Vec<Reply>>,
    changed: Notify,
}

impl Replies {
    pub(super) fn put(&self, replies: impl IntoIterator<Item = Reply>) {
        self.list().extend(replies);
        self.changed.notify_one();
    }

    pub(super) fn take(&self) -> Vec<Reply> {
        std::mem::take(&mut *self.list())
    }

    /// Resolves when there are some.
    ///
    /// Cancel safety: dropped and asked again at any time.
    pub(super) async fn changed(&self) {
        self.changed.notified().await;
    }

    fn list(&self) -> MutexGuard<'_, Vec<Reply>> {
        self.list.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
