//! Events that come again after a restart, held until it is known in which requests they were.
//!
//! What was answered before is not sent again, and what was announced goes in the same request,
//! where the same events come in the same order. Where they do not, they are events like any other.

use std::{collections::HashMap, time::Duration};

use tokio::time::Instant;

use super::{
    known_as,
    plan::{CHUNK, Plan, hash_of},
};
use crate::{
    event::{Event, OwnedEvent},
    sink::{
        http::signature::{RequestId, id_of},
        lanes::lane_of,
    },
};

/// How long the next event of the plan is waited for.
const PATIENCE: Duration = Duration::from_secs(10);

/// What takes up what the run before announced.
#[derive(Debug)]
pub(in crate::sink::http) struct Replay {
    plan: Plan,
    held: Vec<Held>,
    bytes: usize,
    max_bytes: usize,
    /// The first of the held events is the first of the plan.
    has_begun: bool,
    /// How many came before it, and are held no more.
    n_passed: u64,
    /// How many of the plan's hashes were looked at.
    n_looked_at: usize,
    due: Instant,
}

/// An event, which is gone where it is answered.
#[derive(Debug)]
struct Held {
    known: u64,
    event: Option<OwnedEvent>,
}

/// What becomes of an event that was held.
#[derive(Debug)]
pub(in crate::sink::http) enum Replayed {
    /// It was answered before.
    Answered(u64),
    /// It is in this one of the requests that were announced.
    Announced(OwnedEvent, usize),
    /// It is in none.
    Free(OwnedEvent),
}

/// Whose the next event of an account has to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Turn {
    Parcel(usize),
    Free,
}

impl Replay {
    /// Holds at most so many bytes.
    pub(in crate::sink::http) fn new(plan: Plan, max_bytes: usize) -> Self {
        Self {
            plan,
            held: Vec::new(),
            bytes: 0,
            max_bytes,
            has_begun: false,
            n_passed: 0,
            n_looked_at: 0,
            due: Instant::now() + PATIENCE,
        }
    }

    /// Takes the next event. Returns those that came before the plan, once it begins: they are like
    /// any other, and come first.
    pub(in crate::sink::http) fn add(
        &mut self,
        event: &Event<'_>,
        now: Instant,
    ) -> Vec<OwnedEvent> {
        let known = known_as(event);
        let mut passed = Vec::new();
        if !self.has_begun && known == self.plan.first {
            self.has_begun = true;
            passed.extend(self.held.drain(..).filter_map(|held| held.event));
            self.n_passed = passed.len() as u64;
            self.bytes = 0;
        }
        if self.has_begun || self.held.is_empty() {
            self.due = now + PATIENCE;
        }
        let event = event.into_owned();
        self.bytes += event.line().len();
        let event = Some(event);
        self.held.push(Held { known, event });
        while self.drop_answered() {}
        passed
    }

    /// How many events came before the plan. They have to be done before it is taken up.
    pub(in crate::sink::http) fn n_passed(&self) -> u64 {
        self.n_passed
    }

    pub(in crate::sink::http) fn has_room(&self) -> bool {
        self.bytes < self.max_bytes
    }

    /// How many events are held.
    pub(in crate::sink::http) fn len(&self) -> usize {
        self.held.len()
    }

    /// When it is over in any case; never before the first event.
    pub(in crate::sink::http) fn due(&self) -> Option<Instant> {
        (!self.held.is_empty()).then_some(self.due)
    }

    /// Whether all that was announced is here, or no more is waited for.
    pub(in crate::sink::http) fn is_over(&self, now: Instant) -> bool {
        let is_whole = self.has_begun && self.held.len() >= self.plan.len();
        is_whole || !self.has_room() || self.due().is_some_and(|due| due <= now)
    }

    /// Drops the events of the next hash, once they are there and are those that were answered.
    fn drop_answered(&mut self) -> bool {
        let from = self.n_looked_at * CHUNK;
        let to = (from + CHUNK).min(self.plan.answered.len());
        let Some(chunk) = self.plan.answered.get(from..to) else {
            return false;
        };
        let at = |number: &u64| usize::try_from(*number).unwrap_or(usize::MAX);
        let is_there = chunk.last().is_some_and(|last| at(last) < self.held.len());
        if !is_there || !self.has_begun {
            return false;
        }
        let known = chunk.iter().filter_map(|number| self.held.get(at(number)));
        let hash = hash_of(known.map(|held| held.known));
        let is_same = self.plan.hashes.get(self.n_looked_at) == Some(&hash);
        self.n_looked_at += 1;
        for number in chunk.iter().filter(|_| is_same) {
            let event = self.held.get_mut(at(number));
            let event = event.and_then(|held| held.event.take());
            self.bytes -= event.map_or(0, |event| event.line().len());
        }
        true
    }

    /// What becomes of the events, in their order, and how many requests of those that were
    /// announced there are.
    pub(in crate::sink::http) fn resolve(self) -> (Vec<Replayed>, usize) {
        let mut parcel_of = vec![None; self.held.len()];
        for (parcel, (id, numbers)) in self.plan.parcels.iter().enumerate() {
            let places = self.places(*id, numbers).unwrap_or_default();
            let mut owners = places.iter().map(|at| parcel_of.get(*at));
            if owners.all(|owner| owner == Some(&None)) {
                for at in places {
                    if let Some(owner) = parcel_of.get_mut(at) {
                        *owner = Some(parcel);
                    }
                }
            }
        }
        while let Some(out_of_turn) = self.out_of_turn(&parcel_of) {
            let owners = parcel_of.iter_mut();
            owners
                .filter(|owner| **owner == Some(out_of_turn))
                .for_each(|owner| *owner = None);
        }
        let mut numbers = HashMap::new();
        let events = self.held.into_iter().zip(parcel_of);
        let replayed = events.map(|(held, parcel)| match (held.event, parcel) {
            (None, _) => Replayed::Answered(held.known),
            (Some(event), None) => Replayed::Free(event),
            (Some(event), Some(parcel)) => {
                let next = numbers.len();
                Replayed::Announced(event, *numbers.entry(parcel).or_insert(next))
            }
        });
        (replayed.collect(), numbers.len())
    }

    /// Where the events of a request are held, if all of them are, and are those that it had.
    fn places(&self, id: RequestId, numbers: &[u64]) -> Option<Vec<usize>> {
        let places = numbers.iter().map(|number| usize::try_from(*number).ok());
        let places = places.collect::<Option<Vec<_>>>();
        let places = places.filter(|_| self.has_begun)?;
        let events = places.iter().map(|at| self.held.get(*at)?.event.as_ref());
        let events = events.collect::<Option<Vec<_>>>()?;
        let found = id_of(events.iter().map(|event| event.event()));
        (found == id).then_some(places)
    }

    /// A request that would be sent before an earlier event of one of its accounts, or between
    /// those of another one.
    fn out_of_turn(&self, parcel_of: &[Option<usize>]) -> Option<usize> {
        let (mut turns, mut begun) = (HashMap::new(), HashMap::new());
        let mut n_lanes = HashMap::new();
        let events = self.held.iter().zip(parcel_of);
        let events = events.filter_map(|(held, parcel)| Some((held.event.as_ref()?, parcel)));
        let events = events.map(|(event, parcel)| (lane_of(event.event().key()), *parcel));
        let events: Vec<_> = events.collect();
        for (lane, parcel) in &events {
            if let Some(parcel) = parcel
                && begun.insert((*parcel, *lane), false).is_none()
            {
                *n_lanes.entry(*parcel).or_insert(0) += 1;
            }
        }
        for (lane, parcel) in events {
            let before = turns.get(&lane).copied();
            let Some(parcel) = parcel else {
                turns.insert(lane, Turn::Free);
                continue;
            };
            if before == Some(Turn::Parcel(parcel)) {
                continue;
            }
            let has_begun = begun.insert((parcel, lane), true) == Some(true);
            // Only halves of one account's events wait behind another request.
            let may_follow = n_lanes.get(&parcel) == Some(&1);
            let is_in_turn = match before {
                None => true,
                Some(Turn::Parcel(_)) => may_follow && !has_begun,
                Some(Turn::Free) => false,
            };
            if !is_in_turn {
                return Some(parcel);
            }
            turns.insert(lane, Turn::Parcel(parcel));
        }
        None
    }
}
