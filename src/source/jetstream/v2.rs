//! What the v2 wire lets a client say: the query of `subscribeEvents`. Nothing can be said later.
//!
//! Protocol reference, section 2.1.

use url::form_urlencoded;

use super::JetstreamSettings;
use crate::{
    event::{CollectionPattern, Did, Kind},
    wire::v2::{MAX_PARAMETERS, param},
};

/// The longest query. Servers take a head of 1 MiB; what lies between may take less, and says so.
const MAX_QUERY_BYTES: usize = 900_000;

/// What a server is asked for on one connection.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Wanted<'a> {
    pub(super) collections: &'a [CollectionPattern],
    pub(super) dids: &'a [Did],
    /// None means all.
    pub(super) kinds: &'a [Kind],
    pub(super) max_message_bytes: u32,
    /// The id of the dictionary that frames are to be compressed with.
    pub(super) dictionary: Option<u32>,
}

impl<'a> Wanted<'a> {
    pub(super) fn of(settings: &'a JetstreamSettings) -> Self {
        Self {
            collections: &settings.collections,
            dids: &settings.dids,
            kinds: &settings.kinds,
            max_message_bytes: settings.max_message_bytes,
            dictionary: None,
        }
    }

    /// The query of a connection that begins at `cursor`, or at the live tip.
    pub(super) fn query(&self, cursor: Option<u64>) -> String {
        let mut query = form_urlencoded::Serializer::new(String::new());
        let kinds = self.asked_kinds();
        for kind in &kinds {
            query.append_pair(param::KINDS, kind.as_str());
        }
        // Servers refuse collections where no commits are asked for.
        if kinds.is_empty() || kinds.contains(&Kind::Commit) {
            for collection in self.collections {
                query.append_pair(param::COLLECTIONS, collection.as_str());
            }
        }
        for did in self.dids {
            query.append_pair(param::DIDS, did.as_str());
        }
        if self.max_message_bytes > 0 {
            let bytes = self.max_message_bytes.to_string();
            query.append_pair(param::MAX_MESSAGE_SIZE_BYTES, &bytes);
        }
        if let Some(id) = self.dictionary {
            query.append_pair(param::ZSTD_DICTIONARY, &id.to_string());
        }
        if let Some(cursor) = cursor {
            query.append_pair(param::CURSOR, &cursor.to_string());
        }
        query.finish()
    }

    /// Whether a query takes all of it, wherever it begins and however it is compressed.
    pub(super) fn fits(&self) -> bool {
        // The size, the dictionary and the cursor.
        let others = self.asked_kinds().len() + self.collections.len() + 3;
        // A byte that is escaped takes three.
        let bytes = |did: &Did| param::DIDS.len() + 2 + 3 * did.as_str().len();
        self.dids.len() + others <= MAX_PARAMETERS
            && (self.dids.iter().map(bytes).sum::<usize>() <= MAX_QUERY_BYTES
                || self.query(None).len() <= MAX_QUERY_BYTES)
    }

    /// The kinds that are asked for; none where that is all. Identity events are always among
    /// them: they come several times a minute whatever else is wanted, and move the place on.
    fn asked_kinds(&self) -> Vec<Kind> {
        const ALL: [Kind; 4] = [Kind::Commit, Kind::Identity, Kind::Account, Kind::Sync];
        if self.kinds.is_empty() || self.kinds.contains(&Kind::Other) {
            return Vec::new();
        }
        let is_asked = |kind: &Kind| *kind == Kind::Identity || self.kinds.contains(kind);
        let asked: Vec<_> = ALL.into_iter().filter(is_asked).collect();
        if asked.len() == ALL.len() {
            Vec::new()
        } else {
            asked
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wanted<'a>(kinds: &'a [Kind], collections: &'a [CollectionPattern]) -> Wanted<'a> {
        Wanted {
            collections,
            kinds,
            ..Wanted::default()
        }
    }

    #[test]
    fn commits_are_asked_for_with_what_moves_the_place() {
        let posts = [CollectionPattern::parse("app.bsky.feed.*").unwrap()];
        for (kinds, query) in [
            (&[][..], "collections=app.bsky.feed.*"),
            (
                &[Kind::Commit],
                "kinds=commit&kinds=identity&collections=app.bsky.feed.*",
            ),
            // Of accounts alone there is no collection.
            (&[Kind::Account], "kinds=identity&kinds=account"),
            (&[Kind::Other], "collections=app.bsky.feed.*"),
            (&Kind::ALL, "collections=app.bsky.feed.*"),
        ] {
            assert_eq!(wanted(kinds, &posts).query(None), query);
        }
    }

    #[test]
    fn everything_is_said_in_the_query_and_escaped() {
        let dids = ["did:web:a%3A1", "did:plc:b"].map(|did| Did::parse(did).unwrap());
        let wanted = Wanted {
            dids: &dids,
            max_message_bytes: 1000,
            dictionary: Some(20_260_811),
            ..Wanted::default()
        };
        assert_eq!(
            wanted.query(Some(17)),
            "dids=did%3Aweb%3Aa%253A1&dids=did%3Aplc%3Ab&maxMessageSizeBytes=1000\
             &zstdDictionary=20260811&cursor=17"
        );
        assert_eq!(Wanted::default().query(None), "");
    }

    #[test]
    fn a_query_never_has_more_parameters_than_servers_take() {
        let dids: Vec<_> = (0..MAX_PARAMETERS)
            .map(|n| Did::parse(&format!("did:web:a{n}")).unwrap())
            .collect();
        let most = Wanted {
            kinds: &[Kind::Commit],
            dids: &dids[..9990],
            max_message_bytes: 1,
            dictionary: Some(1),
            ..Wanted::default()
        };
        assert!(most.fits());
        for n in 9990..MAX_PARAMETERS {
            let wanted = Wanted {
                dids: &dids[..n],
                ..most
            };
            if wanted.fits() {
                let parameters = wanted.query(Some(1)).split('&').count();
                assert!(parameters <= MAX_PARAMETERS, "{parameters}");
            }
        }
        let too_many = Wanted {
            dids: &dids,
            ..most
        };
        assert!(!too_many.fits());
        let long = Did::parse(&format!("did:web:{}", "a".repeat(2000))).unwrap();
        let long = vec![long; 500];
        let too_long = Wanted {
            dids: &long,
            ..most
        };
        assert!(!too_long.fits());
    }
}
