//! The line of a row: byte for byte what the official server sends of it on the v1 wire.

use crate::wire::cbor::{CborError, Cid, Printer, push_integer, push_number, push_text};

use super::{Kind, Row, upstream};

/// What became of a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Printed {
    /// Its line was appended, without a line end.
    Line,
    /// The v1 wire shows nothing of this kind.
    Hidden,
}

/// Why a row has no line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum LineError {
    /// Its payload is no record, or one that no server prints.
    #[error("the record cannot be printed")]
    Record(#[source] CborError),
    /// What the relay said of the account cannot be read.
    #[error("what the relay said of the account cannot be read")]
    Upstream(#[source] CborError),
    /// Its DID, collection, record key or revision.
    #[error("its {0} is not UTF-8")]
    Name(&'static str),
}

/// Prints rows. It keeps the room that it needed for those before.
#[derive(Debug, Default)]
pub(crate) struct LinePrinter {
    records: Printer,
    prints_sync: bool,
}

impl LinePrinter {
    /// One that prints what only the v2 wire shows as well.
    pub(crate) fn with_sync() -> Self {
        Self {
            prints_sync: true,
            ..Self::default()
        }
    }

    /// Appends the line of a row. What was appended of one that has none is taken away.
    pub(crate) fn append(
        &mut self,
        row: &Row<'_>,
        out: &mut Vec<u8>,
    ) -> Result<Printed, LineError> {
        let start = out.len();
        let printed = self.line(row, out);
        if printed.is_err() {
            out.truncate(start);
        }
        printed
    }

    fn line(&mut self, row: &Row<'_>, out: &mut Vec<u8>) -> Result<Printed, LineError> {
        let operation = match row.kind {
            Kind::Create | Kind::CreateResync => "create",
            Kind::Update => "update",
            Kind::Delete => "delete",
            Kind::Sync if !self.prints_sync => return Ok(Printed::Hidden),
            Kind::Identity | Kind::Account | Kind::Sync => "",
        };
        out.extend_from_slice(b"{\"did\":");
        push_name("DID", row.did, out)?;
        out.extend_from_slice(b",\"time_us\":");
        push_integer(row.time_us(), out);
        if row.seq > 0 {
            out.extend_from_slice(b",\"cursor\":");
            push_number(row.seq, out);
        }
        match row.kind {
            Kind::Identity => {
                out.extend_from_slice(b",\"kind\":\"identity\",\"identity\":");
                upstream::push_identity(row.payload, out).map_err(LineError::Upstream)?;
            }
            Kind::Account => {
                out.extend_from_slice(b",\"kind\":\"account\",\"account\":");
                upstream::push_account(row.payload, out).map_err(LineError::Upstream)?;
            }
            Kind::Sync => {
                out.extend_from_slice(b",\"kind\":\"sync\",\"sync\":");
                let printed = self.records.append(row.payload, out);
                printed.map_err(LineError::Upstream)?;
            }
            _ => self.commit(row, operation, out)?,
        }
        out.push(b'}');
        Ok(Printed::Line)
    }

    fn commit(
        &mut self,
        row: &Row<'_>,
        operation: &str,
        out: &mut Vec<u8>,
    ) -> Result<(), LineError> {
        out.extend_from_slice(b",\"kind\":\"commit\",\"commit\":{\"rev\":");
        push_name("revision", row.rev, out)?;
        out.extend_from_slice(b",\"operation\":\"");
        out.extend_from_slice(operation.as_bytes());
        out.extend_from_slice(b"\",\"collection\":");
        push_name("collection", row.collection, out)?;
        out.extend_from_slice(b",\"rkey\":");
        push_name("record key", row.rkey, out)?;
        if row.kind != Kind::Delete {
            out.extend_from_slice(b",\"record\":");
            let printed = self.records.append(row.payload, out);
            printed.map_err(LineError::Record)?;
            out.extend_from_slice(b",\"cid\":\"");
            out.extend_from_slice(&Cid::of_record(row.payload).text());
            out.push(b'"');
        }
        out.push(b'}');
        Ok(())
    }
}

#[inline]
fn push_name(what: &'static str, name: &[u8], out: &mut Vec<u8>) -> Result<(), LineError> {
    if !name.is_ascii() && simdutf8::basic::from_utf8(name).is_err() {
        return Err(LineError::Name(what));
    }
    push_text(name, out);
    Ok(())
}

#[cfg(test)]
mod tests;
