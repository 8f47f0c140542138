//! Accounts that failed on their own not long ago: they get requests of their own, so that nobody
//! else fails with them again.

use std::{collections::HashMap, time::Duration};

use tokio::time::Instant;

use crate::sink::http::parcel::{Item, Parcel};

/// For how long an account is by itself after its last failure.
const QUARANTINE: Duration = Duration::from_secs(60);

/// The most accounts that are remembered; what there is no room for is an account like any other.
const MAX_ACCOUNTS: usize = 10_000;

/// What a failure weighs that may pass, what one that is about an event, and how much is enough.
/// One bad event makes no bad account.
const FAILED: u32 = 2;
const REFUSED: u32 = 1;
const ENOUGH: u32 = 2;

/// Accounts that failed on their own.
#[derive(Debug, Default)]
pub(super) struct Suspects {
    by_lane: HashMap<u64, Suspect>,
}

#[derive(Debug)]
struct Suspect {
    weight: u32,
    until: Instant,
}

impl Suspects {
    /// Requests with nothing but events of this account failed.
    pub(super) fn failed(&mut self, lane: u64, now: Instant) {
        self.add(lane, FAILED, now);
    }

    /// An event of this account was refused.
    pub(super) fn refused(&mut self, lane: u64, now: Instant) {
        self.add(lane, REFUSED, now);
    }

    fn add(&mut self, lane: u64, weight: u32, now: Instant) {
        if self.by_lane.len() >= MAX_ACCOUNTS && !self.by_lane.contains_key(&lane) {
            self.by_lane.retain(|_, suspect| suspect.until > now);
            if self.by_lane.len() >= MAX_ACCOUNTS {
                return;
            }
        }
        let suspect = self.by_lane.entry(lane).or_insert(Suspect {
            weight: 0,
            until: now,
        });
        if suspect.until <= now {
            suspect.weight = 0;
        }
        suspect.weight = suspect.weight.saturating_add(weight);
        suspect.until = now + QUARANTINE;
    }

    fn has(&self, lane: u64, now: Instant) -> bool {
        let suspect = self.by_lane.get(&lane);
        suspect.is_some_and(|suspect| suspect.weight >= ENOUGH && suspect.until > now)
    }

    /// Takes the events of suspects out of a parcel: what is left of it, if anything is, and a
    /// parcel for each of them.
    pub(super) fn part(&self, parcel: Parcel, now: Instant) -> (Option<Parcel>, Vec<Parcel>) {
        if self.by_lane.is_empty() {
            return (Some(parcel), Vec::new());
        }
        let due = parcel.due;
        let is_suspect = |item: &Item| self.has(item.lane, now);
        let (mut suspects, others): (Vec<_>, Vec<_>) =
            parcel.items.into_iter().partition(is_suspect);
        // Those of an account stay in their order.
        suspects.sort_by_key(|item| (item.lane, item.number));
        let mut apart = Vec::<Parcel>::new();
        for item in suspects {
            match apart.last_mut() {
                Some(last) if last.items.first().is_some_and(|it| it.lane == item.lane) => {
                    last.items.push(item);
                }
                _ => apart.push(Parcel {
                    is_apart: true,
                    ..Parcel::new(vec![item], due)
                }),
            }
        }
        let others = (!others.is_empty()).then(|| Parcel::new(others, due));
        (others, apart)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::OwnedEvent;

    fn parcel(lanes: &[u64]) -> Parcel {
        let now = Instant::now();
        let line = r#"{"did":"did:plc:a","time_us":1,"kind":"account"}"#;
        let items = lanes.iter().enumerate().map(|(number, lane)| Item {
            number: number as u64,
            lane: *lane,
            event: OwnedEvent::from_line(line).unwrap(),
            taken: now,
        });
        Parcel::new(items.collect(), now)
    }

    fn numbers(parcel: &Parcel) -> Vec<u64> {
        parcel.items.iter().map(|item| item.number).collect()
    }

    #[tokio::test(start_paused = true)]
    async fn who_failed_is_apart_for_a_while() {
        let mut suspects = Suspects::default();
        let now = Instant::now();
        suspects.failed(7, now);
        suspects.refused(8, now);
        let (others, apart) = suspects.part(parcel(&[1, 7, 8, 7, 2]), now);
        assert_eq!(numbers(&others.unwrap()), [0, 2, 4]);
        assert_eq!(apart.iter().map(numbers).collect::<Vec<_>>(), [[1, 3]]);
        assert!(apart[0].is_apart);
        suspects.refused(8, now + QUARANTINE / 2);
        let (others, apart) = suspects.part(parcel(&[7, 8]), now + QUARANTINE);
        assert_eq!(numbers(&others.unwrap()), [0]);
        assert_eq!(apart.iter().map(numbers).collect::<Vec<_>>(), [[1]]);
        let (others, apart) = suspects.part(parcel(&[8, 8]), now + QUARANTINE);
        assert!(others.is_none() && numbers(&apart[0]) == [0, 1]);
        // Its weight is gone with its time.
        suspects.refused(8, now + 3 * QUARANTINE);
        let (_, apart) = suspects.part(parcel(&[7, 8]), now + 3 * QUARANTINE);
        assert!(apart.is_empty());
    }

    #[tokio::test(start_paused = true)]
    async fn the_accounts_that_are_remembered_are_bounded() {
        let mut suspects = Suspects::default();
        let now = Instant::now();
        for lane in 0..=MAX_ACCOUNTS as u64 {
            suspects.failed(lane, now);
        }
        assert!(suspects.has(0, now) && !suspects.has(MAX_ACCOUNTS as u64, now));
        suspects.failed(1_000_000, now + QUARANTINE);
        assert_eq!(suspects.by_lane.len(), 1);
    }
}
