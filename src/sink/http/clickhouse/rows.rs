//! One event as a row of JSON. What it does not have is left out, and so null.

use std::io::Write;

use serde::Serialize;

use super::ClickHouseRows;
use crate::{
    event::{Event, Identity, Kind},
    table::{Cell, Row},
};

/// The last moment that a `DateTime64(6)` holds: 2299-12-31T23:59:59.
const MAX_TIME_US: u64 = 10_413_791_999_000_000;

/// Appends the row of an event, with a line end.
pub(super) fn append(event: &Event<'_>, rows: &ClickHouseRows, out: &mut Vec<u8>) {
    let mut row = Row::of(event);
    if event.kind() == Kind::Other && row.did.is_empty() && row.detail.is_none() {
        // A message of NATS that is no event.
        row.detail = str::from_utf8(event.line()).ok();
    }
    let identity = event.point().identity.map_or(0, Identity::to_bits);
    let record = row.record.filter(|_| rows.has_record);
    out.push(b'{');
    value("did", row.did, out);
    time("time", row.time_us.min(MAX_TIME_US), out);
    value("identity", identity, out);
    value("kind", row.kind.as_ref(), out);
    if let Some(seq) = row.seq {
        value("seq", seq, out);
    }
    let texts = [
        ("operation", row.operation),
        ("collection", row.collection),
        ("rkey", row.rkey),
        ("rev", row.rev),
        ("cid", row.cid.as_deref()),
        ("record", record),
        ("detail", row.detail),
    ];
    for (name, text) in texts {
        if let Some(text) = text {
            value(name, text, out);
        }
    }
    for column in &rows.columns {
        match column.cell(event) {
            Cell::Missing | Cell::Unfit => {}
            Cell::Text(text) => value(column.name(), text.as_ref(), out),
            Cell::Integer(number) => value(column.name(), number, out),
            Cell::Real(number) => value(column.name(), number, out),
            Cell::Boolean(is) => value(column.name(), is, out),
            Cell::Time(us) => {
                let us = u64::try_from(us).ok().filter(|us| *us <= MAX_TIME_US);
                if let Some(us) = us {
                    time(column.name(), us, out);
                }
            }
        }
    }
    if out.last() == Some(&b',') {
        out.pop();
    }
    out.extend_from_slice(b"}\n");
}

/// Appends a member, with a comma behind it. Names need no escapes.
fn value(name: &str, value: impl Serialize, out: &mut Vec<u8>) {
    write!(out, "\"{name}\":").expect("memory takes it");
    serde_json::to_writer(&mut *out, &value).expect("texts and numbers are JSON");
    out.push(b',');
}

/// The same for a time, in seconds since 1970.
fn time(name: &str, us: u64, out: &mut Vec<u8>) {
    let (seconds, rest) = (us / 1_000_000, us % 1_000_000);
    write!(out, "\"{name}\":{seconds}.{rest:06},").expect("memory takes it");
}
