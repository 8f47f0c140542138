//! What a consumer of the v2 wire asks for: the query of `subscribeEvents`.
//!
//! Stricter than on the v1 wire (protocol reference, section 2.1): what would be passed over there
//! is refused here, so that nobody gets other events than they think.

use std::str::FromStr;

use url::form_urlencoded;

use super::dictionary;
use crate::{
    error::ParseError,
    event::{CollectionPattern, Did, Kind, NameError},
    serve::options::{Cursor, Options, Query, is_well_encoded},
    source::jetstream::JetstreamSettings,
    wire::v2::{MAX_PARAMETERS, error, param},
};

/// What can be asked for by its kind.
const KINDS: [Kind; 4] = [Kind::Commit, Kind::Identity, Kind::Account, Kind::Sync];

/// Parameters of the v1 wire, and what does the same here.
const OF_V1: [(&str, &str); 3] = [
    ("wantedDids", "on this wire it is dids"),
    ("wantedCollections", "on this wire it is collections"),
    ("requireHello", "on this wire consumers send nothing"),
];

/// Why a query is refused.
#[derive(Debug, thiserror::Error)]
pub(in crate::serve) enum QueryError {
    #[error("the query is not well encoded: a % needs two hexadecimal digits")]
    Encoding,
    #[error("there are more than {MAX_PARAMETERS} query parameters")]
    Parameters,
    #[error("{0} belongs to /subscribe: {1}")]
    OfV1(&'static str, &'static str),
    #[error(
        "compress=true and Socket-Encoding belong to /subscribe: on this wire it is zstdDictionary, with the id that getZstdDictionary tells"
    )]
    Compress,
    #[error("{0}")]
    Name(#[from] ParseError),
    #[error("{0} are too many: at most {1} values")]
    TooMany(&'static str, usize),
    #[error("there is no kind of this name: write commit, identity, account or sync")]
    Kind,
    #[error("collections speak of commits, which kinds leaves out")]
    NoCommits,
    #[error("{0} takes one number from {1} to {2}")]
    Number(&'static str, u64, u64),
    #[error("there is no dictionary {0}: it is {1}, as getZstdDictionary tells")]
    UnknownDictionary(u32, u32),
}

impl QueryError {
    /// The error's name in the answer.
    pub(in crate::serve) fn name(&self) -> &'static str {
        match self {
            Self::UnknownDictionary(..) => error::UNKNOWN_ZSTD_DICTIONARY,
            _ => error::INVALID_REQUEST,
        }
    }
}

/// Reads the query of a request's target, without its question mark.
pub(in crate::serve) fn parse(query: &str, wants_v1_zstd: bool) -> Result<Query, QueryError> {
    if !is_well_encoded(query) {
        return Err(QueryError::Encoding);
    }
    if query.split('&').count() > MAX_PARAMETERS {
        return Err(QueryError::Parameters);
    }
    let (mut collections, mut dids, mut kinds) = (Vec::new(), Vec::new(), Vec::new());
    let (mut cursor, mut dictionary, mut max_bytes) = (None, None, None);
    let mut is_compress = wants_v1_zstd;
    for (name, value) in form_urlencoded::parse(query.as_bytes()) {
        match &*name {
            param::COLLECTIONS => {
                collections.push(collection(&value)?);
                at_most(
                    param::COLLECTIONS,
                    &collections,
                    JetstreamSettings::MAX_COLLECTIONS,
                )?;
            }
            param::DIDS => {
                dids.push(Did::parse(&value)?);
                at_most(param::DIDS, &dids, JetstreamSettings::MAX_DIDS)?;
            }
            param::KINDS => {
                let kind = KINDS.into_iter().find(|kind| kind.as_str() == value);
                kinds.push(kind.ok_or(QueryError::Kind)?);
                at_most(param::KINDS, &kinds, KINDS.len())?;
            }
            param::MAX_MESSAGE_SIZE_BYTES => {
                let limit = number(param::MAX_MESSAGE_SIZE_BYTES, &value, 0, u32::MAX)?;
                if max_bytes.replace(limit).is_some() {
                    let most = u32::MAX.into();
                    return Err(QueryError::Number(param::MAX_MESSAGE_SIZE_BYTES, 0, most));
                }
            }
            // Of these the first value counts.
            param::CURSOR => cursor = cursor.or(Some(value)),
            param::ZSTD_DICTIONARY => dictionary = dictionary.or(Some(value)),
            "compress" => is_compress |= value == "true",
            other => {
                if let Some((of_v1, instead)) = OF_V1.into_iter().find(|(name, _)| *name == other) {
                    return Err(QueryError::OfV1(of_v1, instead));
                }
            }
        }
    }
    if is_compress {
        return Err(QueryError::Compress);
    }
    if !collections.is_empty() && !kinds.is_empty() && !kinds.contains(&Kind::Commit) {
        return Err(QueryError::NoCommits);
    }
    Ok(Query {
        options: Options::of(collections, dids, kinds, max_bytes.unwrap_or_default()),
        cursor: match cursor.as_deref().unwrap_or_default() {
            "" => Cursor::Tip,
            text => Cursor::of(number(param::CURSOR, text, 0, i64::MAX.unsigned_abs())?),
        },
        compress: match dictionary.as_deref().unwrap_or_default() {
            "" => false,
            text => is_ours(number(param::ZSTD_DICTIONARY, text, 1, u32::MAX)?)?,
        },
        require_hello: false,
    })
}

/// A collection or a prefix, with which an NSID has to be able to begin.
pub(in crate::serve) fn collection(text: &str) -> Result<CollectionPattern, ParseError> {
    let pattern = CollectionPattern::parse(text)?;
    match pattern.prefix() {
        // An NSID has to be able to begin so.
        Some(prefix) => CollectionPattern::parse(&[prefix, "x"].concat()).map_or_else(
            |_| Err(NameError::Collection(text.to_owned()).into()),
            |_| Ok(pattern),
        ),
        None => Ok(pattern),
    }
}

fn at_most<T>(name: &'static str, values: &[T], most: usize) -> Result<(), QueryError> {
    if values.len() > most {
        return Err(QueryError::TooMany(name, most));
    }
    Ok(())
}

/// A number of digits alone.
fn number<T: FromStr + PartialOrd + Copy + Into<u64>>(
    name: &'static str,
    text: &str,
    least: T,
    most: T,
) -> Result<T, QueryError> {
    let number = text.parse().ok();
    let number = number.filter(|_| text.bytes().all(|byte| byte.is_ascii_digit()));
    number
        .filter(|number| (least..=most).contains(number))
        .ok_or(QueryError::Number(name, least.into(), most.into()))
}

/// Whether events are to be compressed, with the only dictionary there is.
fn is_ours(id: u32) -> Result<bool, QueryError> {
    if id == dictionary::ID && dictionary::IS_USED {
        return Ok(true);
    }
    Err(QueryError::UnknownDictionary(id, dictionary::ID))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(query: &str) -> String {
        let error = parse(query, false).expect_err(query);
        format!("{}: {error}", error.name())
    }

    #[test]
    fn a_query_says_what_is_wanted_on_each_of_its_axes() {
        let query = parse(
            "kinds=commit&kinds=sync&collections=app.bsky.feed.*&collections=fm.teal.alpha.feed.play&dids=did%3Aplc%3Aa&maxMessageSizeBytes=500&cursor=7&unknown=1",
            false,
        );
        let query = query.unwrap();
        let words = query.options.filter.description();
        for word in [
            "commit, sync",
            "app.bsky.feed.*",
            "fm.teal.alpha.feed.play",
            "did:plc:a",
        ] {
            assert!(words.contains(word), "{words}");
        }
        assert_eq!(
            (query.options.max_bytes, query.cursor),
            (500, Cursor::Seq(7))
        );
        assert!(!query.compress && !query.require_hello);
    }

    #[test]
    fn a_cursor_is_digits_and_the_first_of_several_counts() {
        for (text, expected) in [
            ("", Cursor::Tip),
            ("cursor=", Cursor::Tip),
            ("cursor=0", Cursor::Seq(0)),
            ("cursor=1&cursor=5", Cursor::Seq(1)),
            ("cursor=999999999999999", Cursor::Seq(999_999_999_999_999)),
            (
                "cursor=1000000000000000",
                Cursor::Time(1_000_000_000_000_000),
            ),
            (
                "cursor=9223372036854775807",
                Cursor::Time(i64::MAX.unsigned_abs()),
            ),
        ] {
            assert_eq!(parse(text, false).unwrap().cursor, expected, "{text}");
        }
        for text in ["-1", "%2B5", "5.0", "x", "9223372036854775808"] {
            let why = refused(&format!("cursor={text}"));
            assert!(why.starts_with("InvalidRequest: cursor takes"), "{why}");
        }
    }

    #[test]
    fn what_servers_refuse_is_refused_by_its_name() {
        let many = |name: &str, value: &str, n: usize| vec![format!("{name}={value}"); n].join("&");
        for (query, words) in [
            ("a=%zz".to_owned(), "not well encoded"),
            ("wantedDids=".to_owned(), "wantedDids belongs to /subscribe"),
            ("wantedCollections=a.b.c".to_owned(), "it is collections"),
            ("requireHello=false".to_owned(), "consumers send nothing"),
            ("compress=true".to_owned(), "it is zstdDictionary"),
            ("kinds=".to_owned(), "no kind of this name"),
            ("kinds=other".to_owned(), "no kind of this name"),
            (many("kinds", "commit", 5), "kinds are too many"),
            (
                "kinds=sync&collections=a.b.c".to_owned(),
                "speak of commits",
            ),
            ("collections=a.b,c.d".to_owned(), "not a collection"),
            (
                "collections=app.*".to_owned(),
                "'app.*' is not a collection",
            ),
            ("collections=".to_owned(), "not a collection"),
            (many("collections", "a.b.c", 101), "at most 100 values"),
            ("dids=alice.example".to_owned(), "not a DID"),
            (many("dids", "did:plc:a", 10_001), "more than 10000 query"),
            ("maxMessageSizeBytes=".to_owned(), "from 0 to 4294967295"),
            (
                "maxMessageSizeBytes=4294967296".to_owned(),
                "takes one number",
            ),
            (many("maxMessageSizeBytes", "5", 2), "takes one number"),
            ("zstdDictionary=0".to_owned(), "from 1 to"),
            ("zstdDictionary=x".to_owned(), "from 1 to"),
        ] {
            let why = refused(&query);
            assert!(
                why.starts_with("InvalidRequest: ") && why.contains(words),
                "{why}"
            );
        }
        assert!(parse("", true).is_err(), "Socket-Encoding: zstd");
        for fine in [
            "compress=false",
            "kinds=sync",
            &many("dids", "did:plc:a", 10_000),
        ] {
            assert!(parse(fine, false).is_ok());
        }
    }

    #[test]
    fn only_the_dictionary_that_is_served_can_be_named() {
        assert!(refused("zstdDictionary=5").starts_with("UnknownZstdDictionary: "));
        let ours = parse(&format!("zstdDictionary={}", dictionary::ID), false);
        assert_eq!(ours.is_ok_and(|query| query.compress), dictionary::IS_USED);
    }
}
