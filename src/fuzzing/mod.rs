//! What the fuzz targets reach, and nobody else: compiled only for them, under `cfg(fuzzing)`.
//!
//! It decides nothing: it only makes nameable what is private. What has to hold stands in the
//! targets, `tests/fuzz/targets`.

#![allow(missing_docs, reason = "nobody else sees it")]

use std::path::Path;

/// What `serve` reads.
pub mod served {
    pub use crate::serve::fuzzing::{Asked, messages, query, request, served, update};
}
/// Segment files.
pub mod segment {
    pub use crate::segment::fuzzing::{Verified, resealed, rows, verified};
}
pub use crate::source::jetstream::fuzzing::{
    Admitted, Answered, Begins, Came, Frames, Inflate, Known, ask, request, route,
};
use crate::{
    cursor::{Saved, contents},
    error::MemberError,
    event::{
        BadEvent, Batch, Envelope, Event, Kind, LineRules, Operation, Point, envelope, scan, v2,
    },
    sink::LineFormat,
    wire::cbor::{Encoder, Printer},
};

/// An envelope with its names.
#[derive(Debug, PartialEq, Eq)]
pub struct Read {
    pub kind: Kind,
    pub operation: Option<Operation>,
    pub point: Point,
    /// DID, collection, record key and revision.
    pub names: Vec<Vec<u8>>,
}

impl Read {
    fn new(envelope: &Envelope, line: &[u8], side: &[u8]) -> Self {
        Self {
            kind: envelope.kind,
            operation: envelope.operation,
            point: envelope.point,
            names: envelope.texts(line, side),
        }
    }
}

/// [`Batch::push`] by other rules.
pub fn push(batch: &mut Batch, line: &[u8], raw: bool, validate: bool) -> Result<(), BadEvent> {
    batch.push_by(line, LineRules { raw, validate })
}

/// The fast way into an envelope.
pub fn scanned(line: &[u8]) -> Option<Read> {
    scan::commit(line).map(|envelope| Read::new(&envelope, line, &[]))
}

/// As much of a line as the fast way looks at, closed.
pub fn looked_at(line: &[u8]) -> Option<Vec<u8>> {
    let envelope = scan::commit(line)?;
    let names = line.get(..envelope.rkey.end())?;
    Some([names, b"\"}}"].concat())
}

/// The checked way into an envelope.
pub fn parsed(line: &[u8]) -> Option<Read> {
    let mut side = b"of another event".to_vec();
    let envelope = envelope::read(line, &mut side).ok()?;
    Some(Read::new(&envelope, line, &side))
}

/// The line of a frame of the v2 wire, in the usual way, in the fast one and in the careful one;
/// `None` where there is none.
pub fn cut(frame: &[u8]) -> [Option<Vec<u8>>; 3] {
    let (mut usual, mut fast, mut careful) = (Vec::new(), Vec::new(), Vec::new());
    let is_usual = v2::cut_usual(frame, &mut None, &mut usual).is_some();
    let is_fast = v2::cut_fast(frame, &mut fast);
    let is_event = v2::cut(frame, &mut careful, true) == Ok(v2::Frame::Event);
    [
        is_usual.then_some(usual),
        is_fast.then_some(fast),
        is_event.then_some(careful),
    ]
}

/// What a cursor file says.
pub fn parse_cursor(text: &[u8]) -> Result<Saved, MemberError> {
    Ok(contents::parse(Path::new("cursor"), text)?)
}

/// What a format makes of an event, for a terminal of this width where there is one.
pub fn formatted(format: &LineFormat, event: &Event<'_>, columns: Option<usize>) -> Vec<u8> {
    crate::sink::formatted(format, event, columns)
}

/// What is written into a cursor file.
pub fn cursor_contents(saved: &Saved) -> Vec<u8> {
    contents::text(saved)
}

/// The JSON of a record.
pub fn printed(record: &[u8]) -> Option<Vec<u8>> {
    let mut text = Vec::new();
    let printed = Printer::default().append(record, &mut text);
    printed.is_ok().then_some(text)
}

/// The record whose JSON this is.
pub fn encoded(text: &[u8]) -> Option<Vec<u8>> {
    let mut record = Vec::new();
    let encoded = Encoder::default().append(text, &mut record);
    encoded.is_ok().then_some(record)
}
