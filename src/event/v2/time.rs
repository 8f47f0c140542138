//! The times of frames: RFC 3339, in UTC, with six digits behind the second.

/// A time in its usual form, the only one that is read here.
const TIME: &[u8; 27] = b"0000-00-00T00:00:00.000000Z";

/// How much more each byte of it may be.
const MOST: [u8; 27] = {
    let mut most = [0; 27];
    let mut at = 0;
    while at < most.len() {
        if TIME[at] == b'0' {
            most[at] = 9;
        }
        at += 1;
    }
    most
};

/// A time from 1970 on, in microseconds since then.
#[inline]
pub(super) fn micros(time: &[u8; 27]) -> Option<u64> {
    // What a byte is more than it is at least, and what it may be more. Without a branch, so that
    // all are looked at in one step.
    let mut over = [0; 27];
    let mut is_time = true;
    for (((over, byte), least), most) in over.iter_mut().zip(time).zip(TIME).zip(MOST) {
        *over = byte.wrapping_sub(*least);
        is_time &= *over <= most;
    }
    if !is_time {
        return None;
    }
    let two = |at: usize| u64::from(over[at]) * 10 + u64::from(over[at + 1]);
    let (year, month, day) = (two(0) * 100 + two(2), two(5), two(8));
    let (hour, minute, second) = (two(11), two(14), two(17));
    let micros = two(20) * 10_000 + two(22) * 100 + two(24);
    let is_leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    let days_in_month = match month {
        4 | 6 | 9 | 11 => 30,
        2 if is_leap => 29,
        2 => 28,
        1..=12 => 31,
        _ => return None,
    };
    let is_time = year >= 1970
        && (1..=days_in_month).contains(&day)
        && hour < 24
        && minute < 60
        && second < 60;
    if !is_time {
        return None;
    }
    // Years begin in March, so that the leap day is the last of its year.
    let (year, month) = if month > 2 {
        (year, month - 3)
    } else {
        (year - 1, month + 9)
    };
    let days = 365 * year + year / 4 - year / 100 + year / 400 + (153 * month + 2) / 5 + day - 1;
    let days_since_1970 = days - 719_468;
    let seconds = days_since_1970 * 86_400 + hour * 3600 + minute * 60 + second;
    Some(seconds * 1_000_000 + micros)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_is_what_the_calendar_says() {
        let mut random = fastrand::Rng::with_seed(7);
        let last = 253_402_207_200_000_000; // As far as that calendar goes.
        let edges = [0, 1, 951_782_399_999_999, 951_782_400_000_000, last];
        let any = (0..20_000).map(|_| random.u64(..=last));
        for time_us in edges.into_iter().chain(any) {
            let time = jiff::Timestamp::from_microsecond(time_us.cast_signed()).unwrap();
            let text = format!("{time:.6}");
            let text: &[u8; 27] = text.as_bytes().try_into().unwrap();
            assert_eq!(micros(text), Some(time_us), "{time}");
        }
    }

    #[test]
    fn what_is_no_time_of_ours_is_left_to_the_careful_way() {
        for bad in [
            b"1969-12-31T23:59:59.999999Z",
            b"2026-02-29T00:00:00.000000Z",
            b"2100-02-29T00:00:00.000000Z",
            b"2026-00-01T00:00:00.000000Z",
            b"2026-13-01T00:00:00.000000Z",
            b"2026-01-00T00:00:00.000000Z",
            b"2026-04-31T00:00:00.000000Z",
            b"2026-01-01T24:00:00.000000Z",
            b"2026-01-01T00:60:00.000000Z",
            b"2026-01-01T00:00:60.000000Z",
            b"2026-01-01 00:00:00.000000Z",
            b"2026-01-01T00:00:00.00000aZ",
            b"2026-01-01T00:00:00.000000z",
            b"/026-01-01T00:00:00.000000Z",
        ] {
            assert_eq!(micros(bad), None, "{}", bad.escape_ascii());
        }
    }
}
