//! What the directives of a pattern say of a moment. Each has a known width, so that names can be
//! recognised.

use jiff::{Timestamp, civil::DateTime, tz::Offset};

/// The letters that stand for one number.
pub(super) const LETTERS: &[u8] = b"YymdjHMSsGVu";

/// The moment in UTC; what no calendar has is its end.
pub(super) fn civil(time_us: u64) -> DateTime {
    let time = i64::try_from(time_us).ok();
    let time = time.and_then(|time_us| Timestamp::from_microsecond(time_us).ok());
    Offset::UTC.to_datetime(time.unwrap_or(Timestamp::MAX))
}

/// What a directive becomes.
pub(super) fn text_of(letter: u8, time: DateTime, time_us: u64) -> String {
    match letter {
        b'Y' => format!("{:04}", time.year()),
        b'y' => format!("{:02}", time.year() % 100),
        b'm' => format!("{:02}", time.month()),
        b'd' => format!("{:02}", time.day()),
        b'j' => format!("{:03}", time.day_of_year()),
        b'H' => format!("{:02}", time.hour()),
        b'M' => format!("{:02}", time.minute()),
        b'S' => format!("{:02}", time.second()),
        b'G' => format!("{:04}", time.date().iso_week_date().year()),
        b'V' => format!("{:02}", time.date().iso_week_date().week()),
        b'u' => format!("{}", time.weekday().to_monday_one_offset()),
        _ => format!("{}", time_us / 1_000_000),
    }
}

/// How many digits a directive makes; seconds since 1970 have any number of them.
pub(super) fn width(letter: u8) -> Option<usize> {
    match letter {
        b's' => None,
        b'Y' | b'G' => Some(4),
        b'j' => Some(3),
        b'u' => Some(1),
        _ => Some(2),
    }
}
