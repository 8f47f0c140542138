//! The names of the protocol that a user may type: collections (NSIDs) and DIDs.
//!
//! The rules are those of the servers (protocol reference, section 1.1), checked here so that a
//! typo is met before the network is.

use std::{fmt, str::FromStr, sync::Arc};

use serde::{Serialize, Serializer};

use crate::error::ParseError;
use crate::log::address::without_address;

/// Why a name was refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum NameError {
    /// Not an NSID, nor a prefix pattern.
    #[error(
        "'{0}' is not a collection: write an NSID such as app.bsky.feed.post, or a prefix such as app.bsky.feed.*"
    )]
    Collection(String),
    /// Not a DID.
    #[error(
        "'{0}' is not a DID: write it like did:plc:z72i7hdynmk6r22z27h6tvur or did:web:example.com"
    )]
    Did(String),
}

crate::error::parse_error!(NameError);

/// Which collections are wanted: one NSID, or every NSID with a prefix.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CollectionPattern(String);

impl CollectionPattern {
    /// Reads `app.bsky.feed.post` or `app.bsky.feed.*`.
    pub fn parse(text: &str) -> Result<Self, ParseError> {
        let is_valid = match text.strip_suffix(".*") {
            Some(head) => text.len() <= 317 && !head.is_empty() && head.split('.').all(is_label),
            None => is_nsid(text),
        };
        if is_valid {
            Ok(Self(text.to_owned()))
        } else {
            Err(NameError::Collection(shown(text)).into())
        }
    }

    /// Reads a pattern as servers do: of a prefix they only want that it ends in `.*`.
    #[cfg(feature = "serve")]
    pub(crate) fn parse_as_server(text: &str) -> Result<Self, ParseError> {
        if text.ends_with(".*") {
            Ok(Self(text.to_owned()))
        } else {
            Self::parse(text)
        }
    }

    /// The pattern as it was written, which is also what servers take.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The prefix of a prefix pattern, its last dot included; `None` for an exact NSID.
    pub fn prefix(&self) -> Option<&str> {
        self.0.strip_suffix('*')
    }
}

/// See [`CollectionPattern::parse`].
impl FromStr for CollectionPattern {
    type Err = ParseError;

    fn from_str(text: &str) -> Result<Self, ParseError> {
        Self::parse(text)
    }
}

impl Serialize for CollectionPattern {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

impl fmt::Display for CollectionPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A decentralised identifier: the name of an account. A clone shares its text, for lists of them
/// are long.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Did(Arc<str>);

impl Did {
    /// Reads `did:METHOD:ID`.
    pub fn parse(text: &str) -> Result<Self, ParseError> {
        if is_did(text) {
            Ok(Self(text.into()))
        } else {
            Err(NameError::Did(shown(text)).into())
        }
    }

    /// The DID as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Its bytes, shared.
    pub(crate) fn to_bytes(&self) -> Arc<[u8]> {
        Arc::clone(&self.0).into()
    }
}

/// See [`Did::parse`].
impl FromStr for Did {
    type Err = ParseError;

    fn from_str(text: &str) -> Result<Self, ParseError> {
        Self::parse(text)
    }
}

impl Serialize for Did {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

impl fmt::Display for Did {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

fn is_nsid(text: &str) -> bool {
    let Some((authority, name)) = text.rsplit_once('.') else {
        return false;
    };
    text.len() <= 317
        && authority.contains('.')
        && authority.split('.').all(is_label)
        && authority.starts_with(|c: char| c.is_ascii_alphabetic())
        && (1..=63).contains(&name.len())
        && name.starts_with(|c: char| c.is_ascii_alphabetic())
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric())
}

fn is_label(label: &str) -> bool {
    (1..=63).contains(&label.len())
        && !label.starts_with('-')
        && !label.ends_with('-')
        && label
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
}

fn is_did(text: &str) -> bool {
    let mut parts = text.splitn(3, ':');
    let (scheme, method, id) = (parts.next(), parts.next(), parts.next());
    text.len() <= 2048
        && scheme == Some("did")
        && method.is_some_and(|method| {
            !method.is_empty() && method.bytes().all(|b| b.is_ascii_lowercase())
        })
        && id.is_some_and(|id| {
            !id.is_empty()
                && !id.ends_with([':', '%'])
                && id.bytes().all(|b| {
                    b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b':' | b'%' | b'-')
                })
        })
}

/// At most 80 characters of what was typed, with control characters escaped. Cut last: what marks a
/// secret may stand after it.
fn shown(text: &str) -> String {
    without_address(text).chars().take(80).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_secret_typed_as_a_name_is_not_shown() {
        let address = format!("https://user:{}@host", "ß".repeat(90));
        let collection = CollectionPattern::parse(&address).unwrap_err();
        let did = Did::parse(&address).unwrap_err();
        for error in [collection.to_string(), did.to_string()] {
            assert!(
                error.contains("https://…@host") && !error.contains('ß'),
                "{error}"
            );
        }
    }

    #[test]
    fn collections_follow_the_servers_rules() {
        for good in [
            "app.bsky.feed.post",
            "fm.teal.alpha.feed.play",
            "app.bsky.*",
            "app.*",
            "com.a-b.c",
            "com.example.fooBar2",
        ] {
            assert_eq!(
                CollectionPattern::parse(good).map(|pattern| pattern.as_str().to_owned()),
                Ok(good.to_owned())
            );
        }
        for bad in [
            "",
            "*",
            ".*",
            "post",
            "app.bsky",
            "app.bsky.fo*",
            "app..post",
            "app.bsky.feed.post.",
            "1app.bsky.post",
            "app.bsky.feed.my-post",
            "app.bsky.feed.9",
            "app.-a.post",
            "app.bsky post.x",
            "app..*",
        ] {
            assert!(CollectionPattern::parse(bad).is_err(), "{bad:?} passed");
        }
        assert!(CollectionPattern::parse(&format!("app.{}.post", "a".repeat(64))).is_err());
    }

    #[test]
    fn names_are_parsed_as_any_other_text() {
        let pattern: Result<CollectionPattern, _> = "app.bsky.feed.*".parse();
        assert_eq!(pattern, CollectionPattern::parse("app.bsky.feed.*"));
        let did: Result<Did, _> = "did:web:example.com".parse();
        assert_eq!(did, Did::parse("did:web:example.com"));
        assert_eq!(
            "posts".parse::<CollectionPattern>(),
            CollectionPattern::parse("posts")
        );
        assert!("alice.example".parse::<Did>().is_err());
    }

    #[test]
    fn a_refused_collection_shows_what_one_looks_like() {
        let message = CollectionPattern::parse("posts\u{1b}").map_err(|error| error.to_string());
        assert_eq!(
            message,
            Err("'posts\\u{1b}' is not a collection: write an NSID such as app.bsky.feed.post, or a prefix such as app.bsky.feed.*".to_owned())
        );
    }

    #[test]
    fn dids_follow_the_servers_rules() {
        for good in [
            "did:plc:z72i7hdynmk6r22z27h6tvur",
            "did:web:example.com",
            "did:web:a%3A80:b",
        ] {
            assert!(Did::parse(good).is_ok(), "{good}");
        }
        for bad in [
            "",
            "did",
            "did:plc",
            "did:plc:",
            "did:PLC:a",
            "DID:plc:a",
            "did:plc:a:",
            "did:plc:a%",
            "did:plc:a b",
            "did:plc:é",
            "alice.bsky.social",
        ] {
            assert!(Did::parse(bad).is_err(), "{bad:?} passed");
        }
    }
}
