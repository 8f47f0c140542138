//! From the number of accepted events to the place up to which the stream is done.
//!
//! Bounded: of a large batch only some places are noted, and when too many wait for their sink,
//! only every second, fourth, eighth … is kept. That makes the cursor coarser, never wrong. What
//! has to be exact is: the end of each batch, what a sink was asked to make durable, and every
//! event where a sink takes one after the other.

use std::{collections::VecDeque, sync::Arc};

use crate::event::{Batch, Origin, Point};

/// How many places are remembered: about a quarter of a megabyte.
const MAX_PENDING: usize = 4096;

#[derive(Debug, Clone, Copy)]
struct Mark {
    /// The number of kept events at or before this place.
    kept: u64,
    point: Point,
    origin: usize,
    /// A sink was asked to make exactly this much durable, so exactly this place will be asked for.
    is_pinned: bool,
}

/// The places of the stream that the sink has not caught up with yet.
#[derive(Debug)]
pub(crate) struct PendingPositions {
    waiting: VecDeque<Mark>,
    /// The least number of kept events between two places, besides the newest and the pinned ones.
    stride: u64,
    /// The origins met so far, and what was asked for there: one per server, not one per
    /// connection.
    origins: Vec<(Arc<Origin>, Arc<str>)>,
    /// With which filter the next batch is read, and the last place that was settled was reached.
    filter: Arc<str>,
    settled_filter: Arc<str>,
    /// The number of kept events at or before the place that was settled last.
    settled_kept: u64,
    kept: u64,
}

impl Default for PendingPositions {
    fn default() -> Self {
        Self {
            waiting: VecDeque::new(),
            stride: 1,
            origins: Vec::new(),
            filter: "".into(),
            settled_filter: "".into(),
            settled_kept: 0,
            kept: 0,
        }
    }
}

impl PendingPositions {
    /// Reads with this filter from now on.
    pub(crate) fn change_filter(&mut self, filter: &str) {
        self.filter = filter.into();
        // What no place waits with is of no more use.
        let mut used = Vec::new();
        for mark in &mut self.waiting {
            let known = used.iter().position(|(old, _)| *old == mark.origin);
            let origin = self.origins.get(mark.origin);
            mark.origin = known.unwrap_or_else(|| {
                used.extend(origin.map(|origin| (mark.origin, origin.clone())));
                used.len().saturating_sub(1)
            });
        }
        self.origins = used.into_iter().map(|(_, origin)| origin).collect();
    }

    /// With which filter the place was reached that was settled last.
    pub(crate) fn settled_filter(&self) -> &str {
        &self.settled_filter
    }

    /// How many of the events that the sink was given lie at or before the place that was settled
    /// last.
    pub(crate) fn settled_kept(&self) -> u64 {
        self.settled_kept
    }

    /// Notes the places of a batch that went through the filter: those before the first event that
    /// was left out, where one was.
    pub(crate) fn add(&mut self, batch: &Batch) {
        let Some(origin) = batch.origin() else {
            // It has no place that could be saved.
            self.kept += batch.all().len() as u64;
            return;
        };
        let origin = self.intern(origin);
        let before = self.kept;
        let n_events = batch.all().len();
        let n_before = batch.n_placed() as u64;
        for sample in batch
            .sample_positions()
            .take_while(|sample| sample.events <= n_before)
        {
            self.kept = before + sample.events;
            self.push(*sample.point, origin);
        }
        self.kept = before + n_before;
        if let Some(reached) = batch.reached() {
            // Dropped events after the last kept one are done as soon as that one is.
            match self.waiting.back_mut() {
                Some(last) if last.kept == self.kept => {
                    *last = Mark {
                        point: *reached,
                        origin,
                        ..*last
                    }
                }
                _ => self.push(*reached, origin),
            }
        }
        self.kept = before + n_events as u64;
    }

    /// Notes the place of every single event of the batch that was added last.
    pub(crate) fn note_each(&mut self, batch: &Batch) {
        let n_events = batch.all().len();
        let n_before = batch.n_placed() as u64;
        let total = self.kept;
        let before = total - n_events as u64;
        let end = before + n_before;
        let last = self.waiting.back().copied();
        let Some(last) = last.filter(|last| last.kept == end && n_before > 0) else {
            return;
        };
        while self.waiting.back().is_some_and(|mark| mark.kept > before) {
            self.waiting.pop_back();
        }
        for (kept, event) in (before + 1..end).zip(batch.all()) {
            self.kept = kept;
            self.push(*event.point(), last.origin);
        }
        self.kept = end;
        self.push(last.point, last.origin);
        self.kept = total;
    }

    /// Keeps the newest place whatever is forgotten: the sink is about to make durable what it was
    /// given so far.
    pub(crate) fn pin(&mut self) {
        if let Some(last) = self.waiting.back_mut() {
            last.is_pinned = true;
        }
    }

    /// Whether the sink has not accepted everything yet.
    pub(crate) fn are_waiting(&self) -> bool {
        !self.waiting.is_empty()
    }

    /// Events given to the sink so far.
    pub(crate) fn kept(&self) -> u64 {
        self.kept
    }

    /// Hands over the places up to which all kept events are accepted now, in their order.
    pub(crate) fn settle(&mut self, accepted: u64, mut settled: impl FnMut(&Arc<Origin>, &Point)) {
        while let Some(mark) = self.waiting.front()
            && mark.kept <= accepted
        {
            if let Some((origin, filter)) = self.origins.get(mark.origin) {
                settled(origin, &mark.point);
                self.settled_kept = mark.kept;
                if !Arc::ptr_eq(filter, &self.settled_filter) {
                    self.settled_filter = Arc::clone(filter);
                }
            }
            self.waiting.pop_front();
        }
        if self.waiting.is_empty() {
            self.stride = 1;
        }
    }

    fn push(&mut self, point: Point, origin: usize) {
        let fresh = Mark {
            kept: self.kept,
            point,
            origin,
            is_pinned: false,
        };
        let before_last = self.waiting.len().checked_sub(2);
        let before_last = before_last.and_then(|index| self.waiting.get(index));
        let before_last = before_last.map(|mark| mark.kept);
        match self.waiting.back_mut() {
            Some(last)
                if !last.is_pinned
                    && before_last.is_some_and(|kept| last.kept - kept < self.stride) =>
            {
                *last = fresh;
            }
            _ => self.waiting.push_back(fresh),
        }
        if self.waiting.len() > MAX_PENDING {
            self.thin_out(fresh.kept);
        }
    }

    /// Leaves no more than half of what may be remembered, apart from the pinned places.
    fn thin_out(&mut self, newest: u64) {
        let oldest = self.waiting.front().map_or(newest, |mark| mark.kept);
        let stride = (self.stride * 2).max((newest - oldest) / (MAX_PENDING as u64 / 2));
        let mut before = None;
        self.waiting.retain(|mark| {
            let is_far = before.is_none_or(|before| mark.kept - before >= stride);
            let stays = is_far || mark.is_pinned || mark.kept == newest;
            if stays {
                before = Some(mark.kept);
            }
            stays
        });
        self.stride = stride;
    }

    fn intern(&mut self, origin: &Arc<Origin>) -> usize {
        let known = self.origins.iter().rposition(|(known, filter)| {
            Arc::ptr_eq(filter, &self.filter) && (Arc::ptr_eq(known, origin) || known == origin)
        });
        known.unwrap_or_else(|| {
            let filter = Arc::clone(&self.filter);
            self.origins.push((Arc::clone(origin), filter));
            self.origins.len() - 1
        })
    }
}

#[cfg(test)]
mod laws;

#[cfg(test)]
mod tests {
    use super::*;

    fn batch(host: &str, times: std::ops::Range<u64>) -> Batch {
        let mut batch = Batch::new();
        batch.set_origin(&Arc::new(Origin {
            source: "jetstream".into(),
            host: host.to_owned(),
            instance: None,
        }));
        for time_us in times {
            let line = format!(
                r#"{{"did":"did:plc:a","time_us":{time_us},"kind":"identity","identity":{{"seq":{time_us}}}}}"#
            );
            batch.push(line.as_bytes()).unwrap();
        }
        batch
    }

    fn settled(pending: &mut PendingPositions, accepted: u64) -> Option<(String, u64)> {
        let mut furthest = None;
        pending.settle(accepted, |origin, point| {
            furthest = Some((origin.host.clone(), point.time_us));
        });
        furthest
    }

    #[test]
    fn a_position_settles_once_every_event_up_to_it_is_accepted() {
        let mut pending = PendingPositions::default();
        pending.add(&batch("a", 1..4));
        assert_eq!(settled(&mut pending, 0), None);
        assert_eq!(settled(&mut pending, 2), Some(("a".to_owned(), 2)));
        assert_eq!(settled(&mut pending, 2), None);
        assert_eq!(settled(&mut pending, 3), Some(("a".to_owned(), 3)));
    }

    #[test]
    fn dropped_events_advance_the_position_with_the_last_kept_one() {
        let mut pending = PendingPositions::default();
        let mut first = batch("a", 1..6);
        first.retain(|event| event.time_us() <= 2);
        pending.add(&first);
        assert_eq!(pending.kept(), 2);
        assert_eq!(settled(&mut pending, 1), Some(("a".to_owned(), 1)));
        assert_eq!(settled(&mut pending, 2), Some(("a".to_owned(), 5)));
        let mut none = batch("b", 6..9);
        none.retain(|_| false);
        pending.add(&none);
        assert_eq!(settled(&mut pending, 2), Some(("b".to_owned(), 8)));
    }

    #[test]
    fn events_aside_leave_the_place_where_it_is() {
        let mut pending = PendingPositions::default();
        pending.add(&batch("a", 11..14));
        let mut aside = batch("a", 1..8);
        aside.set_aside();
        aside.retain(|event| event.time_us() != 4);
        aside.truncate(5);
        assert_eq!((aside.len(), aside.reached()), (5, None));
        pending.add(&aside);
        pending.note_each(&aside);
        assert_eq!(settled(&mut pending, 2), Some(("a".to_owned(), 12)));
        assert_eq!(settled(&mut pending, 8), Some(("a".to_owned(), 13)));
        pending.add(&batch("a", 14..15));
        assert_eq!(settled(&mut pending, 8), None);
        assert_eq!(settled(&mut pending, 9), Some(("a".to_owned(), 14)));
    }

    #[test]
    fn a_place_keeps_the_filter_that_it_was_reached_with() {
        let mut pending = PendingPositions::default();
        pending.change_filter("one");
        pending.add(&batch("a", 1..4));
        pending.add(&batch("b", 4..6));
        pending.change_filter("two");
        pending.add(&batch("a", 6..8));
        // Nothing of it is kept, and the place moves on all the same.
        let mut none = batch("a", 8..9);
        none.retain(|_| false);
        pending.change_filter("three");
        pending.add(&none);
        for (accepted, host, time_us, filter) in [
            (3, "a", 3, "one"),
            (5, "b", 5, "one"),
            (6, "a", 6, "two"),
            (7, "a", 8, "three"),
        ] {
            let expected = Some((host.to_owned(), time_us));
            assert_eq!(settled(&mut pending, accepted), expected);
            assert_eq!(pending.settled_filter(), filter);
        }
        for n in 0..1000 {
            pending.change_filter(&format!("{n}"));
            pending.add(&batch("a", 10 + n..11 + n));
            settled(&mut pending, 8 + n);
        }
        assert!(pending.origins.len() < 10, "{}", pending.origins.len());
    }

    #[test]
    fn a_large_batch_notes_few_positions_unless_it_is_split() {
        let mut pending = PendingPositions::default();
        let large = batch("a", 1..1001);
        pending.add(&large);
        assert!(pending.waiting.len() <= 64, "{}", pending.waiting.len());
        let (_, time_us) = settled(&mut pending, 500).unwrap();
        assert!((485..=500).contains(&time_us), "{time_us}");
        let mut filtered = batch("a", 1001..2001);
        filtered.retain(|event| event.time_us() % 2 == 0 && event.time_us() < 1900);
        pending.add(&filtered);
        pending.note_each(&filtered);
        for kept in 1..449 {
            let expected = Some(("a".to_owned(), 1000 + 2 * kept));
            assert_eq!(settled(&mut pending, 1000 + kept), expected);
        }
        assert_eq!(pending.kept(), 1449);
        // With the last kept event those that were dropped after it are done.
        assert_eq!(settled(&mut pending, 1449), Some(("a".to_owned(), 2000)));
        pending.note_each(&filtered);
        assert_eq!(settled(&mut pending, 1449), None);
    }

    #[test]
    fn a_sink_far_behind_costs_no_memory_and_gets_a_true_position() {
        let mut pending = PendingPositions::default();
        for start in 0..100 {
            pending.add(&batch("a", start * 1000..(start + 1) * 1000));
            assert!(pending.waiting.len() <= MAX_PENDING);
        }
        pending.pin();
        for start in 100..200 {
            pending.add(&batch("a", start * 1000..(start + 1) * 1000));
        }
        let (_, time_us) = settled(&mut pending, 50_000).unwrap();
        assert!((49_800..50_000).contains(&time_us), "{time_us}");
        assert_eq!(
            settled(&mut pending, 100_000),
            Some(("a".to_owned(), 99_999)),
            "pinned"
        );
        assert_eq!(
            settled(&mut pending, 200_000),
            Some(("a".to_owned(), 199_999))
        );
        assert_eq!(pending.stride, 1);
    }
}
