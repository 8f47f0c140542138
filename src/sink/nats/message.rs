//! What an event is in a stream: the line as it is, on a subject made of its names, with headers
//! that tell which event it is and where it comes from.

use std::{num::NonZeroU32, sync::Arc};

use async_nats::{HeaderMap, HeaderName, HeaderValue, Subject};
use bytes::Bytes;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use super::NatsSinkSettings;
use crate::{
    event::{Event, Identity, Kind, Origin, Point, Position, partition},
    nats::{Carried, StoredMessage, add_headers},
};

/// Which event it is; the server drops another one of the same within its window of duplicates.
const ID: HeaderName = HeaderName::from_static("Nats-Msg-Id");
/// The message before it, by number.
const LAST_SEQUENCE: HeaderName = HeaderName::from_static("Nats-Expected-Last-Sequence");
/// The message before it, by its event.
const LAST_ID: HeaderName = HeaderName::from_static("Nats-Expected-Last-Msg-Id");
/// The stream it is for, where others could take the subject too.
const STREAM: HeaderName = HeaderName::from_static("Nats-Expected-Stream");
/// The server's time of the event in microseconds, its number where the server counts, and the
/// making of the stream that it counts in.
const CURSOR: HeaderName = HeaderName::from_static("rocketman-cursor");
/// The kind of source, and the server.
const SOURCE: HeaderName = HeaderName::from_static("rocketman-source");
/// The account.
const KEY: HeaderName = HeaderName::from_static("rocketman-key");
/// Which process wrote it.
const WRITER: HeaderName = HeaderName::from_static("rocketman-writer");

/// The longest collection that gets a place in a subject; atproto allows 317 bytes.
const MAX_COLLECTION_BYTES: usize = 320;

/// The longest account that gets a header; atproto allows 2,048 bytes.
const MAX_KEY_BYTES: usize = 2048;

/// What is escaped in a word of a subject: all but letters, digits, hyphens and underscores.
const ESCAPED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_');

/// What a message has to come after.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Link {
    /// The message with this number; 0 for none.
    Sequence(u64),
    /// The message of this event.
    Event(Identity),
}

/// An event on its way into the stream, kept until it is certainly there.
#[derive(Debug, Clone)]
pub(super) struct Outgoing {
    pub(super) id: Identity,
    pub(super) subject: Subject,
    pub(super) key: Box<str>,
    pub(super) point: Point,
    /// The stream it came from.
    pub(super) source: Arc<Source>,
    /// The headers that it had there, where it is a message of another stream.
    pub(super) headers: Bytes,
    /// Its payload, which shares the memory of its batch's lines.
    pub(super) payload: Bytes,
}

impl Outgoing {
    /// The bytes that it brings with it.
    pub(super) fn len(&self) -> usize {
        self.headers.len() + self.payload.len()
    }
}

/// What is the same for all messages of a sink.
#[derive(Debug, Clone)]
pub(super) struct MessageFormat {
    stream: HeaderValue,
    writer: HeaderValue,
    prefix: String,
    partitions: Option<NonZeroU32>,
    is_carried: bool,
}

impl MessageFormat {
    pub(super) fn new(settings: &NatsSinkSettings, writer: &str) -> Self {
        Self {
            stream: HeaderValue::from(settings.stream.as_str()),
            writer: HeaderValue::from(writer),
            prefix: settings.prefix.clone(),
            partitions: settings.partitions,
            is_carried: settings.carried,
        }
    }

    pub(super) fn prefix(&self) -> &str {
        &self.prefix
    }

    /// Whether what the server says this user may not do is to write such messages.
    pub(super) fn is_forbidden_by(&self, answer: &str) -> bool {
        if self.keeps_subjects() {
            return answer.contains("for Publish to");
        }
        answer.contains(&self.prefix)
    }

    /// Whether messages keep the subjects that they had, so that nobody knows them beforehand.
    pub(super) fn keeps_subjects(&self) -> bool {
        self.is_carried && self.prefix.is_empty()
    }

    /// What becomes of an event; `line` is that of the event.
    pub(super) fn outgoing(
        &self,
        event: &Event<'_>,
        line: Bytes,
        source: &Arc<Source>,
    ) -> Outgoing {
        let (subject, headers, payload) = match Carried::parse(&line).filter(|_| self.is_carried) {
            None => (self.subject(event), Bytes::new(), line),
            Some(carried) => (
                self.below_prefix(event, carried.subject),
                line.slice_ref(carried.headers),
                line.slice_ref(carried.payload),
            ),
        };
        Outgoing {
            id: identity(event),
            subject,
            key: key(event),
            point: *event.point(),
            source: Arc::clone(source),
            headers,
            payload,
        }
    }

    /// `[PREFIX.[PARTITION.]]SUBJECT`.
    fn below_prefix(&self, event: &Event<'_>, subject: &str) -> Subject {
        if self.prefix.is_empty() {
            return Subject::from(subject);
        }
        let mut whole = self.start(event.key());
        whole.push_str(subject);
        Subject::from(whole)
    }

    /// `PREFIX.[PARTITION.]`
    fn start(&self, key: &str) -> String {
        let mut subject = String::with_capacity(self.prefix.len() + 64);
        subject.push_str(&self.prefix);
        if let Some(partitions) = self.partitions {
            subject.push('.');
            subject.push_str(&partition(key.as_bytes(), partitions).to_string());
        }
        subject.push('.');
        subject
    }

    /// `PREFIX.[PARTITION.]KIND[.OPERATION.COLLECTION]`.
    fn subject(&self, event: &Event<'_>) -> Subject {
        let mut subject = self.start(event.did());
        subject.push_str(event.kind().as_str());
        if event.kind() == Kind::Commit {
            subject.push('.');
            subject.push_str(
                event
                    .operation()
                    .map_or("other", |operation| operation.as_str()),
            );
            push_collection(&mut subject, event.collection());
        }
        Subject::from(subject)
    }

    /// The headers of a message.
    pub(super) fn headers(&self, outgoing: &Outgoing, link: Link) -> HeaderMap {
        let mut headers = HeaderMap::new();
        headers.insert(ID, outgoing.id.to_string());
        match link {
            Link::Sequence(seq) => headers.insert(LAST_SEQUENCE, HeaderValue::from(seq)),
            Link::Event(id) => headers.insert(LAST_ID, id.to_string()),
        }
        headers.insert(STREAM, self.stream.clone());
        headers.insert(CURSOR, cursor(&outgoing.point, &outgoing.source));
        headers.insert(SOURCE, &*outgoing.source.name);
        headers.insert(WRITER, self.writer.clone());
        add_headers(&mut headers, &outgoing.headers);
        if !outgoing.key.is_empty() {
            headers.insert(KEY, &*outgoing.key);
        }
        headers
    }
}

/// An origin, as headers can carry it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Source {
    /// The kind of source, and the server.
    name: String,
    instance: Option<String>,
}

impl Source {
    pub(super) fn of(origin: &Origin) -> Self {
        let instance = origin.instance.as_deref();
        Self {
            name: without_controls(&format!("{} {}", origin.source, origin.host)),
            instance: instance.map(|instance| without_controls(instance).replace(' ', "_")),
        }
    }
}

/// The account as a header can carry it.
fn key(event: &Event<'_>) -> Box<str> {
    let did = event.did();
    if did.len() > MAX_KEY_BYTES {
        return "".into();
    }
    if did.bytes().any(|byte| byte.is_ascii_control()) {
        return without_controls(did).into();
    }
    did.into()
}

/// The identity of an event; of its line where it has none.
pub(super) fn identity(event: &Event<'_>) -> Identity {
    let of_line = || Identity::of_rest(event.line());
    event.point().identity.unwrap_or_else(of_line)
}

fn cursor(point: &Point, source: &Source) -> String {
    match (point.seq, &source.instance) {
        (Some(seq), Some(instance)) => format!("{} {seq} {instance}", point.time_us),
        (Some(seq), None) => format!("{} {seq}", point.time_us),
        (None, _) => point.time_us.to_string(),
    }
}

/// The words of a collection. What could not be a word of a subject, or would mean something else
/// there, is escaped as in a URL.
fn push_collection(subject: &mut String, collection: &str) {
    if collection.is_empty() || collection.len() > MAX_COLLECTION_BYTES {
        subject.push_str("._");
        return;
    }
    for word in collection.split('.') {
        subject.push('.');
        if word.is_empty() {
            subject.push('_');
        }
        subject.extend(utf8_percent_encode(word, ESCAPED));
    }
}

fn without_controls(text: &str) -> String {
    text.chars().filter(|c| !c.is_control()).collect()
}

/// The last message of a stream, as far as it says how to go on after it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Tail {
    /// Its number; 0 when there never was a message.
    pub(super) seq: u64,
    /// Which event it is; `None` when the message is gone or not one of ours.
    pub(super) id: Option<Identity>,
    /// Which process wrote it.
    pub(super) writer: Option<String>,
    /// Where it comes from; `None` when the message is gone or not one of ours.
    pub(super) position: Option<Position>,
    /// The message itself was deleted, or has aged out.
    pub(super) is_gone: bool,
}

impl Tail {
    /// Reads the headers of the message with this number.
    pub(super) fn read(seq: u64, message: &StoredMessage) -> Self {
        let find = |name| message.header(name);
        let id = find("Nats-Msg-Id").and_then(|id| Identity::parse(&id));
        Self {
            seq,
            id,
            writer: find("rocketman-writer"),
            position: position(
                find("rocketman-source").as_deref(),
                find("rocketman-cursor").as_deref(),
                id,
            ),
            is_gone: false,
        }
    }
}

/// The time of an event, from the header that says its place.
pub(super) fn time_of(cursor: &str) -> Option<u64> {
    cursor.split(' ').next()?.parse().ok()
}

fn position(source: Option<&str>, cursor: Option<&str>, id: Option<Identity>) -> Option<Position> {
    let (source, host) = source?.split_once(' ')?;
    let mut words = cursor?.split(' ');
    let point = Point {
        time_us: words.next()?.parse().ok()?,
        seq: match words.next() {
            Some(seq) => Some(seq.parse().ok()?),
            None => None,
        },
        identity: Some(id?),
    };
    let origin = Origin {
        source: source.to_owned().into(),
        host: host.to_owned(),
        instance: words.next().map(str::to_owned),
    };
    Some(Position { origin, point })
}

#[cfg(test)]
mod tests;
