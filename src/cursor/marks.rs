//! From "so many events are accepted" to "the stream is done up to here".
//!
//! Bounded: when too many places wait for their sink, only every second, fourth, eighth … is kept. That makes the cursor coarser, never wrong.

use std::{collections::VecDeque, sync::Arc};

use crate::event::{Batch, Origin, Point, Position};

/// How many places are remembered: about a quarter of a megabyte.
const REMEMBERED: usize = 4096;

#[derive(Debug, Clone, Copy)]
struct Mark {
    /// So many kept events lie at or before this place.
    kept: u64,
    point: Point,
    origin: usize,
    /// A sink was asked to make exactly this much durable, so exactly this place will be asked for.
    is_pinned: bool,
}

/// The places of the stream that the sink has not caught up with yet.
#[derive(Debug)]
pub(crate) struct Marks {
    waiting: VecDeque<Mark>,
    /// Only places at a multiple of so many kept events are kept, besides the newest and the pinned ones.
    stride: u64,
    /// The origins met so far: one per server, not one per connection.
    origins: Vec<Arc<Origin>>,
    kept: u64,
}

impl Default for Marks {
    fn default() -> Self {
        Self {
            waiting: VecDeque::new(),
            stride: 1,
            origins: Vec::new(),
            kept: 0,
        }
    }
}

impl Marks {
    /// Notes the places of a batch that went through the filter.
    pub(crate) fn add(&mut self, batch: &Batch) {
        let (Some(reached), Some(origin)) = (batch.reached(), batch.origin()) else {
            return;
        };
        let origin = self.intern(origin);
        for event in batch.events() {
            self.kept += 1;
            self.push(*event.point(), origin);
        }
        // Dropped events behind the last kept one are done as soon as that one is.
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

    /// Keeps the newest place whatever is forgotten: the sink is about to make durable what it was given so far.
    pub(crate) fn pin(&mut self) {
        if let Some(last) = self.waiting.back_mut() {
            last.is_pinned = true;
        }
    }

    /// Events given to the sink so far.
    pub(crate) fn kept(&self) -> u64 {
        self.kept
    }

    /// The furthest place up to which all kept events are accepted; `None` if there is no new one since the last call.
    pub(crate) fn settle(&mut self, accepted: u64) -> Option<Position> {
        let mut settled = None;
        while self
            .waiting
            .front()
            .is_some_and(|mark| mark.kept <= accepted)
        {
            settled = self.waiting.pop_front();
        }
        if self.waiting.is_empty() {
            self.stride = 1;
        }
        let mark = settled?;
        let origin = self.origins.get(mark.origin)?;
        Some(Position {
            origin: Origin::clone(origin),
            point: mark.point,
        })
    }

    fn push(&mut self, point: Point, origin: usize) {
        let fresh = Mark {
            kept: self.kept,
            point,
            origin,
            is_pinned: false,
        };
        let stride = self.stride;
        match self.waiting.back_mut() {
            Some(last) if !last.is_pinned && last.kept % stride != 0 => *last = fresh,
            _ => self.waiting.push_back(fresh),
        }
        if self.waiting.len() > REMEMBERED {
            self.stride = self.stride.saturating_mul(2);
            let stride = self.stride;
            self.waiting.retain(|mark| {
                mark.is_pinned || mark.kept == fresh.kept || mark.kept % stride == 0
            });
        }
    }

    fn intern(&mut self, origin: &Arc<Origin>) -> usize {
        let known = self
            .origins
            .iter()
            .rposition(|known| Arc::ptr_eq(known, origin) || known == origin);
        known.unwrap_or_else(|| {
            self.origins.push(Arc::clone(origin));
            self.origins.len() - 1
        })
    }
}

#[cfg(test)]
mod laws;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::LineRules;

    fn batch(host: &str, times: std::ops::Range<u64>) -> Batch {
        let mut batch = Batch::new();
        batch.set_origin(&Arc::new(Origin {
            source: "jetstream".into(),
            host: host.to_owned(),
        }));
        for time_us in times {
            let line = format!(
                r#"{{"did":"did:plc:a","time_us":{time_us},"kind":"identity","identity":{{"seq":{time_us}}}}}"#
            );
            batch.push(line.as_bytes(), LineRules::default()).unwrap();
        }
        batch
    }

    fn settled(marks: &mut Marks, accepted: u64) -> Option<(String, u64)> {
        marks
            .settle(accepted)
            .map(|position| (position.origin.host, position.point.time_us))
    }

    #[test]
    fn a_place_is_settled_when_every_kept_event_up_to_it_is_accepted() {
        let mut marks = Marks::default();
        marks.add(&batch("a", 1..4));
        assert_eq!(settled(&mut marks, 0), None);
        assert_eq!(settled(&mut marks, 2), Some(("a".to_owned(), 2)));
        assert_eq!(settled(&mut marks, 2), None);
        assert_eq!(settled(&mut marks, 3), Some(("a".to_owned(), 3)));
    }

    #[test]
    fn dropped_events_advance_the_position_with_the_last_kept_one() {
        let mut marks = Marks::default();
        let mut first = batch("a", 1..6);
        first.retain(|event| event.time_us() <= 2);
        marks.add(&first);
        assert_eq!(marks.kept(), 2);
        assert_eq!(settled(&mut marks, 1), Some(("a".to_owned(), 1)));
        assert_eq!(settled(&mut marks, 2), Some(("a".to_owned(), 5)));
        let mut none = batch("b", 6..9);
        none.retain(|_| false);
        marks.add(&none);
        assert_eq!(settled(&mut marks, 2), Some(("b".to_owned(), 8)));
    }

    #[test]
    fn a_sink_that_is_far_behind_costs_no_memory_and_still_gets_a_true_position() {
        let mut marks = Marks::default();
        for start in 0..100 {
            marks.add(&batch("a", start * 1000..(start + 1) * 1000));
            assert!(marks.waiting.len() <= REMEMBERED);
        }
        marks.pin();
        for start in 100..200 {
            marks.add(&batch("a", start * 1000..(start + 1) * 1000));
        }
        let (_, time_us) = settled(&mut marks, 50_000).unwrap();
        assert!((49_800..50_000).contains(&time_us), "{time_us}");
        assert_eq!(
            settled(&mut marks, 100_000),
            Some(("a".to_owned(), 99_999)),
            "pinned"
        );
        assert_eq!(
            settled(&mut marks, 200_000),
            Some(("a".to_owned(), 199_999))
        );
        assert_eq!(marks.stride, 1);
    }
}
