//! What a plan is asked for: the body of `planSnapshot`.

use std::{borrow::Cow, collections::BTreeSet};

use serde::Deserialize;

use crate::{
    error::ParseError,
    event::{CollectionPattern, Did, Kind},
    segment::AccountHash,
    serve::{answer::Answer, v2::query::collection},
    source::jetstream::JetstreamSettings,
    wire::v2::{error, param},
};

/// What can be asked for by its kind.
const KINDS: [Kind; 4] = [Kind::Commit, Kind::Identity, Kind::Account, Kind::Sync];

/// Which events are wanted. What nothing is said of is all wanted.
#[derive(Debug, Default)]
pub(in crate::serve::archive::calls) struct PlanRequest {
    kinds: Vec<Kind>,
    pub(super) accounts: Vec<AccountHash>,
    collections: BTreeSet<String>,
    /// Each with its dot behind.
    prefixes: Vec<String>,
    after: Option<u64>,
    before: Option<u64>,
}

/// Why nothing is planned.
#[derive(Debug, thiserror::Error)]
pub(in crate::serve::archive::calls) enum PlanError {
    #[error("the body is not an object of JSON with kinds, dids, collections, afterSeq, beforeSeq")]
    Body,
    #[error("{0}")]
    Name(#[from] ParseError),
    #[error("{0} are too many: at most {1} values")]
    TooMany(&'static str, usize),
    #[error("there is no kind of this name: write commit, identity, account or sync")]
    Kind,
    #[error("collections speak of commits, which kinds leaves out")]
    NoCommits,
    #[error("{0} is negative")]
    Negative(&'static str),
    #[error("beforeSeq has to be greater than afterSeq")]
    Window,
}

impl From<&PlanError> for Answer {
    fn from(why: &PlanError) -> Self {
        Self::error(400, error::INVALID_REQUEST, &why.to_string())
    }
}

/// The body as it comes. Members that are not known are passed over.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Body<'a> {
    #[serde(borrow, default)]
    kinds: Option<Vec<Cow<'a, str>>>,
    #[serde(borrow, default)]
    dids: Option<Vec<Cow<'a, str>>>,
    #[serde(borrow, default)]
    collections: Option<Vec<Cow<'a, str>>>,
    #[serde(default)]
    after_seq: Option<i64>,
    #[serde(default)]
    before_seq: Option<i64>,
}

impl PlanRequest {
    /// Reads a body. As servers do, it is not minded what follows the object.
    pub(in crate::serve::archive::calls) fn parse(body: &[u8]) -> Result<Self, PlanError> {
        // An array would be taken for an object without names.
        if !body.trim_ascii_start().starts_with(b"{") {
            return Err(PlanError::Body);
        }
        let mut read = serde_json::Deserializer::from_slice(body);
        let body = Body::deserialize(&mut read).map_err(|_| PlanError::Body)?;
        let mut request = Self {
            after: number("afterSeq", body.after_seq)?,
            before: number("beforeSeq", body.before_seq)?,
            ..Self::default()
        };
        for name in few(param::KINDS, body.kinds, KINDS.len())? {
            let kind = KINDS.into_iter().find(|kind| kind.as_str() == name);
            request.kinds.push(kind.ok_or(PlanError::Kind)?);
        }
        let dids = few(param::DIDS, body.dids, JetstreamSettings::MAX_DIDS)?;
        let dids = dids.iter().map(|did| Did::parse(did));
        let dids: BTreeSet<_> = dids.collect::<Result<_, _>>()?;
        let hashes = dids
            .iter()
            .map(|did| AccountHash::of(did.as_str().as_bytes()));
        request.accounts = hashes.collect();
        let most = JetstreamSettings::MAX_COLLECTIONS;
        for name in few(param::COLLECTIONS, body.collections, most)? {
            request.want(&collection(&name)?);
        }
        let has_collections = !(request.collections.is_empty() && request.prefixes.is_empty());
        if has_collections && !request.wants(Kind::Commit) {
            return Err(PlanError::NoCommits);
        }
        match (request.after, request.before) {
            (Some(after), Some(before)) if before <= after => Err(PlanError::Window),
            _ => Ok(request),
        }
    }

    fn want(&mut self, pattern: &CollectionPattern) {
        match pattern.prefix() {
            Some(prefix) => self.prefixes.push(prefix.to_owned()),
            None => {
                self.collections.insert(pattern.as_str().to_owned());
            }
        }
    }

    /// Whether events of a kind are wanted.
    pub(super) fn wants(&self, kind: Kind) -> bool {
        self.kinds.is_empty() || self.kinds.contains(&kind)
    }

    /// Whether commits of a collection are wanted.
    pub(super) fn wants_collection(&self, name: &[u8]) -> bool {
        let is_any = self.collections.is_empty() && self.prefixes.is_empty();
        let is_named = || str::from_utf8(name).is_ok_and(|name| self.collections.contains(name));
        let begins = || {
            let mut prefixes = self.prefixes.iter();
            prefixes.any(|prefix| name.starts_with(prefix.as_bytes()))
        };
        self.wants(Kind::Commit) && (is_any || is_named() || begins())
    }

    /// Whether it says nothing of kinds and collections.
    pub(super) fn is_of_all_kinds(&self) -> bool {
        self.kinds.is_empty() && self.collections.is_empty() && self.prefixes.is_empty()
    }

    /// Whether any number of a range is asked for.
    pub(super) fn reaches(&self, min_seq: u64, max_seq: u64) -> bool {
        self.after.is_none_or(|after| max_seq > after)
            && self.before.is_none_or(|before| min_seq <= before)
    }

    /// Whether all numbers of a range are.
    pub(super) fn covers(&self, min_seq: u64, max_seq: u64) -> bool {
        self.after.is_none_or(|after| min_seq > after)
            && self.before.is_none_or(|before| max_seq <= before)
    }

    /// How far it is planned where the archive ends with this number.
    pub(super) fn capped(&self, tip: u64) -> u64 {
        self.before.map_or(tip, |before| before.min(tip))
    }
}

fn number(name: &'static str, number: Option<i64>) -> Result<Option<u64>, PlanError> {
    let unsigned = |number| u64::try_from(number).map_err(|_| PlanError::Negative(name));
    number.map(unsigned).transpose()
}

/// Values are counted before those that are there twice are one.
fn few<'a>(
    name: &'static str,
    values: Option<Vec<Cow<'a, str>>>,
    most: usize,
) -> Result<Vec<Cow<'a, str>>, PlanError> {
    let values = values.unwrap_or_default();
    if values.len() > most {
        return Err(PlanError::TooMany(name, most));
    }
    Ok(values)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(body: &str) -> String {
        let error = PlanRequest::parse(body.as_bytes()).expect_err(body);
        error.to_string()
    }

    #[test]
    fn a_body_says_what_is_wanted_on_each_of_its_axes() {
        let request = PlanRequest::parse(
            br#" {"kinds":["commit","sync"],"dids":["did:plc:a","did:plc:a"],"afterSeq":5,"other":[],
               "collections":["app.bsky.feed.post","app.bsky.graph.*"],"beforeSeq":9} {"#,
        );
        let request = request.unwrap();
        assert_eq!(request.accounts, [AccountHash::of(b"did:plc:a")]);
        assert!(request.wants(Kind::Sync) && !request.wants(Kind::Account));
        for (name, is_wanted) in [
            ("app.bsky.feed.post", true),
            ("app.bsky.feed.posts", false),
            ("app.bsky.graph.follow", true),
            ("app.bsky.graphs.follow", false),
        ] {
            assert_eq!(
                request.wants_collection(name.as_bytes()),
                is_wanted,
                "{name}"
            );
        }
        for (range, reaches, covers) in [
            ((1, 5), false, false),
            ((5, 6), true, false),
            ((6, 9), true, true),
            ((9, 10), true, false),
            ((10, 11), false, false),
        ] {
            assert_eq!(request.reaches(range.0, range.1), reaches, "{range:?}");
            assert_eq!(request.covers(range.0, range.1), covers, "{range:?}");
        }
        assert_eq!((request.capped(100), request.capped(7)), (9, 7));
        let all = PlanRequest::parse(br#"{"kinds":null,"dids":[]}"#).unwrap();
        assert!(all.is_of_all_kinds() && all.reaches(0, 1) && all.capped(4) == 4);
        let none = PlanRequest::parse(br#"{"beforeSeq":0}"#).unwrap();
        assert!(!none.reaches(1, 1) && none.capped(4) == 0);
    }

    #[test]
    fn what_servers_refuse_is_refused() {
        let many = |value: &str, n: usize| vec![format!("\"{value}\""); n].join(",");
        for (body, words) in [
            (String::new(), "not an object"),
            ("[]".to_owned(), "not an object"),
            (r#"{"kinds":"#.to_owned(), "not an object"),
            (r#"{"afterSeq":1.5}"#.to_owned(), "not an object"),
            (r#"{"afterSeq":-1}"#.to_owned(), "afterSeq is negative"),
            (r#"{"beforeSeq":-1}"#.to_owned(), "beforeSeq is negative"),
            (r#"{"afterSeq":5,"beforeSeq":5}"#.to_owned(), "greater than"),
            (r#"{"afterSeq":0,"beforeSeq":0}"#.to_owned(), "greater than"),
            (r#"{"kinds":["info"]}"#.to_owned(), "no kind of this name"),
            (
                format!(r#"{{"kinds":[{}]}}"#, many("commit", 5)),
                "kinds are too many",
            ),
            (
                format!(r#"{{"dids":[{}]}}"#, many("did:plc:a", 10_001)),
                "dids are too many",
            ),
            (
                format!(r#"{{"collections":[{}]}}"#, many("a.b.c", 101)),
                "collections are too many",
            ),
            (r#"{"dids":["alice"]}"#.to_owned(), "not a DID"),
            (
                r#"{"collections":["app.*"]}"#.to_owned(),
                "not a collection",
            ),
            (r#"{"collections":["app"]}"#.to_owned(), "not a collection"),
            (
                r#"{"kinds":["sync"],"collections":["a.b.c"]}"#.to_owned(),
                "speak of commits",
            ),
        ] {
            let why = refused(&body);
            assert!(why.contains(words), "{body}: {why}");
        }
    }
}
