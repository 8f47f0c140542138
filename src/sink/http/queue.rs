//! Events that are not answered: which may be sent, and up to which all are.
//!
//! Pure bookkeeping. The events of an account are a lane. A parcel holds the lanes of its events
//! until all of them are done, so that each account has one request under way, and its later events
//! wait; those of other accounts do not.

use std::{
    cmp::Reverse,
    collections::{BinaryHeap, HashMap, VecDeque},
    time::Duration,
};

use tokio::time::Instant;

use super::parcel::{Item, Parcel};
use crate::{event::OwnedEvent, sink::lanes::lane_of};

/// What an event takes beside its line, about: measured, most of it for what is known of its line.
const ITEM_BYTES: usize = 320;

/// The events of an account.
#[derive(Debug, Default)]
struct Lane {
    waiting: VecDeque<Item>,
    bytes: usize,
    /// The parcel that is made, or under way, with events of it.
    holder: Option<u64>,
    /// What was divided off from a parcel under way, to follow it.
    aside: Vec<Parcel>,
}

/// How much makes a parcel, and how much there may be.
#[derive(Debug, Clone, Copy)]
pub(super) struct Limits {
    pub(super) events: usize,
    pub(super) bytes: usize,
    pub(super) wait: Duration,
    /// Bytes of all events that are not done.
    pub(super) unanswered: usize,
    /// Events from the first that is not done on, done ones included.
    pub(super) ahead: usize,
}

/// Events in their order, from the first that is not done on.
#[derive(Debug)]
pub(super) struct Queue {
    limits: Limits,
    /// Whether each of them is done.
    done: VecDeque<bool>,
    /// Events before those: they are done.
    n_done: u64,
    lanes: HashMap<u64, Lane>,
    /// The first waiting event of each lane that nobody holds, and what is out of date.
    ready: BinaryHeap<Reverse<(u64, u64)>>,
    n_ready: usize,
    ready_bytes: usize,
    n_open: usize,
    open_bytes: usize,
    n_parcels: u64,
}

impl Queue {
    pub(super) fn new(limits: Limits) -> Self {
        Self {
            limits,
            done: VecDeque::new(),
            n_done: 0,
            lanes: HashMap::new(),
            ready: BinaryHeap::new(),
            n_ready: 0,
            ready_bytes: 0,
            n_open: 0,
            open_bytes: 0,
            n_parcels: 0,
        }
    }

    /// Whether one more event may be put in.
    pub(super) fn has_room(&self) -> bool {
        self.open_bytes < self.limits.unanswered && self.done.len() < self.limits.ahead
    }

    /// How many events are not done.
    pub(super) fn n_open(&self) -> usize {
        self.n_open
    }

    /// How many events are done up to the first that is not.
    pub(super) fn n_done(&self) -> u64 {
        self.n_done
    }

    /// Puts the next event in.
    pub(super) fn push(&mut self, event: OwnedEvent, now: Instant) {
        let item = self.open(event, now);
        let (number, lane_id, bytes) = (item.number, item.lane, item.bytes());
        let lane = self.lanes.entry(lane_id).or_default();
        if lane.holder.is_none() {
            if lane.waiting.is_empty() {
                self.ready.push(Reverse((number, lane_id)));
            }
            self.n_ready += 1;
            self.ready_bytes += bytes;
        }
        lane.bytes += bytes;
        if lane.waiting.capacity() == 0 {
            // Most accounts have one event at a time, and would get room for four.
            lane.waiting.reserve_exact(1);
        }
        lane.waiting.push_back(item);
    }

    /// Counts an event that is not done.
    fn open(&mut self, event: OwnedEvent, now: Instant) -> Item {
        let item = Item {
            number: self.n_done + self.done.len() as u64,
            lane: lane_of(event.event().key()),
            event,
            taken: now,
        };
        self.done.push_back(false);
        self.n_open += 1;
        self.open_bytes += item.bytes() + ITEM_BYTES;
        item
    }

    /// Counts the next event as one that is done already.
    pub(super) fn push_done(&mut self) {
        self.done.push_back(true);
    }

    /// Counts the next event as one of a parcel that is made already. Nobody else's events of its
    /// account wait.
    pub(super) fn push_held(&mut self, event: OwnedEvent, holder: u64, now: Instant) -> Item {
        let item = self.open(event, now);
        let lane = self.lanes.entry(item.lane).or_default();
        lane.holder.get_or_insert(holder);
        item
    }

    /// Who holds what another parcel has taken.
    pub(super) fn new_holder(&mut self) -> u64 {
        self.n_parcels += 1;
        self.n_parcels - 1
    }

    /// Whether a parcel has to wait for another one of its account.
    pub(super) fn is_behind(&self, parcel: &Parcel, holder: u64) -> bool {
        let mut lanes = parcel.items.iter().map(|item| self.lanes.get(&item.lane));
        lanes.any(|lane| lane.is_some_and(|lane| lane.holder != Some(holder)))
    }

    /// From when on events are to be sent: at once where there are enough of them, later where the
    /// first has not waited long enough, and never without any.
    pub(super) fn due(&mut self) -> Option<Instant> {
        let first = self.first_ready()?;
        // Where no more are taken, none are waited for.
        let is_enough = self.n_ready >= self.limits.events
            || self.ready_bytes >= self.limits.bytes
            || !self.has_room();
        Some(if is_enough {
            first
        } else {
            first + self.limits.wait
        })
    }

    /// When the first event was taken that may be sent.
    fn first_ready(&mut self) -> Option<Instant> {
        loop {
            let Reverse((number, lane)) = *self.ready.peek()?;
            if let Some(item) = self.heads(number, lane, None) {
                return Some(item.taken);
            }
            self.ready.pop();
        }
    }

    /// The event of this number, if it is the first of its lane, and nobody else holds that.
    fn heads(&self, number: u64, lane: u64, holder: Option<u64>) -> Option<&Item> {
        let lane = self.lanes.get(&lane)?;
        let is_free = lane.holder.is_none() || lane.holder == holder;
        let head = lane.waiting.front().filter(|_| is_free)?;
        (head.number == number).then_some(head)
    }

    /// Takes the oldest events that may be sent, as many as make a parcel of at most `max_bytes`.
    pub(super) fn take(&mut self, max_bytes: usize, now: Instant) -> Option<Parcel> {
        let holder = self.new_holder();
        let (mut items, mut total): (Vec<Item>, usize) = (Vec::new(), 0);
        while items.len() < self.limits.events {
            let Some(Reverse((number, lane_id))) = self.ready.pop() else {
                break;
            };
            let Some(bytes) = self.heads(number, lane_id, Some(holder)).map(Item::bytes) else {
                continue;
            };
            if !items.is_empty() && total + bytes > max_bytes {
                self.ready.push(Reverse((number, lane_id)));
                break;
            }
            let Some(lane) = self.lanes.get_mut(&lane_id) else {
                continue;
            };
            if lane.holder.is_none() {
                lane.holder = Some(holder);
                self.n_ready -= lane.waiting.len();
                self.ready_bytes -= lane.bytes;
            }
            lane.bytes -= bytes;
            total += bytes;
            items.extend(lane.waiting.pop_front());
            if let Some(next) = lane.waiting.front() {
                self.ready.push(Reverse((next.number, lane_id)));
            }
        }
        (!items.is_empty()).then(|| Parcel::new(items, now))
    }

    /// Keeps events of one account until what was divided off before them is done.
    pub(super) fn put_aside(&mut self, parcel: Parcel) {
        let lane = parcel.items.first().map(|item| item.lane);
        if let Some(lane) = lane.and_then(|lane| self.lanes.get_mut(&lane)) {
            lane.aside.push(parcel);
        }
    }

    /// Ends the events of a parcel: returns how many more that makes done up to the first that is
    /// not, and what is to be sent now.
    pub(super) fn end(&mut self, parcel: &Parcel) -> (u64, Vec<Parcel>) {
        for item in &parcel.items {
            let at = item.number.checked_sub(self.n_done);
            let at = at.and_then(|at| usize::try_from(at).ok());
            if let Some(done) = at.and_then(|at| self.done.get_mut(at)) {
                *done = true;
                self.n_open -= 1;
                self.open_bytes -= item.bytes() + ITEM_BYTES;
            }
        }
        let lanes = parcel.lanes().into_iter();
        let next = lanes.filter_map(|id| self.release(id)).collect();
        (self.count_done(), next)
    }

    /// How many more events are done up to the first that is not.
    pub(super) fn count_done(&mut self) -> u64 {
        let before = self.n_done;
        while self.done.front() == Some(&true) {
            self.done.pop_front();
            self.n_done += 1;
        }
        self.n_done - before
    }

    /// Has a lane go on: with what was put aside, or with what waits in it.
    fn release(&mut self, id: u64) -> Option<Parcel> {
        let lane = self.lanes.get_mut(&id)?;
        if let Some(parcel) = lane.aside.pop() {
            return Some(parcel);
        }
        lane.holder = None;
        match lane.waiting.front() {
            Some(first) => {
                self.ready.push(Reverse((first.number, id)));
                self.n_ready += lane.waiting.len();
                self.ready_bytes += lane.bytes;
            }
            None => {
                self.lanes.remove(&id);
            }
        }
        None
    }
}

#[cfg(test)]
mod tests;
