//! Where a stream is to begin and to end, from what was typed, and which of it cannot be meant.

use std::time::{Duration, SystemTime};

use tracing::warn;

use super::SettingsError;
use super::TimeUs;
use crate::args::is_variable;
use rocketman::{ParseError, PipelineSettings, event::Start};

/// How far a clock may be off.
const MAX_CLOCK_ERROR: Duration = Duration::from_secs(60);

/// A number of seconds since 1970 is taken for what it is from so long before now to so long after.
const MAX_AGE: Duration = Duration::from_secs(5 * 365 * 86_400);
const MAX_AHEAD: Duration = Duration::from_secs(365 * 86_400);

/// The variables of the flags that are read here.
const VARIABLES: [(&str, &str); 4] = [
    ("--since", "ROCKETMAN_SINCE"),
    ("--cursor", "ROCKETMAN_CURSOR"),
    ("--begin", "ROCKETMAN_BEGIN"),
    ("--until", "ROCKETMAN_UNTIL"),
];

/// A beginning, and the flag that it was typed with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Beginning {
    pub(super) start: Start,
    pub(super) flag: &'static str,
}

/// Reads `--since` or `--cursor`, if either was given.
pub(super) fn beginning(
    since: Option<&str>,
    cursor: Option<&str>,
    now: SystemTime,
) -> Result<Option<Beginning>, SettingsError> {
    let (flag, start) = match (since, cursor) {
        (Some(since), _) => ("--since", Start::Time(time("--since", since, now)?)),
        (None, Some(cursor)) => ("--cursor", start("--cursor", cursor, now)?),
        (None, None) => return Ok(None),
    };
    Ok(Some(Beginning { start, flag }))
}

/// Reads `--begin`: where a cursor that nothing was saved in yet begins. Something has to keep one.
pub(super) fn beginning_if_new(
    begin: Option<&str>,
    keeps: bool,
    now: SystemTime,
) -> Result<Option<Start>, SettingsError> {
    match begin {
        None => Ok(None),
        Some(_) if !keeps => Err(SettingsError::BeginWithoutCursor),
        Some("oldest") => Ok(Some(Start::OLDEST)),
        Some(begin) => start("--begin", begin, now).map(Some),
    }
}

/// Reads where a cursor file is to be put: a place that a server can have something behind. No
/// server is there to ask what time it is.
pub(super) fn place(value: &str, now: SystemTime) -> Result<Start, SettingsError> {
    match start("VALUE", value, now)? {
        Start::Seq(0) | Start::Time(0) => Err(SettingsError::Nothing(value.to_owned())),
        Start::Time(time_us) => {
            check_has_come("VALUE", time_us, now).map(|()| Start::Time(time_us))
        }
        start @ Start::Seq(_) => Ok(start),
    }
}

/// Refuses a time beyond the local clock, where no server is asked what time it is.
pub(super) fn check_has_come(
    flag: &'static str,
    time_us: u64,
    now: SystemTime,
) -> Result<(), SettingsError> {
    let latest = TimeUs::of(now).map(|now| now.0 + TimeUs::micros(MAX_CLOCK_ERROR));
    if Some(time_us) > latest {
        let time = TimeUs(time_us).to_string();
        return Err(SettingsError::Future { flag, time });
    }
    Ok(())
}

/// Reads the time before which the stream is to end. A beginning that was not typed is now, unless
/// something `keeps` an earlier one.
pub(super) fn end(
    until: Option<&str>,
    beginning: Option<Beginning>,
    keeps: bool,
    now: SystemTime,
) -> Result<Option<u64>, SettingsError> {
    let Some(until) = until else {
        return Ok(None);
    };
    let until_us = time("--until", until, now)?;
    match beginning {
        Some(Beginning {
            start: Start::Time(from_us),
            flag,
        }) if until_us <= from_us => Err(SettingsError::EndBeforeStart {
            until: TimeUs(until_us).to_string(),
            flag,
            from: TimeUs(from_us).to_string(),
        }),
        None if !keeps && Some(until_us) <= TimeUs::of(now).map(|time| time.0) => {
            Err(SettingsError::EndBeforeNow(TimeUs(until_us).to_string()))
        }
        _ => Ok(Some(until_us)),
    }
}

fn start(flag: &'static str, text: &str, now: SystemTime) -> Result<Start, SettingsError> {
    let start = Start::parse(text, now).map_err(refused(flag))?;
    if let Start::Seq(number) = start
        && is_like_seconds(number, now)
    {
        let time = TimeUs(number * 1_000_000).to_string();
        warn!(target: PipelineSettings::STATE_TARGET, number, "{flag}: {number} is taken for the number of an event; if it is seconds since 1970, write {time}");
    }
    Ok(start)
}

pub(super) fn time(flag: &'static str, text: &str, now: SystemTime) -> Result<u64, SettingsError> {
    TimeUs::parse(text, now)
        .map(|time| time.0)
        .map_err(refused(flag))
}

/// Names the variable where the flag was not typed.
fn refused(flag: &'static str) -> impl FnOnce(ParseError) -> SettingsError {
    let name = VARIABLES
        .iter()
        .find(|(of, _)| *of == flag && is_variable(flag))
        .map_or(flag, |(_, variable)| variable);
    move |source| SettingsError::Start { flag: name, source }
}

fn is_like_seconds(number: u64, now: SystemTime) -> bool {
    let Some(now_us) = TimeUs::of(now).map(|time| time.0) else {
        return false;
    };
    let (first, last) = (
        now_us.saturating_sub(TimeUs::micros(MAX_AGE)),
        now_us + TimeUs::micros(MAX_AHEAD),
    );
    (first..=last).contains(&number.saturating_mul(1_000_000))
}

#[cfg(test)]
mod tests {
    use std::time::UNIX_EPOCH;

    use super::*;

    #[test]
    fn ten_digits_near_today_are_like_seconds() {
        let now = UNIX_EPOCH + Duration::from_secs(1_800_000_000);
        for (number, is_like) in [
            (1_800_000_000, true),
            (1_799_990_000, true),
            (1_700_000_000, true),
            (1_810_000_000, true),
            (1_600_000_000, false),
            (1_900_000_000, false),
            (24_589_902_470, false),
            (17, false),
            (u64::MAX, false),
        ] {
            assert_eq!(is_like_seconds(number, now), is_like, "{number}");
        }
    }
}
