//! The fast way into an envelope: a scan of its prefix in the servers' own field order.
//!
//! It reads what the servers send (protocol reference, section 1.7) and gives up, without a
//! verdict, on anything else: another order, an escaped name, white space. `envelope` then decides.
//!
//! Where names and numbers have their usual lengths, whole stretches are compared at once.

use super::{Envelope, Identity, Kind, Operation, Point, Span};

/// Up to the end of the time, with a `did:plc` and the time in its usual 16 digits.
const HEAD: Shape<80> =
    Shape::new(b"{\"did\":\"................................\",\"time_us\":????????????????,");
const DID_AT: usize = 8;
const DID: usize = 32;
const TIME_AT: usize = 52;
const HEAD_END: usize = 68;

/// From behind the numbers up to the collection, with a revision made from a time, and `create`,
/// `update` or `delete`.
const MIDDLE: Shape<96> = Shape::new(
    b",\"kind\":\"commit\",\"commit\":{\"rev\":\".............\",\"operation\":\"......\",\"collection\":\"",
);
const REV_AT: usize = 34;
const OPERATION_AT: usize = 62;
const OPERATION: usize = 6;
const MIDDLE_END: usize = 84;

/// The least number that is written with eight digits in JSON, which has no zeros in front.
const LEAST: u64 = 10_000_000;

/// A key made from a time.
const TID: usize = 13;

/// Reads the envelope of a commit in the expected order; `None` means "ask the checked parser".
///
/// Looks at nothing behind the record key, apart from the byte after it.
pub(crate) fn commit(line: &[u8]) -> Option<Envelope> {
    let mut scan = Scan {
        rest: line,
        len: line.len(),
    };
    let (did, time_us) = scan.head()?;
    let seq = match scan.skip(b",\"cursor\":") {
        Some(()) => Some(scan.number()?),
        None => None,
    };
    let (rev, operation) = scan.middle()?;
    let collection = scan.name()?;
    scan.skip(b"\",\"rkey\":\"")?;
    let rkey = scan.name()?;
    if !matches!(scan.rest, [b'"', b',' | b'}', ..]) {
        return None;
    }
    let names = [did, rev, collection, rkey, operation];
    Some(Envelope {
        kind: Kind::Commit,
        operation: Some(Operation::from_wire(operation.of(line, &[]))),
        point: Point {
            seq,
            time_us,
            identity: Some(Identity::of_commit_in(line, names)),
        },
        did,
        collection,
        rkey,
        rev,
    })
}

/// The number and the time of an event of which only the beginning is there, in the expected order.
/// It has nothing of [`Scan`], which is inlined as long as one place uses it.
pub(crate) fn beginning(bytes: &[u8]) -> Option<Point> {
    let did = bytes.strip_prefix(b"{\"did\":\"")?;
    let end = memchr::memchr(b'"', did)?;
    let rest = did.get(end..)?.strip_prefix(b"\",\"time_us\":")?;
    let (time_us, rest) = first_number(rest)?;
    let (seq, rest) = match rest.strip_prefix(b",\"cursor\":") {
        Some(rest) => first_number(rest).map(|(seq, rest)| (Some(seq), rest))?,
        None => (None, rest),
    };
    // A number is whole when something follows it.
    rest.starts_with(b",\"kind\":").then_some(Point {
        seq,
        time_us,
        identity: None,
    })
}

/// The number that bytes begin with, if servers count that far, and what follows it.
fn first_number(bytes: &[u8]) -> Option<(u64, &[u8])> {
    let digits = bytes
        .iter()
        .take_while(|byte| byte.is_ascii_digit())
        .count();
    let (number, rest) = bytes.split_at_checked(digits)?;
    let number: i64 = str::from_utf8(number).ok()?.parse().ok()?;
    Some((number.unsigned_abs(), rest))
}

struct Scan<'a> {
    rest: &'a [u8],
    /// The length of the whole line.
    len: usize,
}

impl Scan<'_> {
    #[inline]
    fn skip<const N: usize>(&mut self, expected: &[u8; N]) -> Option<()> {
        let (found, rest) = self.rest.split_first_chunk()?;
        (found == expected).then(|| self.rest = rest)
    }

    /// The DID and the time.
    #[inline]
    fn head(&mut self) -> Option<(Span, u64)> {
        if let Some(usual) = self.rest.first_chunk()
            && HEAD.fits(usual)
            && let Some(rest) = self.rest.get(HEAD_END..)
            && let Some([first, second]) =
                usual.get(TIME_AT..HEAD_END).map(|time| time.as_chunks().0)
            && let (Some(first), Some(second)) = (eight_digits(*first), eight_digits(*second))
            && first >= LEAST
        {
            self.rest = rest;
            return Some((Span::in_line(DID_AT, DID), first * 100_000_000 + second));
        }
        self.skip(b"{\"did\":\"")?;
        let did = self.name()?;
        self.skip(b"\",\"time_us\":")?;
        Some((did, self.number()?))
    }

    /// The revision and the operation.
    #[inline]
    fn middle(&mut self) -> Option<(Span, Span)> {
        if let Some(usual) = self.rest.first_chunk()
            && MIDDLE.fits(usual)
        {
            let at = self.at();
            self.rest = self.rest.get(MIDDLE_END..)?;
            return Some((
                Span::in_line(at + REV_AT, TID),
                Span::in_line(at + OPERATION_AT, OPERATION),
            ));
        }
        self.skip(b",\"kind\":\"commit\",\"commit\":{\"rev\":\"")?;
        let rev = self.name()?;
        self.skip(b"\",\"operation\":\"")?;
        let operation = self.name()?;
        self.skip(b"\",\"collection\":\"")?;
        Some((rev, operation))
    }

    fn at(&self) -> usize {
        self.len - self.rest.len()
    }

    /// What stands before the next quote, without escapes.
    #[inline]
    fn name(&mut self) -> Option<Span> {
        let len = length(self.rest)?;
        let span = Span::in_line(self.at(), len);
        self.rest = self.rest.get(len..)?;
        Some(span)
    }

    /// A plain decimal number of at most 18 digits, so that it cannot overflow here, nor for
    /// servers, which count with a sign.
    #[inline]
    fn number(&mut self) -> Option<u64> {
        // JSON has no zeros in front, and nothing else begins with one but zero itself.
        if let [b'0', ..] = self.rest {
            return None;
        }
        let mut number = 0;
        let mut digits = 0;
        while digits < 16
            && let Some(eight) = self.rest.get(digits..).and_then(<[u8]>::first_chunk)
            && let Some(eight) = eight_digits(*eight)
        {
            number = number * 100_000_000 + eight;
            digits += 8;
        }
        while let Some(byte @ b'0'..=b'9') = self.rest.get(digits) {
            if digits == 18 {
                return None;
            }
            number = number * 10 + u64::from(byte - b'0');
            digits += 1;
        }
        self.rest = self.rest.get(digits..)?;
        (digits > 0).then_some(number)
    }
}

/// What a stretch of a line looks like where every name in it has its usual length.
pub(super) struct Shape<const N: usize> {
    /// The bytes that are always the same, and zero elsewhere.
    text: [u8; N],
    /// All bits set where a byte is always the same.
    fixed: [u8; N],
    /// All bits set where a byte belongs to a name.
    name: [u8; N],
}

impl<const N: usize> Shape<N> {
    /// A dot stands for a byte of a name, a question mark for a byte that is looked at elsewhere,
    /// as what follows the pattern is.
    pub(super) const fn new(pattern: &[u8]) -> Self {
        let mut shape = Self {
            text: [0; N],
            fixed: [0; N],
            name: [0; N],
        };
        let mut at = 0;
        while at < pattern.len() {
            match pattern[at] {
                b'.' => shape.name[at] = 0xff,
                b'?' => {}
                byte => {
                    shape.text[at] = byte;
                    shape.fixed[at] = 0xff;
                }
            }
            at += 1;
        }
        shape
    }

    /// Whether the bytes are of this shape, and neither a quote nor a backslash is in a name.
    /// Without a branch, so that many are looked at in one step, and by index, which is several
    /// times as fast where nothing is optimised.
    #[inline]
    pub(super) fn fits(&self, bytes: &[u8; N]) -> bool {
        let (mut differs, mut at) = (0, 0);
        while at < N {
            let byte = bytes[at];
            let ends_name = if matches!(byte, b'"' | b'\\') {
                0xff
            } else {
                0
            };
            differs |= (byte ^ self.text[at]) & self.fixed[at] | ends_name & self.name[at];
            at += 1;
        }
        differs == 0
    }
}

/// How many bytes lie before the closing quote; `None` without one, or if there is an escape before
/// it.
fn length(rest: &[u8]) -> Option<usize> {
    let mut len = 0;
    // Eight bytes at a time: names are so short that calling a search costs more than searching.
    let (eights, tail) = rest.as_chunks();
    for eight in eights {
        let found = quotes_and_escapes(u64::from_le_bytes(*eight));
        if found != 0 {
            len += found.trailing_zeros() as usize / 8;
            return (rest.get(len) == Some(&b'"')).then_some(len);
        }
        len += 8;
    }
    len += tail.iter().position(|byte| matches!(byte, b'"' | b'\\'))?;
    (rest.get(len) == Some(&b'"')).then_some(len)
}

const ONES: u64 = 0x0101_0101_0101_0101;
const HIGH_BITS: u64 = 0x8080_8080_8080_8080;

/// The lowest bit set is in the first byte that is a quote or a backslash; none is set where none
/// is.
#[inline]
fn quotes_and_escapes(eight: u64) -> u64 {
    let quotes = eight ^ (ONES * u64::from(b'"'));
    let escapes = eight ^ (ONES * u64::from(b'\\'));
    // A byte becomes zero where it was the one looked for, and borrows from the high bit when one
    // is taken away.
    let found = (quotes.wrapping_sub(ONES) & !quotes) | (escapes.wrapping_sub(ONES) & !escapes);
    found & HIGH_BITS
}

/// The number that eight digits write; `None` if one of them is no digit.
#[inline]
pub(super) fn eight_digits(eight: [u8; 8]) -> Option<u64> {
    let digits = u64::from_le_bytes(eight) ^ (ONES * u64::from(b'0'));
    // Above nine, a byte reaches the high bit with 0x76 more, or has it already.
    if (digits.wrapping_add(ONES * 0x76) | digits) & HIGH_BITS != 0 {
        return None;
    }
    // Pairs, fours, eight: each step adds the higher half, which lies lower in memory, times its
    // weight.
    let pairs = digits * 10 + (digits >> 8);
    let fours = (pairs & 0x00ff_00ff_00ff_00ff) * 100 + ((pairs >> 16) & 0x00ff_00ff_00ff_00ff);
    let fours = fours & 0x0000_ffff_0000_ffff;
    Some((fours & 0xffff) * 10_000 + (fours >> 32))
}

#[cfg(test)]
mod tests;
