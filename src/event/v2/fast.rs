//! The fast way: a commit in the servers' own order of members.
//!
//! Its head is read forward up to the record, its tail backward from the end, and what lies
//! between is copied as it is. It gives up, without a verdict, on anything else.

use memchr::{memchr2, memrchr2};

use super::time::micros;

/// What the frame of a commit begins with.
pub(super) const HEAD: &[u8] =
    br#"{"$type":"message","payload":{"$type":"network.bsky.jetstream.subscribeEvents#commit","#;

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
        let cid = self.cid.unwrap_or_default();
        out.reserve(LITERALS + self.names() + self.record.len() + cid.len());
        let mut digits = [0; 20];
        // Called one by one, for what is always the same is then a few stores.
        out.extend_from_slice(b"{\"did\":\"");
        out.extend_from_slice(self.did);
        out.extend_from_slice(b"\",\"time_us\":");
        out.extend_from_slice(decimal(self.time_us, &mut digits));
        out.extend_from_slice(b",\"cursor\":");
        out.extend_from_slice(self.seq);
        out.extend_from_slice(b",\"kind\":\"commit\",\"commit\":{\"rev\":\"");
        out.extend_from_slice(self.rev);
        out.extend_from_slice(b"\",\"operation\":\"");
        out.extend_from_slice(self.operation);
        out.extend_from_slice(b"\",\"collection\":\"");
        out.extend_from_slice(self.collection);
        out.extend_from_slice(b"\",\"rkey\":\"");
        out.extend_from_slice(self.rkey);
        out.push(b'"');
        out.extend_from_slice(self.record);
        if self.cid.is_some() {
            out.extend_from_slice(b",\"cid\":\"");
            out.extend_from_slice(cid);
            out.push(b'"');
        }
        out.extend_from_slice(b"}}");
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
pub(super) fn number_at_end(text: &[u8]) -> Option<(&[u8], &[u8])> {
    let digits = text.iter().rev().take_while(|byte| byte.is_ascii_digit());
    let digits = digits.count();
    let (rest, number) = text.split_at_checked(text.len() - digits)?;
    // Of at most 18 digits, so that it cannot overflow for servers, which count with a sign.
    (matches!(number, [b'1'..=b'9', ..]) && digits <= 18).then_some((rest, number))
}

/// A number in digits.
#[inline]
fn decimal(mut number: u64, digits: &mut [u8; 20]) -> &[u8] {
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_written_in_decimal() {
        for number in [0, 1, 9, 10, 1_800_000_000_000_000, u64::MAX] {
            let mut digits = [0; 20];
            assert_eq!(decimal(number, &mut digits), number.to_string().as_bytes());
        }
    }
}
