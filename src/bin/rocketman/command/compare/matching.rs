//! Which events came from both, and which from one alone.
//!
//! Both are read side by side, by the time of the stream. An event is settled when both were read
//! beyond it for as long as it is given: what came from one alone by then is missing from the other.
//! What is held are the events of that time, and of each account in it the last that matched.

use std::collections::{HashMap, VecDeque};

use rocketman::event::{Event, Identity, Kind};
use serde_json::{Value, json};

use super::which::{Each, Which};

/// The most events that are held: thirty minutes of the public stream. Beyond it the two are too
/// far apart.
const MAX_HELD: usize = 1_000_000;

/// How many accounts are remembered at least before those that are long done are forgotten.
const MIN_ACCOUNTS: usize = 10_000;

/// Two events of one account are looked at this many times as long as events are given.
const ACCOUNTS_FOR: u64 = 2;

/// What is settled of an event.
#[derive(Debug)]
pub(super) struct Settled {
    pub(super) time_us: u64,
    /// Empty where it is no commit.
    pub(super) collection: String,
    /// Who does not have it, and what it is; none where both have it.
    pub(super) missing: Option<(Which, Value)>,
}

/// More events than can be held came from one, and not from the other.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct TooFarApart;

/// The events that are not settled.
#[derive(Debug)]
pub(super) struct Matching {
    slack_us: u64,
    from_us: u64,
    until_us: u64,
    /// When the first event of each was, and the latest.
    reached: Each<Option<(u64, u64)>>,
    /// How many events each brought.
    ordinals: Each<u64>,
    held: HashMap<Identity, Held>,
    /// By whom they came from first, in that order, with the time from which on they are given.
    queues: Each<VecDeque<(u64, Identity)>>,
    /// By account, the highest ordinals of what matched, and when that was.
    accounts: HashMap<Box<str>, (Each<u64>, u64)>,
    max_accounts: usize,
    pub(super) repeated: Each<u64>,
    pub(super) reordered: u64,
}

#[derive(Debug)]
struct Held {
    time_us: u64,
    ordinals: Each<Option<u64>>,
    collection: Box<str>,
    /// What it is, while one alone has it.
    what: Option<Value>,
}

impl Matching {
    /// For the events from one time up to another, each given so long.
    pub(super) fn new(from_us: u64, until_us: u64, slack_us: u64) -> Self {
        Self {
            slack_us,
            from_us,
            until_us,
            reached: Each::default(),
            ordinals: Each::default(),
            held: HashMap::new(),
            queues: Each::default(),
            accounts: HashMap::new(),
            max_accounts: MIN_ACCOUNTS,
            repeated: Each::default(),
            reordered: 0,
        }
    }

    /// The latest time that one was read up to.
    pub(super) fn latest_us(&self, which: Which) -> Option<u64> {
        self.reached.of(which).map(|(_, latest_us)| latest_us)
    }

    /// Notes that one was read up to this time, whether or not an event of it is compared.
    pub(super) fn reach(&mut self, which: Which, time_us: u64) {
        let reached = self.reached.of_mut(which);
        let (first_us, latest_us) = reached.unwrap_or((time_us, time_us));
        *reached = Some((first_us, latest_us.max(time_us)));
    }

    /// Takes an event that is compared.
    pub(super) fn take(&mut self, which: Which, event: &Event<'_>) -> Result<(), TooFarApart> {
        self.reach(which, event.time_us());
        let Some(identity) = event.point().identity else {
            return Ok(());
        };
        let ordinal = self.ordinals.of_mut(which);
        *ordinal += 1;
        let ordinal = *ordinal;
        if let Some(held) = self.held.get_mut(&identity) {
            let own = held.ordinals.of_mut(which);
            if own.is_some() {
                *self.repeated.of_mut(which) += 1;
                return Ok(());
            }
            *own = Some(ordinal);
            held.what = None;
            let ordinals = Each {
                a: held.ordinals.a.unwrap_or_default(),
                b: held.ordinals.b.unwrap_or_default(),
            };
            self.note_order(event, which, ordinals);
            return Ok(());
        }
        if self.held.len() >= MAX_HELD {
            return Err(TooFarApart);
        }
        // Times go back now and then, and what is old already is given time too.
        let given_us = self.latest_us(which).unwrap_or_default();
        let mut ordinals = Each::default();
        *ordinals.of_mut(which) = Some(ordinal);
        self.queues.of_mut(which).push_back((given_us, identity));
        self.held.insert(
            identity,
            Held {
                time_us: event.time_us(),
                ordinals,
                collection: event.collection().into(),
                what: Some(what(event)),
            },
        );
        Ok(())
    }

    /// The one that just came is the last of its own so far, so it is out of order where an event
    /// of its account matched that is later in the other.
    fn note_order(&mut self, event: &Event<'_>, which: Which, ordinals: Each<u64>) {
        let now_us = self.latest_us(which).unwrap_or_default();
        if self.accounts.len() >= self.max_accounts {
            let keep_us = now_us.saturating_sub(ACCOUNTS_FOR.saturating_mul(self.slack_us));
            self.accounts.retain(|_, (_, time_us)| *time_us >= keep_us);
            self.max_accounts = MIN_ACCOUNTS.max(self.accounts.len().saturating_mul(2));
        }
        let Some((highest, time_us)) = self.accounts.get_mut(event.did()) else {
            self.accounts.insert(event.did().into(), (ordinals, now_us));
            return;
        };
        let other = which.other();
        if ordinals.of(other) < highest.of(other) {
            self.reordered += 1;
        }
        *highest = Each {
            a: highest.a.max(ordinals.a),
            b: highest.b.max(ordinals.b),
        };
        *time_us = now_us;
    }

    /// The next event that both were read beyond for long enough, if it lies in the window that
    /// both have.
    pub(super) fn settle(&mut self) -> Option<Settled> {
        let (Some((first_a, latest_a)), Some((first_b, latest_b))) =
            (self.reached.a, self.reached.b)
        else {
            return None;
        };
        let from_us = self
            .from_us
            .max(first_a.max(first_b).saturating_add(self.slack_us));
        let up_to_us = latest_a.min(latest_b).checked_sub(self.slack_us)?;
        while let Some((given_us, identity)) = self.next_given(up_to_us) {
            let Some(held) = self.held.remove(&identity) else {
                continue;
            };
            // One that came late counts by the time at which it came.
            if given_us < from_us || given_us >= self.until_us {
                continue;
            }
            let missing = match (held.ordinals, held.what) {
                (Each { a: None, .. }, Some(what)) => Some((Which::A, what)),
                (Each { b: None, .. }, Some(what)) => Some((Which::B, what)),
                _ => None,
            };
            return Some(Settled {
                time_us: held.time_us,
                collection: held.collection.into(),
                missing,
            });
        }
        None
    }

    /// The event that is given up to the earliest time, if that is no later than this.
    fn next_given(&mut self, up_to_us: u64) -> Option<(u64, Identity)> {
        let front = |which| self.queues.of(which).front().map(|(given_us, _)| *given_us);
        let earliest = match (front(Which::A), front(Which::B)) {
            (Some(a), Some(b)) if b < a => Which::B,
            (None, _) => Which::B,
            _ => Which::A,
        };
        front(earliest).filter(|given_us| *given_us <= up_to_us)?;
        self.queues.of_mut(earliest).pop_front()
    }

    /// The window that both have, where there is one.
    pub(super) fn window(&self) -> Option<(u64, u64)> {
        let ((first_a, latest_a), (first_b, latest_b)) = (self.reached.a?, self.reached.b?);
        let from_us = self
            .from_us
            .max(first_a.max(first_b).saturating_add(self.slack_us));
        let until_us = latest_a.min(latest_b).checked_sub(self.slack_us)?;
        let until_us = until_us.min(self.until_us);
        (from_us <= until_us).then_some((from_us, until_us))
    }
}

/// What an event is, without its number and time.
fn what(event: &Event<'_>) -> Value {
    let did = event.did();
    match event.kind() {
        Kind::Commit => json!({
            "kind": "commit",
            "did": did,
            "collection": event.collection(),
            "rkey": event.rkey(),
            "rev": event.rev(),
            "operation": event.operation().map(rocketman::event::Operation::as_str),
        }),
        kind => json!({ "kind": kind.as_str(), "did": did }),
    }
}

#[cfg(test)]
mod tests {
    use rocketman::event::Batch;

    use super::*;

    const SECOND: u64 = 1_000_000;

    /// An event of an account, made at a second of the stream.
    fn line(did: &str, n: u64, second: u64) -> String {
        format!(
            r#"{{"did":"did:plc:{did}","time_us":{},"kind":"commit","commit":{{"rev":"3k{n}","operation":"create","collection":"a.b.c","rkey":"{n}","record":{{}}}}}}"#,
            1_800_000_000 * SECOND + second * SECOND
        )
    }

    fn at(second: u64) -> u64 {
        (1_800_000_000 + second) * SECOND
    }

    fn take(matching: &mut Matching, which: Which, line: &str) {
        let mut batch = Batch::new();
        batch.push(line.as_bytes()).unwrap();
        for event in batch.events() {
            matching.take(which, &event).unwrap();
        }
    }

    /// Who misses which record, and how many events both have.
    fn settled(matching: &mut Matching) -> (Vec<(Which, String)>, usize) {
        let (mut missing, mut both) = (Vec::new(), 0);
        while let Some(settled) = matching.settle() {
            match settled.missing {
                Some((which, what)) => {
                    missing.push((which, what["rkey"].as_str().unwrap().to_owned()));
                }
                None => both += 1,
            }
        }
        (missing, both)
    }

    /// Reads events of each, a second apart, numbered from 0 on.
    fn read(matching: &mut Matching, which: Which, wanted: impl Fn(u64) -> bool) {
        for n in (0..100).filter(|n| wanted(*n)) {
            take(matching, which, &line("a", n, n));
        }
    }

    #[test]
    fn what_one_alone_has_is_missing_once_both_are_beyond_it() {
        let mut matching = Matching::new(0, u64::MAX, 10 * SECOND);
        read(&mut matching, Which::A, |n| n != 50);
        assert_eq!(settled(&mut matching), (vec![], 0));
        read(&mut matching, Which::B, |n| n != 60 && n != 5 && n != 95);
        let missing = [(Which::A, "50".to_owned()), (Which::B, "60".to_owned())];
        let (found, both) = settled(&mut matching);
        // 50 came when the other was at 49 already, or beyond.
        assert_eq!(found.len(), 2);
        assert!(
            missing.iter().all(|missing| found.contains(missing)),
            "{found:?}"
        );
        // Events 10 to 89, less the two.
        assert_eq!(both, 78);
        assert_eq!(matching.window(), Some((at(10), at(89))));
    }

    #[test]
    fn only_the_window_that_was_asked_for_counts() {
        let mut matching = Matching::new(at(30), at(40), 10 * SECOND);
        read(&mut matching, Which::A, |_| true);
        read(&mut matching, Which::B, |n| n % 10 != 5);
        assert_eq!(
            settled(&mut matching),
            (vec![(Which::B, "35".to_owned())], 9)
        );
    }

    #[test]
    fn other_times_and_repeats_are_no_difference() {
        let mut matching = Matching::new(0, u64::MAX, 10 * SECOND);
        for n in 0..100 {
            take(&mut matching, Which::A, &line("a", n, n));
            take(&mut matching, Which::B, &line("a", n, n + 7));
            if n % 20 == 0 {
                take(&mut matching, Which::B, &line("a", n, n + 8));
            }
        }
        let (missing, both) = settled(&mut matching);
        assert_eq!((missing.len(), both > 70), (0, true));
        assert_eq!(matching.repeated, Each { a: 0, b: 5 });
        assert_eq!(matching.reordered, 0);
    }

    #[test]
    fn another_order_counts_within_an_account_alone() {
        let mut matching = Matching::new(0, u64::MAX, 10 * SECOND);
        for n in 0..50 {
            take(&mut matching, Which::A, &line("a", 2 * n, n));
            take(&mut matching, Which::A, &line("b", 2 * n + 1, n));
        }
        for n in 0..50 {
            // The other account comes first, always; and the first account swaps two.
            take(&mut matching, Which::B, &line("b", 2 * n + 1, n));
            let own = match n {
                20 => 21,
                21 => 20,
                n => n,
            };
            take(&mut matching, Which::B, &line("a", 2 * own, n));
        }
        let (missing, both) = settled(&mut matching);
        assert_eq!((missing.len(), both), (0, 60));
        assert_eq!(matching.reordered, 1);
    }

    #[test]
    fn without_a_common_time_there_is_no_window() {
        let mut matching = Matching::new(0, u64::MAX, 10 * SECOND);
        assert_eq!(matching.window(), None);
        take(&mut matching, Which::A, &line("a", 1, 1));
        assert_eq!(matching.window(), None);
        take(&mut matching, Which::B, &line("a", 1, 1));
        assert_eq!(matching.window(), None);
        assert!(matching.settle().is_none());
    }
}
