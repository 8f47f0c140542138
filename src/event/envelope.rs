//! The envelope of an event, what an event and its copy say of it, and the checked way into it: any
//! field order, any escapes, any kind.
//!
//! That way is slower than `scan`, and only asked where that gives up. Unknown keys are ignored,
//! unknown kinds pass, and a commit is only looked at in an event that is one. Nesting costs no
//! stack: whatever is not part of the envelope is skipped without recursion.

use std::{borrow::Cow, ops::Range};

use serde::{Deserialize, de::DeserializeOwned};
use serde_json::value::RawValue;

use super::{Event, Identity, Kind, Operation, OwnedEvent, Point, Span};

/// The envelope of one event, as ranges of its line.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Envelope {
    pub(crate) kind: Kind,
    pub(crate) operation: Option<Operation>,
    pub(crate) point: Point,
    pub(crate) did: Span,
    pub(crate) collection: Span,
    pub(crate) rkey: Span,
    pub(crate) rev: Span,
}

impl Envelope {
    /// One that is of no commit and names nothing.
    pub(crate) fn bare(kind: Kind, point: Point) -> Self {
        let none = Span::default();
        Self {
            kind,
            operation: None,
            point,
            did: none,
            collection: none,
            rkey: none,
            rev: none,
        }
    }

    /// All that lies in the line or beside it.
    pub(crate) fn names_mut(&mut self) -> impl Iterator<Item = &mut Span> + use<'_> {
        let Self {
            kind: _,
            operation: _,
            point: _,
            did,
            collection,
            rkey,
            rev,
        } = self;
        [did, collection, rkey, rev].into_iter()
    }

    /// All that is text, as it is read.
    #[cfg(any(test, fuzzing))]
    pub(crate) fn texts(mut self, line: &[u8], unescaped: &[u8]) -> Vec<Vec<u8>> {
        let names = self.names_mut();
        names
            .map(|name| name.of(line, unescaped).to_vec())
            .collect()
    }
}

/// What the envelope says.
impl<'a> Event<'a> {
    /// The kind of the event.
    pub fn kind(&self) -> Kind {
        self.envelope.kind
    }

    /// What a commit did; `None` for every other kind.
    pub fn operation(&self) -> Option<Operation> {
        self.envelope.operation
    }

    /// The account the event is about.
    pub fn did(&self) -> &'a str {
        self.text(self.envelope.did)
    }

    /// The record's collection, an NSID; empty when the event is no commit.
    pub fn collection(&self) -> &'a str {
        self.text(self.envelope.collection)
    }

    /// The record's key in its collection; the subject of a message of NATS that is no event; else
    /// empty.
    pub fn rkey(&self) -> &'a str {
        self.text(self.envelope.rkey)
    }

    /// The repository's revision after the commit; empty when the event is no commit.
    pub fn rev(&self) -> &'a str {
        self.text(self.envelope.rev)
    }

    /// The server's own time of the event, in microseconds since 1970.
    ///
    /// Neither unique nor strictly increasing: use [`Event::point`] to resume, not this.
    pub fn time_us(&self) -> u64 {
        self.envelope.point.time_us
    }

    /// The event's number on servers that count, in their own numbering.
    pub fn seq(&self) -> Option<u64> {
        self.envelope.point.seq
    }

    /// The event's place in the stream it was read from.
    pub fn point(&self) -> &'a Point {
        &self.envelope.point
    }
}

/// What the envelope says.
impl OwnedEvent {
    /// See [`Event::kind`].
    pub fn kind(&self) -> Kind {
        self.envelope.kind
    }

    /// See [`Event::operation`].
    pub fn operation(&self) -> Option<Operation> {
        self.envelope.operation
    }

    /// See [`Event::did`].
    pub fn did(&self) -> &str {
        self.event().did()
    }

    /// See [`Event::collection`].
    pub fn collection(&self) -> &str {
        self.event().collection()
    }

    /// See [`Event::rkey`].
    pub fn rkey(&self) -> &str {
        self.event().rkey()
    }

    /// See [`Event::rev`].
    pub fn rev(&self) -> &str {
        self.event().rev()
    }

    /// See [`Event::time_us`].
    pub fn time_us(&self) -> u64 {
        self.envelope.point.time_us
    }

    /// See [`Event::seq`].
    pub fn seq(&self) -> Option<u64> {
        self.envelope.point.seq
    }

    /// See [`Event::point`].
    pub fn point(&self) -> &Point {
        &self.envelope.point
    }
}

#[derive(Deserialize)]
struct WireEvent<'a> {
    #[serde(borrow)]
    did: Cow<'a, str>,
    #[serde(borrow)]
    time_us: &'a RawValue,
    #[serde(borrow)]
    cursor: Option<&'a RawValue>,
    #[serde(borrow)]
    kind: Cow<'a, str>,
    #[serde(borrow)]
    commit: Option<&'a RawValue>,
    #[serde(borrow)]
    identity: Option<&'a RawValue>,
    #[serde(borrow)]
    account: Option<&'a RawValue>,
    #[serde(borrow)]
    sync: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct WireCommit<'a> {
    #[serde(borrow, default)]
    rev: Cow<'a, str>,
    #[serde(borrow)]
    operation: Cow<'a, str>,
    #[serde(borrow)]
    collection: Cow<'a, str>,
    #[serde(borrow)]
    rkey: Cow<'a, str>,
}

/// The upstream relay's number inside an identity, account or sync event; absent or zero on
/// synthetic ones.
#[derive(Deserialize, Default)]
struct Upstream {
    #[serde(default)]
    seq: u64,
}

/// Reads an envelope in whatever order it comes; unescaped names are appended to `side`.
pub(crate) fn read(line: &[u8], side: &mut Vec<u8>) -> Result<Envelope, serde_json::Error> {
    let event: WireEvent<'_> = serde_json::from_slice(line)?;
    let kind = Kind::from_wire(event.kind.as_bytes());
    let mut place = |text: &Cow<'_, str>| match text {
        Cow::Borrowed(text) => Span::in_line(offset(line, text), text.len()),
        Cow::Owned(text) => {
            side.extend_from_slice(text.as_bytes());
            Span::in_side(side.len() - text.len(), text.len())
        }
    };
    let point = |identity| {
        Ok::<_, serde_json::Error>(Point {
            seq: event.cursor.map(number).transpose()?,
            time_us: number(event.time_us)?,
            identity: Some(identity),
        })
    };
    if kind != Kind::Commit {
        return Ok(Envelope {
            did: place(&event.did),
            ..Envelope::bare(kind, point(identity_of(&event, kind, line))?)
        });
    }
    let commit = event
        .commit
        .ok_or_else(|| serde::de::Error::missing_field("commit"))?;
    let commit: WireCommit<'_> = serde_json::from_str(commit.get())?;
    let parts = [
        &event.did,
        &commit.rev,
        &commit.collection,
        &commit.rkey,
        &commit.operation,
    ];
    Ok(Envelope {
        kind,
        operation: Some(Operation::from_wire(commit.operation.as_bytes())),
        point: point(Identity::of_commit(parts.map(|part| part.as_bytes())))?,
        did: place(&event.did),
        collection: place(&commit.collection),
        rkey: place(&commit.rkey),
        rev: place(&commit.rev),
    })
}

/// A time or a server's number. Servers count both in 64 bits with a sign, and refuse to be asked
/// for more.
fn number(text: &RawValue) -> Result<u64, serde_json::Error> {
    let number: u64 = serde_json::from_str(text.get())?;
    match i64::try_from(number) {
        Ok(_) => Ok(number),
        Err(error) => Err(serde::de::Error::custom(error)),
    }
}

/// Parses the record of a commit.
pub(crate) fn record<T: DeserializeOwned>(line: &[u8]) -> Result<Option<T>, serde_json::Error> {
    #[derive(Deserialize)]
    #[serde(bound = "T: DeserializeOwned")]
    struct WithCommit<T> {
        commit: Option<WithRecord<T>>,
    }
    #[derive(Deserialize)]
    #[serde(bound = "T: DeserializeOwned")]
    struct WithRecord<T> {
        record: Option<T>,
    }
    let event: WithCommit<T> = serde_json::from_slice(line)?;
    Ok(event.commit.and_then(|commit| commit.record))
}

fn identity_of(event: &WireEvent<'_>, kind: Kind, line: &[u8]) -> Identity {
    let body = match kind {
        Kind::Identity => event.identity,
        Kind::Account => event.account,
        Kind::Sync => event.sync,
        Kind::Commit | Kind::Other => None,
    };
    let upstream = body
        .and_then(|body| serde_json::from_str::<Upstream>(body.get()).ok())
        .unwrap_or_default();
    if upstream.seq != 0 {
        return Identity::of_numbered(kind.as_str(), event.did.as_bytes(), upstream.seq);
    }
    Identity::of_rest(&without_position(event, line))
}

/// The line without what differs from server to server: the values of `time_us` and `cursor`, and
/// the latter's key.
fn without_position(event: &WireEvent<'_>, line: &[u8]) -> Vec<u8> {
    let range = |text: &str| {
        let start = offset(line, text);
        start..start + text.len()
    };
    let mut cuts: Vec<Range<usize>> = vec![range(event.time_us.get())];
    if let Some(cursor) = event.cursor {
        let value = range(cursor.get());
        let key = line
            .get(..value.start)
            .and_then(|head| memchr::memmem::rfind(head, b"\"cursor\""));
        let start = key.unwrap_or(value.start);
        // The comma before the key goes too, or the one after the value where the key comes first.
        let comma_before = line.get(..start).is_some_and(|head| head.ends_with(b","));
        let comma_after = line.get(value.end) == Some(&b',');
        cuts.push(match (comma_before, comma_after) {
            (true, _) => start - 1..value.end,
            (false, true) => start..value.end + 1,
            (false, false) => start..value.end,
        });
    }
    cuts.sort_by_key(|cut| cut.start);
    let mut rest = Vec::with_capacity(line.len());
    let mut from = 0;
    for cut in cuts {
        rest.extend_from_slice(line.get(from..cut.start).unwrap_or_default());
        from = cut.end;
    }
    rest.extend_from_slice(line.get(from..).unwrap_or_default());
    rest
}

/// Where a text that was borrowed from the line begins in it.
fn offset(line: &[u8], text: &str) -> usize {
    text.as_ptr() as usize - line.as_ptr() as usize
}
