//! Several events at once, and those of one account one after the other.
//!
//! Pure bookkeeping for a sink that works on events concurrently: which may begin, how far one may
//! look ahead of an event that is not done, and how many are done without a hole, which is what a
//! ledger may count. It runs nothing and waits for nothing.

use std::{
    cmp::Reverse,
    collections::{BinaryHeap, HashMap, VecDeque},
};

use xxhash_rust::xxh3::xxh3_64;

/// How much may be in hand.
#[derive(Debug, Clone, Copy)]
pub(crate) struct LaneLimits {
    /// Events that are worked on at the same time.
    pub(crate) jobs: usize,
    /// Events from the first that is not done to the last that was put in.
    pub(crate) events: usize,
    /// Bytes of events that are not done; a single event may be larger.
    pub(crate) bytes: usize,
}

/// An event that has begun, until it is done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Ticket(u64);

impl Ticket {
    /// The number of the event, counted from 0 at the beginning of the run.
    #[cfg(test)]
    pub(crate) fn number(self) -> u64 {
        self.0
    }
}

/// The lane of an account's events. Two accounts that happen to share one wait for each other, and
/// nothing worse.
pub(crate) fn lane_of(did: &str) -> u64 {
    xxh3_64(did.as_bytes())
}

/// Events in their order, some of them waiting, some worked on, some done.
///
/// An event of a lane begins once all before it in the lane are done. Of those that may begin the
/// oldest comes first.
#[derive(Debug)]
pub(crate) struct Lanes<T> {
    limits: LaneLimits,
    /// From the first event that is not done on.
    slots: VecDeque<Slot<T>>,
    /// Events before the first slot: they are done.
    n_done: u64,
    /// The last event of each lane that has any to be done.
    lasts: HashMap<u64, u64>,
    /// Events that may begin.
    ready: BinaryHeap<Reverse<u64>>,
    n_begun: usize,
    /// Events that are not done.
    n_open: usize,
    bytes: usize,
}

#[derive(Debug)]
struct Slot<T> {
    state: State<T>,
    lane: Option<u64>,
    /// The next event in its lane.
    next: Option<u64>,
    bytes: usize,
}

#[derive(Debug)]
enum State<T> {
    Waiting(T),
    Begun,
    Done,
}

impl<T> Lanes<T> {
    /// No event yet.
    pub(crate) fn new(limits: LaneLimits) -> Self {
        Self {
            limits,
            slots: VecDeque::new(),
            n_done: 0,
            lasts: HashMap::new(),
            ready: BinaryHeap::new(),
            n_begun: 0,
            n_open: 0,
            bytes: 0,
        }
    }

    /// Whether one more event may be put in.
    pub(crate) fn has_room(&self) -> bool {
        self.slots.len() < self.limits.events && self.bytes < self.limits.bytes
    }

    /// Whether there is room for half as many events and bytes as there may be.
    pub(crate) fn is_half_empty(&self) -> bool {
        self.slots.len() <= self.limits.events / 2 && self.bytes <= self.limits.bytes / 2
    }

    /// Whether an event may begin beside those that have.
    pub(crate) fn has_free_job(&self) -> bool {
        self.n_begun < self.limits.jobs
    }

    /// Whether every event that was put in is done.
    pub(crate) fn is_empty(&self) -> bool {
        self.slots.is_empty()
    }

    /// How many events were put in and are not done.
    pub(crate) fn n_open(&self) -> usize {
        self.n_open
    }

    /// How many events have begun and are not done.
    #[cfg(test)]
    pub(crate) fn n_begun(&self) -> usize {
        self.n_begun
    }

    /// How many events are done of those that were ever put in, up to the first that is not.
    pub(crate) fn n_done(&self) -> u64 {
        self.n_done
    }

    /// Puts the next event in. Without a lane it waits for no other.
    pub(crate) fn push(&mut self, lane: Option<u64>, bytes: usize, item: T) {
        let number = self.n_done + self.slots.len() as u64;
        let before = lane.and_then(|lane| self.lasts.insert(lane, number));
        self.slots.push_back(Slot {
            state: State::Waiting(item),
            lane,
            next: None,
            bytes,
        });
        self.n_open += 1;
        self.bytes += bytes;
        match before.and_then(|before| self.slot(before)) {
            Some(before) => before.next = Some(number),
            None => self.ready.push(Reverse(number)),
        }
    }

    /// Begins the oldest event that may begin now.
    pub(crate) fn begin(&mut self) -> Option<(Ticket, T)> {
        if !self.has_free_job() {
            return None;
        }
        let Reverse(number) = self.ready.pop()?;
        let slot = self.slot(number)?;
        match std::mem::replace(&mut slot.state, State::Begun) {
            State::Waiting(item) => {
                self.n_begun += 1;
                Some((Ticket(number), item))
            }
            State::Begun | State::Done => unreachable!("an event begins once"),
        }
    }

    /// Ends an event that has begun, and returns how many more that makes done up to the first that
    /// is not.
    pub(crate) fn end(&mut self, Ticket(number): Ticket) -> u64 {
        let Some(slot) = self.slot(number) else {
            return 0;
        };
        slot.state = State::Done;
        let Slot {
            lane, next, bytes, ..
        } = *slot;
        self.n_begun -= 1;
        self.n_open -= 1;
        self.bytes -= bytes;
        match (next, lane) {
            (Some(next), _) => self.ready.push(Reverse(next)),
            (None, Some(lane)) => {
                self.lasts.remove(&lane);
            }
            (None, None) => {}
        }
        let before = self.n_done;
        while matches!(self.slots.front(), Some(slot) if matches!(slot.state, State::Done)) {
            self.slots.pop_front();
            self.n_done += 1;
        }
        self.n_done - before
    }

    /// Forgets the events after the last that has begun. Those before it stay, so that nothing that
    /// is done comes after a hole.
    pub(crate) fn leave_rest(&mut self) {
        let is_waiting = |slot: &Slot<T>| matches!(slot.state, State::Waiting(_));
        while self.slots.back().is_some_and(is_waiting) {
            let slot = self.slots.pop_back();
            self.n_open -= 1;
            self.bytes -= slot.map_or(0, |slot| slot.bytes);
        }
        let end = self.n_done + self.slots.len() as u64;
        self.ready.retain(|Reverse(number)| *number < end);
        self.lasts.clear();
        for (number, slot) in (self.n_done..).zip(&mut self.slots) {
            slot.next = slot.next.filter(|next| *next < end);
            if let (Some(lane), State::Waiting(_) | State::Begun) = (slot.lane, &slot.state) {
                self.lasts.insert(lane, number);
            }
        }
    }

    fn slot(&mut self, number: u64) -> Option<&mut Slot<T>> {
        let at = number.checked_sub(self.n_done)?;
        self.slots.get_mut(usize::try_from(at).ok()?)
    }
}

#[cfg(test)]
mod tests;
