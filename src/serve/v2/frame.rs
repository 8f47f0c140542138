//! The frame of an event on the v2 wire, cut from its line: the same members in another order.
//!
//! Where the line is in the servers' own order the record is copied as it is and not looked at:
//! its beginning is found from the front, and its end from the back. Any other order is parsed.

use std::{borrow::Cow, collections::BTreeMap, io::Write};

use jiff::Timestamp;
use serde_json::value::RawValue;

use crate::wire::v2::frame::{INFO, MESSAGE, OUTDATED_CURSOR, PAYLOAD_PREFIX};

/// Appends the frame of an event. Returns false, and appends nothing, where its line is not JSON
/// and not in the servers' order either.
///
/// Members that this version does not know stay in the payload.
pub(in crate::serve) fn push(line: &[u8], seq: u64, time_us: u64, out: &mut Vec<u8>) -> bool {
    if let Some(event) = Scanned::read(line) {
        event.write(seq, time_us, out);
        return true;
    }
    let Some((kind, members)) = parse(line) else {
        return false;
    };
    begin(&kind, out);
    let mut numbers = [Number::Seq(seq), Number::Time(time_us)]
        .into_iter()
        .peekable();
    for (key, value) in &members {
        while let Some(number) = numbers.next_if(|number| number.key() < key.as_ref()) {
            number.write(out);
        }
        out.extend_from_slice(json_string(key).as_bytes());
        out.push(b':');
        out.extend_from_slice(value.get().as_bytes());
        out.push(b',');
    }
    for number in numbers {
        number.write(out);
    }
    out.pop();
    out.extend_from_slice(b"}}");
    true
}

/// The frame that says that a time was asked for which is no longer there.
pub(in crate::serve) fn outdated_cursor(message: &str) -> Vec<u8> {
    let mut frame = Vec::new();
    begin(INFO, &mut frame);
    let message = json_string(message);
    // Writing to a Vec cannot fail.
    write!(
        frame,
        "\"message\":{message},\"name\":\"{OUTDATED_CURSOR}\"}}}}"
    )
    .ok();
    frame
}

/// A string as JSON has it, its quotes included.
pub(in crate::serve) fn json_string(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

/// Up to the first member of the payload. The kind is as it stands in JSON.
fn begin(kind: &str, out: &mut Vec<u8>) {
    write!(
        out,
        "{{\"$type\":\"{MESSAGE}\",\"payload\":{{\"$type\":\"{PAYLOAD_PREFIX}{kind}\","
    )
    .ok();
}

/// What every payload has, under other names than the line.
#[derive(Clone, Copy)]
enum Number {
    Seq(u64),
    Time(u64),
}

impl Number {
    fn key(self) -> &'static str {
        match self {
            Self::Seq(_) => "seq",
            Self::Time(_) => "time",
        }
    }

    /// Appends the member, with a comma behind it.
    fn write(self, out: &mut Vec<u8>) {
        match self {
            Self::Seq(seq) => write!(out, "\"seq\":{seq},").ok(),
            Self::Time(time_us) => {
                let time = i64::try_from(time_us).ok();
                let time = time.and_then(|time_us| Timestamp::from_microsecond(time_us).ok());
                write!(out, "\"time\":\"{:.6}\",", time.unwrap_or(Timestamp::MAX)).ok()
            }
        };
    }
}

/// An event whose line is in the servers' order, its values as they stand in the line.
struct Scanned<'a> {
    did: &'a [u8],
    body: Body<'a>,
}

enum Body<'a> {
    Commit {
        rev: &'a [u8],
        operation: &'a [u8],
        collection: &'a [u8],
        rkey: &'a [u8],
        record: Option<&'a [u8]>,
        cid: Option<&'a [u8]>,
    },
    Identity(&'a [u8]),
    Account(&'a [u8]),
    Sync(&'a [u8]),
}

impl<'a> Scanned<'a> {
    fn read(line: &'a [u8]) -> Option<Self> {
        let (did, rest) = text(line.strip_prefix(b"{\"did\":\"")?)?;
        let rest = digits(rest.strip_prefix(b",\"time_us\":")?);
        let rest = rest.strip_prefix(b",\"cursor\":").map_or(rest, digits);
        let rest = rest.strip_prefix(b",\"kind\":\"")?;
        let body = if let Some(commit) = rest.strip_prefix(b"commit\",\"commit\":{\"rev\":\"") {
            Self::commit(commit)?
        } else if let Some(identity) = rest.strip_prefix(b"identity\",\"identity\":") {
            Body::Identity(object(identity)?)
        } else if let Some(account) = rest.strip_prefix(b"account\",\"account\":") {
            Body::Account(object(account)?)
        } else {
            Body::Sync(object(rest.strip_prefix(b"sync\",\"sync\":")?)?)
        };
        Some(Self { did, body })
    }

    fn commit(rest: &'a [u8]) -> Option<Body<'a>> {
        let (rev, rest) = text(rest)?;
        let (operation, rest) = text(rest.strip_prefix(b",\"operation\":\"")?)?;
        let (collection, rest) = text(rest.strip_prefix(b",\"collection\":\"")?)?;
        let (rkey, rest) = text(rest.strip_prefix(b",\"rkey\":\"")?)?;
        let (record, cid) = match rest.strip_prefix(b",\"record\":") {
            None if rest == b"}}" => (None, None),
            None => return None,
            Some(rest) => {
                let rest = rest.strip_suffix(b"}}")?;
                let (record, cid) = match rest.strip_suffix(b"\"") {
                    None => (rest, None),
                    Some(rest) => {
                        let quote = memchr::memrchr2(b'"', b'\\', rest)?;
                        let record = rest.get(..=quote)?.strip_suffix(b",\"cid\":\"")?;
                        (record, rest.get(quote + 1..))
                    }
                };
                let is_object = record.starts_with(b"{") && record.ends_with(b"}");
                (Some(record).filter(|_| is_object), cid)
            }
        };
        (record.is_some() || rest == b"}}").then_some(Body::Commit {
            rev,
            operation,
            collection,
            rkey,
            record,
            cid,
        })
    }

    fn write(&self, seq: u64, time_us: u64, out: &mut Vec<u8>) {
        let mut add =
            |pieces: &[&[u8]]| pieces.iter().for_each(|piece| out.extend_from_slice(piece));
        let did = self.did;
        add(&[
            b"{\"$type\":\"",
            MESSAGE.as_bytes(),
            b"\",\"payload\":{\"$type\":\"",
        ]);
        add(&[PAYLOAD_PREFIX.as_bytes()]);
        let mut sync = None;
        match &self.body {
            Body::Commit {
                rev,
                operation,
                collection,
                rkey,
                record,
                cid,
            } => {
                add(&[b"commit\""]);
                if let Some(cid) = cid {
                    add(&[b",\"cid\":\"", cid, b"\""]);
                }
                add(&[b",\"collection\":\"", collection, b"\",\"did\":\"", did]);
                add(&[b"\",\"operation\":\"", operation, b"\""]);
                if let Some(record) = record {
                    add(&[b",\"record\":", record]);
                }
                add(&[b",\"rev\":\"", rev, b"\",\"rkey\":\"", rkey, b"\","]);
            }
            Body::Account(account) => {
                add(&[
                    b"account\",\"account\":",
                    account,
                    b",\"did\":\"",
                    did,
                    b"\",",
                ]);
            }
            Body::Identity(identity) => {
                add(&[
                    b"identity\",\"did\":\"",
                    did,
                    b"\",\"identity\":",
                    identity,
                    b",",
                ]);
            }
            Body::Sync(body) => {
                add(&[b"sync\",\"did\":\"", did, b"\","]);
                sync = Some(*body);
            }
        }
        Number::Seq(seq).write(out);
        if let Some(sync) = sync {
            out.extend_from_slice(b"\"sync\":");
            out.extend_from_slice(sync);
            out.push(b',');
        }
        Number::Time(time_us).write(out);
        out.pop();
        out.extend_from_slice(b"}}");
    }
}

/// A string without escapes, and what follows its last quote.
fn text(rest: &[u8]) -> Option<(&[u8], &[u8])> {
    let end = memchr::memchr2(b'"', b'\\', rest)?;
    let (text, rest) = rest.split_at_checked(end)?;
    Some((text, rest.strip_prefix(b"\"")?))
}

/// What follows a number.
fn digits(rest: &[u8]) -> &[u8] {
    let n_digits = rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
    rest.get(n_digits..).unwrap_or_default()
}

/// The last member of a line, which is an object.
fn object(rest: &[u8]) -> Option<&[u8]> {
    let object = rest.strip_suffix(b"}")?;
    (object.starts_with(b"{") && object.ends_with(b"}")).then_some(object)
}

type Members<'a> = BTreeMap<Cow<'a, str>, &'a RawValue>;

/// The kind of an event and the members of its payload, in the order of their names.
fn parse(line: &[u8]) -> Option<(String, Members<'_>)> {
    let mut members: Members<'_> = serde_json::from_slice(line).ok()?;
    let kind = members.remove("kind")?.get();
    let kind = kind.strip_prefix('"')?.strip_suffix('"')?.to_owned();
    if kind == "commit" {
        let commit = members.remove("commit")?;
        members.append(&mut serde_json::from_str::<Members<'_>>(commit.get()).ok()?);
    }
    for number in ["time_us", "cursor", "seq", "time", "$type"] {
        members.remove(number);
    }
    Some((kind, members))
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;

    const TIME_US: u64 = 1_783_175_888_085_434;

    fn frame(line: &str) -> String {
        let mut out = Vec::new();
        assert!(push(line.as_bytes(), 12345, TIME_US, &mut out), "{line}");
        String::from_utf8(out).unwrap()
    }

    /// A line in the servers' order, and its frame as servers send it (protocol reference, sections
    /// 1.7 and 2.2).
    const EVENTS: [(&str, &str); 6] = [
        (
            r#"{"did":"did:plc:aaaa","time_us":1,"cursor":2,"kind":"commit","commit":{"rev":"3mp","operation":"create","collection":"app.bsky.feed.like","rkey":"3mr","record":{"$type":"app.bsky.feed.like","text":"\",\"cid\":\"x\"}}"},"cid":"bafy"}}"#,
            r#"{"$type":"message","payload":{"$type":"network.bsky.jetstream.subscribeEvents#commit","cid":"bafy","collection":"app.bsky.feed.like","did":"did:plc:aaaa","operation":"create","record":{"$type":"app.bsky.feed.like","text":"\",\"cid\":\"x\"}}"},"rev":"3mp","rkey":"3mr","seq":12345,"time":"2026-07-04T14:38:08.085434Z"}}"#,
        ),
        (
            r#"{"did":"did:plc:aaaa","time_us":1,"kind":"commit","commit":{"rev":"3mp","operation":"update","collection":"a.b.c","rkey":"3mr","record":{"text":"x","cid":"y"}}}"#,
            r#"{"$type":"message","payload":{"$type":"network.bsky.jetstream.subscribeEvents#commit","collection":"a.b.c","did":"did:plc:aaaa","operation":"update","record":{"text":"x","cid":"y"},"rev":"3mp","rkey":"3mr","seq":12345,"time":"2026-07-04T14:38:08.085434Z"}}"#,
        ),
        (
            r#"{"did":"did:plc:aaaa","time_us":1,"cursor":2,"kind":"commit","commit":{"rev":"3mp","operation":"delete","collection":"app.bsky.graph.follow","rkey":"3mr"}}"#,
            r#"{"$type":"message","payload":{"$type":"network.bsky.jetstream.subscribeEvents#commit","collection":"app.bsky.graph.follow","did":"did:plc:aaaa","operation":"delete","rev":"3mp","rkey":"3mr","seq":12345,"time":"2026-07-04T14:38:08.085434Z"}}"#,
        ),
        (
            r#"{"did":"did:plc:aaaa","time_us":1,"cursor":2,"kind":"identity","identity":{"did":"did:plc:aaaa","handle":"a.example","seq":3,"time":"2026-07-04T14:38:07.877Z"}}"#,
            r#"{"$type":"message","payload":{"$type":"network.bsky.jetstream.subscribeEvents#identity","did":"did:plc:aaaa","identity":{"did":"did:plc:aaaa","handle":"a.example","seq":3,"time":"2026-07-04T14:38:07.877Z"},"seq":12345,"time":"2026-07-04T14:38:08.085434Z"}}"#,
        ),
        (
            r#"{"did":"did:plc:aaaa","time_us":1,"cursor":2,"kind":"account","account":{"active":true,"did":"did:plc:aaaa","seq":3,"time":"t"}}"#,
            r#"{"$type":"message","payload":{"$type":"network.bsky.jetstream.subscribeEvents#account","account":{"active":true,"did":"did:plc:aaaa","seq":3,"time":"t"},"did":"did:plc:aaaa","seq":12345,"time":"2026-07-04T14:38:08.085434Z"}}"#,
        ),
        (
            r#"{"did":"did:plc:aaaa","time_us":1,"cursor":2,"kind":"sync","sync":{"blocks":{"$bytes":""},"did":"did:plc:aaaa","rev":"3m","seq":0,"time":""}}"#,
            r#"{"$type":"message","payload":{"$type":"network.bsky.jetstream.subscribeEvents#sync","did":"did:plc:aaaa","seq":12345,"sync":{"blocks":{"$bytes":""},"did":"did:plc:aaaa","rev":"3m","seq":0,"time":""},"time":"2026-07-04T14:38:08.085434Z"}}"#,
        ),
    ];

    #[test]
    fn a_line_becomes_the_frame_that_servers_send() {
        for (line, expected) in EVENTS {
            assert!(Scanned::read(line.as_bytes()).is_some(), "{line}");
            assert_eq!(frame(line), expected);
        }
    }

    #[test]
    fn a_line_in_another_order_becomes_the_same_frame() {
        for (line, expected) in EVENTS {
            let mut members: Vec<_> = line
                .strip_prefix('{')
                .unwrap()
                .split(",\"kind\":")
                .collect();
            members.reverse();
            let (last, first) = (members.pop().unwrap(), members.pop().unwrap());
            let body = first.strip_suffix('}').unwrap();
            let reordered = format!("{{\"kind\" : {body},{last}}}");
            assert!(Scanned::read(reordered.as_bytes()).is_none(), "{reordered}");
            assert_eq!(frame(&reordered), expected);
        }
    }

    #[test]
    fn what_a_line_says_beyond_the_known_stays_in_the_payload() {
        let line =
            r#"{"did":"did:plc:aaaa","time_us":1,"kind":"new\u0020kind","what":{"b":1},"z\"":[2]}"#;
        let frame = frame(line);
        let expected = r#"{"$type":"message","payload":{"$type":"network.bsky.jetstream.subscribeEvents#new\u0020kind","did":"did:plc:aaaa","seq":12345,"time":"2026-07-04T14:38:08.085434Z","what":{"b":1},"z\"":[2]}}"#;
        assert_eq!(frame, expected);
        assert!(serde_json::from_str::<Value>(&frame).is_ok());
        // A commit of which the record is not an object.
        let line = r#"{"did":"did:plc:aaaa","time_us":1,"kind":"commit","commit":{"rev":"3mp","operation":"create","collection":"a.b.c","rkey":"3mr","record":"x,\"cid\":\"y"}}"#;
        let frame: Value = serde_json::from_str(&self::frame(line)).unwrap();
        assert_eq!(frame["payload"]["record"], "x,\"cid\":\"y");
    }

    #[test]
    fn what_is_neither_in_order_nor_json_has_no_frame() {
        for line in [
            "",
            "{}",
            r#"{"did":"did:plc:a","time_us":5,"kind":"commit"}"#,
            r#"{"did":"did:plc:a","time_us":5,"kind":"commit","commit":{"rev":"3k","operation":"create","collection":"a.b.c","rkey":"1","record":[1,}}"#,
        ] {
            let mut out = Vec::new();
            assert!(!push(line.as_bytes(), 1, 1, &mut out), "{line}");
            assert!(out.is_empty());
        }
    }

    #[test]
    fn an_info_is_a_message_without_a_number() {
        let frame = outdated_cursor("from \"1\"");
        let expected = r#"{"$type":"message","payload":{"$type":"network.bsky.jetstream.subscribeEvents#info","message":"from \"1\"","name":"OutdatedCursor"}}"#;
        assert_eq!(String::from_utf8(frame).unwrap(), expected);
    }

    #[test]
    fn a_time_beyond_the_calendar_is_its_last_moment() {
        let mut out = Vec::new();
        assert!(push(EVENTS[2].0.as_bytes(), 1, u64::MAX, &mut out));
        assert!(String::from_utf8(out).unwrap().contains("\"time\":\"9999-"));
    }
}
