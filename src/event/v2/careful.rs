//! The careful way: a JSON parser, for whatever is not as servers write it.
//!
//! Nesting costs no stack, and the texts of members are copied as they are: neither records nor
//! escapes are written anew.

use std::fmt;

use serde::{
    Deserialize,
    de::{self, MapAccess, Visitor},
};
use serde_json::value::RawValue;

use super::frame::{Frame, Notice};
use crate::{event::BadEvent, wire::v2::frame as names};

/// The members of an object, in their order.
struct Members<'a>(Vec<(String, &'a str)>);

impl<'de> Deserialize<'de> for Members<'de> {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Object;
        impl<'de> Visitor<'de> for Object {
            type Value = Members<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Members<'de>, A::Error> {
                let mut members: Vec<(String, &'de str)> = Vec::new();
                while let Some((key, value)) = map.next_entry::<String, &'de RawValue>()? {
                    members.push((key, value.get()));
                }
                Ok(Members(members))
            }
        }
        deserializer.deserialize_map(Object)
    }
}

impl<'a> Members<'a> {
    fn of(text: &'a [u8]) -> Result<Self, serde_json::Error> {
        serde_json::from_slice(text)
    }

    /// Takes a member out; one that is `null` does not count, and one that is there twice an error.
    fn take(&mut self, key: &str) -> Result<Option<&'a str>, serde_json::Error> {
        let mut found = None;
        let mut is_twice = false;
        self.0.retain(|(name, value)| {
            let is_it = name == key;
            if is_it {
                is_twice |= found.replace(*value).is_some();
            }
            !is_it
        });
        if is_twice {
            return Err(de::Error::custom("a member is there twice"));
        }
        Ok(found.filter(|value| *value != "null"))
    }

    /// The text of a string, with its quotation marks and as it was escaped.
    fn string(&mut self, key: &str) -> Result<Option<&'a str>, serde_json::Error> {
        let value = self.take(key)?;
        match value {
            Some(value) if !value.starts_with('"') => Err(de::Error::custom("it is no string")),
            _ => Ok(value),
        }
    }

    /// A string without its escapes.
    fn text(&mut self, key: &str) -> Result<Option<String>, serde_json::Error> {
        self.take(key)?.map(serde_json::from_str).transpose()
    }

    fn needed<T>(
        &mut self,
        take: impl FnOnce(&mut Self) -> Result<Option<T>, serde_json::Error>,
    ) -> Result<T, serde_json::Error> {
        take(self)?.ok_or_else(|| de::Error::custom("a member is missing"))
    }
}

/// See [`super::cut`].
#[cold]
pub(super) fn cut(frame: &[u8], out: &mut Vec<u8>) -> Result<Frame, BadEvent> {
    let start = out.len();
    let cut = cut_any(frame, out);
    if !matches!(cut, Ok(Some(Frame::Event))) {
        out.truncate(start);
    }
    match cut {
        Ok(Some(frame)) => Ok(frame),
        Ok(None) => Err(BadEvent::UnknownType),
        Err(_) if simdutf8::basic::from_utf8(frame).is_err() => Err(BadEvent::NotUtf8),
        Err(_) => Err(BadEvent::Envelope),
    }
}

/// `None` is a type that this version does not know.
fn cut_any(text: &[u8], out: &mut Vec<u8>) -> Result<Option<Frame>, serde_json::Error> {
    let mut outer = Members::of(text)?;
    match outer.needed(|outer| outer.text("$type"))?.as_str() {
        names::MESSAGE => {}
        names::ERROR => {
            let name = outer.needed(|outer| outer.text("error"))?;
            return Ok(Some(Frame::Error(notice(name, outer)?)));
        }
        _ => return Ok(None),
    }
    let payload = outer.needed(|outer| outer.take("payload"))?;
    let mut payload = Members::of(payload.as_bytes())?;
    let payload_type = payload.needed(|payload| payload.text("$type"))?;
    match payload_type.strip_prefix(names::PAYLOAD_PREFIX) {
        Some("commit") => commit(payload, out)?,
        Some(kind @ ("identity" | "account" | "sync")) => {
            head(&mut payload, kind, out)?;
            if let Some(body) = payload.take(kind)? {
                write(out, &[",\"", kind, "\":", body]);
            }
            write(out, &["}"]);
        }
        Some(names::INFO) => {
            let name = payload.needed(|payload| payload.text("name"))?;
            return Ok(Some(Frame::Info(notice(name, payload)?)));
        }
        _ => return Ok(None),
    }
    Ok(Some(Frame::Event))
}

fn notice(name: String, mut rest: Members<'_>) -> Result<Notice, serde_json::Error> {
    let message = rest.text("message")?.unwrap_or_default();
    Ok(Notice { name, message })
}

fn commit(mut payload: Members<'_>, out: &mut Vec<u8>) -> Result<(), serde_json::Error> {
    head(&mut payload, "commit", out)?;
    write(out, &[",\"commit\":{"]);
    if let Some(rev) = payload.string("rev")? {
        write(out, &["\"rev\":", rev, ","]);
    }
    let operation = payload.needed(|payload| payload.string("operation"))?;
    let collection = payload.needed(|payload| payload.string("collection"))?;
    let rkey = payload.needed(|payload| payload.string("rkey"))?;
    write(
        out,
        &["\"operation\":", operation, ",\"collection\":", collection],
    );
    write(out, &[",\"rkey\":", rkey]);
    for key in ["record", "cid"] {
        if let Some(value) = payload.take(key)? {
            write(out, &[",\"", key, "\":", value]);
        }
    }
    // What is new on the wire passes.
    for (key, value) in payload.0 {
        let key = serde_json::to_string(&key)?;
        write(out, &[",", &key, ":", value]);
    }
    write(out, &["}}"]);
    Ok(())
}

/// Writes what every line begins with.
fn head(payload: &mut Members<'_>, kind: &str, out: &mut Vec<u8>) -> Result<(), serde_json::Error> {
    let did = payload.needed(|payload| payload.string("did"))?;
    let time = payload.needed(|payload| payload.text("time"))?;
    let time: jiff::Timestamp = time.parse().map_err(de::Error::custom)?;
    let time_us = u64::try_from(time.as_microsecond()).map_err(de::Error::custom)?;
    let seq = payload.needed(|payload| payload.take("seq"))?;
    let seq: u64 = serde_json::from_str(seq)?;
    write(
        out,
        &["{\"did\":", did, ",\"time_us\":", &time_us.to_string()],
    );
    // As the v1 wire has it.
    if seq > 0 {
        write(out, &[",\"cursor\":", &seq.to_string()]);
    }
    write(out, &[",\"kind\":\"", kind, "\""]);
    Ok(())
}

fn write(out: &mut Vec<u8>, pieces: &[&str]) {
    for piece in pieces {
        out.extend_from_slice(piece.as_bytes());
    }
}
