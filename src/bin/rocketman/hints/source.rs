//! What to do when a source cannot be read.

use std::{error::Error, io};

use rocketman::{MemberError, Reason};

const AFTER_GAP: &str = "to go on behind the gap, leave --on-gap fail off once";

const AFTER_HOLE: &str =
    "bring the files that are missing, or go on without them with --on-gap warn";

pub(super) fn hint(error: &MemberError) -> Option<String> {
    #[cfg(feature = "nats")]
    if let Some(hint) = error.reason().and_then(super::of_nats) {
        return Some(hint);
    }
    let hint = match error.reason()? {
        Reason::Unreachable if speaks_no_tls(error) => {
            "what answers there speaks no TLS: for a server without it, write ws:// or http://"
        }
        Reason::Unreachable => {
            "check the address and the network; without --max-retries it keeps trying"
        }
        Reason::CursorForeign => "give each source a --cursor-file of its own",
        Reason::CursorElsewhere => {
            "name that server as a SOURCE, or set the cursor to a time: rocketman cursor set FILE 2h"
        }
        Reason::Gap => AFTER_GAP,
        Reason::Hole => AFTER_HOLE,
        Reason::Refused {
            url,
            status,
            moved_to,
        } => return of_refusal(url, *status, moved_to.as_deref()),
        Reason::ArchiveKey { given: false } => {
            "the archive wants a key: put it into ROCKETMAN_JETSTREAM_KEY, or a file and name that with --key-file; the public archive gives keys at bsky.network/account"
        }
        Reason::ArchiveKey { .. } => {
            "the archive does not know this key: check ROCKETMAN_JETSTREAM_KEY or --key-file; the public archive gives keys at bsky.network/account"
        }
        Reason::NoSuchNumber => {
            "set the cursor to a time, or begin at one: rocketman cursor set FILE 2h, --since 2h"
        }
        Reason::FutureStart => {
            "write a time such as 2026-11-23T10:00:00Z, an age such as 2h, or microseconds since 1970, which have 16 digits"
        }
        Reason::SegmentDamaged => {
            "rocketman inspect --verify looks at all of them; bring a good copy of the file, and run it again"
        }
        Reason::NarrowerCopy => {
            "ask for what the manifest in the folder names, or download with the wider filter into another folder"
        }
        Reason::BlockTooLarge => {
            "no server writes such a block: look where the file comes from, or allow it with --max-block-size"
        }
        Reason::NoEvents => {
            "leave off --collection, --did, --kind, --op and --shard, and choose messages by their subject: nats://HOST/STREAM?subject=FILTER"
        }
        Reason::FilteredQueue => {
            "choose messages by their subject: nats://HOST/STREAM?subject=FILTER; or say with --on-undeliverable skip that what --collection, --did, --kind and --op drop may go"
        }
        Reason::Undeliverable => {
            "it stays in the stream; --on-undeliverable keep reads on without it, and skip or dead-letter=FILE takes it out"
        }
        _ => return None,
    };
    Some(hint.to_owned())
}

/// Whether the other side answered, and not in TLS.
fn speaks_no_tls(error: &MemberError) -> bool {
    let mut cause: Option<&(dyn Error + 'static)> = error.source();
    while let Some(error) = cause {
        let inner = error
            .downcast_ref::<io::Error>()
            .and_then(io::Error::get_ref);
        let tls = inner.and_then(|inner| inner.downcast_ref());
        if let Some(rustls::Error::InvalidMessage(_)) = tls {
            return true;
        }
        cause = error.source();
    }
    false
}

/// What an HTTP status other than the upgrade asks for.
fn of_refusal(url: &str, status: u16, moved_to: Option<&str>) -> Option<String> {
    let hint = match (status, moved_to) {
        (300..=399, Some(place)) => {
            return Some(format!(
                "the server has moved: give {place} as the source if you trust it"
            ));
        }
        (400, _) if is_of_a_relay(url) => {
            "this is no address of a Jetstream: give https:// and the host"
        }
        (400, _) => {
            "the server does not accept what it was asked for: check --cursor, --collection and --did"
        }
        (401 | 403, _) => {
            "the server wants credentials, which the Jetstream wire does not carry: choose another source"
        }
        (404, _) => {
            "there is no Jetstream at this address: give https:// and the host alone, or the path, which is usually /subscribe"
        }
        _ => return None,
    };
    Some(hint.to_owned())
}

/// Whether the address is one where relays have their firehoses.
fn is_of_a_relay(url: &str) -> bool {
    let method = url.split_once("/xrpc/").map(|(_, method)| method);
    method.is_some_and(|method| !method.starts_with("network.bsky.jetstream."))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_has_its_hint_by_status_and_address() {
        const V1: &str = "wss://h/subscribe";
        const V2: &str = "wss://h/xrpc/network.bsky.jetstream.subscribeEvents";
        const RELAY: &str = "wss://h/xrpc/com.atproto.sync.subscribeRepos";
        for (url, status, moved_to, words) in [
            (V1, 400, None, "check --cursor"),
            (V2, 400, None, "check --cursor"),
            (RELAY, 400, None, "no address of a Jetstream"),
            (
                V1,
                301,
                Some("wss://other"),
                "give wss://other as the source",
            ),
            (V1, 403, None, "wants credentials"),
            (V1, 404, None, "usually /subscribe"),
        ] {
            let hint = of_refusal(url, status, moved_to).unwrap();
            assert!(hint.contains(words), "{url} {status}: {hint}");
        }
        assert_eq!(of_refusal(V1, 301, None), None);
        assert_eq!(of_refusal(V1, 410, None), None);
    }
}
