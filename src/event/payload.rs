//! What an event carries beside its envelope, parsed when it is asked for.

use std::borrow::Cow;

use serde::{Deserialize, de::DeserializeOwned};
use serde_json::value::RawValue;

use super::{Event, Kind, OwnedEvent};
use crate::error::ParseError;

/// What an account event says: whether the account can be seen.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[non_exhaustive]
pub struct AccountPayload {
    /// Whether it is active, and its records are to be shown.
    pub active: bool,
    /// Why it is not: `deactivated`, `suspended`, `takendown`, `deleted` and others; `None` as a
    /// rule while it is active.
    pub status: Option<String>,
    /// The upstream relay's number of the event; `None` where it was not read from a relay.
    pub seq: Option<u64>,
    /// The upstream relay's time of the event, as it wrote it.
    pub time: Option<String>,
}

/// What an identity event says: that a handle or a DID document may have changed, and has to be
/// looked up anew.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[non_exhaustive]
pub struct IdentityPayload {
    /// The handle as the relay has it, which is only a hint; `None` where it has none.
    pub handle: Option<String>,
    /// The upstream relay's number of the event; `None` where it was not read from a relay.
    pub seq: Option<u64>,
    /// The upstream relay's time of the event, as it wrote it.
    pub time: Option<String>,
}

impl Event<'_> {
    /// What an account event says; `None` for every other kind, and where the event carries
    /// nothing.
    ///
    /// An event whose payload is of another shape is left out by
    /// [ingestors](crate::sink::ingest), with a warning.
    pub fn account(&self) -> Result<Option<AccountPayload>, ParseError> {
        #[derive(Deserialize)]
        struct Line {
            account: Option<AccountPayload>,
        }
        let line = self.payload_of(Kind::Account)?;
        Ok(line.and_then(|line: Line| line.account))
    }

    /// What an identity event says; `None` for every other kind, and where the event carries
    /// nothing.
    ///
    /// An event whose payload is of another shape is left out by
    /// [ingestors](crate::sink::ingest), with a warning.
    pub fn identity(&self) -> Result<Option<IdentityPayload>, ParseError> {
        #[derive(Deserialize)]
        struct Line {
            identity: Option<IdentityPayload>,
        }
        let line = self.payload_of(Kind::Identity)?;
        Ok(line.and_then(|line: Line| line.identity))
    }

    /// The CID of a commit's record, which names its content; `None` where the event carries none,
    /// as deletions and every other kind do. Looked for in the whole line.
    pub fn cid(&self) -> Option<String> {
        #[derive(Deserialize)]
        struct Line<'a> {
            #[serde(borrow)]
            commit: Commit<'a>,
        }
        #[derive(Deserialize)]
        struct Commit<'a> {
            #[serde(borrow)]
            cid: &'a RawValue,
        }
        if self.kind() != Kind::Commit {
            return None;
        }
        let line: Line<'_> = serde_json::from_slice(self.line()).ok()?;
        let cid: Cow<'_, str> = serde_json::from_str(line.commit.cid.get()).ok()?;
        Some(cid.into_owned()).filter(|cid| !cid.is_empty())
    }

    /// The line as a type of its kind; `None` for other kinds.
    fn payload_of<T: DeserializeOwned>(&self, kind: Kind) -> Result<Option<T>, ParseError> {
        if self.kind() != kind {
            return Ok(None);
        }
        self.parse().map(Some).map_err(|error| {
            ParseError::of_event(format!(
                "the event's payload is not of the expected shape: {error}"
            ))
        })
    }
}

impl OwnedEvent {
    /// See [`Event::account`].
    pub fn account(&self) -> Result<Option<AccountPayload>, ParseError> {
        self.event().account()
    }

    /// See [`Event::identity`].
    pub fn identity(&self) -> Result<Option<IdentityPayload>, ParseError> {
        self.event().identity()
    }

    /// See [`Event::cid`].
    pub fn cid(&self) -> Option<String> {
        self.event().cid()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DELETED: &str = r#"{"did":"did:plc:a","time_us":1,"kind":"account","account":{"active":false,"did":"did:plc:a","seq":7,"status":"deleted","time":"2026-07-04T14:38:07.877Z"}}"#;
    const RENAMED: &str = r#"{"did":"did:plc:a","time_us":1,"kind":"identity","identity":{"did":"did:plc:a","handle":"alice.example","seq":8,"time":"2026-07-04T14:38:07.877Z","more":{}}}"#;
    const LIKE: &str = r#"{"did":"did:plc:a","time_us":1,"kind":"commit","commit":{"rev":"r","operation":"create","collection":"app.bsky.feed.like","rkey":"1","record":{"cid":"inside"},"cid":"bafy\u0031"},"account":{"active":true}}"#;

    fn event(line: &str) -> OwnedEvent {
        line.parse().unwrap()
    }

    #[test]
    fn account_and_identity_events_say_what_changed() {
        let account = event(DELETED).account().unwrap().unwrap();
        assert_eq!((account.active, account.seq), (false, Some(7)));
        assert_eq!(account.status.as_deref(), Some("deleted"));
        let identity = event(RENAMED).identity().unwrap().unwrap();
        assert_eq!(identity.handle.as_deref(), Some("alice.example"));
        assert_eq!(identity.time.as_deref(), Some("2026-07-04T14:38:07.877Z"));
        let bare = r#"{"did":"did:plc:a","time_us":1,"kind":"account","account":{"active":true}}"#;
        let bare = event(bare).account().unwrap().unwrap();
        assert_eq!((bare.active, bare.status, bare.seq), (true, None, None));
    }

    #[test]
    fn a_payload_is_only_there_in_events_of_its_kind() {
        for line in [RENAMED, LIKE] {
            assert_eq!(event(line).account().unwrap(), None, "{line}");
        }
        for line in [DELETED, LIKE] {
            assert_eq!(event(line).identity().unwrap(), None, "{line}");
        }
        let nothing = event(r#"{"did":"did:plc:a","time_us":1,"kind":"identity"}"#);
        assert_eq!(nothing.identity().unwrap(), None);
    }

    #[test]
    fn a_payload_of_another_shape_is_an_error_of_the_event() {
        let odd =
            event(r#"{"did":"did:plc:a","time_us":1,"kind":"account","account":{"active":1}}"#);
        let error = odd.account().unwrap_err();
        let message = "the event's payload is not of the expected shape: invalid type: integer `1`, expected a boolean at line 1 column 69";
        assert_eq!(error.to_string(), message);
    }

    #[test]
    fn the_cid_is_that_of_the_commit_and_not_of_its_record() {
        assert_eq!(event(LIKE).cid().as_deref(), Some("bafy1"));
        for without in [
            &LIKE.replace("\"cid\":\"bafy", "\"cod\":\"bafy"),
            &LIKE.replace("\"bafy\\u0031\"", "null"),
            DELETED,
        ] {
            assert_eq!(event(without).cid(), None, "{without}");
        }
    }
}
