//! What a relay said of an account, which is the payload of rows that are about no record.
//!
//! Read as leniently as the official server reads it: members may be missing, and those that it
//! does not know are left out of the line.

use crate::wire::cbor::{CborError, Reader, push_integer, push_text};

/// The members that a line shows.
#[derive(Debug, Default)]
struct Upstream<'a> {
    name: &'a [u8],
    did: &'a [u8],
    seq: i64,
    time: &'a [u8],
    active: bool,
    /// The handle of an identity, the status of an account.
    detail: Option<&'a [u8]>,
}

impl<'a> Upstream<'a> {
    fn read(payload: &'a [u8], detail: &[u8], has_active: bool) -> Result<Self, CborError> {
        let mut read = Self::default();
        let mut reader = Reader::new(payload);
        for _ in 0..reader.map()? {
            match reader.known_key()? {
                b"$type" => read.name = reader.text()?,
                b"did" => read.did = reader.text()?,
                b"seq" => read.seq = reader.integer()?,
                b"time" => read.time = reader.text()?,
                b"active" if has_active => read.active = reader.boolean()?,
                key if key == detail => {
                    if !reader.null() {
                        read.detail = Some(reader.text()?);
                    }
                }
                _ => reader.skip()?,
            }
        }
        Ok(read)
    }

    fn push_name(&self, out: &mut Vec<u8>) {
        if !self.name.is_empty() {
            out.extend_from_slice(b"\"$type\":");
            push_text(self.name, out);
            out.push(b',');
        }
    }
}

/// Appends the JSON of what was said of an account's identity.
pub(super) fn push_identity(payload: &[u8], out: &mut Vec<u8>) -> Result<(), CborError> {
    let said = Upstream::read(payload, b"handle", false)?;
    out.push(b'{');
    said.push_name(out);
    out.extend_from_slice(b"\"did\":");
    push_text(said.did, out);
    if let Some(handle) = said.detail {
        out.extend_from_slice(b",\"handle\":");
        push_text(handle, out);
    }
    out.extend_from_slice(b",\"seq\":");
    push_integer(said.seq, out);
    out.extend_from_slice(b",\"time\":");
    push_text(said.time, out);
    out.push(b'}');
    Ok(())
}

/// Appends the JSON of what was said of whether an account is active.
pub(super) fn push_account(payload: &[u8], out: &mut Vec<u8>) -> Result<(), CborError> {
    let said = Upstream::read(payload, b"status", true)?;
    out.push(b'{');
    said.push_name(out);
    out.extend_from_slice(b"\"active\":");
    out.extend_from_slice(if said.active { b"true" } else { b"false" });
    out.extend_from_slice(b",\"did\":");
    push_text(said.did, out);
    out.extend_from_slice(b",\"seq\":");
    push_integer(said.seq, out);
    if let Some(status) = said.detail {
        out.extend_from_slice(b",\"status\":");
        push_text(status, out);
    }
    out.extend_from_slice(b",\"time\":");
    push_text(said.time, out);
    out.push(b'}');
    Ok(())
}
