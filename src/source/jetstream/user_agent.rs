//! What servers are told of who asks.

use crate::error::ParseError;
use std::{fmt, str::FromStr, sync::Arc};

/// The longest that is sent: it is a part of every request's head.
const MAX_BYTES: usize = 1000;

/// The `User-Agent` of every request: by default `rocketman/` and its version.
///
/// A server's operator learns from it whom to ask about a client, so name your service, and where
/// you can be reached.
///
/// ```
/// use rocketman::source::jetstream::{JetstreamSettings, UserAgent};
///
/// let settings = JetstreamSettings {
///     user_agent: UserAgent::parse("likes-counter/1.2 (+https://likes.example)")?,
///     ..JetstreamSettings::default()
/// };
/// assert!(UserAgent::parse("likes\r\nHost: elsewhere").is_err());
/// # Ok::<(), rocketman::ParseError>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UserAgent(Arc<str>);

/// A user agent that cannot be sent.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum UserAgentError {
    /// Nothing but blanks.
    #[error("the user agent is empty")]
    Empty,
    /// A line end, or another character that would end the header or be acted upon.
    #[error("the user agent '{}' has a control character in it", .0.escape_debug())]
    Control(String),
    /// More than a request has room for.
    #[error("the user agent has {0} bytes, and at most {MAX_BYTES} are sent")]
    TooLong(usize),
}

crate::error::parse_error!(UserAgentError);

impl UserAgent {
    /// Reads what is to be sent, without the blanks around it.
    pub fn parse(text: &str) -> Result<Self, ParseError> {
        if text.len() > MAX_BYTES {
            return Err(UserAgentError::TooLong(text.len()).into());
        }
        if text.contains(char::is_control) {
            return Err(UserAgentError::Control(text.to_owned()).into());
        }
        match text.trim() {
            "" => Err(UserAgentError::Empty.into()),
            text => Ok(Self(text.into())),
        }
    }

    /// What is sent.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Default for UserAgent {
    fn default() -> Self {
        Self(concat!("rocketman/", env!("CARGO_PKG_VERSION")).into())
    }
}

impl FromStr for UserAgent {
    type Err = ParseError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::parse(text)
    }
}

impl fmt::Display for UserAgent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_would_break_a_head_is_refused_and_shown_escaped() {
        for bad in [
            "a\r\nHost: b",
            "a\nb",
            "a\rb",
            "\u{1b}[31m",
            "a\u{85}b",
            "a\0",
        ] {
            let error = UserAgent::parse(bad).unwrap_err();
            assert_eq!(error, UserAgentError::Control(bad.to_owned()).into());
            assert!(!error.to_string().contains(char::is_control), "{error}");
        }
        assert_eq!(UserAgent::parse("  "), Err(UserAgentError::Empty.into()));
        let long = "x".repeat(MAX_BYTES + 1);
        assert_eq!(
            UserAgent::parse(&long),
            Err(UserAgentError::TooLong(MAX_BYTES + 1).into())
        );
        let mine = UserAgent::parse(" mine/1 (+https://mine.example) ").unwrap();
        assert_eq!(mine.as_str(), "mine/1 (+https://mine.example)");
    }
}
