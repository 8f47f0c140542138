//! Where events wait for their program, and where their answers are collected. Whole runs of them change hands, one lock each.

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
pub(super) struct Item {
    pub(super) ticket: Ticket,
    pub(super) delivery: Delivery,
}

/// The events that wait for one program.
#[derive(Debug)]
pub(super) struct Desk {
    /// How many events its program may have and not have answered.
    pub(super) in_flight: usize,
    waiting: Mutex<Waiting>,
    news: Notify,
    is_closing: AtomicBool,
}

#[derive(Debug, Default)]
struct Waiting {
    items: VecDeque<Item>,
    /// Nobody takes any more.
    is_left: bool,
}

impl Desk {
    pub(super) fn new(in_flight: usize) -> Self {
        Self {
            in_flight,
            waiting: Mutex::default(),
            news: Notify::new(),
            is_closing: AtomicBool::new(false),
        }
    }

    /// Puts an event down, and gives it back when there is nobody any more to take it.
    pub(super) fn put(&self, item: Item) -> Option<Item> {
        let mut waiting = self.waiting();
        if waiting.is_left {
            return Some(item);
        }
        waiting.items.push_back(item);
        drop(waiting);
        self.news.notify_one();
        None
    }

    /// Takes up to so many events.
    pub(super) fn take(&self, most: usize, into: &mut VecDeque<Item>) {
        let mut waiting = self.waiting();
        let n = most.min(waiting.items.len());
        into.extend(waiting.items.drain(..n));
    }

    pub(super) fn is_empty(&self) -> bool {
        self.waiting().items.is_empty()
    }

    /// Takes all that waits, and takes nothing on any more.
    pub(super) fn leave(&self) -> VecDeque<Item> {
        let mut waiting = self.waiting();
        waiting.is_left = true;
        let items = std::mem::take(&mut waiting.items);
        drop(waiting);
        self.news.notify_one();
        items
    }

    /// Whether it takes nothing on any more.
    pub(super) fn is_left(&self) -> bool {
        self.waiting().is_left
    }

    /// Says that nothing more will come.
    pub(super) fn close(&self) {
        self.is_closing.store(true, Ordering::Release);
        self.news.notify_one();
    }

    pub(super) fn is_closing(&self) -> bool {
        self.is_closing.load(Ordering::Acquire)
    }

    /// Resolves when events were put down, or nothing more will come.
    ///
    /// Cancel safety: dropped and asked again at any time.
    pub(super) async fn news(&self) {
        self.news.notified().await;
    }

    fn waiting(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What was answered to an event.
#[derive(Debug)]
pub(super) enum Answer {
    Taken(Item),
    Failed(Item, Failure),
    /// Its program is gone, and a stop was asked for.
    Left(Item),
}

/// The answers of all programs.
#[derive(Debug, Default)]
pub(super) struct Answers {
    list: Mutex<Vec<Answer>>,
    news: Notify,
}

impl Answers {
    pub(super) fn put(&self, answers: impl IntoIterator<Item = Answer>) {
        self.list().extend(answers);
        self.news.notify_one();
    }

    pub(super) fn take(&self) -> Vec<Answer> {
        std::mem::take(&mut *self.list())
    }

    /// Resolves when there are some.
    ///
    /// Cancel safety: dropped and asked again at any time.
    pub(super) async fn news(&self) {
        self.news.notified().await;
    }

    fn list(&self) -> MutexGuard<'_, Vec<Answer>> {
        self.list.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
