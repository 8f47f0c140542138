//! The fastest way: a commit whose names have their usual lengths, as nearly all have that carry a
//! record.
//!
//! Whole stretches are compared and written at once. It gives up, without a verdict, on anything
//! else.

use memchr::memchr2;

use super::{
    fast::{HEAD, number_at_end},
    time::micros,
};
use crate::event::{
    Envelope, Identity, Kind, Operation, Point, Span,
    scan::{Shape, eight_digits},
};

/// What follows [`HEAD`], up to the collection.
const CID: Shape<82> = Shape::new(
    b"\"cid\":\"...........................................................\",\"collection\":\"",
);
const CID_AT: usize = 7;

/// From behind the collection up to the record.
const DID: Shape<73> = Shape::new(
    b"\",\"did\":\"................................\",\"operation\":\"......\",\"record\":",
);
const DID_AT: usize = 9;
const OPERATION_AT: usize = 56;

/// From behind the record up to the number.
const REV: Shape<52> =
    Shape::new(b",\"rev\":\".............\",\"rkey\":\".............\",\"seq\":");
const REV_AT: usize = 8;
const RKEY_AT: usize = 31;

/// What is written up to the number.
const BEGINNING: [u8; 78] =
    *b"{\"did\":\"................................\",\"time_us\":................,\"cursor\":";

/// What is written from behind the number up to the collection.
const MIDDLE: [u8; 84] =
    *b",\"kind\":\"commit\",\"commit\":{\"rev\":\".............\",\"operation\":\"......\",\"collection\":\"";

/// What is written from behind the collection up to the record.
const RKEY: [u8; 34] = *b"\",\"rkey\":\".............\",\"record\":";

/// What is written behind the record.
const END: [u8; 70] =
    *b",\"cid\":\"...........................................................\"}}";

/// The line of a commit whose names have their usual lengths.
#[derive(Debug, Clone, Copy)]
pub(crate) struct UsualLine {
    time_us: u64,
    seq: u64,
    seq_len: usize,
    collection_len: usize,
}

impl UsualLine {
    /// The envelope of the line, as the scan of lines would read it.
    #[inline]
    pub(crate) fn envelope(&self, line: &[u8]) -> Envelope {
        let middle = BEGINNING.len() + self.seq_len;
        let collection = middle + MIDDLE.len();
        let rkey = collection + self.collection_len + 10;
        let [did, rev, operation, collection, rkey] = [
            (8, 32),
            (middle + 34, 13),
            (middle + 62, 6),
            (collection, self.collection_len),
            (rkey, 13),
        ]
        .map(|(start, len)| Span::in_line(start, len));
        let point = Point {
            seq: Some(self.seq),
            time_us: self.time_us,
            identity: Some(Identity::of_commit_in(
                line,
                [did, rev, collection, rkey, operation],
            )),
        };
        Envelope {
            operation: Some(Operation::from_wire(operation.of(line, &[]))),
            did,
            collection,
            rkey,
            rev,
            ..Envelope::bare(Kind::Commit, point)
        }
    }
}

/// Writes the line of a frame behind what is in `out`; leaves `out` as it was where the frame is
/// not as expected.
#[inline]
pub(crate) fn cut(
    frame: &[u8],
    second: &mut Option<Second>,
    out: &mut Vec<u8>,
) -> Option<UsualLine> {
    let (cid, rest) = frame.strip_prefix(HEAD)?.split_first_chunk()?;
    let (collection, rest) = collection(rest)?;
    let (did, rest) = rest.split_first_chunk()?;
    let (rest, time) = rest.strip_suffix(b"\"}}")?.split_last_chunk()?;
    let (rest, seq) = number_at_end(rest.strip_suffix(b",\"time\":\"")?)?;
    let (record, rev) = rest.split_last_chunk()?;
    let is_usual = CID.fits(cid) && DID.fits(did) && REV.fits(rev);
    if !is_usual || !matches!(record, [b'{', .., b'}']) {
        return None;
    }
    let (second_digits, second_us, micros) = second_and_micros(time, second)?;
    let mut beginning = BEGINNING;
    beginning[8..40].copy_from_slice(&did[DID_AT..DID_AT + 32]);
    beginning[52..62].copy_from_slice(&second_digits);
    beginning[62..68].copy_from_slice(micros);
    let mut middle = MIDDLE;
    middle[34..47].copy_from_slice(&rev[REV_AT..REV_AT + 13]);
    middle[62..68].copy_from_slice(&did[OPERATION_AT..OPERATION_AT + 6]);
    let mut rkey = RKEY;
    rkey[10..23].copy_from_slice(&rev[RKEY_AT..RKEY_AT + 13]);
    let mut end = END;
    end[8..67].copy_from_slice(&cid[CID_AT..CID_AT + 59]);
    // With room for the end of the line.
    out.reserve(frame.len());
    out.extend_from_slice(&beginning);
    out.extend_from_slice(seq);
    out.extend_from_slice(&middle);
    out.extend_from_slice(collection);
    out.extend_from_slice(&rkey);
    out.extend_from_slice(record);
    out.extend_from_slice(&end);
    Some(UsualLine {
        time_us: second_us + value(micros),
        seq: value(seq),
        seq_len: seq.len(),
        collection_len: collection.len(),
    })
}

/// The value of at most 18 digits.
#[inline]
fn value(digits: &[u8]) -> u64 {
    let (first, rest) = match digits.split_first_chunk() {
        Some((first, rest)) => (eight_digits(*first), rest),
        None => (Some(0), digits),
    };
    rest.iter().fold(first.unwrap_or_default(), |value, digit| {
        value * 10 + u64::from(digit - b'0')
    })
}

/// A collection, and what follows it from its quote on.
#[inline]
fn collection(text: &[u8]) -> Option<(&[u8], &[u8])> {
    let end = memchr2(b'"', b'\\', text)?;
    let (collection, rest) = text.split_at_checked(end)?;
    rest.starts_with(b"\"").then_some((collection, rest))
}

/// A second as frames write it, and as lines do: most events lie in the same one as the event
/// before.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Second {
    text: [u8; 20],
    digits: [u8; 10],
    us: u64,
}

impl Second {
    /// The second of a time, where that is written in its usual 16 digits.
    fn of(time: &[u8; 27]) -> Option<Self> {
        let second = micros(time)? / 1_000_000;
        let digits = second.to_string();
        Some(Self {
            text: *time.first_chunk()?,
            digits: *digits
                .as_bytes()
                .first_chunk()
                .filter(|_| digits.len() == 10)?,
            us: second * 1_000_000,
        })
    }
}

/// The second of a time, in digits and in microseconds, and the six digits behind it.
#[inline]
fn second_and_micros<'a>(
    time: &'a [u8; 27],
    latest: &mut Option<Second>,
) -> Option<([u8; 10], u64, &'a [u8; 6])> {
    let (text, rest) = time.split_first_chunk::<20>()?;
    let (micros, end) = rest.split_first_chunk::<6>()?;
    if end != b"Z" || !micros.iter().all(u8::is_ascii_digit) {
        return None;
    }
    let second = match latest {
        Some(second) if second.text == *text => second,
        _ => latest.insert(Second::of(time)?),
    };
    Some((second.digits, second.us, micros))
}
