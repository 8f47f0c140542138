//! What the v1 wire lets a client say: the query of `/subscribe`, and the `options_update` message.
//!
//! Protocol reference, sections 1.1 and 1.8.

use serde::Serialize;
use url::form_urlencoded;

use super::{JetstreamSettings, inflate::Inflater};
use crate::event::{CollectionPattern, Did};

/// The largest message a server takes from a client.
pub(crate) const MAX_HELLO_BYTES: usize = 10_000_000;

/// What the rest of a message of options may take: a hundred collections, and the words around
/// them.
const MAX_OTHER_BYTES: usize = 100_000;

/// A query longer than this is sent as a message instead: some proxies refuse longer request lines.
const LONG_QUERY: usize = 2000;

/// What a server is asked for, on every connection of a run.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Wanted<'a> {
    pub(super) collections: &'a [CollectionPattern],
    pub(super) dids: &'a [Did],
    pub(super) max_message_bytes: u32,
    pub(super) compress: bool,
}

/// One request: the query of the URL, and the first message where the filter is too long for a
/// query.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Request {
    pub(super) query: String,
    pub(super) hello: Option<String>,
}

impl<'a> Wanted<'a> {
    pub(super) fn of(settings: &'a JetstreamSettings) -> Self {
        Self {
            collections: &settings.collections,
            dids: &settings.dids,
            max_message_bytes: settings.max_message_bytes,
            compress: settings.compress && Inflater::AVAILABLE,
        }
    }

    /// Whether a server takes that many accounts.
    pub(super) fn fits(&self) -> bool {
        // With its quotation marks and a comma.
        let bytes = self.dids.iter().map(|did| did.as_str().len() + 3);
        self.dids.len() <= JetstreamSettings::MAX_DIDS
            && bytes.sum::<usize>() <= MAX_HELLO_BYTES - MAX_OTHER_BYTES
    }

    /// The request that begins at `cursor`, or at the live tip.
    pub(super) fn request(&self, cursor: Option<u64>) -> Request {
        let filter = self.short_filter();
        let hello = filter.is_none().then(|| self.hello());
        let mut query = form_urlencoded::Serializer::new(filter.unwrap_or_default());
        if hello.is_some() {
            query.append_pair("requireHello", "true");
        }
        if self.compress {
            query.append_pair("compress", "true");
        }
        if let Some(cursor) = cursor {
            query.append_pair("cursor", &cursor.to_string());
        }
        Request {
            query: query.finish(),
            hello,
        }
    }

    /// The query's filter, unless it is too long for a query.
    fn short_filter(&self) -> Option<String> {
        const DIDS: &str = "wantedDids";
        if self.dids.len() > LONG_QUERY / DIDS.len() {
            return None;
        }
        let mut filter = form_urlencoded::Serializer::new(String::new());
        for collection in self.collections {
            filter.append_pair("wantedCollections", collection.as_str());
        }
        for did in self.dids {
            filter.append_pair(DIDS, did.as_str());
        }
        if self.max_message_bytes > 0 {
            filter.append_pair("maxMessageSizeBytes", &self.max_message_bytes.to_string());
        }
        let filter = filter.finish();
        (filter.len() <= LONG_QUERY).then_some(filter)
    }

    /// The `options_update` that says the same as the query's filter would.
    pub(super) fn hello(&self) -> String {
        #[derive(Serialize)]
        #[serde(rename_all = "camelCase")]
        struct Payload<'a> {
            wanted_collections: &'a [CollectionPattern],
            wanted_dids: &'a [Did],
            max_message_size_bytes: u32,
        }
        #[derive(Serialize)]
        struct Message<'a> {
            r#type: &'static str,
            payload: Payload<'a>,
        }
        let payload = Payload {
            wanted_collections: self.collections,
            wanted_dids: self.dids,
            max_message_size_bytes: self.max_message_bytes,
        };
        serde_json::to_string(&Message {
            r#type: "options_update",
            payload,
        })
        .expect("plain data is always JSON")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(dids: usize, cursor: Option<u64>) -> Request {
        let dids: Vec<_> = (0..dids)
            .map(|n| Did::parse(&format!("did:web:a%3A{n}")).unwrap())
            .collect();
        let wanted = Wanted {
            collections: &[CollectionPattern::parse("app.bsky.feed.*").unwrap()],
            dids: &dids,
            max_message_bytes: 1000,
            compress: true,
        };
        wanted.request(cursor)
    }

    #[test]
    fn arrays_are_repeated_keys_and_everything_is_escaped() {
        let request = request(2, Some(17));
        assert_eq!(request.hello, None);
        assert_eq!(
            request.query,
            "wantedCollections=app.bsky.feed.*&wantedDids=did%3Aweb%3Aa%253A0&wantedDids=did%3Aweb%3Aa%253A1\
             &maxMessageSizeBytes=1000&compress=true&cursor=17"
        );
        assert_eq!(Wanted::default().request(None).query, "");
    }

    #[test]
    fn a_long_filter_goes_as_a_message_and_only_there() {
        let request = request(JetstreamSettings::MAX_DIDS, None);
        assert_eq!(request.query, "requireHello=true&compress=true");
        let hello: serde_json::Value = serde_json::from_str(&request.hello.unwrap()).unwrap();
        assert_eq!(hello["type"], "options_update");
        assert_eq!(
            hello["payload"]["wantedDids"].as_array().unwrap().len(),
            JetstreamSettings::MAX_DIDS
        );
        assert_eq!(hello["payload"]["wantedCollections"][0], "app.bsky.feed.*");
        assert_eq!(hello["payload"]["maxMessageSizeBytes"], 1000);
    }
}
