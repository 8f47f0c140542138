//! A time as events have it.

use std::{
    fmt,
    time::{Duration, SystemTime},
};

use super::start::{micros, micros_since_1970, now_us, parse_time, show_time};
use crate::error::ParseError;

/// A time as events have it: microseconds since 1970. It is shown as RFC 3339 in UTC, with six
/// digits of the second.
///
/// ```
/// use rocketman::event::TimeUs;
///
/// assert_eq!(TimeUs(1_800_000_000_000_000).to_string(), "2027-01-15T08:00:00.000000Z");
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TimeUs(pub u64);

impl TimeUs {
    /// What the local clock says.
    pub fn now() -> Self {
        Self(now_us())
    }

    /// A reading of a clock; `None` before 1970.
    pub fn of(time: SystemTime) -> Option<Self> {
        micros_since_1970(time).map(Self)
    }

    /// Reads an RFC 3339 time, or an age before `now`. Without a zone, and without a time of day, it
    /// is UTC.
    pub fn parse(text: &str, now: SystemTime) -> Result<Self, ParseError> {
        Ok(Self(parse_time(text, now)?))
    }

    /// A duration in whole microseconds.
    pub fn micros(duration: Duration) -> u64 {
        micros(duration)
    }
}

impl fmt::Display for TimeUs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&show_time(self.0))
    }
}
