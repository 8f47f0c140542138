//! The time of an event, for people and in RFC 3339. Most events come in the second of the one
//! before.

use std::io::Write as _;

use jiff::{Timestamp, tz::TimeZone};

const SECOND_US: u64 = 1_000_000;

/// Writes times; what it wrote last is kept.
#[derive(Debug)]
pub(super) struct Clock {
    zone: TimeZone,
    second: Option<u64>,
    /// The time of day there.
    local: String,
    /// Date and time in UTC, without parts of a second.
    utc: String,
}

impl Clock {
    /// Of the time zone of this machine.
    pub(super) fn new() -> Self {
        Self::of(TimeZone::system())
    }

    fn of(zone: TimeZone) -> Self {
        Self {
            zone,
            second: None,
            local: String::new(),
            utc: String::new(),
        }
    }

    /// `10:14:43`, in the time zone of this machine.
    pub(super) fn local(&mut self, time_us: u64) -> &str {
        self.turn_to(time_us);
        &self.local
    }

    /// Appends `2026-11-29T10:14:43.123456Z`.
    pub(super) fn write_utc(&mut self, time_us: u64, out: &mut Vec<u8>) {
        self.turn_to(time_us);
        // Writing to a Vec cannot fail.
        write!(out, "{}.{:06}Z", self.utc, time_us % SECOND_US).unwrap_or_default();
    }

    fn turn_to(&mut self, time_us: u64) {
        let second = time_us / SECOND_US;
        if self.second.replace(second) == Some(second) {
            return;
        }
        let time = i64::try_from(second).ok();
        let time = time.and_then(|second| Timestamp::from_second(second).ok());
        // No calendar goes as far as numbers do.
        let local = time.map(|time| time.to_zoned(self.zone.clone()));
        let local = local.map(|time| time.strftime("%H:%M:%S").to_string());
        self.local = local.unwrap_or_else(|| "--:--:--".to_owned());
        let utc = time.map(|time| time.strftime("%Y-%m-%dT%H:%M:%S").to_string());
        self.utc = utc.unwrap_or_else(|| format!("{second} s"));
    }
}

#[cfg(test)]
mod tests {
    use jiff::tz::Offset;

    use super::*;

    #[test]
    fn times_are_those_of_the_zone_and_of_utc() {
        let mut clock = Clock::of(TimeZone::fixed(Offset::constant(2)));
        for (time_us, local, utc) in [
            (
                1_800_000_000_000_001,
                "10:00:00",
                "2027-01-15T08:00:00.000001Z",
            ),
            (
                1_800_000_000_999_999,
                "10:00:00",
                "2027-01-15T08:00:00.999999Z",
            ),
            (
                1_800_000_001_000_000,
                "10:00:01",
                "2027-01-15T08:00:01.000000Z",
            ),
        ] {
            assert_eq!(clock.local(time_us), local);
            let mut out = Vec::new();
            clock.write_utc(time_us, &mut out);
            assert_eq!(String::from_utf8(out).unwrap(), utc);
        }
        assert_eq!(clock.local(u64::MAX), "--:--:--");
    }
}
