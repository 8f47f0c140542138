//! The fast way: a commit in the servers' own order of members.
//!
//! Its head is read forward up to the record, its tail backward from the end, and what lies
//! between is copied as it is. It gives up, without a verdict, on anything else.

use memchr::{memchr2, memrchr2};

const HEAD: &[u8] =
    br#"{"$type":"message","payload":{"$type":"network.bsky.jetstream.subscribeEvents#commit","#;

/// A time in its usual form, the only one that is read here.
const TIME: &[u8; 27] = b"0000-00-00T00:00:00.000000Z";

/// Writes the line of a frame behind what is in `out`; returns false, and leaves `out` as it was,
/// where the frame is not as expected.
#[inline]
pub(super) fn cut(frame: &[u8], out: &mut Vec<u8>) -> bool {
    let Some(commit) = Commit::of(frame) else {
        return false;
    };
    commit.write(out);
    true
}

struct Commit<'a> {
    cid: Option<&'a [u8]>,
    collection: &'a [u8],
    did: &'a [u8],
    operation: &'a [u8],
    /// With the comma and the key before it; empty where there is none.
    record: &'a [u8],
    rev: &'a [u8],
    rkey: &'a [u8],
    seq: &'a [u8],
    time_us: u64,
}

impl<'a> Commit<'a> {
    #[inline]
    fn of(frame: &'a [u8]) -> Option<Self> {
        let rest = frame.strip_prefix(HEAD)?;
        let (cid, rest) = match rest.strip_prefix(b"\"cid\":\"") {
            Some(rest) => {
                let (cid, rest) = name(rest)?;
                (Some(cid), rest.strip_prefix(b"\",\"collection\":\"")?)
            }
            None => (None, rest.strip_prefix(b"\"collection\":\"")?),
        };
        let (collection, rest) = name(rest)?;
        let (did, rest) = name(rest.strip_prefix(b"\",\"did\":\"")?)?;
        let (operation, rest) = name(rest.strip_prefix(b"\",\"operation\":\"")?)?;
        // The record, if there is one, and the tail.
        let rest = rest.strip_prefix(b"\"")?;
        let rest = rest.strip_suffix(b"\"}}")?;
        let (rest, time) = rest.split_last_chunk()?;
        let time_us = micros(time)?;
        let rest = rest.strip_suffix(b",\"time\":\"")?;
        let (rest, seq) = number_at_end(rest)?;
        let rest = rest.strip_suffix(b"\",\"seq\":")?;
        let (rest, rkey) = name_at_end(rest)?;
        let rest = rest.strip_suffix(b"\",\"rkey\":\"")?;
        let (rest, rev) = name_at_end(rest)?;
        let record = rest.strip_suffix(b",\"rev\":\"")?;
        let is_record = match record.strip_prefix(b",\"record\":") {
            // Servers write records and nothing else: what is not even of their shape is read with
            // care.
            Some(record) => record.starts_with(b"{") && record.ends_with(b"}"),
            None => record.is_empty() && cid.is_none(),
        };
        is_record.then_some(Self {
            cid,
            collection,
            did,
            operation,
            record,
            rev,
            rkey,
            seq,
            time_us,
        })
    }

    #[inline]
    fn write(&self, out: &mut Vec<u8>) {
        // What is written besides the pieces is shorter than what is left out of the frame.
        let (names, cid) = (self.names(), self.cid.unwrap_or_default());
        out.reserve(LITERALS + names + self.record.len() + cid.len());
        let mut digits = [0; 20];
        let pieces: [&[u8]; 17] = [
            b"{\"did\":\"",
            self.did,
            b"\",\"time_us\":",
            decimal(self.time_us, &mut digits),
            b",\"cursor\":",
            self.seq,
            b",\"kind\":\"commit\",\"commit\":{\"rev\":\"",
            self.rev,
            b"\",\"operation\":\"",
            self.operation,
            b"\",\"collection\":\"",
            self.collection,
            b"\",\"rkey\":\"",
            self.rkey,
            b"\"",
            self.record,
            if self.cid.is_some() {
                b",\"cid\":\""
            } else {
                b""
            },
        ];
        for piece in pieces {
            out.extend_from_slice(piece);
        }
        out.extend_from_slice(cid);
        out.extend_from_slice(if self.cid.is_some() { b"\"}}" } else { b"}}" });
    }

    fn names(&self) -> usize {
        let names = [
            self.did,
            self.seq,
            self.rev,
            self.operation,
            self.collection,
            self.rkey,
        ];
        names.iter().map(|name| name.len()).sum()
    }
}

/// The most bytes of a line that are none of its names, with a time, and its end.
const LITERALS: usize = 160;

/// What stands before the next quote, and the rest from there on; `None` where there is an escape.
#[inline]
fn name(text: &[u8]) -> Option<(&[u8], &[u8])> {
    let end = memchr2(b'"', b'\\', text)?;
    let (name, rest) = text.split_at_checked(end)?;
    rest.starts_with(b"\"").then_some((name, rest))
}

/// What stands behind the last quote, and all up to and with it; `None` where there is an escape.
#[inline]
fn name_at_end(text: &[u8]) -> Option<(&[u8], &[u8])> {
    let quote = memrchr2(b'"', b'\\', text)?;
    let (rest, name) = text.split_at_checked(quote + 1)?;
    rest.ends_with(b"\"").then_some((rest, name))
}

/// A number as servers count, and all before it.
#[inline]
fn number_at_end(text: &[u8]) -> Option<(&[u8], &[u8])> {
    let digits = text.iter().rev().take_while(|byte| byte.is_ascii_digit());
    let digits = digits.count();
    let (rest, number) = text.split_at_checked(text.len() - digits)?;
    // Of at most 18 digits, so that it cannot overflow for servers, which count with a sign.
    (matches!(number, [b'1'..=b'9', ..]) && digits <= 18).then_some((rest, number))
}

/// A number in digits.
#[inline]
pub(super) fn decimal(mut number: u64, digits: &mut [u8; 20]) -> &[u8] {
    let mut start = digits.len();
    for digit in digits.iter_mut().rev() {
        *digit = b'0' + (number % 10) as u8;
        number /= 10;
        start -= 1;
        if number == 0 {
            break;
        }
    }
    digits.get(start..).unwrap_or_default()
}

/// A time from 1970 on, in microseconds since then.
#[inline]
fn micros(time: &[u8; 27]) -> Option<u64> {
    let mut digits = [0; 27];
    for ((digit, byte), expected) in digits.iter_mut().zip(time).zip(TIME) {
        *digit = match expected {
            b'0' => byte.wrapping_sub(b'0'),
            _ if byte == expected => 0,
            _ => u8::MAX,
        };
    }
    if digits.iter().any(|digit| *digit > 9) {
        return None;
    }
    let number = |from: usize, to: usize| {
        let digits = digits.get(from..to).unwrap_or_default();
        digits
            .iter()
            .fold(0, |number, digit| number * 10 + u64::from(*digit))
    };
    let (year, month, day) = (number(0, 4), number(5, 7), number(8, 10));
    let (hour, minute, second) = (number(11, 13), number(14, 16), number(17, 19));
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
    Some(seconds * 1_000_000 + number(20, 26))
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

    #[test]
    fn numbers_are_written_in_decimal() {
        for number in [0, 1, 9, 10, 1_800_000_000_000_000, u64::MAX] {
            let mut digits = [0; 20];
            assert_eq!(decimal(number, &mut digits), number.to_string().as_bytes());
        }
    }
}
