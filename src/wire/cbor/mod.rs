//! Records as repositories keep them: DAG-CBOR, its text in JSON, and the identifier (CID) of its
//! bytes.
//!
//! Everything works on slices and appends to buffers of the caller: no tree of a record is ever
//! built, and nothing is allocated for one once the buffers have grown. What is refused is what the
//! official server refuses to print: numbers that are no 64-bit integers, bytes that have a shorter
//! or another canonical form, and values nested more deeply than [`MAX_DEPTH`].

mod cid;
mod encode;
mod error;
mod json;
mod print;
mod read;
mod text;

pub(crate) use self::{
    cid::Cid, encode::Encoder, error::CborError, print::Printer, read::Reader, text::push_text,
};

/// How deeply values may be nested, the outermost one counted.
pub(crate) const MAX_DEPTH: u32 = 128;

/// How long a text or a byte string may be, and how many members a list or a map may have.
const MAX_LEN: u64 = 1 << 20;

/// How long a record may be, and its text: no server sends an event that is longer.
const MAX_RECORD: usize = 8 << 20;

const RECORD_TOO_LONG: &str = "it is longer than any record";

/// Which of two keys comes first in a map: the shorter one.
fn key_order(one: &[u8], other: &[u8]) -> std::cmp::Ordering {
    one.len().cmp(&other.len()).then_with(|| one.cmp(other))
}

/// Appends a number in digits.
#[inline]
pub(crate) fn push_number(mut number: u64, out: &mut Vec<u8>) {
    let mut digits = [0; 20];
    let mut start = digits.len();
    for digit in digits.iter_mut().rev() {
        *digit = b'0' + (number % 10) as u8;
        number /= 10;
        start -= 1;
        if number == 0 {
            break;
        }
    }
    out.extend_from_slice(digits.get(start..).unwrap_or_default());
}

/// Appends a number with its sign.
#[inline]
pub(crate) fn push_integer(number: i64, out: &mut Vec<u8>) {
    if number < 0 {
        out.push(b'-');
    }
    push_number(number.unsigned_abs(), out);
}

#[cfg(test)]
mod tests;
