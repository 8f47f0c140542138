//! What an answer means for the events that were sent.

use std::time::Duration;

use hyper::{HeaderMap, header::LOCATION};

use super::clickhouse::{Sort, sort};
use crate::{
    log::{chain, printable},
    wire::dial::http::{CallError, retry_after},
};

/// The longest part of what an endpoint says that is shown.
const MAX_SHOWN: usize = 300;

/// Where ClickHouse says which error it is.
const EXCEPTION_CODE: &str = "x-clickhouse-exception-code";

/// What became of one request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Verdict {
    /// The events are accepted.
    Accepted,
    /// It may pass: the same is tried again.
    Later {
        why: String,
        status: Option<u16>,
        /// How long the endpoint asks to wait.
        wait: Option<Duration>,
        /// It is about the endpoint, whatever it is sent.
        is_general: bool,
    },
    /// An event among them is refused for what it is.
    Content { why: String, status: u16 },
    /// The endpoint refuses, whatever it is sent.
    Endpoint { why: String },
}

impl Verdict {
    /// What the status of an answer means; `said` is the beginning of its body.
    pub(super) fn of_answer(status: u16, headers: &HeaderMap, said: &[u8]) -> Self {
        let why = || describe(status, headers, said);
        let code = headers.get(EXCEPTION_CODE);
        let code = code.and_then(|code| code.to_str().ok()?.parse().ok());
        if let Some(sorted) = code.map(|code| sort(code, status)) {
            let why = why();
            return match sorted {
                Sort::Content => Self::Content { why, status },
                Sort::Endpoint => Self::Endpoint { why },
                Sort::Passing => Self::Later {
                    why,
                    status: Some(status),
                    wait: retry_after(headers),
                    is_general: true,
                },
            };
        }
        match status {
            200..=299 => Self::Accepted,
            408 | 425 | 429 | 500..=599 => {
                let wait = retry_after(headers);
                Self::Later {
                    why: why(),
                    status: Some(status),
                    wait,
                    is_general: status == 429 || wait.is_some(),
                }
            }
            400 | 413 | 422 => Self::Content { why: why(), status },
            _ => Self::Endpoint { why: why() },
        }
    }

    /// What it means that there was no answer.
    pub(super) fn of_error(error: &CallError) -> Self {
        Self::Later {
            why: chain(error),
            status: None,
            wait: None,
            is_general: matches!(error, CallError::Dial(_) | CallError::Setup(_)),
        }
    }

    /// What it means that an answer did not come within its time.
    pub(super) fn of_timeout(limit: Duration) -> Self {
        Self::of_error(&CallError::Stalled(limit))
    }
}

fn describe(status: u16, headers: &HeaderMap, said: &[u8]) -> String {
    let said = String::from_utf8_lossy(said);
    let shorten = |text: &str| printable(&text.trim().chars().take(MAX_SHOWN).collect::<String>());
    let location = headers
        .get(LOCATION)
        .filter(|_| (300..400).contains(&status));
    if let Some(location) = location.and_then(|location| location.to_str().ok()) {
        let shown = crate::log::address::without_secrets(location);
        return format!("HTTP {status}: it points to {shown}, which is not followed");
    }
    match shorten(&said) {
        said if said.is_empty() => format!("HTTP {status}"),
        said => format!("HTTP {status}: {said}"),
    }
}

#[cfg(test)]
mod tests {
    use hyper::header::{HeaderValue, RETRY_AFTER};

    use super::*;

    fn verdict(status: u16) -> Verdict {
        Verdict::of_answer(status, &HeaderMap::new(), b"")
    }

    #[test]
    fn each_status_is_about_the_events_or_the_endpoint() {
        for status in [200, 201, 202, 204] {
            assert_eq!(verdict(status), Verdict::Accepted);
        }
        for status in [408, 425, 500, 502, 503, 504, 599] {
            let found = verdict(status);
            assert!(
                matches!(
                    found,
                    Verdict::Later {
                        is_general: false,
                        ..
                    }
                ),
                "{status}"
            );
        }
        assert!(matches!(
            verdict(429),
            Verdict::Later {
                is_general: true,
                ..
            }
        ));
        for status in [400, 413, 422] {
            assert!(
                matches!(verdict(status), Verdict::Content { .. }),
                "{status}"
            );
        }
        for status in [101, 301, 302, 307, 308, 401, 403, 404, 405, 410, 415, 451] {
            assert!(
                matches!(verdict(status), Verdict::Endpoint { .. }),
                "{status}"
            );
        }
    }

    #[test]
    fn a_number_of_clickhouse_says_more_than_a_status() {
        for (code, status) in [("27", 400), ("27", 500), ("60", 404), ("241", 500)] {
            let mut headers = HeaderMap::new();
            headers.insert(EXCEPTION_CODE, HeaderValue::from_static(code));
            let found = Verdict::of_answer(status, &headers, b"");
            match code {
                "27" => assert!(matches!(found, Verdict::Content { .. })),
                "60" => assert!(matches!(found, Verdict::Endpoint { .. })),
                _ => assert!(matches!(found, Verdict::Later { .. })),
            }
        }
    }

    #[test]
    fn what_an_endpoint_says_is_escaped_and_shortened() {
        let mut headers = HeaderMap::new();
        headers.insert(RETRY_AFTER, HeaderValue::from_static("2"));
        headers.insert(
            LOCATION,
            HeaderValue::from_static("https://b.example/x?s3cret"),
        );
        let said = format!("\u{1b}[1m{}", "x".repeat(999));
        let Verdict::Later {
            why,
            wait,
            is_general,
            ..
        } = Verdict::of_answer(503, &headers, said.as_bytes())
        else {
            panic!("it may pass");
        };
        assert!(
            why.starts_with("HTTP 503: \\u{1b}[1mxxx") && why.len() < 350,
            "{why}"
        );
        assert_eq!((wait, is_general), (Some(Duration::from_secs(2)), true));
        assert_eq!(
            Verdict::of_answer(302, &headers, b""),
            Verdict::Endpoint {
                why: "HTTP 302: it points to https://b.example/x?…, which is not followed"
                    .to_owned()
            }
        );
    }
}
