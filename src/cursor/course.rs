//! How far the stream is done, on the server that is read and around it.
//!
//! It only moves with what the sink has accepted. What is saved of it, and when, is the keeper's
//! business.

use std::sync::Arc;

use super::{Saved, ahead::Ahead};
use crate::event::{
    Batch, Highest, Identity, MAX_SERVERS, Origin, Place, Point, Position, Trail, now_us,
};

/// What a run knows of its way through the stream.
#[derive(Debug, Default)]
pub(super) struct Course {
    /// Where the stream is done up to.
    position: Option<Position>,
    /// Its origin as the source names it, so that texts need not be compared.
    origin: Option<Arc<Origin>>,
    /// The same on the servers that were read before this one, the latest first.
    others: Vec<Position>,
    highest: Highest,
    first_us: u64,
    /// What the run before knew, while it may come again.
    known: Vec<Identity>,
    repeats_until_us: u64,
    ahead: Ahead,
    /// What the source knows, at the end of this run.
    read: Option<Trail>,
    /// How many events the sink had accepted when that was last looked at.
    accepted: u64,
}

impl Course {
    /// Goes on from a place that was reached. One that was set gives way to the first event, as if
    /// there had been none.
    pub(super) fn restore(&mut self, saved: &Saved) {
        let Place::Reached(position) = &saved.place else {
            return;
        };
        let Trail {
            highest_us,
            first_us,
            others,
            known,
            known_since_us: _,
            repeats_until_us,
            ahead,
            ahead_until_us,
        } = saved.trail.clone();
        let time_us = position.point.time_us;
        *self = Self {
            position: Some(position.clone()),
            origin: None,
            others,
            highest: Highest::from(if highest_us > 0 { highest_us } else { time_us }),
            first_us,
            known,
            repeats_until_us,
            ahead: Ahead::restore(ahead, ahead_until_us),
            read: None,
            accepted: 0,
        };
    }

    /// Begins with the first event of a batch, if nothing was read before. Returns whether it does.
    pub(super) fn begin_with(&mut self, batch: &Batch) -> bool {
        let (None, Some(first), Some(origin)) = (&self.position, batch.first(), batch.origin())
        else {
            return false;
        };
        self.first_us = first.time_us;
        self.position = Some(Position {
            origin: (**origin).clone(),
            point: Point {
                identity: None,
                ..*first
            },
        });
        true
    }

    /// What was delivered although it comes after the place.
    pub(super) fn ahead(&mut self) -> &mut Ahead {
        &mut self.ahead
    }

    /// Up to this time the source may still bring what was delivered.
    pub(super) fn note_repeats(&mut self, until_us: Option<u64>) {
        self.repeats_until_us = self.repeats_until_us.max(until_us.unwrap_or_default());
    }

    /// The stream is done up to this point.
    pub(super) fn reach(&mut self, origin: &Arc<Origin>, point: &Point) {
        self.highest.note(point, now_us);
        if self.position.is_none() {
            self.first_us = point.time_us;
        }
        self.first_us = self.first_us.min(point.time_us);
        if point.time_us > self.repeats_until_us {
            self.repeats_until_us = 0;
            self.known = Vec::new();
        }
        let known = self.origin.as_ref();
        let is_known = known.is_some_and(|known| Arc::ptr_eq(known, origin));
        if !is_known {
            self.origin = Some(Arc::clone(origin));
        }
        match &mut self.position {
            Some(position) if is_known || position.origin == **origin => position.point = *point,
            position => {
                let fresh = Position {
                    origin: Origin::clone(origin),
                    point: *point,
                };
                if let Some(before) = position.replace(fresh) {
                    self.others.insert(0, before);
                }
                let is_other = |other: &Position| other.origin.host != origin.host;
                self.others.retain(is_other);
                self.others.truncate(MAX_SERVERS - 1);
            }
        }
    }

    /// The sink has accepted this number of events.
    pub(super) fn accept(&mut self, accepted: u64) {
        self.ahead.settle(accepted);
        self.accepted = accepted;
    }

    /// What the source knows of what it has read up to the place.
    pub(super) fn remember(&mut self, read: Trail) {
        self.read = Some(read);
    }

    /// Whether an event ahead of the place is not accepted yet.
    pub(super) fn is_waiting(&self) -> bool {
        self.ahead.is_waiting(self.accepted)
    }

    pub(super) fn position(&self) -> Option<&Position> {
        self.position.as_ref()
    }

    /// What is known around the place.
    pub(super) fn trail(&self) -> Trail {
        let (ahead, ahead_until_us) = self.ahead.known(self.accepted);
        let (known, known_since_us) = match &self.read {
            Some(read) => (read.known.clone(), read.known_since_us),
            None if self.repeats_until_us > 0 => (self.known.clone(), 0),
            None => (Vec::new(), 0),
        };
        Trail {
            highest_us: self.highest_us().unwrap_or_default(),
            first_us: self.first_us,
            others: self.others.clone(),
            known,
            known_since_us,
            repeats_until_us: self.repeats_until_us,
            ahead,
            ahead_until_us,
        }
    }

    /// The highest time of all events that were accepted.
    pub(super) fn highest_us(&self) -> Option<u64> {
        let position = self.position.as_ref()?;
        Some(self.highest.us().unwrap_or(position.point.time_us))
    }
}
