//! One event as the columns that every table has.

use std::borrow::Cow;

use serde::Deserialize;
use serde_json::value::RawValue;

use crate::event::{
    Event, Kind, Operation,
    field::{record, text},
    json::{Value, find, member},
};

/// The columns of one event. See the [module](super) for what they hold.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Row<'a> {
    /// The account; the empty text for a message of NATS that is no event.
    pub did: &'a str,
    /// When the server got the event, in microseconds since 1970.
    pub time_us: u64,
    /// The server's number of the event, where it counts.
    pub seq: Option<u64>,
    /// The word of its kind, as it came.
    pub kind: Cow<'a, str>,
    /// What a commit did, as a word.
    pub operation: Option<&'static str>,
    /// The record's collection.
    pub collection: Option<&'a str>,
    /// The record's key.
    pub rkey: Option<&'a str>,
    /// The revision of the account's repository.
    pub rev: Option<&'a str>,
    /// The hash of the record.
    pub cid: Option<Cow<'a, str>>,
    /// The record as JSON, as it came.
    pub record: Option<&'a str>,
    /// What an event of another kind holds, as JSON, as it came.
    pub detail: Option<&'a str>,
}

impl<'a> Row<'a> {
    /// Reads the columns of an event. Nothing of a record is parsed.
    pub fn of(event: &Event<'a>) -> Self {
        let mut row = Self {
            did: event.did(),
            time_us: event.time_us(),
            seq: event.seq(),
            kind: Cow::Borrowed(event.kind().as_str()),
            operation: None,
            collection: None,
            rkey: None,
            rev: None,
            cid: None,
            record: None,
            detail: None,
        };
        match event.kind() {
            Kind::Commit => row.read_commit(event),
            Kind::Other => row.read_unknown(event),
            Kind::Identity | Kind::Account | Kind::Sync => {
                row.detail = member(event.line(), row.kind.as_ref()).and_then(other);
            }
        }
        row
    }

    fn read_commit(&mut self, event: &Event<'a>) {
        self.operation = event.operation().map(Operation::as_str);
        self.collection = Some(event.collection());
        self.rkey = Some(event.rkey());
        self.rev = Some(event.rev());
        if let Some((record, cid)) = in_usual_order(event) {
            (self.record, self.cid) = (Some(record), Some(Cow::Borrowed(cid)));
            return;
        }
        let Some(commit) = Commit::of(event) else {
            return;
        };
        self.record = commit.record.map(RawValue::get);
        self.cid = commit.cid;
    }

    fn read_unknown(&mut self, event: &Event<'a>) {
        let Some(Value::Text(kind)) = member(event.line(), "kind") else {
            return;
        };
        let Some(kind) = text(kind) else { return };
        self.detail = member(event.line(), &kind).and_then(other);
        self.kind = kind;
    }
}

/// What is no text, as it is written.
fn other(value: Value<'_>) -> Option<&str> {
    match value {
        Value::Other(json) => str::from_utf8(json).ok(),
        Value::Text(_) => None,
    }
}

/// The record and its hash, where they end the line in the order of servers.
fn in_usual_order<'a>(event: &Event<'a>) -> Option<(&'a str, &'a str)> {
    let from = record(event)?;
    let Value::Other(json) = find(from, &[])? else {
        return None;
    };
    let cid = from
        .get(json.len()..)?
        .strip_prefix(b",\"cid\":\"")?
        .strip_suffix(b"\"}}")?;
    let is_plain = json.first() == Some(&b'{') && !cid.iter().any(|b| matches!(b, b'"' | b'\\'));
    let text = simdutf8::basic::from_utf8;
    let texts = (text(json).ok()?, text(cid).ok()?);
    (is_plain && !cid.is_empty()).then_some(texts)
}

/// A commit in whatever order.
#[derive(Deserialize)]
struct Commit<'a> {
    #[serde(borrow)]
    record: Option<&'a RawValue>,
    #[serde(borrow)]
    cid: Option<Cow<'a, str>>,
}

impl<'a> Commit<'a> {
    fn of(event: &Event<'a>) -> Option<Self> {
        #[derive(Deserialize)]
        struct Line<'a> {
            #[serde(borrow)]
            commit: Commit<'a>,
        }
        let line: Line<'a> = serde_json::from_slice(event.line()).ok()?;
        let is_there = |record: &&RawValue| record.get() != "null";
        Some(Self {
            record: line.commit.record.filter(is_there),
            cid: line.commit.cid.filter(|cid| !cid.is_empty()),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::OwnedEvent;

    const COMMIT: &str = r#"{"did":"did:plc:a","time_us":7,"cursor":9,"kind":"commit","commit":{"rev":"3k","operation":"create","collection":"a.b.c","rkey":"k","record":{"text":"},\"cid\":\"x\"}}"},"cid":"bafy"}}"#;

    fn with_row(line: &str, check: impl FnOnce(Row<'_>)) {
        let event = OwnedEvent::from_line(line).unwrap();
        check(Row::of(&event.event()));
    }

    #[test]
    fn a_commit_is_read_in_whatever_order() {
        let turned = r#"{"commit":{"cid":"bafy","record":{"text":"},\"cid\":\"x\"}}"},"rkey":"k","collection":"a.b.c","operation":"create","rev":"3k"},"kind":"commit","cursor":9,"time_us":7,"did":"did:plc:a"}"#;
        let more = COMMIT.replace(r#","cid":"bafy""#, r#","more":{},"cid":"bafy""#);
        for line in [COMMIT, turned, &more] {
            with_row(line, |row| {
                assert_eq!((row.did, row.time_us, row.seq), ("did:plc:a", 7, Some(9)));
                assert_eq!(
                    (row.kind.as_ref(), row.operation),
                    ("commit", Some("create"))
                );
                let names = (row.collection, row.rkey, row.rev);
                assert_eq!(names, (Some("a.b.c"), Some("k"), Some("3k")));
                assert_eq!(row.cid.as_deref(), Some("bafy"), "{line}");
                assert_eq!(
                    row.record,
                    Some(r#"{"text":"},\"cid\":\"x\"}}"}"#),
                    "{line}"
                );
                assert_eq!(row.detail, None);
            });
        }
    }

    #[test]
    fn a_deletion_has_no_record() {
        let line = r#"{"did":"did:plc:a","time_us":7,"kind":"commit","commit":{"rev":"3k","operation":"delete","collection":"a.b.c","rkey":"k"}}"#;
        with_row(line, |row| {
            assert_eq!((row.record, row.cid, row.seq), (None, None, None));
            assert_eq!((row.operation, row.rkey), (Some("delete"), Some("k")));
        });
    }

    #[test]
    fn what_other_kinds_hold_is_the_detail() {
        let account = r#"{"did":"did:plc:a","time_us":7,"kind":"account","account":{"active":false,"status":"deleted"}}"#;
        with_row(account, |row| {
            assert_eq!(row.detail, Some(r#"{"active":false,"status":"deleted"}"#));
            assert_eq!((row.operation, row.record), (None, None));
        });
        let strange = r#"{"did":"did:plc:a","time_us":7,"kind":"new\u0061","newa":[1]}"#;
        with_row(strange, |row| {
            assert_eq!((row.kind.as_ref(), row.detail), ("newa", Some("[1]")));
        });
    }
}
