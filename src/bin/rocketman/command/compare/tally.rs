//! What is counted of the events that are settled: by collection, and by time.

use std::collections::BTreeMap;

use super::{
    matching::Settled,
    which::{Each, Which},
};

/// More collections than these are counted as one: strangers choose their names.
const MAX_COLLECTIONS: usize = 10_000;

/// What the others are called.
const OTHERS: &str = "(others)";

/// More stretches of one are not told apart.
const MAX_STRETCHES: usize = 1_000;

/// How many events of a collection may be missing at the end before one is called blind to it.
const BLIND_AFTER: u64 = 10;

/// All counts.
#[derive(Debug)]
pub(super) struct Tally {
    slack_us: u64,
    pub(super) both: u64,
    pub(super) missing: Each<u64>,
    pub(super) collections: BTreeMap<String, Collection>,
    pub(super) stretches: Each<Vec<Stretch>>,
}

/// What is counted of a collection.
#[derive(Debug, Default)]
pub(super) struct Collection {
    pub(super) both: u64,
    pub(super) missing: Each<u64>,
    /// How many are missing since the last that came, and from when on.
    run: Each<Option<(u64, u64)>>,
}

/// A time in which events are missing, one soon after the other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Stretch {
    pub(super) from_us: u64,
    pub(super) until_us: u64,
    pub(super) events: u64,
}

impl Tally {
    /// Missing events that are no further apart than this are one stretch.
    pub(super) fn new(slack_us: u64) -> Self {
        Self {
            slack_us,
            both: 0,
            missing: Each::default(),
            collections: BTreeMap::new(),
            stretches: Each::default(),
        }
    }

    pub(super) fn add(&mut self, settled: &Settled) {
        let time_us = settled.time_us;
        let is_known = self.collections.contains_key(&settled.collection);
        let name = if is_known || self.collections.len() < MAX_COLLECTIONS {
            &*settled.collection
        } else {
            OTHERS
        };
        if !self.collections.contains_key(name) {
            self.collections
                .insert(name.to_owned(), Collection::default());
        }
        let Some(collection) = self.collections.get_mut(name) else {
            return;
        };
        let Some((which, _)) = settled.missing else {
            self.both += 1;
            collection.both += 1;
            collection.run = Each::default();
            return;
        };
        *self.missing.of_mut(which) += 1;
        *collection.missing.of_mut(which) += 1;
        let run = collection.run.of_mut(which);
        let (n, from_us) = run.unwrap_or((0, time_us));
        *run = Some((n + 1, from_us.min(time_us)));
        // It has what the other lacks.
        *collection.run.of_mut(which.other()) = None;
        self.stretch(which, time_us);
    }

    fn stretch(&mut self, which: Which, time_us: u64) {
        let stretches = self.stretches.of_mut(which);
        let is_full = stretches.len() >= MAX_STRETCHES;
        match stretches.last_mut() {
            Some(last) if is_full || time_us <= last.until_us.saturating_add(self.slack_us) => {
                last.from_us = last.from_us.min(time_us);
                last.until_us = last.until_us.max(time_us);
                last.events += 1;
            }
            _ => stretches.push(Stretch {
                from_us: time_us,
                until_us: time_us,
                events: 1,
            }),
        }
    }

    /// How many events of the window one has.
    pub(super) fn events(&self, which: Which) -> u64 {
        self.both + self.missing.of(which.other())
    }
}

impl Collection {
    /// From when on one has none of it, up to the end.
    pub(super) fn blind_from_us(&self, which: Which) -> Option<u64> {
        let (n, from_us) = (*self.run.of(which))?;
        (n >= BLIND_AFTER).then_some(from_us)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn add(tally: &mut Tally, time_us: u64, collection: &str, missing: Option<Which>) {
        tally.add(&Settled {
            time_us,
            collection: collection.to_owned(),
            missing: missing.map(|which| (which, json!({}))),
        });
    }

    #[test]
    fn who_has_no_more_of_a_collection_is_blind_to_it() {
        let mut tally = Tally::new(5);
        for n in 0..100 {
            let (likes, posts) = (n >= 90, n % 20 == 0);
            add(&mut tally, n, "likes", likes.then_some(Which::B));
            add(&mut tally, n, "posts", posts.then_some(Which::A));
        }
        let blind =
            |name: &str| Which::BOTH.map(|which| tally.collections[name].blind_from_us(which));
        assert_eq!(blind("likes"), [None, Some(90)]);
        assert_eq!(blind("posts"), [None, None]);
        assert_eq!((tally.both, tally.missing), (185, Each { a: 5, b: 10 }));
        assert_eq!((tally.events(Which::A), tally.events(Which::B)), (195, 190));
        let all = Stretch {
            from_us: 90,
            until_us: 99,
            events: 10,
        };
        assert_eq!(tally.stretches.b, [all]);
        assert_eq!(tally.stretches.a.len(), 5);
    }

    #[test]
    fn names_and_stretches_are_bounded() {
        let mut tally = Tally::new(1);
        for n in 0..20_000 {
            add(&mut tally, n * 10, &format!("a.b.c{n}"), Some(Which::A));
        }
        assert_eq!(tally.collections.len(), MAX_COLLECTIONS + 1);
        assert_eq!(tally.collections[OTHERS].missing.a, 10_000);
        assert_eq!(tally.stretches.a.len(), MAX_STRETCHES);
        let counted: u64 = tally.stretches.a.iter().map(|stretch| stretch.events).sum();
        assert_eq!(counted, 20_000);
    }
}
