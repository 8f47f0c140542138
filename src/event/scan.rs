//! The fast way into an envelope: a scan of its prefix in the servers' own field order.
//!
//! It reads what the servers send (protocol reference, section 1.7) and gives up, without a verdict, on anything else:
//! another order, an escaped name, white space. `envelope` then decides.

use memchr::memchr2;

use super::{Envelope, Identity, Kind, Operation, Point, Span};

/// Reads the envelope of a commit in the expected order; `None` means "ask the checked parser".
///
/// Looks at nothing behind the record key, apart from the byte after it.
pub(crate) fn commit(line: &[u8]) -> Option<Envelope> {
    let mut scan = Scan { line, at: 0 };
    scan.skip(b"{\"did\":")?;
    let did = scan.string()?;
    scan.skip(b",\"time_us\":")?;
    let time_us = scan.number()?;
    let seq = if scan.skip(b",\"cursor\":").is_some() {
        Some(scan.number()?)
    } else {
        None
    };
    scan.skip(b",\"kind\":\"commit\",\"commit\":{\"rev\":")?;
    let rev = scan.string()?;
    scan.skip(b",\"operation\":")?;
    let operation = scan.string()?;
    scan.skip(b",\"collection\":")?;
    let collection = scan.string()?;
    scan.skip(b",\"rkey\":")?;
    let rkey = scan.string()?;
    if !matches!(line.get(scan.at), Some(b',' | b'}')) {
        return None;
    }
    let text = |span: Span| span.of(line, &[]);
    let identity = Identity::of_commit([
        text(did),
        text(rev),
        text(collection),
        text(rkey),
        text(operation),
    ]);
    Some(Envelope {
        kind: Kind::Commit,
        operation: Some(Operation::from_wire(text(operation))),
        point: Point {
            seq,
            time_us,
            identity: Some(identity),
        },
        did,
        collection,
        rkey,
        rev,
    })
}

struct Scan<'a> {
    line: &'a [u8],
    at: usize,
}

impl Scan<'_> {
    fn skip(&mut self, expected: &[u8]) -> Option<()> {
        self.line
            .get(self.at..)?
            .starts_with(expected)
            .then(|| self.at += expected.len())
    }

    /// A quoted string without escapes.
    fn string(&mut self) -> Option<Span> {
        let rest = self.line.get(self.at..)?.strip_prefix(b"\"")?;
        let len = memchr2(b'"', b'\\', rest)?;
        if rest.get(len) != Some(&b'"') {
            return None;
        }
        let span = Span::in_line(self.at + 1, len);
        self.at += len + 2;
        Some(span)
    }

    /// A plain decimal number of at most 19 digits, so that it cannot overflow.
    fn number(&mut self) -> Option<u64> {
        let rest = self.line.get(self.at..)?;
        let mut number = 0_u64;
        let mut digits = 0;
        while let Some(digit) = rest
            .get(digits)
            .and_then(|byte| byte.checked_sub(b'0'))
            .filter(|digit| *digit < 10)
        {
            if digits == 19 {
                return None;
            }
            number = number * 10 + u64::from(digit);
            digits += 1;
        }
        self.at += digits;
        (digits > 0).then_some(number)
    }
}
