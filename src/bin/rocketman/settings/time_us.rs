//! A time as events have it.

use std::{
    fmt,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use rocketman::{ParseError, event::Start};

/// A time as events have it: microseconds since 1970. It is shown as RFC 3339 in UTC, with six
/// digits of the second.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct TimeUs(pub(crate) u64);

impl TimeUs {
    /// What the local clock says.
    pub(crate) fn now() -> Self {
        Self::of(SystemTime::now()).unwrap_or(Self(0))
    }

    /// A reading of a clock; `None` before 1970.
    pub(crate) fn of(time: SystemTime) -> Option<Self> {
        let since = time.duration_since(UNIX_EPOCH).ok()?;
        Some(Self(Self::micros(since)))
    }

    /// Reads an RFC 3339 time, or an age before `now`.
    pub(crate) fn parse(text: &str, now: SystemTime) -> Result<Self, ParseError> {
        Start::parse_time(text, now).map(Self)
    }

    /// A duration in whole microseconds.
    pub(crate) fn micros(duration: Duration) -> u64 {
        u64::try_from(duration.as_micros()).unwrap_or(u64::MAX)
    }
}

impl fmt::Display for TimeUs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        Start::Time(self.0).fmt(f)
    }
}
