//! Why one request to an archive came to nothing, and whether another one may do better.

use std::time::Duration;

use hyper::HeaderMap;
use serde::Deserialize;

use crate::{
    log::printable,
    wire::dial::http::{CallError, retry_after},
};

/// The longest part of what a server says that is shown.
const MAX_SHOWN: usize = 300;

/// Why one request came to nothing.
#[derive(Debug, thiserror::Error)]
pub(super) enum FetchError {
    #[error(transparent)]
    Call(#[from] CallError),
    #[error("the connection broke")]
    Http(#[from] hyper::Error),
    #[error("nothing came for {}", humantime::format_duration(*.0))]
    Stalled(Duration),
    #[error("the connection was closed {missing} bytes before the end")]
    Cut {
        /// What did not come.
        missing: u64,
    },
    #[error("HTTP {status}{}{said}", if said.is_empty() { "" } else { ": " })]
    Status {
        /// Of the answer.
        status: u16,
        /// The name of the error, where the answer has one.
        name: Option<String>,
        /// What it says, escaped and bounded.
        said: String,
        /// How long it asks to wait.
        retry_after: Option<Duration>,
    },
    #[error("the answer has more than {0} bytes")]
    TooLarge(u64),
    #[error("it points to '{0}', which is no address")]
    Foreign(String),
    #[error("it points to {0}, over which anybody could listen in")]
    Insecure(String),
    #[error("{0}")]
    Odd(&'static str),
    #[error("what it answers cannot be read: {0}")]
    Unreadable(String),
    /// The file was rewritten since it was planned.
    #[error("the file was rewritten meanwhile")]
    Changed,
}

/// The body of an error, as all calls have it.
#[derive(Deserialize)]
struct Body {
    error: Option<String>,
    message: Option<String>,
}

impl FetchError {
    /// What an answer means that is none of those that were hoped for.
    pub(super) fn of_status(status: u16, headers: &HeaderMap, body: &[u8]) -> Self {
        let parsed = serde_json::from_slice::<Body>(body).ok();
        let text = String::from_utf8_lossy(body);
        let said = match &parsed {
            Some(Body {
                error: Some(error),
                message: Some(message),
            }) => format!("{error}: {message}"),
            Some(Body {
                error: Some(text), ..
            }) => text.clone(),
            _ => text.trim().to_owned(),
        };
        Self::Status {
            status,
            name: parsed.and_then(|body| body.error),
            said: printable(&said.chars().take(MAX_SHOWN).collect::<String>()),
            retry_after: retry_after(headers),
        }
    }

    /// How long the server asks to wait.
    pub(super) fn asked_wait(&self) -> Option<Duration> {
        match self {
            Self::Status { retry_after, .. } => *retry_after,
            _ => None,
        }
    }

    /// Whether the server says that too much was asked of it.
    pub(super) fn is_quota(&self) -> bool {
        matches!(self, Self::Status { status: 429, .. })
    }

    /// Whether the file or the block is not there, which may be for it was rewritten.
    pub(super) fn is_gone(&self) -> bool {
        matches!(self, Self::Status { name: Some(name), .. } if name.ends_with("NotFound"))
    }

    /// Whether another key may do better.
    pub(super) fn wants_key(&self) -> bool {
        let status = match self {
            Self::Status { status, .. } => *status,
            _ => 0,
        };
        matches!(status, 401 | 403)
    }

    /// Whether the answer makes no sense: it may do so once more, and not for ever.
    pub(super) fn is_odd(&self) -> bool {
        matches!(
            self,
            Self::Odd(_)
                | Self::TooLarge(_)
                | Self::Unreadable(_)
                | Self::Foreign(_)
                | Self::Call(CallError::NoPlace)
        )
    }

    /// Whether the server would say the same again.
    pub(super) fn is_final(&self) -> bool {
        match self {
            Self::Status { status, .. } => {
                matches!(status, 400..=499) && !matches!(status, 408 | 416 | 425 | 429)
            }
            Self::Call(CallError::Setup(_)) | Self::Insecure(_) => true,
            _ => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn status(status: u16, body: &[u8]) -> FetchError {
        FetchError::of_status(status, &HeaderMap::new(), body)
    }

    #[test]
    fn what_a_server_says_is_named_and_escaped() {
        let error = status(404, br#"{"error":"BlockNotFound","message":"no\u001b[1m"}"#);
        assert!(error.is_gone() && error.is_final());
        assert!(!error.to_string().contains('\u{1b}'), "{error}");
        let error = status(401, br#"{"error":"invalid bearer credential"}"#);
        assert_eq!(error.to_string(), "HTTP 401: invalid bearer credential");
        assert!(error.is_final() && !error.is_gone());
        assert!(!status(416, b"").is_final());
        assert!(status(429, b"").is_quota());
    }
}
