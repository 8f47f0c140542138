//! What a cursor knows around its place: how far the stream was read on any server, and what of it
//! may come again.
//!
//! The place says where one server goes on. Everything here bounds how far a resume may go back,
//! and what it recognises there.

use serde::{Deserialize, Serialize};

use super::{Identity, Point, Position};

/// Servers whose numbers are remembered, the one that was read last among them.
pub(crate) const MAX_SERVERS: usize = 4;

/// A time that is later than the highest by more than this counts only once a second one is.
const LEAP_US: u64 = 10_000_000;

/// A leap by more than this may be no gap in the stream, whatever the clock says.
const DAY_US: u64 = 24 * 3600 * 1_000_000;

/// How far a server's clock may be ahead of ours.
const AHEAD_US: u64 = 60_000_000;

/// How far a stream was read over all runs and servers, and what a resume recognises. Empty for a
/// place that was set.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Trail {
    /// The highest time of all events that were accepted, in microseconds since 1970. It never
    /// falls, while a place may lie before it.
    pub highest_us: u64,
    /// The time of the first event of the first run, or an earlier one that came after it; no
    /// resume by time goes back beyond it. 0 where it is not known.
    #[serde(skip_serializing_if = "is_nothing")]
    pub first_us: u64,
    /// The last accepted events on other servers than the place's, the one that was read last
    /// first.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub others: Vec<Position>,
    /// Events that were delivered and that a resume may bring again, in the order in which they
    /// were read.
    #[serde(with = "identities", skip_serializing_if = "Vec::is_empty")]
    pub known: Vec<Identity>,
    /// Nothing that was read since this time, and up to the place, is missing in `known`; 0 where
    /// that is not so.
    #[serde(skip_serializing_if = "is_nothing")]
    pub known_since_us: u64,
    /// Up to this time events of `known` may come again after the place; 0 where none will.
    #[serde(skip_serializing_if = "is_nothing")]
    pub repeats_until_us: u64,
    /// Events that were delivered although they come after the place, for another one between them
    /// is still to come.
    #[serde(with = "identities", skip_serializing_if = "Vec::is_empty")]
    pub ahead: Vec<Identity>,
    /// The first event of this time lies beyond all of them.
    #[serde(skip_serializing_if = "is_nothing")]
    pub ahead_until_us: u64,
}

#[expect(
    clippy::trivially_copy_pass_by_ref,
    reason = "serde hands over a reference"
)]
fn is_nothing(us: &u64) -> bool {
    *us == 0
}

/// Identities as words on one line: thousands of them leave the rest to be read by people.
mod identities {
    use std::borrow::Cow;

    use serde::{Deserialize, Deserializer, Serializer, de::Error as _};

    use super::Identity;

    pub(super) fn serialize<S: Serializer>(
        identities: &[Identity],
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        let words: Vec<_> = identities.iter().map(ToString::to_string).collect();
        serializer.serialize_str(&words.join(" "))
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Vec<Identity>, D::Error> {
        let text = Cow::<str>::deserialize(deserializer)?;
        let words = text.split(' ').filter(|word| !word.is_empty());
        let identities = words.map(Identity::parse).collect::<Option<_>>();
        identities.ok_or_else(|| D::Error::custom("an identity is 16 hexadecimal digits"))
    }
}

impl Trail {
    /// The trail of a place at this time of which nothing more is known.
    pub fn up_to(time_us: u64) -> Self {
        Self {
            highest_us: time_us,
            ..Self::default()
        }
    }
}

/// The highest time of a stream, by which one event with a time far off does not count.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Highest {
    us: Option<u64>,
    /// A time that is much later, while the next one is not there.
    leap_us: Option<u64>,
}

impl Highest {
    /// Nothing below this time counts.
    pub(crate) fn from(time_us: u64) -> Self {
        Self {
            us: (time_us > 0).then_some(time_us),
            leap_us: None,
        }
    }

    /// The highest time; `None` while there is one event at most, and nobody knows what its time is
    /// worth.
    pub(crate) fn us(self) -> Option<u64> {
        self.us
    }

    /// Notes the time of the next event, or of a place between events, which is by a clock. Ours is
    /// only looked at when the time of an event leaps.
    #[inline]
    pub(crate) fn note(&mut self, point: &Point, now_us: impl FnOnce() -> u64) {
        match self.us {
            Some(highest_us)
                if self.leap_us.is_none()
                    && point.identity.is_some()
                    && point.time_us <= highest_us.saturating_add(LEAP_US) =>
            {
                self.us = Some(highest_us.max(point.time_us));
            }
            _ => self.note_unusual(point, now_us),
        }
    }

    #[inline(never)]
    fn note_unusual(&mut self, point: &Point, now_us: impl FnOnce() -> u64) {
        let time_us = point.time_us;
        if point.identity.is_none() {
            self.us = self.us.max(Some(time_us));
            return;
        }
        if let Some(leap_us) = self.leap_us.take()
            && time_us.saturating_add(LEAP_US) >= leap_us
        {
            self.us = self.us.max(Some(leap_us));
        }
        let is_usual = self.us.is_some_and(|highest_us| {
            let leap_us = time_us.saturating_sub(highest_us);
            let is_past = || time_us <= now_us().saturating_add(AHEAD_US);
            leap_us <= LEAP_US || (leap_us <= DAY_US && is_past())
        });
        if is_usual {
            self.us = self.us.max(Some(time_us));
        } else {
            self.leap_us = Some(time_us);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: u64 = 1_000_000;
    const NOON: u64 = 1_800_000_000 * SECOND;

    /// The highest time after each of these, in seconds since noon.
    fn after(seconds: &[i64]) -> Vec<Option<i64>> {
        let mut highest = Highest::default();
        let noted = seconds.iter().map(|second| {
            let time_us = NOON.checked_add_signed(second * 1_000_000).unwrap();
            let point = Point {
                seq: None,
                time_us,
                identity: Some(Identity::of_rest(b"")),
            };
            highest.note(&point, || NOON + 3600 * SECOND);
            let us = highest.us()?;
            Some((us.cast_signed() - NOON.cast_signed()) / 1_000_000)
        });
        noted.collect()
    }

    #[test]
    fn the_highest_time_never_falls() {
        assert_eq!(
            after(&[5, 3, 4, 9, 1]),
            [None, Some(5), Some(5), Some(9), Some(9)]
        );
        assert_eq!(
            after(&[0, 1, 900, 3]),
            [None, Some(1), Some(900), Some(900)]
        );
    }

    #[test]
    fn one_time_far_off_does_not_count_and_two_do() {
        let year = 365 * 24 * 3600;
        assert_eq!(
            after(&[0, 1, year, 2, 3]),
            [None, Some(1), Some(1), Some(2), Some(3)]
        );
        assert_eq!(after(&[0, 1, year, year + 1]).last(), Some(&Some(year + 1)));
        // Nor as the first of all.
        assert_eq!(after(&[year, 0, 1]), [None, None, Some(1)]);
        assert_eq!(after(&[-year, 0, 1]).last(), Some(&Some(1)));
        // A day back from the clock may be a gap; two hours ahead of it is an error until it goes
        // on.
        assert_eq!(after(&[0, 1, 3 * 3600, 2]).last(), Some(&Some(2)));
    }
}
