//! Where a user asks a stream to begin.

use std::{
    fmt,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use jiff::{Timestamp, civil, tz::TimeZone};

use crate::error::ParseError;
use crate::log::address::without_address;

/// Numbers from here on are microseconds since 1970, smaller ones are a server's own numbers
/// (protocol reference, section 0).
const FIRST_TIME: u64 = 1_000_000_000_000_000;

/// A beginning that was asked for, in place of a saved one.
///
/// ```
/// use rocketman::event::Start;
///
/// assert_eq!(Start::Time(1_800_000_000_000_000).to_string(), "2027-01-15T08:00:00.000000Z");
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Start {
    /// At the event with this number, in the numbering of the server that is asked; with 0 at the
    /// oldest that it has.
    Seq(u64),
    /// At the first event of this time or later, in microseconds since 1970.
    Time(u64),
}

/// A beginning that cannot be understood.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum StartError {
    /// Neither a number nor a time.
    #[error(
        "'{0}' is neither a cursor number, nor a time such as 2026-11-23T10:00:00Z, nor an age such as 2h"
    )]
    Unreadable(String),
    /// A time or an age where a number will not do.
    #[error("'{0}' is neither a time such as 2026-11-23T10:00:00Z, nor an age such as 2h")]
    NoTime(String),
    /// A number of another unit than a cursor's.
    #[error("'{number}' looks like {unit} since 1970, and a cursor is in microseconds")]
    Unit {
        /// The number.
        number: u64,
        /// What it seems to count.
        unit: &'static str,
        /// What it would be in microseconds.
        time_us: u64,
    },
    /// A time before 1970.
    #[error("'{0}' lies before 1970")]
    TooEarly(String),
}

impl From<StartError> for ParseError {
    fn from(error: StartError) -> Self {
        Self::new(&error).with_hint(error.hint())
    }
}

impl StartError {
    /// What to write instead, where that can be told.
    fn hint(&self) -> Option<String> {
        match self {
            Self::Unit { time_us, .. } => {
                Some(format!("write {time_us}, or {}", show_time(*time_us)))
            }
            Self::NoTime(text) => {
                let is_number =
                    (1..=6).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_digit());
                match time_of_digits(text) {
                    Some(time_us) => Some(format!("if it is a time, write {}", show_time(time_us))),
                    None if is_number => {
                        Some(format!("an age has a unit: {text}s, {text}m or {text}h"))
                    }
                    None => None,
                }
            }
            Self::Unreadable(_) | Self::TooEarly(_) => None,
        }
    }
}

/// The time that a number of digits most likely is: of seconds, milliseconds, microseconds or
/// nanoseconds since 1970.
fn time_of_digits(digits: &str) -> Option<u64> {
    let number: u64 = digits.parse().ok()?;
    match digits.len() {
        10 => Some(number * 1_000_000),
        13 => Some(number * 1000),
        16 => Some(number),
        19 => Some(number / 1000),
        _ => None,
    }
}

impl Start {
    /// The oldest event that there is.
    pub const OLDEST: Self = Self::Seq(0);

    /// Reads a number (a seq, or microseconds), an RFC 3339 time, or an age before `now`.
    pub fn parse(text: &str, now: SystemTime) -> Result<Self, ParseError> {
        if !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit()) {
            let number: u64 = text
                .parse()
                .map_err(|_| StartError::Unreadable(without_address(text)))?;
            let unit = match text.len() {
                13 => Some("milliseconds"),
                19 => Some("nanoseconds"),
                _ => None,
            };
            if let (Some(unit), Some(time_us)) = (unit, time_of_digits(text)) {
                let error = StartError::Unit {
                    number,
                    unit,
                    time_us,
                };
                return Err(error.into());
            }
            return Ok(if number < FIRST_TIME {
                Self::Seq(number)
            } else {
                Self::Time(number)
            });
        }
        parse_time(text, now)
            .map(Self::Time)
            .map_err(|error| match error {
                StartError::NoTime(text) => StartError::Unreadable(text).into(),
                other => other.into(),
            })
    }

    /// Reads a time alone, as [`Start::parse`] reads it: without a zone, and without a time of day,
    /// it is UTC. In microseconds since 1970.
    pub fn parse_time(text: &str, now: SystemTime) -> Result<u64, ParseError> {
        Ok(parse_time(text, now)?)
    }

    /// The number that goes on the wire. A time is one that no server takes for a number of its
    /// own: before that, no server has anything.
    pub fn as_number(self) -> u64 {
        match self {
            Self::Seq(number) => number,
            Self::Time(number) => number.max(FIRST_TIME),
        }
    }
}

/// The number, or the time as RFC 3339 in UTC, with six digits of the second.
impl fmt::Display for Start {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::Seq(number) => write!(f, "{number}"),
            Self::Time(time_us) => f.write_str(&show_time(time_us)),
        }
    }
}

/// Reads an RFC 3339 time, a date or a time without a zone (which are of UTC), or an age before
/// `now`, as microseconds since 1970.
pub(crate) fn parse_time(text: &str, now: SystemTime) -> Result<u64, StartError> {
    let too_early = || StartError::TooEarly(without_address(text));
    let no_time = || StartError::NoTime(without_address(text));
    // An age has a unit; a mere 0 would be taken for one.
    if text.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(no_time());
    }
    if let Ok(age) = humantime::parse_duration(text) {
        return now
            .checked_sub(age)
            .and_then(micros_since_1970)
            .ok_or_else(too_early);
    }
    let time = text
        .parse::<Timestamp>()
        .or_else(|_| in_utc(text))
        .map_err(|_| no_time())?;
    u64::try_from(time.as_microsecond()).map_err(|_| too_early())
}

/// A date, or a date and a time, without a zone: one of UTC.
fn in_utc(text: &str) -> Result<Timestamp, jiff::Error> {
    let time: civil::DateTime = text.parse()?;
    TimeZone::UTC.to_timestamp(time)
}

/// A clock reading as microseconds since 1970; `None` before it.
pub(crate) fn micros_since_1970(time: SystemTime) -> Option<u64> {
    time.duration_since(UNIX_EPOCH)
        .ok()
        .and_then(|since| u64::try_from(since.as_micros()).ok())
}

/// The local clock, in microseconds since 1970.
pub(crate) fn now_us() -> u64 {
    micros_since_1970(SystemTime::now()).unwrap_or_default()
}

/// Microseconds since 1970 as RFC 3339 in UTC, with six digits of the second.
pub(crate) fn show_time(time_us: u64) -> String {
    i64::try_from(time_us)
        .ok()
        .and_then(|micros| Timestamp::from_microsecond(micros).ok())
        .map_or_else(|| format!("{time_us} µs"), |time| format!("{time:.6}"))
}

/// A duration in whole microseconds.
pub(crate) fn micros(duration: Duration) -> u64 {
    u64::try_from(duration.as_micros()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn now() -> SystemTime {
        UNIX_EPOCH + Duration::from_secs(1_800_000_000)
    }

    #[test]
    fn a_cursor_is_a_seq_a_time_or_an_age() {
        let cases = [
            ("0", Start::Seq(0)),
            ("24589902470", Start::Seq(24_589_902_470)),
            ("999999999999999", Start::Seq(999_999_999_999_999)),
            ("1000000000000000", Start::Time(1_000_000_000_000_000)),
            ("2h", Start::Time(1_799_992_800_000_000)),
            ("1h 30m", Start::Time(1_799_994_600_000_000)),
            ("2027-01-15T08:00:00Z", Start::Time(1_800_000_000_000_000)),
            (
                "2027-01-15T09:00:00.000001+01:00",
                Start::Time(1_800_000_000_000_001),
            ),
        ];
        for (text, expected) in cases {
            assert_eq!(Start::parse(text, now()), Ok(expected), "{text}");
        }
    }

    #[test]
    fn a_number_of_another_unit_is_refused_with_the_right_one() {
        for (text, unit) in [
            ("1800000000000", "milliseconds"),
            ("1800000000000000000", "nanoseconds"),
        ] {
            let error = Start::parse(text, now()).unwrap_err();
            assert!(error.to_string().contains(unit), "{error}");
            let hint = error.hint().unwrap();
            assert_eq!(
                hint,
                "write 1800000000000000, or 2027-01-15T08:00:00.000000Z"
            );
        }
        for text in ["1800000000", "1800000000000000", "1800000000000"] {
            let hint = parse_time(text, now()).unwrap_err().hint().unwrap();
            assert_eq!(hint, "if it is a time, write 2027-01-15T08:00:00.000000Z");
        }
        let hint = parse_time("17", now()).unwrap_err().hint().unwrap();
        assert_eq!(hint, "an age has a unit: 17s, 17m or 17h");
    }

    #[test]
    fn a_date_or_a_time_without_a_zone_is_of_utc() {
        for (text, expected) in [
            ("2027-01-15", 1_799_971_200_000_000),
            ("2027-01-15T08:00:00", 1_800_000_000_000_000),
            ("2027-01-15 08:00", 1_800_000_000_000_000),
            ("2027-01-15 08:00:00.5", 1_800_000_000_500_000),
        ] {
            assert_eq!(parse_time(text, now()), Ok(expected), "{text}");
        }
        for text in ["2027-02-30", "08:00", "2027-01-15T25:00:00"] {
            assert!(parse_time(text, now()).is_err(), "{text}");
        }
    }

    #[test]
    fn what_is_no_cursor_is_refused_with_examples() {
        for bad in [
            "",
            "-5",
            "yesterday",
            "2026-13-01T00:00:00Z",
            "2 parsecs",
            "99999999999999999999",
        ] {
            assert_eq!(
                Start::parse(bad, now()),
                Err(StartError::Unreadable(bad.to_owned()).into())
            );
        }
        for number in ["17", "0"] {
            assert_eq!(
                parse_time(number, now()),
                Err(StartError::NoTime(number.to_owned()))
            );
        }
        assert_eq!(
            parse_time("1969-01-01T00:00:00Z", now()),
            Err(StartError::TooEarly("1969-01-01T00:00:00Z".to_owned()))
        );
        assert_eq!(
            parse_time("900y", now()),
            Err(StartError::TooEarly("900y".to_owned()))
        );
    }

    #[test]
    fn a_time_of_long_ago_is_no_number_on_the_wire() {
        let long_ago = Start::parse("1999-01-01T00:00:00Z", now()).unwrap();
        assert_eq!(long_ago, Start::Time(915_148_800_000_000));
        assert_eq!(long_ago.as_number(), FIRST_TIME);
        assert_eq!(Start::Seq(17).as_number(), 17);
    }

    #[test]
    fn times_are_shown_to_the_microsecond() {
        assert_eq!(
            show_time(1_800_000_000_000_001),
            "2027-01-15T08:00:00.000001Z"
        );
    }
}
