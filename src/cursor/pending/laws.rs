//! Pending positions beside a model that forgets nothing: whatever happens, they never run ahead of
//! it, and agree with it where they were pinned.

use std::{
    collections::{BTreeMap, BTreeSet},
    ops::Range,
};

use proptest::{collection::vec, prelude::*, test_runner::RngSeed};

use super::*;
use crate::event::{Envelope, Kind};

/// What happens to pending positions.
#[derive(Debug, Clone)]
enum Step {
    /// A batch of events of one of two servers, of which every nth is kept.
    Add(u64, usize, u64),
    Pin,
    /// The share of waiting events that the sink accepts, in thousandths.
    Settle(u64),
    /// The sink accepts what it was asked first to make durable.
    SettlePinned,
}

fn step() -> impl Strategy<Value = Step> {
    let n_events = prop_oneof![0..5_u64, 0..5000_u64];
    prop_oneof![
        6 => (n_events, 0..2_usize, 1..4_u64)
            .prop_map(|(n_events, host, every)| Step::Add(n_events, host, every)),
        2 => Just(Step::Pin),
        1 => (0..=1000_u64).prop_map(Step::Settle),
        1 => Just(Step::SettlePinned),
    ]
}

/// The number of an event in the whole stream, and its server.
type Place = (u64, usize);

struct Model {
    pending: PendingPositions,
    origins: [Arc<Origin>; 2],
    /// For each number of kept events, the furthest place at which that many are kept.
    places: BTreeMap<u64, Place>,
    /// The numbers of kept events at which the newest place was pinned.
    pinned: BTreeSet<u64>,
    n_events: u64,
    accepted: u64,
    settled: Option<Place>,
}

impl Model {
    fn new() -> Self {
        let origin = |host: &str| {
            Arc::new(Origin {
                source: "jetstream".into(),
                host: host.to_owned(),
                instance: None,
            })
        };
        Self {
            pending: PendingPositions::default(),
            origins: [origin("a"), origin("b")],
            places: BTreeMap::new(),
            pinned: BTreeSet::new(),
            n_events: 0,
            accepted: 0,
            settled: None,
        }
    }

    fn apply(&mut self, step: &Step) {
        match step {
            Step::Add(n_events, host, every) => self.add(*n_events, *host, *every),
            Step::Pin => self.pin(),
            Step::Settle(part) => {
                let waiting = self.pending.kept() - self.accepted;
                self.settle(self.accepted + waiting * part / 1000);
            }
            Step::SettlePinned => {
                let next = self.pinned.range(self.accepted + 1..).next();
                self.settle(next.copied().unwrap_or(self.accepted));
            }
        }
        assert!(self.pending.waiting.len() <= MAX_PENDING + self.pinned.len());
    }

    fn add(&mut self, n_events: u64, host: usize, every: u64) {
        let numbers = self.n_events..self.n_events + n_events;
        let batch = batch(&self.origins[host], numbers, every);
        let kept = self.pending.kept();
        self.pending.add(&batch);
        for (kept, event) in (kept + 1..).zip(batch.events()) {
            self.places.insert(kept, (event.time_us(), host));
        }
        self.n_events += n_events;
        if let Some(reached) = batch.reached() {
            let place = (reached.time_us, host);
            self.places.insert(self.pending.kept(), place);
        }
    }

    fn pin(&mut self) {
        if !self.pending.waiting.is_empty() {
            self.pending.pin();
            self.pinned.insert(self.pending.kept());
        }
    }

    fn settle(&mut self, accepted: u64) {
        self.accepted = accepted;
        let furthest = self.places.range(..=accepted).next_back();
        let furthest = furthest.map(|(_, place)| *place);
        let mut settled = Vec::new();
        self.pending.settle(accepted, |origin, point| {
            settled.push((point.time_us, usize::from(origin.host == "b")));
        });
        for place in settled {
            assert!(self.places.values().any(|known| *known == place));
            assert!(Some(place) <= furthest, "{place:?} beyond {furthest:?}");
            assert!(Some(place) > self.settled, "{place:?} is no progress");
            self.settled = Some(place);
        }
        if self.pinned.contains(&accepted) {
            assert_eq!(self.settled, furthest, "a pinned place is forgotten");
        }
    }
}

/// A batch of events with these numbers as their times, one of `every` kept.
fn batch(origin: &Arc<Origin>, numbers: Range<u64>, every: u64) -> Batch {
    let mut batch = Batch::new();
    batch.set_origin(origin);
    for time_us in numbers {
        let start = batch.buffer().len();
        let point = Point {
            seq: None,
            time_us,
            identity: None,
        };
        let envelope = Envelope::bare(Kind::Other, point);
        batch.commit_tail(start, envelope);
    }
    batch.retain(|event| event.time_us() % every == 0);
    batch
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 24,
        failure_persistence: None,
        rng_seed: RngSeed::Fixed(0),
        ..ProptestConfig::default()
    })]

    #[test]
    fn pending_positions_settle_only_up_to_what_is_accepted(
        steps in vec(step(), 1..40),
    ) {
        let mut model = Model::new();
        for step in &steps {
            model.apply(step);
        }
        model.settle(model.pending.kept());
        prop_assert!(model.pending.waiting.is_empty());
    }
}
