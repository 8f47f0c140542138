//! How servers learn who asks.

/// The longest that is sent: it is a part of every request's head.
const MAX_BYTES: usize = 1000;

/// What is sent by default.
pub(crate) const DEFAULT: &str = concat!("rocketman/", env!("CARGO_PKG_VERSION"));

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

/// What is sent of the text: all of it, but for the blanks around it.
pub(crate) fn checked(text: &str) -> Result<&str, UserAgentError> {
    if text.len() > MAX_BYTES {
        return Err(UserAgentError::TooLong(text.len()));
    }
    if text.contains(char::is_control) {
        return Err(UserAgentError::Control(text.to_owned()));
    }
    match text.trim() {
        "" => Err(UserAgentError::Empty),
        text => Ok(text),
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
            let error = checked(bad).unwrap_err();
            assert_eq!(error, UserAgentError::Control(bad.to_owned()));
            assert!(!error.to_string().contains(char::is_control), "{error}");
        }
        assert_eq!(checked("  "), Err(UserAgentError::Empty));
        let long = "x".repeat(MAX_BYTES + 1);
        assert_eq!(checked(&long), Err(UserAgentError::TooLong(MAX_BYTES + 1)));
        let mine = checked(" mine/1 (+https://mine.example) ");
        assert_eq!(mine, Ok("mine/1 (+https://mine.example)"));
    }
}
