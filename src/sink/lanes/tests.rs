use proptest::{collection::vec, prelude::*, test_runner::RngSeed};

use super::*;

const LIMITS: LaneLimits = LaneLimits {
    jobs: 3,
    events: 10,
    bytes: 100,
};

/// Puts in one event for each lane, numbered from 0.
fn lanes(of: impl IntoIterator<Item = u64>) -> Lanes<u64> {
    let mut lanes = Lanes::new(LIMITS);
    for (number, lane) in (0..).zip(of) {
        lanes.push(Some(lane), 1, number);
    }
    lanes
}

/// The numbers of all that begin now.
fn begin(lanes: &mut Lanes<u64>) -> Vec<u64> {
    std::iter::from_fn(|| lanes.begin())
        .map(|(ticket, item)| {
            assert_eq!(ticket.number(), item);
            item
        })
        .collect()
}

#[test]
fn events_of_one_lane_follow_each_other_and_others_pass_them() {
    let mut lanes = lanes([7, 7, 8, 7, 9]);
    assert_eq!(begin(&mut lanes), [0, 2, 4]);
    assert_eq!((lanes.end(Ticket(2)), lanes.end(Ticket(4))), (0, 0));
    assert_eq!(begin(&mut lanes), [] as [u64; 0]);
    assert_eq!(lanes.end(Ticket(0)), 1);
    assert_eq!(begin(&mut lanes), [1]);
    assert_eq!(lanes.end(Ticket(1)), 2);
    assert_eq!(begin(&mut lanes), [3]);
    assert_eq!(lanes.end(Ticket(3)), 2);
    assert!(lanes.is_empty());
    assert_eq!(lanes.n_done(), 5);
    assert!(lanes.lasts.is_empty());
}

#[test]
fn no_more_begin_than_there_are_jobs_and_the_oldest_come_first() {
    let mut lanes = lanes(0..6);
    assert_eq!(begin(&mut lanes), [0, 1, 2]);
    assert!(!lanes.has_free_job());
    lanes.end(Ticket(1));
    assert_eq!(begin(&mut lanes), [3]);
}

#[test]
fn an_account_has_one_lane() {
    assert_eq!(lane_of("did:plc:a"), lane_of("did:plc:a"));
    assert_ne!(lane_of("did:plc:a"), lane_of("did:plc:b"));
}

#[test]
fn events_without_a_lane_wait_for_nobody() {
    let mut lanes = Lanes::new(LIMITS);
    for number in 0..3 {
        lanes.push(None, 1, number);
    }
    assert_eq!(begin(&mut lanes), [0, 1, 2]);
}

#[test]
fn the_look_ahead_is_bounded_in_events_and_in_bytes() {
    let mut lanes = lanes(0..10);
    assert!(!lanes.has_room());
    begin(&mut lanes);
    assert_eq!((lanes.end(Ticket(1)), lanes.has_room()), (0, false));
    assert_eq!((lanes.end(Ticket(0)), lanes.has_room()), (2, true));
    let mut lanes = Lanes::new(LIMITS);
    assert!(lanes.has_room());
    lanes.push(Some(1), 1_000_000, 0);
    assert!(!lanes.has_room(), "one that is too large comes alone");
    lanes.begin();
    lanes.end(Ticket(0));
    assert!(lanes.has_room());
}

#[test]
fn what_lies_behind_the_last_that_has_begun_is_left() {
    let mut lanes = lanes([7, 7, 8, 7, 7]);
    assert_eq!(begin(&mut lanes), [0, 2]);
    lanes.end(Ticket(2));
    lanes.leave_rest();
    assert_eq!(lanes.end(Ticket(0)), 1);
    assert_eq!(begin(&mut lanes), [1], "it is a hole before the third");
    assert_eq!(lanes.end(Ticket(1)), 2);
    assert_eq!(begin(&mut lanes), [] as [u64; 0]);
    assert_eq!((lanes.is_empty(), lanes.n_done()), (true, 3));
    assert_eq!((lanes.bytes, lanes.lasts.len()), (0, 0));
}

#[derive(Debug, Clone)]
enum Step {
    /// An event of this lane, or of none, and its size.
    Push(Option<u64>, usize),
    Begin,
    /// The end of one of those that have begun.
    End(usize),
    LeaveRest,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        8 => (proptest::option::of(0..4_u64), 0..30_usize)
            .prop_map(|(lane, bytes)| Step::Push(lane, bytes)),
        8 => Just(Step::Begin),
        6 => any::<usize>().prop_map(Step::End),
        1 => Just(Step::LeaveRest),
    ]
}

/// The lanes beside all that happened to them.
struct Model {
    lanes: Lanes<u64>,
    /// The lane of each event; `None` once it is left.
    events: Vec<Option<u64>>,
    begun: Vec<u64>,
    is_done: Vec<bool>,
}

impl Model {
    fn apply(&mut self, step: &Step) {
        match step {
            Step::Push(lane, bytes) if self.lanes.has_room() => {
                self.lanes.push(*lane, *bytes, self.events.len() as u64);
                self.events.push(*lane);
                self.is_done.push(false);
            }
            Step::Push(..) => assert!(!self.lanes.is_empty(), "full of nothing"),
            Step::Begin => self.begin(),
            Step::End(which) if !self.begun.is_empty() => {
                let number = self.begun.swap_remove(which % self.begun.len());
                self.is_done[usize::try_from(number).unwrap()] = true;
                let done = self.is_done.iter().take_while(|is_done| **is_done).count() as u64;
                let before = self.lanes.n_done();
                assert_eq!(self.lanes.end(Ticket(number)), done - before);
                assert_eq!(self.lanes.n_done(), done);
            }
            Step::End(_) => {}
            Step::LeaveRest => {
                let done = self.is_done.iter().rposition(|is_done| *is_done);
                let begun = self
                    .begun
                    .iter()
                    .max()
                    .map(|n| usize::try_from(*n).unwrap());
                let end = done.max(begun).map_or(0, |last| last + 1);
                self.events.truncate(end);
                self.is_done.truncate(end);
                self.lanes.leave_rest();
            }
        }
    }

    fn begin(&mut self) {
        let waits =
            |number: &usize| !self.is_done[*number] && !self.begun.contains(&(*number as u64));
        let lane_is_free = |number: &usize| {
            let lane = self.events[*number];
            lane.is_none() || (0..*number).all(|n| self.is_done[n] || self.events[n] != lane)
        };
        let expected = (0..self.events.len())
            .filter(waits)
            .find(lane_is_free)
            .filter(|_| self.begun.len() < LIMITS.jobs);
        let begun = self.lanes.begin().map(|(ticket, item)| {
            assert_eq!(ticket.number(), item);
            item
        });
        assert_eq!(begun, expected.map(|number| number as u64));
        self.begun.extend(begun);
        assert_eq!(self.lanes.n_begun(), self.begun.len());
    }
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 256,
        failure_persistence: None,
        rng_seed: RngSeed::Fixed(0),
        ..ProptestConfig::default()
    })]

    #[test]
    fn the_oldest_event_of_a_free_lane_begins_and_holes_hold_back(
        steps in vec(step(), 1..120),
    ) {
        let mut model = Model {
            lanes: Lanes::new(LIMITS),
            events: Vec::new(),
            begun: Vec::new(),
            is_done: Vec::new(),
        };
        for step in &steps {
            model.apply(step);
        }
        while !model.lanes.is_empty() {
            model.apply(&Step::Begin);
            model.apply(&Step::End(0));
        }
        prop_assert_eq!(model.lanes.n_done(), model.events.len() as u64);
        prop_assert_eq!((model.lanes.bytes, model.lanes.lasts.len()), (0, 0));
    }
}
