//! What people write in the place of something else: a file, a collection or a handle where a
//! server belongs, a handle where an account does.

use std::path::Path;

/// Beginnings of collections that no host has.
const LEXICONS: [&str; 4] = ["app.bsky.", "chat.bsky.", "com.atproto.", "tools.ozone."];

/// Where most handles are.
const HANDLES: &str = ".bsky.social";

/// How names of recordings end.
const RECORDINGS: [&str; 4] = [".ndjson", ".jsonl", ".zst", ".gz"];

/// What somebody wrote as a SOURCE that is something else, and where that belongs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mistaken {
    Accounts,
    Account,
    Collection,
    Demo,
    File,
    Handle,
}

impl Mistaken {
    /// What this is, where it is certainly no source.
    pub(super) fn of_source(text: &str) -> Option<Self> {
        let is_file = |name: &str| Path::new(name).is_file();
        Some(match text.strip_prefix('@') {
            Some(name) if is_file(name) => Self::Accounts,
            Some(_) => Self::Handle,
            None if text == "demo" => Self::Demo,
            None if text.starts_with("did:") => Self::Account,
            None if text.contains("://") => return None,
            None if LEXICONS.iter().any(|start| text.starts_with(start))
                || text.ends_with(".*") =>
            {
                Self::Collection
            }
            None if is_file(text) || RECORDINGS.iter().any(|end| text.ends_with(end)) => Self::File,
            None if text.ends_with(HANDLES) => Self::Handle,
            None => return None,
        })
    }

    /// What it is.
    pub(super) fn word(self) -> &'static str {
        match self {
            Self::Accounts => "a list of accounts",
            Self::Account => "an account",
            Self::Collection => "a collection",
            Self::Demo => "no source",
            Self::File => "a file",
            Self::Handle => "a handle",
        }
    }

    /// Where it belongs.
    pub(super) fn hint(self, text: &str) -> String {
        match self {
            Self::Accounts | Self::Account => format!("its events are read with -d '{text}'"),
            Self::Collection => format!("its events are read with -c '{text}'"),
            Self::Demo => "invented events are read from demo: (with a colon)".to_owned(),
            Self::File => {
                format!(
                    "serve it (rocketman serve {text}), and read that: rocketman tail localhost:6008"
                )
            }
            Self::Handle => of_handle(text),
        }
    }
}

/// What to do with a handle: accounts are named by their DID.
fn of_handle(text: &str) -> String {
    let handle = text.trim_start_matches('@');
    format!(
        "an account is read with -d and its DID, which is at https://public.api.bsky.app/xrpc/com.atproto.identity.resolveHandle?handle={handle}"
    )
}

/// What to write where something is no account.
pub(super) fn hint_of_did(text: &str) -> Option<String> {
    let name = text.trim_start_matches('@');
    if Path::new(name).is_file() {
        Some(format!("to read accounts from that file, write @{name}"))
    } else if name.contains('.') && !name.contains([':', '/']) {
        Some(of_handle(name))
    } else {
        None
    }
}

/// What to write where something is no collection.
pub(super) fn hint_of_collection(text: &str) -> Option<String> {
    match text.strip_suffix('*') {
        Some("" | ".") => Some("for all collections, leave it off".to_owned()),
        Some(prefix) if !prefix.ends_with('.') => Some(format!(
            "a prefix ends with a whole part of the name: '{prefix}.*'"
        )),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_source_is_recognised_and_servers_are_not() {
        for (text, expected) in [
            ("app.bsky.feed.post", Some(Mistaken::Collection)),
            ("fm.teal.*", Some(Mistaken::Collection)),
            ("recorded.ndjson", Some(Mistaken::File)),
            ("archive/2026-11-23.ndjson.zst", Some(Mistaken::File)),
            ("@alice.bsky.social", Some(Mistaken::Handle)),
            ("alice.bsky.social", Some(Mistaken::Handle)),
            ("did:plc:z72i7hdynmk6r22z27h6tvur", Some(Mistaken::Account)),
            ("demo", Some(Mistaken::Demo)),
            ("jetstream1.us-east.bsky.network", None),
            ("https://jetstream.example.com", None),
            ("localhost:6008", None),
            ("app.example.com", None),
        ] {
            assert_eq!(Mistaken::of_source(text), expected, "{text}");
        }
    }

    #[test]
    fn hints_say_where_it_belongs() {
        assert!(
            hint_of_did("alice.bsky.social")
                .unwrap()
                .contains("handle=alice.bsky.social")
        );
        assert!(hint_of_did("did:plc:a").is_none() && hint_of_did("alice").is_none());
        assert!(hint_of_collection("*").unwrap().contains("leave it off"));
        assert!(
            hint_of_collection("app.bsky.feed*")
                .unwrap()
                .contains("'app.bsky.feed.*'")
        );
        assert!(hint_of_collection("app.bsky.feed.post").is_none());
    }
}
