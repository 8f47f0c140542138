//! What a consumer asks for: the query of `/subscribe`, and the messages that change it.
//!
//! Protocol reference, sections 1.1 and 1.8. Limits, defaults and errors are those of servers; the
//! words are our own.

mod error;

use serde::{Deserialize, de::IgnoredAny};
use serde_json::value::RawValue;
use url::form_urlencoded;

pub(super) use self::error::OptionsError;
use super::{line::present, names::NameList};
use crate::{
    event::{CollectionPattern, Did, Kind},
    filter::Filter,
    wire::v2::{FIRST_TIME_CURSOR, MAX_PARAMETERS},
};

/// What a name of a filter takes beside its text: measured with ten thousand DIDs, and rounded up.
const NAME_BYTES: usize = 96;

/// Which events a consumer gets.
#[derive(Debug, Clone, Default)]
pub(super) struct Options {
    pub(super) filter: Filter,
    /// Larger events are left out; 0 for no limit.
    pub(super) max_bytes: u32,
    /// How much memory the filter takes.
    pub(super) held_bytes: usize,
}

/// Where a consumer begins.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) enum Cursor {
    /// At the live tip.
    #[default]
    Tip,
    Seq(u64),
    Time(u64),
}

/// All that a query says.
#[derive(Debug, Default)]
pub(super) struct Query {
    pub(super) options: Options,
    pub(super) cursor: Cursor,
    pub(super) compress: bool,
    pub(super) require_hello: bool,
}

impl Options {
    fn new(
        collections: NameList<CollectionPattern>,
        dids: NameList<Did>,
        max_bytes: u32,
    ) -> Result<Self, OptionsError> {
        let (collections, dids) = (collections.finish()?, dids.finish()?);
        Ok(Self::of(collections, dids, Vec::new(), max_bytes))
    }

    pub(super) fn of(
        collections: Vec<CollectionPattern>,
        dids: Vec<Did>,
        kinds: Vec<Kind>,
        max_bytes: u32,
    ) -> Self {
        let texts = collections.iter().map(CollectionPattern::as_str);
        let texts = texts.chain(dids.iter().map(Did::as_str));
        let names_bytes: usize = texts.map(|text| text.len() + NAME_BYTES).sum();
        let filter = Filter::new()
            .collections(collections)
            .dids(dids)
            .kinds(kinds);
        Self {
            held_bytes: names_bytes + filter.description().len(),
            filter,
            max_bytes,
        }
    }
}

impl Query {
    /// Reads the query of a request's target, without its question mark.
    pub(super) fn parse(query: &str, legacy: bool) -> Result<Self, OptionsError> {
        if !is_well_encoded(query) {
            return Err(OptionsError::Encoding);
        }
        if !legacy && query.split('&').count() > MAX_PARAMETERS {
            return Err(OptionsError::Parameters);
        }
        let (mut collections, mut dids) = (NameList::default(), NameList::default());
        let [mut cursor, mut compress, mut hello, mut max_bytes] = [const { None }; 4];
        for (name, value) in form_urlencoded::parse(query.as_bytes()) {
            // Of what is not a list the first value counts.
            match &*name {
                "wantedCollections" => collections.add(&value),
                "wantedDids" => dids.add(&value),
                "cursor" => cursor = cursor.or(Some(value)),
                "compress" => compress = compress.or(Some(value)),
                "requireHello" => hello = hello.or(Some(value)),
                "maxMessageSizeBytes" => max_bytes = max_bytes.or(Some(value)),
                _ => {}
            }
        }
        let max_bytes = max_bytes.and_then(|text| text.parse().ok());
        Ok(Self {
            options: Options::new(collections, dids, max_bytes.unwrap_or_default())?,
            cursor: Cursor::parse(cursor.as_deref().unwrap_or_default(), legacy)?,
            compress: compress.as_deref() == Some("true"),
            require_hello: hello.as_deref() == Some("true"),
        })
    }
}

impl Cursor {
    fn parse(text: &str, legacy: bool) -> Result<Self, OptionsError> {
        if text.is_empty() {
            return Ok(Self::Tip);
        }
        let number: i64 = text.parse().map_err(|_| OptionsError::Cursor)?;
        match u64::try_from(number) {
            Ok(time_us) if legacy => Ok(Self::Time(time_us)),
            Ok(number) => Ok(Self::of(number)),
            // A legacy server takes it for a time before 1970.
            Err(_) if legacy => Ok(Self::Time(0)),
            Err(_) => Err(OptionsError::NegativeCursor),
        }
    }

    /// A number is the server's own, or microseconds since 1970 where it is large.
    pub(super) fn of(number: u64) -> Self {
        if number < FIRST_TIME_CURSOR {
            Self::Seq(number)
        } else {
            Self::Time(number)
        }
    }
}

/// Whether every `%` is followed by two hexadecimal digits.
pub(super) fn is_well_encoded(query: &str) -> bool {
    query
        .as_bytes()
        .split(|byte| *byte == b'%')
        .skip(1)
        .all(|rest| {
            rest.get(..2)
                .is_some_and(|digits| digits.iter().all(u8::is_ascii_hexdigit))
        })
}

/// What a message of a consumer leads to.
#[derive(Debug)]
pub(super) enum Update {
    /// Nothing: its type is not known.
    None,
    /// Other options from now on.
    Options(Options),
    /// The end: it is no such message.
    Malformed(&'static str),
    /// The end: what it asks for is not possible.
    Invalid(OptionsError),
}

#[derive(Deserialize)]
struct Envelope<'a> {
    #[serde(borrow, rename = "type", default)]
    kind: Option<std::borrow::Cow<'a, str>>,
    #[serde(borrow, default, deserialize_with = "present")]
    payload: Option<&'a RawValue>,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase", default)]
struct Payload {
    wanted_collections: Option<NameList<CollectionPattern>>,
    wanted_dids: Option<NameList<Did>>,
    max_message_size_bytes: Option<i64>,
}

impl Update {
    /// Reads a text message.
    pub(super) fn parse(message: &[u8]) -> Self {
        let envelope = serde_json::from_slice::<Envelope<'_>>(message);
        // An array would be taken for an object without names.
        let is_object = message.trim_ascii_start().starts_with(b"{");
        let Some(envelope) = envelope.ok().filter(|_| is_object) else {
            let is_json = serde_json::from_slice::<IgnoredAny>(message).is_ok();
            return Self::Malformed(if is_json {
                "the message is not an object with a type"
            } else {
                "the message is not JSON"
            });
        };
        if envelope.kind.as_deref() != Some("options_update") {
            return Self::None;
        }
        let payload = envelope.payload.map_or("", RawValue::get);
        let is_object = payload.starts_with('{') || payload == "null";
        let payload = serde_json::from_str::<Option<Payload>>(payload);
        let Some(payload) = payload.ok().filter(|_| is_object) else {
            return Self::Malformed("the payload of options_update has values of other types");
        };
        let payload = payload.unwrap_or_default();
        let size = payload.max_message_size_bytes.unwrap_or_default();
        match Options::new(
            payload.wanted_collections.unwrap_or_default(),
            payload.wanted_dids.unwrap_or_default(),
            u32::try_from(size).unwrap_or_default(),
        ) {
            Ok(options) => Self::Options(options),
            Err(error) => Self::Invalid(error),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(query: &str) -> Result<Query, String> {
        Query::parse(query, false).map_err(|error| error.to_string())
    }

    #[test]
    fn a_query_says_what_is_wanted() {
        let query = parse(
            "wantedCollections=app.bsky.feed.*&wantedCollections=app.bsky.graph.follow&wantedDids=did%3Aplc%3Aa&maxMessageSizeBytes=500&cursor=7&compress=true&requireHello=true&zstdDictionary=1",
        );
        let query = query.unwrap();
        let words = query.options.filter.description().to_owned();
        for word in ["app.bsky.feed.*", "app.bsky.graph.follow", "did:plc:a"] {
            assert!(words.contains(word), "{words}");
        }
        assert_eq!(
            (query.options.max_bytes, query.cursor),
            (500, Cursor::Seq(7))
        );
        assert!(query.compress && query.require_hello);
    }

    #[test]
    fn only_the_exact_word_true_counts() {
        for value in ["", "1", "True", "yes", "false&compress=true"] {
            assert!(
                !parse(&format!("compress={value}")).unwrap().compress,
                "{value}"
            );
        }
    }

    #[test]
    fn a_size_that_is_no_number_is_no_limit() {
        for value in ["", "x", "-1", "4294967296", "1.5"] {
            let query = parse(&format!("maxMessageSizeBytes={value}")).unwrap();
            assert_eq!(query.options.max_bytes, 0, "{value}");
        }
    }

    #[test]
    fn a_cursors_size_tells_number_from_time_unless_legacy() {
        let cases = [
            ("", Ok(Cursor::Tip), Ok(Cursor::Tip)),
            ("0", Ok(Cursor::Seq(0)), Ok(Cursor::Time(0))),
            (
                "999999999999999",
                Ok(Cursor::Seq(999_999_999_999_999)),
                Ok(Cursor::Time(999_999_999_999_999)),
            ),
            (
                "1000000000000000",
                Ok(Cursor::Time(1_000_000_000_000_000)),
                Ok(Cursor::Time(1_000_000_000_000_000)),
            ),
            ("-1", Err("cursor is negative"), Ok(Cursor::Time(0))),
            ("1.5", Err("cursor is not"), Err("cursor is not")),
            (
                "99999999999999999999",
                Err("cursor is not"),
                Err("cursor is not"),
            ),
        ];
        for (text, new, legacy) in cases {
            for (expected, legacy) in [(new, false), (legacy, true)] {
                let found = Cursor::parse(text, legacy).map_err(|error| error.to_string());
                match (&found, expected) {
                    (Err(found), Err(expected)) => assert!(found.starts_with(expected), "{found}"),
                    (found, expected) => assert_eq!(
                        found.as_ref().ok(),
                        expected.ok().as_ref(),
                        "{text} {legacy}"
                    ),
                }
            }
        }
    }

    #[test]
    fn what_a_server_refuses_is_refused() {
        let many = |name: &str, value: &dyn Fn(usize) -> String, n: usize| {
            (0..n)
                .map(|i| [name, "=", &value(i)].concat())
                .collect::<Vec<_>>()
                .join("&")
        };
        let collection = |i: usize| format!("app.bsky.feed.a{i}");
        let did = |i: usize| format!("did:plc:a{i}");
        let same = |_: usize| "app.bsky.feed.post".to_owned();
        for (query, is_fine) in [
            ("wantedCollections=".to_owned(), false),
            ("wantedCollections=*".to_owned(), false),
            ("wantedCollections=app.bsky.fo*".to_owned(), false),
            ("wantedCollections=a_b.*".to_owned(), true),
            ("wantedDids=alice.example".to_owned(), false),
            ("cursor=%zz".to_owned(), false),
            ("a=%".to_owned(), false),
            (many("wantedCollections", &collection, 100), true),
            (many("wantedCollections", &collection, 101), false),
            (many("wantedCollections", &same, 10_000), true),
            (many("wantedCollections", &same, 10_001), false),
            (many("wantedDids", &did, 10_000), true),
            (many("wantedDids", &did, 10_001), false),
        ] {
            let start: String = query.chars().take(60).collect();
            assert_eq!(parse(&query).is_ok(), is_fine, "{start}");
        }
    }

    #[test]
    fn a_message_replaces_the_options_or_ends_the_connection() {
        let update = |text: &str| match Update::parse(text.as_bytes()) {
            Update::None => "nothing".to_owned(),
            Update::Options(options) => {
                format!("{}, {}", options.filter.description(), options.max_bytes)
            }
            Update::Malformed(_) => "malformed".to_owned(),
            Update::Invalid(_) => "invalid".to_owned(),
        };
        let of = |payload: &str| format!(r#"{{"type":"options_update","payload":{payload}}}"#);
        let everything = "all kinds of events, 0";
        for (message, expected) in [
            (of("{}"), everything),
            (of("null"), everything),
            (
                of(
                    r#"{"wantedCollections":null,"wantedDids":[],"maxMessageSizeBytes":-5,"more":1}"#,
                ),
                everything,
            ),
            (
                of(r#"{"maxMessageSizeBytes":12}"#),
                "all kinds of events, 12",
            ),
            (of(r#"{"maxMessageSizeBytes":1.5}"#), "malformed"),
            (of(r#"{"maxMessageSizeBytes":"1"}"#), "malformed"),
            (
                of(r#"{"wantedCollections":"app.bsky.feed.post"}"#),
                "malformed",
            ),
            (of(r#"{"wantedDids":[1]}"#), "malformed"),
            (of("[]"), "malformed"),
            (of(r#"{"wantedCollections":["nothing"]}"#), "invalid"),
            (of(r#"{"wantedDids":[""]}"#), "invalid"),
            (r#"{"type":"options_update"}"#.to_owned(), "malformed"),
            (
                r#"{"type":"something_else","payload":[1]}"#.to_owned(),
                "nothing",
            ),
            ("{}".to_owned(), "nothing"),
            (r#"{"type":1}"#.to_owned(), "malformed"),
            ("[]".to_owned(), "malformed"),
            ("hello".to_owned(), "malformed"),
            (String::new(), "malformed"),
        ] {
            assert_eq!(update(&message), expected, "{message}");
        }
    }
}
