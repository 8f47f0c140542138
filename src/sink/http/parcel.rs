//! Events that are sent together, and how they are divided when that fails.

use std::time::Duration;

use tokio::time::Instant;

use crate::{
    event::{Event, OwnedEvent},
    sink::{
        delivery::FailedTries,
        http::signature::{RequestId, id_of},
    },
};

/// An event that is not answered.
#[derive(Debug)]
pub(super) struct Item {
    /// Counted from 0 at the beginning of the run.
    pub(super) number: u64,
    pub(super) lane: u64,
    pub(super) event: OwnedEvent,
    /// When it was taken.
    pub(super) taken: Instant,
}

impl Item {
    pub(super) fn bytes(&self) -> usize {
        self.event.line().len()
    }
}

/// How the cursor knows a request.
#[derive(Debug)]
pub(super) struct Announcement {
    pub(super) id: RequestId,
    /// The how-manieth announcement it is.
    pub(super) number: u64,
}

/// Events of one request, in the stream's order.
#[derive(Debug)]
pub(super) struct Parcel {
    pub(super) items: Vec<Item>,
    /// `None` where there is no cursor.
    pub(super) announced: Option<Box<Announcement>>,
    /// The tries that failed while others were accepted.
    pub(super) failed_tries: FailedTries,
    /// How many requests were accepted when it failed last.
    pub(super) seen: Option<u64>,
    /// When it may be tried again.
    pub(super) due: Instant,
    /// When it was tried last; `None` before its first time.
    pub(super) tried: Option<Instant>,
    /// It is a part of one that failed.
    pub(super) is_part: bool,
    /// It is of one account, which failed by itself.
    pub(super) is_apart: bool,
}

impl Parcel {
    pub(super) fn new(items: Vec<Item>, due: Instant) -> Self {
        Self {
            items,
            announced: None,
            failed_tries: FailedTries::default(),
            seen: None,
            due,
            tried: None,
            is_part: false,
            is_apart: false,
        }
    }

    fn part(items: Vec<Item>, due: Instant) -> Self {
        Self {
            is_part: true,
            ..Self::new(items, due)
        }
    }

    /// What it is known by.
    pub(super) fn id(&self) -> RequestId {
        let announced = self.announced.as_ref();
        let events = self.items.iter().map(|item| item.event.event());
        announced.map_or_else(|| id_of(events), |announced| announced.id)
    }

    /// Which announcement has to be saved before it is sent.
    pub(super) fn announcement(&self) -> u64 {
        let announced = self.announced.as_ref();
        announced.map_or(0, |announced| announced.number)
    }

    /// The number of its first event.
    pub(super) fn first(&self) -> u64 {
        self.items.first().map_or(u64::MAX, |item| item.number)
    }

    pub(super) fn bytes(&self) -> usize {
        self.items.iter().map(Item::bytes).sum()
    }

    pub(super) fn events(&self) -> Vec<Event<'_>> {
        self.items.iter().map(|item| item.event.event()).collect()
    }

    /// The lanes of its events, each once.
    pub(super) fn lanes(&self) -> Vec<u64> {
        let mut lanes: Vec<_> = self.items.iter().map(|item| item.lane).collect();
        lanes.sort_unstable();
        lanes.dedup();
        lanes
    }

    /// Divides it by account, into so many parts that need not wait for each other, or fewer. Gives
    /// it back where all its events are of one account.
    pub(super) fn by_account(self, n_parts: usize, due: Instant) -> Result<Vec<Self>, Self> {
        let lanes = self.lanes();
        if lanes.len() < 2 {
            return Err(self);
        }
        let lanes_of_part = lanes.len().div_ceil(n_parts);
        let mut parts: Vec<_> = lanes.chunks(lanes_of_part).map(|_| Vec::new()).collect();
        for item in self.items {
            let at = lanes.partition_point(|lane| *lane < item.lane);
            if let Some(part) = parts.get_mut(at / lanes_of_part) {
                part.push(item);
            }
        }
        let parts = parts.into_iter();
        Ok(parts.map(|items| Self::part(items, due)).collect())
    }

    /// Divides events of one account: the second half has to wait for the first.
    pub(super) fn in_order(mut self, due: Instant) -> Result<[Self; 2], Self> {
        if self.items.len() < 2 {
            return Err(self);
        }
        let second = self.items.split_off(self.items.len() / 2);
        Ok([self.items, second].map(|items| Self {
            is_apart: self.is_apart,
            ..Self::part(items, due)
        }))
    }

    /// Has it wait until its next try.
    pub(super) fn wait(mut self, now: Instant, wait: Duration) -> Self {
        self.due = now + wait;
        self
    }
}
