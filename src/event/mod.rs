//! What flows: events, read from their envelope and nothing more.
//!
//! An event is one line of JSON whose envelope (who, what kind, which record, when) was read in
//! place. The record inside is never parsed here; [`Event::record`] does that for those who ask.

mod bad;
mod batch;
mod change;
mod decode;
pub(crate) mod envelope;
pub(crate) mod field;
mod identities;
mod identity;
pub(crate) mod json;
mod known;
mod message;
mod name;
mod owned;
mod partition;
mod path;
mod payload;
mod position;
pub(crate) mod scan;
mod span;
mod start;
mod trail;
pub(crate) mod v2;

use std::{
    fmt,
    sync::Arc,
    time::{Duration, SystemTime},
};

use serde::de::DeserializeOwned;

pub(crate) use self::decode::envelope as read_envelope;
#[cfg(feature = "nats")]
pub(crate) use self::decode::tidy;
#[cfg(feature = "serve")]
pub(crate) use self::name::NameError;
use self::span::to_u32;
pub use self::{
    bad::BadEvent,
    batch::{Batch, Events},
    change::Change,
    identity::Identity,
    name::{CollectionPattern, Did},
    payload::{AccountPayload, IdentityPayload},
    position::{FileMark, Origin, Place, Point, Position},
    start::Start,
    trail::Trail,
};
pub(crate) use self::{
    decode::LineRules,
    envelope::Envelope,
    identities::Identities,
    partition::partition,
    span::Span,
    start::{micros, micros_since_1970, now_us, show_time},
    trail::{Highest, MAX_SERVERS},
};
use crate::error::ParseError;

/// The kind of an event, as its `kind` field says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Kind {
    /// A record was created, updated or deleted.
    Commit,
    /// A handle or DID document changed.
    Identity,
    /// An account was activated, deactivated, taken down or deleted.
    Account,
    /// A repository was reset to another state.
    Sync,
    /// A kind that this version does not know; it passes through.
    Other,
}

impl Kind {
    /// Every kind, in the order of their bits in a filter.
    pub const ALL: [Self; 5] = [
        Self::Commit,
        Self::Identity,
        Self::Account,
        Self::Sync,
        Self::Other,
    ];

    /// The word on the wire; `other` for kinds this version does not know.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Commit => "commit",
            Self::Identity => "identity",
            Self::Account => "account",
            Self::Sync => "sync",
            Self::Other => "other",
        }
    }

    /// Reads the wire's word.
    pub(crate) fn from_wire(word: &[u8]) -> Self {
        match word {
            b"commit" => Self::Commit,
            b"identity" => Self::Identity,
            b"account" => Self::Account,
            b"sync" => Self::Sync,
            _ => Self::Other,
        }
    }
}

/// What a commit did to its record.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Operation {
    /// The record is new.
    Create,
    /// The record was replaced.
    Update,
    /// The record is gone; the event carries no record.
    Delete,
    /// An operation that this version does not know; it passes through.
    Other,
}

impl Operation {
    /// Every operation, in the order of their bits in a filter.
    pub const ALL: [Self; 4] = [Self::Create, Self::Update, Self::Delete, Self::Other];

    /// The word on the wire; `other` for operations this version does not know.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Create => "create",
            Self::Update => "update",
            Self::Delete => "delete",
            Self::Other => "other",
        }
    }

    /// Reads the wire's word.
    pub(crate) fn from_wire(word: &[u8]) -> Self {
        // All are of one length, and arrays are compared without a call.
        let Ok(word) = <&[u8; 6]>::try_from(word) else {
            return Self::Other;
        };
        if word == b"create" {
            Self::Create
        } else if word == b"update" {
            Self::Update
        } else if word == b"delete" {
            Self::Delete
        } else {
            Self::Other
        }
    }
}

/// One event of a [`Batch`], borrowed from it.
#[derive(Clone, Copy)]
pub struct Event<'a> {
    line: &'a [u8],
    unescaped: &'a [u8],
    envelope: &'a Envelope,
}

/// One event with a copy of its line, to be kept, sent to another task, or worked on while the
/// stream goes on.
///
/// Made by [`Event::into_owned`] with one allocation; a clone shares the copy.
#[derive(Clone)]
pub struct OwnedEvent {
    /// The line, and behind it the names that had to be unescaped.
    text: Arc<[u8]>,
    line_len: usize,
    envelope: Envelope,
}

impl<'a> Event<'a> {
    /// The event as one line of JSON, without its line end.
    pub fn line(&self) -> &'a [u8] {
        self.line
    }

    /// The same as text: every line was checked to be UTF-8 when it was read. Checked once more
    /// here.
    #[inline]
    pub fn line_str(&self) -> &'a str {
        simdutf8::basic::from_utf8(self.line).unwrap_or_default()
    }

    /// What its order and its shard go by: the account, or the subject of a message of NATS that is
    /// no event.
    pub fn key(&self) -> &'a str {
        str::from_utf8(self.key_bytes()).unwrap_or_default()
    }

    /// The server's own time of the event. See [`Event::time_us`].
    pub fn time(&self) -> SystemTime {
        SystemTime::UNIX_EPOCH + Duration::from_micros(self.time_us())
    }

    /// The `at://` address of a commit's record; `None` for every other kind.
    pub fn uri(&self) -> Option<String> {
        (self.kind() == Kind::Commit)
            .then(|| format!("at://{}/{}/{}", self.did(), self.collection(), self.rkey()))
    }

    /// The envelope of a copy of the line, whose unescaped names are put behind those in `side`.
    fn envelope_beside(&self, side: &mut Vec<u8>) -> Envelope {
        let mut envelope = *self.envelope;
        for name in envelope.names_mut() {
            if name.is_unescaped() {
                let text = name.of(self.line, self.unescaped);
                *name = Span::in_side(side.len(), text.len());
                side.extend_from_slice(text);
            }
        }
        envelope
    }

    /// The event with a copy of its line, which outlives the batch.
    pub fn into_owned(self) -> OwnedEvent {
        OwnedEvent::new(self)
    }

    /// Parses the whole line into a type of your own.
    pub fn parse<T: DeserializeOwned>(&self) -> Result<T, serde_json::Error> {
        serde_json::from_slice(self.line)
    }

    /// Parses the record of a commit into a type of your own; `None` where the event carries no
    /// record. One of another shape is its author's fault, and an event that
    /// [ingestors](crate::sink::ingest) leave out with a warning.
    pub fn record<T: DeserializeOwned>(&self) -> Result<Option<T>, ParseError> {
        match self.kind() {
            Kind::Commit => envelope::record(self.line).map_err(|error| {
                ParseError::of_event(format!("the record is not of the expected shape: {error}"))
            }),
            _ => Ok(None),
        }
    }

    /// Whether it is a message of a stream that has no accounts.
    pub(crate) fn is_of_nobody(&self) -> bool {
        self.envelope.did == Span::default()
    }

    /// The bytes of [`Event::key`].
    pub(crate) fn key_bytes(&self) -> &'a [u8] {
        let key = if self.is_of_nobody() {
            self.envelope.rkey
        } else {
            self.envelope.did
        };
        key.of(self.line, self.unescaped)
    }

    /// What follows the record key in the line; nothing where that had to be unescaped.
    pub(crate) fn after_rkey(&self) -> &'a [u8] {
        let rkey = self.envelope.rkey;
        let end = (!rkey.is_unescaped()).then(|| rkey.end());
        end.and_then(|end| self.line.get(end..)).unwrap_or_default()
    }

    pub(crate) fn did_bytes(&self) -> &'a [u8] {
        self.envelope.did.of(self.line, self.unescaped)
    }

    pub(crate) fn collection_bytes(&self) -> &'a [u8] {
        self.envelope.collection.of(self.line, self.unescaped)
    }

    fn text(&self, span: Span) -> &'a str {
        str::from_utf8(span.of(self.line, self.unescaped)).unwrap_or_default()
    }
}

/// The line.
impl fmt::Display for Event<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.line_str())
    }
}

impl fmt::Debug for Event<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Event")
            .field("kind", &self.kind())
            .field("did", &self.did())
            .field("collection", &self.collection())
            .field("rkey", &self.rkey())
            .field("point", self.point())
            .finish_non_exhaustive()
    }
}
