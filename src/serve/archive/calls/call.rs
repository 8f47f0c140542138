//! Which call a request is, and what it asks for.

use std::num::NonZeroUsize;

use url::form_urlencoded;

use super::{conditions::Conditions, key::Credential};
use crate::{
    segment::{segment_index, segment_name},
    serve::answer::Answer,
    wire::{
        http::{Headers, Request},
        v2::{
            archive::{BLOCK_PATH, LIST_PATH, MAX_LISTED, PLAN_PATH, SEGMENT_PATH},
            error,
        },
    },
};

/// How many files are on a page of the list where nobody says.
const LISTED: usize = 100;

/// A call, whose body is still to come.
#[derive(Debug)]
pub(in crate::serve) struct Call {
    pub(super) asked: Asked,
    pub(super) conditions: Conditions,
    pub(super) credential: Credential,
    /// Where it was asked for: the path and the query.
    pub(super) target: String,
    pub(in crate::serve) body: BodyLength,
    /// Whether the connection is for the next request then.
    pub(in crate::serve) is_kept: bool,
}

/// What is asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Asked {
    Plan,
    List {
        limit: usize,
        from: u64,
    },
    Segment {
        index: u64,
    },
    Block {
        index: u64,
        block: u64,
    },
    /// It cannot be understood.
    Nothing(BadCall),
}

/// How long the body of a request is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::serve) enum BodyLength {
    Bytes {
        n: usize,
        /// It comes once it is asked for.
        is_announced: bool,
    },
    /// It is not said before it comes, or cannot be understood.
    Unknown,
}

/// Why a call cannot be understood.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(super) enum BadCall {
    #[error("the parameter {0} is missing")]
    Missing(&'static str),
    #[error("the parameter {0} is {1}")]
    Number(&'static str, &'static str),
    #[error("a segment is named seg_, 10 digits of base 36 in lower case, and .jss")]
    Name,
}

impl From<&BadCall> for Answer {
    fn from(bad: &BadCall) -> Self {
        Self::error(400, error::INVALID_REQUEST, &bad.to_string())
    }
}

impl Call {
    /// Reads a request for this path; `None` where it is no call, and what it is answered where it
    /// is asked by another method than its own.
    pub(in crate::serve) fn parse(
        request: &Request<'_>,
        path: &str,
        query: &str,
    ) -> Option<Result<Self, Answer>> {
        let headers = &request.headers;
        let expected = if path == PLAN_PATH { "POST" } else { "GET" };
        let asked = match path {
            PLAN_PATH => Ok(Asked::Plan),
            LIST_PATH => list(query),
            SEGMENT_PATH => name(query, "name").map(|index| Asked::Segment { index }),
            BLOCK_PATH => block(query),
            _ => return None,
        };
        if request.method != expected {
            let text = format!("only {expected}");
            let answer = Answer::error(405, error::METHOD_NOT_ALLOWED, &text);
            return Some(Err(answer.header("Allow", expected)));
        }
        Some(Ok(Self {
            asked: asked.unwrap_or_else(Asked::Nothing),
            conditions: Conditions::of(headers),
            credential: Credential::of(headers),
            target: [path, "?", query].concat(),
            body: BodyLength::of(headers),
            is_kept: request.is_kept,
        }))
    }
}

impl Call {
    /// Whether it says who asks.
    pub(in crate::serve) fn has_authorization(&self) -> bool {
        self.credential != Credential::None
    }
}

impl BodyLength {
    fn of(headers: &Headers<'_>) -> Self {
        let mut lengths = headers.texts("content-length");
        let n = match (lengths.next(), lengths.next()) {
            (None, _) => Some(0),
            (Some(digits), None) if digits.bytes().all(|byte| byte.is_ascii_digit()) => {
                digits.parse().ok()
            }
            _ => None,
        };
        let is_coded = headers.values("transfer-encoding").next().is_some();
        let expects = |text: &str| text.eq_ignore_ascii_case("100-continue");
        match n.filter(|_| !is_coded) {
            None => Self::Unknown,
            Some(n) => Self::Bytes {
                n,
                is_announced: headers.texts("expect").any(expects),
            },
        }
    }
}

/// The first value of a parameter.
fn parameter(query: &str, name: &'static str) -> Option<String> {
    let mut parameters = form_urlencoded::parse(query.as_bytes());
    let found = parameters.find(|(found, _)| found == name);
    found.map(|(_, value)| value.into_owned())
}

fn name(query: &str, of: &'static str) -> Result<u64, BadCall> {
    let name = parameter(query, of).ok_or(BadCall::Missing(of))?;
    // Nothing but a name, and no other way to write it.
    let index = segment_index(name.as_ref()).filter(|index| segment_name(*index) == name);
    index.ok_or(BadCall::Name)
}

fn list(query: &str) -> Result<Asked, BadCall> {
    let limit = match parameter(query, "limit") {
        None => LISTED,
        Some(text) => {
            // Whatever is larger than a page is a page.
            let limit: i64 = text
                .parse()
                .map_err(|_| BadCall::Number("limit", "no number"))?;
            let limit = usize::try_from(limit).ok().and_then(NonZeroUsize::new);
            let limit = limit.ok_or(BadCall::Number("limit", "not positive"))?;
            limit.get().min(MAX_LISTED)
        }
    };
    let from = match parameter(query, "cursor").as_deref() {
        None | Some("") => 0,
        Some(text) => text
            .parse()
            .map_err(|_| BadCall::Number("cursor", "not one that a list ended with"))?,
    };
    Ok(Asked::List { limit, from })
}

fn block(query: &str) -> Result<Asked, BadCall> {
    const INDEX: &str = "blockIndex";
    let index = name(query, "segment")?;
    let block = parameter(query, INDEX).ok_or(BadCall::Missing(INDEX))?;
    let block: i64 = block
        .parse()
        .map_err(|_| BadCall::Number(INDEX, "no number"))?;
    let block = u64::try_from(block).map_err(|_| BadCall::Number(INDEX, "negative"))?;
    Ok(Asked::Block { index, block })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn call(method: &str, target: &str) -> Option<Result<Call, Answer>> {
        let (path, query) = target.split_once('?').unwrap_or((target, ""));
        let path = format!("/xrpc/network.bsky.jetstream.{path}");
        let request = Request {
            method,
            target: &path,
            headers: Headers::from_iter([]),
            is_kept: true,
        };
        Call::parse(&request, &path, query)
    }

    #[test]
    fn a_request_is_the_call_that_its_path_names() {
        for (target, asked) in [
            (
                "listSegments",
                Asked::List {
                    limit: 100,
                    from: 0,
                },
            ),
            (
                "listSegments?limit=2000&cursor=37",
                Asked::List {
                    limit: 1000,
                    from: 37,
                },
            ),
            (
                "getSegment?name=seg_0000000010.jss",
                Asked::Segment { index: 36 },
            ),
            (
                "getBlock?segment=seg_000000000z.jss&blockIndex=7",
                Asked::Block {
                    index: 35,
                    block: 7,
                },
            ),
        ] {
            assert_eq!(call("GET", target).unwrap().unwrap().asked, asked);
            for other in ["HEAD", "POST"] {
                assert_eq!(call(other, target).unwrap().unwrap_err().status, 405);
            }
        }
        let plan = call("POST", "planSnapshot").unwrap().unwrap();
        assert_eq!(plan.asked, Asked::Plan);
        assert_eq!(
            call("GET", "planSnapshot").unwrap().unwrap_err().status,
            405
        );
        assert!(call("GET", "getRecord").is_none());
    }

    #[test]
    fn what_cannot_be_understood_says_which_parameter() {
        for (target, words) in [
            ("listSegments?limit=0", "limit is not positive"),
            ("listSegments?limit=x", "limit is no number"),
            ("listSegments?cursor=-1", "cursor is not one"),
            ("getSegment", "name is missing"),
            ("getSegment?name=seg_1.jss", "10 digits"),
            ("getSegment?name=..%2Fseg_0000000001.jss", "10 digits"),
            ("getBlock?blockIndex=1", "segment is missing"),
            (
                "getBlock?segment=seg_0000000001.jss",
                "blockIndex is missing",
            ),
            (
                "getBlock?segment=seg_0000000001.jss&blockIndex=-1",
                "blockIndex is negative",
            ),
        ] {
            let asked = call("GET", target).unwrap().unwrap().asked;
            let Asked::Nothing(bad) = asked else {
                panic!("{target}: {asked:?}");
            };
            assert!(bad.to_string().contains(words), "{bad}");
        }
    }

    #[test]
    fn the_length_of_a_body_is_said_once_and_in_digits() {
        let length = |fields: &[(&'static str, &'static str)]| {
            let fields = fields.iter().map(|(name, value)| (*name, value.as_bytes()));
            BodyLength::of(&fields.collect())
        };
        let bytes = |n, is_announced| BodyLength::Bytes { n, is_announced };
        assert_eq!(length(&[]), bytes(0, false));
        assert_eq!(length(&[("Content-Length", "12")]), bytes(12, false));
        let announced = [("content-length", "3"), ("Expect", "100-Continue")];
        assert_eq!(length(&announced), bytes(3, true));
        for unknown in [
            &[("content-length", "+3")][..],
            &[("content-length", "3"), ("content-length", "3")],
            &[("transfer-encoding", "chunked")],
        ] {
            assert_eq!(length(unknown), BodyLength::Unknown);
        }
    }
}
